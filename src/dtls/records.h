/* records: whose records carry the data, ours or OpenSSL's?
 *
 * A row of functions for everything that is done with records of epoch 1. Ours is the row of DTLS 1.2 as epoch.c makes it.
 * OpenSSL's row keeps the SSL and calls SSL_write and SSL_read; it is there for comparison and for doubt (dtls_config). Another
 * version of the protocol, whose records look different, will be another row. */
#ifndef DTLS_RECORDS_H
#define DTLS_RECORDS_H

#include "dtls/connection.h"

struct records {
	/* The SSL outlives the handshake, and the records that it seals from then on leave as they are. */
	bool keeps_openssl;
	/* After the handshake, before the flight that is kept leaves: makes the number of its one sealed record nobody else's.
	 * False: there is none now. NULL: that holds anyway. */
	bool (*reserve)(struct dtls *d);
	/* Seals the slots of a batch in place; its rooms are the suite's. 0, SLUICE_LIMIT (the numbers are used up),
	 * SLUICE_CRYPTO. */
	int (*seal)(struct dtls *d, const sluice_batch *b);
	/* Opens records of data in place, up to EPOCH_RUN. `text` stays NULL for those that are not authentic. */
	void (*open)(struct dtls *d, struct epoch_record *records, size_t count);
	/* During the handshake, behind the peer's ChangeCipherSpec: may OpenSSL have this record? It may have been acted on. */
	bool (*admit)(struct dtls *d, const uint8_t *record, size_t len);
	/* After the handshake: takes a record that is no data. */
	void (*control)(struct dtls *d, uint8_t *record, size_t len);
	/* Queues close_notify. */
	void (*goodbye)(struct dtls *d);
};

extern const struct records records_ours, records_openssl;

#endif
