/* Does `sluice echo --stdio` send back every message as it came, to a peer of ours that talks to it through its two pipes? */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/ev.h"
#include "sluice.h"
#include "suite.h"
#include "tools/signalling.h"

/* ---- the other process ------------------------------------------------------------------------------------------------ */

static struct child {
	pid_t pid;
	int in, out; /* its stdin and stdout */
	char line[SIGNAL_MAX];
	size_t len;
} child;

static void start_child(const char *const *options) {
	int in[2], out[2];
	const char *folder = getenv("OUT");
	char path[400];
	const char *argv[16] = {"sluice", "echo", "--stdio", "--bind", "127.0.0.1"};
	size_t count = 5;
	snprintf(path, sizeof path, "%s/sluice", folder ? folder : "build/gcc");
	while (*options)
		argv[count++] = *options++;
	ck_assert(pipe(in) == 0 && pipe(out) == 0);
	child.pid = fork();
	if (child.pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execv(path, (char *const *)(void *)argv);
		_exit(99);
	}
	close(in[0]);
	close(out[1]);
	child.in = in[1];
	child.out = out[0];
	child.len = 0;
}

static void tell_child(const char *line) {
	ck_assert_int_eq(write(child.in, line, strlen(line)), (ssize_t)strlen(line));
	ck_assert_int_eq(write(child.in, "\n", 1), 1);
}

static void send_child(enum signal_kind kind, const char *text) {
	char *json = signal_encode(kind, text, NULL);
	tell_child(json);
	free(json);
}

/* ---- our peer ---------------------------------------------------------------------------------------------------------- */

#define MAX_SEEN 20000

static struct ours {
	sluice_env *env;
	sluice_loop *loop;
	struct ev_loop *ev;
	sluice_peer *peer;
	sluice_channel *channel;
	bool open, closed, text_next, connected, ended, restarted;
	size_t seen, to_send, sent;
	size_t sizes[MAX_SEEN];
	bool texts[MAX_SEEN];
	size_t wrong;
} us;

static uint8_t pattern[70000];

/* Message i: its size and whether it is text follow from i, its bytes from both. */
static size_t size_of(size_t i) {
	static const size_t sizes[] = {0, 1, 2, 17, 1000, 1199, 5000, 0, 65536};
	return sizes[i % (us.to_send > 5000 ? 4 : 9)];
}
static bool is_text(size_t i) {
	return i % 3 == 1;
}

static void send_more(void) {
	while (us.channel && us.open && us.sent < us.to_send) {
		size_t len = size_of(us.sent);
		const uint8_t *from = pattern + us.sent % 251;
		int error = is_text(us.sent) ? sluice_channel_send_text(us.channel, (const char *)from, len)
		                             : sluice_channel_send(us.channel, from, len);
		if (error == SLUICE_WOULD_BLOCK)
			return;
		ck_assert_int_eq(error, 0);
		us.sent++;
	}
}

static void on_open(sluice_channel *ch, void *user) {
	(void)ch;
	(void)user;
	us.open = true;
	send_more();
}

static void on_writable(sluice_channel *ch, void *user) {
	(void)ch;
	(void)user;
	send_more();
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	(void)user;
	size_t i = us.seen++;
	bool same = m->len == size_of(i) && text == is_text(i) && memcmp(sluice_message_data(m), pattern + i % 251, m->len) == 0;
	us.wrong += !same;
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)ch;
	(void)user;
	ck_assert_int_eq(error, 0);
	ck_assert_uint_eq(lost, 0);
	us.closed = true;
	us.channel = NULL;
}

static const sluice_channel_callbacks callbacks = {
	.on_open = on_open, .on_message = on_message, .on_writable = on_writable, .on_closed = on_closed};

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	(void)user;
	size_t len;
	const char *label = sluice_channel_label(ch, &len);
	ck_assert(len == 4 && memcmp(label, "echo", len) == 0);
	us.channel = ch;
	sluice_channel_set_callbacks(ch, &callbacks, NULL);
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p;
	(void)user;
	us.connected |= state == SLUICE_PEER_CONNECTED;
	us.ended |= state == SLUICE_PEER_CLOSED || state == SLUICE_PEER_FAILED;
}

static void make_peer(void) {
	sluice_peer_config config;
	sluice_gather_config gather = {.size = sizeof gather, .loopback = true};
	memset(&us, 0, sizeof us);
	for (size_t i = 0; i < sizeof pattern; i++)
		pattern[i] = (uint8_t)('a' + i % 23);
	ck_assert_int_eq(sluice_env_new(NULL, &us.env), 0);
	ck_assert_int_eq(sluice_loop_new(us.env, NULL, &us.loop), 0);
	us.ev = sluice_loop_ev(us.loop);
	sluice_peer_config_init(&config);
	config.on_state = on_state;
	config.on_channel = on_channel;
	ck_assert_int_eq(sluice_peer_new(us.env, &config, &us.peer), 0);
	ck_assert_int_eq(sluice_loop_gather(us.loop, us.peer, &gather), 0);
}

