/* keep: where do the bytes of a packet live when it has to wait?
 *
 * A slab is kept as it is only where much of it is in use. Otherwise a packet would hold 64 KiB as long as it waits; many packets
 * are copied into one slab instead. Whoever forwards a packet so holds the same copy, however many watch. */
#include "rtp/media/media.h"

#include <string.h>

#include "pool/env.h"

#define DENSE 4 /* one part in four of the slab */

void media_look_at(struct sluice_media *m, const sluice_datagram *d, size_t n) {
	const sluice_slab *slab = n ? d[0].slab : NULL;
	size_t bytes = 0;
	for (size_t i = 0; i < n; i++)
		bytes += d[i].slab == slab ? d[i].len : 0;
	m->is_dense = slab && bytes >= sluice_slab_size(slab) / DENSE;
}

static bool is_dense(const struct sluice_media *m, const sluice_slab *slab) {
	return slab && !slab->copy_only && m->is_dense;
}

static bool next_bump(struct sluice_media *m, size_t len) {
	if (m->bump && sluice_slab_is_unshared(m->bump))
		m->bump_used = 0;
	else if (m->bump && sluice_slab_size(m->bump) - m->bump_used >= len)
		return true;
	else {
		sluice_slab_unref(m->bump);
		m->bump = sluice_slab_get(m->env);
		m->bump_used = 0;
	}
	return m->bump && sluice_slab_size(m->bump) >= len;
}

uint8_t *media_keep(struct sluice_media *m, const uint8_t *data, size_t len, sluice_slab *slab, sluice_slab **owner) {
	if (is_dense(m, slab)) {
		slab_ref(slab);
		*owner = slab;
		return (uint8_t *)(uintptr_t)data;
	}
	if (!next_bump(m, len))
		return NULL;
	uint8_t *copy = sluice_slab_data(m->bump) + m->bump_used;
	if (len)
		memcpy(copy, data, len);
	m->bump_used += len;
	slab_ref(m->bump);
	*owner = m->bump;
	return copy;
}
