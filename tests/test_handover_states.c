/* Hand-over in every state that a rough life brings about: lost and late packets, restarts, events that nobody polled. What
 * export takes, import restores; what it does not take, it leaves as it was. */
#include "suite.h"

#include <stddef.h>

#include "sctp/association.h"
#include "sim/assert.h"
#include "sim/memory.h"
#include "sim/rng.h"
#include "sim/script.h"
#include "sim/sim.h"

/* ---- two associations, and packets that are lost and overtake each other ---- */

#define HELD_MAX 64
#define KEPT_MAX 64

struct held {
	uint8_t *bytes;
	size_t len;
};

struct life {
	struct memory memory;
	struct rng entropy, rng;
	sluice_env *env;
	sluice_sctp_config config[2];
	sluice_sctp *side[2];
	struct held held[2][HELD_MAX]; /* on the way to this side */
	sluice_message *kept[KEPT_MAX];
	uint64_t now;
	double loss;
	unsigned exports, refused, unpolled_ends;
};

static void life_begin(struct life *l, uint64_t seed) {
	*l = (struct life){.now = SLUICE_S, .entropy = rng_of(seed, 1), .rng = rng_of(seed, 2)};
	sluice_env_config env = {.allocator = memory_allocator(&l->memory), .entropy = rng_entropy, .entropy_ctx = &l->entropy};
	ck_assert_int_eq(sluice_env_new(&env, &l->env), 0);
	l->loss = 0.03 * (double)rng_below(&l->rng, 4);
	for (unsigned i = 0; i < 2; i++) {
		sluice_sctp_config *c = &l->config[i];
		sluice_sctp_config_init(c);
		c->no_interleaving = rng_chance(&l->rng, 0.4);
		c->partial_delivery = rng_chance(&l->rng, 0.3) ? 2000 : 0;
		c->max_message_size = 40000;
		c->receive_window = rng_chance(&l->rng, 0.5) ? 50000 : 0;
		c->congestion_control = (enum sluice_cc)rng_below(&l->rng, cc_count() + 1);
		c->recovery = rng_chance(&l->rng, 0.3) ? SLUICE_RECOVERY_RFC9260 : SLUICE_RECOVERY_DEFAULT;
		c->sack_policy = (enum sluice_sack_policy)rng_below(&l->rng, SLUICE_SACK_ADAPTIVE + 1);
		c->scheduler = (enum sluice_scheduler)rng_below(&l->rng, SLUICE_SCHEDULER_WEIGHTED_FAIR + 1);
		c->outbound_streams = c->inbound_streams = 20;
		c->nagle = rng_chance(&l->rng, 0.2);
		c->no_pr_sctp = rng_chance(&l->rng, 0.1);
		ck_assert_int_eq(sluice_sctp_new(l->env, c, &l->side[i]), 0);
	}
}

static void take_event(struct life *l, const sluice_sctp_event *e) {
	if (!e->message)
		return;
	sluice_message **place = &l->kept[rng_below(&l->rng, KEPT_MAX)];
	if (*place)
		sluice_message_release(*place);
	*place = e->message;
	if (rng_chance(&l->rng, 0.5)) {
		sluice_message_release(e->message);
		*place = NULL;
	}
}

static void life_end(struct life *l) {
	for (unsigned i = 0; i < 2; i++) {
		sluice_sctp_free(l->side[i]);
		for (unsigned h = 0; h < HELD_MAX; h++)
			free(l->held[i][h].bytes);
	}
	for (unsigned i = 0; i < KEPT_MAX; i++)
		if (l->kept[i])
			sluice_message_release(l->kept[i]);
	sluice_env_free(l->env);
	ck_assert_uint_eq(l->memory.live, 0);
}

static void deliver(struct life *l, unsigned to, struct held *h) {
	if (!h->bytes)
		return;
	sluice_datagram d = {.data = h->bytes, .len = h->len};
	(void)sluice_sctp_input(l->side[to], &d, 1, l->now);
	free(h->bytes);
	*h = (struct held){0};
}

