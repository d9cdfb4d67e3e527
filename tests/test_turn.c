/* Does the TURN client allocate, permit, bind, carry and give back, in virtual time against an honest server, with loss, stale
 * nonces, refusals and forgeries? */
#include "base/address.h"
#include "turn_rig.h"

/* ---- the allocation ---- */

START_TEST(test_an_allocation_takes_a_challenge_and_an_answer) {
	begin();
	ck_assert_ptr_null(turn_relayed(r.turn));
	run_for(0);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	ck_assert_address(turn_relayed(r.turn), ipv4(0xc0000264, 49152));
	ck_assert_address(turn_mapped(r.turn), r.client);
	ck_assert_uint_eq(r.sent, 2);
	ck_assert_uint_eq(turn_server_stats(r.server).challenges, 1);
	ck_assert_uint_eq(turn_error(r.turn), 0);
	end();
}
END_TEST

START_TEST(test_a_server_without_credentials_gives_it_at_once) {
	struct turn_server_config server = server_config();
	struct turn_config turn = turn_defaults();
	server.username = NULL;
	begin_with(&server);
	turn_begin_with(&turn);
	run_for(0);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	ck_assert_uint_eq(r.sent, 1);
	ck_assert_int_eq(bind_to(PEER(1)), 0);
	run_for(0);
	ck_assert_uint_ne(channel_of(PEER(1)), 0);
	end();
}
END_TEST

START_TEST(test_an_ipv6_relayed_address_is_given_when_asked_for) {
	struct turn_server_config server = server_config();
	struct turn_config turn = turn_defaults();
	turn.family = AF_INET6;
	begin_with(&server);
	turn_begin_with(&turn);
	run_for(0);
	ck_assert_address(turn_relayed(r.turn), ipv6(100, 49152));
	ck_assert_int_eq(send_to(ipv6(9, 9), "hello"), 0);
	run_for(0);
	ck_assert_address(&r.peer_to, ipv6(9, 9));
	ck_assert_int_eq(permit(PEER(1)), 0); /* of the other family: 443 */
	run_for(0);
	ck_assert_int_eq(permit(PEER(1)), SLUICE_REFUSED);
	end();
}
END_TEST

START_TEST(test_wrong_credentials_fail_after_one_try) {
	struct turn_server_config server = server_config();
	struct turn_config turn = turn_defaults();
	turn.password = "wrong";
	begin_with(&server);
	turn_begin_with(&turn);
	run_for(0);
	ck_assert_failed(SLUICE_REFUSED, 401);
	ck_assert_uint_eq(r.sent, 2);
	end();
}
END_TEST

/* A client whose Allocate the server, changed as said, refuses. */
static void ck_assert_refused(const struct turn_server_config *server, int family, int error, uint16_t code) {
	struct turn_config turn = turn_defaults();
	turn.family = family;
	begin_with(server);
	turn_begin_with(&turn);
	run_for(0);
	ck_assert_failed(error, code);
	end();
}

START_TEST(test_a_family_that_the_server_has_not_is_unsupported) {
	struct turn_server_config server = server_config();
	server.relay4.ss_family = server.relay6.ss_family = 0;
	ck_assert_refused(&server, AF_INET, SLUICE_UNSUPPORTED, 440);
	server.unsigned_errors = true;
	ck_assert_refused(&server, AF_INET6, SLUICE_UNSUPPORTED, 440);
}
END_TEST

START_TEST(test_a_quota_that_is_used_up_is_a_limit) {
	begin_ready();
	struct turn *first = r.turn;
	struct turn_config turn = turn_defaults();
	turn_server_config(r.server)->quota = 1;
	r.client = ipv4(0x0a000002, 5000);
	turn_begin_with(&turn);
	run_for(0);
	ck_assert_failed(SLUICE_LIMIT, 486);
	turn_free(first);
	end();
}
END_TEST

START_TEST(test_arguments_that_make_no_client_are_invalid) {
	struct turn_config turn = turn_defaults();
	begin();
	turn_free(r.turn);
	turn.username = NULL;
	ck_assert_int_eq(turn_new(r.env, &turn, &r.turn), SLUICE_INVALID);
	turn = turn_defaults();
	turn.password = NULL;
	ck_assert_int_eq(turn_new(r.env, &turn, &r.turn), SLUICE_INVALID);
	turn = turn_defaults();
	turn.server.ss_family = 0;
	ck_assert_int_eq(turn_new(r.env, &turn, &r.turn), SLUICE_INVALID);
	r.turn = NULL;
	end();
}
END_TEST

/* ---- loss and time ---- */

START_TEST(test_a_silent_server_is_asked_seven_times_and_given_up_after_39_5_seconds) {
	static const unsigned at_ms[] = {0, 500, 1500, 3500, 7500, 15500, 31500};
	begin();
	uint64_t start = r.now;
	r.loss = 1;
	run_for(39499 * SLUICE_MS);
	ck_assert_int_eq(turn_state(r.turn), TURN_ALLOCATING);
	ck_assert_uint_eq(r.sent, 7);
	for (size_t i = 0; i < 7; i++)
		ck_assert_uint_eq(r.sent_at[i] - start, at_ms[i] * SLUICE_MS);
	run_for(SLUICE_MS);
	ck_assert_failed(SLUICE_TIMED_OUT, 0);
	ck_assert_uint_eq(turn_stats(r.turn)->requests, 1);
	ck_assert_uint_eq(turn_stats(r.turn)->retransmissions, 6);
	end();
}
END_TEST

