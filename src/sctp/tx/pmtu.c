#include "sctp/tx/pmtu.h"

/* Sizes that links have, less what IPv6, UDP, DTLS and a relay's header take of them: jumbo Ethernet, FDDI's successors in radio
 * and cable, a buffer of 2 KB at the other end, Ethernet. Largest first. */
static const uint32_t common[] = {8908, 4260, 1960, 1408};

/* UDP payloads of 1,400 bytes, which pass most tunnels, and of 1,452, all that Ethernet has for IPv6; less the same headers. */
static const uint32_t cautious[] = {1356, 1408};

void pmtu_init(struct pmtu *p, uint32_t base, uint32_t max, bool is_cautious) {
	base &= ~3u;
	max &= ~3u;
	*p = (struct pmtu){.base = base, .max = max > base ? max : base, .passed = base, .cautious = is_cautious};
	p->failed = p->max + 4;
}

void pmtu_start(struct pmtu *p) {
	pmtu_init(p, p->base, p->max, p->cautious);
	p->phase = p->max > p->base ? PMTU_BASE : PMTU_OFF;
}

/* ---- what next? ---- */

/* A gain smaller than this is not worth a probe that is most likely lost. */
static uint32_t step(const struct pmtu *p) {
	uint32_t part = p->passed / 32 & ~3u;
	return part > 16 ? part : 16;
}

static bool is_open(const struct pmtu *p, uint32_t size) {
	return size > p->passed && size < p->failed && size <= p->max;
}

static uint32_t common_size(const struct pmtu *p) {
	for (unsigned i = 0; i < sizeof common / sizeof *common; i++)
		if (is_open(p, common[i]))
			return common[i];
	return 0;
}

static bool is_common(uint32_t size) {
	for (unsigned i = 0; i < sizeof common / sizeof *common; i++)
		if (common[i] == size)
			return true;
	return false;
}

static uint32_t cautious_size(const struct pmtu *p) {
	for (unsigned i = 0; p->cautious && i < sizeof cautious / sizeof *cautious; i++)
		if (is_open(p, cautious[i]))
			return cautious[i];
	return 0;
}

/* First a size that somebody named, or one that a cautious search begins with; then, beyond a size that paths have, a little
 * more, which most likely settles it; then all that is possible, which on a path within a machine is all there is to do; then
 * sizes of links, and the middle of what is left. */
static uint32_t choose(struct pmtu *p) {
	uint32_t wanted = p->wanted;
	p->wanted = 0;
	if (is_open(p, wanted)) {
		p->likely = true;
		return wanted;
	}
	if (p->failed - p->passed <= step(p) || p->passed >= p->max)
		return 0;
	uint32_t first = cautious_size(p);
	if (first)
		return first;
	if (p->likely) {
		p->likely = false;
		uint32_t more = p->passed + step(p);
		return more < p->max ? more : p->max;
	}
	if (p->failed > p->max)
		return p->max;
	uint32_t link = common_size(p);
	return link ? link : (p->passed + (p->failed - p->passed) / 2) & ~3u;
}

uint32_t pmtu_next(struct pmtu *p) {
	if (p->size)
		return p->size;
	switch (p->phase) {
	case PMTU_BASE:
		p->size = p->base;
		break;
	case PMTU_LOWEST:
		p->size = PMTU_LEAST;
		break;
	case PMTU_SEARCH:
		p->size = choose(p);
		if (p->size == 0)
			p->phase = PMTU_COMPLETE;
		break;
	default:
		break;
	}
	p->losses = 0;
	return p->size;
}

/* ---- what came of it ---- */

static void nothing_fails(struct pmtu *p) {
	p->failed = p->max + 4;
}

static void smaller_than_base(struct pmtu *p) {
	p->passed = PMTU_LEAST;
	p->failed = p->base;
	p->likely = false;
	p->phase = PMTU_SEARCH;
}

