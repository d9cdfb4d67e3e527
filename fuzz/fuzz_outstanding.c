/* fuzz_outstanding: can a peer break the accounts of what is in flight, or RACK, by what it acknowledges?
 *
 * The input is a script: messages are queued and cut into chunks and packets. SACKs of any shape come: blocks that overlap the
 * last ones, take them back, or arrive late. Time passes, losses are found by time and by T3, and lost chunks are sent again or
 * given up. The accounts are recounted after each step, and at the end nothing may be left allocated.
 *
 *   op & 7: 0 queue: n, 16n + 1 bytes, op's high bits: limit of retransmissions (7: reliable)      1 send: n chunks
 *           2 SACK: cum forward by n, then m blocks, m = high bits, of two bytes each: how far above the last, how long
 *           3 time: n * n us pass       4 what is lost by now       5 T3       6 n lost chunks are sent again
 *           7 give up what may not be sent again; odd high bits: repeat the tail too */
#include "fuzz/target.h"
#include "sctp/tx/abandon.h"
#include "sctp/tx/rack.h"
#include "sluice/error.h"

#define FIRST_TSN ((UINT64_C(1) << 32) + 0xfffffff0u)
#define CHUNK_MAX 200u
#define PER_PACKET 4u
#define QUEUED_MAX 65536u
#define MIN_RTT (10 * SLUICE_MS)

struct world {
	const uint8_t *at, *end;
	sluice_env *env;
	struct event_queue events;
	struct outgoing out;
	struct outstanding sent;
	struct rack rack;
	uint64_t now;
};

static uint8_t take(struct world *w) {
	return w->at < w->end ? *w->at++ : 0;
}

static void queue(struct world *w, uint8_t high) {
	static const uint8_t zeros[16 * 255 + 1];
	sluice_send_info info = {.stream = high & 1, .unordered = high & 2};
	uint32_t len = 16u * take(w) + 1;
	if (high != 31)
		info.reliability = SLUICE_MAX_RETRANSMITS, info.value = high >> 3;
	if (w->out.buffered < QUEUED_MAX)
		MUST(outgoing_copy(&w->out, &info, zeros, len) == 0);
}

static void transmit(struct world *w) {
	struct tx_message *m;
	for (unsigned n = take(w), i = 0; i < n && (m = outgoing_next(&w->out)); i++) {
		uint32_t left = m->len - m->cut, len = left < CHUNK_MAX ? left : CHUNK_MAX;
		if (!outstanding_reserve(&w->sent, 512))
			return;
		uint8_t flags = (uint8_t)((m->cut == 0 ? WIRE_DATA_B : 0) | (m->cut + len == m->len ? WIRE_DATA_E : 0) |
		                          (m->unordered ? WIRE_DATA_U : 0));
		outstanding_append(&w->sent, m, len, flags, w->now);
		if (i % PER_PACKET == PER_PACKET - 1)
			txlog_close(&w->sent.log);
	}
	txlog_close(&w->sent.log);
}

static void detect(struct world *w) {
	uint64_t next;
	rack_detect(&w->rack, &w->sent, MIN_RTT, 2 * MIN_RTT, false, w->now, &next);
	MUST(next > w->now);
}

static void sack(struct world *w, unsigned blocks) {
	struct gap gaps[32];
	struct ack ack;
	size_t count = 0;
	uint64_t cum = w->sent.cum + take(w) % 16, flight = w->sent.flight, buffered = w->out.buffered;
	cum = cum < w->sent.next ? cum : w->sent.next - 1;
	for (uint64_t above = cum + 2; blocks-- > 0;) {
		struct gap g = {.start = above + take(w) % 32};
		g.end = g.start + take(w) % 32;
		if (g.end >= w->sent.next)
			break;
		gaps[count++] = g;
		above = g.end + 2;
	}
	enum miss_rule rule = (enum miss_rule)(flight % (MISS_NONE + 1));
	outstanding_refresh(&w->sent);
	outstanding_sack(&w->sent, cum, gaps, count, rule, w->now, &ack);
	MUST(w->sent.cum == cum && w->out.buffered <= buffered);
	MUST(ack.newest < w->sent.log.next && ack.unsent_lost <= ack.bytes);
	rack_ack(&w->rack, &w->sent, &ack, MIN_RTT, w->now);
	detect(w);
}

static void send_again(struct world *w) {
	uint64_t tsn;
	for (unsigned n = take(w); n > 0 && (tsn = outstanding_first_lost(&w->sent)); n--)
		outstanding_resent(&w->sent, tsn, w->now);
	txlog_close(&w->sent.log);
}

static void give_up(struct world *w, bool tail) {
	uint64_t tsn = outstanding_last_in_flight(&w->sent);
	if (tail && tsn)
		outstanding_send_again(&w->sent, tsn);
	abandon_exhausted(&w->sent);
	MUST(w->sent.exhausted == 0);
}

static void step(struct world *w) {
	uint8_t op = take(w), high = op >> 3;
	switch (op & 7) {
	case 0:
		queue(w, high);
		break;
	case 1:
		transmit(w);
		break;
	case 2:
		sack(w, high);
		break;
	case 3: {
		uint64_t n = take(w);
		w->now += n * n * 1000;
		break;
	}
	case 4:
		detect(w);
		break;
	case 5:
		/* T3 may leave only recent packets in flight; an old one would stay there for ever. */
		rack_timeout(&w->rack, &w->sent, 30 * SLUICE_MS, w->now);
		MUST(outstanding_count(&w->sent) == 0 || outstanding_at(&w->sent, w->sent.cum + 1)->state != CHUNK_IN_FLIGHT);
		break;
	case 6:
		send_again(w);
		break;
	default:
		give_up(w, high & 1);
	}
	MUST(outstanding_check(&w->sent) && outgoing_check(&w->out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static sluice_env *env;
	if (!env)
		MUST(sluice_env_new(NULL, &env) == 0);
	struct world w = {.at = data, .end = data + size, .env = env, .now = SLUICE_S};
	outgoing_init(&w.out, env, &w.events, UINT64_MAX, sched_by_number(SLUICE_SCHEDULER_ROUND_ROBIN));
	outstanding_init(&w.sent, env, &w.out, FIRST_TSN);
	rack_init(&w.rack);
	while (w.at < w.end)
		step(&w);
	outstanding_free(&w.sent);
	outgoing_free(&w.out);
	MUST(env->blocks.live == 0);
	return 0;
}
