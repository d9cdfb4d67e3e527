/* files: the channels "files", "upload" and "download", between a browser and the folder of --files.
 *
 *   files     from us  {"type":"files","enabled":true,"maxSize":n,"files":[{"name":..,"size":..,"modified":s},...]},
 *                      soon after a change
 *
 *   upload    to us    {"type":"upload","name":"a.txt","size":n}
 *             from us  {"type":"ready"}
 *             to us    n bytes in binary messages
 *             from us  {"type":"progress","bytes":n}                            every 256 KiB
 *                      {"type":"done","name":"a (2).txt","bytes":n,"sha256":"..."}
 *
 *   download  to us    {"type":"download","name":"a.txt"}
 *             from us  {"type":"begin","name":"a.txt","size":n}, n bytes in binary messages,
 *                      {"type":"done","name":"a.txt","bytes":n,"sha256":"..."}
 *
 * Each file has a channel of its own; closing it early gives the file up. {"type":"error","text":...} is the end, too. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "tools/serve/service.h"
#include "tools/serve/store.h"

#define PROGRESS_BYTES 262144
#define CHUNK 65536
/* Bytes of a file that may wait in the send buffer. */
#define HIGH_WATER (1 << 20)
#define BURST 16
/* Between a change and the new list. The list may be long, and everybody gets it. */
#define LIST_SECONDS 0.3

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static void add_file(const char *name, uint64_t size, int64_t modified, void *ctx) {
	json_t *file = json_pack("{s:s, s:I, s:I}", "name", name, "size", (json_int_t)size, "modified", (json_int_t)modified);
	if (file)
		json_array_append_new(ctx, file);
}

static json_t *list(const struct serve *s) {
	json_t *files = json_array();
	if (s->store)
		store_list(s->store, add_file, files);
	return json_pack("{s:s, s:b, s:I, s:o}", "type", "files", "enabled", s->store != NULL, "maxSize",
	                 (json_int_t)(s->store ? store_max_file(s->store) : 0), "files", files);
}

static void tell_list(struct serve *s) {
	service_tell_all(s, &files_kind, list(s));
}

/* A file came. */
static void files_changed(struct serve *s) {
	telling_start(&s->files, s, s->ev, tell_list, LIST_SECONDS);
}

static void list_opened(struct service *sv) {
	service_say(sv, list(sv->client->serve));
}

const struct service_kind files_kind = {
	.label = "files",
	.size = sizeof(struct service),
	.opens_at_once = 5,
	.open_interval = SLUICE_S,
	.limit = 1,
	.opened = list_opened,
};

/* ---- both ways --------------------------------------------------------------------------------------------------- */

struct transfer {
	struct service service;
	crypto_sha256 *hash;
	struct incoming *in; /* upload */
	uint64_t told;
	int fd; /* download; -1 */
	uint64_t size, done;
	char name[STORE_NAME_MAX + 1];
	bool over;
	ev_timer turn; /* the next burst */
};

static void fail_transfer(struct transfer *t, const char *why) {
	t->over = true;
	service_fail(&t->service, "%s", why);
}

static bool begin_transfer(struct transfer *t) {
	if (!t->service.client->serve->store) {
		fail_transfer(t, "this server has no folder for files");
		return false;
	}
	t->hash = crypto_sha256_new();
	if (!t->hash)
		fail_transfer(t, "no memory");
	return t->hash != NULL;
}

static json_t *done_object(const struct transfer *t, const char *name, uint64_t bytes) {
	uint8_t digest[CRYPTO_SHA256_SIZE];
	char hex[2 * CRYPTO_SHA256_SIZE + 1] = "";
	if (crypto_sha256_final(t->hash, digest))
		for (size_t i = 0; i < sizeof digest; i++)
			snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return json_pack("{s:s, s:s, s:I, s:s}", "type", "done", "name", name, "bytes", (json_int_t)bytes, "sha256", hex);
}

static void transfer_opened(struct service *sv) {
	((struct transfer *)sv)->fd = -1;
}

static void transfer_closed(struct service *sv) {
	struct transfer *t = (struct transfer *)sv;
	if (t->in)
		store_incoming_drop(t->in);
	if (t->fd >= 0)
		close(t->fd);
	if (t->turn.data)
		ev_timer_stop(sv->client->serve->ev, &t->turn);
	crypto_sha256_free(t->hash);
}

/* ---- upload ------------------------------------------------------------------------------------------------------ */

static void upload_finish(struct transfer *t) {
	uint64_t bytes = store_incoming_done(t->in);
	const char *why = store_incoming_finish(t->in, t->name, sizeof t->name);
	t->in = NULL;
	if (why) {
		fail_transfer(t, why);
		return;
	}
	t->over = true;
	service_say(&t->service, done_object(t, t->name, bytes));
	log_line(&t->service.client->serve->log, "peer %u: upload of %s, %llu bytes", t->service.client->number, t->name,
	         (unsigned long long)bytes);
	files_changed(t->service.client->serve);
}

static void upload_begin(struct transfer *t, const json_t *object) {
	json_t *size = json_object_get(object, "size");
	const char *why = "expected an upload's name and size";
	if (strcmp(object_type(object), "upload") || !json_is_integer(size) || json_integer_value(size) < 0) {
		fail_transfer(t, why);
		return;
	}
	if (!begin_transfer(t))
		return;
	t->in = store_write(t->service.client->serve->store, object_text(object, "name"), (uint64_t)json_integer_value(size),
	                    &why);
	if (!t->in) {
		fail_transfer(t, why);
		return;
	}
	service_say(&t->service, json_pack("{s:s}", "type", "ready"));
	if (store_incoming_size(t->in) == 0)
		upload_finish(t);
}

