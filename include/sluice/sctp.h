/* The association: SCTP (RFC 9260) with PR-SCTP (RFC 3758), RE-CONFIG (RFC 6525), I-DATA (RFC 8260) and zero checksum (RFC 9653).
 * It has one path, and no socket, clock or thread of its own.
 *
 * Four verbs drive it. input() takes the packets that came, advance() runs the timers, output() writes the packets that are due,
 * and deadline() says when to call advance() next. After any call, call output() until it returns 0.
 *
 * Messages and state changes wait in a queue that sluice_sctp_poll() empties. No verb calls the app while it changes state, so
 * the app may call anything while it handles an event.
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

/* ---- choices ---------------------------------------------------------------------------------------------------- */

/* What sizes the congestion window. */
enum sluice_cc {
	SLUICE_CC_DEFAULT = 0, /* CUBIC */
	SLUICE_CC_NEWRENO,     /* RFC 9260, section 7 */
	/* RFC 9438, with slow start by HyStart++ (RFC 9406). Beyond the RFC, losses that the line seems to make by itself do not
	 * reduce the window: those that come while the queue is nearly empty, as long as they are rarer than 2 %. What a full
	 * queue drops does, so it shares a line as RFC 9438 does. With SLUICE_RECOVERY_RFC9260 each loss reduces the window. */
	SLUICE_CC_CUBIC,
	/* A model of the path, from delivery rates and round-trip times (draft-ietf-ccwg-bbr). Random loss does not slow it
	 * down. */
	SLUICE_CC_BBR,
	/* Keeps the queue on the path short and yields to other traffic. For use beside media. */
	SLUICE_CC_LOW_DELAY,
	/* CUBIC as RFC 9438 has it: each loss reduces the window. Beyond the RFC, a flow without a loss for a second grows
	 * faster. */
	SLUICE_CC_RFC9438,
};

/* How lost packets are found and repeated. */
enum sluice_recovery {
	SLUICE_RECOVERY_DEFAULT = 0, /* RACK */
	/* RFC 9260, 7.2.4 and 6.3.3: three miss indications, and T3. */
	SLUICE_RECOVERY_RFC9260,
	/* By time, with tail loss probes (RFC 8985). The window comes down in proportion to the loss (PRR, RFC 6937), and goes up
	 * again when the loss turns out to be none. */
	SLUICE_RECOVERY_RACK,
};

/* Are packets spread over the round trip? They leave in groups that one GSO send can take. A path whose round trip is too short
 * for timers is not paced. */
enum sluice_pacing {
	SLUICE_PACING_DEFAULT = 0, /* on */
	SLUICE_PACING_ON,
	SLUICE_PACING_OFF,
};

/* Which stream sends next (RFC 8260, 3). When both sides have I-DATA, streams take turns by chunks, and chunks of several streams
 * share packets: a long message holds up no other stream. Otherwise streams take turns by whole messages. */
enum sluice_scheduler {
	SLUICE_SCHEDULER_DEFAULT = 0,        /* weighted fair */
	SLUICE_SCHEDULER_FIRST_COME,         /* messages in the order of their sends */
	SLUICE_SCHEDULER_ROUND_ROBIN,        /* streams take turns */
	SLUICE_SCHEDULER_ROUND_ROBIN_PACKET, /* one packet a turn: losing it concerns one stream */
	SLUICE_SCHEDULER_PRIORITY,           /* the stream with the highest priority; equals take turns */
	SLUICE_SCHEDULER_FAIR,               /* equal bytes for every stream */
	/* Bytes in proportion to the streams' weights, as RFC 8831 wants for data channels. */
	SLUICE_SCHEDULER_WEIGHTED_FAIR,
};

/* When received packets are acknowledged. In every case a single packet waits for sack_delay, and a packet out of order is
 * acknowledged at once. */
enum sluice_sack_policy {
	SLUICE_SACK_DEFAULT = 0,  /* adaptive */
	SLUICE_SACK_EVERY_SECOND, /* after every second packet, also within one input(); RFC 9260, 6.2 */
	SLUICE_SACK_EVERY_BATCH,  /* once for all packets of one input() */
	SLUICE_SACK_ADAPTIVE,     /* every batch for a peer that makes use of that, every second packet for others */
};

