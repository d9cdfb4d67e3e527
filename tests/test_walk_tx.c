/* The hand-over of the sender, module by module: every field of every struct is carried, or is listed here with the reason why it
 * is not. Messages, chunks and packets are counted anew where they are put in again; test_handover_states compares those. */
#include "sctp/tx/sender.h"
#include "suite.h"
#include "walk_kit.h"

#include "base/serial.h"

static const char there[] = "the new place's", counted[] = "counted anew", config[] = "of the configuration";

/* ---- plain structs ---- */

#define WALKS(name)                                                                                                              \
	static void walk_##name(void *object, struct walk *w) {                                                                  \
		name##_walk(object, w);                                                                                          \
	}
WALKS(rto)
WALKS(pace)
WALKS(prr)
WALKS(rack)
WALKS(recovery)
WALKS(cc_view)

START_TEST(test_plain_structs_are_carried) {
	struct rto rto = {0};
	struct pace pace = {0};
	struct prr prr = {0};
	struct rack rack = {0};
	struct recovery recovery = {0};
	struct cc_view view = {0};
	WALK_KIT_CARRIES(struct rto, &rto, walk_rto, LEFT_OUT(struct rto, initial, config), LEFT_OUT(struct rto, min, config),
	                 LEFT_OUT(struct rto, max, config));
	WALK_KIT_CARRIES(struct pace, &pace, walk_pace);
	WALK_KIT_CARRIES(struct prr, &prr, walk_prr);
	WALK_KIT_CARRIES(struct rack, &rack, walk_rack);
	WALK_KIT_CARRIES(struct recovery, &recovery, walk_recovery);
	WALK_KIT_CARRIES(struct cc_view, &view, walk_cc_view, LEFT_OUT(struct cc_view, config, config));
}
END_TEST

/* ---- the sender ---- */

static sluice_env *env;
static struct event_queue events;
static sluice_sctp_config sctp_config;

static void open_sender(struct sender *tx) {
	sluice_sctp_config_init(&sctp_config);
	sctp_config.congestion_control = SLUICE_CC_CUBIC;
	sctp_config.scheduler = SLUICE_SCHEDULER_FIRST_COME;
	sctp_config.mtu = sctp_config.mtu_max = 1188;
	sender_init(tx, env, &events, &sctp_config);
}

/* Without what other modules carry, which would own memory behind a read. */
static void walk_sender(void *object, struct walk *w) {
	struct sender *tx = object;
	struct outstanding sent = tx->sent;
	struct outgoing out = tx->out;
	sender_walk(tx, w);
	if (!w->reading)
		return;
	env_free(env, tx->sent.log.ring);
	tx->sent = sent;
	tx->out = out;
}

START_TEST(test_the_senders_own_fields_are_carried) {
	static const char own[] = "its module's walk", negotiated[] = "sender_negotiate", searched[] = "searched for anew";
	struct sender tx;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	open_sender(&tx);
	WALK_KIT_CARRIES(struct sender, &tx, walk_sender, LEFT_OUT(struct sender, out, own), LEFT_OUT(struct sender, sent, own),
	                 LEFT_OUT(struct sender, rto, own), LEFT_OUT(struct sender, view, own),
	                 LEFT_OUT(struct sender, recovery, own), LEFT_OUT(struct sender, pace, own),
	                 LEFT_OUT(struct sender, most_rate, "the owner sets it again"), LEFT_OUT(struct sender, cc, config),
	                 LEFT_OUT(struct sender, config, config), LEFT_OUT(struct sender, discovery, searched),
	                 LEFT_OUT(struct sender, mtu, searched), LEFT_OUT(struct sender, cut_mtu, searched),
	                 LEFT_OUT(struct sender, mtu_changed, "with the events"),
	                 LEFT_OUT(struct sender, data_header, negotiated), LEFT_OUT(struct sender, forward_tsn, negotiated),
	                 LEFT_OUT(struct sender, phase, "of the association's state"),
	                 LEFT_OUT(struct sender, now, "sender_clock"), LEFT_OUT(struct sender, chunks_before, "of one output()"),
	                 LEFT_OUT(struct sender, run, "of one output()"), LEFT_OUT(struct sender, hold, "of one output()"),
	                 LEFT_OUT(struct sender, env, there), LEFT_OUT(struct sender, trace, there));
	sender_free(&tx);
	sluice_env_free(env);
}
END_TEST

/* ---- queue and ring ---- */

static void walk_queue(void *object, struct walk *w) {
	struct outgoing *o = object;
	outgoing_walk_begin(o, w);
	outgoing_walk(o, w);
}

START_TEST(test_the_queues_own_fields_are_carried) {
	static const char streams[] = "put in again with the streams", verb[] = "of the verb";
	struct outgoing o;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	outgoing_init(&o, env, &events, 1000, sched_by_number(SLUICE_SCHEDULER_FIRST_COME));
	WALK_KIT_CARRIES(struct outgoing, &o, walk_queue, LEFT_OUT(struct outgoing, env, there),
	                 LEFT_OUT(struct outgoing, events, there), LEFT_OUT(struct outgoing, streams, streams),
	                 LEFT_OUT(struct outgoing, sched, streams), LEFT_OUT(struct outgoing, used, streams),
	                 LEFT_OUT(struct outgoing, drained, counted), LEFT_OUT(struct outgoing, aside, streams),
	                 LEFT_OUT(struct outgoing, aside_tail, streams),
	                 LEFT_OUT(struct outgoing, interleaving, "sender_negotiate"), LEFT_OUT(struct outgoing, begun, streams),
	                 LEFT_OUT(struct outgoing, begun_left, counted), LEFT_OUT(struct outgoing, queued, counted),
	                 LEFT_OUT(struct outgoing, parts, "refused while there are any"), LEFT_OUT(struct outgoing, now, verb),
	                 LEFT_OUT(struct outgoing, unstamped, streams), LEFT_OUT(struct outgoing, expiry, streams),
	                 LEFT_OUT(struct outgoing, buffered, counted));
	outgoing_free(&o);
	sluice_env_free(env);
}
END_TEST

