#include "script.h"

#include <stdio.h>
#include <stdlib.h>

#include "packets.h"

void script_init(struct script *s, const sluice_sctp_config *config) {
	script_init_seeded(s, config, 1);
}

void script_init_seeded(struct script *s, const sluice_sctp_config *config, uint64_t seed) {
	*s = (struct script){.now = SLUICE_S,
	                     .port = 5000,
	                     .remote_port = 5000,
	                     .tag = 0x11223344,
	                     .tsn = 1000,
	                     .rwnd = 1 << 20,
	                     .streams = 65535,
	                     .forward_tsn = true,
	                     .reconfig = true,
	                     .entropy = rng_of(seed, 7)};
	s->packets = malloc(SCRIPT_PACKETS * sizeof *s->packets);
	sluice_env_config env = {.allocator = memory_allocator(&s->memory), .entropy = rng_entropy, .entropy_ctx = &s->entropy};
	if (!s->packets || sluice_env_new(&env, &s->env) < 0 || sluice_sctp_new(s->env, config, &s->sctp) < 0)
		abort();
}

void script_free(struct script *s) {
	sluice_sctp_free(s->sctp);
	for (size_t i = 0; i < s->kept_count; i++)
		sluice_message_release(s->kept[i]);
	sluice_env_free(s->env);
	free(s->packets);
	if (s->memory.live) {
		fprintf(stderr, "the association leaks %zu blocks, %zu bytes\n", s->memory.live, s->memory.bytes);
		abort();
	}
}

/* ---- giving ---- */

static void take_event(struct script *s, const sluice_sctp_event *e) {
	if (s->event_count == SCRIPT_MESSAGES)
		abort();
	s->events[s->event_count++] = *e;
	if (e->type != SLUICE_SCTP_MESSAGE && e->type != SLUICE_SCTP_MESSAGE_PART)
		return;
	const sluice_message *m = e->message;
	s->messages[s->message_count].len = m->len;
	s->messages[s->message_count].stream = m->stream;
	s->messages[s->message_count].first = m->first;
	s->messages[s->message_count].last = m->last;
	s->messages[s->message_count].error = m->error;
	s->messages[s->message_count].offset = m->offset;
	s->messages[s->message_count++].ppid = m->ppid;
	if (s->keep)
		s->kept[s->kept_count++] = e->message;
	else
		sluice_message_release(e->message);
}

static void note_batch(struct script *s, const sluice_batch *b) {
	for (size_t i = 0; i < b->count; i++) {
		size_t len = sluice_batch_slot_len(b, i);
		if (s->count == SCRIPT_PACKETS || len > SCRIPT_PACKET_MAX)
			abort();
		struct script_packet *p = &s->packets[s->count++];
		p->at = s->now;
		p->len = len;
		memcpy(p->bytes, sluice_batch_slot(b, i), len);
		if (getenv("SLUICE_TRACE")) {
			char text[1024];
			packet_describe(p->bytes, p->len, text, sizeof text);
			fprintf(stderr, "%12.6f it>us %5zu %s\n", (double)s->now / 1e9, len, text);
		}
	}
}

void script_collect(struct script *s) {
	static uint8_t space[65536];
	sluice_sctp_event e;
	for (;;) {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		int n = sluice_sctp_output(s->sctp, &b, s->now);
		if (n < 0)
			abort();
		note_batch(s, &b);
		bool any = n > 0;
		while (sluice_sctp_poll(s->sctp, &e)) {
			take_event(s, &e);
			any = true;
		}
		if (!any)
			return;
	}
}

void script_run(struct script *s, uint64_t until) {
	for (unsigned spins = 0;; spins++) {
		script_collect(s);
		uint64_t next = sluice_sctp_deadline(s->sctp);
		if (next > until)
			break;
		if (next > s->now) {
			s->now = next;
			spins = 0;
		}
		if (spins > 1000) {
			fprintf(stderr, "the deadline stays in the past\n");
			abort();
		}
		sluice_sctp_advance(s->sctp, s->now);
	}
	if (until > s->now)
		s->now = until;
}

struct writer script_begin(struct script *s, uint8_t *space, size_t size) {
	struct writer w = writer_of(space, size);
	struct wire_header h = {.src_port = s->port, .dst_port = s->remote_port, .tag = s->remote_tag};
	wire_header_write(&w, &h);
	return w;
}

