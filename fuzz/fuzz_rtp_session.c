/* fuzz_rtp_session: can a peer or a bad line break a media session? Two sessions talk over a line that the input harms, and get
 * bytes of the input as RTP and RTCP. Other streams come and go beside theirs, and ids change. Every invariant of both is
 * recounted after each step; what the taker gets is what was sent.
 *
 * The input is a script: a byte that names a step in its lower three bits, the others are its choices, then the step's own
 * bytes. */
#include <string.h>

#include "base/bytes.h"
#include "fuzz/target.h"
#include "rtp/session.h"

#define QUEUE 64
#define MOST 4096 /* of an input */
#define BODY 40
#define FLAGS (RTP_STAGE_NACK | RTP_STAGE_TWCC | RTP_STAGE_ABS_SEND_TIME | RTP_STAGE_KEYFRAME)

struct datagram {
	uint8_t bytes[600];
	size_t len;
	unsigned to;
};

static sluice_env *env;
static struct rtp_session *ends[2];
static struct datagram queue[QUEUE];
static unsigned head, tail;
static uint64_t now;
static uint8_t frame[BODY];
static struct rtp_source source;
static const uint8_t *at, *end;
static unsigned ins[2], outs[2]; /* bit i: stream i of this end was added */
static bool is_harmed;           /* bytes were changed or invented: what comes need not be what was sent */

static const struct rtp_extension_item items[] = {
	{RTP_EXT_ABS_SEND_TIME, 3, NULL},
	{RTP_EXT_TRANSPORT_CC, 2, NULL},
	{RTP_EXT_RID, 1, "h"},
};

/* An estimator that only looks. */
static void rate_sent(void *ctx, uint64_t number, size_t size, uint32_t probe, uint64_t when) {
	(void)ctx, (void)probe, (void)when;
	MUST(number > 0 && size > 0);
}

static void rate_feedback(void *ctx, const struct rtcp_twcc *twcc, uint64_t when) {
	(void)ctx, (void)twcc, (void)when;
}

static void rate_arrival(void *ctx, uint64_t number, bool came, uint64_t arrived) {
	(void)ctx, (void)came, (void)arrived;
	MUST(number > 0);
}

static void rate_remb(void *ctx, uint64_t bitrate, uint64_t when) {
	(void)ctx, (void)bitrate, (void)when;
}

static void rate_advance(void *ctx, uint64_t when) {
	(void)ctx, (void)when;
}

static uint64_t rate_deadline(void *ctx) {
	(void)ctx;
	return SLUICE_NEVER;
}

static const struct rtp_rate_ops rate_ops = {rate_sent, rate_feedback, rate_arrival, rate_advance,
                                             rate_remb, rate_advance,  rate_deadline};

/* The ids of the first map, or of one where they have moved. */
static void make_map(struct rtp_extension_map *map, bool is_moved) {
	rtp_extension_map_init(map);
	for (unsigned i = 0; i < 3; i++)
		MUST(rtp_extension_map_add(map, items[i].kind, is_moved ? 20 - i : i + 1) == 0);
	MUST(rtp_extension_map_add(map, RTP_EXT_REPAIRED_RID, is_moved ? 10 : 4) == 0);
}

static struct rtp_session *make(uint32_t ours, uint32_t theirs, bool with_rtx, bool compound) {
	struct rtp_extension_map map;
	struct rtx_types types;
	struct rtp_session *s;
	make_map(&map, false);
	rtx_types_init(&types);
	MUST(rtx_types_add(&types, 97, 96) == 0);
	const struct rtp_session_config config = {
		.cname = "fuzz",
		.ssrc = ours,
		.extensions = &map,
		.rtx = &types,
		.streams_in = 4,
		.streams_out = 4,
		.rate = &rate_ops,
		.compound = compound,
	};
	const struct rtp_in_config in = {
		.ssrc = theirs + 1,
		.rtx_ssrc = with_rtx ? theirs + 2 : 0,
		.clock_rate = 90000,
		.flags = FLAGS | (with_rtx ? RTP_STAGE_CCFB : 0),
	};
	const struct rtp_out_config out = {
		.ssrc = ours + 1,
		.rtx_ssrc = with_rtx ? ours + 2 : 0,
		.clock_rate = 90000,
		.flags = FLAGS | (with_rtx ? RTP_STAGE_CCFB : 0),
		.first = 65530,
		.items = items,
		.item_count = 3,
		.history = 64,
	};
	MUST(rtp_session_new(env, &config, &s) == 0);
	MUST(rtp_session_add_in(s, &in) == 0 && rtp_session_add_out(s, &out) == 0);
	return s;
}

/* ---- the line ---- */

static uint8_t next_byte(void) {
	return at < end ? *at++ : 0;
}

