/* object: JSON objects as the tool reads and writes them, by jansson. */
#ifndef TOOLS_OBJECT_H
#define TOOLS_OBJECT_H

#include <jansson.h>

/* The object in these bytes; a key that stands twice is an error. NULL when there is none. */
json_t *object_parse(const char *text, size_t len);
/* The text of a key; "" when there is none. The object may be NULL. */
const char *object_text(const json_t *object, const char *key);
/* The text of its "type". */
const char *object_type(const json_t *object);
/* One line without its end, from malloc, to be freed by secret_free(). Drops the object, which may be NULL. NULL: no memory. */
char *object_dump(json_t *object);

#endif
