#include "rtp/pacer.h"

#include "base/arith.h"
#include "base/clock.h"
#include "base/prefetch.h"
#include "pool/env.h"
#include "sluice/error.h"

/* 2.5 times the target. */
#define GAIN_NUMERATOR 5
#define GAIN_DENOMINATOR 2
/* Within a probe the packets are spaced nearly evenly, since their spacing is what is measured. */
#define PROBE_BURST SLUICE_MS

int pacer_open(struct pacer *p, sluice_env *env, size_t capacity, uint32_t padding) {
	*p = (struct pacer){.env = env, .capacity = capacity, .padding = padding, .rate = 1};
	struct pacer_run *runs = env_alloc(env, PACER_QUEUES * capacity * sizeof *runs);
	if (!runs)
		return SLUICE_NO_MEMORY;
	for (size_t i = 0; i < PACER_QUEUES; i++)
		p->queues[i].ring = runs + i * capacity;
	return 0;
}

void pacer_close(struct pacer *p) {
	env_free(p->env, p->queues[0].ring);
	p->queues[0].ring = NULL;
}

uint64_t pacer_rate(uint64_t target) {
	return target * GAIN_NUMERATOR / GAIN_DENOMINATOR;
}

void pacer_set_target(struct pacer *p, uint64_t target) {
	p->rate = max64(pacer_rate(target), 1);
}

void pacer_probe(struct pacer *p, uint32_t id, uint64_t rate, uint32_t packets, uint32_t bytes, uint64_t now) {
	p->probe.id = id;
	p->probe.rate = max64(rate, 1);
	p->probe.packets = packets;
	p->probe.bytes = bytes;
	p->probe.begun = false;
	p->due = clock_forward(&p->clock, now); /* what left before is no reason to wait */
}

/* ---- the queues ---- */

static struct pacer_run *run_at(const struct pacer *p, const struct pacer_queue *q, uint64_t i) {
	return &q->ring[i & (p->capacity - 1)];
}

static uint64_t bytes_of(const struct pacer_run *r, uint32_t first, uint32_t count) {
	return (uint64_t)r->size * (count - 1) + (first + count == r->count ? r->last : r->size);
}

int pacer_push(struct pacer *p, enum pacer_kind kind, const struct pacer_run *run, uint64_t now) {
	struct pacer_queue *q = &p->queues[kind];
	clock_forward(&p->clock, now);
	if (run->count == 0 || run->last == 0 || run->last > run->size)
		return SLUICE_INVALID;
	if (q->head - q->tail == p->capacity)
		return SLUICE_WOULD_BLOCK;
	*run_at(p, q, q->head++) = *run;
	p->queued += bytes_of(run, 0, run->count);
	return 0;
}

void pacer_prefetch(const struct pacer *p) {
	for (size_t i = 0; i < PACER_QUEUES; i++)
		if (p->queues[i].head != p->queues[i].tail)
			prefetch(run_at(p, &p->queues[i], p->queues[i].tail), 1);
}

/* PACER_PADDING: none has anything. */
static enum pacer_kind first_queue(const struct pacer *p) {
	enum pacer_kind kind = PACER_AUDIO;
	while (kind < PACER_QUEUES && p->queues[kind].head == p->queues[kind].tail)
		kind++;
	return kind;
}

static enum pacer_kind next_kind(const struct pacer *p) {
	enum pacer_kind kind = first_queue(p);
	return p->probe.id && !p->probe.begun && kind != PACER_AUDIO ? PACER_PADDING : kind;
}

/* ---- what may leave ---- */

static uint64_t rate_now(const struct pacer *p) {
	return p->probe.id ? p->probe.rate : p->rate;
}

static uint64_t time_of(const struct pacer *p, uint64_t bytes) {
	uint64_t rate = rate_now(p);
	/* Capped at an hour, so that no sum of times overflows. */
	return bytes < UINT64_MAX / (8 * SLUICE_S) ? min64(bytes * 8 * SLUICE_S / rate, 3600 * SLUICE_S) : 3600 * SLUICE_S;
}

/* A burst begins when the last one is over, and takes what is due within its length: how many packets of this size? */
static uint64_t allowed(const struct pacer *p, uint32_t size) {
	uint64_t end = p->burst + (p->probe.id ? PROBE_BURST : PACER_BURST), start = max64(p->due, p->clock);
	return start < end ? 1 + (end - 1 - start) / max64(time_of(p, size), 1) : 0;
}

