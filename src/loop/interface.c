#include "loop/interface.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/list.h"
#include "pool/env.h"

/* An interface that comes up brings several changes. The list is taken once for them, this long after the first. */
#define BURST_S 0.05
#define AGAIN_S 1.

/* ---- one address ------------------------------------------------------------------------------------------------- */

static struct sockaddr_storage without_port(const struct sockaddr *addr) {
	struct sockaddr_storage a = address_from(addr);
	address_set_port(&a, 0);
	return a;
}

static void add_present(struct interface_list *list, const struct sockaddr *addr, bool awake) {
	if (list->present_count == INTERFACE_ADDRESSES_MAX)
		return;
	struct interface_present *p = &list->present[list->present_count++];
	*p = (struct interface_present){.addr = without_port(addr), .awake = awake};
}

static uint32_t mtu_of(const char *name) {
	struct ifreq r = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	memcpy(r.ifr_name, name, strnlen(name, sizeof r.ifr_name - 1));
	bool ok = ioctl(fd, SIOCGIFMTU, &r) == 0 && r.ifr_mtu > 0;
	close(fd);
	return ok ? (uint32_t)r.ifr_mtu : 0;
}

static void add(struct interface_list *list, const char *name, unsigned flags, const struct sockaddr *addr) {
	bool v4 = addr->sa_family == AF_INET, v6 = addr->sa_family == AF_INET6;
	bool awake = (flags & IFF_UP) && (flags & IFF_RUNNING);
	if (!v4 && !v6)
		return;
	add_present(list, addr, awake);
	if (list->count == INTERFACE_ADDRESSES_MAX || !awake)
		return;
	struct interface_address *a = &list->at[list->count];
	*a = (struct interface_address){.addr = without_port(addr), .index = if_nametoindex(name), .mtu = mtu_of(name)};
	memcpy(a->name, name, strnlen(name, sizeof a->name - 1));
	a->loopback = address_is_loopback(&a->addr);
	a->link_local = address_is_link_local(&a->addr);
	list->count++;
}

void interface_list_drop(struct interface_list *list, size_t i) {
	memmove(&list->at[i], &list->at[i + 1], (list->count - i - 1) * sizeof list->at[0]);
	list->count--;
}

static struct interface_present *find_present(struct interface_list *list, const struct sockaddr_storage *host) {
	for (size_t i = 0; i < list->present_count; i++)
		if (address_equal(&list->present[i].addr, host))
			return &list->present[i];
	return NULL;
}

enum interface_use interface_list_use(const struct interface_list *list, const struct sockaddr_storage *host) {
	for (size_t i = 0; i < list->count; i++)
		if (address_equal(&list->at[i].addr, host))
			return INTERFACE_AWAKE;
	for (size_t i = 0; i < list->present_count; i++)
		if (address_equal(&list->present[i].addr, host))
			return list->present[i].awake ? INTERFACE_AWAKE : INTERFACE_ASLEEP;
	return INTERFACE_GONE;
}

/* ---- what the kernel says of IPv6 addresses: a line of /proc/net/if_inet6 each --------------------------------------- */

struct inet6_line {
	struct sockaddr_storage addr;
	unsigned flags; /* IFA_F_*, the low eight */
	char name[IF_NAMESIZE];
};

static FILE *open_inet6(void) {
	/* A thread may be in a network namespace of its own. */
	FILE *f = fopen("/proc/thread-self/net/if_inet6", "re");
	if (!f)
		f = fopen("/proc/net/if_inet6", "re");
	return f;
}

static bool read_inet6(FILE *f, struct inet6_line *l) {
	char digits[33];
	unsigned index, prefix, scope;
	uint8_t bytes[16];
	if (fscanf(f, "%32s %x %x %x %x %15s", digits, &index, &prefix, &scope, &l->flags, l->name) != 6 || strlen(digits) != 32)
		return false;
	for (int i = 0; i < 16; i++) {
		unsigned byte;
		if (sscanf(digits + 2 * i, "%2x", &byte) != 1)
			return false;
		bytes[i] = (uint8_t)byte;
	}
	l->addr = address_from_bytes(bytes, sizeof bytes, 0);
	if (address_is_link_local(&l->addr))
		((struct sockaddr_in6 *)&l->addr)->sin6_scope_id = index;
	return true;
}

