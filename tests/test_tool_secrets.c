/* Does what the tool frees hold a password? Descriptions go through the signalling, each free() is looked at. */
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"
#include "tools/fetch.h"
#include "tools/secret.h"
#include "tools/serve/rooms.h"
#include "tools/signalling.h"

#ifndef SLUICE_NOPOOL /* sanitizers bring a malloc of their own, in whose place none can be put */

/* ---- free(), watched ------------------------------------------------------------------------------------------------ */

#define PASSWORD "d8f9aXbYcZ01234567890qwertyu"

void __libc_free(void *p);
__attribute__((visibility("default"))) void free(void *p);

/* As it is, and as base64 of any of the three positions makes it; a piece of each. */
static const char *const forms[] = {PASSWORD, "ZDhmOWFYYlljWjAxMjM0NTY3ODkwcXdlcnR5d", "Q4ZjlhWGJZY1owMTIzNDU2Nzg5MHF3ZXJ0e",
                                    "kOGY5YVhiWWNaMDEyMzQ1Njc4OTBxd2VydHl1"};

static volatile unsigned freed_with_password;
static volatile bool watching;

void free(void *p) {
	if (p && watching)
		for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
			freed_with_password += memmem(p, malloc_usable_size(p), forms[i], strlen(forms[i])) != NULL;
	__libc_free(p);
}

static void watch(void) {
	freed_with_password = 0;
	watching = true;
}

static void ck_assert_nothing_found(const char *where) {
	watching = false;
	ck_assert_msg(freed_with_password == 0, "%s frees a password %u times", where, freed_with_password);
}

static const char sdp[] = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:" PASSWORD "\r\na=setup:actpass\r\n";

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

START_TEST(test_the_watch_finds_a_password_in_each_of_its_forms) {
	static const char *const before[] = {"", "x", "xy"};
	for (size_t i = 0; i < 3; i++) {
		char text[80];
		snprintf(text, sizeof text, "%s" PASSWORD, before[i]);
		char *line = signal_encode_line(SIGNAL_OFFER, text);
		watch();
		free(line);
		watching = false;
		ck_assert_uint_eq(freed_with_password, 1);
	}
}
END_TEST

START_TEST(test_messages_are_wiped_when_they_were_written_and_read) {
	secret_watch_json();
	watch();
	char *texts[] = {signal_encode(SIGNAL_OFFER, sdp, NULL), signal_encode_line(SIGNAL_ANSWER, sdp)};
	for (size_t i = 0; i < 2; i++) {
		struct signal_message m;
		ck_assert_ptr_null(signal_decode(texts[i], strlen(texts[i]), &m));
		ck_assert_str_eq(m.text, sdp);
		secret_free(m.text);
		texts[i][strlen(texts[i]) - 1] = '{';
		ck_assert_ptr_nonnull(signal_decode(texts[i], strlen(texts[i]), &m)); /* what is wrong at its end was read too */
		secret_free(texts[i]);
	}
	ck_assert_nothing_found("signal_message");
}
END_TEST

struct end {
	struct link_options options;
	struct signalling *s;
	unsigned answers;
};

static void on_role(void *ctx, bool offer) {
	struct end *e = ctx;
	if (offer)
		e->s->carrier->send(e->s, SIGNAL_OFFER, sdp, NULL);
}

static void on_message(void *ctx, const struct signal_message *m) {
	struct end *e = ctx;
	if (m->kind == SIGNAL_OFFER)
		e->s->carrier->send(e->s, SIGNAL_ANSWER, sdp, NULL);
	else
		e->answers++;
}

static void on_end(void *ctx, const char *error) {
	(void)ctx;
	ck_abort_msg("%s", error);
}

static void start(struct end *e, struct ev_loop *ev, const char *signal) {
	const char *wrong;
	*e = (struct end){.options = {.command = "test", .signal = signal}};
	e->s = signalling_new(carriers_find(&e->options, &wrong), &e->options, ev,
	                      &(struct signalling_events){on_role, on_message, on_end, e});
	e->s->carrier->start(e->s);
}

static void exchange_over(const char *signal) {
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct end a, b;
	watch();
	start(&a, ev, signal);
	start(&b, ev, signal);
	while (a.answers + b.answers == 0)
		ev_run(ev, EVRUN_ONCE);
	signalling_free(a.s);
	signalling_free(b.s);
	ck_assert_nothing_found(signal);
	ev_loop_destroy(ev);
}

