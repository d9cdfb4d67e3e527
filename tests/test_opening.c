/* How long from the offer to an open channel? In round trips, over a link with a delay and a signalling channel with the same. */
#include "sim/caller.h"
#include "suite.h"

#define RTT (100 * SLUICE_MS)

static const struct link_config far = {.delay = RTT / 2};

struct call {
	struct sim sim;
	struct caller *a, *b; /* a offers */
};

static void call_with(struct call *w, const sluice_peer_config *offerer, const sluice_peer_config *answerer, bool trickle) {
	sim_init(&w->sim, sim_seed(7));
	w->a = caller_new(&w->sim, "a", offerer);
	w->b = caller_new(&w->sim, "b", answerer);
	w->a->trickle = w->b->trickle = trickle;
	caller_join(w->a, w->b, &far, RTT / 2);
	caller_open(w->a, "hello");
}

static bool both_open(const struct call *w) {
	return w->a->open_at != SLUICE_NEVER && w->b->message_at != SLUICE_NEVER;
}

static double trips(const struct call *w, uint64_t at) {
	return (double)(at - w->a->offered_at) / (double)RTT;
}

/* Runs it and says when the offerer could send and when the answerer had the first message. */
static void open_within(const sluice_peer_config *offerer, const sluice_peer_config *answerer, double open, double message) {
	for (int trickle = 0; trickle < 2; trickle++) {
		struct call w;
		call_with(&w, offerer, answerer, trickle);
		ck_assert_msg(SIM_UNTIL(&w.sim, 5 * SLUICE_S, both_open(&w)), "nothing opened; a: %s; b: %s", w.a->log, w.b->log);
		ck_assert_msg(trips(&w, w.a->open_at) <= open, "the offerer opens after %.2f round trips",
		              trips(&w, w.a->open_at));
		ck_assert_msg(trips(&w, w.b->message_at) <= message, "the answerer hears after %.2f", trips(&w, w.b->message_at));
		ck_assert_str_eq(w.b->last_message, "hello");
		sim_close(&w.sim);
	}
}

static sluice_peer_config with(bool snap, bool sped, bool passive) {
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.offer_snap = snap;
	c.offer_sped = sped;
	c.passive = passive;
	return c;
}

START_TEST(test_a_channel_opens_within_four_round_trips_one_of_them_signalling) {
	open_within(NULL, NULL, 4.05, 4.55);
}
END_TEST

START_TEST(test_with_the_init_in_the_description_it_opens_a_round_trip_sooner) {
	sluice_peer_config a = with(true, false, false);
	open_within(&a, NULL, 3.05, 3.55);
}
END_TEST

START_TEST(test_with_dtls_in_the_checks_as_well_it_opens_after_two_round_trips) {
	sluice_peer_config a = with(true, true, false);
	open_within(&a, NULL, 2.05, 2.55);
}
END_TEST

START_TEST(test_dtls_in_the_checks_alone_spares_one_round_trip) {
	sluice_peer_config a = with(false, true, false);
	open_within(&a, NULL, 3.05, 3.55);
}
END_TEST

START_TEST(test_an_answerer_that_is_the_server_costs_one_round_trip_and_no_more) {
	sluice_peer_config b = with(false, false, true);
	open_within(NULL, &b, 5.05, 5.55);
}
END_TEST

START_TEST(test_an_ice_lite_answerer_is_not_slower) {
	sluice_peer_config b = with(false, false, true);
	b.ice.lite = true;
	open_within(NULL, &b, 5.05, 5.55);
}
END_TEST

START_TEST(test_an_ice_lite_client_begins_with_the_first_check_that_authenticates) {
	sluice_peer_config b = with(false, false, false);
	b.ice.lite = true;
	open_within(NULL, &b, 4.55, 5.05);
}
END_TEST

START_TEST(test_who_refuses_both_shortcuts_is_connected_without_them) {
	sluice_peer_config a = with(true, true, false), b = with(false, false, false);
	b.refuse_snap = b.refuse_sped = true;
	open_within(&a, &b, 4.05, 4.55);
}
END_TEST

/* The offerer takes no DTLS before its own check was answered, or before the pair is nominated; the answerer is the client and
 * may have a valid pair long before the offerer has its answer. From when that comes: one round trip until its check was
 * answered, one more until it has nominated, and two from the ClientHello to the open channel. */
static void deaf_offerer(int ears, uint64_t answer_takes, double most) {
	struct call w;
	call_with(&w, NULL, NULL, false);
	w.a->ears = ears;
	w.b->signal_delay = answer_takes;
	ck_assert(SIM_UNTIL(&w.sim, 30 * SLUICE_S, both_open(&w)));
	double open = trips(&w, w.a->open_at) - 0.5 - (double)answer_takes / (double)RTT;
	ck_assert_msg(open <= most, "%d, %g: %.2f", ears, (double)answer_takes / (double)RTT, open);
	ck_assert_str_eq(w.b->last_message, "hello");
	sim_close(&w.sim);
}

