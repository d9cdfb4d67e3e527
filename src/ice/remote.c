/* remote.c: the list of the other side's candidates. */
#include "ice/remote.h"

#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/list.h"
#include "ice/checklist.h"
#include "ice/crowd.h"
#include "ice/pair.h"

static struct remote *remote_find(const struct session *s, enum candidate_transport transport,
                                  const struct sockaddr_storage *addr) {
	for (struct remote *r = s->remotes; r; r = r->next)
		if (r->transport == transport && address_equal(&r->addr, addr))
			return r;
	return NULL;
}

static void remote_free(struct ice *ice, struct remote *r) {
	env_free(ice->env, r->name);
	env_free(ice->env, r);
}

void remote_free_all(struct ice *ice, struct session *s) {
	while (s->remotes) {
		struct remote *r = s->remotes;
		QUEUE_SHIFT(s->remotes, s->remotes_end, next);
		remote_free(ice, r);
	}
	s->remote_count = 0;
}

static void remote_remove(struct ice *ice, struct session *s, struct remote *r) {
	for (size_t i = s->pair_count; i-- > 0;)
		if (s->pairs[i]->remote == r)
			pair_remove(ice, s->pairs[i]);
	QUEUE_REMOVE(s->remotes, s->remotes_end, r, next);
	s->remote_count--;
	remote_free(ice, r);
}

/* Room for one more candidate, if need be in place of one that is worth less. */
static bool admit_remote(struct ice *ice, struct session *s, const struct candidate *c) {
	struct remote *goes;
	if (!crowd_admit_remote(ice, s, c, &goes))
		return false;
	if (goes)
		remote_remove(ice, s, goes);
	return true;
}

/* There is room for the candidate: see admit_remote(). */
static struct remote *remote_new(struct ice *ice, struct session *s, const struct candidate *c) {
	struct remote *r = env_zalloc(ice->env, sizeof *r);
	if (!r)
		return NULL;
	r->type = c->type;
	r->transport = c->transport;
	r->priority = c->priority;
	r->addr = c->addr;
	r->port = c->port;
	memcpy(r->foundation, c->foundation, sizeof r->foundation);
	if (c->name[0] && !(r->name = env_strndup(ice->env, c->name, strlen(c->name)))) {
		env_free(ice->env, r);
		return NULL;
	}
	QUEUE_APPEND(s->remotes_end, r, next);
	s->remote_count++;
	return r;
}

static bool is_wanted(const struct ice *ice, const struct candidate *c) {
	return !ice->config.filter || ice->config.filter(ice->config.filter_ctx, c, false);
}

/* ---- announced ---- */

/* RFC 8838, 11.4: a check showed this candidate before signalling brought it. The values from signalling count. */
static void upgrade(struct ice *ice, struct session *s, struct remote *r, const struct candidate *c) {
	if (r->type != CANDIDATE_PRFLX)
		return;
	r->type = c->type;
	r->priority = c->priority;
	memcpy(r->foundation, c->foundation, sizeof r->foundation);
	pair_prioritise_all(ice, s);
	ice->event_route |= ice->selected && ice->selected->remote == r; /* ice_route_largest() depends on its type */
	ice->dirty = true;
}

/* A host name in a stranger's candidate makes us ask servers of the stranger's choice. Browsers use only .local names. */
static bool may_look_up(const struct ice *ice, const struct candidate *c) {
	return !c->name[0] || candidate_name_is_local(c->name) || ice->config.resolve_hosts;
}

static struct remote *find_name(const struct session *s, const struct candidate *c) {
	for (struct remote *r = s->remotes; r; r = r->next)
		if (r->name && r->port == c->port && r->transport == c->transport && strcmp(r->name, c->name) == 0)
			return r;
	return NULL;
}

