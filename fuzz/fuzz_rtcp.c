/* fuzz_rtcp: can a stranger break the reading of RTCP? Every packet of a datagram is read to the end of its lists, and what was
 * read is written into datagrams of a size that the input chooses and read again. Both readings must agree.
 *
 * The input: a byte that chooses the size, and the datagram. */
#include <stdlib.h>
#include <string.h>

#include "base/serial.h"
#include "fuzz/target.h"
#include "rtp/rtcp_write.h"
#include "sluice/env.h"
#include "sluice/error.h"

#define MOST 65536

static size_t size_of_datagrams;
static uint8_t space[2048];
static struct rtcp_writer w;

static void begin(void) {
	w = rtcp_writer_of(space, size_of_datagrams);
}

/* The index-th packet of what was written. */
static struct rtcp_packet nth(enum rtcp_kind kind, size_t index) {
	struct rtcp_reader r = rtcp_reader_of(space, w.len);
	struct rtcp_packet p;
	MUST(w.len <= w.size && w.len % 4 == 0);
	for (size_t i = 0; i <= index; i++)
		MUST(rtcp_next(&r, &p));
	MUST(p.kind == kind && r.malformed == 0);
	return p;
}

/* ---- reports ---- */

static void again_reports(const struct rtcp_packet *p) {
	struct rtcp_report_block blocks[RTCP_MAX_COUNT];
	size_t n = rtcp_report_count(p);
	MUST(n <= RTCP_MAX_COUNT);
	for (size_t i = 0; i < n; i++)
		blocks[i] = rtcp_report_at(p, i);
	for (size_t done = 0; done < n;) {
		begin();
		int count = rtcp_write_receiver_report(&w, p->ssrc, blocks + done, n - done);
		MUST(count > 0);
		struct rtcp_packet q = nth(RTCP_RECEIVER_REPORT, 0);
		MUST(q.list.len == (size_t)count * RTCP_REPORT_BLOCK);
		MUST(memcmp(q.list.data, p->list.data + done * RTCP_REPORT_BLOCK, q.list.len) == 0);
		done += (size_t)count;
	}
	if (p->kind != RTCP_SENDER_REPORT)
		return;
	begin();
	MUST(rtcp_write_sender_report(&w, p->ssrc, &p->sender, blocks, n) >= 0);
	struct rtcp_packet q = nth(RTCP_SENDER_REPORT, 0);
	MUST(q.sender.ntp == p->sender.ntp && q.sender.timestamp == p->sender.timestamp);
	MUST(q.sender.packets == p->sender.packets && q.sender.octets == p->sender.octets);
}

/* ---- sources ---- */

static void again_sdes(const struct rtcp_packet *p) {
	struct rtcp_sdes_iterator it = rtcp_sdes_begin(p);
	struct rtcp_cname c, d;
	size_t chunks = 0;
	for (; rtcp_sdes_next(&it, &c); chunks++) {
		begin();
		if (rtcp_write_cname(&w, c.ssrc, c.name.data, c.name.len) < 0)
			continue;
		struct rtcp_packet q = nth(RTCP_SDES, 0);
		struct rtcp_sdes_iterator other = rtcp_sdes_begin(&q);
		MUST(rtcp_sdes_next(&other, &d));
		MUST(d.ssrc == c.ssrc && d.name.len == c.name.len &&
		     (c.name.len == 0 || memcmp(d.name.data, c.name.data, c.name.len) == 0));
	}
	MUST(chunks == p->format);
}

static void again_bye(const struct rtcp_packet *p) {
	uint32_t ssrcs[RTCP_MAX_COUNT];
	char reason[256] = {0};
	size_t n = rtcp_bye_count(p);
	for (size_t i = 0; i < n; i++)
		ssrcs[i] = rtcp_bye_ssrc(p, i);
	if (p->reason.len)
		memcpy(reason, p->reason.data, p->reason.len);
	begin();
	int count = rtcp_write_bye(&w, ssrcs, n, p->reason.data ? reason : NULL);
	if (count <= 0)
		return;
	struct rtcp_packet q = nth(RTCP_BYE, 0);
	MUST(rtcp_bye_ssrc(&q, 0) == ssrcs[0] && !q.reason.data == !p->reason.data && q.reason.len == strlen(reason));
}

static void again_app(const struct rtcp_packet *p) {
	begin();
	int error = rtcp_write_app(&w, p->format, p->ssrc, (const char *)p->name, p->body.data, p->body.len);
	MUST(error == 0 || error == SLUICE_NO_SPACE || (error == SLUICE_INVALID && p->body.len % 4));
	if (error)
		return;
	struct rtcp_packet q = nth(RTCP_APP, 0);
	MUST(q.body.len == p->body.len && memcmp(q.name, p->name, 4) == 0 && memcmp(q.body.data, p->body.data, q.body.len) == 0);
}

