#include "peer/sections.h"

#include <stdio.h>
#include <string.h>

#include "peer/connection.h"
#include "rtp/media/negotiate.h"

static bool is_media(enum sdp_kind kind) {
	return kind == SDP_AUDIO || kind == SDP_VIDEO;
}

static enum sluice_media_kind kind_of(enum sdp_kind kind) {
	return kind == SDP_AUDIO ? SLUICE_AUDIO : SLUICE_VIDEO;
}

static bool mid_is(struct sdp_slice mid, const char *text) {
	return mid.s && sdp_slice_is(mid, text);
}

/* ---- of a pair of descriptions ----------------------------------------------------------------------------------------- */

static bool can_be_used(const struct sdp_section *s) {
	return s->kind != SDP_OTHER && !s->rejected;
}

/* RFC 9143, 7.3.1: the transport is that of the first section of the group that is not rejected. Where there is no group, the
 * first section is all that one transport can carry; a data section comes before, as it did when there was nothing else. */
const struct sdp_section *sections_main(const struct sdp *theirs) {
	for (size_t i = 0; i < theirs->bundle_count; i++)
		if (can_be_used(&theirs->sections[theirs->bundle[i]]))
			return &theirs->sections[theirs->bundle[i]];
	const struct sdp_section *data = sdp_first(theirs, SDP_DATA);
	for (size_t i = 0; !data && i < theirs->section_count; i++)
		if (can_be_used(&theirs->sections[i]))
			return &theirs->sections[i];
	return data;
}

static bool shares_transport(const struct sdp *theirs, const struct sdp_section *s) {
	const struct sdp_section *main = sections_main(theirs);
	return s == main || (main && main->bundled && s->bundled);
}

/* One of several data sections is used: the first. */
static bool is_usable(const struct sdp *theirs, const struct sdp_section *s, bool is_answer) {
	return can_be_used(s) && shares_transport(theirs, s) && !sdp_section_fault(s, is_answer).text && s->mid.len < MID_MAX &&
	       (s->kind != SDP_DATA || s == sdp_first(theirs, SDP_DATA));
}

const struct sdp_section *sections_used(const struct plan *ours, const struct sdp *theirs, size_t i) {
	if (!ours || i >= ours->count || i >= theirs->section_count || ours->of[i].rejected)
		return NULL;
	const struct sdp_section *s = &theirs->sections[i];
	return s->kind == ours->of[i].kind && can_be_used(s) && shares_transport(theirs, s) ? s : NULL;
}

static bool any_of(const struct plan *ours, const struct sdp *theirs, bool media, bool data) {
	for (size_t i = 0; ours && i < ours->count; i++)
		if ((is_media(ours->of[i].kind) ? media : data) && sections_used(ours, theirs, i))
			return true;
	return false;
}

bool sections_any(const struct plan *ours, const struct sdp *theirs) {
	return any_of(ours, theirs, true, true);
}

bool sections_any_media(const struct plan *ours, const struct sdp *theirs) {
	return any_of(ours, theirs, true, false);
}

const struct sdp_section *sections_data(const struct plan *ours, const struct sdp *theirs) {
	for (size_t i = 0; ours && i < ours->count; i++)
		if (ours->of[i].kind == SDP_DATA && sections_used(ours, theirs, i))
			return sections_used(ours, theirs, i);
	return NULL;
}

bool sections_refuses_data(const struct plan *ours, const struct sdp *theirs) {
	for (size_t i = 0; i < ours->count; i++)
		if (ours->of[i].kind == SDP_DATA && !ours->of[i].rejected)
			return !sections_used(ours, theirs, i);
	return false;
}

/* ---- offers of ours ---------------------------------------------------------------------------------------------------- */

/* What an offer is made with. */
struct offering {
	sluice_peer *p;
	const struct plan *before; /* in force; NULL: none */
	const struct sdp *theirs;
	struct plan *plan;
	struct codecs_types types;
	struct extmap ids;
};

/* Our own numbers first: an answer may have had others. */
static void learn(struct offering *o) {
	for (size_t i = 0; o->before && i < o->before->count; i++) {
		const struct plan_section *s = &o->before->of[i];
		if (!s->media)
			continue;
		codecs_recall(&o->types, &s->media->codecs);
		extmap_recall(&o->ids, s->media->extensions, s->media->extension_count);
	}
	for (size_t i = 0; o->theirs && i < o->theirs->section_count; i++) {
		if (!is_media(o->theirs->sections[i].kind))
			continue;
		codecs_learn(&o->types, &o->theirs->sections[i].rtp);
		extmap_learn(&o->ids, &o->theirs->sections[i].rtp);
	}
}

