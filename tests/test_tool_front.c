/* Does a row of a table say all about its option: help, errors, bounds, and where the value goes? */
#include <stdio.h>
#include <unistd.h>

#include "suite.h"
#include "tools/front.h"
#include "tools/tools.h"

struct target {
	bool flag;
	unsigned count;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64, any;
	double seconds;
	const char *text;
	int word;
	int read;
};

static const char *word(unsigned i, int *number) {
	static const char *const words[] = {"one", "two", "three"};
	*number = (int)i + 1;
	return i < 3 ? words[i] : NULL;
}

static int take_even(const char *command, void *target, const char *text) {
	((struct target *)target)->read = text[0] - '0';
	return (text[0] - '0') % 2 ? front_error(command, "read", "something even") : 0;
}

enum { MARK_FLAG = 1, MARK_TEXT = 2 };

static const struct option_row rows[] = {
	{"flag", NULL, "a flag", TO_FLAG(struct target, flag), .letter = 'f', .mark = MARK_FLAG},
	{"count", NULL, "more of it", TO_COUNT(struct target, count)},
	{"u16", "N", "from {range} ({preset})", TO_U16(struct target, u16), .min = 2, .max = 65535, .preset = "7"},
	{"u32", "BYTES", "from {range}", TO_U32(struct target, u32), .unit = "bytes", .min = 0, .max = 1000000},
	{"u64", "N", "from {range}", TO_U64(struct target, u64), .min = 1, .max = UINT64_C(1) << 40},
	{"any", "BYTES", "without bounds", TO_U64(struct target, any), .unit = "bytes", .min = 1, .max = INT64_MAX},
	{"seconds", "S", "from {range}", TO_SECONDS(struct target, seconds), .unit = "seconds", .shortest = 0.1, .longest = 60},
	{"text", "TEXT", "a text", TO_TEXT(struct target, text), .letter = 't', .mark = MARK_TEXT},
	{"word", "NAME", "one of {range}", TO_WORD(struct target, word), .word = word},
	{"read", "DIGIT", "something even", TO_READER(take_even)},
	{"silent", NULL, NULL, TO_FLAG(struct target, flag)},
	{"--a-note", NULL, "beside others", .kind = OPTION_NOTE},
	{"help", NULL, "this text", .kind = OPTION_HELP, .letter = 'h'},
};

static char printed[8192];
static uint32_t marks;
static int rest;

/* Reads the words, separated by spaces; what was printed is in `printed`. */
static int read_line(struct target *t, const char *line) {
	static char copy[256]; /* texts point into it */
	char *argv[32] = {"test"};
	int argc = 1;
	snprintf(copy, sizeof copy, "%s", line);
	for (char *at = strtok(copy, " "); at; at = strtok(NULL, " "))
		argv[argc++] = at;
	*t = (struct target){0};
	const struct option_section sections[] = {OPTION_SECTION("All:", rows, t)};
	struct front front = {
		.command = "test", .usage = "Usage: test\n", .status = "End.", .sections = sections, .section_count = 1};
	FILE *out = tmpfile();
	int before[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
	fflush(NULL);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(out), STDERR_FILENO);
	int exit_code = front_read(&front, argc, argv, &rest);
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		dup2(before[i], i ? STDERR_FILENO : STDOUT_FILENO);
		close(before[i]);
	}
	rewind(out);
	printed[fread(printed, 1, sizeof printed - 1, out)] = 0;
	fclose(out);
	marks = front.marks;
	return exit_code;
}

