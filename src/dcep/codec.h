/* codec: the two messages of the Data Channel Establishment Protocol (RFC 8832, 5), bytes <-> plain structs.
 *
 * It checks types, lengths and the channel type. Whether the stream is free, the id has the right parity or the names fit into
 * memory is for the channel layer. It has no state and allocates nothing: the strings of a parsed OPEN point into the message. */
#ifndef DCEP_CODEC_H
#define DCEP_CODEC_H

#include "base/bytes.h"
#include "sluice/sctp.h"

/* RFC 8831, 8: payload protocol identifiers. */
enum dcep_ppid {
	DCEP_PPID_CONTROL = 50,
	DCEP_PPID_STRING = 51,
	DCEP_PPID_BINARY_PARTIAL = 52, /* deprecated: a piece of a message; read as a whole message */
	DCEP_PPID_BINARY = 53,
	DCEP_PPID_STRING_PARTIAL = 54, /* deprecated */
	DCEP_PPID_STRING_EMPTY = 56,
	DCEP_PPID_BINARY_EMPTY = 57,
};

static inline bool dcep_ppid_is_text(uint32_t ppid) {
	return ppid == DCEP_PPID_STRING || ppid == DCEP_PPID_STRING_PARTIAL || ppid == DCEP_PPID_STRING_EMPTY;
}
/* RFC 8831, 6.6: "When receiving an SCTP user message with one of these PPIDs, the receiver MUST ignore the SCTP user message and
 * process it as an empty message." */
static inline bool dcep_ppid_is_empty(uint32_t ppid) {
	return ppid == DCEP_PPID_STRING_EMPTY || ppid == DCEP_PPID_BINARY_EMPTY;
}
static inline bool dcep_ppid_is_user(uint32_t ppid) {
	return ppid >= DCEP_PPID_STRING && ppid <= DCEP_PPID_BINARY_EMPTY && ppid != 55;
}

/* RFC 8832, 8.2.1. */
enum dcep_message {
	DCEP_ACK = 0x02,
	DCEP_OPEN = 0x03,
};

#define DCEP_OPEN_HEADER 12
#define DCEP_OPEN_MAX (DCEP_OPEN_HEADER + 2 * UINT16_MAX)

struct dcep_open {
	bool unordered;
	enum sluice_reliability reliability;
	uint32_t value; /* retransmissions or ms; 0 when reliable */
	uint16_t priority;
	uint16_t label_len, protocol_len;
	const char *label, *protocol; /* no NUL behind them */
};

/* Reads one message with PPID 50.
 *
 * Returns DCEP_OPEN (and fills *open), DCEP_ACK, or
 *   SLUICE_UNSUPPORTED  another type of message
 *   SLUICE_MALFORMED    the message cannot be parsed */
int dcep_read(const void *data, size_t len, struct dcep_open *open);

static inline size_t dcep_open_size(const struct dcep_open *open) {
	return DCEP_OPEN_HEADER + (size_t)open->label_len + open->protocol_len;
}
void dcep_open_write(struct writer *w, const struct dcep_open *open);

/* The whole ACK. */
#define DCEP_ACK_SIZE 1
extern const uint8_t dcep_ack[DCEP_ACK_SIZE];

#endif
