/* attributes: what does one a= line of a level say to us?
 *
 * One table has every attribute that this library understands, with the levels in which it may stand and the function that reads
 * it. Other attributes are skipped. It knows no lines and no sections; parse.c walks those. */
#ifndef SDP_ATTRIBUTES_H
#define SDP_ATTRIBUTES_H

#include "sdp/sdp.h"

/* The level in which a line stands. DATA: a section whose medium is application. */
enum sdp_level { SDP_LEVEL_SESSION = 1, SDP_LEVEL_SECTION = 2, SDP_LEVEL_DATA = 4 };

/* One level as it is read. */
struct sdp_reading {
	unsigned levels; /* enum sdp_level; DATA comes with SECTION */
	struct sdp *sdp;
	struct sdp_transport *transport;
	struct sdp_section *section; /* NULL: the session */
	/* Where to store the next candidate and the next fingerprint. There is room for as many as one level may have. */
	struct sdp_slice *next_candidate, *next_fingerprint;
	bool shareable; /* sections that share a transport share the attribute that was read last */
	uint32_t seen;  /* a bit for every row of the table: of an attribute that is allowed once, only the first counts */
};

/* Reads an attribute. value.s is NULL when it has no colon. Returns NULL, or what is wrong with it. */
const char *sdp_attribute_read(struct sdp_reading *r, struct sdp_slice attribute);

/* ---- slices ---- */

bool sdp_slice_is(struct sdp_slice s, const char *text);
bool sdp_slices_equal(struct sdp_slice a, struct sdp_slice b);
/* Cuts off *rest what stands before the first separator; several separators in a row count as one. Returns false when nothing is
 * left. */
bool sdp_word(struct sdp_slice *rest, const char *separators, struct sdp_slice *word);
/* Splits "name:value", or "name" (then value.s is NULL). */
void sdp_attribute_split(struct sdp_slice attribute, struct sdp_slice *name, struct sdp_slice *value);
/* Reads a number of decimal digits and nothing else, at most max. */
bool sdp_number(struct sdp_slice s, uint64_t max, uint64_t *n);

#endif
