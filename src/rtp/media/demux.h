/* demux: to which layer does an SSRC belong that the session does not know? RFC 9143, section 9.2.
 *
 * Its first packets name its section (MID), its encoding (RID) or its payload type. Packets that say nothing of that wait: 16 in
 * all, of up to 2 KiB each, the oldest one goes. They are taken when a track is made for the SSRC, or when a later packet names
 * its section. */
#ifndef RTP_MEDIA_DEMUX_H
#define RTP_MEDIA_DEMUX_H

#include "rtp/extensions.h"
#include "rtp/media/track.h"
#include "rtp/packet.h"

#define DEMUX_HELD 16
#define DEMUX_PACKET 2048
/* A layer whose SSRC was learnt takes another one after so long. */
#define DEMUX_PATIENCE (100 * SLUICE_MS)

struct demux_held {
	uint8_t *data; /* NULL: a free place */
	size_t len;
	uint32_t ssrc;
	uint64_t order;
};

struct demux_told {
	uint32_t ssrc;
	uint8_t payload_type;
	bool waits; /* for the callback */
};

struct demux {
	struct demux_held held[DEMUX_HELD];
	struct demux_told told[DEMUX_HELD];
	unsigned next_told;
	uint64_t order;
};

struct demux_found {
	struct in_layer *layer;
	bool is_rtx;
};

/* Which layer does the packet name? layer NULL: none. */
struct demux_found demux_find(struct sluice_media *m, const struct rtp_packet *p, const struct rtp_extensions *e);
/* Keeps a packet of an SSRC that is not known. */
void demux_hold(struct sluice_media *m, const struct rtp_packet *p, const uint8_t *data, size_t len);
/* Takes the oldest packet of this SSRC out. NULL: there is none. The caller frees it. */
uint8_t *demux_take(struct demux *d, uint32_t ssrc, size_t *len);
void demux_close(struct demux *d, sluice_env *env);

#endif