START_TEST(test_over_a_stream_nothing_is_sent_again) {
	struct turn_server_config server = server_config();
	struct turn_config turn = turn_defaults();
	turn.transport = TURN_TCP;
	begin_with(&server);
	turn_begin_with(&turn);
	r.loss = 1;
	run_for(39499 * SLUICE_MS);
	ck_assert_uint_eq(r.sent, 1);
	ck_assert_int_eq(turn_state(r.turn), TURN_ALLOCATING);
	run_for(SLUICE_MS);
	ck_assert_failed(SLUICE_TIMED_OUT, 0);
	end();
}
END_TEST

START_TEST(test_a_lost_answer_is_given_again) {
	begin();
	r.lose_in = 1;
	run_for(500 * SLUICE_MS);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	end();
}
END_TEST

START_TEST(test_a_lost_allocation_answer_does_not_allocate_twice) {
	begin();
	static uint8_t space[2048];
	sluice_batch batch = {.data = space, .capacity = sizeof space};
	ck_assert_int_eq(turn_output(r.turn, &batch, r.now), 1);
	to_server(space, batch.last);
	ck_assert_int_eq(input(r.inbox[0], r.inbox_len[0]), TURN_TAKEN); /* 401 */
	r.inbox_count = 0;
	r.lose_in = 1;
	run_for(500 * SLUICE_MS);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	ck_assert_uint_eq(turn_server_stats(r.server).allocate, 3);
	ck_assert_uint_eq(turn_server_stats(r.server).allocations, 1);
	end();
}
END_TEST

START_TEST(test_an_allocation_lives_as_long_as_it_is_wanted) {
	begin_ready();
	r.echo = true;
	ck_assert_int_eq(bind_to(PEER(1)), 0);
	for (int minute = 0; minute < 120; minute++) {
		run_for(60 * SLUICE_S);
		r.sent = 0;
		ck_assert_int_eq(send_to(PEER(1), "still there?"), 0);
		run_for(0);
		ck_assert_uint_eq(r.got_count, minute + 1);
	}
	struct turn_server_stats stats = turn_server_stats(r.server);
	ck_assert_uint_eq(stats.allocations, 1);
	ck_assert_uint_eq(stats.allocate, 2);
	ck_assert_uint_eq(stats.refresh, 13);      /* every 9 minutes */
	ck_assert_uint_eq(stats.channel_bind, 31); /* and every 4 after the first */
	end();
}
END_TEST

START_TEST(test_a_short_lifetime_is_renewed_at_half_of_it) {
	struct turn_server_config server = server_config();
	struct turn_config turn = turn_defaults();
	server.lifetime = 20;
	begin_with(&server);
	turn_begin_with(&turn);
	run_for(105 * SLUICE_S);
	ck_assert_uint_eq(turn_server_stats(r.server).refresh, 10);
	ck_assert_uint_eq(turn_server_stats(r.server).allocations, 1);
	end();
}
END_TEST

START_TEST(test_stale_nonces_are_replaced_and_the_requests_go_again) {
	struct turn_server_config server = server_config();
	struct turn_config turn = turn_defaults();
	server.nonce_lifetime = 100 * SLUICE_S;
	begin_with(&server);
	turn_begin_with(&turn);
	run_for(0);
	ck_assert_int_eq(bind_to(PEER(1)), 0);
	for (int i = 0; i < 30; i++) {
		run_for(60 * SLUICE_S);
		r.sent = 0;
		ck_assert_int_eq(send_to(PEER(1), "x"), 0);
	}
	run_for(0);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	ck_assert_uint_ne(channel_of(PEER(1)), 0);
	ck_assert_uint_ge(turn_server_stats(r.server).stale, 3);
	ck_assert_uint_eq(turn_server_stats(r.server).errors, 0);
	end();
}
END_TEST

START_TEST(test_a_server_whose_every_nonce_is_stale_is_given_up) {
	begin();
	r.always_stale = true;
	run_for(0);
	ck_assert_failed(SLUICE_REFUSED, 438);
	ck_assert_uint_le(r.sent, 6);
	end();
}
END_TEST

START_TEST(test_an_allocation_of_an_earlier_life_is_given_back_first) {
	begin_ready();
	struct turn_config turn = turn_defaults();
	turn_free(r.turn);
	turn_begin_with(&turn);
	run_for(0);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	ck_assert_uint_eq(turn_server_stats(r.server).allocations, 1);
	ck_assert_address(turn_relayed(r.turn), ipv4(0xc0000264, 49153));
	end();
}
END_TEST

