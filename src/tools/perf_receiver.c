/* perf_receiver: the end that is connected to. It learns from the sender what is coming, checks every byte of it, echoes where
 * round trips are measured, and waits for one more connection where those are. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pattern.h"
#include "tools/perf_media.h"
#include "tools/usage.h"

struct receiver;

struct lane {
	struct receiver *receiver;
	uint32_t index;
	uint64_t expected; /* the number of the next message */
};

struct receiver {
	struct perf_end end; /* first, as in the sender */
	struct perf_test test;
	bool has_test, is_done;
	struct pattern pattern;
	struct perf_media media;
	struct perf_media_totals media_began, media_seen;
	uint64_t media_began_at;
	struct lane *lanes;
	uint32_t lanes_closed;
	ev_tstamp first_at, last_at; /* of the first and the last message, by the loop's clock: exact enough, and costs nothing */
	uint64_t cpu_started;
	struct perf_received seen;
	ev_timer tick;
};

/* Tells the sender and waits for it to go. */
static void fail_test(struct receiver *r, const char *why, uint32_t channel, uint64_t sequence) {
	if (end_is_over(&r->end.base))
		return;
	complain("perf: %s at message %" PRIu64 " of channel %u", why, sequence, channel);
	perf_end_say(&r->end, "fail %s at message %" PRIu64 " of channel %u", why, sequence, channel);
	end_linger(&r->end.base, EXIT_FAILED);
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static void note_time(struct receiver *r) {
	r->last_at = ev_now(r->end.base.ev);
	if (!r->seen.messages) {
		r->first_at = r->last_at;
		r->cpu_started = usage_cpu_ns();
	}
}

/* Is the number one that may come now? Without a number there is nothing to say; an unordered channel may bring any. */
static bool in_sequence(const struct receiver *r, const struct lane *l, uint64_t sequence) {
	if (!r->test.ordered || (!r->test.reliable && !pattern_has_header(&r->pattern)))
		return true;
	return r->test.reliable ? sequence == l->expected : sequence >= l->expected;
}

static void take(struct lane *l, const sluice_message *m) {
	struct receiver *r = l->receiver;
	r->seen.messages++;
	r->seen.bytes += m->len;
	uint64_t sequence = r->test.ordered && r->test.reliable ? l->expected : 0;
	if (!pattern_check(&r->pattern, m->iov, m->count, m->len, l->index, &sequence))
		fail_test(r, "wrong bytes", l->index, l->expected);
	else if (!in_sequence(r, l, sequence))
		fail_test(r, "a message is missing or out of order", l->index, l->expected);
	l->expected = sequence + 1;
}

static void on_messages(sluice_channel *ch, sluice_message *const *messages, size_t count, bool text, void *user) {
	(void)ch, (void)text;
	struct lane *l = user;
	struct receiver *r = l->receiver;
	if (end_is_over(&r->end.base))
		return;
	note_time(r);
	for (size_t i = 0; i < count && !end_is_over(&r->end.base); i++)
		take(l, messages[i]);
}

static void on_ping(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct lane *l = user;
	struct receiver *r = l->receiver;
	on_messages(ch, &m, 1, text, user);
	if (end_is_over(&r->end.base))
		return;
	const void *data = sluice_message_data(m);
	int error = data ? sluice_channel_send(ch, data, m->len) : SLUICE_NO_MEMORY;
	if (error)
		end_fail(&r->end.base, "cannot echo: %s", sluice_error_text(error));
}

/* ---- streams ------------------------------------------------------------------------------------------------------ */

static void on_up(struct perf_end *end) {
	(void)end; /* the sender says when it begins */
}

static void on_offer(struct receiver *r, const char *line) {
	int error = r->has_test && r->test.mode == PERF_MEDIA && !r->end.second ? 0 : SLUICE_WRONG_STATE;
	r->media.on_up = on_up;
	if (!error)
		error = perf_media_init(&r->media, &r->end, r->test.channels, r->test.key);
	if (!error)
		error = perf_media_open(&r->media);
	if (!error)
		error = perf_media_describe(&r->media, line);
	if (error)
		end_fail(&r->end.base, "cannot take the streams: %s", sluice_error_text(error));
}

static void begin_streams(struct receiver *r) {
	r->cpu_started = usage_cpu_ns();
	r->media_began_at = sluice_now();
	perf_media_look(&r->media, &r->media_began);
}

static void sum_up_streams(struct receiver *r) {
	const struct perf_media_totals *b = &r->media_began;
	struct perf_media_totals *t = &r->media_seen;
	perf_media_look(&r->media, t);
	t->packets -= b->packets;
	t->bytes -= b->bytes;
	t->frames -= b->frames;
	t->lost -= t->lost < b->lost ? t->lost : b->lost; /* some were only late then */
	r->seen.ns = sluice_now() - r->media_began_at;
}

static void tell_streams(struct receiver *r) {
	const struct perf_media_totals *t = &r->media_seen;
	perf_end_say(&r->end,
	             "media packets=%" PRIu64 " bytes=%" PRIu64 " frames=%" PRIu64 " lost=%" PRIu64 " ns=%" PRIu64
	             " cpu_ns=%" PRIu64 " rss_kb=%" PRIu64 " drops=%" PRIu64,
	             t->packets, t->bytes, t->frames, t->lost, r->seen.ns, r->seen.cpu_ns, r->seen.rss_kb, r->seen.drops);
}

/* ---- the end of it ----------------------------------------------------------------------------------------------- */

static void sum_up(struct receiver *r) {
	sluice_peer_stats stats;
	r->seen.ns = (uint64_t)((r->last_at - r->first_at) * 1e9);
	r->seen.cpu_ns = usage_cpu_ns() - r->cpu_started;
	r->seen.rss_kb = usage_peak_rss_kb();
	sluice_peer_stats_get(r->end.base.peer, &stats);
	r->seen.drops = stats.socket_drops;
	if (r->test.mode == PERF_MEDIA)
		sum_up_streams(r);
}

static void print_sum(const struct receiver *r) {
	if (r->test.mode == PERF_MEDIA)
		perf_report_received_streams(r->end.options, &r->test, &r->seen, &r->media_seen);
	else
		perf_report_received(r->end.options, &r->test, &r->seen);
}

static void report_if_complete(struct receiver *r) {
	bool all_closed = r->test.mode == PERF_OPEN || r->test.mode == PERF_MEDIA || r->lanes_closed == r->test.channels;
	if (!r->is_done || !all_closed || end_is_over(&r->end.base))
		return;
	sum_up(r);
	if (r->test.mode == PERF_MEDIA)
		tell_streams(r);
	else
		perf_end_say(&r->end,
		             "report messages=%" PRIu64 " bytes=%" PRIu64 " ns=%" PRIu64 " cpu_ns=%" PRIu64 " rss_kb=%" PRIu64
		             " drops=%" PRIu64,
		             r->seen.messages, r->seen.bytes, r->seen.ns, r->seen.cpu_ns, r->seen.rss_kb, r->seen.drops);
	if (r->end.options->place == PERF_LISTEN)
		print_sum(r);
	end_linger(&r->end.base, EXIT_OK);
}

/* Ctrl-C at the listener: what has come so far. */
static void on_interrupt(struct perf_end *end) {
	struct receiver *r = (struct receiver *)end;
	if (r->seen.messages || r->media_began_at) {
		sum_up(r);
		print_sum(r);
	}
	end_leave(&end->base, EXIT_INTERRUPTED);
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)ch;
	(void)error;
	(void)lost;
	struct lane *l = user;
	l->receiver->lanes_closed++;
	report_if_complete(l->receiver);
}

