/* server: sets a server up, and runs it until Ctrl-C. */
#ifndef TOOLS_SERVE_SERVER_H
#define TOOLS_SERVE_SERVER_H

#include "tools/serve/serve.h"

/* Options, command, kinds and whip_ops are set, and the rest is zero. Returns the exit code. */
int server_run(struct serve *s);

#endif
