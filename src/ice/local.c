/* local: which candidates does this side have? Host candidates from the driver's sockets, server-reflexive ones from STUN
 * servers, each asked from every base at once (RFC 8445, 5.1.1). */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "ice/agent.h"
#include "pool/grow.h"

#define QUERY_RTO_MAX (1600 * SLUICE_MS)

/* ---- bases ---- */

struct base *base_find(struct ice *ice, uint32_t socket) {
	for (size_t i = 0; i < ice->base_count; i++)
		if (ice->bases[i].socket == socket)
			return &ice->bases[i];
	return NULL;
}

/* ---- candidates ---- */

/* RFC 8445, 5.1.1.3: the same foundation for the same type, base address, server and transport. Salted, so that it does not tell
 * an address that a name was to hide. */
static void make_foundation(const struct ice *ice, struct candidate *c, const struct sockaddr_storage *base,
                            const struct sockaddr_storage *server) {
	char text[3 * ADDRESS_TEXT_MAX + 16] = "";
	uint32_t h = UINT32_C(2166136261) ^ ice->salt;
	int n = snprintf(text, sizeof text, "%d/%d/", c->type, c->transport);
	if (address_format(base, text + n, ADDRESS_TEXT_MAX) > 0)
		n = (int)strlen(text);
	if (server)
		address_format(server, text + n, ADDRESS_TEXT_MAX);
	for (const char *p = text; *p; p++) /* FNV-1a */
		h = (h ^ (uint8_t)*p) * UINT32_C(16777619);
	snprintf(c->foundation, sizeof c->foundation, "%u", h);
}

static bool wanted(const struct ice *ice, const struct candidate *c) {
	if (ice->config.relay_only && c->type != CANDIDATE_RELAY)
		return false;
	return !ice->config.filter || ice->config.filter(ice->config.filter_ctx, c, true);
}

static struct local *local_at(const struct session *s, uint32_t socket, const struct sockaddr_storage *addr) {
	for (struct local *l = s->locals; l; l = l->next)
		if (l->socket == socket && address_equal(&l->c.addr, addr))
			return l;
	return NULL;
}

static bool has_paired(const struct session *s, uint32_t socket) {
	for (const struct local *l = s->locals; l; l = l->next)
		if (l->socket == socket && l->paired)
			return true;
	return false;
}

static struct local *append(struct ice *ice, struct session *s, const struct candidate *c, const struct base *base) {
	struct local *l = crowd_admit_local(ice, s) ? env_zalloc(ice->env, sizeof *l) : NULL;
	if (!l)
		return NULL;
	l->c = *c;
	l->socket = base->socket;
	l->preference = base->preference;
	l->asleep = base->asleep;
	struct local **end = &s->locals;
	while (*end)
		end = &(*end)->next;
	*end = l;
	s->local_count++;
	return l;
}

struct local *local_add(struct ice *ice, enum candidate_type type, const struct base *base, const struct sockaddr_storage *addr,
                        const struct sockaddr_storage *related, const struct sockaddr_storage *server) {
	struct session *s = ice->current;
	struct candidate c = {
		.type = type, .transport = base->transport, .component = 1, .addr = *addr, .port = address_port(addr)};
	if (c.transport == CANDIDATE_TCP_ACTIVE) {
		/* RFC 6544, 4.5: nobody can connect to an active candidate, so that its port is told as 9, discard's. */
		c.port = 9;
		address_set_port(&c.addr, 9);
	}
	struct local *l = local_at(s, base->socket, &c.addr);
	if (l && (l->told || type == CANDIDATE_PRFLX)) /* RFC 8445, 5.1.3: redundant */
		return l;
	c.priority = candidate_priority(type, c.transport, base->preference);
	make_foundation(ice, &c, &base->addr, server);
	if (type == CANDIDATE_HOST && base->hidden)
		snprintf(c.name, sizeof c.name, "%s", base->hidden);
	/* What a hidden host candidate does not tell, the related address must not tell either. */
	if (related && !base->hidden && !ice->config.relay_only)
		c.related = *related;
	if (!wanted(ice, &c))
		return NULL;
	if (!l && !(l = append(ice, s, &c, base)))
		return NULL;
	snprintf(c.ufrag, sizeof c.ufrag, "%s", s->ufrag);
	l->c = c;
	l->told = true;
	l->paired = type == CANDIDATE_HOST || type == CANDIDATE_RELAY || !has_paired(s, base->socket);
	if (l->paired)
		pairs_of_local(ice, s, l);
	return l;
}

