/* sdpfrag: how is an SDP fragment of Trickle ICE read and written (application/trickle-ice-sdpfrag; RFC 8840, 4.4 and 9), and how
 * does a description change by one?
 *
 * A fragment has the lines of a description that ICE needs, and nothing else. Its reader skips lines that it does not know, so it
 * reads whole descriptions too: what comes out is their fragment. All sections share one transport (RFC 9725, 4.4.1:
 * "max-bundle"), so there is one user name fragment and one password; a fragment with two of them is refused. It knows no HTTP
 * and no peer.
 *
 * Memory: one copy of the text, wiped when it is freed, since the password of ICE is in it. */
#ifndef TOOLS_SDPFRAG_H
#define TOOLS_SDPFRAG_H

#include <stdbool.h>
#include <stddef.h>

/* As many as a peer keeps before it has answered. More of them are counted and left out. */
#define SDPFRAG_CANDIDATES_MAX 100

struct sdpfrag_candidate {
	const char *text;       /* "candidate:..." */
	const char *mid;        /* of its section, or NULL */
	unsigned section, line; /* the section counted from 1, 0: before the first one; the line from 1 */
};

struct sdpfrag {
	/* The values of a=ice-ufrag and a=ice-pwd: both or none. */
	const char *ufrag, *pwd;
	/* The values of a=ice-options, a=ice-pacing and a=group:BUNDLE, and of the first m= line and its a=mid; NULL: absent. */
	const char *options, *pacing, *bundle, *media, *mid;
	bool lite, end_of_candidates;
	struct sdpfrag_candidate candidates[SDPFRAG_CANDIDATES_MAX];
	size_t candidate_count, left_out;
	char *copy; /* what the texts lie in */
};

/* Reads a fragment. Returns NULL, or what is wrong with it, a text that lives as long as the program; *line (it may be NULL) says
 * where, from 1, or 0: in the whole. It is to be freed when it was read. */
const char *sdpfrag_read(struct sdpfrag *f, const char *text, size_t len, unsigned *line);
void sdpfrag_free(struct sdpfrag *f);

/* Writes the fragment of one section, the first one: its candidates, and those before it. Returns the length without the NUL,
 * or 0 when size is too small. */
size_t sdpfrag_write(const struct sdpfrag *f, char *text, size_t size);

/* The offer that restarts ICE: `offer` with the credentials and the candidates of the fragment in the place of its own, and the
 * next session version. RFC 9725, 4.3.3: both sides "MUST assume that the previously negotiated non-ICE-related SDP information
 * still applies after the ICE restart."
 *
 * Malloc'ed, with a NUL behind, to be freed by secret_free(); NULL: no memory. The fragment must have credentials. */
char *sdpfrag_apply(const struct sdpfrag *f, const char *offer, size_t len, size_t *out_len);

#endif
