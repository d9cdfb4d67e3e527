/* remote: which candidates does the other side have, told or seen, and under which password does it answer? */
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "ice/agent.h"

struct remote *remote_find(const struct session *s, enum candidate_transport transport, const struct sockaddr_storage *addr) {
	for (struct remote *r = s->remotes; r; r = r->next)
		if (r->transport == transport && address_equal(&r->addr, addr))
			return r;
	return NULL;
}

static void remote_free(struct ice *ice, struct remote *r) {
	env_free(ice->env, r->name);
	env_free(ice->env, r);
}

static void early_free_all(struct ice *ice, struct session *s) {
	while (s->early) {
		struct early *next = s->early->next;
		env_free(ice->env, s->early);
		s->early = next;
	}
	s->early_count = 0;
}

void remote_free_all(struct ice *ice, struct session *s) {
	while (s->remotes) {
		struct remote *next = s->remotes->next;
		remote_free(ice, s->remotes);
		s->remotes = next;
	}
	s->remote_count = 0;
	early_free_all(ice, s);
}

void remote_remove(struct ice *ice, struct session *s, struct remote *r) {
	struct remote **at = &s->remotes;
	for (size_t i = s->pair_count; i-- > 0;)
		if (s->pairs[i]->remote == r)
			pair_remove(ice, s->pairs[i]);
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	s->remote_count--;
	remote_free(ice, r);
}

/* There is room for it: see crowd_admit(). */
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
	struct remote **end = &s->remotes;
	while (*end)
		end = &(*end)->next;
	*end = r;
	s->remote_count++;
	return r;
}

static bool wanted(const struct ice *ice, const struct candidate *c) {
	return !ice->config.filter || ice->config.filter(ice->config.filter_ctx, c, false);
}

/* ---- told ---- */

/* RFC 8838, 11.4 is about this one: the candidate that a check showed before signalling brought it. What was told counts. */
static void upgrade(struct ice *ice, struct session *s, struct remote *r, const struct candidate *c) {
	if (r->type != CANDIDATE_PRFLX)
		return;
	r->type = c->type;
	r->priority = c->priority;
	memcpy(r->foundation, c->foundation, sizeof r->foundation);
	pairs_prioritise(ice, s);
	ice->dirty = true;
}

/* A host name of a stranger's makes us ask servers of the stranger's choice. Browsers name .local ones alone. */
static bool may_look_up(const struct ice *ice, const struct candidate *c) {
	return !c->name[0] || name_is_local(c->name) || ice->config.resolve_hosts;
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
	if (!wanted(ice, c) || !may_look_up(ice, c))
		return 0;
	struct remote *known = c->addr.ss_family ? remote_find(s, c->transport, &c->addr) : find_name(s, c);
	if (known) {
		upgrade(ice, s, known, c);
		return 0;
	}
	if (!crowd_admit(ice, s, c))
		return SLUICE_LIMIT;
	struct remote *r = remote_new(ice, s, c);
	if (!r)
		return SLUICE_NO_MEMORY;
	if (r->addr.ss_family)
		pairs_of_remote(ice, s, r);
	else if (r->transport != CANDIDATE_TCP_ACTIVE) /* it calls us, from another port than it says */
		r->resolve_id = ++ice->next_id;
	return 0;
}

void ice_remote_done(struct ice *ice) {
	ice->current->remote_done = true;
	ice->dirty = true;
}

/* ---- seen ---- */

struct remote *remote_add_reflexive(struct ice *ice, struct session *s, const struct local *l, const sluice_path *path,
                                    uint32_t priority) {
	struct candidate c = {.type = CANDIDATE_PRFLX, .priority = priority, .component = 1, .addr = path->remote};
	c.transport = transport_opposite(l->c.transport);
	struct remote *known = remote_find(s, c.transport, &c.addr);
	if (known)
		return known;
	if (!priority)
		c.priority = candidate_priority(CANDIDATE_PRFLX, c.transport, 0);
	c.port = address_port(&c.addr);
	/* RFC 8445, 7.3.1.3: "The foundation is an arbitrary value, different from the foundations of all other remote
	 * candidates." */
	snprintf(c.foundation, sizeof c.foundation, "seen%u", ++ice->next_id);
	crowd_forget_reflexive(ice, s);
	return wanted(ice, &c) && crowd_admit(ice, s, &c) ? remote_new(ice, s, &c) : NULL;
}

/* The one that came first: its sender repeats the check if it still wants an answer from us. */
static void early_forget_oldest(struct ice *ice, struct session *s) {
	struct early **at = &s->early;
	while ((*at)->next)
		at = &(*at)->next;
	env_free(ice->env, *at);
	*at = NULL;
	s->early_count--;
}

