/* Memory runs out at each allocation of the negotiations of a connection that is up: tracks come and go, a simulcast, a
 * rollback, a glare and an ICE restart. A call that fails says NO_MEMORY, and the same call works afterwards. In the end all
 * that was agreed on carries frames. */
#include "peer_media_kit.h"

#include "peer/connection.h"
#include "peer/peer.h"
#include "rtp/media/media.h"

static struct av k; /* a test runs in a process of its own */
static struct memory *memory;
static char text[SLUICE_SDP_MAX];

static sluice_peer *a(void) {
	return k.a.caller->peer;
}

static sluice_peer *b(void) {
	return k.b.caller->peer;
}

static void check_both(void) {
	ck_assert(peer_check(a()) && peer_check(b()));
	ck_assert(media_check(a()->media) && media_check(b()->media));
}

/* ---- calls that are made again --------------------------------------------------------------------------------------- */

struct attempt {
	sluice_peer *peer;
	enum sluice_sdp_type type;
	const char *sdp;
};

static int set_local(const struct attempt *t) {
	return sluice_peer_set_local_description(t->peer, t->type, t->sdp);
}

static int set_remote(const struct attempt *t) {
	return sluice_peer_set_remote_description(t->peer, t->type, t->sdp, t->sdp ? strlen(t->sdp) : 0);
}

static int create_offer(const struct attempt *t) {
	int len = sluice_peer_create_offer(t->peer, text, sizeof text);
	return len < 0 ? len : 0;
}

static int create_answer(const struct attempt *t) {
	int len = sluice_peer_create_answer(t->peer, text, sizeof text);
	return len < 0 ? len : 0;
}

static int read_local(const struct attempt *t) {
	int len = sluice_peer_local_description(t->peer, NULL, text, sizeof text);
	return len < 0 ? len : 0;
}

static void must(int (*call)(const struct attempt *t), sluice_peer *p, enum sluice_sdp_type type, const char *sdp) {
	const struct attempt t = {p, type, sdp};
	uint64_t failures = memory->failures;
	int error = call(&t);
	check_both();
	if (error) {
		ck_assert_int_eq(error, SLUICE_NO_MEMORY);
		ck_assert_uint_gt(memory->failures, failures);
		error = call(&t);
		check_both();
	}
	ck_assert_int_eq(error, 0);
}

static struct flow *add(struct av_end *e, enum sluice_media_kind kind, const sluice_transceiver_config *config) {
	sluice_transceiver *t;
	int error = sluice_peer_add_transceiver(e->caller->peer, kind, config, &t);
	if (error == SLUICE_NO_MEMORY)
		error = sluice_peer_add_transceiver(e->caller->peer, kind, config, &t);
	ck_assert_int_eq(error, 0);
	return av_adopt(e, t);
}

static void prefer_vp8(sluice_transceiver *t) {
	ck_assert_int_eq(sluice_transceiver_set_codec_preferences(t, &(sluice_codec_preference){.codec = SLUICE_CODEC_VP8}, 1),
	                 0);
}

/* ---- the negotiations ------------------------------------------------------------------------------------------------ */

static void offer(sluice_peer *from, sluice_peer *to) {
	must(create_offer, from, SLUICE_SDP_OFFER, NULL);
	char *own = strdup(text);
	must(set_local, from, SLUICE_SDP_OFFER, own);
	free(own);
	must(read_local, from, SLUICE_SDP_OFFER, NULL);
	char *sdp = strdup(text);
	must(set_remote, to, SLUICE_SDP_OFFER, sdp);
	free(sdp);
}

static void answer(sluice_peer *from, sluice_peer *to) {
	must(create_answer, from, SLUICE_SDP_ANSWER, NULL);
	must(set_local, from, SLUICE_SDP_ANSWER, NULL);
	must(read_local, from, SLUICE_SDP_ANSWER, NULL);
	char *sdp = strdup(text);
	must(set_remote, to, SLUICE_SDP_ANSWER, sdp);
	free(sdp);
}

