/* turn: the allocation, its credentials, and the verbs. */
#include "ice/turn.h"
#include "base/address.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/packet_kind.h"
#include "ice/candidate.h"
#include "ice/turn_parts.h"
#include "sluice/error.h"

#define RTO (500 * SLUICE_MS) /* RFC 8489, 6.2.1 */
#define TRIES 7
#define STREAM_PATIENCE (39500 * SLUICE_MS) /* 6.2.2 */
#define CLOSE_TRIES 3                       /* a server that is gone forgets the allocation by itself */
#define KEEPALIVE (15 * SLUICE_S)
#define HOPS 2
#define STALE_NONCES 3
#define MISMATCHES 6
#define MISMATCH_WAIT SLUICE_S
#define CHALLENGE_MAX 763 /* 14.9 and 14.10: bytes of a realm or nonce */
#define LIFETIME 600      /* s; RFC 8656, 7.2 */
#define LIFETIME_MAX 3600
#define REFRESH_MIN                                                                                                              \
	SLUICE_S      /* a server that grants less than two seconds loses the allocation now and then, and is asked for no more */
#define DOUBT_TRIES 4 /* 250 ms: 3.75 s, so that a restart of ICE finds out while gathering goes on */
#define LOSSES_MAX 6  /* the pause before the next Allocate doubles up to 32 s */
#define UDP_PROTOCOL 17
#define MESSAGE_MAX 2560 /* our longest: a request with username, realm and nonce of their largest sizes */

/* ---- life ---- */

int turn_new(sluice_env *env, const struct turn_config *config, struct turn **out) {
	if (!config->username || !config->password || address_len(&config->server) == 0 ||
	    strlen(config->username) > CHALLENGE_MAX)
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
	t->username = env_strndup(env, config->username, strlen(config->username));
	t->password = env_strndup_secret(env, config->password, strlen(config->password));
	if (!t->username || !t->password) {
		turn_free(t);
		return SLUICE_NO_MEMORY;
	}
	exchange_start(t, &t->main, STUN_ALLOCATE);
	*out = t;
	return 0;
}

static void forget_challenge(struct turn *t) {
	env_free(t->env, t->realm);
	env_free(t->env, t->nonce);
	t->realm = t->nonce = NULL;
}

void turn_free(struct turn *t) {
	if (!t)
		return;
	peers_drop(t);
	queue_drop(t);
	forget_challenge(t);
	env_free(t->env, t->username);
	env_free(t->env, t->password);
	env_free(t->env, t);
}

static void end(struct turn *t, enum turn_state state) {
	t->state = state;
	t->main.active = false;
	peers_drop(t);
	queue_drop(t);
}

void turn_fail(struct turn *t, int error) {
	t->error = error;
	end(t, TURN_FAILED);
}

/* RFC 8656, 8: a Refresh with a lifetime of 0 gives the allocation back. */
void turn_close(struct turn *t) {
	if (t->state == TURN_READY) {
		end(t, TURN_CLOSING);
		exchange_start(t, &t->main, STUN_REFRESH);
	} else if (t->state != TURN_CLOSING && t->state != TURN_FAILED) {
		end(t, TURN_CLOSED);
	}
}

void turn_verify(struct turn *t) {
	if (t->state != TURN_READY)
		return;
	t->doubted = true;
	if (!t->main.active)
		exchange_start(t, &t->main, STUN_REFRESH);
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
	exchange_start(t, &t->main, STUN_ALLOCATE);
}

/* ---- exchanges ---- */

void exchange_start(struct turn *t, struct exchange *x, uint16_t method) {
	env_entropy(t->env, x->id, sizeof x->id);
	x->method = method;
	x->active = true;
	x->tries = 0;
	x->next_at = 0;
}

/* With a fresh id, which RFC 8489, 6.2.1 wants of every request that is not a retransmission. */
static void exchange_again(struct turn *t, struct exchange *x) {
	exchange_start(t, x, x->method);
}

static bool is_hurried(const struct turn *t, const struct exchange *x) {
	return x == &t->main && turn_is_doubted(t);
}

static unsigned tries_of(const struct turn *t, const struct exchange *x) {
	if (t->transport != TURN_UDP)
		return 1;
	if (t->state == TURN_CLOSING)
		return CLOSE_TRIES;
	return is_hurried(t, x) ? DOUBT_TRIES : TRIES;
}

