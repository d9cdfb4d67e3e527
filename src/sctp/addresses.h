/* addresses: which addresses has the peer named in its INIT or INIT-ACK?
 *
 * There is one path, chosen by the layer below, and no address is ever used. But an INIT that would restart an association under
 * addresses that were not its own is to be refused (RFC 9260, 5.2.2), so those that it began with are remembered: as a set of 64
 * bits of which each address sets up to four, so that any number of them fits a cookie. An address may pass for a known one by
 * chance, about one in 65,536 beside one known; nothing is gained by it. */
#ifndef SCTP_ADDRESSES_H
#define SCTP_ADDRESSES_H

#include "wire/wire.h"

uint64_t addresses_of(const struct wire_init *i);
/* Writes the addresses of the INIT that are not among the known ones, as parameters; as many as fit. Returns their bytes; 0: it
 * has none. */
size_t addresses_added(const struct wire_init *i, uint64_t known, uint8_t *out, size_t size);

#endif
