/* Hand-over: an association becomes bytes and goes on elsewhere, and the peer notices nothing. */
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sctp/association.h"
#include "suite.h"

#include "sim/assert.h"
#include "sim/direct.h"
#include "sim/pair.h"
#include "sim/script.h"

static uint8_t *export_of(sluice_sctp *a, size_t *len) {
	ck_assert_int_eq(sluice_sctp_export(a, NULL, 0, len), SLUICE_NO_SPACE);
	uint8_t *bytes = malloc(*len);
	ck_assert_ptr_nonnull(bytes);
	size_t again;
	ck_assert_int_eq(sluice_sctp_export(a, bytes, *len - 1, &again), SLUICE_NO_SPACE);
	ck_assert_int_eq(sluice_sctp_export(a, bytes, *len, &again), 0);
	ck_assert_uint_eq(again, *len);
	return bytes;
}

/* The host's association lives on in another. */
static void hand_over(struct sctp_host *h, uint64_t now) {
	size_t len;
	uint8_t *bytes = export_of(h->sctp, &len);
	sluice_sctp_free(h->sctp);
	int rc = sluice_sctp_import(h->env, bytes, len, now, &h->sctp);
	if (rc)
		sim_fail(h->sim, "host %s: import says %s", h->host->name, sluice_error_name(rc));
	free(bytes);
}

/* ---- in the simulator ---- */

static sluice_send_info any_info(struct rng *r, bool partial) {
	sluice_send_info info = {.stream = (uint16_t)rng_below(r, 9), .unordered = rng_chance(r, 0.3)};
	if (partial && rng_chance(r, 0.3)) {
		info.reliability = rng_chance(r, 0.5) ? SLUICE_MAX_RETRANSMITS : SLUICE_LIFETIME;
		info.value = (uint32_t)rng_below(r, info.reliability == SLUICE_LIFETIME ? 500 : 3);
	}
	return info;
}

static void act(struct rng *r, struct sctp_host *h, unsigned *left, bool partial) {
	for (uint64_t n = rng_below(r, 8); n > 0 && *left > 0; n--) {
		sluice_send_info info = any_info(r, partial);
		size_t len = rng_chance(r, 0.2) ? rng_range(r, 1, 60000) : rng_range(r, 1, 3000);
		int rc = sctp_host_send(h, &info, len);
		if (rc == SLUICE_WOULD_BLOCK)
			return;
		ck_assert_int_eq(rc, 0);
		--*left;
	}
	h->keep = *left > 0 && rng_chance(r, 0.3);
	while (h->kept_count && (!h->keep || rng_chance(r, 0.5)))
		sctp_host_release_one(h);
}

