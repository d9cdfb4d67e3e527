/* crc32c: the four implementations and the choice between them. Of a packet it knows only where the checksum lies. */
#include "base/crc32c.h"

#include <stdbool.h>
#include <string.h>

#include "base/crc32c_tables.h"

/* What the CPU has, under one set of names. The compiler may use it in functions with these marks alone: the build is for any
 * CPU of its kind. */
#if defined(__x86_64__)

#define CRC32C_X86 1
#include <immintrin.h>

#define WITH_INSTRUCTION __attribute__((target("sse4.2")))
#define WITH_PRODUCTS __attribute__((target("sse4.2,pclmul")))

WITH_INSTRUCTION static inline uint64_t crc_of_8(uint64_t state, uint64_t v) {
	return _mm_crc32_u64(state, v);
}
WITH_INSTRUCTION static inline uint32_t crc_of_4(uint32_t state, uint32_t v) {
	return _mm_crc32_u32(state, v);
}
WITH_INSTRUCTION static inline uint32_t crc_of_2(uint32_t state, uint16_t v) {
	return _mm_crc32_u16(state, v);
}
WITH_INSTRUCTION static inline uint32_t crc_of_1(uint32_t state, uint8_t v) {
	return _mm_crc32_u8(state, v);
}
/* Carry-less; the lower half. */
WITH_PRODUCTS static inline uint64_t product(uint64_t a, uint32_t b) {
	__m128i both = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)a), _mm_cvtsi32_si128((int)b), 0);
	return (uint64_t)_mm_cvtsi128_si64(both);
}

static bool has_instruction(void) {
	return __builtin_cpu_supports("sse4.2");
}
static bool has_products(void) {
	return has_instruction() && __builtin_cpu_supports("pclmul");
}

#elif defined(__aarch64__) && defined(__linux__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#define CRC32C_ARM 1
#include <arm_acle.h>
#include <arm_neon.h>
#include <sys/auxv.h>

#if defined(__clang__)
#define WITH_INSTRUCTION __attribute__((target("crc")))
#define WITH_PRODUCTS __attribute__((target("crc,aes")))
#if !defined(__ARM_FEATURE_CRC32) /* older ones declare them only then */
#define __crc32cd __builtin_arm_crc32cd
#define __crc32cw __builtin_arm_crc32cw
#define __crc32ch __builtin_arm_crc32ch
#define __crc32cb __builtin_arm_crc32cb
#endif
#else
#define WITH_INSTRUCTION __attribute__((target("+crc")))
#define WITH_PRODUCTS __attribute__((target("+crc+crypto")))
#endif
/* Linux's bits of AT_HWCAP. */
#define HAS_PMULL (1ul << 4)
#define HAS_CRC32 (1ul << 7)

WITH_INSTRUCTION static inline uint64_t crc_of_8(uint64_t state, uint64_t v) {
	return __crc32cd((uint32_t)state, v);
}
WITH_INSTRUCTION static inline uint32_t crc_of_4(uint32_t state, uint32_t v) {
	return __crc32cw(state, v);
}
WITH_INSTRUCTION static inline uint32_t crc_of_2(uint32_t state, uint16_t v) {
	return __crc32ch(state, v);
}
WITH_INSTRUCTION static inline uint32_t crc_of_1(uint32_t state, uint8_t v) {
	return __crc32cb(state, v);
}
WITH_PRODUCTS static inline uint64_t product(uint64_t a, uint32_t b) {
	return vgetq_lane_u64(vreinterpretq_u64_p128(vmull_p64(a, b)), 0);
}

static bool has_instruction(void) {
	return getauxval(AT_HWCAP) & HAS_CRC32;
}
static bool has_products(void) {
	return has_instruction() && getauxval(AT_HWCAP) & HAS_PMULL;
}

#endif

#if defined(CRC32C_X86) || defined(CRC32C_ARM)
#define CRC32C_CPU 1
#endif

