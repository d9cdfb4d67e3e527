/* written: what becomes of the records that OpenSSL wrote?
 *
 * OpenSSL writes whole records: handshake messages, ChangeCipherSpec and alerts in the clear, and from its Finished on sealed
 * ones. They are taken apart, and their plaintext goes into the flight; see epoch.h for why a sealed record of OpenSSL's must not
 * leave. Only alerts after the handshake leave as they are, on connections with OpenSSL's records (records.h). */
#ifndef DTLS_WRITTEN_H
#define DTLS_WRITTEN_H

#include "dtls/connection.h"

/* Derives the keys of epoch 1 when the handshake has come so far and they are not there yet. 0, SLUICE_NO_MEMORY, or
 * SLUICE_CRYPTO where there is nothing to derive them from. */
int written_keys(struct dtls *d);
/* Takes everything that OpenSSL wrote. 0, or
 *   SLUICE_NO_MEMORY  the rest is left; call it again
 *   SLUICE_CRYPTO     the connection cannot go on */
int written_take(struct dtls *d);
/* Takes the alert that OpenSSL may have written after the handshake. Without memory it is as good as lost on the way. */
void written_take_alert(struct dtls *d);

#endif
