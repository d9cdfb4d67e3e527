/* association: making, freeing and ending one; the calls of the app. The protocol is in the files beside it. */
#include "sctp/association.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- configuration ---- */

void sluice_sctp_config_init(sluice_sctp_config *config) {
	*config = (sluice_sctp_config){.size = sizeof *config};
}

/* More than two years; what is added to a clock must not run over. */
#define DURATION_MAX (UINT64_C(1) << 56)

#define DEFAULT(field, value)                                                                                                    \
	do {                                                                                                                     \
		if (c->field == 0)                                                                                               \
			c->field = (value);                                                                                      \
	} while (0)

/* RFC 9260, 9.2: T5-shutdown-guard "SHOULD be set to the recommended value of 5 times 'RTO.Max'", which is 60 s there. Ours is 3
 * s, and five times that is less than an honest peer may need for what it has accepted: on a slow or lossy path its messages
 * would be lost. */
#define MAX_RETRANSMITS 10 /* RFC 9260, 16: Association.Max.Retrans */

static uint64_t default_guard(uint64_t rto_max) {
	if (rto_max > DURATION_MAX)
		return SLUICE_NEVER; /* it is refused anyway */
	return 5 * (rto_max > 60 * SLUICE_S ? rto_max : 60 * SLUICE_S);
}

static void config_complete(sluice_sctp_config *c) {
	bool window_grows = c->receive_window == 0;
	DEFAULT(local_port, 5000);
	DEFAULT(remote_port, 5000);
	DEFAULT(outbound_streams, 65535);
	DEFAULT(inbound_streams, 65535);
	DEFAULT(mtu, 1188);
	DEFAULT(receive_window, 2u << 20);
	DEFAULT(max_message_size, 262144);
	/* A message is put together inside the window; one that does not fit it with what its fragments cost beside their payload
	 * would wait for ever. */
	uint64_t one_message = (uint64_t)c->max_message_size + c->max_message_size / 4;
	if (c->receive_window < one_message)
		c->receive_window = one_message < UINT32_MAX ? (uint32_t)one_message : UINT32_MAX;
	DEFAULT(rto_initial, 500 * SLUICE_MS);
	DEFAULT(rto_min, 300 * SLUICE_MS);
	DEFAULT(rto_max, 3 * SLUICE_S);
	DEFAULT(cookie_lifetime, 60 * SLUICE_S);
	DEFAULT(heartbeat_interval, 30 * SLUICE_S);
	DEFAULT(shutdown_guard, default_guard(c->rto_max));
	DEFAULT(init_max_retransmits, 8);
	DEFAULT(association_max_retransmits, MAX_RETRANSMITS);
	DEFAULT(initial_window, 10 * c->mtu);
	DEFAULT(min_window, 4 * c->mtu); /* RFC 9260, 7.2.3: "ssthresh = max(cwnd / 2, 4 * PMDCS)" */
	DEFAULT(max_window, UINT64_MAX);
	DEFAULT(congestion_control, SLUICE_CC_CUBIC);
	DEFAULT(recovery, SLUICE_RECOVERY_RACK);
	DEFAULT(pacing, SLUICE_PACING_ON);
	DEFAULT(scheduler, SLUICE_SCHEDULER_WEIGHTED_FAIR);
	DEFAULT(sack_policy, SLUICE_SACK_ADAPTIVE);
	DEFAULT(mtu_max, c->mtu);
	DEFAULT(receive_window_max, window_grows ? 64u << 20 : c->receive_window);
	if (c->receive_window_max < c->receive_window)
		c->receive_window_max = c->receive_window;
}

static bool durations_valid(const sluice_sctp_config *c) {
	return c->rto_initial <= DURATION_MAX && c->rto_min <= c->rto_max && c->rto_max <= DURATION_MAX &&
	       c->cookie_lifetime <= DURATION_MAX && c->sack_delay <= 500 * SLUICE_MS &&
	       (c->heartbeat_interval <= DURATION_MAX || c->heartbeat_interval == SLUICE_NEVER) &&
	       (c->shutdown_guard <= 5 * DURATION_MAX || c->shutdown_guard == SLUICE_NEVER);
}

