/* media_out: what leaves, in runs of equal size. RTCP first, then what the pacer grants; SRTP seals the run in place.
 *
 * The first packet of a run gives the size of its slots. A packet that is larger waits for the next run, and one that is smaller
 * ends the run: so each run is one UDP_SEGMENT send. Packets of several frames and tracks share a run when they are equal. */
#include "rtp/media/media.h"

#include <stddef.h>
#include <string.h>

#include "base/arith.h"
#include "base/prefetch.h"
#include "pool/env.h"
#include "rtp/media/header.h"
#include "rtp/media/unit.h"

/* The run that is being written. */
struct run {
	sluice_batch *batch;
	struct srtp_packet packets[MEDIA_BATCH];
	size_t most;
	size_t rooms; /* around each packet, SRTP's among them */
};

static uint8_t *slot_of(const struct run *r) {
	return r->batch->data + r->batch->count * r->batch->stride + r->batch->headroom;
}

/* Bytes that the next packet may have. */
static size_t room_of(const struct sluice_media *m, const struct run *r) {
	const sluice_batch *b = r->batch;
	size_t used = b->count * b->stride, left = b->capacity - used;
	size_t most = b->count ? b->stride : left;
	if (left < r->rooms || most < r->rooms || left < most)
		return 0;
	(void)m;
	return most - r->rooms;
}

/* A packet of len bytes was written. False: the run is over. */
static bool add_packet(struct sluice_media *m, struct run *r, size_t len) {
	sluice_batch *b = r->batch;
	r->packets[b->count] = (struct srtp_packet){.data = slot_of(r), .len = len};
	if (m->tap)
		m->tap(m->tap_ctx, true, slot_of(r), len, m->clock);
	b->last = len + r->rooms;
	if (b->count++ == 0)
		b->stride = b->last;
	return b->last == b->stride && b->count < r->most;
}

/* ---- grants ---- */

static struct unit *unit_of(const struct pacer_grant *g) {
	return (struct unit *)(uintptr_t)g->handle;
}

static bool is_of_unit(const struct pacer_grant *g) {
	return g->kind == PACER_AUDIO || g->kind == PACER_VIDEO;
}

/* One packet of the grant is done. What the estimator has to say, a probe for instance, is for the next grant. */
static void step_grant(struct sluice_media *m) {
	struct pacer_grant *g = &m->grant;
	if (--g->count)
		return;
	if (g->is_end && is_of_unit(g))
		unit_finish(unit_of(g));
	media_follow(m);
}

static bool next_grant(struct sluice_media *m, const struct run *r) {
	while (m->grant.count == 0) {
		if (!pacer_next(&m->pacer, (uint32_t)(r->most - r->batch->count), m->clock, &m->grant))
			return false;
		m->repair_waits &= m->grant.kind != PACER_RETRANSMISSION;
	}
	return true;
}

/* The results of the functions below: bytes written; 0: the packet is no more; or */
#define DOES_NOT_FIT (-1)

static int write_unit(struct sluice_media *m, uint8_t *at, size_t room) {
	struct unit *u = unit_of(&m->grant);
	size_t size = unit_next_size(u);
	if (size == 0)
		return 0;
	if (size > room)
		return DOES_NOT_FIT;
	struct out_layer *l = u->layer;
	int len = unit_write(u, m->grant.probe, at, room, m->clock);
	if (len < 0)
		return DOES_NOT_FIT;
	l->stats.packets_sent++;
	return len;
}

static int write_repair(struct sluice_media *m, uint8_t *at, size_t room) {
	int len = rtp_session_repair(m->session, m->grant.probe, at, room, m->clock);
	return len == SLUICE_NO_SPACE ? DOES_NOT_FIT : len;
}

/* Padding goes into the RTX stream of a video that has begun. Other streams would need numbers of their media for it. */
static struct out_layer *padded_layer(struct sluice_media *m) {
	for (unsigned i = 0; i < MEDIA_STREAMS; i++) {
		struct out_layer *l = m->out[(m->pad_from + i) % MEDIA_STREAMS];
		if (!l || !l->any || !l->rtx_ssrc || l->track->kind != SLUICE_VIDEO ||
		    !track_codec_of(l->track)->rtx_payload_type)
			continue;
		m->pad_from = (m->pad_from + i) % MEDIA_STREAMS;
		return l;
	}
	return NULL;
}

static int write_padding(struct sluice_media *m, uint8_t *at, size_t room) {
	struct out_layer *l = padded_layer(m);
	if (!l)
		return 0;
	header_write(l, NULL);
	size_t header = header_size(l, NULL), size = MEDIA_PADDING - m->rtp_tail;
	size_t padding = min64(size - header, UINT8_MAX);
	if (header + padding > room)
		return DOES_NOT_FIT;
	int len = rtp_session_pad(m->session, l->stream, track_codec_of(l->track)->payload_type, (uint8_t)padding, m->grant.probe,
	                          at, room, m->clock);
	return len < 0 ? DOES_NOT_FIT : len;
}

static int write_next(struct sluice_media *m, uint8_t *at, size_t room) {
	switch (m->grant.kind) {
	case PACER_RETRANSMISSION:
		return write_repair(m, at, room);
	case PACER_PADDING:
		return write_padding(m, at, room);
	default:
		return write_unit(m, at, room);
	}
}

