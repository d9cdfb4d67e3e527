/* peer: the commands about the connection, and the loop that reads them. */
#include "interop/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- small things ------------------------------------------------------------------------------------------------ */

double wall_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

long long number(const json_t *request, const char *key, long long absent) {
	const json_t *value = json_object_get(request, key);
	return json_is_integer(value) ? json_integer_value(value) : absent;
}

bool flag(const json_t *request, const char *key) {
	return json_is_true(json_object_get(request, key));
}

bool fail(json_t *answer, const char *what, int error) {
	char text[300];
	snprintf(text, sizeof text, "%s: %s (%s)", what, sluice_error_text(error), sluice_error_name(error));
	json_object_set_new(answer, "error", json_string(text));
	return true;
}

static void print_line(json_t *object) {
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

/* ---- what the peer tells ----------------------------------------------------------------------------------------- */

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p;
	struct agent *a = user;
	json_array_append_new(a->states, json_string(sluice_peer_state_name(state)));
	agent_poke(a);
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	channels_take(user, ch);
	agent_poke(user);
}

static void on_gathering_state(sluice_peer *p, enum sluice_gathering_state state, void *user) {
	(void)p;
	(void)state;
	agent_poke(user);
}

static void on_ice_state(sluice_peer *p, enum sluice_ice_state state, void *user) {
	(void)p;
	(void)state;
	agent_poke(user);
}

static void on_candidate(sluice_peer *p, const char *candidate, const char *mid, void *user) {
	(void)p;
	(void)mid;
	struct agent *a = user;
	if (flag(a->options, "trickle"))
		print_line(json_pack("{ss}", "candidate", candidate ? candidate : ""));
}

static void on_log(void *ctx, enum sluice_log_level level, const char *line) {
	(void)ctx;
	(void)level;
	fprintf(stderr, "%s\n", line);
}

/* ---- new --------------------------------------------------------------------------------------------------------- */

#define SERVERS_MAX 4

static size_t read_servers(const json_t *options, sluice_ice_server *servers) {
	const json_t *list = json_object_get(options, "iceServers");
	size_t count = 0;
	for (size_t i = 0; i < json_array_size(list) && count < SERVERS_MAX; i++) {
		const json_t *server = json_array_get(list, i);
		servers[count].url = json_string_value(json_object_get(server, "urls"));
		servers[count].username = json_string_value(json_object_get(server, "username"));
		servers[count++].credential = json_string_value(json_object_get(server, "credential"));
	}
	return count;
}

static int gather(struct agent *a) {
	struct sockaddr_in bind = {.sin_family = AF_INET};
	const char *address = json_string_value(json_object_get(a->options, "bind"));
	sluice_gather_config config = {
		.size = sizeof config,
		.loopback = flag(a->options, "loopback"),
		.tcp = flag(a->options, "tcp"),
		.no_ipv6 = flag(a->options, "ipv4"),
		.mdns_names = flag(a->options, "mdns"),
	};
	if (address && inet_pton(AF_INET, address, &bind.sin_addr) == 1) {
		config.bind = (const struct sockaddr *)&bind;
		config.bind_len = sizeof bind;
	}
	return sluice_loop_gather(a->loop, a->peer, &config);
}

static void drop_peer(struct agent *a) {
	channels_drop_all(a);
	sluice_peer_free(a->peer);
	media_drop_all(a);
	a->peer = NULL;
}

