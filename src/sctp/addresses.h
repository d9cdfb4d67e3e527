/* addresses: which addresses has the peer named in its INIT or INIT-ACK?
 *
 * The layer below chooses the only path, so the addresses are not used. But an INIT that would restart the association with new
 * addresses must be refused (RFC 9260, 5.2.2), so the first ones are remembered. They are kept as a set of 64 bits, of which each
 * address sets up to four: so any number of addresses fits a cookie. By chance, a new address may look like a known one (about 1
 * in 65,536 when one is known). That gives an attacker nothing. */
#ifndef SCTP_ADDRESSES_H
#define SCTP_ADDRESSES_H

#include "wire/wire.h"

uint64_t addresses_of(const struct wire_init *i);
/* Writes those addresses of the INIT that are not known, as parameters, as many as fit. Returns how many bytes; 0 when there are
 * none. */
size_t addresses_added(const struct wire_init *i, uint64_t known, uint8_t *out, size_t size);

#endif
