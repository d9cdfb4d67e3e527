/* stat_table: each field of a struct of statistics has its row, and JSON names come from it. */
#include "base/stat_table.h"

#include <string.h>

#include "suite.h"

/* Between two fields and behind the last one there is less than what aligns them, so none is forgotten. */
static void check_whole(const struct stat_table *t, size_t size) {
	size_t at = 0;
	for (size_t i = 0; i < t->count; i++) {
		const struct stat_row *r = &t->rows[i];
		size_t aligned = (at + r->width - 1) / r->width * r->width;
		ck_assert_msg(r->offset == aligned, "before %s a field has no row", r->name);
		ck_assert(r->width == 2 || r->width == 4 || r->width == 8);
		at = r->offset + r->width;
	}
	ck_assert_msg((at + 7) / 8 * 8 == size, "the last field has no row");
}

START_TEST(test_every_field_has_its_row) {
	check_whole(&stat_sctp, sizeof(sluice_sctp_stats));
	check_whole(&stat_dtls, sizeof(sluice_dtls_stats));
	check_whole(&stat_channel, sizeof(sluice_channel_stats));
}
END_TEST

START_TEST(test_no_name_stands_twice) {
	const struct stat_table *tables[] = {&stat_sctp, &stat_dtls, &stat_channel};
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; i < tables[k]->count; i++) {
			char a[STAT_JSON_NAME_MAX], b[STAT_JSON_NAME_MAX];
			const char *name = stat_json_name(&tables[k]->rows[i], a);
			ck_assert_ptr_eq(stat_find(tables[k], tables[k]->rows[i].name), &tables[k]->rows[i]);
			for (size_t l = 0; l < i; l++)
				ck_assert_str_ne(name, stat_json_name(&tables[k]->rows[l], b));
		}
	ck_assert_ptr_null(stat_find(&stat_sctp, "undos"));
}
END_TEST

START_TEST(test_a_struct_is_written_with_the_units_of_w3c) {
	sluice_sctp_stats s = {
		.reductions_undone = UINT64_MAX,
		.srtt = 1234567890,
		.pacing_rate = 1000,
		.cwnd = UINT32_MAX,
		.inbound_streams = UINT16_MAX,
		.congestion_control = "cubic",
	};
	char text[4096];
	struct json_line j = json_line_of(text, sizeof text - 1);
	stat_write(&stat_sctp, &s, &j);
	text[json_line_len(&j)] = 0;
	static const char *const parts[] = {
		"\"reductionsUndone\":18446744073709551615,",
		"\"smoothedRoundTripTime\":1.234568,",
		"\"pacingBitrate\":8000,",
		"\"congestionWindow\":4294967295,",
		"\"inboundStreams\":65535",
		"\"congestionControl\":\"cubic\",",
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		ck_assert_msg(strstr(text, parts[i]) != NULL, "%s is not in %s", parts[i], text);
	ck_assert_uint_eq(j.wanted, strlen(text));
}
END_TEST

START_TEST(test_a_line_without_space_is_measured) {
	sluice_channel_stats s = {.messages_sent = 1, .buffered = 2};
	char text[400];
	struct json_line none = json_line_of(NULL, 0), some = json_line_of(text, sizeof text);
	stat_write(&stat_channel, &s, &none);
	stat_write(&stat_channel, &s, &some);
	ck_assert(none.full && !some.full);
	ck_assert_uint_eq(none.wanted, json_line_len(&some));
}
END_TEST

SUITE("stat_table", test_every_field_has_its_row, test_no_name_stands_twice, test_a_struct_is_written_with_the_units_of_w3c,
      test_a_line_without_space_is_measured)
