/* description: what does the peer say of itself in an offer or answer, and what does it take from the other side's?
 *
 * negotiation.c decides when each comes into force. src/sdp knows how the lines look. */
#include <string.h>

#include "base/address.h"
#include "base/wipe.h"
#include "peer/connection.h"
#include "peer/media_lines.h"
#include "sctp/sctp.h"

#define MIRROR_MAX 16384   /* of an answer; the rest is for our own sections */
#define INIT_CHUNK_MAX 512 /* far more than ours or anyone's; a longer one is not taken */

static bool slice_to_text(struct sdp_slice s, char *text, size_t size) {
	if (!s.s || s.len >= size)
		return false;
	memcpy(text, s.s, s.len);
	text[s.len] = 0;
	return true;
}

/* ---- ours ------------------------------------------------------------------------------------------------------------ */

int description_plan_offer(sluice_peer *p, struct local_description *out) {
	const struct negotiation *n = &p->negotiation;
	/* RFC 8842, 5.2: an offerer says actpass, also in later offers of the same connection. */
	out->setup = SDP_SETUP_ACTPASS;
	out->snap = n->settled ? p->snap_remote != NULL : p->config.offer_snap;
	out->sped = n->settled ? n->local_current.sped : p->config.offer_sped;
	return sections_plan_offer(p, &out->plan);
}

static bool wants_active(const sluice_peer *p, enum sdp_setup theirs) {
	if (p->role != SLUICE_ROLE_UNKNOWN)
		return p->role == SLUICE_ROLE_CLIENT; /* the connection is there and stays as it is */
	/* RFC 4145, 4.1: an offer without a setup means active. Whoever reads our answer is content with a passive side too. */
	if (theirs == SDP_SETUP_ACTIVE || theirs == SDP_SETUP_NONE)
		return false;
	/* RFC 8842, 5.3 leaves the choice to the answerer. The answerer knows the other side first. As the client it can speak
	 * at once, and the connection is up half a round trip sooner. */
	return theirs == SDP_SETUP_PASSIVE || !p->config.passive;
}

static bool shows_init(const struct sdp_section *remote, uint8_t *init, size_t size, size_t *len) {
	if (!remote->sctp_init.s)
		return false;
	int n = base64_decode(remote->sctp_init.s, remote->sctp_init.len, init, size);
	if (n <= 0 || sluice_sctp_check_init(init, (size_t)n))
		return false;
	*len = (size_t)n;
	return true;
}

int description_plan_answer(sluice_peer *p, const struct sdp *remote, struct local_description *out) {
	uint8_t init[INIT_CHUNK_MAX];
	size_t len;
	int error = sections_plan_answer(p, remote, &out->plan);
	if (error)
		return error;
	const struct sdp_section *data = sections_data(out->plan, remote);
	const struct sdp_transport *transport = description_transport(remote);
	out->setup = wants_active(p, transport->setup) ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE;
	/* draft-hancke-tsvwg-snap: an INIT that does not decode or is not valid is ignored, and then none is sent in response. */
	out->snap = !p->config.refuse_snap && data && shows_init(data, init, sizeof init, &len);
	if (p->negotiation.settled)
		out->snap = p->snap_remote != NULL;
	out->sped = !p->config.refuse_sped && transport->sped;
	if (p->negotiation.settled)
		out->sped = p->negotiation.local_current.sped;
	return 0;
}

int description_show_init(sluice_peer *p) {
	uint8_t init[INIT_CHUNK_MAX];
	char text[INIT_CHUNK_MAX * 4 / 3 + 4];
	if (p->snap_local)
		return 0;
	int len = sluice_sctp_describe(p->sctp, init, sizeof init);
	if (len > 0)
		len = base64_encode(init, (size_t)len, text, sizeof text);
	if (len < 0)
		return len;
	p->snap_local = env_strndup(p->env, text, (size_t)len);
	return p->snap_local ? 0 : SLUICE_NO_MEMORY;
}

