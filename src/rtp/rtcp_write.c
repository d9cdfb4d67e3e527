#include "rtp/rtcp_write.h"

#include "rtp/packet.h"
#include "sluice/error.h"

/* ---- space ---- */

#define FEEDBACK (RTCP_HEADER + 8) /* RFC 4585, 6.1: the header and the SSRCs of sender and media source */

static size_t min_size(size_t a, size_t b) {
	return a < b ? a : b;
}

size_t rtcp_write_room(const struct rtcp_writer *w) {
	return min_size((w->size - w->len) & ~(size_t)3, RTCP_HEADER + 4 * 0xFFFF);
}

/* How many of n entries go into one packet behind `fixed` bytes. */
static size_t fitting(const struct rtcp_writer *w, size_t fixed, size_t entry, size_t n) {
	size_t left = rtcp_write_room(w);
	return left < fixed ? 0 : min_size(n, (left - fixed) / entry);
}

uint8_t *rtcp_write_space(struct rtcp_writer *w, uint8_t type, size_t format, size_t len) {
	if (rtcp_write_room(w) < len)
		return NULL;
	uint8_t *at = w->start + w->len;
	at[0] = (uint8_t)(RTP_VERSION << 6 | format);
	at[1] = type;
	put_be16(at + 2, (uint16_t)(len / 4 - 1));
	w->len += len;
	return at + RTCP_HEADER;
}

static uint8_t *append_feedback(struct rtcp_writer *w, uint8_t type, size_t format, size_t len, uint32_t ssrc, uint32_t media) {
	uint8_t *at = rtcp_write_space(w, type, format, len);
	if (!at)
		return NULL;
	put_be32(at, ssrc);
	put_be32(at + 4, media);
	return at + 8;
}

/* ---- reports ---- */

/* RFC 3550, A.3: "Since this signed number is carried in 24 bits, it should be clamped at 0x7fffff for positive loss or 0x800000
 * for negative loss rather than wrapping around." */
static uint32_t clamp_lost(int32_t lost) {
	return (uint32_t)(lost > 0x7FFFFF ? 0x7FFFFF : lost < -0x800000 ? -0x800000 : lost);
}

static uint8_t *put_blocks(uint8_t *at, const struct rtcp_report_block *blocks, size_t n) {
	for (size_t i = 0; i < n; i++, at += RTCP_REPORT_BLOCK) {
		put_be32(at, blocks[i].ssrc);
		put_be32(at + 4, (uint32_t)blocks[i].fraction_lost << 24 | (clamp_lost(blocks[i].lost) & 0xFFFFFF));
		put_be32(at + 8, blocks[i].highest);
		put_be32(at + 12, blocks[i].jitter);
		put_be32(at + 16, blocks[i].last_sr);
		put_be32(at + 20, blocks[i].delay_since_sr);
	}
	return at;
}

static size_t append_receiver_report(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_report_block *blocks, size_t n) {
	size_t count = fitting(w, RTCP_HEADER + 4, RTCP_REPORT_BLOCK, min_size(n, RTCP_MAX_COUNT));
	if (count == 0)
		return 0;
	uint8_t *at = rtcp_write_space(w, RTCP_PT_RR, count, RTCP_HEADER + 4 + count * RTCP_REPORT_BLOCK);
	put_be32(at, ssrc);
	put_blocks(at + 4, blocks, count);
	return count;
}

/* RFC 3550, 6.1: "If the number of sources for which reception statistics are being reported exceeds 31, the number that will fit
 * into one SR or RR packet, then additional RR packets SHOULD follow the initial report packet." */
static size_t append_receiver_reports(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_report_block *blocks, size_t n) {
	size_t done = 0;
	for (size_t count; done < n && (count = append_receiver_report(w, ssrc, blocks + done, n - done)) > 0;)
		done += count;
	return done;
}

int rtcp_write_receiver_report(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_report_block *blocks, size_t n) {
	if (n > 0) {
		size_t done = append_receiver_reports(w, ssrc, blocks, n);
		return done ? (int)done : SLUICE_NO_SPACE;
	}
	uint8_t *at = rtcp_write_space(w, RTCP_PT_RR, 0, RTCP_HEADER + 4);
	if (!at)
		return SLUICE_NO_SPACE;
	put_be32(at, ssrc);
	return 0;
}

int rtcp_write_sender_report(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_sender_info *info,
                             const struct rtcp_report_block *blocks, size_t n) {
	size_t fixed = RTCP_HEADER + 24;
	size_t count = fitting(w, fixed, RTCP_REPORT_BLOCK, min_size(n, RTCP_MAX_COUNT));
	uint8_t *at = rtcp_write_space(w, RTCP_PT_SR, count, fixed + count * RTCP_REPORT_BLOCK);
	if (!at)
		return SLUICE_NO_SPACE;
	put_be32(at, ssrc);
	put_be64(at + 4, info->ntp);
	put_be32(at + 12, info->timestamp);
	put_be32(at + 16, info->packets);
	put_be32(at + 20, info->octets);
	put_blocks(at + 24, blocks, count);
	if (count < n)
		count += append_receiver_reports(w, ssrc, blocks + count, n - count);
	return (int)count;
}

