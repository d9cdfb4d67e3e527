/* RFC 8888 at the receiver: are arrivals told by their offsets and holes as holes, each once, whatever comes late, jumps or does
 * not fit into a datagram? */
#include "rtp/ccfb_report.h"

#include "base/serial.h"
#include "rtp/feedback_interval.h"
#include "rtp/rtcp.h"
#include "sim/memory.h"
#include "sluice/error.h"
#include "suite.h"

#define BEGIN (100 * SLUICE_S)
#define NTP (3900000000 * SLUICE_S) /* ns from 1900 to the zero of the clock */
#define FIRST (SERIAL_ORIGIN + 65530)
#define SSRC 0x1234

static struct memory memory;
static sluice_env *env;
static struct ccfb_came came;
static struct ccfb_report report;

static void begin(void) {
	memory = (struct memory){.plain = true};
	ck_assert_int_eq(sluice_env_new(&(sluice_env_config){.allocator = memory_allocator(&memory)}, &env), 0);
	ck_assert_int_eq(ccfb_came_open(&came, env, CCFB_CAME), 0);
	ccfb_report_init(&report);
}

static void end(void) {
	ck_assert(ccfb_came_check(&came));
	ccfb_came_close(&came, env);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
}

static void take(uint64_t n, uint64_t now) {
	ccfb_came_take(&came, &report, FIRST + n, 1000, now);
	ck_assert(ccfb_came_check(&came));
}

/* ---- reading what was written ---- */

struct heard {
	int result;
	uint64_t base; /* of the first run of SSRC, from FIRST on */
	size_t count, received, streams;
	struct rtcp_ccfb_word words[2048];
	uint32_t timestamp;
};

static void read_run(struct heard *h, const struct rtcp_ccfb_stream *run) {
	h->streams++;
	for (size_t i = 0; i < run->count; i++) {
		struct rtcp_ccfb_word w = rtcp_ccfb_at(run, i);
		if (h->count == 0)
			h->base = serial_unwrap16(w.sequence, FIRST) - FIRST;
		h->received += w.received;
		h->words[h->count++] = w;
	}
}

static void read_report(struct heard *h, const uint8_t *data, size_t len) {
	struct rtcp_reader r = rtcp_reader_of(data, len);
	struct rtcp_packet p;
	struct rtcp_ccfb_stream run;
	while (rtcp_next(&r, &p)) {
		ck_assert_int_eq(p.kind, RTCP_CCFB);
		h->timestamp = p.ccfb.timestamp;
		struct rtcp_ccfb_iterator it = rtcp_ccfb_begin(&p.ccfb);
		while (rtcp_ccfb_next(&it, &run))
			read_run(h, &run);
	}
	ck_assert_uint_eq(r.malformed, 0);
}

/* One datagram. */
static struct heard *tell_within(size_t size, uint64_t now) {
	static uint8_t space[1500];
	static struct heard h;
	const struct ccfb_told told = {&came, SSRC};
	struct rtcp_writer w = rtcp_writer_of(space, size);
	h = (struct heard){.result = ccfb_report_write(&w, 1, &told, 1, now, NTP + now)};
	read_report(&h, space, w.len);
	if (h.result == 0)
		ccfb_report_done(&report, now);
	ck_assert(ccfb_came_check(&came));
	return &h;
}

static struct heard *tell(uint64_t now) {
	return tell_within(1200, now);
}

START_TEST(test_arrivals_are_told_by_their_distance_and_holes_as_holes) {
	begin();
	ck_assert_uint_eq(report.due, SLUICE_NEVER);
	take(0, BEGIN);
	ck_assert_uint_eq(report.due, BEGIN + FEEDBACK_INTERVAL_MIN);
	take(1, BEGIN + 10 * SLUICE_MS);
	take(4, BEGIN + 30 * SLUICE_MS); /* 2 and 3 are missing */
	take(4, BEGIN + 31 * SLUICE_MS); /* twice: the first time counts */
	struct heard *h = tell(BEGIN + 50 * SLUICE_MS);
	ck_assert_int_eq(h->result, 0);
	ck_assert_uint_eq(h->base, 0);
	ck_assert_uint_eq(h->count, 5);
	ck_assert_uint_eq(h->received, 3);
	ck_assert(!h->words[2].received && !h->words[3].received);
	/* 1/1024 s, on one grid. */
	ck_assert_uint_le(h->words[0].offset - 51u, 1);
	ck_assert_uint_le(h->words[1].offset - 40u, 1);
	ck_assert_uint_le(h->words[4].offset - 20u, 1);
	ck_assert_uint_eq(h->timestamp % 64, 0);
	ck_assert_uint_eq(report.due, SLUICE_NEVER);
	ck_assert_uint_eq(tell(BEGIN + 60 * SLUICE_MS)->count, 0);
	end();
}
END_TEST

START_TEST(test_two_reports_have_their_times_on_one_grid) {
	begin();
	take(0, BEGIN + 123456);
	struct heard *h = tell(BEGIN + 7 * SLUICE_MS);
	uint64_t first = (uint64_t)h->timestamp / 64 - h->words[0].offset;
	take(1, BEGIN + 123456);
	h = tell(BEGIN + 200 * SLUICE_MS + 987654);
	ck_assert_uint_eq((uint64_t)h->timestamp / 64 - h->words[0].offset, first);
	end();
}
END_TEST

