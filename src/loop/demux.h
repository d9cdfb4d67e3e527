/* demux: on a socket that many peers share, whose is this datagram?
 *
 * Three tables, each bounded by the peers:
 *   names         our ufrag -> member. A binding request names it: USERNAME is the receiver's ufrag, a colon and the sender's
 *                 (RFC 8445, 7.2.2). A member keeps its last two ufrags, since checks from before an ICE restart go on for a
 *                 while.
 *   addresses     source address -> member. An address is learnt only when the member's ICE agent found a message from there
 *                 authentic. A member has at most DEMUX_ADDRESSES; the one that was unused for longest makes room. An address
 *                 belongs to one member. An answer to another member's check moves the address: it shows that whoever is there
 *                 wants that member. A request may have a forged source, so a request moves the address only when its owner has
 *                 been silent there for DEMUX_SILENCE.
 *   transactions  id of a request that we sent to an address not learnt yet -> member: its answer names no ufrag. The table has a
 *                 fixed number of places. A younger id takes the place of an older one; a retransmission takes it back.
 *
 * It knows no sockets and no peers, only members; and of STUN just the header and USERNAME.
 *
 *   every entry in a bucket has its owner's list, and the reverse
 *   counts == entries */
#ifndef LOOP_DEMUX_H
#define LOOP_DEMUX_H

#include "sluice/env.h"

#define DEMUX_ADDRESSES 16
#define DEMUX_UFRAG_MAX 256 /* RFC 8839, 5.4 */
/* RFC 7675, 5.1: consent is asked for every 5 s, randomised up to 6 s. Whoever lives has been heard from in that time. */
#define DEMUX_SILENCE (7 * SLUICE_S)

struct demux_name;
struct demux_address;
struct demux_transaction;

struct demux_member {
	struct demux_name *names[2];     /* the present one and the one before */
	struct demux_address *addresses; /* the last used first */
	uint32_t address_count, transaction_count;
};

struct demux {
	sluice_env *env;
	uint64_t seed; /* of the hashes: strangers choose names and addresses */
	struct demux_name **names;
	struct demux_address **addresses;
	size_t name_buckets, name_count, address_buckets, address_count; /* buckets: powers of two */
	struct demux_transaction *transactions;                          /* NULL until one is noted */
};

/* False when there is no memory. */
bool demux_init(struct demux *t, sluice_env *env);
void demux_deinit(struct demux *t); /* all members were forgotten before */

/* Sets the member's ufrag. Does nothing when the member has this one. Returns 0, SLUICE_EXISTS, SLUICE_INVALID,
 * SLUICE_NO_MEMORY. */
int demux_name(struct demux *t, struct demux_member *m, const char *ufrag);
struct demux_member *demux_by_name(const struct demux *t, const char *ufrag, size_t len);
/* An authentic request or answer came from the address: the address is the member's from now on, unless it stays another's (see
 * above). Without memory nothing changes. */
enum demux_proof { DEMUX_BY_REQUEST, DEMUX_BY_ANSWER };
void demux_learn(struct demux *t, struct demux_member *m, const struct sockaddr_storage *addr, enum demux_proof proof,
                 uint64_t now);
struct demux_member *demux_by_address(const struct demux *t, const struct sockaddr_storage *addr);
void demux_note(struct demux *t, struct demux_member *m, const uint8_t id[12]);
struct demux_member *demux_by_transaction(const struct demux *t, const uint8_t id[12]);
void demux_forget(struct demux *t, struct demux_member *m);

bool demux_check(const struct demux *t);

/* ---- what stands in a datagram ---- */

enum demux_kind { DEMUX_OTHER, DEMUX_REQUEST, DEMUX_RESPONSE };
/* STUN binding requests and responses, by their header alone; everything else, other STUN included, is OTHER. */
enum demux_kind demux_kind(const uint8_t *data, size_t len);
/* The two halves of a request's USERNAME. False when there is none, or it is no ICE one. */
bool demux_username(const uint8_t *data, size_t len, char ours[DEMUX_UFRAG_MAX + 1], char theirs[DEMUX_UFRAG_MAX + 1]);

#endif