START_TEST(test_an_earlier_allocation_that_lingers_is_waited_for_but_not_for_ever) {
	for (int in_time = 0; in_time < 2; in_time++) {
		struct turn_config turn = turn_defaults();
		begin_ready();
		turn_server_config(r.server)->linger = (in_time ? 3 : 60) * SLUICE_S;
		turn_free(r.turn);
		turn_begin_with(&turn);
		run_for(10 * SLUICE_S);
		if (in_time)
			ck_assert_int_eq(turn_state(r.turn), TURN_READY);
		else
			ck_assert_failed(SLUICE_EXISTS, 437);
		ck_assert_uint_eq(turn_server_stats(r.server).refresh, 1);
		end();
	}
}
END_TEST

START_TEST(test_a_nat_is_kept_open_by_indications_when_nothing_else_is_sent) {
	begin_ready();
	run_for(151 * SLUICE_S);
	ck_assert_uint_eq(turn_server_stats(r.server).indications, 10);
	end();

	struct turn_server_config server = server_config();
	struct turn_config turn = turn_defaults();
	turn.transport = TURN_TLS;
	begin_with(&server);
	turn_begin_with(&turn);
	run_for(151 * SLUICE_S);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	ck_assert_uint_eq(turn_server_stats(r.server).indications, 0);
	end();
}
END_TEST

/* ---- alternates ---- */

START_TEST(test_an_alternate_server_is_followed) {
	struct turn_server_config server = server_config(), other = server_config();
	struct turn_config turn = turn_defaults();
	server.alternate = other.addr = OTHER;
	other.relay4 = ipv4(0xc0000265, 1);
	begin_with(&server);
	r.other = turn_server_new(&other);
	turn_begin_with(&turn);
	run_for(0);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	ck_assert_address(turn_server(r.turn), OTHER);
	ck_assert_address(turn_relayed(r.turn), ipv4(0xc0000265, 49152));
	end();
}
END_TEST

START_TEST(test_a_stream_waits_to_be_opened_to_the_alternate) {
	struct turn_server_config server = server_config(), other = server_config();
	struct turn_config turn = turn_defaults();
	server.alternate = other.addr = OTHER;
	turn.transport = TURN_TCP;
	begin_with(&server);
	r.other = turn_server_new(&other);
	turn_begin_with(&turn);
	run_for(100 * SLUICE_S);
	ck_assert_int_eq(turn_state(r.turn), TURN_MOVED);
	ck_assert_uint_eq(r.sent, 1);
	turn_reconnected(r.turn);
	run_for(0);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	turn_reconnected(r.turn); /* not asked for: nothing */
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	end();
}
END_TEST

START_TEST(test_servers_that_point_at_each_other_are_given_up_after_two) {
	struct turn_server_config server = server_config(), other = server_config();
	struct turn_config turn = turn_defaults();
	server.alternate = other.addr = OTHER;
	other.alternate = SERVER;
	begin_with(&server);
	r.other = turn_server_new(&other);
	turn_begin_with(&turn);
	run_for(0);
	ck_assert_failed(SLUICE_REFUSED, 300);
	ck_assert_uint_eq(r.sent, 3);
	end();
}
END_TEST

START_TEST(test_an_alternate_of_the_other_family_is_not_followed) {
	struct turn_server_config server = server_config();
	server.alternate = ipv6(7, 3478);
	ck_assert_refused(&server, AF_INET, SLUICE_REFUSED, 300);
}
END_TEST

/* ---- permissions and indications ---- */

START_TEST(test_a_peer_reaches_us_only_with_a_permission) {
	begin_ready();
	peer_speaks(PEER(1), "too early");
	ck_assert_int_eq(permit(PEER(1)), 0);
	ck_assert(!permitted(PEER(1)));
	run_for(0);
	ck_assert(permitted(PEER(1)));
	ck_assert_uint_eq(r.got_count, 0);
	peer_speaks(PEER(1), "hello");
	run_for(0);
	ck_assert_got(PEER(1), "hello");
	ck_assert_uint_eq(channel_of(PEER(1)), 0);
	end();
}
END_TEST

START_TEST(test_an_indication_goes_right_behind_the_request_for_its_permission) {
	begin_ready();
	r.lose_in = 1; /* the answer: nothing waits for it */
	ck_assert_int_eq(send_to(PEER(1), "check"), 0);
	run_for(0);
	ck_assert_uint_eq(r.peer_count, 1);
	ck_assert_uint_eq(r.peer_len, 5);
	ck_assert_mem_eq(r.peer_data, "check", 5);
	ck_assert_address(&r.peer_from, *turn_relayed(r.turn));
	ck_assert_address(&r.peer_to, PEER(1));
	ck_assert(!permitted(PEER(1)));
	end();
}
END_TEST

START_TEST(test_data_of_any_length_arrives_as_it_was) {
	begin_ready();
	uint8_t data[TURN_SEND_MAX + 1];
	struct sockaddr_storage peer = PEER(1);
	rng_fill(&r.rng, data, sizeof data);
	r.echo = true;
	for (size_t len = 0; len <= TURN_SEND_MAX; len = len < 40 ? len + 1 : len + 251) {
		r.sent = 0;
		ck_assert_int_eq(turn_send(r.turn, &peer, data, len), 0);
		run_for(0);
		ck_assert_uint_eq(r.peer_len, len);
		ck_assert_mem_eq(r.peer_data, data, len);
		ck_assert_uint_eq(r.got.len, len);
		ck_assert_mem_eq(r.got_data, data, len);
	}
	ck_assert_int_eq(turn_send(r.turn, &peer, data, sizeof data), SLUICE_TOO_LARGE);
	end();
}
END_TEST

