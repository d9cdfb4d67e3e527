/* sluice: the work of bench/peers on sluice as most people use it: offer and answer, default settings, the public API alone. Each
 * end is a process; the descriptions pass over a socket between them. `sluice perf` measures the direct way, without ICE. The
 * answering end is this program again, with "--answer FD" in front of its arguments.
 *
 *   sluice_pair bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS | open COUNT
 *
 * Prints one line of JSON, as bench/peers/README.md says. */
#include <ev.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer_exec.h"

#define TRIPS_MAX 4000000
#define SIZE_MAX_BYTES 262144

enum mode { BULK, PING, OPEN };

struct end {
	struct ev_loop *ev;
	sluice_loop *loop;
	sluice_env *env;
	sluice_peer *peer;
	sluice_channel *channel;
	int line; /* to the other process */
	ev_io readable;
	ev_timer over;
	enum mode mode;
	size_t size;
	double seconds;
	bool unreliable, offers, stopped;
	uint64_t sent, received, bytes, first, last, began;
	size_t count;
};

static uint8_t payload[SIZE_MAX_BYTES];
/* Not from the allocator, which may write all of it: here a page costs memory once a trip is written. */
static uint64_t trips[TRIPS_MAX];

static void must(int result, const char *what) {
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, sluice_error_text(result));
	exit(1);
}

/* ---- signalling: 4 bytes of length, then the description; a length of 0 asks the answerer for what came ---- */

static void line_write(int fd, const void *data, uint32_t len) {
	if (write(fd, &len, sizeof len) != sizeof len || write(fd, data, len) != (ssize_t)len)
		exit(1);
}

static size_t line_read(int fd, void *into, size_t size) {
	uint32_t len;
	if (recv(fd, &len, sizeof len, MSG_WAITALL) != sizeof len)
		return SIZE_MAX;
	if (len > size || (len && recv(fd, into, len, MSG_WAITALL) != (ssize_t)len))
		exit(1);
	return len;
}

static void on_gathering_state(sluice_peer *p, enum sluice_gathering_state state, void *user) {
	static char sdp[SLUICE_SDP_MAX];
	struct end *e = user;
	enum sluice_sdp_type type;
	if (state != SLUICE_GATHERING_COMPLETE)
		return;
	int len = sluice_peer_local_description(p, &type, sdp, sizeof sdp);
	must(len, "the description");
	line_write(e->line, sdp, (uint32_t)len);
}

static void on_negotiation_needed(sluice_peer *p, void *user) {
	struct end *e = user;
	if (e->offers)
		must(sluice_peer_set_local_description(p, SLUICE_SDP_OFFER, NULL), "the offer");
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	const char *why = "";
	(void)user;
	if (state == SLUICE_PEER_FAILED)
		must(sluice_peer_error(p, &why), why);
}

/* ---- the answerer ---- */

static void came(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct end *e = user;
	if (e->mode == PING)
		must(sluice_channel_send(ch, sluice_message_data(m), m->len), "the echo");
	(void)text;
	e->last = sluice_now();
	e->first = e->first ? e->first : e->last;
	e->received++;
	e->bytes += m->len;
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	sluice_channel_set_callbacks(ch, &(sluice_channel_callbacks){.on_message = came}, user);
}

static void peer_make(struct end *e);

static void on_line(struct ev_loop *ev, ev_io *w, int events) {
	static char sdp[SLUICE_SDP_MAX];
	struct end *e = w->data;
	(void)events;
	size_t len = line_read(e->line, sdp, sizeof sdp);
	if (len == SIZE_MAX) {
		ev_break(ev, EVBREAK_ALL);
	} else if (len == 0) {
		uint64_t totals[] = {e->received, e->bytes, e->last - e->first};
		line_write(e->line, totals, sizeof totals);
	} else if (e->offers) {
		must(sluice_peer_set_remote_description(e->peer, SLUICE_SDP_ANSWER, sdp, len), "the answer");
	} else {
		peer_make(e);
		must(sluice_peer_set_remote_description(e->peer, SLUICE_SDP_OFFER, sdp, len), "the offer");
		must(sluice_peer_set_local_description(e->peer, SLUICE_SDP_ANSWER, NULL), "the answer");
	}
}