void script_give_raw(struct script *s, const void *packet, size_t len) {
	/* A buffer of its own size, so that a sanitizer sees a read beyond the packet. */
	uint8_t *copy = malloc(len ? len : 1);
	if (!copy)
		abort();
	memcpy(copy, packet, len);
	if (getenv("SLUICE_TRACE")) {
		char text[1024];
		packet_describe(copy, len, text, sizeof text);
		fprintf(stderr, "%12.6f us>it %5zu %s\n", (double)s->now / 1e9, len, text);
	}
	sluice_datagram d = {.data = copy, .len = len};
	sluice_sctp_input(s->sctp, &d, 1, s->now);
	free(copy);
	script_collect(s);
}

void script_give(struct script *s, struct writer *w) {
	if (w->failed)
		abort();
	wire_packet_seal(w->start, writer_len(w));
	script_give_raw(s, w->start, writer_len(w));
}

/* ---- looking ---- */

const struct script_packet *script_next(struct script *s) {
	return s->read < s->count ? &s->packets[s->read++] : NULL;
}

const struct script_packet *script_expect(struct script *s, uint8_t type, struct wire_chunk *chunk) {
	const struct script_packet *p;
	struct wire_chunk unused;
	while ((p = script_next(s)))
		if (packet_chunk(p->bytes, p->len, type, 0, chunk ? chunk : &unused))
			return p;
	return NULL;
}

void script_skip(struct script *s) {
	s->read = s->count = 0;
}

unsigned script_pending(const struct script *s, uint8_t type) {
	unsigned n = 0;
	for (size_t i = s->read; i < s->count; i++)
		n += packet_has(s->packets[i].bytes, s->packets[i].len, type);
	return n;
}

unsigned script_events(const struct script *s, enum sluice_sctp_event_type type) {
	unsigned n = 0;
	for (size_t i = 0; i < s->event_count; i++)
		n += s->events[i].type == type;
	return n;
}

/* ---- scenes ---- */

void script_init_chunk(struct script *s, struct writer *w, uint8_t type, const uint8_t *cookie, size_t cookie_len) {
	struct wire_init i = {
		.tag = s->tag,
		.a_rwnd = s->rwnd,
		.outbound_streams = s->streams,
		.inbound_streams = s->streams,
		.tsn = s->tsn,
		.forward_tsn = s->forward_tsn,
		.reconfig = s->reconfig,
		.i_data = s->i_data,
		.i_forward_tsn = s->i_forward_tsn,
		.pad = s->pad,
		.cookie = cookie,
		.cookie_len = (uint16_t)cookie_len,
	};
	wire_init_write(w, type, &i);
}

bool script_open_half(struct script *s, struct wire_init *ack) {
	uint8_t space[1500];
	struct wire_chunk c;
	s->remote_tag = 0;
	struct writer w = script_begin(s, space, sizeof space);
	script_init_chunk(s, &w, WIRE_INIT, NULL, 0);
	script_give(s, &w);
	if (!script_expect(s, WIRE_INIT_ACK, &c) || wire_init_read(&c, ack) < 0 || !ack->cookie)
		return false;
	s->remote_tag = ack->tag;
	s->remote_tsn = ack->tsn;
	return true;
}

void script_echo_cookie(struct script *s, const uint8_t *cookie, size_t len) {
	uint8_t space[1500];
	struct writer w = script_begin(s, space, sizeof space);
	wire_chunk_write(&w, WIRE_COOKIE_ECHO, 0, cookie, len);
	script_give(s, &w);
}

bool script_open_passive(struct script *s) {
	struct wire_init ack;
	if (!script_open_half(s, &ack))
		return false;
	script_echo_cookie(s, ack.cookie, ack.cookie_len);
	bool answered = script_expect(s, WIRE_COOKIE_ACK, NULL) != NULL;
	script_skip(s);
	return answered && sluice_sctp_state(s->sctp) == SLUICE_SCTP_ESTABLISHED;
}

bool script_open_until_init(struct script *s) {
	struct wire_chunk c;
	struct wire_init init;
	if (sluice_sctp_connect(s->sctp) < 0)
		return false;
	script_collect(s);
	if (!script_expect(s, WIRE_INIT, &c) || wire_init_read(&c, &init) < 0)
		return false;
	s->remote_tag = init.tag;
	s->remote_tsn = init.tsn;
	return true;
}

