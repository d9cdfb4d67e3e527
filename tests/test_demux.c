/* The tables of an endpoint: does every datagram find its peer, and do the tables stay within their bounds? */
#include "loop/demux.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "pool/env.h"
#include "suite.h"

struct world {
	sluice_env *env;
	struct demux t;
};

static void world_init(struct world *w) {
	ck_assert_int_eq(sluice_env_new(NULL, &w->env), 0);
	ck_assert(demux_init(&w->t, w->env));
}

static void world_free(struct world *w) {
	ck_assert(demux_check(&w->t));
	ck_assert_uint_eq(w->t.name_count, 0);
	ck_assert_uint_eq(w->t.address_count, 0);
	demux_deinit(&w->t);
	ck_assert_uint_eq(w->env->blocks.live, 0);
	sluice_env_free(w->env);
}

static struct sockaddr_storage v4(uint32_t host, uint16_t port) {
	struct sockaddr_storage a = {0};
	*(struct sockaddr_in *)&a = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(host), .sin_port = htons(port)};
	return a;
}

static struct sockaddr_storage v6(uint8_t last, uint16_t port, uint32_t scope) {
	struct sockaddr_storage a = {0};
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a;
	*in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = scope};
	in6->sin6_addr.s6_addr[15] = last;
	return a;
}

static struct demux_member *by_name(const struct world *w, const char *name) {
	return demux_by_name(&w->t, name, strlen(name));
}

START_TEST(test_a_member_is_found_by_its_ufrag_and_by_the_one_before_a_restart) {
	struct world w;
	struct demux_member m = {0};
	world_init(&w);
	ck_assert_int_eq(demux_name(&w.t, &m, "one"), 0);
	ck_assert_int_eq(demux_name(&w.t, &m, "one"), 0);
	ck_assert_int_eq(demux_name(&w.t, &m, "two"), 0);
	ck_assert_ptr_eq(by_name(&w, "one"), &m);
	ck_assert_ptr_eq(by_name(&w, "two"), &m);
	ck_assert_int_eq(demux_name(&w.t, &m, "three"), 0);
	ck_assert_ptr_null(by_name(&w, "one"));
	ck_assert_ptr_eq(by_name(&w, "two"), &m);
	ck_assert_ptr_eq(by_name(&w, "three"), &m);
	ck_assert_ptr_null(by_name(&w, "thre"));
	demux_forget(&w.t, &m);
	world_free(&w);
}
END_TEST

START_TEST(test_a_restart_that_is_taken_back_changes_the_names_places) {
	struct world w;
	struct demux_member m = {0};
	world_init(&w);
	ck_assert_int_eq(demux_name(&w.t, &m, "one"), 0);
	ck_assert_int_eq(demux_name(&w.t, &m, "two"), 0);
	ck_assert_int_eq(demux_name(&w.t, &m, "one"), 0);
	ck_assert_int_eq(demux_name(&w.t, &m, "three"), 0);
	ck_assert_ptr_null(by_name(&w, "two"));
	ck_assert_ptr_eq(by_name(&w, "one"), &m);
	demux_forget(&w.t, &m);
	world_free(&w);
}
END_TEST

START_TEST(test_a_ufrag_belongs_to_one_member_and_has_a_length) {
	struct world w;
	struct demux_member a = {0}, b = {0};
	char long_one[DEMUX_UFRAG_MAX + 2];
	world_init(&w);
	memset(long_one, 'x', sizeof long_one);
	long_one[sizeof long_one - 1] = 0;
	ck_assert_int_eq(demux_name(&w.t, &a, "one"), 0);
	ck_assert_int_eq(demux_name(&w.t, &b, "one"), SLUICE_EXISTS);
	ck_assert_int_eq(demux_name(&w.t, &b, ""), SLUICE_INVALID);
	ck_assert_int_eq(demux_name(&w.t, &b, long_one), SLUICE_INVALID);
	long_one[DEMUX_UFRAG_MAX] = 0;
	ck_assert_int_eq(demux_name(&w.t, &b, long_one), 0);
	ck_assert_ptr_eq(by_name(&w, long_one), &b);
	demux_forget(&w.t, &a);
	demux_forget(&w.t, &b);
	world_free(&w);
}
END_TEST

START_TEST(test_an_address_is_one_of_family_port_host_and_scope) {
	struct world w;
	struct demux_member m[5] = {0};
	world_init(&w);
	struct sockaddr_storage addrs[] = {v4(0x7F000001, 5000), v4(0x7F000001, 5001), v4(0x7F000002, 5000), v6(1, 5000, 0),
	                                   v6(1, 5000, 3)};
	for (int i = 0; i < 5; i++)
		demux_learn(&w.t, &m[i], &addrs[i], DEMUX_BY_ANSWER, 0);
	for (int i = 0; i < 5; i++)
		ck_assert_ptr_eq(demux_by_address(&w.t, &addrs[i]), &m[i]);
	struct sockaddr_storage flow = addrs[3];
	((struct sockaddr_in6 *)&flow)->sin6_flowinfo = htonl(77); /* not a part of it */
	ck_assert_ptr_eq(demux_by_address(&w.t, &flow), &m[3]);
	for (int i = 0; i < 5; i++)
		demux_forget(&w.t, &m[i]);
	world_free(&w);
}
END_TEST

