/* Our DTLS against GnuTLS, in both roles and over bad networks. The cases stand in dtls_peers.c.
 *
 * GnuTLS sends each record as a datagram of its own, so a flight is as many datagrams as it has messages, and the
 * ChangeCipherSpec travels alone. It repeats its last flight from gnutls_record_recv. */
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dtls_clock.h"
#include "dtls_peers.h"
#include "suite.h"

struct end {
	struct other other; /* first */
	struct other_config config;
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	gnutls_datum_t cookie_key;
	bool is_known; /* the client showed its cookie */
	bool asked;    /* for another handshake */
};

/* ---- transport --------------------------------------------------------------------------------------------------- */

static ssize_t push(gnutls_transport_ptr_t ptr, const void *data, size_t len) {
	struct end *e = ptr;
	mail_put(&e->other.out, data, len);
	return (ssize_t)len;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t size) {
	struct end *e = ptr;
	if (e->other.in.count > 0)
		return (ssize_t)mail_take(&e->other.in, data, size);
	gnutls_transport_set_errno(e->session, EAGAIN);
	return -1;
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms) {
	struct end *e = ptr;
	(void)ms; /* nobody else can put a datagram there meanwhile */
	return e->other.in.count > 0;
}

/* ---- sessions of a server, by their ids -------------------------------------------------------------------------- */

static struct {
	uint8_t key[64], data[4096];
	unsigned key_len, data_len;
} stored;
static gnutls_datum_t client_session;

static int store(void *ptr, gnutls_datum_t key, gnutls_datum_t data) {
	(void)ptr;
	if (key.size > sizeof stored.key || data.size > sizeof stored.data)
		return -1;
	memcpy(stored.key, key.data, stored.key_len = key.size);
	memcpy(stored.data, data.data, stored.data_len = data.size);
	return 0;
}

static gnutls_datum_t retrieve(void *ptr, gnutls_datum_t key) {
	gnutls_datum_t found = {NULL, 0};
	(void)ptr;
	if (stored.data_len == 0 || key.size != stored.key_len || memcmp(key.data, stored.key, key.size) != 0)
		return found;
	found = (gnutls_datum_t){gnutls_malloc(stored.data_len), stored.data_len};
	memcpy(found.data, stored.data, stored.data_len);
	return found;
}

static int forget(void *ptr, gnutls_datum_t key) {
	(void)ptr, (void)key;
	stored.data_len = 0;
	return 0;
}

static void use_sessions(struct end *e) {
	if (!e->config.client) {
		gnutls_db_set_store_function(e->session, store);
		gnutls_db_set_retrieve_function(e->session, retrieve);
		gnutls_db_set_remove_function(e->session, forget);
	} else if (client_session.data) {
		ck_assert_int_eq(gnutls_session_set_data(e->session, client_session.data, client_session.size), 0);
	}
}

