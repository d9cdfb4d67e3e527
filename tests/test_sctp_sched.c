/* Streams that share an association: who waits for whom, who gets how much, and what does not go out late. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"

/* ---- a large message beside small ones ---- */

#define LARGE (100u * 1000 * 1000)

/* Counts packets with data until one holds a chunk of the stream. */
struct wait {
	uint16_t stream;
	unsigned packets;
	bool over;
};

static enum link_verdict count_wait(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	struct wait *w = ctx;
	struct wire_chunk c;
	(void)link, (void)now;
	if (w->over)
		return LINK_PASS;
	w->packets += packet_has(packet, *len, WIRE_DATA);
	for (unsigned n = 0; !w->over && packet_chunk(packet, *len, WIRE_DATA, n, &c); n++) {
		struct wire_data d;
		int error = c.type == WIRE_I_DATA ? wire_i_data_read(&c, &d) : wire_data_read(&c, &d);
		ck_assert_int_eq(error, 0);
		w->over = d.stream == w->stream;
	}
	return LINK_PASS;
}

START_TEST(test_a_message_of_100_mb_delays_one_of_100_bytes_by_a_few_packets) {
	struct pair_config c;
	pair_config_init(&c);
	c.no_record = true;
	c.b.partial_delivery = 65536;
	c.ab.rate = c.ba.rate = 1000000000;
	/* Its queue has no end: what was lost would go before all that is new (RFC 9260, 6.1, C), and is no question of turns. */
	struct pair p;
	pair_start(&p, &c);
	struct wait w = {.stream = 1};
	link_filter(p.ab, count_wait, &w);
	pair_send(&p, p.a, 0, LARGE);
	for (int i = 0; i < 20; i++) {
		sim_run(&p.sim, p.sim.now + 30 * SLUICE_MS);
		w = (struct wait){.stream = 1};
		pair_send(&p, p.a, 1, 100);
		ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, w.over));
		ck_assert_uint_le(w.packets, 3); /* its own is one of them */
	}
	ck_assert(!p.to_b.entries[0].arrived); /* it was under way all the time */
	ck_assert_uint_ge(p.to_b.arrived, 15);
	pair_deliver(&p, 60 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_without_interleaving_a_message_that_was_begun_is_finished_first) {
	struct pair_config c;
	pair_config_init(&c);
	c.a.no_interleaving = true;
	struct pair p;
	pair_start(&p, &c);
	struct wait w = {.stream = 1};
	link_filter(p.ab, count_wait, &w);
	pair_send(&p, p.a, 0, 200000);
	sim_run(&p.sim, p.sim.now + SLUICE_MS);
	pair_send(&p, p.a, 1, 100);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, w.over));
	ck_assert_uint_ge(w.packets, 200000 / 1188);
	pair_deliver(&p, 10 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_messages_that_do_not_fit_the_window_together_are_all_delivered) {
	for (unsigned scheduler = SLUICE_SCHEDULER_FIRST_COME; scheduler <= SLUICE_SCHEDULER_WEIGHTED_FAIR; scheduler++) {
		struct pair_config c;
		pair_config_init(&c);
		c.a.scheduler = scheduler;
		c.b.receive_window = 327680; /* one of the largest fits */
		c.ab.loss = c.ba.loss = 0.01;
		struct pair p;
		pair_start(&p, &c);
		for (unsigned n = 0; n < 40; n++) {
			pair_send(&p, p.a, (uint16_t)n, 200000 + n * 1000);
			pair_send(&p, p.a, (uint16_t)n, 50);
		}
		pair_deliver(&p, 300 * SLUICE_S);
		pair_shutdown(&p, p.a, 10 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

/* ---- turns ---- */

/* Streams 0 to 3 get messages of these sizes (0: none), all of A's first, then all of B's, .... */
struct turns {
	enum sluice_scheduler scheduler;
	bool no_interleaving;
	uint16_t size[4], priority[4];
	const char *order; /* of the chunks on the wire */
};

static const struct turns turns[] = {
	{SLUICE_SCHEDULER_FIRST_COME, false, {1000, 1000, 1000}, {0, 512, 128, 512}, "AAABBBCCC"},
	{SLUICE_SCHEDULER_FIRST_COME, false, {50, 100, 60, 70}, {0, 512, 128, 512}, "AAABBBCCCDDD"},
	{SLUICE_SCHEDULER_FIRST_COME, false, {2000, 100, 1500}, {0, 512, 128, 512}, "AAAAAAAABBBCCCCCCC"},
	{SLUICE_SCHEDULER_FIRST_COME, true, {2000, 100, 1500}, {0, 512, 128, 512}, "AAAAAAAABBBCCCCCCC"},
	{SLUICE_SCHEDULER_ROUND_ROBIN, false, {1000, 1000, 1000}, {0, 512, 128, 512}, "ABCABCABC"},
	{SLUICE_SCHEDULER_ROUND_ROBIN, false, {50, 100, 60, 70}, {0, 512, 128, 512}, "ABCDABCDABCD"},
	{SLUICE_SCHEDULER_ROUND_ROBIN, false, {2000, 100, 1500}, {0, 512, 128, 512}, "ABCABCABCACACACA"},
	{SLUICE_SCHEDULER_ROUND_ROBIN, true, {2000, 100, 1500}, {0, 512, 128, 512}, "AABCCCAABCCCAAABCC"},
	{SLUICE_SCHEDULER_ROUND_ROBIN_PACKET, false, {1000, 1000, 1000}, {0, 512, 128, 512}, "ABCABCABC"},
	{SLUICE_SCHEDULER_ROUND_ROBIN_PACKET, false, {50, 100, 60, 70}, {0, 512, 128, 512}, "AAABCCCDDBBD"},
	{SLUICE_SCHEDULER_ROUND_ROBIN_PACKET, false, {2000, 100, 1500}, {0, 512, 128, 512}, "ABBBCAACCACCAACAA"},
	{SLUICE_SCHEDULER_ROUND_ROBIN_PACKET, true, {2000, 100, 1500}, {0, 512, 128, 512}, "AAAAAAAABBBCCCCCC"},
	{SLUICE_SCHEDULER_PRIORITY, false, {1000, 1000, 1000}, {0, 512, 128, 512}, "BBBAAACCC"},
	{SLUICE_SCHEDULER_PRIORITY, false, {50, 100, 60, 70}, {0, 512, 128, 512}, "BDBDBDAAACCC"},
	{SLUICE_SCHEDULER_PRIORITY, false, {2000, 100, 1500}, {0, 512, 128, 512}, "BBBAAAAAAAACCCCCCC"},
	{SLUICE_SCHEDULER_PRIORITY, true, {2000, 100, 1500}, {0, 512, 128, 512}, "BBBAAAAAAAACCCCCCC"},
	{SLUICE_SCHEDULER_FAIR, false, {1000, 1000, 1000}, {0, 512, 128, 512}, "ABCABCABC"},
	{SLUICE_SCHEDULER_FAIR, false, {50, 100, 60, 70}, {0, 512, 128, 512}, "ABCDACDBACDB"},
	{SLUICE_SCHEDULER_FAIR, false, {2000, 100, 1500}, {0, 512, 128, 512}, "ABCBBCACCACCAACAA"},
	{SLUICE_SCHEDULER_FAIR, true, {2000, 100, 1500}, {0, 512, 128, 512}, "AABCCCBBCCAAACCAAA"},
	{SLUICE_SCHEDULER_WEIGHTED_FAIR, false, {1000, 1000, 1000}, {0, 512, 128, 512}, "ABCBABCAC"},
	{SLUICE_SCHEDULER_WEIGHTED_FAIR, false, {50, 100, 60, 70}, {0, 512, 128, 512}, "ABCDDABDABCC"},
	{SLUICE_SCHEDULER_WEIGHTED_FAIR, false, {2000, 100, 1500}, {0, 512, 128, 512}, "ABCBBAAACCAACAAACC"},
	{SLUICE_SCHEDULER_WEIGHTED_FAIR, true, {2000, 100, 1500}, {0, 512, 128, 512}, "AABCCCBBAAACCAAACC"},
};

struct written {
	char order[64];
	size_t count;
};

static enum link_verdict write_order(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	struct written *w = ctx;
	struct wire_chunk c;
	(void)link, (void)now;
	for (unsigned n = 0; packet_chunk(packet, *len, WIRE_DATA, n, &c); n++) {
		struct wire_data d;
		ck_assert_int_eq(c.type == WIRE_I_DATA ? wire_i_data_read(&c, &d) : wire_data_read(&c, &d), 0);
		ck_assert_uint_lt(w->count, sizeof w->order - 1);
		w->order[w->count++] = (char)('A' + d.stream);
	}
	return LINK_PASS;
}

static void take_turns(const struct turns *t) {
	struct pair_config c;
	pair_config_init(&c);
	c.a.scheduler = t->scheduler;
	c.a.no_interleaving = t->no_interleaving;
	c.a.pacing = SLUICE_PACING_OFF;
	c.a.initial_window = 65536; /* all of it goes as one batch */
	struct pair p;
	pair_start(&p, &c);
	struct written w = {0};
	link_filter(p.ab, write_order, &w);
	for (uint16_t stream = 0; stream < 4; stream++) {
		ck_assert_int_eq(sluice_sctp_set_priority(p.a->sctp, stream, t->priority[stream], t->priority[stream]), 0);
		for (int i = 0; i < 3 && t->size[stream]; i++)
			pair_send(&p, p.a, stream, t->size[stream]);
	}
	pair_deliver(&p, 10 * SLUICE_S);
	ck_assert_str_eq(w.order, t->order);
	pair_free(&p);
}

START_TEST(test_each_scheduler_has_its_order_on_the_wire) {
	for (size_t i = 0; i < sizeof turns / sizeof *turns; i++)
		take_turns(&turns[i]);
}
END_TEST

/* ---- shares ---- */

/* Keeps messages queued on two streams; how many of each arrive meanwhile? */
static void share(enum sluice_scheduler scheduler, uint64_t *first, uint64_t *second) {
	struct pair_config c;
	pair_config_init(&c);
	c.no_record = true;
	c.a.scheduler = scheduler;
	c.ab.rate = c.ba.rate = 50000000;
	c.ab.queue = 200000;
	struct pair p;
	pair_start(&p, &c);
	ck_assert_int_eq(sluice_sctp_set_priority(p.a->sctp, 1, 512, 1024), 0);
	ck_assert_int_eq(sluice_sctp_set_priority(p.a->sctp, 2, 256, 256), 0);
	uint64_t end = p.sim.now + 2 * SLUICE_S;
	while (p.sim.now < end) {
		for (uint16_t stream = 1; stream <= 2; stream++) {
			sluice_send_info info = {.stream = stream};
			while (sluice_sctp_buffered(p.a->sctp, stream) < 1000000)
				ck_assert_int_eq(sctp_host_send(p.a, &info, 5000), 0);
		}
		sim_run(&p.sim, p.sim.now + 5 * SLUICE_MS);
	}
	uint64_t count[3] = {0};
	for (uint32_t i = 0; i < p.to_b.count; i++)
		count[p.to_b.entries[i].stream] += p.to_b.entries[i].arrived;
	*first = count[1];
	*second = count[2];
	pair_deliver(&p, 60 * SLUICE_S);
	pair_free(&p);
}

START_TEST(test_streams_share_by_weight_by_default) {
	uint64_t first, second;
	share(SLUICE_SCHEDULER_DEFAULT, &first, &second);
	ck_assert_uint_ge(first + second, 1800); /* of 12.5 MB: 5 KB each, and the line is used */
	ck_assert_uint_ge(10 * first, 37 * second);
	ck_assert_uint_le(10 * first, 43 * second);
}
END_TEST

START_TEST(test_a_fair_scheduler_knows_no_weights) {
	uint64_t first, second;
	share(SLUICE_SCHEDULER_FAIR, &first, &second);
	ck_assert_uint_le(first > second ? first - second : second - first, 20);
}
END_TEST

START_TEST(test_a_strict_priority_leaves_nothing_to_the_lower) {
	uint64_t first, second;
	share(SLUICE_SCHEDULER_PRIORITY, &first, &second);
	ck_assert_uint_ge(first, 1800);
	ck_assert_uint_le(second, 2);
}
END_TEST

START_TEST(test_round_robin_per_packet_puts_one_stream_into_a_packet) {
	struct pair_config c;
	pair_config_init(&c);
	c.a.scheduler = SLUICE_SCHEDULER_ROUND_ROBIN_PACKET;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned n = 0; n < 200; n++)
		pair_send(&p, p.a, (uint16_t)(n % 4), 100);
	pair_deliver(&p, 10 * SLUICE_S);
	unsigned packets = 0;
	for (const struct recorded *r; (r = recorder_find(&p.recorder, true, WIRE_DATA, packets)); packets++) {
		struct wire_chunk chunk;
		struct wire_data d;
		uint16_t stream = 0;
		for (unsigned n = 0; packet_chunk(r->bytes, r->len, WIRE_DATA, n, &chunk); n++) {
			ck_assert_int_eq(wire_i_data_read(&chunk, &d), 0);
			ck_assert(n == 0 || d.stream == stream);
			stream = d.stream;
		}
	}
	ck_assert_uint_le(packets, 32); /* still as many of the stream's messages as fit */
	pair_free(&p);
}
END_TEST

/* ---- what is fresh ---- */

#define RATE 2000
#define SECONDS 6

struct ages {
	uint64_t sent_at[RATE * SECONDS];
	uint64_t oldest; /* among those that arrived after the outage */
	uint64_t after;
	unsigned arrived_after;
};

static void note_age(struct sctp_host *h, const sluice_sctp_event *event, void *user) {
	struct ages *g = user;
	if (event->type != SLUICE_SCTP_MESSAGE || h->sim->now < g->after)
		return;
	uint64_t age = h->sim->now - g->sent_at[event->message->ppid];
	g->oldest = age > g->oldest ? age : g->oldest;
	g->arrived_after++;
}

static void outage(bool unordered) {
	struct pair_config c;
	pair_config_init(&c);
	c.no_record = true;
	struct pair p;
	pair_start(&p, &c);
	static struct ages g;
	g = (struct ages){.after = p.sim.now + 4 * SLUICE_S};
	p.ab->config.outage_from = p.ba->config.outage_from = p.sim.now + 2 * SLUICE_S;
	p.ab->config.outage_to = p.ba->config.outage_to = g.after;
	p.b->on_event = note_age;
	p.b->user = &g;
	sluice_send_info info = {.unordered = unordered, .reliability = SLUICE_MAX_RETRANSMITS};
	for (uint32_t n = 0; n < RATE * SECONDS; n++) {
		g.sent_at[n] = p.sim.now;
		ck_assert_int_eq(sctp_host_send(p.a, &info, 64), 0);
		sim_run(&p.sim, p.sim.now + SLUICE_S / RATE);
	}
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 5 * SLUICE_S, sctp_host_stats(p.a).buffered == 0));
	/* The line is noticed to be back within a second, and from then on everything is delivered. */
	ck_assert_uint_ge(g.arrived_after, RATE * 3 / 2);
	ck_assert_uint_le(g.oldest, 300 * SLUICE_MS + 2 * PAIR_DELAY);
	pair_free(&p);
}

