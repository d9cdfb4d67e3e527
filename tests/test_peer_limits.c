/* What a peer makes itself is held to the limit that the other side named. */
#include "sim/caller.h"
#include "sim/peer_host.h"
#include "suite.h"

#define LIMIT 1000
#define OPEN_HEADER 12
#define LABEL_MAX (LIMIT - OPEN_HEADER)

struct watched {
	sluice_channel *channel;
	unsigned opened, closed;
	int error;
};

static void on_open(sluice_channel *ch, void *user) {
	struct watched *w = user;
	(void)ch;
	w->opened++;
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	struct watched *w = user;
	(void)ch;
	(void)lost;
	w->closed++;
	w->error = error;
	w->channel = NULL;
}

/* The label and the protocol share `names` bytes. */
static int open_long(sluice_peer *p, size_t names, bool negotiated, struct watched *w) {
	static char label[4096], protocol[4096];
	*w = (struct watched){0};
	memset(label, 'l', names / 2);
	label[names / 2] = 0;
	memset(protocol, 'p', names - names / 2);
	protocol[names - names / 2] = 0;
	sluice_channel_config config = {
		.label = label,
		.protocol = protocol,
		.negotiated = negotiated,
		.id = negotiated ? 100 : -1,
		.callbacks = {.on_open = on_open, .on_closed = on_closed},
		.user = w,
	};
	return sluice_peer_open_channel(p, &config, &w->channel);
}

/* Two callers; b takes LIMIT bytes a message. */
struct call {
	struct sim sim;
	struct caller *a, *b;
};

static void make_call(struct call *c) {
	sluice_peer_config small;
	sluice_peer_config_init(&small);
	small.sctp.max_message_size = LIMIT;
	sim_init(&c->sim, 1);
	c->a = caller_new(&c->sim, "a", NULL);
	c->b = caller_new(&c->sim, "b", &small);
	caller_join(c->a, c->b, NULL, 0);
}

static void ck_lives(struct call *c) {
	sim_run(&c->sim, c->sim.now + 10 * SLUICE_S);
	ck_assert_int_eq(c->a->state, SLUICE_PEER_CONNECTED);
	ck_assert_int_eq(c->b->state, SLUICE_PEER_CONNECTED);
	unsigned before = c->b->received;
	caller_open(c->a, "still here");
	ck_assert(SIM_UNTIL(&c->sim, c->sim.now + 10 * SLUICE_S, c->b->received == before + 1));
}

START_TEST(test_a_channel_whose_open_proves_too_large_closes_alone) {
	static struct call c;
	struct watched large, fitting, silent;
	make_call(&c);
	ck_assert_int_eq(open_long(c.a->peer, LABEL_MAX + 1, false, &large), 0); /* nobody knows the limit yet */
	ck_assert_int_eq(open_long(c.a->peer, LABEL_MAX, false, &fitting), 0);
	ck_assert_int_eq(open_long(c.a->peer, 4000, true, &silent), 0); /* nothing is sent for it */
	ck_assert(SIM_UNTIL(&c.sim, 10 * SLUICE_S, fitting.opened && silent.opened && large.closed));
	ck_assert_int_eq(large.error, SLUICE_TOO_LARGE);
	ck_assert_uint_eq(large.opened, 0);
	ck_lives(&c);
	ck_assert_uint_eq(fitting.closed + silent.closed, 0);
	ck_assert_uint_eq(c.b->channels, 2); /* the fitting one, and that of ck_lives */
	sim_close(&c.sim);
}
END_TEST

START_TEST(test_a_channel_whose_open_is_too_large_is_not_opened_when_the_limit_is_known) {
	static struct call c;
	struct watched w;
	make_call(&c);
	caller_open(c.a, "hello");
	ck_assert(SIM_UNTIL(&c.sim, 10 * SLUICE_S, c.b->received == 1));
	ck_assert_int_eq(open_long(c.a->peer, LABEL_MAX + 1, false, &w), SLUICE_TOO_LARGE);
	ck_assert_int_eq(open_long(c.a->peer, LABEL_MAX, false, &w), 0);
	ck_assert(SIM_UNTIL(&c.sim, c.sim.now + 10 * SLUICE_S, w.opened));
	ck_lives(&c);
	sim_close(&c.sim);
}
END_TEST

