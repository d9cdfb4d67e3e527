#include "rtp/jitter.h"

#include <string.h>

#include "base/arith.h"
#include "base/serial.h"
#include "sluice/error.h"

/* Out of the way of packets in order, which then need fewer registers saved. */
#define RARE __attribute__((noinline, cold))

#define APART 64 /* what one thread writes shares no cache line with what the other one does */
/* An unwrapped timestamp lies above the first, and not so far that its ns need more than 63 bits. */
#define LEAST_TICKS (SERIAL_ORIGIN / 2)
#define MOST_TICKS (UINT64_C(1) << 44)
#define LATEST_REPAIR (INT64_C(5) * 1000000000)
#define FAR_FUTURE (2 * PLAYOUT_MOST)

struct jitter {
	/* Constant after jitter_new(). */
	sluice_env *env;
	const struct payload_format *format;
	uint64_t tick;
	uint64_t longest_step; /* 120 ms, as long as an Opus packet can be */
	uint32_t slots;        /* a power of two */
	uint64_t mask;         /* slots - 1 */
	bool audio;
	void (*release)(void *ctx, void *owner);
	void *ctx;

	/* The network thread writes these, the player reads them. */
	char apart_1[APART];
	_Atomic uint64_t end;   /* behind the highest position that came */
	_Atomic uint64_t base;  /* what is before it is passed unplayed; 0: nothing came yet */
	_Atomic int64_t offset; /* media time + offset: due */

	/* The network thread alone. */
	uint64_t freed;     /* slots of positions before it are free; the head as this thread last saw it */
	uint64_t now;       /* the latest */
	uint64_t timestamp; /* of the highest position */
	uint32_t behind;    /* packets in a row behind the head */
	uint16_t wire;      /* the sequence number of position `end` */
	uint64_t counts[JITTER_PUSHES];
	uint64_t restarts;
	struct playout playout;

	/* The player writes it, the network thread reads it. */
	char apart_2[APART];
	_Atomic uint64_t head; /* the lowest position that is not passed */

	/* The player alone. scan.count == at - head while no unit is given. */
	uint64_t at;        /* the next position for the scan */
	uint64_t passing;   /* the unit that was given ends before it; 0: none was */
	uint64_t step;      /* audio: timestamp ticks from one packet to the next; 0: not known */
	uint64_t played;    /* audio: timestamp of the last packet */
	uint64_t played_at; /* its position */
	struct frame_scan scan;
	bool whole;   /* the scan's unit is whole, but not due yet */
	bool telling; /* packets that begin no unit belong to a loss that was told, or came before the first unit */
	struct payload_slice *pieces;
	char apart_3[APART];

	struct jitter_slot slot[];
};

static struct jitter_slot *slot_of(struct jitter *j, uint64_t position) {
	return &j->slot[position & j->mask];
}

/* The tag of a free slot would be that of a position whose slot is the next one. */
static uint32_t free_tag(uint32_t index) {
	return index + 1;
}

static bool slot_has(const struct jitter_slot *s, uint64_t position) {
	return atomic_load_explicit(&s->tag, memory_order_acquire) == (uint32_t)position;
}

/* ---- its life ---- */

struct jitter *jitter_new(sluice_env *env, const struct jitter_config *config) {
	uint32_t clock_rate = config->clock_rate ? config->clock_rate : config->format->clock_rate;
	uint32_t slots = config->format->audio ? JITTER_AUDIO_SLOTS : JITTER_VIDEO_SLOTS;
	size_t size = sizeof(struct jitter) + slots * (sizeof(struct jitter_slot) + sizeof(struct payload_slice));
	struct jitter *j = env_zalloc(env, size);
	if (!j)
		return NULL;
	j->env = env;
	j->format = config->format;
	j->slots = slots;
	j->mask = slots - 1;
	j->audio = config->format->audio;
	j->release = config->release;
	j->ctx = config->ctx;
	j->pieces = (struct payload_slice *)(void *)&j->slot[slots];
	playout_init(&j->playout, clock_rate, !config->format->audio);
	j->tick = j->playout.tick;
	j->longest_step = clock_rate * UINT64_C(120) / 1000;
	for (uint32_t i = 0; i < slots; i++)
		atomic_init(&j->slot[i].tag, free_tag(i));
	return j;
}

