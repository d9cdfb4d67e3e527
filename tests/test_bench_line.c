/* Does a line's direction do what it says? Times are literal, so this is the same on any machine: when packets come out, what the
 * queue drops, what the dice lose, and how trains of packets are cut. */
#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "line/train.h"
#include "line/way.h"
#include "suite.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)
#define PACKET 1250 /* bytes: 1 ms at 10 Mbit/s */

static struct line_way way;

static void open_way(struct line_config config) {
	config.rate = config.rate ? config.rate : 10000000;
	ck_assert(line_way_open(&way, &config, 0));
}

static void put(uint32_t count, uint64_t now) {
	struct line_train t = {.len = 100, .count = count, .segment = PACKET, .bytes = count * PACKET};
	uint8_t *room = line_way_room(&way, t.len);
	if (!room) {
		line_way_refuse(&way, &t);
		return;
	}
	memset(room, (int)count, t.len);
	line_way_put(&way, &t, now);
}

/* How many came out by then. */
static uint64_t carried_by(uint64_t now) {
	struct line_run run;
	while (line_way_take(&way, now, &run))
		;
	return way.counters.carried;
}

/* ---- time ---- */

START_TEST(test_a_packet_is_due_when_it_has_left_and_the_delay_is_over) {
	open_way((struct line_config){.delay = 20 * MS});
	put(1, 5 * S);
	ck_assert_uint_eq(line_way_due(&way), 5 * S + 21 * MS);
	ck_assert_uint_eq(carried_by(5 * S + 21 * MS - 1), 0);
	ck_assert_uint_eq(carried_by(5 * S + 21 * MS), 1);
	ck_assert_uint_eq(line_way_due(&way), UINT64_MAX);
	line_way_close(&way);
}
END_TEST

START_TEST(test_packets_leave_one_after_the_other_at_the_rate) {
	open_way((struct line_config){.delay = 50 * MS});
	for (int i = 0; i < 10; i++)
		put(1, 5 * S);
	for (uint64_t i = 1; i <= 10; i++) {
		ck_assert_uint_eq(line_way_due(&way), 5 * S + 50 * MS + i * MS);
		ck_assert_uint_eq(carried_by(5 * S + 50 * MS + i * MS), i);
	}
	/* The line was free again before this one came. */
	put(1, 6 * S);
	ck_assert_uint_eq(line_way_due(&way), 6 * S + 51 * MS);
	line_way_close(&way);
}
END_TEST

START_TEST(test_packets_of_a_train_are_due_one_by_one) {
	struct line_run run;
	open_way((struct line_config){.delay = 50 * MS});
	put(8, 0);
	ck_assert_uint_eq(line_way_due(&way), 51 * MS);
	ck_assert(line_way_take(&way, 53 * MS, &run));
	ck_assert_uint_eq(run.first, 0);
	ck_assert_uint_eq(run.count, 3);
	ck_assert(!line_way_take(&way, 54 * MS - 1, &run));
	ck_assert_uint_eq(line_way_due(&way), 54 * MS);
	ck_assert(line_way_take(&way, S, &run));
	ck_assert_uint_eq(run.first, 3);
	ck_assert_uint_eq(run.count, 5);
	ck_assert_uint_eq(run.memory[99], 8);
	ck_assert_uint_eq(way.counters.carried_bytes, 8 * PACKET);
	line_way_close(&way);
}
END_TEST

/* ---- the queue ---- */

START_TEST(test_the_queue_is_one_round_trip_of_the_rate) {
	open_way((struct line_config){.delay = 10 * MS});
	ck_assert_uint_eq(way.config.queue, 25000);
	line_way_close(&way);
	open_way((struct line_config){.queue = 40000});
	ck_assert_uint_eq(way.config.queue, 40000);
	line_way_close(&way);
}
END_TEST

