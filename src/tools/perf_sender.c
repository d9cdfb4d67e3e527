/* perf_sender: the end that connects, sends, and measures.
 *
 *   SETTING_UP  connected, the test announced          (until "ready")
 *   OPENING     data channels are being opened         (until the last is open)
 *   RUNNING     messages, round trips or connections   (until the time is over, or Ctrl-C)
 *   DRAINING    channels are closing: what was accepted arrives first
 *   WAITING     "done" was said, the report is awaited */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pattern.h"
#include "tools/perf_media.h"
#include "tools/usage.h"

/* At most so many messages go to send_many together, and the size up to which they do: beyond it the call itself costs nothing
 * against the copy. */
#define BATCH 64
#define BATCHED_SIZE 1024

/* What all channels together may have buffered, where --window does not say it: enough to keep a fast pipe full while the app
 * sleeps, and little enough that 64-byte messages, which cost twice their size, stay within a few megabytes. */
#define BUFFERED (1u << 20)

enum phase { SETTING_UP, OPENING, RUNNING, DRAINING, WAITING };

struct sender;

/* One data channel. */
struct lane {
	struct sender *sender;
	sluice_channel *ch;
	uint32_t index;
	uint64_t sequence; /* of the next message */
};

struct sender {
	struct perf_end end; /* first: the end's callbacks get it back by a cast */
	const struct perf_options *options;
	enum phase phase;
	struct pattern pattern;
	uint64_t key;
	struct lane *lanes;
	uint32_t lanes_open, lanes_closed;
	uint8_t *batch; /* BATCH messages, when they go in batches */
	bool numbered;  /* the receiver can tell which message it is */
	ev_timer stop, tick;
	uint64_t started;
	uint64_t cpu_started;
	struct perf_second last; /* totals at the last line */
	struct perf_media media;
	struct perf_media_totals media_began, media_last;
	struct histogram *times;
	uint64_t sent_at; /* the ping under way */
	struct perf_result result;
};

static void drain(struct sender *s);
static void start_running(struct sender *s);
static void say_done(struct sender *s);

/* ---- bulk -------------------------------------------------------------------------------------------------------- */

static uint64_t number_of(const struct lane *l, uint64_t sequence) {
	return l->sender->numbered ? sequence : 0;
}

/* What a channel may have buffered: its share. */
static uint64_t high_water(const struct perf_options *o) {
	return (o->window ? o->window : BUFFERED) / o->channels + 1;
}

/* The channel is filled anew when half of that has gone, or when there is room for one message. */
static uint64_t low_water(const struct perf_options *o) {
	uint64_t mark = high_water(o);
	return mark > 2 * (uint64_t)o->size ? mark / 2 : mark > o->size ? mark - o->size : 0;
}

/* For how many messages is there room, up to BATCH? None is made that the channel would refuse: with many channels a share is a
 * few messages, and the refused ones would be most of the work. A message on an empty channel is always taken. */
static size_t room(const struct lane *l) {
	const struct perf_options *o = l->sender->options;
	uint64_t mark = high_water(o), buffered = sluice_channel_buffered_amount(l->ch);
	uint64_t fits = buffered == 0 && mark < o->size ? 1 : buffered < mark ? (mark - buffered) / o->size : 0;
	return fits < BATCH ? fits : BATCH;
}

/* Each returns how many messages went, or an error. */
static int send_one(struct lane *l) {
	struct sender *s = l->sender;
	const uint8_t *message = pattern_lend(&s->pattern, l->index, number_of(l, l->sequence));
	int error = sluice_channel_send(l->ch, message, s->pattern.size);
	return error ? error : 1;
}

static int send_many(struct lane *l, size_t count) {
	struct sender *s = l->sender;
	struct iovec messages[BATCH];
	for (size_t i = 0; i < count; i++) {
		messages[i] = (struct iovec){s->batch + i * s->pattern.size, s->pattern.size};
		pattern_write(&s->pattern, messages[i].iov_base, l->index, number_of(l, l->sequence + i));
	}
	return sluice_channel_send_many(l->ch, false, messages, count);
}

