/* media_kit: media files in tests. All frames of a file at once, and files that go when the test does. */
#ifndef TESTS_MEDIA_KIT_H
#define TESTS_MEDIA_KIT_H

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "sluice/error.h"
#include "suite.h"
#include "tools/media/media_file.h"

#define MEDIA_MOST 1000

struct media_list {
	struct media_info info;
	struct media_frame frames[MEDIA_MOST]; /* with bytes of their own */
	size_t count;
	int result; /* of the last call: 0 at a clean end */
};

static inline void media_list_add(struct media_list *l, struct media_frame f) {
	ck_assert_uint_lt(l->count, MEDIA_MOST);
	uint8_t *copy = malloc(f.len);
	memcpy(copy, f.data, f.len);
	f.data = copy;
	l->frames[l->count++] = f;
}

static inline void media_list_free(struct media_list *l) {
	for (size_t i = 0; i < l->count; i++)
		free((void *)l->frames[i].data);
	free(l);
}

static inline struct media_list *media_list_read(const char *path) {
	struct media_list *l = calloc(1, sizeof *l);
	struct media_reader *r;
	struct media_frame f;
	ck_assert_ptr_nonnull(l);
	l->result = media_reader_open(path, 0, &r);
	if (l->result)
		return l;
	l->info = *media_reader_info(r);
	while ((l->result = media_reader_next(r, &f)) == 1)
		media_list_add(l, f);
	media_reader_free(r);
	return l;
}

/* All frames of the list from number `from` on. */
static inline void media_list_write(const struct media_list *l, size_t from, const char *path) {
	struct media_writer *w;
	ck_assert_int_eq(media_writer_create(path, &l->info, &w), 0);
	for (size_t i = from; i < l->count; i++)
		ck_assert_int_eq(media_writer_put(w, &l->frames[i]), 0);
	ck_assert_int_eq(media_writer_close(w), 0);
}

static inline bool media_frame_same(const struct media_frame *a, const struct media_frame *b) {
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0 && a->timestamp == b->timestamp &&
	       a->keyframe == b->keyframe;
}

/* ---- a folder for the files of one test ---- */

static char media_folder[] = "/tmp/sluice-media-XXXXXX";

static inline void media_folder_remove(void) {
	char command[64];
	snprintf(command, sizeof command, "rm -r %s", media_folder);
	if (system(command))
		perror(command);
}

/* Before each test, in its process. The folder goes when that ends. */
static inline void media_folder_make(void) {
	ck_assert_ptr_nonnull(mkdtemp(media_folder));
	atexit(media_folder_remove);
}

/* One of four texts that take turns. */
static inline const char *media_path(const char *name) {
	static char paths[4][128];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", media_folder, name);
	return path;
}

static inline size_t media_bytes(const char *path, uint8_t *space, size_t size) {
	FILE *f = fopen(path, "rb");
	ck_assert_ptr_nonnull(f);
	size_t len = fread(space, 1, size, f);
	fclose(f);
	ck_assert_uint_lt(len, size);
	return len;
}

static inline void media_write_bytes(const char *path, const uint8_t *data, size_t len) {
	FILE *f = fopen(path, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

#endif
