/* fuzz_wire: can a stranger break the packet codec? Each chunk of a packet is read, written and read again. Both readings must
 * agree, and a writer must not fail or leave its buffer where the reading succeeded. */
#include "base/crc32c.h"
#include "fuzz/target.h"
#include "wire/wire.h"

/* Room for the largest chunk that a length field can describe. For a larger one the writer is right to fail. */
static uint8_t buffer[1 << 17];

static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t len) {
	return len == 0 || memcmp(a, b, len) == 0;
}

/* The one chunk that was written. */
static struct wire_chunk written(const struct writer *w, uint8_t type) {
	MUST(!w->failed);
	MUST(writer_len(w) % 4 == 0);
	struct reader r = reader_of(w->start, writer_len(w));
	struct wire_chunk c, none;
	MUST(wire_chunk_next(&r, &c) == 1);
	MUST(c.type == type);
	for (const uint8_t *pad = c.value + c.len; pad < w->at; pad++)
		MUST(*pad == 0);
	MUST(wire_chunk_next(&r, &none) == 0);
	return c;
}

/* ---- DATA and I-DATA ---- */

static void data_check(const struct wire_data *a, const struct wire_data *b) {
	MUST(a->flags == b->flags && a->tsn == b->tsn && a->stream == b->stream && a->ssn == b->ssn);
	MUST(a->mid == b->mid && a->fsn == b->fsn && a->ppid == b->ppid);
	MUST(a->len == b->len && same_bytes(a->payload, b->payload, a->len));
}

static void fuzz_data(const struct wire_chunk *c) {
	struct wire_data first, second;
	uint8_t header[WIRE_DATA_HEADER];
	if (wire_data_read(c, &first) < 0)
		return;
	struct writer w = writer_of(buffer, sizeof buffer);
	wire_data_write(&w, &first);
	struct wire_chunk again = written(&w, WIRE_DATA);
	MUST(wire_data_read(&again, &second) == 0);
	data_check(&first, &second);
	wire_data_header_put(header, &first);
	MUST(same_bytes(header, buffer, sizeof header));
}

static void fuzz_i_data(const struct wire_chunk *c) {
	struct wire_data first, second;
	if (wire_i_data_read(c, &first) < 0)
		return;
	struct writer w = writer_of(buffer, sizeof buffer);
	wire_i_data_write(&w, &first);
	struct wire_chunk again = written(&w, WIRE_I_DATA);
	MUST(wire_i_data_read(&again, &second) == 0);
	data_check(&first, &second);
}

/* ---- INIT and INIT-ACK ---- */

static void init_check(const struct wire_init *a, const struct wire_init *b) {
	MUST(a->tag == b->tag && a->a_rwnd == b->a_rwnd && a->tsn == b->tsn);
	MUST(a->outbound_streams == b->outbound_streams && a->inbound_streams == b->inbound_streams);
	MUST(a->forward_tsn == b->forward_tsn && a->reconfig == b->reconfig && a->i_data == b->i_data);
	MUST(a->i_forward_tsn == b->i_forward_tsn && a->pad == b->pad);
	MUST(a->has_zero_checksum == b->has_zero_checksum && a->zero_checksum_method == b->zero_checksum_method);
}

static void fuzz_init(const struct wire_chunk *c) {
	struct wire_init first, second;
	if (wire_init_read(c, &first) < 0)
		return;
	MUST(first.unrecognized_count <= WIRE_UNRECOGNIZED_MAX);
	struct writer w = writer_of(buffer, sizeof buffer);
	wire_init_write(&w, c->type, &first);
	/* Each report is four bytes longer than the parameter in it, so the INIT-ACK to a full INIT may be too long. */
	if (w.failed && c->len > 60000)
		return;
	struct wire_chunk again = written(&w, c->type);
	MUST(wire_init_read(&again, &second) == 0);
	init_check(&first, &second);
	MUST(second.unrecognized_count == 0 && !second.stopped);
	if (c->type == WIRE_INIT_ACK)
		MUST(first.cookie_len == second.cookie_len && same_bytes(first.cookie, second.cookie, first.cookie_len));
	else
		MUST(first.cookie_preservative == second.cookie_preservative);
}

/* ---- SACK ---- */

static void fuzz_sack(const struct wire_chunk *c) {
	struct wire_sack first, second;
	if (wire_sack_read(c, &first) < 0)
		return;
	struct writer w = writer_of(buffer, sizeof buffer);
	wire_sack_write(&w, &first);
	struct wire_chunk again = written(&w, WIRE_SACK);
	MUST(wire_sack_read(&again, &second) == 0);
	MUST(first.cum_tsn == second.cum_tsn && first.a_rwnd == second.a_rwnd);
	MUST(first.gap_count == second.gap_count && first.duplicate_count == second.duplicate_count);
	for (size_t i = 0; i < first.gap_count; i++) {
		uint16_t start[2], end[2];
		wire_sack_gap(&first, i, &start[0], &end[0]);
		wire_sack_gap(&second, i, &start[1], &end[1]);
		MUST(start[0] == start[1] && end[0] == end[1]);
	}
	for (size_t i = 0; i < first.duplicate_count; i++)
		MUST(wire_sack_duplicate(&first, i) == wire_sack_duplicate(&second, i));
}

