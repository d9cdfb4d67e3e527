/* fuzz_turn: can anybody break a TURN client? The input plays an honest server, a forger, peers and an app: each byte says what
 * happens next. After each step the client's invariants must hold, and the data that it hands up must lie within the datagram
 * that came. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/bytes.h"
#include "fuzz/target.h"
#include "ice/stun.h"
#include "ice/turn/turn.h"
#include "sim/turn_server.h"

struct play {
	struct reader input;
	struct turn *turn;
	struct turn_server *server;
	struct sockaddr_storage client, peers[4];
	uint64_t now;
	uint8_t request[4096]; /* the last that the client sent */
	size_t request_len;
	uint8_t key[16];
	uint8_t space[4096]; /* given to the client with its exact length, so that a sanitizer finds each read beyond it */
};

static struct sockaddr_storage ipv4(uint32_t address, uint16_t port) {
	struct sockaddr_storage a = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&a;
	in->sin_family = AF_INET;
	put_be32((uint8_t *)&in->sin_addr, address);
	address_set_port(&a, port);
	return a;
}

static void give(struct play *p, const uint8_t *data, size_t len) {
	struct turn_data out;
	uint8_t *copy = malloc(len ? len : 1);
	if (len)
		memcpy(copy, data, len);
	if (turn_input(p->turn, copy, len, p->now, &out) == TURN_DATA)
		MUST(out.data >= copy && out.len <= len && (size_t)(out.data - copy) <= len - out.len);
	free(copy);
	MUST(turn_check(p->turn));
}

static void server_sends(void *ctx, const struct sockaddr_storage *from, const struct sockaddr_storage *to, const uint8_t *data,
                         size_t len) {
	struct play *p = ctx;
	(void)from;
	if (address_equal(to, &p->client))
		give(p, data, len);
}

/* Takes the client's datagrams to the server, or loses them. */
static void drain(struct play *p, bool lost) {
	for (int i = 0; i < 200; i++) {
		uint8_t space[4096];
		sluice_batch batch = {.data = space, .capacity = sizeof space};
		struct sockaddr_storage server = *turn_server(p->turn);
		if (turn_output(p->turn, &batch, p->now) <= 0)
			break;
		MUST(turn_check(p->turn) && batch.last <= sizeof p->request);
		memcpy(p->request, space, batch.last);
		p->request_len = batch.last;
		if (!lost && turn_server_owns(p->server, &server))
			turn_server_input(p->server, &p->client, &server, space, batch.last, p->now);
	}
}

/* Answers the last request as a forger, or as a broken server that has the key. */
static void forge(struct play *p) {
	static const uint16_t codes[] = {300, 400, 401, 403, 420, 437, 438, 440, 441, 442, 443, 486, 500, 508, 699};
	struct stun_message m;
	struct stun_writer w;
	uint8_t how = read_u8(&p->input);
	if (stun_parse(p->request, p->request_len, &m) < 0)
		return;
	bool error = how & 1;
	stun_begin(&w, p->space, sizeof p->space, error ? STUN_ERROR : STUN_SUCCESS, m.method, m.id);
	if (error)
		stun_put_error(&w, codes[read_u8(&p->input) % (sizeof codes / sizeof *codes)], "");
	if (how & 2) {
		stun_put(&w, STUN_ATTR_REALM, "example.org", how & 64 ? 11 : 3);
		stun_put(&w, STUN_ATTR_NONCE, &how, 1);
	}
	if (how & 4)
		stun_put_address(&w, STUN_ATTR_XOR_RELAYED_ADDRESS, &p->peers[how & 3]);
	if (how & 8)
		stun_put_address(&w, STUN_ATTR_ALTERNATE_SERVER, &p->peers[how & 3]);
	if (how & 16)
		stun_put32(&w, STUN_ATTR_LIFETIME, (uint32_t)read_be16(&p->input) << (how & 32 ? 16 : 0));
	size_t len = stun_end(&w, how & 32 ? p->key : NULL, sizeof p->key, (how & 128) != 0);
	give(p, p->space, len);
}

