/* transfer_receiver: the end that gets the files; see transfer.h.
 *
 * Where a file of the same size is there already, what comes is compared with it as it comes. When all of it was the same, or the
 * sender has shown the right hash, it was there; else the new one gets another name. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "sluice.h"
#include "tools/file_hash.h"
#include "tools/file_writer.h"
#include "tools/transfer.h"
#include "tools/transfer_place.h"

/* Bytes that are compared at once. */
#define PIECE 65536

enum receiver_state {
	RECEIVER_AWAITS_HELLO,
	RECEIVER_IDLE,
	RECEIVER_CHECKS,      /* hashes the part that is there */
	RECEIVER_AWAITS_DATA, /* said what it wants */
	RECEIVER_TAKES,
	RECEIVER_ENDS,  /* has all of it; the hash is not there yet */
	RECEIVER_DROPS, /* gave the file up; what still comes of it is dropped */
	RECEIVER_OVER,
};

/* A file that was there before and may be the one that comes.
 *   fd >= 0: all bytes that came up to `at` are those of this file */
struct rival {
	int fd;
	bool asked;             /* the sender is to show its hash */
	struct file_hash *hash; /* once it was asked */
};

struct file_receiver {
	struct transfer_wire wire;
	transfer_event_fn event;
	void *ctx;
	enum receiver_state state;
	struct transfer_outbox outbox;
	json_int_t id;
	struct place place;
	struct place_file file;
	struct rival rival;
	bool sender_shows;
	char theirs[TRANSFER_HEX_MAX]; /* what "end" or "hash" says; "": not yet */
	uint64_t at, resumed_at;
	struct file_writer *writer; /* from "data" on */
	bool checks_crc;            /* as the sender of this file does; else */
	struct file_hash *hash;     /* of the part; also of what is there, before anything comes */
	uint32_t crc;               /* of what comes */
	uint8_t *buffer;            /* PIECE bytes */
	uint64_t files, done, failed;
};

static const char refused_by_crypto[] = "the crypto library refuses";

/* ---- reporting ------------------------------------------------------------------------------------------------------- */

void file_receiver_progress(const struct file_receiver *r, struct transfer_progress *p) {
	bool checks = r->state == RECEIVER_CHECKS;
	*p = (struct transfer_progress){.name = r->place.fd >= 0 ? r->file.name : NULL,
	                                .size = r->file.size,
	                                .at = r->at,
	                                .resumed_at = r->resumed_at,
	                                .checking = checks,
	                                .files = r->files,
	                                .files_done = r->done,
	                                .files_failed = r->failed};
}

static void report_receiving(struct file_receiver *r, enum transfer_event event, const char *reason) {
	struct transfer_progress p;
	file_receiver_progress(r, &p);
	p.name = r->file.name;
	p.reason = reason;
	if (event == TRANSFER_FILE_DONE && strcmp(r->place.name, r->file.name))
		p.stored = r->place.name;
	r->event(r->ctx, event, &p);
}

static void break_receiving(struct file_receiver *r, const char *reason) {
	if (r->state == RECEIVER_OVER)
		return;
	r->state = RECEIVER_OVER;
	report_receiving(r, TRANSFER_BROKEN, reason);
}

static void put_to_sender(struct file_receiver *r, json_t *json) {
	if (!transfer_put(&r->outbox, json))
		break_receiving(r, "no memory");
}

/* ---- one file ------------------------------------------------------------------------------------------------------ */

static void drop_rival(struct file_receiver *r) {
	if (r->rival.fd >= 0)
		close(r->rival.fd);
	file_hash_free(r->rival.hash);
	r->rival.fd = -1;
	r->rival.hash = NULL;
}

static void close_file(struct file_receiver *r) {
	drop_rival(r);
	file_writer_free(r->writer); /* before its file goes */
	r->writer = NULL;
	place_close(&r->place);
	file_hash_free(r->hash);
	r->hash = NULL;
	r->theirs[0] = 0;
}

static void give_up(struct file_receiver *r, const char *reason) {
	r->failed++;
	report_receiving(r, TRANSFER_FILE_FAILED, reason);
	close_file(r);
	r->state = RECEIVER_DROPS;
}