enum sluice_checksum {
	SLUICE_CHECKSUM_CRC32C = 0, /* a CRC32c on every packet, both ways; RFC 9260, 6.8 */
	/* The transport is DTLS: offer zero checksum (RFC 9653), and send no CRC to a peer that offers it too. */
	SLUICE_CHECKSUM_DTLS = 1,
};

/* ---- configuration ---------------------------------------------------------------------------------------------- */

/* Zero in any field but `size` means its default. Times are in ns. */
typedef struct sluice_sctp_config {
	/* sizeof(sluice_sctp_config), set by sluice_sctp_config_init. A library that is newer than the app's headers knows by it
	 * which fields the app has. */
	size_t size;

	/* ---- who, and how many streams ---- */

	/* Default: 5000 */
	uint16_t local_port, remote_port;
	/* The number that is asked of the peer, and the most that the peer may open. Default: 65535 */
	uint16_t outbound_streams, inbound_streams;

	/* ---- what may be received ---- */

	/* The receive window at the start (a_rwnd): payload that the peer may have under way, or unread here. At least 4096, and
	 * it is raised to 5/4 of max_message_size. Default: 2 MiB
	 *
	 * The memory behind it is bounded too: twice the window, or 64 KiB if that is more. A message of one byte takes up to 208
	 * bytes, so small messages fill the window before their payload does. When unfinished messages fill the window for 30 s,
	 * so that neither side can go on, the association ends with SLUICE_LIMIT. A peer that mixes large messages (I-DATA)
	 * therefore needs a window that holds all of them.
	 *
	 * The peer is promised less where the driver's socket holds less; see sluice_sctp_set_receive_room(). */
	uint32_t receive_window;
	/* The receive window grows up to this with what the app reads in a round trip, as far as sluice_env_config.window_budget
	 * allows. Default: 64 MiB where receive_window is 0, otherwise receive_window, so that it does not grow. */
	uint32_t receive_window_max;
	/* The largest message that the peer may send. A larger one, or one in more than 65535 fragments, ends the association.
	 * Default: 262144 */
	uint32_t max_message_size;
	/* Deliver messages in parts of at least this many bytes; see sluice_sctp_set_partial_delivery(). Default: whole messages
	 * only */
	uint32_t partial_delivery;

	/* ---- what waits for sending ---- */

	/* Bytes buffered in a stream above which a send returns SLUICE_WOULD_BLOCK. Default: 1 MiB at the start. From a round
	 * trip of a millisecond on it grows with the congestion window, up to four times what the path delivers in its shortest
	 * round trip, 1 MiB more, and 128 MiB in all, as far as sluice_env_config.send_budget allows. It does not shrink. */
	uint64_t high_water;
	enum sluice_scheduler scheduler;
	/* Hold a packet that is not full back while other data is in flight. Default: send at once */
	bool nagle;

	/* ---- packets ---- */

	/* The largest packet in bytes until more is known of the path, 296 to 65520. Default: 1188 */
	uint32_t mtu;
	/* Packets may grow to this, at most 65520, where the path carries them (RFC 8899). Default: mtu, so no search */
	uint32_t mtu_max;
	enum sluice_checksum checksum;

	/* ---- acknowledgements ---- */

	enum sluice_sack_policy sack_policy;
	/* How long the acknowledgement of a single packet may wait, at most 500 ms. Default: a quarter of the round-trip time, 1
	 * to 20 ms */
	uint64_t sack_delay;

	/* ---- congestion and loss ---- */

	enum sluice_cc congestion_control;
	enum sluice_pacing pacing;
	enum sluice_recovery recovery;
	/* The congestion window at the start, in bytes. Default: 10 mtu (RFC 6928) */
	uint32_t initial_window;
	/* The congestion window never falls below this, except after a T3. Default: 4 mtu */
	uint32_t min_window;
	/* The congestion window never grows above this. Default: no limit */
	uint64_t max_window;
	/* Packets of new data that one input() or advance() may release. Default: as many as the congestion window has room
	 * for */
	uint32_t max_burst;
	/* DATA chunks in flight, at most 65535. Other stacks keep track of only a few thousand TSNs. Default: 8192, or one for
	 * each KiB of the largest window that the peer promised, if that is more */
	uint32_t max_outstanding_chunks;
	/* What a loss leaves of the congestion window, in thousandths. Default: the control's own (NewReno 500, CUBIC 700) */
	uint32_t beta;
	/* Of SLUICE_CC_BBR, in thousandths. Default: 2773 and 2000 */
	uint32_t startup_gain, cwnd_gain;
	/* Of SLUICE_CC_LOW_DELAY: with more queueing delay than this it gives way quickly. Default: half a round trip, at least
	 * 1 ms and at most 10 */
	uint64_t target_delay;

	/* ---- time, and when to give up ---- */

	/* The retransmission timeout (RFC 9260, 6.3). Default: 500 ms, 300 ms, 3 s (RFC 9260 names 1 s, 1 s, 60 s)
	 *
	 * A peer whose window is closed is probed at intervals that double up to rto_max. A peer that is silent gets one packet
	 * at each T3, and with SLUICE_RECOVERY_RACK at most five between the first two of them. */
	uint64_t rto_initial, rto_min, rto_max;
	/* Default: 8 */
	uint32_t init_max_retransmits;
	/* UINT32_MAX: no limit; during a shutdown it is 10 then. Default: 10 */
	uint32_t association_max_retransmits;
	/* Default: 60 s */
	uint64_t cookie_lifetime;
	/* SLUICE_NEVER: no heartbeats. Default: 30 s */
	uint64_t heartbeat_interval;
	/* How long a shutdown may take, counted from its SHUTDOWN or SHUTDOWN ACK (RFC 9260, 9.2: T5-shutdown-guard). A peer that
	 * still sends then is aborted, and the rest of its data is lost. SLUICE_NEVER: no limit. Default: 5 times rto_max, at
	 * least 300 s */
	uint64_t shutdown_guard;

	/* ---- extensions that are not to be offered ---- */

	bool no_pr_sctp;      /* RFC 3758: messages that may be given up */
	bool no_reconfig;     /* RFC 6525: resetting and adding streams */
	bool no_interleaving; /* RFC 8260: I-DATA */
} sluice_sctp_config;

