/* turn_ends: two peers that may only meet on a relay, on the driver and by the public headers alone:
 *
 *     turn_ends URL USER PASSWORD [AUTHORITIES|any]
 *
 * Each gathers on 127.0.0.1 and keeps but its relayed candidates (relay_only); a megabyte goes there and back. Ten seconds for
 * all of it. With `any`, every certificate is good. Exit status 0 when every byte came and both ends of the path are relayed, 1
 * when no path came to be, 2 for anything else. */
#include <ev.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice.h"

#define MESSAGE 16384
#define MESSAGES 64
#define PATIENCE_S 10.

struct end {
	sluice_loop *loop;
	sluice_peer *peer, *other;
	bool described;
	unsigned candidates, messages;
};

static void must(bool ok, const char *what) {
	if (ok)
		return;
	fprintf(stderr, "turn_ends: %s\n", what);
	exit(2);
}

static void on_candidate(sluice_peer *p, const char *candidate, const char *mid, void *user) {
	struct end *e = user;
	(void)p;
	(void)mid;
	must(!candidate || strstr(candidate, " typ relay"), "a candidate that is no relay's");
	if (e->described)
		must(sluice_peer_add_remote_candidate(e->other, candidate) == 0, "a candidate is refused");
	e->candidates += candidate != NULL;
	if (!candidate && e->candidates == 0)
		sluice_loop_stop(e->loop); /* without a relay there is no path */
}

static void echo(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)text;
	(void)user;
	must(sluice_channel_send(ch, sluice_message_data(m), m->len) == 0, "cannot echo");
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	sluice_channel_set_high_water(ch, 4 << 20);
	sluice_channel_set_callbacks(ch, &(sluice_channel_callbacks){.on_message = echo}, user);
}

static void on_open(sluice_channel *ch, void *user) {
	static uint8_t bytes[MESSAGE];
	(void)user;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	for (int i = 0; i < MESSAGES; i++)
		must(sluice_channel_send(ch, bytes, sizeof bytes) == 0, "cannot send");
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct end *e = user;
	const uint8_t *data = sluice_message_data(m);
	(void)ch;
	must(!text && m->len == MESSAGE, "another message came back");
	for (size_t i = 0; i < m->len; i++)
		must(data[i] == (uint8_t)(i * 7 + i / 256), "other bytes came back");
	if (++e->messages == MESSAGES)
		sluice_loop_stop(e->loop);
}

static void make(struct end *e, sluice_env *env, const sluice_ice_server *server, const char *trust) {
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sluice_gather_config gather = {.size = sizeof gather, .bind = (const struct sockaddr *)&any, .bind_len = sizeof any};
	sluice_peer_config c;
	gather.tls_no_verify = trust && strcmp(trust, "any") == 0;
	gather.tls_ca_file = gather.tls_no_verify ? NULL : trust;
	sluice_peer_config_init(&c);
	c.ice.servers = server;
	c.ice.server_count = 1;
	c.ice.relay_only = true;
	c.on_candidate = on_candidate;
	c.on_channel = on_channel;
	c.user = e;
	must(sluice_peer_new(env, &c, &e->peer) == 0, "no peer");
	must(sluice_loop_gather(e->loop, e->peer, &gather) == 0, "cannot gather");
}

static void hand_over(struct end *from, struct end *to, enum sluice_sdp_type type) {
	static char sdp[SLUICE_SDP_MAX];
	must(sluice_peer_set_local_description(from->peer, type, NULL) == 0, "cannot describe");
	int len = sluice_peer_local_description(from->peer, NULL, sdp, sizeof sdp);
	must(len > 0 && sluice_peer_set_remote_description(to->peer, type, sdp, (size_t)len) == 0, "a description is refused");
	from->described = true;
}

static void on_time(struct ev_loop *ev, ev_timer *w, int events) {
	(void)w;
	(void)events;
	ev_break(ev, EVBREAK_ONE);
}

static void talk(struct end *a, struct end *b) {
	sluice_channel_config channel = {.label = "echo", .id = -1, .user = a};
	sluice_channel *ch;
	ev_timer timer;
	channel.callbacks = (sluice_channel_callbacks){.on_open = on_open, .on_message = on_message};
	a->other = b->peer;
	b->other = a->peer;
	must(sluice_peer_open_channel(a->peer, &channel, &ch) == 0, "no channel");
	sluice_channel_set_high_water(ch, 4 << 20);
	hand_over(a, b, SLUICE_SDP_OFFER);
	hand_over(b, a, SLUICE_SDP_ANSWER);
	ev_timer_init(&timer, on_time, PATIENCE_S, 0.);
	ev_timer_start(sluice_loop_ev(a->loop), &timer);
	sluice_loop_run(a->loop);
}

int main(int argc, char **argv) {
	sluice_env *env;
	struct end a = {0}, b = {0};
	must(argc == 4 || argc == 5, "URL USER PASSWORD [AUTHORITIES|any]");
	const sluice_ice_server server = {.url = argv[1], .username = argv[2], .credential = argv[3]};
	must(sluice_env_new(NULL, &env) == 0 && sluice_loop_new(env, NULL, &a.loop) == 0, "no loop");
	b.loop = a.loop;
	make(&a, env, &server, argv[4]);
	make(&b, env, &server, argv[4]);
	talk(&a, &b);
	sluice_peer_free(a.peer);
	sluice_peer_free(b.peer);
	sluice_loop_free(a.loop);
	sluice_env_free(env);
	if (a.messages < MESSAGES)
		fprintf(stderr, "turn_ends: %u of %d messages came back\n", a.messages, MESSAGES);
	return a.messages == MESSAGES ? 0 : 1;
}
