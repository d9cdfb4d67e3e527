/* Does the bar say what is true, in the columns that there are? */
#include "suite.h"
#include "tools/progress.h"

#define SECOND UINT64_C(1000000000)

START_TEST(test_sizes_are_told_in_units_that_fit) {
	static const struct {
		double bytes;
		const char *text;
	} sizes[] = {{0, "0 B"},         {999, "999 B"},        {1000, "1.0 kB"},  {999900, "999.9 kB"},
	             {999999, "1.0 MB"}, {12345678, "12.3 MB"}, {5e10, "50.0 GB"}, {1.8e19, "18.0 EB"}};
	char text[16];
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		ck_assert_str_eq(progress_bytes(sizes[i].bytes, text), sizes[i].text);
}
END_TEST

START_TEST(test_a_line_tells_share_rate_and_time_left) {
	struct progress p = {0};
	struct transfer_progress t = {.name = "a.bin", .size = 100000000, .at = 20000000, .resumed_at = 20000000};
	char text[1024];
	progress_begin(&p, &t, 10 * SECOND);
	ck_assert_ptr_nonnull(strstr(progress_line(&p, &t, 10 * SECOND, 100, text, sizeof text), "--:--"));
	t.at = 60000000; /* 40 MB in 2 s; what was there before does not count as speed */
	progress_look(&p, &t, 12 * SECOND);
	progress_line(&p, &t, 12 * SECOND, 100, text, sizeof text);
	ck_assert_msg(strstr(text, "a.bin  [###") && strstr(text, " 60%  60.0 MB of 100.0 MB  20.0 MB/s  0:02 left"), "%s", text);
	t.size = UINT64_MAX;
	progress_line(&p, &t, 12 * SECOND, 100, text, sizeof text);
	ck_assert_ptr_nonnull(strstr(text, "--:-- left"));
	t = (struct transfer_progress){.name = "empty"};
	ck_assert_ptr_nonnull(strstr(progress_line(&p, &t, 12 * SECOND, 100, text, sizeof text), "100%"));
}
END_TEST

START_TEST(test_a_line_says_for_how_long_nothing_moved) {
	struct progress p = {0};
	struct transfer_progress t = {.name = "a.bin", .size = 100000000};
	char text[1024];
	progress_begin(&p, &t, 10 * SECOND);
	t.at = 60000000;
	progress_look(&p, &t, 11 * SECOND);
	progress_look(&p, &t, 12 * SECOND);
	ck_assert_ptr_null(strstr(progress_line(&p, &t, 12 * SECOND, 100, text, sizeof text), "no answer"));
	progress_line(&p, &t, 13 * SECOND, 100, text, sizeof text);
	ck_assert_msg(strstr(text, " 60%  60.0 MB of 100.0 MB  no answer for 2 s") && !strstr(text, "MB/s"), "%s", text);
	t.at++;
	progress_look(&p, &t, 20 * SECOND);
	ck_assert_ptr_nonnull(strstr(progress_line(&p, &t, 20 * SECOND, 100, text, sizeof text), "/s"));
	t.checking = true; /* our own work is no silence of the other side */
	progress_look(&p, &t, 30 * SECOND);
	t.checking = false;
	ck_assert_ptr_null(strstr(progress_line(&p, &t, 31 * SECOND, 100, text, sizeof text), "no answer"));
}
END_TEST

/* As many columns as letters: a byte that begins none does not count. */
static unsigned columns_of(const char *text) {
	unsigned n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

START_TEST(test_a_line_fits_and_cuts_no_letter) {
	char name[241] = "", text[1024];
	struct progress p = {0};
	struct transfer_progress t = {.name = name, .size = 1000000, .at = 500000};
	for (size_t i = 0; i < 240; i += 2)
		memcpy(name + i, "\xc3\xa4", 3);
	for (unsigned columns = 60; columns < 300; columns++) {
		progress_line(&p, &t, SECOND, columns, text, sizeof text);
		ck_assert_msg(columns_of(text) <= columns, "%u: %s", columns, text);
		const char *space = strchr(text, ' ');
		ck_assert_int_eq((space - text) % 2, 0); /* whole letters of two bytes */
	}
}
END_TEST

SUITE("progress", test_sizes_are_told_in_units_that_fit, test_a_line_tells_share_rate_and_time_left,
      test_a_line_says_for_how_long_nothing_moved, test_a_line_fits_and_cuts_no_letter)
