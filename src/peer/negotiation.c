/* negotiation: which description is in force, and what may come next? The signaling state machine of RFC 9429, 3.2 and W3C
 * webrtc-pc, 4.4.1: offers, answers, glare, rollback and restarts.
 *
 * What a description says, and what it does to the transports, is in description.c. */
#include <string.h>

#include "peer/connection.h"

/* The state of a peer that is over stays closed. */
static void set_state(sluice_peer *p, enum sluice_signaling_state state) {
	if (p->negotiation.state == state || p->ends_as)
		return;
	p->negotiation.state = state;
	peer_notice(p, NOTICE_SIGNALING, state);
}

static void forget_remote(sluice_peer *p, struct remote_description *d) {
	sdp_free(p->env, d->sdp);
	*d = (struct remote_description){0};
}

static void forget_local(sluice_peer *p, struct local_description *d) {
	plan_unref(p->env, d->plan);
	d->plan = NULL;
	d->type = 0;
}

/* Another holder of the same description. */
static void share_local(sluice_peer *p, struct local_description *to, const struct local_description *from) {
	struct plan *plan = plan_ref(from->plan);
	forget_local(p, to);
	*to = *from;
	to->plan = plan;
}

static void forget_created(sluice_peer *p) {
	env_free(p->env, p->negotiation.created_text);
	p->negotiation.created_text = NULL;
	forget_local(p, &p->negotiation.created);
}

static void forget_early(sluice_peer *p) {
	struct negotiation *n = &p->negotiation;
	while (n->early) {
		struct early_candidate *c = n->early;
		n->early = c->next;
		env_free(p->env, c);
	}
	n->early_end = &n->early;
	n->early_count = 0;
	n->early_done = false;
}

void negotiation_init(sluice_peer *p) {
	struct negotiation *n = &p->negotiation;
	n->early_end = &n->early;
	n->fault_text = "";
	n->next_version = 1;
	/* RFC 9429, 5.2.1: a 64-bit number with the two highest bits zero, so that it survives every reader's integers. */
	env_entropy(p->env, &n->session_id, sizeof n->session_id);
	n->session_id >>= 2;
}

void negotiation_free(sluice_peer *p) {
	forget_created(p);
	forget_early(p);
	forget_local(p, &p->negotiation.local_current);
	forget_local(p, &p->negotiation.local_pending);
	forget_remote(p, &p->negotiation.remote_current);
	forget_remote(p, &p->negotiation.remote_pending);
}

/* ---- is an offer due? --------------------------------------------------------------------------------------------- */

/* W3C webrtc-pc, 4.7.3: the flag is raised once and stays raised until an offer is made. The event waits for the stable state. */
void negotiation_update(sluice_peer *p) {
	struct negotiation *n = &p->negotiation;
	if (peer_is_direct(p) || n->state != SLUICE_SIGNALING_STABLE || p->ends_as)
		return;
	/* There is nothing to restart before a section was agreed on, and an offer would not fulfil the wish. */
	bool needed = (n->restart_wanted && n->settled) || (n->wanted_channel && !n->data_agreed) || sections_need_offer(p);
	if (needed && !n->needed)
		peer_notice(p, NOTICE_NEGOTIATION, 0);
	n->needed = needed;
}

int sluice_peer_restart_ice(sluice_peer *p) {
	if (peer_is_direct(p))
		return SLUICE_WRONG_STATE;
	if (p->ends_as)
		return SLUICE_CLOSED;
	p->negotiation.restart_wanted = true;
	negotiation_update(p);
	return 0;
}

/* ---- creating ------------------------------------------------------------------------------------------------------ */

/* Every description of one negotiation has to show the same credentials, so they change once. */
static int begin_restart(sluice_peer *p) {
	if (p->negotiation.restart_begun)
		return 0;
	int error = ice_restart(p->below.ice);
	p->negotiation.restart_begun = error == 0;
	return error;
}

static void undo_restart(sluice_peer *p) {
	if (p->negotiation.restart_begun)
		ice_restart_undo(p->below.ice);
	p->negotiation.restart_begun = false;
}

static int plan_offer(sluice_peer *p, struct local_description *out) {
	int error = p->negotiation.restart_wanted && p->negotiation.settled ? begin_restart(p) : 0;
	return error ? error : description_plan_offer(p, out);
}

/* RFC 8839, 4.4.1.1.1: credentials that differ from the ones in force ask for a restart, and the answer has new ones as well. The
 * description in force may have none: that of a connection whose sections were all rejected. */
