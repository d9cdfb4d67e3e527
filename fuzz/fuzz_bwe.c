/* fuzz_bwe: can a receiver of media break the estimator of its sender? Any packets are sent, any feedback comes about them, time
 * does what it likes. Whatever happens: the invariants hold, the target is within its bounds, no timer is due again at once, the
 * pacer grants what was queued and no more, and nothing is allocated.
 *
 * The input: steps of a byte that says what happens and four bytes that say how; a feedback takes the bytes behind it, too. */
#include <string.h>

#include "base/serial.h"
#include "fuzz/target.h"
#include "rtp/bwe/bwe.h"
#include "rtp/pacer.h"
#include "rtp/rtcp.h"
#include "sim/memory.h"
#include "sluice/error.h"

#define MIN_RATE 30000
#define MAX_RATE 20000000
#define FEEDBACK_MOST 64
#define GRANTS_MOST 4096

static struct memory memory;
static sluice_env *env;
static struct bwe *b;
static struct pacer pacer;
static uint64_t now, latest, number, remb;
static uint64_t in, out; /* bytes into the pacer and out of it, without padding */

static void check(void) {
	uint64_t most = remb > MIN_RATE ? remb : MIN_RATE;
	MUST(bwe_check(b) && pacer_check(&pacer));
	MUST(bwe_target(b) >= MIN_RATE && bwe_target(b) <= MAX_RATE && bwe_target(b) <= most);
	MUST(in == out + pacer_queued(&pacer));
}

static void pass(uint64_t ns) {
	now += ns;
	latest = now > latest ? now : latest;
}

/* ---- steps ---- */

static void step_send(const uint8_t *how) {
	unsigned count = 1 + how[0] % 64;
	number += how[3] & 1 ? (uint64_t)how[2] << (how[3] >> 4) : 0;
	for (unsigned i = 0; i < count; i++) {
		MUST(bwe_sent(b, number++, 1 + 5u * how[1], how[3] & 2 ? how[2] % 16 : 0, now) == 0);
		pass((uint64_t)how[3] * 10000);
	}
	MUST(bwe_sent(b, number - 1, 1, 0, now) == SLUICE_INVALID);
}

/* base is near what was sent last; the rest of the packet is the input's. Returns how many bytes it took. */
static size_t step_feedback(const uint8_t *how, const uint8_t *rest, size_t left) {
	uint8_t packet[20 + FEEDBACK_MOST] = {0x80 | RTCP_FMT_TWCC, RTCP_PT_RTPFB};
	size_t len = target_left(rest, rest + left, how[0] % (FEEDBACK_MOST + 1)) / 4 * 4;
	put_be16(packet + 2, (uint16_t)((20 + len) / 4 - 1));
	put_be16(packet + 12, (uint16_t)(number - how[1]));
	put_be16(packet + 14, (uint16_t)(how[2] | (how[3] & 0xf) << 8));
	packet[17] = how[3] & 0x80 ? how[2] : 0; /* the reference time */
	packet[18] = (uint8_t)(latest / (256 * SLUICE_MS));
	packet[19] = (uint8_t)(how[3] >> 4);
	memcpy(packet + 20, rest, len);
	struct rtcp_reader r = rtcp_reader_of(packet, 20 + len);
	struct rtcp_packet p;
	if (rtcp_next(&r, &p) && p.kind == RTCP_TWCC)
		bwe_feedback(b, &p.twcc, now);
	return len;
}

/* Packets in any order, some twice, some that were never sent. */
static void step_arrivals(const uint8_t *how) {
	uint64_t from = number - how[1];
	for (unsigned i = 0; i < 2u * how[0]; i++)
		bwe_arrival(b, from + (uint64_t)i * (how[2] | 1) % 256, (how[3] >> i % 8 & 1) != 0,
		            latest + (uint64_t)i * how[2] * 10000);
	bwe_reported(b, now);
}

static void step_remb(const uint8_t *how) {
	remb = (uint64_t)how[0] << (how[1] % 56);
	bwe_remb(b, remb, now);
}

