/* serve: `sluice serve`. Reads the command line, sets the server up, and runs it until Ctrl-C. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/front.h"
#include "tools/secret.h"
#include "tools/serve/client.h"
#include "tools/serve/http.h"
#include "tools/serve/service.h"
#include "tools/serve/store.h"
#include "tools/serve/whip_clients.h"

/* What a channel may be. The echo stands last: it is for every other label. */
static const struct service_kind *const kinds[] = {
	&chat_kind, &stats_kind, &throughput_kind, &files_kind, &upload_kind, &download_kind, &relay_kind, &echo_kind,
};
#define KINDS (sizeof kinds / sizeof *kinds)
_Static_assert(KINDS <= SERVE_KINDS_MAX, "a client counts the opens of each kind");

/* ---- the command line -------------------------------------------------------------------------------------------- */

static int read_http(const char *command, void *target, const char *text) {
	struct serve_options *o = target;
	const char *wrong = parse_local_address(text, &o->http, &o->http_len);
	return wrong ? usage_error(command, "--http %s: %s", text, wrong) : 0;
}

static int read_bind(const char *command, void *target, const char *text) {
	struct serve_options *o = target;
	return parse_host(text, &o->bind, &o->bind_len) ? 0
	                                                : front_error(command, "bind", "an IPv4 or IPv6 address of this host");
}

static int read_folder(const char *option, const char **out, const char *text) {
	struct stat st;
	if (stat(text, &st) == 0 && !S_ISDIR(st.st_mode))
		errno = ENOTDIR;
	else if (access(text, R_OK | X_OK) == 0) {
		*out = text;
		return 0;
	}
	complain("serve: --%s %s: %s", option, text, strerror(errno));
	return EXIT_FAILED;
}

static int read_files(const char *command, void *target, const char *text) {
	(void)command;
	return read_folder("files", &((struct serve_options *)target)->files, text);
}

static int read_web(const char *command, void *target, const char *text) {
	(void)command;
	return read_folder("web", &((struct serve_options *)target)->web, text);
}

/* An origin stands in a header of ours: no spaces, no control characters. */
static int read_cors(const char *command, void *target, const char *text) {
	bool plain = *text;
	for (const char *p = text; *p; p++)
		plain &= *p > ' ' && *p <= '~';
	((struct serve_options *)target)->cors = text;
	return plain ? 0 : front_error(command, "cors", "an origin such as https://example.org, or *");
}

static int read_host(const char *command, void *target, const char *text) {
	struct serve_options *o = target;
	if (!*text || strlen(text) > 253 || text[strcspn(text, ":/[] \t")])
		return front_error(command, "host", "a name such as files.example.org, without a port");
	if (o->host_count == sizeof o->hosts / sizeof *o->hosts)
		return usage_error(command, "--host: too many of them");
	o->hosts[o->host_count++] = text;
	return 0;
}

/* RFC 6750, 2.1: letters, digits and "-._~+/", then any number of "=". */
static int read_token(const char *command, void *target, const char *text) {
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
	((struct serve_options *)target)->token = text;
	return len > 0 && !text[len + strspn(text + len, "=")] ? 0 : front_error(command, "token", "letters, digits and -._~+/");
}

static int read_stun(const char *command, void *target, const char *text) {
	return servers_add_stun(command, &((struct serve_options *)target)->servers, text);
}

static int read_turn(const char *command, void *target, const char *text) {
	return servers_add_turn(command, &((struct serve_options *)target)->servers, text);
}

static int read_username(const char *command, void *target, const char *text) {
	return servers_add_username(command, &((struct serve_options *)target)->servers, text);
}

static int read_credential(const char *command, void *target, const char *text) {
	return servers_add_credential(command, &((struct serve_options *)target)->servers, text);
}

static const struct option_row where_rows[] = {
	{"http", "ADDR:PORT", "of the page ({preset}); port 0: any, it is printed", TO_READER(read_http),
         .preset = "127.0.0.1:8080"},
	{"port", "N", "one UDP port for all peers, {range} (any free one, it is printed)", TO_U16(struct serve_options, port),
         .max = 65535},
	{"bind", "ADDR", "UDP on this address alone (every IPv4 address)", TO_READER(read_bind)},
	{"loopback", NULL, "tell browsers of 127.0.0.1 too; on when --http is a loopback address",
         TO_FLAG(struct serve_options, loopback)},
	{"lite", NULL, "be ICE-lite: for a host with a public address", TO_FLAG(struct serve_options, lite)},
};

