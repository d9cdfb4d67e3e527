/* peer_media_kit: two callers with transceivers, and apps that send frames on them and count those that come.
 *
 * A frame has its number behind what the codec wants at its beginning, so the taker knows which ones came. */
#ifndef TESTS_PEER_MEDIA_KIT_H
#define TESTS_PEER_MEDIA_KIT_H

#include "sim/caller.h"
#include "suite.h"

#define AV_FLOWS 8

/* The app at one end of a transceiver. */
struct flow {
	struct av_end *end;
	sluice_transceiver *transceiver;
	enum sluice_media_kind kind;
	/* ---- sending: a frame every `interval`, 0: none ---- */
	uint64_t interval;
	size_t size;
	unsigned layers; /* as many layers get each frame */
	uint32_t sent, refused, key_requests;
	unsigned key_wanted;     /* bit k: of layer k */
	enum sluice_codec sends; /* VP8 or VP9; NONE: the track's, with bytes of VP8 */
	/* ---- receiving ---- */
	uint32_t got, got_of[SLUICE_LAYERS_MAX], last, keys;
	uint32_t mutes, unmutes;
	uint64_t first_at, last_at, bytes;
	bool muted, sender_ended, receiver_ended;
	enum sluice_codec codec;
};

struct av_end {
	struct av *kit;
	struct caller *caller;
	struct flow flows[AV_FLOWS]; /* in the order in which their transceivers came */
	unsigned count, tracks;
	/* In on_track: this direction is set (STOPPED: none), and when it sends, with these. */
	enum sluice_direction answers;
	uint64_t audio_interval, video_interval;
	void (*in_track)(struct av_end *e, struct flow *f);
	bool tolerant; /* frames may be missing for want of memory */
};

struct av {
	struct sim sim;
	struct av_end a, b;
};

void av_begin(struct av *k, const struct link_config *link);
void av_begin_with(struct av *k, const struct link_config *link, const sluice_peer_config *a, const sluice_peer_config *b);
void av_begin_seeded(struct av *k, uint64_t seed, const struct link_config *link, const sluice_peer_config *a,
                     const sluice_peer_config *b);
void av_end(struct av *k);
void av_run(struct av *k, uint64_t ns);

/* Adds a transceiver that sends at once; its callbacks are the kit's. */
struct flow *av_add(struct av_end *e, enum sluice_media_kind kind, enum sluice_direction direction);
struct flow *av_add_with(struct av_end *e, enum sluice_media_kind kind, const sluice_transceiver_config *config);
/* A flow for a transceiver that the test made itself. */
struct flow *av_adopt(struct av_end *e, sluice_transceiver *t);
/* The flow of this transceiver. */
struct flow *av_flow(struct av_end *e, const sluice_transceiver *t);
struct flow *av_flow_of_mid(struct av_end *e, const char *mid);
/* The callbacks of a sender of the kit. */
sluice_track_callbacks av_sending(void);
/* Begins or ends sending. */
void av_send(struct flow *f, uint64_t interval);
/* Both signaling states are stable, and nothing is due. */
bool av_is_settled(const struct av *k);
/* Runs until it is, and 300 ms more. */
void av_settle(struct av *k);

/* The local description's text; the next call overwrites it. */
const char *av_local(const struct av_end *e);
/* The part of a description that is its section number i, from m= to the next; the next call overwrites it. */
const char *av_section(const char *sdp, unsigned i);
unsigned av_section_count(const char *sdp);
bool av_has_line(const char *text, const char *line);

/* What a test makes of a description on its way, of SLUICE_SDP_MAX bytes; NULL: nothing. */
typedef void (*av_edit)(char *sdp);
/* Cuts every line that begins so. */
void av_cut(char *sdp, const char *with);
/* The first line that begins so becomes another one. */
void av_change(char *sdp, const char *with, const char *to);
/* `from` offers and `to` answers, by hand: from here on neither of them signals by itself. */
void av_exchange(struct av_end *from, struct av_end *to, av_edit offer, av_edit answer);

#endif
