/* The event trace: lines of JSON that say what happened, and nothing that did not. */
#include "suite.h"

#include <jansson.h>

#include "sim/assert.h"
#include "sim/pair.h"
#include "sim/peer_host.h"

/* ---- keeping lines ---- */

struct line {
	json_t *event;
	const char *name; /* of the event; "" for the header */
	json_t *data;
};

struct lines {
	struct line *at;
	size_t count, capacity;
};

static void keep(void *ctx, const char *text, size_t len) {
	struct lines *l = ctx;
	ck_assert_uint_le(len, SLUICE_TRACE_LINE_MAX);
	ck_assert_uint_ge(len, 1);
	ck_assert_ptr_eq(memchr(text, '\n', len), text + len - 1);
	json_error_t error;
	json_t *event = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(event != NULL, "%s in %.*s", error.text, (int)len, text);
	if (l->count == l->capacity) {
		l->capacity = l->capacity ? 2 * l->capacity : 1024;
		l->at = realloc(l->at, l->capacity * sizeof *l->at);
	}
	json_t *name = json_object_get(event, "name");
	l->at[l->count++] = (struct line){event, name ? json_string_value(name) : "", json_object_get(event, "data")};
}

static void lines_free(struct lines *l) {
	for (size_t i = 0; i < l->count; i++)
		json_decref(l->at[i].event);
	free(l->at);
}

static size_t lines_count(const struct lines *l, const char *name) {
	size_t n = 0;
	for (size_t i = 0; i < l->count; i++)
		n += strcmp(l->at[i].name, name) == 0;
	return n;
}

static json_int_t number(const struct line *l, const char *key) {
	return json_integer_value(json_object_get(l->data, key));
}

static json_int_t lines_sum(const struct lines *l, const char *name, const char *key) {
	json_int_t sum = 0;
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->at[i].name, name) == 0)
			sum += number(&l->at[i], key);
	return sum;
}

/* The metric's value in the last line that has it; -1: none has. */
static json_int_t last_metric(const struct lines *l, const char *key) {
	json_int_t value = -1;
	for (size_t i = 0; i < l->count; i++) {
		json_t *v = json_object_get(l->at[i].data, key);
		if (strcmp(l->at[i].name, "sctp:metrics_updated") == 0 && v)
			value = json_integer_value(v);
	}
	return value;
}

/* How many chunks of all packets of that name have the member. */
static size_t chunks_with(const struct lines *l, const char *name, const char *type, const char *member) {
	size_t n = 0;
	for (size_t i = 0; i < l->count; i++) {
		size_t k;
		json_t *chunk;
		if (strcmp(l->at[i].name, name) != 0)
			continue;
		json_array_foreach(json_object_get(l->at[i].data, "chunks"), k, chunk)
			n += strcmp(json_string_value(json_object_get(chunk, "type")), type) == 0 &&
		             (!member || json_object_get(chunk, member));
	}
	return n;
}

/* "CLOSED COOKIE-WAIT ...": each event's "new". */
static void sequence(const struct lines *l, const char *name, char *text, size_t size) {
	*text = 0;
	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->at[i].name, name) != 0)
			continue;
		size_t used = strlen(text);
		snprintf(text + used, size - used, "%s%s", used ? " " : "",
		         json_string_value(json_object_get(l->at[i].data, "new")));
	}
}

static uint64_t line_time(const struct line *l) {
	return (uint64_t)(json_number_value(json_object_get(l->event, "time")) * 1e6 + 0.5);
}

static void count_packet(void *ctx, bool sent, const void *packet, size_t len, uint64_t now) {
	(void)sent;
	(void)packet;
	(void)len;
	(void)now;
	++*(uint64_t *)ctx;
}

/* ---- worlds ---- */

static struct pair_config lossy(void) {
	struct pair_config c;
	pair_config_init(&c);
	c.ab.rate = c.ba.rate = 20000000;
	c.ab.loss = 0.02;
	return c;
}

static void bulk(struct pair *p, unsigned messages) {
	for (unsigned i = 0; i < messages; i++)
		pair_send(p, p->a, (uint16_t)(i % 3), 100 + 1000 * (i % 9));
	pair_deliver(p, 60 * SLUICE_S);
}