/* ---- the offerer ---- */

static void fill(struct end *e) {
	while (!e->stopped && sluice_channel_send(e->channel, payload, e->size) == 0)
		e->sent++;
}

static void on_writable(sluice_channel *ch, void *user) {
	(void)ch;
	fill(user);
}

static void ping_send(struct end *e) {
	e->began = sluice_now();
	must(sluice_channel_send(e->channel, payload, e->size), "send");
}

static void on_echo(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct end *e = user;
	(void)ch, (void)m, (void)text;
	trips[e->count++] = sluice_now() - e->began;
	if (e->stopped || e->count == TRIPS_MAX)
		ev_break(e->ev, EVBREAK_ALL);
	else
		ping_send(e);
}

static void on_over(struct ev_loop *ev, ev_timer *w, int events) {
	struct end *e = w->data;
	(void)events;
	bool again = e->stopped;
	e->stopped = true;
	if (e->mode == PING)
		return;
	/* What is queued still goes. */
	if (sluice_channel_buffered_amount(e->channel) == 0 || (again && ++e->count > 20)) {
		ev_break(ev, EVBREAK_ALL);
		return;
	}
	ev_timer_set(w, 0.1, 0);
	ev_timer_start(ev, w);
}

static void on_open(sluice_channel *ch, void *user) {
	struct end *e = user;
	e->channel = ch;
	if (e->mode == OPEN) {
		trips[e->count++] = sluice_now() - e->began;
		ev_break(e->ev, EVBREAK_ALL);
		return;
	}
	ev_timer_init(&e->over, on_over, e->seconds, 0);
	e->over.data = e;
	ev_timer_start(e->ev, &e->over);
	if (e->mode == PING)
		ping_send(e);
	else
		fill(e);
}

/* ---- both ---- */

static void peer_make(struct end *e) {
	sluice_peer_free(e->peer);
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.user = e;
	config.on_state = on_state;
	config.on_channel = on_channel;
	config.on_negotiation_needed = on_negotiation_needed;
	config.on_gathering_state = on_gathering_state;
	must(sluice_peer_new(e->env, &config, &e->peer), "sluice_peer_new");
	sluice_gather_config gather = {.size = sizeof gather, .loopback = true};
	must(sluice_loop_gather(e->loop, e->peer, &gather), "sluice_loop_gather");
}

static void end_begin(struct end *e) {
	e->ev = ev_loop_new(0);
	must(sluice_env_new(NULL, &e->env), "sluice_env_new");
	must(sluice_loop_new(e->env, e->ev, &e->loop), "sluice_loop_new");
	ev_io_init(&e->readable, on_line, e->line, EV_READ);
	e->readable.data = e;
	ev_io_start(e->ev, &e->readable);
}

static void end_finish(struct end *e) {
	sluice_peer_free(e->peer);
	sluice_loop_free(e->loop);
	sluice_env_free(e->env);
}

static void channel_make(struct end *e) {
	sluice_channel_config config = {
		.label = "peers",
		.unordered = e->unreliable,
		.reliability = e->unreliable ? SLUICE_MAX_RETRANSMITS : SLUICE_RELIABLE,
		.callbacks = {.on_open = on_open, .on_writable = on_writable, .on_message = e->mode == PING ? on_echo : NULL},
		.user = e,
	};
	e->began = sluice_now();
	peer_make(e);
	must(sluice_peer_open_channel(e->peer, &config, NULL), "sluice_peer_open_channel");
	ev_run(e->ev, 0);
}

