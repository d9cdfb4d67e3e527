/* bench_ping: what does a round trip of 1,024 bytes cost over sluice, beside a bare DTLS echo?
 *
 * Two pinned processes have both: a pair of peers, each on a loop, and a bare echo (bare_echo.h). The two take turns, a hundred
 * round trips each, so both meet the machine in the same state. "ratio" is ours to the bare echo's by the medians of neighbouring
 * turns; what is reported is the median of all ratios. The machine's states differ by more than the two do: times of two runs, or
 * of two minutes, say nothing about each other.
 *
 * First both sleep in epoll_wait until something comes, as an app does. Then both spin: the loop by sluice_loop_set_busy_poll(),
 * the bare echo by asking its socket without a pause.
 *
 * "woken_us", "read_us", "work_us" and "send_us" in the JSON say where the client's time goes (phases.h). The server has the
 * same parts; the rest of a round trip is the waking of both. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bare_echo.h"
#include "direct_end.h"
#include "fork_pair.h"
#include "harness.h"
#include "phases.h"
#include "sim/sorted.h"

#define TURNS 200
#define FAST_TURNS 3
/* Round trips of a turn. Those that come first find the caches full of the other one's, and timers that became due meanwhile. */
#define COUNTED 100
#define UNCOUNTED 20
#define TRIPS (COUNTED + UNCOUNTED)
#define BUSY_POLL 1000 /* us */
#define LIMIT_S 60

struct results {
	double ours[TURNS], bare[TURNS]; /* us, the median of each turn */
	struct phases phases_ours, phases_bare;
};

struct run {
	bool spins;
	size_t turns;
	struct openssl_pair pair;
	int bare[2];  /* sockets of the bare echo: the client's and the server's */
	int hello[2]; /* for the ends of ours to meet */
	struct results *results;
};

struct side {
	const struct run *run;
	struct bare_echo bare;
	struct direct_end end;
	sluice_channel *ch;
	size_t trips; /* of this turn of ours that are done */
	uint64_t sent_at;
	double us[TRIPS];
	uint8_t message[BARE_ECHO_MESSAGE];
};

/* ---- both ends --------------------------------------------------------------------------------------------------- */

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p;
	(void)user;
	BENCH_MUST(state != SLUICE_PEER_FAILED);
}

/* number: 0 for the client, 1 for the server. */
static void open_side(struct side *s, struct run *r, int number, void (*on_channel)(sluice_peer *, sluice_channel *, void *)) {
	sluice_peer_config config;
	*s = (struct side){.run = r};
	bare_echo_open(&s->bare, r->bare[number], number ? &r->pair.server : &r->pair.client, r->spins);
	sluice_peer_config_init(&config);
	config.role = number ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT;
	config.on_state = on_state;
	config.on_channel = on_channel;
	config.user = s;
	direct_end_open(&s->end, r->hello[number], "127.0.0.1", &config);
	sluice_loop_set_busy_poll(s->end.loop, r->spins ? BUSY_POLL : 0);
}

static void close_side(struct side *s) {
	bare_echo_close(&s->bare);
	direct_end_close(&s->end);
}

/* A turn of ours: until the callbacks have counted all of its round trips. */
static void run_turn(struct side *s) {
	s->trips = 0;
	sluice_loop_run(s->end.loop);
}

static void count_trip(struct side *s) {
	if (++s->trips == TRIPS)
		sluice_loop_stop(s->end.loop);
}

/* ---- the server -------------------------------------------------------------------------------------------------- */

static void on_ping(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)text;
	BENCH_MUST(m->len == BARE_ECHO_MESSAGE && sluice_channel_send(ch, sluice_message_data(m), m->len) == 0);
	count_trip(user);
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	sluice_channel_set_callbacks(ch, &(sluice_channel_callbacks){.on_message = on_ping}, user);
}

static void serve(void *ctx) {
	struct run *r = ctx;
	struct side s;
	open_side(&s, r, 1, on_channel);
	for (size_t turn = 0; turn < r->turns; turn++) {
		run_turn(&s);
		for (size_t i = 0; i < TRIPS; i++) {
			bare_echo_receive(&s.bare, s.message);
			bare_echo_send(&s.bare, s.message);
		}
	}
	close_side(&s);
}

/* ---- the client -------------------------------------------------------------------------------------------------- */

static double median(double *values, size_t count) {
	sorted_doubles(values, count);
	return values[count / 2];
}

