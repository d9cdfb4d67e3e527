/* Our DTLS against mbedTLS, in both roles and over bad networks. The cases stand in dtls_peers.c. Compiles with 2.28 and 3.x.
 *
 * mbedTLS takes a ClientHello only in one piece. A server of it forgets everything when it asks for a cookie. */
#include <mbedtls/version.h>
#if MBEDTLS_VERSION_MAJOR < 3
#include <mbedtls/config.h>
#endif
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/ssl_cookie.h>
#include <stdlib.h>
#include <string.h>

#include "dtls_clock.h"
#include "dtls_peers.h"
#include "suite.h"

struct end {
	struct other other; /* first */
	struct other_config config;
	mbedtls_ssl_context ssl;
	mbedtls_ssl_config ssl_config;
	mbedtls_x509_crt certificate;
	mbedtls_pk_context key;
	mbedtls_ssl_cookie_ctx cookies;
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context random;
	uint64_t intermediate_at, final_at; /* of its timer; SLUICE_NEVER: not running */
	bool asked;                         /* for another handshake */
	/* What the exporter needs. */
	mbedtls_tls_prf_types prf;
	uint8_t secret[48], randoms[64];
};

/* ---- transport and timer ----------------------------------------------------------------------------------------- */

static int push(void *ptr, const unsigned char *data, size_t len) {
	struct end *e = ptr;
	mail_put(&e->other.out, data, len);
	return (int)len;
}

static int pull(void *ptr, unsigned char *data, size_t size) {
	struct end *e = ptr;
	size_t len = mail_take(&e->other.in, data, size);
	return len > 0 ? (int)len : MBEDTLS_ERR_SSL_WANT_READ;
}

static void set_timer(void *ptr, uint32_t intermediate, uint32_t final) {
	struct end *e = ptr;
	e->intermediate_at = other_clock() + intermediate * SLUICE_MS;
	e->final_at = final == 0 ? SLUICE_NEVER : other_clock() + final * SLUICE_MS;
}

