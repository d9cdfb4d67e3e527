/* blob: fields as bytes, and back. One walk serves both directions; `reading` says which. For the files of the hand-over alone.
 *
 * A field that is missing or refused makes the walk fail: everything read from there on is 0, so the walk may go on without
 * asking after each field. */
#ifndef SCTP_BLOB_H
#define SCTP_BLOB_H

#include "sctp/association.h"

#include <string.h>

struct blob {
	bool reading, failed, no_memory;
	uint8_t *out; /* NULL: only counted */
	const uint8_t *in;
	size_t at, size;
};

static inline void bytes(struct blob *b, void *p, size_t n) {
	if (b->reading) {
		if (b->failed || n > b->size - b->at) {
			b->failed = true;
			memset(p, 0, n);
			return;
		}
		if (n)
			memcpy(p, b->in + b->at, n);
	} else if (n && b->out && b->at + n <= b->size) {
		memcpy(b->out + b->at, p, n);
	}
	b->at += n;
}

static inline void flag(struct blob *b, bool *p) {
	uint8_t v = *p;
	bytes(b, &v, 1);
	*p = v != 0;
}

#define FIELD(x) bytes(b, &(x), sizeof(x))
#define FLAG(x) flag(b, &(x))

static inline void refuse(struct blob *b, bool bad) {
	if (bad)
		b->failed = true;
}

static inline bool have(struct blob *b, const void *p) {
	if (!p)
		b->failed = b->no_memory = true;
	return p != NULL;
}

static inline void took(struct blob *b, int error) {
	if (error == SLUICE_NO_MEMORY)
		b->no_memory = true;
	refuse(b, error != 0);
}

/* ---- handover_reconfig.c ---- */
void handover_reconfig(struct blob *b, sluice_sctp *a);

#endif
