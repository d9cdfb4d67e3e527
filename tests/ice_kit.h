/* ice_kit: two ICE agents, a and b, in a world of their own, as most tests of ICE begin. Datagrams take RTT / 2. */
#ifndef ICE_KIT_H
#define ICE_KIT_H

#include "suite.h"

#include "sim/ice_world.h"

#define RTT (100 * SLUICE_MS)
#define NEVER SLUICE_NEVER

struct scene {
	struct ice_world w;
	struct ice_agent *a, *b;
	uint64_t start;
	int nats[2]; /* scene_behind: a's and b's */
};

/* Two agents without a socket. */
static inline void scene_init(struct scene *s, struct ice_config a, struct ice_config b) {
	struct memory memory = {0};
	*s = (struct scene){0};
	ice_world_init(&s->w, 1, RTT / 2);
	s->start = s->w.now;
	s->a = ice_world_agent(&s->w, "a", &a, memory);
	s->b = ice_world_agent(&s->w, "b", &b, memory);
}

/* Each gets a socket; they reach each other. */
static inline void scene_side_by_side(struct scene *s) {
	ice_world_socket(&s->w, s->a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_world_socket(&s->w, s->b, "10.0.0.2", 6000, -1, 65535, NULL);
}

/* Each gets a socket behind a NAT of its own. */
static inline void scene_behind(struct scene *s, enum nat_kind a, enum nat_kind b) {
	s->nats[0] = ice_world_nat(&s->w, a, "198.51.100.1", false);
	s->nats[1] = ice_world_nat(&s->w, b, "198.51.100.2", false);
	ice_world_socket(&s->w, s->a, "10.0.0.1", 5000, s->nats[0], 65535, NULL);
	ice_world_socket(&s->w, s->b, "10.1.0.1", 6000, s->nats[1], 65535, NULL);
}

/* Both begin to gather; what needs no server is there at once. */
static inline void scene_gather(struct scene *s) {
	ice_gather(s->a->ice, s->w.now);
	ice_gather(s->b->ice, s->w.now);
	ice_world_settle(&s->w);
}

/* Both gather, with their servers, for five seconds at the most. */
static inline void scene_gather_all(struct scene *s) {
	scene_gather(s);
	ICE_UNTIL(&s->w, s->w.now + 5 * SLUICE_S, s->a->gathered_at != NEVER && s->b->gathered_at != NEVER);
}

/* Each is given what the other has gathered. */
static inline void scene_exchange(struct scene *s) {
	ice_world_give(s->a, s->b);
	ice_world_give(s->b, s->a);
}

static inline bool scene_is_routed(const struct scene *s) {
	return s->a->route_at != NEVER && s->b->route_at != NEVER;
}

/* `count` times, each sends the other one datagram; all of them arrive. */
static inline void scene_talk(struct scene *s, unsigned count) {
	uint64_t a = s->a->data_received, b = s->b->data_received;
	for (unsigned i = 0; i < count; i++) {
		ck_assert(ice_world_send(&s->w, s->a) && ice_world_send(&s->w, s->b));
		ice_world_run(&s->w, s->w.now + SLUICE_S);
	}
	ck_assert_uint_eq(s->a->data_received, a + count);
	ck_assert_uint_eq(s->b->data_received, b + count);
}

#endif
