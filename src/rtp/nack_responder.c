#include "rtp/nack_responder.h"

#include "base/arith.h"
#include "base/serial.h"
#include "sluice/error.h"

void nack_responder_init(struct nack_responder *r, uint64_t round_trip) {
	memset(r, 0, sizeof *r);
	r->round_trip = round_trip;
}

bool nack_responder_check(const struct nack_responder *r) {
	return r->head - r->tail <= NACK_QUEUE && r->asked == r->queued + r->unknown + r->too_soon + r->limited;
}

void nack_responder_target(struct nack_responder *r, uint64_t bits_per_second) {
	r->byte_ns = bits_per_second ? max64(1, 8 * NACK_REPAIR_SHARE * SLUICE_S / bits_per_second) : 0;
}

/* A second's share may leave at once; what is above that is refused. */
static bool take_share(struct nack_responder *r, size_t len, uint64_t now) {
	uint64_t start = max64(r->busy_until, now), cost = r->byte_ns * len;
	if (start + cost - now > SLUICE_S && start > now)
		return false;
	r->busy_until = start + cost;
	return true;
}

void nack_responder_ask(struct nack_responder *r, struct rtp_history *h, uint16_t sequence, uint64_t now) {
	r->asked++;
	uint64_t number = h->next ? serial_unwrap16(sequence, h->next - 1) : 0;
	struct rtp_history_entry *e = rtp_history_find(h, number);
	if (!e) {
		r->unknown++;
	} else if (rtp_history_was_resent(e, r->round_trip, now)) {
		r->too_soon++;
	} else if (r->head - r->tail == NACK_QUEUE || !take_share(r, rtp_history_packet_len(e), now)) {
		r->limited++;
	} else {
		rtp_history_note_resent(e, now);
		r->queue[r->head++ % NACK_QUEUE] = number;
		r->queued++;
	}
}

int nack_responder_output(struct nack_responder *r, struct rtp_history *h, struct rtx_sender *rtx, const struct rtx_types *types,
                          uint8_t *space, size_t size, struct nack_repair *out) {
	for (; r->head != r->tail; r->tail++) {
		uint64_t number = r->queue[r->tail % NACK_QUEUE];
		/* It may have left the history while it waited. */
		const struct rtp_history_entry *e = rtp_history_find(h, number);
		if (!e)
			continue;
		bool is_rtx = rtx->ssrc && types->rtx_of[rtp_history_payload_type(e)] != RTX_NO_TYPE;
		int len = rtp_history_gather(h, e, is_rtx ? RTX_OSN : 0, space, size);
		if (len < 0)
			return len;
		if (is_rtx)
			rtx_wrap(rtx, types, space, e->header_len);
		*out = (struct nack_repair){.number = number, .header_len = e->header_len, .is_rtx = is_rtx};
		r->tail++;
		r->resent++;
		r->resent_bytes += (size_t)len;
		return len;
	}
	return 0;
}
