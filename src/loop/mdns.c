#include "loop/mdns.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/container.h"
#include "base/guard.h"
#include "base/list.h"
#include "base/rate.h"
#include "loop/dns.h"
#include "loop/onlink.h"
#include "pool/env.h"

#define PORT 5353
#define GIVE_UP (3 * SLUICE_S)
#define READS_PER_TURN 16
#define ADDRESSES_MAX 8

/* RFC 6762, 10: "the recommended TTL value for Multicast DNS resource records with a host name as the resource record's name
 * (e.g., A, AAAA, HINFO) ... SHOULD be 120 seconds"; 6.7: to a legacy querier it "SHOULD NOT be greater than ten seconds". */
#define TTL_S 120
#define LEGACY_TTL_S 10

/* Answers for one name to single askers: several neighbours may ask at once, and one that asks in a loop has to wait. */
#define UNICAST_INTERVAL (125 * SLUICE_MS)
#define UNICAST_BURST 8
/* Interfaces that one name was multicast on within the last second. */
#define LINKS_MAX 8

/* When each attempt is due, after the first. */
static const uint64_t attempts[] = {0, 250 * SLUICE_MS, SLUICE_S};
#define ATTEMPTS (sizeof attempts / sizeof *attempts)

struct question {
	struct mdns *mdns;
	struct question *next, **back;
	struct asker asker;
	uint32_t id;
	uint64_t since;
	size_t asked; /* attempts made */
	uint32_t hash;
	char name[DNS_NAME_MAX]; /* in lower case */
	/* From the message that is being read. */
	size_t count;
	struct sockaddr_storage addrs[ADDRESSES_MAX];
};

struct multicast { /* when a name was last multicast on an interface. at 0: never */
	unsigned index;
	uint64_t at;
};

struct published {
	struct mdns *mdns;
	struct published *next, **back;
	const void *owner;
	struct sockaddr_storage host;
	struct multicast multicast[LINKS_MAX];
	struct rate unicast;
	bool answered; /* in the message that is being read */
	uint32_t hash;
	char name[MDNS_NAME_SIZE];
};

struct channel { /* the socket of one address family */
	struct mdns *mdns;
	int family, fd;
	ev_io io;
};

struct mdns {
	sluice_loop *loop;
	struct channel channels[2];
	ev_timer timer;
	struct question *questions;
	struct published *published;
	unsigned question_count;
	struct interface_list interfaces; /* one address for each interface and family */
	struct onlink onlink;
	struct interface_follower follower;
	struct guard guard; /* entered while answers are delivered; nobody kills it, it rests when nobody waits */
};

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

static struct sockaddr_storage group_of(int family, unsigned index) {
	static const uint8_t v4[4] = {224, 0, 0, 251}, v6[16] = {0xFF, 0x02, [15] = 0xFB};
	if (family == AF_INET)
		return address_from_bytes(v4, sizeof v4, PORT);
	struct sockaddr_storage group = address_from_bytes(v6, sizeof v6, PORT);
	((struct sockaddr_in6 *)&group)->sin6_scope_id = index;
	return group;
}

/* Joining twice fails, and so does an interface without multicast; neither matters. */
static void join(const struct channel *c, const struct interface_list *list) {
	for (size_t i = 0; i < list->count; i++) {
		unsigned index = list->at[i].index;
		struct sockaddr_storage group = group_of(c->family, index);
		if (list->at[i].addr.ss_family != c->family)
			continue;
		if (c->family == AF_INET) {
			struct ip_mreqn r = {.imr_ifindex = (int)index};
			memcpy(&r.imr_multiaddr, address_bytes(&group), sizeof r.imr_multiaddr);
			(void)setsockopt(c->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, sizeof r);
		} else {
			struct ipv6_mreq r = {.ipv6mr_interface = index};
			memcpy(&r.ipv6mr_multiaddr, address_bytes(&group), sizeof r.ipv6mr_multiaddr);
			(void)setsockopt(c->fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &r, sizeof r);
		}
	}
}

/* RFC 6762, 11: "All Multicast DNS responses (including responses sent via unicast) SHOULD be sent with IP TTL set to 255." */
static void set_options(int fd, int family) {
	int on = 1, ttl = 255;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	if (family == AF_INET) {
		(void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
		(void)setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl);
		(void)setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
	} else {
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &ttl, sizeof ttl);
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof ttl);
	}
}

static void on_io(struct ev_loop *ev, ev_io *w, int events);

