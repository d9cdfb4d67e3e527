/* Data channels (RFC 8831) and their establishment (RFC 8832) over one association.
 *
 * A `sluice_channels` is the set of all channels of one association; a peer connection owns one (peer.h), an app that
 * brings its own transport can make one. It takes the association's events: do not poll() the association beside it.
 * Callbacks run only inside sluice_channels_dispatch() (the peer's and the loop's dispatch call it), never inside another
 * call, so a callback may call anything: send, open, close, even free the whole peer.
 *
 * One thread at a time. */
#ifndef SLUICE_CHANNEL_H
#define SLUICE_CHANNEL_H

#include "sluice/sctp.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_channels sluice_channels;
typedef struct sluice_channel sluice_channel;

enum sluice_channel_state {
	SLUICE_CHANNEL_CONNECTING = 0, /* waits for the association or for an id; sending is refused, WRONG_STATE */
	SLUICE_CHANNEL_OPEN,
	SLUICE_CHANNEL_CLOSING,
	SLUICE_CHANNEL_CLOSED,
};

enum sluice_role {
	SLUICE_ROLE_UNKNOWN = 0, /* ids stay unassigned */
	SLUICE_ROLE_CLIENT,      /* DTLS client: even ids; RFC 8832, 6 */
	SLUICE_ROLE_SERVER,      /* DTLS server: odd ids */
};

/* RFC 8831, 6.4: priorities as RFC 8832 puts them on the wire. */
enum sluice_priority {
	SLUICE_PRIORITY_BELOW_NORMAL = 128,
	SLUICE_PRIORITY_NORMAL = 256,
	SLUICE_PRIORITY_HIGH = 512,
	SLUICE_PRIORITY_EXTRA_HIGH = 1024,
};

/* Any of these may be NULL. `user` is the channel's user pointer at the time of the call. */
typedef struct sluice_channel_callbacks {
	void (*on_open)(sluice_channel *ch, void *user);
	/* The message is released after the callback; retain it to keep it. `text`: PPID 51/56 against 53/57. */
	void (*on_message)(sluice_channel *ch, sluice_message *m, bool text, void *user);
	void (*on_writable)(sluice_channel *ch, void *user);     /* after a WOULD_BLOCK */
	void (*on_buffered_low)(sluice_channel *ch, void *user); /* the amount fell to the threshold */
	/* The last callback; `error` 0 for an orderly close with everything delivered, else why: REFUSED by the peer, which took
	 * nothing; UNSUPPORTED when the peer cannot be told of the close; the association's error, CLOSED when an app ended the
	 * connection without waiting for what was under way (a browser's close does so). `lost` counts messages that
	 * send accepted and that did not arrive, as far as is known: abandoned under the reliability limit, or not acknowledged
	 * when the association ended. The channel is freed when this returns. */
	void (*on_closed)(sluice_channel *ch, int error, uint64_t lost, void *user);
	/* Where it is set, messages come by it and not by on_message, and in parts: m->first and m->last tell the first and the
	 * last one (both: a whole message), m->offset where it belongs. Not more than a part of a message need be in memory, so
	 * the sender's may be of any size; a part is released like a message and holds the window until then. A message that is
	 * cut off ends with an empty last part whose m->error is not 0. See sluice_sctp_set_partial_delivery(). */
	void (*on_message_part)(sluice_channel *ch, sluice_message *m, bool text, void *user);
} sluice_channel_callbacks;

typedef struct sluice_channel_config {
	const char *label, *protocol; /* UTF-8, at most 65535 bytes each; NULL: "" */
	bool unordered;
	enum sluice_reliability reliability;
	uint32_t reliability_value; /* retransmissions or ms */
	uint16_t priority;          /* 0: SLUICE_PRIORITY_NORMAL */
	bool negotiated;            /* both sides open it with the same id; nothing is sent for it */
	int32_t id;                 /* 0..65534 when negotiated; else -1 (or 0 with negotiated false): chosen by role */
	uint64_t high_water;        /* bytes; 0: the association's */
	uint64_t buffered_low;      /* threshold, bytes; 0 */
	sluice_channel_callbacks callbacks;
	void *user;
} sluice_channel_config;

