#include "peer/transceiver.h"

#include <string.h>

#include "peer/connection.h"

bool transceiver_is_rid(const char rid[16]) {
	size_t len = strnlen(rid, 16);
	for (size_t i = 0; i < len; i++)
		if (!((rid[i] >= '0' && rid[i] <= '9') || (rid[i] >= 'a' && rid[i] <= 'z') || (rid[i] >= 'A' && rid[i] <= 'Z')))
			return false;
	return len < 16;
}

/* ---- making and ending ------------------------------------------------------------------------------------------------ */

static bool has_ssrc(const sluice_transceiver *t, uint32_t ssrc) {
	for (size_t i = 0; i < SLUICE_LAYERS_MAX; i++)
		if (t->ssrcs[i] == ssrc || t->rtx_ssrcs[i] == ssrc)
			return true;
	return false;
}

static uint32_t new_ssrc(const sluice_transceiver *t) {
	uint32_t ssrc;
	bool taken;
	do {
		ssrc = env_random32(t->peer->env);
		taken = ssrc == 0 || has_ssrc(t, ssrc);
		for (const sluice_transceiver *o = t->peer->transceivers.first; o; o = o->next)
			taken = taken || has_ssrc(o, ssrc);
	} while (taken);
	return ssrc;
}

static void make_track_id(sluice_transceiver *t) {
	static const char digits[] = "0123456789abcdef";
	uint8_t random[16];
	env_entropy(t->peer->env, random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++) {
		t->track_id[2 * i] = digits[random[i] >> 4];
		t->track_id[2 * i + 1] = digits[random[i] & 15];
	}
}

void transceiver_set_streams(sluice_transceiver *t, const char *const *streams, size_t count) {
	memset(t->streams, 0, sizeof t->streams);
	for (size_t i = 0; i < count; i++)
		memcpy(t->streams[i], streams[i], strlen(streams[i]));
	t->stream_count = (uint8_t)count;
}

static void copy_encodings(sluice_transceiver *t, const sluice_transceiver_config *c) {
	t->encoding_count = c->encoding_count ? (uint8_t)c->encoding_count : 1;
	if (c->encoding_count)
		memcpy(t->encodings, c->encodings, c->encoding_count * sizeof *c->encodings);
	for (size_t i = 0; i < t->encoding_count; i++) {
		t->ssrcs[i] = new_ssrc(t);
		t->rtx_ssrcs[i] = t->kind == SLUICE_VIDEO ? new_ssrc(t) : 0;
	}
}

static void destroy(sluice_transceiver *t) {
	sluice_env *env = t->peer->env;
	env_free(env, t->remote_streams);
	env_free(env, t);
}

static void append(struct transceivers *all, sluice_transceiver *t) {
	struct sluice_transceiver **at = &all->first;
	while (*at)
		at = &(*at)->next;
	*at = t;
	all->count++;
}

/* RFC 8853, 5.3.2: an answerer may take fewer layers than were offered; of alternatives, the first one is taken. */
size_t transceiver_read_layers(const struct sdp_rtp *theirs, char rids[SLUICE_LAYERS_MAX][PLAN_RID_MAX]) {
	size_t n = 0;
	for (size_t i = 0; i < theirs->rid_count && n < SLUICE_LAYERS_MAX; i++) {
		const struct sdp_rid *r = &theirs->rids[i];
		char rid[PLAN_RID_MAX] = {0};
		if (!r->send || r->layer == 0 || r->alternative > 0 || r->id.len >= sizeof rid)
			continue;
		memcpy(rid, r->id.s, r->id.len);
		if (transceiver_is_rid(rid))
			memcpy(rids[n++], rid, sizeof rid);
	}
	return n;
}

int transceiver_make(sluice_peer *p, enum sluice_media_kind kind, enum sdp_direction direction,
                     const sluice_transceiver_config *c, const struct sdp_rtp *theirs, sluice_transceiver **out) {
	struct transceivers *all = &p->transceivers;
	if (all->count == TRANSCEIVERS_MAX)
		return SLUICE_LIMIT;
	sluice_transceiver *t = env_zalloc(p->env, sizeof *t);
	if (!t)
		return SLUICE_NO_MEMORY;
	t->peer = p;
	t->number = ++all->last_number;
	t->kind = kind;
	t->section = -1;
	t->direction = direction;
	codecs_wish_default(kind, &t->wish);
	make_track_id(t);
	copy_encodings(t, c);
	t->receive_count = theirs ? (uint8_t)transceiver_read_layers(theirs, t->receive_rids) : 0;
	transceiver_set_streams(t, c->streams, c->stream_count);
	int error = tracks_make(t, c);
	if (error) {
		destroy(t);
		return error;
	}
	append(all, t);
	*out = t;
	return 0;
}

static void unlink_from(struct sluice_transceiver **list, const sluice_transceiver *t) {
	while (*list != t)
		list = &(*list)->next;
	*list = t->next;
}

void transceiver_remove(sluice_transceiver *t) {
	struct transceivers *all = &t->peer->transceivers;
	tracks_end(t);
	transceiver_dissociate(t);
	t->stopping = true;
	t->track_due = false;
	t->current = SDP_INACTIVE;
	unlink_from(&all->first, t);
	all->count--;
	t->next = all->ending;
	all->ending = t;
	peer_wake(t->peer);
}

static void free_list(struct sluice_transceiver *t) {
	while (t) {
		struct sluice_transceiver *next = t->next;
		destroy(t);
		t = next;
	}
}

void transceivers_end(sluice_peer *p) {
	for (sluice_transceiver *t = p->transceivers.first; t; t = t->next) {
		tracks_end(t);
		t->stopping = true;
		t->track_due = false;
	}
}

void transceivers_reap(sluice_peer *p) {
	free_list(p->transceivers.ending);
	p->transceivers.ending = NULL;
}

void transceivers_free(sluice_peer *p) {
	free_list(p->transceivers.first);
	free_list(p->transceivers.ending);
	p->transceivers = (struct transceivers){.first = NULL};
}

/* ---- finding ---------------------------------------------------------------------------------------------------------- */

sluice_transceiver *transceiver_by_number(const sluice_peer *p, uint32_t number) {
	sluice_transceiver *t = p->transceivers.first;
	while (t && t->number != number)
		t = t->next;
	return t;
}

sluice_transceiver *transceiver_at(const sluice_peer *p, size_t section) {
	sluice_transceiver *t = p->transceivers.first;
	while (t && (t->section < 0 || (size_t)t->section != section))
		t = t->next;
	return t;
}

sluice_transceiver *transceiver_by_mid(const sluice_peer *p, const char *mid) {
	sluice_transceiver *t = p->transceivers.first;
	while (t && (t->section < 0 || strcmp(t->mid, mid) != 0))
		t = t->next;
	return t;
}

void transceiver_associate(sluice_transceiver *t, const char *mid, size_t section) {
	t->unconfirmed = t->unconfirmed || t->section < 0;
	strncpy(t->mid, mid, sizeof t->mid - 1);
	t->section = (int)section;
}

void transceiver_dissociate(sluice_transceiver *t) {
	memset(t->mid, 0, sizeof t->mid);
	t->section = -1;
	t->unconfirmed = false;
}
