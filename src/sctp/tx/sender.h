/* sender: everything that one direction of an association needs to send messages: their queues, what is in flight, loss, congestion,
 * pace, and the size of packets. */
#ifndef SCTP_TX_SENDER_H
#define SCTP_TX_SENDER_H

#include "sctp/tx/cc.h"
#include "sctp/tx/discovery.h"
#include "sctp/tx/outstanding.h"
#include "sctp/tx/pace.h"
#include "sctp/tx/recovery.h"
#include "sctp/tx/rto.h"

struct sender {
	struct outgoing out;
	struct outstanding sent;
	struct rto rto;
	const struct cc_ops *cc;
	struct cc_view view;
	struct recovery recovery;
	struct pace pace;
	struct discovery discovery;
	uint32_t mtu; /* largest packet; a multiple of 4, so that full packets come out equal; see discovery.c */
	/* What messages are cut for. A chunk keeps its TSN and its bytes, and has to fit the packets of a path that has become worse: so
	 * cut_mtu is never larger than config.mtu allows, and larger packets hold several chunks. */
	uint32_t cut_mtu;
	uint32_t data_header;     /* bytes of the chunk header before the payload: WIRE_DATA_HEADER or WIRE_I_DATA_HEADER */
	uint64_t peer_window_max; /* the largest a_rwnd that the peer has named */
	uint64_t peer_a_rwnd;     /* from the last SACK; what may still be sent is this minus the flight */
	uint64_t last_data_sent;
	uint64_t burst_end;      /* flight at which the burst that the last input allowed is spent; config.max_burst */
	uint64_t probe_interval; /* of the window's probe; 0: the window was open when last heard of */
	bool probe_now;
	bool held_up; /* a T3 or the peer's closed window holds up what is queued, or did and it is not all gone yet */
	uint64_t forward_tsn_sent, forward_tsn_at;
};

#endif
