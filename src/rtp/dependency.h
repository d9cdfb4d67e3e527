/* dependency: what does a packet's dependency descriptor say, so that its layers are known without a look at the payload?
 *
 * AV1 RTP, appendix A. The descriptor is an element of the header extension. Three bytes of it are always there: where the frame
 * begins and ends, its number, and a template's id. Templates come with the first packet of a coded video sequence, as a
 * structure, and say the rest: layers, what the frame refers to, and how each decode target needs it. A decode target is a
 * subset of the stream for one quality; a chain is a row of frames that its targets cannot do without.
 *
 * A forwarder reads it to choose layers, and rewrites numbers and ids in place when it goes on with another source. The payload
 * may be encrypted from end to end. It knows no packets beyond the one descriptor, and keeps nothing but the newest structure.
 *
 * Reading trusts nothing. A structure that is broken in any part replaces nothing. Cost: three bytes are read at once; the rest
 * bit by bit, and never more than the descriptor has. Memory: 4 KiB a stream.
 *
 *   count <= DEPENDENCY_TEMPLATES; 0: no structure came yet, and everything else is 0
 *   1 <= targets <= DEPENDENCY_TARGETS, chains <= targets, protected_by[t] < chains if there are any */
#ifndef RTP_DEPENDENCY_H
#define RTP_DEPENDENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEPENDENCY_TEMPLATES 64
#define DEPENDENCY_TARGETS 32
#define DEPENDENCY_DIFFS 8    /* AV1 has as many places for frames that are referred to */
#define DEPENDENCY_SPATIALS 4 /* AV1 numbers its layers with two and with three bits */
#define DEPENDENCY_TEMPORALS 8
#define DEPENDENCY_LEAST 3 /* bytes of a descriptor */

/* Table A.1: how a decode target needs a frame. */
enum dependency_use {
	DEPENDENCY_ABSENT,      /* not at all */
	DEPENDENCY_DISCARDABLE, /* no other frame of the target refers to it */
	DEPENDENCY_SWITCH,      /* whoever can decode it can decode the target from here on */
	DEPENDENCY_REQUIRED,
};

struct dependency_template {
	uint8_t spatial, temporal;
	uint8_t diff_count;
	uint16_t diffs[DEPENDENCY_DIFFS];        /* frame numbers back, to those that the frame refers to */
	uint64_t uses;                           /* two bits a target; see dependency_use_of() */
	uint8_t chain_diffs[DEPENDENCY_TARGETS]; /* frame numbers back, to the one before in each chain; 0: a chain begins */
};

struct dependency_structure {
	uint8_t offset; /* the id of the first template */
	uint8_t count, targets, chains;
	uint8_t spatials;                                                 /* layers */
	bool resolutions;                                                 /* width and height are there */
	uint16_t frame;                                                   /* it came with this frame */
	uint32_t active;                                                  /* bit t: target t is sent, as was said last */
	uint16_t width[DEPENDENCY_SPATIALS], height[DEPENDENCY_SPATIALS]; /* less one */
	uint8_t protected_by[DEPENDENCY_TARGETS];                         /* the chain of each target */
	struct dependency_template templates[DEPENDENCY_TEMPLATES];
};

struct dependency {
	bool starts, ends;   /* the frame's first packet, and its last one */
	uint8_t template_id; /* 6 bits */
	uint16_t number;     /* of the frame, in decoding order */

	bool attached; /* a structure came with it: a coded video sequence begins */
	bool keyframe; /* so it does, and the frame refers to none before it */
	struct dependency_template frame;
	uint16_t width; /* of the frame's layer, less one; 0: not said */
	uint16_t height;
};

/* Reads one descriptor of a stream. `s` is the stream's structure, zeros at first. One that is attached replaces it, unless it
 * came late: its frame is up to DEPENDENCY_LATE frames before that of the newest.
 * Returns 0, or
 *   SLUICE_MALFORMED  it is cut, or breaks a bound above; `s` is as before, `out` has nothing valid
 *   SLUICE_NOT_FOUND  the template is not known: the structure is missing or has changed. `out` is valid up to `number` */
#define DEPENDENCY_LATE 1024
int dependency_read(struct dependency_structure *s, const uint8_t *data, size_t len, struct dependency *out);

static inline enum dependency_use dependency_use_of(const struct dependency_template *t, unsigned target) {
	return (enum dependency_use)(t->uses >> 2 * target & 3);
}

/* The active target of the highest layers, none above these: the spatial layer counts first. -1: there is none. */
int dependency_choose(const struct dependency_structure *s, unsigned spatial, unsigned temporal);

/* Writes the frame's number, and adds to the ids of templates: those of one source must not mean another source's. The bytes are
 * those of a descriptor that was read. */
void dependency_rewrite(uint8_t *data, size_t len, uint16_t number, unsigned add);

bool dependency_structure_check(const struct dependency_structure *s);

#endif
