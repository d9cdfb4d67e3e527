/* flights: when does a flight of the handshake go again, and from which copy?
 *
 * The clock is the caller's. Two can repeat a flight: the transport, which keeps a copy of what left, and OpenSSL, which has to
 * where a record must be sealed anew. OpenSSL measures its own timer by the system's clock, whatever `now` says, so as little as
 * possible is left to that timer. This file knows no records but through the transport, no trust and no data.
 *
 *   deadline != SLUICE_NEVER only while state == DTLS_HANDSHAKING and not finished */
#ifndef DTLS_FLIGHTS_H
#define DTLS_FLIGHTS_H

#include "dtls/connection.h"

/* The new SSL of d: asks us how long its timer runs. */
void flights_open(struct dtls *d, uint64_t first_timeout);
/* OpenSSL took a record, or began the handshake: follows its timer, which runs while a flight waits for its answer. */
void flights_follow(struct dtls *d, uint64_t now);
/* Repeats the flight whose time has come. False: the handshake has failed; OpenSSL's error queue says why. */
bool flights_advance(struct dtls *d, uint64_t now);

/* The peer repeats its last flight although our handshake is over, which means that our last flight was lost. RFC 6347, 4.2.4:
 * "the node that transmits the last flight [...] MUST respond to a retransmit of the peer's last flight with a retransmit of the
 * last flight." The copy goes unchanged: a peer that has our flight does not ask for it, and OpenSSL would end the connection at
 * the thirteenth time. So nothing depends on whether the peer's record is genuine; a forger makes one small flight go to the
 * peer, no more. False: nothing goes, because our flight was not the last one, the copy lacks something, or it was forgotten
 * already. */
bool flights_repeat_last(struct dtls *d);

#endif
