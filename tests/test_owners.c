/* Whose is it? The pointers that an app gave to a peer, a channel and a track, and the objects that belong to each other. */
#include "sluice/peer.h"
#include "suite.h"

/* Pointers of the app, which nobody follows. */
static char first, second, third, fourth;

/* What came last. */
static struct {
	unsigned negotiations, closed, over;
	void *peer_user, *channel_user;
} seen;

static void on_negotiation_needed(sluice_peer *p, void *user) {
	ck_assert_ptr_eq(sluice_peer_user(p), user);
	seen.negotiations++;
	seen.peer_user = user;
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	ck_assert_ptr_eq(sluice_peer_user(p), user);
	seen.over += state == SLUICE_PEER_CLOSED;
	seen.peer_user = user;
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)error, (void)lost;
	ck_assert_ptr_eq(sluice_channel_user(ch), user);
	seen.closed++;
	seen.channel_user = user;
}

static sluice_peer *peer_of(sluice_env *env) {
	sluice_peer_config config;
	sluice_peer *p;
	sluice_peer_config_init(&config);
	config.user = &first;
	config.on_negotiation_needed = on_negotiation_needed;
	config.on_state = on_state;
	ck_assert_int_eq(sluice_peer_new(env, &config, &p), 0);
	return p;
}

static void verbs(sluice_peer *p, uint64_t now) {
	uint8_t space[4096];
	sluice_peer_advance(p, now);
	sluice_peer_dispatch(p);
	for (sluice_batch b = {.data = space, .capacity = sizeof space}; sluice_peer_output(p, &b, now) > 0;)
		;
	sluice_peer_dispatch(p);
}

START_TEST(test_callbacks_of_a_peer_and_its_channels_get_the_pointers_that_were_set_last) {
	sluice_env *env;
	sluice_channel *ch;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	sluice_peer *p = peer_of(env);
	ck_assert_ptr_eq(sluice_peer_user(p), &first);
	const sluice_channel_config config = {.callbacks = {.on_closed = on_closed}, .user = &third};
	ck_assert_int_eq(sluice_peer_open_channel(p, &config, &ch), 0);
	ck_assert_ptr_eq(sluice_channel_user(ch), &third);
	ck_assert_ptr_eq(sluice_channel_peer(ch), p);
	verbs(p, SLUICE_S);
	ck_assert_uint_eq(seen.negotiations, 1);
	ck_assert_ptr_eq(seen.peer_user, &first);

	sluice_peer_set_user(p, &second);
	ck_assert_ptr_eq(sluice_peer_user(p), &second);
	sluice_channel_set_callbacks(ch, &config.callbacks, &fourth);
	ck_assert_ptr_eq(sluice_channel_user(ch), &fourth);
	sluice_peer_abort(p, NULL);
	verbs(p, 2 * SLUICE_S);
	ck_assert(seen.closed == 1 && seen.over == 1);
	ck_assert_ptr_eq(seen.channel_user, &fourth);
	ck_assert_ptr_eq(seen.peer_user, &second);
	sluice_peer_free(p);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_a_peer_its_transceivers_and_their_tracks_know_each_other) {
	sluice_env *env;
	sluice_transceiver *sound, *picture;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	sluice_peer *p = peer_of(env), *other = peer_of(env);
	const sluice_transceiver_config config = {.user = &third};
	ck_assert_int_eq(sluice_peer_add_transceiver(p, SLUICE_AUDIO, &config, &sound), 0);
	ck_assert_int_eq(sluice_peer_add_transceiver(other, SLUICE_VIDEO, NULL, &picture), 0);
	ck_assert_ptr_eq(sluice_transceiver_peer(sound), p);
	ck_assert_ptr_eq(sluice_transceiver_peer(picture), other);
	sluice_track *tracks[] = {sluice_transceiver_sender(sound), sluice_transceiver_receiver(sound)};
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_eq(sluice_track_transceiver(tracks[i]), sound);
		ck_assert_int_eq(sluice_track_is_sender(tracks[i]), i == 0);
		ck_assert_ptr_eq(sluice_track_user(tracks[i]), &third);
	}
	sluice_track_set_callbacks(tracks[1], &(sluice_track_callbacks){0}, &fourth);
	ck_assert_ptr_eq(sluice_track_user(tracks[1]), &fourth);
	ck_assert_ptr_eq(sluice_track_user(tracks[0]), &third);
	sluice_peer_free(p);
	sluice_peer_free(other);
	sluice_env_free(env);
}
END_TEST

SUITE("owners", test_callbacks_of_a_peer_and_its_channels_get_the_pointers_that_were_set_last,
      test_a_peer_its_transceivers_and_their_tracks_know_each_other)
