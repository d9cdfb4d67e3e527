#include "pool/grow.h"

#include <string.h>

void *grow_array(sluice_env *env, void *array, size_t element, size_t count, size_t *capacity, size_t first) {
	size_t wanted = *capacity ? 2 * *capacity : first;
	if (count < *capacity)
		return array;
	void *bigger = env_alloc(env, wanted * element);
	if (!bigger)
		return NULL;
	if (count)
		memcpy(bigger, array, count * element);
	env_free_at_once(env, array);
	*capacity = wanted;
	return bigger;
}

bool grow_heap(sluice_env *env, struct heap *heap, size_t wanted, size_t first) {
	size_t capacity = heap->capacity ? heap->capacity : first;
	while (capacity < wanted)
		capacity *= 2;
	if (capacity == heap->capacity)
		return true;
	struct heap_slot *slots = env_alloc(env, capacity * sizeof *slots);
	if (!slots)
		return false;
	if (heap->count)
		memcpy(slots, heap->slots, heap->count * sizeof *slots);
	env_free_at_once(env, heap->slots);
	heap->slots = slots;
	heap->capacity = capacity;
	return true;
}
