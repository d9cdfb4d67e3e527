/* dispatch: what does each event of the association mean for its channel, and which callback follows from it?
 *
 * Events are handled one at a time. A handler marks callbacks as due and does not call the app, with one exception: a message
 * goes straight to on_message or on_messages, so that messages need no queue. All due callbacks run before the next event is
 * taken, so they come in the order of the events.
 *
 * A callback may do anything, also free the set. So after each callback the guard is asked first, and nothing of a dead set is
 * touched. Channels are freed only here, after their on_closed: a handler keeps its channel as long as the set lives.
 *
 * A run of messages (on_messages) is taken from the association only while message follows message on one channel, so nothing is
 * taken that has to be handled later. */
#include "dcep/channels.h"

#include "base/list.h"
#include "sctp/sctp.h"
#include "sluice/error.h"

/* ---- to the app ---------------------------------------------------------------------------------------------------- */

static void count_received(sluice_channel *ch, const sluice_message *m) {
	ch->stats.messages_received += m->last && !m->error;
	ch->stats.bytes_received += m->len;
}

/* Returns false when the set is dead. */
static bool deliver(sluice_channel *ch, sluice_message *m) {
	sluice_channels *set = ch->set;
	if (dcep_ppid_is_empty(m->ppid))
		association_empty_message(m);
	count_received(ch, m);
	void (*callback)(sluice_channel *, sluice_message *, bool,
	                 void *) = ch->callbacks.on_message_part ? ch->callbacks.on_message_part : ch->callbacks.on_message;
	if (callback) {
		set->ran++;
		callback(ch, m, dcep_ppid_is_text(m->ppid), ch->user);
	}
	sluice_message_release(m);
	return !set->guard.dead;
}

/* ---- runs of messages ---------------------------------------------------------------------------------------------- */

static bool takes_runs(const sluice_channel *ch) {
	return ch->callbacks.on_messages && !ch->callbacks.on_message_part;
}

/* As deliver(), for messages of one PPID. */
static bool deliver_run(sluice_channel *ch, sluice_message *const *run, size_t count) {
	sluice_channels *set = ch->set;
	bool empty = dcep_ppid_is_empty(run[0]->ppid);
	for (size_t i = 0; i < count; i++) {
		if (empty)
			association_empty_message(run[i]);
		count_received(ch, run[i]);
	}
	set->ran++;
	ch->callbacks.on_messages(ch, run, count, dcep_ppid_is_text(run[0]->ppid), ch->user);
	for (size_t i = 0; i < count; i++)
		sluice_message_release(run[i]);
	return !set->guard.dead;
}

/* A part that came before the app wanted none is a run of its own. */
static bool is_whole(const sluice_message *m) {
	return m->first && m->last;
}

/* The message, and those that follow it in the association. Messages in `replay` were sent before these. */
static bool deliver_with_next(sluice_channel *ch, sluice_message *m) {
	sluice_channels *set = ch->set;
	sluice_message *run[SLUICE_RUN_MAX];
	size_t count = 1;
	run[0] = m;
	if (is_whole(m) && !set->replay)
		count += sluice_sctp_poll_messages(set->sctp, m->stream, m->ppid, run + 1, SLUICE_RUN_MAX - 1);
	return deliver_run(ch, run, count);
}

static bool deliver_held_run(sluice_channel *ch) {
	sluice_message *run[SLUICE_RUN_MAX], *next;
	size_t count = 0;
	do {
		run[count++] = held_pop(&ch->held, ch->set->env);
		next = held_first(&ch->held);
	} while (next && count < SLUICE_RUN_MAX && next->ppid == run[0]->ppid && is_whole(run[0]) && is_whole(next));
	return deliver_run(ch, run, count);
}

static bool deliver_held(sluice_channel *ch) {
	while (!ch->paused && ch->held.count) {
		if (!(takes_runs(ch) ? deliver_held_run(ch) : deliver(ch, held_pop(&ch->held, ch->set->env))))
			return false;
	}
	return true;
}

/* ---- messages of the peer ------------------------------------------------------------------------------------------ */

static void drop(sluice_channels *set, sluice_message *m) {
	set->counters.dropped++;
	sluice_message_release(m);
}

/* A reliable channel must not lose a message, so a channel without memory for one fails. */
static void hold(sluice_channel *ch, sluice_message *m) {
	if (held_push(&ch->held, ch->set->env, m))
		return;
	drop(ch->set, m);
	channel_fail(ch, SLUICE_NO_MEMORY);
}

