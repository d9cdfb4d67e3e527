#include "sctp/idmap.h"

bool idmap_set(struct idmap *m, uint16_t id, void *entry) {
	if (!m->pages) {
		m->pages = env_zalloc(m->env, 256 * sizeof *m->pages);
		if (!m->pages)
			return false;
	}
	void ***page = &m->pages[id >> 8];
	if (!*page) {
		*page = env_zalloc(m->env, 256 * sizeof **page);
		if (!*page)
			return false;
	}
	(*page)[id & 255] = entry;
	return true;
}

void *idmap_next(const struct idmap *m, uint32_t *id) {
	if (!m->pages)
		return NULL;
	while (*id < 65536) {
		void **page = m->pages[*id >> 8];
		if (!page)
			*id = (*id | 255) + 1;
		else if (page[*id & 255])
			return page[*id & 255];
		else
			++*id;
	}
	return NULL;
}

void idmap_free(struct idmap *m) {
	for (unsigned i = 0; m->pages && i < 256; i++)
		env_free(m->env, m->pages[i]);
	env_free(m->env, m->pages);
	m->pages = NULL;
}
