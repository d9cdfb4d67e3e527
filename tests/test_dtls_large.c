/* Handshakes with certificates that are larger than a datagram, than a record, and than what OpenSSL writes at once. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "dtls/connection.h"
#include "dtls_pair.h"

static struct pair p; /* a test runs in a process of its own */

/* ---- memory that is full of a pattern before it is used, and can run out ---------------------------------------------- */

#define PATTERN 0xa7

static size_t allocations;
static size_t fail_at = SIZE_MAX, fail_to = SIZE_MAX; /* the allocations from the one to before the other fail */

static void *patterned_alloc(size_t size) {
	size_t n = allocations++;
	void *m = n >= fail_at && n < fail_to ? NULL : malloc(size);
	return m ? memset(m, PATTERN, size) : NULL;
}

static void *env_patterned_alloc(void *ctx, size_t size) {
	(void)ctx;
	return patterned_alloc(size);
}

static void env_patterned_free(void *ctx, void *m) {
	(void)ctx;
	free(m);
}

static const sluice_env_config patterned_env = {.allocator = {.alloc = env_patterned_alloc, .free = env_patterned_free}};

static void *openssl_alloc(size_t size, const char *file, int line) {
	(void)file, (void)line;
	return patterned_alloc(size);
}

static void *openssl_realloc(void *m, size_t size, const char *file, int line) {
	(void)file, (void)line;
	size_t n = allocations++;
	return n >= fail_at && n < fail_to ? NULL : realloc(m, size);
}

static void openssl_free(void *m, const char *file, int line) {
	(void)file, (void)line;
	free(m);
}

/* OpenSSL takes other functions only before its first allocation. */
__attribute__((constructor)) static void count_openssl(void) {
	if (CRYPTO_set_mem_functions(openssl_alloc, openssl_realloc, openssl_free) != 1)
		abort();
}

/* ---- certificates with a long comment --------------------------------------------------------------------------------- */

static void add_comment(X509 *x, size_t len) {
	char *comment = malloc(len + 1);
	memset(comment, 'c', len);
	comment[len] = 0;
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, comment);
	ck_assert(e && X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
	free(comment);
}

static char *text_of(BIO *bio) {
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	char *text = strndup(data, (size_t)len);
	BIO_free(bio);
	return text;
}

static sluice_certificate *large_certificate(size_t comment) {
	sluice_certificate *c;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	ck_assert(X509_set_version(x, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1));
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME *name = X509_NAME_new();
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"large", -1, -1, 0);
	ck_assert(X509_set_subject_name(x, name) && X509_set_issuer_name(x, name) && X509_set_pubkey(x, key));
	X509_NAME_free(name);
	add_comment(x, comment);
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
	ck_assert(PEM_write_bio_X509(cert_bio, x) && PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL));
	char *cert_pem = text_of(cert_bio), *key_pem = text_of(key_bio);
	ck_assert_int_eq(sluice_certificate_from_pem(cert_pem, key_pem, &c), 0);
	free(cert_pem);
	free(key_pem);
	X509_free(x);
	EVP_PKEY_free(key);
	return c;
}

static void give_certificate(int end, size_t comment) {
	sluice_certificate_release(p.certificate[end]);
	p.config[end].certificate = p.certificate[end] = large_certificate(comment);
	pair_remote(&p, 1 - end, SLUICE_SHA256);
}

/* ---- lengths ---------------------------------------------------------------------------------------------------------- */

START_TEST(test_certificates_of_any_length_pass_whatever_the_mtu) {
	static const size_t comments[] = {100, 1500, 3300, 3700, 4000, 7600, 15000, 20000};
	static const size_t mtus[] = {256, 300, 577, 1200, 2048};
	for (size_t c = 0; c < sizeof comments / sizeof *comments; c++)
		for (size_t m = 0; m < sizeof mtus / sizeof *mtus; m++) {
			pair_init(&p, NULL);
			give_certificate(CLIENT, comments[c]);
			give_certificate(SERVER, comments[c]);
			p.config[CLIENT].mtu = p.config[SERVER].mtu = mtus[m];
			pair_open(&p);
			pair_start(&p);
			ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
			pair_talk(&p);
			pair_free(&p);
		}
}
END_TEST