static void refuse(struct file_receiver *r, const char *reason) {
	put_to_sender(r, json_pack("{s:s, s:I, s:s}", "type", "failed", "id", r->id, "reason", reason));
	if (r->state != RECEIVER_OVER)
		give_up(r, reason);
}

/* A thread for a small file would cost more than it saves. */
static struct file_hash *hash_of(const struct file_receiver *r, int fd) {
	return file_hash_new(fd, r->file.size >= TRANSFER_PROOF ? r->wire.wake : NULL, r->wire.ctx);
}

static bool start_hash(struct file_receiver *r) {
	file_hash_free(r->hash);
	r->hash = hash_of(r, r->place.fd);
	r->at = 0;
	if (!r->hash)
		break_receiving(r, "no memory");
	return r->hash != NULL;
}

/* False when it is not there yet, or the file was refused for it. */
static bool hash_is_there(struct file_receiver *r, char hex[TRANSFER_HEX_MAX]) {
	uint8_t hash[CRYPTO_SHA256_SIZE];
	int error;
	enum file_hash_state state = file_hash_state(r->hash, &error);
	if (state == FILE_HASH_FAILED)
		refuse(r, error ? strerror(error) : "what is there became shorter");
	else if (state == FILE_HASH_THERE && !file_hash_get(r->hash, hash))
		break_receiving(r, refused_by_crypto);
	else if (state == FILE_HASH_THERE)
		transfer_hex(hash, sizeof hash, hex);
	return state == FILE_HASH_THERE && r->state != RECEIVER_OVER;
}

/* ---- begin and end of a file ---------------------------------------------------------------------------------------- */

static void begin_file(struct file_receiver *r) {
	char reason[400];
	uint64_t present;
	int error = place_open(&r->place, &r->file, &present);
	if (error) {
		snprintf(reason, sizeof reason, "cannot make %s: %s", r->place.part, strerror(error));
		refuse(r, reason);
	} else if (start_hash(r)) {
		r->at = present;
		file_hash_extend(r->hash, present);
		r->state = RECEIVER_CHECKS;
	}
}

static void check_part(struct file_receiver *r) {
	char hex[TRANSFER_HEX_MAX];
	if (!hash_is_there(r, hex))
		return;
	put_to_sender(r,
	              json_pack("{s:s, s:I, s:I, s:s}", "type", "want", "id", r->id, "offset", (json_int_t)r->at, "sha256", hex));
	if (r->state != RECEIVER_OVER)
		r->state = RECEIVER_AWAITS_DATA;
}

static void file_is_here(struct file_receiver *r, bool was_there) {
	put_to_sender(r, json_pack("{s:s, s:I, s:b}", "type", "done", "id", r->id, "there", was_there));
	if (r->state == RECEIVER_OVER)
		return;
	r->done++;
	r->at = r->file.size;
	report_receiving(r, was_there ? TRANSFER_FILE_WAS_THERE : TRANSFER_FILE_DONE, NULL);
	close_file(r);
	r->state = RECEIVER_IDLE;
}

/* False when it is not yet, or the file was refused for it. */
static bool all_is_written(struct file_receiver *r) {
	int error;
	enum file_writer_state state = file_writer_state(r->writer, &error);
	if (state == FILE_WRITER_FAILED)
		refuse(r, strerror(error));
	else if (state == FILE_WRITER_IDLE && !r->checks_crc)
		file_hash_extend(r->hash, r->file.size);
	return state == FILE_WRITER_IDLE;
}

static void finish_file(struct file_receiver *r) {
	char ours[TRANSFER_HEX_MAX];
	if (!all_is_written(r))
		return;
	if (r->checks_crc)
		transfer_crc(r->crc, ours);
	else if (!hash_is_there(r, ours))
		return;
	bool was_there = r->rival.fd >= 0;
	bool right = strcmp(ours, r->theirs) == 0;
	if (!right || was_there)
		place_drop(&r->place); /* going on with a wrong one would end the same way */
	int error = right && !was_there ? place_finish(&r->place, &r->file) : 0;
	if (!right)
		refuse(r, "its check is wrong: it was changed while it was sent, or on the way");
	else if (error)
		refuse(r, strerror(error));
	else
		file_is_here(r, was_there);
}

