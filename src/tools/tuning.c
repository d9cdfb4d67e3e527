#include "tools/tuning.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "sctp/tx/cc.h"
#include "tools/tools.h"

/* ---- words ---- */

/* The library's table of controls begins at 1: 0 stands for its own choice. */
static const char *control_word(unsigned i, int *number) {
	const struct cc_ops *ops = cc_by_number(i + 1);
	*number = (int)i + 1;
	return ops ? ops->name : NULL;
}

static const char *recovery_word(unsigned i, int *number) {
	static const char *const words[] = {[SLUICE_RECOVERY_RFC9260] = "rfc9260", [SLUICE_RECOVERY_RACK] = "rack"};
	*number = (int)i + 1;
	return i + 1 < sizeof words / sizeof *words ? words[i + 1] : NULL;
}

static const char *scheduler_word(unsigned i, int *number) {
	static const char *const words[] = {
		[SLUICE_SCHEDULER_FIRST_COME] = "first-come",
		[SLUICE_SCHEDULER_ROUND_ROBIN] = "round-robin",
		[SLUICE_SCHEDULER_ROUND_ROBIN_PACKET] = "round-robin-packet",
		[SLUICE_SCHEDULER_PRIORITY] = "priority",
		[SLUICE_SCHEDULER_FAIR] = "fair",
		[SLUICE_SCHEDULER_WEIGHTED_FAIR] = "weighted-fair",
	};
	*number = (int)i + 1;
	return i + 1 < sizeof words / sizeof *words ? words[i + 1] : NULL;
}

/* ---- options ---- */

static const struct option_row rows[] = {
	{"cc", "NAME", "congestion control: {range}", TO_WORD(struct tuning, cc), .word = control_word},
	{"recovery", "NAME", "how loss is found: {range}", TO_WORD(struct tuning, recovery), .word = recovery_word},
	{"scheduler", "NAME", "which channel's data goes next: {range}", TO_WORD(struct tuning, scheduler),
         .word = scheduler_word},
	{"no-pacing", NULL, "send whatever the window allows at once", TO_FLAG(struct tuning, no_pacing)},
	{"mtu-max", "BYTES", "packets may grow to this where the path carries it, {range}", TO_U32(struct tuning, mtu_max),
         .unit = "bytes", .min = 400, .max = 65535},
	{"trace", "FILE", "write what happens, a line of JSON each; scripts/plot-trace draws it",
         TO_TEXT(struct tuning, trace_file)},
	{"pcap", "FILE", "write its packets, as they are before DTLS, for Wireshark", TO_TEXT(struct tuning, pcap_file)},
};

struct option_section tuning_section(struct tuning *t) {
	return OPTION_SECTION("The association of this end:", rows, t);
}

void tuning_apply(const struct tuning *t, sluice_sctp_config *config) {
	config->congestion_control = (enum sluice_cc)t->cc;
	config->recovery = (enum sluice_recovery)t->recovery;
	config->scheduler = (enum sluice_scheduler)t->scheduler;
	if (t->no_pacing)
		config->pacing = SLUICE_PACING_OFF;
	config->mtu_max = t->mtu_max < SLUICE_SCTP_MTU_MAX ? t->mtu_max : SLUICE_SCTP_MTU_MAX;
}

int tuning_check(const struct tuning *t, const char *command) {
	sluice_env *env;
	sluice_sctp *sctp = NULL;
	sluice_sctp_config config;
	sluice_sctp_config_init(&config);
	tuning_apply(t, &config);
	if (sluice_env_new(NULL, &env))
		return 0; /* whoever needs an environment reports that */
	bool refused = sluice_sctp_new(env, &config, &sctp) == SLUICE_INVALID;
	sluice_sctp_free(sctp);
	sluice_env_free(env);
	return refused ? usage_error(command,
	                             "this build of the library refuses what --cc, --recovery, --scheduler or --mtu-max ask for")
	               : 0;
}

/* ---- recording ---- */

static uint64_t clock_difference(void) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * SLUICE_S + (uint64_t)t.tv_nsec - sluice_now();
}

static bool open_file(FILE **f, const char *name, const char *command) {
	*f = name ? fopen(name, "we") : NULL;
	if (name && !*f)
		complain("%s: cannot write %s: %s", command, name, strerror(errno));
	return !name || *f;
}

bool recording_open(struct recording *r, const struct tuning *t, const char *command) {
	*r = (struct recording){.clock = clock_difference()};
	if (!open_file(&r->trace, t->trace_file, command) || !open_file(&r->pcap, t->pcap_file, command))
		return false;
	if (r->pcap) {
		uint8_t header[SLUICE_PCAP_HEADER_SIZE];
		sluice_pcap_header(header);
		fwrite(header, sizeof header, 1, r->pcap);
	}
	return true;
}

static void on_line(void *ctx, const char *line, size_t len) {
	struct recording *r = ctx;
	fwrite(line, len, 1, r->trace);
}

static void on_packet(void *ctx, bool sent, const void *packet, size_t len, uint64_t now) {
	struct recording *r = ctx;
	uint8_t record[SLUICE_PCAP_RECORD_SIZE];
	(void)sent;
	sluice_pcap_record(record, now + r->clock, len);
	fwrite(record, sizeof record, 1, r->pcap);
	fwrite(packet, len, 1, r->pcap);
}

int recording_begin(struct recording *r, sluice_peer *p, bool of_media) {
	int error = 0;
	if (r->trace)
		error = (of_media ? sluice_peer_set_media_trace : sluice_peer_set_trace)(p, on_line, r);
	return error || !r->pcap ? error : sluice_peer_set_packet_tap(p, on_packet, r);
}

static bool close_file(FILE *f, const char *name, const char *command) {
	if (!f)
		return true;
	bool bad = ferror(f) != 0;
	bad |= fclose(f) != 0;
	if (bad)
		complain("%s: %s is not complete: %s", command, name, strerror(errno));
	return !bad;
}

bool recording_close(struct recording *r, const struct tuning *t, const char *command) {
	bool trace = close_file(r->trace, t->trace_file, command), pcap = close_file(r->pcap, t->pcap_file, command);
	*r = (struct recording){0};
	return trace && pcap;
}
