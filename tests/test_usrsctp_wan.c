/* The networks of sim/wan_table.c with libusrsctp as the other end: both as the sender and as the receiver of the data, and
 * whichever side connects, everything arrives, byte by byte. How fast is for the most part usrsctp's affair, so the time is
 * asserted only generously: nothing may hang. */
#include <stdio.h>

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/sctp_host.h"
#include "suite.h"
#include "usrsctp_host.h"

#define PAIRS 4
#define MBIT UINT64_C(1000000)
#define KB 1024u
#define MB (1024u * KB)

struct network {
	const char *name;
	uint64_t rate, rtt; /* bit/s; ns */
	double queue;       /* in bandwidth-delay products */
	unsigned pairs;     /* that share it; 0: one */
	size_t bytes;       /* each of them sends */
	double loss, reorder;
	uint64_t burst_at, outage_at; /* after the beginning; 0: none */
	uint64_t within;              /* seconds it may take */
};

struct world;

struct twosome {
	struct world *world;
	struct sctp_host *our;
	struct usr *usr;
	struct ledger to_usr, to_us;
	uint32_t messages; /* that we still want to send */
	uint32_t asked;
};

struct world {
	struct sim sim;
	struct bottleneck out, in; /* from us; to us */
	struct twosome pairs[PAIRS];
	unsigned count;
	struct sim_link *burst_on;
};

static void link_shape(struct sim_link *link, struct bottleneck *b, const struct network *n, bool data) {
	link->bottleneck = b;
	link->config.delay = n->rtt / 2;
	link->config.loss = n->loss;
	link->config.reorder = data ? n->reorder : 0;
	link->config.reorder_jitter = 10 * SLUICE_MS;
	if (n->outage_at) {
		link->config.outage_from = SLUICE_S + n->outage_at; /* the world begins at 1 s */
		link->config.outage_to = link->config.outage_from + 2 * SLUICE_S;
	}
}

static void pair_open(struct world *w, struct twosome *p, const struct network *n, bool we_send, bool we_connect) {
	p->world = w;
	p->our = sctp_host_new(&w->sim, "we", NULL);
	p->usr = calloc(1, sizeof *p->usr);
	ck_assert_ptr_nonnull(p->usr);
	usr_open(p->usr, &w->sim, "usrsctp", w->count == 0);
	ledger_init(&p->to_usr, w->sim.seed * 16 + 2 * w->count);
	ledger_init(&p->to_us, w->sim.seed * 16 + 2 * w->count + 1);
	p->our->sends = p->usr->receives = &p->to_usr;
	p->usr->sends = p->our->receives = &p->to_us;
	p->our->user = p->usr->user = p;
	sim_join(&w->sim, p->our->host, p->usr->host, NULL);
	link_shape(sim_link(&w->sim, p->our->host, p->usr->host), &w->out, n, we_send);
	link_shape(sim_link(&w->sim, p->usr->host, p->our->host), &w->in, n, !we_send);
	if (we_connect) {
		usr_listen(p->usr);
		ck_assert_int_eq(sluice_sctp_connect(p->our->sctp), 0);
	} else {
		usr_connect(p->usr);
	}
	w->count++;
}

static void world_open(struct world *w, const struct network *n, bool we_send, bool we_connect) {
	*w = (struct world){0};
	sim_init(&w->sim, sim_seed(1));
	w->sim.describe = packet_describe;
	w->out.rate = w->in.rate = n->rate;
	w->out.queue = w->in.queue = (size_t)((double)(n->rate / 8 * n->rtt / SLUICE_S) * n->queue);
	for (unsigned i = 0; i < (n->pairs ? n->pairs : 1); i++)
		pair_open(w, &w->pairs[i], n, we_send, we_connect);
	const struct twosome *first = &w->pairs[0];
	w->burst_on = we_send ? sim_link(&w->sim, first->our->host, first->usr->host)
	                      : sim_link(&w->sim, first->usr->host, first->our->host);
}

static void world_close(struct world *w) {
	sim_close(&w->sim);
	for (unsigned i = 0; i < w->count; i++) {
		ledger_free(&w->pairs[i].to_us);
		ledger_free(&w->pairs[i].to_usr);
	}
}

static bool all_there(const struct world *w) {
	for (unsigned i = 0; i < w->count; i++) {
		const struct twosome *p = &w->pairs[i];
		if (p->messages || !ledger_complete(&p->to_usr) || !ledger_complete(&p->to_us) ||
		    p->to_us.count != p->usr->next || sctp_host_stats(p->our).buffered)
			return false;
	}
	return true;
}

static void until_there(struct world *w, const struct network *n) {
	if (SIM_UNTIL(&w->sim, SLUICE_S * (1 + n->within), all_there(w))) {
		if (getenv("SLUICE_WAN_SAMPLES"))
			fprintf(stderr, "%-50s %8.3f s\n", n->name, (double)w->sim.now / 1e9 - 1);
		return;
	}
	for (unsigned i = 0; i < w->count; i++)
		fprintf(stderr, "pair %u: %u messages are missing at usrsctp, %u at our side, %u are still to be sent\n", i,
		        w->pairs[i].to_usr.missing, w->pairs[i].to_us.missing, w->pairs[i].messages);
	sim_fail(&w->sim, "%s: not within %u s", n->name, (unsigned)n->within);
}

