/* Does the door of WHIP and WHEP (serve/whip.h) open a session for an offer, and only then; does it keep entity-tags, tokens and
 * limits as RFC 9725 has them; and does it lose nothing when somebody leaves in the middle?
 *
 * Real peers answer behind it where a connection matters; where only the order of calls matters, the test answers by hand. */
#include <netinet/in.h>
#include <stdio.h>

#include "loop_kit.h"
#include "suite.h"
#include "tools/sdpfrag.h"
#include "tools/secret.h"
#include "tools/serve/whip.h"

#define S UINT64_C(1000000000)
#define OFFER                                                                                                                    \
	"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:EsAw\r\n"                        \
	"a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\na=mid:0\r\n"
#define ANSWER                                                                                                                   \
	"v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:38sd\r\na=ice-pwd:2e13dde17c1cb009202f627fab90cb\r\n"             \
	"a=mid:0\r\na=candidate:1 1 UDP 2130706431 198.51.100.1 39132 typ host\r\na=end-of-candidates\r\n"
#define TRICKLE                                                                                                                  \
	"a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 x 0\r\na=mid:0\r\n"                                 \
	"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n"
#define RESTART "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n"

/* ---- one who answers by hand --------------------------------------------------------------------------------------- */

static struct {
	struct whip_session *last;
	unsigned offers, restarts, candidates, ends, last_candidates, woken;
	char sdp[2000], mid[8];
	const char *at_once; /* the answer from inside the call; NULL: later */
	struct refusal no;   /* status above 0: the answer from inside the call is no */
	int candidate_error;
} ops;

static bool take(struct whip_session *s, const char *sdp, size_t len, struct refusal *why) {
	ops.last = s;
	snprintf(ops.sdp, sizeof ops.sdp, "%.*s", (int)len, sdp);
	*why = ops.no;
	if (ops.no.status)
		return false;
	if (ops.at_once)
		whip_answer(s, ops.at_once, strlen(ops.at_once));
	return true;
}

static bool on_offer(void *ctx, struct whip_session *s, const char *sdp, size_t len, struct refusal *why) {
	ck_assert_ptr_eq(ctx, &ops);
	ops.offers++;
	return take(s, sdp, len, why);
}

static bool on_restart(void *ctx, struct whip_session *s, const char *sdp, size_t len, struct refusal *why) {
	(void)ctx;
	ops.restarts++;
	return take(s, sdp, len, why);
}

static int on_candidate(void *ctx, struct whip_session *s, const char *candidate, const char *mid) {
	(void)ctx;
	ck_assert_ptr_eq(s, ops.last);
	ops.candidates += candidate != NULL;
	ops.last_candidates += candidate == NULL;
	snprintf(ops.mid, sizeof ops.mid, "%s", mid ? mid : "");
	return ops.candidate_error;
}

static void on_ended(void *ctx, struct whip_session *s) {
	(void)ctx;
	(void)s;
	ops.ends++;
}

static const struct whip_ops by_hand = {on_offer, on_restart, on_candidate, on_ended};

