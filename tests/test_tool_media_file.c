/* Does a media file give back each frame that was put into it, and does a file of another program give what that program says?
 * What is left of a file that was cut, damaged or not closed? FFmpeg made the files of tests/vectors/media with libvpx, libaom,
 * x264 and libopus: 24 pictures of 96 x 64 at 15 a second with a keyframe every ten, and 1.5 s of sound. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "media_kit.h"
#include "rtp/payload/payload.h"
#include "tools/media/plc.h"

#define FOLDER "tests/vectors/media/"
#define SECOND UINT64_C(1000000000)

static const struct {
	const char *path;
	enum media_codec codec;
	size_t count;
	uint64_t rate; /* frames a second */
	unsigned width, height, channels;
} vectors[] = {
	{FOLDER "vp8.ivf", MEDIA_VP8, 24, 15, 96, 64, 0},   {FOLDER "vp9.ivf", MEDIA_VP9, 24, 15, 96, 64, 0},
	{FOLDER "av1.ivf", MEDIA_AV1, 24, 15, 96, 64, 0},   {FOLDER "slices.h264", MEDIA_H264, 24, 15, 96, 64, 0},
	{FOLDER "aud.h264", MEDIA_H264, 24, 15, 96, 64, 0}, {FOLDER "opus.ogg", MEDIA_OPUS, 76, 50, 0, 0, 2},
};

#define VECTORS (sizeof vectors / sizeof *vectors)

static uint64_t nth(size_t n, uint64_t rate) {
	return (n * SECOND + rate / 2) / rate;
}

/* ---- reading ---- */

START_TEST(test_files_of_another_program_are_read_whole) {
	for (size_t v = 0; v < VECTORS; v++) {
		struct media_list *l = media_list_read(vectors[v].path);
		ck_assert_int_eq(l->result, 0);
		ck_assert_uint_eq(l->count, vectors[v].count);
		ck_assert_int_eq(l->info.codec, vectors[v].codec);
		ck_assert_uint_eq(l->info.clock_rate, vectors[v].channels ? 48000 : 90000);
		ck_assert_uint_eq(l->info.width, vectors[v].width);
		ck_assert_uint_eq(l->info.height, vectors[v].height);
		ck_assert_uint_eq(l->info.channels, vectors[v].channels);
		ck_assert_uint_eq(l->info.pre_skip, vectors[v].channels ? 312 : 0);
		for (size_t i = 0; i < l->count; i++) {
			const struct media_frame *f = &l->frames[i];
			ck_assert_uint_eq(f->timestamp, nth(i, vectors[v].rate));
			ck_assert_uint_le(f->timestamp + f->duration, nth(i + 1, vectors[v].rate) + 1);
			ck_assert_uint_ge(f->timestamp + f->duration, nth(i + 1, vectors[v].rate) - 1);
			ck_assert_int_eq(f->keyframe, vectors[v].channels || i % 10 == 0);
		}
		media_list_free(l);
	}
}
END_TEST

/* Copies enough that access units and start codes lie across the reader's windows. */
START_TEST(test_a_byte_stream_loses_no_byte) {
	static uint8_t bytes[40 * 32768];
	for (size_t v = 0; v < VECTORS; v++) {
		if (vectors[v].codec != MEDIA_H264)
			continue;
		size_t len = media_bytes(vectors[v].path, bytes, 32768), at = 0;
		for (size_t copy = 1; copy < 40; copy++)
			memcpy(bytes + copy * len, bytes, len);
		media_write_bytes(media_path("copies.h264"), bytes, 40 * len);
		struct media_list *l = media_list_read(media_path("copies.h264"));
		ck_assert_uint_eq(l->count, 40 * 24);
		for (size_t i = 0; i < l->count; at += l->frames[i++].len)
			ck_assert_mem_eq(l->frames[i].data, bytes + at, l->frames[i].len);
		ck_assert_uint_eq(at, 40 * len);
		ck_assert_uint_eq(l->frames[959].timestamp, nth(959, 15));
		media_list_free(l);
	}
}
END_TEST

static size_t read_some(struct media_reader *r, size_t n) {
	struct media_frame f;
	size_t got = 0;
	while (got < n && media_reader_next(r, &f) == 1)
		got++;
	return got;
}

