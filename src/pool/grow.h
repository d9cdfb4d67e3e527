/* grow: arrays and heaps that double when they are full. Rings and hash tables, which place their elements anew, do it by
 * themselves. */
#ifndef POOL_GROW_H
#define POOL_GROW_H

#include "base/heap.h"
#include "pool/env.h"

/* Makes room for one more element in `array`, of which `count` are in use and `capacity` fit. A full array doubles; the first one
 * has `first` elements. False when there is no memory: all stays as it was. `array` and `capacity` are variables of the caller. */
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

/* What stands behind GROW: the array, which may be the same; NULL when there is no memory. */
void *grow_array(sluice_env *env, void *array, size_t element, size_t count, size_t *capacity, size_t first);

/* Room for `wanted` nodes. False when there is no memory: all stays as it was. */
bool grow_heap(sluice_env *env, struct heap *heap, size_t wanted, size_t first);

#endif
