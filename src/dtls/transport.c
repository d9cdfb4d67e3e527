/* transport.c: the queue of outgoing datagrams, and the BIO over it; what they are for stands in the header. */
#include "dtls/transport.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/bytes.h"
#include "dtls/record.h"

/* ---- the queue ----------------------------------------------------------------------------------------------------- */

static void append_datagram(struct transport *t, struct transport_datagram *d) {
	d->next = NULL;
	d->flight = t->flight;
	if (t->last)
		t->last->next = d;
	else
		t->first = d;
	t->last = d;
	t->count++;
}

static struct transport_datagram *append_new(struct transport *t, size_t least) {
	if (t->count >= TRANSPORT_QUEUE_MAX)
		return NULL;
	struct transport_datagram *d = env_alloc(t->env, sizeof *d + (least > t->mtu ? least : t->mtu));
	if (!d)
		return NULL;
	d->len = 0;
	append_datagram(t, d);
	return d;
}

static void begin_flight(struct transport *t) {
	t->flight_ended = t->incomplete = false;
	t->flight++;
}

static void number_record(struct transport *t, uint8_t *record) {
	if (record_epoch(record) > 0)
		return;
	put_be16(record + 5, (uint16_t)(t->next_number >> 32));
	put_be32(record + 7, (uint32_t)t->next_number);
	t->next_number++;
}

/* RFC 6347, 4.1.1: "Multiple DTLS records may be placed in a single datagram. They are simply encoded consecutively." */
static void queue_record(struct transport *t, const uint8_t *record, size_t len) {
	struct transport_datagram *d = t->last;
	if (!d || d->flight != t->flight || d->len + len > t->mtu)
		d = append_new(t, len);
	if (!d) {
		t->incomplete = true;
		return;
	}
	memcpy(d->bytes + d->len, record, len);
	number_record(t, d->bytes + d->len);
	d->len += len;
}

static void queue_records(struct transport *t, const uint8_t *data, size_t len) {
	if (t->flight_ended)
		begin_flight(t);
	for (size_t record; (record = record_parse(data, len)) > 0; data += record, len -= record)
		queue_record(t, data, record);
}

static struct transport_datagram *take_first(struct transport *t) {
	struct transport_datagram *d = t->first;
	t->first = d->next;
	if (!t->first)
		t->last = NULL;
	t->count--;
	return d;
}

void transport_drop(struct transport *t) {
	while (t->first)
		env_free(t->env, take_first(t));
	transport_forget(t);
}

/* ---- repetition ---------------------------------------------------------------------------------------------------- */

void transport_forget(struct transport *t) {
	while (t->kept) {
		struct transport_datagram *d = t->kept;
		t->kept = d->next;
		env_free(t->env, d);
	}
}

static void keep_datagram(struct transport *t, struct transport_datagram *d) {
	if (t->kept && t->kept->flight != d->flight)
		transport_forget(t);
	d->next = NULL;
	if (t->kept)
		t->kept_last->next = d;
	else
		t->kept = d;
	t->kept_last = d;
}

static void renumber(struct transport *t, struct transport_datagram *d) {
	for (size_t at = 0; at < d->len; at += record_parse(d->bytes + at, d->len - at))
		number_record(t, d->bytes + at);
}

bool transport_repeat(struct transport *t) {
	if (!t->kept || t->first)
		return false;
	begin_flight(t);
	while (t->kept) {
		struct transport_datagram *d = t->kept;
		t->kept = d->next;
		renumber(t, d);
		append_datagram(t, d);
	}
	return true;
}

static bool is_sealed(const struct transport_datagram *d) {
	for (size_t at = 0; at < d->len; at += record_parse(d->bytes + at, d->len - at))
		if (record_epoch(d->bytes + at) > 0)
			return true;
	return false;
}

bool transport_kept_sealed(const struct transport *t) {
	for (const struct transport_datagram *d = t->kept; d; d = d->next)
		if (is_sealed(d))
			return true;
	return false;
}

/* ---- out ----------------------------------------------------------------------------------------------------------- */

bool transport_check(const struct transport *t) {
	const struct transport_datagram *last = NULL;
	unsigned count = 0;
	for (const struct transport_datagram *d = t->first; d; d = d->next, count++)
		last = d;
	for (const struct transport_datagram *d = t->kept; d; d = d->next)
		if (d->flight != t->flight_out)
			return false;
	return last == t->last && count == t->count && count <= TRANSPORT_QUEUE_MAX && !t->slot;
}

int transport_output(struct transport *t, sluice_batch *b) {
	size_t rooms = b->headroom + b->tailroom;
	b->count = 0;
	if (!t->first)
		return 0;
	b->stride = t->first->len + rooms;
	b->last = b->stride;
	uint32_t flight = t->first->flight;
	/* A datagram may join the batch while all those before it are as long as the first. */
	while (t->first && t->first->flight == flight && b->last == b->stride && t->first->len + rooms <= b->stride) {
		size_t at = b->count * b->stride;
		size_t slot = t->first->len + rooms;
		if (at + slot > b->capacity || (b->max_datagrams && b->count == b->max_datagrams))
			break;
		memcpy(b->data + at + b->headroom, t->first->bytes, t->first->len);
		b->last = slot;
		b->count++;
		t->flight_out = flight;
		keep_datagram(t, take_first(t));
	}
	return b->count ? (int)b->count : SLUICE_NO_SPACE;
}

/* ---- the BIO ------------------------------------------------------------------------------------------------------- */

static int bio_write(BIO *bio, const char *data, int len) {
	struct transport *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (!t->slot || data[0] != RECORD_APPLICATION) {
		queue_records(t, (const uint8_t *)data, (size_t)len);
		return len;
	}
	if ((size_t)len > t->slot_size)
		return -1;
	memcpy(t->slot, data, (size_t)len);
	t->sealed = (size_t)len;
	return len;
}

static int bio_read(BIO *bio, char *buf, int size) {
	struct transport *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (t->record_len == 0) {
		t->starved = true;
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t n = t->record_len < (size_t)size ? t->record_len : (size_t)size;
	memcpy(buf, t->record, n);
	t->record_len = 0;
	return (int)n;
}

static void note_timer(struct transport *t, struct timeval *next) {
	t->timer = next;
	t->timer_running = next->tv_sec != 0 || next->tv_usec != 0;
	if (t->timer_running)
		t->timer_started = true;
	else
		t->timer_stopped = true;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
	(void)number;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
		note_timer(BIO_get_data(bio), pointer);
		return 1;
	default:
		return 0;
	}
}

static BIO_METHOD *method;

/* Made once and kept for the life of the process: BIOs of any thread refer to it. */
static void make_method(void) {
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "sluice transport");
	if (!m)
		return;
	BIO_meth_set_write(m, bio_write);
	BIO_meth_set_read(m, bio_read);
	BIO_meth_set_ctrl(m, bio_ctrl);
	method = m;
}

BIO *transport_bio(struct transport *t) {
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
	if (CRYPTO_THREAD_run_once(&once, make_method) != 1 || !method)
		return NULL;
	BIO *bio = BIO_new(method);
	if (!bio)
		return NULL;
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	return bio;
}
