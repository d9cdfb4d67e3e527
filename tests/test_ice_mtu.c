/* By offer and answer: which packet sizes are tried over the route that ICE found, and when? In virtual time. */
#include <stdio.h>
#include <string.h>

#include "base/packet_kind.h"
#include "sim/caller.h"
#include "suite.h"

#define RTT (20 * SLUICE_MS)

/* The largest datagrams of one direction in the order in which they grew, and when. */
struct watch {
	size_t sizes[8];
	uint64_t at[8];
	unsigned count;
	size_t cut;                /* datagrams of this size and more are lost; 0: none */
	uint64_t no_answers_until; /* answers to checks are lost */
	unsigned large;            /* that were */
};

static struct sim sim;
static struct caller *a, *b;
static struct watch ab, ba;

static enum link_verdict on_datagram(void *ctx, struct sim_link *link, uint8_t *data, size_t *len, uint64_t now) {
	struct watch *w = ctx;
	(void)link;
	if (packet_kind_of(data, *len) == PACKET_STUN && data[0] == 1 && now < w->no_answers_until)
		return LINK_DROP;
	if (packet_kind_of(data, *len) != PACKET_DTLS || data[0] != 23) /* application data */
		return LINK_PASS;
	if (*len > 1200 && w->count < 8 && (w->count == 0 || *len > w->sizes[w->count - 1])) {
		w->sizes[w->count] = *len;
		w->at[w->count++] = now;
	}
	if (w->cut == 0 || *len < w->cut)
		return LINK_PASS;
	w->large++;
	return LINK_DROP;
}

/* Two callers whose drivers fragment nothing, over a path of RTT. mtu of both interfaces; 0: not said. */
static void join(const sluice_peer_config *config, uint32_t mtu) {
	struct link_config link = {.delay = RTT / 2};
	ab = ba = (struct watch){0};
	sim_init(&sim, 1);
	a = caller_new(&sim, "a", config);
	b = caller_new(&sim, "b", config);
	for (struct caller *c = a; c; c = c == a ? b : NULL) {
		sluice_peer_discover_mtu(c->peer);
		if (mtu)
			sluice_peer_set_local_address_mtu(c->peer, 0, mtu);
	}
	caller_join(a, b, &link, 10 * SLUICE_MS);
	link_filter(sim_link(&sim, a->host, b->host), on_datagram, &ab);
	link_filter(sim_link(&sim, b->host, a->host), on_datagram, &ba);
}

static void connect_both(void) {
	caller_open(a, "hello");
	caller_offer(a);
	ck_assert(SIM_UNTIL(&sim, sim.now + 10 * SLUICE_S, b->received == 1));
}

static sluice_sctp_stats stats(const struct caller *c) {
	sluice_peer_stats s;
	sluice_peer_stats_get(c->peer, &s);
	return s.sctp;
}

/* Sends one small message every ten seconds. */
static void chat(uint64_t duration) {
	for (uint64_t until = sim.now + duration; sim.now < until; sim_run(&sim, sim.now + 10 * SLUICE_S))
		ck_assert_int_eq(sluice_channel_send(a->channel, "hello", 5), 0);
}

START_TEST(test_datagrams_of_1400_and_then_1452_bytes_are_tried_and_no_larger_ones) {
	join(NULL, 0);
	connect_both();
	sim_run(&sim, sim.now + 60 * SLUICE_S);
	for (const struct watch *w = &ab; w; w = w == &ab ? &ba : NULL) {
		ck_assert_uint_eq(w->count, 2);
		ck_assert_uint_gt(w->sizes[0], 1400 - 8);
		ck_assert_uint_le(w->sizes[0], 1400);
		ck_assert_uint_gt(w->sizes[1], 1452 - 8);
		ck_assert_uint_le(w->sizes[1], 1452);
	}
	ck_assert_uint_eq(stats(a).mtu_probes_sent, 3); /* the base size, too */
	ck_assert_uint_eq(stats(a).mtu, 1408);
	sim_close(&sim);
}
END_TEST

START_TEST(test_larger_ones_follow_where_the_interface_carries_them) {
	join(NULL, 9000);
	connect_both();
	sim_run(&sim, sim.now + 60 * SLUICE_S);
	ck_assert_uint_le(ab.sizes[0], 1400);
	ck_assert_uint_le(ab.sizes[1], 1452);
	ck_assert_uint_gt(ab.sizes[ab.count - 1], 8900);
	ck_assert_uint_le(ab.sizes[ab.count - 1], 9000 - 28);
	ck_assert_uint_gt(stats(a).mtu, 8000);
	sim_close(&sim);
}
END_TEST

