/* parse: which lines and sections does a description have, which section carries the data, and what holds for it?
 *
 * Two walks over the text. The first looks at every line: is it one, do v= o= and s= stand in their places, where does which
 * section lie and what is it called. Then the data section is chosen, and the second walk reads the attributes (attributes.c)
 * of the session, of the section whose transport a bundled data section shares, and of the data section. The lines of other
 * sections are never read, so they cannot be wrong. */
#include <string.h>

#include "sdp/attributes.h"
#include "sluice/error.h"

#define QUOTE(x) #x
#define STRING(x) QUOTE(x)

/* A cursor over lines. */
struct lines {
	const char *at, *end;
	unsigned number; /* of the line that was read last, from 1 */
};

/* A run of lines: those before the first m= line, or those behind one. */
struct span {
	struct lines lines; /* stands before its first line */
	struct sdp_slice ufrag;
	bool bundle_only, in_group, old_form;
};

struct parser {
	struct sdp *out;
	struct lines lines;
	struct span session, spans[SDP_SECTIONS_MAX];
	/* The mids of the first BUNDLE group; a section has one mid, so that no more can mean anything. */
	struct sdp_slice group[SDP_SECTIONS_MAX];
	size_t group_count;
	bool has_group;
	struct sdp_fault fault;
};

/* ---- lines ---- */

static bool read_line_of_any_length(struct lines *l, struct sdp_slice *line) {
	if (l->at == l->end)
		return false;
	const char *stop = l->at;
	while (stop < l->end && *stop != '\r' && *stop != '\n')
		stop++;
	*line = (struct sdp_slice){l->at, (size_t)(stop - l->at)};
	if (stop < l->end)
		stop += *stop == '\r' && l->end - stop > 1 && stop[1] == '\n' ? 2 : 1;
	l->at = stop;
	l->number++;
	/* Blanks at the end come from copying and pasting. */
	while (line->len && (line->s[line->len - 1] == ' ' || line->s[line->len - 1] == '\t'))
		line->len--;
	return true;
}

/* Empty lines come from copying and pasting too; they count, and say nothing. */
static bool next_line(struct lines *l, struct sdp_slice *line) {
	do {
		if (!read_line_of_any_length(l, line))
			return false;
	} while (line->len == 0);
	return true;
}

/* Those at the end do not count, so that what is missing there is missing behind the last line. */
static const char *end_of_text(const char *text, size_t len) {
	while (len && strchr(" \t\r\n", text[len - 1]) && text[len - 1])
		len--;
	return text + len;
}

static int fail(struct parser *p, unsigned line, const char *text) {
	p->fault = (struct sdp_fault){line, text};
	return SLUICE_MALFORMED;
}

static const char *line_fault(struct sdp_slice line) {
	if (line.len < 2 || line.s[0] < 'a' || line.s[0] > 'z' || line.s[1] != '=')
		return "a line has to begin with a letter and '='";
	if (memchr(line.s, 0, line.len))
		return "a line must not hold a NUL";
	return NULL;
}

/* ---- the first walk: the session ---- */

static const char *read_origin(struct sdp *out, struct sdp_slice value) {
	struct sdp_slice words[7];
	uint64_t n;
	size_t count = 0;
	while (count < 7 && sdp_word(&value, " ", &words[count]))
		count++;
	if (count != 6)
		return "o= has to have six fields";
	/* Up to 64 bits are written out there, and they are only compared. */
	if (!sdp_number(words[1], UINT64_MAX, &n) || !sdp_number(words[2], UINT64_MAX, &n))
		return "session id and version in o= have to be numbers";
	out->session_id = words[1];
	out->session_version = words[2];
	return NULL;
}

/* RFC 8866, 5: the first three lines have their places. */
static int read_opening(struct parser *p) {
	static const char *const missing[] = {"the first line has to be v=0",
	                                      "the second line has to be o=", "the third line has to be s="};
	for (size_t i = 0; i < 3; i++) {
		struct sdp_slice line;
		if (!next_line(&p->lines, &line))
			return fail(p, p->lines.number + 1, missing[i]);
		const char *wrong = line_fault(line);
		if (wrong)
			return fail(p, p->lines.number, wrong);
		if (line.s[0] != "vos"[i] || (i == 0 && !sdp_slice_is(line, "v=0")))
			return fail(p, p->lines.number, missing[i]);
		wrong = i == 1 ? read_origin(p->out, (struct sdp_slice){line.s + 2, line.len - 2}) : NULL;
		if (wrong)
			return fail(p, p->lines.number, wrong);
	}
	p->session.lines = p->lines;
	return 0;
}