static struct tx_stream *stream_of(struct outgoing *o) {
	struct tx_stream *s = outgoing_stream(o, 7);
	ck_assert_ptr_nonnull(s);
	return s;
}

/* Each field of a stream that the app set, or that numbers messages, is there again. */
START_TEST(test_a_stream_is_carried) {
	struct outgoing from, to;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	outgoing_init(&from, env, &events, 1000, sched_by_number(SLUICE_SCHEDULER_PRIORITY));
	outgoing_init(&to, env, &events, 1000, sched_by_number(SLUICE_SCHEDULER_PRIORITY));
	struct tx_stream *s = stream_of(&from);
	s->low = 0x1112131415161718;
	s->high_water = 0x2122232425262728;
	s->lost_messages = 0x3132333435363738;
	s->next_mid[0] = 0x41424344;
	s->next_mid[1] = 0x51525354;
	s->next_fsn = 0x61626364;
	s->above_low = s->blocked = s->doubtful = true;
	s->reset = TX_RESET_SENT;
	outgoing_mark_used(&from, s);
	outgoing_set_priority(&from, s, 0x7172, 0x8182);
	walk_kit_carry(&from, &to, walk_queue);
	const struct tx_stream *t = stream_of(&to);
	ck_assert_uint_eq(t->low, s->low);
	ck_assert_uint_eq(t->high_water, s->high_water);
	ck_assert_uint_eq(t->lost_messages, s->lost_messages);
	ck_assert_uint_eq(t->next_mid[0], s->next_mid[0]);
	ck_assert_uint_eq(t->next_mid[1], s->next_mid[1]);
	ck_assert_uint_eq(t->next_fsn, s->next_fsn);
	ck_assert(t->above_low && t->blocked && t->doubtful && t->used && t->reset == TX_RESET_SENT);
	ck_assert_uint_eq(t->sched.priority, s->sched.priority);
	ck_assert_uint_eq(t->sched.weight, s->sched.weight);
	outgoing_free(&from);
	outgoing_free(&to);
	sluice_env_free(env);
}
END_TEST

/* ---- bytes that were not written by us ---- */

struct in_flight {
	struct outgoing out;
	struct outstanding sent;
};

static void walk_in_flight(void *object, struct walk *w) {
	struct in_flight *f = object;
	outgoing_walk_begin(&f->out, w);
	outstanding_walk(&f->sent, w);
	outgoing_walk(&f->out, w);
}

static void in_flight_init(struct in_flight *f) {
	outgoing_init(&f->out, env, &events, 1000, sched_by_number(SLUICE_SCHEDULER_FIRST_COME));
	outstanding_init(&f->sent, env, &f->out, SERIAL_ORIGIN);
}

static void in_flight_free(struct in_flight *f) {
	outstanding_free(&f->sent);
	outgoing_free(&f->out);
}

static void send_alone(struct in_flight *f) {
	sluice_send_info info = {.stream = 1};
	ck_assert_int_eq(outgoing_copy(&f->out, &info, "x", 1), 0);
	ck_assert(outstanding_reserve(&f->sent, 8));
	outstanding_append(&f->sent, outgoing_next(&f->out), 1, WIRE_DATA_B | WIRE_DATA_E, SLUICE_S);
	txlog_close(&f->sent.log);
}

/* The second chunk was given up, and its packet counts the third one, which it never had. */
START_TEST(test_a_chunk_outside_its_packet_has_none) {
	struct in_flight from, to;
	struct ack ack;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	in_flight_init(&from);
	in_flight_init(&to);
	for (int i = 0; i < 3; i++)
		send_alone(&from);
	uint64_t second = from.sent.cum + 2;
	struct tx_message *m = outstanding_at(&from.sent, second)->message;
	outstanding_give_up(&from.sent, outstanding_at(&from.sent, second), 1, 0);
	outgoing_drop(&from.out, m, true);
	outstanding_at(&from.sent, second + 1)->packet = 2;
	walk_kit_carry(&from, &to, walk_in_flight);
	outstanding_sack(&to.sent, to.sent.next - 1, NULL, 0, MISS_NONE, 2 * SLUICE_S, &ack);
	ck_assert_uint_eq(ack.bytes, 2);
	ck_assert_uint_eq(to.sent.flight, 0);
	ck_assert(outstanding_check(&to.sent));
	in_flight_free(&from);
	in_flight_free(&to);
	sluice_env_free(env);
}
END_TEST

SUITE("walk_tx", test_plain_structs_are_carried, test_the_senders_own_fields_are_carried, test_the_queues_own_fields_are_carried,
      test_a_stream_is_carried, test_a_chunk_outside_its_packet_has_none)