static uint8_t jumbo[65536];

/* Takes what the end has to send to the other one; returns the longest fragment of a record. */
static size_t carry(int end) {
	size_t longest = 0;
	for (;;) {
		sluice_batch b = {.data = jumbo, .capacity = sizeof jumbo};
		sluice_datagram out;
		if (dtls_output(p.end[end], &b, 0) == 0)
			return longest;
		for (size_t i = 0; i < b.count; i++) {
			sluice_datagram in = {.data = sluice_batch_slot(&b, i), .len = sluice_batch_slot_len(&b, i)};
			for (size_t at = 0, len; at < in.len; at += len) {
				len = record_parse(in.data + at, in.len - at);
				ck_assert_uint_gt(len, 0);
				longest = len - RECORD_HEADER > longest ? len - RECORD_HEADER : longest;
			}
			dtls_open(p.end[1 - end], &in, 1, &out, 1, 0);
		}
	}
}

/* RFC 5246, 6.2.1: "The length MUST NOT exceed 2^14." */
START_TEST(test_no_record_is_longer_than_a_record_may_be) {
	static const size_t mtus[] = {16384, 16409, 16410, 20000, 65535};
	for (size_t m = 0; m < sizeof mtus / sizeof *mtus; m++) {
		pair_init(&p, NULL);
		give_certificate(CLIENT, 18000);
		give_certificate(SERVER, 18000);
		p.config[CLIENT].mtu = p.config[SERVER].mtu = mtus[m];
		pair_open(&p);
		pair_start(&p);
		for (int i = 0; i < 4; i++)
			ck_assert_uint_le(carry(i % 2), 16384);
		ck_assert(pair_connected(&p));
		pair_free(&p);
	}
}
END_TEST

static void seal_jumbo(size_t text) {
	sluice_datagram in = {.data = jumbo, .len = text + 37}, out;
	memset(jumbo, 1, sizeof jumbo);
	ck_assert(epoch_seal(&p.end[CLIENT]->epoch, RECORD_APPLICATION, jumbo, 1, in.len, in.len));
	ck_assert_uint_eq(dtls_open(p.end[SERVER], &in, 1, &out, 1, 0), text > 0 && text <= 16384);
}

START_TEST(test_a_record_with_more_text_than_one_may_have_is_dropped) {
	pair_init(&p, NULL);
	p.config[CLIENT].mtu = p.config[SERVER].mtu = 20000;
	pair_open(&p);
	pair_start(&p);
	for (int i = 0; i < 4; i++)
		carry(i % 2);
	ck_assert(pair_connected(&p));
	static const size_t texts[] = {0, 1, 16383, 16384, 16385, 18000};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		seal_jumbo(texts[i]);
	ck_assert_uint_eq(pair_stats(&p, SERVER).records_opened, 4);
	ck_assert_uint_eq(pair_stats(&p, SERVER).records_discarded, 2);
	pair_free(&p);
}
END_TEST

/* ---- without memory --------------------------------------------------------------------------------------------------- */

