/* What does `sluice serve` let a stranger have? Whose page asks, how many connections, offers and rooms one address gets. */
#include <arpa/inet.h>
#include <stdio.h>

#include "suite.h"
#include "tools/serve/guard.h"
#include "tools/serve/origin.h"
#include "tools/serve/rooms.h"

#define S UINT64_C(1000000000)

/* ---- pages ---- */

START_TEST(test_requests_are_for_numeric_addresses_and_for_our_names) {
	static const struct {
		const char *host;
		bool own;
	} rows[] = {
		{"127.0.0.1:8080", true},
		{"127.0.0.1", true},
		{"192.168.1.7:80", true},
		{"[::1]:8080", true},
		{"[2001:db8::1]", true},
		{"localhost:1", true},
		{"LocalHost", true},
		{"localhost.", true},
		{"box.local:8080", true},
		{"localhost.evil.example:8080", false},
		{"evil.example", false},
		{"evil-localhost", false},
		{"", false},
		{":8080", false},
		{"[::1", false},
		{"[evil.example]:1", false},
		{"127.0.0.1.evil.example", false},
		{"1.2.3.4x", false},
	};
	static const char *const names[] = {"localhost", "box.local"};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_msg(origin_is_own_host(rows[i].host, names, 2) == rows[i].own, "'%s'", rows[i].host);
}
END_TEST

START_TEST(test_a_page_is_our_own_when_its_origin_is_the_host) {
	static const struct {
		const char *origin, *host;
		bool same;
	} rows[] = {
		{"http://127.0.0.1:8080", "127.0.0.1:8080", true},
		{"https://files.example", "files.example", true},
		{"HTTP://Box.local:80", "box.local:80", true},
		{"http://127.0.0.1:8081", "127.0.0.1:8080", false},
		{"http://evil.example", "127.0.0.1:8080", false},
		{"null", "127.0.0.1:8080", false},
		{"null", "null", false},
		{"", "", false},
		{"http://", "", false},
		{"ftp://127.0.0.1:8080", "127.0.0.1:8080", false},
		{"http://127.0.0.1:8080.evil.example", "127.0.0.1:8080", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_msg(origin_is_same(rows[i].origin, rows[i].host) == rows[i].same, "'%s'", rows[i].origin);
	ck_assert(origin_site_is_foreign("cross-site") && origin_site_is_foreign("same-site"));
	ck_assert(!origin_site_is_foreign("same-origin") && !origin_site_is_foreign("none") && !origin_site_is_foreign(""));
}
END_TEST

/* ---- addresses ---- */

static uint64_t key4(const char *text) {
	struct sockaddr_in in = {.sin_family = AF_INET};
	ck_assert_int_eq(inet_pton(AF_INET, text, &in.sin_addr), 1);
	return guard_key((const struct sockaddr *)&in);
}

static uint64_t key6(const char *text) {
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	ck_assert_int_eq(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return guard_key((const struct sockaddr *)&in6);
}

START_TEST(test_an_address_is_one_of_ipv4_or_a_half_of_ipv6) {
	ck_assert_uint_eq(key4("192.0.2.1"), key6("::ffff:192.0.2.1"));
	ck_assert_uint_ne(key4("192.0.2.1"), key4("192.0.2.2"));
	ck_assert_uint_eq(key6("2001:db8::1"), key6("2001:db8::ffff:1"));
	ck_assert_uint_ne(key6("2001:db8::1"), key6("2001:db8:0:1::1"));
	ck_assert_uint_ne(key6("::1"), key4("127.0.0.1"));
}
END_TEST

START_TEST(test_one_address_gets_its_share_and_leaves_the_others_theirs) {
	struct visitors *g = guard_new(8);
	for (int i = 0; i < 8; i++) {
		ck_assert(guard_may_connect(g, 1));
		guard_connected(g, 1);
	}
	ck_assert(!guard_may_connect(g, 1));
	ck_assert(guard_may_connect(g, 2));
	guard_disconnected(g, 1);
	ck_assert(guard_may_connect(g, 1));
	guard_disconnected(g, 7); /* nobody */
	guard_free(g);
}
END_TEST

START_TEST(test_offers_come_in_a_burst_and_then_four_a_second) {
	struct visitors *g = guard_new(8);
	unsigned taken = 0;
	for (int i = 0; i < 100; i++)
		taken += guard_may_offer(g, 1, 5 * S);
	ck_assert_uint_eq(taken, 4);
	ck_assert(guard_may_offer(g, 2, 5 * S));
	for (uint64_t ms = 1; ms <= 10000; ms++)
		taken += guard_may_offer(g, 1, 5 * S + ms * S / 1000);
	ck_assert_uint_eq(taken, 4 + 40);
	guard_free(g);
}
END_TEST

START_TEST(test_who_is_quiet_is_forgotten) {
	struct visitors *g = guard_new(8);
	for (uint64_t key = 0; key < 10000; key++) {
		guard_connected(g, key);
		(void)guard_may_offer(g, key, S);
	}
	ck_assert_uint_eq(guard_count(g), 10000);
	guard_tick(g, 100 * S);
	ck_assert_uint_eq(guard_count(g), 10000);
	for (uint64_t key = 0; key < 10000; key++)
		guard_disconnected(g, key);
	guard_tick(g, S);
	ck_assert_uint_eq(guard_count(g), 10000); /* their offers still count */
	guard_tick(g, 2 * S);
	ck_assert_uint_eq(guard_count(g), 0);
	guard_free(g);
}
END_TEST

/* ---- rooms ---- */

START_TEST(test_one_address_cannot_take_all_rooms) {
	struct rooms *r = rooms_new(16);
	struct room_letter l = {.body = "x", .len = 1, .from = 1};
	char name[16];
	for (int i = 0; i < ROOM_MAX; i++) {
		snprintf(name, sizeof name, "r%d", i);
		ck_assert_int_eq(rooms_put(r, name, ROOM_OFFER, &l, 0), i < 16 ? ROOM_STORED : ROOM_TOO_MANY);
	}
	ck_assert_int_eq(rooms_put(r, "r3", ROOM_OFFER, &l, 0), ROOM_STORED); /* its own, anew */
	l.from = 2;
	ck_assert_int_eq(rooms_put(r, "other", ROOM_OFFER, &l, 0), ROOM_STORED);
	l.from = 1;
	ck_assert_int_eq(rooms_put(r, "other", ROOM_OFFER, &l, 0), ROOM_TOO_MANY); /* not in the place of another's either */
	ck_assert_int_eq(rooms_put(r, "late", ROOM_OFFER, &l, ROOM_LIFETIME + 1), ROOM_STORED);
	rooms_free(r);
}
END_TEST

SUITE("tool_serve_limits", test_requests_are_for_numeric_addresses_and_for_our_names,
      test_a_page_is_our_own_when_its_origin_is_the_host, test_an_address_is_one_of_ipv4_or_a_half_of_ipv6,
      test_one_address_gets_its_share_and_leaves_the_others_theirs, test_offers_come_in_a_burst_and_then_four_a_second,
      test_who_is_quiet_is_forgotten, test_one_address_cannot_take_all_rooms)
