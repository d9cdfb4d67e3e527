/* checks.c: requests out and in, answers in. */
#include "ice/checks.h"

#include <string.h>

#include "base/arith.h"
#include "ice/answers.h"
#include "ice/checklist.h"
#include "ice/consent.h"
#include "ice/early.h"
#include "ice/embed.h"
#include "ice/emit.h"
#include "ice/events.h"
#include "ice/lite.h"
#include "ice/local.h"
#include "ice/nominate.h"
#include "ice/pair.h"
#include "ice/remote.h"
#include "ice/role.h"

#define RTO_MIN (50 * SLUICE_MS)
#define RTO_MAX (1600 * SLUICE_MS)
#define LAST_WAIT (5 * SLUICE_S) /* for the answer to a check that is not repeated */

/* ---- requests out ------------------------------------------------------------------------------------------------- */

static bool check_nominates(const struct ice *ice, const struct pair *p) {
	/* A lite agent never checks, so waiting to learn which pair works gains nothing. RFC 8445, 8.1.1 leaves the criteria to
	 * us. */
	return ice->controlling && (p->nominating || p->nominated || p->session->remote_lite);
}

static size_t compose_check(struct ice *ice, struct pair *p, const struct sent_check *c, uint8_t *space) {
	const struct session *s = p->session;
	struct stun_writer w;
	char username[2 * ICE_UFRAG_MAX];
	size_t theirs = strlen(s->remote_ufrag), ours = strlen(s->ufrag);
	memcpy(username, s->remote_ufrag, theirs);
	username[theirs] = ':';
	memcpy(username + theirs + 1, s->ufrag, ours);
	stun_begin(&w, space, ICE_MESSAGE_MAX, STUN_REQUEST, STUN_BINDING, c->id);
	/* RFC 8445, 7.2.2: the username is that of the peer, a colon, and ours; the password is the peer's. */
	stun_put(&w, STUN_ATTR_USERNAME, username, theirs + 1 + ours);
	/* RFC 8445, 7.1.1: the priority that a peer-reflexive candidate learnt from this check would have. */
	stun_put32(&w, STUN_ATTR_PRIORITY, candidate_priority(CANDIDATE_PRFLX, p->local->c.transport, p->local->preference));
	stun_put64(&w, c->controlling ? STUN_ATTR_ICE_CONTROLLING : STUN_ATTR_ICE_CONTROLLED, ice->tie_breaker);
	if (c->nominating)
		stun_put(&w, STUN_ATTR_USE_CANDIDATE, NULL, 0);
	embed_compose(ice, &w, STUN_REQUEST, c->id);
	return stun_end(&w, s->remote_pwd, strlen(s->remote_pwd), true);
}

/* Twice the round trip to this address where it is known, else the configured value; doubled with each try. */
static uint64_t next_rto(const struct ice *ice, const struct pair *p) {
	if (p->tries > 1)
		return p->rto * 2 < RTO_MAX ? p->rto * 2 : RTO_MAX;
	if (!p->rtt)
		return ice->config.rto;
	return p->rtt * 2 > RTO_MIN ? min64(p->rtt * 2, RTO_MAX) : RTO_MIN;
}

/* Anybody who can send us a description can name addresses of others, and make our checks go there (RFC 8445, 19.5.1). So each
 * pair is checked once, paced, and repetitions to addresses that never answered share a budget of the session: REPEATS_AT_ONCE,
 * and one more each REPEAT_EVERY. Ten pairs never need more than that. A quarter of the budget is reserved for pairs that were
 * checked only once. A check that would have to wait longer than REPEAT_DELAY_MAX is not repeated. Returns when the next check
 * may go; SLUICE_NEVER: none. */
#define REPEATS_AT_ONCE 64
#define REPEAT_EVERY (250 * SLUICE_MS)
#define REPEAT_DELAY_MAX (5 * SLUICE_S)

static uint64_t repeat_at(const struct pair *p, uint64_t now) {
	struct session *s = p->session;
	if (p->responses_received)
		return now + p->rto;
	uint64_t debt = s->repeats_paid_at > now ? s->repeats_paid_at - now : 0;
	uint64_t allowed = (p->tries > 1 ? REPEATS_AT_ONCE * 3 / 4 : REPEATS_AT_ONCE) * REPEAT_EVERY;
	uint64_t wait = debt > allowed ? debt - allowed : 0;
	if (wait > REPEAT_DELAY_MAX)
		return SLUICE_NEVER;
	s->repeats_paid_at = now + debt + REPEAT_EVERY;
	return now + (wait > p->rto ? wait : p->rto);
}

