/* Do the network thread and the player's thread share a jitter buffer without a race? Most telling with SAN=thread.
 *
 * Both run freely, a million packets; the player pulls at least once among 1,024 of them. Their time is virtual: the network
 * thread's clock moves with its packets, and the player reads it. A slab is filled with another pattern as soon as it is
 * released, so a player that still read it would notice, and ThreadSanitizer would report it. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "rtp/jitter.h"
#include "sim/memory.h"
#include "sim/rng.h"
#include "suite.h"

#define MS UINT64_C(1000000)
#define PACKETS 1000000
#define SLABS 1024
#define PAYLOAD 16

struct slab {
	struct slab *next;
	uint8_t payload[PAYLOAD];
};

static struct slab slabs[SLABS], *idle;
static uint64_t taken, released;
static struct jitter *j;
static _Atomic uint64_t clock_now = 1000 * MS;
static atomic_bool finished;
static _Atomic uint64_t rounds; /* of the player */

static void release(void *ctx, void *owner) {
	struct slab *s = owner;
	(void)ctx;
	memset(s->payload, 0xDD, sizeof s->payload);
	s->next = idle;
	idle = s;
	released++;
}

/* A frame of four packets; the payload behind VP8's descriptor says the frame and the place. */
static void push(uint32_t number, uint64_t now) {
	struct slab *s = idle;
	uint32_t frame = number / 4, place = number % 4;
	if (!s)
		ck_abort_msg("slabs are not released");
	s->payload[0] = place == 0 ? 0x10 : 0;
	s->payload[1] = 1;
	memcpy(s->payload + 2, &frame, 4);
	memset(s->payload + 6, (int)(frame + place), PAYLOAD - 6);
	struct rtp_packet p = {.sequence = (uint16_t)number, .timestamp = frame * 3000, .marker = place == 3};
	p.payload = s->payload;
	p.payload_len = PAYLOAD;
	idle = s->next;
	if (jitter_push(j, &p, payload_vp8.parse(s->payload, PAYLOAD), s, now) == JITTER_TAKEN) {
		taken++;
		return;
	}
	s->next = idle;
	idle = s;
}

/* On a machine with other work the player may not run for a long time, and a million packets are over soon. */
static void let_the_player_run(void) {
	uint64_t before = atomic_load(&rounds);
	while (atomic_load(&rounds) == before)
		sched_yield();
}

/* Some are lost, some come four packets later, some twice; and from time to time the sequence numbers jump. */
static void *network(void *arg) {
	struct rng r = rng_of(*(const uint64_t *)arg, 0);
	uint64_t now = 1000 * MS;
	uint32_t number = 0, held = 0;
	for (uint32_t i = 0; i < PACKETS; i++, number++) {
		unsigned dice = (unsigned)(rng_next(&r) % 1000);
		now += 8 * MS;
		if (held && number == held + 4) {
			push(held, now);
			held = 0;
		}
		if (dice < 20 && !held)
			held = number;
		else if (dice >= 40)
			push(number, now);
		if (dice >= 990)
			push(number, now);
		if (i % 1000 == 999)
			number += 4 * 2500;
		atomic_store_explicit(&clock_now, now, memory_order_relaxed);
		if (i % 64 == 0)
			sched_yield();
		if (i % 1024 == 0)
			let_the_player_run();
		if (i % 4096 == 0)
			ck_assert(jitter_check(j));
	}
	atomic_store(&finished, true);
	return NULL;
}

struct heard {
	uint64_t units, lost, restarts;
};

static void check_unit(const struct jitter_unit *u, uint32_t *last) {
	uint8_t space[4 * PAYLOAD];
	uint32_t frame;
	bool good = u->count == 4 && jitter_assemble(j, PAYLOAD_ANNEX_B, space, sizeof space) == 4 * (PAYLOAD - 1);
	for (uint32_t place = 0; place < 4; place++) {
		const uint8_t *at = space + place * (PAYLOAD - 1);
		memcpy(&frame, at + 1, 4);
		good &= frame * 3000 == u->timestamp;
		for (int i = 5; i < PAYLOAD - 1; i++)
			good &= at[i] == (uint8_t)(frame + place);
	}
	ck_assert(good);
	ck_assert(*last == 0 || frame > *last);
	*last = frame;
}

static void *player(void *arg) {
	struct heard *heard = arg;
	struct jitter_unit u;
	uint32_t last = 0;
	for (bool more = true; more;) {
		more = !atomic_load(&finished);
		uint64_t now = atomic_load_explicit(&clock_now, memory_order_relaxed);
		enum jitter_pull result;
		while ((result = jitter_pull(j, now, &u)) != JITTER_EMPTY) {
			if (!jitter_check_player(j))
				ck_abort_msg("the player's part does not add up");
			if (result == JITTER_UNIT) {
				check_unit(&u, &last);
				heard->units++;
			} else {
				heard->lost += u.lost;
				heard->restarts += u.restarted;
			}
		}
		atomic_fetch_add(&rounds, 1);
	}
	return NULL;
}

START_TEST(test_two_threads_running_freely) {
	struct memory memory = {0};
	sluice_env_config config = {.allocator = memory_allocator(&memory)};
	sluice_env *env;
	struct heard heard = {0};
	pthread_t threads[2];
	uint64_t seed = 1;
	for (int i = 0; i < SLABS; i++) {
		slabs[i].next = idle;
		idle = &slabs[i];
	}
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	j = jitter_new(env, &(struct jitter_config){.format = &payload_vp8, .release = release});
	ck_assert_int_eq(pthread_create(&threads[0], NULL, network, &seed), 0);
	ck_assert_int_eq(pthread_create(&threads[1], NULL, player, &heard), 0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	/* The threads really took turns: most of what came was played, and the jumps were seen. */
	ck_assert_uint_gt(heard.units, 1000);
	ck_assert_uint_ge(jitter_restarts(j), 900);
	ck_assert_uint_gt(heard.lost, 0);
	ck_assert_uint_gt(heard.restarts, 0);
	jitter_free(j);
	ck_assert_uint_eq(taken, released);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
}
END_TEST

SUITE("jitter, two threads", test_two_threads_running_freely)
