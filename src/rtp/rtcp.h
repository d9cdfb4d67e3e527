/* rtcp: what does a datagram of RTCP say? A view of each of its packets. RFC 3550, section 6, and the feedback messages of
 * RFC 4585, 5104, 8888, 3611, draft-alvestrand-rmcat-remb and draft-holmer-rmcat-transport-wide-cc-extensions.
 *
 *     struct rtcp_reader r = rtcp_reader_of(data, len);
 *     struct rtcp_packet p;
 *     while (rtcp_next(&r, &p))
 *             switch (p.kind) { case RTCP_NACK: ... }
 *     count(r.malformed);
 *
 * Nothing is copied: lists are slices of the datagram, read by the iterators below. rtcp_next() has checked every length, so an
 * iterator cannot leave its slice. Compound and reduced-size datagrams (RFC 5506) are walked alike. It knows no streams and no
 * time. rtcp_write.h writes the same.
 *
 * A packet that is broken inside is passed and counted in `malformed`; a header that is broken ends the walk, since nothing
 * behind it can be found. Cost: each packet's bytes are seen at most twice, at the check and by the iterator; a TWCC check is by
 * chunk, not by packet reported. */
#ifndef RTP_RTCP_H
#define RTP_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define RTCP_HEADER 4
#define RTCP_MAX_COUNT 31 /* RFC 3550, 6.4.1: report blocks and sources in one packet, a count of five bits */

/* Packet types on the wire, and formats of feedback. */
enum {
	RTCP_PT_SR = 200,
	RTCP_PT_RR = 201,
	RTCP_PT_SDES = 202,
	RTCP_PT_BYE = 203,
	RTCP_PT_APP = 204,
	RTCP_PT_RTPFB = 205,
	RTCP_PT_PSFB = 206,
	RTCP_PT_XR = 207,
	RTCP_FMT_NACK = 1,
	RTCP_FMT_CCFB = 11,
	RTCP_FMT_TWCC = 15,
	RTCP_FMT_PLI = 1,
	RTCP_FMT_FIR = 4,
	RTCP_FMT_REMB = 15, /* application layer feedback that begins with "REMB" */
	RTCP_XR_RRTR = 4,
	RTCP_XR_DLRR = 5,
	RTCP_SDES_CNAME = 1,
};

enum rtcp_kind {
	RTCP_OTHER, /* a type or format that we do not know; body has its bytes. That of feedback begins behind both SSRCs */
	RTCP_SENDER_REPORT,
	RTCP_RECEIVER_REPORT,
	RTCP_SDES,
	RTCP_BYE,
	RTCP_APP,
	RTCP_NACK,
	RTCP_TWCC,
	RTCP_CCFB,
	RTCP_PLI,
	RTCP_FIR,
	RTCP_REMB,
	RTCP_XR,
};

struct rtcp_slice {
	const uint8_t *data;
	size_t len;
};

/* RFC 3550, 6.4.1 */
struct rtcp_report_block {
	uint32_t ssrc;
	uint8_t fraction_lost;   /* of 256 */
	int32_t lost;            /* 24 bits, signed: duplicates can make it negative */
	uint32_t highest;        /* cycles << 16 | sequence */
	uint32_t jitter;         /* in units of the timestamp */
	uint32_t last_sr;        /* the middle 32 bits of the NTP time of the last SR; 0: none came */
	uint32_t delay_since_sr; /* in 1 / 65536 s */
};

struct rtcp_sender_info {
	uint64_t ntp; /* 32.32 seconds since 1900 */
	uint32_t timestamp, packets, octets;
};

/* draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1 */
struct rtcp_twcc {
	uint16_t base;      /* sequence number of the first status */
	uint16_t count;     /* statuses */
	uint16_t received;  /* of these, came */
	uint8_t feedback;   /* number of this feedback packet */
	uint32_t reference; /* 24 bits, in 64 ms; unwrap with serial_unwrap24() */
	const uint8_t *chunks, *deltas;
};