static bool is_mid_used(const struct offering *o, const char *mid) {
	for (size_t i = 0; o->theirs && i < o->theirs->section_count; i++)
		if (mid_is(o->theirs->sections[i].mid, mid))
			return true;
	return plan_find(o->before, mid) || plan_find(o->plan, mid);
}

/* RFC 9429, 5.2.1: "mid" values are short and unique, beside those that the other side gave. */
static void write_mid(struct offering *o, char mid[MID_MAX]) {
	char text[MID_MAX];
	do
		snprintf(text, sizeof text, "%llu", (unsigned long long)o->plan->next_mid++);
	while (is_mid_used(o, text));
	memcpy(mid, text, sizeof text);
}

/* A section that has RFC 8888 keeps it, whoever offered that. */
static bool wants_ccfb(const struct offering *o, const sluice_transceiver *t) {
	const struct plan_section *before = t->section >= 0 ? plan_find(o->before, t->mid) : NULL;
	return o->p->config.media_ccfb || (before && before->media && codecs_have_ccfb(&before->media->codecs));
}

static void write_names(struct plan_media *m, const sluice_transceiver *t) {
	memcpy(m->streams, t->streams, sizeof m->streams);
	m->stream_count = t->stream_count;
	negotiate_own_ssrcs(t->sender, &m->ssrc, &m->rtx_ssrc);
}

static void write_media(struct offering *o, struct plan_section *s, const sluice_transceiver *t) {
	struct plan_media *m = s->media;
	s->kind = t->kind == SLUICE_AUDIO ? SDP_AUDIO : SDP_VIDEO;
	s->transceiver = t->number;
	s->direction = t->direction;
	s->rsize = o->plan->mixed = true;
	write_names(m, t);
	bool ccfb = wants_ccfb(o, t);
	codecs_offer(&t->wish, ccfb, &o->types, &m->codecs);
	m->extension_count = extmap_offer(&o->ids, t->kind, ccfb, m->extensions);
	if (t->encoding_count > 1)
		m->layers = (uint8_t)((1u << t->encoding_count) - 1);
	/* The layers that come stay layers, whoever makes the offer: an answer sends several only where the offer takes them. */
	if (t->direction & SDP_RECVONLY) {
		m->rid_count = t->receive_count;
		memcpy(m->rids, t->receive_rids, sizeof m->rids);
	}
	if (t->section >= 0)
		memcpy(s->mid, t->mid, sizeof s->mid);
	else
		write_mid(o, s->mid);
}

/* RFC 9429, 5.2.2: a section keeps its place for good. */
static void write_again(struct offering *o, size_t i) {
	const struct plan_section *before = &o->before->of[i];
	struct plan_section *s = &o->plan->of[i];
	const sluice_transceiver *t = transceiver_at(o->p, i);
	/* One that a pending offer put here finds its place anew, like others that are new. */
	if (is_media(before->kind) && t && !t->stopping && !t->unconfirmed) {
		write_media(o, s, t);
		return;
	}
	s->kind = before->kind;
	if (*before->mid)
		memcpy(s->mid, before->mid, sizeof s->mid);
	else /* the other side's offer had none, and ours has to */
		write_mid(o, s->mid);
	s->rejected = before->kind != SDP_DATA || !sections_used(o->before, o->theirs, i);
}

/* A place that was rejected and belongs to nobody else is used again. */
static size_t place_for(const struct offering *o, const sluice_transceiver *t, size_t end) {
	for (size_t i = 0; o->before && i < o->before->count; i++) {
		const sluice_transceiver *owner = transceiver_at(o->p, i);
		if (o->plan->of[i].rejected && !sections_used(o->before, o->theirs, i) && (!owner || owner == t))
			return i;
	}
	return end;
}

/* Data that was rejected comes back in its place. */
static size_t place_for_data(const struct offering *o, size_t end) {
	size_t i = 0;
	while (i < end && !(o->plan->of[i].kind == SDP_DATA && o->plan->of[i].rejected))
		i++;
	return i;
}

