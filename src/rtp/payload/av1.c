/* av1: AV1 in RTP. "RTP Payload Format For AV1", version 1.0, of the Alliance for Open Media. A unit is a temporal unit in the
 * low-overhead format, each OBU with its size, without temporal delimiters. */
#include <string.h>

#include "base/bytes.h"
#include "rtp/payload/payload.h"
#include "sluice/error.h"

/* Section 4.4: the aggregation header. */
#define CONTINUES 0x80 /* Z */
#define OPEN 0x40      /* Y */
#define COUNT(header) ((header) >> 4 & 3)
#define COUNT_SHIFT 4
#define MOST_COUNTED 3
#define NEW_SEQUENCE 0x08 /* N */

/* AV1, 5.3.2: the header of an OBU. */
#define OBU_TYPE(byte) ((byte) >> 3 & 15)
#define OBU_FORBIDDEN 0x80
#define OBU_EXTENDED 0x04
#define OBU_HAS_SIZE 0x02

enum {
	SEQUENCE_HEADER = 1,
	TEMPORAL_DELIMITER = 2,
	TILE_LIST = 8,
	PADDING = 15,
};

/* Section 5: the temporal delimiter "SHOULD be removed", tile lists "MUST NOT" travel; padding is of no use to a decoder. */
static bool is_left_out(uint8_t header) {
	unsigned type = OBU_TYPE(header);
	return type == TEMPORAL_DELIMITER || type == TILE_LIST || type == PADDING;
}

/* AV1, 4.10.5: at most eight bytes, and the value fits in 32 bits. */
static size_t read_leb128(struct reader *r) {
	uint64_t value = 0;
	for (int i = 0; i < 8; i++) {
		uint8_t byte = read_u8(r);
		value |= (uint64_t)(byte & 127) << 7 * i;
		if (!(byte & 128)) {
			r->failed |= value > UINT32_MAX;
			return r->failed ? 0 : (size_t)value;
		}
	}
	r->failed = true;
	return 0;
}

static size_t put_leb128(uint8_t *at, size_t value) {
	size_t len = 0;
	for (; value >= 128; value >>= 7)
		at[len++] = (uint8_t)(value | 128);
	at[len++] = (uint8_t)value;
	return len;
}

/* ---- the OBU elements of a payload ---- */

struct element {
	const uint8_t *data;
	size_t len;
	bool continues, open;
};

struct elements {
	struct reader r;
	uint8_t header;
	unsigned index;
};

static struct elements elements_of(const uint8_t *payload, size_t len) {
	struct elements e = {.r = reader_of(payload, len)};
	e.header = read_u8(&e.r);
	return e;
}

/* False: there is none left, or e->r.failed. W of 1 to 3 is the number of elements, and the last of them has no length. */
static bool next_element(struct elements *e, struct element *out) {
	unsigned count = COUNT(e->header);
	if (count ? e->index == count : e->index > 0 && reader_left(&e->r) == 0)
		return false;
	bool to_the_end = count && e->index == count - 1;
	size_t len = to_the_end ? reader_left(&e->r) : read_leb128(&e->r);
	out->data = read_bytes(&e->r, len);
	out->len = len;
	if (!out->data || len == 0) {
		e->r.failed = true;
		return false;
	}
	bool last = to_the_end || (!count && reader_left(&e->r) == 0);
	out->continues = e->index == 0 && (e->header & CONTINUES);
	out->open = last && (e->header & OPEN);
	e->index++;
	return true;
}

/* ---- parsing ---- */

/* Bits of an OBU's first bytes; an element that continues has none. */
static int bits_of(const struct element *e) {
	if (e->data[0] & OBU_FORBIDDEN)
		return SLUICE_MALFORMED;
	if (!(e->data[0] & OBU_EXTENDED))
		return 0;
	if (e->len < 2)
		return SLUICE_MALFORMED;
	return e->data[1] >> 5 << PAYLOAD_TEMPORAL_SHIFT | (e->data[1] >> 3 & 3) << PAYLOAD_SPATIAL_SHIFT;
}

/* Only the start of a sequence proves that nothing of its unit comes before it: another unit's first OBU looks like the first of
 * a second layer. */
static bool begins(const struct element *e, uint8_t header) {
	unsigned type = OBU_TYPE(e->data[0]);
	return (header & NEW_SEQUENCE) || type == SEQUENCE_HEADER || type == TEMPORAL_DELIMITER;
}