/* ---- bulk ---- */

#define MESSAGE (16 * KB)

static void send_more(struct sctp_host *h, void *user) {
	struct twosome *p = user;
	while (h->connected && p->messages) {
		int rc = sctp_host_send(h, &(sluice_send_info){.stream = 1}, MESSAGE);
		if (rc == SLUICE_WOULD_BLOCK)
			return;
		ck_assert_int_eq(rc, 0);
		p->messages--;
	}
}

static void drop_burst(void *ctx) {
	struct world *w = ctx;
	w->burst_on->config.drop_from = w->burst_on->offered;
	w->burst_on->config.drop_to = w->burst_on->offered + 30;
}

static void transfer(const struct network *n, bool we_send, bool we_connect) {
	struct world w;
	world_open(&w, n, we_send, we_connect);
	for (unsigned i = 0; i < w.count; i++) {
		struct twosome *p = &w.pairs[i];
		p->our->on_idle = send_more;
		for (unsigned m = 0; m < n->bytes / MESSAGE; m++)
			if (we_send)
				p->messages++;
			else
				ledger_note(&p->to_us, 1, false, true, MESSAGE);
	}
	if (n->burst_at)
		sim_at(&w.sim, w.sim.now + n->burst_at, drop_burst, &w);
	until_there(&w, n);
	world_close(&w);
}

static const struct network networks[] = {
	{"1 Gbit/s, RTT 2 ms", 1000 * MBIT, 2 * SLUICE_MS, 1, .bytes = 4 * MB, .within = 30},
	{"1 Gbit/s, RTT 20 ms", 1000 * MBIT, 20 * SLUICE_MS, 1, .bytes = 4 * MB, .within = 30},
	{"1 Gbit/s, RTT 50 ms", 1000 * MBIT, 50 * SLUICE_MS, 1, .bytes = 4 * MB, .within = 30},
	{"1 Gbit/s, RTT 100 ms", 1000 * MBIT, 100 * SLUICE_MS, 1, .bytes = 4 * MB, .within = 60},
	{"1 Gbit/s, RTT 300 ms", 1000 * MBIT, 300 * SLUICE_MS, 1, .bytes = 4 * MB, .within = 60},
	{"100 Mbit/s, 50 ms, loss 0.01%", 100 * MBIT, 50 * SLUICE_MS, 1, .bytes = 2 * MB, .loss = 0.0001, .within = 60},
	{"100 Mbit/s, 50 ms, loss 0.1%", 100 * MBIT, 50 * SLUICE_MS, 1, .bytes = 2 * MB, .loss = 0.001, .within = 60},
	{"100 Mbit/s, 50 ms, loss 1%", 100 * MBIT, 50 * SLUICE_MS, 1, .bytes = 2 * MB, .loss = 0.01, .within = 120},
	{"100 Mbit/s, 50 ms, loss 3%", 100 * MBIT, 50 * SLUICE_MS, 1, .bytes = MB, .loss = 0.03, .within = 180},
	{"100 Mbit/s, 50 ms, queue of 10 BDP", 100 * MBIT, 50 * SLUICE_MS, 10, .bytes = 4 * MB, .within = 30},
	{"10 Mbit/s, 40 ms, 5% reordered by up to 10 ms", 10 * MBIT, 40 * SLUICE_MS, 1, .bytes = MB, .reorder = 0.05,
         .within = 60},
	{"100 Mbit/s, 50 ms, four flows", 100 * MBIT, 50 * SLUICE_MS, 1, .pairs = 4, .bytes = 2 * MB, .within = 60},
	{"100 Mbit/s, 50 ms, a burst of 30 lost packets", 100 * MBIT, 50 * SLUICE_MS, 1, .bytes = 4 * MB,
         .burst_at = SLUICE_S / 2, .within = 60},
	{"100 Mbit/s, 50 ms, outage of 2 s", 100 * MBIT, 50 * SLUICE_MS, 1, .bytes = 4 * MB, .outage_at = SLUICE_S / 2,
         .within = 60},
};

static void transfers(bool we_send, bool we_connect) {
	for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
		transfer(&networks[i], we_send, we_connect);
}

START_TEST(test_what_we_send_arrives_at_usrsctp_over_every_network) {
	transfers(true, true);
}
END_TEST

START_TEST(test_what_we_send_arrives_at_usrsctp_over_every_network_when_it_connects) {
	transfers(true, false);
}
END_TEST

START_TEST(test_what_usrsctp_sends_arrives_over_every_network) {
	transfers(false, false);
}
END_TEST

START_TEST(test_what_usrsctp_sends_arrives_over_every_network_when_we_connect) {
	transfers(false, true);
}
END_TEST

/* ---- requests and responses of 10 KB at 1 % loss ---- */