static void one_world(uint64_t seed) {
	struct rng r = rng_of(seed, 77);
	struct pair_config c;
	pair_config_init(&c);
	c.seed = seed;
	c.no_record = true;
	c.ab.loss = c.ba.loss = rng_below(&r, 8) * 0.01;
	c.ab.rate = c.ba.rate = rng_chance(&r, 0.5) ? 50000000 : 5000000;
	c.ab.jitter = c.ba.jitter = rng_chance(&r, 0.5) ? 5 * SLUICE_MS : 0;
	c.ab.reorder = c.ba.reorder = rng_chance(&r, 0.3) ? 0.05 : 0;
	c.ab.reorder_delay = c.ba.reorder_delay = 8 * SLUICE_MS;
	c.a.no_interleaving = rng_chance(&r, 0.5);
	c.a.congestion_control = (enum sluice_cc)rng_below(&r, cc_count() + 1);
	c.b.congestion_control = (enum sluice_cc)rng_below(&r, cc_count() + 1);
	c.a.recovery = rng_chance(&r, 0.3) ? SLUICE_RECOVERY_RFC9260 : SLUICE_RECOVERY_DEFAULT;
	c.b.sack_policy = rng_chance(&r, 0.3) ? SLUICE_SACK_EVERY_SECOND : SLUICE_SACK_DEFAULT;
	c.a.partial_delivery = c.b.partial_delivery = rng_chance(&r, 0.3) ? 4000 : 0;
	bool partial = rng_chance(&r, 0.4);
	struct pair p;
	pair_start(&p, &c);
	unsigned left[2] = {(unsigned)rng_range(&r, 20, 150), (unsigned)rng_range(&r, 0, 150)}, moves = 0;
	struct sctp_host *hosts[2] = {p.a, p.b};
	while (left[0] || left[1] || moves < 10) {
		for (unsigned i = 0; i < 2; i++)
			act(&r, hosts[i], &left[i], partial);
		sim_run(&p.sim, p.sim.now + rng_below(&r, 40 * SLUICE_MS));
		if (rng_chance(&r, 0.5)) {
			hand_over(hosts[rng_below(&r, 2)], p.sim.now);
			moves++;
		}
		ck_assert(p.sim.now < p.started + 600 * SLUICE_S);
	}
	for (unsigned i = 0; i < 2; i++) {
		hosts[i]->keep = false;
		sctp_host_release_all(hosts[i]);
	}
	if (rng_chance(&r, 0.5))
		pair_deliver(&p, 300 * SLUICE_S);
	ck_assert_int_eq(sluice_sctp_shutdown(p.a->sctp), 0);
	for (unsigned i = 0; i < 5 && !p.a->ended && !p.b->ended; i++) {
		sim_run(&p.sim, p.sim.now + rng_below(&r, 30 * SLUICE_MS));
		struct sctp_host *h = hosts[rng_below(&r, 2)];
		if (sctp_host_state(h) != SLUICE_SCTP_CLOSED)
			hand_over(h, p.sim.now);
	}
	if (!SIM_UNTIL(&p.sim, p.started + 1800 * SLUICE_S, p.a->ended && p.b->ended))
		sim_fail(&p.sim, "no end: %s and %s, %u and %u missing", sluice_sctp_state_name(sctp_host_state(p.a)),
		         sluice_sctp_state_name(sctp_host_state(p.b)), p.to_a.missing, p.to_b.missing);
	ck_assert_int_eq(p.a->end_error, 0);
	ck_assert_int_eq(p.b->end_error, 0);
	ck_assert(ledger_complete(&p.to_a) && ledger_complete(&p.to_b));
	ck_assert_uint_eq(p.a->restarted + p.b->restarted, 0);
	pair_free(&p);
}

START_TEST(test_a_transfer_that_is_handed_over_at_any_moment_completes) {
	for (uint64_t n = sim_first(1); n <= sim_last(sim_seeds(150)); n++)
		one_world(n);
}
END_TEST

/* ---- the old one ---- */

static void started(struct script *s) {
	script_init(s, NULL);
	ck_assert(script_open_passive(s));
}

START_TEST(test_only_a_live_association_is_handed_over) {
	struct script s;
	size_t len;
	script_init(&s, NULL);
	ck_assert_int_eq(sluice_sctp_export(s.sctp, NULL, 0, &len), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_sctp_connect(s.sctp), 0);
	ck_assert_int_eq(sluice_sctp_export(s.sctp, NULL, 0, &len), SLUICE_WRONG_STATE);
	script_free(&s);
}
END_TEST

START_TEST(test_the_old_one_says_no_word_and_hears_none) {
	struct script s;
	size_t len;
	started(&s);
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, "hello", 5), 0);
	free(export_of(s.sctp, &len));
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
	script_collect(&s);
	ck_assert_ptr_null(script_next(&s));
	ck_assert_uint_eq(s.event_count, 1); /* CONNECTED, of before */
	script_give_data(&s, s.tsn, 0, 0, WIRE_DATA_B | WIRE_DATA_E, 100);
	script_run(&s, s.now + 10 * SLUICE_S);
	ck_assert_ptr_null(script_next(&s));
	ck_assert_int_eq(sluice_sctp_connect(s.sctp), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_sctp_export(s.sctp, NULL, 0, &len), SLUICE_WRONG_STATE);
	script_free(&s);
}
END_TEST