static int get_timer(void *ptr) {
	const struct end *e = ptr;
	if (e->final_at == SLUICE_NEVER)
		return -1;
	if (other_clock() >= e->final_at)
		return 2;
	return other_clock() >= e->intermediate_at;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static void keep_keys(struct end *e, const uint8_t *secret, const uint8_t *client, const uint8_t *server,
                      mbedtls_tls_prf_types prf) {
	memcpy(e->secret, secret, sizeof e->secret);
	memcpy(e->randoms, client, 32);
	memcpy(e->randoms + 32, server, 32);
	e->prf = prf;
}

#if MBEDTLS_VERSION_MAJOR < 3
static int keys_came(void *ptr, const unsigned char *secret, const unsigned char *block, size_t mac, size_t key, size_t iv,
                     const unsigned char client[32], const unsigned char server[32], mbedtls_tls_prf_types prf) {
	(void)block, (void)mac, (void)key, (void)iv;
	keep_keys(ptr, secret, client, server, prf);
	return 0;
}
#else
static void keys_came(void *ptr, mbedtls_ssl_key_export_type type, const unsigned char *secret, size_t len,
                      const unsigned char client[32], const unsigned char server[32], mbedtls_tls_prf_types prf) {
	ck_assert(type == MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET && len == 48);
	keep_keys(ptr, secret, client, server, prf);
}
#endif

/* RFC 5705, 4, without a context. */
static bool export(struct other *o, const char *label, void *out, size_t len) {
	const struct end *e = (const struct end *)o;
	return mbedtls_ssl_tls_prf(e->prf, e->secret, sizeof e->secret, label, e->randoms, sizeof e->randoms, out, len) == 0;
}

/* ---- sessions by their ids --------------------------------------------------------------------------------------- */

static mbedtls_ssl_cache_context cache; /* of a server */
static mbedtls_ssl_session client_session;
static bool has_cache, has_session;

static void use_sessions(struct end *e) {
	if (!has_cache)
		mbedtls_ssl_cache_init(&cache);
	has_cache = true;
	if (!e->config.client)
		mbedtls_ssl_conf_session_cache(&e->ssl_config, &cache, mbedtls_ssl_cache_get, mbedtls_ssl_cache_set);
	else if (has_session)
		ck_assert_int_eq(mbedtls_ssl_set_session(&e->ssl, &client_session), 0);
}

static void keep_session(struct end *e) {
	if (!e->config.client || !e->config.resume)
		return;
	if (has_session)
		mbedtls_ssl_session_free(&client_session);
	mbedtls_ssl_session_init(&client_session);
	ck_assert_int_eq(mbedtls_ssl_get_session(&e->ssl, &client_session), 0);
	has_session = true;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static const int suites[OTHER_CIPHERS][3] = {
	{MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 0},
	{MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, 0},
	{MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, 0},
};

static int accept_any(void *ptr, mbedtls_x509_crt *certificate, int depth, uint32_t *flags) {
	const struct end *e = ptr;
	(void)certificate, (void)depth;
	if (!e->config.reject)
		*flags = 0;
	return 0;
}

static void set_certificate(struct end *e) {
	const unsigned char *pem = (const unsigned char *)e->config.pem;
	size_t size = strlen(e->config.pem) + 1; /* with the NUL, as the parser wants it */
	ck_assert_int_eq(mbedtls_x509_crt_parse(&e->certificate, pem, size), 0);
#if MBEDTLS_VERSION_MAJOR < 3
	ck_assert_int_eq(mbedtls_pk_parse_key(&e->key, pem, size, NULL, 0), 0);
#else
	ck_assert_int_eq(mbedtls_pk_parse_key(&e->key, pem, size, NULL, 0, mbedtls_ctr_drbg_random, &e->random), 0);
#endif
	if (!e->config.bare)
		ck_assert_int_eq(mbedtls_ssl_conf_own_cert(&e->ssl_config, &e->certificate, &e->key), 0);
}

static void set_versions(mbedtls_ssl_config *c) {
#if MBEDTLS_VERSION_MAJOR < 3
	mbedtls_ssl_conf_min_version(c, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#else
	mbedtls_ssl_conf_min_tls_version(c, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_max_tls_version(c, MBEDTLS_SSL_VERSION_TLS1_2);
#endif
}

static void configure(struct end *e) {
	mbedtls_ssl_config *c = &e->ssl_config;
	ck_assert_int_eq(mbedtls_ssl_config_defaults(c, e->config.client ? MBEDTLS_SSL_IS_CLIENT : MBEDTLS_SSL_IS_SERVER,
	                                             MBEDTLS_SSL_TRANSPORT_DATAGRAM, MBEDTLS_SSL_PRESET_DEFAULT),
	                 0);
	set_versions(c);
	mbedtls_ssl_conf_rng(c, mbedtls_ctr_drbg_random, &e->random);
	mbedtls_ssl_conf_ciphersuites(c, suites[e->config.cipher]);
	mbedtls_ssl_conf_authmode(c, MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_verify(c, accept_any, e);
	mbedtls_ssl_conf_ca_chain(c, &e->certificate, NULL); /* "required" wants one; accept_any has the last word */
	mbedtls_ssl_conf_handshake_timeout(c, 100, 12800);
	mbedtls_ssl_conf_renegotiation(c, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
	mbedtls_ssl_conf_renegotiation_enforced(c, MBEDTLS_SSL_RENEGOTIATION_NOT_ENFORCED);
	mbedtls_ssl_conf_session_tickets(c, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
	mbedtls_ssl_conf_extended_master_secret(c, e->config.no_master_secret ? MBEDTLS_SSL_EXTENDED_MS_DISABLED
	                                                                      : MBEDTLS_SSL_EXTENDED_MS_ENABLED);
	if (e->config.cookies)
		mbedtls_ssl_conf_dtls_cookies(c, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check, &e->cookies);
	else
		mbedtls_ssl_conf_dtls_cookies(c, NULL, NULL, NULL);
	set_certificate(e);
}

static void init(struct end *e) {
	mbedtls_ssl_init(&e->ssl);
	mbedtls_ssl_config_init(&e->ssl_config);
	mbedtls_x509_crt_init(&e->certificate);
	mbedtls_pk_init(&e->key);
	mbedtls_ssl_cookie_init(&e->cookies);
	mbedtls_entropy_init(&e->entropy);
	mbedtls_ctr_drbg_init(&e->random);
	ck_assert_int_eq(mbedtls_ctr_drbg_seed(&e->random, mbedtls_entropy_func, &e->entropy, NULL, 0), 0);
	ck_assert_int_eq(mbedtls_ssl_cookie_setup(&e->cookies, mbedtls_ctr_drbg_random, &e->random), 0);
}

static void name_client(struct end *e) {
	if (!e->config.client && e->config.cookies)
		mbedtls_ssl_set_client_transport_id(&e->ssl, (const unsigned char *)"the client's address", 20);
}

static struct other *open_end(const struct other_config *config) {
	struct end *e = calloc(1, sizeof *e);
	e->config = *config;
	e->final_at = SLUICE_NEVER;
	init(e);
	configure(e);
#if MBEDTLS_VERSION_MAJOR < 3
	mbedtls_ssl_conf_export_keys_ext_cb(&e->ssl_config, keys_came, e);
#endif
	ck_assert_int_eq(mbedtls_ssl_setup(&e->ssl, &e->ssl_config), 0);
#if MBEDTLS_VERSION_MAJOR >= 3
	mbedtls_ssl_set_export_keys_cb(&e->ssl, keys_came, e);
#endif
	mbedtls_ssl_set_hostname(&e->ssl, NULL);
	mbedtls_ssl_set_bio(&e->ssl, e, push, pull, NULL);
	mbedtls_ssl_set_timer_cb(&e->ssl, e, set_timer, get_timer);
	mbedtls_ssl_set_mtu(&e->ssl, (uint16_t)config->mtu);
	name_client(e);
	if (config->resume)
		use_sessions(e);
	return &e->other;
}

static void free_end(struct other *o) {
	struct end *e = (struct end *)o;
	mbedtls_ssl_free(&e->ssl);
	mbedtls_ssl_config_free(&e->ssl_config);
	mbedtls_x509_crt_free(&e->certificate);
	mbedtls_pk_free(&e->key);
	mbedtls_ssl_cookie_free(&e->cookies);
	mbedtls_ctr_drbg_free(&e->random);
	mbedtls_entropy_free(&e->entropy);
	free(e);
}

/* ---- work -------------------------------------------------------------------------------------------------------- */

static void end_fail(struct end *e, int r) {
	char text[120];
	mbedtls_strerror(r, text, sizeof text);
	other_fail(&e->other, text);
}

static bool wants(int r) {
	return r == MBEDTLS_ERR_SSL_WANT_READ || r == MBEDTLS_ERR_SSL_WANT_WRITE;
}

static void handshake(struct end *e) {
	int r;
	while ((r = mbedtls_ssl_handshake(&e->ssl)) == MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED) {
		mbedtls_ssl_session_reset(&e->ssl);
		name_client(e);
	}
	if (r == 0) {
		e->other.state = OTHER_UP;
		keep_session(e);
	} else if (!wants(r)) {
		end_fail(e, r);
	}
}

static void receive(struct end *e) {
	uint8_t data[MAIL_BYTES];
	for (;;) {
		int r = mbedtls_ssl_read(&e->ssl, data, sizeof data);
		if (r > 0) {
			other_take(&e->other, data, (size_t)r);
			continue;
		}
		if (r == 0 && e->other.in.count > 0) /* an empty record */
			continue;
		if (r == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
			e->other.state = OTHER_CLOSED;
		else if (r != 0 && !wants(r))
			end_fail(e, r);
		return;
	}
}

static void drive(struct other *o) {
	struct end *e = (struct end *)o;
	if (o->state == OTHER_HANDSHAKING)
		handshake(e);
	if (o->state == OTHER_UP)
		receive(e);
}

static uint64_t deadline(const struct other *o) {
	const struct end *e = (const struct end *)o;
	return o->state == OTHER_HANDSHAKING || e->asked ? e->final_at : SLUICE_NEVER;
}

static bool send_data(struct other *o, const void *data, size_t len) {
	return mbedtls_ssl_write(&((struct end *)o)->ssl, data, len) == (int)len;
}

static void send_empty(struct other *o) {
	mbedtls_ssl_write(&((struct end *)o)->ssl, (const unsigned char *)"", 0);
}

static void close_end(struct other *o) {
	mbedtls_ssl_close_notify(&((struct end *)o)->ssl);
}

static void renegotiate(struct other *o) {
	struct end *e = (struct end *)o;
	e->asked = true;
	int r = mbedtls_ssl_renegotiate(&e->ssl);
	if (r != 0 && !wants(r))
		end_fail(e, r);
}

static void warn(struct other *o) {
	mbedtls_ssl_send_alert_message(&((struct end *)o)->ssl, MBEDTLS_SSL_ALERT_LEVEL_WARNING,
	                               MBEDTLS_SSL_ALERT_MSG_USER_CANCELED);
}

static void abort_end(struct other *o) {
	mbedtls_ssl_send_alert_message(&((struct end *)o)->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
	                               MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR);
}

static const struct dtls_stack mbedtls = {
	.name = "mbedTLS",
	.open = open_end,
	.drive = drive,
	.deadline = deadline,
	.send = send_data,
	.close = close_end,
	.export = export,
	.free = free_end,
	.renegotiate = renegotiate,
	.warn = warn,
	.abort = abort_end,
	.send_empty = send_empty,
};

int main(int argc, char **argv) {
	return dtls_peers_main(&mbedtls, argc, argv);
}
