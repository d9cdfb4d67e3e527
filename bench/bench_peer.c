/* bench_peer: what does ICE add to a packet? The same messages go between two peers without ICE ("direct") and between two by
 * offer and answer ("ICE"), in packets of the same size.
 *
 * Both peers run in one thread, DTLS included, and are called as the loop calls them. Datagrams are copied into slabs, as a
 * receive would have put them there. Time is virtual: 10 us pass with each exchange. tests/test_ice_cost.sh says how far the two
 * may lie apart. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "bench/harness.h"
#include "bench/landing.h"
#include "bench/mouth_to_mouth.h"
#include "sluice.h"

#define ROUNDS_MAX 10000

/* An app that refills in bulk; small enough that the messages it holds stay within the memory that an environment keeps. */
#define HIGH_WATER (256 << 10)

struct end {
	sluice_peer *peer;
	sluice_channel *ch;
	sluice_path path; /* its address, as the other end sees it */
	bool open;
	uint64_t received;
};

struct ends {
	struct end a, b;
	bool ice;
	uint64_t now;
};

struct job {
	struct ends *ends;
	size_t size;
};

static uint8_t space[65536];

/* ---- the app ---- */

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch, (void)m, (void)text;
	((struct end *)user)->received++;
}

static void on_open(sluice_channel *ch, void *user) {
	(void)ch;
	((struct end *)user)->open = true;
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	struct end *e = user;
	(void)p;
	e->ch = ch;
	sluice_channel_set_callbacks(ch, &(sluice_channel_callbacks){.on_message = on_message}, e);
}

/* ---- the loop ---- */

static bool carry(struct ends *s, struct end *from, struct end *to) {
	sluice_batch batch = {.data = space, .capacity = sizeof space, .max_datagrams = LANDING_MAX};
	if (sluice_peer_output(from->peer, &batch, s->now) <= 0)
		return false;
	sluice_datagram datagrams[LANDING_MAX];
	sluice_slab *slab = landing_take(&batch, datagrams);
	sluice_peer_input(to->peer, &from->path, datagrams, batch.count, s->now);
	sluice_slab_unref(slab);
	return true;
}

/* As the driver serves a peer. */
static bool serve(struct ends *s, struct end *e, struct end *other) {
	sluice_request request;
	bool more = false;
	sluice_peer_dispatch(e->peer);
	while (s->ice && sluice_peer_poll_request(e->peer, &request))
		;
	while (carry(s, e, other))
		more = true;
	if (sluice_peer_deadline(e->peer) <= s->now)
		sluice_peer_advance(e->peer, s->now);
	return more;
}

static void exchange(struct ends *s) {
	s->now += 10 * SLUICE_US;
	serve(s, &s->a, &s->b);
	serve(s, &s->b, &s->a);
}

/* ---- making both ---- */

static sluice_path address(uint16_t port) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sluice_path path = {.socket = 1, .remote_len = sizeof a};
	memcpy(&path.remote, &a, sizeof a);
	return path;
}

/* As the loop does. Without it, datagrams stay as they begin. */
static void discover(struct ends *s) {
	sluice_peer_discover_mtu(s->a.peer);
	sluice_peer_discover_mtu(s->b.peer);
	for (int i = 0; s->ice && i < 2; i++)
		sluice_peer_set_local_address_mtu(i ? s->b.peer : s->a.peer, 1, 65536);
}

static void make_direct(struct ends *s, const sluice_peer_config *config, sluice_certificate *certificate) {
	struct end *ends[] = {&s->a, &s->b};
	sluice_fingerprint fingerprint;
	BENCH_MUST(sluice_certificate_fingerprint(certificate, SLUICE_SHA256, &fingerprint) == 0);
	for (int i = 0; i < 2; i++) {
		sluice_peer_config c = *config;
		c.mtu -= 4; /* by offer and answer there is room for a relay's header */
		c.role = i == 0 ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;
		c.remote_fingerprint = fingerprint;
		c.path = ends[!i]->path;
		c.user = ends[i];
		BENCH_MUST(sluice_peer_new(bench_env(), &c, &ends[i]->peer) == 0 && sluice_peer_start(ends[i]->peer) == 0);
	}
}

static void make_by_ice(struct ends *s, const sluice_peer_config *config) {
	struct end *ends[] = {&s->a, &s->b};
	for (int i = 0; i < 2; i++) {
		sluice_peer_config c = *config;
		const sluice_path *own = &ends[i]->path;
		c.user = ends[i];
		BENCH_MUST(sluice_peer_new(bench_env(), &c, &ends[i]->peer) == 0);
		BENCH_MUST(sluice_peer_add_local_address(ends[i]->peer, SLUICE_UDP, 1, (const struct sockaddr *)&own->remote,
		                                         own->remote_len, 65535, NULL) == 0);
	}
}

static void make_ends(struct ends *s, bool ice, bool large) {
	sluice_certificate *certificate;
	sluice_peer_config config;
	*s = (struct ends){.now = SLUICE_S, .ice = ice, .a.path = address(1000), .b.path = address(1001)};
	BENCH_MUST(sluice_certificate_generate(&certificate) == 0);
	sluice_peer_config_init(&config);
	config.certificate = certificate;
	config.on_channel = on_channel;
	if (ice)
		make_by_ice(s, &config);
	else
		make_direct(s, &config, certificate);
	if (large)
		discover(s);
	sluice_channel_config channel = {
		.label = "x", .high_water = HIGH_WATER, .callbacks = {.on_open = on_open}, .user = &s->a};
	BENCH_MUST(sluice_peer_open_channel(s->a.peer, &channel, &s->a.ch) == 0);
	if (ice)
		BENCH_MUST(mouth_negotiate(s->a.peer, s->b.peer) == 0);
	for (int i = 0; i < ROUNDS_MAX && !(s->a.open && s->b.ch); i++)
		exchange(s);
	BENCH_MUST(s->a.open && s->b.ch);
	sluice_certificate_release(certificate);
}

/* ---- the cases ---- */

static void stream(void *ctx, uint64_t iterations) {
	static const uint8_t payload[16384];
	struct job *j = ctx;
	struct ends *s = j->ends;
	uint64_t want = s->b.received + iterations, sent = 0;
	while (s->b.received < want) {
		while (sent < iterations && sluice_channel_send(s->a.ch, payload, j->size) == 0)
			sent++;
		exchange(s);
	}
}

static void measure(const char *name, size_t size, bool ice, bool large) {
	static struct ends s;
	struct job j = {.ends = &s, .size = size};
	make_ends(&s, ice, large);
	bench_run(&(struct bench_case){.bench = "peer", .name = name, .run = stream, .ctx = &j, .bytes = size});
	sluice_peer_free(s.a.peer);
	sluice_peer_free(s.b.peer);
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	measure("16384 bytes, direct", 16384, false, false);
	measure("16384 bytes, ICE", 16384, true, false);
	measure("64 bytes, direct", 64, false, false);
	measure("64 bytes, ICE", 64, true, false);
	measure("16384 bytes in large datagrams, direct", 16384, false, true);
	measure("16384 bytes in large datagrams, ICE", 16384, true, true);
	return bench_end();
}