static void on_wake(void *waiting) {
	ck_assert_ptr_eq(waiting, &ops);
	ops.woken++;
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */

static struct whip *door_new(const char *token, size_t sessions) {
	memset(&ops, 0, sizeof ops);
	ops.at_once = ANSWER;
	return whip_new(&(struct whip_config){.ops = &by_hand, .ctx = &ops, .token = token, .sessions_max = sessions});
}

static struct whip_reply reply;

static unsigned ask(struct whip *w, struct whip_request q) {
	secret_free(reply.body);
	q.if_match = q.if_match ? q.if_match : "";
	q.authorization = q.authorization ? q.authorization : "";
	q.body = q.body ? q.body : "";
	q.len = strlen(q.body);
	whip_handle(w, &q, &reply);
	return reply.status;
}

static unsigned resume(struct whip *w, const char *id) {
	secret_free(reply.body);
	whip_resume(w, id, &reply);
	return reply.status;
}

static unsigned post(struct whip *w, const char *path) {
	return ask(w, (struct whip_request){.method = "POST", .path = path, .is_sdp = true, .body = OFFER});
}

static unsigned method(struct whip *w, const char *name, const char *path) {
	return ask(w, (struct whip_request){.method = name, .path = path});
}

static unsigned patch(struct whip *w, const char *path, const char *tag, const char *body) {
	return ask(w, (struct whip_request){.method = "PATCH", .path = path, .is_fragment = true, .if_match = tag, .body = body});
}

/* A session; its URL, and its first entity-tag. */
static struct { char path[120], etag[32]; } made;

static void make(struct whip *w, const char *path) {
	ck_assert_uint_eq(post(w, path), 201);
	strcpy(made.path, reply.location);
	strcpy(made.etag, reply.etag);
}

static void done(struct whip *w, size_t sessions) {
	ck_assert_uint_eq(whip_count(w), sessions);
	secret_free(reply.body);
	reply.body = NULL;
	whip_free(w);
}

/* ---- setting up and ending ----------------------------------------------------------------------------------------- */

START_TEST(test_an_offer_gets_an_answer_a_url_and_an_entity_tag) {
	struct whip *w = door_new(NULL, 4);
	ck_assert_uint_eq(post(w, "/whip/room-1"), 201);
	ck_assert_str_eq(reply.type, "application/sdp");
	ck_assert_uint_eq(reply.len, strlen(ANSWER));
	ck_assert_str_eq(reply.body, ANSWER);
	ck_assert_int_eq(strncmp(reply.location, "/whip/room-1/", 13), 0);
	ck_assert_uint_eq(strlen(reply.location), 13 + 32);
	ck_assert(reply.etag[0] == '"' && reply.etag[strlen(reply.etag) - 1] == '"' && strlen(reply.etag) > 2);
	ck_assert_str_eq(reply.accept_patch, "application/trickle-ice-sdpfrag");
	ck_assert_str_eq(ops.sdp, OFFER);
	ck_assert(ops.last->publishing);
	ck_assert_str_eq(ops.last->room, "room-1");
	char first[120];
	strcpy(first, reply.location);
	ck_assert_uint_eq(post(w, "/whep/room-1"), 201);
	ck_assert(!ops.last->publishing);
	ck_assert_int_eq(strncmp(reply.location, "/whep/room-1/", 13), 0);
	ck_assert_str_ne(first + 13, reply.location + 13);
	done(w, 2);
	ck_assert_uint_eq(ops.ends, 2);
}
END_TEST

START_TEST(test_delete_ends_a_session_once) {
	struct whip *w = door_new(NULL, 4);
	make(w, "/whip/a");
	ck_assert_uint_eq(ask(w, (struct whip_request){.method = "DELETE", .path = made.path, .if_match = "\"old\""}), 200);
	ck_assert_ptr_null(reply.body);
	ck_assert_uint_eq(ops.ends, 1);
	ck_assert_uint_eq(method(w, "DELETE", made.path), 404);
	ck_assert_uint_eq(ops.ends, 1);
	done(w, 0);
}
END_TEST

START_TEST(test_a_session_is_found_by_its_whole_url_alone) {
	struct whip *w = door_new(NULL, 4);
	char path[200];
	make(w, "/whip/a");
	snprintf(path, sizeof path, "/whep%s", made.path + 5);
	ck_assert_uint_eq(method(w, "DELETE", path), 404);
	snprintf(path, sizeof path, "/whip/b/%s", made.path + 8);
	ck_assert_uint_eq(method(w, "DELETE", path), 404);
	snprintf(path, sizeof path, "%s/", made.path);
	ck_assert_uint_eq(method(w, "DELETE", path), 404);
	snprintf(path, sizeof path, "%.*s", (int)strlen(made.path) - 1, made.path);
	ck_assert_uint_eq(method(w, "DELETE", path), 404);
	ck_assert_uint_eq(method(w, "DELETE", "/whip/a/"), 404);
	ck_assert_uint_eq(method(w, "DELETE", "/whip/a"), 405);
	ck_assert_uint_eq(method(w, "POST", "/whip/"), 404);
	ck_assert_uint_eq(method(w, "POST", "/whip/a%20b"), 404);
	ck_assert_uint_eq(method(w, "GET", made.path), 204);
	done(w, 1);
}
END_TEST

START_TEST(test_methods_types_and_offers_that_are_wrong) {
	struct whip *w = door_new(NULL, 4);
	ck_assert_uint_eq(method(w, "GET", "/whip/a"), 204);
	ck_assert_uint_eq(method(w, "HEAD", "/whep/a"), 204);
	ck_assert_uint_eq(method(w, "PUT", "/whip/a"), 405);
	ck_assert_str_eq(reply.allow, "POST, GET, HEAD, OPTIONS");
	ck_assert_uint_eq(method(w, "OPTIONS", "/whip/a"), 200);
	ck_assert_str_eq(reply.accept_post, "application/sdp");
	ck_assert_uint_eq(ask(w, (struct whip_request){.method = "POST", .path = "/whip/a", .body = OFFER}), 415);
	ck_assert_uint_eq(
		ask(w, (struct whip_request){.method = "POST", .path = "/whip/a", .is_sdp = true, .body = "v=0\nnonsense"}), 400);
	ck_assert_uint_eq(reply.why.line, 2);
	ck_assert_uint_eq(ops.offers, 0);
	make(w, "/whip/a");
	ck_assert_uint_eq(method(w, "POST", made.path), 405);
	ck_assert_str_eq(reply.allow, "PATCH, DELETE, GET, HEAD, OPTIONS");
	ck_assert_uint_eq(method(w, "OPTIONS", made.path), 200);
	ck_assert_str_eq(reply.accept_patch, "application/trickle-ice-sdpfrag");
	ops.no = (struct refusal){.status = 409, .retry_after = 7, .text = "nobody publishes"};
	ck_assert_uint_eq(post(w, "/whep/b"), 409);
	ck_assert_uint_eq(reply.why.retry_after, 7);
	ck_assert_str_eq(reply.why.text, "nobody publishes");
	ck_assert_uint_eq(ops.ends, 0); /* it was not taken */
	done(w, 1);
}
END_TEST

START_TEST(test_a_token_is_asked_for_in_every_request_but_options) {
	static const char *const wrong[] = {"",
	                                    "Bearer",
	                                    "Bearer ",
	                                    "Basic secret",
	                                    "secret",
	                                    "Bearer secre",
	                                    "Bearer secret2",
	                                    "Bearer secret ",
	                                    "Bearer\tsecret"};
	struct whip *w = door_new("secret", 4);
	struct whip_request q = {.method = "POST", .path = "/whip/a", .is_sdp = true, .body = OFFER};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		q.authorization = wrong[i];
		ck_assert_msg(ask(w, q) == 401, "'%s'", wrong[i]);
		ck_assert_str_eq(reply.authenticate, "Bearer");
	}
	ck_assert_uint_eq(ops.offers, 0);
	q.authorization = "bearer  secret";
	ck_assert_uint_eq(ask(w, q), 201);
	strcpy(made.path, reply.location);
	ck_assert_uint_eq(method(w, "DELETE", made.path), 401);
	ck_assert_uint_eq(method(w, "GET", "/whip/a"), 401);
	ck_assert_uint_eq(method(w, "OPTIONS", "/whip/a"), 200);
	ck_assert_uint_eq(ask(w, (struct whip_request){.method = "DELETE", .path = made.path, .authorization = "Bearer secret"}),
	                  200);
	done(w, 0);
}
END_TEST

