/* codec: which payload format belongs to a codec of media.h, and is a frame of it a keyframe? It knows no streams. */
#ifndef RTP_MEDIA_CODEC_H
#define RTP_MEDIA_CODEC_H

#include "rtp/payload/payload.h"
#include "sluice/media.h"

/* NULL: there is no such codec. */
const struct payload_format *codec_format(enum sluice_codec codec);

/* Does a frame begin with this payload that a decoder can start with? bits: what the format's parse said. */
bool codec_begins_key(enum sluice_codec codec, const uint8_t *payload, size_t len, unsigned bits);

/* Can a decoder start with this frame, by its bytes? Audio: always. */
bool codec_frame_is_key(enum sluice_codec codec, const uint8_t *data, size_t len);

#endif