static void write_data(struct offering *o, size_t *end) {
	bool wanted = o->p->negotiation.wanted_channel || *end == 0;
	if (!wanted || plan_has(o->plan, SDP_DATA))
		return;
	size_t at = place_for_data(o, *end);
	struct plan_section *s = &o->plan->of[at];
	plan_clear(s);
	s->kind = SDP_DATA;
	write_mid(o, s->mid);
	*end += at == *end;
}

int sections_plan_offer(sluice_peer *p, struct plan **out) {
	struct negotiation *n = &p->negotiation;
	struct offering o = {.p = p, .before = n->local_current.plan, .theirs = n->remote_current.sdp};
	size_t end = o.before ? o.before->count : 0;
	o.plan = plan_new(p->env, end + p->transceivers.count + 1, p->transceivers.count > 0);
	if (!o.plan)
		return SLUICE_NO_MEMORY;
	o.plan->next_mid = p->transceivers.next_mid;
	learn(&o);
	for (size_t i = 0; i < end; i++)
		write_again(&o, i);
	for (const sluice_transceiver *t = p->transceivers.first; t; t = t->next) {
		if (t->stopping || (t->section >= 0 && !t->unconfirmed))
			continue;
		size_t at = place_for(&o, t, end);
		plan_clear(&o.plan->of[at]);
		write_media(&o, &o.plan->of[at], t);
		end += at == end;
	}
	write_data(&o, &end);
	o.plan->count = end;
	*out = o.plan;
	return 0;
}

static bool is_given_up(const sluice_transceiver *t) {
	return t->unconfirmed && t->stopping;
}

static bool names(const struct plan *offer, const sluice_transceiver *t) {
	for (size_t i = 0; i < offer->count; i++)
		if (offer->of[i].transceiver == t->number)
			return true;
	return false;
}

bool sections_are_there(const sluice_peer *p, const struct plan *plan) {
	for (size_t i = 0; i < plan->count; i++)
		if (plan->of[i].transceiver && !transceiver_by_number(p, plan->of[i].transceiver))
			return false;
	return true;
}

void sections_set_offer(sluice_peer *p, const struct plan *offer) {
	sluice_transceiver *next;
	/* One that the app stopped while its first offer was pending is in no description any more. */
	for (sluice_transceiver *t = p->transceivers.first; t; t = next) {
		next = t->next;
		if (is_given_up(t) && !names(offer, t))
			transceiver_remove(t);
	}
	for (size_t i = 0; i < offer->count; i++) {
		sluice_transceiver *t = transceiver_by_number(p, offer->of[i].transceiver);
		if (t)
			transceiver_associate(t, offer->of[i].mid, i);
	}
}

/* ---- answers of ours --------------------------------------------------------------------------------------------------- */

/* RFC 8853, 5.3.2: of the layers that we want to send, those that the other side takes. */
static uint8_t layers_taken(const sluice_transceiver *t, const struct sdp_rtp *theirs) {
	uint8_t layers = 0;
	for (size_t k = 0; t->encoding_count > 1 && k < t->encoding_count; k++)
		for (size_t i = 0; i < theirs->rid_count; i++)
			if (!theirs->rids[i].send && theirs->rids[i].layer > 0 &&
			    sdp_slice_is(theirs->rids[i].id, t->encodings[k].rid))
				layers |= (uint8_t)(1u << k);
	return layers;
}

static void write_answer(struct plan_section *s, const sluice_transceiver *t, const struct sdp_section *offered,
                         struct extmap *ids, bool mixed) {
	const struct sdp_rtp *rtp = &offered->rtp;
	struct plan_media *m = s->media;
	sluice_codec_config config[SLUICE_TRACK_CODECS_MAX];
	/* RFC 9429, 5.3.1: with codec preferences in their order, otherwise in the order of the offer. */
	codecs_take(&t->wish, t->has_wish, rtp, &m->codecs);
	if (t->stopping || codecs_config(&m->codecs, config) == 0)
		return;
	s->rejected = false;
	s->transceiver = t->number;
	write_names(m, t);
	/* RFC 5506, 5.1: only where the offer has it. */
	s->rsize = rtp->rtcp_rsize;
	s->mixed = rtp->extmap_allow_mixed && !mixed;
	s->direction = (enum sdp_direction)(t->direction & sdp_direction_reversed(rtp->direction));
	m->extension_count = extmap_take(ids, t->kind, rtp, m->extensions);
	m->layers = s->direction & SDP_SENDONLY ? layers_taken(t, rtp) : 0;
	if (s->direction & SDP_RECVONLY)
		m->rid_count = (uint8_t)transceiver_read_layers(rtp, m->rids);
}

