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

/* OpenSSL would answer the peer's Finished with a flight that is sealed anew. The copy of it is of use to a peer that has heard
 * nothing, and no other one asks. */
static void control(struct dtls *d, uint8_t *record, size_t len) {
	if (!is_long_enough(d, len)) {
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
	.seal = seal,
	.open = open,
	.admit = admit,
	.control = control,
	.goodbye = goodbye,
};
