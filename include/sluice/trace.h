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

/* ---- a pcap file ---- */

/* What a file begins with, and what stands before each packet's bytes. Wireshark and tcpdump read it: link type 248, which is
 * SCTP without anything below it, times in ns. Which side sent a packet is told by its verification tag. */
#define SLUICE_PCAP_HEADER_SIZE 24
#define SLUICE_PCAP_RECORD_SIZE 16
SLUICE_API void sluice_pcap_header(uint8_t header[SLUICE_PCAP_HEADER_SIZE]);
/* at: ns since 1970 (the verbs' `now` and how much the app's clock differs from it). len: bytes of the packet; the app writes all
 * of them behind the record. */
SLUICE_API void sluice_pcap_record(uint8_t record[SLUICE_PCAP_RECORD_SIZE], uint64_t at, size_t len);

/* ---- a line of text ---- */

/* Bytes that a packet's line needs at most, the NUL included. */
#define SLUICE_PACKET_TEXT_SIZE(len) (3 * (len) + 48)

/* The packet as other stacks put it into their logs: "O 12:34:56.789000 0000 13 88 ... # SCTP_PACKET" and a newline, with I for one
 * received. Lines like that, picked out of any log with grep SCTP_PACKET, become a capture:
 *     text2pcap -D -n -l 248 -t '%H:%M:%S.' packets.txt packets.pcapng
 * at: ns since 1970; the time of day in it is UTC. Returns the length without the NUL, or SLUICE_NO_SPACE. */
SLUICE_API int sluice_packet_text(char *text, size_t size, bool sent, const void *packet, size_t len, uint64_t at);

#ifdef __cplusplus
}
#endif
#endif
