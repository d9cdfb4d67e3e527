/* forward: `sluice forward`: its command line. A server of WHIP and WHEP without pages and services. */
#include "tools/front.h"
#include "tools/serve/server.h"
#include "tools/serve/settings.h"
#include "tools/serve/whip_clients.h"

static const struct option_row own_rows[] = {
	{"verbose", NULL, "a line on stderr for each thing that happens to a peer, and each second one for each room",
         TO_FLAG(struct serve_options, verbose)},
	{"help", NULL, "this text", .kind = OPTION_HELP, .letter = 'h'},
};

static const char usage[] =
	"Usage: sluice forward [OPTION]...\n"
	"\n"
	"Forwards audio and video from one sender to many watchers, as they come. Who publishes offers to\n"
	"http://ADDR:PORT/whip/ROOM (WHIP, RFC 9725), who watches to http://ADDR:PORT/whep/ROOM (WHEP). 'sluice serve' has\n"
	"the same rooms, and pages for them.\n";

/* -1 to go on, else the exit code. */
static int read_command_line(int argc, char **argv, struct serve_options *o) {
	const struct option_section sections[] = {settings_where(o), settings_who(o), OPTION_SECTION("What:", own_rows, o)};
	struct front front = {.command = "forward",
	                      .usage = usage,
	                      .status = "Exit status: 1 it failed, 2 wrong command line, 130 ended by Ctrl-C.",
	                      .sections = sections,
	                      .section_count = sizeof sections / sizeof *sections};
	int rest, exit_code = front_read(&front, argc, argv, &rest);
	if (exit_code >= 0)
		return exit_code;
	if (rest < argc)
		return usage_error("forward", "unexpected argument '%s'", argv[rest]);
	exit_code = settings_check("forward", o);
	return exit_code ? exit_code : -1;
}

int forward_main(int argc, char **argv) {
	struct serve_options o = {.idle = 120};
	int exit_code = read_command_line(argc, argv, &o);
	if (exit_code >= 0)
		return exit_code;
	struct serve s = {
		.command = "forward", .options = &o, .log.verbose = o.verbose, .whip_ops = &whip_clients_ops, .whip_only = true};
	return server_run(&s);
}
