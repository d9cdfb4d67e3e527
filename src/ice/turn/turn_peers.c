/* turn_peers: which peers does the server let through to us, by which channel, and what waits to be sent to them? It calls
 * turn_exchange.c, never turn.c. */
#include <netinet/in.h>
#include <string.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/list.h"
#include "ice/candidate.h"
#include "ice/turn/turn_parts.h"
#include "sluice/error.h"

/* RFC 8656, 9: a permission lives 300 s; 12: a channel 600 s. Both are renewed by the same request, a minute before the shorter
 * of them ends. */
#define RENEW_AFTER (240 * SLUICE_S)
#define IDLE_AFTER (300 * SLUICE_S) /* without data, after which it is not renewed any more */
#define DENIED_FOR (60 * SLUICE_S)  /* after which it may be asked for again */
#define CHANNEL_FIRST 0x4000        /* RFC 8656, 12: 0x4000 through 0x4FFF */
#define CHANNEL_LAST 0x4FFF

/* ---- the table ---- */

struct turn_peer *turn_peer_of_address(const struct turn *t, const struct sockaddr_storage *addr) {
	for (size_t i = 0; i < t->peer_count; i++) {
		if (address_equal(&t->peers[i]->addr, addr))
			return t->peers[i];
	}
	return NULL;
}

struct turn_peer *turn_peer_of_channel(const struct turn *t, uint16_t channel) {
	for (size_t i = 0; i < t->peer_count; i++) {
		if (t->peers[i]->channel == channel)
			return t->peers[i];
	}
	return NULL;
}

struct turn_peer *turn_peer_of_exchange(const struct turn *t, const uint8_t *id) {
	for (size_t i = 0; i < t->peer_count; i++) {
		const struct exchange *x = &t->peers[i]->x;
		if (x->active && x->tries > 0 && memcmp(x->id, id, STUN_ID_SIZE) == 0)
			return t->peers[i];
	}
	return NULL;
}

/* RFC 8656, 9: a permission is for an IP address, whatever the port. */
bool turn_peer_knows_ip(const struct turn *t, const struct sockaddr_storage *addr) {
	for (size_t i = 0; i < t->peer_count; i++) {
		if (t->peers[i]->state != PEER_DENIED && address_same_host(&t->peers[i]->addr, addr))
			return true;
	}
	return false;
}

static void remove_at(struct turn *t, size_t i) {
	env_free(t->env, t->peers[i]);
	t->peers[i] = t->peers[--t->peer_count];
}

void turn_peers_drop(struct turn *t) {
	while (t->peer_count > 0)
		remove_at(t, t->peer_count - 1);
}

/* A peer with a channel carries data, so it is forgotten last. Its data would be lost: the server goes on using the number, which
 * we would not know any more, and binds no other number to that peer (RFC 8656, 12.2). */
static bool is_of_less_use(const struct turn_peer *a, const struct turn_peer *b) {
	return a->wants_channel != b->wants_channel ? b->wants_channel : a->used < b->used;
}

static void forget_one(struct turn *t) {
	size_t worst = 0;
	for (size_t i = 1; i < t->peer_count; i++) {
		if (is_of_less_use(t->peers[i], t->peers[worst]))
			worst = i;
	}
	remove_at(t, worst);
	t->stats.forgotten++;
}

static struct turn_peer *peer_add(struct turn *t, const struct sockaddr_storage *addr) {
	struct turn_peer *p = env_zalloc(t->env, sizeof *p);
	if (!p)
		return NULL;
	if (t->peer_count == TURN_PEERS)
		forget_one(t);
	p->addr = *addr;
	t->peers[t->peer_count++] = p;
	return p;
}

/* RFC 8656, 12: a number belongs to its peer until five minutes after the binding ended. So a number is used again only when all
 * others have been used. */
