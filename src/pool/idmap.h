/* idmap: 16-bit id -> pointer, for the streams of an association.
 *
 * Two levels: pages of 32 entries, and a table of pages that grows by doubling up to the highest id in use. An association that
 * uses streams 0 and 1 holds 272 bytes of it; a peer that opens stream 65,535 makes the table 16 KB long and no longer. Looking
 * up is a comparison and two loads. A page goes with its last entry, and the table with the last page, so that a walk over few
 * entries is short however many there were before.
 *
 *   page_count is 0 or a power of two, and no larger than 2048; pages != NULL exactly when it is not 0
 *   cost == sum of env_cost over the table of pages and the pages
 *   count == entries; a page's count == its entries, and is not 0 */
#ifndef POOL_IDMAP_H
#define POOL_IDMAP_H

#include "pool/env.h"

#define IDMAP_PAGE 32

struct idmap_page {
	void *entries[IDMAP_PAGE];
	uint32_t count;
};

struct idmap {
	sluice_env *env;
	struct idmap_page **pages;
	uint32_t page_count;
	uint32_t count;
	uint32_t cost; /* bytes of memory in tables */
};

static inline void *idmap_get(const struct idmap *m, uint16_t id) {
	uint32_t page = id / IDMAP_PAGE;
	return page < m->page_count && m->pages[page] ? m->pages[page]->entries[id % IDMAP_PAGE] : NULL;
}
/* entry is not NULL. False when there is no memory. */
bool idmap_set(struct idmap *m, uint16_t id, void *entry);
/* Takes out the entry with this id, if there is one. Frees what the map has no use for any more, not the entry. */
void idmap_remove(struct idmap *m, uint16_t id);
/* The first entry with an id at or above *id, which is set to it; NULL at the end. */
void *idmap_next(const struct idmap *m, uint32_t *id);
/* Frees the tables, not the entries. */
void idmap_free(struct idmap *m);

#endif
