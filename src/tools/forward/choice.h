/* choice: which of a publisher's layers does a watcher get?
 *
 * The highest one that its path carries. A lower one is taken at once. A higher one is taken when its rate and a quarter more
 * fit for CHOICE_HOLD, since each change costs a keyframe, and since an estimate that only just fits may fall again. A higher one
 * that did not hold is tried again after twice that time, and so on.
 *
 * It knows rates and time, and no tracks. */
#ifndef TOOLS_FORWARD_CHOICE_H
#define TOOLS_FORWARD_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/media.h"

/* How long a higher layer has to fit, in ns; the longest that it comes to; and how long one has to hold to be a success. */
#define CHOICE_HOLD UINT64_C(1000000000)
#define CHOICE_HOLD_MAX UINT64_C(32000000000)
#define CHOICE_SUCCESS UINT64_C(10000000000)

/* What a publisher sends of a track, in bit/s; 0: nothing now. */
struct choice_layers {
	uint64_t rates[SLUICE_LAYERS_MAX];
	unsigned count;
};

struct choice {
	int layer;           /* -1: none yet */
	uint64_t fits_since; /* a higher one; SLUICE_NEVER: none fits */
	uint64_t climbed_at; /* SLUICE_NEVER: never, or it was a success */
	uint64_t hold;
};

void choice_init(struct choice *c);
/* The layer for a watcher whose path carries so many bit/s. */
int choice_make(struct choice *c, const struct choice_layers *l, uint64_t budget, uint64_t now);

#endif
