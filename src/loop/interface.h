/* interface: which addresses does this machine have, in which order are they worth trying, and when do they change?
 *
 * It knows no sockets of peers. The list is a snapshot; rtnetlink says when to take another one. Without permission for
 * netlink the list comes from ioctl and /proc, and changes go unnoticed. */
#ifndef LOOP_INTERFACE_H
#define LOOP_INTERFACE_H

#include <net/if.h>

#include "loop/loop.h"

#define INTERFACE_ADDRESSES_MAX 64

struct interface_address {
	char name[IF_NAMESIZE];
	unsigned index;               /* of the interface */
	uint32_t mtu;                 /* of the interface: the largest IP packet; 0: the system did not say */
	struct sockaddr_storage addr; /* port 0; a link-local IPv6 one has its scope */
	bool loopback, link_local;
	bool temporary;     /* IPv6, RFC 8981: changes with time, so it says less about the machine */
	bool default_route; /* the kernel's choice of source towards the internet */
};

/* An address that the machine has, usable at present or not. */
struct interface_present {
	struct sockaddr_storage addr; /* port 0 */
	bool awake;                   /* its interface is up and has a carrier, and the address is not tentative */
};

struct interface_list {
	size_t count, present_count;
	struct interface_address at[INTERFACE_ADDRESSES_MAX]; /* the best first */
	/* All of them, those too that were dropped from `at` because others are preferred: a socket that stands on one of these
	 * stays where it is, since the other side knows its port. */
	struct interface_present present[INTERFACE_ADDRESSES_MAX];
};

/* Lists the addresses that can be bound: those of interfaces that are up, without tentative ones and duplicates (RFC 4862). When
 * that fails, the list is empty and the log has the reason. */
void interface_list_get(sluice_env *env, struct interface_list *list);

/* The MTU of the interface that has this address; 0: not known. */
uint32_t interface_mtu(sluice_env *env, const struct sockaddr_storage *host);

/* Sorts by worth and interleaves the families: RFC 8421, 4. */
void interface_list_order(struct interface_list *list);

/* Leaves out what is not wanted: a family; loopback, unless it is asked for or there is nothing else (RFC 8445, 5.1.1.1);
 * link-local IPv6 addresses when there is a better one, since SDP cannot carry their scope. */
void interface_list_choose(struct interface_list *list, bool v4, bool v6, bool loopback);
/* Leaves out loopback, unless it is asked for, and link-local IPv6 addresses: a better address exists and only sleeps. */
void interface_list_drop_stopgaps(struct interface_list *list, bool loopback);
void interface_list_drop(struct interface_list *list, size_t i);

/* What becomes of a socket on this address? It stays while the list or the machine has the address, and sleeps while the address
 * is of no use. */
enum interface_use { INTERFACE_GONE, INTERFACE_ASLEEP, INTERFACE_AWAKE };
enum interface_use interface_list_use(const struct interface_list *list, const struct sockaddr_storage *host);

/* Who wants to hear of changes. A follower may stop following, or have others stop, from inside `changed`. */
struct interface_follower {
	struct interface_follower *next, **back; /* all of the loop; back NULL: it does not follow */
	void (*changed)(struct interface_follower *f, const struct interface_list *list);
};
/* Calls f->changed from now on, once for each burst of changes and never from inside a callback of an app. Without permission for
 * netlink, a line in the log, and changes go unnoticed. */
void interface_follow(sluice_loop *loop, struct interface_follower *f);
/* Harmless when it does not follow. */
void interface_unfollow(sluice_loop *loop, struct interface_follower *f);
/* Stops the watch itself: no follower is left. */
void interface_deinit(sluice_loop *loop);
/* A socket broke: notifies the followers in a second, as if an interface had changed. */
void interface_look_again(sluice_loop *loop);

#endif