void jitter_free(struct jitter *j) {
	if (!j)
		return;
	for (uint32_t i = 0; i < j->slots; i++)
		if (atomic_load_explicit(&j->slot[i].tag, memory_order_relaxed) != free_tag(i))
			j->release(j->ctx, j->slot[i].owner);
	env_free(j->env, j);
}

/* ---- the network thread ---- */

static void set_offset(struct jitter *j) {
	if (j->playout.any)
		atomic_store_explicit(&j->offset, playout_offset(&j->playout), memory_order_relaxed);
}

static inline void reap(struct jitter *j) {
	uint64_t head = atomic_load_explicit(&j->head, memory_order_acquire), p = j->freed, mask = j->mask;
	if (head <= p)
		return;
	for (; p < head; p++) {
		uint32_t index = (uint32_t)(p & mask);
		struct jitter_slot *s = &j->slot[index];
		if (atomic_load_explicit(&s->tag, memory_order_relaxed) != (uint32_t)p)
			continue;
		atomic_store_explicit(&s->tag, free_tag(index), memory_order_relaxed);
		j->release(j->ctx, s->owner);
	}
	j->freed = head;
}

void jitter_reap(struct jitter *j) {
	reap(j);
}

/* What is before `position` is not played. The next packet is `position`, with this sequence number. */
static void move_base(struct jitter *j, uint64_t position, uint16_t sequence) {
	j->wire = sequence;
	j->behind = 0;
	atomic_store_explicit(&j->end, position, memory_order_release);
	atomic_store_explicit(&j->base, position, memory_order_release);
}

static void start(struct jitter *j, const struct rtp_packet *p) {
	j->freed = SERIAL_ORIGIN + p->sequence;
	j->timestamp = SERIAL_ORIGIN + p->timestamp;
	move_base(j, j->freed, p->sequence);
}

static void start_anew(struct jitter *j, uint64_t end, const struct rtp_packet *p) {
	j->restarts++;
	playout_reset(&j->playout);
	move_base(j, end, p->sequence);
}

/* A sender whose timestamps only ever jump could move the unwrapped one out of what the arithmetic of times can take. It is then
 * unwrapped anew, which is one more jump. */
static uint64_t unwrap_timestamp(const struct jitter *j, uint32_t timestamp) {
	uint64_t t = serial_unwrap(timestamp, j->timestamp);
	return t - LEAST_TICKS < MOST_TICKS ? t : SERIAL_ORIGIN + timestamp;
}

/* A frame of video takes as long as its last packet, and a retransmission says nothing about the way of the first. */
static inline bool is_sample(const struct jitter *j, unsigned bits, bool in_order) {
	return j->audio || !j->playout.any || (in_order && (bits & PAYLOAD_MARKER));
}

static void sample(struct jitter *j, uint64_t timestamp, uint64_t now) {
	if (playout_sample(&j->playout, timestamp, now))
		set_offset(j);
}

static inline enum jitter_push take(struct jitter *j, uint64_t position, const struct rtp_packet *p, unsigned bits, void *owner,
                                    uint64_t now) {
	bool in_order = position >= atomic_load_explicit(&j->end, memory_order_relaxed);
	if (position - j->freed >= j->slots) {
		move_base(j, position + 1, (uint16_t)(p->sequence + 1));
		return JITTER_FULL;
	}
	uint64_t timestamp = unwrap_timestamp(j, p->timestamp);
	if (is_sample(j, bits, in_order))
		sample(j, timestamp, now);
	struct jitter_slot *s = slot_of(j, position);
	s->len = (uint16_t)p->payload_len;
	s->bits = (uint16_t)bits;
	s->timestamp = timestamp;
	s->payload = p->payload;
	s->owner = owner;
	atomic_store_explicit(&s->tag, (uint32_t)position, memory_order_release);
	if (in_order) {
		j->timestamp = timestamp;
		j->wire = (uint16_t)(p->sequence + 1);
		atomic_store_explicit(&j->end, position + 1, memory_order_release);
	}
	return JITTER_TAKEN;
}

/* After an outage, retransmissions come in bursts, too late and ahead of new packets. Their timestamps are those of packets
 * that were passed a short time ago. They say nothing about a new stream. */