/* ---- sources ---- */

int rtcp_write_cname(struct rtcp_writer *w, uint32_t ssrc, const void *cname, size_t len) {
	if (len > 255)
		return SLUICE_INVALID;
	/* The chunk: SSRC, type, length, the name, and at least one zero that ends the list. */
	size_t chunk = pad4(4 + 2 + len + 1);
	uint8_t *at = rtcp_write_space(w, RTCP_PT_SDES, 1, RTCP_HEADER + chunk);
	if (!at)
		return SLUICE_NO_SPACE;
	memset(at + chunk - 4, 0, 4);
	put_be32(at, ssrc);
	at[4] = RTCP_SDES_CNAME;
	at[5] = (uint8_t)len;
	if (len)
		memcpy(at + 6, cname, len);
	return 0;
}

static size_t append_bye(struct rtcp_writer *w, const uint32_t *ssrcs, size_t n, const char *reason) {
	size_t said = reason ? strlen(reason) : 0;
	size_t tail = reason ? pad4(1 + said) : 0;
	size_t count = fitting(w, RTCP_HEADER + tail, 4, min_size(n, RTCP_MAX_COUNT));
	if (count == 0)
		return 0;
	uint8_t *at = rtcp_write_space(w, RTCP_PT_BYE, count, RTCP_HEADER + 4 * count + tail);
	for (size_t i = 0; i < count; i++, at += 4)
		put_be32(at, ssrcs[i]);
	if (reason) {
		memset(at + tail - 4, 0, 4);
		at[0] = (uint8_t)said;
		memcpy(at + 1, reason, said);
	}
	return count;
}

int rtcp_write_bye(struct rtcp_writer *w, const uint32_t *ssrcs, size_t n, const char *reason) {
	if (n == 0 || (reason && strlen(reason) > 255))
		return SLUICE_INVALID;
	size_t done = append_bye(w, ssrcs, n, reason);
	if (done == 0)
		return SLUICE_NO_SPACE;
	for (size_t count; done < n && (count = append_bye(w, ssrcs + done, n - done, NULL)) > 0;)
		done += count;
	return (int)done;
}

int rtcp_write_app(struct rtcp_writer *w, uint8_t subtype, uint32_t ssrc, const char name[4], const void *data, size_t len) {
	if (len % 4 || subtype > 31)
		return SLUICE_INVALID;
	uint8_t *at = rtcp_write_space(w, RTCP_PT_APP, subtype, RTCP_HEADER + 8 + len);
	if (!at)
		return SLUICE_NO_SPACE;
	put_be32(at, ssrc);
	memcpy(at + 4, name, 4);
	if (len)
		memcpy(at + 8, data, len);
	return 0;
}

/* ---- feedback ---- */

/* RFC 4585, 6.2.1: a packet id, and a mask of the 16 behind it that are lost too. Returns how many numbers the entry took. */
static size_t put_nack_entry(uint8_t *at, const uint64_t *sequences, size_t n) {
	uint32_t mask = 0;
	size_t i = 1;
	for (; i < n && sequences[i] - sequences[0] <= 16; i++)
		mask |= (1u << (sequences[i] - sequences[0])) >> 1;
	put_be16(at, (uint16_t)sequences[0]);
	put_be16(at + 2, (uint16_t)mask);
	return i;
}

int rtcp_write_nack(struct rtcp_writer *w, uint32_t ssrc, uint32_t media, const uint64_t *sequences, size_t n) {
	size_t entries = fitting(w, FEEDBACK, 4, n), used = 0, done = 0;
	uint8_t *at = w->start + w->len + FEEDBACK;
	for (; used < entries && done < n; used++)
		done += put_nack_entry(at + 4 * used, sequences + done, n - done);
	if (used == 0)
		return n ? SLUICE_NO_SPACE : SLUICE_INVALID;
	append_feedback(w, RTCP_PT_RTPFB, RTCP_FMT_NACK, FEEDBACK + 4 * used, ssrc, media);
	return (int)done;
}

int rtcp_write_pli(struct rtcp_writer *w, uint32_t ssrc, uint32_t media) {
	return append_feedback(w, RTCP_PT_PSFB, RTCP_FMT_PLI, FEEDBACK, ssrc, media) ? 0 : SLUICE_NO_SPACE;
}

/* RFC 5104, 4.3.1.2: the SSRC of the media source "is not used and SHALL be set to 0". */
int rtcp_write_fir(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_fir_entry *entries, size_t n) {
	size_t count = fitting(w, FEEDBACK, RTCP_FIR_ENTRY, n);
	if (count == 0)
		return n ? SLUICE_NO_SPACE : SLUICE_INVALID;
	uint8_t *at = append_feedback(w, RTCP_PT_PSFB, RTCP_FMT_FIR, FEEDBACK + count * RTCP_FIR_ENTRY, ssrc, 0);
	for (size_t i = 0; i < count; i++, at += RTCP_FIR_ENTRY) {
		put_be32(at, entries[i].ssrc);
		put_be32(at + 4, (uint32_t)entries[i].sequence << 24);
	}
	return (int)count;
}

