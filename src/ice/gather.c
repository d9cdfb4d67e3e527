/* gather.c: sockets and servers in, candidates out. */
#include "ice/gather.h"

#include <string.h>

#include "base/address.h"
#include "base/arith.h"
#include "base/clock.h"
#include "ice/local.h"
#include "ice/query.h"
#include "ice/relay.h"
#include "ice/server.h"
#include "pool/grow.h"

/* ---- how far it is ---- */

static bool gathering_waits(const struct ice *ice) {
	return server_waits(ice) || query_waits(ice) || relay_waits(ice);
}

void gather_update(struct ice *ice) {
	struct session *s = ice->current;
	s->gathered = s->gathering && !gathering_waits(ice);
	if (s->gathered && ice->stats.gathered_after == SLUICE_NEVER)
		ice->stats.gathered_after = ice->latest > ice->epoch ? ice->latest - ice->epoch : 0;
	if (ice_gathering(ice) != ice->gathering_polled) {
		ice->event_gathering = true;
		ice->dirty = true;
	}
}

/* ---- sockets ---- */

int ice_add_local(struct ice *ice, enum candidate_transport transport, uint32_t socket, const struct sockaddr_storage *addr,
                  uint16_t preference, const char *hidden) {
	if (local_base(ice, socket))
		return SLUICE_EXISTS;
	if (ice->base_count == ICE_BASE_MAX)
		return SLUICE_LIMIT;
	if (!GROW(ice->env, ice->bases, ice->base_count, ice->base_capacity, 1))
		return SLUICE_NO_MEMORY;
	struct base *b = &ice->bases[ice->base_count];
	*b = (struct base){.socket = socket, .transport = transport, .preference = preference, .addr = *addr};
	if (hidden && !(b->hidden = env_strndup(ice->env, hidden, strlen(hidden))))
		return SLUICE_NO_MEMORY;
	ice->base_count++;
	if (ice->current->gathering) {
		local_add(ice, CANDIDATE_HOST, b, &b->addr, NULL, NULL);
		query_make_all(ice);
		relay_make_all(ice);
		gather_update(ice);
		ice->dirty = true;
	}
	return 0;
}

void ice_set_local_running(struct ice *ice, uint32_t socket, bool running) {
	struct base *b = local_base(ice, socket);
	if (!b || b->asleep == !running)
		return;
	b->asleep = !running;
	local_set_asleep(ice, socket, !running);
	relay_set_asleep(ice, socket, !running);
}

void ice_set_local_mtu(struct ice *ice, uint32_t socket, uint32_t mtu) {
	struct base *b = local_base(ice, socket);
	if (b)
		b->mtu = mtu;
}

void ice_remove_local(struct ice *ice, uint32_t socket) {
	struct base *b = local_base(ice, socket);
	if (!b)
		return;
	local_forget_socket(ice, socket);
	query_forget_base(ice, socket);
	relay_forget_base(ice, socket);
	env_free(ice->env, b->hidden);
	*b = ice->bases[--ice->base_count];
	gather_update(ice);
}

/* ---- servers ---- */

void ice_gather(struct ice *ice, uint64_t now) {
	struct session *s = ice->current;
	if (s->gathering || ice->state == ICE_CLOSED)
		return;
	now = clock_forward(&ice->latest, now);
	s->gathering = true;
	if (!ice->gather_started) {
		ice->gather_started = true;
		ice->epoch = now;
	}
	query_free_all(ice);
	for (size_t i = 0; i < ice->base_count; i++)
		local_add(ice, CANDIDATE_HOST, &ice->bases[i], &ice->bases[i].addr, NULL, NULL);
	server_look_up_all(ice);
	query_make_all(ice);
	relay_gather(ice);
	gather_update(ice);
	ice->dirty = true;
}

bool gather_resolved(struct ice *ice, uint32_t id, const struct sockaddr_storage *addrs, size_t count) {
	if (!server_resolved(ice, id, addrs, count))
		return false;
	query_make_all(ice);
	relay_make_all(ice);
	gather_update(ice);
	return true;
}

/* ---- time ---- */

void gather_advance(struct ice *ice, uint64_t now) {
	if (!ice->server_count)
		return;
	bool lost = server_advance(ice, now), ended = query_advance(ice, now);
	if (lost || ended)
		gather_update(ice);
}

uint64_t gather_deadline(const struct ice *ice) {
	return ice->server_count ? min64(server_deadline(ice), query_deadline(ice)) : SLUICE_NEVER;
}
