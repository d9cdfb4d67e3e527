/* Does the server's HTTP part keep a request of WHIP until its answer is there, and does it notice who leaves before? The ops
 * behind it answer when the test says so; sockets and the HTTP library are real. */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"
#include "tools/serve/http.h"
#include "tools/serve/whip.h"

#define OFFER "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\nm=audio 9 x 0\r\na=ice-ufrag:EsAw\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\n"
#define ANSWER "v=0\r\nm=audio 9 x 0\r\na=ice-ufrag:38sd\r\na=ice-pwd:2e13dde17c1cb009202f627fab90cb\r\n"

static struct {
	struct serve serve;
	struct serve_options options;
	struct whip_session *last;
	unsigned offers, restarts, ends;
} site;

/* ---- those who answer when the test says so ------------------------------------------------------------------------ */

static bool on_offer(void *ctx, struct whip_session *s, const char *sdp, size_t len, struct refusal *why) {
	(void)sdp;
	(void)len;
	(void)why;
	ck_assert_ptr_eq(ctx, &site.serve);
	site.last = s;
	site.offers++;
	return true;
}

static bool on_restart(void *ctx, struct whip_session *s, const char *sdp, size_t len, struct refusal *why) {
	(void)ctx;
	(void)s;
	(void)sdp;
	(void)len;
	(void)why;
	site.restarts++;
	return true;
}

static void on_ended(void *ctx, struct whip_session *s) {
	(void)ctx;
	(void)s;
	site.ends++;
}

static const struct whip_ops ops = {on_offer, on_restart, NULL, on_ended};

/* ---- the site ------------------------------------------------------------------------------------------------------ */

static void open_site(void) {
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	memset(&site, 0, sizeof site);
	memcpy(&site.options.http, &in, sizeof in);
	site.options.http_len = sizeof in;
	site.options.max_peers = site.options.per_address = 64;
	site.serve.options = &site.options;
	site.serve.whip_ops = &ops;
	ck_assert_int_eq(sluice_env_new(NULL, &site.serve.env), 0);
	ck_assert_int_eq(sluice_loop_new(site.serve.env, NULL, &site.serve.loop), 0);
	site.serve.ev = sluice_loop_ev(site.serve.loop);
	site.serve.http = http_new(&site.serve);
	ck_assert_ptr_nonnull(site.serve.http);
}

static void close_site(void) {
	http_free(site.serve.http);
	sluice_loop_free(site.serve.loop);
	sluice_env_free(site.serve.env);
}

#define RUN_UNTIL(condition)                                                                                                     \
	do {                                                                                                                     \
		while (!(condition))                                                                                             \
			ev_run(site.serve.ev, EVRUN_ONCE);                                                                       \
	} while (0)