static bool asks_for_restart(const sluice_peer *p, const struct sdp *offer) {
	if (!p->negotiation.settled || !sections_main(offer))
		return false;
	const struct sdp_transport *t = description_transport(offer);
	return !ice_remote_is(p->below.ice, t->ufrag.s, t->ufrag.len, t->pwd.s, t->pwd.len);
}

static int plan_answer(sluice_peer *p, struct local_description *out) {
	const struct sdp *offer = p->negotiation.remote_pending.sdp;
	int error = asks_for_restart(p, offer) ? begin_restart(p) : 0;
	return error ? error : description_plan_answer(p, offer, out);
}

/* Descriptions are mostly short; a long one is found to be so. */
#define TEXT_FIRST 8192

/* An ice-pwd is in it, and so it is wiped when it is freed. NULL and *error. */
static char *format(sluice_peer *p, const struct local_description *plan, const struct sdp *mirror, int *len) {
	for (size_t size = TEXT_FIRST;; size *= 2) {
		char *text = env_secret(env_alloc(p->env, size));
		*len = text ? description_format(p, plan, mirror, text, size) : SLUICE_NO_MEMORY;
		if (*len >= 0)
			return text;
		env_free(p->env, text);
		if (*len != SLUICE_NO_SPACE || size >= SLUICE_SDP_MAX)
			return NULL;
	}
}

/* Makes the description that is due next, and keeps its text to compare with. */
static int create(sluice_peer *p, enum sluice_sdp_type type) {
	struct negotiation *n = &p->negotiation;
	struct local_description plan = {.type = type};
	int error = type == SLUICE_SDP_OFFER ? plan_offer(p, &plan) : plan_answer(p, &plan);
	if (!error && plan.snap)
		error = description_show_init(p);
	plan.version = n->next_version;
	int len = error;
	char *text = error ? NULL : format(p, &plan, type == SLUICE_SDP_ANSWER ? n->remote_pending.sdp : NULL, &len);
	char *copy = text ? env_strndup_secret(p->env, text, (size_t)len) : NULL;
	env_free(p->env, text);
	if (!copy) {
		forget_local(p, &plan);
		return len < 0 ? len : SLUICE_NO_MEMORY;
	}
	forget_created(p);
	n->created = plan;
	n->created_text = copy;
	n->next_version++;
	return len;
}

static int create_into(sluice_peer *p, enum sluice_sdp_type type, char *sdp, size_t size) {
	int len = create(p, type);
	if (len < 0)
		return len;
	if ((size_t)len >= size)
		return SLUICE_NO_SPACE;
	memcpy(sdp, p->negotiation.created_text, (size_t)len + 1);
	return len;
}

/* sluice_peer_description_error is about the last call alone. */
static void forget_fault(sluice_peer *p) {
	p->negotiation.fault_line = 0;
	p->negotiation.fault_text = "";
}

static int usable(const sluice_peer *p) {
	if (peer_is_direct(p))
		return SLUICE_WRONG_STATE;
	return p->ends_as ? SLUICE_CLOSED : 0;
}

int sluice_peer_create_offer(sluice_peer *p, char *sdp, size_t size) {
	int error = usable(p);
	if (error)
		return error;
	if (p->negotiation.state == SLUICE_SIGNALING_HAVE_REMOTE_OFFER)
		return SLUICE_WRONG_STATE;
	return create_into(p, SLUICE_SDP_OFFER, sdp, size);
}

int sluice_peer_create_answer(sluice_peer *p, char *sdp, size_t size) {
	int error = usable(p);
	if (error)
		return error;
	if (p->negotiation.state != SLUICE_SIGNALING_HAVE_REMOTE_OFFER)
		return SLUICE_WRONG_STATE;
	return create_into(p, SLUICE_SDP_ANSWER, sdp, size);
}

/* ---- both sides agree ------------------------------------------------------------------------------------------------ */

static void begin_gathering(sluice_peer *p) {
	if (ice_gathering(p->below.ice) != ICE_GATHERING_NEW && !p->negotiation.restart_begun)
		return;
	if (p->negotiation.restart_begun)
		follow_drop_candidates(p);
	peer_notice(p, NOTICE_GATHERING, SLUICE_GATHERING_GATHERING);
	ice_gather(p->below.ice, p->now);
}

