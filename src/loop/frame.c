#include "loop/frame.h"

#include "base/bytes.h"

#define STUN_HEADER 20
#define CHANNEL_HEADER 4

static size_t padded(size_t len) {
	return (len + 3) & ~(size_t)3;
}

/* RFC 4571, 2: a 16-bit unsigned length, then that many bytes. */
static int look_4571(const uint8_t *p, size_t len, struct frame *f) {
	if (len < 2)
		return 0;
	*f = (struct frame){.offset = 2, .len = get_be16(p)};
	f->size = f->offset + f->len;
	return 1;
}

/* RFC 8656, 12.5: "Over TCP and TLS-over-TCP, the ChannelData message MUST be padded to a multiple of four bytes in order to
 * ensure the alignment of subsequent messages. The padding is not reflected in the length field". STUN messages are multiples
 * of four anyway (RFC 8489, 5). The first two bits tell them apart: 00 STUN, 01 ChannelData. */
static int look_turn(const uint8_t *p, size_t len, struct frame *f) {
	if (len < 4)
		return 0;
	size_t length = get_be16(p + 2);
	switch (p[0] >> 6) {
	case 0:
		*f = (struct frame){.size = STUN_HEADER + length, .len = STUN_HEADER + length};
		return length % 4 == 0 ? 1 : -1;
	case 1:
		*f = (struct frame){.size = CHANNEL_HEADER + padded(length), .len = CHANNEL_HEADER + length};
		return 1;
	default:
		return -1;
	}
}

int frame_look(const uint8_t *p, size_t len, bool turn, struct frame *f) {
	return turn ? look_turn(p, len, f) : look_4571(p, len, f);
}

size_t frame_write(uint8_t *out, const uint8_t *datagram, size_t len, bool turn) {
	if (len > UINT16_MAX)
		return 0;
	if (!turn) {
		put_be16(out, (uint16_t)len);
		memcpy(out + 2, datagram, len);
		return 2 + len;
	}
	memcpy(out, datagram, len);
	memset(out + len, 0, padded(len) - len);
	return padded(len);
}
