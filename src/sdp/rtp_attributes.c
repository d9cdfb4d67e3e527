/* rtp_attributes: what does one a= or b= line of an audio or video section say? */
#include "sdp/rtp_attributes.h"

#define BLANKS " \t"
#define TYPE_MAX (SDP_PAYLOAD_TYPES - 1)

static struct sdp_rtp *rtp_of(struct sdp_reading *r) {
	return &r->section->rtp;
}

static const char *skip(struct sdp_reading *r) {
	rtp_of(r)->skipped++;
	return NULL;
}

/* What stands behind the words that were cut off. */
static struct sdp_slice rest_of(struct sdp_slice s) {
	while (s.len && (*s.s == ' ' || *s.s == '\t'))
		s = (struct sdp_slice){s.s + 1, s.len - 1};
	return s;
}

/* ---- the section as a whole ---- */

/* The first of the four attributes counts. */
static const char *set_direction(struct sdp_reading *r, enum sdp_direction direction) {
	if (!r->rtp.has_direction)
		*(r->section ? &rtp_of(r)->direction : &r->sdp->direction) = direction;
	r->rtp.has_direction = true;
	return NULL;
}

const char *rtp_read_sendrecv(struct sdp_reading *r, struct sdp_slice value) {
	(void)value;
	return set_direction(r, SDP_SENDRECV);
}

const char *rtp_read_sendonly(struct sdp_reading *r, struct sdp_slice value) {
	(void)value;
	return set_direction(r, SDP_SENDONLY);
}

const char *rtp_read_recvonly(struct sdp_reading *r, struct sdp_slice value) {
	(void)value;
	return set_direction(r, SDP_RECVONLY);
}

const char *rtp_read_inactive(struct sdp_reading *r, struct sdp_slice value) {
	(void)value;
	return set_direction(r, SDP_INACTIVE);
}

const char *rtp_read_allow_mixed(struct sdp_reading *r, struct sdp_slice value) {
	(void)value;
	*(r->section ? &rtp_of(r)->extmap_allow_mixed : &r->sdp->extmap_allow_mixed) = true;
	return NULL;
}

const char *rtp_read_mux(struct sdp_reading *r, struct sdp_slice value) {
	(void)value;
	rtp_of(r)->rtcp_mux = true;
	return NULL;
}

const char *rtp_read_mux_only(struct sdp_reading *r, struct sdp_slice value) {
	(void)value;
	rtp_of(r)->rtcp_mux_only = true;
	return NULL;
}

const char *rtp_read_rsize(struct sdp_reading *r, struct sdp_slice value) {
	(void)value;
	rtp_of(r)->rtcp_rsize = true;
	return NULL;
}

static const char *read_number(struct sdp_reading *r, struct sdp_slice value, uint32_t *out) {
	uint64_t n;
	if (!sdp_number(value, UINT32_MAX, &n))
		return skip(r);
	*out = (uint32_t)n;
	return NULL;
}

const char *rtp_read_ptime(struct sdp_reading *r, struct sdp_slice value) {
	return read_number(r, value, &rtp_of(r)->ptime);
}

const char *rtp_read_maxptime(struct sdp_reading *r, struct sdp_slice value) {
	return read_number(r, value, &rtp_of(r)->maxptime);
}

/* RFC 8866, 5.8: "b=<bwtype>:<bandwidth>". Other types are ignored. */
void rtp_read_bandwidth(struct sdp_reading *r, struct sdp_slice value) {
	struct sdp_slice type;
	if (!sdp_word(&value, ":", &type) || value.len == 0)
		return;
	value = (struct sdp_slice){value.s + 1, value.len - 1};
	if (sdp_slice_is(type, "AS"))
		read_number(r, value, &rtp_of(r)->bandwidth_as);
	else if (sdp_slice_is(type, "TIAS"))
		read_number(r, value, &rtp_of(r)->bandwidth_tias);
}

/* ---- codecs: RFC 8866, 6.6 and 6.15; RFC 4585, 4.2 ---- */

