/* SRTP's packet numbers: do both ends count the wraps of the sequence number alike, whatever is lost, late or repeated, and for
 * how many SSRCs? */
#include "rtp/ssrc_table.h"
#include "srtp_kit.h"

static void with_all(uint32_t streams, void (*check)(struct kit *k)) {
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	kit_each(env, streams, check);
	sluice_env_free(env);
}

static uint64_t highest(struct srtp *s, uint32_t ssrc) {
	const struct ssrc_stream *stream = ssrc_table_find(&s->flow[SRTP_RTP].streams, ssrc);
	ck_assert_ptr_nonnull(stream);
	return stream->window.highest;
}

/* ---- wraps -------------------------------------------------------------------------------------------------------- */

static void check_three_wraps(struct kit *k) {
	uint8_t space[KIT_ROOM];
	for (uint64_t n = 65000; n < 4 * 65536; n += (n & 0xffff) < 65500 && (n & 0xffff) > 30 ? 229 : 1) {
		struct srtp_packet p = kit_send(k, space, 1, (uint16_t)n, 20);
		kit_assert_take(k, &p, SRTP_OK);
		ck_assert_uint_eq(highest(&k->in, 1), n);
		ck_assert_uint_eq(highest(&k->out, 1), n);
		kit_assert_take(k, &p, SRTP_REPLAYED);
	}
	ck_assert_uint_eq(highest(&k->in, 1) >> 16, 3);
}

START_TEST(test_three_wraps_are_counted) {
	with_all(2, check_three_wraps);
}
END_TEST

/* Packets from before and behind the wrap, in an order of chance, one by one or all at once. */
#define AROUND 200

static void protect_around_the_wrap(struct kit *k, uint8_t bytes[AROUND][64], struct srtp_packet *packets) {
	uint32_t random = 5;
	for (size_t i = 0; i < AROUND; i++)
		packets[i] = kit_send(k, bytes[i], 1, (uint16_t)(65536 - AROUND / 2 + i), 20);
	for (size_t i = AROUND - 1; i > 0; i--) {
		random = random * 1664525u + 1013904223u;
		size_t other = (random >> 8) % (i + 1);
		struct srtp_packet p = packets[i];
		packets[i] = packets[other];
		packets[other] = p;
	}
}

static void check_reordering(struct kit *k) {
	static uint8_t bytes[AROUND][64];
	struct srtp_packet packets[AROUND], first;
	uint8_t space[64];
	first = kit_send(k, space, 1, 65000, 20);
	kit_assert_take(k, &first, SRTP_OK);
	protect_around_the_wrap(k, bytes, packets);
	for (size_t i = 0; i < AROUND; i++)
		kit_assert_take(k, &packets[i], SRTP_OK);
	for (size_t i = 0; i < AROUND; i++)
		kit_assert_take(k, &packets[i], SRTP_REPLAYED);
	ck_assert_uint_eq(highest(&k->in, 1), 65536 + AROUND / 2 - 1);
}

static void check_reordering_at_once(struct kit *k) {
	static uint8_t bytes[AROUND][64];
	struct srtp_packet packets[AROUND], first;
	uint8_t space[64];
	first = kit_send(k, space, 1, 65000, 20);
	kit_assert_take(k, &first, SRTP_OK);
	protect_around_the_wrap(k, bytes, packets);
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, packets, AROUND), AROUND);
}

START_TEST(test_packets_may_change_their_order_over_a_wrap) {
	with_all(2, check_reordering);
	with_all(2, check_reordering_at_once);
}
END_TEST

/* ---- the first packet --------------------------------------------------------------------------------------------- */

/* The sender begins at `begin`, and all before `sent` is lost. */
static struct srtp_packet first_packet(struct kit *k, uint8_t *space, uint32_t ssrc, uint32_t begin, uint32_t sent) {
	struct srtp_packet p = {0};
	for (uint32_t n = begin; n <= sent; n += n + 100 < sent ? 100 : 1)
		p = kit_send(k, space, ssrc, (uint16_t)n, 20);
	return p;
}

