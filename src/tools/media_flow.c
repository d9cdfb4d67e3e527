/* media_flow: see its header. */
#include "tools/media_flow.h"

#include <stdlib.h>

#include "sluice.h"

static void learn_name(struct media_flow *f) {
	const char *mid = f->sender || f->receiver ? sluice_transceiver_mid(f->transceiver) : NULL;
	if (mid && !*f->name)
		recorder_track_name(f->kind, mid, f->name);
}

/* ---- receiving ---- */

static void on_frame(sluice_track *t, const sluice_frame *frame, void *user) {
	(void)t;
	struct media_flow *f = user;
	struct recorder *r = &f->recorders[frame->layer];
	learn_name(f);
	if (!r->folder)
		recorder_init(r, f->folder, f->name, frame->layer);
	if (!recorder_put(r, frame))
		f->on_failed(f->ctx);
}

/* Of a simulcast the first encoding goes back. A packet that the path does not take now is lost, as on any path. */
static void on_rtp(sluice_track *t, const sluice_rtp *packet, void *user) {
	(void)t;
	struct media_flow *f = user;
	if (packet->layer == 0 && f->sender && sluice_track_send_rtp(f->sender, packet) == 0)
		f->echoed += packet->begins;
}

static void on_receiver_ended(sluice_track *t, void *user) {
	(void)t;
	struct media_flow *f = user;
	media_flow_look(f);
	f->receiver = NULL;
}

/* ---- sending ---- */

static void on_keyframe_request(sluice_track *t, unsigned layer, void *user) {
	(void)t;
	(void)layer;
	struct media_flow *f = user;
	if (f->file)
		play_keyframe_request(f->file);
	else if (f->echoes && f->receiver)
		sluice_track_request_keyframe(f->receiver, 0);
}

static void on_sender_ended(sluice_track *t, void *user) {
	(void)t;
	struct media_flow *f = user;
	media_flow_look(f);
	f->sender = NULL;
	if (f->file)
		play_track_ended(f->file);
}

/* ---- the flow ---- */

struct media_flow *media_flow_add(struct media_flow **list, sluice_transceiver *t) {
	while (*list)
		list = &(*list)->next;
	struct media_flow *f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->transceiver = t;
	f->kind = sluice_transceiver_kind(t);
	f->sender = sluice_transceiver_sender(t);
	f->receiver = sluice_transceiver_receiver(t);
	*list = f;
	return f;
}

struct media_flow *media_flow_find(struct media_flow *list, const sluice_transceiver *t) {
	while (list && list->transceiver != t)
		list = list->next;
	return list;
}

void media_flow_listen(struct media_flow *f) {
	const sluice_track_callbacks receiving = {
		.on_frame = f->records ? on_frame : NULL, .on_rtp = f->echoes ? on_rtp : NULL, .on_ended = on_receiver_ended};
	const sluice_track_callbacks sending = {.on_keyframe_request = on_keyframe_request, .on_ended = on_sender_ended};
	if (f->receiver)
		sluice_track_set_callbacks(f->receiver, &receiving, f);
	if (f->sender)
		sluice_track_set_callbacks(f->sender, &sending, f);
}

enum sluice_direction media_flow_direction(const struct media_flow *f) {
	bool takes = f->records || f->echoes, gives = f->echoes || f->file;
	return takes && gives ? SLUICE_SENDRECV : takes ? SLUICE_RECVONLY : gives ? SLUICE_SENDONLY : SLUICE_INACTIVE;
}

static void add(sluice_inbound_rtp_stats *sum, const sluice_inbound_rtp_stats *s) {
	sum->packets_received += s->packets_received;
	sum->bytes_received += s->bytes_received;
	sum->packets_lost += s->packets_lost;
	sum->retransmitted_packets_received += s->retransmitted_packets_received;
	sum->nack_count += s->nack_count;
	sum->pli_count += s->pli_count;
	sum->fir_count += s->fir_count;
	sum->frames_received += s->frames_received;
	sum->jitter = s->jitter > sum->jitter ? s->jitter : sum->jitter;
}

static void look_at_layers(struct media_flow *f) {
	sluice_inbound_rtp_stats s;
	f->in = (sluice_inbound_rtp_stats){0};
	for (unsigned k = 0; sluice_track_inbound_stats(f->receiver, k, &s) == 0; k++)
		add(&f->in, &s);
}

void media_flow_look(struct media_flow *f) {
	learn_name(f);
	f->in_before = f->in;
	f->out_before = f->out;
	const sluice_codec_config *in = f->receiver ? sluice_track_codec(f->receiver) : NULL;
	const sluice_codec_config *out = f->sender ? sluice_track_codec(f->sender) : NULL;
	if (f->receiver)
		look_at_layers(f);
	if (f->sender)
		sluice_track_outbound_stats(f->sender, 0, &f->out);
	if (in)
		f->in_codec = in->codec;
	if (out)
		f->out_codec = out->codec;
}

bool media_flow_free_all(struct media_flow **list) {
	bool complete = true;
	while (*list) {
		struct media_flow *f = *list;
		*list = f->next;
		for (unsigned k = 0; k < SLUICE_LAYERS_MAX; k++)
			complete &= recorder_close(&f->recorders[k]) && !f->recorders[k].failed;
		free(f);
	}
	return complete;
}