/* Can it not be bound yet (or never)? RFC 4862, 5.4: a tentative address must not be used before it was found to be
 * unique; an optimistic one (RFC 4429) may. */
static bool is_unusable(unsigned flags) {
	return (flags & IFA_F_DADFAILED) || ((flags & IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC));
}

static void apply_inet6(struct interface_list *list, const struct inet6_line *l) {
	for (size_t i = 0; i < list->count; i++) {
		struct interface_address *a = &list->at[i];
		if (!address_same_host(&a->addr, &l->addr) || strcmp(a->name, l->name) != 0)
			continue;
		a->temporary = l->flags & IFA_F_TEMPORARY;
		struct interface_present *p = is_unusable(l->flags) ? find_present(list, &a->addr) : NULL;
		if (p)
			p->awake = false;
		if (is_unusable(l->flags))
			interface_list_drop(list, i);
		return;
	}
}

static void apply_inet6_flags(struct interface_list *list) {
	FILE *f = open_inet6();
	struct inet6_line l;
	if (!f)
		return;
	while (read_inet6(f, &l))
		apply_inet6(list, &l);
	fclose(f);
}

/* ---- where the list comes from ----------------------------------------------------------------------------------- */

static bool by_getifaddrs(struct interface_list *list) {
	struct ifaddrs *all;
	if (getifaddrs(&all))
		return false;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		if (i->ifa_addr)
			add(list, i->ifa_name, i->ifa_flags, i->ifa_addr);
	freeifaddrs(all);
	return true;
}

static unsigned flags_of(int fd, const char *name) {
	struct ifreq r = {0};
	memcpy(r.ifr_name, name, strnlen(name, sizeof r.ifr_name - 1));
	return ioctl(fd, SIOCGIFFLAGS, &r) == 0 ? (unsigned short)r.ifr_flags : 0;
}

static void add_inet6_by_proc(struct interface_list *list, int fd) {
	FILE *f = open_inet6();
	struct inet6_line l;
	if (!f)
		return;
	while (read_inet6(f, &l))
		add(list, l.name, flags_of(fd, l.name), (const struct sockaddr *)&l.addr);
	fclose(f);
}

/* getifaddrs asks netlink, which sandboxes may forbid; these ways are older and need no permission. */
static bool by_ioctl(struct interface_list *list) {
	struct ifreq requests[INTERFACE_ADDRESSES_MAX];
	struct ifconf c = {.ifc_len = sizeof requests, .ifc_req = requests};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool ok = ioctl(fd, SIOCGIFCONF, &c) == 0;
	for (int i = 0; ok && i < c.ifc_len / (int)sizeof *requests; i++) {
		unsigned flags = flags_of(fd, requests[i].ifr_name);
		add(list, requests[i].ifr_name, flags, &requests[i].ifr_addr);
	}
	add_inet6_by_proc(list, fd);
	close(fd);
	return ok;
}

/* ---- worth ------------------------------------------------------------------------------------------------------- */

/* The source that the kernel would choose. A UDP connect sends nothing; the addresses are those kept for documentation (RFC
 * 5737, RFC 3849), which are routed like any other. */
static void mark_default_route(struct interface_list *list, int family) {
	static const uint8_t v4[4] = {198, 51, 100, 1}, v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct sockaddr_storage to = family == AF_INET ? address_from_bytes(v4, sizeof v4, 9)
	                                               : address_from_bytes(v6, sizeof v6, 9);
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof from;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&to, address_len(&to)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&from, &len) == 0) {
		address_set_port(&from, 0);
		for (size_t i = 0; i < list->count; i++)
			list->at[i].default_route |= address_equal(&list->at[i].addr, &from);
	}
	close(fd);
}

