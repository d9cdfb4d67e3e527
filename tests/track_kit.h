/* track_kit: ends with a sluice_media each in the simulator's world, and apps on them that send and check frames.
 *
 * A frame's bytes follow from its number and the codec, so the taker checks each of them, and that the numbers rise. Invariants
 * of the session are checked after each verb; leaks fail the test when the world ends. */
#ifndef TESTS_TRACK_KIT_H
#define TESTS_TRACK_KIT_H

#include "suite.h"

#include "sim/assert.h"
#include "sim/memory.h"
#include "sim/sim.h"
#include "sluice/error.h"
#include "sluice/media.h"

#define KIT_ENDS 4
#define KIT_MEDIA_DELAY (20 * SLUICE_MS)
#define KIT_FRAME_MAX 65536

struct media_end {
	sluice_media *media;
	sluice_env *env;
	struct memory memory;
	struct rng entropy;
	struct sim_host *host;
	const char *name;
	struct media_end *others[KIT_ENDS];
	unsigned unknown; /* on_unknown_ssrc */
	uint32_t unknown_ssrc;
	void (*on_unknown)(struct media_end *e, uint32_t ssrc);
	void *ctx;
};

/* The app's side of one sending layer: a frame each `interval`. */
struct media_source {
	struct media_end *end;
	sluice_track *track;
	enum sluice_codec codec;
	unsigned layer;
	uint64_t interval;
	size_t size;    /* bytes of a frame */
	uint32_t count; /* frames to send; each has its number */
	uint32_t next, keys;
	uint64_t due, begun;
	bool key_wanted;
	unsigned key_requests;
	unsigned blocked; /* frames that were refused */
	uint64_t bitrate; /* told */
	unsigned told;
	bool lends;
	unsigned lent, released;
	uint32_t last_key;
};

/* The app's side of one receiving track. */
struct media_sink {
	struct media_end *end;
	sluice_track *track;
	uint32_t got[SLUICE_LAYERS_MAX], last[SLUICE_LAYERS_MAX], keys[SLUICE_LAYERS_MAX];
	uint64_t lost[SLUICE_LAYERS_MAX], timestamp[SLUICE_LAYERS_MAX];
	uint64_t last_at, worst_delay;
	unsigned packets, mutes, unmutes, ended;
	bool jumps; /* frames come of several sources: their numbers may jump, and go back */
	unsigned jumped;
	void (*on_rtp)(struct media_sink *s, const sluice_rtp *packet);
	void *ctx;
};

struct media_world {
	struct sim sim;
	struct media_end ends[KIT_ENDS];
	unsigned count;
	struct media_source *sources[64];
	unsigned source_count;
};

struct media_world *media_world_new(unsigned ends, const struct link_config *link);
/* The same, with keys of this profile and the usual extensions. Ends are joined with the first one. */
struct media_world *media_world_up(unsigned ends, enum sluice_srtp_profile profile, const struct link_config *link);
void media_world_free(struct media_world *w);
void media_world_run(struct media_world *w, uint64_t ns);
void media_end_keys(struct media_end *a, struct media_end *b, enum sluice_srtp_profile profile);
void media_end_extensions(struct media_end *e);
/* Frees the session now; the machine stays. */
void media_end_free(struct media_end *e);

/* Configurations that suit each other. The codec has RTX, NACK and PLI. */
sluice_codec_config media_codec(enum sluice_codec codec);
/* Its codecs point to static memory, by codec. */
sluice_track_config media_track(enum sluice_codec codec, const char *mid);

void media_source_open(struct media_world *w, struct media_source *s, struct media_end *e, const sluice_track_config *config);
/* Sends frames from now on. */
void media_source_run(struct media_world *w, struct media_source *s, uint32_t count, uint64_t interval, size_t size);
void media_sink_open(struct media_sink *s, struct media_end *e, const sluice_track_config *config);

/* Writes frame `number`; returns its length. */
size_t media_frame(enum sluice_codec codec, uint32_t number, bool key, size_t size, uint8_t *space);
/* Its number, after every byte was checked. */
uint32_t media_frame_check(enum sluice_codec codec, const uint8_t *data, size_t len, bool *key);

#endif