/* Some of those that are on the way, in any order, in one call. */
static void deliver_some(struct life *l, unsigned to) {
	sluice_datagram d[16];
	struct held *from[16];
	size_t count = 0;
	for (unsigned n = 0; n < 16; n++) {
		struct held *h = &l->held[to][rng_below(&l->rng, HELD_MAX)];
		bool twice = h->bytes == NULL;
		for (size_t i = 0; i < count; i++)
			twice |= from[i] == h;
		if (twice)
			continue;
		d[count] = (sluice_datagram){.data = h->bytes, .len = h->len};
		from[count++] = h;
	}
	(void)sluice_sctp_input(l->side[to], d, count, l->now);
	for (size_t i = 0; i < count; i++) {
		free(from[i]->bytes);
		*from[i] = (struct held){0};
	}
}

static void write_packets(struct life *l, unsigned from) {
	static uint8_t space[65536];
	sluice_batch b = {.data = space, .capacity = sizeof space, .max_datagrams = 8};
	if (sluice_sctp_output(l->side[from], &b, l->now) <= 0)
		return;
	for (size_t i = 0; i < b.count; i++) {
		if (rng_chance(&l->rng, l->loss))
			continue;
		struct held *h = &l->held[!from][rng_below(&l->rng, HELD_MAX)];
		deliver(l, !from, h);
		h->len = sluice_batch_slot_len(&b, i);
		h->bytes = malloc(h->len);
		ck_assert_ptr_nonnull(h->bytes);
		memcpy(h->bytes, sluice_batch_slot(&b, i), h->len);
	}
}

/* ---- what apps do ---- */

static void send_something(struct life *l, sluice_sctp *a) {
	static uint8_t bytes[40000];
	sluice_send_info info = {.stream = (uint16_t)rng_below(&l->rng, 20), .unordered = rng_chance(&l->rng, 0.3)};
	info.reliability = (enum sluice_reliability)rng_below(&l->rng, SLUICE_PRIORITY_DROP + 1);
	info.value = (uint32_t)rng_below(&l->rng, info.reliability == SLUICE_LIFETIME ? 2000 : 4);
	size_t len = rng_chance(&l->rng, 0.2) ? rng_range(&l->rng, 1, sizeof bytes) : rng_range(&l->rng, 1, 2000);
	struct iovec iov = {bytes, len};
	if (rng_chance(&l->rng, 0.3))
		(void)sluice_sctp_sendv(a, &info, &iov, 1, NULL, NULL);
	else
		(void)sluice_sctp_send(a, &info, bytes, len);
}

static void by_parts(struct life *l, sluice_sctp *a) {
	static const uint8_t bytes[3000];
	uint16_t stream = (uint16_t)rng_below(&l->rng, 3);
	(void)sluice_sctp_send_begin(a, &(sluice_send_info){.stream = stream});
	(void)sluice_sctp_send_part(a, stream, bytes, rng_range(&l->rng, 1, sizeof bytes));
	if (rng_chance(&l->rng, 0.7))
		(void)sluice_sctp_send_end(a, stream);
	else
		(void)sluice_sctp_send_cancel(a, stream);
}

static void act(struct life *l, sluice_sctp *a) {
	uint16_t stream = (uint16_t)rng_below(&l->rng, 20);
	switch (rng_below(&l->rng, 40)) {
	case 0:
		(void)sluice_sctp_reset_stream(a, stream);
		break;
	case 1:
		(void)sluice_sctp_request_reset(a, stream);
		break;
	case 2:
		(void)sluice_sctp_add_streams(a, 1, 1);
		break;
	case 3:
		(void)sluice_sctp_set_partial_delivery(a, stream, (uint32_t)rng_below(&l->rng, 3000));
		break;
	case 4:
		(void)sluice_sctp_set_buffered_low(a, stream, rng_below(&l->rng, 5000));
		(void)sluice_sctp_set_high_water(a, stream, rng_below(&l->rng, 20000));
		(void)sluice_sctp_set_priority(a, stream, (uint16_t)rng_below(&l->rng, 9), (uint16_t)rng_below(&l->rng, 9));
		break;
	case 5:
		by_parts(l, a);
		break;
	case 6:
		if (rng_chance(&l->rng, 0.1))
			sluice_sctp_abort(a, "enough");
		break;
	case 7:
		if (rng_chance(&l->rng, 0.1))
			(void)sluice_sctp_shutdown(a);
		break;
	case 8:
	case 9:
	case 10:
		(void)sluice_sctp_connect(a);
		break;
	default:
		send_something(l, a);
	}
}