/* ---- the file that may be the same one ------------------------------------------------------------------------------- */

static bool is_same_at(struct file_receiver *r, const uint8_t *data, size_t len, uint64_t at) {
	for (size_t done = 0; done < len;) {
		size_t piece = len - done < PIECE ? len - done : PIECE;
		if (pread(r->rival.fd, r->buffer, piece, (off_t)(at + done)) != (ssize_t)piece ||
		    memcmp(r->buffer, data + done, piece))
			return false;
		done += piece;
	}
	return true;
}

static void compare(struct file_receiver *r, const struct iovec *iov, size_t count) {
	uint64_t at = r->at;
	for (size_t i = 0; i < count && r->rival.fd >= 0; at += iov[i++].iov_len)
		if (!is_same_at(r, iov[i].iov_base, iov[i].iov_len, at))
			drop_rival(r);
}

static void ask_for_hash(struct file_receiver *r) {
	struct rival *v = &r->rival;
	if (v->fd < 0 || v->asked || !r->sender_shows || r->at < TRANSFER_PROOF || r->file.size - r->at < TRANSFER_PROOF)
		return;
	v->hash = hash_of(r, v->fd);
	if (!v->hash) {
		drop_rival(r);
		return;
	}
	file_hash_extend(v->hash, r->file.size);
	v->asked = true;
	put_to_sender(r, json_pack("{s:s, s:I}", "type", "show", "id", r->id));
}

/* The sender has shown its hash and waits. */
static void judge_rival(struct file_receiver *r) {
	char ours[TRANSFER_HEX_MAX] = "";
	uint8_t hash[CRYPTO_SHA256_SIZE];
	int error;
	enum file_hash_state state = r->rival.hash ? file_hash_state(r->rival.hash, &error) : FILE_HASH_FAILED;
	if (state == FILE_HASH_BEHIND)
		return;
	if (state == FILE_HASH_THERE && file_hash_get(r->rival.hash, hash))
		transfer_hex(hash, sizeof hash, ours);
	bool same = strcmp(ours, r->theirs) == 0;
	r->theirs[0] = 0;
	if (same) {
		place_drop(&r->place);
		file_is_here(r, true);
		return;
	}
	drop_rival(r);
	put_to_sender(r, json_pack("{s:s, s:I}", "type", "more", "id", r->id));
}

/* ---- work ------------------------------------------------------------------------------------------------------------ */

static bool hash_slices(struct file_receiver *r) {
	bool did = r->hash && file_hash_step(r->hash);
	return (r->rival.hash && file_hash_step(r->rival.hash)) || did;
}

/* Gives back what was written. */
static bool collect(struct file_receiver *r) {
	int error;
	if (!r->writer)
		return false;
	bool more = file_writer_collect(r->writer, &error);
	if (!r->checks_crc)
		file_hash_extend(r->hash, file_writer_at(r->writer));
	if (error && r->state != RECEIVER_OVER)
		refuse(r, strerror(error));
	return more;
}

bool file_receiver_work(struct file_receiver *r) {
	bool more = collect(r);
	more |= hash_slices(r);
	if (r->state == RECEIVER_CHECKS)
		check_part(r);
	else if (r->state == RECEIVER_ENDS)
		finish_file(r);
	else if (r->state == RECEIVER_TAKES && r->theirs[0])
		judge_rival(r);
	int error = transfer_flush(&r->outbox, &r->wire);
	if (error && error != SLUICE_WOULD_BLOCK)
		break_receiving(r, sluice_error_text(error));
	return more && !error;
}

/* ---- contents ------------------------------------------------------------------------------------------------------- */

/* True when the writer has the bytes, and gives them back later. */
static bool store(struct file_receiver *r, const struct iovec *iov, size_t count, size_t len, void (*release)(void *),
                  void *arg) {
	compare(r, iov, count);
	if (!file_writer_put(r->writer, iov, count, release, arg)) {
		break_receiving(r, "no memory");
		return false;
	}
	r->at += len;
	ask_for_hash(r);
	return true;
}

