/* Interoperation with libusrsctp, the stack that browsers were built on: in memory, in the simulator's time, both roles, with
 * loss, stream resets and partial reliability. It sees our packets with other eyes than ours. */
#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/sctp_host.h"
#include "suite.h"
#include "usrsctp_host.h"

/* ---- the world: one of each ---- */

struct world {
	struct sim sim;
	struct sctp_host *our;
	struct usr *usr;
	struct ledger to_usr, to_us;
	struct sim_link *out, *in;
};

static void world_open(struct world *w, uint64_t seed, double loss, bool we_connect) {
	*w = (struct world){0};
	sim_init(&w->sim, seed);
	w->sim.describe = packet_describe;
	ledger_init(&w->to_usr, seed * 2);
	ledger_init(&w->to_us, seed * 2 + 1);
	w->our = sctp_host_new(&w->sim, "we", NULL);
	w->usr = calloc(1, sizeof *w->usr);
	ck_assert_ptr_nonnull(w->usr);
	usr_open(w->usr, &w->sim, "usrsctp", true);
	w->our->sends = w->usr->receives = &w->to_usr;
	w->usr->sends = w->our->receives = &w->to_us;
	struct link_config link = {.delay = 10 * SLUICE_MS, .rate = 50000000};
	sim_join(&w->sim, w->our->host, w->usr->host, &link);
	w->out = sim_link(&w->sim, w->our->host, w->usr->host);
	w->in = sim_link(&w->sim, w->usr->host, w->our->host);
	w->out->config.loss = w->in->config.loss = loss;
	if (we_connect) {
		usr_listen(w->usr);
		ck_assert_int_eq(sluice_sctp_connect(w->our->sctp), 0);
	} else {
		usr_connect(w->usr);
	}
	ck_assert(SIM_UNTIL(&w->sim, w->sim.now + 60 * SLUICE_S, w->our->connected && w->usr->connected));
}

static void world_close(struct world *w) {
	sim_close(&w->sim);
	clock_of = NULL;
	ledger_free(&w->to_us);
	ledger_free(&w->to_usr);
}

static void we_send(struct world *w, sluice_send_info info, size_t len) {
	ck_assert_int_eq(sctp_host_send(w->our, &info, len), 0);
}

static void they_send(struct world *w, uint16_t stream, bool unordered, bool reliable, size_t len) {
	ledger_note(&w->to_us, stream, unordered, reliable, len);
}

static void deliver(struct world *w) {
	if (!SIM_UNTIL(&w->sim, w->sim.now + 300 * SLUICE_S,
	               ledger_complete(&w->to_us) && ledger_complete(&w->to_usr) && sctp_host_stats(w->our).buffered == 0))
		sim_fail(&w->sim, "%u messages are missing at usrsctp, %u at our side", w->to_usr.missing, w->to_us.missing);
}

static void shut_down(struct world *w, bool we) {
	if (we)
		ck_assert_int_eq(sluice_sctp_shutdown(w->our->sctp), 0);
	else
		w->usr->shut = true;
	ck_assert(SIM_UNTIL(&w->sim, w->sim.now + 60 * SLUICE_S, w->our->ended));
	ck_assert_int_eq(w->our->end_error, 0);
	/* Its end of it needs a packet more. */
	sim_run(&w->sim, w->sim.now + 5 * SLUICE_S);
}

static const size_t sizes[] = {1,    2,    3,    4,    5,    100,  1000, 1100,  1171,  1172,
                               1173, 1174, 1175, 1176, 1200, 2344, 5000, 16384, 65536, 200000};
#define SIZES (sizeof sizes / sizeof *sizes)

static void messages(uint64_t seed, double loss, bool we_connect, bool we_close) {
	struct world w;
	world_open(&w, seed, loss, we_connect);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < SIZES; i++) {
			we_send(&w, (sluice_send_info){.stream = (uint16_t)(i % 5), .unordered = i % 3 == 0}, sizes[i]);
			they_send(&w, (uint16_t)(i % 7), i % 4 == 0, true, sizes[i]);
		}
		deliver(&w);
	}
	ck_assert_uint_eq(w.to_us.arrived, 3 * SIZES);
	ck_assert_uint_eq(w.to_usr.arrived, 3 * SIZES);
	shut_down(&w, we_close);
	world_close(&w);
}

