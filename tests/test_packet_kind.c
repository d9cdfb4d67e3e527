/* Does the first byte of a datagram choose the protocol that RFC 7983 gives it? */
#include "base/packet_kind.h"

#include "suite.h"

static const struct range {
	uint8_t from, to;
	enum packet_kind kind;
} ranges[] = {
	{0, 3, PACKET_STUN},       {4, 19, PACKET_UNKNOWN}, {20, 63, PACKET_DTLS},      {64, 79, PACKET_CHANNEL},
	{80, 127, PACKET_UNKNOWN}, {128, 191, PACKET_RTP},  {192, 255, PACKET_UNKNOWN},
};

START_TEST(test_every_first_byte_has_the_kind_of_its_range) {
	unsigned next = 0;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		ck_assert_uint_eq(ranges[i].from, next);
		for (; next <= ranges[i].to; next++) {
			uint8_t byte = (uint8_t)next;
			ck_assert_msg(packet_kind_of(&byte, 1) == ranges[i].kind, "first byte %u", next);
		}
	}
	ck_assert_uint_eq(next, 256);
}
END_TEST

START_TEST(test_an_empty_datagram_has_no_kind) {
	ck_assert_int_eq(packet_kind_of(NULL, 0), PACKET_UNKNOWN);
}
END_TEST

SUITE("packet_kind", test_every_first_byte_has_the_kind_of_its_range, test_an_empty_datagram_has_no_kind)
