/* qlog: how is a trace written, line by line?
 *
 * draft-ietf-quic-qlog-main-schema: a header, then a JSON object for each event: {"time":ms,"name":"...","data":{...}}. Lines are
 * written into the trace's own space, so nothing is allocated for one. It knows no events. */
#ifndef BASE_QLOG_H
#define BASE_QLOG_H

#include "base/json_line.h"
#include "sluice/trace.h"

struct qlog {
	sluice_trace_fn fn; /* NULL: nobody listens; then none of the functions below is called */
	void *ctx;
	char line[SLUICE_TRACE_LINE_MAX];
};

/* Begins the header. What holds for all events may follow. */
struct json_line qlog_header(struct qlog *q, const char *schema, const char *protocol);
void qlog_header_end(struct qlog *q, struct json_line *j);
/* Begins an event; its data follow. */
struct json_line qlog_event(struct qlog *q, const char *name, uint64_t at);
void qlog_event_end(struct qlog *q, struct json_line *j);

/* An event whose data is one member. */
void qlog_count(struct qlog *q, const char *name, uint64_t count, uint64_t at);
/* "old" is left out when it is NULL. */
void qlog_change(struct qlog *q, const char *name, const char *from, const char *to, uint64_t at);

struct qlog_metric {
	const char *name;
	bool time; /* in ns; it is written in ms */
};
/* An event with those of the count values in `now` that differ from `told`, which then has them. None does: there is no event. */
void qlog_metrics(struct qlog *q, const char *name, const struct qlog_metric *metrics, const uint64_t *now, uint64_t *told,
                  size_t count, uint64_t at);

#endif
