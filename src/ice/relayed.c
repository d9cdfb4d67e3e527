/* relayed.c: each message on its way through a TURN server. */
#include "ice/relayed.h"

#include "base/address.h"

#define DOUBT_INTERVAL (5 * SLUICE_S) /* silent pairs make us ask a server no more often than this */

static struct relay *relay_of(const struct ice *ice, uint32_t socket) {
	for (size_t i = 0; i < ice->relay_count; i++)
		if (ice->relays[i]->socket == socket)
			return ice->relays[i];
	return NULL;
}

/* ---- STUN messages of the agent ---- */

void relayed_permit(struct ice *ice, const sluice_path *path, bool channel) {
	struct relay *r = relayed_is(path->socket) ? relay_of(ice, path->socket) : NULL;
	if (!r || !r->turn)
		return;
	if (channel)
		turn_bind(r->turn, &path->remote);
	else
		turn_permit(r->turn, &path->remote);
}

void relayed_doubt(struct ice *ice, const sluice_path *path) {
	struct relay *r = relayed_is(path->socket) ? relay_of(ice, path->socket) : NULL;
	if (!r || !r->turn || r->over || (r->doubted_at && ice->latest - r->doubted_at < DOUBT_INTERVAL))
		return;
	r->doubted_at = ice->latest;
	turn_verify(r->turn);
}

bool relayed_send(struct ice *ice, const sluice_path *path, const void *data, size_t len) {
	if (!relayed_is(path->socket))
		return false;
	struct relay *r = relay_of(ice, path->socket);
	if (r && r->turn)
		turn_send(r->turn, &path->remote, data, len);
	return true;
}

int relayed_output(struct ice *ice, sluice_batch *batch, uint64_t now) {
	for (size_t i = 0; i < ice->relay_count; i++) {
		struct relay *r = ice->relays[i];
		if (!r->turn || r->base == ICE_NO_SOCKET || r->over)
			continue;
		int n = turn_output(r->turn, batch, now);
		if (n == 0)
			continue;
		batch->path.socket = r->base;
		return n;
	}
	return 0;
}

/* ---- what comes ---- */

bool relayed_input(struct ice *ice, sluice_path *path, sluice_datagram *d, uint64_t now) {
	for (size_t i = 0; i < ice->relay_count; i++) {
		struct relay *r = ice->relays[i];
		struct turn_data data;
		if (r->base != path->socket || !r->turn || !address_equal(turn_server(r->turn), &path->remote))
			continue;
		enum turn_verdict verdict = turn_input(r->turn, d->data, d->len, now, &data);
		if (verdict == TURN_OTHER)
			continue;
		if (verdict == TURN_DATA) {
			d->data = data.data;
			d->len = data.len;
			*path = (sluice_path){.socket = r->socket, .remote = data.peer, .remote_len = address_len(&data.peer)};
			return false;
		}
		return true;
	}
	return false;
}

/* ---- data ---- */

size_t ice_headroom(const struct ice *ice) {
	return ice->selected && relayed_is(ice->selected->path.socket) ? TURN_HEADROOM : 0;
}

int ice_wrap(struct ice *ice, sluice_batch *batch) {
	if (!relayed_is(batch->path.socket))
		return 0;
	struct relay *r = relay_of(ice, batch->path.socket);
	struct sockaddr_storage peer = batch->path.remote;
	if (r && r->turn && turn_wrap(r->turn, &peer, batch) == 0) {
		batch->path.socket = r->base;
		return 0;
	}
	for (size_t i = 0; r && r->turn && i < batch->count; i++)
		turn_send(r->turn, &peer, sluice_batch_slot(batch, i) + batch->headroom,
		          sluice_batch_slot_len(batch, i) - batch->headroom - batch->tailroom);
	batch->count = 0;
	return SLUICE_WOULD_BLOCK;
}
