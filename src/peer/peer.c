/* peer: how do the underlay, DTLS, the association and its channels make one engine? The four verbs, and the life of a peer.
 *
 * Downwards: what the underlay has due goes first, then records (records.c). Upwards: the underlay sorts what came into spans,
 * and this file alone gives each to its engine. A peer says goodbye in this order: SHUTDOWN or ABORT, then close_notify, and only
 * then the app is notified of CLOSED or FAILED, so that an app which frees the peer in that callback has cut nothing off.
 *
 * It need not know what a channel says, how a record is sealed, or what a socket is. */
#include <string.h>

#include "base/clock.h"
#include "base/prefetch.h"
#include "peer/connection.h"
#include "sctp/sctp.h"

#define HANDSHAKE_MIN 256 /* the least that DTLS wants */
#define MTU_DEFAULT 1200
#define MTU_MIN 400   /* a ClientHello and a certificate in a sane number of fragments */
#define MTU_MAX 16384 /* one record carries at most 2^14 bytes; RFC 6347, 4.1.1 */
#define FIRST_TIMEOUT_DEFAULT (50 * SLUICE_MS)
#define DTLS_TIMEOUT_DEFAULT (30 * SLUICE_S)

/* ---- what the channels say --------------------------------------------------------------------------------------- */

static void on_connected(sluice_channels *set, void *user) {
	sluice_peer *p = user;
	if (set != p->channels)
		return;
	if (p->sctp_after == SLUICE_NEVER)
		p->sctp_after = p->now - p->origin;
	if (p->state != SLUICE_PEER_CONNECTING || p->ends_as)
		return;
	peer_enter(p, SLUICE_PEER_CONNECTED);
	tell_states(p, SLUICE_PEER_CONNECTED); /* before any channel opens */
}

/* Who rejects data ends the association, and that may overtake the answer. A peer that closes sends a close_notify, too. */
static bool may_be_rejected(const sluice_peer *p) {
	return p->negotiation.state == SLUICE_SIGNALING_HAVE_LOCAL_OFFER && p->negotiation.media_agreed &&
	       p->state < SLUICE_PEER_CLOSING && !p->aborting && dtls_state(p->dtls) == DTLS_CONNECTED;
}

static void on_ended(sluice_channels *set, int error, void *user) {
	sluice_peer *p = user;
	const char *text = "";
	if (set != p->channels || (p->data_over && p->state < SLUICE_PEER_CLOSING))
		return;
	/* An app ended the connection on purpose, ours or the other side's: browsers close by an ABORT with cause 12. Each
	 * channel's on_closed says whether something was cut off. */
	if (p->aborting || error == SLUICE_CLOSED)
		error = 0;
	if (may_be_rejected(p)) {
		p->end_waits = true;
		p->end_error = error;
		return;
	}
	sluice_sctp_error(p->sctp, &text);
	peer_conclude(p, error, text);
}

static void on_mtu(sluice_channels *set, uint32_t mtu, void *user) {
	sluice_peer *p = user;
	if (p->config.on_mtu && set == p->channels)
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
	/* DTLS embedded in checks may be up long before the other side has our answer and takes data. ICE knows whether that side
	 * lives, so the association does not give up. What was lost with one path waits for the next. */
	if (!c->role && !c->sctp.init_max_retransmits)
		c->sctp.init_max_retransmits = UINT32_MAX;
	if (!c->role && !c->sctp.association_max_retransmits)
		c->sctp.association_max_retransmits = UINT32_MAX;
	if (c->mtu < MTU_MIN || c->mtu > MTU_MAX || c->path.remote_len > sizeof c->path.remote)
		return SLUICE_INVALID;
	/* A multiple of four, so that full packets come out equal (SCTP pads chunks to four) and share one GSO send. */
	c->sctp.mtu = peer_packet_mtu(c->mtu, c->role);
	if (c->sctp.mtu_max > peer_packet_mtu(MTU_FOUND_MAX, c->role))
		c->sctp.mtu_max = peer_packet_mtu(MTU_FOUND_MAX, c->role);
	return 0;
}