static bool has_media(const struct sdp *sdp) {
	for (size_t i = 0; i < sdp->section_count; i++)
		if (is_media(sdp->sections[i].kind))
			return true;
	return false;
}

int sections_plan_answer(sluice_peer *p, const struct sdp *offer, struct plan **out) {
	struct plan *plan = plan_new(p->env, offer->section_count, has_media(offer));
	struct extmap ids = {.id_of = {0}};
	if (!plan)
		return SLUICE_NO_MEMORY;
	plan->mixed = offer->extmap_allow_mixed;
	for (size_t i = 0; i < plan->count; i++) {
		const struct sdp_section *offered = &offer->sections[i];
		const sluice_transceiver *t = transceiver_at(p, i);
		struct plan_section *s = &plan->of[i];
		s->kind = offered->kind;
		s->rejected = true;
		if (offered->mid.len < MID_MAX && offered->mid.s)
			memcpy(s->mid, offered->mid.s, offered->mid.len);
		if (!is_usable(offer, offered, false))
			continue;
		if (offered->kind == SDP_DATA)
			s->rejected = false;
		else if (t)
			write_answer(s, t, offered, &ids, plan->mixed);
		if (t)
			s->transceiver = t->number;
	}
	*out = plan;
	return 0;
}

/* ---- is an offer due? -------------------------------------------------------------------------------------------------- */

static bool has_other_streams(const sluice_transceiver *t, const struct plan_section *said) {
	return t->direction & said->direction & SDP_SENDONLY &&
	       (t->stream_count != said->media->stream_count || memcmp(t->streams, said->media->streams, sizeof t->streams) != 0);
}

static bool needs_offer(const sluice_peer *p, const sluice_transceiver *t) {
	const struct negotiation *n = &p->negotiation;
	const struct plan *ours = n->local_current.plan;
	if (t->stopping)
		return true;
	if (t->section < 0 || !ours || (size_t)t->section >= ours->count)
		return true;
	if (has_other_streams(t, &ours->of[t->section]))
		return true;
	enum sdp_direction said = ours->of[t->section].direction;
	enum sdp_direction theirs = sdp_direction_reversed(n->remote_current.sdp->sections[t->section].rtp.direction);
	if (n->local_current.type == SLUICE_SDP_OFFER)
		return t->direction != said && t->direction != theirs;
	return said != (enum sdp_direction)(t->direction & theirs);
}

bool sections_need_offer(const sluice_peer *p) {
	for (const sluice_transceiver *t = p->transceivers.first; t; t = t->next)
		if (needs_offer(p, t))
			return true;
	return false;
}

/* ---- offers of theirs -------------------------------------------------------------------------------------------------- */

static bool is_at(const sluice_transceiver *t, const struct sdp_section *s) {
	return kind_of(s->kind) == t->kind && is_media(s->kind) && (!s->mid.s || mid_is(s->mid, t->mid));
}

static bool are_mids_unique(const struct sdp *offer) {
	for (size_t i = 0; i < offer->section_count; i++)
		for (size_t k = 0; k < i && offer->sections[i].mid.s; k++)
			if (sdp_slices_equal(offer->sections[i].mid, offer->sections[k].mid))
				return false;
	return true;
}

const char *sections_offer_fault(const sluice_peer *p, const struct sdp *offer) {
	if (!are_mids_unique(offer))
		return "two sections have the same mid";
	for (const sluice_transceiver *t = p->transceivers.first; t; t = t->next) {
		if (t->section < 0 || t->unconfirmed || t->stopping)
			continue;
		if ((size_t)t->section >= offer->section_count)
			return "there are fewer sections than before";
		const struct sdp_section *s = &offer->sections[t->section];
		if (!s->rejected && !is_at(t, s))
			return "a section is another one than before";
	}
	return NULL;
}

static void write_own_mid(const sluice_peer *p, const struct sdp_section *s, size_t i, char mid[MID_MAX]) {
	(void)p;
	if (s->mid.s)
		snprintf(mid, MID_MAX, "%.*s", (int)s->mid.len, s->mid.s);
	else
		snprintf(mid, MID_MAX, "line%zu", i); /* never written; the section has none to answer with */
}

