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
};

static const struct command commands[] = {
	{"cat", cat_main, "join two terminals or pipelines by a channel"},
	{"echo", echo_main, "send back what comes: a peer for scripts"},
	{"perf", perf_main, "measure throughput, latency and set-up time between two peers"},
	{"probe", probe_main, "show what the network of this host allows"},
	{"receive", receive_main, "take files that another end sends"},
	{"send", send_main, "send files, checked and resumable"},
	{"serve", serve_main, "a page for browsers: echo, chat, files, throughput; and a meeting point"},
};
#define COMMANDS (sizeof commands / sizeof *commands)

/* Where one of the three standard streams is closed, the next socket would get its number, and what is printed with it. */
static void fill_standard_streams(void) {
	int fd;
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int print_help(void) {
	printf("Usage: sluice COMMAND [OPTION]...\n\nWebRTC data channels from the command line.\n\nCommands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].what);
	printf("\n  --help      this text; 'sluice COMMAND --help' tells about one command\n"
	       "  --version   the version\n");
	return EXIT_OK;
}

static int print_version(void) {
	printf("sluice %s\n", VERSION(SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR, SLUICE_VERSION_PATCH));
	return EXIT_OK;
}

static int run(int argc, char **argv) {
	if (argc < 2)
		return usage_error("", "no command given");
	const char *name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return print_help();
	if (strcmp(name, "--version") == 0)
		return print_version();
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return usage_error("", "unknown %s '%s'", *name == '-' ? "option" : "command", name);
}

int main(int argc, char **argv) {
	fill_standard_streams();
	return finish_output(run(argc, argv));
}