static int make_certificate(sluice_peer *p, const sluice_peer_config *c) {
	if (!c->certificate)
		return sluice_certificate_generate(&p->certificate);
	p->certificate = c->certificate;
	sluice_certificate_retain(p->certificate);
	return 0;
}

static void describe_data(sluice_peer *p, const sluice_peer_config *c) {
	p->data_config = (sluice_channels_config){
		.on_channel = c->on_channel ? on_channel : NULL,
		.on_connected = on_connected,
		.on_ended = on_ended,
		.on_mtu = on_mtu,
		.user = p,
		.role = c->role,
		/* By offer and answer the description will say it. */
		.max_message_size = c->role || c->remote_max_message_size ? c->remote_max_message_size : UINT64_MAX,
		.max_channels = c->max_channels,
	};
}

/* By offer and answer DTLS is made when its role is known. */
static int make_below(sluice_peer *p) {
	if (!peer_is_direct(p))
		return underlay_ice_init(&p->below, p->env, &p->config);
	underlay_direct_init(&p->below, p->env, &p->config.path);
	return role_make_dtls(p, p->config.role);
}

static int make_layers(sluice_peer *p, const sluice_peer_config *c) {
	int error = make_certificate(p, c);
	if (!error)
		error = make_below(p);
	return error ? error : data_make(p);
}

static void free_all(sluice_peer *p) {
	media_close(p);
	transceivers_free(p);
	data_free_past(p);
	sluice_channels_free(p->channels);
	sluice_sctp_free(p->sctp);
	dtls_free(p->dtls);
	negotiation_free(p);
	underlay_free(&p->below);
	follow_drop_candidates(p);
	env_free(p->env, p->snap_remote);
	env_free(p->env, p->snap_local);
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
	p->error_text = "";
	p->receive_room = UINT64_MAX;
	p->way = SLUICE_PEER_CONNECTED;
	p->dtls_after = p->sctp_after = p->channel_after = p->dtls_started_after = SLUICE_NEVER;
	p->gathered_after = p->checking_after = p->ice_after = SLUICE_NEVER;
	p->config = c;
	p->role = c.role;
	p->begun = !peer_is_direct(p);
	p->candidates_end = &p->candidates;
	negotiation_init(p);
	describe_data(p, &c);
	error = make_layers(p, &c);
	if (error) {
		free_all(p);
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
		free_all(p);
		return;
	}
	/* A callback of ours frees us: the channels fall silent now, and the dispatch() below us on the stack frees the rest
	 * when it has unwound, so that no layer is gone while its function still runs. */
	sluice_channels_free(p->channels);
	p->channels = NULL;
	for (struct past_data *past = p->past; past; past = past->next) {
		sluice_channels_free(past->channels);
		past->channels = NULL;
	}
	media_close(p);
}

int sluice_peer_start(sluice_peer *p) {
	if (p->begun || p->ends_as)
		return SLUICE_WRONG_STATE;
	p->begun = p->start_due = true; /* DTLS wants to know the time; the next verb has it */
	peer_enter(p, SLUICE_PEER_CONNECTING);
	return 0;
}

/* Does the end of the association end us, too? */
static bool carries_data(const sluice_peer *p) {
	return p->sctp_begun && !(p->data_over && sluice_sctp_state(p->sctp) == SLUICE_SCTP_CLOSED);
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
	transceivers_end(p);
	if (carries_data(p))
		sluice_sctp_shutdown(p->sctp);
	else
		peer_end(p, 0, "");
}

void sluice_peer_abort(sluice_peer *p, const char *reason) {
	if (p->ends_as || p->aborting)
		return;
	p->aborting = p->begun = true;
	if (p->state < SLUICE_PEER_CLOSING)
		peer_enter(p, SLUICE_PEER_CLOSING);
	transceivers_end(p);
	if (carries_data(p))
		sluice_sctp_abort(p->sctp, reason); /* its ENDED event ends us */
	else
		peer_end(p, 0, "");
	peer_wake(p);
}