void pmtu_passed(struct pmtu *p) {
	uint32_t size = p->size;
	if (size == 0)
		return;
	p->size = 0;
	switch (p->phase) {
	case PMTU_BASE:
		p->phase = PMTU_SEARCH;
		if (size > p->passed)
			p->passed = size;
		break;
	case PMTU_LOWEST:
		smaller_than_base(p);
		break;
	default:
		p->likely = (p->likely && size > p->passed) || is_common(size);
		p->passed = size;
	}
	if (p->failed <= p->passed)
		nothing_fails(p);
}

static void give_up_size(struct pmtu *p) {
	uint32_t size = p->size;
	p->size = 0;
	p->losses = 0;
	switch (p->phase) {
	case PMTU_BASE:
		/* RFC 8899, 5.2: the ERROR state. Nothing is tried below the least size; whether the base size passes is seen by
		 * the data. */
		p->phase = p->base > PMTU_LEAST && !p->cautious ? PMTU_LOWEST : PMTU_OFF;
		break;
	case PMTU_LOWEST:
		p->phase = PMTU_OFF; /* data passes and probes do not: a peer that does not know them */
		p->passed = p->base;
		break;
	default:
		p->likely = false;
		p->failed = size;
		if (p->passed >= p->failed) /* it was in use */
			p->passed = p->base < p->failed ? p->base : PMTU_LEAST;
	}
}

void pmtu_lost(struct pmtu *p) {
	if (p->size && ++p->losses >= PMTU_MAX_PROBES)
		give_up_size(p);
}

void pmtu_impossible(struct pmtu *p) {
	if (p->size)
		give_up_size(p);
}

void pmtu_black_hole(struct pmtu *p) {
	uint32_t before = p->passed;
	if (p->phase == PMTU_OFF || before <= p->base)
		return;
	p->phase = PMTU_SEARCH;
	p->size = 0;
	p->losses = 0;
	p->likely = false;
	p->passed = p->base;
	if (p->wanted <= p->base || p->wanted > before)
		p->wanted = before;
}

static bool hint_below_base(struct pmtu *p) {
	/* RFC 8899, 4.6.2: words alone must not make us smaller. Whether the base size passes is probed. */
	if (p->phase == PMTU_BASE || p->phase == PMTU_LOWEST || p->passed < p->base)
		return false;
	p->phase = PMTU_BASE;
	p->size = 0;
	return true;
}

bool pmtu_hint(struct pmtu *p, uint32_t size, bool sure) {
	size &= ~3u;
	if (p->phase == PMTU_OFF || size < PMTU_LEAST || size >= p->max)
		return false;
	if (size < p->base)
		return hint_below_base(p);
	if (sure && size + 4 < p->failed) {
		p->wanted = size;
		if (size < p->passed)
			pmtu_black_hole(p);
		p->failed = size + 4;
		if (p->size > size)
			p->size = 0;
		return true;
	}
	if (p->phase == PMTU_BASE || p->phase == PMTU_LOWEST) {
		p->wanted = size;
		return false;
	}
	if (size < p->passed) {
		/* Does the size in use not pass any more? It is probed, and one loss is enough together with the hint. */
		if (p->size == p->passed)
			return false;
		p->wanted = size;
		p->size = p->passed;
		p->losses = PMTU_MAX_PROBES - 1;
		p->phase = PMTU_SEARCH;
		return true;
	}
	if (size == p->passed || p->size == 0 || size >= p->size)
		return false;
	p->wanted = size;
	p->size = 0;
	return true;
}

void pmtu_raise(struct pmtu *p) {
	if (p->phase != PMTU_COMPLETE)
		return;
	nothing_fails(p);
	p->likely = false;
	p->phase = p->passed < p->base ? PMTU_BASE : PMTU_SEARCH;
}

bool pmtu_check(const struct pmtu *p) {
	if (p->passed >= p->failed || p->passed > p->max || p->failed > p->max + 4)
		return false;
	if (p->size && (p->phase == PMTU_OFF || p->phase == PMTU_COMPLETE))
		return false;
	return p->losses < PMTU_MAX_PROBES && p->passed >= (p->base < PMTU_LEAST ? p->base : PMTU_LEAST);
}
