#include "loop/onlink.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/address.h"

#define IPV6_SUBNET_BITS 64

/* The kernel's mask; 32 bits, a single host, when the kernel has none. */
static unsigned mask_bits(int fd, const struct interface_address *a) {
	struct ifreq r = {0};
	memcpy(r.ifr_name, a->name, sizeof a->name);
	memcpy(&r.ifr_addr, &a->addr, sizeof r.ifr_addr);
	if (ioctl(fd, SIOCGIFNETMASK, &r) != 0)
		return 32;
	return (unsigned)__builtin_popcount(((const struct sockaddr_in *)&r.ifr_netmask)->sin_addr.s_addr);
}

void onlink_learn(struct onlink *o, const struct interface_list *list) {
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	o->count = list->count;
	for (size_t i = 0; i < list->count; i++) {
		const struct interface_address *a = &list->at[i];
		unsigned bits = a->addr.ss_family == AF_INET ? mask_bits(fd, a) : IPV6_SUBNET_BITS;
		o->at[i] = (struct onlink_subnet){.index = a->index, .addr = a->addr, .bits = bits};
	}
	if (fd >= 0)
		close(fd);
}

static bool shares_prefix(const uint8_t *a, const uint8_t *b, unsigned bits) {
	unsigned whole = bits / 8, rest = bits % 8;
	return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static bool covers(const struct onlink_subnet *s, const struct sockaddr_storage *addr, unsigned index) {
	const uint8_t *ours = address_bytes(&s->addr), *theirs = address_bytes(addr);
	if (s->addr.ss_family != addr->ss_family)
		return false;
	if (memcmp(ours, theirs, address_size(addr)) == 0)
		return true; /* our own address, whichever interface the kernel names */
	return (index == 0 || s->index == index) && shares_prefix(ours, theirs, s->bits);
}

bool onlink_has(const struct onlink *o, const struct sockaddr_storage *addr, unsigned index) {
	if (address_is_link_local(addr))
		return true;
	for (size_t i = 0; i < o->count; i++)
		if (covers(&o->at[i], addr, index))
			return true;
	return false;
}
