/* reconfig: resetting and adding streams. RFC 6525.
 *
 * Ours: requests wait in line and go one at a time, and a request for resets lists as many streams as are ready when it is
 * written. Peers take lists in different ways:
 *
 *   usrsctp        refuses one that is longer than 512 bytes: list_max() keeps below
 *   Linux, sluice  refuse it whole where one stream is beyond their count: it is halved until that stream stands alone
 *   pion           passes over streams that it does not know
 *   dcSCTP         says that it was performed, and the application above (Chromium, Firefox) stops at the first stream that
 *                  it does not know: a doubtful one stands last, and no other beside it
 *
 * Theirs: the last two answers are remembered, so that a repetition gets the same ones, and a reset that waits for data is done
 * when the data is there. */
#include "sctp/association.h"

#include "base/serial.h"
#include "pool/grow.h"

#include <string.h>

void reconfig_start(sluice_sctp *a, uint32_t peer_tsn) {
	/* RFC 6525, 4.1: "initialized to the same value as the initial TSN". */
	a->reconfig.next_seq = a->local_tsn;
	a->reconfig.peer_seq = peer_tsn;
	for (uint32_t i = 0; i < 2; i++)
		a->reconfig.answers[i] = (struct reconfig_answer){.seq = peer_tsn - 1 - i, .result = WIRE_RESULT_NOTHING_TO_DO};
}

/* ---- the app's calls ---- */

/* From the time on when the app was told that it is connected; what it asks for before ESTABLISHED waits until then, also
 * when a stale cookie made the handshake begin again. */
static bool open_state(const sluice_sctp *a) {
	return a->announced && !a->shutdown_wanted && association_in(a, IN(COOKIE_WAIT) | IN(COOKIE_ECHOED) | IN(ESTABLISHED));
}

static void finish_reset(sluice_sctp *a, struct tx_stream *s, int error) {
	s->reset = TX_RESET_NONE;
	s->doubtful = false;
	if (!error)
		s->next_mid[0] = s->next_mid[1] = 0; /* RFC 6525, 5.2.7; RFC 8260, 2.3.2: "reset" of SSNs is one of MIDs */
	s->reset_event.error = error;
	event_push(&a->events, &s->reset_event);
}

/* Each stream that was used tells of it, then all together. */
static void finish_all(sluice_sctp *a, int error) {
	a->reconfig.all = TX_RESET_NONE;
	for (struct tx_stream *s; !error && (s = outgoing_take_used(&a->tx.out));) {
		if (s->reset == TX_RESET_NONE && (s->next_mid[0] | s->next_mid[1]))
			finish_reset(a, s, 0);
		s->next_mid[0] = s->next_mid[1] = 0;
	}
	a->reset_out_all.error = error;
	event_push(&a->events, &a->reset_out_all);
}

static void want(sluice_sctp *a, struct tx_stream *s) {
	if (s->reset != TX_RESET_NONE)
		return;
	sender_cancel(&a->tx, s->id);
	if (!(a->can & CAN_RECONFIG)) {
		finish_reset(a, s, SLUICE_UNSUPPORTED);
		return;
	}
	s->reset = TX_RESET_WANTED;
	a->tx.out.drained += s->buffered == 0;
	reconfig_list_add(&a->reconfig.wanted, s);
}

static void want_all(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	if (r->all != TX_RESET_NONE)
		return;
	sender_cancel_all(&a->tx);
	if (!(a->can & CAN_RECONFIG)) {
		finish_all(a, SLUICE_UNSUPPORTED);
		return;
	}
	r->all = TX_RESET_WANTED;
}

static int reset_stream(sluice_sctp *a, uint16_t stream) {
	struct tx_stream *s = outgoing_stream(&a->tx.out, stream);
	if (!s)
		return SLUICE_NO_MEMORY;
	want(a, s);
	return 0;
}

int sluice_sctp_reset_stream(sluice_sctp *a, uint16_t stream) {
	if (!open_state(a))
		return a->state == SLUICE_SCTP_CLOSED ? SLUICE_CLOSED : SLUICE_WRONG_STATE;
	bool all = stream == SLUICE_SCTP_ALL_STREAMS;
	if (!all && stream >= a->outbound)
		return SLUICE_INVALID;
	int error = 0;
	if (all)
		want_all(a);
	else
		error = reset_stream(a, stream);
	reconfig_progress(a);
	association_touch(a);
	return error;
}