/* Timers run when they say so, some of them late. */
static void step_timers(const uint8_t *how) {
	for (unsigned i = 0; i < 1u + how[0] % 16; i++) {
		uint64_t at = bwe_deadline(b);
		if (at == SLUICE_NEVER)
			return;
		if (at > now)
			pass(at - now + how[1]);
		bwe_advance(b, now);
		MUST(bwe_deadline(b) > now);
		check();
	}
}

static void step_time(const uint8_t *how) {
	uint64_t ns = (uint64_t)get_be16(how) << (how[2] % 28);
	if (how[3] & 1)
		now -= ns < now ? ns : now;
	else
		pass(ns);
}

static void step_push(const uint8_t *how) {
	uint32_t size = 1 + 5u * how[1], last = 1 + 5u * (how[2] % (how[1] + 1u));
	struct pacer_run run = {.handle = how[3], .count = how[0], .size = size, .last = last};
	int error = pacer_push(&pacer, (enum pacer_kind)(how[3] % PACER_QUEUES), &run, now);
	MUST(error == 0 || error == SLUICE_WOULD_BLOCK || (error == SLUICE_INVALID && run.count == 0));
	if (error == 0)
		in += (uint64_t)run.size * (run.count - 1) + run.last;
}

static void step_probe(const uint8_t *how) {
	struct bwe_probe probe;
	if (how[0] & 1)
		pacer_probe(&pacer, 1 + how[1], (uint64_t)how[2] << (how[3] % 40), how[1] % 8 + 1u, how[2], now);
	else if (bwe_take_probe(b, &probe))
		pacer_probe(&pacer, probe.id, probe.rate, probe.packets, probe.bytes, now);
}

static void step_grant(const uint8_t *how) {
	struct pacer_grant g;
	unsigned n = 0;
	pacer_set_target(&pacer, bwe_target(b));
	while (n < GRANTS_MOST && pacer_next(&pacer, 1 + how[0], now, &g)) {
		MUST(g.count >= 1 && g.count <= 1u + how[0] && g.last <= g.size && g.last > 0);
		n += g.count;
		if (g.kind != PACER_PADDING)
			out += (uint64_t)g.size * (g.count - 1) + g.last;
		MUST(bwe_sent(b, number++, g.last, g.probe, now) == 0);
	}
	MUST(n >= GRANTS_MOST || pacer_deadline(&pacer) > now);
}

/* ---- the input ---- */

static size_t step(const uint8_t *data, size_t size) {
	const uint8_t *how = data + 1;
	switch (data[0] == 255 ? 8 : data[0] % 8) {
	case 0:
		step_send(how);
		break;
	case 1:
		return 5 + step_feedback(how, data + 5, size - 5);
	case 2:
		step_remb(how);
		break;
	case 3:
		step_timers(how);
		break;
	case 4:
		step_time(how);
		break;
	case 5:
		step_push(how);
		break;
	case 6:
		step_probe(how);
		break;
	case 8:
		step_arrivals(how);
		break;
	default:
		step_grant(how);
	}
	return 5;
}

static void begin(void) {
	static const struct bwe_config config = {.min_rate = MIN_RATE, .max_rate = MAX_RATE, .history = 256};
	memory = (struct memory){.plain = true};
	now = latest = SLUICE_S;
	number = SERIAL_ORIGIN;
	remb = UINT64_MAX;
	in = out = 0;
	MUST(sluice_env_new(&(sluice_env_config){.allocator = memory_allocator(&memory)}, &env) == 0);
	MUST(bwe_new(env, &config, now, &b) == 0);
	MUST(pacer_open(&pacer, env, 16, 255) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size > 4096)
		return 0;
	begin();
	uint64_t allocations = memory.allocations;
	while (size >= 5) {
		size_t taken = step(data, size);
		check();
		data += taken;
		size -= taken;
	}
	MUST(memory.allocations == allocations);
	pacer_close(&pacer);
	bwe_free(b);
	sluice_env_free(env);
	MUST(memory.live == 0);
	return 0;
}
