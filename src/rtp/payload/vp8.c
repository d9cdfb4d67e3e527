/* vp8: VP8 in RTP. RFC 7741. */
#include "base/bytes.h"
#include "rtp/payload/picture_id.h"
#include "rtp/payload/whole.h"

/* Section 4.2: the first byte of the descriptor, then those that say which parts follow. */
#define EXTENDED 0x80
#define STARTS 0x10
#define PARTITION 0x07
#define HAS_PICTURE_ID 0x80
#define HAS_TL0 0x40
#define HAS_TID 0x20
#define HAS_KEYIDX 0x10
#define SYNC 0x20
#define KEYIDX 0x1F

/* Where the numbers stand in a payload; 0: not there. */
struct places {
	uint8_t picture, tl0, layers;
};

/* Walks over the descriptor; something must follow it. Returns its length, or SLUICE_MALFORMED; the places may lie
 * behind the end then. */
static inline int walk(const uint8_t *payload, size_t len, struct places *at) {
	uint8_t n = 1;
	*at = (struct places){0};
	if (len > 0 && (payload[0] & EXTENDED)) {
		uint8_t parts = len > n ? payload[n] : 0;
		n++;
		if (parts & HAS_PICTURE_ID) {
			at->picture = n;
			n += len > n && (payload[n] & PICTURE_ID_LONG) ? 2 : 1;
		}
		if (parts & HAS_TL0)
			at->tl0 = n++;
		if (parts & (HAS_TID | HAS_KEYIDX))
			at->layers = n++;
	}
	return n < len ? n : SLUICE_MALFORMED;
}

static int descriptor_length(const uint8_t *payload, size_t len) {
	struct places at;
	return walk(payload, len, &at);
}

/* RFC 7741, 4.3: the frame's own header "is present only in packets that have the S bit equal to one and the PID equal to zero in
 * the payload descriptor". Its lowest bit is 0 in a keyframe. */
static int parse(const uint8_t *payload, size_t len) {
	struct places at;
	int skip = walk(payload, len, &at);
	if (skip < 0)
		return skip;
	int temporal = at.layers && (payload[1] & HAS_TID) ? payload[at.layers] >> 6 : 0;
	int bits = temporal << PAYLOAD_TEMPORAL_SHIFT;
	if (!(payload[0] & STARTS) || (payload[0] & PARTITION))
		return bits | PAYLOAD_CONTINUES;
	return bits | PAYLOAD_BEGINS | (payload[skip] & 1 ? 0 : PAYLOAD_KEYFRAME);
}

static int assemble(const struct payload_slice *pieces, size_t n, enum payload_form form, uint8_t *space, size_t size) {
	(void)form;
	return whole_assemble(pieces, n, descriptor_length, space, size);
}

static int descriptor_read(const uint8_t *payload, size_t len, struct payload_descriptor *d) {
	struct places at;
	int skip = walk(payload, len, &at);
	if (skip < 0)
		return skip;
	*d = (struct payload_descriptor){.len = (size_t)skip, .begins = (payload[0] & (STARTS | PARTITION)) == STARTS};
	if (at.picture)
		d->picture_id = payload_picture_id(payload + at.picture, &d->picture_bits);
	if (at.tl0) {
		d->has_tl0 = true;
		d->tl0_index = payload[at.tl0];
	}
	if (at.layers && (payload[1] & HAS_TID)) {
		d->temporal = payload[at.layers] >> 6;
		d->sync = payload[at.layers] & SYNC;
	}
	if (at.layers && (payload[1] & HAS_KEYIDX)) {
		d->has_key = true;
		d->key_index = payload[at.layers] & KEYIDX;
	}
	return 0;
}

static int descriptor_write(uint8_t *payload, size_t len, const struct payload_descriptor *d) {
	struct places at;
	if (walk(payload, len, &at) < 0)
		return SLUICE_MALFORMED;
	if (at.picture)
		payload_put_picture_id(payload + at.picture, d->picture_id);
	if (at.tl0)
		payload[at.tl0] = d->tl0_index;
	if (at.layers && (payload[1] & HAS_KEYIDX))
		payload[at.layers] = (uint8_t)((payload[at.layers] & ~KEYIDX) | (d->key_index & KEYIDX));
	return 0;
}

static size_t put_descriptor(uint8_t *at, const struct payload_info *info, bool first) {
	bool picture = info->picture_id >= 0, layers = info->tl0_index >= 0;
	size_t len = 1;
	at[0] = first ? STARTS : 0;
	if (!picture && !layers)
		return len;
	at[0] |= EXTENDED;
	at[len++] = (uint8_t)((picture ? HAS_PICTURE_ID : 0) | (layers ? HAS_TL0 | HAS_TID : 0));
	if (picture) {
		put_be16(at + len, (uint16_t)(0x8000 | info->picture_id));
		len += 2;
	}
	if (layers) {
		at[len++] = (uint8_t)info->tl0_index;
		at[len++] = (uint8_t)(info->temporal << 6 | info->sync << 5);
	}
	return len;
}

/* A packet may hold bytes of two partitions: RFC 7741, 4.4, only recommends that it does not. So all of the frame is sent as
 * partition 0, as other senders do. */
static int split(struct payload_split *s, struct payload_piece *out) {
	size_t len = put_descriptor(out->header, &s->info, s->at == 0);
	return whole_split(s, len, out);
}

const struct payload_format payload_vp8 = {
	.name = "VP8",
	.clock_rate = 90000,
	.parse = parse,
	.assemble = assemble,
	.split = split,
	.descriptor_read = descriptor_read,
	.descriptor_write = descriptor_write,
};
