/* transport.c: the BIO; what it is for stands in the header. */
#include "dtls/transport.h"

#include <stdatomic.h>

#include "dtls/record.h"

/* ---- what OpenSSL wrote --------------------------------------------------------------------------------------------- */

/* The server's flight with a certificate of P-256 takes some 800 bytes. */
#define CAPACITY_FIRST 2048

bool transport_open(struct transport *t, sluice_env *env) {
	*t = (struct transport){.env = env, .capacity = CAPACITY_FIRST};
	t->written = env_alloc(env, CAPACITY_FIRST);
	return t->written;
}

void transport_close(struct transport *t) {
	env_free(t->env, t->written);
	t->written = NULL;
	t->taken = t->filled = t->capacity = 0;
}

const uint8_t *transport_first(const struct transport *t, size_t *len) {
	*len = record_parse(t->written + t->taken, t->filled - t->taken);
	return *len > 0 ? t->written + t->taken : NULL;
}

void transport_drop(struct transport *t) {
	t->taken = t->filled = 0;
}

void transport_take(struct transport *t) {
	size_t len;
	transport_first(t, &len);
	t->taken += len;
	if (len == 0 || t->taken == t->filled)
		transport_drop(t);
}

static bool make_room(struct transport *t, size_t len) {
	while (t->capacity - t->filled < len) {
		uint8_t *larger = env_alloc(t->env, 2 * t->capacity);
		if (!larger)
			return false;
		memcpy(larger, t->written, t->filled);
		env_free(t->env, t->written);
		t->written = larger;
		t->capacity *= 2;
	}
	return true;
}

/* ---- the BIO ------------------------------------------------------------------------------------------------------- */

static int bio_write(BIO *bio, const char *data, int len) {
	struct transport *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (t->slot && (uint8_t)data[0] == RECORD_APPLICATION) {
		if ((size_t)len > t->slot_size)
			return -1;
		memcpy(t->slot, data, (size_t)len);
		t->sealed = (size_t)len;
		return len;
	}
	if (make_room(t, (size_t)len)) {
		memcpy(t->written + t->filled, data, (size_t)len);
		t->filled += (size_t)len;
	} else {
		t->lost = true;
	}
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
	if (n >= RECORD_HEADER && record_epoch((uint8_t *)buf) == 0)
		put_be64((uint8_t *)buf + 3, RECORD_NUMBER(0, t->next_read++));
	t->record_len = 0;
	return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH;
}

/* Nobody looks for the BIO by its type, so the type has no index of its own: OpenSSL that once had no memory to count indices
 * never gives one. */
static BIO_METHOD *make_method(void) {
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "sluice transport");
	if (!m)
		return NULL;
	BIO_meth_set_write(m, bio_write);
	BIO_meth_set_read(m, bio_read);
	BIO_meth_set_ctrl(m, bio_ctrl);
	return m;
}

/* Kept for the life of the process: BIOs of any thread refer to it. Without memory for it, the next connection tries again, which
 * CRYPTO_THREAD_run_once would not. Of two threads that make one each, the first wins. */
static BIO_METHOD *method(void) {
	static _Atomic(BIO_METHOD *) kept;
	BIO_METHOD *m = atomic_load(&kept), *first = NULL;
	if (m)
		return m;
	m = make_method();
	if (!m || atomic_compare_exchange_strong(&kept, &first, m))
		return m;
	BIO_meth_free(m);
	return first;
}

BIO *transport_bio(struct transport *t) {
	BIO_METHOD *m = method();
	BIO *bio = m ? BIO_new(m) : NULL;
	if (!bio)
		return NULL;
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	return bio;
}
