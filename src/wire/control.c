/* control: the chunks that hold one thing: SHUTDOWN, HEARTBEAT and its answer, PAD. */
#include "wire/wire.h"

int wire_shutdown_read(const struct wire_chunk *c, uint32_t *cum_tsn) {
	if (c->len != 4)
		return WIRE_MALFORMED;
	*cum_tsn = get_be32(c->value);
	return 0;
}

void wire_shutdown_write(struct writer *w, uint32_t cum_tsn) {
	uint8_t *begin = wire_chunk_begin(w, WIRE_SHUTDOWN, 0);
	write_be32(w, cum_tsn);
	wire_chunk_end(w, begin);
}

int wire_heartbeat_read(const struct wire_chunk *c, const uint8_t **info, uint16_t *len) {
	struct reader r = reader_of(c->value, c->len);
	struct wire_param p;
	if (wire_param_next(&r, &p) != 1 || p.type != WIRE_PARAM_HEARTBEAT_INFO || reader_left(&r) != 0)
		return WIRE_MALFORMED;
	*info = p.value;
	*len = p.len;
	return 0;
}

void wire_heartbeat_write(struct writer *w, uint8_t type, const void *info, size_t len) {
	uint8_t *begin = wire_chunk_begin(w, type, 0);
	wire_param_write(w, WIRE_PARAM_HEARTBEAT_INFO, info, len);
	wire_chunk_end(w, begin);
}

void wire_pad_write(struct writer *w, size_t len) {
	if (len < 4) {
		w->failed = true;
		return;
	}
	uint8_t *begin = wire_chunk_begin(w, WIRE_PAD, 0);
	uint8_t *filling = write_space(w, len - 4);
	if (filling)
		memset(filling, 0, len - 4);
	wire_chunk_end(w, begin);
}