int sluice_peer_set_remote_fingerprint(sluice_peer *p, const sluice_fingerprint *f) {
	if (p->ends_as)
		return SLUICE_CLOSED;
	if (!peer_is_direct(p))
		return SLUICE_WRONG_STATE;
	int error = dtls_set_remote(p->dtls, f);
	records_follow_dtls(p);
	p->records_wait = p->dtls_up; /* what came in the meantime was kept sealed, and needs a time to be taken */
	peer_wake(p);
	return error;
}

/* ---- the verbs --------------------------------------------------------------------------------------------------- */

/* Every verb goes on with the time that this returns. */
static uint64_t begin_verb(sluice_peer *p, uint64_t now) {
	now = clock_forward(&p->now, now);
	if (!p->has_origin) {
		p->has_origin = true;
		p->origin = now;
	}
	if (p->start_due)
		role_try_start(p);
	return now;
}

/* What is not for the peer was counted with its batch. A check that brought a record was for the peer, whatever becomes of the
 * record. */
static void note_strays(sluice_peer *p, const struct underlay_span *span) {
	if (span->embedded)
		return;
	p->strays += span->count;
	p->datagrams_received -= span->count;
	for (size_t i = 0; i < span->count; i++)
		p->bytes_received -= span->datagrams[i].len;
}

/* ---- rest --------------------------------------------------------------------------------------------------------- */

/* An idle peer hears and sends nothing but checks and answers. If each verb asked DTLS, the association and the channels what
 * they have to do, their memory would be fetched for nothing: it has left the cache since the last check. So behind a check the
 * peer keeps the time when the first of them has something to do. Until then the verbs call the underlay alone. Whatever touches
 * the others ends the rest: records, an event of the underlay, a timer, and every call of the app that makes something due, since
 * that calls the wake hook. */
static bool peer_rests(const sluice_peer *p, uint64_t now) {
	return now < p->rests_until;
}

/* A rest whose time has come is over. */
static void end_rest(sluice_peer *p, uint64_t now) {
	if (p->rests_until && now >= p->rests_until)
		peer_stir(p);
}

static uint64_t due_above(const sluice_peer *p);

static bool may_rest(const sluice_peer *p) {
	return p->dispatched && !p->woken && !p->media && !p->past && p->state == SLUICE_PEER_CONNECTED && !p->ends_as;
}

/* There is nothing to put out. A callback may be due that dispatch() has not run, and then there is no rest. Nor is there one
 * without a route: the association wakes us once and not again before it has put out what it has. */
static void try_rest(sluice_peer *p, uint64_t now) {
	if (!p->checked || !p->below.routed || !may_rest(p))
		return;
	p->checked = false;
	uint64_t at = due_above(p);
	if (at > now && !guard_is_busy(&p->guard) && !association_has_event(p->sctp))
		p->rests_until = at;
}

/* ---- in ----------------------------------------------------------------------------------------------------------- */

/* Gives a span to the engine that speaks its protocol. */
static int input_span(sluice_peer *p, const struct underlay_span *span, uint64_t now) {
	peer_stir(p);
	if (span->kind == PACKET_RTP && media_takes(p)) {
		underlay_taken(&p->below, span, now);
		return media_input(p, span, now);
	}
	if (span->kind != PACKET_DTLS || !(p->dtls_up || role_hears(p, span->datagrams))) {
		note_strays(p, span);
		return 0;
	}
	underlay_taken(&p->below, span, now);
	return records_input(p, span, now);
}

static int input_spans(sluice_peer *p, struct underlay_input *in, uint64_t now) {
	struct underlay_span span;
	int error = 0;
	unsigned spans = 0;
	for (; !p->ends_as && underlay_next(&p->below, in, &span, now); spans++) {
		if (span.eventful)
			follow_underlay(p);
		int result = input_span(p, &span, now);
		error = result ? result : error;
	}
	p->checked |= spans == 0;
	follow_underlay(p);
	return error;
}

