/* ivf: VP8, VP9 and AV1 in IVF. All numbers are little-endian.
 *
 *   file   "DKIF", version (2 bytes), length of this header (2), fourcc (4), width (2), height (2), rate (4), scale (4),
 *          frames (4), unused (4)
 *   frame  length (4), timestamp (8), its bytes
 *
 * A timestamp counts scale / rate seconds. The number of frames is written at the end; readers do not need it. */
#include <string.h>

#include "sluice/error.h"
#include "tools/media/container.h"
#include "tools/media/unit.h"

#define FILE_HEADER 32
#define SIZE_AT 12
#define FRAMES_AT 24
#define FRAME_HEADER 12
#define RTP_RATE 90000 /* so that timestamps of RTP are exact */

static const struct {
	char fourcc[5];
	enum media_codec codec;
	struct unit (*look)(const uint8_t *data, size_t len);
} kinds[] = {
	{"VP80", MEDIA_VP8, unit_vp8},
	{"VP90", MEDIA_VP9, unit_vp9},
	{"AV01", MEDIA_AV1, unit_av1},
};

#define KINDS (sizeof kinds / sizeof *kinds)

static size_t kind_of(enum media_codec codec) {
	size_t i = 0;
	while (kinds[i].codec != codec)
		i++;
	return i;
}

/* ---- numbers ---- */

static uint64_t get_le(const uint8_t *at, int bytes) {
	uint64_t value = 0;
	while (bytes-- > 0)
		value = value << 8 | at[bytes];
	return value;
}

static void put_le(uint8_t *at, uint64_t value, int bytes) {
	for (; bytes-- > 0; value >>= 8)
		*at++ = (uint8_t)value;
}

/* ---- reading ---- */

struct ivf_reader {
	struct media_reader base;
	size_t kind;
	uint64_t rate, scale;
	uint64_t first; /* timestamp of the first frame */
	uint64_t usual; /* duration of a frame that has no later one behind it: that of the first */
};

static bool is_it(const uint8_t *head, size_t len) {
	return len >= FILE_HEADER && memcmp(head, "DKIF", 4) == 0;
}

static bool read_header(struct ivf_reader *r, const uint8_t *head) {
	for (r->kind = 0; r->kind < KINDS; r->kind++)
		if (memcmp(head + 8, kinds[r->kind].fourcc, 4) == 0)
			break;
	if (r->kind == KINDS)
		return false;
	r->base.info.codec = kinds[r->kind].codec;
	r->base.info.width = (unsigned)get_le(head + SIZE_AT, 2);
	r->base.info.height = (unsigned)get_le(head + SIZE_AT + 2, 2);
	r->rate = get_le(head + 16, 4);
	r->scale = get_le(head + 20, 4);
	return true;
}

/* Makes the frame at `here` ready, and what there is of the next one's header. Returns how many bytes are, 0 when the frame is
 * not whole, or an error. */
static int fill_frame(struct source *s, size_t *len) {
	int ready = source_fill(s, FRAME_HEADER);
	if (ready < FRAME_HEADER)
		return ready < 0 ? ready : 0;
	*len = (size_t)get_le(source_data(s), 4);
	if (*len > MEDIA_MOST_BYTES)
		return SLUICE_TOO_LARGE;
	ready = source_fill(s, FRAME_HEADER + *len + FRAME_HEADER);
	return ready < 0 || (size_t)ready >= FRAME_HEADER + *len ? ready : 0;
}

/* Some encoders write a frame of no bytes for one that they dropped. Passes these. */
static int fill_next(struct source *s, size_t *len) {
	int ready = fill_frame(s, len);
	while (ready > 0 && *len == 0) {
		source_skip(s, FRAME_HEADER);
		ready = fill_frame(s, len);
	}
	return ready;
}

static uint64_t time_of(const struct ivf_reader *r, const uint8_t *header) {
	uint64_t units = get_le(header + 4, 8);
	return units > r->first ? container_time(units - r->first, r->scale, r->rate) : 0;
}

/* Of the frame that is ready, as fill_frame() left it. */
static uint64_t duration_of(const struct ivf_reader *r, const uint8_t *header, size_t ready, size_t len) {
	size_t next = FRAME_HEADER + len;
	uint64_t now = time_of(r, header), then = ready >= next + FRAME_HEADER ? time_of(r, header + next) : 0;
	return then > now ? then - now : r->usual;
}

