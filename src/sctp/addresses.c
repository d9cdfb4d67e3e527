#include "sctp/addresses.h"

#include "base/crc32c.h"

static bool next_address(struct reader *r, struct wire_param *p) {
	while (wire_param_next(r, p) == 1)
		if (p->type == WIRE_PARAM_IPV4 || p->type == WIRE_PARAM_IPV6)
			return true;
	return false;
}

static uint64_t bits_of(const struct wire_param *p) {
	uint32_t hash = crc32c(p->raw, p->raw_len);
	uint64_t bits = 0;
	for (unsigned shift = 0; shift < 24; shift += 6)
		bits |= UINT64_C(1) << (hash >> shift & 63);
	return bits;
}

uint64_t addresses_of(const struct wire_init *i) {
	struct reader r = reader_of(i->params, i->params_len);
	struct wire_param p;
	uint64_t all = 0;
	while (next_address(&r, &p))
		all |= bits_of(&p);
	return all;
}

size_t addresses_added(const struct wire_init *i, uint64_t known, uint8_t *out, size_t size) {
	struct reader r = reader_of(i->params, i->params_len);
	struct writer w = writer_of(out, size);
	struct wire_param p;
	while (next_address(&r, &p))
		if (bits_of(&p) & ~known && writer_room(&w) >= p.raw_len) /* both lengths are multiples of four */
			wire_param_write(&w, p.type, p.value, p.len);
	return writer_len(&w);
}
