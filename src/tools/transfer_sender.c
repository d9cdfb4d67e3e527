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

#include "base/text.h"
#include "sluice.h"
#include "tools/transfer.h"

/* Bytes that are hashed in one slice of work. */
#define SLICE (1 << 20)

enum sender_state {
	SENDER_START,
	SENDER_AWAITS_HELLO,
	SENDER_NEXT, /* the next file is to be announced */
	SENDER_AWAITS_WANT,
	SENDER_CHECKS, /* hashes what the receiver says it has */
	SENDER_SENDS,
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
	char wanted_hash[2 * CRYPTO_SHA256_SIZE + 1];
	crypto_sha256 *hash; /* of the first `at` bytes */
	uint8_t *buffer;     /* SLICE bytes */
	size_t held;         /* bytes of it that the channel did not take yet */
	uint64_t done, failed;
};

/* ---- telling ------------------------------------------------------------------------------------------------------- */

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

static void tell(struct file_sender *s, enum transfer_event event, const char *reason) {
	struct transfer_progress p;
	file_sender_progress(s, &p);
	p.name = s->name;
	p.reason = reason;
	s->event(s->ctx, event, &p);
}

static void broken(struct file_sender *s, const char *reason) {
	if (s->state == SENDER_OVER)
		return;
	s->state = SENDER_OVER;
	tell(s, TRANSFER_BROKEN, reason);
}

static void put(struct file_sender *s, json_t *json) {
	if (!transfer_put(&s->outbox, json))
		broken(s, "no memory");
}

static json_int_t id(const struct file_sender *s) {
	return (json_int_t)s->index;
}

/* ---- one file ------------------------------------------------------------------------------------------------------ */

static void close_file(struct file_sender *s) {
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	crypto_sha256_free(s->hash);
	s->hash = NULL;
	s->at = s->size = s->resumed_at = s->held = 0;
}

static void next_file(struct file_sender *s) {
	close_file(s);
	s->index++;
	s->state = SENDER_NEXT;
}

static void fail_file(struct file_sender *s, const char *reason) {
	s->failed++;
	tell(s, TRANSFER_FILE_FAILED, reason);
	next_file(s);
}

/* It was announced, so the receiver has to be told too. */
static void abort_file(struct file_sender *s, const char *reason) {
	put(s, json_pack("{s:s, s:I, s:s}", "type", "abort", "id", id(s), "reason", reason));
	if (s->state != SENDER_OVER)
		fail_file(s, reason);
}

