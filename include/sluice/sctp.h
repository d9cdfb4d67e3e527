/* The association: SCTP (RFC 9260) with PR-SCTP (RFC 3758), RE-CONFIG (RFC 6525) and zero checksum (RFC 9653), for one
 * path, without a socket, a clock or a thread.
 *
 * Four verbs drive it: input() takes the packets that came, advance() lets time pass, output() writes the packets that
 * are due, deadline() says when to call advance() next. After any call, call output() until it returns 0. Messages and
 * state changes wait in a queue that poll() empties; they are put there, never called from inside a verb, so anything
 * may be called while they are handled.
 *
 * One thread at a time. No function blocks. */
#ifndef SLUICE_SCTP_H
#define SLUICE_SCTP_H

#include "sluice/env.h"
#include "sluice/stats.h"
#include "sluice/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_sctp sluice_sctp;

/* How the congestion window is ruled. */
enum sluice_cc {
	SLUICE_CC_DEFAULT = 0,
	SLUICE_CC_NEWRENO, /* RFC 9260, section 7 */
	SLUICE_CC_CUBIC,   /* RFC 9438, slow start by HyStart++ (RFC 9406) */
	SLUICE_CC_BBR, /* a model of the path from delivery rates and round-trip times (draft-ietf-ccwg-bbr); holds out against random loss */
	SLUICE_CC_LOW_DELAY, /* keeps the queue short and yields to what else is on the path: beside media */
};

/* How loss is found and mended. */
enum sluice_recovery {
	SLUICE_RECOVERY_DEFAULT = 0,
	SLUICE_RECOVERY_RFC9260, /* three miss indications, T3; RFC 9260, 7.2.4 and 6.3.3 */
	SLUICE_RECOVERY_RACK, /* by time, with tail loss probes (RFC 8985), PRR (RFC 6937) and the undoing of spurious reductions */
};

/* Are packets spread over the round trip? In batches fit for one GSO send, and not where a timer could not keep up anyway. */
enum sluice_pacing {
	SLUICE_PACING_DEFAULT = 0,
	SLUICE_PACING_ON,
	SLUICE_PACING_OFF,
};

/* Which stream's data goes next; RFC 8260, 3. When both sides have I-DATA, a message that was begun holds no other stream up:
 * streams take turns by chunks, which share packets. Otherwise turns are whole messages. */
enum sluice_scheduler {
	SLUICE_SCHEDULER_DEFAULT = 0,        /* weighted fair */
	SLUICE_SCHEDULER_FIRST_COME,         /* messages in the order of their sends */
	SLUICE_SCHEDULER_ROUND_ROBIN,        /* streams take turns */
	SLUICE_SCHEDULER_ROUND_ROBIN_PACKET, /* a packet each: what is lost with one concerns one stream */
	SLUICE_SCHEDULER_PRIORITY,           /* the stream with the highest priority first; among equals, by turns */
	SLUICE_SCHEDULER_FAIR,               /* equal bytes for every stream */
	SLUICE_SCHEDULER_WEIGHTED_FAIR, /* bytes in proportion to the streams' weights; what RFC 8831 wants of data channels */
};

/* When are received packets acknowledged? A single packet waits for sack_delay in any case, and what is out of order for
 * nothing. */
enum sluice_sack_policy {
	SLUICE_SACK_DEFAULT = 0,
	SLUICE_SACK_EVERY_SECOND, /* RFC 9260, 6.2: every second packet, also within one input() */
	SLUICE_SACK_EVERY_BATCH,  /* one for all packets of one input() */
	SLUICE_SACK_ADAPTIVE,     /* every batch while the peer is seen to make use of it, else every second packet */
};

enum sluice_checksum {
	SLUICE_CHECKSUM_CRC32C = 0, /* CRC32c on every packet, both ways; RFC 9260, 6.8 */
	SLUICE_CHECKSUM_DTLS = 1,   /* the transport is DTLS: offer RFC 9653 and leave the CRC out when the peer offers it too */
};

