/* codecs: which codecs does a section of ours offer, and which of the other side's does it take?
 *
 * A const table has what the library carries. The other side's codecs are those of a section that was read. It knows no
 * transceivers and no tracks.
 *
 * A payload type means one codec in all sections of a BUNDLE group (RFC 9143, 9.1), so what both sides used so far is learnt
 * before numbers are given. */
#ifndef PEER_CODECS_H
#define PEER_CODECS_H

#include "sdp/sdp.h"
#include "sluice/media.h"

/* Rows of the table. */
#define CODECS_OWN_MAX 16
/* Of one section: each row and its RTX. */
#define CODECS_MAX (2 * CODECS_OWN_MAX)
#define CODECS_FMTP_MAX 80

/* What a payload type stands for: a row, or the RTX of one; 0: nothing yet. */
struct codecs_types {
	uint8_t of[128];
};

/* One payload type of a section of ours. */
struct codecs_chosen {
	struct sdp_codec sdp; /* without its fmtp */
	char fmtp[CODECS_FMTP_MAX];
	uint8_t row;
};
struct codecs_list {
	struct codecs_chosen of[CODECS_MAX];
	size_t count;
};

/* Which rows, in the order of preference. */
struct codecs_wish {
	uint8_t rows[CODECS_OWN_MAX];
	uint8_t count;
};

/* All rows of this kind. */
void codecs_wish_default(enum sluice_media_kind kind, struct codecs_wish *out);
/* Returns 0, or SLUICE_INVALID: a codec is of the other kind, is none that the table has, or there are too many. */
int codecs_wish_read(enum sluice_media_kind kind, const sluice_codec_preference *codecs, size_t count, struct codecs_wish *out);

/* Learns what a section of the other side means by its numbers. The first meaning of a number counts, and the first number of a
 * codec. */
void codecs_learn(struct codecs_types *types, const struct sdp_rtp *theirs);
/* The same for a section of ours. */
void codecs_recall(struct codecs_types *types, const struct codecs_list *ours);
/* Makes the codecs of an offer. Numbers that are new are noted in `types`; what no number is left for is left out. ccfb: with the
 * feedback of RFC 8888 in place of transport-cc. */
void codecs_offer(const struct codecs_wish *wish, bool ccfb, struct codecs_types *types, struct codecs_list *out);
/* Takes what both have, by the other side's numbers. by_wish: in the order of the wish, otherwise in theirs. */
void codecs_take(const struct codecs_wish *wish, bool by_wish, const struct sdp_rtp *theirs, struct codecs_list *out);
/* The same of an answer to what was offered: other codecs in it are not taken, whatever is wished by now. */
void codecs_take_offered(const struct codecs_list *offered, const struct sdp_rtp *theirs, struct codecs_list *out);
/* Has any of them the feedback of RFC 8888? */
bool codecs_have_ccfb(const struct codecs_list *list);
/* What was taken of an offer of ours, by our numbers. */
void codecs_as_offered(const struct codecs_list *offered, const struct codecs_list *taken, struct codecs_list *out);
/* As a track wants them. Returns how many, at most SLUICE_TRACK_CODECS_MAX. */
size_t codecs_config(const struct codecs_list *list, sluice_codec_config out[SLUICE_TRACK_CODECS_MAX]);

#endif
