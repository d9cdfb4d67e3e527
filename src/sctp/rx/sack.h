/* sack: how many acknowledgements do the packets of one input() get, and how long may one wait?
 *
 * Two kinds of senders live out there. dcSCTP and usrsctp let at most four packets go for each SACK that they get, and open their
 * window by at most a packet or two for each; one SACK for sixteen packets starves them. Ours sends all that it may for one SACK,
 * and then every further SACK is work for nothing, on both sides.
 *
 * What a receiver sees of that: when each batch gets one SACK, a sender that is held to four packets a SACK brings batches of
 * four or five a round trip later, whatever its window is. So while each batch gets one SACK, a mean well above five proves that
 * the peer gains by it. A mean of eight or less ends the rule; that costs little, as such batches get four SACKs under the other
 * rule.
 *
 * While every second packet is acknowledged, only a trial shows whether the peer would gain. A trial costs a held sender some
 * round trips of its window. So there is a trial only when batches have been large for a while, and after a trial that failed the
 * next one waits twice as long. A peer of our kind (its INIT lists PAD among the extensions, as no other stack's does) is
 * believed from the start.
 *
 * This file knows counts and times. TSNs are tsnmap's, chunks are receiver.c's.
 *
 *   early_count <= SACK_EARLY_MAX; early is NULL or has room for SACK_EARLY_MAX */
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
	uint32_t unacked;    /* packets with DATA since the last SACK was decided on */
	uint64_t pause;      /* ns until the next trial, once this one has failed */
	uint64_t not_before; /* when the next trial may begin; 0: the first batch says */

	struct early_sack *early;
	uint32_t early_count, early_sent; /* early[early_sent .. early_count) wait */
};

/* A new association begins: everything as at the start but for the memory. The first time, the struct is all zero. */
void sack_reset(struct sack_policy *s, enum sluice_sack_policy rule, bool believed);
void sack_free(struct sack_policy *s, sluice_env *env);

/* A batch with this many packets of DATA came in. Decides on the rule for the next one. */
void sack_learn(struct sack_policy *s, uint32_t packets, uint64_t now);

/* A SACK that goes before the one that is due; the caller fills it. NULL: there are too many, or there is no memory; then a later
 * SACK says the same and more. */
struct early_sack *sack_early(struct sack_policy *s, sluice_env *env);
static inline bool sack_early_waits(const struct sack_policy *s) {
	return s->early_sent < s->early_count;
}

/* How long the acknowledgement of a single packet may wait; configured: 0, or what the app said. */
uint64_t sack_delay(uint64_t configured, uint64_t srtt);

/* A hand-over. Early SACKs stay behind: the pending one speaks for them all. */
void sack_walk(struct sack_policy *s, struct walk *w);

#endif