/* Zero in any field but `size` means the default named behind it. */
typedef struct sluice_sctp_config {
	size_t size; /* sizeof(sluice_sctp_config): set by sluice_sctp_config_init; tells which version the app was built with */

	uint16_t local_port, remote_port; /* 5000 */
	uint16_t outbound_streams;        /* asked for; 65535 */
	uint16_t inbound_streams;         /* at most; 65535 */
	uint32_t mtu;                     /* largest SCTP packet in bytes, 296..65520; 1188 */
	/* Bytes of payload that the peer may have under way or unread here (a_rwnd), 4096..; 2 MiB. At least 5/4 of
	 * max_message_size, else it is raised to that. What all of it takes in memory is bounded too, by twice the window or 64
	 * KiB; small messages, of which one byte may take 208 bytes, fill it by that before. Unfinished messages that fill it for
	 * 30 s, so that neither side can go on, end the association with SLUICE_LIMIT: a peer that mixes large messages (I-DATA)
	 * needs a window that holds them together. */
	uint32_t receive_window;
	uint32_t max_message_size; /* largest message taken from the peer; 262144. A larger one, or one in more than 65535
	                            * fragments, ends the association */
	uint64_t high_water;       /* bytes buffered per stream above which send says WOULD_BLOCK; 2 MiB */

	/* ns; 500 ms, 300 ms, 3 s (RFC 9260 names 1 s, 1 s, 60 s). A peer whose window is closed is probed at intervals that
	 * double up to rto_max; one that is silent is sent one packet at each T3, and with SLUICE_RECOVERY_RACK at most five
	 * between the first of them. */
	uint64_t rto_initial, rto_min, rto_max;
	uint64_t cookie_lifetime;    /* ns; 60 s */
	uint64_t heartbeat_interval; /* ns; 30 s; SLUICE_NEVER: none */
	/* How long a shutdown may take from its SHUTDOWN or SHUTDOWN ACK on, in ns (RFC 9260, 9.2: T5-shutdown-guard). A peer
	 * that still sends then is aborted, and what it had left is lost. 5 times rto_max, or 300 s if that is more;
	 * SLUICE_NEVER: no limit. */
	uint64_t shutdown_guard;
	uint64_t sack_delay; /* of the acknowledgement of a single packet, ns, at most 500 ms; a quarter of the round-trip time,
	                      * 1..20 ms */
	uint32_t init_max_retransmits;        /* 8 */
	uint32_t association_max_retransmits; /* 10; UINT32_MAX: no limit, except 10 while it shuts down */
	uint32_t initial_window;              /* cwnd at start, in bytes; RFC 9260's min(4 MTU, max(2 MTU, 4404)) is too small
	                                         * for the internet of today: RFC 6928's 10 MTU */
	uint32_t max_burst;              /* packets of new data that one input() or advance() may let out; 0: no limit but cwnd */
	uint32_t max_outstanding_chunks; /* DATA chunks in flight; other stacks track only some thousand TSNs; 8192 */
	bool nagle;                      /* hold back small packets while data is in flight; default: no-delay */
	enum sluice_cc congestion_control;
	enum sluice_checksum checksum;
	bool no_pr_sctp, no_reconfig; /* do not offer RFC 3758 / RFC 6525 */
	bool no_interleaving;         /* do not offer I-DATA (RFC 8260) */
	enum sluice_recovery recovery;
	enum sluice_pacing pacing;
	enum sluice_scheduler scheduler;
	enum sluice_sack_policy sack_policy;
	uint32_t min_window;   /* cwnd never falls below it but for a T3, in bytes; 4 MTU */
	uint64_t max_window;   /* nor grows above it; no limit */
	uint32_t beta;         /* thousandths of cwnd that a loss leaves; the control's own (NewReno 500, CUBIC 700) */
	uint32_t startup_gain; /* of SLUICE_CC_BBR, in thousandths; 2773 */
	uint32_t cwnd_gain;    /* of SLUICE_CC_BBR, in thousandths; 2000 */
	uint64_t target_delay; /* of SLUICE_CC_LOW_DELAY: ns of queueing beyond which it gives way quickly; 10 ms */
	uint32_t mtu_max;      /* packets may grow to this, at most 65520, where the path carries it (RFC 8899); mtu: no search */
	uint32_t
		receive_window_max; /* receive_window may grow to this with what the app reads in a round trip; receive_window: it stays */
	uint32_t partial_delivery; /* messages are delivered in parts of at least so many bytes; 0: whole messages only. See
	                            * sluice_sctp_set_partial_delivery() */
} sluice_sctp_config;

