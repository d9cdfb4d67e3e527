/* An allocation is gone, or its server is silent: does the TURN client notice, keep what stands and get another where it does
 * not? */
#include "base/address.h"
#include "turn_rig.h"

/* Another port than that of the allocation before. */
static void ck_assert_another_allocation(uint16_t before) {
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	ck_assert_uint_eq(turn_server_stats(r.server).allocations, 1);
	ck_assert_uint_ne(address_port(turn_relayed(r.turn)), before);
}

static uint16_t relayed_port(void) {
	return address_port(turn_relayed(r.turn));
}

START_TEST(test_a_server_that_forgot_the_allocation_is_asked_for_another) {
	begin_ready();
	uint16_t before = relayed_port();
	turn_server_forget(r.server);
	run_for(540 * SLUICE_S);
	ck_assert_another_allocation(before);
	end();

	begin_ready();
	turn_server_forget(r.server);
	ck_assert_int_eq(permit(PEER(1)), 0);
	run_for(0);
	ck_assert_another_allocation(before);
	ck_assert(!permitted(PEER(1)));
	ck_assert_int_eq(permit(PEER(1)), 0);
	run_for(0);
	ck_assert_uint_eq(turn_server_stats(r.server).permissions, 1);
	end();

	begin_ready();
	turn_server_forget(r.server);
	r.sent = 0;
	turn_verify(r.turn);
	ck_assert(turn_is_doubted(r.turn));
	run_for(0);
	ck_assert_another_allocation(before);
	ck_assert(!turn_is_doubted(r.turn));
	end();
}
END_TEST

START_TEST(test_a_server_that_was_started_with_another_realm_is_asked_for_another) {
	begin_ready();
	uint16_t before = relayed_port();
	turn_server_forget(r.server);
	turn_server_config(r.server)->realm = "example.net";
	turn_verify(r.turn);
	run_for(0);
	ck_assert_another_allocation(before);
	end();
}
END_TEST

START_TEST(test_a_server_that_forgets_each_allocation_is_not_asked_faster_and_faster) {
	begin_ready();
	for (int i = 0; i < 600; i++) { /* a minute */
		turn_server_forget(r.server);
		turn_verify(r.turn);
		run_for(100 * SLUICE_MS);
	}
	ck_assert_uint_le(turn_server_stats(r.server).allocate, 30);
	end();
}
END_TEST

START_TEST(test_an_allocation_survives_the_silence_of_its_server) {
	for (uint64_t outage = SLUICE_S; outage <= 60 * SLUICE_S; outage += SLUICE_S) {
		begin_ready();
		uint16_t before = relayed_port();
		turn_verify(r.turn);
		r.loss = 1;
		run_for(outage);
		r.loss = 0;
		run_for(5 * SLUICE_S);
		ck_assert_int_eq(turn_state(r.turn), TURN_READY);
		ck_assert(!turn_is_doubted(r.turn));
		ck_assert_uint_eq(relayed_port(), before);
		end();
	}
}
END_TEST

START_TEST(test_a_server_that_was_silent_and_forgot_is_asked_for_another) {
	for (uint64_t outage = SLUICE_S; outage <= 60 * SLUICE_S; outage += SLUICE_S) {
		begin_ready();
		uint16_t before = relayed_port();
		turn_verify(r.turn);
		r.loss = 1;
		run_for(outage);
		turn_server_forget(r.server);
		r.loss = 0;
		run_for(5 * SLUICE_S);
		ck_assert_another_allocation(before);
		end();
	}
}
END_TEST

START_TEST(test_a_permission_survives_the_silence_of_the_server) {
	begin_ready();
	ck_assert_int_eq(permit(PEER(1)), 0);
	run_for(230 * SLUICE_S);
	ck_assert_int_eq(send_to(PEER(1), "x"), 0);
	r.loss = 1;
	run_for(55 * SLUICE_S);
	r.loss = 0;
	run_for(10 * SLUICE_S);
	ck_assert_int_eq(permit(PEER(1)), 0);
	ck_assert_uint_eq(turn_server_stats(r.server).permissions, 1);
	end();
}
END_TEST

/* Until it would have expired anyway. */
START_TEST(test_a_silent_server_ends_a_standing_allocation_too) {
	begin_ready();
	r.loss = 1;
	run_for(600 * SLUICE_S - 1);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	run_for(40 * SLUICE_S);
	ck_assert_failed(SLUICE_TIMED_OUT, 401);
	end();
}
END_TEST

/* 0 and 1 stand for servers that are broken or mean ill. */
START_TEST(test_however_short_a_lifetime_is_the_server_is_asked_once_a_second_at_most) {
	for (uint32_t lifetime = 0; lifetime <= 4; lifetime++) {
		struct turn_server_config server = server_config();
		struct turn_config turn = turn_defaults();
		server.lies = true;
		server.said_lifetime = lifetime;
		begin_with(&server);
		turn_begin_with(&turn);
		run_for(100 * SLUICE_S);
		ck_assert_uint_ge(turn_server_stats(r.server).refresh, 50);
		ck_assert_uint_le(turn_server_stats(r.server).refresh, 102);
		ck_assert_int_eq(turn_state(r.turn), TURN_READY);
		end();
	}
}
END_TEST

SUITE("turn lost", test_a_server_that_forgot_the_allocation_is_asked_for_another,
      test_a_server_that_was_started_with_another_realm_is_asked_for_another,
      test_a_server_that_forgets_each_allocation_is_not_asked_faster_and_faster,
      test_an_allocation_survives_the_silence_of_its_server, test_a_server_that_was_silent_and_forgot_is_asked_for_another,
      test_a_permission_survives_the_silence_of_the_server, test_a_silent_server_ends_a_standing_allocation_too,
      test_however_short_a_lifetime_is_the_server_is_asked_once_a_second_at_most)
