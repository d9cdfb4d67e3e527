/* handshake.c: configuration, steps and end of OpenSSL's handshake. */
#include "dtls/handshake.h"

#include <openssl/err.h>
#include <openssl/srtp.h>

#include "dtls/certificate.h"
#include "dtls/records.h"
#include "dtls/repeat.h"
#include "dtls/sessions.h"
#include "dtls/written.h"

/* The MTU that OpenSSL knows. It cuts messages for it, which flight.c puts together again. OpenSSL collects a flight in a
 * buffer of 4,096 bytes (3.0 to 4.0), and with a larger MTU a record would be cut there, in the middle. */
#define OPENSSL_MTU 4000

/* ---- what OpenSSL is configured with ------------------------------------------------------------------------------- */

/* Only suites whose records we can make. The others' rooms are not fixed: a block cipher's padding depends on the length. */
static bool are_ours(SSL *ssl) {
	STACK_OF(SSL_CIPHER) *ciphers = SSL_get_ciphers(ssl);
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
		if (!suite_with(SSL_CIPHER_get_cipher_nid(sk_SSL_CIPHER_value(ciphers, i))))
			return false;
	return true;
}

/* NULL: those of the context. */
static int set_ciphers(struct dtls *d, const char *ciphers) {
	if (!ciphers || (SSL_set_cipher_list(d->ssl, ciphers) == 1 && are_ours(d->ssl)))
		return 0;
	return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE ? SLUICE_NO_MEMORY : SLUICE_INVALID;
}

/* OpenSSL's function returns 0 for success. */
static int set_srtp(struct dtls *d, const char *profiles) {
	if (!profiles || SSL_set_tlsext_use_srtp(d->ssl, profiles) == 0)
		return 0;
	return ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_SRTP_UNKNOWN_PROTECTION_PROFILE ? SLUICE_INVALID : SLUICE_NO_MEMORY;
}

#define MESSAGE_SERVER_HELLO 2
#define MESSAGE_CERTIFICATE_VERIFY 15

/* OpenSSL calls this for each message that it has read whole and in its turn, and for each that it writes. */
static void note_message(int written, int version, int type, const void *message, size_t len, SSL *ssl, void *arg) {
	struct dtls *d = arg;
	(void)version, (void)ssl;
	if (written || len == 0)
		return;
	if (type == SSL3_RT_CHANGE_CIPHER_SPEC)
		d->progress.changed = true;
	if (type != SSL3_RT_HANDSHAKE)
		return;
	uint8_t message_type = *(const uint8_t *)message;
	d->progress.any = true;
	d->progress.hello |= message_type == MESSAGE_SERVER_HELLO;
	d->progress.proof |= message_type == MESSAGE_CERTIFICATE_VERIFY;
}

static bool attach_transport(struct dtls *d) {
	BIO *bio = transport_bio(&d->transport);
	if (bio)
		SSL_set_bio(d->ssl, bio, bio);
	return bio;
}

int handshake_open(struct dtls *d, const struct dtls_config *config) {
	d->ssl = SSL_new(d->certificate->ctx);
	if (!d->ssl || !transport_open(&d->transport, d->env) || !attach_transport(d) || SSL_set_app_data(d->ssl, d) != 1)
		return SLUICE_NO_MEMORY;
	repeat_open(d, config->first_timeout);
	SSL_set_mtu(d->ssl, OPENSSL_MTU);
	SSL_set_msg_callback(d->ssl, note_message);
	SSL_set_msg_callback_arg(d->ssl, d);
	if (d->client)
		SSL_set_connect_state(d->ssl);
	else
		SSL_set_accept_state(d->ssl);
	int error = set_srtp(d, config->srtp);
	return error ? error : set_ciphers(d, config->ciphers);
}

void handshake_close(struct dtls *d) {
	/* Before the handshake is complete, SSL_free of OpenSSL 3.5.9, 3.6.5 and 4.0.3 frees a record layer twice when the step
	 * to epoch 1 failed for want of memory: the kept ChangeCipherSpec still points at it. SSL_clear forgets the kept one
	 * first. */
	if (d->ssl && !d->finished)
		SSL_clear(d->ssl);
	SSL_free(d->ssl);
	d->ssl = NULL;
	transport_close(&d->transport);
}

/* ---- whose turn it is ------------------------------------------------------------------------------------------------ */

/* In a full handshake the server's ChangeCipherSpec follows our Finished, and the client's its CertificateVerify, which we insist
 * on. In an abbreviated one the server's follows the ServerHello, and the client's our Finished. No NewSessionTicket can stand
 * before it, since tickets are never asked for. */
bool handshake_awaits_change(const struct dtls *d) {
	if (d->finished || d->progress.changed)
		return false;
	if (d->epoch.suite) /* they were derived for our Finished */
		return true;
	return d->client ? d->progress.hello && SSL_session_reused(d->ssl) : d->progress.proof;
}

bool handshake_was_changed(const struct dtls *d) {
	return d->finished || d->progress.changed;
}

/* ---- the end --------------------------------------------------------------------------------------------------------- */

