/* room: see its header. */
#include "tools/forward/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice/error.h"

struct forward_member {
	struct forward_member *next; /* in its room */
	struct room *room;
	sluice_peer *peer;
	void *user;
	bool publishes, is_settled;
	const char *over; /* why its part is over; NULL: it is not */
	bool told;        /* over() was called */
	uint64_t came_at;
	size_t count; /* of its tracks */
	union {
		struct feed feeds[FORWARD_TRACKS_MAX];
		struct sink sinks[FORWARD_TRACKS_MAX];
	};
};

struct room {
	struct room *next;
	struct forward *forward;
	char name[FORWARD_NAME_MAX + 1];
	struct forward_member *members;
	struct forward_member *publisher; /* settled, one of the members */
	uint64_t alone_since;             /* without a publisher */
};

struct forward {
	struct forward_config config;
	struct room *rooms;
	uint64_t now;
};

struct forward *forward_new(const struct forward_config *config) {
	struct forward *f = calloc(1, sizeof *f);
	if (f)
		f->config = *config;
	return f;
}

void forward_free(struct forward *f) {
	free(f);
}

/* ---- rooms --------------------------------------------------------------------------------------------------------- */

static struct room *find_room(const struct forward *f, const char *name) {
	struct room *r = f->rooms;
	while (r && strcmp(r->name, name))
		r = r->next;
	return r;
}

static struct room *make_room(struct forward *f, const char *name) {
	struct room *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->forward = f;
	r->alone_since = f->now;
	snprintf(r->name, sizeof r->name, "%s", name);
	r->next = f->rooms;
	f->rooms = r;
	return r;
}

static void free_room_if_empty(struct room *r) {
	struct room **link = &r->forward->rooms;
	if (r->members)
		return;
	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
	free(r);
}

static unsigned count_watchers(const struct room *r) {
	unsigned n = 0;
	for (const struct forward_member *m = r->members; m; m = m->next)
		n += !m->publishes;
	return n;
}

/* ---- joining feeds and sinks --------------------------------------------------------------------------------------- */

/* The number of the i-th track among those of its kind, and back. */
static struct feed *feed_for(struct forward_member *publisher, const struct forward_member *watcher, size_t i) {
	unsigned before = 0;
	for (size_t k = 0; k < i; k++)
		before += watcher->sinks[k].kind == watcher->sinks[i].kind;
	for (size_t k = 0; k < publisher->count; k++)
		if (publisher->feeds[k].kind == watcher->sinks[i].kind && before-- == 0)
			return &publisher->feeds[k];
	return NULL;
}

static void unjoin(struct forward_member *watcher) {
	for (size_t i = 0; i < watcher->count; i++)
		if (watcher->sinks[i].feed)
			feed_remove(watcher->sinks[i].feed, &watcher->sinks[i]);
}

static void join(struct forward_member *publisher, struct forward_member *watcher) {
	unjoin(watcher);
	for (size_t i = 0; i < watcher->count; i++) {
		struct feed *feed = feed_for(publisher, watcher, i);
		if (feed && watcher->sinks[i].track)
			feed_add(feed, &watcher->sinks[i]);
	}
}

/* ---- codecs -------------------------------------------------------------------------------------------------------- */

/* What the feed is: the codec that came last, or else the first one that was agreed on, which the other way would send. */
static enum sluice_codec codec_of(const struct feed *s) {
	const sluice_codec_config *c = s->track ? sluice_track_codec(s->track) : NULL;
	if (!c && s->track)
		c = sluice_track_codec(sluice_transceiver_sender(sluice_track_transceiver(s->track)));
	return c ? c->codec : SLUICE_CODEC_NONE;
}

static enum sluice_codec codec_of_sink(const struct sink *s) {
	const sluice_codec_config *c = s->track ? sluice_track_codec(s->track) : NULL;
	return c ? c->codec : SLUICE_CODEC_NONE;
}

/* Do the watcher's tracks carry what is sent? Else *codec is what they do not. */
static bool carries(struct forward_member *publisher, const struct forward_member *watcher, enum sluice_codec *codec) {
	for (size_t i = 0; i < watcher->count; i++) {
		struct feed *feed = feed_for(publisher, watcher, i);
		*codec = feed ? codec_of(feed) : SLUICE_CODEC_NONE;
		if (feed && codec_of_sink(&watcher->sinks[i]) != *codec)
			return false;
	}
	return true;
}

/* ---- members ------------------------------------------------------------------------------------------------------- */

static uint64_t last_heard(const struct forward_member *publisher) {
	uint64_t heard = publisher->came_at;
	for (size_t i = 0; i < publisher->count; i++)
		if (publisher->feeds[i].heard_at > heard)
			heard = publisher->feeds[i].heard_at;
	return heard;
}

static bool is_taken(const struct room *r) {
	return r->publisher && !r->publisher->over && r->forward->now < last_heard(r->publisher) + FORWARD_SILENCE;
}