static void expect_next(struct media_reader *r, const struct media_frame *expected) {
	struct media_frame f;
	ck_assert_int_eq(media_reader_next(r, &f), 1);
	ck_assert(media_frame_same(&f, expected));
	ck_assert_uint_eq(f.duration, expected->duration);
}

START_TEST(test_rewind_and_seek_give_the_same_frames_again) {
	for (size_t v = 0; v < VECTORS; v++) {
		struct media_list *l = media_list_read(vectors[v].path);
		struct media_reader *r;
		bool audio = vectors[v].codec == MEDIA_OPUS;
		ck_assert_int_eq(media_reader_open(vectors[v].path, 0, &r), 0);
		ck_assert_int_eq(media_reader_seek_keyframe(r), 0); /* nothing was read */
		expect_next(r, &l->frames[0]);
		ck_assert_uint_eq(read_some(r, 14), 14);
		ck_assert_int_eq(media_reader_seek_keyframe(r), 0);
		expect_next(r, &l->frames[audio ? 15 : 10]);
		ck_assert_int_eq(media_reader_seek_keyframe(r), 0); /* the keyframe itself was the last one */
		expect_next(r, &l->frames[audio ? 16 : 10]);
		for (int loop = 0; loop < 2; loop++) {
			read_some(r, MEDIA_MOST);
			ck_assert_int_eq(media_reader_rewind(r), 0);
			ck_assert_int_eq(media_reader_seek_keyframe(r), 0); /* the file's first, not the last one read */
			expect_next(r, &l->frames[0]);
		}
		media_reader_free(r);
		media_list_free(l);
	}
}
END_TEST

/* Only the first IDR picture has its parameter sets here. A decoder that lost them cannot start at a later one. */
START_TEST(test_a_seek_goes_to_an_idr_picture_with_parameter_sets) {
	struct media_list *l = media_list_read(FOLDER "slices.h264");
	struct media_frame *f = &l->frames[10];
	const uint8_t *slice = memmem(f->data, f->len, "\0\0\1\x65", 4);
	ck_assert_ptr_nonnull(slice);
	f->len -= (size_t)(slice - f->data);
	memmove((void *)f->data, slice, f->len);
	const char *path = media_path("few.h264");
	media_list_write(l, 0, path);
	struct media_reader *r;
	ck_assert_int_eq(media_reader_open(path, 0, &r), 0);
	ck_assert_uint_eq(read_some(r, 15), 15);
	ck_assert_int_eq(media_reader_seek_keyframe(r), 0);
	expect_next(r, &l->frames[0]);
	media_reader_free(r);
	media_list_free(l);
}
END_TEST

START_TEST(test_without_a_rate_of_its_own_h264_has_the_callers) {
	/* A Baseline SPS of 32 x 16 without VUI, and slices that begin with first_mb_in_slice 0. */
	static const uint8_t stream[] = {0,    0, 0, 1, 0x67, 66,   0, 10, 0xF8, 0x52, 0xF9,
	                                 0x00, 0, 0, 1, 0x65, 0x88, 0, 0,  1,    0x41, 0x9A};
	struct media_reader *r;
	struct media_frame f;
	const char *path = media_path("bare.h264");
	media_write_bytes(path, stream, sizeof stream);
	ck_assert_int_eq(media_reader_open(path, 0.5, &r), SLUICE_INVALID);
	ck_assert_int_eq(media_reader_open(path, 29.97, &r), 0);
	ck_assert_int_eq(media_reader_next(r, &f), 1);
	ck_assert(f.keyframe && f.timestamp == 0);
	ck_assert_uint_eq(f.duration, 33366700);
	ck_assert_int_eq(media_reader_next(r, &f), 1);
	ck_assert(!f.keyframe && f.timestamp == 33366700 && f.len == 5);
	ck_assert_int_eq(media_reader_next(r, &f), 0);
	media_reader_free(r);
}
END_TEST

