/* datagrams: what is in the datagrams that came, and how do the slots of a batch become records?
 *
 * The two calls of the established path, dtls_open and dtls_seal. Neither allocates, and each record costs one SSL_read or
 * SSL_write: a datagram is cut into its records here, so OpenSSL is never asked a second time only to say that nothing more is
 * there. Records that are no data go to the handshake when their turn has come. It knows no timers and no certificates. */
#include <openssl/err.h>

#include "dtls/buffers.h"
#include "dtls/connection.h"
#include "dtls/flights.h"
#include "dtls/handshake.h"

/* Where opened records go: used <= size. */
struct sink {
	sluice_datagram *out;
	size_t used, size;
};

/* OpenSSL ends the connection for a record that is shorter than the suite's nonce and tag (seen with 3.0.19: the cipher refuses
 * the length before anything is authenticated), and anybody can send such a record. So OpenSSL never sees one. Until the suite is
 * known the longest nonce and tag count; an encrypted Finished is longer than that under every suite. */
static bool is_long_enough(const struct dtls *d, size_t len) {
	return len > (size_t)d->headroom + d->tailroom;
}

/* ---- open ---------------------------------------------------------------------------------------------------------- */

/* OpenSSL copies the record before it decrypts, so the plaintext may take the record's place. */
static void open_application(struct dtls *d, uint8_t *record, size_t len, sluice_slab *slab, struct sink *sink) {
	if (sink->used == sink->size || !is_long_enough(d, len) || !buffers_ready(d)) {
		d->stats.records_discarded++;
		return;
	}
	d->transport.record = record;
	d->transport.record_len = len;
	int n = SSL_read(d->ssl, record, (int)len);
	d->transport.record_len = 0;
	if (n > 0) {
		sink->out[sink->used++] = (sluice_datagram){.data = record, .len = (size_t)n, .slab = slab};
		d->stats.records_opened++;
		return;
	}
	/* RFC 6347, 4.1.2.7: "In general, invalid records SHOULD be silently discarded, thus preserving the association". */
	d->stats.records_discarded++;
	connection_settle(d, n);
}

static bool is_live(const struct dtls *d) {
	return d->state == DTLS_CONNECTED || d->state == DTLS_HANDSHAKING;
}

static void open_held(struct dtls *d, struct sink *sink) {
	while (d->early.data.first && d->state == DTLS_CONNECTED && sink->used < sink->size) {
		struct early_record *r = early_lend(&d->early);
		open_application(d, r->bytes, r->len, NULL, sink);
	}
}

/* A record of the handshake, or an alert: given to OpenSSL with what waited for it, or kept until its turn. */
static void pass_on(struct dtls *d, uint8_t *record, size_t len, uint64_t now) {
	enum early_verdict verdict = early_admit(&d->early, d->ssl, d->finished, record, len);
	d->stats.records_discarded += verdict == EARLY_DROPPED;
	if (verdict != EARLY_NOW)
		return;
	do
		handshake_input(d, record, len, now);
	while (is_live(d) && early_next(&d->early, d->ssl, d->finished, &record, &len));
}

/* Everything except the data of an established connection. */
static void open_other(struct dtls *d, uint8_t *record, size_t len, struct sink *sink, uint64_t now) {
	unsigned epoch = record_epoch(record);
	bool application = record_type(record) == RECORD_APPLICATION;
	bool plain = epoch == 0 && record_is_plausible(record, len, !d->client);
	bool usable = (epoch == 1 && is_long_enough(d, len)) || (plain && !d->finished);
	if (plain && d->finished && record_type(record) == RECORD_HANDSHAKE && flights_repeat_last(d))
		return;
	if (!usable) {
		d->stats.records_discarded++;
	} else if (application) {
		d->stats.records_discarded += !early_hold(&d->early, record, len);
	} else {
		pass_on(d, record, len, now);
		open_held(d, sink); /* the record may have been the handshake's last */
	}
}

static void open_datagram(struct dtls *d, const sluice_datagram *in, struct sink *sink, uint64_t now) {
	uint8_t *at = in->data;
	size_t left = in->len;
	while (left > 0) {
		size_t len = is_live(d) ? record_parse(at, left) : 0;
		if (len == 0) { /* where the next record begins is unknown */
			d->stats.records_discarded++;
			return;
		}
		if (d->state == DTLS_CONNECTED && record_type(at) == RECORD_APPLICATION)
			open_application(d, at, len, in->slab, sink);
		else
			open_other(d, at, len, sink, now);
		at += len;
		left -= len;
	}
}

size_t dtls_open(struct dtls *d, sluice_datagram *in, size_t count, sluice_datagram *out, size_t out_size, uint64_t now) {
	struct sink sink = {.out = out, .size = out_size};
	now = clock_forward(&d->latest, now);
	early_release(&d->early);
	buffers_note_time(d, now);
	open_held(d, &sink);
	for (size_t i = 0; i < count; i++)
		open_datagram(d, &in[i], &sink, now);
	return sink.used;
}

/* ---- seal ---------------------------------------------------------------------------------------------------------- */

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

int dtls_seal(struct dtls *d, sluice_batch *b) {
	size_t rooms = d->headroom + d->tailroom;
	if (d->state != DTLS_CONNECTED)
		return SLUICE_WRONG_STATE;
	if (b->count == 0)
		return 0;
	if (b->headroom != d->headroom || b->tailroom != d->tailroom || b->last <= rooms || b->stride < b->last ||
	    b->stride - rooms > d->plaintext_max)
		return SLUICE_INVALID;
	if (!buffers_ready(d) || !buffers_hold(d, b->stride - rooms))
		return SLUICE_NO_MEMORY;
	for (size_t i = 0; i < b->count; i++) {
		size_t len = sluice_batch_slot_len(b, i);
		if (!seal_slot(d, sluice_batch_slot(b, i), len, len - rooms)) {
			ERR_clear_error();
			return SLUICE_CRYPTO;
		}
	}
	d->stats.records_sealed += b->count;
	b->headroom = b->tailroom = 0;
	return 0;
}