struct rtcp_ccfb {
	struct rtcp_slice streams;
	uint32_t timestamp; /* of the report, the middle 32 bits of an NTP time */
};

struct rtcp_remb {
	uint64_t bitrate; /* bit/s */
	uint8_t count;    /* SSRCs */
	const uint8_t *ssrcs;
};

struct rtcp_packet {
	enum rtcp_kind kind;
	uint8_t type, format;   /* of the header; format is the count of SR, RR, SDES, BYE and the subtype of APP */
	uint32_t ssrc;          /* who sent it; 0 for SDES and BYE, whose lists name them */
	uint32_t media;         /* feedback only: about which stream; 0 where the list names them */
	struct rtcp_slice body; /* behind the header (and the SSRCs of feedback), without padding */
	union {
		struct rtcp_sender_info sender; /* RTCP_SENDER_REPORT */
		struct rtcp_twcc twcc;
		struct rtcp_ccfb ccfb;
		struct rtcp_remb remb;
		struct rtcp_slice reason; /* RTCP_BYE: empty when none is given; bytes of a peer, not text yet */
		uint8_t name[4];          /* RTCP_APP; the data follows in body */
	};
	/* RTCP_SENDER_REPORT, RTCP_RECEIVER_REPORT: report blocks. RTCP_NACK: entries. RTCP_FIR: entries. RTCP_BYE: SSRCs.
	 * RTCP_SDES: chunks. RTCP_XR: blocks. */
	struct rtcp_slice list;
};

struct rtcp_reader {
	const uint8_t *at, *end;
	uint32_t packets;   /* handed out */
	uint32_t malformed; /* broken ones; the rest of a datagram with a broken header is one */
};

static inline struct rtcp_reader rtcp_reader_of(const uint8_t *data, size_t len) {
	return (struct rtcp_reader){.at = data, .end = data + len};
}
/* Finds the next whole packet. False at the end of the datagram. */
bool rtcp_next(struct rtcp_reader *r, struct rtcp_packet *out);

/* ---- lists ---- */

#define RTCP_REPORT_BLOCK 24

static inline size_t rtcp_report_count(const struct rtcp_packet *p) {
	return p->list.len / RTCP_REPORT_BLOCK;
}
/* The i-th report block of an SR or RR. */
struct rtcp_report_block rtcp_report_at(const struct rtcp_packet *p, size_t i);

/* RFC 4585, 6.2.1: the lost sequence numbers, one after the other. False at the end. */
struct rtcp_nack_iterator {
	const uint8_t *at, *end;
	uint32_t mask; /* of the current entry, what is still to come; bit 0: the PID itself */
	uint16_t pid;
};
struct rtcp_nack_iterator rtcp_nack_begin(const struct rtcp_packet *p);
bool rtcp_nack_next(struct rtcp_nack_iterator *it, uint16_t *sequence);

/* RFC 5104, 4.3.1.1 */
struct rtcp_fir_entry {
	uint32_t ssrc;
	uint8_t sequence; /* a new request has a new number; the same number is the same request again */
};
#define RTCP_FIR_ENTRY 8
static inline size_t rtcp_fir_count(const struct rtcp_packet *p) {
	return p->list.len / RTCP_FIR_ENTRY;
}
struct rtcp_fir_entry rtcp_fir_at(const struct rtcp_packet *p, size_t i);

static inline uint32_t rtcp_remb_ssrc(const struct rtcp_remb *remb, size_t i) {
	return get_be32(remb->ssrcs + 4 * i);
}
static inline size_t rtcp_bye_count(const struct rtcp_packet *p) {
	return p->list.len / 4;
}
static inline uint32_t rtcp_bye_ssrc(const struct rtcp_packet *p, size_t i) {
	return get_be32(p->list.data + 4 * i);
}

