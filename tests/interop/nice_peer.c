/* nice_peer: libnice's ICE under our DTLS, association and channels. It is driven like `sluice echo --stdio`: descriptions are
 * JSON lines with the candidates inside. It proves that our ICE and libnice's find each other: what the other end sends comes
 * back only over the path that the two agreed on.
 *
 *   nice_peer [--stun ADDRESS:PORT] --offer|--answer
 *
 * It echoes every message on every channel, opens "echo" when it offers, and ends when stdin does. */
#include <agent.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice.h"

struct end {
	bool offers;
	GMainLoop *main;
	NiceAgent *agent;
	guint stream, timer;
	bool ready, gathered, heard, said;
	sluice_env *env;
	sluice_peer *peer;
	sluice_path path; /* our peer knows one, which never changes: the agent below picks the real one */
};

static void give_up(const char *what) {
	fprintf(stderr, "nice_peer: %s\n", what);
	exit(1);
}

/* ---- the channels: everything comes back --------------------------------------------------------------------------- */

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)user;
	const char *data = sluice_message_data(m);
	int error = text ? sluice_channel_send_text(ch, data, m->len) : sluice_channel_send(ch, data, m->len);
	if (error)
		give_up(sluice_error_text(error));
}

static void prepare(sluice_channel *ch) {
	/* It never says WOULD_BLOCK: the tests send less than this. */
	sluice_channel_set_high_water(ch, 256 << 20);
	sluice_channel_set_callbacks(ch, &(sluice_channel_callbacks){.on_message = on_message}, NULL);
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	(void)user;
	prepare(ch);
}

/* ---- our peer's verbs over the agent --------------------------------------------------------------------------------- */

static void drive(struct end *e);

static gboolean on_deadline(gpointer user) {
	struct end *e = user;
	e->timer = 0;
	sluice_peer_advance(e->peer, sluice_now());
	drive(e);
	return G_SOURCE_REMOVE;
}

static void wait_for_deadline(struct end *e) {
	uint64_t now = sluice_now(), deadline = sluice_peer_deadline(e->peer);
	if (e->timer)
		g_source_remove(e->timer);
	e->timer = 0;
	if (deadline != SLUICE_NEVER)
		e->timer = g_timeout_add(deadline > now ? (guint)((deadline - now + SLUICE_MS - 1) / SLUICE_MS) : 0, on_deadline,
		                         e);
}

static void drive(struct end *e) {
	static uint8_t space[65536];
	sluice_peer_dispatch(e->peer);
	for (;;) {
		sluice_batch batch = {.data = space, .capacity = sizeof space};
		if (sluice_peer_output(e->peer, &batch, sluice_now()) <= 0)
			break;
		for (size_t i = 0; i < batch.count; i++)
			nice_agent_send(e->agent, e->stream, 1, (guint)sluice_batch_slot_len(&batch, i),
			                (char *)sluice_batch_slot(&batch, i));
	}
	wait_for_deadline(e);
}

static void on_datagram(NiceAgent *agent, guint stream, guint component, guint length, gchar *data, gpointer user) {
	(void)agent;
	(void)stream;
	(void)component;
	struct end *e = user;
	sluice_datagram datagram = {(uint8_t *)data, length, NULL};
	sluice_peer_input(e->peer, &e->path, &datagram, 1, sluice_now());
	drive(e);
}

static void make_peer(struct end *e) {
	struct sockaddr_in nowhere = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	/* We offer as actpass, and whom the tests pair us with answers as active. */
	config.role = e->offers ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT;
	memcpy(&e->path.remote, &nowhere, sizeof nowhere);
	e->path.remote_len = sizeof nowhere;
	config.path = e->path;
	config.on_channel = on_channel;
	config.user = e;
	if (sluice_env_new(NULL, &e->env) || sluice_peer_new(e->env, &config, &e->peer))
		give_up("no peer");
	sluice_channel *ch;
	if (e->offers) {
		if (sluice_peer_open_channel(e->peer, &(sluice_channel_config){.label = "echo", .id = -1}, &ch))
			give_up("no channel");
		prepare(ch);
	}
}

static void on_component_state(NiceAgent *agent, guint stream, guint component, guint state, gpointer user) {
	(void)agent;
	(void)stream;
	(void)component;
	struct end *e = user;
	if (state == NICE_COMPONENT_STATE_FAILED)
		give_up("libnice found no path");
	if (e->ready || (state != NICE_COMPONENT_STATE_CONNECTED && state != NICE_COMPONENT_STATE_READY))
		return;
	e->ready = true;
	sluice_peer_start(e->peer);
	drive(e);
}

/* ---- descriptions ---------------------------------------------------------------------------------------------------- */