int sluice_peer_input(sluice_peer *p, const sluice_path *path, sluice_datagram *datagrams, size_t count, uint64_t now) {
	now = begin_verb(p, now);
	if (!count || !p->begun || p->ends_as)
		return 0;
	int error = records_input_waiting(p, now);
	struct underlay_input in;
	underlay_begin(&in, path, datagrams, count);
	uint64_t bytes = 0;
	for (size_t k = 0; k < count; k++)
		bytes += datagrams[k].len;
	p->datagrams_received += count;
	p->bytes_received += bytes;
	int result = input_spans(p, &in, now);
	return result ? result : error;
}

void sluice_peer_advance(sluice_peer *p, uint64_t now) {
	now = begin_verb(p, now);
	if (p->ends_as)
		return;
	end_rest(p, now);
	records_input_waiting(p, now);
	underlay_advance(&p->below, now);
	follow_underlay(p);
	if (peer_rests(p, now))
		return;
	role_speak_first(p, now);
	if (p->start_due)
		role_try_start(p);
	if (p->dtls && !p->start_due)
		dtls_advance(p->dtls, now);
	records_follow_dtls(p);
	if (p->below.routed)
		sluice_sctp_advance(p->sctp, now);
	if (p->media)
		media_advance(p, now);
}

/* What goes over the route. SLUICE_WOULD_BLOCK: it went another way. */
static int output_data(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	size_t capacity = batch->capacity, most = batch->max_datagrams;
	int n = underlay_reserve(&p->below, batch);
	if (!n)
		n = records_output(p, batch, now);
	batch->capacity = capacity;
	batch->max_datagrams = most;
	int error = n > 0 ? underlay_finish(&p->below, batch, now) : 0;
	return error ? error : n;
}

/* Most urgent first. Flights that are embedded are handed over before the checks and answers that carry them. */
static int output_next(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	if (!p->dtls_up)
		records_embed(p, now);
	int n = underlay_output(&p->below, batch, now);
	follow_underlay(p);
	if (n || peer_rests(p, now))
		return n;
	if (p->below.routed)
		return output_data(p, batch, now);
	p->said_goodbye = p->ends_as != 0; /* there is nobody to say it to */
	return 0;
}

/* Rounds in which the underlay took the datagrams; each brings some out by underlay_output. */
#define ROUNDS_MAX 4

static int output_in_rounds(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	for (int i = 0; i < ROUNDS_MAX; i++) {
		int n = output_next(p, batch, now);
		if (n != SLUICE_WOULD_BLOCK)
			return n;
	}
	batch->count = 0;
	return 0;
}

/* Behind the goodbye. */
static int output_last(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	underlay_close(&p->below);
	follow_underlay(p);
	return underlay_output(&p->below, batch, now);
}

int sluice_peer_output(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	now = begin_verb(p, now);
	p->woken = false;
	batch->count = 0;
	if (!p->begun || peer_is_over(p))
		return 0;
	end_rest(p, now);
	int n = output_in_rounds(p, batch, now);
	if (!peer_rests(p, now))
		records_follow_dtls(p);
	if (n == 0 && p->said_goodbye)
		n = output_last(p, batch, now);
	if (n > 0) {
		p->datagrams_sent += batch->count;
		p->bytes_sent += sluice_batch_len(batch);
	} else if (n == 0 && p->said_goodbye) {
		peer_enter(p, p->ends_as);
	} else if (n == 0 && !peer_rests(p, now)) {
		try_rest(p, now);
	}
	return n;
}

/* ---- the driver's sockets ------------------------------------------------------------------------------------------- */

void sluice_peer_set_receive_room(sluice_peer *p, uint64_t bytes, uint64_t waited) {
	p->receive_room = bytes;
	sluice_sctp_set_receive_room(p->sctp, bytes, waited);
}

void sluice_peer_add_socket_drops(sluice_peer *p, uint64_t count) {
	p->socket_drops += count;
}

uint64_t peer_receive_window(const sluice_peer *p) {
	return association_window(p->sctp);
}

