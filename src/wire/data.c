/* data: DATA and I-DATA chunks. Which of the two an association uses, and when a message is whole, is not asked here. */
#include "wire/wire.h"

void wire_data_write(struct writer *w, const struct wire_data *d) {
	uint8_t *begin = write_space(w, WIRE_DATA_HEADER);
	if (!begin)
		return;
	wire_data_header_put(begin, d);
	write_bytes(w, d->payload, d->len);
	wire_chunk_end(w, begin);
}

/* RFC 8260, 2.1: the last word of the header is the PPID in a message's first fragment (B bit) and the FSN in the others; the
 * first fragment's FSN is 0 without being sent. */
int wire_i_data_read(const struct wire_chunk *c, struct wire_data *d) {
	if (c->len < WIRE_I_DATA_HEADER - 4)
		return WIRE_MALFORMED;
	uint32_t ppid_or_fsn = get_be32(c->value + 12);
	bool first = (c->flags & WIRE_DATA_B) != 0;
	*d = (struct wire_data){
		.flags = c->flags,
		.tsn = get_be32(c->value),
		.stream = get_be16(c->value + 4),
		.mid = get_be32(c->value + 8),
		.ppid = first ? ppid_or_fsn : 0,
		.fsn = first ? 0 : ppid_or_fsn,
		.payload = c->value + 16,
		.len = (uint16_t)(c->len - 16),
	};
	return 0;
}

void wire_i_data_write(struct writer *w, const struct wire_data *d) {
	uint8_t *begin = wire_chunk_begin(w, WIRE_I_DATA, d->flags);
	write_be32(w, d->tsn);
	write_be16(w, d->stream);
	write_be16(w, 0); /* reserved */
	write_be32(w, d->mid);
	write_be32(w, d->flags & WIRE_DATA_B ? d->ppid : d->fsn);
	write_bytes(w, d->payload, d->len);
	wire_chunk_end(w, begin);
}
