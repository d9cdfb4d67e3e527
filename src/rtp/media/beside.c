#include "rtp/media/beside.h"

#include "rtp/media/media.h"

/* Without padding and repairs: what the app wants to send. */
static uint64_t sent_by(const struct out_layer *l) {
	sluice_outbound_rtp_stats s;
	return sluice_track_outbound_stats(l->track, l->index, &s) ? 0 : s.bytes_sent;
}

void beside_look(const sluice_media *m, struct beside_view *out) {
	*out = (struct beside_view){.target = 0};
	if (!m->session)
		return;
	out->target = bwe_target(m->bwe);
	out->most = bwe_most(m->bwe);
	out->congested = bwe_is_congested(m->bwe);
	for (unsigned i = 0; i < MEDIA_STREAMS; i++)
		if (m->out[i])
			out->sent += sent_by(m->out[i]);
}

void beside_room(sluice_media *m, uint64_t rate) {
	if (m->session)
		bwe_room(m->bwe, rate, m->clock);
}
