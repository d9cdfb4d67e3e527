/* Many channels that come and go: how long their closing takes, that ids come back, and peers that stop at a stream that they do
 * not know. */
#include "channel_kit.h"

#define DELAY (50 * SLUICE_MS) /* one way: a round trip of 100 ms */

struct counts {
	unsigned opened, closed, failed;
};

static void count_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	struct counts *t = user;
	(void)ch, (void)lost;
	t->closed++;
	t->failed += error != 0;
}

static void count_open(sluice_channel *ch, void *user) {
	(void)ch;
	((struct counts *)user)->opened++;
}

static const sluice_channel_callbacks counted = {.on_open = count_open, .on_closed = count_closed};

/* The kit's apps are few and keep what they saw; the peer of these tests takes whatever comes. */
static struct counts taken;

static void take_channel(sluice_channels *set, sluice_channel *ch, void *user) {
	(void)set, (void)user;
	sluice_channel_set_callbacks(ch, &counted, &taken);
}

static struct world *far_apart(struct world_config *c) {
	c->link.delay = DELAY;
	struct world *w = world_up(c);
	taken = (struct counts){0};
	if (w->b.set)
		w->b.set->config.on_channel = take_channel;
	return w;
}

static sluice_channel *open_counted(struct world *w, struct counts *t) {
	sluice_channel_config config = {0};
	config.label = "short";
	config.callbacks = counted;
	config.user = t;
	sluice_channel *ch = NULL;
	ck_assert_int_eq(sluice_channel_open(w->a.set, &config, &ch), 0);
	return ch;
}

START_TEST(test_a_thousand_channels_close_within_a_few_round_trips) {
	for (unsigned both = 0; both < 2; both++) {
		struct world_config c;
		world_config_init(&c);
		struct world *w = far_apart(&c);
		struct counts t = {0};
		static sluice_channel *channels[1000];
		for (unsigned i = 0; i < 1000; i++)
			channels[i] = open_counted(w, &t);
		ck_assert(world_until(w, t.opened == 1000 && taken.opened == 1000));
		world_run(w, SLUICE_S);
		uint64_t begun = w->sim.now;
		for (unsigned i = 0; i < 1000; i++)
			sluice_channel_close(channels[i]);
		for (sluice_channel *ch = both ? w->b.set->all : NULL, *next; ch; ch = next) {
			next = ch->next;
			sluice_channel_close(ch);
		}
		ck_assert(world_until(w, t.closed == 1000 && taken.closed == 1000));
		ck_assert_uint_le(w->sim.now - begun, SLUICE_S);
		ck_assert_uint_eq(t.failed + taken.failed, 0);
		ck_assert_int_eq(sluice_channel_id(open_counted(w, &t)), 0);
		world_free(w);
	}
}
END_TEST

/* Longer than it took to use up 1,024 channels when one was closed in a round trip. */
START_TEST(test_twenty_short_channels_a_second_may_come_and_go_for_ever) {
	struct world_config c;
	world_config_init(&c);
	struct world *w = far_apart(&c);
	struct counts t = {0};
	int32_t highest = 0;
	for (unsigned i = 0; i < 20 * 300; i++) {
		sluice_channel *ch = open_counted(w, &t);
		highest = sluice_channel_id(ch) > highest ? sluice_channel_id(ch) : highest;
		ck_assert_int_eq(sluice_channel_send(ch, "hello", 5), SLUICE_WRONG_STATE);
		world_run(w, 10 * SLUICE_MS);
		sluice_channel_close(ch);
		world_run(w, 40 * SLUICE_MS);
	}
	world_run(w, 2 * SLUICE_S);
	ck_assert_uint_eq(t.closed, 6000);
	ck_assert_uint_eq(t.failed, 0);
	ck_assert_uint_eq(taken.closed, 6000);
	ck_assert_int_lt(highest, 60); /* ids come back as soon as they may */
	ck_assert_uint_eq(w->a.set->visible + w->a.set->silent + w->b.set->visible + w->b.set->silent, 0);
	world_free(w);
}
END_TEST

/* ---- an application as Chromium's, which walks the list of an incoming reset and stops at the first stream that it does not
 * know ---- */

#define IDS 2048

struct walker {
	bool known[IDS], skipped[IDS];
	uint32_t seq;
	bool any;
	size_t longest;
};

static void walk_list(struct walker *k, const struct wire_reconfig *r) {
	bool stopped = false;
	k->longest = r->stream_count > k->longest ? r->stream_count : k->longest;
	for (size_t i = 0; i < r->stream_count; i++) {
		uint16_t id = wire_reconfig_stream(r, i);
		stopped |= !k->known[id];
		k->skipped[id] = stopped;
	}
}

static enum link_verdict see_lists(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	struct walker *k = ctx;
	struct wire_chunk c;
	struct wire_param p;
	struct wire_reconfig r;
	(void)link, (void)now;
	for (size_t i = 0; packet_chunk(packet, *len, WIRE_RE_CONFIG, i, &c); i++) {
		struct reader reader = reader_of(c.value, c.len);
		if (wire_param_next(&reader, &p) != 1 || wire_reconfig_read(&p, &r) || r.type != WIRE_PARAM_OUTGOING_RESET)
			continue;
		if (!k->any || r.request_seq != k->seq)
			walk_list(k, &r);
		k->any = true;
		k->seq = r.request_seq;
	}
	return LINK_PASS;
}

