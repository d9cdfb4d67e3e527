/* turn_peers: whom does the server let through to us, by which channel, and what waits to be sent to them? */
#include <netinet/in.h>
#include <string.h>

#include "base/address.h"
#include "base/bytes.h"
#include "ice/candidate.h"
#include "ice/turn_parts.h"
#include "sluice/error.h"

/* RFC 8656, 9: a permission lives 300 s; 12: a channel 600 s. Both are renewed by the same request, a minute before the shorter
 * of them ends. */
#define RENEW_AFTER (240 * SLUICE_S)
#define IDLE_AFTER (300 * SLUICE_S) /* then it is not renewed any more */
#define DENIED_FOR (60 * SLUICE_S)  /* then it may be asked for again */
#define CHANNEL_FIRST 0x4000        /* RFC 8656, 12: 0x4000 through 0x4FFF */
#define CHANNEL_LAST 0x4FFF

/* ---- the table ---- */

struct turn_peer *peer_of_address(const struct turn *t, const struct sockaddr_storage *addr) {
	for (size_t i = 0; i < t->peer_count; i++) {
		if (address_equal(&t->peers[i]->addr, addr))
			return t->peers[i];
	}
	return NULL;
}

struct turn_peer *peer_of_channel(const struct turn *t, uint16_t channel) {
	for (size_t i = 0; i < t->peer_count; i++) {
		if (t->peers[i]->channel == channel)
			return t->peers[i];
	}
	return NULL;
}

struct turn_peer *peer_of_exchange(const struct turn *t, const uint8_t *id) {
	for (size_t i = 0; i < t->peer_count; i++) {
		const struct exchange *x = &t->peers[i]->x;
		if (x->active && x->tries > 0 && memcmp(x->id, id, STUN_ID_SIZE) == 0)
			return t->peers[i];
	}
	return NULL;
}