struct local *local_seen(struct ice *ice, struct pair *p, const struct sockaddr_storage *mapped) {
	struct local *l = local_at(p->session, p->local->socket, mapped);
	if (l)
		return l;
	struct candidate c = p->local->c;
	struct base base = {.socket = p->local->socket, .preference = p->local->preference, .asleep = p->local->asleep};
	c.type = CANDIDATE_PRFLX;
	c.priority = candidate_priority(CANDIDATE_PRFLX, c.transport, base.preference);
	c.related = p->local->c.addr;
	c.addr = *mapped;
	c.port = address_port(mapped);
	c.name[0] = 0;
	return append(ice, p->session, &c, &base);
}

int ice_add_local(struct ice *ice, enum candidate_transport transport, uint32_t socket, const struct sockaddr_storage *addr,
                  uint16_t preference, const char *hidden) {
	if (base_find(ice, socket))
		return SLUICE_EXISTS;
	if (ice->base_count == ICE_BASE_MAX)
		return SLUICE_LIMIT;
	if (!GROW(ice->env, ice->bases, ice->base_count, ice->base_capacity, 1))
		return SLUICE_NO_MEMORY;
	struct base *b = &ice->bases[ice->base_count];
	*b = (struct base){.socket = socket, .transport = transport, .preference = preference, .addr = *addr};
	if (hidden && !(b->hidden = env_strndup(ice->env, hidden, strlen(hidden))))
		return SLUICE_NO_MEMORY;
	ice->base_count++;
	if (ice->current->gathering) {
		local_add(ice, CANDIDATE_HOST, b, &b->addr, NULL, NULL);
		queries_make(ice);
		relays_make(ice);
		gathering_update(ice);
		ice->dirty = true;
	}
	return 0;
}

static void session_remove_socket(struct ice *ice, struct session *s, uint32_t socket) {
	for (size_t i = s->pair_count; i-- > 0;)
		if (s->pairs[i]->path.socket == socket)
			pair_remove(ice, s->pairs[i]);
	for (struct local **at = &s->locals; *at;) {
		struct local *l = *at;
		if (l->socket != socket) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		s->local_count--;
		env_free(ice->env, l);
	}
}

static void queries_remove(struct ice *ice, uint32_t socket, bool all) {
	for (struct query **at = &ice->queries; *at;) {
		struct query *q = *at;
		if (!all && q->socket != socket) {
			at = &q->next;
			continue;
		}
		*at = q->next;
		ice->query_count--;
		env_free(ice->env, q);
	}
}

void queries_free(struct ice *ice) {
	queries_remove(ice, 0, true);
}

void local_forget_socket(struct ice *ice, uint32_t socket) {
	session_remove_socket(ice, ice->current, socket);
	if (ice->before)
		session_remove_socket(ice, ice->before, socket);
	answers_forget_socket(ice, socket);
	ice->dirty = true;
}

static void set_asleep(struct ice *ice, struct session *s, uint32_t socket, bool asleep) {
	for (struct local *l = s->locals; l; l = l->next) {
		if (l->socket != socket || l->asleep == asleep)
			continue;
		l->asleep = asleep;
		consent_follow_sleep(ice, s, l);
	}
}

