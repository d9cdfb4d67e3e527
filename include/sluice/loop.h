/* The libev driver: sockets, the clock and the timers for any number of peers on one thread.
 *
 * It uses a struct ev_loop of the app or makes one. An app calls none of the four verbs of a peer that is on a loop: the loop
 * reads datagrams in batches, runs the callbacks, and sends what the callbacks queued before it sleeps again. */
#ifndef SLUICE_LOOP_H
#define SLUICE_LOOP_H

#include "sluice/peer.h"

struct ev_loop;

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_loop sluice_loop;

/* ---- the loop --------------------------------------------------------------------------------------------------- */

/* Makes a loop on `ev`. ev NULL: it makes an ev_loop of its own, and frees it in sluice_loop_free(). All calls must come from the
 * thread that runs the ev_loop.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_loop_new(sluice_env *env, struct ev_loop *ev, sluice_loop **out);
/* Frees the loop and its endpoints. Its peers are removed from it, not freed. Must not be called inside a callback. */
SLUICE_API void sluice_loop_free(sluice_loop *loop);
SLUICE_API struct ev_loop *sluice_loop_ev(sluice_loop *loop);

/* Runs until sluice_loop_stop() is called or there is nothing left to wait for. An app with an ev_loop of its own calls ev_run
 * instead. */
SLUICE_API void sluice_loop_run(sluice_loop *loop);
SLUICE_API void sluice_loop_stop(sluice_loop *loop);

/* Busy polling: after each event the loop looks for that many microseconds whether something else comes, and sleeps only then. A
 * datagram that comes meanwhile finds the thread awake, which shortens round trips where waking a thread takes long.
 *
 * The thread uses its CPU fully meanwhile. Timers, posts and the app's own watchers are served as always. Where the other side's
 * thread has to share the CPU, round trips get longer instead. 0, the default: the loop sleeps at once. May be changed at any
 * time. */
SLUICE_API void sluice_loop_set_busy_poll(sluice_loop *loop, uint32_t microseconds);

/* The monotonic clock that drives the loop's peers, in ns. Any thread. */
SLUICE_API uint64_t sluice_now(void);

/* Runs fn(ctx) on the loop's thread, soon, in the order of the calls. Any thread may call it, at any time between
 * sluice_loop_new() and sluice_loop_free(). It never waits for a callback to return. What is still queued when the loop is freed
 * is run by sluice_loop_free().
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_loop_post(sluice_loop *loop, void (*fn)(void *ctx), void *ctx);

/* ---- a direct peer: one socket ---------------------------------------------------------------------------------- */

/* Zero in a field means its default. */
typedef struct sluice_socket_config {
	/* The address to bind. Default: any IPv4 address, any port */
	const struct sockaddr *local;
	socklen_t local_len;
	/* Bytes asked of the kernel, which may give less: without CAP_NET_ADMIN at most net.core.rmem_max and wmem_max, which are
	 * 208 KiB on most systems. The kernel counts its own overhead against a receive buffer of twice this size. So full
	 * packets fit as asked, and small ones less well.
	 *
	 * Peers are promised no more than fits the receive buffer and, where a round trip takes 2 ms or more, twice what is under
	 * way beside it. So a sender that is faster than the app waits, instead of losing datagrams here. Peers that share a
	 * socket share its buffer equally: those that sent something in the last half second, each 64 KiB or more. What the
	 * kernel drops all the same is counted in sluice_peer_stats.socket_drops, or in sluice_endpoint_stats.
	 *
	 * Default: 4 MiB; the receive buffer grows with the receive window of its peers, up to 64 MiB */
	int receive_buffer, send_buffer;
	/* Do without UDP_SEGMENT, UDP_GRO, sendmmsg and recvmmsg, as on a kernel that lacks them. */
	bool no_gso, no_gro, no_mmsg;
} sluice_socket_config;

/* Opens a UDP socket for the peer and drives the peer from now on. The remote address is that of config.path of the peer.
 * sluice_peer_free() closes the socket.
 *
 * Returns 0, or
 *   SLUICE_IO      the socket could not be opened; errno says why
 *   SLUICE_EXISTS  the peer is on a loop already
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_loop_add(sluice_loop *loop, sluice_peer *peer, const sluice_socket_config *config);

/* Writes the address that the peer's socket is bound to.
 *
 * Returns 0, or
 *   SLUICE_NOT_FOUND  the peer is not on this loop
 *   SLUICE_IO         the system did not say; errno says why */
SLUICE_API int sluice_loop_local_address(sluice_loop *loop, sluice_peer *peer, struct sockaddr_storage *addr, socklen_t *len);

/* A socket without a peer, for an app that has to announce the address before it makes the peer. sluice_loop_add_socket() gives
 * it to a peer; before that the app closes it, afterwards sluice_peer_free() does. */
typedef struct sluice_socket sluice_socket;

/* Opens one.
 *
 * Returns 0, or
 *   SLUICE_IO  it could not be opened; errno says why
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_socket_open(sluice_loop *loop, const sluice_socket_config *config, sluice_socket **out);
/* Closes one that has no peer. */
SLUICE_API void sluice_socket_close(sluice_socket *s);
/* Writes the address that it is bound to. Returns 0, or SLUICE_IO (errno says why). */
SLUICE_API int sluice_socket_address(const sluice_socket *s, struct sockaddr_storage *addr, socklen_t *len);
/* Drives the peer over the socket from now on.
 *
 * Returns as sluice_loop_add(), and
 *   SLUICE_INVALID  the socket has a peer, or belongs to another loop */
