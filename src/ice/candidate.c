#include "ice/candidate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "sluice/error.h"

/* ---- what it is worth ---- */

/* RFC 8445, 5.1.2.2 recommends 126, 110, 100 and 0. RFC 6544, 4.2 wants lower values for TCP where UDP is preferred, as it is
 * here: TCP's own retransmissions would delay SCTP. */
static uint32_t type_preference(enum candidate_type type, bool tcp) {
	static const uint8_t udp_values[] = {[CANDIDATE_HOST] = 126, [CANDIDATE_PRFLX] = 110, [CANDIDATE_SRFLX] = 100};
	static const uint8_t tcp_values[] = {[CANDIDATE_HOST] = 90, [CANDIDATE_PRFLX] = 80, [CANDIDATE_SRFLX] = 70};
	if (type == CANDIDATE_RELAY)
		return 0;
	return tcp ? tcp_values[type] : udp_values[type];
}

/* RFC 6544, 4.2: local preference = 2^13 * direction-pref + other-pref; active 6, passive 4, simultaneous-open 2 for host and
 * relayed candidates; for the reflexive ones simultaneous-open 6, active 4, passive 2. */
static uint32_t tcp_local_preference(enum candidate_type type, enum candidate_transport transport, uint16_t other) {
	static const uint8_t plain[] = {[CANDIDATE_TCP_ACTIVE] = 6, [CANDIDATE_TCP_PASSIVE] = 4, [CANDIDATE_TCP_SO] = 2};
	static const uint8_t reflexive[] = {[CANDIDATE_TCP_SO] = 6, [CANDIDATE_TCP_ACTIVE] = 4, [CANDIDATE_TCP_PASSIVE] = 2};
	bool direct = type == CANDIDATE_HOST || type == CANDIDATE_RELAY;
	uint32_t direction = direct ? plain[transport] : reflexive[transport];
	return direction << 13 | other >> 3;
}

unsigned candidate_kind(enum candidate_transport transport, const struct sockaddr_storage *addr) {
	unsigned family = addr->ss_family == AF_INET ? 1 : addr->ss_family == AF_INET6 ? 2 : 0;
	return 4 * family + transport;
}

uint32_t candidate_priority(enum candidate_type type, enum candidate_transport transport, uint16_t local_preference) {
	bool tcp = transport != CANDIDATE_UDP;
	uint32_t local = tcp ? tcp_local_preference(type, transport, local_preference) : local_preference;
	/* RFC 8445, 5.1.2.1: "priority = (2^24)*(type preference) + (2^8)*(local preference) + (2^0)*(256 - component ID)". */
	return type_preference(type, tcp) << 24 | local << 8 | (256 - 1);
}

/* ---- reading ---- */

struct token {
	const char *s;
	size_t len;
};

struct scan {
	const char *at, *end;
};

static struct token next_token(struct scan *s) {
	while (s->at < s->end && *s->at == ' ')
		s->at++;
	struct token t = {.s = s->at};
	while (s->at < s->end && *s->at != ' ')
		s->at++;
	t.len = (size_t)(s->at - t.s);
	return t;
}

static bool token_is(struct token t, const char *word) {
	return t.len == strlen(word) && strncasecmp(t.s, word, t.len) == 0;
}

static bool token_number(struct token t, uint64_t max, uint64_t *out) {
	*out = 0;
	if (t.len == 0 || t.len > 10)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		if (t.s[i] < '0' || t.s[i] > '9')
			return false;
		*out = *out * 10 + (uint64_t)(t.s[i] - '0');
	}
	return *out <= max;
}

