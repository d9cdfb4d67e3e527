/* crc32c: the checksum of SCTP packets (RFC 9260, Appendix A).
 *
 * Three implementations of one function: the CPU's instruction in three interleaved streams (SSE4.2 with PCLMUL), the
 * instruction alone, and tables (slicing by 8) for any machine. Which one runs is decided at first use by what the CPU
 * says. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC32c of the bytes as a number: 0 for no bytes, 0xe3069283 for "123456789". */
uint32_t crc32c(const void *data, size_t len);

/* Of several pieces: start with CRC32C_INIT, extend, finish. */
#define CRC32C_INIT 0xffffffffu
uint32_t crc32c_extend(uint32_t state, const void *data, size_t len);
static inline uint32_t crc32c_finish(uint32_t state) {
	return ~state;
}

/* The CRC of an SCTP packet of at least 12 bytes, counting its checksum field as zero, in the byte order in which it is
 * stored: memcpy it into bytes 8..11 (the CRC goes least significant byte first). */
uint32_t crc32c_packet(const uint8_t *packet, size_t len);

/* One implementation by number, for tests and benches: 0 tables, 1 instruction, 2 interleaved; NULL when this CPU lacks it. */
typedef uint32_t (*crc32c_fn)(uint32_t state, const void *data, size_t len);
crc32c_fn crc32c_implementation(int which);

#endif