static struct forward_member *make_member(struct room *r, sluice_peer *p, bool publishes, void *user) {
	struct forward_member *m = calloc(1, sizeof *m);
	if (!m)
		return NULL;
	m->room = r;
	m->peer = p;
	m->user = user;
	m->publishes = publishes;
	m->came_at = r->forward->now;
	m->next = r->members;
	r->members = m;
	return m;
}

static void end(struct forward_member *m, const char *why) {
	if (!m->over)
		m->over = why;
}

/* The room goes on without it; its watchers wait. */
static void unpublish(struct forward_member *m) {
	for (size_t i = 0; i < m->count; i++)
		feed_close(&m->feeds[i]);
	if (m->room->publisher != m)
		return;
	m->room->publisher = NULL;
	m->room->alone_since = m->room->forward->now;
}

void forward_leave(struct forward_member *m) {
	struct forward_member **link = &m->room->members;
	if (m->publishes) {
		unpublish(m);
	} else {
		unjoin(m);
		for (size_t i = 0; i < m->count; i++)
			sink_close(&m->sinks[i]);
	}
	while (*link != m)
		link = &(*link)->next;
	*link = m->next;
	free_room_if_empty(m->room);
	free(m);
}

static bool refuse_later(struct refusal *why, unsigned status, const char *text) {
	why->retry_after = 2;
	return refusal_set(why, status, "%s", text);
}

/* ---- publishing ---------------------------------------------------------------------------------------------------- */

struct forward_member *forward_publish(struct forward *f, const char *name, sluice_peer *p, void *user, struct refusal *why) {
	struct room *r = find_room(f, name);
	if (r && is_taken(r)) {
		refuse_later(why, 409, "somebody publishes in this room already");
		return NULL;
	}
	if (!r)
		r = make_room(f, name);
	struct forward_member *m = r ? make_member(r, p, true, user) : NULL;
	if (!m) {
		refuse_later(why, 503, "no memory");
		return NULL;
	}
	sluice_transceiver *t;
	for (size_t i = 0; (t = sluice_peer_transceiver(p, i)) != NULL; i++)
		sluice_transceiver_set_direction(t, SLUICE_RECVONLY);
	return m;
}

/* The sections by which something comes. */
static void take_feeds(struct forward_member *m) {
	sluice_transceiver *t;
	for (size_t i = 0; (t = sluice_peer_transceiver(m->peer, i)) != NULL && m->count < FORWARD_TRACKS_MAX; i++)
		if (sluice_transceiver_current_direction(t) == SLUICE_RECVONLY && sluice_transceiver_receiver(t))
			feed_init(&m->feeds[m->count++], sluice_transceiver_receiver(t));
}

static void join_all(struct room *r) {
	enum sluice_codec codec;
	for (struct forward_member *m = r->members; m; m = m->next) {
		if (m->publishes || !m->is_settled || m->over)
			continue;
		if (carries(r->publisher, m, &codec))
			join(r->publisher, m);
		else
			end(m, "another codec is sent now");
	}
}

static bool settle_publisher(struct forward_member *m, struct refusal *why) {
	struct room *r = m->room;
	take_feeds(m);
	if (m->count == 0)
		return refusal_set(why, 422, "the offer sends no audio and no video that this server takes");
	if (is_taken(r))
		return refuse_later(why, 409, "somebody publishes in this room already");
	if (r->publisher) {
		end(r->publisher, "another publisher has its place");
		unpublish(r->publisher);
	}
	r->publisher = m;
	join_all(r);
	return true;
}

/* ---- watching ------------------------------------------------------------------------------------------------------ */

/* The publisher's streams: a page that shows each stream in an element of its own keeps audio and video together. */
#define STREAMS_MAX 4
static void name_streams(sluice_transceiver *t, const struct feed *feed) {
	const char *ids[STREAMS_MAX];
	const sluice_transceiver *from = feed->track ? sluice_track_transceiver(feed->track) : NULL;
	size_t n = 0;
	while (from && n < STREAMS_MAX && (ids[n] = sluice_transceiver_remote_stream(from, n)) != NULL)
		n++;
	/* An id that cannot be written leaves the track without a stream. */
	sluice_transceiver_set_streams(t, ids, n);
}

/* Only what is sent; a section for which nothing is there says so. */
static void offer_only(sluice_transceiver *t, const struct feed *feed) {
	const sluice_codec_preference wanted = {.codec = feed ? codec_of(feed) : SLUICE_CODEC_NONE, .packetization_mode = 1};
	sluice_transceiver_set_direction(t, feed ? SLUICE_SENDONLY : SLUICE_INACTIVE);
	if (!feed)
		return;
	sluice_transceiver_set_codec_preferences(t, &wanted, 1);
	name_streams(t, feed);
}

static void take_sinks(struct forward_member *m) {
	struct forward_member *publisher = m->room->publisher;
	sluice_transceiver *t;
	for (size_t i = 0; (t = sluice_peer_transceiver(m->peer, i)) != NULL && m->count < FORWARD_TRACKS_MAX; i++) {
		sink_init(&m->sinks[m->count++], sluice_transceiver_sender(t));
		offer_only(t, feed_for(publisher, m, m->count - 1));
	}
	for (size_t i = m->count; (t = sluice_peer_transceiver(m->peer, i)) != NULL; i++)
		sluice_transceiver_set_direction(t, SLUICE_INACTIVE);
}

