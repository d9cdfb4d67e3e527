/* cc_view: the hand-over of a control's view: its numbers and the control's own state. The configuration stays behind. */
#include "sctp/tx/cc.h"

void cc_view_walk(struct cc_view *v, struct walk *w) {
	WALK(w, v->cwnd), WALK(w, v->ssthresh), WALK(w, v->pacing_rate), WALK(w, v->mtu), WALK(w, v->rto), WALK(w, v->srtt);
	WALK(w, v->min_rtt), WALK(w, v->in_recovery), WALK(w, v->mending);
	walk_bytes(w, v->state, sizeof v->state);
}