static void fill(struct lane *l) {
	struct sender *s = l->sender;
	for (size_t count; s->phase == RUNNING && (count = room(l)) > 0;) {
		int n = s->batch ? send_many(l, count) : send_one(l);
		if (n == SLUICE_WOULD_BLOCK) /* the OPEN takes room too, which the buffered amount does not count */
			return;
		if (n < 0) {
			end_fail(&s->end.base, "cannot send: %s", sluice_error_text(n));
			return;
		}
		l->sequence += (uint64_t)n;
		s->result.messages_sent += (uint64_t)n;
	}
}

/* ---- round trips ------------------------------------------------------------------------------------------------- */

static void ping(struct lane *l) {
	struct sender *s = l->sender;
	s->sent_at = sluice_now();
	if (send_one(l) != 1)
		end_fail(&s->end.base, "cannot send");
}

static void on_echo(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	(void)text;
	struct lane *l = user;
	struct sender *s = l->sender;
	histogram_add(s->times, sluice_now() - s->sent_at);
	uint64_t expected = number_of(l, l->sequence), sequence = expected;
	/* The lent message has its header inside the block; taking it back makes the block whole for the check. */
	pattern_take_back(&s->pattern);
	if (!pattern_check(&s->pattern, m->iov, m->count, m->len, l->index, &sequence) || sequence != expected) {
		end_fail(&s->end.base, "the echo differs from what was sent");
		return;
	}
	l->sequence++;
	s->result.messages_sent++;
	if (s->phase == RUNNING)
		ping(l);
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static void open_next(struct sender *s) {
	if (s->phase != RUNNING || s->times->count == s->options->opens)
		drain(s);
	else
		perf_end_say(&s->end, "open");
}

static void on_opened(sluice_channel *ch, void *user) {
	struct sender *s = user;
	histogram_add(s->times, sluice_now() - s->sent_at);
	sluice_peer_close(sluice_channel_peer(ch));
}

static void on_opening_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	struct sender *s = user;
	if (state < SLUICE_PEER_CLOSED)
		return;
	if (state == SLUICE_PEER_FAILED)
		end_fail(&s->end.base, "connection %llu failed: %s", (unsigned long long)s->times->count,
		         sluice_error_text(sluice_peer_error(p, NULL)));
	s->end.second = NULL;
	sluice_peer_free(p);
	if (state == SLUICE_PEER_CLOSED)
		open_next(s);
}

/* The certificate is there already, as in an app; all else belongs to the time measured: the peer's objects, the socket, both
 * handshakes. */
static int connect_once(struct sender *s, unsigned port) {
	struct sockaddr_storage any = {.ss_family = s->end.other.address.ss_family};
	sluice_socket_config socket = {.local = (const struct sockaddr *)&any, .local_len = s->end.other.address_len};
	sluice_peer_config config;
	s->sent_at = sluice_now();
	perf_end_peer_config(&s->end, SLUICE_ROLE_CLIENT, &config);
	config.path.remote = s->end.other.address;
	config.path.remote_len = s->end.other.address_len;
	address_set_port(&config.path.remote, (uint16_t)port);
	config.on_state = on_opening_state;
	config.user = s;
	int error = sluice_peer_new(s->end.base.env, &config, &s->end.second);
	if (!error)
		error = sluice_loop_add(s->end.base.loop, s->end.second, &socket);
	if (!error)
		error = sluice_peer_start(s->end.second);
	sluice_channel *ch;
	sluice_channel_config channel = perf_end_channel_config("open", (sluice_channel_callbacks){.on_open = on_opened}, s);
	return error ? error : sluice_peer_open_channel(s->end.second, &channel, &ch);
}

/* ---- streams ------------------------------------------------------------------------------------------------------ */

static struct perf_media_totals difference(const struct perf_media_totals *a, const struct perf_media_totals *b) {
	return (struct perf_media_totals){.packets = a->packets - b->packets,
	                                  .bytes = a->bytes - b->bytes,
	                                  .frames = a->frames - b->frames,
	                                  .lost = a->lost - b->lost,
	                                  .resent = a->resent - b->resent,
	                                  .refused = a->refused - b->refused};
}

static void print_streams(struct sender *s) {
	struct perf_media_totals now, line;
	sluice_media_stats stats;
	double at = (double)(sluice_now() - s->started) / 1e9;
	perf_media_look(&s->media, &now);
	line = difference(&now, &s->media_last);
	sluice_peer_media_stats_get(s->end.second, &stats);
	perf_report_streams(at, at - s->last.at, &line, &stats);
	s->media_last = now;
	s->last.at = at;
}

