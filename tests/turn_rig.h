/* turn_rig: a TURN client, an honest server and peers that only remember, in virtual time. */
#ifndef TESTS_TURN_RIG_H
#define TESTS_TURN_RIG_H

#include "base/address.h"
#include "ice/turn/turn.h"

#include <netinet/in.h>

#include "base/bytes.h"
#include "ice/stun.h"
#include "sim/memory.h"
#include "sim/rng.h"
#include "sim/turn_server.h"
#include "sluice/error.h"
#include "suite.h"

/* ---- a client, a server, and peers that only remember ---- */

#define INBOX 64

struct rig {
	sluice_env *env;
	struct turn *turn;
	struct turn_server *server, *other; /* other: an alternate, at its own address */
	struct rng rng;
	struct sockaddr_storage client;
	uint64_t now;
	double loss;
	unsigned lose_out, lose_in; /* how many of the next datagrams are lost */
	bool always_stale;          /* the nonce changes before each request */

	uint8_t inbox[INBOX][2200];
	size_t inbox_len[INBOX], inbox_count;
	uint64_t sent_at[128]; /* of what the client sent */
	size_t sent;

	struct sockaddr_storage peer_from, peer_to; /* what last reached a peer */
	uint8_t peer_data[2200];
	size_t peer_len, peer_count;
	bool echo; /* peers send everything back */

	struct turn_data got; /* what last reached us */
	uint8_t got_data[2200];
	size_t got_count;
};

static struct rig r;

static inline struct sockaddr_storage ipv4(uint32_t address, uint16_t port) {
	struct sockaddr_storage a = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&a;
	in->sin_family = AF_INET;
	put_be32((uint8_t *)&in->sin_addr, address);
	put_be16((uint8_t *)&in->sin_port, port);
	return a;
}

static inline struct sockaddr_storage ipv6(uint8_t last, uint16_t port) {
	struct sockaddr_storage a = {0};
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a;
	in6->sin6_family = AF_INET6;
	memcpy(&in6->sin6_addr, ((const uint8_t[16]){0x20, 1, 0xd, 0xb8, [15] = last}), 16);
	put_be16((uint8_t *)&in6->sin6_port, port);
	return a;
}

#define SERVER ipv4(0xc0000201, 3478)
#define OTHER ipv4(0xc0000202, 3478)
#define PEER(n) ipv4(0xcb007100 + (n), 7000)

static inline void to_client(const uint8_t *data, size_t len) {
	if (r.lose_in > 0 || rng_chance(&r.rng, r.loss)) {
		r.lose_in -= r.lose_in > 0;
		return;
	}
	ck_assert_uint_lt(r.inbox_count, INBOX);
	memcpy(r.inbox[r.inbox_count], data, len);
	r.inbox_len[r.inbox_count++] = len;
}

static inline void server_sends(void *ctx, const struct sockaddr_storage *from, const struct sockaddr_storage *to,
                                const uint8_t *data, size_t len) {
	(void)ctx;
	if (address_equal(to, &r.client)) {
		to_client(data, len);
		return;
	}
	r.peer_from = *from;
	r.peer_to = *to;
	r.peer_len = len;
	r.peer_count++;
	memcpy(r.peer_data, data, len);
	if (r.echo)
		turn_server_input(r.server, to, from, r.peer_data, r.peer_len, r.now);
}

static inline struct turn_server_config server_config(void) {
	return (struct turn_server_config){.addr = SERVER,
	                                   .relay4 = ipv4(0xc0000264, 1),
	                                   .relay6 = ipv6(100, 1),
	                                   .username = "alice",
	                                   .password = "secret",
	                                   .realm = "example.org",
	                                   .send = server_sends};
}

static inline void begin_with(const struct turn_server_config *config) {
	memset(&r, 0, sizeof r);
	r.rng = rng_of(1, 1);
	r.now = 1000 * SLUICE_S;
	r.client = ipv4(0x0a000001, 5000);
	ck_assert_int_eq(sluice_env_new(NULL, &r.env), 0);
	r.server = turn_server_new(config);
}

static inline struct turn_config turn_defaults(void) {
	return (struct turn_config){.server = SERVER, .username = "alice", .password = "secret"};
}

static inline void turn_begin_with(const struct turn_config *config) {
	ck_assert_int_eq(turn_new(r.env, config, &r.turn), 0);
}