/* ---- FORWARD-TSN and I-FORWARD-TSN ---- */

static void fuzz_forward(const struct wire_chunk *c) {
	struct wire_forward first, second;
	if (wire_forward_read(c, &first) < 0)
		return;
	struct writer w = writer_of(buffer, sizeof buffer);
	wire_forward_write(&w, &first);
	struct wire_chunk again = written(&w, WIRE_FORWARD_TSN);
	MUST(wire_forward_read(&again, &second) == 0);
	MUST(first.cum_tsn == second.cum_tsn && first.count == second.count);
	for (size_t i = 0; i < first.count; i++) {
		uint16_t stream[2], ssn[2];
		wire_forward_stream(&first, i, &stream[0], &ssn[0]);
		wire_forward_stream(&second, i, &stream[1], &ssn[1]);
		MUST(stream[0] == stream[1] && ssn[0] == ssn[1]);
	}
}

static void fuzz_i_forward(const struct wire_chunk *c) {
	struct wire_forward first, second;
	if (wire_i_forward_read(c, &first) < 0)
		return;
	struct writer w = writer_of(buffer, sizeof buffer);
	wire_i_forward_write(&w, &first);
	struct wire_chunk again = written(&w, WIRE_I_FORWARD_TSN);
	MUST(wire_i_forward_read(&again, &second) == 0);
	MUST(first.cum_tsn == second.cum_tsn && first.count == second.count);
	for (size_t i = 0; i < first.count; i++) {
		uint16_t stream[2];
		uint32_t mid[2];
		bool unordered[2];
		wire_i_forward_stream(&first, i, &stream[0], &unordered[0], &mid[0]);
		wire_i_forward_stream(&second, i, &stream[1], &unordered[1], &mid[1]);
		MUST(stream[0] == stream[1] && unordered[0] == unordered[1] && mid[0] == mid[1]);
	}
}

/* ---- the short ones ---- */

static void fuzz_shutdown(const struct wire_chunk *c) {
	uint32_t first, second;
	if (wire_shutdown_read(c, &first) < 0)
		return;
	struct writer w = writer_of(buffer, sizeof buffer);
	wire_shutdown_write(&w, first);
	struct wire_chunk again = written(&w, WIRE_SHUTDOWN);
	MUST(wire_shutdown_read(&again, &second) == 0 && first == second);
}

static void fuzz_heartbeat(const struct wire_chunk *c) {
	const uint8_t *first, *second;
	uint16_t first_len, second_len;
	if (wire_heartbeat_read(c, &first, &first_len) < 0)
		return;
	struct writer w = writer_of(buffer, sizeof buffer);
	wire_heartbeat_write(&w, c->type, first, first_len);
	struct wire_chunk again = written(&w, c->type);
	MUST(wire_heartbeat_read(&again, &second, &second_len) == 0);
	MUST(first_len == second_len && same_bytes(first, second, first_len));
}

static void fuzz_pad(const struct wire_chunk *c) {
	struct writer w = writer_of(buffer, sizeof buffer);
	wire_pad_write(&w, c->len + 4u);
	MUST(written(&w, WIRE_PAD).len == c->len);
}

/* ---- lists of parameters: causes, and RE-CONFIG ---- */

/* Asserts that both lists have the same parameters. A list that ends in an error has those before it. */
static void params_check(const struct wire_chunk *a, const struct wire_chunk *b) {
	struct reader r = reader_of(a->value, a->len), s = reader_of(b->value, b->len);
	struct wire_param p, q;
	while (wire_param_next(&r, &p) == 1) {
		MUST(wire_param_next(&s, &q) == 1);
		MUST(p.type == q.type && p.len == q.len && p.raw_len == p.len + 4);
		MUST(same_bytes(p.value, q.value, p.len));
	}
	MUST(wire_param_next(&s, &q) == 0);
}

static void fuzz_causes(const struct wire_chunk *c) {
	struct writer w = writer_of(buffer, sizeof buffer);
	struct reader r = reader_of(c->value, c->len);
	struct wire_param p;
	uint8_t *begin = wire_chunk_begin(&w, c->type, c->flags);
	while (wire_param_next(&r, &p) == 1) {
		MUST(wire_cause_name(p.type) != NULL);
		wire_param_write(&w, p.type, p.value, p.len);
	}
	wire_chunk_end(&w, begin);
	struct wire_chunk again = written(&w, c->type);
	params_check(c, &again);
}

