/* options: see its header. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/options.h"

/* ---- servers ------------------------------------------------------------------------------------------------------- */

static int read_stun(const char *command, void *target, const char *text) {
	return servers_add_stun(command, &((struct link_options *)target)->servers, text);
}

static int read_turn(const char *command, void *target, const char *text) {
	return servers_add_turn(command, &((struct link_options *)target)->servers, text);
}

static int read_username(const char *command, void *target, const char *text) {
	return servers_add_username(command, &((struct link_options *)target)->servers, text);
}

static int read_credential(const char *command, void *target, const char *text) {
	return servers_add_credential(command, &((struct link_options *)target)->servers, text);
}

/* ---- the other options --------------------------------------------------------------------------------------------- */

static int read_port_range(const char *command, void *target, const char *text) {
	struct link_options *o = target;
	char first[8];
	uint64_t min, max;
	size_t len = strcspn(text, "-");
	snprintf(first, sizeof first, "%.*s", (int)(len < 7 ? len : 7), text);
	if (text[len] != '-' || !parse_unsigned(first, 1, 65535, &min) || !parse_unsigned(text + len + 1, min, 65535, &max))
		return front_error(command, "port-range", "MIN-MAX, two ports from 1 to 65535");
	o->port_min = (uint16_t)min;
	o->port_max = (uint16_t)max;
	return 0;
}

static int read_bind(const char *command, void *target, const char *text) {
	struct link_options *o = target;
	if (!parse_host(text, &o->bind, &o->bind_len))
		return front_error(command, "bind", "an IPv4 or IPv6 address of this host");
	return address_is_any(&o->bind) ? front_error(command, "bind", "one address; without --bind all are used") : 0;
}

static int set_role(const char *command, struct link_options *o, enum link_role role) {
	if (o->role != LINK_ANY && o->role != role)
		return usage_error(command, "--offer and --answer exclude each other");
	o->role = role;
	return 0;
}

static int read_offer(const char *command, void *target, const char *text) {
	(void)text;
	return set_role(command, target, LINK_OFFER);
}

static int read_answer(const char *command, void *target, const char *text) {
	(void)text;
	return set_role(command, target, LINK_ANSWER);
}

static int read_signal(const char *command, void *target, const char *text) {
	((struct link_options *)target)->signal = text;
	return *text ? 0 : front_error(command, "signal", "-, a file, tcp:HOST:PORT[#SECRET], an http:// address or whip:URL");
}

static int check(const struct link_options *o) {
	int exit_code = servers_check(o->command, &o->servers);
	if (exit_code)
		return exit_code;
	if (o->relay_only && !servers_have_turn(&o->servers))
		return usage_error(o->command, "--relay-only: no --turn is given");
	if (o->relay_only && o->lite)
		return usage_error(o->command, "--lite and --relay-only exclude each other");
	bool tcp = o->signal && strncmp(o->signal, "tcp:", 4) == 0;
	if (o->listen && !tcp)
		return usage_error(o->command, "--listen is for --signal tcp:HOST:PORT");
	return tuning_check(&o->tuning, o->command);
}

/* ---- the tables ---------------------------------------------------------------------------------------------------- */

static const struct option_row signalling_rows[] = {
	{"(nothing)", NULL, "by copy and paste: each prints a line for the other", .kind = OPTION_NOTE},
	{"signal", "-", "the same for scripts: the line on stderr, the other's line on stdin", TO_READER(read_signal)},
	{"--signal FILE", NULL, "by FILE and FILE.answer in a folder that both see", .kind = OPTION_NOTE},
	{"--signal tcp:HOST:PORT[#SECRET]", NULL,
         "by a TCP connection: the first end listens, the second connects; with a secret, which has to be the same at both ends, "
         "nobody else is told anything",
         .kind = OPTION_NOTE},
	{"--signal http://HOST:PORT/room/NAME", NULL, "by a room of a 'sluice serve' that both reach; https:// too",
         .kind = OPTION_NOTE},
	{"--signal whip:URL[#TOKEN]", NULL,
         "by a server of WHIP that answers itself, such as a 'sluice serve' at /whip/ROOM; whep: of WHEP", .kind = OPTION_NOTE},
	{"listen", NULL, "with tcp: listen, never connect", TO_FLAG(struct link_options, listen)},
	{"offer", NULL, "be the one that offers, instead of finding out", TO_READER(read_offer)},
	{"answer", NULL, "be the one that answers, likewise", TO_READER(read_answer)},
};

static const struct option_row role_rows[] = {
	{"offer", NULL, NULL, TO_READER(read_offer)},
	{"answer", NULL, NULL, TO_READER(read_answer)},
};

static const struct option_row connection_rows[] = {
	{"stun", "URL", "stun:HOST[:PORT]; may be given several times", TO_READER(read_stun)},
	{"turn", "URL", "turn:HOST[:PORT][?transport=udp|tcp] or turns:HOST[:PORT]", TO_READER(read_turn)},
	{"username", "TEXT", "for the --turn before it", TO_READER(read_username)},
	{"credential", "TEXT", "likewise", TO_READER(read_credential)},
	{"relay-only", NULL, "only by way of a TURN server", TO_FLAG(struct link_options, relay_only)},
	{"port-range", "MIN-MAX", "UDP ports of this end", TO_READER(read_port_range)},
	{"bind", "ADDR", "use this address alone", TO_READER(read_bind)},
	{"loopback", NULL, "offer 127.0.0.1 and ::1 too", TO_FLAG(struct link_options, loopback)},
	{"lite", NULL, "be ICE-lite: for a host with a public address", TO_FLAG(struct link_options, lite)},
	{"snap", NULL, "offer the SCTP handshake in the description", TO_FLAG(struct link_options, snap)},
	{"sped", NULL, "offer DTLS in STUN", TO_FLAG(struct link_options, sped)},
	{"timeout", "S",
         "give up when not connected after S seconds, {range}; without it: 30 s from the moment on in which both ends know of "
         "each "
         "other; the end that answers by copy and paste waits for as long as it takes",
         TO_SECONDS(struct link_options, timeout), .unit = "seconds", .shortest = 0.1, .longest = 86400},
	{"verbose", NULL, "tell what happens on stderr; twice: more", TO_COUNT(struct link_options, verbose)},
	{"help", NULL, "this text", .kind = OPTION_HELP, .letter = 'h'},
};

/* ---- the command line ---------------------------------------------------------------------------------------------- */

int options_read(const struct command_options *c, int argc, char **argv, struct link_options *o, int *rest) {
	struct option_section sections[4];
	size_t count = 0;
	sections[count++] = (struct option_section){NULL, c->own, c->own_count, c->target};
	if (c->has_signalling)
		sections[count++] = OPTION_SECTION("How the two ends find each other:", signalling_rows, o);
	else if (c->has_roles)
		sections[count++] = OPTION_SECTION(NULL, role_rows, o);
	sections[count++] = OPTION_SECTION("The connection:", connection_rows, o);
	if (c->has_signalling)
		sections[count++] = tuning_section(&o->tuning);
	struct front front = {.command = c->name,
	                      .usage = c->usage,
	                      .status = "Exit status: 0 done, 1 failed, 2 wrong command line, 130 interrupted.",
	                      .sections = sections,
	                      .section_count = count};
	o->command = c->name;
	int exit_code = front_read(&front, argc, argv, rest);
	if (exit_code >= 0)
		return exit_code;
	int wrong = check(o);
	return wrong ? wrong : -1;
}
