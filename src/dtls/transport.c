/* transport.c: the queue of outgoing datagrams, and the BIO on top; what they are for stands in the header. */
#include "dtls/transport.h"

#include <openssl/crypto.h>
#include <string.h>

#include "dtls/record.h"

/* ---- the queue ----------------------------------------------------------------------------------------------------- */

static struct transport_datagram *append_datagram(struct transport *t, size_t least) {
	if (t->count >= TRANSPORT_QUEUE_MAX)
		return NULL;
	struct transport_datagram *d = env_alloc(t->env, sizeof *d + (least > t->mtu ? least : t->mtu));
	if (!d)
		return NULL;
	d->next = NULL;
	d->flight = t->flight;
	d->len = 0;
	if (t->last)
		t->last->next = d;
	else
		t->first = d;
	t->last = d;
	t->count++;
	return d;
}

/* RFC 6347, 4.1.1: "Multiple DTLS records may be placed in a single datagram. They are simply encoded consecutively." */
static void queue_record(struct transport *t, const void *record, size_t len) {
	struct transport_datagram *d = t->last;
	if (t->flight_ended) {
		t->flight_ended = false;
		t->flight++;
	}
	if (!d || d->flight != t->flight || d->len + len > t->mtu)
		d = append_datagram(t, len);
	if (!d)
		return;
	memcpy(d->bytes + d->len, record, len);
	d->len += len;
}

static void drop_first(struct transport *t) {
	struct transport_datagram *d = t->first;
	t->first = d->next;
	if (!t->first)
		t->last = NULL;
	t->count--;
	env_free(t->env, d);
}

void transport_drop(struct transport *t) {
	while (t->first)
		drop_first(t);
}

bool transport_check(const struct transport *t) {
	const struct transport_datagram *last = NULL;
	unsigned count = 0;
	for (const struct transport_datagram *d = t->first; d; d = d->next, count++)
		last = d;
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
	/* A datagram may join as long as those before it are as long as the first. */
	while (t->first && t->first->flight == flight && b->last == b->stride && t->first->len + rooms <= b->stride) {
		size_t at = b->count * b->stride;
		size_t slot = t->first->len + rooms;
		if (at + slot > b->capacity || (b->max_datagrams && b->count == b->max_datagrams))
			break;
		memcpy(b->data + at + b->headroom, t->first->bytes, t->first->len);
		b->last = slot;
		b->count++;
		t->flight_out = flight;
		drop_first(t);
	}
	return b->count ? (int)b->count : SLUICE_NO_SPACE;
}

/* ---- the BIO ------------------------------------------------------------------------------------------------------- */

static int bio_write(BIO *bio, const char *data, int len) {
	struct transport *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (!t->slot || data[0] != RECORD_APPLICATION) {
		queue_record(t, data, (size_t)len);
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
