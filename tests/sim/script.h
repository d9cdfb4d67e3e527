/* script: one association against a peer that a test plays by hand, packet by packet.
 *
 * There is no world here: the test gives packets, lets time pass, and looks at each packet that comes out. For everything
 * that a well-behaved peer would never do, and for exact times. */
#ifndef TESTS_SIM_SCRIPT_H
#define TESTS_SIM_SCRIPT_H

#include "sluice/sctp.h"
#include "wire/wire.h"

#include "memory.h"
#include "rng.h"

#define SCRIPT_PACKETS 1024
#define SCRIPT_PACKET_MAX 2048
#define SCRIPT_MESSAGES 1024

struct script_packet {
	uint64_t at;
	size_t len;
	uint8_t bytes[SCRIPT_PACKET_MAX];
};

struct script {
	sluice_env *env;
	sluice_sctp *sctp;
	struct memory memory;
	struct rng entropy;
	uint64_t now;

	/* Our side, the peer's. */
	uint16_t port, remote_port;
	uint32_t tag, remote_tag; /* ours, which the association must put on its packets; and the association's */
	uint32_t tsn, remote_tsn; /* our next; the association's first */
	uint32_t rwnd;
	uint16_t streams;
	bool forward_tsn, reconfig, pad, i_data,
		i_forward_tsn; /* what our INIT offers; the last three are false unless a test sets them */

	/* What came out and what nobody has looked at yet: packets[read .. count). */
	struct script_packet *packets;
	size_t count, read;

	/* Events, in order. Messages are released at once; their lengths, streams and PPIDs are kept. */
	sluice_sctp_event events[SCRIPT_MESSAGES];
	struct {
		size_t len;
		uint16_t stream;
		uint32_t ppid;
		bool first, last; /* of a part */
		int error;
		uint64_t offset;
	} messages[SCRIPT_MESSAGES];
	size_t event_count, message_count;
	bool keep; /* do not release */
	sluice_message *kept[SCRIPT_MESSAGES];
	size_t kept_count;
};

void script_init(struct script *s, const sluice_sctp_config *config);
/* With entropy of its own. */
void script_init_seeded(struct script *s, const sluice_sctp_config *config, uint64_t seed);
/* Frees and checks for leaks. */
void script_free(struct script *s);

/* ---- giving ---- */

/* A packet of ours: begin (correct ports and tag), write chunks into the writer, give. */
struct writer script_begin(struct script *s, uint8_t *space, size_t size);
void script_give(struct script *s, struct writer *w); /* with a correct checksum */
void script_give_raw(struct script *s, const void *packet, size_t len);
/* Lets the clock run to a time, with every deadline on the way, and collects what comes out. */
void script_run(struct script *s, uint64_t until);
/* Collects what the association has to say now: after a call that is no verb. */
void script_collect(struct script *s);

/* ---- looking ---- */

/* The next packet that was not looked at, or NULL. */
const struct script_packet *script_next(struct script *s);
/* The next one that holds a chunk of this type; those before it are skipped. NULL: none did (and all are skipped). */
const struct script_packet *script_expect(struct script *s, uint8_t type, struct wire_chunk *chunk);
void script_skip(struct script *s);
/* How many not looked at hold such a chunk. */
unsigned script_pending(const struct script *s, uint8_t type);
unsigned script_events(const struct script *s, enum sluice_sctp_event_type type);

/* ---- the usual scenes ---- */

/* We open, it answers; then it opens, we answer. Afterwards it is established and nothing is unread. False: it did not. */
bool script_open_passive(struct script *s);
bool script_open_active(struct script *s);
/* The steps of the two. False: what should have come out did not.
 * script_open_until_init: it connects; its INIT is read, and nothing is answered yet.
 * script_open_half: we give our INIT; its INIT ACK is read. `ack` lies in the packet that came out. */
bool script_open_until_init(struct script *s);
bool script_open_half(struct script *s, struct wire_init *ack);
void script_echo_cookie(struct script *s, const uint8_t *cookie, size_t len);

/* A RE-CONFIG of one parameter, given. */
void script_give_reconfig(struct script *s, const struct wire_reconfig *r);
void script_give_response(struct script *s, uint32_t seq, uint32_t result);
/* The next RE-CONFIG's first parameter; false when none came. */
bool script_next_reconfig(struct script *s, struct wire_reconfig *r);

void script_init_chunk(struct script *s, struct writer *w, uint8_t type, const uint8_t *cookie, size_t cookie_len);
/* A DATA chunk of len bytes, all of value tsn & 0xff; flags as WIRE_DATA_*. Our tsn is not moved. */
void script_data(struct writer *w, uint32_t tsn, uint16_t stream, uint16_t ssn, uint8_t flags, size_t len);
/* The same as an I-DATA chunk. */
void script_i_data(struct writer *w, uint32_t tsn, uint16_t stream, uint32_t mid, uint32_t fsn, uint8_t flags, size_t len);
void script_give_i_data(struct script *s, uint32_t tsn, uint16_t stream, uint32_t mid, uint32_t fsn, uint8_t flags, size_t len);
/* A whole packet with one such chunk, given. */
void script_give_data(struct script *s, uint32_t tsn, uint16_t stream, uint16_t ssn, uint8_t flags, size_t len);
void script_give_sack(struct script *s, uint32_t cum, uint32_t rwnd, const uint16_t *gaps, size_t gap_count);

static inline sluice_sctp_stats script_stats(const struct script *s) {
	sluice_sctp_stats stats;
	sluice_sctp_stats_get(s->sctp, &stats);
	return stats;
}

#endif
