/* Whatever the other side writes: is it text wherever it comes out? Each place takes the same bytes. */
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "pool/env.h"
#include "sim/caller.h"
#include "sim/script.h"
#include "suite.h"
#include "tools/progress.h"
#include "tools/serve/service.h"

#define FFFD "\xef\xbf\xbd"
/* A quote, an escape sequence, a newline, C1's CSI, an override, what is no UTF-8, half a character. */
#define EVIL "\"\033[2J\n\xc2\x9b\xe2\x80\xae\xed\xa0\x80\xe2\x82"
#define EVIL_VALID "\"\033[2J\n\xc2\x9b\xe2\x80\xae" FFFD FFFD FFFD FFFD
#define EVIL_LINE "\"" FFFD "[2J" FFFD FFFD FFFD FFFD FFFD FFFD FFFD

static void check_line(const char *text) {
	const char *at = text, *end = text + strlen(text);
	while (at < end) {
		const char *from = at;
		uint32_t c = text_next(&at, end);
		ck_assert_msg(text_is_plain(c) && (c != TEXT_REPLACEMENT || at - from == 3), "U+%04x in: %s", (unsigned)c, text);
	}
}

static json_t *check_json(const char *text, size_t len) {
	json_error_t error;
	json_t *json = json_loadb(text, len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(json != NULL, "%s at %d in %.*s", error.text, error.position, (int)len, text);
	for (size_t i = 0; i < len; i++)
		ck_assert_msg((unsigned char)text[i] >= ' ' || (text[i] == '\n' && i == len - 1),
		              "a raw control character in JSON");
	return json;
}

/* ---- the library ---- */

static unsigned lines_logged, lines_traced;

static void on_log(void *ctx, enum sluice_log_level level, const char *line) {
	(void)ctx;
	(void)level;
	check_line(line);
	lines_logged++;
}

static void on_trace(void *ctx, const char *line, size_t len) {
	(void)ctx;
	json_decref(check_json(line, len));
	lines_traced++;
}

static void watch(sluice_env *env) {
	env->log = on_log;
	env->log_level = SLUICE_LOG_DEBUG;
}

struct call {
	struct sim sim;
	struct caller *a, *b;
};

static void connect_call(struct call *w) {
	sim_init(&w->sim, sim_seed(23));
	w->a = caller_new(&w->sim, "a", NULL);
	w->b = caller_new(&w->sim, "b", NULL);
	watch(w->b->env);
	caller_join(w->a, w->b, &(struct link_config){.delay = 5 * SLUICE_MS}, 5 * SLUICE_MS);
	ck_assert_int_eq(sluice_peer_set_trace(w->b->peer, on_trace, NULL), 0);
	caller_open(w->a, "hello");
	ck_assert(SIM_UNTIL(&w->sim, 10 * SLUICE_S, w->b->received == 1));
}

static void check_channels(const sluice_peer *p) {
	static char text[32768];
	size_t len = sluice_peer_stats_json(p, text, sizeof text);
	ck_assert_uint_lt(len, sizeof text);
	json_t *report = check_json(text, len), *entry;
	const char *id;
	unsigned found = 0;
	json_object_foreach(report, id, entry) {
		const char *label = json_string_value(json_object_get(entry, "label"));
		found += label && strcmp(label, EVIL_VALID) == 0 &&
		         strcmp(json_string_value(json_object_get(entry, "protocol")), "p" EVIL_VALID) == 0;
	}
	ck_assert_uint_eq(found, 1);
	json_decref(report);
	/* A buffer of any size holds UTF-8, cut or not. */
	for (size_t size = 1; size <= len; size++) {
		char cut[4096];
		if (size > sizeof cut)
			break;
		ck_assert_uint_eq(sluice_peer_stats_json(p, cut, size), len);
		check_line(cut);
	}
}

START_TEST(test_a_label_and_a_protocol_that_are_no_text_leave_the_statistics_json) {
	struct call w;
	connect_call(&w);
	sluice_channel_config config = {.label = EVIL, .protocol = "p" EVIL, .id = -1};
	sluice_channel *ch;
	ck_assert_int_eq(sluice_peer_open_channel(w.a->peer, &config, &ch), 0);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + SLUICE_S, w.b->channels == 2));
	size_t len;
	ck_assert_str_eq(sluice_channel_label(w.b->channel, &len), EVIL); /* the app gets what came */
	ck_assert_uint_eq(len, strlen(EVIL));
	check_channels(w.a->peer);
	check_channels(w.b->peer);
	sim_close(&w.sim);
}
END_TEST

