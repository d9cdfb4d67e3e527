/* association: making and freeing one; the calls of the app. The protocol is in the files beside it. */
#include "sctp/association.h"

#include "sctp/config.h"

/* ---- making and freeing ---- */

static void init_nodes(sluice_sctp *a) {
	a->connected.type = SLUICE_SCTP_CONNECTED;
	a->ended.type = SLUICE_SCTP_ENDED;
	a->restarted.type = SLUICE_SCTP_PEER_RESTARTED;
	a->streams_added.type = SLUICE_SCTP_STREAMS_ADDED;
	a->renumbered.type = SLUICE_SCTP_RENUMBERED;
	a->reset_out_all = (struct event_node){.type = SLUICE_SCTP_RESET_OUT, .stream = SLUICE_SCTP_ALL_STREAMS};
	for (int t = 0; t < TIMER_COUNT; t++)
		timer_stop(a, t);
}

/* The app's release of a message made a SACK due. */
static void window_opened(void *association) {
	association_touch(association);
}

int sluice_sctp_new(sluice_env *env, const sluice_sctp_config *config, sluice_sctp **out) {
	sluice_sctp_config complete;
	int error = config_complete(&complete, config);
	if (error)
		return error;
	sluice_sctp *a = env_secret(env_zalloc(env, sizeof *a)); /* the cookies' key is in it */
	if (!a)
		return SLUICE_NO_MEMORY;
	if (receiver_init(&a->rx, env, &complete, &a->events, window_opened, a)) {
		env_free(env, a);
		return SLUICE_NO_MEMORY;
	}
	a->env = env;
	a->config = complete;
	env_entropy(env, a->secret, sizeof a->secret);
	env_entropy(env, &a->clock, sizeof a->clock);
	a->clock %= CONFIG_DURATION_MAX;
	a->now = a->clock;
	sender_init(&a->tx, env, &a->events, &a->config);
	sender_clock(&a->tx, a->now);
	init_nodes(a);
	*out = a;
	return 0;
}

void sluice_sctp_free(sluice_sctp *a) {
	if (!a)
		return;
	trace_free(a->trace);
	a->wake = NULL;
	end_drop_events(a);
	reconfig_clear(a); /* before the streams that wait in it */
	sender_free(&a->tx);
	receiver_free(&a->rx);
	replies_drop(a);
	env_free(a->env, a->echo);
	env_free(a->env, a);
}

/* ---- the app's calls ---- */

void sluice_sctp_refuse(sluice_sctp *a, bool refuse) {
	a->refuse = refuse;
}

void sluice_sctp_abort(sluice_sctp *a, const char *reason) {
	if (a->state == SLUICE_SCTP_CLOSED)
		return;
	/* A clean "abort without a reason" has a cause of zero length; RFC 9260, 3.3.10.12. */
	end_with_abort(a, SLUICE_CLOSED, WIRE_CAUSE_USER_ABORT, reason != NULL, "%s", reason ? reason : "aborted by the app");
}

static bool may_send(const sluice_sctp *a) {
	return association_in(a, IN(COOKIE_WAIT) | IN(COOKIE_ECHOED) | IN(ESTABLISHED)) && !a->shutdown_wanted;
}

/* A message is as old as the time that has passed since this call, and the last verb may have been long before it. */
static inline void date_sends(sluice_sctp *a) {
	if (a->owner_time && *a->owner_time > a->latest)
		sender_date(&a->tx, *a->owner_time + a->clock);
}

/* s: the stream, as sender_stream() has it. */
static inline int begin_send(sluice_sctp *a, const struct tx_stream *s, const sluice_send_info *info, size_t len) {
	if (!may_send(a))
		return SLUICE_CLOSED;
	/* Before the handshake told how many streams the peer takes, only our own wish limits. */
	uint16_t streams = a->state == SLUICE_SCTP_COOKIE_WAIT ? a->config.outbound_streams : a->outbound;
	if (info->stream >= streams || !outgoing_length_is_valid(len) || (unsigned)info->reliability > SLUICE_PRIORITY_DROP)
		return SLUICE_INVALID;
	date_sends(a);
	return a->reconfig.all != TX_RESET_NONE ? SLUICE_CLOSED : sender_stream_state(s);
}

int sluice_sctp_send(sluice_sctp *a, const sluice_send_info *info, const void *data, size_t len) {
	struct tx_stream *s = sender_stream(&a->tx, info->stream);
	int error = begin_send(a, s, info, len);
	if (!error)
		error = sender_send(&a->tx, s, info, data, (uint32_t)len);
	if (!error)
		association_touch(a);
	return error;
}

int sluice_sctp_send_many(sluice_sctp *a, const sluice_send_info *info, const struct iovec *messages, size_t count) {
	struct tx_stream *s = sender_stream(&a->tx, info->stream);
	int error = count ? begin_send(a, s, info, 1) : 0;
	if (error || !count)
		return error;
	size_t queued = sender_send_many(&a->tx, s, info, messages, count < INT32_MAX ? count : INT32_MAX, &error);
	if (!queued)
		return error;
	association_touch(a);
	return (int)queued;
}

