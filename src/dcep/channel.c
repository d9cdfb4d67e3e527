/* channel: what does the app do with one channel: open, send, pause, close, ask?
 *
 * The app calls these functions, also from callbacks, so none of them calls the app. They mark callbacks as due, and dispatch.c
 * runs them. This file does not know in which order events come. */
#include "dcep/channels.h"

#include <string.h>

#include "sluice/error.h"

/* ---- the tally ----------------------------------------------------------------------------------------------------- */

/* A message of our own with more than one constant byte, lent to the association until it is released. */
struct lent {
	struct tally *tally;
	uint64_t counted;
	sluice_release_fn release; /* of the app, for an empty sendv */
	void *ctx;
	uint8_t bytes[];
};

static bool tally_make(sluice_channel *ch) {
	if (ch->tally)
		return true;
	struct tally *t = env_alloc(ch->set->env, sizeof(*t));
	if (!t)
		return false;
	*t = (struct tally){.env = ch->set->env, .refs = 1};
	ch->tally = t;
	return true;
}

static void tally_enter(struct tally *t, uint64_t bytes) {
	t->refs++;
	t->bytes += bytes;
}

static void tally_leave(struct tally *t, uint64_t bytes) {
	t->bytes -= bytes;
	if (--t->refs == 0)
		env_free(t->env, t);
}

static void release_byte(void *ctx) {
	tally_leave(ctx, 1);
}

static void release_lent(void *ctx) {
	struct lent *l = ctx;
	struct tally *t = l->tally;
	sluice_env *env = t->env;
	if (l->release)
		l->release(l->ctx);
	tally_leave(t, l->counted);
	env_free(env, l);
}

static struct lent *lent_new(sluice_channel *ch, size_t len) {
	if (!tally_make(ch))
		return NULL;
	struct lent *l = env_alloc(ch->set->env, sizeof(*l) + len);
	if (l)
		*l = (struct lent){.tally = ch->tally, .counted = len};
	return l;
}

static int lend(sluice_channel *ch, const sluice_send_info *info, struct lent *l, size_t len) {
	struct iovec iov = {l->bytes, len};
	int error = sluice_sctp_sendv(ch->set->sctp, info, &iov, 1, release_lent, l);
	if (error)
		env_free(ch->set->env, l);
	else
		tally_enter(ch->tally, l->counted);
	return error;
}

/* Lends one constant byte, which needs no memory of its own. */
static int lend_byte(sluice_channel *ch, const sluice_send_info *info, const uint8_t *byte) {
	if (!tally_make(ch))
		return SLUICE_NO_MEMORY;
	struct iovec iov = {(void *)byte, 1};
	int error = sluice_sctp_sendv(ch->set->sctp, info, &iov, 1, release_byte, ch->tally);
	if (!error)
		tally_enter(ch->tally, 1);
	return error;
}

/* ---- establishment ------------------------------------------------------------------------------------------------- */

/* RFC 8832, 6: "All Data Channel Establishment Protocol messages MUST be sent using ordered delivery and reliable
 * transmission." */
static sluice_send_info control_info(const sluice_channel *ch) {
	return (sluice_send_info){.stream = (uint16_t)ch->id, .ppid = DCEP_PPID_CONTROL};
}

/* An OPEN of this size fits one chunk at the smallest MTU. A larger one may be acknowledged in pieces, and its release shows only
 * the last of them. It is then counted as if it were the app's, so that the app is not given too small an amount. */
#define COUNTED_OPEN_MAX 256

bool channel_open_fits(const sluice_channel *ch) {
	size_t size = DCEP_OPEN_HEADER + (size_t)ch->label_len + ch->protocol_len;
	return !ch->ours || ch->negotiated || size <= ch->set->max_message_size;
}

static int send_open(sluice_channel *ch) {
	struct dcep_open open = {
		.unordered = ch->unordered,
		.reliability = ch->reliability,
		.value = ch->value,
		.priority = ch->priority,
		.label_len = ch->label_len,
		.protocol_len = ch->protocol_len,
		.label = ch->names,
		.protocol = ch->names + ch->label_len + 1,
	};
	size_t size = dcep_open_size(&open);
	struct lent *l = lent_new(ch, size);
	if (!l)
		return SLUICE_NO_MEMORY;
	l->counted = size <= COUNTED_OPEN_MAX ? size : 0;
	struct writer w = writer_of(l->bytes, size);
	dcep_open_write(&w, &open);
	sluice_send_info info = control_info(ch);
	return lend(ch, &info, l, size);
}