START_TEST(test_a_permission_is_renewed_while_it_is_used_and_forgotten_when_it_is_not) {
	begin_ready();
	ck_assert_int_eq(permit(PEER(1)), 0);
	ck_assert_int_eq(permit(PEER(2)), 0);
	for (int i = 0; i < 20; i++) {
		run_for(60 * SLUICE_S);
		peer_speaks(PEER(1), "hello");
		r.sent = 0;
	}
	run_for(0);
	ck_assert_uint_eq(r.got_count, 20);
	ck_assert(permitted(PEER(1)));
	ck_assert(!permitted(PEER(2)));
	ck_assert_uint_eq(turn_server_stats(r.server).permissions, 1);
	end();
}
END_TEST

START_TEST(test_a_forbidden_peer_is_refused_for_a_minute_and_others_are_not) {
	begin();
	turn_server_config(r.server)->forbidden = PEER(1);
	run_for(0);
	ck_assert_int_eq(bind_to(PEER(1)), 0);
	ck_assert_int_eq(permit(PEER(2)), 0);
	run_for(0);
	ck_assert_int_eq(bind_to(PEER(1)), SLUICE_REFUSED);
	ck_assert_int_eq(permit(PEER(1)), SLUICE_REFUSED);
	ck_assert_int_eq(send_to(PEER(1), "x"), SLUICE_REFUSED);
	ck_assert_int_eq(send_to(PEER(2), "x"), 0);
	ck_assert(permitted(PEER(2)));
	ck_assert_uint_eq(turn_server_stats(r.server).channel_bind, 1);
	ck_assert_uint_eq(turn_server_stats(r.server).create_permission,
	                  1); /* peer 2's: a 403 is about the peer, not the channel */
	turn_server_config(r.server)->forbidden.ss_family = 0;
	run_for(60 * SLUICE_S);
	ck_assert_int_eq(permit(PEER(1)), 0);
	run_for(0);
	ck_assert(permitted(PEER(1)));
	end();
}
END_TEST

START_TEST(test_a_permission_that_nobody_answers_is_denied) {
	begin_ready();
	ck_assert_int_eq(permit(PEER(1)), 0);
	r.loss = 1;
	run_for(39500 * SLUICE_MS);
	ck_assert_int_eq(permit(PEER(1)), SLUICE_REFUSED);
	end();
}
END_TEST

START_TEST(test_the_queue_is_bounded) {
	begin_ready();
	for (size_t i = 0; i < TURN_QUEUE; i++)
		ck_assert_int_eq(send_to(PEER(1), "x"), 0);
	ck_assert_int_eq(send_to(PEER(1), "x"), SLUICE_WOULD_BLOCK);
	run_for(0);
	ck_assert_uint_eq(r.peer_count, TURN_QUEUE);
	ck_assert_int_eq(send_to(PEER(1), "x"), 0);
	end();
}
END_TEST

START_TEST(test_the_peer_of_least_use_makes_room_for_a_new_one) {
	begin_ready();
	for (uint32_t i = 0; i < TURN_PEERS; i++) {
		r.sent = 0;
		ck_assert_int_eq(permit(PEER(i)), 0);
		run_for(SLUICE_MS);
	}
	ck_assert_int_eq(send_to(PEER(0), "still of use"), 0);
	ck_assert_int_eq(permit(PEER(100)), 0);
	run_for(0);
	ck_assert(permitted(PEER(0)) && permitted(PEER(100)) && permitted(PEER(2)));
	ck_assert(!permitted(PEER(1)));
	ck_assert_uint_eq(turn_stats(r.turn)->forgotten, 1);
	size_t got = r.got_count;
	peer_speaks(PEER(1), "who are you?");
	run_for(0);
	ck_assert_uint_eq(r.got_count, got);
	end();
}
END_TEST

START_TEST(test_peers_need_an_allocation) {
	begin();
	ck_assert_int_eq(permit(PEER(1)), SLUICE_WRONG_STATE);
	ck_assert_int_eq(bind_to(PEER(1)), SLUICE_WRONG_STATE);
	ck_assert_int_eq(send_to(PEER(1), "x"), SLUICE_WRONG_STATE);
	ck_assert(!permitted(PEER(1)));
	end();
}
END_TEST

/* ---- channels ---- */

/* Three datagrams, the last one shorter, in slots with room before and behind. */
static int wrap_three(sluice_batch *batch, uint8_t *space, struct sockaddr_storage peer) {
	*batch = (sluice_batch){
		.data = space, .headroom = 8, .tailroom = 3, .count = 3, .stride = 8 + 100 + 3, .last = 8 + 50 + 3};
	for (uint8_t i = 0; i < 3; i++)
		memset(sluice_batch_slot(batch, i) + 8, i, i < 2 ? 100 : 50);
	return turn_wrap(r.turn, &peer, batch);
}

