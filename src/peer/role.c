/* role: which side of DTLS are we, whom do we trust, and when does the handshake begin?
 *
 * A direct peer knows all of that when it is made. By offer and answer the descriptions say it. Where an answer leaves the role
 * open, the first ClientHello decides, and when nobody speaks, we become the client. */
#include <string.h>

#include "peer/connection.h"

/* What a handshake datagram may have around it: over a relay the Send indication with an IPv6 address (RFC 8656, 11.1), which
 * carries it until the channel is bound; embedded, the check. */
#define INDICATION_ROOM 52

static size_t handshake_mtu(const sluice_peer *p) {
	if (peer_is_direct(p))
		return p->config.mtu;
	if (!p->below.sped)
		return p->config.mtu - INDICATION_ROOM;
	size_t embedded = p->config.mtu - CHECK_ROOM;
	return embedded < ICE_SPED_MTU ? embedded : ICE_SPED_MTU;
}

/* In this order: AES-GCM costs less than half of AES-CM with HMAC-SHA1, and every browser has the latter. */
#define SRTP_PROFILES_OFFERED "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"

int role_make_dtls(sluice_peer *p, enum sluice_role role) {
	struct dtls_config config = {
		.client = role == SLUICE_ROLE_CLIENT,
		.certificate = p->certificate,
		.remote = p->config.remote_fingerprint,
		.mtu = p->config.mtu > MTU_FOUND_MAX ? p->config.mtu : MTU_FOUND_MAX,
		.handshake_mtu = handshake_mtu(p),
		.first_timeout = p->config.dtls_first_timeout,
		/* ICE asks the path all the time. While it answers, the other side lives and may take as long as a person needs
		 * to carry an answer; when it does not, ICE ends the peer. */
		.patience = peer_is_direct(p) ? p->config.dtls_timeout : SLUICE_NEVER,
		.ciphers = p->config.dtls_ciphers,
		/* Also without media: some stacks (pion) treat a handshake without a chosen profile as failed, whatever the
		 * description said, and media may be added later. */
		.srtp = SRTP_PROFILES_OFFERED,
		.resume = p->config.dtls_resume,
		.openssl_records = p->config.dtls_openssl_records,
	};
	return dtls_new(p->env, &config, &p->dtls);
}

int role_settle(sluice_peer *p, enum sluice_role role) {
	if (p->role == role)
		return 0;
	if (p->role != SLUICE_ROLE_UNKNOWN)
		return SLUICE_UNSUPPORTED;
	int error = role_make_dtls(p, role);
	if (error)
		return error;
	p->role = role;
	p->start_due = true;
	if (!p->role_guessed)
		sluice_channels_set_role(p->channels, role);
	return 0;
}

/* ---- trust ----------------------------------------------------------------------------------------------------------- */

size_t role_read_fingerprints(const struct sdp_transport *remote, sluice_fingerprint out[SDP_FINGERPRINTS_MAX]) {
	size_t n = 0;
	for (size_t i = 0; i < remote->fingerprint_count; i++) {
		char text[SLUICE_FINGERPRINT_MAX];
		struct sdp_slice s = remote->fingerprints[i];
		if (s.len >= sizeof text)
			continue;
		memcpy(text, s.s, s.len);
		text[s.len] = 0;
		if (sluice_fingerprint_parse(text, &out[n]) == 0)
			n++;
	}
	return n;
}

bool role_names_shown(const sluice_peer *p, const sluice_fingerprint *f, size_t count) {
	for (size_t i = 0; i < count; i++) {
		sluice_fingerprint shown;
		if (dtls_remote_fingerprint(p->dtls, f[i].hash, &shown) == 0 &&
		    memcmp(shown.digest, f[i].digest, sizeof shown.digest) == 0)
			return true;
	}
	return false;
}

static int trust(sluice_peer *p, const struct sdp_transport *remote) {
	sluice_fingerprint f[SDP_FINGERPRINTS_MAX];
	if (p->dtls_up)
		return 0;
	size_t count = role_read_fingerprints(remote, f);
	int error = dtls_set_remotes(p->dtls, f, count);
	if (error == SLUICE_WRONG_STATE && role_names_shown(p, f, count))
		error = 0; /* checked already, in an attempt that failed behind this */
	records_follow_dtls(p);
	p->records_wait = p->dtls_up;
	/* Another certificate than the announced one came already: the peer has failed, the description is in force all the
	 * same. */
	return error == SLUICE_FINGERPRINT ? 0 : error;
}

