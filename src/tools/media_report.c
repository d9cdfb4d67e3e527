/* media_report: see its header. */
#include "tools/media_report.h"

#include "tools/tools.h"

static double kbps(uint64_t bytes, double seconds) {
	return seconds > 0 ? (double)bytes * 8 / seconds / 1e3 : 0;
}

static double ms(uint64_t ns) {
	return (double)ns / 1e6;
}

static long long all_lost(const struct media_flow *f) {
	return (long long)f->in.packets_lost;
}

static bool came(const struct media_flow *f) {
	return f->in.packets_received > 0;
}

static bool went(const struct media_flow *f) {
	return f->out.packets_sent > 0;
}

/* Frames that are not put together are counted by the packets that begin them. */
static uint64_t frames_out(const struct media_flow *f) {
	return f->echoes ? f->echoed : f->out.frames_sent;
}

/* ---- each second ---- */

static void print_in(const struct media_flow *f, double at, double seconds, uint64_t rtt) {
	const sluice_inbound_rtp_stats *n = &f->in, *b = &f->in_before;
	print_line("%6.1f s  %s %s in   %8.1f kb/s %4llu frames  loss %lld  NACK %llu  jitter %.1f ms  RTT %.1f ms", at, f->name,
	           sluice_codec_name(f->in_codec), kbps(n->bytes_received - b->bytes_received, seconds),
	           (unsigned long long)(n->frames_received - b->frames_received), (long long)(n->packets_lost - b->packets_lost),
	           (unsigned long long)(n->nack_count - b->nack_count), ms(n->jitter), ms(rtt));
}

static void print_out(const struct media_flow *f, double at, double seconds) {
	const sluice_outbound_rtp_stats *n = &f->out, *b = &f->out_before;
	print_line("%6.1f s  %s %s out  %8.1f kb/s %4llu frames  loss %lld  NACK %llu  jitter %.1f ms  RTT %.1f ms", at, f->name,
	           sluice_codec_name(f->out_codec), kbps(n->bytes_sent - b->bytes_sent, seconds),
	           (unsigned long long)(n->frames_sent - b->frames_sent), (long long)(n->packets_lost - b->packets_lost),
	           (unsigned long long)(n->nack_count - b->nack_count), ms(n->remote_jitter), ms(n->round_trip_time));
}

void media_report_second(const struct media_flow *flows, double at, double seconds, uint64_t rtt) {
	for (const struct media_flow *f = flows; f; f = f->next) {
		if (came(f))
			print_in(f, at, seconds, rtt);
		if (went(f))
			print_out(f, at, seconds);
	}
	fflush(stdout);
}

/* ---- the end ---- */

static void print_received(const struct media_flow *f) {
	const sluice_inbound_rtp_stats *s = &f->in;
	print_line("%s received: %llu packets, %llu bytes, %llu frames; %lld lost, %llu repaired, %llu NACKs, %llu PLIs", f->name,
	           (unsigned long long)s->packets_received, (unsigned long long)s->bytes_received,
	           (unsigned long long)s->frames_received, all_lost(f), (unsigned long long)s->retransmitted_packets_received,
	           (unsigned long long)s->nack_count, (unsigned long long)(s->pli_count + s->fir_count));
	for (unsigned k = 0; k < SLUICE_LAYERS_MAX; k++)
		if (f->recorders[k].left_out)
			print_line("%s: %llu frames are in no file: no keyframe came before them, or their time did not go on",
			           f->recorders[k].name, (unsigned long long)f->recorders[k].left_out);
}

static void print_sent(const struct media_flow *f) {
	const sluice_outbound_rtp_stats *s = &f->out;
	print_line("%s sent: %llu packets, %llu bytes, %llu frames; %lld lost, %llu sent again, %llu NACKs, %llu PLIs", f->name,
	           (unsigned long long)s->packets_sent, (unsigned long long)s->bytes_sent, (unsigned long long)frames_out(f),
	           (long long)s->packets_lost, (unsigned long long)s->retransmitted_packets_sent,
	           (unsigned long long)s->nack_count, (unsigned long long)(s->pli_count + s->fir_count));
}

static void print_file(const struct play_file *f) {
	if (f->frames == 0)
		return;
	print_line("%s: %llu frames, %llu keyframes, %llu bytes were sent%s", f->path, (unsigned long long)f->frames,
	           (unsigned long long)f->keyframes, (unsigned long long)f->bytes, f->over ? "" : ", up to here");
	if (f->seeks)
		print_line("%s: went back to a keyframe %llu times, as the other side asked", f->path,
		           (unsigned long long)f->seeks);
}

void media_report_summary(const struct media_flow *flows, const struct play *play) {
	for (const struct media_flow *f = flows; f; f = f->next) {
		if (came(f))
			print_received(f);
		if (went(f))
			print_sent(f);
	}
	for (unsigned i = 0; i < play->count; i++)
		print_file(&play->files[i]);
	if (play->stalled)
		print_line("the path took the files %.2f s late", (double)play->stalled / 1e9);
	fflush(stdout);
}