static void on_up(struct perf_end *end) {
	struct sender *s = (struct sender *)end;
	perf_end_say(end, "begin");
	perf_media_look(&s->media, &s->media_began);
	s->media_last = s->media_began;
	start_running(s);
}

static void open_streams(struct sender *s) {
	s->media.on_up = on_up;
	int error = perf_media_init(&s->media, &s->end, s->options->media, s->key);
	if (!error)
		error = perf_media_open(&s->media);
	if (error)
		end_fail(&s->end.base, "cannot open the streams: %s", sluice_error_text(error));
}

/* Seconds in which what was lost is repaired. */
#define REPAIRS .5

static void on_repaired(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	say_done(w->data);
}

static void drain_streams(struct sender *s) {
	struct perf_media_totals now;
	perf_media_stop(&s->media);
	perf_media_look(&s->media, &now);
	s->result.media_sent = difference(&now, &s->media_began);
	ev_timer_init(&s->stop, on_repaired, REPAIRS, 0.);
	ev_timer_start(s->end.base.ev, &s->stop);
}

/* ---- time passes ------------------------------------------------------------------------------------------------- */

static struct perf_second totals(const struct sender *s) {
	sluice_peer_stats stats;
	sluice_peer_stats_get(s->end.base.peer, &stats);
	struct perf_second t = {.at = (double)(sluice_now() - s->started) / 1e9, .sctp = stats.sctp};
	/* Gone from the buffer: acknowledged, or abandoned, which is not goodput. */
	uint64_t buffered = stats.sctp.buffered / s->options->size + stats.sctp.messages_abandoned;
	t.messages = s->result.messages_sent > buffered ? s->result.messages_sent - buffered : 0;
	t.bytes = t.messages * s->options->size;
	t.retransmitted = stats.sctp.retransmitted_chunks;
	return t;
}

static void print_second(struct sender *s) {
	struct perf_second now = totals(s), line = now;
	line.seconds = now.at - s->last.at;
	line.messages -= s->last.messages;
	line.bytes -= s->last.bytes;
	line.retransmitted -= s->last.retransmitted;
	perf_report_second(&line);
	s->last = now;
}

static void watch_progress(struct sender *s) {
	struct perf_media_totals streams = {0};
	if (s->options->mode == PERF_MEDIA)
		perf_media_look(&s->media, &streams);
	uint64_t progress = s->times ? s->times->count : totals(s).bytes + streams.packets;
	progress += s->lanes_closed + ((uint64_t)s->phase << 48);
	perf_end_watch(&s->end, progress);
}

static void on_tick(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct sender *s = w->data;
	if (!end_is_over(&s->end.base))
		watch_progress(s);
	if (!end_is_over(&s->end.base) && !s->options->json && s->options->mode == PERF_BULK && s->phase == RUNNING)
		print_second(s);
	if (!end_is_over(&s->end.base) && !s->options->json && s->options->mode == PERF_MEDIA && s->phase == RUNNING)
		print_streams(s);
}

static void on_stop(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	drain(w->data);
}

/* ---- phases ------------------------------------------------------------------------------------------------------ */

static void on_interrupt(struct perf_end *end) {
	struct sender *s = (struct sender *)end;
	if (s->phase < RUNNING)
		end_leave(&end->base, EXIT_INTERRUPTED);
	else
		drain(s);
}

static void start_running(struct sender *s) {
	s->phase = RUNNING;
	s->started = sluice_now();
	s->cpu_started = usage_cpu_ns();
	ev_timer_init(&s->stop, on_stop, s->options->seconds, 0.);
	s->stop.data = s;
	perf_report_head(s->options);
	if (s->options->mode == PERF_OPEN) {
		open_next(s);
		return;
	}
	ev_now_update(s->end.base.ev);
	ev_timer_start(s->end.base.ev, &s->stop);
	ev_timer_again(s->end.base.ev, &s->tick);
	if (s->options->mode == PERF_MEDIA)
		return; /* they are under way */
	if (s->options->mode == PERF_PING)
		ping(&s->lanes[0]);
	else
		for (uint32_t i = 0; i < s->options->channels; i++)
			fill(&s->lanes[i]);
}