static void reconfig_check(const struct wire_reconfig *a, const struct wire_reconfig *b) {
	MUST(a->type == b->type && a->request_seq == b->request_seq && a->response_seq == b->response_seq);
	MUST(a->last_tsn == b->last_tsn && a->result == b->result && a->new_streams == b->new_streams);
	MUST(a->has_tsns == b->has_tsns && a->sender_next_tsn == b->sender_next_tsn);
	MUST(a->receiver_next_tsn == b->receiver_next_tsn && a->stream_count == b->stream_count);
	for (size_t i = 0; i < a->stream_count; i++)
		MUST(wire_reconfig_stream(a, i) == wire_reconfig_stream(b, i));
}

static void fuzz_reconfig_param(const struct wire_param *p) {
	struct wire_reconfig first, second;
	if (wire_reconfig_read(p, &first) < 0)
		return;
	struct writer w = writer_of(buffer, sizeof buffer);
	uint8_t *begin = wire_chunk_begin(&w, WIRE_RE_CONFIG, 0);
	wire_reconfig_write(&w, &first);
	wire_chunk_end(&w, begin);
	struct wire_chunk again = written(&w, WIRE_RE_CONFIG);
	struct reader r = reader_of(again.value, again.len);
	struct wire_param q;
	MUST(wire_param_next(&r, &q) == 1);
	MUST(wire_reconfig_read(&q, &second) == 0);
	reconfig_check(&first, &second);
}

static void fuzz_reconfig(const struct wire_chunk *c) {
	struct reader r = reader_of(c->value, c->len);
	struct wire_param p;
	while (wire_param_next(&r, &p) == 1)
		fuzz_reconfig_param(&p);
}

/* ---- the packet ---- */

static void fuzz_any(const struct wire_chunk *c) {
	struct writer w = writer_of(buffer, sizeof buffer);
	wire_chunk_write(&w, c->type, c->flags, c->value, c->len);
	struct wire_chunk again = written(&w, c->type);
	MUST(again.flags == c->flags && again.len == c->len && same_bytes(again.value, c->value, c->len));
	MUST(wire_chunk_name(c->type) != NULL);
}

static void fuzz_known(const struct wire_chunk *c) {
	static void (*const by_type[256])(const struct wire_chunk *c) = {
		[WIRE_DATA] = fuzz_data,           [WIRE_INIT] = fuzz_init,
		[WIRE_INIT_ACK] = fuzz_init,       [WIRE_SACK] = fuzz_sack,
		[WIRE_HEARTBEAT] = fuzz_heartbeat, [WIRE_HEARTBEAT_ACK] = fuzz_heartbeat,
		[WIRE_ABORT] = fuzz_causes,        [WIRE_SHUTDOWN] = fuzz_shutdown,
		[WIRE_ERROR] = fuzz_causes,        [WIRE_I_DATA] = fuzz_i_data,
		[WIRE_RE_CONFIG] = fuzz_reconfig,  [WIRE_PAD] = fuzz_pad,
		[WIRE_FORWARD_TSN] = fuzz_forward, [WIRE_I_FORWARD_TSN] = fuzz_i_forward,
	};
	if (by_type[c->type])
		by_type[c->type](c);
}

/* The checksum must be the same on every machine. */
static void fuzz_checksum(const uint8_t *data, size_t size) {
	uint32_t tables = crc32c_implementation(0)(CRC32C_INIT, data, size);
	for (int which = 1; which < CRC32C_IMPLEMENTATIONS; which++) {
		crc32c_fn fn = crc32c_implementation(which);
		MUST(!fn || fn(CRC32C_INIT, data, size) == tables);
	}
}

static void fuzz_header(const struct wire_header *h, const uint8_t *data, size_t size) {
	uint8_t packet[WIRE_HEADER_SIZE];
	struct writer w = writer_of(packet, sizeof packet);
	struct wire_header again;
	wire_header_write(&w, h);
	MUST(!w.failed);
	wire_packet_seal(packet, sizeof packet);
	struct reader r = reader_of(packet, sizeof packet);
	MUST(wire_packet_read(&r, &again) == 0);
	MUST(again.src_port == h->src_port && again.dst_port == h->dst_port && again.tag == h->tag);
	MUST(again.checksum == crc32c_packet(data, WIRE_HEADER_SIZE));
	crc32c_packet(data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct reader r = reader_of(data, size);
	struct wire_header h;
	struct wire_chunk c;
	fuzz_checksum(data, size);
	if (wire_packet_read(&r, &h) < 0)
		return 0;
	fuzz_header(&h, data, size);
	while (wire_chunk_next(&r, &c) == 1) {
		fuzz_any(&c);
		fuzz_known(&c);
	}
	return 0;
}
