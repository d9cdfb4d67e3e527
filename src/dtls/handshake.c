/* handshake.c: configuration, steps and end of OpenSSL's handshake. */
#include "dtls/handshake.h"

#include <openssl/err.h>

#include "dtls/buffers.h"
#include "dtls/certificate.h"
#include "dtls/flights.h"
#include "dtls/sessions.h"

/* OpenSSL collects a flight in a buffer of 4,096 bytes, and a datagram above that would be cut in the middle of a record. Records
 * of data are not bound by it. */
#define HANDSHAKE_MTU_MAX 4000

/* RFC 8827, 6.5: "All implementations MUST support DTLS 1.2 with the TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 cipher suite".
 * The RSA ones are for peers that bring an RSA certificate. */
#define DEFAULT_CIPHERS                                                                                                          \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                                             \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                                             \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/* ---- what OpenSSL is configured with ------------------------------------------------------------------------------- */

static size_t handshake_mtu(const struct dtls *d) {
	return d->transport.mtu < HANDSHAKE_MTU_MAX ? d->transport.mtu : HANDSHAKE_MTU_MAX;
}

/* The rooms around a record are fixed only for AEAD suites; a block cipher's padding depends on the length. */
static bool only_aead(SSL *ssl) {
	STACK_OF(SSL_CIPHER) *ciphers = SSL_get_ciphers(ssl);
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
		if (!SSL_CIPHER_is_aead(sk_SSL_CIPHER_value(ciphers, i)))
			return false;
	return true;
}

static int set_ciphers(struct dtls *d, const char *ciphers) {
	if (SSL_set_cipher_list(d->ssl, ciphers ? ciphers : DEFAULT_CIPHERS) == 1 && only_aead(d->ssl))
		return 0;
	return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE ? SLUICE_NO_MEMORY : SLUICE_INVALID;
}

int handshake_open(struct dtls *d, const struct dtls_config *config) {
	d->ssl = SSL_new(d->certificate->ctx);
	BIO *bio = d->ssl ? transport_bio(&d->transport) : NULL;
	if (!bio)
		return SLUICE_NO_MEMORY;
	SSL_set_bio(d->ssl, bio, bio);
	if (SSL_set_app_data(d->ssl, d) != 1)
		return SLUICE_NO_MEMORY;
	flights_open(d, config->first_timeout);
	SSL_set_mtu(d->ssl, (long)handshake_mtu(d));
	buffers_init(d);
	if (d->client)
		SSL_set_connect_state(d->ssl);
	else
		SSL_set_accept_state(d->ssl);
	if (!d->client && !d->resume && !sessions_refuse(d->ssl))
		return SLUICE_NO_MEMORY;
	return set_ciphers(d, config->ciphers);
}

/* ---- steps --------------------------------------------------------------------------------------------------------- */

/* The peer was heard, or the handshake begins. */
static void hope_again(struct dtls *d, uint64_t now) {
	d->give_up = d->patience == SLUICE_NEVER ? SLUICE_NEVER : now + d->patience;
}

/* What the suite adds to a plaintext: DTLS_get_data_mtu knows, and only ChaCha20 has no explicit nonce (RFC 7905, 2). */
static void learn_rooms(struct dtls *d) {
	size_t added = handshake_mtu(d) - DTLS_get_data_mtu(d->ssl);
	bool chacha = SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(d->ssl)) == NID_chacha20_poly1305;
	d->headroom = RECORD_HEADER + (chacha ? 0 : 8);
	d->tailroom = (uint32_t)added - d->headroom;
}

static void finish_handshake(struct dtls *d) {
	d->finished = true;
	d->give_up = SLUICE_NEVER; /* what is still missing, the fingerprints, the app has to bring */
	learn_rooms(d);
	if (connection_trust(d) < 0)
		return;
	/* An alert that came before the Finished waits inside OpenSSL; no data does, since OpenSSL was given none. */
	uint8_t none;
	d->transport.record_len = 0;
	connection_settle(d, SSL_read(d->ssl, &none, 1));
}

static void step_openssl(struct dtls *d) {
	ERR_clear_error();
	transport_next_flight(&d->transport);
	int r = SSL_do_handshake(d->ssl);
	if (r == 1)
		finish_handshake(d);
	else
		connection_settle(d, r);
}

/* After the handshake: alerts, and the peer's last flight once more. A copy of our flight that lacks something for want of memory
 * is of no use; then OpenSSL answers. */
static void step_established(struct dtls *d, uint8_t *record, size_t len) {
	if (record_type(record) == RECORD_HANDSHAKE && !d->transport.incomplete) {
		flights_repeat_last(d);
		return;
	}
	if (!buffers_exist(d))
		return; /* a record lost for want of memory */
	ERR_clear_error();
	transport_next_flight(&d->transport);
	connection_settle(d, SSL_read(d->ssl, record, (int)len));
}

void handshake_input(struct dtls *d, uint8_t *record, size_t len, uint64_t now) {
	d->transport.record = record;
	d->transport.record_len = len;
	if (d->finished)
		step_established(d, record, len);
	else
		step_openssl(d);
	d->transport.record_len = 0;
	if (d->state == DTLS_HANDSHAKING && !d->finished)
		hope_again(d, now);
	flights_follow(d, now);
}

void handshake_start(struct dtls *d, uint64_t now) {
	d->state = DTLS_HANDSHAKING;
	hope_again(d, now);
	if (!d->client)
		return;
	sessions_offer(d);
	step_openssl(d);
	flights_follow(d, now);
}