int role_apply(sluice_peer *p, const struct sdp_transport *remote, enum sluice_role role) {
	p->role_open = p->role == SLUICE_ROLE_UNKNOWN && role == SLUICE_ROLE_UNKNOWN;
	if (p->role_open)
		return 0;
	int error = p->role != SLUICE_ROLE_UNKNOWN ? 0 : role_settle(p, role);
	return error ? error : trust(p, remote);
}

/* The role that the answer in force left open is this one. On an error it stays open. */
static int settle_open_role(sluice_peer *p, enum sluice_role role) {
	const struct sdp *answer = p->negotiation.remote_current.sdp;
	const struct sdp_section *main = answer ? sections_main(answer) : NULL;
	int error = main ? role_settle(p, role) : SLUICE_WRONG_STATE;
	if (!error)
		error = trust(p, &main->transport);
	p->role_open = error != 0;
	return error;
}

/* ---- the handshake begins ---------------------------------------------------------------------------------------------- */

bool role_can_start(const sluice_peer *p) {
	return p->start_due && !p->ends_as && underlay_can_start(&p->below, p->role == SLUICE_ROLE_CLIENT);
}

void role_try_start(sluice_peer *p) {
	if (!p->has_origin || !role_can_start(p))
		return;
	p->start_due = false;
	p->dtls_started_after = p->now - p->origin;
	int error = dtls_start(p->dtls, p->now);
	if (error)
		peer_end(p, error, sluice_error_text(error));
}

/* The other side speaks after all: it was late, or what it said was lost. Two clients would never hear each other. */
static void take_guess_back(sluice_peer *p) {
	dtls_free(p->dtls);
	p->dtls = NULL;
	underlay_ice_drop_flight(&p->below);
	p->role = SLUICE_ROLE_UNKNOWN;
	p->role_guessed = p->start_due = false;
	p->role_open = true;
}

#define RECORD_HANDSHAKE 22
#define HANDSHAKE_CLIENT_HELLO 1
#define RECORD_HEADER 13

static bool is_client_hello(const sluice_datagram *d) {
	return d->len > RECORD_HEADER && d->data[0] == RECORD_HANDSHAKE && d->data[RECORD_HEADER] == HANDSHAKE_CLIENT_HELLO;
}

/* The other side's answer may take longer than its first record. We said actpass, and who says ClientHello is active: so we are
 * the server. The answer names whom to trust, and nothing of the association is opened before it. */
static void hear_hello(sluice_peer *p) {
	bool early = !p->dtls && p->negotiation.state == SLUICE_SIGNALING_HAVE_LOCAL_OFFER && !p->negotiation.settled;
	if (p->role_guessed && !p->ends_as)
		take_guess_back(p);
	if (p->role_open)
		settle_open_role(p, SLUICE_ROLE_SERVER);
	else if (early)
		role_settle(p, SLUICE_ROLE_SERVER);
}

bool role_hears(sluice_peer *p, const sluice_datagram *record) {
	if (is_client_hello(record))
		hear_hello(p);
	role_try_start(p);
	return p->dtls && !p->start_due;
}

/* A client speaks as soon as it has a path, which is when we have one, and repeats itself within this time. */
#define CLIENT_SPEAKS_WITHIN (2 * SLUICE_S)

uint64_t role_deadline(const sluice_peer *p) {
	return p->role_open && p->ice_after != SLUICE_NEVER ? p->origin + p->ice_after + CLIENT_SPEAKS_WITHIN : SLUICE_NEVER;
}

void role_speak_first(sluice_peer *p, uint64_t now) {
	if (now < role_deadline(p))
		return;
	p->role_guessed = true;
	int error = settle_open_role(p, SLUICE_ROLE_CLIENT);
	if (error)
		peer_end(p, error, sluice_error_text(error));
}