static void count_release(void *ctx) {
	++*(unsigned *)ctx;
}

START_TEST(test_lent_messages_are_copied_and_released) {
	struct script s;
	started(&s);
	static char lent[] = "lent";
	unsigned released = 0;
	struct iovec iov = {lent, sizeof lent};
	ck_assert_int_eq(sluice_sctp_sendv(s.sctp, &(sluice_send_info){0}, &iov, 1, count_release, &released), 0);
	size_t len;
	uint8_t *bytes = export_of(s.sctp, &len);
	ck_assert_uint_eq(released, 1);
	sluice_sctp *old = s.sctp;
	lent[0] = 'L';
	ck_assert_int_eq(sluice_sctp_import(s.env, bytes, len, s.now, &s.sctp), 0);
	sluice_sctp_free(old);
	script_collect(&s);
	struct wire_chunk c;
	struct wire_data d;
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_DATA, &c));
	ck_assert_int_eq(wire_data_read(&c, &d), 0);
	ck_assert_mem_eq(d.payload, "lent", 5);
	free(bytes);
	script_free(&s);
}
END_TEST

START_TEST(test_the_clock_there_may_be_another_one) {
	struct script s;
	started(&s);
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, "hello", 5), 0);
	script_collect(&s);
	script_skip(&s);
	uint64_t due = sluice_sctp_deadline(s.sctp) - s.now;
	size_t len;
	uint8_t *bytes = export_of(s.sctp, &len);
	sluice_sctp_free(s.sctp);
	s.now = 5 * SLUICE_MS; /* it has just been switched on */
	ck_assert_int_eq(sluice_sctp_import(s.env, bytes, len, s.now, &s.sctp), 0);
	script_collect(&s);
	ck_assert_uint_le(sluice_sctp_deadline(s.sctp) - s.now, due);
	ck_assert_uint_ge(sluice_sctp_deadline(s.sctp) - s.now + 100 * SLUICE_MS, due);
	script_run(&s, s.now + 3 * SLUICE_S);
	ck_assert_uint_ge(script_pending(&s, WIRE_DATA), 1); /* again */
	free(bytes);
	script_free(&s);
}
END_TEST

/* ---- bytes that are not ours ---- */

/* One with some of everything in it. */
static uint8_t *rich_blob(struct pair *p, size_t *len) {
	struct pair_config c;
	pair_config_init(&c);
	c.ab.loss = c.ba.loss = 0.1;
	c.ab.rate = c.ba.rate = 10000000;
	pair_start(p, &c);
	struct rng r = rng_of(5, 5);
	unsigned left = 60, back = 30;
	while (left || back) {
		act(&r, p->a, &left, true);
		act(&r, p->b, &back, true);
		sim_run(&p->sim, p->sim.now + 5 * SLUICE_MS);
	}
	return export_of(p->b->sctp, len);
}

static void pair_give_up(struct pair *p) {
	sluice_sctp_abort(p->a->sctp, NULL);
	ledger_forgive(&p->to_a);
	ledger_forgive(&p->to_b);
	pair_free(p);
}

START_TEST(test_a_blob_with_any_byte_changed_is_refused) {
	struct pair p;
	size_t len;
	uint8_t *bytes = rich_blob(&p, &len);
	sluice_sctp *a = NULL;
	for (size_t i = 0; i < len; i++) {
		uint8_t was = bytes[i];
		bytes[i] ^= (uint8_t)(1 + i % 255);
		int rc = sluice_sctp_import(p.b->env, bytes, len, SLUICE_S, &a);
		ck_assert(rc == SLUICE_MALFORMED || rc == SLUICE_UNSUPPORTED);
		bytes[i] = was;
		if (i > 4096)
			i += 97;
	}
	ck_assert_ptr_null(a);
	free(bytes);
	pair_give_up(&p);
}
END_TEST

