#include "tools/media_codec.h"

static const enum sluice_codec codecs[] = {
	[MEDIA_VP8] = SLUICE_CODEC_VP8,   [MEDIA_VP9] = SLUICE_CODEC_VP9,   [MEDIA_AV1] = SLUICE_CODEC_AV1,
	[MEDIA_H264] = SLUICE_CODEC_H264, [MEDIA_OPUS] = SLUICE_CODEC_OPUS,
};

enum sluice_codec media_codec_of_file(enum media_codec codec) {
	return codecs[codec];
}

bool media_codec_for_file(enum sluice_codec codec, enum media_codec *out) {
	for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
		if (codecs[i] == codec) {
			*out = (enum media_codec)i;
			return true;
		}
	return false;
}