/* Sets all defaults. Call it before you set any field. */
SLUICE_API void sluice_sctp_config_init(sluice_sctp_config *config);

/* ---- making, opening and ending one ----------------------------------------------------------------------------- */

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
/* The RFC's name, "COOKIE-WAIT"; "UNKNOWN" for any other number. Any thread. */
SLUICE_API const char *sluice_sctp_state_name(enum sluice_sctp_state state);

/* Makes an association in CLOSED. config may be NULL.
 *
 * It answers an INIT by itself (the passive open of RFC 9260), unless sluice_sctp_refuse() was called. It keeps no state for that
 * INIT before a valid COOKIE-ECHO arrives.
 *
 * Returns 0, or
 *   SLUICE_INVALID    a field is outside what its comment allows
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_new(sluice_env *env, const sluice_sctp_config *config, sluice_sctp **out);

/* Frees the association at once. The peer is not notified: abort or shut it down before. Messages that the app retained stay
 * valid. Every release callback of a lent message is called. */
SLUICE_API void sluice_sctp_free(sluice_sctp *a);

/* The active open: sends an INIT. Both sides may do it at the same time.
 *
 * Returns 0, or
 *   SLUICE_WRONG_STATE  the association is not CLOSED */
SLUICE_API int sluice_sctp_connect(sluice_sctp *a);

/* Room for any INIT chunk that sluice_sctp_describe() writes. */
#define SLUICE_SCTP_INIT_MAX 128

/* Opening without a handshake (draft-hancke-tsvwg-snap): each side gives the other its INIT chunk by means of its own, such as an
 * offer and an answer, and connects with the chunk that it got. */

/* Writes our INIT chunk, without the padding at its end. From then on its tag and its initial TSN are fixed until the association
 * is established, also for a sluice_sctp_connect(). Calling it again writes the same bytes.
 *
 * Returns the length, or
 *   SLUICE_WRONG_STATE  the association is not CLOSED
 *   SLUICE_NO_SPACE     size is too small; SLUICE_SCTP_INIT_MAX bytes are enough */
SLUICE_API int sluice_sctp_describe(sluice_sctp *a, void *init_chunk, size_t size);

/* Checks whether an association could be made with this INIT chunk.
 *
 * Returns 0, or
 *   SLUICE_MALFORMED  it could not */