/* All defaults. Call it before any field is set. */
SLUICE_API void sluice_sctp_config_init(sluice_sctp_config *config);

/* RFC 9260, 4. */
enum sluice_sctp_state {
	SLUICE_SCTP_CLOSED = 0,
	SLUICE_SCTP_COOKIE_WAIT,
	SLUICE_SCTP_COOKIE_ECHOED,
	SLUICE_SCTP_ESTABLISHED,
	SLUICE_SCTP_SHUTDOWN_PENDING,
	SLUICE_SCTP_SHUTDOWN_SENT,
	SLUICE_SCTP_SHUTDOWN_RECEIVED,
	SLUICE_SCTP_SHUTDOWN_ACK_SENT,
};
/* The RFC's name, "COOKIE-WAIT"; "UNKNOWN" for a number that is none. Any thread. */
SLUICE_API const char *sluice_sctp_state_name(enum sluice_sctp_state state);

/* Makes an association in CLOSED. It answers an INIT by itself (the passive open of RFC 9260; it keeps no state for that
 * before a valid COOKIE-ECHO arrives) unless refuse was called. config may be NULL. Returns 0, SLUICE_INVALID or
 * SLUICE_NO_MEMORY. */
SLUICE_API int sluice_sctp_new(sluice_env *env, const sluice_sctp_config *config, sluice_sctp **out);

/* Frees it at once and without a word to the peer (abort or shut it down first). Messages that the app retained stay
 * valid; every release callback of a sendv is called. */
SLUICE_API void sluice_sctp_free(sluice_sctp *a);

/* The active open: sends INIT. Both sides may do it at once. Only in CLOSED, else SLUICE_WRONG_STATE. */
SLUICE_API int sluice_sctp_connect(sluice_sctp *a);

/* The other way to open (draft-hancke-tsvwg-snap): each side gives the other its INIT chunk by means of its own (an offer and an
 * answer), and no handshake follows.
 *
 * describe() writes the chunk, without padding at its end; from then on its tag and its initial TSN are fixed, also for a
 * sluice_sctp_connect(), until the association is established. Nothing else changes, and it may be called again: the same bytes
 * come. Returns the length (SLUICE_SCTP_INIT_MAX bytes hold it), SLUICE_WRONG_STATE when not CLOSED, SLUICE_NO_SPACE. */
#define SLUICE_SCTP_INIT_MAX 128
SLUICE_API int sluice_sctp_describe(sluice_sctp *a, void *init_chunk, size_t size);
/* Could an association be made with this INIT chunk? 0 or SLUICE_MALFORMED. */
SLUICE_API int sluice_sctp_check_init(const void *init_chunk, size_t len);
/* Establishes with the peer's chunk at once: a CONNECTED event follows. Both sides must do it. What differs between the two INITs
 * is settled as a handshake would settle it. Returns 0; SLUICE_MALFORMED, and nothing has changed; SLUICE_WRONG_STATE when it is
 * not CLOSED, was not described, or has events of an earlier association to be polled. */
SLUICE_API int sluice_sctp_connect_described(sluice_sctp *a, const void *remote_init, size_t len);

/* Stops (true) or resumes (false) answering INIT while CLOSED. */
SLUICE_API void sluice_sctp_refuse(sluice_sctp *a, bool refuse);

/* Ends gracefully: everything accepted is delivered first, then SHUTDOWN is exchanged. An ENDED event follows. Sending is
 * refused from here on. What the peer still has to send is delivered too, as long as config.shutdown_guard lets it.
 * SLUICE_WRONG_STATE when CLOSED. RFC 9260, 9.2. */
SLUICE_API int sluice_sctp_shutdown(sluice_sctp *a);

/* Ends at once with an ABORT (user-initiated, cause 12) that carries `reason` (may be NULL). An ENDED event with
 * SLUICE_CLOSED follows; nothing happens when it is CLOSED already. RFC 9260, 9.1. */
SLUICE_API void sluice_sctp_abort(sluice_sctp *a, const char *reason);

/* ---- the four verbs ---------------------------------------------------------------------------------------------- */

/* `now` is a monotonic clock's, in ns. It may stand still, repeat and step back between calls, by however much: a time older than
 * what a verb of this association was given before counts as that. Deadlines are times of the same clock. */

