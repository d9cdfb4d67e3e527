/* refusal: see its header. */
#include "tools/refusal.h"

#include <stdarg.h>
#include <stdio.h>

bool refusal_set(struct refusal *why, unsigned status, const char *format, ...) {
	va_list args;
	va_start(args, format);
	vsnprintf(why->text, sizeof why->text, format, args);
	va_end(args);
	why->status = status;
	return false;
}
