/* The TLS client of TURN, against OpenSSL's server in memory. */
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#include "dtls/tls_stream.h"
#include "pool/env.h"
#include "suite.h"

/* A certificate that signs itself, for one name, in a file as an authority would be. */
struct server {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
	char ca[64];
	char asked_for[128]; /* the SNI that came */
};

static X509 *make_certificate(EVP_PKEY *key, const char *alternative, long not_after) {
	X509 *x = X509_new();
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -7200);
	X509_gmtime_adj(X509_getm_notAfter(x), not_after);
	X509_set_pubkey(x, key);
	X509_NAME *name = X509_NAME_new();
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_subject_name(x, name);
	X509_set_issuer_name(x, name);
	X509_NAME_free(name);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
	ck_assert(e && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	return x;
}

static void write_file(struct server *s, X509 *x) {
	strcpy(s->ca, "/tmp/test_tls_stream.XXXXXX");
	int fd = mkstemp(s->ca);
	ck_assert_int_ge(fd, 0);
	FILE *f = fdopen(fd, "w");
	ck_assert(f && PEM_write_X509(f, x) == 1);
	fclose(f);
}

static int note_name(SSL *ssl, int *alert, void *ctx) {
	(void)alert;
	struct server *s = ctx;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	snprintf(s->asked_for, sizeof s->asked_for, "%s", name ? name : "");
	return SSL_TLSEXT_ERR_OK;
}

