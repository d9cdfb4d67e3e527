/* track_stats: the counters of a layer, put together from those of its stages. */
#include "rtp/media/media.h"

static uint64_t ns_of(uint64_t ticks, uint32_t clock_rate) {
	return clock_rate ? ticks * SLUICE_S / clock_rate : 0;
}

static bool uses_fir(const sluice_track *t) {
	bool pli = false, fir = false;
	for (unsigned i = 0; i < t->codec_count; i++) {
		pli |= t->codecs[i].pli;
		fir |= t->codecs[i].fir;
	}
	return fir && !pli;
}

int sluice_track_inbound_stats(const sluice_track *t, unsigned layer, sluice_inbound_rtp_stats *stats) {
	if (t->is_sender || layer >= t->layer_count)
		return SLUICE_INVALID;
	const struct in_layer *l = &t->in[layer];
	struct rtp_in_stats in;
	*stats = l->stats;
	stats->ssrc = l->ssrc;
	if (l->player) {
		stats->frames_received = player_count(l->player, PLAYER_FRAMES);
		stats->key_frames_received = player_count(l->player, PLAYER_KEYFRAMES);
		stats->frames_dropped = player_count(l->player, PLAYER_DROPPED);
		stats->frames_assembled_from_multiple_packets = player_count(l->player, PLAYER_SEVERAL);
		if (l->player->newest)
			stats->jitter_buffer_target_delay = jitter_delay(l->player->newest->jitter);
	}
	if (l->stream < 0)
		return 0;
	rtp_session_in_stats(t->media->session, l->stream, &in);
	stats->packets_lost = (int64_t)in.expected - (int64_t)in.received - (int64_t)in.repaired;
	stats->jitter = ns_of(in.jitter, sluice_codec_clock_rate(t->codecs[t->codec == TRACK_NO_CODEC ? 0 : t->codec].codec));
	stats->nack_count = in.nacked;
	*(uses_fir(t) ? &stats->fir_count : &stats->pli_count) = in.keyframes_asked;
	stats->remote_reports = in.sender_reports;
	stats->remote_packets_sent = in.sender.packets;
	stats->remote_bytes_sent = in.sender.octets;
	stats->remote_timestamp = (in.sender.ntp >> 32) * SLUICE_S + ((in.sender.ntp & UINT32_MAX) * SLUICE_S >> 32);
	return 0;
}

int sluice_track_outbound_stats(const sluice_track *t, unsigned layer, sluice_outbound_rtp_stats *stats) {
	if (!t->is_sender || layer >= t->layer_count)
		return SLUICE_INVALID;
	const struct out_layer *l = &t->out[layer];
	struct rtp_out_stats out;
	*stats = l->stats;
	stats->ssrc = l->ssrc;
	if (l->stream < 0)
		return 0;
	rtp_session_out_stats(t->media->session, l->stream, &out);
	stats->bytes_sent = out.octets;
	stats->retransmitted_packets_sent = out.resent;
	stats->retransmitted_bytes_sent = out.resent_bytes;
	stats->nack_count = out.nacked;
	stats->pli_count = out.keyframes_asked;
	if (out.block.ssrc != l->ssrc)
		return 0;
	stats->packets_lost = out.block.lost;
	stats->fraction_lost = out.block.fraction_lost / 256.0;
	stats->remote_jitter = ns_of(out.block.jitter, sluice_codec_clock_rate(t->codecs[0].codec));
	stats->round_trip_time = out.round_trip;
	stats->round_trip_time_measurements = out.round_trips;
	stats->total_round_trip_time = out.round_trip_sum;
	return 0;
}
