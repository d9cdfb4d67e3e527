/* underlay: what lies below DTLS? A const table of functions, of which there are two: one path that was given or learnt
 * (underlay_direct.c), and ICE (underlay_ice.c).
 *
 * Upwards, an underlay sorts what came into spans: datagrams of one protocol from one path. Downwards, it says where data goes,
 * makes room for headers and puts them in. It knows no peer. What happened on the path waits as events until peer.c polls them,
 * and peer.c alone gives spans to DTLS. */
#ifndef PEER_UNDERLAY_H
#define PEER_UNDERLAY_H

#include "base/packet_kind.h"
#include "ice/ice.h"
#include "sluice/peer.h"

struct underlay;

/* A batch of datagrams from one path, and how far next() has come in it. */
struct underlay_input {
	const sluice_path *path; /* NULL: the path where data goes */
	sluice_datagram *datagrams;
	size_t count, at;

	/* Of ICE. examined: datagrams[at] was unwrapped already, with this verdict and from there. */
	bool examined;
	enum ice_verdict verdict;
	sluice_path from;
	/* Where the last span came from, when that is not `path`. */
	sluice_path source;
};

/* Datagrams that lie beside each other in the input, are of one kind and came from one path. */
struct underlay_span {
	/* UNKNOWN: of no protocol that a peer speaks, or from a path that may not speak for the peer. */
	enum packet_kind kind;
	/* The datagram came inside an authenticated check. */
	bool embedded;
	/* Something of the underlay's own was handled on the way, so there may be events that concern the span. */
	bool eventful;
	const sluice_path *path; /* as given; NULL only when the input's was */
	sluice_datagram *datagrams;
	size_t count;
};

enum underlay_event_kind {
	UNDERLAY_CANDIDATE, /* a local candidate to announce to the other side */
	UNDERLAY_GATHERED,  /* there will be no more of them */
	UNDERLAY_STATE,     /* of ICE */
	UNDERLAY_ROUTE,     /* data has a route now, or another one, or more is known of it */
	UNDERLAY_OPEN,      /* the other side takes data over the route from now on, if it did not before */
};

struct underlay_event {
	enum underlay_event_kind kind;
	enum sluice_ice_state state; /* STATE */
	bool moved;                  /* ROUTE: data goes elsewhere than before */
	uint64_t rtt;                /* ROUTE: the path's round trip, ns; 0: not known */
	uint32_t largest; /* ROUTE: the largest datagram worth a try; 0: the path is a stream; see ice_route_largest() */
	struct candidate candidate; /* CANDIDATE */
};

/* A row that is NULL does nothing and answers 0, false or SLUICE_NEVER. They are called by the functions below. */
struct underlay_ops {
	void (*free)(struct underlay *u);
	bool (*next)(struct underlay *u, struct underlay_input *in, struct underlay_span *out, uint64_t now);
	void (*taken)(struct underlay *u, const struct underlay_span *span, uint64_t now);
	bool (*proved)(struct underlay *u, const sluice_path *path, uint64_t now);
	void (*secured)(struct underlay *u, bool client);
	void (*advance)(struct underlay *u, uint64_t now);
	int (*output)(struct underlay *u, sluice_batch *batch, uint64_t now);
	int (*reserve)(struct underlay *u, sluice_batch *batch);
	int (*finish)(struct underlay *u, sluice_batch *batch, uint64_t now);
	uint64_t (*deadline)(const struct underlay *u);
	bool (*poll)(struct underlay *u, struct underlay_event *e);
	bool (*can_start)(const struct underlay *u, bool client);
	bool (*embeds)(const struct underlay *u);
	void (*flight)(struct underlay *u, const sluice_datagram *datagrams, size_t count, uint64_t now);
	bool (*admits)(const struct underlay *u, const sluice_path *path);
	uint64_t (*proofs)(const struct underlay *u);
	size_t (*headroom)(const struct underlay *u);
	void (*close)(struct underlay *u);
	bool (*check)(const struct underlay *u);
};

/* A datagram of a handshake that was embedded in STUN and goes plainly too. */
struct plain_datagram;

struct underlay {
	const struct underlay_ops *ops;
	struct ice *ice; /* NULL: direct */
	bool routed;     /* data may be sent; always so without ICE */
	bool secure;     /* of a direct one: DTLS is up, so records from any path prove themselves */
	bool heard;      /* of a direct one: a datagram that looks like DTLS came without an address */
	bool sped;       /* DTLS in STUN is offered or agreed */
	/* Copies of an embedded flight, to go over the route as well. */
	struct plain_datagram *plain, **plain_end;
	sluice_env *env;
	sluice_path path; /* where data goes; remote_len 0 until that is known */
};

/* ---- in ---- */

