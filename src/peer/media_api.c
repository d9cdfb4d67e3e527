/* media_api: what does the app ask of a peer's transceivers, and may it? (W3C webrtc-pc, 5.4)
 *
 * What a negotiation makes of that is known by sections.c. */
#include <string.h>

#include "peer/connection.h"

/* ---- directions -------------------------------------------------------------------------------------------------------- */

const char *sluice_direction_name(enum sluice_direction direction) {
	static const char *const names[] = {"sendrecv", "sendonly", "recvonly", "inactive", "stopped"};
	return (size_t)direction < sizeof names / sizeof *names ? names[direction] : "unknown";
}

static const enum sdp_direction bits[] = {
	[SLUICE_SENDRECV] = SDP_SENDRECV,
	[SLUICE_SENDONLY] = SDP_SENDONLY,
	[SLUICE_RECVONLY] = SDP_RECVONLY,
	[SLUICE_INACTIVE] = SDP_INACTIVE,
};

static enum sluice_direction direction_of(enum sdp_direction d) {
	static const enum sluice_direction directions[] = {
		[SDP_SENDRECV] = SLUICE_SENDRECV,
		[SDP_SENDONLY] = SLUICE_SENDONLY,
		[SDP_RECVONLY] = SLUICE_RECVONLY,
		[SDP_INACTIVE] = SLUICE_INACTIVE,
	};
	return directions[d];
}

/* ---- reading a configuration ------------------------------------------------------------------------------------------- */

static bool are_encodings(const sluice_transceiver_config *c, enum sluice_media_kind kind) {
	if (c->encoding_count > SLUICE_LAYERS_MAX || (c->encoding_count && !c->encodings) ||
	    (kind == SLUICE_AUDIO && c->encoding_count > 1))
		return false;
	for (size_t i = 0; i < c->encoding_count; i++) {
		if (!transceiver_is_rid(c->encodings[i].rid) || (c->encoding_count > 1 && !*c->encodings[i].rid))
			return false;
		for (size_t k = 0; k < i; k++)
			if (strcmp(c->encodings[i].rid, c->encodings[k].rid) == 0)
				return false;
	}
	return true;
}

/* RFC 8830, 2: an identifier is a sequence of token-chars. */
static bool is_stream(const char *s) {
	size_t len = s ? strnlen(s, STREAM_MAX) : 0;
	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] >= 127)
			return false;
	return len > 0 && len < STREAM_MAX;
}

static bool are_streams(const char *const *streams, size_t count) {
	for (size_t i = 0; i < count && i < STREAMS_MAX && streams; i++)
		if (!is_stream(streams[i]))
			return false;
	return count == 0 || (streams && count <= STREAMS_MAX);
}

static bool is_config(const sluice_transceiver_config *c, enum sluice_media_kind kind) {
	return (kind == SLUICE_AUDIO || kind == SLUICE_VIDEO) && (size_t)c->direction < SLUICE_STOPPED &&
	       are_encodings(c, kind) && are_streams(c->streams, c->stream_count);
}

/* ---- calls ------------------------------------------------------------------------------------------------------------- */

int sluice_peer_add_transceiver(sluice_peer *p, enum sluice_media_kind kind, const sluice_transceiver_config *config,
                                sluice_transceiver **out) {
	static const sluice_transceiver_config defaults = {.direction = SLUICE_SENDRECV};
	const sluice_transceiver_config *c = config ? config : &defaults;
	sluice_transceiver *t;
	if (peer_is_direct(p))
		return SLUICE_WRONG_STATE;
	if (p->ends_as || p->state >= SLUICE_PEER_CLOSING)
		return SLUICE_CLOSED;
	if (!is_config(c, kind))
		return SLUICE_INVALID;
	int error = media_open(p);
	if (!error)
		error = transceiver_make(p, kind, bits[c->direction], c, NULL, &t);
	if (error)
		return error;
	if (out)
		*out = t;
	negotiation_update(p);
	return 0;
}

sluice_transceiver *sluice_peer_transceiver(const sluice_peer *p, size_t index) {
	sluice_transceiver *t = p->transceivers.first;
	while (t && index--)
		t = t->next;
	return t;
}

sluice_peer *sluice_transceiver_peer(const sluice_transceiver *t) {
	return t->peer;
}

enum sluice_media_kind sluice_transceiver_kind(const sluice_transceiver *t) {
	return t->kind;
}

const char *sluice_transceiver_mid(const sluice_transceiver *t) {
	return t->section < 0 ? NULL : t->mid;
}

enum sluice_direction sluice_transceiver_direction(const sluice_transceiver *t) {
	return t->stopping ? SLUICE_STOPPED : direction_of(t->direction);
}

enum sluice_direction sluice_transceiver_current_direction(const sluice_transceiver *t) {
	return t->stopping ? SLUICE_STOPPED : direction_of(t->current);
}

int sluice_transceiver_set_direction(sluice_transceiver *t, enum sluice_direction direction) {
	if ((size_t)direction >= SLUICE_STOPPED)
		return SLUICE_INVALID;
	if (t->stopping)
		return SLUICE_WRONG_STATE;
	t->direction = bits[direction];
	negotiation_update(t->peer);
	return 0;
}

void sluice_transceiver_stop(sluice_transceiver *t) {
	sluice_peer *p = t->peer;
	if (t->stopping)
		return;
	if (t->section < 0) {
		transceiver_remove(t);
	} else {
		t->stopping = true;
		t->track_due = false;
		tracks_end(t);
	}
	negotiation_update(p);
}

int sluice_transceiver_set_codec_preferences(sluice_transceiver *t, const sluice_codec_preference *codecs, size_t count) {
	if (count == 0) {
		codecs_wish_default(t->kind, &t->wish);
		t->has_wish = false;
		return 0;
	}
	int error = codecs ? codecs_wish_read(t->kind, codecs, count, &t->wish) : SLUICE_INVALID;
	t->has_wish = t->has_wish || error == 0;
	return error;
}

int sluice_transceiver_set_streams(sluice_transceiver *t, const char *const *streams, size_t count) {
	if (!are_streams(streams, count))
		return SLUICE_INVALID;
	if (t->stopping)
		return SLUICE_WRONG_STATE;
	transceiver_set_streams(t, streams, count);
	negotiation_update(t->peer);
	return 0;
}

sluice_track *sluice_transceiver_sender(const sluice_transceiver *t) {
	return t->sender;
}

sluice_track *sluice_transceiver_receiver(const sluice_transceiver *t) {
	return t->receiver;
}

const char *sluice_transceiver_remote_stream(const sluice_transceiver *t, size_t index) {
	const char *s = t->remote_streams;
	while (s && *s && index--)
		s += strlen(s) + 1;
	return s && *s ? s : NULL;
}
