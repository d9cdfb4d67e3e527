#include "rtp/ssrc_map.h"

#include <string.h>

#include "pool/env.h"
#include "sluice/error.h"

int ssrc_map_open(struct ssrc_map *m, sluice_env *env, uint32_t capacity) {
	uint32_t places = 2;
	while (places < 2 * capacity)
		places *= 2;
	*m = (struct ssrc_map){.env = env, .capacity = capacity, .mask = places - 1, .seed = env_random32(env)};
	m->entries = env_zalloc(env, places * sizeof *m->entries);
	return m->entries ? 0 : SLUICE_NO_MEMORY;
}

void ssrc_map_close(struct ssrc_map *m) {
	if (m->env)
		env_free(m->env, m->entries);
	memset(m, 0, sizeof *m);
}

/* The upper half of a product depends on all bits of the SSRC. */
static uint32_t home(const struct ssrc_map *m, uint32_t ssrc) {
	return (uint32_t)((ssrc ^ m->seed) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & m->mask;
}

/* The place of the SSRC, or the empty one where it would be. */
static uint32_t place_of(const struct ssrc_map *m, uint32_t ssrc) {
	uint32_t at = home(m, ssrc);
	while (m->entries[at].value && m->entries[at].ssrc != ssrc)
		at = (at + 1) & m->mask;
	return at;
}

int ssrc_map_find(const struct ssrc_map *m, uint32_t ssrc) {
	return (int)m->entries[place_of(m, ssrc)].value - 1;
}

void ssrc_map_add(struct ssrc_map *m, uint32_t ssrc, unsigned number) {
	m->entries[place_of(m, ssrc)] = (struct ssrc_map_entry){.ssrc = ssrc, .value = number + 1};
	m->count++;
}

/* Entries behind the hole move into it, unless that would put them before their home. */
void ssrc_map_remove(struct ssrc_map *m, uint32_t ssrc) {
	uint32_t hole = place_of(m, ssrc);
	for (uint32_t at = (hole + 1) & m->mask; m->entries[at].value; at = (at + 1) & m->mask) {
		uint32_t from_home = (at - home(m, m->entries[at].ssrc)) & m->mask;
		if (from_home < ((at - hole) & m->mask))
			continue;
		m->entries[hole] = m->entries[at];
		hole = at;
	}
	m->entries[hole].value = 0;
	m->count--;
}

bool ssrc_map_check(const struct ssrc_map *m) {
	uint32_t taken = 0;
	bool good = m->count <= m->capacity && 2 * m->capacity <= m->mask + 1;
	for (uint32_t i = 0; m->entries && i <= m->mask; i++) {
		taken += m->entries[i].value != 0;
		good = good && (!m->entries[i].value || place_of(m, m->entries[i].ssrc) == i);
	}
	return good && taken == m->count;
}
