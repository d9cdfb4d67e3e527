/* sdpfrag: see its header. */
#include "tools/sdpfrag.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/secret.h"

/* ---- lines --------------------------------------------------------------------------------------------------------- */

/* The length of the line that begins at `text`, and in *step how far it is to the next one. CR LF, LF and CR end a line. */
static size_t line_len(const char *text, size_t len, size_t *step) {
	size_t n = 0;
	while (n < len && text[n] != '\r' && text[n] != '\n')
		n++;
	*step = n + (n < len) + (n + 1 < len && text[n] == '\r' && text[n + 1] == '\n');
	return n;
}

/* The value behind "a=name:", or NULL. */
static const char *value_of(const char *line, const char *name) {
	size_t len = strlen(name);
	return strncmp(line, name, len) == 0 ? line + len : NULL;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

struct reading {
	struct sdpfrag *f;
	unsigned section, line;
	const char *mid; /* of the section */
};

/* RFC 8839, 5.4: a user name fragment has 4 to 256 ice-chars, a password 22 to 256. Some stacks write other signs too. */
static bool is_credential(const char *text, size_t min) {
	size_t len = strlen(text);
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("+/-_=#", *p))
			return false;
	return len >= min && len <= 256;
}

/* Sections may repeat what holds for all. */
static const char *take_credential(const char **field, const char *value, size_t min, const char *wrong) {
	if (!is_credential(value, min))
		return wrong;
	if (*field && strcmp(*field, value))
		return "the sections have different credentials, so they are not bundled";
	*field = value;
	return NULL;
}

static const char *take_candidate(struct reading *r, const char *text) {
	struct sdpfrag *f = r->f;
	if (f->candidate_count == SDPFRAG_CANDIDATES_MAX)
		f->left_out++;
	else
		f->candidates[f->candidate_count++] = (struct sdpfrag_candidate){text, r->mid, r->section, r->line};
	return NULL;
}

/* The mid may stand behind candidates of its section. */
static const char *take_mid(struct reading *r, const char *mid) {
	struct sdpfrag *f = r->f;
	for (size_t i = f->candidate_count; i > 0 && f->candidates[i - 1].section == r->section; i--)
		f->candidates[i - 1].mid = mid;
	r->mid = mid;
	if (r->section == 1)
		f->mid = mid;
	return NULL;
}

static const char *take_section(struct reading *r, const char *media) {
	if (r->section++ == 0)
		r->f->media = media;
	r->mid = NULL;
	return NULL;
}

static const char *take_first(const char **field, const char *value) {
	if (!*field)
		*field = value;
	return NULL;
}

static const char *take_attribute(struct reading *r, const char *line) {
	struct sdpfrag *f = r->f;
	const char *value;
	if (strncmp(line, "a=candidate:", 12) == 0)
		return take_candidate(r, line + 2);
	if ((value = value_of(line, "a=ice-ufrag:")))
		return take_credential(&f->ufrag, value, 4, "ice-ufrag is not 4 to 256 letters, digits, + or /");
	if ((value = value_of(line, "a=ice-pwd:")))
		return take_credential(&f->pwd, value, 22, "ice-pwd is not 22 to 256 letters, digits, + or /");
	if ((value = value_of(line, "a=mid:")))
		return take_mid(r, value);
	if ((value = value_of(line, "a=ice-options:")))
		return take_first(&f->options, value);
	if ((value = value_of(line, "a=ice-pacing:")))
		return take_first(&f->pacing, value);
	if ((value = value_of(line, "a=group:BUNDLE ")))
		return take_first(&f->bundle, value);
	f->lite |= strcmp(line, "a=ice-lite") == 0;
	f->end_of_candidates |= strcmp(line, "a=end-of-candidates") == 0;
	return NULL;
}

static const char *take_line(struct reading *r, char *line) {
	size_t len = strlen(line);
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		line[--len] = 0;
	if (len == 0)
		return NULL;
	if (!islower((unsigned char)line[0]) || line[1] != '=')
		return "this is no line of SDP";
	return line[0] == 'm' ? take_section(r, line + 2) : line[0] == 'a' ? take_attribute(r, line) : NULL;
}

static const char *take_lines(struct reading *r, size_t len) {
	char *at = r->f->copy;
	while (len > 0) {
		size_t step, n = line_len(at, len, &step);
		at[n] = 0; /* the line's end, or the place for one more byte behind the text */
		r->line++;
		const char *wrong = take_line(r, at);
		if (wrong)
			return wrong;
		at += step;
		len -= step;
	}
	r->line = 0;
	return !r->f->ufrag == !r->f->pwd ? NULL : "ice-ufrag and ice-pwd come together";
}