typedef struct sluice_channels_config {
	/* The peer opened a channel: set its callbacks and user pointer here. NULL: such channels are closed again. */
	void (*on_channel)(sluice_channels *set, sluice_channel *ch, void *user);
	/* The association is established (error 0, once or again after a restart), or has ended. All channels were closed
	 * before the latter. */
	void (*on_connected)(sluice_channels *set, void *user);
	void (*on_ended)(sluice_channels *set, int error, void *user);
	/* The path was found to carry packets of SCTP of that many bytes, or no more than that (RFC 8899). */
	void (*on_mtu)(sluice_channels *set, uint32_t mtu, void *user);
	void *user;
	enum sluice_role role;
	uint64_t max_message_size; /* the peer's, from its SDP; 0 here: 65536. UINT64_MAX: no limit */
	uint32_t max_channels;     /* open at once, ours and the peer's; 0: 1024 */
} sluice_channels_config;

/* Makes the set over an association of the same environment, which must outlive it. config may be NULL. Returns 0 or
 * SLUICE_NO_MEMORY. */
SLUICE_API int sluice_channels_new(sluice_env *env, sluice_sctp *sctp, const sluice_channels_config *config,
                                   sluice_channels **out);
/* Frees the set and its channels without callbacks and without a word to the peer. Allowed inside a callback. */
SLUICE_API void sluice_channels_free(sluice_channels *set);

/* The DTLS role became known: channels that wait for an id get one. */
SLUICE_API void sluice_channels_set_role(sluice_channels *set, enum sluice_role role);
/* The peer's limit became known or changed (0: 65536). A channel of ours that waits for the association and whose OPEN is larger
 * closes with SLUICE_TOO_LARGE. What send accepted already goes out as it is. */
SLUICE_API void sluice_channels_set_max_message_size(sluice_channels *set, uint64_t size);

/* Empties the association's events and runs the callbacks that follow from them. Call after input() and advance(). Returns
 * the number of callbacks run. */
SLUICE_API int sluice_channels_dispatch(sluice_channels *set);

/* Opens a channel. Allowed at any time, before the association is up too. May send from on_open on; RFC 8832, 6, allows
 * user data right behind the OPEN, and on_open comes as soon as that is possible, not only after the ACK. The channel is
 * the set's and lives until its on_closed returns; out may be NULL. Returns 0, or
 *   SLUICE_INVALID    a field is outside what its comment allows
 *   SLUICE_TOO_LARGE  label and protocol are together larger than the peer's max-message-size less 12 bytes. Before that is known
 *                     (by offer and answer: before the remote description) the channel closes with this error once it is
 *   SLUICE_EXISTS     the negotiated id is in use
 *   SLUICE_LIMIT      there are max_channels, or no id is free
 *   SLUICE_CLOSED     the association has ended
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_channel_open(sluice_channels *set, const sluice_channel_config *config, sluice_channel **out);

/* Closes: what send accepted is delivered first, then the stream is reset both ways. Messages that the peer sent before it
 * knew still come; a pause ends. on_closed comes when it is done. Twice is harmless. RFC 8831, 6.7. */
SLUICE_API void sluice_channel_close(sluice_channel *ch);

/* Queues one message and returns at once.
 *
 * The bytes are copied; use sluice_channel_sendv() to lend them instead. 0 <= len <= the peer's max-message-size. Text is
 * UTF-8 by contract; it is not checked. Returns 0, or SLUICE_WOULD_BLOCK when buffered_amount would pass the high-water
 * mark (on_writable follows; nothing was queued; a message on an empty channel is always taken), SLUICE_TOO_LARGE,
 * SLUICE_CLOSED, SLUICE_WRONG_STATE before on_open, SLUICE_NO_MEMORY. RFC 8831, 6.6. */
SLUICE_API int sluice_channel_send(sluice_channel *ch, const void *data, size_t len);
SLUICE_API int sluice_channel_send_text(sluice_channel *ch, const char *text, size_t len);

/* Lends the bytes: release(ctx) comes once, when they are acknowledged, abandoned or the channel's association ended. See
 * sluice_sctp_sendv(). */
SLUICE_API int sluice_channel_sendv(sluice_channel *ch, bool text, const struct iovec *iov, size_t count,
                                    sluice_release_fn release, void *ctx);

/* Queues many messages (one iovec each, copied). Returns how many were queued, which is less than count when the next one
 * would block; below 0 only when the first one failed. */
