/* ccfb_report: when did the packets of each stream come, and when is that told? RFC 8888.
 *
 * A ring for each SSRC keeps the arrivals by the packets' numbers; a report has what came or is missing since the last one. A
 * packet that comes behind its report is reported with all that follows it once more: its sender took it for lost. The reports of
 * all streams have one rhythm (feedback_interval.h).
 *
 *   next <= highest + 1, and highest - next < capacity
 *   arrivals[n % capacity] is SLUICE_NEVER for each n of the ring that did not come
 *
 * Memory: 8 bytes a packet; CCFB_CAME of a stream and CCFB_RTX_CAME of its RTX are 10 KiB. */
#ifndef RTP_CCFB_REPORT_H
#define RTP_CCFB_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp/rtcp_write.h"
#include "sluice/env.h"

#define CCFB_CAME 1024
#define CCFB_RTX_CAME 256

struct ccfb_came {
	uint64_t *arrivals; /* NULL: closed */
	uint64_t capacity;  /* a power of two */
	uint64_t highest;   /* 0: nothing came */
	uint64_t next;      /* the first that is not reported */
};

/* Of the whole session. */
struct ccfb_report {
	uint64_t due; /* SLUICE_NEVER: there is nothing to tell */
	uint64_t interval;
	uint64_t bytes, since; /* what came since the last report, and when that was */
};

/* Returns 0, or
 *   SLUICE_NO_MEMORY */
int ccfb_came_open(struct ccfb_came *c, sluice_env *env, size_t capacity);
/* Also for a ring of zeros. */
void ccfb_came_close(struct ccfb_came *c, sluice_env *env);
/* Another stream begins in its place. */
void ccfb_came_clear(struct ccfb_came *c);
bool ccfb_came_check(const struct ccfb_came *c);
/* A packet of the stream came: its number, unwrapped, and the bytes of its datagram. */
void ccfb_came_take(struct ccfb_came *c, struct ccfb_report *r, uint64_t number, size_t size, uint64_t now);

void ccfb_report_init(struct ccfb_report *r);
/* One stream that a report may tell of. */
struct ccfb_told {
	struct ccfb_came *came;
	uint32_t ssrc;
};
/* Writes what is new of a stream into the report that begins at w; ntp: ns from 1900 to now. Returns 0 when all is told, or
 *   SLUICE_NO_SPACE  the datagram is full; call again with the next one */
int ccfb_report_write(struct rtcp_writer *w, uint32_t ssrc, const struct ccfb_told *streams, size_t count, uint64_t now,
                      uint64_t ntp);
/* All is told. */
void ccfb_report_done(struct ccfb_report *r, uint64_t now);

#endif
