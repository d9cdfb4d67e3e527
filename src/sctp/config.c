#include "sctp/config.h"

#include "sctp/tx/sender.h"

#include <string.h>

void sluice_sctp_config_init(sluice_sctp_config *config) {
	*config = (sluice_sctp_config){.size = sizeof *config};
}

#define DEFAULT(field, value)                                                                                                    \
	do {                                                                                                                     \
		if (c->field == 0)                                                                                               \
			c->field = (value);                                                                                      \
	} while (0)

/* RFC 9260, 9.2: T5-shutdown-guard "SHOULD be set to the recommended value of 5 times 'RTO.Max'", which is 60 s there. Ours is 3
 * s, and five times that is less than an honest peer may need for what it has accepted: on a slow or lossy path its messages
 * would be lost. */
static uint64_t default_guard(uint64_t rto_max) {
	if (rto_max > CONFIG_DURATION_MAX)
		return SLUICE_NEVER; /* it is refused anyway */
	return 5 * (rto_max > 60 * SLUICE_S ? rto_max : 60 * SLUICE_S);
}

static void fill_in(sluice_sctp_config *c) {
	bool window_grows = c->receive_window == 0;
	DEFAULT(local_port, 5000);
	DEFAULT(remote_port, 5000);
	DEFAULT(outbound_streams, 65535);
	DEFAULT(inbound_streams, 65535);
	DEFAULT(mtu, 1188);
	DEFAULT(receive_window, 2u << 20);
	DEFAULT(max_message_size, 262144);
	/* A message is put together inside the window; one that does not fit it with what its fragments cost beside their payload
	 * would wait for ever. */
	uint64_t one_message = (uint64_t)c->max_message_size + c->max_message_size / 4;
	if (c->receive_window < one_message)
		c->receive_window = one_message < UINT32_MAX ? (uint32_t)one_message : UINT32_MAX;
	DEFAULT(rto_initial, 500 * SLUICE_MS);
	DEFAULT(rto_min, 300 * SLUICE_MS);
	DEFAULT(rto_max, 3 * SLUICE_S);
	DEFAULT(cookie_lifetime, 60 * SLUICE_S);
	DEFAULT(heartbeat_interval, 30 * SLUICE_S);
	DEFAULT(shutdown_guard, default_guard(c->rto_max));
	DEFAULT(init_max_retransmits, 8);
	DEFAULT(association_max_retransmits, CONFIG_MAX_RETRANSMITS);
	DEFAULT(initial_window, 10 * c->mtu);
	DEFAULT(min_window, 4 * c->mtu); /* RFC 9260, 7.2.3: "ssthresh = max(cwnd / 2, 4 * PMDCS)" */
	DEFAULT(max_window, UINT64_MAX);
	DEFAULT(congestion_control, SLUICE_CC_CUBIC);
	DEFAULT(recovery, SLUICE_RECOVERY_RACK);
	DEFAULT(pacing, SLUICE_PACING_ON);
	DEFAULT(scheduler, SLUICE_SCHEDULER_WEIGHTED_FAIR);
	DEFAULT(sack_policy, SLUICE_SACK_ADAPTIVE);
	DEFAULT(mtu_max, c->mtu);
	DEFAULT(receive_window_max, window_grows ? 64u << 20 : c->receive_window);
	if (c->receive_window_max < c->receive_window)
		c->receive_window_max = c->receive_window;
}

static bool durations_valid(const sluice_sctp_config *c) {
	return c->rto_initial <= CONFIG_DURATION_MAX && c->rto_min <= c->rto_max && c->rto_max <= CONFIG_DURATION_MAX &&
	       c->cookie_lifetime <= CONFIG_DURATION_MAX && c->sack_delay <= 500 * SLUICE_MS &&
	       (c->heartbeat_interval <= CONFIG_DURATION_MAX || c->heartbeat_interval == SLUICE_NEVER) &&
	       (c->shutdown_guard <= 5 * CONFIG_DURATION_MAX || c->shutdown_guard == SLUICE_NEVER);
}

static bool valid(const sluice_sctp_config *c) {
	return durations_valid(c) && c->mtu >= 296 && c->mtu <= SLUICE_SCTP_MTU_MAX && c->receive_window >= 4096 &&
	       cc_by_number(c->congestion_control) && (unsigned)c->recovery <= SLUICE_RECOVERY_RACK &&
	       (unsigned)c->pacing <= SLUICE_PACING_OFF && sched_by_number(c->scheduler) &&
	       (unsigned)c->sack_policy <= SLUICE_SACK_ADAPTIVE && c->mtu_max <= SLUICE_SCTP_MTU_MAX &&
	       (c->checksum == SLUICE_CHECKSUM_CRC32C || c->checksum == SLUICE_CHECKSUM_DTLS);
}

int config_complete(sluice_sctp_config *to, const sluice_sctp_config *from) {
	sluice_sctp_config_init(to);
	if (from) {
		if (from->size == 0 || from->size > sizeof *to)
			return SLUICE_INVALID;
		memcpy(to, from, from->size);
		to->size = sizeof *to;
	}
	fill_in(to);
	return valid(to) ? 0 : SLUICE_INVALID;
}

void config_walk(sluice_sctp_config *c, struct walk *w) {
	WALK(w, c->size), WALK(w, c->local_port), WALK(w, c->remote_port), WALK(w, c->outbound_streams),
		WALK(w, c->inbound_streams);
	WALK(w, c->receive_window), WALK(w, c->receive_window_max), WALK(w, c->max_message_size), WALK(w, c->partial_delivery);
	WALK(w, c->high_water), WALK(w, c->scheduler), WALK(w, c->nagle);
	WALK(w, c->mtu), WALK(w, c->mtu_max), WALK(w, c->checksum), WALK(w, c->sack_policy), WALK(w, c->sack_delay);
	WALK(w, c->congestion_control), WALK(w, c->pacing), WALK(w, c->recovery);
	WALK(w, c->initial_window), WALK(w, c->min_window), WALK(w, c->max_window), WALK(w, c->max_burst);
	WALK(w, c->max_outstanding_chunks), WALK(w, c->beta), WALK(w, c->startup_gain), WALK(w, c->cwnd_gain);
	WALK(w, c->target_delay), WALK(w, c->rto_initial), WALK(w, c->rto_min), WALK(w, c->rto_max);
	WALK(w, c->init_max_retransmits), WALK(w, c->association_max_retransmits), WALK(w, c->cookie_lifetime);
	WALK(w, c->heartbeat_interval), WALK(w, c->shutdown_guard);
	WALK(w, c->no_pr_sctp), WALK(w, c->no_reconfig), WALK(w, c->no_interleaving);
	walk_refuse(w, c->size != sizeof *c);
}
