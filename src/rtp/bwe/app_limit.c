#include "rtp/bwe/app_limit.h"

#define USED 0.65
#define SPAN 0.5 /* s */
#define FULL 0.8
#define HALF 0.5

void app_limit_update(struct app_limit *a, uint64_t target, uint64_t now) {
	if (now == a->stamp && target == a->target)
		return;
	a->target = target;
	double rate = USED * (double)target / 8;
	a->most = SPAN * rate;
	a->level += rate * (double)(now - a->stamp) / 1e9;
	a->stamp = now;
	if (a->level > a->most)
		a->level = a->most;
	if (a->level < -a->most)
		a->level = -a->most;
	if (a->level >= FULL * a->most)
		a->limited = true;
	else if (a->level < HALF * a->most)
		a->limited = false;
}