/* b's candidate comes when data already flows: a learnt the address from a check, and there might have been a relay behind it. */
START_TEST(test_larger_ones_follow_when_the_other_side_s_address_turns_out_to_be_its_own) {
	static char sdp[SLUICE_SDP_MAX], candidate[800];
	join(NULL, 9000);
	a->silent = b->silent = true;
	caller_open(a, "hello");
	ck_assert_int_eq(sluice_peer_set_local_description(a->peer, 0, NULL), 0);
	ck_assert_int_eq(caller_give(a, b), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(b->peer, 0, NULL), 0);
	int len = sluice_peer_local_description(b->peer, NULL, sdp, sizeof sdp);
	char *from = strstr(sdp, "a=candidate"), *to = strchr(from, '\r');
	snprintf(candidate, sizeof candidate, "%.*s", (int)(to - from - 2), from + 2);
	memset(from + 2, 'x', 9); /* an attribute that nobody knows */
	ck_assert_int_eq(sluice_peer_set_remote_description(a->peer, SLUICE_SDP_ANSWER, sdp, (size_t)len), 0);
	sim_run(&sim, sim.now + 10 * SLUICE_S);
	ck_assert_uint_eq(stats(a).mtu, 1408);
	ck_assert_int_eq(sluice_peer_add_remote_candidate(a->peer, candidate), 0);
	sim_run(&sim, sim.now + 10 * SLUICE_S);
	ck_assert_uint_gt(stats(a).mtu, 8000);
	sim_close(&sim);
}
END_TEST

START_TEST(test_an_interface_that_carries_less_is_believed) {
	join(NULL, 1400);
	connect_both();
	sim_run(&sim, sim.now + 60 * SLUICE_S);
	for (unsigned i = 0; i < ab.count; i++)
		ck_assert_uint_le(ab.sizes[i], 1400 - 28);
	ck_assert_uint_gt(stats(a).mtu, 1300);
	sim_close(&sim);
}
END_TEST

/* The path carries 1,400 bytes with an interface of 9,000: a VPN. Nothing that is sent in earnest is lost. */
START_TEST(test_a_path_that_carries_less_costs_probes_alone) {
	join(NULL, 9000);
	ab.cut = 1401;
	connect_both();
	sim_run(&sim, sim.now + 120 * SLUICE_S);
	ck_assert_uint_eq(stats(a).mtu, 1356);
	ck_assert_uint_le(ab.large, 12);
	ck_assert_uint_eq(stats(a).retransmitted_chunks, 0);
	sim_close(&sim);
}
END_TEST

/* All probes, of which the smallest is as large as the largest packets, are lost, and small messages pass. */
START_TEST(test_a_peer_that_answers_no_probe_costs_three_small_packets) {
	join(NULL, 9000);
	ab.cut = 1180;
	connect_both();
	chat(3600 * SLUICE_S);
	ck_assert_uint_eq(stats(a).mtu_probes_sent, 3);
	ck_assert_uint_eq(ab.large, 3);
	ck_assert_uint_eq(ab.count, 0); /* none was above 1,200 bytes */
	ck_assert_uint_eq(stats(a).retransmitted_chunks, 0);
	sim_close(&sim);
}
END_TEST

/* RFC 7675, 5.1: consent comes with the answer to a check. b's answers are held back for two seconds; later on, for ever. */
START_TEST(test_nothing_is_tried_without_the_other_side_s_consent) {
	join(NULL, 9000);
	ba.no_answers_until = sim.now + 2 * SLUICE_S;
	connect_both();
	sim_run(&sim, sim.now + 10 * SLUICE_S);
	ck_assert_uint_gt(ab.count, 0);
	ck_assert_uint_ge(ab.at[0], ba.no_answers_until);
	/* Consent runs out after 30 s, and the search is due again after ten minutes. */
	ba.no_answers_until = SLUICE_NEVER;
	sim_run(&sim, sim.now + 60 * SLUICE_S);
	uint64_t probes = stats(a).mtu_probes_sent;
	ck_assert_int_eq(sluice_channel_send(a->channel, "hello", 5), 0);
	sim_run(&sim, sim.now + 1200 * SLUICE_S);
	ck_assert_uint_eq(stats(a).mtu_probes_sent, probes);
	sim_close(&sim);
}
END_TEST

START_TEST(test_what_the_app_names_is_tried_and_1_is_no_search) {
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.sctp.mtu_max = 4000;
	join(&c, 1500);
	connect_both();
	sim_run(&sim, sim.now + 60 * SLUICE_S);
	ck_assert_uint_gt(stats(a).mtu, 3000);
	sim_close(&sim);
	c.sctp.mtu_max = 1;
	join(&c, 9000);
	connect_both();
	sim_run(&sim, sim.now + 60 * SLUICE_S);
	ck_assert_uint_eq(stats(a).mtu_probes_sent, 0);
	ck_assert_uint_eq(ab.count, 0);
	sim_close(&sim);
}
END_TEST

SUITE("ice_mtu", test_datagrams_of_1400_and_then_1452_bytes_are_tried_and_no_larger_ones,
      test_larger_ones_follow_where_the_interface_carries_them,
      test_larger_ones_follow_when_the_other_side_s_address_turns_out_to_be_its_own,
      test_an_interface_that_carries_less_is_believed, test_a_path_that_carries_less_costs_probes_alone,
      test_a_peer_that_answers_no_probe_costs_three_small_packets, test_nothing_is_tried_without_the_other_side_s_consent,
      test_what_the_app_names_is_tried_and_1_is_no_search)
