#include "rtp/packet.h"

#include "sluice/error.h"

/* ---- reading ---- */

/* RFC 3550, 5.3.1: "The header extension contains a 16-bit length field that counts the number of 32-bit words in the extension,
 * excluding the four-octet extension header (therefore zero is a valid length)." */
static bool read_extension(const uint8_t *data, size_t len, struct rtp_packet *p) {
	size_t at = p->header_len;
	if (len - at < RTP_EXTENSION_HEADER)
		return false;
	p->extension_profile = get_be16(data + at);
	p->extension_len = 4 * (size_t)get_be16(data + at + 2);
	at += RTP_EXTENSION_HEADER;
	if (len - at < p->extension_len)
		return false;
	p->extension = data + at;
	p->header_len = at + p->extension_len;
	return true;
}

/* RFC 3550, 5.1: "The last octet of the padding contains a count of how many padding octets should be ignored, including
 * itself". So zero is no count, and without a byte behind the header no count is small enough. A packet that is padding only is a
 * probe for bandwidth, and valid. */
static bool read_padding(const uint8_t *data, size_t len, struct rtp_packet *p) {
	p->padding = data[len - 1];
	return p->padding != 0 && p->padding <= len - p->header_len;
}

int rtp_packet_parse(uint8_t *data, size_t len, struct rtp_packet *out) {
	if (len < RTP_HEADER || data[0] >> 6 != RTP_VERSION)
		return SLUICE_MALFORMED;
	out->csrc_count = data[0] & 15;
	out->marker = data[1] >> 7;
	out->payload_type = data[1] & 127;
	out->sequence = get_be16(data + 2);
	out->timestamp = get_be32(data + 4);
	out->ssrc = get_be32(data + 8);
	out->csrcs = data + RTP_HEADER;
	out->header_len = RTP_HEADER + 4 * (size_t)out->csrc_count;
	out->padding = 0;
	out->extension_profile = 0;
	out->extension = NULL;
	out->extension_len = 0;
	if (len < out->header_len)
		return SLUICE_MALFORMED;
	if ((data[0] & 0x10) && !read_extension(data, len, out))
		return SLUICE_MALFORMED;
	if ((data[0] & 0x20) && !read_padding(data, len, out))
		return SLUICE_MALFORMED;
	out->payload = data + out->header_len;
	out->payload_len = len - out->header_len - out->padding;
	return 0;
}

/* ---- writing ---- */

/* Space for all of the header is there. */
static void put_header(const struct rtp_packet *p, uint8_t *at) {
	at[0] = (uint8_t)(RTP_VERSION << 6 | (p->padding != 0) << 5 | (p->extension != NULL) << 4 | p->csrc_count);
	at[1] = (uint8_t)(p->marker << 7 | (p->payload_type & 127));
	put_be16(at + 2, p->sequence);
	put_be32(at + 4, p->timestamp);
	put_be32(at + 8, p->ssrc);
	at += RTP_HEADER;
	for (size_t i = 0; i < p->csrc_count; i++, at += 4)
		memcpy(at, p->csrcs + 4 * i, 4);
	if (!p->extension)
		return;
	put_be16(at, p->extension_profile);
	put_be16(at + 2, (uint16_t)(p->extension_len / 4));
	for (size_t i = 0; i < p->extension_len; i += 4)
		memcpy(at + RTP_EXTENSION_HEADER + i, p->extension + i, 4);
}

int rtp_packet_write_header(const struct rtp_packet *p, uint8_t *space, size_t size) {
	size_t len = rtp_packet_header_size(p);
	if (len > size)
		return SLUICE_NO_SPACE;
	put_header(p, space);
	return (int)len;
}

int rtp_packet_write(const struct rtp_packet *p, uint8_t *space, size_t size) {
	size_t header = rtp_packet_header_size(p);
	size_t body = p->payload_len + p->padding;
	if (header > size || size - header < body)
		return SLUICE_NO_SPACE;
	put_header(p, space);
	if (p->payload_len)
		memcpy(space + header, p->payload, p->payload_len);
	if (p->padding) {
		memset(space + header + p->payload_len, 0, p->padding - 1u);
		space[header + body - 1] = p->padding;
	}
	return (int)(header + body);
}
