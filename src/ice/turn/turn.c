/* turn.c: the allocation and the verbs; what they are for stands in the header. */
#include "ice/turn/turn.h"

#include <string.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/packet_kind.h"
#include "ice/turn/turn_parts.h"
#include "sluice/error.h"

#define RTO (500 * SLUICE_MS) /* RFC 8489, 6.2.1 */
#define KEEPALIVE (15 * SLUICE_S)
#define HOPS 2
#define MISMATCHES 6
#define MISMATCH_WAIT SLUICE_S
#define LIFETIME_MAX 3600
/* A server that grants less than two seconds loses the allocation now and then, and gets no more requests for it. */
#define REFRESH_MIN SLUICE_S
#define LOSSES_MAX 6     /* the pause before the next Allocate doubles up to 32 s */
#define MESSAGE_MAX 2560 /* our longest: a request with username, realm and nonce of their largest sizes */

/* ---- life ---- */

int turn_new(sluice_env *env, const struct turn_config *config, struct turn **out) {
	if (!config->username || !config->password || address_len(&config->server) == 0 ||
	    strlen(config->username) > TURN_CHALLENGE_MAX)
		return SLUICE_INVALID;
	struct turn *t = env_secret(env_zalloc(env, sizeof *t)); /* the long-term key is in it */
	if (!t)
		return SLUICE_NO_MEMORY;
	t->env = env;
	t->transport = config->transport;
	t->server = config->server;
	t->family = config->family ? config->family : AF_INET;
	t->rto = config->rto ? config->rto : RTO;
	t->keepalive = config->keepalive ? config->keepalive : KEEPALIVE;
	t->next_channel = 0x4000;
	t->end = &t->first;
	t->username = env_strndup(env, config->username, strlen(config->username));
	t->password = env_strndup_secret(env, config->password, strlen(config->password));
	if (!t->username || !t->password) {
		turn_free(t);
		return SLUICE_NO_MEMORY;
	}
	turn_exchange_start(t, &t->main, STUN_ALLOCATE);
	*out = t;
	return 0;
}

void turn_free(struct turn *t) {
	if (!t)
		return;
	turn_peers_drop(t);
	turn_queue_drop(t);
	turn_forget_challenge(t);
	env_free(t->env, t->username);
	env_free(t->env, t->password);
	env_free(t->env, t);
}

static void end_allocation(struct turn *t, enum turn_state state) {
	t->state = state;
	t->main.active = false;
	turn_peers_drop(t);
	turn_queue_drop(t);
}

static void fail_allocation(struct turn *t, int error) {
	t->error = error;
	end_allocation(t, TURN_FAILED);
}

/* RFC 8656, 8: a Refresh with a lifetime of 0 gives the allocation back. */
void turn_close(struct turn *t) {
	if (t->state == TURN_READY) {
		end_allocation(t, TURN_CLOSING);
		turn_exchange_start(t, &t->main, STUN_REFRESH);
	} else if (t->state != TURN_CLOSING && t->state != TURN_FAILED) {
		end_allocation(t, TURN_CLOSED);
	}
}

void turn_verify(struct turn *t) {
	if (t->state != TURN_READY)
		return;
	t->doubted = true;
	if (!t->main.active)
		turn_exchange_start(t, &t->main, STUN_REFRESH);
}

bool turn_is_doubted(const struct turn *t) {
	return t->state == TURN_READY && t->doubted;
}

enum turn_state turn_state(const struct turn *t) {
	return t->state;
}
int turn_error(const struct turn *t) {
	return t->error;
}
uint16_t turn_error_code(const struct turn *t) {
	return t->error_code;
}
const struct sockaddr_storage *turn_server(const struct turn *t) {
	return &t->server;
}
const struct sockaddr_storage *turn_relayed(const struct turn *t) {
	return t->relayed.ss_family ? &t->relayed : NULL;
}
const struct sockaddr_storage *turn_mapped(const struct turn *t) {
	return t->mapped.ss_family ? &t->mapped : NULL;
}
const struct turn_stats *turn_stats(const struct turn *t) {
	return &t->stats;
}

void turn_reconnected(struct turn *t) {
	if (t->state != TURN_MOVED)
		return;
	t->state = TURN_ALLOCATING;
	turn_exchange_start(t, &t->main, STUN_ALLOCATE);
}

/* ---- answers ---- */

