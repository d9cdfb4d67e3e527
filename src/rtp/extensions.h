/* extensions: which elements does a packet's header extension hold, and where will those of our packets stand? RFC 8285.
 *
 * A section of the description maps URIs to ids; rtp_extension_map holds that both ways. One walk over a received extension fills
 * a table of offsets, one for each kind that we know. Afterwards every element is one look-up. For sending, a block is laid out
 * once per stream. Each element has a fixed place there, so the pacer and a retransmission overwrite abs-send-time and the
 * transport-wide number in place, in a packet that is ready. It knows no streams and no time.
 *
 * An id above 14, an element above 16 bytes or an empty one needs the two-byte form (RFC 8285, 4.3). The block then uses that
 * form for all of its elements. */
#ifndef RTP_EXTENSIONS_H
#define RTP_EXTENSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "rtp/packet.h"

#define RTP_EXTENSION_ONE_BYTE 0xBEDE
#define RTP_EXTENSION_TWO_BYTE 0x1000 /* the low four bits are the application's; we write 0 and ignore them */

enum rtp_extension {
	RTP_EXT_MID,                   /* RFC 9143 */
	RTP_EXT_RID,                   /* RFC 8852 */
	RTP_EXT_REPAIRED_RID,          /* RFC 8852: the RID of the stream that this RTX stream repairs */
	RTP_EXT_ABS_SEND_TIME,         /* 24 bits: seconds as 6.18 fixed point */
	RTP_EXT_TRANSPORT_CC,          /* 16 bits: transport-wide sequence number; version 02 may have two more bytes */
	RTP_EXT_AUDIO_LEVEL,           /* RFC 6464 */
	RTP_EXT_PLAYOUT_DELAY,         /* 12 + 12 bits in 10 ms */
	RTP_EXT_VIDEO_ORIENTATION,     /* 3GPP TS 26.114 */
	RTP_EXT_DEPENDENCY_DESCRIPTOR, /* AV1 RTP, appendix A */
	RTP_EXT_TIMING_OFFSET,         /* RFC 5450 */
	RTP_EXT_CONTENT_TYPE,
	RTP_EXT_VIDEO_TIMING,
	RTP_EXT_ABS_CAPTURE_TIME,
	RTP_EXT_COLOR_SPACE,
	RTP_EXT_LAYERS_ALLOCATION,
	RTP_EXT_COUNT,
};
#define RTP_EXT_UNKNOWN RTP_EXT_COUNT
#define RTP_EXT_SLOTS 16 /* a power of two; the last slot takes what we do not know */
_Static_assert(RTP_EXT_COUNT < RTP_EXT_SLOTS, "unknown elements need a slot of their own");

/* The URI of an extension, and back: RTP_EXT_UNKNOWN when there is no such one. */
const char *rtp_extension_uri(enum rtp_extension kind);
enum rtp_extension rtp_extension_of_uri(const char *uri, size_t len);

/* ---- the ids of one section ---- */

/*   kind_of[id] == k < RTP_EXT_COUNT  if and only if  id_of[k] == id != 0
 *   kind_of[0] == RTP_EXT_UNKNOWN */
struct rtp_extension_map {
	uint8_t id_of[RTP_EXT_SLOTS]; /* 0: the section does not have it */
	uint8_t kind_of[256];
};

void rtp_extension_map_init(struct rtp_extension_map *m);
/* Returns 0, or
 *   SLUICE_INVALID  kind or id is out of range: 1 to 255, and not 15 (RFC 8285, 4.2: reserved)
 *   SLUICE_EXISTS   the kind has another id, or the id another kind */
int rtp_extension_map_add(struct rtp_extension_map *m, enum rtp_extension kind, unsigned id);
bool rtp_extension_map_check(const struct rtp_extension_map *m);

/* ---- reading ---- */

#define RTP_PLAYOUT_DELAY_NS UINT64_C(10000000) /* the unit of a playout delay */

struct rtp_extensions {
	const uint8_t *base;            /* the packet's extension */
	uint16_t present;               /* bit k: kind k is there */
	uint8_t len[RTP_EXT_SLOTS];     /* valid where present */
	uint32_t offset[RTP_EXT_SLOTS]; /* from base */
};

