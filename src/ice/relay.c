/* relay.c: the life of an allocation, from its making to its end. */
#include "ice/relay.h"

#include "base/address.h"
#include "base/arith.h"
#include "ice/local.h"

#define PAUSE_FIRST SLUICE_S
#define PAUSES_MAX 6 /* 64 s */

static bool over_stream(const struct ice *ice, const struct relay *r) {
	return ice->servers[r->server].transport != SERVER_UDP;
}

uint32_t relay_base_socket(const struct ice *ice, uint32_t socket) {
	for (size_t i = 0; i < ice->relay_count; i++)
		if (ice->relays[i]->socket == socket)
			return over_stream(ice, ice->relays[i]) ? ICE_NO_SOCKET : ice->relays[i]->base;
	return ICE_NO_SOCKET;
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void close_stream(struct ice *ice, uint32_t socket) {
	if (socket != ICE_NO_SOCKET && ice->close_count < ICE_RELAY_MAX)
		ice->close_sockets[ice->close_count++] = socket;
}

static void relay_remove(struct ice *ice, size_t i, bool stream_is_up) {
	struct relay *r = ice->relays[i];
	local_forget_socket(ice, r->socket);
	if (stream_is_up && over_stream(ice, r))
		close_stream(ice, r->base);
	turn_free(r->turn);
	env_free(ice->env, r);
	ice->relays[i] = ice->relays[--ice->relay_count];
}

void relay_free_all(struct ice *ice) {
	for (size_t i = 0; i < ice->relay_count; i++) {
		turn_free(ice->relays[i]->turn);
		env_free(ice->env, ice->relays[i]);
	}
	ice->relay_count = 0;
}

static int start_turn(struct ice *ice, struct relay *r) {
	const struct server *s = &ice->servers[r->server];
	static const enum turn_transport transports[] = {TURN_UDP, TURN_TCP, TURN_TLS};
	struct turn_config config = {
		.server = r->to,
		.transport = transports[s->transport],
		.username = s->username,
		.password = s->password,
		.family = r->family,
		.rto = ice->config.rto,
		.keepalive = ice->config.keepalive,
	};
	return turn_new(ice->env, &config, &r->turn);
}

/* Allocations that are over give their place away. */
static bool room_for_relay(struct ice *ice) {
	for (size_t i = 0; ice->relay_count == ICE_RELAY_MAX && i < ICE_RELAY_MAX; i++)
		if (ice->relays[i]->over)
			relay_remove(ice, i, true);
	return ice->relay_count < ICE_RELAY_MAX;
}

static struct relay *relay_make(struct ice *ice, size_t server, const struct sockaddr_storage *to, uint32_t base,
                                uint16_t preference) {
	for (size_t i = 0; i < ice->relay_count; i++) {
		const struct relay *r = ice->relays[i];
		if (r->server == server && r->asked_base == base && address_equal(&r->asked_to, to))
			return NULL;
	}
	struct relay *r = room_for_relay(ice) ? env_zalloc(ice->env, sizeof *r) : NULL;
	if (!r)
		return NULL;
	*r = (struct relay){
		.server = server, .to = *to, .asked_to = *to, .base = base, .asked_base = base, .preference = preference};
	r->since = r->again_at = SLUICE_NEVER;
	r->family = AF_INET;
	r->socket = ICE_RELAY_SOCKET | ++ice->next_id;
	if (base == ICE_NO_SOCKET) {
		r->stream_id = ++ice->next_id;
	} else if (start_turn(ice, r) < 0) {
		env_free(ice->env, r);
		return NULL;
	}
	ice->relays[ice->relay_count++] = r;
	return r;
}

static void make_for_server(struct ice *ice, size_t i) {
	const struct server *s = &ice->servers[i];
	for (size_t a = 0; a < s->addr_count; a++) {
		if (s->transport != SERVER_UDP) {
			relay_make(ice, i, &s->addrs[a], ICE_NO_SOCKET, UINT16_MAX);
			continue;
		}
		for (size_t k = 0; k < ice->base_count; k++) {
			const struct base *b = &ice->bases[k];
			if (b->transport == CANDIDATE_UDP && local_base_reaches(&b->addr, &s->addrs[a]))
				relay_make(ice, i, &s->addrs[a], b->socket, b->preference);
		}
	}
}

void relay_make_all(struct ice *ice) {
	if (ice->config.lite)
		return;
	for (size_t i = 0; i < ice->server_count; i++)
		if (ice->servers[i].turn && ice->servers[i].state == SERVER_KNOWN)
			make_for_server(ice, i);
}

void relay_gather(struct ice *ice) {
	for (size_t i = ice->relay_count; i-- > 0;) {
		struct relay *r = ice->relays[i];
		r->listed = r->late = false;
		r->since = SLUICE_NEVER;
		if (r->again_at != SLUICE_NEVER)
			r->again_at = 0;
		if (r->turn)
			turn_verify(r->turn);
		if (r->over)
			relay_remove(ice, i, true);
	}
	relay_make_all(ice);
	relay_update(ice);
}

void relay_set_asleep(struct ice *ice, uint32_t base, bool asleep) {
	for (size_t i = 0; i < ice->relay_count; i++) {
		struct relay *r = ice->relays[i];
		if (r->base != base)
			continue;
		local_set_asleep(ice, r->socket, asleep);
		if (r->turn && !asleep)
			turn_verify(r->turn);
	}
}

void relay_forget_base(struct ice *ice, uint32_t socket) {
	for (size_t i = ice->relay_count; i-- > 0;)
		if (ice->relays[i]->base == socket)
			relay_remove(ice, i, false);
}

/* ---- what became of an allocation --------------------------------------------------------------------------------- */

/* The type preference of a relayed candidate is 0 already, so the disadvantage of a stream goes into the local preference. */
static uint16_t preference_of(const struct ice *ice, const struct relay *r) {
	return (uint16_t)(r->preference >> ice->servers[r->server].transport);
}

static void announce(struct ice *ice, struct relay *r) {
	struct base *b = local_base(ice, r->base);
	const struct sockaddr_storage *mapped = turn_mapped(r->turn);
	struct base own = {.socket = r->socket, .preference = preference_of(ice, r), .addr = *turn_relayed(r->turn)};
	own.asleep = b && b->asleep;
	r->listed = r->stood = true;
	r->relayed = own.addr;
	r->pauses = 0;
	/* RFC 8445, 5.1.1.2: an Allocate response gives both a relayed and a server-reflexive candidate. */
	if (b && mapped)
		local_add(ice, CANDIDATE_SRFLX, b, mapped, &b->addr, &r->to);
	/* RFC 8839, 5.1: the related address of a relayed candidate is the mapped one. */
	local_add(ice, CANDIDATE_RELAY, &own, &own.addr, b && b->hidden ? NULL : mapped, &r->to);
}

/* The relayed address is gone, and its candidate with it. A new address will be announced as a new candidate. */
static void withdraw(struct ice *ice, struct relay *r) {
	local_forget_socket(ice, r->socket);
	r->listed = false;
}

static void drop_stream(struct ice *ice, struct relay *r) {
	if (!over_stream(ice, r))
		return;
	close_stream(ice, r->base);
	r->base = ICE_NO_SOCKET;
}

/* An allocation that stood is made anew after a pause. Gathering does not wait for that, unless a restart makes it due at once.
 * */
static void make_anew_later(struct ice *ice, struct relay *r) {
	withdraw(ice, r);
	drop_stream(ice, r);
	turn_free(r->turn);
	r->turn = NULL;
	r->stream_id = 0;
	r->to = r->asked_to;
	r->late = true;
	r->again_at = ice->latest + (PAUSE_FIRST << r->pauses);
	r->pauses += r->pauses < PAUSES_MAX;
}

static void make_anew(struct ice *ice, struct relay *r) {
	r->again_at = SLUICE_NEVER;
	if (over_stream(ice, r)) {
		r->stream_id = ++ice->next_id;
		r->asked = false;
	} else if (start_turn(ice, r) < 0) {
		make_anew_later(ice, r);
	}
}

static void give_up(struct ice *ice, struct relay *r) {
	bool other_family = turn_error(r->turn) == SLUICE_UNSUPPORTED && r->family == AF_INET && !over_stream(ice, r);
	env_log(ice->env, SLUICE_LOG_INFO, "ice: TURN server %s: %s (%u)", ice->servers[r->server].host,
	        sluice_error_name(turn_error(r->turn)), turn_error_code(r->turn));
	if (other_family) {
		turn_free(r->turn);
		r->turn = NULL;
		r->family = AF_INET6;
		if (start_turn(ice, r) == 0)
			return;
	}
	if (r->stood && r->turn && turn_error(r->turn) == SLUICE_TIMED_OUT) {
		make_anew_later(ice, r);
		return;
	}
	r->over = true;
	withdraw(ice, r);
	drop_stream(ice, r);
}

static void follow_move(struct ice *ice, struct relay *r) {
	if (r->stream_id)
		return;
	close_stream(ice, r->base);
	r->base = ICE_NO_SOCKET;
	r->to = *turn_server(r->turn);
	r->stream_id = ++ice->next_id;
	r->asked = false;
}

/* Does the announced candidate belong to another allocation than the one that stands, or does none stand? */
static bool is_replaced(const struct relay *r) {
	const struct sockaddr_storage *relayed = turn_relayed(r->turn);
	return r->listed && turn_state(r->turn) <= TURN_READY && (!relayed || !address_equal(relayed, &r->relayed));
}

void relay_update(struct ice *ice) {
	for (size_t i = 0; i < ice->relay_count; i++) {
		struct relay *r = ice->relays[i];
		if (!r->turn || r->over)
			continue;
		if (is_replaced(r))
			withdraw(ice, r);
		switch (turn_state(r->turn)) {
		case TURN_READY:
			if (!r->listed && ice->current->gathering)
				announce(ice, r);
			/* Gathering is done with this one. A doubt that comes later does not begin it again. */
			r->late |= r->listed && !turn_is_doubted(r->turn);
			break;
		case TURN_MOVED:
			follow_move(ice, r);
			break;
		case TURN_FAILED:
			give_up(ice, r);
			break;
		case TURN_CLOSED:
			r->over = true;
			if (over_stream(ice, r))
				close_stream(ice, r->base);
			break;
		default:
			break;
		}
	}
}

static bool is_pending(const struct relay *r) {
	if (r->over || r->late)
		return false;
	return !r->turn || turn_state(r->turn) < TURN_READY || turn_is_doubted(r->turn);
}

bool relay_waits(const struct ice *ice) {
	for (size_t i = 0; i < ice->relay_count; i++)
		if (is_pending(ice->relays[i]))
			return true;
	return false;
}

/* ---- streams ------------------------------------------------------------------------------------------------------ */

bool relay_poll_request(struct ice *ice, struct ice_request *q) {
	if (ice->close_count) {
		*q = (struct ice_request){.kind = ICE_REQUEST_CLOSE, .socket = ice->close_sockets[--ice->close_count]};
		return true;
	}
	for (size_t i = 0; i < ice->relay_count; i++) {
		struct relay *r = ice->relays[i];
		const struct server *s = &ice->servers[r->server];
		if (r->stream_id == 0 || r->asked || r->over || ice->state == ICE_CLOSED)
			continue;
		r->asked = true;
		*q = (struct ice_request){
			.kind = ICE_REQUEST_STREAM, .id = r->stream_id, .name = s->host, .turn = true, .addr = r->to};
		q->tls = s->transport == SERVER_TLS;
		q->socket = ICE_NO_SOCKET;
		return true;
	}
	return false;
}

static void stream_failed(struct ice *ice, struct relay *r) {
	if (r->stood) {
		make_anew_later(ice, r);
		return;
	}
	drop_stream(ice, r);
	r->over = true;
}

void relay_stream_up(struct ice *ice, uint32_t id, uint32_t socket) {
	for (size_t i = 0; i < ice->relay_count; i++) {
		struct relay *r = ice->relays[i];
		if (r->stream_id == 0 || r->stream_id != id)
			continue;
		r->stream_id = 0;
		r->base = socket;
		if (r->turn)
			turn_reconnected(r->turn);
		if (socket == ICE_NO_SOCKET || (!r->turn && start_turn(ice, r) < 0))
			stream_failed(ice, r);
		relay_update(ice);
		return;
	}
}

void relay_stream_down(struct ice *ice, uint32_t socket) {
	for (size_t i = 0; i < ice->relay_count; i++) {
		struct relay *r = ice->relays[i];
		if (r->base != socket || !over_stream(ice, r))
			continue;
		r->base = ICE_NO_SOCKET; /* closed already */
		if (r->stood && !r->over && ice->state != ICE_CLOSED)
			make_anew_later(ice, r);
		else
			relay_remove(ice, i, false);
		return;
	}
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

bool relay_advance(struct ice *ice, uint64_t now) {
	for (size_t i = 0; i < ice->relay_count; i++) {
		struct relay *r = ice->relays[i];
		if (r->over)
			continue;
		if (r->since == SLUICE_NEVER)
			r->since = now;
		if (now >= r->again_at)
			make_anew(ice, r);
		if (now - r->since >= ice->config.gather_timeout)
			r->late = true;
		if (r->turn)
			turn_advance(r->turn, now);
	}
	if (ice->relay_count)
		relay_update(ice);
	return ice->relay_count > 0;
}

uint64_t relay_deadline(const struct ice *ice) {
	uint64_t at = SLUICE_NEVER;
	for (size_t i = 0; i < ice->relay_count; i++) {
		const struct relay *r = ice->relays[i];
		if (r->over)
			continue;
		if ((is_pending(r) || r->since == SLUICE_NEVER) && ice->state != ICE_CLOSED)
			at = min64(at, r->since == SLUICE_NEVER ? 0 : r->since + ice->config.gather_timeout);
		at = min64(at, r->again_at);
		if (r->turn && r->base != ICE_NO_SOCKET)
			at = min64(at, turn_deadline(r->turn));
	}
	return at;
}

void relay_close_all(struct ice *ice) {
	for (size_t i = 0; i < ice->relay_count; i++)
		if (ice->relays[i]->turn)
			turn_close(ice->relays[i]->turn);
		else
			ice->relays[i]->over = true;
	relay_update(ice);
}

bool relay_check(const struct ice *ice) {
	for (size_t i = 0; i < ice->relay_count; i++)
		if (ice->relays[i]->turn && !turn_check(ice->relays[i]->turn))
			return false;
	return ice->relay_count <= ICE_RELAY_MAX && ice->close_count <= ICE_RELAY_MAX;
}
