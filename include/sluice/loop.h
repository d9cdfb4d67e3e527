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
/* Peers still on it are removed, not freed; endpoints are freed. Not from inside a callback. */
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

/* ---- by offer and answer: gathering addresses ---------------------------------------------------------------------- */

/* Zero means the default named behind a field. */
typedef struct sluice_gather_config {
	size_t size; /* sizeof(sluice_gather_config) */
	const struct sockaddr
		*bind; /* gather this address alone (its port, when not 0); NULL: every address of every interface that is up */
	socklen_t bind_len;
	uint16_t port_min, port_max; /* of our sockets; 0: any */
	bool no_ipv4, no_ipv6;
	bool loopback;   /* loopback addresses too; without it they are taken only when the machine has no other */
	bool tcp;        /* TCP candidates (RFC 6544) too: one listening socket an address */
	bool mdns_names; /* tell random .local names instead of host addresses, and answer for them, as browsers do */
	bool no_mdns;    /* do not ask for the .local names of the other side */
	/* Returns false for an interface or address that is to be left out. */
	bool (*filter)(const char *interface, const struct sockaddr *addr, void *user);
	void *user;
	sluice_socket_config socket; /* buffers and switches; its local address is not used */
	/* For turns: servers. A PEM file of the authorities to trust; NULL: the system's (OpenSSL's, which SSL_CERT_FILE in the
	 * environment replaces). Copied, and read again for each connection. */
	const char *tls_ca_file;
	bool tls_no_verify; /* take any certificate: whoever is in between can play the server then. For tests */
} sluice_gather_config;

/* Drives a peer of the offer/answer kind: opens a UDP socket on each address (RFC 8445, 5.1.1.1), resolves names, connects
 * streams to TURN servers, follows changes of the interfaces: a socket stays as long as the machine has its address, and an
 * address that comes back has the port that it had. config may be NULL. Returns 0, SLUICE_IO when no address at all could be
 * bound or tls_ca_file cannot be read (errno tells why), SLUICE_EXISTS, SLUICE_INVALID for a direct peer, SLUICE_NO_MEMORY. */
SLUICE_API int sluice_loop_gather(sluice_loop *loop, sluice_peer *peer, const sluice_gather_config *config);

/* ---- one UDP port for many peers ------------------------------------------------------------------------------------ */

/* An endpoint shares one socket (or one an address family) among any number of peers: a first STUN request is told by its ufrag,
 * everything after it by its source address. So of peers on one endpoint each needs a remote address of its own; when a client
 * comes again from the address of its last connection, the new peer gets it as soon as it has answered a check of ours. */
typedef struct sluice_endpoint sluice_endpoint;

typedef struct sluice_endpoint_config {
	size_t size;
	/* local: the address and port to share, told as host candidate. An any-address stands for each address of the machine, as
	 * they come and go, with one port on all of them; IPv6's (and NULL) for both families. */
	sluice_socket_config socket;
	bool loopback; /* with an any address: loopback too */
	/* A STUN request names a ufrag that no peer has: the hook may make one (sluice_endpoint_add with config.ufrag set) and
	 * return true, then the request is its. Bounded by the app: it is called for strangers. `from` is where it came from. */
	bool (*on_unknown_ufrag)(sluice_endpoint *e, const char *ufrag, const char *remote_ufrag, const struct sockaddr *from,
	                         void *user);
	void *user;
	const char *tls_ca_file; /* as in sluice_gather_config */
	bool tls_no_verify;
} sluice_endpoint_config;

/* Binds the socket; several endpoints may be on a loop. Returns 0, SLUICE_IO (errno tells why; tls_ca_file may be it too),
 * SLUICE_NO_MEMORY, SLUICE_INVALID. */
SLUICE_API int sluice_endpoint_new(sluice_loop *loop, const sluice_endpoint_config *config, sluice_endpoint **out);
/* Its peers stay, without a socket; free them. Not from inside on_unknown_ufrag. */
SLUICE_API void sluice_endpoint_free(sluice_endpoint *e);
/* Drives the peer over the endpoint from now on. Freeing the peer takes it off. It reaches STUN servers through the shared
 * socket, but TURN servers only over TCP or TLS: one address has but one allocation there (RFC 8656, 2.2). SLUICE_EXISTS (it has
 * a driver, or its ufrag is taken), SLUICE_INVALID for a direct peer, SLUICE_NO_MEMORY. */
SLUICE_API int sluice_endpoint_add(sluice_endpoint *e, sluice_peer *peer);
/* The address that it shares, with the port that it got; an any-address stays one. Returns 0. */
SLUICE_API int sluice_endpoint_address(const sluice_endpoint *e, struct sockaddr_storage *addr, socklen_t *len);
typedef struct sluice_endpoint_stats {
	uint64_t peers, addresses;       /* now */
	uint64_t unknown_ufrags, strays; /* datagrams: requests with an unknown ufrag; others from unknown addresses */
	uint64_t datagrams_received, datagrams_sent;
} sluice_endpoint_stats;
SLUICE_API void sluice_endpoint_stats_get(const sluice_endpoint *e, sluice_endpoint_stats *stats);

/* ---- other threads ---------------------------------------------------------------------------------------------------- */

/* Runs fn(ctx) on the loop's thread, soon, in the order of the calls. The one function of this library that any thread may call,
 * at any time between sluice_loop_new and sluice_loop_free; it takes no lock that the loop holds while callbacks run, so it never
 * waits for one. Returns 0 or SLUICE_NO_MEMORY. What is still queued when the loop is freed is run by sluice_loop_free. */
SLUICE_API int sluice_loop_post(sluice_loop *loop, void (*fn)(void *ctx), void *ctx);

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