START_TEST(test_what_finds_no_room_in_the_queue_is_dropped) {
	open_way((struct line_config){.queue = 4 * PACKET + 100});
	for (int i = 0; i < 10; i++)
		put(1, S);
	ck_assert_uint_eq(way.counters.dropped, 6);
	ck_assert_uint_eq(way.counters.longest_queue, 4 * PACKET);
	/* Two have left by then. */
	for (int i = 0; i < 10; i++)
		put(1, S + 2 * MS);
	ck_assert_uint_eq(way.counters.dropped, 14);
	ck_assert_uint_eq(way.counters.longest_queue, 4 * PACKET);
	ck_assert_uint_eq(carried_by(2 * S), 6);
	ck_assert_uint_eq(way.counters.offered, 20);
	line_way_close(&way);
}
END_TEST

START_TEST(test_the_front_of_a_train_finds_room) {
	open_way((struct line_config){.queue = 4 * PACKET + 100});
	put(10, S);
	ck_assert_uint_eq(way.counters.dropped, 6);
	ck_assert_uint_eq(carried_by(2 * S), 4);
	ck_assert_uint_eq(way.counters.carried_bytes, 4 * PACKET);
	put(3, 3 * S);
	ck_assert_uint_eq(carried_by(4 * S), 7);
	line_way_close(&way);
}
END_TEST

START_TEST(test_waits_in_the_queue_are_counted_from_a_time_on) {
	open_way((struct line_config){.queue = 5 * PACKET});
	put(1, S);
	ck_assert_uint_eq(way.waits.count, 0);
	way.waits_from = 2 * S;
	put(1, 2 * S - 1);
	ck_assert_uint_eq(way.waits.count, 0);
	/* One is just leaving. Five of a train find no room, and those that do wait for it and for one another. */
	put(9, 2 * S);
	ck_assert_uint_eq(way.counters.dropped, 5);
	ck_assert_uint_eq(way.waits.count, 4);
	ck_assert_uint_eq(way.waits.sum, (1 + 2 + 3 + 4) * MS - 4);
	ck_assert_uint_eq(way.waits.max, 4 * MS - 1);
	put(1, 3 * S);
	ck_assert_uint_eq(way.waits.count, 5);
	ck_assert_uint_eq(way.waits.min, 0);
	line_way_close(&way);
}
END_TEST

/* ---- the dice ---- */

/* Which of 10,000 packets come out, one a bit; `together` of them in each train. */
static uint64_t lost_of(uint64_t seed, unsigned direction, double loss, uint32_t together, uint8_t came[10000]) {
	struct line_config config = {.rate = 1000000000, .queue = 1000000, .loss = loss, .seed = seed};
	struct line_run run;
	memset(came, 0, 10000);
	ck_assert(line_way_open(&way, &config, direction));
	for (uint32_t i = 0; i < 10000; i += together) {
		put(together, i * MS);
		while (line_way_take(&way, (i + together) * MS, &run))
			memset(came + i + run.first, 1, run.count);
	}
	line_way_close(&way);
	ck_assert_uint_eq(way.counters.carried + way.counters.lost, 10000);
	ck_assert_uint_eq(way.counters.dropped, 0);
	return way.counters.lost;
}

START_TEST(test_a_seed_loses_the_same_packets_in_each_run) {
	static uint8_t first[10000], again[10000], other[10000];
	uint64_t lost = lost_of(7, 0, 0.01, 1, first);
	ck_assert_uint_ge(lost, 60);
	ck_assert_uint_le(lost, 140);
	ck_assert_uint_eq(lost_of(7, 0, 0.01, 1, again), lost);
	ck_assert_mem_eq(first, again, sizeof first);
	/* In trains, too. */
	ck_assert_uint_eq(lost_of(7, 0, 0.01, 40, again), lost);
	ck_assert_mem_eq(first, again, sizeof first);
	/* Another seed and the other direction have dice of their own. */
	lost_of(8, 0, 0.01, 1, other);
	ck_assert_mem_ne(first, other, sizeof first);
	lost_of(7, 1, 0.01, 1, other);
	ck_assert_mem_ne(first, other, sizeof first);
}
END_TEST

