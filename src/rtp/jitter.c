#include "rtp/jitter.h"

#include <string.h>

#include "base/arith.h"
#include "base/serial.h"
#include "sluice/error.h"

/* Out of the way of packets in order, which then need fewer registers saved. */
#define RARE __attribute__((noinline, cold))

#define LINE 64 /* of the cache: what one thread writes shares none with what the other one does */
/* An unwrapped timestamp lies above the first, and not so far that its ns need more than 63 bits. */
#define LEAST_TICKS (SERIAL_ORIGIN / 2)
#define MOST_TICKS (UINT64_C(1) << 44)
#define LATEST_REPAIR (INT64_C(5) * 1000000000)
#define FAR_FUTURE (2 * PLAYOUT_MOST)

struct jitter {
	/* Constant after jitter_new(). */
	const struct payload_format *format;
	void (*release)(void *ctx, void *owner);
	void *ctx;
	uint64_t tick;
	struct jitter_slot *slot;
	uint64_t mask;  /* slots - 1 */
	uint32_t slots; /* a power of two */
	bool audio;
	uint64_t longest_step; /* 120 ms, as long as an Opus packet can be */
	sluice_env *env;
	struct payload_slice *pieces; /* the player writes them */

	/* The network thread writes these, the player reads them. */
	char apart_1[LINE];
	_Atomic uint64_t end;   /* behind the highest position that came */
	_Atomic uint64_t base;  /* what is before it is passed unplayed; 0: nothing came yet */
	_Atomic int64_t offset; /* media time + offset: due */

	/* The network thread alone. */
	uint64_t freed;     /* slots of positions before it are free; the head as this thread last saw it */
	uint64_t now;       /* the latest */
	uint64_t timestamp; /* of the highest position */
	uint32_t room;      /* slots; 0: the next packet is looked at closely even if its number is the next one */
	uint16_t shift;     /* position + shift: its sequence number */
	uint64_t counts[JITTER_PUSHES];
	struct playout playout;
	uint32_t behind; /* packets in a row behind the head */
	uint64_t restarts;

	/* The player writes it, the network thread reads it. */
	char apart_2[LINE];
	_Atomic uint64_t head; /* the lowest position that is not passed */

	/* The player alone. scan.count == at - head while no unit is given. */
	uint64_t adopted; /* the base that the scan knows */
	uint64_t at;      /* the next position for the scan */
	struct frame_scan scan;
	uint64_t passing; /* head < passing: a unit is given and ends before it */
	uint64_t step;    /* audio: timestamp ticks from one packet to the next; 0: not known */
	uint64_t played;  /* audio: timestamp of the packet before `at`; 0: it was not played */
	bool whole;       /* the scan's unit is whole, but not due yet */
	bool telling; /* at == head: packets that begin no unit belong to a loss that was told, or came before the first unit */
	char apart_3[LINE];
};

static struct jitter_slot *slot_of(struct jitter *j, uint64_t position) {
	return &j->slot[position & j->mask];
}

/* The tag of a free slot is that of a position whose slot is the next one. */
static bool is_free(const struct jitter *j, uint32_t index) {
	return (atomic_load_explicit(&j->slot[index].tag, memory_order_relaxed) & j->mask) != index;
}

static bool slot_has(const struct jitter_slot *s, uint64_t position) {
	return atomic_load_explicit(&s->tag, memory_order_acquire) == (uint32_t)position;
}

/* ---- its life ---- */

/* The first cache line that begins at p or behind it. */
static uint8_t *line_of(uint8_t *p) {
	return p + (-(uintptr_t)p & (LINE - 1));
}

struct jitter *jitter_new(sluice_env *env, const struct jitter_config *config) {
	uint32_t clock_rate = config->clock_rate ? config->clock_rate : config->format->clock_rate;
	uint32_t slots = config->format->audio ? JITTER_AUDIO_SLOTS : JITTER_VIDEO_SLOTS;
	size_t size = sizeof(struct jitter) + slots * (sizeof(struct jitter_slot) + sizeof(struct payload_slice));
	struct jitter *j = env_zalloc(env, size + LINE);
	if (!j)
		return NULL;
	j->env = env;
	j->format = config->format;
	j->slots = slots;
	j->mask = slots - 1;
	j->audio = config->format->audio;
	j->release = config->release;
	j->ctx = config->ctx;
	j->slot = (struct jitter_slot *)(void *)line_of((uint8_t *)(j + 1));
	j->pieces = (struct payload_slice *)(void *)&j->slot[slots];
	playout_init(&j->playout, clock_rate, !config->format->audio);
	j->tick = j->playout.tick;
	j->longest_step = clock_rate * UINT64_C(120) / 1000;
	for (uint32_t i = 0; i < slots; i++)
		atomic_init(&j->slot[i].tag, i + 1);
	return j;
}

