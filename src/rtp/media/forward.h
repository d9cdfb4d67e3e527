/* forward: which number and timestamp does a packet of another stream get when it goes on in ours?
 *
 * The other side sees one stream without a seam, whatever the sources are. A packet that was lost on its way to us leaves a hole,
 * and when its repair comes late, it gets the place that was kept. A packet that we have and that the app leaves out (a layer)
 * makes no hole. The source says of each packet which of the 64 before it have not come (`missing`).
 *
 * Numbers are kept as a list of segments: from a source's number on, what is added to it. Packets behind the oldest segment are
 * too late and dropped.
 *
 *   segments ascend by `from`; the newest one holds for everything above it
 *   sent: of the FORWARD_MEMORY numbers up to `last`, bit n % FORWARD_MEMORY is set when source number n went on. What is further
 *   back is dropped: nobody knows any more whether it did, and no number of ours may have two payloads (RFC 3711, 9.1) */
#ifndef RTP_MEDIA_FORWARD_H
#define RTP_MEDIA_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/media.h"

#define FORWARD_SEGMENTS 32
#define FORWARD_MEMORY 1024 /* packets: as long as the sender keeps them for repairs */

struct forward_segment {
	uint64_t from;
	int64_t add;
	bool is_left_out; /* these numbers have no place */
};

struct forward {
	uint32_t ssrc; /* of the source; 0: none yet */
	bool waits;    /* for a keyframe, or of audio for any packet */
	uint64_t last; /* the source's highest number that went on */
	uint64_t sent[FORWARD_MEMORY / 64];
	uint32_t add_timestamp;
	struct forward_segment segments[FORWARD_SEGMENTS];
	uint32_t count; /* segments ever made */
};

/* The next packet may be another source's. */
void forward_replace(struct forward *f);
/* Packets of a source go on, and the next one is none of another. */
static inline bool forward_runs(const struct forward *f) {
	return f->count && !f->waits;
}
/* Does the packet begin with a new source? Then forward_begin() comes next. */
bool forward_is_new(const struct forward *f, const sluice_rtp *p);
/* The source begins with this packet, which gets these. */
void forward_begin(struct forward *f, const sluice_rtp *p, uint64_t number, uint32_t timestamp);
/* Finds the packet's place. False: it has none, and is left out. */
bool forward_place(struct forward *f, const sluice_rtp *p, uint64_t *number, uint32_t *timestamp);

#endif