/* The machine crashed: the other side sees a restart. */
static void crash(struct life *l, unsigned i) {
	sluice_sctp_free(l->side[i]);
	ck_assert_int_eq(sluice_sctp_new(l->env, &l->config[i], &l->side[i]), 0);
	ck_assert_int_eq(sluice_sctp_connect(l->side[i]), 0);
}

static void poll_some(struct life *l, sluice_sctp *a) {
	sluice_sctp_event e;
	for (uint64_t n = rng_below(&l->rng, 20); n > 0 && sluice_sctp_poll(a, &e); n--)
		take_event(l, &e);
}

static void step(struct life *l, double polls) {
	unsigned i = (unsigned)rng_below(&l->rng, 2);
	act(l, l->side[i]);
	if (rng_chance(&l->rng, 0.001))
		crash(l, i);
	for (unsigned s = 0; s < 2; s++) {
		write_packets(l, s);
		deliver_some(l, s);
		if (rng_chance(&l->rng, polls))
			poll_some(l, l->side[s]);
	}
	l->now += rng_below(&l->rng, rng_chance(&l->rng, 0.02) ? SLUICE_S : 10 * SLUICE_MS);
	for (unsigned s = 0; s < 2; s++)
		sluice_sctp_advance(l->side[s], l->now);
}

/* ---- what has to be there again ---- */

struct range {
	size_t from, size;
};
#define LEFT_OUT(field)                                                                                                          \
	{ offsetof(struct sluice_sctp, field), sizeof(((struct sluice_sctp *)0)->field) }

