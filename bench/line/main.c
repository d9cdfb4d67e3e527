/* line: runs a command at one end of a line of a stated rate, delay, queue and loss; the other end is another network namespace.
 *
 *   line [OPTION]... COMMAND [ARGUMENT]...
 *
 * The command finds in its environment how to start a process at the other end, and the addresses of both:
 *
 *   PEER_EXEC    words that begin the command of a process at the other end: "nsenter --net=..."
 *   PEER_HERE    10.98.0.1, the command's own end
 *   PEER_THERE   10.98.0.2
 *
 * When the command ends, so does the line, with the command's status, and what the command started is ended. Nothing is left:
 * the namespaces have no names. Without root it needs user namespaces. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "line/carry.h"

#define EXIT_USAGE 2
#define EXIT_MAY_NOT 77
#define EXIT_LIMIT 124
#define EXIT_NO_COMMAND 127

static const char usage[] =
	"usage: line [OPTION]... COMMAND [ARGUMENT]...\n"
	"Runs COMMAND at one end of a line between two network namespaces. PEER_EXEC in its environment begins the command\n"
	"of a process at the other end; PEER_HERE and PEER_THERE are the addresses.\n"
	"  --rate MBIT     Mbit/s of IP packets, 0.001 to 100000 (100)\n"
	"  --rtt MS        there and back, 0 to 10000 (20)\n"
	"  --queue BYTES   at each end, up to 1 GB; 0: what the line carries in a round trip (0)\n"
	"  --loss PERCENT  of the packets in each direction, 0 to 100 (0)\n"
	"  --seed N        of what is lost (1)\n"
	"  --trains        take trains of packets as GSO makes them: less work for the machine\n"
	"  --limit S       end the command after that time, 1 to 86400 (60)\n"
	"  --report FILE   write what was carried there, as one JSON object\n"
	"Exit status: the command's; 2 wrong command line, 77 no namespaces may be made, 124 the limit was reached, 127 there "
	"is\n"
	"no such command, 130 interrupted.\n";

struct options {
	double rate, rtt, queue, loss, seed, limit;
	int trains;
	const char *report;
	char **command;
};

/* ---- the command line ---- */

static double *number_of(struct options *o, const char *name, double *least, double *most) {
	const struct {
		const char *name;
		double *value, least, most;
	} rows[] = {{"rate", &o->rate, 0.001, 1e5}, {"rtt", &o->rtt, 0, 1e4},   {"queue", &o->queue, 0, 1e9},
	            {"loss", &o->loss, 0, 100},     {"seed", &o->seed, 0, 1e9}, {"limit", &o->limit, 1, 86400}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		*least = rows[i].least;
		*most = rows[i].most;
		return rows[i].value;
	}
	return NULL;
}

static bool number_read(struct options *o, const char *name, const char *text) {
	double least, most, *value = number_of(o, name, &least, &most);
	char *end;
	*value = strtod(text, &end);
	if (end != text && *end == 0 && *value >= least && *value <= most)
		return true;
	fprintf(stderr, "line: --%s %s: it is a number from %g to %g\n", name, text, least, most);
	return false;
}

