#include "rtp/dependency.h"

#include <string.h>

#include "base/bytes.h"
#include "sluice/error.h"

#define IDS 64 /* templates have ids of six bits, which wrap */

/* ---- bits ---- */

struct bits {
	const uint8_t *data;
	size_t at, end; /* in bits */
	bool failed;
};

/* f(n) of the specification. */
static unsigned take(struct bits *b, unsigned n) {
	unsigned value = 0;
	if (b->failed || b->end - b->at < n) {
		b->failed = true;
		return 0;
	}
	for (; n > 0; n--, b->at++)
		value = value << 1 | (b->data[b->at / 8] >> (7 - b->at % 8) & 1);
	return value;
}

/* ns(n): one of n values; the lower ones take a bit less. */
static unsigned take_of(struct bits *b, unsigned n) {
	unsigned width = 0;
	while (n >> width)
		width++;
	unsigned shorter = (1u << width) - n, value = take(b, width - 1);
	return value < shorter ? value : (value << 1) - shorter + take(b, 1);
}

/* ---- the structure ---- */

enum { SAME_LAYER, NEXT_TEMPORAL, NEXT_SPATIAL, NO_MORE };

static void read_layers(struct bits *b, struct dependency_structure *s) {
	unsigned spatial = 0, temporal = 0, next;
	do {
		if (s->count == DEPENDENCY_TEMPLATES || spatial >= DEPENDENCY_SPATIALS || temporal >= DEPENDENCY_TEMPORALS) {
			b->failed = true;
			return;
		}
		struct dependency_template *t = &s->templates[s->count++];
		t->spatial = (uint8_t)spatial;
		t->temporal = (uint8_t)temporal;
		next = take(b, 2);
		temporal = next == NEXT_SPATIAL ? 0 : temporal + (next == NEXT_TEMPORAL);
		spatial += next == NEXT_SPATIAL;
	} while (next != NO_MORE && !b->failed);
	s->spatials = (uint8_t)(spatial + 1);
}

static void read_uses(struct bits *b, unsigned targets, struct dependency_template *t) {
	t->uses = 0;
	for (unsigned i = 0; i < targets; i++)
		t->uses |= (uint64_t)take(b, 2) << 2 * i;
}

static void add_diff(struct bits *b, struct dependency_template *t, unsigned less_one) {
	if (t->diff_count == DEPENDENCY_DIFFS)
		b->failed = true;
	else
		t->diffs[t->diff_count++] = (uint16_t)(less_one + 1);
}

static void read_chains(struct bits *b, struct dependency_structure *s) {
	s->chains = (uint8_t)take_of(b, s->targets + 1u);
	for (unsigned i = 0; s->chains && i < s->targets; i++)
		s->protected_by[i] = (uint8_t)take_of(b, s->chains);
	for (unsigned i = 0; i < s->count; i++)
		for (unsigned c = 0; c < s->chains; c++)
			s->templates[i].chain_diffs[c] = (uint8_t)take(b, 4);
}

static void read_resolutions(struct bits *b, struct dependency_structure *s) {
	s->resolutions = take(b, 1);
	for (unsigned i = 0; s->resolutions && i < s->spatials; i++) {
		s->width[i] = (uint16_t)take(b, 16);
		s->height[i] = (uint16_t)take(b, 16);
	}
}

static void read_structure(struct bits *b, struct dependency_structure *s) {
	memset(s, 0, sizeof *s);
	s->offset = (uint8_t)take(b, 6);
	s->targets = (uint8_t)(take(b, 5) + 1);
	s->active = (uint32_t)((UINT64_C(1) << s->targets) - 1);
	read_layers(b, s);
	for (unsigned i = 0; i < s->count && !b->failed; i++)
		read_uses(b, s->targets, &s->templates[i]);
	for (unsigned i = 0; i < s->count && !b->failed; i++)
		while (take(b, 1))
			add_diff(b, &s->templates[i], take(b, 4));
	read_chains(b, s);
	read_resolutions(b, s);
}

/* ---- the frame ---- */

struct extended {
	bool attached, active, uses, diffs, chains;
};

static struct extended read_flags(struct bits *b) {
	struct extended e = {0};
	e.attached = take(b, 1);
	e.active = take(b, 1);
	e.uses = take(b, 1);
	e.diffs = take(b, 1);
	e.chains = take(b, 1);
	return e;
}

static unsigned index_of(const struct dependency_structure *s, unsigned id) {
	return (id - s->offset) % IDS;
}

/* What the template says, save what the descriptor says of this frame alone. */
static void read_frame(struct bits *b, const struct dependency_structure *s, struct extended e, struct dependency *out) {
	struct dependency_template *t = &out->frame;
	unsigned size;
	*t = s->templates[index_of(s, out->template_id)];
	if (e.uses)
		read_uses(b, s->targets, t);
	if (e.diffs)
		for (t->diff_count = 0; (size = take(b, 2));)
			add_diff(b, t, take(b, 4 * size));
	for (unsigned c = 0; e.chains && c < s->chains; c++)
		t->chain_diffs[c] = (uint8_t)take(b, 8);
	out->attached = e.attached;
	out->keyframe = e.attached && t->diff_count == 0;
	out->width = s->width[t->spatial];
	out->height = s->height[t->spatial];
}

