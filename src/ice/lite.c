/* lite: what does an agent do that only answers? RFC 8445, 2.5 and 8.2.
 *
 * A pair is valid when an authenticated check came over it: the full agent on the other side sends data there only after our
 * answer reached it. Data goes to the pair that was nominated last, before that to the best one that was checked. */
#include <string.h>

#include "ice/agent.h"

struct pair *lite_checked(struct ice *ice, struct session *s, const sluice_path *path, const struct stun_message *m,
                          uint64_t now) {
	struct pair *p = check_arrived(ice, s, path, m->priority, false);
	if (!p)
		return NULL;
	p->last_request = now;
	p->requests_received++;
	if (p->state != ICE_PAIR_SUCCEEDED)
		pair_state(p, ICE_PAIR_SUCCEEDED);
	if (m->use_candidate) {
		nominate_done(ice, p);
		p->nominated_at = now;
	}
	return p;
}

/* RFC 8445, 11: "All endpoints MUST send keepalives for each data session", those that never check by Binding indications. */
uint64_t lite_deadline(const struct ice *ice) {
	return ice->config.lite && ice->selected ? ice->last_traffic + ice->config.keepalive : SLUICE_NEVER;
}

int lite_output(struct ice *ice, sluice_batch *batch, uint64_t now) {
	struct stun_writer w;
	uint8_t id[STUN_ID_SIZE];
	env_entropy(ice->env, id, sizeof id);
	stun_begin(&w, batch_place(batch), ICE_MESSAGE_MAX, STUN_INDICATION, STUN_BINDING, id);
	ice->last_traffic = now;
	return batch_fill(ice, batch, &ice->selected->path, stun_end(&w, NULL, 0, true));
}
