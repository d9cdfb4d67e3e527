/* bench_rtp: what does it cost to take RTP packets apart and to put them together?
 *
 * "2 CSRCs, 2 two-byte extensions" is the packet of Pion's own benchmark, with its extension read into the table. "Chromium's"
 * is a video packet as Chromium sends it: five one-byte elements.
 *
 * The fixed header is read by plain code and by one pshufb, as a proof. pshufb saves less than 1 ns of what a packet costs, and
 * SSSE3 is no part of plain x86-64, so it would need a second path that is chosen at run time. The library has the plain one. */
#if defined __x86_64__
#include <immintrin.h>
#endif

#include <stddef.h>

#include "harness.h"
#include "rtp/extensions.h"
#include "rtp/rtcp_write.h"

#define MTU 1200

struct packet {
	uint8_t bytes[MTU];
	size_t len;
	struct rtp_extension_map map;
	struct rtp_extension_block block;
	struct rtp_packet fields;
};

static uint8_t payload[MTU - 200];

/* ---- reading ---- */

static void run_parse(void *ctx, uint64_t iterations) {
	struct packet *p = ctx;
	struct rtp_packet read;
	struct rtp_extensions e;
	while (iterations-- > 0) {
		BENCH_MUST(rtp_packet_parse(p->bytes, p->len, &read) == 0);
		BENCH_MUST(rtp_extensions_read(&read, &p->map, &e) == 0);
		BENCH_KEEP(&e);
		BENCH_KEEP(&read);
	}
}

/* ---- writing ---- */

static void run_marshal(void *ctx, uint64_t iterations) {
	struct packet *p = ctx;
	while (iterations-- > 0) {
		p->fields.sequence++;
		p->len = (size_t)rtp_packet_write(&p->fields, p->bytes, sizeof p->bytes);
		BENCH_KEEP(&p->bytes[0]);
	}
}

/* As the sender does it: the payload is in its slot; the header goes before it, then the two elements that change. */
static void run_marshal_header(void *ctx, uint64_t iterations) {
	struct packet *p = ctx;
	size_t send_time = rtp_extension_block_place(&p->block, 0, RTP_EXT_ABS_SEND_TIME);
	size_t number = rtp_extension_block_place(&p->block, 0, RTP_EXT_TRANSPORT_CC);
	uint64_t now = 0;
	while (iterations-- > 0) {
		p->fields.sequence++;
		p->len = (size_t)rtp_packet_write_header(&p->fields, p->bytes, sizeof p->bytes);
		rtp_put_abs_send_time(p->bytes + send_time, now += 1000);
		rtp_put_transport_cc(p->bytes + number, p->fields.sequence);
		BENCH_KEEP(&p->bytes[0]);
	}
}

/* ---- the fixed header, twice ---- */

/* The fields lie in the struct as pshufb would store them, so the comparison is fair to it. */
_Static_assert(offsetof(struct rtp_packet, marker) == 1 && offsetof(struct rtp_packet, sequence) == 2 &&
                       offsetof(struct rtp_packet, timestamp) == 4 && offsetof(struct rtp_packet, ssrc) == 8 &&
                       offsetof(struct rtp_packet, csrc_count) == 12 && offsetof(struct rtp_packet, padding) == 13,
               "what one 16-byte store writes");

__attribute__((noinline)) static void fixed_plain(const uint8_t *at, struct rtp_packet *p) {
	p->payload_type = at[1] & 127;
	p->marker = at[1] >> 7;
	p->sequence = get_be16(at + 2);
	p->timestamp = get_be32(at + 4);
	p->ssrc = get_be32(at + 8);
	p->csrc_count = at[0] & 15;
	p->padding = 0;
}

static void run_fixed_plain(void *ctx, uint64_t iterations) {
	struct packet *p = ctx;
	struct rtp_packet read;
	while (iterations-- > 0) {
		fixed_plain(p->bytes, &read);
		BENCH_KEEP(&read);
	}
}

#if defined __x86_64__
__attribute__((noinline, target("ssse3"))) static void fixed_pshufb(const uint8_t *at, struct rtp_packet *p) {
	const __m128i order = _mm_setr_epi8(1, -1, 3, 2, 7, 6, 5, 4, 11, 10, 9, 8, 0, -1, -1, -1);
	const __m128i mask = _mm_setr_epi8(127, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 15, 0, 0, 0);
	__m128i fields = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)at), order);
	_mm_storeu_si128((__m128i *)p, _mm_and_si128(fields, mask));
	p->marker = at[1] >> 7;
}

static void run_fixed_pshufb(void *ctx, uint64_t iterations) {
	struct packet *p = ctx;
	struct rtp_packet read, plain;
	fixed_pshufb(p->bytes, &read);
	fixed_plain(p->bytes, &plain);
	BENCH_MUST(read.payload_type == plain.payload_type && read.marker == plain.marker && read.sequence == plain.sequence);
	BENCH_MUST(read.timestamp == plain.timestamp && read.ssrc == plain.ssrc && read.csrc_count == plain.csrc_count);
	while (iterations-- > 0) {
		fixed_pshufb(p->bytes, &read);
		BENCH_KEEP(&read);
	}
}
#endif

/* ---- RTCP ---- */

/* What a receiver of one video stream says at a time: RR, CNAME, and feedback about 50 packets of which two are lost. */
struct report {
	uint8_t bytes[MTU];
	size_t len;
	uint64_t arrivals[50];
};

