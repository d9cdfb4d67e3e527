/* link: see its header. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/link.h"
#include "tools/secret.h"

/* How long the other side may take to end a connection over which everything was said. */
#define LINGER 3.0
/* Seconds to connect, once both descriptions are there. */
#define CONNECT_LIMIT 30.0

/* ---- saying things ------------------------------------------------------------------------------------------------- */

void link_tell(const struct link *link, const char *format, ...) {
	if (!options_say(link->options, 1))
		return;
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	complain("%s: %s", link->options->command, text);
}

void link_leave(struct link *link, int exit_code) {
	if (!link->left)
		link->exit_code = exit_code;
	link->left = true;
	sluice_loop_stop(link->loop);
}

void link_fail(struct link *link, const char *format, ...) {
	if (link->left)
		return;
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	complain("%s: %s", link->options->command, text);
	link_leave(link, EXIT_FAILED);
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
		         link->options->server_count ? "" : "; across NATs a --stun or --turn server is needed");
}

/* "ICE found a path after 0.021 s, the DTLS handshake did not end": how far the connection came. */
static void describe_progress(const struct link *link, char *text, size_t size) {
	sluice_peer_stats st;
	sluice_peer_stats_get(link->peer, &st);
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

/* ---- ending -------------------------------------------------------------------------------------------------------- */

static void on_linger_limit(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct link *link = w->data;
	sluice_loop_stop(link->loop);
}

static void limit(struct link *link, double after, void (*fn)(struct ev_loop *, ev_timer *, int)) {
	ev_timer_stop(link->ev, &link->limit);
	ev_timer_init(&link->limit, fn, after, 0.);
	link->limit.data = link;
	ev_timer_start(link->ev, &link->limit);
}

void link_finish(struct link *link, int exit_code) {
	if (link->left || link->phase == LINK_ENDING)
		return;
	if (!link->peer || link->phase != LINK_CONNECTED) {
		link_leave(link, exit_code);
		return;
	}
	link->exit_code = exit_code;
	link->phase = LINK_ENDING;
	limit(link, LINGER, on_linger_limit);
	sluice_peer_close(link->peer);
}

static void on_connect_limit(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct link *link = w->data;
	char progress[256] = "";
	if (link->phase == LINK_MEETING) {
		link_fail(link, "no connection within %g seconds: still waiting for %s", link->options->timeout,
		          link->signalling->waiting_for);
		return;
	}
	describe_progress(link, progress, sizeof progress);
	link_fail(link, "no connection within %g seconds: %s",
	          link->options->timeout > 0 ? link->options->timeout : CONNECT_LIMIT, progress);
}

static void on_signal(struct ev_loop *ev, ev_signal *w, int events) {
	(void)ev;
	(void)events;
	struct link *link = w->data;
	bool again = link->interrupted;
	link->interrupted = true;
	if (again || link->phase != LINK_CONNECTED)
		link_leave(link, EXIT_INTERRUPTED);
	else if (link->on_interrupt)
		link->on_interrupt(link);
	else
		link_finish(link, EXIT_INTERRUPTED);
}

/* ---- the peer ------------------------------------------------------------------------------------------------------ */

static void connected(struct link *link) {
	link->phase = LINK_CONNECTED;
	ev_timer_stop(link->ev, &link->limit);
	sluice_peer_stats st;
	sluice_peer_stats_get(link->peer, &st);
	const sluice_candidate_pair_stats *pair = &st.selected;
	link_tell(link, "connected: %s %s port %u to %s %s port %u, %s%s%s", pair->local_type ? pair->local_type : "?",
	          pair->local_address, pair->local_port, pair->remote_type ? pair->remote_type : "?", pair->remote_address,
	          pair->remote_port, sluice_peer_cipher(link->peer), st.snap ? ", SNAP" : "", st.sped ? ", SPED" : "");
	if (link->on_connected)
		link->on_connected(link);
}

static void failed(struct link *link) {
	const char *text = "";
	char progress[256];
	bool was_up = link->phase == LINK_CONNECTED;
	int error = sluice_peer_error(link->peer, &text);
	describe_progress(link, progress, sizeof progress);
	if (link->on_broken)
		link->on_broken(link);
	if (was_up)
		link_fail(link, "the connection broke: %s%s%s%s", sluice_error_text(error), *text ? " (" : "", text,
		          *text ? ")" : "");
	else
		link_fail(link, "cannot connect: %s%s%s%s; %s", sluice_error_text(error), *text ? " (" : "", text,
		          *text ? ")" : "", progress);
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p;
	struct link *link = user;
	link_tell(link, "state: %s", sluice_peer_state_name(state));
	if (link->phase == LINK_ENDING) {
		if (state == SLUICE_PEER_CLOSED || state == SLUICE_PEER_FAILED)
			link_leave(link, link->exit_code);
		return;
	}
	if (state == SLUICE_PEER_CONNECTED && link->phase != LINK_CONNECTED)
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

/* ---- descriptions -------------------------------------------------------------------------------------------------- */

static void tell_description(struct link *link) {
	enum sluice_sdp_type type;
	char *sdp = malloc(SLUICE_SDP_MAX);
	int len = sdp ? sluice_peer_local_description(link->peer, &type, sdp, SLUICE_SDP_MAX) : SLUICE_NO_MEMORY;
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
	link_tell(link, "gathering: %s", sluice_gathering_state_name(state));
	if (state == SLUICE_GATHERING_COMPLETE && link->untold)
		tell_description(link);
}

static void on_candidate(sluice_peer *p, const char *candidate, const char *mid, void *user) {
	(void)p;
	struct link *link = user;
	link_tell(link, "own %s", candidate ? candidate : "end of candidates");
	if (trickles(link))
		link->signalling->carrier->send(link->signalling, SIGNAL_CANDIDATE, candidate ? candidate : "", mid);
}

static void on_ice_state(sluice_peer *p, enum sluice_ice_state state, void *user) {
	(void)p;
	link_tell(user, "ICE: %s", sluice_ice_state_name(state));
}

/* Makes the fitting description ours and sees to it that the other side gets it. */
static void describe(struct link *link) {
	int error = sluice_peer_set_local_description(link->peer, 0, NULL);
	if (error)
		link_fail(link, "cannot describe this end: %s", sluice_error_text(error));
	else if (trickles(link) || sluice_peer_gathering_state(link->peer) == SLUICE_GATHERING_COMPLETE)
		tell_description(link);
	else
		link->untold = true;
}

/* A person takes the answer to the other end, and may have lunch first. */
static bool answer_takes_long(const struct link *link) {
	return link->carrier->by_hand && !link->offering && link->options->timeout <= 0;
}

/* Both are there: from now on it is the network's turn. */
static void both_described(struct link *link) {
	if (link->phase != LINK_MEETING)
		return;
	link->phase = LINK_CONNECTING;
	if (link->options->timeout <= 0 && !answer_takes_long(link))
		limit(link, CONNECT_LIMIT, on_connect_limit);
}

static void free_peer(struct link *link) {
	sluice_peer_free(link->peer);
	link->peer = NULL;
	link->untold = false;
}

void link_peer_config(const struct link_options *o, sluice_peer_config *config) {
	sluice_peer_config_init(config);
	config->ice.servers = o->servers;
	config->ice.server_count = o->server_count;
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
	config.on_gathering_state = on_gathering_state;
	config.on_ice_state = on_ice_state;
	config.on_candidate = on_candidate;
	config.user = link;
	int error = sluice_peer_new(link->env, &config, &link->peer);
	if (!error)
		error = recording_begin(&link->recording, link->peer);
	if (!error) {
		link_gather_config(link->options, &gather);
		error = sluice_loop_gather(link->loop, link->peer, &gather);
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
	link_tell(link, offer ? "this end offers" : "this end answers");
	if (offer && make_peer(link, true))
		describe(link);
}

static void refuse_description(struct link *link, const char *what, int error) {
	const char *why = "";
	unsigned line = sluice_peer_description_error(link->peer, &why);
	if (line)
		link_fail(link, "the other side's %s cannot be used: line %u: %s", what, line, why);
	else
		link_fail(link, "the other side's %s cannot be used: %s", what, *why ? why : sluice_error_text(error));
}

/* Both ends offered. Where nobody was told to offer, the one that sees it first gives way; its first peer goes, with the
 * channels that the other one opens as well. */
static bool give_way(struct link *link) {
	if (link->options->role == LINK_OFFER)
		return false;
	link_tell(link, "the other side offers as well; this end answers");
	free_peer(link);
	if (link->on_given_way)
		link->on_given_way(link);
	return true;
}

static void take_offer(struct link *link, const char *sdp) {
	bool glare = link->peer && sluice_peer_signaling_state(link->peer) == SLUICE_SIGNALING_HAVE_LOCAL_OFFER;
	if (glare && !give_way(link))
		return;
	if (!link->peer && !make_peer(link, false))
		return;
	int error = sluice_peer_set_remote_description(link->peer, SLUICE_SDP_OFFER, sdp, strlen(sdp));
	if (error) {
		refuse_description(link, "offer", error);
		return;
	}
	both_described(link);
	describe(link);
}

static void take_answer(struct link *link, const char *sdp) {
	if (!link->peer) {
		link_fail(link, "the other side sent an answer, but nothing was offered");
		return;
	}
	int error = sluice_peer_set_remote_description(link->peer, SLUICE_SDP_ANSWER, sdp, strlen(sdp));
	if (error)
		refuse_description(link, "answer", error);
	else
		both_described(link);
}

static void take_candidate(struct link *link, const char *candidate) {
	int error = link->peer ? sluice_peer_add_remote_candidate(link->peer, candidate) : SLUICE_WRONG_STATE;
	if (error)
		complain("%s: the candidate '%.200s' is not used: %s", link->options->command, candidate,
		         sluice_error_text(error));
}

static void on_signal_message(void *ctx, const struct signal_message *m) {
	struct link *link = ctx;
	if (link->left || link->phase == LINK_ENDING)
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
	if (error && link->phase == LINK_CONNECTED && !link->carrier->stays)
		link_tell(link, "%s", error); /* it has served */
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

static void watch_signals(struct link *link) {
	ev_signal_init(&link->on_int, on_signal, SIGINT);
	ev_signal_init(&link->on_term, on_signal, SIGTERM);
	link->on_int.data = link->on_term.data = link;
	ev_signal_start(link->ev, &link->on_int);
	ev_signal_start(link->ev, &link->on_term);
	signal(SIGPIPE, SIG_IGN); /* a reader that goes away is told by write(2) */
}

static bool set_up(struct link *link) {
	struct signalling_events events = {on_role, on_signal_message, on_signal_end, link};
	int error = link_env(link->options, &link->env);
	if (!error)
		error = sluice_loop_new(link->env, NULL, &link->loop);
	if (!error) {
		link->ev = sluice_loop_ev(link->loop);
		link->signalling = signalling_new(link->carrier, link->options, link->ev, &events);
		error = link->signalling ? 0 : SLUICE_NO_MEMORY;
	}
	if (error)
		complain("%s: cannot set up: %s", link->options->command, sluice_error_text(error));
	else if (link->carrier == &carrier_stdio)
		link->signalling->trickles = link->trickle;
	return !error;
}

/* What is queued (an abort, a last close_notify) leaves before the process does. */
static void tear_down(struct link *link) {
	signalling_free(link->signalling);
	if (link->peer) {
		sluice_peer_abort(link->peer, "the other end left");
		ev_run(link->ev, EVRUN_NOWAIT);
	}
	if (link->on_tear_down)
		link->on_tear_down(link);
	sluice_peer_free(link->peer);
	sluice_loop_free(link->loop);
	sluice_env_free(link->env);
	if (!recording_close(&link->recording, &link->options->tuning, link->options->command) && link->exit_code == EXIT_OK)
		link->exit_code = EXIT_FAILED;
}

int link_run(struct link *link) {
	const char *wrong = NULL;
	if (!link->carrier)
		link->carrier = carriers_find(link->options, &wrong);
	if (wrong)
		return usage_error(link->options->command, "--signal %s: %s", link->options->signal, wrong);
	link->exit_code = EXIT_FAILED;
	if (recording_open(&link->recording, &link->options->tuning, link->options->command) && set_up(link)) {
		ev_init(&link->limit, on_connect_limit);
		watch_signals(link);
		if (link->options->timeout > 0)
			limit(link, link->options->timeout, on_connect_limit);
		if (link->carrier->start(link->signalling) && !link->left)
			sluice_loop_run(link->loop);
	}
	tear_down(link);
	return link->exit_code;
}
