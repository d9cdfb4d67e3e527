/* wipe: clears bytes that nobody reads again, in a way that the compiler cannot leave out. For secrets, before their memory is
 * freed or their stack frame ends. */
#ifndef BASE_WIPE_H
#define BASE_WIPE_H

#include <string.h>

static inline void wipe(void *p, size_t len) {
	explicit_bzero(p, len);
}

#endif
