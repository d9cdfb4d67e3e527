/* settings: the command line of `sluice serve` and `sluice forward`: where the server is, and who may come. What it serves is the
 * command's own. */
#ifndef TOOLS_SERVE_SETTINGS_H
#define TOOLS_SERVE_SETTINGS_H

#include "tools/front.h"

struct serve_options;

/* Reads a command line with these options and those of `what`. -1 to go on, else the exit code. */
int settings_read(const char *command, const char *usage, struct option_section what, struct serve_options *o, int argc,
                  char **argv);

#endif
