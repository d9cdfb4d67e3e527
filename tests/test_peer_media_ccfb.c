/* RFC 8888 between peers: who offers it, who answers it, and does the estimate find the rate of a line by it alone? */
#include <stdio.h>
#include <string.h>

#include "peer/connection.h"
#include "peer_media_kit.h"
#include "rtp/media/media.h"
#include "rtp/session_state.h"
#include "sluice/error.h"

#define CCFB "a=rtcp-fb:* ack ccfb\r\n"
#define TWCC_URI "draft-holmer-rmcat-transport-wide-cc-extensions"

static struct av k; /* a test runs in a process of its own */

static sluice_peer_config with_ccfb(void) {
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.media_ccfb = true;
	return c;
}

static unsigned count_of(const char *text, const char *part) {
	unsigned n = 0;
	for (; (text = strstr(text, part)) != NULL; text += strlen(part))
		n++;
	return n;
}

/* Of the local description of an end: how many of its sections of media have what? */
static void check(const struct av_end *e, unsigned ccfb, unsigned twcc) {
	const char *sdp = av_local(e);
	ck_assert_msg(count_of(sdp, CCFB) == ccfb, "%s", sdp);
	ck_assert_msg(count_of(sdp, "ack ccfb") == ccfb, "not of all payload types: %s", sdp);
	ck_assert_msg((count_of(sdp, "transport-cc") > 0) == (twcc > 0), "%s", sdp);
	ck_assert_msg(count_of(sdp, TWCC_URI) == twcc, "%s", sdp);
}

static uint64_t estimate(const struct av_end *e) {
	sluice_media_stats stats;
	sluice_peer_media_stats_get(e->caller->peer, &stats);
	return stats.available_outgoing_bitrate;
}

/* ---- the line's rate ------------------------------------------------------------------------------------------------- */

/* An encoder that sends what the estimate allows. */
static void follow(struct av_end *from, struct flow *f, unsigned seconds) {
	for (unsigned i = 0; i < 10 * seconds; i++) {
		f->size = (size_t)(estimate(from) / 8 * 33 / 1000 * 95 / 100);
		av_run(&k, 100 * SLUICE_MS);
	}
}

/* least: share of the line. */
static void fill(struct av_end *from, struct flow *f, const struct flow *to, uint64_t rate, double least) {
	av_send(f, 33 * SLUICE_MS);
	av_settle(&k);
	follow(from, f, 5);
	uint64_t before = to->bytes;
	follow(from, f, 10);
	double used = (double)(to->bytes - before) * 8 / 10 / (double)rate;
	ck_assert_msg((double)estimate(from) >= least * (double)rate && estimate(from) <= rate * 115 / 100,
	              "%llu bit/s over %llu", (unsigned long long)estimate(from), (unsigned long long)rate);
	ck_assert_msg(used >= least, "%.0f%% used of %llu bit/s", 100 * used, (unsigned long long)rate);
	av_send(f, 0);
	av_run(&k, SLUICE_S);
}

/* Both directions: the one that offered sends, and the one that answered. */
static void find(uint64_t rate, double loss, double least) {
	const struct link_config line = {
		.delay = 20 * SLUICE_MS, .rate = rate, .queue = (size_t)(rate / 8 * 3 / 10), .loss = loss};
	sluice_peer_config a = with_ccfb();
	av_begin_with(&k, &line, &a, NULL);
	struct flow *there = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	av_settle(&k);
	check(&k.a, 1, 0);
	check(&k.b, 1, 0);
	struct flow *back = &k.b.flows[0];
	fill(&k.a, there, back, rate, least);
	ck_assert_int_eq(sluice_transceiver_set_direction(back->transceiver, SLUICE_SENDRECV), 0);
	av_settle(&k);
	check(&k.b, 1, 0); /* now it offers, and keeps what is in use */
	fill(&k.b, back, there, rate, least);
	av_end(&k);
}

START_TEST(test_the_rate_of_a_line_is_found_both_ways) {
	find(600000, 0, 0.75);
	find(2500000, 0, 0.75);
}
END_TEST

START_TEST(test_lost_packets_are_repaired_and_told) {
	find(1500000, 0.02, 0.6);
}
END_TEST

/* ---- offers and answers ---------------------------------------------------------------------------------------------- */

START_TEST(test_offers_are_without_it_by_default) {
	av_begin(&k, NULL);
	av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
	av_settle(&k);
	check(&k.a, 0, 2);
	check(&k.b, 0, 2);
	av_end(&k);
}
END_TEST

static char text[SLUICE_SDP_MAX];

/* a's offer, in which each section of media also asks for RFC 8888, and b's answer in text. */
static void offer_both(void) {
	char *at = text;
	k.a.caller->silent = k.b.caller->silent = true;
	av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	sim_settle(&k.sim);
	ck_assert_int_eq(sluice_peer_set_local_description(k.a.caller->peer, SLUICE_SDP_OFFER, NULL), 0);
	av_run(&k, 100 * SLUICE_MS);
	snprintf(text, sizeof text, "%s", av_local(&k.a));
	at = strstr(text, "a=rtcp-fb:");
	ck_assert_ptr_nonnull(at);
	memmove(at + strlen(CCFB), at, strlen(at) + 1);
	memcpy(at, CCFB, strlen(CCFB));
	ck_assert_int_eq(sluice_peer_set_remote_description(k.b.caller->peer, SLUICE_SDP_OFFER, text, strlen(text)), 0);
	sim_settle(&k.sim);
	ck_assert_int_eq(sluice_peer_set_local_description(k.b.caller->peer, SLUICE_SDP_ANSWER, NULL), 0);
	av_run(&k, 100 * SLUICE_MS);
}

START_TEST(test_an_offer_of_both_is_answered_by_transport_cc) {
	av_begin(&k, NULL);
	offer_both();
	check(&k.b, 0, 1);
	av_end(&k);
}
END_TEST

static uint32_t stages_of(const struct av_end *e) {
	return e->caller->peer->media->session->out[0]->flags;
}

/* The other side answers what was not offered: it is as if it were not there. */
START_TEST(test_an_answer_with_what_was_not_offered_changes_nothing) {
	av_begin(&k, &(struct link_config){.delay = 10 * SLUICE_MS});
	offer_both();
	snprintf(text, sizeof text, "%s", av_local(&k.b));
	for (char *at = text; (at = strstr(at, " transport-cc\r\n")) != NULL;)
		memcpy(at, " ack ccfb    \r\n", strlen(" ack ccfb    \r\n"));
	ck_assert_int_eq(sluice_peer_set_remote_description(k.a.caller->peer, SLUICE_SDP_ANSWER, text, strlen(text)), 0);
	av_send(&k.a.flows[0], 33 * SLUICE_MS);
	av_run(&k, 5 * SLUICE_S);
	ck_assert_uint_gt(k.b.flows[0].got, 100);
	ck_assert_uint_eq(stages_of(&k.a) & RTP_STAGE_CCFB, 0);
	av_end(&k);
}
END_TEST

SUITE("peer_media_ccfb", test_the_rate_of_a_line_is_found_both_ways, test_lost_packets_are_repaired_and_told,
      test_offers_are_without_it_by_default, test_an_offer_of_both_is_answered_by_transport_cc,
      test_an_answer_with_what_was_not_offered_changes_nothing)
