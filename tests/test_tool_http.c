/* Does an HTTP request of the tool (fetch.h) know where an answer ends, refuse what is none, and go where the URL says and
 * nowhere else? A server in the test says what the table holds. */
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/ev.h"
#include "suite.h"
#include "tools/fetch.h"

static struct server {
	int listener;
	unsigned port;
	const char *says;
	bool stays; /* it does not hang up */
	char asked[4096];
} server;

static void open_server(void) {
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;
	server.listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(server.listener, (struct sockaddr *)&in, len) | listen(server.listener, 4), 0);
	getsockname(server.listener, (struct sockaddr *)&in, &len);
	server.port = ntohs(in.sin_port);
}

/* One connection: reads the request's head, answers in two pieces. */
static void *serve_one(void *ctx) {
	(void)ctx;
	int fd = accept(server.listener, NULL, NULL);
	size_t len = 0;
	server.asked[0] = 0;
	while (!strstr(server.asked, "\r\n\r\n")) {
		ssize_t n = recv(fd, server.asked + len, sizeof server.asked - 1 - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
		server.asked[len] = 0;
	}
	size_t all = strlen(server.says), half = all / 2;
	send(fd, server.says, half, MSG_NOSIGNAL);
	usleep(2000);
	send(fd, server.says + half, all - half, MSG_NOSIGNAL);
	char more;
	while (server.stays && recv(fd, &more, 1, 0) > 0)
		; /* until the client hangs up */
	close(fd);
	return NULL;
}

static struct {
	int calls, status;
	char body[400], word[8];
} got;

static void on_done(void *ctx, const struct fetch_answer *answer) {
	got.calls++;
	got.status = answer->status;
	ck_assert_uint_eq(strlen(answer->body), answer->len);
	snprintf(got.body, sizeof got.body, "%s", answer->body);
	fetch_header(answer, "x-word", got.word, sizeof got.word);
	ev_break(ctx, EVBREAK_ALL);
}

static void ask(const char *says, bool stays) {
	char url[48];
	pthread_t thread;
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	memset(&got, 0, sizeof got);
	server.says = says;
	server.stays = stays;
	ck_assert_int_eq(pthread_create(&thread, NULL, serve_one, NULL), 0);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/a/b", server.port);
	const struct fetch_request request = {.method = "PUT", .url = url, .headers = {"If-None-Match: *"}, .body = "body"};
	ck_assert_ptr_nonnull(fetch_start(ev, &request, on_done, ev));
	ev_run(ev, 0);
	ck_assert_int_eq(got.calls, 1);
	pthread_join(thread, NULL);
	ev_loop_destroy(ev);
}

START_TEST(test_answers_end_where_they_should) {
	static const struct {
		const char *says;
		bool stays;
		int status; /* 0: no answer, body is a part of the reason */
		const char *body;
	} answers[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true, 200, "hello"},
		{"HTTP/1.0 200 OK\r\ncontent-length:5\r\n\r\nhello and more", false, 200, "hello"},
		{"HTTP/1.0 404 Not Found\r\n\r\nuntil the end", false, 404, "until the end"},
		{"HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n", true, 204, ""},
		{"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", true, 201, ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", false, 0, "cut"},
		{"HTTP/1.1 200 OK\r\nContent-Le", false, 0, "cut"},
		{"SSH-2.0-x\r\n\r\n", false, 0, "not HTTP"},
		{"HTTP/1.1 9 x\r\n\r\n", false, 0, "not HTTP"},
		{"", false, 0, "without an answer"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true, 200, "hello"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", false, 0, "cut"},
		{"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", true, 302, ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", true, 0, "too long"},
	};
	open_server();
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		ask(answers[i].says, answers[i].stays);
		ck_assert_msg(got.status == answers[i].status, "%zu: %d", i, got.status);
		if (got.status)
			ck_assert_str_eq(got.body, answers[i].body);
		else
			ck_assert_msg(strstr(got.body, answers[i].body) != NULL, "%zu: %s", i, got.body);
	}
	ck_assert_ptr_nonnull(strstr(server.asked, "PUT /a/b HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(server.asked, "\r\nIf-None-Match: *\r\n"));
	ck_assert_ptr_nonnull(strstr(server.asked, "\r\nContent-Length: 4\r\n"));
	close(server.listener);
}
END_TEST

START_TEST(test_an_endless_answer_is_given_up) {
	char *endless = malloc(200001);
	memset(endless, 'x', 200000);
	endless[200000] = 0;
	memcpy(endless, "HTTP/1.0 200 OK\r\n\r\n", 19);
	open_server();
	ask(endless, false);
	ck_assert_int_eq(got.status, 0);
	ck_assert_ptr_nonnull(strstr(got.body, "too long"));
	free(endless);
	close(server.listener);
}
END_TEST

START_TEST(test_an_endless_head_is_given_up) {
	char *endless = malloc(200001), *at = endless + sprintf(endless, "HTTP/1.1 200 OK\r\n");
	while (at < endless + 199980)
		at += sprintf(at, "X-More: x\r\n");
	open_server();
	ask(endless, false);
	ck_assert_int_eq(got.status, 0);
	ck_assert_ptr_nonnull(strstr(got.body, "too long"));
	free(endless);
	close(server.listener);
}
END_TEST

START_TEST(test_an_endless_line_of_a_head_is_given_up) {
	char *endless = malloc(200001);
	memset(endless, 'x', 200000);
	endless[200000] = 0;
	memcpy(endless, "HTTP/1.1 200 OK\r\nX: ", 20);
	open_server();
	ask(endless, false);
	ck_assert_int_eq(got.status, 0);
	ck_assert_msg(strstr(got.body, "too long") != NULL, "%s", got.body);
	free(endless);
	close(server.listener);
}
END_TEST

/* No server is there for any of them: what was not refused would say that it cannot connect. Versions of libcurl differ in the
 * words for a protocol that is not allowed ("not supported", "disabled"). */
START_TEST(test_only_http_is_spoken_and_no_proxy_asked) {
	static const struct {
		const char *url, *reason;
	} urls[] = {
		{"file:///etc/passwd", "Protocol \"file\""},
		{"ftp://127.0.0.1:9/x", "Protocol \"ftp\""},
		{"http://name:password@127.0.0.1:9/x", "a password in it is not taken"},
		{"http://127.0.0.1:9/x", "refused"},
		{"https://127.0.0.1:9/x", "refused"},
	};
	open_server();
	char proxy[48]; /* it would accept, and never answer */
	snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", server.port);
	setenv("http_proxy", proxy, 1);
	setenv("https_proxy", proxy, 1);
	setenv("all_proxy", proxy, 1);
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
		memset(&got, 0, sizeof got);
		ck_assert_ptr_nonnull(fetch_start(ev, &(struct fetch_request){.method = "GET", .url = urls[i].url}, on_done, ev));
		ev_run(ev, 0);
		ck_assert_int_eq(got.status, 0);
		ck_assert_msg(strstr(got.body, urls[i].reason) != NULL, "%s: %s", urls[i].url, got.body);
		ev_loop_destroy(ev);
	}
	close(server.listener);
}
END_TEST

START_TEST(test_a_fetch_can_be_cancelled_at_any_time) {
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	const struct fetch_request request = {.method = "GET", .url = "http://127.0.0.1:9/x"};
	memset(&got, 0, sizeof got);
	fetch_cancel(NULL);
	fetch_cancel(fetch_start(ev, &request, on_done, ev));
	struct fetch *f = fetch_start(ev, &request, on_done, ev);
	ev_run(ev, EVRUN_NOWAIT);
	if (!got.calls)
		fetch_cancel(f);
	ck_assert_int_eq(ev_run(ev, EVRUN_NOWAIT), 0); /* nothing is watched any more */
	ev_loop_destroy(ev);
}
END_TEST

/* libcurl calls this one, and so it has to be visible. Each name server is silent until the test says otherwise. */
static sem_t lookup_begins, lookup_may_end;

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                                                       struct addrinfo **found) {
	(void)node;
	(void)service;
	(void)hints;
	*found = NULL;
	sem_post(&lookup_begins);
	sem_wait(&lookup_may_end);
	return EAI_AGAIN;
}

/* When it does, this test hangs until its time is over. */
START_TEST(test_a_cancel_does_not_wait_for_the_name_servers) {
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	sem_init(&lookup_begins, 0, 0);
	sem_init(&lookup_may_end, 0, 0);
	struct fetch *f = fetch_start(ev, &(struct fetch_request){.method = "GET", .url = "http://slow.test:9/x"}, on_done, ev);
	memset(&got, 0, sizeof got);
	for (int i = 0; sem_trywait(&lookup_begins) && i < 1000; i++, usleep(1000)) /* libcurl may have another resolver */
		ev_run(ev, EVRUN_NOWAIT);
	fetch_cancel(f);
	ck_assert_int_eq(got.calls, 0);
	ck_assert_int_eq(ev_run(ev, EVRUN_NOWAIT), 0);
	sem_post(&lookup_may_end);
	ev_loop_destroy(ev);
}
END_TEST

START_TEST(test_a_header_of_the_answer_is_found_by_its_name) {
	static const struct {
		const char *lines, *word;
	} rows[] = {
		{"X-Word: one\r\n", "one"},
		{"x-word:\ttwo \r\n", "two"},
		{"X-Wordy: no\r\nX-WORD: 3\r\n", "3"},
		{"X-Word: a\r\nX-Word: b\r\n", "a"},
		{"X-Word:\r\n", ""},
		{"Y: X-Word: no\r\n", ""},
		{"X-Word: toolong8\r\n", ""},
		{"X-Word: seven77\r\n", "seven77"},
	};
	open_server();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char says[200];
		snprintf(says, sizeof says, "HTTP/1.1 204 No\r\n%s\r\n", rows[i].lines);
		ask(says, false);
		ck_assert_msg(strcmp(got.word, rows[i].word) == 0, "%zu: '%s'", i, got.word);
	}
	close(server.listener);
}
END_TEST

START_TEST(test_a_reference_is_resolved_as_a_browser_would) {
	static const struct {
		const char *base, *reference, *url;
	} rows[] = {
		{"http://a.test:81/whip/x", "/whip/x/1", "http://a.test:81/whip/x/1"},
		{"http://a.test:81/whip/x", "x/1?y", "http://a.test:81/whip/x/1?y"},
		{"https://a.test/whip/x", "//b.test/1", "https://b.test/1"},
		{"http://a.test/whip/x", "https://b.test/1#part", "https://b.test/1"},
		{"http://a.test/a/b/c", "../d", "http://a.test/a/d"},
		{"http://[::1]:9/a", "/b", "http://[::1]:9/b"},
		{"http://a.test/", "/0123456789012345678901234567890", NULL},
		{"nonsense :", "/b", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char url[40] = "";
		bool good = fetch_resolve(rows[i].base, rows[i].reference, url, sizeof url);
		ck_assert_msg(good == (rows[i].url != NULL), "%zu: %s", i, url);
		if (good)
			ck_assert_str_eq(url, rows[i].url);
	}
}
END_TEST

SUITE("http", test_answers_end_where_they_should, test_an_endless_answer_is_given_up, test_an_endless_head_is_given_up,
      test_an_endless_line_of_a_head_is_given_up, test_only_http_is_spoken_and_no_proxy_asked,
      test_a_fetch_can_be_cancelled_at_any_time, test_a_cancel_does_not_wait_for_the_name_servers,
      test_a_header_of_the_answer_is_found_by_its_name, test_a_reference_is_resolved_as_a_browser_would)