/* Bytes of memory that nobody wrote would show the pattern. */
static void ck_nothing_unwritten(const uint8_t *data, size_t len) {
	size_t run = 0, longest = 0;
	for (size_t i = 0; i < len; i++) {
		run = data[i] == PATTERN ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	ck_assert_uint_lt(longest, 32);
}

static void check_air(void) {
	for (size_t i = 0; i < p.flying; i++)
		ck_nothing_unwritten(p.air[i].bytes, p.air[i].len);
}

/* The n-th allocation fails, and the `more` behind it. Returns false when there are fewer. */
static bool survives_failure_at(size_t n, size_t more) {
	allocations = 0;
	fail_at = n;
	fail_to = n + 1 + more;
	p.now = 0;
	p.flying = p.data_len[0] = p.data_len[1] = 0;
	memset(&p.numbers, 0, sizeof p.numbers);
	bool open = dtls_new(p.env, &p.config[SERVER], &p.end[SERVER]) == 0 &&
	            dtls_new(p.env, &p.config[CLIENT], &p.end[CLIENT]) == 0;
	if (open) {
		(void)dtls_start(p.end[SERVER], 0);
		(void)dtls_start(p.end[CLIENT], 0);
		while (!pair_connected(&p) && pair_step(&p, 10 * SLUICE_S))
			check_air();
		pair_flush(&p);
		check_air();
	}
	bool reached = allocations > n;
	fail_at = SIZE_MAX;
	if (open && pair_connected(&p))
		pair_talk(&p);
	for (int i = 0; i < 2; i++) {
		dtls_free(p.end[i]);
		p.end[i] = NULL;
	}
	ck_assert_uint_eq(p.env->blocks.live, 0);
	return reached;
}

/* OpenSSL 3.5 and later allocate for each record, and may stop between two fragments. */
START_TEST(test_a_message_of_which_only_the_beginning_was_written_is_dropped) {
	static const uint8_t whole[HANDSHAKE_HEADER + 4] = {2, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 9, 9, 9, 9};
	static const uint8_t part[HANDSHAKE_HEADER + 4] = {11, 0, 9, 0, 0, 1, 0, 0, 0, 0, 0, 4, 9, 9, 9, 9};
	uint8_t space[1200];
	struct epoch none = {0};
	struct flight f;
	pair_init(&p, NULL);
	flight_open(&f, p.env, 1200);
	for (int first = 0; first < 2; first++) {
		flight_begin(&f);
		if (!first)
			ck_assert_int_eq(flight_add_handshake(&f, whole, sizeof whole, RECORD_VERSION, false), 0);
		ck_assert_int_eq(flight_add_handshake(&f, part, sizeof part, RECORD_VERSION, false), 0);
		flight_end(&f);
		ck_assert(flight_check(&f));
		sluice_batch b = {.data = space, .capacity = sizeof space};
		ck_assert_int_eq(flight_output(&f, &none, &b), first ? 0 : 1);
		ck_assert(first || b.last == RECORD_HEADER + sizeof whole);
		flight_drop(&f);
		flight_open(&f, p.env, 1200);
	}
	pair_free(&p);
}
END_TEST

/* What a process makes once, for its first connection, is made for a later one when memory was short. */
START_TEST(test_after_each_allocation_that_failed_a_connection_can_be_made) {
	pair_init(&p, &patterned_env);
	struct dtls *d = NULL;
	size_t n = 0;
	do {
		allocations = 0;
		fail_at = n++;
		fail_to = n;
	} while (dtls_new(p.env, &p.config[CLIENT], &d) != 0 && allocations >= n);
	ck_assert_uint_gt(n, 10);
	ck_assert_ptr_nonnull(d);
	dtls_free(d);
	pair_free(&p);
}
END_TEST

/* A message of which OpenSSL wrote but the beginning is not sent. */
START_TEST(test_without_memory_for_all_of_a_large_certificate_nothing_unwritten_is_sent) {
	const char *every = getenv("FAIL_EVERY");
	size_t step = every ? strtoul(every, NULL, 10) : 23;
	pair_init(&p, &patterned_env);
	give_certificate(CLIENT, 15000);
	give_certificate(SERVER, 15000);
	for (size_t more = 0; more < 3; more += 2) {
		size_t n = 0;
		while (survives_failure_at(n, more))
			n += step;
		ck_assert_uint_gt(n, 300);
	}
	pair_free(&p);
}
END_TEST

SUITE("dtls and large certificates", test_certificates_of_any_length_pass_whatever_the_mtu,
      test_no_record_is_longer_than_a_record_may_be, test_a_record_with_more_text_than_one_may_have_is_dropped,
      test_a_message_of_which_only_the_beginning_was_written_is_dropped,
      test_after_each_allocation_that_failed_a_connection_can_be_made,
      test_without_memory_for_all_of_a_large_certificate_nothing_unwritten_is_sent)
