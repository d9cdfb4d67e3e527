/* copy: how do the bytes of a message get into our memory?
 *
 * By memcpy, and from COPY_LONG to COPY_LONG_MOST bytes by a loop of our own. For such lengths glibc takes the string
 * instruction (`rep movsb`) on CPUs that say that it is fast. A loop of 32-byte vectors is faster when the bytes are in the
 * cache, where an app's message mostly is, and as fast when they come from memory, if it asks for them some lines ahead. Figures
 * stand in copy.c. */
#ifndef BASE_COPY_H
#define BASE_COPY_H

#include <stddef.h>
#include <string.h>

#define COPY_LONG 2048
#define COPY_LONG_MOST 32768

/* COPY_LONG bytes at least. The two do not overlap. */
void copy_long(void *to, const void *from, size_t len);

static inline void copy_bytes(void *to, const void *from, size_t len) {
	if (len < COPY_LONG || len > COPY_LONG_MOST)
		memcpy(to, from, len);
	else
		copy_long(to, from, len);
}

#endif
