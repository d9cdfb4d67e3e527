/* agent.c: the door of ice.h: life, the four verbs, and the questions that no other file answers. */
#include "ice/agent.h"

#include <string.h>

#include "base/address.h"
#include "base/arith.h"
#include "base/clock.h"
#include "base/prefetch.h"
#include "ice/answers.h"
#include "ice/checklist.h"
#include "ice/checks.h"
#include "ice/consent.h"
#include "ice/early.h"
#include "ice/emit.h"
#include "ice/events.h"
#include "ice/gather.h"
#include "ice/lite.h"
#include "ice/local.h"
#include "ice/pair.h"
#include "ice/query.h"
#include "ice/relay.h"
#include "ice/relayed.h"
#include "ice/remote.h"
#include "ice/server.h"
#include "ice/session.h"
#include "ice/settle.h"

/* ---- life --------------------------------------------------------------------------------------------------------- */

/* Longer durations become this, which is a lifetime. So any large number means "for ever", and no sum of times wraps. */
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
	int rc = server_open_all(ice, config);
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
	server_free_all(ice);
	for (size_t i = 0; i < ice->base_count; i++)
		env_free(ice->env, ice->bases[i].hidden);
	env_free(ice->env, ice->bases);
	query_free_all(ice);
	relay_free_all(ice);
	sped_free(&ice->sped);
	env_free(ice->env, ice->answers);
	env_free(ice->env, ice);
}

void ice_close(struct ice *ice) {
	events_state(ice, ICE_CLOSED);
	ice->selected = NULL;
	answers_drop(ice);
	relay_close_all(ice);
	gather_update(ice);
}

void ice_prefetch(const struct ice *ice) {
	prefetch(ice, offsetof(struct ice, config) + 2 * (size_t)PREFETCH_LINE);
	prefetch(ice->current, offsetof(struct session, remotes));
	if (ice->selected)
		prefetch(ice->selected, offsetof(struct pair, waiting));
}

/* ---- the verbs ---------------------------------------------------------------------------------------------------- */