START_TEST(test_the_reason_of_an_abort_is_a_line_of_text_in_errors_logs_and_traces) {
	struct call w;
	const char *text;
	connect_call(&w);
	sluice_peer_abort(w.a->peer, EVIL);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + SLUICE_S, w.b->state == SLUICE_PEER_CLOSED));
	ck_assert_int_eq(sluice_peer_error(w.b->peer, &text), 0);
	check_line(text);
	ck_assert_msg(strstr(text, EVIL_LINE) != NULL, "%s", text);
	ck_assert_uint_gt(lines_logged, 3);
	ck_assert_uint_gt(lines_traced, 3);
	sim_close(&w.sim);
}
END_TEST

/* Raw bytes, as no sluice would send them; the text is cut between characters. */
START_TEST(test_an_abort_by_hand_gives_a_line_of_text_too) {
	static const char *const reasons[] = {EVIL, "", "\xff",
	                                      "1234567890123456789012345678901234567890123456789012345678901\xe2\x82\xac"};
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		struct script s;
		uint8_t space[300];
		const char *text;
		script_init(&s, NULL);
		watch(s.env);
		ck_assert(script_open_passive(&s));
		struct writer w = script_begin(&s, space, sizeof space);
		uint8_t *chunk = wire_chunk_begin(&w, WIRE_ABORT, 0);
		wire_param_write(&w, WIRE_CAUSE_PROTOCOL_VIOLATION, reasons[i], strlen(reasons[i]));
		wire_chunk_end(&w, chunk);
		script_give(&s, &w);
		ck_assert_int_eq(sluice_sctp_error(s.sctp, &text), SLUICE_ABORTED);
		check_line(text);
		ck_assert_msg(!strstr(text, EVIL_LINE) == (i != 0), "%s", text);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_a_description_that_is_no_text_is_refused_in_text) {
	static const char *const descriptions[] = {
		EVIL,
		"v=0\r\no=" EVIL,
		"v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=" EVIL "\r\nt=" EVIL,
		"v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:" EVIL "\r\n",
		"v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:" EVIL "\r\n",
		"v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=setup:" EVIL "\r\n",
		"v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=" EVIL "\r\n",
	};
	struct sim sim;
	sim_init(&sim, sim_seed(1));
	struct caller *c = caller_new(&sim, "c", NULL);
	watch(c->env);
	for (size_t i = 0; i < sizeof descriptions / sizeof *descriptions; i++) {
		const char *text, *d = descriptions[i];
		ck_assert_int_eq(sluice_peer_set_remote_description(c->peer, SLUICE_SDP_OFFER, d, strlen(d)), SLUICE_MALFORMED);
		sluice_peer_description_error(c->peer, &text);
		check_line(text);
		ck_assert_uint_gt(strlen(text), 5);
	}
	sim_close(&sim);
}
END_TEST

/* Names and addresses of candidates come out in statistics, logs and the page. */
START_TEST(test_a_candidate_whose_name_is_no_text_is_refused) {
	static const char *const candidates[] = {
		("candidate:1 1 udp 1 a" EVIL ".local 1000 typ host"),
		("candidate:1" EVIL " 1 udp 1 10.0.0.1 1000 typ host"),
		("candidate:1 1 udp 1 10.0.0.1 1000 typ host ufrag " EVIL),
		"candidate:1 1 udp 1 a\xc3\xa4.local 1000 typ host",
	};
	struct call w;
	connect_call(&w);
	for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
		ck_assert_int_eq(sluice_peer_add_remote_candidate(w.b->peer, candidates[i]), SLUICE_MALFORMED);
	sim_close(&w.sim);
}
END_TEST

/* ---- the tool ---- */

static char said[8192];

static int begin_capture(FILE *stream) {
	fflush(stream);
	int old = dup(fileno(stream));
	FILE *file = tmpfile();
	ck_assert(file && old >= 0 && dup2(fileno(file), fileno(stream)) >= 0);
	fclose(file);
	return old;
}