static bool is_late_repair(const struct jitter *j, const struct rtp_packet *p) {
	uint32_t back = (uint32_t)j->timestamp - p->timestamp;
	return playout_media_time(j->tick, back) < LATEST_REPAIR;
}

/* The packet has not the number that comes next. Sets its position, unless it has none. */
RARE static enum jitter_push place(struct jitter *j, const struct rtp_packet *p, uint64_t now, uint64_t *position) {
	uint64_t end = atomic_load_explicit(&j->end, memory_order_relaxed);
	int ahead = (int16_t)(uint16_t)(p->sequence - j->wire);
	*position = end + (uint64_t)(int64_t)ahead;
	if (end == 0) {
		start(j, p);
		*position = j->freed;
	} else if (ahead >= JITTER_JUMP) {
		start_anew(j, *position = end, p);
	} else if (ahead > 0) {
		playout_gap(&j->playout, now);
		set_offset(j);
	} else if (*position < j->freed || *position < atomic_load_explicit(&j->base, memory_order_relaxed)) {
		if (is_late_repair(j, p) || ++j->behind < JITTER_BEHIND)
			return JITTER_LATE;
		start_anew(j, *position = end, p);
	} else if (slot_has(slot_of(j, *position), *position)) {
		j->behind = 0;
		return JITTER_DUPLICATE;
	}
	j->behind = 0;
	return JITTER_TAKEN;
}

/* `behind` counts packets in a row, so it is 0 behind one that came in order. */
static inline bool is_next(const struct jitter *j, const struct rtp_packet *p, uint64_t end) {
	return __builtin_expect(p->sequence == j->wire && end && !j->behind, 1);
}

static inline enum jitter_push put(struct jitter *j, const struct rtp_packet *p, unsigned bits, void *owner, uint64_t now) {
	uint64_t position = atomic_load_explicit(&j->end, memory_order_relaxed);
	if (!is_next(j, p, position)) {
		uint64_t elsewhere;
		enum jitter_push result = place(j, p, now, &elsewhere);
		if (result != JITTER_TAKEN)
			return result;
		position = elsewhere;
	}
	return take(j, position, p, bits, owner, now);
}

enum jitter_push jitter_push(struct jitter *j, const struct rtp_packet *packet, void *owner, uint64_t now) {
	int said = packet->payload_len ? j->format->parse(packet->payload, packet->payload_len) : 0;
	enum jitter_push result = JITTER_MALFORMED;
	now = j->now = max64(j->now, now);
	reap(j);
	if (said >= 0 && packet->payload_len <= UINT16_MAX)
		result = put(j, packet, (unsigned)said | (packet->marker ? PAYLOAD_MARKER : 0), owner, now);
	j->counts[result]++;
	return result;
}

void jitter_set_rtt(struct jitter *j, uint64_t rtt, uint64_t now) {
	playout_set_rtt(&j->playout, rtt, j->now = max64(j->now, now));
	set_offset(j);
}

void jitter_set_delay(struct jitter *j, uint64_t delay, uint64_t now) {
	playout_fix(&j->playout, delay, j->now = max64(j->now, now));
	set_offset(j);
}

uint64_t jitter_delay(const struct jitter *j) {
	return j->playout.delay;
}

uint64_t jitter_count(const struct jitter *j, enum jitter_push result) {
	return j->counts[result];
}

uint64_t jitter_restarts(const struct jitter *j) {
	return j->restarts;
}

bool jitter_check(struct jitter *j) {
	uint64_t end = atomic_load_explicit(&j->end, memory_order_relaxed);
	uint64_t base = atomic_load_explicit(&j->base, memory_order_relaxed);
	for (uint32_t i = 0; i < j->slots; i++) {
		uint32_t tag = atomic_load_explicit(&j->slot[i].tag, memory_order_relaxed);
		uint64_t position = serial_unwrap(tag, end);
		if (tag == free_tag(i))
			continue;
		if ((position & j->mask) != i || position < j->freed || position >= end || position - j->freed >= j->slots)
			return false;
	}
	return base <= end && j->freed <= end && playout_check(&j->playout);
}

/* ---- the player's thread ---- */

