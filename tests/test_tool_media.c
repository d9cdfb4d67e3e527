/* Does `sluice media` carry each frame of a file to the other end and into a file there, whichever end offers, and does it come
 * back from an end that echoes? Two processes over loopback, in real time; the files of tests/vectors/media last 1.6 s. */
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "media_kit.h"
#include "sluice.h"
#include "tools/tools.h"

#define VECTORS "tests/vectors/media/"

/* ---- two ends -------------------------------------------------------------------------------------------------------- */

/* Where what comes out of pair i goes, and where its ends meet. */
static const char *into(int i) {
	char name[16];
	snprintf(name, sizeof name, "in%d", i);
	return media_path(name);
}

static const char *room(int i) {
	char name[16];
	snprintf(name, sizeof name, "room%d", i);
	return media_path(name);
}

/* An end of pair i. The words behind the command; NULL behind the last. What it prints goes nowhere. */
static pid_t start(int i, ...) {
	char *args[24] = {"media", "--signal", (char *)room(i), "--bind", "127.0.0.1"};
	int n = 5;
	va_list words;
	va_start(words, i);
	while ((args[n] = va_arg(words, char *)) != NULL)
		n++;
	va_end(words);
	mkdir(into(i), 0777);
	fflush(NULL);
	pid_t pid = fork();
	if (pid)
		return pid;
	if (!freopen("/dev/null", "w", stdout))
		_exit(EXIT_FAILED);
	alarm(100);
	_exit(finish_output(media_main(n, args)));
}

