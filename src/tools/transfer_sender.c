/* transfer_sender: the end that has the files; see transfer.h. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/text.h"
#include "sluice.h"
#include "tools/file_hash.h"
#include "tools/file_reader.h"
#include "tools/transfer.h"
#include "tools/transfer_blocks.h"

enum sender_state {
	SENDER_START,
	SENDER_AWAITS_HELLO,
	SENDER_NEXT, /* the next file is to be announced */
	SENDER_AWAITS_WANT,
	SENDER_CHECKS, /* hashes what the receiver says it has */
	SENDER_SENDS,
	SENDER_SHOWS, /* hashes the whole file, since the receiver may have it */
	SENDER_AWAITS_JUDGEMENT,
	SENDER_ENDS, /* has sent all; the hash is not there yet */
	SENDER_AWAITS_DONE,
	SENDER_OVER,
};

struct file_sender {
	char *const *paths;
	size_t count, index; /* the file under way; count behind the last */
	size_t chunk;
	struct transfer_wire wire;
	transfer_event_fn event;
	void *ctx;
	enum sender_state state;
	struct transfer_outbox outbox;
	int fd; /* -1 without a file */
	const char *name;
	uint64_t size, at, resumed_at;
	uint64_t wanted; /* offset in "want" */
	char wanted_hash[TRANSFER_HEX_MAX];
	bool receiver_crcs;
	uint32_t crc;            /* of what was sent, for a receiver that wants it; else */
	struct file_hash *hash;  /* of the first `at` bytes; also of what the receiver has, before anything is sent */
	struct file_hash *whole; /* of all of it, while it is to be shown */
	struct block_home *home;
	struct file_reader *reader; /* while the file is sent */
	struct block *block;        /* what was read; the bytes from `used` on were not sent yet. NULL: nothing */
	size_t used;
	bool has_shown; /* the hash of the file under way, before its end */
	uint64_t done, failed;
};

static const char refused_by_crypto[] = "the crypto library refuses";

/* ---- reporting ------------------------------------------------------------------------------------------------------- */

void file_sender_progress(const struct file_sender *s, struct transfer_progress *p) {
	*p = (struct transfer_progress){.name = s->fd >= 0 ? s->name : NULL,
	                                .size = s->size,
	                                .at = s->at,
	                                .resumed_at = s->resumed_at,
	                                .checking = s->state == SENDER_CHECKS,
	                                .files = s->count,
	                                .files_done = s->done,
	                                .files_failed = s->failed};
}

static void report_sending(struct file_sender *s, enum transfer_event event, const char *reason) {
	struct transfer_progress p;
	file_sender_progress(s, &p);
	p.name = s->name;
	p.reason = reason;
	s->event(s->ctx, event, &p);
}

static void break_sending(struct file_sender *s, const char *reason) {
	if (s->state == SENDER_OVER)
		return;
	s->state = SENDER_OVER;
	report_sending(s, TRANSFER_BROKEN, reason);
}

static void put_to_receiver(struct file_sender *s, json_t *json) {
	if (!transfer_put(&s->outbox, json))
		break_sending(s, "no memory");
}

static json_int_t id(const struct file_sender *s) {
	return (json_int_t)s->index;
}

/* ---- one file ------------------------------------------------------------------------------------------------------ */

static void drop_block(struct file_sender *s) {
	block_unref(s->block);
	s->block = NULL;
	s->used = 0;
}

static void drop_reader(struct file_sender *s) {
	file_reader_free(s->reader);
	s->reader = NULL;
}

static void drop_hash(struct file_hash **h) {
	file_hash_free(*h);
	*h = NULL;
}

static void close_file(struct file_sender *s) {
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	drop_hash(&s->hash);
	drop_hash(&s->whole);
	drop_reader(s);
	drop_block(s);
	s->at = s->size = s->resumed_at = 0;
	s->has_shown = false;
}

static void next_file(struct file_sender *s) {
	close_file(s);
	s->index++;
	s->state = SENDER_NEXT;
}

