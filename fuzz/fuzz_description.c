/* fuzz_description: can a description, a candidate or a datagram of a stranger break a peer that connects by offer and answer?
 *
 * The input is a script for one peer: each step is a byte that chooses, a length, and that many bytes. The invariants are
 * recounted after every step, our parser must accept our own descriptions, and at the end nothing may be left allocated. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "peer/peer.h"
#include "sdp/sdp.h"

#define STEPS 64

static sluice_certificate *certificate;
static size_t live;

static void *counted_alloc(void *ctx, size_t size) {
	(void)ctx;
	live++;
	return malloc(size);
}

static void counted_free(void *ctx, void *p) {
	(void)ctx;
	live -= p != NULL;
	free(p);
}

static void fixed(void *ctx, void *buf, size_t len) {
	uint32_t *state = ctx;
	for (size_t i = 0; i < len; i++) {
		*state = *state * 1664525u + 1013904223u;
		((uint8_t *)buf)[i] = (uint8_t)(*state >> 24);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
	(void)argc;
	(void)argv;
	MUST(sluice_certificate_generate(&certificate) == 0);
	return 0;
}

/* Our own description must be readable. */
static void judge_own(sluice_env *env, const sluice_peer *p) {
	static char text[SLUICE_SDP_MAX];
	enum sluice_sdp_type type;
	struct sdp *sdp;
	int len = sluice_peer_local_description(p, &type, text, sizeof text);
	if (len <= 0)
		return;
	struct sdp_fault fault = {0};
	int error = sdp_parse(env, text, (size_t)len, &sdp, &fault);
	if (error)
		fprintf(stderr, "line %u: %s in\n%s", fault.line, fault.text, text);
	MUST(error == 0);
	sdp_free(env, sdp);
}

static void drain(sluice_peer *p, uint64_t now) {
	static uint8_t space[65536];
	sluice_request r;
	for (int i = 0; i < 100; i++) {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		sluice_peer_dispatch(p);
		if (sluice_peer_output(p, &b, now) <= 0)
			break;
	}
	while (sluice_peer_poll_request(p, &r))
		if (r.kind == SLUICE_REQUEST_RESOLVE)
			sluice_peer_resolved(p, r.id, NULL, 0);
		else if (r.kind == SLUICE_REQUEST_STREAM)
			sluice_peer_stream_up(p, r.id, UINT32_MAX);
}

static void give_datagram(sluice_peer *p, const uint8_t *bytes, size_t len, uint64_t now) {
	static uint8_t copy[256];
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(5), .sin_addr.s_addr = htonl(0x7f000002)};
	sluice_path path = {.socket = 1, .remote_len = sizeof from};
	if (!len)
		return;
	memcpy(copy, bytes, len);
	memcpy(&path.remote, &from, sizeof from);
	sluice_peer_input(p, &path, &(sluice_datagram){.data = copy, .len = len}, 1, now);
}

/* What the app does with transceivers: the first byte chooses, the second one says with which. */
static void change_media(sluice_peer *p, const uint8_t *bytes) {
	static const sluice_encoding layers[] = {{.rid = "q"}, {.rid = "h"}, {.rid = "f"}};
	static const sluice_codec_preference wish[] = {{.codec = SLUICE_CODEC_AV1}, {.codec = SLUICE_CODEC_VP8}};
	const sluice_transceiver_config config = {.encodings = layers, .encoding_count = bytes[1] % 4};
	sluice_transceiver *t = sluice_peer_transceiver(p, bytes[1] % 8);
	switch (bytes[0] % 6) {
	case 0:
		sluice_peer_add_transceiver(p, SLUICE_VIDEO, &config, NULL);
		break;
	case 1:
		sluice_peer_add_transceiver(p, SLUICE_AUDIO, NULL, NULL);
		break;
	case 2:
		if (t)
			sluice_transceiver_set_direction(t, (enum sluice_direction)(bytes[1] >> 3 & 3));
		break;
	case 3:
		if (t)
			sluice_transceiver_stop(t);
		break;
	case 4:
		if (t)
			sluice_transceiver_set_codec_preferences(t, wish, bytes[1] >> 3 & 3 ? 2 : 0);
		break;
	default:
		if (t && sluice_transceiver_sender(t))
			sluice_track_send_frame(sluice_transceiver_sender(t), &(sluice_frame){.data = bytes, .len = 2});
		break;
	}
}

static void step(sluice_peer *p, unsigned what, const uint8_t *bytes, size_t len, uint64_t *now) {
	char text[256];
	memcpy(text, bytes, len);
	text[len] = 0;
	switch (what % 12) {
	case 0:
		sluice_peer_set_local_description(p, 0, NULL);
		break;
	case 1:
		sluice_peer_set_local_description(p, SLUICE_SDP_ROLLBACK, NULL);
		break;
	case 2:
		sluice_peer_add_remote_candidate(p, text);
		break;
	case 3:
		give_datagram(p, bytes, len, *now);
		break;
	case 4:
		*now += (uint64_t)len * 100 * SLUICE_MS;
		sluice_peer_advance(p, *now);
		break;
	case 5:
		sluice_peer_restart_ice(p);
		break;
	case 6:
		if (len >= 2)
			change_media(p, bytes);
		else
			sluice_peer_open_channel(p, &(sluice_channel_config){.label = "x"}, NULL);
		break;
	case 7:
		sluice_peer_remove_local_address(p, len & 1 ? 1 : 2);
		break;
	case 8:
		if (len > 200)
			sluice_peer_close(p);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	uint32_t dice = 1;
	sluice_allocator allocator = {.alloc = counted_alloc, .free = counted_free};
	sluice_env_config env_config = {.allocator = allocator, .entropy = fixed, .entropy_ctx = &dice};
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(4), .sin_addr.s_addr = htonl(0x7f000001)};
	sluice_peer_config config;
	sluice_env *env;
	sluice_peer *p;
	uint64_t now = SLUICE_S;
	if (size < 2)
		return 0;
	live = 0;
	MUST(sluice_env_new(&env_config, &env) == 0);
	sluice_peer_config_init(&config);
	config.certificate = certificate;
	config.offer_snap = data[0] & 1;
	config.offer_sped = data[0] & 2;
	config.ice.lite = data[0] & 4;
	config.passive = data[0] & 8;
	MUST(sluice_peer_new(env, &config, &p) == 0);
	MUST(sluice_peer_add_local_address(p, SLUICE_UDP, 1, (struct sockaddr *)&local, sizeof local, 65535, NULL) == 0);
	sluice_peer_advance(p, now);
	size_t at = 1;
	for (int i = 0; i < STEPS && at + 2 < size; i++) {
		unsigned what = data[at];
		/* A description takes two bytes of length, everything else one. */
		bool long_one = what % 12 >= 9;
		size_t len = long_one ? (size_t)data[at + 1] << 8 | data[at + 2] : data[at + 1];
		at += long_one ? 3 : 2;
		len = len < size - at ? len : size - at;
		if (long_one)
			sluice_peer_set_remote_description(p,
			                                   what % 12 == 9    ? SLUICE_SDP_OFFER
			                                   : what % 12 == 10 ? SLUICE_SDP_ANSWER
			                                                     : SLUICE_SDP_ROLLBACK,
			                                   (const char *)data + at, len);
		else
			step(p, what, data + at, len, &now);
		at += len;
		MUST(peer_check(p));
		judge_own(env, p);
		drain(p, now);
		MUST(peer_check(p));
	}
	sluice_peer_free(p);
	sluice_env_free(env);
	MUST(live == 0);
	return 0;
}