int sluice_sctp_set_doubtful(sluice_sctp *a, uint16_t stream, bool doubtful) {
	struct tx_stream *s = doubtful ? outgoing_stream(&a->tx.out, stream) : outgoing_find(&a->tx.out, stream);
	if (s)
		s->doubtful = doubtful;
	return s || !doubtful ? 0 : SLUICE_NO_MEMORY;
}

static bool push_request(sluice_sctp *a, uint16_t stream) {
	struct reconfig *r = &a->reconfig;
	for (uint32_t i = 0; i < r->request_count; i++)
		if (r->requests[i] == stream)
			return true;
	if (!GROW(a->env, r->requests, r->request_count, r->request_capacity, 16))
		return false;
	r->requests[r->request_count++] = stream;
	return true;
}

int sluice_sctp_request_reset(sluice_sctp *a, uint16_t stream) {
	if (!open_state(a))
		return SLUICE_WRONG_STATE;
	if (!(a->can & CAN_RECONFIG))
		return SLUICE_UNSUPPORTED;
	bool all = stream == SLUICE_SCTP_ALL_STREAMS;
	if (!all && stream >= a->rx.streams)
		return SLUICE_INVALID;
	if (!all && !push_request(a, stream))
		return SLUICE_NO_MEMORY;
	a->reconfig.request_all |= all;
	reconfig_progress(a);
	association_touch(a);
	return 0;
}

/* Streams as they will be when all that was asked for is granted. */
static uint32_t outbound_to_be(const sluice_sctp *a) {
	const struct reconfig *r = &a->reconfig;
	return (uint32_t)a->outbound + r->add_outgoing + (r->outstanding && r->type == WIRE_PARAM_ADD_OUTGOING ? r->count : 0);
}

static uint32_t inbound_to_be(const sluice_sctp *a) {
	const struct reconfig *r = &a->reconfig;
	return (uint32_t)a->rx.streams + r->add_incoming + (r->outstanding && r->type == WIRE_PARAM_ADD_INCOMING ? r->count : 0);
}

int sluice_sctp_add_streams(sluice_sctp *a, uint16_t outgoing, uint16_t incoming) {
	if (!open_state(a))
		return SLUICE_WRONG_STATE;
	if (!(a->can & CAN_RECONFIG))
		return SLUICE_UNSUPPORTED;
	/* Stream ids are 16 bits and 65535 is never used, so there are at most 65535 of them. */
	if (outbound_to_be(a) + outgoing > 65535 || inbound_to_be(a) + incoming > 65535)
		return SLUICE_INVALID;
	a->reconfig.add_outgoing += outgoing;
	a->reconfig.add_incoming += incoming;
	/* Who asks for more takes more. */
	if (inbound_to_be(a) > a->config.inbound_streams)
		a->config.inbound_streams = (uint16_t)inbound_to_be(a);
	reconfig_progress(a);
	association_touch(a);
	return 0;
}

/* What was asked for early was asked of the peer's first INIT-ACK; when the handshake began again, another answer may count. */
void reconfig_established(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	if (a->can & CAN_RECONFIG)
		return;
	for (struct tx_stream *s; (s = reconfig_list_take(&r->wanted));)
		finish_reset(a, s, SLUICE_UNSUPPORTED);
	a->tx.out.drained = 0;
	if (r->all != TX_RESET_NONE)
		finish_all(a, SLUICE_UNSUPPORTED);
	r->request_all = false;
	r->request_count = 0;
	r->add_outgoing = r->add_incoming = 0;
}

/* ---- our requests ---- */

#define RESET_HEADER (4 + 4 + 12) /* of the chunk, and of the parameter that has the longer one */

/* Streams that one request may list. It must fit the smallest packets that the path may ever allow, for it is sent again as it
 * is; and usrsctp takes no parameter of more than 512 bytes, which is about the same. */
