/* transport: where does OpenSSL read records from, and where do the records go that it writes?
 *
 * One BIO for both directions, over memory that the connection points it at. Reading gives the one record that was put
 * into `record`, once. Writing an application record fills `slot`, the slot of a batch that is being sealed; everything
 * else (handshake, alerts) is queued as datagrams of up to `mtu` bytes. Small records share a datagram, so that a flight,
 * and its repetition, takes as few packets as it can; but no datagram and no batch holds records of two flights. It knows
 * no SSL, no states and no time; of OpenSSL's timer it only notes what OpenSSL says of it.
 *
 *   count == datagrams in the list, and count <= TRANSPORT_QUEUE_MAX
 *   first == NULL exactly when last == NULL exactly when count == 0
 *   slot == NULL between calls */
#ifndef DTLS_TRANSPORT_H
#define DTLS_TRANSPORT_H

#include <openssl/bio.h>
#include <sys/time.h>

#include "pool/env.h"

/* A flight is seldom more than three datagrams. What does not fit is dropped, as a network would, and repeated later. */
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
	bool starved; /* OpenSSL asked for a record and there was none; cleared by who looks at it */

	uint8_t *slot; /* NULL when no batch is being sealed */
	size_t slot_size;
	size_t sealed; /* bytes of the record that stands in the slot now */

	struct transport_datagram *first, *last;
	unsigned count;
	uint32_t flight, flight_out; /* of the record queued last; of the datagram put out last */
	bool flight_ended;

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
/* What is queued from here on belongs to another flight: OpenSSL writes one wholly in the call that makes it. */
static inline void transport_next_flight(struct transport *t) {
	t->flight_ended = true;
}
void transport_drop(struct transport *t);
bool transport_check(const struct transport *t);

#endif