const char *description_mid(const sluice_peer *p, char mid[MID_MAX]) {
	const struct negotiation *n = &p->negotiation;
	const struct sdp *sdp = n->remote_pending.sdp ? n->remote_pending.sdp : n->remote_current.sdp;
	const struct sdp_section *theirs = sdp ? sections_main(sdp) : NULL;
	const struct plan_section *ours = plan_main(n->local_pending.plan);
	strcpy(mid, ours ? ours->mid : "0");
	if (theirs)
		slice_to_text(theirs->mid, mid, MID_MAX);
	return mid;
}

/* The candidates as lines; `lines` points into `space`. */
static void format_candidates(const sluice_peer *p, char *space, const char **lines, size_t count) {
	struct candidate c;
	for (size_t i = 0; i < count; i++) {
		char *line = space + i * CANDIDATE_TEXT_MAX;
		lines[i] = line;
		if (!ice_local(p->below.ice, i, &c) || candidate_format(&c, line, CANDIDATE_TEXT_MAX) < 0)
			*line = 0;
	}
}

/* What the sections of one transport have in common; the first of them has the candidates. */
struct own_transport {
	const char *const *fingerprints, *const *candidates;
	size_t candidate_count;
	const char *address;
	bool address_is_ipv6;
	uint16_t port;
};

static void put_default(const sluice_peer *p, struct own_transport *own, char *text, size_t size) {
	struct candidate c;
	if (!ice_default_candidate(p->below.ice, &c) || address_format(&c.addr, text, size) < 0)
		return;
	own->address = text;
	own->address_is_ipv6 = c.addr.ss_family == AF_INET6;
	own->port = c.port;
}

static int format_fingerprint(const sluice_peer *p, char text[SLUICE_FINGERPRINT_MAX]) {
	sluice_fingerprint f;
	int error = sluice_certificate_fingerprint(p->certificate, SLUICE_SHA256, &f);
	return error ? error : sluice_fingerprint_format(&f, text, SLUICE_FINGERPRINT_MAX);
}

static void put_transport(const sluice_peer *p, const struct local_description *local, const struct own_transport *t,
                          struct sdp_own_section *own) {
	own->ufrag = ice_ufrag(p->below.ice);
	own->pwd = ice_pwd(p->below.ice);
	own->trickle = true;
	own->sped = local->sped;
	own->setup = local->setup;
	own->fingerprints = t->fingerprints;
	own->fingerprint_count = 1;
	own->address = t->address;
	own->address_is_ipv6 = t->address_is_ipv6;
	own->port = t->port;
}

static void put_candidates(const sluice_peer *p, const struct own_transport *t, struct sdp_own_section *own) {
	own->candidates = t->candidates;
	own->candidate_count = t->candidate_count;
	own->end_of_candidates = ice_gathering(p->below.ice) == ICE_GATHERING_COMPLETE;
}

static void put_data(const sluice_peer *p, const struct local_description *local, struct sdp_own_section *own) {
	own->sctp_port = association_local_port(p->sctp);
	own->max_message_size = association_max_message_size(p->sctp);
	own->sctp_init = local->snap ? p->snap_local : NULL;
}

/* RFC 9429, 5.2.1 writes the transport of each section of a first offer, for an answerer that knows no BUNDLE; browsers do so in
 * every description, and so do we. Candidates stand once. */
static void fill(const sluice_peer *p, const struct local_description *local, const struct own_transport *t,
                 struct sdp_own_section *own, struct media_lines *lines) {
	bool first = true;
	for (size_t i = 0; i < local->plan->count; i++) {
		const struct plan_section *s = &local->plan->of[i];
		own[i] = (struct sdp_own_section){.kind = s->kind, .answers = i, .mid = s->mid, .rejected = s->rejected};
		if (s->rejected)
			continue;
		put_transport(p, local, t, &own[i]);
		if (first)
			put_candidates(p, t, &own[i]);
		first = false;
		if (s->kind == SDP_DATA)
			put_data(p, local, &own[i]);
		else
			own[i].rejected = !media_lines_put(p, s, &lines[i], &own[i].rtp);
	}
}

