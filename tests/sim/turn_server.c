/* turn_server: requests are judged one by one, in the order of RFC 8656's sections. */
#include "sim/turn_server.h"
#include "base/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "ice/stun.h"
#include "sluice/env.h"

#define PERMISSION_LIFETIME (300 * SLUICE_S)
#define CHANNEL_LIFETIME (600 * SLUICE_S)
#define FIRST_PORT 49152

struct permission {
	struct sockaddr_storage peer;
	uint64_t until;
};

struct channel {
	struct sockaddr_storage peer;
	uint16_t number;
	uint64_t until;
};

struct allocation {
	struct sockaddr_storage client, relayed;
	uint8_t id[STUN_ID_SIZE]; /* of the Allocate, whose retransmission gets the same answer */
	uint32_t lifetime;
	uint64_t until;
	struct permission permissions[TURN_SERVER_PERMISSIONS];
	size_t permission_count;
	struct channel channels[TURN_SERVER_CHANNELS];
	size_t channel_count;
};

struct turn_server {
	struct turn_server_config config;
	struct allocation *allocations[TURN_SERVER_ALLOCATIONS];
	uint16_t next_port;
	uint32_t nonce;
	uint64_t nonce_until;
	uint8_t key[16];
	uint64_t now;
	struct turn_server_stats stats;
};

/* A request being answered. */
struct request {
	const struct stun_message *m;
	const struct sockaddr_storage *client;
	struct allocation *allocation; /* of this client; NULL */
	bool is_signed;
};

struct turn_server *turn_server_new(const struct turn_server_config *config) {
	struct turn_server *s = calloc(1, sizeof *s);
	s->config = *config;
	s->next_port = FIRST_PORT;
	s->nonce_until = SLUICE_NEVER;
	if (config->username)
		stun_long_term_key(config->username, config->realm, strlen(config->realm), config->password, s->key);
	return s;
}

void turn_server_forget(struct turn_server *s) {
	for (size_t i = 0; i < TURN_SERVER_ALLOCATIONS; i++) {
		free(s->allocations[i]);
		s->allocations[i] = NULL;
	}
}

void turn_server_free(struct turn_server *s) {
	if (s)
		turn_server_forget(s);
	free(s);
}

struct turn_server_config *turn_server_config(struct turn_server *s) {
	return &s->config;
}

void turn_server_new_nonce(struct turn_server *s) {
	s->nonce++;
	s->nonce_until = SLUICE_NEVER;
}

struct turn_server_stats turn_server_stats(const struct turn_server *s) {
	struct turn_server_stats stats = s->stats;
	for (size_t i = 0; i < TURN_SERVER_ALLOCATIONS; i++) {
		const struct allocation *a = s->allocations[i];
		stats.allocations += a != NULL;
		stats.permissions += a ? (unsigned)a->permission_count : 0;
		stats.channels += a ? (unsigned)a->channel_count : 0;
	}
	return stats;
}

/* ---- what it holds ---- */

static void expire(struct turn_server *s) {
	for (size_t i = 0; i < TURN_SERVER_ALLOCATIONS; i++) {
		struct allocation *a = s->allocations[i];
		if (!a)
			continue;
		if (s->now >= a->until) {
			s->allocations[i] = NULL;
			free(a);
			continue;
		}
		for (size_t k = a->permission_count; k-- > 0;) {
			if (s->now >= a->permissions[k].until)
				a->permissions[k] = a->permissions[--a->permission_count];
		}
		for (size_t k = a->channel_count; k-- > 0;) {
			if (s->now >= a->channels[k].until)
				a->channels[k] = a->channels[--a->channel_count];
		}
	}
	if (s->now >= s->nonce_until)
		turn_server_new_nonce(s);
}

static struct allocation *of_client(struct turn_server *s, const struct sockaddr_storage *client) {
	for (size_t i = 0; i < TURN_SERVER_ALLOCATIONS; i++) {
		if (s->allocations[i] && address_equal(&s->allocations[i]->client, client))
			return s->allocations[i];
	}
	return NULL;
}

static struct allocation *of_relayed(const struct turn_server *s, const struct sockaddr_storage *addr) {
	for (size_t i = 0; i < TURN_SERVER_ALLOCATIONS; i++) {
		if (s->allocations[i] && address_equal(&s->allocations[i]->relayed, addr))
			return s->allocations[i];
	}
	return NULL;
}

static struct permission *permission_of(struct allocation *a, const struct sockaddr_storage *peer) {
	for (size_t i = 0; i < a->permission_count; i++) {
		if (address_same_host(&a->permissions[i].peer, peer))
			return &a->permissions[i];
	}
	return NULL;
}

