/* handshake: INIT, INIT-ACK, COOKIE-ECHO, COOKIE-ACK; simultaneous open and restart. RFC 9260, 5. */
#include "base/serial.h"
#include "sctp/addresses.h"
#include "sctp/association.h"

#define STALE_COOKIE_TRIES 3

static uint32_t random_tag(sluice_sctp *a) {
	uint32_t tag;
	do
		tag = env_random32(a->env);
	while (tag == 0);
	return tag;
}

void handshake_reset(sluice_sctp *a) {
	a->local_tag = random_tag(a);
	a->local_tsn = env_random32(a->env);
	a->peer_tag = 0;
}

static uint64_t random_tie(sluice_sctp *a) {
	uint64_t tie;
	do
		env_entropy(a->env, &tie, sizeof tie);
	while (tie == 0);
	return tie;
}

/* Nothing of an earlier association is left: streams begin at SSN 0 both ways. */
static void begin_anew(sluice_sctp *a) {
	a->tie = random_tie(a);
	a->announced = false;
	sender_reset(&a->tx, a->local_tsn);
}

/* ---- the active open ---- */

void handshake_begin(sluice_sctp *a) {
	/* An INIT that the app has passed on names the tag and the TSN: they must stay. */
	if (!a->described)
		handshake_reset(a);
	a->described = false;
	a->error = 0;
	a->error_count = a->t1_retries = a->stale_cookies = a->cookie_preservative = 0;
	begin_anew(a);
}

int sluice_sctp_connect(sluice_sctp *a) {
	if (a->state != SLUICE_SCTP_CLOSED || a->handed_over)
		return SLUICE_WRONG_STATE;
	handshake_begin(a);
	state_enter(a, SLUICE_SCTP_COOKIE_WAIT);
	receiver_init_sent(&a->rx);
	a->pending |= PENDING_INIT;
	a->t1_rto = a->config.rto_initial;
	association_touch(a);
	return 0;
}

/* What we say of ourselves in INIT and INIT-ACK alike. */
static struct wire_init describe(const sluice_sctp *a, uint32_t tag, uint32_t tsn, uint32_t can) {
	struct wire_init i = {
		.tag = tag,
		.a_rwnd = (uint32_t)receiver_a_rwnd(&a->rx),
		.outbound_streams = a->config.outbound_streams,
		.inbound_streams = a->config.inbound_streams,
		.tsn = tsn,
	};
	capabilities_describe(can, &i);
	return i;
}

void handshake_write_init(sluice_sctp *a, struct writer *w) {
	struct wire_init i = describe(a, a->local_tag, a->local_tsn, capabilities_offered(&a->config));
	i.has_cookie_preservative = a->cookie_preservative > 0;
	i.cookie_preservative = a->cookie_preservative;
	wire_init_write(w, WIRE_INIT, &i);
	timer_start(a, TIMER_T1, a->t1_rto);
}

void handshake_describe(const sluice_sctp *a, struct writer *w) {
	struct wire_init i = describe(a, a->local_tag, a->local_tsn, capabilities_offered(&a->config));
	wire_init_write(w, WIRE_INIT, &i);
}

void handshake_timeout(sluice_sctp *a) {
	timer_stop(a, TIMER_T1);
	if (++a->t1_retries > a->config.init_max_retransmits) {
		/* Who got our COOKIE-ECHO is established, and hears of the end. Who got our INIT has no state. */
		end_with_abort(a, SLUICE_TIMED_OUT, WIRE_CAUSE_PROTOCOL_VIOLATION, true,
		               "no answer to %s after %u retransmissions",
		               a->state == SLUICE_SCTP_COOKIE_WAIT ? "INIT" : "COOKIE-ECHO", (unsigned)a->t1_retries - 1);
		return;
	}
	a->t1_rto = 2 * a->t1_rto > a->config.rto_max ? a->config.rto_max : 2 * a->t1_rto;
	if (a->state == SLUICE_SCTP_COOKIE_WAIT) {
		a->pending |= PENDING_INIT;
		return;
	}
	/* Data that rode with the COOKIE-ECHO was lost with it, and rides with the next one. */
	sender_repeat(&a->tx);
	a->pending |= PENDING_COOKIE_ECHO;
}

