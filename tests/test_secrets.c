/* Does memory that is given back hold a secret? Everything that the environment and OpenSSL free is copied to a graveyard, which
 * is searched at the end for each secret that was in use: passwords, keys, and the texts that they stand in. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "ice/ice.h"
#include "peer/connection.h"
#include "pool/env.h"
#include "sctp/association.h"
#include "sim/caller.h"
#include "suite.h"
#include "turn_rig.h"

/* ---- what was freed, and what must not be in it ---- */

static struct graveyard graves;

#define NEEDLES_MAX 64

static struct needle {
	const char *name;
	uint8_t bytes[128];
	size_t len;
} needles[NEEDLES_MAX];
static size_t needle_count;

static void keep_secret(const char *name, const void *bytes, size_t len) {
	ck_assert_uint_lt(needle_count, NEEDLES_MAX);
	ck_assert(len >= 6 && len <= sizeof needles->bytes);
	struct needle *n = &needles[needle_count++];
	n->name = name;
	n->len = len;
	memcpy(n->bytes, bytes, len);
}

static bool is_buried(const void *bytes, size_t len) {
	return memmem(graves.bytes, graves.len, bytes, len) != NULL;
}

static void ck_assert_no_secret_was_freed(void) {
	ck_assert_uint_gt(needle_count, 0);
	for (size_t i = 0; i < needle_count; i++)
		ck_assert_msg(!is_buried(needles[i].bytes, needles[i].len), "%s was freed as it was", needles[i].name);
	free(graves.bytes);
	graves = (struct graveyard){0};
}

/* ---- OpenSSL's memory; its size stands before it ---- */

struct head {
	_Alignas(16) size_t size;
};

static void *crypto_alloc(size_t size, const char *file, int line) {
	(void)file, (void)line;
	struct head *h = malloc(sizeof *h + size);
	if (!h)
		return NULL;
	h->size = size;
	return h + 1;
}

static void crypto_release(void *p, const char *file, int line) {
	(void)file, (void)line;
	struct head *h = p ? (struct head *)p - 1 : NULL;
	if (h)
		graveyard_add(&graves, p, h->size);
	free(h);
}

static void *crypto_resize(void *p, size_t size, const char *file, int line) {
	void *to = p && !size ? NULL : crypto_alloc(size, file, line);
	if (to && p) {
		size_t had = ((struct head *)p - 1)->size;
		memcpy(to, p, had < size ? had : size);
	}
	if (to || !size)
		crypto_release(p, file, line);
	return to;
}

/* Before the first call of the library, which would allocate. */
__attribute__((constructor)) static void watch_crypto(void) {
	if (!CRYPTO_set_mem_functions(crypto_alloc, crypto_resize, crypto_release))
		abort();
}

/* Nothing that was freed is handed out again and written over before it is looked at. */
static void bury_at_once(sluice_env *env, struct memory *m) {
	m->graveyard = &graves;
	env->blocks.limit = 1;
}

/* ---- scenes ---- */

static void keep_credentials(const struct caller *c) {
	keep_secret("an ICE password", ice_pwd(c->peer->below.ice), strlen(ice_pwd(c->peer->below.ice)));
}

static void keep_keys(struct caller *c) {
	uint8_t material[32];
	keep_secret("a key of state cookies", c->peer->sctp->secret, sizeof c->peer->sctp->secret);
	ck_assert_int_eq(sluice_peer_export(c->peer, "EXTRACTOR-dtls_srtp", material, sizeof material), 0);
	keep_secret("keying material", material, sizeof material);
}

START_TEST(test_a_call_with_a_restart_leaves_no_secret_behind) {
	struct sim sim;
	sim_init(&sim, sim_seed(5));
	struct caller *a = caller_new(&sim, "a", NULL), *b = caller_new(&sim, "b", NULL);
	bury_at_once(a->env, &a->memory);
	bury_at_once(b->env, &b->memory);
	caller_join(a, b, &(struct link_config){.delay = 5 * SLUICE_MS}, 5 * SLUICE_MS);
	keep_credentials(a);
	keep_credentials(b);
	char ufrag[64];
	snprintf(ufrag, sizeof ufrag, "%s", ice_ufrag(a->peer->below.ice));
	caller_open(a, "hello");
	ck_assert(SIM_UNTIL(&sim, 10 * SLUICE_S, b->received == 1));
	keep_keys(a);
	keep_keys(b);
	ck_assert_int_eq(sluice_peer_restart_ice(a->peer), 0);
	sim_run(&sim, sim.now + 20 * SLUICE_S);
	ck_assert(strcmp(ice_ufrag(a->peer->below.ice), ufrag) != 0);
	keep_credentials(a);
	keep_credentials(b);
	sim_close(&sim);
	ck_assert(is_buried(ufrag, strlen(ufrag))); /* which is no secret: the graveyard does see what it should */
	ck_assert_no_secret_was_freed();
}
END_TEST

