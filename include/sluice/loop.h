/* The libev driver: sockets, the clock and the timers for any number of peers on one thread.
 *
 * It takes a struct ev_loop of the app, or makes one. A peer added to it needs no verb called by hand: datagrams are read
 * in batches, callbacks run, and what a callback queued leaves before the loop sleeps again. */
#ifndef SLUICE_LOOP_H
#define SLUICE_LOOP_H

#include "sluice/peer.h"

struct ev_loop;

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_loop sluice_loop;

/* ev NULL: a loop of its own is made, and freed with this one. Everything is to be called on the thread that runs the ev_loop.
 * Returns 0 or SLUICE_NO_MEMORY. */
SLUICE_API int sluice_loop_new(sluice_env *env, struct ev_loop *ev, sluice_loop **out);
/* Peers still on it are removed, not freed. Not from inside a callback. */
SLUICE_API void sluice_loop_free(sluice_loop *loop);
SLUICE_API struct ev_loop *sluice_loop_ev(sluice_loop *loop);

/* Runs until sluice_loop_stop() or until nothing is left to wait for. An app with its own ev_loop calls ev_run instead. */
SLUICE_API void sluice_loop_run(sluice_loop *loop);
SLUICE_API void sluice_loop_stop(sluice_loop *loop);

/* The monotonic clock that the loop's peers are driven by, in ns. Any thread. */
SLUICE_API uint64_t sluice_now(void);

typedef struct sluice_socket_config {
	const struct sockaddr *local; /* NULL: any IPv4 address, any port */
	socklen_t local_len;
	int receive_buffer, send_buffer; /* bytes asked of the kernel; 0: 4 MiB (the kernel may give less) */
	bool no_gso, no_gro, no_mmsg;    /* do without, as on a kernel that has less */
} sluice_socket_config;

/* Opens a UDP socket for the peer and drives it from now on. The peer's configured path gives the remote address. On
 * sluice_peer_free() the loop forgets the peer and closes the socket. Returns 0, SLUICE_IO (errno tells why), SLUICE_EXISTS
 * when the peer is on a loop already, SLUICE_NO_MEMORY. */
SLUICE_API int sluice_loop_add(sluice_loop *loop, sluice_peer *peer, const sluice_socket_config *config);

/* The address that the peer's socket is bound to. Returns 0, SLUICE_NOT_FOUND when the peer is not on this loop, SLUICE_IO. */
SLUICE_API int sluice_loop_local_address(sluice_loop *loop, sluice_peer *peer, struct sockaddr_storage *addr, socklen_t *len);

/* Adds with a socket first, so that its address can be announced before the peer exists: a reservation that
 * sluice_loop_add_socket turns into a driven peer. Until then it is the app's to close; afterwards it goes with the peer.
 * Returns as sluice_loop_add; sluice_loop_add_socket also SLUICE_INVALID for a socket that has a peer or another loop. */
typedef struct sluice_socket sluice_socket;
SLUICE_API int sluice_socket_open(sluice_loop *loop, const sluice_socket_config *config, sluice_socket **out);
SLUICE_API void sluice_socket_close(sluice_socket *s); /* only while no peer owns it */
SLUICE_API int sluice_socket_address(const sluice_socket *s, struct sockaddr_storage *addr, socklen_t *len);
SLUICE_API int sluice_loop_add_socket(sluice_loop *loop, sluice_peer *peer, sluice_socket *s);

#ifdef __cplusplus
}
#endif
#endif
