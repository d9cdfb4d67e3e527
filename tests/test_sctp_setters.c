/* Every public setter in every state of the association: whatever it answers, the association goes on, no length comes out wrong,
 * and what was sent arrives. Run it under AddressSanitizer too: a length that underflows shows itself there. */
#include "suite.h"

#include "sctp/association.h"
#include "sim/assert.h"
#include "sim/pair.h"
#include "sim/script.h"

/* ---- the setters ---- */

static void mtu_max_of_nothing(sluice_sctp *a) {
	sluice_sctp_set_mtu_max(a, 0);
}
static void mtu_max_below_the_mtu(sluice_sctp *a) {
	sluice_sctp_set_mtu_max(a, 296);
}
static void mtu_max_smaller(sluice_sctp *a) {
	sluice_sctp_set_mtu_max(a, 1400);
}
static void mtu_max_larger(sluice_sctp *a) {
	sluice_sctp_set_mtu_max(a, 9000);
}
static void mtu_max_beyond_all(sluice_sctp *a) {
	sluice_sctp_set_mtu_max(a, UINT32_MAX);
}
static void mtu_max_back_and_forth(sluice_sctp *a) {
	sluice_sctp_set_mtu_max(a, 0);
	sluice_sctp_set_mtu_max(a, 4000);
}
static void path_changed(sluice_sctp *a) {
	sluice_sctp_path_changed(a);
}
static void hints(sluice_sctp *a) {
	static const uint32_t sizes[] = {0, 1, 296, 507, 508, 600, 1184, 1188, 1192, 1500, 3000, 65520, UINT32_MAX};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		sluice_sctp_mtu_hint(a, sizes[i], false);
		sluice_sctp_mtu_hint(a, sizes[i], true);
	}
}
static void streams_of_all_kinds(sluice_sctp *a) {
	(void)sluice_sctp_set_high_water(a, 0, 0);
	(void)sluice_sctp_set_high_water(a, 65535, 1);
	(void)sluice_sctp_set_high_water(a, 0, UINT64_MAX);
	(void)sluice_sctp_set_priority(a, 0, 0, 0);
	(void)sluice_sctp_set_priority(a, 0, 65535, 65535);
	(void)sluice_sctp_set_buffered_low(a, 0, 0);
	(void)sluice_sctp_set_buffered_low(a, 0, UINT64_MAX);
}
static void parts(sluice_sctp *a) {
	(void)sluice_sctp_set_partial_delivery(a, 0, 1);
	(void)sluice_sctp_set_partial_delivery(a, 0, UINT32_MAX);
	(void)sluice_sctp_set_partial_delivery(a, 0, 0);
}
static void refuse_and_answer(sluice_sctp *a) {
	sluice_sctp_refuse(a, true);
	sluice_sctp_refuse(a, false);
}
static void other_streams(sluice_sctp *a) {
	(void)sluice_sctp_reset_stream(a, 7);
	(void)sluice_sctp_request_reset(a, 8);
	(void)sluice_sctp_add_streams(a, 65535, 65535);
}
static void a_message_by_and_by(sluice_sctp *a) {
	(void)sluice_sctp_send_end(a, 9);
	if (sluice_sctp_send_begin(a, &(sluice_send_info){.stream = 9}) == 0)
		(void)sluice_sctp_send_part(a, 9, "part", 4);
	(void)sluice_sctp_send_cancel(a, 9);
}
static void opening_again(sluice_sctp *a) {
	uint8_t chunk[SLUICE_SCTP_INIT_MAX];
	if (sluice_sctp_state(a) == SLUICE_SCTP_CLOSED)
		return; /* the world does that */
	ck_assert_int_eq(sluice_sctp_connect(a), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_sctp_describe(a, chunk, sizeof chunk), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_sctp_connect_described(a, chunk, sizeof chunk), SLUICE_WRONG_STATE);
}
static void line(void *ctx, const char *text, size_t len) {
	(void)ctx, (void)text, (void)len;
}
static void tap(void *ctx, bool sent, const void *packet, size_t len, uint64_t now) {
	(void)ctx, (void)sent, (void)packet, (void)now;
	ck_assert_uint_ge(len, WIRE_HEADER_SIZE);
	ck_assert_uint_le(len, SLUICE_SCTP_MTU_MAX);
}
static void observers(sluice_sctp *a) {
	ck_assert_int_eq(sluice_sctp_set_trace(a, line, NULL), 0);
	ck_assert_int_eq(sluice_sctp_set_packet_tap(a, tap, NULL), 0);
}
static void export_of_its_size(sluice_sctp *a) {
	size_t len;
	int rc = sluice_sctp_export(a, NULL, 0, &len);
	ck_assert_int_eq(rc, sluice_sctp_state(a) < SLUICE_SCTP_ESTABLISHED ? SLUICE_WRONG_STATE : SLUICE_NO_SPACE);
}

