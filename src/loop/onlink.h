/* onlink: does an address belong to a neighbour, a host that is reached without a router?
 *
 * Multicast DNS is spoken among neighbours alone (RFC 6762, 5.5 and 11). A neighbour has a link-local address, one of our own
 * addresses, or one of a subnet of the interface that its datagram came in by. IPv4 subnets follow the masks of the interfaces;
 * an IPv6 subnet is the first 64 bits, as RFC 4291, 2.5.4 has it for all unicast addresses but special ones. It knows no
 * routes. */
#ifndef LOOP_ONLINK_H
#define LOOP_ONLINK_H

#include "loop/interface.h"

struct onlink_subnet {
	unsigned index; /* of the interface */
	struct sockaddr_storage addr;
	unsigned bits; /* of the prefix */
};

struct onlink {
	size_t count;
	struct onlink_subnet at[INTERFACE_ADDRESSES_MAX];
};

/* Asks the kernel for the masks of the list's addresses. */
void onlink_learn(struct onlink *o, const struct interface_list *list);
/* index: of the interface that the datagram came in by. 0: not known; any interface will do. */
bool onlink_has(const struct onlink *o, const struct sockaddr_storage *addr, unsigned index);

#endif