/* The peer has reset the stream and sends on it again. So the peer knows that both directions are reset, and has begun a new
 * channel; the response that says so to us is still under way, or was lost. The message belongs to that new channel, and waits
 * until this one has ended. */
static void hold_for_later(sluice_channel *ch, sluice_message *m) {
	sluice_channels *set = ch->set;
	if (!ch->reset_failed && !ch->later_reset && !ch->later_lost) {
		if (held_push(&ch->later, set->env, m))
			return;
		held_clear(&ch->later, set->env);
		ch->later_lost = true;
	}
	drop(set, m);
}

static void user_message(sluice_channels *set, sluice_channel *ch, sluice_message *m) {
	/* RFC 8832, 6: "receiving a message containing user data on an unused stream indicates an error. In that case, the
	 * corresponding data channel MUST be closed". But the peer may have opened a negotiated channel that our app has not
	 * opened yet, and the two cases cannot be told apart. Closing would take the peer's channel away, so only the message is
	 * dropped. */
	if (!ch || ch->silent || !dcep_ppid_is_user(m->ppid)) {
		uint64_t *counter = !ch || ch->silent ? &set->counters.without_channel : &set->counters.unknown_ppid;
		++*counter;
		sluice_message_release(m);
		return;
	}
	ch->acked = true;
	if (ch->error)
		drop(set, m);
	else if (ch->paused)
		hold(ch, m);
	else if (takes_runs(ch))
		deliver_with_next(ch, m);
	else
		deliver(ch, m);
}

/* ---- establishment ------------------------------------------------------------------------------------------------- */

#define RESETS_MAX 4096

/* Resets a stream on which the app has no channel. The reset is also made when there is no room to remember it: then we do not
 * keep the id from being used too early, which harms only the peer that caused it. A peer that opens channels on all streams and
 * answers none of our requests does not get them all reset: each would hold a stream of ours. */
static void reset_unknown(sluice_channels *set, uint16_t id) {
	sluice_channel *ch = channels_add_silent(set, id);
	if (!ch) {
		if (association_resets(set->sctp) < RESETS_MAX)
			sluice_sctp_reset_stream(set->sctp, id);
		return;
	}
	channel_begin_reset(ch);
	if (ch->reset_failed) { /* we cannot send on this stream at all */
		channels_remove(set, ch);
		channel_free(ch);
	}
}

/* RFC 8832, 6: "If the DATA_CHANNEL_OPEN message doesn't satisfy the conditions above, the receiver MUST close the corresponding
 * data channel using the procedure described in [RFC8831] and MUST NOT send a DATA_CHANNEL_ACK message in response to the
 * received message. This might occur if, for example, a DATA_CHANNEL_OPEN message is received on an already used stream, there
 * are problems with parameters within the DATA_CHANNEL_OPEN message, the odd/even rule is violated, or the DATA_CHANNEL_OPEN
 * message itself is not well formed." Only that channel ends; the association goes on. */
static void refuse(sluice_channels *set, sluice_channel *ch, uint16_t id) {
	if (!ch)
		reset_unknown(set, id);
	else if (!ch->silent)
		channel_fail(ch, SLUICE_PROTOCOL);
}

static bool is_acceptable(const sluice_channels *set, uint16_t id, const struct dcep_open *open) {
	size_t names = (size_t)open->label_len + open->protocol_len;
	bool parity = set->role == SLUICE_ROLE_UNKNOWN || (id & 1) == (set->role == SLUICE_ROLE_CLIENT);
	return parity && id < UINT16_MAX && set->config.on_channel && channels_have_room(set) &&
	       names <= set->peer_names_max - set->peer_names;
}

/* Makes the channel that the peer opened, and sends the ACK. NULL: the stream has to be reset instead. */
static sluice_channel *accept_channel(sluice_channels *set, uint16_t id, const struct dcep_open *open) {
	sluice_channel *ch = channels_add(set, false, open->label, open->label_len, open->protocol, open->protocol_len);
	if (!ch)
		return NULL;
	ch->unordered = open->unordered;
	ch->reliability = open->reliability;
	ch->value = open->value;
	ch->priority = open->priority;
	ch->acked = true;
	if (channels_give_id(set, ch, id) == 0 && channel_start(ch) == 0)
		return ch;
	channels_remove(set, ch);
	channel_free(ch);
	return NULL;
}

