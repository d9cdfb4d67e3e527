/* crc32c: the checksum of SCTP packets (RFC 9260, Appendix A).
 *
 * Four implementations of one function: carry-less products of 64 bytes at a time (x86 with AVX-512 and VPCLMULQDQ), the CPU's
 * instruction in three interleaved streams (x86 with SSE4.2 and PCLMUL, aarch64 with CRC32 and PMULL), the instruction alone, and
 * tables (slicing by 8) for any machine. The first call chooses by what the CPU has. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC32c of the bytes as a number: 0 for no bytes, 0xe3069283 for "123456789". */
uint32_t crc32c(const void *data, size_t len);

/* The CRC32c of several pieces: start with CRC32C_INIT, extend by each piece, finish. */
#define CRC32C_INIT 0xffffffffu
uint32_t crc32c_extend(uint32_t state, const void *data, size_t len);
static inline uint32_t crc32c_finish(uint32_t state) {
	return ~state;
}

/* The CRC of an SCTP packet of at least 12 bytes, with its checksum field taken as zero. It has the byte order of the packet, so
 * memcpy it into bytes 8..11. */
uint32_t crc32c_packet(const uint8_t *packet, size_t len);

/* Returns one implementation, for tests and benches. 0: tables, 1: the instruction, 2: interleaved, 3: folding. NULL when this
 * CPU cannot run it. */
#define CRC32C_IMPLEMENTATIONS 4
typedef uint32_t (*crc32c_fn)(uint32_t state, const void *data, size_t len);
crc32c_fn crc32c_implementation(int which);
/* The same for a packet of at least 16 bytes: the state after it, its checksum field taken as zero. NULL too when the
 * implementation has nothing of its own for that. */
typedef uint32_t (*crc32c_packet_fn)(const uint8_t *packet, size_t len);
crc32c_packet_fn crc32c_packet_implementation(int which);

#endif