static bool is_late(const struct dependency_structure *s, uint16_t number) {
	return s->count > 0 && (uint16_t)(s->frame - number - 1) < DEPENDENCY_LATE;
}

/* The rest of a descriptor that has one. `s` is the structure that it is read with; it becomes the attached one. */
static int read_extended(struct dependency_structure *s, struct bits *b, struct dependency *out) {
	struct extended e = read_flags(b);
	if (e.attached) {
		read_structure(b, s);
		s->frame = out->number;
	}
	if (b->failed)
		return SLUICE_MALFORMED;
	if (s->count == 0)
		return SLUICE_NOT_FOUND;
	if (e.active)
		s->active = take(b, s->targets);
	if (index_of(s, out->template_id) >= s->count)
		return e.attached ? SLUICE_MALFORMED : SLUICE_NOT_FOUND;
	read_frame(b, s, e, out);
	return b->failed ? SLUICE_MALFORMED : 0;
}

/* An attached structure is read to one side first. */
static int read_attached(struct dependency_structure *s, struct bits *b, struct dependency *out) {
	struct dependency_structure fresh;
	int result = read_extended(&fresh, b, out);
	if (result == 0 && !is_late(s, out->number))
		*s = fresh;
	return result;
}

/* Without a structure only the active targets change, and those only when all of it was good. */
static int read_known(struct dependency_structure *s, struct bits *b, struct dependency *out) {
	uint32_t active = s->active;
	int result = read_extended(s, b, out);
	if (result < 0)
		s->active = active;
	return result;
}

#define ATTACHED 0x80 /* in the fourth byte */

int dependency_read(struct dependency_structure *s, const uint8_t *data, size_t len, struct dependency *out) {
	if (len < DEPENDENCY_LEAST)
		return SLUICE_MALFORMED;
	struct bits b = {.data = data, .at = 8 * DEPENDENCY_LEAST, .end = 8 * len};
	out->starts = data[0] & 0x80;
	out->ends = data[0] & 0x40;
	out->template_id = data[0] & 0x3F;
	out->number = get_be16(data + 1);
	if (len > DEPENDENCY_LEAST)
		return data[DEPENDENCY_LEAST] & ATTACHED ? read_attached(s, &b, out) : read_known(s, &b, out);
	if (index_of(s, out->template_id) >= s->count)
		return SLUICE_NOT_FOUND;
	read_frame(&b, s, (struct extended){0}, out);
	return 0;
}

/* ---- for a forwarder ---- */

/* The layers that a target reaches are those of the templates that it needs. */
static void reach_of(const struct dependency_structure *s, unsigned target, int *spatial, int *temporal) {
	*spatial = *temporal = -1;
	for (unsigned i = 0; i < s->count; i++) {
		const struct dependency_template *t = &s->templates[i];
		if (dependency_use_of(t, target) == DEPENDENCY_ABSENT)
			continue;
		*spatial = t->spatial > *spatial ? t->spatial : *spatial;
		*temporal = t->temporal > *temporal ? t->temporal : *temporal;
	}
}

int dependency_choose(const struct dependency_structure *s, unsigned spatial, unsigned temporal) {
	int best = -1, best_spatial = -1, best_temporal = -1, has_spatial, has_temporal;
	for (unsigned target = 0; target < s->targets; target++) {
		reach_of(s, target, &has_spatial, &has_temporal);
		if (!(s->active >> target & 1) || has_spatial < 0 || has_spatial > (int)spatial || has_temporal > (int)temporal)
			continue;
		if (has_spatial < best_spatial || (has_spatial == best_spatial && has_temporal <= best_temporal))
			continue;
		best = (int)target;
		best_spatial = has_spatial;
		best_temporal = has_temporal;
	}
	return best;
}

/* An attached structure's template_id_offset is the six bits behind the five flags. */
static void shift_offset(uint8_t *at, unsigned add) {
	unsigned word = get_be16(at), offset = ((word >> 5) + add) % IDS;
	put_be16(at, (uint16_t)((word & ~(63u << 5)) | offset << 5));
}

void dependency_rewrite(uint8_t *data, size_t len, uint16_t number, unsigned add) {
	data[0] = (uint8_t)((data[0] & 0xC0) | (data[0] + add) % IDS);
	put_be16(data + 1, number);
	if (len > DEPENDENCY_LEAST + 1 && (data[DEPENDENCY_LEAST] & ATTACHED))
		shift_offset(data + DEPENDENCY_LEAST, add);
}

bool dependency_structure_check(const struct dependency_structure *s) {
	bool good = s->count <= DEPENDENCY_TEMPLATES && s->targets <= DEPENDENCY_TARGETS && !s->count == !s->targets &&
	            s->chains <= s->targets && s->offset < IDS && s->active <= (UINT64_C(1) << s->targets) - 1;
	for (unsigned i = 0; good && i < s->targets; i++)
		good = s->chains == 0 || s->protected_by[i] < s->chains;
	for (unsigned i = 0; good && i < s->count; i++)
		good = s->templates[i].spatial < s->spatials && s->spatials <= DEPENDENCY_SPATIALS &&
		       s->templates[i].temporal < DEPENDENCY_TEMPORALS && s->templates[i].diff_count <= DEPENDENCY_DIFFS;
	return good;
}