static bool config_valid(const sluice_sctp_config *c) {
	return durations_valid(c) && c->mtu >= 296 && c->mtu <= SLUICE_SCTP_MTU_MAX && c->receive_window >= 4096 &&
	       cc_by_number(c->congestion_control) && (unsigned)c->recovery <= SLUICE_RECOVERY_RACK &&
	       (unsigned)c->pacing <= SLUICE_PACING_OFF && sched_by_number(c->scheduler) &&
	       (unsigned)c->sack_policy <= SLUICE_SACK_ADAPTIVE && c->mtu_max <= SLUICE_SCTP_MTU_MAX &&
	       (c->checksum == SLUICE_CHECKSUM_CRC32C || c->checksum == SLUICE_CHECKSUM_DTLS);
}

/* An app that was built with an older, shorter struct gets the defaults for what it does not know. */
static int config_take(sluice_sctp_config *to, const sluice_sctp_config *from) {
	sluice_sctp_config_init(to);
	if (from) {
		if (from->size == 0 || from->size > sizeof *to)
			return SLUICE_INVALID;
		memcpy(to, from, from->size);
		to->size = sizeof *to;
	}
	config_complete(to);
	return config_valid(to) ? 0 : SLUICE_INVALID;
}

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
	int error = config_take(&complete, config);
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
	a->clock %= DURATION_MAX;
	a->now = a->clock;
	sender_init(&a->tx, env, &a->events, &a->config);
	sender_clock(&a->tx, a->now);
	init_nodes(a);
	*out = a;
	return 0;
}

static void drop_replies(sluice_sctp *a) {
	while (a->replies) {
		struct reply *r = a->replies;
		a->replies = r->next;
		env_free(a->env, r);
	}
	a->replies_tail = NULL;
	a->reply_count = 0;
}

static void drop_events(sluice_sctp *a) {
	for (struct event_node *n; (n = event_pop(&a->events));)
		receiver_drop_event(&a->rx, n);
}

void sluice_sctp_free(sluice_sctp *a) {
	if (!a)
		return;
	trace_free(a->trace);
	a->wake = NULL;
	drop_events(a);
	reconfig_clear(a); /* before the streams that wait in it */
	sender_free(&a->tx);
	receiver_free(&a->rx);
	drop_replies(a);
	env_free(a->env, a->echo);
	env_free(a->env, a);
}

/* ---- ending ---- */

void association_enter(sluice_sctp *a, enum sluice_sctp_state state) {
	static const uint8_t phases[] = {
		[SLUICE_SCTP_CLOSED] = SENDER_CLOSED,           [SLUICE_SCTP_COOKIE_WAIT] = SENDER_CLOSED,
		[SLUICE_SCTP_COOKIE_ECHOED] = SENDER_EARLY,     [SLUICE_SCTP_ESTABLISHED] = SENDER_OPEN,
		[SLUICE_SCTP_SHUTDOWN_PENDING] = SENDER_ENDING, [SLUICE_SCTP_SHUTDOWN_SENT] = SENDER_CLOSED,
		[SLUICE_SCTP_SHUTDOWN_RECEIVED] = SENDER_ENDED, [SLUICE_SCTP_SHUTDOWN_ACK_SENT] = SENDER_CLOSED,
	};
	a->state = state;
	a->tx.phase = phases[state];
}

void association_touch(sluice_sctp *a) {
	bool was = a->dirty;
	a->dirty = true;
	if (!was && a->wake)
		a->wake(a->wake_ctx);
}

static void set_error(sluice_sctp *a, int error, const char *format, va_list args) {
	char text[2 * sizeof a->error_text];
	a->error = error;
	vsnprintf(text, sizeof text, format, args);
	/* The app's words or the peer's may stand in it, and it goes to logs and, in an ABORT, to the peer. */
	text_valid(text, strlen(text), a->error_text, sizeof a->error_text);
	a->ended.error = error;
}

void association_vanish(sluice_sctp *a) {
	association_enter(a, SLUICE_SCTP_CLOSED);
	a->pending = 0;
	a->shutdown_wanted = a->heartbeat_unscheduled = a->dirty = false;
	for (int t = 0; t < TIMER_COUNT; t++)
		timer_stop(a, t);
	sender_clear(&a->tx);
	reconfig_clear(a);
	drop_replies(a);
	receiver_end(&a->rx, 0);
	drop_events(a);
}

static void end(sluice_sctp *a) {
	association_enter(a, SLUICE_SCTP_CLOSED);
	a->pending = 0;
	a->shutdown_wanted = a->heartbeat_unscheduled = false;
	for (int t = 0; t < TIMER_COUNT; t++)
		timer_stop(a, t);
	receiver_end(&a->rx, a->error ? a->error : SLUICE_CLOSED); /* parts end before the association does */
	event_push(&a->events, &a->ended);                         /* before those that the dropping brings, as in a restart */
	sender_clear(&a->tx);
	reconfig_clear(a);
	env_log(a->env, SLUICE_LOG_INFO, "sctp: ended: %s", a->error ? a->error_text : "in order");
	association_touch(a);
}