static void say_done(struct sender *s) {
	s->phase = WAITING;
	s->result.cpu_tx_ns = usage_cpu_ns() - s->cpu_started;
	perf_end_say(&s->end, "done");
}

static void drain(struct sender *s) {
	if (s->phase != RUNNING)
		return;
	s->phase = DRAINING;
	ev_timer_stop(s->end.base.ev, &s->stop);
	s->result.seconds = (double)(sluice_now() - s->started) / 1e9;
	if (s->options->mode == PERF_OPEN) {
		sluice_peer_free(s->end.second); /* one under way when Ctrl-C came */
		s->end.second = NULL;
		say_done(s);
		return;
	}
	if (s->options->mode == PERF_MEDIA) {
		drain_streams(s);
		return;
	}
	for (uint32_t i = 0; i < s->options->channels; i++)
		sluice_channel_close(s->lanes[i].ch);
}

static void on_lane_open(sluice_channel *ch, void *user) {
	(void)ch;
	struct lane *l = user;
	if (++l->sender->lanes_open == l->sender->options->channels)
		start_running(l->sender);
}

static void on_lane_room(sluice_channel *ch, void *user) {
	(void)ch;
	fill(user);
}

static void on_lane_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)ch;
	struct lane *l = user;
	struct sender *s = l->sender;
	s->result.messages_lost += lost;
	/* An error here is the connection's or the other side's, and they say why in a moment (a state, a "fail"). */
	if (++s->lanes_closed == s->options->channels && s->phase == DRAINING && !error)
		say_done(s);
}

/* ---- the conversation -------------------------------------------------------------------------------------------- */

static void on_control_open(struct perf_end *end) {
	struct sender *s = (struct sender *)end;
	const struct perf_options *o = s->options;
	perf_end_say(end, "test version=1 mode=%u size=%u channels=%u reliable=%u ordered=%u key=%llx", o->mode, o->size,
	             o->mode == PERF_MEDIA ? o->media : o->channels, o->reliability == SLUICE_RELIABLE, !o->unordered,
	             (unsigned long long)s->key);
	ev_timer_again(end->base.ev, &s->tick);
}

static int open_lane(struct sender *s, uint32_t index) {
	struct lane *l = &s->lanes[index];
	const struct perf_options *o = s->options;
	const sluice_channel_callbacks callbacks = {
		.on_open = on_lane_open,
		.on_message = o->mode == PERF_PING ? on_echo : NULL,
		.on_writable = on_lane_room,
		.on_buffered_low = on_lane_room,
		.on_closed = on_lane_closed,
	};
	char number[16];
	snprintf(number, sizeof number, "%u", index);
	*l = (struct lane){.sender = s, .index = index};
	sluice_channel_config config = perf_end_channel_config("data", callbacks, l);
	config.protocol = number;
	config.unordered = o->unordered;
	config.reliability = o->reliability;
	config.reliability_value = o->reliability_value;
	config.high_water = high_water(o);
	config.buffered_low = low_water(o);
	return sluice_peer_open_channel(s->end.base.peer, &config, &l->ch);
}

static void on_ready(struct sender *s) {
	if (s->options->mode == PERF_OPEN) {
		start_running(s);
		return;
	}
	s->phase = OPENING;
	if (s->options->mode == PERF_MEDIA) {
		open_streams(s);
		return;
	}
	for (uint32_t i = 0; i < s->options->channels && !end_is_over(&s->end.base); i++) {
		int error = open_lane(s, i);
		if (error)
			end_fail(&s->end.base, "cannot open channel %u: %s", i, sluice_error_text(error));
	}
}

static void on_report(struct sender *s) {
	struct perf_result *r = &s->result;
	r->interrupted = s->end.base.interrupted;
	r->rss_tx_kb = usage_peak_rss_kb();
	r->times = s->times;
	r->options = s->options;
	r->cipher = sluice_peer_cipher(s->end.base.peer);
	sluice_peer_stats_get(s->end.base.peer, &r->stats);
	bool complete = s->options->mode == PERF_OPEN || s->options->mode == PERF_MEDIA || r->rx.messages == r->messages_sent;
	if (s->options->reliability == SLUICE_RELIABLE && !complete) {
		end_fail(&s->end.base, "%llu messages were sent and %llu arrived on reliable channels",
		         (unsigned long long)r->messages_sent, (unsigned long long)r->rx.messages);
		return;
	}
	perf_report_result(r);
	end_finish(&s->end.base, s->end.base.interrupted ? EXIT_INTERRUPTED : EXIT_OK);
}