static void check_first_lost(struct kit *k) {
	uint8_t space[KIT_ROOM];
	struct srtp_packet p = first_packet(k, space, 1, 0xfff0, 0xfff0 + 20);
	kit_assert_take(k, &p, SRTP_OK);
	ck_assert_uint_eq(highest(&k->in, 1), 0x10004);
	kit_assert_take(k, &p, SRTP_REPLAYED);
	for (uint16_t n = 5; n < 50; n++) {
		p = kit_send(k, space, 1, n, 20);
		kit_assert_take(k, &p, SRTP_OK);
	}
	/* One of those before the wrap is late. */
	p = first_packet(k, space, 2, 0xfff0, 0xffff);
	uint8_t late[KIT_ROOM];
	memcpy(late, space, p.len);
	struct srtp_packet behind = kit_send(k, space, 2, 0, 20);
	kit_assert_take(k, &behind, SRTP_OK);
	p.data = late;
	kit_assert_take(k, &p, SRTP_OK);
}

/* The packet of another stream in front of it must not be confused, nor those behind it. */
static void check_first_lost_at_once(struct kit *k) {
	uint8_t space[40][64];
	struct srtp_packet packets[40];
	packets[0] = kit_send(k, space[0], 9, 500, 20);
	packets[1] = kit_send(k, space[1], 9, 501, 20);
	packets[2] = first_packet(k, space[2], 1, 0xfff0, 0xfff0 + 20);
	for (uint16_t i = 3; i < 40; i++)
		packets[i] = kit_send(k, space[i], 1, (uint16_t)(i + 2), 20);
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, packets, 40), 40);
}

static void check_first_far_behind(struct kit *k) {
	uint8_t space[KIT_ROOM];
	struct srtp_packet p = first_packet(k, space, 1, 0xfff0, 0x10000 + 4095);
	kit_assert_take(k, &p, SRTP_OK);
	p = first_packet(k, space, 2, 0xfff0, 0x10000 + 4096);
	kit_assert_take(k, &p, SRTP_FORGED);
	ck_assert_ptr_null(ssrc_table_find(&k->in.flow[SRTP_RTP].streams, 2));
}

START_TEST(test_a_stream_that_begins_at_0xfff0_and_loses_20_is_not_lost) {
	with_all(4, check_first_lost);
	with_all(4, check_first_lost_at_once);
	with_all(4, check_first_far_behind);
}
END_TEST

/* A receiver that joins in the middle of the first turn, whatever the number. */
static void check_any_first(struct kit *k) {
	uint8_t space[KIT_ROOM];
	for (uint32_t first = 0; first < 65536; first += 4095) {
		struct srtp_packet p = kit_send(k, space, first, (uint16_t)first, 20);
		kit_assert_take(k, &p, SRTP_OK);
		p = kit_send(k, space, first, (uint16_t)(first + 1), 20);
		kit_assert_take(k, &p, SRTP_OK);
	}
}

START_TEST(test_a_stream_may_begin_anywhere) {
	with_all(40, check_any_first);
}
END_TEST

/* ---- jumps -------------------------------------------------------------------------------------------------------- */

/* Both ends estimate by the same rule, so a jump of half a turn is understood wherever the sender could send it. RFC 3711,
 * appendix A: from the lower half it leads ahead, from the upper one back. */
static void check_jumps(struct kit *k) {
	uint8_t space[KIT_ROOM];
	static const struct {
		uint32_t ssrc, from, by;
		bool ahead;
	} jumps[] = {
		{1, 100, 0x7fff, true},    {2, 100, 0x8000, true},     {3, 100, 0x8001, true},    {4, 0, 0xffff, true},
		{5, 0x8064, 0x7fff, true}, {6, 0x8064, 0x8000, false}, {7, 0xffff, 0x7fff, true}, {8, 0xffff, 0x8000, false},
	};
	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		uint32_t to = jumps[i].from + jumps[i].by;
		struct srtp_packet p = kit_send(k, space, jumps[i].ssrc, (uint16_t)jumps[i].from, 20);
		kit_assert_take(k, &p, SRTP_OK);
		p.len = kit_rtp(space, jumps[i].ssrc, (uint16_t)to, 20);
		ck_assert_int_eq(srtp_protect_batch(&k->out, &p, 1), 0);
		ck_assert_str_eq(srtp_result_name(p.result), jumps[i].ahead ? "OK" : "OLD");
		if (!jumps[i].ahead)
			continue;
		kit_assert_take(k, &p, SRTP_OK);
		ck_assert_uint_eq(highest(&k->in, jumps[i].ssrc), to);
	}
}