static int by_time(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static double trip(const struct end *e, double share, double unit) {
	size_t i = (size_t)((double)e->count * share);
	return e->count ? (double)trips[i < e->count ? i : e->count - 1] / unit : 0;
}

static void bulk(struct end *e) {
	uint64_t totals[3];
	channel_make(e);
	ev_io_stop(e->ev, &e->readable);
	line_write(e->line, "", 0);
	line_read(e->line, totals, sizeof totals);
	printf("\"mode\":\"bulk\",\"size\":%zu,\"reliable\":%s,\"sent\":%llu,\"received\":%llu,\"bytes\":%llu,\"seconds\":%.6f}"
	       "\n",
	       e->size, e->unreliable ? "false" : "true", (unsigned long long)e->sent, (unsigned long long)totals[0],
	       (unsigned long long)totals[1], (double)totals[2] / 1e9);
}

static void ping(struct end *e) {
	channel_make(e);
	qsort(trips, e->count, sizeof *trips, by_time);
	printf("\"mode\":\"ping\",\"size\":%zu,\"count\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f}\n", e->size,
	       e->count, trip(e, 0.5, 1e3), trip(e, 0.99, 1e3), trip(e, 0.999, 1e3));
}

static void opening(struct end *e) {
	for (size_t i = 0; i < e->size; i++)
		channel_make(e);
	qsort(trips, e->count, sizeof *trips, by_time);
	printf("\"mode\":\"open\",\"count\":%zu,\"median_ms\":%.3f,\"worst_ms\":%.3f}\n", e->count, trip(e, 0.5, 1e6),
	       trip(e, 1, 1e6));
}

static bool arguments_read(struct end *e, int argc, char **argv) {
	const char *mode = argc > 1 ? argv[1] : "";
	e->mode = strcmp(mode, "bulk") == 0 ? BULK : strcmp(mode, "ping") == 0 ? PING : OPEN;
	e->size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	e->seconds = argc > 3 ? strtod(argv[3], NULL) : 0;
	e->unreliable = argc > 4;
	if (e->mode == OPEN)
		return strcmp(mode, "open") == 0 && e->size > 0 && e->size <= TRIPS_MAX;
	return e->size > 0 && e->size <= SIZE_MAX_BYTES && e->seconds > 0;
}

static int answer(struct end *e) {
	end_begin(e);
	ev_run(e->ev, 0);
	end_finish(e);
	return 0;
}

static pid_t answerer_start(int line, int own, char **arguments) {
	char number[12];
	char *words[8] = {"--answer", number};
	pid_t child = fork();
	if (child != 0)
		return child;
	close(own);
	snprintf(number, sizeof number, "%d", line);
	for (int i = 0; i < 5 && arguments[i]; i++)
		words[2 + i] = arguments[i];
	peer_exec(words);
}

static int offer(struct end *e, char **arguments) {
	int line[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, line) < 0)
		return 1;
	pid_t child = answerer_start(line[1], line[0], arguments);
	e->line = line[0];
	close(line[1]);
	end_begin(e);
	if (child < 0)
		return 1;
	printf("{\"stack\":\"sluice\",\"version\":\"%d.%d.%d\",", SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR,
	       SLUICE_VERSION_PATCH);
	if (e->mode == BULK)
		bulk(e);
	else if (e->mode == PING)
		ping(e);
	else
		opening(e);
	fflush(stdout);
	end_finish(e);
	close(e->line);
	waitpid(child, NULL, 0);
	return 0;
}

int main(int argc, char **argv) {
	bool answers = argc > 2 && strcmp(argv[1], "--answer") == 0;
	struct end e = {.offers = !answers};
	if (!arguments_read(&e, answers ? argc - 2 : argc, answers ? argv + 2 : argv)) {
		fprintf(stderr, "usage: sluice_pair bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS | open COUNT\n");
		return 2;
	}
	if (!answers)
		return offer(&e, argv + 1);
	e.line = atoi(argv[2]);
	return answer(&e);
}