static uint32_t list_max(const sluice_sctp *a) {
	uint32_t least = a->tx.discovery.pmtu.base < PMTU_LEAST ? a->tx.discovery.pmtu.base : PMTU_LEAST;
	uint32_t max = (least - WIRE_HEADER_SIZE - RESET_HEADER) / 2;
	return a->reconfig.list_max && a->reconfig.list_max < max ? a->reconfig.list_max : max;
}

static bool begin_request(sluice_sctp *a, uint16_t type) {
	struct reconfig *r = &a->reconfig;
	r->outstanding = true;
	r->type = type;
	r->retries = r->busy = 0;
	r->last_tsn = (uint32_t)(a->tx.sent.next - 1);
	return true;
}

/* Streams in line on which everything was acknowledged or abandoned, in order, a doubtful one last. */
static void take_drained(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	struct tx_list rest = {0};
	struct tx_stream *doubtful = NULL;
	uint32_t room = list_max(a);
	for (struct tx_stream *s; room && a->tx.out.drained && (s = reconfig_list_take(&r->wanted));) {
		if (s->buffered > 0 || (s->doubtful && doubtful)) {
			reconfig_list_add(&rest, s);
			continue;
		}
		a->tx.out.drained--;
		room--;
		s->reset = TX_RESET_SENT;
		if (s->doubtful)
			doubtful = s;
		else
			reconfig_list_add(&r->asked, s);
	}
	if (doubtful)
		reconfig_list_add(&r->asked, doubtful);
	reconfig_list_put_first(&r->wanted, &rest);
}

static bool all_ready(const sluice_sctp *a) {
	return a->reconfig.all == TX_RESET_WANTED && a->tx.out.buffered == 0;
}

/* Is there anything to ask for? */
static bool something_waits(const sluice_sctp *a) {
	const struct reconfig *r = &a->reconfig;
	return a->tx.out.drained || all_ready(a) || r->request_count || r->request_all || r->add_outgoing || r->add_incoming;
}

static bool begin_incoming_reset(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	uint32_t max = list_max(a);
	r->request_asked = r->request_count < max ? r->request_count : max;
	return begin_request(a, WIRE_PARAM_INCOMING_RESET);
}

/* Takes what there is into the next request; false: nothing. */
static bool next_request(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	if (!association_in(a, IN(ESTABLISHED)) || r->renumber != RENUMBER_NONE)
		return false;
	if (a->tx.out.drained > 0) {
		take_drained(a);
		return begin_request(a, WIRE_PARAM_OUTGOING_RESET);
	}
	if (all_ready(a)) {
		r->all = TX_RESET_SENT;
		return begin_request(a, WIRE_PARAM_OUTGOING_RESET);
	}
	if (r->request_count > 0)
		return begin_incoming_reset(a);
	if (r->request_all)
		return begin_request(a, WIRE_PARAM_INCOMING_RESET); /* which lists none */
	if (r->add_outgoing > 0) {
		r->count = r->add_outgoing;
		r->add_outgoing = 0;
		return begin_request(a, WIRE_PARAM_ADD_OUTGOING);
	}
	if (r->add_incoming > 0) {
		r->count = r->add_incoming;
		r->add_incoming = 0;
		return begin_request(a, WIRE_PARAM_ADD_INCOMING);
	}
	return false;
}

/* The streams of the request under way, as they are listed. */
static size_t write_list(const struct reconfig *r, uint8_t *ids) {
	size_t n = 0;
	if (r->type == WIRE_PARAM_OUTGOING_RESET)
		for (const struct tx_stream *s = r->asked.head; s; s = s->next_reset)
			put_be16(ids + 2 * n++, s->id);
	if (r->type == WIRE_PARAM_INCOMING_RESET)
		for (; n < r->request_asked; n++)
			put_be16(ids + 2 * n, r->requests[n]);
	return n;
}

