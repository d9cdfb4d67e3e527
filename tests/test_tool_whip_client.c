/* Does a client of WHIP and WHEP (tools/whip_client.h) bring its offer where the servers say, end the session that it got, answer
 * one that offers itself, and say in a sentence what went wrong? A server in the test answers one connection after the other with
 * what the test holds. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/ev.h"
#include "suite.h"
#include "tools/whip_client.h"

#define CONNECTIONS_MAX 8
#define CREATED "HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\nContent-Length: 6\r\nLocation: /s/1\r\n\r\nanswer"
#define ENDED "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static struct server {
	int listener;
	unsigned port;
	const char *const *says; /* one for each connection, NULL behind the last */
	char asked[CONNECTIONS_MAX][2048];
	pthread_t thread;
} server;

/* The request's head and as many bytes as it announces. */
static void read_request(int fd, char *asked, size_t size) {
	size_t len = 0, want = 1;
	while (len < want) {
		ssize_t n = recv(fd, asked + len, size - 1 - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
		asked[len] = 0;
		const char *end = strstr(asked, "\r\n\r\n"), *announced = strstr(asked, "Content-Length: ");
		want = end ? (size_t)(end + 4 - asked) + (announced ? strtoul(announced + 16, NULL, 10) : 0) : len + 1;
	}
}

static void *serve(void *ctx) {
	(void)ctx;
	for (size_t i = 0; server.says[i]; i++) {
		int fd = accept(server.listener, NULL, NULL);
		read_request(fd, server.asked[i], sizeof server.asked[i]);
		send(fd, server.says[i], strlen(server.says[i]), MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

static void open_server(const char *const *says) {
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;
	memset(&server, 0, sizeof server);
	server.says = says;
	server.listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(server.listener, (struct sockaddr *)&in, len) | listen(server.listener, 8), 0);
	getsockname(server.listener, (struct sockaddr *)&in, &len);
	server.port = ntohs(in.sin_port);
	ck_assert_int_eq(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

static void close_server(void) {
	pthread_join(server.thread, NULL);
	close(server.listener);
}

/* ---- one exchange -------------------------------------------------------------------------------------------------- */

static struct {
	unsigned answers, offers, failures, waits;
	char text[600];
	struct ev_loop *ev;
	struct whip_client *client;
} got;

static void on_answer(void *ctx, const char *sdp) {
	ck_assert_ptr_eq(ctx, &got);
	got.answers++;
	snprintf(got.text, sizeof got.text, "%s", sdp);
	ev_break(got.ev, EVBREAK_ALL);
}

/* The loop goes on for what the server says to the answer. */
static void on_offer(void *ctx, const char *sdp) {
	ck_assert_ptr_eq(ctx, &got);
	got.offers++;
	snprintf(got.text, sizeof got.text, "%s", sdp);
	whip_client_answer(got.client, "the answer");
}

static void on_failed(void *ctx, const char *why) {
	(void)ctx;
	got.failures++;
	snprintf(got.text, sizeof got.text, "%s", why);
	ev_break(got.ev, EVBREAK_ALL);
}

static void on_waiting(void *ctx) {
	(void)ctx;
	got.waits++;
}

/* Offers at /whip, and ends what came of it. */
static void exchange(unsigned port, const char *token, bool watching) {
	char url[64];
	const char *wrong = NULL;
	snprintf(url, sizeof url, "http://127.0.0.1:%u/whip", port);
	memset(&got, 0, sizeof got);
	got.ev = ev_loop_new(EVFLAG_AUTO);
	const struct whip_client_config config = {.url = url,
	                                          .token = token,
	                                          .watching = watching,
	                                          .on_answer = on_answer,
	                                          .on_offer = watching ? on_offer : NULL,
	                                          .on_failed = on_failed,
	                                          .on_waiting = on_waiting,
	                                          .ctx = &got};
	got.client = whip_client_new(got.ev, &config, &wrong);
	ck_assert_ptr_nonnull(got.client);
	whip_client_offer(got.client, "the offer");
	ev_run(got.ev, 0);
	whip_client_free(got.client);
	ev_loop_destroy(got.ev);
	ck_assert_uint_eq(got.answers + got.failures, got.offers ? got.failures : 1);
}

static void exchange_with(const char *const *says, const char *token, bool watching) {
	open_server(says);
	exchange(server.port, token, watching);
	close_server();
}

static void asked(size_t i, const char *part) {
	ck_assert_msg(strstr(server.asked[i], part) != NULL, "%zu: no '%s' in\n%s", i, part, server.asked[i]);
}

START_TEST(test_an_offer_is_posted_and_the_session_deleted) {
	const char *const says[] = {CREATED, ENDED, NULL};
	exchange_with(says, "s3cret", false);
	ck_assert_uint_eq(got.answers, 1);
	ck_assert_str_eq(got.text, "answer");
	asked(0, "POST /whip HTTP/1.1\r\n");
	asked(0, "\r\nContent-Type: application/sdp\r\n");
	asked(0, "\r\nAuthorization: Bearer s3cret\r\n");
	asked(0, "\r\n\r\nthe offer");
	asked(1, "DELETE /s/1 HTTP/1.1\r\n");
	asked(1, "\r\nAuthorization: Bearer s3cret\r\n");
	ck_assert_ptr_null(strstr(server.asked[1], "If-Match"));
}
END_TEST

/* RFC 9725, 4.7.1: without a token "the HTTP Authorization header field MUST NOT be sent in any request." */
START_TEST(test_without_a_token_none_is_sent) {
	const char *const says[] = {CREATED, ENDED, NULL};
	exchange_with(says, NULL, true);
	ck_assert_ptr_null(strstr(server.asked[0], "Authorization"));
	ck_assert_ptr_null(strstr(server.asked[1], "Authorization"));
}
END_TEST

START_TEST(test_redirects_are_followed_with_the_whole_offer) {
	const char *const says[] = {
		"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\nLocation: /other/\r\n\r\n",
		"HTTP/1.1 308 Permanent Redirect\r\nContent-Length: 0\r\nLocation: third\r\n\r\n",
		"HTTP/1.1 201 Created\r\nContent-Type: application/sdp; x=y\r\nLocation: sessions/9\r\n\r\nsdp", ENDED, NULL};
	exchange_with(says, "s3cret", false);
	ck_assert_uint_eq(got.answers, 1);
	asked(1, "POST /other/ HTTP/1.1\r\n");
	asked(2, "POST /other/third HTTP/1.1\r\n");
	asked(2, "\r\nAuthorization: Bearer s3cret\r\n");
	asked(2, "\r\n\r\nthe offer");
	asked(3, "DELETE /other/sessions/9 HTTP/1.1\r\n");
}
END_TEST

#define ROUND "HTTP/1.1 307 x\r\nContent-Length: 0\r\nLocation: /whip\r\n\r\n"

START_TEST(test_redirects_in_circles_end) {
	const char *const says[] = {ROUND, ROUND, ROUND, ROUND, ROUND, ROUND, NULL};
	exchange_with(says, NULL, false);
	ck_assert_uint_eq(got.failures, 1);
	ck_assert_ptr_nonnull(strstr(got.text, "circles"));
}
END_TEST

START_TEST(test_who_watches_waits_for_somebody_who_publishes) {
	const char *const says[] = {"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n",
	                            "HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n", CREATED, ENDED, NULL};
	exchange_with(says, NULL, true);
	ck_assert_uint_eq(got.answers, 1);
	ck_assert_uint_eq(got.waits, 2);
	asked(2, "\r\n\r\nthe offer");
}
END_TEST

START_TEST(test_what_went_wrong_is_said_in_a_sentence) {
	static const struct {
		const char *says, *token, *part;
	} rows[] = {
		{"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", NULL, "answers 302"},
		{"HTTP/1.1 307 x\r\nContent-Length: 0\r\n\r\n", NULL, "without a usable Location"},
		{"HTTP/1.1 307 x\r\nContent-Length: 0\r\nLocation: http://a b/\r\n\r\n", NULL, "without a usable Location"},
		{"HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\n\r\nanswer", NULL, "without a usable Location"},
		{"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\nRetry-After: 7\r\n\r\n", NULL, "after 7 s"},
		{"HTTP/1.1 503 x\r\nRetry-After: 30\r\n\r\nno place is free\r\nmore", NULL, "503: no place is free; another"},
		{"HTTP/1.1 500 x\r\nContent-Type: text/html\r\n\r\n<html>", NULL, "answers 500"},
		{"HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n", NULL, "asks for a token"},
		{"HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n", "wrong", "does not take this token"},
		{"HTTP/1.1 406 x\r\nContent-Type: application/sdp\r\n\r\nv=0", NULL, "an offer of its own"},
		{"HTTP/1.1 406 x\r\n\r\nno codec fits", NULL, "406: no codec fits"},
		{"HTTP/1.1 200 OK\r\nContent-Type: application/sdp\r\nLocation: /s\r\n\r\nanswer", NULL, "answers 200"},
		{"SSH-2.0-x\r\n", NULL, "cannot reach"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *const says[] = {rows[i].says, NULL};
		exchange_with(says, rows[i].token, false);
		ck_assert_msg(got.failures && strstr(got.text, rows[i].part), "%zu: %s", i, got.text);
		ck_assert_ptr_null(strstr(got.text, "wrong")); /* the token stays with us */
		ck_assert_ptr_null(strstr(got.text, "<html>"));
	}
}
END_TEST

#define COUNTER_OFFER                                                                                                            \
	"HTTP/1.1 406 Not Acceptable\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\nLocation: /s/1\r\n\r\noffer"

START_TEST(test_a_server_that_offers_itself_gets_an_answer) {
	const char *const says[] = {COUNTER_OFFER, "HTTP/1.1 204 No Content\r\n\r\n", ENDED, NULL};
	exchange_with(says, "s3cret", true);
	ck_assert_uint_eq(got.offers, 1);
	ck_assert_uint_eq(got.failures, 0);
	ck_assert_str_eq(got.text, "offer");
	asked(1, "PATCH /s/1 HTTP/1.1\r\n");
	asked(1, "\r\nContent-Type: application/sdp\r\n");
	asked(1, "\r\nAuthorization: Bearer s3cret\r\n");
	asked(1, "\r\n\r\nthe answer");
	asked(2, "DELETE /s/1 HTTP/1.1\r\n");
}
END_TEST

START_TEST(test_a_server_that_refuses_the_answer_to_its_offer_is_heard) {
	const char *const says[] = {COUNTER_OFFER, "HTTP/1.1 422 x\r\n\r\nno codec fits", ENDED, NULL};
	exchange_with(says, NULL, true);
	ck_assert_uint_eq(got.failures, 1);
	ck_assert_ptr_nonnull(strstr(got.text, "422: no codec fits"));
	asked(2, "DELETE /s/1 HTTP/1.1\r\n");
}
END_TEST

/* Without a place for the answer there is no session. */
START_TEST(test_an_offer_of_the_server_without_a_location_is_refused) {
	const char *const says[] = {"HTTP/1.1 406 x\r\nContent-Type: application/sdp\r\n\r\noffer", NULL};
	exchange_with(says, NULL, true);
	ck_assert_uint_eq(got.offers, 0);
	ck_assert_ptr_nonnull(strstr(got.text, "without a usable Location"));
}
END_TEST

/* Such a session exists all the same, and has to be ended. */
START_TEST(test_an_answer_of_another_type_is_none_and_its_session_is_ended) {
	const char *const others[] = {
		"HTTP/1.1 201 Created\r\nContent-Type: text/html\r\nContent-Length: 6\r\nLocation: /s/1\r\n\r\nanswer",
		"HTTP/1.1 201 Created\r\nContent-Type: application/sdpx\r\nContent-Length: 6\r\nLocation: /s/1\r\n\r\nanswer",
		"HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\nContent-Length: 0\r\nLocation: /s/1\r\n\r\n",
		"HTTP/1.1 201 Created\r\nContent-Length: 6\r\nLocation: /s/1\r\n\r\nanswer"};
	for (size_t i = 0; i < 4; i++) {
		const char *const says[] = {others[i], ENDED, NULL};
		exchange_with(says, NULL, false);
		ck_assert_ptr_nonnull(strstr(got.text, "something else than application/sdp"));
		asked(1, "DELETE /s/1 ");
	}
}
END_TEST

START_TEST(test_a_server_that_is_not_there_is_named) {
	const char *const says[] = {NULL};
	open_server(says);
	close_server();
	exchange(server.port, NULL, false);
	ck_assert_ptr_nonnull(strstr(got.text, "cannot reach the server at http://127.0.0.1:"));
}
END_TEST

START_TEST(test_addresses_and_tokens_are_checked_first) {
	static const struct {
		const char *url, *token, *part;
	} rows[] = {
		{"ftp://a.test/", NULL, "http://"},    {"", NULL, "http://"},           {"http://a.test/ b", NULL, "http://"},
		{"http://a.test/#x", NULL, "http://"}, {"http://a.test/", "", "empty"}, {"http://a.test/", "a\r\nX: y", "plain"},
		{"http://a.test/", "a b", "plain"},
	};
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *wrong = NULL;
		const struct whip_client_config config = {.url = rows[i].url, .token = rows[i].token};
		ck_assert_ptr_null(whip_client_new(ev, &config, &wrong));
		ck_assert_msg(strstr(wrong, rows[i].part) != NULL, "%zu: %s", i, wrong);
	}
	whip_client_free(NULL);
	ev_loop_destroy(ev);
}
END_TEST

SUITE("tool_whip_client", test_an_offer_is_posted_and_the_session_deleted, test_without_a_token_none_is_sent,
      test_redirects_are_followed_with_the_whole_offer, test_redirects_in_circles_end,
      test_who_watches_waits_for_somebody_who_publishes, test_what_went_wrong_is_said_in_a_sentence,
      test_a_server_that_offers_itself_gets_an_answer, test_a_server_that_refuses_the_answer_to_its_offer_is_heard,
      test_an_offer_of_the_server_without_a_location_is_refused, test_an_answer_of_another_type_is_none_and_its_session_is_ended,
      test_a_server_that_is_not_there_is_named, test_addresses_and_tokens_are_checked_first)