static uint16_t fresh_channel(struct turn *t) {
	uint16_t channel;
	do {
		channel = t->next_channel;
		t->next_channel = (uint16_t)(channel == CHANNEL_LAST ? CHANNEL_FIRST : channel + 1);
	} while (turn_peer_of_channel(t, channel));
	return channel;
}

/* ---- asking ---- */

static void peer_ask(struct turn *t, struct turn_peer *p) {
	bool bind = p->wants_channel && !p->channel_refused;
	if (bind && p->channel == 0)
		p->channel = fresh_channel(t);
	turn_exchange_start(t, &p->x, bind ? STUN_CHANNEL_BIND : STUN_CREATE_PERMISSION);
}

/* The peer, added and asked for if it was not known. NULL: see *error. */
static struct turn_peer *peer_want(struct turn *t, const struct sockaddr_storage *addr, bool channel, int *error) {
	*error = t->state == TURN_READY ? 0 : SLUICE_WRONG_STATE;
	if (*error)
		return NULL;
	struct turn_peer *p = turn_peer_of_address(t, addr);
	bool is_new = !p;
	if (is_new && !(p = peer_add(t, addr))) {
		*error = SLUICE_NO_MEMORY;
		return NULL;
	}
	p->used = t->now;
	if (p->state == PEER_DENIED) {
		*error = SLUICE_REFUSED;
		return NULL;
	}
	bool binds = channel && !p->wants_channel;
	p->wants_channel |= channel;
	/* This may replace a CreatePermission that is under way: the ChannelBind makes the permission as well. */
	if (is_new || binds)
		peer_ask(t, p);
	return p;
}

int turn_permit(struct turn *t, const struct sockaddr_storage *peer) {
	int error;
	peer_want(t, peer, false, &error);
	return error;
}

int turn_bind(struct turn *t, const struct sockaddr_storage *peer) {
	int error;
	peer_want(t, peer, true, &error);
	return error;
}

bool turn_permitted(const struct turn *t, const struct sockaddr_storage *peer) {
	const struct turn_peer *p = turn_peer_of_address(t, peer);
	return p && p->state == PEER_GRANTED;
}

uint16_t turn_channel(const struct turn *t, const struct sockaddr_storage *peer) {
	const struct turn_peer *p = turn_peer_of_address(t, peer);
	return p && p->bound ? p->channel : 0;
}

/* ---- answers ---- */

void turn_peer_granted(struct turn *t, struct turn_peer *p) {
	p->bound = p->x.method == STUN_CHANNEL_BIND;
	p->x.active = false;
	p->x.stale = 0;
	p->state = PEER_GRANTED;
	p->refresh_at = t->now + RENEW_AFTER;
}

/* A server that refuses only the channel (it has no more of them, or another number of an earlier life is still bound to this
 * peer) may still give the permission. 403 is about the peer itself (RFC 8656, 10.2 and 12.2). */
bool turn_peer_denied(struct turn *t, struct turn_peer *p, uint16_t code) {
	bool was_bind = p->x.method == STUN_CHANNEL_BIND;
	/* When a permission was granted, silence means only that the server is out of reach, perhaps for a moment. */
	if (code == 0 && p->state == PEER_GRANTED) {
		peer_ask(t, p);
		return true;
	}
	p->x.active = false;
	p->x.stale = 0;
	p->bound = false;
	if (was_bind && code != 0 && code != 403) {
		p->channel_refused = true;
		p->channel = 0;
		peer_ask(t, p);
		return false;
	}
	p->state = PEER_DENIED;
	p->refresh_at = t->now + DENIED_FOR;
	return false;
}

/* ---- time ---- */

static void peer_renew(struct turn *t, size_t i) {
	struct turn_peer *p = t->peers[i];
	if (p->state == PEER_DENIED || t->now - p->used >= IDLE_AFTER) {
		remove_at(t, i);
		return;
	}
	p->channel_refused = false;
	peer_ask(t, p);
}

