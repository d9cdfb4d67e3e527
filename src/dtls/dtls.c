/* dtls: how does a DTLS connection come up, and how does it end?
 *
 * OpenSSL runs the handshake over a transport in memory; here stand its configuration, the clock it is given and the states.
 * Whom it trusts is trust.c's question, the records of an established connection are datagrams.c's. */
#include "dtls/dtls.h"

#include <openssl/err.h>
#include <string.h>

#include "dtls/connection.h"
#include "dtls/record.h"

#define TIMEOUT_FIRST (50 * SLUICE_MS)
#define TIMEOUT_MAX (3 * SLUICE_S)

/* OpenSSL refuses to fragment below the first; it collects a flight in a buffer of 4,096 bytes, and a datagram above that
 * would be cut in the middle of a record. Records of data are not bound by either. */
#define HANDSHAKE_MTU_MIN 256
#define HANDSHAKE_MTU_MAX 4000

/* Until the suite is known: an explicit nonce and a tag, which all suites of AES-GCM have and none exceeds. */
#define ROOM_BEFORE (RECORD_HEADER + 8)
#define ROOM_BEHIND 16

/* RFC 8827, 6.5: "All implementations MUST support DTLS 1.2 with the TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 cipher suite".
 * The RSA ones are for peers that bring an RSA certificate. */
#define DEFAULT_CIPHERS                                                                                                          \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                                             \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                                             \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/* ---- states -------------------------------------------------------------------------------------------------------- */

void dtls_fail(struct dtls *d, int error, const char *text) {
	if (d->state == DTLS_FAILED)
		return;
	d->state = DTLS_FAILED;
	d->deadline = d->give_up = SLUICE_NEVER;
	d->error = error;
	d->text = text;
	env_log(d->env, SLUICE_LOG_INFO, "dtls: failed: %s", text);
}

