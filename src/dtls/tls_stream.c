/* tls_stream.c: OpenSSL's TLS client between two memory BIOs; what it is for stands in the header. */
#include "dtls/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "pool/env.h"

/* A KeyUpdate of TLS 1.3 takes the server 27 bytes, and us 30 us and an answer that may wait as long as the server reads nothing.
 * So there are so many messages of that kind, and as many more as there was plaintext of this size each. */
#define MESSAGES_FREE 32
#define MESSAGE_BYTES (UINT64_C(1) << 20)

/* Invariants:
 *   early_len > 0 only while HANDSHAKING
 *   the BIOs belong to ssl */
struct tls_stream {
	sluice_env *env;
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
	enum tls_stream_state state;
	bool closing; /* close_notify is wanted once the handshake is over */
	int error;
	const char *text;
	uint8_t *early; /* written before the handshake was over */
	size_t early_len;
	uint64_t messages;  /* handshake messages that came when the handshake was over */
	uint64_t plaintext; /* bytes that came */
};

/* ---- ends ---------------------------------------------------------------------------------------------------------- */

static void stream_fail(struct tls_stream *s, int error, const char *text) {
	s->state = TLS_STREAM_FAILED;
	s->error = error;
	s->text = text ? text : "the crypto library gave no reason";
	env_log(s->env, SLUICE_LOG_INFO, "tls: failed: %s", s->text);
}