static bool read_type(struct sdp_slice *rest, uint64_t *type) {
	struct sdp_slice word;
	return sdp_word(rest, BLANKS, &word) && sdp_number(word, TYPE_MAX, type);
}

/* "<payload type> <encoding name>/<clock rate>[/<channels>]" */
const char *rtp_read_map(struct sdp_reading *r, struct sdp_slice value) {
	struct sdp_slice name, clock, channels, more;
	uint64_t type, hz, n = 1;
	if (!read_type(&value, &type) || !sdp_word(&value, "/" BLANKS, &name) || !sdp_word(&value, "/", &clock) ||
	    !sdp_number(clock, UINT32_MAX, &hz) || hz == 0)
		return "rtpmap has to be a payload type, a name and a clock rate";
	if (sdp_word(&value, "/", &channels) && (!sdp_number(channels, UINT8_MAX, &n) || n == 0 || sdp_word(&value, "/", &more)))
		return "the channels in rtpmap have to be a number from 1 to 255";
	if (r->rtp.mapped[type])
		return skip(r);
	struct sdp_codec *c = &r->rtp.types[type];
	r->rtp.mapped[type] = true;
	c->name = sdp_codec_of(name);
	c->clock = (uint32_t)hz;
	c->channels = (uint8_t)n;
	return NULL;
}

const char *rtp_read_fmtp(struct sdp_reading *r, struct sdp_slice value) {
	uint64_t type;
	if (!read_type(&value, &type))
		return skip(r);
	value = rest_of(value);
	if (value.len == 0 || r->rtp.types[type].fmtp.s)
		return skip(r);
	r->rtp.types[type].fmtp = value;
	return NULL;
}

/* "*" means every payload type of the section. Feedback that we do not know is ignored. */
const char *rtp_read_feedback(struct sdp_reading *r, struct sdp_slice value) {
	struct sdp_slice word;
	uint64_t type;
	if (!sdp_word(&value, BLANKS, &word))
		return skip(r);
	unsigned bits = sdp_feedback_of(rest_of(value));
	if (sdp_slice_is(word, "*"))
		r->rtp.feedback_of_all |= (uint8_t)bits;
	else if (sdp_number(word, TYPE_MAX, &type))
		r->rtp.types[type].feedback |= (uint8_t)bits;
	else
		return skip(r);
	return NULL;
}

/* ---- header extensions: RFC 8285, 5 ---- */

static bool read_extension_direction(struct sdp_slice text, enum sdp_direction *out) {
	static const char *const words[] = {[SDP_INACTIVE] = "inactive",
	                                    [SDP_SENDONLY] = "sendonly",
	                                    [SDP_RECVONLY] = "recvonly",
	                                    [SDP_SENDRECV] = "sendrecv"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (sdp_slice_is(text, words[i])) {
			*out = (enum sdp_direction)i;
			return true;
		}
	}
	return false;
}

static bool has_extension(const struct sdp_rtp *rtp, uint64_t id) {
	for (size_t i = 0; i < rtp->extension_count; i++) {
		if (rtp->extensions[i].id == id)
			return true;
	}
	return false;
}

/* "<id>[/<direction>] <URI> [<attributes>]". RFC 8285, 4.2 reserves 15. Ids from 4096 are offers to choose one, which nobody
 * makes. */
const char *rtp_read_extension(struct sdp_reading *r, struct sdp_slice value) {
	struct sdp_rtp *rtp = rtp_of(r);
	struct sdp_extension e = {.direction = SDP_SENDRECV};
	struct sdp_slice word, number, direction;
	uint64_t id;
	if (!sdp_word(&value, BLANKS, &word) || !sdp_word(&value, BLANKS, &e.uri) || !sdp_word(&word, "/", &number) ||
	    !sdp_number(number, UINT8_MAX, &id) || id == 0 || id == 15)
		return skip(r);
	if (sdp_word(&word, "/", &direction) && !read_extension_direction(direction, &e.direction))
		return skip(r);
	if (has_extension(rtp, id) || rtp->extension_count == SDP_EXTENSIONS_MAX)
		return skip(r);
	e.id = (uint8_t)id;
	if (!rtp->extensions)
		rtp->extensions = r->next.extension;
	rtp->extension_count++;
	*r->next.extension++ = e;
	return NULL;
}