static int make_for(sluice_peer *p, const struct sdp *offer, size_t i) {
	/* W3C webrtc-pc, 4.4.1.5: a transceiver that the description makes has the direction recvonly. */
	static const sluice_transceiver_config config = {.direction = SLUICE_RECVONLY};
	const struct sdp_section *s = &offer->sections[i];
	sluice_transceiver *t;
	char mid[MID_MAX];
	int error = media_open(p);
	if (!error)
		error = transceiver_make(p, kind_of(s->kind), SDP_RECVONLY, &config, &s->rtp, &t);
	if (error)
		return error == SLUICE_LIMIT ? 0 : error; /* it will be rejected */
	write_own_mid(p, s, i, mid);
	transceiver_associate(t, mid, i);
	t->by_offer = true;
	t->fresh = true;
	return 0;
}

/* A stopped one keeps its place until somebody else takes it. */
static void make_room(sluice_peer *p, const struct sdp *offer) {
	sluice_transceiver *next;
	for (sluice_transceiver *t = p->transceivers.first; t; t = next) {
		next = t->next;
		t->fresh = false;
		if (t->section < 0 || !t->by_offer)
			continue;
		if ((size_t)t->section >= offer->section_count || !is_at(t, &offer->sections[t->section]))
			transceiver_remove(t);
	}
}

static void remove_if(sluice_peer *p, bool (*is_out)(const sluice_transceiver *t)) {
	sluice_transceiver *next;
	for (sluice_transceiver *t = p->transceivers.first; t; t = next) {
		next = t->next;
		if (is_out(t))
			transceiver_remove(t);
	}
}

static bool is_fresh(const sluice_transceiver *t) {
	return t->fresh;
}

static bool is_by_offer(const sluice_transceiver *t) {
	return t->by_offer;
}

/* Lists the streams that the section names, each once. */
static int read_streams(sluice_transceiver *t, const struct sdp_rtp *theirs) {
	size_t len = 1, n = 0;
	struct sdp_slice seen[SDP_MSIDS_MAX];
	for (size_t i = 0; i < theirs->msid_count && n < SDP_MSIDS_MAX; i++) {
		bool twice = !theirs->msids[i].stream.s;
		for (size_t k = 0; k < n; k++)
			twice = twice || sdp_slices_equal(seen[k], theirs->msids[i].stream);
		if (!twice) {
			seen[n++] = theirs->msids[i].stream;
			len += seen[n - 1].len + 1;
		}
	}
	char *text = n ? env_zalloc(t->peer->env, len) : NULL;
	if (n && !text)
		return SLUICE_NO_MEMORY;
	for (size_t i = 0, at = 0; i < n; at += seen[i++].len + 1)
		memcpy(text + at, seen[i].s, seen[i].len);
	env_free(t->peer->env, t->remote_streams);
	t->remote_streams = text;
	return 0;
}

/* W3C webrtc-pc, 4.4.1.5: on_track is due when the other side begins to send. */
static int read_sender(sluice_transceiver *t, const struct sdp_section *theirs) {
	bool sends = theirs && theirs->rtp.direction & SDP_SENDONLY;
	int error = sends ? read_streams(t, &theirs->rtp) : 0;
	if (error)
		return error;
	if (sends && !t->receives)
		t->track_due = true;
	if (!sends)
		t->track_due = false;
	t->receives = sends;
	return 0;
}

static int read_senders(sluice_peer *p, const struct sdp *offer) {
	int error = 0;
	for (sluice_transceiver *t = p->transceivers.first; t && !error; t = t->next)
		if (t->section >= 0 && !t->stopping) {
			const struct sdp_section *s = &offer->sections[t->section];
			error = read_sender(t, is_usable(offer, s, false) ? s : NULL);
		}
	return error;
}

int sections_take_offer(sluice_peer *p, const struct sdp *offer) {
	int error = 0;
	make_room(p, offer);
	for (size_t i = 0; i < offer->section_count && !error; i++) {
		const struct sdp_section *s = &offer->sections[i];
		sluice_transceiver *t = transceiver_at(p, i);
		if (!is_media(s->kind) || !is_usable(offer, s, false) || (t && is_at(t, s)))
			continue;
		if (t) /* stopped, and its place has a new section */
			transceiver_remove(t);
		error = make_for(p, offer, i);
	}
	if (!error)
		error = read_senders(p, offer);
	if (error)
		remove_if(p, is_fresh);
	else if (p->transceivers.first)
		peer_wake(p);
	return error;
}

