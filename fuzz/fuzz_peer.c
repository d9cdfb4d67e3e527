/* fuzz_peer: can anybody break a peer by datagrams alone?
 *
 * Every stranger reaches this door: each datagram that comes to the socket goes to sluice_peer_input(), from any address. A peer
 * (the victim) talks to an honest one. The first byte says how far they have come. The rest is a script of what a stranger sends,
 * what the network does to the honest datagrams, time, and calls of the app. The invariants of all layers are recounted after
 * every step, and at the end nothing may be left allocated. OpenSSL draws its own random numbers, so ciphertext differs between
 * runs; what the script does with it does not.
 *
 *   byte 0      bit 0 the victim is the server, 1 it gets the fingerprint late, 2-6 datagrams that pass before
 *   then steps  op & 7: 0 raw datagram: n, n bytes      1 record: type, epoch, n, n bytes (header and length are right)
 *                       2 to the victim: at, flip; one byte is changed, or none; bit 3 of op: from a strange address
 *                       3 from the victim               4 time: t, t * t ms pass
 *                       5 call of the app: which        6 the last datagram to the victim comes again
 *                       7 everything passes, until both are silent */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz/target.h"
#include "peer/peer.h"
#include "pool/env.h"
#include "sim/memory.h"

#define DATAGRAM 1200
#define MEMORY_MAX ((size_t)16 << 20)
#define QUIET 200 /* rounds after which two ends that are only acknowledging each other count as silent */

enum { CLIENT, SERVER };

struct world {
	struct memory memory;
	sluice_env *env;
	sluice_peer *ends[2];
	sluice_channel *channels[2]; /* the newest of each end */
	int victim;
	uint64_t now;
	sluice_path home, strange;
	uint8_t last[DATAGRAM];
	size_t last_len;
};

/* One certificate for both ends and all runs, because making one takes most of the time. */
static sluice_certificate *certificate;
static sluice_fingerprint fingerprint;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
	(void)argc, (void)argv;
	MUST(sluice_certificate_generate(&certificate) == 0);
	return sluice_certificate_fingerprint(certificate, SLUICE_SHA256, &fingerprint);
}

/* ---- the app ------------------------------------------------------------------------------------------------------- */

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)error, (void)lost;
	struct world *w = user;
	for (int i = 0; i < 2; i++)
		if (w->channels[i] == ch)
			w->channels[i] = NULL;
}

static const sluice_channel_callbacks callbacks = {.on_closed = on_closed};

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	struct world *w = user;
	sluice_channel_set_callbacks(ch, &callbacks, w);
	w->channels[p == w->ends[SERVER]] = ch;
}

static void open_channel(struct world *w, int end) {
	sluice_channel_config c = {.label = "fuzz", .callbacks = callbacks, .user = w};
	sluice_peer_open_channel(w->ends[end], &c, &w->channels[end]);
}

static void call(struct world *w, uint8_t which) {
	int end = which >> 7 ? w->victim : !w->victim;
	sluice_channel *ch = w->channels[end];
	switch (which & 7) {
	case 0:
		open_channel(w, end);
		break;
	case 1:
		if (ch)
			sluice_channel_send(ch, w->last, which);
		break;
	case 2:
		if (ch)
			sluice_channel_close(ch);
		break;
	case 3:
		sluice_peer_set_remote_fingerprint(w->ends[w->victim], &fingerprint);
		break;
	case 4:
		sluice_peer_close(w->ends[end]);
		break;
	case 5:
		sluice_peer_abort(w->ends[end], "fuzz");
		break;
	default:
		break;
	}
}

/* ---- what happens to the victim ------------------------------------------------------------------------------------ */

static void look_after(struct world *w) {
	for (int i = 0; i < 2; i++) {
		sluice_peer_dispatch(w->ends[i]);
		MUST(peer_check(w->ends[i]));
	}
	MUST(w->memory.bytes < MEMORY_MAX);
}

/* The datagram is in a block of exactly its size, so that a sanitizer finds each read beyond it. */
static void give(struct world *w, int end, const sluice_path *from, const uint8_t *bytes, size_t len) {
	uint8_t *copy = malloc(len ? len : 1);
	MUST(copy);
	memcpy(copy, bytes, len);
	sluice_datagram d = {.data = copy, .len = len};
	MUST(sluice_peer_input(w->ends[end], from, &d, 1, w->now) == 0);
	free(copy);
	look_after(w);
}