bool early_remember(struct ice *ice, struct session *s, const sluice_path *path, const struct stun_message *m, const char *ufrag,
                    size_t ufrag_len) {
	struct early *e;
	for (e = s->early; e; e = e->next)
		if (path_same(&e->path, path) && strlen(e->ufrag) == ufrag_len && memcmp(e->ufrag, ufrag, ufrag_len) == 0)
			break;
	if (!e) {
		e = env_zalloc(ice->env, sizeof *e + ufrag_len + 1);
		if (!e)
			return false;
		if (s->early_count == ICE_EARLY_MAX)
			early_forget_oldest(ice, s);
		memcpy(e->ufrag, ufrag, ufrag_len);
		e->path = *path;
		e->next = s->early;
		s->early = e;
		s->early_count++;
	}
	e->priority = m->priority;
	e->nominate |= m->use_candidate;
	return true;
}

/* Checks whose sender is known now. After a restart they may have come by the credentials before; see adopt_late(). */
static void replay_early(struct ice *ice, struct session *s, const struct session *from) {
	for (const struct early *e = from ? from->early : NULL; e; e = e->next)
		if (strcmp(e->ufrag, s->remote_ufrag) == 0)
			check_arrived(ice, s, &e->path, e->priority, e->nominate);
}

/* ---- the password ---- */

static bool is_credential(const char *text) {
	size_t len = text ? strlen(text) : 0;
	return len > 0 && len < ICE_UFRAG_MAX;
}

/* RFC 8445, 9: the other side restarts by new credentials, and then so do we. */
static int restart_with_it(struct ice *ice) {
	bool gathers = ice->current->gathering;
	int rc = ice_restart(ice);
	if (rc == 0 && gathers)
		ice_gather(ice, ice->latest);
	return rc;
}

int ice_set_remote(struct ice *ice, const char *ufrag, const char *pwd, bool lite) {
	if (!is_credential(ufrag) || !is_credential(pwd))
		return SLUICE_INVALID;
	struct session *s = ice->current;
	if (s->remote_pwd && strcmp(s->remote_ufrag, ufrag) == 0 && strcmp(s->remote_pwd, pwd) == 0)
		return 0;
	char *u = env_strndup(ice->env, ufrag, strlen(ufrag)), *p = env_strndup_secret(ice->env, pwd, strlen(pwd));
	if (!u || !p || (s->remote_pwd && restart_with_it(ice) < 0)) {
		env_free(ice->env, u);
		env_free(ice->env, p);
		return SLUICE_NO_MEMORY;
	}
	s = ice->current;
	s->remote_ufrag = u;
	s->remote_pwd = p;
	s->remote_lite = lite;
	/* RFC 8445, 6.1.1: when one agent is full and the other lite, the full one takes the controlling role. */
	if (lite && !ice->config.lite)
		role_switch(ice, true);
	replay_early(ice, s, s);
	replay_early(ice, s, ice->before);
	early_free_all(ice, s);
	if (ice->state == ICE_NEW || ice->state == ICE_FAILED || (ice->state == ICE_DISCONNECTED && !ice->selected))
		event_state(ice, ICE_CHECKING);
	if (!ice->selected)
		ice->lost_since = SLUICE_NEVER;
	ice->dirty = true;
	return 0;
}

/* ---- names ---- */

bool remote_poll_request(struct ice *ice, struct ice_request *q) {
	struct session *s = ice->current;
	for (struct remote *r = s->remotes; r && s->names_asked < ICE_NAMES_MAX; r = r->next) {
		if (r->asked || r->resolve_id == 0 || r->addr.ss_family)
			continue;
		r->asked = true;
		s->names_asked++;
		*q = (struct ice_request){
			.kind = ICE_REQUEST_RESOLVE, .id = r->resolve_id, .name = r->name, .mdns = name_is_local(r->name)};
		return true;
	}
	return false;
}

static struct remote *find_asked(const struct session *s, uint32_t id) {
	struct remote *r = s->remotes;
	while (r && r->resolve_id != id)
		r = r->next;
	return r;
}

/* One address of a name. r is the name's candidate, of which c is a copy. */
static void take_address(struct ice *ice, struct session *s, struct remote *r, const struct candidate *c) {
	struct remote *known = remote_find(s, c->transport, &c->addr);
	if (known) {
		upgrade(ice, s, known, c);
	} else if (r->addr.ss_family == 0) {
		r->addr = c->addr;
		pairs_of_remote(ice, s, r);
	} else if (crowd_admit(ice, s, c) && (known = remote_new(ice, s, c)) != NULL) {
		pairs_of_remote(ice, s, known);
	}
}

/* The first address becomes the candidate's own, others become candidates beside it. A name of which nothing is known stays
 * without pairs: RFC 8445's peer-reflexive candidates find such a browser when its checks come. */
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
		take_address(ice, s, r, &c);
	}
	return true;
}

size_t ice_remote_count(const struct ice *ice) {
	return ice->current->remote_count;
}