static const struct option_row what_rows[] = {
	{"files", "FOLDER", "files go into this folder and out of it; without it there are none", TO_READER(read_files)},
	{"max-file", "BYTES", "of one uploaded file ({preset})", TO_U64(struct serve_options, max_upload), .unit = "bytes",
         .min = 1, .max = INT64_MAX, .preset = "1073741824"},
	{"quota", "BYTES", "what the folder may hold in all ({preset})", TO_U64(struct serve_options, quota), .unit = "bytes",
         .min = 1, .max = INT64_MAX, .preset = "4294967296"},
	{"max-peers", "N", "connected at once, {range} ({preset})", TO_U64(struct serve_options, max_peers), .min = 1,
         .max = 100000, .preset = "256"},
	{"per-address", "N",
         "connections and peers of one address, and a quarter of it in rooms and in peers that have not connected yet, {range} "
         "({preset}); behind a proxy, all have its address",
         TO_U64(struct serve_options, per_address), .min = 1, .max = 100000, .preset = "64"},
	{"idle", "S", "close a peer that sends nothing for so long, {range} ({preset})", TO_SECONDS(struct serve_options, idle),
         .unit = "seconds", .shortest = 1, .longest = 86400, .preset = "120"},
	{"host", "NAME",
         "this server has that name too, once for each; requests for others are refused, but for numeric addresses, localhost "
         "and "
         "the name of this machine",
         TO_READER(read_host)},
	{"cors", "ORIGIN", "pages of this origin (* for every one) may connect too; others are refused", TO_READER(read_cors)},
	{"token", "TEXT", "publishing and watching (WHIP, WHEP) ask for 'Authorization: Bearer TEXT'", TO_READER(read_token)},
	{"stun", "URL", "of a server that clients of WHIP and WHEP are told of", TO_READER(read_stun)},
	{"turn", "URL", "likewise; may be given several times", TO_READER(read_turn)},
	{"username", "TEXT", "for the --turn before it", TO_READER(read_username)},
	{"credential", "TEXT", "likewise", TO_READER(read_credential)},
	{"web", "FOLDER", "serve the page's files from this folder instead of those in the program", TO_READER(read_web)},
	{"verbose", NULL, "a line on stderr for each thing that happens to a peer", TO_FLAG(struct serve_options, verbose)},
	{"help", NULL, "this text", .kind = OPTION_HELP, .letter = 'h'},
};

static const char usage[] =
	"Usage: sluice serve [OPTION]...\n"
	"\n"
	"Serves a page with which any browser connects: an echo, a chat, files, throughput, live statistics. Also a place\n"
	"where 'sluice cat', 'send' and 'receive' meet (--signal http://HOST:PORT/room/NAME).\n";

/* -1 to go on, else the exit code. */
static int read_command_line(int argc, char **argv, struct serve_options *o) {
	const struct option_section sections[] = {OPTION_SECTION("Where:", where_rows, o), OPTION_SECTION("What:", what_rows, o)};
	struct front front = {.command = "serve",
	                      .usage = usage,
	                      .status = "Exit status: 1 it failed, 2 wrong command line, 130 ended by Ctrl-C.",
	                      .sections = sections,
	                      .section_count = sizeof sections / sizeof *sections};
	int rest, exit_code = front_read(&front, argc, argv, &rest);
	if (exit_code >= 0)
		return exit_code;
	if (rest < argc)
		return usage_error("serve", "unexpected argument '%s'", argv[rest]);
	o->loopback |= address_is_loopback(&o->http);
	exit_code = servers_check("serve", &o->servers);
	return exit_code ? exit_code : -1;
}

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
	complain("serve: cannot open UDP %s: %s", address, error == SLUICE_IO ? strerror(number) : sluice_error_text(error));
	return false;
}

static bool open_store(struct serve *s) {
	const struct serve_options *o = s->options;
	if (!o->files)
		return true;
	s->store = store_open(o->files, o->max_upload, o->quota);
	if (!s->store)
		complain("serve: --files %s: %s", o->files, strerror(errno));
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
		complain("serve: cannot set up: %s", sluice_error_text(error));
		return false;
	}
	s->ev = sluice_loop_ev(s->loop);
	if (!open_store(s) || !open_endpoint(s))
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
	printf("page  http://%s/\n", text);
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

static void on_tick(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct serve *s = w->data;
	client_tick_all(s);
	http_tick(s->http);
}

static void run(struct serve *s) {
	signal(SIGPIPE, SIG_IGN); /* a browser that leaves in the middle of a page */
	ev_signal_init(&s->on_int, on_signal, SIGINT);
	ev_signal_init(&s->on_term, on_signal, SIGTERM);
	ev_timer_init(&s->tick, on_tick, 1., 1.);
	s->on_int.data = s->on_term.data = s->tick.data = s;
	ev_signal_start(s->ev, &s->on_int);
	ev_signal_start(s->ev, &s->on_term);
	ev_timer_start(s->ev, &s->tick);
	announce(s);
	sluice_loop_run(s->loop);
	ev_timer_stop(s->ev, &s->tick);
	client_end_all(s);
	ev_timer_stop(s->ev, &s->stats_tick);
	telling_stop(&s->people, s->ev);
	telling_stop(&s->files, s->ev);
	ev_signal_stop(s->ev, &s->on_int);
	ev_signal_stop(s->ev, &s->on_term);
}

static void tear_down(struct serve *s) {
	http_free(s->http);
	sluice_endpoint_free(s->endpoint);
	store_close(s->store);
	sluice_loop_free(s->loop);
	sluice_certificate_release(s->certificate);
	sluice_env_free(s->env);
}

int serve_main(int argc, char **argv) {
	struct serve_options o = {0};
	int exit_code = read_command_line(argc, argv, &o);
	if (exit_code >= 0)
		return exit_code;
	struct serve s = {
		.options = &o, .log.verbose = o.verbose, .kinds = kinds, .kind_count = KINDS, .whip_ops = &whip_clients_ops};
	exit_code = set_up(&s) ? EXIT_INTERRUPTED : EXIT_FAILED;
	if (exit_code == EXIT_INTERRUPTED)
		run(&s);
	tear_down(&s);
	return exit_code;
}
