#include "base/server_url.h"

#include <string.h>

#include "base/address.h"

#define PORT 3478     /* RFC 5389, 9; RFC 8656, 3.1 */
#define PORT_TLS 5349 /* RFC 8656, 3.1 */

static char lower(char c) {
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Moves behind the word when it stands there, in any case. */
static bool skip(const char **at, const char *word) {
	const char *p = *at;
	for (; *word; word++, p++)
		if (lower(*p) != *word)
			return false;
	*at = p;
	return true;
}

static bool read_scheme(const char **at, struct server_url *out) {
	static const struct {
		const char *word;
		bool turn;
		enum server_transport transport;
		uint16_t port;
	} schemes[] = {
		{"stun:", false, SERVER_UDP, PORT}, {"turn:", true, SERVER_UDP, PORT}, {"turns:", true, SERVER_TLS, PORT_TLS}};
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		if (!skip(at, schemes[i].word))
			continue;
		out->turn = schemes[i].turn;
		out->transport = schemes[i].transport;
		out->port = schemes[i].port;
		return true;
	}
	return false;
}

/* RFC 3986, 3.2.2: reg-name is made of unreserved characters and sub-delims, and of percent-encoded ones. */
static bool may_stand_in_name(char c) {
	bool alphanumeric = (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
	return alphanumeric || (c && strchr("-._~!$&'()*+,;=", c));
}

static size_t name_len(const char *at) {
	size_t len = 0;
	while (may_stand_in_name(at[len]))
		len++;
	return len;
}

/* A name, an IPv4 address, or an IPv6 address in brackets. */
static const char *read_host(const char **at, struct server_url *out) {
	struct sockaddr_storage addr;
	bool brackets = **at == '[';
	*at += brackets;
	size_t len = brackets ? strcspn(*at, "]") : name_len(*at);
	if (len >= sizeof out->host)
		return "the host is too long";
	if (brackets && (*at)[len] != ']')
		return "a bracket is not closed";
	if (brackets && !(address_parse(*at, len, &addr) && addr.ss_family == AF_INET6))
		return "what stands in brackets is no IPv6 address";
	if (len == 0)
		return "the host is missing";
	memcpy(out->host, *at, len);
	out->host[len] = 0;
	*at += len + brackets;
	return **at && **at != ':' && **at != '?' ? "the host has a character that no name has" : NULL;
}

static const char *read_port(const char **at, struct server_url *out) {
	uint32_t value = 0;
	if (**at != ':')
		return NULL;
	for (++*at; **at >= '0' && **at <= '9' && value <= UINT16_MAX; ++*at)
		value = value * 10 + (uint32_t)(**at - '0');
	if (value == 0 || value > UINT16_MAX || (**at && **at != '?'))
		return "the port is a number from 1 to 65535";
	out->port = (uint16_t)value;
	return NULL;
}

static const char *read_transport(const char **at, struct server_url *out) {
	bool udp = false;
	if (!**at)
		return NULL;
	if (!out->turn || !skip(at, "?transport=") || !((udp = skip(at, "udp")) || skip(at, "tcp")) || **at)
		return "what stands behind the port is not ?transport=udp or ?transport=tcp of a TURN server";
	if (udp && out->transport == SERVER_TLS)
		return "turns: goes over TCP"; /* DTLS to a TURN server: nobody offers it */
	out->has_transport = true;
	if (!udp && out->transport == SERVER_UDP)
		out->transport = SERVER_TCP;
	return NULL;
}

const char *server_url_parse(const char *url, struct server_url *out) {
	const char *at = url, *wrong;
	*out = (struct server_url){0};
	if (!url || !read_scheme(&at, out))
		return "expected stun:HOST[:PORT], turn:HOST[:PORT][?transport=udp|tcp] or turns:HOST[:PORT]";
	wrong = read_host(&at, out);
	if (!wrong)
		wrong = read_port(&at, out);
	return wrong ? wrong : read_transport(&at, out);
}