START_TEST(test_an_address_moves_to_who_learns_it_and_dies_with_its_member) {
	struct world w;
	struct demux_member a = {0}, b = {0};
	world_init(&w);
	struct sockaddr_storage addr = v4(0x7F000001, 5000);
	demux_learn(&w.t, &a, &addr, DEMUX_BY_ANSWER, 0);
	demux_learn(&w.t, &b, &addr, DEMUX_BY_ANSWER, 0);
	ck_assert_ptr_eq(demux_by_address(&w.t, &addr), &b);
	ck_assert_uint_eq(a.address_count, 0);
	demux_forget(&w.t, &a);
	ck_assert_ptr_eq(demux_by_address(&w.t, &addr), &b);
	demux_forget(&w.t, &b);
	ck_assert_ptr_null(demux_by_address(&w.t, &addr));
	world_free(&w);
}
END_TEST

START_TEST(test_a_request_moves_an_address_only_from_who_is_silent_there) {
	struct world w;
	struct demux_member a = {0}, b = {0};
	world_init(&w);
	struct sockaddr_storage addr = v4(0x7F000001, 5000);
	demux_learn(&w.t, &a, &addr, DEMUX_BY_REQUEST, 100 * SLUICE_S);
	demux_learn(&w.t, &b, &addr, DEMUX_BY_REQUEST, 106 * SLUICE_S);
	ck_assert_ptr_eq(demux_by_address(&w.t, &addr), &a);
	demux_learn(&w.t, &a, &addr, DEMUX_BY_REQUEST, 106 * SLUICE_S);
	demux_learn(&w.t, &b, &addr, DEMUX_BY_REQUEST, 112 * SLUICE_S);
	ck_assert_ptr_eq(demux_by_address(&w.t, &addr), &a);
	demux_learn(&w.t, &b, &addr, DEMUX_BY_REQUEST, 113 * SLUICE_S);
	ck_assert_ptr_eq(demux_by_address(&w.t, &addr), &b);
	demux_learn(&w.t, &a, &addr, DEMUX_BY_ANSWER, 113 * SLUICE_S);
	ck_assert_ptr_eq(demux_by_address(&w.t, &addr), &a);
	demux_forget(&w.t, &a);
	demux_forget(&w.t, &b);
	world_free(&w);
}
END_TEST

START_TEST(test_a_member_keeps_the_addresses_that_it_used_last) {
	struct world w;
	struct demux_member m = {0};
	world_init(&w);
	struct sockaddr_storage first = v4(0x7F000001, 1);
	demux_learn(&w.t, &m, &first, DEMUX_BY_ANSWER, 0);
	for (uint16_t port = 2; port < 200; port++) {
		struct sockaddr_storage addr = v4(0x7F000001, port);
		demux_learn(&w.t, &m, &addr, DEMUX_BY_ANSWER, 0);
		demux_learn(&w.t, &m, &first, DEMUX_BY_ANSWER, 0); /* in use */
	}
	struct sockaddr_storage old = v4(0x7F000001, 2), young = v4(0x7F000001, 199);
	ck_assert_uint_eq(m.address_count, DEMUX_ADDRESSES);
	ck_assert_ptr_eq(demux_by_address(&w.t, &first), &m);
	ck_assert_ptr_eq(demux_by_address(&w.t, &young), &m);
	ck_assert_ptr_null(demux_by_address(&w.t, &old));
	demux_forget(&w.t, &m);
	world_free(&w);
}
END_TEST

START_TEST(test_ten_thousand_members_are_told_apart) {
	enum { MEMBERS = 10000 };
	static struct demux_member m[MEMBERS];
	struct world w;
	char name[16];
	world_init(&w);
	for (int i = 0; i < MEMBERS; i++) {
		struct sockaddr_storage addr = v4(0x0A000000 + (uint32_t)i, 40000);
		snprintf(name, sizeof name, "u%d", i);
		ck_assert_int_eq(demux_name(&w.t, &m[i], name), 0);
		demux_learn(&w.t, &m[i], &addr, DEMUX_BY_ANSWER, 0);
	}
	ck_assert(demux_check(&w.t));
	for (int i = 0; i < MEMBERS; i++) {
		struct sockaddr_storage addr = v4(0x0A000000 + (uint32_t)i, 40000);
		snprintf(name, sizeof name, "u%d", i);
		ck_assert_ptr_eq(by_name(&w, name), &m[i]);
		ck_assert_ptr_eq(demux_by_address(&w.t, &addr), &m[i]);
	}
	for (int i = 0; i < MEMBERS; i++)
		demux_forget(&w.t, &m[i]);
	world_free(&w);
}
END_TEST