static void fail_file(struct file_sender *s, const char *reason) {
	s->failed++;
	report_sending(s, TRANSFER_FILE_FAILED, reason);
	next_file(s);
}

/* It was announced, so the receiver has to be told too. */
static void abort_file(struct file_sender *s, const char *reason) {
	put_to_receiver(s, json_pack("{s:s, s:I, s:s}", "type", "abort", "id", id(s), "reason", reason));
	if (s->state != SENDER_OVER)
		fail_file(s, reason);
}

/* A thread for a small file would cost more than it saves. */
static bool start_hash(struct file_sender *s, struct file_hash **h) {
	file_hash_free(*h);
	*h = file_hash_new(s->fd, s->size >= TRANSFER_PROOF ? s->wire.wake : NULL, s->wire.ctx);
	if (!*h)
		break_sending(s, "no memory");
	return *h != NULL;
}

/* False when it is not there yet, or the file was given up for it. */
static bool hash_is_there(struct file_sender *s, struct file_hash *h, char hex[TRANSFER_HEX_MAX]) {
	uint8_t hash[CRYPTO_SHA256_SIZE];
	int error;
	enum file_hash_state state = file_hash_state(h, &error);
	if (state == FILE_HASH_FAILED)
		abort_file(s, error ? strerror(error) : "it became shorter while it was sent");
	else if (state == FILE_HASH_THERE && !file_hash_get(h, hash))
		break_sending(s, refused_by_crypto);
	else if (state == FILE_HASH_THERE)
		transfer_hex(hash, sizeof hash, hex);
	return state == FILE_HASH_THERE && s->state != SENDER_OVER;
}