/* Where the next datagram is written; NULL when the line is full. */
static struct datagram *space_for(unsigned to) {
	struct datagram *d = &queue[head % QUEUE];
	d->to = to;
	return head - tail < QUEUE ? d : NULL;
}

static void take(struct rtp_session *s, uint8_t *bytes, size_t len) {
	struct rtp_received got;
	if (rtp_packet_is_rtcp(bytes, len)) {
		(void)rtp_session_receive_rtcp(s, bytes, len, now);
		return;
	}
	if (rtp_session_receive(s, bytes, len, now, &got) != 1)
		return;
	MUST(got.stream == 0 || ins[s == ends[1]] >> got.stream & 1);
	MUST(got.packet.payload >= bytes && got.packet.payload + got.packet.payload_len <= bytes + len);
	if (!is_harmed && got.packet.payload_len)
		MUST(got.packet.payload_len == BODY + 1 && got.packet.payload[0] == (uint8_t)got.number &&
		     memcmp(got.packet.payload + 1, frame, BODY) == 0);
}

/* Streams beside the first come and go, ids and types change, SSRCs too. What the taker gets may then be another's. */
static void change(unsigned choice) {
	struct rtp_session *s = ends[choice & 1];
	uint8_t how = next_byte();
	uint32_t ssrc = 300 + how % 8;
	struct rtp_extension_map map;
	struct rtx_types types;
	struct rtp_in_config in = {.ssrc = ssrc,
	                           .rtx_ssrc = how & 8 ? ssrc + 8 : 0,
	                           .clock_rate = 48000,
	                           .flags = FLAGS | (how & 16 ? RTP_STAGE_CCFB : 0)};
	struct rtp_out_config out = {
		.ssrc = ssrc,
		.rtx_ssrc = in.rtx_ssrc,
		.clock_rate = 48000,
		.flags = FLAGS | RTP_STAGE_CCFB,
		.items = items,
		.item_count = 3,
		.history = 16,
	};
	const struct rtp_out_ssrcs ssrcs = {.ssrc = ssrc, .rtx_ssrc = in.rtx_ssrc};
	unsigned *used = choice & 2 ? &ins[choice & 1] : &outs[choice & 1], i = 1 + how / 16 % 3;
	bool is_there = *used >> i & 1;
	is_harmed = true;
	switch (choice >> 2 & 7) {
	case 0:
	case 1: {
		int added = choice & 2 ? rtp_session_add_in(s, &in) : rtp_session_add_out(s, &out);
		MUST(added == SLUICE_EXISTS || added == SLUICE_LIMIT || (added > 0 && !(*used >> added & 1)));
		if (added > 0)
			*used |= 1u << added;
		break;
	}
	case 2:
	case 3:
		if (is_there)
			(choice & 2 ? rtp_session_remove_in : rtp_session_remove_out)(s, (int)i);
		*used &= ~(1u << i);
		break;
	case 4:
		make_map(&map, how & 1);
		MUST(rtp_session_set_extensions(s, &map) == 0);
		break;
	case 5:
		rtx_types_init(&types);
		MUST(rtx_types_add(&types, how & 1 ? 97 : 98, 96) == 0);
		rtp_session_set_rtx(s, &types, &types);
		break;
	case 6:
		if (outs[choice & 1] >> i & 1)
			(void)rtp_session_change_ssrcs(s, (int)i, &ssrcs);
		break;
	default:
		if (outs[choice & 1] >> i & 1) {
			const struct rtp_sending p = {.source = &source, .len = BODY, .payload_type = 96, .captured = now};
			uint8_t packet[200];
			MUST(rtp_session_send(s, (int)i, &p, packet, sizeof packet, now) > 0);
			/* It comes back: a collision. Or it goes to the other end. */
			take(ends[how & 1], packet, 100);
		}
	}
}

static void deliver(unsigned choice) {
	if (head == tail)
		return;
	struct datagram *d = &queue[(tail + (choice & 4 ? (head - tail) / 2 : 0)) % QUEUE];
	struct datagram copy = *d;
	/* Another one takes its place in the middle of the queue: reordering. */
	*d = queue[tail % QUEUE];
	tail++;
	if (choice & 1 && copy.len) {
		uint8_t where = next_byte();
		copy.bytes[where % copy.len] ^= (uint8_t)(next_byte() | 1);
		is_harmed = true;
	}
	for (unsigned i = 0; i <= (choice >> 1 & 1); i++) {
		uint8_t bytes[sizeof copy.bytes];
		memcpy(bytes, copy.bytes, copy.len);
		take(ends[copy.to], bytes, copy.len);
	}
}

/* ---- steps ---- */

