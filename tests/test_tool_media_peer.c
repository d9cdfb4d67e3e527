/* What does `sluice media` do with another end than itself? Here a peer of the test sends it simulcast, or changes the codec in
 * the middle, or asks for keyframes of what it plays. The command runs in a process of its own, over loopback, in real time. */
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "loop/ev.h"
#include "media_kit.h"
#include "sluice.h"
#include "tools/signalling.h"
#include "tools/tools.h"

#define VECTORS "tests/vectors/media/"
/* Seconds from one frame to the next. */
#define PACE .03
/* Turns without a frame before the end: what is on its way arrives, and leaves the jitter buffer. */
#define IDLE 50

/* The peer of the test. */
static struct {
	struct ev_loop *ev;
	sluice_env *env;
	sluice_loop *loop;
	sluice_peer *peer;
	sluice_transceiver *video;
	ev_timer look, pace;
	unsigned turn;               /* how often it was time for a frame */
	unsigned idle;               /* the same, behind the last frame */
	bool (*on_pace)(unsigned n); /* false: that was all */
	pid_t child;
	char room[64], into[64];
} own;

/* ---- descriptions: FILE is ours, FILE.answer is the command's ---- */

static void write_offer(const char *sdp) {
	char draft[80];
	char *json = signal_encode(SIGNAL_OFFER, sdp, NULL);
	snprintf(draft, sizeof draft, "%s.draft", own.room);
	FILE *f = fopen(draft, "w");
	ck_assert_ptr_nonnull(f);
	fputs(json, f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(rename(draft, own.room), 0);
	free(json);
}

static void on_gathering_state(sluice_peer *p, enum sluice_gathering_state state, void *user) {
	static char sdp[SLUICE_SDP_MAX];
	(void)user;
	if (state != SLUICE_GATHERING_COMPLETE)
		return;
	ck_assert_int_gt(sluice_peer_local_description(p, NULL, sdp, sizeof sdp), 0);
	write_offer(sdp);
}

static void on_look(struct ev_loop *ev, ev_timer *w, int events) {
	(void)events;
	char path[80];
	size_t len;
	struct signal_message m;
	snprintf(path, sizeof path, "%s.answer", own.room);
	char *text = signalling_read_file(path, &len);
	if (!text)
		return;
	ev_timer_stop(ev, w);
	ck_assert_ptr_null(signal_decode(text, len, &m));
	ck_assert_int_eq(sluice_peer_set_remote_description(own.peer, SLUICE_SDP_ANSWER, m.text, strlen(m.text)), 0);
	free(m.text);
	free(text);
}

/* ---- one connection ---- */

static void finish(void) {
	ev_timer_stop(own.ev, &own.pace);
	sluice_peer_close(own.peer);
}

static void on_pace(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)w;
	(void)events;
	if (own.idle == 0 && own.on_pace(own.turn++))
		return;
	if (own.idle++ == IDLE)
		finish();
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p;
	(void)user;
	ck_assert_int_ne(state, SLUICE_PEER_FAILED);
	if (state == SLUICE_PEER_CONNECTED && own.on_pace)
		ev_timer_again(own.ev, &own.pace);
	if (state == SLUICE_PEER_CLOSED)
		ev_break(own.ev, EVBREAK_ALL);
}

/* The command with these words, and our peer with one section of video. */
static void begin(char *const words[], const sluice_transceiver_config *section) {
	snprintf(own.room, sizeof own.room, "%s", media_path("room"));
	snprintf(own.into, sizeof own.into, "%s", media_path("in"));
	ck_assert_int_eq(mkdir(own.into, 0777), 0);
	fflush(NULL);
	own.child = fork();
	if (own.child == 0) {
		char *args[16] = {"media", "--signal", own.room, "--bind", "127.0.0.1", "--answer"};
		for (int n = 6; *words; words++)
			args[n++] = *words;
		alarm(200);
		int count = 0;
		while (args[count])
			count++;
		_exit(freopen("/dev/null", "w", stdout) ? finish_output(media_main(count, args)) : EXIT_FAILED);
	}
	sluice_peer_config config;
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const sluice_gather_config gather = {
		.size = sizeof gather, .bind = (struct sockaddr *)&here, .bind_len = sizeof here, .loopback = true};
	own.ev = ev_loop_new(EVFLAG_AUTO);
	sluice_peer_config_init(&config);
	config.media_start_bitrate = 20000000;
	config.on_state = on_state;
	config.on_gathering_state = on_gathering_state;
	ck_assert_int_eq(sluice_env_new(NULL, &own.env), 0);
	ck_assert_int_eq(sluice_loop_new(own.env, own.ev, &own.loop), 0);
	ck_assert_int_eq(sluice_peer_new(own.env, &config, &own.peer), 0);
	ck_assert_int_eq(sluice_loop_gather(own.loop, own.peer, &gather), 0);
	ck_assert_int_eq(sluice_peer_add_transceiver(own.peer, SLUICE_VIDEO, section, &own.video), 0);
	ev_timer_init(&own.look, on_look, 0., .02);
	ev_timer_init(&own.pace, on_pace, 0., PACE);
	ev_timer_start(own.ev, &own.look);
}

