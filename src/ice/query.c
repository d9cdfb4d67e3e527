/* query.c: the requests to STUN servers and their answers. */
#include "ice/query.h"

#include <string.h>

#include "base/address.h"
#include "base/arith.h"
#include "ice/emit.h"
#include "ice/local.h"

#define RTO_MAX (1600 * SLUICE_MS)

/* ---- making ---- */

static bool query_known(const struct ice *ice, uint32_t socket, const struct sockaddr_storage *to) {
	for (const struct query *q = ice->queries; q; q = q->next)
		if (q->socket == socket && address_equal(&q->to, to))
			return true;
	return false;
}

static void query_make(struct ice *ice, const struct base *b, const struct sockaddr_storage *to) {
	if (b->transport != CANDIDATE_UDP || !local_base_reaches(&b->addr, to) || query_known(ice, b->socket, to))
		return;
	struct query *q = ice->query_count < ICE_QUERY_MAX ? env_zalloc(ice->env, sizeof *q) : NULL;
	if (!q)
		return;
	*q = (struct query){.socket = b->socket, .to = *to, .running = true, .first_at = SLUICE_NEVER, .next = ice->queries};
	env_nonce(ice->env, q->id, sizeof q->id);
	ice->queries = q;
	ice->query_count++;
}

void query_make_all(struct ice *ice) {
	for (size_t i = 0; i < ice->server_count; i++) {
		const struct server *s = &ice->servers[i];
		if (s->turn || s->state != SERVER_KNOWN || ice->config.relay_only)
			continue;
		for (size_t k = 0; k < ice->base_count; k++)
			for (size_t a = 0; a < s->addr_count; a++)
				query_make(ice, &ice->bases[k], &s->addrs[a]);
	}
}

static void remove_queries(struct ice *ice, uint32_t socket, bool all) {
	for (struct query **at = &ice->queries; *at;) {
		struct query *q = *at;
		if (!all && q->socket != socket) {
			at = &q->next;
			continue;
		}
		*at = q->next;
		ice->query_count--;
		env_free(ice->env, q);
	}
}

void query_forget_base(struct ice *ice, uint32_t socket) {
	remove_queries(ice, socket, false);
}

void query_free_all(struct ice *ice) {
	remove_queries(ice, 0, true);
}

bool query_check(const struct ice *ice) {
	size_t count = 0;
	for (const struct query *q = ice->queries; q; q = q->next)
		count++;
	return count == ice->query_count && count <= ICE_QUERY_MAX;
}

/* ---- time ---- */

static void query_end(struct query *q) {
	q->running = false;
	q->next_at = SLUICE_NEVER;
}

bool query_advance(struct ice *ice, uint64_t now) {
	bool ended = false;
	for (struct query *q = ice->queries; q; q = q->next) {
		if (!q->running || q->first_at == SLUICE_NEVER || now - q->first_at < ice->config.gather_timeout)
			continue;
		query_end(q);
		ended = true;
	}
	return ended;
}

uint64_t query_deadline(const struct ice *ice) {
	uint64_t at = SLUICE_NEVER;
	for (const struct query *q = ice->queries; q; q = q->next) {
		at = min64(at, q->next_at);
		if (q->running && q->first_at != SLUICE_NEVER)
			at = min64(at, q->first_at + ice->config.gather_timeout);
	}
	return at;
}

bool query_waits(const struct ice *ice) {
	for (const struct query *q = ice->queries; q; q = q->next)
		if (q->running)
			return true;
	return false;
}

/* Once a pair is in use, its own checks keep the NAT's binding. Until then requests to the server have to. */
static bool binding_needed(const struct ice *ice) {
	return ice->state == ICE_NEW || ice->state == ICE_CHECKING;
}

int query_output(struct ice *ice, sluice_batch *batch, uint64_t now) {
	struct query *q = ice->queries;
	while (q && q->next_at > now)
		q = q->next;
	if (!q)
		return 0;
	if (!q->running && !binding_needed(ice)) {
		q->next_at = SLUICE_NEVER;
		return query_output(ice, batch, now);
	}
	struct stun_writer w;
	stun_begin(&w, emit_place(batch), ICE_MESSAGE_MAX, STUN_REQUEST, STUN_BINDING, q->id);
	if (q->running) {
		q->rto = q->tries++ ? min64(2 * q->rto, RTO_MAX) : ice->config.rto;
		q->next_at = now + q->rto;
	} else {
		q->next_at = now + ice->config.keepalive;
	}
	if (q->first_at == SLUICE_NEVER)
		q->first_at = now;
	sluice_path path = {.socket = q->socket, .remote = q->to, .remote_len = address_len(&q->to)};
	int n = emit_message(ice, batch, &path, stun_end(&w, NULL, 0, true));
	return n ? n : query_output(ice, batch, now);
}

/* ---- answers ---- */

bool query_input(struct ice *ice, const sluice_path *path, const struct stun_message *m, uint64_t now) {
	struct query *q = ice->queries;
	while (q && memcmp(q->id, m->id, STUN_ID_SIZE) != 0)
		q = q->next;
	if (!q || q->socket != path->socket || !address_equal(&q->to, &path->remote))
		return false;
	struct base *b = local_base(ice, q->socket);
	if (b && m->class == STUN_SUCCESS && m->mapped.ss_family == b->addr.ss_family && ice->current->gathering)
		local_add(ice, CANDIDATE_SRFLX, b, &m->mapped, &b->addr, &q->to);
	if (q->running)
		query_end(q);
	if (m->class == STUN_SUCCESS)
		q->next_at = now + ice->config.keepalive;
	env_nonce(ice->env, q->id, sizeof q->id);
	ice->dirty = true;
	return true;
}