static const char *upload_slices(struct transfer *t, const sluice_message *m) {
	const char *why = NULL;
	for (size_t i = 0; i < m->count && !why; i++) {
		why = store_incoming_add(t->in, m->iov[i].iov_base, m->iov[i].iov_len);
		if (!why && !crypto_sha256_update(t->hash, m->iov[i].iov_base, m->iov[i].iov_len))
			why = "no memory";
	}
	return why;
}

static void upload_add(struct transfer *t, const sluice_message *m) {
	const char *why = upload_slices(t, m);
	if (why) {
		fail_transfer(t, why);
		return;
	}
	uint64_t bytes = store_incoming_done(t->in);
	if (bytes == store_incoming_size(t->in)) {
		upload_finish(t);
	} else if (bytes - t->told >= PROGRESS_BYTES) {
		t->told = bytes;
		service_say(&t->service, json_pack("{s:s, s:I}", "type", "progress", "bytes", (json_int_t)bytes));
	}
}

static void upload_message(struct service *sv, sluice_message *m, bool text) {
	struct transfer *t = (struct transfer *)sv;
	if (t->over)
		return;
	if (t->in && !text) {
		upload_add(t, m);
		return;
	}
	json_t *object = service_read(m, text);
	if (t->in)
		fail_transfer(t, "expected the file's bytes");
	else
		upload_begin(t, object);
	json_decref(object);
}

const struct service_kind upload_kind = {
	.label = "upload",
	.size = sizeof(struct transfer),
	.opens_at_once = 64,
	.open_interval = (100 * SLUICE_MS),
	.limit = 4,
	.opened = transfer_opened,
	.message = upload_message,
	.closed = transfer_closed,
};

/* ---- download ---------------------------------------------------------------------------------------------------- */

/* Reads the next piece and sends it. Returns 0 to go on, SLUICE_WOULD_BLOCK to wait, or why not. */
static int download_piece(struct transfer *t) {
	uint8_t buf[CHUNK];
	uint64_t left = t->size - t->done;
	uint64_t largest = sluice_channel_max_message_size(t->service.channel);
	size_t want = left < sizeof buf ? (size_t)left : sizeof buf;
	if (want > largest)
		want = (size_t)largest;
	ssize_t n = pread(t->fd, buf, want, (off_t)t->done);
	if (n <= 0)
		return SLUICE_IO; /* the file became shorter */
	int error = sluice_channel_send(t->service.channel, buf, (size_t)n);
	if (error)
		return error;
	if (!crypto_sha256_update(t->hash, buf, (size_t)n))
		return SLUICE_CRYPTO;
	t->done += (uint64_t)n;
	return 0;
}

static void download_pour(struct transfer *t) {
	struct ev_loop *ev = t->service.client->serve->ev;
	int error = 0;
	for (int i = 0; i < BURST && !error && t->done < t->size; i++)
		error = download_piece(t);
	if (!error && t->done == t->size) {
		t->over = service_say(
			&t->service,
			done_object(t, t->name, t->done)); /* false: the buffer is full; download_writable() tries again */
		return;
	}
	if (!error) {
		ev_timer_stop(ev, &t->turn);
		ev_timer_set(&t->turn, 0., 0.);
		ev_timer_start(ev, &t->turn);
	} else if (error != SLUICE_WOULD_BLOCK) {
		fail_transfer(t, error == SLUICE_IO ? "the file cannot be read to its end" : sluice_error_text(error));
	}
}

static void on_turn(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct transfer *t = w->data;
	if (!t->over)
		download_pour(t);
}

static void download_writable(struct service *sv) {
	struct transfer *t = (struct transfer *)sv;
	if (t->fd >= 0 && !t->over)
		download_pour(t);
}

static void download_begin(struct transfer *t, const json_t *object) {
	const char *name = object_text(object, "name");
	if (strcmp(object_type(object), "download")) {
		fail_transfer(t, "expected a download's name");
		return;
	}
	if (!begin_transfer(t))
		return;
	t->fd = store_read(t->service.client->serve->store, name, &t->size);
	if (t->fd < 0) {
		fail_transfer(t, errno == EACCES ? "this file may not be read" : "there is no such file");
		return;
	}
	strcpy(t->name, name); /* store_read takes no longer ones */
	ev_timer_init(&t->turn, on_turn, 0., 0.);
	t->turn.data = t;
	sluice_channel_set_high_water(t->service.channel, HIGH_WATER);
	service_say(&t->service, json_pack("{s:s, s:s, s:I}", "type", "begin", "name", name, "size", (json_int_t)t->size));
	download_pour(t);
}

static void download_message(struct service *sv, sluice_message *m, bool text) {
	struct transfer *t = (struct transfer *)sv;
	if (t->over || t->fd >= 0)
		return;
	json_t *object = service_read(m, text);
	download_begin(t, object);
	json_decref(object);
}

const struct service_kind download_kind = {
	.label = "download",
	.size = sizeof(struct transfer),
	.opens_at_once = 64,
	.open_interval = (100 * SLUICE_MS),
	.limit = 8,
	.opened = transfer_opened,
	.message = download_message,
	.writable = download_writable,
	.closed = transfer_closed,
};