static int parse(const uint8_t *payload, size_t len) {
	struct elements list = elements_of(payload, len);
	struct element e;
	/* Section 4.4: "if N equals 1 then Z must equal 0." */
	if ((list.header & NEW_SEQUENCE) && (list.header & CONTINUES))
		return SLUICE_MALFORMED;
	int bits = (list.header & CONTINUES ? PAYLOAD_CONTINUES : 0) | (list.header & OPEN ? PAYLOAD_OPEN : 0);
	int layers = 0;
	while (next_element(&list, &e)) {
		int said = e.continues ? layers : bits_of(&e);
		if (said < 0)
			return SLUICE_MALFORMED;
		layers = said;
		if (list.index == 1 && !e.continues && begins(&e, list.header))
			bits |= PAYLOAD_BEGINS;
	}
	if (list.header & NEW_SEQUENCE)
		bits |= PAYLOAD_KEYFRAME;
	return list.r.failed ? SLUICE_MALFORMED : bits | layers;
}

/* ---- putting together ---- */

/* The elements of all pieces, one after the other. */
struct walk {
	const struct payload_slice *pieces;
	size_t n, i;
	struct elements in;
	bool malformed;
};

static struct walk walk_of(const struct payload_slice *pieces, size_t n) {
	return (struct walk){.pieces = pieces, .n = n, .in = elements_of(pieces[0].data, pieces[0].len)};
}

static bool walk_next(struct walk *w, struct element *out) {
	while (!next_element(&w->in, out)) {
		w->malformed |= w->in.r.failed;
		if (w->malformed || ++w->i == w->n)
			return false;
		w->in = elements_of(w->pieces[w->i].data, w->pieces[w->i].len);
	}
	return true;
}

/* An OBU whose first element is `first`. The walk stands behind that. Sets *len to the bytes of all its elements. */
static bool measure(struct walk w, const struct element *first, size_t *len) {
	struct element e = *first;
	*len = first->len;
	while (e.open) {
		if (!walk_next(&w, &e) || !e.continues)
			return false;
		*len += e.len;
	}
	return true;
}

/* The bytes before an OBU's payload: header, extension, and a size that must agree. It must be in the first element. Returns how
 * many; 0: they are malformed. */
static size_t obu_prefix(const struct element *first, size_t len) {
	struct reader r = reader_of(first->data, first->len);
	uint8_t header = read_u8(&r);
	if (header & OBU_EXTENDED)
		read_u8(&r);
	if (header & OBU_HAS_SIZE) {
		size_t size = read_leb128(&r);
		r.failed |= size != len - (size_t)(r.at - first->data);
	}
	return r.failed || (header & OBU_FORBIDDEN) ? 0 : (size_t)(r.at - first->data);
}

static bool add_obu(struct walk *w, struct element *e, struct writer *out) {
	size_t len, prefix;
	if (e->continues || !measure(*w, e, &len) || !(prefix = obu_prefix(e, len)))
		return false;
	struct writer skipped = {0};
	struct writer *to = is_left_out(e->data[0]) ? &skipped : out;
	uint8_t size[8];
	write_u8(to, e->data[0] | OBU_HAS_SIZE);
	if (e->data[0] & OBU_EXTENDED)
		write_u8(to, e->data[1]);
	write_bytes(to, size, put_leb128(size, len - prefix));
	write_bytes(to, e->data + prefix, e->len - prefix);
	while (e->open && walk_next(w, e))
		write_bytes(to, e->data, e->len);
	return true;
}

static int assemble(const struct payload_slice *pieces, size_t n, enum payload_form form, uint8_t *space, size_t size) {
	(void)form;
	if (n == 0)
		return SLUICE_MALFORMED;
	struct walk w = walk_of(pieces, n);
	struct writer out = writer_of(space, size);
	struct element e;
	while (walk_next(&w, &e))
		if (!add_obu(&w, &e, &out))
			return SLUICE_MALFORMED;
	if (w.malformed)
		return SLUICE_MALFORMED;
	if (out.failed)
		return SLUICE_NO_SPACE;
	return writer_len(&out) ? (int)writer_len(&out) : SLUICE_MALFORMED;
}

/* ---- splitting ---- */

#define SMALL 24       /* an OBU of at most so many bytes rides in a header: a sequence header, a metadata OBU */
#define LEAST_ROOM 128 /* so that the first piece has a slice too */
#define MOST_SMALL (MOST_COUNTED - 1)
_Static_assert(1 + MOST_SMALL * (1 + SMALL) + 2 <= PAYLOAD_HEADER, "aggregation header, small OBUs, an OBU's header");

