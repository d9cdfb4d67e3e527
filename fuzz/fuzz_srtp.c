/* fuzz_srtp: can a stranger, or chance, make SRTP take what it must not, leave a buffer, or judge a batch unlike its packets?
 *
 * The input is a script. A sender protects packets of any shape and any number; they arrive late, twice, changed or not at all,
 * and with them arrives whatever a stranger makes up. One receiver takes them one by one and another one all at once. Both must
 * take the same ones, what is taken must be what was sent, and nothing is taken twice.
 *
 * The first byte: profile, and whether the best back end is used. Then op & 7:
 *   0 send RTP: high bits of op the SSRC; shape, 16 bits of sequence, length      1 send RTCP: the same SSRC, length
 *   2 deliver packet n of those kept      3 the same with bit m flipped      4 cut to m bytes
 *   5 deliver the next n bytes of the input as they are      6 protect the next n bytes as they are      7 flush the batch */
#include "base/bytes.h"
#include "fuzz/target.h"
#include "pool/env.h"
#include "rtp/srtp.h"

#define ROOM 512
#define KEPT 64
#define WAITING 80
#define SSRCS 8

struct packet {
	uint8_t bytes[ROOM], plain[ROOM];
	size_t len, plain_len;
	bool taken;
};

struct world {
	const uint8_t *at, *end;
	struct srtp out, alone, batched;
	struct packet kept[KEPT];
	size_t sent;
	/* What has gone to `alone` and waits for `batched`. */
	uint8_t waiting[WAITING][ROOM];
	struct srtp_packet batch[WAITING];
	enum srtp_result judged[WAITING];
	size_t count;
};

static sluice_env *env;
static struct world w;

static uint8_t take(void) {
	return w.at < w.end ? *w.at++ : 0;
}

static void flush(void) {
	srtp_unprotect_batch(&w.batched, w.batch, w.count);
	for (size_t i = 0; i < w.count; i++)
		MUST((w.batch[i].result == SRTP_OK) == (w.judged[i] == SRTP_OK));
	w.count = 0;
	MUST(srtp_check(&w.batched));
	MUST(w.batched.counts[SRTP_OK] == w.alone.counts[SRTP_OK]);
	MUST(w.batched.counts[SRTP_MALFORMED] == w.alone.counts[SRTP_MALFORMED]);
}

/* To both receivers. A buffer of exactly the packet's size shows reads and writes beyond it. */
static enum srtp_result deliver(const uint8_t *bytes, size_t len, const struct packet *sent) {
	uint8_t exact[ROOM];
	struct srtp_packet p = {.data = exact + ROOM - len, .len = len};
	if (len)
		memcpy(p.data, bytes, len);
	srtp_unprotect_batch(&w.alone, &p, 1);
	MUST(srtp_check(&w.alone));
	MUST(p.result != SRTP_OK || (sent && p.len == sent->plain_len && memcmp(p.data, sent->plain, p.len) == 0));
	if (len)
		memcpy(w.waiting[w.count], bytes, len);
	w.batch[w.count] = (struct srtp_packet){.data = w.waiting[w.count], .len = len};
	w.judged[w.count++] = p.result;
	if (w.count == WAITING)
		flush();
	return p.result;
}

/* Keeps it when it could be protected. */
static void protect(const uint8_t *plain, size_t len) {
	struct packet *k = &w.kept[w.sent % KEPT];
	struct srtp_packet p = {.data = k->bytes, .len = len};
	if (len) {
		memcpy(k->bytes, plain, len);
		memcpy(k->plain, plain, len);
	}
	k->plain_len = len;
	k->taken = false;
	int error = srtp_protect_batch(&w.out, &p, 1);
	MUST(srtp_check(&w.out));
	MUST(error == 0 || p.result == SRTP_REFUSED);
	k->len = p.result == SRTP_OK ? p.len : 0;
	MUST(p.result != SRTP_OK || (p.len > len && p.len <= len + SRTP_TAIL));
	w.sent += p.result == SRTP_OK;
}

