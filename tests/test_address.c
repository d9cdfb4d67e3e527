/* address: every text that is an address is read, written again as RFC 5952 has it, and nothing else is taken; and what is in an
 * address, which ones are equal, and of which kind it is. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/address.h"
#include "sluice/error.h"
#include "suite.h"

static const char *again(const char *text) {
	static char out[ADDRESS_TEXT_MAX];
	struct sockaddr_storage addr;
	if (!address_parse(text, strlen(text), &addr))
		return "refused";
	ck_assert_int_gt(address_format(&addr, out, sizeof out), 0);
	return out;
}

START_TEST(test_addresses_are_written_as_rfc_5952_recommends) {
	static const char *const rows[][2] = {
		{"127.0.0.1", "127.0.0.1"},
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"fe80:0:0:0:0:0:0:1", "fe80::1"},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
		{"::ffff:192.0.2.1", "::ffff:c000:201"},
		{"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
		{"0001:0002:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_str_eq(again(rows[i][0]), rows[i][1]);
}
END_TEST

START_TEST(test_what_is_no_address_is_refused) {
	static const char *const rows[] = {
		"",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"01.2.3.4",
		"1.2.3.4 ",
		"a.b.c.d",
		"example.org",
		":",
		":::",
		"1:2",
		"1::2::3",
		"1:2:3:4:5:6:7:8:9",
		"12345::",
		"::g",
		"1:2:3:4:5:6:7::8",
		"::1%lo",
		"1:2:3:4:5:6:7:",
		":1:2:3:4:5:6:7",
		"::1.2.3",
		"1.2.3.4::",
		"-1.2.3.4",
		"[::1]",
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_msg(strcmp(again(rows[i]), "refused") == 0, "\"%s\" was taken", rows[i]);
}
END_TEST

START_TEST(test_the_c_library_reads_what_we_write) {
	unsigned seed = 1;
	for (int i = 0; i < 20000; i++) {
		struct sockaddr_storage addr = {.ss_family = AF_INET6};
		struct in6_addr *a = &((struct sockaddr_in6 *)&addr)->sin6_addr, read;
		char text[ADDRESS_TEXT_MAX];
		for (int k = 0; k < 16; k++) {
			seed = seed * 1103515245u + 12345u;
			a->s6_addr[k] = (seed >> 20) & 3 ? 0 : (uint8_t)(seed >> 12);
		}
		ck_assert_int_gt(address_format(&addr, text, sizeof text), 0);
		ck_assert_int_eq(inet_pton(AF_INET6, text, &read), 1);
		ck_assert_mem_eq(&read, a, sizeof read);
		struct sockaddr_storage mine;
		ck_assert(address_parse(text, strlen(text), &mine));
		ck_assert_mem_eq(&((struct sockaddr_in6 *)&mine)->sin6_addr, a, sizeof read);
	}
}
END_TEST

START_TEST(test_a_small_space_and_another_family_are_errors) {
	struct sockaddr_storage addr;
	char text[ADDRESS_TEXT_MAX];
	ck_assert(address_parse("10.0.0.1", 8, &addr));
	ck_assert_int_eq(address_format(&addr, text, 8), SLUICE_NO_SPACE);
	ck_assert_int_eq(address_format(&addr, text, 9), 8);
	addr.ss_family = AF_UNIX;
	ck_assert_int_eq(address_format(&addr, text, sizeof text), SLUICE_INVALID);
}
END_TEST

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static struct sockaddr_storage read_address(const char *text, uint16_t port) {
	struct sockaddr_storage addr;
	ck_assert_msg(address_parse(text, strlen(text), &addr), "%s", text);
	address_set_port(&addr, port);
	return addr;
}

static const struct sockaddr_storage other_family = {.ss_family = AF_UNIX};

START_TEST(test_an_address_is_made_of_its_bytes_and_its_port) {
	static const char *const texts[] = {"192.0.2.7", "2001:db8::7", "::ffff:c000:207"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct sockaddr_storage a = read_address(texts[i], 65535);
		struct sockaddr_storage b = address_from_bytes(address_bytes(&a), address_size(&a), address_port(&a));
		ck_assert_mem_eq(&a, &b, sizeof a);
		ck_assert_uint_eq(address_port(&b), 65535);
	}
}
END_TEST

START_TEST(test_a_short_sockaddr_is_copied_no_further_than_it_reaches) {
	struct sockaddr_storage a = read_address("192.0.2.7", 7);
	struct sockaddr_in short_one;
	memcpy(&short_one, &a, sizeof short_one);
	struct sockaddr_storage copy = address_from((const struct sockaddr *)&short_one);
	ck_assert_mem_eq(&copy, &a, sizeof a);
	ck_assert_uint_eq(address_from((const struct sockaddr *)&other_family).ss_family, AF_UNSPEC);
}
END_TEST

START_TEST(test_another_family_has_no_parts) {
	struct sockaddr_storage a = other_family;
	address_set_port(&a, 7);
	ck_assert_mem_eq(&a, &other_family, sizeof a);
	ck_assert_ptr_null(address_bytes(&a));
	ck_assert_uint_eq(address_size(&a), 0);
	ck_assert_uint_eq(address_len(&a), 0);
	ck_assert_uint_eq(address_port(&a), 0);
	ck_assert(!address_equal(&a, &a));
}
END_TEST

START_TEST(test_sizes_are_those_of_the_family) {
	struct sockaddr_storage v4 = read_address("192.0.2.7", 0), v6 = read_address("::1", 0);
	ck_assert_uint_eq(address_size(&v4), 4);
	ck_assert_uint_eq(address_size(&v6), 16);
	ck_assert_uint_eq(address_len(&v4), sizeof(struct sockaddr_in));
	ck_assert_uint_eq(address_len(&v6), sizeof(struct sockaddr_in6));
}
END_TEST

/* ---- equality and kinds ------------------------------------------------------------------------------------------ */