static void write_report(struct report *r) {
	static const struct rtcp_report_block block = {.ssrc = 2, .lost = 3, .highest = 0x12345};
	struct rtcp_writer w = rtcp_writer_of(r->bytes, sizeof r->bytes);
	BENCH_MUST(rtcp_write_receiver_report(&w, 1, &block, 1) == 1);
	BENCH_MUST(rtcp_write_cname(&w, 1, "0123456789abcdef", 16) == 0);
	BENCH_MUST(rtcp_write_twcc(&w, 1, 2, 0, 1000, r->arrivals, 50) == 50);
	r->len = w.len;
}

static void run_rtcp_write(void *ctx, uint64_t iterations) {
	struct report *r = ctx;
	while (iterations-- > 0) {
		write_report(r);
		BENCH_KEEP(&r->bytes[0]);
	}
}

static void run_rtcp_read(void *ctx, uint64_t iterations) {
	struct report *r = ctx;
	while (iterations-- > 0) {
		struct rtcp_reader reader = rtcp_reader_of(r->bytes, r->len);
		struct rtcp_packet p;
		struct rtcp_arrival a;
		while (rtcp_next(&reader, &p)) {
			if (p.kind != RTCP_TWCC)
				continue;
			struct rtcp_twcc_iterator it = rtcp_twcc_begin(&p.twcc);
			while (rtcp_twcc_next(&it, &a))
				BENCH_KEEP(&a);
		}
		BENCH_MUST(reader.malformed == 0 && reader.packets == 3);
	}
}

static struct report *report_make(struct report *r) {
	for (size_t i = 0; i < 50; i++)
		r->arrivals[i] = i == 20 || i == 40 ? SLUICE_NEVER : UINT64_C(1000000000) + i * 1200000;
	write_report(r);
	return r;
}

/* ---- the packets ---- */

static void packet_make(struct packet *p, const struct rtp_extension_item *items, size_t n, const uint8_t *csrcs,
                        uint8_t csrc_count, size_t payload_len) {
	rtp_extension_map_init(&p->map);
	for (size_t i = 0; i < n; i++)
		BENCH_MUST(rtp_extension_map_add(&p->map, items[i].kind, (unsigned)i + 1) == 0);
	BENCH_MUST(rtp_extension_block_make(&p->block, &p->map, items, n) == 0);
	p->fields = (struct rtp_packet){
		.payload_type = 96,
		.marker = true,
		.sequence = 27023,
		.timestamp = 3653407706,
		.ssrc = 476325762,
		.csrc_count = csrc_count,
		.csrcs = csrcs,
		.payload = payload,
		.payload_len = payload_len,
	};
	rtp_extension_block_apply(&p->block, &p->fields);
	int len = rtp_packet_write(&p->fields, p->bytes, sizeof p->bytes);
	BENCH_MUST(len > 0);
	p->len = (size_t)len;
}

/* Pion's says its elements in the two-byte form, though two bytes each would fit the one-byte form. */
static void pion_make(struct packet *p) {
	static const uint8_t csrcs[] = {0, 0, 0, 1, 0, 0, 0, 2}, elements[] = {1, 2, 3, 4, 2, 2, 5, 6};
	const struct rtp_extension_item items[] = {{RTP_EXT_TRANSPORT_CC, 2, elements + 2}, {RTP_EXT_MID, 2, elements + 6}};
	packet_make(p, items, 2, csrcs, 2, 4);
	p->block.profile = RTP_EXTENSION_TWO_BYTE;
	p->block.len = sizeof elements;
	memcpy(p->block.bytes, elements, sizeof elements);
	rtp_extension_block_apply(&p->block, &p->fields);
	p->len = (size_t)rtp_packet_write(&p->fields, p->bytes, sizeof p->bytes);
}

static void chromium_make(struct packet *p) {
	const struct rtp_extension_item items[] = {
		{RTP_EXT_TIMING_OFFSET, 3, NULL},
		{RTP_EXT_ABS_SEND_TIME, 3, NULL},
		{RTP_EXT_VIDEO_ORIENTATION, 1, NULL},
		{RTP_EXT_TRANSPORT_CC, 2, NULL},
		{RTP_EXT_MID, 1, "0"},
	};
	packet_make(p, items, 5, NULL, 0, sizeof payload);
}

static void measure(const char *bench, const char *name, void (*run)(void *, uint64_t), void *ctx) {
	bench_run(&(struct bench_case){.bench = bench, .name = name, .run = run, .ctx = ctx});
}

int main(int argc, char **argv) {
	static struct packet pion, chromium;
	static struct report report;
	bench_begin(argc, argv);
	pion_make(&pion);
	chromium_make(&chromium);
	measure("rtp_parse", "2 CSRCs, 2 two-byte extensions", run_parse, &pion);
	measure("rtp_parse", "Chromium's 5 one-byte extensions", run_parse, &chromium);
	measure("rtp_parse", "the fixed header, plain", run_fixed_plain, &chromium);
#if defined __x86_64__
	if (__builtin_cpu_supports("ssse3"))
		measure("rtp_parse", "the fixed header, pshufb", run_fixed_pshufb, &chromium);
#endif
	measure("rtp_marshal", "2 CSRCs, 2 two-byte extensions, written", run_marshal, &pion);
	measure("rtp_marshal", "Chromium's header, 2 elements overwritten", run_marshal_header, &chromium);
	measure("rtcp_parse", "RR, CNAME, TWCC of 50 packets, read", run_rtcp_read, report_make(&report));
	measure("rtcp_marshal", "RR, CNAME, TWCC of 50 packets, written", run_rtcp_write, &report);
	return bench_end();
}