/* A section of an answer that is left out is rejected. */
static size_t drop_rejected(struct sdp_own_section *own, size_t count) {
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		if (!own[i].rejected)
			own[n++] = own[i];
	return n;
}

static int format_with(const sluice_peer *p, const struct local_description *local, const struct sdp *mirror,
                       const struct own_transport *t, struct sdp_own_section *own, char *sdp, size_t size) {
	struct media_lines *lines = env_alloc(p->env, local->plan->count * sizeof *lines + 1);
	struct sdp_description d = {
		.session_id = p->negotiation.session_id,
		.session_version = local->version,
		.ice_lite = p->config.ice.lite,
		.offer = mirror,
		.sections = own,
		.section_count = local->plan->count,
		.extmap_allow_mixed = local->plan->mixed,
	};
	if (!lines)
		return SLUICE_NO_MEMORY;
	fill(p, local, t, own, lines);
	if (mirror)
		d.section_count = drop_rejected(own, d.section_count);
	int result = sdp_format(&d, sdp, size);
	env_free(p->env, lines);
	return result;
}

static int format_transport(const sluice_peer *p, const struct local_description *local, const struct sdp *mirror,
                            const char *const *candidates, size_t candidate_count, char *sdp, size_t size) {
	char fingerprint[SLUICE_FINGERPRINT_MAX], address[ADDRESS_TEXT_MAX];
	const char *fingerprints[1] = {fingerprint};
	struct own_transport t = {.fingerprints = fingerprints, .candidates = candidates, .candidate_count = candidate_count};
	int error = format_fingerprint(p, fingerprint);
	if (error < 0)
		return error;
	put_default(p, &t, address, sizeof address);
	struct sdp_own_section *own = env_zalloc(p->env, local->plan->count * sizeof *own + 1);
	if (!own)
		return SLUICE_NO_MEMORY;
	int result = format_with(p, local, mirror, &t, own, sdp, size);
	env_free(p->env, own);
	return result;
}

int description_format(const sluice_peer *p, const struct local_description *local, const struct sdp *mirror, char *sdp,
                       size_t size) {
	size_t count = ice_gathering(p->below.ice) == ICE_GATHERING_NEW ? 0 : ice_local_count(p->below.ice);
	char *space = count ? env_alloc(p->env, count * CANDIDATE_TEXT_MAX) : NULL;
	const char **lines = count ? env_alloc(p->env, count * sizeof *lines) : NULL;
	int result = SLUICE_NO_MEMORY;
	if (!count || (space && lines)) {
		format_candidates(p, space, lines, count);
		result = format_transport(p, local, mirror, lines, count, sdp, size);
	}
	env_free(p->env, space);
	env_free(p->env, (void *)lines);
	return result;
}

/* ---- theirs ---------------------------------------------------------------------------------------------------------- */

const struct sdp_transport *description_transport(const struct sdp *sdp) {
	const struct sdp_section *main = sections_main(sdp);
	return main ? &main->transport : &sdp->session;
}

static int judge(const struct sdp *sdp, bool is_answer, struct sdp_fault *fault) {
	int error = sdp_validate(sdp, is_answer, fault);
	if (!error && !is_answer && sdp_mirror_size(sdp) > MIRROR_MAX) {
		*fault = (struct sdp_fault){0, "its sections are more, or have longer names, than an answer can repeat"};
		error = SLUICE_LIMIT;
	}
	return error;
}

int description_parse(sluice_peer *p, const char *text, size_t len, bool is_answer, struct sdp **out) {
	struct sdp_fault fault = {0};
	struct sdp *sdp = NULL;
	int error = sdp_parse(p->env, text, len, &sdp, &fault);
	if (!error)
		error = judge(sdp, is_answer, &fault);
	if (error) {
		p->negotiation.fault_line = fault.line;
		p->negotiation.fault_text = fault.text ? fault.text : "";
		sdp_free(p->env, sdp);
		return error;
	}
	*out = sdp;
	return 0;
}

