/* cc: how much may be in flight, and how fast may it leave? A table of functions over a view of their own. The sender tells them
 * what happened and reads cwnd and pacing_rate. They see no association, no chunks and no packets.
 *
 * The order within one SACK: ack() first, with everything that the SACK said; then forgive(); then loss() when it opened a
 * recovery, or recovery_exit() when it ended one; undo() when it proved that the last reduction had no cause. */
#ifndef SCTP_TX_CC_H
#define SCTP_TX_CC_H

#include "base/walk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From the association's configuration; complete, no field is "default". */
struct cc_config {
	uint32_t initial_window, min_window; /* bytes */
	uint64_t max_window;                 /* bytes; UINT64_MAX: none */
	uint32_t beta;                       /* thousandths of cwnd that a loss leaves; 0: the control's own */
	uint32_t startup_gain, cwnd_gain;    /* thousandths; 0: the control's own */
	uint64_t target_delay;               /* ns; 0: the control's own */
	bool pacing;                         /* false: pacing_rate is not looked at */
};

#define CC_STATE_SIZE 288

struct cc_view {
	/* set by the control */
	uint64_t cwnd, ssthresh;
	uint64_t pacing_rate; /* bytes/s; 0: no pace */
	/* kept up to date by the caller */
	uint32_t mtu;     /* largest payload of a packet */
	uint64_t rto;     /* ns */
	uint64_t srtt;    /* ns; 0: nothing measured yet */
	uint64_t min_rtt; /* ns, over the association's life; UINT64_MAX: nothing measured yet */
	bool in_recovery; /* between a loss and the acknowledgement of what was in flight then */
	bool mending;     /* the same after a T3 */
	struct cc_config config;
	/* The control's own, whatever it is: plain numbers without pointers, so that it can be handed over as bytes. init()
	 * begins with zeros. */
	_Alignas(8) unsigned char state[CC_STATE_SIZE];
};

/* What one SACK said. */
struct cc_ack {
	uint64_t now;
	uint64_t bytes;  /* newly acknowledged */
	uint64_t lost;   /* bytes that it proved lost */
	uint64_t flight; /* bytes in flight after it */
	bool advanced;   /* the cumulative TSN moved */
	bool all_acked;  /* nothing is outstanding now */
	/* since the round began the flight has filled cwnd; otherwise the app is the limit (RFC 9438, 4.2) */
	bool cwnd_limited;
	bool round_start; /* it acknowledges something sent after the last round began: a round trip has passed */
	uint64_t rtt;     /* of the packet sent last among those acknowledged that were sent once; 0: there is none */
	/* The delivery-rate sample (draft-ietf-ccwg-bbr, 4.1; the packet sent last among the acknowledged ones). */
	uint64_t rate;            /* bytes/s; 0: no sample */
	bool app_limited;         /* there was nothing to send while the sample was taken: the path could do more */
	uint64_t delivered;       /* bytes acknowledged over the association's life */
	uint64_t prior_delivered; /* the same when the sampled packet was sent */
	uint64_t tx_in_flight;    /* bytes in flight when the sampled packet was sent, it included */
	uint64_t lost_since;      /* bytes lost since the sampled packet was sent */
};

struct cc_ops {
	const char *name;
	/* Proportional rate reduction (RFC 6937) spreads its reductions over a round trip; the caller does that when this is
	 * set. */
	bool prr;
	bool paces; /* it sets pacing_rate itself; else that follows cwnd */
	void (*init)(struct cc_view *v);
	void (*ack)(struct cc_view *v, const struct cc_ack *ack);
	/* Bytes were found lost without an acknowledgement; no ack() reports them again. NULL: the next ack() reports them. */
	void (*lost)(struct cc_view *v, uint64_t bytes);
	/* Were the packets that were just found lost, outside of a recovery, lost by chance, so that none opens? NULL: every
	 * loss counts. */
	bool (*forgive)(const struct cc_view *v);
	void (*loss)(struct cc_view *v);          /* a recovery opens; once per window */
	void (*recovery_exit)(struct cc_view *v); /* everything that was in flight then has been acknowledged */
	/* T3: everything in flight counts as lost. repeated: another one before anything was acknowledged; RFC 5681, 3.1:
	 * ssthresh "is held constant" then. */
	void (*timeout)(struct cc_view *v, bool repeated);
	void (*undo)(struct cc_view *v);                   /* the last loss() or timeout() was for packets that had arrived */
	void (*idle)(struct cc_view *v, uint64_t idle_ns); /* sending begins again after that long */
	void (*mtu)(struct cc_view *v);                    /* view->mtu has changed */
	/* What it is doing, in a word of its own, for traces: "startup". NULL, or returns NULL: cwnd and ssthresh say it. */
	const char *(*phase)(const struct cc_view *v);
};

/* A new control is a file cc_NAME.c, an enumerator of enum sluice_cc, a name in the next line and a case in controls.c. The tool,
 * its help, tests and benches find it by its number. */
extern const struct cc_ops cc_newreno, cc_cubic, cc_rfc9438, cc_bbr, cc_low_delay;
/* By enum sluice_cc, from 1 on without a gap; NULL: there is no such. */
const struct cc_ops *cc_by_number(unsigned number);
/* How many there are. */
static inline unsigned cc_count(void) {
	unsigned n = 0;
	while (cc_by_number(n + 1))
		n++;
	return n;
}

/* Hand-over, between controls of the same name. */
void cc_view_walk(struct cc_view *v, struct walk *w);

#endif