/* Takes SCTP packets. Bad ones are counted in the statistics and skipped. The SACKs that come of one call are one, or one for
 * each two packets as far as 32 hold (config.sack_policy). Returns 0, or SLUICE_NO_MEMORY when a packet was dropped for want of
 * memory (it counts as lost). */
SLUICE_API int sluice_sctp_input(sluice_sctp *a, const sluice_datagram *datagrams, size_t count, uint64_t now);

/* Runs the timers that are due. */
SLUICE_API void sluice_sctp_advance(sluice_sctp *a, uint64_t now);

/* Writes due packets into the batch; see sluice_batch for the slots. Returns how many, 0 when nothing is due, or
 * SLUICE_NO_SPACE when the space does not hold one packet of the MTU with its rooms. Call until 0. */
SLUICE_API int sluice_sctp_output(sluice_sctp *a, sluice_batch *batch, uint64_t now);

/* When advance() or output() wants to be called next; 0: at once; SLUICE_NEVER: not before something happens. */
SLUICE_API uint64_t sluice_sctp_deadline(const sluice_sctp *a);

/* Called (if set) when a call outside the verbs gave output() something to do: a send, a release that reopened the
 * window. At most once until the next output(). The hook must not call the association. */
SLUICE_API void sluice_sctp_set_wake(sluice_sctp *a, void (*wake)(void *ctx), void *ctx);

/* ---- sending ----------------------------------------------------------------------------------------------------- */

enum sluice_reliability {
	SLUICE_RELIABLE = 0,
	/* value: retransmissions before the message is abandoned; RFC 7496, 3.1. Behind an outage or a closed window each
	 * retransmission timeout that a message waits, not sent yet, counts as a transmission: with 0 nothing older than one goes
	 * out. */
	SLUICE_MAX_RETRANSMITS = 1,
	SLUICE_LIFETIME = 2, /* value: ms after send when it is abandoned; RFC 3758, 4.1 */
	/* value: its priority, 0 the highest. When a later message of a higher one, or a reliable one, does not fit the stream's
	 * high-water mark, it is abandoned to make room, unless some of it was sent: then it is reliable. A lent one is released
	 * inside that send. RFC 7496, 3.2. Associations only, a channel's OPEN has no word for it */
	SLUICE_PRIORITY_DROP = 3,
};

typedef struct sluice_send_info {
	uint16_t stream;
	bool unordered;
	enum sluice_reliability reliability;
	uint32_t value;
	uint32_t ppid; /* host byte order */
} sluice_send_info;

/* Queues one message and returns at once; the bytes are copied. 1 <= len < 2^31. Allowed from connect() on (data waits for
 * the handshake; what was queued for a stream that the peer then does not take is given up with an ABANDONED event) until
 * shutdown. Returns 0, SLUICE_WOULD_BLOCK (nothing queued, a WRITABLE event follows; a message on an empty stream is always
 * taken), SLUICE_CLOSED (no association, or the stream is being reset), SLUICE_INVALID (stream beyond the negotiated count,
 * empty or too long message), SLUICE_NO_MEMORY. */
SLUICE_API int sluice_sctp_send(sluice_sctp *a, const sluice_send_info *info, const void *data, size_t len);

/* The same, but borrows: the slices are read until `release(ctx)` is called, which happens once, when the message is
 * acknowledged or abandoned or the association ends; never inside this call. The iovec array itself is copied. On an
 * error nothing was taken and release is not called. release may be NULL for static memory; it runs inside input(),
 * advance(), abort() or free() and must not call the association. */
SLUICE_API int sluice_sctp_sendv(sluice_sctp *a, const sluice_send_info *info, const struct iovec *iov, size_t count,
                                 sluice_release_fn release, void *ctx);

/* A message of a length that is not known yet, and that may be larger than memory: it goes out while it is being given, and what
 * was acknowledged is held no more. One a stream; until its end other sends on the stream are refused with SLUICE_WRONG_STATE,
 * and those on other streams go on beside it. The receiver needs partial delivery (sluice_sctp_set_partial_delivery) or room for
 * all of it.
 *
 * begin() returns 0, SLUICE_WRONG_STATE when one is open or before CONNECTED, SLUICE_UNSUPPORTED when the peer has no I-DATA or
 * no I-FORWARD-TSN (RFC 8260), else as send. part() copies its bytes (1 <= len < 2^31), and returns as send: SLUICE_WOULD_BLOCK
 * and a WRITABLE event later; SLUICE_LIMIT when the message was given up meanwhile, because one of its parts passed its lifetime
 * or its retransmissions (an ABANDONED event came): it is open no more. The last byte given waits for what follows it. end() says
 * that this was all; SLUICE_INVALID when there was not one byte. cancel() gives the message up, of which the receiver is told; so
 * do a shutdown and a reset of the stream. In sluice_sctp_buffered_messages() each part counts. */
