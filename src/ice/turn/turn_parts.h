/* turn_parts: what the files of the TURN client share. turn.c (the allocation and the verbs) calls turn_peers.c (permissions,
 * channels and the data that goes through them) and turn_exchange.c (requests and their answers); turn_peers.c calls
 * turn_exchange.c. */
#ifndef ICE_TURN_PARTS_H
#define ICE_TURN_PARTS_H

#include "ice/stun.h"
#include "ice/turn/turn.h"

#define TURN_LIFETIME 600 /* s; RFC 8656, 7.2 */
/* RFC 8489, 14.9 and 14.10: bytes of a realm or nonce. */
#define TURN_CHALLENGE_MAX 763

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
	bool doubted;   /* does it still stand? The next answer says so; until then `main` goes on with less patience */
	uint8_t losses; /* allocations that the server had forgotten, since the last one that it remembered */
	uint64_t now, last_sent;

	struct turn_peer *peers[TURN_PEERS];
	size_t peer_count;
	uint16_t next_channel;

	struct queued *first, **end; /* indications that wait for turn_output */
	size_t queued;
	struct turn_stats stats;
};

/* ---- turn_exchange.c ---- */

/* Begins a request, with a fresh id: it is due at once. RFC 8489, 6.2.1 wants a fresh id for every request that is no
 * retransmission. */
void turn_exchange_start(struct turn *t, struct exchange *x, uint16_t method);
/* The same method once more. */
void turn_exchange_again(struct turn *t, struct exchange *x);
bool turn_exchange_is_due(const struct turn *t, const struct exchange *x);
/* Was the last transmission long enough ago? */
bool turn_exchange_is_given_up(const struct turn *t, const struct exchange *x);
/* Writes the request; p is its peer, or NULL. Returns the length, 0 when the crypto library refused. */
size_t turn_exchange_write(struct turn *t, struct exchange *x, const struct turn_peer *p, void *space, size_t size);
/* The request has left. */
void turn_exchange_sent(struct turn *t, struct exchange *x);
/* Is this answer believed? */
bool turn_exchange_trusts(const struct turn *t, const struct exchange *x, const struct stun_message *m);
/* Returns 1 when the answer is a challenge that can be met (the request is due again), 0 when it is not, or an error with which
 * the allocation fails. */
int turn_exchange_meet_challenge(struct turn *t, struct exchange *x, const struct stun_message *m);
void turn_forget_challenge(struct turn *t);

/* ---- turn_peers.c ---- */

struct turn_peer *turn_peer_of_exchange(const struct turn *t, const uint8_t *id);
struct turn_peer *turn_peer_of_channel(const struct turn *t, uint16_t channel);
struct turn_peer *turn_peer_of_address(const struct turn *t, const struct sockaddr_storage *addr);
/* RFC 8656, 9: is there a permission, granted or asked for, for this IP address? */
bool turn_peer_knows_ip(const struct turn *t, const struct sockaddr_storage *addr);
void turn_peer_granted(struct turn *t, struct turn_peer *p);
/* The server refused with this code, or, with code 0, did not answer. True: it is doubtful whether the allocation still stands,
 * so the server has to be asked. */
bool turn_peer_denied(struct turn *t, struct turn_peer *p, uint16_t code);
void turn_peers_advance(struct turn *t);
uint64_t turn_peers_deadline(const struct turn *t);
void turn_peers_drop(struct turn *t);
bool turn_peers_check(const struct turn *t);
void turn_queue_drop(struct turn *t);
/* The oldest indication, taken out of the queue. */
struct queued *turn_queue_shift(struct turn *t);

#endif