/* What a request lists is gathered here and not when the app asks, so that resets asked for one after the other go together. */
void reconfig_write_request(sluice_sctp *a, struct writer *w) {
	struct reconfig *r = &a->reconfig;
	uint8_t ids[PMTU_LEAST];
	if (!r->outstanding && !next_request(a)) {
		a->pending &= ~(uint32_t)PENDING_RECONFIG;
		return;
	}
	struct wire_reconfig p = {
		.type = r->type,
		.request_seq = r->next_seq,
		.response_seq = r->peer_seq - 1,
		.last_tsn = r->last_tsn,
		.new_streams = r->count,
		.streams = ids,
		.stream_count = write_list(r, ids),
	};
	if (writer_room(w) < RESET_HEADER + pad4(2 * p.stream_count))
		return;
	uint8_t *chunk = wire_chunk_begin(w, WIRE_RE_CONFIG, 0);
	wire_reconfig_write(w, &p);
	wire_chunk_end(w, chunk);
	a->pending &= ~(uint32_t)PENDING_RECONFIG;
	timer_start(a, TIMER_RECONFIG, a->tx.rto.rto);
}

void reconfig_timeout(sluice_sctp *a) {
	timer_stop(a, TIMER_RECONFIG);
	if (!a->reconfig.outstanding) {
		a->reconfig.renumber = RENUMBER_NONE; /* no repetition came for so long */
		return;
	}
	if (a->reconfig.retries++ > 0) { /* the first expiry may follow an "in progress", which is an answer */
		if (end_count_error(a))
			return;
		rto_back_off(&a->tx.rto);
	}
	a->pending |= PENDING_RECONFIG;
}

/* ---- the answer to ours ---- */

static int result_error(uint32_t result) {
	return result == WIRE_RESULT_NOTHING_TO_DO || result == WIRE_RESULT_PERFORMED ? 0 : SLUICE_REFUSED;
}

/* The peer refused a list, and one stream of it may be why. Half of it goes next, and so on until such a stream stands alone;
 * then lists are whole again. A peer that takes no lists ends with one stream at a time. */
static void halve_lists(struct reconfig *r, uint32_t refused) {
	r->list_max = refused / 2;
}

static void outgoing_reset_done(sluice_sctp *a, int error) {
	struct reconfig *r = &a->reconfig;
	if (r->all == TX_RESET_SENT) {
		finish_all(a, error);
		return;
	}
	if (error && r->asked.count > 1) {
		halve_lists(r, r->asked.count);
		for (struct tx_stream *s = r->asked.head; s; s = s->next_reset)
			s->reset = TX_RESET_WANTED;
		a->tx.out.drained += r->asked.count;
		reconfig_list_put_first(&r->wanted, &r->asked);
		return;
	}
	if (error)
		r->list_max = 0;
	for (struct tx_stream *s; (s = reconfig_list_take(&r->asked));)
		finish_reset(a, s, error);
}

/* The streams are reset by the peer's own request; nothing tells that they will not be. */
static void incoming_reset_done(struct reconfig *r, int error) {
	uint32_t asked = r->request_asked;
	r->request_asked = 0;
	if (asked == 0)
		r->request_all = false;
	if (error && asked > 1) {
		halve_lists(r, asked);
		return;
	}
	if (error)
		r->list_max = 0;
	r->request_count -= asked;
	if (r->request_count > 0)
		memmove(r->requests, r->requests + asked, r->request_count * sizeof *r->requests);
}

static void streams_added(sluice_sctp *a, int error) {
	a->streams_added.error = error;
	event_push(&a->events, &a->streams_added);
}

static void request_done(sluice_sctp *a, uint32_t result) {
	struct reconfig *r = &a->reconfig;
	int error = result_error(result);
	r->outstanding = false;
	r->next_seq++;
	timer_stop(a, TIMER_RECONFIG);
	a->pending &= ~(uint32_t)PENDING_RECONFIG;
	a->error_count = 0;
	switch (r->type) {
	case WIRE_PARAM_OUTGOING_RESET:
		outgoing_reset_done(a, error);
		break;
	case WIRE_PARAM_INCOMING_RESET:
		incoming_reset_done(r, error);
		break;
	case WIRE_PARAM_ADD_OUTGOING:
		if (!error)
			a->outbound = (uint16_t)(a->outbound + r->count);
		streams_added(a, error);
		break;
	default: /* streams that we asked the peer to add come with its own request; only a refusal ends here */
		if (error)
			streams_added(a, error);
		break;
	}
}

#define BUSY_TRIES 8

