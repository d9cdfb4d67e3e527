/* loop_kit: peers by offer and answer on loops, for the tests of the driver: two ends that hand each other descriptions and
 * candidates as a signalling server would, and count what happens to them. */
#ifndef TESTS_LOOP_KIT_H
#define TESTS_LOOP_KIT_H

#include <check.h>

#include "loop/loop.h"

struct kit_end {
	sluice_env *env;
	sluice_loop *loop;
	sluice_peer *peer;
	sluice_channel *ch;
	struct kit_end *other;
	bool described; /* the other side's description is set */
	bool echo, free_at_message, free_when_over;
	unsigned callbacks,
		free_at_callback; /* the peer is freed in its callback of this number, whichever that is; 0: in none */
	bool (*keep_candidate)(const char *candidate); /* NULL: all are told to the other side */
	unsigned opened, messages, connected, over, candidates, end_of_candidates;
	uint64_t bytes;
	enum sluice_peer_state state;
	enum sluice_ice_state ice_state;
	char last_candidate[600];
};

/* A peer with the kit's callbacks; config may bring more (NULL: none). It has no driver yet. */
void kit_end_init(struct kit_end *e, sluice_env *env, sluice_loop *loop, const sluice_peer_config *config);
void kit_end_free(struct kit_end *e);

/* With the kit's callbacks. */
void kit_open_channel(struct kit_end *e);
/* Offer from a, which opens a channel; answer from b. Both have their drivers. */
void kit_negotiate(struct kit_end *a, struct kit_end *b);
/* New ICE credentials on both sides. */
void kit_restart(struct kit_end *a, struct kit_end *b);
void kit_send(struct kit_end *e, size_t count, size_t size);

/* The whole life of a connection between two ends that have their drivers: a offers, messages pass both ways, b's other side
 * closes. It ends when all of that happened, or when the victim (one of the two) is gone. */
void kit_live(struct kit_end *a, struct kit_end *b, struct kit_end *victim);

/* Runs until the condition holds; fails when it does not within ten seconds. */
#define KIT_RUN_UNTIL(loop, condition)                                                                                           \
	do {                                                                                                                     \
		uint64_t kit_limit = sluice_now() + 10 * SLUICE_S;                                                               \
		while (!(condition)) {                                                                                           \
			ck_assert_msg(sluice_now() < kit_limit, "not within ten seconds: " #condition);                          \
			ck_assert(ev_run(sluice_loop_ev(loop), EVRUN_ONCE) || (condition));                                      \
			ck_assert(loop_check(loop));                                                                             \
		}                                                                                                                \
	} while (0)

static inline bool kit_is_open(const struct kit_end *a, const struct kit_end *b) {
	return a->opened && b->opened;
}

#endif