static void ping(struct side *s) {
	s->sent_at = bench_now();
	memcpy(s->message, &s->sent_at, sizeof s->sent_at);
	BENCH_MUST(sluice_channel_send(s->ch, s->message, sizeof s->message) == 0);
}

static void on_open(sluice_channel *ch, void *user) {
	struct side *s = user;
	s->ch = ch;
	sluice_loop_stop(s->end.loop);
}

static void on_echo(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	(void)text;
	struct side *s = user;
	s->us[s->trips] = (double)(bench_now() - s->sent_at) / 1e3;
	BENCH_MUST(m->len == sizeof s->message && memcmp(sluice_message_data(m), s->message, sizeof s->message) == 0);
	count_trip(s);
	if (s->trips < TRIPS)
		ping(s);
}

static double turn_of_ours(struct side *s) {
	ping(s);
	run_turn(s);
	return median(s->us + UNCOUNTED, COUNTED);
}

static double turn_of_bare(struct side *s) {
	uint8_t back[BARE_ECHO_MESSAGE];
	for (size_t i = 0; i < TRIPS; i++) {
		uint64_t start = bench_now();
		memcpy(s->message, &start, sizeof start);
		bare_echo_send(&s->bare, s->message);
		bare_echo_receive(&s->bare, back);
		s->us[i] = (double)(bench_now() - start) / 1e3;
		BENCH_MUST(memcmp(s->message, back, sizeof back) == 0);
	}
	return median(s->us + UNCOUNTED, COUNTED);
}

static void ask(void *ctx) {
	struct run *r = ctx;
	struct side s;
	open_side(&s, r, 0, NULL);
	sluice_channel_config channel = {.label = "ping", .callbacks = {.on_open = on_open, .on_message = on_echo}, .user = &s};
	BENCH_MUST(sluice_peer_open_channel(s.end.peer, &channel, NULL) == 0);
	sluice_loop_run(s.end.loop);
	for (size_t turn = 0; turn < r->turns; turn++) {
		phases_into(&r->results->phases_ours);
		r->results->ours[turn] = turn_of_ours(&s);
		phases_into(&r->results->phases_bare);
		r->results->bare[turn] = turn_of_bare(&s);
	}
	phases_into(NULL);
	close_side(&s);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static void run_once(bool spins, size_t turns, struct results *results) {
	struct run r = {.spins = spins, .turns = turns, .results = results};
	openssl_pair_open(&r.pair, OPENSSL_AES128_GCM);
	bare_echo_sockets(r.bare);
	BENCH_MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, r.hello) == 0);
	fork_pair_run(ask, serve, &r, LIMIT_S);
	for (int i = 0; i < 2; i++) {
		close(r.bare[i]);
		close(r.hello[i]);
	}
	openssl_pair_close(&r.pair);
}

static void report(const char *name, const double *values, size_t count, struct phases *p) {
	char extra[160];
	snprintf(extra, sizeof extra, "\"woken_us\":%.2f,\"read_us\":%.2f,\"work_us\":%.2f,\"send_us\":%.2f",
	         phases_median(p, PHASE_WOKEN), phases_median(p, PHASE_READ), phases_median(p, PHASE_WORK),
	         phases_median(p, PHASE_SEND));
	bench_report(&(struct bench_figure){
		.bench = "ping", .name = name, .unit = "us", .values = values, .count = count, .extra = extra});
}

/* names: ours, the bare echo's, and that of the ratio. */
static void compare(bool spins, const char *const names[3]) {
	struct results *r = fork_pair_shared(sizeof *r);
	double ratios[TURNS];
	size_t turns = bench_is_fast() ? FAST_TURNS : TURNS;
	if (bench_wants("ping", names[0])) {
		run_once(spins, turns, r);
		for (size_t i = 0; i < turns; i++)
			ratios[i] = r->ours[i] / r->bare[i];
		report(names[0], r->ours, turns, &r->phases_ours);
		report(names[1], r->bare, turns, &r->phases_bare);
		bench_report(&(struct bench_figure){
			.bench = "ping", .name = names[2], .unit = "times", .values = ratios, .count = turns});
	}
	fork_pair_unshare(r, sizeof *r);
}

int main(int argc, char **argv) {
	static const char *const sleeping[3] = {"1024 bytes", "bare echo", "ratio"};
	static const char *const spinning[3] = {"1024 bytes, spinning", "bare echo, spinning", "ratio, spinning"};
	bench_begin(argc, argv);
	compare(false, sleeping);
	compare(true, spinning);
	return bench_end();
}