START_TEST(test_a_bound_channel_carries_whole_batches_in_place) {
	begin_ready();
	uint8_t space[512];
	sluice_batch batch;
	ck_assert_int_eq(wrap_three(&batch, space, PEER(1)), SLUICE_WOULD_BLOCK);
	ck_assert_uint_eq(batch.headroom, 8);
	run_for(0);
	ck_assert_uint_eq(channel_of(PEER(1)), 0x4000);
	ck_assert_int_eq(wrap_three(&batch, space, PEER(1)), 0);
	ck_assert_uint_eq(batch.headroom, 4);
	ck_assert_address(&batch.path.remote, SERVER);
	for (size_t i = 0; i < 3; i++) {
		size_t len = i < 2 ? 100 : 50;
		uint8_t *datagram = sluice_batch_slot(&batch, i) + batch.headroom;
		ck_assert_uint_eq(sluice_batch_slot_len(&batch, i) - batch.headroom - batch.tailroom, 4 + len);
		to_server(datagram, 4 + len);
		ck_assert_uint_eq(r.peer_len, len);
		for (size_t k = 0; k < len; k++)
			ck_assert_uint_eq(r.peer_data[k], i);
	}
	ck_assert_uint_eq(turn_server_stats(r.server).by_channel, 3);
	peer_speaks(PEER(1), "through the channel");
	run_for(0);
	ck_assert_got(PEER(1), "through the channel");
	ck_assert_uint_eq(turn_server_stats(r.server).by_channel, 4);
	end();
}
END_TEST

START_TEST(test_each_peer_has_a_number_of_its_own) {
	begin_ready();
	for (uint32_t i = 0; i < 10; i++)
		ck_assert_int_eq(bind_to(PEER(i)), 0);
	run_for(0);
	for (uint32_t i = 0; i < 10; i++) {
		ck_assert_uint_eq(channel_of(PEER(i)), 0x4000 + i);
		ck_assert(permitted(PEER(i)));
	}
	ck_assert_uint_eq(turn_server_stats(r.server).channel_bind, 10);
	ck_assert_uint_eq(turn_server_stats(r.server).create_permission, 0); /* the binding makes it */
	end();
}
END_TEST

START_TEST(test_numbers_go_round_and_leave_out_those_in_use) {
	begin_ready();
	ck_assert_int_eq(bind_to(PEER(0)), 0);
	for (uint32_t i = 1; i <= 0x1000; i++) {
		r.now += SLUICE_MS;
		turn_advance(r.turn, r.now);
		ck_assert_int_eq(bind_to(PEER(0)), 0); /* so that it stays */
		ck_assert_int_eq(bind_to(PEER(i)), 0);
	}
	ck_assert(turn_check(r.turn)); /* no number twice */
	end();
}
END_TEST

START_TEST(test_a_server_without_channels_leaves_indications) {
	begin();
	turn_server_config(r.server)->no_channels = true;
	run_for(0);
	ck_assert_int_eq(bind_to(PEER(1)), 0);
	run_for(0);
	ck_assert_uint_eq(channel_of(PEER(1)), 0);
	ck_assert(permitted(PEER(1)));
	uint8_t space[512];
	sluice_batch batch;
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(wrap_three(&batch, space, PEER(1)), SLUICE_WOULD_BLOCK);
	run_for(0);
	ck_assert_uint_eq(turn_server_stats(r.server).channel_bind, 1); /* it is not asked again for each */
	ck_assert_int_eq(send_to(PEER(1), "x"), 0);
	run_for(0);
	ck_assert_uint_eq(r.peer_count, 1);
	end();
}
END_TEST

START_TEST(test_binding_a_permitted_peer_keeps_its_permission) {
	begin_ready();
	ck_assert_int_eq(permit(PEER(1)), 0);
	run_for(0);
	r.lose_out = 1;
	ck_assert_int_eq(bind_to(PEER(1)), 0);
	run_for(0);
	ck_assert(permitted(PEER(1)));
	ck_assert_uint_eq(channel_of(PEER(1)), 0);
	run_for(500 * SLUICE_MS);
	ck_assert_uint_ne(channel_of(PEER(1)), 0);
	end();
}
END_TEST

/* ---- the end ---- */

START_TEST(test_closing_gives_the_allocation_back) {
	begin_ready();
	ck_assert_int_eq(send_to(PEER(1), "not sent any more"), 0);
	turn_close(r.turn);
	ck_assert_int_eq(turn_state(r.turn), TURN_CLOSING);
	run_for(0);
	ck_assert_int_eq(turn_state(r.turn), TURN_CLOSED);
	ck_assert_uint_eq(turn_server_stats(r.server).allocations, 0);
	ck_assert_uint_eq(r.peer_count, 0);
	ck_assert_int_eq(turn_error(r.turn), 0);
	turn_close(r.turn);
	ck_assert_uint_eq(turn_deadline(r.turn), SLUICE_NEVER);
	end();
}
END_TEST

START_TEST(test_closing_with_a_stale_nonce_works_too) {
	begin_ready();
	turn_server_new_nonce(r.server);
	turn_close(r.turn);
	run_for(0);
	ck_assert_int_eq(turn_state(r.turn), TURN_CLOSED);
	ck_assert_uint_eq(turn_server_stats(r.server).allocations, 0);
	end();
}
END_TEST

