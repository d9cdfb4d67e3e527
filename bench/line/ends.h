/* ends: two network namespaces, and a tun device in each, between which a line may carry.
 *
 * The namespaces have no names and no files: they go with the last process in them, so nothing needs to be taken away. Each end
 * has loopback, the device "line0" with the end's address, and the other end as its way to everywhere. */
#ifndef BENCH_LINE_ENDS_H
#define BENCH_LINE_ENDS_H

#include <stdbool.h>
#include <stdint.h>

enum { LINE_A, LINE_B };

struct line_ends {
	int namespaces[2]; /* file descriptors */
	int devices[2];    /* of tun, not blocking, with a header of virtio_net (train.h) */
};

extern const char *const line_addresses[2];

/* Makes both, and leaves this process in the namespace of B. `trains` takes whole trains of GSO where the kernel has that
 * (Linux 6.2): a call of the system for a train instead of one for each packet. Otherwise the kernel cuts them first.
 *
 * Returns NULL, or the sentence that says why not: it needs /dev/net/tun, and root or user namespaces. The process must have one
 * thread. */
const char *line_ends_open(struct line_ends *ends, bool trains);
void line_ends_close(struct line_ends *ends);

/* Puts this process into the namespace of an end. */
bool line_ends_enter(const struct line_ends *ends, int end);

/* Packets that came to the device of an end while nobody fetched those before them: the line did not see them. This process is in
 * the namespace of that end afterwards. */
uint64_t line_ends_missed(const struct line_ends *ends, int end);

#endif