static void open_channel(bool unordered) {
	sluice_channel_config config = {.label = "x", .id = -1, .unordered = unordered, .callbacks = callbacks};
	us.closed = us.open = false;
	us.seen = us.sent = 0;
	ck_assert_int_eq(sluice_peer_open_channel(us.peer, &config, &us.channel), 0);
}

static void free_peer(void) {
	sluice_peer_free(us.peer);
	sluice_loop_free(us.loop);
	sluice_env_free(us.env);
}

/* True when the child says something, or is gone. */
static bool turn(void) {
	ev_run(us.ev, EVRUN_NOWAIT);
	struct pollfd p = {.fd = child.out, .events = POLLIN};
	return poll(&p, 1, 1) > 0;
}

/* Closes its stdin and waits; returns its exit code. Nothing more may be on its stdout. */
static int end_child(void) {
	int status;
	char more;
	close(child.in);
	while (!turn())
		;
	ck_assert_int_eq(read(child.out, &more, 1), 0);
	close(child.out);
	ck_assert_int_eq(waitpid(child.pid, &status, 0), child.pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define WAIT_FOR(condition)                                                                                                      \
	do {                                                                                                                     \
		for (double until_ = ev_time() + 30; !(condition);) {                                                            \
			ck_assert_msg(ev_time() < until_, "in vain: %s", #condition);                                            \
			turn();                                                                                                  \
		}                                                                                                                \
	} while (0)

/* One line of the child's stdout, while our peer goes on. */
static struct signal_message read_child(void) {
	struct signal_message m;
	char *end;
	for (double until = ev_time() + 20; !(end = memchr(child.line, '\n', child.len));) {
		ck_assert(ev_time() < until);
		if (!turn())
			continue;
		ssize_t n = read(child.out, child.line + child.len, sizeof child.line - child.len);
		ck_assert_int_gt(n, 0);
		child.len += (size_t)n;
	}
	ck_assert_ptr_null(signal_decode(child.line, (size_t)(end - child.line), &m));
	child.len -= (size_t)(end + 1 - child.line);
	memmove(child.line, end + 1, child.len);
	return m;
}

static void send_our_description(enum signal_kind kind) {
	char *sdp = malloc(SLUICE_SDP_MAX);
	enum sluice_sdp_type type = 0;
	ck_assert_int_eq(sluice_peer_set_local_description(us.peer, 0, NULL), 0);
	WAIT_FOR(sluice_peer_gathering_state(us.peer) == SLUICE_GATHERING_COMPLETE);
	ck_assert_int_gt(sluice_peer_local_description(us.peer, &type, sdp, SLUICE_SDP_MAX), 0);
	ck_assert_int_eq(type, kind == SIGNAL_OFFER ? SLUICE_SDP_OFFER : SLUICE_SDP_ANSWER);
	send_child(kind, sdp);
	free(sdp);
}

static void take_child_description(enum signal_kind kind) {
	struct signal_message m = read_child();
	ck_assert_int_eq(m.kind, kind);
	ck_assert_ptr_nonnull(strstr(m.text, "a=candidate:")); /* inside, as nothing follows */
	ck_assert_int_eq(sluice_peer_set_remote_description(us.peer, kind == SIGNAL_OFFER ? SLUICE_SDP_OFFER : SLUICE_SDP_ANSWER,
	                                                    m.text, strlen(m.text)),
	                 0);
	free(m.text);
}

static void offer_to_child(void) {
	static const char *const options[] = {"--answer", NULL};
	make_peer();
	start_child(options);
	open_channel(false);
	send_our_description(SIGNAL_OFFER);
	take_child_description(SIGNAL_ANSWER);
}

static void all_come_back(void) {
	WAIT_FOR(us.seen == us.to_send);
	ck_assert_uint_eq(us.wrong, 0);
}

/* ---- tests --------------------------------------------------------------------------------------------------------------- */

START_TEST(test_every_kind_of_message_comes_back_from_the_one_that_answers) {
	offer_to_child();
	us.to_send = 90;
	all_come_back();
	ck_assert_int_eq(end_child(), 0);
	WAIT_FOR(us.ended);
	ck_assert_int_eq(sluice_peer_state(us.peer), SLUICE_PEER_CLOSED);
	free_peer();
}
END_TEST

START_TEST(test_every_kind_of_message_comes_back_from_the_one_that_offers) {
	static const char *const options[] = {"--offer", NULL};
	make_peer();
	start_child(options);
	us.to_send = 90;
	take_child_description(SIGNAL_OFFER);
	send_our_description(SIGNAL_ANSWER);
	all_come_back();
	ck_assert_int_eq(end_child(), 0);
	free_peer();
}
END_TEST

START_TEST(test_ten_thousand_small_messages_keep_their_order) {
	offer_to_child();
	us.to_send = 10000;
	all_come_back();
	ck_assert_int_eq(end_child(), 0);
	free_peer();
}
END_TEST

/* We read nothing for a while: what comes back has nowhere to go, and none of it may be lost. */
START_TEST(test_what_is_not_read_waits) {
	offer_to_child();
	WAIT_FOR(us.open);
	sluice_channel_pause(us.channel);
	us.to_send = 2700; /* 22 MB: more than windows and send buffers grow to */
	send_more();
	for (double until = ev_time() + 1; ev_time() < until;)
		turn();
	ck_assert_uint_eq(us.seen, 0);
	ck_assert_uint_lt(us.sent, 2700);
	sluice_channel_resume(us.channel);
	all_come_back();
	ck_assert_int_eq(end_child(), 0);
	free_peer();
}
END_TEST

START_TEST(test_a_closed_channel_is_closed_back_and_another_may_follow) {
	offer_to_child();
	for (int i = 0; i < 3; i++) {
		us.to_send = 9;
		all_come_back();
		sluice_channel_close(us.channel);
		WAIT_FOR(us.closed);
		open_channel(i == 1);
		WAIT_FOR(us.open);
		us.to_send = 0;
	}
	ck_assert_int_eq(end_child(), 0);
	free_peer();
}
END_TEST

START_TEST(test_an_ice_restart_is_answered) {
	offer_to_child();
	us.to_send = 9;
	all_come_back();
	ck_assert_int_eq(sluice_peer_restart_ice(us.peer), 0);
	send_our_description(SIGNAL_OFFER);
	take_child_description(SIGNAL_ANSWER);
	us.to_send = 18;
	send_more();
	all_come_back();
	ck_assert_int_eq(end_child(), 0);
	free_peer();
}
END_TEST

START_TEST(test_candidates_may_come_one_by_one) {
	static const char *const options[] = {"--answer", "--trickle", NULL};
	make_peer();
	start_child(options);
	open_channel(false);
	us.to_send = 9;
	send_our_description(SIGNAL_OFFER);
	bool described = false, ended = false;
	while (!ended) {
		struct signal_message m = read_child();
		if (m.kind == SIGNAL_ANSWER) {
			described = true;
			ck_assert_int_eq(sluice_peer_set_remote_description(us.peer, SLUICE_SDP_ANSWER, m.text, strlen(m.text)),
			                 0);
		} else {
			ck_assert(described);
			ended = !*m.text;
			ck_assert_int_eq(sluice_peer_add_remote_candidate(us.peer, m.text), 0);
		}
		free(m.text);
	}
	send_child(SIGNAL_CANDIDATE, "candidate:1 1 udp 1 127.0.0.1 9 typ host"); /* of no use, and no harm */
	send_child(SIGNAL_CANDIDATE, "");
	all_come_back();
	ck_assert_int_eq(end_child(), 0);
	free_peer();
}
END_TEST

START_TEST(test_a_line_that_cannot_be_used_ends_it) {
	static const char *const options[] = {"--answer", NULL};
	static const char *const lines[] = {"hello", "{}", "{\"type\":\"offer\",\"sdp\":\"v=1\"}",
	                                    "{\"type\":\"answer\",\"sdp\":\"v=0\"}"};
	make_peer();
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		start_child(options);
		tell_child(lines[i]);
		ck_assert_int_eq(end_child(), 1);
	}
	start_child(options); /* and the end of its input at once is no failure */
	ck_assert_int_eq(end_child(), 0);
	free_peer();
}
END_TEST

START_TEST(test_it_ends_when_the_other_side_does) {
	offer_to_child();
	WAIT_FOR(us.connected);
	sluice_peer_close(us.peer);
	WAIT_FOR(us.ended);
	int status = -1;
	for (double until = ev_time() + 10; waitpid(child.pid, &status, WNOHANG) == 0 && ev_time() < until;)
		turn();
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	close(child.in);
	close(child.out);
	free_peer();
}
END_TEST

START_TEST(test_a_signal_ends_it_in_order) {
	offer_to_child();
	us.to_send = 9;
	all_come_back();
	kill(child.pid, SIGINT);
	WAIT_FOR(us.ended);
	ck_assert_int_eq(sluice_peer_state(us.peer), SLUICE_PEER_CLOSED);
	ck_assert_int_eq(end_child(), 130);
	free_peer();
}
END_TEST

SUITE("echo", test_every_kind_of_message_comes_back_from_the_one_that_answers,
      test_every_kind_of_message_comes_back_from_the_one_that_offers, test_ten_thousand_small_messages_keep_their_order,
      test_what_is_not_read_waits, test_a_closed_channel_is_closed_back_and_another_may_follow, test_an_ice_restart_is_answered,
      test_candidates_may_come_one_by_one, test_a_line_that_cannot_be_used_ends_it, test_it_ends_when_the_other_side_does,
      test_a_signal_ends_it_in_order)
