/* Do FFmpeg and GStreamer read the media files that we write, and we theirs? Each file that they make is read here, written
 * again, and read by them: with as many frames as they count, and without a complaint. Where they are not installed, this says
 * so. */
#include <stdarg.h>

#include "media_kit.h"

#define SECOND UINT64_C(1000000000)

static bool has_program(const char *name) {
	char command[64];
	snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", name);
	return system(command) == 0;
}

/* Runs it and returns what it said, errors too, without the last newline. */
__attribute__((format(printf, 1, 2))) static const char *said(const char *format, ...) {
	static char text[4096];
	char call[1024], command[1100];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(call, sizeof call, format, args);
	va_end(args);
	ck_assert_int_lt(len, (int)sizeof call);
	snprintf(command, sizeof command, "( %s ) 2>&1 </dev/null", call);
	FILE *out = popen(command, "r");
	ck_assert_ptr_nonnull(out);
	size_t got = fread(text, 1, sizeof text - 1, out);
	int status = pclose(out);
	text[got] = 0;
	ck_assert_msg(status == 0, "%s: status %d: %s", command, status, text);
	while (got && text[got - 1] == '\n')
		text[--got] = 0;
	return text;
}

static size_t packets_of(const char *path) {
	return (size_t)atoi(said("ffprobe -v error -count_packets -show_entries stream=nb_read_packets -of csv=p=0 %s", path));
}

static void expect_ffmpeg_reads(const char *path, const struct media_list *l) {
	char size[32];
	ck_assert_uint_eq(packets_of(path), l->count);
	ck_assert_str_eq(said("ffmpeg -v warning -xerror -i %s -f null -", path), "");
	if (!l->info.width)
		return;
	snprintf(size, sizeof size, "%u,%u", l->info.width, l->info.height);
	ck_assert_str_eq(said("ffprobe -v error -show_entries stream=width,height -of csv=p=0 %s", path), size);
}

/* What each frame looks like when it was decoded. */
static void expect_same_pictures(const char *a, const char *b) {
	static char first[4096];
	snprintf(first, sizeof first, "%s", said("ffmpeg -v error -i %s -fps_mode passthrough -f md5 -", a));
	ck_assert_str_eq(first, said("ffmpeg -v error -i %s -fps_mode passthrough -f md5 -", b));
}

/* Reads the file, writes it again as `copy`, and lets FFmpeg judge that. The end of sound may be trimmed in the file; a copy has
 * all of the last packet. */
static struct media_list *check_file(const char *path, const char *copy) {
	struct media_list *l = media_list_read(path);
	ck_assert_int_eq(l->result, 0);
	ck_assert_uint_eq(l->count, packets_of(path));
	media_list_write(l, 0, copy);
	expect_ffmpeg_reads(copy, l);
	return l;
}

/* Its pictures too. */
static struct media_list *check_video(const char *path, const char *copy) {
	struct media_list *l = check_file(path, copy);
	expect_same_pictures(path, copy);
	return l;
}

/* ---- FFmpeg ---- */

/* Sizes that are no multiples of 16 are cropped; the second rate is no whole number. */
static const struct {
	const char *file, *encoder, *rate;
	unsigned count, keyframe; /* every so many; 0: it decides */
} made[] = {
	{"a.ivf", "libvpx -g 10 -auto-alt-ref 0 -deadline realtime", "25", 40, 10},
	{"b.ivf", "libvpx -g 20 -auto-alt-ref 1 -lag-in-frames 16", "30000/1001", 60, 0},
	{"c.ivf", "libvpx-vp9 -g 10 -deadline realtime -cpu-used 8", "25", 40, 10},
	{"d.ivf", "libvpx-vp9 -g 20 -lag-in-frames 16 -auto-alt-ref 1 -cpu-used 8", "30000/1001", 60, 0},
	{"e.ivf", "libaom-av1 -g 10 -usage realtime -cpu-used 8", "25", 40, 10},
	{"f.ivf", "libaom-av1 -g 10 -cpu-used 8 -lag-in-frames 19", "30000/1001", 30, 0},
	{"g.h264", "libx264 -g 10 -bf 0 -x264-params scenecut=0", "25", 40, 10},
	{"h.h264", "libx264 -g 20 -bf 2 -x264-params aud=1:scenecut=0", "30000/1001", 60, 0},
	{"i.h264", "libx264 -g 10 -slices 4 -profile:v baseline -x264-params scenecut=0", "50", 40, 10},
	{"j.h264", "libx264 -g 10 -bf 0 -pix_fmt yuv444p -x264-params scenecut=0", "25", 40, 10},
};

static uint64_t frame_time(const char *rate) {
	unsigned num = 0, den = 1;
	ck_assert_int_ge(sscanf(rate, "%u/%u", &num, &den), 1);
	return den * SECOND / num;
}

START_TEST(test_video_of_ffmpeg_goes_through_our_files) {
	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		const char *path = media_path(made[i].file);
		char copy[128];
		snprintf(copy, sizeof copy, "%s/copy-%s", media_folder, made[i].file);
		said("ffmpeg -v error -f lavfi -i testsrc2=size=180x102:rate=%s -frames:v %u -pix_fmt yuv420p -c:v %s %s",
		     made[i].rate, made[i].count, made[i].encoder, path);
		struct media_list *l = check_video(path, copy);
		ck_assert_uint_eq(l->info.width, 180);
		ck_assert_uint_eq(l->info.height, 102);
		ck_assert(l->frames[0].keyframe);
		for (size_t n = 0; n < l->count && made[i].keyframe; n++) {
			ck_assert_int_eq(l->frames[n].keyframe, n % made[i].keyframe == 0);
			ck_assert_uint_le(l->frames[n].timestamp - n * frame_time(made[i].rate), n + 1);
		}
		media_list_free(l);
	}
}
END_TEST

