/* wire: SCTP packets and chunks as bytes and as plain structs. It keeps no state and knows no association.
 *
 * Covered: RFC 9260 (SCTP), 3758 (PR-SCTP), 6525 (RE-CONFIG), 8260 (I-DATA), 4820 (PAD), 9653 (zero checksum), and the parameters
 * of RFC 5061 (Supported Extensions) and RFC 4895 that an INIT may carry.
 *
 * Reading: wire_packet_read() checks the header, wire_chunk_next() walks the chunks, wire_<chunk>_read() takes a chunk apart.
 * Every length is checked. After WIRE_MALFORMED the contents of the out struct mean nothing. Slices point into the packet. Lists
 * are read one by one, so nothing is allocated.
 *
 * Writing: wire_<chunk>_write() appends a padded chunk to a writer. A writer without space left is marked as failed; see
 * base/bytes.h. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "base/bytes.h"

#define WIRE_MALFORMED (-1)

/* ---- the packet: RFC 9260, 3.1 ---- */

#define WIRE_HEADER_SIZE 12

struct wire_header {
	uint16_t src_port, dst_port;
	uint32_t tag;
	uint32_t checksum; /* as stored: compare with crc32c_packet() */
};

enum wire_chunk_type {
	WIRE_DATA = 0,
	WIRE_INIT = 1,
	WIRE_INIT_ACK = 2,
	WIRE_SACK = 3,
	WIRE_HEARTBEAT = 4,
	WIRE_HEARTBEAT_ACK = 5,
	WIRE_ABORT = 6,
	WIRE_SHUTDOWN = 7,
	WIRE_SHUTDOWN_ACK = 8,
	WIRE_ERROR = 9,
	WIRE_COOKIE_ECHO = 10,
	WIRE_COOKIE_ACK = 11,
	WIRE_ECNE = 12,
	WIRE_CWR = 13,
	WIRE_SHUTDOWN_COMPLETE = 14,
	WIRE_AUTH = 15,
	WIRE_I_DATA = 64,
	WIRE_ASCONF_ACK = 128,
	WIRE_RE_CONFIG = 130,
	WIRE_PAD = 132,
	WIRE_FORWARD_TSN = 192,
	WIRE_ASCONF = 193,
	WIRE_I_FORWARD_TSN = 194,
};

/* RFC 9260, 3.2: what the two high bits of an unknown type ask for. The first: "stop processing this SCTP packet and discard the
 * unrecognized chunk and all further chunks". */
static inline bool wire_unknown_stops(uint8_t type) {
	return (type & 0x80) == 0;
}
/* The second: "and report the unrecognized chunk". */
static inline bool wire_unknown_reports(uint8_t type) {
	return (type & 0x40) != 0;
}
/* The RFC's name, "SACK", or "UNKNOWN". */
const char *wire_chunk_name(uint8_t type);

struct wire_chunk {
	uint8_t type, flags;
	const uint8_t *value; /* behind the four bytes of type, flags and length */
	uint16_t len;         /* of the value, without padding */
};

/* Reads the header and leaves the reader at the first chunk. Returns 0 or WIRE_MALFORMED. */
static inline int wire_packet_read(struct reader *r, struct wire_header *h) {
	const uint8_t *p = read_bytes(r, WIRE_HEADER_SIZE);
	if (!p)
		return WIRE_MALFORMED;
	*h = (struct wire_header){.src_port = get_be16(p), .dst_port = get_be16(p + 2), .tag = get_be32(p + 4)};
	memcpy(&h->checksum, p + 8, sizeof h->checksum);
	return 0;
}
/* Returns 1 and the next chunk, 0 at the end, or WIRE_MALFORMED when the length is below 4 or beyond the packet. Inline, because
 * it runs once for each chunk. */
