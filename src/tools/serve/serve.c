/* serve: `sluice serve`. Reads the command line, sets the server up, and runs it until Ctrl-C. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/secret.h"
#include "tools/serve/client.h"
#include "tools/serve/http.h"
#include "tools/serve/service.h"
#include "tools/serve/store.h"

/* What a channel may be. The echo stands last: it is for every other label. */
static const struct service_kind *const kinds[] = {
	&chat_kind, &stats_kind, &throughput_kind, &files_kind, &upload_kind, &download_kind, &relay_kind, &echo_kind,
};
#define KINDS (sizeof kinds / sizeof *kinds)
_Static_assert(KINDS <= SERVE_KINDS_MAX, "a client counts the opens of each kind");

/* ---- the command line -------------------------------------------------------------------------------------------- */

enum option_key {
	OPT_PORT = 256,
	OPT_HTTP,
	OPT_BIND,
	OPT_LOOPBACK,
	OPT_LITE,
	OPT_FILES,
	OPT_MAX_FILE,
	OPT_QUOTA,
	OPT_MAX_PEERS,
	OPT_PER_ADDRESS,
	OPT_IDLE,
	OPT_HOST,
	OPT_CORS,
	OPT_WEB,
	OPT_VERBOSE,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"port", required_argument, NULL, OPT_PORT},
	{"http", required_argument, NULL, OPT_HTTP},
	{"bind", required_argument, NULL, OPT_BIND},
	{"loopback", no_argument, NULL, OPT_LOOPBACK},
	{"lite", no_argument, NULL, OPT_LITE},
	{"files", required_argument, NULL, OPT_FILES},
	{"max-file", required_argument, NULL, OPT_MAX_FILE},
	{"quota", required_argument, NULL, OPT_QUOTA},
	{"max-peers", required_argument, NULL, OPT_MAX_PEERS},
	{"per-address", required_argument, NULL, OPT_PER_ADDRESS},
	{"idle", required_argument, NULL, OPT_IDLE},
	{"host", required_argument, NULL, OPT_HOST},
	{"cors", required_argument, NULL, OPT_CORS},
	{"web", required_argument, NULL, OPT_WEB},
	{"verbose", no_argument, NULL, OPT_VERBOSE},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static const char help[] =
	"Usage: sluice serve [OPTION]...\n"
	"\n"
	"Serves a page with which any browser connects: an echo, a chat, files, throughput, live statistics. Also a place\n"
	"where 'sluice cat', 'send' and 'receive' meet (--signal http://HOST:PORT/room/NAME).\n"
	"\n"
	"Where:\n"
	"  --http ADDR:PORT     of the page (127.0.0.1:8080); port 0: any, it is printed\n"
	"  --port N             one UDP port for all peers (any free one, it is printed)\n"
	"  --bind ADDR          UDP on this address alone (every IPv4 address)\n"
	"  --loopback           tell browsers of 127.0.0.1 too; on when --http is a loopback address\n"
	"  --lite               be ICE-lite: for a host with a public address\n"
	"\n"
	"What:\n"
	"  --files FOLDER       files go into this folder and out of it; without it there are none\n"
	"  --max-file BYTES     of one uploaded file (1073741824)\n"
	"  --quota BYTES        what the folder may hold in all (4294967296)\n"
	"  --max-peers N        connected at once, 1 to 100000 (256)\n"
	"  --per-address N      connections and peers of one address, and a quarter of it in rooms and in peers that have not\n"
	"                       connected yet, 1 to 100000 (64); behind a proxy, all have its address\n"
	"  --idle S             close a peer that sends nothing for so long, 1 to 86400 (120)\n"
	"  --host NAME          this server has that name too, once for each; requests for others are refused, but for numeric\n"
	"                       addresses, localhost and the name of this machine\n"
	"  --cors ORIGIN        pages of this origin (* for every one) may connect too; others are refused\n"
	"  --web FOLDER         serve the page's files from this folder instead of those in the program\n"
	"  --verbose            a line on stderr for each thing that happens to a peer\n"
	"  --help               this text\n"
	"\n"
	"Exit status: 1 it failed, 2 wrong command line, 130 ended by Ctrl-C.\n";

static int expected(const char *option, const char *what) {
	return usage_error("serve", "--%s: expected %s", option, what);
}

