/* tuning: the options about the association of a connection: how it behaves, and which files record it. */
#ifndef TOOLS_TUNING_H
#define TOOLS_TUNING_H

#include <stdio.h>

#include "sluice.h"
#include "tools/front.h"

struct tuning {
	/* Of enum sluice_cc, sluice_recovery, sluice_scheduler; 0: the library's. */
	int cc, recovery, scheduler;
	bool no_pacing;
	uint32_t mtu_max;                   /* 0: the library's */
	const char *trace_file, *pcap_file; /* NULL: none */
};

/* For a command's options. */
struct option_section tuning_section(struct tuning *t);

/* Does the library take what was chosen? 0, or the exit code. */
int tuning_check(const struct tuning *t, const char *command);
void tuning_apply(const struct tuning *t, sluice_sctp_config *config);

/* ---- recording ---- */

struct recording {
	FILE *trace, *pcap;
	uint64_t clock; /* the time of day minus the loop's clock */
};

/* Opens the files before anything else is done; false when it said why that is not possible. */
bool recording_open(struct recording *r, const struct tuning *t, const char *command);
/* From here on this peer's association is written down. of_media: the trace tells of its media instead. Returns 0 or an error. */
int recording_begin(struct recording *r, sluice_peer *p, bool of_media);
/* After the peer is gone. False when a file is not complete, which it says. */
bool recording_close(struct recording *r, const struct tuning *t, const char *command);

#endif
