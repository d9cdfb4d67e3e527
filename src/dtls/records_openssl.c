/* records_openssl.c: OpenSSL's own records, by SSL_write and SSL_read. Each record is given to OpenSSL by itself, so that OpenSSL
 * is never asked a second time only to say that nothing more is there. */
#include <openssl/err.h>

#include "dtls/records.h"
#include "dtls/repeat.h"
#include "dtls/written.h"

/* OpenSSL copies the plaintext before it encrypts, so the record may be written over it. */
static bool seal_slot(struct dtls *d, uint8_t *slot, size_t len, size_t plaintext) {
	struct transport *t = &d->transport;
	t->slot = slot;
	t->slot_size = len;
	t->sealed = 0;
	int n = SSL_write(d->ssl, slot + d->headroom, (int)plaintext);
	t->slot = NULL;
	return n == (int)plaintext && t->sealed == len;
}

static int seal(struct dtls *d, const sluice_batch *b) {
	for (size_t i = 0; i < b->count; i++) {
		size_t len = sluice_batch_slot_len(b, i);
		if (!seal_slot(d, sluice_batch_slot(b, i), len, len - d->headroom - d->tailroom)) {
			ERR_clear_error();
			return SLUICE_CRYPTO;
		}
	}
	return 0;
}

#define EXPLICIT_MAX 8 /* of a nonce */

/* The flights of the handshake are sealed by us, under the same key. OpenSSL has no call for its next number, but it uses one up
 * for each record that it writes. Such a record goes nowhere, so its number is ours. It is one that we have not had: all that we
 * sealed since OpenSSL's last record are below epoch.next. */
static bool reserve(struct dtls *d) {
	uint8_t record[RECORD_HEADER + EXPLICIT_MAX + 1 + SUITE_TAILROOM] = {0};
	uint64_t number;
	do {
		if (!seal_slot(d, record, d->headroom + 1 + d->tailroom, 1)) {
			ERR_clear_error();
			return false;
		}
		number = record_number(record) & RECORD_SEQUENCE_MAX;
	} while (number < d->epoch.next);
	d->epoch.next = number;
	return true;
}

static int read_record(struct dtls *d, uint8_t *record, size_t len) {
	d->transport.record = record;
	d->transport.record_len = len;
	ERR_clear_error();
	flight_begin(&d->flight);
	int n = SSL_read(d->ssl, record, (int)len);
	d->transport.record_len = 0;
	return n;
}

/* OpenSSL ends the connection for a record that is shorter than the suite's nonce and tag (seen with 3.0.19: the cipher refuses
 * the length before anything is authenticated), and anybody can send such a record. So OpenSSL never sees one. */
static bool is_long_enough(const struct dtls *d, size_t len) {
	return len > (size_t)d->headroom + d->tailroom;
}

/* OpenSSL copies the record before it decrypts, so the plaintext may take the record's place. */
static void open(struct dtls *d, struct epoch_record *records, size_t count) {
	for (size_t i = 0; i < count; i++) {
		struct epoch_record *r = &records[i];
		r->text = NULL;
		if (d->state != DTLS_CONNECTED || !is_long_enough(d, r->len))
			continue;
		int n = read_record(d, r->record, r->len);
		if (n > 0) {
			r->text = r->record;
			r->text_len = (size_t)n;
		} else {
			/* RFC 6347, 4.1.2.7: "In general, invalid records SHOULD be silently discarded, thus preserving the
			 * association". */
			written_take_alert(d);
			connection_settle(d, n);
		}
	}
}

static bool admit(struct dtls *d, const uint8_t *record, size_t len) {
	(void)record;
	d->stats.records_discarded += !is_long_enough(d, len);
	return is_long_enough(d, len);
}

#define ALERT_WARNING 1
#define ALERT_CLOSE_NOTIFY 0
#define ALERT_RECORD_MAX 64

/* OpenSSL 3.0 ends the connection for a single warning, see record.c. */
static bool is_idle_warning(struct dtls *d, const uint8_t *record, size_t len) {
	uint8_t copy[ALERT_RECORD_MAX];
	if (record_type(record) != RECORD_ALERT || len > sizeof copy)
		return false;
	memcpy(copy, record, len);
	struct epoch_record r = {.record = copy, .len = len};
	epoch_open(&d->epoch, &r, 1);
	return r.text && r.text_len == 2 && r.text[0] == ALERT_WARNING && r.text[1] != ALERT_CLOSE_NOTIFY;
}

static void control(struct dtls *d, uint8_t *record, size_t len) {
	if (!is_long_enough(d, len) || is_idle_warning(d, record, len)) {
		d->stats.records_discarded++;
	} else if (record_type(record) == RECORD_HANDSHAKE) {
		d->stats.records_discarded += !repeat_last(d);
	} else {
		int n = read_record(d, record, len);
		written_take_alert(d);
		connection_settle(d, n);
	}
}

static void goodbye(struct dtls *d) {
	flight_begin(&d->flight);
	SSL_shutdown(d->ssl);
	written_take_alert(d);
	ERR_clear_error();
}

const struct records records_openssl = {
	.keeps_openssl = true,
	.reserve = reserve,
	.seal = seal,
	.open = open,
	.admit = admit,
	.control = control,
	.goodbye = goodbye,
};
