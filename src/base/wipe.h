/* wipe: clears the bytes of a secret before its memory is freed or its stack frame ends, in a way that the compiler cannot leave
 * out. */
#ifndef BASE_WIPE_H
#define BASE_WIPE_H

#include <string.h>

static inline void wipe(void *p, size_t len) {
	explicit_bzero(p, len);
}

#endif
