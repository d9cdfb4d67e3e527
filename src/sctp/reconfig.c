/* reconfig: resetting and adding streams. RFC 6525.
 *
 * Ours: requests wait in line and go one at a time, each for one stream, for a peer may stop at the first stream it does not
 * know (dcSCTP does). Theirs: the last two answers are remembered, so that a repetition gets the same ones, and a reset that
 * waits for data is done when the data is there. */
#include "sctp/association.h"

#include "base/serial.h"

#include <string.h>

void reconfig_start(sluice_sctp *a, uint32_t peer_tsn) {
	/* RFC 6525, 4.1: "initialized to the same value as the initial TSN". */
	a->reconfig.next_seq = a->local_tsn;
	a->reconfig.peer_seq = peer_tsn;
	for (uint32_t i = 0; i < 2; i++)
		a->reconfig.answers[i] = (struct reconfig_answer){.seq = peer_tsn - 1 - i, .result = WIRE_RESULT_NOTHING_TO_DO};
}

void reconfig_clear(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	env_free(a->env, r->requests);
	env_free(a->env, r->deferred_streams);
	for (struct tx_stream *s = r->wanted_head; s; s = s->next_reset)
		s->reset = TX_RESET_NONE;
	*r = (struct reconfig){.next_seq = r->next_seq, .peer_seq = r->peer_seq};
}

/* ---- the app's calls ---- */

/* From the time on when the app was told that it is connected; what it asks for before ESTABLISHED waits until then, also
 * when a stale cookie made the handshake begin again. */
static bool open_state(const sluice_sctp *a) {
	return a->announced && !a->shutdown_wanted && input_state_in(a, IN(COOKIE_WAIT) | IN(COOKIE_ECHOED) | IN(ESTABLISHED));
}

static void finish_reset(sluice_sctp *a, struct tx_stream *s, int error) {
	s->reset = TX_RESET_NONE;
	if (!error)
		s->next_mid[0] = s->next_mid[1] = 0; /* RFC 6525, 5.2.7; RFC 8260, 2.3.2: "reset" of SSNs is one of MIDs */
	s->reset_event.error = error;
	event_push(&a->events, &s->reset_event);
}

void reconfig_want(sluice_sctp *a, struct tx_stream *s) {
	struct reconfig *r = &a->reconfig;
	if (s->reset != TX_RESET_NONE)
		return;
	if (!a->peer_reconfig) {
		finish_reset(a, s, SLUICE_UNSUPPORTED);
		return;
	}
	s->reset = TX_RESET_WANTED;
	s->next_reset = NULL;
	if (r->wanted_tail)
		r->wanted_tail->next_reset = s;
	else
		r->wanted_head = s;
	r->wanted_tail = s;
}

int sluice_sctp_reset_stream(sluice_sctp *a, uint16_t stream) {
	if (!open_state(a))
		return a->state == SLUICE_SCTP_CLOSED ? SLUICE_CLOSED : SLUICE_WRONG_STATE;
	if (stream >= a->outbound)
		return SLUICE_INVALID;
	struct tx_stream *s = outgoing_stream(&a->out, stream);
	if (!s)
		return SLUICE_NO_MEMORY;
	ack_abandon_open(a, s);
	reconfig_want(a, s);
	reconfig_progress(a);
	association_touch(a);
	return 0;
}

static bool push_request(sluice_sctp *a, uint16_t stream) {
	struct reconfig *r = &a->reconfig;
	for (uint32_t i = 0; i < r->request_count; i++)
		if (r->requests[i] == stream)
			return true;
	if (r->request_count == r->request_capacity) {
		uint32_t capacity = r->request_capacity ? 2 * r->request_capacity : 16;
		uint16_t *bigger = env_alloc(a->env, capacity * sizeof *bigger);
		if (!bigger)
			return false;
		if (r->request_count)
			memcpy(bigger, r->requests, r->request_count * sizeof *bigger);
		env_free(a->env, r->requests);
		r->requests = bigger;
		r->request_capacity = capacity;
	}
	r->requests[r->request_count++] = stream;
	return true;
}