START_TEST(test_descriptions_are_wiped_when_files_carried_them) {
	char folder[] = "/tmp/sluice-secrets-XXXXXX", file[96];
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/room", folder);
	exchange_over(file);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* One request, answered with what came as its body. */
static void *send_body_back(void *listener) {
	char text[4096], answer[4096];
	size_t len = 0;
	int fd = accept(*(int *)listener, NULL, NULL);
	for (ssize_t n = 1; n > 0 && !memmem(text, len, "setup:actpass", 13); len += n > 0 ? (size_t)n : 0)
		n = recv(fd, text + len, sizeof text - len, 0);
	int n = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(sdp), sdp);
	send(fd, answer, (size_t)n, MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

static void on_fetched(void *ctx, const struct fetch_answer *answer) {
	ck_assert_int_eq(answer->status, 200);
	ck_assert_uint_eq(answer->len, strlen(sdp));
	ck_assert_str_eq(answer->body, sdp);
	ev_break(ctx, EVBREAK_ALL);
}

START_TEST(test_bodies_are_wiped_when_libcurl_carried_them) {
	char url[64];
	pthread_t thread;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof in;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, size) | listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&in, &size);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/room/x/answer", ntohs(in.sin_port));
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	ck_assert_int_eq(pthread_create(&thread, NULL, send_body_back, &listener), 0);
	watch();
	ck_assert_ptr_nonnull(fetch_start(ev, &(struct fetch_request){.method = "PUT", .url = url, .body = sdp}, on_fetched, ev));
	ev_run(ev, 0);
	pthread_join(thread, NULL);
	ck_assert_nothing_found("fetch");
	ev_loop_destroy(ev);
	close(listener);
}
END_TEST

START_TEST(test_letters_are_wiped_when_their_room_goes_however_it_goes) {
	const struct room_letter letter = {.body = sdp, .len = sizeof sdp};
	void *body;
	size_t len;
	watch();
	struct rooms *rooms = rooms_new(8);
	ck_assert_int_eq(rooms_put(rooms, "taken", ROOM_OFFER, &letter, 0), ROOM_STORED);
	ck_assert_int_eq(rooms_take(rooms, "taken", ROOM_OFFER, &body, &len, 0), ROOM_OK);
	secret_free(body);
	ck_assert_int_eq(rooms_put(rooms, "taken", ROOM_ANSWER, &letter, 0), ROOM_STORED);
	ck_assert_int_eq(rooms_put(rooms, "replaced", ROOM_OFFER, &letter, 0), ROOM_STORED);
	ck_assert_int_eq(rooms_put(rooms, "replaced", ROOM_OFFER, &letter, 0), ROOM_STORED);
	ck_assert_int_eq(rooms_put(rooms, "removed", ROOM_OFFER, &letter, 0), ROOM_STORED);
	rooms_remove(rooms, "removed", 0);
	ck_assert_int_eq(rooms_put(rooms, "late", ROOM_OFFER, &letter, ROOM_LIFETIME + 1), ROOM_STORED); /* the others expire */
	rooms_free(rooms);
	ck_assert_nothing_found("serve_rooms");
}
END_TEST

static unsigned free_port(void) {
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len) | getsockname(fd, (struct sockaddr *)&in, &len), 0);
	close(fd);
	return ntohs(in.sin_port);
}

START_TEST(test_descriptions_are_wiped_when_a_connection_carried_them) {
	char signal[64];
	snprintf(signal, sizeof signal, "tcp:127.0.0.1:%u", free_port());
	exchange_over(signal);
}
END_TEST

SUITE("tool_secrets", test_the_watch_finds_a_password_in_each_of_its_forms,
      test_messages_are_wiped_when_they_were_written_and_read, test_descriptions_are_wiped_when_files_carried_them,
      test_descriptions_are_wiped_when_a_connection_carried_them, test_letters_are_wiped_when_their_room_goes_however_it_goes,
      test_bodies_are_wiped_when_libcurl_carried_them)

#else

START_TEST(test_a_secret_may_be_nothing) {
	secret_free(NULL);
	secret_free(malloc(1));
}
END_TEST

SUITE("tool_secrets", test_a_secret_may_be_nothing)

#endif
