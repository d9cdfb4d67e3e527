#include "rtp/keyframe.h"

#include "base/arith.h"
#include "sluice/error.h"

int keyframe_output(struct keyframe_request *k, struct rtcp_writer *w, uint32_t ssrc, uint32_t media, uint64_t round_trip,
                    uint64_t now) {
	if (keyframe_deadline(k) > now)
		return 0;
	struct rtcp_fir_entry entry = {.ssrc = media, .sequence = (uint8_t)(k->sequence + !k->repeats)};
	int written = k->uses_fir ? rtcp_write_fir(w, ssrc, &entry, 1) : rtcp_write_pli(w, ssrc, media);
	if (written < 0)
		return written;
	k->sequence = entry.sequence;
	k->repeats = true;
	k->next = now + max64(round_trip, KEYFRAME_INTERVAL);
	k->sent++;
	return 1;
}

bool keyframe_pli(struct keyframe_answer *k, uint64_t now) {
	k->asked++;
	if (now < k->next)
		return false;
	k->next = now + KEYFRAME_ANSWER_INTERVAL;
	k->told++;
	return true;
}

bool keyframe_fir(struct keyframe_answer *k, uint8_t sequence, uint64_t now) {
	if (k->has_sequence && k->sequence == sequence) {
		k->asked++;
		return false;
	}
	k->has_sequence = true;
	k->sequence = sequence;
	return keyframe_pli(k, now);
}