#define SETTER(function)                                                                                                         \
	{ #function, function }
static const struct setter {
	const char *name;
	void (*set)(sluice_sctp *a);
} setters[] = {
	SETTER(mtu_max_of_nothing),
	SETTER(mtu_max_below_the_mtu),
	SETTER(mtu_max_smaller),
	SETTER(mtu_max_larger),
	SETTER(mtu_max_beyond_all),
	SETTER(mtu_max_back_and_forth),
	SETTER(path_changed),
	SETTER(hints),
	SETTER(streams_of_all_kinds),
	SETTER(parts),
	SETTER(refuse_and_answer),
	SETTER(other_streams),
	SETTER(a_message_by_and_by),
	SETTER(opening_again),
	SETTER(observers),
	SETTER(export_of_its_size),
};

/* ---- the states ---- */

static bool is_in(const struct sctp_host *h, enum sluice_sctp_state state) {
	return sctp_host_state(h) == state;
}

/* Established, packets have grown, a probe is out again, and there is much to send both ways; then a shuts down. */
static void begin_shutdown(struct pair *p) {
	pair_connect(p, SLUICE_S);
	sim_run(&p->sim, p->sim.now + SLUICE_S);
	sluice_sctp_path_changed(p->a->sctp);
	sluice_sctp_path_changed(p->b->sctp);
	sim_settle(&p->sim);
	for (unsigned i = 0; i < 30; i++) {
		pair_send(p, p->a, 0, 10000);
		pair_send(p, p->b, 0, 30000);
	}
	ck_assert_int_eq(sluice_sctp_shutdown(p->a->sctp), 0);
	ck_assert_uint_ne(p->a->sctp->tx.discovery.nonce, 0);
}

/* The host that is in the state for the first time. */
static struct sctp_host *reach(struct pair *p, enum sluice_sctp_state state) {
	uint64_t limit = p->sim.now + 30 * SLUICE_S;
	struct sctp_host *h = state == SLUICE_SCTP_SHUTDOWN_RECEIVED || state == SLUICE_SCTP_SHUTDOWN_ACK_SENT ? p->b : p->a;
	if (state == SLUICE_SCTP_CLOSED)
		return h;
	if (state < SLUICE_SCTP_ESTABLISHED)
		ck_assert_int_eq(sluice_sctp_connect(h->sctp), 0);
	else if (state == SLUICE_SCTP_ESTABLISHED)
		pair_connect(p, SLUICE_S);
	else
		begin_shutdown(p);
	ck_assert(SIM_UNTIL(&p->sim, limit, is_in(h, state)));
	return h;
}

/* On to the end, whatever the state is. */
static void finish(struct pair *p, const char *setter, enum sluice_sctp_state state) {
	uint64_t limit = p->sim.now + 120 * SLUICE_S;
	if (is_in(p->a, SLUICE_SCTP_CLOSED) && !p->a->connected)
		ck_assert_int_eq(sluice_sctp_connect(p->a->sctp), 0);
	ck_assert(p->a->ended || SIM_UNTIL(&p->sim, limit, p->b->connected && sctp_host_state(p->a) >= SLUICE_SCTP_ESTABLISHED));
	if (is_in(p->a, SLUICE_SCTP_ESTABLISHED)) {
		for (unsigned i = 0; i < 20; i++) {
			pair_send(p, p->a, 0, 10000);
			pair_send(p, p->a, 1, 1);
		}
		sim_run(&p->sim, p->sim.now + 2 * SLUICE_S);
		ck_assert_int_eq(sluice_sctp_shutdown(p->a->sctp), 0);
	}
	if (!SIM_UNTIL(&p->sim, limit, p->a->ended && p->b->ended))
		sim_fail(&p->sim, "%s in %s: no end: %s and %s", setter, sluice_sctp_state_name(state),
		         sluice_sctp_state_name(sctp_host_state(p->a)), sluice_sctp_state_name(sctp_host_state(p->b)));
	ck_assert_int_eq(p->a->end_error, 0);
	ck_assert_int_eq(p->b->end_error, 0);
	ck_assert(ledger_complete(&p->to_a) && ledger_complete(&p->to_b));
}

START_TEST(test_no_setter_harms_an_association_in_any_state) {
	for (enum sluice_sctp_state state = SLUICE_SCTP_CLOSED; state <= SLUICE_SCTP_SHUTDOWN_ACK_SENT; state++)
		for (size_t i = 0; i < sizeof setters / sizeof *setters; i++) {
			struct pair_config c;
			struct pair p;
			pair_config_init(&c);
			c.a.mtu_max = c.b.mtu_max = 4000;
			c.ab.rate = c.ba.rate = 20000000;
			pair_init(&p, &c);
			struct sctp_host *h = reach(&p, state);
			setters[i].set(h->sctp);
			ck_assert_msg(association_check(h->sctp), "%s in %s", setters[i].name, sluice_sctp_state_name(state));
			finish(&p, setters[i].name, state);
			setters[i].set(h->sctp); /* and once it is over */
			ck_assert_msg(association_check(h->sctp), "%s at the end", setters[i].name);
			pair_free(&p);
		}
}
END_TEST

/* ---- answers to probes that are no longer out ---- */

static void give_heartbeat_ack(struct script *s, const struct wire_chunk *heartbeat) {
	uint8_t space[1500];
	struct writer w = script_begin(s, space, sizeof space);
	wire_chunk_write(&w, WIRE_HEARTBEAT_ACK, 0, heartbeat->value, heartbeat->len);
	script_give(s, &w);
}

/* Established, with a probe out, which is left in *probe: it points into the script's packets. */
static void probing(struct script *s, struct wire_chunk *probe) {
	sluice_sctp_config config;
	sluice_sctp_config_init(&config);
	config.mtu_max = 1600;
	script_init(s, &config);
	ck_assert(script_open_passive(s));
	sluice_sctp_path_changed(s->sctp);
	script_collect(s);
	ck_assert_ptr_nonnull(script_expect(s, WIRE_HEARTBEAT, probe));
}

static void check_size(struct script *s, uint32_t size) {
	sluice_sctp_stats stats;
	sluice_sctp_stats_get(s->sctp, &stats);
	ck_assert_uint_eq(stats.mtu, size);
	ck_assert(association_check(s->sctp));
}

START_TEST(test_an_answer_to_a_probe_that_is_forgotten_is_ignored) {
	static void (*const forget[])(sluice_sctp *) = {mtu_max_of_nothing, mtu_max_back_and_forth, path_changed};
	for (size_t i = 0; i < sizeof forget / sizeof *forget; i++) {
		for (unsigned shut = 0; shut < 2; shut++) {
			struct script s;
			struct wire_chunk probe;
			probing(&s, &probe);
			ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, "unacknowledged", 14), 0);
			if (shut)
				ck_assert_int_eq(sluice_sctp_shutdown(s.sctp), 0);
			forget[i](s.sctp);
			uint64_t before = s.sctp->stats.chunks_discarded;
			give_heartbeat_ack(&s, &probe);
			ck_assert_uint_eq(s.sctp->stats.chunks_discarded, before + 1);
			ck_assert_uint_eq(s.sctp->tx.counters.mtu_probes_acked, 0);
			check_size(&s, 1188);
			script_run(&s, s.now + 20 * SLUICE_S);
			give_heartbeat_ack(&s, &probe);
			check_size(&s, 1188);
			script_free(&s);
		}
	}
}
END_TEST

START_TEST(test_a_second_answer_to_one_probe_is_ignored) {
	struct script s;
	struct wire_chunk probe;
	probing(&s, &probe);
	give_heartbeat_ack(&s, &probe);
	ck_assert_uint_eq(s.sctp->tx.counters.mtu_probes_acked, 1);
	give_heartbeat_ack(&s, &probe);
	ck_assert_uint_eq(s.sctp->tx.counters.mtu_probes_acked, 1);
	check_size(&s, 1188);
	script_free(&s);
}
END_TEST

SUITE("sctp_setters", test_no_setter_harms_an_association_in_any_state, test_an_answer_to_a_probe_that_is_forgotten_is_ignored,
      test_a_second_answer_to_one_probe_is_ignored)
