/* sessions: with whom has a certificate spoken before, so that the next handshake can be abbreviated?
 *
 * TLS 1.2's session ids (RFC 5246, 7.3). Both roles find their sessions here: the client by the fingerprint that was announced,
 * the server by the id that the client offers. OpenSSL's own cache is off: when memory is short while it takes a session in,
 * the session stays in it without a reference (3.0 to 4.0), and the next one walks freed memory. Tickets are not used, for they
 * would be one more message in the last flight. Both lists are bounded and belong to one certificate. A session proves that its
 * peer holds the key of the certificate that the session names, and only that; every handshake, full or abbreviated, compares
 * that certificate with the announced one (trust.h). */
#ifndef DTLS_SESSIONS_H
#define DTLS_SESSIONS_H

#include "dtls/certificate.h"
#include "dtls/connection.h"

/* The lists of a certificate, whose ctx is there. False: no memory. */
bool sessions_open(sluice_certificate *c);
void sessions_free(sluice_certificate *c);

/* A client, before its first flight: offers the session that the announced peer shares with it, if there is one. */
void sessions_offer(struct dtls *d);
/* The handshake is complete, and OpenSSL's object will be freed: holds the session where resumption is on. */
void sessions_hold(struct dtls *d);
/* The connection is CONNECTED: the session may be resumed from now on. */
void sessions_keep(struct dtls *d);
/* The certificate was a wrong one, or the peer ended the connection with an alert: nobody resumes the session, also when the
 * handshake that was to resume it is not complete. */
void sessions_forget(struct dtls *d);
/* Before the SSL is freed: the session of a connection that just stops stays valid. */
void sessions_survive(SSL *ssl);

#endif
