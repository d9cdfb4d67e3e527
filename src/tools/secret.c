/* secret: see its header. */
#include "tools/secret.h"

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>

#include "base/wipe.h"

void secret_free(void *p) {
	if (p)
		wipe(p, malloc_usable_size(p));
	free(p);
}

void secret_watch_json(void) {
	json_set_alloc_funcs(malloc, secret_free);
}
