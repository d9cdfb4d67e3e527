/* Our DTLS against OpenSSL alone: its own records, its own flights and its own timer, in both roles and over bad networks. The
 * cases stand in dtls_peers.c. */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "dtls_clock.h"
#include "dtls_peers.h"
#include "suite.h"

struct end {
	struct other other; /* first */
	struct other_config config;
	SSL_CTX *ctx;
	SSL *ssl;
};

/* ---- a BIO that is two queues of datagrams ----------------------------------------------------------------------- */

static int bio_write(BIO *bio, const char *data, int len) {
	struct end *e = BIO_get_data(bio);
	mail_put(&e->other.out, data, (size_t)len);
	return len;
}

static int bio_read(BIO *bio, char *data, int size) {
	struct end *e = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (e->other.in.count > 0)
		return (int)mail_take(&e->other.in, data, (size_t)size);
	BIO_set_retry_read(bio);
	return -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *ptr) {
	(void)bio, (void)number, (void)ptr;
	return command == BIO_CTRL_FLUSH; /* all questions about MTUs: 0, unknown */
}

static int bio_create(BIO *bio) {
	BIO_set_init(bio, 1);
	return 1;
}

static BIO *make_bio(struct end *e) {
	static BIO_METHOD *method;
	if (!method) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mail");
		BIO_meth_set_write(method, bio_write);
		BIO_meth_set_read(method, bio_read);
		BIO_meth_set_ctrl(method, bio_ctrl);
		BIO_meth_set_create(method, bio_create);
	}
	BIO *bio = BIO_new(method);
	ck_assert_ptr_nonnull(bio);
	BIO_set_data(bio, e);
	return bio;
}

/* ---- configuration ----------------------------------------------------------------------------------------------- */

static const char *const suites[OTHER_CIPHERS] = {
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
};

static int judge(int ok, X509_STORE_CTX *store) {
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct end *e = SSL_get_app_data(ssl);
	(void)ok;
	return !e->config.reject;
}

static int write_cookie(SSL *ssl, unsigned char *cookie, unsigned *len) {
	(void)ssl;
	memset(cookie, 0x5c, *len = 20);
	return 1;
}

static int check_cookie(SSL *ssl, const unsigned char *cookie, unsigned len) {
	(void)ssl;
	for (unsigned i = 0; i < len; i++)
		if (cookie[i] != 0x5c)
			return 0;
	return len == 20;
}

/* The first repetition after 100 ms, as the other stacks do; then doubled. */
static unsigned timeout(SSL *ssl, unsigned previous) {
	(void)ssl;
	return previous == 0 ? 100000 : previous < 3000000 ? 2 * previous : previous;
}