START_TEST(test_after_an_outage_no_stale_message_is_delivered_where_none_may_be_repeated) {
	outage(true);
	outage(false);
}
END_TEST

START_TEST(test_a_queue_that_is_long_because_the_line_is_slow_is_delivered_without_retransmissions) {
	struct pair_config c;
	pair_config_init(&c);
	c.ab.rate = c.ba.rate = 1000000;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned n = 0; n < 200; n++)
		pair_send_as(&p, p.a, (sluice_send_info){.reliability = SLUICE_MAX_RETRANSMITS}, 1100); /* two seconds of it */
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 10 * SLUICE_S, sctp_host_stats(p.a).buffered == 0));
	ck_assert_uint_eq(p.to_b.arrived, 200);
	pair_free(&p);
}
END_TEST

/* ---- messages piece by piece ---- */

#define PIECE 50000

/* What came of the message, checked byte by byte. */
struct stream_sink {
	uint64_t got;
	bool first, last, cut_off;
	unsigned others;
};

static uint8_t byte_at(uint64_t i) {
	return (uint8_t)(i * 31 + (i >> 8));
}

static void take_piece(struct sctp_host *h, const sluice_sctp_event *event, void *user) {
	struct stream_sink *k = user;
	(void)h;
	if (event->type != SLUICE_SCTP_MESSAGE && event->type != SLUICE_SCTP_MESSAGE_PART)
		return;
	const sluice_message *m = event->message;
	if (m->stream != 5) {
		k->others++;
		return;
	}
	k->first |= m->first;
	k->last |= m->last && m->error == 0;
	k->cut_off |= m->error != 0;
	/* One assertion a message: each one tells the runner where the test stands, which costs a system call. */
	size_t wrong = 0;
	for (size_t i = 0; i < m->count; i++)
		for (size_t n = 0; n < m->iov[i].iov_len; n++)
			wrong += ((const uint8_t *)m->iov[i].iov_base)[n] != byte_at(k->got++);
	ck_assert_uint_eq(wrong, 0);
}