/* 0 is the best. */
static int class_of(const struct interface_address *a) {
	if (a->loopback)
		return 4;
	if (a->link_local)
		return 3;
	return a->default_route ? 0 : 1;
}

static bool is_v6(const struct interface_address *a) {
	return a->addr.ss_family == AF_INET6;
}

static void swap(struct interface_address *a, struct interface_address *b) {
	struct interface_address t = *a;
	*a = *b;
	*b = t;
}

/* The place of the best address among at[from ..]. Within its class an address of the wanted family goes first. */
static size_t pick(const struct interface_list *list, size_t from, bool want_v6) {
	size_t best = from;
	for (size_t i = from + 1; i < list->count; i++) {
		const struct interface_address *a = &list->at[i], *b = &list->at[best];
		int by_class = class_of(a) - class_of(b);
		if (by_class < 0 || (by_class == 0 && is_v6(a) == want_v6 && is_v6(b) != want_v6))
			best = i;
	}
	return best;
}

/* RFC 8421, 4: candidates of the two families are interleaved, so that a family that does not work does not delay the other one.
 * IPv6 begins, as RFC 6724 prefers it. */
void interface_list_order(struct interface_list *list) {
	for (size_t i = 0; i < list->count; i++)
		swap(&list->at[i], &list->at[pick(list, i, i == 0 || !is_v6(&list->at[i - 1]))]);
}

/* Is `temporary` an address that hides the machine, in the same network of the same interface as the lasting one? */
static bool hides(const struct interface_address *temporary, const struct interface_address *lasting) {
	if (!temporary->temporary || temporary->index != lasting->index)
		return false;
	return lasting->link_local || memcmp(address_bytes(&temporary->addr), address_bytes(&lasting->addr), 8) == 0;
}

/* A temporary address makes the lasting ones of its interface unwelcome: RFC 8445, 5.1.1.1 forbids to gather addresses that allow
 * location tracking beside ones that prevent it, link-local ones included. */
static void prefer_temporary(struct interface_list *list) {
	for (size_t i = list->count; i-- > 0;) {
		struct interface_address *a = &list->at[i];
		if (!is_v6(a) || a->temporary || a->loopback)
			continue;
		for (size_t k = 0; k < list->count; k++) {
			if (!hides(&list->at[k], a))
				continue;
			interface_list_drop(list, i);
			break;
		}
	}
}

void interface_list_get(sluice_env *env, struct interface_list *list) {
	list->count = list->present_count = 0;
	if (!by_getifaddrs(list)) {
		env_log(env, SLUICE_LOG_DEBUG, "loop: getifaddrs: %s; asking by ioctl", strerror(errno));
		if (!by_ioctl(list))
			env_log(env, SLUICE_LOG_ERROR, "loop: cannot list the interfaces: %s", strerror(errno));
	}
	apply_inet6_flags(list);
	prefer_temporary(list);
	mark_default_route(list, AF_INET);
	mark_default_route(list, AF_INET6);
	interface_list_order(list);
}

uint32_t interface_mtu(sluice_env *env, const struct sockaddr_storage *host) {
	struct interface_list list;
	interface_list_get(env, &list);
	for (size_t i = 0; i < list.count; i++)
		if (address_same_host(&list.at[i].addr, host))
			return list.at[i].mtu;
	return 0;
}

static bool any_outside(const struct interface_list *list, bool also_link_local) {
	for (size_t i = 0; i < list->count; i++)
		if (!list->at[i].loopback && (also_link_local || !is_v6(&list->at[i]) || !list->at[i].link_local))
			return true;
	return false;
}

void interface_list_choose(struct interface_list *list, bool v4, bool v6, bool loopback) {
	for (size_t i = list->count; i-- > 0;)
		if (is_v6(&list->at[i]) ? !v6 : !v4)
			interface_list_drop(list, i);
	bool drop_loopback = !loopback && any_outside(list, true), drop_link_local = any_outside(list, false);
	for (size_t i = list->count; i-- > 0;) {
		const struct interface_address *a = &list->at[i];
		if ((a->loopback && drop_loopback) || (is_v6(a) && a->link_local && drop_link_local))
			interface_list_drop(list, i);
	}
}