static int send_ack(sluice_channel *ch) {
	sluice_send_info info = control_info(ch);
	return lend_byte(ch, &info, dcep_ack);
}

static bool stream_exists(const sluice_channel *ch) {
	sluice_sctp_stats stats;
	sluice_sctp_stats_get(ch->set->sctp, &stats);
	return ch->id < stats.outbound_streams;
}

/* The least size of a part: as long as a GSO batch, so that the cost of a part does not matter. */
#define PART_SIZE 65536

static int want_parts(sluice_channel *ch) {
	bool wanted = ch->callbacks.on_message_part != NULL;
	if (wanted == ch->in_parts)
		return 0;
	int error = sluice_sctp_set_partial_delivery(ch->set->sctp, (uint16_t)ch->id, wanted ? PART_SIZE : 0);
	if (!error)
		ch->in_parts = wanted;
	return error;
}

int channel_start(sluice_channel *ch) {
	sluice_sctp *sctp = ch->set->sctp;
	uint16_t stream = (uint16_t)ch->id;
	if (!stream_exists(ch))
		return SLUICE_LIMIT;
	/* All of them are set each time, because the stream may still have those of the channel that had the id before. RFC 8831,
	 * 6.4: a channel's priority is its weight in the weighted fair scheduler of RFC 8260. */
	int error = sluice_sctp_set_high_water(sctp, stream, ch->high_water);
	if (!error)
		error = sluice_sctp_set_priority(sctp, stream, ch->priority, ch->priority);
	if (!error)
		error = sluice_sctp_set_buffered_low(sctp, stream, ch->low);
	ch->doubtful = ch->ours;
	if (!error)
		error = sluice_sctp_set_doubtful(sctp, stream, ch->doubtful);
	if (!error)
		error = want_parts(ch);
	if (!error && !ch->negotiated)
		error = ch->ours ? send_open(ch) : send_ack(ch);
	if (error)
		return error;
	ch->started = true;
	channels_due(ch->set, ch, DUE_OPEN);
	return 0;
}

static int check_config(const sluice_channel_config *c, size_t label_len, size_t protocol_len) {
	bool id_fits = c->negotiated ? c->id >= 0 && c->id < UINT16_MAX : c->id == 0 || c->id == -1;
	bool kind_fits = (unsigned)c->reliability <= SLUICE_LIFETIME;
	return id_fits && kind_fits && label_len <= UINT16_MAX && protocol_len <= UINT16_MAX ? 0 : SLUICE_INVALID;
}

static void configure(sluice_channel *ch, const sluice_channel_config *c) {
	ch->negotiated = ch->acked = c->negotiated;
	ch->unordered = c->unordered;
	ch->reliability = c->reliability;
	ch->value = c->reliability == SLUICE_RELIABLE ? 0 : c->reliability_value;
	ch->priority = c->priority ? c->priority : SLUICE_PRIORITY_NORMAL;
	ch->high_water = c->high_water;
	ch->low = c->buffered_low;
	ch->callbacks = c->callbacks;
	ch->user = c->user;
}

/* Begins as much as is possible now: the id needs the role, the stream needs an established association. */
static int begin(sluice_channels *set, sluice_channel *ch, const sluice_channel_config *c) {
	int error = channel_open_fits(ch) ? 0 : SLUICE_TOO_LARGE;
	if (error)
		return error;
	if (c->negotiated)
		error = channels_give_id(set, ch, (uint16_t)c->id);
	else if (set->role != SLUICE_ROLE_UNKNOWN)
		error = channels_choose_id(set, ch);
	if (!error && ch->id >= 0 && set->connected)
		error = channel_start(ch);
	return error;
}