void local_set_asleep(struct ice *ice, uint32_t socket, bool asleep) {
	set_asleep(ice, ice->current, socket, asleep);
	if (ice->before)
		set_asleep(ice, ice->before, socket, asleep);
	ice->dirty = true;
}

void ice_set_local_running(struct ice *ice, uint32_t socket, bool running) {
	struct base *b = base_find(ice, socket);
	if (!b || b->asleep == !running)
		return;
	b->asleep = !running;
	local_set_asleep(ice, socket, !running);
	relays_set_asleep(ice, socket, !running);
}

void ice_remove_local(struct ice *ice, uint32_t socket) {
	struct base *b = base_find(ice, socket);
	if (!b)
		return;
	local_forget_socket(ice, socket);
	queries_remove(ice, socket, false);
	relays_without_base(ice, socket);
	env_free(ice->env, b->hidden);
	*b = ice->bases[--ice->base_count];
	gathering_update(ice);
}

size_t ice_local_count(const struct ice *ice) {
	size_t n = 0;
	for (const struct local *l = ice->current->locals; l; l = l->next)
		n += l->told;
	return n;
}

const struct candidate *ice_local(const struct ice *ice, size_t index) {
	for (const struct local *l = ice->current->locals; l; l = l->next)
		if (l->told && index-- == 0)
			return &l->c;
	return NULL;
}

/* RFC 8839, 4.2.1.1 leaves the choice; the candidate most likely to work with anybody is the relayed one, then the reflexive
 * one. */
static int default_rank(const struct candidate *c) {
	static const int ranks[] = {[CANDIDATE_HOST] = 1, [CANDIDATE_SRFLX] = 2, [CANDIDATE_PRFLX] = 0, [CANDIDATE_RELAY] = 3};
	return c->transport == CANDIDATE_UDP && !c->name[0] ? 2 * ranks[c->type] + (c->addr.ss_family == AF_INET) : 0;
}

const struct candidate *ice_default_candidate(const struct ice *ice) {
	const struct candidate *best = NULL;
	for (const struct local *l = ice->current->locals; l; l = l->next)
		if (l->told && default_rank(&l->c) > 1 && (!best || default_rank(&l->c) > default_rank(best)))
			best = &l->c;
	return best;
}

/* ---- STUN servers ---- */

bool base_reaches(const struct sockaddr_storage *from, const struct sockaddr_storage *to) {
	return from->ss_family == to->ss_family && address_is_mapped(from) == address_is_mapped(to) &&
	       address_is_loopback(from) == address_is_loopback(to) && address_is_link_local(from) == address_is_link_local(to);
}

static bool query_known(const struct ice *ice, uint32_t socket, const struct sockaddr_storage *to) {
	for (const struct query *q = ice->queries; q; q = q->next)
		if (q->socket == socket && address_equal(&q->to, to))
			return true;
	return false;
}

static void query_make(struct ice *ice, const struct base *b, const struct sockaddr_storage *to) {
	if (b->transport != CANDIDATE_UDP || !base_reaches(&b->addr, to) || query_known(ice, b->socket, to))
		return;
	struct query *q = ice->query_count < ICE_QUERY_MAX ? env_zalloc(ice->env, sizeof *q) : NULL;
	if (!q)
		return;
	*q = (struct query){.socket = b->socket, .to = *to, .running = true, .first_at = SLUICE_NEVER, .next = ice->queries};
	env_entropy(ice->env, q->id, sizeof q->id);
	ice->queries = q;
	ice->query_count++;
}

void queries_make(struct ice *ice) {
	for (size_t i = 0; i < ice->server_count; i++) {
		const struct server *s = &ice->servers[i];
		if (s->turn || s->state != SERVER_KNOWN || ice->config.relay_only)
			continue;
		for (size_t k = 0; k < ice->base_count; k++)
			for (size_t a = 0; a < s->addr_count; a++)
				query_make(ice, &ice->bases[k], &s->addrs[a]);
	}
}

