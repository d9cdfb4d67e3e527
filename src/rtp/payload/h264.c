/* h264: H.264 in RTP, packetization modes 0 and 1: single NAL units, STAP-A and FU-A. RFC 6184. */
#include <string.h>

#include "base/bytes.h"
#include "rtp/payload/payload.h"
#include "sluice/error.h"

#define TYPE(byte) ((byte)&31)
#define HEADER_BITS 0xE0 /* F and NRI */

enum {
	SLICE = 1,
	IDR = 5,
	SPS = 7,
	AUD = 9,
	LAST_NAL = 23, /* above it are the types of RFC 6184 */
	STAP_A = 24,
	FU_A = 28,
};

#define FU_START 0x80
#define FU_END 0x40
#define FU_HEADER 2
#define PREFIX 4 /* a start code, or a length */

static bool is_nal(unsigned type) {
	return type >= 1 && type <= LAST_NAL;
}

/* ---- parsing ---- */

/* What the first NAL unit of a payload says. `body` is its byte behind the header, 0 if there is none.
 *
 * H.264, 7.4.1.2.3 names what may come first. PPS and SEI may follow an SPS that is lost, so they prove nothing. Neither does an
 * IDR slice: parameter sets belong before it. first_mb_in_slice of 0 is coded as a single 1. */
static int bits_of(unsigned type, uint8_t body) {
	bool begins = type == AUD || type == SPS || (type == SLICE && (body & 0x80));
	return (begins ? PAYLOAD_BEGINS : 0) | (type == IDR ? PAYLOAD_KEYFRAME : 0);
}

static int parse_stap(const uint8_t *payload, size_t len) {
	struct reader r = reader_of(payload + 1, len - 1);
	int bits = 0;
	for (bool first = true; reader_left(&r) > 0; first = false) {
		size_t size = read_be16(&r);
		const uint8_t *nal = read_bytes(&r, size);
		if (!nal || size == 0 || !is_nal(TYPE(nal[0])))
			return SLUICE_MALFORMED;
		int said = bits_of(TYPE(nal[0]), size > 1 ? nal[1] : 0);
		bits |= first ? said : said & PAYLOAD_KEYFRAME;
	}
	return len > 1 ? bits : SLUICE_MALFORMED;
}

/* RFC 6184, 5.8: "A fragmented NAL unit MUST NOT be transmitted in one FU; that is, the Start bit and End bit MUST NOT both be
 * set to one in the same FU header." */
static int parse_fu(const uint8_t *payload, size_t len) {
	if (len <= FU_HEADER || !is_nal(TYPE(payload[1])) || (payload[1] & (FU_START | FU_END)) == (FU_START | FU_END))
		return SLUICE_MALFORMED;
	int bits = bits_of(TYPE(payload[1]), payload[2]) | (payload[1] & FU_END ? 0 : PAYLOAD_OPEN);
	return payload[1] & FU_START ? bits : (bits & ~PAYLOAD_BEGINS) | PAYLOAD_CONTINUES;
}

static int parse(const uint8_t *payload, size_t len) {
	switch (TYPE(payload[0])) {
	case STAP_A:
		return parse_stap(payload, len);
	case FU_A:
		return parse_fu(payload, len);
	default:
		return is_nal(TYPE(payload[0])) ? bits_of(TYPE(payload[0]), len > 1 ? payload[1] : 0) : SLUICE_MALFORMED;
	}
}

/* ---- putting together ---- */

struct assembly {
	struct writer w;
	enum payload_form form;
	uint8_t *prefix; /* of the fragmented NAL unit that is not complete; NULL: there is none */
	uint8_t header;  /* its header */
};

static void put_prefix(const struct assembly *a, uint8_t *at, size_t len) {
	if (at)
		put_be32(at, a->form == PAYLOAD_ANNEX_B ? 1 : (uint32_t)len);
}

static void add_nal(struct assembly *a, const uint8_t *nal, size_t len) {
	put_prefix(a, write_space(&a->w, PREFIX), len);
	write_bytes(&a->w, nal, len);
}

static void add_stap(struct assembly *a, const uint8_t *payload, size_t len) {
	struct reader r = reader_of(payload + 1, len - 1);
	while (reader_left(&r) > 0) {
		size_t size = read_be16(&r);
		add_nal(a, read_bytes(&r, size), size);
	}
}

static int add_fu(struct assembly *a, const uint8_t *payload, size_t len) {
	uint8_t header = (uint8_t)((payload[0] & HEADER_BITS) | TYPE(payload[1]));
	bool starts = payload[1] & FU_START;
	if (starts == (a->prefix != NULL) || (!starts && header != a->header))
		return SLUICE_MALFORMED;
	if (starts) {
		a->prefix = write_space(&a->w, PREFIX);
		a->header = header;
		write_u8(&a->w, header);
	}
	write_bytes(&a->w, payload + FU_HEADER, len - FU_HEADER);
	if (a->w.failed)
		return SLUICE_NO_SPACE;
	if (payload[1] & FU_END) {
		put_prefix(a, a->prefix, (size_t)(a->w.at - a->prefix) - PREFIX);
		a->prefix = NULL;
	}
	return 0;
}

static int add(struct assembly *a, const uint8_t *payload, size_t len) {
	if (parse(payload, len) < 0)
		return SLUICE_MALFORMED;
	unsigned type = TYPE(payload[0]);
	if (type == FU_A)
		return add_fu(a, payload, len);
	if (a->prefix)
		return SLUICE_MALFORMED;
	if (type == STAP_A)
		add_stap(a, payload, len);
	else
		add_nal(a, payload, len);
	return a->w.failed ? SLUICE_NO_SPACE : 0;
}

