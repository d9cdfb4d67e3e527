/* mapping: see its header. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/server_url.h"
#include "ice/stun.h"
#include "tools/mapping.h"

/* Seconds between two tries; RFC 8489, 6.2.1 begins with 500 ms, and doubles. Here the time is short and the servers are few. */
#define AGAIN 0.5

static int family_of(const struct sockaddr_storage *addr) {
	return addr->ss_family == AF_INET6;
}

/* ---- asking --------------------------------------------------------------------------------------------------------- */

static void ask(struct mapping *m, struct mapping_question *q) {
	uint8_t bytes[64];
	struct stun_writer w;
	stun_begin(&w, bytes, sizeof bytes, STUN_REQUEST, STUN_BINDING, q->id);
	size_t len = stun_end(&w, NULL, 0, true);
	q->last_asked = sluice_now();
	sendto(m->families[family_of(&q->server)].fd, bytes, len, 0, (const struct sockaddr *)&q->server, q->server_len);
}

static void on_again(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct mapping *m = w->data;
	for (size_t i = 0; i < m->question_count; i++)
		if (!m->questions[i].answered && !m->questions[i].error[0])
			ask(m, &m->questions[i]);
}

static void note_answer(struct mapping *m, const struct stun_message *answer) {
	for (size_t i = 0; i < m->question_count; i++) {
		struct mapping_question *q = &m->questions[i];
		if (q->answered || memcmp(q->id, answer->id, sizeof q->id))
			continue;
		q->answered = true;
		/* Nobody knows which of several tries was answered. Counted from the last one, the time is not too long. */
		q->took = sluice_now() - q->last_asked;
		q->mapped = answer->mapped;
		if (answer->class != STUN_SUCCESS || !answer->mapped.ss_family)
			snprintf(q->error, sizeof q->error, "it answers with error %u", answer->error_code);
	}
}

static void on_readable(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	(void)events;
	struct mapping *m = w->data;
	uint8_t bytes[2048];
	struct stun_message answer;
	ssize_t n = recv(w->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n > 0 && stun_looks_like(bytes, (size_t)n) && stun_parse(bytes, (size_t)n, &answer) == 0 &&
	    answer.class != STUN_REQUEST && answer.class != STUN_INDICATION)
		note_answer(m, &answer);
	m->on_answer(m->ctx);
}

/* ---- setting up ----------------------------------------------------------------------------------------------------- */

/* The address from which a packet to the server leaves. Connecting a UDP socket sends nothing. */
static void find_local(struct mapping_family *f, const struct mapping_question *q) {
	struct sockaddr_storage bound;
	socklen_t len = sizeof bound;
	int fd = socket(q->server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (getsockname(f->fd, (struct sockaddr *)&bound, &len) == 0 && fd >= 0 &&
	    connect(fd, (const struct sockaddr *)&q->server, q->server_len) == 0) {
		len = sizeof f->local;
		getsockname(fd, (struct sockaddr *)&f->local, &len);
		address_set_port(&f->local, address_port(&bound));
	}
	if (fd >= 0)
		close(fd);
}

static bool open_family(struct mapping *m, struct mapping_question *q) {
	struct mapping_family *f = &m->families[family_of(&q->server)];
	const struct link_options *o = m->options;
	if (f->used)
		return f->fd >= 0;
	f->used = true;
	f->fd = socket(q->server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage local = {.ss_family = q->server.ss_family};
	if (o->bind_len && o->bind.ss_family == q->server.ss_family)
		local = o->bind;
	if (f->fd < 0 || bind(f->fd, (const struct sockaddr *)&local, address_len(&local))) {
		if (f->fd >= 0)
			close(f->fd);
		f->fd = -1;
		return false;
	}
	find_local(f, q);
	ev_io_init(&f->io, on_readable, f->fd, EV_READ);
	f->io.data = m;
	ev_io_start(m->ev, &f->io);
	return true;
}

static struct mapping_question *new_question(struct mapping *m, const char *url) {
	struct mapping_question *q = &m->questions[m->question_count];
	memset(q, 0, sizeof *q);
	q->url = url;
	m->question_count++;
	return q;
}

static void ask_server(struct mapping *m, const char *url) {
	struct server_url u;
	char port[8];
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found, *a;
	bool seen[2] = {false, false};
	if (server_url_parse(url, &u) || u.transport != SERVER_UDP)
		return; /* a server that is reached by streams alone tells nothing about UDP */
	snprintf(port, sizeof port, "%u", u.port);
	int error = getaddrinfo(u.host, port, &hints, &found);
	if (error) {
		snprintf(new_question(m, url)->error, 80, "%s", gai_strerror(error));
		return;
	}
	for (a = found; a && m->question_count < MAPPING_MAX_QUESTIONS; a = a->ai_next) { /* one address a family */
		struct sockaddr_storage server = {0};
		memcpy(&server, a->ai_addr, a->ai_addrlen);
		if (seen[family_of(&server)] || (m->options->bind_len && m->options->bind.ss_family != server.ss_family))
			continue;
		seen[family_of(&server)] = true;
		struct mapping_question *q = new_question(m, url);
		q->server = server;
		q->server_len = a->ai_addrlen;
		if (!open_family(m, q))
			snprintf(q->error, sizeof q->error, "%s", strerror(errno));
		else if (getrandom(q->id, sizeof q->id, 0) == (ssize_t)sizeof q->id)
			ask(m, q);
	}
	freeaddrinfo(found);
}

void mapping_start(struct mapping *m) {
	for (size_t i = 0; i < m->options->servers.count; i++)
		ask_server(m, m->options->servers.list[i].url);
	ev_timer_init(&m->again, on_again, AGAIN, AGAIN);
	m->again.data = m;
	if (m->question_count)
		ev_timer_start(m->ev, &m->again);
}

void mapping_stop(struct mapping *m) {
	ev_timer_stop(m->ev, &m->again);
	for (int i = 0; i < 2; i++) {
		if (!m->families[i].used || m->families[i].fd < 0)
			continue;
		ev_io_stop(m->ev, &m->families[i].io);
		close(m->families[i].fd);
	}
}

bool mapping_is_done(const struct mapping *m) {
	for (size_t i = 0; i < m->question_count; i++)
		if (!m->questions[i].answered && !m->questions[i].error[0])
			return false;
	return true;
}

/* ---- judging -------------------------------------------------------------------------------------------------------- */

/* Two names of one server would answer alike whatever the NAT does. */
static bool same_server(const struct mapping_question *a, const struct mapping_question *b) {
	return address_equal(&a->server, &b->server);
}

enum mapping_kind mapping_judge(const struct mapping *m, int family) {
	const struct mapping_question *first = NULL;
	enum mapping_kind result = MAPPING_UNKNOWN;
	for (size_t i = 0; i < m->question_count; i++) {
		const struct mapping_question *q = &m->questions[i];
		if (!q->answered || q->error[0] || family_of(&q->server) != family)
			continue;
		if (first && !address_equal(&q->mapped, &first->mapped))
			return MAPPING_DEPENDENT;
		if (!first)
			result = address_equal(&q->mapped, &m->families[family].local) ? MAPPING_NO_NAT : MAPPING_ONE_ANSWER;
		else if (result == MAPPING_ONE_ANSWER && !same_server(q, first))
			result = MAPPING_INDEPENDENT;
		first = first ? first : q;
	}
	return result;
}