/* Everything else in the struct is the same before and behind: a field that is new and forgotten shows itself. */
static const struct range left_out[] = {
	/* of this process */
	LEFT_OUT(env),
	LEFT_OUT(clock),
	LEFT_OUT(latest),
	LEFT_OUT(dirty),
	LEFT_OUT(trace),
	LEFT_OUT(tx.env),
	LEFT_OUT(tx.config),
	LEFT_OUT(tx.trace),
	LEFT_OUT(tx.chunks_before),
	LEFT_OUT(tx.hold),
	LEFT_OUT(wake),
	LEFT_OUT(wake_ctx),
	/* made anew: the path's MTU is searched for again */
	LEFT_OUT(tx.mtu),
	LEFT_OUT(tx.cut_mtu),
	LEFT_OUT(tx.discovery),
	LEFT_OUT(pending),
	LEFT_OUT(tx.due),
	LEFT_OUT(tx.timers[SENDER_PMTU]),
	LEFT_OUT(tx.view.mtu),
	LEFT_OUT(tx.view.config), /* follows from the configuration */
	/* of the handshake and of one input(); the last association's end */
	LEFT_OUT(described),
	LEFT_OUT(echo),
	LEFT_OUT(echo_len),
	LEFT_OUT(cookie_preservative),
	LEFT_OUT(stale_cookies),
	LEFT_OUT(t1_retries),
	LEFT_OUT(rx.batch_payload),
	LEFT_OUT(reconfig.taken),
	LEFT_OUT(error_text),
	/* not handed over */
	LEFT_OUT(replies),
	LEFT_OUT(replies_tail),
	LEFT_OUT(reply_count),
	/* lists, rings and heaps, which have checks of their own */
	LEFT_OUT(events),
	LEFT_OUT(connected),
	LEFT_OUT(ended),
	LEFT_OUT(restarted),
	LEFT_OUT(streams_added),
	LEFT_OUT(tx.mtu_changed),
	LEFT_OUT(tx.run), /* within output() */
	LEFT_OUT(tx.out.env),
	LEFT_OUT(tx.out.events),
	LEFT_OUT(tx.out.streams),
	LEFT_OUT(tx.out.sched),
	LEFT_OUT(tx.out.used),
	LEFT_OUT(tx.out.aside),
	LEFT_OUT(tx.out.aside_tail),
	LEFT_OUT(tx.out.begun),
	LEFT_OUT(tx.out.unstamped),
	LEFT_OUT(tx.out.expiry),
	LEFT_OUT(tx.sent.env),
	LEFT_OUT(tx.sent.out),
	LEFT_OUT(tx.sent.ring),
	LEFT_OUT(tx.sent.capacity),
	LEFT_OUT(tx.sent.passed),
	LEFT_OUT(tx.sent.lost_low),
	LEFT_OUT(tx.sent.looks), /* of one verb */
	LEFT_OUT(tx.sent.gaps),
	LEFT_OUT(tx.sent.trace),
	LEFT_OUT(tx.sent.log.env),
	LEFT_OUT(tx.sent.log.ring),
	LEFT_OUT(tx.sent.log.capacity),
	LEFT_OUT(tx.sent.log.head),
	LEFT_OUT(tx.sent.log.tail),
	LEFT_OUT(tx.sent.log.open),
	LEFT_OUT(tx.sent.log.large),
	LEFT_OUT(tx.sent.log.large_lost),
	LEFT_OUT(tx.sent.log.large_acked),
	LEFT_OUT(rx.env),
	LEFT_OUT(rx.rwnd.env),
	LEFT_OUT(rx.rwnd.room), /* the socket's */
	LEFT_OUT(rx.rwnd.waited),
	LEFT_OUT(rx.map),
	LEFT_OUT(rx.in),
	LEFT_OUT(rx.window),
	LEFT_OUT(rx.events),
	LEFT_OUT(rx.now),
	LEFT_OUT(rx.report),
	LEFT_OUT(rx.owner),
	LEFT_OUT(rx.reset_all),
	LEFT_OUT(rx.sack_due), /* compared below */
	LEFT_OUT(rx.acks.early),
	LEFT_OUT(rx.acks.early_count),
	LEFT_OUT(rx.acks.early_sent),
	LEFT_OUT(reconfig.wanted.head),
	LEFT_OUT(reconfig.wanted.tail),
	LEFT_OUT(reconfig.asked.head),
	LEFT_OUT(reconfig.asked.tail),
	LEFT_OUT(reconfig.requests),
	LEFT_OUT(reconfig.request_capacity),
	LEFT_OUT(reconfig.deferred_streams),
	LEFT_OUT(reconfig.deferred_count),
};

static bool is_left_out(size_t at) {
	for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
		if (at >= left_out[i].from && at < left_out[i].from + left_out[i].size)
			return true;
	return false;
}

static void compare(const struct sluice_sctp *was, const struct sluice_sctp *is) {
	const uint8_t *x = (const uint8_t *)was, *y = (const uint8_t *)is;
	size_t at = 0;
	while (at < sizeof *was && (x[at] == y[at] || is_left_out(at)))
		at++;
	ck_assert_msg(at == sizeof *was, "the byte at %zu of struct sluice_sctp was not handed over", at);
	ck_assert_uint_eq(was->rx.map.cum, is->rx.map.cum);
	ck_assert_uint_eq(was->rx.map.highest, is->rx.map.highest);
	/* Parts that an app may have by now, because it asked for smaller ones meanwhile, are delivered on the way. */
	ck_assert_uint_ge(was->rx.in.fragments, is->rx.in.fragments);
	ck_assert_uint_eq(was->rx.in.to.messages, is->rx.in.to.messages);
	ck_assert_uint_ge(was->rx.in.interleaved.count, is->rx.in.interleaved.count);
	ck_assert_int_eq(was->rx.sack_due || receiver_early_sack_waits(&was->rx), is->rx.sack_due);
	ck_assert_uint_eq(was->pending, is->pending);
	ck_assert_uint_eq(was->tx.due & SENDER_FORWARD_TSN, is->tx.due & SENDER_FORWARD_TSN);
}

static unsigned events_waiting(const sluice_sctp *a, int type) {
	unsigned n = 0;
	for (const struct event_node *e = a->events.head; e; e = e->next)
		n += type == 0 ? e->type != SLUICE_SCTP_MESSAGE_PART : e->type == type;
	return n;
}

