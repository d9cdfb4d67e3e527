/* rtcp_write: RTCP packets into a datagram of the caller that they cannot outgrow. The kinds and structs are those of rtcp.h.
 *
 *     struct rtcp_writer w = rtcp_writer_of(slot, mtu_left);
 *     rtcp_write_sender_report(&w, ssrc, &info, blocks, n);
 *     rtcp_write_cname(&w, ssrc, cname, len);
 *     int done = rtcp_write_nack(&w, ssrc, media, lost, n);
 *     ... when done < n: send w.len bytes, begin the next datagram and write the rest
 *
 * Each function appends whole packets, or nothing at all. Those that take a list write as much of it as the datagram holds, in as
 * many packets as it needs, and return how many entries that were; the caller puts the others into its next datagram.
 *
 *   len <= size, len is a multiple of 4
 *
 * Every function returns SLUICE_NO_SPACE, with nothing written, when not even one entry fits. */
#ifndef RTP_RTCP_WRITE_H
#define RTP_RTCP_WRITE_H

#include "rtp/rtcp.h"

struct rtcp_writer {
	uint8_t *start;
	size_t len, size;
};

static inline struct rtcp_writer rtcp_writer_of(void *space, size_t size) {
	return (struct rtcp_writer){.start = space, .size = size};
}

/* Space for one more packet: whole words, and no more than a packet's length field can say. */
size_t rtcp_write_room(const struct rtcp_writer *w);
/* Appends the header of a packet of len bytes and returns where its body begins, for the caller to fill. len is a multiple of 4
 * and at least RTCP_HEADER. NULL: there is no room. */
uint8_t *rtcp_write_space(struct rtcp_writer *w, uint8_t type, size_t format, size_t len);

/* An SR with up to 31 blocks, and RRs for those above. Returns how many blocks were written. */
int rtcp_write_sender_report(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_sender_info *info,
                             const struct rtcp_report_block *blocks, size_t n);
/* RRs with up to 31 blocks each; n == 0 is an empty RR, as RFC 3550, 6.1 wants it at the head of a compound packet. */
int rtcp_write_receiver_report(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_report_block *blocks, size_t n);
/* SDES with one CNAME; len is at most 255. */
int rtcp_write_cname(struct rtcp_writer *w, uint32_t ssrc, const void *cname, size_t len);
/* Returns how many SSRCs were written. The reason, of at most 255 bytes, is in the first packet; NULL for none. */
int rtcp_write_bye(struct rtcp_writer *w, const uint32_t *ssrcs, size_t n, const char *reason);
/* len must be a multiple of 4. */
int rtcp_write_app(struct rtcp_writer *w, uint8_t subtype, uint32_t ssrc, const char name[4], const void *data, size_t len);

/* The sequence numbers are unwrapped and ascend. Returns how many were written. */
int rtcp_write_nack(struct rtcp_writer *w, uint32_t ssrc, uint32_t media, const uint64_t *sequences, size_t n);
int rtcp_write_pli(struct rtcp_writer *w, uint32_t ssrc, uint32_t media);
int rtcp_write_fir(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_fir_entry *entries, size_t n);
/* n is at most 255. The bitrate is rounded down to 18 significant bits. */
int rtcp_write_remb(struct rtcp_writer *w, uint32_t ssrc, uint64_t bitrate, const uint32_t *ssrcs, size_t n);

/* One feedback packet about base, base + 1, ...: arrivals[i] is when base + i came, in ns of the receiver's clock, SLUICE_NEVER
 * when it did not. So a ring of arrivals is handed over as it is, up to its edge. One packet is written, since each needs a
 * number of its own (feedback). It ends early where the datagram is full, or where an arrival is further from the one before
 * than 16 bits of 250 us can say. Returns how many were reported, or
 *   SLUICE_INVALID  n is 0, or none came: the packet has no reference time then */
int rtcp_write_twcc(struct rtcp_writer *w, uint32_t ssrc, uint32_t media, uint8_t feedback, uint64_t base,
                    const uint64_t *arrivals, size_t n);

/* One stream's words for CCFB. */
struct rtcp_ccfb_run {
	uint32_t ssrc;
	uint16_t base;
	uint16_t count;
	const struct rtcp_ccfb_word *words; /* sequence is not read: words[i] is about base + i */
};
/* One CCFB packet. Returns how many runs were written whole. The run after them may be written in part: its base, words and count
 * are then moved on, so that the rest is what the next datagram takes. */
int rtcp_write_ccfb(struct rtcp_writer *w, uint32_t ssrc, uint32_t timestamp, struct rtcp_ccfb_run *runs, size_t n);

/* XR with one block. */
int rtcp_write_rrtr(struct rtcp_writer *w, uint32_t ssrc, uint64_t ntp);
/* Returns how many entries were written. */
int rtcp_write_dlrr(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_dlrr *entries, size_t n);

#endif