START_TEST(test_closing_towards_a_silent_server_ends_by_itself) {
	begin_ready();
	r.loss = 1;
	r.sent = 0;
	turn_close(r.turn);
	run_for(10 * SLUICE_S);
	ck_assert_int_eq(turn_state(r.turn), TURN_CLOSED);
	ck_assert_uint_eq(r.sent, 3);
	end();
}
END_TEST

START_TEST(test_closing_before_there_is_anything_is_done_at_once) {
	begin();
	turn_close(r.turn);
	ck_assert_int_eq(turn_state(r.turn), TURN_CLOSED);
	run_for(0);
	ck_assert_uint_eq(r.sent, 0);
	end();
}
END_TEST

/* ---- forgeries and accidents ---- */

/* The client's next request, parsed; its bytes stay. */
static struct stun_message next_request(void) {
	static uint8_t space[2048];
	struct stun_message m;
	sluice_batch batch = {.data = space, .capacity = sizeof space};
	ck_assert_int_eq(turn_output(r.turn, &batch, r.now), 1);
	ck_assert_int_eq(stun_parse(space, batch.last, &m), 0);
	return m;
}

static enum turn_verdict answer(enum stun_class class, uint16_t method, const uint8_t *id, uint16_t code, const char *key) {
	uint8_t space[256];
	struct stun_writer w;
	struct sockaddr_storage evil = ipv4(0x06060606, 666);
	stun_begin(&w, space, sizeof space, class, method, id);
	if (class == STUN_SUCCESS)
		stun_put_address(&w, STUN_ATTR_XOR_RELAYED_ADDRESS, &evil);
	if (code)
		stun_put_error(&w, code, "");
	return input(space, stun_end(&w, key, key ? strlen(key) : 0, false));
}

START_TEST(test_forged_answers_are_dropped) {
	begin();
	struct stun_message m = next_request();
	to_server((uint8_t *)m.bytes, m.len);
	ck_assert_int_eq(input(r.inbox[0], r.inbox_len[0]), TURN_TAKEN); /* the challenge is met */
	r.inbox_count = 0;
	m = next_request();
	ck_assert(m.integrity);
	ck_assert_int_eq(answer(STUN_SUCCESS, STUN_ALLOCATE, m.id, 0, NULL), TURN_TAKEN);
	ck_assert_int_eq(answer(STUN_SUCCESS, STUN_ALLOCATE, m.id, 0, "guess"), TURN_TAKEN);
	ck_assert_int_eq(answer(STUN_ERROR, STUN_ALLOCATE, m.id, 486, "guess"), TURN_TAKEN);
	ck_assert_int_eq(answer(STUN_ERROR, STUN_ALLOCATE, m.id, 0, NULL), TURN_TAKEN);     /* without its code */
	ck_assert_int_eq(answer(STUN_SUCCESS, STUN_REFRESH, m.id, 0, NULL), TURN_TAKEN);    /* of another method */
	ck_assert_int_eq(answer(STUN_SUCCESS, STUN_ALLOCATE, m.id, 486, NULL), TURN_TAKEN); /* yes and no */
	uint8_t other[STUN_ID_SIZE] = {0};
	ck_assert_int_eq(answer(STUN_SUCCESS, STUN_ALLOCATE, other, 0, NULL), TURN_OTHER);
	ck_assert_int_eq(turn_state(r.turn), TURN_ALLOCATING);
	ck_assert_uint_eq(turn_stats(r.turn)->dropped, 6);
	to_server((uint8_t *)m.bytes, m.len);
	while (pump()) {
	}
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	ck_assert_address(turn_relayed(r.turn), ipv4(0xc0000264, 49152));
	end();
}
END_TEST

START_TEST(test_an_answer_that_comes_twice_changes_nothing) {
	begin_ready();
	uint8_t copy[2048];
	ck_assert_int_eq(permit(PEER(1)), 0);
	struct stun_message m = next_request();
	to_server((uint8_t *)m.bytes, m.len);
	size_t len = r.inbox_len[0];
	memcpy(copy, r.inbox[0], len);
	while (pump()) {
	}
	ck_assert(permitted(PEER(1)));
	ck_assert_int_eq(input(copy, len), TURN_OTHER);
	ck_assert(permitted(PEER(1)));
	end();
}
END_TEST

START_TEST(test_a_challenge_without_a_nonce_is_a_broken_server) {
	begin();
	struct stun_message m = next_request();
	ck_assert_int_eq(answer(STUN_ERROR, STUN_ALLOCATE, m.id, 401, NULL), TURN_TAKEN);
	ck_assert_failed(SLUICE_PROTOCOL, 401);
	end();
}
END_TEST

START_TEST(test_an_allocation_of_no_address_or_the_wrong_family_is_a_broken_server) {
	struct turn_server_config server = server_config();
	struct turn_config turn = turn_defaults();
	server.username = NULL;
	turn.family = AF_INET6;
	begin_with(&server);
	turn_begin_with(&turn);
	struct stun_message m = next_request();
	ck_assert_int_eq(answer(STUN_SUCCESS, STUN_ALLOCATE, m.id, 0, NULL), TURN_TAKEN);
	ck_assert_failed(SLUICE_PROTOCOL, 0);
	end();
}
END_TEST