/* Once all candidates are there, and for an answer the offer too. */
static void say_when_due(struct end *e) {
	if (e->said || !e->gathered || (!e->offers && !e->heard))
		return;
	e->said = true;
	sluice_fingerprint fingerprint;
	char text[SLUICE_FINGERPRINT_MAX];
	gchar *ufrag, *pwd;
	sluice_peer_local_fingerprint(e->peer, SLUICE_SHA256, &fingerprint);
	sluice_fingerprint_format(&fingerprint, text, sizeof text);
	if (!nice_agent_get_local_credentials(e->agent, e->stream, &ufrag, &pwd))
		give_up("no credentials");
	GString *sdp = g_string_new("");
	g_string_printf(sdp,
	                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
	                "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:%s\r\n"
	                "a=ice-pwd:%s\r\na=fingerprint:%s\r\na=setup:%s\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n",
	                ufrag, pwd, text, e->offers ? "actpass" : "active");
	GSList *candidates = nice_agent_get_local_candidates(e->agent, e->stream, 1);
	for (GSList *i = candidates; i; i = i->next) {
		gchar *line = nice_agent_generate_local_candidate_sdp(e->agent, i->data);
		g_string_append_printf(sdp, "%s\r\n", line);
		g_free(line);
	}
	g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
	json_t *line = json_pack("{ssss}", "type", e->offers ? "offer" : "answer", "sdp", sdp->str);
	json_dumpf(line, stdout, JSON_COMPACT);
	printf("\n");
	fflush(stdout);
	json_decref(line);
	g_string_free(sdp, TRUE);
	g_free(ufrag);
	g_free(pwd);
}

static void on_gathered(NiceAgent *agent, guint stream, gpointer user) {
	(void)agent;
	(void)stream;
	struct end *e = user;
	e->gathered = true;
	say_when_due(e);
}

/* What stands behind "a=name:", or NULL. */
static const char *value_of(const char *line, const char *name) {
	size_t length = strlen(name);
	return strncmp(line, "a=", 2) == 0 && strncmp(line + 2, name, length) == 0 && line[2 + length] == ':' ? line + 3 + length
	                                                                                                      : NULL;
}

static void hear(struct end *e, const char *sdp) {
	gchar **lines = g_strsplit(sdp, "\r\n", -1);
	const char *ufrag = NULL, *pwd = NULL, *value;
	GSList *candidates = NULL;
	for (gchar **l = lines; *l; l++) {
		sluice_fingerprint fingerprint;
		if ((value = value_of(*l, "ice-ufrag")))
			ufrag = value;
		else if ((value = value_of(*l, "ice-pwd")))
			pwd = value;
		else if ((value = value_of(*l, "fingerprint")) && sluice_fingerprint_parse(value, &fingerprint) == 0)
			sluice_peer_set_remote_fingerprint(e->peer, &fingerprint);
		else if (value_of(*l, "candidate")) {
			NiceCandidate *c = nice_agent_parse_remote_candidate_sdp(e->agent, e->stream, *l);
			if (c)
				candidates = g_slist_append(candidates, c);
		}
	}
	if (!ufrag || !pwd || !nice_agent_set_remote_credentials(e->agent, e->stream, ufrag, pwd))
		give_up("the description has no credentials");
	nice_agent_set_remote_candidates(e->agent, e->stream, 1, candidates);
	g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
	g_strfreev(lines);
	e->heard = true;
	say_when_due(e);
}

static gboolean on_input(GIOChannel *input, GIOCondition condition, gpointer user) {
	(void)condition;
	struct end *e = user;
	gchar *line = NULL;
	if (g_io_channel_read_line(input, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) {
		g_main_loop_quit(e->main);
		return G_SOURCE_REMOVE;
	}
	json_t *object = json_loads(line, 0, NULL);
	const char *sdp = json_string_value(json_object_get(object, "sdp"));
	if (sdp)
		hear(e, sdp);
	json_decref(object);
	g_free(line);
	return G_SOURCE_CONTINUE;
}

/* ---- main -------------------------------------------------------------------------------------------------------------- */

static void make_agent(struct end *e, char *stun) {
	e->agent = nice_agent_new(g_main_loop_get_context(e->main), NICE_COMPATIBILITY_RFC5245);
	g_object_set(e->agent, "controlling-mode", (gboolean)e->offers, "upnp", FALSE, "ice-tcp", FALSE, NULL);
	char *port = stun ? strrchr(stun, ':') : NULL;
	if (port) {
		*port = 0;
		g_object_set(e->agent, "stun-server", stun, "stun-server-port", (guint)atoi(port + 1), NULL);
	}
	g_signal_connect(e->agent, "candidate-gathering-done", G_CALLBACK(on_gathered), e);
	g_signal_connect(e->agent, "component-state-changed", G_CALLBACK(on_component_state), e);
	e->stream = nice_agent_add_stream(e->agent, 1);
	nice_agent_attach_recv(e->agent, e->stream, 1, g_main_loop_get_context(e->main), on_datagram, e);
}

int main(int argc, char **argv) {
	struct end e = {.main = g_main_loop_new(NULL, FALSE)};
	char *stun = NULL;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--stun") == 0 && i + 1 < argc)
			stun = argv[++i];
		else
			e.offers = strcmp(argv[i], "--offer") == 0;
	}
	make_peer(&e);
	make_agent(&e, stun);
	GIOChannel *input = g_io_channel_unix_new(0);
	g_io_add_watch(input, G_IO_IN | G_IO_HUP, on_input, &e);
	if (!nice_agent_gather_candidates(e.agent, e.stream))
		give_up("libnice gathers nothing");
	g_main_loop_run(e.main);

	g_io_channel_unref(input);
	if (e.timer)
		g_source_remove(e.timer);
	sluice_peer_free(e.peer);
	sluice_env_free(e.env);
	g_object_unref(e.agent);
	g_main_loop_unref(e.main);
	return 0;
}