static int ended(pid_t pid) {
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "died of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* The first end of the pair has made its offer. */
static void await_offer(int i) {
	for (int k = 0; access(room(i), F_OK) && k < 3000; k++)
		usleep(10000);
}

static struct media_list *read_from(int i, const char *name) {
	char path[128];
	snprintf(path, sizeof path, "%s/%s", into(i), name);
	return media_list_read(path);
}

/* Start codes of three and of four bytes mean the same, and RTP carries neither. */
static size_t without_long_start_codes(uint8_t *data, size_t len) {
	size_t out = 0;
	for (size_t i = 0; i < len; i++)
		if (i + 3 >= len || memcmp(data + i, "\0\0\0\1", 4) != 0)
			data[out++] = data[i];
	return out;
}

static void make_comparable(struct media_list *l) {
	for (size_t i = 0; l->info.codec == MEDIA_H264 && i < l->count; i++)
		l->frames[i].len = without_long_start_codes((uint8_t *)l->frames[i].data, l->frames[i].len);
}

/* Pair i has a file of that name with the frames of `sent`, and with their times but for what the clocks of RTP round, and what
 * the sender waited for the path. */
static void assert_same(const char *sent, int pair, const char *name) {
	struct media_list *a = media_list_read(sent), *b = read_from(pair, name);
	ck_assert_msg(b->result == 0, "%s: %s", name, sluice_error_text(b->result));
	ck_assert_int_eq(a->info.codec, b->info.codec);
	ck_assert_uint_eq(a->info.width, b->info.width);
	ck_assert_uint_eq(a->count, b->count);
	make_comparable(a);
	make_comparable(b);
	for (size_t i = 0; i < a->count; i++) {
		ck_assert_msg(a->frames[i].len == b->frames[i].len, "%s: frame %zu has %zu bytes of %zu", name, i,
		              b->frames[i].len, a->frames[i].len);
		ck_assert_mem_eq(a->frames[i].data, b->frames[i].data, a->frames[i].len);
		ck_assert_int_eq(a->frames[i].keyframe, b->frames[i].keyframe);
		int64_t late = (int64_t)(b->frames[i].timestamp - a->frames[i].timestamp);
		ck_assert_msg(late > -2000000 && late < 1000000000, "%s: frame %zu is %lld ns late", name, i, (long long)late);
	}
	media_list_free(a);
	media_list_free(b);
}

/* ---- files arrive ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *file, *name;
} vectors[] = {
	{VECTORS "vp8.ivf", "VP8.ivf"},    {VECTORS "vp9.ivf", "VP9.ivf"},       {VECTORS "av1.ivf", "AV1.ivf"},
	{VECTORS "aud.h264", "H264.h264"}, {VECTORS "slices.h264", "H264.h264"},
};
#define VECTOR_COUNT ((int)(sizeof vectors / sizeof *vectors))

START_TEST(test_each_frame_that_was_played_is_in_the_other_ends_file) {
	pid_t receivers[VECTOR_COUNT], players[VECTOR_COUNT];
	for (int i = 0; i < VECTOR_COUNT; i++)
		receivers[i] = start(i, "--receive", into(i), (char *)NULL);
	for (int i = 0; i < VECTOR_COUNT; i++) {
		await_offer(i);
		players[i] = start(i, "--play", vectors[i].file, VECTORS "opus.ogg", (char *)NULL);
	}
	for (int i = 0; i < VECTOR_COUNT; i++) {
		ck_assert_int_eq(ended(players[i]), EXIT_OK);
		ck_assert_int_eq(ended(receivers[i]), EXIT_OK);
		char name[32];
		snprintf(name, sizeof name, "video-1-%s", vectors[i].name);
		assert_same(vectors[i].file, i, name);
		assert_same(VECTORS "opus.ogg", i, "audio-0-opus.ogg");
	}
}
END_TEST

START_TEST(test_the_end_that_plays_offers_a_section_for_each_file) {
	pid_t player = start(0, "--play", VECTORS "vp9.ivf", VECTORS "vp8.ivf", VECTORS "opus.ogg", VECTORS "aud.h264",
	                     (char *)NULL);
	await_offer(0);
	pid_t receiver = start(0, "--receive", into(0), (char *)NULL);
	ck_assert_int_eq(ended(player), EXIT_OK);
	ck_assert_int_eq(ended(receiver), EXIT_OK);
	assert_same(VECTORS "vp9.ivf", 0, "video-0-VP9.ivf");
	assert_same(VECTORS "vp8.ivf", 0, "video-1-VP8.ivf");
	assert_same(VECTORS "opus.ogg", 0, "audio-2-opus.ogg");
	assert_same(VECTORS "aud.h264", 0, "video-3-H264.h264");
}
END_TEST

START_TEST(test_two_ends_play_and_receive_at_once) {
	mkdir(into(1), 0777);
	pid_t a = start(0, "--receive", into(0), "--play", VECTORS "vp9.ivf", (char *)NULL);
	await_offer(0);
	pid_t b = start(0, "--receive", into(1), "--play", VECTORS "vp8.ivf", VECTORS "opus.ogg", (char *)NULL);
	ck_assert_int_eq(ended(a), EXIT_OK);
	ck_assert_int_eq(ended(b), EXIT_OK);
	assert_same(VECTORS "vp9.ivf", 1, "video-0-VP9.ivf");
	assert_same(VECTORS "opus.ogg", 0, "audio-1-opus.ogg");
	assert_same(VECTORS "vp8.ivf", 0, "video-2-VP8.ivf");
}
END_TEST

START_TEST(test_an_echo_brings_each_frame_back) {
	pid_t echoes[VECTOR_COUNT], players[VECTOR_COUNT];
	for (int i = 0; i < VECTOR_COUNT; i++)
		echoes[i] = start(i, "--echo", (char *)NULL);
	for (int i = 0; i < VECTOR_COUNT; i++) {
		await_offer(i);
		players[i] = start(i, "--receive", into(i), "--play", vectors[i].file, VECTORS "opus.ogg", (char *)NULL);
	}
	for (int i = 0; i < VECTOR_COUNT; i++) {
		ck_assert_int_eq(ended(players[i]), EXIT_OK);
		ck_assert_int_eq(ended(echoes[i]), EXIT_OK);
		char name[32];
		snprintf(name, sizeof name, "video-1-%s", vectors[i].name);
		assert_same(vectors[i].file, i, name);
		assert_same(VECTORS "opus.ogg", i, "audio-0-opus.ogg");
	}
}
END_TEST

START_TEST(test_a_loop_goes_on_where_the_file_ended) {
	pid_t receiver = start(0, "--receive", into(0), "--duration", "4.5", (char *)NULL);
	await_offer(0);
	pid_t player = start(0, "--play", "--loop", VECTORS "vp8.ivf", (char *)NULL);
	ck_assert_int_eq(ended(receiver), EXIT_OK);
	ck_assert_int_eq(ended(player), EXIT_OK);
	struct media_list *a = media_list_read(VECTORS "vp8.ivf"), *b = read_from(0, "video-1-VP8.ivf");
	ck_assert_int_eq(b->result, 0);
	ck_assert_uint_gt(b->count, 2 * a->count);
	for (size_t i = 0; i < b->count; i++)
		ck_assert_mem_eq(a->frames[i % a->count].data, b->frames[i].data, a->frames[i % a->count].len);
	/* Over the seam, too, the time goes on by what a frame takes (1/15 s), and by what the path made the player wait. */
	for (size_t i = 1; i < b->count; i++) {
		int64_t step = (int64_t)(b->frames[i].timestamp - b->frames[i - 1].timestamp);
		ck_assert_msg(step > 60000000 && step < 1000000000, "%lld ns before frame %zu", (long long)step, i);
	}
	media_list_free(a);
	media_list_free(b);
}
END_TEST

START_TEST(test_an_end_that_leaves_early_makes_the_player_fail) {
	pid_t receiver = start(0, "--receive", into(0), "--duration", "0.5", (char *)NULL);
	await_offer(0);
	pid_t player = start(0, "--play", VECTORS "vp8.ivf", (char *)NULL);
	ck_assert_int_eq(ended(receiver), EXIT_OK);
	ck_assert_int_eq(ended(player), EXIT_FAILED);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {test_each_frame_that_was_played_is_in_the_other_ends_file,
	                        test_the_end_that_plays_offers_a_section_for_each_file,
	                        test_two_ends_play_and_receive_at_once,
	                        test_an_echo_brings_each_frame_back,
	                        test_a_loop_goes_on_where_the_file_ended,
	                        test_an_end_that_leaves_early_makes_the_player_fail};
	return suite_run_each("tool_media", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300,
	                      media_folder_make);
}
