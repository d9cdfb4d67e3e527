#include "bench/mouth_to_mouth.h"

#include <netinet/in.h>
#include <string.h>

#define ROUNDS 1000

static void on_open(sluice_channel *ch, void *user) {
	(void)ch;
	((struct mouth *)user)->open++;
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	(void)ch;
	((struct mouth *)user)->open++;
}

static sluice_path address(int side) {
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)(1000 + side)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sluice_path path = {.socket = 1, .remote_len = sizeof a};
	memcpy(&path.remote, &a, sizeof a);
	return path;
}

static bool carry(struct mouth *m, int from) {
	static uint8_t space[65536];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	sluice_datagram d[64];
	sluice_path source = address(from);
	sluice_peer_dispatch(m->peers[from]);
	if (sluice_peer_output(m->peers[from], &b, m->now) <= 0)
		return false;
	for (size_t i = 0; i < b.count && i < 64; i++)
		d[i] = (sluice_datagram){.data = sluice_batch_slot(&b, i), .len = sluice_batch_slot_len(&b, i)};
	sluice_peer_input(m->peers[!from], &source, d, b.count, m->now);
	return true;
}

void mouth_exchange(struct mouth *m) {
	for (bool moved = true; moved;) {
		moved = carry(m, 0);
		moved = carry(m, 1) || moved;
	}
}

static int describe(sluice_peer *from, sluice_peer *to) {
	static char sdp[SLUICE_SDP_MAX];
	enum sluice_sdp_type type;
	int error = sluice_peer_set_local_description(from, 0, NULL);
	int len = error ? error : sluice_peer_local_description(from, &type, sdp, sizeof sdp);
	return len < 0 ? len : sluice_peer_set_remote_description(to, type, sdp, (size_t)len);
}

int mouth_negotiate(sluice_peer *offerer, sluice_peer *answerer) {
	int error = describe(offerer, answerer);
	return error ? error : describe(answerer, offerer);
}

int mouth_connect(struct mouth *m, sluice_env *env, sluice_certificate *certificate, const sluice_peer_config *config) {
	sluice_peer_config c = *config;
	*m = (struct mouth){.env = env, .now = SLUICE_S};
	c.certificate = certificate;
	c.on_channel = on_channel;
	c.user = m;
	for (int i = 0; i < 2; i++) {
		sluice_path a = address(i);
		if (sluice_peer_new(env, &c, &m->peers[i]) ||
		    sluice_peer_add_local_address(m->peers[i], SLUICE_UDP, 1, (struct sockaddr *)&a.remote, a.remote_len, 65535,
		                                  NULL))
			return -1;
	}
	sluice_channel_config channel = {.label = "x", .callbacks = {.on_open = on_open}, .user = m};
	if (sluice_peer_open_channel(m->peers[0], &channel, NULL) || mouth_negotiate(m->peers[0], m->peers[1]))
		return -1;
	for (int i = 0; i < ROUNDS && m->open < 2; i++) {
		mouth_exchange(m);
		m->now += SLUICE_MS;
		sluice_peer_advance(m->peers[0], m->now);
		sluice_peer_advance(m->peers[1], m->now);
	}
	return m->open < 2 ? -1 : 0;
}

void mouth_close(struct mouth *m) {
	sluice_peer_free(m->peers[0]);
	sluice_peer_free(m->peers[1]);
}
