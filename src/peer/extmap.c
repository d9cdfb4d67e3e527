#include "peer/extmap.h"

/* The ids are those that Chromium gives. */
static const struct own {
	enum rtp_extension kind;
	uint8_t id;
	bool audio, video;
} own[] = {
	/*                             id audio video */
	{RTP_EXT_AUDIO_LEVEL, 1, true, false},        {RTP_EXT_ABS_SEND_TIME, 2, true, true},
	{RTP_EXT_TRANSPORT_CC, 3, true, true},        {RTP_EXT_MID, 4, true, true},
	{RTP_EXT_PLAYOUT_DELAY, 5, false, true},      {RTP_EXT_RID, 10, false, true},
	{RTP_EXT_REPAIRED_RID, 11, false, true},      {RTP_EXT_DEPENDENCY_DESCRIPTOR, 12, false, true},
	{RTP_EXT_VIDEO_ORIENTATION, 13, false, true},
};
#define ROWS (sizeof own / sizeof *own)
_Static_assert(ROWS <= EXTMAP_MAX, "a section holds every row");

static bool is_for(const struct own *o, enum sluice_media_kind kind) {
	return kind == SLUICE_AUDIO ? o->audio : o->video;
}

/* False: either has another partner. */
static bool agree(struct extmap *m, enum rtp_extension kind, uint8_t id) {
	if (m->id_of[kind] == id)
		return true;
	if (m->id_of[kind] || m->taken[id])
		return false;
	m->id_of[kind] = id;
	m->taken[id] = true;
	return true;
}

void extmap_learn(struct extmap *m, const struct sdp_rtp *theirs) {
	for (size_t i = 0; i < theirs->extension_count; i++) {
		const struct sdp_extension *e = &theirs->extensions[i];
		enum rtp_extension kind = rtp_extension_of_uri(e->uri.s, e->uri.len);
		if (kind != RTP_EXT_UNKNOWN)
			agree(m, kind, e->id);
		m->taken[e->id] = true;
	}
}

void extmap_recall(struct extmap *m, const struct sdp_extension *ours, size_t count) {
	for (size_t i = 0; i < count; i++)
		agree(m, rtp_extension_of_uri(ours[i].uri.s, ours[i].uri.len), ours[i].id);
}

/* Ids of the one-byte form first. 0: none is left. */
static uint8_t free_id(const struct extmap *m, uint8_t wanted) {
	if (!m->taken[wanted])
		return wanted;
	for (unsigned id = 1; id < 256; id++)
		if (id != 15 && !m->taken[id])
			return (uint8_t)id;
	return 0;
}

size_t extmap_offer(struct extmap *m, enum sluice_media_kind kind, bool ccfb, struct sdp_extension out[EXTMAP_MAX]) {
	size_t n = 0;
	for (size_t i = 0; i < ROWS; i++) {
		uint8_t id = m->id_of[own[i].kind];
		if (!is_for(&own[i], kind) || (ccfb && own[i].kind == RTP_EXT_TRANSPORT_CC))
			continue;
		if (!id)
			id = free_id(m, own[i].id);
		if (id && agree(m, own[i].kind, id))
			out[n++] = (struct sdp_extension){sdp_slice_of(rtp_extension_uri(own[i].kind)), id, SDP_SENDRECV};
	}
	return n;
}

static bool is_ours(enum rtp_extension extension, enum sluice_media_kind kind) {
	for (size_t i = 0; i < ROWS; i++)
		if (own[i].kind == extension && is_for(&own[i], kind))
			return true;
	return false;
}

size_t extmap_take(struct extmap *m, enum sluice_media_kind kind, const struct sdp_rtp *theirs,
                   struct sdp_extension out[EXTMAP_MAX]) {
	size_t n = 0;
	for (size_t i = 0; i < theirs->extension_count && n < EXTMAP_MAX; i++) {
		const struct sdp_extension *e = &theirs->extensions[i];
		enum rtp_extension extension = rtp_extension_of_uri(e->uri.s, e->uri.len);
		bool twice = false;
		for (size_t k = 0; k < n; k++)
			twice = twice || out[k].id == e->id;
		if (!twice && is_ours(extension, kind) && agree(m, extension, e->id))
			out[n++] = (struct sdp_extension){sdp_slice_of(rtp_extension_uri(extension)), e->id,
			                                  sdp_direction_reversed(e->direction)};
	}
	return n;
}
