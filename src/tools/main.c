/* sluice: the command. Finds the subcommand and hands it the rest of the line. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sluice.h"
#include "tools/tools.h"

#define STRING(x) #x
#define VERSION(major, minor, patch) STRING(major) "." STRING(minor) "." STRING(patch)

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
	bool takes_names; /* so that "help" may be a file */
};

static const struct command commands[] = {
	{"cat", cat_main, "join two terminals or pipelines by a channel", false},
	{"echo", echo_main, "send back what comes: a peer for scripts", false},
	{"forward", forward_main, "audio and video from one sender to many watchers (WHIP, WHEP)", false},
	{"media", media_main, "audio and video: receive into files, play, send back", false},
	{"perf", perf_main, "measure throughput, latency and set-up time between two peers", false},
	{"probe", probe_main, "show what the network of this host allows", false},
	{"receive", receive_main, "take files that another end sends", false},
	{"send", send_main, "send files, checked and resumable", true},
	{"serve", serve_main, "a page for browsers: echo, chat, files, throughput; and a meeting point", false},
};
#define COMMANDS (sizeof commands / sizeof *commands)

/* If one of the three standard streams were closed, the next socket would get its number, and what is printed would go there. */
static void fill_standard_streams(void) {
	int fd;
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int print_help(void) {
	printf("Usage: sluice COMMAND [OPTION]...\n\nWebRTC data channels, audio and video from the command "
	       "line.\n\nCommands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].what);
	printf("\n  --help      this text; 'sluice COMMAND --help' or 'sluice help COMMAND' tells about one command\n"
	       "  --version   the version\n");
	return EXIT_OK;
}

static int print_version(void) {
	printf("sluice %s\n", VERSION(SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR, SLUICE_VERSION_PATCH));
	return EXIT_OK;
}

static const struct command *find_command(const char *name) {
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int unknown(const char *name) {
	return usage_error("", "unknown %s '%s'", *name == '-' ? "option" : "command", name);
}

static int help_on(const struct command *c) {
	char name[16], option[] = "--help";
	char *argv[] = {name, option, NULL};
	snprintf(name, sizeof name, "%s", c->name);
	return c->run(2, argv);
}

/* "sluice help" and "sluice help COMMAND". */
static int help(int argc, char **argv) {
	const struct command *c = argc > 2 ? find_command(argv[2]) : NULL;
	if (argc > 3)
		return usage_error("", "unexpected argument '%s'", argv[3]);
	if (argc > 2 && !c)
		return unknown(argv[2]);
	return c ? help_on(c) : print_help();
}

static int run(int argc, char **argv) {
	if (argc < 2)
		return usage_error("", "no command given");
	const char *name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return print_help();
	if (strcmp(name, "--version") == 0)
		return print_version();
	if (strcmp(name, "help") == 0)
		return help(argc, argv);
	const struct command *c = find_command(name);
	if (!c)
		return unknown(name);
	if (argc == 3 && !c->takes_names && strcmp(argv[2], "help") == 0)
		return help_on(c);
	return c->run(argc - 1, argv + 1);
}

int main(int argc, char **argv) {
	fill_standard_streams();
	return finish_output(run(argc, argv));
}
