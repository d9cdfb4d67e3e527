#include "packets.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

/* ---- words ---- */

struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...) {
	va_list args;
	va_start(args, format);
	int n = vsnprintf(t->at, t->left, format, args);
	va_end(args);
	size_t used = n < 0 ? 0 : (size_t)n < t->left ? (size_t)n : t->left;
	t->at += used;
	t->left -= used;
}

static void say_data(struct text *t, const struct wire_chunk *c) {
	struct wire_data d;
	if ((c->type == WIRE_DATA ? wire_data_read(c, &d) : wire_i_data_read(c, &d)) < 0)
		return;
	say(t, " tsn=%u sid=%u ssn=%u %s%s%s%s len=%u", d.tsn, d.stream, c->type == WIRE_DATA ? d.ssn : d.mid,
	    d.flags & WIRE_DATA_B ? "B" : "", d.flags & WIRE_DATA_E ? "E" : "", d.flags & WIRE_DATA_U ? "U" : "",
	    d.flags & WIRE_DATA_I ? "I" : "", d.len);
}

static void say_init(struct text *t, const struct wire_chunk *c) {
	struct wire_init i;
	if (wire_init_read(c, &i) == 0)
		say(t, " tag=%08x rwnd=%u os=%u is=%u tsn=%u", i.tag, i.a_rwnd, i.outbound_streams, i.inbound_streams, i.tsn);
}

static void say_sack(struct text *t, const struct wire_chunk *c) {
	struct wire_sack s;
	if (wire_sack_read(c, &s) < 0)
		return;
	say(t, " cum=%u rwnd=%u", s.cum_tsn, s.a_rwnd);
	for (size_t i = 0; i < s.gap_count && i < 8; i++) {
		uint16_t start, end;
		wire_sack_gap(&s, i, &start, &end);
		say(t, " +%u-%u", start, end);
	}
	if (s.duplicate_count)
		say(t, " dup=%u", s.duplicate_count);
}

static void say_forward(struct text *t, const struct wire_chunk *c) {
	struct wire_forward f;
	if (wire_forward_read(c, &f) < 0)
		return;
	say(t, " cum=%u", f.cum_tsn);
	for (size_t i = 0; i < f.count && i < 8; i++) {
		uint16_t stream, ssn;
		wire_forward_stream(&f, i, &stream, &ssn);
		say(t, " %u:%u", stream, ssn);
	}
}

static void say_reconfig(struct text *t, const struct wire_chunk *c) {
	struct reader r = reader_of(c->value, c->len);
	struct wire_param p;
	while (wire_param_next(&r, &p) == 1) {
		struct wire_reconfig q;
		if (wire_reconfig_read(&p, &q) < 0)
			continue;
		say(t, " type=%u req=%u resp=%u result=%u last=%u n=%zu add=%u", q.type, q.request_seq, q.response_seq, q.result,
		    q.last_tsn, q.stream_count, q.new_streams);
	}
}

static void say_causes(struct text *t, const struct wire_chunk *c) {
	struct reader r = reader_of(c->value, c->len);
	struct wire_param p;
	while (wire_param_next(&r, &p) == 1)
		say(t, " (%s)", wire_cause_name(p.type));
}

static void say_chunk(struct text *t, const struct wire_chunk *c) {
	uint32_t cum;
	say(t, "%s", wire_chunk_name(c->type));
	switch (c->type) {
	case WIRE_DATA:
	case WIRE_I_DATA:
		say_data(t, c);
		break;
	case WIRE_INIT:
	case WIRE_INIT_ACK:
		say_init(t, c);
		break;
	case WIRE_SACK:
		say_sack(t, c);
		break;
	case WIRE_FORWARD_TSN:
		say_forward(t, c);
		break;
	case WIRE_RE_CONFIG:
		say_reconfig(t, c);
		break;
	case WIRE_SHUTDOWN:
		if (wire_shutdown_read(c, &cum) == 0)
			say(t, " cum=%u", cum);
		break;
	case WIRE_ABORT:
	case WIRE_ERROR:
		say_causes(t, c);
		break;
	default:
		break;
	}
}

