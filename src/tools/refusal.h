/* refusal: why a request was refused: HTTP's status, and a sentence. */
#ifndef TOOLS_REFUSAL_H
#define TOOLS_REFUSAL_H

#include <stdbool.h>

struct refusal {
	unsigned status, line; /* of the description, 0: not about a line */
	bool limit;            /* worth a line in the log */
	unsigned retry_after;  /* seconds, for another attempt; 0: not said */
	char text[256];
};

/* Fills it in; returns false. */
__attribute__((format(printf, 3, 4))) bool refusal_set(struct refusal *why, unsigned status, const char *format, ...);

#endif
