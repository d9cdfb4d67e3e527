/* options: reads the options that the connecting commands share, and hands a command its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/options.h"

enum option_key {
	OPT_STUN = 256,
	OPT_TURN,
	OPT_USERNAME,
	OPT_CREDENTIAL,
	OPT_PORT_RANGE,
	OPT_BIND,
	OPT_LOOPBACK,
	OPT_LITE,
	OPT_RELAY_ONLY,
	OPT_SNAP,
	OPT_SPED,
	OPT_TIMEOUT,
	OPT_VERBOSE,
	OPT_HELP,
	OPT_SIGNAL,
	OPT_LISTEN,
	OPT_OFFER,
	OPT_ANSWER,
};

static const struct option shared[] = {
	{"stun", required_argument, NULL, OPT_STUN},
	{"turn", required_argument, NULL, OPT_TURN},
	{"username", required_argument, NULL, OPT_USERNAME},
	{"credential", required_argument, NULL, OPT_CREDENTIAL},
	{"port-range", required_argument, NULL, OPT_PORT_RANGE},
	{"bind", required_argument, NULL, OPT_BIND},
	{"loopback", no_argument, NULL, OPT_LOOPBACK},
	{"lite", no_argument, NULL, OPT_LITE},
	{"relay-only", no_argument, NULL, OPT_RELAY_ONLY},
	{"snap", no_argument, NULL, OPT_SNAP},
	{"sped", no_argument, NULL, OPT_SPED},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"verbose", no_argument, NULL, OPT_VERBOSE},
	{"help", no_argument, NULL, OPT_HELP},
};
#define SHARED (sizeof shared / sizeof *shared)

static const struct option signalling[] = {
	{"signal", required_argument, NULL, OPT_SIGNAL},
	{"listen", no_argument, NULL, OPT_LISTEN},
};
#define SIGNALLING (sizeof signalling / sizeof *signalling)

static const struct option roles[] = {
	{"offer", no_argument, NULL, OPT_OFFER},
	{"answer", no_argument, NULL, OPT_ANSWER},
};
#define ROLES (sizeof roles / sizeof *roles)

#define OWN_MAX 16

static const char signalling_help[] =
	"\n"
	"How the two ends find each other:\n"
	"  (nothing)              by copy and paste: each prints a line for the other\n"
	"  --signal -             the same for scripts: the line on stderr, the other's line on stdin\n"
	"  --signal FILE          by FILE and FILE.answer in a folder that both see\n"
	"  --signal tcp:HOST:PORT[#SECRET]\n"
	"                         by a TCP connection: the first end listens, the second connects; with a secret, which\n"
	"                         has to be the same at both ends, nobody else is told anything\n"
	"  --signal http://HOST:PORT/room/NAME\n"
	"                         by a room of a 'sluice serve' that both reach; https:// too\n"
	"  --listen               with tcp: listen, never connect\n"
	"  --offer, --answer      be the one that offers, or that answers, instead of finding out\n";

static const char shared_help[] =
	"\n"
	"The connection:\n"
	"  --stun URL             stun:HOST[:PORT]; may be given several times\n"
	"  --turn URL             turn:HOST[:PORT][?transport=udp|tcp] or turns:HOST[:PORT]\n"
	"  --username TEXT        for the --turn before it\n"
	"  --credential TEXT      likewise\n"
	"  --relay-only           only by way of a TURN server\n"
	"  --port-range MIN-MAX   UDP ports of this end\n"
	"  --bind ADDR            use this address alone\n"
	"  --loopback             offer 127.0.0.1 and ::1 too\n"
	"  --lite                 be ICE-lite: for a host with a public address\n"
	"  --snap, --sped         offer the SCTP handshake in the description, DTLS in STUN\n"
	"  --timeout S            give up when not connected after S seconds, 0.1 to 86400; without it: 30 s\n"
	"                         from the moment on in which both ends know of each other; the end that answers\n"
	"                         by copy and paste waits for as long as it takes\n"
	"  --verbose              tell what happens on stderr; twice: more\n"
	"  --help                 this text\n";

static const char status_help[] = "\nExit status: 0 done, 1 failed, 2 wrong command line, 130 interrupted.\n";

int option_error(const char *command, const char *name, const char *expected) {
	return usage_error(command, "--%s: expected %s", name, expected);
}

/* ---- servers ------------------------------------------------------------------------------------------------------- */

