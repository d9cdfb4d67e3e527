/* Do descriptions come through every carrier as they were, and is what is no description refused? Two ends on one loop. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"
#include "tools/greeting.h"
#include "tools/signalling.h"

/* ---- messages ------------------------------------------------------------------------------------------------------- */

START_TEST(test_a_message_comes_back_from_its_text) {
	static const char *const texts[] = {"", "v=0\r\na=x\r\n", "\"\\/\t\xc3\xa4", "a", "ab", "abc", "abcd"};
	for (enum signal_kind kind = SIGNAL_OFFER; kind <= SIGNAL_CANDIDATE; kind++) {
		for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
			char *forms[] = {signal_encode(kind, texts[i], NULL), signal_encode_line(kind, texts[i])};
			for (size_t f = 0; f < 2; f++) {
				struct signal_message m;
				char text[400];
				snprintf(text, sizeof text, " %s\r\n", forms[f]);
				ck_assert_ptr_null(signal_decode(text, strlen(text), &m));
				ck_assert_int_eq(m.kind, kind);
				ck_assert_str_eq(m.text, texts[i]);
				free(m.text);
				free(forms[f]);
			}
		}
	}
}
END_TEST

START_TEST(test_what_is_no_message_is_refused) {
	static const char *const texts[] = {
		"",
		" \n",
		"{",
		"{}",
		"[]",
		"{\"type\":5}",
		"hello",
		"{\"type\":\"offer\"}",
		"???",
		"aGVsbG8=",
		"{\"type\":\"pranswer\",\"sdp\":\"\"}",
		"e30=",
		"{\"type\":\"offer\",\"sdp\":5}",
		"{\"type\":\"candidate\"}",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct signal_message m;
		ck_assert_msg(signal_decode(texts[i], strlen(texts[i]), &m) != NULL, "%s", texts[i]);
		ck_assert_ptr_null(m.text);
	}
}
END_TEST

/* RTCPeerConnection's own objects as JSON.stringify makes them. */
START_TEST(test_the_objects_of_a_browser_are_understood) {
	static const char *const texts[] = {
		"{\"type\":\"candidate\",\"candidate\":\"candidate:1\",\"sdpMid\":\"0\",\"sdpMLineIndex\":0}",
		"{\"type\":\"candidate\",\"candidate\":{\"candidate\":\"candidate:1\",\"sdpMid\":\"0\"}}",
	};
	struct signal_message m;
	for (size_t i = 0; i < 2; i++) {
		ck_assert_ptr_null(signal_decode(texts[i], strlen(texts[i]), &m));
		ck_assert_str_eq(m.text, "candidate:1");
		free(m.text);
	}
	ck_assert_ptr_null(signal_decode("{\"type\":\"candidate\",\"candidate\":null}", 37, &m));
	ck_assert_str_eq(m.text, "");
	free(m.text);
}
END_TEST

/* ---- URLs ----------------------------------------------------------------------------------------------------------- */

/* ---- two ends ------------------------------------------------------------------------------------------------------- */

#define LONG 20000

struct end {
	struct link_options options;
	struct signalling *s;
	int role; /* 1 offers, 0 answers, -1 not known */
	unsigned offers, answers, candidates, ends;
	char error[300];
};

static struct ev_loop *ev;
static char long_text[LONG + 1];

static void on_role(void *ctx, bool offer) {
	struct end *e = ctx;
	ck_assert_int_eq(e->role, -1);
	e->role = offer;
	if (offer)
		e->s->carrier->send(e->s, SIGNAL_OFFER, long_text, NULL);
}

static void on_message(void *ctx, const struct signal_message *m) {
	struct end *e = ctx;
	if (m->kind == SIGNAL_OFFER) {
		e->offers++;
		ck_assert_str_eq(m->text, long_text);
		e->s->carrier->send(e->s, SIGNAL_ANSWER, "the answer", NULL);
		if (e->s->trickles)
			e->s->carrier->send(e->s, SIGNAL_CANDIDATE, "a candidate", NULL);
	} else if (m->kind == SIGNAL_ANSWER) {
		e->answers++;
		ck_assert_str_eq(m->text, "the answer");
	} else {
		e->candidates++;
		ck_assert_str_eq(m->text, "a candidate");
	}
}