static bool permit(struct turn_server *s, struct allocation *a, const struct sockaddr_storage *peer) {
	struct permission *p = permission_of(a, peer);
	if (!p) {
		if (a->permission_count == TURN_SERVER_PERMISSIONS)
			return false;
		p = &a->permissions[a->permission_count++];
		p->peer = *peer;
	}
	p->until = s->now + PERMISSION_LIFETIME;
	return true;
}

bool turn_server_owns(const struct turn_server *s, const struct sockaddr_storage *addr) {
	return address_equal(addr, &s->config.addr) || of_relayed(s, addr);
}

/* ---- answers ---- */

static void answer_begin(struct stun_writer *w, const struct request *r, uint8_t *space, size_t size, enum stun_class class) {
	stun_begin(w, space, size, class, r->m->method, r->m->id);
}

static void answer_end(struct turn_server *s, const struct request *r, struct stun_writer *w, bool sign) {
	size_t len = stun_end(w, sign ? s->key : NULL, sizeof s->key, r->m->has_fingerprint);
	if (len > 0)
		s->config.send(s->config.ctx, &s->config.addr, r->client, w->data, len);
}

static void refuse(struct turn_server *s, const struct request *r, uint16_t code, const char *reason) {
	uint8_t space[512];
	struct stun_writer w;
	answer_begin(&w, r, space, sizeof space, STUN_ERROR);
	stun_put_error(&w, code, reason);
	if (code == 401 || code == 438) {
		char nonce[32];
		int len = snprintf(nonce, sizeof nonce, "nonce-%u", s->nonce);
		stun_put(&w, STUN_ATTR_REALM, s->config.realm, strlen(s->config.realm));
		stun_put(&w, STUN_ATTR_NONCE, nonce, (size_t)len);
	}
	if (code == 300)
		stun_put_address(&w, STUN_ATTR_ALTERNATE_SERVER, &s->config.alternate);
	s->stats.challenges += code == 401;
	s->stats.stale += code == 438;
	s->stats.errors += code != 401 && code != 438;
	answer_end(s, r, &w, r->is_signed && !s->config.unsigned_errors);
}

/* RFC 8489, 9.2.4. True: go on; false: it was refused. */
static bool authenticate(struct turn_server *s, struct request *r) {
	const struct stun_message *m = r->m;
	char nonce[32];
	if (!s->config.username)
		return true;
	int len = snprintf(nonce, sizeof nonce, "nonce-%u", s->nonce);
	if (!m->integrity) {
		refuse(s, r, 401, "Unauthorized");
		return false;
	}
	if (!m->username.data || !m->realm.data || !m->nonce.data) {
		refuse(s, r, 400, "Bad Request");
		return false;
	}
	if (m->nonce.len != (size_t)len || memcmp(m->nonce.data, nonce, (size_t)len) != 0) {
		refuse(s, r, 438, "Stale Nonce");
		return false;
	}
	bool known = m->username.len == strlen(s->config.username) &&
	             memcmp(m->username.data, s->config.username, m->username.len) == 0 && stun_verify(m, s->key, sizeof s->key);
	if (!known) {
		refuse(s, r, 401, "Unauthorized");
		return false;
	}
	if (s->config.nonce_lifetime && s->nonce_until == SLUICE_NEVER)
		s->nonce_until = s->now + s->config.nonce_lifetime;
	r->is_signed = true;
	return true;
}

/* ---- the methods ---- */

static void binding(struct turn_server *s, const struct request *r) {
	uint8_t space[128];
	struct stun_writer w;
	answer_begin(&w, r, space, sizeof space, STUN_SUCCESS);
	stun_put_address(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, r->client);
	answer_end(s, r, &w, false);
}

static void allocated(struct turn_server *s, const struct request *r, const struct allocation *a) {
	uint8_t space[256];
	struct stun_writer w;
	answer_begin(&w, r, space, sizeof space, STUN_SUCCESS);
	stun_put_address(&w, STUN_ATTR_XOR_RELAYED_ADDRESS, &a->relayed);
	stun_put_address(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, r->client);
	stun_put32(&w, STUN_ATTR_LIFETIME, s->config.lies ? s->config.said_lifetime : a->lifetime);
	answer_end(s, r, &w, r->is_signed);
}

/* The value of an attribute that the codec has no member for; NULL when it is absent. */
static const uint8_t *find(const struct stun_message *m, uint16_t attribute) {
	for (size_t at = STUN_HEADER; at + 8 <= m->len; at += 4 + pad4(get_be16(m->bytes + at + 2))) {
		if (get_be16(m->bytes + at) == attribute)
			return m->bytes + at + 4;
	}
	return NULL;
}