static void stream_fail_as_openssl_says(struct tls_stream *s) {
	unsigned long e = ERR_peek_last_error();
	int reason = ERR_GET_REASON(e);
	if (reason == ERR_R_MALLOC_FAILURE)
		stream_fail(s, SLUICE_NO_MEMORY, "out of memory");
	else if (ERR_GET_LIB(e) != ERR_LIB_SSL)
		stream_fail(s, SLUICE_CRYPTO, ERR_reason_error_string(e));
	else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
		stream_fail(s, SLUICE_REFUSED, X509_verify_cert_error_string(SSL_get_verify_result(s->ssl)));
	else if (reason >= SSL_AD_REASON_OFFSET)
		stream_fail(s, SLUICE_ABORTED, SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
	else
		stream_fail(s, SLUICE_PROTOCOL, ERR_reason_error_string(e));
}

/* A call of OpenSSL gave nothing: does it wait for more, or is the stream over? */
static void stream_settle(struct tls_stream *s, int result) {
	switch (SSL_get_error(s->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		break;
	case SSL_ERROR_ZERO_RETURN:
		SSL_shutdown(s->ssl); /* RFC 5246, 7.2.1: close_notify is answered with one */
		s->state = TLS_STREAM_CLOSED;
		break;
	default:
		stream_fail_as_openssl_says(s);
		break;
	}
	ERR_clear_error();
}

/* ---- the handshake ------------------------------------------------------------------------------------------------- */

/* The BIO for output grows, so a write is never cut short. */
static int write_now(struct tls_stream *s, const void *data, size_t len) {
	size_t written;
	ERR_clear_error();
	if (len == 0 || SSL_write_ex(s->ssl, data, len, &written) == 1)
		return 0;
	stream_settle(s, 0);
	return s->state == TLS_STREAM_FAILED ? s->error : SLUICE_CLOSED;
}

static void send_early(struct tls_stream *s) {
	size_t len = s->early_len;
	s->early_len = 0;
	write_now(s, s->early, len);
	env_free(s->env, s->early);
	s->early = NULL;
	if (s->closing && s->state == TLS_STREAM_OPEN)
		tls_stream_close(s);
}

static void step_handshake(struct tls_stream *s) {
	ERR_clear_error();
	int r = SSL_do_handshake(s->ssl);
	if (r != 1) {
		stream_settle(s, r);
		return;
	}
	s->state = TLS_STREAM_OPEN;
	send_early(s);
}

/* OpenSSL calls this for each message that it has read and that it writes. */
static void note_message(int written, int version, int type, const void *message, size_t len, SSL *ssl, void *arg) {
	struct tls_stream *s = arg;
	(void)version, (void)message, (void)len, (void)ssl;
	s->messages += !written && type == SSL3_RT_HANDSHAKE && s->state == TLS_STREAM_OPEN;
}

static bool are_too_many(const struct tls_stream *s) {
	return s->messages > MESSAGES_FREE + s->plaintext / MESSAGE_BYTES;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static int load_authorities(SSL_CTX *ctx, const char *file) {
	int ok = file ? SSL_CTX_load_verify_locations(ctx, file, NULL) : SSL_CTX_set_default_verify_paths(ctx);
	return ok == 1 ? 0 : SLUICE_CRYPTO;
}

static bool is_address(const char *name) {
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(name);
	ASN1_OCTET_STRING_free(ip);
	ERR_clear_error();
	return ip != NULL;
}

/* The name that the certificate has to be valid for. RFC 6066, 3: literal addresses are not permitted as a server name. */
static bool set_name(SSL *ssl, const char *name) {
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	if (is_address(name))
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, name) == 1 && X509_VERIFY_PARAM_set1_host(param, name, strlen(name)) == 1;
}

static int open_ssl(struct tls_stream *s, const struct tls_stream_config *c) {
	s->ctx = SSL_CTX_new(TLS_client_method());
	if (!s->ctx || SSL_CTX_set_min_proto_version(s->ctx, TLS1_2_VERSION) != 1)
		return SLUICE_NO_MEMORY;
	SSL_CTX_set_session_cache_mode(s->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(s->ctx, SSL_MODE_RELEASE_BUFFERS);
	/* While a server of TLS 1.2 leaves another handshake open, nothing could be written. */
	SSL_CTX_set_options(s->ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_verify(s->ctx, c->no_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (!c->no_verify && load_authorities(s->ctx, c->ca_file) < 0)
		return SLUICE_CRYPTO;
	s->ssl = SSL_new(s->ctx);
	s->in = s->ssl ? BIO_new(BIO_s_mem()) : NULL;
	s->out = s->in ? BIO_new(BIO_s_mem()) : NULL;
	if (!s->out) {
		BIO_free(s->in);
		return SLUICE_NO_MEMORY;
	}
	BIO_set_mem_eof_return(s->in, -1); /* an empty BIO is not the end of the stream */
	BIO_set_mem_eof_return(s->out, -1);
	SSL_set_bio(s->ssl, s->in, s->out);
	SSL_set_connect_state(s->ssl);
	SSL_set_msg_callback(s->ssl, note_message);
	SSL_set_msg_callback_arg(s->ssl, s);
	return set_name(s->ssl, c->server_name) ? 0 : SLUICE_INVALID;
}

int tls_stream_new(sluice_env *env, const struct tls_stream_config *config, struct tls_stream **out) {
	if (!config->server_name || !*config->server_name)
		return SLUICE_INVALID;
	struct tls_stream *s = env_zalloc(env, sizeof *s);
	if (!s)
		return SLUICE_NO_MEMORY;
	s->env = env;
	s->text = "";
	ERR_clear_error();
	int r = open_ssl(s, config);
	ERR_clear_error();
	if (r < 0) {
		tls_stream_free(s);
		return r;
	}
	step_handshake(s);
	*out = s;
	return 0;
}

void tls_stream_free(struct tls_stream *s) {
	if (!s)
		return;
	SSL_free(s->ssl);
	SSL_CTX_free(s->ctx);
	env_free(s->env, s->early);
	env_free(s->env, s);
}

/* ---- bytes --------------------------------------------------------------------------------------------------------- */

int tls_stream_input(struct tls_stream *s, const void *data, size_t len) {
	if (s->state == TLS_STREAM_CLOSED || s->state == TLS_STREAM_FAILED || len == 0)
		return 0;
	if (len > TLS_STREAM_BUFFER || BIO_ctrl_pending(s->in) > TLS_STREAM_BUFFER - len)
		return SLUICE_NO_SPACE;
	if (BIO_write(s->in, data, (int)len) != (int)len) {
		ERR_clear_error();
		stream_fail(s, SLUICE_NO_MEMORY, "out of memory");
		return 0;
	}
	if (s->state == TLS_STREAM_HANDSHAKING)
		step_handshake(s);
	return 0;
}

size_t tls_stream_read(struct tls_stream *s, void *buf, size_t size) {
	size_t got = 0;
	if (s->state != TLS_STREAM_OPEN || size == 0)
		return 0;
	ERR_clear_error();
	if (SSL_read_ex(s->ssl, buf, size, &got) != 1)
		stream_settle(s, 0);
	s->plaintext += got;
	if (s->state == TLS_STREAM_OPEN && are_too_many(s))
		stream_fail(s, SLUICE_LIMIT, "the server changes its keys all the time");
	return got;
}

static int keep_early(struct tls_stream *s, const void *data, size_t len) {
	if (len > TLS_STREAM_BUFFER - s->early_len)
		return SLUICE_WOULD_BLOCK;
	uint8_t *more = env_alloc(s->env, s->early_len + len);
	if (!more)
		return SLUICE_NO_MEMORY;
	if (s->early_len)
		memcpy(more, s->early, s->early_len);
	memcpy(more + s->early_len, data, len);
	env_free(s->env, s->early);
	s->early = more;
	s->early_len += len;
	return 0;
}

int tls_stream_write(struct tls_stream *s, const void *data, size_t len) {
	if (s->closing || s->state == TLS_STREAM_CLOSED || s->state == TLS_STREAM_FAILED)
		return SLUICE_CLOSED;
	if (len == 0)
		return 0;
	if (s->state == TLS_STREAM_HANDSHAKING)
		return keep_early(s, data, len);
	if (len > TLS_STREAM_BUFFER || BIO_ctrl_pending(s->out) > TLS_STREAM_BUFFER - len)
		return SLUICE_WOULD_BLOCK;
	return write_now(s, data, len);
}

size_t tls_stream_output(struct tls_stream *s, void *buf, size_t size) {
	int n = BIO_read(s->out, buf, size > INT32_MAX ? INT32_MAX : (int)size);
	return n > 0 ? (size_t)n : 0;
}

void tls_stream_close(struct tls_stream *s) {
	s->closing = true;
	if (s->state != TLS_STREAM_OPEN)
		return;
	ERR_clear_error();
	SSL_shutdown(s->ssl);
	ERR_clear_error();
	s->state = TLS_STREAM_CLOSED;
}

/* ---- questions ----------------------------------------------------------------------------------------------------- */

enum tls_stream_state tls_stream_state(const struct tls_stream *s) {
	return s->state;
}

int tls_stream_error(const struct tls_stream *s, const char **text) {
	if (text)
		*text = s->text;
	return s->error;
}