static struct sockaddr_storage scoped(const char *text, uint32_t scope) {
	struct sockaddr_storage a = read_address(text, 9);
	((struct sockaddr_in6 *)&a)->sin6_scope_id = scope;
	return a;
}

START_TEST(test_what_makes_two_addresses_the_same) {
	struct sockaddr_storage a = read_address("192.0.2.7", 7), port = read_address("192.0.2.7", 8);
	struct sockaddr_storage host = read_address("192.0.2.8", 7), mapped = read_address("::ffff:192.0.2.7", 7);
	ck_assert(address_equal(&a, &a));
	ck_assert(!address_equal(&a, &port) && address_same_host(&a, &port));
	ck_assert(!address_equal(&a, &host) && !address_same_host(&a, &host));
	ck_assert(!address_equal(&a, &mapped) && !address_same_host(&a, &mapped));
}
END_TEST

START_TEST(test_a_missing_scope_equals_every_scope_but_has_a_key_of_its_own) {
	struct sockaddr_storage none = scoped("fe80::1", 0), two = scoped("fe80::1", 2), three = scoped("fe80::1", 3);
	ck_assert(address_equal(&none, &two) && address_equal(&two, &none));
	ck_assert(!address_equal(&two, &three));
	struct address_key k = address_key(&none), l = address_key(&two);
	ck_assert_mem_ne(&k, &l, sizeof k);
}
END_TEST

START_TEST(test_each_part_of_an_address_changes_its_key) {
	struct sockaddr_storage all[] = {
		read_address("192.0.2.7", 7),   read_address("192.0.2.7", 8),   read_address("192.0.2.8", 7),
		read_address("2001:db8::7", 7), read_address("2001:db8::7", 8), read_address("2001:db8::8", 7),
		scoped("fe80::1", 1),           scoped("fe80::1", 2),
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
			struct address_key a = address_key(&all[i]), b = address_key(&all[k]);
			ck_assert_int_eq(memcmp(&a, &b, sizeof a) == 0, i == k);
		}
}
END_TEST

START_TEST(test_kinds_of_addresses) {
	static const struct {
		const char *text;
		bool any, ipv6, mapped, loopback, link_local;
	} rows[] = {
		{"0.0.0.0", .any = true},
		{"::", .any = true, .ipv6 = true},
		{"127.255.0.1", .loopback = true},
		{.text = "128.0.0.1"},
		{"::1", .ipv6 = true, .loopback = true},
		{"::2", .ipv6 = true},
		{"169.254.1.1", .link_local = true},
		{.text = "169.253.1.1"},
		{"fe80::1", .ipv6 = true, .link_local = true},
		{"febf::1", .ipv6 = true, .link_local = true},
		{"fec0::1", .ipv6 = true},
		{"::ffff:127.0.0.1", .mapped = true, .loopback = true},
		{"::ffff:169.254.0.1", .mapped = true, .link_local = true},
		{"::fffe:127.0.0.1", .ipv6 = true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sockaddr_storage a = read_address(rows[i].text, 0);
		ck_assert_msg(address_is_any(&a) == rows[i].any, "%s", rows[i].text);
		ck_assert_msg(address_is_ipv6(&a) == rows[i].ipv6, "%s", rows[i].text);
		ck_assert_msg(address_is_mapped(&a) == rows[i].mapped, "%s", rows[i].text);
		ck_assert_msg(address_is_loopback(&a) == rows[i].loopback, "%s", rows[i].text);
		ck_assert_msg(address_is_link_local(&a) == rows[i].link_local, "%s", rows[i].text);
	}
}
END_TEST

SUITE("address", test_addresses_are_written_as_rfc_5952_recommends, test_what_is_no_address_is_refused,
      test_the_c_library_reads_what_we_write, test_a_small_space_and_another_family_are_errors,
      test_an_address_is_made_of_its_bytes_and_its_port, test_a_short_sockaddr_is_copied_no_further_than_it_reaches,
      test_another_family_has_no_parts, test_sizes_are_those_of_the_family, test_what_makes_two_addresses_the_same,
      test_a_missing_scope_equals_every_scope_but_has_a_key_of_its_own, test_each_part_of_an_address_changes_its_key,
      test_kinds_of_addresses)
