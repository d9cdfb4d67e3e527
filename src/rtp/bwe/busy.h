/* busy: how fast does the path carry packets while some of them wait?
 *
 * What is delivered says what the path carries as long as the app sends as much. An app that sends less and then a large frame
 * makes a queue too: for a while the path is busy, and how fast packets come then is what it can do. The mean over a longer time
 * says nothing of it.
 *
 * A packet found the path busy when the one before it had not arrived by the time that this one could have:
 *
 *   arrival of the one before > its own sending + the least delay
 *
 * Such packets are a run. Its rate is the bytes behind its first packet, divided by the time from the first arrival on. It counts
 * from BUSY_PACKETS and BUSY_SPAN on, and begins anew after BUSY_WINDOW, so that a change is followed. Packets of another flow in
 * between make it slower, as they should: the rate is this flow's part. It knows no targets.
 *
 *   last - first < BUSY_WINDOW after each packet */
#ifndef RTP_BWE_BUSY_H
#define RTP_BWE_BUSY_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/env.h"

#define BUSY_PACKETS 4
/* Less than this is one frame's packets as the pacer spaces them, or a radio that held them. */
#define BUSY_SPAN (30 * SLUICE_MS)
#define BUSY_WINDOW (150 * SLUICE_MS)
/* As old is what the trendline still sees: 20 groups of a flow with 40 packets a second. */
#define BUSY_KEPT (500 * SLUICE_MS)

struct busy {
	bool any;                   /* a packet came */
	uint64_t first, last;       /* arrivals in the present run, of the receiver's clock */
	uint64_t bytes;             /* behind its first packet */
	uint32_t packets;           /* the first one included */
	uint64_t rate, measured_at; /* of the last run that counted; rate 0: none */
};

/* A packet came; packets come in the order of their sending. least: of arrival - sending, over a long time. */
void busy_add(struct busy *b, uint64_t sent, uint64_t arrived, uint32_t size, int64_t least);
/* bit/s; 0: nothing waited in the last BUSY_KEPT. */
uint64_t busy_rate(const struct busy *b);

#endif