SLUICE_API int sluice_sctp_send_begin(sluice_sctp *a, const sluice_send_info *info);
SLUICE_API int sluice_sctp_send_part(sluice_sctp *a, uint16_t stream, const void *data, size_t len);
SLUICE_API int sluice_sctp_send_end(sluice_sctp *a, uint16_t stream);
SLUICE_API int sluice_sctp_send_cancel(sluice_sctp *a, uint16_t stream);

/* Bytes accepted on the stream and neither acknowledged nor abandoned. */
SLUICE_API uint64_t sluice_sctp_buffered(const sluice_sctp *a, uint16_t stream);

/* Messages accepted on the stream and neither wholly acknowledged nor abandoned. After the association ended or restarted:
 * how many were dropped then, until the next send on the stream. */
SLUICE_API uint64_t sluice_sctp_buffered_messages(const sluice_sctp *a, uint16_t stream);

/* Overrides the configuration's high_water for one stream; 0 bytes: the configuration's again. Returns 0 or
 * SLUICE_NO_MEMORY. */
SLUICE_API int sluice_sctp_set_high_water(sluice_sctp *a, uint16_t stream, uint64_t bytes);

/* What the scheduler is to know of a stream: `priority` for SLUICE_SCHEDULER_PRIORITY (the higher, the sooner), `weight` for
 * SLUICE_SCHEDULER_WEIGHTED_FAIR; 0 in either: 256, what every stream begins with. Holds from the stream's next turn on, until it
 * is set again, also in a later association. Returns 0 or SLUICE_NO_MEMORY. RFC 8260, 3.4 and 3.6. */
SLUICE_API int sluice_sctp_set_priority(sluice_sctp *a, uint16_t stream, uint16_t priority, uint16_t weight);

/* A BUFFERED_LOW event comes each time the stream's buffered amount falls from above the threshold to it or below. */
SLUICE_API int sluice_sctp_set_buffered_low(sluice_sctp *a, uint16_t stream, uint64_t threshold);

/* ---- receiving in parts ------------------------------------------------------------------------------------------ */

/* Overrides the configuration's partial_delivery for what comes on one stream, until the peer resets it or the association ends
 * or restarts; 0: whole messages.
 *
 * A message on such a stream whose turn it is comes in MESSAGE_PART events, in order, each with at least so many bytes but for
 * the last one, and with fewer when the window runs short; one that is whole before comes as a MESSAGE. max_message_size does not
 * limit it, so a message may be larger than memory; a part holds its share of the window until it is released, so an app that is
 * slow slows the sender. When the rest will not come (the sender gave it up, the stream was reset, the association ended), a last
 * part tells: its error is not 0, and it is empty. With I-DATA any number of messages may come in parts at the same time, without
 * it one: the others wait until they are whole, or it is. Returns 0 or SLUICE_NO_MEMORY. RFC 9260, 6.9; RFC 8260, 2.2.3. */
SLUICE_API int sluice_sctp_set_partial_delivery(sluice_sctp *a, uint16_t stream, uint32_t bytes);

/* ---- streams (RFC 6525) ------------------------------------------------------------------------------------------ */

/* In place of a stream: all of them. No stream has this number. When all streams are reset at once, an event comes for each on
 * which messages were sent since it was reset last (of the peer's streams: ordered ones), and then one with this number. */
#define SLUICE_SCTP_ALL_STREAMS 65535

/* Resets our outgoing direction of a stream, or of all (SLUICE_SCTP_ALL_STREAMS), once everything queued on it is acknowledged or
 * abandoned; a RESET_OUT event tells how it ended (none comes when the association ends or restarts before). Sending on it is
 * refused until then. Streams that are ready at the same time are reset with one request, so a thousand take a few round trips.
 * Returns 0, also when a reset is under way, or
 *   SLUICE_CLOSED       there is no association
 *   SLUICE_WRONG_STATE  before CONNECTED, and from shutdown on
 *   SLUICE_INVALID      the stream is beyond the negotiated count
 *   SLUICE_NO_MEMORY
 * RFC 6525, 5.1.2. */
