/* path: see path.h. */
#include <string.h>

#include "base/address.h"
#include "base/packet_kind.h"
#include "peer/path.h"

#define RECORD_HEADER 13

bool path_equal(const sluice_path *a, const sluice_path *b) {
	if (a->remote.ss_family != b->remote.ss_family)
		return false;
	if (address_len(&a->remote))
		return address_equal(&a->remote, &b->remote);
	return a->remote_len == b->remote_len && memcmp(&a->remote, &b->remote, a->remote_len) == 0;
}

bool path_is_dtls(const sluice_datagram *d) {
	return d->len >= RECORD_HEADER && packet_kind_of(d->data, d->len) == PACKET_DTLS && d->data[1] == 254;
}
