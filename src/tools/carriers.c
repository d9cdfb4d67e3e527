/* carriers: which carrier does --signal name? The only file that knows all of them. */
#include <stdio.h>
#include <string.h>

#include "tools/signalling.h"

/* "udp:1": letters and a colon, like the ways that there are, and no path. A file of that name is ./udp:1. */
static bool looks_like_a_scheme(const char *signal) {
	size_t letters = strspn(signal, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	return letters > 0 && signal[letters] == ':';
}

/* HOST:PORT, and behind # the secret. */
static const char *check_tcp(const char *rest) {
	char address[SIGNAL_ADDRESS_MAX];
	size_t len = strcspn(rest, "#");
	if (rest[len] && !rest[len + 1])
		return "the secret behind # is empty";
	if (snprintf(address, sizeof address, "%.*s", (int)len, rest) >= (int)sizeof address)
		return "the address is too long";
	return signalling_check_address(address);
}

static const char *check_room(const char *host) {
	const char *path = strchr(host, '/');
	return path && path[1] ? NULL : "the room is missing: http://HOST:PORT/room/NAME";
}

static const char *check_web(const char *url) {
	return strncmp(url, "http://", 7) && strncmp(url, "https://", 8) ? "expected an http:// or https:// address behind it"
	                                                                 : NULL;
}

/* By the beginning of the text; what has none of these is a file. */
static const struct scheme {
	const char *prefix;
	const struct carrier *carrier;
	const char *(*check)(const char *rest); /* NULL, or what is wrong with the rest */
} schemes[] = {
	{"tcp:", &carrier_tcp, check_tcp},   {"http://", &carrier_http, check_room}, {"https://", &carrier_http, check_room},
	{"whip:", &carrier_whip, check_web}, {"whep:", &carrier_whip, check_web},
};

const struct carrier *carriers_find(const struct link_options *options, const char **wrong) {
	const char *signal = options->signal;
	*wrong = NULL;
	if (!signal || strcmp(signal, "-") == 0)
		return &carrier_paste;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		const struct scheme *s = &schemes[i];
		size_t len = strlen(s->prefix);
		if (strncmp(signal, s->prefix, len))
			continue;
		*wrong = s->check(signal + len);
		return s->carrier;
	}
	if (looks_like_a_scheme(signal))
		*wrong = "expected -, a file, tcp:HOST:PORT[#SECRET], http://HOST:PORT/room/NAME or whip:URL (a file of that "
			 "name: with ./ before it)";
	return &carrier_file;
}
