/* srtp_cipher_ipsec_mb: the CM profiles of SRTP by intel-ipsec-mb. Compiled only with -DSLUICE_IPSEC_MB.
 *
 * SHA-1 is a chain that cannot be cut, so its speed comes from hashing several packets at once. The wide manager does 8 of them
 * (AVX2) or 16 (AVX-512) in the time that it takes for one; the CPU's SHA instructions in the narrow manager do one in a quarter
 * of that time. So a run is hashed by whichever needs less for its number of packets. Figures for packets of 1,200 bytes, ns
 * each, by number of packets (Xeon with AVX-512):
 *
 *               1     2     4     8    16
 *   narrow    710   670   661   658   658
 *   wide     2631  1361   721   388   208
 *   AES        79    66    60    56    54   by the wide manager, 131 to 108 by the narrow one
 *
 * The library's bursts are calls over jobs of ours, which stay on the stack: nothing of a packet is left in the manager. */
#include "crypto/srtp_cipher_ops.h"

#include "base/arith.h"
#include "base/wipe.h"
#include "crypto/crypto.h"
#include "crypto/ipsec_mb.h"
#include "pool/env.h"

/* As many as the widest manager hashes at once. */
#define BURST_MAX 16
/* From this many packets on the wide manager takes less time, with AVX2 as with AVX-512. */
#define WIDE_FROM 6

#define SHA1_BLOCK IMB_SHA1_BLOCK_SIZE
#define SCHEDULE ((size_t)16 * 11)

struct mb_cipher {
	struct srtp_cipher base;
	IMB_MGR *wide, *narrow;
	/* How many packets the wide manager hashes at once. More of them would take it twice the time. */
	size_t burst;
	size_t tag;
	uint8_t inner[CRYPTO_SHA1_SIZE], outer[CRYPTO_SHA1_SIZE];
	uint8_t *schedule; /* aligned, in `space` */
	uint8_t space[IPSEC_MB_SPACE(SCHEDULE)];
};

/* ---- making one ------------------------------------------------------------------------------------------------- */

/* The state of SHA-1 behind one block, the key XOR `pad`. */
static void key_state(const IMB_MGR *m, const uint8_t *key, size_t len, uint8_t pad, uint8_t *state) {
	uint8_t block[SHA1_BLOCK];
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = i < len ? key[i] ^ pad : pad;
	IMB_SHA1_ONE_BLOCK(m, block, state);
	wipe(block, sizeof block);
}

static void keys_set(struct mb_cipher *c, struct srtp_cipher_args args) {
	uint8_t for_cbc[IPSEC_MB_SPACE(SCHEDULE)];
	c->schedule = ipsec_mb_aligned(c->space);
	IMB_AES_KEYEXP_128(c->wide, args.key, c->schedule, ipsec_mb_aligned(for_cbc));
	wipe(for_cbc, sizeof for_cbc);
	key_state(c->narrow, args.auth_key, args.profile->auth_key, 0x36, c->inner);
	key_state(c->narrow, args.auth_key, args.profile->auth_key, 0x5c, c->outer);
}

static size_t lanes_of(const IMB_MGR *wide) {
	return (wide->features & IMB_FEATURE_AVX512_SKX) == IMB_FEATURE_AVX512_SKX ? BURST_MAX : 8;
}

static struct srtp_cipher *mb_make(sluice_env *env, struct srtp_cipher_args args) {
	IMB_MGR *narrow = ipsec_mb_manager(env, IPSEC_MB_NARROW);
	IMB_MGR *wide = narrow ? ipsec_mb_manager(env, IPSEC_MB_WIDE) : NULL;
	struct mb_cipher *c = wide ? env_secret(env_alloc(env, sizeof *c)) : NULL;
	if (!c)
		return NULL;
	c->base = (struct srtp_cipher){.ops = &srtp_cipher_cm_ipsec_mb, .env = env};
	c->wide = wide;
	c->narrow = narrow;
	c->burst = lanes_of(wide);
	c->tag = args.tag;
	keys_set(c, args);
	return &c->base;
}

static void mb_free(struct srtp_cipher *base) {
	env_free(base->env, base);
}

/* ---- packets ---------------------------------------------------------------------------------------------------- */

struct burst {
	IMB_JOB jobs[BURST_MAX];
	uint8_t macs[BURST_MAX][CRYPTO_SHA1_SIZE];
};

