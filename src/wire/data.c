/* data: DATA and I-DATA chunks. It does not know which of the two an association uses, nor when a message is whole. */
#include "wire/wire.h"

void wire_data_write(struct writer *w, const struct wire_data *d) {
	uint8_t *begin = write_space(w, WIRE_DATA_HEADER);
	if (!begin)
		return;
	wire_data_header_put(begin, d);
	write_bytes(w, d->payload, d->len);
	wire_chunk_end(w, begin);
}

void wire_i_data_write(struct writer *w, const struct wire_data *d) {
	uint8_t *begin = write_space(w, WIRE_I_DATA_HEADER);
	if (!begin)
		return;
	wire_i_data_header_put(begin, d);
	write_bytes(w, d->payload, d->len);
	wire_chunk_end(w, begin);
}