/* ---- what INIT and INIT-ACK have in common ---- */

static void negotiate(sluice_sctp *a, uint32_t theirs) {
	state_use(a, capabilities_agreed(capabilities_offered(&a->config), theirs));
}

static uint16_t min16(uint16_t x, uint16_t y) {
	return x < y ? x : y;
}

/* The parts that start with the peer's INIT or INIT-ACK, however it reached us; its capabilities are taken. */
static void take_peer(sluice_sctp *a, uint32_t tag, uint32_t tsn, uint32_t a_rwnd, uint16_t outbound, uint16_t inbound) {
	a->peer_tag = tag;
	a->rtt_asked = false;
	/* RFC 9260, 5.1.1: when the peer takes fewer streams than we want, "the endpoint MUST use MIS outbound streams". */
	a->outbound = min16(a->config.outbound_streams, inbound);
	receiver_start(&a->rx, &(struct receiver_terms){
				       .cum = SERIAL_ORIGIN + tsn - 1,
				       .streams = min16(a->config.inbound_streams, outbound),
				       .believed = a->can & CAN_PAD,
			       });
	sender_begin(&a->tx, a_rwnd, a->outbound);
	reconfig_start(a, tsn);
}

/* CONNECTED, once an association: as soon as the app's data may travel. */
static void announce(sluice_sctp *a) {
	if (a->announced)
		return;
	a->announced = true;
	event_push(&a->events, &a->connected);
}

static void establish(sluice_sctp *a) {
	timer_stop(a, TIMER_T1);
	state_enter(a, SLUICE_SCTP_ESTABLISHED);
	a->error = 0;
	a->error_count = 0;
	env_free(a->env, a->echo);
	a->echo = NULL;
	announce(a);
	reconfig_established(a);
	heartbeat_schedule(a);
	sender_path_changed(&a->tx);
	env_log(a->env, SLUICE_LOG_INFO, "sctp: established, %u streams out, %u in", a->outbound, a->rx.streams);
	if (a->shutdown_wanted) {
		a->shutdown_wanted = false;
		shutdown_begin(a);
	}
}

void handshake_adopt(sluice_sctp *a, const struct wire_init *i) {
	negotiate(a, capabilities_of(i));
	a->peer_addresses = addresses_of(i);
	take_peer(a, i->tag, i->tsn, i->a_rwnd, i->outbound_streams, i->inbound_streams);
	establish(a);
}

/* ---- INIT ---- */

static bool init_acceptable(sluice_sctp *a, const struct wire_init *i) {
	/* RFC 9260, 3.3.2: "If the value of the Initiate Tag in a received INIT chunk is found to be 0, the receiver MUST
	 * silently discard the packet." */
	if (i->tag == 0) {
		a->stats.packets_discarded++;
		return false;
	}
	/* 3.3.2: no streams one way or the other: the packet is discarded and answered with an ABORT. */
	if (i->outbound_streams == 0 || i->inbound_streams == 0) {
		replies_add_cause(a, i->tag, WIRE_ABORT, WIRE_CAUSE_INVALID_PARAM, NULL, 0);
		return false;
	}
	/* 3.3.2.1.4: who receives a Host Name Address "MUST send an ABORT chunk" and may say "Unresolvable Address". */
	if (i->has_host_name) {
		replies_add_cause(a, i->tag, WIRE_ABORT, WIRE_CAUSE_UNRESOLVABLE_ADDRESS, i->host_name.raw, i->host_name.raw_len);
		return false;
	}
	return true;
}

/* The tags and TSN that our INIT-ACK names. RFC 9260, 5.2.1: in COOKIE-WAIT and COOKIE-ECHOED "an endpoint MUST respond with an
 * INIT ACK chunk using the same parameters it sent in its original INIT chunk (including its Initiate Tag, unchanged)"; 5.2.2: in
 * other states a new tag, and Tie-Tags that name the association that stands. */
static void fill_own_side(sluice_sctp *a, struct cookie *k) {
	if (a->state == SLUICE_SCTP_COOKIE_WAIT || a->state == SLUICE_SCTP_COOKIE_ECHOED) {
		k->local_tag = a->local_tag;
		k->local_tsn = a->local_tsn;
	} else {
		k->local_tag = random_tag(a);
		k->local_tsn = env_random32(a->env);
	}
	if (a->state != SLUICE_SCTP_CLOSED)
		k->tie = a->tie;
}