static int begin(void) {
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(http_port(site.serve.http)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

static void ask(int fd, const char *method, const char *path, const char *more, const char *body) {
	char request[2048];
	int len = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%sContent-Length: %zu\r\n\r\n%s",
	                   method, path, more, strlen(body), body);
	ck_assert_int_eq(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
}

static void post(int fd) {
	unsigned before = site.offers;
	ask(fd, "POST", "/whip/a", "Content-Type: application/sdp\r\n", OFFER);
	RUN_UNTIL(site.offers == before + 1);
}

static bool is_readable(int fd) {
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

static struct {
	int status;
	char text[4096], location[120], etag[32], retry[8];
	const char *body;
} got;

static void copy_header(const char *name, char *value, size_t size) {
	const char *at = strcasestr(got.text, name);
	snprintf(value, size, "%.*s", at ? (int)strcspn(at + strlen(name), "\r") : 0, at ? at + strlen(name) : "");
}

static void receive(int fd) {
	size_t len = 0, want = 1;
	while (len < want) {
		RUN_UNTIL(is_readable(fd));
		ssize_t n = recv(fd, got.text + len, sizeof got.text - 1 - len, 0);
		ck_assert_int_gt(n, 0);
		len += (size_t)n;
		got.text[len] = 0;
		const char *end = strstr(got.text, "\r\n\r\n"), *announced = strcasestr(got.text, "Content-Length: ");
		want = end ? (size_t)(end + 4 - got.text) + (announced ? strtoul(announced + 16, NULL, 10) : 0) : len + 1;
		got.body = end ? end + 4 : "";
	}
	ck_assert_int_eq(sscanf(got.text, "HTTP/1.1 %d", &got.status), 1);
	copy_header("\r\nLocation: ", got.location, sizeof got.location);
	copy_header("\r\nETag: ", got.etag, sizeof got.etag);
	copy_header("\r\nRetry-After: ", got.retry, sizeof got.retry);
}

static void expect(int fd, int status) {
	receive(fd);
	ck_assert_msg(got.status == status, "%s", got.text);
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

START_TEST(test_a_request_waits_for_its_answer_and_the_connection_goes_on) {
	open_site();
	int fd = begin();
	post(fd);
	ck_assert(!is_readable(fd));
	whip_answer(site.last, ANSWER, strlen(ANSWER));
	expect(fd, 201);
	ck_assert_str_eq(got.body, ANSWER);
	char path[120], tag[32];
	strcpy(path, got.location);
	strcpy(tag, got.etag);
	ask(fd, "PATCH", path, "Content-Type: application/trickle-ice-sdpfrag\r\nIf-Match: *\r\n",
	    "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n");
	RUN_UNTIL(site.restarts == 1);
	ck_assert(!is_readable(fd));
	whip_answer(site.last, ANSWER, strlen(ANSWER));
	expect(fd, 200);
	ck_assert_ptr_nonnull(strstr(got.body, "a=ice-ufrag:38sd\r\n"));
	ck_assert_str_ne(got.etag, tag);
	ask(fd, "DELETE", path, "", "");
	expect(fd, 200);
	ask(fd, "DELETE", path, "", "");
	expect(fd, 404);
	ck_assert_uint_eq(site.ends, 1);
	close(fd);
	close_site();
}
END_TEST

START_TEST(test_many_wait_and_each_gets_its_own_answer) {
	enum { MANY = 20 };
	int fds[MANY];
	struct whip_session *sessions[MANY];
	open_site();
	for (int i = 0; i < MANY; i++) {
		fds[i] = begin();
		post(fds[i]);
		sessions[i] = site.last;
	}
	for (int i = MANY; i-- > 0;) {
		char answer[64];
		snprintf(answer, sizeof answer, "answer %d", i);
		if (i % 3)
			whip_answer(sessions[i], answer, strlen(answer));
		else
			whip_refuse(sessions[i], &(struct refusal){.status = 422, .text = "no"});
		expect(fds[i], i % 3 ? 201 : 422);
		ck_assert_str_eq(got.body, i % 3 ? answer : "no\n");
	}
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	close_site();
	ck_assert_uint_eq(site.ends, MANY);
}
END_TEST

START_TEST(test_who_hangs_up_before_the_answer_is_noticed) {
	open_site();
	int gone = begin(), other = begin();
	post(gone);
	struct whip_session *left = site.last;
	post(other);
	close(gone);
	RUN_UNTIL(site.ends == 1);
	ck_assert_ptr_ne(site.last, left);
	whip_answer(site.last, ANSWER, strlen(ANSWER));
	expect(other, 201);
	close(other);
	close_site();
}
END_TEST

START_TEST(test_a_connection_that_ends_before_the_answer_is_told) {
	open_site();
	int fd = begin();
	post(fd);
	whip_end(site.last);
	expect(fd, 503);
	ck_assert_str_ne(got.retry, "");
	close(fd);
	close_site();
	ck_assert_uint_eq(site.ends, 0);
}
END_TEST

START_TEST(test_a_server_that_ends_leaves_nobody_behind) {
	open_site();
	int fd = begin();
	post(fd);
	close_site();
	ck_assert_uint_eq(site.ends, 1);
	close(fd);
}
END_TEST

SUITE("tool_whip_http", test_a_request_waits_for_its_answer_and_the_connection_goes_on,
      test_many_wait_and_each_gets_its_own_answer, test_who_hangs_up_before_the_answer_is_noticed,
      test_a_connection_that_ends_before_the_answer_is_told, test_a_server_that_ends_leaves_nobody_behind)
