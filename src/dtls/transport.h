/* transport: where does OpenSSL read records from, and where do the records go that it writes?
 *
 * One BIO for both directions. Reading gives the one record that was put into `record`, once. What OpenSSL writes is kept in a
 * buffer until it is taken; nothing of it leaves by itself. OpenSSL is given an MTU so large that a flight seldom takes more than
 * one write; each write holds whole records. The BIO never answers that it is not ready: OpenSSL would suspend the message that
 * it writes, and versions before 3.5.9, 3.6.5 and 4.0.3 read past it then (CVE-2026-84782).
 *
 * The sequences of unencrypted records are assigned here, for OpenSSL has a window of its own over them. The peer's sequences are
 * not authentic, and a forged high one would move that window, so that OpenSSL would drop the peer's own records. A sealed record
 * keeps its sequence, which its tag covers. This file knows no SSL, no states, no flights and no time.
 *
 *   taken <= filled <= capacity; taken == filled between the steps of the handshake, unless memory was short */
#ifndef DTLS_TRANSPORT_H
#define DTLS_TRANSPORT_H

#include <openssl/bio.h>

#include "pool/env.h"

struct transport {
	sluice_env *env;

	const uint8_t *record; /* what the next read gives */
	size_t record_len;
	uint64_t next_read; /* the sequence of the next unencrypted record that is read */
	bool starved;       /* OpenSSL asked for a record and there was none; connection_settle clears it */

	uint8_t *written;
	size_t taken, filled, capacity;
	bool lost; /* something that OpenSSL wrote was not kept, for want of memory */

	/* Connections with OpenSSL's records: where the next record of data goes. NULL: into the buffer. */
	uint8_t *slot;
	size_t slot_size, sealed; /* bytes of the slot; of the record that stands in it now */
};

/* Makes the buffer, large enough for most flights. False: no memory. */
bool transport_open(struct transport *t, sluice_env *env);
/* Frees it, with what was written. */
void transport_close(struct transport *t);
/* A BIO over t, which must outlive it; NULL when there is no memory. */
BIO *transport_bio(struct transport *t);

/* The oldest record that was written and not taken; NULL: none. */
const uint8_t *transport_first(const struct transport *t, size_t *len);
/* Takes it. */
void transport_take(struct transport *t);
/* Takes all. */
void transport_drop(struct transport *t);

#endif
