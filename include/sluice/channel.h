/* Data channels (RFC 8831) and their establishment (RFC 8832) over one association.
 *
 * A `sluice_channels` is the set of all channels of one association. A peer connection has one inside (peer.h). An app with a
 * transport of its own makes one, and from then on does not poll() the association: the set takes its events.
 *
 * Callbacks run only inside sluice_channels_dispatch(), which the dispatch of a peer and of a loop call. So a callback may call
 * anything: send, open, close, even free the whole peer.
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
	SLUICE_CHANNEL_CONNECTING = 0, /* waits for the association or for an id; sends return SLUICE_WRONG_STATE */
	SLUICE_CHANNEL_OPEN,
	SLUICE_CHANNEL_CLOSING,
	SLUICE_CHANNEL_CLOSED,
};
/* W3C's word for a state, "open"; "unknown" for any other number. Any thread. */
SLUICE_API const char *sluice_channel_state_name(enum sluice_channel_state state);

/* Which side of DTLS we are. It decides who uses which ids. */
enum sluice_role {
	SLUICE_ROLE_UNKNOWN = 0, /* ids stay unassigned */
	SLUICE_ROLE_CLIENT,      /* DTLS client: even ids; RFC 8832, 6 */
	SLUICE_ROLE_SERVER,      /* DTLS server: odd ids */
};

/* RFC 8831, 6.4: priorities as RFC 8832 puts them on the wire. Other numbers are allowed too. */
enum sluice_priority {
	SLUICE_PRIORITY_BELOW_NORMAL = 128,
	SLUICE_PRIORITY_NORMAL = 256,
	SLUICE_PRIORITY_HIGH = 512,
	SLUICE_PRIORITY_EXTRA_HIGH = 1024,
};

/* ---- what a channel reports and how it is made ------------------------------------------------------------------ */

/* Messages that on_messages gets at once, at most. */
#define SLUICE_RUN_MAX 64

/* Any of them may be NULL. `user` is the channel's user pointer at the time of the call. */
typedef struct sluice_channel_callbacks {
	/* From here on sends are accepted. */
	void (*on_open)(sluice_channel *ch, void *user);
	/* The message is released after the callback; retain it to keep it. `text`: it was sent as a string (PPID 51 or 56), not
	 * as binary (53 or 57). */
	void (*on_message)(sluice_channel *ch, sluice_message *m, bool text, void *user);
	/* If this is set, whole messages come here and not to on_message, several at a time: at least 1 and at most
	 * SLUICE_RUN_MAX, all of them text or all of them binary. A run is what lies together when dispatch runs, as a batch of
	 * datagrams brought it. The order between channels is that of on_message: whatever else is reported between two messages
	 * ends the run.
	 *
	 * All messages of a run are delivered with it. A pause or a close inside the callback holds for what comes after the run.
	 * Retain the messages that have to wait: each is released after the callback, and holds its share of the receive window
	 * until its last reference is gone (RFC 9260, 6.2.1). The array is the library's. It lasts as long as the callback, also
	 * when the callback frees the channel or the peer. */
	void (*on_messages)(sluice_channel *ch, sluice_message *const *messages, size_t count, bool text, void *user);
	/* If this is set, messages come here in parts and not to on_message or on_messages. m->first and m->last mark the first
	 * and the last part (both: a whole message), m->offset says where the part belongs. Only parts have to fit into memory,
	 * so a message may be of any size. A part is released like a message and holds its share of the receive window until
	 * then. A message that is cut off ends with an empty last part whose m->error is not 0. See
	 * sluice_sctp_set_partial_delivery(). */
	void (*on_message_part)(sluice_channel *ch, sluice_message *m, bool text, void *user);
	/* A send that returned SLUICE_WOULD_BLOCK may be tried again. */
	void (*on_writable)(sluice_channel *ch, void *user);
	/* The buffered amount has fallen to the threshold. */
	void (*on_buffered_low)(sluice_channel *ch, void *user);
	/* The last callback; the channel is freed when it returns. `error` is 0 when the channel was closed in order and
	 * everything was delivered. Otherwise:
	 *
	 *   SLUICE_REFUSED      the peer refused the channel: it reset the stream without acknowledging the OPEN, and took no
	 *                       message
	 *   SLUICE_UNSUPPORTED  the peer cannot reset streams, so it does not learn of the close
	 *   SLUICE_CLOSED       an app ended the connection without waiting for data under way, as a browser's close does
	 *   another error       that of the association
	 *
	 * `lost` counts messages that send accepted and that did not arrive, as far as is known: those given up by their limits,
	 * and those not acknowledged when the association ended. */
	void (*on_closed)(sluice_channel *ch, int error, uint64_t lost, void *user);
} sluice_channel_callbacks;

