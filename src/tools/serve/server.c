/* server: see its header. */
#include "tools/serve/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/forward/room.h"
#include "tools/secret.h"
#include "tools/serve/client.h"
#include "tools/serve/http.h"
#include "tools/serve/store.h"

/* ---- setting up -------------------------------------------------------------------------------------------------- */

static void on_library_log(void *ctx, enum sluice_log_level level, const char *line) {
	(void)level;
	log_line(&((struct serve *)ctx)->log, "%s", line);
}

static bool open_endpoint(struct serve *s) {
	const struct serve_options *o = s->options;
	struct sockaddr_storage local = o->bind;
	socklen_t len = o->bind_len;
	if (len == 0) {
		local = (struct sockaddr_storage){.ss_family = AF_INET};
		len = address_len(&local);
	}
	address_set_port(&local, o->port);
	sluice_endpoint_config config = {
		.size = sizeof config,
		.socket = {.local = (const struct sockaddr *)&local, .local_len = len},
		.loopback = o->loopback,
	};
	int error = sluice_endpoint_new(s->loop, &config, &s->endpoint);
	if (!error)
		return true;
	char address[80];
	int number = errno;
	format_address(&local, len, address, sizeof address);
	complain("%s: cannot open UDP %s: %s", s->command, address,
	         error == SLUICE_IO ? strerror(number) : sluice_error_text(error));
	return false;
}

static bool open_store(struct serve *s) {
	const struct serve_options *o = s->options;
	if (!o->files)
		return true;
	s->store = store_open(o->files, o->max_upload, o->quota);
	if (!s->store)
		complain("%s: --files %s: %s", s->command, o->files, strerror(errno));
	return s->store != NULL;
}

/* Requests for these names are for us. */
static void learn_names(struct serve *s) {
	s->names[s->name_count++] = "localhost";
	if (gethostname(s->host_name, sizeof s->host_name - 1) == 0 && s->host_name[0]) {
		s->names[s->name_count++] = s->host_name;
		snprintf(s->local_name, sizeof s->local_name, "%s.local", s->host_name);
		s->names[s->name_count++] = s->local_name;
	}
	for (size_t i = 0; i < s->options->host_count; i++)
		s->names[s->name_count++] = s->options->hosts[i];
}

/* A member's part is over. */
static void on_over(void *ctx, void *user, const char *why) {
	(void)ctx;
	client_close(user, why);
}

static bool make_rooms(struct serve *s) {
	const struct forward_config config = {.watchers_max = s->options->max_watchers, .over = on_over, .ctx = s};
	s->forward = forward_new(&config);
	if (!s->forward)
		complain("%s: no memory", s->command);
	return s->forward != NULL;
}

static bool set_up(struct serve *s) {
	secret_watch_json();
	learn_names(s);
	sluice_env_config env = {.log = on_library_log, .log_ctx = s, .log_level = SLUICE_LOG_WARN};
	int error = sluice_env_new(&env, &s->env);
	if (!error)
		error = sluice_loop_new(s->env, NULL, &s->loop);
	if (!error)
		error = sluice_certificate_generate(&s->certificate);
	if (error) {
		complain("%s: cannot set up: %s", s->command, sluice_error_text(error));
		return false;
	}
	s->ev = sluice_loop_ev(s->loop);
	if (!open_store(s) || !open_endpoint(s) || !make_rooms(s))
		return false;
	s->http = http_new(s);
	return s->http != NULL;
}

/* Two lines that people and scripts read. */
static void announce(const struct serve *s) {
	struct sockaddr_storage addr = s->options->http;
	socklen_t len = s->options->http_len;
	char text[80];
	address_set_port(&addr, http_port(s->http));
	format_address(&addr, len, text, sizeof text);
	printf("%s  http://%s/\n", s->whip_only ? "http" : "page", text);
	if (sluice_endpoint_address(s->endpoint, &addr, &len) == 0) {
		format_address(&addr, len, text, sizeof text);
		printf("udp   %s\n", text);
	}
	fflush(stdout);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void on_signal(struct ev_loop *ev, ev_signal *w, int events) {
	(void)ev;
	(void)events;
	struct serve *s = w->data;
	sluice_loop_stop(s->loop);
}

static void log_rooms(const struct serve *s) {
	struct forward_stats st;
	for (size_t i = 0; s->log.verbose && forward_stats_get(s->forward, i, &st); i++)
		log_line(&s->log,
		         "room %s: %.0f kb/s %s, %u watching, %llu packets in, %llu out, %llu dropped, %llu keyframes asked",
		         st.name, (double)st.rate_in / 1e3, st.has_publisher ? "come" : "and nobody publishes", st.watchers,
		         (unsigned long long)st.packets_in, (unsigned long long)st.packets_out, (unsigned long long)st.dropped,
		         (unsigned long long)st.keyframe_requests);
}

static void on_forward_tick(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	const struct serve *s = w->data;
	forward_tick(s->forward, sluice_now());
}

static void on_tick(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct serve *s = w->data;
	client_tick_all(s);
	http_tick(s->http);
	log_rooms(s);
}

static void run(struct serve *s) {
	signal(SIGPIPE, SIG_IGN); /* a browser that leaves in the middle of a page */
	ev_signal_init(&s->on_int, on_signal, SIGINT);
	ev_signal_init(&s->on_term, on_signal, SIGTERM);
	ev_timer_init(&s->tick, on_tick, 1., 1.);
	ev_timer_init(&s->forward_tick, on_forward_tick, 0., .1);
	s->on_int.data = s->on_term.data = s->tick.data = s->forward_tick.data = s;
	ev_signal_start(s->ev, &s->on_int);
	ev_signal_start(s->ev, &s->on_term);
	ev_timer_start(s->ev, &s->tick);
	ev_timer_start(s->ev, &s->forward_tick);
	announce(s);
	sluice_loop_run(s->loop);
	ev_timer_stop(s->ev, &s->tick);
	ev_timer_stop(s->ev, &s->forward_tick);
	client_end_all(s);
	ev_timer_stop(s->ev, &s->stats_tick);
	telling_stop(&s->people, s->ev);
	telling_stop(&s->files, s->ev);
	ev_signal_stop(s->ev, &s->on_int);
	ev_signal_stop(s->ev, &s->on_term);
}

static void tear_down(struct serve *s) {
	http_free(s->http);
	forward_free(s->forward);
	sluice_endpoint_free(s->endpoint);
	store_close(s->store);
	sluice_loop_free(s->loop);
	sluice_certificate_release(s->certificate);
	sluice_env_free(s->env);
}

int server_run(struct serve *s) {
	bool is_up = set_up(s);
	if (is_up)
		run(s);
	tear_down(s);
	return is_up ? EXIT_INTERRUPTED : EXIT_FAILED;
}
