/* forward: FORWARD-TSN and I-FORWARD-TSN, which name the messages that will never come. */
#include "wire/wire.h"

static int list_read(const struct wire_chunk *c, struct wire_forward *f, size_t entry) {
	if (c->len < 4 || (c->len - 4u) % entry != 0)
		return WIRE_MALFORMED;
	*f = (struct wire_forward){
		.cum_tsn = get_be32(c->value),
		.count = (c->len - 4u) / entry,
		.streams = c->value + 4,
	};
	return 0;
}

static void list_write(struct writer *w, uint8_t type, const struct wire_forward *f, size_t entry) {
	uint8_t *begin = wire_chunk_begin(w, type, 0);
	write_be32(w, f->cum_tsn);
	write_bytes(w, f->streams, f->count * entry);
	wire_chunk_end(w, begin);
}

int wire_forward_read(const struct wire_chunk *c, struct wire_forward *f) {
	return list_read(c, f, 4);
}

void wire_forward_write(struct writer *w, const struct wire_forward *f) {
	list_write(w, WIRE_FORWARD_TSN, f, 4);
}

int wire_i_forward_read(const struct wire_chunk *c, struct wire_forward *f) {
	return list_read(c, f, 8);
}

void wire_i_forward_write(struct writer *w, const struct wire_forward *f) {
	list_write(w, WIRE_I_FORWARD_TSN, f, 8);
}
