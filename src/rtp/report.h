/* report: the regular RTCP of a session. Who is reported when, and what is the round trip? RFC 3550, 6.4 and RFC 3611, 4.4-4.5.
 *
 * A datagram holds an SR for each stream of ours that is due, or one RR; report blocks for the peer's streams that are due; our
 * CNAME; and for the round trip of a side that only receives, an XR: it sends its time (RRTR), and the other side answers with
 * that (DLRR). What does not fit remains due, and the next datagram takes it.
 *
 * Only streams from which something came are reported (RFC 3550, 6.4), so an idle session sends nothing.
 *
 * Two ends must not fall into step, so no interval is as long as the one before: RFC 3550, 6.2: "The interval between RTCP
 * packets is varied randomly over the range [0.5,1.5] times the calculated interval to avoid unintended synchronization of all
 * participants". One interval is drawn for each datagram, so that what is reported together stays together. The generator has a
 * seed of the session and needs no good randomness. RFC 3550, A.7 divides by e - 3/2 to make up for its reconsideration of
 * timers; an end that does not reconsider has a mean of one second as it is.
 *
 *   peer_count <= REPORT_PEERS; the ssrcs of the peers differ */
#ifndef RTP_REPORT_H
#define RTP_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp/receiver.h"
#include "rtp/rtcp_write.h"
#include "rtp/sender.h"

#define REPORT_PEERS 8
#define REPORT_CNAME 64
#define REPORT_TOGETHER (100 * SLUICE_MS) /* blocks due within this time go along */

/* Whose RRTR is to be answered. */
struct report_peer {
	uint32_t ssrc, last_rr;
	uint64_t at;
	bool is_due;
};

struct report {
	uint32_t ssrc;       /* ours, for packets that are not a stream's */
	uint64_t ntp_offset; /* see ntp.h */
	uint64_t round_trip; /* as DLRR told it; 0: not known */
	uint64_t random;     /* state of the generator */
	uint8_t cname_len;
	uint8_t peer_count;
	char cname[REPORT_CNAME];
	struct report_peer peers[REPORT_PEERS];
};

/* The CNAME is cut at REPORT_CNAME bytes. */
void report_init(struct report *r, uint32_t ssrc, const char *cname, uint64_t ntp_offset, uint64_t seed);
bool report_check(const struct report *r);

/* The next interval: RTP_REPORT_INTERVAL times 0.5 to 1.5. */
uint64_t report_interval(struct report *r);

/* The streams of the session, for the time of a call. */
struct report_streams {
	struct rtp_sender **senders;
	struct rtp_receiver **receivers;
	size_t sender_count, receiver_count;
};

uint64_t report_deadline(const struct report_streams *s);

/* Writes what is due. w is empty, and not smaller than 256 bytes. Nothing is written when nothing is due. */
void report_output(struct report *r, const struct report_streams *s, struct rtcp_writer *w, uint64_t now);

/* The head that RFC 3550, 6.1 wants of a compound packet, for feedback that travels without a report. */
void report_head(const struct report *r, struct rtcp_writer *w);

/* An XR came from this SSRC. */
void report_rrtr(struct report *r, uint32_t ssrc, uint64_t ntp, uint64_t now);
void report_dlrr(struct report *r, const struct rtcp_dlrr *d, uint64_t now);
/* Who has this SSRC is gone, and gets no answer. */
void report_forget(struct report *r, uint32_t ssrc);

#endif