/* Into a buffer that is large enough, in one call: nobody asked for the size before. */
static void hand_over(struct life *l, unsigned i) {
	static uint8_t bytes[16 << 20];
	static struct sluice_sctp was;
	sluice_sctp *a = l->side[i], *b = NULL;
	size_t len;
	was = *a;
	unsigned events = events_waiting(a, 0), parts = events_waiting(a, SLUICE_SCTP_MESSAGE_PART),
		 ends = events_waiting(a, SLUICE_SCTP_ENDED);
	int rc = sluice_sctp_export(a, bytes, sizeof bytes, &len);
	if (rc) {
		ck_assert_int_eq(rc, SLUICE_WRONG_STATE);
		ck_assert(was.state < SLUICE_SCTP_ESTABLISHED || was.tx.out.parts > 0);
		ck_assert_mem_eq(&was, a, sizeof was);
		l->refused++;
		return;
	}
	rc = sluice_sctp_import(l->env, bytes, len, l->now, &b);
	ck_assert_msg(rc == 0, "import says %s", sluice_error_name(rc));
	compare(&was, b);
	ck_assert_uint_eq(events_waiting(b, 0), events); /* all but parts */
	ck_assert_uint_ge(events_waiting(b, SLUICE_SCTP_MESSAGE_PART), parts);
	ck_assert_uint_eq(events_waiting(b, SLUICE_SCTP_ENDED), ends);
	sluice_sctp_free(a);
	l->side[i] = b;
	l->exports++;
	l->unpolled_ends += ends;
}

START_TEST(test_what_export_takes_import_restores_and_what_it_refuses_it_leaves) {
	unsigned exports = 0, refused = 0, ends = 0;
	for (uint64_t seed = sim_first(1); seed <= sim_last(sim_seeds(60)); seed++) {
		struct life l;
		life_begin(&l, seed);
		(void)sluice_sctp_connect(l.side[0]);
		double polls = seed % 3 == 0 ? 0.001 : seed % 3 == 1 ? 0.05 : 0.5;
		for (unsigned n = 0; n < 1500; n++) {
			step(&l, polls);
			if (rng_chance(&l.rng, 0.1))
				hand_over(&l, (unsigned)rng_below(&l.rng, 2));
			ck_assert(association_check(l.side[0]) && association_check(l.side[1]));
		}
		exports += l.exports;
		refused += l.refused;
		ends += l.unpolled_ends;
		life_end(&l);
	}
	if (sim_seeds(60) >= 60) {
		ck_assert_uint_ge(exports, 1000);
		ck_assert_uint_ge(refused, 100);
		ck_assert_uint_ge(ends, 20);
	}
}
END_TEST

/* ---- single cases ---- */

static void take_over(struct script *s) {
	static uint8_t bytes[1 << 20];
	sluice_sctp *b;
	size_t len;
	ck_assert_int_eq(sluice_sctp_export(s->sctp, bytes, sizeof bytes, &len), 0);
	ck_assert_int_eq(sluice_sctp_import(s->env, bytes, len, s->now, &b), 0);
	sluice_sctp_free(s->sctp);
	s->sctp = b;
}

