#include "rtp/ccfb_report.h"

#include <string.h>

#include "base/arith.h"
#include "pool/env.h"
#include "rtp/feedback_interval.h"
#include "rtp/rtcp.h"
#include "sluice/error.h"

#define RUNS 8           /* of one report, */
#define WORDS 512        /* and the packets in all of them */
#define OFFSET_UNIT 1024 /* of a second */
#define TIMESTAMP_UNIT 65536

/* ---- what came ---- */

void ccfb_came_clear(struct ccfb_came *c) {
	c->highest = 0;
	c->next = 1;
	if (c->arrivals)
		memset(c->arrivals, 0xFF, c->capacity * sizeof *c->arrivals);
}

int ccfb_came_open(struct ccfb_came *c, sluice_env *env, size_t capacity) {
	*c = (struct ccfb_came){.arrivals = env_alloc(env, capacity * sizeof *c->arrivals), .capacity = capacity};
	ccfb_came_clear(c);
	return c->arrivals ? 0 : SLUICE_NO_MEMORY;
}

void ccfb_came_close(struct ccfb_came *c, sluice_env *env) {
	env_free(env, c->arrivals);
	*c = (struct ccfb_came){.arrivals = NULL};
}

static bool has_news(const struct ccfb_came *c) {
	return c->arrivals && c->next <= c->highest;
}

bool ccfb_came_check(const struct ccfb_came *c) {
	return !c->arrivals || (c->next <= c->highest + 1 && (!has_news(c) || c->highest - c->next < c->capacity));
}

static uint64_t *place(const struct ccfb_came *c, uint64_t number) {
	return &c->arrivals[number & (c->capacity - 1)];
}

/* A jump beyond the ring leaves nothing of it. What falls out of it unreported is never told of. */
static void advance_to(struct ccfb_came *c, uint64_t number) {
	if (c->highest == 0 || number - c->highest >= c->capacity) {
		ccfb_came_clear(c);
		c->next = number;
	}
	for (uint64_t n = c->highest ? c->highest + 1 : number; n < number; n++)
		*place(c, n) = SLUICE_NEVER;
	c->highest = number;
	if (number - c->next >= c->capacity && c->next <= number)
		c->next = number - c->capacity + 1;
}

void ccfb_came_take(struct ccfb_came *c, struct ccfb_report *r, uint64_t number, size_t size, uint64_t now) {
	if (number > c->highest)
		advance_to(c, number);
	else if (c->highest - number >= c->capacity || *place(c, number) != SLUICE_NEVER)
		return;
	*place(c, number) = now;
	c->next = min64(c->next, number);
	r->bytes += size;
	if (r->since == 0)
		r->since = now;
	if (r->due == SLUICE_NEVER)
		r->due = now + r->interval;
	if (c->highest - c->next >= c->capacity / 2)
		r->due = now;
}

/* ---- what is told ---- */

void ccfb_report_init(struct ccfb_report *r) {
	*r = (struct ccfb_report){.due = SLUICE_NEVER, .interval = FEEDBACK_INTERVAL_MIN};
}

/* RFC 8888, 3.1 has the offset in 1/1024 s before the timestamp. Both are cut to one grid of that unit, so that times of two
 * reports differ by what the arrivals do. */
static uint64_t ticks(uint64_t ntp) {
	return mul_div64(ntp, OFFSET_UNIT, SLUICE_S);
}

static struct rtcp_ccfb_word word_of(uint64_t arrival, uint64_t now, uint64_t ntp) {
	if (arrival == SLUICE_NEVER)
		return (struct rtcp_ccfb_word){.received = false};
	uint64_t offset = ticks(ntp) - ticks(ntp - (now - arrival));
	return (struct rtcp_ccfb_word){.received = true,
	                               .offset = offset <= RTCP_CCFB_OFFSET_MAX ? (uint16_t)offset : RTCP_CCFB_OFFSET_OVER};
}

/* One report while it is made. */
struct making {
	struct rtcp_ccfb_run runs[RUNS];
	struct ccfb_came *of[RUNS];
	struct rtcp_ccfb_word words[WORDS];
	size_t run_count, word_count;
};

static void add_run(struct making *m, const struct ccfb_told *t, uint64_t now, uint64_t ntp) {
	struct ccfb_came *c = t->came;
	uint64_t count = min64(c->highest - c->next + 1, WORDS - m->word_count);
	struct rtcp_ccfb_word *words = m->words + m->word_count;
	for (uint64_t i = 0; i < count; i++)
		words[i] = word_of(*place(c, c->next + i), now, ntp);
	m->of[m->run_count] = c;
	m->runs[m->run_count++] = (struct rtcp_ccfb_run){t->ssrc, (uint16_t)c->next, (uint16_t)count, words};
	m->word_count += count;
}

/* What was written of a run is behind us. */
static void settle(struct making *m) {
	for (size_t i = 0; i < m->run_count; i++)
		m->of[i]->next += (uint16_t)(m->runs[i].base - (uint16_t)m->of[i]->next);
}

static bool gather(struct making *m, const struct ccfb_told *streams, size_t count, uint64_t now, uint64_t ntp) {
	m->run_count = m->word_count = 0;
	for (size_t i = 0; i < count && m->run_count < RUNS && m->word_count < WORDS; i++)
		if (has_news(streams[i].came))
			add_run(m, &streams[i], now, ntp);
	return m->run_count > 0;
}

int ccfb_report_write(struct rtcp_writer *w, uint32_t ssrc, const struct ccfb_told *streams, size_t count, uint64_t now,
                      uint64_t ntp) {
	struct making m;
	uint32_t timestamp = (uint32_t)(ticks(ntp) * (TIMESTAMP_UNIT / OFFSET_UNIT));
	while (gather(&m, streams, count, now, ntp)) {
		int whole = rtcp_write_ccfb(w, ssrc, timestamp, m.runs, m.run_count);
		if (whole < 0)
			return SLUICE_NO_SPACE;
		settle(&m);
		if ((size_t)whole < m.run_count)
			return SLUICE_NO_SPACE;
	}
	return 0;
}

void ccfb_report_done(struct ccfb_report *r, uint64_t now) {
	r->due = SLUICE_NEVER;
	r->interval = feedback_interval(r->interval, r->bytes, now > r->since ? now - r->since : 1);
	r->bytes = 0;
	r->since = now;
}
