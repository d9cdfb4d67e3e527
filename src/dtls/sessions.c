/* sessions.c: the client's list and the calls that steer OpenSSL's; what they are for stands in the header. */
#include "dtls/sessions.h"

#include <string.h>

bool sessions_open(sluice_certificate *c) {
	static const unsigned char context[] = "sluice";
	c->lock = CRYPTO_THREAD_lock_new();
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_SERVER);
	SSL_CTX_sess_set_cache_size(c->ctx, SESSIONS_MAX);
	return c->lock && SSL_CTX_set_session_id_context(c->ctx, context, sizeof context - 1) == 1;
}

void sessions_free(sluice_certificate *c) {
	for (unsigned i = 0; i < c->session_count; i++)
		SSL_SESSION_free(c->sessions[i]);
	CRYPTO_THREAD_lock_free(c->lock);
}

/* Sessions of other connections have another context, so OpenSSL does not find them here. sessions_hold removes the session that
 * this connection makes. */
bool sessions_refuse(SSL *ssl) {
	static const unsigned char none[] = "none";
	return SSL_set_session_id_context(ssl, none, sizeof none - 1) == 1;
}

/* RFC 5246, 7.4.1.2: who offers a session MUST offer its suite as well. A server ends the handshake otherwise. */
static bool suite_is_offered(SSL *ssl, const SSL_SESSION *s) {
	STACK_OF(SSL_CIPHER) *ciphers = SSL_get_ciphers(ssl);
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
		if (sk_SSL_CIPHER_value(ciphers, i) == SSL_SESSION_get0_cipher(s))
			return true;
	return false;
}

static bool session_fits(SSL_SESSION *s, const struct dtls *d) {
	X509 *peer = SSL_SESSION_get0_peer(s);
	return peer && SSL_SESSION_is_resumable(s) && suite_is_offered(d->ssl, s) && trust_matches(&d->trust, peer);
}

void sessions_offer(struct dtls *d) {
	sluice_certificate *c = d->certificate;
	SSL_SESSION *found = NULL;
	if (!d->resume || !d->trust.set || CRYPTO_THREAD_read_lock(c->lock) != 1)
		return;
	for (unsigned i = 0; i < c->session_count && !found; i++)
		if (session_fits(c->sessions[i], d) && SSL_SESSION_up_ref(c->sessions[i]) == 1)
			found = c->sessions[i];
	CRYPTO_THREAD_unlock(c->lock);
	if (found)
		SSL_set_session(d->ssl, found);
	SSL_SESSION_free(found);
}

/* Puts the session first, in place of the older one with the same peer, or else of the oldest where the list is full. */
static void keep_session(sluice_certificate *c, SSL_SESSION *s) {
	X509 *peer = SSL_SESSION_get0_peer(s);
	unsigned at = 0;
	while (at < c->session_count && X509_cmp(SSL_SESSION_get0_peer(c->sessions[at]), peer) != 0)
		at++;
	if (at == SESSIONS_MAX)
		at--;
	if (at < c->session_count)
		SSL_SESSION_free(c->sessions[at]);
	else
		c->session_count++;
	memmove(c->sessions + 1, c->sessions, at * sizeof *c->sessions);
	c->sessions[0] = s;
}

void sessions_hold(struct dtls *d) {
	if (d->resume)
		d->session = SSL_get1_session(d->ssl);
	else if (!d->client)
		SSL_CTX_remove_session(d->certificate->ctx, SSL_get_session(d->ssl));
}

void sessions_keep(struct dtls *d) {
	sluice_certificate *c = d->certificate;
	SSL_SESSION *s = d->client ? d->session : NULL;
	if (!s || !SSL_SESSION_is_resumable(s) || !SSL_SESSION_get0_peer(s) || CRYPTO_THREAD_write_lock(c->lock) != 1)
		return;
	if (SSL_SESSION_up_ref(s) == 1)
		keep_session(c, s);
	CRYPTO_THREAD_unlock(c->lock);
}

/* Takes the session out of the client's list. */
static void drop_session(sluice_certificate *c, const SSL_SESSION *s) {
	unsigned at = 0;
	while (at < c->session_count && c->sessions[at] != s)
		at++;
	if (at == c->session_count)
		return;
	SSL_SESSION_free(c->sessions[at]);
	c->session_count--;
	memmove(c->sessions + at, c->sessions + at + 1, (c->session_count - at) * sizeof *c->sessions);
}

void sessions_forget(struct dtls *d) {
	sluice_certificate *c = d->certificate;
	SSL_SESSION *s = d->session || !d->ssl ? d->session : SSL_get_session(d->ssl);
	if (!s)
		return;
	SSL_CTX_remove_session(c->ctx, s);
	if (CRYPTO_THREAD_write_lock(c->lock) != 1)
		return;
	drop_session(c, s);
	CRYPTO_THREAD_unlock(c->lock);
}

/* RFC 5246, 7.2.1: a session may be resumed although its connection was not properly closed. OpenSSL still refuses that, so it is
 * made to believe that the connection was closed. Resumption is for just this peer: one that lost the network and comes back. */
void sessions_survive(SSL *ssl) {
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}