START_TEST(test_a_packet_that_came_late_is_told_with_what_follows_it) {
	begin();
	for (uint64_t n = 0; n < 10; n++)
		if (n != 4)
			take(n, BEGIN + n * SLUICE_MS);
	ck_assert_uint_eq(tell(BEGIN + 50 * SLUICE_MS)->received, 9);
	take(4, BEGIN + 60 * SLUICE_MS);
	struct heard *h = tell(BEGIN + 100 * SLUICE_MS);
	ck_assert_uint_eq(h->base, 4);
	ck_assert(h->count == 6 && h->received == 6);
	end();
}
END_TEST

START_TEST(test_more_than_half_of_a_ring_is_told_at_once_and_a_jump_begins_anew) {
	begin();
	for (uint64_t n = 0; n < CCFB_CAME / 2; n++)
		take(n, BEGIN);
	ck_assert_uint_eq(report.due, BEGIN + FEEDBACK_INTERVAL_MIN);
	take(CCFB_CAME / 2, BEGIN + 1);
	ck_assert_uint_eq(report.due, BEGIN + 1);
	/* What falls out of the ring is not told. */
	take(CCFB_CAME + 100, BEGIN + 2);
	size_t count = 0, received = 0;
	for (struct heard *h = tell(BEGIN + 3);; h = tell(BEGIN + 3)) {
		count += h->count;
		received += h->received;
		if (h->result == 0)
			break;
	}
	ck_assert_uint_eq(count, CCFB_CAME);
	ck_assert_uint_eq(received, CCFB_CAME / 2 + 1 - 101 + 1);
	take(40000, BEGIN + SLUICE_S);
	struct heard *h = tell(BEGIN + SLUICE_S);
	ck_assert_uint_eq(h->count, 1);
	ck_assert_uint_eq(h->base, (uint64_t)(int16_t)40000); /* of 16 bits */
	take(5, BEGIN + SLUICE_S);                            /* far behind: nobody has a place for it */
	ck_assert_uint_eq(report.due, SLUICE_NEVER);
	end();
}
END_TEST

START_TEST(test_what_does_not_fit_comes_with_the_next_datagram) {
	begin();
	for (uint64_t n = 0; n < 300; n++)
		take(n, BEGIN);
	struct heard *h = tell_within(200, BEGIN + SLUICE_MS);
	ck_assert_int_eq(h->result, SLUICE_NO_SPACE);
	size_t told = h->count;
	ck_assert_uint_ge(told, 70);
	while (h->result) {
		h = tell_within(200, BEGIN + SLUICE_MS);
		ck_assert_uint_eq(h->base, told);
		told += h->count;
	}
	ck_assert_uint_eq(told, 300);
	end();
}
END_TEST

START_TEST(test_many_streams_share_a_report_and_an_old_arrival_says_so) {
	static uint8_t space[1500];
	static struct heard h;
	struct ccfb_came streams[20];
	struct ccfb_told told[21] = {{.ssrc = 0}};
	begin();
	told[20] = (struct ccfb_told){&came, SSRC}; /* nothing came of it */
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_int_eq(ccfb_came_open(&streams[i], env, CCFB_RTX_CAME), 0);
		ccfb_came_take(&streams[i], &report, FIRST, 100, BEGIN);
		told[i] = (struct ccfb_told){&streams[i], 1000 + i};
	}
	struct rtcp_writer w = rtcp_writer_of(space, sizeof space);
	ck_assert_int_eq(ccfb_report_write(&w, 1, told, 21, BEGIN + 9 * SLUICE_S, NTP + BEGIN + 9 * SLUICE_S), 0);
	read_report(&h, space, w.len);
	ck_assert(h.streams == 20 && h.received == 20);
	ck_assert_uint_eq(h.words[7].offset, RTCP_CCFB_OFFSET_OVER);
	for (unsigned i = 0; i < 20; i++)
		ccfb_came_close(&streams[i], env);
	end();
}
END_TEST

START_TEST(test_the_interval_follows_the_rate) {
	begin();
	uint64_t now = BEGIN;
	for (uint64_t n = 0; n < 400; n++, now += 25 * SLUICE_MS) { /* 320 kb/s */
		take(n, now);
		if (now >= report.due)
			tell(now);
	}
	ck_assert_uint_eq(report.interval, FEEDBACK_INTERVAL_MIN);
	for (uint64_t n = 400; n < 500; n++, now += 500 * SLUICE_MS) { /* 16 kb/s */
		take(n, now);
		if (now >= report.due)
			tell(now);
	}
	ck_assert_uint_ge(report.interval, 200 * SLUICE_MS);
	ck_assert_uint_le(report.interval, FEEDBACK_INTERVAL_MAX);
	end();
}
END_TEST

SUITE("ccfb_report", test_arrivals_are_told_by_their_distance_and_holes_as_holes, test_two_reports_have_their_times_on_one_grid,
      test_a_packet_that_came_late_is_told_with_what_follows_it,
      test_more_than_half_of_a_ring_is_told_at_once_and_a_jump_begins_anew, test_what_does_not_fit_comes_with_the_next_datagram,
      test_many_streams_share_a_report_and_an_old_arrival_says_so, test_the_interval_follows_the_rate)