int sluice_channel_open(sluice_channels *set, const sluice_channel_config *config, sluice_channel **out) {
	const char *label = config->label ? config->label : "", *protocol = config->protocol ? config->protocol : "";
	size_t label_len = strlen(label), protocol_len = strlen(protocol);
	int error = check_config(config, label_len, protocol_len);
	if (error)
		return error;
	if (set->ended || set->end_asked)
		return SLUICE_CLOSED;
	if (config->negotiated && channels_find(set, (uint16_t)config->id))
		return SLUICE_EXISTS;
	if (!channels_have_room(set))
		return SLUICE_LIMIT;
	sluice_channel *ch = channels_add(set, true, label, label_len, protocol, protocol_len);
	if (!ch)
		return SLUICE_NO_MEMORY;
	configure(ch, config);
	error = begin(set, ch, config);
	if (error) {
		channels_remove(set, ch);
		channel_free(ch);
		return error;
	}
	if (out)
		*out = ch;
	return 0;
}

/* ---- sending ------------------------------------------------------------------------------------------------------- */

static int may_send(const sluice_channel *ch, size_t len) {
	if (ch->state != SLUICE_CHANNEL_OPEN)
		return ch->state == SLUICE_CHANNEL_CONNECTING ? SLUICE_WRONG_STATE : SLUICE_CLOSED;
	return len > ch->set->max_message_size ? SLUICE_TOO_LARGE : 0;
}

/* RFC 8832, 6: "before the DATA_CHANNEL_ACK message or any other message has been received on a data channel, all other messages
 * containing user data and belonging to this data channel MUST be sent ordered, no matter whether the data channel is ordered or
 * not." Else they could overtake the OPEN. */
static sluice_send_info user_info(const sluice_channel *ch, uint32_t ppid) {
	return (sluice_send_info){
		.stream = (uint16_t)ch->id,
		.unordered = ch->unordered && ch->acked,
		.reliability = ch->reliability,
		.value = ch->value,
		.ppid = ppid,
	};
}

/* The arguments of one send, so that it can be tried twice. */
struct parcel {
	sluice_send_info info;
	const void *data; /* to be copied; NULL: the slices below are lent */
	const struct iovec *iov;
	size_t len, count;
	sluice_release_fn release;
	void *ctx;
};

static int send_empty(sluice_channel *ch, const struct parcel *p) {
	static const uint8_t zero;
	if (!p->release)
		return lend_byte(ch, &p->info, &zero);
	struct lent *l = lent_new(ch, 1);
	if (!l)
		return SLUICE_NO_MEMORY;
	l->release = p->release;
	l->ctx = p->ctx;
	l->bytes[0] = 0;
	return lend(ch, &p->info, l, 1);
}

static int submit(sluice_channel *ch, const struct parcel *p) {
	if (p->len == 0)
		return send_empty(ch, p);
	if (p->data)
		return sluice_sctp_send(ch->set->sctp, &p->info, p->data, p->len);
	return sluice_sctp_sendv(ch->set->sctp, &p->info, p->iov, p->count, p->release, p->ctx);
}

/* A message on an empty channel is always taken. But our own OPEN may be on the stream, and then the association says that it
 * would block. */
static int submit_on_empty(sluice_channel *ch, const struct parcel *p) {
	sluice_sctp_set_high_water(ch->set->sctp, p->info.stream, UINT64_MAX);
	int error = submit(ch, p);
	sluice_sctp_set_high_water(ch->set->sctp, p->info.stream, ch->high_water);
	return error;
}

static int send_parcel(sluice_channel *ch, const struct parcel *p) {
	int error = submit(ch, p);
	if (error == SLUICE_WOULD_BLOCK && sluice_channel_buffered_amount(ch) == 0)
		error = submit_on_empty(ch, p);
	if (error) {
		ch->blocked |= error == SLUICE_WOULD_BLOCK;
		return error;
	}
	ch->stats.messages_sent++;
	ch->stats.bytes_sent += p->len;
	if (!ch->above_low)
		ch->above_low = sluice_channel_buffered_amount(ch) > ch->low;
	return 0;
}

static uint32_t user_ppid(bool text, size_t len) {
	if (text)
		return len ? DCEP_PPID_STRING : DCEP_PPID_STRING_EMPTY;
	return len ? DCEP_PPID_BINARY : DCEP_PPID_BINARY_EMPTY;
}

static int send_copy(sluice_channel *ch, bool text, const void *data, size_t len) {
	int error = may_send(ch, len);
	if (error)
		return error;
	struct parcel p = {.info = user_info(ch, user_ppid(text, len)), .data = data, .len = len};
	return send_parcel(ch, &p);
}

