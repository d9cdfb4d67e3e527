/* room: who publishes, and who watches?
 *
 * A room has a name, at most one publisher, and watchers. A peer becomes one of them in three steps, around the answer to its
 * offer:
 *
 *   forward_publish(), forward_watch()   the offer is set: directions, codecs, callbacks
 *   forward_settle()                     the answer is set: is anything carried? From here on packets go through
 *   forward_connected()                  the peer is connected
 *
 * forward_leave() takes it out at any time, and has to be called before its peer is freed.
 *
 * A publisher that has sent nothing for FORWARD_SILENCE gives its place to another one, whose tracks go on in those that the
 * watchers have. Watchers of a room without a publisher wait for FORWARD_PATIENCE. A watcher gets only codecs that are sent.
 *
 * It knows peers and tracks, no HTTP and no clock; everything belongs to one thread and one environment. */
#ifndef TOOLS_FORWARD_ROOM_H
#define TOOLS_FORWARD_ROOM_H

#include "sluice/peer.h"
#include "tools/forward/feed.h"
#include "tools/refusal.h"

/* Audio and video tracks of a publisher, and as many of a watcher. */
#define FORWARD_TRACKS_MAX 8
#define FORWARD_NAME_MAX 64
#define FORWARD_SILENCE UINT64_C(3000000000)
#define FORWARD_PATIENCE UINT64_C(30000000000)

struct forward;
struct forward_member;

struct forward_config {
	/* Of one room. */
	uint64_t watchers_max;
	/* The member's part is over; forward_leave() has to follow, now or later. Comes from forward_tick(), once. */
	void (*over)(void *ctx, void *user, const char *why);
	void *ctx;
};

/* NULL: no memory. */
struct forward *forward_new(const struct forward_config *config);
/* There are no members any more. */
void forward_free(struct forward *f);

/* NULL: *why says why not. user: for over(). */
struct forward_member *forward_publish(struct forward *f, const char *room, sluice_peer *p, void *user, struct refusal *why);
struct forward_member *forward_watch(struct forward *f, const char *room, sluice_peer *p, void *user, struct refusal *why);
/* False: nothing is carried, or not everything that has to be; *why says what. forward_leave() follows. */
bool forward_settle(struct forward_member *m, struct refusal *why);
void forward_connected(struct forward_member *m);
void forward_leave(struct forward_member *m);

/* At least four times a second; now: as the peers' verbs get it. */
void forward_tick(struct forward *f, uint64_t now);

/* ---- what is going on ---------------------------------------------------------------------------------------------- */

struct forward_stats {
	const char *name;
	bool has_publisher;
	unsigned watchers;
	uint64_t rate_in; /* bit/s, of all layers */
	uint64_t packets_in, packets_out, dropped, keyframe_requests;
};
/* Of the i-th room. False: there is none. Of packets, those of members who left do not count. */
bool forward_stats_get(const struct forward *f, size_t i, struct forward_stats *stats);
/* What the member's peer gets or gives; for tests. */
const struct sink *forward_sink(const struct forward_member *m, size_t i);
const struct feed *forward_feed(const struct forward_member *m, size_t i);

#endif
