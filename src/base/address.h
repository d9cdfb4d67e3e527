/* address: what is in an IPv4 or IPv6 address, are two the same, and how is one written?
 *
 * Everything is read from the sockaddr itself: no resolver, and no function of the C library that may look at a file or a
 * locale. The text of an IPv6 address is the one that RFC 5952 recommends: lower case, the longest run of zeros shortened. A
 * scope ("%eth0") is neither read nor written.
 *
 * An address of another family has no bytes, port 0 and length 0, and equals nothing. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* ---- text ---- */

#define ADDRESS_TEXT_MAX 46 /* the longest with its NUL; RFC 4291's IPv4-mapped form */

/* Writes the address without its port. Returns the length, or SLUICE_NO_SPACE, SLUICE_INVALID for another family. */
int address_format(const struct sockaddr_storage *addr, char *text, size_t size);
/* Reads an address; the port becomes 0. The whole text has to be one: false for anything else, names included. */
bool address_parse(const char *text, size_t len, struct sockaddr_storage *out);

/* ---- parts ---- */

/* The address itself in network order: 4 bytes of IPv4, 16 of IPv6. NULL for another family. */
const uint8_t *address_bytes(const struct sockaddr_storage *a);
size_t address_size(const struct sockaddr_storage *a);
/* The reverse: size is 4 or 16. The scope becomes 0. */
struct sockaddr_storage address_from_bytes(const void *bytes, size_t size, uint16_t port);
/* From a sockaddr that may be shorter than a sockaddr_storage. Another family than the two becomes ss_family 0. */
struct sockaddr_storage address_from(const struct sockaddr *a);

/* The port in host byte order. */
uint16_t address_port(const struct sockaddr_storage *a);
void address_set_port(struct sockaddr_storage *a, uint16_t port);
/* The bytes that bind() and connect() want. */
socklen_t address_len(const struct sockaddr_storage *a);
/* A link-local address without a scope gets that of `from`, which must be link-local for it. */
void address_take_scope(struct sockaddr_storage *a, const struct sockaddr_storage *from);

/* ---- equality ---- */

/* Same family, address and port; of IPv6 the scope too, where both name one: a candidate from SDP never does. */
bool address_equal(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
/* The same without the port. */
bool address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* Family, port, address and scope in 24 bytes without gaps: to be hashed, and compared with memcmp(). Here a missing scope
 * differs from every other. */
struct address_key {
	uint8_t bytes[24];
};
struct address_key address_key(const struct sockaddr_storage *a);

/* ---- kinds ---- */

/* 0.0.0.0 or [::]: good for binding only. */
bool address_is_any(const struct sockaddr_storage *a);
/* An IPv6 address that is not mapped, and an IPv4-mapped one (::ffff:0:0/96). */
bool address_is_ipv6(const struct sockaddr_storage *a);
bool address_is_mapped(const struct sockaddr_storage *a);
/* Of IPv4-mapped ones these two see the IPv4 address. */
bool address_is_loopback(const struct sockaddr_storage *a);
bool address_is_link_local(const struct sockaddr_storage *a);

#endif
