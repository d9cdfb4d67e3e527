/* payload: what stands in an RTP payload of each codec, as one const table a format.
 *
 *   parse     one payload -> the bits that tell where a unit begins and what it is
 *   assemble  the payloads of one unit, in order -> the bytes that a decoder takes
 *   split     one unit -> payloads; each is a short header and a slice of the unit
 *
 * A unit is what a decoder takes at once: an access unit, a temporal unit, a picture with its layers, or an audio packet. The
 * formats know no sequence numbers, no timestamps and no time. They keep no state: everything is an argument. Parsing trusts
 * nothing and reads only the payload.
 *
 * The pieces of split have one size, except the last one. So a unit's packets are one run for the socket. A piece names bytes of
 * the unit instead of copying them: a retransmission gathers the packet again from the unit. Bytes that are not the unit's, or
 * short ones that travel together, stand in the piece's header. */
#ifndef RTP_PAYLOAD_PAYLOAD_H
#define RTP_PAYLOAD_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what a payload says ---- */

enum {
	/* These bytes prove by themselves that a unit begins here. */
	PAYLOAD_BEGINS = 1 << 0,
	/* Something of the same unit must stand before it: it cannot be the first. */
	PAYLOAD_CONTINUES = 1 << 1,
	/* Something of the same unit must follow: it cannot be the last. */
	PAYLOAD_OPEN = 1 << 2,
	/* A decoder can start with this unit. */
	PAYLOAD_KEYFRAME = 1 << 3,
	/* The RTP header's marker; parse never sets it. */
	PAYLOAD_MARKER = 1 << 4,
	PAYLOAD_TEMPORAL_SHIFT = 8, /* three bits */
	PAYLOAD_SPATIAL_SHIFT = 11, /* three bits */
};

static inline unsigned payload_temporal(unsigned bits) {
	return bits >> PAYLOAD_TEMPORAL_SHIFT & 7;
}
static inline unsigned payload_spatial(unsigned bits) {
	return bits >> PAYLOAD_SPATIAL_SHIFT & 7;
}

/* ---- a unit's payloads ---- */

struct payload_slice {
	const uint8_t *data;
	size_t len; /* not 0 */
};

/* How the NAL units of H.264 are kept apart in a unit. Other formats have one form and do not read this. */
enum payload_form {
	PAYLOAD_ANNEX_B,         /* a start code before each: 00 00 00 01 */
	PAYLOAD_LENGTH_PREFIXED, /* its length before each: four bytes, as in MP4 */
};

/* As many bytes as a unit can have whose payloads have `bytes` bytes in n packets: each NAL unit of H.264 gets four bytes for
 * two or none, each OBU of AV1 a size of at most five bytes for one or none. */
static inline size_t payload_unit_bound(size_t bytes, size_t n) {
	return 2 * bytes + 8 * n;
}

/* ---- a unit, split ---- */

#define PAYLOAD_HEADER 64 /* room for the parameter sets of H.264 or the sequence header of AV1 */

struct payload_piece {
	size_t offset, len; /* bytes of the unit; len may be 0 */
	bool last;          /* the unit's last piece: its packet has the marker */
	uint8_t header_len;
	uint8_t header[PAYLOAD_HEADER];
};

/* What the sender knows of the unit beyond its bytes. */
struct payload_info {
	bool keyframe;
	int picture_id;            /* 15 bits; VP8 and VP9. -1: none */
	int tl0_index;             /* 8 bits; VP8 and VP9. -1: no layers */
	uint8_t temporal, spatial; /* when tl0_index is there */
	bool sync;                 /* VP8's Y and VP9's U: from here a receiver may take this temporal layer */
	bool layer_follows;        /* VP9: another spatial layer of this picture comes */
	uint8_t mode;              /* H.264's packetization-mode: 0 or 1 */
	enum payload_form form;    /* H.264 */
};

/*   part_start <= at <= part_end <= len while a part is being cut; pieces == how many were given */
struct payload_split {
	const uint8_t *unit;
	size_t len;
	size_t room; /* of a payload, header included */
	struct payload_info info;

	size_t at;         /* the next byte that no piece has */
	size_t part_start; /* the NAL unit or OBU that is being cut */
	size_t part_end;   /* 0: none is */
	size_t slice;      /* bytes of each further piece of it */
	size_t pieces;
};

static inline struct payload_split payload_split_of(const uint8_t *unit, size_t len, size_t room, struct payload_info info) {
	return (struct payload_split){.unit = unit, .len = len, .room = room, .info = info};
}

/* The size of equal slices, none above room, for len bytes. Neither is 0. */
static inline size_t payload_equal(size_t len, size_t room) {
	size_t n = (len + room - 1) / room;
	return (len + n - 1) / n;
}

/* ---- numbers that a forwarder continues ---- */

/* What a payload's descriptor says of a picture's place in its stream; VP8 and VP9. Whoever goes on with another source rewrites
 * the numbers, so that a decoder sees one stream. */
struct payload_descriptor {
	unsigned picture_bits; /* 7 or 15; 0: there is no picture id */
	unsigned picture_id;
	bool has_tl0, has_key; /* the next ones are there; key: VP8 */
	uint8_t tl0_index;     /* 8 bits */
	uint8_t key_index;     /* 5 bits */

	/* Read only. */
	uint8_t temporal, spatial;
	bool sync;                  /* VP8's Y and VP9's U */
	bool begins, ends;          /* a frame; ends: VP9 */
	bool inter, inter_layer;    /* VP9: it refers to other pictures, and to the layer below */
	unsigned references;        /* VP9, flexible mode: up to three pictures */
	uint8_t reference_diffs[3]; /* picture ids back */
	size_t len;                 /* of the descriptor */
};

struct payload_format {
	const char *name;
	uint32_t clock_rate;
	bool audio;      /* each packet is a unit */
	bool open_known; /* PAYLOAD_OPEN of a packet and PAYLOAD_CONTINUES of the next one say the same */

	/* len is not 0. Returns PAYLOAD_ bits, or
	 *   SLUICE_MALFORMED  the payload's own header is cut, or breaks a rule of the format */
	int (*parse)(const uint8_t *payload, size_t len);

	/* The pieces were parsed and are contiguous. Returns the unit's length, or
	 *   SLUICE_MALFORMED  they do not fit together, or the unit is empty
	 *   SLUICE_NO_SPACE   it is longer than size */
	int (*assemble)(const struct payload_slice *pieces, size_t n, enum payload_form form, uint8_t *space, size_t size);

	/* Returns 1 with a piece; 0 when there is none left; or
	 *   SLUICE_MALFORMED  the unit is not what the codec makes
	 *   SLUICE_TOO_LARGE  the room is too small, and the format cannot cut further */
	int (*split)(struct payload_split *s, struct payload_piece *out);

	/* NULL: the format has no such numbers. Reads the descriptor, or writes the numbers of `d` over those that are there,
	 * which keep their widths: higher bits are dropped. What is not there is not added. Returns 0, or
	 *   SLUICE_MALFORMED  as parse does; nothing is written then */
	int (*descriptor_read)(const uint8_t *payload, size_t len, struct payload_descriptor *d);
	int (*descriptor_write)(uint8_t *payload, size_t len, const struct payload_descriptor *d);
};

extern const struct payload_format payload_vp8, payload_vp9, payload_h264, payload_av1;
extern const struct payload_format payload_opus, payload_pcmu, payload_pcma;

/* The samples at 48 kHz that an Opus packet decodes to, 120 to 5,760 (RFC 6716, section 3). 0: it is not valid. */
unsigned payload_opus_samples(const uint8_t *payload, size_t len);

#endif
