/* link: see its header. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/link.h"
#include "tools/secret.h"

/* Seconds to connect, once both descriptions are there. */
#define CONNECT_LIMIT 30.0

/* ---- saying things ------------------------------------------------------------------------------------------------- */

void link_say(const struct link *link, const char *format, ...) {
	if (!options_say(link->options, 1))
		return;
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	complain("%s: %s", link->options->command, text);
}

static double seconds(uint64_t ns) {
	return (double)ns / 1e9;
}

static void describe_pathless(const struct link *link, const sluice_peer_stats *st, char *text, size_t size) {
	if (!st->local_candidates)
		snprintf(text, size, "this end has no candidate%s",
		         link->options->relay_only ? ": no --turn server gave it a relayed address" : "");
	else if (!st->remote_candidates)
		snprintf(text, size, "the other side told no candidate");
	else
		snprintf(text, size, "no path was found: %u candidates here, %u there, %u pairs tried, none answered%s",
		         st->local_candidates, st->remote_candidates, st->candidate_pairs,
		         link->options->servers.count ? "" : "; across NATs a --stun or --turn server is needed");
}

/* "ICE found a path after 0.021 s, the DTLS handshake did not end": how far the connection came. */
static void describe_progress(const struct link *link, char *text, size_t size) {
	sluice_peer_stats st;
	sluice_peer_stats_get(link->base.peer, &st);
	if (st.sctp_connected_after != SLUICE_NEVER)
		snprintf(text, size, "the connection was up after %.3f s", seconds(st.sctp_connected_after));
	else if (st.dtls_connected_after != SLUICE_NEVER)
		snprintf(text, size, "DTLS was up after %.3f s, the SCTP association did not come up",
		         seconds(st.dtls_connected_after));
	else if (st.ice_connected_after != SLUICE_NEVER)
		snprintf(text, size, "ICE found a path after %.3f s, the DTLS handshake did not end",
		         seconds(st.ice_connected_after));
	else
		describe_pathless(link, &st, text, size);
}

/* ---- time and Ctrl-C ----------------------------------------------------------------------------------------------- */

static void on_connect_limit(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct link *link = w->data;
	char progress[256] = "";
	if (!link->described) {
		link_fail(link, "no connection within %g seconds: still waiting for %s", link->options->timeout,
		          link->signalling->waiting_for);
		return;
	}
	describe_progress(link, progress, sizeof progress);
	link_fail(link, "no connection within %g seconds: %s",
	          link->options->timeout > 0 ? link->options->timeout : CONNECT_LIMIT, progress);
}

static void on_interrupt(struct end *end) {
	struct link *link = (struct link *)end;
	if (link->on_interrupt)
		link->on_interrupt(link);
	else
		link_finish(link, EXIT_INTERRUPTED);
}

/* ---- the peer ------------------------------------------------------------------------------------------------------ */

static void connected(struct link *link) {
	link->base.connected = true;
	ev_timer_stop(link->base.ev, &link->base.limit);
	sluice_peer_stats st;
	sluice_peer_stats_get(link->base.peer, &st);
	const sluice_candidate_pair_stats *pair = &st.selected;
	link_say(link, "connected: %s %s port %u to %s %s port %u, %s%s%s", pair->local_type ? pair->local_type : "?",
	         pair->local_address, pair->local_port, pair->remote_type ? pair->remote_type : "?", pair->remote_address,
	         pair->remote_port, sluice_peer_cipher(link->base.peer), st.snap ? ", SNAP" : "", st.sped ? ", SPED" : "");
	if (link->on_connected)
		link->on_connected(link);
}