static bool command_new(struct agent *a, json_t *request, json_t *answer) {
	drop_peer(a);
	json_decref(a->options);
	a->options = json_incref(request);
	json_array_clear(a->states);

	sluice_ice_server servers[SERVERS_MAX] = {0};
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.ice.servers = servers;
	config.ice.server_count = read_servers(request, servers);
	config.ice.relay_only = flag(request, "relayOnly");
	config.ice.failed_after = (uint64_t)number(request, "failedAfter", 0) * SLUICE_MS;
	config.ice.disconnected_after = (uint64_t)number(request, "disconnectedAfter", 0) * SLUICE_MS;
	config.passive = flag(request, "passive");
	config.offer_snap = flag(request, "snap");
	config.offer_sped = flag(request, "sped");
	config.on_state = on_state;
	config.on_channel = on_channel;
	config.on_gathering_state = on_gathering_state;
	config.on_ice_state = on_ice_state;
	config.on_candidate = on_candidate;
	config.user = a;
	int error = sluice_peer_new(a->env, &config, &a->peer);
	if (error)
		return fail(answer, "sluice_peer_new", error);
	error = gather(a);
	return error ? fail(answer, "sluice_loop_gather", error) : true;
}

/* ---- descriptions ------------------------------------------------------------------------------------------------ */

/* The local description once it is complete, or at once when candidates follow one by one. */
static bool told(struct agent *a, const json_t *request, json_t *answer) {
	if (!flag(request, "trickle") && sluice_peer_gathering_state(a->peer) != SLUICE_GATHERING_COMPLETE)
		return false;
	static char sdp[SLUICE_SDP_MAX];
	int length = sluice_peer_local_description(a->peer, NULL, sdp, sizeof sdp);
	if (length <= 0)
		return fail(answer, "sluice_peer_local_description", length);
	json_object_set_new(answer, "sdp", json_string(sdp));
	json_object_set_new(answer, "at", json_real(wall_ms()));
	json_object_set(answer, "started", json_object_get(request, "begun"));
	return true;
}

static bool command_offer(struct agent *a, json_t *request, json_t *answer) {
	if (!json_object_get(request, "begun")) {
		json_object_set_new(request, "begun", json_real(wall_ms()));
		int error = flag(request, "restart") ? sluice_peer_restart_ice(a->peer) : 0;
		if (!error)
			error = sluice_peer_set_local_description(a->peer, SLUICE_SDP_OFFER, NULL);
		if (error)
			return fail(answer, "sluice_peer_set_local_description", error);
	}
	return told(a, request, answer);
}

static int take_description(struct agent *a, const json_t *request, enum sluice_sdp_type type, json_t *answer) {
	const json_t *sdp = json_object_get(request, "sdp");
	int error = sluice_peer_set_remote_description(a->peer, type, json_string_value(sdp), json_string_length(sdp));
	if (error) {
		const char *text;
		unsigned line = sluice_peer_description_error(a->peer, &text);
		char what[300];
		snprintf(what, sizeof what, "sluice_peer_set_remote_description, line %u, %s", line, text);
		fail(answer, what, error);
	}
	return error;
}

static bool command_answer(struct agent *a, json_t *request, json_t *answer) {
	if (!json_object_get(request, "begun")) {
		json_object_set_new(request, "begun", json_real(wall_ms()));
		if (take_description(a, request, SLUICE_SDP_OFFER, answer) || media_take(a, request, answer))
			return true;
		int error = sluice_peer_set_local_description(a->peer, SLUICE_SDP_ANSWER, NULL);
		if (error)
			return fail(answer, "sluice_peer_set_local_description", error);
	}
	return told(a, request, answer);
}

static bool command_accept(struct agent *a, json_t *request, json_t *answer) {
	take_description(a, request, SLUICE_SDP_ANSWER, answer);
	return true;
}

static bool command_candidate(struct agent *a, json_t *request, json_t *answer) {
	int error = sluice_peer_add_remote_candidate(a->peer, json_string_value(json_object_get(request, "candidate")));
	return error ? fail(answer, "sluice_peer_add_remote_candidate", error) : true;
}

/* ---- states and statistics --------------------------------------------------------------------------------------- */

/* Waits for one of the states in `any` (of the connection) or `ice`; then all there is to say. */
static bool is_one_of(const json_t *list, const char *name) {
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), name) == 0)
			return true;
	return !list;
}

