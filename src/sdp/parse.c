/* parse: which lines and sections does a description have, and what holds for each section?
 *
 * It walks over the text twice. The first walk counts what has to be kept, so that a description is one block of memory. The
 * second walk reads: is it a line at all, are v=, o= and s= in their places, and what does each attribute say (attributes.c)?
 * Then the kind of each section is decided, and sections inherit what they leave out.
 *
 * A wrong value in a section is kept with the section. It matters only when the section is used. */
#include <string.h>

#include "sdp/rtp_attributes.h"
#include "sluice/error.h"

#define QUOTE(x) #x
#define STRING(x) QUOTE(x)

/* A cursor over lines. */
struct lines {
	const char *at, *end;
	unsigned number; /* of the last line that was read, from 1 */
};

/* What has to be known of a section until its kind is decided. */
struct frame {
	bool bundle_only, old_form;
	/* One more than the index of the section whose transport it shares; 0: none. */
	uint8_t shared;
	/* The first fault in what other sections can share. */
	struct sdp_fault shareable_fault;
};

struct parser {
	struct sdp *out;
	struct lines lines;
	struct sdp_reading reading;
	struct sdp_fault session_fault;
	struct frame frames[SDP_SECTIONS_MAX];
	/* The mids of the first BUNDLE group. Each section has at most one mid, so more of them than sections have no meaning. */
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

/* Empty lines come from copying and pasting too. They count as lines and have no meaning. */
static bool next_line(struct lines *l, struct sdp_slice *line) {
	do {
		if (!read_line_of_any_length(l, line))
			return false;
	} while (line->len == 0);
	return true;
}

/* Empty lines at the end do not count, so that a fault about something missing names the line after the last one. */
static const char *end_of_text(const char *text, size_t len) {
	while (len && strchr(" \t\r\n", text[len - 1]) && text[len - 1])
		len--;
	return text + len;
}

static int malformed(struct parser *p, unsigned line, const char *text) {
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

/* ---- the session ---- */

static const char *read_origin(struct sdp *out, struct sdp_slice value) {
	struct sdp_slice words[7];
	uint64_t n;
	size_t count = 0;
	while (count < 7 && sdp_word(&value, " ", &words[count]))
		count++;
	if (count != 6)
		return "o= has to have six fields";
	/* Peers write numbers of up to 64 bits here. They are only compared. */
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
			return malformed(p, p->lines.number + 1, missing[i]);
		const char *wrong = line_fault(line);
		if (wrong)
			return malformed(p, p->lines.number, wrong);
		if (line.s[0] != "vos"[i] || (i == 0 && !sdp_slice_is(line, "v=0")))
			return malformed(p, p->lines.number, missing[i]);
		wrong = i == 1 ? read_origin(p->out, (struct sdp_slice){line.s + 2, line.len - 2}) : NULL;
		if (wrong)
			return malformed(p, p->lines.number, wrong);
	}
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

/* "BUNDLE 0 1 ..." of RFC 9143. Other groups, and a second BUNDLE group, are ignored. */
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

/* ---- sections ---- */

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

/* RFC 9429, 5.1.2 wants all of them accepted, because some endpoints write another profile than they mean. Only the last one is
 * not there; libwebrtc once wrote it for TCP. */
static bool is_rtp(const struct sdp_section *s) {
	static const char *const profiles[] = {"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF",
	                                       "TCP/DTLS/RTP/SAVP", "RTP/AVP",          "RTP/AVPF",
	                                       "RTP/SAVP",          "RTP/SAVPF",        "TCP/TLS/RTP/SAVPF"};
	for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
		if (sdp_slice_is(s->proto, profiles[i]))
			return true;
	}
	return false;
}

static enum sdp_kind kind_of(const struct sdp_section *s, bool old_form) {
	if (is_data(s, old_form))
		return SDP_DATA;
	if (!is_rtp(s))
		return SDP_OTHER;
	if (sdp_slice_is(s->media, "audio"))
		return SDP_AUDIO;
	return sdp_slice_is(s->media, "video") ? SDP_VIDEO : SDP_OTHER;
}

static void begin_section(struct parser *p, struct sdp_section *s) {
	struct sdp_reading *r = &p->reading;
	s->kind = kind_of(s, false);
	bool rtp = s->kind == SDP_AUDIO || s->kind == SDP_VIDEO;
	r->levels = SDP_LEVEL_SECTION | (sdp_slice_is(s->media, "application") ? SDP_LEVEL_DATA : 0) | (rtp ? SDP_LEVEL_RTP : 0);
	r->transport = &s->transport;
	r->section = s;
	r->seen = 0;
	if (rtp)
		rtp_begin(r);
}

static void end_section(struct parser *p) {
	if (p->reading.levels & SDP_LEVEL_RTP)
		rtp_end(&p->reading);
}

/* RFC 8866, 5.14: "m=<media> <port>[/<number>] <proto> <fmt> ...". */
static const char *read_media(struct parser *p, struct sdp_slice value) {
	struct sdp *out = p->out;
	end_section(p);
	struct sdp_slice port, digits;
	uint64_t n;
	struct sdp_section *s = &out->sections[out->section_count];
	/* RFC 8841, 6.1: "If the SDP 'max-message-size' attribute is not present, the default value is 64K". */
	*s = (struct sdp_section){.sctp_port = 5000, .max_message_size = 65536};
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
	begin_section(p, s);
	out->section_count++;
	return NULL;
}

/* Is this the sctpmap that the format of the m= line names, and is it for data channels? */
static bool maps_data(const struct sdp_section *s, struct sdp_slice value) {
	struct sdp_slice formats = s->formats, format, port, app;
	return sdp_word(&formats, " ", &format) && sdp_word(&value, " ", &port) && sdp_slices_equal(format, port) &&
	       sdp_word(&value, " ", &app) && sdp_slice_is(app, "webrtc-datachannel");
}

/* What decides what the section is. A mid has to be right in every section, since an answer repeats it. */
static const char *read_frame_attribute(struct sdp_section *s, struct frame *frame, struct sdp_slice attribute) {
	struct sdp_slice name, value, rest, word;
	sdp_attribute_split(attribute, &name, &value);
	if (sdp_slice_is(name, "mid") && !s->mid.s) {
		rest = value;
		if (!value.s || !sdp_word(&rest, " ", &word) || word.len != value.len)
			return "mid has to be one word";
		s->mid = value;
	} else if (sdp_slice_is(name, "bundle-only")) {
		frame->bundle_only = true;
	} else if (sdp_slice_is(name, "sctpmap") && value.s) {
		frame->old_form |= maps_data(s, value);
	}
	return NULL;
}

static void read_session_attribute(struct parser *p, struct sdp_slice attribute) {
	struct sdp_slice name, value;
	sdp_attribute_split(attribute, &name, &value);
	if (sdp_slice_is(name, "group") && value.s)
		read_group(p, value);
}

/* The first fault of a level is kept. */
static void keep_fault(struct sdp_fault *fault, unsigned line, const char *wrong) {
	if (wrong && !fault->text)
		*fault = (struct sdp_fault){line, wrong};
}

static const char *read_attribute(struct parser *p, struct sdp_slice attribute) {
	struct sdp_section *s = p->reading.section;
	struct frame *frame = s ? &p->frames[s - p->out->sections] : NULL;
	const char *wrong = NULL;
	if (s)
		wrong = read_frame_attribute(s, frame, attribute);
	else
		read_session_attribute(p, attribute);
	if (wrong)
		return wrong;
	wrong = sdp_attribute_read(&p->reading, attribute);
	keep_fault(s ? &s->fault : &p->session_fault, p->lines.number, wrong);
	if (s && p->reading.shareable)
		keep_fault(&frame->shareable_fault, p->lines.number, wrong);
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
		return read_attribute(p, value);
	case 'b':
		if (p->reading.levels & SDP_LEVEL_RTP)
			rtp_read_bandwidth(&p->reading, value);
		return NULL;
	case 'v':
	case 'o':
	case 's':
		return "v=, o= and s= may stand once";
	default:
		return NULL; /* i= u= e= p= c= r= z= k= and what may come */
	}
}

