/* local.c: the list of this side's candidates. */
#include "ice/local.h"

#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/list.h"
#include "ice/answers.h"
#include "ice/checklist.h"
#include "ice/consent.h"
#include "ice/crowd.h"
#include "ice/events.h"
#include "ice/pair.h"

/* ---- bases ---- */

struct base *local_base(const struct ice *ice, uint32_t socket) {
	for (size_t i = 0; i < ice->base_count; i++)
		if (ice->bases[i].socket == socket)
			return &ice->bases[i];
	return NULL;
}

bool local_base_reaches(const struct sockaddr_storage *from, const struct sockaddr_storage *to) {
	return from->ss_family == to->ss_family && address_is_mapped(from) == address_is_mapped(to) &&
	       address_is_loopback(from) == address_is_loopback(to) && address_is_link_local(from) == address_is_link_local(to);
}

/* ---- candidates ---- */

/* RFC 8445, 5.1.1.3: the same foundation for the same type, base address, server and transport. Salted, so that it does not
 * disclose an address that a name hides. */
static void make_foundation(const struct ice *ice, struct own_candidate *c, const struct sockaddr_storage *base,
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

static bool is_wanted(const struct ice *ice, const struct own_candidate *c) {
	struct candidate shown;
	if (ice->config.relay_only && c->type != CANDIDATE_RELAY)
		return false;
	if (!ice->config.filter)
		return true;
	events_candidate(ice->current, &(struct local){.c = *c}, &shown);
	return ice->config.filter(ice->config.filter_ctx, &shown, true);
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

static void local_remove(struct ice *ice, struct session *s, struct local *l) {
	QUEUE_REMOVE(s->locals, s->locals_end, l, next);
	s->local_count--;
	env_free(ice->env, l->c.name);
	env_free(ice->env, l);
}

/* Room for one more candidate, if need be in place of one that no pair shows any more. */
static bool admit_local(struct ice *ice, struct session *s) {
	struct local *goes;
	if (!crowd_admit_local(s, &goes))
		return false;
	if (goes)
		local_remove(ice, s, goes);
	return true;
}

static struct local *local_append(struct ice *ice, struct session *s, const struct own_candidate *c, const struct base *base) {
	struct local *l = admit_local(ice, s) ? env_zalloc(ice->env, sizeof *l) : NULL;
	if (!l)
		return NULL;
	l->c = *c;
	l->socket = base->socket;
	l->preference = base->preference;
	l->asleep = base->asleep;
	QUEUE_APPEND(s->locals_end, l, next);
	s->local_count++;
	return l;
}

struct local *local_add(struct ice *ice, enum candidate_type type, const struct base *base, const struct sockaddr_storage *addr,
                        const struct sockaddr_storage *related, const struct sockaddr_storage *server) {
	struct session *s = ice->current;
	struct own_candidate c = {.type = type, .transport = base->transport, .addr = *addr, .port = address_port(addr)};
	if (c.transport == CANDIDATE_TCP_ACTIVE) {
		/* RFC 6544, 4.5: nobody can connect to an active candidate, so its port is announced as 9, discard's. */
		c.port = 9;
		address_set_port(&c.addr, 9);
	}
	struct local *l = local_at(s, base->socket, &c.addr);
	if (l && (l->listed || type == CANDIDATE_PRFLX)) /* RFC 8445, 5.1.3: redundant */
		return l;
	c.priority = candidate_priority(type, c.transport, base->preference);
	make_foundation(ice, &c, &base->addr, server);
	if (type == CANDIDATE_HOST)
		c.name = base->hidden;
	/* An address that a host candidate hides must not show as a related address either. */
	if (related && !base->hidden && !ice->config.relay_only)
		c.related = *related;
	if (!is_wanted(ice, &c))
		return NULL;
	if (c.name && !(c.name = env_strndup(ice->env, c.name, strlen(c.name))))
		return NULL;
	if (!l && !(l = local_append(ice, s, &c, base))) {
		env_free(ice->env, c.name);
		return NULL;
	}
	l->c = c;
	l->listed = s->unannounced = true;
	l->paired = type == CANDIDATE_HOST || type == CANDIDATE_RELAY || !has_paired(s, base->socket);
	if (l->paired)
		checklist_add_local(ice, s, l);
	return l;
}

struct local *local_seen(struct ice *ice, struct pair *p, const struct sockaddr_storage *mapped) {
	struct local *l = local_at(p->session, p->local->socket, mapped);
	if (l)
		return l;
	struct own_candidate c = p->local->c;
	struct base base = {.socket = p->local->socket, .preference = p->local->preference, .asleep = p->local->asleep};
	c.type = CANDIDATE_PRFLX;
	c.priority = candidate_priority(CANDIDATE_PRFLX, c.transport, base.preference);
	c.related = p->local->c.addr;
	c.addr = *mapped;
	c.port = address_port(mapped);
	c.name = NULL;
	return local_append(ice, p->session, &c, &base);
}

/* ---- a socket that sleeps or is gone ---- */

static void session_remove_socket(struct ice *ice, struct session *s, uint32_t socket) {
	for (size_t i = s->pair_count; i-- > 0;)
		if (s->pairs[i]->path.socket == socket)
			pair_remove(ice, s->pairs[i]);
	for (struct local *l = s->locals, *next; l; l = next) {
		next = l->next;
		if (l->socket == socket)
			local_remove(ice, s, l);
	}
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

/* ---- questions ---- */

size_t ice_local_count(const struct ice *ice) {
	size_t n = 0;
	for (const struct local *l = ice->current->locals; l; l = l->next)
		n += l->listed;
	return n;
}

bool ice_local(const struct ice *ice, size_t index, struct candidate *out) {
	for (const struct local *l = ice->current->locals; l; l = l->next)
		if (l->listed && index-- == 0) {
			events_candidate(ice->current, l, out);
			return true;
		}
	return false;
}

/* RFC 8839, 4.2.1.1 leaves the choice to us. The candidate most likely to work with any peer is the relayed one, then the
 * reflexive one. */
static int default_rank(const struct own_candidate *c) {
	static const int ranks[] = {[CANDIDATE_HOST] = 1, [CANDIDATE_SRFLX] = 2, [CANDIDATE_PRFLX] = 0, [CANDIDATE_RELAY] = 3};
	return c->transport == CANDIDATE_UDP && !c->name ? 2 * ranks[c->type] + (c->addr.ss_family == AF_INET) : 0;
}

bool ice_default_candidate(const struct ice *ice, struct candidate *out) {
	const struct local *best = NULL;
	for (const struct local *l = ice->current->locals; l; l = l->next)
		if (l->listed && default_rank(&l->c) > 1 && (!best || default_rank(&l->c) > default_rank(&best->c)))
			best = l;
	if (best)
		events_candidate(ice->current, best, out);
	return best;
}