static void open_channel(struct mdns *m, struct channel *c, int family) {
	struct sockaddr_storage any = {.ss_family = (sa_family_t)family};
	*c = (struct channel){.mdns = m, .family = family};
	c->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return;
	set_options(c->fd, family);
	address_set_port(&any, PORT);
	if (bind(c->fd, (const struct sockaddr *)&any, address_len(&any)) == 0)
		join(c, &m->interfaces);
	else
		env_log(m->loop->env, SLUICE_LOG_DEBUG, "loop: mdns: port %d: %s", PORT, strerror(errno));
	ev_io_init(&c->io, on_io, c->fd, EV_READ);
	c->io.data = c;
	ev_io_start(m->loop->ev, &c->io);
	ev_unref(m->loop->ev); /* strangers' questions are no reason to go on; our own have a timer */
}

static void close_channel(struct channel *c) {
	if (c->fd < 0)
		return;
	ev_ref(c->mdns->loop->ev);
	ev_io_stop(c->mdns->loop->ev, &c->io);
	close(c->fd);
}

union packet_info {
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct cmsghdr align;
};

static void send_message(const struct channel *c, const uint8_t *message, size_t len, struct sockaddr_storage *to,
                         unsigned index) {
	union packet_info control = {.bytes = {0}};
	struct iovec iov = {.iov_base = (void *)message, .iov_len = len};
	struct msghdr m = {.msg_name = to, .msg_namelen = address_len(to), .msg_iov = &iov, .msg_iovlen = 1};
	struct in_pktinfo info4 = {.ipi_ifindex = (int)index};
	struct in6_pktinfo info6 = {.ipi6_ifindex = index};
	bool v4 = c->family == AF_INET;
	m.msg_control = control.bytes;
	m.msg_controllen = v4 ? CMSG_SPACE(sizeof info4) : CMSG_SPACE(sizeof info6);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	h->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	h->cmsg_len = v4 ? CMSG_LEN(sizeof info4) : CMSG_LEN(sizeof info6);
	if (v4)
		memcpy(CMSG_DATA(h), &info4, sizeof info4);
	else
		memcpy(CMSG_DATA(h), &info6, sizeof info6);
	(void)sendmsg(c->fd, &m, MSG_DONTWAIT); /* a question or answer that is lost is asked for again */
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void on_timer(struct ev_loop *ev, ev_timer *w, int events);

/* Keeps one address of each family for each interface; loopback only when there is nothing else. */
static void set_interfaces(struct mdns *m, const struct interface_list *list) {
	onlink_learn(&m->onlink, list);
	m->interfaces = *list;
	struct interface_list *l = &m->interfaces;
	bool outside = false;
	for (size_t i = 0; i < l->count; i++)
		outside |= !l->at[i].loopback;
	for (size_t i = l->count; i-- > 0;) {
		bool again = outside && l->at[i].loopback;
		for (size_t k = 0; k < i; k++)
			again |= l->at[k].index == l->at[i].index && l->at[k].addr.ss_family == l->at[i].addr.ss_family;
		if (again)
			interface_list_drop(l, i);
	}
}

static void on_interfaces(struct interface_follower *f, const struct interface_list *list) {
	struct mdns *m = CONTAINER_OF(f, struct mdns, follower);
	set_interfaces(m, list);
	for (int i = 0; i < 2; i++)
		if (m->channels[i].fd >= 0)
			join(&m->channels[i], &m->interfaces);
}

static struct mdns *mdns_of(sluice_loop *loop) {
	struct interface_list list;
	if (loop->mdns)
		return loop->mdns;
	struct mdns *m = env_zalloc(loop->env, sizeof *m);
	if (!m)
		return NULL;
	m->loop = loop;
	interface_list_get(loop->env, &list);
	set_interfaces(m, &list);
	ev_init(&m->timer, on_timer);
	m->timer.data = m;
	open_channel(m, &m->channels[0], AF_INET);
	open_channel(m, &m->channels[1], AF_INET6);
	loop->mdns = m;
	m->follower.changed = on_interfaces;
	interface_follow(loop, &m->follower);
	return m;
}

static void remove_question(struct question *q) {
	struct mdns *m = q->mdns;
	LIST_REMOVE(q, next, back);
	m->question_count--;
	env_free(m->loop->env, q);
}

static void remove_published(struct published *p) {
	LIST_REMOVE(p, next, back);
	env_free(p->mdns->loop->env, p);
}

static void destroy_mdns(struct mdns *m) {
	sluice_loop *loop = m->loop;
	while (m->questions)
		remove_question(m->questions);
	while (m->published)
		remove_published(m->published);
	ev_timer_stop(loop->ev, &m->timer);
	interface_unfollow(loop, &m->follower);
	close_channel(&m->channels[0]);
	close_channel(&m->channels[1]);
	loop->mdns = NULL;
	env_free(loop->env, m);
}

static void rest(struct mdns *m) {
	if (!guard_is_busy(&m->guard) && !m->questions && !m->published)
		destroy_mdns(m);
}

void mdns_stop(sluice_loop *loop) {
	if (loop->mdns)
		destroy_mdns(loop->mdns);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* One question in each message: some widely used responders read no more. */
static void ask(struct mdns *m, const char *name, uint16_t type) {
	uint8_t message[DNS_MESSAGE_MAX];
	size_t len = dns_write_query(message, name, type);
	for (size_t i = 0; len && i < m->interfaces.count; i++) {
		const struct interface_address *a = &m->interfaces.at[i];
		const struct channel *c = &m->channels[a->addr.ss_family == AF_INET6];
		struct sockaddr_storage group = group_of(a->addr.ss_family, a->index);
		if (c->fd >= 0)
			send_message(c, message, len, &group, a->index);
	}
}

static uint64_t due_at(const struct question *q) {
	return q->since + (q->asked < ATTEMPTS ? attempts[q->asked] : GIVE_UP);
}

static void set_timer(struct mdns *m) {
	uint64_t first = SLUICE_NEVER, now = sluice_now();
	for (const struct question *q = m->questions; q; q = q->next)
		if (due_at(q) < first)
			first = due_at(q);
	ev_timer_stop(m->loop->ev, &m->timer);
	if (first == SLUICE_NEVER)
		return;
	ev_timer_set(&m->timer, first > now ? (double)(first - now) / 1e9 : 0., 0.);
	ev_timer_start(m->loop->ev, &m->timer);
}

static struct question *first_due(const struct mdns *m, uint64_t now) {
	struct question *q = m->questions;
	while (q && due_at(q) > now)
		q = q->next;
	return q;
}

static void answer(struct question *q, const struct sockaddr_storage *addrs, size_t count) {
	struct asker asker = q->asker;
	uint32_t id = q->id;
	remove_question(q);
	asker_answer(&asker, id, addrs, count);
}

/* Callbacks run when one is given up, so the list is looked at anew for each. */
static void on_timer(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct mdns *m = w->data;
	sluice_loop *loop = m->loop;
	uint64_t now = sluice_now();
	guard_enter(&m->guard);
	for (struct question *q = first_due(m, now); q; q = first_due(m, now)) {
		if (q->asked == ATTEMPTS) {
			answer(q, NULL, 0);
			continue;
		}
		q->asked++;
		ask(m, q->name, DNS_A);
		ask(m, q->name, DNS_AAAA);
	}
	guard_leave(&m->guard);
	set_timer(m);
	rest(m);
	schedule_follow(&loop->schedule);
}

void mdns_resolve(sluice_loop *loop, struct asker asker, uint32_t id, const char *name) {
	struct mdns *m = mdns_of(loop);
	bool fits = m && strlen(name) < DNS_NAME_MAX && m->question_count < MDNS_QUESTIONS_MAX;
	struct question *q = fits ? env_zalloc(loop->env, sizeof *q) : NULL;
	if (!q) {
		if (m)
			rest(m);
		asker_answer(&asker, id, NULL, 0);
		return;
	}
	*q = (struct question){.mdns = m, .asker = asker, .id = id, .since = sluice_now()};
	for (size_t i = 0; name[i]; i++)
		q->name[i] = (char)tolower((unsigned char)name[i]);
	q->hash = dns_name_hash(q->name);
	LIST_PUSH(m->questions, q, next, back);
	m->question_count++;
	set_timer(m);
}

/* ---- being answered ---------------------------------------------------------------------------------------------- */

/* The class without the bit that says whether older records are to be forgotten. */
static bool is_address(const struct dns_record *r) {
	bool sized = (r->type == DNS_A && r->len == 4) || (r->type == DNS_AAAA && r->len == 16);
	return !r->is_question && sized && (r->class & ~DNS_TOP_BIT) == DNS_IN;
}

static struct sockaddr_storage address_of(const struct dns_record *r, unsigned index) {
	struct sockaddr_storage addr = address_from_bytes(r->data, r->len, 0);
	if (r->type == DNS_AAAA && address_is_link_local(&addr))
		((struct sockaddr_in6 *)&addr)->sin6_scope_id = index;
	return addr;
}

/* The record's address belongs to whoever waits for the name. */
static void note(struct mdns *m, const struct dns_record *r, unsigned index) {
	for (struct question *q = m->questions; q; q = q->next)
		if (q->hash == r->hash && q->count < ADDRESSES_MAX && strcmp(q->name, r->name) == 0)
			q->addrs[q->count++] = address_of(r, index);
}

static struct question *first_answered(const struct mdns *m) {
	struct question *q = m->questions;
	while (q && !q->count)
		q = q->next;
	return q;
}

/* Callbacks run with each answer; what they ask for or forget changes the list, so it is looked at anew for each. */
static void take_response(struct mdns *m, struct dns_reader *r, unsigned index) {
	struct dns_record record;
	for (struct question *q = m->questions; q; q = q->next)
		q->count = 0;
	while (dns_next(r, &record))
		if (is_address(&record))
			note(m, &record, index);
	for (struct question *q = first_answered(m); q; q = first_answered(m)) {
		struct sockaddr_storage addrs[ADDRESSES_MAX];
		size_t count = q->count;
		memcpy(addrs, q->addrs, sizeof addrs);
		answer(q, addrs, count);
	}
}

/* ---- answering --------------------------------------------------------------------------------------------------- */

struct querier {
	const struct channel *channel;
	struct sockaddr_storage from;
	unsigned index;
	uint16_t id;
	bool near; /* a neighbour's address */
};

static bool is_asked_for(const struct published *p, const struct dns_record *q) {
	uint16_t type = p->host.ss_family == AF_INET ? DNS_A : DNS_AAAA;
	return q->hash == p->hash && q->is_question && (q->type == type || q->type == DNS_ANY) &&
	       (q->class & ~DNS_TOP_BIT) == DNS_IN && strcmp(q->name, p->name) == 0;
}

/* RFC 6762, 6: a responder must not multicast a record on an interface again before a second has passed. When all slots are in
 * use, the oldest one makes room; it has to be a second old as well. */
static bool may_multicast(struct published *p, unsigned index, uint64_t now) {
	struct multicast *slot = &p->multicast[0];
	for (size_t i = 0; i < LINKS_MAX; i++) {
		struct multicast *m = &p->multicast[i];
		if (m->at && m->index == index) {
			slot = m;
			break;
		}
		if (m->at < slot->at)
			slot = m;
	}
	if (slot->at && now - slot->at < SLUICE_S)
		return false;
	*slot = (struct multicast){index, now};
	return true;
}

static void send_answer(struct published *p, const struct querier *who, const struct sockaddr_storage *to,
                        const struct dns_answer *how) {
	uint8_t message[DNS_MESSAGE_MAX];
	struct sockaddr_storage target = *to;
	size_t len = dns_write_answer(message, p->name, &p->host, how);
	if (len)
		send_message(who->channel, message, len, &target, who->index);
}

/* RFC 6762, 6.7: a query from another port than 5353 comes from a simple resolver. The answer goes to that resolver, with its id
 * and its question, as from an ordinary server. 5.4: others may ask for an answer by unicast. They hear the group too, so when
 * they ask too often the answer goes to the group, once a second. Nothing is sent to an address that is no neighbour's: a forged
 * source would direct the answer at a victim. */
static void respond(struct published *p, const struct querier *who, const struct dns_record *q, uint64_t now) {
	bool legacy = address_port(&who->from) != PORT, unicast = legacy || (q->class & DNS_TOP_BIT);
	struct dns_answer how = {.class = DNS_IN | DNS_TOP_BIT, .ttl = TTL_S};
	struct sockaddr_storage group = group_of(who->channel->family, who->index);
	p->answered = true;
	if (legacy)
		how = (struct dns_answer){.id = who->id, .class = DNS_IN, .ttl = LEGACY_TTL_S, .with_question = true};
	if (unicast && who->near && rate_take(&p->unicast, UNICAST_INTERVAL, UNICAST_BURST, now))
		send_answer(p, who, &who->from, &how);
	else if (!legacy && may_multicast(p, who->index, now))
		send_answer(p, who, &group, &how);
}

/* One answer for each name, however often the message asks for it. */
static void take_query(struct mdns *m, struct dns_reader *r, const struct querier *who) {
	struct dns_record q;
	uint64_t now = sluice_now();
	for (struct published *p = m->published; p; p = p->next)
		p->answered = false;
	while (r->questions && dns_next(r, &q))
		for (struct published *p = m->published; p; p = p->next)
			if (!p->answered && is_asked_for(p, &q))
				respond(p, who, &q, now);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* How a message came: through which interface, and to the group or to our own address. */
struct arrival {
	unsigned index;
	bool to_group;
};

static struct arrival arrival_of(struct msghdr *m) {
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		struct in_pktinfo info4;
		struct in6_pktinfo info6;
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
			memcpy(&info4, CMSG_DATA(h), sizeof info4);
			return (struct arrival){(unsigned)info4.ipi_ifindex, IN_MULTICAST(ntohl(info4.ipi_addr.s_addr))};
		}
		if (h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info6, CMSG_DATA(h), sizeof info6);
			return (struct arrival){info6.ipi6_ifindex, IN6_IS_ADDR_MULTICAST(&info6.ipi6_addr)};
		}
	}
	return (struct arrival){0, false};
}