static uint64_t next_check_at(struct pair *p, uint64_t now) {
	if (p->tries >= CHECKLIST_TRIES)
		return now + p->rto;
	uint64_t at = repeat_at(p, now);
	if (at != SLUICE_NEVER)
		return at;
	p->tries = CHECKLIST_TRIES;
	return now + LAST_WAIT;
}

static void check_sent(struct ice *ice, struct pair *p, uint64_t now) {
	p->requests_sent++;
	p->tries += p->tries < UINT8_MAX;
	p->rto = next_rto(ice, p);
	if (p->state == ICE_PAIR_SUCCEEDED) {
		consent_schedule(ice, p, now);
		return;
	}
	pair_state(p, ICE_PAIR_IN_PROGRESS);
	heap_set(&p->session->timers, &p->timer, next_check_at(p, now));
}

int checks_send(struct ice *ice, struct pair *p, sluice_batch *batch, uint64_t now) {
	struct sent_check *c = &p->sent[p->sent_next];
	*c = (struct sent_check){
		.at = now, .controlling = ice->controlling, .nominating = check_nominates(ice, p), .asks_back = p->asks_back};
	p->asks_back = false;
	env_nonce(ice->env, c->id, sizeof c->id);
	p->sent_next = (uint8_t)((p->sent_next + 1) % CHECKS_KEPT);
	size_t len = compose_check(ice, p, c, emit_place(batch));
	ice->role_fixed = true;
	if (p->state == ICE_PAIR_SUCCEEDED)
		p->consent_requests_sent++;
	check_sent(ice, p, now);
	embed_follow(ice, p);
	return emit_message(ice, batch, &p->path, len);
}

/* ---- requests in -------------------------------------------------------------------------------------------------- */

struct request {
	const sluice_path *path;
	const struct stun_message *m;
	struct session *session;
	const char *sender; /* the ufrag of the other side */
	size_t sender_len;
};

/* Whose session does "ours:theirs" name? */
static bool find_session(struct ice *ice, struct request *r) {
	const uint8_t *colon = r->m->username.len ? memchr(r->m->username.data, ':', r->m->username.len) : NULL;
	if (!colon)
		return false;
	size_t ours = (size_t)(colon - r->m->username.data);
	struct session *sessions[] = {ice->current, ice->before};
	for (size_t i = 0; i < 2; i++) {
		struct session *s = sessions[i];
		if (s && strlen(s->ufrag) == ours && memcmp(s->ufrag, r->m->username.data, ours) == 0) {
			r->session = s;
			r->sender = (const char *)colon + 1;
			r->sender_len = r->m->username.len - ours - 1;
			return r->sender_len > 0 && r->sender_len < ICE_UFRAG_MAX;
		}
	}
	return false;
}

static struct local *local_of(const struct session *s, uint32_t socket) {
	for (struct local *l = s->locals; l; l = l->next)
		if (l->socket == socket && l->paired)
			return l;
	return NULL;
}

static bool from_known_sender(const struct session *s, const char *ufrag, size_t len) {
	return s->remote_pwd && strlen(s->remote_ufrag) == len && memcmp(s->remote_ufrag, ufrag, len) == 0;
}

/* RFC 8445, 7.3.1.4: a pair in any state except Succeeded gets a triggered check. That includes In-Progress: a NAT that this
 * request has just opened may have dropped the check before. For a valid pair that was silent the request is a sign of life, so
 * it is checked too.
 *
 * While such a check is out, further requests cause none: timers repeat it. Requests may lie in a queue on the way and arrive
 * together, for example behind an address that ARP resolves late. If each of them caused a check, as many would always be under
 * way. With more than CHECKS_KEPT of them no answer would find its check, and both sides would go on as fast as they can. */
