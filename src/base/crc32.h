/* crc32: the checksum of ISO-HDLC, V.42 and zlib, which STUN's FINGERPRINT uses (RFC 8489, 14.7) and by which datagrams of DTLS
 * in STUN are named. It runs over some short messages a second, so one small table does; SCTP's checksum is crc32c.h. (zlib exports a `crc32`, hence the name.) */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* 0 for no bytes, 0xcbf43926 for "123456789". */
uint32_t crc32_ieee(const void *data, size_t len);

#endif