static const char *base_name(const char *path) {
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* JSON is UTF-8, so a name that is not cannot be sent as it is. */
static json_t *name_as_json(const char *name) {
	json_t *json = json_string(name);
	if (json)
		return json;
	char valid[256];
	text_name(name, strlen(name), valid, sizeof valid);
	return json_string(valid);
}

/* NULL, or why the file cannot be sent. */
static const char *open_file(struct file_sender *s, struct stat *st) {
	/* O_NONBLOCK: a pipe without a writer would wait for one. */
	s->fd = open(s->paths[s->index], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0 || fstat(s->fd, st))
		return strerror(errno);
	if (S_ISDIR(st->st_mode))
		return "is a folder";
	return S_ISREG(st->st_mode) ? NULL : "is no regular file";
}

/* What the host is, as far as nobody else knows it. */
static size_t read_machine(char *text, size_t size) {
	static const char *const files[] = {"/etc/machine-id", "/var/lib/dbus/machine-id"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		int fd = open(files[i], O_RDONLY | O_CLOEXEC);
		ssize_t n = fd >= 0 ? read(fd, text, size) : -1;
		if (fd >= 0)
			close(fd);
		if (n > 0)
			return (size_t)n;
	}
	return 0;
}

/* The same for the same file of this host as long as it is not changed, and nobody who does not see both can guess it: whoever
 * knows it may go on with its part. "" when the crypto library refuses. */
static void make_tag(const struct stat *st, char tag[TRANSFER_HEX_MAX]) {
	char text[512];
	uint8_t hash[CRYPTO_SHA256_SIZE];
	size_t len = read_machine(text, 128);
	len += (size_t)snprintf(text + len, sizeof text - len, "|%u|%llu|%llu|%lld|%lld.%09ld|%lld.%09ld", (unsigned)geteuid(),
	                        (unsigned long long)st->st_dev, (unsigned long long)st->st_ino, (long long)st->st_size,
	                        (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec,
	                        st->st_ctim.tv_nsec);
	crypto_sha256 *h = crypto_sha256_new();
	tag[0] = 0;
	if (h && crypto_sha256_update(h, text, len) && crypto_sha256_final(h, hash))
		transfer_hex(hash, sizeof hash, tag);
	crypto_sha256_free(h);
}

static void announce(struct file_sender *s) {
	char tag[TRANSFER_HEX_MAX];
	struct stat st;
	if (s->index == s->count) {
		put_to_receiver(s, json_pack("{s:s}", "type", "bye"));
		if (s->state == SENDER_OVER)
			return;
		s->state = SENDER_OVER;
		s->name = NULL;
		report_sending(s, TRANSFER_FINISHED, NULL);
		return;
	}
	s->name = base_name(s->paths[s->index]);
	const char *wrong = open_file(s, &st);
	if (wrong) {
		fail_file(s, wrong);
		return;
	}
	s->size = (uint64_t)st.st_size;
	make_tag(&st, tag);
	put_to_receiver(s, json_pack("{s:s, s:I, s:o, s:I, s:I, s:s}", "type", "file", "id", id(s), "name", name_as_json(s->name),
	                             "size", (json_int_t)st.st_size, "mtime", (json_int_t)st.st_mtime, "tag", tag));
	if (s->state != SENDER_OVER)
		s->state = SENDER_AWAITS_WANT;
}

/* ---- work ---------------------------------------------------------------------------------------------------------- */

static size_t at_most(uint64_t bytes, size_t limit) {
	return bytes < limit ? (size_t)bytes : limit;
}

/* The next bytes of the file. False when they are not there yet, or the file is not what it was and is given up. */
static bool read_block(struct file_sender *s) {
	int error;
	s->block = file_reader_next(s->reader, &error);
	if (s->block || !error)
		return s->block != NULL;
	if (error == EOF)
		abort_file(s, "it became shorter while it was sent");
	else if (error == ENOMEM)
		break_sending(s, "no memory");
	else
		abort_file(s, strerror(error));
	return false;
}

static bool start_reader(struct file_sender *s) {
	bool large = s->size - s->at >= TRANSFER_PROOF;
	uint32_t *crc = s->receiver_crcs ? &s->crc : NULL;
	s->crc = CRC32C_INIT;
	s->reader = file_reader_new(s->fd, s->at, s->size, crc, s->home, s->wire.io_thread, large ? s->wire.wake : NULL,
	                            s->wire.ctx);
	if (!s->reader)
		break_sending(s, "no memory");
	return s->reader != NULL;
}

/* From `at` on; the hash, if it is that, has come so far. */
static void begin_sending(struct file_sender *s) {
	s->resumed_at = s->at;
	if (s->receiver_crcs)
		drop_hash(&s->hash);
	if (!start_reader(s))
		return;
	put_to_receiver(s, json_pack("{s:s, s:I, s:I, s:o*}", "type", "data", "id", id(s), "offset", (json_int_t)s->at, "crc",
	                             s->receiver_crcs ? json_true() : NULL));
	if (s->state == SENDER_OVER)
		return;
	s->state = SENDER_SENDS;
	report_sending(s, TRANSFER_FILE_BEGINS, NULL);
}

/* Is what the receiver has the beginning of our file? */
static void check_part(struct file_sender *s) {
	char hex[TRANSFER_HEX_MAX];
	if (!hash_is_there(s, s->hash, hex))
		return;
	s->at = s->wanted;
	if (strcmp(hex, s->wanted_hash)) { /* another beginning: all of it has to go */
		s->at = 0;
		start_hash(s, &s->hash);
	}
	if (s->state != SENDER_OVER)
		begin_sending(s);
}

static void show_hash(struct file_sender *s) {
	char hex[TRANSFER_HEX_MAX];
	if (!hash_is_there(s, s->whole, hex))
		return;
	drop_hash(&s->whole);
	put_to_receiver(s, json_pack("{s:s, s:I, s:s}", "type", "hash", "id", id(s), "sha256", hex));
	if (s->state != SENDER_OVER)
		s->state = SENDER_AWAITS_JUDGEMENT;
}

static void end_file(struct file_sender *s) {
	char hex[TRANSFER_HEX_MAX];
	if (s->receiver_crcs)
		transfer_crc(s->crc, hex);
	else if (!hash_is_there(s, s->hash, hex))
		return;
	put_to_receiver(s, json_pack("{s:s, s:I, s:s}", "type", "end", "id", id(s), s->receiver_crcs ? "crc32c" : "sha256", hex));
	if (s->state != SENDER_OVER)
		s->state = SENDER_AWAITS_DONE;
}

static int send_bytes(struct file_sender *s, const uint8_t *bytes, size_t len) {
	if (!s->wire.lend)
		return s->wire.send(s->wire.ctx, false, bytes, len);
	block_ref(s->block);
	int error = s->wire.lend(s->wire.ctx, bytes, len, block_unref, s->block);
	if (error)
		block_unref(s->block);
	return error;
}

/* False when the channel is full, or the file is not read so far. */
static bool send_chunk(struct file_sender *s) {
	if (s->at == s->size) {
		drop_reader(s);
		s->state = SENDER_ENDS;
		return true;
	}
	if (!s->block && !read_block(s))
		return false;
	size_t len = at_most(s->block->len - s->used, s->chunk);
	int error = send_bytes(s, s->block->bytes + s->used, len);
	if (error == SLUICE_WOULD_BLOCK)
		return false;
	if (error) {
		break_sending(s, sluice_error_text(error));
		return true;
	}
	s->at += len;
	s->used += len;
	if (s->hash)
		file_hash_extend(s->hash, s->at);
	if (s->used == s->block->len)
		drop_block(s);
	return true;
}

static void say_hello(struct file_sender *s) {
	json_int_t bytes = 0;
	struct stat st;
	for (size_t i = 0; i < s->count; i++)
		if (stat(s->paths[i], &st) == 0 && S_ISREG(st.st_mode))
			bytes += st.st_size;
	put_to_receiver(s, json_pack("{s:s, s:i, s:I, s:I, s:b}", "type", "hello", "version", TRANSFER_VERSION, "files",
	                             (json_int_t)s->count, "bytes", bytes, "shows", 1));
	if (s->state != SENDER_OVER)
		s->state = SENDER_AWAITS_HELLO;
}

/* One step of what there is to do. False when nothing moves until a message, room or a hash comes. */
static bool step(struct file_sender *s) {
	bool hashed = (s->hash && file_hash_step(s->hash)) || (s->whole && file_hash_step(s->whole));
	enum sender_state before = s->state;
	bool sent = false;
	switch (s->state) {
	case SENDER_START:
		say_hello(s);
		break;
	case SENDER_NEXT:
		announce(s);
		return true; /* the next one may be announced at once, where this one cannot be read */
	case SENDER_CHECKS:
		check_part(s);
		break;
	case SENDER_SENDS:
		sent = send_chunk(s);
		break;
	case SENDER_SHOWS:
		show_hash(s);
		break;
	case SENDER_ENDS:
		end_file(s);
		break;
	default:
		return false;
	}
	return hashed || sent || s->state != before;
}

bool file_sender_work(struct file_sender *s) {
	int error = transfer_flush(&s->outbox, &s->wire);
	if (error == SLUICE_WOULD_BLOCK)
		return false;
	if (!error)
		return step(s);
	break_sending(s, sluice_error_text(error));
	return false;
}

/* ---- what the receiver says ---------------------------------------------------------------------------------------- */

static void on_want(struct file_sender *s, json_t *json) {
	json_int_t offset = -1;
	const char *hash = NULL;
	if (s->state != SENDER_AWAITS_WANT || json_unpack(json, "{s:I, s:s}", "offset", &offset, "sha256", &hash) || offset < 0 ||
	    strlen(hash) != 2 * CRYPTO_SHA256_SIZE) {
		break_sending(s, "the other side asks for a file in a way that is not understood");
		return;
	}
	memcpy(s->wanted_hash, hash, sizeof s->wanted_hash);
	s->wanted = (uint64_t)offset <= s->size ? (uint64_t)offset : 0; /* more than there is: from the start */
	if (!start_hash(s, &s->hash))
		return;
	file_hash_extend(s->hash, s->wanted);
	if (s->wanted != (uint64_t)offset)
		begin_sending(s);
	else
		s->state = SENDER_CHECKS;
}

/* Once a file; what was sent meanwhile may have been all of it. */
static void on_show(struct file_sender *s) {
	if (s->state != SENDER_SENDS || s->has_shown || !start_hash(s, &s->whole))
		return;
	s->has_shown = true;
	file_hash_extend(s->whole, s->size);
	s->state = SENDER_SHOWS;
}

static void on_more(struct file_sender *s) {
	if (s->state == SENDER_AWAITS_JUDGEMENT)
		s->state = SENDER_SENDS;
	else
		break_sending(s, "the other side wants more of a file in a way that is not understood");
}

static void on_done(struct file_sender *s, json_t *json) {
	if (s->state != SENDER_AWAITS_DONE && s->state != SENDER_AWAITS_JUDGEMENT) {
		break_sending(s, "the other side says that it has a file which was not sent");
		return;
	}
	/* An end that does not know "there" says so by wanting nothing of the file. */
	bool was_there = json_is_true(json_object_get(json, "there")) || (s->resumed_at == s->size && s->size);
	s->at = s->size;
	s->done++;
	report_sending(s, was_there ? TRANSFER_FILE_WAS_THERE : TRANSFER_FILE_DONE, NULL);
	next_file(s);
}

static void on_failed(struct file_sender *s, json_t *json) {
	const char *reason = json_string_value(json_object_get(json, "reason"));
	char text[300];
	transfer_reason(reason, text, sizeof text);
	fail_file(s, text);
}

static bool is_under_way(const struct file_sender *s) {
	return s->state >= SENDER_AWAITS_WANT && s->state < SENDER_OVER;
}

static void on_hello(struct file_sender *s, json_t *json) {
	if (s->state != SENDER_AWAITS_HELLO)
		break_sending(s, "the other side says hello twice");
	else if (json_integer_value(json_object_get(json, "version")) != TRANSFER_VERSION)
		break_sending(s, "the other side speaks another version of the protocol");
	else {
		s->receiver_crcs = json_is_true(json_object_get(json, "crcs"));
		s->state = SENDER_NEXT;
	}
}

void file_sender_message(struct file_sender *s, bool text, const void *data, size_t len) {
	const char *type;
	json_t *json = text ? transfer_parse(data, len, &type) : NULL;
	if (!json) {
		break_sending(s, "the other side does not speak our language (is it a 'sluice receive'?)");
		return;
	}
	json_t *which = json_object_get(json, "id");
	/* About a file that was given up meanwhile: old news. */
	bool stale = which && (!is_under_way(s) || json_integer_value(which) != id(s));
	if (strcmp(type, "hello") == 0)
		on_hello(s, json);
	else if (stale || s->state == SENDER_OVER)
		;
	else if (strcmp(type, "want") == 0)
		on_want(s, json);
	else if (strcmp(type, "done") == 0)
		on_done(s, json);
	else if (strcmp(type, "show") == 0)
		on_show(s);
	else if (strcmp(type, "more") == 0)
		on_more(s);
	else if (strcmp(type, "failed") == 0 && is_under_way(s))
		on_failed(s, json);
	else
		break_sending(s, "the other side says something that is not understood");
	json_decref(json);
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

struct file_sender *file_sender_new(char *const *paths, size_t count, size_t chunk, const struct transfer_wire *wire,
                                    transfer_event_fn event, void *ctx) {
	struct file_sender *s = calloc(1, sizeof *s);
	struct block_home *home = block_home_new();
	if (!s || !home) {
		free(s);
		block_home_leave(home);
		return NULL;
	}
	*s = (struct file_sender){.paths = paths,
	                          .count = count,
	                          .chunk = chunk < TRANSFER_CHUNK_MAX ? chunk : TRANSFER_CHUNK_MAX,
	                          .wire = *wire,
	                          .event = event,
	                          .ctx = ctx,
	                          .fd = -1,
	                          .home = home};
	return s;
}

void file_sender_free(struct file_sender *s) {
	if (!s)
		return;
	close_file(s);
	transfer_clear(&s->outbox);
	block_home_leave(s->home);
	free(s);
}
