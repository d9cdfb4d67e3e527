/* list: intrusive lists, whose links are fields of the elements.
 *
 * Three kinds, by what the owner needs. The names of the links are arguments, so that an element can be in several lists.
 *
 *   LIST    T *first;          T *next, **back    push in front, remove any
 *   CHAIN   T *first, **end;   T *next, **back    append behind, remove any
 *   QUEUE   T *first, **end;   T *next            append behind, take the first; removing another one is a walk
 *
 *   *e->back == e: `back` points at the pointer that points at the element, so that the first one needs no case of its own
 *   *end == NULL: `end` points at the pointer that the next element goes into; &first while there is none
 *
 * The macros name their arguments more than once: those must have no side effects. They allocate nothing and clear no links. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stddef.h>

#define LIST_PUSH(first, e, next, back)                                                                                          \
	do {                                                                                                                     \
		(e)->next = (first);                                                                                             \
		(e)->back = &(first);                                                                                            \
		if ((e)->next)                                                                                                   \
			(e)->next->back = &(e)->next;                                                                            \
		(first) = (e);                                                                                                   \
	} while (0)

#define LIST_REMOVE(e, next, back)                                                                                               \
	do {                                                                                                                     \
		*(e)->back = (e)->next;                                                                                          \
		if ((e)->next)                                                                                                   \
			(e)->next->back = (e)->back;                                                                             \
	} while (0)

#define CHAIN_APPEND(end, e, next, back)                                                                                         \
	do {                                                                                                                     \
		(e)->back = (end);                                                                                               \
		QUEUE_APPEND(end, e, next);                                                                                      \
	} while (0)

#define CHAIN_REMOVE(end, e, next, back)                                                                                         \
	do {                                                                                                                     \
		*(e)->back = (e)->next;                                                                                          \
		if ((e)->next)                                                                                                   \
			(e)->next->back = (e)->back;                                                                             \
		else                                                                                                             \
			(end) = (e)->back;                                                                                       \
	} while (0)

#define QUEUE_APPEND(end, e, next)                                                                                               \
	do {                                                                                                                     \
		(e)->next = NULL;                                                                                                \
		*(end) = (e);                                                                                                    \
		(end) = &(e)->next;                                                                                              \
	} while (0)

/* The first element leaves; there must be one. The caller has it in a variable. */
#define QUEUE_SHIFT(first, end, next)                                                                                            \
	do {                                                                                                                     \
		(first) = (first)->next;                                                                                         \
		if (!(first))                                                                                                    \
			(end) = &(first);                                                                                        \
	} while (0)

/* The element must be in the queue. */
#define QUEUE_REMOVE(first, end, e, next)                                                                                        \
	do {                                                                                                                     \
		__typeof__(end) queue_at_ = &(first);                                                                            \
		while (*queue_at_ != (e))                                                                                        \
			queue_at_ = &(*queue_at_)->next;                                                                         \
		*queue_at_ = (e)->next;                                                                                          \
		if ((end) == &(e)->next)                                                                                         \
			(end) = queue_at_;                                                                                       \
	} while (0)

#endif
