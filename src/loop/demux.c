#include "loop/demux.h"

#include <string.h>

#include "base/address.h"
#include "base/bytes.h"
#include "pool/env.h"

#define FIRST_BUCKETS 16
#define TRANSACTIONS 2048 /* 48 KiB an endpoint, and only where our side sends checks first */
#define STUN_HEADER 20
#define STUN_USERNAME 0x0006

struct demux_name {
	struct demux_name *next; /* of the bucket */
	struct demux_member *owner;
	uint64_t hash;
	size_t len;
	char text[];
};

struct demux_address {
	struct demux_address *next; /* of the bucket */
	struct demux_address *next_owned;
	struct demux_member *owner;
	uint64_t hash;
	uint64_t heard; /* when an authentic message of its owner last came from there */
	struct address_key key;
};

struct demux_transaction {
	struct demux_member *owner; /* NULL: free */
	uint8_t id[12];
};

static uint64_t hash_of(const struct demux *t, const void *bytes, size_t len) {
	const uint8_t *p = bytes;
	uint64_t h = t->seed ^ len;
	for (size_t at = 0; at < len; at += 8) {
		uint64_t word = 0;
		memcpy(&word, p + at, len - at < 8 ? len - at : 8);
		h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
		h ^= h >> 29;
	}
	return h ^ h >> 32;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

bool demux_init(struct demux *t, sluice_env *env) {
	*t = (struct demux){.env = env, .name_buckets = FIRST_BUCKETS, .address_buckets = FIRST_BUCKETS};
	t->names = env_zalloc(env, FIRST_BUCKETS * sizeof(struct demux_name *));
	t->addresses = env_zalloc(env, FIRST_BUCKETS * sizeof(struct demux_address *));
	env_entropy(env, &t->seed, sizeof t->seed);
	if (t->names && t->addresses)
		return true;
	demux_deinit(t);
	return false;
}

void demux_deinit(struct demux *t) {
	if (!t->env)
		return; /* never initialised */
	env_free(t->env, t->names);
	env_free(t->env, t->addresses);
	env_free(t->env, t->transactions);
	t->names = NULL;
	t->addresses = NULL;
	t->transactions = NULL;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* Doubles the buckets. Without memory the chains get longer. */
static void grow_names(struct demux *t) {
	size_t buckets = 2 * t->name_buckets;
	if (t->name_count < t->name_buckets)
		return;
	struct demux_name **names = env_zalloc(t->env, buckets * sizeof(struct demux_name *));
	if (!names)
		return;
	for (size_t i = 0; i < t->name_buckets; i++) {
		struct demux_name *n = t->names[i];
		while (n) {
			struct demux_name *next = n->next, **bucket = &names[n->hash & (buckets - 1)];
			n->next = *bucket;
			*bucket = n;
			n = next;
		}
	}
	env_free(t->env, t->names);
	t->names = names;
	t->name_buckets = buckets;
}

static struct demux_name *find_name(const struct demux *t, const char *ufrag, size_t len) {
	uint64_t hash = hash_of(t, ufrag, len);
	for (struct demux_name *n = t->names[hash & (t->name_buckets - 1)]; n; n = n->next)
		if (n->hash == hash && n->len == len && memcmp(n->text, ufrag, len) == 0)
			return n;
	return NULL;
}

struct demux_member *demux_by_name(const struct demux *t, const char *ufrag, size_t len) {
	const struct demux_name *n = find_name(t, ufrag, len);
	return n ? n->owner : NULL;
}

static void drop_name(struct demux *t, struct demux_name *n) {
	if (!n)
		return;
	struct demux_name **at = &t->names[n->hash & (t->name_buckets - 1)];
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	t->name_count--;
	env_free(t->env, n);
}

int demux_name(struct demux *t, struct demux_member *m, const char *ufrag) {
	struct demux_name *present = m->names[0];
	size_t len = strlen(ufrag);
	if (present && present->len == len && memcmp(present->text, ufrag, len) == 0)
		return 0;
	if (!len || len > DEMUX_UFRAG_MAX)
		return SLUICE_INVALID;
	struct demux_name *n = find_name(t, ufrag, len);
	if (n && n->owner == m) { /* an ICE restart was rolled back */
		m->names[0] = n;
		m->names[1] = present;
		return 0;
	}
	if (n)
		return SLUICE_EXISTS;
	n = env_alloc(t->env, sizeof *n + len);
	if (!n)
		return SLUICE_NO_MEMORY;
	*n = (struct demux_name){.owner = m, .hash = hash_of(t, ufrag, len), .len = len};
	memcpy(n->text, ufrag, len);
	grow_names(t);
	n->next = t->names[n->hash & (t->name_buckets - 1)];
	t->names[n->hash & (t->name_buckets - 1)] = n;
	t->name_count++;
	drop_name(t, m->names[1]);
	m->names[1] = present;
	m->names[0] = n;
	return 0;
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

static void grow_addresses(struct demux *t) {
	size_t buckets = 2 * t->address_buckets;
	if (t->address_count < t->address_buckets)
		return;
	struct demux_address **addresses = env_zalloc(t->env, buckets * sizeof(struct demux_address *));
	if (!addresses)
		return;
	for (size_t i = 0; i < t->address_buckets; i++) {
		struct demux_address *a = t->addresses[i];
		while (a) {
			struct demux_address *next = a->next, **bucket = &addresses[a->hash & (buckets - 1)];
			a->next = *bucket;
			*bucket = a;
			a = next;
		}
	}
	env_free(t->env, t->addresses);
	t->addresses = addresses;
	t->address_buckets = buckets;
}

static struct demux_address *find_address(const struct demux *t, const struct address_key *k, uint64_t hash) {
	for (struct demux_address *a = t->addresses[hash & (t->address_buckets - 1)]; a; a = a->next)
		if (a->hash == hash && memcmp(&a->key, k, sizeof *k) == 0)
			return a;
	return NULL;
}

struct demux_member *demux_by_address(const struct demux *t, const struct sockaddr_storage *addr) {
	struct address_key k = address_key(addr);
	const struct demux_address *a = find_address(t, &k, hash_of(t, &k, sizeof k));
	return a ? a->owner : NULL;
}

static void disown(struct demux_address *a) {
	struct demux_address **at = &a->owner->addresses;
	while (*at != a)
		at = &(*at)->next_owned;
	*at = a->next_owned;
	a->owner->address_count--;
}

static void give_address_to(struct demux_address *a, struct demux_member *m) {
	a->owner = m;
	a->next_owned = m->addresses;
	m->addresses = a;
	m->address_count++;
}

static void drop_address(struct demux *t, struct demux_address *a) {
	struct demux_address **at = &t->addresses[a->hash & (t->address_buckets - 1)];
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	disown(a);
	t->address_count--;
	env_free(t->env, a);
}

static void drop_oldest(struct demux *t, struct demux_member *m) {
	struct demux_address *a = m->addresses;
	while (a->next_owned)
		a = a->next_owned;
	drop_address(t, a);
}

static bool may_move(const struct demux_address *a, const struct demux_member *m, enum demux_proof proof, uint64_t now) {
	return a->owner == m || proof == DEMUX_BY_ANSWER || now - a->heard >= DEMUX_SILENCE;
}

void demux_learn(struct demux *t, struct demux_member *m, const struct sockaddr_storage *addr, enum demux_proof proof,
                 uint64_t now) {
	struct address_key k = address_key(addr);
	uint64_t hash = hash_of(t, &k, sizeof k);
	struct demux_address *a = find_address(t, &k, hash);
	if (a && !may_move(a, m, proof, now))
		return;
	if (a) {
		a->heard = now;
		if (a == m->addresses)
			return;
		disown(a);
	} else {
		a = env_alloc(t->env, sizeof *a);
		if (!a)
			return;
		grow_addresses(t);
		*a = (struct demux_address){.hash = hash, .heard = now, .key = k};
		a->next = t->addresses[hash & (t->address_buckets - 1)];
		t->addresses[hash & (t->address_buckets - 1)] = a;
		t->address_count++;
	}
	give_address_to(a, m);
	if (m->address_count > DEMUX_ADDRESSES)
		drop_oldest(t, m);
}

/* ---- transactions ------------------------------------------------------------------------------------------------ */

static struct demux_transaction *place_of(const struct demux *t, const uint8_t id[12]) {
	return &t->transactions[hash_of(t, id, 12) & (TRANSACTIONS - 1)];
}

void demux_note(struct demux *t, struct demux_member *m, const uint8_t id[12]) {
	if (!t->transactions)
		t->transactions = env_zalloc(t->env, TRANSACTIONS * sizeof(struct demux_transaction));
	if (!t->transactions)
		return; /* the answer is a stray then, and the check is repeated */
	struct demux_transaction *x = place_of(t, id);
	if (x->owner)
		x->owner->transaction_count--;
	x->owner = m;
	m->transaction_count++;
	memcpy(x->id, id, sizeof x->id);
}

struct demux_member *demux_by_transaction(const struct demux *t, const uint8_t id[12]) {
	if (!t->transactions)
		return NULL;
	const struct demux_transaction *x = place_of(t, id);
	return x->owner && memcmp(x->id, id, sizeof x->id) == 0 ? x->owner : NULL;
}

void demux_forget(struct demux *t, struct demux_member *m) {
	drop_name(t, m->names[0]);
	drop_name(t, m->names[1]);
	m->names[0] = m->names[1] = NULL;
	while (m->addresses)
		drop_address(t, m->addresses);
	for (size_t i = 0; m->transaction_count && i < TRANSACTIONS; i++) {
		if (t->transactions[i].owner != m)
			continue;
		t->transactions[i].owner = NULL;
		m->transaction_count--;
	}
}

bool demux_check(const struct demux *t) {
	size_t names = 0, addresses = 0;
	for (size_t i = 0; i < t->name_buckets; i++) {
		for (const struct demux_name *n = t->names[i]; n; n = n->next, names++)
			if ((n->hash & (t->name_buckets - 1)) != i || (n->owner->names[0] != n && n->owner->names[1] != n))
				return false;
	}
	for (size_t i = 0; i < t->address_buckets; i++) {
		for (const struct demux_address *a = t->addresses[i]; a; a = a->next, addresses++) {
			const struct demux_address *o = a->owner->addresses;
			while (o && o != a)
				o = o->next_owned;
			if (!o || (a->hash & (t->address_buckets - 1)) != i || a->owner->address_count > DEMUX_ADDRESSES)
				return false;
		}
	}
	return names == t->name_count && addresses == t->address_count;
}

/* ---- what a datagram says of itself -------------------------------------------------------------------------------- */

/* RFC 8489, 5: two zero bits, 14 bits of type, a length without the header that is a multiple of four, the magic cookie. The
 * class is bits 4 and 8 of the type: 00 request, 01 indication, 10 success, 11 error. Binding is method 1. */
enum demux_kind demux_kind(const uint8_t *data, size_t len) {
	if (len < STUN_HEADER || data[0] > 1)
		return DEMUX_OTHER;
	if (get_be16(data + 2) != len - STUN_HEADER || len % 4 != 0 || get_be32(data + 4) != 0x2112A442)
		return DEMUX_OTHER;
	switch (get_be16(data)) {
	case 0x0001:
		return DEMUX_REQUEST;
	case 0x0101:
	case 0x0111:
		return DEMUX_RESPONSE;
	default:
		return DEMUX_OTHER;
	}
}

static bool split(const uint8_t *text, size_t len, char *ours, char *theirs) {
	const uint8_t *colon = memchr(text, ':', len);
	if (!colon)
		return false;
	size_t left = (size_t)(colon - text), right = len - left - 1;
	if (!left || left > DEMUX_UFRAG_MAX || right > DEMUX_UFRAG_MAX || memchr(text, 0, len))
		return false;
	memcpy(ours, text, left);
	ours[left] = 0;
	memcpy(theirs, colon + 1, right);
	theirs[right] = 0;
	return true;
}

bool demux_username(const uint8_t *data, size_t len, char ours[DEMUX_UFRAG_MAX + 1], char theirs[DEMUX_UFRAG_MAX + 1]) {
	size_t at = STUN_HEADER;
	while (at + 4 <= len) {
		size_t size = get_be16(data + at + 2);
		if (size > len - at - 4)
			return false;
		if (get_be16(data + at) == STUN_USERNAME)
			return split(data + at + 4, size, ours, theirs);
		at += 4 + ((size + 3) & ~(size_t)3);
	}
	return false;
}