static uint64_t gap(const struct turn *t, const struct exchange *x) {
	bool hurried = is_hurried(t, x);
	if (t->transport != TURN_UDP)
		return t->state == TURN_CLOSING || hurried ? STREAM_PATIENCE / 10 : STREAM_PATIENCE;
	return x->tries < tries_of(t, x) || hurried ? t->rto << (x->tries - 1) : 16 * t->rto;
}

static bool is_due(const struct turn *t, const struct exchange *x) {
	return x->active && t->now >= x->next_at && x->tries < tries_of(t, x);
}

static bool is_given_up(const struct turn *t, const struct exchange *x) {
	return x->active && t->now >= x->next_at && x->tries >= tries_of(t, x);
}

static size_t exchange_write(struct turn *t, struct exchange *x, const struct turn_peer *p, void *space, size_t size) {
	struct stun_writer w;
	stun_begin(&w, space, size, STUN_REQUEST, x->method, x->id);
	if (x->method == STUN_ALLOCATE) {
		stun_put32(&w, STUN_ATTR_REQUESTED_TRANSPORT, (uint32_t)UDP_PROTOCOL << 24);
		/* RFC 8656, 7.1: without the attribute it is IPv4, and servers of RFC 5766 do not know it. */
		if (t->family == AF_INET6)
			stun_put32(&w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, UINT32_C(2) << 24);
	} else if (x->method == STUN_REFRESH) {
		stun_put32(&w, STUN_ATTR_LIFETIME, t->state == TURN_READY ? LIFETIME : 0);
	} else if (p) {
		peer_put(&w, p);
	}
	x->is_signed = t->nonce != NULL;
	if (!x->is_signed)
		return stun_end(&w, NULL, 0, false);
	stun_put(&w, STUN_ATTR_USERNAME, t->username, strlen(t->username));
	stun_put(&w, STUN_ATTR_REALM, t->realm, t->realm_len);
	stun_put(&w, STUN_ATTR_NONCE, t->nonce, t->nonce_len);
	return stun_end(&w, t->key, sizeof t->key, false);
}

/* ---- the challenge ---- */

static int replace(struct turn *t, char **to, size_t *to_len, struct stun_slice from) {
	char *copy = env_strndup(t->env, (const char *)from.data, from.len);
	if (!copy)
		return SLUICE_NO_MEMORY;
	env_free(t->env, *to);
	*to = copy;
	*to_len = from.len;
	return 0;
}

/* RFC 8489, 9.2.5: realm and nonce of a 401 or 438; a 438 may do without the realm when it stays. */
static int take_challenge(struct turn *t, const struct stun_message *m) {
	if (!m->nonce.data || m->nonce.len > CHALLENGE_MAX || m->realm.len > CHALLENGE_MAX || (!m->realm.data && !t->realm))
		return SLUICE_PROTOCOL;
	if (m->realm.data) {
		int error = replace(t, &t->realm, &t->realm_len, m->realm);
		if (error)
			return error;
		if (!stun_long_term_key(t->username, t->realm, t->realm_len, t->password, t->key))
			return SLUICE_CRYPTO;
	}
	return replace(t, &t->nonce, &t->nonce_len, m->nonce);
}

/* Whether the answer was a challenge that is met: the request goes again. */
static bool meet_challenge(struct turn *t, struct exchange *x, const struct stun_message *m) {
	bool first = m->error_code == 401 && !x->is_signed, stale = m->error_code == 438 && x->stale < STALE_NONCES;
	if (!first && !stale)
		return false;
	int error = take_challenge(t, m);
	if (error) {
		turn_fail(t, error);
		return true;
	}
	x->stale += stale;
	exchange_again(t, x);
	return true;
}

/* RFC 8489, 9.2.5: an answer to a signed request is signed. Errors are believed without: several servers do not sign them, and
 * who could forge one (96 bits of transaction id) could as well drop the packets. A signature that is wrong is never believed. */
static bool is_authentic(const struct turn *t, const struct exchange *x, const struct stun_message *m) {
	if (!x->is_signed)
		return true;
	if (!m->integrity && !m->integrity_sha256)
		return m->class == STUN_ERROR;
	/* A challenge may come from a server that no longer knows the realm that our key is made with. */
	return stun_verify(m, t->key, sizeof t->key) || m->error_code == 401 || m->error_code == 438;
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

/* RFC 8656, 8: "about 1 minute before the expiration time"; of a short lifetime half, but never at once: a lifetime of 0 would
 * have us ask a thousand times a second. */
static void keep_for(struct turn *t, const struct stun_message *m) {
	uint64_t s = m->has_lifetime ? m->lifetime : LIFETIME;
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
		turn_fail(t, SLUICE_PROTOCOL);
		return;
	}
	/* In place of one that stood: what it let in was its own. */
	peers_drop(t);
	queue_drop(t);
	t->relayed = m->relayed;
	t->mapped = m->mapped;
	t->state = TURN_READY;
	keep_for(t, m);
}

