/* What does a peer get from `sluice serve` over its channels? A server in a process of its own, reached by HTTP over loopback as
 * a browser would reach it, and peers of this library as its clients. */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "loop/ev.h"
#include "sluice.h"
#include "suite.h"
#include "tools/tools.h"

#define LIMIT 60. /* seconds for anything to come */

/* ---- the server -------------------------------------------------------------------------------------------------- */

static struct {
	pid_t pid;
	uint16_t http;
	bool told; /* it has got a Ctrl-C; a second one would kill it */
	char folder[64];
} server;

static void server_start(char *const more[], int count) {
	char *args[24] = {"serve", "--http", "127.0.0.1:0", "--bind", "127.0.0.1"};
	int fds[2], n = 5;
	for (int i = 0; i < count; i++)
		args[n++] = more[i];
	ck_assert_int_eq(pipe(fds), 0);
	fflush(NULL);
	server.pid = fork();
	if (server.pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		_exit(serve_main(n, args));
	}
	close(fds[1]);
	FILE *f = fdopen(fds[0], "r");
	unsigned port = 0;
	ck_assert_int_eq(fscanf(f, "page http://127.0.0.1:%u/", &port), 1);
	server.http = (uint16_t)port;
	fclose(f);
}

#define START(...)                                                                                                               \
	do {                                                                                                                     \
		char *const more[] = {"--idle", "100", ##__VA_ARGS__};                                                           \
		server_start(more, sizeof more / sizeof *more);                                                                  \
	} while (0)

static char *make_folder(void) {
	strcpy(server.folder, "/tmp/test_tool_serve.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(server.folder));
	return server.folder;
}

static void server_stop(void) {
	int status;
	char command[128];
	if (!server.told)
		ck_assert_int_eq(kill(server.pid, SIGINT), 0);
	ck_assert_int_eq(waitpid(server.pid, &status, 0), server.pid);
	ck_assert_msg(WIFEXITED(status), "the server died of signal %d", WTERMSIG(status));
	ck_assert_int_eq(WEXITSTATUS(status), EXIT_INTERRUPTED);
	snprintf(command, sizeof command, "rm -rf '%s'", server.folder);
	if (server.folder[0])
		ck_assert_int_eq(system(command), 0);
}

/* One request on a connection of its own. Returns the status; `answer` has head and body. */
static int http(const char *method, const char *path, const char *type, const char *body, char *answer, size_t size) {
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(server.http), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), status = 0;
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
	static char request[65536];
	int len = snprintf(
		request, sizeof request,
		"%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
		method, path, type, strlen(body), body);
	ck_assert_int_eq(write(fd, request, (size_t)len), len);
	size_t have = 0;
	ssize_t n;
	while ((n = read(fd, answer + have, size - 1 - have)) > 0)
		have += (size_t)n;
	answer[have] = 0;
	close(fd);
	ck_assert_int_eq(sscanf(answer, "HTTP/1.1 %d", &status), 1);
	return status;
}

/* ---- clients ----------------------------------------------------------------------------------------------------- */

struct got {
	bool text;
	size_t len;
	char *bytes; /* a NUL behind */
};

/* A channel that keeps what comes. */
struct line {
	sluice_channel *channel;
	bool open, closed;
	struct got *got;
	size_t count, seen; /* seen: read by next_json */
};

struct guest {
	sluice_peer *peer;
	enum sluice_peer_state state;
	char location[64];
	struct line offered; /* the last channel that the server opened */
};

static sluice_env *env;
static sluice_loop *loop;
static bool late;

static void on_open(sluice_channel *ch, void *user) {
	(void)ch;
	((struct line *)user)->open = true;
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	struct line *l = user;
	l->got = realloc(l->got, (l->count + 1) * sizeof *l->got);
	struct got *g = &l->got[l->count++];
	*g = (struct got){.text = text, .len = m->len, .bytes = malloc(m->len + 1)};
	memcpy(g->bytes, sluice_message_data(m), m->len);
	g->bytes[m->len] = 0;
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)ch, (void)error, (void)lost;
	struct line *l = user;
	l->closed = true;
	l->channel = NULL;
}

