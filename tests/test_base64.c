/* Is base64 as RFC 4648 has it, both ways, and does it keep to its buffers? */
#include "sdp/sdp.h"
#include "sluice/error.h"
#include "suite.h"

/* RFC 4648, 10. */
static const struct {
	const char *data, *text;
} vectors[] = {
	{"", ""},
	{"f", "Zg=="},
	{"fo", "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
};
#define VECTORS (int)(sizeof vectors / sizeof *vectors)

START_TEST(test_the_vectors_of_the_rfc_come_out_both_ways) {
	for (int i = 0; i < VECTORS; i++) {
		char text[16], data[16];
		int len = base64_encode(vectors[i].data, strlen(vectors[i].data), text, sizeof text);
		ck_assert_int_eq(len, (int)strlen(vectors[i].text));
		ck_assert_str_eq(text, vectors[i].text);
		len = base64_decode(text, strlen(text), data, sizeof data);
		ck_assert_int_eq(len, (int)strlen(vectors[i].data));
		ck_assert_mem_eq(data, vectors[i].data, (size_t)len);
	}
}
END_TEST

START_TEST(test_text_without_padding_is_taken) {
	for (int i = 0; i < VECTORS; i++) {
		char data[16];
		int len = base64_decode(vectors[i].text, strcspn(vectors[i].text, "="), data, sizeof data);
		ck_assert_int_eq(len, (int)strlen(vectors[i].data));
		ck_assert_mem_eq(data, vectors[i].data, (size_t)len);
	}
}
END_TEST

START_TEST(test_every_byte_comes_back) {
	uint8_t all[256], back[256];
	char text[400];
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	for (size_t len = 0; len <= sizeof all; len++) {
		int chars = base64_encode(all, len, text, sizeof text);
		ck_assert_int_eq(chars, (int)((len + 2) / 3 * 4));
		ck_assert_int_eq(base64_decode(text, (size_t)chars, back, sizeof back), (int)len);
		ck_assert_mem_eq(back, all, len);
	}
}
END_TEST

START_TEST(test_what_is_no_base64_is_refused) {
	static const char *const bad[] = {"Z",        "Zg=",  "Z===", "====",  "=",      "Zm9vY", "Zm9v====",
	                                  "Zg==Zg==", "Zm-v", "Zm_v", "Zm 9v", "Zm9v\n", "Zh==",  "Zm9="};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint8_t data[16];
		ck_assert_msg(base64_decode(bad[i], strlen(bad[i]), data, sizeof data) == SLUICE_MALFORMED, "%s", bad[i]);
	}
	ck_assert_int_eq(base64_decode("Zm\0v", 4, (uint8_t[4]){0}, 4), SLUICE_MALFORMED);
}
END_TEST

START_TEST(test_a_space_that_is_too_small_is_said_and_not_left) {
	char text[10] = "#########";
	ck_assert_int_eq(base64_encode("foobar", 6, text, 8), SLUICE_NO_SPACE);
	ck_assert_int_eq(base64_encode("foobar", 6, text, 9), 8);
	ck_assert_int_eq(text[8], 0);
	uint8_t data[6] = {0, 0, 0, 0, 0, 77};
	ck_assert_int_eq(base64_decode("Zm9vYmFy", 8, data, 5), SLUICE_NO_SPACE);
	ck_assert_uint_eq(data[5], 77);
	ck_assert_int_eq(base64_decode("Zm9vYmE", 7, data, 5), 5);
	ck_assert_uint_eq(data[5], 77);
}
END_TEST

SUITE("base64", test_the_vectors_of_the_rfc_come_out_both_ways, test_text_without_padding_is_taken, test_every_byte_comes_back,
      test_what_is_no_base64_is_refused, test_a_space_that_is_too_small_is_said_and_not_left)
