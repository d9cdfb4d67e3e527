/* pmtu: which packet size is to be tried next, and which one may be used? The search of RFC 8899, 5.3, as plain numbers: it knows
 * no packets, no timers and no association.
 *
 * Sizes are those of SCTP packets, multiples of four.
 *
 *   passed < failed; what is under probe lies between them, or is the base size, or the one in use that a hint put in doubt
 *   base <= passed <= max, except in the ERROR state of RFC 8899, 5.2, where PMTU_LEAST <= passed < base */
#ifndef SCTP_TX_PMTU_H
#define SCTP_TX_PMTU_H

#include <stdbool.h>
#include <stdint.h>

/* RFC 8899, 5.1.2: "The default value of MAX_PROBES is 3." */
#define PMTU_MAX_PROBES 3

/* Below the base size nothing smaller than this is tried: every IPv4 host takes 576 bytes (RFC 791), less IP, UDP and DTLS. */
#define PMTU_LEAST 508u

enum pmtu_phase {
	PMTU_OFF,      /* RFC 8899's DISABLED: nothing to search for, or a peer that answers no probes */
	PMTU_BASE,     /* is the base size carried, and are probes answered? */
	PMTU_LOWEST,   /* the base size is not: is the least? */
	PMTU_SEARCH,   /* also below the base size */
	PMTU_COMPLETE, /* until the raise timer */
};

struct pmtu {
	enum pmtu_phase phase;
	uint32_t base, max;
	uint32_t passed; /* packets may be as large */
	uint32_t failed; /* and not as large as this; max + 4: no size is known not to pass */
	uint32_t size;   /* under probe; 0: none */
	uint32_t wanted; /* to be tried first; 0: none */
	uint8_t losses;  /* of probes of `size` in a row */
	bool cautious;   /* see pmtu_init */
	bool likely;     /* `passed` is a size that paths have: a little more settles whether it is this one's */
};

/* cautious: nothing is known of what lies on the way. Sizes that nearly every path carries are tried before any larger one, and a
 * peer that does not answer the first size, which is the base size, is asked no more. */
void pmtu_init(struct pmtu *p, uint32_t base, uint32_t max, bool cautious);
/* The search begins, or begins again: a new path. Packets are of the base size. */
void pmtu_start(struct pmtu *p);
/* Returns the size to probe now, which is under probe from then on; 0: none, in OFF and COMPLETE. */
uint32_t pmtu_next(struct pmtu *p);
/* The size under probe was acknowledged. Nothing happens when no size is under probe, here and in the two below. */
void pmtu_passed(struct pmtu *p);
/* A probe of the size was lost, on a path that carries other packets. */
void pmtu_lost(struct pmtu *p);
/* The size cannot leave the machine: it is not tried again. */
void pmtu_impossible(struct pmtu *p);
/* Larger packets vanish, smaller ones pass: back to the base size. The size before is tried first, unless a hint is newer. */
void pmtu_black_hole(struct pmtu *p);
/* Somebody says that the path carries `size` and no more. sure: our own machine says so of its interface. Anybody else may lie
 * (RFC 8899, 4.6.2), so the size is probed, and nothing is taken for failed. Returns false when the hint says nothing new. */
bool pmtu_hint(struct pmtu *p, uint32_t size, bool sure);
/* Ten minutes have passed. */
void pmtu_raise(struct pmtu *p);

bool pmtu_check(const struct pmtu *p);

#endif