/* "Request already in progress": the peer waits for our answer to one of its own and takes none beside it (Linux). That answer is
 * on its way, so ours goes once more a little later, under the next number: this one was answered. */
static bool ask_later(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	if (r->busy++ == BUSY_TRIES)
		return false;
	r->next_seq++;
	r->retries = 0;
	a->pending &= ~(uint32_t)PENDING_RECONFIG;
	timer_start(a, TIMER_RECONFIG, a->tx.rto.rto);
	return true;
}

static void response(sluice_sctp *a, const struct wire_reconfig *p) {
	struct reconfig *r = &a->reconfig;
	if (!r->outstanding || p->response_seq != r->next_seq)
		return;
	/* RFC 6525, 5.2.7, "In progress": the timer is started again, and the request goes out once more when it expires, with
	 * the same number; no error is counted. Nor are those of data forgotten that the peer does not take: else the two could
	 * wait for each other for ever. */
	if (p->result == WIRE_RESULT_IN_PROGRESS) {
		r->retries = 0;
		a->pending &= ~(uint32_t)PENDING_RECONFIG;
		timer_start(a, TIMER_RECONFIG, a->tx.rto.rto);
		return;
	}
	/* RFC 6525, 5.2.2, E2: the peer performs a reset when it has everything up to the last TSN that the request names, so a
	 * SACK that said so was lost or is late. A FORWARD-TSN from here on must not name messages of the stream's past: the peer
	 * would pass over those of the new one. */
	if (r->type == WIRE_PARAM_OUTGOING_RESET && p->result == WIRE_RESULT_PERFORMED)
		sender_cumulative(&a->tx, r->last_tsn);
	if (p->result != WIRE_RESULT_IN_PROGRESS_OTHER || !ask_later(a))
		request_done(a, p->result);
}

/* RFC 6525, 5.2.2, E1, and 5.1.3: an outgoing reset that names our incoming request answers it, and a peer may give no other
 * answer (Linux gives none). So do streams that the peer adds when we asked for them. */
static void answer_by_request(sluice_sctp *a, const struct wire_reconfig *p) {
	const struct reconfig *r = &a->reconfig;
	bool reset = r->type == WIRE_PARAM_INCOMING_RESET && p->type == WIRE_PARAM_OUTGOING_RESET &&
	             p->response_seq == r->next_seq;
	bool added = r->type == WIRE_PARAM_ADD_INCOMING && p->type == WIRE_PARAM_ADD_OUTGOING;
	if (r->outstanding && (reset || added))
		request_done(a, WIRE_RESULT_PERFORMED);
}

/* ---- the peer's requests ---- */

/* The answer is due; a new one pushes the older of the two out. */
static void respond(sluice_sctp *a, uint32_t seq, uint32_t result) {
	struct reconfig *r = &a->reconfig;
	struct reconfig_answer *answer = reconfig_answer_find(r, seq);
	if (!answer) {
		r->answers[1] = r->answers[0];
		answer = &r->answers[0];
	}
	bool tsns = answer->seq == seq && answer->tsns;
	*answer = (struct reconfig_answer){.seq = seq, .result = result, .due = true, .tsns = tsns};
	a->pending |= PENDING_RECONFIG_RESPONSE;
}

/* RFC 6525, 4.4: the TSN that we send next, and the one that the peer must send next. Of an answer that is given again when data
 * travels already: the first one on either side that is not acknowledged. */
static void next_tsns(const sluice_sctp *a, struct wire_reconfig *p) {
	p->has_tsns = true;
	p->sender_next_tsn = (uint32_t)(a->tx.sent.cum + 1);
	p->receiver_next_tsn = (uint32_t)(receiver_cum(&a->rx) + 1);
}

/* The peer answers nothing when it learns of the new numbers, and has perhaps no data to show them with. A HEARTBEAT in the same
 * packet is answered if the packet has arrived; when it is not, both go again. */
static void ask_for_arrival(sluice_sctp *a, struct writer *w) {
	heartbeat_write(a, w);
	a->reconfig.renumber_nonce = a->heartbeat_nonce;
}