SLUICE_API int sluice_sctp_check_init(const void *init_chunk, size_t len);

/* Establishes the association with the peer's INIT chunk. A CONNECTED event follows. Both sides must do it. What differs between
 * the two INITs is settled as a handshake would settle it.
 *
 * Returns 0, or
 *   SLUICE_MALFORMED    the chunk is no INIT to connect with; nothing has changed
 *   SLUICE_WRONG_STATE  the association is not CLOSED, was not described, or has unpolled events of an earlier association */
SLUICE_API int sluice_sctp_connect_described(sluice_sctp *a, const void *remote_init, size_t len);

/* While CLOSED: stops (true) or resumes (false) answering INITs. */
SLUICE_API void sluice_sctp_refuse(sluice_sctp *a, bool refuse);

/* Ends in order. First everything that send accepted is delivered, then SHUTDOWN is exchanged, and an ENDED event follows. From
 * now on sends are refused. What the peer still has to send is delivered as well, as long as config.shutdown_guard lets it. RFC
 * 9260, 9.2.
 *
 * Returns 0, or
 *   SLUICE_WRONG_STATE  the association is CLOSED */
SLUICE_API int sluice_sctp_shutdown(sluice_sctp *a);

/* Ends at once with an ABORT (user-initiated, cause 12) that carries `reason`, which may be NULL. An ENDED event with
 * SLUICE_CLOSED follows. Does nothing in CLOSED. RFC 9260, 9.1. */
SLUICE_API void sluice_sctp_abort(sluice_sctp *a, const char *reason);

/* ---- the four verbs --------------------------------------------------------------------------------------------- */

/* `now` is the time of a monotonic clock, in ns. It may stand still or step back between calls: a time that is older than that of
 * an earlier verb counts as the earlier one. Deadlines are times of the same clock. */

/* Takes SCTP packets. Bad ones are counted in the statistics and skipped. The packets of one call cause one SACK, or one for
 * every two packets (at most 33), as config.sack_policy has it.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY  a packet was dropped for want of memory; it counts as lost */
SLUICE_API int sluice_sctp_input(sluice_sctp *a, const sluice_datagram *datagrams, size_t count, uint64_t now);

/* Runs the timers that are due. */
SLUICE_API void sluice_sctp_advance(sluice_sctp *a, uint64_t now);

/* Writes due packets into the batch; see sluice_batch for its slots. Call it until it returns 0.
 *
 * Returns how many packets it wrote, 0 when nothing is due, or
 *   SLUICE_NO_SPACE  the space does not hold one packet of the MTU with its headroom and tailroom */
SLUICE_API int sluice_sctp_output(sluice_sctp *a, sluice_batch *batch, uint64_t now);

/* When to call advance() and output() next. 0: at once. SLUICE_NEVER: not before another call. */
SLUICE_API uint64_t sluice_sctp_deadline(const sluice_sctp *a);

/* Sets a hook that is called when a call outside the verbs gave output() something to do: a send, or the release of a message
 * that reopened the window. It is called at most once until the next output(). The hook must not call the association. */
SLUICE_API void sluice_sctp_set_wake(sluice_sctp *a, void (*wake)(void *ctx), void *ctx);

/* ---- sending ---------------------------------------------------------------------------------------------------- */

/* When a message is given up. The number beside it is `value` of sluice_send_info. */
enum sluice_reliability {
	SLUICE_RELIABLE = 0,
	/* value: how often it is retransmitted before it is given up; RFC 7496, 3.1. During an outage or behind a closed window,
	 * each retransmission timeout that the message waits unsent counts as one transmission. So with 0, nothing that waited
	 * longer than one timeout is sent. */
	SLUICE_MAX_RETRANSMITS = 1,
	/* value: ms after send at which it is given up; RFC 3758, 4.1 */
	SLUICE_LIFETIME = 2,
	/* value: its rank, 0 the highest; RFC 7496, 3.2. It is given up to make room when a later message of a higher rank, or a
	 * reliable one, does not fit below the stream's high-water mark. Once some of it was sent it is reliable. If it was lent,
	 * its release callback runs inside that send. For associations only: a channel's OPEN cannot express it. */
	SLUICE_PRIORITY_DROP = 3,
};

