/* agent: how does the ICE agent live: made, driven by the four verbs, asked for events and figures, closed. */
#include "ice/agent.h"

#include <string.h>

#define LINGER (3 * SLUICE_S)        /* of the session before a restart, once the new one carries data */
#define EARLY_FAILURE (5 * SLUICE_S) /* every pair failed and no more will come: before this a check may still show a way in */
#define ICE_MESSAGE_MAX 1200         /* room that a check may need */

/* ---- life --------------------------------------------------------------------------------------------------------- */

/* Durations stay below this (a lifetime), so that "for ever" may be said by any large number and no sum of times wraps. */
#define DURATION_MAX (UINT64_C(1) << 61)

static uint64_t or_default(uint64_t value, uint64_t usual) {
	if (value > DURATION_MAX)
		return DURATION_MAX;
	return value ? value : usual;
}

static void fill_config(struct ice_config *c) {
	c->pacing = or_default(c->pacing, 50 * SLUICE_MS);
	if (c->pacing < 5 * SLUICE_MS)
		c->pacing = 5 * SLUICE_MS;
	c->burst = (uint32_t)or_default(c->burst, 5);
	c->rto = or_default(c->rto, 250 * SLUICE_MS);
	c->consent_interval = or_default(c->consent_interval, 5 * SLUICE_S);
	c->disconnected_after = or_default(c->disconnected_after, 5 * SLUICE_S);
	c->failed_after = or_default(c->failed_after, 30 * SLUICE_S);
	c->check_timeout = or_default(c->check_timeout, 30 * SLUICE_S);
	c->gather_timeout = or_default(c->gather_timeout, 9500 * SLUICE_MS);
	c->keepalive = or_default(c->keepalive, 15 * SLUICE_S);
	c->max_pairs = (uint32_t)or_default(c->max_pairs, 256);
	c->ufrag = c->pwd = NULL;
	c->servers = NULL;
	c->server_count = 0;
}

static bool copy_text(sluice_env *env, const char *text, char **out) {
	*out = text ? env_strndup_secret(env, text, strlen(text)) : NULL;
	return !text || *out;
}

static int add_server(struct ice *ice, const struct ice_server *from) {
	struct server *s = &ice->servers[ice->server_count];
	if (!from->host || !from->host[0] || (from->turn && (!from->username || !from->password)) ||
	    (!from->turn && from->transport != ICE_SERVER_UDP))
		return SLUICE_INVALID;
	ice->server_count++;
	*s = (struct server){.turn = from->turn, .transport = from->transport, .port = from->port};
	if (!s->port)
		s->port = from->transport == ICE_SERVER_TLS ? 5349 : 3478;
	bool copied = copy_text(ice->env, from->host, &s->host);
	copied &= copy_text(ice->env, from->username, &s->username);
	copied &= copy_text(ice->env, from->password, &s->password);
	return copied ? 0 : SLUICE_NO_MEMORY;
}