SLUICE_API int sluice_loop_add_socket(sluice_loop *loop, sluice_peer *peer, sluice_socket *s);

/* ---- by offer and answer: a socket on each address -------------------------------------------------------------- */

/* Zero in any field but `size` means its default. */
typedef struct sluice_gather_config {
	/* sizeof(sluice_gather_config) */
	size_t size;

	/* ---- which addresses ---- */

	/* Gather this address only, with its port if that is not 0. Default: every address of every interface that is up */
	const struct sockaddr *bind;
	socklen_t bind_len;
	/* The ports of our sockets lie in this range. Default: any */
	uint16_t port_min, port_max;
	bool no_ipv4, no_ipv6;
	/* Gather loopback addresses too. Default: only when the machine has no others */
	bool loopback;
	/* Gather TCP candidates (RFC 6544) too; each address then has a listening socket. */
	bool tcp;
	/* Returns false for an interface or address to leave out. */
	bool (*filter)(const char *interface, const struct sockaddr *addr, void *user);
	void *user;
	/* Buffers and switches of the sockets; its address is not used. */
	sluice_socket_config socket;

	/* ---- .local names (mDNS) ---- */

	/* Announce random .local names instead of host addresses, and answer queries for them, as browsers do. */
	bool mdns_names;
	/* Do not look up the other side's .local names. */
	bool no_mdns;

	/* ---- turns: servers ---- */

	/* A PEM file with the authorities to trust. It is read again for each connection. Default: the system's (OpenSSL's, which
	 * SSL_CERT_FILE in the environment replaces) */
	const char *tls_ca_file;
	/* Accept any certificate. Anybody on the way can then pose as the server: for tests. */
	bool tls_no_verify;
} sluice_gather_config;

/* Drives a peer that connects by offer and answer. It opens a UDP socket on each address (RFC 8445, 5.1.1.1), resolves names,
 * connects streams to TURN servers, and follows the machine's interfaces: a socket stays as long as the machine has its address,
 * and an address that comes back gets the port that it had. config may be NULL.
 *
 * Returns 0, or
 *   SLUICE_IO       no address could be bound, or tls_ca_file cannot be read; errno says why
 *   SLUICE_EXISTS   the peer is on a loop already
 *   SLUICE_INVALID  the peer is a direct one, or a field is out of bounds
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_loop_gather(sluice_loop *loop, sluice_peer *peer, const sluice_gather_config *config);

/* ---- by offer and answer: one UDP port for many peers ----------------------------------------------------------- */

/* An endpoint shares one port among any number of peers. A first STUN request is for the peer whose ufrag it names; later
 * datagrams are for the peer that their source address belongs to. So each peer of an endpoint needs a remote address of its own.
 * When a client connects again from the address of its last connection, the new peer gets the address once it has answered a
 * check of ours. */
typedef struct sluice_endpoint sluice_endpoint;

typedef struct sluice_endpoint_config {
	/* sizeof(sluice_endpoint_config) */
	size_t size;
	/* Its address and port are shared, and announced as host candidate. An any-address stands for each address that the
	 * machine has, now and later, with the same port on all of them; that of IPv6, and NULL, stand for both families. */
	sluice_socket_config socket;
	/* With an any-address: loopback too. */
	bool loopback;
	/* A STUN request names a ufrag that no peer has. The hook may make that peer (sluice_endpoint_add() with config.ufrag
	 * set) and return true; the request is then for it. Strangers cause these calls, so the app has to bound what it makes.
	 * `from` is where the request came from. */
	bool (*on_unknown_ufrag)(sluice_endpoint *e, const char *ufrag, const char *remote_ufrag, const struct sockaddr *from,
	                         void *user);
	void *user;
	/* As in sluice_gather_config. */
	const char *tls_ca_file;
	bool tls_no_verify;
} sluice_endpoint_config;

/* Makes an endpoint. A loop may have several.
 *
 * Returns 0, or
 *   SLUICE_IO       the port could not be bound, or tls_ca_file cannot be read; errno says why
 *   SLUICE_INVALID  config is NULL, or its address or size is wrong
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_endpoint_new(sluice_loop *loop, const sluice_endpoint_config *config, sluice_endpoint **out);
/* Frees the endpoint. Its peers remain, without a socket; free them. Must not be called inside on_unknown_ufrag. */
SLUICE_API void sluice_endpoint_free(sluice_endpoint *e);

/* Drives the peer over the endpoint from now on. sluice_peer_free() takes it off. The peer reaches STUN servers through the
 * shared port, but TURN servers only over TCP or TLS, because a server gives one address only one allocation (RFC 8656, 2.2).
 *
 * Returns 0, or
 *   SLUICE_EXISTS   the peer has a driver, or its ufrag is in use
 *   SLUICE_INVALID  the peer is a direct one
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_endpoint_add(sluice_endpoint *e, sluice_peer *peer);

/* Writes the shared address with its actual port; an any-address remains one. Returns 0. */
SLUICE_API int sluice_endpoint_address(const sluice_endpoint *e, struct sockaddr_storage *addr, socklen_t *len);

typedef struct sluice_endpoint_stats {
	/* At the moment. */
	uint64_t peers, addresses;
	/* Datagrams: requests with a ufrag that no peer has, and others from unknown addresses. */
	uint64_t unknown_ufrags, strays;
	uint64_t datagrams_received, datagrams_sent;
	/* What the kernel dropped because a receive buffer was full; datagrams that it had coalesced count as one. */
	uint64_t socket_drops;
} sluice_endpoint_stats;
/* Copies the counters. */
SLUICE_API void sluice_endpoint_stats_get(const sluice_endpoint *e, sluice_endpoint_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