void jitter_free(struct jitter *j) {
	if (!j)
		return;
	for (uint32_t i = 0; i < j->slots; i++)
		if (!is_free(j, i))
			j->release(j->ctx, j->slot[i].owner);
	env_free(j->env, j);
}

/* ---- the network thread ---- */

/* The time does not go back. */
static inline uint64_t later(struct jitter *j, uint64_t now) {
	if (__builtin_expect(now < j->now, 0))
		return j->now;
	return j->now = now;
}

static void set_offset(struct jitter *j) {
	if (j->playout.any)
		atomic_store_explicit(&j->offset, playout_offset(&j->playout), memory_order_relaxed);
}

static inline void reap(struct jitter *j) {
	uint64_t head = atomic_load_explicit(&j->head, memory_order_acquire);
	while (j->freed < head) {
		uint32_t position = (uint32_t)j->freed;
		struct jitter_slot *s = slot_of(j, j->freed++);
		if (atomic_load_explicit(&s->tag, memory_order_relaxed) != position)
			continue;
		atomic_store_explicit(&s->tag, position + 1, memory_order_relaxed);
		j->release(j->ctx, s->owner);
	}
}

void jitter_reap(struct jitter *j) {
	reap(j);
}

/* What is before `position` is not played. The next packet is `position`. */
static void move_base(struct jitter *j, uint64_t position) {
	j->behind = 0;
	atomic_store_explicit(&j->end, position, memory_order_release);
	atomic_store_explicit(&j->base, position, memory_order_release);
}

static void start(struct jitter *j, const struct rtp_packet *p) {
	j->freed = SERIAL_ORIGIN + p->sequence;
	j->timestamp = SERIAL_ORIGIN + p->timestamp;
	move_base(j, j->freed);
}

static void start_anew(struct jitter *j, uint64_t end, const struct rtp_packet *p) {
	j->restarts++;
	playout_reset(&j->playout);
	j->shift = (uint16_t)(p->sequence - end);
	move_base(j, end);
}

/* A sender whose timestamps only ever jump could move the unwrapped one out of what the arithmetic of times can take. It is then
 * unwrapped anew, which is one more jump. */
static inline bool is_in_range(uint64_t timestamp) {
	return timestamp - LEAST_TICKS < MOST_TICKS;
}

static uint64_t unwrap_timestamp(const struct jitter *j, uint32_t timestamp) {
	uint64_t t = serial_unwrap(timestamp, j->timestamp);
	return is_in_range(t) ? t : SERIAL_ORIGIN + timestamp;
}

static inline unsigned bits_of(const struct rtp_packet *p, int said) {
	return (unsigned)said | (p->marker ? PAYLOAD_MARKER : 0);
}

static inline void fill_slot(struct jitter *j, uint64_t position, const struct rtp_packet *p, unsigned bits, uint64_t timestamp,
                             void *owner) {
	struct jitter_slot *s = slot_of(j, position);
	s->len = (uint16_t)p->payload_len;
	s->bits = (uint16_t)bits;
	s->payload = p->payload;
	s->timestamp = timestamp;
	s->owner = owner;
	atomic_store_explicit(&s->tag, (uint32_t)position, memory_order_release);
}

/* Before the slot's tag is stored: a player that sees the packet sees that the end is behind it. */
static inline void move_end(struct jitter *j, uint64_t position, uint64_t timestamp) {
	j->timestamp = timestamp;
	atomic_store_explicit(&j->end, position + 1, memory_order_relaxed);
}

/* A frame of video takes as long as its last packet. */
static inline bool ends_frame(const struct jitter *j, unsigned bits) {
	return j->audio || (bits & PAYLOAD_MARKER);
}

