/* parse: numbers, times and addresses as people type them. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools.h"

bool parse_unsigned(const char *text, uint64_t min, uint64_t max, uint64_t *out) {
	if (*text < '0' || *text > '9')
		return false; /* strtoull would take spaces and signs */
	char *end;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	if (errno || *end || v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool parse_seconds(const char *text, double min, double max, double *out) {
	if (text[strspn(text, "0123456789.")])
		return false; /* strtod would take signs, exponents, hex and "nan" */
	char *end;
	double v = strtod(text, &end);
	if (end == text || *end || v < min || v > max)
		return false;
	*out = v;
	return true;
}

/* Splits at the last colon; brackets around a host are taken off. */
static bool split(const char *text, char *host, size_t size, const char **port) {
	const char *colon = strrchr(text, ':');
	if (!colon || colon == text)
		return false;
	size_t len = (size_t)(colon - text);
	if (text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return false; /* an IPv6 address without brackets: which colon is the port's? */
	}
	if (len == 0 || len >= size)
		return false;
	memcpy(host, text, len);
	host[len] = 0;
	*port = colon + 1;
	return true;
}

static const char *parse_with_port(const char *text, uint64_t lowest, struct sockaddr_storage *addr, socklen_t *len) {
	char host[256];
	const char *port;
	uint64_t number;
	if (!split(text, host, sizeof host, &port))
		return "expected ADDRESS:PORT or [IPV6]:PORT";
	if (!parse_unsigned(port, lowest, 65535, &number))
		return lowest ? "the port is a number from 1 to 65535" : "the port is a number from 0 to 65535";
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found;
	int error = getaddrinfo(host, port, &hints, &found);
	if (error)
		return gai_strerror(error);
	memcpy(addr, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return NULL;
}

const char *parse_address(const char *text, struct sockaddr_storage *addr, socklen_t *len) {
	return parse_with_port(text, 1, addr, len);
}

const char *parse_local_address(const char *text, struct sockaddr_storage *addr, socklen_t *len) {
	return parse_with_port(text, 0, addr, len);
}

bool parse_host(const char *text, struct sockaddr_storage *addr, socklen_t *len) {
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *found;
	if (getaddrinfo(text, NULL, &hints, &found))
		return false;
	memcpy(addr, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

void format_address(const struct sockaddr_storage *addr, socklen_t len, char *text, size_t size) {
	char host[64], port[8];
	if (getnameinfo((const struct sockaddr *)addr, len, host, sizeof host, port, sizeof port,
	                NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(text, size, "?");
	else
		snprintf(text, size, addr->ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}
