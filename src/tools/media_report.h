/* media_report: the lines of `sluice media` for people. It knows flows and their statistics, and takes none itself. */
#ifndef TOOLS_MEDIA_REPORT_H
#define TOOLS_MEDIA_REPORT_H

#include "tools/media_flow.h"

/* What happened between the last two looks, `seconds` apart; at: since the connection. A line for each track that carries
 * something. rtt: of the path, in ns; 0: not known. */
void media_report_second(const struct media_flow *flows, double at, double seconds, uint64_t rtt);
/* All of it: a line for each track and for each file that was played. */
void media_report_summary(const struct media_flow *flows, const struct play *play);

#endif
