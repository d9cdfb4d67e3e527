/* writer: a text that grows in a buffer of the caller. */
#include "sdp/writer.h"

#include <stdarg.h>
#include <stdio.h>

void sdp_put(struct sdp_writer *t, const char *format, ...) {
	va_list args;
	va_start(args, format);
	int len = vsnprintf(t->at, t->room, format, args);
	va_end(args);
	size_t fits = (size_t)len < t->room ? (size_t)len : t->room;
	t->at += fits;
	t->room -= fits;
	t->len += (size_t)len;
}