bool file_receiver_bytes(struct file_receiver *r, const struct iovec *iov, size_t count, void (*release)(void *arg), void *arg) {
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		len += iov[i].iov_len;
	if (r->state == RECEIVER_DROPS || r->state == RECEIVER_OVER || len == 0)
		return false;
	if (r->state == RECEIVER_TAKES && len <= r->file.size - r->at)
		return store(r, iov, count, len, release, arg);
	break_receiving(r, "the other side sends more than it announced");
	return false;
}

/* ---- what the sender says ------------------------------------------------------------------------------------------- */

static void on_hello(struct file_receiver *r, json_t *json) {
	if (r->state != RECEIVER_AWAITS_HELLO)
		break_receiving(r, "the other side says hello twice");
	else if (json_integer_value(json_object_get(json, "version")) != TRANSFER_VERSION)
		break_receiving(r, "the other side speaks another version of the protocol");
	else {
		json_int_t files = json_integer_value(json_object_get(json, "files"));
		r->files = files > 0 ? (uint64_t)files : 0;
		r->sender_shows = json_is_true(json_object_get(json, "shows"));
		r->state = RECEIVER_IDLE;
		put_to_sender(r, json_pack("{s:s, s:i, s:b}", "type", "hello", "version", TRANSFER_VERSION, "crcs", 1));
	}
}

/* NULL, "" or a tag. */
static bool take_tag(struct file_receiver *r, const char *tag) {
	size_t len = tag ? strlen(tag) : 0;
	if (len >= sizeof r->file.tag || (tag && strspn(tag, "0123456789abcdef") != len))
		return false;
	memcpy(r->file.tag, tag ? tag : "", len + 1);
	return true;
}

static void on_file(struct file_receiver *r, json_t *json) {
	const char *name = NULL, *tag = NULL;
	json_int_t size = -1, mtime = 0;
	if ((r->state != RECEIVER_IDLE && r->state != RECEIVER_DROPS) ||
	    json_unpack(json, "{s:I, s:s, s:I, s?:I, s?:s}", "id", &r->id, "name", &name, "size", &size, "mtime", &mtime, "tag",
	                &tag) ||
	    size < 0 || !take_tag(r, tag)) {
		break_receiving(r, "the other side announces a file in a way that is not understood");
		return;
	}
	r->file.size = (uint64_t)size;
	r->file.mtime = mtime;
	r->at = r->resumed_at = 0;
	r->rival.asked = false;
	if (transfer_safe_name(name, r->file.name, sizeof r->file.name)) {
		begin_file(r);
		return;
	}
	snprintf(r->file.name, sizeof r->file.name, "(a file)");
	refuse(r, "its name cannot be used here");
}

static void on_data(struct file_receiver *r, json_t *json) {
	json_int_t offset = json_integer_value(json_object_get(json, "offset"));
	if (r->state != RECEIVER_AWAITS_DATA || (offset != 0 && (uint64_t)offset != r->at)) {
		break_receiving(r, "the other side sends from another place than it was asked to");
		return;
	}
	if ((uint64_t)offset != r->at && (ftruncate(r->place.fd, 0) || !start_hash(r))) {
		if (r->state != RECEIVER_OVER)
			refuse(r, strerror(errno));
		return;
	}
	r->checks_crc = json_is_true(json_object_get(json, "crc"));
	r->crc = CRC32C_INIT;
	bool large = r->file.size - r->at >= TRANSFER_PROOF;
	uint32_t *crc = r->checks_crc ? &r->crc : NULL;
	r->writer = file_writer_new(r->place.fd, r->at, crc, r->wire.io_thread, large ? r->wire.wake : NULL, r->wire.ctx);
	if (!r->writer) {
		break_receiving(r, "no memory");
		return;
	}
	r->resumed_at = r->at;
	if (r->at == 0)
		r->rival.fd = place_rival(&r->place, &r->file);
	r->state = RECEIVER_TAKES;
	report_receiving(r, TRANSFER_FILE_BEGINS, NULL);
}