static bool is_alnum(char c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Copies a token of letters, digits and the characters of `also`. */
static bool token_copy(struct token t, const char *also, char *out, size_t size) {
	if (t.len == 0 || t.len >= size)
		return false;
	for (size_t i = 0; i < t.len; i++)
		if (!is_alnum(t.s[i]) && (t.s[i] == 0 || !strchr(also, t.s[i])))
			return false;
	memcpy(out, t.s, t.len);
	out[t.len] = 0;
	return true;
}

/* RFC 8839, 5.1: "the connection-address [...] is taken from RFC 4566: it is the IP address of the candidate, allowing for IPv4
 * addresses, IPv6 addresses, and fully qualified domain names (FQDNs)." */
static bool read_address(struct token t, struct candidate *c) {
	if (address_parse(t.s, t.len, &c->addr))
		return true;
	c->addr = (struct sockaddr_storage){0};
	return token_copy(t, "-._", c->name, sizeof c->name) && strchr(c->name, '.');
}

static bool read_type(struct token t, enum candidate_type *type) {
	static const char *const names[] = {"host", "srflx", "prflx", "relay"};
	for (unsigned i = 0; i < 4; i++) {
		if (token_is(t, names[i])) {
			*type = (enum candidate_type)i;
			return true;
		}
	}
	return false;
}

static bool read_tcptype(struct token t, enum candidate_transport *transport) {
	static const char *const names[] = {"active", "passive", "so"};
	for (unsigned i = 0; i < 3; i++) {
		if (token_is(t, names[i])) {
			*transport = (enum candidate_transport)(CANDIDATE_TCP_ACTIVE + i);
			return true;
		}
	}
	return false;
}

struct extensions {
	struct token raddr, rport, tcptype, ufrag;
};

static bool read_extensions(struct scan *s, struct extensions *x) {
	for (;;) {
		struct token name = next_token(s), value = next_token(s);
		if (name.len == 0)
			return true;
		if (value.len == 0)
			return false;
		if (token_is(name, "raddr"))
			x->raddr = value;
		else if (token_is(name, "rport"))
			x->rport = value;
		else if (token_is(name, "tcptype"))
			x->tcptype = value;
		else if (token_is(name, "ufrag"))
			x->ufrag = value;
	}
}

/* A related address that is a name or nonsense is left out. It helps people who debug; nothing depends on it. */
static bool apply_extensions(const struct extensions *x, struct candidate *c) {
	uint64_t port;
	if (x->rport.len && !token_number(x->rport, 65535, &port))
		return false;
	if (x->raddr.len && !address_parse(x->raddr.s, x->raddr.len, &c->related))
		c->related = (struct sockaddr_storage){0};
	else if (x->rport.len)
		address_set_port(&c->related, (uint16_t)port);
	/* RFC 8839, 5.4 has '+' and '/'; libwebrtc accepts the others, too. */
	return !x->ufrag.len || token_copy(x->ufrag, "+/-_=#", c->ufrag, sizeof c->ufrag);
}

static struct scan scan_of(const char *text, size_t len) {
	while (len > 0 && (text[len - 1] == '\r' || text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	if (len >= 2 && text[0] == 'a' && text[1] == '=') {
		text += 2;
		len -= 2;
	}
	return (struct scan){.at = text, .end = text + len};
}

int candidate_parse(const char *text, size_t len, struct candidate *out) {
	static const char prefix[] = "candidate:";
	struct scan s = scan_of(text, len);
	struct candidate c = {0};
	struct extensions x = {0};
	uint64_t component, priority, port;
	if ((size_t)(s.end - s.at) < sizeof prefix - 1 || strncasecmp(s.at, prefix, sizeof prefix - 1) != 0)
		return SLUICE_MALFORMED;
	s.at += sizeof prefix - 1;
	if (!token_copy(next_token(&s), "+/", c.foundation, sizeof c.foundation) ||
	    !token_number(next_token(&s), 999, &component))
		return SLUICE_MALFORMED;
	struct token transport = next_token(&s);
	if (transport.len == 0 || !token_number(next_token(&s), UINT32_MAX, &priority) || !read_address(next_token(&s), &c) ||
	    !token_number(next_token(&s), 65535, &port) || !token_is(next_token(&s), "typ"))
		return SLUICE_MALFORMED;
	struct token type = next_token(&s);
	if (type.len == 0 || !read_extensions(&s, &x) || !apply_extensions(&x, &c))
		return SLUICE_MALFORMED;
	c.component = (uint16_t)component;
	c.priority = (uint32_t)priority;
	c.port = (uint16_t)port;
	address_set_port(&c.addr, c.port);
	bool tcp = token_is(transport, "tcp");
	if (component != 1 || (!tcp && !token_is(transport, "udp")) || !read_type(type, &c.type))
		return SLUICE_UNSUPPORTED;
	/* RFC 6544, 4.5: a TCP candidate has to have its tcptype. */
	if (tcp && !read_tcptype(x.tcptype, &c.transport))
		return SLUICE_MALFORMED;
	if (port == 0)
		return SLUICE_UNSUPPORTED;
	*out = c;
	return 0;
}

/* ---- writing ---- */

/* RFC 8839, 5.1: "<rel-addr> and <rel-port> MUST be present for server reflexive, peer reflexive, and relayed candidates." A
 * related address that has to stay hidden is written as the any address and port 9 (RFC 8839, 5.1, on privacy). */
static void format_related(const struct candidate *c, char *text, size_t size) {
	char addr[ADDRESS_TEXT_MAX];
	text[0] = 0;
	if (c->type == CANDIDATE_HOST)
		return;
	if (address_format(&c->related, addr, sizeof addr) > 0)
		snprintf(text, size, " raddr %s rport %u", addr, address_port(&c->related));
	else
		snprintf(text, size, " raddr %s rport 9", c->addr.ss_family == AF_INET6 ? "::" : "0.0.0.0");
}

int candidate_format(const struct candidate *c, char *text, size_t size) {
	static const char *const types[] = {"host", "srflx", "prflx", "relay"};
	static const char *const tcptypes[] = {"", " tcptype active", " tcptype passive", " tcptype so"};
	char addr[ADDRESS_TEXT_MAX], related[ADDRESS_TEXT_MAX + 32];
	if (address_format(&c->addr, addr, sizeof addr) < 0)
		addr[0] = 0;
	format_related(c, related, sizeof related);
	int n = snprintf(text, size, "candidate:%s %u %s %u %s %u typ %s%s%s%s%s", c->foundation, c->component,
	                 c->transport == CANDIDATE_UDP ? "udp" : "tcp", c->priority, c->name[0] ? c->name : addr, c->port,
	                 types[c->type], related, tcptypes[c->transport], c->ufrag[0] ? " ufrag " : "", c->ufrag);
	return n < 0 || (size_t)n >= size ? SLUICE_NO_SPACE : n;
}

bool candidate_name_is_local(const char *name) {
	size_t len = strlen(name);
	return len > 6 && strcasecmp(name + len - 6, ".local") == 0;
}