static void open_message(sluice_channels *set, sluice_channel *ch, uint16_t id, const struct dcep_open *open) {
	sluice_channel *fresh = !ch && is_acceptable(set, id, open) ? accept_channel(set, id, open) : NULL;
	if (!fresh) {
		set->counters.refused++;
		refuse(set, ch, id);
		return;
	}
	/* The ACK is queued, so the app may send from here on. on_open follows. */
	fresh->state = SLUICE_CHANNEL_OPEN;
	set->ran++;
	set->config.on_channel(set, fresh, set->config.user);
}

static void ack_message(sluice_channels *set, sluice_channel *ch) {
	if (ch && !ch->silent && ch->ours && !ch->negotiated)
		ch->acked = true;
	else
		set->counters.without_channel++;
}

static void control_message(sluice_channels *set, sluice_channel *ch, sluice_message *m) {
	if (!m->first || !m->last) { /* longer than any message of DCEP */
		set->counters.malformed++;
		sluice_message_release(m);
		return;
	}
	const void *data = sluice_message_data(m);
	struct dcep_open open;
	int type = data ? dcep_read(data, m->len, &open) : SLUICE_NO_MEMORY;
	set->counters.dropped += type == SLUICE_NO_MEMORY;
	set->counters.malformed += type == SLUICE_MALFORMED || type == SLUICE_UNSUPPORTED;
	if (type == DCEP_OPEN)
		open_message(set, ch, m->stream, &open);
	else if (type == DCEP_ACK)
		ack_message(set, ch);
	else if (type != SLUICE_UNSUPPORTED) /* an unknown type of message is ignored */
		refuse(set, ch, m->stream);
	sluice_message_release(m);
}

/* Something came from the peer on the channel, so the peer knows the stream. */
static void known(sluice_channel *ch) {
	if (ch->doubtful)
		sluice_sctp_set_doubtful(ch->set->sctp, (uint16_t)ch->id, false);
	ch->doubtful = false;
}

static void on_message(sluice_channels *set, sluice_message *m) {
	sluice_channel *ch = channels_find(set, m->stream);
	if (ch && ch->doubtful)
		known(ch);
	if (ch && ch->reset_in)
		hold_for_later(ch, m);
	else if (m->ppid == DCEP_PPID_CONTROL)
		control_message(set, ch, m);
	else
		user_message(set, ch, m);
}

/* ---- resets -------------------------------------------------------------------------------------------------------- */

/* RFC 8831, 6.7: "When the peer sees that an incoming stream was reset, it also resets its corresponding outgoing stream." We do
 * so only once: a second reset would hit the next user of the stream. A stream without a channel is not reset either: the peer's
 * reset may answer one of ours that there was no room to remember, and two stacks that answer each other's answers never stop. */
static void on_reset_in(sluice_channels *set, uint16_t id) {
	sluice_channel *ch = channels_find(set, id);
	if (!ch)
		return;
	if (ch->reset_in) {
		ch->later_reset |= ch->later.count > 0;
		return;
	}
	channels_reset_in(set, ch);
	known(ch);
	/* RFC 8832, 6: "receiving an SCTP stream-reset request for a stream on which no DATA_CHANNEL_ACK message has been
	 * received indicates to the sender of the corresponding DATA_CHANNEL_OPEN message the failure of the data channel setup
	 * procedure." So the messages behind the OPEN are lost. */
	if (ch->ours && !ch->negotiated && !ch->acked) {
		ch->error = ch->error ? ch->error : SLUICE_REFUSED;
		channel_lost(ch, ch->stats.messages_sent);
	}
	ch->state = SLUICE_CHANNEL_CLOSING;
	channel_begin_reset(ch);
	channel_finish_if_done(ch);
}

/* The peer reset all streams at once, also those on which it never sent, for which the association has no event. */
static void on_all_reset_in(sluice_channels *set) {
	for (sluice_channel *ch = set->all, *next; ch; ch = next) {
		next = ch->next;
		if (ch->started)
			on_reset_in(set, (uint16_t)ch->id);
	}
}

static void on_reset_out(sluice_channels *set, uint16_t id, int error) {
	sluice_channel *ch = channels_find(set, id);
	if (!ch || !ch->started)
		return;
	/* The peer may have asked for this reset (RFC 6525, 5.2.3). Then it has closed the channel, so the channel closes here
	 * too. */
	if (error == 0) {
		ch->reset_asked = ch->reset_out = true;
		ch->state = SLUICE_CHANNEL_CLOSING;
	} else if (ch->reset_asked) {
		channel_reset_failed(ch, error);
	}
	channel_finish_if_done(ch);
}

/* ---- the association's life ---------------------------------------------------------------------------------------- */