static int read_lines(struct parser *p) {
	struct sdp_slice line;
	int error = read_opening(p);
	if (error)
		return error;
	while (next_line(&p->lines, &line)) {
		if (line.s[0] == 'm' && p->out->section_count == SDP_SECTIONS_MAX) {
			malformed(p, p->lines.number, "more than " STRING(SDP_SECTIONS_MAX) " sections");
			return SLUICE_LIMIT;
		}
		const char *wrong = read_line(p, line);
		if (wrong)
			return malformed(p, p->lines.number, wrong);
	}
	end_section(p);
	return 0;
}

/* ---- what is it for? ---- */

static void decide_kinds(struct parser *p) {
	for (size_t i = 0; i < p->out->section_count; i++) {
		struct sdp_section *s = &p->out->sections[i];
		s->bundled = s->mid.s && group_holds(p, s->mid);
		s->kind = kind_of(s, p->frames[i].old_form);
		/* RFC 9143, 6: port 0 with bundle-only means that the section exists only inside its group. Otherwise port 0 is a
		 * refusal. */
		s->rejected = s->port == 0 && !(p->frames[i].bundle_only && s->bundled);
	}
}

/* ---- what holds for it? ---- */

/* The sections of the group in its order. A mid that stands twice in it, or that two sections have, counts once. */
static void order_group(struct parser *p) {
	struct sdp *out = p->out;
	bool taken[SDP_SECTIONS_MAX] = {false};
	for (size_t g = 0; g < p->group_count; g++) {
		for (size_t i = 0; i < out->section_count; i++) {
			if (taken[i] || !sdp_slices_equal(out->sections[i].mid, p->group[g]))
				continue;
			taken[i] = true;
			out->bundle[out->bundle_count++] = (uint8_t)i;
		}
	}
}

