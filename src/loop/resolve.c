#include "loop/resolve.h"

#if defined(__has_include) && !__has_include(<ares.h>)
#error "c-ares is missing: scripts/deps installs it (Debian: libc-ares-dev)"
#endif
#include <ares.h>
#include <netinet/in.h>
#include <string.h>

#include "base/address.h"
#include "base/guard.h"
#include "base/list.h"
#include "pool/env.h"

/* An answer is of use while candidates are gathered, 9.5 s at most: three tries at 1.5, 3 and 6 s are what fits. */
#define FIRST_TIMEOUT_MS 1500
#define TRIES 3

struct lookup {
	struct lookup *next, **back;
	struct resolver *resolver;
	struct asker asker; /* who NULL: nobody waits any more */
	uint32_t id;
	bool done;
	size_t count;
	struct sockaddr_storage addrs[RESOLVE_ADDRESSES_MAX];
};

struct watch {
	struct resolver *resolver;
	struct watch *next;
	ev_io io;
};

struct resolver {
	sluice_loop *loop;
	ares_channel channel;
	struct lookup *lookups;
	struct watch *watches;
	ev_timer timer;
	struct guard guard; /* entered while answers are delivered; nobody kills it, it rests when nobody waits */
};

/* ---- c-ares' sockets and its clock ------------------------------------------------------------------------------- */

static void deliver_answers(struct resolver *r);

static void set_timer(struct resolver *r) {
	struct timeval space, *t = ares_timeout(r->channel, NULL, &space);
	ev_timer_stop(r->loop->ev, &r->timer);
	if (!t)
		return;
	ev_timer_set(&r->timer, (double)t->tv_sec + (double)t->tv_usec / 1e6, 0.);
	ev_timer_start(r->loop->ev, &r->timer);
}

static void on_io(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	struct watch *watch = w->data;
	struct resolver *r = watch->resolver;
	ares_process_fd(r->channel, events & EV_READ ? w->fd : ARES_SOCKET_BAD, events & EV_WRITE ? w->fd : ARES_SOCKET_BAD);
	deliver_answers(r);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct resolver *r = w->data;
	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	deliver_answers(r);
}

static struct watch **find_watch(struct resolver *r, int fd) {
	struct watch **at = &r->watches;
	while (*at && (*at)->io.fd != fd)
		at = &(*at)->next;
	return at;
}

