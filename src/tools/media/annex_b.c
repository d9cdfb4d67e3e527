/* annex_b: H.264 as a byte stream, Annex B of the standard: NAL units with a start code before each, and nothing else. It has no
 * times, and nothing says where an access unit ends but the beginning of the next one. */
#include <string.h>

#include "sluice/error.h"
#include "tools/media/container.h"
#include "tools/media/sps.h"

enum {
	SLICE = 1,
	PARTITION_A = 2,
	IDR = 5,
	SEI = 6,
	SPS = 7,
	PPS = 8,
	DELIMITER = 9,
	PREFIX = 14,
	RESERVED_18 = 18,
	LAST_TYPE = 23, /* higher ones are RTP's */
};

#define START_CODE 3

/* ---- NAL units in a window ---- */

struct annex_b_reader {
	struct media_reader base;
	uint64_t ticks, time_scale; /* a frame takes ticks / time_scale seconds */
};

struct nal {
	size_t code; /* where its start code is, in the window */
	unsigned type;
	bool first_slice; /* of a picture */
};

static bool is_slice(unsigned type) {
	return type == SLICE || type == PARTITION_A || type == IDR;
}

/* The first start code at `from` or behind. Returns 1; 0: there is none; or an error. *ready: bytes of the window. */
static int find_code(struct source *s, size_t from, size_t *code, size_t *ready) {
	int filled = source_fill(s, from + START_CODE);
	while (filled >= 0) {
		*ready = (size_t)filled;
		const uint8_t *window = source_data(s), *found = NULL;
		if (*ready >= from + START_CODE)
			found = memmem(window + from, *ready - from, "\0\0\1", START_CODE);
		if (found) {
			*code = (size_t)(found - window);
			return 1;
		}
		/* A start code may have begun in the last two bytes. */
		from = *ready > from + START_CODE - 1 ? *ready - (START_CODE - 1) : from;
		filled = source_fill(s, *ready + 1);
		if (filled == (int)*ready)
			return 0;
	}
	return filled;
}

/* The first NAL unit whose start code is at `from` or behind. Returns 1; 0: there is none; or an error. *ready: bytes of the
 * window; at the end, without a start code that nothing follows. */
static int find_nal(struct source *s, size_t from, struct nal *out, size_t *ready) {
	int result = find_code(s, from, &out->code, ready);
	if (result <= 0)
		return result;
	/* Its header, and the first byte of a slice. */
	int filled = source_fill(s, out->code + START_CODE + 2);
	if (filled < 0)
		return filled;
	*ready = (size_t)filled;
	const uint8_t *nal = source_data(s) + out->code + START_CODE;
	size_t len = *ready - out->code - START_CODE;
	out->type = len ? nal[0] & 31 : 0;
	/* first_mb_in_slice is a ue(v) that begins the slice: 0 is a single 1. */
	out->first_slice = len > 1 && (nal[1] & 0x80);
	if (len > is_slice(out->type))
		return 1;
	*ready = out->code;
	return 0;
}

/* H.264, 7.4.1.2.3: "The first of any of the following NAL units after the last VCL NAL unit of a primary coded picture specifies
 * the start of a new access unit": delimiter, SPS, PPS, SEI, types 14 to 18, the first slice of a picture. */
static bool begins_unit(const struct nal *n) {
	if (is_slice(n->type))
		return n->first_slice;
	return (n->type >= SEI && n->type <= DELIMITER) || (n->type >= PREFIX && n->type <= RESERVED_18);
}

/* ---- reading ---- */

struct unit_end {
	size_t len;
	bool has_slice, has_idr, has_sps;
};

/* Finds where the access unit at the window's beginning ends. Returns 0 or an error; has_slice is false at the end. */
static int find_end(struct source *s, struct unit_end *out) {
	struct nal n;
	size_t from = 0, ready;
	int result;
	*out = (struct unit_end){0};
	while ((result = find_nal(s, from, &n, &ready)) > 0) {
		if (out->has_slice && begins_unit(&n)) {
			/* The zero byte before a start code belongs to it. */
			out->len = n.code - (source_data(s)[n.code - 1] == 0);
			return 0;
		}
		out->has_slice |= is_slice(n.type);
		out->has_idr |= n.type == IDR;
		out->has_sps |= n.type == SPS;
		from = n.code + START_CODE;
	}
	if (result < 0)
		return result;
	/* No NAL unit ends in a zero byte. */
	while (ready > 0 && source_data(s)[ready - 1] == 0)
		ready--;
	out->len = ready;
	return 0;
}

