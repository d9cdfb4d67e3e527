/* session: the streams of one transport and what they need from each other. RTP and RTCP in, RTP and RTCP out.
 *
 *     rtp_session_receive(s, data, len, now, &got)      an RTP packet came; got holds what the app needs of it
 *     rtp_session_receive_rtcp(s, data, len, now)
 *     rtp_session_send(s, stream, &packet, space, size, now)
 *     rtp_session_repair(s, probe, space, size, now)    the next retransmission; the pacer says when
 *     rtp_session_rtcp(s, space, size, now)             the next datagram of RTCP
 *     rtp_session_advance(s, now), rtp_session_deadline(s)
 *     rtp_session_poll(s, &event)                       a keyframe is wanted, a stream ended
 *
 * Sans-IO. Packets are plain: who encrypts does so with what these functions write, and before they read. Memory is taken when
 * the session and its streams are made; no packet allocates. It knows no codecs and no jitter buffer: its caller puts got.number
 * and the payload there, and says when a keyframe came.
 *
 * What decides about the rate (an estimator and its pacer) is behind one table, struct rtp_rate_ops. It sees what leaves, the
 * feedback of TWCC or RFC 8888, and REMB. The caller takes the target from it, and gives each stream its share
 * (rtp_session_set_target).
 *
 * Streams may come and go, and ids and types change, since sections are negotiated while others run. */
#ifndef RTP_SESSION_H
#define RTP_SESSION_H

#include "rtp/extensions.h"
#include "rtp/history.h"
#include "rtp/packet.h"
#include "rtp/rtcp.h"
#include "rtp/rtx.h"
#include "rtp/stages.h"
#include "sluice/env.h"
#include "sluice/error.h"

#define RTP_SESSION_STREAMS 256 /* the most each way */
#define RTP_ROUND_TRIP_UNKNOWN (100 * SLUICE_MS)
#define RTP_SESSION_DATAGRAM_MIN 512 /* the least size of a datagram for rtp_session_rtcp() */

struct rtp_session;

/* Zero in a field: the default, or none. */
struct rtp_received {
	int stream; /* number of the stream */
	uint64_t number;
	bool is_repair; /* it came by RTX */
	struct rtp_packet packet;
	struct rtp_extensions extensions;
};

/* An app's own stage, behind the others. A NULL is passed. On the way out it only looks: a repair is gathered from the frame, so
 * a change of the first packet would be missing there. Who encrypts or marks media does that with the frame. */
struct rtp_stage_ops {
	/* Returns false: the packet goes no further. */
	bool (*receive)(void *ctx, const struct rtp_received *got, uint64_t now);
	/* Repairs are not shown. */
	void (*send)(void *ctx, int stream, const uint8_t *packet, size_t len, uint64_t now);
	void (*advance)(void *ctx, uint64_t now);
};

/* The estimator of the rate. None may be NULL. number: transport-wide, from SERIAL_ORIGIN on. probe: as rtp_session_send() was
 * given it. */
struct rtp_rate_ops {
	void (*sent)(void *ctx, uint64_t number, size_t size, uint32_t probe, uint64_t now);
	void (*feedback)(void *ctx, const struct rtcp_twcc *twcc, uint64_t now);
	/* RFC 8888: one call for each packet that a message tells of, in any order, and one behind the last. arrived: ns of the
	 * peer's clock, of which only differences mean something; not read when the packet did not come. */
	void (*arrival)(void *ctx, uint64_t number, bool came, uint64_t arrived);
	void (*reported)(void *ctx, uint64_t now);
	void (*remb)(void *ctx, uint64_t bitrate, uint64_t now);
	void (*advance)(void *ctx, uint64_t now);
	uint64_t (*deadline)(void *ctx);
};

struct rtp_session_config {
	const char *cname;                          /* up to 64 bytes */
	uint32_t ssrc;                              /* ours in RTCP that is not a stream's; not 0 */
	uint64_t ntp_offset;                        /* ns from 1900 to the zero of `now`; see ntp.h */
	const struct rtp_extension_map *extensions; /* copied; NULL: none */
	const struct rtx_types *rtx;                /* both ways; copied; NULL: none */
	unsigned streams_in, streams_out;           /* the most; default 16 */
	bool compound;                              /* the peer does not take reduced-size RTCP (RFC 5506) */
	const struct rtp_stage_ops *stage;
	void *stage_ctx;
	const struct rtp_rate_ops *rate;
	void *rate_ctx;
};

/* Returns 0, or
 *   SLUICE_NO_MEMORY
 *   SLUICE_INVALID    a number is out of range, or an entry of a table is missing */
int rtp_session_new(sluice_env *env, const struct rtp_session_config *config, struct rtp_session **out);
void rtp_session_free(struct rtp_session *s);
bool rtp_session_check(const struct rtp_session *s);

