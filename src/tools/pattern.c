#include "tools/pattern.h"

#include <stdlib.h>
#include <string.h>

/* Slices start at one of so many places: few enough that the block stays in the second-level cache beside everything else,
 * enough that a message in the wrong place does not look right. */
#define STARTS 4096

static uint64_t mix(uint64_t x) {
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static size_t start_of(uint32_t channel, uint64_t sequence) {
	return mix(sequence + ((uint64_t)channel << 40)) % STARTS;
}

struct header {
	uint32_t channel, len;
	uint64_t sequence;
};
_Static_assert(sizeof(struct header) == PATTERN_HEADER, "the header has no padding");

bool pattern_init(struct pattern *p, uint64_t key, size_t size) {
	size_t words = (PATTERN_HEADER + STARTS + size) / 8 + 1;
	*p = (struct pattern){.block = malloc(words * 8), .size = size};
	if (!p->block)
		return false;
	for (size_t i = 0; i < words; i++) {
		uint64_t word = mix(key + (i + 1) * UINT64_C(0x9e3779b97f4a7c15));
		memcpy(p->block + 8 * i, &word, 8);
	}
	return true;
}

void pattern_free(struct pattern *p) {
	free(p->block);
	p->block = NULL;
}

void pattern_take_back(struct pattern *p) {
	if (p->lent)
		memcpy(p->lent, p->saved, PATTERN_HEADER);
	p->lent = NULL;
}

const uint8_t *pattern_lend(struct pattern *p, uint32_t channel, uint64_t sequence) {
	pattern_take_back(p);
	uint8_t *at = p->block + start_of(channel, sequence);
	if (!pattern_has_header(p))
		return at + PATTERN_HEADER;
	struct header h = {.channel = channel, .len = (uint32_t)p->size, .sequence = sequence};
	memcpy(p->saved, at, sizeof h);
	memcpy(at, &h, sizeof h);
	p->lent = at;
	return at;
}

void pattern_write(struct pattern *p, uint8_t *to, uint32_t channel, uint64_t sequence) {
	memcpy(to, pattern_lend(p, channel, sequence), p->size);
	pattern_take_back(p);
}

/* Copies n bytes from the front of the slices. */
static void gather(const struct iovec *iov, size_t count, void *to, size_t n) {
	uint8_t *at = to;
	for (size_t i = 0; i < count && n > 0; i++) {
		size_t part = iov[i].iov_len < n ? iov[i].iov_len : n;
		memcpy(at, iov[i].iov_base, part);
		at += part;
		n -= part;
	}
}

/* Are the slices, but for their first `skip` bytes, equal to what stands at `expected`? */
static bool matches(const struct iovec *iov, size_t count, size_t skip, const uint8_t *expected) {
	for (size_t i = 0; i < count; i++) {
		size_t jump = skip < iov[i].iov_len ? skip : iov[i].iov_len;
		size_t n = iov[i].iov_len - jump;
		if (memcmp((const uint8_t *)iov[i].iov_base + jump, expected, n) != 0)
			return false;
		expected += n;
		skip -= jump;
	}
	return true;
}

bool pattern_check(const struct pattern *p, const struct iovec *iov, size_t count, size_t len, uint32_t channel,
                   uint64_t *sequence) {
	if (len != p->size)
		return false;
	if (!pattern_has_header(p))
		return matches(iov, count, 0, p->block + PATTERN_HEADER + start_of(channel, *sequence));
	struct header h;
	gather(iov, count, &h, sizeof h);
	if (h.channel != channel || h.len != len)
		return false;
	*sequence = h.sequence;
	return matches(iov, count, PATTERN_HEADER, p->block + PATTERN_HEADER + start_of(channel, h.sequence));
}