static void add_early(sluice_peer *p) {
	struct negotiation *n = &p->negotiation;
	for (const struct early_candidate *c = n->early; c; c = c->next)
		ice_add_remote(p->below.ice, &c->candidate);
	if (n->early_done)
		ice_remote_done(p->below.ice);
	forget_early(p);
}

/* Data alone was refused, in the first answer or later: media goes on without. */
static void follow_data(sluice_peer *p) {
	struct negotiation *n = &p->negotiation;
	bool has = sections_data(n->local_current.plan, n->remote_current.sdp);
	bool refused = n->data_agreed ? !has : sections_refuses_data(n->local_current.plan, n->remote_current.sdp);
	n->data_agreed = has;
	if (refused && sections_any_media(n->local_current.plan, n->remote_current.sdp)) {
		n->wanted_channel = false;
		records_end_data(p);
	}
	data_judge_end(p);
}

/* The pair of descriptions comes into force; `is_answer`: the remote one is the answer. */
static int agree(sluice_peer *p, const struct local_description *local, struct remote_description *remote, bool is_answer) {
	struct negotiation *n = &p->negotiation;
	const struct sdp *sdp = remote->sdp;
	bool any = sections_any(local->plan, sdp);
	int error = description_accept(p, sdp, local, is_answer);
	if (error)
		return error;
	if (any)
		begin_gathering(p);
	error = description_apply(p, sdp, local, is_answer);
	if (error)
		return error;
	add_early(p);
	share_local(p, &n->local_current, local);
	forget_local(p, &n->local_pending);
	forget_remote(p, &n->remote_current);
	n->remote_current = *remote;
	*remote = (struct remote_description){0};
	sections_commit(p, n->local_current.plan, n->remote_current.sdp);
	if (n->restart_begun)
		n->restart_wanted = false;
	n->restart_begun = false;
	n->settled = n->settled || any;
	follow_data(p);
	n->media_agreed = n->media_agreed || sections_any_media(n->local_current.plan, n->remote_current.sdp);
	forget_created(p);
	records_begin_agreed(p);
	media_share_path(p);
	set_state(p, SLUICE_SIGNALING_STABLE);
	n->needed = false;
	negotiation_update(p);
	follow_judge(p);
	peer_wake(p);
	return 0;
}

/* ---- local ---------------------------------------------------------------------------------------------------------- */

static void roll_back(sluice_peer *p) {
	struct negotiation *n = &p->negotiation;
	undo_restart(p);
	forget_local(p, &n->local_pending);
	forget_remote(p, &n->remote_pending);
	forget_created(p);
	forget_early(p);
	sections_roll_back(p);
	set_state(p, SLUICE_SIGNALING_STABLE);
	data_judge_end(p);
	n->needed = false; /* whatever wanted the offer still wants it; the app is notified once more */
	negotiation_update(p);
	peer_wake(p);
}

static int roll_back_from(sluice_peer *p, enum sluice_signaling_state state) {
	if (p->negotiation.state != state)
		return SLUICE_WRONG_STATE;
	roll_back(p);
	follow_judge(p);
	return 0;
}

static int set_local_offer(sluice_peer *p) {
	struct negotiation *n = &p->negotiation;
	if (n->state == SLUICE_SIGNALING_HAVE_REMOTE_OFFER)
		return SLUICE_WRONG_STATE;
	share_local(p, &n->local_pending, &n->created);
	sections_set_offer(p, n->local_pending.plan);
	if (n->local_pending.sped && !n->settled) {
		p->below.sped = true;
		ice_sped_start(p->below.ice);
	}
	if (!n->settled) {
		/* RFC 8445, 6.1.1: "the initiating agent (the one who started the ICE processing) MUST take the controlling
		 * role"; a lite one never does when the other side is full, which its answer will show. */
		ice_set_controlling(p->below.ice, !p->config.ice.lite);
	}
	set_state(p, SLUICE_SIGNALING_HAVE_LOCAL_OFFER);
	begin_gathering(p);
	peer_wake(p);
	return 0;
}

static int set_local_answer(sluice_peer *p) {
	struct negotiation *n = &p->negotiation;
	if (n->state != SLUICE_SIGNALING_HAVE_REMOTE_OFFER)
		return SLUICE_WRONG_STATE;
	return agree(p, &n->created, &n->remote_pending, false);
}