static void on_end(void *ctx, const char *error) {
	struct end *e = ctx;
	e->ends++;
	snprintf(e->error, sizeof e->error, "%s", error ? error : "");
}

static void start(struct end *e, const char *signal, enum link_role role, bool listen_only) {
	struct signalling_events events = {on_role, on_message, on_end, e};
	const char *wrong;
	memset(e, 0, sizeof *e);
	e->options = (struct link_options){.command = "test", .signal = signal, .role = role, .listen = listen_only};
	e->role = -1;
	e->s = signalling_new(carriers_find(&e->options, &wrong), &e->options, ev, &events);
	ck_assert_ptr_null(wrong);
	e->s->carrier->start(e->s);
}

static void on_limit(struct ev_loop *loop, ev_timer *t, int events) {
	(void)t;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

/* Lets the two talk until the answer is there, at most so long. */
static void talk(struct end *a, struct end *b, double limit) {
	ev_timer timer;
	double until = ev_time() + limit;
	while (ev_time() < until && !(a->answers + b->answers) && !(a->ends + b->ends)) {
		ev_timer_init(&timer, on_limit, 0.02, 0.);
		ev_timer_start(ev, &timer);
		ev_run(ev, 0);
		ev_timer_stop(ev, &timer);
	}
}

static void stop(struct end *e) {
	signalling_free(e->s);
	e->s = NULL;
}

static void set_up(void) {
	ev = ev_loop_new(EVFLAG_AUTO);
	memset(long_text, 'x', LONG);
}

static char folder[64], file[96];

static void set_up_folder(void) {
	set_up();
	snprintf(folder, sizeof folder, "/tmp/sluice-signal-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/room", folder);
}

/* That it can be removed shows that nothing was left behind. */
static void remove_folder(void) {
	ck_assert_msg(rmdir(folder) == 0, "something is left in %s", folder);
	ev_loop_destroy(ev);
}

START_TEST(test_by_a_file_the_first_offers_and_nothing_stays) {
	struct end a = {0}, b = {0};
	set_up_folder();
	start(&a, file, LINK_ANY, false);
	start(&b, file, LINK_ANY, false);
	talk(&a, &b, 5);
	ck_assert_int_eq(a.role, 1);
	ck_assert_int_eq(b.role, 0);
	ck_assert_uint_eq(b.offers, 1);
	ck_assert_uint_eq(a.answers, 1);
	stop(&a);
	stop(&b);
	remove_folder();
}
END_TEST

START_TEST(test_by_a_file_the_one_that_answers_may_be_first) {
	struct end a = {0}, b = {0};
	set_up_folder();
	start(&b, file, LINK_ANSWER, false);
	start(&a, file, LINK_OFFER, false);
	talk(&a, &b, 5);
	ck_assert_uint_eq(a.answers, 1);
	stop(&a);
	stop(&b);
	remove_folder();
}
END_TEST

START_TEST(test_an_offer_that_nobody_took_is_removed) {
	struct end a = {0};
	set_up_folder();
	start(&a, file, LINK_ANY, false);
	ck_assert_int_eq(access(file, F_OK), 0);
	stop(&a);
	remove_folder();
}
END_TEST

START_TEST(test_a_file_of_another_kind_is_neither_read_as_an_offer_nor_replaced) {
	struct end a = {0};
	set_up_folder();
	for (enum link_role role = LINK_ANY; role <= LINK_ANSWER; role++) {
		FILE *f = fopen(file, "w");
		fputs("dear diary", f);
		fclose(f);
		start(&a, file, role, false);
		talk(&a, &a, 1);
		ck_assert_uint_eq(a.ends, 1);
		ck_assert_ptr_nonnull(strstr(a.error, "room"));
		stop(&a);
		struct stat st;
		ck_assert_int_eq(stat(file, &st), 0);
		ck_assert_int_eq(st.st_size, 10);
		unlink(file);
	}
	start(&a, "/nowhere/at/all", LINK_ANY, false);
	talk(&a, &a, 1);
	ck_assert_uint_eq(a.ends, 1);
	ck_assert_ptr_nonnull(strstr(a.error, "No such file"));
	stop(&a);
	remove_folder();
}
END_TEST

static char place[64];

/* A port that was free a moment ago. */
static void find_port(void) {
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len), 0);
	getsockname(fd, (struct sockaddr *)&in, &len);
	close(fd);
	snprintf(place, sizeof place, "tcp:127.0.0.1:%u", ntohs(in.sin_port));
}