typedef struct sluice_send_info {
	uint16_t stream;
	bool unordered;
	enum sluice_reliability reliability;
	/* What it means depends on `reliability`. */
	uint32_t value;
	/* In host byte order. */
	uint32_t ppid;
} sluice_send_info;

/* Queues one message and returns at once. The bytes are copied; 1 <= len < 2^31.
 *
 * Allowed from connect() until shutdown. Data waits for the handshake. If the peer then takes fewer streams, the messages of the
 * others are given up, each stream with an ABANDONED event.
 *
 * Returns 0, or
 *   SLUICE_WOULD_BLOCK  the stream's high-water mark would be passed; nothing was queued, and a WRITABLE event follows. A message
 *                       on an empty stream is always taken
 *   SLUICE_CLOSED       there is no association, or the stream is being reset
 *   SLUICE_INVALID      the stream is beyond the negotiated count, or the message is empty or too long
 *   SLUICE_WRONG_STATE  a message is being sent piece by piece on the stream
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_send(sluice_sctp *a, const sluice_send_info *info, const void *data, size_t len);

/* Queues many messages on one stream, one for each iovec, as sluice_sctp_send() would one after the other, and for less. The
 * bytes are copied.
 *
 * Returns how many it queued. That is less than count when the next message failed, for instance because it would block; send the
 * rest again to learn why. When the first one failed it returns that error, as sluice_sctp_send(). Returns 0 for a count of 0,
 * whatever the state. No more than INT32_MAX are queued by one call. */
SLUICE_API int sluice_sctp_send_many(sluice_sctp *a, const sluice_send_info *info, const struct iovec *messages, size_t count);

/* Like sluice_sctp_send(), but the bytes are lent, not copied. The library reads the slices until it calls release(ctx). It does
 * so once: when the message is acknowledged or given up, or when the association ends, and never inside this call. The iovec
 * array is copied. After an error nothing was taken and release is not called.
 *
 * release may be NULL for static memory. It runs inside a verb, abort(), export() or free(), or inside a send that takes the
 * place of this message (SLUICE_PRIORITY_DROP). It must not call the association.
 *
 * Returns as sluice_sctp_send(). */
SLUICE_API int sluice_sctp_sendv(sluice_sctp *a, const sluice_send_info *info, const struct iovec *iov, size_t count,
                                 sluice_release_fn release, void *ctx);

/* ---- sending piece by piece ------------------------------------------------------------------------------------- */

/* Begins a message whose length is not known yet, or that may be larger than memory. It is sent while the app gives its parts,
 * and acknowledged parts are freed. A stream has at most one such message and refuses other sends until its end; other streams go
 * on. The receiver needs partial delivery (sluice_sctp_set_partial_delivery), or room for the whole message.
 *
 * Returns as sluice_sctp_send(), and
 *   SLUICE_WRONG_STATE  one is open on the stream, or the association is not CONNECTED yet
 *   SLUICE_UNSUPPORTED  the peer has no I-DATA or no I-FORWARD-TSN (RFC 8260) */
SLUICE_API int sluice_sctp_send_begin(sluice_sctp *a, const sluice_send_info *info);

/* Appends bytes, which are copied; 1 <= len < 2^31. The last byte given so far waits for the next part or the end. Each part
 * counts as a message in sluice_sctp_buffered_messages().
 *
 * Returns 0, or
 *   SLUICE_WOULD_BLOCK  as for sluice_sctp_send()
 *   SLUICE_LIMIT        the message was given up, because one of its parts passed its lifetime or its retransmissions. It is no
 *                       longer open; an ABANDONED event came
 *   SLUICE_WRONG_STATE  no message is open
 *   SLUICE_INVALID      len is out of bounds
 *   SLUICE_CLOSED       there is no association
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_send_part(sluice_sctp *a, uint16_t stream, const void *data, size_t len);

/* Ends the message.
 *
 * Returns as sluice_sctp_send_part(), and
 *   SLUICE_INVALID  it has not a single byte */
SLUICE_API int sluice_sctp_send_end(sluice_sctp *a, uint16_t stream);

/* Gives the message up, and tells the receiver so. A shutdown and a reset of the stream do the same.
 *
 * Returns 0, or
 *   SLUICE_WRONG_STATE  no message is open */
SLUICE_API int sluice_sctp_send_cancel(sluice_sctp *a, uint16_t stream);