START_TEST(test_the_first_line_is_a_header_and_every_line_is_json) {
	struct pair_config c = lossy();
	struct pair p;
	struct lines a = {0}, b = {0};
	pair_init(&p, &c);
	ck_assert_int_eq(sluice_sctp_set_trace(p.a->sctp, keep, &a), 0);
	ck_assert_int_eq(sluice_sctp_set_trace(p.b->sctp, keep, &b), 0);
	ck_assert_uint_eq(a.count, 1);
	const char *schema, *clock;
	ck_assert_int_eq(json_unpack(a.at[0].event, "{s:s, s:{s:{s:{s:s}}}}", "file_schema", &schema, "trace", "common_fields",
	                             "reference_time", "clock_type", &clock),
	                 0);
	ck_assert_str_eq(schema, "urn:ietf:params:qlog:file:sequential");
	ck_assert_str_eq(clock, "monotonic");
	pair_connect(&p, SLUICE_S * 10);
	bulk(&p, 200);
	pair_shutdown(&p, p.a, 10 * SLUICE_S);
	uint64_t before = 0;
	for (size_t i = 1; i < a.count; i++) {
		ck_assert_int_eq(strncmp(a.at[i].name, "sctp:", 5), 0);
		ck_assert(json_is_object(a.at[i].data));
		ck_assert_uint_ge(line_time(&a.at[i]), before);
		before = line_time(&a.at[i]);
	}
	pair_free(&p);
	lines_free(&a);
	lines_free(&b);
}
END_TEST

START_TEST(test_every_packet_on_the_link_has_its_line_and_no_line_is_without_one) {
	struct pair_config c = lossy();
	struct pair p;
	struct lines a = {0};
	pair_init(&p, &c);
	ck_assert_int_eq(sluice_sctp_set_trace(p.a->sctp, keep, &a), 0);
	pair_connect(&p, SLUICE_S * 10);
	bulk(&p, 200);
	size_t at = 0;
	for (size_t i = 0; i < p.recorder.count; i++) {
		const struct recorded *r = &p.recorder.packets[i];
		if (!r->forward)
			continue;
		while (at < a.count && strcmp(a.at[at].name, "sctp:packet_sent") != 0)
			at++;
		ck_assert_uint_lt(at, a.count);
		json_int_t len = 0;
		ck_assert_int_eq(json_unpack(a.at[at].data, "{s:{s:I}}", "raw", "length", &len), 0);
		ck_assert_int_eq(len, (json_int_t)r->len);
		ck_assert_int_eq(number(&a.at[at], "tag"), get_be32(r->bytes + 4));
		ck_assert_uint_eq(line_time(&a.at[at]), r->at);
		at++;
	}
	ck_assert_uint_eq(lines_count(&a, "sctp:packet_sent"), sctp_host_stats(p.a).packets_sent);
	ck_assert_uint_eq(lines_count(&a, "sctp:packet_received"), sctp_host_stats(p.a).packets_received);
	pair_free(&p);
	lines_free(&a);
}
END_TEST

START_TEST(test_what_is_counted_is_told_chunk_by_chunk) {
	struct pair_config c = lossy();
	struct pair p;
	struct lines a = {0}, b = {0};
	pair_init(&p, &c);
	ck_assert_int_eq(sluice_sctp_set_trace(p.a->sctp, keep, &a), 0);
	ck_assert_int_eq(sluice_sctp_set_trace(p.b->sctp, keep, &b), 0);
	pair_connect(&p, SLUICE_S * 10);
	bulk(&p, 300);
	sluice_sctp_stats s = sctp_host_stats(p.a), to = sctp_host_stats(p.b);
	ck_assert_uint_gt(s.retransmitted_chunks, 0);
	ck_assert_uint_eq(chunks_with(&a, "sctp:packet_sent", "I-DATA", NULL), s.data_chunks_sent);
	ck_assert_uint_eq(chunks_with(&a, "sctp:packet_sent", "I-DATA", "retransmission"), s.retransmitted_chunks);
	ck_assert_uint_eq(chunks_with(&b, "sctp:packet_received", "I-DATA", NULL), to.data_chunks_received);
	ck_assert_uint_eq(chunks_with(&b, "sctp:packet_sent", "SACK", NULL), to.sacks_sent);
	ck_assert_int_ge(lines_sum(&a, "sctp:chunks_lost", "count"), (json_int_t)s.retransmitted_chunks);
	ck_assert_int_eq(last_metric(&a, "congestion_window"), s.cwnd);
	ck_assert_int_eq(last_metric(&a, "ssthresh"), s.ssthresh);
	ck_assert_int_eq(last_metric(&a, "bytes_in_flight"), 0);
	ck_assert_int_eq(last_metric(&a, "bytes_acked"), (json_int_t)s.payload_sent);
	ck_assert_int_eq(last_metric(&b, "bytes_delivered"), (json_int_t)s.payload_sent);
	pair_free(&p);
	lines_free(&a);
	lines_free(&b);
}
END_TEST

