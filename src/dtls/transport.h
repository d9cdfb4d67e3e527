/* transport: where does OpenSSL read records from, and where do the records go that it writes?
 *
 * One BIO for both directions, over memory that the connection points it at. Reading gives the one record that was put into
 * `record`, once. Writing an application record fills `slot`, the slot of a batch that is being sealed. All other records
 * (handshake, alerts) are queued as datagrams of up to `mtu` bytes. OpenSSL may write several records in one call, and together
 * these may exceed the MTU that OpenSSL was given, so each record is queued by itself. Small records share a datagram, so that a
 * flight and its repetition take as few packets as they can. No datagram and no batch holds records of two flights. This file
 * knows no SSL, no states and no time; of OpenSSL's timer it only notes what OpenSSL reports.
 *
 * The datagrams of the newest flight are kept when they have left, so that the flight can be repeated without OpenSSL, which ends
 * the connection at the thirteenth repetition. A repeated record needs a number of its own, or the peer drops it as a replay. So
 * the numbers of unencrypted records are assigned here. A sealed record keeps its number, which its tag covers.
 *
 *   count == datagrams in the list, and count <= TRANSPORT_QUEUE_MAX
 *   first == NULL exactly when last == NULL exactly when count == 0
 *   all datagrams in `kept` are of the flight that left last
 *   slot == NULL between calls */
#ifndef DTLS_TRANSPORT_H
#define DTLS_TRANSPORT_H

#include <openssl/bio.h>
#include <sys/time.h>

#include "pool/env.h"

/* A flight is seldom more than three datagrams. A record that finds no room is dropped, as a network would do, and repeated
 * later. */
#define TRANSPORT_QUEUE_MAX 64

struct transport_datagram {
	struct transport_datagram *next;
	uint32_t flight;
	size_t len;
	uint8_t bytes[];
};

struct transport {
	sluice_env *env;
	size_t mtu; /* of handshake datagrams */

	const uint8_t *record; /* what the next read gives */
	size_t record_len;
	bool starved; /* OpenSSL asked for a record and there was none; connection_settle clears it */

	uint8_t *slot; /* NULL when no batch is being sealed */
	size_t slot_size;
	size_t sealed; /* bytes of the record that stands in the slot now */

	struct transport_datagram *first, *last;
	unsigned count;
	uint32_t flight, flight_out; /* of the record queued last; of the datagram that left last */
	bool flight_ended;
	bool incomplete; /* a record of this flight was dropped for want of memory or room */
	struct transport_datagram *kept, *kept_last;
	uint64_t next_number; /* of an unencrypted record */

	/* OpenSSL's own timer, before 3.2: zero while it does not run. Later versions pass a copy, which is gone when the call
	 * returns, so this must not be read then. */
	struct timeval *timer;
	bool timer_running;
	bool timer_started; /* since the flag was last cleared */
	bool timer_stopped;
};

/* A BIO over t, which must outlive it; NULL when there is no memory. */
BIO *transport_bio(struct transport *t);
/* Writes the datagrams that are due and have equal length (the last may be shorter) into the batch; returns how many, or
 * SLUICE_NO_SPACE when not even the first one fits. */
int transport_output(struct transport *t, sluice_batch *batch);
/* Records that are queued from here on belong to another flight. OpenSSL writes a flight wholly in one call. */
static inline void transport_next_flight(struct transport *t) {
	t->flight_ended = true;
}
/* Queues the flight that left last once more. False: no flight is kept, or something waits to leave anyway. */
bool transport_repeat(struct transport *t);
/* Does the flight that left last hold encrypted records? */
bool transport_kept_sealed(const struct transport *t);
/* Drops the kept flight: the peer has it. */
void transport_forget(struct transport *t);
/* Drops the kept flight and everything that waits to leave. */
void transport_drop(struct transport *t);
bool transport_check(const struct transport *t);

#endif
