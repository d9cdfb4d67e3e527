/* payload_kit: splits a unit into payloads that lie in blocks of just their length, and puts them together again. */
#ifndef TESTS_PAYLOAD_KIT_H
#define TESTS_PAYLOAD_KIT_H

#include <stdlib.h>
#include <string.h>

#include "rtp/frame.h"
#include "rtp/payload/payload.h"
#include "sluice/error.h"

#define KIT_PIECES 512

struct kit_packets {
	size_t n;
	struct payload_slice slice[KIT_PIECES];
	bool last[KIT_PIECES];
};

static inline void kit_free(struct kit_packets *k) {
	for (size_t i = 0; i < k->n; i++)
		free((void *)k->slice[i].data);
	k->n = 0;
}

/* Copies a payload into a block of its own, so that a sanitizer sees each read beyond it. */
static inline void kit_add(struct kit_packets *k, const void *data, size_t len, bool last) {
	uint8_t *copy = malloc(len);
	memcpy(copy, data, len);
	k->slice[k->n] = (struct payload_slice){.data = copy, .len = len};
	k->last[k->n++] = last;
}

/* Returns what split() said last: 0 when all is cut. */
static inline int kit_split(const struct payload_format *f, struct kit_packets *k, const uint8_t *unit, size_t len, size_t room,
                            struct payload_info info) {
	struct payload_split s = payload_split_of(unit, len, room, info);
	struct payload_piece p;
	int result;
	k->n = 0;
	while (k->n < KIT_PIECES && (result = f->split(&s, &p)) > 0) {
		uint8_t packet[4096];
		memcpy(packet, p.header, p.header_len);
		memcpy(packet + p.header_len, unit + p.offset, p.len);
		kit_add(k, packet, p.header_len + p.len, p.last);
	}
	return result;
}

/* Adds all packets to a scan that has just lost something. Returns the last step; *bits are those of the unit. */
static inline enum frame_step kit_scan(const struct payload_format *f, const struct kit_packets *k, bool synced, unsigned *bits) {
	struct frame_scan s = {.synced = synced};
	enum frame_step step = FRAME_MORE;
	for (size_t i = 0; i < k->n && step == FRAME_MORE; i++) {
		int parsed = f->parse(k->slice[i].data, k->slice[i].len);
		if (parsed < 0)
			return FRAME_BROKEN;
		struct frame_packet p = {.timestamp = 1, .bits = (unsigned)parsed, .len = k->slice[i].len};
		p.bits |= k->last[i] ? PAYLOAD_MARKER : 0;
		step = frame_scan_add(&s, f, &p);
	}
	*bits = s.bits;
	return step;
}

static inline struct payload_info kit_info(void) {
	return (struct payload_info){.picture_id = -1, .tl0_index = -1, .mode = 1};
}

#endif