/* ---- feedback ---- */

static uint64_t numbers[17 * MOST / 4];

static void again_nack(const struct rtcp_packet *p) {
	struct rtcp_nack_iterator it = rtcp_nack_begin(p);
	uint64_t last = 2 * SERIAL_ORIGIN;
	uint16_t sequence;
	size_t n = 0, seen = 0;
	while (rtcp_nack_next(&it, &sequence)) {
		uint64_t number = serial_unwrap16(sequence, last);
		if (n == 0 || number > last)
			last = numbers[n++] = number;
	}
	for (size_t done = 0; done < n;) {
		begin();
		int count = rtcp_write_nack(&w, p->ssrc, p->media, numbers + done, n - done);
		MUST(count > 0);
		done += (size_t)count;
		struct rtcp_packet q = nth(RTCP_NACK, 0);
		for (it = rtcp_nack_begin(&q); rtcp_nack_next(&it, &sequence); seen++)
			MUST(seen < done && sequence == (uint16_t)numbers[seen]);
		MUST(seen == done);
	}
}

static void again_fir(const struct rtcp_packet *p) {
	for (size_t i = 0; i < rtcp_fir_count(p); i++) {
		struct rtcp_fir_entry entry = rtcp_fir_at(p, i);
		begin();
		MUST(rtcp_write_fir(&w, p->ssrc, &entry, 1) == 1);
		struct rtcp_packet q = nth(RTCP_FIR, 0);
		MUST(rtcp_fir_at(&q, 0).ssrc == entry.ssrc && rtcp_fir_at(&q, 0).sequence == entry.sequence);
	}
}

static void again_remb(const struct rtcp_packet *p) {
	uint32_t ssrcs[256];
	for (size_t i = 0; i < p->remb.count; i++)
		ssrcs[i] = rtcp_remb_ssrc(&p->remb, i);
	begin();
	if (rtcp_write_remb(&w, p->ssrc, p->remb.bitrate, ssrcs, p->remb.count) < 0)
		return;
	struct rtcp_packet q = nth(RTCP_REMB, 0);
	MUST(q.remb.bitrate == p->remb.bitrate && q.remb.count == p->remb.count);
	MUST(memcmp(q.remb.ssrcs, p->remb.ssrcs, 4 * (size_t)q.remb.count) == 0);
}

/* The reference time as if it had wrapped once, so that no arrival is before the clock's beginning. */
static uint64_t time_of(const struct rtcp_twcc *t, const struct rtcp_arrival *a) {
	uint64_t reference = (t->reference + (UINT64_C(1) << 24)) * RTCP_TWCC_REFERENCE_TICKS;
	return (reference + (uint64_t)a->ticks) * RTCP_TWCC_TICK_NS;
}

/* The wire knows times modulo 2^24 units of 64 ms. */
static bool is_same_time(uint64_t a, uint64_t b) {
	int64_t ticks = ((int64_t)a - (int64_t)b) / RTCP_TWCC_TICK_NS;
	return ticks % ((INT64_C(1) << 24) * RTCP_TWCC_REFERENCE_TICKS) == 0;
}

static size_t read_arrivals(const struct rtcp_twcc *t) {
	struct rtcp_twcc_iterator it = rtcp_twcc_begin(t);
	struct rtcp_arrival a;
	size_t n = 0, received = 0;
	for (; rtcp_twcc_next(&it, &a); n++) {
		MUST(a.sequence == (uint16_t)(t->base + n));
		received += a.received;
		numbers[n] = a.received ? time_of(t, &a) : SLUICE_NEVER;
	}
	MUST(n == t->count && received == t->received);
	return n;
}

static void again_twcc(const struct rtcp_packet *p) {
	size_t n = read_arrivals(&p->twcc);
	for (size_t done = 0; done < n;) {
		begin();
		int count = rtcp_write_twcc(&w, p->ssrc, p->media, p->twcc.feedback, p->twcc.base + done, numbers + done,
		                            n - done);
		if (count == SLUICE_INVALID)
			break;
		MUST(count > 0);
		struct rtcp_packet q = nth(RTCP_TWCC, 0);
		struct rtcp_twcc_iterator it = rtcp_twcc_begin(&q.twcc);
		struct rtcp_arrival a;
		for (; rtcp_twcc_next(&it, &a); done++) {
			MUST(a.sequence == (uint16_t)(p->twcc.base + done) && a.received == (numbers[done] != SLUICE_NEVER));
			MUST(!a.received || is_same_time(numbers[done], time_of(&q.twcc, &a)));
		}
		MUST(q.twcc.count == count);
	}
}