/* ---- streams and sources: RFC 8830, RFC 5576 ---- */

/* "<stream> [<track>]"; "-" is no stream. */
static bool read_msid(struct sdp_slice value, struct sdp_msid *out) {
	struct sdp_slice more;
	*out = (struct sdp_msid){0};
	if (!sdp_word(&value, BLANKS, &out->stream))
		return false;
	if (!sdp_word(&value, BLANKS, &out->track))
		out->track = (struct sdp_slice){NULL, 0};
	if (sdp_slice_is(out->stream, "-"))
		out->stream = (struct sdp_slice){NULL, 0};
	return !sdp_word(&value, BLANKS, &more);
}

const char *rtp_read_msid(struct sdp_reading *r, struct sdp_slice value) {
	struct sdp_rtp *rtp = rtp_of(r);
	struct sdp_msid msid;
	if (!read_msid(value, &msid) || rtp->msid_count == SDP_MSIDS_MAX)
		return skip(r);
	if (!rtp->msids)
		rtp->msids = r->next.msid;
	rtp->msid_count++;
	*r->next.msid++ = msid;
	return NULL;
}

/* NULL: it would be one too many. */
static struct sdp_ssrc *find_ssrc(struct sdp_reading *r, uint32_t ssrc) {
	struct sdp_rtp *rtp = rtp_of(r);
	struct sdp_ssrc *first = r->next.ssrc - rtp->ssrc_count;
	for (size_t i = 0; i < rtp->ssrc_count; i++) {
		if (first[i].ssrc == ssrc)
			return &first[i];
	}
	if (rtp->ssrc_count == SDP_SSRCS_MAX)
		return NULL;
	rtp->ssrcs = first;
	rtp->ssrc_count++;
	*r->next.ssrc = (struct sdp_ssrc){.ssrc = ssrc};
	return r->next.ssrc++;
}

/* "<ssrc> <attribute>[:<value>]" */
const char *rtp_read_ssrc(struct sdp_reading *r, struct sdp_slice value) {
	struct sdp_slice word, name, what;
	uint64_t n;
	if (!sdp_word(&value, BLANKS, &word) || !sdp_number(word, UINT32_MAX, &n))
		return skip(r);
	value = rest_of(value);
	struct sdp_ssrc *ssrc = value.len ? find_ssrc(r, (uint32_t)n) : NULL;
	if (!ssrc)
		return skip(r);
	sdp_attribute_split(value, &name, &what);
	if (sdp_slice_is(name, "cname") && what.len && !ssrc->cname.s)
		ssrc->cname = what;
	struct sdp_msid *msid = &rtp_of(r)->old_msid;
	if (sdp_slice_is(name, "msid") && !msid->stream.s && !msid->track.s && !read_msid(what, msid))
		*msid = (struct sdp_msid){0};
	return NULL;
}

/* "<semantics> <ssrc> ...". Other semantics are ignored. */
const char *rtp_read_ssrc_group(struct sdp_reading *r, struct sdp_slice value) {
	static const char *const all[] = {[SDP_FID] = "FID", [SDP_SIM] = "SIM", [SDP_FEC_FR] = "FEC-FR"};
	struct sdp_rtp *rtp = rtp_of(r);
	struct sdp_ssrc_group g = {0};
	struct sdp_slice semantics, word;
	uint64_t n;
	size_t kind = 0;
	sdp_word(&value, BLANKS, &semantics);
	while (kind < 3 && !sdp_slice_is(semantics, all[kind]))
		kind++;
	if (kind == 3)
		return NULL;
	g.semantics = (enum sdp_ssrc_semantics)kind;
	while (sdp_word(&value, BLANKS, &word)) {
		if (g.count == SDP_GROUP_SSRCS_MAX || !sdp_number(word, UINT32_MAX, &n))
			return skip(r);
		g.ssrcs[g.count++] = (uint32_t)n;
	}
	if (g.count == 0 || (kind != SDP_SIM && g.count != 2) || rtp->group_count == SDP_SSRC_GROUPS_MAX)
		return skip(r);
	if (!rtp->groups)
		rtp->groups = r->next.group;
	rtp->group_count++;
	*r->next.group++ = g;
	return NULL;
}