#define PIECES_MOST (8u << 20)

static void start_pieces(struct pair *p, struct stream_sink *k) {
	struct pair_config c;
	pair_config_init(&c);
	c.no_record = true;
	c.a.high_water = PIECES_MOST;
	c.b.partial_delivery = 10000;
	c.ab.loss = c.ba.loss = 0.005;
	pair_start(p, &c);
	*k = (struct stream_sink){0};
	sluice_sctp_set_partial_delivery(p->b->sctp, 5, 10000);
	p->b->on_event = take_piece;
	p->b->user = k;
	ledger_free(&p->to_b);
	p->b->receives = NULL;
}

static int send_piece(struct pair *p, uint64_t *given) {
	static uint8_t piece[PIECE];
	for (uint64_t i = 0; i < PIECE; i++)
		piece[i] = byte_at(*given + i);
	int error = sluice_sctp_send_part(p->a->sctp, 5, piece, PIECE);
	*given += error ? 0 : PIECE;
	return error;
}

START_TEST(test_a_message_larger_than_any_buffer_goes_piece_by_piece_and_holds_nobody_up) {
	struct pair p;
	struct stream_sink k;
	start_pieces(&p, &k);
	sluice_send_info info = {.stream = 5, .ppid = 53}, other = {.stream = 6, .ppid = 53};
	ck_assert_int_eq(sluice_sctp_send_part(p.a->sctp, 5, "x", 1), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_sctp_send_begin(p.a->sctp, &info), 0);
	ck_assert_int_eq(sluice_sctp_send_begin(p.a->sctp, &info), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_sctp_send(p.a->sctp, &info, "x", 1), SLUICE_WRONG_STATE);
	uint64_t given = 0, most = 0;
	unsigned others = 0;
	while (given < 30000000) {
		int error;
		while ((error = send_piece(&p, &given)) == 0 && given < 30000000)
			if (sluice_sctp_buffered(p.a->sctp, 5) > most)
				most = sluice_sctp_buffered(p.a->sctp, 5);
		ck_assert(error == 0 || error == SLUICE_WOULD_BLOCK);
		ck_assert_int_eq(sluice_sctp_send(p.a->sctp, &other, "small", 5), 0);
		others++;
		sim_run(&p.sim, p.sim.now + 50 * SLUICE_MS);
		ck_assert_uint_ge(k.others + 2, others);
	}
	ck_assert_int_eq(sluice_sctp_send_end(p.a->sctp, 5), 0);
	ck_assert_int_eq(sluice_sctp_send_end(p.a->sctp, 5), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_sctp_send(p.a->sctp, &other, "small", 5), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 60 * SLUICE_S, k.last && sctp_host_stats(p.a).buffered == 0));
	ck_assert(k.first && !k.cut_off);
	ck_assert_uint_eq(k.got, given);
	ck_assert_uint_le(most, PIECES_MOST);
	ck_assert_uint_eq(sctp_host_stats(p.a).messages_sent, others + 2);
	pair_shutdown(&p, p.a, 10 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_message_that_is_cancelled_is_given_up_on_both_sides_and_the_stream_goes_on) {
	for (unsigned pieces = 0; pieces < 6; pieces++) {
		for (unsigned wait = 0; wait < 3; wait++) {
			struct pair p;
			struct stream_sink k;
			start_pieces(&p, &k);
			sluice_send_info info = {.stream = 5, .ppid = 53};
			uint64_t given = 0;
			ck_assert_int_eq(sluice_sctp_send_begin(p.a->sctp, &info), 0);
			for (unsigned n = 0; n < pieces; n++)
				ck_assert_int_eq(send_piece(&p, &given), 0);
			sim_run(&p.sim, p.sim.now + wait * wait * 300 * SLUICE_MS);
			ck_assert_int_eq(sluice_sctp_send_cancel(p.a->sctp, 5), 0);
			ck_assert_uint_eq(sluice_sctp_buffered(p.a->sctp, 5), 0);
			ck_assert_uint_eq(sluice_sctp_buffered_messages(p.a->sctp, 5), 0);
			sim_run(&p.sim, p.sim.now + 5 * SLUICE_S);
			ck_assert(!k.last && k.cut_off == k.first);
			k = (struct stream_sink){0};
			given = 0;
			ck_assert_int_eq(sluice_sctp_send_begin(p.a->sctp, &info), 0);
			ck_assert_int_eq(send_piece(&p, &given), 0);
			ck_assert_int_eq(sluice_sctp_send_end(p.a->sctp, 5), 0);
			ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 10 * SLUICE_S, k.last));
			ck_assert_uint_eq(k.got, given);
			pair_shutdown(&p, p.a, 10 * SLUICE_S);
			pair_free(&p);
		}
	}
}
END_TEST