int sluice_sctp_request_reset(sluice_sctp *a, uint16_t stream) {
	if (!open_state(a))
		return SLUICE_WRONG_STATE;
	if (!a->peer_reconfig)
		return SLUICE_UNSUPPORTED;
	if (stream >= a->inbound)
		return SLUICE_INVALID;
	if (!push_request(a, stream))
		return SLUICE_NO_MEMORY;
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
	return (uint32_t)a->inbound + r->add_incoming + (r->outstanding && r->type == WIRE_PARAM_ADD_INCOMING ? r->count : 0);
}

int sluice_sctp_add_streams(sluice_sctp *a, uint16_t outgoing, uint16_t incoming) {
	if (!open_state(a))
		return SLUICE_WRONG_STATE;
	if (!a->peer_reconfig)
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
	if (a->peer_reconfig)
		return;
	struct tx_stream *next;
	for (struct tx_stream *s = r->wanted_head; s; s = next) {
		next = s->next_reset;
		finish_reset(a, s, SLUICE_UNSUPPORTED);
	}
	r->wanted_head = r->wanted_tail = NULL;
	r->request_count = 0;
	r->add_outgoing = r->add_incoming = 0;
}

/* ---- our requests ---- */

static void begin_request(sluice_sctp *a, uint16_t type) {
	struct reconfig *r = &a->reconfig;
	r->outstanding = true;
	r->type = type;
	r->retries = 0;
	r->last_tsn = (uint32_t)(a->sent.next - 1);
	a->pending |= PENDING_RECONFIG;
	association_touch(a);
}

/* The first stream in line on which everything was acknowledged or abandoned. */
static struct tx_stream *take_drained(struct reconfig *r) {
	struct tx_stream *before = NULL;
	for (struct tx_stream *s = r->wanted_head; s; before = s, s = s->next_reset) {
		if (s->buffered > 0)
			continue;
		if (before)
			before->next_reset = s->next_reset;
		else
			r->wanted_head = s->next_reset;
		if (r->wanted_tail == s)
			r->wanted_tail = before;
		return s;
	}
	return NULL;
}

static void next_request(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	struct tx_stream *s = take_drained(r);
	if (s) {
		s->reset = TX_RESET_SENT;
		r->stream = s->id;
		begin_request(a, WIRE_PARAM_OUTGOING_RESET);
	} else if (r->request_count > 0) {
		r->stream = r->requests[0];
		memmove(r->requests, r->requests + 1, --r->request_count * sizeof *r->requests);
		begin_request(a, WIRE_PARAM_INCOMING_RESET);
	} else if (r->add_outgoing > 0) {
		r->count = r->add_outgoing;
		r->add_outgoing = 0;
		begin_request(a, WIRE_PARAM_ADD_OUTGOING);
	} else if (r->add_incoming > 0) {
		r->count = r->add_incoming;
		r->add_incoming = 0;
		begin_request(a, WIRE_PARAM_ADD_INCOMING);
	}
}

void reconfig_write_request(sluice_sctp *a, struct writer *w) {
	struct reconfig *r = &a->reconfig;
	uint8_t id[2];
	if (writer_room(w) < 32)
		return;
	put_be16(id, r->stream);
	struct wire_reconfig p = {
		.type = r->type,
		.request_seq = r->next_seq,
		.response_seq = r->peer_seq - 1,
		.last_tsn = r->last_tsn,
		.new_streams = r->count,
		.streams = id,
	};
	p.stream_count = r->type == WIRE_PARAM_OUTGOING_RESET || r->type == WIRE_PARAM_INCOMING_RESET ? 1 : 0;
	uint8_t *chunk = wire_chunk_begin(w, WIRE_RE_CONFIG, 0);
	wire_reconfig_write(w, &p);
	wire_chunk_end(w, chunk);
	a->pending &= ~(uint32_t)PENDING_RECONFIG;
	timer_start(a, TIMER_RECONFIG, a->rto.rto);
}

