/* fuzz_ice: can anybody break an agent by datagrams, or by what signalling brings?
 *
 * Two agents are in a world with a STUN and a TURN server. The first byte configures them, the rest is a script of what happens
 * to them. The world recounts the agents' invariants after every verb, and stops the program when an agent never sleeps. Memory
 * is bounded, and at the end nothing may be left allocated.
 *
 *   byte 0      bit 0 b is lite, 1 both control, 2 a is behind a NAT, 3 servers, 4 a hides its address, 5 relay only,
 *               6 they embed
 *   then steps  op & 7: 0 time: t, t * t ms pass
 *                       1 raw datagram to a: n, n bytes; bit 3 of op: to b, bit 4: from the other agent's address
 *                       2 the same as attributes of a message with the right integrity, its type in the first byte
 *                       3 the datagrams that leave until the next such step are changed: at, xor
 *                       4 loss: chance / 256
 *                       5 call: which
 *                       6 a candidate for a: n, n bytes of text
 *                       7 the agents are introduced, or one is given to the other */
#include <stdio.h>
#include <string.h>

#include "fuzz/target.h"
#include "ice/agent.h"
#include "sim/ice_world.h"

#define MEMORY_MAX ((size_t)4 << 20)

static const struct ice_server servers[] = {
	{.host = "192.0.2.1"},
	{.host = "turn.example.org", .turn = true, .username = "user", .password = "secret"},
};

struct game {
	struct ice_world w;
	struct ice_agent *a, *b;
	uint8_t at, change;
	unsigned extra; /* sockets made by calls */
};

static struct game game;

static bool mutate(struct ice_world *w, int from, const struct sockaddr_storage *to, uint8_t *data, size_t *len, void *ctx) {
	(void)w, (void)from, (void)to, (void)ctx;
	if (game.change && *len > game.at)
		data[game.at] ^= game.change;
	return true;
}

static int first_iface(const struct ice_agent *a) {
	for (int i = 0; i < game.w.iface_count; i++)
		if (game.w.ifaces[i].agent == a - game.w.agents && !game.w.ifaces[i].down)
			return i;
	return -1;
}

static void strike(unsigned op, const uint8_t *data, size_t len) {
	struct ice_agent *to = op & 8 ? game.b : game.a, *other = op & 8 ? game.a : game.b;
	int iface = first_iface(to), theirs = first_iface(other);
	if (iface < 0)
		return;
	struct sockaddr_storage from = ice_world_address("203.0.113.5", 777);
	if (op & 16 && theirs >= 0)
		from = game.w.ifaces[theirs].addr;
	ice_world_inject(&game.w, iface, &from, data, len);
}

/* Writes a message that only somebody who knows the password can write: the username, and then what the script has. */
static void strike_signed(unsigned op, const uint8_t *data, size_t len) {
	uint8_t space[1500], id[STUN_ID_SIZE] = {1};
	char username[2 * ICE_UFRAG_MAX];
	struct stun_writer w;
	struct ice_agent *to = op & 8 ? game.b : game.a, *other = op & 8 ? game.a : game.b;
	int n = snprintf(username, sizeof username, "%s:%s", ice_ufrag(to->ice), ice_ufrag(other->ice));
	enum stun_class class = len ? (enum stun_class)(data[0] & 3) : STUN_REQUEST;
	if (op & 32 && to->ice->current->pair_count) /* an answer to the last check */
		memcpy(id, to->ice->current->pairs[0]->sent[data ? len & 3 : 0].id, sizeof id);
	stun_begin(&w, space, sizeof space, class, STUN_BINDING, id);
	if (class == STUN_REQUEST)
		stun_put(&w, STUN_ATTR_USERNAME, username, (size_t)n);
	for (size_t i = 1; i + 2 <= len;) {
		static const uint16_t known[] = {STUN_ATTR_PRIORITY,       STUN_ATTR_USE_CANDIDATE,
		                                 STUN_ATTR_ICE_CONTROLLED, STUN_ATTR_ICE_CONTROLLING,
		                                 STUN_ATTR_DTLS_IN_STUN,   STUN_ATTR_DTLS_IN_STUN_ACK,
		                                 STUN_ATTR_ERROR_CODE,     STUN_ATTR_XOR_MAPPED_ADDRESS};
		size_t size = data[i + 1] & 31;
		if (size > len - i - 2)
			size = len - i - 2;
		stun_put(&w, data[i] & 128 ? data[i] : known[data[i] & 7], data + i + 2, size);
		i += 2 + size;
	}
	const char *pwd = class == STUN_REQUEST ? ice_pwd(to->ice) : ice_pwd(other->ice);
	size_t done = stun_end(&w, pwd, strlen(pwd), true);
	if (done)
		strike(op, space, done);
}

static void more_sockets(struct ice_agent *a) {
	char address[32];
	if (game.extra == 8)
		return;
	snprintf(address, sizeof address, game.extra & 1 ? "2001:db8::%x" : "203.0.113.%u", 10 + game.extra);
	ice_world_socket(&game.w, a, address, (uint16_t)(2000 + game.extra++), -1, 100, NULL);
}

