/* lite.c: the pairs and the keepalives of an agent that only answers. */
#include "ice/lite.h"

#include "ice/emit.h"
#include "ice/nominate.h"
#include "ice/pair.h"

void lite_checked(struct ice *ice, struct pair *p, bool nominates, uint64_t now) {
	if (p->state != ICE_PAIR_SUCCEEDED)
		pair_state(p, ICE_PAIR_SUCCEEDED);
	if (nominates) {
		nominate_done(ice, p);
		p->nominated_at = now;
	}
}

/* RFC 8445, 11: "All endpoints MUST send keepalives for each data session". An agent that never checks sends Binding indications.
 * */
uint64_t lite_deadline(const struct ice *ice) {
	return ice->config.lite && ice->selected ? ice->last_traffic + ice->config.keepalive : SLUICE_NEVER;
}

int lite_output(struct ice *ice, sluice_batch *batch, uint64_t now) {
	struct stun_writer w;
	uint8_t id[STUN_ID_SIZE];
	env_nonce(ice->env, id, sizeof id);
	stun_begin(&w, emit_place(batch), ICE_MESSAGE_MAX, STUN_INDICATION, STUN_BINDING, id);
	ice->last_traffic = now;
	return emit_message(ice, batch, &ice->selected->path, stun_end(&w, NULL, 0, true));
}
