/* bench_link: how much of a real line does an association use, and how long do its packets wait in the line's queue?
 *
 * Two processes in two network namespaces, between which line/carry.h moves packets: one queue of one round trip at each end,
 * one thread, real sockets and the machine's clock. One channel, messages of 16 KiB, direct peers; what arrives counts from the
 * fourth second on. All processes go before the others of the machine where that is allowed: the queue of a round trip of 2 ms is
 * empty when a sender waits that long for a CPU.
 *
 * "share" is that of the payload rate: what the line carries when each packet is full. Messages come in order, so what waited for
 * a lost packet before that second may come in it; the seconds of a fast run are too short for that.
 *
 * The waits are those of the sender's packets from the fourth second on, as line/way.h counts them. A packet that comes while the
 * line pauses counts from when it is fetched. The low-delay control has a target for its queue. The mean wait is judged by that.
 *
 * bench_wan asks the same of the simulator, where nothing costs time. The dice have the same seed in each run, the moments of a
 * machine have none: where packets are lost, figures differ by some per cent.
 *
 * BENCH_LARGE=1 takes every rate, round trip, loss and control; else the lines that tell most. */
#include <ev.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "direct_end.h"
#include "fork_pair.h"
#include "harness.h"
#include "line/carry.h"
#include "sctp/tx/cc.h"

#define MESSAGE 16384
/* An IP and a UDP header; the head and the tag of a record of DTLS 1.2 by AES-GCM. */
#define BELOW_SCTP (28 + 37)
/* SCTP's common header and that of an I-DATA chunk. */
#define SCTP_HEADERS (12 + 20)
#define LIMIT_S 60

struct totals {
	uint64_t count, first, last; /* of messages that count */
	uint64_t opened, counted_from, until;
	uint32_t mtu;
};

struct run {
	const char *name;
	struct line_config config;
	enum sluice_cc control;
	struct line_ends ends;
	struct line *line; /* these are shared with the line's process */
	struct totals *totals;
	int hellos[2];
};

struct side {
	const struct run *run;
	struct direct_end end;
	sluice_channel *channel;
	ev_timer over;
};

static uint8_t payload[MESSAGE];

static double seconds(void) {
	return bench_is_fast() ? 1 : 6;
}

/* ---- the sender ---- */

static void fill(sluice_channel *ch, void *user) {
	const struct side *s = user;
	while (bench_now() < s->run->totals->until && sluice_channel_send(ch, payload, MESSAGE) == 0)
		;
}

static void on_over(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev, (void)events;
	struct side *s = w->data;
	sluice_loop_stop(s->end.loop);
}

/* Both ends leave at that time, without a goodbye. */
static void leave_at(struct side *s, uint64_t until) {
	ev_timer_init(&s->over, on_over, (double)(until - bench_now()) / 1e9, 0);
	s->over.data = s;
	ev_timer_start(sluice_loop_ev(s->end.loop), &s->over);
}

static void on_open(sluice_channel *ch, void *user) {
	struct side *s = user;
	struct totals *t = s->run->totals;
	t->opened = bench_now();
	t->counted_from = t->opened + (uint64_t)(seconds() / 2 * 1e9);
	t->until = t->opened + (uint64_t)(seconds() * 1e9);
	s->run->line->ways[LINE_A].waits_from = t->counted_from;
	leave_at(s, t->until);
	fill(ch, user);
}

/* ---- the receiver ---- */

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch, (void)m, (void)text;
	struct side *s = user;
	struct totals *t = s->run->totals;
	uint64_t now = bench_now();
	if (!s->over.data && now < t->until)
		leave_at(s, t->until);
	if (now < t->counted_from || now > t->until)
		return;
	t->first = t->count++ ? t->first : now;
	t->last = now;
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	sluice_channel_set_callbacks(ch, &(sluice_channel_callbacks){.on_message = on_message}, user);
}

/* ---- both ---- */

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p, (void)user;
	BENCH_MUST(state != SLUICE_PEER_FAILED);
}

static void open_side(struct side *s, const struct run *r, int end) {
	sluice_peer_config config;
	*s = (struct side){.run = r};
	line_hurry(LINE_ENDS);
	BENCH_MUST(line_ends_enter(&r->ends, end));
	sluice_peer_config_init(&config);
	config.role = end == LINE_A ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;
	config.sctp.congestion_control = r->control;
	config.on_state = on_state;
	config.on_channel = on_channel;
	config.user = s;
	direct_end_open(&s->end, r->hellos[end], line_addresses[end], &config);
}

static void sender(void *ctx) {
	struct side s;
	sluice_peer_stats stats;
	open_side(&s, ctx, LINE_A);
	sluice_channel_config config = {.label = "link", .callbacks = {.on_open = on_open, .on_writable = fill}, .user = &s};
	BENCH_MUST(sluice_peer_open_channel(s.end.peer, &config, NULL) == 0);
	sluice_loop_run(s.end.loop);
	sluice_peer_stats_get(s.end.peer, &stats);
	s.run->totals->mtu = stats.sctp.mtu;
	direct_end_close(&s.end);
}

static void receiver(void *ctx) {
	struct side s;
	open_side(&s, ctx, LINE_B);
	sluice_loop_run(s.end.loop);
	direct_end_close(&s.end);
}

/* ---- the line's process ---- */

