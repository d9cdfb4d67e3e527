/* media_codec: the codecs of files (media_file.h) as the library numbers them. */
#ifndef TOOLS_MEDIA_CODEC_H
#define TOOLS_MEDIA_CODEC_H

#include "sluice/media.h"
#include "tools/media/media_file.h"

enum sluice_codec media_codec_of_file(enum media_codec codec);
/* False: no file holds it. */
bool media_codec_for_file(enum sluice_codec codec, enum media_codec *out);

#endif