START_TEST(test_by_tcp_the_first_listens_and_the_second_offers) {
	struct end a = {0}, b = {0};
	set_up();
	find_port();
	start(&a, place, LINK_ANY, false);
	start(&b, place, LINK_ANY, false);
	talk(&a, &b, 5);
	ck_assert_int_eq(a.role, 0);
	ck_assert_int_eq(b.role, 1);
	ck_assert_uint_eq(b.answers, 1);
	talk(&a, &b, 0.1);
	ck_assert_uint_eq(b.candidates, 1);
	stop(&a);
	stop(&b);
	ev_loop_destroy(ev);
}
END_TEST

START_TEST(test_by_tcp_the_listener_may_offer) {
	struct end a = {0}, b = {0};
	set_up();
	find_port();
	start(&a, place, LINK_OFFER, true);
	start(&b, place, LINK_ANSWER, false);
	talk(&a, &b, 5);
	ck_assert_uint_eq(a.answers, 1);
	stop(&a);
	stop(&b);
	ev_loop_destroy(ev);
}
END_TEST

static int dial(void) {
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	in.sin_port = htons((uint16_t)atoi(strrchr(place, ':') + 1));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
	return fd;
}

START_TEST(test_a_stranger_at_the_listener_does_no_harm) {
	struct end a = {0}, b = {0};
	set_up();
	find_port();
	start(&a, place, LINK_ANY, true);
	int fd = dial();
	ck_assert_int_gt(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 0);
	talk(&a, &a, 0.1);
	close(fd);
	fd = dial(); /* one that says nothing and goes */
	talk(&a, &a, 0.1);
	close(fd);
	start(&b, place, LINK_ANY, false);
	talk(&a, &b, 5);
	ck_assert_uint_eq(b.answers, 1);
	stop(&a);
	stop(&b);
	ev_loop_destroy(ev);
}
END_TEST

/* Ten who say nothing, and one who says the wrong thing: who comes later is the other end. */
START_TEST(test_silent_strangers_do_not_hold_the_place) {
	struct end a = {0}, b = {0};
	int fds[10];
	set_up();
	find_port();
	for (int turn = 0; turn < 2; turn++) {
		start(&a, place, turn ? LINK_OFFER : LINK_ANY, true);
		for (int i = 0; i < 10; i++) {
			fds[i] = dial();
			talk(&a, &a, 0.02);
		}
		ck_assert_int_gt(send(fds[9], "{\"type\":\"offer\",\"sdp\":\"x\"}\n", 27, 0), 0);
		talk(&a, &a, 0.05);
		start(&b, place, turn ? LINK_ANSWER : LINK_ANY, false);
		talk(&a, &b, 3);
		ck_assert_uint_eq(a.answers + b.answers, 1);
		ck_assert_uint_eq(a.ends + b.ends, 0);
		for (int i = 0; i < 10; i++)
			close(fds[i]);
		stop(&a);
		stop(&b);
	}
	ev_loop_destroy(ev);
}
END_TEST