static void failed(struct link *link) {
	char progress[256], detail[END_DETAIL_MAX];
	bool was_up = link->base.connected;
	const char *error = sluice_error_text(sluice_peer_error(link->base.peer, NULL));
	end_detail(&link->base, detail);
	describe_progress(link, progress, sizeof progress);
	if (link->on_broken)
		link->on_broken(link);
	if (was_up)
		link_fail(link, "the connection broke: %s%s", error, detail);
	else
		link_fail(link, "cannot connect: %s%s; %s", error, detail, progress);
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p;
	struct link *link = user;
	link_say(link, "state: %s", sluice_peer_state_name(state));
	if (link->base.left) /* this is end_close(), which ends the peer; why the command ends is on stderr already */
		return;
	if (link->base.ending) {
		if (state == SLUICE_PEER_CLOSED || state == SLUICE_PEER_FAILED)
			link_leave(link, EXIT_OK); /* the exit code stands already */
		return;
	}
	if (state == SLUICE_PEER_CONNECTED && !link->base.connected)
		connected(link);
	else if (state == SLUICE_PEER_FAILED)
		failed(link);
	else if (state == SLUICE_PEER_CLOSED && link->on_other_ended)
		link->on_other_ended(link);
	else if (state == SLUICE_PEER_CLOSED)
		link_fail(link, "the other side closed");
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	struct link *link = user;
	if (link->on_channel)
		link->on_channel(link, ch);
}

static void on_track(sluice_peer *p, sluice_transceiver *t, void *user) {
	(void)p;
	struct link *link = user;
	if (link->on_track)
		link->on_track(link, t);
}

/* ---- descriptions -------------------------------------------------------------------------------------------------- */

static void tell_description(struct link *link) {
	enum sluice_sdp_type type;
	char *sdp = malloc(SLUICE_SDP_MAX);
	int len = sdp ? sluice_peer_local_description(link->base.peer, &type, sdp, SLUICE_SDP_MAX) : SLUICE_NO_MEMORY;
	link->untold = false;
	if (len <= 0)
		link_fail(link, "cannot describe this end: %s", sluice_error_text(len));
	else if (link->signalling)
		link->signalling->carrier->send(link->signalling, type == SLUICE_SDP_OFFER ? SIGNAL_OFFER : SIGNAL_ANSWER, sdp,
		                                NULL);
	secret_free(sdp);
}

static bool trickles(const struct link *link) {
	return link->signalling && link->signalling->trickles;
}

static void on_gathering_state(sluice_peer *p, enum sluice_gathering_state state, void *user) {
	(void)p;
	struct link *link = user;
	link_say(link, "gathering: %s", sluice_gathering_state_name(state));
	if (state == SLUICE_GATHERING_COMPLETE && link->untold)
		tell_description(link);
}

static void on_candidate(sluice_peer *p, const char *candidate, const char *mid, void *user) {
	(void)p;
	struct link *link = user;
	link_say(link, "own %s", candidate ? candidate : "end of candidates");
	if (trickles(link))
		link->signalling->carrier->send(link->signalling, SIGNAL_CANDIDATE, candidate ? candidate : "", mid);
}

static void on_ice_state(sluice_peer *p, enum sluice_ice_state state, void *user) {
	(void)p;
	link_say(user, "ICE: %s", sluice_ice_state_name(state));
}

/* Makes the fitting description ours and sees to it that the other side gets it. */
static void describe(struct link *link) {
	int error = sluice_peer_set_local_description(link->base.peer, 0, NULL);
	if (error)
		link_fail(link, "cannot describe this end: %s", sluice_error_text(error));
	else if (trickles(link) || sluice_peer_gathering_state(link->base.peer) == SLUICE_GATHERING_COMPLETE)
		tell_description(link);
	else
		link->untold = true;
}

/* A person carries the answer to the other end, and may have lunch first. */
static bool answer_takes_long(const struct link *link) {
	return link->carrier->by_hand && !link->offering && link->options->timeout <= 0;
}

/* Both are there: from now on it is the network's turn. */
static void both_described(struct link *link) {
	if (link->described)
		return;
	link->described = true;
	if (link->options->timeout <= 0 && !answer_takes_long(link))
		end_limit(&link->base, CONNECT_LIMIT, on_connect_limit);
}

static void free_peer(struct link *link) {
	sluice_peer_free(link->base.peer);
	link->base.peer = NULL;
	link->untold = false;
}

