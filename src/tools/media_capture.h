/* media_capture: RTP and RTCP packets in a file for Wireshark. It knows no peer. */
#ifndef TOOLS_MEDIA_CAPTURE_H
#define TOOLS_MEDIA_CAPTURE_H

#include <stdio.h>

#include "sluice/trace.h"

struct media_capture {
	FILE *file;     /* NULL: none */
	uint64_t clock; /* the time of day minus the loop's clock */
};

/* name NULL: nothing is captured. False after it said why the file cannot be written. */
bool media_capture_open(struct media_capture *c, const char *name, const char *command);
/* A sluice_packet_fn; ctx is the capture. */
void media_capture_packet(void *ctx, bool sent, const void *packet, size_t len, uint64_t now);
/* False when the file is not complete, which it says. */
bool media_capture_close(struct media_capture *c, const char *name, const char *command);

#endif
