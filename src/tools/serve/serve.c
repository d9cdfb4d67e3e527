/* serve: `sluice serve`: its command line, and its services. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/front.h"
#include "tools/serve/server.h"
#include "tools/serve/service.h"
#include "tools/serve/settings.h"
#include "tools/serve/whip_clients.h"

/* What a channel may be. The echo stands last: it is for every other label. */
static const struct service_kind *const kinds[] = {
	&chat_kind, &stats_kind, &throughput_kind, &files_kind, &upload_kind, &download_kind, &relay_kind, &echo_kind,
};
#define KINDS (sizeof kinds / sizeof *kinds)
_Static_assert(KINDS <= SERVE_KINDS_MAX, "a client counts the opens of each kind");

/* ---- the command line -------------------------------------------------------------------------------------------- */

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

static const struct option_row what_rows[] = {
	{"files", "FOLDER", "files go into this folder and out of it; without it there are none", TO_READER(read_files)},
	{"max-file", "BYTES", "of one uploaded file ({preset})", TO_U64(struct serve_options, max_upload), .unit = "bytes",
         .min = 1, .max = INT64_MAX, .preset = "1073741824"},
	{"quota", "BYTES", "what the folder may hold in all ({preset})", TO_U64(struct serve_options, quota), .unit = "bytes",
         .min = 1, .max = INT64_MAX, .preset = "4294967296"},
	{"idle", "S", "close a peer that sends nothing for so long, {range} ({preset})", TO_SECONDS(struct serve_options, idle),
         .unit = "seconds", .shortest = 1, .longest = 86400, .preset = "120"},
	{"web", "FOLDER", "serve the page's files from this folder instead of those in the program", TO_READER(read_web)},
	{"verbose", NULL,
         "a line on stderr for each thing that happens to a peer, and a line a second for each room of audio and video",
         TO_FLAG(struct serve_options, verbose)},
	{"help", NULL, "this text", .kind = OPTION_HELP, .letter = 'h'},
};

static const char usage[] =
	"Usage: sluice serve [OPTION]...\n"
	"\n"
	"Serves a page with which any browser connects: chat, files, video, throughput, an echo, live statistics. Who opens\n"
	"http://ADDR:PORT/watch/ROOM sees the video of a room. Programs publish it to http://ADDR:PORT/whip/ROOM (WHIP) and\n"
	"watch it at http://ADDR:PORT/whep/ROOM (WHEP), as with 'sluice forward'. Also a place where 'sluice cat', 'send',\n"
	"'receive' and 'media' meet (--signal http://ADDR:PORT/room/NAME).\n";

int serve_main(int argc, char **argv) {
	struct serve_options o = {0};
	int exit_code = settings_read("serve", usage, OPTION_SECTION("What:", what_rows, &o), &o, argc, argv);
	if (exit_code >= 0)
		return exit_code;
	struct serve s = {.command = "serve",
	                  .options = &o,
	                  .log.verbose = o.verbose,
	                  .kinds = kinds,
	                  .kind_count = KINDS,
	                  .whip_ops = &whip_clients_ops};
	return server_run(&s);
}