SLUICE_API int sluice_sctp_reset_stream(sluice_sctp *a, uint16_t stream);

/* Says that the peer's application may not know a stream, because nothing has come from it there; until the stream is reset, or
 * said otherwise. Chromium and Firefox stop reading the list of a reset at the first stream that they do not know, so a doubtful
 * one stands last in its request, and one request holds one of them. No stream is doubtful by itself. Returns 0 or
 * SLUICE_NO_MEMORY. */
SLUICE_API int sluice_sctp_set_doubtful(sluice_sctp *a, uint16_t stream, bool doubtful);

/* Asks the peer to reset its outgoing direction of a stream, or of all (the Incoming SSN Reset Request); RESET_IN tells that it
 * did, and nothing that it would not. Returns 0, SLUICE_WRONG_STATE, SLUICE_UNSUPPORTED when the peer has no RE-CONFIG,
 * SLUICE_INVALID, SLUICE_NO_MEMORY. A peer may ask us the same: then the stream is reset as by sluice_sctp_reset_stream(). */
SLUICE_API int sluice_sctp_request_reset(sluice_sctp *a, uint16_t stream);

/* Asks for more streams; a STREAMS_ADDED event follows, with error SLUICE_REFUSED when the peer would not. Returns as
 * sluice_sctp_request_reset(), SLUICE_INVALID when there would be more than 65535 one way. */
SLUICE_API int sluice_sctp_add_streams(sluice_sctp *a, uint16_t outgoing, uint16_t incoming);

/* ---- events ------------------------------------------------------------------------------------------------------ */

enum sluice_sctp_event_type {
	SLUICE_SCTP_MESSAGE = 1, /* message: the caller's reference, to be released */
	SLUICE_SCTP_CONNECTED,   /* data may travel: established, or the COOKIE-ECHO, with which data can ride, is due */
	/* error: 0 after a graceful shutdown, else why; the association is CLOSED. SLUICE_CLOSED: an app aborted it, ours or the
	 * peer's (user-initiated, cause 12), so that what was under way is lost; SLUICE_ABORTED: the peer's stack did */
	SLUICE_SCTP_ENDED,
	SLUICE_SCTP_PEER_RESTARTED, /* RFC 9260, 5.2: everything in flight both ways is lost, streams start anew */
	SLUICE_SCTP_RESET_IN,       /* stream (or all): the peer reset its outgoing direction; its messages came before */
	SLUICE_SCTP_RESET_OUT,      /* stream: our reset is done; error: 0, SLUICE_REFUSED, or SLUICE_UNSUPPORTED by the peer */
	SLUICE_SCTP_STREAMS_ADDED,  /* counts are in the statistics; error as above */
	SLUICE_SCTP_WRITABLE,       /* stream: a send that would have blocked may be tried again */
	SLUICE_SCTP_BUFFERED_LOW,   /* stream */
	SLUICE_SCTP_ABANDONED,      /* stream: `count` messages were given up since the last one (limits; a stream that is not) */
	SLUICE_SCTP_MESSAGE_PART,   /* message: a part of one (its first, last, offset, error); only where parts were asked for */
	SLUICE_SCTP_MTU,            /* count: the largest packet from now on, in bytes: what the path was found to carry */
	SLUICE_SCTP_RENUMBERED,     /* the peer made the numbers of all messages begin anew, both ways (RFC 6525, 5.2.4) */
};

typedef struct sluice_sctp_event {
	enum sluice_sctp_event_type type;
	int error;
	uint16_t stream;
	uint32_t count;
	sluice_message *message;
} sluice_sctp_event;

/* Takes the oldest event. Returns true when there was one. */
SLUICE_API bool sluice_sctp_poll(sluice_sctp *a, sluice_sctp_event *event);

/* ---- the path's MTU (RFC 8899) ------------------------------------------------------------------------------------ */

#define SLUICE_SCTP_MTU_MAX 65520

/* Packets may grow to this from now on: the configuration's mtu_max. At most the configuration's mtu: no search. It begins anew,
 * as by sluice_sctp_path_changed(). In any state. */