SLUICE_API int sluice_channel_send_batch(sluice_channel *ch, bool text, const struct iovec *messages, size_t count);

/* One message piece by piece, of a length that is not known yet and that may exceed memory; see sluice_sctp_send_begin() for what
 * the calls return and what the peer has to be capable of (sluice is, browsers are not: SLUICE_UNSUPPORTED; its app should take
 * parts, by on_message_part). A part that would make the message larger than the peer takes is refused with SLUICE_TOO_LARGE, and
 * the message is to be ended without it or cancelled. Until its end, other sends on the channel are refused with
 * SLUICE_WRONG_STATE; other channels are not held up. A close gives an open message up. */
SLUICE_API int sluice_channel_send_begin(sluice_channel *ch, bool text);
SLUICE_API int sluice_channel_send_part(sluice_channel *ch, const void *data, size_t len);
SLUICE_API int sluice_channel_send_end(sluice_channel *ch);
SLUICE_API int sluice_channel_send_cancel(sluice_channel *ch);

/* Stops on_message: what comes is kept and fills the window, so that the sender waits; resume delivers it in order from the next
 * dispatch on. When the peer closes a paused channel, on_closed waits for resume (or close), behind what was kept. The end of the
 * association waits for nobody: what was kept is delivered, then on_closed comes. Closing the peer (sluice_peer_close,
 * sluice_sctp_shutdown) ends every pause and none begins: what the other side has accepted still comes, and an app that does not
 * want it drops it, or aborts. */
SLUICE_API void sluice_channel_pause(sluice_channel *ch);
SLUICE_API void sluice_channel_resume(sluice_channel *ch);

/* Every byte that send accepted and that is neither acknowledged nor abandoned. */
SLUICE_API uint64_t sluice_channel_buffered_amount(const sluice_channel *ch);
SLUICE_API void sluice_channel_set_buffered_low(sluice_channel *ch, uint64_t threshold);
SLUICE_API void sluice_channel_set_high_water(sluice_channel *ch, uint64_t bytes); /* 0: the association's */

/* The channel's share when several have something to send: with twice the priority it gets twice the bytes (or goes first, where
 * the association's scheduler is SLUICE_SCHEDULER_PRIORITY). 0: SLUICE_PRIORITY_NORMAL. Ours only: the peer is told of a priority
 * by the OPEN and never again. Returns 0 or SLUICE_NO_MEMORY. RFC 8831, 6.4. */
SLUICE_API int sluice_channel_set_priority(sluice_channel *ch, uint16_t priority);

/* Replaces callbacks and user pointer from the next callback on; in on_channel this is how the app takes a channel of the
 * peer's. */
SLUICE_API void sluice_channel_set_callbacks(sluice_channel *ch, const sluice_channel_callbacks *callbacks, void *user);
/* What it was given or made with, by us or by the peer's OPEN. Texts live as long as the channel and have a NUL behind them; they
 * may hold a NUL, so len (may be NULL) tells their length. They are UTF-8 by contract, but a peer's are the bytes of its OPEN as
 * they came: check them before you print them. value (may be NULL) is the count or the ms of the reliability. */
SLUICE_API void *sluice_channel_user(const sluice_channel *ch);
SLUICE_API sluice_channels *sluice_channel_set_of(const sluice_channel *ch);
SLUICE_API const char *sluice_channel_label(const sluice_channel *ch, size_t *len);
SLUICE_API const char *sluice_channel_protocol(const sluice_channel *ch, size_t *len);
SLUICE_API bool sluice_channel_is_unordered(const sluice_channel *ch);
SLUICE_API bool sluice_channel_is_negotiated(const sluice_channel *ch);
SLUICE_API enum sluice_reliability sluice_channel_reliability(const sluice_channel *ch, uint32_t *value);
SLUICE_API uint16_t sluice_channel_priority(const sluice_channel *ch);

/* How it stands. The largest message is what the peer takes; UINT64_MAX: no limit, or it is not known yet. Counters: see
 * stats.h. */
SLUICE_API enum sluice_channel_state sluice_channel_state(const sluice_channel *ch);
SLUICE_API int32_t sluice_channel_id(const sluice_channel *ch); /* -1 while unassigned */
SLUICE_API uint64_t sluice_channel_max_message_size(const sluice_channel *ch);
SLUICE_API void sluice_channel_stats_get(const sluice_channel *ch, sluice_channel_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
