/* What an app sends in one turn shares packets, and nothing waits for company: counted in virtual time, and on a loop. */
#include "channel_kit.h"

#include <ev.h>

#include "loop_kit.h"

/* ---- in virtual time ------------------------------------------------------------------------------------------------- */

#define MTU 1188
#define PACKETS 64

/* Packets with data, as they leave. */
struct departures {
	size_t count, len[PACKETS];
	uint64_t at[PACKETS];
	unsigned chunks[PACKETS];
	bool sack[PACKETS];
};

static enum link_verdict depart(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	struct departures *d = ctx;
	struct wire_chunk c;
	(void)link;
	if (!packet_has(packet, *len, WIRE_DATA))
		return LINK_PASS;
	ck_assert_uint_lt(d->count, PACKETS);
	d->at[d->count] = now;
	d->len[d->count] = *len;
	d->sack[d->count] = packet_has(packet, *len, WIRE_SACK);
	while (packet_chunk(packet, *len, WIRE_DATA, d->chunks[d->count], &c))
		d->chunks[d->count]++;
	d->count++;
	return LINK_PASS;
}

static struct world *world_watched(struct departures *d) {
	struct world_config c;
	world_config_init(&c);
	c.a_sctp.mtu_max = c.b_sctp.mtu_max = 1; /* packets stay as small as they are at first */
	struct world *w = world_up(&c);
	*d = (struct departures){0};
	return w;
}

/* As few packets as there can be, all of them at `now`. chunk: what one message takes. */
static void check_dense(const struct departures *d, size_t messages, size_t chunk, size_t beside, uint64_t now) {
	size_t room = MTU - 12;
	unsigned chunks = 0;
	ck_assert_uint_eq(d->count, (messages * chunk + beside + room - 1) / room);
	for (size_t i = 0; i < d->count; i++) {
		ck_assert_uint_eq(d->at[i], now);
		chunks += d->chunks[i];
	}
	ck_assert_uint_eq(chunks, messages);
}

static char bytes[64];

START_TEST(test_messages_of_one_turn_leave_in_as_few_packets_as_hold_them) {
	struct departures d;
	struct world *w = world_watched(&d);
	struct app *apps[4];
	for (int i = 0; i < 4; i++)
		apps[i] = end_open_label(&w->a, (const char *[]){"p", "q", "r", "s"}[i]);
	world_run(w, 5 * SLUICE_S);
	link_filter(w->ab, depart, &d);
	for (int i = 0; i < 98; i++) /* 64 bytes and a header of I-DATA: 14 in a packet */
		ck_assert_int_eq(sluice_channel_send(apps[i % 4]->ch, bytes, sizeof bytes), 0);
	uint64_t now = w->sim.now;
	world_run(w, SLUICE_S);
	check_dense(&d, 98, 84, 0, now);
	ck_assert_uint_eq(d.count, 7);
	world_free(w);
}
END_TEST

START_TEST(test_a_message_alone_leaves_in_the_same_instant_idle_or_not) {
	struct departures d;
	struct world *w = world_watched(&d);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, 5 * SLUICE_S);
	link_filter(w->ab, depart, &d);
	uint64_t now = w->sim.now;
	for (int i = 0; i < 5; i++) { /* the first one is not acknowledged before 20 ms */
		ck_assert_int_eq(sluice_channel_send(a->ch, bytes, 1), 0);
		world_run(w, SLUICE_MS);
		ck_assert_uint_eq(d.count, (size_t)i + 1);
		ck_assert_uint_eq(d.at[i], now + (uint64_t)i * SLUICE_MS);
	}
	world_free(w);
}
END_TEST

static void echo(struct app *app, sluice_message *m) {
	ck_assert_int_eq(sluice_channel_send(app->ch, sluice_message_data(m), m->len), 0);
}