START_TEST(test_the_end_of_an_earlier_association_that_nobody_polled_comes_before_what_followed) {
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	s.event_count = 0;
	sluice_sctp_abort(s.sctp, "enough");
	sluice_batch b = {.data = (uint8_t[2048]){0}, .capacity = 2048};
	while (sluice_sctp_output(s.sctp, &b, s.now) > 0)
		;
	/* The peer opens it again before the app looks. */
	struct sluice_sctp *a = s.sctp;
	ck_assert_int_eq(sluice_sctp_connect(a), 0);
	ck_assert_int_gt(sluice_sctp_output(a, &b, s.now), 0);
	struct reader r = reader_of(b.data + WIRE_HEADER_SIZE, sluice_batch_slot_len(&b, 0) - WIRE_HEADER_SIZE);
	struct wire_chunk c;
	struct wire_init init;
	ck_assert_int_eq(wire_chunk_next(&r, &c), 1);
	ck_assert_int_ge(wire_init_read(&c, &init), 0);
	s.remote_tag = init.tag;
	uint8_t space[1500];
	struct writer w = script_begin(&s, space, sizeof space);
	script_init_chunk(&s, &w, WIRE_INIT_ACK, (const uint8_t *)"cookie--", 8);
	wire_packet_seal(w.start, writer_len(&w));
	ck_assert_int_eq(sluice_sctp_input(a, &(sluice_datagram){.data = space, .len = writer_len(&w)}, 1, s.now), 0);
	w = script_begin(&s, space, sizeof space);
	wire_chunk_write(&w, WIRE_COOKIE_ACK, 0, NULL, 0);
	wire_packet_seal(w.start, writer_len(&w));
	ck_assert_int_eq(sluice_sctp_input(a, &(sluice_datagram){.data = space, .len = writer_len(&w)}, 1, s.now), 0);
	ck_assert_int_eq(sluice_sctp_state(a), SLUICE_SCTP_ESTABLISHED);
	take_over(&s);
	script_collect(&s);
	ck_assert_uint_eq(s.event_count, 2);
	ck_assert_int_eq(s.events[0].type, SLUICE_SCTP_ENDED);
	ck_assert_int_eq(s.events[0].error, SLUICE_CLOSED);
	ck_assert_int_eq(s.events[1].type, SLUICE_SCTP_CONNECTED);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
	script_free(&s);
}
END_TEST

START_TEST(test_an_app_that_was_built_with_a_shorter_configuration_hands_over_too) {
	struct script s;
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.size = offsetof(sluice_sctp_config, mtu_max);
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	take_over(&s);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
	script_free(&s);
}
END_TEST

START_TEST(test_what_cannot_be_restored_is_refused_and_goes_on) {
	static uint8_t bytes[1 << 20];
	struct script s;
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.max_message_size = 5000;
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	/* A message in parts that is not yet next in order, larger than whole ones may be; then the app wants whole ones only. */
	ck_assert_int_eq(sluice_sctp_set_partial_delivery(s.sctp, 0, 1000), 0);
	for (unsigned i = 0; i < 6; i++)
		script_give_data(&s, s.tsn + 1 + i, 0, 1, i == 0 ? WIRE_DATA_B : 0, 1000);
	ck_assert_int_eq(sluice_sctp_set_partial_delivery(s.sctp, 0, 0), 0);
	size_t len, events = s.event_count;
	ck_assert_int_eq(sluice_sctp_export(s.sctp, bytes, sizeof bytes, &len), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
	script_give_data(&s, s.tsn, 0, 0, WIRE_DATA_B | WIRE_DATA_E, 1000);
	ck_assert_uint_eq(s.event_count, events + 1);
	ck_assert(association_check(s.sctp));
	script_free(&s);
}
END_TEST

START_TEST(test_an_early_sack_is_not_lost_and_asking_for_the_size_changes_nothing) {
	static uint8_t bytes[1 << 20];
	struct life l;
	static struct sluice_sctp was;
	unsigned early = 0;
	size_t len;
	for (uint64_t seed = 1; seed < 20; seed++) {
		life_begin(&l, seed);
		(void)sluice_sctp_connect(l.side[0]);
		for (unsigned n = 0; n < 300; n++) {
			step(&l, 0.5);
			was = *l.side[1];
			early += sack_early_waits(&was.rx.acks);
			(void)sluice_sctp_export(l.side[1], bytes, 100, &len);
			ck_assert_mem_eq(&was, l.side[1], sizeof was);
		}
		life_end(&l);
	}
	ck_assert_uint_gt(early, 0);
}
END_TEST

SUITE("handover_states", test_the_end_of_an_earlier_association_that_nobody_polled_comes_before_what_followed,
      test_an_app_that_was_built_with_a_shorter_configuration_hands_over_too, test_what_cannot_be_restored_is_refused_and_goes_on,
      test_an_early_sack_is_not_lost_and_asking_for_the_size_changes_nothing,
      test_what_export_takes_import_restores_and_what_it_refuses_it_leaves)