static const sluice_channel_callbacks callbacks = {.on_open = on_open, .on_message = on_message, .on_closed = on_closed};

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p;
	((struct guest *)user)->state = state;
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	struct guest *g = user;
	g->offered.channel = ch;
	g->offered.open = true;
	sluice_channel_set_callbacks(ch, &callbacks, &g->offered);
}

static void on_limit(struct ev_loop *ev, ev_timer *w, int events) {
	(void)w, (void)events;
	late = true;
	ev_break(ev, EVBREAK_ALL);
}

/* Runs the loop until it holds; fails when it takes too long. */
#define UNTIL(condition)                                                                                                         \
	do {                                                                                                                     \
		ev_timer limit;                                                                                                  \
		ev_timer_init(&limit, on_limit, LIMIT, 0.);                                                                      \
		ev_timer_start(sluice_loop_ev(loop), &limit);                                                                    \
		bool holds = false;                                                                                              \
		for (late = false; !(holds = (condition)) && !late;)                                                             \
			ev_run(sluice_loop_ev(loop), EVRUN_ONCE);                                                                \
		ev_timer_stop(sluice_loop_ev(loop), &limit);                                                                     \
		ck_assert_msg(holds, "not in %g s: %s", LIMIT, #condition);                                                      \
	} while (0)

static void set_up(void) {
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(sluice_loop_new(env, NULL, &loop), 0);
}

static void open_line(struct guest *g, const char *label, struct line *l) {
	sluice_channel_config config = {.label = label, .id = -1, .callbacks = callbacks, .user = l};
	*l = (struct line){0};
	ck_assert_int_eq(sluice_peer_open_channel(g->peer, &config, &l->channel), 0);
}

static void line_free(struct line *l) {
	for (size_t i = 0; i < l->count; i++)
		free(l->got[i].bytes);
	free(l->got);
	*l = (struct line){.channel = l->channel};
}

/* Sends the local offer and takes the answer. */
static void negotiate(struct guest *g, const char *path, int expected) {
	static char offer[SLUICE_SDP_MAX], answer[SLUICE_SDP_MAX + 4096];
	ck_assert_int_eq(sluice_peer_set_local_description(g->peer, SLUICE_SDP_OFFER, NULL), 0);
	ck_assert_int_gt(sluice_peer_local_description(g->peer, NULL, offer, sizeof offer), 0);
	int status = http("POST", path, "application/sdp", offer, answer, sizeof answer);
	ck_assert_msg(status == expected, "status %d: %s", status, answer);
	const char *location = strstr(answer, "Location: "), *body = strstr(answer, "\r\n\r\n");
	ck_assert(location && body);
	snprintf(g->location, sizeof g->location, "%.*s", (int)strcspn(location + 10, "\r"), location + 10);
	ck_assert_int_eq(sluice_peer_set_remote_description(g->peer, SLUICE_SDP_ANSWER, body + 4, strlen(body + 4)), 0);
}

/* Connected, with one channel open. */
static void guest_connect(struct guest *g, const char *label, struct line *l) {
	sluice_peer_config config;
	sluice_gather_config gather = {.size = sizeof gather, .loopback = true};
	*g = (struct guest){0};
	sluice_peer_config_init(&config);
	config.on_state = on_state;
	config.on_channel = on_channel;
	config.user = g;
	ck_assert_int_eq(sluice_peer_new(env, &config, &g->peer), 0);
	ck_assert_int_eq(sluice_loop_gather(loop, g->peer, &gather), 0);
	open_line(g, label, l);
	negotiate(g, "/connect", 201);
	UNTIL(l->open);
}

static void tear_down(struct guest *a, struct guest *b) {
	if (a)
		sluice_peer_free(a->peer);
	if (b)
		sluice_peer_free(b->peer);
	sluice_loop_free(loop);
	sluice_env_free(env);
	server_stop();
}

static void say(struct line *l, const char *text) {
	ck_assert_int_eq(sluice_channel_send_text(l->channel, text, strlen(text)), 0);
}

/* The next text message, of that type if one is named; others are skipped. The caller drops it. */
static json_t *take_json(struct line *l, const char *type) {
	for (; l->seen < l->count; l->seen++) {
		const struct got *g = &l->got[l->seen];
		json_t *o = g->text ? json_loadb(g->bytes, g->len, 0, NULL) : NULL;
		if (o && (!type || strcmp(json_string_value(json_object_get(o, "type")), type) == 0)) {
			l->seen++;
			return o;
		}
		json_decref(o);
	}
	return NULL;
}
static json_t *next_json(struct line *l, const char *type) {
	json_t *o = NULL;
	UNTIL((o = take_json(l, type)) != NULL);
	return o;
}

static void expect(struct line *l, const char *type) {
	json_decref(next_json(l, type));
}

static const char *text_of(const json_t *o, const char *key) {
	const char *text = json_string_value(json_object_get(o, key));
	return text ? text : "";
}

static json_int_t number_of(const json_t *o, const char *key) {
	return json_integer_value(json_object_get(o, key));
}

static size_t binary_bytes(const struct line *l) {
	size_t n = 0;
	for (size_t i = 0; i < l->count; i++)
		n += l->got[i].text ? 0 : l->got[i].len;
	return n;
}

/* ---- the echo ---------------------------------------------------------------------------------------------------- */

START_TEST(test_every_message_on_an_unknown_label_comes_back_as_it_was) {
	struct guest g;
	struct line l;
	START();
	set_up();
	guest_connect(&g, "whatever", &l);
	static char big[200000];
	memset(big, 'x', sizeof big);
	big[7] = 0;
	say(&l, "a text");
	ck_assert_int_eq(sluice_channel_send(l.channel, "\0\1\2", 3), 0);
	say(&l, "");
	ck_assert_int_eq(sluice_channel_send(l.channel, NULL, 0), 0);
	ck_assert_int_eq(sluice_channel_send(l.channel, big, sizeof big), 0);
	UNTIL(l.count == 5);
	static const bool text[] = {true, false, true, false, false};
	static const size_t len[] = {6, 3, 0, 0, sizeof big};
	for (size_t i = 0; i < 5; i++) {
		ck_assert_int_eq(l.got[i].text, text[i]);
		ck_assert_uint_eq(l.got[i].len, len[i]);
	}
	ck_assert_str_eq(l.got[0].bytes, "a text");
	ck_assert_mem_eq(l.got[4].bytes, big, sizeof big);
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

START_TEST(test_an_echo_of_more_than_the_buffers_hold_is_held_back_and_complete) {
	struct guest g;
	struct line l;
	static char piece[65536];
	START();
	set_up();
	guest_connect(&g, "echo", &l);
	sluice_channel_set_high_water(l.channel, 64 << 20);
	for (int i = 0; i < 320; i++) {
		memset(piece, i, sizeof piece);
		ck_assert_int_eq(sluice_channel_send(l.channel, piece, sizeof piece), 0);
	}
	UNTIL(l.count == 320);
	for (int i = 0; i < 320; i++)
		ck_assert_int_eq((uint8_t)l.got[i].bytes[65535], (uint8_t)i);
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

/* ---- the chat ---------------------------------------------------------------------------------------------------- */

START_TEST(test_what_one_says_reaches_all_under_the_name_it_took) {
	struct guest a, b;
	struct line la, lb;
	START();
	set_up();
	guest_connect(&a, "chat", &la);
	guest_connect(&b, "chat", &lb);
	json_t *o = next_json(&lb, "welcome");
	ck_assert_str_eq(text_of(o, "name"), "guest 2");
	json_decref(o);
	say(&la, "{\"type\":\"name\",\"name\":\" J\xc3\xbcrgen\\u0007\\u202e \"}");
	say(&la, "{\"type\":\"say\",\"text\":\"<b>hello</b>\"}");
	struct line *const both[] = {&la, &lb};
	for (int i = 0; i < 2; i++) {
		o = next_json(both[i], "said");
		ck_assert_str_eq(text_of(o, "text"), "<b>hello</b>");
		ck_assert_str_eq(text_of(o, "name"), "J\xc3\xbcrgen");
		ck_assert_int_eq(number_of(o, "from"), 1);
		json_decref(o);
	}
	sluice_peer_close(b.peer);
	do {
		o = next_json(&la, "people");
		size_t people = json_array_size(json_object_get(o, "people"));
		json_decref(o);
		if (people == 1)
			break;
	} while (true);
	line_free(&la);
	line_free(&lb);
	tear_down(&a, &b);
}
END_TEST

START_TEST(test_who_says_too_much_at_once_or_nonsense_is_told_so) {
	struct guest g;
	struct line l;
	static char longest[6000];
	START();
	set_up();
	guest_connect(&g, "chat", &l);
	say(&l, "nonsense");
	expect(&l, "error");
	say(&l, "{\"type\":\"name\",\"name\":\"  \"}");
	expect(&l, "error");
	snprintf(longest, sizeof longest, "{\"type\":\"say\",\"text\":\"%05000d\"}", 7);
	say(&l, longest);
	expect(&l, "error");
	for (int i = 0; i < 40; i++)
		say(&l, "{\"type\":\"say\",\"text\":\"x\"}");
	expect(&l, "error");
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void hash_text(const void *data, size_t len, char hex[65]) {
	uint8_t digest[CRYPTO_SHA256_SIZE];
	crypto_sha256 *h = crypto_sha256_new();
	ck_assert(crypto_sha256_update(h, data, len) && crypto_sha256_final(h, digest));
	crypto_sha256_free(h);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

START_TEST(test_a_file_goes_up_is_listed_and_comes_down_the_same) {
	struct guest g;
	struct line list, up, down;
	enum { SIZE = 3000000, PIECE = 60000 };
	static char data[SIZE];
	char hex[65];
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)(i * 7 + i / 1000);
	hash_text(data, SIZE, hex);
	START("--files", make_folder());
	set_up();
	guest_connect(&g, "files", &list);
	json_t *o = next_json(&list, "files");
	ck_assert(json_is_true(json_object_get(o, "enabled")));
	ck_assert_uint_eq(json_array_size(json_object_get(o, "files")), 0);
	json_decref(o);

	open_line(&g, "upload", &up);
	UNTIL(up.open);
	sluice_channel_set_high_water(up.channel, 2 * SIZE);
	say(&up, "{\"type\":\"upload\",\"name\":\"a b.bin\",\"size\":3000000}");
	expect(&up, "ready");
	for (size_t at = 0; at < SIZE; at += PIECE)
		ck_assert_int_eq(sluice_channel_send(up.channel, data + at, PIECE), 0);
	expect(&up, "progress");
	o = next_json(&up, "done");
	ck_assert_str_eq(text_of(o, "sha256"), hex);
	ck_assert_int_eq(number_of(o, "bytes"), SIZE);
	json_decref(o);
	o = next_json(&list, "files");
	ck_assert_str_eq(text_of(json_array_get(json_object_get(o, "files"), 0), "name"), "a b.bin");
	json_decref(o);

	open_line(&g, "download", &down);
	UNTIL(down.open);
	say(&down, "{\"type\":\"download\",\"name\":\"a b.bin\"}");
	o = next_json(&down, "begin");
	ck_assert_int_eq(number_of(o, "size"), SIZE);
	json_decref(o);
	o = next_json(&down, "done");
	ck_assert_str_eq(text_of(o, "sha256"), hex);
	json_decref(o);
	ck_assert_uint_eq(binary_bytes(&down), SIZE);
	size_t at = 0;
	for (size_t i = 0; i < down.count; i++) {
		if (down.got[i].text)
			continue;
		ck_assert_mem_eq(down.got[i].bytes, data + at, down.got[i].len);
		at += down.got[i].len;
	}
	line_free(&list);
	line_free(&up);
	line_free(&down);
	tear_down(&g, NULL);
}
END_TEST

/* Asks on a new channel, and expects an error and the end of it. */
static void expect_refusal(struct guest *g, const char *label, const char *ask) {
	struct line l;
	open_line(g, label, &l);
	UNTIL(l.open);
	say(&l, ask);
	expect(&l, "error");
	UNTIL(l.closed);
	line_free(&l);
}

START_TEST(test_files_that_are_wrong_or_too_much_are_refused) {
	struct guest g;
	struct line l, up;
	START("--files", make_folder(), "--max-file", "1000");
	set_up();
	guest_connect(&g, "files", &l);
	expect_refusal(&g, "upload", "{\"type\":\"upload\",\"name\":\"a\",\"size\":1001}");
	expect_refusal(&g, "upload", "{\"type\":\"upload\",\"name\":\"../a\",\"size\":1}");
	expect_refusal(&g, "upload", "{\"type\":\"upload\",\"name\":\"a\",\"size\":-1}");
	expect_refusal(&g, "upload", "{\"type\":\"upload\",\"name\":\"a\"}");
	expect_refusal(&g, "upload", "nonsense");
	expect_refusal(&g, "download", "{\"type\":\"download\",\"name\":\"none\"}");
	expect_refusal(&g, "download", "{\"type\":\"download\",\"name\":\"../../etc/passwd\"}");
	expect_refusal(&g, "download", "[]");
	open_line(&g, "upload", &up);
	UNTIL(up.open);
	say(&up, "{\"type\":\"upload\",\"name\":\"a\",\"size\":5}");
	ck_assert_int_eq(sluice_channel_send(up.channel, "123456", 6), 0);
	expect(&up, "error");
	UNTIL(up.closed);
	line_free(&l);
	line_free(&up);
	ck_assert_int_eq(rmdir(server.folder), 0); /* nothing is left in it */
	tear_down(&g, NULL);
}
END_TEST

START_TEST(test_without_a_folder_there_are_no_files) {
	struct guest g;
	struct line l;
	START();
	set_up();
	guest_connect(&g, "files", &l);
	json_t *o = next_json(&l, "files");
	ck_assert(json_is_false(json_object_get(o, "enabled")));
	json_decref(o);
	expect_refusal(&g, "upload", "{\"type\":\"upload\",\"name\":\"a\",\"size\":1}");
	expect_refusal(&g, "download", "{\"type\":\"download\",\"name\":\"a\"}");
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

START_TEST(test_a_peer_that_goes_in_the_middle_of_an_upload_leaves_nothing) {
	struct guest a, b;
	struct line up, l;
	START("--files", make_folder());
	set_up();
	guest_connect(&a, "upload", &up);
	say(&up, "{\"type\":\"upload\",\"name\":\"a\",\"size\":1000}");
	expect(&up, "ready");
	ck_assert_int_eq(sluice_channel_send(up.channel, "some", 4), 0);
	sluice_peer_close(a.peer);
	UNTIL(a.state == SLUICE_PEER_CLOSED);
	guest_connect(&b, "files", &l);
	expect(&l, "files");
	ck_assert_int_eq(rmdir(server.folder), 0);
	line_free(&up);
	line_free(&l);
	tear_down(&a, &b);
}
END_TEST

/* ---- throughput and statistics ----------------------------------------------------------------------------------- */

START_TEST(test_throughput_counts_the_same_bytes_on_both_sides) {
	struct guest g;
	struct line l;
	static char piece[65536];
	START();
	set_up();
	guest_connect(&g, "throughput", &l);
	say(&l, "{\"type\":\"down\",\"seconds\":0.3,\"size\":16384}");
	json_t *o = next_json(&l, "done");
	ck_assert_str_eq(text_of(o, "direction"), "down");
	ck_assert_int_gt(number_of(o, "bytes"), 0);
	ck_assert_int_eq(number_of(o, "bytes"), (json_int_t)binary_bytes(&l));
	json_decref(o);
	say(&l, "{\"type\":\"up\"}");
	for (int i = 0; i < 12; i++)
		ck_assert_int_eq(sluice_channel_send(l.channel, piece, sizeof piece), 0);
	say(&l, "{\"type\":\"end\"}");
	o = next_json(&l, "done");
	ck_assert_str_eq(text_of(o, "direction"), "up");
	ck_assert_int_eq(number_of(o, "bytes"), 12 * 65536);
	json_decref(o);
	/* Cut short, and what is out of range. */
	say(&l, "{\"type\":\"down\",\"seconds\":60,\"size\":1000}");
	say(&l, "{\"type\":\"stop\"}");
	expect(&l, "done");
	say(&l, "{\"type\":\"down\",\"seconds\":61,\"size\":1000}");
	expect(&l, "error");
	say(&l, "{\"type\":\"down\",\"seconds\":1,\"size\":262145}");
	expect(&l, "error");
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

START_TEST(test_samples_of_the_association_come_by_themselves_and_the_report_when_asked) {
	struct guest g;
	struct line l;
	START();
	set_up();
	guest_connect(&g, "stats", &l);
	UNTIL(l.count >= 3);
	json_t *o = next_json(&l, "sample");
	ck_assert_int_gt(number_of(o, "cwnd"), 0);
	ck_assert_ptr_nonnull(json_string_value(json_object_get(o, "control")));
	ck_assert(json_is_integer(json_object_get(o, "tailProbes")));
	ck_assert_str_eq(text_of(json_object_get(o, "path"), "local"), "127.0.0.1");
	json_decref(o);
	say(&l, "{\"type\":\"report\"}");
	o = next_json(&l, "report");
	ck_assert_uint_gt(json_object_size(json_object_get(o, "report")), 3);
	json_decref(o);
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

/* ---- who asks too much ----------------------------------------------------------------------------------------------- */

static unsigned count_type(const struct line *l, const char *type) {
	unsigned count = 0;
	for (size_t i = 0; i < l->count; i++) {
		json_t *o = l->got[i].text ? json_loadb(l->got[i].bytes, l->got[i].len, 0, NULL) : NULL;
		count += o && strcmp(text_of(o, "type"), type) == 0;
		json_decref(o);
	}
	return count;
}

START_TEST(test_reports_are_made_once_a_second_however_often_they_are_asked_for) {
	struct guest g;
	struct line l;
	START();
	set_up();
	guest_connect(&g, "stats", &l);
	double begin = ev_time();
	for (int i = 0; i < 2000; i++)
		say(&l, "{\"type\":\"report\"}");
	UNTIL(count_type(&l, "report") >= 2 && count_type(&l, "error") > 0 && count_type(&l, "sample") > 8);
	ck_assert_uint_le(count_type(&l, "report"), 3 + (unsigned)(ev_time() - begin));
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

/* Each opening of the chat would make a list of people for each listener. */
START_TEST(test_a_chat_that_is_opened_over_and_over_makes_few_messages) {
	struct guest a, b;
	struct line first, again;
	START();
	set_up();
	guest_connect(&a, "chat", &first);
	guest_connect(&b, "echo", &again);
	json_decref(next_json(&first, "people"));
	double begin = ev_time();
	size_t before = first.count;
	unsigned opened = 0;
	for (int i = 0; i < 40; i++) {
		line_free(&again);
		open_line(&b, "chat", &again);
		UNTIL(again.open);
		sluice_channel_close(again.channel);
		UNTIL(again.closed);
		opened += count_type(&again, "welcome");
	}
	double seconds = ev_time() - begin;
	ck_assert_uint_le(opened, 5 + (unsigned)seconds + 1);
	ck_assert_uint_le(first.count - before, (size_t)(seconds * 10) + 2);
	line_free(&first);
	line_free(&again);
	tear_down(&a, &b);
}
END_TEST

/* ---- from one to another ----------------------------------------------------------------------------------------- */

START_TEST(test_a_file_passes_from_one_to_another_once_it_is_accepted) {
	struct guest a, b;
	struct line out, chat;
	static char piece[65536];
	START();
	set_up();
	guest_connect(&b, "chat", &chat);
	guest_connect(&a, "relay", &out);
	say(&out, "{\"type\":\"offer\",\"to\":1,\"name\":\"a\\u202etxt.\\u009bb\",\"size\":6553600}");
	json_t *o = next_json(&b.offered, "offer");
	ck_assert_str_eq(text_of(o, "name"), "a_txt._b"); /* an override and a C1 control */
	ck_assert_str_eq(text_of(o, "fromName"), "guest 2");
	ck_assert_int_eq(number_of(o, "size"), 6553600);
	json_decref(o);
	say(&b.offered, "{\"type\":\"accept\"}");
	expect(&out, "accept");
	sluice_channel_set_high_water(out.channel, 64 << 20);
	sluice_channel_pause(b.offered.channel); /* what comes has to wait on the way */
	for (int i = 0; i < 100; i++) {
		memset(piece, i, sizeof piece);
		ck_assert_int_eq(sluice_channel_send(out.channel, piece, sizeof piece), 0);
	}
	for (int i = 0; i < 200; i++)
		ev_run(sluice_loop_ev(loop), EVRUN_NOWAIT);
	sluice_channel_resume(b.offered.channel);
	UNTIL(binary_bytes(&b.offered) == 6553600);
	ck_assert_int_eq((uint8_t)b.offered.got[b.offered.count - 1].bytes[0], 99);
	say(&b.offered, "{\"type\":\"done\"}");
	expect(&out, "done");
	sluice_channel_close(out.channel);
	UNTIL(b.offered.closed);
	line_free(&out);
	line_free(&chat);
	line_free(&b.offered);
	tear_down(&a, &b);
}
END_TEST

START_TEST(test_an_offer_to_nobody_or_to_oneself_is_refused) {
	struct guest g;
	struct line l;
	START();
	set_up();
	guest_connect(&g, "chat", &l);
	expect_refusal(&g, "relay", "{\"type\":\"offer\",\"to\":77,\"name\":\"a\",\"size\":1}");
	expect_refusal(&g, "relay", "{\"type\":\"offer\",\"to\":1,\"name\":\"a\",\"size\":1}");
	expect_refusal(&g, "relay", "{\"type\":\"offer\",\"to\":1,\"name\":\"\",\"size\":1}");
	expect_refusal(&g, "relay", "{\"type\":\"accept\"}");
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

/* ---- the end ----------------------------------------------------------------------------------------------------- */

START_TEST(test_delete_ends_the_connection_in_order) {
	struct guest g;
	struct line l;
	char answer[4096];
	START();
	set_up();
	guest_connect(&g, "echo", &l);
	ck_assert_int_eq(http("DELETE", g.location, "text/plain", "", answer, sizeof answer), 204);
	UNTIL(g.state == SLUICE_PEER_CLOSED);
	ck_assert(l.closed);
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

START_TEST(test_a_peer_that_says_nothing_is_closed) {
	struct guest g;
	struct line l;
	START("--idle", "1");
	set_up();
	guest_connect(&g, "echo", &l);
	UNTIL(g.state == SLUICE_PEER_CLOSED);
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

START_TEST(test_an_ice_restart_over_the_same_url_keeps_the_channel) {
	struct guest g;
	struct line l;
	char path[64];
	START();
	set_up();
	guest_connect(&g, "echo", &l);
	strcpy(path, g.location);
	ck_assert_int_eq(sluice_peer_restart_ice(g.peer), 0);
	negotiate(&g, path, 200);
	ck_assert_str_eq(g.location, path);
	for (int i = 0; i < 50; i++) {
		say(&l, "still there");
		UNTIL(l.count == (size_t)i + 1);
	}
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

START_TEST(test_an_ice_lite_server_is_reached) {
	struct guest g;
	struct line l;
	START("--lite");
	set_up();
	guest_connect(&g, "echo", &l);
	say(&l, "hello");
	UNTIL(l.count == 1);
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

START_TEST(test_ctrl_c_tells_those_who_are_connected) {
	struct guest g;
	struct line l;
	START();
	set_up();
	guest_connect(&g, "echo", &l);
	ck_assert_int_eq(kill(server.pid, SIGINT), 0);
	server.told = true;
	UNTIL(g.state == SLUICE_PEER_CLOSED || g.state == SLUICE_PEER_FAILED);
	line_free(&l);
	tear_down(&g, NULL);
}
END_TEST

SUITE("serve_peer", test_reports_are_made_once_a_second_however_often_they_are_asked_for,
      test_a_chat_that_is_opened_over_and_over_makes_few_messages, test_every_message_on_an_unknown_label_comes_back_as_it_was,
      test_an_echo_of_more_than_the_buffers_hold_is_held_back_and_complete, test_what_one_says_reaches_all_under_the_name_it_took,
      test_who_says_too_much_at_once_or_nonsense_is_told_so, test_a_file_goes_up_is_listed_and_comes_down_the_same,
      test_files_that_are_wrong_or_too_much_are_refused, test_without_a_folder_there_are_no_files,
      test_a_peer_that_goes_in_the_middle_of_an_upload_leaves_nothing, test_throughput_counts_the_same_bytes_on_both_sides,
      test_samples_of_the_association_come_by_themselves_and_the_report_when_asked,
      test_a_file_passes_from_one_to_another_once_it_is_accepted, test_an_offer_to_nobody_or_to_oneself_is_refused,
      test_delete_ends_the_connection_in_order, test_a_peer_that_says_nothing_is_closed,
      test_an_ice_restart_over_the_same_url_keeps_the_channel, test_an_ice_lite_server_is_reached,
      test_ctrl_c_tells_those_who_are_connected)
