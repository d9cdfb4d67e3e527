/* Does a DTLS flight travel with the checks, so that the handshake needs no round trips of its own? */
#include <string.h>

#include "sim/ice_world.h"
#include "suite.h"

#define RTT (100 * SLUICE_MS)
#define NEVER SLUICE_NEVER

/* a is the client: ClientHello, then the server's three datagrams, then the client's last flight. */
static struct {
	struct ice_agent *a, *b;
	uint64_t hello_at, server_at[3], finished_at;
	unsigned repeated;
} seen;

static uint8_t hello[600] = {22, 254, 253, 'h'};
static uint8_t server[3][900] = {{22, 254, 253, 's', 0}, {22, 254, 253, 's', 1}, {22, 254, 253, 's', 2}};
static uint8_t finished[400] = {22, 254, 253, 'f'};

static void send_flight(struct ice_world *w, struct ice_agent *a, uint8_t *data, size_t len, size_t count) {
	sluice_datagram d[3];
	for (size_t i = 0; i < count; i++)
		d[i] = (sluice_datagram){.data = data + i * len, .len = len};
	ck_assert_int_eq(ice_sped_flight(a->ice, d, count, w->now), 0);
}

static void note(uint64_t *at, uint64_t now) {
	if (*at == NEVER)
		*at = now;
	else
		seen.repeated++;
}

static void on_dtls(struct ice_world *w, struct ice_agent *a, const uint8_t *data, size_t len) {
	if (a == seen.b && data[3] == 'h') {
		ck_assert(len == sizeof hello && memcmp(data, hello, len) == 0);
		bool first = seen.hello_at == NEVER;
		note(&seen.hello_at, w->now);
		if (first)
			send_flight(w, a, server[0], sizeof server[0], 3);
	} else if (a == seen.a && data[3] == 's') {
		note(&seen.server_at[data[4]], w->now);
		if (seen.server_at[0] != NEVER && seen.server_at[1] != NEVER && seen.server_at[2] != NEVER && seen.repeated == 0)
			send_flight(w, a, finished, sizeof finished, 1);
	} else if (a == seen.b && data[3] == 'f') {
		note(&seen.finished_at, w->now);
	}
}

static void scene(struct ice_world *w, uint64_t *start) {
	struct memory memory = {0};
	ice_world_init(w, 1, RTT / 2);
	*start = w->now;
	w->on_dtls = on_dtls;
	memset(&seen, 0, sizeof seen);
	seen.hello_at = seen.finished_at = seen.server_at[0] = seen.server_at[1] = seen.server_at[2] = NEVER;
	seen.a = ice_world_agent(w, "a", &(struct ice_config){.controlling = false}, memory);
	seen.b = ice_world_agent(w, "b", &(struct ice_config){.controlling = true}, memory);
	ice_world_socket(w, seen.a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_world_socket(w, seen.b, "10.0.0.2", 6000, -1, 65535, NULL);
	ice_sped_start(seen.a->ice);
	ice_sped_start(seen.b->ice);
	send_flight(w, seen.a, hello, sizeof hello, 1);
}

/* a answered the offer of b, which does not know the answer yet: nothing but a's checks and b's answers travels. */
START_TEST(test_the_servers_flight_rides_on_the_answer_before_the_password_is_known) {
	struct ice_world w;
	uint64_t start;
	scene(&w, &start);
	ice_gather(seen.a->ice, w.now);
	ice_gather(seen.b->ice, w.now);
	ice_world_settle(&w);
	ice_world_give(seen.b, seen.a);
	ck_assert(ICE_UNTIL(&w, start + 2 * SLUICE_S, seen.server_at[0] != NEVER));
	ck_assert_uint_eq(seen.hello_at, start + RTT / 2);
	ck_assert_uint_eq(seen.server_at[0], start + RTT);
	ck_assert_uint_eq(seen.b->requests, 0);
	ice_world_close(&w);
}
END_TEST

START_TEST(test_the_rest_of_a_flight_follows_in_checks_of_its_own_at_once) {
	struct ice_world w;
	uint64_t start;
	scene(&w, &start);
	ice_world_introduce(&w, seen.a, seen.b);
	ck_assert(ICE_UNTIL(&w, start + 2 * SLUICE_S,
	                    seen.server_at[0] != NEVER && seen.server_at[1] != NEVER && seen.server_at[2] != NEVER));
	ck_assert_uint_eq(seen.hello_at, start + RTT / 2);
	ck_assert_uint_eq(w.now, start + RTT);
	ice_world_close(&w);
}
END_TEST

START_TEST(test_checks_carry_nothing_when_embedding_is_off) {
	struct ice_world w;
	uint64_t start;
	scene(&w, &start);
	ice_sped_stop(seen.a->ice);
	ice_sped_stop(seen.b->ice);
	ice_world_introduce(&w, seen.a, seen.b);
	ice_world_run(&w, start + 2 * SLUICE_S);
	ck_assert_uint_eq(seen.hello_at, NEVER);
	ck_assert(!ice_sped_active(seen.a->ice));
	ck_assert_int_eq(ice_state(seen.a->ice), ICE_COMPLETED);
	ice_world_close(&w);
}
END_TEST

SUITE("ice embed", test_the_servers_flight_rides_on_the_answer_before_the_password_is_known,
      test_the_rest_of_a_flight_follows_in_checks_of_its_own_at_once, test_checks_carry_nothing_when_embedding_is_off)
