/* written.c: from OpenSSL's records to the flight; why stands in the header. */
#include "dtls/written.h"

#include "dtls/records.h"

/* ---- keys ----------------------------------------------------------------------------------------------------------- */

static bool learn_secrets(struct dtls *d) {
	struct secrets *s = &d->secrets;
	const SSL_SESSION *session = SSL_get_session(d->ssl);
	const SSL_CIPHER *cipher = SSL_get_pending_cipher(d->ssl);
	s->suite = cipher ? suite_with(SSL_CIPHER_get_cipher_nid(cipher)) : NULL;
	return s->suite && session && SSL_SESSION_get_master_key(session, s->master, SECRETS_MASTER) == SECRETS_MASTER &&
	       SSL_get_client_random(d->ssl, s->client_random, SECRETS_RANDOM) == SECRETS_RANDOM &&
	       SSL_get_server_random(d->ssl, s->server_random, SECRETS_RANDOM) == SECRETS_RANDOM;
}

int written_keys(struct dtls *d) {
	if (d->epoch.suite)
		return 0;
	if (!learn_secrets(d))
		return SLUICE_CRYPTO;
	return epoch_begin(&d->epoch, d->env, &d->secrets, d->client) ? 0 : SLUICE_NO_MEMORY;
}

/* ---- records ------------------------------------------------------------------------------------------------------- */

static int add_text(struct dtls *d, const uint8_t *record, const uint8_t *text, size_t len, bool sealed) {
	switch (record_type(record)) {
	case RECORD_HANDSHAKE:
		d->written = true;
		return flight_add_handshake(&d->flight, text, len, get_be16(record + 1), sealed);
	case RECORD_CHANGE_CIPHER_SPEC:
		return flight_add_change(&d->flight);
	case RECORD_ALERT:
		return len == 2 ? flight_set_alert(&d->flight, text[0], text[1], sealed) : 0;
	default:
		return 0;
	}
}

/* After the handshake OpenSSL writes nothing but alerts. */
static int add_whole(struct dtls *d, const uint8_t *record, size_t len) {
	return record_type(record) == RECORD_ALERT ? flight_set_whole_alert(&d->flight, record, len) : 0;
}

/* Longer than the Finished and any alert. */
#define SEALED_MAX 256

/* Opens a copy: when there is no memory for the text, the record comes again. */
static int add_sealed(struct dtls *d, const uint8_t *record, size_t len) {
	uint8_t copy[SEALED_MAX];
	struct epoch_record sealed = {.record = copy, .len = len};
	if (len > sizeof copy)
		return SLUICE_CRYPTO;
	memcpy(copy, record, len);
	if (!epoch_reveal(&d->epoch, &sealed))
		return SLUICE_CRYPTO;
	return add_text(d, record, sealed.text, sealed.text_len, true);
}

static int add_record(struct dtls *d, const uint8_t *record, size_t len) {
	if (record_epoch(record) == 0)
		return add_text(d, record, record + RECORD_HEADER, len - RECORD_HEADER, false);
	int error = written_keys(d);
	if (error < 0)
		return error;
	return d->records->keeps_openssl && d->finished ? add_whole(d, record, len) : add_sealed(d, record, len);
}

int written_take(struct dtls *d) {
	const uint8_t *record;
	for (size_t len; (record = transport_first(&d->transport, &len)); transport_take(&d->transport)) {
		int error = add_record(d, record, len);
		if (error < 0)
			return error;
	}
	return 0;
}

void written_take_alert(struct dtls *d) {
	written_take(d);
	transport_drop(&d->transport);
}