static uint64_t head_of(struct jitter *j) {
	return atomic_load_explicit(&j->head, memory_order_relaxed);
}

static void pass_to(struct jitter *j, uint64_t position) {
	atomic_store_explicit(&j->head, position, memory_order_release);
}

/* Arrival is never before the smallest difference says, so nothing is due later than the longest delay from now: unless the
 * timestamps jumped. Then it is due at once. */
static uint64_t due_of(struct jitter *j, uint64_t timestamp, uint64_t now) {
	int64_t due = playout_media_time(j->tick, timestamp) + atomic_load_explicit(&j->offset, memory_order_relaxed);
	if (due < 0)
		return 0;
	return (uint64_t)due > now && (uint64_t)due - now > FAR_FUTURE ? now : (uint64_t)due;
}

/* The slots will not last until the units are due. */
static bool is_pressed(struct jitter *j, uint64_t end) {
	return end - head_of(j) > j->slots / 4 * 3;
}

static enum jitter_pull tell_lost(struct jitter *j, uint64_t to, struct jitter_unit *out) {
	*out = (struct jitter_unit){.lost = to - head_of(j)};
	j->at = to;
	pass_to(j, to);
	j->telling = true;
	return JITTER_LOST;
}

/* The network thread said what shall not be played any more. */
RARE static bool adopt_base(struct jitter *j, uint64_t base, struct jitter_unit *out) {
	bool first = head_of(j) == 0;
	frame_scan_break(&j->scan, 0);
	j->whole = false;
	tell_lost(j, base, out);
	out->restarted = !first;
	return !first;
}

/* Looks at the packet at `at`. True: packets were passed that nobody has been told of. */
static bool scan_one(struct jitter *j, const struct jitter_slot *s, struct jitter_unit *out) {
	const struct frame_packet p = {.timestamp = s->timestamp, .bits = s->bits, .len = s->len};
	switch (frame_scan_add(&j->scan, j->format, &p)) {
	case FRAME_MORE:
		j->at++;
		j->telling = false;
		return false;
	case FRAME_WHOLE:
		j->at++;
		j->whole = true;
		return false;
	case FRAME_WHOLE_BEFORE:
		j->whole = true;
		return false;
	case FRAME_PASS:
		pass_to(j, ++j->at);
		return false;
	case FRAME_BROKEN:
		j->at++;
		frame_scan_break(&j->scan, p.bits);
		break;
	case FRAME_BROKEN_BEFORE:
		frame_scan_break(&j->scan, 0);
		break;
	}
	bool told = j->telling;
	tell_lost(j, j->at, out);
	return !told;
}

/* How many of the missing packets before this timestamp are due; *next is when the first of them is. Audio loses them one by one,
 * as they would have been played: the k-th before the packet behind the gap is due k steps before that. */
static uint64_t missing_due(struct jitter *j, uint64_t missing, uint64_t timestamp, uint64_t now, uint64_t *next) {
	uint64_t step = (uint64_t)playout_media_time(j->tick, j->step);
	*next = due_of(j, timestamp, now);
	if (*next <= now)
		return missing;
	if (step == 0)
		return 0;
	uint64_t waiting = min64(missing, (*next - now + step - 1) / step - 1);
	*next -= min64(*next, missing * step);
	return missing - waiting;
}

static enum jitter_pull wait_until(uint64_t next, struct jitter_unit *out) {
	*out = (struct jitter_unit){.next = next};
	return JITTER_EMPTY;
}

/* The packet at `at` is not there. */
RARE static enum jitter_pull at_gap(struct jitter *j, uint64_t now, struct jitter_unit *out) {
	uint64_t end = atomic_load_explicit(&j->end, memory_order_acquire), behind = j->at + 1;
	while (behind < end && !slot_has(slot_of(j, behind), behind))
		behind++;
	if (behind >= end)
		return wait_until(SLUICE_NEVER, out);
	uint64_t missing = behind - j->at, next;
	uint64_t lost = missing_due(j, missing, slot_of(j, behind)->timestamp, now, &next);
	if (is_pressed(j, end))
		lost = missing;
	if (lost == 0)
		return wait_until(next, out);
	frame_scan_break(&j->scan, 0);
	return tell_lost(j, j->at + lost, out);
}