START_TEST(test_a_direct_peer_knows_the_limit_from_its_configuration) {
	static struct sim sim;
	struct watched w;
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.remote_max_message_size = LIMIT;
	sim_init(&sim, 1);
	struct peer_host *a = peer_host_new(&sim, "a", SLUICE_ROLE_CLIENT, &config);
	struct peer_host *b = peer_host_new(&sim, "b", SLUICE_ROLE_SERVER, NULL);
	sim_join(&sim, a->host, b->host, NULL);
	peer_host_start(a, b);
	ck_assert_int_eq(open_long(a->peer, LABEL_MAX + 1, false, &w), SLUICE_TOO_LARGE);
	ck_assert_int_eq(open_long(a->peer, LABEL_MAX, false, &w), 0);
	sim_close(&sim);
}
END_TEST

START_TEST(test_a_message_in_parts_stops_at_a_limit_that_was_lowered_meanwhile) {
	static struct call c;
	static uint8_t part[500];
	make_call(&c);
	caller_open(c.a, "hello");
	ck_assert(SIM_UNTIL(&c.sim, 10 * SLUICE_S, c.b->received == 1));
	int error = sluice_channel_send_begin(c.a->channel, false);
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(sluice_channel_send_part(c.a->channel, part, sizeof part), 0);
	sluice_channels_set_max_message_size(sluice_channel_set_of(c.a->channel), 400);
	ck_assert_int_eq(sluice_channel_send_part(c.a->channel, part, 1), SLUICE_TOO_LARGE);
	sluice_channels_set_max_message_size(sluice_channel_set_of(c.a->channel), LIMIT);
	ck_assert_int_eq(sluice_channel_send_part(c.a->channel, part, sizeof part), 0);
	ck_assert_int_eq(sluice_channel_send_part(c.a->channel, part, 1), SLUICE_TOO_LARGE);
	ck_assert_int_eq(sluice_channel_send_end(c.a->channel), 0);
	ck_assert(SIM_UNTIL(&c.sim, c.sim.now + 10 * SLUICE_S, c.b->received == 2));
	sim_close(&c.sim);
}
END_TEST

/* ---- datagrams ------------------------------------------------------------------------------------------------------- */

static enum link_verdict note_longest(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	size_t *longest = ctx;
	(void)link;
	(void)packet;
	(void)now;
	if (*len > *longest)
		*longest = *len;
	return LINK_PASS;
}

/* Behind a check's attributes and behind a relay's header too no datagram is longer than the MTU. */
static void ck_handshake_fits(uint32_t mtu, bool sped, size_t most) {
	static struct call c;
	size_t longest = 0;
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.mtu = mtu;
	config.offer_sped = sped;
	sim_init(&c.sim, 1);
	c.a = caller_new(&c.sim, "a", &config);
	c.b = caller_new(&c.sim, "b", &config);
	caller_join(c.a, c.b, NULL, 0);
	link_filter(sim_link(&c.sim, c.a->host, c.b->host), note_longest, &longest);
	link_filter(sim_link(&c.sim, c.b->host, c.a->host), note_longest, &longest);
	caller_open(c.a, "hello");
	ck_assert(SIM_UNTIL(&c.sim, 10 * SLUICE_S, c.b->received == 1));
	ck_assert_msg(longest <= most, "MTU %u, %s: a datagram of %zu bytes", mtu, sped ? "embedded" : "plain", longest);
	sim_close(&c.sim);
}

START_TEST(test_handshake_datagrams_leave_room_for_what_carries_them) {
	for (uint32_t mtu = 400; mtu <= 1200; mtu += 50) {
		ck_handshake_fits(mtu, false, mtu - 52);
		ck_handshake_fits(mtu, true, mtu);
	}
}
END_TEST

SUITE("limits of a peer", test_a_channel_whose_open_proves_too_large_closes_alone,
      test_a_channel_whose_open_is_too_large_is_not_opened_when_the_limit_is_known,
      test_a_direct_peer_knows_the_limit_from_its_configuration,
      test_a_message_in_parts_stops_at_a_limit_that_was_lowered_meanwhile,
      test_handshake_datagrams_leave_room_for_what_carries_them)
