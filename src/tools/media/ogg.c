/* ogg: Opus in Ogg. RFC 7845; libogg makes and reads the pages, RFC 3533.
 *
 * A file may have other streams beside the one of Opus; they are passed over. Reading ends where that stream ends: what was
 * chained behind it is not read.
 *
 *   position == samples at 48 kHz before the next packet */
#include <ogg/ogg.h>
#include <string.h>
#include <sys/random.h>

#include "rtp/payload/payload.h"
#include "sluice/error.h"
#include "tools/media/container.h"
#include "tools/media/plc.h"

#define RATE 48000
#define CHUNK 16384
#define MOST_PACKETS 255 /* that end on a page: as many as it has lacing values */
#define MOST_GRANULE (INT64_C(1) << 48)
#define MOST_GAP (UINT64_C(60) * RATE) /* a stranger's timestamps make us write so much, 4 KB */
#define HEAD_LEN 19

/* ---- reading ---- */

struct ogg_reader {
	struct media_reader base;
	ogg_sync_state sync;
	ogg_stream_state stream;
	bool has_stream, has_base, ended;
	uint64_t position;
	uint64_t begin; /* position of the first packet */
	ogg_packet packets[MOST_PACKETS];
	size_t count, given;
};

static bool is_it(const uint8_t *head, size_t len) {
	return len >= 4 && memcmp(head, "OggS", 4) == 0;
}

static int feed(struct ogg_reader *r) {
	struct source *s = &r->base.source;
	int ready = source_fill(s, 1);
	if (ready <= 0)
		return ready;
	size_t n = (size_t)ready < CHUNK ? (size_t)ready : CHUNK;
	char *space = ogg_sync_buffer(&r->sync, (long)n);
	if (!space)
		return SLUICE_NO_MEMORY;
	memcpy(space, source_data(s), n);
	ogg_sync_wrote(&r->sync, (long)n);
	source_skip(s, n);
	return 1;
}

/* The next page whose checksum is right. Returns 1, 0 at the end, or an error. */
static int next_page(struct ogg_reader *r, ogg_page *page) {
	int got;
	while ((got = ogg_sync_pageout(&r->sync, page)) != 1) {
		int fed = got == 0 ? feed(r) : 1;
		if (fed <= 0)
			return fed;
	}
	return 1;
}

/* The next page of the stream. */
static int next_own_page(struct ogg_reader *r, ogg_page *page) {
	for (;;) {
		int result = next_page(r, page);
		if (result <= 0)
			return result;
		if (ogg_page_serialno(page) == r->stream.serialno && ogg_stream_pagein(&r->stream, page) == 0)
			return 1;
	}
}

static bool is_too_large(const struct ogg_reader *r) {
	return r->stream.body_fill - r->stream.body_returned > (long)MEDIA_MOST_BYTES;
}

/* Section 5.1: the identification header. Versions up to 15 are compatible. */
static int read_head(struct ogg_reader *r, const ogg_packet *p) {
	const uint8_t *head = p->packet;
	if (p->bytes < HEAD_LEN)
		return SLUICE_MALFORMED;
	unsigned channels = head[9], family = head[18];
	if (channels == 0)
		return SLUICE_MALFORMED;
	/* Family 1 of one stream is family 0 with a table behind it. */
	bool one_stream = family == 0 || (family == 1 && p->bytes > HEAD_LEN && head[HEAD_LEN] == 1);
	if (head[8] > 15 || channels > 2 || !one_stream)
		return SLUICE_UNSUPPORTED;
	r->base.info.codec = MEDIA_OPUS;
	r->base.info.channels = channels;
	r->base.info.pre_skip = head[10] | (unsigned)head[11] << 8;
	return 0;
}

/* The first pages of all streams stand before anything else. */
static int find_stream(struct ogg_reader *r) {
	ogg_page page;
	ogg_packet p;
	int result;
	while ((result = next_page(r, &page)) == 1 && ogg_page_bos(&page)) {
		if (r->has_stream)
			ogg_stream_clear(&r->stream);
		r->has_stream = ogg_stream_init(&r->stream, ogg_page_serialno(&page)) == 0;
		if (!r->has_stream)
			return SLUICE_NO_MEMORY;
		if (ogg_stream_pagein(&r->stream, &page) == 0 && ogg_stream_packetout(&r->stream, &p) == 1 && p.bytes >= 8 &&
		    memcmp(p.packet, "OpusHead", 8) == 0)
			return read_head(r, &p);
	}
	return result < 0 ? result : SLUICE_UNSUPPORTED;
}

