/* peer: how do ICE, DTLS, the association and its channels make one engine?
 *
 * Downwards: output() asks DTLS first (a handshake goes before everything), then the association, whose packets are sealed
 * where they stand. Upwards: input() opens what came in place and hands all of it to the association in one call, so that
 * one SACK answers it. The rest of this file is the life of a peer: when the association is opened, which states are told,
 * and in which order a peer says goodbye (SHUTDOWN or ABORT, then close_notify, and only then CLOSED or FAILED is told, so
 * that an app which frees the peer in that callback has cut nothing off).
 *
 * What lies below DTLS for a peer by offer and answer is underlay.c's. It need not know what a channel says, how a record is
 * sealed, or what a socket is. */
#include <string.h>

#include "base/clock.h"
#include "peer/connection.h"
#include "sctp/association.h" /* association_check alone */

/* Datagrams opened at a time: a whole GRO read is at most 64, and one more handful may come out of records that share a
 * datagram. 3 KB of stack. */
#define OPEN_MAX 128

/* The largest rooms that a cipher suite of ours wants: record header, explicit nonce, tag (RFC 5288). The size of SCTP
 * packets is fixed when the peer is made, before the suite is known. */
#define ROOMS_MAX (13 + 8 + 16)

/* A path over a TURN server wants a ChannelData header as well (RFC 8656, 12.4). */
#define RELAY_ROOM 4

/* What a handshake datagram may have around it: over a relay the Send indication with a peer's IPv6 address (RFC 8656, 11.1),
 * which carries it until the channel is bound; embedded, the check. */
#define INDICATION_ROOM 52
#define CHECK_ROOM 160
#define HANDSHAKE_MIN 256 /* the least that DTLS wants */

#define MTU_DEFAULT 1200
#define MTU_MIN 400         /* a ClientHello and a certificate in a sane number of fragments */
#define MTU_MAX 16384       /* one record carries at most 2^14 bytes; RFC 6347, 4.1.1 */
#define MTU_FOUND_MAX 16376 /* and four of these are one send of 64 KB */
#define FIRST_TIMEOUT_DEFAULT (50 * SLUICE_MS)
#define DTLS_TIMEOUT_DEFAULT (30 * SLUICE_S)

