/* Observation: what an association does, as lines of JSON (a qlog) and as its packets.
 *
 * The library opens no file; it hands out lines and packets, and the helpers below put packets into the two forms that
 * Wireshark reads. SCTP packets are taken before DTLS, so they are in clear. */
#ifndef SLUICE_TRACE_H
#define SLUICE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* No line is longer than this, its end included. */
#define SLUICE_TRACE_LINE_MAX 2048

/* One event: a JSON object of len bytes, the last of which is '\n' (not counted in any string's sense: there is no NUL). It runs
 * inside the verbs and must not call the association; the line lives as long as the call. */
typedef void (*sluice_trace_fn)(void *ctx, const char *line, size_t len);

/* One SCTP packet, sent (true) or received, at `now` of the verb. As above: it must not call the association, and the bytes live
 * as long as the call. */
typedef void (*sluice_packet_fn)(void *ctx, bool sent, const void *packet, size_t len, uint64_t now);

#ifdef __cplusplus
}
#endif
#endif