static const char *read_scheme(const char *text, struct server_url *u) {
	static const struct {
		const char *prefix;
		bool turn, tls;
	} schemes[] = {{"stun:", false, false}, {"turn:", true, false}, {"turns:", true, true}};
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t len = strlen(schemes[i].prefix);
		if (strncmp(text, schemes[i].prefix, len))
			continue;
		u->turn = schemes[i].turn;
		u->tls = u->tcp = schemes[i].tls;
		return text + len;
	}
	return NULL;
}

const char *option_read_url(const char *text, struct server_url *u) {
	memset(u, 0, sizeof *u);
	const char *at = read_scheme(text, u);
	if (!at)
		return "expected stun:HOST[:PORT], turn:HOST[:PORT][?transport=udp|tcp] or turns:HOST[:PORT]";
	size_t len = *at == '[' ? strcspn(at, "]") : strcspn(at, ":?");
	bool brackets = *at == '[';
	if (brackets && at[len] != ']')
		return "a bracket is not closed";
	if (len - brackets == 0 || len - brackets >= sizeof u->host)
		return "the host is missing";
	memcpy(u->host, at + brackets, len - brackets);
	at += len + brackets;
	u->port = u->tls ? 5349 : 3478;
	if (*at == ':') {
		char port[8];
		uint64_t number;
		len = strcspn(++at, "?");
		snprintf(port, sizeof port, "%.*s", (int)(len < 7 ? len : 7), at);
		if (!parse_unsigned(port, 1, 65535, &number))
			return "the port is a number from 1 to 65535";
		u->port = (uint16_t)number;
		at += len;
	}
	if (!*at)
		return NULL;
	u->has_transport = true;
	if (!u->turn || (strcmp(at, "?transport=udp") && strcmp(at, "?transport=tcp")))
		return "what stands behind the port is not ?transport=udp or ?transport=tcp of a TURN server";
	u->tcp = strcmp(at, "?transport=tcp") == 0;
	return u->tls && !u->tcp ? "turns: goes over TCP" : NULL;
}

static int add_server(struct link_options *o, const char *name, const char *url) {
	struct server_url u;
	const char *wrong = option_read_url(url, &u);
	if (!wrong && u.turn != (strcmp(name, "turn") == 0))
		wrong = u.turn ? "this is a TURN server: --turn" : "this is a STUN server: --stun";
	if (wrong)
		return usage_error(o->command, "--%s %s: %s", name, url, wrong);
	if (o->server_count == OPTIONS_MAX_SERVERS)
		return usage_error(o->command, "--%s: at most %d servers", name, OPTIONS_MAX_SERVERS);
	o->servers[o->server_count++] = (sluice_ice_server){.url = url};
	return 0;
}

static bool is_turn(const sluice_ice_server *s) {
	return strncmp(s->url, "turn", 4) == 0;
}

/* A name or a credential is for every TURN server named before it that has none yet. */
static int give_secret(struct link_options *o, bool name, const char *text) {
	bool taken = false;
	for (size_t i = 0; i < o->server_count; i++) {
		sluice_ice_server *s = &o->servers[i];
		const char **field = name ? &s->username : &s->credential;
		if (!is_turn(s) || *field)
			continue;
		*field = text;
		taken = true;
	}
	return taken ? 0 : usage_error(o->command, "--%s: no --turn before it", name ? "username" : "credential");
}

/* ---- the other options --------------------------------------------------------------------------------------------- */

static int read_port_range(struct link_options *o, const char *text) {
	char first[8];
	uint64_t min, max;
	size_t len = strcspn(text, "-");
	snprintf(first, sizeof first, "%.*s", (int)(len < 7 ? len : 7), text);
	if (text[len] != '-' || !parse_unsigned(first, 1, 65535, &min) || !parse_unsigned(text + len + 1, min, 65535, &max))
		return option_error(o->command, "port-range", "MIN-MAX, two ports from 1 to 65535");
	o->port_min = (uint16_t)min;
	o->port_max = (uint16_t)max;
	return 0;
}

static int read_bind(struct link_options *o, const char *text) {
	if (!parse_host(text, &o->bind, &o->bind_len))
		return option_error(o->command, "bind", "an IPv4 or IPv6 address of this host");
	return address_is_any(&o->bind) ? option_error(o->command, "bind", "one address; without --bind all are used") : 0;
}

static int read_role(struct link_options *o, enum link_role role) {
	if (o->role != LINK_ANY && o->role != role)
		return usage_error(o->command, "--offer and --answer exclude each other");
	o->role = role;
	return 0;
}