int sluice_channel_send(sluice_channel *ch, const void *data, size_t len) {
	return send_copy(ch, false, data, len);
}

int sluice_channel_send_text(sluice_channel *ch, const char *text, size_t len) {
	return send_copy(ch, true, text, len);
}

int sluice_channel_sendv(sluice_channel *ch, bool text, const struct iovec *iov, size_t count, sluice_release_fn release,
                         void *ctx) {
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		if (__builtin_add_overflow(len, iov[i].iov_len, &len))
			return SLUICE_INVALID;
	int error = may_send(ch, len);
	if (error)
		return error;
	struct parcel p = {
		.info = user_info(ch, user_ppid(text, len)),
		.iov = iov,
		.count = count,
		.len = len,
		.release = release,
		.ctx = ctx,
	};
	return send_parcel(ch, &p);
}

/* ---- many at once --------------------------------------------------------------------------------------------------- */

/* Messages that are looked at before the first of them is queued: few, as the channel may have room for none. */
#define RUN_MAX 256

/* How many messages may the association have as they are? An empty one has a form of its own, and one that is too large has
 * none. */
static size_t plain_run(const sluice_channel *ch, const struct iovec *messages, size_t count) {
	size_t n = 0;
	while (n < count && n < RUN_MAX && messages[n].iov_len - 1 < ch->set->max_message_size)
		n++;
	return n;
}

/* Returns how many were queued, and not why the next one was not. */
static size_t send_run(sluice_channel *ch, bool text, const struct iovec *messages, size_t count) {
	if (count == 0 || may_send(ch, 0))
		return 0;
	sluice_send_info info = user_info(ch, user_ppid(text, 1));
	int n = sluice_sctp_send_many(ch->set->sctp, &info, messages, count);
	if (n <= 0)
		return 0;
	ch->stats.messages_sent += (uint64_t)n;
	for (int i = 0; i < n; i++)
		ch->stats.bytes_sent += messages[i].iov_len;
	if (!ch->above_low)
		ch->above_low = sluice_channel_buffered_amount(ch) > ch->low;
	return (size_t)n;
}

/* The message at which a run ends is sent by itself: it is empty, or it fails, and send_copy() knows what follows from that, or
 * the run was as long as runs are. */
int sluice_channel_send_many(sluice_channel *ch, bool text, const struct iovec *messages, size_t count) {
	size_t most = count < INT32_MAX ? count : INT32_MAX, queued = 0;
	for (; queued < most; queued++) {
		queued += send_run(ch, text, messages + queued, plain_run(ch, messages + queued, most - queued));
		if (queued == most)
			break;
		int error = send_copy(ch, text, messages[queued].iov_base, messages[queued].iov_len);
		if (error)
			return queued ? (int)queued : error;
	}
	return (int)queued;
}

/* ---- piece by piece ------------------------------------------------------------------------------------------------- */

int sluice_channel_send_begin(sluice_channel *ch, bool text) {
	int error = may_send(ch, 0);
	if (error)
		return error;
	sluice_send_info info = user_info(ch, user_ppid(text, 1));
	error = sluice_sctp_send_begin(ch->set->sctp, &info);
	if (error)
		return error;
	ch->piece_text = text;
	ch->pieces = 0;
	return 0;
}

int sluice_channel_send_part(sluice_channel *ch, const void *data, size_t len) {
	int error = may_send(ch, 0);
	uint64_t most = ch->set->max_message_size;
	if (!error && (ch->pieces > most || len > most - ch->pieces)) /* a later description may have lowered the limit */
		error = SLUICE_TOO_LARGE;
	if (!error && len > 0)
		error = sluice_sctp_send_part(ch->set->sctp, (uint16_t)ch->id, data, len);
	ch->blocked |= error == SLUICE_WOULD_BLOCK;
	if (error)
		return error;
	ch->pieces += len;
	ch->stats.bytes_sent += len;
	if (!ch->above_low)
		ch->above_low = sluice_channel_buffered_amount(ch) > ch->low;
	return 0;
}

/* Nothing of it was sent. An empty message has a form of its own, and is refused while another one is open. When it cannot go
 * now, the message is opened again, so that its end can be tried again. */
