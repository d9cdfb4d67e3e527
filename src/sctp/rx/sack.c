#include "sctp/rx/sack.h"

#define UNIT 16u          /* of `mean` */
#define HELD (8 * UNIT)   /* twice what a sender that is held to four packets a SACK can keep up */
#define LARGE (12 * UNIT) /* a mean at which one SACK a batch would save most of them */
#define LARGE_BATCHES 64  /* so many in a row are a bulk transfer */
#define FIRST_TRIAL (2 * SLUICE_S)
#define FIRST_PAUSE (10 * SLUICE_S)
#define LONGEST_PAUSE (320 * SLUICE_S)

void sack_reset(struct sack_policy *s, enum sluice_sack_policy rule, bool believed) {
	*s = (struct sack_policy){
		.rule = rule,
		.believed = believed,
		.apart = rule == SLUICE_SACK_EVERY_SECOND || (rule == SLUICE_SACK_ADAPTIVE && !believed),
		.pause = FIRST_PAUSE,
		.early = s->early,
	};
}

void sack_free(struct sack_policy *s, sluice_env *env) {
	env_free(env, s->early);
	s->early = NULL;
	s->early_count = s->early_sent = 0;
}

/* ---- which rule? ---- */

static void trial_fails(struct sack_policy *s, uint64_t now) {
	s->apart = true;
	s->large = 0;
	s->not_before = now + s->pause;
	s->pause = 2 * s->pause < LONGEST_PAUSE ? 2 * s->pause : LONGEST_PAUSE;
}

void sack_learn(struct sack_policy *s, uint32_t packets, uint64_t now) {
	if (s->rule != SLUICE_SACK_ADAPTIVE || s->believed)
		return;
	uint32_t n = packets < 1024 ? packets : 1024;
	s->mean = (uint16_t)((3u * s->mean + n * UNIT) / 4);
	if (s->not_before == 0)
		s->not_before = now + FIRST_TRIAL;
	if (!s->apart) {
		if (s->mean <= HELD)
			trial_fails(s, now);
		return;
	}
	s->large = s->mean < LARGE ? 0 : s->large < LARGE_BATCHES ? s->large + 1 : s->large;
	if (s->large == LARGE_BATCHES && now >= s->not_before)
		s->apart = false;
}

/* ---- what waits ---- */

struct early_sack *sack_early(struct sack_policy *s, sluice_env *env) {
	if (s->early_sent == s->early_count)
		s->early_sent = s->early_count = 0;
	if (s->early_count == SACK_EARLY_MAX)
		return NULL;
	if (!s->early)
		s->early = env_alloc(env, SACK_EARLY_MAX * sizeof *s->early);
	return s->early ? &s->early[s->early_count++] : NULL;
}

/* RFC 9260, 6.2: a SACK within 200 ms of the arrival of any unacknowledged DATA chunk, and a configurable delay up to 500 ms. The
 * peer waits for this one with its tail loss probe, its window and its T3, all of which count in round trips; so does the delay.
 * */
#define DELAY_MAX (20 * SLUICE_MS)
#define DELAY_MIN SLUICE_MS

uint64_t sack_delay(uint64_t configured, uint64_t srtt) {
	if (configured)
		return configured;
	if (srtt == 0 || srtt / 4 > DELAY_MAX)
		return DELAY_MAX;
	return srtt / 4 > DELAY_MIN ? srtt / 4 : DELAY_MIN;
}

void sack_walk(struct sack_policy *s, struct walk *w) {
	WALK(w, s->apart), WALK(w, s->believed);
	WALK(w, s->mean), WALK(w, s->large), WALK(w, s->pause), WALK(w, s->not_before), WALK(w, s->unacked);
}
