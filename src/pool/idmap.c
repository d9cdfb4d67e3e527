#include "pool/idmap.h"

#include <string.h>

/* Room for one page more than `page`. */
static bool reserve(struct idmap *m, uint32_t page) {
	uint32_t count = m->page_count ? m->page_count : 1;
	if (page < m->page_count)
		return true;
	while (count <= page)
		count *= 2;
	struct idmap_page **pages = env_zalloc(m->env, count * sizeof *pages);
	if (!pages)
		return false;
	if (m->page_count)
		memcpy(pages, m->pages, m->page_count * sizeof *pages);
	m->cost += (uint32_t)(env_cost(pages) - env_cost(m->pages));
	env_free(m->env, m->pages);
	m->pages = pages;
	m->page_count = count;
	return true;
}

bool idmap_set(struct idmap *m, uint16_t id, void *entry) {
	if (!reserve(m, id / IDMAP_PAGE))
		return false;
	struct idmap_page **page = &m->pages[id / IDMAP_PAGE];
	if (!*page) {
		*page = env_zalloc(m->env, sizeof **page);
		m->cost += (uint32_t)env_cost(*page);
	}
	if (!*page)
		return false;
	void **at = &(*page)->entries[id % IDMAP_PAGE];
	if (!*at) {
		(*page)->count++;
		m->count++;
	}
	*at = entry;
	return true;
}

void idmap_remove(struct idmap *m, uint16_t id) {
	if (!idmap_get(m, id))
		return;
	struct idmap_page **page = &m->pages[id / IDMAP_PAGE];
	(*page)->entries[id % IDMAP_PAGE] = NULL;
	if (--(*page)->count == 0) {
		m->cost -= (uint32_t)env_cost(*page);
		env_free(m->env, *page);
		*page = NULL;
	}
	if (--m->count == 0)
		idmap_free(m);
}

void *idmap_next(const struct idmap *m, uint32_t *id) {
	while (*id / IDMAP_PAGE < m->page_count) {
		struct idmap_page *page = m->pages[*id / IDMAP_PAGE];
		if (!page)
			*id = (*id | (IDMAP_PAGE - 1)) + 1;
		else if (page->entries[*id % IDMAP_PAGE])
			return page->entries[*id % IDMAP_PAGE];
		else
			++*id;
	}
	return NULL;
}

void idmap_free(struct idmap *m) {
	for (uint32_t i = 0; i < m->page_count; i++)
		env_free(m->env, m->pages[i]);
	env_free(m->env, m->pages);
	m->pages = NULL;
	m->page_count = m->count = m->cost = 0;
}
