/* loop_kit: peers by offer and answer on loops, for the tests of the driver. Two ends give each other descriptions and
 * candidates, as through a signalling server, and count what happens to them. */
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
	/* Callbacks so far. The peer is freed inside the one with the number free_at_callback; 0: inside none. */
	unsigned callbacks, free_at_callback;
	/* Does the other side get the candidate? NULL: it gets all. */
	bool (*keep_candidate)(const char *candidate);
	unsigned opened, messages, connected, over, candidates, end_of_candidates;
	uint64_t bytes;
	enum sluice_peer_state state;
	enum sluice_ice_state ice_state;
	char last_candidate[600];
};

/* Makes a peer with the kit's callbacks. The rest of its configuration is that of config (NULL: the defaults). It has no driver
 * yet. */
void kit_end_init(struct kit_end *e, sluice_env *env, sluice_loop *loop, const sluice_peer_config *config);
void kit_end_free(struct kit_end *e);

/* Two ends on one loop. */
struct kit_world {
	sluice_env *env;
	sluice_loop *loop;
	struct kit_end a, b;
};

/* Both ends are made by the same configuration. */
void kit_world_init(struct kit_world *w, const sluice_peer_config *config);
/* Frees all of it; nothing may be left behind. */
void kit_world_free(struct kit_world *w);

/* Opens a channel with the kit's callbacks. */
void kit_open_channel(struct kit_end *e);
/* a opens a channel and offers, b answers. Both must have their drivers. */
void kit_negotiate(struct kit_end *a, struct kit_end *b);
/* Restarts ICE: both sides get new credentials. */
void kit_restart(struct kit_end *a, struct kit_end *b);
void kit_send(struct kit_end *e, size_t count, size_t size);

/* Runs the whole life of a connection between two ends with drivers: a offers, messages pass in both directions, the end that is
 * not the victim closes. Returns when all of that happened, or when the victim is freed. */
void kit_live(struct kit_end *a, struct kit_end *b, struct kit_end *victim);

/* Runs until the condition holds; fails after a minute, which is enough where everything takes ten times as long. */
#define KIT_RUN_UNTIL(loop, condition)                                                                                           \
	do {                                                                                                                     \
		uint64_t kit_limit = sluice_now() + 60 * SLUICE_S;                                                               \
		while (!(condition)) {                                                                                           \
			ck_assert_msg(sluice_now() < kit_limit, "not within a minute: " #condition);                             \
			ck_assert(ev_run(sluice_loop_ev(loop), EVRUN_ONCE) || (condition));                                      \
			ck_assert(loop_check(loop));                                                                             \
		}                                                                                                                \
	} while (0)

static inline bool kit_is_open(const struct kit_end *a, const struct kit_end *b) {
	return a->opened && b->opened;
}

#endif
