#include "rtp/media/unit.h"

#include <string.h>

#include "base/arith.h"
#include "base/list.h"
#include "rtp/media/header.h"
#include "rtp/media/media.h"

static void unit_release(void *ctx) {
	struct unit *u = ctx;
	for (unsigned i = 0; i < u->count; i++)
		if (u->packets[i].slab)
			slab_unref(u->packets[i].slab);
	if (u->release)
		u->release(u->release_ctx);
	env_free(u->env, u);
}

struct unit *unit_new(sluice_env *env, struct out_layer *l, size_t room) {
	struct unit *u = env_alloc(env, sizeof *u + room);
	if (!u)
		return NULL;
	*u = (struct unit){.source = {.refs = 1, .release = unit_release, .ctx = u}, .env = env, .layer = l};
	return u;
}

/* ---- cutting ---- */

/* Finds the piece that leaves next. Returns 1, 0 behind the last one, or split's error. */
static int next_piece(struct unit *u) {
	if (u->has_piece || !u->format)
		return u->has_piece;
	int result = u->format->split(&u->split, &u->piece);
	u->has_piece = result > 0;
	return result;
}

/* What the pacer has to know: how many packets, and how large. Cutting costs little, so it is done once more when they leave. */
static int measure(const struct unit *u, size_t around, struct pacer_run *run) {
	struct payload_split split = u->split;
	struct payload_piece piece;
	int result;
	while ((result = u->format->split(&split, &piece)) > 0) {
		run->last = (uint32_t)(around + piece.header_len + piece.len);
		run->size = run->last > run->size ? run->last : run->size;
		run->count++;
	}
	return result < 0 ? SLUICE_MALFORMED : 0;
}

/* Their sizes differ, and their sum counts: each has the mean of them, and the last one what is left. */
static int measure_packets(const struct unit *u, struct pacer_run *run) {
	run->count = u->count;
	run->size = (u->bytes + run->count - 1) / run->count;
	uint32_t others = (run->count - 1) * run->size;
	run->last = u->bytes > others ? u->bytes - others : 1;
	return 0;
}

static int measure_run(const struct unit *u, struct pacer_run *run) {
	struct sluice_media *m = u->layer->track->media;
	size_t around = header_size(u->layer, NULL) + m->rtp_tail;
	if (u->packets)
		return measure_packets(u, run);
	if (u->format)
		return measure(u, around, run);
	run->count = 1;
	run->size = run->last = (uint32_t)(around + u->piece.header_len + u->piece.len);
	return 0;
}

/* A frame's packets get their numbers when they leave. A forwarded packet has its own, and holes may lie before it. */
static void reserve(const struct unit *u, uint32_t packets) {
	struct out_layer *l = u->layer;
	if (u->packets)
		l->reserved = max64(l->reserved, u->reserves);
	else
		l->reserved = max64(l->reserved, rtp_session_next_number(l->track->media->session, l->stream)) + packets;
}

int unit_push(struct unit *u, uint64_t now) {
	struct out_layer *l = u->layer;
	struct sluice_media *m = l->track->media;
	struct pacer_run run = {.handle = (uintptr_t)u};
	int error = measure_run(u, &run);
	if (!error)
		error = pacer_push(&m->pacer, l->track->kind == SLUICE_AUDIO ? PACER_AUDIO : PACER_VIDEO, &run, now);
	if (error) {
		u->release = NULL;
		rtp_source_unref(&u->source);
		return error;
	}
	u->bytes = (run.count - 1) * run.size + run.last;
	u->queued_at = now;
	l->queued += u->bytes;
	reserve(u, run.count);
	LIST_PUSH(l->units, u, next, back);
	return 0;
}

/* ---- leaving ---- */

size_t unit_next_size(struct unit *u) {
	if (!u->layer || (u->packets ? u->at == u->count : next_piece(u) <= 0))
		return 0;
	if (!u->has_begun) {
		u->has_begun = true;
		header_begin(u->layer);
	}
	if (!u->packets)
		return header_size(u->layer, NULL) + u->piece.header_len + u->piece.len;
	const struct unit_packet *p = &u->packets[u->at];
	return header_size(u->layer, &p->elements) + p->prefix_len + p->len;
}

void unit_skip(struct unit *u) {
	u->at += u->at < u->count;
}

static void note_left(struct unit *u, size_t len, uint64_t now) {
	struct out_layer *l = u->layer;
	uint32_t bytes = (uint32_t)(len + l->track->media->rtp_tail);
	bytes = bytes < u->bytes ? bytes : u->bytes;
	u->bytes -= bytes;
	l->queued -= bytes;
	l->stats.total_packet_send_delay += now > u->queued_at ? now - u->queued_at : 0;
}

static int send_packet(struct unit *u, const struct rtp_sending *sending, uint8_t *space, size_t size, uint64_t now) {
	struct out_layer *l = u->layer;
	int len = rtp_session_send(l->track->media->session, l->stream, sending, space, size, now);
	if (len > 0)
		note_left(u, (size_t)len, now);
	return len;
}

static int write_packet(struct unit *u, uint32_t probe, uint8_t *space, size_t size, uint64_t now) {
	const struct unit_packet *p = &u->packets[u->at];
	const struct rtp_sending sending = {
		.source = &u->source,
		.slab = p->slab,
		.offset = p->offset,
		.len = p->len,
		.prefix = p->prefix,
		.prefix_len = p->prefix_len,
		.timestamp = p->timestamp,
		.captured = p->captured,
		.payload_type = u->payload_type,
		.marker = p->marker,
		.number = p->number,
		.probe = probe,
	};
	header_write(u->layer, &p->elements);
	int len = send_packet(u, &sending, space, size, now);
	u->at += len > 0;
	return len;
}

static int write_piece(struct unit *u, uint32_t probe, uint8_t *space, size_t size, uint64_t now) {
	const struct rtp_sending sending = {
		.source = &u->source,
		.offset = u->piece.offset,
		.len = u->piece.len,
		.prefix = u->piece.header,
		.prefix_len = u->piece.header_len,
		.timestamp = u->timestamp,
		.captured = u->captured,
		.payload_type = u->payload_type,
		.marker = u->piece.last,
		.probe = probe,
	};
	header_write(u->layer, NULL);
	int len = send_packet(u, &sending, space, size, now);
	u->has_piece &= len < 0;
	return len;
}

int unit_write(struct unit *u, uint32_t probe, uint8_t *space, size_t size, uint64_t now) {
	return u->packets ? write_packet(u, probe, space, size, now) : write_piece(u, probe, space, size, now);
}

void unit_finish(struct unit *u) {
	if (u->layer) {
		u->layer->queued -= u->bytes;
		LIST_REMOVE(u, next, back);
	}
	rtp_source_unref(&u->source);
}

void unit_drop(uint64_t handle) {
	if (handle)
		unit_finish((struct unit *)(uintptr_t)handle);
}

void unit_forget_all(struct out_layer *l) {
	for (struct unit *u = l->units; u; u = u->next)
		u->layer = NULL;
	l->units = NULL;
	l->queued = l->reserved = 0;
}
