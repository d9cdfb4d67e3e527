/* receive: `sluice receive`. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tools/files.h"

struct receive_options {
	const char *folder;
	bool force;
};

static const struct option_row own[] = {
	{"output", "DIR", "where they go (the current folder)", TO_TEXT(struct receive_options, folder), .letter = 'o'},
	{"force", NULL, "replace files that were there before", TO_FLAG(struct receive_options, force)},
};

static const char usage[] =
	"Usage: sluice receive [OPTION]...\n"
	"\n"
	"Takes the files of a 'sluice send'. What is not complete yet is FILE.part; the same command again goes on with it.\n"
	"A file whose name is taken gets another one, FILE (2), unless it is the same file.\n"
	"\n";

static void message(void *machine, bool text, const void *data, size_t len) {
	file_receiver_message(machine, text, data, len);
}
static bool bytes(void *machine, const struct iovec *iov, size_t count, void (*release)(void *arg), void *arg) {
	return file_receiver_bytes(machine, iov, count, release, arg);
}
static bool work(void *machine) {
	return file_receiver_work(machine);
}
static void free_machine(void *machine) {
	file_receiver_free(machine);
}
static void get_progress(const void *machine, struct transfer_progress *p) {
	file_receiver_progress(machine, p);
}

int receive_main(int argc, char **argv) {
	struct receive_options o = {.folder = "."};
	struct command_options command = {.name = "receive",
	                                  .usage = usage,
	                                  .own = own,
	                                  .own_count = sizeof own / sizeof *own,
	                                  .target = &o,
	                                  .has_signalling = true};
	struct link_options options = {0};
	int rest, exit_code = options_read(&command, argc, argv, &options, &rest);
	if (exit_code >= 0)
		return exit_code;
	if (rest < argc)
		return usage_error("receive", "unexpected argument '%s' (-o DIR says where files go)", argv[rest]);
	struct files f = {.receives = true,
	                  .message = message,
	                  .bytes = bytes,
	                  .work = work,
	                  .get_progress = get_progress,
	                  .free = free_machine};
	struct transfer_wire wire = {files_send, &f, NULL, files_wake, worker_thread_here()};
	if (access(o.folder, W_OK | X_OK) == 0)
		f.machine = file_receiver_new(o.folder, o.force, &wire, files_event, &f);
	if (!f.machine) {
		complain("receive: cannot store files in %s: %s", o.folder, strerror(errno));
		return EXIT_FAILED;
	}
	return files_run(&f, &options);
}