void interface_list_drop_stopgaps(struct interface_list *list, bool loopback) {
	for (size_t i = list->count; i-- > 0;)
		if ((list->at[i].loopback && !loopback) || (is_v6(&list->at[i]) && list->at[i].link_local))
			interface_list_drop(list, i);
}

/* ---- changes ----------------------------------------------------------------------------------------------------- */

struct interface_watch {
	sluice_loop *loop;
	ev_io netlink; /* fd -1: not allowed here */
	ev_timer timer;
};

static void notify(sluice_loop *loop) {
	struct interface_list list;
	interface_list_get(loop->env, &list);
	for (struct interface_follower *f = loop->followers; f; f = loop->next_follower) {
		loop->next_follower = f->next;
		f->changed(f, &list);
	}
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events) {
	(void)events;
	struct interface_watch *watch = w->data;
	ev_ref(ev); /* the timer stopped by itself, and with it went the reference that we gave back */
	notify(watch->loop);
}

static void stop_timer(struct interface_watch *watch) {
	if (!ev_is_active(&watch->timer))
		return;
	ev_ref(watch->loop->ev);
	ev_timer_stop(watch->loop->ev, &watch->timer);
}

static void start_timer(struct interface_watch *watch, double seconds) {
	if (ev_is_active(&watch->timer))
		return;
	ev_timer_set(&watch->timer, seconds, 0.);
	ev_timer_start(watch->loop->ev, &watch->timer);
	ev_unref(watch->loop->ev);
}

/* The messages are not parsed: the list is taken anew in any case. ENOBUFS says that some were lost. */
static void on_netlink(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	(void)events;
	_Alignas(struct nlmsghdr) char bytes[4096];
	ssize_t n;
	do
		n = recv(w->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	while (n > 0 || (n < 0 && (errno == EINTR || errno == ENOBUFS)));
	start_timer(w->data, BURST_S);
}

static int open_netlink(void) {
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&nl, sizeof nl) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void start_watch(sluice_loop *loop) {
	struct interface_watch *watch = loop->interface_watch ? NULL : env_zalloc(loop->env, sizeof *watch);
	if (!watch)
		return;
	int fd = open_netlink();
	watch->loop = loop;
	ev_init(&watch->timer, on_timer);
	watch->timer.data = watch;
	ev_io_init(&watch->netlink, on_netlink, fd, EV_READ);
	watch->netlink.data = watch;
	loop->interface_watch = watch;
	if (fd < 0) {
		env_log(loop->env, SLUICE_LOG_WARN, "loop: changes of interfaces will not be noticed: %s", strerror(errno));
		return;
	}
	ev_io_start(loop->ev, &watch->netlink);
	ev_unref(loop->ev); /* no reason to go on */
}

void interface_follow(sluice_loop *loop, struct interface_follower *f) {
	LIST_PUSH(loop->followers, f, next, back);
	start_watch(loop);
}

void interface_unfollow(sluice_loop *loop, struct interface_follower *f) {
	if (!f->back)
		return;
	if (loop->next_follower == f)
		loop->next_follower = f->next;
	LIST_REMOVE(f, next, back);
	f->back = NULL;
}

void interface_deinit(sluice_loop *loop) {
	struct interface_watch *watch = loop->interface_watch;
	if (!watch)
		return;
	stop_timer(watch);
	if (watch->netlink.fd >= 0) {
		ev_ref(loop->ev);
		ev_io_stop(loop->ev, &watch->netlink);
		close(watch->netlink.fd);
	}
	env_free(loop->env, watch);
	loop->interface_watch = NULL;
}

void interface_look_again(sluice_loop *loop) {
	if (loop->interface_watch)
		start_timer(loop->interface_watch, AGAIN_S);
}
