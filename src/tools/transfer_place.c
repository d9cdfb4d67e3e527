/* transfer_place: see its header. */
#include "tools/transfer_place.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Parts of one name at a time, each of another transfer that is under way. */
#define PARTS_MAX 20
#define NAMES_MAX 9999
/* Of these a file may be the one that is announced. */
#define RIVALS_MAX 9
/* A name with " (9999)" and ".part.state" behind it has to fit too. */
#define NUMBERED_MAX (255 - 11)

#define OPEN_FLAGS (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)

bool place_init(struct place *p, int folder, bool force) {
	*p = (struct place){.folder = folder, .force = force, .given = json_object(), .fd = -1};
	return p->given != NULL;
}

void place_close(struct place *p) {
	if (p->fd >= 0)
		close(p->fd); /* and the lock with it */
	p->fd = -1;
}

void place_clear(struct place *p) {
	place_close(p);
	json_decref(p->given);
	if (p->folder >= 0)
		close(p->folder);
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

/* Not in the middle of a letter. */
static size_t cut(const char *name, size_t len) {
	while (len && ((unsigned char)name[len] & 0xc0) == 0x80)
		len--;
	return len;
}

/* "a.txt", "a (2).txt", "a (3).txt" ... */
static void numbered(const char *name, unsigned n, char out[256]) {
	char number[16] = "";
	const char *dot = strrchr(name, '.');
	const char *end = dot && dot != name && strlen(dot) < 32 ? dot : name + strlen(name);
	size_t stem = (size_t)(end - name);
	if (n > 1)
		snprintf(number, sizeof number, " (%u)", n);
	size_t rest = strlen(number) + strlen(end);
	if (stem + rest > NUMBERED_MAX)
		stem = cut(name, NUMBERED_MAX - rest);
	snprintf(out, 256, "%.*s%s%s", (int)stem, name, number, end);
}

static void set_names(struct place *p, const char *wanted, unsigned n) {
	numbered(wanted, n, p->name);
	snprintf(p->part, sizeof p->part, "%s.part", p->name);
	snprintf(p->note, sizeof p->note, "%s.part.state", p->name);
}

/* ---- NAME.part.state ------------------------------------------------------------------------------------------------- */

static bool note_is_of(const struct place *p, const struct place_file *file) {
	char text[256];
	json_int_t size = -1;
	const char *tag = NULL;
	int fd = file->tag[0] ? openat(p->folder, p->note, O_RDONLY | OPEN_FLAGS) : -1;
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
	if (fd >= 0)
		close(fd);
	json_t *json = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
	bool same = json && json_unpack(json, "{s:I, s:s}", "size", &size, "tag", &tag) == 0 && size >= 0 &&
	            (uint64_t)size == file->size && strcmp(tag, file->tag) == 0;
	json_decref(json);
	return same;
}

/* The length, or 0 without memory. */
static size_t encode_note(const struct place_file *file, char *text, size_t size) {
	json_t *json = json_pack("{s:I, s:s}", "size", (json_int_t)file->size, "tag", file->tag);
	size_t len = json ? json_dumpb(json, text, size - 1, JSON_COMPACT) : 0;
	json_decref(json);
	if (len == 0 || len >= size)
		return 0;
	text[len] = '\n';
	return len + 1;
}

/* Made anew each time: what stands there may be a link to another file. */
static int write_note(const struct place *p, const struct place_file *file) {
	char text[160];
	size_t len = encode_note(file, text, sizeof text);
	if (len == 0)
		return ENOMEM;
	if (unlinkat(p->folder, p->note, 0) && errno != ENOENT)
		return errno;
	int fd = openat(p->folder, p->note, O_WRONLY | O_CREAT | O_EXCL | OPEN_FLAGS, 0666);
	int error = fd < 0 ? errno : write(fd, text, len) != (ssize_t)len ? ENOSPC : 0;
	if (fd >= 0 && close(fd) && !error)
		error = errno;
	return error;
}

/* ---- NAME.part ------------------------------------------------------------------------------------------------------- */

enum taken { TAKEN, TAKEN_BUSY, TAKEN_ERROR };

static enum taken make_part(struct place *p) {
	p->fd = openat(p->folder, p->part, O_RDWR | O_CREAT | O_EXCL | OPEN_FLAGS, 0666);
	if (p->fd < 0)
		return errno == EEXIST ? TAKEN_BUSY : TAKEN_ERROR;
	return flock(p->fd, LOCK_EX | LOCK_NB) ? TAKEN_BUSY : TAKEN;
}

/* Where something else stands in its place it gives way. A folder does not, and neither does what another user of a sticky folder
 * put there: then the next name is tried. */
static enum taken replace_part(struct place *p) {
	return unlinkat(p->folder, p->part, 0) && errno != ENOENT ? TAKEN_BUSY : make_part(p);
}

/* Ours, and with this one name: what is written into it changes no other file. */
static bool is_our_own(const struct stat *st) {
	return S_ISREG(st->st_mode) && st->st_nlink == 1 && st->st_uid == geteuid();
}

static enum taken take_part(struct place *p, const struct place_file *file, uint64_t *present) {
	struct stat st;
	*present = 0;
	int fd = openat(p->folder, p->part, O_RDWR | OPEN_FLAGS);
	if (fd < 0)
		return replace_part(p);
	bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
	bool known = locked && fstat(fd, &st) == 0;
	if (known && is_our_own(&st) && (uint64_t)st.st_size <= file->size && note_is_of(p, file)) {
		p->fd = fd;
		*present = (uint64_t)st.st_size;
		return TAKEN;
	}
	/* While the old one is locked here, nobody else replaces it. One without a name was replaced a moment ago. */
	enum taken taken = known && st.st_nlink > 0 ? replace_part(p) : TAKEN_BUSY;
	close(fd);
	return taken;
}

/* The number of the part that this sender began, else 1. */
static unsigned first_number(struct place *p, const struct place_file *file) {
	for (unsigned n = 1; n <= PARTS_MAX; n++) {
		set_names(p, file->name, n);
		if (note_is_of(p, file))
			return n;
	}
	return 1;
}

int place_open(struct place *p, const struct place_file *file, uint64_t *present) {
	for (unsigned n = first_number(p, file); n <= PARTS_MAX; n++) {
		set_names(p, file->name, n);
		enum taken taken = take_part(p, file, present);
		int error = taken == TAKEN_ERROR ? errno : 0;
		if (taken == TAKEN)
			error = write_note(p, file);
		if (taken == TAKEN && !error)
			return 0;
		place_close(p);
		if (error)
			return error;
	}
	return EBUSY;
}

void place_drop(struct place *p) {
	if (p->fd < 0)
		return;
	unlinkat(p->folder, p->part, 0);
	unlinkat(p->folder, p->note, 0);
	place_close(p);
}

/* ---- what is there ---------------------------------------------------------------------------------------------------- */

int place_rival(const struct place *p, const struct place_file *file) {
	int found = -1;
	for (unsigned n = 1; n <= RIVALS_MAX && !p->force; n++) {
		struct stat st;
		char name[256];
		numbered(file->name, n, name);
		if (fstatat(p->folder, name, &st, AT_SYMLINK_NOFOLLOW))
			break;
		if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != file->size)
			continue;
		if (found >= 0)
			close(found);
		found = openat(p->folder, name, O_RDONLY | OPEN_FLAGS);
		if (st.st_mtime == file->mtime)
			break;
	}
	return found;
}