void link_peer_config(const struct link_options *o, sluice_peer_config *config) {
	sluice_peer_config_init(config);
	config->ice.servers = o->servers.list;
	config->ice.server_count = o->servers.count;
	config->ice.relay_only = o->relay_only;
	config->ice.lite = o->lite;
	config->offer_snap = o->snap;
	config->offer_sped = o->sped;
	tuning_apply(&o->tuning, &config->sctp);
	if (o->timeout > 0) {
		config->ice.failed_after = (uint64_t)(o->timeout * 1e9);
		if (config->ice.failed_after < 10 * SLUICE_S)
			config->ice.disconnected_after = config->ice.failed_after / 2;
	}
}

void link_gather_config(const struct link_options *o, sluice_gather_config *config) {
	*config = (sluice_gather_config){
		.size = sizeof *config,
		.bind = o->bind_len ? (const struct sockaddr *)&o->bind : NULL,
		.bind_len = o->bind_len,
		.port_min = o->port_min,
		.port_max = o->port_max,
		.loopback = o->loopback,
	};
}

/* False when it said why not. */
static bool make_peer(struct link *link, bool offering) {
	sluice_peer_config config;
	sluice_gather_config gather;
	link_peer_config(link->options, &config);
	link->offering = offering;
	if (answer_takes_long(link))
		config.ice.check_timeout = 24 * 3600 * SLUICE_S;
	config.on_state = on_state;
	config.on_channel = on_channel;
	config.on_track = on_track;
	config.on_gathering_state = on_gathering_state;
	config.on_ice_state = on_ice_state;
	config.on_candidate = on_candidate;
	config.user = link;
	if (link->on_config)
		link->on_config(link, &config);
	int error = sluice_peer_new(link->base.env, &config, &link->base.peer);
	if (!error)
		error = recording_begin(&link->base.recording, link->base.peer, link->traces_media);
	if (!error) {
		link_gather_config(link->options, &gather);
		error = sluice_loop_gather(link->base.loop, link->base.peer, &gather);
		if (error == SLUICE_IO) {
			link_fail(link, "no address of this host can be used: %s", strerror(errno));
			return false;
		}
	}
	if (!error && offering && link->on_offering)
		error = link->on_offering(link);
	if (error)
		link_fail(link, "cannot make a peer: %s", sluice_error_text(error));
	return !error;
}

/* ---- what the signalling brings ------------------------------------------------------------------------------------ */

static void on_role(void *ctx, bool offer) {
	struct link *link = ctx;
	link_say(link, offer ? "this end offers" : "this end answers");
	if (offer && make_peer(link, true))
		describe(link);
}

static void refuse_description(struct link *link, const char *what, int error) {
	const char *why = "";
	unsigned line = sluice_peer_description_error(link->base.peer, &why);
	if (line)
		link_fail(link, "the other side's %s cannot be used: line %u: %s", what, line, why);
	else
		link_fail(link, "the other side's %s cannot be used: %s", what, *why ? why : sluice_error_text(error));
}

/* Both ends offered. Without --offer, the end that sees this first gives way: it drops its peer with the channels it opened,
 * since the other end opens channels too. */
static bool give_way(struct link *link) {
	if (link->options->role == LINK_OFFER)
		return false;
	link_say(link, "the other side offers as well; this end answers");
	free_peer(link);
	if (link->on_given_way)
		link->on_given_way(link);
	return true;
}

/* The callbacks say which tracks come, and the command decides with them what the answer says. */
static bool prepare_answer(struct link *link) {
	if (!link->on_offered)
		return true;
	sluice_peer_dispatch(link->base.peer);
	int error = end_is_over(&link->base) ? 0 : link->on_offered(link);
	if (error)
		link_fail(link, "cannot answer: %s", sluice_error_text(error));
	return !end_is_over(&link->base);
}

static void take_offer(struct link *link, const char *sdp) {
	bool glare = link->base.peer && sluice_peer_signaling_state(link->base.peer) == SLUICE_SIGNALING_HAVE_LOCAL_OFFER;
	if (glare && !give_way(link))
		return;
	if (!link->base.peer && !make_peer(link, false))
		return;
	int error = sluice_peer_set_remote_description(link->base.peer, SLUICE_SDP_OFFER, sdp, strlen(sdp));
	if (error) {
		refuse_description(link, "offer", error);
		return;
	}
	both_described(link);
	if (prepare_answer(link))
		describe(link);
}