static size_t hear(int fd, char *text, size_t size) {
	ssize_t n = recv(fd, text, size - 1, MSG_DONTWAIT);
	text[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

/* What looks at open ports says nothing, or something else, and goes; an offer is not for it. */
START_TEST(test_who_does_not_greet_is_told_nothing) {
	static const char *const words[] = {"",
	                                    "GET / HTTP/1.1\r\n\r\n",
	                                    "\n",
	                                    "{}\n",
	                                    "{\"type\":\"hello\"}\n",
	                                    "{\"type\":\"hello\",\"nonce\":\"xx\",\"secret\":false}\n",
	                                    "{\"type\":\"proof\",\"proof\":\"xx\"}\n"};
	struct end a = {0}, b = {0};
	char text[200];
	set_up();
	find_port();
	start(&a, place, LINK_OFFER, true);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		int fd = dial();
		ck_assert_int_eq(send(fd, words[i], strlen(words[i]), 0), (ssize_t)strlen(words[i]));
		talk(&a, &a, 0.05);
		ck_assert_msg(hear(fd, text, sizeof text) == 0, "'%s' was answered: %s", words[i], text);
		close(fd);
	}
	start(&b, place, LINK_ANSWER, false);
	talk(&a, &b, 3);
	ck_assert_uint_eq(a.answers, 1);
	stop(&a);
	stop(&b);
	ev_loop_destroy(ev);
}
END_TEST

/* One that greets, hears the offer and goes: the other end, which comes then, gets the same offer. */
START_TEST(test_an_offer_that_a_stranger_heard_is_made_to_the_next_one) {
	static const char hello[] = "{\"type\":\"hello\",\"nonce\":\"00112233445566778899aabbccddeeff\",\"secret\":false}\n";
	struct end a = {0}, b = {0};
	set_up();
	find_port();
	start(&a, place, LINK_OFFER, true);
	int fd = dial();
	ck_assert_int_gt(send(fd, hello, sizeof hello - 1, 0), 0);
	talk(&a, &a, 0.1);
	ck_assert_int_eq(a.role, 1);
	close(fd);
	talk(&a, &a, 0.1);
	start(&b, place, LINK_ANSWER, false);
	talk(&a, &b, 3);
	ck_assert_uint_eq(b.offers, 1);
	ck_assert_uint_eq(a.answers, 1);
	stop(&a);
	stop(&b);
	ev_loop_destroy(ev);
}
END_TEST

START_TEST(test_a_secret_has_to_be_the_same_at_both_ends) {
	static const struct {
		const char *a, *b, *error; /* NULL: they meet */
	} rows[] = {{"#open sesame", "#open sesame", NULL},
	            {"#open sesame", "#open", "is the secret the same"},
	            {"#open sesame", "", "it wants a secret"},
	            {"", "#open sesame", "it has no secret"}};
	for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
		struct end a = {0}, b = {0};
		bool listener_offers = i % 2;
		char at_a[100], at_b[100];
		const char *error = rows[i / 2].error;
		set_up();
		find_port();
		snprintf(at_a, sizeof at_a, "%s%s", place, rows[i / 2].a);
		snprintf(at_b, sizeof at_b, "%s%s", place, rows[i / 2].b);
		start(&a, at_a, listener_offers ? LINK_OFFER : LINK_ANSWER, true);
		start(&b, at_b, listener_offers ? LINK_ANSWER : LINK_OFFER, false);
		talk(&a, &b, 3);
		ck_assert_uint_eq(a.answers + b.answers, !error);
		ck_assert_uint_eq(a.ends, 0); /* it waits for the right one */
		ck_assert_uint_eq(b.ends, error != NULL);
		ck_assert_uint_eq(a.offers + b.offers, !error);
		ck_assert_msg(!error || strstr(b.error, error), "row %zu: %s", i, b.error);
		ck_assert_ptr_null(strstr(b.error, "sesame"));
		stop(&b);
		if (error) {
			start(&b, at_a, listener_offers ? LINK_ANSWER : LINK_OFFER, false);
			talk(&a, &b, 3);
			ck_assert_uint_eq(a.answers + b.answers, 1);
			stop(&b);
		}
		stop(&a);
		ev_loop_destroy(ev);
	}
}
END_TEST