START_TEST(test_what_is_no_media_file_is_refused) {
	struct media_reader *r;
	ck_assert_int_eq(media_reader_open(media_path("none"), 0, &r), SLUICE_IO);
	ck_assert_int_eq(media_reader_open("/tmp", 0, &r), SLUICE_IO);
	ck_assert_int_eq(media_reader_open("README.md", 0, &r), SLUICE_UNSUPPORTED);
	ck_assert_int_eq(media_reader_open("/dev/null", 0, &r), SLUICE_UNSUPPORTED);
	ck_assert_int_eq(mkfifo(media_path("pipe"), 0600), 0);
	ck_assert_int_eq(media_reader_open(media_path("pipe"), 0, &r), SLUICE_IO);
}
END_TEST

/* ---- writing ---- */

START_TEST(test_what_was_written_is_read_again) {
	for (size_t v = 0; v < VECTORS; v++) {
		struct media_list *l = media_list_read(vectors[v].path);
		char name[32];
		snprintf(name, sizeof name, "again%zu", v);
		l->info.width = l->info.height = 0; /* the keyframe says it */
		media_list_write(l, 0, media_path(name));
		struct media_list *again = media_list_read(media_path(name));
		ck_assert_int_eq(again->result, 0);
		ck_assert_uint_eq(again->count, l->count);
		ck_assert_int_eq(again->info.codec, l->info.codec);
		ck_assert_uint_eq(again->info.width, vectors[v].width);
		ck_assert_uint_eq(again->info.height, vectors[v].height);
		ck_assert_uint_eq(again->info.channels, l->info.channels);
		ck_assert_uint_eq(again->info.pre_skip, l->info.pre_skip);
		for (size_t i = 0; i < l->count; i++)
			ck_assert(media_frame_same(&again->frames[i], &l->frames[i]));
		media_list_free(again);
		media_list_free(l);
	}
}
END_TEST

START_TEST(test_times_of_rtp_come_back_exactly) {
	static const uint8_t picture[] = {0x31, 0, 0};
	struct media_writer *w;
	struct media_info info = {.codec = MEDIA_VP8, .width = 16, .height = 16};
	const uint64_t base = 12345678901;
	static const uint64_t units[] = {0, 1, 3003, 3004, 90000, 324000001, UINT64_C(1) << 33};
	const char *path = media_path("times.ivf");
	ck_assert_int_eq(media_writer_create(path, &info, &w), 0);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		struct media_frame f = {picture, sizeof picture, base + units[i] * 100000 / 9, 0, false};
		ck_assert_int_eq(media_writer_put(w, &f), 0);
	}
	ck_assert_int_eq(media_writer_close(w), 0);
	struct media_list *l = media_list_read(path);
	ck_assert_uint_eq(l->count, sizeof units / sizeof *units);
	for (size_t i = 0; i < l->count; i++)
		ck_assert_uint_eq((l->frames[i].timestamp * 9 + 50000) / 100000, units[i]);
	media_list_free(l);
}
END_TEST

START_TEST(test_a_temporal_unit_gets_the_delimiter_that_rtp_leaves_out) {
	struct media_list *l = media_list_read(FOLDER "av1.ivf");
	for (size_t i = 0; i < l->count; i++) {
		ck_assert_mem_eq(l->frames[i].data, "\x12\0", 2);
		memmove((void *)l->frames[i].data, l->frames[i].data + 2, l->frames[i].len -= 2);
	}
	const char *path = media_path("delimiters.ivf");
	media_list_write(l, 0, path);
	struct media_list *again = media_list_read(path);
	ck_assert_uint_eq(again->count, l->count);
	for (size_t i = 0; i < l->count; i++) {
		ck_assert_uint_eq(again->frames[i].len, l->frames[i].len + 2);
		ck_assert_mem_eq(again->frames[i].data, "\x12\0", 2);
		ck_assert_mem_eq(again->frames[i].data + 2, l->frames[i].data, l->frames[i].len);
		ck_assert_int_eq(again->frames[i].keyframe, i % 10 == 0);
	}
	media_list_free(again);
	media_list_free(l);
}
END_TEST