static uint64_t time_of(const struct annex_b_reader *r, uint64_t number) {
	return container_time(number, r->ticks, r->time_scale);
}

static int annex_b_next(struct media_reader *base, struct media_frame *out) {
	struct annex_b_reader *r = (struct annex_b_reader *)base;
	struct unit_end end;
	int error = find_end(&base->source, &end);
	if (error || !end.has_slice)
		return error;
	if (end.len > MEDIA_MOST_BYTES)
		return SLUICE_TOO_LARGE;
	uint64_t number = base->here.number;
	*out = (struct media_frame){
		.data = source_data(&base->source),
		.len = end.len,
		.timestamp = time_of(r, number),
		.duration = time_of(r, number + 1) - time_of(r, number),
		.keyframe = end.has_idr,
	};
	if (end.has_idr && end.has_sps)
		base->entry = base->here;
	source_skip(&base->source, end.len);
	base->here = (struct place){.offset = base->source.at, .number = number + 1};
	return 1;
}

static int annex_b_seek(struct media_reader *base, const struct place *to) {
	base->here = *to;
	source_seek(&base->source, to->offset);
	return 0;
}

static bool is_it(const uint8_t *head, size_t len) {
	size_t zeros = 0;
	while (zeros < len && head[zeros] == 0)
		zeros++;
	if (zeros < START_CODE - 1 || zeros + 1 >= len || head[zeros] != 1)
		return false;
	uint8_t header = head[zeros + 1];
	return !(header & 0x80) && (header & 31) >= SLICE && (header & 31) <= LAST_TYPE;
}

/* What the stream says of its rate counts when it can be a rate of frames. Some encoders write the clock of their timestamps. */
static void set_rate(struct annex_b_reader *r, const struct sps *sps) {
	if (sps->ticks && sps->time_scale >= sps->ticks && sps->time_scale <= 240 * sps->ticks) {
		r->ticks = sps->ticks;
		r->time_scale = sps->time_scale;
	}
}

/* The first parameter set of the first access unit says the size and the rate. */
static void read_first_sps(struct annex_b_reader *r, const struct media_frame *f) {
	struct sps sps;
	size_t from = 0;
	while (f->len - from > START_CODE) {
		const uint8_t *code = memmem(f->data + from, f->len - from, "\0\0\1", START_CODE);
		if (!code)
			return;
		from = (size_t)(code - f->data) + START_CODE;
		if (from < f->len && (f->data[from] & 31) == SPS && sps_read(f->data + from, f->len - from, &sps)) {
			r->base.info.width = sps.width;
			r->base.info.height = sps.height;
			set_rate(r, &sps);
			return;
		}
	}
}

static int annex_b_open(struct media_reader *base) {
	struct annex_b_reader *r = (struct annex_b_reader *)base;
	struct media_frame f;
	r->ticks = 1000;
	r->time_scale = (uint64_t)(base->fps * 1000 + 0.5);
	base->info.codec = MEDIA_H264;
	int result = annex_b_next(base, &f);
	if (result <= 0)
		return result < 0 ? result : SLUICE_MALFORMED;
	read_first_sps(r, &f);
	return annex_b_seek(base, &base->first);
}

/* ---- writing ---- */

static int annex_b_create(struct media_writer *w) {
	(void)w;
	return 0;
}

static int annex_b_put(struct media_writer *w, const struct media_frame *f) {
	if (!is_it(f->data, f->len))
		return SLUICE_MALFORMED;
	return container_append(w, &(struct iovec){(void *)f->data, f->len}, 1);
}

const struct container container_annex_b = {
	.suffix = ".h264",
	.reader_size = sizeof(struct annex_b_reader),
	.writer_size = sizeof(struct media_writer),
	.is_it = is_it,
	.open = annex_b_open,
	.next = annex_b_next,
	.seek = annex_b_seek,
	.create = annex_b_create,
	.put = annex_b_put,
};