/* Section 5.2: the comment header, which may take several pages; the first packet of audio begins a page of its own. */
static int pass_tags(struct ogg_reader *r) {
	ogg_page page;
	ogg_packet p;
	do {
		int result = next_own_page(r, &page);
		if (result <= 0)
			return result < 0 ? result : SLUICE_MALFORMED;
		if (is_too_large(r))
			return SLUICE_TOO_LARGE;
	} while (ogg_stream_packetout(&r->stream, &p) != 1);
	return p.bytes >= 8 && memcmp(p.packet, "OpusTags", 8) == 0 ? 0 : SLUICE_MALFORMED;
}

/* Takes the packets that end on the page. *samples: of all of them. */
static int take_packets(struct ogg_reader *r, uint64_t *samples) {
	int got;
	*samples = 0;
	r->count = r->given = 0;
	while (r->count < MOST_PACKETS && (got = ogg_stream_packetout(&r->stream, &r->packets[r->count])) != 0) {
		if (got < 0) /* pages are missing before this one */
			continue;
		const ogg_packet *p = &r->packets[r->count++];
		unsigned n = p->bytes > 0 ? payload_opus_samples(p->packet, (size_t)p->bytes) : 0;
		if (n == 0)
			return SLUICE_MALFORMED;
		*samples += n;
	}
	return is_too_large(r) ? SLUICE_TOO_LARGE : 0;
}

/* The page's granule position is that of its last sample. Section 4.5 refuses a first page whose position is below the number of
 * its samples, save at the end of the stream, where it trims. On a later page it is larger only when pages are missing. */
static int set_position(struct ogg_reader *r, int64_t granule, uint64_t samples, bool last) {
	if (granule < 0 || granule > MOST_GRANULE)
		return SLUICE_MALFORMED;
	bool trims = (uint64_t)granule < samples;
	if (!r->has_base && trims && !last)
		return SLUICE_MALFORMED;
	uint64_t start = trims ? 0 : (uint64_t)granule - samples;
	if (!r->has_base)
		r->begin = r->position = start;
	r->has_base = true;
	r->position = start > r->position ? start : r->position;
	return 0;
}

static int read_packets(struct ogg_reader *r) {
	ogg_page page;
	uint64_t samples;
	while (r->given == r->count) {
		int result = r->ended ? 0 : next_own_page(r, &page);
		if (result <= 0)
			return result;
		r->ended = ogg_page_eos(&page);
		int error = take_packets(r, &samples);
		if (!error && r->count)
			error = set_position(r, ogg_page_granulepos(&page), samples, r->ended);
		if (error)
			return error;
	}
	return 1;
}

static int read_headers(struct ogg_reader *r) {
	int error = find_stream(r);
	if (!error)
		error = pass_tags(r);
	if (!error)
		error = read_packets(r);
	return error > 0 ? 0 : error < 0 ? error : SLUICE_MALFORMED;
}

static int ogg_open(struct media_reader *base) {
	struct ogg_reader *r = (struct ogg_reader *)base;
	ogg_sync_init(&r->sync);
	return read_headers(r);
}

static int ogg_next(struct media_reader *base, struct media_frame *out) {
	struct ogg_reader *r = (struct ogg_reader *)base;
	int result = read_packets(r);
	if (result <= 0)
		return result;
	const ogg_packet *p = &r->packets[r->given++];
	unsigned samples = payload_opus_samples(p->packet, (size_t)p->bytes);
	*out = (struct media_frame){
		.data = p->packet,
		.len = (size_t)p->bytes,
		.timestamp = container_time(r->position - r->begin, 1, RATE),
		.duration = container_time(samples, 1, RATE),
		.keyframe = true,
	};
	r->position += samples;
	return 1;
}

/* There is one place: the beginning. */
static int ogg_seek(struct media_reader *base, const struct place *to) {
	struct ogg_reader *r = (struct ogg_reader *)base;
	source_seek(&base->source, to->offset);
	ogg_sync_reset(&r->sync);
	r->has_base = r->ended = false;
	r->count = r->given = 0;
	return read_headers(r);
}

static void ogg_close_reader(struct media_reader *base) {
	struct ogg_reader *r = (struct ogg_reader *)base;
	ogg_sync_clear(&r->sync);
	if (r->has_stream)
		ogg_stream_clear(&r->stream);
}

/* ---- writing ---- */

/* position: samples before the next packet; closed: those of gaps that the file does not have
 * page_start: position of the first packet that is not in the file
 * The last packet always waits: it has to carry the mark of the end. */
