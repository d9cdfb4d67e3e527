/* A sender that lets four packets go for each SACK, as libusrsctp does by default and dcSCTP always: what our SACK policies do to
 * its throughput, when our network card collects packets into batches. */
#include <stdio.h>

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/sctp_host.h"
#include "suite.h"
#include "usrsctp_host.h"

#define MESSAGE (16 * 1024u)

struct outcome {
	double seconds;
	uint64_t sacks, packets;
};

struct line {
	uint64_t rate, coalesce; /* bit/s; ns of packets that come together */
	uint32_t messages;
};

/* usrsctp sends over 20 ms. */
static struct outcome transfer(enum sluice_sack_policy policy, const struct line *line) {
	struct sim sim;
	struct ledger to_us, to_usr;
	sim_init(&sim, sim_seed(1));
	sim.describe = packet_describe;
	ledger_init(&to_us, 1);
	ledger_init(&to_usr, 2);
	sluice_sctp_config config;
	sluice_sctp_config_init(&config);
	config.sack_policy = policy;
	config.receive_window = 8u << 20;
	struct sctp_host *our = sctp_host_new(&sim, "we", &config);
	struct usr *usr = calloc(1, sizeof *usr);
	ck_assert_ptr_nonnull(usr);
	usr_open(usr, &sim, "usrsctp", true);
	usrsctp_sysctl_set_sctp_max_burst_default(4);
	our->sends = usr->receives = &to_usr;
	usr->sends = our->receives = &to_us;
	struct link_config link = {.delay = 10 * SLUICE_MS, .rate = line->rate, .coalesce = line->coalesce};
	sim_join(&sim, our->host, usr->host, &link);
	sim_link(&sim, our->host, usr->host)->config.coalesce = 0;
	usr_connect(usr);
	ck_assert(SIM_UNTIL(&sim, sim.now + 60 * SLUICE_S, our->connected && usr->connected));
	uint64_t begun = sim.now;
	for (uint32_t i = 0; i < line->messages; i++)
		ledger_note(&to_us, 1, false, true, MESSAGE);
	ck_assert(SIM_UNTIL(&sim, sim.now + 300 * SLUICE_S, to_us.count == usr->next && ledger_complete(&to_us)));
	sluice_sctp_stats s = sctp_host_stats(our);
	struct outcome o = {(double)(sim.now - begun) / 1e9, s.sacks_sent, s.packets_received};
	printf("policy %d: %.2f s, %.0f Mbit/s, %.1f packets a SACK\n", (int)policy, o.seconds,
	       line->messages * MESSAGE * 8.0 / 1e6 / o.seconds, (double)o.packets / (double)o.sacks);
	sim_close(&sim);
	clock_of = NULL;
	ledger_free(&to_us);
	ledger_free(&to_usr);
	return o;
}

static const struct line fast = {400000000, 500 * SLUICE_US, 256}, slower = {50000000, 4 * SLUICE_MS, 2048};

START_TEST(test_a_sender_held_to_four_packets_a_sack_is_faster_when_every_second_packet_is_acknowledged) {
	struct outcome second = transfer(SLUICE_SACK_EVERY_SECOND, &fast), batch = transfer(SLUICE_SACK_EVERY_BATCH, &fast);
	ck_assert(10 * second.seconds < batch.seconds);
}
END_TEST

START_TEST(test_the_adaptive_policy_begins_as_such_a_sender_needs_it) {
	struct outcome second = transfer(SLUICE_SACK_EVERY_SECOND, &fast), adaptive = transfer(SLUICE_SACK_DEFAULT, &fast);
	ck_assert(adaptive.seconds < 1.01 * second.seconds);
}
END_TEST

/* Long enough for a trial, which fails. */
START_TEST(test_what_a_trial_costs_such_a_sender_is_little) {
	struct outcome second = transfer(SLUICE_SACK_EVERY_SECOND, &slower), adaptive = transfer(SLUICE_SACK_DEFAULT, &slower);
	ck_assert(adaptive.sacks < second.sacks);
	ck_assert(adaptive.seconds < 1.1 * second.seconds);
}
END_TEST

SUITE("usrsctp_sack", test_a_sender_held_to_four_packets_a_sack_is_faster_when_every_second_packet_is_acknowledged,
      test_the_adaptive_policy_begins_as_such_a_sender_needs_it, test_what_a_trial_costs_such_a_sender_is_little)
