/* channels: the structs that the files of the channel layer share, and their calls.
 *
 * A stream id is in use from the moment a channel gets it until both directions were reset (RFC 8831, 6.7). Channels that
 * the app never saw (a refused OPEN) or sees no more (its reset was denied) stay in the table as `silent` ones for that
 * long, so that the one rule serves all of them.
 *
 * The layer knows the association by its public header only. */
#ifndef DCEP_CHANNELS_H
#define DCEP_CHANNELS_H

#include "base/guard.h"
#include "dcep/codec.h"
#include "dcep/dcep.h"
#include "dcep/held.h"
#include "sluice/channel.h"

/* What on a stream is not the app's: DCEP messages, and the one byte that stands for an empty message. The association
 * counts it as buffered, the app's buffered amount must not. Its messages are borrowed with a release callback, so the
 * moment at which each one leaves is known exactly; as that may be after the channel or the set was freed, the tally is
 * an object of its own.
 *
 *   refs == the channel's + one for each message not yet released
 *   bytes == their bytes */
struct tally {
	sluice_env *env;
	uint32_t refs;
	uint64_t bytes;
};

/* What a channel has to do at the next dispatch; the order of the bits is the order of doing. */
enum due {
	DUE_OPEN = 1,    /* on_open */
	DUE_DELIVER = 2, /* on_message for what was held */
	DUE_WRITABLE = 4,
	DUE_LOW = 8,
	DUE_CLOSED = 16, /* on_closed, and the end of it */
};

/* Hot fields first: a received message touches the first cache lines up to `callbacks`. */
struct sluice_channel {
	sluice_channels *set;
	sluice_channel *next_in_bucket;
	int32_t id;    /* -1: none yet */
	uint8_t state; /* enum sluice_channel_state */
	uint8_t due;   /* enum due */
	bool silent;   /* the app does not know it (any more) */
	bool paused, blocked, above_low;
	bool in_parts; /* the stream was told to deliver messages in parts */
	bool acked;    /* RFC 8832, 6: the peer has spoken on it (or it is negotiated), so messages may go unordered */
	bool doubtful; /* nothing has come from the peer on it, who may not know the stream */
	bool unordered;
	enum sluice_reliability reliability;
	uint32_t value;
	sluice_channel_callbacks callbacks;
	void *user;
	struct tally *tally;        /* NULL until it is needed */
	sluice_channel_stats stats; /* `buffered` is computed */

	bool ours, negotiated;
	bool started; /* the stream is in use: the OPEN was sent or answered, or it is negotiated and connected */
	bool over;    /* the association ended or restarted under it */
	bool reset_asked, reset_out, reset_failed; /* our direction */
	bool reset_in;                             /* the peer's */
	bool later_reset;                          /* the peer has reset the stream once more, behind what `later` holds */
	bool later_lost;                           /* something of `later` was lost for want of memory: refuse it whole */
	int error;                                 /* of on_closed; the first one counts */
	struct held held;                          /* while paused */
	struct held later; /* after reset_in: messages of the stream's next life, until this one has ended */

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
 *   a channel is in `ending` exactly when ->reset_in: a reset of all streams costs what it changes
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

	sluice_channel *all, **all_tail; /* in order of creation; without those that stand in: */
	sluice_channel *ending, **ending_tail;
	sluice_channel *due, **due_tail;
	sluice_channel *replay, **replay_tail; /* closed ones whose `later` waits to be played */

	bool connected;                  /* channels may use their streams */
	bool told, ended;                /* on_connected was called for this association; it is over */
	bool tell_connected, tell_ended; /* set callbacks that are due */
	bool end_asked;                  /* channels_end */
	bool closing;                    /* we shut the association down: no channel is paused any more */
	int end_error;
	struct guard guard; /* entered while callbacks run */
	int ran;            /* callbacks run by this dispatch */
	struct channels_counters counters;
	void *owner;
	void (*wake)(void *ctx);
	void *wake_ctx;
};

/* Every channel, those that the peer has not reset first: begin with channels_first(); NULL at the end. */
static inline sluice_channel *channels_first(const sluice_channels *set) {
	return set->all ? set->all : set->ending;
}
static inline sluice_channel *channels_after(const sluice_channel *ch) {
	return ch->next ? ch->next : ch->reset_in ? NULL : ch->set->ending;
}

/* channels.c */
sluice_channel *channels_find(const sluice_channels *set, uint16_t id);
/* A channel with room for the two names, in `all`, visible, CONNECTING, without an id. */
sluice_channel *channels_add(sluice_channels *set, bool ours, const char *label, size_t label_len, const char *protocol,
                             size_t protocol_len);
bool channels_have_room(const sluice_channels *set); /* for one more visible channel */
/* A silent one, for a stream that has to be reset; NULL when there are too many of them or there is no memory. */
sluice_channel *channels_add_silent(sluice_channels *set, uint16_t id);
int channels_give_id(sluice_channels *set, sluice_channel *ch, uint16_t id); /* 0, SLUICE_NO_MEMORY */
int channels_choose_id(sluice_channels *set, sluice_channel *ch);            /* 0, SLUICE_LIMIT, SLUICE_NO_MEMORY */
void channels_hide(sluice_channels *set, sluice_channel *ch);                /* visible -> silent */
void channels_remove(sluice_channels *set, sluice_channel *ch);              /* out of table, list and due list; not freed */
void channels_reset_in(sluice_channels *set, sluice_channel *ch);            /* sets ->reset_in */
void channels_due(sluice_channels *set, sluice_channel *ch, unsigned what);
sluice_channel *channels_take_due(sluice_channels *set, unsigned *what); /* the next one and its enum due; NULL: none */

/* set.c */
/* Channels that wait for the role get an id; those that wait for the association begin. */
void set_start_waiting(sluice_channels *set);

/* channel.c */
/* RFC 8841, 6.1: an endpoint must not send a message that is larger than the peer's max-message-size; the OPEN is one. */
bool channel_open_fits(const sluice_channel *ch);
int channel_start(sluice_channel *ch);        /* has an id, the association is up: sends OPEN (ours) or ACK (the peer's) */
void channel_begin_reset(sluice_channel *ch); /* of our direction; once */
void channel_reset_failed(sluice_channel *ch, int error); /* it cannot be: the channel closes without it */
void channel_fail(sluice_channel *ch, int error);         /* closes; on_closed will say why */
void channel_end(sluice_channel *ch, int error);          /* its association has ended */
void channel_lost(sluice_channel *ch, uint64_t count);    /* messages that send accepted will not arrive */
bool channel_is_done(const sluice_channel *ch);           /* nothing stands between it and on_closed */
void channel_finish_if_done(sluice_channel *ch);
void channel_free(sluice_channel *ch);

#endif