/* ---- what a stream has queued ----------------------------------------------------------------------------------- */

/* Bytes that send accepted on the stream and that are neither acknowledged nor given up. */
SLUICE_API uint64_t sluice_sctp_buffered(const sluice_sctp *a, uint16_t stream);

/* Messages that send accepted on the stream and that are neither wholly acknowledged nor given up. After the association ended or
 * restarted: how many were dropped by that, until the next send on the stream. */
SLUICE_API uint64_t sluice_sctp_buffered_messages(const sluice_sctp *a, uint16_t stream);

/* Sets the high-water mark of one stream. 0: the configuration's again.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_set_high_water(sluice_sctp *a, uint16_t stream, uint64_t bytes);

/* Asks for a BUFFERED_LOW event each time when the stream's buffered bytes fall from above the threshold to the threshold or
 * below.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_set_buffered_low(sluice_sctp *a, uint16_t stream, uint64_t threshold);

/* Sets what the scheduler knows of a stream: `priority` for SLUICE_SCHEDULER_PRIORITY (a higher one goes first), `weight` for
 * SLUICE_SCHEDULER_WEIGHTED_FAIR. 0 in either means 256, which is also what every stream begins with. Both hold from the stream's
 * next turn on, and in a later association too. RFC 8260, 3.4 and 3.6.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_set_priority(sluice_sctp *a, uint16_t stream, uint16_t priority, uint16_t weight);

/* ---- receiving in parts ----------------------------------------------------------------------------------------- */

/* Sets for one stream what config.partial_delivery sets for all: deliver messages in parts of at least `bytes` bytes; 0: whole
 * messages. It holds until the peer resets the stream, or the association ends or restarts. RFC 9260, 6.9; RFC 8260, 2.2.3.
 *
 * The message that is next in order comes in MESSAGE_PART events, in order. A message that is already whole comes as a MESSAGE.
 * The last part may be shorter than `bytes`, and so may others when the window runs short. max_message_size does not limit such a
 * message, so it may be larger than memory. A part holds its share of the window until it is released: a slow app slows the
 * sender down.
 *
 * When the rest will not come (the sender gave it up, the stream was reset, the association ended), an empty last part comes
 * whose error is not 0. With I-DATA any number of messages may come in parts at the same time. Without it only one does, and the
 * others wait until it or they are whole.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_set_partial_delivery(sluice_sctp *a, uint16_t stream, uint32_t bytes);

/* ---- streams (RFC 6525) ----------------------------------------------------------------------------------------- */

/* All streams, where a function or an event names one; no stream has this number. When all are reset at once, first comes an
 * event for each stream that was used since its last reset (of the peer's streams: used by ordered messages), then one with this
 * number. */
#define SLUICE_SCTP_ALL_STREAMS 65535

/* Resets our outgoing direction of a stream, or of all. The reset happens once everything queued on it is acknowledged or given
 * up, and a RESET_OUT event says how it ended; none comes when the association ends or restarts first. Until then sends on the
 * stream are refused. Streams that are ready at the same time share one request: a thousand take a few round trips. RFC 6525,
 * 5.1.2.
 *
 * Returns 0, also when a reset is under way, or
 *   SLUICE_CLOSED       there is no association
 *   SLUICE_WRONG_STATE  before CONNECTED, and from shutdown on
 *   SLUICE_INVALID      the stream is beyond the negotiated count
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_reset_stream(sluice_sctp *a, uint16_t stream);

/* Marks a stream as doubtful (true): the peer's app may not know it, because it has sent nothing there. It stays so until the
 * stream is reset or this is called with false; no stream is doubtful by itself. Chromium and Firefox stop reading the list of a
 * reset at the first stream that they do not know. So a request holds at most one doubtful stream, at its end.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_set_doubtful(sluice_sctp *a, uint16_t stream, bool doubtful);

/* Asks the peer to reset its outgoing direction of a stream, or of all (the Incoming SSN Reset Request). A RESET_IN event comes
 * when the peer did it; nothing comes when it refused. When a peer asks this of us, the stream is reset as by
 * sluice_sctp_reset_stream().
 *
 * Returns 0, or
 *   SLUICE_WRONG_STATE  before CONNECTED, and from shutdown on
 *   SLUICE_UNSUPPORTED  the peer has no RE-CONFIG
 *   SLUICE_INVALID      the stream is beyond the negotiated count
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_request_reset(sluice_sctp *a, uint16_t stream);

/* Asks for this many more streams each way. A STREAMS_ADDED event follows; its error is SLUICE_REFUSED when the peer refused.
 *
 * Returns 0, or
 *   SLUICE_WRONG_STATE  before CONNECTED, and from shutdown on
 *   SLUICE_UNSUPPORTED  the peer has no RE-CONFIG
 *   SLUICE_INVALID      there would be more than 65535 streams in one direction */
