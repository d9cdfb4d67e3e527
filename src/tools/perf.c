/* perf: `sluice perf`. Reads the command line; without --listen or --connect it forks the two ends, carries their addresses and
 * fingerprints from one to the other, passes Ctrl-C on, and waits. */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/perf.h"

/* ---- the command line -------------------------------------------------------------------------------------------- */

enum option_key {
	OPT_SIZE = 256,
	OPT_TIME,
	OPT_CHANNELS,
	OPT_UNORDERED,
	OPT_MAX_RETRANSMITS,
	OPT_LIFETIME,
	OPT_PING,
	OPT_OPEN,
	OPT_MTU,
	OPT_WINDOW,
	OPT_JSON,
	OPT_TIMEOUT,
	OPT_LISTEN,
	OPT_CONNECT,
	OPT_FINGERPRINT,
	OPT_CERT,
	OPT_HELP,
};

static const struct option own_options[] = {
	{"size", required_argument, NULL, OPT_SIZE},
	{"time", required_argument, NULL, OPT_TIME},
	{"channels", required_argument, NULL, OPT_CHANNELS},
	{"unordered", no_argument, NULL, OPT_UNORDERED},
	{"max-retransmits", required_argument, NULL, OPT_MAX_RETRANSMITS},
	{"lifetime", required_argument, NULL, OPT_LIFETIME},
	{"ping", no_argument, NULL, OPT_PING},
	{"open", required_argument, NULL, OPT_OPEN},
	{"mtu", required_argument, NULL, OPT_MTU},
	{"window", required_argument, NULL, OPT_WINDOW},
	{"json", no_argument, NULL, OPT_JSON},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"connect", required_argument, NULL, OPT_CONNECT},
	{"fingerprint", required_argument, NULL, OPT_FINGERPRINT},
	{"cert", required_argument, NULL, OPT_CERT},
	{"help", no_argument, NULL, OPT_HELP},
};
#define OWN_OPTIONS (sizeof own_options / sizeof *own_options)

static const char help[] =
	"Usage: sluice perf [OPTION]...\n"
	"\n"
	"Measures a data channel between two processes over loopback: real UDP, DTLS and SCTP. Every byte is checked.\n"
	"\n"
	"What to measure:\n"
	"  --size BYTES           of one message, 1 to 262144 (16384)\n"
	"  --time S               how long, 0.1 to 86400 (5)\n"
	"  --channels N           how many channels at once, 1 to 1000 (1)\n"
	"  --unordered            messages may overtake each other\n"
	"  --max-retransmits N    a message is given up after N retransmissions\n"
	"  --lifetime MS          a message is given up after so many milliseconds\n"
	"  --ping                 round trips of one message instead of throughput\n"
	"  --open N               the time to an open channel, N times, instead of throughput\n"
	"\n"
	"How:\n"
	"  --mtu BYTES            size of datagrams at the start, 400 to 16384 (1200); see --mtu-max\n"
	"  --window BYTES         receive window and send buffer, 4096 to 1073741824\n"
	"  --json                 one JSON object on stdout instead of lines\n"
	"  --timeout S            give up when there is no answer for so long, 0.1 to 3600 (10)\n";

static const char by_hand_help[] =
	"\n"
	"By hand, on two hosts (the connecting side decides what to measure):\n"
	"  --listen ADDR:PORT     be the receiver; asks for the other side's fingerprint if it is not given\n"
	"  --connect ADDR:PORT    be the sender; needs --fingerprint\n"
	"  --fingerprint TEXT     of the other side's certificate, 'sha-256 AB:CD:...'\n"
	"  --cert FILE            use the certificate and key in this PEM file, so that the fingerprint stays\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong command line, 130 interrupted (with the summary so far).\n";

static int usage(const char *option, const char *expected) {
	return usage_error("perf", "--%s: expected %s", option, expected);
}