START_TEST(test_each_kind_goes_where_its_row_says) {
	struct target t;
	ck_assert_int_eq(read_line(&t, ""), -1);
	ck_assert_uint_eq(t.u16, 7); /* the preset */
	ck_assert_uint_eq(marks, 0);
	ck_assert_int_eq(
		read_line(&t,
	                  "--flag --count --count --u16 65535 --u32 1000000 --u64 5 --any 6 --seconds 0.5 --text x --word two "
	                  "--read 4 a b"),
		-1);
	ck_assert(t.flag && t.count == 2 && t.u16 == 65535 && t.u32 == 1000000 && t.u64 == 5 && t.any == 6);
	ck_assert(t.seconds == 0.5 && t.word == 2 && t.read == 4);
	ck_assert_str_eq(t.text, "x");
	ck_assert_uint_eq(marks, MARK_FLAG | MARK_TEXT);
	ck_assert_int_eq(rest, 20);
	ck_assert_int_eq(read_line(&t, "-ft y"), -1);
	ck_assert(t.flag);
	ck_assert_str_eq(t.text, "y");
	ck_assert_int_eq(read_line(&t, "--te=z --silent"), -1); /* as short as it is still clear */
	ck_assert(t.flag);
	ck_assert_str_eq(t.text, "z");
}
END_TEST

START_TEST(test_what_is_wrong_is_said_with_the_bounds_of_the_row) {
	static const struct {
		const char *line, *error;
	} wrong[] = {
		{"--u16 1", "--u16: expected a number from 2 to 65535"},
		{"--u16 65536", "--u16: expected a number from 2 to 65535"},
		{"--u16 x", "--u16: expected a number from 2 to 65535"},
		{"--u32 1000001", "--u32: expected bytes, 0 to 1000000"},
		{"--u64 0", "--u64: expected a number from 1 to 1099511627776"},
		{"--any 0", "--any: expected bytes\n"},
		{"--seconds 0.05", "--seconds: expected seconds, 0.1 to 60"},
		{"--seconds 61", "--seconds: expected seconds, 0.1 to 60"},
		{"--word four", "--word four: expected one, two or three"},
		{"--read 3", "--read: expected something even"},
		{"--text", "--text needs an argument"},
		{"--flag=x", "--flag=x takes no argument"},
		{"--nonsense", "unknown or ambiguous option '--nonsense'"},
		{"--u 1", "unknown or ambiguous option '--u'"},
		{"-x", "unknown or ambiguous option '-x'"},
		{"-fx", "unknown or ambiguous option '-x'"},
		{"-xf", "unknown or ambiguous option '-x'"},
		{"-f=y", "unknown or ambiguous option '-='"},
		{"a -xf", "unknown or ambiguous option '-x'"},
		{"-t", "-t needs an argument"},
		{"-ft", "-t needs an argument"},
		{"--a-note", "unknown or ambiguous option '--a-note'"},
	};
	struct target t;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		ck_assert_int_eq(read_line(&t, wrong[i].line), EXIT_USAGE);
		ck_assert_msg(strncmp(printed, "sluice: ", 8) == 0 && strstr(printed, wrong[i].error), "%s: %s", wrong[i].line,
		              printed);
		ck_assert_ptr_nonnull(strstr(printed, "Try 'sluice test --help'."));
	}
}
END_TEST

START_TEST(test_the_help_says_everything_once) {
	static const char *const lines[] = {
		"Usage: test\n\nAll:\n",
		"  -f, --flag             a flag\n",
		"  --u16 N                from 2 to 65535 (7)\n",
		"  --u32 BYTES            from 0 to 1000000\n",
		"  --seconds S            from 0.1 to 60\n",
		"  --word NAME            one of one, two or three\n",
		"  --a-note               beside others\n",
		"  -h, --help             this text\n\nEnd.\n",
	};
	struct target t;
	ck_assert_int_eq(read_line(&t, "--u16 9 --help --nonsense"), EXIT_OK);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		ck_assert_msg(strstr(printed, lines[i]) != NULL, "'%s' is missing in\n%s", lines[i], printed);
	ck_assert_ptr_null(strstr(printed, "silent"));
	ck_assert_int_eq(read_line(&t, "-h"), EXIT_OK);
}
END_TEST

SUITE("front", test_each_kind_goes_where_its_row_says, test_what_is_wrong_is_said_with_the_bounds_of_the_row,
      test_the_help_says_everything_once)