/* The same steps in one batch: each packet is a third of a turn ahead of the one before it. */
static void check_jumps_at_once(struct kit *k) {
	uint8_t space[12][64];
	struct srtp_packet packets[12];
	for (uint32_t i = 0; i < 12; i++)
		packets[i] = kit_send(k, space[i], 1, (uint16_t)(10 + i * 21845), 20);
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, packets, 12), 12);
	ck_assert_uint_eq(highest(&k->in, 1), 10 + 11 * 21845);
}

/* Small steps that add up to more than half a turn within one run. */
static void check_steps_at_once(struct kit *k) {
	uint8_t space[33][64];
	struct srtp_packet packets[33];
	for (uint32_t i = 0; i < 33; i++)
		packets[i] = kit_send(k, space[i], 1, (uint16_t)(10 + i * 4000), 20);
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, packets, 33), 33);
	ck_assert_uint_eq(highest(&k->in, 1), 10 + 32 * 4000);
}

/* Once there are turns to go back to: a number far ahead is estimated from the packets before it in the batch, and those behind
 * it from it. The last one would be within reach of the first. */
static void check_far_in_a_batch(struct kit *k) {
	uint8_t space[6][64];
	struct srtp_packet p[6];
	static const uint32_t numbers[6] = {65000, 70000, 60000, 80000, 110000, 139000};
	for (size_t i = 0; i < 6; i++)
		if (i != 2)
			p[i] = kit_send(k, space[i], 1, (uint16_t)numbers[i], 20);
	kit_assert_take(k, &p[0], SRTP_OK);
	kit_assert_take(k, &p[1], SRTP_OK);
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, p + 3, 3), 3);
	ck_assert_uint_eq(highest(&k->in, 1), 139000);
}

static void check_behind_far_in_a_batch(struct kit *k) {
	uint8_t space[3][64];
	struct srtp_packet p[3];
	p[0] = kit_send(k, space[0], 1, 60000, 20);
	kit_assert_take(k, &p[0], SRTP_OK);
	p[1] = kit_send(k, space[1], 1, (uint16_t)66000, 20);
	p[0] = kit_send(k, space[0], 1, (uint16_t)80000, 20);
	kit_assert_take(k, &p[0], SRTP_OK);
	p[0] = kit_send(k, space[0], 1, (uint16_t)110000, 20);
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, p, 2), 1);
	ck_assert_int_eq(p[0].result, SRTP_OK);
	/* Nearer to 110000 is the number one turn ahead. */
	ck_assert_int_eq(p[1].result, SRTP_FORGED);
}

START_TEST(test_a_jump_of_half_a_turn_is_understood) {
	with_all(2, check_far_in_a_batch);
	with_all(2, check_behind_far_in_a_batch);
	with_all(16, check_jumps);
	with_all(2, check_jumps_at_once);
	with_all(2, check_steps_at_once);
}
END_TEST

/* ---- replay ------------------------------------------------------------------------------------------------------- */

static void check_window(struct kit *k) {
	static uint8_t bytes[1101][48];
	struct srtp_packet packets[1101];
	for (uint16_t i = 0; i <= 1100; i++) {
		packets[i] = kit_send(k, bytes[i], 1, i, 20);
		if (i != 76 && i != 77 && i != 1099)
			kit_assert_take(k, &packets[i], SRTP_OK);
	}
	kit_assert_take(k, &packets[76], SRTP_OLD);
	kit_assert_take(k, &packets[77], SRTP_OK);
	kit_assert_take(k, &packets[77], SRTP_REPLAYED);
	kit_assert_take(k, &packets[1099], SRTP_OK);
	kit_assert_take(k, &packets[1100], SRTP_REPLAYED);
	kit_assert_take(k, &packets[0], SRTP_OLD);
	ck_assert_uint_eq(k->in.counts[SRTP_REPLAYED], 2);
	ck_assert_uint_eq(k->in.counts[SRTP_OLD], 2);
	/* A forged packet does not move the window. */
	struct srtp_packet p = kit_send(k, bytes[0], 1, 5000, 20);
	bytes[0][15] ^= 1;
	kit_assert_take(k, &p, SRTP_FORGED);
	ck_assert_uint_eq(highest(&k->in, 1), 1100);
}

