/* perf: `sluice perf`. Reads the command line; without --listen or --connect it forks the two ends, carries their addresses and
 * fingerprints from one to the other, passes Ctrl-C on, and waits. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/perf_media.h"

/* ---- the command line -------------------------------------------------------------------------------------------- */

/* Which options were given. */
enum {
	GIVEN_MEASURE = 1, /* any that says what to measure, but for --open, --media and --time */
	GIVEN_OPEN = 2,
	GIVEN_PING = 4,
	GIVEN_RETRANSMITS = 8,
	GIVEN_LIFETIME = 16,
	GIVEN_BY_HAND = 32, /* --fingerprint, --cert */
	GIVEN_MEDIA = 64,
	GIVEN_TIME = 128,
	GIVEN_CAPTURE = 256,
};

static int read_address(struct perf_options *o, enum perf_place place, const char *name, const char *text) {
	if (o->place != PERF_LOCAL)
		return usage_error("perf", "--listen and --connect: one of them, once");
	const char *wrong = parse_address(text, &o->address, &o->address_len);
	if (wrong)
		return usage_error("perf", "--%s %s: %s", name, text, wrong);
	o->place = place;
	o->address_text = text;
	return 0;
}

static int read_listen(const char *command, void *target, const char *text) {
	(void)command;
	return read_address(target, PERF_LISTEN, "listen", text);
}

static int read_connect(const char *command, void *target, const char *text) {
	struct perf_options *o = target;
	int wrong = read_address(o, PERF_CONNECT, "connect", text);
	if (wrong || !address_is_any(&o->address))
		return wrong;
	return usage_error(command, "--connect %s: this stands for every address of a host; name one of them", text);
}

static int read_fingerprint(const char *command, void *target, const char *text) {
	if (sluice_fingerprint_parse(text, &((struct perf_options *)target)->fingerprint) == 0)
		return 0;
	return front_error(command, "fingerprint", "'sha-256 ' and its bytes in hex with colons");
}

static const struct option_row measure_rows[] = {
	{"size", "BYTES", "of one message, {range} ({preset})", TO_U32(struct perf_options, size), .unit = "bytes", .min = 1,
         .max = PERF_MAX_SIZE, .preset = "16384", .mark = GIVEN_MEASURE},
	{"time", "S", "how long, {range} ({preset})", TO_SECONDS(struct perf_options, seconds), .unit = "seconds",
         .shortest = 0.1, .longest = 86400, .preset = "5", .mark = GIVEN_TIME},
	{"channels", "N", "how many channels at once, {range} ({preset})", TO_U32(struct perf_options, channels), .min = 1,
         .max = PERF_MAX_CHANNELS, .preset = "1", .mark = GIVEN_MEASURE},
	{"unordered", NULL, "messages may overtake each other", TO_FLAG(struct perf_options, unordered), .mark = GIVEN_MEASURE},
	{"max-retransmits", "N", "a message is given up after N retransmissions, {range}",
         TO_U32(struct perf_options, retransmits), .min = 0, .max = 65535, .mark = GIVEN_MEASURE | GIVEN_RETRANSMITS},
	{"lifetime", "MS", "a message is given up after so many milliseconds, {range}", TO_U32(struct perf_options, lifetime),
         .unit = "milliseconds", .min = 1, .max = 3600000, .mark = GIVEN_MEASURE | GIVEN_LIFETIME},
	{"ping", NULL, "round trips of one message instead of throughput", TO_FLAG(struct perf_options, ping),
         .mark = GIVEN_MEASURE | GIVEN_PING},
	{"open", "N", "the time to an open channel, N times, {range}, instead of throughput", TO_U32(struct perf_options, opens),
         .min = 1, .max = 100000, .mark = GIVEN_OPEN},
	{"media", "N", "N streams of video of 2.5 Mbit/s each, {range}, instead of a data channel",
         TO_U32(struct perf_options, media), .min = 1, .max = PERF_MAX_STREAMS, .mark = GIVEN_MEDIA},
	{"rtp-pcap", "FILE", "with --media: write the RTP and RTCP packets, as they are before SRTP, for Wireshark",
         TO_TEXT(struct perf_options, capture_file), .mark = GIVEN_CAPTURE},
};

static const struct option_row how_rows[] = {
	{"mtu", "BYTES", "size of datagrams at the start, {range} ({preset}); see --mtu-max", TO_U32(struct perf_options, mtu),
         .unit = "bytes", .min = 400, .max = 16384, .preset = "1200"},
	{"window", "BYTES", "receive window and send buffer, {range}", TO_U32(struct perf_options, window), .unit = "bytes",
         .min = 4096, .max = 1 << 30},
	{"spin", "US", "look for so many microseconds whether something comes before sleeping, {range} ({preset})",
         TO_U32(struct perf_options, spin), .unit = "microseconds", .min = 0, .max = 1000000, .preset = "0"},
	{"json", NULL, "one JSON object on stdout instead of lines", TO_FLAG(struct perf_options, json)},
	{"timeout", "S", "give up when there is no answer for so long, {range} ({preset})",
         TO_SECONDS(struct perf_options, timeout), .unit = "seconds", .shortest = 0.1, .longest = 3600, .preset = "10"},
	{"help", NULL, "this text", .kind = OPTION_HELP, .letter = 'h'},
};