/* Gives the next datagram of one end to the other. Returns false when there is none. */
static bool carry(struct world *w, int to, const sluice_path *from, uint8_t at, uint8_t flip) {
	uint8_t space[DATAGRAM];
	sluice_batch b = {.data = space, .capacity = sizeof space, .max_datagrams = 1};
	int n = sluice_peer_output(w->ends[!to], &b, w->now);
	MUST(n >= 0 && n <= 1);
	look_after(w);
	if (n == 0)
		return false;
	space[at * b.last / 256] ^= flip;
	if (to == w->victim)
		memcpy(w->last, space, w->last_len = b.last);
	give(w, to, from, space, b.last);
	return true;
}

static void carry_all(struct world *w) {
	for (int i = 0; i < QUIET; i++) {
		bool any = carry(w, CLIENT, &w->home, 0, 0);
		if (!carry(w, SERVER, &w->home, 0, 0) && !any)
			return;
	}
}

static void pass_time(struct world *w, uint64_t ms) {
	w->now += ms * SLUICE_MS;
	for (int i = 0; i < 2; i++)
		sluice_peer_advance(w->ends[i], w->now);
	look_after(w);
}

static size_t take_bytes(struct reader *r, uint8_t *to, size_t most) {
	size_t n = read_u8(r);
	n = n < reader_left(r) ? n : reader_left(r);
	n = n < most ? n : most;
	const uint8_t *bytes = read_bytes(r, n);
	if (n && bytes)
		memcpy(to, bytes, n);
	return n;
}

static void give_record(struct world *w, struct reader *r, const sluice_path *from) {
	uint8_t record[13 + 255] = {0, 254, 253};
	record[0] = read_u8(r);
	record[4] = read_u8(r);
	record[10] = (uint8_t)reader_left(r); /* a number that is seldom used twice */
	size_t n = take_bytes(r, record + 13, 255);
	put_be16(record + 11, (uint16_t)n);
	give(w, w->victim, from, record, 13 + n);
}

static void step(struct world *w, struct reader *r) {
	uint8_t op = read_u8(r), bytes[255];
	const sluice_path *from = op & 8 ? &w->strange : &w->home;
	switch (op & 7) {
	case 0:
		give(w, w->victim, from, bytes, take_bytes(r, bytes, sizeof bytes));
		break;
	case 1:
		give_record(w, r, from);
		break;
	case 2: {
		uint8_t at = read_u8(r);
		carry(w, w->victim, from, at, read_u8(r));
		break;
	}
	case 3:
		carry(w, !w->victim, &w->home, 0, 0);
		break;
	case 4: {
		uint64_t t = read_u8(r);
		pass_time(w, t * t);
		break;
	}
	case 5:
		call(w, read_u8(r));
		look_after(w);
		break;
	case 6:
		give(w, w->victim, from, w->last, w->last_len);
		break;
	default:
		carry_all(w);
		break;
	}
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static sluice_path path_of(uint16_t port) {
	sluice_path p = {.remote_len = sizeof(struct sockaddr_in)};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	memcpy(&p.remote, &in, sizeof in);
	return p;
}

static void make_end(struct world *w, int end, bool late) {
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.role = end == CLIENT ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;
	c.certificate = certificate;
	c.mtu = DATAGRAM;
	c.on_channel = on_channel;
	c.user = w;
	if (!late)
		c.remote_fingerprint = fingerprint;
	MUST(sluice_peer_new(w->env, &c, &w->ends[end]) == 0 && sluice_peer_start(w->ends[end]) == 0);
}

static void begin(struct world *w, uint8_t how) {
	*w = (struct world){.victim = how & 1, .now = SLUICE_S, .home = path_of(1), .strange = path_of(2)};
	sluice_env_config env = {.allocator = memory_allocator(&w->memory)};
	MUST(sluice_env_new(&env, &w->env) == 0);
	for (int i = 0; i < 2; i++)
		make_end(w, i, i == w->victim && how & 2);
	open_channel(w, w->victim);
	for (int i = 0; i < (how >> 2 & 31); i++)
		carry(w, i % 2 ? CLIENT : SERVER, &w->home, 0, 0);
}

static void finish(struct world *w) {
	for (int i = 0; i < 2; i++)
		sluice_peer_free(w->ends[i]);
	MUST(w->env->blocks.live == 0 && w->env->slabs_live == 0);
	sluice_env_free(w->env);
	MUST(w->memory.live == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct world w;
	struct reader r = reader_of(data, size);
	begin(&w, read_u8(&r));
	while (reader_left(&r) > 0)
		step(&w, &r);
	finish(&w);
	return 0;
}
