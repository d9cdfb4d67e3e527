/* openssl_pair: two connected ends of DTLS 1.2, made by OpenSSL alone, to hold sluice against.
 *
 * It uses nothing of src/, so that it stays a reference. The handshake is done in memory; afterwards each end can be used in a
 * process of its own. The program ends with BENCH_MUST when OpenSSL refuses anything. */
#ifndef BENCH_OPENSSL_PAIR_H
#define BENCH_OPENSSL_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#define OPENSSL_AES128_GCM "ECDHE-ECDSA-AES128-GCM-SHA256"
#define OPENSSL_CHACHA20_POLY1305 "ECDHE-ECDSA-CHACHA20-POLY1305"

/* What AES-GCM adds to a payload in DTLS 1.2: header 13, explicit nonce 8, tag 16 (RFC 6347, 4.1; RFC 5288, 3). */
#define OPENSSL_GCM_OVERHEAD 37

#define OPENSSL_FLIGHT_MAX 16

struct openssl_end {
	SSL *ssl;
	/* Where SSL_write's datagrams go, and how long each one is. */
	uint8_t *out;
	size_t out_room, out_used;
	size_t sizes[OPENSSL_FLIGHT_MAX], count;
	/* The datagram that the next SSL_read gets. */
	const uint8_t *in;
	size_t in_len;
};

struct openssl_pair {
	SSL_CTX *client_ctx, *server_ctx;
	BIO_METHOD *method;
	struct openssl_end client, server;
};

/* Makes and connects both ends. cipher: one of the names above. Do not move the pair afterwards. */
void openssl_pair_open(struct openssl_pair *p, const char *cipher);
void openssl_pair_close(struct openssl_pair *p);

/* SSL_write of one record straight into out. Returns its length. */
size_t openssl_seal(struct openssl_end *e, const void *data, size_t len, uint8_t *out, size_t room);

/* SSL_read of one record. Returns the payload's length, 0 when the record is not authentic or was seen before. */
size_t openssl_open(struct openssl_end *e, const uint8_t *record, size_t len, void *data, size_t room);

#endif