START_TEST(test_states_are_told_in_their_order) {
	struct pair p;
	struct lines a = {0}, b = {0};
	char text[256];
	pair_init(&p, NULL);
	ck_assert_int_eq(sluice_sctp_set_trace(p.a->sctp, keep, &a), 0);
	ck_assert_int_eq(sluice_sctp_set_trace(p.b->sctp, keep, &b), 0);
	pair_connect(&p, SLUICE_S);
	pair_send(&p, p.a, 0, 1000);
	pair_deliver(&p, SLUICE_S);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
	sequence(&a, "sctp:association_state_updated", text, sizeof text);
	ck_assert_str_eq(text, "COOKIE-WAIT COOKIE-ECHOED ESTABLISHED SHUTDOWN-SENT CLOSED");
	sequence(&b, "sctp:association_state_updated", text, sizeof text);
	ck_assert_str_eq(text, "ESTABLISHED SHUTDOWN-RECEIVED SHUTDOWN-ACK-SENT CLOSED");
	ck_assert_uint_ge(lines_count(&a, "sctp:parameters_set"), 1);
	lines_free(&a);
	lines_free(&b);
}
END_TEST

START_TEST(test_a_loss_is_told_as_a_recovery_and_silence_as_t3) {
	struct pair_config c;
	struct pair p;
	struct lines a = {0};
	char text[256];
	pair_config_init(&c);
	c.ab.rate = 10000000;
	c.a.congestion_control = SLUICE_CC_NEWRENO;
	c.a.recovery = SLUICE_RECOVERY_RFC9260;
	pair_start(&p, &c);
	ck_assert_int_eq(sluice_sctp_set_trace(p.a->sctp, keep, &a), 0);
	struct drop_chunk rule = {.type = WIRE_DATA, .from = 2, .count = 1};
	link_filter(p.ab, drop_chunk, &rule);
	for (unsigned i = 0; i < 10; i++)
		pair_send(&p, p.a, 0, 1100);
	pair_deliver(&p, SLUICE_S);
	sequence(&a, "sctp:congestion_state_updated", text, sizeof text);
	ck_assert_str_eq(text, "slow_start recovery congestion_avoidance");
	ck_assert_int_eq(lines_sum(&a, "sctp:chunks_lost", "count"), 1);
	ck_assert_uint_eq(lines_count(&a, "sctp:timer_expired"), 0);
	link_filters_clear(p.ab);
	p.ab->config.outage_from = p.sim.now;
	p.ab->config.outage_to = p.sim.now + 100 * SLUICE_MS;
	pair_send(&p, p.a, 0, 1100);
	pair_deliver(&p, 10 * SLUICE_S);
	bool t3 = false, lost = false;
	for (size_t i = 0; i < a.count; i++) {
		const char *timer = json_string_value(json_object_get(a.at[i].data, "timer"));
		const char *trigger = json_string_value(json_object_get(a.at[i].data, "trigger"));
		t3 |= timer && strcmp(timer, "T3-rtx") == 0;
		lost |= trigger && strcmp(trigger, "T3-rtx") == 0;
	}
	ck_assert(t3);
	ck_assert(lost);
	pair_free(&p);
	lines_free(&a);
}
END_TEST

START_TEST(test_a_packet_of_too_many_chunks_keeps_its_line_within_the_bound) {
	struct pair_config c;
	struct pair p;
	struct lines a = {0};
	pair_config_init(&c);
	c.a.mtu = c.b.mtu = 16000;
	pair_start(&p, &c);
	ck_assert_int_eq(sluice_sctp_set_trace(p.a->sctp, keep, &a), 0);
	for (unsigned i = 0; i < 400; i++)
		pair_send(&p, p.a, 0, 16);
	pair_deliver(&p, SLUICE_S);
	ck_assert_int_gt(lines_sum(&a, "sctp:packet_sent", "chunks_omitted"), 0);
	ck_assert_int_eq(lines_sum(&a, "sctp:packet_sent", "chunks_omitted") +
	                         (json_int_t)chunks_with(&a, "sctp:packet_sent", "I-DATA", NULL),
	                 400);
	pair_free(&p);
	lines_free(&a);
}
END_TEST

START_TEST(test_abandoned_messages_are_told) {
	struct pair_config c;
	struct pair p;
	struct lines a = {0};
	pair_config_init(&c);
	c.ab.rate = 10000000;
	c.ab.loss = 0.2;
	pair_start(&p, &c);
	ck_assert_int_eq(sluice_sctp_set_trace(p.a->sctp, keep, &a), 0);
	for (unsigned i = 0; i < 100; i++) {
		pair_send_as(&p, p.a, (sluice_send_info){.reliability = SLUICE_MAX_RETRANSMITS}, 500);
		sim_run(&p.sim, p.sim.now + 5 * SLUICE_MS);
	}
	sim_run(&p.sim, p.sim.now + 5 * SLUICE_S);
	ck_assert_uint_gt(sctp_host_stats(p.a).messages_abandoned, 0);
	ck_assert_int_eq(lines_sum(&a, "sctp:messages_abandoned", "count"), (json_int_t)sctp_host_stats(p.a).messages_abandoned);
	pair_free(&p);
	lines_free(&a);
}
END_TEST

