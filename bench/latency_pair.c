/* latency_pair.c: the two processes of latency_pair.h. */
#include "latency_pair.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "direct_end.h"
#include "fork_pair.h"
#include "harness.h"
#include "open_loop.h"

/* The part of the time whose messages do not count. */
#define WARM_UP 0.1
/* How many messages go before the loop reads and writes its socket again. */
#define BURST 64
#define LIMIT_S 60

enum kind { UNCOUNTED, COUNTED, LAST };

/* The head of each message. */
struct head {
	uint64_t due;
	uint32_t kind;
	uint32_t stall; /* 1: the receiver sleeps when it gets this one */
};

struct pair {
	const struct latency_run *run;
	struct latency_result *result;
	int sockets[2]; /* the sender's and the receiver's, for their hellos */
};

struct side {
	const struct pair *pair;
	struct direct_end end;
	sluice_channel *ch;
	/* The sender's alone. */
	struct open_loop schedule;
	ev_idle pump;
	uint64_t count, counted_from, stall_at; /* messages by number */
	uint64_t until;                         /* without a rate */
	bool last_sent;
	uint8_t *message;
};

/* ---- what arrives ------------------------------------------------------------------------------------------------ */

static void take_time(struct latency_result *r, const struct head *head) {
	uint64_t now = bench_now();
	histogram_add(&r->times, now - head->due);
	if (!r->first)
		r->first = now;
	r->last = now;
}

static void sleep_for(double seconds) {
	struct timespec t = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
	nanosleep(&t, NULL);
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)text;
	struct side *s = user;
	struct head head;
	const uint8_t *data = sluice_message_data(m);
	BENCH_MUST(data && m->len >= sizeof head);
	memcpy(&head, data, sizeof head);
	if (head.stall)
		sleep_for(s->pair->run->stall);
	if (head.kind == COUNTED && !s->pair->run->echo)
		take_time(s->pair->result, &head);
	if (head.kind == LAST || s->pair->run->echo)
		BENCH_MUST(sluice_channel_send(ch, data, m->len) == 0);
}

/* Back at the sender. */
static void on_echo(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)text;
	struct side *s = user;
	struct head head;
	memcpy(&head, sluice_message_data(m), sizeof head);
	if (head.kind == COUNTED)
		take_time(s->pair->result, &head);
	if (head.kind == LAST)
		sluice_peer_close(sluice_channel_peer(ch));
}

/* ---- what is sent ------------------------------------------------------------------------------------------------ */

static bool send_one(struct side *s, const struct head *head) {
	memcpy(s->message, head, sizeof *head);
	int error = sluice_channel_send(s->ch, s->message, s->pair->run->size);
	BENCH_MUST(error == 0 || error == SLUICE_WOULD_BLOCK);
	return error == 0;
}

/* Sends the next message if it is due and the channel takes it. */
static bool send_due(struct side *s) {
	struct open_loop next = s->schedule;
	struct head head = {0};
	if (next.next >= s->count || !open_loop_take(&next, bench_now(), &head.due))
		return false;
	head.kind = s->schedule.next >= s->counted_from ? COUNTED : UNCOUNTED;
	head.stall = s->schedule.next == s->stall_at;
	if (!send_one(s, &head))
		return false;
	s->schedule = next;
	return true;
}

/* Without a rate a message is due when the channel takes it. */
static bool send_any(struct side *s) {
	struct head head = {.due = bench_now()};
	if (head.due >= s->until)
		return false;
	head.kind = head.due >= s->counted_from ? COUNTED : UNCOUNTED;
	return send_one(s, &head);
}

static bool all_sent(const struct side *s) {
	return s->pair->run->rate > 0 ? s->schedule.next >= s->count : bench_now() >= s->until;
}

/* Between two rounds of the loop, as long as there are messages to come. */
static void on_idle(struct ev_loop *ev, ev_idle *w, int events) {
	(void)events;
	struct side *s = w->data;
	bool rated = s->pair->run->rate > 0;
	for (int i = 0; i < BURST && (rated ? send_due(s) : send_any(s)); i++)
		;
	if (!all_sent(s) || !send_one(s, &(struct head){.kind = LAST}))
		return;
	ev_idle_stop(ev, w);
}

static void on_open(sluice_channel *ch, void *user) {
	struct side *s = user;
	const struct latency_run *run = s->pair->run;
	uint64_t now = bench_now(), duration = (uint64_t)(run->seconds * 1e9);
	s->ch = ch;
	s->schedule = (struct open_loop){.start = now, .rate = run->rate};
	s->until = now + duration;
	s->count = (uint64_t)(run->rate * run->seconds);
	s->counted_from = run->rate > 0 ? (uint64_t)((double)s->count * WARM_UP) : now + (uint64_t)((double)duration * WARM_UP);
	s->stall_at = run->stall > 0 ? s->count / 2 : UINT64_MAX;
	ev_idle_init(&s->pump, on_idle);
	s->pump.data = s;
	ev_idle_start(sluice_loop_ev(s->end.loop), &s->pump);
}

/* ---- one end ----------------------------------------------------------------------------------------------------- */

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p;
	struct side *s = user;
	BENCH_MUST(state != SLUICE_PEER_FAILED);
	if (state == SLUICE_PEER_CLOSED)
		sluice_loop_stop(s->end.loop);
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	sluice_channel_set_callbacks(ch, &(sluice_channel_callbacks){.on_message = on_message}, user);
}

static void open_side(struct side *s, const struct pair *pair, enum sluice_role role) {
	sluice_peer_config config;
	*s = (struct side){.pair = pair};
	sluice_peer_config_init(&config);
	config.role = role;
	config.on_state = on_state;
	config.on_channel = on_channel;
	config.user = s;
	direct_end_open(&s->end, pair->sockets[role == SLUICE_ROLE_SERVER], "127.0.0.1", &config);
}

static void receiver(void *ctx) {
	struct side s;
	open_side(&s, ctx, SLUICE_ROLE_SERVER);
	sluice_loop_run(s.end.loop);
	direct_end_close(&s.end);
}

static void sender(void *ctx) {
	struct side s;
	open_side(&s, ctx, SLUICE_ROLE_CLIENT);
	s.message = calloc(1, s.pair->run->size);
	BENCH_MUST(s.message && s.pair->run->size >= sizeof(struct head));
	sluice_channel_config config = {.label = "latency", .callbacks = {.on_open = on_open, .on_message = on_echo}, .user = &s};
	BENCH_MUST(sluice_peer_open_channel(s.end.peer, &config, NULL) == 0);
	sluice_loop_run(s.end.loop);
	BENCH_MUST(s.pump.data && all_sent(&s));
	free(s.message);
	direct_end_close(&s.end);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

void latency_pair_run(const struct latency_run *run, struct latency_result *result) {
	struct pair pair = {.run = run, .result = fork_pair_shared(sizeof *result)};
	BENCH_MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.sockets) == 0);
	fork_pair_run(sender, receiver, &pair, LIMIT_S);
	close(pair.sockets[0]);
	close(pair.sockets[1]);
	*result = *pair.result;
	fork_pair_unshare(pair.result, sizeof *result);
	uint64_t count = (uint64_t)(run->rate * run->seconds);
	BENCH_MUST(run->rate > 0 ? result->times.count == count - (uint64_t)((double)count * WARM_UP) : result->times.count > 0);
}