void association_end(sluice_sctp *a, int error, const char *format, ...) {
	va_list args;
	va_start(args, format);
	set_error(a, error, format, args);
	va_end(args);
	end(a);
}

/* RFC 9260, 9.1: "An endpoint MUST NOT respond to any received packet that contains an ABORT chunk"; the peer's tag tells
 * which association is meant; before the peer's tag is known there is nobody to tell. */
static void send_abort(sluice_sctp *a, uint16_t cause, const char *text) {
	if (a->peer_tag != 0)
		association_reply_cause(a, a->peer_tag, WIRE_ABORT, cause, text, text ? strlen(text) : 0);
}

void association_fail(sluice_sctp *a, int error, uint16_t cause, bool with_text, const char *format, ...) {
	va_list args;
	va_start(args, format);
	set_error(a, error, format, args);
	va_end(args);
	send_abort(a, cause, with_text ? a->error_text : NULL);
	end(a);
}

/* Without a limit of its own an association lasts until the app wants its end, and then it does not wait for ever. */
static uint32_t errors_allowed(const sluice_sctp *a) {
	bool ending = a->shutdown_wanted || a->state >= SLUICE_SCTP_SHUTDOWN_PENDING;
	bool unlimited = a->config.association_max_retransmits == UINT32_MAX;
	return ending && unlimited ? MAX_RETRANSMITS : a->config.association_max_retransmits;
}

bool association_count_error(sluice_sctp *a) {
	/* RFC 9260, 8.1: beyond Association.Max.Retrans errors in a row the peer endpoint counts as unreachable, and the
	 * association enters the CLOSED state. The path may be broken in one direction only: the ABORT spares the peer the same
	 * wait. Its cause is not 12, which says that the app wanted the end: the peer's app is not to take this for a goodbye. */
	if (++a->error_count <= errors_allowed(a))
		return false;
	association_fail(a, SLUICE_TIMED_OUT, WIRE_CAUSE_PROTOCOL_VIOLATION, true,
	                 "no answer from the peer after %u retransmissions", (unsigned)a->error_count - 1);
	return true;
}

/* Room for `len` bytes of chunks at the end of the queue. */
static struct reply *reply_new(sluice_sctp *a, uint32_t tag, size_t len) {
	struct reply *r = a->reply_count < REPLIES_MAX ? env_alloc(a->env, sizeof *r + len) : NULL;
	if (!r) {
		a->stats.chunks_discarded++;
		return NULL;
	}
	*r = (struct reply){.tag = tag, .len = len, .src_port = a->config.local_port, .dst_port = a->config.remote_port};
	if (a->replies_tail)
		a->replies_tail->next = r;
	else
		a->replies = r;
	a->replies_tail = r;
	a->reply_count++;
	association_touch(a);
	return r;
}

bool association_reply(sluice_sctp *a, uint32_t tag, const void *chunks, size_t len) {
	struct reply *r = reply_new(a, tag, len);
	if (r)
		memcpy(r->chunks, chunks, len);
	return r != NULL;
}

bool association_reply_chunk(sluice_sctp *a, uint32_t tag, uint8_t type, const void *value, size_t len) {
	struct reply *r = reply_new(a, tag, pad4(4 + len));
	if (!r)
		return false;
	struct writer w = writer_of(r->chunks, r->len);
	wire_chunk_write(&w, type, 0, value, len);
	return true;
}

void association_reply_reflected(sluice_sctp *a, uint32_t tag, uint8_t type) {
	uint8_t bytes[4];
	struct writer w = writer_of(bytes, sizeof bytes);
	wire_chunk_write(&w, type, WIRE_FLAG_T, NULL, 0);
	association_reply(a, tag, bytes, sizeof bytes);
}

void association_reply_cause(sluice_sctp *a, uint32_t tag, uint8_t type, uint16_t cause, const void *info, size_t len) {
	uint8_t bytes[8 + CAUSE_INFO_MAX];
	struct writer w = writer_of(bytes, sizeof bytes);
	uint8_t *chunk = wire_chunk_begin(&w, type, 0);
	wire_param_write(&w, cause, info, len < CAUSE_INFO_MAX ? len : CAUSE_INFO_MAX);
	wire_chunk_end(&w, chunk);
	association_reply(a, tag, bytes, writer_len(&w));
}