/* At once the first time. A server that forgets one after the other is not asked faster and faster. */
void turn_lost(struct turn *t) {
	end(t, TURN_ALLOCATING);
	t->relayed = t->mapped = (struct sockaddr_storage){0};
	t->mismatches = 0;
	exchange_start(t, &t->main, STUN_ALLOCATE);
	if (t->losses)
		t->main.next_at = t->now + (SLUICE_S << (t->losses - 1));
	t->losses += t->losses < LOSSES_MAX;
}

/* RFC 8489, 10: a 300 names another server, of the same family; the client starts there anew, with no more than its
 * credentials. */
static void move(struct turn *t, const struct stun_message *m) {
	if (t->hops == HOPS || m->alternate.ss_family != t->server.ss_family) {
		turn_fail(t, SLUICE_REFUSED);
		return;
	}
	t->hops++;
	t->server = m->alternate;
	forget_challenge(t);
	exchange_again(t, &t->main);
	if (t->transport != TURN_UDP) {
		t->main.active = false;
		t->state = TURN_MOVED;
	}
}

/* RFC 8656, 7.4: 437 means that the server holds an allocation for this 5-tuple. Our socket's port had an earlier life, then, of
 * the same user, who can give that allocation back. coturn takes some seconds to let go of one that was. */
static void meet_mismatch(struct turn *t) {
	t->clearing = t->mismatches++ == 0;
	exchange_start(t, &t->main, t->clearing ? STUN_REFRESH : STUN_ALLOCATE);
	if (!t->clearing)
		t->main.next_at = t->now + MISMATCH_WAIT;
}

static void allocate_refused(struct turn *t, const struct stun_message *m) {
	if (t->state == TURN_READY) { /* the server is there again, and may well mean the allocation that stands */
		exchange_start(t, &t->main, STUN_REFRESH);
	} else if (m->error_code == 300) {
		move(t, m);
	} else if (m->error_code == 437 && t->mismatches < MISMATCHES) {
		meet_mismatch(t);
	} else {
		turn_fail(t, error_of_code(m->error_code));
	}
}