struct obu {
	uint8_t header[2];
	uint8_t header_len;
	size_t start, end; /* of its payload, in the unit */
};

static bool read_obu(const struct payload_split *s, size_t from, struct obu *out) {
	struct reader r = reader_of(s->unit + from, s->len - from);
	uint8_t header = read_u8(&r);
	out->header[0] = header & (uint8_t)~OBU_HAS_SIZE;
	out->header_len = 1;
	if (header & OBU_EXTENDED)
		out->header[out->header_len++] = read_u8(&r);
	size_t size = header & OBU_HAS_SIZE ? read_leb128(&r) : reader_left(&r);
	out->start = (size_t)(r.at - s->unit);
	if (r.failed || reader_left(&r) < size || (header & OBU_FORBIDDEN))
		return false;
	out->end = out->start + size;
	return true;
}

/* The next OBU that travels. Returns 1, 0 when there is none, or SLUICE_MALFORMED. */
static int next_obu(const struct payload_split *s, size_t from, struct obu *out) {
	while (from < s->len) {
		if (!read_obu(s, from, out))
			return SLUICE_MALFORMED;
		if (!is_left_out(out->header[0]))
			return 1;
		from = out->end;
	}
	return 0;
}

static void put_obu_header(struct payload_piece *out, const struct obu *o) {
	memcpy(out->header + out->header_len, o->header, o->header_len);
	out->header_len += o->header_len;
}

/* Puts small OBUs into the header, as long as another one follows. o is then that. Returns how many elements, with the one that
 * follows, or SLUICE_MALFORMED. */
static int gather_small(const struct payload_split *s, struct obu *o, struct payload_piece *out) {
	for (int count = 1;; count++) {
		size_t len = o->header_len + (o->end - o->start);
		struct obu behind;
		int more = next_obu(s, o->end, &behind);
		if (more < 0)
			return more;
		if (count > MOST_SMALL || len > SMALL || !more)
			return count;
		out->header[out->header_len++] = (uint8_t)len;
		put_obu_header(out, o);
		memcpy(out->header + out->header_len, s->unit + o->start, o->end - o->start);
		out->header_len += (uint8_t)(o->end - o->start);
		*o = behind;
	}
}

/* The next bytes of the OBU that is being cut. */
static int give_slice(struct payload_split *s, size_t slice, struct payload_piece *out) {
	size_t left = s->part_end - s->at;
	struct obu behind;
	out->offset = s->at;
	out->len = left < slice ? left : slice;
	s->at += out->len;
	out->last = false;
	if (s->at < s->part_end) {
		out->header[0] |= OPEN;
	} else {
		s->part_end = 0;
		int more = next_obu(s, s->at, &behind);
		if (more < 0)
			return more;
		out->last = !more;
	}
	s->pieces++;
	return 1;
}

/* The pieces of an OBU have equal size, headers included: the first header is longer by the small OBUs and the OBU's own. */
static int give_first(struct payload_split *s, struct obu *o, struct payload_piece *out) {
	bool first = s->pieces == 0;
	out->header_len = 1;
	int count = gather_small(s, o, out);
	if (count < 0)
		return count;
	put_obu_header(out, o);
	out->header[0] = (uint8_t)(count << COUNT_SHIFT | (first && s->info.keyframe ? NEW_SEQUENCE : 0));
	s->at = o->start;
	s->part_end = o->end;
	size_t more = out->header_len - 1u, len = o->end - o->start;
	s->slice = payload_equal(len + more, s->room - 1);
	return give_slice(s, s->slice - more, out);
}

static int split(struct payload_split *s, struct payload_piece *out) {
	struct obu o;
	if (s->room < LEAST_ROOM)
		return SLUICE_TOO_LARGE;
	if (s->part_end) {
		out->header[0] = CONTINUES | 1 << COUNT_SHIFT;
		out->header_len = 1;
		return give_slice(s, s->slice, out);
	}
	int found = next_obu(s, s->at, &o);
	if (found == 0)
		return s->pieces ? 0 : SLUICE_MALFORMED;
	return found < 0 ? found : give_first(s, &o, out);
}

const struct payload_format payload_av1 = {
	.name = "AV1",
	.clock_rate = 90000,
	.open_known = true,
	.parse = parse,
	.assemble = assemble,
	.split = split,
};