static void fill(const struct mb_cipher *c, struct burst *b, const struct srtp_cm_job *from, size_t count) {
	for (size_t i = 0; i < count; i++) {
		const struct srtp_cm_job *j = &from[i];
		b->jobs[i] = (IMB_JOB){
			.enc_keys = c->schedule,
			.dec_keys = c->schedule,
			.key_len_in_bytes = IMB_KEY_128_BYTES,
			.src = j->auth,
			.dst = j->text,
			.cipher_start_src_offset_in_bytes = (uint64_t)(j->text - j->auth),
			.msg_len_to_cipher_in_bytes = j->len,
			.iv = j->iv,
			.iv_len_in_bytes = sizeof j->iv,
			.msg_len_to_hash_in_bytes = j->auth_len,
			.auth_tag_output = b->macs[i],
			.auth_tag_output_len_in_bytes = CRYPTO_SHA1_SIZE,
			.u.HMAC = {._hashed_auth_key_xor_ipad = c->inner, ._hashed_auth_key_xor_opad = c->outer},
			.cipher_mode = IMB_CIPHER_CNTR,
			.cipher_direction = IMB_DIR_ENCRYPT,
			.hash_alg = IMB_AUTH_HMAC_SHA_1,
			.chain_order = IMB_ORDER_CIPHER_HASH,
		};
	}
}

static bool hash(const struct mb_cipher *c, struct burst *b, size_t count) {
	bool wide = count >= WIDE_FROM && (c->wide->features & IMB_FEATURE_AVX2);
	IMB_MGR *m = wide ? c->wide : c->narrow;
	return IMB_SUBMIT_HASH_BURST_NOCHECK(m, b->jobs, (uint32_t)count, IMB_AUTH_HMAC_SHA_1) == count;
}

/* The library takes no job without a text. So a burst is cut where there is none, and where the tag was wrong. */
static bool crypt(const struct mb_cipher *c, struct burst *b, const struct srtp_cm_job *of, size_t count) {
	for (size_t i = 0, end; i < count; i = end + 1) {
		for (end = i; end < count && of[end].len > 0 && !of[end].failed;)
			end++;
		uint32_t n = (uint32_t)(end - i);
		if (n > 0 && IMB_SUBMIT_CIPHER_BURST_NOCHECK(c->wide, b->jobs + i, n, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT,
		                                             IMB_KEY_128_BYTES) != n)
			return false;
	}
	return true;
}

static bool seal_burst(const struct mb_cipher *c, struct burst *b, struct srtp_cm_job *jobs, size_t count) {
	for (size_t i = 0; i < count; i++)
		jobs[i].failed = false;
	fill(c, b, jobs, count);
	if (!crypt(c, b, jobs, count) || !hash(c, b, count))
		return false;
	for (size_t i = 0; i < count; i++)
		memcpy(jobs[i].tag, b->macs[i], c->tag);
	return true;
}

static bool mb_seal(struct srtp_cipher *base, union srtp_run *run, size_t count) {
	const struct mb_cipher *c = (const struct mb_cipher *)base;
	struct burst b;
	bool good = true;
	for (size_t i = 0; good && i < count; i += c->burst)
		good = seal_burst(c, &b, run->cm + i, min64(count - i, c->burst));
	return good;
}

/* A burst that the library refused has failed as a whole: what was decrypted of it is not given out. */
static size_t open_burst(const struct mb_cipher *c, struct burst *b, struct srtp_cm_job *jobs, size_t count) {
	size_t failed = 0;
	fill(c, b, jobs, count);
	bool good = hash(c, b, count);
	for (size_t i = 0; i < count; i++)
		jobs[i].failed = !good || !crypto_equal(b->macs[i], jobs[i].tag, c->tag);
	good = crypt(c, b, jobs, count);
	for (size_t i = 0; i < count; i++)
		failed += jobs[i].failed |= !good;
	return failed;
}

/* The right tag of a forged packet must stay unknown to its author, so it is wiped. */
static size_t mb_open(struct srtp_cipher *base, union srtp_run *run, size_t count) {
	const struct mb_cipher *c = (const struct mb_cipher *)base;
	struct burst b;
	size_t failed = 0;
	for (size_t i = 0; i < count; i += c->burst)
		failed += open_burst(c, &b, run->cm + i, min64(count - i, c->burst));
	wipe(b.macs, sizeof b.macs);
	return failed;
}

const struct srtp_cipher_ops srtp_cipher_cm_ipsec_mb = {
	.name = "ipsec-mb", .make = mb_make, .free = mb_free, .seal = mb_seal, .open = mb_open};