/* A packet that does not even fit into an empty slot can never leave: the driver's space is too small for it. */
static void fill(struct sluice_media *m, struct run *r) {
	while (next_grant(m, r)) {
		int len = write_next(m, slot_of(r), room_of(m, r));
		if (len == DOES_NOT_FIT && r->batch->count)
			return;
		if (len == DOES_NOT_FIT && is_of_unit(&m->grant))
			unit_skip(unit_of(&m->grant));
		step_grant(m);
		if (len > 0 && !add_packet(m, r, (size_t)len))
			return;
	}
}

/* ---- SRTP ---- */

/* Takes the slots out that SRTP refused: their bytes must not leave. */
static void close_gaps(struct run *r) {
	sluice_batch *b = r->batch;
	size_t kept = 0, last = b->last;
	for (size_t i = 0; i < b->count; i++) {
		if (r->packets[i].result != SRTP_OK)
			continue;
		last = i + 1 == b->count ? b->last : b->stride;
		if (kept != i)
			memmove(b->data + kept * b->stride, b->data + i * b->stride, last);
		kept++;
	}
	b->count = kept;
	b->last = kept ? last : 0;
	b->stride = kept == 1 ? last : b->stride;
}

/* RFC 3711, 9.2: after 2^48 packets of RTP or 2^31 of RTCP a key must not be used any more. Nothing leaves from then on. */
static void note_end_of_key(struct sluice_media *m) {
	if (m->seal.error && !m->told_end_of_key)
		env_log(m->env, SLUICE_LOG_ERROR, "media: SRTP sends nothing more: %s", sluice_error_text(m->seal.error));
	m->told_end_of_key = m->seal.error;
}

static void seal(struct sluice_media *m, struct run *r) {
	sluice_batch *b = r->batch;
	if (m->profile != SLUICE_SRTP_NONE) {
		bool all = srtp_protect_batch(&m->seal, r->packets, b->count) == 0;
		for (size_t i = 0; i < b->count; i++)
			all = all && r->packets[i].result == SRTP_OK;
		if (!all)
			close_gaps(r);
		note_end_of_key(m);
	}
	m->stats.packets_sent += b->count;
	if (b->count)
		m->stats.bytes_sent += (b->count - 1) * b->stride + b->last - b->count * (b->headroom + b->tailroom);
}

/* The packets are written before they are read. */
static void begin_run(struct run *r, sluice_batch *b, size_t tail) {
	b->count = b->stride = b->last = 0;
	r->batch = b;
	r->most = b->max_datagrams ? min64(b->max_datagrams, MEDIA_BATCH) : MEDIA_BATCH;
	r->rooms = b->headroom + b->tailroom + tail;
}

static void write_rtcp(struct sluice_media *m, struct run *r) {
	size_t room = min64(room_of(m, r), m->config.mtu - m->rtcp_tail);
	if (room < RTP_SESSION_DATAGRAM_MIN || rtp_session_deadline(m->session) > m->clock)
		return;
	int len = rtp_session_rtcp(m->session, slot_of(r), room, m->clock);
	if (len > 0)
		add_packet(m, r, (size_t)len);
}

/* ---- memory ---- */

/* Of more layers, nobody knows which ones will send. */
static void prefetch_layers(const struct sluice_media *m) {
	for (unsigned i = 0; i < m->out_top && i < 2; i++)
		if (m->out[i])
			prefetch(m->out[i], offsetof(struct out_layer, forward));
}

static void prefetch_units(const struct sluice_media *m) {
	for (unsigned i = 0; i < m->out_top && i < 2; i++)
		if (m->out[i] && m->out[i]->units)
			prefetch(m->out[i]->units, offsetof(struct unit, space) + UNIT_PACKETS / 4 * sizeof(struct unit_packet));
}

void sluice_media_prefetch(const sluice_media *m, unsigned turns) {
	if (turns >= 5) {
		prefetch(m, offsetof(struct sluice_media, out) + 1);
		return;
	}
	if (!m->session)
		return;
	if (turns == 4) {
		rtp_session_prefetch(m->session, RTP_PREFETCH_SESSION);
		bwe_prefetch(m->bwe);
		pacer_prefetch(&m->pacer);
		srtp_prefetch(&m->seal);
		prefetch_layers(m);
	} else if (turns == 3) {
		rtp_session_prefetch(m->session, RTP_PREFETCH_TABLES);
		bwe_prefetch_packets(m->bwe);
		srtp_prefetch_key(&m->seal);
		prefetch_units(m);
	} else {
		rtp_session_prefetch(m->session, turns == 2 ? RTP_PREFETCH_STREAMS : RTP_PREFETCH_HISTORIES);
	}
}

/* Who gave no hint still gains when all of it is asked for at once. */
static void prefetch_all(const struct sluice_media *m) {
	for (unsigned turns = 4; turns > 0 && pacer_queued(&m->pacer); turns--)
		sluice_media_prefetch(m, turns);
}

int sluice_media_output(sluice_media *m, sluice_batch *batch, uint64_t now) {
	m->woken = false;
	struct run r;
	begin_run(&r, batch, m->rtcp_tail);
	if (!media_begin(m, now))
		return 0;
	prefetch_all(m);
	media_follow(m);
	write_rtcp(m, &r);
	if (batch->count == 0) {
		r.rooms = batch->headroom + batch->tailroom + m->rtp_tail;
		fill(m, &r);
	}
	seal(m, &r);
	if (m->trace)
		media_trace_look(m);
	return (int)batch->count;
}
