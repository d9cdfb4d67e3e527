/* What one DNS message can cost: names, chains of pointers and records, each with its bound; and who is a neighbour. */
#include "loop/dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/address.h"
#include "loop/onlink.h"
#include "suite.h"

#define LARGEST 9000 /* RFC 6762, 17 */

struct text {
	uint8_t bytes[LARGEST];
	size_t len;
};

static void put(struct text *t, const void *bytes, size_t len) {
	ck_assert_uint_le(t->len + len, sizeof t->bytes);
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
}

static void put_header(struct text *t, uint16_t questions, uint16_t answers) {
	const uint8_t header[12] = {
		0, 0, 0x84, 0, (uint8_t)(questions >> 8), (uint8_t)questions, (uint8_t)(answers >> 8), (uint8_t)answers};
	put(t, header, sizeof header);
}

static void put_pointer(struct text *t, size_t to) {
	put(t, (const uint8_t[]){(uint8_t)(0xC0 | to >> 8), (uint8_t)to}, 2);
}

static void put_address(struct text *t) {
	put(t, "\0\1\0\1\0\0\0\x78\0\4\1\2\3\4", 14);
}

/* A record of no known type whose content is a chain of pointers, and a record whose name is the end of that chain. */
static void put_chain(struct text *t, unsigned hops) {
	put(t, "\0\0\x0A\0\1\0\0\0\0", 9);
	put(t, (const uint8_t[]){(uint8_t)((3 + 2 * (hops - 1)) >> 8), (uint8_t)(3 + 2 * (hops - 1))}, 2);
	size_t at = t->len;
	put(t, "\1a\0", 3);
	for (unsigned i = 1; i < hops; i++) {
		put_pointer(t, at);
		at = t->len - 2;
	}
	put_pointer(t, at);
	put_address(t);
}

static unsigned count(const struct text *t, struct dns_record *last) {
	struct dns_reader r;
	unsigned read = 0;
	ck_assert(dns_open(&r, t->bytes, t->len));
	while (dns_next(&r, last))
		read++;
	return read;
}

START_TEST(test_a_name_takes_as_many_pointers_as_the_bound_allows_and_no_more) {
	struct dns_record last;
	for (unsigned hops = 1; hops <= 4000; hops = hops < 20 ? hops + 1 : 2 * hops) {
		struct text t = {.len = 0};
		put_header(&t, 0, 2);
		put_chain(&t, hops);
		ck_assert_uint_eq(count(&t, &last), hops <= DNS_HOPS_MAX ? 2 : 1);
	}
}
END_TEST

/* RFC 1035, 2.3.4: a name has 255 octets or less, the length octets and the root's among them. */
START_TEST(test_a_name_of_more_than_255_bytes_ends_the_message) {
	static const struct {
		unsigned labels, last; /* whole ones of 63 bytes, and the length of one more */
		unsigned records;
	} rows[] = {{3, 61, 1}, {3, 62, 0}, {4, 0, 0}, {100, 0, 0}, {0, 1, 1}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct dns_record last;
		struct text t = {.len = 0};
		uint8_t label[64];
		memset(label, 'x', sizeof label);
		put_header(&t, 0, 1);
		for (unsigned k = 0; k < rows[i].labels; k++) {
			label[0] = 63;
			put(&t, label, 64);
		}
		label[0] = (uint8_t)rows[i].last;
		if (rows[i].last)
			put(&t, label, 1 + rows[i].last);
		put(&t, "", 1);
		put_address(&t);
		ck_assert_msg(count(&t, &last) == rows[i].records, "row %zu", i);
	}
}
END_TEST

START_TEST(test_a_message_is_read_to_its_last_record_that_the_bound_allows) {
	static const unsigned records[] = {1, DNS_RECORDS_MAX, DNS_RECORDS_MAX + 1, 500};
	for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
		struct dns_record last;
		struct text t = {.len = 0};
		put_header(&t, (uint16_t)(records[i] / 2), (uint16_t)(records[i] - records[i] / 2));
		for (unsigned k = 0; k < records[i]; k++) {
			put(&t, "", 1);
			if (k < records[i] / 2)
				put(&t, "\0\1\0\1", 4);
			else
				put_address(&t);
		}
		ck_assert_uint_eq(count(&t, &last), records[i] < DNS_RECORDS_MAX ? records[i] : DNS_RECORDS_MAX);
	}
}
END_TEST

START_TEST(test_names_are_found_by_a_number_first) {
	uint8_t message[DNS_MESSAGE_MAX];
	struct dns_reader r;
	struct dns_record q;
	size_t len = dns_write_query(message, "Some-Name.LOCAL", DNS_A);
	ck_assert(dns_open(&r, message, len) && dns_next(&r, &q));
	ck_assert_uint_eq(q.hash, dns_name_hash("some-name.local"));
	ck_assert_uint_ne(q.hash, dns_name_hash("some-name.locak"));
}
END_TEST

/* ---- neighbours ---- */

static struct sockaddr_storage address(const char *text) {
	struct sockaddr_storage addr;
	ck_assert_msg(address_parse(text, strlen(text), &addr), "%s", text);
	return addr;
}

START_TEST(test_neighbours_are_those_of_the_subnets) {
	static const struct {
		const char *addr;
		unsigned index;
		bool neighbour;
	} rows[] = {
		{"10.77.3.200", 2, true},     {"10.77.4.1", 2, false},
		{"10.77.3.200", 3, false},    {"10.77.3.200", 0, true},
		{"10.77.0.1", 1, true},       {"192.0.2.9", 2, false},
		{"169.254.8.8", 3, true},     {"fe80::1", 9, true},
		{"2001:db8::77:1", 3, true},  {"2001:db8:0:1::1", 3, false},
		{"2001:db8::77:1", 2, false}, {"224.0.0.251", 2, false},
		{"0.0.0.0", 2, false},        {"::", 3, false},
		{"192.168.9.9", 4, true},     {"192.168.9.8", 4, false},
	};
	struct onlink o = {.count = 3,
	                   .at = {{.index = 2, .addr = address("10.77.0.1"), .bits = 22},
	                          {.index = 3, .addr = address("2001:db8::5"), .bits = 64},
	                          {.index = 4, .addr = address("192.168.9.9"), .bits = 32}}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sockaddr_storage addr = address(rows[i].addr);
		ck_assert_msg(onlink_has(&o, &addr, rows[i].index) == rows[i].neighbour, "%s by %u", rows[i].addr, rows[i].index);
	}
}
END_TEST

START_TEST(test_the_loopback_net_is_a_subnet_that_the_kernel_knows) {
	struct interface_list list = {.count = 1, .at = {{.name = "lo", .index = if_nametoindex("lo")}}};
	struct onlink o;
	struct sockaddr_storage near = address("127.9.9.9"), far = address("128.0.0.1");
	list.at[0].addr = address("127.0.0.1");
	onlink_learn(&o, &list);
	ck_assert_uint_eq(o.count, 1);
	ck_assert_uint_eq(o.at[0].bits, 8);
	ck_assert(onlink_has(&o, &near, list.at[0].index) && !onlink_has(&o, &far, list.at[0].index));
}
END_TEST

SUITE("dns_bounds", test_a_name_takes_as_many_pointers_as_the_bound_allows_and_no_more,
      test_a_name_of_more_than_255_bytes_ends_the_message, test_a_message_is_read_to_its_last_record_that_the_bound_allows,
      test_names_are_found_by_a_number_first, test_neighbours_are_those_of_the_subnets,
      test_the_loopback_net_is_a_subnet_that_the_kernel_knows)