struct ogg_writer {
	struct media_writer base;
	ogg_stream_state stream;
	bool has_stream;
	int64_t packets;
	uint64_t position, closed, page_start;
	uint8_t toc; /* of the packet before */
};

static int write_pages(struct ogg_writer *w) {
	ogg_page page;
	int error = 0;
	while (!error && ogg_stream_flush(&w->stream, &page)) {
		struct iovec parts[] = {{page.header, (size_t)page.header_len}, {page.body, (size_t)page.body_len}};
		error = container_append(&w->base, parts, 2);
	}
	return error;
}

static int add_packet(struct ogg_writer *w, const void *data, size_t len, uint64_t granule) {
	ogg_packet p = {
		.packet = (unsigned char *)data,
		.bytes = (long)len,
		.b_o_s = w->packets == 0,
		.granulepos = (ogg_int64_t)granule,
		.packetno = w->packets++,
	};
	return ogg_stream_packetin(&w->stream, &p) == 0 ? 0 : SLUICE_NO_MEMORY;
}

/* A page has a second at most. */
static int add_audio(struct ogg_writer *w, const uint8_t *data, size_t len) {
	unsigned samples = payload_opus_samples(data, len);
	if (w->position + samples > w->page_start + RATE) {
		int error = write_pages(w);
		if (error)
			return error;
		w->page_start = w->position;
	}
	int error = add_packet(w, data, len, w->position + samples);
	if (!error) {
		w->position += samples;
		w->toc = data[0];
	}
	return error;
}

/* Each header on a page of its own. */
static int add_header(struct ogg_writer *w, const void *data, size_t len) {
	int error = add_packet(w, data, len, 0);
	return error ? error : write_pages(w);
}

static int ogg_create(struct media_writer *base) {
	struct ogg_writer *w = (struct ogg_writer *)base;
	uint8_t head[HEAD_LEN] = "OpusHead\1";
	/* The vendor's name, and no comment. */
	static const uint8_t tags[] = "OpusTags\6\0\0\0sluice\0\0\0";
	int serial;
	if (getrandom(&serial, sizeof serial, 0) != sizeof serial)
		return SLUICE_IO;
	w->has_stream = ogg_stream_init(&w->stream, serial) == 0;
	if (!w->has_stream)
		return SLUICE_NO_MEMORY;
	head[9] = (uint8_t)base->info.channels;
	head[10] = (uint8_t)base->info.pre_skip;
	head[11] = (uint8_t)(base->info.pre_skip >> 8);
	head[12] = RATE & 255;
	head[13] = RATE >> 8;
	int error = add_header(w, head, sizeof head);
	return error ? error : add_header(w, tags, sizeof tags);
}

/* Section 4.1: granule positions know no gaps, so packets stand in for what was lost or not sent. */
static int fill_gap(struct ogg_writer *w, uint64_t due) {
	struct plc_packet p;
	if (due > w->position + w->closed && due - w->position - w->closed > MOST_GAP)
		w->closed = due - w->position;
	while (due > w->position + w->closed && plc_next(w->toc, due - w->position - w->closed, &p)) {
		int error = add_audio(w, p.bytes, p.len);
		if (error)
			return error;
	}
	return 0;
}

static int ogg_put(struct media_writer *base, const struct media_frame *f) {
	struct ogg_writer *w = (struct ogg_writer *)base;
	if (payload_opus_samples(f->data, f->len) == 0)
		return SLUICE_MALFORMED;
	int error = fill_gap(w, container_units(f->timestamp - base->first, RATE));
	return error ? error : add_audio(w, f->data, f->len);
}

static int ogg_finish(struct media_writer *base) {
	struct ogg_writer *w = (struct ogg_writer *)base;
	w->stream.e_o_s = 1;
	return base->error ? base->error : write_pages(w);
}

static void ogg_close_writer(struct media_writer *base) {
	struct ogg_writer *w = (struct ogg_writer *)base;
	if (w->has_stream)
		ogg_stream_clear(&w->stream);
}

const struct container container_ogg = {
	.suffix = ".ogg",
	.audio = true,
	.reader_size = sizeof(struct ogg_reader),
	.writer_size = sizeof(struct ogg_writer),
	.is_it = is_it,
	.open = ogg_open,
	.next = ogg_next,
	.seek = ogg_seek,
	.close_reader = ogg_close_reader,
	.close_writer = ogg_close_writer,
	.create = ogg_create,
	.put = ogg_put,
	.finish = ogg_finish,
};
