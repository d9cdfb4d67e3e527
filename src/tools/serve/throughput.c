/* throughput: the channel "throughput": as many bytes as the path takes, one way at a time.
 *
 *   to us    {"type":"down","seconds":5,"size":65536}   send me messages of that size for so long
 *            {"type":"up"}                              I am going to send; then binary messages, then
 *            {"type":"end"}
 *            {"type":"stop"}                            no more, please
 *   from us  {"type":"progress","bytes":n,"ms":t}       (up) what has come, about five times a second
 *            {"type":"done","direction":"down"|"up","bytes":n,"ms":t}   (down) behind the last message
 *            {"type":"error","text":"..."} */
#include <stdlib.h>
#include <string.h>

#include "tools/serve/service.h"

#define SECONDS_MAX 60.
#define SIZE_MAX_BYTES 262144
#define PROGRESS_SECONDS 0.2
/* What may wait in our buffer: enough to fill any path, little enough that the end comes soon. */
#define HIGH_WATER (1 << 20)
/* Messages in one turn of the loop; then others have theirs. */
#define BURST 64

enum direction { IDLE, DOWN, UP };

struct throughput {
	struct service service;
	enum direction direction;
	size_t size;
	uint64_t bytes;
	double began_at, until, told_at;
	ev_timer timer; /* down: the end, or the next burst */
};

/* Content does not matter: nothing on the way compresses. It is lent, never copied. */
static uint8_t block[SIZE_MAX_BYTES];

static double now(const struct throughput *t) {
	return ev_now(t->service.client->serve->ev);
}

static json_t *report(const struct throughput *t, const char *type) {
	return json_pack("{s:s, s:s, s:I, s:f}", "type", type, "direction", t->direction == DOWN ? "down" : "up", "bytes",
	                 (json_int_t)t->bytes, "ms", (now(t) - t->began_at) * 1e3);
}

/* ---- down -------------------------------------------------------------------------------------------------------- */

static void finish(struct throughput *t) {
	if (!service_say(&t->service, report(t, "done")))
		return; /* the buffer is full; on_writable comes here again */
	ev_timer_stop(t->service.client->serve->ev, &t->timer);
	t->direction = IDLE;
}

static void wait_for(struct throughput *t, double seconds) {
	struct ev_loop *ev = t->service.client->serve->ev;
	ev_timer_stop(ev, &t->timer);
	ev_timer_set(&t->timer, seconds, 0.);
	ev_timer_start(ev, &t->timer);
}

static void pour(struct throughput *t) {
	struct iovec iov = {.iov_base = block, .iov_len = t->size};
	for (int i = 0; i < BURST; i++) {
		if (now(t) >= t->until) {
			finish(t);
			return;
		}
		int error = sluice_channel_sendv(t->service.channel, false, &iov, 1, NULL, NULL);
		if (error == SLUICE_WOULD_BLOCK) {
			wait_for(t, t->until - now(t)); /* at the latest; on_writable is likely to come before */
			return;
		}
		if (error) {
			service_fail(&t->service, "cannot send: %s", sluice_error_text(error));
			t->direction = IDLE;
			return;
		}
		t->bytes += t->size;
	}
	wait_for(t, 0.);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct throughput *t = w->data;
	if (t->direction == DOWN)
		pour(t);
}

static void throughput_writable(struct service *sv) {
	struct throughput *t = (struct throughput *)sv;
	if (t->direction == DOWN)
		pour(t);
}

/* ---- up ---------------------------------------------------------------------------------------------------------- */

static void count(struct throughput *t, size_t len) {
	if (t->bytes == 0)
		t->began_at = t->told_at = now(t);
	t->bytes += len;
	if (now(t) - t->told_at < PROGRESS_SECONDS)
		return;
	t->told_at = now(t);
	service_say(&t->service, report(t, "progress"));
}

/* ---- what is asked ----------------------------------------------------------------------------------------------- */

static void start_counting(struct throughput *t, enum direction direction) {
	t->direction = direction;
	t->bytes = 0;
	t->began_at = t->told_at = now(t);
}

static void start_down(struct throughput *t, const json_t *object) {
	double seconds = json_number_value(json_object_get(object, "seconds"));
	json_int_t size = json_integer_value(json_object_get(object, "size"));
	uint64_t largest = sluice_channel_max_message_size(t->service.channel);
	if (!(seconds > 0 && seconds <= SECONDS_MAX) || size < 1 || size > SIZE_MAX_BYTES || (uint64_t)size > largest) {
		service_complain(&t->service, "seconds or size are out of range");
		return;
	}
	start_counting(t, DOWN);
	t->size = (size_t)size;
	t->until = t->began_at + seconds;
	pour(t);
}

static void command(struct throughput *t, const char *type, const json_t *object) {
	if (t->direction == IDLE && strcmp(type, "down") == 0)
		start_down(t, object);
	else if (t->direction == IDLE && strcmp(type, "up") == 0)
		start_counting(t, UP);
	else if (t->direction == UP && (strcmp(type, "end") == 0 || strcmp(type, "stop") == 0))
		finish(t);
	else if (t->direction == DOWN && strcmp(type, "stop") == 0)
		t->until = now(t);
	else if (strcmp(type, "stop") != 0)
		service_complain(&t->service, "not now, or not understood");
}

static void throughput_opened(struct service *sv) {
	struct throughput *t = (struct throughput *)sv;
	sluice_channel_set_high_water(sv->channel, HIGH_WATER);
	ev_timer_init(&t->timer, on_timer, 0., 0.);
	t->timer.data = t;
}

static void throughput_message(struct service *sv, sluice_message *m, bool text) {
	struct throughput *t = (struct throughput *)sv;
	if (!text) {
		if (t->direction == UP)
			count(t, m->len);
		return;
	}
	json_t *object = service_read(m, text);
	command(t, object_type(object), object);
	json_decref(object);
}

static void throughput_closed(struct service *sv) {
	struct throughput *t = (struct throughput *)sv;
	ev_timer_stop(sv->client->serve->ev, &t->timer);
}

const struct service_kind throughput_kind = {
	.label = "throughput",
	.size = sizeof(struct throughput),
	.opens_at_once = 5,
	.open_interval = SLUICE_S,
	.limit = 1,
	.opened = throughput_opened,
	.message = throughput_message,
	.writable = throughput_writable,
	.closed = throughput_closed,
};
