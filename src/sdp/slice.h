/* slice: a piece of a text that somebody else owns. It knows no description. */
#ifndef SDP_SLICE_H
#define SDP_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sdp_slice {
	const char *s; /* NULL: absent */
	size_t len;
};

/* A slice of a whole string; NULL gives an absent one. */
static inline struct sdp_slice sdp_slice_of(const char *text) {
	return (struct sdp_slice){text, text ? strlen(text) : 0};
}

bool sdp_slice_is(struct sdp_slice s, const char *text);
/* As sdp_slice_is; the cases of ASCII letters do not matter. */
bool sdp_slice_is_like(struct sdp_slice s, const char *text);
bool sdp_slices_equal(struct sdp_slice a, struct sdp_slice b);
/* Cuts off *rest what stands before the first separator; several separators in a row count as one. Returns false when nothing is
 * left. */
bool sdp_word(struct sdp_slice *rest, const char *separators, struct sdp_slice *word);
/* Splits "name:value", or "name" (then value.s is NULL). */
void sdp_attribute_split(struct sdp_slice attribute, struct sdp_slice *name, struct sdp_slice *value);
/* Reads a number of decimal digits and nothing else, at most max. */
bool sdp_number(struct sdp_slice s, uint64_t max, uint64_t *n);

#endif
