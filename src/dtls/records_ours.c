/* records_ours.c: records of DTLS 1.2 that epoch.c seals and opens, and what the messages in them mean after the handshake. */
#include "dtls/records.h"
#include "dtls/repeat.h"
#include "dtls/written.h"

#define FINISHED 20
#define HELLO_REQUEST 0
#define CLIENT_HELLO 1

static int seal(struct dtls *d, const sluice_batch *b) {
	if (!epoch_has_numbers(&d->epoch, b->count))
		return SLUICE_LIMIT;
	return epoch_seal(&d->epoch, RECORD_APPLICATION, b->data, b->count, b->stride, b->last) ? 0 : SLUICE_CRYPTO;
}

static void open(struct dtls *d, struct epoch_record *records, size_t count) {
	epoch_open(&d->epoch, records, count);
}

/* Longer than any record before the handshake's end: the Finished is 12 + 12 bytes of plaintext, an alert 2. */
#define ADMITTED_MAX 128

/* OpenSSL decrypts the record itself, so only a copy is opened here: a forged record costs the handshake nothing. An alert is not
 * shown to OpenSSL. close_notify waits for the Finished, which it has overtaken. */
static bool admit(struct dtls *d, const uint8_t *record, size_t len) {
	uint8_t copy[ADMITTED_MAX];
	if (len > sizeof copy || written_keys(d) < 0) {
		d->stats.records_discarded++;
		return false;
	}
	memcpy(copy, record, len);
	struct epoch_record r = {.record = copy, .len = len};
	epoch_open(&d->epoch, &r, 1);
	if (r.text && record_type(record) == RECORD_ALERT && r.text_len == 2) {
		if (r.text[1] == ALERT_CLOSE_NOTIFY)
			d->closing = true;
		else
			connection_alert(d, r.text[0], r.text[1]);
	}
	d->stats.records_discarded += !r.text;
	return r.text && record_type(record) == RECORD_HANDSHAKE;
}

/* The peer's Finished once more: it did not get our last flight. RFC 5246, 7.2.2: "no_renegotiation [...] Sent by the client in
 * response to a hello request or by the server in response to a client hello after initial handshaking." */
static void take_message(struct dtls *d, uint8_t message) {
	if (message == FINISHED)
		repeat_last(d);
	else if (message == (d->client ? HELLO_REQUEST : CLIENT_HELLO) && !flight_waits(&d->flight))
		flight_set_alert(&d->flight, ALERT_WARNING, ALERT_NO_RENEGOTIATION, true);
}

static void control(struct dtls *d, uint8_t *record, size_t len) {
	struct epoch_record r = {.record = record, .len = len};
	epoch_open(&d->epoch, &r, 1);
	if (r.text && record_type(record) == RECORD_ALERT && r.text_len == 2)
		connection_alert(d, r.text[0], r.text[1]);
	else if (r.text && record_type(record) == RECORD_HANDSHAKE && r.text_len > 0)
		take_message(d, r.text[0]);
	else
		d->stats.records_discarded++;
}

static void goodbye(struct dtls *d) {
	flight_set_alert(&d->flight, ALERT_WARNING, ALERT_CLOSE_NOTIFY, true);
}

const struct records records_ours = {
	.seal = seal,
	.open = open,
	.admit = admit,
	.control = control,
	.goodbye = goodbye,
};
