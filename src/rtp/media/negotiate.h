/* negotiate: what does a peer connection say of its tracks after they were made?
 *
 * A transceiver's tracks are there before anything is agreed on, and each negotiation may change what holds for them. A track
 * without codecs has no streams. It knows no descriptions. */
#ifndef RTP_MEDIA_NEGOTIATE_H
#define RTP_MEDIA_NEGOTIATE_H

#include "rtp/extensions.h"
#include "sluice/media.h"

/* As sluice_media_add_sender() and its receiving twin; config->codec_count may be 0. */
int negotiate_add(sluice_media *m, const sluice_track_config *config, bool is_sender, sluice_transceiver *transceiver,
                  sluice_track **out);
/* Frees a track that was just added, without a callback. */
void negotiate_take_back(sluice_media *m, sluice_track *t);

/* Does the other side take reduced-size RTCP (RFC 5506)? */
void negotiate_rsize(sluice_media *m, bool takes);
/* The ids of header extensions from now on, for all tracks. Returns 0, or SLUICE_INVALID: nothing has changed. */
int negotiate_extensions(sluice_media *m, const struct rtp_extension_map *map);
/* Which of them packets of this sender may have: bit k says so of the kind k (enum rtp_extension). Returns 0 or
 * SLUICE_NO_MEMORY. */
int negotiate_elements(sluice_track *t, uint16_t kinds);
/* One that is longer than a packet can name is none. */
void negotiate_mid(sluice_track *t, const char *mid);
/* The first codecs open the track's streams; a sender's, the first with which it `sends`. Returns 0, SLUICE_INVALID,
 * SLUICE_EXISTS, SLUICE_LIMIT, SLUICE_NO_MEMORY. */
int negotiate_codecs(sluice_track *t, const sluice_codec_config *codecs, size_t count, bool sends);
/* What a receiver's only layer has. 0: it is learnt. An SSRC of another track is not taken. What comes with another SSRC than
 * before is another stream. */
void negotiate_ssrcs(sluice_track *t, uint32_t ssrc, uint32_t rtx_ssrc);
/* What a sender's first layer has now: a collision changes them. *rtx_ssrc 0: none. */
void negotiate_own_ssrcs(const sluice_track *t, uint32_t *ssrc, uint32_t *rtx_ssrc);
/* Of a sender with several layers: bit k says that the other side takes the k-th. 0: it takes one stream, and has no rids. */
void negotiate_layers(sluice_track *t, unsigned layers);
/* Does the direction that was agreed on let it send, or does the other side send? */
void negotiate_pause(sluice_track *t, bool paused);

#endif