START_TEST(test_there_are_only_so_many_sessions) {
	struct whip *w = door_new(NULL, 3);
	for (int i = 0; i < 3; i++)
		make(w, "/whip/a");
	ck_assert_uint_eq(post(w, "/whip/a"), 503);
	ck_assert_uint_gt(reply.why.retry_after, 0);
	ck_assert(reply.why.limit);
	ck_assert_uint_eq(ops.offers, 3);
	ck_assert_uint_eq(method(w, "DELETE", made.path), 200);
	make(w, "/whip/a");
	done(w, 3);
}
END_TEST

/* ---- answers that come later --------------------------------------------------------------------------------------- */

static void post_and_wait(struct whip *w, const char *path, char id[WHIP_ID_SIZE]) {
	ck_assert_uint_eq(post(w, path), 0);
	strcpy(id, reply.id);
	whip_wait(w, id, &ops, on_wake);
}

START_TEST(test_an_answer_may_come_later) {
	struct whip *w = door_new(NULL, 4);
	char id[WHIP_ID_SIZE], path[120];
	ops.at_once = NULL;
	post_and_wait(w, "/whip/a", id);
	snprintf(path, sizeof path, "/whip/a/%s", id);
	ck_assert_uint_eq(method(w, "DELETE", path), 404); /* nobody knows its URL yet */
	ck_assert(!whip_room_is_live(ops.last));
	whip_answer(ops.last, ANSWER, strlen(ANSWER));
	ck_assert_uint_eq(ops.woken, 1);
	whip_answer(ops.last, "another", 7); /* is not asked for */
	ck_assert_uint_eq(resume(w, id), 201);
	ck_assert_str_eq(reply.body, ANSWER);
	ck_assert_str_eq(reply.location, path);
	ck_assert(whip_room_is_live(ops.last));
	ck_assert_uint_eq(method(w, "DELETE", path), 200);
	done(w, 0);
}
END_TEST