static bool command_state(struct agent *a, json_t *request, json_t *answer) {
	const char *connection = sluice_peer_state_name(sluice_peer_state(a->peer));
	const char *ice = sluice_ice_state_name(sluice_peer_ice_state(a->peer));
	if (!is_one_of(json_object_get(request, "any"), connection) || !is_one_of(json_object_get(request, "iceAny"), ice))
		return false;
	const char *reason;
	int error = sluice_peer_error(a->peer, &reason);
	json_object_set_new(answer, "connection", json_string(connection));
	json_object_set_new(answer, "ice", json_string(ice));
	json_object_set_new(answer, "signaling", json_string(sluice_signaling_state_name(sluice_peer_signaling_state(a->peer))));
	json_object_set(answer, "states", a->states);
	json_object_set_new(answer, "max_message", json_integer((json_int_t)channels_max_message(a)));
	json_object_set_new(answer, "reason", json_string(error ? reason : ""));
	return true;
}

static json_t *pair_end(const char *type, const char *address, uint16_t port, const char *protocol) {
	return json_pack("{ss?sssiss?}", "type", type, "address", address, "port", port, "protocol", protocol);
}

static bool command_pair(struct agent *a, json_t *request, json_t *answer) {
	(void)request;
	sluice_peer_stats stats;
	sluice_peer_stats_get(a->peer, &stats);
	const sluice_candidate_pair_stats *s = &stats.selected;
	if (!s->local_type)
		return true;
	json_object_set_new(answer, "local", pair_end(s->local_type, s->local_address, s->local_port, s->protocol));
	json_object_set_new(answer, "remote", pair_end(s->remote_type, s->remote_address, s->remote_port, s->protocol));
	return true;
}

static json_t *after_ms(uint64_t ns) {
	return ns == SLUICE_NEVER ? json_null() : json_real((double)ns / 1e6);
}

static bool command_stats(struct agent *a, json_t *request, json_t *answer) {
	(void)request;
	sluice_peer_stats s;
	sluice_peer_stats_get(a->peer, &s);
	json_object_set_new(answer, "snap", json_boolean(s.snap));
	json_object_set_new(answer, "sped", json_boolean(s.sped));
	json_object_set_new(answer, "gathered", after_ms(s.gathered_after));
	json_object_set_new(answer, "checking", after_ms(s.checking_after));
	json_object_set_new(answer, "ice", after_ms(s.ice_connected_after));
	json_object_set_new(answer, "dtls", after_ms(s.dtls_connected_after));
	json_object_set_new(answer, "sctp", after_ms(s.sctp_connected_after));
	json_object_set_new(answer, "channel", after_ms(s.channel_open_after));
	json_object_set_new(answer, "discarded", json_integer((json_int_t)(s.sctp.packets_discarded + s.sctp.chunks_discarded)));
	json_object_set_new(answer, "retransmitted", json_integer((json_int_t)s.sctp.retransmitted_chunks));
	size_t length = sluice_peer_stats_json(a->peer, NULL, 0);
	char *text = malloc(length + 1);
	if (!text)
		return fail(answer, "malloc", SLUICE_NO_MEMORY);
	sluice_peer_stats_json(a->peer, text, length + 1);
	json_t *report = json_loads(text, 0, NULL);
	free(text);
	if (!report)
		return fail(answer, "sluice_peer_stats_json is no JSON", SLUICE_MALFORMED);
	json_object_set_new(answer, "report", report);
	return true;
}

static bool command_end(struct agent *a, json_t *request, json_t *answer) {
	(void)request;
	(void)answer;
	sluice_peer_close(a->peer);
	return true;
}

static const struct command commands[] = {
	{"new", command_new},
	{"offer", command_offer},
	{"answer", command_answer},
	{"accept", command_accept},
	{"candidate", command_candidate},
	{"state", command_state},
	{"pair", command_pair},
	{"stats", command_stats},
	{"end", command_end},
	{NULL, NULL},
};

