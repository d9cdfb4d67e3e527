/* train: what a tun device hands over with IFF_VNET_HDR: a header of virtio_net, and an IP packet or a train of them.
 *
 * A train is what a sender's GSO made (UDP_SEGMENT): one IP and one UDP header, then many payloads of the same size. The last one
 * may be shorter. A part of a train is written to the other device as a train of its own, with headers made for it, and
 * its payloads stay where they are. Only IPv4 is carried. */
#ifndef BENCH_LINE_TRAIN_H
#define BENCH_LINE_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "line/way.h"

/* The largest that a device hands over. */
#define LINE_TRAIN_MAX (65535 + 64)
/* virtio_net's header, an IPv4 header with options, a UDP header. */
#define LINE_HEADS_MAX (12 + 60 + 8)

/* What was read from a device. Returns false when it is nothing that the line carries. */
bool line_train_read(struct line_train *t, const uint8_t *memory, size_t len);

/* What to write for a run of a train: two pieces, of which `heads` holds the first. */
void line_train_cut(const struct line_run *run, uint8_t heads[LINE_HEADS_MAX], struct iovec pieces[2]);

#endif