START_TEST(test_closing_writes_what_is_known_only_then) {
	static uint8_t bytes[32768];
	struct media_list *l = media_list_read(FOLDER "vp8.ivf");
	media_list_write(l, 0, media_path("closed.ivf"));
	media_bytes(media_path("closed.ivf"), bytes, sizeof bytes);
	ck_assert_uint_eq(bytes[24], 24); /* frames */
	media_list_free(l);

	l = media_list_read(FOLDER "opus.ogg");
	media_list_write(l, 0, media_path("closed.ogg"));
	size_t len = media_bytes(media_path("closed.ogg"), bytes, sizeof bytes), last = 0, pages = 0;
	for (size_t at = 0; at + 4 < len; at++)
		if (memcmp(bytes + at, "OggS", 4) == 0) {
			ck_assert_int_eq(bytes[at + 5] & 2, pages++ == 0 ? 2 : 0); /* the first page, and no other, begins it */
			ck_assert_int_eq(bytes[last + 5] & 4, 0);
			last = at;
		}
	ck_assert_uint_eq(pages, 4); /* two headers, 1 s, 0.52 s */
	ck_assert_int_eq(bytes[last + 5] & 4, 4);
	ck_assert_uint_eq(bytes[last + 6] | bytes[last + 7] << 8 | bytes[last + 8] << 16, 76 * 960);
	media_list_free(l);
}
END_TEST

/* As after kill -9: what the writer wrote so far, and no more. */
START_TEST(test_a_file_that_was_not_closed_is_read) {
	for (size_t v = 0; v < VECTORS; v++) {
		struct media_list *l = media_list_read(vectors[v].path);
		struct media_writer *w;
		char name[32];
		snprintf(name, sizeof name, "open%zu", v);
		ck_assert_int_eq(media_writer_create(media_path(name), &l->info, &w), 0);
		for (size_t i = 0; i < l->count; i++)
			ck_assert_int_eq(media_writer_put(w, &l->frames[i]), 0);
		struct media_list *part = media_list_read(media_path(name));
		ck_assert_int_eq(part->result, 0);
		ck_assert_uint_eq(part->count, vectors[v].channels ? 50 : l->count); /* up to a second of sound waits */
		for (size_t i = 0; i < part->count; i++)
			ck_assert(media_frame_same(&part->frames[i], &l->frames[i]));
		ck_assert_int_eq(media_writer_close(w), 0);
		media_list_free(part);
		media_list_free(l);
	}
}
END_TEST

START_TEST(test_a_writer_refuses_what_would_break_its_file) {
	struct media_list *l = media_list_read(FOLDER "aud.h264");
	struct media_writer *w, *other;
	const char *path = media_path("refusals.h264");
	struct media_info info = {.codec = MEDIA_OPUS, .channels = 3};
	ck_assert_int_eq(media_writer_create(path, &info, &w), SLUICE_INVALID);
	ck_assert_int_eq(media_writer_create(media_path("no/folder"), &l->info, &w), SLUICE_IO);
	ck_assert_int_eq(media_writer_create(path, &l->info, &w), 0);
	ck_assert_int_eq(media_writer_create(path, &l->info, &other), SLUICE_EXISTS);
	ck_assert_int_eq(media_writer_put(w, &l->frames[0]), 0);
	ck_assert_int_eq(media_writer_put(w, &l->frames[0]), SLUICE_INVALID); /* the time stands still */
	struct media_frame f = l->frames[1];
	f.data++;
	f.len--;
	ck_assert_int_eq(media_writer_put(w, &f), 0); /* three bytes of start code instead of four */
	f = l->frames[2];
	f.data += 3;
	f.len -= 3;
	ck_assert_int_eq(media_writer_put(w, &f), SLUICE_MALFORMED);
	f.len = 0;
	ck_assert_int_eq(media_writer_put(w, &f), SLUICE_MALFORMED);
	f.len = MEDIA_MOST_BYTES + 1;
	ck_assert_int_eq(media_writer_put(w, &f), SLUICE_TOO_LARGE);
	ck_assert_int_eq(media_writer_close(w), 0);
	struct media_list *two = media_list_read(path);
	ck_assert_uint_eq(two->count, 2);
	media_list_free(two);
	media_list_free(l);
}
END_TEST

