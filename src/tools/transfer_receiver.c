/* transfer_receiver: the end that gets the files; see transfer.h.
 *
 * A file that is not complete is NAME.part, and NAME.part.state says of which file: its size and time. Both stay when the
 * transfer breaks, so that the next one goes on there; the sender compares the hash of what is there before it does. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sluice.h"
#include "tools/transfer.h"

#define SLICE (1 << 20)

enum receiver_state {
	RECEIVER_AWAITS_HELLO,
	RECEIVER_IDLE,
	RECEIVER_CHECKS,      /* hashes what is there */
	RECEIVER_AWAITS_DATA, /* said what it wants */
	RECEIVER_TAKES,
	RECEIVER_DROPS, /* gave the file up; what still comes of it is dropped */
	RECEIVER_OVER,
};

struct file_receiver {
	int folder;
	bool force;
	struct transfer_wire wire;
	transfer_event_fn event;
	void *ctx;
	enum receiver_state state;
	struct transfer_outbox outbox;
	json_int_t id;
	char name[256], part[256], note[256]; /* NAME, NAME.part, NAME.part.state */
	json_int_t mtime;
	int fd;        /* -1 without a file */
	bool is_whole; /* fd is NAME itself: is it the same file? */
	uint64_t size, at, resumed_at;
	uint64_t present; /* bytes that are there and get hashed */
	crypto_sha256 *hash;
	uint8_t *buffer; /* SLICE bytes */
	uint64_t files, done, failed;
	void *names; /* with force: of what came whole, a tree of strings for tsearch(3) */
};

/* ---- telling ------------------------------------------------------------------------------------------------------- */

void file_receiver_progress(const struct file_receiver *r, struct transfer_progress *p) {
	bool checks = r->state == RECEIVER_CHECKS;
	*p = (struct transfer_progress){.name = r->fd >= 0 ? r->name : NULL,
	                                .size = r->size,
	                                .at = r->at,
	                                .resumed_at = r->resumed_at,
	                                .checking = checks,
	                                .files = r->files,
	                                .files_done = r->done,
	                                .files_failed = r->failed};
}

static void tell(struct file_receiver *r, enum transfer_event event, const char *reason) {
	struct transfer_progress p;
	file_receiver_progress(r, &p);
	p.name = r->name;
	p.reason = reason;
	r->event(r->ctx, event, &p);
}

static void broken(struct file_receiver *r, const char *reason) {
	if (r->state == RECEIVER_OVER)
		return;
	r->state = RECEIVER_OVER;
	tell(r, TRANSFER_BROKEN, reason);
}

static void put(struct file_receiver *r, json_t *json) {
	if (!transfer_put(&r->outbox, json))
		broken(r, "no memory");
}

/* ---- one file ------------------------------------------------------------------------------------------------------ */

/* The lock on NAME.part goes with it. */
static void close_file(struct file_receiver *r) {
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	crypto_sha256_free(r->hash);
	r->hash = NULL;
	r->is_whole = false;
}

static void give_up(struct file_receiver *r, const char *reason) {
	r->failed++;
	tell(r, TRANSFER_FILE_FAILED, reason);
	close_file(r);
	r->state = RECEIVER_DROPS;
}

static void refuse(struct file_receiver *r, const char *reason) {
	put(r, json_pack("{s:s, s:I, s:s}", "type", "failed", "id", r->id, "reason", reason));
	if (r->state != RECEIVER_OVER)
		give_up(r, reason);
}

static bool start_hash(struct file_receiver *r) {
	crypto_sha256_free(r->hash);
	r->hash = crypto_sha256_new();
	r->at = 0;
	if (!r->hash)
		broken(r, "no memory");
	return r->hash != NULL;
}

static bool hash_as_hex(struct file_receiver *r, char hex[2 * CRYPTO_SHA256_SIZE + 1]) {
	uint8_t hash[CRYPTO_SHA256_SIZE];
	if (!crypto_sha256_final(r->hash, hash)) {
		broken(r, "the crypto library refuses");
		return false;
	}
	transfer_hex(hash, hex);
	return true;
}

/* ---- NAME.part.state ------------------------------------------------------------------------------------------------ */

