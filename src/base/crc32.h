/* crc32: the checksum of ISO-HDLC, V.42 and zlib. STUN's FINGERPRINT uses it (RFC 8489, 14.7), and DTLS in STUN names its
 * datagrams by it. SCTP's checksum is another one; see crc32c.h. The function is not called crc32, because zlib exports that
 * name. */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* 0 for no bytes, 0xcbf43926 for "123456789". */
uint32_t crc32_ieee(const void *data, size_t len);

#endif