START_TEST(test_a_refusal_may_come_later_and_ends_the_session) {
	struct whip *w = door_new(NULL, 4);
	char id[WHIP_ID_SIZE];
	ops.at_once = NULL;
	post_and_wait(w, "/whip/a", id);
	whip_refuse(ops.last, &(struct refusal){.status = 422, .text = "no codec of it"});
	ck_assert_uint_eq(resume(w, id), 422);
	ck_assert_str_eq(reply.why.text, "no codec of it");
	ck_assert_uint_eq(ops.ends, 1);
	done(w, 0);
}
END_TEST

START_TEST(test_an_answer_that_does_not_come_in_time_ends_the_session) {
	struct whip *w = door_new(NULL, 4);
	char id[WHIP_ID_SIZE];
	ops.at_once = NULL;
	post_and_wait(w, "/whip/a", id);
	ck_assert_uint_eq(resume(w, id), 503);
	ck_assert_uint_gt(reply.why.retry_after, 0);
	ck_assert_uint_eq(ops.ends, 1);
	ck_assert_uint_eq(resume(w, id), 503);
	done(w, 0);
}
END_TEST

START_TEST(test_who_leaves_before_the_answer_leaves_nothing_behind) {
	struct whip *w = door_new(NULL, 4);
	char id[WHIP_ID_SIZE];
	ops.at_once = NULL;
	post_and_wait(w, "/whip/a", id);
	whip_abandon(w, id);
	ck_assert_uint_eq(ops.ends, 1);
	post_and_wait(w, "/whip/a", id); /* the answer is there, and was not fetched */
	whip_answer(ops.last, ANSWER, strlen(ANSWER));
	whip_abandon(w, id);
	ck_assert_uint_eq(ops.ends, 2);
	whip_abandon(w, id);
	done(w, 0);
}
END_TEST

START_TEST(test_a_connection_that_ends_takes_its_session_along) {
	struct whip *w = door_new(NULL, 4);
	char id[WHIP_ID_SIZE];
	make(w, "/whip/a");
	whip_end(ops.last);
	ck_assert_uint_eq(method(w, "DELETE", made.path), 404);
	ops.at_once = NULL;
	post_and_wait(w, "/whip/a", id);
	whip_end(ops.last);
	ck_assert_uint_eq(ops.woken, 1);
	ck_assert_uint_eq(resume(w, id), 503);
	post_and_wait(w, "/whip/a", id);
	whip_end(ops.last);
	whip_abandon(w, id); /* both left at once */
	ck_assert_uint_eq(ops.ends, 0);
	done(w, 0);
}
END_TEST

START_TEST(test_a_room_is_live_while_somebody_publishes_in_it) {
	struct whip *w = door_new(NULL, 4);
	make(w, "/whep/a");
	struct whip_session *watching = ops.last;
	ck_assert(!whip_room_is_live(watching));
	make(w, "/whip/b");
	ck_assert(!whip_room_is_live(watching));
	make(w, "/whip/a");
	ck_assert(whip_room_is_live(watching));
	ck_assert_uint_eq(method(w, "DELETE", made.path), 200);
	ck_assert(!whip_room_is_live(watching));
	done(w, 2);
}
END_TEST

