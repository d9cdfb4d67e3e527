/* carry.c: the loop of carry.h. */
#include "line/carry.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "line/train.h"

/* Trains that are fetched from a device before what is due is looked at again. */
#define BATCH 64

#define PAUSE_LEAST 50000 /* ns */
#define PAUSE_MOST 200000

static uint64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct timespec span(uint64_t ns) {
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

static uint64_t pause_of(uint64_t delay) {
	uint64_t pause = delay / 100;
	return pause < PAUSE_LEAST ? PAUSE_LEAST : pause > PAUSE_MOST ? PAUSE_MOST : pause;
}

bool line_open(struct line *l, struct line_ends *ends, const struct line_config *config) {
	*l = (struct line){.ends = ends, .pause = pause_of(config->delay)};
	for (unsigned i = 0; i < 2; i++)
		if (!line_way_open(&l->ways[i], config, i)) {
			line_close(l);
			return false;
		}
	return true;
}

void line_close(struct line *l) {
	for (unsigned i = 0; i < 2; i++)
		line_way_close(&l->ways[i]);
}

void line_hurry(enum line_hurry before) {
	struct sched_param p = {.sched_priority = (int)before};
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p);
	prctl(PR_SET_TIMERSLACK, 1);
}

/* ---- one turn ---- */

/* Without room in the ring the train is fetched all the same, and dropped. */
static bool fetch_one(struct line_way *w, int device, uint64_t at) {
	static uint8_t spare[LINE_TRAIN_MAX];
	struct line_train train;
	uint8_t *room = line_way_room(w, LINE_TRAIN_MAX);
	ssize_t n = read(device, room ? room : spare, LINE_TRAIN_MAX);
	if (n <= 0)
		return false;
	if (!line_train_read(&train, room ? room : spare, (size_t)n))
		return true;
	if (room)
		line_way_put(w, &train, at);
	else
		line_way_refuse(w, &train);
	return true;
}

static bool fetch(struct line_way *w, int device) {
	uint64_t at = now();
	int n = 0;
	while (n < BATCH && fetch_one(w, device, at))
		n++;
	return n > 0;
}

/* A device that is gone takes nothing; the packet is lost then, as on a cable that was pulled. */
static bool hand_over(struct line_way *w, int device) {
	struct line_run run;
	bool any = false;
	for (uint64_t at = now(); line_way_take(w, at, &run); any = true) {
		uint8_t heads[LINE_HEADS_MAX];
		struct iovec pieces[2];
		line_train_cut(&run, heads, pieces);
		(void)!writev(device, pieces, 2);
	}
	return any;
}

static bool turn(struct line *l) {
	bool moved = false;
	for (int i = 0; i < 2; i++) {
		moved |= fetch(&l->ways[i], l->ends->devices[i]);
		moved |= hand_over(&l->ways[i], l->ends->devices[!i]);
	}
	return moved;
}

/* ---- the loop ---- */

static uint64_t next_event(const struct line *l, uint64_t until) {
	for (int i = 0; i < 2; i++) {
		uint64_t due = line_way_due(&l->ways[i]);
		until = due < until ? due : until;
	}
	return until;
}

bool line_carry(struct line *l, int stop, uint64_t until) {
	struct pollfd fds[3] = {{l->ends->devices[0], POLLIN, 0}, {l->ends->devices[1], POLLIN, 0}, {stop, POLLIN, 0}};
	const struct timespec pause = span(l->pause);
	for (;;) {
		if (turn(l))
			clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		uint64_t at = now(), next = next_event(l, until);
		if (at >= until)
			return false;
		struct timespec wait = span(next > at ? next - at : 0);
		if (ppoll(fds, 3, &wait, NULL) < 0 && errno != EINTR)
			return false;
		if (fds[2].revents)
			return true;
	}
}