static struct allocation *place(struct turn_server *s) {
	unsigned used = 0;
	struct allocation **free_slot = NULL;
	for (size_t i = 0; i < TURN_SERVER_ALLOCATIONS; i++) {
		if (s->allocations[i])
			used++;
		else if (!free_slot)
			free_slot = &s->allocations[i];
	}
	if (!free_slot || (s->config.quota && used >= s->config.quota))
		return NULL;
	return *free_slot = calloc(1, sizeof **free_slot);
}

/* RFC 8656, 7.2. */
static void allocate(struct turn_server *s, const struct request *r) {
	const uint8_t *transport = find(r->m, STUN_ATTR_REQUESTED_TRANSPORT),
		      *family = find(r->m, STUN_ATTR_REQUESTED_ADDRESS_FAMILY);
	const struct sockaddr_storage *relay = family && family[0] == 2 ? &s->config.relay6 : &s->config.relay4;
	if (r->allocation) {
		if (memcmp(r->allocation->id, r->m->id, STUN_ID_SIZE) == 0)
			allocated(s, r, r->allocation);
		else
			refuse(s, r, 437, "Allocation Mismatch");
		return;
	}
	if (!transport || transport[0] != 17) {
		refuse(s, r, transport ? 442 : 400, "Unsupported Transport Protocol");
		return;
	}
	if (relay->ss_family == 0) {
		refuse(s, r, 440, "Address Family not Supported");
		return;
	}
	struct allocation *a = place(s);
	if (!a) {
		refuse(s, r, 486, "Allocation Quota Reached");
		return;
	}
	a->client = *r->client;
	a->relayed = *relay;
	address_set_port(&a->relayed, s->next_port++);
	memcpy(a->id, r->m->id, STUN_ID_SIZE);
	a->lifetime = s->config.lifetime ? s->config.lifetime : 600;
	a->until = s->now + a->lifetime * SLUICE_S;
	allocated(s, r, a);
}

/* 8.2 */
static void refresh(struct turn_server *s, const struct request *r) {
	uint8_t space[128];
	struct stun_writer w;
	uint32_t lifetime = s->config.lifetime ? s->config.lifetime : 600;
	if (r->m->has_lifetime && r->m->lifetime == 0)
		lifetime = 0;
	if (!r->allocation) {
		refuse(s, r, 437, "Allocation Mismatch");
		return;
	}
	r->allocation->until = s->now + (lifetime ? lifetime * SLUICE_S : s->config.linger);
	expire(s);
	answer_begin(&w, r, space, sizeof space, STUN_SUCCESS);
	stun_put32(&w, STUN_ATTR_LIFETIME, s->config.lies && lifetime ? s->config.said_lifetime : lifetime);
	answer_end(s, r, &w, r->is_signed);
}

/* What CreatePermission and ChannelBind have in common. */
static bool judge_peer(struct turn_server *s, const struct request *r) {
	if (!r->allocation)
		refuse(s, r, 437, "Allocation Mismatch");
	else if (!r->m->peer.ss_family)
		refuse(s, r, 400, "Bad Request");
	else if (r->m->peer.ss_family != r->allocation->relayed.ss_family)
		refuse(s, r, 443, "Peer Address Family Mismatch");
	else if (s->config.forbidden.ss_family && address_same_host(&r->m->peer, &s->config.forbidden))
		refuse(s, r, 403, "Forbidden");
	else
		return true;
	return false;
}

static void succeed(struct turn_server *s, const struct request *r) {
	uint8_t space[128];
	struct stun_writer w;
	answer_begin(&w, r, space, sizeof space, STUN_SUCCESS);
	answer_end(s, r, &w, r->is_signed);
}

/* 10.2 */
static void create_permission(struct turn_server *s, const struct request *r) {
	if (!judge_peer(s, r))
		return;
	if (permit(s, r->allocation, &r->m->peer))
		succeed(s, r);
	else
		refuse(s, r, 508, "Insufficient Capacity");
}

/* 12.2: number and peer belong to each other, or both are free. */
static struct channel *channel_for(struct allocation *a, uint16_t number, const struct sockaddr_storage *peer) {
	for (size_t i = 0; i < a->channel_count; i++) {
		struct channel *c = &a->channels[i];
		bool same_peer = address_equal(&c->peer, peer), same_number = c->number == number;
		if (same_peer || same_number)
			return same_peer && same_number ? c : NULL;
	}
	if (a->channel_count == TURN_SERVER_CHANNELS)
		return NULL;
	struct channel *c = &a->channels[a->channel_count++];
	*c = (struct channel){.peer = *peer, .number = number};
	return c;
}