SLUICE_API int sluice_sctp_add_streams(sluice_sctp *a, uint16_t outgoing, uint16_t incoming);

/* ---- events ----------------------------------------------------------------------------------------------------- */

/* What an event says, and which fields of sluice_sctp_event it sets. */
enum sluice_sctp_event_type {
	/* message: the caller owns a reference and has to release it. */
	SLUICE_SCTP_MESSAGE = 1,
	/* Data can be sent: the association is established, or the COOKIE-ECHO is due, and data may share its packet. */
	SLUICE_SCTP_CONNECTED,
	/* The association is CLOSED. error: 0 after a shutdown, otherwise why. SLUICE_CLOSED: our app or the peer's aborted it
	 * (user-initiated, cause 12), so what was under way is lost. SLUICE_ABORTED: the peer's stack did. */
	SLUICE_SCTP_ENDED,
	/* RFC 9260, 5.2: everything in flight is lost in both directions, and all streams start anew. */
	SLUICE_SCTP_PEER_RESTARTED,
	/* stream, or all: the peer reset its outgoing direction. All its earlier messages came before. */
	SLUICE_SCTP_RESET_IN,
	/* stream, or all: our reset is done. error: 0, SLUICE_REFUSED, or SLUICE_UNSUPPORTED by the peer. */
	SLUICE_SCTP_RESET_OUT,
	/* The new counts are in the statistics. error: as for RESET_OUT. */
	SLUICE_SCTP_STREAMS_ADDED,
	/* stream: a send that returned SLUICE_WOULD_BLOCK may be tried again. */
	SLUICE_SCTP_WRITABLE,
	/* stream: see sluice_sctp_set_buffered_low(). */
	SLUICE_SCTP_BUFFERED_LOW,
	/* stream: `count` messages were given up since the last such event, by their limits or because the peer takes fewer
	 * streams. */
	SLUICE_SCTP_ABANDONED,
	/* message: a part of a message; its fields first, last, offset and error say which. Comes only where parts were asked
	 * for. */
	SLUICE_SCTP_MESSAGE_PART,
	/* count: the size of the largest packet from now on, in bytes, as the path was found to carry it. */
	SLUICE_SCTP_MTU,
	/* The peer made the numbers of all messages begin anew, in both directions (RFC 6525, 5.2.4). */
	SLUICE_SCTP_RENUMBERED,
};

typedef struct sluice_sctp_event {
	enum sluice_sctp_event_type type;
	int error;
	uint16_t stream;
	uint32_t count;
	sluice_message *message;
} sluice_sctp_event;

/* Takes the oldest event. Returns false when there is none. */
SLUICE_API bool sluice_sctp_poll(sluice_sctp *a, sluice_sctp_event *event);

/* Takes the messages that are the oldest events, as long as they are whole and of this stream and PPID, and max at most. So an
 * app that got a message by sluice_sctp_poll() takes those that follow it in one call. Returns how many it took; 0: the oldest
 * event is another one, or there is none. */
SLUICE_API size_t sluice_sctp_poll_messages(sluice_sctp *a, uint16_t stream, uint32_t ppid, sluice_message **messages,
                                            size_t max);

/* ---- the driver's socket ---------------------------------------------------------------------------------------- */

/* Says that the socket, or whatever the packets wait in, holds `bytes` bytes of them while nobody reads. UINT64_MAX, as at first:
 * no bound. waited: bytes that were read, the coming input() included, since the socket was last found empty.
 *
 * What is promised to the peer is then never more than `bytes` and, where a round trip takes 2 ms or more, twice what is under
 * way beside it: what came in a round trip and did not wait. It may change at any time, and no packet is refused by it. */
SLUICE_API void sluice_sctp_set_receive_room(sluice_sctp *a, uint64_t bytes, uint64_t waited);

