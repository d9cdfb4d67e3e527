/* connection.c: the changes of state, and what OpenSSL's errors and the peer's alerts mean for them. */
#include "dtls/connection.h"

#include <openssl/err.h>

#include "dtls/records.h"
#include "dtls/sessions.h"

/* ---- failure -------------------------------------------------------------------------------------------------------- */

static void stop_waiting(struct dtls *d) {
	d->deadline = d->give_up = SLUICE_NEVER;
}

void connection_fail(struct dtls *d, int error, const char *text) {
	if (d->state == DTLS_FAILED)
		return;
	d->state = DTLS_FAILED;
	stop_waiting(d);
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

static void fail_for_alert(struct dtls *d, int description) {
	const char *text = SSL_alert_desc_string_long(description);
	connection_fail(d, SLUICE_ABORTED, text ? text : "an alert");
}

/* For the reason that OpenSSL's error queue gives, which is emptied. */
static void fail_as_openssl_says(struct dtls *d) {
	unsigned long e = newest_error();
	int reason = ERR_GET_REASON(e);
	const char *text = ERR_reason_error_string(e);
	if (ERR_GET_LIB(e) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET) { /* an alert that came from the peer */
		fail_for_alert(d, reason - SSL_AD_REASON_OFFSET);
		return;
	}
	int error = reason == ERR_R_MALLOC_FAILURE  ? SLUICE_NO_MEMORY
	            : ERR_GET_LIB(e) != ERR_LIB_SSL ? SLUICE_CRYPTO
	                                            : SLUICE_PROTOCOL;
	connection_fail(d, error, text ? text : "the crypto library gave no reason");
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
			connection_closed_by_peer(d);
			break;
		case SSL_ERROR_SSL:
		case SSL_ERROR_SYSCALL:
			fail_as_openssl_says(d);
			break;
		default:
			break;
		}
	}
	d->transport.starved = false;
	ERR_clear_error();
}

/* ---- goodbye -------------------------------------------------------------------------------------------------------- */

/* Before the handshake is complete there is no close_notify that the peer could believe, and a flight of a handshake that nobody
 * goes on with stays. */
static void say_goodbye(struct dtls *d) {
	if (d->finished)
		d->records->goodbye(d);
	else
		flight_drop(&d->flight);
}

/* ---- alerts of the peer --------------------------------------------------------------------------------------------- */

void connection_closed_by_peer(struct dtls *d) {
	if (!connection_is_live(d))
		return;
	/* RFC 5246, 7.2.1: "The other party MUST respond with a close_notify alert of its own". */
	say_goodbye(d);
	d->state = DTLS_CLOSED;
	stop_waiting(d);
	d->error = SLUICE_CLOSED;
	d->text = "the peer sent close_notify";
	env_log(d->env, SLUICE_LOG_INFO, "dtls: closed by the peer");
}

void connection_alert(struct dtls *d, uint8_t level, uint8_t description) {
	if (description == ALERT_CLOSE_NOTIFY) {
		connection_closed_by_peer(d);
	} else if (level == ALERT_FATAL) {
		/* RFC 5246, 7.2.2: "Servers and clients MUST forget any session-identifiers, keys, and secrets associated with a
		 * failed connection." */
		sessions_forget(d);
		fail_for_alert(d, description);
	}
}

/* ---- success, and an orderly end ------------------------------------------------------------------------------------ */

/* RFC 8122, 6.2: an endpoint whose peer's certificate matches no fingerprint ends the connection with bad_certificate. OpenSSL
 * seals no alert for others; with its records the peer learns by close_notify that this is over. */
static int refuse(struct dtls *d) {
	if (d->finished && d->records->keeps_openssl)
		d->records->goodbye(d);
	else
		flight_set_alert(&d->flight, ALERT_FATAL, ALERT_BAD_CERTIFICATE, d->epoch.suite != NULL);
	sessions_forget(d);
	fail_for_mismatch(d);
	return SLUICE_FINGERPRINT;
}

int connection_trust(struct dtls *d) {
	/* Not only for certificates that came before the fingerprints: a resumed session brings its certificate with it, and a
	 * suite without certificates ends here too. */
	if ((d->trust.der || d->finished) && !trust_judge(&d->trust))
		return refuse(d);
	if (d->finished && d->trust.verified) {
		d->state = DTLS_CONNECTED;
		sessions_keep(d);
		env_log(d->env, SLUICE_LOG_INFO, "dtls: connected with %s", d->cipher);
	}
	return 0;
}

void connection_close(struct dtls *d) {
	if (d->state == DTLS_CLOSED || d->state == DTLS_FAILED)
		return;
	say_goodbye(d);
	d->state = DTLS_CLOSED;
	stop_waiting(d);
	d->text = "closed";
}