/* ---- NAME ------------------------------------------------------------------------------------------------------------- */

/* renameat2 where the file system has it; elsewhere a look before. */
static int name_unless_taken(const struct place *p, const char *name) {
	if (renameat2(p->folder, p->part, p->folder, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	if (faccessat(p->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return EEXIST;
	return renameat(p->folder, p->part, p->folder, name) ? errno : 0;
}

static int name_by_force(struct place *p, const char *wanted) {
	if (!p->force || json_object_get(p->given, wanted))
		return EEXIST;
	snprintf(p->name, sizeof p->name, "%s", wanted);
	int error = renameat(p->folder, p->part, p->folder, wanted) ? errno : 0;
	return error == EISDIR || error == ENOTEMPTY ? EEXIST : error; /* a folder is not replaced */
}

static int give_name(struct place *p, const char *wanted) {
	int error = name_by_force(p, wanted);
	for (unsigned n = 1; error == EEXIST && n <= NAMES_MAX; n++) {
		numbered(wanted, n, p->name);
		error = name_unless_taken(p, p->name);
	}
	return error;
}

int place_finish(struct place *p, const struct place_file *file) {
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = file->mtime}};
	futimens(p->fd, times); /* a time that this file system does not know is no reason to fail */
	int error = give_name(p, file->name);
	if (!error) {
		unlinkat(p->folder, p->note, 0);
		json_object_set_new(p->given, p->name, json_true());
	}
	place_close(p);
	return error;
}