#define REQUESTS 100
#define REQUEST 200
#define RESPONSE (10 * KB)

static const struct network lossy = {.name = "requests and responses, 50 ms, loss 1%",
                                     .rate = 100 * MBIT,
                                     .rtt = 50 * SLUICE_MS,
                                     .queue = 1,
                                     .loss = 0.01,
                                     .within = 120};

static void we_ask(struct sctp_host *h, void *user) {
	struct twosome *p = user;
	if (!h->connected || !p->messages || h->messages < p->asked)
		return;
	p->asked++;
	p->messages--;
	ck_assert_int_eq(sctp_host_send(h, &(sluice_send_info){.stream = 1}, REQUEST), 0);
}

static void usr_answers(struct usr *u) {
	ledger_note(u->sends, 1, false, true, RESPONSE);
}

START_TEST(test_usrsctp_answers_our_requests) {
	struct world w;
	world_open(&w, &lossy, true, true);
	w.pairs[0].messages = REQUESTS;
	w.pairs[0].our->on_idle = we_ask;
	w.pairs[0].usr->on_message = usr_answers;
	until_there(&w, &lossy);
	ck_assert_uint_eq(w.pairs[0].to_us.arrived, REQUESTS);
	world_close(&w);
}
END_TEST

static void we_answer(struct sctp_host *h, const sluice_sctp_event *e, void *user) {
	(void)user;
	if (e->type == SLUICE_SCTP_MESSAGE)
		ck_assert_int_eq(sctp_host_send(h, &(sluice_send_info){.stream = 1}, RESPONSE), 0);
}

static void usr_asks(struct usr *u) {
	if (u->sends->count < REQUESTS)
		ledger_note(u->sends, 1, false, true, REQUEST);
}

START_TEST(test_we_answer_the_requests_of_usrsctp) {
	struct world w;
	world_open(&w, &lossy, false, false);
	w.pairs[0].our->on_event = we_answer;
	w.pairs[0].usr->on_message = usr_asks;
	usr_asks(w.pairs[0].usr);
	until_there(&w, &lossy);
	ck_assert_uint_eq(w.pairs[0].to_usr.arrived, REQUESTS);
	world_close(&w);
}
END_TEST

/* ---- 64 bytes, 2,000 a second, never sent again, 10 % loss ---- */

#define SMALLS 4000
#define SMALL 64
#define TICK_OF_APP (SLUICE_MS / 2)

static const struct network bad = {.name = "64 bytes unreliably, 50 ms, loss 10%",
                                   .rate = 10 * MBIT,
                                   .rtt = 50 * SLUICE_MS,
                                   .queue = 1,
                                   .loss = 0.1,
                                   .within = 60};

static void we_tick(void *ctx) {
	struct twosome *p = ctx;
	if (p->our->connected && p->usr->connected) {
		const sluice_send_info info = {.stream = 1, .unordered = true, .reliability = SLUICE_MAX_RETRANSMITS};
		ck_assert_int_eq(sctp_host_send(p->our, &info, SMALL), 0);
		p->messages--;
	}
	if (p->messages)
		sim_at(&p->world->sim, p->world->sim.now + TICK_OF_APP, we_tick, p);
}

START_TEST(test_our_unreliable_messages_reach_usrsctp) {
	struct world w;
	world_open(&w, &bad, true, true);
	w.pairs[0].messages = SMALLS;
	we_tick(&w.pairs[0]);
	until_there(&w, &bad);
	ck_assert_uint_ge(w.pairs[0].to_usr.arrived, SMALLS * 0.85);
	world_close(&w);
}
END_TEST

static void usr_tick(void *ctx) {
	struct twosome *p = ctx;
	if (p->our->connected && p->usr->connected)
		ledger_note(&p->to_us, 1, true, false, SMALL);
	if (p->to_us.count < SMALLS)
		sim_at(&p->world->sim, p->world->sim.now + TICK_OF_APP, usr_tick, p);
}

START_TEST(test_unreliable_messages_of_usrsctp_reach_us) {
	struct world w;
	world_open(&w, &bad, false, false);
	usr_tick(&w.pairs[0]);
	ck_assert(
		SIM_UNTIL(&w.sim, w.sim.now + 60 * SLUICE_S, w.pairs[0].to_us.count == SMALLS && w.pairs[0].usr->next == SMALLS));
	sim_run(&w.sim, w.sim.now + 10 * SLUICE_S);
	ck_assert_uint_ge(w.pairs[0].to_us.arrived, SMALLS * 0.85);
	world_close(&w);
}
END_TEST

SUITE("usrsctp_wan", test_what_we_send_arrives_at_usrsctp_over_every_network,
      test_what_we_send_arrives_at_usrsctp_over_every_network_when_it_connects,
      test_what_usrsctp_sends_arrives_over_every_network, test_what_usrsctp_sends_arrives_over_every_network_when_we_connect,
      test_usrsctp_answers_our_requests, test_we_answer_the_requests_of_usrsctp, test_our_unreliable_messages_reach_usrsctp,
      test_unreliable_messages_of_usrsctp_reach_us)