/* It carries until the write end of the pipe is closed. */
static pid_t line_start(struct run *r, const int pipe_ends[2]) {
	pid_t child = fork();
	BENCH_MUST(child >= 0);
	if (child > 0)
		return child;
	close(pipe_ends[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	line_hurry(LINE_ITSELF);
	line_carry(r->line, pipe_ends[0], bench_now() + LIMIT_S * SLUICE_S);
	_exit(0);
}

static void carry_pair(struct run *r) {
	int ends[2];
	BENCH_MUST(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, r->hellos) == 0);
	pid_t line = line_start(r, ends);
	close(ends[0]);
	fork_pair_run(sender, receiver, r, LIMIT_S - 10);
	close(ends[1]);
	BENCH_MUST(waitpid(line, NULL, 0) == line);
	close(r->hellos[0]);
	close(r->hellos[1]);
}

/* ---- figures ---- */

static double goodput(const struct totals *t) {
	return t->count > 1 ? (double)(t->count - 1) * MESSAGE * 8e3 / (double)(t->last - t->first) : 0;
}

/* In Mbit/s, as the other. */
static double payload_rate(const struct run *r) {
	uint32_t mtu = r->totals->mtu;
	return (double)r->config.rate / 1e6 * (mtu - SCTP_HEADERS) / (mtu + BELOW_SCTP);
}

static double wait_ms(const struct run *r, double share) {
	return histogram_quantile(&r->line->ways[LINE_A].waits, share) / 1e6;
}

static double mean_wait_ms(const struct run *r) {
	const struct histogram *waits = &r->line->ways[LINE_A].waits;
	return waits->count ? (double)waits->sum / (double)waits->count / 1e6 : 0;
}

/* Of SLUICE_CC_LOW_DELAY, as sctp.h has it: half a round trip, at least 1 ms and at most 10 ms. */
static double target_ms(const struct run *r) {
	return fmin(10, fmax(1, (double)r->config.delay / 1e6));
}

/* The line's table has all of them in one row; so they are members of the throughput's line. */
static void report_throughput(const struct run *r) {
	const struct line_counters *c = &r->line->ways[LINE_A].counters;
	char extra[512];
	double mbit = goodput(r->totals);
	snprintf(extra, sizeof extra,
	         "\"share\":%.4f,\"packets\":%llu,\"dropped\":%llu,\"lost\":%llu,\"missed\":%llu,\"wait_mean\":%.3f,"
	         "\"wait_p50\":%.3f,\"wait_p99\":%.3f,\"wait_max\":%.3f",
	         mbit / payload_rate(r), (unsigned long long)c->offered, (unsigned long long)c->dropped,
	         (unsigned long long)c->lost, (unsigned long long)line_ends_missed(&r->ends, LINE_A), mean_wait_ms(r),
	         wait_ms(r, 0.5), wait_ms(r, 0.99), wait_ms(r, 1));
	bench_report(&(struct bench_figure){.bench = "link",
	                                    .name = r->name,
	                                    .unit = "Mbit/s",
	                                    .values = &mbit,
	                                    .count = 1,
	                                    .more_is_better = true,
	                                    .extra = extra});
}

static void report_wait(const struct run *r) {
	char name[128], extra[256];
	double mean = mean_wait_ms(r), target = target_ms(r);
	int n = snprintf(extra, sizeof extra, "\"of\":\"%s\",\"metric\":\"mean wait in the queue\"", r->name);
	if (r->control == SLUICE_CC_LOW_DELAY)
		snprintf(extra + n, sizeof extra - (size_t)n, ",\"goal\":\"<= %g\",\"verdict\":\"%s\"", target,
		         mean <= target ? "met" : "missed");
	snprintf(name, sizeof name, "%s, wait", r->name);
	bench_report(
		&(struct bench_figure){.bench = "link", .name = name, .unit = "ms", .values = &mean, .count = 1, .extra = extra});
}

static bool measure(struct run *r) {
	const char *wrong = line_ends_open(&r->ends, true);
	if (wrong) {
		fprintf(stderr, "link: left out: %s\n", wrong);
		return false;
	}
	r->line = fork_pair_shared(sizeof *r->line);
	r->totals = fork_pair_shared(sizeof *r->totals);
	BENCH_MUST(line_open(r->line, &r->ends, &r->config));
	carry_pair(r);
	report_throughput(r);
	report_wait(r);
	line_close(r->line);
	line_ends_close(&r->ends);
	fork_pair_unshare(r->line, sizeof *r->line);
	fork_pair_unshare(r->totals, sizeof *r->totals);
	return true;
}

/* ---- the lines ---- */

static const double rates[] = {100, 300, 1000}, rtts[] = {20, 100, 2, 50}, losses[] = {0, 1, 0.1};

/* How many of each: those in front are the ones that tell most. */
struct extent {
	unsigned rates, rtts, losses;
};

static struct extent extent(void) {
	if (bench_is_large())
		return (struct extent){3, 4, 3};
	return bench_is_fast() ? (struct extent){1, 1, 2} : (struct extent){2, 2, 2};
}

static bool measure_line(double rate, double rtt, double loss) {
	for (unsigned control = 1; control <= cc_count(); control++) {
		char name[96];
		snprintf(name, sizeof name, "%g Mbit/s, RTT %g ms, loss %g %%, %s", rate, rtt, loss, cc_by_number(control)->name);
		struct run r = {.name = name, .control = (enum sluice_cc)control};
		r.config = (struct line_config){
			.rate = (uint64_t)(rate * 1e6), .delay = (uint64_t)(rtt * 5e5), .loss = loss / 100, .seed = 1};
		if (bench_wants("link", name) && !measure(&r))
			return false;
	}
	return true;
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	struct extent all = extent();
	bool may = true;
	for (unsigned i = 0; may && i < all.rates * all.rtts * all.losses; i++)
		may = measure_line(rates[i / all.losses / all.rtts], rtts[i / all.losses % all.rtts], losses[i % all.losses]);
	return bench_end();
}
