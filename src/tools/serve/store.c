/* store: which files are in the folder, may this one be read, may that one be written? It knows no channels. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "tools/serve/store.h"

#define HIDDEN ".sluice-upload-"

struct store {
	int folder;
	uint64_t max_file, quota;
	uint64_t announced; /* bytes of what is coming in */
};

struct incoming {
	struct store *store;
	int fd;
	char name[STORE_NAME_MAX + 1];
	char hidden[sizeof HIDDEN + 16];
	uint64_t size, done;
};

struct store *store_open(const char *folder, uint64_t max_file, uint64_t quota) {
	struct store *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->max_file = max_file;
	s->quota = quota;
	if (s->folder >= 0)
		return s;
	free(s);
	return NULL;
}

void store_close(struct store *s) {
	if (s)
		close(s->folder);
	free(s);
}

uint64_t store_max_file(const struct store *s) {
	return s->max_file;
}

static bool is_name(const char *name) {
	size_t len = strlen(name);
	const char *at = name, *end = name + len;
	if (len == 0 || len > STORE_NAME_MAX || name[0] == '.' || strchr(name, '/'))
		return false;
	while (at < end) {
		uint32_t c = text_next(&at, end);
		if (c == TEXT_REPLACEMENT || !text_is_plain(c))
			return false;
	}
	return true;
}

void store_list(const struct store *s, void (*each)(const char *name, uint64_t size, int64_t modified, void *ctx), void *ctx) {
	int fd = openat(s->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	struct stat st;
	size_t count = 0;
	for (struct dirent *e = readdir(dir); e && count < STORE_FILES_MAX; e = readdir(dir)) {
		if (!is_name(e->d_name) || fstatat(s->folder, e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		each(e->d_name, (uint64_t)st.st_size, (int64_t)st.st_mtime, ctx);
		count++;
	}
	closedir(dir);
}

int store_read(const struct store *s, const char *name, uint64_t *size) {
	if (!is_name(name)) {
		errno = ENOENT;
		return -1;
	}
	/* NONBLOCK: a pipe of that name must not hold the whole server. */
	int fd = openat(s->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
		return fd;
	}
	if (fd >= 0) {
		close(fd);
		errno = ENOENT;
	}
	return -1;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

struct usage {
	uint64_t bytes;
	size_t files;
};

static void add_up(const char *name, uint64_t size, int64_t modified, void *ctx) {
	(void)name;
	(void)modified;
	struct usage *u = ctx;
	u->bytes += size;
	u->files++;
}

static const char *judge(const struct store *s, const char *name, uint64_t size) {
	if (!is_name(name) || strlen(name) > STORE_NAME_MAX - strlen(" (100)"))
		return "this name cannot be used here";
	if (size > s->max_file)
		return "the file is larger than the server takes";
	struct usage u = {.bytes = s->announced};
	store_list(s, add_up, &u);
	if (u.files >= STORE_FILES_MAX)
		return "the server has enough files";
	return size > s->quota || u.bytes > s->quota - size ? "the server has no room left for it" : NULL;
}

static bool make_hidden(struct incoming *in) {
	uint64_t random;
	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
		return false;
	snprintf(in->hidden, sizeof in->hidden, HIDDEN "%016llx", (unsigned long long)random);
	in->fd = openat(in->store->folder, in->hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return in->fd >= 0;
}

struct incoming *store_write(struct store *s, const char *name, uint64_t size, const char **why) {
	*why = judge(s, name, size);
	if (*why)
		return NULL;
	struct incoming *in = calloc(1, sizeof *in);
	if (in) {
		in->store = s;
		in->size = size;
		strcpy(in->name, name); /* judged above */
	}
	if (in && make_hidden(in)) {
		s->announced += size;
		return in;
	}
	*why = in ? strerror(errno) : "no memory";
	free(in);
	return NULL;
}

const char *store_incoming_add(struct incoming *in, const void *data, size_t len) {
	if (len > in->size - in->done)
		return "more bytes came than were announced";
	for (const char *p = data; len > 0;) {
		ssize_t n = write(in->fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return strerror(errno);
		p += n;
		len -= (size_t)n;
		in->done += (uint64_t)n;
	}
	return NULL;
}

uint64_t store_incoming_size(const struct incoming *in) {
	return in->size;
}

uint64_t store_incoming_done(const struct incoming *in) {
	return in->done;
}

/* "report.pdf" taken: "report (2).pdf", and so on. Returns 0, or errno's value. */
static int give_name(struct incoming *in, char *name, size_t size) {
	const char *dot = strrchr(in->name, '.');
	int stem = dot && dot != in->name ? (int)(dot - in->name) : (int)strlen(in->name);
	int folder = in->store->folder;
	for (unsigned n = 1; n <= 100; n++) {
		if (n == 1)
			snprintf(name, size, "%s", in->name);
		else
			snprintf(name, size, "%.*s (%u)%s", stem, in->name, n, in->name + stem);
		if (linkat(folder, in->hidden, folder, name, 0) == 0)
			return 0;
		if (errno != EEXIST)
			return errno;
	}
	return EEXIST;
}

const char *store_incoming_finish(struct incoming *in, char *name, size_t size) {
	int error = in->done == in->size ? give_name(in, name, size) : EINVAL;
	store_incoming_drop(in); /* the hidden name goes in either case */
	return error ? strerror(error) : NULL;
}

void store_incoming_drop(struct incoming *in) {
	close(in->fd);
	unlinkat(in->store->folder, in->hidden, 0);
	in->store->announced -= in->size;
	free(in);
}