int sluice_peer_set_local_description(sluice_peer *p, enum sluice_sdp_type type, const char *sdp) {
	struct negotiation *n = &p->negotiation;
	int error = usable(p);
	forget_fault(p);
	if (error)
		return error;
	if (type == SLUICE_SDP_ROLLBACK)
		return roll_back_from(p, SLUICE_SIGNALING_HAVE_LOCAL_OFFER);
	if (!type)
		type = n->state == SLUICE_SIGNALING_HAVE_REMOTE_OFFER ? SLUICE_SDP_ANSWER : SLUICE_SDP_OFFER;
	bool answering = n->state == SLUICE_SIGNALING_HAVE_REMOTE_OFFER;
	if ((type == SLUICE_SDP_ANSWER) != answering || (type != SLUICE_SDP_ANSWER && type != SLUICE_SDP_OFFER))
		return SLUICE_WRONG_STATE;
	if (sdp && (n->created.type != type || strcmp(sdp, n->created_text) != 0 || !sections_are_there(p, n->created.plan)))
		return SLUICE_INVALID;
	if (!sdp)
		error = create(p, type);
	if (error < 0)
		return error;
	return type == SLUICE_SDP_OFFER ? set_local_offer(p) : set_local_answer(p);
}

/* ---- remote --------------------------------------------------------------------------------------------------------- */

static int set_remote_offer(sluice_peer *p, struct remote_description *d) {
	struct negotiation *n = &p->negotiation;
	const char *fault = sections_offer_fault(p, d->sdp);
	if (fault) {
		n->fault_text = fault;
		return SLUICE_MALFORMED;
	}
	/* W3C webrtc-pc, 4.4.1.5: an offer that arrives in have-local-offer rolls the local one back, so that the polite side of
	 * a glare just takes it. Where ICE has failed meanwhile, the other side's offer may bring the restart that mends it. */
	if (n->state == SLUICE_SIGNALING_HAVE_LOCAL_OFFER)
		roll_back(p);
	/* A restarting offer that was created and never set: the answer must not show its credentials. The wish for a restart
	 * stays. */
	undo_restart(p);
	int error = sections_take_offer(p, d->sdp);
	if (error)
		return error;
	forget_remote(p, &n->remote_pending);
	forget_created(p);
	forget_early(p);
	n->remote_pending = *d;
	*d = (struct remote_description){0};
	set_state(p, SLUICE_SIGNALING_HAVE_REMOTE_OFFER);
	return 0;
}

int sluice_peer_set_remote_description(sluice_peer *p, enum sluice_sdp_type type, const char *text, size_t len) {
	struct negotiation *n = &p->negotiation;
	int error = usable(p);
	forget_fault(p);
	if (error)
		return error;
	if (type == SLUICE_SDP_ROLLBACK)
		return roll_back_from(p, SLUICE_SIGNALING_HAVE_REMOTE_OFFER);
	bool is_answer = type == SLUICE_SDP_ANSWER;
	if (is_answer ? n->state != SLUICE_SIGNALING_HAVE_LOCAL_OFFER : type != SLUICE_SDP_OFFER)
		return SLUICE_WRONG_STATE;
	if (len > SLUICE_REMOTE_SDP_MAX) {
		n->fault_text = "it is longer than a description may be";
		return SLUICE_LIMIT;
	}
	struct remote_description d = {.type = type};
	error = description_parse(p, text, len, is_answer, &d.sdp);
	if (error)
		return error;
	error = is_answer ? agree(p, &n->local_pending, &d, true) : set_remote_offer(p, &d);
	sdp_free(p->env, d.sdp); /* NULL when it was taken */
	return error;
}

static unsigned kind_of(const struct candidate *c) {
	return candidate_kind(c->transport, &c->addr);
}

/* One more came than are kept. Which family is of use is not known yet, so one of the most numerous kind goes, the least of its
 * kind: either c (false), or another one, whose place c gets. */
static bool take_place(struct negotiation *n, const struct candidate *c) {
	unsigned numbers[CANDIDATE_KINDS] = {0};
	struct candidate *worst = &n->early->candidate;
	for (const struct early_candidate *e = n->early; e; e = e->next)
		numbers[kind_of(&e->candidate)]++;
	numbers[kind_of(c)]++;
	for (struct early_candidate *e = n->early->next; e; e = e->next) {
		unsigned here = numbers[kind_of(&e->candidate)], there = numbers[kind_of(worst)];
		if (here > there || (here == there && e->candidate.priority < worst->priority))
			worst = &e->candidate;
	}
	unsigned ours = numbers[kind_of(c)], its = numbers[kind_of(worst)];
	if (ours > its || (ours == its && c->priority <= worst->priority))
		return false;
	*worst = *c;
	return true;
}