START_TEST(test_a_full_disk_leaves_whole_frames) {
	struct rlimit limit = {5000, RLIM_INFINITY};
	struct media_list *l = media_list_read(FOLDER "vp8.ivf");
	struct media_writer *w;
	size_t i = 0;
	int result = 0;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(media_writer_create(media_path("full.ivf"), &l->info, &w), 0);
	while (i < l->count && (result = media_writer_put(w, &l->frames[i])) == 0)
		i++;
	ck_assert_int_eq(result, SLUICE_IO);
	ck_assert_int_eq(media_writer_put(w, &l->frames[i]), SLUICE_IO);
	ck_assert_int_eq(media_writer_close(w), SLUICE_IO);
	static uint8_t bytes[8192];
	size_t size = 32, len = media_bytes(media_path("full.ivf"), bytes, sizeof bytes);
	for (size_t n = 0; n < i; n++)
		size += 12 + l->frames[n].len;
	ck_assert_uint_eq(len, size);
	ck_assert_uint_eq(bytes[24], i);
	media_list_free(l);
}
END_TEST

/* ---- sound with gaps ---- */

/* Writes the vector's packets, without numbers from..to, and with all times behind them moved. Returns what is read. */
static struct media_list *with_gap(size_t from, size_t to, uint64_t moved) {
	struct media_list *l = media_list_read(FOLDER "opus.ogg");
	struct media_writer *w;
	const char *path = media_path("gap.ogg");
	unlink(path);
	ck_assert_int_eq(media_writer_create(path, &l->info, &w), 0);
	for (size_t i = 0; i < l->count; i++) {
		l->frames[i].timestamp += i >= to ? moved : 0;
		if (i < from || i >= to)
			ck_assert_int_eq(media_writer_put(w, &l->frames[i]), 0);
	}
	ck_assert_int_eq(media_writer_close(w), 0);
	media_list_free(l);
	l = media_list_read(path);
	ck_assert_int_eq(l->result, 0);
	return l;
}

static uint64_t end_of(const struct media_list *l) {
	const struct media_frame *f = &l->frames[l->count - 1];
	return f->timestamp + f->duration;
}

START_TEST(test_lost_packets_are_concealed_by_the_decoder) {
	struct media_list *l = with_gap(10, 20, 0);
	ck_assert_uint_eq(l->count, 76 - 10 + 2);
	ck_assert_uint_eq(end_of(l), 76 * SECOND / 50);
	ck_assert_uint_eq(l->frames[10].len, 2);
	ck_assert_uint_eq(l->frames[10].duration, 6 * SECOND / 50); /* 120 ms at most */
	ck_assert_uint_eq(l->frames[11].duration, 4 * SECOND / 50);
	ck_assert_int_eq(l->frames[10].data[0] & 0xFC, l->frames[9].data[0] & 0xFC);
	ck_assert_uint_eq(l->frames[12].timestamp, 20 * SECOND / 50);
	media_list_free(l);

	l = with_gap(75, 75, SECOND / 200); /* 5 ms, less than a frame */
	ck_assert_uint_eq(l->count, 77);
	ck_assert_uint_eq(end_of(l), 76 * SECOND / 50 + SECOND / 200);
	media_list_free(l);

	l = with_gap(10, 10, SECOND / 500); /* 2 ms: no frame is so short */
	ck_assert_uint_eq(l->count, 76);
	media_list_free(l);
}
END_TEST

START_TEST(test_a_clock_that_was_set_leaves_no_gap) {
	struct media_list *l = with_gap(10, 12, 61 * SECOND);
	ck_assert_uint_eq(l->count, 74);
	ck_assert_uint_eq(end_of(l), 74 * SECOND / 50);
	media_list_free(l);
}
END_TEST

START_TEST(test_a_gap_has_the_bandwidth_and_channels_of_the_packet_before) {
	for (unsigned toc = 0; toc < 256; toc++)
		for (unsigned gap = 0; gap < 13000; gap += 41) {
			struct plc_packet p;
			unsigned filled = 0, samples;
			while (plc_next((uint8_t)toc, gap - filled, &p)) {
				samples = payload_opus_samples(p.bytes, p.len);
				ck_assert(samples > 0 && samples <= gap - filled);
				ck_assert_int_eq(p.bytes[0] & 4, toc & 4);
				filled += samples;
			}
			ck_assert_uint_lt(gap - filled, 120);
		}
}
END_TEST

