#include "rtp/media/header.h"

#include <string.h>

#include "rtp/media/media.h"

/* 0: packets of the layer must not have such an element. */
static unsigned id_of(const struct out_layer *l, enum rtp_extension kind) {
	const struct sluice_track *t = l->track;
	return t->elements >> kind & 1 ? t->media->extensions.id_of[kind] : 0;
}

/* An element that needs the two-byte form, and so all of them do (RFC 8285, 4.3). A dependency descriptor outgrows 16 bytes when
 * it describes the layers. */
static enum rtp_extension widest(const struct out_layer *l) {
	static const enum rtp_extension kinds[] = {RTP_EXT_MID, RTP_EXT_AUDIO_LEVEL, RTP_EXT_VIDEO_ORIENTATION};
	if (l->track->kind == SLUICE_VIDEO && id_of(l, RTP_EXT_DEPENDENCY_DESCRIPTOR))
		return RTP_EXT_DEPENDENCY_DESCRIPTOR;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (id_of(l, kinds[i]) > 14)
			return kinds[i];
	return RTP_EXT_UNKNOWN;
}

/* The last item only asks for the form. header_open() cuts it off. */
size_t header_items(const struct out_layer *l, struct rtp_extension_item *items) {
	size_t n = 0;
	if (id_of(l, RTP_EXT_ABS_SEND_TIME))
		items[n++] = (struct rtp_extension_item){RTP_EXT_ABS_SEND_TIME, 3, NULL};
	if (id_of(l, RTP_EXT_TRANSPORT_CC))
		items[n++] = (struct rtp_extension_item){RTP_EXT_TRANSPORT_CC, 2, NULL};
	if (l->rid[0] && id_of(l, RTP_EXT_RID))
		items[n++] = (struct rtp_extension_item){RTP_EXT_RID, (uint8_t)strlen(l->rid), l->rid};
	if (widest(l) != RTP_EXT_UNKNOWN)
		items[n++] = (struct rtp_extension_item){widest(l), 17, NULL};
	return n;
}

static struct rtp_extension_block *block_of(const struct out_layer *l) {
	return rtp_session_block(l->track->media->session, l->stream);
}

/* ---- what changes ---- */

struct element {
	enum rtp_extension kind;
	const void *value;
	size_t len;
};

#define ELEMENTS 4

/* Is the element agreed on, and has it a form? */
static size_t add(const struct out_layer *l, struct element *e, size_t n, struct element what) {
	unsigned id = id_of(l, what.kind);
	if (!id || !what.len || (!l->is_two_byte && (id > 14 || what.len > 16)))
		return n;
	e[n] = what;
	return n + 1;
}

/* What the next packet has behind the fixed elements. */
static size_t elements_of(const struct out_layer *l, const struct header_elements *u, struct element *e) {
	size_t n = 0;
	if (l->says_mid)
		n = add(l, e, n, (struct element){RTP_EXT_MID, l->track->mid, strlen(l->track->mid)});
	if (!u)
		return n;
	if (u->has_level)
		n = add(l, e, n, (struct element){RTP_EXT_AUDIO_LEVEL, &u->level, 1});
	if (u->has_orientation)
		n = add(l, e, n, (struct element){RTP_EXT_VIDEO_ORIENTATION, &u->orientation, 1});
	if (u->descriptor_len)
		n = add(l, e, n, (struct element){RTP_EXT_DEPENDENCY_DESCRIPTOR, u->descriptor, u->descriptor_len});
	return n;
}

static size_t padded(size_t len) {
	return (len + 3) & ~(size_t)3;
}

size_t header_size_with(const struct out_layer *l, const struct header_elements *u) {
	struct element e[ELEMENTS];
	size_t n = elements_of(l, u, e), len = l->fixed_len;
	for (size_t i = 0; i < n; i++)
		len += (l->is_two_byte ? 2 : 1) + e[i].len;
	return RTP_HEADER + (len ? RTP_EXTENSION_HEADER + padded(len) : 0);
}

/* Most packets bring no elements: their headers have one size, and one extension, until this changes. */
static void say_mid(struct out_layer *l, bool says_mid) {
	l->says_mid = says_mid;
	l->is_bare = false;
	l->bare_size = (uint8_t)header_size_with(l, NULL);
}

void header_open(struct out_layer *l) {
	struct rtp_extension_block *b = block_of(l);
	const size_t lens[] = {
		[RTP_EXT_RID] = l->is_plain ? 0 : strlen(l->rid),
		[RTP_EXT_ABS_SEND_TIME] = 3,
		[RTP_EXT_TRANSPORT_CC] = 2,
	};
	l->fixed_len = 0;
	for (size_t kind = 0; kind < sizeof lens / sizeof *lens; kind++)
		if (lens[kind] && rtp_extension_block_has(b, (enum rtp_extension)kind) &&
		    b->place[kind] + lens[kind] > l->fixed_len)
			l->fixed_len = (uint8_t)(b->place[kind] + lens[kind]);
	l->is_two_byte = b->present && b->profile == RTP_EXTENSION_TWO_BYTE;
	b->profile = l->is_two_byte ? RTP_EXTENSION_TWO_BYTE : RTP_EXTENSION_ONE_BYTE;
	say_mid(l, l->track->mid[0] && id_of(l, RTP_EXT_MID));
}

void header_begin(struct out_layer *l) {
	if (l->says_mid && rtp_session_is_reported(l->track->media->session, l->stream))
		say_mid(l, false);
}

void header_lay_out(struct out_layer *l, const struct header_elements *u) {
	l->is_bare = header_is_bare(u);
	struct rtp_extension_block *b = block_of(l);
	struct element e[ELEMENTS];
	size_t n = elements_of(l, u, e), len = l->fixed_len;
	for (size_t i = 0; i < n && len + 2 + e[i].len <= sizeof b->bytes; i++) {
		uint8_t id = (uint8_t)id_of(l, e[i].kind);
		if (l->is_two_byte) {
			b->bytes[len++] = id;
			b->bytes[len++] = (uint8_t)e[i].len;
		} else {
			b->bytes[len++] = (uint8_t)(id << 4 | (e[i].len - 1));
		}
		memcpy(b->bytes + len, e[i].value, e[i].len);
		len += e[i].len;
	}
	memset(b->bytes + len, 0, padded(len) - len);
	b->len = (uint8_t)padded(len);
}
