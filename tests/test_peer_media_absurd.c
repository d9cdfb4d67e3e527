/* Offers of audio and video that no browser makes: as many sections as there may be and one more, codecs, extensions, SSRCs and
 * rids without number, groups that name nobody, and sections that contradict each other. What is too much is refused as a whole
 * or left out of the answer, and what it costs is bounded. */
#include <stdarg.h>
#include <stdio.h>

#include "cpu_time.h"
#include "peer/connection.h"
#include "peer/peer.h"
#include "peer_media_kit.h"
#include "rtp/media/media.h"

static struct av k; /* a test runs in a process of its own */
static char sdp[SLUICE_REMOTE_SDP_MAX + 4096];
static size_t sdp_len;

static sluice_peer *b(void) {
	return k.b.caller->peer;
}

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...) {
	va_list args;
	va_start(args, format);
	sdp_len += (size_t)vsnprintf(sdp + sdp_len, sizeof sdp - sdp_len, format, args);
	va_end(args);
	ck_assert_uint_lt(sdp_len, sizeof sdp);
}

static void put_session(void) {
	sdp_len = 0;
	put("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
	    "a=fingerprint:sha-256 "
	    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n"
	    "a=setup:actpass\r\n");
}

static void put_group(unsigned count) {
	put("a=group:BUNDLE");
	for (unsigned i = 0; i < count; i++)
		put(" %u", i);
	put("\r\n");
}

static void put_video(const char *mid) {
	put("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:%s\r\na=rtcp-mux\r\na=sendrecv\r\n"
	    "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 "
	    "apt=96\r\n",
	    mid);
}

static void put_numbered(unsigned i) {
	char mid[16];
	snprintf(mid, sizeof mid, "%u", i);
	put_video(mid);
}

static int take(void) {
	return sluice_peer_set_remote_description(b(), SLUICE_SDP_OFFER, sdp, sdp_len);
}

static const char *answer(void) {
	ck_assert_int_eq(sluice_peer_set_local_description(b(), SLUICE_SDP_ANSWER, NULL), 0);
	return av_local(&k.b);
}

static void begin(void) {
	av_begin(&k, NULL);
	k.a.caller->silent = k.b.caller->silent = true;
	k.b.caller->on_track = NULL;
	put_session();
}

static void finish(void) {
	av_run(&k, 100 * SLUICE_MS);
	ck_assert(peer_check(b()) && (!b()->media || media_check(b()->media)));
	av_end(&k);
}

static unsigned count(const char *text, const char *part) {
	unsigned n = 0;
	for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
		n++;
	return n;
}

START_TEST(test_of_128_sections_64_are_taken_and_129_are_refused) {
	for (unsigned n = 128; n < 130; n++) {
		begin();
		put_group(n);
		for (unsigned i = 0; i < n; i++)
			put_numbered(i);
		int error = take();
		if (n == 129) {
			ck_assert_int_eq(error, SLUICE_LIMIT);
			ck_assert_ptr_null(sluice_peer_transceiver(b(), 0));
		} else {
			ck_assert_int_eq(error, 0);
			const char *text = answer();
			ck_assert_uint_eq(av_section_count(text), 128);
			ck_assert_uint_eq(count(text, "m=video 0 "), 64);
		}
		ck_assert_uint_lt(k.b.caller->memory.peak, 4u << 20);
		finish();
	}
}
END_TEST

static void put_many(unsigned n, const char *format) {
	for (unsigned i = 0; i < n; i++) {
		char line[200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(line, sizeof line, format, i, i, i);
#pragma GCC diagnostic pop
		put("%s", line);
	}
}

/* Each is repeated with numbers that rise. */
static const char *const repeated[] = {
	"a=ssrc:%u cname:c\r\n",
	"a=ssrc-group:FID %u %u\r\n",
	"a=ssrc-group:SIM 1 2 3 4 5 6 7 8 9 %u\r\n",
	"a=rid:r%u send\r\n",
	"a=extmap:%u urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
	"a=extmap:1 urn:x:%u\r\n",
	"a=rtpmap:%u VP8/90000\r\n",
	"a=fmtp:97 apt=%u\r\n",
	"a=rtcp-fb:* nack %u\r\n",
	"a=msid:s%u t%u\r\n",
	"a=simulcast:send r%u\r\n",
	"a=candidate:%u 1 udp 1 10.0.0.1 9 typ host\r\n",
	"a=group:BUNDLE 0 %u\r\n",
	"a=mid:%u\r\n",
};

START_TEST(test_lines_without_number_cost_what_their_text_does) {
	for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
		begin();
		put_group(1);
		put_numbered(0);
		put_many((unsigned)((SLUICE_REMOTE_SDP_MAX - sdp_len) / (strlen(repeated[i]) + 10)), repeated[i]);
		int error = take();
		if (error == 0)
			answer();
		else
			ck_assert_msg(error == SLUICE_MALFORMED || error == SLUICE_LIMIT, "%s: %d", repeated[i], error);
		ck_assert_uint_lt(k.b.caller->memory.peak, 1u << 20);
		finish();
	}
}
END_TEST

/* The least ms of three times that an offer of this length with many of these lines takes. */
static double cost_of(const char *line, size_t len) {
	double least = 1e9;
	for (unsigned turn = 0; turn < 3; turn++) {
		begin();
		put_group(1);
		put_numbered(0);
		put_many((unsigned)((len - sdp_len) / (strlen(line) + 10)), line);
		double from = cpu_ms();
		(void)take();
		double took = cpu_ms() - from;
		least = took < least ? took : least;
		finish();
	}
	return least;
}

