/* phases: how long is each part of what an end does for a message: woken, reading, working, sending?
 *
 * This program's epoll_wait, recv, recvmsg, send and sendto come before the C library's, for libev as well. They read the clock
 * before and behind the system call. It counts what one thread does, and knows no sockets: the caller says whose turn it is. */
#ifndef BENCH_PHASES_H
#define BENCH_PHASES_H

#include <stddef.h>

enum phase {
	PHASE_WOKEN, /* from epoll_wait's return to the call that reads */
	PHASE_READ,  /* the call that brings a datagram */
	PHASE_WORK,  /* from there to the call that sends */
	PHASE_SEND,  /* that call; on loopback it takes the datagram to the other socket and wakes its reader */
	PHASES
};

#define PHASES_MAX 32768

struct phases {
	size_t count[PHASES]; /* that are kept: the first ones */
	double us[PHASES][PHASES_MAX];
};

/* Counts into p from now on; NULL: counts nothing, as at the beginning. */
void phases_into(struct phases *p);
/* The median; 0 when there was none. Sorts. */
double phases_median(struct phases *p, enum phase phase);

#endif