static int read_shared(struct link_options *o, int key, const char *text) {
	if (tuning_is_key(key))
		return tuning_read(&o->tuning, o->command, key, text);
	switch (key) {
	case OPT_STUN:
		return add_server(o, "stun", text);
	case OPT_TURN:
		return add_server(o, "turn", text);
	case OPT_USERNAME:
		return give_secret(o, true, text);
	case OPT_CREDENTIAL:
		return give_secret(o, false, text);
	case OPT_PORT_RANGE:
		return read_port_range(o, text);
	case OPT_BIND:
		return read_bind(o, text);
	case OPT_TIMEOUT:
		return parse_seconds(text, 0.1, 86400, &o->timeout)
		               ? 0
		               : option_error(o->command, "timeout", "seconds, 0.1 to 86400");
	case OPT_LOOPBACK:
		o->loopback = true;
		return 0;
	case OPT_LITE:
		o->lite = true;
		return 0;
	case OPT_RELAY_ONLY:
		o->relay_only = true;
		return 0;
	case OPT_SNAP:
		o->snap = true;
		return 0;
	case OPT_SPED:
		o->sped = true;
		return 0;
	case OPT_SIGNAL:
		o->signal = text;
		return *text ? 0 : option_error(o->command, "signal", "-, a file, tcp:HOST:PORT[#SECRET] or an http:// address");
	case OPT_LISTEN:
		o->listen = true;
		return 0;
	case OPT_OFFER:
		return read_role(o, LINK_OFFER);
	case OPT_ANSWER:
		return read_role(o, LINK_ANSWER);
	default: /* OPT_VERBOSE */
		o->verbose++;
		return 0;
	}
}

static int check(const struct link_options *o) {
	bool turn = false;
	for (size_t i = 0; i < o->server_count; i++) {
		const sluice_ice_server *s = &o->servers[i];
		turn |= is_turn(s);
		if (is_turn(s) && (!s->username || !s->credential))
			return usage_error(o->command, "--turn %s: --username and --credential are missing behind it", s->url);
	}
	if (o->relay_only && !turn)
		return usage_error(o->command, "--relay-only: no --turn is given");
	if (o->relay_only && o->lite)
		return usage_error(o->command, "--lite and --relay-only exclude each other");
	bool tcp = o->signal && strncmp(o->signal, "tcp:", 4) == 0;
	if (o->listen && !tcp)
		return usage_error(o->command, "--listen is for --signal tcp:HOST:PORT");
	return tuning_check(&o->tuning, o->command);
}

/* ---- the command line ---------------------------------------------------------------------------------------------- */

static void print_help(const struct command_options *c) {
	fputs(c->usage, stdout);
	if (c->has_signalling)
		fputs(signalling_help, stdout);
	fputs(shared_help, stdout);
	if (c->has_signalling)
		fputs(tuning_help, stdout);
	fputs(status_help, stdout);
}

static size_t append(struct option *all, size_t count, const struct option *more, size_t n) {
	memcpy(all + count, more, n * sizeof *more);
	return count + n;
}

int options_read(const struct command_options *c, int argc, char **argv, struct link_options *o, int *rest) {
	struct option all[SHARED + SIGNALLING + TUNING_COUNT + ROLES + OWN_MAX + 1] = {{0}};
	char letters[16];
	size_t own = 0;
	snprintf(letters, sizeof letters, ":h%s", c->letters ? c->letters : "");
	while (c->own && c->own[own].name)
		own++;
	size_t count = append(all, 0, shared, SHARED);
	if (own)
		count = append(all, count, c->own, own);
	if (c->has_signalling) {
		count = append(all, count, signalling, SIGNALLING);
		count = append(all, count, tuning_options, TUNING_COUNT);
	}
	if (c->has_signalling || c->has_roles)
		append(all, count, roles, ROLES);
	o->command = c->name;
	opterr = 0;
	int key;
	while ((key = getopt_long(argc, argv, letters, all, NULL)) != -1) {
		if (key == OPT_HELP || key == 'h') {
			print_help(c);
			return EXIT_OK;
		}
		if (key == ':' || key == '?')
			return getopt_error(c->name, key, argv);
		int wrong = key >= OPT_STUN && key < OPTION_OWN ? read_shared(o, key, optarg) : c->read(c->ctx, key, optarg);
		if (wrong)
			return wrong;
	}
	*rest = optind;
	int wrong = check(o);
	return wrong ? wrong : -1;
}