START_TEST(test_eight_times_the_lines_take_eight_times_as_long) {
	for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
		double few = cost_of(repeated[i], SLUICE_REMOTE_SDP_MAX / 8), many = cost_of(repeated[i], SLUICE_REMOTE_SDP_MAX);
		ck_assert_msg(many < 24 * few + 1, "%s: %.3f ms, %.3f for an eighth", repeated[i], many, few);
	}
}
END_TEST

START_TEST(test_sections_with_one_mid_are_malformed) {
	begin();
	put("a=group:BUNDLE x\r\n");
	put_video("x");
	put_video("x");
	ck_assert_int_eq(take(), SLUICE_MALFORMED);
	ck_assert_ptr_null(sluice_peer_transceiver(b(), 0));
	finish();
}
END_TEST

START_TEST(test_a_group_may_name_sections_that_are_not_there) {
	static const char *const groups[] = {"a=group:BUNDLE nobody\r\n", "a=group:BUNDLE nobody 0 nobody\r\n",
	                                     "a=group:BUNDLE\r\n", "a=group:BUNDLE 0 0 0 0 1 1\r\n",
	                                     "a=group:BUNDLE 1\r\na=group:BUNDLE 0\r\n"};
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		begin();
		put("%s", groups[i]);
		put_numbered(0);
		put_numbered(1);
		int error = take();
		ck_assert_msg(error == 0 || error == SLUICE_MALFORMED, "%s: %d", groups[i], error);
		if (!error) {
			const char *text = answer();
			ck_assert_uint_eq(av_section_count(text), 2);
			ck_assert_uint_le(count(text, "m=video 0 "), 1);
		}
		finish();
	}
}
END_TEST

/* All 128 payload types are one codec; the answer has it once. */
START_TEST(test_a_codec_under_every_number_is_taken_once) {
	begin();
	put_group(1);
	put("m=video 9 UDP/TLS/RTP/SAVPF");
	for (unsigned i = 0; i < 128; i++)
		put(" %u", i);
	put("\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=sendrecv\r\n");
	for (unsigned i = 0; i < 128; i++)
		put("a=rtpmap:%u %s/90000\r\n", i, i & 1 ? "rtx" : "VP8");
	for (unsigned i = 1; i < 128; i += 2)
		put("a=fmtp:%u apt=%u\r\n", i, i - 1);
	int error = take();
	if (error == 0)
		ck_assert_uint_eq(count(answer(), "VP8/90000"), 1);
	else
		ck_assert_int_eq(error, SLUICE_MALFORMED);
	finish();
}
END_TEST

/* Whatever the layers are called, the section is taken or rejected, and the offer is none that cannot be answered. */
START_TEST(test_layers_may_have_any_names) {
	static const char *const lines[] = {
		"a=rid:x send\r\na=rid:x send\r\na=simulcast:send x;x\r\n",
		"a=rid:x send\r\na=simulcast:send x,x;x\r\n",
		"a=rid:x recv\r\na=rid:x send\r\na=simulcast:send x recv x\r\n",
		"a=rid:a-b send\r\na=rid:a_b send\r\na=simulcast:send a-b;a_b\r\n",
		"a=rid:0123456789abcdefghi send\r\na=simulcast:send 0123456789abcdefghi\r\n",
		"a=rid:1 send\r\na=rid:2 send\r\na=rid:3 send\r\na=rid:4 send\r\na=rid:5 send\r\na=rid:6 send\r\n"
		"a=simulcast:send 1;2;3;4;5;6\r\n",
		"a=simulcast:send nobody;noone\r\n",
		"a=rid: send\r\na=simulcast:send \r\n",
		"a=rid:x send\r\na=simulcast:send ~x\r\n",
		"a=ssrc:1 cname:c\r\na=ssrc:1 cname:d\r\na=ssrc-group:FID 1 1\r\n",
		"a=ssrc:0 cname:c\r\na=ssrc-group:FID 0 0\r\n",
		"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:4 "
		"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
		"a=extmap:5 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		begin();
		put_group(2);
		put_numbered(0);
		put("%s", lines[i]);
		put_numbered(1);
		put("%s", lines[i]);
		int error = take();
		ck_assert_msg(error == 0 || error == SLUICE_MALFORMED, "%s: %d", lines[i], error);
		if (error == 0) {
			ck_assert_uint_eq(av_section_count(answer()), 2);
			ck_assert_uint_eq(count(av_local(&k.b), "m=video 0 "), 0);
		}
		finish();
	}
}
END_TEST

START_TEST(test_tracks_that_never_send_have_no_history) {
	begin();
	for (unsigned i = 0; i < 64; i++)
		ck_assert_int_eq(sluice_peer_add_transceiver(k.a.caller->peer, SLUICE_VIDEO, NULL, NULL), 0);
	ck_assert_int_eq(sluice_peer_add_transceiver(k.a.caller->peer, SLUICE_VIDEO, NULL, NULL), SLUICE_LIMIT);
	k.a.caller->silent = false;
	caller_offer(k.a.caller);
	av_settle(&k);
	ck_assert_uint_lt(k.b.caller->memory.peak, 4u << 20);
	finish();
}
END_TEST

SUITE("peer, absurd offers of media", test_of_128_sections_64_are_taken_and_129_are_refused,
      test_lines_without_number_cost_what_their_text_does, test_eight_times_the_lines_take_eight_times_as_long,
      test_sections_with_one_mid_are_malformed, test_a_group_may_name_sections_that_are_not_there,
      test_a_codec_under_every_number_is_taken_once, test_layers_may_have_any_names, test_tracks_that_never_send_have_no_history)