static int error_of_code(uint16_t code) {
	switch (code) {
	case 437:
		return SLUICE_EXISTS;
	case 420: /* Unknown Attribute: the address family */
	case 440: /* Address Family not Supported */
	case 442: /* Unsupported Transport Address */
	case 443: /* Peer Address Family Mismatch */
		return SLUICE_UNSUPPORTED;
	case 486: /* Allocation Quota Reached */
	case 508: /* Insufficient Capacity */
		return SLUICE_LIMIT;
	case 400:
	case 500:
		return SLUICE_PROTOCOL;
	default: /* 300, 401, 403 Forbidden, 441 Wrong Credentials, and what we do not know */
		return SLUICE_REFUSED;
	}
}

/* RFC 8656, 8: "about 1 minute before the expiration time". Of a short lifetime half passes, and never less than REFRESH_MIN:
 * with a lifetime of 0 we would ask a thousand times a second. */
static void keep_for(struct turn *t, const struct stun_message *m) {
	uint64_t s = m->has_lifetime ? m->lifetime : TURN_LIFETIME;
	if (s > LIFETIME_MAX)
		s = LIFETIME_MAX;
	uint64_t after = s >= 120 ? (s - 60) * SLUICE_S : s * SLUICE_S / 2;
	t->refresh_at = t->now + (after > REFRESH_MIN ? after : REFRESH_MIN);
	t->expires_at = t->now + s * SLUICE_S;
	t->doubted = false;
}

static void allocated(struct turn *t, const struct stun_message *m) {
	t->main.active = false;
	if (m->relayed.ss_family != t->family) {
		fail_allocation(t, SLUICE_PROTOCOL);
		return;
	}
	/* Permissions and channels of an allocation that stood before ended with it. */
	turn_peers_drop(t);
	turn_queue_drop(t);
	t->relayed = m->relayed;
	t->mapped = m->mapped;
	t->state = TURN_READY;
	keep_for(t, m);
}

/* The server knows nothing of the allocation: asks for another one, the first time at once. A server that forgets one allocation
 * after the other is asked ever more slowly. */
static void allocation_lost(struct turn *t) {
	end_allocation(t, TURN_ALLOCATING);
	t->relayed = t->mapped = (struct sockaddr_storage){0};
	t->mismatches = 0;
	turn_exchange_start(t, &t->main, STUN_ALLOCATE);
	if (t->losses)
		t->main.next_at = t->now + (SLUICE_S << (t->losses - 1));
	t->losses += t->losses < LOSSES_MAX;
}

/* RFC 8489, 10: a 300 names another server, of the same family. The client starts there anew with nothing except its credentials.
 * */
static void move_to_alternate(struct turn *t, const struct stun_message *m) {
	if (t->hops == HOPS || m->alternate.ss_family != t->server.ss_family) {
		fail_allocation(t, SLUICE_REFUSED);
		return;
	}
	t->hops++;
	t->server = m->alternate;
	turn_forget_challenge(t);
	turn_exchange_again(t, &t->main);
	if (t->transport != TURN_UDP) {
		t->main.active = false;
		t->state = TURN_MOVED;
	}
}

/* RFC 8656, 7.4: 437 means that the server holds an allocation for this 5-tuple. So our socket's port was used before, by the
 * same user, who can give that allocation back. coturn takes some seconds to free one that was given back. */
static void meet_mismatch(struct turn *t) {
	t->clearing = t->mismatches++ == 0;
	turn_exchange_start(t, &t->main, t->clearing ? STUN_REFRESH : STUN_ALLOCATE);
	if (!t->clearing)
		t->main.next_at = t->now + MISMATCH_WAIT;
}

static void allocate_refused(struct turn *t, const struct stun_message *m) {
	if (t->state == TURN_READY) { /* the server is back, and may mean the allocation that stands */
		turn_exchange_start(t, &t->main, STUN_REFRESH);
	} else if (m->error_code == 300) {
		move_to_alternate(t, m);
	} else if (m->error_code == 437 && t->mismatches < MISMATCHES) {
		meet_mismatch(t);
	} else {
		fail_allocation(t, error_of_code(m->error_code));
	}
}

static void refreshed(struct turn *t, const struct stun_message *m) {
	t->main.active = false;
	if (t->state == TURN_CLOSING) {
		end_allocation(t, TURN_CLOSED);
	} else if (t->clearing) {
		t->clearing = false;
		turn_exchange_start(t, &t->main, STUN_ALLOCATE);
	} else if (m->class == STUN_SUCCESS) {
		t->losses = 0;
		keep_for(t, m);
	} else if (m->error_code == 437) {
		allocation_lost(t);
	} else if (m->error_code == 401) { /* the server refuses a realm and nonce that it gave us itself */
		turn_forget_challenge(t);
		allocation_lost(t);
	} else {
		fail_allocation(t, error_of_code(m->error_code));
	}
}

