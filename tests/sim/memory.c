#include "memory.h"

#include <stdlib.h>
#include <string.h>

struct head {
	_Alignas(16) size_t size;
	size_t magic;
};
#define LIVE ((size_t)0x5107cebeef)

static bool must_fail(struct memory *m) {
	if (!m->fail_at)
		return false;
	if (m->fail_at > 1) {
		m->fail_at--;
		return false;
	}
	if (m->fail_for > 1)
		m->fail_for--;
	else
		m->fail_at = 0;
	m->failures++;
	return true;
}

static void *memory_alloc(void *ctx, size_t size) {
	struct memory *m = ctx;
	if (must_fail(m))
		return NULL;
	struct head *h = malloc(sizeof *h + size);
	if (!h)
		return NULL;
	*h = (struct head){.size = size, .magic = LIVE};
	m->allocations++;
	m->live++;
	m->bytes += size;
	if (m->bytes > m->peak)
		m->peak = m->bytes;
	if (!m->plain)
		memset(h + 1, 0xa5, size);
	return h + 1;
}

void graveyard_add(struct graveyard *g, const void *p, size_t size) {
	if (g->capacity - g->len < size) {
		g->capacity = 2 * (g->len + size);
		g->bytes = realloc(g->bytes, g->capacity);
		if (!g->bytes)
			abort();
	}
	memcpy(g->bytes + g->len, p, size);
	g->len += size;
}

static void memory_free(void *ctx, void *p) {
	struct memory *m = ctx;
	if (!p)
		return;
	struct head *h = (struct head *)p - 1;
	if (h->magic != LIVE) /* freed twice, or never ours */
		abort();
	h->magic = 0;
	m->frees++;
	m->live--;
	m->bytes -= h->size;
	if (m->graveyard)
		graveyard_add(m->graveyard, p, h->size);
	if (!m->plain)
		memset(p, 0xdd, h->size);
	free(h);
}

sluice_allocator memory_allocator(struct memory *m) {
	return (sluice_allocator){.alloc = memory_alloc, .free = memory_free, .ctx = m};
}