/* Zero in a field means its default. */
typedef struct sluice_channel_config {
	/* UTF-8, at most 65535 bytes each. Default: "" */
	const char *label, *protocol;

	/* Both sides open the channel with the same id, and no OPEN is sent. Default: an OPEN is sent, and the id follows from
	 * the role */
	bool negotiated;
	/* With negotiated: 0 to 65534. Otherwise: 0 or -1 */
	int32_t id;

	/* ---- how messages are sent ---- */

	bool unordered;
	enum sluice_reliability reliability;
	/* Retransmissions or ms, as `reliability` has it. */
	uint32_t reliability_value;
	/* Default: SLUICE_PRIORITY_NORMAL */
	uint16_t priority;
	/* Bytes above which a send returns SLUICE_WOULD_BLOCK. Default: the association's mark */
	uint64_t high_water;
	/* The threshold of on_buffered_low, in bytes. */
	uint64_t buffered_low;

	sluice_channel_callbacks callbacks;
	void *user;
} sluice_channel_config;

/* ---- the set of all channels ------------------------------------------------------------------------------------ */

/* Zero in a field means its default. */
typedef struct sluice_channels_config {
	enum sluice_role role;
	/* The peer's max-message-size, from its SDP. UINT64_MAX: no limit. Default: 65536 */
	uint64_t max_message_size;
	/* Channels open at once, ours and the peer's. Default: 1024 */
	uint32_t max_channels;

	/* The last argument of each callback. */
	void *user;
	/* The peer opened a channel: set its callbacks and user pointer here. NULL: such channels are closed again. */
	void (*on_channel)(sluice_channels *set, sluice_channel *ch, void *user);
	/* The association is established, for the first time or again after the peer restarted it. */
	void (*on_connected)(sluice_channels *set, void *user);
	/* The association has ended, and every channel has been closed before. error is 0 after a shutdown. */
	void (*on_ended)(sluice_channels *set, int error, void *user);
	/* Packets can have this many bytes of SCTP now, because the path was found to carry them or to carry no more (RFC
	 * 8899). */
	void (*on_mtu)(sluice_channels *set, uint32_t mtu, void *user);
} sluice_channels_config;

/* Makes the set over an association of the same environment. The association must outlive the set. config may be NULL.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_channels_new(sluice_env *env, sluice_sctp *sctp, const sluice_channels_config *config,
                                   sluice_channels **out);

/* Frees the set and its channels. No callback runs, and the peer is not notified. Allowed inside a callback. */
SLUICE_API void sluice_channels_free(sluice_channels *set);

/* Says which DTLS role we have. Channels that wait for an id get one. */
SLUICE_API void sluice_channels_set_role(sluice_channels *set, enum sluice_role role);

/* Sets the peer's max-message-size; 0: 65536. A channel of ours that waits for the association, and whose OPEN is larger, closes
 * with SLUICE_TOO_LARGE. Messages that send accepted before are sent as they are. */
SLUICE_API void sluice_channels_set_max_message_size(sluice_channels *set, uint64_t size);

/* Takes the association's events and runs the callbacks that follow from them. Call it after input() and advance(). Returns how
 * many ran. */
SLUICE_API int sluice_channels_dispatch(sluice_channels *set);