static int ivf_open(struct media_reader *base) {
	struct ivf_reader *r = (struct ivf_reader *)base;
	const uint8_t *head = source_data(&base->source);
	size_t header_len = (size_t)get_le(head + 6, 2), len;
	if (!read_header(r, head))
		return SLUICE_UNSUPPORTED;
	if (header_len < FILE_HEADER || r->rate == 0 || r->scale == 0)
		return SLUICE_MALFORMED;
	source_seek(&base->source, header_len);
	base->first.offset = base->here.offset = header_len;
	int ready = fill_next(&base->source, &len);
	if (ready <= 0)
		return ready < 0 ? ready : SLUICE_MALFORMED;
	const uint8_t *frame = source_data(&base->source);
	r->first = get_le(frame + 4, 8);
	r->usual = container_time(1, r->scale, r->rate);
	r->usual = duration_of(r, frame, (size_t)ready, len);
	if (base->info.width == 0 || base->info.height == 0) {
		struct unit u = kinds[r->kind].look(frame + FRAME_HEADER, len);
		base->info.width = u.width;
		base->info.height = u.height;
	}
	return 0;
}

static int ivf_next(struct media_reader *base, struct media_frame *out) {
	struct ivf_reader *r = (struct ivf_reader *)base;
	size_t len;
	int ready = fill_next(&base->source, &len);
	if (ready <= 0)
		return ready;
	base->here.offset = base->source.at;
	const uint8_t *header = source_data(&base->source);
	*out = (struct media_frame){
		.data = header + FRAME_HEADER,
		.len = len,
		.timestamp = time_of(r, header),
		.duration = duration_of(r, header, (size_t)ready, len),
	};
	out->keyframe = kinds[r->kind].look(out->data, len).keyframe;
	if (out->keyframe)
		base->entry = base->here;
	source_skip(&base->source, FRAME_HEADER + len);
	return 1;
}

static int ivf_seek(struct media_reader *base, const struct place *to) {
	base->here = *to;
	source_seek(&base->source, to->offset);
	return 0;
}

/* ---- writing ---- */

struct ivf_writer {
	struct media_writer base;
	size_t kind;
	bool has_size;
};

static int ivf_create(struct media_writer *base) {
	struct ivf_writer *w = (struct ivf_writer *)base;
	uint8_t head[FILE_HEADER] = "DKIF";
	w->kind = kind_of(base->info.codec);
	w->has_size = base->info.width && base->info.height;
	put_le(head + 6, FILE_HEADER, 2);
	memcpy(head + 8, kinds[w->kind].fourcc, 4);
	put_le(head + SIZE_AT, base->info.width, 2);
	put_le(head + SIZE_AT + 2, base->info.height, 2);
	put_le(head + 16, RTP_RATE, 4);
	put_le(head + 20, 1, 4);
	return container_append(base, &(struct iovec){head, sizeof head}, 1);
}

/* In the header, once a frame says it. The frames stand also where this fails. */
static void note_size(struct ivf_writer *w, const struct media_frame *f) {
	struct unit u = kinds[w->kind].look(f->data, f->len);
	uint8_t size[4];
	if (!u.width || !u.height)
		return;
	put_le(size, u.width, 2);
	put_le(size + 2, u.height, 2);
	w->has_size = container_patch(&w->base, SIZE_AT, size, sizeof size) == 0;
}

/* A temporal delimiter: an OBU of type 2 with a size of 0. It does not travel in RTP; in a file, AV1, 7.5, wants each temporal
 * unit to begin with it. */
static const uint8_t delimiter[2] = {0x12, 0};

static bool lacks_delimiter(const struct ivf_writer *w, const struct media_frame *f) {
	return w->base.info.codec == MEDIA_AV1 && (f->data[0] >> 3 & 15) != 2;
}

static int ivf_put(struct media_writer *base, const struct media_frame *f) {
	struct ivf_writer *w = (struct ivf_writer *)base;
	uint8_t header[FRAME_HEADER];
	size_t extra = lacks_delimiter(w, f) ? sizeof delimiter : 0;
	if (f->len + extra > MEDIA_MOST_BYTES)
		return SLUICE_TOO_LARGE;
	put_le(header, f->len + extra, 4);
	put_le(header + 4, container_units(f->timestamp - base->first, RTP_RATE), 8);
	struct iovec parts[] = {{header, sizeof header}, {(void *)delimiter, extra}, {(void *)f->data, f->len}};
	int error = container_append(base, parts, 3);
	if (!error && !w->has_size)
		note_size(w, f);
	return error;
}

static int ivf_finish(struct media_writer *base) {
	uint8_t frames[4];
	put_le(frames, base->frames, 4);
	return container_patch(base, FRAMES_AT, frames, sizeof frames);
}

const struct container container_ivf = {
	.suffix = ".ivf",
	.reader_size = sizeof(struct ivf_reader),
	.writer_size = sizeof(struct ivf_writer),
	.is_it = is_it,
	.open = ivf_open,
	.next = ivf_next,
	.seek = ivf_seek,
	.create = ivf_create,
	.put = ivf_put,
	.finish = ivf_finish,
};