/* UNKNOWN: the answer leaves it open. RFC 4145, 4.1: "The default value of the setup attribute in an offer/answer exchange is
 * 'active' in the offer and 'passive' in the answer." RFC 5763 and 8842 want the attribute, and libwebrtc takes its absence in an
 * answer for active. So the other side may be either, and shows which by its ClientHello. */
static enum sluice_role role_of(const struct sdp_transport *remote, const struct local_description *local, bool is_answer) {
	if (is_answer && remote->setup == SDP_SETUP_NONE)
		return SLUICE_ROLE_UNKNOWN;
	/* RFC 5763, 5: active is the TLS client. */
	bool we_are_client = is_answer ? remote->setup == SDP_SETUP_PASSIVE : local->setup == SDP_SETUP_ACTIVE;
	return we_are_client ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;
}

static int refuse(sluice_peer *p, const char *reason) {
	p->negotiation.fault_line = 0;
	p->negotiation.fault_text = reason;
	return SLUICE_UNSUPPORTED;
}

static bool answers_another(const struct plan_section *ours, const struct sdp_section *theirs) {
	return !theirs->rejected && (theirs->kind != ours->kind || (theirs->mid.s && !sdp_slice_is(theirs->mid, ours->mid)));
}

/* RFC 9429, 5.10: an answer has the sections of its offer. One of data alone was always read leniently. */
static const char *answer_fault(const struct sdp *remote, const struct plan *offer) {
	if (!plan_has(offer, SDP_AUDIO) && !plan_has(offer, SDP_VIDEO))
		return NULL;
	if (remote->section_count != offer->count)
		return "the answer has another number of sections than the offer";
	for (size_t i = 0; i < offer->count; i++)
		if (answers_another(&offer->of[i], &remote->sections[i]))
			return "a section of the answer is another one than that of the offer";
	return NULL;
}

static int accept_sections(sluice_peer *p, const struct sdp *remote, const struct local_description *local, bool is_answer) {
	const char *fault = is_answer ? answer_fault(remote, local->plan) : NULL;
	if (!fault)
		return 0;
	p->negotiation.fault_line = 0;
	p->negotiation.fault_text = fault;
	return SLUICE_MALFORMED;
}

int description_accept(sluice_peer *p, const struct sdp *remote, const struct local_description *local, bool is_answer) {
	sluice_fingerprint f[SDP_FINGERPRINTS_MAX];
	const struct sdp_transport *transport = description_transport(remote);
	int error = accept_sections(p, remote, local, is_answer);
	if (error || !sections_any(local->plan, remote))
		return error;
	size_t count = role_read_fingerprints(transport, f);
	if (!count)
		return refuse(p, "no fingerprint with a hash that this library knows");
	/* The same certificate means the same DTLS connection, and that keeps its roles: Firefox 153 as DTLS server writes
	 * setup:active all the same when it answers an ICE restart, and means nothing by it. */
	if (p->dtls_up)
		return role_names_shown(p, f, count) ? 0 : refuse(p, "another certificate than the connection's");
	enum sluice_role role = role_of(transport, local, is_answer);
	if (p->role != SLUICE_ROLE_UNKNOWN && role != SLUICE_ROLE_UNKNOWN && p->role != role)
		return refuse(p, "setup names another DTLS role than before");
	return 0;
}