/* RFC 6762, 11: a message to the group has crossed no router, whatever its source. A message to our own address may come from
 * anywhere, and counts only when its source is a neighbour's. 6: "Multicast DNS implementations MUST silently ignore any
 * Multicast DNS responses they receive where the source UDP port is not 5353." */
static void take_message(struct mdns *m, struct dns_reader *r, const struct querier *who, bool to_group) {
	if (!r->is_plain || !(to_group || who->near))
		return;
	if (!r->is_response)
		take_query(m, r, who);
	else if (address_port(&who->from) == PORT)
		take_response(m, r, who->index);
}

/* False when nothing is left. */
static bool read_one(struct channel *c) {
	uint8_t bytes[9000]; /* RFC 6762, 17: the largest message, headers included */
	union packet_info control;
	struct querier who = {.channel = c};
	struct iovec iov = {.iov_base = bytes, .iov_len = sizeof bytes};
	struct msghdr m = {.msg_name = &who.from, .msg_namelen = sizeof who.from, .msg_iov = &iov, .msg_iovlen = 1};
	struct dns_reader r;
	m.msg_control = control.bytes;
	m.msg_controllen = sizeof control.bytes;
	ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR;
	struct arrival arrival = arrival_of(&m);
	who.index = arrival.index;
	who.near = onlink_has(&c->mdns->onlink, &who.from, who.index);
	if (!dns_open(&r, bytes, (size_t)n))
		return true;
	who.id = r.id;
	take_message(c->mdns, &r, &who, arrival.to_group);
	return true;
}

