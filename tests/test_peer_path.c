/* Where does a direct peer send to? It learns the path from what authenticates, and from nothing else. */
#include "direct_kit.h"

#include <netinet/in.h>

#include "peer/path.h"

START_TEST(test_the_path_is_learnt_from_the_first_dtls_record_only) {
	struct world w = {0};
	world_init(&w, sim_seed(1), &near);
	ck_assert_int_eq(sluice_peer_new(w.b.env, &w.b.config, &w.b.peer), 0);
	ck_assert_int_eq(sluice_peer_start(w.b.peer), 0);
	sluice_path stranger = sim_path(w.b.host), client = sim_path(w.a.host);
	uint8_t stun[20] = {0, 1};
	sluice_datagram d = {.data = stun, .len = sizeof stun};
	ck_assert_int_eq(sluice_peer_input(w.b.peer, &stranger, &d, 1, 0), 0);
	end_start(&w.a);
	ck_assert(WITHIN(w.sim, SLUICE_S, both_connected(&w)));
	uint8_t space[2000];
	pass(&w, 100 * SLUICE_MS);
	sluice_peer_abort(w.b.peer, NULL);
	sluice_peer_dispatch(w.b.peer);
	sluice_batch batch = {.data = space, .capacity = sizeof space};
	ck_assert_int_gt(sluice_peer_output(w.b.peer, &batch, w.sim.now), 0);
	ck_assert(path_equal(&batch.path, &client));
	sluice_peer_stats s;
	sluice_peer_stats_get(w.b.peer, &s);
	ck_assert_uint_ge(s.dtls.records_discarded, 1);
	world_free(&w);
}
END_TEST

/* Takes what `from` has to say by hand and gives it to `to` as coming from `path`. Returns how many datagrams. */
static int carry(struct world *w, struct end *from, struct end *to, const sluice_path *path) {
	uint8_t space[4000];
	sluice_batch b = {.data = space, .capacity = sizeof space, .max_datagrams = 1};
	int n = sluice_peer_output(from->peer, &b, w->sim.now);
	if (n <= 0)
		return n;
	sluice_datagram d = {.data = space, .len = b.last};
	ck_assert_int_eq(sluice_peer_input(to->peer, path, &d, 1, w->sim.now), 0);
	return n;
}

/* A wire of the driver's own: a pipe has no addresses, so nobody ever names a path. */
START_TEST(test_peers_connect_over_a_wire_without_addresses) {
	struct world w = {0};
	world_init(&w, sim_seed(1), &near);
	w.a.config.path = (sluice_path){0};
	world_start(&w);
	for (int i = 0; i < 40 && !both_connected(&w); i++) {
		w.sim.now += SLUICE_MS;
		while (carry(&w, &w.a, &w.b, NULL) > 0 || carry(&w, &w.b, &w.a, NULL) > 0)
			;
		sluice_peer_dispatch(w.a.peer);
		sluice_peer_dispatch(w.b.peer);
	}
	ck_assert(both_connected(&w));
	world_free(&w);
}
END_TEST

START_TEST(test_junk_without_an_address_does_not_start_the_time_to_answer) {
	struct world w = {0};
	world_init(&w, sim_seed(1), &near);
	end_start(&w.b);
	uint8_t stun[20] = {0, 1};
	sluice_datagram d = {.data = stun, .len = sizeof stun};
	ck_assert_int_eq(sluice_peer_input(w.b.peer, NULL, &d, 1, 0), 0);
	sluice_peer_dispatch(w.b.peer);
	sluice_peer_advance(w.b.peer, 1);
	ck_assert_uint_eq(sluice_peer_deadline(w.b.peer), SLUICE_NEVER);
	world_free(&w);
}
END_TEST