bool script_open_active(struct script *s) {
	uint8_t space[1500];
	struct wire_chunk c;
	if (!script_open_until_init(s))
		return false;
	struct writer w = script_begin(s, space, sizeof space);
	script_init_chunk(s, &w, WIRE_INIT_ACK, (const uint8_t *)"cookie--", 8);
	script_give(s, &w);
	if (!script_expect(s, WIRE_COOKIE_ECHO, &c) || c.len != 8 || memcmp(c.value, "cookie--", 8) != 0)
		return false;
	w = script_begin(s, space, sizeof space);
	wire_chunk_write(&w, WIRE_COOKIE_ACK, 0, NULL, 0);
	script_give(s, &w);
	script_skip(s);
	return sluice_sctp_state(s->sctp) == SLUICE_SCTP_ESTABLISHED;
}

void script_data(struct writer *w, uint32_t tsn, uint16_t stream, uint16_t ssn, uint8_t flags, size_t len) {
	uint8_t payload[SCRIPT_PACKET_MAX];
	memset(payload, (int)(tsn & 0xff), len);
	struct wire_data d = {
		.flags = flags, .tsn = tsn, .stream = stream, .ssn = ssn, .ppid = tsn, .payload = payload, .len = (uint16_t)len};
	wire_data_write(w, &d);
}

void script_i_data(struct writer *w, uint32_t tsn, uint16_t stream, uint32_t mid, uint32_t fsn, uint8_t flags, size_t len) {
	uint8_t payload[SCRIPT_PACKET_MAX];
	memset(payload, (int)(tsn & 0xff), len);
	struct wire_data d = {.flags = flags,
	                      .tsn = tsn,
	                      .stream = stream,
	                      .mid = mid,
	                      .fsn = fsn,
	                      .ppid = tsn,
	                      .payload = payload,
	                      .len = (uint16_t)len};
	wire_i_data_write(w, &d);
}

void script_give_i_data(struct script *s, uint32_t tsn, uint16_t stream, uint32_t mid, uint32_t fsn, uint8_t flags, size_t len) {
	uint8_t space[SCRIPT_PACKET_MAX];
	struct writer w = script_begin(s, space, sizeof space);
	script_i_data(&w, tsn, stream, mid, fsn, flags, len);
	script_give(s, &w);
}

void script_give_data(struct script *s, uint32_t tsn, uint16_t stream, uint16_t ssn, uint8_t flags, size_t len) {
	uint8_t space[SCRIPT_PACKET_MAX];
	struct writer w = script_begin(s, space, sizeof space);
	script_data(&w, tsn, stream, ssn, flags, len);
	script_give(s, &w);
}

void script_give_sack(struct script *s, uint32_t cum, uint32_t rwnd, const uint16_t *gaps, size_t gap_count) {
	uint8_t space[SCRIPT_PACKET_MAX], wire_gaps[512];
	for (size_t i = 0; i < 2 * gap_count; i++)
		put_be16(wire_gaps + 2 * i, gaps[i]);
	struct wire_sack sack = {.cum_tsn = cum, .a_rwnd = rwnd, .gap_count = (uint16_t)gap_count, .gaps = wire_gaps};
	struct writer w = script_begin(s, space, sizeof space);
	wire_sack_write(&w, &sack);
	script_give(s, &w);
}

void script_give_reconfig(struct script *s, const struct wire_reconfig *r) {
	static uint8_t space[8000];
	struct writer w = script_begin(s, space, sizeof space);
	uint8_t *c = wire_chunk_begin(&w, WIRE_RE_CONFIG, 0);
	wire_reconfig_write(&w, r);
	wire_chunk_end(&w, c);
	script_give(s, &w);
}

void script_give_response(struct script *s, uint32_t seq, uint32_t result) {
	struct wire_reconfig r = {.type = WIRE_PARAM_RECONFIG_RESPONSE, .response_seq = seq, .result = result};
	script_give_reconfig(s, &r);
}

bool script_next_reconfig(struct script *s, struct wire_reconfig *r) {
	struct wire_chunk c;
	struct wire_param p;
	if (!script_expect(s, WIRE_RE_CONFIG, &c))
		return false;
	struct reader reader = reader_of(c.value, c.len);
	return wire_param_next(&reader, &p) == 1 && wire_reconfig_read(&p, r) == 0;
}