void dtls_connect_if_trusted(struct dtls *d) {
	if (!d->finished || !d->verified)
		return;
	d->state = DTLS_CONNECTED;
	sessions_done(d);
	env_log(d->env, SLUICE_LOG_INFO, "dtls: connected with %s", dtls_cipher(d));
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

/* The newest error that the SSL library queued on this thread. */
static unsigned long newest_error(void) {
	unsigned long newest = 0, e;
	while ((e = ERR_get_error()) != 0)
		if (ERR_GET_LIB(e) == ERR_LIB_SSL || newest == 0)
			newest = e;
	return newest;
}

static void fail_as_openssl_says(struct dtls *d) {
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
	dtls_fail(d, error, text ? text : "the crypto library gave no reason");
}

void dtls_settle(struct dtls *d, int result) {
	/* A record that did not authenticate is dropped inside OpenSSL, which then asks for the next one. That it asked is
	 * the only sure sign that the connection lives: SSL_want_read may be left over from the read before the fatal one, and
	 * dropped records may leave errors in the queue. */
	if (!d->transport.starved) {
		switch (SSL_get_error(d->ssl, result)) {
		case SSL_ERROR_ZERO_RETURN:
			closed_by_peer(d);
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

/* ---- time ---------------------------------------------------------------------------------------------------------- */

/* OpenSSL measures its retransmission timer with the system's clock. Before 3.2 it keeps the expiry in a struct timeval
 * that it shows to the BIO; so it is told a duration that never passes (an hour), and when the caller's clock reaches
 * our deadline the expiry is moved into the past by hand. From 3.2 on the BIO sees only a copy: there OpenSSL gets the
 * true durations for the flights that it has to repeat itself (see repeat_flight), and those run by the system's clock, whatever
 * clock the caller has. Decided at run time, because a program built with 3.0 may run with a later library. */
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

static void update_timer(struct dtls *d, uint64_t now) {
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

/* OpenSSL counts the repetitions that it makes of one flight and ends the connection at the next one behind these. */
#define OPENSSL_REPETITIONS DTLS1_TMO_ALERT_COUNT

/* A flight in the clear is repeated from the copy, for ever. A sealed record of the copy has the number that it had, so a peer
 * that has it already drops it, and most then answer nothing; only OpenSSL can seal it anew. Its twelve times are spread: the
 * first repetitions, and of the later ones those whose number is a power of two. In between, the copy serves a peer that has
 * heard nothing. */
static bool needs_openssl(const struct dtls *d) {
	bool may = d->repeated_by_openssl < OPENSSL_REPETITIONS;
	if (d->transport.incomplete && timer_can_be_forced())
		return may;
	bool its_turn = d->repetitions <= OPENSSL_REPETITIONS - 2 || (d->repetitions & (d->repetitions - 1)) == 0;
	return may && its_turn && transport_kept_sealed(&d->transport);
}

/* False: OpenSSL goes by the system's clock, which lags behind the caller's. */
static bool repeat_by_openssl(struct dtls *d) {
	if (timer_can_be_forced())
		*d->transport.timer = (struct timeval){.tv_sec = 1};
	ERR_clear_error();
	transport_next_flight(&d->transport);
	int r = DTLSv1_handle_timeout(d->ssl);
	if (r < 0)
		fail_as_openssl_says(d);
	ERR_clear_error();
	d->repeated_by_openssl += r > 0;
	return r != 0;
}

#define RETRY_AFTER (5 * SLUICE_MS)

static void repeat_flight(struct dtls *d, uint64_t now) {
	/* RFC 6347, 4.2.4.1: "double the value at each retransmission". Its first value of one second and its last of
	 * sixty are for servers on the far side of an ocean; a person waits for this one. */
	uint64_t before = d->timeout;
	d->timeout = before * 2 < TIMEOUT_MAX ? before * 2 : TIMEOUT_MAX;
	d->repetitions++;
	if (!needs_openssl(d)) {
		transport_repeat(&d->transport);
	} else if (!repeat_by_openssl(d)) {
		d->timeout = before;
		d->repetitions--;
		d->deadline = now + RETRY_AFTER;
		return;
	}
	if (d->state != DTLS_HANDSHAKING)
		return;
	d->repeated = true;
	d->stats.flights_repeated++;
	d->transport.timer_started = false;
	d->deadline = now + d->timeout;
}

/* The peer was heard, or the handshake begins. */
static void hope_again(struct dtls *d, uint64_t now) {
	d->give_up = d->patience == SLUICE_NEVER ? SLUICE_NEVER : now + d->patience;
}

void dtls_advance(struct dtls *d, uint64_t now) {
	now = clock_forward(&d->latest, now);
	buffers_advance(d, now);
	if (now >= d->give_up) {
		dtls_fail(d, SLUICE_TIMED_OUT, "the peer did not answer the handshake");
		return;
	}
	if (now < d->deadline)
		return;
	if (d->transport.first)
		d->deadline = now + d->timeout; /* a flight that has not left yet needs no repetition */
	else
		repeat_flight(d, now);
}

/* "0: at once", as everywhere: something waits for dtls_output. */
uint64_t dtls_deadline(const struct dtls *d) {
	if (d->transport.first)
		return 0;
	uint64_t at = d->deadline < d->idle_at ? d->deadline : d->idle_at;
	return at < d->give_up ? at : d->give_up;
}

/* ---- the handshake ------------------------------------------------------------------------------------------------- */

static size_t handshake_mtu(const struct dtls *d) {
	return d->transport.mtu < HANDSHAKE_MTU_MAX ? d->transport.mtu : HANDSHAKE_MTU_MAX;
}

/* What the suite adds to a plaintext: DTLS_get_data_mtu knows, and only ChaCha20 has no explicit nonce (RFC 7905, 2). */
static void learn_rooms(struct dtls *d) {
	size_t added = handshake_mtu(d) - DTLS_get_data_mtu(d->ssl);
	bool chacha = SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(d->ssl)) == NID_chacha20_poly1305;
	d->headroom = RECORD_HEADER + (chacha ? 0 : 8);
	d->tailroom = (uint32_t)added - d->headroom;
}

static void finish(struct dtls *d) {
	d->finished = true;
	d->give_up = SLUICE_NEVER; /* what is missing from here on is the app's to bring */
	learn_rooms(d);
	/* Not only when the certificate came before the fingerprints: a resumed session brings its certificate with it, and a
	 * suite without certificates ends here too. */
	if (trust_check(d) < 0)
		return;
	dtls_connect_if_trusted(d);
	/* An alert that came before the Finished waits inside OpenSSL; no data does, since it was given none. */
	uint8_t none;
	d->transport.record_len = 0;
	dtls_settle(d, SSL_read(d->ssl, &none, 1));
}

static void step_handshake(struct dtls *d) {
	ERR_clear_error();
	transport_next_flight(&d->transport);
	int r = SSL_do_handshake(d->ssl);
	if (r == 1)
		finish(d);
	else
		dtls_settle(d, r);
}

bool dtls_repeat_last_flight(struct dtls *d) {
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

/* After the handshake: alerts, and the peer's last flight once more. A copy of ours that lacks something for want of memory is of
 * no use; then OpenSSL answers. */
static void step_established(struct dtls *d, uint8_t *record, size_t len) {
	if (record_type(record) == RECORD_HANDSHAKE && !d->transport.incomplete) {
		dtls_repeat_last_flight(d);
		return;
	}
	if (!buffers_exist(d))
		return; /* a record lost for want of memory */
	ERR_clear_error();
	transport_next_flight(&d->transport);
	dtls_settle(d, SSL_read(d->ssl, record, (int)len));
}

void dtls_take_record(struct dtls *d, uint8_t *record, size_t len, uint64_t now) {
	d->transport.record = record;
	d->transport.record_len = len;
	if (d->finished)
		step_established(d, record, len);
	else
		step_handshake(d);
	d->transport.record_len = 0;
	if (d->state == DTLS_HANDSHAKING && !d->finished)
		hope_again(d, now);
	update_timer(d, now);
}

void dtls_raise_first_timeout(struct dtls *d, uint64_t timeout) {
	if (timeout > TIMEOUT_MAX)
		timeout = TIMEOUT_MAX;
	if (d->first_timeout < timeout)
		d->first_timeout = timeout;
	if (d->timeout < timeout)
		d->timeout = timeout;
}

int dtls_start(struct dtls *d, uint64_t now) {
	if (d->state != DTLS_NEW)
		return SLUICE_WRONG_STATE;
	now = clock_forward(&d->latest, now);
	d->state = DTLS_HANDSHAKING;
	hope_again(d, now);
	if (d->client) {
		sessions_offer(d);
		step_handshake(d);
		update_timer(d, now);
	}
	return d->state == DTLS_FAILED ? d->error : 0;
}

void dtls_close(struct dtls *d) {
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

int dtls_output(struct dtls *d, sluice_batch *batch, uint64_t now) {
	buffers_note_time(d, clock_forward(&d->latest, now));
	return transport_output(&d->transport, batch);
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

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

static int open_ssl(struct dtls *d, const struct dtls_config *config) {
	d->ssl = SSL_new(d->certificate->ctx);
	BIO *bio = d->ssl ? transport_bio(&d->transport) : NULL;
	if (!bio)
		return SLUICE_NO_MEMORY;
	SSL_set_bio(d->ssl, bio, bio);
	if (SSL_set_app_data(d->ssl, d) != 1)
		return SLUICE_NO_MEMORY;
	DTLS_set_timer_cb(d->ssl, openssl_timeout);
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

static bool config_is_valid(const struct dtls_config *c) {
	return c->certificate && c->mtu >= HANDSHAKE_MTU_MIN && c->mtu <= 65535 &&
	       (!c->handshake_mtu || (c->handshake_mtu >= HANDSHAKE_MTU_MIN && c->handshake_mtu <= c->mtu));
}

#define PLAINTEXT_MIN 512           /* the least that OpenSSL's limit can be */
#define PLAINTEXT_MAX (size_t)16384 /* RFC 5246, 6.2.1: 2^14 */

static size_t plaintext_max(size_t mtu) {
	size_t n = mtu < PLAINTEXT_MAX ? mtu : PLAINTEXT_MAX;
	return n > PLAINTEXT_MIN ? n : PLAINTEXT_MIN;
}

static int set_trust(struct dtls *d, const struct dtls_config *c) {
	if (c->remote_count > 0)
		return trust_set(d, c->remotes, c->remote_count);
	return c->remote.hash ? trust_set(d, &c->remote, 1) : 0;
}

int dtls_new(sluice_env *env, const struct dtls_config *config, struct dtls **out) {
	if (!config_is_valid(config))
		return SLUICE_INVALID;
	struct dtls *d = env_zalloc(env, sizeof *d);
	if (!d)
		return SLUICE_NO_MEMORY;
	d->env = env;
	d->client = config->client;
	d->resume = config->resume;
	d->headroom = ROOM_BEFORE;
	d->tailroom = ROOM_BEHIND;
	d->plaintext_max = plaintext_max(config->mtu);
	d->first_timeout = d->timeout = config->first_timeout ? config->first_timeout : TIMEOUT_FIRST;
	d->patience = config->patience ? config->patience : SLUICE_NEVER;
	d->deadline = d->idle_at = d->give_up = SLUICE_NEVER;
	d->text = "";
	d->transport = (struct transport){.env = env, .mtu = config->handshake_mtu ? config->handshake_mtu : config->mtu};
	d->certificate = config->certificate;
	sluice_certificate_retain(d->certificate);
	ERR_clear_error();
	int r = set_trust(d, config);
	if (r == 0)
		r = open_ssl(d, config);
	ERR_clear_error();
	if (r < 0) {
		dtls_free(d);
		return r;
	}
	*out = d;
	return 0;
}

void dtls_free(struct dtls *d) {
	if (!d)
		return;
	sessions_survive(d);
	SSL_free(d->ssl);
	transport_drop(&d->transport);
	early_free(d);
	sluice_certificate_release(d->certificate);
	env_free(d->env, d->remotes);
	env_free(d->env, d);
}

/* ---- questions ----------------------------------------------------------------------------------------------------- */

bool dtls_resumed(const struct dtls *d) {
	return d->finished && SSL_session_reused(d->ssl);
}

uint32_t dtls_flight(const struct dtls *d) {
	return d->transport.flight_out;
}

size_t dtls_headroom(const struct dtls *d) {
	return d->headroom;
}

size_t dtls_tailroom(const struct dtls *d) {
	return d->tailroom;
}

enum dtls_state dtls_state(const struct dtls *d) {
	return d->state;
}

int dtls_error(const struct dtls *d, const char **text) {
	if (text)
		*text = d->text;
	return d->error;
}

void dtls_stats_get(const struct dtls *d, sluice_dtls_stats *stats) {
	*stats = d->stats;
}

const char *dtls_cipher(const struct dtls *d) {
	return d->finished ? SSL_get_cipher_name(d->ssl) : "";
}

int dtls_export(struct dtls *d, const char *label, void *out, size_t len) {
	if (d->state != DTLS_CONNECTED)
		return SLUICE_WRONG_STATE;
	if (SSL_export_keying_material(d->ssl, out, len, label, strlen(label), NULL, 0, 0) == 1)
		return 0;
	ERR_clear_error();
	return SLUICE_CRYPTO;
}

/* ---- invariants ---------------------------------------------------------------------------------------------------- */

bool dtls_check(const struct dtls *d) {
	if (!early_check(d))
		return false;
	if (d->state == DTLS_CONNECTED && (!d->finished || !d->verified))
		return false;
	if ((d->deadline != SLUICE_NEVER || d->give_up != SLUICE_NEVER) && (d->state != DTLS_HANDSHAKING || d->finished))
		return false;
	if ((d->remotes == NULL) != (d->remote_count == 0) || (d->verified && !d->remotes))
		return false;
	for (size_t i = 1; i < d->remote_count; i++)
		if (d->remotes[i].hash != d->remotes[0].hash)
			return false;
	return transport_check(&d->transport);
}