START_TEST(test_nothing_and_everything_can_be_lost) {
	static uint8_t came[10000];
	ck_assert_uint_eq(lost_of(1, 0, 0, 5, came), 0);
	ck_assert_uint_eq(lost_of(1, 0, 1, 5, came), 10000);
}
END_TEST

/* ---- the ring ---- */

START_TEST(test_the_ring_goes_round_and_keeps_every_packet) {
	uint32_t random = 1;
	struct line_run run;
	open_way((struct line_config){.rate = 1000000000, .delay = MS, .queue = 1000000});
	for (uint64_t i = 0; i < 200000; i++) {
		random = random * 1664525 + 1013904223;
		uint32_t len = 16 + (random >> 16) % 2000;
		struct line_train t = {.len = len, .count = 1, .segment = 20, .bytes = 20};
		uint8_t *room = line_way_room(&way, 65600);
		ck_assert_ptr_nonnull(room);
		memset(room, (int)(len % 251), len);
		line_way_put(&way, &t, i * 1000);
		while (line_way_take(&way, i * 1000, &run)) {
			ck_assert_uint_eq(run.memory[0], run.len % 251);
			ck_assert_uint_eq(run.memory[run.len - 1], run.len % 251);
		}
	}
	ck_assert_uint_eq(carried_by(S), 200000);
	line_way_close(&way);
}
END_TEST

START_TEST(test_a_full_ring_drops_and_goes_on) {
	open_way((struct line_config){.rate = 100000000000, .queue = 1000000000});
	way.size = 100000; /* of what was allocated */
	for (int i = 0; i < 2000; i++)
		put(1, S);
	uint64_t dropped = way.counters.dropped;
	ck_assert_uint_gt(dropped, 0);
	ck_assert_uint_eq(carried_by(2 * S), 2000 - dropped);
	put(1, 3 * S);
	ck_assert_uint_eq(carried_by(4 * S), 2001 - dropped);
	ck_assert_uint_eq(way.counters.dropped, dropped);
	line_way_close(&way);
}
END_TEST

/* ---- trains ---- */

#define VNET sizeof(struct virtio_net_hdr)

/* A train of payloads 0, 1, 2, ... of `each` bytes, `len` bytes in all. */
static size_t make_train(uint8_t *p, uint16_t each, size_t len) {
	struct virtio_net_hdr head = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = 5, .gso_size = each, .hdr_len = 28};
	const uint8_t ip[20] = {0x45, 0, 0, 0, 0x12, 0xff, 0x40, 0, 64, 17, 0, 0, 10, 98, 0, 1, 10, 98, 0, 2};
	const uint8_t udp[8] = {0x13, 0x88, 0x13, 0x89};
	memcpy(p, &head, VNET);
	memcpy(p + VNET, ip, sizeof ip);
	memcpy(p + VNET + 20, udp, sizeof udp);
	for (size_t i = 0; i < len; i++)
		p[VNET + 28 + i] = (uint8_t)(i / each);
	return VNET + 28 + len;
}