void sections_roll_back(sluice_peer *p) {
	remove_if(p, is_by_offer);
	remove_if(p, is_given_up);
	for (sluice_transceiver *t = p->transceivers.first; t; t = t->next) {
		if (t->unconfirmed)
			transceiver_dissociate(t);
		t->receives = t->receives_stable;
		t->track_due = t->track_due && t->receives;
	}
}

/* ---- both agree -------------------------------------------------------------------------------------------------------- */

static enum sdp_direction agreed(const struct plan_section *ours, const struct sdp_section *theirs) {
	return (enum sdp_direction)(ours->direction & sdp_direction_reversed(theirs->rtp.direction));
}

/* Calls see() with each section of ours that a transceiver uses. */
static int for_each_used(sluice_peer *p, const struct plan *ours, const struct sdp *theirs,
                         int (*see)(void *ctx, sluice_transceiver *t, const struct plan_section *ours,
                                    const struct sdp_section *theirs),
                         void *ctx) {
	int error = 0;
	for (size_t i = 0; ours && i < ours->count && !error; i++) {
		const struct sdp_section *s = is_media(ours->of[i].kind) ? sections_used(ours, theirs, i) : NULL;
		sluice_transceiver *t = s ? transceiver_by_number(p, ours->of[i].transceiver) : NULL;
		if (t && !t->stopping)
			error = see(ctx, t, &ours->of[i], s);
	}
	return error;
}

/* What sections say and all tracks have in common. */
struct common {
	struct rtp_extension_map extensions;
	bool takes_rsize; /* one section is enough: Firefox leaves it out of those for audio */
};

static int add_common(void *ctx, sluice_transceiver *t, const struct plan_section *ours, const struct sdp_section *theirs) {
	struct common *c = ctx;
	(void)t;
	tracks_add_extensions(&(struct tracks_terms){.ours = ours, .theirs = &theirs->rtp}, &c->extensions);
	c->takes_rsize |= theirs->rtp.rtcp_rsize;
	return 0;
}

static int apply_section(void *ctx, sluice_transceiver *t, const struct plan_section *ours, const struct sdp_section *theirs) {
	const bool is_answer = *(const bool *)ctx;
	struct tracks_terms terms = {.ours = ours, .theirs = &theirs->rtp, .direction = agreed(ours, theirs)};
	if (is_answer) {
		codecs_take_offered(&ours->media->codecs, &theirs->rtp, &terms.taken);
		int error = read_sender(t, theirs);
		if (error)
			return error;
	} else {
		terms.taken = ours->media->codecs;
	}
	return tracks_apply(t, &terms);
}

/* What the latest pair of descriptions leaves out is off: each says all that holds (RFC 3264, 8). */
static void apply_common(sluice_peer *p, const struct plan *ours, const struct sdp *theirs) {
	struct common c = {.takes_rsize = false};
	if (!p->media)
		return;
	rtp_extension_map_init(&c.extensions);
	for_each_used(p, ours, theirs, add_common, &c);
	negotiate_rsize(p->media, c.takes_rsize);
	if (negotiate_extensions(p->media, &c.extensions))
		env_log(p->env, SLUICE_LOG_INFO, "peer: the header extensions do not fit into a packet");
}

int sections_apply(sluice_peer *p, const struct plan *ours, const struct sdp *theirs, bool is_answer) {
	apply_common(p, ours, theirs);
	return for_each_used(p, ours, theirs, apply_section, &is_answer);
}

static void commit_section(sluice_transceiver *t, const struct plan_section *ours, const struct sdp_section *theirs) {
	if (!theirs) {
		transceiver_remove(t);
		return;
	}
	t->unconfirmed = t->by_offer = false;
	t->current = agreed(ours, theirs);
	t->has_sent = t->has_sent || t->current & SDP_SENDONLY;
	t->receives_stable = t->receives;
	if (!t->stopping)
		tracks_follow(t);
}

void sections_commit(sluice_peer *p, const struct plan *ours, const struct sdp *theirs) {
	sluice_transceiver *next;
	/* Not before: an offer that is rolled back and made again has the same mids, so it does no harm that the other side has
	 * answered the first one. */
	if (ours->next_mid > p->transceivers.next_mid)
		p->transceivers.next_mid = ours->next_mid;
	for (sluice_transceiver *t = p->transceivers.first; t; t = next) {
		next = t->next;
		if (t->section < 0 || (size_t)t->section >= ours->count)
			continue;
		commit_section(t, &ours->of[t->section], sections_used(ours, theirs, (size_t)t->section));
	}
}
