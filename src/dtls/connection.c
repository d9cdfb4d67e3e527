/* connection.c: the changes of state, and what OpenSSL's errors mean for them. */
#include "dtls/connection.h"

#include <openssl/err.h>

#include "dtls/buffers.h"
#include "dtls/sessions.h"

/* ---- failure -------------------------------------------------------------------------------------------------------- */

void connection_fail(struct dtls *d, int error, const char *text) {
	if (d->state == DTLS_FAILED)
		return;
	d->state = DTLS_FAILED;
	d->deadline = d->give_up = SLUICE_NEVER;
	d->error = error;
	d->text = text;
	env_log(d->env, SLUICE_LOG_INFO, "dtls: failed: %s", text);
}

static void fail_for_mismatch(struct dtls *d) {
	connection_fail(d, SLUICE_FINGERPRINT, "the peer's certificate is not the one announced");
}

/* The newest error that the SSL library queued on this thread. */
static unsigned long newest_error(void) {
	unsigned long newest = 0, e;
	while ((e = ERR_get_error()) != 0)
		if (ERR_GET_LIB(e) == ERR_LIB_SSL || newest == 0)
			newest = e;
	return newest;
}

void connection_fail_as_openssl_says(struct dtls *d) {
	unsigned long e = newest_error();
	int reason = ERR_GET_REASON(e);
	const char *text = ERR_reason_error_string(e);
	int error = SLUICE_PROTOCOL;
	if (reason == ERR_R_MALLOC_FAILURE) {
		error = SLUICE_NO_MEMORY;
	} else if (ERR_GET_LIB(e) != ERR_LIB_SSL) {
		error = SLUICE_CRYPTO;
	} else if (reason == SSL_R_READ_TIMEOUT_EXPIRED) {
		error = SLUICE_TIMED_OUT;
		text = "the peer did not answer the handshake";
	} else if (reason >= SSL_AD_REASON_OFFSET) { /* an alert that came from the peer */
		error = SLUICE_ABORTED;
		text = SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET);
	}
	connection_fail(d, error, text ? text : "the crypto library gave no reason");
}

static void closed_by_peer(struct dtls *d) {
	/* RFC 5246, 7.2.1: "The other party MUST respond with a close_notify alert of its own". */
	if (d->finished)
		SSL_shutdown(d->ssl);
	d->state = DTLS_CLOSED;
	d->deadline = d->give_up = SLUICE_NEVER;
	d->error = SLUICE_CLOSED;
	d->text = "the peer sent close_notify";
	env_log(d->env, SLUICE_LOG_INFO, "dtls: closed by the peer");
}

void connection_settle(struct dtls *d, int result) {
	if (d->trust.refused)
		fail_for_mismatch(d);
	/* A record that did not authenticate is dropped inside OpenSSL, which then asks for the next one. That request is the
	 * only sure sign that the connection lives: SSL_want_read may be left over from the read before the fatal one, and
	 * dropped records may leave errors in the queue. */
	if (!d->transport.starved) {
		switch (SSL_get_error(d->ssl, result)) {
		case SSL_ERROR_ZERO_RETURN:
			closed_by_peer(d);
			break;
		case SSL_ERROR_SSL:
		case SSL_ERROR_SYSCALL:
			connection_fail_as_openssl_says(d);
			break;
		default:
			break;
		}
	}
	d->transport.starved = false;
	ERR_clear_error();
}

/* ---- success, and an orderly end ------------------------------------------------------------------------------------ */

int connection_trust(struct dtls *d) {
	X509 *peer = SSL_get0_peer_certificate(d->ssl);
	/* Not only for certificates that came before the fingerprints: a resumed session brings its certificate with it, and a
	 * suite without certificates ends here too. */
	if ((peer || d->finished) && !trust_judge(&d->trust, peer)) {
		/* OpenSSL lets nobody send a fatal alert of their own, so the peer learns by close_notify that this is over. */
		connection_close(d);
		fail_for_mismatch(d);
		return SLUICE_FINGERPRINT;
	}
	if (d->finished && d->trust.verified) {
		d->state = DTLS_CONNECTED;
		sessions_done(d);
		env_log(d->env, SLUICE_LOG_INFO, "dtls: connected with %s", SSL_get_cipher_name(d->ssl));
	}
	return 0;
}

void connection_close(struct dtls *d) {
	if (d->state == DTLS_CLOSED || d->state == DTLS_FAILED)
		return;
	transport_next_flight(&d->transport);
	if (d->finished && buffers_exist(d))
		SSL_shutdown(d->ssl);
	ERR_clear_error();
	d->state = DTLS_CLOSED;
	d->deadline = d->idle_at = d->give_up = SLUICE_NEVER;
	d->text = "closed";
}