static uint32_t sum_of(const uint8_t *p, size_t len) {
	uint32_t sum = 0;
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

START_TEST(test_a_train_says_how_many_packets_it_has) {
	uint8_t memory[8192];
	struct line_train t;
	size_t len = make_train(memory, 1000, 3500);
	ck_assert(line_train_read(&t, memory, len));
	ck_assert_uint_eq(t.count, 4);
	ck_assert_uint_eq(t.segment, 1028);
	ck_assert_uint_eq(t.bytes, 3500 + 4 * 28);
	len = make_train(memory, 0xffff, 3500);
	memory[1] = 0; /* gso_type */
	ck_assert(line_train_read(&t, memory, len));
	ck_assert_uint_eq(t.count, 1);
	ck_assert_uint_eq(t.bytes, 3528);
	/* IPv6, and what is cut off. */
	memory[VNET] = 0x60;
	ck_assert(!line_train_read(&t, memory, len));
	memory[VNET] = 0x4f;
	ck_assert(!line_train_read(&t, memory, VNET + 67));
	ck_assert(!line_train_read(&t, memory, 3));
}
END_TEST

START_TEST(test_a_part_of_a_train_has_headers_of_its_own) {
	uint8_t memory[8192], heads[LINE_HEADS_MAX];
	struct iovec pieces[2];
	struct virtio_net_hdr head;
	size_t len = make_train(memory, 1000, 3500);
	const struct line_run run = {.memory = memory, .len = len, .first = 2, .count = 2};
	line_train_cut(&run, heads, pieces);
	ck_assert_uint_eq(pieces[0].iov_len, VNET + 28);
	ck_assert_uint_eq(pieces[1].iov_len, 1500);
	ck_assert_uint_eq(*(const uint8_t *)pieces[1].iov_base, 2);
	memcpy(&head, heads, VNET);
	ck_assert_uint_eq(head.gso_type, 5);
	ck_assert_uint_eq(head.gso_size, 1000);
	const uint8_t *ip = heads + VNET;
	ck_assert_uint_eq(ip[2] << 8 | ip[3], 1528);
	ck_assert_uint_eq(ip[4] << 8 | ip[5], 0x1301); /* two packets after 0x12ff */
	ck_assert_uint_eq(sum_of(ip, 20), 0xffff);
	ck_assert_uint_eq(ip[24] << 8 | ip[25], 1508);
	/* 10.98.0.1 and 10.98.0.2, UDP, 1508 bytes. */
	ck_assert_uint_eq(ip[26] << 8 | ip[27], 0x0a62 + 0x0001 + 0x0a62 + 0x0002 + 17 + 1508);
}
END_TEST

START_TEST(test_a_single_packet_of_a_train_is_no_train) {
	uint8_t memory[8192], heads[LINE_HEADS_MAX];
	struct iovec pieces[2];
	struct virtio_net_hdr head;
	size_t len = make_train(memory, 1000, 3500);
	for (uint32_t i = 0; i < 4; i++) {
		const struct line_run run = {.memory = memory, .len = len, .first = i, .count = 1};
		line_train_cut(&run, heads, pieces);
		memcpy(&head, heads, VNET);
		ck_assert_uint_eq(head.gso_type, 0);
		ck_assert_uint_eq(head.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		ck_assert_uint_eq(pieces[1].iov_len, i < 3 ? 1000 : 500);
		ck_assert_uint_eq(*(const uint8_t *)pieces[1].iov_base, i);
	}
	/* All of it stays as it came. */
	const struct line_run all = {.memory = memory, .len = len, .first = 0, .count = 4};
	line_train_cut(&all, heads, pieces);
	ck_assert_mem_eq(heads, memory, VNET + 28);
	ck_assert_uint_eq(pieces[1].iov_len, 3500);
}
END_TEST

SUITE("bench_line", test_a_packet_is_due_when_it_has_left_and_the_delay_is_over,
      test_packets_leave_one_after_the_other_at_the_rate, test_packets_of_a_train_are_due_one_by_one,
      test_the_queue_is_one_round_trip_of_the_rate, test_what_finds_no_room_in_the_queue_is_dropped,
      test_the_front_of_a_train_finds_room, test_waits_in_the_queue_are_counted_from_a_time_on,
      test_a_seed_loses_the_same_packets_in_each_run, test_nothing_and_everything_can_be_lost,
      test_the_ring_goes_round_and_keeps_every_packet, test_a_full_ring_drops_and_goes_on,
      test_a_train_says_how_many_packets_it_has, test_a_part_of_a_train_has_headers_of_its_own,
      test_a_single_packet_of_a_train_is_no_train)
