/* front: the command line of a command, read from tables.
 *
 * A row is all that is said about an option: its name, what it takes, its help, what is allowed, and where the value goes. The
 * help text, the errors and the bounds come out of the row, so a bound stands once and an option that is in the table is in the
 * help. */
#ifndef TOOLS_FRONT_H
#define TOOLS_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_HELP,  /* prints the help */
	OPTION_NOTE,  /* no option: a line of the help, with `name` on the left */
	OPTION_FLAG,  /* bool: true */
	OPTION_COUNT, /* unsigned: one more each time */
	OPTION_U16,   /* whole numbers, min to max */
	OPTION_U32,
	OPTION_U64,
	OPTION_SECONDS, /* double, shortest to longest */
	OPTION_TEXT,    /* const char *: the text as it is */
	OPTION_WORD,    /* int: the number of one of some words */
	OPTION_READ,    /* whatever read() makes of it */
};

struct option_row {
	const char *name;
	const char *argument; /* in the help; NULL: it takes none */
	/* In the help. {range} stands for the bounds or the words, {preset} for the preset. NULL: not in the help. */
	const char *help;
	enum option_kind kind;
	size_t at;          /* of the field, in the section's target */
	char letter;        /* the short form; 0: none */
	const char *preset; /* what holds where the option is not given, as text; NULL: what the target holds already */
	const char *unit;   /* of a number, for the error: "bytes"; NULL: it is just a number */
	uint64_t min, max;  /* max INT64_MAX: the bounds are not worth a word */
	double shortest, longest;
	/* The i-th word and its number; NULL behind the last. */
	const char *(*word)(unsigned i, int *number);
	/* Takes the argument (NULL: there is none). 0, or an exit code after it said what is wrong. */
	int (*read)(const char *command, void *target, const char *text);
	uint32_t mark; /* goes into front.marks when the option is given */
};

/* For a row: the kind and the place, checked against the field's type by the compiler. */
#define OPTION_TO(k, type, record, field)                                                                                        \
	.kind = (k), .at = offsetof(record, field) +                                                                             \
	                   0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((record *)0)->field), type) ? 1 : -1])
#define TO_FLAG(record, field) OPTION_TO(OPTION_FLAG, bool, record, field)
#define TO_COUNT(record, field) OPTION_TO(OPTION_COUNT, unsigned, record, field)
#define TO_U16(record, field) OPTION_TO(OPTION_U16, uint16_t, record, field)
#define TO_U32(record, field) OPTION_TO(OPTION_U32, uint32_t, record, field)
#define TO_U64(record, field) OPTION_TO(OPTION_U64, uint64_t, record, field)
#define TO_SECONDS(record, field) OPTION_TO(OPTION_SECONDS, double, record, field)
#define TO_TEXT(record, field) OPTION_TO(OPTION_TEXT, const char *, record, field)
#define TO_WORD(record, field) OPTION_TO(OPTION_WORD, int, record, field)
#define TO_READER(function) .kind = OPTION_READ, .read = (function)

struct option_section {
	const char *title; /* in the help; NULL: none */
	const struct option_row *rows;
	size_t count;
	void *target; /* what the rows' places are in */
};
#define OPTION_SECTION(title, rows, target) ((struct option_section){(title), (rows), sizeof(rows) / sizeof *(rows), (target)})

struct front {
	const char *command;
	const char *usage;  /* the beginning of the help */
	const char *status; /* its last line */
	const struct option_section *sections;
	size_t section_count;
	uint32_t marks; /* of the options that were given */
};

/* Sets the presets and reads the options. -1 to go on, and *rest is the index of the first argument that is no option; else the
 * exit code: EXIT_OK after the help, or what is wrong was said. rest NULL: the command takes no arguments, and one is wrong. */
int front_read(struct front *f, int argc, char **argv, int *rest);
/* "--name: expected what"; returns EXIT_USAGE. */
int front_error(const char *command, const char *name, const char *expected);

#endif