static int assemble(const struct payload_slice *pieces, size_t n, enum payload_form form, uint8_t *space, size_t size) {
	struct assembly a = {.w = writer_of(space, size), .form = form};
	for (size_t i = 0; i < n; i++) {
		int result = add(&a, pieces[i].data, pieces[i].len);
		if (result < 0)
			return result;
	}
	return a.prefix || n == 0 ? SLUICE_MALFORMED : (int)writer_len(&a.w);
}

/* ---- splitting ---- */

struct nal {
	size_t start, end, next; /* in the unit; next: where the search for the following one goes on */
};

static size_t start_code(const struct payload_split *s, size_t from) {
	const uint8_t *found = memmem(s->unit + from, s->len - from, "\0\0\1", 3);
	return found ? (size_t)(found - s->unit) : s->len;
}

/* Annex B: zeros before a start code belong to it or are padding. */
static bool next_in_annex_b(const struct payload_split *s, size_t from, struct nal *out) {
	size_t code = start_code(s, from);
	if (s->len - code <= 3)
		return false;
	out->start = code + 3;
	out->next = out->end = start_code(s, out->start);
	while (out->end > out->start && s->unit[out->end - 1] == 0)
		out->end--;
	return out->end > out->start;
}

static bool next_with_length(const struct payload_split *s, size_t from, struct nal *out) {
	if (s->len - from < PREFIX)
		return false;
	size_t len = get_be32(s->unit + from);
	out->start = from + PREFIX;
	if (len == 0 || s->len - out->start < len)
		return false;
	out->next = out->end = out->start + len;
	return true;
}

static bool next_nal(const struct payload_split *s, size_t from, struct nal *out) {
	bool found = s->info.form == PAYLOAD_ANNEX_B ? next_in_annex_b(s, from, out) : next_with_length(s, from, out);
	return found && is_nal(TYPE(s->unit[out->start]));
}

/* All of the unit is cut, save zeros at its end. What else is there is not H.264. */
static bool is_end(const struct payload_split *s, size_t from) {
	while (s->info.form == PAYLOAD_ANNEX_B && from < s->len && s->unit[from] == 0)
		from++;
	return from == s->len;
}

/* A run of NAL units that fits into a piece's header travels as one STAP-A: parameter sets before their IDR slice. RFC 6184,
 * 5.7: the NRI is the highest one of theirs, F is set if it is in any. Returns how many NAL units it took; 0 or 1: none. */
static size_t gather_stap(const struct payload_split *s, struct payload_piece *out, size_t *next) {
	size_t room = s->room < PAYLOAD_HEADER ? s->room : PAYLOAD_HEADER, len = 1, n = 0;
	uint8_t forbidden = 0, nri = 0;
	struct nal nal;
	for (*next = s->at; next_nal(s, *next, &nal) && nal.end - nal.start + 2 <= room - len; *next = nal.next, n++) {
		size_t size = nal.end - nal.start;
		put_be16(out->header + len, (uint16_t)size);
		memcpy(out->header + len + 2, s->unit + nal.start, size);
		len += 2 + size;
		uint8_t header = s->unit[nal.start];
		forbidden |= header & 0x80;
		nri = (header & 0x60) > nri ? header & 0x60 : nri;
	}
	out->header[0] = forbidden | nri | STAP_A;
	out->header_len = (uint8_t)len;
	out->offset = *next;
	out->len = 0;
	return n;
}

static int give(struct payload_split *s, struct payload_piece *out) {
	out->last = s->part_end == 0 && is_end(s, s->at);
	s->pieces++;
	return 1;
}

static int give_fragment(struct payload_split *s, struct payload_piece *out) {
	size_t left = s->part_end - s->at;
	bool starts = s->at == s->part_start + 1, ends = left <= s->slice;
	uint8_t header = s->unit[s->part_start];
	out->header[0] = (header & HEADER_BITS) | FU_A;
	out->header[1] = (uint8_t)(TYPE(header) | (starts ? FU_START : 0) | (ends ? FU_END : 0));
	out->header_len = FU_HEADER;
	out->offset = s->at;
	out->len = ends ? left : s->slice;
	s->at += out->len;
	if (ends)
		s->part_end = 0;
	return give(s, out);
}

static int give_nal(struct payload_split *s, const struct nal *nal, struct payload_piece *out) {
	out->header_len = 0;
	out->offset = nal->start;
	out->len = nal->end - nal->start;
	s->at = nal->next;
	return give(s, out);
}

static int split(struct payload_split *s, struct payload_piece *out) {
	struct nal nal;
	size_t next;
	if (s->part_end)
		return give_fragment(s, out);
	if (s->pieces && is_end(s, s->at))
		return 0;
	if (!next_nal(s, s->at, &nal))
		return SLUICE_MALFORMED;
	if (s->info.mode == 0)
		return nal.end - nal.start <= s->room ? give_nal(s, &nal, out) : SLUICE_TOO_LARGE;
	if (s->room > 1 && gather_stap(s, out, &next) > 1) {
		s->at = next;
		return give(s, out);
	}
	if (nal.end - nal.start <= s->room)
		return give_nal(s, &nal, out);
	if (s->room <= FU_HEADER)
		return SLUICE_TOO_LARGE;
	s->part_start = nal.start;
	s->part_end = nal.end;
	s->at = nal.start + 1;
	s->slice = payload_equal(nal.end - s->at, s->room - FU_HEADER);
	return give_fragment(s, out);
}

const struct payload_format payload_h264 = {
	.name = "H264",
	.clock_rate = 90000,
	.open_known = true,
	.parse = parse,
	.assemble = assemble,
	.split = split,
};