/* ---- simulcast: RFC 8851, RFC 8853 ---- */

static bool is_rid(struct sdp_slice id) {
	for (size_t i = 0; i < id.len; i++) {
		char c = id.s[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && (c < '0' || c > '9') && c != '-' && c != '_')
			return false;
	}
	return id.len > 0 && id.len <= SDP_RID_LEN_MAX;
}

/* NULL: there is none. */
static struct sdp_rid *find_rid(struct sdp_reading *r, struct sdp_slice id) {
	struct sdp_rid *first = r->next.rid - rtp_of(r)->rid_count;
	for (size_t i = 0; i < rtp_of(r)->rid_count; i++) {
		if (sdp_slices_equal(first[i].id, id))
			return &first[i];
	}
	return NULL;
}

/* "<id> <direction> [<restrictions>]" */
const char *rtp_read_rid(struct sdp_reading *r, struct sdp_slice value) {
	struct sdp_rtp *rtp = rtp_of(r);
	struct sdp_rid rid = {0};
	struct sdp_slice direction;
	if (!sdp_word(&value, BLANKS, &rid.id) || !is_rid(rid.id) || !sdp_word(&value, BLANKS, &direction))
		return skip(r);
	rid.send = sdp_slice_is(direction, "send");
	if ((!rid.send && !sdp_slice_is(direction, "recv")) || find_rid(r, rid.id) || rtp->rid_count == SDP_RIDS_MAX)
		return skip(r);
	value = rest_of(value);
	if (value.len)
		rid.restrictions = value;
	if (!rtp->rids)
		rtp->rids = r->next.rid;
	rtp->rid_count++;
	*r->next.rid++ = rid;
	return NULL;
}

/* It names rids whose lines may come behind it. */
const char *rtp_read_simulcast(struct sdp_reading *r, struct sdp_slice value) {
	r->rtp.simulcast = value;
	return NULL;
}

/* One layer: "1,~4". Returns how many of its rids are known, or -1: it is malformed. A rid without an a=rid line of this
 * direction is left out. */
static int read_layer(struct sdp_reading *r, struct sdp_slice list, bool send, uint8_t layer) {
	struct sdp_slice one;
	uint8_t known = 0;
	while (sdp_word(&list, ",", &one)) {
		bool paused = *one.s == '~';
		struct sdp_slice id = {one.s + paused, one.len - paused};
		if (!is_rid(id))
			return -1;
		struct sdp_rid *rid = find_rid(r, id);
		if (!rid || rid->send != send || rid->layer)
			continue;
		rid->layer = layer;
		rid->alternative = known++;
		rid->paused = paused;
	}
	return known;
}

static bool read_layers(struct sdp_reading *r, struct sdp_slice list, bool send) {
	struct sdp_slice one;
	uint8_t layer = 1;
	while (sdp_word(&list, ";", &one)) {
		int known = read_layer(r, one, send, layer);
		if (known < 0)
			return false;
		layer += known > 0;
	}
	return true;
}

/* "send 1;2,3 recv 4": each direction at most once. */
static bool read_simulcast(struct sdp_reading *r, struct sdp_slice value) {
	struct sdp_slice word, list;
	unsigned seen = 0;
	while (sdp_word(&value, BLANKS, &word)) {
		bool send = sdp_slice_is(word, "send");
		if ((!send && !sdp_slice_is(word, "recv")) || seen & 1u << send || !sdp_word(&value, BLANKS, &list) ||
		    !read_layers(r, list, send))
			return false;
		seen |= 1u << send;
	}
	return seen != 0;
}

