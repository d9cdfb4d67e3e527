/* asker: who waits for the addresses of a name, and how is the answer handed back? For resolve.c and mdns.c, which know no
 * peers. */
#ifndef LOOP_ASKER_H
#define LOOP_ASKER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct asker {
	void *who;
	/* count 0: the name has no address. Callbacks of the app may run. */
	void (*answer)(void *who, uint32_t id, const struct sockaddr_storage *addrs, size_t count);
};

static inline void asker_answer(const struct asker *a, uint32_t id, const struct sockaddr_storage *addrs, size_t count) {
	a->answer(a->who, id, addrs, count);
}

#endif
