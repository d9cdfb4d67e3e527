/* ntp: times as RTCP writes them. RFC 3550, section 4.
 *
 * An NTP time is 32.32 fixed point: seconds since 1900. A report block has only its middle 32 bits, 16.16. Inside, times are ns
 * of any clock. Who knows the calendar says once how far that clock is behind 1900 (ntp_offset, in ns). */
#ifndef RTP_NTP_H
#define RTP_NTP_H

#include <stdint.h>

#define NTP_UNIX_EPOCH UINT64_C(2208988800) /* seconds from 1900 to 1970 */

static inline uint64_t ntp_of(uint64_t ns) {
	uint64_t seconds = ns / 1000000000, rest = ns % 1000000000;
	return seconds << 32 | (rest << 32) / 1000000000;
}
static inline uint32_t ntp_middle(uint64_t ntp) {
	return (uint32_t)(ntp >> 16);
}
/* A span of time in 1 / 65536 s, cut at 32 bits, and back. */
static inline uint32_t ntp_short_of(uint64_t ns) {
	uint64_t seconds = ns / 1000000000;
	return seconds > UINT16_MAX ? UINT32_MAX : (uint32_t)(seconds << 16 | (ns % 1000000000 << 16) / 1000000000);
}
static inline uint64_t ntp_short_ns(uint32_t span) {
	return (uint64_t)span * 1000000000 >> 16;
}

/* RFC 3550, 6.4.1: the round trip is A - LSR - DLSR, from when the block came (A), which report it answers and how long the peer
 * held that. Returns ns, and 0 when the block answers nothing or says what cannot be: more than a minute, or less than nothing by
 * more than the rounding. */
static inline uint64_t ntp_round_trip(uint64_t now_ntp, uint32_t last, uint32_t delay) {
	uint32_t span = ntp_middle(now_ntp) - last - delay;
	if (last == 0 || (span > 60u << 16 && (int32_t)span < -64))
		return 0;
	uint64_t ns = (int32_t)span <= 0 ? 0 : ntp_short_ns(span);
	return ns > 1000 ? ns : 1000;
}

#endif
