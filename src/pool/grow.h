/* grow: arrays and heaps that double when they are full. Rings and hash tables do it themselves, because their elements change
 * places. */
#ifndef POOL_GROW_H
#define POOL_GROW_H

#include "base/heap.h"
#include "pool/env.h"

/* Makes room for one more element in `array`, of which `count` are in use and `capacity` fit. A full array doubles; the first one
 * has `first` elements. False when there is no memory: all stays as it was. `array` and `capacity` are variables of the
 * caller. */
#define GROW(env, array, count, capacity, first)                                                                                 \
	__extension__({                                                                                                          \
		size_t grow_capacity_ = (capacity);                                                                              \
		void *grow_array_ = grow_array(env, array, sizeof *(array), count, &grow_capacity_, first);                      \
		if (grow_array_) {                                                                                               \
			(array) = grow_array_;                                                                                   \
			(capacity) = (__typeof__(capacity))grow_capacity_;                                                       \
		}                                                                                                                \
		grow_array_ != NULL;                                                                                             \
	})

/* The function behind GROW. Returns the array, which may have moved; NULL when there is no memory. */
void *grow_array(sluice_env *env, void *array, size_t element, size_t count, size_t *capacity, size_t first);

/* Makes room for `wanted` nodes. Returns false, and changes nothing, when there is no memory. */
bool grow_heap(sluice_env *env, struct heap *heap, size_t wanted, size_t first);

#endif