START_TEST(test_what_is_for_somebody_else_is_left_alone) {
	begin_ready();
	uint8_t space[128], dtls[32] = {22, 254, 253}, id[STUN_ID_SIZE] = {1};
	struct stun_writer w;
	ck_assert_int_eq(answer(STUN_SUCCESS, STUN_BINDING, id, 0, NULL), TURN_OTHER);
	ck_assert_int_eq(input(dtls, sizeof dtls), TURN_OTHER);
	ck_assert_int_eq(input(dtls, 0), TURN_OTHER);
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	ck_assert_int_eq(input(space, stun_end(&w, NULL, 0, true)), TURN_OTHER);
	stun_begin(&w, space, sizeof space, STUN_INDICATION, STUN_BINDING, id);
	ck_assert_int_eq(input(space, stun_end(&w, NULL, 0, true)), TURN_OTHER);
	end();
}
END_TEST

START_TEST(test_data_of_unknown_origin_or_wrong_length_is_dropped) {
	begin_ready();
	uint8_t space[128], id[STUN_ID_SIZE] = {1};
	struct stun_writer w;
	struct sockaddr_storage stranger = PEER(9), friend = PEER(1);
	ck_assert_int_eq(bind_to(PEER(1)), 0);
	run_for(0);
	uint64_t dropped = turn_stats(r.turn)->dropped;
	ck_assert_int_eq(input((uint8_t[]){0x40, 0x01, 0, 0}, 4), TURN_TAKEN);             /* no such channel */
	ck_assert_int_eq(input((uint8_t[]){0x40, 0x00, 0, 5, 1, 2, 3, 4}, 8), TURN_TAKEN); /* longer than what is there */
	stun_begin(&w, space, sizeof space, STUN_INDICATION, STUN_DATA, id);
	stun_put_address(&w, STUN_ATTR_XOR_PEER_ADDRESS, &stranger);
	stun_put(&w, STUN_ATTR_DATA, "x", 1);
	ck_assert_int_eq(input(space, stun_end(&w, NULL, 0, false)), TURN_TAKEN);
	stun_begin(&w, space, sizeof space, STUN_INDICATION, STUN_DATA, id);
	stun_put_address(&w, STUN_ATTR_XOR_PEER_ADDRESS, &friend);
	ck_assert_int_eq(input(space, stun_end(&w, NULL, 0, false)), TURN_TAKEN);
	ck_assert_uint_eq(turn_stats(r.turn)->dropped, dropped + 4);
	ck_assert_int_eq(input((uint8_t[]){0x40, 0x00, 0, 1, 'x', 0, 0, 0}, 8), TURN_DATA); /* padded, as on a stream */
	ck_assert_got(PEER(1), "x");
	ck_assert_int_eq(input((uint8_t[]){0x40, 0x00, 0, 0}, 4), TURN_DATA);
	ck_assert_uint_eq(r.got.len, 0);
	address_set_port(&friend, 1); /* a permission is for the address, whatever the port */
	stun_begin(&w, space, sizeof space, STUN_INDICATION, STUN_DATA, id);
	stun_put_address(&w, STUN_ATTR_XOR_PEER_ADDRESS, &friend);
	stun_put(&w, STUN_ATTR_DATA, "y", 1);
	ck_assert_int_eq(input(space, stun_end(&w, NULL, 0, false)), TURN_DATA);
	ck_assert_got(friend, "y");
	end();
}
END_TEST

START_TEST(test_a_batch_too_small_is_no_loss) {
	begin();
	uint8_t space[64];
	sluice_batch batch = {.data = space, .capacity = 10};
	ck_assert_int_eq(turn_output(r.turn, &batch, r.now), SLUICE_NO_SPACE);
	ck_assert_uint_eq(turn_deadline(r.turn), 0);
	run_for(0);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	ck_assert_uint_eq(turn_stats(r.turn)->retransmissions, 0);
	end();
}
END_TEST

START_TEST(test_any_allocation_of_memory_may_fail) {
	for (uint64_t nth = 1; nth < 40; nth++) {
		struct memory memory = {0};
		struct turn_server_config server = server_config();
		struct turn_config turn = turn_defaults();
		sluice_env_config config = {.allocator = memory_allocator(&memory), .cache_limit = 1};
		begin_with(&server);
		sluice_env_free(r.env);
		ck_assert_int_eq(sluice_env_new(&config, &r.env), 0);
		memory.fail_at = nth;
		int error = turn_new(r.env, &turn, &r.turn);
		if (error) {
			ck_assert_int_eq(error, SLUICE_NO_MEMORY);
			r.turn = NULL;
		} else {
			run_for(0);
			if (turn_state(r.turn) == TURN_READY) {
				bind_to(PEER(1));
				send_to(PEER(2), "x");
				run_for(10 * SLUICE_S);
				ck_assert_int_eq(turn_state(r.turn), TURN_READY);
			} else {
				ck_assert_failed(SLUICE_NO_MEMORY, 401);
			}
		}
		end();
		ck_assert_uint_eq(memory.live, 0);
	}
}
END_TEST

