/* driver: what does the driver of a peer by offer and answer say to it, and what is it asked for? A direct peer wants none of
 * this. */
#include <string.h>

#include "peer/connection.h"

static void follow_and_wake(sluice_peer *p) {
	follow_underlay(p);
	peer_wake(p);
}

int sluice_peer_add_local_address(sluice_peer *p, enum sluice_transport transport, uint32_t socket, const struct sockaddr *addr,
                                  socklen_t len, uint16_t preference, const char *mdns_name) {
	static const enum candidate_transport transports[] = {CANDIDATE_UDP, CANDIDATE_TCP_ACTIVE, CANDIDATE_TCP_PASSIVE};
	struct sockaddr_storage a = {0};
	if (peer_is_direct(p))
		return SLUICE_WRONG_STATE;
	if (!addr || len > sizeof a || (size_t)transport >= sizeof transports / sizeof *transports || socket & ICE_RELAY_SOCKET)
		return SLUICE_INVALID;
	memcpy(&a, addr, len);
	int error = ice_add_local(p->below.ice, transports[transport], socket, &a, preference, mdns_name);
	follow_and_wake(p);
	return error;
}

void sluice_peer_set_local_address_running(sluice_peer *p, uint32_t socket, bool running) {
	if (peer_is_direct(p))
		return;
	ice_set_local_running(p->below.ice, socket, running);
	follow_and_wake(p);
}

void sluice_peer_set_local_address_mtu(sluice_peer *p, uint32_t socket, uint32_t mtu) {
	if (!peer_is_direct(p))
		ice_set_local_mtu(p->below.ice, socket, mtu);
}

void sluice_peer_remove_local_address(sluice_peer *p, uint32_t socket) {
	if (peer_is_direct(p))
		return;
	ice_remove_local(p->below.ice, socket);
	follow_and_wake(p);
}

bool sluice_peer_poll_request(sluice_peer *p, sluice_request *r) {
	static const enum sluice_request_kind kinds[] = {
		[ICE_REQUEST_RESOLVE] = SLUICE_REQUEST_RESOLVE,
		[ICE_REQUEST_STREAM] = SLUICE_REQUEST_STREAM,
		[ICE_REQUEST_CLOSE] = SLUICE_REQUEST_CLOSE,
	};
	struct ice_request q;
	if (peer_is_direct(p) || !ice_poll_request(p->below.ice, &q))
		return false;
	*r = (sluice_request){
		.kind = kinds[q.kind],
		.id = q.id,
		.name = q.name,
		.mdns = q.mdns,
		.tls = q.tls,
		.turn = q.turn,
		.addr = q.addr,
		.socket = q.socket,
	};
	return true;
}

void sluice_peer_resolved(sluice_peer *p, uint32_t id, const struct sockaddr_storage *addrs, size_t count) {
	if (peer_is_direct(p))
		return;
	ice_resolved(p->below.ice, id, addrs, count, p->now);
	follow_and_wake(p);
}

void sluice_peer_stream_up(sluice_peer *p, uint32_t id, uint32_t socket) {
	if (peer_is_direct(p))
		return;
	ice_stream_up(p->below.ice, id, socket, p->now);
	follow_and_wake(p);
}

void sluice_peer_stream_down(sluice_peer *p, uint32_t socket) {
	if (peer_is_direct(p))
		return;
	ice_stream_down(p->below.ice, socket, p->now);
	follow_and_wake(p);
}

const char *sluice_peer_ufrag(const sluice_peer *p) {
	return peer_is_direct(p) ? "" : ice_ufrag(p->below.ice);
}