static void send_rtp(uint8_t ssrc) {
	uint8_t plain[ROOM], shape = take();
	size_t header = 12 + 4 * (size_t)(shape & 15);
	memset(plain, shape, sizeof plain);
	plain[0] = (uint8_t)(0x80 | (shape & 0x3f));
	plain[1] = 96;
	put_be16(plain + 2, (uint16_t)(take() << 8));
	plain[3] = take();
	put_be32(plain + 8, ssrc);
	if (shape & 0x10) {
		put_be16(plain + header + 2, shape >> 6);
		header += 4 + 4 * (size_t)(shape >> 6);
	}
	protect(plain, header + take());
}

static void send_rtcp(uint8_t ssrc) {
	uint8_t plain[ROOM];
	memset(plain, ssrc, sizeof plain);
	plain[0] = 0x81;
	plain[1] = 200;
	put_be32(plain + 4, ssrc);
	protect(plain, 8 + (size_t)take());
}

static void deliver_kept(void) {
	struct packet *k = &w.kept[take() % KEPT];
	if (k->len == 0)
		return;
	bool good = deliver(k->bytes, k->len, k) == SRTP_OK;
	MUST(!good || !k->taken);
	k->taken |= good;
}

static void deliver_changed(bool cut) {
	const struct packet *k = &w.kept[take() % KEPT];
	uint8_t changed[ROOM];
	size_t which = (size_t)take() << 8;
	which |= take();
	if (k->len == 0)
		return;
	memcpy(changed, k->bytes, k->len);
	if (!cut)
		changed[which / 8 % k->len] ^= (uint8_t)(1 << which % 8);
	MUST(deliver(changed, cut ? which % k->len : k->len, NULL) != SRTP_OK);
}

static void with_input(void (*what)(const uint8_t *bytes, size_t len)) {
	uint8_t bytes[256], want = take();
	size_t len = target_left(w.at, w.end, want);
	if (len)
		memcpy(bytes, w.at, len);
	w.at += len;
	what(bytes, len);
}

static void stranger(const uint8_t *bytes, size_t len) {
	deliver(bytes, len, NULL);
}

static void step(uint8_t op) {
	switch (op & 7) {
	case 0:
		send_rtp(op >> 3 & (SSRCS - 1));
		break;
	case 1:
		send_rtcp(op >> 3 & (SSRCS - 1));
		break;
	case 2:
		deliver_kept();
		break;
	case 3:
	case 4:
		deliver_changed(op & 4);
		break;
	case 5:
		with_input(stranger);
		break;
	case 6:
		with_input(protect);
		break;
	default:
		flush();
		break;
	}
}

static void begin(uint8_t how) {
	struct srtp_master master = {.key = {1, 2, 3}, .salt = {4, 5, 6}};
	/* A table with room for all that can be protected: who is forgotten may come again, and so may its packets. */
	struct srtp_config config = {
		.profile = how & 3, .use = AEAD_SEAL, .backend = how & 4 ? AEAD_BEST : AEAD_EVP, .streams = 256};
	MUST(srtp_open(&w.out, env, &config, &master) == 0);
	config.use = AEAD_OPEN;
	MUST(srtp_open(&w.alone, env, &config, &master) == 0);
	MUST(srtp_open(&w.batched, env, &config, &master) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
	(void)argc, (void)argv;
	MUST(sluice_env_new(NULL, &env) == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size > 4096)
		return 0;
	memset(&w, 0, sizeof w);
	w.at = data;
	w.end = data + size;
	begin(take());
	while (w.at < w.end)
		step(take());
	flush();
	srtp_close(&w.out);
	srtp_close(&w.alone);
	srtp_close(&w.batched);
	MUST(env->blocks.live == 0);
	return 0;
}