static void check_rtcp_window(struct kit *k) {
	static uint8_t bytes[1101][48];
	struct srtp_packet packets[1101];
	for (size_t i = 0; i <= 1100; i++) {
		packets[i] = kit_protected(k, bytes[i], kit_rtcp(bytes[i], 1, 12));
		if (i != 76 && i != 77)
			kit_assert_take(k, &packets[i], SRTP_OK);
	}
	kit_assert_take(k, &packets[76], SRTP_OLD);
	kit_assert_take(k, &packets[77], SRTP_OK);
	kit_assert_take(k, &packets[77], SRTP_REPLAYED);
}

START_TEST(test_a_packet_1023_behind_is_taken_once_and_one_1024_behind_is_old) {
	with_all(2, check_window);
	with_all(2, check_rtcp_window);
}
END_TEST

static void check_copies(struct kit *k) {
	uint8_t space[4][64];
	struct srtp_packet p[4];
	p[0] = kit_send(k, space[0], 1, 7, 20);
	p[2] = kit_protected(k, space[2], kit_rtcp(space[2], 1, 12));
	for (size_t i = 0; i < 4; i += 2) {
		p[i + 1] = p[i];
		p[i + 1].data = space[i + 1];
		memcpy(space[i + 1], space[i], p[i].len);
	}
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, p, 4), 2);
	ck_assert(p[0].result == SRTP_OK && p[1].result == SRTP_REPLAYED);
	ck_assert(p[2].result == SRTP_OK && p[3].result == SRTP_REPLAYED);
}

START_TEST(test_of_two_copies_in_a_batch_one_is_taken) {
	with_all(2, check_copies);
}
END_TEST

/* ---- the sender --------------------------------------------------------------------------------------------------- */

static void check_no_number_twice(struct kit *k) {
	uint8_t space[KIT_ROOM];
	for (uint16_t i = 0; i < 1100; i++)
		kit_send(k, space, 1, i, 20);
	struct srtp_packet p = {.data = space, .len = kit_rtp(space, 1, 1000, 20)};
	ck_assert_int_eq(srtp_protect_batch(&k->out, &p, 1), 0);
	ck_assert_int_eq(p.result, SRTP_REPLAYED);
	put_be16(space + 2, 0);
	ck_assert_int_eq(srtp_protect_batch(&k->out, &p, 1), 0);
	ck_assert_int_eq(p.result, SRTP_OLD);
}

/* A retransmission without RTX. Not with AES-GCM: the same nonce once more, with one other bit in the header, gives away the key
 * of its authentication. */
static void check_repeats(struct kit *k) {
	uint8_t first[KIT_ROOM], space[KIT_ROOM];
	k->out.repeats = true;
	struct srtp_packet p = kit_send(k, first, 1, 1000, 20);
	kit_send(k, space, 1, 1001, 20);
	struct srtp_packet again = {.data = space, .len = kit_rtp(space, 1, 1000, 20)};
	ck_assert_int_eq(srtp_protect_batch(&k->out, &again, 1), 0);
	ck_assert_int_eq(again.result, k->out.aead ? SRTP_REPLAYED : SRTP_OK);
	if (!k->out.aead)
		ck_assert_mem_eq(space, first, p.len);
}

START_TEST(test_a_sender_uses_no_number_twice) {
	with_all(2, check_no_number_twice);
	with_all(2, check_repeats);
}
END_TEST

/* ---- SSRCs -------------------------------------------------------------------------------------------------------- */

#define MANY 1000