int sluice_sctp_sendv(sluice_sctp *a, const sluice_send_info *info, const struct iovec *iov, size_t count,
                      sluice_release_fn release, void *ctx) {
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		if (__builtin_add_overflow(len, iov[i].iov_len, &len))
			return SLUICE_INVALID;
	int error = begin_send(a, sender_stream(&a->tx, info->stream), info, len);
	if (!error)
		error = sender_lend(&a->tx, info, iov, count, (uint32_t)len, release, ctx);
	if (!error)
		association_touch(a);
	return error;
}

int sluice_sctp_send_begin(sluice_sctp *a, const sluice_send_info *info) {
	int error = begin_send(a, sender_stream(&a->tx, info->stream), info, 1);
	if (error)
		return error;
	if (a->state == SLUICE_SCTP_COOKIE_WAIT)
		return SLUICE_WRONG_STATE;
	return sender_open(&a->tx, info);
}

int sluice_sctp_send_part(sluice_sctp *a, uint16_t stream, const void *data, size_t len) {
	if (!may_send(a))
		return SLUICE_CLOSED;
	if (!outgoing_length_is_valid(len))
		return SLUICE_INVALID;
	int error = sender_part(&a->tx, stream, data, (uint32_t)len);
	if (!error)
		association_touch(a);
	return error;
}

int sluice_sctp_send_end(sluice_sctp *a, uint16_t stream) {
	if (!may_send(a))
		return SLUICE_CLOSED;
	int error = sender_end(&a->tx, stream);
	if (!error)
		association_touch(a);
	return error;
}

int sluice_sctp_send_cancel(sluice_sctp *a, uint16_t stream) {
	int error = sender_cancel(&a->tx, stream);
	if (!error)
		association_touch(a);
	return error;
}

uint64_t sluice_sctp_buffered(const sluice_sctp *a, uint16_t stream) {
	return sender_buffered(&a->tx, stream);
}

uint64_t sluice_sctp_buffered_messages(const sluice_sctp *a, uint16_t stream) {
	return sender_buffered_messages(&a->tx, stream);
}

int sluice_sctp_set_buffered_low(sluice_sctp *a, uint16_t stream, uint64_t threshold) {
	return sender_set_buffered_low(&a->tx, stream, threshold);
}

int sluice_sctp_set_high_water(sluice_sctp *a, uint16_t stream, uint64_t bytes) {
	return sender_set_high_water(&a->tx, stream, bytes);
}

int sluice_sctp_set_priority(sluice_sctp *a, uint16_t stream, uint16_t priority, uint16_t weight) {
	return sender_set_priority(&a->tx, stream, priority, weight);
}

int sluice_sctp_set_partial_delivery(sluice_sctp *a, uint16_t stream, uint32_t bytes) {
	return receiver_set_partial(&a->rx, stream, bytes);
}

static void touch_if_due(sluice_sctp *a) {
	if (a->tx.due)
		association_touch(a);
}

void sluice_sctp_path_changed(sluice_sctp *a) {
	sender_path_changed(&a->tx);
	touch_if_due(a);
}

void association_search_mtu(sluice_sctp *a, uint32_t mtu_max) {
	a->tx.mtu_cautious = true;
	sluice_sctp_set_mtu_max(a, mtu_max);
}

uint64_t association_window(const sluice_sctp *a) {
	return a->rx.rwnd.size;
}

void sluice_sctp_set_receive_room(sluice_sctp *a, uint64_t bytes, uint64_t waited) {
	rwnd_set_room(&a->rx.rwnd, bytes, waited);
}

void sluice_sctp_set_mtu_max(sluice_sctp *a, uint32_t mtu_max) {
	a->config.mtu_max = mtu_max < SLUICE_SCTP_MTU_MAX ? mtu_max : SLUICE_SCTP_MTU_MAX;
	sluice_sctp_path_changed(a);
}

void sluice_sctp_mtu_hint(sluice_sctp *a, uint32_t size, bool sure) {
	sender_mtu_hint(&a->tx, size, sure);
	touch_if_due(a);
}

void sluice_sctp_set_wake(sluice_sctp *a, void (*wake)(void *ctx), void *ctx) {
	a->wake = wake;
	a->wake_ctx = ctx;
}

bool sluice_sctp_poll(sluice_sctp *a, sluice_sctp_event *event) {
	struct event_node *n = event_pop(&a->events);
	if (!n)
		return false;
	*event = (sluice_sctp_event){.type = n->type, .error = n->error, .stream = n->stream, .count = n->count};
	/* n may be gone behind this call: the event of a reset is all that there is left of a stream. */
	if ((event->message = receiver_take_event(&a->rx, n))) {
		event->stream = event->message->stream;
	} else if (event->type == SLUICE_SCTP_RESET_OUT) {
		outgoing_forget(&a->tx.out, event->stream); /* one that the peer's request alone has made */
	}
	return true;
}

