/* sync: when two tracks of one source say the same time, was it the same moment?
 *
 * By arrival it was not: the paths of audio and video take different times. Sender reports say which timestamp belongs to which
 * NTP time, and the CNAME says whose clock that is: RFC 3550, 6.5.1 has it "to associate multiple media streams from a given
 * participant". So all layers with one CNAME share a line: NTP time plus one constant. A layer joins it with its first SR. The
 * constant is the largest that any of them had by arrival, so whoever joins steps forward, or makes the others do so.
 *
 * What an SR says is believed within bounds: a layer whose clock is more than SYNC_MOST away from the others' has a line of its
 * own, and so has one whose NTP time jumped. An SR without NTP time (RFC 3550, 6.4.1) is passed. Only timestamps follow; when a
 * frame is due is the jitter buffer's affair. */
#include <string.h>

#include "base/serial.h"
#include "rtp/media/media.h"

#define SYNC_MOST ((int64_t)(10 * SLUICE_S))
#define SYNC_SHIFT ((int64_t)1 << 60) /* 36 years; reports that drift for ever go no further */
#define SYNC_TICKS ((int64_t)1 << 40) /* from the feed's first timestamp, at most: months of any clock */

static int64_t ns_of_ticks(int64_t ticks, uint32_t clock_rate) {
	return (int64_t)((__int128)ticks * (int64_t)SLUICE_S / clock_rate);
}

static int64_t ns_of_ntp(uint64_t ntp) {
	return (int64_t)((ntp >> 32) * SLUICE_S + ((ntp & UINT32_MAX) * SLUICE_S >> 32));
}

static bool are_near(int64_t a, int64_t b) {
	__int128 apart = (__int128)a - b;
	return apart <= SYNC_MOST && apart >= -SYNC_MOST;
}

static bool have_one_source(const struct in_layer *a, const struct in_layer *b) {
	const struct rtp_session *s = a->track->media->session;
	const char *of_a, *of_b;
	size_t n = rtp_session_in_cname(s, a->stream, &of_a);
	return n > 0 && n == rtp_session_in_cname(s, b->stream, &of_b) && memcmp(of_a, of_b, n) == 0;
}

/* NTP time of the feed's first packet. */
static int64_t begin_of(const struct in_layer *l, const struct feed *f) {
	int64_t ticks = (int64_t)(SERIAL_ORIGIN + f->first_timestamp) - (int64_t)l->sr_timestamp;
	return l->ntp + ns_of_ticks(ticks, sluice_codec_clock_rate(f->codec));
}

static void set_shift(const struct in_layer *l) {
	struct feed *f = l->player->newest;
	__int128 shift = (__int128)begin_of(l, f) + l->line - (int64_t)f->first_arrival;
	shift = shift > SYNC_SHIFT ? SYNC_SHIFT : shift < -SYNC_SHIFT ? -SYNC_SHIFT : shift;
	atomic_store_explicit(&f->shift, (int64_t)shift, memory_order_relaxed);
}

/* Is it on a line that the other one can share? */
static bool is_on_line_of(const struct in_layer *other, const struct in_layer *l) {
	return other && other != l && other->is_on_line && other->player && other->player->newest &&
	       are_near(other->line, l->line) && have_one_source(other, l);
}

/* The layer's own line is as its frames have been until now. */
static void join(struct in_layer *l) {
	struct sluice_media *m = l->track->media;
	const struct feed *f = l->player->newest;
	l->line = (int64_t)f->first_arrival + atomic_load_explicit(&f->shift, memory_order_relaxed) - begin_of(l, f);
	l->is_on_line = true;
	int64_t own = l->line;
	for (unsigned i = 0; i < MEDIA_STREAMS; i++)
		if (is_on_line_of(m->in[i], l) && m->in[i]->line > l->line)
			l->line = m->in[i]->line;
	for (unsigned i = 0; i < MEDIA_STREAMS && l->line == own; i++) {
		if (!is_on_line_of(m->in[i], l))
			continue;
		m->in[i]->line = own;
		set_shift(m->in[i]);
	}
}

static void take_report(struct in_layer *l, const struct rtcp_sender_info *sr) {
	const struct feed *f = l->player->newest;
	uint64_t first = SERIAL_ORIGIN + f->first_timestamp;
	uint64_t timestamp = serial_unwrap(sr->timestamp, l->sr_count ? l->sr_timestamp : first);
	int64_t ntp = ns_of_ntp(sr->ntp), apart = (int64_t)(timestamp - first);
	int64_t passed = ns_of_ticks((int64_t)timestamp - (int64_t)l->sr_timestamp, sluice_codec_clock_rate(f->codec));
	bool goes_on = l->sr_count && are_near(ntp - l->ntp, passed) && apart < SYNC_TICKS && apart > -SYNC_TICKS;
	l->is_on_line = l->is_on_line && goes_on;
	l->ntp = ntp;
	l->sr_timestamp = goes_on ? timestamp : serial_unwrap(sr->timestamp, first);
}

void sync_follow(struct in_layer *l) {
	struct rtp_in_stats stats;
	const char *cname;
	if (!l->player || !l->player->newest)
		return;
	rtp_session_in_stats(l->track->media->session, l->stream, &stats);
	if (stats.sender_reports == l->sr_count || stats.sender.ntp == 0 ||
	    rtp_session_in_cname(l->track->media->session, l->stream, &cname) == 0)
		return;
	take_report(l, &stats.sender);
	l->sr_count = stats.sender_reports;
	if (!l->is_on_line)
		join(l);
	set_shift(l);
}
