/* bench_channel: what does a message cost from sluice_channel_send at one end to on_message at the other, everything between
 * them included but the sockets and DTLS?
 *
 * Two associations with a channel set each, in one thread, over a memory that loses nothing: batches are copied into slabs, as
 * a receive would have put them there. Time is virtual: 10 us pass with each exchange. CRC32c is on, both ways. */
#include <stdio.h>
#include <string.h>

#include "bench/harness.h"
#include "bench/landing.h"
#include "sluice/channel.h"

#define SPACE 65536

/* An app that refills in bulk; small enough that the messages it holds stay within the memory that an environment keeps. */
#define HIGH_WATER (256 << 10)

struct end {
	sluice_sctp *sctp;
	sluice_channels *set;
	sluice_channel *ch;
	uint64_t received;
	bool echo, runs;
};

struct bench_pair {
	struct end a, b;
	uint64_t now;
	uint8_t space[SPACE];
};

enum way { COPY, LEND, IN_BATCHES, IN_RUNS, PING, WAYS };

struct job {
	struct bench_pair *pair;
	enum way way;
	size_t size;
	uint8_t *bytes;
};

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct end *e = user;
	(void)text;
	e->received++;
	if (e->echo)
		BENCH_MUST(sluice_channel_send(ch, sluice_message_data(m), m->len) == 0);
}

static void on_messages(sluice_channel *ch, sluice_message *const *messages, size_t count, bool text, void *user) {
	struct end *e = user;
	(void)ch, (void)text;
	for (size_t i = 0; i < count; i++)
		BENCH_KEEP(messages[i]->len);
	e->received += count;
}

static const sluice_channel_callbacks callbacks = {.on_message = on_message}, in_runs = {.on_messages = on_messages};

static void on_channel(sluice_channels *set, sluice_channel *ch, void *user) {
	struct end *e = user;
	(void)set;
	e->ch = ch;
	sluice_channel_set_callbacks(ch, e->runs ? &in_runs : &callbacks, e);
}

/* One batch from one end to the other; false when there was nothing to carry. */
static bool carry(struct bench_pair *p, struct end *from, struct end *to) {
	sluice_batch batch = {.data = p->space, .capacity = SPACE, .max_datagrams = LANDING_MAX};
	if (sluice_sctp_output(from->sctp, &batch, p->now) <= 0)
		return false;
	sluice_datagram datagrams[LANDING_MAX];
	sluice_slab *slab = landing_take(&batch, datagrams);
	sluice_sctp_input(to->sctp, datagrams, batch.count, p->now);
	sluice_slab_unref(slab);
	sluice_channels_dispatch(to->set);
	return true;
}

static void run_timers(struct end *e, uint64_t now) {
	if (sluice_sctp_deadline(e->sctp) <= now)
		sluice_sctp_advance(e->sctp, now);
}

static void exchange(struct bench_pair *p) {
	p->now += 10 * SLUICE_US;
	bool more = carry(p, &p->a, &p->b);
	more = carry(p, &p->b, &p->a) || more;
	if (more)
		return;
	run_timers(&p->a, p->now);
	run_timers(&p->b, p->now);
}

static int send_some(struct job *j, uint64_t left) {
	sluice_channel *ch = j->pair->a.ch;
	struct iovec v = {j->bytes, j->size}, many[32];
	int error;
	switch (j->way) {
	case LEND:
		error = sluice_channel_sendv(ch, false, &v, 1, NULL, NULL);
		return error ? error : 1;
	case IN_BATCHES:
	case IN_RUNS:
		for (int i = 0; i < 32; i++)
			many[i] = v;
		return sluice_channel_send_many(ch, false, many, left < 32 ? left : 32);
	default:
		error = sluice_channel_send(ch, j->bytes, j->size);
		return error ? error : 1;
	}
}

static void stream(void *ctx, uint64_t iterations) {
	struct job *j = ctx;
	uint64_t want = j->pair->b.received + iterations, sent = 0;
	while (j->pair->b.received < want) {
		int n = sent < iterations ? send_some(j, iterations - sent) : SLUICE_WOULD_BLOCK;
		BENCH_MUST(n > 0 || n == SLUICE_WOULD_BLOCK);
		if (n > 0)
			sent += (uint64_t)n;
		else
			exchange(j->pair);
	}
}

static void ping(void *ctx, uint64_t iterations) {
	struct job *j = ctx;
	for (uint64_t i = 0; i < iterations; i++) {
		uint64_t want = j->pair->a.received + 1;
		BENCH_MUST(send_some(j, 1) == 1);
		while (j->pair->a.received < want)
			exchange(j->pair);
	}
}

static void make_end(struct end *e, enum sluice_role role) {
	sluice_channels_config config = {.on_channel = on_channel, .user = e, .role = role};
	BENCH_MUST(sluice_sctp_new(bench_env(), NULL, &e->sctp) == 0);
	BENCH_MUST(sluice_channels_new(bench_env(), e->sctp, &config, &e->set) == 0);
}

static void make_pair(struct bench_pair *p) {
	make_end(&p->a, SLUICE_ROLE_CLIENT);
	make_end(&p->b, SLUICE_ROLE_SERVER);
	sluice_channel_config config = {.label = "bench", .high_water = HIGH_WATER, .callbacks = callbacks, .user = &p->a};
	BENCH_MUST(sluice_channel_open(p->a.set, &config, &p->a.ch) == 0);
	BENCH_MUST(sluice_sctp_connect(p->a.sctp) == 0);
	while (!p->b.ch || sluice_channel_state(p->a.ch) != SLUICE_CHANNEL_OPEN)
		exchange(p);
}

static void free_pair(struct bench_pair *p) {
	sluice_channels_free(p->a.set);
	sluice_channels_free(p->b.set);
	sluice_sctp_free(p->a.sctp);
	sluice_sctp_free(p->b.sctp);
}

static void bench_way(enum way way, size_t size) {
	static const char *const names[WAYS] = {"bytes", "bytes, lent", "bytes, in batches of 32",
	                                        "bytes, in batches of 32, in runs", "bytes, there and back"};
	static struct bench_pair pair;
	static uint8_t bytes[SPACE];
	struct job j = {.pair = &pair, .way = way, .size = size, .bytes = bytes};
	char name[64];
	snprintf(name, sizeof name, "%zu %s", size, names[way]);
	pair = (struct bench_pair){.now = SLUICE_S, .b.runs = way == IN_RUNS};
	make_pair(&pair);
	pair.b.echo = way == PING;
	struct bench_case c = {.bench = "channel", .name = name, .run = way == PING ? ping : stream, .ctx = &j};
	c.bytes = way == PING ? 0 : size;
	bench_run(&c);
	free_pair(&pair);
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	static const size_t sizes[] = {64, 1024, 16384, 65536};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		bench_way(COPY, sizes[i]);
	bench_way(IN_BATCHES, 64);
	bench_way(IN_RUNS, 64);
	bench_way(LEND, 16384);
	bench_way(LEND, 65536);
	bench_way(PING, 64);
	bench_way(PING, 1024);
	return bench_end();
}