static void server_make(struct server *s, const char *alternative, long not_after, int version) {
	*s = (struct server){0};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = make_certificate(key, alternative, not_after);
	write_file(s, x);
	s->ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_max_proto_version(s->ctx, version);
	SSL_CTX_use_certificate(s->ctx, x);
	SSL_CTX_use_PrivateKey(s->ctx, key);
	SSL_CTX_set_tlsext_servername_callback(s->ctx, note_name);
	SSL_CTX_set_tlsext_servername_arg(s->ctx, s);
	s->ssl = SSL_new(s->ctx);
	s->in = BIO_new(BIO_s_mem());
	s->out = BIO_new(BIO_s_mem());
	SSL_set_bio(s->ssl, s->in, s->out);
	SSL_set_accept_state(s->ssl);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void server_free(struct server *s) {
	unlink(s->ca);
	SSL_free(s->ssl);
	SSL_CTX_free(s->ctx);
}

static sluice_env *env;

static struct tls_stream *client(const char *name, const char *ca, bool no_verify) {
	struct tls_stream *t;
	if (!env)
		ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	struct tls_stream_config c = {.server_name = name, .ca_file = ca, .no_verify = no_verify};
	ck_assert_int_eq(tls_stream_new(env, &c, &t), 0);
	return t;
}

static void client_free(struct tls_stream *t) {
	tls_stream_free(t);
	ck_assert_uint_eq(env->blocks.live, 0);
	sluice_env_free(env);
	env = NULL;
}

/* Moves what both have to say, `piece` bytes at a time, until both are silent. */
static void run(struct tls_stream *t, struct server *s, size_t piece) {
	char bytes[4096];
	bool more = true;
	while (more) {
		more = false;
		size_t n = tls_stream_output(t, bytes, piece);
		if (n > 0) {
			BIO_write(s->in, bytes, (int)n);
			more = true;
		}
		if (!SSL_is_init_finished(s->ssl))
			SSL_do_handshake(s->ssl);
		int m = BIO_read(s->out, bytes, (int)piece);
		if (m > 0) {
			ck_assert_int_eq(tls_stream_input(t, bytes, (size_t)m), 0);
			more = true;
		}
	}
}

START_TEST(test_text_goes_both_ways_in_pieces_of_any_size_under_both_versions) {
	static const size_t pieces[] = {1, 7, 500, 4096};
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	for (size_t v = 0; v < 2; v++)
		for (size_t i = 0; i < 4; i++) {
			struct server s;
			char text[64];
			server_make(&s, "DNS:turn.example", 3600, versions[v]);
			struct tls_stream *t = client("turn.example", s.ca, false);
			ck_assert_int_eq(tls_stream_write(t, "early ", 6), 0); /* waits for the handshake */
			ck_assert_int_eq(tls_stream_state(t), TLS_STREAM_HANDSHAKING);
			run(t, &s, pieces[i]);
			ck_assert_int_eq(tls_stream_state(t), TLS_STREAM_OPEN);
			ck_assert_int_eq(SSL_version(s.ssl), versions[v]);
			ck_assert_str_eq(s.asked_for, "turn.example");
			ck_assert_int_eq(tls_stream_write(t, "bird", 4), 0);
			run(t, &s, pieces[i]);
			ck_assert_int_eq(SSL_read(s.ssl, text, 6), 6);
			ck_assert_int_eq(SSL_read(s.ssl, text + 6, 58), 4);
			ck_assert_mem_eq(text, "early bird", 10);
			ck_assert_int_eq(SSL_write(s.ssl, "worm", 4), 4);
			run(t, &s, pieces[i]);
			ck_assert_uint_eq(tls_stream_read(t, text, 3), 3);
			ck_assert_uint_eq(tls_stream_read(t, text + 3, 60), 1);
			ck_assert_mem_eq(text, "worm", 4);
			ck_assert_uint_eq(tls_stream_read(t, text, sizeof text), 0);
			client_free(t);
			server_free(&s);
		}
}
END_TEST

static const struct {
	const char *what, *certificate, *name;
	long not_after;
	bool trusted, no_verify, good;
} checks[] = {
	{"the name itself", "DNS:turn.example", "turn.example", 3600, true, false, true},
	{"a wildcard", "DNS:*.turn.example", "eu.turn.example", 3600, true, false, true},
	{"an address", "IP:192.0.2.7", "192.0.2.7", 3600, true, false, true},
	{"an address of version 6", "IP:2001:db8::7", "2001:db8::7", 3600, true, false, true},
	{"another name", "DNS:other.example", "turn.example", 3600, true, false, false},
	{"another address", "IP:192.0.2.8", "192.0.2.7", 3600, true, false, false},
	{"a name for an address", "DNS:192.0.2.7", "192.0.2.7", 3600, true, false, false},
	{"expired", "DNS:turn.example", "turn.example", -3600, true, false, false},
	{"an authority that nobody trusts", "DNS:turn.example", "turn.example", 3600, false, false, false},
	{"nothing is checked", "DNS:other.example", "turn.example", -3600, false, true, true},
};

START_TEST(test_only_a_certificate_for_the_name_from_a_trusted_authority_opens) {
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		struct server s;
		const char *text;
		server_make(&s, checks[i].certificate, checks[i].not_after, TLS1_3_VERSION);
		struct tls_stream *t = client(checks[i].name, checks[i].trusted ? s.ca : NULL, checks[i].no_verify);
		ck_assert_int_eq(tls_stream_write(t, "secret", 6), 0);
		run(t, &s, 4096);
		ck_assert_msg((tls_stream_state(t) == TLS_STREAM_OPEN) == checks[i].good, "%s", checks[i].what);
		if (!checks[i].good) {
			char none[8];
			ck_assert_int_eq(tls_stream_state(t), TLS_STREAM_FAILED);
			ck_assert_int_eq(tls_stream_error(t, &text), SLUICE_REFUSED);
			ck_assert_uint_gt(strlen(text), 0);
			ck_assert_int_le(SSL_read(s.ssl, none, sizeof none), 0); /* the server has heard nothing */
			ck_assert_int_eq(tls_stream_write(t, "x", 1), SLUICE_CLOSED);
		}
		client_free(t);
		server_free(&s);
	}
}
END_TEST

START_TEST(test_either_side_closes_in_order) {
	for (int by_server = 0; by_server < 2; by_server++) {
		struct server s;
		char text[16];
		server_make(&s, "DNS:turn.example", 3600, TLS1_3_VERSION);
		struct tls_stream *t = client("turn.example", s.ca, false);
		run(t, &s, 4096);
		if (by_server) {
			SSL_shutdown(s.ssl);
			run(t, &s, 4096);
			ck_assert_uint_eq(tls_stream_read(t, text, sizeof text), 0);
		} else {
			ck_assert_int_eq(tls_stream_write(t, "last", 4), 0);
			tls_stream_close(t);
			run(t, &s, 4096);
			ck_assert_int_eq(SSL_read(s.ssl, text, sizeof text), 4);
			ck_assert_int_eq(SSL_read(s.ssl, text, sizeof text), 0);
			ck_assert_int_eq(SSL_get_shutdown(s.ssl), SSL_RECEIVED_SHUTDOWN);
		}
		ck_assert_int_eq(tls_stream_state(t), TLS_STREAM_CLOSED);
		ck_assert_int_eq(tls_stream_error(t, NULL), 0);
		ck_assert_int_eq(tls_stream_write(t, "x", 1), SLUICE_CLOSED);
		client_free(t);
		server_free(&s);
	}
}
END_TEST