static inline int wire_chunk_next(struct reader *r, struct wire_chunk *c) {
	size_t left = reader_left(r);
	if (left == 0)
		return 0;
	if (left < 4)
		return WIRE_MALFORMED;
	uint16_t len = get_be16(r->at + 2);
	if (len < 4 || len > left)
		return WIRE_MALFORMED;
	*c = (struct wire_chunk){.type = r->at[0], .flags = r->at[1], .value = r->at + 4, .len = (uint16_t)(len - 4)};
	/* RFC 9260, 3.2: "the Chunk Length field does not count any chunk padding". Some stacks leave out the padding of the last
	 * chunk. */
	r->at += pad4(len) < left ? pad4(len) : left;
	return 1;
}

/* Writes the header with a zero checksum. wire_packet_seal() sets the checksum when the packet is complete. */
void wire_header_write(struct writer *w, const struct wire_header *h);
void wire_packet_seal(uint8_t *packet, size_t len);

/* Writes a chunk of any type around a value: COOKIE-ECHO, COOKIE-ACK, HEARTBEAT-ACK, SHUTDOWN-ACK and unknown ones. */
void wire_chunk_write(struct writer *w, uint8_t type, uint8_t flags, const void *value, size_t len);
/* Write a chunk piece by piece: begin, append, end. The end sets the length and pads. */
uint8_t *wire_chunk_begin(struct writer *w, uint8_t type, uint8_t flags);
void wire_chunk_end(struct writer *w, uint8_t *begin);

/* ---- DATA and I-DATA: RFC 9260, 3.3.1; RFC 8260, 2.1 ---- */

#define WIRE_DATA_E 0x01
#define WIRE_DATA_B 0x02
#define WIRE_DATA_U 0x04
#define WIRE_DATA_I 0x08
#define WIRE_DATA_HEADER 16 /* bytes before the payload, chunk header included */
#define WIRE_I_DATA_HEADER 20

struct wire_data {
	uint8_t flags; /* WIRE_DATA_* */
	uint32_t tsn;
	uint16_t stream;
	uint16_t ssn;  /* DATA */
	uint32_t mid;  /* I-DATA */
	uint32_t fsn;  /* I-DATA without B; with B it is 0 */
	uint32_t ppid; /* DATA, or I-DATA with B */
	const uint8_t *payload;
	/* Payload bytes. RFC 9260, 3.3.1: at least 1; a chunk without any is answered with "No User Data". */
	uint16_t len;
};

static inline int wire_data_read(const struct wire_chunk *c, struct wire_data *d) {
	if (c->len < WIRE_DATA_HEADER - 4)
		return WIRE_MALFORMED;
	*d = (struct wire_data){
		.flags = c->flags,
		.tsn = get_be32(c->value),
		.stream = get_be16(c->value + 4),
		.ssn = get_be16(c->value + 6),
		.ppid = get_be32(c->value + 8),
		.payload = c->value + 12,
		.len = (uint16_t)(c->len - 12),
	};
	return 0;
}
/* Writes only the 16 bytes of header, for which p has room. The caller puts the payload behind them and pads. */
static inline void wire_data_header_put(uint8_t *p, const struct wire_data *d) {
	p[0] = WIRE_DATA;
	p[1] = d->flags;
	put_be16(p + 2, (uint16_t)(d->len + WIRE_DATA_HEADER));
	put_be32(p + 4, d->tsn);
	put_be16(p + 8, d->stream);
	put_be16(p + 10, d->ssn);
	put_be32(p + 12, d->ppid);
}
/* Writes header, payload and padding. */
void wire_data_write(struct writer *w, const struct wire_data *d);
/* RFC 8260, 2.1: the last word of the header is the PPID in a message's first fragment (B bit) and the FSN in the others. The FSN
 * of the first fragment is 0 and is not sent. */
