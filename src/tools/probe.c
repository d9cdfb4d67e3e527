/* probe: `sluice probe`. Which candidates has this host, how do servers see it, and which relays can it reach? */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/server_url.h"
#include "tools/probe.h"

#define LIMIT 5.0

/* ---- is it over? ---------------------------------------------------------------------------------------------------- */

static bool is_done(const struct probe *p) {
	bool done = p->gathered && mapping_is_done(&p->mapping);
	for (size_t i = 0; i < p->turn_count; i++)
		done &= p->turns[i].done;
	return done;
}

/* Ends the loop when nothing is open any more. */
static void check_end(struct probe *p) {
	if (is_done(p))
		ev_break(p->ev, EVBREAK_ALL);
}

/* ---- candidates ----------------------------------------------------------------------------------------------------- */

/* "candidate:F C PROTOCOL PRIORITY ADDRESS PORT typ TYPE [raddr A rport P] ..." (RFC 8839, 5.1) */
static bool read_candidate(const char *text, struct probe_candidate *c) {
	memset(c, 0, sizeof *c);
	if (sscanf(text, "candidate:%*s %*s %7s %*s %63s %u typ %7s", c->protocol, c->address, &c->port, c->type) != 4)
		return false;
	const char *related = strstr(text, " raddr ");
	if (related)
		sscanf(related, " raddr %63s rport %u", c->related, &c->related_port);
	for (char *at = c->protocol; *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	return true;
}

static void on_candidate(sluice_peer *peer, const char *candidate, const char *mid, void *user) {
	(void)peer;
	(void)mid;
	struct probe *p = user;
	if (candidate && p->candidate_count < PROBE_MAX_CANDIDATES &&
	    read_candidate(candidate, &p->candidates[p->candidate_count]))
		p->candidate_count++;
}

static void on_gathering(sluice_peer *peer, enum sluice_gathering_state state, void *user) {
	(void)peer;
	struct probe *p = user;
	p->gathered = state == SLUICE_GATHERING_COMPLETE;
	check_end(p);
}

/* Gathers, which an offer that goes nowhere begins. */
static int gather(sluice_env *env, sluice_loop *loop, const struct link_options *o, sluice_peer_config *config,
                  sluice_peer **out) {
	sluice_gather_config addresses;
	link_gather_config(o, &addresses);
	config->ice.gather_timeout = (uint64_t)(o->timeout * 1e9);
	int error = sluice_peer_new(env, config, out);
	if (!error)
		error = sluice_loop_gather(loop, *out, &addresses);
	if (error == SLUICE_IO) /* no address: that is a finding */
		return 0;
	return error ? error : sluice_peer_set_local_description(*out, SLUICE_SDP_OFFER, NULL);
}

static int gather_all(struct probe *p) {
	sluice_peer_config config;
	link_peer_config(&p->options, &config);
	config.on_candidate = on_candidate;
	config.on_gathering_state = on_gathering;
	config.user = p;
	int error = gather(p->env, p->loop, &p->options, &config, &p->peer);
	p->gathered = !error && sluice_peer_gathering_state(p->peer) == SLUICE_GATHERING_NEW;
	return error;
}

/* ---- TURN: a peer of its own for each way to each server -------------------------------------------------------------- */

/* What an error of a TURN server means for whoever typed the options (RFC 8489, 14.8; RFC 8656, 18.1). */
static const char *meaning_of(unsigned code) {
	switch (code) {
	case 401:
	case 441:
		return "the server does not take this --username and --credential";
	case 403:
		return "the server forbids relaying";
	case 437:
		return "the server still holds an earlier allocation of this port; try again in a minute";
	case 486:
		return "the server gives this user no more relays";
	case 508:
		return "the server has no relay to give";
	case 420:
	case 440:
	case 442:
	case 443:
		return "the server has no relays of this address family or transport";
	default:
		return NULL;
	}
}

/* "TURN server HOST: REFUSED (401)": the number at the end stands for a sentence, if we know one. */
static void keep_reason(struct probe_turn *t, const char *reason) {
	const char *open = strrchr(reason, '(');
	unsigned code = open ? (unsigned)strtoul(open + 1, NULL, 10) : 0;
	const char *meaning = meaning_of(code);
	if (meaning)
		snprintf(t->why, sizeof t->why, "%s (%u)", meaning, code);
	else
		snprintf(t->why, sizeof t->why, "%s", reason);
}

static void on_turn_log(void *ctx, enum sluice_log_level level, const char *line) {
	struct probe_turn *t = ctx;
	const char *reason = strstr(line, "TURN server");
	if (reason || level <= SLUICE_LOG_WARN)
		keep_reason(t, reason ? reason : line);
	if (options_say(&t->probe->options, level == SLUICE_LOG_DEBUG ? 2 : 1))
		complain("%s over %s: %s", t->server.url, t->transport, line);
}

static void on_turn_candidate(sluice_peer *peer, const char *candidate, const char *mid, void *user) {
	(void)peer;
	(void)mid;
	struct probe_turn *t = user;
	struct probe_candidate c;
	if (t->done || !candidate || !read_candidate(candidate, &c) || strcmp(c.type, "relay"))
		return;
	snprintf(t->address, sizeof t->address, strchr(c.address, ':') ? "[%s]:%u" : "%s:%u", c.address, c.port);
	t->took = sluice_now() - t->began;
	t->done = t->reachable = true;
	check_end(t->probe);
}

static void on_turn_gathering(sluice_peer *peer, enum sluice_gathering_state state, void *user) {
	(void)peer;
	struct probe_turn *t = user;
	if (state == SLUICE_GATHERING_COMPLETE)
		t->done = true;
	check_end(t->probe);
}

static int start_turn(struct probe_turn *t) {
	sluice_env_config env = {.log = on_turn_log, .log_ctx = t, .log_level = SLUICE_LOG_INFO};
	if (options_say(&t->probe->options, 2))
		env.log_level = SLUICE_LOG_DEBUG;
	sluice_peer_config config;
	link_peer_config(&t->probe->options, &config);
	config.ice.servers = &t->server;
	config.ice.server_count = 1;
	config.ice.relay_only = true;
	config.ice.lite = false;
	config.on_candidate = on_turn_candidate;
	config.on_gathering_state = on_turn_gathering;
	config.user = t;
	t->began = sluice_now();
	int error = sluice_env_new(&env, &t->env);
	if (!error)
		error = sluice_loop_new(t->env, t->probe->ev, &t->loop);
	if (!error)
		error = gather(t->env, t->loop, &t->probe->options, &config, &t->peer);
	t->done = !error && sluice_peer_gathering_state(t->peer) == SLUICE_GATHERING_NEW; /* no address to ask from */
	return error;
}

static int add_turn(struct probe *p, const sluice_ice_server *server, const char *transport, const char *url) {
	struct probe_turn *t = &p->turns[p->turn_count++];
	*t = (struct probe_turn){.probe = p, .transport = transport, .server = *server};
	snprintf(t->url, sizeof t->url, "%s", url);
	snprintf(t->why, sizeof t->why, "no relayed address");
	t->server.url = t->url;
	int error = start_turn(t);
	t->server.url = server->url; /* as it was given, in the report; the peer has its copy */
	return error;
}

/* A URL that names no transport stands for UDP (RFC 7065, 3.1). The question here is what is reachable, so TCP is asked too. */
static int ask_turn_servers(struct probe *p) {
	static const char *const transports[] = {[SERVER_UDP] = "udp", [SERVER_TCP] = "tcp", [SERVER_TLS] = "tls"};
	int error = 0;
	for (size_t i = 0; i < p->options.servers.count && !error; i++) {
		const sluice_ice_server *s = &p->options.servers.list[i];
		struct server_url u;
		char tcp[400];
		if (server_url_parse(s->url, &u) || !u.turn)
			continue;
		error = add_turn(p, s, transports[u.transport], s->url);
		snprintf(tcp, sizeof tcp, "%s?transport=tcp", s->url);
		if (!error && u.transport == SERVER_UDP && !u.has_transport)
			error = add_turn(p, s, "tcp", tcp);
	}
	return error;
}

/* ---- the end -------------------------------------------------------------------------------------------------------- */

static void on_limit(struct ev_loop *ev, ev_timer *w, int events) {
	(void)w;
	(void)events;
	ev_break(ev, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *ev, ev_signal *w, int events) {
	(void)events;
	struct probe *p = w->data;
	p->interrupted = true;
	ev_break(ev, EVBREAK_ALL);
}

/* Something that was asked for did not answer, or this host has no address at all. */
static bool is_all_well(const struct probe *p) {
	bool well = p->candidate_count > 0;
	for (size_t i = 0; i < p->mapping.question_count; i++)
		well &= p->mapping.questions[i].answered && !p->mapping.questions[i].error[0];
	for (size_t i = 0; i < p->turn_count; i++)
		well &= p->turns[i].reachable;
	return well;
}

static void tear_down(struct probe *p) {
	if (p->mapping.ev)
		mapping_stop(&p->mapping);
	for (size_t i = 0; i < p->turn_count; i++) {
		sluice_peer_free(p->turns[i].peer);
		sluice_loop_free(p->turns[i].loop);
		sluice_env_free(p->turns[i].env);
	}
	sluice_peer_free(p->peer);
	sluice_loop_free(p->loop);
	sluice_env_free(p->env);
}

static void on_mapping_answer(void *ctx) {
	check_end(ctx);
}

static void watch_time_and_signals(struct probe *p) {
	ev_timer_init(&p->limit, on_limit, p->options.timeout, 0.);
	ev_timer_start(p->ev, &p->limit);
	ev_signal_init(&p->on_int, on_signal, SIGINT);
	ev_signal_init(&p->on_term, on_signal, SIGTERM);
	p->on_int.data = p->on_term.data = p;
	ev_signal_start(p->ev, &p->on_int);
	ev_signal_start(p->ev, &p->on_term);
}

static int run_probe(struct probe *p) {
	int error = link_env(&p->options, &p->env);
	if (!error)
		error = sluice_loop_new(p->env, NULL, &p->loop);
	if (!error) {
		p->ev = sluice_loop_ev(p->loop);
		watch_time_and_signals(p);
		error = gather_all(p);
	}
	if (!error)
		error = ask_turn_servers(p);
	if (error) {
		complain("probe: cannot set up: %s", sluice_error_text(error));
		return EXIT_FAILED;
	}
	p->mapping = (struct mapping){.options = &p->options, .ev = p->ev, .on_answer = on_mapping_answer, .ctx = p};
	mapping_start(&p->mapping);
	if (!is_done(p))
		ev_run(p->ev, 0);
	if (p->interrupted)
		return EXIT_INTERRUPTED;
	if (!p->json)
		probe_report_print(p);
	else if (!probe_report_print_json(p))
		return EXIT_FAILED;
	return is_all_well(p) ? EXIT_OK : EXIT_FAILED;
}

/* ---- the command ---------------------------------------------------------------------------------------------------- */

static const struct option_row own[] = {
	{"json", NULL, "one JSON object instead", TO_FLAG(struct probe, json)},
};

static const char usage[] =
	"Usage: sluice probe [OPTION]...\n"
	"\n"
	"Prints the candidates of this host, and with servers how its NAT maps addresses and which relays are reachable.\n"
	"No server is asked unless it is given. --timeout is 5 s here.\n"
	"\n";

int probe_main(int argc, char **argv) {
	struct probe *p = calloc(1, sizeof *p);
	if (!p) {
		complain("probe: no memory");
		return EXIT_FAILED;
	}
	struct command_options command = {
		.name = "probe", .usage = usage, .own = own, .own_count = sizeof own / sizeof *own, .target = p};
	int exit_code = options_read(&command, argc, argv, &p->options, NULL);
	if (exit_code < 0) {
		if (p->options.timeout <= 0)
			p->options.timeout = LIMIT;
		exit_code = run_probe(p);
		tear_down(p);
	}
	free(p);
	return exit_code;
}
