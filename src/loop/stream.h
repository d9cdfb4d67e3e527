/* stream: TCP connections of a peer: when are they up, and how do datagrams pass?
 *
 * There are three kinds:
 *   to a TURN server     the peer asked for it; it has a number of its own
 *   accepted (RFC 6544)  it uses the number of the listening socket
 *   active (RFC 6544)    it uses the number of the active address; it is opened by the first datagram to a new remote address
 * So to the ICE agent a TCP candidate is a socket like any other, and a path (number, remote address) finds the connection again.
 *
 * What the network does not take waits in a buffer of OUT_MAX bytes. Beyond that, whole datagrams are dropped, as a full queue of
 * a router does: SCTP can deal with loss, and a connection that stalls must not hold up the peer's other paths.
 *
 * Anybody can connect to a passive candidate. When there is no room for another connection, the oldest one that has not proved to
 * be the other side's makes room. So strangers who hold connections do not keep the other side out.
 *
 *   partial_len < the size of the frame that begins there; partial_len <= partial_room
 *   out_len <= OUT_MAX; out is NULL when out_len is 0 */
#ifndef LOOP_STREAM_H
#define LOOP_STREAM_H

#include "base/guard.h"
#include "loop/loop.h"
#include "loop/owner.h"

enum stream_state { STREAM_CONNECTING, STREAM_SECURING, STREAM_UP };

struct listener;

/* Which certificates of servers a TLS connection accepts. */
struct stream_trust {
	char *ca_file; /* ours; NULL: the system's authorities */
	bool no_verify;
};

/* All of one peer. */
struct streams {
	sluice_loop *loop;
	void *owner;
	const struct owner_ops *ops;
	const struct stream_trust *trust; /* NULL: nobody is trusted */
	struct stream *first;
	struct listener *listeners;
	unsigned count;
};

struct stream {
	struct outlet outlet; /* first; in the table of numbers when it is up and has one of its own */
	sluice_loop *loop;
	struct streams *streams;
	struct listener *listener; /* it uses this one's number; NULL: it has its own */
	struct stream *next, **back;
	enum stream_state state;
	uint32_t request; /* of the peer; answered when the stream is up or has failed */
	bool turn;
	struct guard guard;
	sluice_path path;       /* as the peer sees it */
	struct tls_stream *tls; /* NULL: without TLS */
	ev_io io;
	ev_timer limit;
	uint8_t *partial; /* the beginning of a frame */
	size_t partial_len, partial_room;
	uint8_t *out;
	size_t out_at, out_len;
	uint64_t dropped;
};

/* A candidate's address for TCP: passive (with a listening socket), or active (only where connections start). */
struct listener {
	struct outlet outlet; /* first */
	struct streams *streams;
	struct listener *next, **back;
	struct sockaddr_storage host;
	uint16_t preference;
	int fd; /* -1: active */
	ev_io io;
	ev_timer pause; /* runs after accept() found no file descriptor left */
	unsigned connections;
};

/* Opens the connection that the peer asked for. False when that fails at once: the caller notifies the peer. Otherwise the peer
 * is notified when the stream is up or has failed. */
bool stream_connect(struct streams *t, const sluice_request *r);
/* Closes the stream with this number, if it is one of these. */
void stream_close(struct streams *t, uint32_t number);
/* Sends to the stream that the path names, if it is one of these. */
void stream_send(struct streams *t, struct outlet *o, const sluice_batch *batch);
/* Before the listeners go. */
void stream_free_all(struct streams *t);
/* No event comes from streams and listeners any more: their owner is going. */
void stream_silence_all(struct streams *t);
/* Closes the stream without notifying the peer. */
void stream_abandon(struct stream *s);
/* For listener.c: a connection came. Where there are too many, the stranger who came first makes room. False when it cannot be
 * kept. */
bool stream_accept(struct listener *l, int fd, const struct sockaddr_storage *remote, socklen_t len);

/* addr's port is the one to listen on, 0: any. 0, SLUICE_IO, SLUICE_NO_MEMORY. */
int listener_open(struct streams *t, bool passive, const struct sockaddr_storage *addr, struct listener **out);
void listener_address(const struct listener *l, struct sockaddr_storage *addr);
/* Its connections go with it. */
void listener_close(struct listener *l);

/* 0, SLUICE_IO with errno when the file cannot be read, SLUICE_NO_MEMORY. */
int stream_trust_init(struct stream_trust *t, sluice_env *env, const char *ca_file, bool no_verify);
void stream_trust_deinit(struct stream_trust *t, sluice_env *env);

bool stream_check(const struct stream *s);

#endif