static void start_hash(struct file_sender *s) {
	crypto_sha256_free(s->hash);
	s->hash = crypto_sha256_new();
	s->at = 0;
	if (!s->hash)
		broken(s, "no memory");
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

static void announce(struct file_sender *s) {
	struct stat st;
	if (s->index == s->count) {
		put(s, json_pack("{s:s}", "type", "bye"));
		if (s->state == SENDER_OVER)
			return;
		s->state = SENDER_OVER;
		s->name = NULL;
		tell(s, TRANSFER_FINISHED, NULL);
		return;
	}
	s->name = base_name(s->paths[s->index]);
	const char *wrong = open_file(s, &st);
	if (wrong) {
		fail_file(s, wrong);
		return;
	}
	s->size = (uint64_t)st.st_size;
	put(s, json_pack("{s:s, s:I, s:o, s:I, s:I}", "type", "file", "id", id(s), "name", name_as_json(s->name), "size",
	                 (json_int_t)st.st_size, "mtime", (json_int_t)st.st_mtime));
	if (s->state == SENDER_OVER)
		return;
	s->state = SENDER_AWAITS_WANT;
	start_hash(s);
}

/* ---- work ---------------------------------------------------------------------------------------------------------- */

/* Reads up to len bytes at s->at into the buffer. Less than 1 when the file is not what it was; the file is given up then. */
static ssize_t read_file(struct file_sender *s, size_t len) {
	ssize_t n = pread(s->fd, s->buffer, len, (off_t)s->at);
	if (n < 0)
		abort_file(s, strerror(errno));
	else if (n == 0)
		abort_file(s, "it became shorter while it was sent");
	return n;
}

static size_t at_most(uint64_t bytes, size_t limit) {
	return bytes < limit ? (size_t)bytes : limit;
}

static void begin_sending(struct file_sender *s) {
	s->resumed_at = s->at;
	put(s, json_pack("{s:s, s:I, s:I}", "type", "data", "id", id(s), "offset", (json_int_t)s->at));
	if (s->state == SENDER_OVER)
		return;
	s->state = SENDER_SENDS;
	tell(s, TRANSFER_FILE_BEGINS, NULL);
}

static void hash_or_break(struct file_sender *s, size_t len) {
	if (crypto_sha256_update(s->hash, s->buffer, len))
		s->at += len;
	else
		broken(s, "the crypto library refuses");
}

static void check_slice(struct file_sender *s) {
	if (s->at < s->wanted) {
		ssize_t n = read_file(s, at_most(s->wanted - s->at, SLICE));
		if (n > 0)
			hash_or_break(s, (size_t)n);
		return;
	}
	uint8_t hash[CRYPTO_SHA256_SIZE];
	char hex[2 * CRYPTO_SHA256_SIZE + 1];
	if (!crypto_sha256_final(s->hash, hash)) {
		broken(s, "the crypto library refuses");
		return;
	}
	transfer_hex(hash, hex);
	if (strcmp(hex, s->wanted_hash))
		start_hash(s); /* another beginning: all of it has to go */
	if (s->state != SENDER_OVER)
		begin_sending(s);
}

static void end_file(struct file_sender *s) {
	uint8_t hash[CRYPTO_SHA256_SIZE];
	char hex[2 * CRYPTO_SHA256_SIZE + 1];
	if (!crypto_sha256_final(s->hash, hash)) {
		broken(s, "the crypto library refuses");
		return;
	}
	transfer_hex(hash, hex);
	put(s, json_pack("{s:s, s:I, s:s}", "type", "end", "id", id(s), "sha256", hex));
	if (s->state != SENDER_OVER)
		s->state = SENDER_AWAITS_DONE;
}

/* False when the channel is full. */
static bool send_chunk(struct file_sender *s) {
	if (s->at == s->size && !s->held) {
		end_file(s);
		return true;
	}
	if (!s->held) {
		ssize_t n = read_file(s, at_most(s->size - s->at, s->chunk));
		if (n <= 0)
			return true;
		s->held = (size_t)n;
	}
	int error = s->wire.send(s->wire.ctx, false, s->buffer, s->held);
	if (error == SLUICE_WOULD_BLOCK)
		return false;
	if (error) {
		broken(s, sluice_error_text(error));
		return true;
	}
	hash_or_break(s, s->held);
	s->held = 0;
	return true;
}

static void say_hello(struct file_sender *s) {
	json_int_t bytes = 0;
	struct stat st;
	for (size_t i = 0; i < s->count; i++)
		if (stat(s->paths[i], &st) == 0 && S_ISREG(st.st_mode))
			bytes += st.st_size;
	put(s, json_pack("{s:s, s:i, s:I, s:I}", "type", "hello", "version", TRANSFER_VERSION, "files", (json_int_t)s->count,
	                 "bytes", bytes));
	if (s->state != SENDER_OVER)
		s->state = SENDER_AWAITS_HELLO;
}

bool file_sender_work(struct file_sender *s) {
	int error = transfer_flush(&s->outbox, &s->wire);
	if (error == SLUICE_WOULD_BLOCK)
		return false;
	if (error) {
		broken(s, sluice_error_text(error));
		return false;
	}
	bool more = true;
	switch (s->state) {
	case SENDER_START:
		say_hello(s);
		break;
	case SENDER_NEXT:
		announce(s);
		break;
	case SENDER_CHECKS:
		check_slice(s);
		break;
	case SENDER_SENDS:
		more = send_chunk(s);
		break;
	default:
		return false;
	}
	return more;
}

/* ---- what the receiver says ---------------------------------------------------------------------------------------- */

static void on_want(struct file_sender *s, json_t *json) {
	json_int_t offset = -1;
	const char *hash = NULL;
	if (s->state != SENDER_AWAITS_WANT || json_unpack(json, "{s:I, s:s}", "offset", &offset, "sha256", &hash) || offset < 0 ||
	    strlen(hash) != 2 * CRYPTO_SHA256_SIZE) {
		broken(s, "the other side asks for a file in a way that is not understood");
		return;
	}
	memcpy(s->wanted_hash, hash, sizeof s->wanted_hash);
	s->wanted = (uint64_t)offset <= s->size ? (uint64_t)offset : 0; /* more than there is: from the start */
	if (s->wanted != (uint64_t)offset)
		begin_sending(s);
	else
		s->state = SENDER_CHECKS;
}

static void on_done(struct file_sender *s) {
	if (s->state != SENDER_AWAITS_DONE) {
		broken(s, "the other side says that it has a file which was not sent");
		return;
	}
	s->done++;
	tell(s, s->resumed_at == s->size && s->size ? TRANSFER_FILE_WAS_THERE : TRANSFER_FILE_DONE, NULL);
	next_file(s);
}

static void on_failed(struct file_sender *s, json_t *json) {
	const char *reason = json_string_value(json_object_get(json, "reason"));
	char text[300];
	transfer_reason(reason, text, sizeof text);
	fail_file(s, text);
}

static bool is_under_way(const struct file_sender *s) {
	return s->state == SENDER_AWAITS_WANT || s->state == SENDER_CHECKS || s->state == SENDER_SENDS ||
	       s->state == SENDER_AWAITS_DONE;
}

static void on_hello(struct file_sender *s, json_t *json) {
	if (s->state != SENDER_AWAITS_HELLO)
		broken(s, "the other side says hello twice");
	else if (json_integer_value(json_object_get(json, "version")) != TRANSFER_VERSION)
		broken(s, "the other side speaks another version of the protocol");
	else
		s->state = SENDER_NEXT;
}

void file_sender_message(struct file_sender *s, bool text, const void *data, size_t len) {
	const char *type;
	json_t *json = text ? transfer_parse(data, len, &type) : NULL;
	if (!json) {
		broken(s, "the other side does not speak our language (is it a 'sluice receive'?)");
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
		on_done(s);
	else if (strcmp(type, "failed") == 0 && is_under_way(s))
		on_failed(s, json);
	else
		broken(s, "the other side says something that is not understood");
	json_decref(json);
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

struct file_sender *file_sender_new(char *const *paths, size_t count, size_t chunk, const struct transfer_wire *wire,
                                    transfer_event_fn event, void *ctx) {
	struct file_sender *s = calloc(1, sizeof *s);
	uint8_t *buffer = malloc(SLICE);
	if (!s || !buffer) {
		free(s);
		free(buffer);
		return NULL;
	}
	*s = (struct file_sender){.paths = paths,
	                          .count = count,
	                          .chunk = chunk < TRANSFER_CHUNK_MAX ? chunk : TRANSFER_CHUNK_MAX,
	                          .wire = *wire,
	                          .event = event,
	                          .ctx = ctx,
	                          .fd = -1,
	                          .buffer = buffer};
	return s;
}

void file_sender_free(struct file_sender *s) {
	if (!s)
		return;
	close_file(s);
	transfer_clear(&s->outbox);
	free(s->buffer);
	free(s);
}
