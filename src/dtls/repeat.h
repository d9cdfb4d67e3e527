/* repeat: when does a flight of the handshake go again?
 *
 * The clock is the caller's alone. OpenSSL has a timer of its own, which since 3.2 nobody can see or move; it is given a duration
 * that is not reached, and what it repeats all the same flight.c drops. This file knows no records and no data.
 *
 *   deadline != SLUICE_NEVER only while state == DTLS_HANDSHAKING and not finished */
#ifndef DTLS_REPEAT_H
#define DTLS_REPEAT_H

#include "dtls/connection.h"

/* The new SSL of d: asks us how long its timer runs. */
void repeat_open(struct dtls *d, uint64_t first_timeout);
/* OpenSSL took a record, or began the handshake: when it wrote a flight, the time for the answer begins. */
void repeat_follow(struct dtls *d, uint64_t now);
/* Repeats the flight whose time has come. */
void repeat_advance(struct dtls *d, uint64_t now);

/* The peer repeats its last flight although our handshake is over, which means that our last flight was lost. RFC 6347, 4.2.4:
 * "the node that transmits the last flight [...] MUST respond to a retransmit of the peer's last flight with a retransmit of the
 * last flight." The peer's record need not be genuine: a forger makes one small flight go to the peer every 10 ms, no more.
 * False: nothing goes, because our flight was not the last one, is waiting to leave, was forgotten already, or went just now. */
bool repeat_last(struct dtls *d);

#endif
