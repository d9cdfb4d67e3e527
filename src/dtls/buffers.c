/* buffers.c: making, growing and freeing; why stands in the header. */
#include "dtls/buffers.h"

#define IDLE_AFTER (2 * SLUICE_S)

bool buffers_make(struct dtls *d) {
	d->buffers_released = SSL_alloc_buffers(d->ssl) != 1;
	return !d->buffers_released;
}

/* The write buffer holds one record. Its default size is 16 KiB. */
static void set_write_max(struct dtls *d, size_t size) {
	d->write_max = size;
	SSL_set_max_send_fragment(d->ssl, (long)size);
}

#define WRITE_FIRST (size_t)1500

void buffers_init(struct dtls *d) {
	set_write_max(d, d->plaintext_max < WRITE_FIRST ? d->plaintext_max : WRITE_FIRST);
}

bool buffers_grow(struct dtls *d) {
	set_write_max(d, d->plaintext_max);
	return SSL_free_buffers(d->ssl) == 1 && buffers_make(d);
}

void buffers_note_time(struct dtls *d, uint64_t now) {
	if (!d->buffers_used || d->state != DTLS_CONNECTED)
		return;
	d->buffers_used = false;
	d->idle_at = now + IDLE_AFTER;
}

void buffers_advance(struct dtls *d, uint64_t now) {
	if (now < d->idle_at)
		return;
	d->idle_at = SLUICE_NEVER;
	if (d->stats.records_opened > 0) /* the peer speaks, so our last flight has reached it */
		transport_forget(&d->transport);
	/* OpenSSL refuses while a record is half read or half written, which cannot be between two calls of ours. */
	if (d->state == DTLS_CONNECTED && !d->buffers_used)
		d->buffers_released = SSL_free_buffers(d->ssl) == 1;
	if (d->buffers_released)
		buffers_init(d);
}