static inline int wire_i_data_read(const struct wire_chunk *c, struct wire_data *d) {
	if (c->len < WIRE_I_DATA_HEADER - 4)
		return WIRE_MALFORMED;
	uint32_t ppid_or_fsn = get_be32(c->value + 12);
	bool first = (c->flags & WIRE_DATA_B) != 0;
	*d = (struct wire_data){
		.flags = c->flags,
		.tsn = get_be32(c->value),
		.stream = get_be16(c->value + 4),
		.mid = get_be32(c->value + 8),
		.ppid = first ? ppid_or_fsn : 0,
		.fsn = first ? 0 : ppid_or_fsn,
		.payload = c->value + 16,
		.len = (uint16_t)(c->len - 16),
	};
	return 0;
}
/* Writes only the 20 bytes of header. */
static inline void wire_i_data_header_put(uint8_t *p, const struct wire_data *d) {
	p[0] = WIRE_I_DATA;
	p[1] = d->flags;
	put_be16(p + 2, (uint16_t)(d->len + WIRE_I_DATA_HEADER));
	put_be32(p + 4, d->tsn);
	put_be16(p + 8, d->stream);
	put_be16(p + 10, 0); /* reserved */
	put_be32(p + 12, d->mid);
	put_be32(p + 16, d->flags & WIRE_DATA_B ? d->ppid : d->fsn);
}
void wire_i_data_write(struct writer *w, const struct wire_data *d);

/* ---- parameters: RFC 9260, 3.2.1 ---- */

enum wire_param_type {
	WIRE_PARAM_HEARTBEAT_INFO = 1,
	WIRE_PARAM_IPV4 = 5,
	WIRE_PARAM_IPV6 = 6,
	WIRE_PARAM_STATE_COOKIE = 7,
	WIRE_PARAM_UNRECOGNIZED = 8,
	WIRE_PARAM_COOKIE_PRESERVATIVE = 9,
	WIRE_PARAM_HOST_NAME = 11,
	WIRE_PARAM_ADDRESS_TYPES = 12,
	WIRE_PARAM_OUTGOING_RESET = 13, /* RFC 6525, 4 */
	WIRE_PARAM_INCOMING_RESET = 14,
	WIRE_PARAM_TSN_RESET = 15,
	WIRE_PARAM_RECONFIG_RESPONSE = 16,
	WIRE_PARAM_ADD_OUTGOING = 17,
	WIRE_PARAM_ADD_INCOMING = 18,
	WIRE_PARAM_ZERO_CHECKSUM = 0x8001, /* RFC 9653, 4 */
	WIRE_PARAM_RANDOM = 0x8002,        /* RFC 4895 */
	WIRE_PARAM_CHUNK_LIST = 0x8003,
	WIRE_PARAM_HMAC_ALGO = 0x8004,
	WIRE_PARAM_PAD = 0x8005,                  /* RFC 4820, 4 */
	WIRE_PARAM_SUPPORTED_EXTENSIONS = 0x8008, /* RFC 5061, 4.2.7 */
	WIRE_PARAM_FORWARD_TSN = 0xc000,          /* RFC 3758, 3.1 */
};

/* RFC 9260, 3.2.1: the same two bits for parameters. */
static inline bool wire_unknown_param_stops(uint16_t type) {
	return (type & 0x8000) == 0;
}
static inline bool wire_unknown_param_reports(uint16_t type) {
	return (type & 0x4000) != 0;
}

struct wire_param {
	uint16_t type;
	const uint8_t *value;
	uint16_t len;       /* of the value */
	const uint8_t *raw; /* the whole parameter, type and length included, as an error report wants it */
	uint16_t raw_len;   /* without padding */
};

/* Returns 1, 0 or WIRE_MALFORMED, as wire_chunk_next(). */
int wire_param_next(struct reader *r, struct wire_param *p);
void wire_param_write(struct writer *w, uint16_t type, const void *value, size_t len);
/* Write a parameter piece by piece. RFC 9260, 3.2: "The Chunk Length field does not count any chunk padding. However, it does
 * include any padding of variable-length parameters other than the last parameter in the chunk." So the begin of the next
 * parameter pads the one before it, and wire_chunk_end() pads the last one. */
uint8_t *wire_param_begin(struct writer *w, uint16_t type);
void wire_param_end(struct writer *w, uint8_t *begin);

/* ---- INIT and INIT-ACK: RFC 9260, 3.3.2 and 3.3.3 ---- */

#define WIRE_ZERO_CHECKSUM_DTLS 1 /* RFC 9653, 8: the error detection method "SCTP over DTLS" */
#define WIRE_UNRECOGNIZED_MAX 8

