/* sessions: with whom has a client of this certificate spoken before, so that the next handshake can be abbreviated?
 *
 * TLS 1.2's session ids (RFC 5246, 7.3). The server finds the session in OpenSSL's cache in the SSL_CTX. The client finds it
 * here, by the fingerprint that was announced. Tickets are not used, for they would be one more message in the last flight. Both
 * caches are bounded and belong to one certificate. A session proves that its peer holds the key of the certificate that the
 * session names, and only that; every handshake, full or abbreviated, compares that certificate with the announced one (trust.h).
 * */
#ifndef DTLS_SESSIONS_H
#define DTLS_SESSIONS_H

#include "dtls/certificate.h"
#include "dtls/connection.h"

/* The caches of a certificate, whose ctx is there. False: no memory. */
bool sessions_open(sluice_certificate *c);
void sessions_free(sluice_certificate *c);

/* A server that does not resume: this connection neither finds a session nor, with sessions_hold, leaves one. */
bool sessions_refuse(SSL *ssl);
/* A client, before its first flight: offers the session that the announced peer shares with it, if there is one. */
void sessions_offer(struct dtls *d);
/* The handshake is complete, and OpenSSL's object will be freed: holds the session where resumption is on, and removes it where it
 * is off. */
void sessions_hold(struct dtls *d);
/* The connection is CONNECTED: a client may offer the session from now on. */
void sessions_keep(struct dtls *d);
/* The certificate was a wrong one, or the peer ended the connection with an alert: nobody resumes the session, also when the
 * handshake that was to resume it is not complete. */
void sessions_forget(struct dtls *d);
/* Before the SSL is freed: the session of a connection that just stops stays valid. */
void sessions_survive(SSL *ssl);

#endif