START_TEST(test_the_credentials_of_servers_are_wiped) {
	struct memory memory = {0};
	sluice_env_config config = {.allocator = memory_allocator(&memory)};
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	bury_at_once(env, &memory);
	static const char credential[] = "credential of a relay";
	keep_secret("a server's credential", credential, strlen(credential));
	sluice_ice_server server = {.url = "turn:192.0.2.1", .username = "relay user", .credential = credential};
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.ice.servers = &server;
	c.ice.server_count = 1;
	sluice_peer *peer;
	ck_assert_int_eq(sluice_peer_new(env, &c, &peer), 0);
	sluice_peer_free(peer);
	sluice_env_free(env);
	ck_assert_no_secret_was_freed();
}
END_TEST

START_TEST(test_an_allocation_s_password_and_key_are_wiped) {
	static const char password[] = "password of an allocation";
	struct memory memory = {0};
	sluice_env_config config = {.allocator = memory_allocator(&memory)};
	struct turn_server_config server = server_config();
	struct turn_config turn = turn_defaults();
	uint8_t key[16];
	server.password = turn.password = password;
	begin_with(&server);
	sluice_env_free(r.env);
	ck_assert_int_eq(sluice_env_new(&config, &r.env), 0);
	bury_at_once(r.env, &memory);
	turn_begin_with(&turn);
	run_for(SLUICE_S);
	ck_assert_int_eq(turn_state(r.turn), TURN_READY);
	ck_assert(stun_long_term_key("alice", "example.org", 11, password, key));
	keep_secret("a TURN password", password, strlen(password));
	keep_secret("a long-term key", key, sizeof key);
	end();
	ck_assert(is_buried("example.org", 11));
	ck_assert_no_secret_was_freed();
}
END_TEST

/* The full lines of a PEM text. The rest behind them is a piece of the public key for a curve's key, and OpenSSL's decoder frees
 * what it read last as it was. */
static void keep_lines(const char *name, const char *pem) {
	for (const char *line = strchr(pem, '\n') + 1; strcspn(line, "\n") == 64; line = strchr(line, '\n') + 1)
		keep_secret(name, line, 64);
}

START_TEST(test_a_certificate_s_key_as_text_is_wiped) {
	sluice_certificate *made, *read;
	char cert[4096], key[4096];
	ck_assert_int_eq(sluice_certificate_generate(&made), 0);
	ck_assert_int_eq(sluice_certificate_to_pem(made, cert, sizeof cert, key, sizeof key), 0);
	keep_lines("a line of a key in PEM", key);
	ck_assert_int_eq(sluice_certificate_from_pem(cert, key, &read), 0);
	sluice_certificate_release(made);
	sluice_certificate_release(read);
	ck_assert_uint_gt(graves.len, 0);
	ck_assert_no_secret_was_freed();
}
END_TEST

/* ---- the mechanism ---- */

START_TEST(test_a_secret_block_is_wiped_by_every_way_out_of_the_pool) {
	struct memory memory = {.graveyard = &graves};
	sluice_env_config config = {.allocator = memory_allocator(&memory)};
	sluice_env *env;
	static const size_t sizes[] = {8, 64, 65, 5000, BLOCK_POOLED_MAX + 1};
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	keep_secret("a block", "needle", 6);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (int at_once = 0; at_once < 2; at_once++) {
			char *p = env_secret(env_zalloc(env, sizes[i]));
			memcpy(p, "needle", 6);
			memcpy(p + sizes[i] - 6, "needle", 6);
			if (at_once)
				block_free_at_once(&env->blocks, p);
			else
				env_free(env, p);
		}
	/* A block that held a secret once and holds none now is not wiped any more. */
	char *p = env_alloc(env, 64);
	memcpy(p, "public", 6);
	env_free(env, p);
	sluice_env_free(env);
	ck_assert(is_buried("public", 6));
	ck_assert_no_secret_was_freed();
}
END_TEST

SUITE("secrets", test_a_call_with_a_restart_leaves_no_secret_behind, test_the_credentials_of_servers_are_wiped,
      test_an_allocation_s_password_and_key_are_wiped, test_a_certificate_s_key_as_text_is_wiped,
      test_a_secret_block_is_wiped_by_every_way_out_of_the_pool)