static const struct option_row by_hand_rows[] = {
	{"listen", "ADDR:PORT", "be the receiver; asks for the other side's fingerprint if it is not given",
         TO_READER(read_listen)},
	{"connect", "ADDR:PORT", "be the sender; needs --fingerprint", TO_READER(read_connect)},
	{"fingerprint", "TEXT", "of the other side's certificate, 'sha-256 AB:CD:...'", TO_READER(read_fingerprint),
         .mark = GIVEN_BY_HAND},
	{"cert", "FILE", "use the certificate and key in this PEM file, so that the fingerprint stays",
         TO_TEXT(struct perf_options, certificate_file), .mark = GIVEN_BY_HAND},
};

static const char usage[] =
	"Usage: sluice perf [OPTION]...\n"
	"\n"
	"Measures a data channel between two processes over loopback: real UDP, DTLS and SCTP. Every byte is checked.\n";

/* What does not go together. */
static int check_options(const struct perf_options *o, uint32_t given) {
	if ((given & GIVEN_RETRANSMITS) && (given & GIVEN_LIFETIME))
		return usage_error("perf", "--max-retransmits and --lifetime exclude each other");
	if ((given & GIVEN_PING) && (given & GIVEN_OPEN))
		return usage_error("perf", "--ping and --open exclude each other");
	if ((given & GIVEN_MEDIA) && (given & (GIVEN_MEASURE | GIVEN_OPEN)))
		return usage_error("perf",
		                   "--media sends streams of one kind: of what says what to measure, only --time goes with it");
	if (o->mode == PERF_MEDIA && o->tuning.pcap_file)
		return usage_error("perf", "--pcap records an association; --rtp-pcap is for --media");
	if ((given & GIVEN_CAPTURE) && o->mode != PERF_MEDIA)
		return usage_error("perf", "--rtp-pcap is for --media");
	if (o->mode == PERF_PING && (o->channels > 1 || o->reliability != SLUICE_RELIABLE))
		return usage_error("perf", "--ping takes one reliable channel");
	if (o->mode == PERF_OPEN && (given & (GIVEN_MEASURE | GIVEN_TIME)))
		return usage_error("perf", "--open opens plain channels and sends nothing: no other option says what to measure");
	if (o->mode == PERF_OPEN && (o->tuning.trace_file || o->tuning.pcap_file))
		return usage_error("perf", "--trace and --pcap record one connection; --open makes many");
	if (o->place == PERF_LISTEN && (given & (GIVEN_MEASURE | GIVEN_TIME | GIVEN_OPEN | GIVEN_MEDIA)))
		return usage_error("perf", "--listen: the connecting side decides what to measure");
	if (o->place == PERF_CONNECT && !o->fingerprint.hash)
		return usage_error("perf", "--connect needs --fingerprint (the listener prints it)");
	if (o->place == PERF_LOCAL && (given & GIVEN_BY_HAND))
		return usage_error("perf", "--fingerprint and --cert are for --listen and --connect");
	return tuning_check(&o->tuning, "perf");
}

/* What follows from the options that were given. */
static void complete_options(struct perf_options *o, uint32_t given) {
	o->mode = given & GIVEN_MEDIA ? PERF_MEDIA : given & GIVEN_OPEN ? PERF_OPEN : o->ping ? PERF_PING : PERF_BULK;
	if (given & GIVEN_RETRANSMITS) {
		o->reliability = SLUICE_MAX_RETRANSMITS;
		o->reliability_value = o->retransmits;
	} else if (given & GIVEN_LIFETIME) {
		o->reliability = SLUICE_LIFETIME;
		o->reliability_value = o->lifetime;
	}
}

/* -1 to go on, else the exit code. */
static int read_command_line(int argc, char **argv, struct perf_options *o) {
	const struct option_section sections[] = {
		OPTION_SECTION("What to measure:", measure_rows, o),
		OPTION_SECTION("How:", how_rows, o),
		tuning_section(&o->tuning),
		OPTION_SECTION("By hand, on two hosts (the connecting side decides what to measure):", by_hand_rows, o),
	};
	struct front front = {
		.command = "perf",
		.usage = usage,
		.status = "Exit status: 0 done, 1 failed, 2 wrong command line, 130 interrupted (with the summary so far).",
		.sections = sections,
		.section_count = sizeof sections / sizeof *sections};
	int exit_code = front_read(&front, argc, argv, NULL);
	if (exit_code >= 0)
		return exit_code;
	complete_options(o, front.marks);
	int wrong = check_options(o, front.marks);
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
static void pin_to_cpu(int n) {
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

static bool start_child(struct child *c, int cpu, int (*run)(const struct perf_options *, int), const struct perf_options *o,
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
		pin_to_cpu(cpu);
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
	if (start_child(&rx, 1, perf_receiver_main, o, &before, -1) &&
	    start_child(&tx, 0, perf_sender_main, o, &before, rx.socket))
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
	struct perf_options o = {0};
	int exit_code = read_command_line(argc, argv, &o);
	if (exit_code >= 0)
		return exit_code;
	if (o.place == PERF_LISTEN)
		return perf_receiver_main(&o, -1);
	if (o.place == PERF_CONNECT)
		return perf_sender_main(&o, -1);
	return run_local(&o);
}
