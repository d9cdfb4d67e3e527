/* media_node: one end of a media session in the simulator. It sends frames, takes frames, or both.
 *
 * A frame is a run of packets, sent 200 us apart. Its bytes follow from its number, so the taker checks each byte. The taker puts
 * frames together in order, and fails the test when a packet is handed to it twice or a frame is not what was sent. When the
 * session has given a packet up, it goes on with the next keyframe that is whole.
 *
 * Half of the frame's place is a prefix of eight bytes, as a payload format has one: number of the frame, packet, packets,
 * keyframe. */
#ifndef TESTS_SIM_MEDIA_NODE_H
#define TESTS_SIM_MEDIA_NODE_H

#include "rtp/session.h"
#include "sim.h"

#define MEDIA_SOURCES 2048 /* frames that a history may hold at once */
#define MEDIA_SEEN 65536
#define MEDIA_BODY 1000
#define MEDIA_TYPE 96
#define MEDIA_RTX_TYPE 97

struct media_seen {
	uint64_t number;
	uint32_t frame;
	uint8_t packet, packets; /* packets 0: a filler */
	bool key;
};

struct media_node {
	struct rtp_session *session;
	sluice_env *env;
	int out, in; /* streams; -1: none */

	/* ---- sending ---- */
	uint32_t frames; /* how many to send */
	unsigned packets;
	uint64_t interval;
	uint32_t frame; /* the current one */
	unsigned packet;
	uint64_t due, captured;
	bool key, key_wanted;
	uint32_t keys;
	struct rtp_source sources[MEDIA_SOURCES];

	/* ---- taking ---- */
	struct media_seen *seen; /* MEDIA_SEEN; by number */
	uint64_t next;           /* number of the next packet in order; 0: a keyframe must come first */
	uint64_t given_up;       /* of the session, when it was last looked at */
	uint32_t got, last;      /* frames in order; number of the last */
	uint32_t fillers;
	uint32_t passed;                            /* frames that were passed for a keyframe */
	uint64_t got_at;                            /* when the last frame was whole */
	uint64_t keys_asked, last_asked, asked_gap; /* keyframe requests; the least time between two */
	uint64_t rtcp;                              /* datagrams of RTCP sent */
};

/* The session is made with NACK, RTX, TWCC and keyframe requests; `stages` are taken away from these; without TWCC there
 * is no id for its numbers. base: both ends' SSRCs
 * begin there. */
void media_node_open(struct media_node *n, sluice_env *env, const struct rtp_session_config *more, uint32_t ours, uint32_t theirs,
                     uint32_t stages, bool with_rtx);
void media_node_close(struct media_node *n);
/* Sends so many frames, from `at` on. */
void media_node_send(struct media_node *n, uint32_t frames, unsigned packets, uint64_t interval, uint64_t at);
/* For a node that has a pacer: writes the next packet of the current frame, and begins a frame of n->packets when that is over.
 * Returns its length. */
int media_node_packet(struct media_node *n, uint32_t probe, uint8_t *space, size_t size, uint64_t now);

extern const struct sim_node_ops media_node_ops;

#endif
