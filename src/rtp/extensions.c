#include "rtp/extensions.h"

#include "sluice/error.h"

static const char *const uris[RTP_EXT_COUNT] = {
	[RTP_EXT_MID] = "urn:ietf:params:rtp-hdrext:sdes:mid",
	[RTP_EXT_RID] = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
	[RTP_EXT_REPAIRED_RID] = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
	[RTP_EXT_ABS_SEND_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
	[RTP_EXT_TRANSPORT_CC] = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
	[RTP_EXT_AUDIO_LEVEL] = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
	[RTP_EXT_PLAYOUT_DELAY] = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
	[RTP_EXT_VIDEO_ORIENTATION] = "urn:3gpp:video-orientation",
	[RTP_EXT_DEPENDENCY_DESCRIPTOR] =
		"https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
	[RTP_EXT_TIMING_OFFSET] = "urn:ietf:params:rtp-hdrext:toffset",
	[RTP_EXT_CONTENT_TYPE] = "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
	[RTP_EXT_VIDEO_TIMING] = "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
	[RTP_EXT_ABS_CAPTURE_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
	[RTP_EXT_COLOR_SPACE] = "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
	[RTP_EXT_LAYERS_ALLOCATION] = "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
};

const char *rtp_extension_uri(enum rtp_extension kind) {
	return (unsigned)kind < RTP_EXT_COUNT ? uris[kind] : NULL;
}

enum rtp_extension rtp_extension_of_uri(const char *uri, size_t len) {
	for (unsigned k = 0; k < RTP_EXT_COUNT; k++)
		if (strlen(uris[k]) == len && memcmp(uris[k], uri, len) == 0)
			return (enum rtp_extension)k;
	return RTP_EXT_UNKNOWN;
}

/* ---- the ids of one section ---- */

void rtp_extension_map_init(struct rtp_extension_map *m) {
	memset(m->id_of, 0, sizeof m->id_of);
	memset(m->kind_of, RTP_EXT_UNKNOWN, sizeof m->kind_of);
}

int rtp_extension_map_add(struct rtp_extension_map *m, enum rtp_extension kind, unsigned id) {
	if ((unsigned)kind >= RTP_EXT_COUNT || id == 0 || id > 255 || id == 15)
		return SLUICE_INVALID;
	if (m->id_of[kind] == id)
		return 0;
	if (m->id_of[kind] || m->kind_of[id] != RTP_EXT_UNKNOWN)
		return SLUICE_EXISTS;
	m->id_of[kind] = (uint8_t)id;
	m->kind_of[id] = (uint8_t)kind;
	return 0;
}

bool rtp_extension_map_check(const struct rtp_extension_map *m) {
	bool ok = m->kind_of[0] == RTP_EXT_UNKNOWN && m->kind_of[15] == RTP_EXT_UNKNOWN;
	for (unsigned id = 1; id < 256; id++)
		ok = ok && m->kind_of[id] <= RTP_EXT_UNKNOWN &&
		     (m->kind_of[id] == RTP_EXT_UNKNOWN || m->id_of[m->kind_of[id]] == id);
	for (unsigned k = 0; k < RTP_EXT_COUNT; k++)
		ok = ok && (m->id_of[k] == 0 || m->kind_of[m->id_of[k]] == k);
	return ok;
}

/* ---- reading ---- */

/* An unknown element goes to the last slot, which nobody reads. That costs less than a branch that is hard to predict. */
static inline void note(struct rtp_extensions *out, unsigned kind, const uint8_t *at, size_t len) {
	out->offset[kind] = (uint32_t)(at - out->base);
	out->len[kind] = (uint8_t)len;
	out->present |= (uint16_t)(1u << kind);
}

static int read_one_byte(const uint8_t *at, const uint8_t *end, const struct rtp_extension_map *m, struct rtp_extensions *out) {
	while (at < end) {
		unsigned byte = *at++;
		/* RFC 8285, 4.1.2: padding bytes have the value 0 and may stand between elements, too. */
		if (byte == 0)
			continue;
		/* RFC 8285, 4.2: "If the ID value 15 is encountered, its length field MUST be ignored, processing of the entire
		 * extension MUST terminate at that point, and only the extension elements present prior to the element with ID 15
		 * SHOULD be considered." */
		if (byte >> 4 == 15)
			return 0;
		size_t len = (byte & 15) + 1;
		if (byte >> 4 == 0 || (size_t)(end - at) < len)
			return SLUICE_MALFORMED;
		note(out, m->kind_of[byte >> 4], at, len);
		at += len;
	}
	return 0;
}

/* RFC 8285, 4.3: here a length of 0 is one, and an id of 0 is a single byte of padding without a length. */
static int read_two_byte(const uint8_t *at, const uint8_t *end, const struct rtp_extension_map *m, struct rtp_extensions *out) {
	while (at < end) {
		unsigned id = *at++;
		if (id == 0)
			continue;
		if (at == end || (size_t)(end - at) < 1u + at[0])
			return SLUICE_MALFORMED;
		note(out, m->kind_of[id], at + 1, at[0]);
		at += 1 + at[0];
	}
	return 0;
}

int rtp_extensions_read(const struct rtp_packet *p, const struct rtp_extension_map *m, struct rtp_extensions *out) {
	out->base = p->extension;
	out->present = 0;
	if (!p->extension)
		return 0;
	const uint8_t *end = p->extension + p->extension_len;
	int error = 0;
	if (p->extension_profile == RTP_EXTENSION_ONE_BYTE)
		error = read_one_byte(p->extension, end, m, out);
	else if ((p->extension_profile & 0xFFF0) == RTP_EXTENSION_TWO_BYTE)
		error = read_two_byte(p->extension, end, m, out);
	out->present &= (1u << RTP_EXT_COUNT) - 1;
	return error;
}

bool rtp_extension_abs_send_time(const struct rtp_extensions *e, uint32_t *ticks) {
	const uint8_t *at = rtp_extension_get(e, RTP_EXT_ABS_SEND_TIME, 3);
	if (at)
		*ticks = get_be24(at);
	return at != NULL;
}

bool rtp_extension_transport_cc(const struct rtp_extensions *e, uint16_t *sequence) {
	const uint8_t *at = rtp_extension_get(e, RTP_EXT_TRANSPORT_CC, 2);
	if (at)
		*sequence = get_be16(at);
	return at != NULL;
}

bool rtp_extension_audio_level(const struct rtp_extensions *e, uint8_t *level, bool *voice) {
	const uint8_t *at = rtp_extension_get(e, RTP_EXT_AUDIO_LEVEL, 1);
	if (!at)
		return false;
	*level = at[0] & 127;
	*voice = at[0] >> 7;
	return true;
}

bool rtp_extension_playout_delay(const struct rtp_extensions *e, uint64_t *min_ns, uint64_t *max_ns) {
	const uint8_t *at = rtp_extension_get(e, RTP_EXT_PLAYOUT_DELAY, 3);
	if (!at)
		return false;
	*min_ns = (get_be24(at) >> 12) * RTP_PLAYOUT_DELAY_NS;
	*max_ns = (get_be24(at) & 0xFFF) * RTP_PLAYOUT_DELAY_NS;
	return *min_ns <= *max_ns;
}

/* 3GPP TS 26.114, 7.4.5: bits 0000CFRR, R in steps of 90 degrees. */
bool rtp_extension_video_orientation(const struct rtp_extensions *e, unsigned *degrees, bool *flip) {
	const uint8_t *at = rtp_extension_get(e, RTP_EXT_VIDEO_ORIENTATION, 1);
	if (!at)
		return false;
	*degrees = 90u * (at[0] & 3);
	*flip = at[0] >> 2 & 1;
	return true;
}

bool rtp_extension_timing_offset(const struct rtp_extensions *e, int32_t *ticks) {
	const uint8_t *at = rtp_extension_get(e, RTP_EXT_TIMING_OFFSET, 3);
	if (at)
		*ticks = (int32_t)(get_be24(at) << 8) >> 8;
	return at != NULL;
}

/* ---- writing ---- */

/* RFC 8285, 4.2: ids 1 to 14 and 1 to 16 bytes fit the one-byte form. */
static bool fits_one_byte(const struct rtp_extension_map *m, const struct rtp_extension_item *items, size_t n) {
	for (size_t i = 0; i < n; i++) {
		unsigned id = m->id_of[items[i].kind];
		if (id && (id > 14 || items[i].len == 0 || items[i].len > 16))
			return false;
	}
	return true;
}

static bool put_item(struct rtp_extension_block *b, unsigned id, const struct rtp_extension_item *item) {
	bool one_byte = b->profile == RTP_EXTENSION_ONE_BYTE;
	size_t at = b->len, head = one_byte ? 1 : 2;
	if (at + head + item->len > RTP_EXTENSION_BLOCK)
		return false;
	b->bytes[at] = one_byte ? (uint8_t)(id << 4 | (item->len - 1u)) : (uint8_t)id;
	if (!one_byte)
		b->bytes[at + 1] = item->len;
	if (item->value && item->len)
		memcpy(b->bytes + at + head, item->value, item->len);
	b->place[item->kind] = (uint8_t)(at + head);
	b->present |= (uint16_t)(1u << item->kind);
	b->len = (uint8_t)(at + head + item->len);
	return true;
}

int rtp_extension_block_make(struct rtp_extension_block *b, const struct rtp_extension_map *m,
                             const struct rtp_extension_item *items, size_t n) {
	memset(b, 0, sizeof *b);
	b->profile = fits_one_byte(m, items, n) ? RTP_EXTENSION_ONE_BYTE : RTP_EXTENSION_TWO_BYTE;
	for (size_t i = 0; i < n; i++) {
		unsigned id = m->id_of[items[i].kind];
		if (id && !put_item(b, id, &items[i]))
			return SLUICE_NO_SPACE;
	}
	b->len = (uint8_t)pad4(b->len);
	return 0;
}