static void check_many(struct kit *k) {
	uint8_t space[KIT_ROOM];
	for (uint32_t n = 65533; n < 65538; n++)
		for (uint32_t ssrc = 1; ssrc <= MANY; ssrc++) {
			struct srtp_packet p = kit_send(k, space, ssrc * 65536, (uint16_t)(n + ssrc % 3), 20);
			kit_assert_take(k, &p, SRTP_OK);
			p = kit_protected(k, space, kit_rtcp(space, ssrc, 4));
			kit_assert_take(k, &p, SRTP_OK);
		}
	for (uint32_t ssrc = 1; ssrc <= MANY; ssrc++)
		ck_assert_uint_eq(highest(&k->in, ssrc * 65536), 65537 + ssrc % 3);
	struct srtp_packet p = {.data = space, .len = kit_rtp(space, 5, 1, 20)};
	ck_assert_int_eq(srtp_protect_batch(&k->out, &p, 1), SLUICE_LIMIT);
	ck_assert_int_eq(p.result, SRTP_REFUSED);
	p = kit_send(k, space, 65536, 20, 20);
	kit_assert_take(k, &p, SRTP_OK);
}

START_TEST(test_1000_ssrcs_have_a_counter_each) {
	with_all(MANY, check_many);
}
END_TEST

/* A receiver with a table of 8, and a sender with more SSRCs. Those that go on are not forgotten for those that come. */
static void check_newcomers(struct kit *k) {
	struct kit other;
	uint8_t space[KIT_ROOM];
	kit_open(&other, k->env, k->config.profile, k->config.backend, MANY);
	for (uint32_t ssrc = 1; ssrc < MANY; ssrc++) {
		struct srtp_packet p = kit_send(&other, space, 0, (uint16_t)(65000 + ssrc), 20);
		kit_assert_take(k, &p, SRTP_OK);
		p = kit_send(&other, space, ssrc, 1, 20);
		kit_assert_take(k, &p, SRTP_OK);
		kit_assert_take(k, &p, SRTP_REPLAYED);
		p = kit_protected(&other, space, kit_rtcp(space, ssrc, 4));
		kit_assert_take(k, &p, SRTP_OK);
	}
	ck_assert_uint_eq(k->in.flow[SRTP_RTP].streams.count, 8);
	ck_assert_uint_eq(highest(&k->in, 0), 65000 + MANY - 1);
	kit_close(&other);
}

START_TEST(test_a_full_receiver_forgets_who_was_silent_for_the_longest_time) {
	with_all(8, check_newcomers);
}
END_TEST

/* Against a list that is searched from one end to the other. */
START_TEST(test_the_table_agrees_with_a_list) {
	sluice_env *env;
	struct ssrc_table t;
	uint32_t list[50] = {0}, used[50] = {0}, count = 0, random = 3;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(ssrc_table_open(&t, env, 50), 0);
	for (uint32_t step = 1; step < 20000; step++) {
		random = random * 1664525u + 1013904223u;
		uint32_t ssrc = random >> 24 << 24, at = 0;
		while (at < count && list[at] != ssrc)
			at++;
		struct ssrc_stream *s = ssrc_table_find(&t, ssrc);
		ck_assert(!s == (at == count));
		if (s) {
			ck_assert_uint_eq(s->ssrc, ssrc);
			ssrc_table_touch(&t, s);
		} else if (count < 50) {
			ck_assert_ptr_nonnull(ssrc_table_add(&t, ssrc));
			at = count++;
		} else {
			ck_assert_ptr_null(ssrc_table_add(&t, ssrc));
			ck_assert_ptr_nonnull(ssrc_table_replace(&t, ssrc));
			for (uint32_t i = at = 0; i < count; i++)
				at = used[i] < used[at] ? i : at;
		}
		list[at] = ssrc;
		used[at] = step;
		ck_assert(ssrc_table_check(&t));
	}
	ssrc_table_close(&t);
	sluice_env_free(env);
}
END_TEST

SUITE("srtp_numbers", test_three_wraps_are_counted, test_packets_may_change_their_order_over_a_wrap,
      test_a_stream_that_begins_at_0xfff0_and_loses_20_is_not_lost, test_a_stream_may_begin_anywhere,
      test_a_jump_of_half_a_turn_is_understood, test_a_packet_1023_behind_is_taken_once_and_one_1024_behind_is_old,
      test_of_two_copies_in_a_batch_one_is_taken, test_a_sender_uses_no_number_twice, test_1000_ssrcs_have_a_counter_each,
      test_a_full_receiver_forgets_who_was_silent_for_the_longest_time, test_the_table_agrees_with_a_list)