/* ---- tables ---- */

/* Byte by byte, so that it is right on a machine of either byte order. Compilers make one load of it. */
static uint32_t load_le32(const uint8_t *p) {
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t table_extend(uint32_t state, const void *data, size_t len) {
	const uint32_t(*t)[256] = crc32c_bytes;
	const uint8_t *p = data;
	for (; len >= 8; p += 8, len -= 8) {
		uint32_t low = state ^ load_le32(p), high = load_le32(p + 4);
		state = t[7][low & 255] ^ t[6][low >> 8 & 255] ^ t[5][low >> 16 & 255] ^ t[4][low >> 24] ^ t[3][high & 255] ^
		        t[2][high >> 8 & 255] ^ t[1][high >> 16 & 255] ^ t[0][high >> 24];
	}
	for (; len > 0; p++, len--)
		state = state >> 8 ^ t[0][(state ^ *p) & 255];
	return state;
}

#ifdef CRC32C_CPU

/* ---- the instruction ---- */

static inline uint64_t load64(const uint8_t *p) {
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

WITH_INSTRUCTION static inline uint32_t by_words(uint32_t state, const uint8_t *p, size_t len) {
	uint64_t s = state;
	for (; len >= 8; p += 8, len -= 8)
		s = crc_of_8(s, load64(p));
	state = (uint32_t)s;
	if (len & 4) {
		uint32_t v;
		memcpy(&v, p, sizeof v);
		state = crc_of_4(state, v);
		p += 4;
	}
	if (__builtin_expect(len & 3, 0)) { /* packets are padded to words of four bytes */
		if (len & 2) {
			uint16_t v;
			memcpy(&v, p, sizeof v);
			state = crc_of_2(state, v);
			p += 2;
		}
		if (len & 1)
			state = crc_of_1(state, *p);
	}
	return state;
}

WITH_INSTRUCTION static uint32_t instruction_extend(uint32_t state, const void *data, size_t len) {
	return by_words(state, data, len);
}

/* ---- three streams of the instruction ---- */

/* The state after `words` 8-byte words of zeros, not yet reduced: see crc32c_powers. */
WITH_PRODUCTS static inline uint64_t moved(uint64_t state, size_t words) {
	return product(state, crc32c_powers[words]);
}

/* The CPU can start one CRC instruction in each cycle, but its result takes three cycles. A single chain would leave two thirds
 * of the unit idle. So the data is cut into three equal streams of `words` words, which run beside each other. Then the first two
 * states are moved over the data behind them, and all three are added up. */
WITH_PRODUCTS static inline uint32_t three_streams(uint32_t state, const uint8_t *p, size_t words) {
	const uint8_t *q = p + 8 * words, *r = q + 8 * words;
	uint64_t a = state, b = 0, c = 0;
	size_t i = 0, whole = 8 * (words & ~(size_t)3), end = 8 * words;
	/* Four words a turn: counting and jumping cost as much as one of the streams. */
	for (; i < whole; i += 32) {
		a = crc_of_8(a, load64(p + i)), b = crc_of_8(b, load64(q + i)), c = crc_of_8(c, load64(r + i));
		a = crc_of_8(a, load64(p + i + 8)), b = crc_of_8(b, load64(q + i + 8));
		c = crc_of_8(c, load64(r + i + 8));
		a = crc_of_8(a, load64(p + i + 16)), b = crc_of_8(b, load64(q + i + 16));
		c = crc_of_8(c, load64(r + i + 16));
		a = crc_of_8(a, load64(p + i + 24)), b = crc_of_8(b, load64(q + i + 24));
		c = crc_of_8(c, load64(r + i + 24));
	}
	for (; i < end; i += 8) {
		a = crc_of_8(a, load64(p + i));
		b = crc_of_8(b, load64(q + i));
		c = crc_of_8(c, load64(r + i));
	}
	return (uint32_t)(c ^ crc_of_8(0, moved(a, 2 * words) ^ moved(b, words)));
}

/* There is a constant for each number of words up to STREAM_MAX, so a packet of any length profits: at most 23 of its bytes do
 * not go through the streams. Below STREAMS_FROM, adding up costs more than the streams save. */
#define STREAM_MAX (CRC32C_POWERS / 2)
#define STREAMS_FROM 72

#define STREAMS_MOST (24 * (size_t)STREAM_MAX) /* at once */

/* Less than STREAMS_MOST, as all packets but the very largest. */
WITH_PRODUCTS static inline uint32_t by_streams(uint32_t state, const uint8_t *p, size_t len) {
	if (len >= STREAMS_FROM) {
		uint32_t words = (uint32_t)len / 24;
		state = three_streams(state, p, words);
		p += 24 * words;
		len -= 24 * words;
	}
	return by_words(state, p, len);
}

WITH_PRODUCTS static uint32_t interleaved_extend(uint32_t state, const void *data, size_t len) {
	const uint8_t *p = data;
	for (; len >= STREAMS_MOST; p += STREAMS_MOST, len -= STREAMS_MOST)
		state = three_streams(state, p, STREAM_MAX);
	return by_streams(state, p, len);
}

/* The state after the first 16 bytes of a packet, with the checksum field (bytes 8..11) taken as zero. */
WITH_INSTRUCTION static inline uint32_t head_state(const uint8_t *packet) {
	uint64_t s = crc_of_8(CRC32C_INIT, load64(packet));
	return (uint32_t)crc_of_8(s, load64(packet + 8) & ~(uint64_t)UINT32_MAX);
}

WITH_PRODUCTS static uint32_t interleaved_packet(const uint8_t *packet, size_t len) {
	return len < STREAMS_MOST ? by_streams(head_state(packet), packet + 16, len - 16)
	                          : interleaved_extend(head_state(packet), packet + 16, len - 16);
}

#endif

#ifdef CRC32C_X86

/* ---- folding ---- */

#define FOLD_TARGET __attribute__((target("avx512f,vpclmulqdq,pclmul,sse4.2")))
#define FOLD_STEP 256
/* Below, bringing the lanes together costs more than they save. */
#define FOLDED_FROM 768

/* Moves each 16 bytes over `words` 8-byte words: see crc32c_powers. The first eight of them are one word further away. */
FOLD_TARGET static inline __m512i fold_by(size_t words) {
	return _mm512_broadcast_i32x4(_mm_set_epi64x(crc32c_powers[words], crc32c_powers[words + 1]));
}

FOLD_TARGET static inline __m512i folded(__m512i a, __m512i by, __m512i onto) {
	__m512i first = _mm512_clmulepi64_epi128(a, by, 0x00), second = _mm512_clmulepi64_epi128(a, by, 0x11);
	return _mm512_xor_si512(onto, _mm512_xor_si512(first, second));
}

FOLD_TARGET static inline __m512i load512(const uint8_t *p) {
	return _mm512_loadu_si512(p);
}

/* Sixteen lanes of 16 bytes, each moved onto the one 256 bytes behind it: all there is to do are carry-less products, four lanes
 * at a time. At the end the first twelve lanes are moved onto the last four, and these 64 bytes go through the instruction. */
FOLD_TARGET static uint32_t folded_extend(uint32_t state, const void *data, size_t len) {
	const uint8_t *p = data;
	if (len < FOLDED_FROM)
		return interleaved_extend(state, data, len);
	__m512i by = fold_by(FOLD_STEP / 8);
	__m512i a = _mm512_xor_si512(load512(p), _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)state)));
	__m512i b = load512(p + 64), c = load512(p + 128), d = load512(p + 192);
	for (p += FOLD_STEP, len -= FOLD_STEP; len >= FOLD_STEP; p += FOLD_STEP, len -= FOLD_STEP) {
		a = folded(a, by, load512(p));
		b = folded(b, by, load512(p + 64));
		c = folded(c, by, load512(p + 128));
		d = folded(d, by, load512(p + 192));
	}
	by = fold_by(64 / 8);
	uint8_t last[64];
	_mm512_storeu_si512(last, folded(folded(folded(a, by, b), by, c), by, d));
	/* Until the upper halves are zero, each SSE instruction waits for them. */
	_mm256_zeroupper();
	return interleaved_extend(instruction_extend(0, last, sizeof last), p, len);
}

