#include "base/address.h"

#include <netinet/in.h>
#include <string.h>

static const struct sockaddr_in *in4(const struct sockaddr_storage *a) {
	return (const struct sockaddr_in *)a;
}

static const struct sockaddr_in6 *in6(const struct sockaddr_storage *a) {
	return (const struct sockaddr_in6 *)a;
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

const uint8_t *address_bytes(const struct sockaddr_storage *a) {
	if (a->ss_family == AF_INET)
		return (const uint8_t *)&in4(a)->sin_addr;
	return a->ss_family == AF_INET6 ? in6(a)->sin6_addr.s6_addr : NULL;
}

size_t address_size(const struct sockaddr_storage *a) {
	if (a->ss_family == AF_INET)
		return sizeof(struct in_addr);
	return a->ss_family == AF_INET6 ? sizeof(struct in6_addr) : 0;
}

struct sockaddr_storage address_from_bytes(const void *bytes, size_t size, uint16_t port) {
	struct sockaddr_storage a = {.ss_family = size == sizeof(struct in_addr) ? AF_INET : AF_INET6};
	if (a.ss_family == AF_INET)
		memcpy(&((struct sockaddr_in *)&a)->sin_addr, bytes, sizeof(struct in_addr));
	else
		memcpy(&((struct sockaddr_in6 *)&a)->sin6_addr, bytes, sizeof(struct in6_addr));
	address_set_port(&a, port);
	return a;
}

struct sockaddr_storage address_from(const struct sockaddr *from) {
	struct sockaddr_storage a = {.ss_family = from->sa_family};
	socklen_t len = address_len(&a);
	if (len)
		memcpy(&a, from, len);
	else
		a.ss_family = AF_UNSPEC;
	return a;
}

uint16_t address_port(const struct sockaddr_storage *a) {
	if (a->ss_family == AF_INET)
		return __builtin_bswap16(in4(a)->sin_port);
	return a->ss_family == AF_INET6 ? __builtin_bswap16(in6(a)->sin6_port) : 0;
}

void address_set_port(struct sockaddr_storage *a, uint16_t port) {
	if (a->ss_family == AF_INET)
		((struct sockaddr_in *)a)->sin_port = __builtin_bswap16(port);
	else if (a->ss_family == AF_INET6)
		((struct sockaddr_in6 *)a)->sin6_port = __builtin_bswap16(port);
}

socklen_t address_len(const struct sockaddr_storage *a) {
	if (a->ss_family == AF_INET)
		return sizeof(struct sockaddr_in);
	return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : 0;
}

void address_take_scope(struct sockaddr_storage *a, const struct sockaddr_storage *from) {
	bool both = address_is_ipv6(a) && address_is_ipv6(from) && address_is_link_local(a) && address_is_link_local(from);
	if (both && in6(a)->sin6_scope_id == 0)
		((struct sockaddr_in6 *)a)->sin6_scope_id = in6(from)->sin6_scope_id;
}

/* ---- equality ---------------------------------------------------------------------------------------------------- */

bool address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b) {
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return in4(a)->sin_addr.s_addr == in4(b)->sin_addr.s_addr;
	if (a->ss_family != AF_INET6)
		return false;
	uint32_t x = in6(a)->sin6_scope_id, y = in6(b)->sin6_scope_id;
	return memcmp(&in6(a)->sin6_addr, &in6(b)->sin6_addr, 16) == 0 && (x == y || x == 0 || y == 0);
}

bool address_equal(const struct sockaddr_storage *a, const struct sockaddr_storage *b) {
	return address_same_host(a, b) && address_port(a) == address_port(b);
}

struct address_key address_key(const struct sockaddr_storage *a) {
	struct address_key k = {.bytes = {a->ss_family == AF_INET6}};
	if (a->ss_family == AF_INET) {
		memcpy(k.bytes + 2, &in4(a)->sin_port, 2);
		memcpy(k.bytes + 4, &in4(a)->sin_addr, 4);
	} else if (a->ss_family == AF_INET6) {
		memcpy(k.bytes + 2, &in6(a)->sin6_port, 2);
		memcpy(k.bytes + 4, &in6(a)->sin6_addr, 16);
		memcpy(k.bytes + 20, &in6(a)->sin6_scope_id, 4);
	}
	return k;
}

/* ---- kinds ------------------------------------------------------------------------------------------------------- */

bool address_is_any(const struct sockaddr_storage *a) {
	static const uint8_t zeros[16];
	if (a->ss_family == AF_INET)
		return in4(a)->sin_addr.s_addr == 0;
	return a->ss_family == AF_INET6 && memcmp(&in6(a)->sin6_addr, zeros, 16) == 0;
}

bool address_is_mapped(const struct sockaddr_storage *a) {
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291, 2.5.5.2: ::ffff:0:0/96 */
	return a->ss_family == AF_INET6 && memcmp(&in6(a)->sin6_addr, prefix, sizeof prefix) == 0;
}

bool address_is_ipv6(const struct sockaddr_storage *a) {
	return a->ss_family == AF_INET6 && !address_is_mapped(a);
}

/* The four bytes of an IPv4 address, mapped or not; NULL: it is none. */
static const uint8_t *ipv4_bytes(const struct sockaddr_storage *a) {
	if (a->ss_family == AF_INET)
		return (const uint8_t *)&in4(a)->sin_addr;
	return address_is_mapped(a) ? in6(a)->sin6_addr.s6_addr + 12 : NULL;
}

bool address_is_loopback(const struct sockaddr_storage *a) {
	static const uint8_t one[16] = {[15] = 1};
	const uint8_t *p = ipv4_bytes(a);
	if (p)
		return p[0] == 127;
	return a->ss_family == AF_INET6 && memcmp(&in6(a)->sin6_addr, one, 16) == 0;
}

bool address_is_link_local(const struct sockaddr_storage *a) {
	const uint8_t *p = ipv4_bytes(a);
	if (p) /* RFC 3927: 169.254/16 */
		return p[0] == 169 && p[1] == 254;
	if (a->ss_family != AF_INET6)
		return false;
	p = in6(a)->sin6_addr.s6_addr; /* RFC 4291, 2.5.6: fe80::/10 */
	return p[0] == 0xfe && (p[1] & 0xc0) == 0x80;
}
