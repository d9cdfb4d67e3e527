/* Observation: what an association does, as lines of JSON (qlog) and as its packets.
 *
 * The library opens no files. It gives out lines and packets, and the helpers below give packets the two forms that Wireshark
 * reads. The packets are those before DTLS encrypts them and after it decrypts them. */
#ifndef SLUICE_TRACE_H
#define SLUICE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The most bytes of a line, its end included. */
#define SLUICE_TRACE_LINE_MAX 2048

/* Gets one event: a JSON object of len bytes, of which the last is '\n'. There is no NUL. The line lives during the call. The
 * hook runs inside the verbs and must not call the association. */
typedef void (*sluice_trace_fn)(void *ctx, const char *line, size_t len);

/* Gets one SCTP packet, sent (true) or received, at the verb's `now`. The packet lives during the call. The hook runs inside the
 * verbs and must not call the association. */
typedef void (*sluice_packet_fn)(void *ctx, bool sent, const void *packet, size_t len, uint64_t now);

/* ---- a pcap file ------------------------------------------------------------------------------------------------ */

#define SLUICE_PCAP_HEADER_SIZE 24
#define SLUICE_PCAP_RECORD_SIZE 16

/* Writes the beginning of a file that Wireshark and tcpdump read: link type 248, which is SCTP with nothing below it, and times
 * in ns. The verification tag of a packet shows which side sent it. */
SLUICE_API void sluice_pcap_header(uint8_t header[SLUICE_PCAP_HEADER_SIZE]);
/* Writes what stands before each packet; the app writes the packet's len bytes behind it. at: ns since 1970, which is the verb's
 * `now` plus the distance of the two clocks. */
SLUICE_API void sluice_pcap_record(uint8_t record[SLUICE_PCAP_RECORD_SIZE], uint64_t at, size_t len);

/* ---- a line of text --------------------------------------------------------------------------------------------- */

/* Bytes that hold the line of a packet, NUL included. */
#define SLUICE_PACKET_TEXT_SIZE(len) (3 * (len) + 48)

/* Writes a packet as other stacks log it: "O 12:34:56.789000 0000 13 88 ... # SCTP_PACKET" and a newline; I instead of O for a
 * received one. at: ns since 1970; the line shows the time of day in UTC. To make a capture of such lines, find them in any log
 * with grep SCTP_PACKET, and call
 *     text2pcap -D -n -l 248 -t '%H:%M:%S.' packets.txt packets.pcapng
 *
 * Returns the length without the NUL, or
 *   SLUICE_NO_SPACE  size is too small */
SLUICE_API int sluice_packet_text(char *text, size_t size, bool sent, const void *packet, size_t len, uint64_t at);

#ifdef __cplusplus
}
#endif
#endif