START_TEST(test_the_path_follows_records_that_authenticate_and_nothing_else) {
	struct world w = {0};
	connected_world(&w, &near);
	pass(&w, SLUICE_S);
	sluice_path elsewhere = sim_path(w.a.host), home = elsewhere;
	((struct sockaddr_in *)&elsewhere.remote)->sin_port ^= htons(0x4000);
	uint8_t space[4000], fake[40] = {23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 99, 0, 27};
	sluice_datagram d = {.data = fake, .len = sizeof fake};
	ck_assert_int_eq(sluice_peer_input(w.b.peer, &elsewhere, &d, 1, w.sim.now), 0);
	ck_assert_int_eq(sluice_channel_send(w.b.ch, "x", 1), 0);
	sluice_batch b = {.data = space, .capacity = sizeof space};
	ck_assert_int_eq(sluice_peer_output(w.b.peer, &b, w.sim.now), 1);
	ck_assert(path_equal(&b.path, &home));
	ck_assert_int_eq(sluice_channel_send(w.a.ch, "y", 1), 0);
	ck_assert_int_eq(carry(&w, &w.a, &w.b, &elsewhere), 1);
	ck_assert_int_eq(sluice_channel_send(w.b.ch, "z", 1), 0);
	b = (sluice_batch){.data = space, .capacity = sizeof space};
	ck_assert_int_ge(sluice_peer_output(w.b.peer, &b, w.sim.now), 1);
	ck_assert(path_equal(&b.path, &elsewhere));
	world_free(&w);
}
END_TEST

/* They were genuine, but they came from home. */
START_TEST(test_what_waited_for_the_fingerprint_does_not_speak_for_the_path_of_a_stranger) {
	struct world w = {0};
	sluice_fingerprint late = world_start_without_fingerprint(&w);
	ck_assert_int_eq(sluice_peer_set_remote_fingerprint(w.b.peer, &late), 0);
	sluice_path elsewhere = sim_path(w.a.host), home = elsewhere;
	((struct sockaddr_in *)&elsewhere.remote)->sin_port ^= htons(0x4000);
	uint8_t space[4000], fake[40] = {23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 99, 0, 27};
	sluice_datagram d = {.data = fake, .len = sizeof fake};
	ck_assert_int_eq(sluice_peer_input(w.b.peer, &elsewhere, &d, 1, w.sim.now), 0);
	sluice_batch b = {.data = space, .capacity = sizeof space};
	ck_assert_int_ge(sluice_peer_output(w.b.peer, &b, w.sim.now), 1);
	ck_assert(path_equal(&b.path, &home));
	ck_assert(WITHIN(w.sim, 2 * SLUICE_S, both_connected(&w)));
	world_free(&w);
}
END_TEST

START_TEST(test_a_stray_datagram_does_not_hide_those_that_came_with_it) {
	struct world w = {0};
	connected_world(&w, &near);
	pass(&w, SLUICE_S);
	sluice_path client = sim_path(w.a.host);
	uint8_t space[4000], stray[20] = {0, 1};
	sluice_peer_stats before, after;
	ck_assert_int_eq(sluice_channel_send(w.a.ch, "x", 1), 0);
	sluice_batch b = {.data = space, .capacity = sizeof space, .max_datagrams = 1};
	ck_assert_int_eq(sluice_peer_output(w.a.peer, &b, w.sim.now), 1);
	sluice_datagram d[] = {{.data = stray, .len = sizeof stray}, {.data = space, .len = b.last}};
	sluice_peer_stats_get(w.b.peer, &before);
	ck_assert_int_eq(sluice_peer_input(w.b.peer, &client, d, 2, w.sim.now), 0);
	sluice_peer_stats_get(w.b.peer, &after);
	ck_assert_uint_eq(after.datagrams_received, before.datagrams_received + 1);
	ck_assert_uint_eq(after.bytes_received, before.bytes_received + b.last);
	ck_assert_uint_eq(after.dtls.records_discarded, before.dtls.records_discarded + 1);
	world_free(&w);
}
END_TEST

SUITE("peer_path", test_the_path_is_learnt_from_the_first_dtls_record_only, test_peers_connect_over_a_wire_without_addresses,
      test_junk_without_an_address_does_not_start_the_time_to_answer,
      test_the_path_follows_records_that_authenticate_and_nothing_else,
      test_what_waited_for_the_fingerprint_does_not_speak_for_the_path_of_a_stranger,
      test_a_stray_datagram_does_not_hide_those_that_came_with_it)
