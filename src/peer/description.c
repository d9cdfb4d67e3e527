/* description: what does the peer say of itself in an offer or answer, and what does it take from the other side's?
 *
 * negotiation.c decides when each comes into force. src/sdp knows how the lines look. */
#include <string.h>

#include "base/address.h"
#include "base/wipe.h"
#include "peer/connection.h"
#include "sctp/sctp.h"

#define MIRROR_MAX (SLUICE_SDP_MAX / 2) /* of an answer; the rest is for our own section */
#define INIT_CHUNK_MAX 512              /* far more than ours or anyone's; a longer one is not taken */

static bool slice_to_text(struct sdp_slice s, char *text, size_t size) {
	if (!s.s || s.len >= size)
		return false;
	memcpy(text, s.s, s.len);
	text[s.len] = 0;
	return true;
}

/* ---- ours ------------------------------------------------------------------------------------------------------------ */

void description_plan_offer(const sluice_peer *p, struct local_description *out) {
	const struct negotiation *n = &p->negotiation;
	/* RFC 8842, 5.2: an offerer says actpass, also in later offers of the same connection. */
	out->setup = SDP_SETUP_ACTPASS;
	out->snap = n->settled ? p->snap_remote != NULL : p->config.offer_snap;
	out->sped = n->settled ? n->local_current.sped : p->config.offer_sped;
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

void description_plan_answer(const sluice_peer *p, const struct sdp *remote, struct local_description *out) {
	uint8_t init[INIT_CHUNK_MAX];
	size_t len;
	const struct sdp_section *data = sdp_first(remote, SDP_DATA);
	const struct sdp_transport *transport = description_transport(remote);
	out->rejected = !data;
	out->setup = wants_active(p, transport->setup) ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE;
	/* draft-hancke-tsvwg-snap: an INIT that does not decode or is not valid is ignored, and then none is sent in response. */
	out->snap = !p->config.refuse_snap && data && shows_init(data, init, sizeof init, &len);
	if (p->negotiation.settled)
		out->snap = p->snap_remote != NULL;
	out->sped = !p->config.refuse_sped && transport->sped;
	if (p->negotiation.settled)
		out->sped = p->negotiation.local_current.sped;
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
	const struct sdp_section *data = sdp ? sdp_first(sdp, SDP_DATA) : NULL;
	strcpy(mid, "0");
	if (data)
		slice_to_text(data->mid, mid, MID_MAX);
	return mid;
}

/* The candidates as lines; `lines` points into `space`. */
static void format_candidates(const sluice_peer *p, char *space, const char **lines, size_t count) {
	for (size_t i = 0; i < count; i++) {
		lines[i] = space + i * CANDIDATE_TEXT_MAX;
		if (candidate_format(ice_local(p->below.ice, i), space + i * CANDIDATE_TEXT_MAX, CANDIDATE_TEXT_MAX) < 0)
			space[i * CANDIDATE_TEXT_MAX] = 0;
	}
}

static void put_default(const sluice_peer *p, struct sdp_own_section *own, char *text, size_t size) {
	const struct candidate *c = ice_default_candidate(p->below.ice);
	if (!c || *c->name || address_format(&c->addr, text, size) < 0)
		return;
	own->address = text;
	own->address_is_ipv6 = c->addr.ss_family == AF_INET6;
	own->port = c->port;
}

static int format_fingerprint(const sluice_peer *p, char text[SLUICE_FINGERPRINT_MAX]) {
	sluice_fingerprint f;
	int error = sluice_certificate_fingerprint(p->certificate, SLUICE_SHA256, &f);
	return error ? error : sluice_fingerprint_format(&f, text, SLUICE_FINGERPRINT_MAX);
}

static struct sdp_own_section own_section(const sluice_peer *p, const struct local_description *local) {
	return (struct sdp_own_section){
		.mid = "0",
		.ufrag = ice_ufrag(p->below.ice),
		.pwd = ice_pwd(p->below.ice),
		.trickle = true,
		.sped = local->sped,
		.setup = local->setup,
		.end_of_candidates = ice_gathering(p->below.ice) == ICE_GATHERING_COMPLETE,
		.sctp_port = association_local_port(p->sctp),
		.max_message_size = association_max_message_size(p->sctp),
		.sctp_init = local->snap ? p->snap_local : NULL,
	};
}

/* Where a mirror has no data section, all of its sections are rejected. */
static int format_with(const sluice_peer *p, const struct local_description *local, const struct sdp *mirror,
                       const char *const *candidates, size_t candidate_count, char *sdp, size_t size) {
	char fingerprint[SLUICE_FINGERPRINT_MAX], address[ADDRESS_TEXT_MAX];
	const char *fingerprints[1] = {fingerprint};
	const struct sdp_section *data = mirror ? sdp_first(mirror, SDP_DATA) : NULL;
	struct sdp_own_section own = own_section(p, local);
	struct sdp_description d = {
		.session_id = p->negotiation.session_id,
		.session_version = local->version,
		.ice_lite = p->config.ice.lite,
		.offer = mirror,
		.sections = &own,
		.section_count = !local->rejected && (!mirror || data),
	};
	int error = format_fingerprint(p, fingerprint);
	if (error < 0)
		return error;
	own.answers = data ? (size_t)(data - mirror->sections) : 0;
	own.fingerprints = fingerprints;
	own.fingerprint_count = 1;
	own.candidates = candidates;
	own.candidate_count = candidate_count;
	put_default(p, &own, address, sizeof address);
	return sdp_format(&d, sdp, size);
}

int description_format(const sluice_peer *p, const struct local_description *local, const struct sdp *mirror, char *sdp,
                       size_t size) {
	size_t count = ice_gathering(p->below.ice) == ICE_GATHERING_NEW ? 0 : ice_local_count(p->below.ice);
	char *space = count ? env_alloc(p->env, count * CANDIDATE_TEXT_MAX) : NULL;
	const char **lines = count ? env_alloc(p->env, count * sizeof *lines) : NULL;
	int result = SLUICE_NO_MEMORY;
	if (!count || (space && lines)) {
		format_candidates(p, space, lines, count);
		result = format_with(p, local, mirror, lines, count, sdp, size);
	}
	env_free(p->env, space);
	env_free(p->env, (void *)lines);
	return result;
}

/* ---- theirs ---------------------------------------------------------------------------------------------------------- */

const struct sdp_transport *description_transport(const struct sdp *sdp) {
	const struct sdp_section *data = sdp_first(sdp, SDP_DATA);
	return data ? &data->transport : &sdp->session;
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

/* NULL: the pair of descriptions has none. */
static const struct sdp_section *data_of(const struct sdp *remote, const struct local_description *local) {
	return local->rejected ? NULL : sdp_first(remote, SDP_DATA);
}

static int refuse(sluice_peer *p, const char *reason) {
	p->negotiation.fault_line = 0;
	p->negotiation.fault_text = reason;
	return SLUICE_UNSUPPORTED;
}

int description_accept(sluice_peer *p, const struct sdp *remote, const struct local_description *local, bool is_answer) {
	sluice_fingerprint f[SDP_FINGERPRINTS_MAX];
	const struct sdp_section *data = data_of(remote, local);
	if (!data)
		return 0;
	size_t count = role_read_fingerprints(&data->transport, f);
	if (!count)
		return refuse(p, "no fingerprint with a hash that this library knows");
	/* The same certificate means the same DTLS connection, and that keeps its roles: Firefox 153 as DTLS server writes
	 * setup:active all the same when it answers an ICE restart, and means nothing by it. */
	if (p->dtls_up)
		return role_names_shown(p, f, count) ? 0 : refuse(p, "another certificate than the connection's");
	enum sluice_role role = role_of(&data->transport, local, is_answer);
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

int description_apply(sluice_peer *p, const struct sdp *remote, const struct local_description *local, bool is_answer) {
	const struct sdp_section *data = data_of(remote, local);
	if (!data) {
		if (is_answer)
			peer_end(p, SLUICE_REFUSED, "the other side rejected the data section");
		return 0;
	}
	apply_sped(p, &data->transport, local);
	int error = apply_snap(p, data, local);
	if (!error)
		error = role_apply(p, &data->transport, role_of(&data->transport, local, is_answer));
	if (!error)
		error = apply_ice(p, &data->transport, remote->ice_lite, is_answer);
	if (error)
		return error;
	association_set_remote_port(p->sctp, data->sctp_port);
	sluice_channels_set_max_message_size(p->channels, message_limit(data));
	if (p->state == SLUICE_PEER_NEW)
		peer_enter(p, SLUICE_PEER_CONNECTING);
	role_try_start(p);
	return 0;
}
