/* beside: what does somebody need to know who shares the path with the media of this session?
 *
 * A bulk transfer beside media asks it how media is doing, and says when it makes room. */
#ifndef RTP_MEDIA_BESIDE_H
#define RTP_MEDIA_BESIDE_H

#include "sluice/media.h"

struct beside_view {
	uint64_t target; /* bit/s that the estimator allows; 0: nothing was sent yet */
	uint64_t most;   /* bit/s that it may ever allow */
	uint64_t sent;   /* bytes of payload so far */
	bool congested;  /* a queue grows on the path, or its loss is put to the test */
};

void beside_look(const sluice_media *m, struct beside_view *out);
/* Somebody else made room: the path is believed to have `rate` bit/s for media. It is tried by a probe. */
void beside_room(sluice_media *m, uint64_t rate);

#endif