/* The lines that pass: neither the secret nor a proof that would do for the other end. */
START_TEST(test_a_proof_is_of_one_end_and_one_meeting) {
	struct greeting c, l, again;
	char hello[GREETING_LINE_MAX], reply[GREETING_LINE_MAX], proof[GREETING_LINE_MAX], last[GREETING_LINE_MAX];
	const char *why = "";
	ck_assert(greeting_begin(&l, "secret", false, hello) && !hello[0]);
	ck_assert(greeting_begin(&again, "secret", false, hello) && !hello[0]);
	ck_assert(greeting_begin(&c, "secret", true, hello));
	ck_assert_int_eq(greeting_take(&l, hello, strlen(hello) - 1, reply, &why), GREETING_GOES_ON);
	ck_assert_int_eq(greeting_take(&again, hello, strlen(hello) - 1, last, &why), GREETING_GOES_ON);
	ck_assert_int_eq(greeting_take(&c, reply, strlen(reply) - 1, proof, &why), GREETING_GOES_ON);
	ck_assert_int_eq(greeting_take(&again, proof, strlen(proof) - 1, last, &why), GREETING_WRONG); /* another meeting */
	ck_assert_ptr_nonnull(strstr(why, "another secret"));
	struct greeting mirrored = c;
	ck_assert_int_eq(greeting_take(&mirrored, proof, strlen(proof) - 1, last, &why), GREETING_WRONG); /* sent back */
	ck_assert_int_eq(greeting_take(&l, proof, strlen(proof) - 1, last, &why), GREETING_DONE);
	ck_assert_int_eq(greeting_take(&c, last, strlen(last) - 1, proof, &why), GREETING_DONE);
	ck_assert_ptr_null(strstr(hello, "\"secret\":\"secret\""));
	struct greeting own;
	ck_assert(greeting_begin(&own, "secret", true, hello));
	ck_assert_int_eq(greeting_take(&own, hello, strlen(hello) - 1, last, &why), GREETING_WRONG); /* its own hello */
}
END_TEST

START_TEST(test_where_nobody_listens_the_error_says_so) {
	struct end a = {0};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	set_up();
	find_port();
	in.sin_port = htons((uint16_t)atoi(strrchr(place, ':') + 1));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof in), 0); /* taken, but it does not listen */
	start(&a, place, LINK_ANY, false);
	talk(&a, &a, 5);
	ck_assert_uint_eq(a.ends, 1);
	ck_assert_ptr_nonnull(strstr(a.error, "refused"));
	ck_assert_ptr_nonnull(strstr(a.error, strchr(place, ':') + 1));
	stop(&a);
	close(fd);
	ev_loop_destroy(ev);
}
END_TEST

START_TEST(test_a_wrong_address_is_told_before_the_start) {
	static const struct {
		const char *signal, *wrong;
	} rows[] = {{"tcp:127.0.0.1:0", "the port is a number from 1 to 65535"},
	            {"tcp:127.0.0.1:65536#secret", "the port is a number from 1 to 65535"},
	            {"tcp:127.0.0.1", "expected HOST:PORT"},
	            {"tcp:[]:7001", "expected HOST:PORT"},
	            {"tcp:127.0.0.1:7001#", "the secret behind # is empty"},
	            {"tcp:127.0.0.1:7001", NULL}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct link_options options = {.command = "test", .signal = rows[i].signal};
		const char *wrong = "not written";
		ck_assert_ptr_nonnull(carriers_find(&options, &wrong));
		ck_assert_pstr_eq(wrong, rows[i].wrong);
	}
}
END_TEST

START_TEST(test_by_http_an_unreachable_server_is_named) {
	struct end a = {0};
	char url[96];
	set_up();
	find_port();
	snprintf(url, sizeof url, "http://%s/room/x", strchr(place, ':') + 1);
	start(&a, url, LINK_ANY, false);
	talk(&a, &a, 5);
	ck_assert_uint_eq(a.ends, 1);
	ck_assert_ptr_nonnull(strstr(a.error, "refused"));
	ck_assert_ptr_nonnull(strstr(a.error, strchr(place, ':') + 1));
	stop(&a);
	ev_loop_destroy(ev);
}
END_TEST

SUITE("signalling", test_a_message_comes_back_from_its_text, test_what_is_no_message_is_refused,
      test_the_objects_of_a_browser_are_understood, test_by_a_file_the_first_offers_and_nothing_stays,
      test_by_a_file_the_one_that_answers_may_be_first, test_an_offer_that_nobody_took_is_removed,
      test_a_file_of_another_kind_is_neither_read_as_an_offer_nor_replaced, test_by_tcp_the_first_listens_and_the_second_offers,
      test_by_tcp_the_listener_may_offer, test_a_stranger_at_the_listener_does_no_harm,
      test_silent_strangers_do_not_hold_the_place, test_who_does_not_greet_is_told_nothing,
      test_an_offer_that_a_stranger_heard_is_made_to_the_next_one, test_a_secret_has_to_be_the_same_at_both_ends,
      test_a_proof_is_of_one_end_and_one_meeting, test_where_nobody_listens_the_error_says_so,
      test_a_wrong_address_is_told_before_the_start, test_by_http_an_unreachable_server_is_named)
