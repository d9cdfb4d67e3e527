/* idmap: 16-bit id -> pointer, for the streams of an association.
 *
 * Two levels: pages of 32 entries, and a table of pages that grows by doubling up to the highest id in use. An association that
 * uses streams 0 and 1 has 272 bytes of it. A peer that uses the highest stream makes the table 16 KB long. Looking up is a
 * comparison and two loads. A page is freed with its last entry, and the table with its last page: so a walk over few entries is
 * short, however many there were before.
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
/* Sets an entry, which is not NULL. Returns false when there is no memory. */
bool idmap_set(struct idmap *m, uint16_t id, void *entry);
/* Removes the entry with this id, if there is one. Frees tables that are empty now, not the entry. */
void idmap_remove(struct idmap *m, uint16_t id);
/* Returns the first entry with an id of at least *id, and stores its id in *id; NULL when there is none. */
void *idmap_next(const struct idmap *m, uint32_t *id);
/* Frees the tables, not the entries. */
void idmap_free(struct idmap *m);

#endif
