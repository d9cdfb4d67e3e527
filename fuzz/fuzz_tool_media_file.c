/* A file that somebody sent us is played: what do its bytes do to a reader?
 *
 * The input is the file. Pages of Ogg get their right checksum, for almost no change would come past it. Going back must give the
 * same frames again. What was read is also put into a file of ours, which then has to be read to the end. */
#include <ogg/ogg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crc32.h"
#include "fuzz/target.h"
#include "sluice/error.h"
#include "tools/media/media_file.h"

#define MOST_FRAMES 300
#define PAGE_HEADER 27

struct sum {
	size_t frames, keyframes;
	uint32_t crc;
	int result;
};

static void add(struct sum *s, const struct media_frame *f) {
	MUST(f->data && f->len > 0 && f->len <= MEDIA_MOST_BYTES);
	s->crc = s->crc * 31 + crc32_ieee(f->data, f->len) + (uint32_t)f->timestamp + (uint32_t)f->duration;
	s->frames++;
	s->keyframes += f->keyframe;
}

static struct sum read_all(struct media_reader *r, struct media_writer *w, size_t *written) {
	struct sum s = {0};
	struct media_frame f;
	while (s.frames < MOST_FRAMES && (s.result = media_reader_next(r, &f)) == 1) {
		add(&s, &f);
		if (w && media_writer_put(w, &f) == 0)
			++*written;
	}
	MUST(s.result >= 0 || s.result == media_reader_next(r, &f));
	return s;
}

static void read_again(const char *path, const struct media_info *info, size_t written) {
	struct media_reader *r;
	int result = media_reader_open(path, 0, &r);
	/* The last picture of H.264 may have been one by the zeros that followed it. */
	MUST(result == 0 || written == 0 || info->codec == MEDIA_H264);
	if (result)
		return;
	MUST(media_reader_info(r)->codec == info->codec);
	struct sum s = read_all(r, NULL, NULL);
	MUST(s.result >= 0);
	/* H.264 that is broken may be cut otherwise; sound may have gaps to fill. */
	if (info->codec != MEDIA_H264 && info->codec != MEDIA_OPUS)
		MUST(s.frames == written);
	media_reader_free(r);
}

static void play(const char *path, const char *copy) {
	struct media_reader *r;
	struct media_writer *w;
	size_t written = 0;
	struct media_frame f;
	if (media_reader_open(path, 0, &r))
		return;
	struct media_info info = *media_reader_info(r);
	MUST(media_writer_create(copy, &info, &w) == 0);
	struct sum first = read_all(r, w, &written);
	MUST(media_writer_close(w) == 0);
	MUST(media_reader_seek_keyframe(r) == 0);
	if (info.codec != MEDIA_OPUS)
		MUST(first.frames == 0 || media_reader_next(r, &f) == 1);
	MUST(media_reader_rewind(r) == 0);
	struct sum second = read_all(r, NULL, NULL);
	MUST(first.frames == second.frames && first.keyframes == second.keyframes);
	MUST(first.crc == second.crc && first.result == second.result);
	media_reader_free(r);
	read_again(copy, &info, written);
}

static void set_checksums(uint8_t *data, size_t size) {
	size_t at = 0;
	while (size - at >= PAGE_HEADER && memcmp(data + at, "OggS", 4) == 0) {
		ogg_page page = {.header = data + at, .header_len = PAGE_HEADER + data[at + PAGE_HEADER - 1]};
		size_t len = (size_t)page.header_len;
		if (len > size - at)
			return;
		for (size_t i = PAGE_HEADER; i < (size_t)page.header_len; i++)
			page.body_len += data[at + i];
		page.body = data + at + len;
		len += (size_t)page.body_len;
		if (len > size - at)
			return;
		ogg_page_checksum_set(&page);
		at += len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char path[64], copy[64];
	int fd = memfd_create("media", MFD_CLOEXEC);
	uint8_t *file = malloc(size + 1);
	MUST(fd >= 0 && file);
	memcpy(file, data, size);
	set_checksums(file, size);
	MUST(write(fd, file, size) == (ssize_t)size);
	free(file);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	snprintf(copy, sizeof copy, "/dev/shm/sluice-fuzz-media-%d", (int)getpid());
	unlink(copy);
	play(path, copy);
	unlink(copy);
	close(fd);
	return 0;
}
