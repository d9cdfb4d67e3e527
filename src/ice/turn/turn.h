/* turn: one allocation on a TURN server (RFC 8656), as a client: a relayed address, permissions and channels to peers, and what
 * is wrapped for them.
 *
 * The four verbs, without a socket: it emits and takes whole messages. A time that is older than the one before counts as the one
 * before. Over UDP it retransmits (RFC 8489, 6.2.1). Over TCP and TLS the stream does; the owner of the stream cuts it into
 * messages (turn_frame) and pads what it writes to four bytes. It knows no candidates, no pairs and nothing of the data that it
 * carries.
 *
 * A server that was started again, or that sees us at another port since a NAT rebound, has forgotten the allocation. Its answer
 * to the next request says so. Then another allocation is asked for, and the state is TURN_ALLOCATING again. While the server is
 * silent nobody knows whether the allocation stands, so Refresh and Allocate take turns: the one that is answered decides, and
 * neither ends an allocation that stands.
 *
 *   peer_count <= TURN_PEERS, queued <= TURN_QUEUE
 *   each peer's address and each channel number is there once
 *
 * Memory: the object, TURN_PEERS peers, TURN_QUEUE messages of TURN_SEND_MAX bytes, and realm and nonce of at most 763 bytes. */
#ifndef ICE_TURN_H
#define ICE_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "pool/env.h"
#include "sluice/env.h"

/* Beyond it the peer that was unused for longest is forgotten, and one with a channel last. */
#define TURN_PEERS 64
#define TURN_QUEUE 64      /* Send indications that wait for turn_output */
#define TURN_SEND_MAX 2048 /* bytes of data in one */
#define TURN_HEADROOM 4    /* what turn_wrap puts before each datagram */

struct turn;

enum turn_transport { TURN_UDP, TURN_TCP, TURN_TLS };

enum turn_state {
	TURN_ALLOCATING,
	/* Streams: the server names another one. Close the stream, open one to turn_server(), then turn_reconnected(). */
	TURN_MOVED,
	TURN_READY,   /* relayed and mapped address are known; they may change, and be unknown again */
	TURN_CLOSING, /* the allocation is being given back */
	TURN_CLOSED,  /* it was given back, or nobody answered */
	TURN_FAILED,  /* turn_error says why; nothing more is sent */
};

struct turn_config {
	struct sockaddr_storage server;
	enum turn_transport transport;
	const char *username, *password; /* copied */
	int family;                      /* of the relayed address: AF_INET (and 0), AF_INET6 */
	uint64_t rto;                    /* first retransmission, ns; 0: 500 ms */
	/* UDP: ns without anything sent until a Binding indication keeps the NAT open; 0: 15 s */
	uint64_t keepalive;
};

/* The first request is due at once. Returns 0, or
 *   SLUICE_INVALID    no credentials, or no server
 *   SLUICE_NO_MEMORY */
int turn_new(sluice_env *env, const struct turn_config *config, struct turn **out);
void turn_free(struct turn *t);
/* Gives the allocation back. Go on with the verbs until TURN_CLOSED, or for as long as you like. An allocation that failed or was
 * not answered yet is closed at once. */
void turn_close(struct turn *t);

/* Is the allocation still there? Sends a Refresh at once; turn_is_doubted is true until it is answered. Does nothing unless the
 * state is TURN_READY. */
void turn_verify(struct turn *t);
bool turn_is_doubted(const struct turn *t);

enum turn_state turn_state(const struct turn *t);
/* Why the state is TURN_FAILED; 0 in every other state.
 *   SLUICE_TIMED_OUT    the server did not answer
 *   SLUICE_REFUSED      the credentials are wrong, or the request is forbidden
 *   SLUICE_LIMIT        quota or capacity
 *   SLUICE_UNSUPPORTED  the server has not that family or transport
 *   SLUICE_EXISTS       another allocation stands on this address and port
 *   SLUICE_PROTOCOL, SLUICE_CRYPTO, SLUICE_NO_MEMORY */
int turn_error(const struct turn *t);
/* The last error code that the server sent (401, 486 ...), 0 without one. */
uint16_t turn_error_code(const struct turn *t);

