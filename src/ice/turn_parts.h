/* turn_parts: the TURN client's insides, for turn.c (the allocation and the verbs) and turn_peers.c (permissions, channels and
 * what goes through them). */
#ifndef ICE_TURN_PARTS_H
#define ICE_TURN_PARTS_H

#include "ice/stun.h"
#include "ice/turn.h"

/* One request and its answer. RFC 8489, 6.2.1: sent at once, then after rto, 2 rto, 4 rto ...; given up 16 rto after the last. */
struct exchange {
	bool active;
	bool is_signed; /* with credentials: the answer has to be signed as well */
	uint8_t tries;  /* 0: due, not yet sent */
	uint8_t stale;  /* nonces that were refused in a row */
	uint16_t method;
	uint8_t id[STUN_ID_SIZE];
	uint64_t next_at; /* of the next transmission, or the end of patience */
};

enum peer_state { PEER_ASKED, PEER_GRANTED, PEER_DENIED };

/* A ChannelBind makes the permission too (RFC 8656, 12.2), so one request at a time keeps a peer alive: ChannelBind where a
 * channel is wanted, else CreatePermission. */
struct turn_peer {
	struct sockaddr_storage addr;
	enum peer_state state;
	bool wants_channel, channel_refused, bound;
	uint16_t channel; /* 0: no number yet */
	struct exchange x;
	uint64_t refresh_at; /* granted: ask again; denied: forget */
	uint64_t used;
};

struct queued {
	struct queued *next;
	size_t len;
	uint8_t message[];
};

struct turn {
	sluice_env *env;
	enum turn_state state;
	int error;
	uint16_t error_code;

	enum turn_transport transport;
	struct sockaddr_storage server;
	int family;
	uint8_t hops;       /* alternates that were followed */
	uint8_t mismatches; /* 437s that an Allocate got */
	bool clearing;      /* an allocation of an earlier life is being removed first */
	uint64_t rto, keepalive;

	char *username, *password;
	char *realm, *nonce; /* NULL: not challenged yet */
	size_t realm_len, nonce_len;
	uint8_t key[16];

	struct sockaddr_storage relayed, mapped;
	struct exchange main; /* Allocate, Refresh */
	uint64_t refresh_at, expires_at;
	bool doubted;   /* does it still stand? The next answer tells; `main` goes on with less patience until then */
	uint8_t losses; /* allocations that the server had forgotten, since the last one that it remembered */
	uint64_t now, last_sent;

	struct turn_peer *peers[TURN_PEERS];
	size_t peer_count;
	uint16_t next_channel;

	struct queued *first, *last;
	size_t queued;
	struct turn_stats stats;
};

/* turn.c */
void exchange_start(struct turn *t, struct exchange *x, uint16_t method);
void turn_fail(struct turn *t, int error);
/* The server knows nothing of the allocation: another one is asked for. */
void turn_lost(struct turn *t);

/* turn_peers.c */
struct turn_peer *peer_of_exchange(const struct turn *t, const uint8_t *id);
struct turn_peer *peer_of_channel(const struct turn *t, uint16_t channel);
struct turn_peer *peer_of_address(const struct turn *t, const struct sockaddr_storage *addr);
bool peer_knows_ip(const struct turn *t, const struct sockaddr_storage *addr);
void peer_granted(struct turn *t, struct turn_peer *p);
void peer_denied(struct turn *t, struct turn_peer *p, uint16_t code);
void peer_put(struct stun_writer *w, const struct turn_peer *p);
void peers_advance(struct turn *t);
uint64_t peers_deadline(const struct turn *t);
void peers_drop(struct turn *t);
bool peers_check(const struct turn *t);
void queue_drop(struct turn *t);
struct queued *queue_take(struct turn *t);

#endif