/* A malformed one is ignored as a whole. */
static void end_simulcast(struct sdp_reading *r) {
	if (!r->rtp.simulcast.s || read_simulcast(r, r->rtp.simulcast))
		return;
	skip(r);
	for (struct sdp_rid *rid = r->next.rid - rtp_of(r)->rid_count; rid < r->next.rid; rid++) {
		rid->layer = 0;
		rid->alternative = 0;
		rid->paused = false;
	}
}

/* ---- the section from end to end ---- */

void rtp_begin(struct sdp_reading *r) {
	r->rtp = (struct sdp_rtp_reading){0};
	rtp_of(r)->direction = r->sdp->direction;
	rtp_of(r)->extmap_allow_mixed = r->sdp->extmap_allow_mixed;
}

/* RFC 3551, 6: these payload types of audio need no a=rtpmap. */
static bool map_static(struct sdp_codec *c, uint8_t type) {
	static const struct {
		uint8_t type;
		enum sdp_codec_name name;
	} fixed[SDP_STATIC_TYPES] = {{0, SDP_CODEC_PCMU}, {8, SDP_CODEC_PCMA}, {9, SDP_CODEC_G722}, {13, SDP_CODEC_CN}};
	for (size_t i = 0; i < SDP_STATIC_TYPES; i++) {
		if (fixed[i].type != type)
			continue;
		c->name = fixed[i].name;
		c->clock = 8000;
		c->channels = 1;
		return true;
	}
	return false;
}

/* rtx: "apt=96" (RFC 4588, 8.1). red: "111/111" (RFC 2198, 5). */
static void read_apt(struct sdp_codec *c) {
	struct sdp_slice text = c->fmtp, first = {NULL, 0};
	uint64_t apt;
	if (c->name == SDP_CODEC_RTX && !sdp_fmtp_get(c->fmtp, "apt", &first))
		return;
	if (c->name == SDP_CODEC_RED && (!text.s || !sdp_word(&text, "/", &first)))
		return;
	c->has_apt = first.s && sdp_number(first, TYPE_MAX, &apt);
	c->apt = c->has_apt ? (uint8_t)apt : 0;
}

static void keep_codec(struct sdp_reading *r, uint8_t type) {
	struct sdp_rtp *rtp = rtp_of(r);
	struct sdp_codec *c = &r->rtp.types[type];
	if (!r->rtp.mapped[type] && (r->section->kind != SDP_AUDIO || !map_static(c, type)))
		return;
	if (rtp->codec_count == SDP_CODECS_MAX || sdp_rtp_codec(rtp, type)) {
		skip(r);
		return;
	}
	c->type = type;
	c->feedback |= r->rtp.feedback_of_all;
	read_apt(c);
	if (!rtp->codecs)
		rtp->codecs = r->next.codec;
	rtp->codec_count++;
	*r->next.codec++ = *c;
}

/* In the order of the m= line. Payload types that it does not name do not exist; those of which nothing is known are left out. */
static void end_codecs(struct sdp_reading *r) {
	struct sdp_slice formats = r->section->formats, format;
	uint64_t type;
	while (sdp_word(&formats, BLANKS, &format)) {
		if (sdp_number(format, TYPE_MAX, &type))
			keep_codec(r, (uint8_t)type);
	}
}

/* Before a=msid there was only a=ssrc, and some peers write both. */
static void end_msids(struct sdp_rtp *rtp) {
	if (rtp->msid_count || (!rtp->old_msid.stream.s && !rtp->old_msid.track.s))
		return;
	rtp->msids = &rtp->old_msid;
	rtp->msid_count = 1;
}

void rtp_end(struct sdp_reading *r) {
	end_codecs(r);
	end_msids(rtp_of(r));
	end_simulcast(r);
}
