#include "rtp/bwe/trendline.h"

#define SMOOTHING 0.9
#define GAIN 4.0
#define DELTAS_MOST 60
#define THRESHOLD_FIRST 12.5
#define THRESHOLD_LEAST 6.0
#define THRESHOLD_MOST 600.0
#define THRESHOLD_UP 0.0087 /* per ms; with the next one K_u and K_d of draft-ietf-rmcat-gcc-02, 5.4, at libwebrtc's values */
#define THRESHOLD_DOWN 0.039
#define OUTLIER 15.0     /* ms: a slope so far above the threshold is a jump of the path's delay and teaches nothing */
#define ADAPT_MOST 100.0 /* ms that one group may count for */
#define OVER_LEAST 10.0  /* ms of growth before it is believed */

void trendline_init(struct trendline *t) {
	*t = (struct trendline){.threshold = THRESHOLD_FIRST};
}

static double ms(int64_t ns) {
	return (double)ns / 1e6;
}

static void add_point(struct trendline *t, double at, double delay) {
	t->points[t->next].at = at;
	t->points[t->next].delay = delay;
	t->next = (t->next + 1) % TRENDLINE_GROUPS;
	if (t->count < TRENDLINE_GROUPS)
		t->count++;
}

/* Least squares. The slope before stays when all points arrived at once. */
static double slope(const struct trendline *t) {
	double at = 0, delay = 0, above = 0, below = 0;
	for (unsigned i = 0; i < t->count; i++) {
		at += t->points[i].at;
		delay += t->points[i].delay;
	}
	at /= t->count;
	delay /= t->count;
	for (unsigned i = 0; i < t->count; i++) {
		double x = t->points[i].at - at;
		above += x * (t->points[i].delay - delay);
		below += x * x;
	}
	return below > 0 ? above / below : t->slope;
}

static double clamp(double x, double least, double most) {
	return x < least ? least : x > most ? most : x;
}

static void adapt(struct trendline *t, double height, double dt) {
	double size = height < 0 ? -height : height;
	if (size > t->threshold + OUTLIER)
		return;
	double rate = size < t->threshold ? THRESHOLD_DOWN : THRESHOLD_UP;
	t->threshold += rate * (size - t->threshold) * clamp(dt, 0, ADAPT_MOST);
	t->threshold = clamp(t->threshold, THRESHOLD_LEAST, THRESHOLD_MOST);
}

/* Growth is believed once it lasted for 10 ms and two groups, and as long as it does not already slow down. */
static void above(struct trendline *t, double before, double dt) {
	t->over += t->overs ? dt : dt / 2;
	t->overs++;
	if (t->over <= OVER_LEAST || t->overs < 2 || t->slope < before)
		return;
	t->over = 0;
	t->overs = 0;
	t->usage = USAGE_OVER;
}

static void judge(struct trendline *t, double height, double before, double dt) {
	if (height > t->threshold) {
		above(t, before, dt);
		return;
	}
	t->over = 0;
	t->overs = 0;
	t->usage = height < -t->threshold ? USAGE_UNDER : USAGE_NORMAL;
}

void trendline_add(struct trendline *t, const struct group_delta *d) {
	if (t->deltas == 0)
		t->begun = d->at;
	if (t->deltas < DELTAS_MOST)
		t->deltas++;
	t->accumulated += ms(d->arrived - d->sent);
	t->smoothed = SMOOTHING * t->smoothed + (1 - SMOOTHING) * t->accumulated;
	add_point(t, ms((int64_t)(d->at - t->begun)), t->smoothed);
	double before = t->slope;
	if (t->count == TRENDLINE_GROUPS)
		t->slope = slope(t);
	double height = t->slope * t->deltas * GAIN;
	judge(t, height, before, ms(d->sent));
	adapt(t, height, ms(d->arrived));
}

bool trendline_check(const struct trendline *t) {
	return t->count <= TRENDLINE_GROUPS && t->next < TRENDLINE_GROUPS && t->threshold >= THRESHOLD_LEAST &&
	       t->threshold <= THRESHOLD_MOST;
}