/* An alert that came before the Finished may wait inside OpenSSL; no data does, since OpenSSL was given none. */
static void read_waiting_alert(struct dtls *d) {
	uint8_t none;
	d->transport.record_len = 0;
	flight_begin(&d->flight);
	int n = SSL_read(d->ssl, &none, 1);
	written_take_alert(d);
	connection_settle(d, n);
}

static void free_openssl(struct dtls *d) {
	sessions_survive(d->ssl);
	handshake_close(d);
}

static uint16_t srtp_profile_of(SSL *ssl) {
	const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(ssl);
	return profile ? (uint16_t)profile->id : 0;
}

/* Copies what outlives OpenSSL's object. 0, SLUICE_NO_MEMORY, SLUICE_CRYPTO. */
static int conclude(struct dtls *d) {
	int error = written_keys(d);
	if (error < 0)
		return error;
	if (!trust_keep(&d->trust, SSL_get0_peer_certificate(d->ssl)))
		return SLUICE_NO_MEMORY;
	d->cipher = SSL_get_cipher_name(d->ssl);
	d->resumed = SSL_session_reused(d->ssl);
	d->srtp = srtp_profile_of(d->ssl);
	d->headroom = (uint32_t)suite_headroom(d->epoch.suite);
	d->tailroom = SUITE_TAILROOM;
	sessions_hold(d);
	return 0;
}

static void finish(struct dtls *d) {
	d->finished = true;
	d->give_up = SLUICE_NEVER; /* what is still missing, the fingerprints, the app has to bring */
	if (d->client != d->resumed)
		flight_forget(&d->flight); /* the peer's last flight answers ours */
	epoch_settle(&d->epoch);
	if (!d->records->keeps_openssl)
		free_openssl(d);
	if (d->records->reserve && !d->records->reserve(d)) {
		connection_fail(d, SLUICE_NO_MEMORY, "no memory for a record");
		return;
	}
	if (connection_trust(d) < 0)
		return;
	if (d->records->keeps_openssl)
		read_waiting_alert(d);
	if (d->closing)
		connection_closed_by_peer(d);
}

/* ---- steps --------------------------------------------------------------------------------------------------------- */

/* For a second, see RETRY_AFTER in repeat.c. */
#define TRIES_WITHOUT_MEMORY 200

/* What OpenSSL wrote is taken, and what it knows. 0, SLUICE_NO_MEMORY, SLUICE_CRYPTO. */
static int take(struct dtls *d) {
	int error = d->transport.lost ? SLUICE_NO_MEMORY : written_take(d);
	return error == 0 && d->outcome == 1 ? conclude(d) : error;
}

/* Did OpenSSL end the connection? Its alert is then all that could be missing, and why it did so is known only now. */
static bool has_failed(const struct dtls *d) {
	return d->outcome != 1 && !d->transport.starved;
}

/* Is memory short, and does a later try make sense? */
static bool gets_stuck(struct dtls *d, int error) {
	bool stuck = error == SLUICE_NO_MEMORY && !d->transport.lost && !has_failed(d) && d->stuck < TRIES_WITHOUT_MEMORY;
	d->stuck = stuck ? d->stuck + 1 : 0;
	return stuck;
}

/* What OpenSSL has written is taken, and then its word counts. */
static void end_step(struct dtls *d) {
	int error = take(d);
	if (gets_stuck(d, error))
		return;
	transport_drop(&d->transport);
	flight_end(&d->flight);
	if (has_failed(d) || (error == 0 && d->outcome != 1))
		connection_settle(d, d->outcome);
	else if (error == SLUICE_NO_MEMORY)
		connection_fail(d, error, "no memory for a flight of the handshake");
	else if (error < 0)
		connection_fail(d, error, "the keys of the handshake cannot be used");
	else
		finish(d);
}

static void step(struct dtls *d) {
	ERR_clear_error();
	flight_begin(&d->flight);
	d->outcome = SSL_do_handshake(d->ssl);
	end_step(d);
	ERR_clear_error();
}

void handshake_resume(struct dtls *d, uint64_t now) {
	end_step(d);
	ERR_clear_error();
	repeat_follow(d, now);
}

/* The peer was heard, or the handshake begins. */
static void hope_again(struct dtls *d, uint64_t now) {
	d->give_up = d->patience == SLUICE_NEVER ? SLUICE_NEVER : now + d->patience;
}

void handshake_input(struct dtls *d, const uint8_t *record, size_t len, uint64_t now) {
	if (d->stuck)
		handshake_resume(d, now);
	if (d->stuck || d->finished || d->state != DTLS_HANDSHAKING) { /* lost for want of memory */
		d->stats.records_discarded++;
		return;
	}
	d->transport.record = record;
	d->transport.record_len = len;
	step(d);
	d->transport.record_len = 0;
	if (d->state == DTLS_HANDSHAKING && !d->finished)
		hope_again(d, now);
	repeat_follow(d, now);
}

void handshake_start(struct dtls *d, uint64_t now) {
	d->state = DTLS_HANDSHAKING;
	hope_again(d, now);
	if (!d->client)
		return;
	sessions_offer(d);
	step(d);
	repeat_follow(d, now);
}