static int apply_ice(sluice_peer *p, const struct sdp_transport *remote, bool lite, bool is_answer) {
	char ufrag[ICE_UFRAG_MAX], pwd[ICE_PWD_MAX];
	if (!slice_to_text(remote->ufrag, ufrag, sizeof ufrag) || !slice_to_text(remote->pwd, pwd, sizeof pwd))
		return SLUICE_MALFORMED;
	/* RFC 8445, 6.1.1: of two full agents the initiating one controls, of a full and a lite one the full one. */
	if (!p->negotiation.settled)
		ice_set_controlling(p->below.ice, p->config.ice.lite ? lite && is_answer : lite || is_answer);
	int error = ice_set_remote(p->below.ice, ufrag, pwd, lite);
	wipe(pwd, sizeof pwd);
	for (size_t i = 0; !error && i < remote->candidate_count; i++) {
		struct candidate c;
		int wrong = candidate_parse(remote->candidates[i].s, remote->candidates[i].len, &c);
		if (!wrong)
			ice_add_remote(p->below.ice, &c); /* those beyond the limit are not tried */
		p->candidates_skipped += wrong == SLUICE_MALFORMED;
	}
	p->candidates_skipped += remote->candidates_skipped;
	if (!error && remote->end_of_candidates)
		ice_remote_done(p->below.ice);
	return error;
}

static int apply_snap(sluice_peer *p, const struct sdp_section *remote, const struct local_description *local) {
	uint8_t init[INIT_CHUNK_MAX];
	size_t len;
	if (p->negotiation.settled || !local->snap || !shows_init(remote, init, sizeof init, &len))
		return 0;
	uint8_t *copy = env_alloc(p->env, len);
	if (!copy)
		return SLUICE_NO_MEMORY;
	memcpy(copy, init, len);
	env_free(p->env, p->snap_remote); /* of an attempt that failed behind this */
	p->snap_remote = copy;
	p->snap_remote_len = len;
	return 0;
}

static void apply_sped(sluice_peer *p, const struct sdp_transport *remote, const struct local_description *local) {
	if (p->negotiation.settled)
		return;
	underlay_ice_sped(&p->below, local->sped && remote->sped);
}

/* RFC 8841, 6.1: "If the SDP "max-message-size" attribute is not present, the default value is 64K"; 0 means any size. */
static uint64_t message_limit(const struct sdp_section *remote) {
	if (!remote->has_max_message_size)
		return 65536;
	return remote->max_message_size ? remote->max_message_size : UINT64_MAX;
}

static int apply_transport(sluice_peer *p, const struct sdp *remote, const struct local_description *local, bool is_answer) {
	const struct sdp_transport *transport = description_transport(remote);
	const struct sdp_section *data = sections_data(local->plan, remote);
	apply_sped(p, transport, local);
	int error = data ? apply_snap(p, data, local) : 0;
	if (!error)
		error = role_apply(p, transport, role_of(transport, local, is_answer));
	if (!error)
		error = apply_ice(p, transport, remote->ice_lite, is_answer);
	return error;
}

static void apply_data(sluice_peer *p, const struct sdp_section *data) {
	association_set_remote_port(p->sctp, data->sctp_port);
	sluice_channels_set_max_message_size(p->channels, message_limit(data));
}

int description_apply(sluice_peer *p, const struct sdp *remote, const struct local_description *local, bool is_answer) {
	const struct sdp_section *data = sections_data(local->plan, remote);
	if (!sections_any(local->plan, remote)) {
		/* W3C webrtc-pc, 4.4.1.5: transceivers of sections that are rejected stop, and the connection goes on without
		 * them. Data alone cannot wait for another offer: the app's channels are there. */
		if (is_answer && sections_refuses_data(local->plan, remote))
			peer_end(p, SLUICE_REFUSED, "the other side rejected every section");
		return 0;
	}
	int error = data && p->data_over ? data_begin_again(p) : 0;
	if (!error)
		error = sections_apply(p, local->plan, remote, is_answer);
	if (!error)
		error = apply_transport(p, remote, local, is_answer);
	if (error)
		return error;
	if (data)
		apply_data(p, data);
	if (p->state == SLUICE_PEER_NEW)
		peer_enter(p, SLUICE_PEER_CONNECTING);
	role_try_start(p);
	return 0;
}
