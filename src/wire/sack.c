/* sack: SACK chunks. The blocks stay in wire form, so a SACK of any size is read without memory. The sender checks that blocks
 * make sense (start <= end, within what was sent). */
#include "wire/wire.h"

#define SACK_FIXED 12

int wire_sack_read(const struct wire_chunk *c, struct wire_sack *s) {
	if (c->len < SACK_FIXED)
		return WIRE_MALFORMED;
	uint16_t gap_count = get_be16(c->value + 8), duplicate_count = get_be16(c->value + 10);
	size_t gap_bytes = (size_t)4 * gap_count, duplicate_bytes = (size_t)4 * duplicate_count;
	if (c->len != SACK_FIXED + gap_bytes + duplicate_bytes)
		return WIRE_MALFORMED;
	*s = (struct wire_sack){
		.cum_tsn = get_be32(c->value),
		.a_rwnd = get_be32(c->value + 4),
		.gap_count = gap_count,
		.duplicate_count = duplicate_count,
		.gaps = c->value + SACK_FIXED,
		.duplicates = c->value + SACK_FIXED + gap_bytes,
	};
	return 0;
}

void wire_sack_write(struct writer *w, const struct wire_sack *s) {
	uint8_t *begin = wire_chunk_begin(w, WIRE_SACK, 0);
	write_be32(w, s->cum_tsn);
	write_be32(w, s->a_rwnd);
	write_be16(w, s->gap_count);
	write_be16(w, s->duplicate_count);
	write_bytes(w, s->gaps, (size_t)4 * s->gap_count);
	write_bytes(w, s->duplicates, (size_t)4 * s->duplicate_count);
	wire_chunk_end(w, begin);
}
