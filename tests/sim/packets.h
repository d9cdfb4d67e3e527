/* packets: SCTP packets as a test talks about them: "drop the second COOKIE-ECHO", "what was in that packet?"
 *
 * Packets are read by src/wire, so a fault of our codec does not show here; tests against other stacks show it. The filters are
 * for links that carry bare SCTP, because DTLS hides its packets. */
#ifndef TESTS_SIM_PACKETS_H
#define TESTS_SIM_PACKETS_H

#include "wire/wire.h"

#include "link.h"

/* "DATA tsn=3 sid=0 ssn=0 BE len=10, SACK cum=2 rwnd=131072". For sim.describe. */
void packet_describe(const uint8_t *packet, size_t len, char *text, size_t size);

/* Finds the nth (from 0) chunk of a type; false when there is none. WIRE_DATA also finds I-DATA, and WIRE_FORWARD_TSN finds
 * I-FORWARD-TSN: for most tests it does not matter which of the two was negotiated. */
bool packet_chunk(const uint8_t *packet, size_t len, uint8_t type, unsigned nth, struct wire_chunk *chunk);
static inline bool packet_has(const uint8_t *packet, size_t len, uint8_t type) {
	struct wire_chunk c;
	return packet_chunk(packet, len, type, 0, &c);
}
unsigned packet_count(const uint8_t *packet, size_t len, uint8_t type);
/* Writes the right checksum, after a filter changed the bytes. */
void packet_reseal(uint8_t *packet, size_t len);

/* ---- a filter: drops packets that hold a chunk of a type ---- */

struct drop_chunk {
	uint8_t type;
	/* Of the packets that contain such a chunk, drop `count` from number `from` on, counted from 0. count 0: all from
	 * there. */
	unsigned from, count;
	unsigned seen, dropped;
};
enum link_verdict drop_chunk(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now);

/* ---- a filter: changes a field of packets on their way ---- */

/* Calls fn for each packet, and writes a new checksum afterwards. */
struct rewrite {
	bool (*fn)(void *ctx, uint8_t *packet, size_t *len); /* true: it changed something */
	void *ctx;
	unsigned changed;
};
enum link_verdict rewrite(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now);

/* ---- a filter: keeps a copy of everything ---- */

struct recorded {
	uint64_t at;
	bool forward; /* from the pair's a to b */
	size_t len;
	uint8_t *bytes;
};

/* Put it on both links; the order of the hosts decides which direction is `forward`. A full recorder keeps its packets and
 * records no more. */
struct recorder {
	struct recorded *packets;
	size_t count, capacity, limit; /* limit 0: 100000 */
};
enum link_verdict record(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now);
void recorder_free(struct recorder *r);

/* The nth (from 0) recorded packet of that direction that holds a chunk of the type, or NULL. */
const struct recorded *recorder_find(const struct recorder *r, bool forward, uint8_t type, unsigned nth);
/* How many packets of that direction hold one. */
unsigned recorder_count(const struct recorder *r, bool forward, uint8_t type);

#endif
