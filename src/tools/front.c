/* front: see its header. */
#include "tools/front.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tools/tools.h"

/* The help: two columns, the right one broken into lines. */
#define LEFT 25
#define WIDTH 110
/* What getopt_long() returns for the first row. Above all letters. */
#define FIRST_KEY 256

struct entry {
	const struct option_row *row;
	void *target;
};

/* ---- words about a row --------------------------------------------------------------------------------------------- */

/* "rfc9260 or rack". */
static void list_words(const struct option_row *row, char *text, size_t size) {
	int number;
	size_t used = 0;
	text[0] = 0;
	for (unsigned i = 0; row->word(i, &number) && used < size; i++) {
		const char *before = i == 0 ? "" : row->word(i + 1, &number) ? ", " : " or ";
		used += (size_t)snprintf(text + used, size - used, "%s%s", before, row->word(i, &number));
	}
}

/* The bounds or the words; "" when there are none. */
static void write_range(const struct option_row *row, char *text, size_t size) {
	text[0] = 0;
	if (row->kind == OPTION_WORD)
		list_words(row, text, size);
	else if (row->kind == OPTION_SECONDS)
		snprintf(text, size, "%g to %g", row->shortest, row->longest);
	else if (row->max && row->max != INT64_MAX)
		snprintf(text, size, "%llu to %llu", (unsigned long long)row->min, (unsigned long long)row->max);
}

int front_error(const char *command, const char *name, const char *expected) {
	return usage_error(command, "--%s: expected %s", name, expected);
}

/* "--size: expected bytes, 1 to 262144". */
static int complain_about_number(const char *command, const struct option_row *row) {
	char range[64], expected[128];
	write_range(row, range, sizeof range);
	if (row->unit)
		snprintf(expected, sizeof expected, "%s%s%s", row->unit, range[0] ? ", " : "", range);
	else
		snprintf(expected, sizeof expected, "a number from %s", range);
	return front_error(command, row->name, expected);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static int read_word(const char *command, const struct option_row *row, int *to, const char *text) {
	char all[256];
	int number;
	const char *word;
	for (unsigned i = 0; (word = row->word(i, &number)); i++)
		if (strcmp(word, text) == 0) {
			*to = number;
			return 0;
		}
	list_words(row, all, sizeof all);
	return usage_error(command, "--%s %s: expected %s", row->name, text, all);
}

static int read_number(const char *command, const struct option_row *row, void *to, const char *text) {
	uint64_t v;
	if (!parse_unsigned(text, row->min, row->max, &v))
		return complain_about_number(command, row);
	if (row->kind == OPTION_U16)
		*(uint16_t *)to = (uint16_t)v;
	else if (row->kind == OPTION_U32)
		*(uint32_t *)to = (uint32_t)v;
	else
		*(uint64_t *)to = v;
	return 0;
}

/* 0, or the exit code. */
static int read_value(const char *command, const struct entry *e, const char *text) {
	const struct option_row *row = e->row;
	void *to = (char *)e->target + row->at;
	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)to = true;
		return 0;
	case OPTION_COUNT:
		++*(unsigned *)to;
		return 0;
	case OPTION_U16:
	case OPTION_U32:
	case OPTION_U64:
		return read_number(command, row, to, text);
	case OPTION_SECONDS:
		return parse_seconds(text, row->shortest, row->longest, to) ? 0 : complain_about_number(command, row);
	case OPTION_TEXT:
		*(const char **)to = text;
		return 0;
	case OPTION_WORD:
		return read_word(command, row, to, text);
	case OPTION_READ:
		return row->read(command, e->target, text);
	case OPTION_HELP:
	case OPTION_NOTE:
		break;
	}
	return 0;
}

/* getopt_long() gave ':' or '?'; its own messages are off. A letter may stand in the middle of an argument, and optind is behind
 * that argument only after its last letter. */
static int complain_about_option(const char *command, int key, char **argv) {
	char letter[] = {'-', (char)optopt, 0};
	const char *name = optopt && optopt < FIRST_KEY ? letter : argv[optind - 1];
	if (key == ':')
		return usage_error(command, "%s needs an argument", name);
	if (optopt >= FIRST_KEY)
		return usage_error(command, "%s takes no argument", name);
	return usage_error(command, "unknown or ambiguous option '%s'", name);
}

/* ---- the help ------------------------------------------------------------------------------------------------------ */