/* What it has not skipped it resets back. */
static void reset_back(struct world *w, struct walker *k) {
	for (size_t i = 0; i < w->b.seen_count; i++) {
		const sluice_sctp_event *e = &w->b.seen[i];
		if (e->type != SLUICE_SCTP_RESET_IN || k->skipped[e->stream])
			continue;
		k->known[e->stream] = false;
		ck_assert_int_eq(sluice_sctp_reset_stream(w->b.sctp, e->stream), 0);
	}
	w->b.seen_count = 0;
}

START_TEST(test_a_channel_that_the_peer_does_not_know_keeps_no_other_from_closing) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = far_apart(&c);
	struct walker k = {0};
	link_filter(w->ab, see_lists, &k);
	/* Of sixty channels each third is one that the peer knows: it has answered the OPEN. Of the others it has made no use,
	 * and half of them it does not know. */
	struct counts t[3] = {0};
	static sluice_channel *channels[60];
	for (uint16_t i = 0; i < 60; i++) {
		sluice_channel_config config = {0};
		config.callbacks = counted;
		config.negotiated = i % 3 != 0;
		config.id = config.negotiated ? 1000 + i : -1;
		config.user = &t[i % 3];
		ck_assert_int_eq(sluice_channel_open(w->a.set, &config, &channels[i]), 0);
		k.known[sluice_channel_id(channels[i])] = i % 3 != 1;
	}
	world_run(w, SLUICE_S);
	for (uint16_t i = 0; i < 60; i = (uint16_t)(i + 3))
		end_raw_send(&w->b, (uint16_t)sluice_channel_id(channels[i]), DCEP_PPID_CONTROL, "\2", 1);
	world_run(w, SLUICE_S);
	uint64_t begun = w->sim.now, known_closed = 0;
	for (uint16_t i = 60; i-- > 0;)
		sluice_channel_close(channels[i]);
	while (w->sim.now - begun < 20 * SLUICE_S) {
		world_run(w, SLUICE_MS);
		reset_back(w, &k);
		if (t[0].closed == 20 && !known_closed)
			known_closed = w->sim.now - begun;
	}
	ck_assert_uint_eq(t[0].closed, 20);
	ck_assert_uint_le(known_closed, 300 * SLUICE_MS); /* they do not wait for the others */
	ck_assert_uint_eq(t[2].closed, 20);
	ck_assert_uint_eq(t[1].closed, 0); /* nobody resets those back */
	ck_assert_uint_ge(k.longest, 21);
	world_free(w);
}
END_TEST

/* ---- all at once ---- */

START_TEST(test_a_reset_of_all_streams_closes_channels_on_which_the_peer_was_silent_too) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	struct app *silent = end_open_label(&w->a, "silent"), *heard = end_open_label(&w->a, "heard");
	sluice_channel_config config = {.label = "unborn", .negotiated = true, .id = 7};
	struct app *negotiated = end_open(&w->a, &config);
	world_run(w, SLUICE_S);
	end_raw_send(&w->b, 2, DCEP_PPID_CONTROL, "\2", 1);
	world_run(w, SLUICE_S);
	ck_assert_int_eq(sluice_sctp_reset_stream(w->b.sctp, SLUICE_SCTP_ALL_STREAMS), 0);
	world_run(w, SLUICE_S);
	ck_assert(silent->closes && heard->closes && negotiated->closes);
	ck_assert_int_eq(silent->error, SLUICE_REFUSED); /* its OPEN was never answered */
	ck_assert_int_eq(heard->error, 0);
	ck_assert_uint_eq(end_saw(&w->b, SLUICE_SCTP_RESET_IN, 2), 1);
	/* And again, with nothing there. */
	ck_assert_int_eq(sluice_sctp_reset_stream(w->b.sctp, SLUICE_SCTP_ALL_STREAMS), 0);
	world_run(w, SLUICE_S);
	ck_assert_int_eq(sluice_channel_id(end_open_label(&w->a, "new")->ch), 0);
	world_free(w);
}
END_TEST

START_TEST(test_a_channel_whose_stream_the_peer_asks_us_to_reset_closes) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	end_raw_open(&w->b, 1, "one");
	end_raw_open(&w->b, 3, "two");
	world_run(w, SLUICE_S);
	ck_assert_int_eq(sluice_sctp_request_reset(w->b.sctp, 1), 0);
	world_run(w, SLUICE_S);
	struct app *one = end_app(&w->a, "one");
	ck_assert_int_eq(sluice_channel_state(one->ch), SLUICE_CHANNEL_CLOSING);
	ck_assert_int_eq(sluice_channel_state(end_app(&w->a, "two")->ch), SLUICE_CHANNEL_OPEN);
	ck_assert_int_eq(sluice_channel_send(one->ch, "x", 1), SLUICE_CLOSED);
	ck_assert_int_eq(sluice_sctp_reset_stream(w->b.sctp, 1), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(one->closes, 1);
	ck_assert_int_eq(one->error, 0);
	ck_assert_uint_eq(end_saw(&w->b, SLUICE_SCTP_RESET_IN, 1), 1); /* once */
	ck_assert_int_eq(sluice_sctp_request_reset(w->b.sctp, SLUICE_SCTP_ALL_STREAMS), 0);
	world_run(w, SLUICE_S);
	ck_assert_int_eq(sluice_channel_state(end_app(&w->a, "two")->ch), SLUICE_CHANNEL_CLOSING);
	world_free(w);
}
END_TEST

SUITE("many channels", test_a_thousand_channels_close_within_a_few_round_trips,
      test_twenty_short_channels_a_second_may_come_and_go_for_ever,
      test_a_channel_that_the_peer_does_not_know_keeps_no_other_from_closing,
      test_a_reset_of_all_streams_closes_channels_on_which_the_peer_was_silent_too,
      test_a_channel_whose_stream_the_peer_asks_us_to_reset_closes)
