#include "loop/gather.h"

#include <errno.h>
#include <string.h>

#include "base/address.h"
#include "base/container.h"
#include "loop/mdns.h"
#include "loop/socket.h"
#include "loop/stream.h"
#include "pool/env.h"

#define FIRST_UNPRIVILEGED_PORT 1024

static struct gather *gather_of(const struct driver *d) {
	return d->place_data;
}

/* ---- which addresses --------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct gather *g, const struct interface_address *a) {
	if (g->bind.ss_family && !address_is_any(&g->bind) && !address_same_host(&a->addr, &g->bind))
		return false;
	return !g->config.filter || g->config.filter(a->name, (const struct sockaddr *)&a->addr, g->config.user);
}

/* Takes out of the list what the configuration leaves out. An address to bind that no interface shows (another one of 127/8, a
 * transparent one) is used as it is: bind() will accept or refuse it. */
static void choose(const struct gather *g, struct interface_list *list) {
	bool v4 = !g->config.no_ipv4, v6 = !g->config.no_ipv6;
	bool one = g->bind.ss_family && !address_is_any(&g->bind);
	if (g->bind.ss_family) {
		v4 &= g->bind.ss_family == AF_INET;
		v6 &= g->bind.ss_family == AF_INET6;
	}
	for (size_t i = list->count; i-- > 0;)
		if (!is_wanted(g, &list->at[i]))
			interface_list_drop(list, i);
	if (one && !list->count && (v4 || v6)) {
		list->at[0] = (struct interface_address){.addr = g->bind};
		address_set_port(&list->at[0].addr, 0);
		list->count = 1;
	}
	if (!one)
		interface_list_choose(list, v4, v6, g->config.loopback);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static int open_at(struct driver *d, struct sockaddr_storage *addr, sluice_socket **out) {
	sluice_socket_config config = gather_of(d)->config.socket;
	config.local = (const struct sockaddr *)addr;
	config.local_len = address_len(addr);
	return sluice_socket_open(d->loop, &config, out);
}

/* Tries each port of the range once, beginning at a random one: an observer learns little, and two peers seldom collide. */
static int open_in_range(struct driver *d, struct sockaddr_storage *addr, sluice_socket **out) {
	const sluice_gather_config *c = &gather_of(d)->config;
	uint32_t span = (uint32_t)c->port_max - c->port_min + 1, first = env_random32(d->loop->env) % span;
	for (uint32_t i = 0; i < span; i++) {
		address_set_port(addr, (uint16_t)(c->port_min + (first + i) % span));
		int error = open_at(d, addr, out);
		if (error != SLUICE_IO || errno != EADDRINUSE)
			return error;
	}
	errno = EADDRINUSE;
	return SLUICE_IO;
}

/* The port that a socket on this address had before it was closed. NULL: there was none. */
static struct sockaddr_storage *port_before(struct gather *g, const struct sockaddr_storage *host) {
	for (size_t i = 0; i < GATHER_PORTS_MAX; i++)
		if (address_same_host(&g->ports[i], host))
			return &g->ports[i];
	return NULL;
}

static void remember_port(struct gather *g, const sluice_socket *s) {
	struct sockaddr_storage bound, *before = port_before(g, &s->host);
	socklen_t len;
	if (sluice_socket_address(s, &bound, &len))
		return;
	if (!before) {
		before = &g->ports[g->next_port];
		g->next_port = (g->next_port + 1) % GATHER_PORTS_MAX;
	}
	*before = bound;
}

static int open_socket(struct driver *d, const struct sockaddr_storage *host, sluice_socket **out) {
	struct gather *g = gather_of(d);
	struct sockaddr_storage addr = *host, *before = port_before(g, host);
	if (address_port(&g->bind)) {
		address_set_port(&addr, address_port(&g->bind));
		return open_at(d, &addr, out);
	}
	if (before) {
		address_set_port(&addr, address_port(before));
		if (open_at(d, &addr, out) == 0)
			return 0;
		address_set_port(&addr, 0);
	}
	return g->config.port_max ? open_in_range(d, &addr, out) : open_at(d, &addr, out);
}

/* The preference for the address at this place of the list, or the next lower one that no socket has: an address may come later
 * and stand between two others. RFC 8445, 5.1.2.1 wants a unique preference for each address. */
static uint16_t free_preference(const struct driver *d, size_t rank) {
	uint16_t preference = (uint16_t)(UINT16_MAX - rank);
	for (const sluice_socket *s = d->sockets; s;) {
		bool taken = s->preference == preference;
		preference = (uint16_t)(preference - taken);
		s = taken ? d->sockets : s->next_owned;
	}
	return preference;
}

/* The name that hides the address. False when the app wants names and there is none: the peer then does not learn the address. */
static bool choose_name(struct driver *d, const struct sockaddr_storage *host, const char **name) {
	*name = gather_of(d)->config.mdns_names ? mdns_publish(d->loop, d, host) : NULL;
	return *name || !gather_of(d)->config.mdns_names;
}

static int announce_socket(struct driver *d, const sluice_socket *s, const char *name) {
	struct sockaddr_storage addr;
	socklen_t len;
	int error = sluice_socket_address(s, &addr, &len);
	if (error)
		return error;
	error = sluice_peer_add_local_address(d->peer, SLUICE_UDP, s->outlet.number, (struct sockaddr *)&addr, len, s->preference,
	                                      name);
	if (!error && s->mtu)
		sluice_peer_set_local_address_mtu(d->peer, s->outlet.number, s->mtu);
	return error;
}

static int announce_listener(struct driver *d, const struct listener *l, const char *name) {
	struct sockaddr_storage addr;
	enum sluice_transport transport = l->fd < 0 ? SLUICE_TCP_ACTIVE : SLUICE_TCP_PASSIVE;
	listener_address(l, &addr);
	return sluice_peer_add_local_address(d->peer, transport, l->outlet.number, (struct sockaddr *)&addr, address_len(&addr),
	                                     l->preference, name);
}

static void log_failure(const struct driver *d, const struct sockaddr_storage *host, int error) {
	char text[ADDRESS_TEXT_MAX] = "?";
	const sluice_gather_config *c = &gather_of(d)->config;
	const char *why = error == SLUICE_IO ? strerror(errno) : sluice_error_text(error);
	(void)address_format(host, text, sizeof text);
	if (error == SLUICE_IO && errno == EADDRINUSE && c->port_max)
		env_log(d->loop->env, SLUICE_LOG_WARN, "loop: every port of %s from %u to %u is in use", text, c->port_min,
		        c->port_max);
	else
		env_log(d->loop->env, SLUICE_LOG_WARN, "loop: cannot gather %s: %s", text, why);
}

/* RFC 6544, 5.1: a passive and an active candidate for each address. The listening socket has the number of the UDP port; where
 * that is taken and the app named no range, any port. An error is logged, and gathering goes on without TCP there. */
static void open_tcp(struct driver *d, const sluice_socket *s, const char *name) {
	const struct gather *g = gather_of(d);
	struct sockaddr_storage addr;
	socklen_t len;
	struct listener *l;
	int error = sluice_socket_address(s, &addr, &len);
	for (int active = 0; !error && active < 2; active++) {
		error = listener_open(&d->streams, !active, &addr, &l);
		if (error == SLUICE_IO && errno == EADDRINUSE && !g->config.port_max && !address_port(&g->bind)) {
			address_set_port(&addr, 0);
			error = listener_open(&d->streams, !active, &addr, &l);
		}
		if (error)
			break;
		l->preference = s->preference;
		error = announce_listener(d, l, name);
		if (error)
			listener_close(l);
	}
	if (error)
		log_failure(d, &s->host, error);
}

static int open_place(struct driver *d, const struct interface_address *a, size_t rank) {
	const struct sockaddr_storage *host = &a->addr;
	sluice_socket *s;
	const char *name;
	int error = open_socket(d, host, &s);
	if (error)
		return error;
	s->host = *host;
	s->mtu = a->mtu;
	s->preference = free_preference(d, rank);
	socket_own(s, d, &driver_owner, &d->sockets, &d->full);
	socket_fit(s, d->peer, 1);
	error = choose_name(d, host, &name) ? announce_socket(d, s, name) : SLUICE_IO;
	if (error) {
		mdns_withdraw(d->loop, d, host);
		socket_destroy(s);
		return error;
	}
	if (gather_of(d)->config.tcp)
		open_tcp(d, s, name);
	return 0;
}

/* ---- following --------------------------------------------------------------------------------------------------- */

static bool is_open(const struct driver *d, const struct sockaddr_storage *host) {
	for (const sluice_socket *s = d->sockets; s; s = s->next_owned)
		if (address_equal(&s->host, host))
			return true;
	return false;
}

static void close_tcp(struct driver *d, const struct sockaddr_storage *host) {
	for (struct listener *l = d->streams.listeners, *next; l; l = next) {
		next = l->next;
		if (!address_equal(&l->host, host))
			continue;
		sluice_peer_remove_local_address(d->peer, l->outlet.number);
		listener_close(l);
	}
}

static void set_asleep(struct driver *d, sluice_socket *s, bool asleep) {
	if (s->asleep == asleep)
		return;
	s->asleep = asleep;
	sluice_peer_set_local_address_running(d->peer, s->outlet.number, !asleep);
	for (const struct listener *l = d->streams.listeners; l; l = l->next)
		if (address_equal(&l->host, &s->host))
			sluice_peer_set_local_address_running(d->peer, l->outlet.number, !asleep);
}

static void close_gone(struct driver *d, const struct interface_list *list) {
	for (sluice_socket *s = d->sockets, *next; s; s = next) {
		next = s->next_owned;
		enum interface_use use = interface_list_use(list, &s->host);
		if (use != INTERFACE_GONE && !s->broken) {
			set_asleep(d, s, use == INTERFACE_ASLEEP);
			continue;
		}
		remember_port(gather_of(d), s);
		close_tcp(d, &s->host);
		mdns_withdraw(d->loop, d, &s->host);
		sluice_peer_remove_local_address(d->peer, s->outlet.number);
		socket_destroy(s);
	}
}

static bool any_asleep(const struct driver *d) {
	const sluice_socket *s = d->sockets;
	while (s && !s->asleep)
		s = s->next_owned;
	return s != NULL;
}

/* Returns 0, or the last error, with errno. */
static int open_missing(struct driver *d, const struct interface_list *list) {
	int error = 0, why = EADDRNOTAVAIL;
	for (size_t i = 0; i < list->count; i++) {
		int result = is_open(d, &list->at[i].addr) ? 0 : open_place(d, &list->at[i], i);
		if (!result)
			continue;
		error = result;
		why = errno;
		log_failure(d, &list->at[i].addr, error);
		if (error == SLUICE_WRONG_STATE || error == SLUICE_NO_MEMORY || error == SLUICE_LIMIT)
			break;
	}
	errno = why;
	return error;
}

/* Opens what is missing and closes what is gone. The driver is not entered. */
static void on_interfaces(struct interface_follower *f, const struct interface_list *all) {
	struct driver *d = CONTAINER_OF(f, struct gather, follower)->driver;
	struct interface_list list = *all;
	choose(gather_of(d), &list);
	close_gone(d, &list);
	if (any_asleep(d))
		interface_list_drop_stopgaps(&list, gather_of(d)->config.loopback);
	(void)open_missing(d, &list); /* each failure was logged; the next change tries again */
	driver_mark_dirty(d);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static int read_config(struct gather *g, const sluice_gather_config *given) {
	sluice_gather_config *c = &g->config;
	if (given) {
		if (given->size == 0 || given->size > sizeof *c)
			return SLUICE_INVALID;
		memcpy(c, given, given->size);
	}
	if (c->bind) {
		if (c->bind_len > sizeof g->bind)
			return SLUICE_INVALID;
		memcpy(&g->bind, c->bind, c->bind_len);
		if (!address_len(&g->bind) || c->bind_len < address_len(&g->bind))
			return SLUICE_INVALID;
	}
	if (c->port_min && !c->port_max)
		c->port_max = UINT16_MAX;
	if (c->port_max && !c->port_min)
		c->port_min = c->port_max < FIRST_UNPRIVILEGED_PORT ? 1 : FIRST_UNPRIVILEGED_PORT;
	return c->port_min > c->port_max ? SLUICE_INVALID : 0;
}

static void forget(struct driver *d) {
	struct gather *g = gather_of(d);
	interface_unfollow(d->loop, &g->follower);
	stream_trust_deinit(&g->trust, d->loop->env);
	env_free(d->loop->env, g);
}

static const struct place_ops gathered = {.forget = forget};

static int begin(struct driver *d, struct gather *g, const sluice_gather_config *config) {
	struct interface_list list;
	g->driver = d;
	d->place = &gathered;
	d->place_data = g;
	g->follower.changed = on_interfaces;
	int error = read_config(g, config);
	if (!error)
		error = stream_trust_init(&g->trust, d->loop->env, g->config.tls_ca_file, g->config.tls_no_verify);
	if (error)
		return error;
	d->no_mdns = g->config.no_mdns;
	d->streams.trust = &g->trust;
	interface_list_get(d->loop->env, &list);
	choose(gather_of(d), &list);
	error = open_missing(d, &list);
	if (error == SLUICE_WRONG_STATE)
		return SLUICE_INVALID; /* a direct peer has no use for candidates */
	if (error == SLUICE_NO_MEMORY)
		return error;
	return d->sockets ? 0 : SLUICE_IO;
}

static void take_back(struct driver *d) {
	for (const sluice_socket *s = d->sockets; s; s = s->next_owned)
		sluice_peer_remove_local_address(d->peer, s->outlet.number);
	for (const struct listener *l = d->streams.listeners; l; l = l->next)
		sluice_peer_remove_local_address(d->peer, l->outlet.number);
	driver_detach(d);
}

int sluice_loop_gather(sluice_loop *loop, sluice_peer *peer, const sluice_gather_config *config) {
	struct driver *d;
	int error = driver_new(loop, peer, &d);
	if (error)
		return error;
	d->negotiates = true;
	struct gather *g = env_zalloc(loop->env, sizeof *g);
	error = g ? begin(d, g, config) : SLUICE_NO_MEMORY;
	if (error) {
		int why = errno;
		take_back(d);
		errno = why;
		return error;
	}
	interface_follow(loop, &g->follower);
	driver_mark_dirty(d);
	return 0;
}