static void on_io(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	(void)events;
	struct channel *c = w->data;
	struct mdns *m = c->mdns;
	sluice_loop *loop = m->loop;
	guard_enter(&m->guard);
	for (int i = 0; i < READS_PER_TURN && read_one(c); i++)
		;
	guard_leave(&m->guard);
	set_timer(m);
	rest(m);
	schedule_follow(&loop->schedule);
}

/* ---- our names --------------------------------------------------------------------------------------------------- */

/* RFC 9562, 5.4: a random UUID says so in its version and variant bits. */
static void make_name(sluice_env *env, char name[MDNS_NAME_SIZE]) {
	uint8_t b[16];
	env_entropy(env, b, sizeof b);
	b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
	snprintf(name, MDNS_NAME_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x.local", b[0], b[1],
	         b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

const char *mdns_publish(sluice_loop *loop, const void *owner, const struct sockaddr_storage *host) {
	struct mdns *m = mdns_of(loop);
	bool open = m && (m->channels[0].fd >= 0 || m->channels[1].fd >= 0);
	struct published *p = open ? env_zalloc(loop->env, sizeof *p) : NULL;
	if (!p) {
		if (m)
			rest(m);
		return NULL;
	}
	*p = (struct published){.mdns = m, .owner = owner, .host = *host};
	make_name(loop->env, p->name);
	p->hash = dns_name_hash(p->name);
	LIST_PUSH(m->published, p, next, back);
	return p->name;
}

void mdns_withdraw(sluice_loop *loop, const void *owner, const struct sockaddr_storage *host) {
	struct mdns *m = loop->mdns;
	for (struct published *p = m ? m->published : NULL, *next; p; p = next) {
		next = p->next;
		if (p->owner == owner && address_equal(&p->host, host))
			remove_published(p);
	}
	if (m)
		rest(m);
}

void mdns_forget(sluice_loop *loop, const void *who) {
	struct mdns *m = loop->mdns;
	if (!m)
		return;
	for (struct question *q = m->questions, *next; q; q = next) {
		next = q->next;
		if (q->asker.who == who)
			remove_question(q);
	}
	for (struct published *p = m->published, *next; p; p = next) {
		next = p->next;
		if (p->owner == who)
			remove_published(p);
	}
	set_timer(m); /* a timer for nobody would keep the ev_loop running */
	rest(m);
}
