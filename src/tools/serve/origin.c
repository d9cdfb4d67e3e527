#include "tools/serve/origin.h"

#include <string.h>
#include <strings.h>

#include "tools/tools.h"

#define HOST_MAX 255

/* Host without its port and brackets. False when it is none. */
static bool cut_port(const char *host, char out[HOST_MAX + 1]) {
	bool bracketed = host[0] == '[';
	size_t len = bracketed ? strcspn(++host, "]") : strcspn(host, ":");
	if (len == 0 || len > HOST_MAX || (bracketed && host[len] != ']'))
		return false;
	memcpy(out, host, len);
	out[len] = 0;
	if (!bracketed && out[len - 1] == '.')
		out[len - 1] = 0;
	return true;
}

bool origin_is_own_host(const char *host, const char *const *names, size_t count) {
	char name[HOST_MAX + 1];
	struct sockaddr_storage addr;
	socklen_t len;
	if (!cut_port(host, name))
		return false;
	if (parse_host(name, &addr, &len))
		return true;
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

bool origin_is_same(const char *origin, const char *host) {
	size_t scheme = strncasecmp(origin, "http://", 7) == 0 ? 7 : strncasecmp(origin, "https://", 8) == 0 ? 8 : 0;
	return scheme && *host && strcasecmp(origin + scheme, host) == 0;
}

bool origin_site_is_foreign(const char *site) {
	return strcasecmp(site, "cross-site") == 0 || strcasecmp(site, "same-site") == 0;
}