/* Until it is closed. The exit code of the command. */
static int run(void) {
	int status;
	ck_assert_int_eq(sluice_peer_set_local_description(own.peer, SLUICE_SDP_OFFER, NULL), 0);
	ev_run(own.ev, 0);
	sluice_peer_free(own.peer);
	sluice_loop_free(own.loop);
	sluice_env_free(own.env);
	ev_loop_destroy(own.ev);
	ck_assert_int_eq(waitpid(own.child, &status, 0), own.child);
	ck_assert_msg(WIFEXITED(status), "died of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static struct media_list *received(const char *name) {
	char path[128];
	snprintf(path, sizeof path, "%s/%s", own.into, name);
	struct media_list *l = media_list_read(path);
	ck_assert_msg(l->result == 0, "%s: %s", name, sluice_error_text(l->result));
	return l;
}

static uint64_t now_of(unsigned turn) {
	return (uint64_t)turn * 33 * SLUICE_MS;
}

static int send_frame(const struct media_frame *f, enum sluice_codec codec, unsigned layer, unsigned turn) {
	const sluice_frame frame = {.data = f->data,
	                            .len = f->len,
	                            .timestamp = now_of(turn),
	                            .keyframe = f->keyframe,
	                            .codec = codec,
	                            .layer = (uint8_t)layer};
	return sluice_track_send_frame(sluice_transceiver_sender(own.video), &frame);
}

/* ---- simulcast ---- */

#define LAYERS 3u
#define LAYER_FRAMES 60u

/* Looks like VP8 (RFC 6386, 9.1), of another size for each layer; the number is behind the head. */
static bool send_layers(unsigned n) {
	for (unsigned layer = 0; layer < LAYERS; layer++) {
		bool key = n % 20 == 0;
		uint8_t data[200] = {0x11};
		const uint8_t head[] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, (uint8_t)(32 << layer), 0, (uint8_t)(18 << layer), 0};
		if (key)
			memcpy(data, head, sizeof head);
		data[10] = (uint8_t)layer;
		data[11] = (uint8_t)n;
		ck_assert_int_eq(
			send_frame(&(struct media_frame){.data = data, .len = sizeof data, .keyframe = key}, 0, layer, n), 0);
	}
	return n + 1 < LAYER_FRAMES;
}

/* Its first frames may be lost to the beginning; what follows is whole. */
static void check_layer(unsigned layer) {
	char name[40];
	snprintf(name, sizeof name, layer ? "video-0-layer%u-VP8.ivf" : "video-0-VP8.ivf", layer);
	struct media_list *l = received(name);
	ck_assert_uint_gt(l->count, LAYER_FRAMES / 2);
	ck_assert(l->frames[0].keyframe);
	for (size_t i = 0; i < l->count; i++) {
		ck_assert_uint_eq(l->frames[i].data[10], layer);
		ck_assert_uint_eq(l->frames[i].data[11], l->frames[0].data[11] + i);
	}
	ck_assert_uint_eq(l->info.width, 32u << layer);
	media_list_free(l);
}

START_TEST(test_each_layer_of_a_simulcast_gets_a_file) {
	static const sluice_encoding encodings[LAYERS] = {{.rid = "q"}, {.rid = "h"}, {.rid = "f"}};
	const sluice_transceiver_config section = {
		.direction = SLUICE_SENDONLY, .encodings = encodings, .encoding_count = LAYERS};
	own.on_pace = send_layers;
	begin((char *[]){"--receive", (char *)media_path("in"), NULL}, &section);
	ck_assert_int_eq(run(), EXIT_OK);
	for (unsigned layer = 0; layer < LAYERS; layer++)
		check_layer(layer);
}
END_TEST

/* ---- another codec in the middle ---- */

static struct media_list *parts[3];