static void flight(struct ice_agent *a) {
	static uint8_t bytes[3][1000] = {{22, 254, 255}, {22, 254, 255, 1}, {22, 254, 255, 2}};
	sluice_datagram d[3] = {{.data = bytes[0], .len = 200}, {.data = bytes[1], .len = 1000}, {.data = bytes[2], .len = 20}};
	ice_sped_flight(a->ice, d, 3, game.w.now);
}

static void call(unsigned which) {
	struct ice_agent *a = which & 128 ? game.b : game.a;
	int iface = first_iface(a);
	switch (which & 15) {
	case 0:
		ice_restart(a->ice);
		break;
	case 1:
		ice_restart_undo(a->ice);
		break;
	case 2:
		ice_gather(a->ice, game.w.now);
		break;
	case 3:
		ice_set_remote(a->ice, which & 64 ? "else" : "other", "0123456789012345678901", which & 32);
		break;
	case 4:
		ice_remote_done(a->ice);
		break;
	case 5:
		if (iface >= 0)
			ice_world_unplug(&game.w, a, game.w.ifaces[iface].socket);
		break;
	case 6:
		more_sockets(a);
		break;
	case 7:
		ice_set_controlling(a->ice, which & 64);
		break;
	case 8:
		flight(a);
		break;
	case 9:
		ice_sped_handshake_done(a->ice, which & 64);
		break;
	case 10:
		ice_sped_start(a->ice);
		break;
	case 11:
		if (which & 64)
			ice_close(a->ice);
		break;
	case 12:
		ice_resolved(a->ice, which >> 4, &a->names, 1, game.w.now);
		break;
	case 13:
		ice_stream_down(a->ice, 10 + (which >> 4 & 7), game.w.now);
		break;
	default:
		ice_world_send(&game.w, a);
		break;
	}
	MUST(ice_check(a->ice));
}

static void candidate(const uint8_t *text, size_t len) {
	struct candidate c;
	if (candidate_parse((const char *)text, len, &c) == 0)
		ice_add_remote(game.a->ice, &c);
	MUST(ice_check(game.a->ice));
}

static void introduce(unsigned op) {
	if (!(op & 8))
		ice_world_give(game.a, game.b);
	if (!(op & 16))
		ice_world_give(game.b, game.a);
}

static void step(unsigned op, unsigned n, const uint8_t **at, const uint8_t *end) {
	size_t len = target_left(*at, end, n);
	switch (op & 7) {
	case 0:
		ice_world_run(&game.w, game.w.now + (uint64_t)n * n * SLUICE_MS);
		return;
	case 1:
		strike(op, *at, len);
		break;
	case 2:
		strike_signed(op, *at, len);
		break;
	case 3:
		game.at = (uint8_t)n;
		game.change = len ? **at : 0;
		len = len > 0;
		break;
	case 4:
		game.w.loss = n / 256.0;
		return;
	case 5:
		call(n);
		return;
	case 6:
		candidate(*at, len);
		break;
	default:
		introduce(op);
		return;
	}
	*at += len;
}

static void play(const uint8_t *at, const uint8_t *end) {
	for (unsigned steps = 0; end - at >= 2 && steps < 64; steps++) {
		unsigned op = at[0], n = at[1];
		at += 2;
		step(op, n, &at, end);
		ice_world_settle(&game.w);
		MUST(game.a->memory.bytes < MEMORY_MAX && game.b->memory.bytes < MEMORY_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct memory memory = {0};
	if (size == 0)
		return 0;
	game.change = 0;
	game.extra = 0;
	ice_world_init(&game.w, data[0], 10 * SLUICE_MS);
	game.w.filter = mutate;
	ice_world_stun(&game.w, "192.0.2.1", 3478);
	ice_world_turn(&game.w, "192.0.2.9", 3478);
	struct ice_config config = {
		.controlling = true, .servers = data[0] & 8 ? servers : NULL, .server_count = data[0] & 8 ? 2 : 0};
	config.relay_only = data[0] & 32;
	game.a = ice_world_agent(&game.w, "a", &config, memory);
	config = (struct ice_config){.lite = data[0] & 1, .controlling = data[0] & 2};
	game.b = ice_world_agent(&game.w, "b", &config, memory);
	MUST(game.a && game.b);
	int nat = data[0] & 4 ? ice_world_nat(&game.w, NAT_PORT_RESTRICTED, "198.51.100.1", true) : -1;
	game.a->names = ice_world_address("192.0.2.9", 0);
	ice_world_socket(&game.w, game.a, "10.0.0.1", 5000, nat, 65535, data[0] & 16 ? "a.local" : NULL);
	ice_world_socket(&game.w, game.b, "198.51.100.7", 6000, -1, 65535, NULL);
	if (data[0] & 64) {
		ice_sped_start(game.a->ice);
		ice_sped_start(game.b->ice);
		flight(game.a);
	}
	ice_gather(game.a->ice, game.w.now);
	ice_gather(game.b->ice, game.w.now);
	play(data + 1, data + size);
	game.w.loss = 0;
	ice_world_run(&game.w, game.w.now + 60 * SLUICE_S);
	ice_world_close(&game.w);
	return 0;
}