START_TEST(test_with_heavy_loss_everything_comes_about_in_the_end) {
	for (uint64_t seed = 1; seed <= 200; seed++) {
		begin();
		r.rng = rng_of(seed, 7);
		r.loss = 0.3;
		run_for(39 * SLUICE_S);
		if (turn_state(r.turn) != TURN_READY) /* 0.51^7 of them */
			ck_assert_int_eq(turn_state(r.turn), TURN_ALLOCATING);
		r.loss = turn_state(r.turn) == TURN_READY ? r.loss : 0;
		run_for(20 * SLUICE_S);
		if (turn_state(r.turn) == TURN_FAILED) {
			end();
			continue;
		}
		ck_assert_int_eq(bind_to(PEER(1)), 0);
		run_for(39 * SLUICE_S);
		ck_assert_int_eq(turn_state(r.turn), TURN_READY);
		end();
	}
}
END_TEST

/* ---- streams ---- */

START_TEST(test_a_stream_is_cut_into_messages_with_their_padding) {
	static const struct {
		uint8_t head[4];
		size_t have, frame;
	} cases[] = {
		{{0, 1, 0, 8}, 4, 28},          {{0, 1, 0, 8}, 3, 0},
		{{0, 1, 0, 7}, 4, SIZE_MAX},    {{3, 0xff, 0xff, 0xfc}, 4, 65552},
		{{0x40, 0, 0, 0}, 4, 4},        {{0x40, 0, 0, 1}, 4, 8},
		{{0x4f, 0xff, 0, 4}, 9, 8},     {{0x50, 0, 0, 4}, 4, SIZE_MAX},
		{{0x16, 3, 1, 0}, 4, SIZE_MAX}, {{0x41, 0, 0xff, 0xff}, 4, 65540},
		{{4, 0, 0, 4}, 4, SIZE_MAX},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		ck_assert_uint_eq(turn_frame(cases[i].head, cases[i].have), cases[i].frame);
}
END_TEST

SUITE("turn", test_an_allocation_takes_a_challenge_and_an_answer, test_a_server_without_credentials_gives_it_at_once,
      test_an_ipv6_relayed_address_is_given_when_asked_for, test_wrong_credentials_fail_after_one_try,
      test_a_family_that_the_server_has_not_is_unsupported, test_a_quota_that_is_used_up_is_a_limit,
      test_arguments_that_make_no_client_are_invalid, test_a_silent_server_is_asked_seven_times_and_given_up_after_39_5_seconds,
      test_over_a_stream_nothing_is_sent_again, test_a_lost_answer_is_given_again,
      test_a_lost_allocation_answer_does_not_allocate_twice, test_an_allocation_lives_as_long_as_it_is_wanted,
      test_a_short_lifetime_is_renewed_at_half_of_it, test_stale_nonces_are_replaced_and_the_requests_go_again,
      test_a_server_whose_every_nonce_is_stale_is_given_up, test_an_allocation_of_an_earlier_life_is_given_back_first,
      test_an_earlier_allocation_that_lingers_is_waited_for_but_not_for_ever,
      test_a_nat_is_kept_open_by_indications_when_nothing_else_is_sent, test_an_alternate_server_is_followed,
      test_a_stream_waits_to_be_opened_to_the_alternate, test_servers_that_point_at_each_other_are_given_up_after_two,
      test_an_alternate_of_the_other_family_is_not_followed, test_a_peer_reaches_us_only_with_a_permission,
      test_an_indication_goes_right_behind_the_request_for_its_permission, test_data_of_any_length_arrives_as_it_was,
      test_a_permission_is_renewed_while_it_is_used_and_forgotten_when_it_is_not,
      test_a_forbidden_peer_is_refused_for_a_minute_and_others_are_not, test_a_permission_that_nobody_answers_is_denied,
      test_the_queue_is_bounded, test_the_peer_of_least_use_makes_room_for_a_new_one, test_peers_need_an_allocation,
      test_a_bound_channel_carries_whole_batches_in_place, test_each_peer_has_a_number_of_its_own,
      test_numbers_go_round_and_leave_out_those_in_use, test_a_server_without_channels_leaves_indications,
      test_binding_a_permitted_peer_keeps_its_permission, test_closing_gives_the_allocation_back,
      test_closing_with_a_stale_nonce_works_too, test_closing_towards_a_silent_server_ends_by_itself,
      test_closing_before_there_is_anything_is_done_at_once, test_forged_answers_are_dropped,
      test_an_answer_that_comes_twice_changes_nothing, test_a_challenge_without_a_nonce_is_a_broken_server,
      test_an_allocation_of_no_address_or_the_wrong_family_is_a_broken_server, test_what_is_for_somebody_else_is_left_alone,
      test_data_of_unknown_origin_or_wrong_length_is_dropped, test_a_batch_too_small_is_no_loss,
      test_any_allocation_of_memory_may_fail, test_with_heavy_loss_everything_comes_about_in_the_end,
      test_a_stream_is_cut_into_messages_with_their_padding)
