/* fuzz_stun: can a stranger break the STUN codec? A datagram is read, written and read again; both readings must agree. DTLS in
 * STUN gets it too, and must be able to write its next message. */
#include <string.h>

#include "fuzz/target.h"
#include "ice/sped.h"
#include "ice/stun.h"

static uint8_t buffer[1 << 17];

static bool same_slice(struct stun_slice a, struct stun_slice b) {
	return !a.data == !b.data && a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b) {
	return memcmp(a, b, sizeof *a) == 0;
}

static void put_slice(struct stun_writer *w, uint16_t attribute, struct stun_slice s) {
	if (s.data)
		stun_put(w, attribute, s.data, s.len);
}

static void put_address(struct stun_writer *w, uint16_t attribute, const struct sockaddr_storage *a) {
	if (a->ss_family)
		stun_put_address(w, attribute, a);
}

static void put_reason(struct stun_writer *w, const struct stun_message *m) {
	static char reason[1 << 16];
	size_t len = m->reason.len;
	memcpy(reason, m->reason.data, len);
	reason[len] = 0;
	stun_put_error(w, m->error_code, reason);
}

static size_t write_again(const struct stun_message *m) {
	struct stun_writer w;
	stun_begin(&w, buffer, sizeof buffer, m->class, m->method, m->id);
	put_slice(&w, STUN_ATTR_USERNAME, m->username);
	put_slice(&w, STUN_ATTR_REALM, m->realm);
	put_slice(&w, STUN_ATTR_NONCE, m->nonce);
	put_slice(&w, STUN_ATTR_SOFTWARE, m->software);
	put_slice(&w, STUN_ATTR_DATA, m->data);
	put_slice(&w, STUN_ATTR_DTLS_IN_STUN_ACK, m->dtls_ack);
	put_slice(&w, STUN_ATTR_DTLS_IN_STUN, m->dtls);
	put_address(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, &m->mapped);
	put_address(&w, STUN_ATTR_XOR_RELAYED_ADDRESS, &m->relayed);
	put_address(&w, STUN_ATTR_XOR_PEER_ADDRESS, &m->peer);
	put_address(&w, STUN_ATTR_ALTERNATE_SERVER, &m->alternate);
	if (m->error_code)
		put_reason(&w, m);
	if (m->has_priority)
		stun_put32(&w, STUN_ATTR_PRIORITY, m->priority);
	if (m->has_lifetime)
		stun_put32(&w, STUN_ATTR_LIFETIME, m->lifetime);
	if (m->has_channel)
		stun_put32(&w, STUN_ATTR_CHANNEL_NUMBER, (uint32_t)m->channel << 16);
	if (m->is_controlling)
		stun_put64(&w, STUN_ATTR_ICE_CONTROLLING, m->tie_breaker);
	if (m->is_controlled)
		stun_put64(&w, STUN_ATTR_ICE_CONTROLLED, m->tie_breaker);
	if (m->use_candidate)
		stun_put(&w, STUN_ATTR_USE_CANDIDATE, NULL, 0);
	for (size_t i = 0; i < m->unknown_count; i++)
		stun_put(&w, m->unknown[i], NULL, 0);
	return stun_end(&w, "key", 3, true);
}

static void compare(const struct stun_message *a, const struct stun_message *b) {
	MUST(a->class == b->class && a->method == b->method && memcmp(a->id, b->id, STUN_ID_SIZE) == 0);
	MUST(same_slice(a->username, b->username) && same_slice(a->realm, b->realm) && same_slice(a->nonce, b->nonce));
	MUST(same_slice(a->software, b->software) && same_slice(a->data, b->data));
	MUST(same_slice(a->dtls, b->dtls) && same_slice(a->dtls_ack, b->dtls_ack));
	MUST(same_address(&a->mapped, &b->mapped) && same_address(&a->relayed, &b->relayed));
	MUST(same_address(&a->peer, &b->peer) && same_address(&a->alternate, &b->alternate));
	MUST(a->error_code == b->error_code && a->priority == b->priority && a->lifetime == b->lifetime);
	MUST(a->channel == b->channel && a->tie_breaker == b->tie_breaker && a->use_candidate == b->use_candidate);
	MUST(a->is_controlling == b->is_controlling && a->is_controlled == b->is_controlled);
	MUST(a->unknown_count == b->unknown_count && memcmp(a->unknown, b->unknown, sizeof a->unknown) == 0);
}

static void fuzz_sped(const struct stun_message *m) {
	static uint8_t hello[] = {22, 254, 253, 1, 2, 3};
	static const uint8_t id[STUN_ID_SIZE] = {9};
	sluice_env *env;
	struct sped s;
	struct stun_writer w;
	MUST(sluice_env_new(NULL, &env) == 0);
	sped_init(&s, env);
	sped_start(&s);
	sped_flight(&s, &(sluice_datagram){.data = hello, .len = sizeof hello}, 1);
	for (int i = 0; i < 3; i++) {
		stun_begin(&w, buffer, 1280, STUN_REQUEST, STUN_BINDING, id);
		sped_compose(&s, &w, STUN_REQUEST, id);
		MUST(stun_end(&w, "key", 3, true) > 0);
		struct stun_slice dtls = sped_input(&s, m);
		MUST(!dtls.data || (dtls.data == m->dtls.data && dtls.len == m->dtls.len));
		MUST(sped_check(&s));
		if (i == 1)
			sped_handshake_done(&s, (m->id[0] & 1) != 0);
	}
	sped_free(&s);
	sluice_env_free(env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct stun_message first, second;
	if (stun_parse(data, size, &first) < 0)
		return 0;
	MUST(stun_looks_like(data, size));
	stun_verify(&first, "key", 3);
	fuzz_sped(&first);
	size_t len = write_again(&first);
	if (len == 0) { /* a message of 64 KiB has no room for integrity and fingerprint */
		MUST(size > 65000);
		return 0;
	}
	MUST(stun_parse(buffer, len, &second) == 0);
	MUST(stun_verify(&second, "key", 3));
	compare(&first, &second);
	return 0;
}
