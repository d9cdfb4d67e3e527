/* vp9: VP9 in RTP. RFC 9628. A unit is a picture with all its spatial layers. */
#include "base/bytes.h"
#include "rtp/payload/picture_id.h"
#include "rtp/payload/whole.h"

/* Section 4.2: the first byte of the descriptor. */
#define HAS_PICTURE_ID 0x80
#define PREDICTED 0x40
#define HAS_LAYERS 0x20
#define FLEXIBLE 0x10
#define BEGINS 0x08
#define ENDS 0x04
#define HAS_STRUCTURE 0x02

#define SWITCHING_UP 0x10 /* U and D of the layer indices */
#define INTER_LAYER 0x01

#define MOST_REFERENCES 3

struct descriptor {
	uint8_t flags;
	uint8_t picture, tl0; /* where they stand in the payload; 0: not there */
	uint8_t layers;       /* TID, U, SID, D */
	uint8_t temporal, spatial;
	unsigned references;
	uint8_t reference_diffs[MOST_REFERENCES];
	size_t len;
};

/* RFC 9628, 4.2: P_DIFF names a reference picture, three at most; the lowest bit says that one more follows. */
static void read_references(struct reader *r, struct descriptor *d) {
	uint8_t byte;
	do {
		byte = read_u8(r);
		if (d->references == MOST_REFERENCES)
			r->failed = true;
		else
			d->reference_diffs[d->references++] = byte >> 1;
	} while ((byte & 1) && !r->failed);
}

/* Section 4.2.1: N_S, Y, G; a size for each layer; the group of pictures. */
static void read_structure(struct reader *r) {
	uint8_t head = read_u8(r);
	if (head & 0x10)
		read_bytes(r, 4 * ((size_t)(head >> 5) + 1));
	unsigned pictures = head & 0x08 ? read_u8(r) : 0;
	for (unsigned i = 0; i < pictures && !r->failed; i++)
		read_bytes(r, read_u8(r) >> 2 & 3);
}

static int read_descriptor(const uint8_t *payload, size_t len, struct descriptor *d) {
	struct reader r = reader_of(payload, len);
	*d = (struct descriptor){.flags = read_u8(&r)};
	if (d->flags & HAS_PICTURE_ID) {
		d->picture = (uint8_t)(r.at - payload);
		if (read_u8(&r) & PICTURE_ID_LONG)
			read_u8(&r);
	}
	if (d->flags & HAS_LAYERS) {
		d->layers = read_u8(&r);
		d->temporal = d->layers >> 5;
		d->spatial = d->layers >> 1 & 7;
		if (!(d->flags & FLEXIBLE)) {
			d->tl0 = (uint8_t)(r.at - payload);
			read_u8(&r);
		}
	}
	if ((d->flags & FLEXIBLE) && (d->flags & PREDICTED))
		read_references(&r, d);
	if (d->flags & HAS_STRUCTURE)
		read_structure(&r);
	if (r.failed || reader_left(&r) == 0)
		return SLUICE_MALFORMED;
	d->len = (size_t)(r.at - payload);
	return 0;
}

static int descriptor_length(const uint8_t *payload, size_t len) {
	struct descriptor d;
	return read_descriptor(payload, len, &d) < 0 ? SLUICE_MALFORMED : (int)d.len;
}

/* A picture begins with its lowest layer. A forwarder may have dropped that; then only the marker before it tells. */
static int parse(const uint8_t *payload, size_t len) {
	struct descriptor d;
	if (read_descriptor(payload, len, &d) < 0)
		return SLUICE_MALFORMED;
	int bits = d.temporal << PAYLOAD_TEMPORAL_SHIFT | d.spatial << PAYLOAD_SPATIAL_SHIFT;
	if (!(d.flags & BEGINS))
		bits |= PAYLOAD_CONTINUES;
	else if (d.spatial == 0)
		bits |= PAYLOAD_BEGINS | (d.flags & PREDICTED ? 0 : PAYLOAD_KEYFRAME);
	return bits | (d.flags & ENDS ? 0 : PAYLOAD_OPEN);
}

static int assemble(const struct payload_slice *pieces, size_t n, enum payload_form form, uint8_t *space, size_t size) {
	(void)form;
	return whole_assemble(pieces, n, descriptor_length, space, size);
}

static int descriptor_read(const uint8_t *payload, size_t len, struct payload_descriptor *out) {
	struct descriptor d;
	if (read_descriptor(payload, len, &d) < 0)
		return SLUICE_MALFORMED;
	*out = (struct payload_descriptor){
		.has_tl0 = d.tl0,
		.tl0_index = d.tl0 ? payload[d.tl0] : 0,
		.temporal = d.temporal,
		.spatial = d.spatial,
		.sync = d.layers & SWITCHING_UP,
		.begins = d.flags & BEGINS,
		.ends = d.flags & ENDS,
		.inter = d.flags & PREDICTED,
		.inter_layer = d.layers & INTER_LAYER,
		.references = d.references,
		.len = d.len,
	};
	memcpy(out->reference_diffs, d.reference_diffs, sizeof d.reference_diffs);
	if (d.picture)
		out->picture_id = payload_picture_id(payload + d.picture, &out->picture_bits);
	return 0;
}

static int descriptor_write(uint8_t *payload, size_t len, const struct payload_descriptor *numbers) {
	struct descriptor d;
	if (read_descriptor(payload, len, &d) < 0)
		return SLUICE_MALFORMED;
	if (d.picture)
		payload_put_picture_id(payload + d.picture, numbers->picture_id);
	if (d.tl0)
		payload[d.tl0] = numbers->tl0_index;
	return 0;
}

/* In non-flexible mode. The unit is one layer's frame: layers are split one after the other. An upper layer is predicted from the
 * one below it (D). */
static size_t put_descriptor(uint8_t *at, const struct payload_info *info) {
	size_t len = 1;
	at[0] = info->keyframe ? 0 : PREDICTED;
	if (info->picture_id >= 0) {
		at[0] |= HAS_PICTURE_ID;
		put_be16(at + len, (uint16_t)(0x8000 | info->picture_id));
		len += 2;
	}
	if (info->tl0_index >= 0) {
		at[0] |= HAS_LAYERS;
		at[len++] = (uint8_t)(info->temporal << 5 | info->sync << 4 | (info->spatial & 7) << 1 | (info->spatial > 0));
		at[len++] = (uint8_t)info->tl0_index;
	}
	return len;
}

static int split(struct payload_split *s, struct payload_piece *out) {
	bool first = s->at == 0;
	int result = whole_split(s, put_descriptor(out->header, &s->info), out);
	if (result <= 0)
		return result;
	out->header[0] |= (uint8_t)((first ? BEGINS : 0) | (out->last ? ENDS : 0));
	out->last &= !s->info.layer_follows;
	return 1;
}

const struct payload_format payload_vp9 = {
	.name = "VP9",
	.clock_rate = 90000,
	.open_known = true,
	.parse = parse,
	.assemble = assemble,
	.split = split,
	.descriptor_read = descriptor_read,
	.descriptor_write = descriptor_write,
};