static bool parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *out) {
	uint64_t v;
	if (!parse_unsigned(text, min, max, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

static int read_address(struct perf_options *o, enum perf_place place, const char *text) {
	const char *name = place == PERF_LISTEN ? "listen" : "connect";
	if (o->place != PERF_LOCAL)
		return usage_error("perf", "--listen and --connect: one of them, once");
	const char *wrong = parse_address(text, &o->address, &o->address_len);
	if (wrong)
		return usage_error("perf", "--%s %s: %s", name, text, wrong);
	if (place == PERF_CONNECT && address_is_any(&o->address))
		return usage_error("perf", "--connect %s: this stands for every address of a host; name one of them", text);
	o->place = place;
	o->address_text = text;
	return 0;
}

static int read_limit(struct perf_options *o, enum sluice_reliability kind, const char *text) {
	bool lifetime = kind == SLUICE_LIFETIME;
	if (o->reliability != SLUICE_RELIABLE && o->reliability != kind)
		return usage_error("perf", "--max-retransmits and --lifetime exclude each other");
	o->reliability = kind;
	if (!parse_u32(text, lifetime, lifetime ? 3600000 : 65535, &o->reliability_value))
		return lifetime ? usage("lifetime", "milliseconds, 1 to 3600000")
		                : usage("max-retransmits", "a number from 0 to 65535");
	return 0;
}

/* The options whose argument is a whole number, and what is expected of it. */
static const struct number {
	int key;
	const char *name, *expected;
	uint32_t min, max;
	size_t field;
} numbers[] = {
	{OPT_SIZE, "size", "bytes, 1 to 262144", 1, PERF_MAX_SIZE, offsetof(struct perf_options, size)},
	{OPT_CHANNELS, "channels", "a number from 1 to 1000", 1, PERF_MAX_CHANNELS, offsetof(struct perf_options, channels)},
	{OPT_OPEN, "open", "a number from 1 to 100000", 1, 100000, offsetof(struct perf_options, opens)},
	{OPT_MTU, "mtu", "bytes, 400 to 16384", 400, 16384, offsetof(struct perf_options, mtu)},
	{OPT_WINDOW, "window", "bytes, 4096 to 1073741824", 4096, 1 << 30, offsetof(struct perf_options, window)},
};

static int read_number(struct perf_options *o, const struct number *n, const char *text) {
	uint32_t value;
	if (!parse_u32(text, n->min, n->max, &value))
		return usage(n->name, n->expected);
	memcpy((char *)o + n->field, &value, sizeof value);
	return 0;
}

/* 0, or the exit code. */
static int read_option(struct perf_options *o, int key, const char *text) {
	if (key == OPT_PING || key == OPT_OPEN)
		o->mode = key == OPT_PING ? PERF_PING : PERF_OPEN;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (numbers[i].key == key)
			return read_number(o, &numbers[i], text);
	switch (key) {
	case OPT_TIME:
		return parse_seconds(text, 0.1, 86400, &o->seconds) ? 0 : usage("time", "seconds, 0.1 to 86400");
	case OPT_UNORDERED:
		o->unordered = true;
		return 0;
	case OPT_MAX_RETRANSMITS:
		return read_limit(o, SLUICE_MAX_RETRANSMITS, text);
	case OPT_LIFETIME:
		return read_limit(o, SLUICE_LIFETIME, text);
	case OPT_PING:
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_TIMEOUT:
		return parse_seconds(text, 0.1, 3600, &o->timeout) ? 0 : usage("timeout", "seconds, 0.1 to 3600");
	case OPT_LISTEN:
		return read_address(o, PERF_LISTEN, text);
	case OPT_CONNECT:
		return read_address(o, PERF_CONNECT, text);
	case OPT_FINGERPRINT:
		return sluice_fingerprint_parse(text, &o->fingerprint)
		               ? usage("fingerprint", "'sha-256 ' and its bytes in hex with colons")
		               : 0;
	default: /* OPT_CERT */
		o->certificate_file = text;
		return 0;
	}
}

/* What does not go together. `seen`: bit (key - OPT_SIZE) of every option given. */
static int check_options(const struct perf_options *o, uint32_t seen) {
	const uint32_t of_sender = (1u << (OPT_OPEN - OPT_SIZE + 1)) - 1;
#define SEEN(key) ((seen >> ((key)-OPT_SIZE)) & 1)
	if (SEEN(OPT_PING) && SEEN(OPT_OPEN))
		return usage_error("perf", "--ping and --open exclude each other");
	if (o->mode == PERF_PING && (o->channels > 1 || o->reliability != SLUICE_RELIABLE))
		return usage_error("perf", "--ping takes one reliable channel");
	if (o->mode == PERF_OPEN && (seen & of_sender & ~(1u << (OPT_OPEN - OPT_SIZE))))
		return usage_error("perf", "--open opens plain channels and sends nothing: no other option says what to measure");
	if (o->mode == PERF_OPEN && (o->tuning.trace_file || o->tuning.pcap_file))
		return usage_error("perf", "--trace and --pcap record one connection; --open makes many");
	if (o->place == PERF_LISTEN && (seen & of_sender))
		return usage_error("perf", "--listen: the connecting side decides what to measure");
	if (o->place == PERF_CONNECT && !o->fingerprint.hash)
		return usage_error("perf", "--connect needs --fingerprint (the listener prints it)");
	if (o->place == PERF_LOCAL && (SEEN(OPT_FINGERPRINT) || SEEN(OPT_CERT)))
		return usage_error("perf", "--fingerprint and --cert are for --listen and --connect");
#undef SEEN
	return tuning_check(&o->tuning, "perf");
}

/* -1 to go on, else the exit code. */
static int read_command_line(int argc, char **argv, struct perf_options *o) {
	struct option long_options[OWN_OPTIONS + TUNING_COUNT + 1] = {{0}};
	uint32_t seen = 0;
	int key;
	memcpy(long_options, own_options, sizeof own_options);
	memcpy(long_options + OWN_OPTIONS, tuning_options, sizeof tuning_options);
	opterr = 0;
	while ((key = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (key == OPT_HELP) {
			printf("%s%s%s", help, tuning_help, by_hand_help);
			return EXIT_OK;
		}
		if (key < OPT_SIZE)
			return getopt_error("perf", key, argv);
		int wrong = tuning_is_key(key) ? tuning_read(&o->tuning, "perf", key, optarg) : read_option(o, key, optarg);
		if (wrong)
			return wrong;
		if (!tuning_is_key(key))
			seen |= 1u << (key - OPT_SIZE);
	}
	if (optind < argc)
		return usage_error("perf", "unexpected argument '%s'", argv[optind]);
	int wrong = check_options(o, seen);
	return wrong ? wrong : -1;
}

/* ---- the two local processes ------------------------------------------------------------------------------------- */

struct child {
	const char *name;
	pid_t pid;
	int socket; /* to it; -1 once closed */
	int status; /* once pid is 0 */
};

/* The n-th CPU that we may run on; nothing is pinned where there is only one. */
static void pin(int n) {
	cpu_set_t all, one;
	if (sched_getaffinity(0, sizeof all, &all) || CPU_COUNT(&all) < 2)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || n-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof one, &one);
		return;
	}
}

/* Ctrl-C goes to every process of the terminal; only the parent listens, and passes it on to the sender. */
static void listen_to_parent_only(const sigset_t *before) {
	signal(SIGINT, SIG_IGN);
	sigprocmask(SIG_SETMASK, before, NULL);
}

static bool start(struct child *c, int cpu, int (*run)(const struct perf_options *, int), const struct perf_options *o,
                  const sigset_t *before, int not_mine) {
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return false;
	c->pid = fork();
	if (c->pid == 0) {
		close(pair[0]);
		if (not_mine >= 0)
			close(not_mine);
		listen_to_parent_only(before);
		pin(cpu);
		exit(finish_output(run(o, pair[1])));
	}
	close(pair[1]);
	c->socket = pair[0];
	return c->pid > 0;
}

static void hang_up(struct child *c) {
	if (c->socket >= 0)
		close(c->socket);
	c->socket = -1;
}

/* A child that died instead is noticed when it is waited for; the other one reads the end of its socket then. */
static void introduce(struct child *a, struct child *b) {
	struct perf_hello from_a, from_b;
	bool ok = read(a->socket, &from_a, sizeof from_a) == (ssize_t)sizeof from_a &&
	          read(b->socket, &from_b, sizeof from_b) == (ssize_t)sizeof from_b &&
	          send(a->socket, &from_b, sizeof from_b, MSG_NOSIGNAL) > 0 &&
	          send(b->socket, &from_a, sizeof from_a, MSG_NOSIGNAL) > 0;
	if (!ok) {
		hang_up(a);
		hang_up(b);
	}
}

/* One that was killed or interrupted leaves the other nothing to wait for; one that failed has told the other why. A reader of
 * our output that went away (SIGPIPE) is no news. */
static void reap(struct child *c, struct child *other) {
	int status;
	if (c->pid <= 0 || waitpid(c->pid, &status, WNOHANG) != c->pid)
		return;
	c->pid = 0;
	c->status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGPIPE)
		complain("perf: the %s died of signal %d (%s)", c->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
	hang_up(c);
	if (WIFSIGNALED(status) || c->status == EXIT_INTERRUPTED)
		hang_up(other);
}

/* How long one may outlive the other before it is told to go, and then is made to. */
#define GRACE 4

static void hurry(struct child *c, int *strikes) {
	if (c->pid <= 0)
		return;
	kill(c->pid, (*strikes)++ ? SIGKILL : SIGTERM);
}

static void await(struct child *tx, struct child *rx, const sigset_t *signals) {
	int strikes = 0;
	while (tx->pid > 0 || rx->pid > 0) {
		bool one_left = tx->pid <= 0 || rx->pid <= 0;
		struct timespec limit = {.tv_sec = one_left ? GRACE : 3600};
		int signal_number = sigtimedwait(signals, NULL, &limit);
		if (signal_number == SIGINT || signal_number == SIGTERM) {
			if (tx->socket >= 0 && send(tx->socket, "", 1, MSG_NOSIGNAL) < 0)
				hang_up(tx);
		} else if (signal_number < 0 && errno == EAGAIN && one_left) {
			hurry(tx, &strikes);
			hurry(rx, &strikes);
		}
		reap(tx, rx);
		reap(rx, tx);
	}
}

static int run_local(const struct perf_options *o) {
	struct child tx = {.name = "sender", .socket = -1}, rx = {.name = "receiver", .socket = -1};
	sigset_t signals, before;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, &before);
	if (start(&rx, 1, receiver_main, o, &before, -1) && start(&tx, 0, sender_main, o, &before, rx.socket))
		introduce(&tx, &rx);
	else
		complain("perf: cannot start a process: %s", strerror(errno));
	if (tx.pid <= 0)
		hang_up(&rx); /* it leaves when it finds that out */
	await(&tx, &rx, &signals);
	if (tx.status == EXIT_INTERRUPTED)
		return EXIT_INTERRUPTED;
	return tx.status || rx.status ? EXIT_FAILED : EXIT_OK;
}

int perf_main(int argc, char **argv) {
	struct perf_options o = {.size = 16384, .seconds = 5, .channels = 1, .mtu = 1200, .timeout = 10};
	int exit_code = read_command_line(argc, argv, &o);
	if (exit_code >= 0)
		return exit_code;
	if (o.place == PERF_LISTEN)
		return receiver_main(&o, -1);
	if (o.place == PERF_CONNECT)
		return sender_main(&o, -1);
	return run_local(&o);
}
