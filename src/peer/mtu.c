/* mtu: how large may the packets of a peer's association be, and where is the search for the path's MTU worth it?
 *
 * The search itself (RFC 8899) is the association's: sctp/tx/discovery.c. */
#include "peer/connection.h"
#include "peer/path.h"
#include "sctp/sctp.h"

/* The largest rooms that a cipher suite of ours wants: record header, explicit nonce, tag (RFC 5288). The size of SCTP
 * packets is fixed when the peer is made, before the suite is known. */
#define ROOMS_MAX (13 + 8 + 16)

uint32_t peer_packet_mtu(uint32_t datagram, enum sluice_role role) {
	return (datagram - ROOMS_MAX - (role ? 0 : RELAY_ROOM)) & ~3u;
}

/* Over a stream there is nothing to find. What the app named is tried elsewhere, whatever the route is. */
void peer_search_mtu(sluice_peer *p) {
	uint32_t named = p->config.sctp.mtu_max, largest = p->route_largest < MTU_FOUND_MAX ? p->route_largest : MTU_FOUND_MAX;
	bool search = p->route_largest && (named || p->unfragmented);
	uint32_t found = search && largest > p->config.mtu ? peer_packet_mtu(largest, p->config.role) : 0;
	association_search_mtu(p->sctp, search && named ? named : found);
}

void sluice_peer_discover_mtu(sluice_peer *p) {
	p->unfragmented = true;
	if (!peer_is_direct(p))
		peer_search_mtu(p);
	else if (p->config.sctp.mtu_max == 0)
		sluice_sctp_set_mtu_max(p->sctp, peer_packet_mtu(MTU_FOUND_MAX, p->role));
}

/* RFC 8899, 4.6.2: what a PTB message says, less the headers of IP and UDP and what stands between them and SCTP. */
void sluice_peer_mtu_hint(sluice_peer *p, const sluice_path *path, uint32_t mtu, bool sure) {
	size_t headers = (path->remote.ss_family == AF_INET6 ? 40 : 20) + 8 + ROOMS_MAX;
	size_t relay = underlay_headroom(&p->below);
	headers += relay;
	/* Over a relay the path is named by the addresses behind it. */
	bool ours = path_equal(path, &p->below.path) || relay;
	if (ours && p->dtls_up && mtu > headers)
		sluice_sctp_mtu_hint(p->sctp, (uint32_t)(mtu - headers), sure);
}