static void ask_back(struct ice *ice, struct pair *p) {
	if (p->state == ICE_PAIR_SUCCEEDED && p->unanswered_since == SLUICE_NEVER)
		return;
	for (size_t i = 0; i < CHECKS_KEPT; i++)
		if (p->sent[i].asks_back && p->sent[i].at && ice->latest - p->sent[i].at < RTO_MAX)
			return;
	p->asks_back = true;
	pair_trigger(ice, p);
}

struct pair *checks_arrived(struct ice *ice, struct session *s, const sluice_path *path, uint32_t priority, bool nominate) {
	struct pair *p = pair_find(s, path);
	if (!p) {
		struct local *l = local_of(s, path->socket);
		struct remote *r = l ? remote_add_reflexive(ice, s, l, path, priority) : NULL;
		p = r ? checklist_add(ice, s, l, r, path) : NULL;
	}
	if (!p)
		return NULL;
	if (!p->checked)
		events_open(ice, p);
	p->checked = true;
	/* The other side may check here because its end of the pair in use is gone, and no message says so. So the pair in use is
	 * asked now whether it still answers, not when its consent is due. A nomination does not settle this: of several
	 * nominated pairs the one of the highest priority is used (RFC 8445, 8.1.1), since an old agent nominates every pair that
	 * it checks. */
	if (p != ice->selected)
		consent_doubt(ice);
	ask_back(ice, p);
	if (nominate && !ice->controlling)
		nominate_received(ice, p);
	ice->dirty = true;
	return p;
}

/* A browser that restarts sends checks from its new sockets while our answer is still under way. It has only our credentials from
 * before, and uses them. Chromium goes on using them on a pair that it made in this way. The sender's ufrag shows that the pair
 * belongs to the new generation. Our own checks have to go there, or data over that pair would never be admitted. Such checks are
 * answered for as long as they come. */
static void adopt_late(struct ice *ice, struct request *r, uint64_t now) {
	if (r->session != ice->before || !from_known_sender(ice->current, r->sender, r->sender_len))
		return;
	r->session = ice->current;
	if (ice->before->end_at != SLUICE_NEVER)
		ice->before->end_at = now + ice->config.failed_after;
}

/* A check whose sender is known, or one that a lite agent answers. False: no room, or not wanted. */
static bool accept_request(struct ice *ice, const struct request *r, uint64_t now) {
	bool lite = ice->config.lite;
	struct pair *p = checks_arrived(ice, r->session, r->path, r->m->priority, r->m->use_candidate && !lite);
	if (!p)
		return false;
	p->last_request = now;
	p->requests_received++;
	if (lite)
		lite_checked(ice, p, r->m->use_candidate, now);
	return true;
}

/* False: nothing can come of the check, so it is not answered. The other side would take a success for a pair that works, and RFC
 * 8445, 7.3.1.4 has each check that is answered make a pair. */
static bool request_accepted(struct ice *ice, struct request *r, uint64_t now) {
	bool taken;
	adopt_late(ice, r, now);
	if (ice->config.lite || from_known_sender(r->session, r->sender, r->sender_len))
		taken = accept_request(ice, r, now);
	else
		taken = early_remember(ice, r->session, r->path, r->m, r->sender, r->sender_len);
	ice->proofs += taken;
	return taken;
}

static bool request_in(struct ice *ice, const sluice_path *path, const struct stun_message *m, uint64_t now) {
	struct request r = {.path = path, .m = m};
	if (!find_session(ice, &r) || !stun_verify(m, r.session->pwd, strlen(r.session->pwd)))
		return false;
	if (ice->config.relay_only && !(path->socket & ICE_RELAY_SOCKET))
		return false;
	/* A generation that has failed stays failed, and an answer would make the other side believe in the path. */
	if (ice->state == ICE_FAILED && from_known_sender(r.session, r.sender, r.sender_len))
		return false;
	struct answer a = {.path = *path, .session = r.session};
	memcpy(a.id, m->id, STUN_ID_SIZE);
	if (m->unknown_count) {
		a.error = 420;
		a.unknown_count = (uint8_t)m->unknown_count;
		memcpy(a.unknown, m->unknown, sizeof a.unknown);
	} else if (ice_role_conflicts(ice, m)) {
		a.error = 487;
	}
	if (!a.error && !request_accepted(ice, &r, now))
		return false;
	answers_add(ice, &a);
	return true;
}

