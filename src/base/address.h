/* address: IPv4 and IPv6 addresses as numeric text, both ways, without a resolver and without the C library's.
 *
 * The text of an IPv6 address is the one that RFC 5952 recommends: lower case, the longest run of zeros shortened. A scope
 * ("%eth0") is neither read nor written. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_MAX 46 /* the longest with its NUL; RFC 4291's IPv4-mapped form */

/* Writes the address without its port. Returns the length, or SLUICE_NO_SPACE, SLUICE_INVALID for another family. */
int address_format(const struct sockaddr_storage *addr, char *text, size_t size);
/* Reads an address; the port becomes 0. The whole text has to be one: false for anything else, names included. */
bool address_parse(const char *text, size_t len, struct sockaddr_storage *out);

#endif
