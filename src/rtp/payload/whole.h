/* whole: formats in which a unit's bytes are the payloads behind their headers, one after the other. */
#ifndef RTP_PAYLOAD_WHOLE_H
#define RTP_PAYLOAD_WHOLE_H

#include <string.h>

#include "rtp/payload/payload.h"
#include "sluice/error.h"

/* Puts the pieces together without the header before each. header() returns its length; below 0: it is malformed. */
static inline int whole_assemble(const struct payload_slice *pieces, size_t n, int (*header)(const uint8_t *, size_t),
                                 uint8_t *space, size_t size) {
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		int skip = header ? header(pieces[i].data, pieces[i].len) : 0;
		if (skip < 0 || (size_t)skip > pieces[i].len)
			return SLUICE_MALFORMED;
		size_t len = pieces[i].len - (size_t)skip;
		if (size - at < len)
			return SLUICE_NO_SPACE;
		memcpy(space + at, pieces[i].data + skip, len);
		at += len;
	}
	return at ? (int)at : SLUICE_MALFORMED;
}

/* The next piece of a unit that may be cut anywhere; header_len bytes go before each. Returns as split does. */
static inline int whole_split(struct payload_split *s, size_t header_len, struct payload_piece *out) {
	if (s->at == s->len)
		return s->len ? 0 : SLUICE_MALFORMED;
	if (s->room <= header_len)
		return SLUICE_TOO_LARGE;
	if (s->at == 0)
		s->slice = payload_equal(s->len, s->room - header_len);
	size_t left = s->len - s->at;
	out->offset = s->at;
	out->len = left < s->slice ? left : s->slice;
	out->header_len = (uint8_t)header_len;
	s->at += out->len;
	out->last = s->at == s->len;
	s->pieces++;
	return 1;
}

#endif