static void on_channel(struct perf_end *end, sluice_channel *ch) {
	struct receiver *r = (struct receiver *)end;
	size_t len;
	const char *number = sluice_channel_protocol(ch, &len);
	char text[16] = "";
	uint64_t index;
	memcpy(text, number, len < sizeof text ? len : sizeof text - 1);
	if (!r->has_test || !parse_unsigned(text, 0, r->test.channels - 1, &index)) {
		end_fail(&end->base, "an unexpected channel was opened");
		return;
	}
	sluice_channel_callbacks callbacks = {.on_closed = on_closed};
	if (r->test.mode == PERF_PING)
		callbacks.on_message = on_ping;
	else
		callbacks.on_messages = on_messages;
	sluice_channel_set_callbacks(ch, &callbacks, &r->lanes[index]);
}

/* ---- more connections -------------------------------------------------------------------------------------------- */

static void on_opened_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	struct receiver *r = user;
	if (state < SLUICE_PEER_CLOSED)
		return;
	r->end.second = NULL;
	sluice_peer_free(p);
}

static void on_opened_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	(void)ch;
	(void)user; /* it being open is all that is wanted */
}

/* A socket beside the one of the connection we talk over: same address, a port of the kernel's choice. */
static int open_beside(struct receiver *r, sluice_socket **socket, unsigned *port) {
	struct sockaddr_storage local;
	socklen_t len;
	int error = sluice_loop_local_address(r->end.base.loop, r->end.base.peer, &local, &len);
	if (error)
		return error;
	address_set_port(&local, 0);
	sluice_socket_config config = {.local = (const struct sockaddr *)&local, .local_len = len};
	error = sluice_socket_open(r->end.base.loop, &config, socket);
	if (!error)
		error = sluice_socket_address(*socket, &local, &len);
	*port = address_port(&local);
	return error;
}

