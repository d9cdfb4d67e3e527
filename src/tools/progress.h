/* progress: how far a file is, for people: a bar on a terminal, nothing in between elsewhere. It reads no clock. */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include "tools/transfer.h"

struct progress {
	bool is_terminal; /* stderr */
	bool drawn;       /* a bar stands there */
	uint64_t began;   /* when the file under way began, ns; and at which byte */
	uint64_t began_at;
	uint64_t moved; /* when the bar moved last, and to which byte */
	uint64_t moved_to;
};

void progress_init(struct progress *p);
void progress_begin(struct progress *p, const struct transfer_progress *t, uint64_t now);
/* Looks whether the file has moved since the last look. */
void progress_look(struct progress *p, const struct transfer_progress *t, uint64_t now);
/* The same, and draws the bar, on a terminal. */
void progress_draw(struct progress *p, const struct transfer_progress *t, uint64_t now);
/* Takes it away again, so that a line can be printed. */
void progress_clear(struct progress *p);
/* "50.0 MB in 1.2 s, 41.7 MB/s": of the file that is done. */
void progress_summary(const struct progress *p, const struct transfer_progress *t, uint64_t now, char *text, size_t size);

/* The line of a bar in so many columns; returns text. Where nothing moved for two seconds it says so, and for how long, in place
 * of a rate: the other side may be gone, and the connection notices that later. */
const char *progress_line(const struct progress *p, const struct transfer_progress *t, uint64_t now, unsigned columns, char *text,
                          size_t size);
/* "999 B", "1.0 kB", "12.3 MB". */
const char *progress_bytes(double bytes, char text[16]);

#endif