/* The paths in it stay unset: they are half a kilobyte, and datagrams that come as they are need neither. */
static inline void underlay_begin(struct underlay_input *in, const sluice_path *path, sluice_datagram *datagrams, size_t count) {
	in->path = path;
	in->datagrams = datagrams;
	in->count = count;
	in->at = 0;
	in->examined = false;
}
/* The next span of the input; false: there is none left. What is the underlay's own (STUN) is handled on the way. */
static inline bool underlay_next(struct underlay *u, struct underlay_input *in, struct underlay_span *out, uint64_t now) {
	return u->ops->next(u, in, out, now);
}
/* The span is about to be given to the engine that it belongs to. Called before the datagrams are opened in place. */
static inline void underlay_taken(struct underlay *u, const struct underlay_span *span, uint64_t now) {
	if (u->ops->taken)
		u->ops->taken(u, span, now);
}
/* Records from this path (NULL: no particular one) were genuine. True: data goes there from now on and did not before. */
static inline bool underlay_proved(struct underlay *u, const sluice_path *path, uint64_t now) {
	return path && u->ops->proved(u, path, now);
}
/* DTLS is up. */
static inline void underlay_secured(struct underlay *u, bool client) {
	u->ops->secured(u, client);
}
static inline void underlay_advance(struct underlay *u, uint64_t now) {
	if (u->ops->advance)
		u->ops->advance(u, now);
}
static inline bool underlay_poll(struct underlay *u, struct underlay_event *e) {
	return u->ops->poll && u->ops->poll(u, e);
}

/* ---- out ---- */

/* Datagrams of the underlay's own that are due. Returns how many, 0 or SLUICE_NO_SPACE. */
static inline int underlay_output(struct underlay *u, sluice_batch *batch, uint64_t now) {
	return u->ops->output ? u->ops->output(u, batch, now) : 0;
}
/* Before a batch is filled with data for u->path: takes from batch->capacity what underlay_finish will need. 0 or
 * SLUICE_NO_SPACE. The caller restores capacity and max_datagrams. */
static inline int underlay_reserve(struct underlay *u, sluice_batch *batch) {
	return u->ops->reserve ? u->ops->reserve(u, batch) : 0;
}
/* The batch is filled. Makes it ready to leave, batch->path included. 0, or SLUICE_WOULD_BLOCK: the batch is spent, and its
 * datagrams will come out of underlay_output. */
static inline int underlay_finish(struct underlay *u, sluice_batch *batch, uint64_t now) {
	return u->ops->finish(u, batch, now);
}
/* When underlay_advance or underlay_output is due. */
static inline uint64_t underlay_deadline(const struct underlay *u) {
	return u->ops->deadline ? u->ops->deadline(u) : SLUICE_NEVER;
}
/* Bytes that underlay_finish puts before each datagram. */
static inline size_t underlay_headroom(const struct underlay *u) {
	return u->ops->headroom ? u->ops->headroom(u) : 0;
}
/* The peer has said its last word. What underlay_output still brings ends allocations at servers. */
static inline void underlay_close(struct underlay *u) {
	if (u->ops->close)
		u->ops->close(u);
}

/* ---- the handshake ---- */

/* May it begin? */
static inline bool underlay_can_start(const struct underlay *u, bool client) {
	return u->ops->can_start(u, client);
}
/* Are its flights given to underlay_flight instead of being put out? */
static inline bool underlay_embeds(const struct underlay *u) {
	return u->ops->embeds && u->ops->embeds(u);
}
static inline void underlay_flight(struct underlay *u, const sluice_datagram *datagrams, size_t count, uint64_t now) {
	u->ops->flight(u, datagrams, count, now);
}

/* ---- questions ---- */

/* May datagrams from there be the other side's? */
static inline bool underlay_admits(const struct underlay *u, const sluice_path *path) {
	return u->ops->admits(u, path);
}
/* Authenticated checks and answers that came so far. */
static inline uint64_t underlay_proofs(const struct underlay *u) {
	return u->ops->proofs ? u->ops->proofs(u) : 0;
}
static inline bool underlay_check(const struct underlay *u) {
	return u->ops->check(u);
}
static inline void underlay_free(struct underlay *u) {
	if (u->ops && u->ops->free)
		u->ops->free(u);
}

/* ---- underlay_direct.c ---- */

void underlay_direct_init(struct underlay *u, sluice_env *env, const sluice_path *path);

/* ---- underlay_ice.c ---- */

/* config is asked for its filter and its user as long as the underlay lives. 0, SLUICE_INVALID, SLUICE_NO_MEMORY. */
int underlay_ice_init(struct underlay *u, sluice_env *env, const sluice_peer_config *config);
/* DTLS in STUN: offered or agreed, or not agreed. */
void underlay_ice_sped(struct underlay *u, bool on);
/* The copies of the flight are of a handshake that is over. */
void underlay_ice_drop_flight(struct underlay *u);
enum sluice_ice_state underlay_ice_state(const struct underlay *u);

#endif