/* The first section of the group that is not refused. */
static const struct sdp_section *first_of_group(const struct parser *p) {
	for (size_t i = 0; i < p->out->bundle_count; i++) {
		const struct sdp_section *s = &p->out->sections[p->out->bundle[i]];
		if (!s->rejected)
			return s;
	}
	return NULL;
}

/* RFC 9143, 7.1.3: when sections share a transport, only the first section of the group has its attributes. A section with other
 * credentials does not share it. */
static void find_shared(struct parser *p) {
	const struct sdp_section *first = first_of_group(p);
	for (size_t i = 0; first && i < p->out->section_count; i++) {
		const struct sdp_section *s = &p->out->sections[i];
		bool same = !s->transport.ufrag.s || sdp_slices_equal(s->transport.ufrag, first->transport.ufrag);
		if (s->bundled && s != first && same)
			p->frames[i].shared = (uint8_t)(first - p->out->sections + 1);
	}
}

static void inherit(struct sdp_transport *t, const struct sdp_transport *outer) {
	if (!t->ufrag.s)
		t->ufrag = outer->ufrag;
	if (!t->pwd.s)
		t->pwd = outer->pwd;
	if (!t->candidate_count && !t->candidates_skipped) {
		t->candidates = outer->candidates;
		t->candidate_count = outer->candidate_count;
		t->candidates_skipped = outer->candidates_skipped;
	}
	if (!t->fingerprint_count) {
		t->fingerprints = outer->fingerprints;
		t->fingerprint_count = outer->fingerprint_count;
	}
	if (t->setup == SDP_SETUP_NONE)
		t->setup = outer->setup;
	t->end_of_candidates |= outer->end_of_candidates;
	t->trickle |= outer->trickle;
	t->sped |= outer->sped;
}

