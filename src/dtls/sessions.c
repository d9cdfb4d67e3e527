/* sessions.c: the two lists, and what OpenSSL asks of them; what they are for stands in the header. */
#include "dtls/sessions.h"

#include <string.h>

/* ---- a list --------------------------------------------------------------------------------------------------------- */

/* Puts the session first, in place of the older one with the same peer, or else of the oldest where the list is full. */
static void list_put(struct session_list *list, SSL_SESSION *s) {
	X509 *peer = SSL_SESSION_get0_peer(s);
	unsigned at = 0;
	while (at < list->count && X509_cmp(SSL_SESSION_get0_peer(list->of[at]), peer) != 0)
		at++;
	if (at == SESSIONS_MAX)
		at--;
	if (at < list->count)
		SSL_SESSION_free(list->of[at]);
	else
		list->count++;
	memmove(list->of + 1, list->of, at * sizeof *list->of);
	list->of[0] = s;
}

static void list_drop(struct session_list *list, const SSL_SESSION *s) {
	unsigned at = 0;
	while (at < list->count && list->of[at] != s)
		at++;
	if (at == list->count)
		return;
	SSL_SESSION_free(list->of[at]);
	list->count--;
	memmove(list->of + at, list->of + at + 1, (list->count - at) * sizeof *list->of);
}

static void list_free(struct session_list *list) {
	while (list->count > 0)
		SSL_SESSION_free(list->of[--list->count]);
}

static struct session_list *list_of(const struct dtls *d) {
	return d->client ? &d->certificate->as_client : &d->certificate->as_server;
}

/* ---- resuming ------------------------------------------------------------------------------------------------------- */

/* RFC 5246, 7.4.1.2: who offers a session MUST offer its suite as well; a server ends the handshake otherwise. And a server takes
 * up no suite again that it does not list any more. */
static bool suite_is_listed(SSL *ssl, const SSL_SESSION *s) {
	STACK_OF(SSL_CIPHER) *ciphers = SSL_get_ciphers(ssl);
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
		if (sk_SSL_CIPHER_value(ciphers, i) == SSL_SESSION_get0_cipher(s))
			return true;
	return false;
}

static bool is_resumable(SSL_SESSION *s) {
	return SSL_SESSION_is_resumable(s) && SSL_SESSION_get0_peer(s);
}

static bool has_announced_peer(SSL_SESSION *s, const struct dtls *d) {
	return trust_matches(&d->trust, SSL_SESSION_get0_peer(s));
}

struct session_id {
	const unsigned char *bytes;
	unsigned len;
};

static bool has_id(const SSL_SESSION *s, const struct session_id *id) {
	unsigned len;
	const unsigned char *bytes = SSL_SESSION_get_id(s, &len);
	return len == id->len && memcmp(bytes, id->bytes, len) == 0;
}

/* A session of the connection's list with this id, or, without an id, with the announced peer. The reference is the caller's. */
static SSL_SESSION *find(struct dtls *d, SSL *ssl, const struct session_id *id) {
	struct session_list *list = list_of(d);
	SSL_SESSION *found = NULL;
	if (!d->resume || CRYPTO_THREAD_read_lock(d->certificate->lock) != 1)
		return NULL;
	for (unsigned i = 0; i < list->count && !found; i++) {
		SSL_SESSION *s = list->of[i];
		if (is_resumable(s) && suite_is_listed(ssl, s) && (id ? has_id(s, id) : has_announced_peer(s, d)) &&
		    SSL_SESSION_up_ref(s) == 1)
			found = s;
	}
	CRYPTO_THREAD_unlock(d->certificate->lock);
	return found;
}

void sessions_offer(struct dtls *d) {
	SSL_SESSION *found = d->trust.set ? find(d, d->ssl, NULL) : NULL;
	if (found)
		SSL_set_session(d->ssl, found);
	SSL_SESSION_free(found);
}

/* A client offers a session to our server. */
static SSL_SESSION *find_offered(SSL *ssl, const unsigned char *id, int len, int *copy) {
	*copy = 0; /* the reference is OpenSSL's */
	return find(SSL_get_app_data(ssl), ssl, &(struct session_id){.bytes = id, .len = (unsigned)len});
}

/* ---- keeping -------------------------------------------------------------------------------------------------------- */

void sessions_hold(struct dtls *d) {
	if (d->resume)
		d->session = SSL_get1_session(d->ssl);
}

void sessions_keep(struct dtls *d) {
	SSL_SESSION *s = d->session;
	if (!s || !is_resumable(s) || CRYPTO_THREAD_write_lock(d->certificate->lock) != 1)
		return;
	if (SSL_SESSION_up_ref(s) == 1)
		list_put(list_of(d), s);
	CRYPTO_THREAD_unlock(d->certificate->lock);
}

void sessions_forget(struct dtls *d) {
	sluice_certificate *c = d->certificate;
	SSL_SESSION *s = d->session || !d->ssl ? d->session : SSL_get_session(d->ssl);
	if (!s)
		return;
	SSL_CTX_remove_session(c->ctx, s); /* which marks it as one that is not resumed, for those that hold it */
	if (CRYPTO_THREAD_write_lock(c->lock) != 1)
		return;
	list_drop(list_of(d), s);
	CRYPTO_THREAD_unlock(c->lock);
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

bool sessions_open(sluice_certificate *c) {
	static const unsigned char context[] = "sluice";
	c->lock = CRYPTO_THREAD_lock_new();
	/* A server whose cache is off gives its sessions no ids. */
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_get_cb(c->ctx, find_offered);
	return c->lock && SSL_CTX_set_session_id_context(c->ctx, context, sizeof context - 1) == 1;
}

void sessions_free(sluice_certificate *c) {
	list_free(&c->as_client);
	list_free(&c->as_server);
	CRYPTO_THREAD_lock_free(c->lock);
}

/* RFC 5246, 7.2.1: a session may be resumed although its connection was not properly closed. OpenSSL still refuses that, so it is
 * made to believe that the connection was closed. Resumption is for just this peer: one that lost the network and comes back. */
void sessions_survive(SSL *ssl) {
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}
