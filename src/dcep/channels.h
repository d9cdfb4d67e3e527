/* channels: the structs that the files of the channel layer share, and their calls.
 *
 * A stream id is in use from the moment when a channel gets it until both directions were reset (RFC 8831, 6.7). Until then a
 * channel stays in the table, also when the app never saw it (a refused OPEN) or no longer sees it (its reset was denied). Such
 * channels are `silent`.
 *
 * The layer knows the association by its public header, and asks one thing beyond it: association_empty_message(). */
#ifndef DCEP_CHANNELS_H
#define DCEP_CHANNELS_H

#include "base/guard.h"
#include "dcep/codec.h"
#include "dcep/dcep.h"
#include "dcep/held.h"
#include "sluice/channel.h"

/* The tally of what we send on a stream for ourselves: DCEP messages, and the one byte that stands for an empty message. The
 * association counts it as buffered, and the app's buffered amount must not. So these messages are lent with a release callback,
 * which says when each is done. That may be after the channel or the set was freed, so the tally is an object of its own.
 *
 *   refs == one for the channel + one for each message not yet released
 *   bytes == the bytes of these messages */
struct tally {
	sluice_env *env;
	uint32_t refs;
	uint64_t bytes;
};

/* What the next dispatch does for a channel, in the order of the bits. */
enum due {
	DUE_OPEN = 1,    /* on_open */
	DUE_DELIVER = 2, /* on_message for held messages */
	DUE_WRITABLE = 4,
	DUE_LOW = 8,
	DUE_CLOSED = 16, /* on_closed, and then the channel is freed */
};

/* The fields that a received message needs come first: it touches the cache lines up to `callbacks`. */
struct sluice_channel {
	sluice_channels *set;
	sluice_channel *next_in_bucket;
	int32_t id;    /* -1: none yet */
	uint8_t state; /* enum sluice_channel_state */
	uint8_t due;   /* enum due */
	bool silent;   /* the app does not know it, or no longer */
	bool paused, blocked, above_low;
	bool in_parts; /* messages of the stream come in parts */
	bool acked;    /* RFC 8832, 6: the peer has sent something on it, or it is negotiated, so messages may be unordered */
	bool doubtful; /* nothing has come from the peer on it; see sluice_sctp_set_doubtful() */
	bool unordered;
	enum sluice_reliability reliability;
	uint32_t value;
	sluice_channel_callbacks callbacks;
	void *user;
	struct tally *tally;        /* NULL until it is needed */
	sluice_channel_stats stats; /* `buffered` is computed */

	bool ours, negotiated;
	bool started; /* the stream is in use: the OPEN was sent or answered, or it is negotiated and connected */
	bool over;    /* its association ended or restarted */
	bool reset_asked, reset_out, reset_failed; /* our direction */
	bool reset_in;                             /* the peer's */
	bool later_reset;                          /* after the messages in `later`, the peer has reset the stream again */
	bool later_lost;                           /* there was no memory for a message of `later`: refuse all of it */
	int error;                                 /* of on_closed; the first one counts */
	struct held held;                          /* while paused */
	struct held later; /* after reset_in: messages of the stream's next channel, until this one has ended */

	sluice_channel *next, **prev; /* set->all, or set->ending once the peer has reset the stream */
	sluice_channel *next_due;     /* set->due, or set->replay */
	uint64_t high_water, low;
	uint64_t pieces; /* bytes of the message that is being sent piece by piece */
	bool piece_text;
	uint16_t priority;
	uint16_t label_len, protocol_len;
	char names[]; /* label NUL protocol NUL */
};

/* The set.
 *
 *   buckets hold exactly the channels with an id, each in bucket id & (bucket_count - 1), no id twice
 *   visible + silent == length of `all` and of `ending`; silent == those with ->silent
 *   a channel is in `ending` exactly when ->reset_in, so a reset of all streams visits only channels that it changes
 *   visible <= max_channels, visible + silent <= max_channels + max(max_channels, 256)
 *   peer_names == sum of label and protocol lengths over channels that are visible and not ours
 *   a channel is on the due list exactly when ->due != 0
 *   every id of our parity below free_hint is in the table */