void reconfig_write_response(sluice_sctp *a, struct writer *w) {
	if (writer_room(w) < 4 + 2 * 20 + HEARTBEAT_SIZE)
		return;
	struct reconfig_answer *renumbered = a->reconfig.renumber == RENUMBER_ANSWERED
	                                             ? reconfig_answer_find(&a->reconfig, a->reconfig.renumber_seq)
	                                             : NULL;
	bool ask = renumbered && renumbered->due;
	uint8_t *chunk = wire_chunk_begin(w, WIRE_RE_CONFIG, 0);
	for (int i = 1; i >= 0; i--) {
		struct reconfig_answer *answer = &a->reconfig.answers[i];
		struct wire_reconfig p = {
			.type = WIRE_PARAM_RECONFIG_RESPONSE, .response_seq = answer->seq, .result = answer->result};
		if (answer->tsns && answer->result == WIRE_RESULT_PERFORMED)
			next_tsns(a, &p);
		if (answer->due)
			wire_reconfig_write(w, &p);
		answer->due = false;
	}
	wire_chunk_end(w, chunk);
	a->pending &= ~(uint32_t)PENDING_RECONFIG_RESPONSE;
	if (ask)
		ask_for_arrival(a, w);
}

/* False when some are left. */
static bool reset_incoming(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	size_t done = 0;
	while (done < r->deferred_count && receiver_reset_stream(&a->rx, r->deferred_streams[done]))
		done++;
	if (done == r->deferred_count)
		return true;
	r->deferred_count -= done;
	memmove(r->deferred_streams, r->deferred_streams + done, r->deferred_count * sizeof *r->deferred_streams);
	return false;
}

/* RFC 6525, 5.2.2: E1 to E4, once everything up to the sender's last TSN is here. */
static void perform_deferred(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	if (!r->deferred || receiver_cum(&a->rx) < r->deferred_tsn)
		return;
	if (!(r->deferred_count == 0 ? receiver_reset_all(&a->rx) : reset_incoming(a)))
		return; /* still in progress, the peer asks again */
	r->deferred = false;
	env_free(a->env, r->deferred_streams);
	r->deferred_streams = NULL;
	if (reconfig_answer_find(r, r->deferred_seq))
		respond(a, r->deferred_seq, WIRE_RESULT_PERFORMED);
}

/* ---- an SSN/TSN reset ---- */

/* A peer that does not know repeats its request. One that answers no HEARTBEAT and has not done so for that long must know. */
static void wait_for_repetition(sluice_sctp *a) {
	timer_start(a, TIMER_RECONFIG, 2 * a->config.rto_max);
}

/* RFC 6525, 5.2.4, G1 to G5. Nothing of ours is outstanding, so G2, the TSN behind the highest that we sent, changes nothing, and
 * G3 acknowledges nothing. */
static void renumber(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	receiver_renumber(&a->rx); /* G1 and G4 */
	/* G5: "The next expected and outgoing SSNs MUST be reset to 0 for all incoming and outgoing streams." */
	for (struct tx_stream *s; (s = outgoing_take_used(&a->tx.out));)
		s->next_mid[0] = s->next_mid[1] = 0;
	r->renumber = RENUMBER_ANSWERED;
	r->renumbered_at = receiver_cum(&a->rx);
	wait_for_repetition(a);
	respond(a, r->renumber_seq, WIRE_RESULT_PERFORMED);
	event_push(&a->events, &a->renumbered);
}

/* What was begun has gone to its end and was acknowledged: RFC 6525, 5.1.4, wants the same of the peer before it asks. */
static bool all_acknowledged(const sluice_sctp *a) {
	return outstanding_count(&a->tx.sent) == 0 && a->tx.out.begun_left == 0;
}

static void peer_knows_numbers(sluice_sctp *a) {
	if (a->reconfig.renumber != RENUMBER_ANSWERED)
		return;
	a->reconfig.renumber = RENUMBER_NONE;
	timer_stop(a, TIMER_RECONFIG);
}

void reconfig_heartbeat_answered(sluice_sctp *a, uint64_t nonce) {
	if (nonce == a->reconfig.renumber_nonce)
		peer_knows_numbers(a);
}

