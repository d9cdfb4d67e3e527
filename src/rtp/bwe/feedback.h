/* feedback: what a peer reports against the packets that were sent: which arrived when, and which were lost?
 *
 * A TWCC packet names packets by the transport's numbers, in their order. RFC 8888 has a list for each SSRC; its packets are
 * noted one by one, and then put in order.
 *
 * Sequence numbers of TWCC and the receiver's clock are unwrapped here and nowhere else. A packet is reported once as lost and
 * once as arrived at most, whatever a peer repeats. It knows no rates.
 *
 * Arrival times are the receiver's clock in ns, modulo 2^64: only differences mean something, and whoever takes one treats it as
 * signed. */
#ifndef RTP_BWE_FEEDBACK_H
#define RTP_BWE_FEEDBACK_H

#include "rtp/bwe/sent.h"
#include "rtp/rtcp.h"

struct feedback_packet {
	uint64_t sent;
	uint64_t arrived; /* meaningful when it was not lost */
	uint32_t size;
	uint32_t probe;
	uint32_t number; /* the lower bits */
	bool lost;
	bool late; /* it arrived, and an earlier feedback had said that it was lost */
};

struct feedback {
	uint64_t reference; /* the last one, in 64 ms, unwrapped */
	uint64_t heard;     /* every number below was reported, or its report was lost */
	bool started;
	/* Since `window`, messages named so many packets. */
	uint64_t window, named;
	bool gap; /* the last feedback left out packets that none before it was about: one was lost on the way */
};

/* A TWCC packet of 24 bytes can name 65,535 packets, and each is looked up. So what is read is bounded: of a path with 500 Mb/s a
 * window has 5,000 packets. */
#define FEEDBACK_WINDOW (100 * SLUICE_MS)
#define FEEDBACK_NAMED 65536
/* Is a message that names `count` packets still within the bound? */
bool feedback_may_read(struct feedback *f, uint64_t count, uint64_t now);

/* Writes the news of one TWCC packet to out, in the order of the sequence numbers. out has room for the capacity of s, since no
 * feedback can say more. Returns how many. */
size_t feedback_read(struct feedback *f, struct sent *s, const struct rtcp_twcc *t, struct feedback_packet *out);

/* What a report says of one packet. Returns true when that is news, which was written to out. */
bool feedback_note(struct sent *s, uint64_t number, bool came, uint64_t arrived, struct feedback_packet *out);
/* Behind the last packet of the report: puts the news in the order of their numbers, in place. */
void feedback_order(struct feedback *f, const struct sent *s, struct feedback_packet *news, size_t count);

#endif
