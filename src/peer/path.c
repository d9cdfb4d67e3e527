/* path: is this the address we talk to, and does what came from it look like DTLS? It knows no peer. */
#include <netinet/in.h>
#include <string.h>

#include "peer/peer.h"

#define RECORD_HEADER 13

static bool equal4(const sluice_path *a, const sluice_path *b) {
	const struct sockaddr_in *x = (const struct sockaddr_in *)&a->remote, *y = (const struct sockaddr_in *)&b->remote;
	return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
}

static bool equal6(const sluice_path *a, const sluice_path *b) {
	const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)&a->remote, *y = (const struct sockaddr_in6 *)&b->remote;
	return x->sin6_port == y->sin6_port && memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
}

bool path_equal(const sluice_path *a, const sluice_path *b) {
	if (a->remote.ss_family != b->remote.ss_family)
		return false;
	if (a->remote.ss_family == AF_INET)
		return equal4(a, b);
	if (a->remote.ss_family == AF_INET6)
		return equal6(a, b);
	return a->remote_len == b->remote_len && memcmp(&a->remote, &b->remote, a->remote_len) == 0;
}

bool path_is_dtls(const sluice_datagram *d) {
	return d->len >= RECORD_HEADER && d->data[0] >= 20 && d->data[0] <= 63 && d->data[1] == 254;
}
