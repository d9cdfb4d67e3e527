/* fuzz_handover: can changed bytes with a fitting checksum break an import?
 *
 * An association is brought into a state with much in flight, queued and received. It is handed over with some of its bytes
 * changed and the checksum corrected, goes on beside its peer, and is handed over once more. Its invariants are recounted, and
 * nothing may be left allocated.
 *
 *   byte 0      bits 0: DATA instead of I-DATA, 1: the receiver's side, 2: parts, 3: packets are lost, 4: RFC 9260's recovery,
 *               5: streams are being reset, 6: the app reads nothing
 *   then triples: offset in the bytes (16 bits, little-endian; modulo their number), what to change there (xor) */
#include <stdlib.h>

#include "base/crc32c.h"
#include "fuzz/target.h"
#include "sctp/association.h"
#include "sim/memory.h"

#define SIDES 2
#define CHANGES_MAX 64

struct world {
	struct memory memory;
	sluice_env *env;
	sluice_sctp *sides[SIDES];
	uint64_t now;
	unsigned packets;
	bool lossy, deaf, changed;
};

static void constant(void *ctx, void *buf, size_t len) {
	(void)ctx;
	memset(buf, 0x11, len);
}

static void drain(struct world *w, sluice_sctp *a) {
	sluice_sctp_event e;
	while (!w->deaf && sluice_sctp_poll(a, &e))
		sluice_message_release(e.message);
}

/* One batch from one side to the other. */
static bool pass(struct world *w, unsigned from) {
	static uint8_t space[65536];
	sluice_batch b = {.data = space, .capacity = sizeof space, .max_datagrams = 8};
	if (sluice_sctp_output(w->sides[from], &b, w->now) <= 0)
		return false;
	for (size_t i = 0; i < b.count; i++) {
		if (w->lossy && ++w->packets % 5 == 0)
			continue;
		sluice_datagram d = {.data = sluice_batch_slot(&b, i), .len = sluice_batch_slot_len(&b, i)};
		sluice_sctp_input(w->sides[!from], &d, 1, w->now);
	}
	MUST(association_check(w->sides[!from]));
	drain(w, w->sides[!from]);
	return true;
}

static void run(struct world *w, unsigned rounds) {
	for (unsigned i = 0; i < rounds; i++) {
		for (unsigned side = 0; side < SIDES; side++) {
			for (unsigned n = 0; n < 4 && pass(w, side); n++)
				;
			if (sluice_sctp_deadline(w->sides[side]) <= w->now)
				sluice_sctp_advance(w->sides[side], w->now);
			MUST(association_check(w->sides[side]));
		}
		w->now += 3 * SLUICE_MS << i % 8;
	}
}

static void world_open(struct world *w, uint8_t options) {
	sluice_env_config ec = {.allocator = memory_allocator(&w->memory), .entropy = constant};
	MUST(sluice_env_new(&ec, &w->env) == 0);
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.no_interleaving = options & 1;
	c.partial_delivery = options & 4 ? 3000 : 0;
	c.recovery = options & 16 ? SLUICE_RECOVERY_RFC9260 : SLUICE_RECOVERY_RACK;
	for (unsigned side = 0; side < SIDES; side++)
		MUST(sluice_sctp_new(w->env, &c, &w->sides[side]) == 0);
	w->now = SLUICE_S;
	MUST(sluice_sctp_connect(w->sides[0]) == 0);
	run(w, 4);
	w->lossy = options & 8;
	w->deaf = options & 64;
	static uint8_t bytes[9000];
	for (unsigned i = 0; i < 12; i++) {
		sluice_send_info info = {.stream = (uint16_t)(i % 3), .unordered = i % 4 == 3, .value = i % 3};
		info.reliability = (enum sluice_reliability)(i % 5 == 4 ? 1 + i % 2 : 0);
		sluice_sctp_send(w->sides[0], &info, bytes, i % 3 == 0 ? sizeof bytes : 200);
		sluice_sctp_send(w->sides[1], &info, bytes, 100);
	}
	for (unsigned i = 0; i < 3; i++) {
		pass(w, 0);
		pass(w, 1);
	}
	if (options & 32) {
		sluice_sctp_reset_stream(w->sides[0], 1);
		sluice_sctp_reset_stream(w->sides[0], 2);
		sluice_sctp_request_reset(w->sides[0], 7);
		pass(w, 0);
	}
}

/* Changes bytes as the input says, and corrects the checksum. */
static void change(uint8_t *bytes, size_t len, const uint8_t *data, size_t size) {
	for (size_t i = 0; i + 3 <= size && i < 3 * CHANGES_MAX; i += 3)
		bytes[24 + (data[i] | data[i + 1] << 8) % (len - 24)] ^= data[i + 2];
	uint32_t crc = crc32c(bytes + 24, len - 24);
	memcpy(bytes + 12, &crc, sizeof crc);
}

static bool hand_over(struct world *w, unsigned side, const uint8_t *data, size_t size) {
	size_t len;
	if (sluice_sctp_export(w->sides[side], NULL, 0, &len) != SLUICE_NO_SPACE)
		return true;
	uint8_t *bytes = malloc(len);
	MUST(bytes != NULL);
	int rc = sluice_sctp_export(w->sides[side], bytes, len, &len);
	MUST(rc == 0 || (w->changed && rc == SLUICE_WRONG_STATE));
	if (rc) { /* the export reads back what it wrote; it may refuse what was changed, and the association goes on here */
		free(bytes);
		return true;
	}
	change(bytes, len, data, size);
	w->changed |= size > 0;
	sluice_sctp *there = NULL;
	rc = sluice_sctp_import(w->env, bytes, len, w->now, &there);
	MUST(rc == 0 || rc == SLUICE_MALFORMED || rc == SLUICE_NO_MEMORY);
	free(bytes);
	if (rc)
		return false;
	sluice_sctp_free(w->sides[side]);
	w->sides[side] = there;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size < 1)
		return 0;
	struct world w = {0};
	world_open(&w, data[0]);
	unsigned side = (data[0] & 2) != 0;
	if (hand_over(&w, side, data + 1, size - 1)) {
		run(&w, 10);
		hand_over(&w, side, NULL, 0);
		w.deaf = false;
		run(&w, 4);
	}
	for (unsigned i = 0; i < SIDES; i++)
		sluice_sctp_free(w.sides[i]);
	sluice_env_free(w.env);
	MUST(w.memory.live == 0);
	return 0;
}