struct wire_init {
	uint32_t tag, a_rwnd;
	uint16_t outbound_streams, inbound_streams;
	uint32_t tsn;

	bool forward_tsn;                          /* the parameter, or type 192 among the extensions */
	bool reconfig, i_data, i_forward_tsn, pad; /* by the Supported Extensions */
	bool has_zero_checksum;
	uint32_t zero_checksum_method;
	const uint8_t *cookie; /* INIT-ACK */
	uint16_t cookie_len;
	bool has_cookie_preservative;
	uint32_t cookie_preservative; /* ms */
	bool has_host_name;           /* RFC 9260, 3.3.2.1.4: "MUST send an ABORT chunk" */
	struct wire_param host_name;
	const uint8_t *params; /* all of them, for callers that need others */
	size_t params_len;

	/* The first unknown parameters that ask to be reported. stopped: one of them also ended the reading. */
	struct wire_param unrecognized[WIRE_UNRECOGNIZED_MAX];
	size_t unrecognized_count;
	bool stopped;
};

/* Reads an INIT or INIT-ACK. The association judges the values (a zero tag, no streams). */
int wire_init_read(const struct wire_chunk *c, struct wire_init *i);
/* Writes a WIRE_INIT or WIRE_INIT_ACK with the parameters that the flags ask for. An INIT-ACK also gets the cookie, and the
 * unrecognized parameters inside parameters of type 8. */
void wire_init_write(struct writer *w, uint8_t type, const struct wire_init *i);

/* ---- SACK: RFC 9260, 3.3.4 ---- */

struct wire_sack {
	uint32_t cum_tsn, a_rwnd;
	uint16_t gap_count, duplicate_count;
	const uint8_t *gaps;       /* gap_count pairs of 16-bit offsets */
	const uint8_t *duplicates; /* duplicate_count TSNs */
};

int wire_sack_read(const struct wire_chunk *c, struct wire_sack *s);
static inline void wire_sack_gap(const struct wire_sack *s, size_t i, uint16_t *start, uint16_t *end) {
	*start = get_be16(s->gaps + 4 * i);
	*end = get_be16(s->gaps + 4 * i + 2);
}
static inline uint32_t wire_sack_duplicate(const struct wire_sack *s, size_t i) {
	return get_be32(s->duplicates + 4 * i);
}
/* Writes a SACK whose slices have wire form, as those of a read one. */
void wire_sack_write(struct writer *w, const struct wire_sack *s);

/* ---- FORWARD-TSN and I-FORWARD-TSN: RFC 3758, 3.2; RFC 8260, 2.3.1 ---- */

struct wire_forward {
	uint32_t cum_tsn;
	size_t count;
	const uint8_t *streams; /* pairs (stream, ssn) of 4 bytes; in I-FORWARD-TSN (stream, flags, mid) of 8 */
};
int wire_forward_read(const struct wire_chunk *c, struct wire_forward *f);
static inline void wire_forward_stream(const struct wire_forward *f, size_t i, uint16_t *stream, uint16_t *ssn) {
	*stream = get_be16(f->streams + 4 * i);
	*ssn = get_be16(f->streams + 4 * i + 2);
}
void wire_forward_write(struct writer *w, const struct wire_forward *f);
int wire_i_forward_read(const struct wire_chunk *c, struct wire_forward *f);
static inline void wire_i_forward_stream(const struct wire_forward *f, size_t i, uint16_t *stream, bool *unordered,
                                         uint32_t *mid) {
	*stream = get_be16(f->streams + 8 * i);
	*unordered = (f->streams[8 * i + 3] & 1) != 0;
	*mid = get_be32(f->streams + 8 * i + 4);
}
void wire_i_forward_write(struct writer *w, const struct wire_forward *f);

/* ---- the short ones ---- */

int wire_shutdown_read(const struct wire_chunk *c, uint32_t *cum_tsn); /* RFC 9260, 3.3.8 */
void wire_shutdown_write(struct writer *w, uint32_t cum_tsn);