/* ---- broken files ---- */

static bool is_beginning(const struct media_list *part, const struct media_list *all) {
	for (size_t i = 0; i < part->count; i++) {
		const struct media_frame *f = &part->frames[i], *whole = &all->frames[i];
		bool last_of_stream = all->info.codec == MEDIA_H264 && i + 1 == part->count;
		if (f->len > whole->len || memcmp(f->data, whole->data, f->len) != 0 || f->timestamp != whole->timestamp)
			return false;
		if (f->len < whole->len && !last_of_stream) /* a byte stream cannot tell */
			return false;
	}
	return part->count <= all->count;
}

START_TEST(test_a_file_cut_anywhere_gives_the_frames_before) {
	static uint8_t bytes[32768];
	for (size_t v = 0; v < VECTORS; v++) {
		struct media_list *all = media_list_read(vectors[v].path);
		size_t len = media_bytes(vectors[v].path, bytes, sizeof bytes), most = 0;
		for (size_t cut = 0; cut < len; cut += cut < 300 ? 1 : 97) {
			const char *path = media_path("cut");
			media_write_bytes(path, bytes, cut);
			struct media_list *part = media_list_read(path);
			ck_assert(part->result == 0 || part->count == 0);
			ck_assert(is_beginning(part, all));
			ck_assert_uint_ge(part->count, most);
			most = part->count;
			media_list_free(part);
		}
		ck_assert_uint_ge(most + 26, all->count); /* the last page of sound has 26 packets */
		media_list_free(all);
	}
}
END_TEST

START_TEST(test_a_damaged_page_is_passed_over_with_its_time) {
	static uint8_t bytes[65536];
	struct media_list *l = media_list_read(FOLDER "opus.ogg");
	struct media_writer *w;
	ck_assert_int_eq(media_writer_create(media_path("long.ogg"), &l->info, &w), 0);
	for (unsigned i = 0; i < 200; i++) {
		struct media_frame f = l->frames[i % 70];
		f.timestamp = i * (SECOND / 50);
		ck_assert_int_eq(media_writer_put(w, &f), 0);
	}
	ck_assert_int_eq(media_writer_close(w), 0);
	size_t len = media_bytes(media_path("long.ogg"), bytes, sizeof bytes);
	bytes[len * 2 / 5] ^= 1; /* in the second of four pages */
	media_write_bytes(media_path("damaged.ogg"), bytes, len);
	struct media_list *left = media_list_read(media_path("damaged.ogg"));
	ck_assert_int_eq(left->result, 0);
	ck_assert_uint_eq(left->count, 150);
	ck_assert_uint_eq(left->frames[49].timestamp, 49 * SECOND / 50);
	ck_assert_uint_eq(left->frames[50].timestamp, 100 * SECOND / 50);
	media_list_free(left);
	media_list_free(l);
}
END_TEST

/* Broken numbers in the headers of IVF. */
START_TEST(test_wrong_lengths_are_an_error_or_an_end) {
	static const struct {
		size_t at;
		uint8_t value;
		int result;
		size_t count;
	} changes[] = {
		{6, 31, SLUICE_MALFORMED, 0},    /* the header is shorter than it is */
		{8, 'X', SLUICE_UNSUPPORTED, 0}, /* fourcc */
		{16, 0, SLUICE_MALFORMED, 0},    /* a rate of 0 */
		{20, 0, SLUICE_MALFORMED, 0},    /* a scale of 0 */
		{35, 1, SLUICE_TOO_LARGE, 0},    /* a frame of more than 16 MiB */
		{34, 0x80, SLUICE_MALFORMED, 0}, /* a frame longer than the file: it has none */
		{43, 0xFF, 0, 24},               /* a timestamp of centuries */
		{24, 0xFF, 0, 24},               /* the number of frames, which nobody reads */
	};
	static uint8_t bytes[32768];
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		size_t len = media_bytes(FOLDER "vp8.ivf", bytes, sizeof bytes);
		bytes[changes[i].at] = changes[i].value;
		media_write_bytes(media_path("wrong.ivf"), bytes, len);
		struct media_list *l = media_list_read(media_path("wrong.ivf"));
		ck_assert_int_eq(l->result, changes[i].result);
		ck_assert_uint_eq(l->count, changes[i].count);
		media_list_free(l);
	}
}
END_TEST