static void negotiate_in_want(void) {
	static const sluice_encoding layers[] = {{.rid = "l"}, {.rid = "m"}, {.rid = "h"}};
	static const char *const streams[] = {"one", "two"};
	const sluice_transceiver_config simulcast = {
		.encodings = layers, .encoding_count = 3, .streams = streams, .stream_count = 2};
	sluice_transceiver_stop(k.a.flows[1].transceiver);
	add(&k.a, SLUICE_VIDEO, &simulcast);
	prefer_vp8(add(&k.a, SLUICE_VIDEO, NULL)->transceiver);
	add(&k.b, SLUICE_AUDIO, NULL);
	offer(a(), b());
	must(set_remote, b(), SLUICE_SDP_ROLLBACK, NULL);
	must(set_local, a(), SLUICE_SDP_ROLLBACK, NULL);
	ck_assert_int_eq(sluice_peer_restart_ice(a()), 0);
	offer(a(), b());
	answer(b(), a());
	/* A glare, in which b gives way. */
	must(set_local, b(), SLUICE_SDP_OFFER, NULL);
	ck_assert_int_eq(sluice_transceiver_set_direction(k.a.flows[0].transceiver, SLUICE_SENDONLY), 0);
	offer(a(), b());
	answer(b(), a());
	offer(b(), a());
	answer(a(), b());
}

static bool flows(const struct av_end *e, sluice_transceiver *t) {
	enum sluice_direction d = sluice_transceiver_current_direction(t);
	for (unsigned i = 0; i < e->count; i++)
		if (e->flows[i].transceiver == t)
			return (d != SLUICE_SENDRECV && d != SLUICE_RECVONLY) || e->flows[i].got > 5;
	return false;
}

static void send_all(struct av_end *e) {
	for (unsigned i = 0; i < e->count; i++) {
		e->flows[i].layers = e->flows[i].transceiver ? e->flows[i].transceiver->encoding_count : 1;
		if (e->flows[i].transceiver)
			av_send(&e->flows[i], 20 * SLUICE_MS);
	}
}

static void check_flow(void) {
	struct av_end *all[] = {&k.a, &k.b};
	for (unsigned i = 0; i < 2; i++)
		for (unsigned n = 0; n < all[i]->count; n++)
			all[i]->flows[n].got = 0;
	send_all(&k.a);
	send_all(&k.b);
	av_run(&k, 3 * SLUICE_S);
	for (unsigned i = 0; i < 2; i++) {
		sluice_transceiver *t;
		for (size_t n = 0; (t = sluice_peer_transceiver(all[i]->caller->peer, n)) != NULL; n++)
			ck_assert_msg(flows(all[i], t), "%s: mid %s", i ? "b" : "a", sluice_transceiver_mid(t));
		ck_assert_uint_eq(av_section_count(av_local(all[i])), 4);
	}
}

/* False: there were fewer allocations. */
static bool run(uint64_t n, uint64_t in_a_row, bool at_a) {
	av_begin(&k, NULL);
	k.b.answers = SLUICE_SENDRECV;
	av_send(av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV), 20 * SLUICE_MS);
	av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	av_settle(&k);
	k.a.caller->silent = k.b.caller->silent = true;
	memory = at_a ? &k.a.caller->memory : &k.b.caller->memory;
	memory->fail_at = n;
	memory->fail_for = in_a_row;
	memory->failures = 0;
	negotiate_in_want();
	bool failed = memory->failures > 0;
	memory->fail_at = 0;
	av_run(&k, SLUICE_S);
	check_flow();
	av_end(&k);
	return failed;
}

START_TEST(test_each_allocation_of_later_negotiations_may_fail) {
	uint64_t n = sim_seed(1);
	while (run(n, 1, _i == 0))
		n++;
	ck_assert_uint_gt(n, 20);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {test_each_allocation_of_later_negotiations_may_fail};
	return suite_run_rounds("media, allocation failure in later negotiations", tests, 1, argc > 1 ? argv[1] : NULL, 300, NULL,
	                        2);
}
