/* stat_table: what is in a struct of statistics? A row for each field: its name, what it counts in, and how it changes.
 *
 * Whoever shows statistics (the JSON report, the trace, perf, serve) takes names and units from here, so a counter has one name:
 * that of its field. JSON writes it in camel case. A row may have another word for JSON: the one of W3C's webrtc-stats.
 *
 * The rows stand in the order of the fields and leave none out; a test compares them with the struct. */
#ifndef BASE_STAT_TABLE_H
#define BASE_STAT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/json_line.h"
#include "sluice/stats.h"

enum stat_unit { STAT_COUNT, STAT_BYTES, STAT_NS, STAT_BYTES_PER_S, STAT_TEXT };

/* A counter only grows; a gauge is a value of the moment. */
enum stat_kind { STAT_COUNTER, STAT_GAUGE };

struct stat_row {
	const char *name;
	const char *json; /* NULL: the name in camel case */
	enum stat_unit unit;
	enum stat_kind kind;
	uint16_t offset;
	uint8_t width;
};

struct stat_table {
	const struct stat_row *rows;
	size_t count;
};

extern const struct stat_table stat_sctp;    /* of sluice_sctp_stats */
extern const struct stat_table stat_dtls;    /* of sluice_dtls_stats */
extern const struct stat_table stat_channel; /* of sluice_channel_stats */

/* The row of the field; NULL: there is none. */
const struct stat_row *stat_find(const struct stat_table *t, const char *name);

/* What the field holds: a number in the row's unit, or a text. */
uint64_t stat_number(const struct stat_row *row, const void *stats);
const char *stat_text(const struct stat_row *row, const void *stats);

#define STAT_JSON_NAME_MAX 48 /* with its NUL */
/* The name for JSON, in `space` or in the table. */
const char *stat_json_name(const struct stat_row *row, char space[STAT_JSON_NAME_MAX]);

/* Writes each field as a member: times in seconds, rates in bit/s, as W3C has them. */
void stat_write(const struct stat_table *t, const void *stats, struct json_line *j);

#endif
