/* repeat.c: the timer and the reasons to repeat; what they are for stands in the header. */
#include "dtls/repeat.h"

#include "dtls/records.h"

#define TIMEOUT_FIRST (50 * SLUICE_MS)
#define TIMEOUT_MAX (3 * SLUICE_S)

/* 71 minutes, the longest that OpenSSL takes. It looks at its timer only when it is given a record. */
static unsigned int openssl_timeout(SSL *ssl, unsigned int previous) {
	(void)ssl, (void)previous;
	return UINT32_MAX;
}

void repeat_open(struct dtls *d, uint64_t first_timeout) {
	d->first_timeout = d->timeout = first_timeout == 0            ? TIMEOUT_FIRST
	                                : first_timeout > TIMEOUT_MAX ? TIMEOUT_MAX
	                                                              : first_timeout;
	DTLS_set_timer_cb(d->ssl, openssl_timeout);
}

/* Memory was short. */
#define RETRY_AFTER (5 * SLUICE_MS)

void repeat_follow(struct dtls *d, uint64_t now) {
	if (d->stuck) {
		d->deadline = now + RETRY_AFTER;
		return;
	}
	bool written = d->written;
	d->written = false;
	if (d->state != DTLS_HANDSHAKING || d->finished) {
		d->deadline = SLUICE_NEVER;
		return;
	}
	if (!written)
		return;
	/* RFC 6347, 4.2.4.1: "Implementations SHOULD retain the current timer value until a transmission without loss occurs, at
	 * which time the value may be reset to the initial value." */
	if (!d->repeated)
		d->timeout = d->first_timeout;
	d->repeated = false;
	d->repetitions = 0;
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

/* RFC 6347, 4.1.1.1: "If repeated retransmissions do not result in a response, and the PMTU is unknown, subsequent
 * retransmissions SHOULD back off to a smaller record size, fragmenting the handshake message as appropriate." 512 bytes pass
 * everywhere where IPv4 does (RFC 791: each host takes 576), with room for a relay's header. */
#define REPETITIONS_AT_MTU 4
#define MTU_SMALL 512

static void back_off(struct dtls *d) {
	/* RFC 6347, 4.2.4.1: "double the value at each retransmission". The RFC's first value of one second and its last of sixty
	 * are for servers on the far side of an ocean; a person waits for this handshake. */
	d->timeout = d->timeout * 2 < TIMEOUT_MAX ? d->timeout * 2 : TIMEOUT_MAX;
	if (d->repetitions++ == REPETITIONS_AT_MTU && d->flight.mtu > MTU_SMALL)
		d->flight.mtu = MTU_SMALL;
}

static bool repeat_flight(struct dtls *d) {
	bool may = flight_is_kept(&d->flight) && !flight_waits(&d->flight);
	if (may && d->finished && d->records->reserve)
		may = d->records->reserve(d);
	if (!may || !flight_repeat(&d->flight))
		return false;
	d->stats.flights_repeated++;
	return true;
}

void repeat_advance(struct dtls *d, uint64_t now) {
	if (now < d->deadline)
		return;
	/* A flight that has not left yet needs no repetition. */
	if (!flight_waits(&d->flight)) {
		back_off(d);
		d->repeated = repeat_flight(d);
	}
	d->deadline = now + d->timeout;
}

/* ---- repetitions that somebody asks for ----------------------------------------------------------------------------- */

/* A stranger can ask too, with records shorter than our flight. An honest peer waits longer than this before it repeats, and the
 * datagrams of its one flight come closer together. So it gets one answer to each of its flights, and a stranger who asks all the
 * time makes us send one small datagram in this time, which the peer may need anyway. */
#define LAST_FLIGHT_PAUSE (10 * SLUICE_MS)

bool repeat_last(struct dtls *d) {
	bool ours = d->client == d->resumed;
	if (!ours || d->latest < d->last_not_before || !repeat_flight(d))
		return false;
	d->last_not_before = d->latest + LAST_FLIGHT_PAUSE;
	return true;
}

bool dtls_repeat_hello(struct dtls *d, uint64_t now) {
	bool waits = d->client && d->state == DTLS_HANDSHAKING && !d->progress.any;
	if (!waits || !repeat_flight(d))
		return false;
	d->deadline = clock_forward(&d->latest, now) + d->timeout;
	return true;
}
