/* idmap: 16-bit id -> pointer, for the streams of an association.
 *
 * Two levels of 256: an association that uses stream 0 holds two small tables, never one of 65,536 entries. Looking up is
 * two loads. Nothing is removed; entries go with the map. */
#ifndef SCTP_IDMAP_H
#define SCTP_IDMAP_H

#include "pool/env.h"

struct idmap {
	sluice_env *env;
	void ***pages; /* NULL until the first entry */
};

static inline void *idmap_get(const struct idmap *m, uint16_t id) {
	return m->pages && m->pages[id >> 8] ? m->pages[id >> 8][id & 255] : NULL;
}
/* False when there is no memory. */
bool idmap_set(struct idmap *m, uint16_t id, void *entry);
/* The first entry with an id at or above *id, which is set to it; NULL at the end. */
void *idmap_next(const struct idmap *m, uint32_t *id);
/* Frees the tables, not the entries. */
void idmap_free(struct idmap *m);

#endif