static void set_certificate(struct end *e) {
	BIO *bio = BIO_new_mem_buf(e->config.pem, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_reset(bio);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	ck_assert_int_eq(SSL_CTX_use_certificate(e->ctx, x), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(e->ctx, key), 1);
	X509_free(x);
	EVP_PKEY_free(key);
	BIO_free(bio);
}

static void set_options(struct end *e) {
	SSL_CTX_set_options(e->ctx, SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU | (e->config.cookies ? SSL_OP_COOKIE_EXCHANGE : 0) |
	                                    (e->config.no_master_secret ? SSL_OP_NO_EXTENDED_MASTER_SECRET : 0));
#ifdef SSL_OP_ALLOW_CLIENT_RENEGOTIATION
	SSL_CTX_set_options(e->ctx, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
#endif
	SSL_CTX_set_cookie_generate_cb(e->ctx, write_cookie);
	SSL_CTX_set_cookie_verify_cb(e->ctx, check_cookie);
}

/* ---- sessions: the context of a server remembers them, so one that may resume is used again ---------------------- */

static SSL_CTX *server_ctx;
static SSL_SESSION *client_session;

static SSL_CTX *make_ctx(struct end *e) {
	if (e->config.resume && !e->config.client && server_ctx)
		return SSL_CTX_up_ref(server_ctx) == 1 ? server_ctx : NULL;
	e->ctx = SSL_CTX_new(DTLS_method());
	set_options(e);
	if (!e->config.bare)
		set_certificate(e);
	ck_assert_int_eq(SSL_CTX_set_cipher_list(e->ctx, suites[e->config.cipher]), 1);
	SSL_CTX_set_verify(e->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, judge);
	SSL_CTX_set_session_id_context(e->ctx, (const unsigned char *)"other", 5);
	if (e->config.resume && !e->config.client && SSL_CTX_up_ref(e->ctx) == 1)
		server_ctx = e->ctx;
	return e->ctx;
}

static void keep_session(struct end *e) {
	if (!e->config.client || !e->config.resume)
		return;
	SSL_SESSION_free(client_session);
	client_session = SSL_get1_session(e->ssl);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static struct other *open_end(const struct other_config *config) {
	struct end *e = calloc(1, sizeof *e);
	e->config = *config;
	e->ctx = make_ctx(e);
	e->ssl = SSL_new(e->ctx);
	ck_assert_ptr_nonnull(e->ssl);
	SSL_set_app_data(e->ssl, e);
	if (config->srtp)
		ck_assert_int_eq(SSL_set_tlsext_use_srtp(e->ssl, "SRTP_AES128_CM_SHA1_80"), 0);
	BIO *bio = make_bio(e);
	SSL_set_bio(e->ssl, bio, bio);
	SSL_set_mtu(e->ssl, (long)config->mtu);
	DTLS_set_timer_cb(e->ssl, timeout);
	if (config->client)
		SSL_set_connect_state(e->ssl);
	else
		SSL_set_accept_state(e->ssl);
	if (config->client && config->resume && client_session)
		SSL_set_session(e->ssl, client_session);
	return &e->other;
}

static void free_end(struct other *o) {
	struct end *e = (struct end *)o;
	SSL_set_shutdown(e->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* the session stays good */
	SSL_free(e->ssl);
	SSL_CTX_free(e->ctx);
	free(e);
}

/* ---- work -------------------------------------------------------------------------------------------------------- */

/* Whether the connection lives. */
static bool lives(struct end *e, int r) {
	int error = SSL_get_error(e->ssl, r);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		ERR_clear_error();
		return true;
	}
	if (error == SSL_ERROR_ZERO_RETURN)
		e->other.state = OTHER_CLOSED;
	else
		other_fail(&e->other, ERR_reason_error_string(ERR_peek_last_error()));
	ERR_clear_error();
	return false;
}

static void handshake(struct end *e) {
	int r = SSL_do_handshake(e->ssl);
	if (r == 1) {
		e->other.state = OTHER_UP;
		keep_session(e);
	} else {
		lives(e, r);
	}
}

static void receive(struct end *e) {
	uint8_t data[MAIL_BYTES];
	for (;;) {
		int n = SSL_read(e->ssl, data, sizeof data);
		if (n > 0)
			other_take(&e->other, data, (size_t)n);
		else if (!lives(e, n) || e->other.in.count == 0)
			return;
	}
}

static void drive(struct other *o) {
	struct end *e = (struct end *)o;
	ERR_clear_error();
	if (DTLSv1_handle_timeout(e->ssl) < 0)
		other_fail(o, ERR_reason_error_string(ERR_peek_last_error()));
	while (o->state == OTHER_HANDSHAKING) {
		size_t before = o->in.count;
		handshake(e);
		if (o->in.count == before || o->in.count == 0)
			break;
	}
	if (o->state == OTHER_UP)
		receive(e);
}

static uint64_t deadline(const struct other *o) {
	const struct end *e = (const struct end *)o;
	struct timeval left;
	if (o->state == OTHER_CLOSED || o->state == OTHER_FAILED || DTLSv1_get_timeout(e->ssl, &left) != 1)
		return SLUICE_NEVER;
	return other_clock() + (uint64_t)left.tv_sec * SLUICE_S + (uint64_t)left.tv_usec * SLUICE_US;
}

static bool send_data(struct other *o, const void *data, size_t len) {
	return SSL_write(((struct end *)o)->ssl, data, (int)len) == (int)len;
}

static void close_end(struct other *o) {
	SSL_shutdown(((struct end *)o)->ssl);
}

static bool export(struct other *o, const char *label, void *out, size_t len) {
	return SSL_export_keying_material(((struct end *)o)->ssl, out, len, label, strlen(label), NULL, 0, 0) == 1;
}

static unsigned srtp(const struct other *o) {
	const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(((const struct end *)o)->ssl);
	return profile ? (unsigned)profile->id : 0;
}

static void renegotiate(struct other *o) {
	struct end *e = (struct end *)o;
	ck_assert_int_eq(SSL_renegotiate(e->ssl), 1);
	lives(e, SSL_do_handshake(e->ssl));
}

static const struct dtls_stack openssl = {
	.name = "OpenSSL",
	.open = open_end,
	.drive = drive,
	.deadline = deadline,
	.send = send_data,
	.close = close_end,
	.export = export,
	.free = free_end,
	.srtp = srtp,
	.renegotiate = renegotiate,
};

int main(int argc, char **argv) {
	return dtls_peers_main(&openssl, argc, argv);
}
