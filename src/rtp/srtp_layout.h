/* srtp_layout: where do the parts of a protected packet stand, what is authenticated, and under which IV? For srtp.c alone.
 *
 *             in the clear            encrypted      behind it
 *   SRTP   CM  header                  payload        tag                      the HMAC also has the roll-over counter
 *   SRTP   AEAD  header                payload        tag 16
 *   SRTCP  CM  header and SSRC, 8      the rest       E and index 4, tag 10    the HMAC also has E and index
 *   SRTCP  AEAD  header and SSRC, 8    the rest       tag 16, E and index 4    the AAD also has E and index
 *
 * SRTCP without encryption (E is 0) has the same parts, and all of them are in the clear.
 *
 * Each function fills one job for the cipher. It knows no streams and no windows: lengths were checked before. Bytes of the
 * packet change only behind the text. */
#ifndef RTP_SRTP_LAYOUT_H
#define RTP_SRTP_LAYOUT_H

#include <string.h>

#include "base/bytes.h"
#include "crypto/srtp_cipher.h"

#define SRTP_INDEX_SIZE 4 /* E and SRTCP's index */
#define SRTP_ROC_SIZE 4
#define SRTP_E_FLAG UINT32_C(0x80000000)
#define SRTCP_CLEAR 8 /* the first header of a compound packet, and the SSRC of its sender */
/* What has no place in the packet: the AAD of SRTCP, or the tag of a packet that was not encrypted. */
#define SRTP_SPACE 16

/* RFC 3711, 4.1.1: "IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16)". The salt has zeros behind it. */
static inline void srtp_layout_cm_iv(uint8_t iv[16], const uint8_t salt[16], uint32_t ssrc, uint64_t index) {
	put_be64(iv, get_be64(salt) ^ ssrc);
	put_be64(iv + 8, get_be64(salt + 8) ^ index << 16);
}

/* RFC 7714, 8.1 and 9.1: two bytes of zero, SSRC, roll-over counter and sequence number; for SRTCP two more bytes of zero and the
 * index. As one number both are 48 bits. XOR the salt. */
static inline void srtp_layout_aead_nonce(uint8_t nonce[AEAD_NONCE_SIZE], const uint8_t *salt, uint32_t ssrc, uint64_t index) {
	put_be32(nonce, get_be32(salt) ^ ssrc >> 16);
	put_be64(nonce + 4, get_be64(salt + 4) ^ ((uint64_t)ssrc << 48 | index));
}

/* ---- SRTP; `end` is the packet's length without its tag ---- */

static inline void srtp_layout_rtp_cm(struct srtp_cm_job *j, uint8_t *data, size_t header, size_t end, uint64_t index) {
	put_be32(data + end, (uint32_t)(index >> 16));
	j->auth = data;
	j->auth_len = end + SRTP_ROC_SIZE;
	j->text = data + header;
	j->len = end - header;
}

static inline void srtp_layout_rtp_aead(struct aead_job *j, uint8_t *data, size_t header, size_t end) {
	j->aad = data;
	j->aad_len = header;
	j->text = data + header;
	j->len = end - header;
}

/* ---- SRTCP; `end` is the packet's length without tag, E and index ---- */

static inline void srtp_layout_rtcp_cm(struct srtp_cm_job *j, uint8_t *data, size_t end, uint32_t word) {
	put_be32(data + end, word);
	j->auth = data;
	j->auth_len = end + SRTP_INDEX_SIZE;
	j->text = data + SRTCP_CLEAR;
	j->len = word & SRTP_E_FLAG ? end - SRTCP_CLEAR : 0;
}

/* RFC 7714, 9.2: the AAD of an encrypted packet is its first 8 bytes, and E and index. */
static inline void srtp_layout_rtcp_aead(struct aead_job *j, uint8_t *data, size_t end, uint32_t word,
                                         uint8_t space[SRTP_SPACE]) {
	memcpy(space, data, SRTCP_CLEAR);
	put_be32(space + SRTCP_CLEAR, word);
	j->aad = space;
	j->aad_len = SRTCP_CLEAR + SRTP_INDEX_SIZE;
	j->text = data + SRTCP_CLEAR;
	j->len = end - SRTCP_CLEAR;
}

/* RFC 7714, 9.3: the AAD of a packet without encryption is all of it, and E and index. They stand behind the tag, and the cipher
 * wants one piece. So they take the tag's place, and the tag goes to `space`, behind a text of no bytes. */
static inline void srtp_layout_rtcp_aead_clear(struct aead_job *j, uint8_t *data, size_t end, uint32_t word,
                                               uint8_t space[SRTP_SPACE]) {
	memcpy(space, data + end, AEAD_TAG_SIZE);
	put_be32(data + end, word);
	j->aad = data;
	j->aad_len = end + SRTP_INDEX_SIZE;
	j->text = space;
	j->len = 0;
}

#endif