struct forward_member *forward_watch(struct forward *f, const char *name, sluice_peer *p, void *user, struct refusal *why) {
	struct room *r = find_room(f, name);
	/* draft-ietf-wish-whep: an endpoint that wants somebody to publish first "SHALL return a "409 Conflict" response to the
	 * POST request issued by the WHEP player with a "Retry-After" header". */
	if (!r || !r->publisher) {
		refuse_later(why, 409, "nobody publishes in this room");
		return NULL;
	}
	if (count_watchers(r) >= f->config.watchers_max) {
		why->limit = true;
		refuse_later(why, 503, "as many watch this room as may");
		return NULL;
	}
	struct forward_member *m = make_member(r, p, false, user);
	if (!m) {
		refuse_later(why, 503, "no memory");
		return NULL;
	}
	take_sinks(m);
	return m;
}

static bool sends_something(const struct forward_member *m) {
	sluice_transceiver *t;
	for (size_t i = 0; (t = sluice_peer_transceiver(m->peer, i)) != NULL; i++)
		if (sluice_transceiver_current_direction(t) == SLUICE_SENDONLY)
			return true;
	return false;
}

static bool settle_watcher(struct forward_member *m, struct refusal *why) {
	struct room *r = m->room;
	enum sluice_codec codec;
	if (!r->publisher)
		return refuse_later(why, 409, "nobody publishes in this room");
	if (!carries(r->publisher, m, &codec))
		return refusal_set(why, 422, "%s is sent in this room, which the offer does not take", sluice_codec_name(codec));
	if (!sends_something(m))
		return refusal_set(why, 422, "the offer takes nothing of what is sent in this room");
	join(r->publisher, m);
	return true;
}

/* ---- both ---------------------------------------------------------------------------------------------------------- */

bool forward_settle(struct forward_member *m, struct refusal *why) {
	m->is_settled = m->publishes ? settle_publisher(m, why) : settle_watcher(m, why);
	return m->is_settled;
}

void forward_connected(struct forward_member *m) {
	for (size_t i = 0; !m->publishes && i < m->count; i++)
		sink_ready(&m->sinks[i]);
}

/* ---- time ---------------------------------------------------------------------------------------------------------- */

static void tick_watchers(struct room *r, uint64_t now) {
	bool hopeless = !r->publisher && now >= r->alone_since + FORWARD_PATIENCE;
	for (struct forward_member *m = r->members; hopeless && m; m = m->next)
		if (!m->publishes)
			end(m, "nobody publishes in its room any more");
}

static void tick_room(struct room *r, uint64_t now) {
	for (size_t i = 0; r->publisher && i < r->publisher->count; i++)
		feed_tick(&r->publisher->feeds[i], now);
	tick_watchers(r, now);
}

/* over() may take the member and its room away, so the search begins anew behind each. */
static struct forward_member *next_over(const struct forward *f) {
	for (struct room *r = f->rooms; r; r = r->next)
		for (struct forward_member *m = r->members; m; m = m->next)
			if (m->over && !m->told)
				return m;
	return NULL;
}

void forward_tick(struct forward *f, uint64_t now) {
	f->now = now;
	for (struct room *r = f->rooms; r; r = r->next)
		tick_room(r, now);
	for (struct forward_member *m; (m = next_over(f)) != NULL;) {
		m->told = true;
		f->config.over(f->config.ctx, m->user, m->over);
	}
}

/* ---- what is going on ---------------------------------------------------------------------------------------------- */

static void count_member(const struct forward_member *m, struct forward_stats *stats) {
	for (size_t i = 0; i < m->count; i++) {
		if (m->publishes) {
			stats->packets_in += m->feeds[i].packets;
			for (unsigned k = 0; k < m->feeds[i].layers.count; k++)
				stats->rate_in += m->feeds[i].layers.rates[k];
			stats->keyframe_requests += m->feeds[i].requests;
		} else {
			stats->packets_out += m->sinks[i].packets;
			stats->dropped += m->sinks[i].dropped;
		}
	}
}

bool forward_stats_get(const struct forward *f, size_t i, struct forward_stats *stats) {
	const struct room *r = f->rooms;
	while (r && i--)
		r = r->next;
	if (!r)
		return false;
	*stats = (struct forward_stats){.name = r->name, .has_publisher = r->publisher != NULL, .watchers = count_watchers(r)};
	for (const struct forward_member *m = r->members; m; m = m->next)
		count_member(m, stats);
	return true;
}

const struct sink *forward_sink(const struct forward_member *m, size_t i) {
	return !m->publishes && i < m->count ? &m->sinks[i] : NULL;
}

const struct feed *forward_feed(const struct forward_member *m, size_t i) {
	return m->publishes && i < m->count ? &m->feeds[i] : NULL;
}