void turn_peers_advance(struct turn *t) {
	for (size_t i = t->peer_count; i-- > 0;) {
		struct turn_peer *p = t->peers[i];
		if (!p->x.active && t->now >= p->refresh_at)
			peer_renew(t, i);
	}
}

uint64_t turn_peers_deadline(const struct turn *t) {
	uint64_t deadline = SLUICE_NEVER;
	for (size_t i = 0; i < t->peer_count; i++) {
		const struct turn_peer *p = t->peers[i];
		uint64_t at = p->x.active ? p->x.next_at : p->refresh_at;
		if (at < deadline)
			deadline = at;
	}
	return deadline;
}

/* ---- data ---- */

int turn_wrap(struct turn *t, const struct sockaddr_storage *peer, sluice_batch *batch) {
	int error;
	struct turn_peer *p = peer_want(t, peer, true, &error);
	if (!p)
		return error;
	if (!p->bound)
		return SLUICE_WOULD_BLOCK;
	for (size_t i = 0; i < batch->count; i++) {
		uint8_t *header = sluice_batch_slot(batch, i) + batch->headroom - TURN_HEADROOM;
		put_be16(header, p->channel);
		put_be16(header + 2, (uint16_t)(sluice_batch_slot_len(batch, i) - batch->headroom - batch->tailroom));
	}
	batch->headroom -= TURN_HEADROOM;
	batch->path.remote = t->server;
	batch->path.remote_len = address_len(&t->server);
	t->stats.sent += batch->count;
	t->last_sent = t->now;
	return 0;
}

#define INDICATION_OVERHEAD (STUN_HEADER + 24 + 4 + 3) /* an IPv6 peer, the header of DATA and its padding */

int turn_send(struct turn *t, const struct sockaddr_storage *peer, const void *data, size_t len) {
	int error;
	struct stun_writer w;
	uint8_t id[STUN_ID_SIZE];
	if (len > TURN_SEND_MAX)
		return SLUICE_TOO_LARGE;
	if (!peer_want(t, peer, false, &error))
		return error;
	if (t->queued == TURN_QUEUE)
		return SLUICE_WOULD_BLOCK;
	struct queued *q = env_alloc(t->env, sizeof *q + len + INDICATION_OVERHEAD);
	if (!q)
		return SLUICE_NO_MEMORY;
	env_nonce(t->env, id, sizeof id);
	stun_begin(&w, q->message, len + INDICATION_OVERHEAD, STUN_INDICATION, STUN_SEND, id);
	stun_put_address(&w, STUN_ATTR_XOR_PEER_ADDRESS, peer);
	stun_put(&w, STUN_ATTR_DATA, data, len);
	q->len = stun_end(&w, NULL, 0, false);
	QUEUE_APPEND(t->end, q, next);
	t->queued++;
	t->stats.sent++;
	return 0;
}

/* ---- the queue ---- */

struct queued *turn_queue_shift(struct turn *t) {
	struct queued *q = t->first;
	QUEUE_SHIFT(t->first, t->end, next);
	t->queued--;
	return q;
}

void turn_queue_drop(struct turn *t) {
	while (t->queued > 0)
		env_free(t->env, turn_queue_shift(t));
}

/* ---- check ---- */

bool turn_peers_check(const struct turn *t) {
	size_t queued = 0;
	if (t->peer_count > TURN_PEERS || t->queued > TURN_QUEUE)
		return false;
	for (size_t i = 0; i < t->peer_count; i++) {
		const struct turn_peer *p = t->peers[i];
		if (turn_peer_of_address(t, &p->addr) != p || (p->channel && turn_peer_of_channel(t, p->channel) != p))
			return false;
		if ((p->bound && (p->channel == 0 || p->state != PEER_GRANTED)) || (p->state == PEER_ASKED && !p->x.active))
			return false;
	}
	for (const struct queued *q = t->first; q; q = q->next)
		queued++;
	return queued == t->queued;
}