static void send_media(unsigned from, bool is_lost) {
	struct datagram *d = space_for(!from);
	struct rtp_out_stats stats;
	if (!d)
		return;
	rtp_session_out_stats(ends[from], 0, &stats);
	uint8_t prefix = (uint8_t)(65530 + stats.packets);
	const struct rtp_sending p = {
		.source = &source,
		.len = BODY,
		.prefix = &prefix,
		.prefix_len = 1,
		.timestamp = (uint32_t)(now / 11111),
		.captured = now,
		.payload_type = 96,
	};
	int len = rtp_session_send(ends[from], 0, &p, d->bytes, sizeof d->bytes, now);
	MUST(len > 0);
	d->len = (size_t)len;
	head += !is_lost;
}

static void output(unsigned from, bool repairs) {
	for (unsigned i = 0; i < 8; i++) {
		struct datagram *d = space_for(!from);
		if (!d)
			return;
		int len = repairs ? rtp_session_repair(ends[from], 0, d->bytes, sizeof d->bytes, now)
		                  : rtp_session_rtcp(ends[from], d->bytes, sizeof d->bytes, now);
		MUST(len >= 0 && (size_t)len <= sizeof d->bytes);
		if (len == 0)
			return;
		d->len = (size_t)len;
		head++;
	}
}

/* Bytes of the input as a datagram. The SSRCs of the streams would hardly ever be guessed. */
static void invent(unsigned choice, bool is_rtcp) {
	uint8_t bytes[256];
	size_t len = target_left(at, end, next_byte());
	if (at + len > end)
		len = (size_t)(end - at);
	unsigned to = choice & 1;
	memcpy(bytes, at, len);
	at += len;
	is_harmed = true;
	if (is_rtcp) {
		if (choice & 2 && len >= 12)
			put_be32(bytes + 8, (to ? 200 : 100) + 1);
		(void)rtp_session_receive_rtcp(ends[to], bytes, len, now);
		return;
	}
	if (choice & 2 && len >= RTP_HEADER)
		put_be32(bytes + 8, (to ? 100 : 200) + 1 + (choice >> 2 & 1));
	struct rtp_received got;
	int result = rtp_session_receive(ends[to], bytes, len, now, &got);
	MUST(result >= 0 || result == SLUICE_MALFORMED || result == SLUICE_NOT_FOUND);
}

static void other(unsigned choice) {
	struct rtp_session *s = ends[choice & 1];
	struct datagram *d = space_for(!(choice & 1));
	struct rtp_event event;
	switch (choice >> 1 & 7) {
	case 0:
		rtp_session_want_keyframe(s, 0);
		break;
	case 1:
		rtp_session_keyframe_came(s, 0, (UINT64_C(1) << 32) + 65530 + next_byte());
		break;
	case 2:
		rtp_session_set_target(s, 0, (uint64_t)next_byte() * 1000);
		break;
	case 3:
		if (d) {
			int len = rtp_session_pad(s, 0, 96, (uint8_t)(1 + next_byte() % 255), 0, d->bytes, sizeof d->bytes, now);
			MUST(len > 0);
			d->len = (size_t)len;
			head++;
			is_harmed = true; /* without RTX the padding takes a number, so the payload's count is another */
		}
		break;
	case 4:
		now += 10 * SLUICE_S;
		break;
	default:
		while (rtp_session_poll(s, &event))
			MUST(event.stream <= 0 || (event.kind == RTP_EVENT_BYE ? ins : outs)[choice & 1] >> event.stream & 1);
	}
	rtp_session_advance(s, now);
}

static void step(uint8_t byte) {
	unsigned choice = byte >> 3;
	switch (byte & 7) {
	case 0:
		send_media(choice & 1, choice & 2);
		break;
	case 1:
		deliver(choice);
		break;
	case 2:
		now += (uint64_t)next_byte() * SLUICE_MS;
		break;
	case 3:
		output(choice & 1, true);
		break;
	case 4:
		output(choice & 1, false);
		break;
	case 5:
		invent(choice, false);
		break;
	case 6:
		invent(choice, true);
		break;
	default:
		if (choice >> 1 == 15)
			change(next_byte());
		else
			other(choice);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size < 1 || size > MOST)
		return 0;
	if (!env)
		MUST(sluice_env_new(NULL, &env) == 0);
	at = data;
	end = data + size;
	now = 5 * SLUICE_S;
	head = tail = 0;
	ins[0] = ins[1] = outs[0] = outs[1] = 0;
	is_harmed = false;
	for (size_t i = 0; i < BODY; i++)
		frame[i] = (uint8_t)(i * 7);
	source = (struct rtp_source){.data = frame, .len = BODY, .refs = 1};
	uint8_t first = next_byte();
	ends[0] = make(100, 200, first & 1, first & 2);
	ends[1] = make(200, 100, first & 1, first & 2);
	while (at < end) {
		step(*at++);
		MUST(rtp_session_check(ends[0]) && rtp_session_check(ends[1]));
	}
	rtp_session_free(ends[0]);
	rtp_session_free(ends[1]);
	MUST(source.refs == 1);
	return 0;
}
