/* sctp_host: a host that runs one bare association and a simple app on it.
 *
 * The app notes every event, checks arriving messages against a ledger if it has one, and releases them (or keeps them, so
 * that the window closes). What a test wants to do beyond that it does in on_event, or between steps of the world. */
#ifndef TESTS_SIM_SCTP_HOST_H
#define TESTS_SIM_SCTP_HOST_H

#include "sluice/sctp.h"

#include "ledger.h"
#include "memory.h"
#include "sim.h"

struct sctp_host {
	sluice_sctp *sctp; /* first: sctp_node.h */
	struct sim_host *host;
	struct sim *sim;
	sluice_env *env;
	sluice_sctp_config config;
	struct memory memory;
	struct rng entropy;
	struct ledger *sends, *receives; /* may be NULL */

	bool keep;             /* the app does not release what it gets ... */
	sluice_message **kept; /* ... but puts it here */
	size_t kept_count, kept_capacity;

	/* What happened. Times are of the first such event, SLUICE_NEVER before. */
	unsigned connected, ended, restarted, reset_in, reset_out, streams_added, writable, buffered_low, renumbered;
	uint64_t connected_at, ended_at, first_message_at, last_message_at, reset_out_at;
	int end_error, reset_out_error, streams_added_error;
	char end_text[128];
	uint16_t last_reset_in, last_reset_out;
	uint32_t abandoned;
	unsigned mtu_events;
	uint32_t last_mtu;
	uint64_t messages, bytes;

	/* Before the app's own handling; may call anything but sctp_host_free. */
	void (*on_event)(struct sctp_host *h, const sluice_sctp_event *event, void *user);
	/* Called at the end of each dispatch: to send more, for instance. */
	void (*on_idle)(struct sctp_host *h, void *user);
	void *user;
};

/* Makes the host, its environment and its association. `config` NULL: the defaults. */
struct sctp_host *sctp_host_new(struct sim *sim, const char *name, const sluice_sctp_config *config);
/* The same, but NULL (and nothing left behind) when memory ran out; `memory` says when it does. */
struct sctp_host *sctp_host_try(struct sim *sim, const char *name, const sluice_sctp_config *config, struct memory memory);

/* The machine crashed and came back: the association is gone without a word and a new one takes its place. */
void sctp_host_reboot(struct sctp_host *h);

/* The next message of its ledger; see ledger_send. */
int sctp_host_send(struct sctp_host *h, const sluice_send_info *info, size_t len);
void sctp_host_release_all(struct sctp_host *h);
/* Releases the oldest kept message. */
void sctp_host_release_one(struct sctp_host *h);

static inline enum sluice_sctp_state sctp_host_state(const struct sctp_host *h) {
	return sluice_sctp_state(h->sctp);
}
sluice_sctp_stats sctp_host_stats(const struct sctp_host *h);

#endif