static void refreshed(struct turn *t, const struct stun_message *m) {
	t->main.active = false;
	if (t->state == TURN_CLOSING) {
		end(t, TURN_CLOSED);
	} else if (t->clearing) {
		t->clearing = false;
		exchange_start(t, &t->main, STUN_ALLOCATE);
	} else if (m->class == STUN_SUCCESS) {
		t->losses = 0;
		keep_for(t, m);
	} else if (m->error_code == 437) {
		turn_lost(t);
	} else if (m->error_code == 401) { /* to the realm and nonce that we had of the same server */
		forget_challenge(t);
		turn_lost(t);
	} else {
		turn_fail(t, error_of_code(m->error_code));
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
		peer_granted(t, p);
	else if (m->error_code == 437)
		turn_lost(t);
	else
		peer_denied(t, p, m->error_code);
}

static enum turn_verdict drop(struct turn *t) {
	t->stats.dropped++;
	return TURN_TAKEN;
}

static enum turn_verdict input_response(struct turn *t, const struct stun_message *m) {
	bool is_main = t->main.active && t->main.tries > 0 && memcmp(t->main.id, m->id, STUN_ID_SIZE) == 0;
	struct turn_peer *p = is_main ? NULL : peer_of_exchange(t, m->id);
	struct exchange *x = is_main ? &t->main : p ? &p->x : NULL;
	if (!x)
		return TURN_OTHER;
	if (m->method != x->method || (m->class == STUN_ERROR) != (m->error_code != 0) || !is_authentic(t, x, m))
		return drop(t);
	t->stats.responses++;
	if (m->class == STUN_ERROR) {
		t->stats.errors++;
		t->error_code = m->error_code;
		if (meet_challenge(t, x, m))
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
	struct turn_peer *p = peer_of_address(t, addr);
	if (p)
		p->used = t->now;
	t->stats.received++;
	*out = (struct turn_data){.peer = *addr, .data = data, .len = len};
	return TURN_DATA;
}

/* RFC 8656, 12.6; what lies behind the length is padding. */
static enum turn_verdict input_channel(struct turn *t, uint8_t *data, size_t len, struct turn_data *out) {
	struct turn_peer *p = peer_of_channel(t, get_be16(data));
	size_t payload = get_be16(data + 2);
	if (!p || payload > len - TURN_HEADROOM)
		return drop(t);
	return from_peer(t, &p->addr, data + TURN_HEADROOM, payload, out);
}

/* RFC 8656, 11.4: the client checks that it has a permission for that address, and drops the indication otherwise. */
static enum turn_verdict input_indication(struct turn *t, uint8_t *data, const struct stun_message *m, struct turn_data *out) {
	if (m->method != STUN_DATA)
		return TURN_OTHER;
	if (!m->peer.ss_family || !m->data.data || !peer_knows_ip(t, &m->peer))
		return drop(t);
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
		return drop(t);
	if (m.class == STUN_REQUEST)
		return TURN_OTHER;
	return m.class == STUN_INDICATION ? input_indication(t, data, &m, out) : input_response(t, &m);
}

/* ---- time ---- */

/* A server that is started again answers an Allocate, a path that was interrupted a Refresh. Over a stream both go the way of
 * what was sent before. */
static void ask_the_other_way(struct turn *t) {
	t->doubted = true;
	exchange_start(t, &t->main, t->main.method == STUN_REFRESH ? STUN_ALLOCATE : STUN_REFRESH);
}

static void main_given_up(struct turn *t) {
	if (t->state == TURN_CLOSING)
		end(t, TURN_CLOSED);
	else if (t->state == TURN_READY && t->transport == TURN_UDP && t->now < t->expires_at)
		ask_the_other_way(t);
	else
		turn_fail(t, SLUICE_TIMED_OUT);
}

void turn_advance(struct turn *t, uint64_t now) {
	clock_forward(&t->now, now);
	if (is_given_up(t, &t->main))
		main_given_up(t);
	if (t->state != TURN_READY)
		return;
	if (!t->main.active && t->now >= t->refresh_at)
		exchange_start(t, &t->main, STUN_REFRESH);
	for (size_t i = 0; i < t->peer_count; i++) {
		if (is_given_up(t, &t->peers[i]->x))
			peer_denied(t, t->peers[i], 0);
	}
	peers_advance(t);
}

static bool keeps_alive(const struct turn *t) {
	return t->state == TURN_READY && t->transport == TURN_UDP;
}

uint64_t turn_deadline(const struct turn *t) {
	if (t->queued > 0)
		return t->now;
	uint64_t deadline = t->main.active ? t->main.next_at : t->state == TURN_READY ? t->refresh_at : SLUICE_NEVER;
	uint64_t peers = peers_deadline(t);
	if (peers < deadline)
		deadline = peers;
	if (keeps_alive(t) && t->last_sent + t->keepalive < deadline)
		deadline = t->last_sent + t->keepalive;
	return deadline;
}

/* ---- output ---- */

static int emit(struct turn *t, sluice_batch *batch, const uint8_t *message, size_t len) {
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
	size_t len = exchange_write(t, x, p, message, sizeof message);
	if (len == 0) {
		turn_fail(t, SLUICE_CRYPTO);
		return 0;
	}
	int sent = emit(t, batch, message, len);
	if (sent < 0)
		return sent;
	if (x->tries++ == 0)
		t->stats.requests++;
	else
		t->stats.retransmissions++;
	x->next_at = t->now + gap(t, x);
	return sent;
}

static int emit_queued(struct turn *t, sluice_batch *batch) {
	int sent = emit(t, batch, t->first->message, t->first->len);
	if (sent > 0)
		env_free(t->env, queue_take(t));
	return sent;
}

static int emit_keepalive(struct turn *t, sluice_batch *batch) {
	uint8_t message[STUN_HEADER], id[STUN_ID_SIZE];
	struct stun_writer w;
	env_entropy(t->env, id, sizeof id);
	stun_begin(&w, message, sizeof message, STUN_INDICATION, STUN_BINDING, id);
	return emit(t, batch, message, stun_end(&w, NULL, 0, false));
}

int turn_output(struct turn *t, sluice_batch *batch, uint64_t now) {
	clock_forward(&t->now, now);
	batch->count = 0;
	if (is_due(t, &t->main))
		return emit_request(t, &t->main, NULL, batch);
	for (size_t i = 0; i < t->peer_count; i++) {
		if (is_due(t, &t->peers[i]->x))
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
	if (!peers_check(t) || (ended && t->main.active) || (t->state == TURN_FAILED) != (t->error != 0))
		return false;
	return t->state == TURN_READY || (t->peer_count == 0 && t->queued == 0);
}
