#include "rtp/report.h"

#include <string.h>

#include "base/arith.h"
#include "rtp/ntp.h"
#include "sluice/error.h"

void report_init(struct report *r, uint32_t ssrc, const char *cname, uint64_t ntp_offset, uint64_t seed) {
	memset(r, 0, sizeof *r);
	r->ssrc = ssrc;
	r->ntp_offset = ntp_offset;
	r->random = seed;
	r->cname_len = (uint8_t)min64(strlen(cname), REPORT_CNAME);
	memcpy(r->cname, cname, r->cname_len);
}

bool report_check(const struct report *r) {
	bool ok = r->peer_count <= REPORT_PEERS && r->cname_len <= REPORT_CNAME;
	for (size_t i = 0; ok && i < r->peer_count; i++)
		for (size_t j = 0; j < i; j++)
			ok = ok && r->peers[i].ssrc != r->peers[j].ssrc;
	return ok;
}

/* A linear congruence (Knuth's constants); its upper bits are the good ones. */
uint64_t report_interval(struct report *r) {
	r->random = r->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return RTP_REPORT_INTERVAL / 2 + (r->random >> 32) * RTP_REPORT_INTERVAL / (UINT64_C(1) << 32);
}

uint64_t report_deadline(const struct report_streams *s) {
	uint64_t due = SLUICE_NEVER;
	for (size_t i = 0; i < s->sender_count; i++)
		due = min64(due, s->senders[i]->due);
	for (size_t i = 0; i < s->receiver_count; i++)
		due = min64(due, s->receivers[i]->due);
	return due;
}

static size_t cname_size(const struct report *r) {
	return pad4(RTCP_HEADER + 4 + 2 + (size_t)r->cname_len + 1);
}

/* Collects the blocks that are due and fit into `room` bytes. */
static size_t collect(const struct report_streams *s, struct rtcp_report_block *blocks, size_t room, uint64_t interval,
                      uint64_t now) {
	size_t n = 0, most = min64(RTCP_MAX_COUNT, room / RTCP_REPORT_BLOCK);
	for (size_t i = 0; i < s->receiver_count && n < most; i++)
		if (s->receivers[i]->due <= now + REPORT_TOGETHER)
			n += rtp_receiver_block(s->receivers[i], interval, now, &blocks[n]);
	return n;
}

/* Of what else belongs into the datagram: CNAME and XR. The lists of streams are long, these are not. */
#define XR_SIZE (RTCP_HEADER + 4 + 4 + 8 + RTCP_HEADER + 4 + 4 + RTCP_DLRR_ENTRY * REPORT_PEERS)

static size_t room_for_blocks(const struct report *r, const struct rtcp_writer *w, size_t fixed) {
	size_t room = rtcp_write_room(w), others = fixed + cname_size(r) + XR_SIZE;
	return room > others ? room - others : 0;
}

/* One SR for each stream that is due; the first has the blocks. Returns the SSRC of the last one, 0 when there was none. */
static uint32_t write_senders(const struct report *r, const struct report_streams *s, struct rtcp_writer *w, uint64_t interval,
                              uint64_t now) {
	struct rtcp_report_block blocks[RTCP_MAX_COUNT];
	uint32_t ssrc = 0;
	for (size_t i = 0; i < s->sender_count; i++) {
		struct rtp_sender *sender = s->senders[i];
		if (sender->due > now || rtcp_write_room(w) < 28 + cname_size(r) + XR_SIZE)
			continue;
		struct rtcp_sender_info info;
		rtp_sender_report(sender, interval, now, r->ntp_offset, &info);
		size_t n = ssrc ? 0 : collect(s, blocks, room_for_blocks(r, w, 28), interval, now);
		rtcp_write_sender_report(w, sender->ssrc, &info, blocks, n);
		ssrc = sender->ssrc;
	}
	return ssrc;
}

static void write_answers(struct report *r, uint32_t ssrc, struct rtcp_writer *w, uint64_t now) {
	struct rtcp_dlrr entries[REPORT_PEERS];
	size_t n = 0;
	for (size_t i = 0; i < r->peer_count; i++) {
		struct report_peer *p = &r->peers[i];
		if (!p->is_due)
			continue;
		p->is_due = false;
		uint64_t held = now > p->at ? now - p->at : 0;
		entries[n++] = (struct rtcp_dlrr){.ssrc = p->ssrc, .last_rr = p->last_rr, .delay_since_rr = ntp_short_of(held)};
	}
	if (n)
		rtcp_write_dlrr(w, ssrc, entries, n);
}

void report_head(const struct report *r, struct rtcp_writer *w) {
	rtcp_write_receiver_report(w, r->ssrc, NULL, 0);
	rtcp_write_cname(w, r->ssrc, r->cname, r->cname_len);
}

static bool is_sending(const struct report_streams *s) {
	for (size_t i = 0; i < s->sender_count; i++)
		if (s->senders[i]->packets)
			return true;
	return false;
}

void report_output(struct report *r, const struct report_streams *s, struct rtcp_writer *w, uint64_t now) {
	if (report_deadline(s) > now)
		return;
	uint64_t interval = report_interval(r);
	uint32_t ssrc = write_senders(r, s, w, interval, now);
	if (!ssrc) {
		struct rtcp_report_block blocks[RTCP_MAX_COUNT];
		size_t n = collect(s, blocks, room_for_blocks(r, w, RTCP_HEADER + 4), interval, now);
		rtcp_write_receiver_report(w, r->ssrc, blocks, n);
	}
	rtcp_write_cname(w, ssrc ? ssrc : r->ssrc, r->cname, r->cname_len);
	/* RFC 3611, 4.4: who sends no SR can measure the round trip with an RRTR alone. */
	if (!is_sending(s))
		rtcp_write_rrtr(w, r->ssrc, ntp_of(now + r->ntp_offset));
	write_answers(r, ssrc ? ssrc : r->ssrc, w, now);
}

/* When the table is full, the peer that was heard longest ago makes room. */
static struct report_peer *peer_of(struct report *r, uint32_t ssrc) {
	struct report_peer *oldest = &r->peers[0];
	for (size_t i = 0; i < r->peer_count; i++) {
		if (r->peers[i].ssrc == ssrc)
			return &r->peers[i];
		if (r->peers[i].at < oldest->at)
			oldest = &r->peers[i];
	}
	return r->peer_count < REPORT_PEERS ? &r->peers[r->peer_count++] : oldest;
}

void report_rrtr(struct report *r, uint32_t ssrc, uint64_t ntp, uint64_t now) {
	*peer_of(r, ssrc) = (struct report_peer){.ssrc = ssrc, .last_rr = ntp_middle(ntp), .at = now, .is_due = true};
}

void report_dlrr(struct report *r, const struct rtcp_dlrr *d, uint64_t now) {
	uint64_t round_trip = ntp_round_trip(ntp_of(now + r->ntp_offset), d->last_rr, d->delay_since_rr);
	if (d->ssrc == r->ssrc && round_trip)
		r->round_trip = r->round_trip ? (7 * r->round_trip + round_trip) / 8 : round_trip;
}

void report_forget(struct report *r, uint32_t ssrc) {
	for (size_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].ssrc == ssrc)
			r->peers[i--] = r->peers[--r->peer_count];
}