/* RFC 8656, 9: a permission is for an IP address, whatever the port. */
bool peer_knows_ip(const struct turn *t, const struct sockaddr_storage *addr) {
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

void peers_drop(struct turn *t) {
	while (t->peer_count > 0)
		remove_at(t, t->peer_count - 1);
}

/* A peer with a channel carries data. Forgotten it would be deaf: the server goes on with the number, which we would not know any
 * more, and binds no other one to it (RFC 8656, 12.2). */
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

static struct turn_peer *add(struct turn *t, const struct sockaddr_storage *addr) {
	struct turn_peer *p = env_zalloc(t->env, sizeof *p);
	if (!p)
		return NULL;
	if (t->peer_count == TURN_PEERS)
		forget_one(t);
	p->addr = *addr;
	t->peers[t->peer_count++] = p;
	return p;
}

/* RFC 8656, 12: a number belongs to its peer until five minutes after the binding ended, so each goes to the next peer only when
 * the others were through. */
static uint16_t fresh_channel(struct turn *t) {
	uint16_t channel;
	do {
		channel = t->next_channel;
		t->next_channel = (uint16_t)(channel == CHANNEL_LAST ? CHANNEL_FIRST : channel + 1);
	} while (peer_of_channel(t, channel));
	return channel;
}

/* ---- asking ---- */

static void ask(struct turn *t, struct turn_peer *p) {
	bool bind = p->wants_channel && !p->channel_refused;
	if (bind && p->channel == 0)
		p->channel = fresh_channel(t);
	exchange_start(t, &p->x, bind ? STUN_CHANNEL_BIND : STUN_CREATE_PERMISSION);
}

/* The peer, asked for where there was none; NULL: see *error. */
static struct turn_peer *want(struct turn *t, const struct sockaddr_storage *addr, bool channel, int *error) {
	*error = t->state == TURN_READY ? 0 : SLUICE_WRONG_STATE;
	if (*error)
		return NULL;
	struct turn_peer *p = peer_of_address(t, addr);
	bool is_new = !p;
	if (is_new && !(p = add(t, addr))) {
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
	/* A CreatePermission that is under way may be forgotten: the ChannelBind makes the permission as well. */
	if (is_new || binds)
		ask(t, p);
	return p;
}

int turn_permit(struct turn *t, const struct sockaddr_storage *peer) {
	int error;
	want(t, peer, false, &error);
	return error;
}

int turn_bind(struct turn *t, const struct sockaddr_storage *peer) {
	int error;
	want(t, peer, true, &error);
	return error;
}

bool turn_permitted(const struct turn *t, const struct sockaddr_storage *peer) {
	const struct turn_peer *p = peer_of_address(t, peer);
	return p && p->state == PEER_GRANTED;
}

uint16_t turn_channel(const struct turn *t, const struct sockaddr_storage *peer) {
	const struct turn_peer *p = peer_of_address(t, peer);
	return p && p->bound ? p->channel : 0;
}

/* ---- answers ---- */

void peer_granted(struct turn *t, struct turn_peer *p) {
	p->bound = p->x.method == STUN_CHANNEL_BIND;
	p->x.active = false;
	p->x.stale = 0;
	p->state = PEER_GRANTED;
	p->refresh_at = t->now + RENEW_AFTER;
}

/* code 0: nobody answered. A server that only minds the channel (no more of them, or ours of an earlier life still bound to the
 * same peer by another number) may still give the permission; 403 is about the peer itself (RFC 8656, 10.2 and 12.2). */
void peer_denied(struct turn *t, struct turn_peer *p, uint16_t code) {
	bool was_bind = p->x.method == STUN_CHANNEL_BIND;
	/* Of one that was granted silence says nothing but that the server is out of reach, perhaps for a moment. */
	if (code == 0 && p->state == PEER_GRANTED) {
		ask(t, p);
		turn_verify(t);
		return;
	}
	p->x.active = false;
	p->x.stale = 0;
	p->bound = false;
	if (was_bind && code != 0 && code != 403) {
		p->channel_refused = true;
		p->channel = 0;
		ask(t, p);
		return;
	}
	p->state = PEER_DENIED;
	p->refresh_at = t->now + DENIED_FOR;
}

/* ---- time ---- */

static void renew(struct turn *t, size_t i) {
	struct turn_peer *p = t->peers[i];
	if (p->state == PEER_DENIED || t->now - p->used >= IDLE_AFTER) {
		remove_at(t, i);
		return;
	}
	p->channel_refused = false;
	ask(t, p);
}

void peers_advance(struct turn *t) {
	for (size_t i = t->peer_count; i-- > 0;) {
		struct turn_peer *p = t->peers[i];
		if (!p->x.active && t->now >= p->refresh_at)
			renew(t, i);
	}
}

uint64_t peers_deadline(const struct turn *t) {
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

void peer_put(struct stun_writer *w, const struct turn_peer *p) {
	if (p->x.method == STUN_CHANNEL_BIND)
		stun_put32(w, STUN_ATTR_CHANNEL_NUMBER, (uint32_t)p->channel << 16);
	stun_put_address(w, STUN_ATTR_XOR_PEER_ADDRESS, &p->addr);
}

int turn_wrap(struct turn *t, const struct sockaddr_storage *peer, sluice_batch *batch) {
	int error;
	struct turn_peer *p = want(t, peer, true, &error);
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
	if (!want(t, peer, false, &error))
		return error;
	if (t->queued == TURN_QUEUE)
		return SLUICE_WOULD_BLOCK;
	struct queued *q = env_alloc(t->env, sizeof *q + len + INDICATION_OVERHEAD);
	if (!q)
		return SLUICE_NO_MEMORY;
	env_entropy(t->env, id, sizeof id);
	stun_begin(&w, q->message, len + INDICATION_OVERHEAD, STUN_INDICATION, STUN_SEND, id);
	stun_put_address(&w, STUN_ATTR_XOR_PEER_ADDRESS, peer);
	stun_put(&w, STUN_ATTR_DATA, data, len);
	q->len = stun_end(&w, NULL, 0, false);
	q->next = NULL;
	if (t->last)
		t->last->next = q;
	else
		t->first = q;
	t->last = q;
	t->queued++;
	t->stats.sent++;
	return 0;
}

/* ---- the queue ---- */

struct queued *queue_take(struct turn *t) {
	struct queued *q = t->first;
	t->first = q->next;
	if (!t->first)
		t->last = NULL;
	t->queued--;
	return q;
}

void queue_drop(struct turn *t) {
	while (t->queued > 0)
		env_free(t->env, queue_take(t));
}

/* ---- check ---- */

bool peers_check(const struct turn *t) {
	size_t queued = 0;
	if (t->peer_count > TURN_PEERS || t->queued > TURN_QUEUE)
		return false;
	for (size_t i = 0; i < t->peer_count; i++) {
		const struct turn_peer *p = t->peers[i];
		if (peer_of_address(t, &p->addr) != p || (p->channel && peer_of_channel(t, p->channel) != p))
			return false;
		if ((p->bound && (p->channel == 0 || p->state != PEER_GRANTED)) || (p->state == PEER_ASKED && !p->x.active))
			return false;
	}
	for (const struct queued *q = t->first; q; q = q->next)
		queued++;
	return queued == t->queued;
}
