/* turn_server: a STUN and TURN server for tests (RFC 8489 and 8656), without sockets and in whatever time its caller has.
 *
 * It is honest: permissions, channels and allocations expire, nonces become stale, data without a permission is dropped, and a
 * wrong request gets the error that the RFC names. It has one address of its own and every relayed address that it allocates. A
 * caller that moves datagrams asks turn_server_owns(), and gives it those for its addresses. */
#ifndef TESTS_SIM_TURN_SERVER_H
#define TESTS_SIM_TURN_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define TURN_SERVER_ALLOCATIONS 32
#define TURN_SERVER_PERMISSIONS 128 /* of one allocation */
#define TURN_SERVER_CHANNELS 128

/* What the server sends: from its own or from a relayed address. */
typedef void (*turn_server_send)(void *ctx, const struct sockaddr_storage *from, const struct sockaddr_storage *to,
                                 const uint8_t *data, size_t len);

struct turn_server_config {
	struct sockaddr_storage addr; /* where it listens */
	/* Relayed addresses are these, with ports from 49152 on. ss_family 0: the family is refused (440). */
	struct sockaddr_storage relay4, relay6;
	const char *username, *password, *realm; /* NULL username: anyone may, without credentials */
	uint64_t nonce_lifetime;                 /* ns; 0: for ever */
	uint32_t lifetime;                       /* s of an allocation; 0: 600 */
	bool lies;                               /* answers name said_lifetime instead */
	uint32_t said_lifetime;
	unsigned quota;                    /* allocations; beyond it 486. 0: TURN_SERVER_ALLOCATIONS */
	uint64_t linger;                   /* ns that an allocation stays after it was given back, as with coturn */
	bool no_channels;                  /* ChannelBind gets 508 */
	bool unsigned_errors;              /* errors have no MESSAGE-INTEGRITY, as with some servers */
	struct sockaddr_storage forbidden; /* a peer's IP address that gets 403; ss_family 0: none */
	struct sockaddr_storage alternate; /* an Allocate gets 300 and this address; ss_family 0: it does not */
	turn_server_send send;
	void *ctx;
};

struct turn_server;

struct turn_server *turn_server_new(const struct turn_server_config *config);
void turn_server_free(struct turn_server *s);
/* The configuration, which may be changed while the server runs. */
struct turn_server_config *turn_server_config(struct turn_server *s);

bool turn_server_owns(const struct turn_server *s, const struct sockaddr_storage *addr);
/* Takes a datagram for one of its addresses. Answers are sent by `send`, within the call. */
void turn_server_input(struct turn_server *s, const struct sockaddr_storage *from, const struct sockaddr_storage *to,
                       const uint8_t *data, size_t len, uint64_t now);
/* Makes every nonce stale. */
void turn_server_new_nonce(struct turn_server *s);
/* Forgets everything, like a server that was started again. */
void turn_server_forget(struct turn_server *s);

struct turn_server_stats {
	unsigned allocations, permissions, channels; /* now; expired ones count until the next datagram comes */
	uint64_t binding, allocate, refresh, create_permission, channel_bind; /* requests, good or bad */
	uint64_t challenges, stale, errors;                                   /* 401, 438, all others */
	uint64_t relayed_out, relayed_in;                                     /* datagrams to peers, to clients */
	uint64_t by_channel;                                                  /* those of both that were ChannelData */
	uint64_t dropped;                                                     /* data without permission, garbage */
	uint64_t indications;                                                 /* Binding indications */
};
struct turn_server_stats turn_server_stats(const struct turn_server *s);

#endif