START_TEST(test_servers_that_a_client_may_use_are_written_as_links) {
	static const struct servers servers = {.list = {{"stun:stun.example.net", NULL, NULL},
	                                                {"turn:turn.example.net?transport=udp", "user", "myPassword"},
	                                                {"turn:a.test", "a\"b\\c", "x"},
	                                                {"turn:a.test", "a\r\nb", "x"}},
	                                       .count = 4};
	static const char *const links[] = {
		"<stun:stun.example.net>; rel=\"ice-server\"",
		"<turn:turn.example.net?transport=udp>; rel=\"ice-server\"; username=\"user\"; credential=\"myPassword\"",
		"<turn:a.test>; rel=\"ice-server\"; username=\"a\\\"b\\\\c\"; credential=\"x\"",
	};
	struct whip *w = whip_new(&(struct whip_config){.ops = &by_hand, .ctx = &ops, .servers = &servers});
	char text[200];
	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(links[i]);
		ck_assert_uint_eq(whip_link(w, i, text, sizeof text), len);
		ck_assert_str_eq(text, links[i]);
		ck_assert_uint_eq(whip_link(w, i, text, len + 1), len);
		ck_assert_uint_eq(whip_link(w, i, text, len), 0);
	}
	ck_assert_uint_eq(whip_link(w, 3, text, sizeof text), 0);
	ck_assert_uint_eq(whip_link(w, 4, text, sizeof text), 0);
	whip_free(w);
	w = door_new(NULL, 1);
	ck_assert_uint_eq(whip_link(w, 0, text, sizeof text), 0);
	whip_free(w);
}
END_TEST

/* ---- PATCH --------------------------------------------------------------------------------------------------------- */

START_TEST(test_candidates_come_one_by_one_under_the_right_entity_tag) {
	struct whip *w = door_new(NULL, 4);
	char tags[80];
	make(w, "/whip/a");
	ck_assert_uint_eq(patch(w, made.path, made.etag, TRICKLE), 204);
	ck_assert_ptr_null(reply.body);
	ck_assert_str_eq(reply.etag, "");
	ck_assert_uint_eq(ops.candidates, 1);
	ck_assert_uint_eq(ops.last_candidates, 1);
	ck_assert_str_eq(ops.mid, "0");
	ck_assert_uint_eq(patch(w, made.path, "*", "a=candidate:1 1 udp 1 192.0.2.1 9 typ host"), 204);
	snprintf(tags, sizeof tags, "\"x\" , %s ,\"y\"", made.etag);
	ck_assert_uint_eq(patch(w, made.path, tags, ""), 204);
	ck_assert_uint_eq(patch(w, made.path, "", TRICKLE), 428);
	ck_assert_uint_eq(patch(w, made.path, "\"x\"", TRICKLE), 412);
	snprintf(tags, sizeof tags, "W/%s", made.etag);
	ck_assert_uint_eq(patch(w, made.path, tags, TRICKLE), 412);
	ck_assert_uint_eq(patch(w, made.path, ",", TRICKLE), 412);
	ck_assert_uint_eq(patch(w, made.path, made.etag, "nonsense"), 400);
	ck_assert_uint_eq(patch(w, made.path, "", "a=ice-ufrag:abcd"), 400); /* it would fail with the entity-tag too */
	ck_assert_uint_eq(
		ask(w, (struct whip_request){.method = "PATCH", .path = made.path, .if_match = made.etag, .body = TRICKLE}), 415);
	ck_assert_uint_eq(ops.candidates, 2);
	done(w, 1);
}
END_TEST

START_TEST(test_a_candidate_of_no_use_is_discarded_and_one_that_is_none_is_told) {
	struct whip *w = door_new(NULL, 4);
	make(w, "/whip/a");
	ops.candidate_error = SLUICE_LIMIT;
	ck_assert_uint_eq(patch(w, made.path, "*", "a=candidate:1\r\na=candidate:2\r\n"), 204);
	ck_assert_uint_eq(ops.candidates, 2);
	ops.candidate_error = SLUICE_MALFORMED;
	ck_assert_uint_eq(patch(w, made.path, "*", "m=x\r\na=candidate:1\r\na=candidate:2\r\n"), 400);
	ck_assert_uint_eq(reply.why.line, 2);
	ck_assert_uint_eq(ops.candidates, 3);
	done(w, 1);
}
END_TEST