static bool send_parts(unsigned n) {
	static const enum sluice_codec codecs[] = {SLUICE_CODEC_VP8, SLUICE_CODEC_VP9, SLUICE_CODEC_VP8};
	unsigned at = 0;
	for (unsigned turn = n; turn >= parts[at]->count; at++)
		turn -= (unsigned)parts[at]->count;
	unsigned before = 0;
	for (unsigned i = 0; i < at; i++)
		before += (unsigned)parts[i]->count;
	ck_assert_int_eq(send_frame(&parts[at]->frames[n - before], codecs[at], 0, n), 0);
	return n + 1 < parts[0]->count + parts[1]->count + parts[2]->count;
}

static void expect_part(const char *name, const struct media_list *sent) {
	struct media_list *l = received(name);
	ck_assert_msg(l->count == sent->count, "%s: %zu frames of %zu", name, l->count, sent->count);
	for (size_t i = 0; i < l->count; i++) {
		ck_assert_uint_eq(l->frames[i].len, sent->frames[i].len);
		ck_assert_mem_eq(l->frames[i].data, sent->frames[i].data, l->frames[i].len);
	}
	media_list_free(l);
}

START_TEST(test_another_codec_in_the_middle_gets_another_file) {
	parts[0] = parts[2] = media_list_read(VECTORS "vp8.ivf");
	parts[1] = media_list_read(VECTORS "vp9.ivf");
	const sluice_transceiver_config section = {.direction = SLUICE_SENDONLY};
	own.on_pace = send_parts;
	begin((char *[]){"--receive", (char *)media_path("in"), NULL}, &section);
	ck_assert_int_eq(run(), EXIT_OK);
	expect_part("video-0-VP8.ivf", parts[0]);
	expect_part("video-0-VP9.ivf", parts[1]);
	expect_part("video-0-VP8-2.ivf", parts[2]);
	media_list_free(parts[0]);
	media_list_free(parts[1]);
}
END_TEST

/* ---- a keyframe is asked for ---- */

/* vp8.ivf has keyframes at 0, 10 and 20, at 15 frames a second. A request is answered when the last keyframe is old enough. */
#define ASK_AT 17u

static struct {
	struct media_list *file;
	size_t last; /* frame of the file; SIZE_MAX: none yet */
	uint64_t last_time;
	bool went_back;
	unsigned behind; /* frames since then */
} played;

static size_t find(const sluice_frame *f) {
	for (size_t i = 0; i < played.file->count; i++)
		if (played.file->frames[i].len == f->len && memcmp(played.file->frames[i].data, f->data, f->len) == 0)
			return i;
	ck_abort_msg("a frame of %zu bytes is none of the file", f->len);
	return 0;
}

/* Frames come in the file's order; behind the request, from the keyframe before on. The times go on all the same, by what a frame
 * takes and what the path made the player wait. */
static void on_frame(sluice_track *t, const sluice_frame *f, void *user) {
	(void)user;
	size_t at = find(f);
	if (played.last != SIZE_MAX) {
		uint64_t step = f->timestamp - played.last_time;
		ck_assert_msg(f->timestamp > played.last_time && step > 30 * SLUICE_MS && step < 1500 * SLUICE_MS,
		              "frame %zu behind %zu: %lld ns", at, played.last, (long long)step);
		if (at != (played.last + 1) % played.file->count) {
			ck_assert_msg(!played.went_back && f->keyframe && at <= played.last, "%zu behind %zu", at, played.last);
			played.went_back = true;
		}
	}
	played.behind += played.went_back;
	played.last = at;
	played.last_time = f->timestamp;
	if (at == ASK_AT && !played.went_back)
		sluice_track_request_keyframe(t, 0);
	if (played.behind == 5)
		finish();
}

START_TEST(test_what_is_played_goes_back_to_a_keyframe_that_is_asked_for) {
	const sluice_transceiver_config section = {.direction = SLUICE_RECVONLY, .receiver.on_frame = on_frame};
	played.file = media_list_read(VECTORS "vp8.ivf");
	played.last = SIZE_MAX;
	begin((char *[]){"--play", "--loop", VECTORS "vp8.ivf", NULL}, &section);
	ck_assert_int_eq(run(), EXIT_OK);
	ck_assert(played.went_back);
	media_list_free(played.file);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {test_each_layer_of_a_simulcast_gets_a_file, test_another_codec_in_the_middle_gets_another_file,
	                        test_what_is_played_goes_back_to_a_keyframe_that_is_asked_for};
	return suite_run_each("tool_media_peer", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300,
	                      media_folder_make);
}
