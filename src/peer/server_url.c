/* server_url: which server does a URL name? */
#include "peer/server_url.h"

#include <string.h>

#include "sluice/error.h"

static bool skip_word(const char **at, const char *word) {
	size_t len = strlen(word);
	for (size_t i = 0; i < len; i++) {
		char c = (*at)[i];
		if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != word[i])
			return false;
	}
	*at += len;
	return true;
}

static bool read_scheme(const char **at, struct ice_server *out) {
	static const struct {
		const char *word;
		bool turn;
		enum ice_server_transport transport;
	} schemes[] = {{"stun:", false, ICE_SERVER_UDP}, {"turn:", true, ICE_SERVER_UDP}, {"turns:", true, ICE_SERVER_TLS}};
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		if (!skip_word(at, schemes[i].word))
			continue;
		out->turn = schemes[i].turn;
		out->transport = schemes[i].transport;
		return true;
	}
	return false; /* "stuns:" as well: nothing answers to it in practice, and no browser asks */
}

/* A name, an IPv4 address, or an IPv6 address in brackets. */
static bool read_host(const char **at, char host[SERVER_HOST_MAX]) {
	const char *begin = *at;
	size_t len;
	if (*begin == '[') {
		begin++;
		len = strcspn(begin, "]");
		*at = begin + len;
		if (*(*at)++ != ']')
			return false;
	} else {
		len = strcspn(begin, ":?");
		*at = begin + len;
	}
	if (len == 0 || len >= SERVER_HOST_MAX)
		return false;
	memcpy(host, begin, len);
	host[len] = 0;
	return true;
}

static bool read_port(const char **at, uint16_t *port) {
	if (**at != ':')
		return true;
	unsigned value = 0;
	const char *digit = *at + 1;
	while (*digit >= '0' && *digit <= '9' && value <= 65535)
		value = value * 10 + (unsigned)(*digit++ - '0');
	if (digit == *at + 1 || value == 0 || value > 65535)
		return false;
	*port = (uint16_t)value;
	*at = digit;
	return true;
}

static bool read_transport(const char **at, struct ice_server *out) {
	if (!**at)
		return true;
	if (!out->turn || !skip_word(at, "?transport="))
		return false;
	bool tls = out->transport == ICE_SERVER_TLS;
	if (skip_word(at, "udp"))
		return !tls && !**at; /* DTLS to a TURN server: nobody offers it */
	if (!skip_word(at, "tcp") || **at)
		return false;
	if (!tls)
		out->transport = ICE_SERVER_TCP;
	return true;
}

int server_url_parse(const char *url, char host[SERVER_HOST_MAX], struct ice_server *out) {
	*out = (struct ice_server){0};
	const char *at = url;
	if (!url || !read_scheme(&at, out) || !read_host(&at, host) || !read_port(&at, &out->port) || !read_transport(&at, out))
		return SLUICE_INVALID;
	out->host = host;
	return 0;
}
