/* container: the object that a node lives in, from the node's address. */
#ifndef BASE_CONTAINER_H
#define BASE_CONTAINER_H

#include <stddef.h>

/* The `type` whose field `member` stands at `node`. The node may be const; the object is then not meant to be written. */
#define CONTAINER_OF(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#endif