static bool read_report(const char *line, struct perf_received *r) {
	return sscanf(line,
	              "report messages=%" SCNu64 " bytes=%" SCNu64 " ns=%" SCNu64 " cpu_ns=%" SCNu64 " rss_kb=%" SCNu64
	              " drops=%" SCNu64,
	              &r->messages, &r->bytes, &r->ns, &r->cpu_ns, &r->rss_kb, &r->drops) == 6;
}

static bool read_media_report(const char *line, struct perf_result *r) {
	struct perf_media_totals *t = &r->media_received;
	return sscanf(line,
	              "media packets=%" SCNu64 " bytes=%" SCNu64 " frames=%" SCNu64 " lost=%" SCNu64 " ns=%" SCNu64
	              " cpu_ns=%" SCNu64 " rss_kb=%" SCNu64 " drops=%" SCNu64,
	              &t->packets, &t->bytes, &t->frames, &t->lost, &r->rx.ns, &r->rx.cpu_ns, &r->rx.rss_kb, &r->rx.drops) == 8;
}

static void on_answer(struct sender *s, const char *line) {
	int error = perf_media_describe(&s->media, line);
	if (error)
		end_fail(&s->end.base, "the answer for the streams cannot be used: %s", sluice_error_text(error));
}

static void on_line(struct perf_end *end, const char *line) {
	struct sender *s = (struct sender *)end;
	unsigned port;
	if (s->phase == SETTING_UP && strcmp(line, "ready") == 0) {
		on_ready(s);
	} else if (s->phase == RUNNING && !s->end.second && sscanf(line, "port %u", &port) == 1) {
		int error = connect_once(s, port);
		if (error)
			end_fail(&end->base, "cannot connect once more: %s", sluice_error_text(error));
	} else if (s->phase == OPENING && s->options->mode == PERF_MEDIA && strncmp(line, "answer ", 7) == 0) {
		on_answer(s, line);
	} else if (s->phase == WAITING && s->options->mode == PERF_MEDIA && read_media_report(line, &s->result)) {
		on_report(s);
	} else if (s->phase == WAITING && s->options->mode != PERF_MEDIA && read_report(line, &s->result.rx)) {
		on_report(s);
	} else if (strncmp(line, "fail ", 5) == 0) {
		end_fail(&end->base, "the receiver says: %s", line + 5);
	}
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static bool make_buffers(struct sender *s) {
	const struct perf_options *o = s->options;
	s->key = sluice_now() * UINT64_C(0x9e3779b97f4a7c15);
	s->numbered = o->size >= PATTERN_HEADER || (o->reliability == SLUICE_RELIABLE && !o->unordered);
	s->lanes = calloc(o->channels, sizeof *s->lanes);
	bool ok = s->lanes && pattern_init(&s->pattern, s->key, o->size);
	if (ok && o->mode == PERF_BULK && o->size <= BATCHED_SIZE)
		ok = (s->batch = malloc(BATCH * (size_t)o->size)) != NULL;
	if (ok && o->mode != PERF_BULK && o->mode != PERF_MEDIA)
		ok = (s->times = calloc(1, sizeof *s->times)) != NULL;
	return ok;
}

int perf_sender_main(const struct perf_options *options, int parent) {
	struct sender s = {.options = options};
	s.end = (struct perf_end){
		.options = options,
		.sender = true,
		.parent = parent,
		.on_line = on_line,
		.on_control_open = on_control_open,
		.on_interrupt = on_interrupt,
	};
	ev_init(&s.stop, on_stop);
	ev_init(&s.tick, on_tick);
	s.tick.repeat = 1.;
	s.tick.data = &s;
	int exit_code = EXIT_FAILED;
	if (make_buffers(&s))
		exit_code = perf_end_run(&s.end);
	else
		complain("perf: no memory");
	pattern_free(&s.pattern);
	perf_media_free(&s.media);
	free(s.lanes);
	free(s.batch);
	free(s.times);
	return exit_code;
}
