/* srtp: one direction of an SRTP session: RTP and RTCP packets are protected, or unprotected, in place and in batches.
 *
 * RFC 3711 with the profiles of RFC 5764 and RFC 7714. A context has the session keys of one master key, and for each SSRC the
 * window over its packet numbers, from which the roll-over counter comes. RTP and RTCP may be mixed in a batch as on one port
 * (RFC 5761, section 4). It knows no payloads, no time and no DTLS; srtp_kdf.h makes master keys of what DTLS exports.
 *
 * Why no IV is used twice. An IV is made of the SSRC and of a number (RFC 3711, 4.1.1; RFC 7714, 8.1), under a key that seals in
 * one direction only. srtp_protect_batch() marks each RTP number in the SSRC's window before it seals, and a number that is
 * marked or lies behind the window is refused. A sender's SSRC is never forgotten. SRTCP's numbers are one counter for all
 * SSRCs. So a key is for one context: a second one with the same key would begin its numbers anew.
 *
 * What a stranger can do. A forged packet costs one check of a tag, or two (srtp_unprotect_batch()). Nothing of it is kept.
 *
 *   sealed <= 2^48 of RTP, 2^31 of RTCP (RFC 3711, 9.2); where either is reached, error == SLUICE_LIMIT
 *   window.highest of an RTP stream < 2^48, of an RTCP stream < 2^31
 *   a sealing context has no RTCP streams
 *
 * Memory: 12 KiB for 64 SSRCs, twice for a receiver, and the ciphers. Nothing is allocated but in srtp_open(), and where a
 * sender's table grows;
 * crypto/srtp_cipher.h says what OpenSSL does. */
#ifndef RTP_SRTP_H
#define RTP_SRTP_H

#include "crypto/srtp_cipher.h"
#include "rtp/srtp_kdf.h"
#include "rtp/ssrc_table.h"

/* What happened to a packet. */
enum srtp_result {
	SRTP_OK,
	/* The number was taken already. A sender must not use it for another packet. */
	SRTP_REPLAYED,
	/* The number is behind the window, so nobody can know. */
	SRTP_OLD,
	/* The tag is wrong, or the number is beyond the last one. */
	SRTP_FORGED,
	/* Not version 2, or too short for its header and what belongs behind it. */
	SRTP_MALFORMED,
	/* Sealing only: the return value says why. */
	SRTP_REFUSED,
};
#define SRTP_RESULTS 6

/* A packet of a batch. Unless the result is SRTP_OK, the bytes are garbage afterwards and must not leave. */
struct srtp_packet {
	uint8_t *data;
	/* Protecting adds up to SRTP_TAIL bytes, which the caller has room for behind the packet. Unprotecting takes them off. */
	size_t len;
	enum srtp_result result;
	bool rtcp; /* set by both */
};
#define SRTP_TAIL (SRTP_TAG_MAX + 4)

/* One kind of packets, RTP or RTCP. */
struct srtp_flow {
	struct srtp_cipher *cipher;
	uint8_t salt[16]; /* zeros behind it */
	uint64_t sealed;  /* packets; of RTCP also the number of the next one */
	size_t tag;
	struct ssrc_table streams;
};

struct srtp {
	enum aead_use use;
	bool aead, repeats, grows;
	int error; /* what ended it, or 0 */
	struct srtp_flow flow[2];
	uint64_t counts[SRTP_RESULTS]; /* packets so far, by result */
};

struct srtp_config {
	enum srtp_profile profile;
	enum aead_use use; /* AEAD_SEAL to protect, AEAD_OPEN to unprotect */
	enum aead_backend backend;
	/* SSRCs, of RTP and of RTCP each; 0: SRTP_STREAMS. A sender that has used all of them can begin no other, unless its
	 * table grows. A receiver forgets the one that was silent for the longest time. A packet of that one counts as a new
	 * stream's first. */
	uint32_t streams;
	/* Sealing: room is made for more SSRCs, up to SSRC_TABLE_MAX. */
	bool grows;
	/* A number in the window may be protected again, for retransmissions without RTX. The packet must then be the same: a key
	 * stream used for two payloads gives both away. Without effect for AEAD profiles, where even another header would be
	 * fatal. */
	bool repeats;
};
#define SRTP_STREAMS 64

/* Returns 0, or
 *   SLUICE_NO_MEMORY
 *   SLUICE_INVALID    more streams than SSRC_TABLE_MAX
 *   SLUICE_CRYPTO     there is no cipher: the library refuses, it has no memory, or the back end is not there
 * Nothing is left then. */
int srtp_open(struct srtp *s, sluice_env *env, const struct srtp_config *config, const struct srtp_master *master);
/* The same with session keys, of RTP and of RTCP: published vectors begin with those. */
int srtp_open_with(struct srtp *s, sluice_env *env, const struct srtp_config *config, const struct srtp_session_keys keys[2]);
/* Wipes the keys. Also for a context of zeros. */
void srtp_close(struct srtp *s);

/* RTP is protected soon: asks for the memory of the last stream and the cipher, then for that of the key. */
void srtp_prefetch(const struct srtp *s);
void srtp_prefetch_key(const struct srtp *s);
/* Protects each packet whose result is SRTP_OK. Returns 0, or
 *   SLUICE_LIMIT   the key's packets are used up: the context is at its end and refuses everything from now on. Or the packet has
 *                  one SSRC more than the table: only such packets are refused
 *   SLUICE_CRYPTO  the library refused */
int srtp_protect_batch(struct srtp *s, struct srtp_packet *packets, size_t count);

/* Has this SSRC been sealed with? Then *next is the sequence number behind its highest one. A stream that begins anew goes on
 * there. */
bool srtp_next_sequence(struct srtp *s, uint32_t ssrc, uint16_t *next);

/* Unprotects each packet, and returns how many have the result SRTP_OK. Of a batch the same ones are taken as one by one. A
 * forged copy of a packet behind it is REPLAYED one by one, and FORGED in a batch, where both are looked at together. SRTCP
 * without encryption is taken too, because it is authentic (RFC 3711, 3.4).
 *
 * The first packet of an SSRC is taken to be before the first wrap of its sequence numbers. If its tag is wrong then and its
 * number is just behind a wrap, it is tried once more as one behind the wrap: the sender began near 0xFFFF, and the packets
 * before the wrap were lost. Otherwise its stream would be lost for good (RFC 3711, 3.3.1). */
size_t srtp_unprotect_batch(struct srtp *s, struct srtp_packet *packets, size_t count);

/* "SRTP_FORGED" without its prefix: "FORGED". */
const char *srtp_result_name(enum srtp_result result);

bool srtp_check(const struct srtp *s);

#endif