START_TEST(test_new_credentials_restart_ice_under_a_new_entity_tag) {
	struct whip *w = door_new(NULL, 4);
	make(w, "/whip/a");
	ck_assert_uint_eq(patch(w, made.path, "\"*\"", RESTART), 200);
	ck_assert_str_eq(reply.type, "application/trickle-ice-sdpfrag");
	ck_assert_str_eq(reply.body, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:38sd\r\n"
	                             "a=ice-pwd:2e13dde17c1cb009202f627fab90cb\r\n"
	                             "a=candidate:1 1 UDP 2130706431 198.51.100.1 39132 typ host\r\na=end-of-candidates\r\n");
	ck_assert_str_ne(reply.etag, made.etag);
	ck_assert_str_ne(reply.etag, "");
	ck_assert_ptr_nonnull(strstr(ops.sdp, "o=- 1 2 IN"));
	ck_assert_ptr_nonnull(strstr(ops.sdp, "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n"));
	char now[32];
	strcpy(now, reply.etag);
	ck_assert_uint_eq(patch(w, made.path, made.etag, TRICKLE), 412);
	ck_assert_uint_eq(patch(w, made.path, now, RESTART "a=candidate:1 1 udp 1 192.0.2.1 9 typ host"),
	                  204); /* these hold now */
	ck_assert_uint_eq(ops.restarts, 1);
	ck_assert_uint_eq(patch(w, made.path, now, TRICKLE), 200); /* back to the first ones is another restart */
	ck_assert_ptr_nonnull(strstr(ops.sdp, "o=- 1 3 IN"));
	done(w, 1);
}
END_TEST

START_TEST(test_a_restart_that_fails_leaves_the_session_as_it_is) {
	struct whip *w = door_new(NULL, 4);
	make(w, "/whip/a");
	ops.no = (struct refusal){.status = 503, .text = "not now"};
	ck_assert_uint_eq(patch(w, made.path, "*", RESTART), 503);
	ops.no.status = 0;
	ops.at_once = NULL;
	ck_assert_uint_eq(patch(w, made.path, "*", RESTART), 0);
	whip_wait(w, reply.id, &ops, on_wake);
	char id[WHIP_ID_SIZE];
	strcpy(id, reply.id);
	ck_assert_uint_eq(patch(w, made.path, "*", RESTART), 409); /* one is under way */
	ck_assert_uint_eq(patch(w, made.path, made.etag, TRICKLE), 204);
	whip_refuse(ops.last, &(struct refusal){.status = 422, .text = "no"});
	ck_assert_uint_eq(resume(w, id), 422);
	ck_assert_uint_eq(patch(w, made.path, made.etag, TRICKLE), 204);
	ops.at_once = "v=0"; /* an answer without credentials */
	ck_assert_uint_eq(patch(w, made.path, "*", RESTART), 500);
	ck_assert_uint_eq(ops.ends, 0);
	done(w, 1);
}
END_TEST

START_TEST(test_the_answer_to_a_restart_that_nobody_waits_for_still_holds) {
	struct whip *w = door_new(NULL, 4);
	make(w, "/whip/a");
	ops.at_once = NULL;
	for (int round = 0; round < 2; round++) {
		char id[WHIP_ID_SIZE];
		ck_assert_uint_eq(
			patch(w, made.path, "*", round ? "a=ice-ufrag:zzzz\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n" : RESTART),
			0);
		strcpy(id, reply.id);
		whip_wait(w, id, &ops, on_wake);
		if (round)
			whip_abandon(w, id);
		else
			ck_assert_uint_eq(resume(w, id), 503);
		ck_assert_uint_eq(patch(w, made.path, "*", "a=ice-ufrag:yyyy\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n"), 409);
		whip_answer(ops.last, ANSWER, strlen(ANSWER));
		ck_assert_uint_eq(ops.woken, 0);
	}
	ck_assert_uint_eq(patch(w, made.path, made.etag, TRICKLE), 412); /* the entity-tag is another one */
	ops.at_once = ANSWER;
	ck_assert_uint_eq(patch(w, made.path, "*", RESTART), 200);
	ck_assert_str_eq(reply.etag, "\"ice-4\"");
	done(w, 1);
}
END_TEST

START_TEST(test_what_the_ops_do_not_support_is_told) {
	struct whip_ops some = {on_offer, NULL, on_candidate, on_ended};
	memset(&ops, 0, sizeof ops);
	ops.at_once = ANSWER;
	struct whip *w = whip_new(&(struct whip_config){.ops = &some, .ctx = &ops, .sessions_max = 4});
	make(w, "/whip/a");
	ck_assert_uint_eq(patch(w, made.path, "*", RESTART), 422);
	some.candidate = NULL;
	some.restart = on_restart;
	ck_assert_uint_eq(patch(w, made.path, "*", TRICKLE), 422);
	ck_assert_uint_eq(patch(w, made.path, "*", RESTART), 200);
	some.restart = NULL;
	ck_assert_uint_eq(patch(w, made.path, "*", TRICKLE), 405);
	ck_assert_str_eq(reply.allow, "DELETE, GET, HEAD, OPTIONS");
	make(w, "/whip/a");
	ck_assert_ptr_null(reply.accept_patch);
	done(w, 2);
}
END_TEST