static const char *read_time(struct sdp_slice value) {
	struct sdp_slice start, stop, more;
	uint64_t n;
	if (!sdp_word(&value, " ", &start) || !sdp_number(start, UINT64_MAX, &n) || !sdp_word(&value, " ", &stop) ||
	    !sdp_number(stop, UINT64_MAX, &n) || sdp_word(&value, " ", &more))
		return "t= has to have two numbers";
	return NULL;
}

/* "BUNDLE 0 1 ..." of RFC 9143; other groups, and a second one of this kind, mean nothing here. */
static void read_group(struct parser *p, struct sdp_slice value) {
	struct sdp_slice semantics;
	if (p->has_group || !sdp_word(&value, " ", &semantics) || !sdp_slice_is(semantics, "BUNDLE"))
		return;
	p->has_group = true;
	while (p->group_count < SDP_SECTIONS_MAX && sdp_word(&value, " ", &p->group[p->group_count]))
		p->group_count++;
}

static bool group_holds(const struct parser *p, struct sdp_slice mid) {
	for (size_t i = 0; i < p->group_count; i++) {
		if (sdp_slices_equal(p->group[i], mid))
			return true;
	}
	return false;
}

/* ---- the first walk: sections ---- */

/* RFC 8866, 5.14: "m=<media> <port>[/<number>] <proto> <fmt> ...". */
static const char *read_media(struct parser *p, struct sdp_slice value) {
	struct sdp *out = p->out;
	struct sdp_slice port, digits;
	uint64_t n;
	struct sdp_section *s = &out->sections[out->section_count];
	*s = (struct sdp_section){0};
	if (!sdp_word(&value, " ", &s->media) || !sdp_word(&value, " ", &port) || !sdp_word(&value, " ", &s->proto))
		return "m= has to have a medium, a port, a protocol and formats";
	sdp_word(&port, "/", &digits);
	if (!sdp_number(digits, UINT16_MAX, &n))
		return "the port in m= has to be a number up to 65535";
	s->port = (uint16_t)n;
	while (value.len && value.s[0] == ' ')
		value = (struct sdp_slice){value.s + 1, value.len - 1};
	if (value.len == 0)
		return "m= has to have a format";
	s->formats = value;
	p->spans[out->section_count++] = (struct span){.lines = p->lines};
	return NULL;
}

/* Is this sctpmap the one that the format of the m= line names, and is it about data channels? */
static bool maps_data(const struct sdp_section *s, struct sdp_slice value) {
	struct sdp_slice formats = s->formats, format, port, app;
	return sdp_word(&formats, " ", &format) && sdp_word(&value, " ", &port) && sdp_slices_equal(format, port) &&
	       sdp_word(&value, " ", &app) && sdp_slice_is(app, "webrtc-datachannel");
}

/* What has to be known of every section, also of those that are not read. */
static const char *read_section_attribute(struct sdp_section *s, struct span *span, struct sdp_slice attribute) {
	struct sdp_slice name, value, rest, word;
	sdp_attribute_split(attribute, &name, &value);
	if (sdp_slice_is(name, "mid") && !s->mid.s) {
		rest = value;
		if (!value.s || !sdp_word(&rest, " ", &word) || word.len != value.len)
			return "mid has to be one word";
		s->mid = value;
	} else if (sdp_slice_is(name, "bundle-only")) {
		span->bundle_only = true;
	} else if (sdp_slice_is(name, "ice-ufrag") && !span->ufrag.s) {
		span->ufrag = value;
	} else if (sdp_slice_is(name, "sctpmap") && value.s) {
		span->old_form |= maps_data(s, value);
	}
	return NULL;
}

static const char *read_attribute_frame(struct parser *p, struct sdp_slice attribute) {
	struct sdp_slice name, value;
	size_t count = p->out->section_count;
	if (count)
		return read_section_attribute(&p->out->sections[count - 1], &p->spans[count - 1], attribute);
	sdp_attribute_split(attribute, &name, &value);
	if (sdp_slice_is(name, "group") && value.s)
		read_group(p, value);
	return NULL;
}

static const char *read_line(struct parser *p, struct sdp_slice line) {
	struct sdp_slice value = {line.s + 2, line.len - 2};
	const char *wrong = line_fault(line);
	if (wrong)
		return wrong;
	switch (line.s[0]) {
	case 't':
		return p->out->section_count ? "t= has to stand before the first m=" : read_time(value);
	case 'm':
		return read_media(p, value);
	case 'a':
		return read_attribute_frame(p, value);
	case 'v':
	case 'o':
	case 's':
		return "v=, o= and s= may stand once";
	default:
		return NULL; /* i= u= e= p= c= b= r= z= k= and what may come */
	}
}