static bool options_read(struct options *o, int argc, char **argv) {
	*o = (struct options){.rate = 100, .rtt = 20, .seed = 1, .limit = 60};
	const struct option known[] = {
		{"rate", 1, NULL, 'n'}, {"rtt", 1, NULL, 'n'},   {"queue", 1, NULL, 'n'},      {"loss", 1, NULL, 'n'},
		{"seed", 1, NULL, 'n'}, {"limit", 1, NULL, 'n'}, {"trains", 0, &o->trains, 1}, {"report", 1, NULL, 'r'},
		{"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
	for (int c, i = 0; (c = getopt_long(argc, argv, "+h", known, &i)) >= 0;) {
		if (c == 'h') {
			fputs(usage, stdout);
			exit(0);
		}
		if (c == 'r')
			o->report = optarg;
		else if (c == '?' || (c == 'n' && !number_read(o, known[i].name, optarg)))
			return false;
	}
	o->command = argv + optind;
	if (*o->command)
		return true;
	fputs("line: there is no command\n", stderr);
	return false;
}

/* ---- the command's process ---- */

/* A group of its own, so that all of it can be ended. It does not outlive this process. */
static pid_t command_start(const struct line_ends *ends, char **command, const sigset_t *signals) {
	char peer[80];
	pid_t line = getpid(), child = fork();
	if (child)
		return child;
	snprintf(peer, sizeof peer, "nsenter --net=/proc/%d/ns/net", (int)line);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_UNBLOCK, signals, NULL);
	if (getppid() != line || !line_ends_enter(ends, LINE_A))
		_exit(EXIT_NO_COMMAND);
	setenv("PEER_EXEC", peer, 1);
	setenv("PEER_HERE", line_addresses[LINE_A], 1);
	setenv("PEER_THERE", line_addresses[LINE_B], 1);
	execvp(*command, command);
	fprintf(stderr, "line: %s: %s\n", *command, strerror(errno));
	_exit(EXIT_NO_COMMAND);
}

static int status_of(int status) {
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Carries until the command has ended. The exit status. */
static int carry(struct line *l, pid_t child, int signals, uint64_t until) {
	struct signalfd_siginfo signal;
	int status;
	while (line_carry(l, signals, until)) {
		if (read(signals, &signal, sizeof signal) != sizeof signal)
			continue;
		if (signal.ssi_signo != SIGCHLD)
			return 128 + (int)signal.ssi_signo;
		if (waitpid(child, &status, WNOHANG) == child)
			return status_of(status);
	}
	fputs("line: the limit of time was reached\n", stderr);
	return EXIT_LIMIT;
}

/* What the command started may have become a child of ours. */
static void end_all(pid_t child) {
	kill(-child, SIGKILL);
	while (waitpid(-child, NULL, 0) > 0)
		;
}

/* ---- the report ---- */

static double seconds_of(struct timeval t) {
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void way_print(FILE *f, const char *name, const struct line_counters *c, uint64_t missed) {
	fprintf(f,
	        "\"%s\":{\"packets\":%llu,\"bytes\":%llu,\"dropped\":%llu,\"lost\":%llu,\"missed\":%llu,\"offered\":%llu,"
	        "\"longest_queue\":%llu}",
	        name, (unsigned long long)c->carried, (unsigned long long)c->carried_bytes, (unsigned long long)c->dropped,
	        (unsigned long long)c->lost, (unsigned long long)missed, (unsigned long long)c->offered,
	        (unsigned long long)c->longest_queue);
}

static void report_print(FILE *f, const struct line *l) {
	struct rusage own, command;
	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &command);
	fputc('{', f);
	way_print(f, "there", &l->ways[LINE_A].counters, line_ends_missed(l->ends, LINE_A));
	fputc(',', f);
	way_print(f, "back", &l->ways[LINE_B].counters, line_ends_missed(l->ends, LINE_B));
	fprintf(f, ",\"cpu_line_s\":%.3f,\"cpu_command_s\":%.3f,\"peak_command_kib\":%ld}\n",
	        seconds_of(own.ru_utime) + seconds_of(own.ru_stime), seconds_of(command.ru_utime) + seconds_of(command.ru_stime),
	        command.ru_maxrss);
}

static void report(const char *path, const struct line *l) {
	FILE *f = path ? fopen(path, "w") : stderr;
	if (!f) {
		fprintf(stderr, "line: %s: %s\n", path, strerror(errno));
		return;
	}
	report_print(f, l);
	if (path)
		fclose(f);
}

/* ---- all of it ---- */

static uint64_t after(double seconds) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec + (uint64_t)(seconds * 1e9);
}

static struct line_config config_of(const struct options *o) {
	return (struct line_config){.rate = (uint64_t)(o->rate * 1e6),
	                            .delay = (uint64_t)(o->rtt * 1e6 / 2),
	                            .queue = (uint64_t)o->queue,
	                            .loss = o->loss / 100,
	                            .seed = (uint64_t)o->seed};
}

static int run(const struct options *o, struct line *l) {
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	line_hurry(LINE_ITSELF);
	pid_t child = command_start(l->ends, o->command, &signals);
	if (fd < 0 || child < 0) {
		fprintf(stderr, "line: %s\n", strerror(errno));
		return EXIT_NO_COMMAND;
	}
	int status = carry(l, child, fd, after(o->limit));
	end_all(child);
	report(o->report, l);
	return status;
}

int main(int argc, char **argv) {
	struct options o;
	struct line_ends ends;
	struct line l;
	if (!options_read(&o, argc, argv)) {
		fputs("line --help says how it is used\n", stderr);
		return EXIT_USAGE;
	}
	const char *wrong = line_ends_open(&ends, o.trains);
	if (wrong) {
		fprintf(stderr, "line: %s\n", wrong);
		return EXIT_MAY_NOT;
	}
	struct line_config config = config_of(&o);
	if (!line_open(&l, &ends, &config)) {
		fputs("line: there is not enough memory for what such a line holds\n", stderr);
		return EXIT_USAGE;
	}
	int status = run(&o, &l);
	line_close(&l);
	line_ends_close(&ends);
	return status;
}