static int end_empty(sluice_channel *ch) {
	int error = sluice_sctp_send_cancel(ch->set->sctp, (uint16_t)ch->id);
	if (error)
		return error;
	error = send_copy(ch, ch->piece_text, "", 0);
	if (error)
		(void)sluice_channel_send_begin(ch, ch->piece_text);
	return error;
}

int sluice_channel_send_end(sluice_channel *ch) {
	int error = may_send(ch, 0);
	if (error)
		return error;
	if (ch->pieces == 0)
		return end_empty(ch);
	error = sluice_sctp_send_end(ch->set->sctp, (uint16_t)ch->id);
	ch->stats.messages_sent += error == 0;
	return error;
}

int sluice_channel_send_cancel(sluice_channel *ch) {
	int error = may_send(ch, 0);
	return error ? error : sluice_sctp_send_cancel(ch->set->sctp, (uint16_t)ch->id);
}

/* ---- pausing ------------------------------------------------------------------------------------------------------- */

void sluice_channel_pause(sluice_channel *ch) {
	ch->paused = !ch->set->closing;
}

void sluice_channel_resume(sluice_channel *ch) {
	ch->paused = false;
	if (ch->held.count)
		channels_due(ch->set, ch, DUE_DELIVER);
	channel_finish_if_done(ch);
}

/* ---- closing ------------------------------------------------------------------------------------------------------- */

/* A paused channel that the peer closed waits until the app has taken the held messages. When the association ends, they are
 * delivered without waiting. */
bool channel_is_done(const sluice_channel *ch) {
	if (ch->state < SLUICE_CHANNEL_CLOSING)
		return false;
	if (ch->paused && ch->held.count && !ch->over)
		return false;
	if (ch->reset_failed && sluice_sctp_buffered_messages(ch->set->sctp, (uint16_t)ch->id) == 0)
		return true;
	return !ch->started || ch->over || (ch->reset_in && ch->reset_out);
}

void channel_finish_if_done(sluice_channel *ch) {
	if (channel_is_done(ch) && ch->state != SLUICE_CHANNEL_CLOSED)
		channels_due(ch->set, ch, DUE_CLOSED);
}

static void set_error(sluice_channel *ch, int error) {
	if (!ch->error)
		ch->error = error;
}

/* The peer does not learn of the close. What send accepted is still delivered, and on_closed comes after that. */
void channel_reset_failed(sluice_channel *ch, int error) {
	ch->reset_failed = true;
	set_error(ch, error);
	held_clear(&ch->later, ch->set->env);
	sluice_sctp_set_buffered_low(ch->set->sctp, (uint16_t)ch->id, 0);
	channel_finish_if_done(ch);
}

void channel_begin_reset(sluice_channel *ch) {
	if (ch->reset_asked)
		return;
	ch->reset_asked = true;
	/* RFC 6525, 5.2.1 wants an established association. One that shuts down resets nothing any more, and its end will close
	 * the channel. */
	int error = sluice_sctp_reset_stream(ch->set->sctp, (uint16_t)ch->id);
	if (error && error != SLUICE_WRONG_STATE && error != SLUICE_CLOSED)
		channel_reset_failed(ch, error);
}

/* No more sends are accepted. The association delivers what was accepted, and then resets the stream. */
static void close_now(sluice_channel *ch) {
	ch->state = SLUICE_CHANNEL_CLOSING;
	if (ch->started)
		channel_begin_reset(ch);
	channel_finish_if_done(ch);
}

void channel_fail(sluice_channel *ch, int error) {
	set_error(ch, error);
	if (ch->state < SLUICE_CHANNEL_CLOSING)
		close_now(ch);
}

/* Closing ends a pause, because an app that closes wants on_closed and will not call resume. */
void sluice_channel_close(sluice_channel *ch) {
	if (ch->paused)
		sluice_channel_resume(ch);
	if (ch->state < SLUICE_CHANNEL_CLOSING)
		close_now(ch);
}

void channel_lost(sluice_channel *ch, uint64_t count) {
	sluice_channel_stats *s = &ch->stats;
	s->messages_lost += count;
	if (s->messages_lost > s->messages_sent)
		s->messages_lost = s->messages_sent;
}

