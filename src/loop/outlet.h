/* outlet: which socket or stream has this number?
 *
 * A path names its socket by a small number (sluice_path.socket), so that an engine never holds a pointer or a file
 * descriptor. The numbers are places in a table: finding one is O(1). A number that became free is given out again as late as
 * possible, so that a batch for a socket that was closed reaches no other one. Whoever looks up an outlet also asks whose it is.
 *
 *   slots[n].outlet is NULL or has number n
 *   free list == the slots without an outlet, each once */
#ifndef LOOP_OUTLET_H
#define LOOP_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/env.h"

#define OUTLET_NONE UINT32_MAX

enum outlet_kind {
	OUTLET_SOCKET,   /* UDP; sluice_socket */
	OUTLET_STREAM,   /* a TCP connection; struct stream */
	OUTLET_LISTENER, /* accepts TCP connections; struct listener */
	OUTLET_ACTIVE,   /* an address that TCP connections start from; struct listener without a file descriptor */
};

struct outlet {
	enum outlet_kind kind;
	uint32_t number;
};

struct outlet_slot {
	struct outlet *outlet;
	uint32_t next_free;
};

struct outlets {
	struct outlet_slot *slots;
	uint32_t capacity, count;
	uint32_t first_free, last_free; /* OUTLET_NONE: none */
};

void outlets_init(struct outlets *t);
void outlets_deinit(sluice_env *env, struct outlets *t);
/* Gives the outlet a number. False when there is no memory. */
bool outlets_add(sluice_env *env, struct outlets *t, struct outlet *o, enum outlet_kind kind);
void outlets_remove(struct outlets *t, struct outlet *o);
static inline struct outlet *outlets_find(const struct outlets *t, uint32_t number) {
	return number < t->capacity ? t->slots[number].outlet : NULL;
}
bool outlets_check(const struct outlets *t);

#endif