int ice_add_remote(struct ice *ice, const struct candidate *c) {
	struct session *s = ice->current;
	if (c->ufrag[0] && s->remote_ufrag && strcmp(c->ufrag, s->remote_ufrag) != 0)
		return 0;
	if (!is_wanted(ice, c) || !may_look_up(ice, c))
		return 0;
	struct remote *known = c->addr.ss_family ? remote_find(s, c->transport, &c->addr) : find_name(s, c);
	if (known) {
		upgrade(ice, s, known, c);
		return 0;
	}
	if (!admit_remote(ice, s, c))
		return SLUICE_LIMIT;
	struct remote *r = remote_new(ice, s, c);
	if (!r)
		return SLUICE_NO_MEMORY;
	/* The name of an active candidate need not be looked up: that side connects to us, from a port that it does not name. */
	if (r->addr.ss_family) {
		checklist_add_remote(ice, s, r);
	} else if (r->transport != CANDIDATE_TCP_ACTIVE) {
		r->resolve_id = ++ice->next_id;
		s->names_due = true;
	}
	return 0;
}

void ice_remote_done(struct ice *ice) {
	ice->current->remote_done = true;
	ice->dirty = true;
}

size_t ice_remote_count(const struct ice *ice) {
	return ice->current->remote_count;
}

/* ---- seen ---- */

struct remote *remote_add_reflexive(struct ice *ice, struct session *s, const struct local *l, const sluice_path *path,
                                    uint32_t priority) {
	struct candidate c = {.type = CANDIDATE_PRFLX, .priority = priority, .component = 1, .addr = path->remote};
	c.transport = candidate_opposite(l->c.transport);
	struct remote *known = remote_find(s, c.transport, &c.addr);
	if (known)
		return known;
	if (!priority)
		c.priority = candidate_priority(CANDIDATE_PRFLX, c.transport, 0);
	c.port = address_port(&c.addr);
	/* RFC 8445, 7.3.1.3: "The foundation is an arbitrary value, different from the foundations of all other remote
	 * candidates." */
	snprintf(c.foundation, sizeof c.foundation, "seen%u", ++ice->next_id);
	for (struct remote *stale; (stale = crowd_stale_reflexive(ice, s));)
		remote_remove(ice, s, stale);
	return is_wanted(ice, &c) && admit_remote(ice, s, &c) ? remote_new(ice, s, &c) : NULL;
}

/* ---- names ---- */

bool remote_poll_request(struct ice *ice, struct ice_request *q) {
	struct session *s = ice->current;
	if (!s->names_due)
		return false;
	for (struct remote *r = s->remotes; r && s->names_asked < ICE_NAMES_MAX; r = r->next) {
		if (r->asked || r->resolve_id == 0 || r->addr.ss_family)
			continue;
		r->asked = true;
		s->names_asked++;
		*q = (struct ice_request){.kind = ICE_REQUEST_RESOLVE,
		                          .id = r->resolve_id,
		                          .name = r->name,
		                          .mdns = candidate_name_is_local(r->name)};
		return true;
	}
	s->names_due = false;
	return false;
}

static struct remote *find_asked(const struct session *s, uint32_t id) {
	struct remote *r = s->remotes;
	while (r && r->resolve_id != id)
		r = r->next;
	return r;
}

/* Adds one address of a name. r is the name's candidate, c a copy of it with the address. */
static void add_address(struct ice *ice, struct session *s, struct remote *r, const struct candidate *c) {
	struct remote *known = remote_find(s, c->transport, &c->addr);
	if (known) {
		upgrade(ice, s, known, c);
	} else if (r->addr.ss_family == 0) {
		r->addr = c->addr;
		checklist_add_remote(ice, s, r);
	} else if (admit_remote(ice, s, c) && (known = remote_new(ice, s, c)) != NULL) {
		checklist_add_remote(ice, s, known);
	}
}

/* The first address becomes the candidate's own, the others become candidates beside it. A name without addresses stays without
 * pairs. Such a browser is found when its checks come, as a peer-reflexive candidate. */
bool remote_resolved(struct ice *ice, uint32_t id, const struct sockaddr_storage *addrs, size_t count) {
	struct session *s = ice->current;
	struct remote *r = find_asked(s, id);
	if (!r || r->addr.ss_family)
		return false;
	struct candidate c = {
		.type = r->type, .transport = r->transport, .priority = r->priority, .component = 1, .port = r->port};
	memcpy(c.foundation, r->foundation, sizeof c.foundation);
	/* Each address may push out another candidate, this one too. */
	for (size_t i = 0; i < count && i < ICE_RESOLVED_MAX && (r = find_asked(s, id)) != NULL; i++) {
		c.addr = addrs[i];
		address_set_port(&c.addr, r->port);
		add_address(ice, s, r, &c);
	}
	return true;
}