/* What c-ares wants to hear of its socket from now on; neither: it is about to close it. */
static void on_socket(void *ctx, ares_socket_t fd, int readable, int writable) {
	struct resolver *r = ctx;
	struct watch **at = find_watch(r, fd), *watch = *at;
	if (!watch && (readable || writable)) {
		watch = env_zalloc(r->loop->env, sizeof *watch);
		if (!watch)
			return; /* c-ares gets no events for it, and times out */
		watch->resolver = r;
		ev_init(&watch->io, on_io);
		watch->io.data = watch;
		watch->io.fd = fd;
		*at = watch;
	}
	if (!watch)
		return;
	ev_io_stop(r->loop->ev, &watch->io);
	if (readable || writable) {
		ev_io_set(&watch->io, fd, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
		ev_io_start(r->loop->ev, &watch->io);
		return;
	}
	*at = watch->next;
	env_free(r->loop->env, watch);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void remove_lookup(struct lookup *l) {
	LIST_REMOVE(l, next, back);
	env_free(l->resolver->loop->env, l);
}

static void destroy_resolver(struct resolver *r) {
	sluice_loop *loop = r->loop;
	ares_destroy(r->channel); /* ends every lookup, and lets go of every socket */
	while (r->lookups)
		remove_lookup(r->lookups);
	ev_timer_stop(loop->ev, &r->timer);
	loop->resolver = NULL;
	env_free(loop->env, r);
}

static bool is_awaited(const struct resolver *r) {
	for (const struct lookup *l = r->lookups; l; l = l->next)
		if (l->asker.who)
			return true;
	return false;
}

static int open_channel(struct resolver *r) {
	struct ares_options options = {
		.timeout = FIRST_TIMEOUT_MS,
		.tries = TRIES,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = r,
	};
	int status = ares_init_options(&r->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
	if (status != ARES_SUCCESS)
		return status;
	if (r->loop->dns_servers)
		status = ares_set_servers_ports_csv(r->channel, r->loop->dns_servers);
	if (status != ARES_SUCCESS)
		ares_destroy(r->channel);
	return status;
}

/* A new resolver reads resolv.conf again, which may have changed with the network. */
static struct resolver *resolver_of(sluice_loop *loop) {
	if (loop->resolver)
		return loop->resolver;
	struct resolver *r = env_zalloc(loop->env, sizeof *r);
	if (!r)
		return NULL;
	r->loop = loop;
	int status = open_channel(r);
	if (status != ARES_SUCCESS) {
		env_log(loop->env, SLUICE_LOG_ERROR, "loop: no resolver: %s", ares_strerror(status));
		env_free(loop->env, r);
		return NULL;
	}
	ev_init(&r->timer, on_timer);
	r->timer.data = r;
	loop->resolver = r;
	return r;
}

void resolve_stop(sluice_loop *loop) {
	if (loop->resolver)
		destroy_resolver(loop->resolver);
}

void resolve_set_servers(sluice_loop *loop, const char *servers) {
	loop->dns_servers = servers;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static void keep_address(struct lookup *l, const struct sockaddr *addr, size_t len) {
	bool known = addr->sa_family == AF_INET || addr->sa_family == AF_INET6;
	if (!known || l->count == RESOLVE_ADDRESSES_MAX || len > sizeof l->addrs[0])
		return;
	memcpy(&l->addrs[l->count++], addr, len);
}

static void on_answer(void *ctx, int status, int timeouts, struct ares_addrinfo *info) {
	(void)timeouts;
	struct lookup *l = ctx;
	l->done = true;
	if (status != ARES_SUCCESS && l->asker.who)
		env_log(l->resolver->loop->env, SLUICE_LOG_WARN, "loop: a name cannot be resolved: %s", ares_strerror(status));
	for (const struct ares_addrinfo_node *n = info ? info->nodes : NULL; n; n = n->ai_next)
		keep_address(l, n->ai_addr, n->ai_addrlen);
	ares_freeaddrinfo(info);
}

static struct lookup *first_done(const struct resolver *r) {
	struct lookup *l = r->lookups;
	while (l && !l->done)
		l = l->next;
	return l;
}

/* Callbacks run; what they free or ask for changes the list, so it is looked at anew for each. */
static void deliver_answers(struct resolver *r) {
	sluice_loop *loop = r->loop;
	if (guard_is_busy(&r->guard))
		return; /* the call below us on the stack goes on */
	guard_enter(&r->guard);
	for (struct lookup *l = first_done(r); l; l = first_done(r)) {
		struct lookup answer = *l;
		remove_lookup(l);
		if (answer.asker.who)
			asker_answer(&answer.asker, answer.id, answer.addrs, answer.count);
	}
	guard_leave(&r->guard);
	if (is_awaited(r))
		set_timer(r);
	else
		destroy_resolver(r);
	schedule_follow(&loop->schedule);
}

void resolve_forget(sluice_loop *loop, const void *who) {
	struct resolver *r = loop->resolver;
	if (!r)
		return;
	for (struct lookup *l = r->lookups; l; l = l->next)
		if (l->asker.who == who)
			l->asker.who = NULL;
	if (!guard_is_busy(&r->guard) && !is_awaited(r))
		destroy_resolver(r); /* a lookup that nobody waits for must not keep the ev_loop running */
}

/* ---- questions --------------------------------------------------------------------------------------------------- */

static struct lookup *add_lookup(sluice_loop *loop, struct asker asker, uint32_t id) {
	struct resolver *r = resolver_of(loop);
	struct lookup *l = r ? env_zalloc(loop->env, sizeof *l) : NULL;
	if (!l) {
		if (r && !r->lookups)
			destroy_resolver(r);
		return NULL;
	}
	*l = (struct lookup){.resolver = r, .asker = asker, .id = id};
	LIST_PUSH(r->lookups, l, next, back);
	return l;
}

void resolve_name(sluice_loop *loop, struct asker asker, uint32_t id, const char *name) {
	const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT};
	struct sockaddr_storage addr;
	if (address_parse(name, strlen(name), &addr)) {
		asker_answer(&asker, id, &addr, 1);
		return;
	}
	struct lookup *l = add_lookup(loop, asker, id);
	if (!l) {
		asker_answer(&asker, id, NULL, 0);
		return;
	}
	struct resolver *r = l->resolver;
	ares_getaddrinfo(r->channel, name, NULL, &hints, on_answer, l);
	deliver_answers(r);
}
