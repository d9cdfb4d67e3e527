/* packet: the common header, and chunks as opaque values. The other files of this folder know what stands inside a chunk. */
#include "wire/wire.h"

#include "base/crc32c.h"

void wire_header_write(struct writer *w, const struct wire_header *h) {
	uint8_t *p = write_space(w, WIRE_HEADER_SIZE);
	if (!p)
		return;
	put_be16(p, h->src_port);
	put_be16(p + 2, h->dst_port);
	put_be32(p + 4, h->tag);
	put_be32(p + 8, 0);
}

void wire_packet_seal(uint8_t *packet, size_t len) {
	uint32_t checksum = crc32c_packet(packet, len);
	memcpy(packet + 8, &checksum, sizeof checksum);
}

uint8_t *wire_chunk_begin(struct writer *w, uint8_t type, uint8_t flags) {
	uint8_t *begin = write_space(w, 4);
	if (!begin)
		return NULL;
	begin[0] = type;
	begin[1] = flags;
	put_be16(begin + 2, 4); /* so that a chunk which is never ended is empty, and has no length from old bytes */
	return begin;
}

void wire_chunk_end(struct writer *w, uint8_t *begin) {
	wire_param_end(w, begin); /* a parameter has its length at the same place, with the same bound */
	if (w->failed)
		return;
	size_t len = (size_t)(w->at - begin);
	/* RFC 9260, 3.2: "the sender MUST pad the chunk with all zero bytes" */
	static const uint8_t zeros[3];
	write_bytes(w, zeros, pad4(len) - len);
}

void wire_chunk_write(struct writer *w, uint8_t type, uint8_t flags, const void *value, size_t len) {
	uint8_t *begin = wire_chunk_begin(w, type, flags);
	write_bytes(w, value, len);
	wire_chunk_end(w, begin);
}