/* RFC 9260, 5.2.2: an unexpected INIT that adds addresses to the association is answered with an ABORT, which "SHOULD list the
 * addresses that were added"; 5.2.1: in COOKIE-ECHOED too. The association stays as it is. In COOKIE-WAIT nothing is known of the
 * peer yet. */
static bool adds_addresses(sluice_sctp *a, const struct wire_init *i) {
	uint8_t added[CAUSE_INFO_MAX];
	if (association_in(a, IN(CLOSED) | IN(COOKIE_WAIT)))
		return false;
	size_t len = addresses_added(i, a->peer_addresses, added, sizeof added);
	if (len)
		replies_add_cause(a, i->tag, WIRE_ABORT, WIRE_CAUSE_RESTART_NEW_ADDRESS, added, len);
	return len > 0;
}

static void reply_init_ack(sluice_sctp *a, const struct packet *p, const struct wire_init *i) {
	struct cookie k = {
		.created = a->now,
		.lifetime = a->config.cookie_lifetime + (i->has_cookie_preservative ? i->cookie_preservative * SLUICE_MS : 0),
		.peer_tag = i->tag,
		.peer_tsn = i->tsn,
		.peer_a_rwnd = i->a_rwnd,
		.peer_addresses = addresses_of(i),
		.peer_outbound = i->outbound_streams,
		.peer_inbound = i->inbound_streams,
		.local_port = p->header.dst_port,
		.peer_port = p->header.src_port,
		.can = capabilities_of(i),
	};
	/* The peer suggests a longer life (3.3.2.1.3) and gets it, but not without end: a cookie that lives for ever can be
	 * replayed. */
	if (k.lifetime > 10 * a->config.cookie_lifetime)
		k.lifetime = 10 * a->config.cookie_lifetime;
	fill_own_side(a, &k);
	uint8_t cookie[COOKIE_SIZE];
	if (!cookie_write(&k, a->secret, cookie))
		return;
	/* Who does not declare zero checksum does not leave the checksum out either, and some (pion's SCTP 1.8) discard a whole
	 * packet for a parameter that they do not know. Their own INIT, answered without it, still makes the association. */
	uint32_t can = capabilities_offered(&a->config) & (k.can | ~(uint32_t)CAN_ZERO_CHECKSUM);
	struct wire_init answer = describe(a, k.local_tag, k.local_tsn, can);
	/* RFC 9260, 3.3.3: OS "SHOULD NOT be greater than the MIS value sent in the INIT chunk"; but see 5.2.1 above. */
	if (!association_in(a, IN(COOKIE_WAIT) | IN(COOKIE_ECHOED)))
		answer.outbound_streams = min16(answer.outbound_streams, i->inbound_streams);
	answer.cookie = cookie;
	answer.cookie_len = sizeof cookie;
	answer.unrecognized_count = i->unrecognized_count;
	for (size_t n = 0; n < i->unrecognized_count; n++)
		answer.unrecognized[n] = i->unrecognized[n];
	uint8_t bytes[1024];
	struct writer w = writer_of(bytes, sizeof bytes);
	wire_init_write(&w, WIRE_INIT_ACK, &answer);
	if (w.failed) { /* the reports are a courtesy; the answer is not */
		answer.unrecognized_count = 0;
		w = writer_of(bytes, sizeof bytes);
		wire_init_write(&w, WIRE_INIT_ACK, &answer);
	}
	replies_add(a, i->tag, bytes, writer_len(&w));
}

void handshake_init(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	struct wire_init i;
	if (wire_init_read(c, &i)) {
		a->stats.chunks_discarded++;
		return;
	}
	if (!init_acceptable(a, &i))
		return;
	if (a->refuse && a->state == SLUICE_SCTP_CLOSED) {
		/* RFC 9260, 5.1: who does not want the association answers with an ABORT: with the initiator's tag, no T bit. */
		replies_add_cause(a, i.tag, WIRE_ABORT, WIRE_CAUSE_OUT_OF_RESOURCE, NULL, 0);
		return;
	}
	if (a->state == SLUICE_SCTP_SHUTDOWN_ACK_SENT) {
		/* RFC 9260, 9.2: "If an endpoint is in the SHUTDOWN-ACK-SENT state and receives an INIT chunk ... it SHOULD
		 * discard the INIT chunk and retransmit the SHUTDOWN ACK chunk." */
		a->pending |= PENDING_SHUTDOWN_ACK;
		return;
	}
	if (!adds_addresses(a, &i))
		reply_init_ack(a, p, &i);
}