int rtcp_write_remb(struct rtcp_writer *w, uint32_t ssrc, uint64_t bitrate, const uint32_t *ssrcs, size_t n) {
	if (n > 255)
		return SLUICE_INVALID;
	uint8_t *at = append_feedback(w, RTCP_PT_PSFB, RTCP_FMT_REMB, FEEDBACK + 8 + 4 * n, ssrc, 0);
	if (!at)
		return SLUICE_NO_SPACE;
	unsigned exponent = 0;
	while (bitrate >> exponent > 0x3FFFF)
		exponent++;
	memcpy(at, "REMB", 4);
	put_be32(at + 4, (uint32_t)n << 24 | exponent << 18 | (uint32_t)(bitrate >> exponent));
	for (size_t i = 0; i < n; i++)
		put_be32(at + 8 + 4 * i, ssrcs[i]);
	return 0;
}

/* ---- RFC 8888 ---- */

/* RFC 8888, 3.1: "If the measured value is greater than 8189/1024 seconds (the value that would be coded as 0x1FFD), the value
 * 0x1FFE MUST be reported". Whoever knows the times does that. A packet that did not come is a word of zeros. */
static void put_words(uint8_t *at, const struct rtcp_ccfb_word *words, size_t n) {
	for (size_t i = 0; i < n; i++) {
		unsigned word = 0x8000u | (words[i].ecn & 3u) << 13 | (words[i].offset & 0x1FFFu);
		put_be16(at + 2 * i, words[i].received ? (uint16_t)word : 0);
	}
	/* "If the number of 16-bit packet metric blocks included in the report block is not a multiple of two, then 16 bits of
	 * zero padding MUST be added after the last packet metric block". */
	if (n % 2)
		put_be16(at + 2 * n, 0);
}

/* Writes a stream's words, as many as fit in `size` bytes. Returns the bytes used; 0 when nothing fits. */
static size_t put_run(uint8_t *at, size_t size, struct rtcp_ccfb_run *run) {
	size_t count = min_size(run->count, RTCP_CCFB_MAX_WORDS);
	if (size < 8)
		return 0;
	count = min_size(count, (size - 8) / 2);
	if (count == 0 && run->count > 0)
		return 0;
	put_be32(at, run->ssrc);
	put_be16(at + 4, run->base);
	put_be16(at + 6, (uint16_t)count);
	put_words(at + 8, run->words, count);
	/* A stream without words may have no pointer to them, and that must not be moved. */
	if (count > 0)
		run->words += count;
	run->base = (uint16_t)(run->base + count);
	run->count = (uint16_t)(run->count - count);
	return 8 + pad4(2 * count);
}

int rtcp_write_ccfb(struct rtcp_writer *w, uint32_t ssrc, uint32_t timestamp, struct rtcp_ccfb_run *runs, size_t n) {
	size_t fixed = RTCP_HEADER + 8; /* the sender's SSRC before the runs, the timestamp behind them */
	size_t space = rtcp_write_room(w), used = 0, whole = 0;
	if (space < fixed)
		return SLUICE_NO_SPACE;
	for (bool more = true; more && whole < n;) {
		size_t bytes = put_run(w->start + w->len + RTCP_HEADER + 4 + used, space - fixed - used, &runs[whole]);
		used += bytes;
		more = bytes > 0 && runs[whole].count == 0;
		whole += more;
	}
	if (used == 0)
		return n ? SLUICE_NO_SPACE : SLUICE_INVALID;
	uint8_t *at = rtcp_write_space(w, RTCP_PT_RTPFB, RTCP_FMT_CCFB, fixed + used);
	put_be32(at, ssrc);
	put_be32(at + 4 + used, timestamp);
	return (int)whole;
}

/* ---- XR ---- */

int rtcp_write_rrtr(struct rtcp_writer *w, uint32_t ssrc, uint64_t ntp) {
	uint8_t *at = rtcp_write_space(w, RTCP_PT_XR, 0, RTCP_HEADER + 16);
	if (!at)
		return SLUICE_NO_SPACE;
	put_be32(at, ssrc);
	put_be32(at + 4, RTCP_XR_RRTR << 24 | 2);
	put_be64(at + 8, ntp);
	return 0;
}

int rtcp_write_dlrr(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_dlrr *entries, size_t n) {
	size_t fixed = RTCP_HEADER + 8;
	size_t count = fitting(w, fixed, RTCP_DLRR_ENTRY, n);
	if (count == 0)
		return n ? SLUICE_NO_SPACE : SLUICE_INVALID;
	uint8_t *at = rtcp_write_space(w, RTCP_PT_XR, 0, fixed + count * RTCP_DLRR_ENTRY);
	put_be32(at, ssrc);
	put_be32(at + 4, RTCP_XR_DLRR << 24 | (uint32_t)(3 * count));
	at += 8;
	for (size_t i = 0; i < count; i++, at += RTCP_DLRR_ENTRY) {
		put_be32(at, entries[i].ssrc);
		put_be32(at + 4, entries[i].last_rr);
		put_be32(at + 8, entries[i].delay_since_rr);
	}
	return (int)count;
}
