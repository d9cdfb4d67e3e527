/* openssl_pair.c: the handshake in memory, and the BIO that puts records where the caller wants them. */
#include "openssl_pair.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "harness.h"

#define FLIGHT_BYTES (64 << 10)
#define LINK_MTU 1500

/* ---- the BIO ----------------------------------------------------------------------------------------------------- */

static int bio_write(BIO *bio, const char *data, int len) {
	struct openssl_end *e = BIO_get_data(bio);
	if ((size_t)len > e->out_room - e->out_used || e->count == OPENSSL_FLIGHT_MAX)
		return -1;
	memcpy(e->out + e->out_used, data, (size_t)len);
	e->out_used += (size_t)len;
	e->sizes[e->count++] = (size_t)len;
	return len;
}

static int bio_read(BIO *bio, char *data, int room) {
	struct openssl_end *e = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (e->in_len == 0 || room <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t len = e->in_len < (size_t)room ? e->in_len : (size_t)room;
	memcpy(data, e->in, len);
	e->in_len = 0;
	return (int)len;
}

static long bio_ctrl(BIO *bio, int what, long number, void *pointer) {
	(void)bio;
	(void)number;
	(void)pointer;
	switch (what) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return LINK_MTU;
	default:
		return 0;
	}
}

static BIO_METHOD *bio_method(void) {
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bench datagrams");
	BENCH_MUST(m && BIO_meth_set_write(m, bio_write) && BIO_meth_set_read(m, bio_read) && BIO_meth_set_ctrl(m, bio_ctrl));
	return m;
}

/* ---- set-up ------------------------------------------------------------------------------------------------------ */

static void use_new_certificate(SSL_CTX *ctx) {
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	BENCH_MUST(key && cert && X509_set_version(cert, 2) && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1));
	BENCH_MUST(X509_gmtime_adj(X509_getm_notBefore(cert), 0) && X509_gmtime_adj(X509_getm_notAfter(cert), 86400));
	BENCH_MUST(X509_set_pubkey(cert, key) && X509_sign(cert, key, EVP_sha256()));
	BENCH_MUST(SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static SSL_CTX *new_ctx(const SSL_METHOD *method, const char *cipher) {
	SSL_CTX *ctx = SSL_CTX_new(method);
	BENCH_MUST(ctx && SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) &&
	           SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION) && SSL_CTX_set_cipher_list(ctx, cipher));
	return ctx;
}

static void end_open(struct openssl_end *e, SSL_CTX *ctx, const BIO_METHOD *method) {
	*e = (struct openssl_end){.ssl = SSL_new(ctx)};
	BIO *bio = BIO_new(method);
	BENCH_MUST(e->ssl && bio);
	BIO_set_data(bio, e);
	BIO_set_init(bio, 1);
	SSL_set_bio(e->ssl, bio, bio);
	SSL_set_options(e->ssl, SSL_OP_NO_QUERY_MTU);
	BENCH_MUST(DTLS_set_link_mtu(e->ssl, LINK_MTU));
}

static void write_into(struct openssl_end *e, uint8_t *flight) {
	e->out = flight;
	e->out_room = FLIGHT_BYTES;
	e->out_used = e->count = 0;
}

/* Has `to` read what `from` said, a datagram at a time, and answer into `answer`. */
static void deliver(struct openssl_end *from, struct openssl_end *to, uint8_t *answer) {
	const uint8_t *datagram = from->out;
	write_into(to, answer);
	for (size_t i = 0; i < from->count; i++) {
		to->in = datagram;
		to->in_len = from->sizes[i];
		datagram += from->sizes[i];
		SSL_do_handshake(to->ssl);
	}
}

static void shake_hands(struct openssl_end *client, struct openssl_end *server) {
	uint8_t *a = malloc(FLIGHT_BYTES), *b = malloc(FLIGHT_BYTES);
	BENCH_MUST(a && b);
	SSL_set_connect_state(client->ssl);
	SSL_set_accept_state(server->ssl);
	write_into(client, a);
	SSL_do_handshake(client->ssl);
	for (int rounds = 0; rounds < 8 && client->count + server->count > 0; rounds++) {
		deliver(client, server, b);
		deliver(server, client, a);
	}
	BENCH_MUST(SSL_is_init_finished(client->ssl) && SSL_is_init_finished(server->ssl));
	free(a);
	free(b);
}

void openssl_pair_open(struct openssl_pair *p, const char *cipher) {
	*p = (struct openssl_pair){.method = bio_method()};
	p->client_ctx = new_ctx(DTLS_client_method(), cipher);
	p->server_ctx = new_ctx(DTLS_server_method(), cipher);
	use_new_certificate(p->server_ctx);
	end_open(&p->client, p->client_ctx, p->method);
	end_open(&p->server, p->server_ctx, p->method);
	shake_hands(&p->client, &p->server);
}

void openssl_pair_close(struct openssl_pair *p) {
	SSL_free(p->client.ssl);
	SSL_free(p->server.ssl);
	SSL_CTX_free(p->client_ctx);
	SSL_CTX_free(p->server_ctx);
	BIO_meth_free(p->method);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

size_t openssl_seal(struct openssl_end *e, const void *data, size_t len, uint8_t *out, size_t room) {
	e->out = out;
	e->out_room = room;
	e->out_used = e->count = 0;
	BENCH_MUST(SSL_write(e->ssl, data, (int)len) == (int)len);
	return e->out_used;
}

size_t openssl_open(struct openssl_end *e, const uint8_t *record, size_t len, void *data, size_t room) {
	e->in = record;
	e->in_len = len;
	int n = SSL_read(e->ssl, data, (int)room);
	e->in_len = 0;
	return n > 0 ? (size_t)n : 0;
}