/* The shared section may have inherited from the session already, which changes nothing. */
static void inherit_all(struct parser *p) {
	for (size_t i = 0; i < p->out->section_count; i++) {
		struct sdp_section *s = &p->out->sections[i];
		if (p->frames[i].shared) {
			size_t shared = p->frames[i].shared - 1u;
			inherit(&s->transport, &p->out->sections[shared].transport);
			/* RFC 8859: both are of the category IDENTICAL, so the other sections may leave them out. */
			s->rtp.rtcp_mux |= p->out->sections[shared].rtp.rtcp_mux;
			s->rtp.rtcp_rsize |= p->out->sections[shared].rtp.rtcp_rsize;
			if (p->frames[shared].shareable_fault.text)
				s->fault = p->frames[shared].shareable_fault;
		}
		inherit(&s->transport, &p->out->session);
	}
}

/* ---- memory ---- */

/* What is kept of lines that may come often. */
enum { CANDIDATE, FINGERPRINT, RTPMAP, EXTMAP, MSID, SSRC, SSRC_GROUP, RID, COUNTED };

static const struct {
	const char *begins;
	size_t max, size; /* of one section; of one of them */
} counted[COUNTED] = {
	[CANDIDATE] = {"a=candidate:", SDP_CANDIDATES_MAX, sizeof(struct sdp_slice)},
	[FINGERPRINT] = {"a=fingerprint:", SDP_FINGERPRINTS_MAX, sizeof(struct sdp_slice)},
	[RTPMAP] = {"a=rtpmap:", SDP_CODECS_MAX, sizeof(struct sdp_codec)},
	[EXTMAP] = {"a=extmap:", SDP_EXTENSIONS_MAX, sizeof(struct sdp_extension)},
	[MSID] = {"a=msid:", SDP_MSIDS_MAX, sizeof(struct sdp_msid)},
	[SSRC] = {"a=ssrc:", SDP_SSRCS_MAX, sizeof(struct sdp_ssrc)},
	[SSRC_GROUP] = {"a=ssrc-group:", SDP_SSRC_GROUPS_MAX, sizeof(struct sdp_ssrc_group)},
	[RID] = {"a=rid:", SDP_RIDS_MAX, sizeof(struct sdp_rid)},
};

struct size {
	size_t sections, of[COUNTED];
};

static bool begins_with(struct sdp_slice line, const char *text) {
	return line.len >= strlen(text) && memcmp(line.s, text, strlen(text)) == 0;
}

static void count_attribute(struct sdp_slice line, struct size *all, struct size *here) {
	for (size_t i = 0; i < COUNTED; i++) {
		if (!begins_with(line, counted[i].begins) || here->of[i] == counted[i].max)
			continue;
		here->of[i]++;
		all->of[i]++;
	}
}

static bool is_audio(struct sdp_slice media_line) {
	struct sdp_slice rest = {media_line.s + 1, media_line.len - 1}, medium;
	return sdp_word(&rest, "= ", &medium) && sdp_slice_is(medium, "audio");
}

/* At most as many as a section may have. */
static struct size count(struct lines lines) {
	struct size all = {0}, here = {0};
	struct sdp_slice line;
	while (next_line(&lines, &line)) {
		if (line.s[0] != 'm') {
			count_attribute(line, &all, &here);
			continue;
		}
		all.sections += all.sections < SDP_SECTIONS_MAX;
		here = (struct size){0};
		all.of[RTPMAP] += is_audio(line) ? SDP_STATIC_TYPES : 0;
	}
	return all;
}

static const char *skip_bom(const char *text, const char *end) {
	static const char bom[] = "\xef\xbb\xbf"; /* some editors put it before UTF-8 */
	bool has = (size_t)(end - text) >= sizeof bom - 1 && memcmp(text, bom, sizeof bom - 1) == 0;
	return has ? text + sizeof bom - 1 : text;
}