static int read_http(struct serve_options *o, const char *text) {
	const char *wrong = parse_local_address(text, &o->http, &o->http_len);
	return wrong ? usage_error("serve", "--http %s: %s", text, wrong) : 0;
}

static int read_bind(struct serve_options *o, const char *text) {
	return parse_host(text, &o->bind, &o->bind_len) ? 0 : expected("bind", "an IPv4 or IPv6 address of this host");
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

/* An origin stands in a header of ours: no spaces, nothing below. */
static int read_cors(struct serve_options *o, const char *text) {
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return expected("cors", "an origin such as https://example.org, or *");
	o->cors = text;
	return *text ? 0 : expected("cors", "an origin such as https://example.org, or *");
}

static int read_host(struct serve_options *o, const char *text) {
	if (!*text || strlen(text) > 253 || text[strcspn(text, ":/[] \t")])
		return expected("host", "a name such as files.example.org, without a port");
	if (o->host_count == sizeof o->hosts / sizeof *o->hosts)
		return usage_error("serve", "--host: too many of them");
	o->hosts[o->host_count++] = text;
	return 0;
}

static int read_port(struct serve_options *o, const char *text) {
	uint64_t port;
	if (!parse_unsigned(text, 0, 65535, &port))
		return expected("port", "a number from 0 to 65535");
	o->port = (uint16_t)port;
	return 0;
}

/* 0, or the exit code. */
static int read_option(struct serve_options *o, int key, const char *text) {
	switch (key) {
	case OPT_PORT:
		return read_port(o, text);
	case OPT_HTTP:
		return read_http(o, text);
	case OPT_BIND:
		return read_bind(o, text);
	case OPT_LOOPBACK:
		o->loopback = true;
		return 0;
	case OPT_LITE:
		o->lite = true;
		return 0;
	case OPT_FILES:
		return read_folder("files", &o->files, text);
	case OPT_MAX_FILE:
		return parse_unsigned(text, 1, INT64_MAX, &o->max_upload) ? 0 : expected("max-file", "bytes");
	case OPT_QUOTA:
		return parse_unsigned(text, 1, INT64_MAX, &o->quota) ? 0 : expected("quota", "bytes");
	case OPT_MAX_PEERS:
		return parse_unsigned(text, 1, 100000, &o->max_peers) ? 0 : expected("max-peers", "a number from 1 to 100000");
	case OPT_PER_ADDRESS:
		return parse_unsigned(text, 1, 100000, &o->per_address) ? 0
		                                                        : expected("per-address", "a number from 1 to 100000");
	case OPT_HOST:
		return read_host(o, text);
	case OPT_IDLE:
		return parse_seconds(text, 1, 86400, &o->idle) ? 0 : expected("idle", "seconds, 1 to 86400");
	case OPT_CORS:
		return read_cors(o, text);
	case OPT_WEB:
		return read_folder("web", &o->web, text);
	default: /* OPT_VERBOSE */
		o->verbose = true;
		return 0;
	}
}

/* -1 to go on, else the exit code. */
static int read_command_line(int argc, char **argv, struct serve_options *o) {
	int key;
	opterr = 0;
	while ((key = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (key == OPT_HELP) {
			fputs(help, stdout);
			return EXIT_OK;
		}
		if (key < OPT_PORT)
			return getopt_error("serve", key, argv);
		int wrong = read_option(o, key, optarg);
		if (wrong)
			return wrong;
	}
	if (optind < argc)
		return usage_error("serve", "unexpected argument '%s'", argv[optind]);
	o->loopback |= address_is_loopback(&o->http);
	return -1;
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
	struct serve_options o = {
		.max_peers = 256,
		.per_address = 64,
		.max_upload = UINT64_C(1) << 30,
		.quota = UINT64_C(4) << 30,
		.idle = 120,
	};
	parse_local_address("127.0.0.1:8080", &o.http, &o.http_len);
	int exit_code = read_command_line(argc, argv, &o);
	if (exit_code >= 0)
		return exit_code;
	struct serve s = {.options = &o, .log.verbose = o.verbose, .kinds = kinds, .kind_count = KINDS};
	exit_code = set_up(&s) ? EXIT_INTERRUPTED : EXIT_FAILED;
	if (exit_code == EXIT_INTERRUPTED)
		run(&s);
	tear_down(&s);
	return exit_code;
}
