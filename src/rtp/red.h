/* red: earlier payloads once more in the same packet, so that a lost packet of sound needs no round trip. RFC 2198.
 *
 * The sender remembers its last payloads and puts them before the new one, oldest first. What does not fit is left out: an offset
 * of the timestamp has 14 bits, a length 10, and the packet a size. So silence (DTX) and large payloads end the redundancy by
 * themselves.
 *
 * What goes before the payload is written alone, so that the payload itself is not copied:
 *
 *     int n = red_before(&red, type, timestamp, payload, len, space, size)
 *     rtp_session_send(s, stream, {.payload_type = red_type, .prefix = space, .prefix_len = n, .source = ...})
 *
 * The taker says which blocks of a packet are news: its own payload, unless it came before, and earlier ones whose packets are
 * missing. It keeps the numbers of the last RED_WINDOW packets, and allocates nothing.
 *
 *     if (got.packet.payload_type == red_type && !red_read(&reader, got.packet.payload, got.packet.payload_len, timestamp))
 *             while (red_take(&taker, &reader, got.number, &block))
 *                     jitter_push(number got.number - block.back, block.timestamp, block.data, ...);
 *                     when block.back > 0: rtp_session_repaired(s, stream, got.number - block.back, now)
 *
 * The packet's own number belongs to the last block; the block `back` places before it was sent first in the packet with the
 * number - back, since no packet is left out between them. A sender of another make may leave one out, so the timestamps are held
 * against those of the packets that came: an earlier packet has an earlier timestamp, and a later one a later. A block that does
 * not fit into its hole is not used.
 *
 *   count <= depth <= RED_DEPTH_MAX; entry i is the (i + 1)-th last payload, and len[i] <= RED_LEN_MAX */
#ifndef RTP_RED_H
#define RTP_RED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RED_DEPTH_MAX 4
#define RED_LEN_MAX 1023
#define RED_OFFSET_MAX 16383

/* ---- writing ---- */

struct red_entry {
	uint32_t timestamp;
	uint16_t len;
	uint8_t payload_type;
	uint8_t bytes[RED_LEN_MAX];
};

struct red_sender {
	uint8_t depth; /* earlier payloads in each packet */
	uint8_t count, newest;
	uint32_t left_out; /* earlier payloads that did not fit */
	struct red_entry entries[RED_DEPTH_MAX];
};

/* depth: 0 to RED_DEPTH_MAX. */
void red_sender_init(struct red_sender *r, unsigned depth);
bool red_sender_check(const struct red_sender *r);

/* Writes the payload of a RED packet, and remembers the new payload. payload_type is that of the payload, not of RED. Returns the
 * length, or
 *   SLUICE_NO_SPACE  not even the new payload fits; it is not remembered */
int red_write(struct red_sender *r, uint8_t payload_type, uint32_t timestamp, const uint8_t *payload, size_t len, uint8_t *space,
              size_t size);

/* The part of red_write() before the new payload, for who gathers the packet. size: room for that part and the payload. Returns
 * its length, or
 *   SLUICE_NO_SPACE  as above */
int red_before(struct red_sender *r, uint8_t payload_type, uint32_t timestamp, const uint8_t *payload, size_t len, uint8_t *space,
               size_t size);

/* ---- reading ---- */

struct red_block {
	uint8_t payload_type;
	uint32_t timestamp;
	unsigned back; /* 0: the packet's own payload; 1: that of the packet before it, ... */
	uint8_t *data;
	size_t len;
};

struct red_reader {
	uint8_t *header, *data, *end;
	uint32_t timestamp;
	unsigned left;
	bool is_noted, is_new; /* red_take() has looked at the packet's own number; it had not come */
};

/* payload and timestamp are those of the RED packet. Returns 0, or
 *   SLUICE_MALFORMED  a header or a block runs past the end */
int red_read(struct red_reader *r, uint8_t *payload, size_t len, uint32_t timestamp);
/* Oldest first; the packet's own payload is the last. False at the end. */
bool red_next(struct red_reader *r, struct red_block *out);

#define RED_WINDOW 64

/*   bit i of came: highest - i came, or its payload did
 *   timestamps[n % RED_WINDOW] is that of number n where it came */
struct red_taker {
	uint64_t highest; /* 0: nothing came */
	uint64_t came;
	uint32_t timestamps[RED_WINDOW];
	uint64_t repaired, refused; /* earlier payloads that were news; that did not fit into their holes */
};

/* All zeros is a taker for a new stream. number: the packet's, unwrapped. The next block of it that is news; false at the end. A
 * packet of the stream that is not RED is told by red_came(). */
bool red_take(struct red_taker *t, struct red_reader *r, uint64_t number, struct red_block *out);
/* Returns false when it came before. */
bool red_came(struct red_taker *t, uint64_t number, uint32_t timestamp);

#endif