void reconfig_timeout(sluice_sctp *a) {
	timer_stop(a, TIMER_RECONFIG);
	if (!a->reconfig.outstanding)
		return;
	if (a->reconfig.retries++ > 0) { /* the first expiry may follow an "in progress", which is an answer */
		if (association_count_error(a))
			return;
		rto_back_off(&a->rto);
	}
	a->pending |= PENDING_RECONFIG;
}

/* ---- the answer to ours ---- */

static int result_error(uint32_t result) {
	return result == WIRE_RESULT_NOTHING_TO_DO || result == WIRE_RESULT_PERFORMED ? 0 : SLUICE_REFUSED;
}

static void request_done(sluice_sctp *a, uint32_t result) {
	struct reconfig *r = &a->reconfig;
	int error = result_error(result);
	switch (r->type) {
	case WIRE_PARAM_OUTGOING_RESET:
		finish_reset(a, outgoing_find(&a->out, r->stream), error);
		break;
	case WIRE_PARAM_ADD_OUTGOING:
		if (!error)
			a->outbound = (uint16_t)(a->outbound + r->count);
		a->streams_added.error = error;
		event_push(&a->events, &a->streams_added);
		break;
	case WIRE_PARAM_ADD_INCOMING:
		/* The streams come with the peer's own request; only a refusal ends here. */
		if (error) {
			a->streams_added.error = error;
			event_push(&a->events, &a->streams_added);
		}
		break;
	default:
		break;
	}
	r->outstanding = false;
	r->next_seq++;
	timer_stop(a, TIMER_RECONFIG);
	a->pending &= ~(uint32_t)PENDING_RECONFIG;
	a->error_count = 0;
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
		timer_start(a, TIMER_RECONFIG, a->rto.rto);
		return;
	}
	request_done(a, p->result);
}

/* ---- the peer's requests ---- */

static struct reconfig_answer *answer_find(struct reconfig *r, uint32_t seq) {
	return seq == r->answers[0].seq ? &r->answers[0] : seq == r->answers[1].seq ? &r->answers[1] : NULL;
}

/* The answer is due; a new one pushes the older of the two out. */
static void respond(sluice_sctp *a, uint32_t seq, uint32_t result) {
	struct reconfig *r = &a->reconfig;
	struct reconfig_answer *answer = answer_find(r, seq);
	if (!answer) {
		r->answers[1] = r->answers[0];
		answer = &r->answers[0];
	}
	*answer = (struct reconfig_answer){.seq = seq, .result = result, .due = true};
	a->pending |= PENDING_RECONFIG_RESPONSE;
}

void reconfig_write_response(sluice_sctp *a, struct writer *w) {
	if (writer_room(w) < 28)
		return;
	uint8_t *chunk = wire_chunk_begin(w, WIRE_RE_CONFIG, 0);
	for (int i = 1; i >= 0; i--) {
		struct reconfig_answer *answer = &a->reconfig.answers[i];
		struct wire_reconfig p = {
			.type = WIRE_PARAM_RECONFIG_RESPONSE, .response_seq = answer->seq, .result = answer->result};
		if (answer->due)
			wire_reconfig_write(w, &p);
		answer->due = false;
	}
	wire_chunk_end(w, chunk);
	a->pending &= ~(uint32_t)PENDING_RECONFIG_RESPONSE;
}

static void reset_all_incoming(sluice_sctp *a) {
	reassembly_reset_all(&a->in);
	event_push(&a->events, &a->reset_in_all);
}

/* False when some are left: no memory, or the app has not polled what came of those before. */
static bool reset_incoming(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	size_t done = 0;
	while (done < r->deferred_count && reassembly_reset_stream(&a->in, r->deferred_streams[done]) == 0)
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
	if (!r->deferred || a->map.cum < r->deferred_tsn)
		return;
	if (r->deferred_count == 0)
		reset_all_incoming(a);
	else if (!reset_incoming(a))
		return; /* still in progress, the peer asks again */
	r->deferred = false;
	env_free(a->env, r->deferred_streams);
	r->deferred_streams = NULL;
	if (answer_find(r, r->deferred_seq))
		respond(a, r->deferred_seq, WIRE_RESULT_PERFORMED);
}