START_TEST(test_a_stream_closed_before_it_is_open_sends_what_waited_and_then_closes) {
	struct server s;
	char text[16];
	server_make(&s, "DNS:turn.example", 3600, TLS1_3_VERSION);
	struct tls_stream *t = client("turn.example", s.ca, false);
	ck_assert_int_eq(tls_stream_write(t, "waited", 6), 0);
	tls_stream_close(t);
	run(t, &s, 4096);
	ck_assert_int_eq(tls_stream_state(t), TLS_STREAM_CLOSED);
	ck_assert_int_eq(SSL_read(s.ssl, text, sizeof text), 6);
	ck_assert_int_eq(SSL_read(s.ssl, text, sizeof text), 0);
	client_free(t);
	server_free(&s);
}
END_TEST

START_TEST(test_garbage_and_alerts_fail_it_with_a_reason) {
	static const struct {
		uint8_t bytes[16];
		size_t len;
		int error;
	} wrongs[] = {
		{"HTTP/1.1 400 no", 15, SLUICE_PROTOCOL}, {{21, 3, 3, 0, 2, 2, 40}, 7, SLUICE_ABORTED}, /* handshake failure */
	};
	for (size_t i = 0; i < 2; i++) {
		const char *text;
		struct tls_stream *t = client("turn.example", NULL, true);
		ck_assert_int_eq(tls_stream_input(t, wrongs[i].bytes, wrongs[i].len), 0);
		ck_assert_int_eq(tls_stream_state(t), TLS_STREAM_FAILED);
		ck_assert_int_eq(tls_stream_error(t, &text), wrongs[i].error);
		ck_assert_uint_gt(strlen(text), 0);
		ck_assert_int_eq(tls_stream_input(t, "more", 4), 0);
		client_free(t);
	}
}
END_TEST