/* ---- opening and closing ---------------------------------------------------------------------------------------- */

/* Opens a channel. Allowed at any time, also before the association is established. Sends are accepted from on_open on. on_open
 * does not wait for the peer's ACK: RFC 8832, 6, allows user data right after the OPEN. The channel belongs to the set and lives
 * until its on_closed returns. out may be NULL.
 *
 * Returns 0, or
 *   SLUICE_INVALID    a field is outside what its comment allows
 *   SLUICE_TOO_LARGE  label and protocol together are larger than the peer's max-message-size less 12 bytes. By offer and answer
 *                     the limit is known with the remote description; until then the channel is opened, and closes with this
 *                     error
 *   SLUICE_EXISTS     the negotiated id is in use
 *   SLUICE_LIMIT      max_channels are open, or no id is free
 *   SLUICE_CLOSED     the association has ended
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_channel_open(sluice_channels *set, const sluice_channel_config *config, sluice_channel **out);

/* Closes a channel. What send accepted is delivered first, then the stream is reset in both directions, then on_closed comes.
 * Until then messages may still come, which the peer sent before it knew. It ends a pause. Calling it again does nothing. RFC
 * 8831, 6.7. */
SLUICE_API void sluice_channel_close(sluice_channel *ch);

/* ---- sending ---------------------------------------------------------------------------------------------------- */

/* Queues one message and returns at once. The bytes are copied; use sluice_channel_sendv() to lend them instead. Text has to be
 * UTF-8, which is not checked. RFC 8831, 6.6.
 *
 * Returns 0, or
 *   SLUICE_WOULD_BLOCK  the buffered amount would pass the high-water mark; nothing was queued, and on_writable follows. A
 *                       message on an empty channel is always taken
 *   SLUICE_TOO_LARGE    len is above the peer's max-message-size
 *   SLUICE_INVALID      len is 2^31 or more, and the peer has no limit
 *   SLUICE_CLOSED       the channel is closing or closed
 *   SLUICE_WRONG_STATE  on_open has not come yet, or a message is being sent piece by piece
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_channel_send(sluice_channel *ch, const void *data, size_t len);
SLUICE_API int sluice_channel_send_text(sluice_channel *ch, const char *text, size_t len);

/* Like sluice_channel_send(), but the bytes are lent. The library calls release(ctx) once, when the message is acknowledged or
 * given up, or when the association has ended; see sluice_sctp_sendv(). Returns as sluice_channel_send(). */
SLUICE_API int sluice_channel_sendv(sluice_channel *ch, bool text, const struct iovec *iov, size_t count,
                                    sluice_release_fn release, void *ctx);

/* Queues many messages, one for each iovec, as sluice_channel_send() would one after the other, and for less. The bytes are
 * copied, so the array and what it points to are the caller's again when the call returns. Each message has a length of 0 up to
 * the peer's max-message-size. Call it on the channel's thread; callbacks included. RFC 8831, 6.6.
 *
 * Returns how many it queued. That is less than count when the next message failed; send the rest again to learn why. When it
 * would have blocked, on_writable follows. Returns 0 for a count of 0, whatever the state. No more than INT32_MAX are queued by
 * one call. When the first message failed, nothing was queued, and it returns the error as sluice_channel_send(). */
SLUICE_API int sluice_channel_send_many(sluice_channel *ch, bool text, const struct iovec *messages, size_t count);

/* Sends one message piece by piece, when its length is not known yet or it may be larger than memory. Until its end, other sends
 * on the channel return SLUICE_WRONG_STATE; other channels go on. A close gives an open message up. The receiving app should take
 * parts (on_message_part).
 *
 * Each returns as its namesake, sluice_sctp_send_begin() and so on; among others:
 *   SLUICE_UNSUPPORTED  the peer's stack cannot take such messages; sluice can, browsers cannot
 *   SLUICE_TOO_LARGE    the part would make the message larger than the peer's max-message-size. It was not taken; end the
 *                       message without it, or cancel it */