/* Ends every channel, because nothing more will be acknowledged. */
static void end_channels(sluice_channels *set, int error) {
	for (sluice_channel *ch = channels_first(set); ch; ch = channels_after(ch))
		channel_end(ch, error);
	set->connected = set->told = false;
}

static void on_ended(sluice_channels *set, int error) {
	if (set->ended)
		return;
	set->ended = true;
	set->end_asked = false;
	set->end_error = error;
	end_channels(set, error);
	set->tell_ended = true;
}

static void on_connected(sluice_channels *set) {
	set->ended = set->closing = false;
	set->tell_connected = !set->told;
}

static void on_restarted(sluice_channels *set) {
	end_channels(set, SLUICE_RESTARTED);
	set->tell_connected = true;
}

/* ---- sending ------------------------------------------------------------------------------------------------------- */

static void on_writable(sluice_channels *set, uint16_t id) {
	sluice_channel *ch = channels_find(set, id);
	if (!ch || !ch->blocked)
		return;
	ch->blocked = false;
	channels_due(set, ch, DUE_WRITABLE);
}

/* The association counts our own messages too, so its amount may fall to the threshold although the app's amount was never above
 * it. The reverse cannot happen, because the app's amount is at most the association's. */
static void on_buffered_low(sluice_channels *set, uint16_t id) {
	sluice_channel *ch = channels_find(set, id);
	if (ch && ch->reset_failed)
		channel_finish_if_done(ch);
	if (!ch || !ch->above_low || sluice_channel_buffered_amount(ch) > ch->low)
		return;
	ch->above_low = false;
	channels_due(set, ch, DUE_LOW);
}

static void on_abandoned(sluice_channels *set, uint16_t id, uint32_t count) {
	sluice_channel *ch = channels_find(set, id);
	if (ch)
		channel_lost(ch, count);
}

/* ---- events -------------------------------------------------------------------------------------------------------- */

static void handle(sluice_channels *set, const sluice_sctp_event *e) {
	switch (e->type) {
	case SLUICE_SCTP_MESSAGE:
	case SLUICE_SCTP_MESSAGE_PART:
		on_message(set, e->message);
		break;
	case SLUICE_SCTP_CONNECTED:
		on_connected(set);
		break;
	case SLUICE_SCTP_ENDED:
		on_ended(set, e->error);
		break;
	case SLUICE_SCTP_PEER_RESTARTED:
		on_restarted(set);
		break;
	case SLUICE_SCTP_RESET_IN:
		if (e->stream == SLUICE_SCTP_ALL_STREAMS)
			on_all_reset_in(set);
		else
			on_reset_in(set, e->stream);
		break;
	case SLUICE_SCTP_RESET_OUT:
		on_reset_out(set, e->stream, e->error);
		break;
	case SLUICE_SCTP_WRITABLE:
		on_writable(set, e->stream);
		break;
	case SLUICE_SCTP_BUFFERED_LOW:
		on_buffered_low(set, e->stream);
		break;
	case SLUICE_SCTP_ABANDONED:
		on_abandoned(set, e->stream, e->count);
		break;
	case SLUICE_SCTP_MTU:
		if (set->config.on_mtu)
			set->config.on_mtu(set, e->count, set->config.user);
		break;
	case SLUICE_SCTP_STREAMS_ADDED:
	case SLUICE_SCTP_RENUMBERED:
		break;
	}
}

/* Makes an event of the next message in `later` of the first channel on the replay list, which has given back its id. When none
 * is left the channel is freed, and a reset that came after the messages is the event. Returns false when there is no event. */
static bool replay(sluice_channels *set, sluice_sctp_event *e) {
	sluice_channel *ch = set->replay;
	sluice_message *m = held_pop(&ch->later, set->env);
	if (m) {
		*e = (sluice_sctp_event){.type = SLUICE_SCTP_MESSAGE, .stream = m->stream, .message = m};
		return true;
	}
	QUEUE_SHIFT(set->replay, set->replay_tail, next_due);
	uint16_t id = (uint16_t)ch->id;
	bool reset = ch->later_reset;
	if (ch->later_lost && !channels_find(set, id))
		reset_unknown(set, id);
	channel_free(ch);
	*e = (sluice_sctp_event){.type = SLUICE_SCTP_RESET_IN, .stream = id};
	return reset;
}

static bool next_event(sluice_channels *set, sluice_sctp_event *e) {
	while (set->replay) {
		if (replay(set, e))
			return true;
	}
	if (sluice_sctp_poll(set->sctp, e))
		return true;
	*e = (sluice_sctp_event){.type = SLUICE_SCTP_ENDED, .error = set->end_error};
	return set->end_asked;
}

