#include "rtp/rtx.h"

#include "sluice/error.h"

void rtx_types_init(struct rtx_types *t) {
	memset(t, RTX_NO_TYPE, sizeof *t);
}

int rtx_types_add(struct rtx_types *t, unsigned rtx, unsigned media) {
	if (rtx > 127 || media > 127 || rtx == media)
		return SLUICE_INVALID;
	if (t->media_of[rtx] == media && t->rtx_of[media] == rtx)
		return 0;
	/* A payload type is one or the other: an RTX packet in an RTX packet would never be the packet that was lost. */
	if (t->media_of[rtx] != RTX_NO_TYPE || t->rtx_of[rtx] != RTX_NO_TYPE || t->rtx_of[media] != RTX_NO_TYPE ||
	    t->media_of[media] != RTX_NO_TYPE)
		return SLUICE_EXISTS;
	t->media_of[rtx] = (uint8_t)media;
	t->rtx_of[media] = (uint8_t)rtx;
	return 0;
}

bool rtx_types_check(const struct rtx_types *t) {
	bool ok = true;
	for (unsigned i = 0; i < 128; i++) {
		ok = ok && (t->media_of[i] == RTX_NO_TYPE || t->rtx_of[t->media_of[i] & 127] == i);
		ok = ok && (t->rtx_of[i] == RTX_NO_TYPE || t->media_of[t->rtx_of[i] & 127] == i);
		ok = ok && (t->media_of[i] == RTX_NO_TYPE || t->rtx_of[i] == RTX_NO_TYPE);
	}
	return ok;
}

/* RFC 4588, 4: behind the RTP header comes the OSN, in network order, and then the original payload. */
int rtx_unwrap(struct rtp_packet *p, const struct rtx_types *t, uint32_t media_ssrc) {
	if (p->payload_len == 0)
		return SLUICE_NOT_FOUND;
	uint8_t media = t->media_of[p->payload_type];
	if (p->payload_len < RTX_OSN || media == RTX_NO_TYPE)
		return SLUICE_MALFORMED;
	p->sequence = get_be16(p->payload);
	p->ssrc = media_ssrc;
	p->payload_type = media;
	p->payload += RTX_OSN;
	p->payload_len -= RTX_OSN;
	p->header_len += RTX_OSN;
	return 0;
}

void rtx_wrap(struct rtx_sender *s, const struct rtx_types *t, uint8_t *space, size_t header_len) {
	memcpy(space + header_len, space + 2, RTX_OSN);
	space[1] = (uint8_t)((space[1] & 0x80) | t->rtx_of[space[1] & 127]);
	put_be16(space + 2, (uint16_t)s->next++);
	put_be32(space + 8, s->ssrc);
}

void rtx_name_rid(const struct rtx_sender *s, uint8_t *space, size_t header_len) {
	if (s->rid_at && s->rid_at < header_len)
		space[s->rid_at] = s->rid_is_two_byte ? s->rid_id : (uint8_t)(s->rid_id << 4 | (space[s->rid_at] & 15));
}
