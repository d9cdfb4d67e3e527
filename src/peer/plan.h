/* plan: what did we say in a description of ours, section by section?
 *
 * The text of a description is made when somebody asks for it, because candidates are added all the time. What has to stay the
 * same stands here: it does not change when a transceiver's direction or preferences do. Descriptions that are created, pending
 * and in force share one plan. It knows transceivers by their numbers alone, since they may be gone. */
#ifndef PEER_PLAN_H
#define PEER_PLAN_H

#include "peer/codecs.h"
#include "peer/extmap.h"
#include "pool/env.h"

/* Of a mid with its NUL. RFC 9143, 5 knows no limit, and RFC 9429, 5.2.1 wants at most 3 bytes. A section with a longer one is
 * rejected. */
#define MID_MAX 64
/* Of a rid with its NUL. */
#define PLAN_RID_MAX 16
/* The streams of a track, and RFC 8830, 2: an identifier has up to 64 characters. With its NUL. */
#define STREAMS_MAX 4
#define STREAM_MAX 65

/* What a section for media has besides: more than 4 KB, which a plan for data alone does not have. */
struct plan_media {
	struct codecs_list codecs;
	struct sdp_extension extensions[EXTMAP_MAX];
	size_t extension_count;
	/* What names our track: its streams' ids, and the SSRCs where there are no layers. rtx_ssrc 0: none. */
	char streams[STREAMS_MAX][STREAM_MAX];
	uint8_t stream_count;
	uint32_t ssrc, rtx_ssrc;
	/* Simulcast. Sending: bit k says that the k-th encoding of the transceiver is a layer; 0: there are no layers. Receiving:
	 * the other side's rids. */
	uint8_t layers;
	uint8_t rid_count;
	char rids[SLUICE_LAYERS_MAX][PLAN_RID_MAX];
};

struct plan_section {
	enum sdp_kind kind; /* OTHER: it is rejected */
	bool rejected;
	char mid[MID_MAX];
	uint32_t transceiver; /* its number; 0: none */
	enum sdp_direction direction;
	bool rsize;               /* reduced-size RTCP (RFC 5506) */
	bool mixed;               /* as the plan's, where the offer says it of single sections */
	struct plan_media *media; /* NULL: a plan for data alone */
};

struct plan {
	unsigned refs;
	uint64_t next_mid; /* of an offer: no number from here on is one of its mids */
	bool mixed;        /* extensions of both forms in one stream (RFC 8285, 6) */
	size_t count;
	struct plan_section of[];
};

/* NULL: no memory. All sections are zero, and have room for media where that is wanted. The caller has the only reference. */
struct plan *plan_new(sluice_env *env, size_t count, bool media);
/* All of the section is zero again. */
void plan_clear(struct plan_section *s);
static inline struct plan *plan_ref(struct plan *plan) {
	plan->refs++;
	return plan;
}
/* plan may be NULL. */
void plan_unref(sluice_env *env, struct plan *plan);

/* Returns the section with this mid, or NULL. plan may be NULL. */
const struct plan_section *plan_find(const struct plan *plan, const char *mid);
/* Is there a section of this kind that is not rejected? plan may be NULL. */
bool plan_has(const struct plan *plan, enum sdp_kind kind);
/* The first section that is not rejected: its transport is that of all of them. NULL: there is none. */
const struct plan_section *plan_main(const struct plan *plan);

#endif
