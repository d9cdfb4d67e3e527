/* probe_mapping: which address do servers see? One socket asks all of them, so that their answers can be compared (RFC 5780, 4.3,
 * with several servers in the place of one that has several addresses). */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "ice/stun.h"
#include "tools/probe.h"

/* Seconds between two tries; RFC 8489, 6.2.1 begins with 500 ms, and doubles. Here the time is short and the servers are few. */
#define AGAIN 0.5

static int family_of(const struct sockaddr_storage *addr) {
	return addr->ss_family == AF_INET6;
}

/* ---- asking --------------------------------------------------------------------------------------------------------- */

static void ask(struct probe *p, struct probe_question *q) {
	uint8_t bytes[64];
	struct stun_writer w;
	stun_begin(&w, bytes, sizeof bytes, STUN_REQUEST, STUN_BINDING, q->id);
	size_t len = stun_end(&w, NULL, 0, true);
	q->last_asked = sluice_now();
	if (!q->asked)
		q->asked = q->last_asked;
	sendto(p->families[family_of(&q->server)].fd, bytes, len, 0, (const struct sockaddr *)&q->server, q->server_len);
}

static void on_again(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct probe *p = w->data;
	for (size_t i = 0; i < p->question_count; i++)
		if (!p->questions[i].answered && !p->questions[i].error[0])
			ask(p, &p->questions[i]);
}

static void take_answer(struct probe *p, const struct stun_message *m) {
	for (size_t i = 0; i < p->question_count; i++) {
		struct probe_question *q = &p->questions[i];
		if (q->answered || memcmp(q->id, m->id, sizeof q->id))
			continue;
		q->answered = true;
		/* Which of several tries was answered is not known; the last one gives the time that is surely not too long. */
		q->took = sluice_now() - q->last_asked;
		q->mapped = m->mapped;
		if (m->class != STUN_SUCCESS || !m->mapped.ss_family)
			snprintf(q->error, sizeof q->error, "it answers with error %u", m->error_code);
	}
}

static void on_readable(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	(void)events;
	struct probe *p = w->data;
	uint8_t bytes[2048];
	struct stun_message m;
	ssize_t n = recv(w->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n > 0 && stun_looks_like(bytes, (size_t)n) && stun_parse(bytes, (size_t)n, &m) == 0 && m.class != STUN_REQUEST &&
	    m.class != STUN_INDICATION)
		take_answer(p, &m);
	probe_check_end(p);
}

/* ---- setting up ----------------------------------------------------------------------------------------------------- */

/* The address from which a packet to the server leaves. Connecting a UDP socket sends nothing. */
static void find_local(struct probe_family *f, const struct probe_question *q) {
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

static bool open_family(struct probe *p, struct probe_question *q) {
	struct probe_family *f = &p->families[family_of(&q->server)];
	const struct link_options *o = &p->options;
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
	f->io.data = p;
	ev_io_start(p->ev, &f->io);
	return true;
}

static struct probe_question *new_question(struct probe *p, const char *url) {
	struct probe_question *q = &p->questions[p->question_count];
	memset(q, 0, sizeof *q);
	q->url = url;
	p->question_count++;
	return q;
}

static void ask_server(struct probe *p, const char *url) {
	struct server_url u;
	char port[8];
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found, *a;
	bool seen[2] = {false, false};
	if (option_read_url(url, &u) || u.tcp)
		return; /* a server that is reached by streams alone tells nothing about UDP */
	snprintf(port, sizeof port, "%u", u.port);
	int error = getaddrinfo(u.host, port, &hints, &found);
	if (error) {
		snprintf(new_question(p, url)->error, 80, "%s", gai_strerror(error));
		return;
	}
	for (a = found; a && p->question_count < PROBE_MAX_QUESTIONS; a = a->ai_next) { /* one address a family */
		struct sockaddr_storage server = {0};
		memcpy(&server, a->ai_addr, a->ai_addrlen);
		if (seen[family_of(&server)] || (p->options.bind_len && p->options.bind.ss_family != server.ss_family))
			continue;
		seen[family_of(&server)] = true;
		struct probe_question *q = new_question(p, url);
		q->server = server;
		q->server_len = a->ai_addrlen;
		if (!open_family(p, q))
			snprintf(q->error, sizeof q->error, "%s", strerror(errno));
		else if (getrandom(q->id, sizeof q->id, 0) == (ssize_t)sizeof q->id)
			ask(p, q);
	}
	freeaddrinfo(found);
}

void mapping_start(struct probe *p) {
	for (size_t i = 0; i < p->options.server_count; i++)
		ask_server(p, p->options.servers[i].url);
	ev_timer_init(&p->again, on_again, AGAIN, AGAIN);
	p->again.data = p;
	if (p->question_count)
		ev_timer_start(p->ev, &p->again);
}

void mapping_stop(struct probe *p) {
	ev_timer_stop(p->ev, &p->again);
	for (int i = 0; i < 2; i++) {
		if (!p->families[i].used || p->families[i].fd < 0)
			continue;
		ev_io_stop(p->ev, &p->families[i].io);
		close(p->families[i].fd);
	}
}

bool mapping_is_done(const struct probe *p) {
	for (size_t i = 0; i < p->question_count; i++)
		if (!p->questions[i].answered && !p->questions[i].error[0])
			return false;
	return true;
}

/* ---- judging -------------------------------------------------------------------------------------------------------- */

/* Two names of one server would answer alike whatever the NAT does. */
static bool same_server(const struct probe_question *a, const struct probe_question *b) {
	return address_equal(&a->server, &b->server);
}

enum probe_mapping mapping_judge(const struct probe *p, int family) {
	const struct probe_question *first = NULL;
	enum probe_mapping result = PROBE_UNKNOWN;
	for (size_t i = 0; i < p->question_count; i++) {
		const struct probe_question *q = &p->questions[i];
		if (!q->answered || q->error[0] || family_of(&q->server) != family)
			continue;
		if (first && !address_equal(&q->mapped, &first->mapped))
			return PROBE_DEPENDENT;
		if (!first)
			result = address_equal(&q->mapped, &p->families[family].local) ? PROBE_NO_NAT : PROBE_ONE_ANSWER;
		else if (result == PROBE_ONE_ANSWER && !same_server(q, first))
			result = PROBE_INDEPENDENT;
		first = first ? first : q;
	}
	return result;
}
