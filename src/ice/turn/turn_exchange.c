/* turn_exchange: how does one request of the TURN client get its answer? Transmissions, credentials, challenges.
 *
 * What an answer means is the question of turn.c and turn_peers.c. This file calls neither. */
#include <string.h>

#include "ice/turn/turn_parts.h"
#include "sluice/error.h"

#define TRIES 7
#define STREAM_PATIENCE (39500 * SLUICE_MS) /* RFC 8489, 6.2.2 */
#define CLOSE_TRIES 3                       /* a server that is gone forgets the allocation by itself */
#define DOUBT_TRIES 4                       /* at 250 ms: 3.75 s, so that a restart of ICE finds out while gathering goes on */
#define STALE_NONCES 3
#define UDP_PROTOCOL 17

/* ---- transmissions ---- */

void turn_exchange_start(struct turn *t, struct exchange *x, uint16_t method) {
	env_nonce(t->env, x->id, sizeof x->id);
	x->method = method;
	x->active = true;
	x->tries = 0;
	x->next_at = 0;
}

void turn_exchange_again(struct turn *t, struct exchange *x) {
	turn_exchange_start(t, x, x->method);
}

static bool is_hurried(const struct turn *t, const struct exchange *x) {
	return x == &t->main && t->state == TURN_READY && t->doubted;
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

bool turn_exchange_is_due(const struct turn *t, const struct exchange *x) {
	return x->active && t->now >= x->next_at && x->tries < tries_of(t, x);
}

bool turn_exchange_is_given_up(const struct turn *t, const struct exchange *x) {
	return x->active && t->now >= x->next_at && x->tries >= tries_of(t, x);
}

size_t turn_exchange_write(struct turn *t, struct exchange *x, const struct turn_peer *p, void *space, size_t size) {
	struct stun_writer w;
	stun_begin(&w, space, size, STUN_REQUEST, x->method, x->id);
	if (x->method == STUN_ALLOCATE) {
		stun_put32(&w, STUN_ATTR_REQUESTED_TRANSPORT, (uint32_t)UDP_PROTOCOL << 24);
		/* RFC 8656, 7.1: without the attribute it is IPv4, and servers of RFC 5766 do not know it. */
		if (t->family == AF_INET6)
			stun_put32(&w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, UINT32_C(2) << 24);
	} else if (x->method == STUN_REFRESH) {
		stun_put32(&w, STUN_ATTR_LIFETIME, t->state == TURN_READY ? TURN_LIFETIME : 0);
	} else if (p) {
		if (x->method == STUN_CHANNEL_BIND)
			stun_put32(&w, STUN_ATTR_CHANNEL_NUMBER, (uint32_t)p->channel << 16);
		stun_put_address(&w, STUN_ATTR_XOR_PEER_ADDRESS, &p->addr);
	}
	x->is_signed = t->nonce != NULL;
	if (!x->is_signed)
		return stun_end(&w, NULL, 0, false);
	stun_put(&w, STUN_ATTR_USERNAME, t->username, strlen(t->username));
	stun_put(&w, STUN_ATTR_REALM, t->realm, t->realm_len);
	stun_put(&w, STUN_ATTR_NONCE, t->nonce, t->nonce_len);
	return stun_end(&w, t->key, sizeof t->key, false);
}

void turn_exchange_sent(struct turn *t, struct exchange *x) {
	if (x->tries++ == 0)
		t->stats.requests++;
	else
		t->stats.retransmissions++;
	x->next_at = t->now + gap(t, x);
}

/* ---- the challenge ---- */

void turn_forget_challenge(struct turn *t) {
	env_free(t->env, t->realm);
	env_free(t->env, t->nonce);
	t->realm = t->nonce = NULL;
}

static int replace(struct turn *t, char **to, size_t *to_len, struct stun_slice from) {
	char *copy = env_strndup(t->env, (const char *)from.data, from.len);
	if (!copy)
		return SLUICE_NO_MEMORY;
	env_free(t->env, *to);
	*to = copy;
	*to_len = from.len;
	return 0;
}

/* RFC 8489, 9.2.5: realm and nonce of a 401 or 438. A 438 may come without the realm, which then stays as it is. */
static int adopt_challenge(struct turn *t, const struct stun_message *m) {
	if (!m->nonce.data || m->nonce.len > TURN_CHALLENGE_MAX || m->realm.len > TURN_CHALLENGE_MAX ||
	    (!m->realm.data && !t->realm))
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

int turn_exchange_meet_challenge(struct turn *t, struct exchange *x, const struct stun_message *m) {
	bool first = m->error_code == 401 && !x->is_signed, stale = m->error_code == 438 && x->stale < STALE_NONCES;
	if (!first && !stale)
		return 0;
	int error = adopt_challenge(t, m);
	if (error)
		return error;
	x->stale += stale;
	turn_exchange_again(t, x);
	return 1;
}

/* RFC 8489, 9.2.5: an answer to a signed request is signed. Errors are believed without a signature: several servers do not sign
 * them, and an attacker who can forge one (96 bits of transaction id) can as well drop the packets. A wrong signature is never
 * believed. */
bool turn_exchange_trusts(const struct turn *t, const struct exchange *x, const struct stun_message *m) {
	if (!x->is_signed)
		return true;
	if (!m->integrity && !m->integrity_sha256)
		return m->class == STUN_ERROR;
	/* A challenge may come from a server that no longer knows the realm of our key. */
	return stun_verify(m, t->key, sizeof t->key) || m->error_code == 401 || m->error_code == 438;
}