/* ---- INIT-ACK ---- */

static void refuse_init_ack(sluice_sctp *a, uint32_t tag, uint16_t cause, const void *info, size_t len, const char *why) {
	replies_add_cause(a, tag, WIRE_ABORT, cause, info, len);
	end_association(a, SLUICE_PROTOCOL, "INIT-ACK %s", why);
}

static bool init_ack_acceptable(sluice_sctp *a, const struct packet *p, const struct wire_init *i) {
	if (i->tag == 0) {
		/* RFC 9260, 3.3.3: "If an endpoint in the COOKIE-WAIT state receives an INIT ACK chunk with the Initiate Tag set
		 * to 0, it MUST destroy the TCB and SHOULD send an ABORT chunk with the T bit set." */
		replies_add_reflected(a, p->header.tag, WIRE_ABORT);
		end_association(a, SLUICE_PROTOCOL, "INIT-ACK with tag 0");
		return false;
	}
	if (i->outbound_streams == 0 || i->inbound_streams == 0) {
		refuse_init_ack(a, i->tag, WIRE_CAUSE_INVALID_PARAM, NULL, 0, "with no streams");
		return false;
	}
	if (!i->cookie) {
		/* 3.3.10.2: how many are missing, and the type of each. */
		static const uint8_t missing[] = {0, 0, 0, 1, 0, WIRE_PARAM_STATE_COOKIE};
		refuse_init_ack(a, i->tag, WIRE_CAUSE_MISSING_PARAM, missing, sizeof missing, "without a cookie");
		return false;
	}
	if (i->has_host_name) {
		refuse_init_ack(a, i->tag, WIRE_CAUSE_UNRESOLVABLE_ADDRESS, i->host_name.raw, i->host_name.raw_len,
		                "with a host name");
		return false;
	}
	return true;
}

/* The COOKIE-ECHO, and behind it in the same packet an ERROR that reports parameters we did not know (RFC 9260, 3.2.2), kept as
 * bytes until the COOKIE-ACK. */
static bool keep_echo(sluice_sctp *a, const struct wire_init *i) {
	size_t size = pad4(4u + i->cookie_len);
	if (size > a->tx.mtu - WIRE_HEADER_SIZE)
		return false;
	size_t room = a->tx.mtu - WIRE_HEADER_SIZE;
	env_free(a->env, a->echo);
	a->echo = env_alloc(a->env, room);
	if (!a->echo)
		return false;
	struct writer w = writer_of(a->echo, room);
	wire_chunk_write(&w, WIRE_COOKIE_ECHO, 0, i->cookie, i->cookie_len);
	a->echo_len = writer_len(&w);
	if (i->unrecognized_count == 0)
		return true;
	uint8_t *error = wire_chunk_begin(&w, WIRE_ERROR, 0);
	for (size_t n = 0; n < i->unrecognized_count; n++)
		wire_param_write(&w, WIRE_CAUSE_UNRECOGNIZED_PARAMS, i->unrecognized[n].raw, i->unrecognized[n].raw_len);
	wire_chunk_end(&w, error);
	if (!w.failed)
		a->echo_len = writer_len(&w);
	return true;
}

void handshake_init_ack(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	struct wire_init i;
	if (wire_init_read(c, &i)) {
		a->stats.chunks_discarded++;
		return;
	}
	if (!init_ack_acceptable(a, p, &i))
		return;
	a->peer_tag = i.tag; /* for the ABORT, if there is to be one */
	if (!keep_echo(a, &i)) {
		end_with_abort(a, SLUICE_NO_MEMORY, WIRE_CAUSE_OUT_OF_RESOURCE, false, "no room for the cookie");
		return;
	}
	negotiate(a, capabilities_of(&i));
	a->peer_addresses = addresses_of(&i);
	take_peer(a, i.tag, i.tsn, i.a_rwnd, i.outbound_streams, i.inbound_streams);
	state_enter(a, SLUICE_SCTP_COOKIE_ECHOED);
	a->t1_retries = 0;
	a->t1_rto = a->config.rto_initial;
	a->pending |= PENDING_COOKIE_ECHO;
	/* RFC 9260, 5.1, C: "The COOKIE ECHO chunk MAY be bundled with any pending outbound DATA chunks". So the app is told now,
	 * a round trip before the COOKIE-ACK: what it sends on hearing this is delivered half a round trip from here. */
	announce(a);
}