static void main_answered(struct turn *t, const struct stun_message *m) {
	if (m->class == STUN_SUCCESS)
		t->main.stale = 0;
	if (t->main.method == STUN_REFRESH)
		refreshed(t, m);
	else if (m->class == STUN_SUCCESS)
		allocated(t, m);
	else
		allocate_refused(t, m);
}

static void peer_answered(struct turn *t, struct turn_peer *p, const struct stun_message *m) {
	if (m->class == STUN_SUCCESS)
		turn_peer_granted(t, p);
	else if (m->error_code == 437)
		allocation_lost(t);
	else if (turn_peer_denied(t, p, m->error_code))
		turn_verify(t);
}

static enum turn_verdict drop_message(struct turn *t) {
	t->stats.dropped++;
	return TURN_TAKEN;
}

static enum turn_verdict input_response(struct turn *t, const struct stun_message *m) {
	bool is_main = t->main.active && t->main.tries > 0 && memcmp(t->main.id, m->id, STUN_ID_SIZE) == 0;
	struct turn_peer *p = is_main ? NULL : turn_peer_of_exchange(t, m->id);
	struct exchange *x = is_main ? &t->main : p ? &p->x : NULL;
	if (!x)
		return TURN_OTHER;
	if (m->method != x->method || (m->class == STUN_ERROR) != (m->error_code != 0) || !turn_exchange_trusts(t, x, m))
		return drop_message(t);
	t->stats.responses++;
	if (m->class == STUN_ERROR) {
		t->stats.errors++;
		t->error_code = m->error_code;
		int met = turn_exchange_meet_challenge(t, x, m);
		if (met < 0)
			fail_allocation(t, met);
		if (met != 0)
			return TURN_TAKEN;
	}
	if (p)
		peer_answered(t, p, m);
	else
		main_answered(t, m);
	return TURN_TAKEN;
}

/* ---- data from peers ---- */

static enum turn_verdict from_peer(struct turn *t, const struct sockaddr_storage *addr, uint8_t *data, size_t len,
                                   struct turn_data *out) {
	struct turn_peer *p = turn_peer_of_address(t, addr);
	if (p)
		p->used = t->now;
	t->stats.received++;
	*out = (struct turn_data){.peer = *addr, .data = data, .len = len};
	return TURN_DATA;
}

/* RFC 8656, 12.6; what lies behind the length is padding. */
static enum turn_verdict input_channel(struct turn *t, uint8_t *data, size_t len, struct turn_data *out) {
	struct turn_peer *p = turn_peer_of_channel(t, get_be16(data));
	size_t payload = get_be16(data + 2);
	if (!p || payload > len - TURN_HEADROOM)
		return drop_message(t);
	return from_peer(t, &p->addr, data + TURN_HEADROOM, payload, out);
}

/* RFC 8656, 11.4: the client checks that it has a permission for that address, and drops the indication otherwise. */
static enum turn_verdict input_indication(struct turn *t, uint8_t *data, const struct stun_message *m, struct turn_data *out) {
	if (m->method != STUN_DATA)
		return TURN_OTHER;
	if (!m->peer.ss_family || !m->data.data || !turn_peer_knows_ip(t, &m->peer))
		return drop_message(t);
	return from_peer(t, &m->peer, data + (m->data.data - m->bytes), m->data.len, out);
}

static bool is_channel_data(const uint8_t *data, size_t len) {
	return len >= TURN_HEADROOM && packet_kind_of(data, len) == PACKET_CHANNEL;
}

enum turn_verdict turn_input(struct turn *t, uint8_t *data, size_t len, uint64_t now, struct turn_data *out) {
	struct stun_message m;
	clock_forward(&t->now, now);
	if (is_channel_data(data, len))
		return input_channel(t, data, len, out);
	if (!stun_looks_like(data, len))
		return TURN_OTHER;
	if (stun_parse(data, len, &m) < 0)
		return drop_message(t);
	if (m.class == STUN_REQUEST)
		return TURN_OTHER;
	return m.class == STUN_INDICATION ? input_indication(t, data, &m, out) : input_response(t, &m);
}

/* ---- time ---- */

/* A server that was started again answers an Allocate. A server behind a path that was interrupted answers a Refresh. */
static void ask_the_other_way(struct turn *t) {
	t->doubted = true;
	turn_exchange_start(t, &t->main, t->main.method == STUN_REFRESH ? STUN_ALLOCATE : STUN_REFRESH);
}

static void main_given_up(struct turn *t) {
	if (t->state == TURN_CLOSING)
		end_allocation(t, TURN_CLOSED);
	else if (t->state == TURN_READY && t->transport == TURN_UDP && t->now < t->expires_at)
		ask_the_other_way(t);
	else
		fail_allocation(t, SLUICE_TIMED_OUT);
}