void reconfig_heartbeat_unanswered(sluice_sctp *a) {
	if (a->reconfig.renumber == RENUMBER_ANSWERED)
		respond(a, a->reconfig.renumber_seq, WIRE_RESULT_PERFORMED);
}

static void renumber_progress(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	if (r->renumber == RENUMBER_ANSWERED && receiver_highest(&a->rx) > r->renumbered_at)
		peer_knows_numbers(a);
	if (r->renumber != RENUMBER_DRAINING)
		return;
	if (!reconfig_answer_find(r, r->renumber_seq))
		r->renumber = RENUMBER_NONE; /* the peer has gone on to other requests */
	else if (all_acknowledged(a))
		renumber(a);
}

/* A message that the app gives piece by piece has no end that could be waited for. */
static uint32_t tsn_reset(sluice_sctp *a, const struct wire_reconfig *p) {
	struct reconfig *r = &a->reconfig;
	if (!association_in(a, IN(ESTABLISHED)) || a->tx.out.parts)
		return WIRE_RESULT_DENIED;
	if (r->outstanding)
		return WIRE_RESULT_IN_PROGRESS_OTHER;
	r->renumber = RENUMBER_DRAINING;
	r->renumber_seq = p->request_seq;
	return WIRE_RESULT_IN_PROGRESS;
}

/* ---- the other requests ---- */

/* The result that refuses the list; 0: none. RFC 6525, 4.4, "Error - Wrong SSN": a stream that there is not. */
static uint32_t list_fault(const struct wire_reconfig *p, uint16_t streams) {
	for (size_t i = 0; i < p->stream_count; i++)
		if (wire_reconfig_stream(p, i) >= streams)
			return WIRE_RESULT_WRONG_SSN;
	return p->stream_count > RECONFIG_STREAMS_MAX ? WIRE_RESULT_DENIED : 0;
}

/* Remembers the request; it is done at once or when its data is there. */
static uint32_t outgoing_reset(sluice_sctp *a, const struct wire_reconfig *p) {
	struct reconfig *r = &a->reconfig;
	uint32_t bad = list_fault(p, a->rx.streams);
	if (bad)
		return bad;
	env_free(a->env, r->deferred_streams);
	r->deferred_streams = NULL;
	r->deferred = false;
	if (p->stream_count > 0) {
		r->deferred_streams = env_alloc(a->env, p->stream_count * sizeof *r->deferred_streams);
		if (!r->deferred_streams)
			return WIRE_RESULT_DENIED;
	}
	for (size_t i = 0; i < p->stream_count; i++)
		r->deferred_streams[i] = wire_reconfig_stream(p, i);
	r->deferred_count = p->stream_count;
	r->deferred_seq = p->request_seq;
	r->deferred_tsn = serial_unwrap(p->last_tsn, receiver_cum(&a->rx));
	r->deferred = true;
	/* RFC 6525, 5.2.2: while the Sender's Last Assigned TSN lies beyond the cumulative acknowledgment point, this is
	 * "deferred reset processing", and the answer "In progress". */
	return WIRE_RESULT_IN_PROGRESS;
}

/* RFC 6525, 5.2.3: the peer asks us to reset our direction. A stream that we never sent on is reset like the others, but what the
 * peer may make us remember of such streams is bounded. */
static uint32_t incoming_reset(sluice_sctp *a, const struct wire_reconfig *p) {
	uint32_t bad = list_fault(p, a->outbound);
	if (bad)
		return bad;
	if (p->stream_count == 0)
		want_all(a);
	for (size_t i = 0; i < p->stream_count; i++) {
		uint16_t id = wire_reconfig_stream(p, i);
		bool crowded = association_resets(a) >= RECONFIG_STREAMS_MAX;
		if ((crowded && !outgoing_find(&a->tx.out, id)) || reset_stream(a, id))
			return WIRE_RESULT_DENIED;
	}
	return WIRE_RESULT_PERFORMED;
}

static uint32_t add_incoming_side(sluice_sctp *a, const struct wire_reconfig *p) {
	/* The peer adds outgoing streams, so we take more; RFC 6525, 5.2.5. */
	if (p->new_streams == 0)
		return WIRE_RESULT_NOTHING_TO_DO;
	if ((uint32_t)a->rx.streams + p->new_streams > a->config.inbound_streams)
		return WIRE_RESULT_DENIED;
	receiver_add_streams(&a->rx, p->new_streams);
	streams_added(a, 0);
	return WIRE_RESULT_PERFORMED;
}