void handshake_stale_cookie(sluice_sctp *a, uint32_t staleness_us) {
	if (a->state != SLUICE_SCTP_COOKIE_ECHOED)
		return;
	/* RFC 9260, 5.2.6: "Send a new INIT chunk to the endpoint to generate a new State Cookie and reattempt the setup
	 * procedure", asking for a longer life with the Cookie Preservative. */
	if (++a->stale_cookies > STALE_COOKIE_TRIES) {
		end_association(a, SLUICE_TIMED_OUT, "the cookie was stale %u times", STALE_COOKIE_TRIES);
		return;
	}
	sender_repeat(&a->tx);
	a->cookie_preservative = 2 * (staleness_us / 1000 + 1);
	state_enter(a, SLUICE_SCTP_COOKIE_WAIT);
	a->pending = PENDING_INIT;
	a->peer_tag = 0;
}

/* ---- COOKIE-ECHO ---- */

static void reply_stale_cookie(sluice_sctp *a, const struct cookie *k) {
	uint8_t staleness[4];
	uint64_t over = (a->now - k->created - k->lifetime) / SLUICE_US;
	put_be32(staleness, over > UINT32_MAX ? UINT32_MAX : (uint32_t)over);
	replies_add_cause(a, k->peer_tag, WIRE_ERROR, WIRE_CAUSE_STALE_COOKIE, staleness, sizeof staleness);
}

static void adopt(sluice_sctp *a, const struct cookie *k) {
	negotiate(a, k->can);
	a->peer_addresses = k->peer_addresses;
	take_peer(a, k->peer_tag, k->peer_tsn, k->peer_a_rwnd, k->peer_outbound, k->peer_inbound);
	establish(a);
	a->pending = (a->pending & ~(uint32_t)(PENDING_INIT | PENDING_COOKIE_ECHO)) | PENDING_COOKIE_ACK;
}

/* A new association, from nothing but the cookie. */
static void cookie_opens(sluice_sctp *a, const struct cookie *k) {
	a->local_tag = k->local_tag;
	a->local_tsn = k->local_tsn;
	a->described = false;
	begin_anew(a);
	adopt(a, k);
}

/* RFC 9260, 5.2.4, A: "the peer might have restarted. ... the existing session is treated the same as if it received an ABORT
 * chunk followed by a new COOKIE ECHO chunk" */
static void cookie_restarts(sluice_sctp *a, struct packet *p, const struct cookie *k) {
	if (a->state == SLUICE_SCTP_SHUTDOWN_ACK_SENT) {
		/* "it MUST NOT set up a new association but instead resend the SHUTDOWN ACK chunk and send an ERROR chunk with a
		 * "Cookie Received While Shutting Down" error cause to its peer" */
		a->pending |= PENDING_SHUTDOWN_ACK;
		replies_add_cause(a, k->peer_tag, WIRE_ERROR, WIRE_CAUSE_COOKIE_WHILE_SHUTTING_DOWN, NULL, 0);
		p->stop = true;
		return;
	}
	a->stats.restarts++;
	receiver_restart(&a->rx, SLUICE_RESTARTED); /* what was delivered in parts ends before the app hears of the restart */
	/* The event comes before those that the dropping brings (writable, buffered low): who sends on hearing one of them must
	 * know by then to whom. */
	event_push(&a->events, &a->restarted);
	sender_clear(&a->tx);
	reconfig_clear(a);
	for (int t = 0; t < TIMER_COUNT; t++)
		timer_stop(a, t);
	a->pending = 0;
	cookie_opens(a, k);
}

enum action { ACTION_RESTART, ACTION_COLLISION, ACTION_SAME, ACTION_DISCARD };