FOLD_TARGET static uint32_t folded_packet(const uint8_t *packet, size_t len) {
	return folded_extend(head_state(packet), packet + 16, len - 16);
}

static bool has_folding(void) {
	return has_products() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq");
}

#endif

/* ---- the choice ---- */

crc32c_fn crc32c_implementation(int which) {
	if (which == 0)
		return table_extend;
#ifdef CRC32C_CPU
	if (which == 1 && has_instruction())
		return instruction_extend;
	if (which == 2 && has_products())
		return interleaved_extend;
#endif
#ifdef CRC32C_X86
	if (which == 3 && has_folding())
		return folded_extend;
#endif
	return NULL;
}

static crc32c_fn best(void) {
	for (int which = CRC32C_IMPLEMENTATIONS - 1; which > 0; which--) {
		crc32c_fn fn = crc32c_implementation(which);
		if (fn)
			return fn;
	}
	return table_extend;
}

/* Threads that come here at the same time make the same choice, so any of their stores may win. Nothing but the pointer is
 * published, so relaxed order is enough. */
static crc32c_fn chosen(void) {
	static crc32c_fn choice;
	crc32c_fn fn = __atomic_load_n(&choice, __ATOMIC_RELAXED);
	if (!fn) {
		fn = best();
		__atomic_store_n(&choice, fn, __ATOMIC_RELAXED);
	}
	return fn;
}