static uint32_t add_outgoing_side(sluice_sctp *a, const struct wire_reconfig *p) {
	/* The peer asks for more of ours; RFC 6525, 5.2.6: we answer, and ask to add them ourselves. */
	if (outbound_to_be(a) + p->new_streams > 65535)
		return WIRE_RESULT_DENIED;
	a->reconfig.add_outgoing = (uint16_t)(a->reconfig.add_outgoing + p->new_streams);
	return WIRE_RESULT_PERFORMED;
}

static uint32_t handle_request(sluice_sctp *a, const struct wire_reconfig *p) {
	switch (p->type) {
	case WIRE_PARAM_OUTGOING_RESET:
		return outgoing_reset(a, p);
	case WIRE_PARAM_INCOMING_RESET:
		return incoming_reset(a, p);
	case WIRE_PARAM_ADD_OUTGOING:
		return add_incoming_side(a, p);
	case WIRE_PARAM_ADD_INCOMING:
		return add_outgoing_side(a, p);
	default:
		return tsn_reset(a, p);
	}
}

/* A request is answered before the next one may come, so one chunk's worth is all that one call can bring; more would only keep
 * us busy with all streams over and over. */
#define REQUESTS_PER_INPUT 2

static void request(sluice_sctp *a, const struct wire_reconfig *p) {
	struct reconfig *r = &a->reconfig;
	const struct reconfig_answer *before = reconfig_answer_find(r, p->request_seq);
	if (before) {
		/* It was received before: the same answer, or by now a better one. RFC 6525, 5.2.1. */
		respond(a, p->request_seq, before->result);
		if (r->renumber == RENUMBER_ANSWERED && p->request_seq == r->renumber_seq)
			wait_for_repetition(a);
	} else if (p->request_seq == r->peer_seq && r->taken == REQUESTS_PER_INPUT) {
		a->stats.chunks_discarded++;
	} else if (p->request_seq == r->peer_seq) {
		r->taken++;
		r->peer_seq++;
		peer_knows_numbers(a);
		respond(a, p->request_seq, handle_request(a, p));
		reconfig_answer_find(r, p->request_seq)->tsns = p->type == WIRE_PARAM_TSN_RESET;
	} else {
		/* The answer names the number that was asked, and the memory of the last good one stays. */
		uint8_t bytes[32];
		struct wire_reconfig bad = {
			.type = WIRE_PARAM_RECONFIG_RESPONSE,
			.response_seq = p->request_seq,
			.result = WIRE_RESULT_BAD_SEQUENCE,
		};
		struct writer w = writer_of(bytes, sizeof bytes);
		uint8_t *chunk = wire_chunk_begin(&w, WIRE_RE_CONFIG, 0);
		wire_reconfig_write(&w, &bad);
		wire_chunk_end(&w, chunk);
		replies_add(a, a->peer_tag, bytes, writer_len(&w));
	}
	perform_deferred(a);
	renumber_progress(a);
}

void reconfig_chunk(sluice_sctp *a, const struct wire_chunk *c) {
	struct reader params = reader_of(c->value, c->len);
	struct wire_param param;
	struct wire_reconfig p;
	if (!(a->can & CAN_RECONFIG)) {
		a->stats.chunks_discarded++;
		return;
	}
	while (wire_param_next(&params, &param) == 1) {
		if (wire_reconfig_read(&param, &p)) {
			a->stats.chunks_discarded++;
			return;
		}
		answer_by_request(a, &p);
		if (p.type == WIRE_PARAM_RECONFIG_RESPONSE)
			response(a, &p);
		else
			request(a, &p);
	}
	reconfig_progress(a);
}

void reconfig_progress(sluice_sctp *a) {
	perform_deferred(a);
	renumber_progress(a);
	if (!a->reconfig.outstanding && association_in(a, IN(ESTABLISHED)) && something_waits(a))
		a->pending |= PENDING_RECONFIG;
}