void channel_end(sluice_channel *ch, int error) {
	/* What the association dropped at its end, or still holds when the layer below it has ended. Our own OPEN or ACK may be
	 * among that, so the number may be one too high, but not higher than the number of messages sent. */
	if (ch->started && !ch->over)
		channel_lost(ch, sluice_sctp_buffered_messages(ch->set->sctp, (uint16_t)ch->id));
	set_error(ch, error);
	ch->over = true;
	ch->paused = false;
	ch->state = SLUICE_CHANNEL_CLOSING;
	held_clear(&ch->later, ch->set->env);
	channels_due(ch->set, ch, DUE_DELIVER | DUE_CLOSED);
}

void channel_free(sluice_channel *ch) {
	sluice_env *env = ch->set->env;
	held_clear(&ch->held, env);
	held_clear(&ch->later, env);
	if (ch->tally)
		tally_leave(ch->tally, 0);
	env_free(env, ch);
}

/* ---- what it knows ------------------------------------------------------------------------------------------------- */

uint64_t sluice_channel_buffered_amount(const sluice_channel *ch) {
	if (!ch->started || ch->over)
		return 0;
	uint64_t all = sluice_sctp_buffered(ch->set->sctp, (uint16_t)ch->id), own = ch->tally ? ch->tally->bytes : 0;
	return all > own ? all - own : 0;
}

void sluice_channel_set_buffered_low(sluice_channel *ch, uint64_t threshold) {
	ch->low = threshold;
	if (!ch->started || ch->over)
		return;
	ch->above_low = sluice_channel_buffered_amount(ch) > threshold;
	sluice_sctp_set_buffered_low(ch->set->sctp, (uint16_t)ch->id, threshold);
}

void sluice_channel_set_high_water(sluice_channel *ch, uint64_t bytes) {
	ch->high_water = bytes;
	if (ch->started && !ch->over)
		sluice_sctp_set_high_water(ch->set->sctp, (uint16_t)ch->id, bytes);
}

void sluice_channel_set_callbacks(sluice_channel *ch, const sluice_channel_callbacks *callbacks, void *user) {
	ch->callbacks = callbacks ? *callbacks : (sluice_channel_callbacks){0};
	ch->user = user;
	if (ch->started && !ch->over && !ch->reset_in)
		want_parts(ch); /* if there is no memory for this, messages come whole */
}

void *sluice_channel_user(const sluice_channel *ch) {
	return ch->user;
}

sluice_channels *sluice_channel_set_of(const sluice_channel *ch) {
	return ch->set;
}

const char *sluice_channel_state_name(enum sluice_channel_state state) {
	static const char *const names[] = {"connecting", "open", "closing", "closed"};
	return (size_t)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

enum sluice_channel_state sluice_channel_state(const sluice_channel *ch) {
	return (enum sluice_channel_state)ch->state;
}

int32_t sluice_channel_id(const sluice_channel *ch) {
	return ch->id;
}

const char *sluice_channel_label(const sluice_channel *ch, size_t *len) {
	if (len)
		*len = ch->label_len;
	return ch->names;
}

const char *sluice_channel_protocol(const sluice_channel *ch, size_t *len) {
	if (len)
		*len = ch->protocol_len;
	return ch->names + ch->label_len + 1;
}

bool sluice_channel_is_unordered(const sluice_channel *ch) {
	return ch->unordered;
}

bool sluice_channel_is_negotiated(const sluice_channel *ch) {
	return ch->negotiated;
}

enum sluice_reliability sluice_channel_reliability(const sluice_channel *ch, uint32_t *value) {
	if (value)
		*value = ch->value;
	return ch->reliability;
}

uint16_t sluice_channel_priority(const sluice_channel *ch) {
	return ch->priority;
}

int sluice_channel_set_priority(sluice_channel *ch, uint16_t priority) {
	ch->priority = priority ? priority : SLUICE_PRIORITY_NORMAL;
	if (!ch->started || ch->over)
		return 0;
	return sluice_sctp_set_priority(ch->set->sctp, (uint16_t)ch->id, ch->priority, ch->priority);
}

uint64_t sluice_channel_max_message_size(const sluice_channel *ch) {
	return ch->set->max_message_size;
}

void sluice_channel_stats_get(const sluice_channel *ch, sluice_channel_stats *stats) {
	*stats = ch->stats;
	stats->buffered = sluice_channel_buffered_amount(ch);
}