static struct lines lines_of(const char *text, size_t len) {
	const char *start = skip_bom(text, text + len);
	return (struct lines){.at = start, .end = end_of_text(start, len - (size_t)(start - text))};
}

static size_t bytes_of(const struct size *n) {
	size_t bytes = n->sections * sizeof(struct sdp_section);
	for (size_t i = 0; i < COUNTED; i++)
		bytes += n->of[i] * counted[i].size;
	return bytes;
}

/* All of these structs are aligned as a pointer is, so that they may lie behind each other in any number. */
_Static_assert(_Alignof(struct sdp_section) == _Alignof(void *) && _Alignof(struct sdp_ssrc_group) <= _Alignof(void *) &&
                       sizeof(struct sdp_ssrc_group) % _Alignof(void *) == 0,
               "");

/* Hands out the room in the order of the table. Returns what lies behind it. */
static char *divide(struct sdp_room *room, const struct size *n, char *at) {
	char *starts[COUNTED];
	for (size_t i = 0; i < COUNTED; i++) {
		starts[i] = at;
		at += n->of[i] * counted[i].size;
	}
	*room = (struct sdp_room){.candidate = (void *)starts[CANDIDATE],
	                          .fingerprint = (void *)starts[FINGERPRINT],
	                          .codec = (void *)starts[RTPMAP],
	                          .extension = (void *)starts[EXTMAP],
	                          .msid = (void *)starts[MSID],
	                          .ssrc = (void *)starts[SSRC],
	                          .group = (void *)starts[SSRC_GROUP],
	                          .rid = (void *)starts[RID]};
	return at;
}

/* The struct, its sections, what they keep and the text, in one block. */
static struct sdp *make(struct parser *p, sluice_env *env, const char *text, size_t len) {
	struct size n = count(lines_of(text, len));
	struct sdp *sdp = env_secret(env_alloc(env, sizeof *sdp + bytes_of(&n) + len));
	if (!sdp)
		return NULL;
	*sdp = (struct sdp){.sections = (struct sdp_section *)(sdp + 1), .direction = SDP_SENDRECV, .len = len};
	char *behind = divide(&p->reading.next, &n, (char *)(sdp->sections + n.sections));
	sdp->text = memcpy(behind, text, len);
	p->reading.levels = SDP_LEVEL_SESSION;
	p->reading.sdp = sdp;
	p->reading.transport = &sdp->session;
	p->lines = lines_of(sdp->text, len);
	p->out = sdp;
	return sdp;
}

void sdp_free(sluice_env *env, struct sdp *sdp) {
	env_free(env, sdp);
}

/* ---- all of it ---- */

const struct sdp_section *sdp_first(const struct sdp *sdp, enum sdp_kind kind) {
	for (size_t i = 0; i < sdp->section_count; i++) {
		if (sdp->sections[i].kind == kind && !sdp->sections[i].rejected)
			return &sdp->sections[i];
	}
	return NULL;
}

static int read_description(struct parser *p) {
	int error = read_lines(p);
	if (error)
		return error;
	decide_kinds(p);
	order_group(p);
	find_shared(p);
	inherit_all(p);
	const struct sdp_section *data = sdp_first(p->out, SDP_DATA);
	p->fault = p->session_fault.text ? p->session_fault : data ? data->fault : p->fault;
	return p->fault.text ? SLUICE_MALFORMED : 0;
}

int sdp_parse(sluice_env *env, const char *text, size_t len, struct sdp **out, struct sdp_fault *fault) {
	struct parser p = {0};
	struct sdp *sdp = make(&p, env, text, len);
	int error = sdp ? read_description(&p) : SLUICE_NO_MEMORY;
	if (fault)
		*fault = p.fault;
	if (error)
		sdp_free(env, sdp);
	else
		*out = sdp;
	return error;
}
