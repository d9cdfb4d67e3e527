/* dtls.c: the door. Life, the verbs except open and seal (datagrams.c), and the questions. */
#include "dtls/dtls.h"

#include <openssl/err.h>
#include <string.h>

#include "dtls/connection.h"
#include "dtls/fingerprint.h"
#include "dtls/handshake.h"
#include "dtls/records.h"
#include "dtls/repeat.h"
#include "dtls/sessions.h"

/* Until the suite is known: an explicit nonce and a tag, which all suites of AES-GCM have and none exceeds. */
#define ROOM_BEFORE (RECORD_HEADER + 8)
#define ROOM_BEHIND 16

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static bool config_is_valid(const struct dtls_config *c) {
	return c->certificate && c->mtu >= HANDSHAKE_MTU_MIN && c->mtu <= 65535 &&
	       (!c->handshake_mtu || (c->handshake_mtu >= HANDSHAKE_MTU_MIN && c->handshake_mtu <= c->mtu));
}

static size_t plaintext_max(size_t mtu) {
	return mtu < RECORD_TEXT_MAX ? mtu : RECORD_TEXT_MAX;
}

static int set_trust(struct dtls *d, const struct dtls_config *c) {
	if (c->remote_count > 0)
		return trust_set(&d->trust, c->remotes, c->remote_count);
	return c->remote.hash ? trust_set(&d->trust, &c->remote, 1) : 0;
}

static void init(struct dtls *d, sluice_env *env, const struct dtls_config *config) {
	d->env = d->trust.env = env;
	d->records = config->openssl_records ? &records_openssl : &records_ours;
	d->client = config->client;
	d->resume = config->resume;
	d->headroom = ROOM_BEFORE;
	d->tailroom = ROOM_BEHIND;
	d->plaintext_max = plaintext_max(config->mtu);
	d->patience = config->patience ? config->patience : SLUICE_NEVER;
	d->deadline = d->give_up = SLUICE_NEVER;
	d->text = d->cipher = "";
	early_init(&d->early, env);
	flight_open(&d->flight, env, config->handshake_mtu ? config->handshake_mtu : config->mtu);
	d->transport.env = env;
	d->certificate = config->certificate;
	sluice_certificate_retain(d->certificate);
}

int dtls_new(sluice_env *env, const struct dtls_config *config, struct dtls **out) {
	if (!config_is_valid(config))
		return SLUICE_INVALID;
	struct dtls *d = env_secret(env_zalloc(env, sizeof *d));
	if (!d)
		return SLUICE_NO_MEMORY;
	init(d, env, config);
	ERR_clear_error();
	int r = set_trust(d, config);
	if (r == 0)
		r = handshake_open(d, config);
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
	if (d->ssl && d->state == DTLS_CONNECTED)
		sessions_survive(d->ssl);
	handshake_close(d);
	SSL_SESSION_free(d->session);
	epoch_end(&d->epoch);
	flight_drop(&d->flight);
	early_free(&d->early);
	sluice_certificate_release(d->certificate);
	trust_free(&d->trust);
	env_free(d->env, d);
}

/* ---- verbs --------------------------------------------------------------------------------------------------------- */

int dtls_start(struct dtls *d, uint64_t now) {
	if (d->state != DTLS_NEW)
		return SLUICE_WRONG_STATE;
	handshake_start(d, clock_forward(&d->latest, now));
	return d->state == DTLS_FAILED ? d->error : 0;
}

int dtls_output(struct dtls *d, sluice_batch *batch, uint64_t now) {
	clock_forward(&d->latest, now);
	int n = flight_output(&d->flight, &d->epoch, batch);
	if (n == SLUICE_CRYPTO) { /* it would be refused again, at once and for ever */
		flight_drop(&d->flight);
		if (connection_is_live(d))
			connection_fail(d, n, "a record of the handshake cannot be sealed");
	}
	return n;
}

void dtls_advance(struct dtls *d, uint64_t now) {
	now = clock_forward(&d->latest, now);
	if (now >= d->give_up)
		connection_fail(d, SLUICE_TIMED_OUT, "the peer did not answer the handshake");
	else if (d->stuck && now >= d->deadline)
		handshake_resume(d, now);
	else
		repeat_advance(d, now);
}

/* "0: at once", as everywhere: something waits for dtls_output. */
uint64_t dtls_deadline(const struct dtls *d) {
	if (flight_waits(&d->flight))
		return 0;
	return d->deadline < d->give_up ? d->deadline : d->give_up;
}

void dtls_close(struct dtls *d) {
	connection_close(d);
}

/* ---- whom to trust ------------------------------------------------------------------------------------------------- */

int dtls_set_remotes(struct dtls *d, const sluice_fingerprint *remotes, size_t count) {
	if (!trust_knows_hash(remotes, count))
		return SLUICE_INVALID;
	if (d->trust.verified || (d->state != DTLS_NEW && d->state != DTLS_HANDSHAKING))
		return SLUICE_WRONG_STATE;
	int r = trust_set(&d->trust, remotes, count);
	return r == 0 ? connection_trust(d) : r;
}

int dtls_set_remote(struct dtls *d, const sluice_fingerprint *remote) {
	return dtls_set_remotes(d, remote, 1);
}

int dtls_remote_fingerprint(const struct dtls *d, enum sluice_hash hash, sluice_fingerprint *out) {
	return d->trust.der ? fingerprint_of_der(d->trust.der, d->trust.der_len, hash, out) : SLUICE_WRONG_STATE;
}

int dtls_remote_der(const struct dtls *d, void *buf, size_t size) {
	if (!d->trust.der)
		return SLUICE_WRONG_STATE;
	if (d->trust.der_len > size)
		return SLUICE_NO_SPACE;
	memcpy(buf, d->trust.der, d->trust.der_len);
	return (int)d->trust.der_len;
}

/* ---- questions ----------------------------------------------------------------------------------------------------- */

bool dtls_resumed(const struct dtls *d) {
	return d->resumed;
}

uint16_t dtls_srtp_profile(const struct dtls *d) {
	return d->state == DTLS_CONNECTED ? d->srtp : 0;
}

uint32_t dtls_flight(const struct dtls *d) {
	return d->flight.number;
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
	return d->cipher;
}

int dtls_export(struct dtls *d, const char *label, void *out, size_t len) {
	if (d->state != DTLS_CONNECTED)
		return SLUICE_WRONG_STATE;
	return epoch_export(&d->secrets, label, out, len) ? 0 : SLUICE_CRYPTO;
}

/* ---- invariants ---------------------------------------------------------------------------------------------------- */

bool dtls_check(const struct dtls *d) {
	if (d->state == DTLS_CONNECTED && (!d->finished || !d->trust.verified))
		return false;
	if ((d->deadline != SLUICE_NEVER || d->give_up != SLUICE_NEVER) && (d->state != DTLS_HANDSHAKING || d->finished))
		return false;
	if (d->finished && d->ssl && !d->records->keeps_openssl)
		return false;
	if ((d->transport.filled > 0 && !d->stuck) || d->transport.slot)
		return false;
	return epoch_check(&d->epoch) && flight_check(&d->flight) && early_check(&d->early) && trust_check(&d->trust);
}