START_TEST(test_a_blob_cut_short_or_of_another_version_is_refused) {
	struct pair p;
	size_t len;
	uint8_t *bytes = rich_blob(&p, &len);
	sluice_sctp *a;
	for (size_t i = 0; i < len; i += i < 500 ? 1 : 997)
		ck_assert_int_eq(sluice_sctp_import(p.b->env, bytes, i, SLUICE_S, &a), SLUICE_MALFORMED);
	bytes[4]++;
	ck_assert_int_eq(sluice_sctp_import(p.b->env, bytes, len, SLUICE_S, &a), SLUICE_UNSUPPORTED);
	free(bytes);
	pair_give_up(&p);
}
END_TEST

START_TEST(test_an_import_without_memory_leaves_nothing_behind) {
	struct pair p;
	size_t len;
	uint8_t *bytes = rich_blob(&p, &len);
	sluice_sctp *a = NULL;
	size_t live = p.b->memory.live;
	int rc = SLUICE_NO_MEMORY;
	for (uint64_t n = 1; rc; n++) {
		p.b->memory.fail_at = n;
		rc = sluice_sctp_import(p.b->env, bytes, len, SLUICE_S, &a);
		p.b->memory.fail_at = 0;
		ck_assert(rc == 0 || rc == SLUICE_NO_MEMORY);
		if (rc)
			ck_assert_uint_le(p.b->memory.live, live + 2000); /* pools keep blocks */
	}
	ck_assert(association_check(a));
	sluice_sctp_free(a);
	free(bytes);
	pair_give_up(&p);
}
END_TEST

/* ---- two processes ---- */

#define MESSAGES 400u
#define LENGTH 5000u

static void pump(int socket, sluice_sctp *a, uint64_t *now, unsigned *got) {
	uint8_t space[65536];
	sluice_batch b = {.data = space, .capacity = sizeof space, .max_datagrams = 32};
	*now += SLUICE_MS / 4;
	while (sluice_sctp_output(a, &b, *now) > 0)
		for (size_t i = 0; i < b.count; i++)
			(void)!send(socket, sluice_batch_slot(&b, i), sluice_batch_slot_len(&b, i), MSG_DONTWAIT);
	uint8_t in[2048];
	for (ssize_t n; (n = recv(socket, in, sizeof in, MSG_DONTWAIT)) > 0;) {
		sluice_datagram d = {.data = in, .len = (size_t)n};
		sluice_sctp_input(a, &d, 1, *now);
	}
	if (sluice_sctp_deadline(a) <= *now)
		sluice_sctp_advance(a, *now);
	sluice_sctp_event e;
	while (sluice_sctp_poll(a, &e)) {
		if (!e.message)
			continue;
		const uint8_t *data = sluice_message_data(e.message);
		for (size_t i = 0; i < e.message->len; i++)
			if (data[i] != (uint8_t)(*got * 31 + i))
				_exit(2);
		++*got;
		sluice_message_release(e.message);
	}
	usleep(50);
}

/* The child: it gets the association as bytes through a pipe, has a clock of its own, and takes what is still to come. */
static void resume_there(int pipe, int socket, unsigned got) {
	static uint8_t bytes[32 << 20];
	size_t len = 0;
	for (ssize_t n; (n = read(pipe, bytes + len, sizeof bytes - len)) > 0;)
		len += (size_t)n;
	sluice_env *env;
	sluice_sctp *a;
	uint64_t now = 77 * SLUICE_MS;
	if (sluice_env_new(NULL, &env) || sluice_sctp_import(env, bytes, len, now, &a))
		_exit(3);
	while (got < MESSAGES)
		pump(socket, a, &now, &got);
	for (unsigned i = 0; i < 2000; i++) /* the last acknowledgements, and the other side's shutdown */
		pump(socket, a, &now, &got);
	int end = sluice_sctp_state(a) == SLUICE_SCTP_CLOSED && got == MESSAGES ? 0 : 4;
	sluice_sctp_free(a);
	sluice_env_free(env);
	_exit(end);
}