/* ---- answers in --------------------------------------------------------------------------------------------------- */

/* The youngest first: it is the one that is answered. */
static struct pair *find_check(struct session *s, const uint8_t *id, struct sent_check **check) {
	for (size_t i = 0; s && i < s->pair_count; i++) {
		struct pair *p = s->pairs[i];
		for (size_t age = 1; age <= CHECKS_KEPT; age++) {
			struct sent_check *c = &p->sent[(p->sent_next + CHECKS_KEPT - age) % CHECKS_KEPT];
			if (c->at && memcmp(c->id, id, STUN_ID_SIZE) == 0) {
				*check = c;
				return p;
			}
		}
	}
	return NULL;
}

static void check_succeeded(struct ice *ice, struct pair *p, const struct sent_check *c, const struct stun_message *m,
                            uint64_t now) {
	p->rtt = now > c->at ? now - c->at : 1;
	p->total_rtt += p->rtt;
	p->responses_received++;
	p->tries = 0;
	p->last_answer = now;
	p->unanswered_since = SLUICE_NEVER;
	if (m->mapped.ss_family)
		p->shown = local_seen(ice, p, &m->mapped);
	if (p->state != ICE_PAIR_SUCCEEDED) {
		pair_state(p, ICE_PAIR_SUCCEEDED);
		/* RFC 8445, 7.2.5.3.3: "the agent sets the states for all other Frozen candidate pairs in all checklists with the
		 * same foundation to Waiting". */
		pair_thaw(p, true);
	}
	/* A triggered check that waits would ask what is known now, so it need not go. One that nominates has to. */
	if (!(p->nominating && ice->controlling && !c->nominating))
		pair_untrigger(p);
	if (ice->controlling ? c->nominating && c->controlling : p->nominating) {
		nominate_done(ice, p);
		p->nominating = false;
	}
	consent_schedule(ice, p, now);
	ice->proofs++;
	ice->dirty = true;
}

/* RFC 8445, 7.2.5.1: on 487 the role is switched, unless that has happened since, and the check is done again. Other errors may
 * be temporary, for example while the other side does not know our credentials yet. So retransmission goes on until the pair
 * times out. */
static void check_refused(struct ice *ice, struct pair *p, const struct sent_check *c, const struct stun_message *m) {
	if (m->error_code != 487)
		return;
	if (c->controlling == ice->controlling && !ice->config.lite)
		ice_role_set(ice, !ice->controlling);
	pair_trigger(ice, p);
	ice->dirty = true;
}

static bool answer_in(struct ice *ice, const sluice_path *path, const struct stun_message *m, uint64_t now) {
	struct sent_check *c = NULL;
	struct pair *p = find_check(ice->current, m->id, &c);
	if (!p)
		p = find_check(ice->before, m->id, &c);
	if (!p)
		return false;
	const struct session *s = p->session;
	if (!stun_verify(m, s->remote_pwd, strlen(s->remote_pwd)))
		return false;
	/* RFC 8445, 7.2.5.2.1: the answer has to come over the path of the request; otherwise the pair has failed. The check
	 * remains as it is: ask_back() counts it. */
	if (!pair_same_path(path, &p->path)) {
		pair_fail(ice, p);
		return true;
	}
	struct sent_check sent = *c;
	c->at = 0;
	if (m->class == STUN_SUCCESS)
		check_succeeded(ice, p, &sent, m, now);
	else
		check_refused(ice, p, &sent, m);
	return true;
}

/* ---- both --------------------------------------------------------------------------------------------------------- */

enum ice_verdict checks_input(struct ice *ice, const sluice_path *path, sluice_datagram *d, const struct stun_message *m,
                              uint64_t now) {
	bool good = false;
	switch (m->class) {
	case STUN_REQUEST:
		good = request_in(ice, path, m, now);
		break;
	case STUN_INDICATION: /* RFC 8445, 11: a keepalive, nothing to do */
		good = true;
		break;
	default:
		good = answer_in(ice, path, m, now);
		break;
	}
	if (!good) {
		ice->stats.discarded++;
		return ICE_TAKEN;
	}
	return m->class == STUN_REQUEST || m->class == STUN_SUCCESS ? embed_input(ice, m, d) : ICE_TAKEN;
}