const char *sdpfrag_read(struct sdpfrag *f, const char *text, size_t len, unsigned *line) {
	struct reading r = {.f = f};
	const char *wrong = "a NUL is in it";
	*f = (struct sdpfrag){0};
	if (!memchr(text, 0, len)) {
		f->copy = malloc(len + 1);
		wrong = "there is no memory for it";
	}
	if (f->copy) {
		memcpy(f->copy, text, len);
		f->copy[len] = 0;
		wrong = take_lines(&r, len);
	}
	if (line)
		*line = r.line;
	if (wrong)
		sdpfrag_free(f);
	return wrong;
}

void sdpfrag_free(struct sdpfrag *f) {
	secret_free(f->copy);
	*f = (struct sdpfrag){0};
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* Text that grows: counted only while `to` is NULL. */
struct text {
	char *to;
	size_t len, size;
};

static void put(struct text *t, const char *bytes, size_t len) {
	if (t->to && t->len + len < t->size)
		memcpy(t->to + t->len, bytes, len);
	t->len += len;
}

static void put_line(struct text *t, const char *before, const char *value) {
	if (!value)
		return;
	put(t, before, strlen(before));
	put(t, value, strlen(value));
	put(t, "\r\n", 2);
}

static void put_candidates(struct text *t, const struct sdpfrag *f) {
	for (size_t i = 0; i < f->candidate_count; i++)
		if (f->candidates[i].section <= 1)
			put_line(t, "a=", f->candidates[i].text);
	if (f->end_of_candidates)
		put_line(t, "a=end-of-candidates", "");
}

size_t sdpfrag_write(const struct sdpfrag *f, char *text, size_t size) {
	struct text t = {.to = text, .size = size};
	if (f->lite)
		put_line(&t, "a=ice-lite", "");
	put_line(&t, "a=ice-options:", f->options);
	put_line(&t, "a=ice-pacing:", f->pacing);
	put_line(&t, "a=group:BUNDLE ", f->bundle);
	put_line(&t, "m=", f->media);
	put_line(&t, "a=mid:", f->mid);
	put_line(&t, "a=ice-ufrag:", f->ufrag);
	put_line(&t, "a=ice-pwd:", f->pwd);
	put_candidates(&t, f);
	if (t.len >= size)
		return 0;
	text[t.len] = 0;
	return t.len;
}

/* ---- a restart ----------------------------------------------------------------------------------------------------- */

/* "o=- 5228595038118931041 2 IN ...": RFC 8866, 5.2: the version's "usage is up to the creating tool, so long as <sess-version>
 * is increased when a modification is made to the session description." A line that is written otherwise stays as it is. */
static void put_origin(struct text *t, const char *line, size_t len) {
	size_t at = 0;
	for (unsigned spaces = 0; at < len && spaces < 2; at++)
		spaces += line[at] == ' ';
	size_t digits = 0;
	while (at + digits < len && isdigit((unsigned char)line[at + digits]))
		digits++;
	char version[24];
	if (digits > 0 && digits < 19) {
		snprintf(version, sizeof version, "%llu", strtoull(line + at, NULL, 10) + 1);
		put(t, line, at);
		put(t, version, strlen(version));
		put(t, line + at + digits, len - at - digits);
	} else {
		put(t, line, len);
	}
	put(t, "\r\n", 2);
}

static bool begins(const char *line, size_t len, const char *with) {
	size_t n = strlen(with);
	return len >= n && memcmp(line, with, n) == 0;
}

static void put_changed(struct text *t, const struct sdpfrag *f, const char *line, size_t len) {
	if (begins(line, len, "a=ice-ufrag:")) {
		put_line(t, "a=ice-ufrag:", f->ufrag);
	} else if (begins(line, len, "a=ice-pwd:")) {
		put_line(t, "a=ice-pwd:", f->pwd);
	} else if (begins(line, len, "o=")) {
		put_origin(t, line, len);
	} else if (len > 0 && !begins(line, len, "a=candidate:") && !begins(line, len, "a=end-of-candidates")) {
		put(t, line, len);
		put(t, "\r\n", 2);
	}
}

/* The candidates go to the end of the first section, which is the one that gathers. */
static void put_restart(struct text *t, const struct sdpfrag *f, const char *offer, size_t len) {
	unsigned sections = 0;
	while (len > 0) {
		size_t step, n = line_len(offer, len, &step);
		if (begins(offer, n, "m=") && sections++ == 1)
			put_candidates(t, f);
		put_changed(t, f, offer, n);
		offer += step;
		len -= step;
	}
	if (sections <= 1)
		put_candidates(t, f);
}

char *sdpfrag_apply(const struct sdpfrag *f, const char *offer, size_t len, size_t *out_len) {
	struct text t = {0};
	put_restart(&t, f, offer, len);
	*out_len = t.len;
	t = (struct text){.to = malloc(t.len + 1), .size = t.len + 1};
	if (!t.to)
		return NULL;
	put_restart(&t, f, offer, len);
	t.to[t.len] = 0;
	return t.to;
}
