#include "rtp/media/media.h"

#include <string.h>

#include "base/arith.h"
#include "base/wipe.h"
#include "pool/env.h"
#include "rtp/media/unit.h"

#define PACER_RUNS 1024
#define SEAL_STREAMS 32 /* SSRCs of ours, to begin with */

/* ---- making ---- */

static bool is_valid(const sluice_media_config *c) {
	uint64_t start = c->start_bitrate ? c->start_bitrate : 300000;
	uint64_t min = c->min_bitrate ? c->min_bitrate : 30000;
	uint64_t max = c->max_bitrate ? c->max_bitrate : 100000000;
	return c->size == sizeof *c && (!c->cname || strlen(c->cname) <= REPORT_CNAME) && min <= start && start <= max &&
	       max <= BWE_RATE_MOST && (c->mtu == 0 || (c->mtu >= MEDIA_MTU_MIN && c->mtu <= MEDIA_MTU_MAX));
}

/* RFC 7022, 4.2: a CNAME of 96 random bits, as text. */
static void make_cname(struct sluice_media *m) {
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t random[16];
	if (m->config.cname) {
		memcpy(m->cname, m->config.cname, strlen(m->config.cname));
		return;
	}
	env_entropy(m->env, random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		m->cname[i] = letters[random[i] % 64];
}

int sluice_media_new(sluice_env *env, const sluice_media_config *config, sluice_media **out) {
	static const sluice_media_config defaults = {.size = sizeof defaults};
	const sluice_media_config *c = config ? config : &defaults;
	if (!is_valid(c))
		return SLUICE_INVALID;
	struct sluice_media *m = env_zalloc(env, sizeof *m);
	if (!m)
		return SLUICE_NO_MEMORY;
	m->env = env;
	m->config = *c;
	m->config.mtu = c->mtu ? c->mtu : MEDIA_MTU;
	make_cname(m);
	m->config.cname = m->cname;
	rtp_extension_map_init(&m->extensions);
	rtx_types_init(&m->rtx_in);
	rtx_types_init(&m->rtx_out);
	if (pacer_open(&m->pacer, env, PACER_RUNS, MEDIA_PADDING)) {
		env_free(env, m);
		return SLUICE_NO_MEMORY;
	}
	*out = m;
	return 0;
}

/* Runs that are in the pacer name units, which are freed with it. */
static void drop_runs(struct sluice_media *m) {
	if (m->grant.count && m->grant.is_end && m->grant.kind != PACER_PADDING && m->grant.handle)
		unit_drop(m->grant.handle);
	for (unsigned kind = 0; kind < PACER_QUEUES; kind++)
		while (m->pacer.queues[kind].tail != m->pacer.queues[kind].head) {
			struct pacer_queue *q = &m->pacer.queues[kind];
			unit_drop(q->ring[q->tail++ % m->pacer.capacity].handle);
		}
}

void media_destroy(struct sluice_media *m) {
	media_trace_free(m);
	for (size_t i = 0; i < m->track_count; i++)
		if (!m->tracks[i]->ended)
			track_end(m->tracks[i]);
	drop_runs(m);
	rtp_session_free(m->session);
	for (size_t i = 0; i < m->track_count; i++)
		track_free(m->tracks[i]);
	env_free(m->env, m->tracks);
	player_list_free(&m->orphans);
	bwe_free(m->bwe);
	pacer_close(&m->pacer);
	srtp_close(&m->seal);
	srtp_close(&m->open);
	queue_close(&m->queue, m->env);
	demux_close(&m->demux, m->env);
	sluice_slab_unref(m->bump);
	env_free(m->env, m->assembly);
	env_free(m->env, m);
}

void sluice_media_free(sluice_media *m) {
	if (m && guard_kill(&m->guard))
		media_destroy(m);
}

bool media_check(const struct sluice_media *m) {
	bool ok = !m->session == !m->bwe && (!m->session || m->has_keys) && pacer_check(&m->pacer);
	for (int i = 0; ok && i < MEDIA_STREAMS; i++)
		ok = (!m->in[i] || m->in[i]->stream == i) && (!m->out[i] || (i < (int)m->out_top && m->out[i]->stream == i));
	return ok && (!m->session || (rtp_session_check(m->session) && bwe_check(m->bwe))) &&
	       (m->profile == SLUICE_SRTP_NONE || (srtp_check(&m->seal) && srtp_check(&m->open)));
}

/* ---- keys ---- */

static int open_srtp(struct sluice_media *m, struct srtp *s, enum aead_use use, const sluice_srtp_key *key) {
	const struct srtp_config config = {
		.profile = (enum srtp_profile)(m->profile - 1),
		.use = use,
		.streams = use == AEAD_SEAL ? SEAL_STREAMS : 2 * MEDIA_STREAMS + 8,
		.grows = true,
		.repeats = true,
	};
	struct srtp_master master;
	_Static_assert(sizeof master.key == sizeof key->key && sizeof master.salt == sizeof key->salt, "one is the other");
	memcpy(master.key, key->key, sizeof master.key);
	memcpy(master.salt, key->salt, sizeof master.salt);
	int error = srtp_open(s, m->env, &config, &master);
	wipe(&master, sizeof master);
	return error;
}

static int open_both(struct sluice_media *m, const sluice_srtp_key *send, const sluice_srtp_key *receive) {
	int error = open_srtp(m, &m->seal, AEAD_SEAL, send);
	if (!error && (error = open_srtp(m, &m->open, AEAD_OPEN, receive)))
		srtp_close(&m->seal);
	if (error)
		return error;
	m->rtp_tail = m->seal.flow[SRTP_RTP].tag;
	m->rtcp_tail = m->seal.flow[SRTP_RTCP].tag + 4;
	return 0;
}

int sluice_media_set_keys(sluice_media *m, enum sluice_srtp_profile profile, const sluice_srtp_key *send,
                          const sluice_srtp_key *receive) {
	if (profile > SLUICE_SRTP_AEAD_AES_256_GCM || (profile != SLUICE_SRTP_NONE && (!send || !receive)))
		return SLUICE_INVALID;
	if (m->has_keys)
		return SLUICE_WRONG_STATE;
	m->profile = profile;
	int error = profile == SLUICE_SRTP_NONE ? 0 : open_both(m, send, receive);
	m->has_keys = !error;
	media_wake(m);
	return error;
}

int sluice_media_set_extension(sluice_media *m, const char *uri, unsigned id) {
	enum rtp_extension kind = rtp_extension_of_uri(uri, strlen(uri));
	if (id > 255 || id == 15)
		return SLUICE_INVALID;
	if (kind == RTP_EXT_UNKNOWN)
		return 0;
	struct rtp_extension_map *map = &m->extensions;
	if (id == 0) {
		map->kind_of[map->id_of[kind]] = RTP_EXT_UNKNOWN;
		map->id_of[kind] = 0;
	} else if (rtp_extension_map_add(map, kind, id)) {
		return SLUICE_INVALID;
	}
	return m->session ? streams_set_extensions(m) : 0;
}

/* ---- verbs ---- */

void sluice_media_set_wake(sluice_media *m, void (*wake)(void *ctx), void *ctx) {
	m->wake = wake;
	m->wake_ctx = ctx;
}

void sluice_media_set_packet_tap(sluice_media *m, sluice_packet_fn fn, void *ctx) {
	m->tap = fn;
	m->tap_ctx = ctx;
}

static void listen_to_players(struct sluice_media *m) {
	for (size_t i = 0; m->in_taken && i < m->track_count; i++)
		for (unsigned k = 0; !m->tracks[i]->is_sender && k < m->tracks[i]->layer_count; k++)
			layer_in_listen(&m->tracks[i]->in[k]);
	player_list_reap(&m->orphans);
}

void sluice_media_advance(sluice_media *m, uint64_t now) {
	if (!media_begin(m, now))
		return;
	rtp_session_advance(m->session, m->clock);
	listen_to_players(m);
	media_follow(m);
	if (m->trace)
		media_trace_look(m);
}

static uint64_t track_deadline(const struct sluice_track *t) {
	uint64_t due = SLUICE_NEVER;
	for (unsigned k = 0; !t->is_sender && k < t->layer_count; k++)
		if (t->in[k].player && !t->in[k].is_lent)
			due = min64(due, t->in[k].pull_at);
	return due;
}

uint64_t sluice_media_deadline(const sluice_media *m) {
	if (!m->session)
		return m->has_keys ? 0 : SLUICE_NEVER;
	if (m->grant.count || m->share_again)
		return m->clock;
	uint64_t due = min64(rtp_session_deadline(m->session), pacer_deadline(&m->pacer));
	for (size_t i = 0; m->in_taken && i < m->track_count; i++)
		due = min64(due, track_deadline(m->tracks[i]));
	return min64(due, share_deadline(m));
}

void sluice_media_stats_get(const sluice_media *m, sluice_media_stats *stats) {
	*stats = m->stats;
	stats->pacer_queue = pacer_queued(&m->pacer);
	if (!m->session)
		return;
	uint64_t round_trip = rtp_session_round_trip(m->session);
	stats->round_trip_time = round_trip == RTP_ROUND_TRIP_UNKNOWN ? 0 : round_trip;
	stats->available_outgoing_bitrate = bwe_target(m->bwe);
	stats->delivered_bitrate = bwe_delivered(m->bwe);
}
