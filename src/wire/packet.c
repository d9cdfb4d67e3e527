/* packet: the common header, and chunks as opaque values. What stands inside a chunk is known to the other files here. */
#include "wire/wire.h"

#include "base/crc32c.h"

int wire_packet_read(struct reader *r, struct wire_header *h) {
	const uint8_t *p = read_bytes(r, WIRE_HEADER_SIZE);
	if (!p)
		return WIRE_MALFORMED;
	*h = (struct wire_header){.src_port = get_be16(p), .dst_port = get_be16(p + 2), .tag = get_be32(p + 4)};
	memcpy(&h->checksum, p + 8, sizeof h->checksum);
	return 0;
}

void wire_header_write(struct writer *w, const struct wire_header *h) {
	write_be16(w, h->src_port);
	write_be16(w, h->dst_port);
	write_be32(w, h->tag);
	write_be32(w, 0);
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
	put_be16(begin + 2, 4); /* a chunk that could not be ended is an empty one, not whatever lay in the buffer */
	return begin;
}

void wire_chunk_end(struct writer *w, uint8_t *begin) {
	wire_param_end(w, begin); /* the length stands at the same place, and has the same bound */
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