START_TEST(test_a_flood_of_patches_is_slowed_down) {
	struct whip *w = door_new(NULL, 4);
	unsigned taken = 0;
	struct whip_request q = {.method = "PATCH", .is_fragment = true, .if_match = "*", .body = TRICKLE};
	make(w, "/whip/a");
	q.path = made.path;
	for (q.now = S; q.now <= 11 * S; q.now += S / 100) {
		unsigned status = ask(w, q);
		ck_assert(status == 204 || status == 429);
		taken += status == 204;
	}
	ck_assert_uint_ge(taken, 64 + 155);
	ck_assert_uint_le(taken, 64 + 165);
	done(w, 1);
}
END_TEST

/* ---- behind it, a real peer ---------------------------------------------------------------------------------------- */

static struct kit_world world;
static char description[SLUICE_SDP_MAX];

static struct whip_session *the_session;

static bool answer_by_peer(void *ctx, struct whip_session *s, const char *sdp, size_t len, struct refusal *why) {
	struct kit_end *b = ctx;
	the_session = s;
	if (sluice_peer_set_remote_description(b->peer, SLUICE_SDP_OFFER, sdp, len) ||
	    sluice_peer_set_local_description(b->peer, SLUICE_SDP_ANSWER, NULL))
		return refusal_set(why, 400, "no offer");
	b->described = true;
	return true; /* when its candidates are there */
}

static int candidate_to_peer(void *ctx, struct whip_session *s, const char *candidate, const char *mid) {
	(void)s;
	(void)mid;
	return sluice_peer_add_remote_candidate(((struct kit_end *)ctx)->peer, candidate);
}

static void end_peer(void *ctx, struct whip_session *s) {
	(void)s;
	sluice_peer_close(((struct kit_end *)ctx)->peer);
}

static const struct whip_ops by_peer = {answer_by_peer, answer_by_peer, candidate_to_peer, end_peer};

static bool is_gathered(const struct kit_end *e) {
	return sluice_peer_gathering_state(e->peer) == SLUICE_GATHERING_COMPLETE;
}

static void answer_when_gathered(struct whip_session *s) {
	KIT_RUN_UNTIL(world.loop, is_gathered(&world.b));
	int len = sluice_peer_local_description(world.b.peer, NULL, description, sizeof description);
	ck_assert_int_gt(len, 0);
	whip_answer(s, description, (size_t)len);
}

static void gather(struct kit_end *e) {
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const sluice_gather_config config = {
		.size = sizeof config, .bind = (const struct sockaddr *)&in, .bind_len = sizeof in, .loopback = true};
	ck_assert_int_eq(sluice_loop_gather(e->loop, e->peer, &config), 0);
}

/* The offer of a: with its candidates, when they are there; or without any. */
static size_t offer_of_a(bool candidates, struct sdpfrag *f) {
	size_t n;
	ck_assert_int_eq(sluice_peer_set_local_description(world.a.peer, SLUICE_SDP_OFFER, NULL), 0);
	if (candidates)
		KIT_RUN_UNTIL(world.loop, is_gathered(&world.a));
	int len = sluice_peer_local_description(world.a.peer, NULL, description, sizeof description);
	ck_assert_ptr_null(sdpfrag_read(f, description, (size_t)len, NULL));
	if (candidates)
		return (size_t)len;
	f->candidate_count = 0;
	f->end_of_candidates = false;
	char *bare = sdpfrag_apply(f, description, (size_t)len, &n);
	memcpy(description, bare, n + 1);
	secret_free(bare);
	return n;
}

static void set_answer(const char *sdp, size_t len) {
	ck_assert_int_eq(sluice_peer_set_remote_description(world.a.peer, SLUICE_SDP_ANSWER, sdp, len), 0);
}

static unsigned ask_and_wait(struct whip *w, const struct whip_request *q) {
	unsigned status = ask(w, *q);
	if (status)
		return status;
	char id[WHIP_ID_SIZE];
	strcpy(id, reply.id);
	answer_when_gathered(the_session);
	return resume(w, id);
}