/* A flight that has no way to go waits for one, and the underlay brings that. */
static uint64_t dtls_due(const sluice_peer *p) {
	if (!p->dtls || p->start_due)
		return SLUICE_NEVER;
	uint64_t at = dtls_deadline(p->dtls);
	return at > 0 || p->below.routed || underlay_embeds(&p->below) ? at : SLUICE_NEVER;
}

/* Before DTLS is up, nothing of the association can leave. */
static uint64_t association_due(const sluice_peer *p) {
	return p->dtls_up && p->below.routed ? sluice_sctp_deadline(p->sctp) : SLUICE_NEVER;
}

/* When do DTLS, the association, media or the app's callbacks have something to do? */
static uint64_t due_above(const sluice_peer *p) {
	if (tell_is_due(p) || p->records_wait || role_can_start(p) || (p->media && media_dispatch_is_due(p)))
		return 0;
	if (p->ends_as)
		return peer_is_over(p) ? SLUICE_NEVER : 0;
	uint64_t due[] = {role_deadline(p), dtls_due(p), association_due(p), p->media ? media_deadline(p) : SLUICE_NEVER};
	uint64_t at = due[0];
	for (size_t i = 1; i < sizeof due / sizeof *due; i++)
		at = due[i] < at ? due[i] : at;
	return at;
}

uint64_t sluice_peer_deadline(const sluice_peer *p) {
	uint64_t above = p->rests_until ? p->rests_until : due_above(p);
	if (above == 0 || peer_is_over(p))
		return above;
	uint64_t below = underlay_deadline(&p->below);
	return below < above ? below : above;
}

int sluice_peer_dispatch(sluice_peer *p) {
	if (guard_is_busy(&p->guard))
		return 0;
	if (p->rests_until)
		return 0;
	p->dispatched = true;
	guard_enter(&p->guard);
	p->woken = false; /* here too: while the driver's socket is full, output() may be far away */
	/* The end comes last, behind the on_closed of every channel. */
	int ran = tell_notices(p);
	ran += tell_states(p, SLUICE_PEER_CLOSING);
	ran += tell_way(p);
	ran += data_dispatch_past(p);
	if (!p->guard.dead)
		ran += sluice_channels_dispatch(p->channels);
	if (!p->guard.dead && p->channel_after == SLUICE_NEVER && channels_open_count(p->channels))
		p->channel_after = p->now - p->origin;
	if (!p->guard.dead && p->media)
		ran += media_dispatch(p);
	if (!p->guard.dead)
		ran += tell_notices(p);
	ran += tell_states(p, SLUICE_PEER_FAILED);
	if (guard_leave(&p->guard))
		free_all(p);
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

bool peer_admits(const sluice_peer *p, const sluice_path *path) {
	return underlay_admits(&p->below, path);
}

void peer_prefetch_check(const sluice_peer *p) {
	prefetch(p, offsetof(sluice_peer, certificate));
	if (p->below.ice)
		ice_prefetch(p->below.ice);
}

bool peer_is_at_rest(const sluice_peer *p) {
	return p->rests_until != 0;
}

uint64_t peer_proofs(const sluice_peer *p) {
	return underlay_proofs(&p->below);
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

int sluice_peer_open_channel(sluice_peer *p, const sluice_channel_config *config, sluice_channel **out) {
	if (p->ends_as || p->state >= SLUICE_PEER_CLOSING)
		return SLUICE_CLOSED;
	int error = p->data_over ? data_begin_again(p) : 0;
	if (!error)
		error = sluice_channel_open(p->channels, config, out);
	if (error)
		return error;
	p->negotiation.wanted_channel = true;
	negotiation_update(p);
	return 0;
}

sluice_peer *sluice_channel_peer(const sluice_channel *ch) {
	return channels_owner(sluice_channel_set_of(ch));
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
	       (n->state == SLUICE_SIGNALING_HAVE_REMOTE_OFFER) == (n->remote_pending.sdp != NULL);
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
	if (peer_is_direct(p) ? !p->dtls : !negotiation_check(&p->negotiation))
		return false;
	return underlay_check(&p->below) && (!p->dtls || dtls_check(p->dtls)) && association_check(p->sctp) &&
	       channels_check(p->channels);
}
