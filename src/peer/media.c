/* media: how do SRTP datagrams come in and go out, and when does the engine for them get its keys?
 *
 * The engine (src/rtp/media) is made with the first transceiver, so a peer without one pays a comparison for it. Its keys come
 * from the DTLS handshake (RFC 5764). What it carries, sections.c and tracks.c say. */
#include <string.h>

#include "base/wipe.h"
#include "peer/connection.h"
#include "peer/peer.h"
#include "rtp/media/beside.h"
#include "rtp/srtp_kdf.h"
#include "sctp/sctp.h"
#include "sluice/stats.h"

/* A handshake's last flight may be overtaken by the media behind it, or its fingerprint may be on its way still. A keyframe's
 * first packets are worth keeping: without them the frame costs a request and a round trip. A browser sends about so many
 * packets at once. More is dropped, like anything else that comes before the keys. */
#define EARLY_MAX 16
#define EARLY_LEN 1500

struct media_early {
	size_t count;
	size_t len[EARLY_MAX];
	uint8_t bytes[EARLY_MAX][EARLY_LEN];
};

static void wake(void *ctx) {
	peer_wake(ctx);
}

/* ---- life ------------------------------------------------------------------------------------------------------------- */

/* RFC 7022, 4.2: 96 bits, as text. */
static void make_cname(sluice_peer *p) {
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t random[sizeof p->cname - 1];
	env_entropy(p->env, random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		p->cname[i] = letters[random[i] % 64];
}

/* Of what the engine allows. Every path carries so much, whatever the peer's MTU is (RFC 8200, 5). */
#define MTU_MIN 576
#define MTU_MAX 1200

static uint32_t mtu_of(const sluice_peer *p) {
	uint32_t mtu = p->config.mtu - RELAY_ROOM;
	return mtu < MTU_MIN ? MTU_MIN : mtu > MTU_MAX ? MTU_MAX : mtu;
}

int media_open(sluice_peer *p) {
	if (p->media)
		return 0;
	make_cname(p);
	const sluice_media_config config = {.size = sizeof config,
	                                    .cname = p->cname,
	                                    .mtu = mtu_of(p),
	                                    .start_bitrate = p->config.media_start_bitrate,
	                                    .min_bitrate = p->config.media_min_bitrate,
	                                    .max_bitrate = p->config.media_max_bitrate,
	                                    .compound = true};
	int error = sluice_media_new(p->env, &config, &p->media);
	if (error)
		return error;
	sluice_media_set_wake(p->media, wake, p);
	sluice_media_set_packet_tap(p->media, p->media_tap, p->media_tap_ctx);
	if ((error = sluice_media_set_trace(p->media, p->media_trace, p->media_trace_ctx)))
		media_close(p);
	return error;
}

void sluice_peer_set_media_tap(sluice_peer *p, sluice_packet_fn fn, void *ctx) {
	p->media_tap = fn;
	p->media_tap_ctx = ctx;
	if (p->media)
		sluice_media_set_packet_tap(p->media, fn, ctx);
}

int sluice_peer_set_media_trace(sluice_peer *p, sluice_trace_fn fn, void *ctx) {
	p->media_trace = fn;
	p->media_trace_ctx = ctx;
	return p->media ? sluice_media_set_trace(p->media, fn, ctx) : 0;
}

void media_close(sluice_peer *p) {
	sluice_media *m = p->media;
	p->media = NULL;
	sluice_media_free(m);
	env_free(p->env, p->media_early);
	p->media_early = NULL;
}

/* ---- keys ------------------------------------------------------------------------------------------------------------- */

static const struct {
	enum srtp_profile inner;
	enum sluice_srtp_profile outer;
} profiles[] = {
	{SRTP_AEAD_AES_128_GCM, SLUICE_SRTP_AEAD_AES_128_GCM},
	{SRTP_AES128_CM_SHA1_80, SLUICE_SRTP_AES128_CM_SHA1_80},
};

static void copy_key(sluice_srtp_key *key, const struct srtp_master *master) {
	memcpy(key->key, master->key, sizeof key->key);
	memcpy(key->salt, master->salt, sizeof key->salt);
}

static int set_keys(sluice_peer *p, size_t i) {
	uint8_t material[2 * (SRTP_KEY_MAX + SRTP_SALT_MAX)];
	struct srtp_master masters[2] = {{{0}, {0}}, {{0}, {0}}};
	sluice_srtp_key keys[2];
	bool client = p->role == SLUICE_ROLE_CLIENT;
	int error = dtls_export(p->dtls, SRTP_KDF_LABEL, material, srtp_kdf_material_size(profiles[i].inner));
	if (!error) {
		srtp_kdf_split(profiles[i].inner, material, &masters[0], &masters[1]);
		copy_key(&keys[0], &masters[0]);
		copy_key(&keys[1], &masters[1]);
		error = sluice_media_set_keys(p->media, profiles[i].outer, &keys[!client], &keys[client]);
	}
	wipe(material, sizeof material);
	wipe(masters, sizeof masters);
	wipe(keys, sizeof keys);
	return error;
}

static void take_early(sluice_peer *p) {
	struct media_early *e = p->media_early;
	for (size_t i = 0; e && i < e->count; i++) {
		sluice_datagram d = {.data = e->bytes[i], .len = e->len[i]};
		sluice_media_input(p->media, &d, 1, p->now);
	}
	env_free(p->env, e);
	p->media_early = NULL;
}

void media_start(sluice_peer *p) {
	if (!p->media || p->media_keyed || !p->dtls_up || !p->negotiation.media_agreed || p->ends_as)
		return;
	uint16_t profile = dtls_srtp_profile(p->dtls);
	for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
		if (srtp_cipher_profile(profiles[i].inner)->dtls_id == profile && set_keys(p, i) == 0)
			p->media_keyed = true;
	if (p->media_keyed)
		take_early(p);
	else
		env_log(p->env, SLUICE_LOG_WARN, "peer: no media: the other side has no SRTP profile of ours");
}

/* ---- beside data ------------------------------------------------------------------------------------------------------ */

static bool sends(const sluice_peer *p) {
	for (const sluice_transceiver *t = p->transceivers.first; t; t = t->next)
		if (t->current & SDP_SENDONLY && !t->stopping)
			return true;
	return false;
}

/* A control that fills the queue of the path takes from media what media's estimator gives up, which is nearly all. */
void media_share_path(sluice_peer *p) {
	if (!p->media || p->config.sctp.congestion_control != SLUICE_CC_DEFAULT)
		return;
	bool yields = sends(p);
	if (yields == p->yields)
		return;
	p->yields = yields;
	p->yield = (struct yield){.next = 0};
	association_set_most_rate(p->sctp, 0);
	association_set_control(p->sctp, yields ? SLUICE_CC_LOW_DELAY : SLUICE_CC_CUBIC);
}

/* The bound holds while the association's own control yields, too. */
static void yield_to_media(sluice_peer *p, uint64_t now) {
	struct beside_view v;
	sluice_sctp_stats data;
	if (!p->yields || !yield_is_due(&p->yield, now))
		return;
	beside_look(p->media, &v);
	sluice_sctp_stats_get(p->sctp, &data);
	uint64_t room = yield_judge(&p->yield, &(struct yield_news){now, v.sent, data.bytes_sent, v.target, v.most, v.congested});
	association_set_most_rate(p->sctp, p->yield.bound);
	if (room)
		beside_room(p->media, room);
}

/* ---- in --------------------------------------------------------------------------------------------------------------- */

static void keep_early(sluice_peer *p, const struct underlay_span *span) {
	if (!p->media_early)
		p->media_early = env_zalloc(p->env, sizeof *p->media_early);
	struct media_early *e = p->media_early;
	for (size_t i = 0; e && i < span->count && e->count < EARLY_MAX; i++) {
		if (span->datagrams[i].len > EARLY_LEN)
			continue;
		memcpy(e->bytes[e->count], span->datagrams[i].data, span->datagrams[i].len);
		e->len[e->count++] = span->datagrams[i].len;
	}
}

bool media_takes(const sluice_peer *p) {
	return p->media && !p->ends_as && (p->media_keyed || !p->dtls_up || !p->negotiation.media_agreed);
}

int media_input(sluice_peer *p, const struct underlay_span *span, uint64_t now) {
	if (p->media_keyed)
		return sluice_media_input(p->media, span->datagrams, span->count, now);
	keep_early(p, span);
	return 0;
}

/* ---- out -------------------------------------------------------------------------------------------------------------- */

int media_output(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	return p->media_keyed ? sluice_media_output(p->media, batch, now) : 0;
}

void media_advance(sluice_peer *p, uint64_t now) {
	if (!p->media_keyed)
		return;
	sluice_media_advance(p->media, now);
	yield_to_media(p, now);
}

uint64_t media_deadline(const sluice_peer *p) {
	return p->media_keyed && p->below.routed ? sluice_media_deadline(p->media) : SLUICE_NEVER;
}

void peer_prefetch(const sluice_peer *p, unsigned turns) {
	if (p->media_keyed)
		sluice_media_prefetch(p->media, turns);
}

/* ---- up --------------------------------------------------------------------------------------------------------------- */

static sluice_transceiver *first_due(const sluice_peer *p) {
	sluice_transceiver *t = p->transceivers.first;
	while (t && !t->track_due)
		t = t->next;
	return t;
}

/* Each callback may change the list. */
static int tell_tracks(sluice_peer *p) {
	int ran = 0;
	sluice_transceiver *t;
	while (!p->guard.dead && (t = first_due(p)) != NULL) {
		t->track_due = false;
		if (!p->config.on_track)
			continue;
		p->config.on_track(p, t, p->config.user);
		ran++;
	}
	return ran;
}

int media_dispatch(sluice_peer *p) {
	if (!p->media || p->guard.dead)
		return 0;
	int ran = tell_tracks(p);
	if (p->guard.dead)
		return ran;
	if (p->ends_as)
		transceivers_end(p);
	ran += sluice_media_dispatch(p->media);
	if (!p->guard.dead)
		transceivers_reap(p);
	return ran;
}

bool media_dispatch_is_due(const sluice_peer *p) {
	return p->transceivers.ending || first_due(p);
}