/* Copies the help of a row, with what the braces stand for. */
static void expand_help(const struct option_row *row, char *text, size_t size) {
	char range[256];
	const struct { const char *brace, *value; } braces[] = {{"{range}", range}, {"{preset}", row->preset ? row->preset : ""}};
	size_t used = 0;
	write_range(row, range, sizeof range);
	for (const char *at = row->help; *at && used < size - 1;) {
		const char *piece = at;
		size_t len = 1, skip = 1;
		for (size_t i = 0; i < sizeof braces / sizeof *braces; i++)
			if (strncmp(at, braces[i].brace, strlen(braces[i].brace)) == 0) {
				piece = braces[i].value;
				len = strlen(piece);
				skip = strlen(braces[i].brace);
			}
		len = len < size - 1 - used ? len : size - 1 - used;
		memcpy(text + used, piece, len);
		used += len;
		at += skip;
	}
	text[used] = 0;
}

/* The words of the text, from the column where the right side begins. */
static void print_wrapped(const char *text) {
	for (size_t column = LEFT; *text;) {
		size_t len = strcspn(text, " ");
		if (column > LEFT && column + 1 + len > WIDTH) {
			printf("\n%*s", LEFT, "");
			column = LEFT;
		}
		column += (size_t)printf("%s%.*s", column > LEFT ? " " : "", (int)len, text);
		text += len + (text[len] == ' ');
	}
	putchar('\n');
}

static void print_row(const struct option_row *row) {
	char left[64], letter[8] = "", help[1024];
	if (!row->help)
		return;
	if (row->letter)
		snprintf(letter, sizeof letter, "-%c, ", row->letter);
	int len = snprintf(left, sizeof left, "  %s%s%s%s%s", letter, row->kind == OPTION_NOTE ? "" : "--", row->name,
	                   row->argument ? " " : "", row->argument ? row->argument : "");
	if (len < LEFT - 1)
		printf("%-*s", LEFT, left);
	else
		printf("%s\n%*s", left, LEFT, "");
	expand_help(row, help, sizeof help);
	print_wrapped(help);
}

static void print_help(const struct front *f) {
	fputs(f->usage, stdout);
	for (size_t i = 0; i < f->section_count; i++) {
		const struct option_section *s = &f->sections[i];
		if (s->title)
			printf("\n%s\n", s->title);
		for (size_t k = 0; k < s->count; k++)
			print_row(&s->rows[k]);
	}
	printf("\n%s\n", f->status);
}

/* ---- the command line ---------------------------------------------------------------------------------------------- */

static size_t count_rows(const struct front *f) {
	size_t count = 0;
	for (size_t i = 0; i < f->section_count; i++)
		count += f->sections[i].count;
	return count;
}

/* The rows as getopt_long() takes them; its letters too. Notes get no name that could be typed. */
static void list_rows(const struct front *f, struct entry *entries, struct option *options, char *letters) {
	size_t count = 0, given = 0;
	*letters++ = ':';
	for (size_t i = 0; i < f->section_count; i++)
		for (size_t k = 0; k < f->sections[i].count; k++, count++) {
			const struct option_row *row = &f->sections[i].rows[k];
			entries[count] = (struct entry){row, f->sections[i].target};
			if (row->kind == OPTION_NOTE)
				continue;
			options[given++] = (struct option){row->name, row->argument ? required_argument : no_argument, NULL,
			                                   FIRST_KEY + (int)count};
			if (row->letter)
				*letters++ = row->letter;
			if (row->letter && row->argument)
				*letters++ = ':';
		}
	options[given] = (struct option){0};
	*letters = 0;
}

static const struct entry *find_entry(const struct entry *entries, size_t count, int key) {
	if (key >= FIRST_KEY)
		return &entries[key - FIRST_KEY];
	for (size_t i = 0; i < count; i++)
		if (entries[i].row->letter == key)
			return &entries[i];
	return NULL;
}

int front_read(struct front *f, int argc, char **argv, int *rest) {
	size_t count = count_rows(f);
	struct entry entries[count];
	struct option options[count + 1];
	char letters[2 * count + 2];
	int key, wrong = 0;
	list_rows(f, entries, options, letters);
	for (size_t i = 0; i < count && !wrong; i++)
		if (entries[i].row->preset)
			wrong = read_value(f->command, &entries[i], entries[i].row->preset);
	opterr = optind = 0; /* no messages of its own; from the beginning */
	while (!wrong && (key = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		const struct entry *e = key == ':' || key == '?' ? NULL : find_entry(entries, count, key);
		if (!e)
			return complain_about_option(f->command, key, argv);
		if (e->row->kind == OPTION_HELP) {
			print_help(f);
			return EXIT_OK;
		}
		f->marks |= e->row->mark;
		wrong = read_value(f->command, e, optarg);
	}
	if (rest)
		*rest = optind;
	else if (!wrong && optind < argc)
		wrong = usage_error(f->command, "unexpected argument '%s'", argv[optind]);
	return wrong ? wrong : -1;
}
