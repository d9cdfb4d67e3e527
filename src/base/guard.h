/* guard: may this object be destroyed now, or does one of its own functions still run?
 *
 * A function of an object calls the app back, and the callback frees the object. The object then has to live until that function
 * has returned. So each function that may call back does so between guard_enter() and guard_leave(), and the function that frees
 * the object asks guard_kill(). Exactly one of these calls returns true for an object, and its caller destroys the object:
 *
 *   guard_kill()   nobody is inside
 *   guard_leave()  the object was killed in the meantime, and this was the last function inside
 *
 * Between a callback and the next use of the object a function looks at `dead`.
 *
 *   depth == number of enters without their leave
 *   a dead object exists while depth > 0, and only functions that are inside already enter it again */
#ifndef BASE_GUARD_H
#define BASE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

struct guard {
	uint32_t depth;
	bool dead;
};

static inline bool guard_is_busy(const struct guard *g) {
	return g->depth > 0;
}

static inline void guard_enter(struct guard *g) {
	g->depth++;
}

/* Returns true when the caller has to destroy the object now. */
static inline bool guard_leave(struct guard *g) {
	g->depth--;
	return g->dead && g->depth == 0;
}

/* Marks the object as dead. Returns true when the caller has to destroy it now; false when a later guard_leave() will say so, or
 * when the object was dead already. */
static inline bool guard_kill(struct guard *g) {
	bool first = !g->dead;
	g->dead = true;
	return first && g->depth == 0;
}

#endif
