/* peer_ivf: the files that our end sends and writes: IVF, with H.264 and Opus too, as frames.py has them. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "interop/peer_media.h"

#define FILE_HEADER 32
#define FRAME_HEADER 12

static uint32_t get_le32(const uint8_t *p) {
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_le32(uint8_t *p, uint32_t value) {
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

static FILE *open_clip(enum sluice_codec codec, long long source) {
	const char *out = getenv("INTEROP_OUT");
	char path[1000], name[16];
	size_t n = 0;
	for (const char *c = sluice_codec_name(codec); *c && n + 1 < sizeof name; c++)
		name[n++] = (char)tolower((unsigned char)*c);
	name[n] = 0;
	snprintf(path, sizeof path, "%s/interop/media/%s-%lld.ivf", out ? out : ".", name, source);
	return fopen(path, "rb");
}

static bool read_all(struct clip *clip, FILE *file) {
	fseek(file, 0, SEEK_END);
	long len = ftell(file);
	rewind(file);
	if (len < FILE_HEADER || !(clip->bytes = malloc((size_t)len)))
		return false;
	clip->len = (size_t)len;
	return fread(clip->bytes, 1, clip->len, file) == clip->len;
}

static bool index_frames(struct clip *clip) {
	uint32_t rate = get_le32(clip->bytes + 16);
	clip->period = rate ? SLUICE_S / rate : 0;
	if (!(clip->frames = malloc(clip->len / FRAME_HEADER * sizeof *clip->frames)))
		return false;
	for (size_t at = FILE_HEADER; at + FRAME_HEADER <= clip->len; at += FRAME_HEADER + get_le32(clip->bytes + at))
		clip->frames[clip->count++] = clip->bytes + at + FRAME_HEADER;
	return clip->count > 0 && clip->period > 0;
}

bool clip_open(struct clip *clip, enum sluice_codec codec, long long source) {
	*clip = (struct clip){0};
	FILE *file = open_clip(codec, source);
	if (!file)
		return false;
	bool fine = read_all(clip, file) && index_frames(clip);
	fclose(file);
	if (!fine)
		clip_close(clip);
	return fine;
}

void clip_close(struct clip *clip) {
	free(clip->bytes);
	free(clip->frames);
	*clip = (struct clip){0};
}

size_t clip_frame(const struct clip *clip, size_t index, const uint8_t **data) {
	*data = clip->frames[index % clip->count];
	return get_le32(*data - FRAME_HEADER);
}

static const char *fourcc(enum sluice_codec codec) {
	switch (codec) {
	case SLUICE_CODEC_VP8:
		return "VP80";
	case SLUICE_CODEC_VP9:
		return "VP90";
	case SLUICE_CODEC_AV1:
		return "AV01";
	case SLUICE_CODEC_H264:
		return "H264";
	case SLUICE_CODEC_OPUS:
		return "OPUS";
	default:
		return "    ";
	}
}

FILE *ivf_create(const char *path, enum sluice_codec codec) {
	FILE *file = fopen(path, "wb");
	if (!file)
		return NULL;
	uint8_t header[FILE_HEADER] = {'D', 'K', 'I', 'F', 0, 0, FILE_HEADER};
	memcpy(header + 8, fourcc(codec), 4);
	put_le32(header + 12, 320 | 180u << 16);
	put_le32(header + 16, sluice_codec_kind(codec) == SLUICE_VIDEO ? 15 : 50);
	put_le32(header + 20, 1);
	fwrite(header, 1, sizeof header, file);
	return file;
}

void ivf_add(FILE *file, const uint8_t *data, size_t len, uint64_t number) {
	uint8_t header[FRAME_HEADER] = {0};
	put_le32(header, (uint32_t)len);
	put_le32(header + 4, (uint32_t)number);
	put_le32(header + 8, (uint32_t)(number >> 32));
	fwrite(header, 1, sizeof header, file);
	fwrite(data, 1, len, file);
}