/* Remembers the request; it is done at once or when its data is there. */
static uint32_t outgoing_reset(sluice_sctp *a, const struct wire_reconfig *p) {
	struct reconfig *r = &a->reconfig;
	if (p->stream_count > RECONFIG_STREAMS_MAX)
		return WIRE_RESULT_DENIED;
	for (size_t i = 0; i < p->stream_count; i++)
		if (wire_reconfig_stream(p, i) >= a->inbound)
			return WIRE_RESULT_WRONG_SSN;
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
	r->deferred_tsn = serial_unwrap(p->last_tsn, a->map.cum);
	r->deferred = true;
	/* RFC 6525, 5.2.2: while the Sender's Last Assigned TSN lies beyond the cumulative acknowledgment point, this is
	 * "deferred reset processing", and the answer "In progress". */
	return WIRE_RESULT_IN_PROGRESS;
}

/* RFC 6525, 5.2.3: the peer asks us to reset our direction. */
static uint32_t incoming_reset(sluice_sctp *a, const struct wire_reconfig *p) {
	for (size_t i = 0; i < p->stream_count; i++)
		if (wire_reconfig_stream(p, i) >= a->outbound)
			return WIRE_RESULT_WRONG_SSN;
	if (p->stream_count == 0) {
		uint32_t id = 0;
		for (struct tx_stream *s; (s = idmap_next(&a->out.streams, &id)); id++)
			reconfig_want(a, s);
		return WIRE_RESULT_PERFORMED;
	}
	for (size_t i = 0; i < p->stream_count; i++) {
		struct tx_stream *s = outgoing_stream(&a->out, wire_reconfig_stream(p, i));
		if (!s)
			return WIRE_RESULT_DENIED;
		reconfig_want(a, s);
	}
	return WIRE_RESULT_PERFORMED;
}

static uint32_t add_incoming_side(sluice_sctp *a, const struct wire_reconfig *p) {
	/* The peer adds outgoing streams, so we take more; RFC 6525, 5.2.5. */
	if ((uint32_t)a->inbound + p->new_streams > a->config.inbound_streams)
		return WIRE_RESULT_DENIED;
	a->inbound = (uint16_t)(a->inbound + p->new_streams);
	a->streams_added.error = 0;
	event_push(&a->events, &a->streams_added);
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
	default: /* a TSN reset: channels never need it */
		return WIRE_RESULT_DENIED;
	}
}

/* A request is answered before the next one may come, so one chunk's worth is all that one call can bring; more would only keep
 * us busy with all streams over and over. */
#define REQUESTS_PER_INPUT 2

static void request(sluice_sctp *a, const struct wire_reconfig *p) {
	struct reconfig *r = &a->reconfig;
	const struct reconfig_answer *before = answer_find(r, p->request_seq);
	if (before) {
		/* It was received before: the same answer, or by now a better one. RFC 6525, 5.2.1. */
		respond(a, p->request_seq, before->result);
	} else if (p->request_seq == r->peer_seq && r->taken == REQUESTS_PER_INPUT) {
		a->stats.chunks_discarded++;
	} else if (p->request_seq == r->peer_seq) {
		r->taken++;
		r->peer_seq++;
		respond(a, p->request_seq, handle_request(a, p));
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
		association_reply(a, a->peer_tag, bytes, writer_len(&w));
	}
	perform_deferred(a);
}

void reconfig_chunk(sluice_sctp *a, const struct wire_chunk *c) {
	struct reader params = reader_of(c->value, c->len);
	struct wire_param param;
	struct wire_reconfig p;
	if (!a->peer_reconfig) {
		a->stats.chunks_discarded++;
		return;
	}
	while (wire_param_next(&params, &param) == 1) {
		if (wire_reconfig_read(&param, &p)) {
			a->stats.chunks_discarded++;
			return;
		}
		if (p.type == WIRE_PARAM_RECONFIG_RESPONSE)
			response(a, &p);
		else
			request(a, &p);
	}
	reconfig_progress(a);
}

void reconfig_progress(sluice_sctp *a) {
	perform_deferred(a);
	if (!a->reconfig.outstanding && input_state_in(a, IN(ESTABLISHED)))
		next_request(a);
}
