/* address: every text that is an address is read, written again as RFC 5952 has it, and nothing else is taken. */
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

SUITE("address", test_addresses_are_written_as_rfc_5952_recommends, test_what_is_no_address_is_refused,
      test_the_c_library_reads_what_we_write, test_a_small_space_and_another_family_are_errors)