static int add_servers(struct ice *ice, const struct ice_config *config) {
	if (config->server_count > ICE_SERVER_MAX)
		return SLUICE_INVALID;
	if (config->server_count && !(ice->servers = env_zalloc(ice->env, config->server_count * sizeof *ice->servers)))
		return SLUICE_NO_MEMORY;
	for (size_t i = 0; i < config->server_count; i++) {
		int rc = add_server(ice, &config->servers[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int ice_new(sluice_env *env, const struct ice_config *config, struct ice **out) {
	struct ice *ice = env_zalloc(env, sizeof *ice);
	if (!ice)
		return SLUICE_NO_MEMORY;
	ice->env = env;
	ice->config = *config;
	fill_config(&ice->config);
	ice->controlling = config->controlling && !config->lite;
	env_entropy(env, &ice->tie_breaker, sizeof ice->tie_breaker);
	ice->salt = env_random32(env);
	ice->lost_since = SLUICE_NEVER;
	sped_init(&ice->sped, env);
	ice->stats.gathered_after = ice->stats.checking_after = SLUICE_NEVER;
	ice->stats.connected_after = ice->stats.nominated_after = SLUICE_NEVER;
	int rc = add_servers(ice, config);
	if (rc == 0) {
		ice->current = session_new(ice, config->ufrag, config->pwd);
		rc = ice->current ? 0 : SLUICE_NO_MEMORY;
	}
	if (rc < 0)
		ice_free(ice);
	else
		*out = ice;
	return rc;
}

void ice_free(struct ice *ice) {
	if (!ice)
		return;
	session_free(ice, ice->current);
	session_free(ice, ice->before);
	for (size_t i = 0; i < ice->server_count; i++) {
		env_free(ice->env, ice->servers[i].host);
		env_free(ice->env, ice->servers[i].username);
		env_free(ice->env, ice->servers[i].password);
	}
	for (size_t i = 0; i < ice->base_count; i++)
		env_free(ice->env, ice->bases[i].hidden);
	env_free(ice->env, ice->servers);
	env_free(ice->env, ice->bases);
	queries_free(ice);
	relays_free(ice);
	sped_free(&ice->sped);
	env_free(ice->env, ice->answers);
	env_free(ice->env, ice);
}

void ice_close(struct ice *ice) {
	event_state(ice, ICE_CLOSED);
	ice->selected = NULL;
	ice->answer_count = 0;
	relays_close(ice);
}

/* ---- states ------------------------------------------------------------------------------------------------------- */

void event_state(struct ice *ice, enum ice_state state) {
	if (ice->state == state || ice->state == ICE_CLOSED)
		return;
	ice->state = state;
	/* More changes than fit between two polls: the last ones count. */
	if (ice->event_state_count == ICE_STATES_KEPT)
		memmove(ice->event_states, ice->event_states + 1, --ice->event_state_count * sizeof *ice->event_states);
	ice->event_states[ice->event_state_count++] = state;
	ice->dirty = true;
}

void note_open(struct ice *ice, const struct pair *p) {
	ice->event_open |= p == ice->selected;
}

static void note_time(uint64_t *figure, const struct ice *ice, uint64_t now) {
	if (*figure == SLUICE_NEVER)
		*figure = now > ice->epoch ? now - ice->epoch : 0;
}

static bool all_checked(const struct session *s) {
	for (size_t i = 0; i < s->pair_count; i++) {
		int state = s->pairs[i]->state;
		if (state != ICE_PAIR_SUCCEEDED && state != ICE_PAIR_FAILED)
			return false;
	}
	return true;
}

static bool completed(const struct ice *ice) {
	const struct session *s = ice->current;
	return ice->selected->session == s && ice->selected->nominated && s->remote_done && s->gathered && all_checked(s);
}

/* No pair is left that works: everything is tried again, the failed ones too, and those whose consent expired while better ones
 * were asked in their place. */
static void start_over(struct ice *ice, uint64_t now) {
	struct session *s = ice->current;
	for (size_t i = 0; i < s->pair_count; i++) {
		struct pair *p = s->pairs[i];
		if (p->state == ICE_PAIR_SUCCEEDED)
			pair_fail(ice, p);
		if (p->state == ICE_PAIR_FAILED || p->state == ICE_PAIR_FROZEN)
			pair_state(p, ICE_PAIR_WAITING);
	}
	s->burst_left = ice->config.burst;
	ice->lost_since = now;
}

static void select_pair(struct ice *ice, struct pair *p, uint64_t now) {
	ice->selected = p;
	ice->event_route = true;
	if (!p)
		return;
	ice->stats.selected_changes++;
	ice->lost_since = SLUICE_NEVER;
	note_time(&ice->stats.connected_after, ice, now);
	ice->last_traffic = now;
	relay_permit(ice, &p->path, true);
	if (!ice->config.lite && p->tries == 0)
		consent_schedule(ice, p, now);
	if (ice->before && p->session == ice->current && ice->before->end_at == SLUICE_NEVER)
		ice->before->end_at = now + LINGER;
}

static void settle_state(struct ice *ice, uint64_t now) {
	struct pair *p = ice->selected;
	if (!p) {
		bool was = ice->state == ICE_CONNECTED || ice->state == ICE_COMPLETED || ice->state == ICE_DISCONNECTED;
		if (was && ice->lost_since == SLUICE_NEVER) {
			start_over(ice, now);
			event_state(ice, ICE_DISCONNECTED);
		}
		return;
	}
	if (p->nominated)
		note_time(&ice->stats.nominated_after, ice, now);
	if (!consent_silent(ice, p, now))
		event_state(ice, completed(ice) ? ICE_COMPLETED : ICE_CONNECTED);
}

void settle(struct ice *ice, uint64_t now) {
	for (int rounds = 0; ice->dirty && rounds < 4; rounds++) {
		ice->dirty = false;
		if (ice->state == ICE_CLOSED || ice->state == ICE_FAILED) {
			ice->current->nominate_at =
				SLUICE_NEVER; /* a time that passes in vain would never let the driver sleep */
			return;
		}
		struct pair *p = consent_choose(ice, now);
		if (p != ice->selected)
			select_pair(ice, p, now);
		nominate_settle(ice, now);
		settle_state(ice, now);
	}
}

/* ---- giving up ---- */

static bool nothing_left(const struct ice *ice) {
	const struct session *s = ice->current;
	for (size_t i = 0; i < s->pair_count; i++)
		if (s->pairs[i]->state != ICE_PAIR_FAILED)
			return false;
	return s->remote_done && s->gathered;
}

/* When checks that never brought a pair (or brought none back) are given up. */
static uint64_t failure_at(const struct ice *ice) {
	const struct session *s = ice->current;
	if (ice->selected || !s->has_remote_since || ice->state == ICE_FAILED || ice->state == ICE_CLOSED)
		return SLUICE_NEVER;
	/* Where there was a way another one may come: an address, a restart. */
	if (ice->lost_since != SLUICE_NEVER)
		return ice->lost_since + ice->config.failed_after;
	return s->remote_since + (nothing_left(ice) && !ice->config.lite ? EARLY_FAILURE : ice->config.check_timeout);
}

static void advance_failure(struct ice *ice, uint64_t now) {
	struct session *s = ice->current;
	if (s->remote_pwd && !s->has_remote_since) {
		s->has_remote_since = true;
		s->remote_since = now;
	}
	if (now >= failure_at(ice))
		event_state(ice, ICE_FAILED);
}

/* ---- the verbs ---------------------------------------------------------------------------------------------------- */

enum ice_verdict ice_input(struct ice *ice, sluice_path *path, sluice_datagram *d, uint64_t now) {
	struct stun_message m;
	now = clock_forward(&ice->latest, now);
	if (ice->relay_count && relay_input(ice, path, d, now)) {
		settle(ice, now);
		return ICE_TAKEN;
	}
	if (!stun_looks_like(d->data, d->len))
		return ICE_DATA;
	ice->stats.bytes_received += d->len;
	if (ice->state == ICE_CLOSED || stun_parse(d->data, d->len, &m) < 0 || m.method != STUN_BINDING) {
		ice->stats.discarded++;
		return ICE_TAKEN;
	}
	bool answer = m.class == STUN_SUCCESS || m.class == STUN_ERROR;
	enum ice_verdict verdict = ICE_TAKEN;
	if (!answer || !local_input(ice, path, &m, now))
		verdict = checks_input(ice, path, d, &m, now);
	settle(ice, now);
	return verdict;
}

void ice_advance(struct ice *ice, uint64_t now) {
	now = clock_forward(&ice->latest, now);
	relay_advance(ice, now);
	if (ice->state == ICE_CLOSED)
		return;
	settle(ice, now); /* a socket may be gone, and since when nothing is left has to be known before anything is given up */
	advance_failure(ice, now);
	checks_expire(ice, ice->current, now);
	if (ice->before) {
		checks_expire(ice, ice->before, now);
		if (now >= ice->before->end_at) {
			session_free(ice, ice->before);
			ice->before = NULL;
		}
	}
	local_advance(ice, now);
	consent_advance(ice, now);
	if (ice->current->nominate_at <= now)
		ice->dirty = true;
	settle(ice, now);
}

static int output_checks(struct ice *ice, struct session *s, sluice_batch *batch, uint64_t now) {
	struct pair *p;
	while (s && (p = checklist_next(ice, s, now)) != NULL) {
		note_time(&ice->stats.checking_after, ice, now);
		int n = check_send(ice, p, batch, now);
		if (n)
			return n;
	}
	return 0;
}

static int output_any(struct ice *ice, sluice_batch *batch, uint64_t now) {
	int n = 0;
	while (ice->answer_count && n == 0)
		n = answer_send(ice, batch, now);
	if (n == 0)
		n = output_checks(ice, ice->current, batch, now);
	if (n == 0)
		n = output_checks(ice, ice->before, batch, now);
	if (n == 0)
		n = local_output(ice, batch, now);
	if (n == 0 && lite_deadline(ice) <= now)
		n = lite_output(ice, batch, now);
	if (n == 0)
		n = relay_output(ice, batch, now);
	return n;
}

int ice_output(struct ice *ice, sluice_batch *batch, uint64_t now) {
	now = clock_forward(&ice->latest, now);
	batch->count = 0;
	if (ice->state == ICE_CLOSED)
		return relay_output(ice, batch, now);
	if (batch->capacity < ICE_MESSAGE_MAX + batch->headroom + batch->tailroom)
		return ice_deadline(ice) <= now ? SLUICE_NO_SPACE : 0;
	return output_any(ice, batch, now);
}

int batch_fill(struct ice *ice, sluice_batch *batch, const sluice_path *path, size_t len) {
	if (len == 0) /* the crypto library refused; whatever it was is repeated in its time */
		return 0;
	ice->stats.bytes_sent += len;
	if (relay_send(ice, path, batch_place(batch), len))
		return 0;
	batch->count = 1;
	batch->stride = batch->last = batch->headroom + len + batch->tailroom;
	batch->path = *path;
	return 1;
}

uint64_t ice_deadline(const struct ice *ice) {
	if (ice->state == ICE_CLOSED)
		return relay_deadline(ice);
	if (ice->answer_count || ice->dirty || (ice->current->remote_pwd && !ice->current->has_remote_since))
		return 0;
	uint64_t at = earlier(checklist_deadline(ice, ice->current), earlier(local_deadline(ice), relay_deadline(ice)));
	at = earlier(at, earlier(failure_at(ice), ice->current->nominate_at));
	at = earlier(at, earlier(consent_deadline(ice), lite_deadline(ice)));
	if (ice->before)
		at = earlier(at, earlier(checklist_deadline(ice, ice->before), ice->before->end_at));
	return at;
}

/* ---- events ------------------------------------------------------------------------------------------------------- */

static bool poll_candidate(struct ice *ice, struct ice_event *e) {
	for (struct local *l = ice->current->locals; l; l = l->next) {
		if (!l->told || l->announced)
			continue;
		l->announced = true;
		e->kind = ICE_EVENT_CANDIDATE;
		e->candidate = l->c;
		return true;
	}
	return false;
}

static bool take(bool *flag) {
	bool was = *flag;
	*flag = false;
	return was;
}

bool ice_poll(struct ice *ice, struct ice_event *e) {
	e->state = ice->state;
	e->gathering = ice_gathering(ice);
	if (poll_candidate(ice, e))
		return true;
	if (take(&ice->event_gathering)) {
		ice->gathering_told = e->gathering;
		e->kind = ICE_EVENT_GATHERING;
	} else if (take(&ice->event_route)) {
		e->kind = ICE_EVENT_ROUTE;
	} else if (take(&ice->event_open)) {
		e->kind = ICE_EVENT_OPEN;
	} else if (ice->event_state_count) {
		e->kind = ICE_EVENT_STATE;
		e->state = ice->event_states[0];
		memmove(ice->event_states, ice->event_states + 1, --ice->event_state_count * sizeof *ice->event_states);
	} else {
		return false;
	}
	return true;
}

bool ice_poll_request(struct ice *ice, struct ice_request *r) {
	if (relay_poll_request(ice, r))
		return true;
	return ice->state != ICE_CLOSED && (local_poll_request(ice, r) || remote_poll_request(ice, r));
}

void ice_resolved(struct ice *ice, uint32_t id, const struct sockaddr_storage *addrs, size_t count, uint64_t now) {
	clock_forward(&ice->latest, now);
	if (!local_resolved(ice, id, addrs, count))
		remote_resolved(ice, id, addrs, count);
	ice->dirty = true;
}

void ice_stream_up(struct ice *ice, uint32_t id, uint32_t socket, uint64_t now) {
	clock_forward(&ice->latest, now);
	relay_stream_up(ice, id, socket);
	ice->dirty = true;
}

void ice_stream_down(struct ice *ice, uint32_t socket, uint64_t now) {
	clock_forward(&ice->latest, now);
	relay_stream_down(ice, socket);
	ice->dirty = true;
}

/* ---- data --------------------------------------------------------------------------------------------------------- */

bool ice_route(const struct ice *ice, sluice_path *path) {
	if (!ice->selected || ice->state == ICE_FAILED || ice->state == ICE_CLOSED)
		return false;
	*path = ice->selected->path;
	return true;
}

static bool session_admits(const struct session *s, const sluice_path *path) {
	const struct pair *p = s ? pair_find(s, path) : NULL;
	if (p && (p->checked || p->state == ICE_PAIR_SUCCEEDED))
		return true;
	for (const struct early *e = s ? s->early : NULL; e; e = e->next)
		if (path_same(&e->path, path))
			return true;
	return false;
}

bool ice_admits(const struct ice *ice, const sluice_path *path) {
	if (ice->selected && path_same(&ice->selected->path, path))
		return true;
	return session_admits(ice->current, path) || session_admits(ice->before, path);
}

uint64_t ice_proofs(const struct ice *ice) {
	return ice->proofs;
}

void ice_note_traffic(struct ice *ice, uint64_t now) {
	ice->last_traffic = clock_forward(&ice->latest, now);
}

static struct pair *pair_of_path(const struct ice *ice, const sluice_path *path) {
	if (ice->selected && path_same(&ice->selected->path, path))
		return ice->selected;
	struct pair *p = pair_find(ice->current, path);
	return p || !ice->before ? p : pair_find(ice->before, path);
}

void ice_note_data(struct ice *ice, const sluice_path *path, uint64_t now) {
	struct pair *p = pair_of_path(ice, path);
	if (!p)
		return;
	p->last_data = clock_forward(&ice->latest, now);
	ice->dirty |= ice->state == ICE_DISCONNECTED;
}

/* ---- questions ---------------------------------------------------------------------------------------------------- */

const char *ice_ufrag(const struct ice *ice) {
	return ice->current->ufrag;
}

const char *ice_pwd(const struct ice *ice) {
	return ice->current->pwd;
}

enum ice_state ice_state(const struct ice *ice) {
	return ice->state;
}

void ice_set_controlling(struct ice *ice, bool controlling) {
	if (!ice->role_fixed && !ice->config.lite)
		role_switch(ice, controlling);
}

bool ice_is_controlling(const struct ice *ice) {
	return ice->controlling;
}

void ice_stats_get(const struct ice *ice, struct ice_stats *stats) {
	*stats = ice->stats;
}

size_t ice_pair_count(const struct ice *ice) {
	return ice->current->pair_count;
}

static struct candidate candidate_of(const struct remote *r) {
	struct candidate c = {
		.type = r->type, .transport = r->transport, .priority = r->priority, .component = 1, .addr = r->addr};
	c.port = r->port;
	memcpy(c.foundation, r->foundation, sizeof c.foundation);
	if (r->name)
		memcpy(c.name, r->name, strnlen(r->name, sizeof c.name - 1));
	return c;
}

static void pair_stats(const struct ice *ice, const struct pair *p, struct ice_pair_stats *s) {
	*s = (struct ice_pair_stats){
		.local = (p->shown ? p->shown : p->local)->c,
		.remote = candidate_of(p->remote),
		.nominated = p->nominated,
		.selected = p == ice->selected,
		.priority = p->priority,
		.rtt = p->rtt,
		.total_rtt = p->total_rtt,
		.requests_sent = p->requests_sent,
		.requests_received = p->requests_received,
		.responses_sent = p->responses_sent,
		.responses_received = p->responses_received,
		.consent_requests_sent = p->consent_requests_sent,
	};
	s->state = p->state;
}

void ice_pair_get(const struct ice *ice, size_t index, struct ice_pair_stats *stats) {
	pair_stats(ice, ice->current->pairs[index], stats);
}

bool ice_selected(const struct ice *ice, struct ice_pair_stats *stats) {
	if (!ice->selected)
		return false;
	pair_stats(ice, ice->selected, stats);
	return true;
}

/* ---- the invariants ----------------------------------------------------------------------------------------------- */

static bool session_check(const struct ice *ice, const struct session *s) {
	size_t locals = 0, remotes = 0, early = 0;
	for (const struct local *l = s->locals; l; l = l->next)
		locals++;
	for (const struct remote *r = s->remotes; r; r = r->next)
		remotes++;
	for (const struct early *e = s->early; e; e = e->next)
		early++;
	return locals == s->local_count && locals <= ICE_LOCAL_MAX && remotes == s->remote_count && remotes <= ICE_REMOTE_MAX &&
	       early == s->early_count && early <= ICE_EARLY_MAX && checklist_check(ice, s);
}

static bool owns(const struct session *s, const struct pair *p) {
	for (size_t i = 0; s && i < s->pair_count; i++)
		if (s->pairs[i] == p)
			return p->state == ICE_PAIR_SUCCEEDED;
	return false;
}

bool ice_check(const struct ice *ice) {
	size_t queries = 0;
	for (const struct query *q = ice->queries; q; q = q->next)
		queries++;
	return session_check(ice, ice->current) && (!ice->before || session_check(ice, ice->before)) &&
	       queries == ice->query_count && queries <= ICE_QUERY_MAX && sped_check(&ice->sped) && relays_check(ice) &&
	       ice->answer_count <= ICE_ANSWER_MAX && ice->base_count <= ICE_BASE_MAX &&
	       (!ice->selected || owns(ice->current, ice->selected) || owns(ice->before, ice->selected));
}