static void again_ccfb_stream(const struct rtcp_packet *p, const struct rtcp_ccfb_stream *s) {
	static struct rtcp_ccfb_word words[RTCP_CCFB_MAX_WORDS];
	for (size_t i = 0; i < s->count; i++)
		words[i] = rtcp_ccfb_at(s, i);
	struct rtcp_ccfb_run run = {s->ssrc, s->base, s->count, words};
	size_t seen = 0;
	for (int whole = 0; whole == 0;) {
		begin();
		whole = rtcp_write_ccfb(&w, p->ssrc, p->ccfb.timestamp, &run, 1);
		MUST(whole >= 0);
		struct rtcp_packet q = nth(RTCP_CCFB, 0);
		struct rtcp_ccfb_iterator it = rtcp_ccfb_begin(&q.ccfb);
		struct rtcp_ccfb_stream t;
		MUST(q.ccfb.timestamp == p->ccfb.timestamp && rtcp_ccfb_next(&it, &t) && t.ssrc == s->ssrc);
		for (size_t i = 0; i < t.count; i++, seen++) {
			struct rtcp_ccfb_word word = rtcp_ccfb_at(&t, i);
			MUST(word.sequence == words[seen].sequence && word.received == words[seen].received);
			MUST(!word.received || (word.ecn == words[seen].ecn && word.offset == words[seen].offset));
		}
	}
	MUST(seen == s->count);
}

static void again_ccfb(const struct rtcp_packet *p) {
	struct rtcp_ccfb_iterator it = rtcp_ccfb_begin(&p->ccfb);
	struct rtcp_ccfb_stream s;
	/* A datagram of 64 KiB names thousands of empty streams; a few show what all do. */
	for (size_t i = 0; rtcp_ccfb_next(&it, &s) && i < 32; i++)
		again_ccfb_stream(p, &s);
}

static void again_xr_block(const struct rtcp_packet *p, const struct rtcp_xr_block *b) {
	struct rtcp_xr_block c;
	begin();
	if (b->type == RTCP_XR_RRTR) {
		MUST(rtcp_write_rrtr(&w, p->ssrc, b->ntp) == 0);
	} else if (rtcp_dlrr_count(b) > 0) {
		struct rtcp_dlrr entry = rtcp_dlrr_at(b, rtcp_dlrr_count(b) - 1);
		MUST(rtcp_write_dlrr(&w, p->ssrc, &entry, 1) == 1);
	} else {
		return;
	}
	struct rtcp_packet q = nth(RTCP_XR, 0);
	struct rtcp_xr_iterator it = rtcp_xr_begin(&q);
	MUST(rtcp_xr_next(&it, &c) && c.type == b->type && c.ntp == b->ntp);
	if (c.dlrrs.len)
		MUST(memcmp(c.dlrrs.data, b->dlrrs.data + b->dlrrs.len - RTCP_DLRR_ENTRY, RTCP_DLRR_ENTRY) == 0);
}

static void again_xr(const struct rtcp_packet *p) {
	struct rtcp_xr_iterator it = rtcp_xr_begin(p);
	struct rtcp_xr_block b;
	while (rtcp_xr_next(&it, &b))
		again_xr_block(p, &b);
}

static void again_pli(const struct rtcp_packet *p) {
	begin();
	MUST(rtcp_write_pli(&w, p->ssrc, p->media) == 0);
	struct rtcp_packet q = nth(RTCP_PLI, 0);
	MUST(q.ssrc == p->ssrc && q.media == p->media);
}

static void (*const again[])(const struct rtcp_packet *) = {
	[RTCP_SENDER_REPORT] = again_reports,
	[RTCP_RECEIVER_REPORT] = again_reports,
	[RTCP_SDES] = again_sdes,
	[RTCP_BYE] = again_bye,
	[RTCP_APP] = again_app,
	[RTCP_NACK] = again_nack,
	[RTCP_TWCC] = again_twcc,
	[RTCP_CCFB] = again_ccfb,
	[RTCP_PLI] = again_pli,
	[RTCP_FIR] = again_fir,
	[RTCP_REMB] = again_remb,
	[RTCP_XR] = again_xr,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0 || size > MOST)
		return 0;
	size_of_datagrams = 40 + 7 * (size_t)data[0];
	struct rtcp_reader r = rtcp_reader_of(data + 1, size - 1);
	struct rtcp_packet p;
	/* Many small packets say nothing new, but cost time. */
	for (size_t i = 0; i < 64 && rtcp_next(&r, &p); i++) {
		MUST(p.body.len == 0 || (p.body.data > data && p.body.data + p.body.len <= data + size));
		if (p.kind != RTCP_OTHER)
			again[p.kind](&p);
	}
	MUST(r.at <= r.end && r.packets + r.malformed <= size / 4 + 1);
	return 0;
}