/* Long packets, short ones, and many in a page. */
START_TEST(test_sound_of_ffmpeg_goes_through_our_files) {
	static const char *const encoders[] = {"-ac 2 -b:a 96k -frame_duration 20",
	                                       "-ac 1 -b:a 16k -application voip -frame_duration 60",
	                                       "-ac 2 -b:a 510k -frame_duration 120", "-ac 2 -b:a 64k -frame_duration 2.5"};
	for (size_t i = 0; i < sizeof encoders / sizeof *encoders; i++) {
		char file[32], copy[128];
		snprintf(file, sizeof file, "sound%zu.ogg", i);
		snprintf(copy, sizeof copy, "%s/copy%zu.ogg", media_folder, i);
		said("ffmpeg -v error -f lavfi -i anoisesrc=duration=2.4:sample_rate=48000:seed=1 -c:a libopus %s %s",
		     encoders[i], media_path(file));
		struct media_list *l = check_file(media_path(file), copy);
		ck_assert_uint_eq(l->info.channels, i == 1 ? 1 : 2);
		media_list_free(l);
	}
}
END_TEST

START_TEST(test_ffmpeg_hears_no_gap_where_packets_were_lost) {
	struct media_list *l = media_list_read("tests/vectors/media/opus.ogg");
	struct media_writer *w;
	const char *path = media_path("lost.ogg");
	ck_assert_int_eq(media_writer_create(path, &l->info, &w), 0);
	for (size_t i = 0; i < l->count; i++)
		if (i % 20 < 13)
			ck_assert_int_eq(media_writer_put(w, &l->frames[i]), 0);
	ck_assert_int_eq(media_writer_close(w), 0);
	ck_assert_str_eq(said("ffmpeg -v warning -xerror -i %s -f null -", path), "");
	/* 73 packets of 960 samples, the last ones being lost, less the pre-skip; two bytes a sample and channel */
	said("ffmpeg -v error -i %s -f s16le %s", path, media_path("lost.raw"));
	ck_assert_int_eq(atoi(said("stat -c %%s %s", media_path("lost.raw"))), (73 * 960 - 312) * 4);
	media_list_free(l);
}
END_TEST

/* ---- GStreamer ---- */

#define GST "timeout 60 gst-launch-1.0 "

START_TEST(test_files_of_gstreamer_are_read) {
	if (!has_program("gst-launch-1.0"))
		return;
	said(GST
	     "-q audiotestsrc num-buffers=60 samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=1 ! opusenc frame-size=10 ! "
	     "oggmux "
	     "! filesink location=%s",
	     media_path("gst.ogg"));
	media_list_free(check_file(media_path("gst.ogg"), media_path("gst-copy.ogg")));
	said(GST "-q videotestsrc num-buffers=30 ! video/x-raw,width=180,height=102,framerate=25/1 ! x264enc tune=zerolatency "
	         "key-int-max=10 "
	         "! video/x-h264,stream-format=byte-stream ! filesink location=%s",
	     media_path("gst.h264"));
	struct media_list *l = check_video(media_path("gst.h264"), media_path("gst-copy.h264"));
	ck_assert_uint_eq(l->count, 30);
	ck_assert_uint_eq(l->frames[29].timestamp, 29 * SECOND / 25);
	media_list_free(l);
}
END_TEST

START_TEST(test_gstreamer_reads_our_files) {
	static const struct {
		const char *vector, *decoder;
	} files[] = {
		{"vp8.ivf", "ivfparse ! vp8dec"},
		{"vp9.ivf", "ivfparse ! vp9dec"},
		{"aud.h264", "h264parse ! video/x-h264,stream-format=avc,alignment=au"},
		{"opus.ogg", "oggdemux ! opusdec"},
	};
	if (!has_program("gst-launch-1.0"))
		return;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[128];
		snprintf(path, sizeof path, "tests/vectors/media/%s", files[i].vector);
		struct media_list *l = media_list_read(path);
		media_list_write(l, 0, media_path(files[i].vector));
		/* A message for each buffer that comes out. */
		int buffers = atoi(said(
			GST "-v filesrc location=%s ! %s ! fakesink silent=false sync=false | grep -c 'last-message = chain '",
			media_path(files[i].vector), files[i].decoder));
		ck_assert_uint_eq((size_t)buffers, l->count);
		media_list_free(l);
	}
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {test_video_of_ffmpeg_goes_through_our_files, test_sound_of_ffmpeg_goes_through_our_files,
	                        test_ffmpeg_hears_no_gap_where_packets_were_lost, test_files_of_gstreamer_are_read,
	                        test_gstreamer_reads_our_files};
	if (!has_program("ffmpeg") || !has_program("ffprobe")) {
		puts("ffmpeg is not installed; scripts/deps --interop installs it");
		return 77;
	}
	if (!has_program("gst-launch-1.0"))
		puts("without GStreamer, which is not installed");
	return suite_run_each("media_programs", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300,
	                      media_folder_make);
}
