/* forward: `sluice forward`: its command line. A server of WHIP and WHEP without pages and services. */
#include "tools/front.h"
#include "tools/serve/server.h"
#include "tools/serve/settings.h"
#include "tools/serve/whip_clients.h"

static const struct option_row own_rows[] = {
	{"verbose", NULL, "a line on stderr for each thing that happens to a peer, and a line a second for each room",
         TO_FLAG(struct serve_options, verbose)},
	{"help", NULL, "this text", .kind = OPTION_HELP, .letter = 'h'},
};

static const char usage[] =
	"Usage: sluice forward [OPTION]...\n"
	"\n"
	"Forwards audio and video from one sender to many watchers, as they come. Who publishes offers to\n"
	"http://ADDR:PORT/whip/ROOM (WHIP, RFC 9725), who watches to http://ADDR:PORT/whep/ROOM (WHEP). 'sluice serve' has\n"
	"the same rooms, and pages for them.\n";

int forward_main(int argc, char **argv) {
	struct serve_options o = {.idle = 120};
	int exit_code = settings_read("forward", usage, OPTION_SECTION("What:", own_rows, &o), &o, argc, argv);
	if (exit_code >= 0)
		return exit_code;
	struct serve s = {
		.command = "forward", .options = &o, .log.verbose = o.verbose, .whip_ops = &whip_clients_ops, .whip_only = true};
	return server_run(&s);
}