enum ice_verdict ice_input(struct ice *ice, sluice_path *path, sluice_datagram *d, uint64_t now) {
	struct stun_message m;
	now = clock_forward(&ice->latest, now);
	if (ice->relay_count && relayed_input(ice, path, d, now)) {
		relay_update(ice);
		gather_update(ice);
		settle_all(ice, now);
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
	if (answer && query_input(ice, path, &m, now))
		gather_update(ice);
	else
		verdict = checks_input(ice, path, d, &m, now);
	settle_all(ice, now);
	return verdict;
}

void ice_advance(struct ice *ice, uint64_t now) {
	now = clock_forward(&ice->latest, now);
	if (relay_advance(ice, now))
		gather_update(ice);
	if (ice->state == ICE_CLOSED)
		return;
	/* A socket may be gone. Since when no pair is left has to be known before anything is given up. */
	settle_all(ice, now);
	settle_advance(ice, now);
	checklist_expire(ice, ice->current, now);
	if (ice->before) {
		checklist_expire(ice, ice->before, now);
		if (now >= ice->before->end_at) {
			session_free(ice, ice->before);
			ice->before = NULL;
		}
	}
	gather_advance(ice, now);
	consent_advance(ice, now);
	if (ice->current->nominate_at <= now)
		ice->dirty = true;
	settle_all(ice, now);
}

static int output_checks(struct ice *ice, struct session *s, sluice_batch *batch, uint64_t now) {
	struct pair *p;
	while (s && (p = checklist_next(ice, s, now)) != NULL) {
		settle_note_figure(&ice->stats.checking_after, ice, now);
		int n = checks_send(ice, p, batch, now);
		if (n)
			return n;
	}
	return 0;
}

static int output_any(struct ice *ice, sluice_batch *batch, uint64_t now) {
	int n = 0;
	while (ice->answer_count && n == 0)
		n = answers_output(ice, batch);
	if (n == 0)
		n = output_checks(ice, ice->current, batch, now);
	if (n == 0)
		n = output_checks(ice, ice->before, batch, now);
	if (n == 0)
		n = query_output(ice, batch, now);
	if (n == 0 && lite_deadline(ice) <= now)
		n = lite_output(ice, batch, now);
	if (n == 0)
		n = relayed_output(ice, batch, now);
	return n;
}

int ice_output(struct ice *ice, sluice_batch *batch, uint64_t now) {
	now = clock_forward(&ice->latest, now);
	batch->count = 0;
	if (ice->state == ICE_CLOSED)
		return relayed_output(ice, batch, now);
	if (batch->capacity < ICE_MESSAGE_MAX + batch->headroom + batch->tailroom)
		return ice_deadline(ice) <= now ? SLUICE_NO_SPACE : 0;
	return output_any(ice, batch, now);
}

uint64_t ice_deadline(const struct ice *ice) {
	if (ice->state == ICE_CLOSED)
		return relay_deadline(ice);
	if (ice->answer_count || ice->dirty || (ice->current->remote_pwd && !ice->current->has_remote_since))
		return 0;
	uint64_t at = min64(checklist_deadline(ice, ice->current), min64(gather_deadline(ice), relay_deadline(ice)));
	at = min64(at, min64(settle_deadline(ice), ice->current->nominate_at));
	at = min64(at, min64(consent_deadline(ice), lite_deadline(ice)));
	if (ice->before)
		at = min64(at, min64(checklist_deadline(ice, ice->before), ice->before->end_at));
	return at;
}

bool ice_poll_request(struct ice *ice, struct ice_request *r) {
	if (relay_poll_request(ice, r))
		return true;
	return ice->state != ICE_CLOSED && (server_poll_request(ice, r) || remote_poll_request(ice, r));
}

void ice_resolved(struct ice *ice, uint32_t id, const struct sockaddr_storage *addrs, size_t count, uint64_t now) {
	clock_forward(&ice->latest, now);
	if (!gather_resolved(ice, id, addrs, count))
		remote_resolved(ice, id, addrs, count);
	ice->dirty = true;
}

void ice_stream_up(struct ice *ice, uint32_t id, uint32_t socket, uint64_t now) {
	clock_forward(&ice->latest, now);
	relay_stream_up(ice, id, socket);
	gather_update(ice);
	ice->dirty = true;
}

void ice_stream_down(struct ice *ice, uint32_t socket, uint64_t now) {
	clock_forward(&ice->latest, now);
	relay_stream_down(ice, socket);
	gather_update(ice);
	ice->dirty = true;
}

/* ---- data --------------------------------------------------------------------------------------------------------- */

bool ice_route(const struct ice *ice, sluice_path *path) {
	if (!ice->selected || ice->state == ICE_FAILED || ice->state == ICE_CLOSED)
		return false;
	*path = ice->selected->path;
	return true;
}

#define LARGEST_UNKNOWN 1452 /* 1,500 less IPv6 and UDP */

#define PACKET_MAX 65535

/* What a packet of `mtu` bytes, 0 if that is not known, leaves of itself for a datagram of the base. */
static uint32_t largest_of(const struct base *b, uint32_t mtu) {
	uint32_t headers = (b->addr.ss_family == AF_INET6 && !address_is_mapped(&b->addr) ? 40 : 20) + 8;
	return mtu > headers ? mtu - headers : LARGEST_UNKNOWN;
}

/* Is it an address of this machine? What goes to one of those stays inside, and no interface bounds it. */
static bool is_own(const struct ice *ice, const struct sockaddr_storage *addr) {
	for (size_t i = 0; i < ice->base_count; i++)
		if (address_same_host(&ice->bases[i].addr, addr))
			return true;
	return false;
}

uint32_t ice_route_largest(const struct ice *ice) {
	const struct pair *p = ice->selected;
	if (!p || p->local->c.transport != CANDIDATE_UDP)
		return 0;
	bool relayed = p->local->socket & ICE_RELAY_SOCKET;
	const struct base *b = local_base(ice, relayed ? relay_base_socket(ice, p->local->socket) : p->local->socket);
	if (!b)
		return 0;
	/* A check that came before its candidate made the other side's type peer-reflexive, and there may be a relay behind it:
	 * what Chromium gets from a TURN server over TCP in datagrams of some kilobytes ends its connection to that server. */
	bool hosts = !relayed && p->remote->type == CANDIDATE_HOST && (!p->shown || p->shown->c.type == CANDIDATE_HOST) && b->mtu;
	if (hosts && is_own(ice, &p->remote->addr))
		return largest_of(b, PACKET_MAX);
	uint32_t largest = largest_of(b, b->mtu);
	return hosts || largest < LARGEST_UNKNOWN ? largest : LARGEST_UNKNOWN;
}

static bool session_admits(const struct session *s, const sluice_path *path) {
	const struct pair *p = s ? pair_find(s, path) : NULL;
	if (p && (p->checked || p->state == ICE_PAIR_SUCCEEDED))
		return true;
	return s && early_knows(s, path);
}

bool ice_admits(const struct ice *ice, const sluice_path *path) {
	if (ice->selected && pair_same_path(&ice->selected->path, path))
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
	if (ice->selected && pair_same_path(&ice->selected->path, path))
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
	events_candidate(p->session, p->shown ? p->shown : p->local, &s->local);
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

static bool owns(const struct session *s, const struct pair *p) {
	for (size_t i = 0; s && i < s->pair_count; i++)
		if (s->pairs[i] == p)
			return p->state == ICE_PAIR_SUCCEEDED;
	return false;
}

bool ice_check(const struct ice *ice) {
	return session_check(ice, ice->current) && (!ice->before || session_check(ice, ice->before)) && query_check(ice) &&
	       sped_check(&ice->sped) && relay_check(ice) && ice->answer_count <= ICE_ANSWER_MAX &&
	       (ice->answers != NULL) == (ice->answer_count > 0) && ice->base_count <= ICE_BASE_MAX &&
	       (!ice->selected || owns(ice->current, ice->selected) || owns(ice->before, ice->selected));
}