void turn_advance(struct turn *t, uint64_t now) {
	clock_forward(&t->now, now);
	if (turn_exchange_is_given_up(t, &t->main))
		main_given_up(t);
	if (t->state != TURN_READY)
		return;
	if (!t->main.active && t->now >= t->refresh_at)
		turn_exchange_start(t, &t->main, STUN_REFRESH);
	bool silent = false;
	for (size_t i = 0; i < t->peer_count; i++) {
		if (turn_exchange_is_given_up(t, &t->peers[i]->x))
			silent |= turn_peer_denied(t, t->peers[i], 0);
	}
	if (silent)
		turn_verify(t);
	turn_peers_advance(t);
}

static bool keeps_alive(const struct turn *t) {
	return t->state == TURN_READY && t->transport == TURN_UDP;
}

uint64_t turn_deadline(const struct turn *t) {
	if (t->queued > 0)
		return t->now;
	uint64_t deadline = t->main.active ? t->main.next_at : t->state == TURN_READY ? t->refresh_at : SLUICE_NEVER;
	uint64_t peers = turn_peers_deadline(t);
	if (peers < deadline)
		deadline = peers;
	if (keeps_alive(t) && t->last_sent + t->keepalive < deadline)
		deadline = t->last_sent + t->keepalive;
	return deadline;
}

/* ---- output ---- */

static int emit_message(struct turn *t, sluice_batch *batch, const uint8_t *message, size_t len) {
	size_t slot = batch->headroom + len + batch->tailroom;
	if (slot > batch->capacity)
		return SLUICE_NO_SPACE;
	memcpy(batch->data + batch->headroom, message, len);
	batch->count = 1;
	batch->stride = batch->last = slot;
	batch->path.remote = t->server;
	batch->path.remote_len = address_len(&t->server);
	t->last_sent = t->now;
	return 1;
}

static int emit_request(struct turn *t, struct exchange *x, const struct turn_peer *p, sluice_batch *batch) {
	uint8_t message[MESSAGE_MAX];
	size_t len = turn_exchange_write(t, x, p, message, sizeof message);
	if (len == 0) {
		fail_allocation(t, SLUICE_CRYPTO);
		return 0;
	}
	int sent = emit_message(t, batch, message, len);
	if (sent < 0)
		return sent;
	turn_exchange_sent(t, x);
	return sent;
}

static int emit_queued(struct turn *t, sluice_batch *batch) {
	int sent = emit_message(t, batch, t->first->message, t->first->len);
	if (sent > 0)
		env_free(t->env, turn_queue_shift(t));
	return sent;
}

static int emit_keepalive(struct turn *t, sluice_batch *batch) {
	uint8_t message[STUN_HEADER], id[STUN_ID_SIZE];
	struct stun_writer w;
	env_nonce(t->env, id, sizeof id);
	stun_begin(&w, message, sizeof message, STUN_INDICATION, STUN_BINDING, id);
	return emit_message(t, batch, message, stun_end(&w, NULL, 0, false));
}

int turn_output(struct turn *t, sluice_batch *batch, uint64_t now) {
	clock_forward(&t->now, now);
	batch->count = 0;
	if (turn_exchange_is_due(t, &t->main))
		return emit_request(t, &t->main, NULL, batch);
	for (size_t i = 0; i < t->peer_count; i++) {
		if (turn_exchange_is_due(t, &t->peers[i]->x))
			return emit_request(t, &t->peers[i]->x, t->peers[i], batch);
	}
	if (t->queued > 0)
		return emit_queued(t, batch);
	if (keeps_alive(t) && t->now >= t->last_sent + t->keepalive)
		return emit_keepalive(t, batch);
	return 0;
}

/* ---- streams, and the check ---- */

size_t turn_frame(const uint8_t *data, size_t have) {
	if (have < 4)
		return 0;
	size_t len = get_be16(data + 2);
	if (data[0] <= 3)
		return len % 4 == 0 ? STUN_HEADER + len : SIZE_MAX;
	return is_channel_data(data, have) ? TURN_HEADROOM + pad4(len) : SIZE_MAX;
}

bool turn_check(const struct turn *t) {
	bool ended = t->state == TURN_CLOSED || t->state == TURN_FAILED;
	if (!turn_peers_check(t) || (ended && t->main.active) || (t->state == TURN_FAILED) != (t->error != 0))
		return false;
	return t->state == TURN_READY || (t->peer_count == 0 && t->queued == 0);
}
