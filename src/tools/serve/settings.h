/* settings: the options that `sluice serve` and `sluice forward` share: where the server is, and who may come. */
#ifndef TOOLS_SERVE_SETTINGS_H
#define TOOLS_SERVE_SETTINGS_H

#include "tools/front.h"

struct serve_options;

struct option_section settings_where(struct serve_options *o);
struct option_section settings_who(struct serve_options *o);
/* When all are read. 0, or an exit code after it said what is wrong. */
int settings_check(const char *command, struct serve_options *o);

#endif
