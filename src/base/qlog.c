#include "base/qlog.h"

#include <string.h>

#include "sluice.h"

#define TEXT(x) #x
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

/* What always fits behind that which was written. */
#define EVENT_END "}}\n"
#define HEADER_END "}}}\n"

static void line_end(struct qlog *q, struct json_line *j, const char *end) {
	j->end = q->line + sizeof q->line;
	j->full = false;
	json_line_text(j, end);
	q->fn(q->ctx, q->line, json_line_len(j));
}

struct json_line qlog_header(struct qlog *q, const char *schema, const char *protocol) {
	struct json_line j = json_line_of(q->line, sizeof q->line - strlen(HEADER_END));
	json_line_open(&j, NULL, '{');
	json_line_string(&j, "file_schema", "urn:ietf:params:qlog:file:sequential");
	json_line_string(&j, "serialization_format", "application/x-ndjson");
	json_line_string(&j, "title", "sluice " VERSION(SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR, SLUICE_VERSION_PATCH));
	json_line_open(&j, "trace", '{');
	json_line_open(&j, "vantage_point", '{');
	json_line_string(&j, "type", "unknown");
	json_line_close(&j, '}');
	json_line_open(&j, "event_schemas", '[');
	json_line_string(&j, NULL, schema);
	json_line_close(&j, ']');
	json_line_open(&j, "common_fields", '{');
	json_line_open(&j, "protocol_types", '[');
	json_line_string(&j, NULL, protocol);
	json_line_close(&j, ']');
	json_line_string(&j, "time_format", "relative_to_epoch");
	json_line_open(&j, "reference_time", '{');
	json_line_string(&j, "clock_type", "monotonic");
	json_line_string(&j, "epoch", "unknown");
	json_line_close(&j, '}');
	return j;
}

void qlog_header_end(struct qlog *q, struct json_line *j) {
	line_end(q, j, HEADER_END);
}

struct json_line qlog_event(struct qlog *q, const char *name, uint64_t at) {
	struct json_line j = json_line_of(q->line, sizeof q->line - strlen(EVENT_END));
	json_line_open(&j, NULL, '{');
	json_line_ms(&j, "time", at);
	json_line_string(&j, "name", name);
	json_line_open(&j, "data", '{');
	return j;
}

void qlog_event_end(struct qlog *q, struct json_line *j) {
	line_end(q, j, EVENT_END);
}

void qlog_count(struct qlog *q, const char *name, uint64_t count, uint64_t at) {
	struct json_line j = qlog_event(q, name, at);
	json_line_number(&j, "count", count);
	qlog_event_end(q, &j);
}

void qlog_change(struct qlog *q, const char *name, const char *from, const char *to, uint64_t at) {
	struct json_line j = qlog_event(q, name, at);
	if (from)
		json_line_string(&j, "old", from);
	json_line_string(&j, "new", to);
	qlog_event_end(q, &j);
}

void qlog_metrics(struct qlog *q, const char *name, const struct qlog_metric *metrics, const uint64_t *now, uint64_t *told,
                  size_t count, uint64_t at) {
	if (memcmp(now, told, count * sizeof *now) == 0)
		return;
	struct json_line j = qlog_event(q, name, at);
	for (size_t i = 0; i < count; i++) {
		if (now[i] == told[i])
			continue;
		if (metrics[i].time)
			json_line_ms(&j, metrics[i].name, now[i]);
		else
			json_line_number(&j, metrics[i].name, now[i]);
	}
	memcpy(told, now, count * sizeof *now);
	qlog_event_end(q, &j);
}