START_TEST(test_we_connect_to_usrsctp_and_close) {
	messages(1, 0, true, true);
}
END_TEST

START_TEST(test_usrsctp_connects_to_us_and_closes) {
	messages(1, 0, false, false);
}
END_TEST

START_TEST(test_messages_get_through_with_loss_when_we_connect) {
	for (uint64_t n = sim_first(1); n <= sim_last(8); n++)
		messages(n, 0.01 * (double)n, true, n % 2);
}
END_TEST

START_TEST(test_messages_get_through_with_loss_when_usrsctp_connects) {
	for (uint64_t n = sim_first(1); n <= sim_last(8); n++)
		messages(n, 0.01 * (double)n, false, n % 2);
}
END_TEST

START_TEST(test_many_small_messages_share_packets_both_ways) {
	struct world w;
	world_open(&w, 1, 0.02, true);
	for (unsigned i = 0; i < 3000; i++) {
		we_send(&w, (sluice_send_info){.stream = (uint16_t)(i % 11)}, 1 + i % 60);
		they_send(&w, (uint16_t)(i % 11), false, true, 1 + i % 60);
	}
	deliver(&w);
	shut_down(&w, true);
	world_close(&w);
}
END_TEST

START_TEST(test_our_stream_reset_is_done_by_usrsctp_and_the_other_way_round) {
	for (uint64_t n = sim_first(0); n <= sim_last(5); n++) {
		struct world w;
		world_open(&w, n, n ? 0.05 : 0, n % 2);
		for (unsigned i = 0; i < 5; i++) {
			we_send(&w, (sluice_send_info){.stream = 3}, 3000);
			they_send(&w, 3, false, true, 3000);
		}
		deliver(&w);
		ck_assert_int_eq(sluice_sctp_reset_stream(w.our->sctp, 3), 0);
		ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 60 * SLUICE_S, w.our->reset_out && w.usr->reset_in));
		ck_assert_int_eq(w.our->reset_out_error, 0);
		_Alignas(struct sctp_reset_streams) uint8_t request[sizeof(struct sctp_reset_streams) + sizeof(uint16_t)] = {0};
		struct sctp_reset_streams *r = (struct sctp_reset_streams *)(void *)request;
		r->srs_flags = SCTP_STREAM_RESET_OUTGOING;
		r->srs_number_streams = 1;
		r->srs_stream_list[0] = 3;
		set(w.usr->socket, SCTP_RESET_STREAMS, request, sizeof request);
		ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 60 * SLUICE_S, w.our->reset_in && w.usr->reset_out));
		/* Both counters are at 0 again, so this arrives in order only if both sides agree about it. */
		for (unsigned i = 0; i < 5; i++) {
			we_send(&w, (sluice_send_info){.stream = 3}, 3000);
			they_send(&w, 3, false, true, 3000);
		}
		deliver(&w);
		shut_down(&w, true);
		world_close(&w);
	}
}
END_TEST

/* Lists of hundreds of streams, and all at once, both ways. */
START_TEST(test_many_streams_are_reset_by_usrsctp_with_few_requests) {
	struct world w;
	world_open(&w, 1, 0, true);
	uint16_t streams = sctp_host_stats(w.our).outbound_streams;
	ck_assert_uint_ge(streams, 300);
	for (unsigned all = 0; all < 2; all++) {
		for (uint16_t i = 0; i < streams; i++)
			we_send(&w, (sluice_send_info){.stream = i}, 20);
		deliver(&w);
		uint64_t begun = w.sim.now;
		unsigned before = w.our->reset_out;
		for (uint16_t i = 0; i < streams && !all; i++)
			ck_assert_int_eq(sluice_sctp_reset_stream(w.our->sctp, i), 0);
		if (all)
			ck_assert_int_eq(sluice_sctp_reset_stream(w.our->sctp, SLUICE_SCTP_ALL_STREAMS), 0);
		ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 5 * SLUICE_S, w.our->reset_out == before + streams + all));
		ck_assert_uint_le(w.sim.now - begun, (streams / 200 + 2) * 25 * SLUICE_MS);
		ck_assert_int_eq(w.our->reset_out_error, 0);
	}
	for (uint16_t i = 0; i < streams; i++)
		we_send(&w, (sluice_send_info){.stream = i}, 20);
	they_send(&w, 3, false, true, 100);
	deliver(&w);
	/* It answers our wish that it reset all of its own with a request that lists none. */
	unsigned before = w.our->reset_in;
	ck_assert_int_eq(sluice_sctp_request_reset(w.our->sctp, SLUICE_SCTP_ALL_STREAMS), 0);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 5 * SLUICE_S, w.our->reset_in > before));
	ck_assert_uint_eq(w.our->last_reset_in, SLUICE_SCTP_ALL_STREAMS);
	they_send(&w, 3, false, true, 100);
	deliver(&w);
	shut_down(&w, true);
	world_close(&w);
}
END_TEST