static bool take_check(struct file_receiver *r, json_t *json, const char *kind) {
	const char *theirs = json_string_value(json_object_get(json, kind));
	if (r->state != RECEIVER_TAKES || !theirs || !*theirs)
		return false;
	snprintf(r->theirs, sizeof r->theirs, "%s", theirs);
	return true;
}

static void on_end(struct file_receiver *r, json_t *json) {
	if (!take_check(r, json, r->checks_crc ? "crc32c" : "sha256"))
		break_receiving(r, "the other side ends a file in a way that is not understood");
	else if (r->at < r->file.size)
		refuse(r, "it ended before all of it came");
	else
		r->state = RECEIVER_ENDS;
}

static void on_hash(struct file_receiver *r, json_t *json) {
	if (!r->rival.asked || !take_check(r, json, "sha256"))
		break_receiving(r, "the other side shows a hash that it was not asked for");
}

static void on_abort(struct file_receiver *r, json_t *json) {
	const char *reason = json_string_value(json_object_get(json, "reason"));
	char text[300];
	transfer_reason(reason, text, sizeof text);
	if (r->place.fd < 0)
		break_receiving(r, "the other side gives up a file that it did not announce");
	else
		give_up(r, text);
}

static void on_bye(struct file_receiver *r) {
	if (r->state != RECEIVER_IDLE && r->state != RECEIVER_DROPS) {
		break_receiving(r, "the other side leaves in the middle of a file");
		return;
	}
	r->state = RECEIVER_OVER;
	r->file.name[0] = 0;
	report_receiving(r, TRANSFER_FINISHED, NULL);
}

static void on_control(struct file_receiver *r, const char *type, json_t *json) {
	json_t *which = json_object_get(json, "id");
	bool dropped = r->state == RECEIVER_DROPS && which && json_integer_value(which) == r->id;
	if (strcmp(type, "hello") == 0)
		on_hello(r, json);
	else if (r->state == RECEIVER_AWAITS_HELLO)
		break_receiving(r, "the other side does not say hello");
	else if (strcmp(type, "file") == 0)
		on_file(r, json);
	else if (strcmp(type, "bye") == 0)
		on_bye(r);
	else if (dropped)
		;
	else if (!which || json_integer_value(which) != r->id)
		break_receiving(r, "the other side speaks of a file that it did not announce");
	else if (strcmp(type, "data") == 0)
		on_data(r, json);
	else if (strcmp(type, "end") == 0)
		on_end(r, json);
	else if (strcmp(type, "hash") == 0)
		on_hash(r, json);
	else if (strcmp(type, "abort") == 0)
		on_abort(r, json);
	else
		break_receiving(r, "the other side says something that is not understood");
}

void file_receiver_message(struct file_receiver *r, bool text, const void *data, size_t len) {
	if (r->state == RECEIVER_OVER)
		return;
	if (!text) {
		file_receiver_bytes(r, &(struct iovec){(void *)data, len}, 1, NULL, NULL);
		return;
	}
	const char *type;
	json_t *json = transfer_parse(data, len, &type);
	if (json)
		on_control(r, type, json);
	else
		break_receiving(r, "the other side does not speak our language (is it a 'sluice send'?)");
	json_decref(json);
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

struct file_receiver *file_receiver_new(const char *folder, bool force, const struct transfer_wire *wire, transfer_event_fn event,
                                        void *ctx) {
	struct file_receiver *r = calloc(1, sizeof *r);
	uint8_t *buffer = malloc(PIECE);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!r || !buffer || fd < 0 || !place_init(&r->place, fd, force)) {
		int error = errno;
		free(r);
		free(buffer);
		if (fd >= 0)
			close(fd);
		errno = error;
		return NULL;
	}
	r->wire = *wire;
	r->event = event;
	r->ctx = ctx;
	r->rival.fd = -1;
	r->buffer = buffer;
	return r;
}

void file_receiver_free(struct file_receiver *r) {
	if (!r)
		return;
	close_file(r);
	place_clear(&r->place);
	transfer_clear(&r->outbox);
	free(r->buffer);
	free(r);
}