/* RFC 3550, 6.5. The CNAMEs of SDES, chunk by chunk; a chunk without CNAME has an empty one. The bytes are a peer's. */
struct rtcp_cname {
	uint32_t ssrc;
	struct rtcp_slice name;
};
struct rtcp_sdes_iterator {
	struct reader left;
};
struct rtcp_sdes_iterator rtcp_sdes_begin(const struct rtcp_packet *p);
bool rtcp_sdes_next(struct rtcp_sdes_iterator *it, struct rtcp_cname *out);

/* One packet's fate as TWCC reports it. */
struct rtcp_arrival {
	uint16_t sequence; /* transport-wide */
	bool received;
	int16_t delta; /* in 250 us, since the arrival before; 0 when it did not come */
	int64_t ticks; /* in 250 us, since the reference time: the sum of the deltas; meaningful when it came */
};
#define RTCP_TWCC_TICK_NS 250000
#define RTCP_TWCC_REFERENCE_TICKS 256 /* 64 ms */

struct rtcp_twcc_iterator {
	const uint8_t *chunk, *delta;
	uint16_t sequence;
	uint16_t left;       /* statuses to come */
	uint16_t chunk_left; /* of these, in the current chunk */
	uint16_t word;       /* the current chunk; the symbols of a vector are shifted out at the top */
	int64_t ticks;
};
struct rtcp_twcc_iterator rtcp_twcc_begin(const struct rtcp_twcc *t);
/* One status after the other, in the order of the sequence numbers. False at the end. A packet of 40 bytes can hold 65,535 of
 * them, nearly all of packets that did not come: a caller who knows which numbers it sent stops behind the last of these. */
bool rtcp_twcc_next(struct rtcp_twcc_iterator *it, struct rtcp_arrival *out);

/* RFC 8888, 3.1: for each stream a run of sequence numbers with a 16-bit word each. */
struct rtcp_ccfb_stream {
	uint32_t ssrc;
	uint16_t base, count;
	const uint8_t *words;
};
struct rtcp_ccfb_word {
	uint16_t sequence;
	bool received;
	uint8_t ecn;     /* 2 bits as in the IP header */
	uint16_t offset; /* before the report's timestamp, in 1 / 1024 s */
};
#define RTCP_CCFB_MAX_WORDS 16384 /* of one stream in one report */
#define RTCP_CCFB_OFFSET_MAX 0x1FFD
#define RTCP_CCFB_OFFSET_OVER 0x1FFE    /* longer ago than that */
#define RTCP_CCFB_OFFSET_UNKNOWN 0x1FFF /* it came behind the timestamp, or the time is not known */
struct rtcp_ccfb_iterator {
	struct reader left;
};
struct rtcp_ccfb_iterator rtcp_ccfb_begin(const struct rtcp_ccfb *c);
bool rtcp_ccfb_next(struct rtcp_ccfb_iterator *it, struct rtcp_ccfb_stream *out);
struct rtcp_ccfb_word rtcp_ccfb_at(const struct rtcp_ccfb_stream *s, size_t i); /* i < count */

/* RFC 3611: the blocks of an XR. Others than RRTR and DLRR are handed out with their type alone. */
struct rtcp_dlrr {
	uint32_t ssrc, last_rr, delay_since_rr; /* as last_sr and delay_since_sr of a report block */
};
struct rtcp_xr_block {
	uint8_t type;            /* RTCP_XR_RRTR, RTCP_XR_DLRR or another */
	uint64_t ntp;            /* RRTR: the receiver's time, 32.32 */
	struct rtcp_slice dlrrs; /* DLRR */
};
#define RTCP_DLRR_ENTRY 12
struct rtcp_xr_iterator {
	struct reader left;
};
struct rtcp_xr_iterator rtcp_xr_begin(const struct rtcp_packet *p);
bool rtcp_xr_next(struct rtcp_xr_iterator *it, struct rtcp_xr_block *out);
static inline size_t rtcp_dlrr_count(const struct rtcp_xr_block *b) {
	return b->dlrrs.len / RTCP_DLRR_ENTRY;
}
struct rtcp_dlrr rtcp_dlrr_at(const struct rtcp_xr_block *b, size_t i);

#endif