/* RFC 9260, 5.2.4, Table 12; both ties are one here:
 *                             local tag | peer's tag | local tie | peer's tie | action
 *                              X         | X          | M         | M          | A
 *                              M         | X          | any       | any        | B
 *                              M         | 0          | any       | any        | B
 *                              X         | M          | 0         | 0          | C
 *                              M         | M          | any       | any        | D   */
static enum action match(const sluice_sctp *a, const struct cookie *k) {
	bool local = k->local_tag == a->local_tag, peer = k->peer_tag == a->peer_tag;
	if (local)
		return peer ? ACTION_SAME : ACTION_COLLISION;
	if (!peer && k->tie == a->tie)
		return ACTION_RESTART;
	return ACTION_DISCARD;
}

static void discard(sluice_sctp *a, struct packet *p) {
	a->stats.packets_discarded++;
	p->stop = true;
}

/* B: ESTABLISHED it is, but "it MUST update its peer's Verification Tag from the State Cookie". Data that rode with our own
 * COOKIE-ECHO has its TSNs from the same start, and is not sent anew. */
static void cookie_collides(sluice_sctp *a, struct packet *p, const struct cookie *k) {
	if (a->state != SLUICE_SCTP_COOKIE_WAIT && a->state != SLUICE_SCTP_COOKIE_ECHOED) {
		p->stop = true;
		return;
	}
	adopt(a, k);
	sender_repeat(&a->tx);
}

/* D: our COOKIE-ACK was lost, or theirs is still to come and says nothing new: ESTABLISHED, and a COOKIE-ACK. */
static void cookie_repeats(sluice_sctp *a) {
	if (a->state == SLUICE_SCTP_COOKIE_ECHOED)
		establish(a);
	a->pending = (a->pending & ~(uint32_t)(PENDING_INIT | PENDING_COOKIE_ECHO)) | PENDING_COOKIE_ACK;
}

/* RFC 9260, 5.2.4, for an association that stands or is being opened. */
static void cookie_meets(sluice_sctp *a, struct packet *p, const struct cookie *k, enum action action) {
	switch (action) {
	case ACTION_RESTART:
		cookie_restarts(a, p, k);
		break;
	case ACTION_COLLISION:
		cookie_collides(a, p, k);
		break;
	case ACTION_SAME:
		cookie_repeats(a);
		break;
	case ACTION_DISCARD:
		discard(a, p);
		break;
	}
}

/* RFC 9260, 5.1.5, 1 to 3: authenticate, compare ports and tag. */
static bool cookie_is_ours(const sluice_sctp *a, const struct packet *p, const struct wire_chunk *c, struct cookie *k) {
	return cookie_read(c->value, c->len, a->secret, k) && p->header.tag == k->local_tag &&
	       p->header.src_port == k->peer_port && p->header.dst_port == k->local_port;
}

void handshake_cookie_echo(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	struct cookie k;
	bool closed = a->state == SLUICE_SCTP_CLOSED;
	if (!cookie_is_ours(a, p, c, &k) || (a->refuse && closed)) {
		discard(a, p); /* "silently" */
		return;
	}
	enum action action = closed ? ACTION_RESTART : match(a, &k);
	/* 5.1.5, 4: "If the elapsed time is longer than the lifespan carried in the State Cookie, then the packet, including the
	 * COOKIE ECHO chunk and any attached DATA chunks, SHOULD be discarded, and the endpoint MUST transmit an ERROR chunk with
	 * a "Stale Cookie" error cause". 5.2.4, 3: when both tags match the association that stands, age does not matter. */
	if (action != ACTION_SAME && a->now > k.created + k.lifetime) {
		reply_stale_cookie(a, &k);
		p->stop = true;
		return;
	}
	/* There is one CONNECTED and one ENDED. While the app has not polled those of the last association, the next one waits;
	 * the peer repeats its COOKIE-ECHO. */
	if (action == ACTION_RESTART && (a->connected.queued || a->ended.queued))
		discard(a, p);
	else if (closed)
		cookie_opens(a, &k);
	else
		cookie_meets(a, p, &k, action);
}

void handshake_cookie_ack(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	(void)p;
	(void)c;
	a->pending &= ~(uint32_t)PENDING_COOKIE_ECHO;
	establish(a);
}