static int keep_early(sluice_peer *p, const struct candidate *c) {
	struct negotiation *n = &p->negotiation;
	if (n->early_count == EARLY_CANDIDATES_MAX)
		return take_place(n, c) ? 0 : SLUICE_LIMIT;
	struct early_candidate *e = env_alloc(p->env, sizeof *e);
	if (!e)
		return SLUICE_NO_MEMORY;
	*e = (struct early_candidate){.candidate = *c};
	*n->early_end = e;
	n->early_end = &e->next;
	n->early_count++;
	return 0;
}

static bool is_end_of_candidates(const char *text) {
	if (!text)
		return true;
	if (strncmp(text, "a=", 2) == 0)
		text += 2;
	return !*text || strncmp(text, "end-of-candidates", 17) == 0;
}

/* RFC 8838, 11 and W3C's usernameFragment: a candidate may say to which generation it belongs. */
static bool is_of_generation(const struct sdp *sdp, const struct candidate *c) {
	struct sdp_slice ufrag = description_transport(sdp)->ufrag;
	if (!*c->ufrag || !ufrag.s)
		return true;
	return strlen(c->ufrag) == ufrag.len && memcmp(c->ufrag, ufrag.s, ufrag.len) == 0;
}

int sluice_peer_add_remote_candidate(sluice_peer *p, const char *text) {
	struct negotiation *n = &p->negotiation;
	int error = usable(p);
	if (error)
		return error;
	bool early = n->remote_pending.sdp != NULL;
	const struct sdp *sdp = early ? n->remote_pending.sdp : n->remote_current.sdp;
	if (!sdp)
		return SLUICE_WRONG_STATE;
	/* Our restart waits for its answer, so this belongs to the generation that it ends; the new one's come behind the
	 * answer. */
	if (!early && n->restart_begun)
		return 0;
	if (is_end_of_candidates(text)) {
		if (early)
			n->early_done = true;
		else
			ice_remote_done(p->below.ice);
		peer_wake(p);
		return 0;
	}
	struct candidate c;
	error = candidate_parse(text, strlen(text), &c);
	if (error)
		return error == SLUICE_UNSUPPORTED ? 0 : error;
	if (!is_of_generation(sdp, &c))
		return 0;
	error = early ? keep_early(p, &c) : ice_add_remote(p->below.ice, &c);
	peer_wake(p);
	return error == SLUICE_UNSUPPORTED ? 0 : error;
}

/* ---- questions ------------------------------------------------------------------------------------------------------ */

int sluice_peer_local_description(const sluice_peer *p, enum sluice_sdp_type *type, char *sdp, size_t size) {
	const struct negotiation *n = &p->negotiation;
	const struct local_description *d = n->local_pending.type ? &n->local_pending : &n->local_current;
	if (type)
		*type = d->type;
	if (peer_is_direct(p) || !d->type)
		return 0;
	return description_format(p, d, d->type == SLUICE_SDP_ANSWER ? n->remote_current.sdp : NULL, sdp, size);
}

/* The pending one, or else the one in force. */
static const struct remote_description *remote_of(const struct negotiation *n) {
	return n->remote_pending.sdp ? &n->remote_pending : &n->remote_current;
}

int sluice_peer_remote_description(const sluice_peer *p, enum sluice_sdp_type *type, char *sdp, size_t size) {
	const struct negotiation *n = &p->negotiation;
	const struct remote_description *d = remote_of(n);
	if (type)
		*type = d->type;
	if (!d->sdp)
		return 0;
	if (d->sdp->len >= size)
		return SLUICE_NO_SPACE;
	memcpy(sdp, d->sdp->text, d->sdp->len);
	sdp[d->sdp->len] = 0;
	return (int)d->sdp->len;
}

unsigned sluice_peer_description_error(const sluice_peer *p, const char **text) {
	if (text)
		*text = p->negotiation.fault_text;
	return p->negotiation.fault_line;
}

enum sluice_signaling_state sluice_peer_signaling_state(const sluice_peer *p) {
	return p->negotiation.state;
}

bool sluice_peer_can_trickle(const sluice_peer *p) {
	const struct negotiation *n = &p->negotiation;
	const struct sdp *sdp = remote_of(n)->sdp;
	return sdp && description_transport(sdp)->trickle;
}
