/* way.c: the queue, the dice and the ring of way.h. */
#include "line/way.h"

#include <stdlib.h>

/* The least queue: two packets of Ethernet's size. */
#define QUEUE_LEAST 3000
/* The ring has room for twice as many bytes as the line holds, and this: small packets have their records, too. */
#define RING_EXTRA (4u << 20)

/* In the ring, before the memory of a train. */
struct record {
	uint64_t begin; /* when its first byte leaves */
	uint64_t index; /* of its first packet */
	struct line_train train;
	uint32_t next; /* packet to come out */
};

static size_t aligned(size_t n) {
	return (n + 7) & ~(size_t)7;
}

/* Rounded up, so that the rate is never exceeded. */
static uint64_t time_of(const struct line_way *w, uint64_t bytes) {
	return (bytes * 8 * 1000000000u + w->config.rate - 1) / w->config.rate;
}

static uint64_t queue_at(const struct line_way *w, uint64_t now) {
	return w->free_at > now ? (uint64_t)((double)(w->free_at - now) * (double)w->config.rate / 8e9) : 0;
}

bool line_way_open(struct line_way *w, const struct line_config *config, unsigned direction) {
	uint64_t under_way = (uint64_t)((double)config->rate * (double)config->delay / 8e9);
	*w = (struct line_way){.config = *config, .waits_from = UINT64_MAX};
	if (!w->config.queue)
		w->config.queue = 2 * under_way;
	if (w->config.queue < QUEUE_LEAST)
		w->config.queue = QUEUE_LEAST;
	w->config.seed = config->seed * 2 + direction;
	w->size = aligned(2 * (under_way + w->config.queue) + RING_EXTRA);
	w->space = malloc(w->size);
	return w->space;
}

void line_way_close(struct line_way *w) {
	free(w->space);
	w->space = NULL;
}

/* ---- the ring: records from head to tail, or from head to `wrapped` and from 0 to tail ---- */

static struct record *record_at(const struct line_way *w, size_t at) {
	return (struct record *)(void *)(w->space + at);
}

static bool is_empty(const struct line_way *w) {
	return w->head == w->tail && !w->wrapped;
}

uint8_t *line_way_room(struct line_way *w, size_t size) {
	size_t need = aligned(sizeof(struct record) + size);
	if (is_empty(w))
		w->head = w->tail = 0;
	if (!w->wrapped && w->size - w->tail < need && w->head >= need) {
		w->wrapped = w->tail;
		w->tail = 0;
	}
	size_t until = w->wrapped ? w->head : w->size;
	return until - w->tail >= need ? w->space + w->tail + sizeof(struct record) : NULL;
}

static void release(struct line_way *w) {
	w->head += aligned(sizeof(struct record) + record_at(w, w->head)->train.len);
	if (w->wrapped && w->head == w->wrapped)
		w->head = w->wrapped = 0;
}

/* ---- in ---- */

/* Of packets that arrive together, those in front find room in the queue. */
static uint32_t fitting(const struct line_way *w, const struct line_train *t, uint64_t queue) {
	if (queue + t->bytes <= w->config.queue)
		return t->count;
	uint64_t room = w->config.queue > queue ? w->config.queue - queue : 0;
	uint64_t n = room / t->segment;
	return n < t->count ? (uint32_t)n : t->count - 1;
}

static uint64_t bytes_until(const struct line_train *t, uint32_t count) {
	return count < t->count ? (uint64_t)count * t->segment : t->bytes;
}

void line_way_refuse(struct line_way *w, const struct line_train *train) {
	w->counters.offered += train->count;
	w->counters.dropped += train->count;
}

/* Those in a train wait for one another, too. Some nanoseconds for each packet. */
static void count_waits(struct line_way *w, const struct record *r, uint64_t now) {
	for (uint32_t i = 0; i < r->train.count; i++)
		histogram_add(&w->waits, r->begin - now + time_of(w, bytes_until(&r->train, i)));
}

void line_way_put(struct line_way *w, const struct line_train *train, uint64_t now) {
	uint64_t queue = queue_at(w, now), begin = w->free_at > now ? w->free_at : now;
	uint32_t count = fitting(w, train, queue);
	w->counters.offered += train->count;
	w->counters.dropped += train->count - count;
	if (count == 0)
		return;
	struct record *r = record_at(w, w->tail);
	*r = (struct record){.begin = begin, .index = w->accepted, .train = *train};
	r->train.bytes = (uint32_t)bytes_until(train, count);
	r->train.count = count;
	w->accepted += count;
	if (now >= w->waits_from)
		count_waits(w, r, now);
	w->free_at = begin + time_of(w, r->train.bytes);
	if (queue + r->train.bytes > w->counters.longest_queue)
		w->counters.longest_queue = queue + r->train.bytes;
	w->tail += aligned(sizeof *r + train->len);
}

/* ---- out ---- */

static uint64_t due_of(const struct line_way *w, const struct record *r, uint32_t packet) {
	return r->begin + time_of(w, bytes_until(&r->train, packet + 1)) + w->config.delay;
}

/* SplitMix64's finish: neighbouring numbers become unrelated ones. */
static uint64_t mixed(uint64_t x) {
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static bool is_lost(const struct line_way *w, uint64_t index) {
	uint64_t dice = mixed(mixed(w->config.seed + 0x9e3779b97f4a7c15u) + index * 0x9e3779b97f4a7c15u);
	return (double)(dice >> 11) * 0x1p-53 < w->config.loss;
}

uint64_t line_way_due(const struct line_way *w) {
	const struct record *r = record_at(w, w->head);
	return is_empty(w) ? UINT64_MAX : due_of(w, r, r->next);
}

static bool is_due(const struct line_way *w, const struct record *r, uint64_t now) {
	return r->next < r->train.count && due_of(w, r, r->next) <= now;
}

/* The packets of this record that come out now. Lost ones before them are passed over. */
static bool take_from(struct line_way *w, struct record *r, uint64_t now, struct line_run *run) {
	for (; is_due(w, r, now) && is_lost(w, r->index + r->next); r->next++)
		w->counters.lost++;
	run->memory = (const uint8_t *)(r + 1);
	run->len = r->train.len;
	run->first = r->next;
	for (; is_due(w, r, now) && !is_lost(w, r->index + r->next); r->next++)
		;
	run->count = r->next - run->first;
	w->counters.carried += run->count;
	w->counters.carried_bytes += bytes_until(&r->train, r->next) - bytes_until(&r->train, run->first);
	return run->count > 0;
}

bool line_way_take(struct line_way *w, uint64_t now, struct line_run *run) {
	while (!is_empty(w)) {
		struct record *r = record_at(w, w->head);
		if (r->next == r->train.count)
			release(w);
		else if (take_from(w, r, now, run))
			return true;
		else if (r->next < r->train.count)
			return false;
	}
	return false;
}