struct sluice_channels {
	sluice_env *env;
	sluice_sctp *sctp;
	sluice_channels_config config;
	uint64_t max_message_size;
	enum sluice_role role;

	sluice_channel **buckets;
	uint32_t bucket_count, ids; /* ids: channels in the buckets */
	uint32_t visible, silent, max_channels;
	uint32_t free_hint;
	size_t peer_names, peer_names_max;

	sluice_channel *all, **all_tail; /* in order of creation, without those in `ending` */
	sluice_channel *ending, **ending_tail;
	sluice_channel *due, **due_tail;
	sluice_channel *replay, **replay_tail; /* closed channels whose `later` has to be handled */

	bool connected;                  /* channels may use their streams */
	bool told, ended;                /* on_connected was called for this association; the association is over */
	bool tell_connected, tell_ended; /* set callbacks that are due */
	bool end_asked;                  /* channels_end() was called */
	bool closing;                    /* we shut the association down: no channel is paused any more */
	int end_error;
	struct guard guard; /* entered while callbacks run */
	int ran;            /* callbacks run by this dispatch */
	struct channels_counters counters;
	void *owner;
	void (*wake)(void *ctx);
	void *wake_ctx;
};

/* Visit every channel: begin with channels_first(); NULL at the end. Those that the peer has not reset come first. */
static inline sluice_channel *channels_first(const sluice_channels *set) {
	return set->all ? set->all : set->ending;
}
static inline sluice_channel *channels_after(const sluice_channel *ch) {
	return ch->next ? ch->next : ch->reset_in ? NULL : ch->set->ending;
}

/* channels.c */
sluice_channel *channels_find(const sluice_channels *set, uint16_t id);
/* Makes a channel with the two names. It is in `all`, visible, CONNECTING, and has no id. */
sluice_channel *channels_add(sluice_channels *set, bool ours, const char *label, size_t label_len, const char *protocol,
                             size_t protocol_len);
/* Is there room for one more visible channel? */
bool channels_have_room(const sluice_channels *set);
/* Makes a silent channel for a stream that has to be reset; NULL when there are too many of them, or there is no memory. */
sluice_channel *channels_add_silent(sluice_channels *set, uint16_t id);
int channels_give_id(sluice_channels *set, sluice_channel *ch, uint16_t id); /* 0, SLUICE_NO_MEMORY */
int channels_choose_id(sluice_channels *set, sluice_channel *ch);            /* 0, SLUICE_LIMIT, SLUICE_NO_MEMORY */
void channels_hide(sluice_channels *set, sluice_channel *ch);                /* visible -> silent */
void channels_remove(sluice_channels *set, sluice_channel *ch);              /* out of table, list and due list; not freed */
void channels_reset_in(sluice_channels *set, sluice_channel *ch);            /* sets ->reset_in */
void channels_due(sluice_channels *set, sluice_channel *ch, unsigned what);
/* Removes and returns the next channel of the due list, with its enum due; NULL when there is none. */
sluice_channel *channels_take_due(sluice_channels *set, unsigned *what);

/* set.c */
/* Gives an id to channels that wait for the role, and starts those that wait for the association. */
void set_start_waiting(sluice_channels *set);

/* channel.c */
/* RFC 8841, 6.1: an endpoint must not send a message that is larger than the peer's max-message-size; the OPEN is one. */
bool channel_open_fits(const sluice_channel *ch);
/* Sends the OPEN (ours) or the ACK (the peer's). The channel has an id, and the association is established. */
int channel_start(sluice_channel *ch);
/* Asks for the reset of our direction, once. */
void channel_begin_reset(sluice_channel *ch);
/* Our direction cannot be reset: the channel closes without that. */
void channel_reset_failed(sluice_channel *ch, int error);
/* Closes the channel; on_closed will report the error. */
void channel_fail(sluice_channel *ch, int error);
/* The channel's association has ended. */
void channel_end(sluice_channel *ch, int error);
/* `count` messages that send accepted will not arrive. */
void channel_lost(sluice_channel *ch, uint64_t count);
/* May on_closed come? */
bool channel_is_done(const sluice_channel *ch);
void channel_finish_if_done(sluice_channel *ch);
void channel_free(sluice_channel *ch);

#endif
