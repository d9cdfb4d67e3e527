/* transceiver: one audio or video section as the app sees it (W3C webrtc-pc, 5.4; RFC 9429, 3.4.1), and the list of them.
 *
 * A transceiver has its two tracks from the beginning; they carry nothing before a negotiation. sections.c says which section
 * belongs to it, and tracks.c gives the tracks what was agreed. It knows no descriptions.
 *
 *   section >= 0 exactly when mid is not empty
 *   a transceiver that is stopping has no tracks and stays in the list until its section is rejected
 *   one in `ending` lives until the callbacks of its tracks have run */
#ifndef PEER_TRANSCEIVER_H
#define PEER_TRANSCEIVER_H

#include "peer/plan.h"
#include "sluice/peer.h"

#define TRANSCEIVERS_MAX 64

struct sluice_transceiver {
	struct sluice_transceiver *next; /* in its list */
	sluice_peer *peer;
	uint32_t number; /* of no other one of the peer */
	enum sluice_media_kind kind;
	struct codecs_wish wish;
	bool has_wish; /* the app gave it */

	/* ---- negotiation ---- */
	char mid[MID_MAX];
	int section;      /* its m= line, from 0; -1: it has none */
	bool unconfirmed; /* mid and section come from a description that is pending */
	bool by_offer;    /* made by the other side's pending offer */
	bool fresh;       /* made by the offer that is being taken */
	enum sdp_direction direction, current;
	bool has_sent; /* it was agreed once that we send */
	bool stopping;
	/* The other side's description in force says that it sends; and so does the newest, which may be pending. */
	bool receives_stable, receives;
	bool track_due; /* on_track */

	/* ---- ours ---- */
	char track_id[33];
	char streams[STREAMS_MAX][STREAM_MAX];
	uint8_t stream_count;
	sluice_encoding encodings[SLUICE_LAYERS_MAX];
	uint8_t encoding_count; /* at least 1 */
	uint32_t ssrcs[SLUICE_LAYERS_MAX], rtx_ssrcs[SLUICE_LAYERS_MAX];
	sluice_track *sender, *receiver; /* NULL when they have ended */

	/* ---- theirs ---- */
	char receive_rids[SLUICE_LAYERS_MAX][PLAN_RID_MAX];
	uint8_t receive_count; /* layers that come in; 0: one, without a rid */
	char *remote_streams;  /* each with a NUL, and one more NUL */
};

struct transceivers {
	struct sluice_transceiver *first, *ending;
	unsigned count;
	uint32_t last_number;
	uint64_t next_mid;
};

/* theirs: the section of the other side that it is made for; NULL: the app makes it. The engine has to be there. Returns as
 * sluice_peer_add_transceiver(). */
int transceiver_make(sluice_peer *p, enum sluice_media_kind kind, enum sdp_direction direction,
                     const sluice_transceiver_config *config, const struct sdp_rtp *theirs, sluice_transceiver **out);
/* `streams` are valid ids, at most STREAMS_MAX. */
void transceiver_set_streams(sluice_transceiver *t, const char *const *streams, size_t count);
/* Letters and digits with a NUL behind them, or nothing. */
bool transceiver_is_rid(const char rid[16]);
/* Layers that the other side wants to send and we can take: their rids. Returns how many; 0: there is no simulcast. */
size_t transceiver_read_layers(const struct sdp_rtp *theirs, char rids[SLUICE_LAYERS_MAX][PLAN_RID_MAX]);
/* Ends its tracks, and takes it out of the list. */
void transceiver_remove(sluice_transceiver *t);
/* The connection ends: so do the tracks. */
void transceivers_end(sluice_peer *p);
/* All at once, without callbacks; before the media engine is freed. */
void transceivers_free(sluice_peer *p);
/* A dispatch() of the media engine has ended. */
void transceivers_reap(sluice_peer *p);
/* NULL: there is none with this number. */
sluice_transceiver *transceiver_by_number(const sluice_peer *p, uint32_t number);
/* The one whose section is this m= line, or NULL. */
sluice_transceiver *transceiver_at(const sluice_peer *p, size_t section);
sluice_transceiver *transceiver_by_mid(const sluice_peer *p, const char *mid);
void transceiver_associate(sluice_transceiver *t, const char *mid, size_t section);
void transceiver_dissociate(sluice_transceiver *t);

#endif