SLUICE_API void sluice_sctp_set_mtu_max(sluice_sctp *a, uint32_t mtu_max);

/* Packets take another path from now on: they are of the size config.mtu again, and the search begins anew (where it is
 * established; nothing is searched for during a shutdown). In any state. */
SLUICE_API void sluice_sctp_path_changed(sluice_sctp *a);

/* Somebody says that SCTP packets above `size` do not pass: a router, by ICMP, which anybody can forge, or (`sure`) the own
 * machine, of its interface. It makes packets no smaller by itself: a router's word only decides which size is probed next. */
SLUICE_API void sluice_sctp_mtu_hint(sluice_sctp *a, uint32_t size, bool sure);

/* ---- hand-over --------------------------------------------------------------------------------------------------- */

/* Serialises a live association, with all that is in flight, queued and received, so that sluice_sctp_import() resumes it, in
 * another process for instance, while the peer notices nothing but a pause. From ESTABLISHED on to the end of a shutdown. *len is
 * how many bytes it takes. The bytes are read back before anything is given up, which takes memory for a second association
 * meanwhile.
 *
 * Returns 0, or, and then nothing has changed and the association goes on here:
 *   SLUICE_WRONG_STATE  not established, handed over already, something of a message sent piece by piece is here, or what is here
 *                       could not be restored (fragments beyond a limit that was lowered since): try again later
 *   SLUICE_NO_SPACE     size is too small; size 0 and buf NULL ask for *len
 *   SLUICE_NO_MEMORY
 *
 * On success the association here is over, without a word to the peer and without an event: it is CLOSED, takes no packets, and
 * is there to be freed. Lent messages were copied and are released; events not yet polled go along; messages that the app still
 * holds stay valid here, and their bytes count against the window there no more. Not handed over: the trace, the packet tap, the
 * wake hook, replies to the peer that were not yet written (they count as lost).
 *
 * The bytes hold the association's secrets and the app's data, and say in a checksum that they are intact, not who made them:
 * keep them as you would keep the memory of the process. They are read by the same version of the library only. A sluice_channels
 * over the association is not part of them: make a new one over the imported association (it is connected at once) and open the
 * channels again, as negotiated ones with the ids that they had. The layers below (DTLS) are handed over by whoever owns them. */
SLUICE_API int sluice_sctp_export(sluice_sctp *a, void *buf, size_t size, size_t *len);

/* Resumes it under the configuration that it had. now is of the clock here, which may be another one; the time between is taken
 * for none. Call output() next. Returns 0; SLUICE_MALFORMED: not our bytes, or not all of them, or not intact;
 * SLUICE_UNSUPPORTED: of another version of the library; SLUICE_NO_MEMORY. */
SLUICE_API int sluice_sctp_import(sluice_env *env, const void *data, size_t len, uint64_t now, sluice_sctp **out);

/* ---- what it knows ----------------------------------------------------------------------------------------------- */

/* Where it stands after the last call. */
SLUICE_API enum sluice_sctp_state sluice_sctp_state(const sluice_sctp *a);
/* Why it ended: 0 while it lives or after a graceful end. The text is the peer's reason or ours; never NULL. */
SLUICE_API int sluice_sctp_error(const sluice_sctp *a, const char **text);
/* A copy of its counters. */
SLUICE_API void sluice_sctp_stats_get(const sluice_sctp *a, sluice_sctp_stats *stats);

/* From here on fn gets a line of JSON for each event: packets sent, received and dropped, chunks lost, timers, states, metrics.
 * The names and units are qlog's (draft-ietf-quic-qlog-main-schema) in a namespace of our own, "sctp:". The first line, which
 * comes within this call, is the header: version, clock (the one that the verbs are given) and tags. Each line is at most
 * SLUICE_TRACE_LINE_MAX bytes; nothing is allocated for it. fn NULL: no more. Returns 0 or SLUICE_NO_MEMORY. */
SLUICE_API int sluice_sctp_set_trace(sluice_sctp *a, sluice_trace_fn fn, void *ctx);

/* fn gets each packet that goes out or comes in, bad ones included; NULL: no more. Returns 0 or SLUICE_NO_MEMORY. */
SLUICE_API int sluice_sctp_set_packet_tap(sluice_sctp *a, sluice_packet_fn fn, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
