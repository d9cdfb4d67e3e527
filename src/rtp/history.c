#include "rtp/history.h"

#include "sluice/error.h"

int rtp_history_open(struct rtp_history *h, sluice_env *env, size_t capacity, size_t header_max) {
	*h = (struct rtp_history){
		.capacity = capacity,
		.header_max = header_max,
		.keep = RTP_HISTORY_KEEP_MIN,
		.filler = {.len = UINT8_MAX, .refs = 1},
	};
	h->entries = env_zalloc(env, capacity * sizeof *h->entries);
	h->long_headers = env_alloc(env, capacity * (header_max - RTP_HISTORY_HEADER));
	if (h->entries && h->long_headers)
		return 0;
	rtp_history_close(h, env);
	return SLUICE_NO_MEMORY;
}

void rtp_history_clear(struct rtp_history *h) {
	while (h->first < h->next)
		rtp_history_pop(h);
	h->first = h->next = 0;
}

void rtp_history_close(struct rtp_history *h, sluice_env *env) {
	rtp_history_clear(h);
	env_free(env, h->entries);
	env_free(env, h->long_headers);
	*h = (struct rtp_history){0};
}

static size_t owned(struct rtp_owner o) {
	const sluice_slab *slab = rtp_owner_as_slab(o);
	return slab ? sluice_slab_size(slab) : rtp_owner_as_source(o)->len;
}

static uint32_t references(struct rtp_owner o) {
	const sluice_slab *slab = rtp_owner_as_slab(o);
	return slab ? slab->refs : rtp_owner_as_source(o)->refs;
}

bool rtp_history_check(const struct rtp_history *h) {
	uint64_t kept = 0, all = 0;
	bool ok = h->first <= h->next && h->next - h->first <= h->capacity;
	for (uint64_t n = h->first; ok && n < h->next; n++) {
		const struct rtp_history_entry *e = &h->entries[n & (h->capacity - 1)];
		kept += e->owner.word != 0;
		ok = !e->owner.word || (references(e->owner) >= 1 && (size_t)e->header_len + e->prefix_len <= h->header_max &&
		                        (size_t)e->offset + e->len <= owned(e->owner));
	}
	for (size_t i = 0; i < h->capacity; i++)
		all += h->entries[i].owner.word != 0;
	return ok && kept == all;
}

void rtp_history_skip(struct rtp_history *h, uint64_t number) {
	while (h->first < h->next && number - h->first >= h->capacity)
		rtp_history_pop(h);
	if (h->first == h->next)
		h->first = number;
	h->next = number;
}

bool rtp_history_fill(struct rtp_history *h, uint64_t number) {
	bool fits = number >= h->first && !h->entries[number & (h->capacity - 1)].owner.word;
	h->skipped += !fits;
	return fits;
}

/* RFC 3550, 5.1: the last byte counts them. */
static void write_padding(uint8_t *at, size_t len) {
	memset(at, 0, len);
	at[len - 1] = (uint8_t)len;
}

int rtp_history_gather(const struct rtp_history *h, const struct rtp_history_entry *e, size_t hole, uint8_t *space, size_t size) {
	size_t len = rtp_history_packet_len(e) + hole;
	if (len > size)
		return SLUICE_NO_SPACE;
	uint8_t header[2 * UINT8_MAX];
	size_t all = (size_t)e->header_len + e->prefix_len;
	memcpy(header, e->header, min64(all, RTP_HISTORY_HEADER));
	if (all > RTP_HISTORY_HEADER)
		memcpy(header + RTP_HISTORY_HEADER, rtp_history_long_header(h, e), all - RTP_HISTORY_HEADER);
	memcpy(space, header, e->header_len);
	uint8_t *at = space + e->header_len + hole;
	memcpy(at, header + e->header_len, e->prefix_len);
	if (rtp_owner_as_source(e->owner) == &h->filler)
		write_padding(at, e->len);
	else if (e->len)
		memcpy(at + e->prefix_len, rtp_owner_data(e->owner) + e->offset, e->len);
	return (int)len;
}
