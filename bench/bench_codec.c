/* bench_codec: what does it cost to take packets apart and to put them together, without the checksum?
 *
 * The packets are those of the established path: one large DATA chunk, many small ones, and SACKs; and the handshake's INIT,
 * for comparison. */
#include "harness.h"
#include "wire/wire.h"

#define PACKET 1200

struct packet {
	uint8_t bytes[PACKET];
	size_t len;
	size_t payload, chunks; /* of each DATA chunk, and how many */
};

static const uint8_t gap_bytes[4 * 16] = {0, 2, 0, 3, 0, 5, 0, 9};

static struct writer packet_begin(struct packet *p) {
	struct writer w = writer_of(p->bytes, sizeof p->bytes);
	wire_header_write(&w, &(struct wire_header){.src_port = 5000, .dst_port = 5000, .tag = 0x12345678});
	return w;
}

/* ---- writing ---- */

static size_t data_write(struct packet *p) {
	static const uint8_t payload[PACKET];
	struct writer w = packet_begin(p);
	for (size_t i = 0; i < p->chunks; i++) {
		wire_data_write(&w, &(struct wire_data){.flags = WIRE_DATA_B | WIRE_DATA_E,
		                                        .tsn = (uint32_t)i,
		                                        .ppid = 53,
		                                        .payload = payload,
		                                        .len = (uint16_t)p->payload});
	}
	BENCH_MUST(!w.failed);
	return writer_len(&w);
}

static void run_data_write(void *ctx, uint64_t iterations) {
	struct packet *p = ctx;
	while (iterations-- > 0) {
		p->len = data_write(p);
		BENCH_KEEP(&p->bytes[0]);
	}
}

static size_t sack_write(struct packet *p) {
	struct writer w = packet_begin(p);
	wire_sack_write(
		&w, &(struct wire_sack){.cum_tsn = 1, .a_rwnd = 1 << 20, .gap_count = (uint16_t)p->chunks, .gaps = gap_bytes});
	BENCH_MUST(!w.failed);
	return writer_len(&w);
}

static void run_sack_write(void *ctx, uint64_t iterations) {
	struct packet *p = ctx;
	while (iterations-- > 0) {
		p->len = sack_write(p);
		BENCH_KEEP(&p->bytes[0]);
	}
}

static size_t init_write(struct packet *p) {
	struct writer w = packet_begin(p);
	wire_init_write(&w, WIRE_INIT, &(struct wire_init){.tag = 1, .a_rwnd = 1 << 20, .forward_tsn = true, .reconfig = true});
	BENCH_MUST(!w.failed);
	return writer_len(&w);
}

static void run_init_write(void *ctx, uint64_t iterations) {
	struct packet *p = ctx;
	while (iterations-- > 0) {
		p->len = init_write(p);
		BENCH_KEEP(&p->bytes[0]);
	}
}

/* ---- reading ---- */

/* One chunk as the association reads it; a number of it, so that nothing of the reading can be left out. */
static uint32_t chunk_read(const struct wire_chunk *c) {
	struct wire_data d;
	struct wire_sack s;
	struct wire_init i;
	switch (c->type) {
	case WIRE_DATA:
		BENCH_MUST(wire_data_read(c, &d) == 0);
		return d.tsn + d.stream + d.ssn + d.ppid + d.len + d.flags;
	case WIRE_SACK:
		BENCH_MUST(wire_sack_read(c, &s) == 0);
		for (size_t k = 0; k < s.gap_count; k++) {
			uint16_t start, end;
			wire_sack_gap(&s, k, &start, &end);
			s.cum_tsn += (uint32_t)(end - start);
		}
		return s.cum_tsn + s.a_rwnd;
	default:
		BENCH_MUST(wire_init_read(c, &i) == 0);
		return i.tag + i.a_rwnd + i.forward_tsn;
	}
}

static void run_read(void *ctx, uint64_t iterations) {
	struct packet *p = ctx;
	uint32_t sum = 0;
	while (iterations-- > 0) {
		struct reader r = reader_of(p->bytes, p->len);
		struct wire_header h;
		struct wire_chunk c;
		BENCH_KEEP(&p->bytes[0]);
		BENCH_MUST(wire_packet_read(&r, &h) == 0);
		while (wire_chunk_next(&r, &c) == 1)
			sum += chunk_read(&c);
		sum += h.tag;
	}
	BENCH_KEEP(sum);
}

static void bench_pair(struct packet *p, const char *write_name, const char *read_name, void (*write)(void *, uint64_t)) {
	size_t bytes = p->payload * p->chunks, items = p->payload ? p->chunks : 1;
	bench_run(&(struct bench_case){
		.bench = "codec", .name = write_name, .run = write, .ctx = p, .bytes = bytes, .items = items});
	write(p, 1);
	bench_run(&(struct bench_case){
		.bench = "codec", .name = read_name, .run = run_read, .ctx = p, .bytes = bytes, .items = items});
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	bench_pair(&(struct packet){.payload = 1172, .chunks = 1}, "write 1 DATA of 1172 bytes", "read 1 DATA of 1172 bytes",
	           run_data_write);
	bench_pair(&(struct packet){.payload = 64, .chunks = 14}, "write 14 DATA of 64 bytes", "read 14 DATA of 64 bytes",
	           run_data_write);
	bench_pair(&(struct packet){.chunks = 0}, "write SACK", "read SACK", run_sack_write);
	bench_pair(&(struct packet){.chunks = 16}, "write SACK of 16 blocks", "read SACK of 16 blocks", run_sack_write);
	bench_pair(&(struct packet){.chunks = 0}, "write INIT", "read INIT", run_init_write);
	return bench_end();
}
