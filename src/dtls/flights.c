/* flights.c: the timer and the two ways to repeat; what they are for stands in the header. */
#include "dtls/flights.h"

#include <openssl/err.h>

#define TIMEOUT_FIRST (50 * SLUICE_MS)
#define TIMEOUT_MAX (3 * SLUICE_S)

/* ---- OpenSSL's timer ------------------------------------------------------------------------------------------------ */

/* Before 3.2, OpenSSL keeps the expiry of its timer in a struct timeval that it shows to the BIO. There it is given a duration
 * that never passes (an hour), and when the caller's clock reaches our deadline we move the expiry into the past. From 3.2 on the
 * BIO sees only a copy. There OpenSSL gets the true durations for the flights that it has to repeat itself (see needs_openssl),
 * and those run by the system's clock, whatever clock the caller has. Decided at run time, because a program built with 3.0 may
 * run with a later library. */
static bool timer_can_be_forced(void) {
	return OPENSSL_version_major() == 3 && OPENSSL_version_minor() < 2;
}

/* Is the flight that OpenSSL begins to write all in the clear? */
static bool begins_plain_flight(SSL *ssl) {
	return SSL_is_server(ssl) ? !SSL_session_reused(ssl) : SSL_get_state(ssl) == TLS_ST_CW_CLNT_HELLO;
}

static unsigned int openssl_timeout(SSL *ssl, unsigned int previous) {
	(void)previous;
	struct dtls *d = SSL_get_app_data(ssl);
	bool never = timer_can_be_forced() || begins_plain_flight(ssl);
	return never ? UINT32_C(3600) * 1000000 : (unsigned int)(d->timeout / SLUICE_US);
}

void flights_open(struct dtls *d, uint64_t first_timeout) {
	d->first_timeout = d->timeout = first_timeout ? first_timeout : TIMEOUT_FIRST;
	DTLS_set_timer_cb(d->ssl, openssl_timeout);
}

void flights_follow(struct dtls *d, uint64_t now) {
	struct transport *t = &d->transport;
	if (d->state != DTLS_HANDSHAKING || !t->timer_running) {
		d->deadline = SLUICE_NEVER;
		return;
	}
	if (!t->timer_started)
		return;
	/* RFC 6347, 4.2.4.1: "Implementations SHOULD retain the current timer value until a transmission without loss occurs, at
	 * which time the value may be reset to the initial value." */
	if (t->timer_stopped) {
		if (!d->repeated)
			d->timeout = d->first_timeout;
		d->repeated = false;
		d->repetitions = d->repeated_by_openssl = 0;
	}
	t->timer_started = t->timer_stopped = false;
	d->deadline = now + d->timeout;
}

void dtls_raise_first_timeout(struct dtls *d, uint64_t timeout) {
	if (timeout > TIMEOUT_MAX)
		timeout = TIMEOUT_MAX;
	if (d->first_timeout < timeout)
		d->first_timeout = timeout;
	if (d->timeout < timeout)
		d->timeout = timeout;
}

/* ---- a flight that waits for its answer ----------------------------------------------------------------------------- */

/* OpenSSL counts the repetitions that it makes of one flight, and ends the connection at the next one after these. */
#define OPENSSL_REPETITIONS DTLS1_TMO_ALERT_COUNT

/* A flight in the clear is repeated from the copy, without limit. A sealed record of the copy keeps its number, so a peer that
 * has the record already drops it, and most then answer nothing; only OpenSSL can seal the record anew. Its twelve times are
 * spread: the first repetitions, and later those whose number is a power of two. In between, the copy serves a peer that has
 * heard nothing. */
static bool needs_openssl(const struct dtls *d) {
	bool may = d->repeated_by_openssl < OPENSSL_REPETITIONS;
	if (d->transport.incomplete && timer_can_be_forced())
		return may;
	bool its_turn = d->repetitions <= OPENSSL_REPETITIONS - 2 || (d->repetitions & (d->repetitions - 1)) == 0;
	return may && its_turn && transport_kept_sealed(&d->transport);
}

/* 1: the flight goes; 0: not yet, because the system's clock lags behind the caller's; below 0: the handshake has failed. */
static int repeat_by_openssl(struct dtls *d) {
	if (timer_can_be_forced())
		*d->transport.timer = (struct timeval){.tv_sec = 1};
	ERR_clear_error();
	transport_next_flight(&d->transport);
	int r = DTLSv1_handle_timeout(d->ssl);
	d->repeated_by_openssl += r > 0;
	if (r >= 0)
		ERR_clear_error();
	return r;
}

#define RETRY_AFTER (5 * SLUICE_MS)

static bool repeat_flight(struct dtls *d, uint64_t now) {
	/* RFC 6347, 4.2.4.1: "double the value at each retransmission". The RFC's first value of one second and its last of sixty
	 * are for servers on the far side of an ocean; a person waits for this handshake. */
	uint64_t before = d->timeout;
	d->timeout = before * 2 < TIMEOUT_MAX ? before * 2 : TIMEOUT_MAX;
	d->repetitions++;
	int r = 1;
	if (needs_openssl(d))
		r = repeat_by_openssl(d);
	else
		transport_repeat(&d->transport);
	if (r < 0)
		return false;
	if (r == 0) {
		d->timeout = before;
		d->repetitions--;
		d->deadline = now + RETRY_AFTER;
		return true;
	}
	d->repeated = true;
	d->stats.flights_repeated++;
	d->transport.timer_started = false;
	d->deadline = now + d->timeout;
	return true;
}

bool flights_advance(struct dtls *d, uint64_t now) {
	if (now < d->deadline)
		return true;
	if (!d->transport.first)
		return repeat_flight(d, now);
	d->deadline = now + d->timeout; /* a flight that has not left yet needs no repetition */
	return true;
}

/* ---- repetitions that somebody asks for ----------------------------------------------------------------------------- */

bool flights_repeat_last(struct dtls *d) {
	bool ours = d->client == SSL_session_reused(d->ssl);
	if (!ours || d->transport.incomplete || !transport_repeat(&d->transport))
		return false;
	d->stats.flights_repeated++;
	return true;
}

bool dtls_repeat_hello(struct dtls *d, uint64_t now) {
	bool waits = d->client && d->state == DTLS_HANDSHAKING && SSL_get_state(d->ssl) == TLS_ST_CW_CLNT_HELLO;
	if (!waits || !transport_repeat(&d->transport))
		return false;
	d->stats.flights_repeated++;
	d->deadline = clock_forward(&d->latest, now) + d->timeout;
	return true;
}
