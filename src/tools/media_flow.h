/* media_flow: what does `sluice media` do with one transceiver?
 *
 * Received frames go to the recorder, packets go back where they came from (echo), and a file is played into the sending track.
 * It knows neither the command line nor how the ends found each other. */
#ifndef TOOLS_MEDIA_FLOW_H
#define TOOLS_MEDIA_FLOW_H

#include "tools/media_play.h"
#include "tools/media_recorder.h"

struct media_flow {
	struct media_flow *next;
	sluice_transceiver *transceiver; /* valid while one of the tracks is there */
	sluice_track *sender, *receiver; /* NULL: ended */
	enum sluice_media_kind kind;
	char name[MEDIA_NAME_MAX]; /* "video-1", for lines and files, once it has a mid */
	bool theirs;               /* the other side sends */
	bool records, echoes;
	const char *folder;                           /* of what it records */
	struct recorder recorders[SLUICE_LAYERS_MAX]; /* one for each layer of a simulcast */
	struct play_file *file;                       /* NULL: none */
	uint64_t echoed;                              /* frames whose first packet went back */
	/* As of the last media_flow_look(), and of the one before. Received: all layers together, and the largest jitter. */
	sluice_inbound_rtp_stats in, in_before;
	sluice_outbound_rtp_stats out, out_before;
	enum sluice_codec in_codec, out_codec;
	/* A file could not be written. */
	void (*on_failed)(void *ctx);
	void *ctx;
};

/* Adds one to the end of the list; NULL: no memory. */
struct media_flow *media_flow_add(struct media_flow **list, sluice_transceiver *t);
struct media_flow *media_flow_find(struct media_flow *list, const sluice_transceiver *t);
/* Once it is known what the flow does: sets the callbacks of its tracks. */
void media_flow_listen(struct media_flow *f);
/* The direction that the flow needs. */
enum sluice_direction media_flow_direction(const struct media_flow *f);
/* Reads the name and the statistics again. */
void media_flow_look(struct media_flow *f);
/* Closes the files and frees the list. False: a file is not complete. */
bool media_flow_free_all(struct media_flow **list);

#endif