START_TEST(test_who_hears_dtls_only_behind_its_own_check_is_told_again_at_once) {
	for (uint64_t tenths = 0; tenths < 100; tenths += 3) {
		deaf_offerer(EARS_OPEN, tenths * RTT / 10, 3.55);
		deaf_offerer(EARS_BY_CHECK, tenths * RTT / 10, 3.55);
		deaf_offerer(EARS_BY_NOMINATION, tenths * RTT / 10, 4.05);
	}
}
END_TEST

/* The offerer nominates and is the client. */
START_TEST(test_who_hears_dtls_only_when_it_was_nominated_is_told_again_at_once) {
	for (int ears = EARS_OPEN; ears <= EARS_BY_NOMINATION; ears++) {
		struct call w;
		sluice_peer_config b = with(false, false, true);
		call_with(&w, NULL, &b, false);
		w.b->ears = ears;
		ck_assert(SIM_UNTIL(&w.sim, 30 * SLUICE_S, both_open(&w)));
		double open = trips(&w, w.a->open_at), most = ears == EARS_BY_NOMINATION ? 6.05 : 5.05;
		ck_assert_msg(open <= most, "%d: %.2f", ears, open);
		sim_close(&w.sim);
	}
}
END_TEST

/* How long the answerer, which is the client, shakes hands. */
static uint64_t handshake_of(const sluice_peer_config *a, const sluice_peer_config *b) {
	struct call w;
	sluice_peer_stats s;
	call_with(&w, a, b, false);
	ck_assert(SIM_UNTIL(&w.sim, 5 * SLUICE_S, both_open(&w)));
	sluice_peer_stats_get(w.b->peer, &s);
	sim_close(&w.sim);
	return s.dtls_connected_after - s.dtls_started_after;
}

START_TEST(test_a_peer_that_comes_back_shakes_hands_in_one_round_trip) {
	sluice_peer_config a = with(false, false, false), b = with(false, false, false);
	a.dtls_resume = b.dtls_resume = true;
	ck_assert_int_eq(sluice_certificate_generate(&a.certificate), 0);
	ck_assert_int_eq(sluice_certificate_generate(&b.certificate), 0);
	ck_assert_uint_eq(handshake_of(&a, &b), 2 * RTT);
	ck_assert_uint_eq(handshake_of(&a, &b), RTT);
	b.dtls_resume = false;
	ck_assert_uint_eq(handshake_of(&a, &b), 2 * RTT);
	sluice_certificate_release(a.certificate);
	sluice_certificate_release(b.certificate);
}
END_TEST

START_TEST(test_statistics_tell_when_each_phase_ended) {
	struct call w;
	sluice_peer_stats s;
	call_with(&w, NULL, NULL, false);
	ck_assert(SIM_UNTIL(&w.sim, 5 * SLUICE_S, both_open(&w)));
	sluice_peer_stats_get(w.a->peer, &s);
	ck_assert_uint_le(s.gathered_after, SLUICE_MS);
	ck_assert_uint_le(s.ice_connected_after, s.dtls_connected_after);
	ck_assert_uint_le(s.dtls_connected_after, s.sctp_connected_after);
	ck_assert_uint_le(s.sctp_connected_after, s.channel_open_after);
	ck_assert_uint_lt(s.channel_open_after, 5 * RTT);
	ck_assert_str_eq(s.selected.local_type, "host");
	ck_assert_uint_eq(s.selected.rtt, RTT);
	ck_assert_uint_eq(s.dtls.flights_repeated, 0); /* the round trip is known from the checks */
	sim_close(&w.sim);
}
END_TEST

SUITE("opening", test_who_hears_dtls_only_behind_its_own_check_is_told_again_at_once,
      test_who_hears_dtls_only_when_it_was_nominated_is_told_again_at_once,
      test_a_channel_opens_within_four_round_trips_one_of_them_signalling,
      test_with_the_init_in_the_description_it_opens_a_round_trip_sooner,
      test_with_dtls_in_the_checks_as_well_it_opens_after_two_round_trips, test_dtls_in_the_checks_alone_spares_one_round_trip,
      test_an_answerer_that_is_the_server_costs_one_round_trip_and_no_more, test_an_ice_lite_answerer_is_not_slower,
      test_an_ice_lite_client_begins_with_the_first_check_that_authenticates,
      test_who_refuses_both_shortcuts_is_connected_without_them, test_a_peer_that_comes_back_shakes_hands_in_one_round_trip,
      test_statistics_tell_when_each_phase_ended)