static void sample(struct jitter *j, uint64_t timestamp, uint64_t now) {
	playout_sample(&j->playout, timestamp, now);
	set_offset(j);
}

static enum jitter_push take(struct jitter *j, uint64_t position, const struct rtp_packet *p, unsigned bits, void *owner,
                             uint64_t now) {
	bool in_order = position >= atomic_load_explicit(&j->end, memory_order_relaxed);
	if (position - j->freed >= j->slots) {
		move_base(j, position + 1);
		return JITTER_FULL;
	}
	uint64_t timestamp = unwrap_timestamp(j, p->timestamp);
	/* A retransmission says nothing about the way of the first. */
	if (!j->playout.any || (ends_frame(j, bits) && (in_order || j->audio)))
		sample(j, timestamp, now);
	if (in_order)
		move_end(j, position, timestamp);
	fill_slot(j, position, p, bits, timestamp, owner);
	return JITTER_TAKEN;
}

/* After an outage, retransmissions come in bursts, too late and ahead of new packets. Their timestamps are those of packets
 * that were passed a short time ago. They say nothing about a new stream. */
static bool is_late_repair(const struct jitter *j, const struct rtp_packet *p) {
	uint32_t back = (uint32_t)j->timestamp - p->timestamp;
	return playout_media_time(j->tick, back) < LATEST_REPAIR;
}

