/* sack: how many acknowledgements do the packets of one input() get, and how long may one wait?
 *
 * Two kinds of senders live out there. dcSCTP and usrsctp let at most four packets go for each SACK that they get, and open their
 * window by at most a packet or two for each; one SACK for sixteen packets starves them. Ours sends all that it may for one SACK,
 * and then every further SACK is work for nothing, on both sides.
 *
 * What a receiver sees of that: when each batch is answered by one SACK, a sender that is held to four packets a SACK brings
 * batches of four or five, a round trip later, whatever its window is. So under "one a batch" a mean well above that is proof that
 * the peer makes use of it, and a mean that falls to eight ends it: at little cost, as such batches get four SACKs the other way. Whether it might make use of it, while every second packet is acknowledged, shows only in a trial; a trial costs a held
 * sender some round trips of its window, so there is one only while batches are large and have been for a while, and after each that
 * failed the next is twice as far. A peer that says it is of our kind (its INIT lists PAD among the extensions, as no other stack's
 * does) is believed from the start.
 *
 * It knows counts and times; TSNs are tsnmap's, chunks are data.c's.
 *
 *   early_count <= SACK_EARLY_MAX; early is NULL or has room for so many */
#ifndef SCTP_RX_SACK_H
#define SCTP_RX_SACK_H

#include "base/walk.h"
#include "pool/env.h"
#include "sluice/sctp.h"

/* SACKs that wait beside the one that is due: those of an input()'s earlier packets. */
#define SACK_EARLY_MAX 32
#define SACK_EARLY_GAPS 4

struct early_sack {
	uint32_t cum_tsn, a_rwnd;
	uint16_t gap_count;
	uint8_t gaps[4 * SACK_EARLY_GAPS]; /* as on the wire */
};

struct sack_policy {
	enum sluice_sack_policy rule;
	bool apart;          /* packets of one input() are acknowledged two by two, not all at once */
	bool believed;       /* the peer is of our kind */
	uint16_t mean;       /* packets with DATA in a batch, sixteenths, running */
	uint16_t large;      /* batches in a row with a large mean */
	uint64_t pause;      /* ns until the next trial, once this one has failed */
	uint64_t not_before; /* when the next trial may begin; 0: the first batch says */
	uint32_t unacked;    /* packets with DATA since the last SACK was decided on */

	struct early_sack *early;
	uint32_t early_count, early_sent; /* early[early_sent .. early_count) wait */
};

/* A new association begins: everything as at the start but for the memory. The first time, the struct is all zero. */
void sack_reset(struct sack_policy *s, enum sluice_sack_policy rule, bool believed);
void sack_free(struct sack_policy *s, sluice_env *env);

/* A batch of so many packets with DATA came in: does the rule for the next one change? */
void sack_learn(struct sack_policy *s, uint32_t packets, uint64_t now);

/* One that goes apart from and before the pending one, to be filled by the caller; NULL when there are too many or no memory: then a
 * later one speaks for it. */
struct early_sack *sack_early(struct sack_policy *s, sluice_env *env);
static inline bool sack_early_waits(const struct sack_policy *s) {
	return s->early_sent < s->early_count;
}

/* How long the acknowledgement of a single packet may wait; configured: 0, or what the app said. */
uint64_t sack_delay(uint64_t configured, uint64_t srtt);

/* A hand-over. Early SACKs stay behind: the pending one speaks for them all. */
void sack_walk(struct sack_policy *s, struct walk *w);

#endif
