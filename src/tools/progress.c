/* progress: see its header. */
#include "tools/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "sluice/env.h"

#define BAR_MIN 10
#define SILENT_AFTER (2 * SLUICE_S)

const char *progress_bytes(double bytes, char text[16]) {
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	unsigned unit = 0;
	while (bytes >= 999.95 && unit < 6) {
		bytes /= 1000;
		unit++;
	}
	snprintf(text, 16, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
	return text;
}

static double seconds_since(const struct progress *p, uint64_t now) {
	return now > p->began ? (double)(now - p->began) / 1e9 : 0;
}

static double rate(const struct progress *p, const struct transfer_progress *t, uint64_t now) {
	double s = seconds_since(p, now);
	return s > 0 && t->at > p->began_at ? (double)(t->at - p->began_at) / s : 0;
}

static void format_left(const struct transfer_progress *t, double bytes_per_second, char *text, size_t size) {
	double s = bytes_per_second > 0 ? (double)(t->size - t->at) / bytes_per_second + 0.99 : 0; /* rounded up */
	if (bytes_per_second <= 0 || s > 359999)
		snprintf(text, size, "--:--");
	else if (s < 3600)
		snprintf(text, size, "%u:%02u", (unsigned)s / 60, (unsigned)s % 60);
	else
		snprintf(text, size, "%u:%02u:%02u", (unsigned)s / 3600, (unsigned)s / 60 % 60, (unsigned)s % 60);
}

/* At most so many columns of a UTF-8 text, never a part of a letter. Wide letters count as one. */
static int cut(const char *text, unsigned columns) {
	int len = 0;
	while (text[len] && columns) {
		do {
			len++;
		} while (((unsigned char)text[len] & 0xc0) == 0x80);
		columns--;
	}
	return len;
}

static void format_numbers(const struct progress *p, const struct transfer_progress *t, uint64_t now, char *text, size_t size) {
	char at[16], whole[16], speed[16], left[16];
	double percent = t->size ? 100 * (double)t->at / (double)t->size : 100, bps = rate(p, t, now);
	if (t->checking) {
		snprintf(text, size, "%3.0f%%  checking what is there", percent);
		return;
	}
	progress_bytes((double)t->at, at);
	progress_bytes((double)t->size, whole);
	if (now > p->moved && now - p->moved >= SILENT_AFTER) {
		snprintf(text, size, "%3.0f%%  %s of %s  no answer for %u s", percent, at, whole,
		         (unsigned)((now - p->moved) / SLUICE_S));
		return;
	}
	format_left(t, bps, left, sizeof left);
	snprintf(text, size, "%3.0f%%  %s of %s  %s/s  %s left", percent, at, whole, progress_bytes(bps, speed), left);
}

const char *progress_line(const struct progress *p, const struct transfer_progress *t, uint64_t now, unsigned columns, char *text,
                          size_t size) {
	char numbers[128], bar[128];
	double share = t->size ? (double)t->at / (double)t->size : 1;
	format_numbers(p, t, now, numbers, sizeof numbers);
	unsigned used = (unsigned)strlen(numbers) + 6; /* two spaces, brackets, two spaces */
	unsigned rest = columns > used ? columns - used : 0;
	unsigned bar_len = rest > 2 * BAR_MIN ? rest / 2 : 0;
	if (bar_len >= sizeof bar)
		bar_len = sizeof bar - 1;
	unsigned filled = (unsigned)(share * bar_len);
	for (unsigned i = 0; i < bar_len; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[bar_len] = 0;
	unsigned room = rest - bar_len > 40 ? 40 : rest - bar_len;
	char name[256] = "";
	if (t->name)
		text_line(t->name, strlen(t->name), name, sizeof name);
	if (bar_len)
		snprintf(text, size, "%.*s  [%s]  %s", cut(name, room), name, bar, numbers);
	else
		snprintf(text, size, "%.*s  %s", cut(name, room), name, numbers);
	return text;
}

void progress_init(struct progress *p) {
	*p = (struct progress){.is_terminal = isatty(STDERR_FILENO)};
}

void progress_begin(struct progress *p, const struct transfer_progress *t, uint64_t now) {
	p->began = p->moved = now;
	p->began_at = t->resumed_at;
	p->moved_to = t->at;
}

void progress_look(struct progress *p, const struct transfer_progress *t, uint64_t now) {
	if (t->at == p->moved_to && !t->checking)
		return;
	p->moved = now;
	p->moved_to = t->at;
}

void progress_draw(struct progress *p, const struct transfer_progress *t, uint64_t now) {
	struct winsize window;
	char text[1024];
	progress_look(p, t, now);
	if (!p->is_terminal || !t->name)
		return;
	unsigned columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col ? window.ws_col : 80;
	fprintf(stderr, "\r%s\033[K", progress_line(p, t, now, columns - 1, text, sizeof text));
	p->drawn = true;
}

void progress_clear(struct progress *p) {
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}

void progress_summary(const struct progress *p, const struct transfer_progress *t, uint64_t now, char *text, size_t size) {
	char whole[16], speed[16], from[16];
	int len = snprintf(text, size, "%s in %.1f s, %s/s", progress_bytes((double)(t->size - t->resumed_at), whole),
	                   seconds_since(p, now), progress_bytes(rate(p, t, now), speed));
	if (t->resumed_at && len > 0 && (size_t)len < size)
		snprintf(text + len, size - (size_t)len, " (behind %s that were there)",
		         progress_bytes((double)t->resumed_at, from));
}