static void keep_session(struct end *e) {
	if (!e->config.client || !e->config.resume)
		return;
	gnutls_free(client_session.data);
	ck_assert_int_eq(gnutls_session_get_data2(e->session, &client_session), 0);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static const char *const ciphers[OTHER_CIPHERS] = {"+AES-128-GCM", "+AES-256-GCM", "+CHACHA20-POLY1305"};

static int reject(gnutls_session_t session) {
	(void)session;
	return GNUTLS_E_CERTIFICATE_ERROR;
}

static void set_credentials(struct end *e) {
	gnutls_datum_t pem = {(unsigned char *)(uintptr_t)e->config.pem, (unsigned)strlen(e->config.pem)};
	ck_assert_int_eq(gnutls_certificate_allocate_credentials(&e->credentials), 0);
	if (!e->config.bare)
		ck_assert_int_eq(gnutls_certificate_set_x509_key_mem(e->credentials, &pem, &pem, GNUTLS_X509_FMT_PEM), 0);
	ck_assert_int_eq(gnutls_credentials_set(e->session, GNUTLS_CRD_CERTIFICATE, e->credentials), 0);
	gnutls_certificate_server_set_request(e->session, GNUTLS_CERT_REQUIRE);
	if (e->config.reject)
		gnutls_session_set_verify_function(e->session, reject);
}

static void set_priorities(struct end *e) {
	char text[300];
	snprintf(text, sizeof text,
	         "NONE:+VERS-DTLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:%s:+AEAD:+SIGN-ALL:+GROUP-ALL:+COMP-NULL:+CTYPE-X509:%%NO_TICKETS%s",
	         ciphers[e->config.cipher], e->config.no_master_secret ? ":%NO_SESSION_HASH" : "");
	ck_assert_int_eq(gnutls_priority_set_direct(e->session, text, NULL), 0);
}

static struct other *open_end(const struct other_config *config) {
	struct end *e = calloc(1, sizeof *e);
	e->config = *config;
	ck_assert_int_eq(
		gnutls_init(&e->session, (config->client ? GNUTLS_CLIENT : GNUTLS_SERVER) | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK),
		0);
	set_credentials(e);
	set_priorities(e);
	gnutls_transport_set_ptr(e->session, e);
	gnutls_transport_set_push_function(e->session, push);
	gnutls_transport_set_pull_function(e->session, pull);
	gnutls_transport_set_pull_timeout_function(e->session, pull_timeout);
	gnutls_dtls_set_mtu(e->session, (unsigned)config->mtu);
	gnutls_handshake_set_timeout(e->session, GNUTLS_INDEFINITE_TIMEOUT);
	gnutls_dtls_set_timeouts(e->session, 100, 120 * 1000);
	e->is_known = config->client || !config->cookies;
	if (!e->is_known)
		ck_assert_int_eq(gnutls_key_generate(&e->cookie_key, GNUTLS_COOKIE_KEY_SIZE), 0);
	if (config->srtp)
		ck_assert_int_eq(gnutls_srtp_set_profile(e->session, GNUTLS_SRTP_AES128_CM_HMAC_SHA1_80), 0);
	if (config->resume)
		use_sessions(e);
	return &e->other;
}

static void free_end(struct other *o) {
	struct end *e = (struct end *)o;
	gnutls_deinit(e->session);
	gnutls_certificate_free_credentials(e->credentials);
	gnutls_free(e->cookie_key.data);
	free(e);
}

/* ---- work -------------------------------------------------------------------------------------------------------- */

static void end_fail(struct end *e, int r) {
	if (r != GNUTLS_E_FATAL_ALERT_RECEIVED)
		gnutls_alert_send_appropriate(e->session, r);
	other_fail(&e->other, gnutls_strerror(r));
}

/* Answers ClientHellos until one has the cookie. */
static bool know_client(struct end *e) {
	uint8_t data[MAIL_BYTES];
	while (!e->is_known && e->other.in.count > 0) {
		gnutls_dtls_prestate_st state = {0};
		static char address[] = "the client's address";
		if (gnutls_dtls_cookie_verify(&e->cookie_key, address, sizeof address, e->other.in.bytes[0], e->other.in.len[0],
		                              &state) == 0) {
			gnutls_dtls_prestate_set(e->session, &state);
			e->is_known = true;
			return true;
		}
		mail_take(&e->other.in, data, sizeof data);
		gnutls_dtls_cookie_send(&e->cookie_key, address, sizeof address, &state, e, push);
	}
	return e->is_known;
}

static void handshake(struct end *e) {
	int r;
	do
		r = gnutls_handshake(e->session);
	while (r == GNUTLS_E_INTERRUPTED || r == GNUTLS_E_WARNING_ALERT_RECEIVED);
	if (r == 0) {
		e->other.state = OTHER_UP;
		keep_session(e);
	} else if (gnutls_error_is_fatal(r)) {
		end_fail(e, r);
	}
}

/* A handshake that we asked for while connected; the records that come are read by it. */
static void handshake_again(struct end *e) {
	int r = gnutls_handshake(e->session);
	if (r == 0 || r == GNUTLS_E_WARNING_ALERT_RECEIVED)
		e->asked = false;
	else if (gnutls_error_is_fatal(r) && r != GNUTLS_E_GOT_APPLICATION_DATA)
		end_fail(e, r);
}

static void receive(struct end *e) {
	uint8_t data[MAIL_BYTES];
	for (;;) {
		ssize_t n = gnutls_record_recv(e->session, data, sizeof data);
		if (n > 0) {
			other_take(&e->other, data, (size_t)n);
		} else if (n == 0) {
			e->other.state = OTHER_CLOSED;
			return;
		} else if (gnutls_error_is_fatal((int)n)) {
			end_fail(e, (int)n);
			return;
		} else if (e->other.in.count == 0) {
			return;
		}
	}
}

static void drive(struct other *o) {
	struct end *e = (struct end *)o;
	if (o->state == OTHER_HANDSHAKING && know_client(e))
		handshake(e);
	if (o->state == OTHER_UP && e->asked && e->config.client)
		handshake_again(e);
	if (o->state == OTHER_UP)
		receive(e);
}

static uint64_t deadline(const struct other *o) {
	const struct end *e = (const struct end *)o;
	if (o->state != OTHER_HANDSHAKING || !e->is_known)
		return SLUICE_NEVER;
	return other_clock() + gnutls_dtls_get_timeout(e->session) * SLUICE_MS;
}

static bool send_data(struct other *o, const void *data, size_t len) {
	return gnutls_record_send(((struct end *)o)->session, data, len) == (ssize_t)len;
}

static void close_end(struct other *o) {
	gnutls_bye(((struct end *)o)->session, GNUTLS_SHUT_WR);
}

static bool export(struct other *o, const char *label, void *out, size_t len) {
	return gnutls_prf_rfc5705(((struct end *)o)->session, strlen(label), label, 0, NULL, len, out) == 0;
}

static unsigned srtp(const struct other *o) {
	gnutls_srtp_profile_t profile;
	int error = gnutls_srtp_get_selected_profile(((const struct end *)o)->session, &profile);
	return error ? 0 : (unsigned)profile;
}

static void renegotiate(struct other *o) {
	struct end *e = (struct end *)o;
	e->asked = true;
	if (e->config.client)
		handshake_again(e);
	else
		gnutls_rehandshake(e->session);
}

static void warn(struct other *o) {
	gnutls_alert_send(((struct end *)o)->session, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED);
}

static void abort_end(struct other *o) {
	gnutls_alert_send(((struct end *)o)->session, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR);
}

static const struct dtls_stack gnutls = {
	.name = "GnuTLS",
	.open = open_end,
	.drive = drive,
	.deadline = deadline,
	.send = send_data,
	.close = close_end,
	.export = export,
	.free = free_end,
	.srtp = srtp,
	.renegotiate = renegotiate,
	.warn = warn,
	.abort = abort_end,
};

int main(int argc, char **argv) {
	return dtls_peers_main(&gnutls, argc, argv);
}
