/* fill: DATA into packets: what is sent again before what is new, as much as the windows, the pace and the packet take. */
#ifndef SCTP_TX_FILL_H
#define SCTP_TX_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sender;
struct writer;

/* Fills what is left of the packet. whole: it may be as large as the batch's first. */
void fill_packet(struct sender *tx, struct writer *w, bool whole);
/* How large may the first packet of a batch be, within `room` bytes? */
size_t fill_limit(struct sender *tx, size_t room);
/* Does data wait that may leave now? */
bool fill_wants(const struct sender *tx);
/* Nothing could be written: the pacing timer is started, or the time counts as limited by the app. */
void fill_idle(struct sender *tx);
/* Bytes/s; 0: packets are not paced. */
uint64_t fill_pacing_rate(const struct sender *tx);

#endif
