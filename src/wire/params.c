/* params: the type-length-value lists inside INIT, HEARTBEAT and RE-CONFIG. The causes inside ERROR and ABORT have the same form.
 * This file does not know what a type means. */
#include "wire/wire.h"

int wire_param_next(struct reader *r, struct wire_param *p) {
	size_t left = reader_left(r);
	if (left == 0)
		return 0;
	if (left < 4)
		return WIRE_MALFORMED;
	uint16_t len = get_be16(r->at + 2);
	if (len < 4 || len > left)
		return WIRE_MALFORMED;
	*p = (struct wire_param){
		.type = get_be16(r->at),
		.value = r->at + 4,
		.len = (uint16_t)(len - 4),
		.raw = r->at,
		.raw_len = len,
	};
	/* The padding of the last parameter is not part of the chunk. Some stacks count it, which does no harm. */
	r->at += pad4(len) < left ? pad4(len) : left;
	return 1;
}

uint8_t *wire_param_begin(struct writer *w, uint16_t type) {
	static const uint8_t zeros[3];
	write_bytes(w, zeros, pad4(writer_len(w)) - writer_len(w));
	uint8_t *begin = write_space(w, 4);
	if (begin)
		put_be16(begin, type);
	return begin;
}

void wire_param_end(struct writer *w, uint8_t *begin) {
	if (w->failed)
		return;
	size_t len = (size_t)(w->at - begin);
	if (len > UINT16_MAX) {
		w->failed = true;
		return;
	}
	put_be16(begin + 2, (uint16_t)len);
}

void wire_param_write(struct writer *w, uint16_t type, const void *value, size_t len) {
	uint8_t *begin = wire_param_begin(w, type);
	write_bytes(w, value, len);
	wire_param_end(w, begin);
}