uint32_t association_resets(const sluice_sctp *a) {
	return a->reconfig.wanted.count + a->reconfig.asked.count;
}

bool association_has_event(const sluice_sctp *a) {
	return a->events.head != NULL;
}

void association_empty_message(sluice_message *m) {
	rx_message_empty((struct rx_message *)m);
}

size_t sluice_sctp_poll_messages(sluice_sctp *a, uint16_t stream, uint32_t ppid, sluice_message **messages, size_t max) {
	size_t count = 0;
	for (struct event_node *n; count < max && (n = a->events.head) && n->type == SLUICE_SCTP_MESSAGE; count++) {
		sluice_message *m = &rx_message_of_event(n)->public;
		if (m->stream != stream || m->ppid != ppid)
			break;
		messages[count] = m;
		event_pop(&a->events);
	}
	return count;
}

/* ---- what it knows ---- */

enum sluice_sctp_state sluice_sctp_state(const sluice_sctp *a) {
	return a->state;
}

int sluice_sctp_error(const sluice_sctp *a, const char **text) {
	if (text)
		*text = a->error ? a->error_text : "";
	return a->error;
}

void sluice_sctp_stats_get(const sluice_sctp *a, sluice_sctp_stats *stats) {
	const struct association_counters *c = &a->stats;
	*stats = (sluice_sctp_stats){
		.packets_sent = c->packets_sent,
		.packets_received = c->packets_received,
		.bytes_sent = c->bytes_sent,
		.bytes_received = c->bytes_received,
		.packets_discarded = c->packets_discarded,
		.chunks_discarded = c->chunks_discarded,
		.heartbeats_sent = c->heartbeats_sent,
		.heartbeat_acks_received = c->heartbeat_acks_received,
		.restarts = c->restarts,
	};
	sender_stats(&a->tx, stats);
	receiver_stats_add(&a->rx, stats);
	stats->error_count = a->error_count;
	stats->outbound_streams = a->outbound;
}

uint64_t sluice_sctp_deadline(const sluice_sctp *a) {
	if (a->dirty)
		return 0;
	uint64_t deadline = sender_deadline(&a->tx), sack = receiver_deadline(&a->rx);
	for (int t = 0; t < TIMER_COUNT; t++)
		if (a->timers[t] < deadline)
			deadline = a->timers[t];
	if (sack < deadline)
		deadline = sack;
	if (deadline == 0 || deadline == SLUICE_NEVER)
		return deadline;
	return (deadline > a->now ? deadline : a->now) - a->clock;
}

uint16_t association_local_port(const sluice_sctp *a) {
	return a->config.local_port;
}

uint64_t association_max_message_size(const sluice_sctp *a) {
	return a->config.max_message_size;
}

void association_set_remote_port(sluice_sctp *a, uint16_t port) {
	a->config.remote_port = port;
}

void association_follow_time(sluice_sctp *a, const uint64_t *time) {
	a->owner_time = time;
}

void association_set_control(sluice_sctp *a, enum sluice_cc control) {
	a->config.congestion_control = control;
	sender_set_control(&a->tx, control);
}

void association_set_most_rate(sluice_sctp *a, uint64_t rate) {
	a->tx.most_rate = rate;
}

void association_walk(sluice_sctp *a, struct walk *w) {
	WALK(w, a->state), WALK(w, a->pending), WALK(w, a->now);
	WALK(w, a->refuse), WALK(w, a->shutdown_wanted), WALK(w, a->announced), WALK(w, a->heartbeat_unscheduled);
	WALK(w, a->local_tag), WALK(w, a->peer_tag), WALK(w, a->local_tsn), WALK(w, a->tie), WALK(w, a->peer_addresses);
	walk_bytes(w, a->secret, sizeof a->secret);
	WALK(w, a->outbound), WALK(w, a->can), WALK(w, a->rtt_asked);
	walk_bytes(w, a->timers, sizeof a->timers);
	WALK(w, a->t1_rto), WALK(w, a->t2_rto), WALK(w, a->error_count), WALK(w, a->heartbeat_nonce);
	WALK(w, a->chunks_seen);
	walk_bytes(w, &a->stats, sizeof a->stats);
	walk_refuse(w, (unsigned)a->state > SLUICE_SCTP_SHUTDOWN_ACK_SENT || a->state < SLUICE_SCTP_ESTABLISHED);
	if (!w->reading || w->failed)
		return;
	state_enter(a, a->state);
	sender_clock(&a->tx, a->now);
	state_use(a, a->can);
}

bool association_check(const sluice_sctp *a) {
	return sender_check(&a->tx) && receiver_check(&a->rx) &&
	       (a->state != SLUICE_SCTP_CLOSED || outstanding_count(&a->tx.sent) == 0);
}