/* ---- the path's MTU (RFC 8899) ---------------------------------------------------------------------------------- */

#define SLUICE_SCTP_MTU_MAX 65520

/* Replaces config.mtu_max: packets may grow to this from now on. The search begins anew, as after sluice_sctp_path_changed();
 * there is none when mtu_max is at most config.mtu. In any state. */
SLUICE_API void sluice_sctp_set_mtu_max(sluice_sctp *a, uint32_t mtu_max);

/* Packets take another path from now on. They shrink to config.mtu, and the search begins anew if the association is established;
 * there is no search during a shutdown. In any state. */
SLUICE_API void sluice_sctp_path_changed(sluice_sctp *a);

/* Reports that packets above `size` bytes do not pass. Either our own machine says so of its interface (sure), or a router by
 * ICMP, which anybody can forge. It does not make packets smaller by itself: a router's report only decides which size is probed
 * next. */
SLUICE_API void sluice_sctp_mtu_hint(sluice_sctp *a, uint32_t size, bool sure);

/* ---- hand-over -------------------------------------------------------------------------------------------------- */

/* Writes a live association as bytes, with everything in flight, queued and received. sluice_sctp_import() resumes it, for
 * instance in another process; the peer notices a pause and nothing else. *len is the number of bytes. The bytes are read back
 * before the association here is given up, which takes memory for a second association.
 *
 * On success the association here is over: it is CLOSED without an event, the peer is not notified, it takes no packets, and it
 * can only be freed. Lent messages were copied and released. Unpolled events go along. Messages that the app still holds stay
 * valid, and no longer count against the window.
 *
 * Not handed over: the trace, the packet tap, the wake hook, and replies to the peer that were not yet written (they count as
 * lost). Neither are channels: make a new sluice_channels over the imported association, which is connected at once, and open the
 * channels again as negotiated ones with their ids. The layers below (DTLS) are handed over by whoever owns them.
 *
 * The bytes hold the association's secrets and the app's data: keep them as you would keep the memory of the process. A checksum
 * shows that they are intact, not who made them. Only the same version of the library reads them.
 *
 * Returns 0, or an error after which nothing has changed and the association goes on here:
 *   SLUICE_WRONG_STATE  it is not between ESTABLISHED and the end of a shutdown, it was handed over already, a message is being
 *                       sent piece by piece, or its state could not be restored (fragments beyond a limit that was lowered since)
 *   SLUICE_NO_SPACE     size is too small; size 0 and buf NULL ask for *len
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_export(sluice_sctp *a, void *buf, size_t size, size_t *len);

/* Resumes an association with the configuration that it had. `now` is a time of the clock here, which may be another one; no time
 * passes for the association in between. Call output() next.
 *
 * Returns 0, or
 *   SLUICE_MALFORMED    the bytes are not ours, not all of them, or not intact
 *   SLUICE_UNSUPPORTED  another version of the library wrote them
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_import(sluice_env *env, const void *data, size_t len, uint64_t now, sluice_sctp **out);

/* ---- what can be asked ------------------------------------------------------------------------------------------ */

/* The state after the last call. */
SLUICE_API enum sluice_sctp_state sluice_sctp_state(const sluice_sctp *a);

/* Why it ended: 0 while it lives and after a shutdown. *text (text may be NULL) is the peer's reason or ours, never NULL. */
SLUICE_API int sluice_sctp_error(const sluice_sctp *a, const char **text);

/* Copies the counters. */
SLUICE_API void sluice_sctp_stats_get(const sluice_sctp *a, sluice_sctp_stats *stats);

/* From here on fn gets a line of JSON for each event: packets sent, received and dropped, chunks lost, timers, states, metrics.
 * Names and units are qlog's (draft-ietf-quic-qlog-main-schema), in a namespace of our own, "sctp:". The first line comes within
 * this call; it is the header with version, clock (that of the verbs) and tags. A line has at most SLUICE_TRACE_LINE_MAX bytes,
 * and nothing is allocated for it. fn NULL ends the trace.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_set_trace(sluice_sctp *a, sluice_trace_fn fn, void *ctx);

/* From here on fn gets each packet that goes out or comes in, bad ones included. fn NULL ends it.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_sctp_set_packet_tap(sluice_sctp *a, sluice_packet_fn fn, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