static void server_know(struct server *s, const struct sockaddr_storage *addrs, size_t count) {
	s->addr_count = count < ICE_RESOLVED_MAX ? count : ICE_RESOLVED_MAX;
	for (size_t i = 0; i < s->addr_count; i++) {
		s->addrs[i] = addrs[i];
		address_set_port(&s->addrs[i], s->port);
	}
	s->state = count ? SERVER_KNOWN : SERVER_LOST;
}

static void server_look_up(struct ice *ice, struct server *s) {
	struct sockaddr_storage a;
	if (s->state == SERVER_KNOWN)
		return;
	s->state = SERVER_NAMED;
	s->resolve_id = ++ice->next_id;
	s->asked_at = SLUICE_NEVER;
	if (address_parse(s->host, strlen(s->host), &a))
		server_know(s, &a, 1);
}

void ice_gather(struct ice *ice, uint64_t now) {
	struct session *s = ice->current;
	if (s->gathering || ice->state == ICE_CLOSED)
		return;
	now = clock_forward(&ice->latest, now);
	s->gathering = true;
	if (!ice->gather_started) {
		ice->gather_started = true;
		ice->epoch = now;
	}
	queries_free(ice);
	for (size_t i = 0; i < ice->base_count; i++)
		local_add(ice, CANDIDATE_HOST, &ice->bases[i], &ice->bases[i].addr, NULL, NULL);
	for (size_t i = 0; i < ice->server_count; i++)
		server_look_up(ice, &ice->servers[i]);
	queries_make(ice);
	relays_gather(ice);
	gathering_update(ice);
	ice->dirty = true;
}

/* ---- how far gathering is ---- */

enum ice_gathering ice_gathering(const struct ice *ice) {
	const struct session *s = ice->current;
	if (!s->gathering)
		return ICE_GATHERING_NEW;
	return s->gathered ? ICE_GATHERING_COMPLETE : ICE_GATHERING_RUNNING;
}

static bool gathering_waits(const struct ice *ice) {
	for (size_t i = 0; i < ice->server_count; i++)
		if (ice->servers[i].state == SERVER_NAMED || ice->servers[i].state == SERVER_ASKED)
			return true;
	for (const struct query *q = ice->queries; q; q = q->next)
		if (q->running)
			return true;
	return relays_pending(ice);
}

void gathering_update(struct ice *ice) {
	struct session *s = ice->current;
	s->gathered = s->gathering && !gathering_waits(ice);
	if (s->gathered && ice->stats.gathered_after == SLUICE_NEVER)
		ice->stats.gathered_after = ice->latest > ice->epoch ? ice->latest - ice->epoch : 0;
	if (ice_gathering(ice) != ice->gathering_told) {
		ice->event_gathering = true;
		ice->dirty = true;
	}
}

/* ---- names of servers ---- */

bool name_is_local(const char *name) {
	size_t len = strlen(name);
	return len > 6 && strcasecmp(name + len - 6, ".local") == 0;
}

bool local_poll_request(struct ice *ice, struct ice_request *r) {
	for (size_t i = 0; i < ice->server_count; i++) {
		struct server *s = &ice->servers[i];
		if (s->state != SERVER_NAMED || !ice->current->gathering)
			continue;
		s->state = SERVER_ASKED;
		*r = (struct ice_request){
			.kind = ICE_REQUEST_RESOLVE, .id = s->resolve_id, .name = s->host, .mdns = name_is_local(s->host)};
		return true;
	}
	return false;
}

bool local_resolved(struct ice *ice, uint32_t id, const struct sockaddr_storage *addrs, size_t count) {
	for (size_t i = 0; i < ice->server_count; i++) {
		struct server *s = &ice->servers[i];
		if (s->state != SERVER_ASKED || s->resolve_id != id)
			continue;
		server_know(s, addrs, count);
		queries_make(ice);
		relays_make(ice);
		gathering_update(ice);
		return true;
	}
	return false;
}