/* What trickles is the fragment of the whole offer. */
static void trickle_offer_of_a(struct whip *w) {
	struct sdpfrag f;
	char fragment[4096];
	KIT_RUN_UNTIL(world.loop, is_gathered(&world.a));
	int len = sluice_peer_local_description(world.a.peer, NULL, description, sizeof description);
	ck_assert_ptr_null(sdpfrag_read(&f, description, (size_t)len, NULL));
	ck_assert_uint_gt(sdpfrag_write(&f, fragment, sizeof fragment), 0);
	ck_assert_uint_gt(f.candidate_count, 0);
	sdpfrag_free(&f);
	ck_assert_uint_eq(patch(w, made.path, made.etag, fragment), 204);
}

/* The answer that holds, changed by the fragment of the reply. */
static void restart_by_patch(struct whip *w, const char *answer) {
	struct sdpfrag f;
	char fragment[4096];
	size_t n;
	ck_assert_int_eq(sluice_peer_restart_ice(world.a.peer), 0);
	offer_of_a(true, &f);
	sdpfrag_write(&f, fragment, sizeof fragment);
	sdpfrag_free(&f);
	const struct whip_request q = {
		.method = "PATCH", .path = made.path, .is_fragment = true, .if_match = "*", .body = fragment};
	ck_assert_uint_eq(ask_and_wait(w, &q), 200);
	ck_assert_str_ne(reply.etag, made.etag);
	ck_assert_ptr_null(sdpfrag_read(&f, reply.body, reply.len, NULL));
	char *changed = sdpfrag_apply(&f, answer, strlen(answer), &n);
	set_answer(changed, n);
	secret_free(changed);
	sdpfrag_free(&f);
}

static void messages_pass(void) {
	unsigned before = world.b.messages;
	kit_send(&world.a, 3, 100);
	KIT_RUN_UNTIL(world.loop, world.b.messages == before + 3);
}

START_TEST(test_real_peers_connect_trickle_restart_and_end) {
	struct sdpfrag f;
	static char answer[SLUICE_SDP_MAX];
	kit_world_init(&world, NULL);
	struct whip *w = whip_new(&(struct whip_config){.ops = &by_peer, .ctx = &world.b, .sessions_max = 4});
	gather(&world.a);
	gather(&world.b);
	kit_open_channel(&world.a);
	offer_of_a(false, &f);
	sdpfrag_free(&f);
	const struct whip_request q = {.method = "POST", .path = "/whip/a", .is_sdp = true, .body = description};
	ck_assert_uint_eq(ask_and_wait(w, &q), 201);
	strcpy(made.path, reply.location);
	strcpy(made.etag, reply.etag);
	snprintf(answer, sizeof answer, "%.*s", (int)reply.len, reply.body);
	trickle_offer_of_a(w);
	set_answer(answer, strlen(answer));
	KIT_RUN_UNTIL(world.loop, kit_is_open(&world.a, &world.b));
	messages_pass();
	restart_by_patch(w, answer);
	messages_pass();
	ck_assert_uint_eq(method(w, "DELETE", made.path), 200);
	KIT_RUN_UNTIL(world.loop, world.a.over && world.b.over);
	done(w, 0);
	kit_world_free(&world);
}
END_TEST

SUITE("tool_whip", test_an_offer_gets_an_answer_a_url_and_an_entity_tag, test_delete_ends_a_session_once,
      test_a_session_is_found_by_its_whole_url_alone, test_methods_types_and_offers_that_are_wrong,
      test_a_token_is_asked_for_in_every_request_but_options, test_there_are_only_so_many_sessions, test_an_answer_may_come_later,
      test_a_refusal_may_come_later_and_ends_the_session, test_an_answer_that_does_not_come_in_time_ends_the_session,
      test_who_leaves_before_the_answer_leaves_nothing_behind, test_a_connection_that_ends_takes_its_session_along,
      test_a_room_is_live_while_somebody_publishes_in_it, test_servers_that_a_client_may_use_are_written_as_links,
      test_candidates_come_one_by_one_under_the_right_entity_tag,
      test_a_candidate_of_no_use_is_discarded_and_one_that_is_none_is_told,
      test_new_credentials_restart_ice_under_a_new_entity_tag, test_a_restart_that_fails_leaves_the_session_as_it_is,
      test_the_answer_to_a_restart_that_nobody_waits_for_still_holds, test_what_the_ops_do_not_support_is_told,
      test_a_flood_of_patches_is_slowed_down, test_real_peers_connect_trickle_restart_and_end)