/* Where messages go: the configured server, or the alternate that it named (RFC 8489, 10; at most two in a row). */
const struct sockaddr_storage *turn_server(const struct turn *t);
void turn_reconnected(struct turn *t);
/* NULL before TURN_READY. mapped: this side as the server sees it, a server-reflexive address. */
const struct sockaddr_storage *turn_relayed(const struct turn *t);
const struct sockaddr_storage *turn_mapped(const struct turn *t);

/* ---- peers: all of these need TURN_READY, else SLUICE_WRONG_STATE ---- */

/* Lets the peer's datagrams in: a permission, kept alive as long as anything is sent to the peer or comes from it. Returns 0
 * (asked for or granted), or
 *   SLUICE_REFUSED    the server denied it within the last minute
 *   SLUICE_NO_MEMORY */
int turn_permit(struct turn *t, const struct sockaddr_storage *peer);
bool turn_permitted(const struct turn *t, const struct sockaddr_storage *peer);
/* A permission and a channel: four bytes more for each datagram instead of 36 or more. Errors as turn_permit. From a server that
 * refuses channels we get only the permission. */
int turn_bind(struct turn *t, const struct sockaddr_storage *peer);
/* The channel number of the peer when it is bound, else 0. */
uint16_t turn_channel(const struct turn *t, const struct sockaddr_storage *peer);

/* Puts ChannelData headers before the batch's datagrams, in the last TURN_HEADROOM bytes of its headroom, which shrinks by that
 * many. Returns 0, or
 *   SLUICE_WOULD_BLOCK  no channel is bound (it is asked for); the batch is unchanged, send it with turn_send
 *   an error of turn_permit */
int turn_wrap(struct turn *t, const struct sockaddr_storage *peer, sluice_batch *batch);
/* Queues a Send indication with a copy of the data. Where there is no permission yet, the request for it leaves just before. The
 * permission may be granted in time, so nothing waits for the answer. Returns 0, or
 *   SLUICE_TOO_LARGE    len is above TURN_SEND_MAX
 *   SLUICE_WOULD_BLOCK  the queue is full
 *   an error of turn_permit */
int turn_send(struct turn *t, const struct sockaddr_storage *peer, const void *data, size_t len);

/* ---- the verbs ---- */

enum turn_verdict {
	TURN_TAKEN, /* it was ours, or it is dropped and counted */
	TURN_DATA,  /* from a peer: see turn_data */
	/* Neither ChannelData nor a transaction of ours: perhaps the Binding answer to somebody else who asks this server. */
	TURN_OTHER,
};
struct turn_data {
	struct sockaddr_storage peer;
	uint8_t *data; /* a slice of what came in */
	size_t len;
};
/* A datagram, or one message of the stream, from turn_server(). */
enum turn_verdict turn_input(struct turn *t, uint8_t *data, size_t len, uint64_t now, struct turn_data *out);
void turn_advance(struct turn *t, uint64_t now);
/* Writes one message. Returns 1, 0 when nothing is due, or SLUICE_NO_SPACE. path.remote becomes the server; path.socket stays. */
int turn_output(struct turn *t, sluice_batch *batch, uint64_t now);
uint64_t turn_deadline(const struct turn *t);

struct turn_stats {
	uint64_t requests, retransmissions, responses, errors; /* errors: error responses, 401 and 438 included */
	uint64_t dropped;        /* messages that came and were of no use: forged, unknown peer or channel, malformed */
	uint64_t forgotten;      /* peers pushed out by TURN_PEERS */
	uint64_t sent, received; /* datagrams of data, by indication and channel */
};
const struct turn_stats *turn_stats(const struct turn *t);

bool turn_check(const struct turn *t);

/* ---- streams ---- */

/* Bytes of the message that begins at data, its padding on the stream included (RFC 8656, 12.5). 0: fewer than four bytes are
 * there, which is too few to know. SIZE_MAX: neither STUN nor ChannelData begins here, so the stream is of no more use. */
size_t turn_frame(const uint8_t *data, size_t have);

#endif