START_TEST(test_what_waits_is_bounded_both_ways) {
	static uint8_t block[65536];
	struct server s;
	server_make(&s, "DNS:turn.example", 3600, TLS1_3_VERSION);
	struct tls_stream *t = client("turn.example", s.ca, false);
	ck_assert_int_eq(tls_stream_write(t, block, sizeof block), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(tls_stream_write(t, block, sizeof block), 0);
	ck_assert_int_eq(tls_stream_write(t, block, 1), SLUICE_WOULD_BLOCK);
	run(t, &s, 4096);
	int taken = 0;
	while (tls_stream_write(t, block, sizeof block) == 0)
		ck_assert_int_lt(++taken, 5);
	/* The server floods; nobody reads. */
	int refused = 0;
	for (int i = 0; i < 8 && !refused; i++) {
		SSL_write(s.ssl, block, 16000);
		SSL_write(s.ssl, block, 16000);
		SSL_write(s.ssl, block, 16000);
		int n = BIO_read(s.out, block, sizeof block);
		refused = tls_stream_input(t, block, (size_t)n) == SLUICE_NO_SPACE;
	}
	ck_assert_int_eq(refused, 1);
	client_free(t);
	server_free(&s);
}
END_TEST

/* Gives the client what the server has for it; the client's output is not read. Returns the bytes. */
static size_t pour(struct tls_stream *t, struct server *s) {
	static uint8_t bytes[16384];
	size_t poured = 0;
	for (int n; (n = BIO_read(s->out, bytes, sizeof bytes)) > 0; poured += (size_t)n) {
		ck_assert_int_eq(tls_stream_input(t, bytes, (size_t)n), 0);
		while (tls_stream_read(t, bytes, sizeof bytes) > 0)
			continue;
	}
	return poured;
}

static size_t output_len(struct tls_stream *t) {
	static uint8_t bytes[16384];
	size_t len = 0;
	for (size_t n; (n = tls_stream_output(t, bytes, sizeof bytes)) > 0;)
		len += n;
	return len;
}

START_TEST(test_a_server_that_changes_its_keys_all_the_time_is_left) {
	struct server s;
	server_make(&s, "DNS:turn.example", 3600, TLS1_3_VERSION);
	struct tls_stream *t = client("turn.example", s.ca, false);
	run(t, &s, 4096);
	size_t poured = 0;
	for (int i = 0; i < 20000; i++) {
		ck_assert_int_eq(SSL_key_update(s.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		ck_assert_int_eq(SSL_do_handshake(s.ssl), 1);
		poured += pour(t, &s);
	}
	ck_assert_uint_gt(poured, 20000 * 20);
	ck_assert_uint_lt(output_len(t), 2048);
	ck_assert_int_eq(tls_stream_state(t), TLS_STREAM_FAILED);
	ck_assert_int_eq(tls_stream_error(t, NULL), SLUICE_LIMIT);
	client_free(t);
	server_free(&s);
}
END_TEST

START_TEST(test_keys_may_change_with_each_megabyte_for_ever) {
	static uint8_t block[16384];
	struct server s;
	server_make(&s, "DNS:turn.example", 3600, TLS1_3_VERSION);
	struct tls_stream *t = client("turn.example", s.ca, false);
	run(t, &s, 4096);
	for (int i = 0; i < 100; i++) {
		SSL_key_update(s.ssl, SSL_KEY_UPDATE_REQUESTED);
		for (int k = 0; k < 65; k++)
			ck_assert_int_eq(SSL_write(s.ssl, block, sizeof block), sizeof block);
		pour(t, &s);
		run(t, &s, 4096);
		ck_assert_int_le(SSL_read(s.ssl, block, sizeof block), 0); /* the answer to the KeyUpdate */
	}
	ck_assert_int_eq(tls_stream_write(t, "alive", 5), 0);
	run(t, &s, 4096);
	ck_assert_int_eq(SSL_read(s.ssl, block, sizeof block), 5);
	client_free(t);
	server_free(&s);
}
END_TEST

/* OpenSSL's server ends a connection whose client refuses. Others go on. */
START_TEST(test_a_server_that_asks_for_another_handshake_stops_nothing) {
	struct server s;
	server_make(&s, "DNS:turn.example", 3600, TLS1_2_VERSION);
	struct tls_stream *t = client("turn.example", s.ca, false);
	run(t, &s, 4096);
	ck_assert_int_eq(SSL_renegotiate(s.ssl), 1);
	SSL_do_handshake(s.ssl); /* writes the HelloRequest */
	ck_assert_uint_gt(pour(t, &s), 0);
	size_t refusal = output_len(t);
	ck_assert_uint_gt(refusal, 0);
	ck_assert_uint_lt(refusal, 64);
	ck_assert_int_eq(tls_stream_write(t, "hello", 5), 0);
	ck_assert_int_eq(tls_stream_state(t), TLS_STREAM_OPEN);
	client_free(t);
	server_free(&s);
}
END_TEST

START_TEST(test_a_configuration_that_cannot_work_is_refused) {
	struct tls_stream *t;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(tls_stream_new(env, &(struct tls_stream_config){0}, &t), SLUICE_INVALID);
	ck_assert_int_eq(tls_stream_new(env, &(struct tls_stream_config){.server_name = ""}, &t), SLUICE_INVALID);
	ck_assert_int_eq(tls_stream_new(env, &(struct tls_stream_config){.server_name = "x", .ca_file = "/nowhere"}, &t),
	                 SLUICE_CRYPTO);
	ck_assert_uint_eq(env->blocks.live, 0);
	sluice_env_free(env);
}
END_TEST

SUITE("tls stream", test_text_goes_both_ways_in_pieces_of_any_size_under_both_versions,
      test_only_a_certificate_for_the_name_from_a_trusted_authority_opens, test_either_side_closes_in_order,
      test_a_stream_closed_before_it_is_open_sends_what_waited_and_then_closes, test_garbage_and_alerts_fail_it_with_a_reason,
      test_what_waits_is_bounded_both_ways, test_a_server_that_changes_its_keys_all_the_time_is_left,
      test_keys_may_change_with_each_megabyte_for_ever, test_a_server_that_asks_for_another_handshake_stops_nothing,
      test_a_configuration_that_cannot_work_is_refused)