/* It sends nothing afterwards: in this version it then takes our SACKs for old ones, as it compares them with its own cumulative
 * TSN. */
START_TEST(test_usrsctp_resets_all_numbers_of_both_sides) {
	for (uint64_t n = sim_first(0); n <= sim_last(5); n++) {
		struct world w;
		world_open(&w, n, n ? 0.05 : 0, n % 2);
		for (unsigned round = 0; round < 3; round++) {
			for (unsigned i = 0; i < 5; i++) {
				we_send(&w, (sluice_send_info){.stream = (uint16_t)i}, 3000);
				if (round == 0)
					they_send(&w, (uint16_t)i, false, true, 3000);
			}
			deliver(&w);
			sim_run(&w.sim, w.sim.now + SLUICE_S);
			sctp_assoc_t id = 0;
			must(usrsctp_setsockopt(w.usr->socket, IPPROTO_SCTP, SCTP_RESET_ASSOC, &id, sizeof id));
			ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 60 * SLUICE_S, w.our->renumbered == round + 1));
			we_send(&w, (sluice_send_info){.stream = 2}, 5000);
			ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 60 * SLUICE_S, w.usr->renumbered == round + 1));
		}
		deliver(&w);
		shut_down(&w, true);
		world_close(&w);
	}
}
END_TEST

START_TEST(test_messages_may_be_given_up_on_either_side) {
	for (uint64_t n = sim_first(0); n <= sim_last(5); n++) {
		struct world w;
		world_open(&w, n, 0.08, n % 2);
		w.usr->retransmissions = n % 2;
		for (unsigned i = 0; i < 200; i++) {
			sluice_send_info info = {.stream = (uint16_t)(i % 3), .unordered = i % 5 == 0};
			if (i % 2) {
				info.reliability = SLUICE_MAX_RETRANSMITS;
				info.value = n % 2;
			}
			we_send(&w, info, 1 + i * 37 % 4000);
			they_send(&w, (uint16_t)(i % 3), i % 5 == 0, i % 2 == 0, 1 + i * 41 % 4000);
		}
		deliver(&w);
		ck_assert_uint_ge(w.to_usr.arrived, 120);
		ck_assert_uint_ge(w.to_us.arrived, 120);
		ck_assert_uint_ge(w.to_usr.arrived + w.our->abandoned, 200);
		shut_down(&w, n % 2);
		world_close(&w);
	}
}
END_TEST

START_TEST(test_an_abort_is_understood_both_ways) {
	struct world w;
	world_open(&w, 1, 0, true);
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	must(usrsctp_setsockopt(w.usr->socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
	usrsctp_close(w.usr->socket);
	w.usr->socket = NULL;
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + SLUICE_S, w.our->ended));
	ck_assert_int_eq(w.our->end_error, SLUICE_CLOSED);
	world_close(&w);
}
END_TEST

SUITE("usrsctp", test_we_connect_to_usrsctp_and_close, test_usrsctp_connects_to_us_and_closes,
      test_messages_get_through_with_loss_when_we_connect, test_messages_get_through_with_loss_when_usrsctp_connects,
      test_many_small_messages_share_packets_both_ways, test_our_stream_reset_is_done_by_usrsctp_and_the_other_way_round,
      test_usrsctp_resets_all_numbers_of_both_sides, test_many_streams_are_reset_by_usrsctp_with_few_requests,
      test_messages_may_be_given_up_on_either_side, test_an_abort_is_understood_both_ways)