START_TEST(test_an_answer_finds_who_asked_until_that_one_is_gone_and_requests_take_no_more_than_their_place) {
	struct world w;
	struct demux_member a = {0}, b = {0};
	world_init(&w);
	const uint8_t id[] = "abcdefghijkl";
	ck_assert_ptr_null(demux_by_transaction(&w.t, id));
	demux_note(&w.t, &a, id);
	ck_assert_ptr_eq(demux_by_transaction(&w.t, id), &a);
	size_t live = w.env->blocks.live;
	for (uint32_t i = 0; i < 100000; i++) {
		uint8_t other[12] = {0};
		memcpy(other, &i, sizeof i);
		demux_note(&w.t, &b, other);
		ck_assert_ptr_eq(demux_by_transaction(&w.t, other), &b);
	}
	ck_assert_uint_eq(w.env->blocks.live, live);
	ck_assert_uint_eq(a.transaction_count, 0);
	demux_note(&w.t, &a, id); /* sent again */
	ck_assert_ptr_eq(demux_by_transaction(&w.t, id), &a);
	demux_forget(&w.t, &a);
	ck_assert_ptr_null(demux_by_transaction(&w.t, id));
	demux_forget(&w.t, &b);
	ck_assert_uint_eq(b.transaction_count, 0);
	world_free(&w);
}
END_TEST

/* A binding request with an attribute of odd length before its USERNAME. */
static size_t request(uint8_t *out, const char *username) {
	size_t len = strlen(username), at = 20;
	memset(out, 0, 512);
	out[1] = 1;
	memcpy(out + 4, "\x21\x12\xA4\x42", 4);
	memcpy(out + at, "\x80\x22\x00\x05sluic", 9);
	at += 12;
	out[at + 1] = 6;
	out[at + 2] = (uint8_t)(len >> 8);
	out[at + 3] = (uint8_t)len;
	memcpy(out + at + 4, username, len);
	at += 4 + (len + 3) / 4 * 4;
	out[2] = (uint8_t)((at - 20) >> 8);
	out[3] = (uint8_t)(at - 20);
	return at;
}

START_TEST(test_a_request_names_two_ufrags) {
	uint8_t message[600];
	char ours[DEMUX_UFRAG_MAX + 1], theirs[DEMUX_UFRAG_MAX + 1];
	size_t len = request(message, "evtj:h6vY");
	ck_assert_int_eq(demux_kind(message, len), DEMUX_REQUEST);
	ck_assert(demux_username(message, len, ours, theirs));
	ck_assert_str_eq(ours, "evtj");
	ck_assert_str_eq(theirs, "h6vY");
	len = request(message, "nocolon");
	ck_assert(!demux_username(message, len, ours, theirs));
	len = request(message, ":x");
	ck_assert(!demux_username(message, len, ours, theirs));
	len = request(message, "evtj:h6vY");
	message[35] = 0xFF; /* its length leads out of the message */
	ck_assert(!demux_username(message, len, ours, theirs));
}
END_TEST

START_TEST(test_only_binding_requests_and_responses_are_told_by_their_header) {
	uint8_t message[600];
	size_t len = request(message, "a:b");
	message[0] = 1, message[1] = 1;
	ck_assert_int_eq(demux_kind(message, len), DEMUX_RESPONSE);
	message[1] = 0x11;
	ck_assert_int_eq(demux_kind(message, len), DEMUX_RESPONSE);
	message[0] = 0;
	ck_assert_int_eq(demux_kind(message, len), DEMUX_OTHER); /* an indication */
	message[1] = 3;
	ck_assert_int_eq(demux_kind(message, len), DEMUX_OTHER); /* an Allocate */
	message[1] = 1;
	ck_assert_int_eq(demux_kind(message, len - 4), DEMUX_OTHER);
	ck_assert_int_eq(demux_kind(message, 19), DEMUX_OTHER);
	message[4] = 0;
	ck_assert_int_eq(demux_kind(message, len), DEMUX_OTHER); /* no cookie */
	ck_assert_int_eq(demux_kind((const uint8_t *)"\x16\xfe\xfd", 3), DEMUX_OTHER);
}
END_TEST

SUITE("demux", test_a_member_is_found_by_its_ufrag_and_by_the_one_before_a_restart,
      test_a_restart_that_is_taken_back_changes_the_names_places, test_a_ufrag_belongs_to_one_member_and_has_a_length,
      test_an_address_is_one_of_family_port_host_and_scope, test_an_address_moves_to_who_learns_it_and_dies_with_its_member,
      test_a_request_moves_an_address_only_from_who_is_silent_there, test_a_member_keeps_the_addresses_that_it_used_last,
      test_ten_thousand_members_are_told_apart,
      test_an_answer_finds_who_asked_until_that_one_is_gone_and_requests_take_no_more_than_their_place,
      test_a_request_names_two_ufrags, test_only_binding_requests_and_responses_are_told_by_their_header)