/* ---- commands: tried now, and again when something happened ----------------------------------------------------------- */

static command_fn find(const char *name) {
	const struct command *const tables[] = {commands, channel_commands, media_commands};
	for (size_t i = 0; name && i < sizeof tables / sizeof *tables; i++)
		for (const struct command *c = tables[i]; c->name; c++)
			if (strcmp(c->name, name) == 0)
				return c->run;
	return NULL;
}

static bool try(struct agent *a, json_t *request) {
	json_t *answer = json_pack("{sO}", "seq", json_object_get(request, "seq"));
	command_fn run = find(json_string_value(json_object_get(request, "do")));
	bool done = true;
	if (!run)
		fail(answer, "no such command", SLUICE_INVALID);
	else if (!a->peer && run != command_new)
		fail(answer, "no peer", SLUICE_WRONG_STATE);
	else
		done = run(a, request, answer);
	if (done)
		print_line(answer);
	else
		json_decref(answer);
	return done;
}

void agent_poke(struct agent *a) {
	for (size_t i = 0; i < json_array_size(a->parked);) {
		if (try(a, json_array_get(a->parked, i)))
			json_array_remove(a->parked, i);
		else
			i++;
	}
}

static void take_line(struct agent *a, const char *line, size_t length) {
	json_t *request = json_loadb(line, length, JSON_ALLOW_NUL, NULL);
	if (!json_object_get(request, "seq"))
		fprintf(stderr, "peer: no command: %.*s\n", (int)length, line);
	else if (!try(a, request))
		json_array_append(a->parked, request);
	json_decref(request);
}

/* ---- main -------------------------------------------------------------------------------------------------------- */

struct input {
	ev_io watcher;
	struct agent *agent;
	char *bytes;
	size_t used, size;
};

static void take_lines(struct input *in) {
	char *end;
	size_t taken = 0;
	while ((end = memchr(in->bytes + taken, '\n', in->used - taken))) {
		take_line(in->agent, in->bytes + taken, (size_t)(end - in->bytes) - taken);
		taken = (size_t)(end - in->bytes) + 1;
	}
	memmove(in->bytes, in->bytes + taken, in->used - taken);
	in->used -= taken;
}

static void on_input(struct ev_loop *ev, ev_io *w, int events) {
	(void)events;
	struct input *in = w->data;
	if (in->used == in->size) {
		size_t size = in->size ? 2 * in->size : 65536;
		char *bytes = realloc(in->bytes, size);
		if (!bytes)
			abort();
		in->bytes = bytes;
		in->size = size;
	}
	ssize_t n = read(STDIN_FILENO, in->bytes + in->used, in->size - in->used);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		ev_io_stop(ev, w);
		sluice_loop_stop(in->agent->loop);
		return;
	}
	in->used += (size_t)n;
	take_lines(in);
}

int main(void) {
	struct agent a = {.options = json_object(), .states = json_array(), .parked = json_array()};
	struct input in = {.agent = &a};
	sluice_env_config config = {.log = on_log, .log_level = getenv("INTEROP_VERBOSE") ? SLUICE_LOG_DEBUG : SLUICE_LOG_WARN};
	a.ev = ev_loop_new(0);
	if (!a.ev || sluice_env_new(&config, &a.env) || sluice_loop_new(a.env, a.ev, &a.loop)) {
		fprintf(stderr, "peer: cannot start\n");
		return 1;
	}
	ev_io_init(&in.watcher, on_input, STDIN_FILENO, EV_READ);
	in.watcher.data = &in;
	ev_io_start(a.ev, &in.watcher);
	media_start(&a);
	sluice_loop_run(a.loop);

	drop_peer(&a);
	sluice_loop_free(a.loop);
	sluice_env_free(a.env);
	ev_loop_destroy(a.ev);
	json_decref(a.parked);
	json_decref(a.states);
	json_decref(a.options);
	free(in.bytes);
	return 0;
}