/* A probe takes no more than it needs. */
static uint64_t probe_most(const struct pacer *p, uint32_t size) {
	return max64(p->probe.packets, (p->probe.bytes + (uint64_t)size - 1) / size);
}

static uint32_t count_of(const struct pacer *p, enum pacer_kind kind, uint32_t left, uint32_t size, uint32_t most) {
	uint64_t n = min64(left, most);
	if (kind != PACER_AUDIO)
		n = min64(n, allowed(p, size));
	if (p->probe.id)
		n = min64(n, probe_most(p, size));
	return (uint32_t)n;
}

static void account(struct pacer *p, struct pacer_grant *g) {
	uint64_t bytes = (uint64_t)g->size * (g->count - 1) + g->last;
	p->due = max64(p->due, p->clock) + time_of(p, bytes);
	g->probe = p->probe.id;
	if (!p->probe.id)
		return;
	p->probe.begun = true;
	p->probe.packets -= (uint32_t)min64(p->probe.packets, g->count);
	p->probe.bytes -= (uint32_t)min64(p->probe.bytes, bytes);
	if (p->probe.packets == 0 && p->probe.bytes == 0)
		p->probe.id = 0;
}

static bool grant_padding(struct pacer *p, uint32_t most, struct pacer_grant *g) {
	if (!p->probe.id)
		return false;
	uint32_t n = count_of(p, PACER_PADDING, p->probe.begun ? UINT32_MAX : 1, p->padding, most);
	*g = (struct pacer_grant){.kind = PACER_PADDING, .count = n, .size = p->padding, .last = p->padding, .is_end = true};
	return n > 0;
}

static bool grant_run(struct pacer *p, enum pacer_kind kind, uint32_t most, struct pacer_grant *g) {
	struct pacer_queue *q = &p->queues[kind];
	const struct pacer_run *r = run_at(p, q, q->tail);
	uint32_t n = count_of(p, kind, r->count - q->done, r->size, most);
	if (n == 0)
		return false;
	*g = (struct pacer_grant){
		.kind = kind, .handle = r->handle, .first = q->done, .count = n, .size = r->size, .last = r->size};
	q->done += n;
	g->is_end = q->done == r->count;
	p->queued -= bytes_of(r, g->first, n);
	if (g->is_end) {
		g->last = r->last;
		q->tail++;
		q->done = 0;
	}
	return true;
}

bool pacer_next(struct pacer *p, uint32_t most, uint64_t now, struct pacer_grant *out) {
	if (clock_forward(&p->clock, now) >= p->due)
		p->burst = p->clock;
	enum pacer_kind kind = next_kind(p);
	bool any = kind == PACER_PADDING ? grant_padding(p, most, out) : grant_run(p, kind, most, out);
	if (any)
		account(p, out);
	return any;
}

/* When the last burst is over, so that the next one is a whole one. */
uint64_t pacer_deadline(const struct pacer *p) {
	enum pacer_kind kind = first_queue(p);
	if (kind == PACER_AUDIO)
		return p->clock;
	if (kind == PACER_PADDING && !p->probe.id)
		return SLUICE_NEVER;
	return p->due;
}

static uint64_t count_bytes(const struct pacer *p, const struct pacer_queue *q) {
	uint64_t bytes = 0;
	for (uint64_t i = q->tail; i < q->head; i++) {
		const struct pacer_run *r = run_at(p, q, i);
		uint32_t done = i == q->tail ? q->done : 0;
		bytes += bytes_of(r, done, r->count - done);
	}
	return bytes;
}

bool pacer_check(const struct pacer *p) {
	uint64_t queued = 0;
	for (size_t i = 0; i < PACER_QUEUES; i++) {
		const struct pacer_queue *q = &p->queues[i];
		if (q->head - q->tail > p->capacity || (q->head == q->tail && q->done))
			return false;
		if (q->head > q->tail && q->done >= run_at(p, q, q->tail)->count)
			return false;
		queued += count_bytes(p, q);
	}
	return queued == p->queued && p->rate > 0 && (!p->probe.id || p->probe.packets || p->probe.bytes);
}

uint32_t pacer_split(uint32_t len, uint32_t most, uint32_t *size) {
	uint32_t count = len / most + (len % most > 0);
	*size = count ? len / count + (len % count > 0) : 0;
	/* Rounding up can leave nothing for the last one. */
	return *size ? len / *size + (len % *size > 0) : 0;
}