uint32_t crc32c_extend(uint32_t state, const void *data, size_t len) {
	return chosen()(state, data, len);
}

uint32_t crc32c(const void *data, size_t len) {
	return crc32c_finish(crc32c_extend(CRC32C_INIT, data, len));
}

/* The state after a packet of any length, by any implementation. The checksum field counts as zeros. It is not cleared in the
 * packet, because others may be reading that. */
static uint32_t any_packet(const uint8_t *packet, size_t len) {
	static const uint8_t field[4];
	crc32c_fn extend = chosen();
	uint32_t state = extend(CRC32C_INIT, packet, 8);
	state = extend(state, field, sizeof field);
	return extend(state, packet + 12, len - 12);
}

crc32c_packet_fn crc32c_packet_implementation(int which) {
#ifdef CRC32C_CPU
	if (which == 2 && has_products())
		return interleaved_packet;
#endif
#ifdef CRC32C_X86
	if (which == 3 && has_folding())
		return folded_packet;
#endif
	(void)which;
	return NULL;
}

static crc32c_packet_fn best_packet(void) {
	for (int which = CRC32C_IMPLEMENTATIONS - 1; which > 0; which--) {
		crc32c_packet_fn fn = crc32c_packet_implementation(which);
		if (fn)
			return fn;
	}
	return any_packet;
}

/* As chosen(). */
static crc32c_packet_fn chosen_packet(void) {
	static crc32c_packet_fn choice;
	crc32c_packet_fn fn = __atomic_load_n(&choice, __ATOMIC_RELAXED);
	if (!fn) {
		fn = best_packet();
		__atomic_store_n(&choice, fn, __ATOMIC_RELAXED);
	}
	return fn;
}

/* RFC 9260, 6.8: the checksum covers the whole packet with the common header; its own field counts as zeros. */
uint32_t crc32c_packet(const uint8_t *packet, size_t len) {
	uint32_t crc = crc32c_finish(len < 16 ? any_packet(packet, len) : chosen_packet()(packet, len));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	crc = __builtin_bswap32(crc);
#endif
	return crc;
}
