/* What a driver of a sluice_media calls beside the verbs: the wake hook and the hints. */
#include "sluice/media.h"
#include "suite.h"

#define NOW SLUICE_S

/* A session with keys, a sender of G.711 and, in the other direction, a receiver. */
struct desk {
	sluice_env *env;
	sluice_media *media;
	sluice_track *sender, *receiver;
	unsigned woken;
};

static void woken(void *ctx) {
	++*(unsigned *)ctx;
}

static void begin(struct desk *d) {
	static const sluice_codec_config pcmu = {.codec = SLUICE_CODEC_PCMU, .payload_type = 0};
	const sluice_track_config config = {.kind = SLUICE_AUDIO, .codecs = &pcmu, .codec_count = 1};
	*d = (struct desk){0};
	ck_assert_int_eq(sluice_env_new(NULL, &d->env), 0);
	ck_assert_int_eq(sluice_media_new(d->env, NULL, &d->media), 0);
	ck_assert_int_eq(sluice_media_add_sender(d->media, &config, &d->sender), 0);
	ck_assert_int_eq(sluice_media_add_receiver(d->media, &config, &d->receiver), 0);
}

static void end(struct desk *d) {
	sluice_media_free(d->media);
	sluice_env_free(d->env);
}

static void send_frame(struct desk *d, uint64_t timestamp) {
	const sluice_frame frame = {.data = (const uint8_t *)"sound", .len = 5, .timestamp = timestamp};
	ck_assert_int_eq(sluice_track_send_frame(d->sender, &frame), 0);
}

/* Returns how many datagrams came out. */
static int output_all(struct desk *d, uint64_t now) {
	uint8_t space[4000];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	int all = 0;
	for (int n; (n = sluice_media_output(d->media, &b, now)) > 0;)
		all += n;
	return all;
}

START_TEST(test_the_hook_is_called_once_until_the_next_output) {
	struct desk d;
	begin(&d);
	ck_assert_int_eq(sluice_media_set_keys(d.media, SLUICE_SRTP_NONE, NULL, NULL), 0);
	sluice_media_advance(d.media, NOW);
	output_all(&d, NOW);
	sluice_media_set_wake(d.media, woken, &d.woken);
	ck_assert_uint_eq(d.woken, 0);
	send_frame(&d, 0);
	send_frame(&d, 20 * SLUICE_MS);
	ck_assert_uint_eq(d.woken, 1);
	ck_assert_int_ge(output_all(&d, NOW), 2);
	send_frame(&d, 40 * SLUICE_MS);
	ck_assert_uint_eq(d.woken, 2);
	output_all(&d, NOW);
	sluice_media_set_wake(d.media, NULL, NULL);
	send_frame(&d, 60 * SLUICE_MS);
	ck_assert_uint_eq(d.woken, 2);
	end(&d);
}
END_TEST

static void hint(const struct desk *d) {
	for (unsigned turns = 0; turns <= 10; turns++)
		sluice_media_prefetch(d->media, turns);
	sluice_media_prefetch(d->media, UINT32_MAX);
	sluice_track_prefetch(d->sender);
	sluice_track_prefetch(d->receiver);
}

/* Before the keys, between frames, and when the tracks have ended: whatever is asked for is there, or is not read. */
START_TEST(test_hints_change_nothing) {
	struct desk hinted, plain;
	sluice_media_stats a, b;
	begin(&hinted);
	begin(&plain);
	hint(&hinted);
	ck_assert_int_eq(sluice_media_set_keys(hinted.media, SLUICE_SRTP_NONE, NULL, NULL), 0);
	ck_assert_int_eq(sluice_media_set_keys(plain.media, SLUICE_SRTP_NONE, NULL, NULL), 0);
	for (uint64_t ms = 0; ms < 200; ms += 20) {
		uint64_t now = NOW + ms * SLUICE_MS;
		sluice_media_advance(hinted.media, now);
		sluice_media_advance(plain.media, now);
		hint(&hinted);
		send_frame(&hinted, ms * SLUICE_MS);
		send_frame(&plain, ms * SLUICE_MS);
		hint(&hinted);
		ck_assert_int_eq(output_all(&hinted, now), output_all(&plain, now));
	}
	sluice_media_stats_get(hinted.media, &a);
	sluice_media_stats_get(plain.media, &b);
	ck_assert_uint_eq(a.packets_sent, b.packets_sent);
	ck_assert_uint_ge(a.packets_sent, 10);
	sluice_media_remove(hinted.media, hinted.sender);
	sluice_media_remove(hinted.media, hinted.receiver);
	hint(&hinted);
	end(&hinted);
	end(&plain);
}
END_TEST

SUITE("media_hooks", test_the_hook_is_called_once_until_the_next_output, test_hints_change_nothing)