static bool is_part_of_this(struct file_receiver *r) {
	char text[256];
	json_int_t size = -1, mtime = -1;
	int fd = openat(r->folder, r->note, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
	if (fd >= 0)
		close(fd);
	json_t *json = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
	bool same = json && json_unpack(json, "{s:I, s:I}", "size", &size, "mtime", &mtime) == 0 && size >= 0 &&
	            (uint64_t)size == r->size && mtime == r->mtime;
	json_decref(json);
	return same;
}

static bool write_note(struct file_receiver *r) {
	char text[128];
	int len = snprintf(text, sizeof text, "{\"size\":%llu,\"mtime\":%lld}\n", (unsigned long long)r->size,
	                   (long long)r->mtime);
	int fd = openat(r->folder, r->note, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	bool ok = fd >= 0 && write(fd, text, (size_t)len) == len;
	if (fd >= 0 && close(fd))
		ok = false;
	return ok;
}

static void remove_part(struct file_receiver *r) {
	unlinkat(r->folder, r->part, 0);
	unlinkat(r->folder, r->note, 0);
}

/* ---- what is there -------------------------------------------------------------------------------------------------- */

/* 0, or errno; EWOULDBLOCK: another transfer has it. */
static int open_part(struct file_receiver *r, struct stat *st) {
	r->fd = openat(r->folder, r->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
	if (r->fd < 0 || fstat(r->fd, st))
		return errno;
	if (!S_ISREG(st->st_mode))
		return EEXIST;
	return flock(r->fd, LOCK_EX | LOCK_NB) ? errno : 0;
}

static void take_up_part(struct file_receiver *r) {
	struct stat st;
	char reason[400];
	int error = open_part(r, &st);
	if (error == EWOULDBLOCK) {
		refuse(r, "another transfer of this file is under way");
		return;
	}
	bool goes_on = !error && (uint64_t)st.st_size <= r->size && is_part_of_this(r);
	if (!error && ((!goes_on && ftruncate(r->fd, 0)) || !write_note(r)))
		error = errno;
	if (error) {
		snprintf(reason, sizeof reason, "cannot make %s: %s", r->part, strerror(error));
		refuse(r, reason);
		return;
	}
	r->present = goes_on ? (uint64_t)st.st_size : 0;
	r->state = RECEIVER_CHECKS;
	start_hash(r);
}

/* NAME is there, and nobody said that it may be replaced. Where it is the same file all is well. */
static void compare(struct file_receiver *r, const struct stat *st) {
	r->fd = S_ISREG(st->st_mode) && (uint64_t)st->st_size == r->size
	                ? openat(r->folder, r->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
	                : -1;
	if (r->fd < 0) {
		refuse(r, "a file of that name is there already (--force replaces it)");
		return;
	}
	r->is_whole = true;
	r->present = r->size;
	r->state = RECEIVER_CHECKS;
	start_hash(r);
}

static int compare_names(const void *a, const void *b) {
	return strcmp(a, b);
}

/* Two folders of the sender may have a file of the same name. Without force the second meets the first one; with it, it would take its
 * place, and both would count as received. */
static bool came_before(const struct file_receiver *r) {
	return tfind(r->name, (void *const *)&r->names, compare_names) != NULL;
}

/* False: no memory. */
static bool remember_name(struct file_receiver *r) {
	char *name = r->force ? strdup(r->name) : NULL;
	void *found = name ? tsearch(name, &r->names, compare_names) : NULL;
	if (found && *(char **)found == name)
		return true;
	free(name); /* known already */
	return found || !r->force;
}

static void look(struct file_receiver *r) {
	struct stat st;
	if (came_before(r))
		refuse(r, "a file of that name came before it, and is not replaced");
	else if (fstatat(r->folder, r->name, &st, AT_SYMLINK_NOFOLLOW))
		take_up_part(r);
	else if (S_ISDIR(st.st_mode))
		refuse(r, "a folder of that name is there already");
	else if (r->force)
		take_up_part(r);
	else
		compare(r, &st);
}

static void check_slice(struct file_receiver *r) {
	if (r->at < r->present) {
		size_t len = r->present - r->at < SLICE ? (size_t)(r->present - r->at) : SLICE;
		ssize_t n = pread(r->fd, r->buffer, len, (off_t)r->at);
		if (n <= 0)
			refuse(r, n ? strerror(errno) : "what is there became shorter");
		else if (!crypto_sha256_update(r->hash, r->buffer, (size_t)n))
			broken(r, "the crypto library refuses");
		else
			r->at += (size_t)n;
		return;
	}
	char hex[2 * CRYPTO_SHA256_SIZE + 1];
	if (!hash_as_hex(r, hex))
		return;
	put(r, json_pack("{s:s, s:I, s:I, s:s}", "type", "want", "id", r->id, "offset", (json_int_t)r->at, "sha256", hex));
	if (r->state != RECEIVER_OVER)
		r->state = RECEIVER_AWAITS_DATA;
}

bool file_receiver_work(struct file_receiver *r) {
	if (r->state == RECEIVER_CHECKS && !r->outbox.count)
		check_slice(r);
	int error = transfer_flush(&r->outbox, &r->wire);
	if (error && error != SLUICE_WOULD_BLOCK)
		broken(r, sluice_error_text(error));
	return !error && r->state == RECEIVER_CHECKS;
}

/* ---- contents ------------------------------------------------------------------------------------------------------- */

static void take_bytes(struct file_receiver *r, const uint8_t *data, size_t len) {
	if (r->state == RECEIVER_DROPS)
		return;
	if (r->state != RECEIVER_TAKES || len > r->size - r->at) {
		broken(r, "the other side sends more than it announced");
		return;
	}
	for (size_t written = 0; written < len;) {
		ssize_t n = pwrite(r->fd, data + written, len - written, (off_t)(r->at + written));
		if (n <= 0) {
			refuse(r, strerror(n ? errno : ENOSPC));
			return;
		}
		written += (size_t)n;
	}
	if (crypto_sha256_update(r->hash, data, len))
		r->at += len;
	else
		broken(r, "the crypto library refuses");
}

/* renameat2 where the file system has it; elsewhere a look before. */
static bool give_name(struct file_receiver *r) {
	if (r->force)
		return renameat(r->folder, r->part, r->folder, r->name) == 0;
	if (renameat2(r->folder, r->part, r->folder, r->name, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	if (faccessat(r->folder, r->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return false;
	}
	return renameat(r->folder, r->part, r->folder, r->name) == 0;
}

static void finish_file(struct file_receiver *r) {
	bool was_there = r->is_whole;
	if (!remember_name(r)) {
		refuse(r, "no memory");
		return;
	}
	if (!was_there) {
		struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = r->mtime}};
		futimens(r->fd, times); /* a time that this file system does not know is no reason to fail */
		if (!give_name(r)) {
			refuse(r, strerror(errno));
			return;
		}
		unlinkat(r->folder, r->note, 0);
	}
	put(r, json_pack("{s:s, s:I}", "type", "done", "id", r->id));
	if (r->state == RECEIVER_OVER)
		return;
	r->done++;
	tell(r, was_there ? TRANSFER_FILE_WAS_THERE : TRANSFER_FILE_DONE, NULL);
	close_file(r);
	r->state = RECEIVER_IDLE;
}

/* ---- what the sender says ------------------------------------------------------------------------------------------- */

static void on_hello(struct file_receiver *r, json_t *json) {
	if (r->state != RECEIVER_AWAITS_HELLO)
		broken(r, "the other side says hello twice");
	else if (json_integer_value(json_object_get(json, "version")) != TRANSFER_VERSION)
		broken(r, "the other side speaks another version of the protocol");
	else {
		json_int_t files = json_integer_value(json_object_get(json, "files"));
		r->files = files > 0 ? (uint64_t)files : 0;
		r->state = RECEIVER_IDLE;
		put(r, json_pack("{s:s, s:i}", "type", "hello", "version", TRANSFER_VERSION));
	}
}

static void on_file(struct file_receiver *r, json_t *json) {
	const char *name = NULL;
	json_int_t size = -1;
	r->mtime = 0;
	if ((r->state != RECEIVER_IDLE && r->state != RECEIVER_DROPS) ||
	    json_unpack(json, "{s:I, s:s, s:I, s?:I}", "id", &r->id, "name", &name, "size", &size, "mtime", &r->mtime) ||
	    size < 0) {
		broken(r, "the other side announces a file in a way that is not understood");
		return;
	}
	r->size = (uint64_t)size;
	r->at = r->present = r->resumed_at = 0;
	if (!transfer_safe_name(name, r->name, sizeof r->name)) {
		snprintf(r->name, sizeof r->name, "(a file)");
		refuse(r, "its name cannot be used here");
		return;
	}
	snprintf(r->part, sizeof r->part, "%.244s.part", r->name);
	snprintf(r->note, sizeof r->note, "%.244s.part.state", r->name);
	look(r);
}

static void on_data(struct file_receiver *r, json_t *json) {
	json_int_t offset = json_integer_value(json_object_get(json, "offset"));
	if (r->state != RECEIVER_AWAITS_DATA || (offset != 0 && (uint64_t)offset != r->at)) {
		broken(r, "the other side sends from another place than it was asked to");
		return;
	}
	if ((uint64_t)offset != r->at && r->is_whole) {
		refuse(r, "another file of that name is there already (--force replaces it)");
		return;
	}
	if ((uint64_t)offset != r->at && (ftruncate(r->fd, 0) || !start_hash(r))) {
		if (r->state != RECEIVER_OVER)
			refuse(r, strerror(errno));
		return;
	}
	r->resumed_at = r->at;
	r->state = RECEIVER_TAKES;
	tell(r, TRANSFER_FILE_BEGINS, NULL);
}

static void on_end(struct file_receiver *r, json_t *json) {
	const char *theirs = json_string_value(json_object_get(json, "sha256"));
	char ours[2 * CRYPTO_SHA256_SIZE + 1];
	if (r->state != RECEIVER_TAKES || !theirs) {
		broken(r, "the other side ends a file in a way that is not understood");
	} else if (r->at < r->size) {
		refuse(r, "it ended before all of it came");
	} else if (hash_as_hex(r, ours) && strcmp(ours, theirs)) {
		if (!r->is_whole)
			remove_part(r); /* going on with it would end the same way */
		refuse(r, "its hash is wrong: it was changed while it was sent, or on the way");
	} else if (r->state != RECEIVER_OVER) {
		finish_file(r);
	}
}

static void on_abort(struct file_receiver *r, json_t *json) {
	const char *reason = json_string_value(json_object_get(json, "reason"));
	char text[300];
	transfer_reason(reason, text, sizeof text);
	if (r->state != RECEIVER_CHECKS && r->state != RECEIVER_AWAITS_DATA && r->state != RECEIVER_TAKES)
		broken(r, "the other side gives up a file that it did not announce");
	else
		give_up(r, text);
}

static void on_bye(struct file_receiver *r) {
	if (r->state != RECEIVER_IDLE && r->state != RECEIVER_DROPS) {
		broken(r, "the other side leaves in the middle of a file");
		return;
	}
	r->state = RECEIVER_OVER;
	r->name[0] = 0;
	tell(r, TRANSFER_FINISHED, NULL);
}

static void on_control(struct file_receiver *r, const char *type, json_t *json) {
	json_t *which = json_object_get(json, "id");
	bool dropped = r->state == RECEIVER_DROPS && which && json_integer_value(which) == r->id;
	if (strcmp(type, "hello") == 0)
		on_hello(r, json);
	else if (r->state == RECEIVER_AWAITS_HELLO)
		broken(r, "the other side does not say hello");
	else if (strcmp(type, "file") == 0)
		on_file(r, json);
	else if (strcmp(type, "bye") == 0)
		on_bye(r);
	else if (dropped)
		;
	else if (!which || json_integer_value(which) != r->id)
		broken(r, "the other side speaks of a file that it did not announce");
	else if (strcmp(type, "data") == 0)
		on_data(r, json);
	else if (strcmp(type, "end") == 0)
		on_end(r, json);
	else if (strcmp(type, "abort") == 0)
		on_abort(r, json);
	else
		broken(r, "the other side says something that is not understood");
}

void file_receiver_message(struct file_receiver *r, bool text, const void *data, size_t len) {
	if (r->state == RECEIVER_OVER)
		return;
	if (!text) {
		take_bytes(r, data, len);
		return;
	}
	const char *type;
	json_t *json = transfer_parse(data, len, &type);
	if (json)
		on_control(r, type, json);
	else
		broken(r, "the other side does not speak our language (is it a 'sluice send'?)");
	json_decref(json);
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

struct file_receiver *file_receiver_new(const char *folder, bool force, const struct transfer_wire *wire, transfer_event_fn event,
                                        void *ctx) {
	struct file_receiver *r = calloc(1, sizeof *r);
	uint8_t *buffer = malloc(SLICE);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!r || !buffer || fd < 0) {
		int error = errno;
		free(r);
		free(buffer);
		if (fd >= 0)
			close(fd);
		errno = error;
		return NULL;
	}
	*r = (struct file_receiver){
		.folder = fd, .force = force, .wire = *wire, .event = event, .ctx = ctx, .fd = -1, .buffer = buffer};
	return r;
}

void file_receiver_free(struct file_receiver *r) {
	if (!r)
		return;
	close_file(r);
	close(r->folder);
	tdestroy(r->names, free);
	transfer_clear(&r->outbox);
	free(r->buffer);
	free(r);
}