static inline void begin(void) {
	struct turn_server_config server = server_config();
	struct turn_config turn = turn_defaults();
	begin_with(&server);
	turn_begin_with(&turn);
}

static inline void end(void) {
	turn_free(r.turn);
	turn_server_free(r.server);
	turn_server_free(r.other);
	sluice_env_free(r.env);
}

static inline void to_server(uint8_t *data, size_t len) {
	struct sockaddr_storage server = *turn_server(r.turn), alternate = OTHER;
	if (r.sent < sizeof r.sent_at / sizeof *r.sent_at)
		r.sent_at[r.sent] = r.now;
	r.sent++;
	if (r.lose_out > 0 || rng_chance(&r.rng, r.loss)) {
		r.lose_out -= r.lose_out > 0;
		return;
	}
	if (r.always_stale)
		turn_server_new_nonce(r.server);
	turn_server_input(address_equal(&server, &alternate) && r.other ? r.other : r.server, &r.client, &server, data, len,
	                  r.now);
}

static inline enum turn_verdict input(uint8_t *data, size_t len) {
	enum turn_verdict verdict = turn_input(r.turn, data, len, r.now, &r.got);
	ck_assert(turn_check(r.turn));
	if (verdict == TURN_DATA) {
		ck_assert(r.got.data >= data && r.got.data + r.got.len <= data + len);
		memcpy(r.got_data, r.got.data, r.got.len);
		r.got_count++;
	}
	return verdict;
}

/* Everything that is due now; true when anything happened. */
static inline bool pump(void) {
	static uint8_t space[4096];
	bool any = false;
	sluice_batch batch = {.data = space, .capacity = sizeof space};
	while (turn_output(r.turn, &batch, r.now) > 0) {
		ck_assert(turn_check(r.turn));
		ck_assert_uint_eq(batch.count, 1);
		to_server(space, batch.last);
		any = true;
	}
	for (size_t i = 0; i < r.inbox_count; i++)
		input(r.inbox[i], r.inbox_len[i]);
	any |= r.inbox_count > 0;
	r.inbox_count = 0;
	return any;
}

static inline void run_until(uint64_t until) {
	for (;;) {
		while (pump()) {
		}
		uint64_t deadline = turn_deadline(r.turn);
		ck_assert_uint_gt(deadline, r.now);
		if (deadline > until)
			break;
		r.now = deadline;
		turn_advance(r.turn, r.now);
		ck_assert(turn_check(r.turn));
	}
	r.now = until;
	turn_advance(r.turn, r.now);
	while (pump()) {
	}
}

static inline void run_for(uint64_t ns) {
	run_until(r.now + ns);
}

static inline void begin_ready(void) {
	begin();
	run_for(0);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
}

static inline void ck_assert_address(const struct sockaddr_storage *a, struct sockaddr_storage expected) {
	ck_assert_ptr_nonnull(a);
	ck_assert(address_equal(a, &expected));
}

static inline void peer_speaks(struct sockaddr_storage peer, const char *text) {
	turn_server_input(r.server, &peer, turn_relayed(r.turn), (const uint8_t *)text, strlen(text), r.now);
}

static inline void ck_assert_got(struct sockaddr_storage peer, const char *text) {
	ck_assert_address(&r.got.peer, peer);
	ck_assert_uint_eq(r.got.len, strlen(text));
	ck_assert_mem_eq(r.got_data, text, r.got.len);
}

static inline int permit(struct sockaddr_storage peer) {
	return turn_permit(r.turn, &peer);
}
static inline int bind_to(struct sockaddr_storage peer) {
	return turn_bind(r.turn, &peer);
}
static inline bool permitted(struct sockaddr_storage peer) {
	return turn_permitted(r.turn, &peer);
}
static inline uint16_t channel_of(struct sockaddr_storage peer) {
	return turn_channel(r.turn, &peer);
}
static inline int send_to(struct sockaddr_storage peer, const char *text) {
	return turn_send(r.turn, &peer, text, strlen(text));
}

static inline void ck_assert_failed(int error, uint16_t code) {
	ck_assert_int_eq(turn_state(r.turn), TURN_FAILED);
	ck_assert_int_eq(turn_error(r.turn), error);
	ck_assert_uint_eq(turn_error_code(r.turn), code);
	ck_assert_uint_eq(turn_deadline(r.turn), SLUICE_NEVER);
}

#endif
