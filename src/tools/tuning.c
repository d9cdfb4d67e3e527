#include "tools/tuning.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "tools/tools.h"

/* ---- words ---- */

struct word {
	const char *text;
	int value;
};

static const struct word controls[] = {{"newreno", SLUICE_CC_NEWRENO},
                                       {"cubic", SLUICE_CC_CUBIC},
                                       {"bbr", SLUICE_CC_BBR},
                                       {"low-delay", SLUICE_CC_LOW_DELAY},
                                       {NULL, 0}};
static const struct word recoveries[] = {{"rfc9260", SLUICE_RECOVERY_RFC9260}, {"rack", SLUICE_RECOVERY_RACK}, {NULL, 0}};
static const struct word schedulers[] = {{"first-come", SLUICE_SCHEDULER_FIRST_COME},
                                         {"round-robin", SLUICE_SCHEDULER_ROUND_ROBIN},
                                         {"round-robin-packet", SLUICE_SCHEDULER_ROUND_ROBIN_PACKET},
                                         {"priority", SLUICE_SCHEDULER_PRIORITY},
                                         {"fair", SLUICE_SCHEDULER_FAIR},
                                         {"weighted-fair", SLUICE_SCHEDULER_WEIGHTED_FAIR},
                                         {NULL, 0}};

/* ---- options ---- */

const struct option tuning_options[TUNING_COUNT] = {
	{"cc", required_argument, NULL, TUNING_CC},
	{"recovery", required_argument, NULL, TUNING_RECOVERY},
	{"scheduler", required_argument, NULL, TUNING_SCHEDULER},
	{"no-pacing", no_argument, NULL, TUNING_NO_PACING},
	{"mtu-max", required_argument, NULL, TUNING_MTU_MAX},
	{"trace", required_argument, NULL, TUNING_TRACE},
	{"pcap", required_argument, NULL, TUNING_PCAP},
};

const char tuning_help[] =
	"\n"
	"The association of this end:\n"
	"  --cc NAME              congestion control: newreno, cubic, bbr or low-delay\n"
	"  --recovery NAME        how loss is found: rack, or rfc9260\n"
	"  --scheduler NAME       which channel's data goes next: first-come, round-robin, round-robin-packet,\n"
	"                         priority, fair or weighted-fair\n"
	"  --no-pacing            send whatever the window allows at once\n"
	"  --mtu-max BYTES        packets may grow to this where the path carries it, 400 to 65520\n"
	"  --trace FILE           write what happens, a line of JSON each; scripts/plot-trace draws it\n"
	"  --pcap FILE            write its packets, as they are before DTLS, for Wireshark\n";

/* The options whose argument is one of some words. */
static const struct choice {
	int key;
	const char *option;
	const struct word *words;
	size_t field;
} choices[] = {
	{TUNING_CC, "cc", controls, offsetof(struct tuning, cc)},
	{TUNING_RECOVERY, "recovery", recoveries, offsetof(struct tuning, recovery)},
	{TUNING_SCHEDULER, "scheduler", schedulers, offsetof(struct tuning, scheduler)},
};

/* The value of the word; else an error that names those there are: "rfc9260 or rack". */
static int read_word(const char *command, const struct choice *c, const char *text, int *value) {
	char all[160] = "";
	for (const struct word *w = c->words; w->text; w++) {
		if (strcmp(w->text, text) == 0) {
			*value = w->value;
			return 0;
		}
		size_t used = strlen(all);
		snprintf(all + used, sizeof all - used, "%s%s", w == c->words ? "" : w[1].text ? ", " : " or ", w->text);
	}
	return usage_error(command, "--%s %s: expected %s", c->option, text, all);
}

int tuning_read(struct tuning *t, const char *command, int key, const char *text) {
	uint64_t bytes;
	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
		if (choices[i].key == key)
			return read_word(command, &choices[i], text, (int *)(void *)((char *)t + choices[i].field));
	switch (key) {
	case TUNING_NO_PACING:
		t->no_pacing = true;
		return 0;
	case TUNING_MTU_MAX:
		if (!parse_unsigned(text, 400, 65520, &bytes))
			return usage_error(command, "--mtu-max: expected bytes, 400 to 65520");
		t->mtu_max = (uint32_t)bytes;
		return 0;
	case TUNING_TRACE:
		t->trace_file = text;
		return 0;
	default: /* TUNING_PCAP */
		t->pcap_file = text;
		return 0;
	}
}

void tuning_apply(const struct tuning *t, sluice_sctp_config *config) {
	config->congestion_control = (enum sluice_cc)t->cc;
	config->recovery = (enum sluice_recovery)t->recovery;
	config->scheduler = (enum sluice_scheduler)t->scheduler;
	if (t->no_pacing)
		config->pacing = SLUICE_PACING_OFF;
	config->mtu_max = t->mtu_max;
}

int tuning_check(const struct tuning *t, const char *command) {
	sluice_env *env;
	sluice_sctp *sctp = NULL;
	sluice_sctp_config config;
	sluice_sctp_config_init(&config);
	tuning_apply(t, &config);
	if (sluice_env_new(NULL, &env))
		return 0; /* said when it is needed */
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

int recording_begin(struct recording *r, sluice_peer *p) {
	int error = r->trace ? sluice_peer_set_trace(p, on_line, r) : 0;
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