const char *sluice_peer_state_name(enum sluice_peer_state state) {
	static const char *const names[] = {"new", "connecting", "connected", "closing", "closed", "failed", "disconnected"};
	return (size_t)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

const char *sluice_ice_state_name(enum sluice_ice_state state) {
	static const char *const names[] = {"new", "checking", "connected", "completed", "disconnected", "failed", "closed"};
	return (size_t)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

const char *sluice_gathering_state_name(enum sluice_gathering_state state) {
	static const char *const names[] = {"new", "gathering", "complete"};
	return (size_t)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

/* ---- telling the driver and the app ------------------------------------------------------------------------------ */

void peer_wake(sluice_peer *p) {
	if (p->woken || !p->wake)
		return;
	p->woken = true;
	p->wake(p->wake_ctx);
}

static void wake_by_layer(void *ctx) {
	peer_wake(ctx);
}

void peer_enter(sluice_peer *p, enum sluice_peer_state state) {
	p->state = state;
	p->untold |= (uint8_t)(1u << state);
	env_log(p->env, SLUICE_LOG_INFO, "peer: %s", sluice_peer_state_name(state));
	peer_wake(p);
}

void peer_notice(sluice_peer *p, enum notice_kind kind, unsigned value) {
	if (p->notice_count == NOTICES_MAX) {
		p->notice_first = (p->notice_first + 1) % NOTICES_MAX;
		p->notice_count--;
	}
	p->notices[(p->notice_first + p->notice_count) % NOTICES_MAX] = (struct notice){.kind = (uint8_t)kind,
	                                                                                .value = (uint8_t)value};
	p->notice_count++;
	peer_wake(p);
}

static int tell_state(sluice_peer *p, enum sluice_peer_state state) {
	p->told = state;
	if (!p->config.on_state)
		return 0;
	p->config.on_state(p, state, p->config.user);
	return 1;
}

/* Tells the states up to `last` that are untold, in order. */
static int tell_states(sluice_peer *p, enum sluice_peer_state last) {
	int ran = 0;
	while (!p->guard.dead && (p->untold & ((2u << last) - 1))) {
		unsigned state = (unsigned)__builtin_ctz(p->untold);
		p->untold &= (uint8_t)(p->untold - 1);
		ran += tell_state(p, (enum sluice_peer_state)state);
	}
	return ran;
}

static int tell_candidates(sluice_peer *p) {
	int ran = 0;
	char mid[MID_MAX];
	while (!p->guard.dead && p->candidates) {
		struct untold_candidate *c = p->candidates;
		p->candidates = c->next;
		if (!p->candidates)
			p->candidates_end = &p->candidates;
		if (p->config.on_candidate) {
			p->config.on_candidate(p, c->text, description_mid(p, mid), p->config.user);
			ran++;
		}
		env_free(p->env, c);
	}
	return ran;
}

/* W3C webrtc-pc, 4.4.4: the state becomes complete, and then the null candidate tells that there are no more. */
static int tell_gathering(sluice_peer *p, enum sluice_gathering_state state) {
	char mid[MID_MAX];
	int ran = state == SLUICE_GATHERING_COMPLETE ? tell_candidates(p) : 0;
	if (!p->guard.dead && p->config.on_gathering_state)
		p->config.on_gathering_state(p, state, p->config.user), ran++;
	if (!p->guard.dead && state == SLUICE_GATHERING_COMPLETE && p->config.on_candidate)
		p->config.on_candidate(p, NULL, description_mid(p, mid), p->config.user), ran++;
	return ran;
}

static int tell_notice(sluice_peer *p, struct notice n) {
	const sluice_peer_config *c = &p->config;
	switch (n.kind) {
	case NOTICE_SIGNALING:
		if (c->on_signaling_state)
			c->on_signaling_state(p, (enum sluice_signaling_state)n.value, c->user);
		return c->on_signaling_state != NULL;
	case NOTICE_ICE:
		if (c->on_ice_state)
			c->on_ice_state(p, (enum sluice_ice_state)n.value, c->user);
		return c->on_ice_state != NULL;
	case NOTICE_NEGOTIATION:
		/* It may have been taken care of in the meantime. */
		if (!p->negotiation.needed || p->negotiation.state != SLUICE_SIGNALING_STABLE || !c->on_negotiation_needed)
			return 0;
		c->on_negotiation_needed(p, c->user);
		return 1;
	default:
		return tell_gathering(p, (enum sluice_gathering_state)n.value);
	}
}

static int tell_notices(sluice_peer *p) {
	int ran = 0;
	while (!p->guard.dead && p->notice_count) {
		struct notice n = p->notices[p->notice_first];
		p->notice_first = (p->notice_first + 1) % NOTICES_MAX;
		p->notice_count--;
		ran += tell_notice(p, n);
	}
	return p->guard.dead ? ran : ran + tell_candidates(p);
}

/* Does the way decide what the state is now? */
static bool is_under_way(const sluice_peer *p) {
	return p->state == SLUICE_PEER_CONNECTING || p->state == SLUICE_PEER_CONNECTED;
}

/* DISCONNECTED or FAILED, and CONNECTING or CONNECTED again. */
static int tell_way(sluice_peer *p) {
	enum sluice_peer_state state = sluice_peer_state(p);
	return p->guard.dead || !is_under_way(p) || state == p->told ? 0 : tell_state(p, state);
}

/* ---- how it ends ------------------------------------------------------------------------------------------------- */

/* Decides how the peer ends. What is still to be said is said by the coming output() calls; the last of them concludes. */
static void end(sluice_peer *p, int error, const char *text) {
	if (p->ends_as)
		return;
	p->ends_as = error ? SLUICE_PEER_FAILED : SLUICE_PEER_CLOSED;
	p->error = error;
	p->error_text = text;
	env_log(p->env, SLUICE_LOG_DEBUG, "peer: ends with %d (%s)", error, text);
	if (p->ice)
		negotiation_close(p);
	peer_wake(p);
}

/* The ground went from under the association: no ENDED event will come of it. */
void peer_end(sluice_peer *p, int error, const char *text) {
	channels_end(p->channels, error ? error : SLUICE_CLOSED);
	end(p, error, text);
}

/* Did the association come to an end by itself? Its ENDED event then tells how, and waits in the queue. */
static bool association_is_done(const sluice_peer *p) {
	return p->dtls_up && sluice_sctp_state(p->sctp) == SLUICE_SCTP_CLOSED;
}

static void dtls_came_up(sluice_peer *p) {
	p->dtls_up = true;
	if (p->role_guessed) /* ids go by the role, and only now the guess has proved right */
		sluice_channels_set_role(p->channels, p->role);
	if (p->sped)
		ice_sped_handshake_done(p->ice, p->role == SLUICE_ROLE_CLIENT);
	p->dtls_after = p->now - p->origin;
	/* RFC 8831, 6.2: "The SCTP association will be set up when the two endpoints of the WebRTC PeerConnection agree on
	 * opening it". Both have, so both send INIT, and RFC 9260, 5.2.1 makes one association of the two. */
	int error = p->snap_remote ? sluice_sctp_connect_described(p->sctp, p->snap_remote, p->snap_remote_len)
	                           : sluice_sctp_connect(p->sctp);
	if (error && error != SLUICE_WRONG_STATE)
		peer_end(p, error, sluice_error_text(error));
}

/* The peer's close_notify. SHUTDOWN comes before it; when its last packet was lost and both directions were acknowledged
 * already (SHUTDOWN-ACK-SENT), nothing is missing and the end is an orderly one. */
static void dtls_went_down(sluice_peer *p) {
	if (association_is_done(p))
		return;
	bool complete = sluice_sctp_state(p->sctp) == SLUICE_SCTP_SHUTDOWN_ACK_SENT;
	channels_end(p->channels, complete ? 0 : SLUICE_CLOSED);
	end(p, 0, "closed by the peer");
}

void peer_follow_dtls(sluice_peer *p) {
	if (p->ends_as || !p->dtls)
		return;
	enum dtls_state state = dtls_state(p->dtls);
	if (state == DTLS_CONNECTED && !p->dtls_up)
		dtls_came_up(p);
	else if (state == DTLS_CLOSED)
		dtls_went_down(p);
	else if (state == DTLS_FAILED) {
		const char *text = "";
		int error = dtls_error(p->dtls, &text);
		peer_end(p, error, text);
	}
}

/* ---- what the channels say --------------------------------------------------------------------------------------- */

static void on_connected(sluice_channels *set, void *user) {
	(void)set;
	sluice_peer *p = user;
	if (p->state != SLUICE_PEER_CONNECTING || p->ends_as)
		return;
	p->sctp_after = p->now - p->origin;
	peer_enter(p, SLUICE_PEER_CONNECTED);
	tell_states(p, SLUICE_PEER_CONNECTED); /* before any channel opens */
}

static void on_ended(sluice_channels *set, int error, void *user) {
	(void)set;
	sluice_peer *p = user;
	const char *text = "";
	sluice_sctp_error(p->sctp, &text);
	/* An app ended the connection on purpose, ours or the peer's: an ABORT with cause 12 is how browsers close. What it cut
	 * off is the channels' to tell. */
	if (p->aborting || error == SLUICE_CLOSED)
		error = 0;
	end(p, error, text);
}

static void on_mtu(sluice_channels *set, uint32_t mtu, void *user) {
	(void)set;
	sluice_peer *p = user;
	if (p->config.on_mtu)
		p->config.on_mtu(p, mtu, p->config.user);
}

static void on_channel(sluice_channels *set, sluice_channel *ch, void *user) {
	(void)set;
	sluice_peer *p = user;
	p->config.on_channel(p, ch, p->config.user);
}

/* ---- making and freeing ------------------------------------------------------------------------------------------ */

void sluice_peer_config_init(sluice_peer_config *config) {
	*config = (sluice_peer_config){
		.size = sizeof *config,
		.mtu = MTU_DEFAULT,
		.dtls_first_timeout = FIRST_TIMEOUT_DEFAULT,
		.dtls_timeout = DTLS_TIMEOUT_DEFAULT,
	};
	sluice_sctp_config_init(&config->sctp);
	config->sctp.checksum = SLUICE_CHECKSUM_DTLS;
}

/* The largest packet whose datagram has at most that many bytes. */
static uint32_t packet_mtu(uint32_t datagram, enum sluice_role role) {
	return (datagram - ROOMS_MAX - (role ? 0 : RELAY_ROOM)) & ~3u;
}

/* The app's config over our defaults, as far as the app's version of the struct reaches. */
static int read_config(const sluice_peer_config *given, sluice_peer_config *c) {
	if (!given || given->size == 0 || given->size > sizeof *c)
		return SLUICE_INVALID;
	sluice_peer_config_init(c);
	memcpy(c, given, given->size);
	c->size = sizeof *c;
	if (!c->mtu)
		c->mtu = MTU_DEFAULT;
	if (!c->dtls_first_timeout)
		c->dtls_first_timeout = FIRST_TIMEOUT_DEFAULT;
	if (!c->dtls_timeout)
		c->dtls_timeout = DTLS_TIMEOUT_DEFAULT;
	if ((unsigned)c->role > SLUICE_ROLE_SERVER)
		return SLUICE_INVALID;
	if (c->mtu < HANDSHAKE_MIN + CHECK_ROOM) {
		c->offer_sped = false;
		c->refuse_sped = true;
	}
	/* DTLS embedded in checks may be up long before the other side has our answer and takes data. As for DTLS itself, ICE
	 * tells whether that side lives, and what was lost with one path waits for the next. */
	if (!c->role && !c->sctp.init_max_retransmits)
		c->sctp.init_max_retransmits = UINT32_MAX;
	if (!c->role && !c->sctp.association_max_retransmits)
		c->sctp.association_max_retransmits = UINT32_MAX;
	if (c->mtu < MTU_MIN || c->mtu > MTU_MAX || c->path.remote_len > sizeof c->path.remote)
		return SLUICE_INVALID;
	/* A multiple of four, so that full packets come out equal (SCTP pads chunks to four) and share one GSO send. */
	c->sctp.mtu = packet_mtu(c->mtu, c->role);
	if (c->sctp.mtu_max > packet_mtu(MTU_FOUND_MAX, c->role))
		c->sctp.mtu_max = packet_mtu(MTU_FOUND_MAX, c->role);
	return 0;
}

static int make_certificate(sluice_peer *p, const sluice_peer_config *c) {
	if (!c->certificate)
		return sluice_certificate_generate(&p->certificate);
	p->certificate = c->certificate;
	sluice_certificate_retain(p->certificate);
	return 0;
}

static size_t handshake_mtu(const sluice_peer *p) {
	if (!p->ice)
		return p->config.mtu;
	if (!p->sped)
		return p->config.mtu - INDICATION_ROOM;
	size_t embedded = p->config.mtu - CHECK_ROOM;
	return embedded < ICE_SPED_MTU ? embedded : ICE_SPED_MTU;
}

int peer_make_dtls(sluice_peer *p, enum sluice_role role) {
	struct dtls_config config = {
		.client = role == SLUICE_ROLE_CLIENT,
		.certificate = p->certificate,
		.remote = p->config.remote_fingerprint,
		.mtu = p->config.mtu > MTU_FOUND_MAX ? p->config.mtu : MTU_FOUND_MAX,
		.handshake_mtu = handshake_mtu(p),
		.first_timeout = p->config.dtls_first_timeout,
		/* ICE asks the path all the time. While it answers, the other side lives and may take as long as a person needs
		 * to carry an answer; when it does not, ICE ends the peer. */
		.patience = p->ice ? SLUICE_NEVER : p->config.dtls_timeout,
		.ciphers = p->config.dtls_ciphers,
		.resume = p->config.dtls_resume,
	};
	return dtls_new(p->env, &config, &p->dtls);
}

static int make_channels(sluice_peer *p, const sluice_peer_config *c) {
	sluice_channels_config config = {
		.on_channel = c->on_channel ? on_channel : NULL,
		.on_connected = on_connected,
		.on_ended = on_ended,
		.on_mtu = on_mtu,
		.user = p,
		.role = c->role,
		/* The description will tell. */
		.max_message_size = c->role || c->remote_max_message_size ? c->remote_max_message_size : UINT64_MAX,
		.max_channels = c->max_channels,
	};
	int error = sluice_channels_new(p->env, p->sctp, &config, &p->channels);
	if (error)
		return error;
	channels_set_owner(p->channels, p);
	channels_set_wake(p->channels, wake_by_layer, p);
	return 0;
}

static int make_layers(sluice_peer *p, const sluice_peer_config *c) {
	int error = make_certificate(p, c);
	if (!error && c->role)
		error = peer_make_dtls(p, c->role);
	if (!error && !c->role)
		error = underlay_make(p, c);
	if (!error)
		error = sluice_sctp_new(p->env, &c->sctp, &p->sctp);
	if (!error)
		error = make_channels(p, c);
	if (!error)
		sluice_sctp_set_wake(p->sctp, wake_by_layer, p);
	return error;
}

static void destroy(sluice_peer *p) {
	sluice_channels_free(p->channels);
	sluice_sctp_free(p->sctp);
	dtls_free(p->dtls);
	negotiation_free(p);
	if (p->ice)
		underlay_free(p);
	sluice_certificate_release(p->certificate);
	env_free(p->env, p);
}

int sluice_peer_new(sluice_env *env, const sluice_peer_config *config, sluice_peer **out) {
	sluice_peer_config c;
	int error = read_config(config, &c);
	if (error)
		return error;
	sluice_peer *p = env_zalloc(env, sizeof *p);
	if (!p)
		return SLUICE_NO_MEMORY;
	p->env = env;
	p->path = c.path;
	p->error_text = "";
	p->way = SLUICE_PEER_CONNECTED;
	p->dtls_after = p->sctp_after = p->channel_after = p->dtls_started_after = SLUICE_NEVER;
	p->gathered_after = p->checking_after = p->ice_after = SLUICE_NEVER;
	p->config = c;
	p->role = c.role;
	negotiation_init(p);
	error = make_layers(p, &c);
	if (error) {
		destroy(p);
		return error;
	}
	*out = p;
	return 0;
}

void sluice_peer_free(sluice_peer *p) {
	if (!p || p->guard.dead)
		return;
	bool unused = guard_kill(&p->guard);
	p->wake = NULL;
	if (p->on_free)
		p->on_free(p->on_free_ctx);
	if (unused) {
		destroy(p);
		return;
	}
	/* A callback of ours frees us: the channels fall silent now, and the dispatch() below us on the stack frees the rest
	 * when it has unwound, so that no layer is gone while its function still runs. */
	sluice_channels_free(p->channels);
	p->channels = NULL;
}

int sluice_peer_start(sluice_peer *p) {
	if (p->ice || p->state != SLUICE_PEER_NEW || p->ends_as)
		return SLUICE_WRONG_STATE;
	p->start_due = true; /* DTLS wants to know the time; the next verb has it */
	peer_enter(p, SLUICE_PEER_CONNECTING);
	return 0;
}

void sluice_peer_close(sluice_peer *p) {
	if (p->ends_as || p->state >= SLUICE_PEER_CLOSING)
		return;
	bool delivers = p->state == SLUICE_PEER_CONNECTED && p->way != SLUICE_PEER_FAILED;
	if (!delivers) {
		sluice_peer_abort(p, NULL); /* nothing was accepted yet, or it has no way */
		return;
	}
	peer_enter(p, SLUICE_PEER_CLOSING);
	sluice_sctp_shutdown(p->sctp);
}

void sluice_peer_abort(sluice_peer *p, const char *reason) {
	if (p->ends_as || p->aborting)
		return;
	p->aborting = true;
	if (p->state < SLUICE_PEER_CLOSING)
		peer_enter(p, SLUICE_PEER_CLOSING);
	if (p->dtls_up)
		sluice_sctp_abort(p->sctp, reason); /* its ENDED event ends us */
	else
		peer_end(p, 0, "");
	peer_wake(p);
}

int sluice_peer_set_remote_fingerprint(sluice_peer *p, const sluice_fingerprint *f) {
	if (p->ends_as)
		return SLUICE_CLOSED;
	if (p->ice)
		return SLUICE_WRONG_STATE;
	int error = dtls_set_remote(p->dtls, f);
	peer_follow_dtls(p);
	p->records_wait = p->dtls_up; /* what came in the meantime was kept sealed, and needs a time to be taken */
	peer_wake(p);
	return error;
}

/* ---- the verbs --------------------------------------------------------------------------------------------------- */

/* A server that waits for whoever comes has nobody yet whose silence would mean anything. */
static bool can_start_direct(const sluice_peer *p) {
	return p->start_due && !p->ice && (p->role == SLUICE_ROLE_CLIENT || p->path.remote_len);
}

static void start_direct(sluice_peer *p) {
	p->start_due = false;
	p->dtls_started_after = p->now - p->origin;
	int error = dtls_start(p->dtls, p->now);
	if (error)
		peer_end(p, error, sluice_error_text(error));
}

/* Every verb goes on with the time that this returns. */
static uint64_t begin_verb(sluice_peer *p, uint64_t now) {
	now = clock_forward(&p->now, now);
	if (!p->has_origin) {
		p->has_origin = true;
		p->origin = now;
	}
	if (can_start_direct(p))
		start_direct(p);
	return now;
}

/* May what comes from there speak for the peer? An address that was neither given nor learnt may, if it looks like DTLS.
 * Another one may not while the handshake runs; later it may, because every record has to authenticate (see moved). */
static bool admits(sluice_peer *p, const sluice_path *path, const sluice_datagram *datagrams) {
	if (!path || !path->remote_len)
		return true;
	if (!p->path.remote_len) {
		if (!path_is_dtls(datagrams))
			return false;
		p->path = *path;
		return true;
	}
	return p->dtls_up || path_equal(path, &p->path);
}

/* Records from a new address were genuine and no replay: the other side's NAT gave it a new address (or it moved), and that
 * is where it will hear us. */
static void follow_path(sluice_peer *p, const sluice_path *path) {
	if (p->ice || !path || !path->remote_len || path_equal(path, &p->path))
		return;
	env_log(p->env, SLUICE_LOG_INFO, "peer: the other side speaks from a new address");
	p->path = *path;
	sluice_sctp_path_changed(p->sctp);
}

int peer_input_records(sluice_peer *p, const sluice_path *path, sluice_datagram *datagrams, size_t count, uint64_t now) {
	sluice_datagram opened[OPEN_MAX];
	int error = 0;
	size_t n = dtls_open(p->dtls, datagrams, count, opened, OPEN_MAX, now);
	if (!p->dtls_up)
		peer_follow_dtls(p);
	if (n) {
		if (p->ice && path)
			ice_note_data(p->ice, path, now);
		follow_path(p, path);
		error = sluice_sctp_input(p->sctp, opened, n, now);
	}
	/* Only now: an association that ended in this very batch has the first word on how. */
	peer_follow_dtls(p);
	return error;
}

/* What DTLS kept sealed until the fingerprint was told. It comes by itself, lest the path of a stranger's datagram that is
 * here at the same time pass for the path of these genuine ones. */
static int input_waiting(sluice_peer *p, uint64_t now) {
	if (!p->records_wait)
		return 0;
	p->records_wait = false;
	return peer_input_records(p, NULL, NULL, 0, now);
}

/* A direct peer's datagrams. */
static int input_direct(sluice_peer *p, const sluice_path *path, sluice_datagram *datagrams, size_t count, uint64_t now) {
	int error = 0;
	if (!admits(p, path, datagrams)) {
		p->strays += count;
		return 0;
	}
	if (p->start_due)
		start_direct(p);
	for (size_t i = 0; i < count; i += OPEN_MAX / 2) {
		size_t n = count - i < OPEN_MAX / 2 ? count - i : OPEN_MAX / 2;
		int result = peer_input_records(p, path, datagrams + i, n, now);
		error = result ? result : error;
	}
	return error;
}

int sluice_peer_input(sluice_peer *p, const sluice_path *path, sluice_datagram *datagrams, size_t count, uint64_t now) {
	now = begin_verb(p, now);
	if (!count || (p->state == SLUICE_PEER_NEW && !p->ice) || p->ends_as)
		return 0;
	int error = input_waiting(p, now);
	uint64_t strays = p->strays, bytes = 0;
	for (size_t k = 0; k < count; k++)
		bytes += datagrams[k].len;
	int result = p->ice ? underlay_input(p, path, datagrams, count, now) : input_direct(p, path, datagrams, count, now);
	if (p->strays == strays) {
		p->datagrams_received += count;
		p->bytes_received += bytes;
	}
	return result ? result : error;
}

void sluice_peer_advance(sluice_peer *p, uint64_t now) {
	now = begin_verb(p, now);
	if (p->ends_as)
		return;
	input_waiting(p, now);
	if (p->ice)
		underlay_advance(p, now);
	if (p->dtls && !p->start_due)
		dtls_advance(p->dtls, now);
	peer_follow_dtls(p);
	if (!p->ice || p->routed)
		sluice_sctp_advance(p->sctp, now);
}

static int output_packets(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	batch->headroom = dtls_headroom(p->dtls);
	batch->tailroom = dtls_tailroom(p->dtls);
	int n = sluice_sctp_output(p->sctp, batch, now);
	if (n > 0) {
		int error = dtls_seal(p->dtls, batch);
		if (error) {
			peer_end(p, error, sluice_error_text(error));
			n = 0;
		}
	}
	batch->headroom = batch->tailroom = 0;
	return n;
}

/* What is due, most urgent first: handshake and alerts; packets; and behind the last packet the close_notify. */
int peer_output_records(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	int n = p->dtls ? dtls_output(p->dtls, batch, now) : 0;
	if (!n && p->dtls && dtls_state(p->dtls) == DTLS_CONNECTED)
		n = output_packets(p, batch, now);
	if (n || !p->ends_as || p->said_goodbye)
		return n;
	p->said_goodbye = true;
	if (!p->dtls)
		return 0;
	dtls_close(p->dtls);
	return dtls_output(p->dtls, batch, now);
}

static int output_direct(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	int n = peer_output_records(p, batch, now);
	if (n > 0)
		batch->path = p->path;
	return n;
}

/* Behind the goodbye: allocations at TURN servers end. */
static int output_last(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	if (!p->ice)
		return 0;
	if (ice_state(p->ice) != ICE_CLOSED) {
		ice_close(p->ice);
		peer_notice(p, NOTICE_ICE, SLUICE_ICE_CLOSED);
	}
	return ice_output(p->ice, batch, now);
}

int sluice_peer_output(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	now = begin_verb(p, now);
	p->woken = false;
	batch->count = 0;
	if ((p->state == SLUICE_PEER_NEW && !p->ice) || peer_is_over(p))
		return 0;
	int n = p->ice ? underlay_output(p, batch, now) : output_direct(p, batch, now);
	peer_follow_dtls(p);
	if (n == 0 && p->said_goodbye)
		n = output_last(p, batch, now);
	if (n > 0) {
		p->datagrams_sent += batch->count;
		p->bytes_sent += sluice_batch_len(batch);
	} else if (n == 0 && p->said_goodbye) {
		peer_enter(p, p->ends_as);
	}
	return n;
}

/* ---- the path's MTU ------------------------------------------------------------------------------------------------- */

void sluice_peer_discover_mtu(sluice_peer *p) {
	/* Not by ICE unless the app asks for it: a relay may lie behind any candidate, and what Chromium gets from a TURN server
	 * over TCP in records of more than a few kilobytes ends its connection to that server. */
	if (p->config.sctp.mtu_max == 0 && p->config.role)
		sluice_sctp_set_mtu_max(p->sctp, packet_mtu(MTU_FOUND_MAX, p->role));
}

/* RFC 8899, 4.6.2: what a PTB message says, less the headers of IP and UDP and what stands between them and SCTP. */
void sluice_peer_mtu_hint(sluice_peer *p, const sluice_path *path, uint32_t mtu, bool sure) {
	size_t headers = (path->remote.ss_family == AF_INET6 ? 40 : 20) + 8 + ROOMS_MAX;
	if (p->ice)
		headers += ice_headroom(p->ice);
	/* Over a relay the path is named by the addresses behind it. */
	bool ours = path_equal(path, &p->path) || (p->ice && ice_headroom(p->ice));
	if (ours && p->dtls_up && mtu > headers)
		sluice_sctp_mtu_hint(p->sctp, (uint32_t)(mtu - headers), sure);
}

static bool has_something_to_tell(const sluice_peer *p) {
	return p->untold || p->notice_count || p->candidates || (is_under_way(p) && sluice_peer_state(p) != p->told);
}

uint64_t sluice_peer_deadline(const sluice_peer *p) {
	if (has_something_to_tell(p) || p->records_wait || can_start_direct(p))
		return 0;
	if (peer_is_over(p))
		return SLUICE_NEVER;
	if (p->ends_as)
		return 0;
	if (p->ice)
		return underlay_deadline(p);
	uint64_t dtls = dtls_deadline(p->dtls);
	uint64_t sctp = p->dtls_up ? sluice_sctp_deadline(p->sctp) : SLUICE_NEVER; /* before, nothing of it can leave */
	return dtls < sctp ? dtls : sctp;
}

int sluice_peer_dispatch(sluice_peer *p) {
	if (guard_is_busy(&p->guard))
		return 0;
	guard_enter(&p->guard);
	p->woken = false; /* here too: while the driver's socket is full, output() may be far away */
	/* The end is told last, when every channel has said its own goodbye. */
	int ran = tell_notices(p);
	ran += tell_states(p, SLUICE_PEER_CLOSING);
	ran += tell_way(p);
	if (!p->guard.dead)
		ran += sluice_channels_dispatch(p->channels);
	if (!p->guard.dead && p->channel_after == SLUICE_NEVER && channels_open_count(p->channels))
		p->channel_after = p->now - p->origin;
	if (!p->guard.dead)
		ran += tell_notices(p);
	ran += tell_states(p, SLUICE_PEER_FAILED);
	if (guard_leave(&p->guard))
		destroy(p);
	return ran;
}

void sluice_peer_set_wake(sluice_peer *p, void (*fn)(void *ctx), void *ctx) {
	p->wake = fn;
	p->wake_ctx = ctx;
	p->woken = false;
}

void peer_on_free(sluice_peer *p, void (*fn)(void *ctx), void *ctx) {
	p->on_free = fn;
	p->on_free_ctx = ctx;
}

bool peer_has_driver(const sluice_peer *p) {
	return p->on_free != NULL;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

int sluice_peer_open_channel(sluice_peer *p, const sluice_channel_config *config, sluice_channel **out) {
	if (p->ends_as || p->state >= SLUICE_PEER_CLOSING)
		return SLUICE_CLOSED;
	int error = sluice_channel_open(p->channels, config, out);
	if (error)
		return error;
	p->negotiation.wanted_channel = true;
	negotiation_update(p);
	return 0;
}

sluice_peer *sluice_channel_peer(const sluice_channel *ch) {
	return channels_owner(sluice_channel_set_of(ch));
}

enum sluice_peer_state sluice_peer_state(const sluice_peer *p) {
	if (p->state == SLUICE_PEER_CONNECTED || (p->state == SLUICE_PEER_CONNECTING && p->way == SLUICE_PEER_FAILED))
		return p->way;
	return p->state;
}

enum sluice_ice_state sluice_peer_ice_state(const sluice_peer *p) {
	return p->ice ? underlay_ice_state(p) : SLUICE_ICE_NEW;
}

enum sluice_gathering_state sluice_peer_gathering_state(const sluice_peer *p) {
	return p->ice ? (enum sluice_gathering_state)ice_gathering(p->ice) : SLUICE_GATHERING_NEW;
}

int sluice_peer_error(const sluice_peer *p, const char **text) {
	if (text)
		*text = p->error_text;
	return p->error;
}

void *sluice_peer_user(const sluice_peer *p) {
	return p->config.user;
}

void sluice_peer_set_user(sluice_peer *p, void *user) {
	p->config.user = user;
}

const char *sluice_peer_cipher(const sluice_peer *p) {
	return p->dtls ? dtls_cipher(p->dtls) : "";
}

int sluice_peer_local_fingerprint(const sluice_peer *p, enum sluice_hash hash, sluice_fingerprint *out) {
	return sluice_certificate_fingerprint(p->certificate, hash, out);
}

int sluice_peer_remote_fingerprint(const sluice_peer *p, enum sluice_hash hash, sluice_fingerprint *out) {
	return p->dtls ? dtls_remote_fingerprint(p->dtls, hash, out) : SLUICE_WRONG_STATE;
}

int sluice_peer_remote_certificate(const sluice_peer *p, void *der, size_t size) {
	return p->dtls ? dtls_remote_der(p->dtls, der, size) : SLUICE_WRONG_STATE;
}

int sluice_peer_export(sluice_peer *p, const char *label, void *out, size_t len) {
	return p->dtls_up ? dtls_export(p->dtls, label, out, len) : SLUICE_WRONG_STATE;
}

static bool negotiation_check(const struct negotiation *n) {
	unsigned early = 0;
	for (const struct early_candidate *c = n->early; c; c = c->next)
		early++;
	if (early != n->early_count || early > EARLY_CANDIDATES_MAX)
		return false;
	if (n->state == SLUICE_SIGNALING_CLOSED)
		return true;
	return (n->state == SLUICE_SIGNALING_HAVE_LOCAL_OFFER) == (n->local_pending.type != 0) &&
	       (n->state == SLUICE_SIGNALING_HAVE_REMOTE_OFFER) == (n->remote_pending.text != NULL);
}

bool peer_check(const sluice_peer *p) {
	if (p->untold >> (p->state + 1) || p->state == SLUICE_PEER_DISCONNECTED)
		return false;
	if (p->ends_as && p->ends_as < SLUICE_PEER_CLOSED)
		return false;
	if (peer_is_over(p) && p->state != p->ends_as)
		return false;
	if (!p->dtls_up && sluice_sctp_state(p->sctp) != SLUICE_SCTP_CLOSED)
		return false;
	if (p->datagrams_sent > p->bytes_sent || p->notice_count > NOTICES_MAX)
		return false;
	if (p->ice ? !ice_check(p->ice) || !negotiation_check(&p->negotiation) : !p->dtls)
		return false;
	return (!p->dtls || dtls_check(p->dtls)) && association_check(p->sctp) && channels_check(p->channels);
}