/* ---- the app's calls ---- */

void sluice_sctp_refuse(sluice_sctp *a, bool refuse) {
	a->refuse = refuse;
}

void sluice_sctp_abort(sluice_sctp *a, const char *reason) {
	if (a->state == SLUICE_SCTP_CLOSED)
		return;
	/* A clean "abort without a reason" has a cause of zero length; RFC 9260, 3.3.10.12. */
	association_fail(a, SLUICE_CLOSED, WIRE_CAUSE_USER_ABORT, reason != NULL, "%s", reason ? reason : "aborted by the app");
}

static bool may_send(const sluice_sctp *a) {
	return (a->state == SLUICE_SCTP_COOKIE_WAIT || a->state == SLUICE_SCTP_COOKIE_ECHOED ||
	        a->state == SLUICE_SCTP_ESTABLISHED) &&
	       !a->shutdown_wanted;
}

static int check_send(const sluice_sctp *a, const sluice_send_info *info, size_t len) {
	if (!may_send(a))
		return SLUICE_CLOSED;
	/* Before the handshake told how many streams the peer takes, only our own wish limits. */
	uint16_t streams = a->state == SLUICE_SCTP_COOKIE_WAIT ? a->config.outbound_streams : a->outbound;
	if (info->stream >= streams || len == 0 || len > UINT32_MAX / 2 || (unsigned)info->reliability > SLUICE_PRIORITY_DROP)
		return SLUICE_INVALID;
	return a->reconfig.all != TX_RESET_NONE ? SLUICE_CLOSED : sender_stream_state(&a->tx, info->stream);
}

int sluice_sctp_send(sluice_sctp *a, const sluice_send_info *info, const void *data, size_t len) {
	int error = check_send(a, info, len);
	if (!error)
		error = sender_send(&a->tx, info, data, (uint32_t)len);
	if (!error)
		association_touch(a);
	return error;
}

int sluice_sctp_sendv(sluice_sctp *a, const sluice_send_info *info, const struct iovec *iov, size_t count,
                      sluice_release_fn release, void *ctx) {
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		if (__builtin_add_overflow(len, iov[i].iov_len, &len))
			return SLUICE_INVALID;
	int error = check_send(a, info, len);
	if (!error)
		error = sender_lend(&a->tx, info, iov, count, (uint32_t)len, release, ctx);
	if (!error)
		association_touch(a);
	return error;
}

int sluice_sctp_send_begin(sluice_sctp *a, const sluice_send_info *info) {
	int error = check_send(a, info, 1);
	if (error)
		return error;
	if (a->state == SLUICE_SCTP_COOKIE_WAIT)
		return SLUICE_WRONG_STATE;
	return sender_open(&a->tx, info);
}

int sluice_sctp_send_part(sluice_sctp *a, uint16_t stream, const void *data, size_t len) {
	if (!may_send(a))
		return SLUICE_CLOSED;
	if (len == 0 || len > UINT32_MAX / 2)
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
	if ((event->message = receiver_take_event(&a->rx, n))) {
		event->stream = event->message->stream;
	} else if (n->type == SLUICE_SCTP_RESET_OUT) {
		outgoing_forget(&a->tx.out, n->stream); /* one that the peer's request alone has made */
	}
	return true;
}

/* ---- what it knows ---- */

enum sluice_sctp_state sluice_sctp_state(const sluice_sctp *a) {
	return a->state;
}

const char *sluice_sctp_state_name(enum sluice_sctp_state state) {
	static const char *const names[] = {
		"CLOSED",           "COOKIE-WAIT",   "COOKIE-ECHOED",     "ESTABLISHED",
		"SHUTDOWN-PENDING", "SHUTDOWN-SENT", "SHUTDOWN-RECEIVED", "SHUTDOWN-ACK-SENT",
	};
	return (unsigned)state < sizeof names / sizeof *names ? names[state] : "UNKNOWN";
}

int sluice_sctp_error(const sluice_sctp *a, const char **text) {
	if (text)
		*text = a->error ? a->error_text : "";
	return a->error;
}

void sluice_sctp_stats_get(const sluice_sctp *a, sluice_sctp_stats *stats) {
	*stats = a->stats;
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

bool association_check(const sluice_sctp *a) {
	return sender_check(&a->tx) && receiver_check(&a->rx) &&
	       (a->state != SLUICE_SCTP_CLOSED || outstanding_count(&a->tx.sent) == 0);
}