static int await_connection(struct receiver *r) {
	sluice_socket *socket;
	unsigned port;
	sluice_peer_free(r->end.second); /* its goodbye was lost */
	r->end.second = NULL;
	int error = open_beside(r, &socket, &port);
	if (error)
		return error;
	sluice_peer_config config;
	perf_end_peer_config(&r->end, SLUICE_ROLE_SERVER, &config);
	config.on_state = on_opened_state;
	config.on_channel = on_opened_channel;
	config.user = r;
	error = sluice_peer_new(r->end.base.env, &config, &r->end.second);
	if (error) {
		sluice_socket_close(socket);
		return error;
	}
	error = sluice_loop_add_socket(r->end.base.loop, r->end.second, socket);
	if (!error)
		error = sluice_peer_start(r->end.second);
	if (!error)
		perf_end_say(&r->end, "port %u", port);
	return error;
}

/* ---- the conversation -------------------------------------------------------------------------------------------- */

static bool read_test(const char *line, struct perf_test *t) {
	unsigned mode, reliable, ordered;
	unsigned long long key;
	if (sscanf(line, "test version=%u mode=%u size=%u channels=%u reliable=%u ordered=%u key=%llx", &t->version, &mode,
	           &t->size, &t->channels, &reliable, &ordered, &key) != 7)
		return false;
	t->mode = (enum perf_mode)mode;
	t->reliable = reliable;
	t->ordered = ordered;
	t->key = key;
	return t->version == 1 && mode <= PERF_MEDIA && t->size >= 1 && t->size <= PERF_MAX_SIZE && t->channels >= 1 &&
	       t->channels <= (mode == PERF_MEDIA ? PERF_MAX_STREAMS : PERF_MAX_CHANNELS);
}

/* While it measures, a sender sends all the time. */
static void on_tick(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev, (void)events;
	struct receiver *r = w->data;
	sluice_peer_stats first, second = {0};
	if (end_is_over(&r->end.base))
		return;
	sluice_peer_stats_get(r->end.base.peer, &first);
	if (r->end.second)
		sluice_peer_stats_get(r->end.second, &second);
	perf_end_watch(&r->end, first.datagrams_received + second.datagrams_received);
}

static void on_test(struct receiver *r, const char *line) {
	if (r->has_test || !read_test(line, &r->test)) {
		perf_end_say(&r->end, "fail this receiver does not know such a test");
		end_linger(&r->end.base, EXIT_FAILED);
		return;
	}
	r->lanes = calloc(r->test.channels, sizeof *r->lanes);
	if (!r->lanes || !pattern_init(&r->pattern, r->test.key, r->test.size)) {
		end_fail(&r->end.base, "no memory");
		return;
	}
	for (uint32_t i = 0; i < r->test.channels; i++)
		r->lanes[i] = (struct lane){.receiver = r, .index = i};
	r->has_test = true;
	r->cpu_started = usage_cpu_ns();
	perf_end_say(&r->end, "ready");
	if (r->end.options->place == PERF_LISTEN) /* of a local pair the sender watches */
		ev_timer_again(r->end.base.ev, &r->tick);
}

static void on_line(struct perf_end *end, const char *line) {
	struct receiver *r = (struct receiver *)end;
	if (strncmp(line, "test ", 5) == 0) {
		on_test(r, line);
	} else if (strcmp(line, "open") == 0) {
		int error = await_connection(r);
		if (error)
			end_fail(&end->base, "cannot await one more connection: %s", sluice_error_text(error));
	} else if (strncmp(line, "offer ", 6) == 0) {
		on_offer(r, line);
	} else if (strcmp(line, "begin") == 0) {
		begin_streams(r);
	} else if (strcmp(line, "done") == 0) {
		r->is_done = true;
		report_if_complete(r);
	}
}

int perf_receiver_main(const struct perf_options *options, int parent) {
	struct receiver r = {
		.end = {.options = options, .parent = parent, .on_line = on_line, .on_channel = on_channel},
	};
	r.end.on_interrupt = on_interrupt;
	ev_init(&r.tick, on_tick);
	r.tick.repeat = 1.;
	r.tick.data = &r;
	int exit_code = perf_end_run(&r.end);
	pattern_free(&r.pattern);
	perf_media_free(&r.media);
	free(r.lanes);
	return exit_code;
}