static void echo_run(sluice_channel *ch, sluice_message *const *messages, size_t count, bool text, void *user) {
	struct iovec out[SLUICE_RUN_MAX];
	(void)user;
	for (size_t i = 0; i < count; i++)
		out[i] = (struct iovec){(void *)sluice_message_data(messages[i]), messages[i]->len};
	ck_assert_int_eq(sluice_channel_send_many(ch, text, out, count), (int)count);
}

/* They go with the acknowledgement of what they answer. */
START_TEST(test_answers_from_callbacks_leave_together_with_the_acknowledgement) {
	for (int runs = 0; runs < 2; runs++) {
		struct departures d;
		struct world *w = world_watched(&d);
		struct app *a = end_open_label(&w->a, "x");
		world_run(w, 5 * SLUICE_S);
		struct app *b = end_app(&w->b, "x");
		b->on_message = echo;
		if (runs)
			sluice_channel_set_callbacks(b->ch, &(sluice_channel_callbacks){.on_messages = echo_run}, NULL);
		link_filter(w->ba, depart, &d);
		for (int i = 0; i < 13; i++)
			ck_assert_int_eq(sluice_channel_send(a->ch, bytes, sizeof bytes), 0);
		uint64_t arrives = w->sim.now + KIT_DELAY;
		world_run(w, SLUICE_S);
		check_dense(&d, 13, 84, 16, arrives);
		ck_assert(d.sack[0]);
		ck_assert_uint_eq(a->got_count, 13);
		world_free(w);
	}
}
END_TEST

/* ---- on a loop ------------------------------------------------------------------------------------------------------- */

static void on_timer(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev, (void)events;
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(sluice_channel_send(w->data, bytes, sizeof bytes), 0);
}

static void on_prepare(struct ev_loop *ev, ev_prepare *w, int events) {
	ev_prepare_stop(ev, w);
	(void)events;
	ck_assert_int_eq(sluice_channel_send(w->data, bytes, sizeof bytes), 0);
}

/* Three watchers of the app send in one turn of the loop; the loop writes when all of them have run. */
START_TEST(test_messages_of_one_turn_of_the_loop_are_one_packet_which_leaves_in_that_turn) {
	struct kit_world w;
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.sctp.mtu_max = 1;
	kit_world_init(&w, &config);
	sluice_gather_config gather = {.size = sizeof gather, .loopback = true};
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &gather), 0);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.b.peer, &gather), 0);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b));
	struct ev_loop *ev = sluice_loop_ev(w.loop);
	sluice_peer_stats before, after;
	do { /* until the OPEN was acknowledged and nothing is under way */
		ev_run(ev, EVRUN_ONCE);
		sluice_peer_stats_get(w.a.peer, &before);
	} while (before.sctp.flight_size);
	ev_timer timers[2];
	ev_prepare prepare;
	for (int i = 0; i < 2; i++) {
		ev_timer_init(&timers[i], on_timer, 0., 0.);
		timers[i].data = w.a.ch;
		ev_timer_start(ev, &timers[i]);
	}
	ev_run(ev, EVRUN_NOWAIT); /* the timers run at its end; what they queued goes before the loop sleeps */
	ev_prepare_init(&prepare, on_prepare);
	prepare.data = w.a.ch;
	ev_prepare_start(ev, &prepare);
	ev_run(ev, EVRUN_NOWAIT);
	sluice_peer_stats_get(w.a.peer, &after);
	ck_assert_uint_eq(after.sctp.data_chunks_sent - before.sctp.data_chunks_sent, 9);
	ck_assert_uint_eq(after.sctp.packets_sent - before.sctp.packets_sent, 1);
	KIT_RUN_UNTIL(w.loop, w.b.messages == 9);
	kit_world_free(&w);
}
END_TEST

SUITE("turns", test_messages_of_one_turn_leave_in_as_few_packets_as_hold_them,
      test_a_message_alone_leaves_in_the_same_instant_idle_or_not,
      test_answers_from_callbacks_leave_together_with_the_acknowledgement,
      test_messages_of_one_turn_of_the_loop_are_one_packet_which_leaves_in_that_turn)