void packet_describe(const uint8_t *packet, size_t len, char *text, size_t size) {
	struct text t = {text, size};
	struct reader r = reader_of(packet, len);
	struct wire_header h;
	struct wire_chunk c;
	*text = 0;
	if (wire_packet_read(&r, &h) < 0) {
		say(&t, "no SCTP packet");
		return;
	}
	say(&t, "[%08x] ", h.tag);
	for (bool first = true; wire_chunk_next(&r, &c) == 1; first = false) {
		if (!first)
			say(&t, ", ");
		say_chunk(&t, &c);
	}
}

/* ---- looking ---- */

static bool is_type(uint8_t type, uint8_t wanted) {
	return type == wanted || (wanted == WIRE_DATA && type == WIRE_I_DATA) ||
	       (wanted == WIRE_FORWARD_TSN && type == WIRE_I_FORWARD_TSN);
}

bool packet_chunk(const uint8_t *packet, size_t len, uint8_t type, unsigned nth, struct wire_chunk *chunk) {
	struct reader r = reader_of(packet, len);
	struct wire_header h;
	if (wire_packet_read(&r, &h) < 0)
		return false;
	while (wire_chunk_next(&r, chunk) == 1)
		if (is_type(chunk->type, type) && nth-- == 0)
			return true;
	return false;
}

unsigned packet_count(const uint8_t *packet, size_t len, uint8_t type) {
	struct wire_chunk c;
	unsigned n = 0;
	while (packet_chunk(packet, len, type, n, &c))
		n++;
	return n;
}

void packet_reseal(uint8_t *packet, size_t len) {
	wire_packet_seal(packet, len);
}

/* ---- filters ---- */

enum link_verdict drop_chunk(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	struct drop_chunk *rule = ctx;
	(void)link, (void)now;
	if (!packet_has(packet, *len, rule->type))
		return LINK_PASS;
	unsigned n = rule->seen++;
	if (n < rule->from || (rule->count && n >= rule->from + rule->count))
		return LINK_PASS;
	rule->dropped++;
	return LINK_DROP;
}

enum link_verdict rewrite(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	struct rewrite *rule = ctx;
	(void)link, (void)now;
	if (rule->fn(rule->ctx, packet, len)) {
		rule->changed++;
		packet_reseal(packet, *len);
	}
	return LINK_PASS;
}

enum link_verdict record(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	struct recorder *r = ctx;
	if (r->count == (r->limit ? r->limit : 100000))
		return LINK_PASS;
	if (r->count == r->capacity) {
		r->capacity = r->capacity ? 2 * r->capacity : 64;
		r->packets = realloc(r->packets, r->capacity * sizeof *r->packets);
		if (!r->packets)
			abort();
	}
	struct recorded *p = &r->packets[r->count++];
	*p = (struct recorded){.at = now, .forward = link->from->index < link->to->index, .len = *len, .bytes = malloc(*len)};
	if (!p->bytes)
		abort();
	memcpy(p->bytes, packet, *len);
	return LINK_PASS;
}

void recorder_free(struct recorder *r) {
	for (size_t i = 0; i < r->count; i++)
		free(r->packets[i].bytes);
	free(r->packets);
	*r = (struct recorder){0};
}

const struct recorded *recorder_find(const struct recorder *r, bool forward, uint8_t type, unsigned nth) {
	for (size_t i = 0; i < r->count; i++) {
		const struct recorded *p = &r->packets[i];
		if (p->forward == forward && packet_has(p->bytes, p->len, type) && nth-- == 0)
			return p;
	}
	return NULL;
}

unsigned recorder_count(const struct recorder *r, bool forward, uint8_t type) {
	unsigned n = 0;
	while (recorder_find(r, forward, type, n))
		n++;
	return n;
}