START_TEST(test_a_part_that_may_not_be_repeated_takes_the_whole_message_with_it) {
	struct pair p;
	struct stream_sink k;
	start_pieces(&p, &k);
	p.ab->config.loss = 0.2;
	sluice_send_info info = {.stream = 5, .ppid = 53, .reliability = SLUICE_MAX_RETRANSMITS};
	uint64_t given = 0;
	int error = sluice_sctp_send_begin(p.a->sctp, &info);
	for (unsigned n = 0; n < 100 && !error; n++) {
		error = send_piece(&p, &given);
		sim_run(&p.sim, p.sim.now + 50 * SLUICE_MS);
	}
	ck_assert_int_eq(error, SLUICE_LIMIT);
	ck_assert_uint_eq(p.a->abandoned, 1);
	ck_assert_int_eq(send_piece(&p, &given), SLUICE_WRONG_STATE);
	ck_assert_uint_eq(sluice_sctp_buffered(p.a->sctp, 5), 0);
	p.ab->config.loss = 0;
	pair_shutdown(&p, p.a, 10 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_shutdown_and_an_abort_with_a_message_open_end_in_order) {
	for (int abort = 0; abort < 2; abort++) {
		struct pair p;
		struct stream_sink k;
		start_pieces(&p, &k);
		uint64_t given = 0;
		ck_assert_int_eq(sluice_sctp_send_begin(p.a->sctp, &(sluice_send_info){.stream = 5}), 0);
		for (unsigned n = 0; n < 10; n++)
			ck_assert_int_eq(send_piece(&p, &given), 0);
		sim_run(&p.sim, p.sim.now + 45 * SLUICE_MS);
		if (abort)
			sluice_sctp_abort(p.a->sctp, NULL);
		else
			pair_shutdown(&p, p.a, 10 * SLUICE_S);
		ck_assert_int_eq(send_piece(&p, &given), SLUICE_CLOSED);
		sim_run(&p.sim, p.sim.now + SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_without_interleaving_nothing_is_sent_piece_by_piece) {
	struct pair_config c;
	pair_config_init(&c);
	c.b.no_interleaving = true;
	struct pair p;
	pair_start(&p, &c);
	ck_assert_int_eq(sluice_sctp_send_begin(p.a->sctp, &(sluice_send_info){.stream = 5}), SLUICE_UNSUPPORTED);
	pair_shutdown(&p, p.a, 10 * SLUICE_S);
	pair_free(&p);
}
END_TEST

SUITE("sctp schedulers", test_each_scheduler_has_its_order_on_the_wire,
      test_a_message_of_100_mb_delays_one_of_100_bytes_by_a_few_packets,
      test_without_interleaving_a_message_that_was_begun_is_finished_first,
      test_messages_that_do_not_fit_the_window_together_are_all_delivered, test_streams_share_by_weight_by_default,
      test_a_fair_scheduler_knows_no_weights, test_a_strict_priority_leaves_nothing_to_the_lower,
      test_round_robin_per_packet_puts_one_stream_into_a_packet,
      test_after_an_outage_no_stale_message_is_delivered_where_none_may_be_repeated,
      test_a_queue_that_is_long_because_the_line_is_slow_is_delivered_without_retransmissions,
      test_a_message_larger_than_any_buffer_goes_piece_by_piece_and_holds_nobody_up,
      test_a_message_that_is_cancelled_is_given_up_on_both_sides_and_the_stream_goes_on,
      test_a_part_that_may_not_be_repeated_takes_the_whole_message_with_it,
      test_a_shutdown_and_an_abort_with_a_message_open_end_in_order, test_without_interleaving_nothing_is_sent_piece_by_piece)