static int read_frame(struct parser *p) {
	struct sdp_slice line;
	int error = read_opening(p);
	if (error)
		return error;
	while (next_line(&p->lines, &line)) {
		if (line.s[0] == 'm' && p->out->section_count == SDP_SECTIONS_MAX) {
			fail(p, p->lines.number, "more than " STRING(SDP_SECTIONS_MAX) " sections");
			return SLUICE_LIMIT;
		}
		const char *wrong = read_line(p, line);
		if (wrong)
			return fail(p, p->lines.number, wrong);
	}
	return 0;
}

/* ---- which section is ours? ---- */

static bool is_data(const struct sdp_section *s, bool old_form) {
	struct sdp_slice formats = s->formats, format;
	if (!sdp_slice_is(s->media, "application"))
		return false;
	if (!sdp_slice_is(s->proto, "UDP/DTLS/SCTP") && !sdp_slice_is(s->proto, "TCP/DTLS/SCTP") &&
	    !sdp_slice_is(s->proto, "DTLS/SCTP"))
		return false;
	sdp_word(&formats, " ", &format);
	return old_form || sdp_slice_is(format, "webrtc-datachannel");
}

static void choose_data(struct parser *p) {
	struct sdp *out = p->out;
	for (size_t i = 0; i < out->section_count; i++) {
		struct sdp_section *s = &out->sections[i];
		struct span *span = &p->spans[i];
		span->in_group = s->mid.s && group_holds(p, s->mid);
		s->is_data = is_data(s, span->old_form);
		/* RFC 9143, 6: port 0 with bundle-only is a section that lives in its group alone; everywhere else 0 is a
		 * refusal. */
		s->rejected = s->port == 0 && !(span->bundle_only && span->in_group);
		if (out->data < 0 && s->is_data && !s->rejected) {
			out->data = (int)i;
			out->bundle = span->in_group || !s->mid.s;
		}
	}
}

/* ---- the second walk: attributes ---- */

static int read_level(struct parser *p, const struct span *span, enum sdp_level level) {
	struct sdp_reading reading = {.out = p->out, .level = level};
	struct lines lines = span->lines;
	struct sdp_slice line;
	while (next_line(&lines, &line) && line.s[0] != 'm') {
		if (line.s[0] != 'a')
			continue;
		const char *wrong = sdp_attribute_read(&reading, (struct sdp_slice){line.s + 2, line.len - 2});
		if (wrong)
			return fail(p, lines.number, wrong);
	}
	return 0;
}

/* The section that says what a bundled data section leaves out: the first of the group that is not refused. RFC 9143, 7.1.3:
 * attributes of the transport stand only in that one when the others share it. A data section with credentials of another
 * transport has nothing to do with it. NULL: none but the data section itself. */
static const struct span *shared_transport(const struct parser *p) {
	const struct sdp *out = p->out;
	const struct span *data = &p->spans[out->data];
	for (size_t g = 0; data->in_group && g < p->group_count; g++) {
		for (size_t i = 0; i < out->section_count; i++) {
			if (out->sections[i].rejected || !sdp_slices_equal(out->sections[i].mid, p->group[g]))
				continue;
			bool same = !data->ufrag.s || sdp_slices_equal(data->ufrag, p->spans[i].ufrag);
			return (int)i != out->data && same ? &p->spans[i] : NULL;
		}
	}
	return NULL;
}

static int read_attributes(struct parser *p) {
	int error = read_level(p, &p->session, SDP_LEVEL_SESSION);
	if (error || p->out->data < 0)
		return error;
	const struct span *shared = shared_transport(p);
	if (shared)
		error = read_level(p, shared, SDP_LEVEL_TRANSPORT);
	return error ? error : read_level(p, &p->spans[p->out->data], SDP_LEVEL_DATA);
}

/* ---- all of it ---- */

int sdp_parse(const char *text, size_t len, struct sdp *out, struct sdp_fault *fault) {
	static const char bom[] = "\xef\xbb\xbf"; /* editors put one in front of UTF-8 */
	if (len >= sizeof bom - 1 && memcmp(text, bom, sizeof bom - 1) == 0) {
		text += sizeof bom - 1;
		len -= sizeof bom - 1;
	}
	struct parser p = {.out = out, .lines = {.at = text, .end = end_of_text(text, len)}};
	/* RFC 8841, 6.1: "If the SDP 'max-message-size' attribute is not present, the default value is 64K". */
	*out = (struct sdp){.data = -1, .sctp_port = 5000, .max_message_size = 65536};
	int error = read_frame(&p);
	if (!error) {
		choose_data(&p);
		error = read_attributes(&p);
	}
	if (fault)
		*fault = p.fault;
	return error;
}