static void send_pattern(sluice_sctp *a, unsigned number) {
	uint8_t data[LENGTH];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(number * 31 + i);
	ck_assert_int_eq(sluice_sctp_send(a, &(sluice_send_info){.stream = 1}, data, sizeof data), 0);
}

static unsigned taken;

static void take(struct direct *d, sluice_sctp *at, const sluice_sctp_event *e) {
	(void)d, (void)at;
	if (e->message)
		sluice_message_release(e->message), taken++;
}

START_TEST(test_another_process_goes_on_where_this_one_stopped) {
	sluice_env *env;
	struct direct d;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.high_water = 4 << 20;
	ck_assert_int_eq(direct_open(&d, env, &c), 0);
	d.on_event = take;
	for (unsigned i = 0; i < MESSAGES; i++)
		send_pattern(d.a, i);
	for (unsigned i = 0; i < 5; i++) {
		direct_pass(&d, d.a, d.b);
		direct_pass(&d, d.b, d.a);
	}
	ck_assert_uint_gt(taken, 0);
	ck_assert_uint_lt(taken, MESSAGES);
	size_t len;
	uint8_t *bytes = export_of(d.b, &len);
	int sockets[2], pipes[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
	ck_assert_int_eq(pipe(pipes), 0);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		close(pipes[1]);
		resume_there(pipes[0], sockets[1], taken);
	}
	close(pipes[0]);
	for (size_t at = 0; at < len;) {
		ssize_t n = write(pipes[1], bytes + at, len - at);
		ck_assert_int_gt(n, 0);
		at += (size_t)n;
	}
	close(pipes[1]);
	free(bytes);
	unsigned none = 0;
	int status = -1;
	bool shut = false;
	while (waitpid(child, &status, WNOHANG) == 0) {
		pump(sockets[0], d.a, &d.now, &none);
		sluice_sctp_stats s;
		sluice_sctp_stats_get(d.a, &s);
		if (s.buffered == 0 && !shut)
			shut = sluice_sctp_shutdown(d.a) == 0;
	}
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	direct_close(&d);
	sluice_env_free(env);
	close(sockets[0]);
	close(sockets[1]);
}
END_TEST

/* ---- nobody forgets it ---- */

#define SAME(type, size)                                                                                                         \
	ck_assert_msg(sizeof(type) == (size),                                                                                    \
	              #type                                                                                                      \
	              " has %zu bytes, not " #size                                                                               \
	              ": if a field is new, its module's walk has to carry it (and VERSION in src/sctp/handover.c to rise)",     \
	              sizeof(type))

START_TEST(test_who_adds_a_field_thinks_of_the_hand_over) {
	SAME(struct outgoing, 264);
	SAME(struct tx_message, 64);
	SAME(struct tx_stream, 256);
	SAME(struct tx_timed, 40);
	SAME(struct outstanding, 248);
	SAME(struct tx_chunk, 32);
	SAME(struct txlog, 112);
	SAME(struct tx_packet, 80);
	SAME(struct recovery, 160);
	SAME(struct cc_view, 400);
	SAME(struct pace, 32);
	SAME(struct rto, 56);
	SAME(struct reassembly, 296);
	SAME(struct fragment, 48);
	SAME(struct interleaved, 72);
	SAME(struct partial, 144);
	SAME(struct delivery, 72);
	SAME(struct rx_message, 144);
	SAME(struct event_node, 24);
}
END_TEST

SUITE("handover", test_a_transfer_that_is_handed_over_at_any_moment_completes, test_only_a_live_association_is_handed_over,
      test_the_old_one_says_no_word_and_hears_none, test_lent_messages_are_copied_and_released,
      test_the_clock_there_may_be_another_one, test_a_blob_with_any_byte_changed_is_refused,
      test_a_blob_cut_short_or_of_another_version_is_refused, test_an_import_without_memory_leaves_nothing_behind,
      test_another_process_goes_on_where_this_one_stopped, test_who_adds_a_field_thinks_of_the_hand_over)