struct rtp_in_config {
	uint32_t ssrc, rtx_ssrc; /* rtx_ssrc 0: repairs come in the stream itself */
	uint32_t clock_rate;
	uint32_t flags;     /* RTP_STAGE_... of stages.h */
	unsigned probation; /* see receiver.h; default 1 */
};
struct rtp_out_config {
	uint32_t ssrc, rtx_ssrc;
	uint32_t clock_rate;
	uint32_t flags;
	uint16_t first, rtx_first; /* sequence numbers; they should be random */
	/* The elements of each packet; those that the stages write are among them. */
	const struct rtp_extension_item *items;
	size_t item_count;
	unsigned history;    /* packets, a power of two; default 1,024 */
	unsigned header_max; /* of a header with its payload format's prefix; default 96 */
};

/* Return the number of the stream, the least that is free, or
 *   SLUICE_NO_MEMORY
 *   SLUICE_LIMIT      there are as many as the session may have
 *   SLUICE_EXISTS     the SSRC is in use
 *   SLUICE_INVALID    a number is out of range
 *   SLUICE_NO_SPACE   the items need more than a block */
int rtp_session_add_in(struct rtp_session *s, const struct rtp_in_config *config);
int rtp_session_add_out(struct rtp_session *s, const struct rtp_out_config *config);

/* The stream ends, with its events, reports and repairs that wait. A later stream may have its number. What comes of it after
 * that is of an SSRC that is not known. */
void rtp_session_remove_in(struct rtp_session *s, int stream);
/* The stream goes on with this SSRC of its RTX, or with another one. Returns 0, or
 *   SLUICE_EXISTS     the SSRC is in use
 *   SLUICE_INVALID    it is 0 */
int rtp_session_set_in_rtx(struct rtp_session *s, int stream, uint32_t rtx_ssrc);
/* Its frames are given back. A BYE for each SSRC that it sent with leaves in the next datagram of RTCP. */
void rtp_session_remove_out(struct rtp_session *s, int stream);

/* ---- what is negotiated anew ---- */

/* Copied. Packets are read and written with these ids from now on. The blocks of outgoing streams are laid out again: elements
 * that were written into a block are kept, and pointers into one must be asked for anew. A packet of before is repaired as it
 * was. Returns 0, or
 *   SLUICE_NO_SPACE   a stream's items need more than a block; nothing has changed */
int rtp_session_set_extensions(struct rtp_session *s, const struct rtp_extension_map *extensions);
/* Another choice of the stream's elements; as the ids above. Returns 0, or
 *   SLUICE_NO_MEMORY, SLUICE_NO_SPACE  nothing has changed */
int rtp_session_set_items(struct rtp_session *s, int out_stream, const struct rtp_extension_item *items, size_t count);
void rtp_session_set_compound(struct rtp_session *s, bool compound);
/* What comes in, and what goes out: a peer may have numbers of its own. Both are copied. */
void rtp_session_set_rtx(struct rtp_session *s, const struct rtx_types *in, const struct rtx_types *out);

struct rtp_out_ssrcs {
	uint32_t ssrc, rtx_ssrc;
	uint16_t first, rtx_first; /* as in struct rtp_out_config */
};
/* The answer to RTP_EVENT_COLLISION: an outgoing stream goes on with other SSRCs, as if it began. A BYE tells of the old ones.
 * Packets of before are not repaired. stream -1: the session's own SSRC; the others are 0. Returns 0, or
 *   SLUICE_EXISTS     the SSRC is in use
 *   SLUICE_INVALID    ssrc is 0, or that of its RTX */
int rtp_session_change_ssrcs(struct rtp_session *s, int stream, const struct rtp_out_ssrcs *ssrcs);

/* ---- packets ---- */

/* A packet without payload is for the app too: it is a filler, whose number is no hole. jitter_push() takes it.
 *
 * A stream without RTP_STAGE_NACK has no memory of what came: its duplicates are for the app too, whose jitter buffer drops them.
 *
 * Returns 1 when got is for the app; 0 when the packet was for the session alone (padding of RTX, a duplicate, refused), or
 *   SLUICE_MALFORMED
 *   SLUICE_NOT_FOUND  no stream has this SSRC; got->packet and got->extensions are valid, so that the caller can add it by its
 *                     MID or RID, and give the packet once more */
int rtp_session_receive(struct rtp_session *s, uint8_t *data, size_t len, uint64_t now, struct rtp_received *got);
/* Returns 0, or
 *   SLUICE_MALFORMED  at least a part was; the rest has been taken */
int rtp_session_receive_rtcp(struct rtp_session *s, const uint8_t *data, size_t len, uint64_t now);

/* One packet of a frame: a prefix of the payload format, then a part of the frame. */
struct rtp_sending {
	/* Who has the bytes; the history keeps a reference. slab NULL: the source. */
	struct rtp_source *source;
	sluice_slab *slab;
	size_t offset, len;
	const uint8_t *prefix;
	size_t prefix_len;
	uint32_t timestamp;
	uint64_t captured; /* when the frame was captured, on the clock of `now` */
	/* 0: the next one. Others are for a forwarder, which keeps the holes of its source: numbers may be left out, and a late
	 * packet may have one of those. No number is used twice. */
	uint64_t number;
	uint8_t payload_type;
	bool marker;
	uint32_t probe; /* handed to the estimator */
};