/* Sets the packet's position, unless it has none. */
static enum jitter_push place(struct jitter *j, const struct rtp_packet *p, uint64_t now, uint64_t *position) {
	uint64_t end = atomic_load_explicit(&j->end, memory_order_relaxed);
	int ahead = (int16_t)(uint16_t)(p->sequence - (uint16_t)(end + j->shift));
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
static void set_room(struct jitter *j) {
	j->room = j->playout.any && !j->behind ? j->slots : 0;
}

/* Any packet, at any state. */
RARE static enum jitter_push push_any(struct jitter *j, const struct rtp_packet *p, int said, void *owner, uint64_t now) {
	enum jitter_push result = JITTER_MALFORMED;
	uint64_t position;
	reap(j);
	if (said >= 0 && p->payload_len <= UINT16_MAX)
		result = place(j, p, now, &position);
	if (result == JITTER_TAKEN)
		result = take(j, position, p, bits_of(p, said), owner, now);
	set_room(j);
	j->counts[result]++;
	return result;
}

static inline bool is_next(const struct jitter *j, const struct rtp_packet *p, int said, uint64_t position) {
	return p->sequence == (uint16_t)(position + j->shift) && position - j->freed < j->room && said >= 0 &&
	       p->payload_len <= UINT16_MAX;
}

/* The slots that the player has passed are freed when the packet has its own: there was room. */
static inline enum jitter_push put_next(struct jitter *j, const struct rtp_packet *p, unsigned bits, uint64_t timestamp,
                                        void *owner) {
	uint64_t position = atomic_load_explicit(&j->end, memory_order_relaxed);
	move_end(j, position, timestamp);
	fill_slot(j, position, p, bits, timestamp, owner);
	j->counts[JITTER_TAKEN]++;
	reap(j);
	return JITTER_TAKEN;
}

/* The next packet, which is no usual sample. */
__attribute__((noinline)) static enum jitter_push push_sample(struct jitter *j, const struct rtp_packet *p, unsigned bits,
                                                              void *owner, uint64_t now) {
	uint64_t timestamp = unwrap_timestamp(j, p->timestamp);
	sample(j, timestamp, now);
	return put_next(j, p, bits, timestamp, owner);
}

/* Each way out of here but the last is a function of its own, so that few registers are saved. */
enum jitter_push jitter_push(struct jitter *j, const struct rtp_packet *packet, int said, void *owner, uint64_t now) {
	now = later(j, now);
	if (!is_next(j, packet, said, atomic_load_explicit(&j->end, memory_order_relaxed)))
		return push_any(j, packet, said, owner, now);
	unsigned bits = bits_of(packet, said);
	uint64_t timestamp = serial_unwrap(packet->timestamp, j->timestamp);
	if (ends_frame(j, bits)) {
		/* A usual one lies near the others. In each of their spans is one that is not usual, whose range is looked at. */
		if (!playout_sample_usual(&j->playout, timestamp, now))
			return push_sample(j, packet, bits, owner, now);
	} else if (!is_in_range(timestamp)) {
		return push_any(j, packet, said, owner, now);
	}
	return put_next(j, packet, bits, timestamp, owner);
}

void jitter_set_rtt(struct jitter *j, uint64_t rtt, uint64_t now) {
	playout_set_rtt(&j->playout, rtt, later(j, now));
	set_offset(j);
}

void jitter_set_delay(struct jitter *j, uint64_t delay, uint64_t now) {
	playout_fix(&j->playout, delay, later(j, now));
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
		if (is_free(j, i))
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
static inline uint64_t due_of(struct jitter *j, uint64_t timestamp, uint64_t now) {
	int64_t due = playout_media_time(j->tick, timestamp) + atomic_load_explicit(&j->offset, memory_order_relaxed);
	if ((uint64_t)due <= now)
		return (uint64_t)due;
	if (due < 0)
		return 0;
	return (uint64_t)due - now > FAR_FUTURE ? now : (uint64_t)due;
}

/* The slots will not last until the units are due. */
static bool is_pressed(struct jitter *j, uint64_t end) {
	return end - head_of(j) > j->slots / 4 * 3;
}

static enum jitter_pull tell_lost(struct jitter *j, uint64_t to, struct jitter_unit *out) {
	*out = (struct jitter_unit){.lost = to - head_of(j)};
	j->at = to;
	j->played = 0;
	pass_to(j, to);
	j->telling = true;
	return JITTER_LOST;
}

static inline uint64_t base_of(struct jitter *j) {
	return atomic_load_explicit(&j->base, memory_order_acquire);
}

static void scan_anew(struct jitter *j) {
	frame_scan_break(&j->scan, 0);
	j->at = head_of(j);
	j->whole = false;
}

/* The network thread said what shall not be played any more. What comes behind the base does not follow what came before it, even
 * if all of that was played. True: it is a loss that nobody has been told of. */
static bool adopt_base(struct jitter *j, uint64_t base, struct jitter_unit *out) {
	uint64_t head = head_of(j);
	scan_anew(j);
	j->adopted = base;
	j->played = 0;
	if (head >= base)
		return false;
	tell_lost(j, base, out);
	out->restarted = head != 0;
	return out->restarted;
}

/* The packet at `at` is passed, or what was before it is. True: it is a loss that nobody has been told of. */
RARE static bool break_unit(struct jitter *j, enum frame_step step, unsigned bits, struct jitter_unit *out) {
	if (step == FRAME_PASS) {
		pass_to(j, ++j->at);
		return false;
	}
	bool told = j->telling && j->at == head_of(j);
	j->at += step == FRAME_BROKEN;
	frame_scan_break(&j->scan, step == FRAME_BROKEN ? bits : 0);
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

/* The scan may have met what came behind a base that it does not know: such a packet's tag was stored behind the base. The next
 * call adopts it. */
static inline bool has_new_base(struct jitter *j) {
	return __builtin_expect(base_of(j) != j->adopted, 0);
}

RARE static enum jitter_pull leave_to_next_call(struct jitter *j, uint64_t now, struct jitter_unit *out) {
	scan_anew(j);
	return wait_until(now, out);
}

/* The packet at `at` is not there. */
RARE static enum jitter_pull at_gap(struct jitter *j, uint64_t now, struct jitter_unit *out) {
	uint64_t end = atomic_load_explicit(&j->end, memory_order_acquire), behind = j->at + 1;
	while (behind < end && !slot_has(slot_of(j, behind), behind))
		behind++;
	if (has_new_base(j))
		return leave_to_next_call(j, now, out);
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
static inline void learn_step(struct jitter *j, uint64_t timestamp) {
	uint64_t step = timestamp - j->played;
	j->played = timestamp;
	if (step != j->step && step <= j->longest_step)
		j->step = step;
}

/* Is a unit given now that is due then? */
static inline bool is_time(struct jitter *j, uint64_t due, uint64_t now) {
	return due <= now || is_pressed(j, atomic_load_explicit(&j->end, memory_order_relaxed));
}

/* Calls itself for as many fillers as there are slots. */
RARE static enum jitter_pull pass_filler(struct jitter *j, uint64_t now, struct jitter_unit *out) {
	j->played = 0;
	pass_to(j, ++j->at);
	return jitter_pull(j, now, out);
}

/* A packet is a unit, so there is nothing to scan. A decoder can start with each. */
static inline enum jitter_pull pull_audio(struct jitter *j, uint64_t now, struct jitter_unit *out) {
	uint64_t at = j->at;
	const struct jitter_slot *s = slot_of(j, at);
	if (!slot_has(s, at))
		return at_gap(j, now, out);
	if (s->len == 0)
		return pass_filler(j, now, out);
	uint64_t timestamp = s->timestamp, due = due_of(j, timestamp, now);
	if (!is_time(j, due, now))
		return wait_until(due, out);
	out->first = at;
	out->count = 1;
	out->timestamp = (uint32_t)timestamp;
	out->due = due;
	out->bytes = s->len;
	out->keyframe = true;
	out->temporal = out->spatial = 0;
	j->passing = j->at = at + 1;
	learn_step(j, timestamp);
	return JITTER_UNIT;
}

/* The scan's unit is whole. */
static inline enum jitter_pull give(struct jitter *j, uint64_t now, struct jitter_unit *out) {
	const struct frame_scan *s = &j->scan;
	uint64_t due = due_of(j, s->timestamp, now);
	if (!is_time(j, due, now))
		return wait_until(due, out);
	out->first = head_of(j);
	out->count = s->count;
	out->timestamp = (uint32_t)s->timestamp;
	out->due = due;
	out->bytes = s->bytes;
	out->keyframe = s->bits & PAYLOAD_KEYFRAME;
	out->temporal = (uint8_t)payload_temporal(s->bits);
	out->spatial = (uint8_t)payload_spatial(s->bits);
	j->passing = j->at;
	j->whole = j->telling = false;
	frame_scan_next(&j->scan);
	return JITTER_UNIT;
}

/* Scans up to the end of a unit. JITTER_UNIT: it is whole. */
static inline enum jitter_pull scan_unit(struct jitter *j, uint64_t now, struct jitter_unit *out) {
	struct jitter_slot *slot = j->slot;
	uint64_t mask = j->mask, at = j->at;
	for (;; at++) {
		const struct jitter_slot *s = &slot[at & mask];
		if (!slot_has(s, at)) {
			j->at = at;
			return at_gap(j, now, out);
		}
		const struct frame_packet p = {.timestamp = s->timestamp, .bits = s->bits, .len = s->len};
		enum frame_step step = frame_scan_add(&j->scan, j->format, &p);
		if (step == FRAME_MORE)
			continue;
		if (step == FRAME_WHOLE || step == FRAME_WHOLE_BEFORE) {
			j->at = at + (step == FRAME_WHOLE);
			j->whole = true;
			return JITTER_UNIT;
		}
		j->at = at;
		if (has_new_base(j))
			return leave_to_next_call(j, now, out);
		if (break_unit(j, step, p.bits, out))
			return JITTER_LOST;
		at = j->at - 1;
	}
}

/* In a function of its own: audio needs fewer registers saved. */
__attribute__((noinline)) static enum jitter_pull pull_video(struct jitter *j, uint64_t now, struct jitter_unit *out) {
	if (!j->whole) {
		enum jitter_pull result = scan_unit(j, now, out);
		if (result != JITTER_UNIT)
			return result;
		if (has_new_base(j))
			return leave_to_next_call(j, now, out);
	}
	return give(j, now, out);
}

RARE static enum jitter_pull pull_from_base(struct jitter *j, uint64_t base, uint64_t now, struct jitter_unit *out) {
	return adopt_base(j, base, out) ? JITTER_LOST : jitter_pull(j, now, out);
}

enum jitter_pull jitter_pull(struct jitter *j, uint64_t now, struct jitter_unit *out) {
	uint64_t base = base_of(j);
	if (head_of(j) < j->passing)
		pass_to(j, j->passing);
	if (base != j->adopted)
		return pull_from_base(j, base, now, out);
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
	if (head < j->passing)
		return j->passing == j->at && j->scan.count == 0;
	return j->scan.count == j->at - head && (!j->whole || j->scan.count > 0);
}
