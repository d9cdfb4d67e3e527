/* send: `sluice send FILE...`. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/files.h"

static const char usage[] =
	"Usage: sluice send [OPTION]... FILE...\n"
	"\n"
	"Sends files to a 'sluice receive'. Each is checked when it has arrived; what broke off goes on where it was.\n"
	"\n"
	"  here$  sluice send photo.jpg             prints a line for the other side\n"
	"  there$ sluice receive                    reads it, and prints one for this side\n";

/* What cannot be sent is told before anybody waits for it. */
static bool can_be_read(const char *path) {
	struct stat st;
	if (stat(path, &st) || access(path, R_OK))
		complain("send: %s: %s", path, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		complain("send: %s: is a folder; send its files, or an archive of it", path);
	else if (!S_ISREG(st.st_mode))
		complain("send: %s: is no regular file", path);
	else
		return true;
	return false;
}

static void message(void *machine, bool text, const void *data, size_t len) {
	file_sender_message(machine, text, data, len);
}
static bool work(void *machine) {
	return file_sender_work(machine);
}
static void free_machine(void *machine) {
	file_sender_free(machine);
}
static void get_progress(const void *machine, struct transfer_progress *p) {
	file_sender_progress(machine, p);
}

int send_main(int argc, char **argv) {
	struct command_options command = {.name = "send", .usage = usage, .has_signalling = true};
	struct link_options options = {0};
	int rest, exit_code = options_read(&command, argc, argv, &options, &rest);
	if (exit_code >= 0)
		return exit_code;
	if (rest == argc)
		return usage_error("send", "no file is named");
	bool all = true;
	for (int i = rest; i < argc; i++)
		all &= can_be_read(argv[i]);
	if (!all)
		return EXIT_FAILED;
	struct files f = {.message = message, .work = work, .get_progress = get_progress, .free = free_machine};
	struct transfer_wire wire = {files_send, &f, files_lend, files_wake, worker_thread_here()};
	f.machine = file_sender_new(argv + rest, (size_t)(argc - rest), TRANSFER_CHUNK_MAX, &wire, files_event, &f);
	if (!f.machine) {
		complain("send: no memory");
		return EXIT_FAILED;
	}
	return files_run(&f, &options);
}