START_TEST(test_a_trace_begun_late_knows_the_tags_and_one_that_ended_says_no_more) {
	struct pair p;
	struct lines a = {0};
	pair_start(&p, NULL);
	uint64_t live = p.a->memory.live;
	ck_assert_int_eq(sluice_sctp_set_trace(p.a->sctp, keep, &a), 0);
	json_int_t local = 0, peer = 0;
	ck_assert_int_eq(json_unpack(a.at[0].event, "{s:{s:{s:I, s:I}}}", "trace", "common_fields", "local_tag", &local,
	                             "peer_tag", &peer),
	                 0);
	ck_assert_int_ne(local, 0);
	ck_assert_int_ne(peer, 0);
	pair_send(&p, p.a, 0, 1000);
	pair_deliver(&p, SLUICE_S);
	size_t count = a.count;
	ck_assert_uint_gt(count, 1);
	ck_assert_int_eq(sluice_sctp_set_trace(p.a->sctp, NULL, NULL), 0);
	pair_send(&p, p.a, 0, 1000);
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(a.count, count);
	ck_assert_uint_le(p.a->memory.live, live + 8); /* the trace's own memory is back; pools may have grown */
	pair_free(&p);
	lines_free(&a);
}
END_TEST

START_TEST(test_a_traced_association_does_what_it_does_untraced) {
	struct pair_config c = lossy();
	struct pair p, q;
	struct lines a = {0};
	pair_start(&p, &c);
	pair_init(&q, &c);
	ck_assert_int_eq(sluice_sctp_set_trace(q.a->sctp, keep, &a), 0);
	pair_connect(&q, 10 * SLUICE_S);
	bulk(&p, 100);
	bulk(&q, 100);
	ck_assert_uint_eq(p.recorder.count, q.recorder.count);
	for (size_t i = 0; i < p.recorder.count; i++) {
		ck_assert_uint_eq(p.recorder.packets[i].at, q.recorder.packets[i].at);
		ck_assert_uint_eq(p.recorder.packets[i].len, q.recorder.packets[i].len);
		ck_assert_mem_eq(p.recorder.packets[i].bytes, q.recorder.packets[i].bytes, p.recorder.packets[i].len);
	}
	pair_free(&p);
	pair_free(&q);
	lines_free(&a);
}
END_TEST

START_TEST(test_a_peer_tells_of_its_association) {
	struct sim sim;
	struct lines lines = {0};
	uint64_t packets = 0;
	sim_init(&sim, sim_seed(1));
	struct peer_host *a = peer_host_new(&sim, "a", SLUICE_ROLE_CLIENT, NULL);
	struct peer_host *b = peer_host_new(&sim, "b", SLUICE_ROLE_SERVER, NULL);
	sim_join(&sim, a->host, b->host, &(struct link_config){.delay = 10 * SLUICE_MS});
	peer_host_start(a, b);
	ck_assert_int_eq(sluice_peer_set_trace(a->peer, keep, &lines), 0);
	ck_assert_int_eq(sluice_peer_set_packet_tap(a->peer, count_packet, &packets), 0);
	ck_assert(SIM_UNTIL(&sim, 10 * SLUICE_S, a->state == SLUICE_PEER_CONNECTED && b->state == SLUICE_PEER_CONNECTED));
	sluice_peer_stats stats;
	sluice_peer_stats_get(a->peer, &stats);
	ck_assert_uint_eq(lines_count(&lines, "sctp:packet_sent"), stats.sctp.packets_sent);
	ck_assert_uint_eq(packets, stats.sctp.packets_sent + stats.sctp.packets_received);
	sim_close(&sim);
	lines_free(&lines);
}
END_TEST

SUITE("trace", test_the_first_line_is_a_header_and_every_line_is_json,
      test_every_packet_on_the_link_has_its_line_and_no_line_is_without_one, test_what_is_counted_is_told_chunk_by_chunk,
      test_states_are_told_in_their_order, test_a_loss_is_told_as_a_recovery_and_silence_as_t3,
      test_a_packet_of_too_many_chunks_keeps_its_line_within_the_bound, test_abandoned_messages_are_told,
      test_a_trace_begun_late_knows_the_tags_and_one_that_ended_says_no_more,
      test_a_traced_association_does_what_it_does_untraced, test_a_peer_tells_of_its_association)