static void app(struct play *p, uint8_t what) {
	struct sockaddr_storage *peer = &p->peers[what & 3];
	uint8_t data[64] = {what};
	sluice_batch batch = {.data = data, .headroom = 4, .count = 2, .stride = 32, .last = 20};
	if (what & 128)
		address_set_port(peer, (uint16_t)(address_port(peer) + 1));
	switch (what >> 2 & 3) {
	case 0:
		turn_permit(p->turn, peer);
		break;
	case 1:
		turn_bind(p->turn, peer);
		break;
	case 2:
		turn_send(p->turn, peer, data, what & 63);
		break;
	default:
		turn_wrap(p->turn, peer, &batch);
	}
}

static void give_raw(struct play *p) {
	size_t len = read_u8(&p->input);
	const uint8_t *raw = read_bytes(&p->input, len);
	if (raw)
		give(p, raw, len);
}

static void step(struct play *p) {
	uint8_t op = read_u8(&p->input);
	switch (op % 10) {
	case 0:
		drain(p, false);
		break;
	case 1:
		drain(p, true);
		break;
	case 2:
		forge(p);
		break;
	case 3:
		give_raw(p);
		break;
	case 4:
		p->now += (uint64_t)read_u8(&p->input) * (op & 128 ? SLUICE_S : 20 * SLUICE_MS);
		turn_advance(p->turn, p->now);
		break;
	case 5:
		if (turn_deadline(p->turn) != SLUICE_NEVER && turn_deadline(p->turn) > p->now)
			p->now = turn_deadline(p->turn);
		turn_advance(p->turn, p->now);
		break;
	case 6:
		app(p, read_u8(&p->input));
		break;
	case 7:
		if (turn_relayed(p->turn))
			turn_server_input(p->server, &p->peers[op & 3], turn_relayed(p->turn), &op, 1, p->now);
		break;
	case 8:
		if (op & 128)
			turn_server_forget(p->server);
		else
			turn_server_new_nonce(p->server);
		break;
	default:
		if (op & 128)
			turn_close(p->turn);
		else
			turn_reconnected(p->turn);
	}
	MUST(turn_check(p->turn));
}

/* The first byte chooses transport and family. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct play p;
	sluice_env *env;
	p = (struct play){.input = reader_of(data, size), .client = ipv4(0x0a000001, 5000), .now = 1000 * SLUICE_S};
	for (uint32_t i = 0; i < 4; i++)
		p.peers[i] = ipv4(0xcb007101 + i / 2, (uint16_t)(7000 + i));
	uint8_t first = read_u8(&p.input);
	struct turn_server_config server = {.addr = ipv4(0xc0000201, 3478),
	                                    .relay4 = ipv4(0xc0000264, 1),
	                                    .username = first & 128 ? NULL : "alice",
	                                    .password = "secret",
	                                    .realm = "example.org",
	                                    .lifetime = first & 64 ? 30 : 0,
	                                    .no_channels = (first & 32) != 0,
	                                    .send = server_sends,
	                                    .ctx = &p};
	struct turn_config config = {.server = server.addr,
	                             .transport = (enum turn_transport)(first % 3),
	                             .username = "alice",
	                             .password = "secret",
	                             .family = first & 16 ? AF_INET6 : AF_INET};
	MUST(stun_long_term_key("alice", "example.org", 11, "secret", p.key));
	MUST(sluice_env_new(NULL, &env) == 0);
	MUST(turn_new(env, &config, &p.turn) == 0);
	p.server = turn_server_new(&server);
	while (reader_left(&p.input) > 0 && !p.input.failed)
		step(&p);
	turn_free(p.turn);
	turn_server_free(p.server);
	sluice_env_free(env);
	return 0;
}