/* Fills the table. Elements of unknown ids are passed. An element that comes twice: the last one counts, as in libwebrtc. What
 * stands before a broken element is valid. A packet without an extension, or with one of another profile, has no elements.
 * Returns 0, or
 *   SLUICE_MALFORMED  an element runs past the end, or one of id 0 has a length */
int rtp_extensions_read(const struct rtp_packet *p, const struct rtp_extension_map *m, struct rtp_extensions *out);

static inline bool rtp_extension_has(const struct rtp_extensions *e, enum rtp_extension kind) {
	return e->present >> kind & 1;
}
/* The element's bytes; NULL when it is not there or shorter than min. */
static inline const uint8_t *rtp_extension_get(const struct rtp_extensions *e, enum rtp_extension kind, size_t min) {
	return rtp_extension_has(e, kind) && e->len[kind] >= min ? e->base + e->offset[kind] : NULL;
}

/* The typed readings return false when the element is not there or too short. */
bool rtp_extension_abs_send_time(const struct rtp_extensions *e, uint32_t *ticks); /* 24 bits, 1 / 2^18 s */
bool rtp_extension_transport_cc(const struct rtp_extensions *e, uint16_t *sequence);
bool rtp_extension_audio_level(const struct rtp_extensions *e, uint8_t *level, bool *voice); /* level: -dBov, 0..127 */
bool rtp_extension_playout_delay(const struct rtp_extensions *e, uint64_t *min_ns, uint64_t *max_ns);
bool rtp_extension_video_orientation(const struct rtp_extensions *e, unsigned *degrees, bool *flip); /* clockwise */
bool rtp_extension_timing_offset(const struct rtp_extensions *e, int32_t *ticks);

/* ---- writing ---- */

#define RTP_EXTENSION_BLOCK 128

struct rtp_extension_item {
	enum rtp_extension kind;
	uint8_t len;       /* 0 needs the two-byte form */
	const void *value; /* NULL: zeros for now; written per packet */
};

/* The extension of one stream's packets, as it goes on the wire behind its header.
 *
 *   len <= RTP_EXTENSION_BLOCK, a multiple of 4; place[k] + length of k <= len where bit k of present is set */
struct rtp_extension_block {
	uint16_t profile;
	uint16_t present;
	uint8_t len;
	uint8_t place[RTP_EXT_SLOTS]; /* from the block's first byte */
	uint8_t bytes[RTP_EXTENSION_BLOCK];
};

/* Lays out the items in their order. A kind without an id in the map is left out: the peer did not accept it. Returns 0, or
 *   SLUICE_NO_SPACE  the items need more than RTP_EXTENSION_BLOCK bytes */
int rtp_extension_block_make(struct rtp_extension_block *b, const struct rtp_extension_map *m,
                             const struct rtp_extension_item *items, size_t n);

static inline bool rtp_extension_block_has(const struct rtp_extension_block *b, enum rtp_extension kind) {
	return b->present >> kind & 1;
}
/* Makes the packet carry the block: rtp_packet_write() then copies it. A block without elements is no extension. */
static inline void rtp_extension_block_apply(const struct rtp_extension_block *b, struct rtp_packet *p) {
	p->extension_profile = b->profile;
	p->extension = b->len ? b->bytes : NULL;
	p->extension_len = b->len;
}
/* Where the element begins in a packet that was written with this block, counted from the packet's first byte. */
static inline size_t rtp_extension_block_place(const struct rtp_extension_block *b, size_t csrc_count, enum rtp_extension kind) {
	return RTP_HEADER + 4 * csrc_count + RTP_EXTENSION_HEADER + b->place[kind];
}

/* The values as they go on the wire; at has 3, 2, 1 and 3 bytes. */
static inline uint32_t rtp_abs_send_time(uint64_t now_ns) {
	uint64_t seconds = now_ns / 1000000000, rest = now_ns % 1000000000;
	return (uint32_t)(seconds << 18 | (rest << 18) / 1000000000) & 0xFFFFFF;
}
static inline void rtp_put_abs_send_time(uint8_t *at, uint64_t now_ns) {
	put_be24(at, rtp_abs_send_time(now_ns));
}
static inline void rtp_put_transport_cc(uint8_t *at, uint16_t sequence) {
	put_be16(at, sequence);
}

#endif