/* HEARTBEAT and HEARTBEAT-ACK carry one parameter of type 1; `info` is its value. RFC 9260, 3.3.5 */
int wire_heartbeat_read(const struct wire_chunk *c, const uint8_t **info, uint16_t *len);
void wire_heartbeat_write(struct writer *w, uint8_t type, const void *info, size_t len);

/* Writes a PAD chunk of len bytes, its header included; len >= 4. RFC 4820, 3. */
void wire_pad_write(struct writer *w, size_t len);

/* Of ABORT and SHUTDOWN-COMPLETE: the packet carries the tag that its receiver uses itself, sent back to it. RFC 9260, 8.5.1. */
#define WIRE_FLAG_T 0x01

/* ---- error causes in ABORT and ERROR: RFC 9260, 3.3.10 ---- */

enum wire_cause {
	WIRE_CAUSE_INVALID_STREAM = 1,
	WIRE_CAUSE_MISSING_PARAM = 2,
	WIRE_CAUSE_STALE_COOKIE = 3,
	WIRE_CAUSE_OUT_OF_RESOURCE = 4,
	WIRE_CAUSE_UNRESOLVABLE_ADDRESS = 5,
	WIRE_CAUSE_UNRECOGNIZED_CHUNK = 6,
	WIRE_CAUSE_INVALID_PARAM = 7,
	WIRE_CAUSE_UNRECOGNIZED_PARAMS = 8,
	WIRE_CAUSE_NO_USER_DATA = 9,
	WIRE_CAUSE_COOKIE_WHILE_SHUTTING_DOWN = 10,
	WIRE_CAUSE_RESTART_NEW_ADDRESS = 11,
	WIRE_CAUSE_USER_ABORT = 12,
	WIRE_CAUSE_PROTOCOL_VIOLATION = 13,
};
/* The RFC's name, "Protocol Violation", or "Unknown Cause". */
const char *wire_cause_name(uint16_t cause);

/* Causes have the form of parameters. Walk them with wire_param_next() over the chunk's value; write them with wire_param_write()
 * between wire_chunk_begin() and wire_chunk_end(). */

/* ---- RE-CONFIG: RFC 6525, 3 and 4 ---- */

enum wire_reconfig_result {
	WIRE_RESULT_NOTHING_TO_DO = 0,
	WIRE_RESULT_PERFORMED = 1,
	WIRE_RESULT_DENIED = 2,
	WIRE_RESULT_WRONG_SSN = 3,
	WIRE_RESULT_IN_PROGRESS_OTHER = 4, /* "Request already in progress" */
	WIRE_RESULT_BAD_SEQUENCE = 5,
	WIRE_RESULT_IN_PROGRESS = 6,
};

/* One request or response parameter. Its type says which fields have a meaning. */
struct wire_reconfig {
	uint16_t type;         /* WIRE_PARAM_OUTGOING_RESET .. ADD_INCOMING */
	uint32_t request_seq;  /* requests */
	uint32_t response_seq; /* responses, and outgoing resets that answer a request */
	uint32_t last_tsn;     /* outgoing reset: sender's last assigned TSN */
	uint32_t result;       /* response */
	bool has_tsns;         /* response to a TSN reset */
	uint32_t sender_next_tsn, receiver_next_tsn;
	uint16_t new_streams;   /* add */
	size_t stream_count;    /* resets; 0 means all streams */
	const uint8_t *streams; /* stream_count 16-bit ids */
};
/* Takes apart a parameter of a RE-CONFIG chunk that wire_param_next() found. */
int wire_reconfig_read(const struct wire_param *p, struct wire_reconfig *r);
static inline uint16_t wire_reconfig_stream(const struct wire_reconfig *r, size_t i) {
	return get_be16(r->streams + 2 * i);
}
/* Writes a parameter, between wire_chunk_begin(WIRE_RE_CONFIG) and wire_chunk_end(). RFC 6525, 3.1: a chunk has one or two. */
void wire_reconfig_write(struct writer *w, const struct wire_reconfig *r);

#endif
