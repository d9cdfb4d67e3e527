/* forward_kit: a room with a publisher and watchers in the simulator, each a whole peer with a line of its own to the server.
 *
 * The publisher's pictures say their number, and which layer they are; the watchers look at what comes. The server's peers share
 * an environment, as those of one process do. */
#ifndef TESTS_FORWARD_KIT_H
#define TESTS_FORWARD_KIT_H

#include "sim/caller.h"
#include "suite.h"

#include "tools/forward/room.h"

#define GUESTS_MAX 60
#define STAGE_STREAM "show" /* that publishers send */
#define PICTURE_INTERVAL (33 * SLUICE_MS)

/* One who publishes or watches: the far end of the line, and the server's. */
struct guest {
	struct stage *stage;
	struct caller *far, *server;
	struct forward_member *member;
	sluice_transceiver *video, *audio; /* the far end's; NULL: none */
	bool publishes, is_connected, is_sending;
	const char *over; /* why the server ended it */
	struct refusal why;
	/* ---- publishing ---- */
	unsigned layers, key_wanted;     /* bit i: of layer i */
	size_t sizes[SLUICE_LAYERS_MAX]; /* of pictures */
	bool off[SLUICE_LAYERS_MAX];     /* the app does not send this layer */
	uint32_t first, number;
	uint32_t key_requests[SLUICE_LAYERS_MAX], refused;
	/* ---- watching ---- */
	bool is_decoding;
	uint32_t hidden; /* pictures that need one that did not come */
	uint32_t frames, frames_of[SLUICE_LAYERS_MAX], keys, sounds, last, gaps, switches;
	int layer; /* of the last picture */
	uint64_t last_at, last_timestamp, longest_wait;
};

struct stage {
	struct sim sim;
	struct memory memory; /* of the server */
	struct rng entropy;
	sluice_env *env;
	struct forward *forward;
	struct guest guests[GUESTS_MAX];
	unsigned count;
};

/* watchers_max 0: as many as there may be. */
void stage_begin(struct stage *s, uint64_t watchers_max);
/* Everything is freed; the server's memory too. */
void stage_end(struct stage *s);
void stage_run(struct stage *s, uint64_t ns);

/* One who publishes: pictures of so many layers, of these sizes; sound with every third one. link NULL: 10 ms. NULL: refused, and
 * the last guest's `why` says why. codec NONE: VP8. */
struct guest *stage_publish(struct stage *s, const size_t sizes[], unsigned layers, const struct link_config *link);
struct guest *stage_watch(struct stage *s, const struct link_config *link);
/* A guest with the codecs of its video section. */
struct guest *stage_publish_codec(struct stage *s, enum sluice_codec codec);
struct guest *stage_watch_codec(struct stage *s, enum sluice_codec codec);
/* Ends it at the server, and frees both its peers. */
void stage_leave(struct guest *g);
void stage_until_connected(struct stage *s);

#endif
