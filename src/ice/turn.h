/* turn: one allocation on a TURN server (RFC 8656), as a client: a relayed address, permissions and channels to peers, and what
 * is wrapped for them.
 *
 * The four verbs, without a socket (a time older than the last one counts as that): it emits and takes whole messages. Over UDP
 * it retransmits (RFC 8489, 6.2.1); over TCP and TLS the stream does, and whoever owns the stream cuts it into messages
 * (turn_frame) and pads what it writes to four bytes. It knows no candidates, no pairs and nothing of what it carries.
 *
 * A server that was started again, or that sees us at another port since a NAT rebound, has forgotten the allocation and says so
 * to the next request: another one is asked for, and the state is TURN_ALLOCATING again. While the server is silent the
 * allocation may stand or not, so that Refresh and Allocate take turns: whichever is answered tells, and none of the two ends an
 * allocation that stands.
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

#define TURN_PEERS 64      /* beyond it the one that was longest of no use is forgotten, one with a channel last */
#define TURN_QUEUE 64      /* Send indications that wait for turn_output */
#define TURN_SEND_MAX 2048 /* bytes of data in one */
#define TURN_HEADROOM 4    /* what turn_wrap puts before each datagram */

struct turn;

enum turn_transport { TURN_UDP, TURN_TCP, TURN_TLS };

enum turn_state {
	TURN_ALLOCATING,
	TURN_MOVED, /* streams: the server names another one. Close the stream, open one to turn_server(), then turn_reconnected */
	TURN_READY,   /* relayed and mapped address are known; they may change, and be unknown again */
	TURN_CLOSING, /* the allocation is being given back */
	TURN_CLOSED,  /* it was, or nobody answered */
	TURN_FAILED,  /* turn_error says why; nothing more is sent */
};

struct turn_config {
	struct sockaddr_storage server;
	enum turn_transport transport;
	const char *username, *password; /* copied */
	int family;                      /* of the relayed address: AF_INET (and 0), AF_INET6 */
	uint64_t rto;                    /* first retransmission, ns; 0: 500 ms */
	uint64_t keepalive; /* UDP, ns without anything sent until a Binding indication keeps the NAT open; 0: 15 s */
};

/* The first request is due at once. 0, SLUICE_INVALID (no credentials, no server), SLUICE_NO_MEMORY. */
int turn_new(sluice_env *env, const struct turn_config *config, struct turn **out);
void turn_free(struct turn *t);
/* Gives the allocation back; go on with the verbs until TURN_CLOSED or until patience ends. A failed or not yet answered one is
 * closed at once. */
void turn_close(struct turn *t);

/* Is the allocation still there? A Refresh asks at once. Whether that is answered is turn_is_doubted's to tell. For one that
 * stands; else nothing. */
void turn_verify(struct turn *t);
bool turn_is_doubted(const struct turn *t);

enum turn_state turn_state(const struct turn *t);
/* Of TURN_FAILED: SLUICE_TIMED_OUT, SLUICE_REFUSED (credentials, forbidden), SLUICE_LIMIT (quota, capacity), SLUICE_UNSUPPORTED
 * (family, transport), SLUICE_EXISTS (another one stands on this address and port), SLUICE_PROTOCOL, SLUICE_CRYPTO,
 * SLUICE_NO_MEMORY. Else 0. */
int turn_error(const struct turn *t);
/* The server's last error code that led there (401, 486 ...), 0 without one. */
uint16_t turn_error_code(const struct turn *t);

/* Where messages go: the configured one, or the alternate that it named (RFC 8489, 10; at most two). */
const struct sockaddr_storage *turn_server(const struct turn *t);
void turn_reconnected(struct turn *t);
/* NULL before TURN_READY. mapped: this side as the server sees it, a server-reflexive address. */
const struct sockaddr_storage *turn_relayed(const struct turn *t);
const struct sockaddr_storage *turn_mapped(const struct turn *t);

/* ---- peers: all of these need TURN_READY, else SLUICE_WRONG_STATE ---- */

/* Lets the peer's datagrams in: a permission, kept alive as long as anything is sent to it or comes from it. 0 (asked for or
 * granted), SLUICE_REFUSED (the server denied it within the last minute), SLUICE_NO_MEMORY. */
int turn_permit(struct turn *t, const struct sockaddr_storage *peer);
bool turn_permitted(const struct turn *t, const struct sockaddr_storage *peer);
/* A channel, too: four bytes a datagram instead of 36 or more. Errors as turn_permit; a server that refuses channels leaves us
 * with the permission. */
int turn_bind(struct turn *t, const struct sockaddr_storage *peer);
/* Its number when it is bound; 0. */
uint16_t turn_channel(const struct turn *t, const struct sockaddr_storage *peer);

/* ChannelData headers before the batch's datagrams, in the last TURN_HEADROOM bytes of its headroom, which shrinks by so many.
 * 0, or SLUICE_WOULD_BLOCK when no channel is bound (it is asked for): nothing was changed, turn_send carries them. */
int turn_wrap(struct turn *t, const struct sockaddr_storage *peer, sluice_batch *batch);
/* A Send indication with a copy of the data. The permission is asked for, where there is none yet, just before it: it may arrive
 * in time, so nothing waits for the answer. 0, SLUICE_TOO_LARGE, SLUICE_WOULD_BLOCK (the queue is full), SLUICE_REFUSED,
 * SLUICE_NO_MEMORY. */
int turn_send(struct turn *t, const struct sockaddr_storage *peer, const void *data, size_t len);

/* ---- the verbs ---- */

enum turn_verdict {
	TURN_TAKEN, /* it was ours, or is dropped and counted */
	TURN_DATA,  /* from a peer: see turn_data */
	TURN_OTHER, /* neither ChannelData nor a transaction of ours: a Binding answer, perhaps, of whoever else asks this server */
};
struct turn_data {
	struct sockaddr_storage peer;
	uint8_t *data; /* a slice of what came in */
	size_t len;
};
/* A datagram, or one message of the stream, from turn_server(). */
enum turn_verdict turn_input(struct turn *t, uint8_t *data, size_t len, uint64_t now, struct turn_data *out);
void turn_advance(struct turn *t, uint64_t now);
/* One message; 1, 0 when nothing is due, SLUICE_NO_SPACE. path.remote is the server; path.socket is left alone. */
int turn_output(struct turn *t, sluice_batch *batch, uint64_t now);
uint64_t turn_deadline(const struct turn *t);

struct turn_stats {
	uint64_t requests, retransmissions, responses, errors; /* errors: responses that say no, 401 and 438 included */
	uint64_t dropped;        /* came, and was of no use: forged, unknown peer or channel, malformed */
	uint64_t forgotten;      /* peers pushed out by TURN_PEERS */
	uint64_t sent, received; /* datagrams of data, by indication and channel */
};
const struct turn_stats *turn_stats(const struct turn *t);

bool turn_check(const struct turn *t);

/* ---- streams ---- */

/* Bytes of the message that begins at data, its padding on the stream included (RFC 8656, 12.5): 0 while too few are there to
 * tell (4 are enough), SIZE_MAX when it is neither STUN nor ChannelData: the stream is of no more use. */
size_t turn_frame(const uint8_t *data, size_t have);

#endif