/* ---- callbacks ----------------------------------------------------------------------------------------------------- */

static bool call_back(sluice_channel *ch, void (*callback)(sluice_channel *ch, void *user)) {
	sluice_channels *set = ch->set;
	if (callback) {
		set->ran++;
		callback(ch, ch->user);
	}
	return !set->guard.dead;
}

static bool tell_open(sluice_channel *ch) {
	if (ch->state == SLUICE_CHANNEL_CONNECTING)
		ch->state = SLUICE_CHANNEL_OPEN;
	return ch->state != SLUICE_CHANNEL_OPEN || call_back(ch, ch->callbacks.on_open);
}

static bool tell_writable(sluice_channel *ch) {
	return ch->state != SLUICE_CHANNEL_OPEN || call_back(ch, ch->callbacks.on_writable);
}

static bool tell_low(sluice_channel *ch) {
	return ch->over || call_back(ch, ch->callbacks.on_buffered_low);
}

/* Frees the channel, or puts it on the replay list when messages came after the resets. */
static void bury(sluice_channels *set, sluice_channel *ch) {
	channels_remove(set, ch);
	if (!ch->later.count && !ch->later_lost) {
		channel_free(ch);
		return;
	}
	QUEUE_APPEND(set->replay_tail, ch, next_due);
}

static void tell_closed(sluice_channel *ch) {
	sluice_channels *set = ch->set;
	if (!channel_is_done(ch))
		return;
	if (!ch->silent) {
		ch->state = SLUICE_CHANNEL_CLOSED;
		if (ch->callbacks.on_closed) {
			set->ran++;
			ch->callbacks.on_closed(ch, ch->error, ch->stats.messages_lost, ch->user);
		}
		if (set->guard.dead)
			return;
	}
	/* "Streams are available for reuse after a reset has been performed" (RFC 8831, 6.7), and not before. */
	bool id_is_free = !ch->started || ch->over || (ch->reset_in && ch->reset_out);
	if (id_is_free)
		bury(set, ch);
	else if (!ch->silent)
		channels_hide(set, ch);
}

static void run_channel(sluice_channel *ch, unsigned due) {
	if ((due & DUE_OPEN) && !tell_open(ch))
		return;
	if ((due & DUE_DELIVER) && !deliver_held(ch))
		return;
	if ((due & DUE_WRITABLE) && !tell_writable(ch))
		return;
	if ((due & DUE_LOW) && !tell_low(ch))
		return;
	if (due & DUE_CLOSED)
		tell_closed(ch);
}

static bool run_set(sluice_channels *set) {
	if (set->tell_ended) {
		set->tell_ended = false;
		if (set->config.on_ended) {
			set->ran++;
			set->config.on_ended(set, set->end_error, set->config.user);
		}
		return true;
	}
	if (set->tell_connected) {
		set->tell_connected = false;
		set->connected = set->told = true;
		if (set->config.on_connected) {
			set->ran++;
			set->config.on_connected(set, set->config.user);
		}
		if (!set->guard.dead)
			set_start_waiting(set);
		return true;
	}
	return false;
}

/* We shut the association down. The shutdown waits for all data that the peer still has (RFC 9260, 9.2), which needs room in the
 * window. The app will not resume channels of a connection that it closed, so every pause ends. */
static void end_pauses_if_closing(sluice_channels *set) {
	enum sluice_sctp_state state = sluice_sctp_state(set->sctp);
	if (set->closing || (state != SLUICE_SCTP_SHUTDOWN_PENDING && state != SLUICE_SCTP_SHUTDOWN_SENT))
		return;
	set->closing = true;
	for (sluice_channel *ch = set->all; ch; ch = ch->next)
		if (ch->paused)
			sluice_channel_resume(ch);
}

static void run_due(sluice_channels *set) {
	while (!set->guard.dead) {
		unsigned due;
		sluice_channel *ch = channels_take_due(set, &due);
		if (ch)
			run_channel(ch, due);
		else if (!run_set(set))
			return;
	}
}

int sluice_channels_dispatch(sluice_channels *set) {
	if (guard_is_busy(&set->guard))
		return 0;
	guard_enter(&set->guard);
	set->ran = 0;
	sluice_sctp_event e;
	end_pauses_if_closing(set);
	run_due(set);
	while (!set->guard.dead && next_event(set, &e)) {
		handle(set, &e);
		run_due(set);
	}
	int ran = set->ran;
	if (guard_leave(&set->guard))
		env_free(set->env, set);
	return ran;
}
