/* signal_file: two ends that see the same folder. The one that offers makes FILE, the other answers in FILE.answer; each is
 * written beside and moved into place, so nobody ever reads half of one. Who comes first offers, unless told otherwise. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/secret.h"
#include "tools/signalling.h"

/* Seconds between two looks. A look is one open(2). */
#define INTERVAL 0.02

struct by_file {
	char offer[PATH_MAX], answer[PATH_MAX], draft[PATH_MAX];
	bool offering;
	bool published; /* FILE (offering) or FILE.answer is ours to remove, while it is this one: */
	dev_t device;
	ino_t inode;
	ev_timer timer;
};

/* True when the file was there and its message was handed over. */
static bool take_file(struct signalling *s, const char *path) {
	size_t len;
	char *text = signalling_read_file(path, &len);
	if (!text)
		return errno != ENOENT && signalling_fail(s, "cannot read %s: %s", path, strerror(errno));
	const char *wrong = signalling_deliver(s, text, len);
	secret_free(text);
	if (wrong)
		return signalling_fail(s, "%s holds no description: %s", path, wrong);
	return true;
}

static void tell_age(const char *path) {
	struct stat st;
	if (stat(path, &st) == 0 && time(NULL) - st.st_mtime > 60)
		complain("%s is %lld minutes old; remove it if the one that made it is gone", path,
		         (long long)(time(NULL) - st.st_mtime) / 60);
}

static void on_look(struct ev_loop *ev, ev_timer *w, int events) {
	(void)events;
	struct signalling *s = w->data;
	struct by_file *f = s->own;
	if (!take_file(s, f->offering ? f->answer : f->offer)) {
		if (s->ended)
			ev_timer_stop(ev, w);
		return;
	}
	ev_timer_stop(ev, w);
	if (f->offering) { /* both have served */
		unlink(f->answer);
		unlink(f->offer);
		f->published = false;
	}
}

static void look(struct signalling *s) {
	struct by_file *f = s->own;
	signalling_wait_for(s, "%s", f->offering ? f->answer : f->offer);
	ev_timer_again(s->ev, &f->timer);
}

static bool file_start(struct signalling *s) {
	struct by_file *f = s->own;
	ev_timer_init(&f->timer, on_look, INTERVAL, INTERVAL);
	f->timer.data = s;
	const char *path = s->options->signal;
	if (snprintf(f->offer, sizeof f->offer, "%s", path) >= PATH_MAX - 32)
		return signalling_fail(s, "the name of the file is too long");
	snprintf(f->answer, sizeof f->answer, "%.*s.answer", PATH_MAX - 32, path);
	snprintf(f->draft, sizeof f->draft, "%.*s.%d.tmp", PATH_MAX - 32, path, (int)getpid());
	bool there = access(path, F_OK) == 0;
	if (s->options->role == LINK_ANY && !there && errno != ENOENT)
		return signalling_fail(s, "cannot use %s: %s", path, strerror(errno));
	f->offering = s->options->role == LINK_OFFER || (s->options->role == LINK_ANY && !there);
	if (!f->offering && there)
		tell_age(path);
	s->events.on_role(s->events.ctx, f->offering);
	if (!f->offering)
		look(s);
	return true;
}

static bool write_draft(struct by_file *f, enum signal_kind kind, const char *text) {
	char *json = signal_encode(kind, text, NULL);
	FILE *file = json ? fopen(f->draft, "we") : NULL;
	if (file)
		setvbuf(file, NULL, _IONBF, 0); /* a buffer would be a copy that nobody wipes */
	bool ok = file && fprintf(file, "%s\n", json) > 0;
	if (file && fclose(file))
		ok = false;
	secret_free(json);
	return ok;
}

static void note_published(struct by_file *f) {
	struct stat st;
	f->published = stat(f->offering ? f->offer : f->answer, &st) == 0;
	f->device = f->published ? st.st_dev : 0;
	f->inode = f->published ? st.st_ino : 0;
}

/* Somebody else was faster: then we answer. */
static void give_way(struct signalling *s) {
	struct by_file *f = s->own;
	f->offering = false;
	look(s);
}

/* --offer replaces an offer that was left behind, never a file of another kind. */
static bool may_replace(const char *path) {
	size_t len;
	char *text = signalling_read_file(path, &len);
	if (!text)
		return errno == ENOENT;
	struct signal_message m;
	bool ok = !signal_decode(text, len, &m);
	secret_free(m.text);
	secret_free(text);
	return ok;
}

static void publish_offer(struct signalling *s) {
	struct by_file *f = s->own;
	bool force = s->options->role == LINK_OFFER;
	if (!may_replace(f->answer) || (force && !may_replace(f->offer))) {
		unlink(f->draft);
		signalling_fail(s, "%s or %s is there already and holds no description", f->offer, f->answer);
		return;
	}
	unlink(f->answer); /* of a run that did not end well */
	int result = force ? rename(f->draft, f->offer) : link(f->draft, f->offer);
	int error = errno;
	unlink(f->draft);
	if (result && error == EEXIST && !force) {
		give_way(s);
	} else if (result) {
		signalling_fail(s, "cannot make %s: %s", f->offer, strerror(error));
	} else {
		note_published(f);
		look(s);
	}
}

static void file_send(struct signalling *s, enum signal_kind kind, const char *text, const char *mid) {
	(void)mid;
	struct by_file *f = s->own;
	if (!write_draft(f, kind, text)) {
		signalling_fail(s, "cannot write %s: %s", f->draft, strerror(errno));
		unlink(f->draft);
	} else if (kind == SIGNAL_OFFER) {
		publish_offer(s);
	} else if (rename(f->draft, f->answer)) {
		signalling_fail(s, "cannot make %s: %s", f->answer, strerror(errno));
		unlink(f->draft);
	} else {
		note_published(f);
	}
}

/* A file that nobody took would mislead whoever comes next. A file that was taken is gone, and another pair may use its name. */
static void file_stop(struct signalling *s) {
	struct by_file *f = s->own;
	struct stat st;
	const char *path = f->offering ? f->offer : f->answer;
	ev_timer_stop(s->ev, &f->timer);
	if (f->published && stat(path, &st) == 0 && st.st_dev == f->device && st.st_ino == f->inode)
		unlink(path);
}

const struct carrier carrier_file = {.size = sizeof(struct by_file), .start = file_start, .send = file_send, .stop = file_stop};
