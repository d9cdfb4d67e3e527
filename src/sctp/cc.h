/* cc: how much may be in flight? A table of functions over a view of their own; the association calls them and reads cwnd.
 * They see no association, no chunks and no packets. */
#ifndef SCTP_CC_H
#define SCTP_CC_H

#include <stdbool.h>
#include <stdint.h>

struct cc_view {
	uint64_t cwnd, ssthresh;
	uint64_t partial_bytes_acked;
	uint32_t mtu;            /* largest payload of a packet */
	uint32_t initial_window; /* bytes */
	uint64_t rto;            /* ns, kept up to date by the caller */
	bool in_recovery;        /* between a fast retransmit and the acknowledgement of what was in flight then */
};

struct cc_ack {
	uint64_t bytes;         /* newly acknowledged */
	uint64_t flight_before; /* bytes in flight when the SACK arrived */
	bool advanced;          /* the cumulative TSN moved */
	uint64_t now;
};

struct cc_ops {
	const char *name;
	void (*init)(struct cc_view *v);
	void (*ack)(struct cc_view *v, const struct cc_ack *ack);
	void (*loss)(struct cc_view *v);                   /* a fast retransmit opens a recovery; once per window */
	void (*timeout)(struct cc_view *v);                /* T3 */
	void (*idle)(struct cc_view *v, uint64_t idle_ns); /* sending begins again after that long */
};

extern const struct cc_ops cc_newreno;

#endif