/* The step is that of two packets in a row; silence is no step. */
static void learn_step(struct jitter *j, uint64_t position, uint64_t timestamp) {
	uint64_t step = timestamp - j->played;
	if (position == j->played_at + 1 && step <= j->longest_step)
		j->step = step;
	j->played = timestamp;
	j->played_at = position;
}

/* Gives a unit that ends before `behind`, when it is due. */
static inline enum jitter_pull give(struct jitter *j, const struct frame_scan *s, uint64_t behind, uint64_t now,
                                    struct jitter_unit *out) {
	uint64_t due = due_of(j, s->timestamp, now);
	if (due > now && !is_pressed(j, atomic_load_explicit(&j->end, memory_order_relaxed)))
		return wait_until(due, out);
	unsigned bits = s->bits;
	out->lost = 0;
	out->restarted = false;
	out->first = head_of(j);
	out->count = s->count;
	out->timestamp = (uint32_t)s->timestamp;
	out->due = due;
	out->bytes = s->bytes;
	out->keyframe = bits & PAYLOAD_KEYFRAME;
	out->temporal = (uint8_t)payload_temporal(bits);
	out->spatial = (uint8_t)payload_spatial(bits);
	j->passing = j->at = behind;
	j->telling = false;
	return JITTER_UNIT;
}

/* A packet is a unit, so there is nothing to scan. */
static enum jitter_pull pull_audio(struct jitter *j, uint64_t now, struct jitter_unit *out) {
	for (;;) {
		uint64_t at = j->at;
		const struct jitter_slot *s = slot_of(j, at);
		if (!slot_has(s, at))
			return at_gap(j, now, out);
		if (s->len) {
			struct frame_scan unit = {.count = 1, .bits = s->bits, .bytes = s->len, .timestamp = s->timestamp};
			enum jitter_pull result = give(j, &unit, at + 1, now, out);
			if (result == JITTER_UNIT)
				learn_step(j, at, unit.timestamp);
			return result;
		}
		pass_to(j, j->at = at + 1);
	}
}

/* In a function of its own: audio needs fewer registers saved. */
__attribute__((noinline)) static enum jitter_pull pull_video(struct jitter *j, uint64_t now, struct jitter_unit *out) {
	while (!j->whole) {
		const struct jitter_slot *s = slot_of(j, j->at);
		if (!slot_has(s, j->at))
			return at_gap(j, now, out);
		if (scan_one(j, s, out))
			return JITTER_LOST;
	}
	enum jitter_pull result = give(j, &j->scan, j->at, now, out);
	if (result == JITTER_UNIT) {
		j->whole = false;
		frame_scan_next(&j->scan);
	}
	return result;
}

enum jitter_pull jitter_pull(struct jitter *j, uint64_t now, struct jitter_unit *out) {
	if (j->passing) {
		pass_to(j, j->passing);
		j->passing = 0;
	}
	uint64_t base = atomic_load_explicit(&j->base, memory_order_acquire);
	if (head_of(j) < base && adopt_base(j, base, out))
		return JITTER_LOST;
	return j->audio ? pull_audio(j, now, out) : pull_video(j, now, out);
}

size_t jitter_pieces(struct jitter *j, const struct payload_slice **pieces) {
	size_t n = 0;
	for (uint64_t p = head_of(j); p < j->passing; p++) {
		const struct jitter_slot *s = slot_of(j, p);
		if (s->len)
			j->pieces[n++] = (struct payload_slice){.data = s->payload, .len = s->len};
	}
	*pieces = j->pieces;
	return n;
}

int jitter_assemble(struct jitter *j, enum payload_form form, uint8_t *space, size_t size) {
	const struct payload_slice *pieces;
	size_t n = jitter_pieces(j, &pieces);
	return n ? j->format->assemble(pieces, n, form, space, size) : SLUICE_WRONG_STATE;
}

bool jitter_check_player(struct jitter *j) {
	uint64_t head = head_of(j), end = atomic_load_explicit(&j->end, memory_order_acquire);
	if (j->at > end || head > j->at)
		return false;
	if (j->passing)
		return j->passing == j->at && head < j->passing && j->scan.count == 0;
	return j->scan.count == j->at - head && (!j->whole || j->scan.count > 0);
}