/* What was said since, without the newline at its end. */
static const char *end_capture(FILE *stream, int old) {
	fflush(stream);
	ssize_t n = pread(fileno(stream), said, sizeof said - 1, 0);
	ck_assert_int_gt(n, 1);
	ck_assert_int_eq(said[n - 1], '\n');
	said[n - 1] = 0;
	dup2(old, fileno(stream));
	close(old);
	return said;
}

#define CAPTURED(stream, call)                                                                                                   \
	({                                                                                                                       \
		int old_fd = begin_capture(stream);                                                                              \
		call;                                                                                                            \
		end_capture(stream, old_fd);                                                                                     \
	})

START_TEST(test_what_the_tool_says_is_a_line_of_text) {
	ck_assert_str_eq(CAPTURED(stderr, complain("x: %s", EVIL)), "sluice: x: " EVIL_LINE);
	ck_assert_str_eq(CAPTURED(stdout, print_line("%s: received", EVIL)), EVIL_LINE ": received");
	ck_assert_str_eq(CAPTURED(stderr, usage_error("cat", "unknown '%s'", EVIL)),
	                 "sluice: unknown '" EVIL_LINE "'\nTry 'sluice cat --help'.");
	struct log log = {.verbose = true};
	ck_assert_str_eq(CAPTURED(stderr, log_line(&log, "upload of %s", EVIL)), "upload of " EVIL_LINE);
}
END_TEST

START_TEST(test_a_files_name_and_the_reason_for_its_failure_are_text) {
	char name[256], reason[300], line[1024], tight[24];
	ck_assert(transfer_safe_name(EVIL, name, sizeof name));
	ck_assert_str_eq(name, "\"_[2J_______");
	transfer_reason(EVIL, reason, sizeof reason);
	ck_assert_str_eq(reason, "the other side: " EVIL_LINE);
	transfer_reason(NULL, reason, sizeof reason);
	ck_assert_str_eq(reason, "the other side: it gives no reason");
	transfer_reason(EVIL, tight, sizeof tight);
	check_line(tight);
	struct progress p = {0};
	struct transfer_progress t = {.name = EVIL, .size = 10, .at = 5};
	check_line(progress_line(&p, &t, SLUICE_S, 120, line, sizeof line));
	ck_assert_ptr_nonnull(strstr(line, EVIL_LINE "  ["));
}
END_TEST

START_TEST(test_names_in_the_chat_hold_nothing_that_does_not_print) {
	struct client c = {0};
	ck_assert(chat_set_name(&c, "  Ann" EVIL "\xc3\xa4 "));
	ck_assert_str_eq(c.name, "Ann\"[2J\xc3\xa4");
	ck_assert(!chat_set_name(&c, "\xe2\x80\xae\xe2\x80\x8b "));
	/* Cut between characters. */
	ck_assert(chat_set_name(&c, "12345678901234567890123456789012345678901234567890123456789012\xc3\xa4"));
	ck_assert_uint_eq(strlen(c.name), 62);
}
END_TEST

/* jansson reads what we escape as it was. */
START_TEST(test_json_brings_back_what_was_written) {
	char text[200];
	int len = snprintf(text, sizeof text, "[\"");
	len += (int)text_json(EVIL, strlen(EVIL), text + len, sizeof text - (size_t)len);
	len += snprintf(text + len, sizeof text - (size_t)len, "\"]");
	json_t *json = check_json(text, (size_t)len);
	ck_assert_str_eq(json_string_value(json_array_get(json, 0)), EVIL_VALID);
	json_decref(json);
}
END_TEST

SUITE("text of the other side", test_a_label_and_a_protocol_that_are_no_text_leave_the_statistics_json,
      test_the_reason_of_an_abort_is_a_line_of_text_in_errors_logs_and_traces, test_an_abort_by_hand_gives_a_line_of_text_too,
      test_a_description_that_is_no_text_is_refused_in_text, test_a_candidate_whose_name_is_no_text_is_refused,
      test_what_the_tool_says_is_a_line_of_text, test_a_files_name_and_the_reason_for_its_failure_are_text,
      test_names_in_the_chat_hold_nothing_that_does_not_print, test_json_brings_back_what_was_written)