static void take_answer(struct link *link, const char *sdp) {
	if (!link->base.peer) {
		link_fail(link, "the other side sent an answer, but nothing was offered");
		return;
	}
	int error = sluice_peer_set_remote_description(link->base.peer, SLUICE_SDP_ANSWER, sdp, strlen(sdp));
	if (error)
		refuse_description(link, "answer", error);
	else
		both_described(link);
}

static void take_candidate(struct link *link, const char *candidate) {
	int error = link->base.peer ? sluice_peer_add_remote_candidate(link->base.peer, candidate) : SLUICE_WRONG_STATE;
	if (error)
		complain("%s: the candidate '%.200s' is not used: %s", link->options->command, candidate,
		         sluice_error_text(error));
}

static void on_signal_message(void *ctx, const struct signal_message *m) {
	struct link *link = ctx;
	if (end_is_over(&link->base))
		return;
	if (m->kind == SIGNAL_OFFER)
		take_offer(link, m->text);
	else if (m->kind == SIGNAL_ANSWER)
		take_answer(link, m->text);
	else
		take_candidate(link, m->text);
}

static void on_signal_end(void *ctx, const char *error) {
	struct link *link = ctx;
	if (error && link_is_up(link) && !link->carrier->stays)
		link_say(link, "%s", error); /* the signalling did its work; its end is no failure */
	else if (error)
		link_fail(link, "%s", error);
	else
		link_finish(link, EXIT_OK);
}

/* ---- setting up ---------------------------------------------------------------------------------------------------- */

static void on_log(void *ctx, enum sluice_log_level level, const char *line) {
	(void)ctx;
	static const char *const names[] = {"error", "warning", "info", "debug"};
	complain("%s: %s", names[level], line);
}

int link_env(const struct link_options *o, sluice_env **env) {
	sluice_env_config config = {.log = o->verbose ? on_log : NULL, .log_level = SLUICE_LOG_INFO};
	if (o->verbose > 1)
		config.log_level = SLUICE_LOG_DEBUG;
	return sluice_env_new(&config, env);
}

static bool set_up(struct link *link) {
	struct signalling_events events = {on_role, on_signal_message, on_signal_end, link};
	int error = link_env(link->options, &link->base.env);
	if (!error)
		error = end_open(&link->base);
	if (!error) {
		link->signalling = signalling_new(link->carrier, link->options, link->base.ev, &events);
		error = link->signalling ? 0 : SLUICE_NO_MEMORY;
	}
	if (error)
		complain("%s: cannot set up: %s", link->options->command, sluice_error_text(error));
	else if (link->carrier == &carrier_stdio)
		link->signalling->trickles = link->trickle;
	return !error;
}

static void tear_down_command(struct end *end) {
	struct link *link = (struct link *)end;
	if (link->on_tear_down)
		link->on_tear_down(link);
}

int link_run(struct link *link) {
	const char *wrong = NULL;
	struct end *end = &link->base;
	if (!link->carrier)
		link->carrier = carriers_find(link->options, &wrong);
	if (wrong)
		return usage_error(link->options->command, "--signal %.*s: %s", (int)strcspn(link->options->signal, "#"),
		                   link->options->signal, wrong); /* behind # stands a secret */
	*end = (struct end){.command = link->options->command,
	                    .tuning = &link->options->tuning,
	                    .exit_code = EXIT_FAILED,
	                    .on_interrupt = on_interrupt};
	if (end_record(end) && set_up(link)) {
		ev_init(&end->limit, on_connect_limit);
		end_watch_signals(end);
		signal(SIGPIPE, SIG_IGN); /* write(2) says that a reader went away */
		if (link->options->timeout > 0)
			end_limit(end, link->options->timeout, on_connect_limit);
		if (link->carrier->start(link->signalling) && !end->left)
			sluice_loop_run(end->loop);
	}
	signalling_free(link->signalling);
	end_close(end, "the other end left", tear_down_command);
	return end->exit_code;
}