START_TEST(test_an_error_stays_until_the_reader_goes_back) {
	static uint8_t bytes[32768];
	struct media_reader *r;
	struct media_frame f;
	size_t len = media_bytes(FOLDER "vp8.ivf", bytes, sizeof bytes);
	size_t second = 32 + 12 + (bytes[32] | (size_t)bytes[33] << 8);
	bytes[second + 3] = 0x7F;
	media_write_bytes(media_path("second.ivf"), bytes, len);
	ck_assert_int_eq(media_reader_open(media_path("second.ivf"), 0, &r), 0);
	for (int loop = 0; loop < 2; loop++) {
		ck_assert_int_eq(media_reader_next(r, &f), 1);
		ck_assert_int_eq(media_reader_next(r, &f), SLUICE_TOO_LARGE);
		ck_assert_int_eq(media_reader_next(r, &f), SLUICE_TOO_LARGE);
		ck_assert_int_eq(loop ? media_reader_seek_keyframe(r) : media_reader_rewind(r), 0);
	}
	ck_assert_int_eq(media_reader_next(r, &f), 1);
	media_reader_free(r);
}
END_TEST

static void write_zeros(const char *path, size_t len) {
	FILE *f = fopen(path, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fwrite("\0\0\1\x65\x88", 1, 5, f), 5);
	ck_assert_int_eq(ftruncate(fileno(f), (off_t)len), 0);
	fclose(f);
}

START_TEST(test_an_access_unit_without_end_does_not_fill_the_memory) {
	struct media_reader *r;
	write_zeros(media_path("endless.h264"), (size_t)1 << 30); /* a file with a hole */
	ck_assert_int_eq(media_reader_open(media_path("endless.h264"), 0, &r), SLUICE_TOO_LARGE);
}
END_TEST

/* ---- codecs ---- */

START_TEST(test_codecs_have_their_names_of_sdp) {
	enum media_codec codec;
	ck_assert(media_codec_named("h264", &codec) && codec == MEDIA_H264);
	ck_assert(media_codec_named("OPUS", &codec) && codec == MEDIA_OPUS);
	ck_assert(!media_codec_named("rtx", &codec));
	ck_assert_str_eq(media_codec_name(MEDIA_AV1), "AV1");
	ck_assert_str_eq(media_codec_suffix(MEDIA_VP9), ".ivf");
	ck_assert_str_eq(media_codec_suffix(MEDIA_H264), ".h264");
	ck_assert_str_eq(media_codec_suffix(MEDIA_OPUS), ".ogg");
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {test_files_of_another_program_are_read_whole,
	                        test_a_byte_stream_loses_no_byte,
	                        test_rewind_and_seek_give_the_same_frames_again,
	                        test_a_seek_goes_to_an_idr_picture_with_parameter_sets,
	                        test_without_a_rate_of_its_own_h264_has_the_callers,
	                        test_what_is_no_media_file_is_refused,
	                        test_what_was_written_is_read_again,
	                        test_times_of_rtp_come_back_exactly,
	                        test_a_temporal_unit_gets_the_delimiter_that_rtp_leaves_out,
	                        test_closing_writes_what_is_known_only_then,
	                        test_a_file_that_was_not_closed_is_read,
	                        test_a_writer_refuses_what_would_break_its_file,
	                        test_a_full_disk_leaves_whole_frames,
	                        test_lost_packets_are_concealed_by_the_decoder,
	                        test_a_clock_that_was_set_leaves_no_gap,
	                        test_a_gap_has_the_bandwidth_and_channels_of_the_packet_before,
	                        test_a_file_cut_anywhere_gives_the_frames_before,
	                        test_a_damaged_page_is_passed_over_with_its_time,
	                        test_wrong_lengths_are_an_error_or_an_end,
	                        test_an_error_stays_until_the_reader_goes_back,
	                        test_an_access_unit_without_end_does_not_fill_the_memory,
	                        test_codecs_have_their_names_of_sdp};
	return suite_run_each("media_file", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300,
	                      media_folder_make);
}