SLUICE_API int sluice_channel_send_begin(sluice_channel *ch, bool text);
SLUICE_API int sluice_channel_send_part(sluice_channel *ch, const void *data, size_t len);
SLUICE_API int sluice_channel_send_end(sluice_channel *ch);
SLUICE_API int sluice_channel_send_cancel(sluice_channel *ch);

/* Bytes that send accepted and that are neither acknowledged nor given up. */
SLUICE_API uint64_t sluice_channel_buffered_amount(const sluice_channel *ch);
/* The threshold of on_buffered_low, in bytes. */
SLUICE_API void sluice_channel_set_buffered_low(sluice_channel *ch, uint64_t threshold);
/* The high-water mark, in bytes. 0: the association's. */
SLUICE_API void sluice_channel_set_high_water(sluice_channel *ch, uint64_t bytes);

/* Sets the channel's share when several have something to send. Twice the priority gets twice the bytes, or goes first where the
 * scheduler is SLUICE_SCHEDULER_PRIORITY. 0: SLUICE_PRIORITY_NORMAL. It holds for what we send; the peer learns a priority from
 * the OPEN only. RFC 8831, 6.4.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_channel_set_priority(sluice_channel *ch, uint16_t priority);

/* ---- receiving -------------------------------------------------------------------------------------------------- */

/* Pauses delivery: on_message and on_messages do not come, arriving messages are kept and fill the receive window, and then the
 * sender has to wait. resume delivers them in order, from the next dispatch on.
 *
 * When the peer closes a paused channel, on_closed waits for resume (or close) and comes after the kept messages. When the
 * association ends, the kept messages are delivered without waiting for resume, and then on_closed comes. Closing the connection
 * (sluice_peer_close, sluice_sctp_shutdown) ends every pause, and no new one begins: what the other side's send accepted still
 * comes. An app that does not want it drops it or aborts. */
SLUICE_API void sluice_channel_pause(sluice_channel *ch);
SLUICE_API void sluice_channel_resume(sluice_channel *ch);

/* Replaces callbacks and user pointer from the next callback on. In on_channel, this is how the app takes a channel that the peer
 * opened. */
SLUICE_API void sluice_channel_set_callbacks(sluice_channel *ch, const sluice_channel_callbacks *callbacks, void *user);

/* ---- what can be asked ------------------------------------------------------------------------------------------ */

/* What the channel was made with, by us or by the peer's OPEN. The texts live as long as the channel and end with a NUL. They may
 * also contain one, so *len is their length (len may be NULL). They should be UTF-8, but a peer's are the bytes of its OPEN:
 * check them before you print them. *value (value may be NULL) is the reliability's number of retransmissions or ms. */
SLUICE_API void *sluice_channel_user(const sluice_channel *ch);
SLUICE_API sluice_channels *sluice_channel_set_of(const sluice_channel *ch);
SLUICE_API const char *sluice_channel_label(const sluice_channel *ch, size_t *len);
SLUICE_API const char *sluice_channel_protocol(const sluice_channel *ch, size_t *len);
SLUICE_API bool sluice_channel_is_unordered(const sluice_channel *ch);
SLUICE_API bool sluice_channel_is_negotiated(const sluice_channel *ch);
SLUICE_API enum sluice_reliability sluice_channel_reliability(const sluice_channel *ch, uint32_t *value);
SLUICE_API uint16_t sluice_channel_priority(const sluice_channel *ch);

/* Its state. */
SLUICE_API enum sluice_channel_state sluice_channel_state(const sluice_channel *ch);
/* Its id; -1 while it has none. */
SLUICE_API int32_t sluice_channel_id(const sluice_channel *ch);
/* The largest message that the peer takes; UINT64_MAX: there is no limit, or it is not known yet. */
SLUICE_API uint64_t sluice_channel_max_message_size(const sluice_channel *ch);
/* Copies the counters; see stats.h. */
SLUICE_API void sluice_channel_stats_get(const sluice_channel *ch, sluice_channel_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