/* ---- time ---- */

static void query_end(struct ice *ice, struct query *q) {
	q->running = false;
	q->next_at = SLUICE_NEVER;
	gathering_update(ice);
}

void local_advance(struct ice *ice, uint64_t now) {
	for (size_t i = 0; i < ice->server_count; i++) {
		struct server *s = &ice->servers[i];
		if (s->state != SERVER_ASKED)
			continue;
		if (s->asked_at == SLUICE_NEVER)
			s->asked_at = now;
		if (now - s->asked_at >= ice->config.gather_timeout) {
			s->state = SERVER_LOST;
			gathering_update(ice);
		}
	}
	for (struct query *q = ice->queries; q; q = q->next)
		if (q->running && q->first_at != SLUICE_NEVER && now - q->first_at >= ice->config.gather_timeout)
			query_end(ice, q);
}

uint64_t local_deadline(const struct ice *ice) {
	uint64_t at = SLUICE_NEVER;
	for (size_t i = 0; i < ice->server_count; i++) {
		const struct server *s = &ice->servers[i];
		if (s->state == SERVER_ASKED)
			at = earlier(at, s->asked_at == SLUICE_NEVER ? 0 : s->asked_at + ice->config.gather_timeout);
	}
	for (const struct query *q = ice->queries; q; q = q->next) {
		at = earlier(at, q->next_at);
		if (q->running && q->first_at != SLUICE_NEVER)
			at = earlier(at, q->first_at + ice->config.gather_timeout);
	}
	return at;
}

/* Once a pair is in use its own checks keep the NAT's binding; until then the server does. */
static bool binding_needed(const struct ice *ice) {
	return ice->state == ICE_NEW || ice->state == ICE_CHECKING;
}

int local_output(struct ice *ice, sluice_batch *batch, uint64_t now) {
	struct query *q = ice->queries;
	while (q && q->next_at > now)
		q = q->next;
	if (!q)
		return 0;
	if (!q->running && !binding_needed(ice)) {
		q->next_at = SLUICE_NEVER;
		return local_output(ice, batch, now);
	}
	struct stun_writer w;
	stun_begin(&w, batch_place(batch), ICE_MESSAGE_MAX, STUN_REQUEST, STUN_BINDING, q->id);
	if (q->running) {
		q->rto = q->tries++ ? earlier(2 * q->rto, QUERY_RTO_MAX) : ice->config.rto;
		q->next_at = now + q->rto;
	} else {
		q->next_at = now + ice->config.keepalive;
	}
	if (q->first_at == SLUICE_NEVER)
		q->first_at = now;
	sluice_path path = {.socket = q->socket, .remote = q->to, .remote_len = address_len(&q->to)};
	int n = batch_fill(ice, batch, &path, stun_end(&w, NULL, 0, true));
	return n ? n : local_output(ice, batch, now);
}

/* ---- answers ---- */

bool local_input(struct ice *ice, const sluice_path *path, const struct stun_message *m, uint64_t now) {
	struct query *q = ice->queries;
	while (q && memcmp(q->id, m->id, STUN_ID_SIZE) != 0)
		q = q->next;
	if (!q || q->socket != path->socket || !address_equal(&q->to, &path->remote))
		return false;
	struct base *b = base_find(ice, q->socket);
	if (b && m->class == STUN_SUCCESS && m->mapped.ss_family == b->addr.ss_family && ice->current->gathering)
		local_add(ice, CANDIDATE_SRFLX, b, &m->mapped, &b->addr, &q->to);
	if (q->running)
		query_end(ice, q);
	if (m->class == STUN_SUCCESS)
		q->next_at = now + ice->config.keepalive;
	env_entropy(ice->env, q->id, sizeof q->id);
	ice->dirty = true;
	return true;
}
