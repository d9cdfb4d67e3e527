/* keyframe: when is the peer asked for a keyframe, and when is our encoder? PLI of RFC 4585, 6.3.1 and FIR of RFC 5104, 4.3.1.
 *
 * The receiving side asks once for each SSRC in max(round trip, 300 ms), whoever wants a keyframe and however often. It asks
 * again as long as none came, since PLI may be lost, and is silent once one came. A FIR that is repeated keeps its number (RFC
 * 5104, 4.3.1.2); a new request has a new one.
 *
 * The sending side tells its encoder of the first request, and of no other one for 100 ms: several receivers or a burst of PLIs
 * must not make it send nothing but keyframes. A FIR whose number was seen is the same request again.
 *
 *   keyframe_deadline() == SLUICE_NEVER if and only if none is wanted */
#ifndef RTP_KEYFRAME_H
#define RTP_KEYFRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "rtp/rtcp_write.h"
#include "sluice/env.h"

#define KEYFRAME_INTERVAL (300 * SLUICE_MS)
#define KEYFRAME_ANSWER_INTERVAL (100 * SLUICE_MS)

struct keyframe_request {
	uint64_t next; /* the earliest time of the next one */
	bool wanted, uses_fir;
	bool repeats; /* the current request was sent before */
	uint8_t sequence;
	uint64_t sent;
};

static inline void keyframe_want(struct keyframe_request *k) {
	if (!k->wanted)
		k->repeats = false;
	k->wanted = true;
}
static inline void keyframe_came(struct keyframe_request *k) {
	k->wanted = false;
}
static inline uint64_t keyframe_deadline(const struct keyframe_request *k) {
	return k->wanted ? k->next : SLUICE_NEVER;
}
static inline bool keyframe_request_check(const struct keyframe_request *k) {
	return (k->sent > 0 || k->next == 0) && (!k->repeats || k->sent > 0);
}
/* Writes the request that is due. Returns 1, 0 when none is, or
 *   SLUICE_NO_SPACE */
int keyframe_output(struct keyframe_request *k, struct rtcp_writer *w, uint32_t ssrc, uint32_t media, uint64_t round_trip,
                    uint64_t now);

struct keyframe_answer {
	uint64_t next; /* the earliest time at which the encoder is told again */
	bool has_sequence;
	uint8_t sequence; /* of the last FIR */
	uint64_t asked, told;
};

/* Returns whether the encoder is to be told. */
bool keyframe_pli(struct keyframe_answer *k, uint64_t now);
bool keyframe_fir(struct keyframe_answer *k, uint8_t sequence, uint64_t now);
static inline bool keyframe_answer_check(const struct keyframe_answer *k) {
	return k->told <= k->asked && (k->told > 0 || k->next == 0);
}

#endif
