#include "rtp/bwe/delivered.h"

#define MS INT64_C(1000000)
#define FIRST (500 * MS)
#define WINDOW (150 * MS)
#define SILENCE (1000 * MS)
#define FIRST_DOUBT 50.0
#define DRIFT 5.0     /* how much the variance grows from sample to sample */
#define DISTRUST 10.0 /* how much less a sample counts that lies off the estimate */

static void begin(struct delivered *d, uint64_t at) {
	d->begun = d->last = at;
	d->bytes = 0;
	d->open = true;
}

static void sample(struct delivered *d, double kbps) {
	if (!d->known) {
		d->kbps = kbps;
		d->doubt = FIRST_DOUBT;
		d->known = true;
		return;
	}
	double off = kbps > d->kbps ? kbps - d->kbps : d->kbps - kbps;
	double spread = DISTRUST * off / (d->kbps > 1 ? d->kbps : 1);
	double noise = spread * spread, doubt = d->doubt + DRIFT;
	d->kbps = (noise * d->kbps + doubt * kbps) / (noise + doubt);
	d->doubt = noise * doubt / (noise + doubt);
}

void delivered_add(struct delivered *d, uint64_t arrived, uint32_t bytes) {
	int64_t step = (int64_t)(arrived - d->last), window = d->known ? WINDOW : FIRST;
	if (!d->open || step > SILENCE || step < -SILENCE) {
		begin(d, arrived);
		return;
	}
	d->bytes += bytes;
	if (step > 0)
		d->last = arrived;
	int64_t span = (int64_t)(d->last - d->begun);
	if (span < window)
		return;
	sample(d, (double)d->bytes * 8e6 / (double)span);
	begin(d, d->last);
}

void delivered_gap(struct delivered *d) {
	d->open = false;
}

void delivered_raise(struct delivered *d, uint64_t rate) {
	double kbps = (double)rate / 1000;
	if (d->known && d->kbps >= kbps)
		return;
	d->kbps = kbps;
	d->doubt = FIRST_DOUBT;
	d->known = true;
}