static void channel_bind(struct turn_server *s, const struct request *r) {
	if (!judge_peer(s, r))
		return;
	if (s->config.no_channels) {
		refuse(s, r, 508, "Insufficient Capacity");
		return;
	}
	bool in_range = r->m->has_channel && r->m->channel >= 0x4000 && r->m->channel <= 0x4fff;
	struct channel *c = in_range ? channel_for(r->allocation, r->m->channel, &r->m->peer) : NULL;
	if (!c || !permit(s, r->allocation, &r->m->peer)) {
		refuse(s, r, 400, "Bad Request");
		return;
	}
	c->until = s->now + CHANNEL_LIFETIME;
	succeed(s, r);
}

static void input_request(struct turn_server *s, struct request *r) {
	switch (r->m->method) {
	case STUN_BINDING:
		s->stats.binding++;
		binding(s, r);
		return;
	case STUN_ALLOCATE:
		s->stats.allocate++;
		if (s->config.alternate.ss_family)
			refuse(s, r, 300, "Try Alternate");
		else if (authenticate(s, r))
			allocate(s, r);
		return;
	case STUN_REFRESH:
		s->stats.refresh++;
		if (authenticate(s, r))
			refresh(s, r);
		return;
	case STUN_CREATE_PERMISSION:
		s->stats.create_permission++;
		if (authenticate(s, r))
			create_permission(s, r);
		return;
	case STUN_CHANNEL_BIND:
		s->stats.channel_bind++;
		if (authenticate(s, r))
			channel_bind(s, r);
		return;
	default:
		refuse(s, r, 400, "Bad Request");
	}
}

/* ---- data ---- */

static void to_peer(struct turn_server *s, struct allocation *a, const struct sockaddr_storage *peer, const uint8_t *data,
                    size_t len) {
	if (!permission_of(a, peer)) {
		s->stats.dropped++;
		return;
	}
	s->stats.relayed_out++;
	s->config.send(s->config.ctx, &a->relayed, peer, data, len);
}

static void input_channel(struct turn_server *s, struct allocation *a, const uint8_t *data, size_t len) {
	uint16_t number = get_be16(data);
	size_t payload = get_be16(data + 2);
	for (size_t i = 0; a && payload <= len - 4 && i < a->channel_count; i++) {
		if (a->channels[i].number != number)
			continue;
		s->stats.by_channel++;
		to_peer(s, a, &a->channels[i].peer, data + 4, payload);
		return;
	}
	s->stats.dropped++;
}

static void input_indication(struct turn_server *s, struct allocation *a, const struct stun_message *m) {
	if (m->method == STUN_BINDING)
		s->stats.indications++;
	else if (m->method == STUN_SEND && a && m->peer.ss_family && m->data.data)
		to_peer(s, a, &m->peer, m->data.data, m->data.len);
	else
		s->stats.dropped++;
}

static void from_peer(struct turn_server *s, struct allocation *a, const struct sockaddr_storage *peer, const uint8_t *data,
                      size_t len) {
	static const uint8_t id[STUN_ID_SIZE] = {'d', 'a', 't', 'a'};
	static uint8_t space[70000];
	if (!permission_of(a, peer)) {
		s->stats.dropped++;
		return;
	}
	s->stats.relayed_in++;
	for (size_t i = 0; i < a->channel_count; i++) {
		if (!address_equal(&a->channels[i].peer, peer))
			continue;
		s->stats.by_channel++;
		put_be16(space, a->channels[i].number);
		put_be16(space + 2, (uint16_t)len);
		memcpy(space + 4, data, len);
		s->config.send(s->config.ctx, &s->config.addr, &a->client, space, 4 + len);
		return;
	}
	struct stun_writer w;
	stun_begin(&w, space, sizeof space, STUN_INDICATION, STUN_DATA, id);
	stun_put_address(&w, STUN_ATTR_XOR_PEER_ADDRESS, peer);
	stun_put(&w, STUN_ATTR_DATA, data, len);
	s->config.send(s->config.ctx, &s->config.addr, &a->client, space, stun_end(&w, NULL, 0, false));
}

void turn_server_input(struct turn_server *s, const struct sockaddr_storage *from, const struct sockaddr_storage *to,
                       const uint8_t *data, size_t len, uint64_t now) {
	struct stun_message m;
	s->now = now;
	expire(s);
	if (!address_equal(to, &s->config.addr)) {
		struct allocation *a = of_relayed(s, to);
		if (a)
			from_peer(s, a, from, data, len);
		return;
	}
	struct request r = {.m = &m, .client = from, .allocation = of_client(s, from)};
	if (len >= 4 && data[0] >= 0x40 && data[0] <= 0x4f)
		input_channel(s, r.allocation, data, len);
	else if (stun_parse(data, len, &m) < 0)
		s->stats.dropped++;
	else if (m.class == STUN_REQUEST)
		input_request(s, &r);
	else if (m.class == STUN_INDICATION)
		input_indication(s, r.allocation, &m);
}