/* Packets of the first streams leave soon: asks for the memory that they need. Where each step's memory is, says that of the step
 * before: the session, its tables, the streams, their histories. */
enum rtp_prefetch { RTP_PREFETCH_SESSION, RTP_PREFETCH_TABLES, RTP_PREFETCH_STREAMS, RTP_PREFETCH_HISTORIES };
void rtp_session_prefetch(const struct rtp_session *s, enum rtp_prefetch step);
/* Writes the packet; it leaves now. Returns its length, or
 *   SLUICE_NO_SPACE */
int rtp_session_send(struct rtp_session *s, int stream, const struct rtp_sending *p, uint8_t *space, size_t size, uint64_t now);
/* Writes a packet of `padding` bytes (1 to 255) that probes the path. It is one of the RTX stream, or else of the stream itself:
 * then only between two frames, since some receivers take a frame's packets for one run of numbers. */
int rtp_session_pad(struct rtp_session *s, int stream, uint8_t payload_type, uint8_t padding, uint32_t probe, uint8_t *space,
                    size_t size, uint64_t now);
/* Writes the next retransmission; it leaves now. probe: as in struct rtp_sending. Returns its length, 0 when none waits, or
 *   SLUICE_NO_SPACE */
int rtp_session_repair(struct rtp_session *s, uint32_t probe, uint8_t *space, size_t size, uint64_t now);
bool rtp_session_has_repair(const struct rtp_session *s);
/* Writes the next datagram of RTCP. Returns its length, 0 when nothing is due. size is at least RTP_SESSION_DATAGRAM_MIN. */
int rtp_session_rtcp(struct rtp_session *s, uint8_t *space, size_t size, uint64_t now);
/* Writes the last datagram: a BYE of as many of our streams as fit. Returns its length. size as above. */
int rtp_session_bye(struct rtp_session *s, uint8_t *space, size_t size);

void rtp_session_advance(struct rtp_session *s, uint64_t now);
/* When rtp_session_rtcp() or rtp_session_advance() may have something to do. Repairs are not in it: the pacer gives them their
 * time. */
uint64_t rtp_session_deadline(const struct rtp_session *s);

/* ---- what the caller says and asks ---- */

/* The bytes of the stream's extension, to write elements that change (audio level, dependency descriptor) before a packet is
 * sent. */
struct rtp_extension_block *rtp_session_block(struct rtp_session *s, int out_stream);
/* Has a report of the peer's told of the stream's SSRC? */
bool rtp_session_is_reported(const struct rtp_session *s, int out_stream);
/* The number of the next packet. */
uint64_t rtp_session_next_number(const struct rtp_session *s, int out_stream);
/* The target of one stream, for the share of its repairs; bit/s. */
void rtp_session_set_target(struct rtp_session *s, int out_stream, uint64_t bits_per_second);
/* The player wants a keyframe. */
void rtp_session_want_keyframe(struct rtp_session *s, int in_stream);
/* One came; number is that of its first packet. What lies before it is not asked for any more. */
void rtp_session_keyframe_came(struct rtp_session *s, int in_stream, uint64_t number);
/* The packet of this number came by another way (RED, FEC): it is not asked for any more. */
void rtp_session_repaired(struct rtp_session *s, int in_stream, uint64_t number, uint64_t now);
/* ns; RTP_ROUND_TRIP_UNKNOWN before it is measured. */
uint64_t rtp_session_round_trip(const struct rtp_session *s);

enum rtp_event_kind {
	RTP_EVENT_KEYFRAME, /* the peer wants a keyframe of this stream of ours */
	RTP_EVENT_BYE,      /* this stream of the peer's has ended */
	/* Packets came with an SSRC of this stream of ours; -1: with the session's own. Once, until none has come for ten
	 * seconds; see rtp_session_change_ssrcs(). */
	RTP_EVENT_COLLISION,
};
struct rtp_event {
	enum rtp_event_kind kind;
	int stream;
};
bool rtp_session_poll(struct rtp_session *s, struct rtp_event *out);

struct rtp_in_stats {
	uint64_t received, expected, duplicates, repaired, nacked, given_up, keyframes_asked;
	uint32_t jitter; /* in units of the timestamp */
	uint64_t sender_reports;
	struct rtcp_sender_info sender; /* of the newest */
	size_t memory;                  /* bytes */
};
struct rtp_out_stats {
	uint64_t packets, octets, nacked, resent, resent_bytes, limited, keyframes_asked;
	uint64_t round_trip, round_trips, round_trip_sum; /* ns; how many were measured */
	struct rtcp_report_block block;                   /* the newest of the peer's */
};
/* RFC 3550, 6.5.1: whose stream it is. Returns the length, 0 when it was not said; *out holds until the stream ends. */
size_t rtp_session_in_cname(const struct rtp_session *s, int in_stream, const char **out);
void rtp_session_in_stats(const struct rtp_session *s, int in_stream, struct rtp_in_stats *out);
void rtp_session_out_stats(const struct rtp_session *s, int out_stream, struct rtp_out_stats *out);

#endif
