/* trace: reports what a session's estimator and pacer do, and what is lost, as lines of JSON (base/qlog.h).
 *
 * The verbs call media_trace_look() when they are done: it tells what has changed since the last call. m->trace is NULL without a
 * trace, and then nothing below is called. Nothing is allocated after sluice_media_set_trace(), and the session behaves the same
 * with and without a trace. */
#ifndef RTP_MEDIA_TRACE_H
#define RTP_MEDIA_TRACE_H

#include "rtp/bwe/bwe.h"

struct sluice_media;

void media_trace_look(const struct sluice_media *m);
/* A probe goes to the pacer. */
void media_trace_probe(const struct sluice_media *m, const struct bwe_probe *probe);
void media_trace_free(struct sluice_media *m);

#endif
