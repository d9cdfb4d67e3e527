/* settings: see its header. */
#include "tools/serve/settings.h"

#include <string.h>

#include "tools/serve/serve.h"

static int read_http(const char *command, void *target, const char *text) {
	struct serve_options *o = target;
	const char *wrong = parse_local_address(text, &o->http, &o->http_len);
	return wrong ? usage_error(command, "--http %s: %s", text, wrong) : 0;
}

static int read_bind(const char *command, void *target, const char *text) {
	struct serve_options *o = target;
	return parse_host(text, &o->bind, &o->bind_len) ? 0
	                                                : front_error(command, "bind", "an IPv4 or IPv6 address of this host");
}

/* An origin stands in a header of ours: no spaces, no control characters. */
static int read_cors(const char *command, void *target, const char *text) {
	bool plain = *text;
	for (const char *p = text; *p; p++)
		plain &= *p > ' ' && *p <= '~';
	((struct serve_options *)target)->cors = text;
	return plain ? 0 : front_error(command, "cors", "an origin such as https://example.org, or *");
}

static int read_host(const char *command, void *target, const char *text) {
	struct serve_options *o = target;
	if (!*text || strlen(text) > 253 || text[strcspn(text, ":/[] \t")])
		return front_error(command, "host", "a name such as files.example.org, without a port");
	if (o->host_count == sizeof o->hosts / sizeof *o->hosts)
		return usage_error(command, "--host: too many of them");
	o->hosts[o->host_count++] = text;
	return 0;
}

/* RFC 6750, 2.1: letters, digits and "-._~+/", then any number of "=". */
static int read_token(const char *command, void *target, const char *text) {
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
	((struct serve_options *)target)->token = text;
	return len > 0 && !text[len + strspn(text + len, "=")] ? 0 : front_error(command, "token", "letters, digits and -._~+/");
}

static int read_stun(const char *command, void *target, const char *text) {
	return servers_add_stun(command, &((struct serve_options *)target)->servers, text);
}

static int read_turn(const char *command, void *target, const char *text) {
	return servers_add_turn(command, &((struct serve_options *)target)->servers, text);
}

static int read_username(const char *command, void *target, const char *text) {
	return servers_add_username(command, &((struct serve_options *)target)->servers, text);
}

static int read_credential(const char *command, void *target, const char *text) {
	return servers_add_credential(command, &((struct serve_options *)target)->servers, text);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

static const struct option_row where_rows[] = {
	{"http", "ADDR:PORT", "where HTTP is served ({preset}); port 0: any, it is printed", TO_READER(read_http),
         .preset = "127.0.0.1:8080"},
	{"port", "N", "one UDP port for all peers, {range} (any free one, it is printed)", TO_U16(struct serve_options, port),
         .max = 65535},
	{"bind", "ADDR", "UDP on this address alone (every IPv4 address)", TO_READER(read_bind)},
	{"loopback", NULL, "tell the other side of 127.0.0.1 too; on when --http is a loopback address",
         TO_FLAG(struct serve_options, loopback)},
	{"lite", NULL, "be ICE-lite: for a host with a public address", TO_FLAG(struct serve_options, lite)},
};

static const struct option_row who_rows[] = {
	{"max-peers", "N", "peers at once, {range} ({preset})", TO_U64(struct serve_options, max_peers), .min = 1, .max = 100000,
         .preset = "256"},
	{"max-watchers", "N", "watchers of one room of audio and video, {range} ({preset})",
         TO_U64(struct serve_options, max_watchers), .min = 1, .max = 100000, .preset = "200"},
	{"per-address", "N",
         "connections and peers of one address, and a quarter of it in rooms and in peers that have not connected yet, {range} "
         "({preset}); behind a proxy, all have its address",
         TO_U64(struct serve_options, per_address), .min = 1, .max = 100000, .preset = "64"},
	{"host", "NAME",
         "this server has that name too, once for each; requests for others are refused, but for numeric addresses, localhost "
         "and "
         "the name of this machine",
         TO_READER(read_host)},
	{"cors", "ORIGIN", "pages of this origin (* for every one) may connect too; others are refused", TO_READER(read_cors)},
	{"token", "TEXT", "publishing and watching (WHIP, WHEP) ask for 'Authorization: Bearer TEXT'", TO_READER(read_token)},
	{"stun", "URL", "a STUN server that clients of WHIP and WHEP are told of", TO_READER(read_stun)},
	{"turn", "URL", "a TURN server, likewise; may be given several times", TO_READER(read_turn)},
	{"username", "TEXT", "for the --turn before it", TO_READER(read_username)},
	{"credential", "TEXT", "likewise", TO_READER(read_credential)},
};

int settings_read(const char *command, const char *usage, struct option_section what, struct serve_options *o, int argc,
                  char **argv) {
	const struct option_section sections[] = {OPTION_SECTION("Where:", where_rows, o), OPTION_SECTION("Who:", who_rows, o),
	                                          what};
	struct front front = {.command = command,
	                      .usage = usage,
	                      .status = "Exit status: 1 it failed, 2 wrong command line, 130 ended by Ctrl-C.",
	                      .sections = sections,
	                      .section_count = sizeof sections / sizeof *sections};
	int exit_code = front_read(&front, argc, argv, NULL);
	if (exit_code >= 0)
		return exit_code;
	o->loopback |= address_is_loopback(&o->http);
	exit_code = servers_check(command, &o->servers);
	return exit_code ? exit_code : -1;
}
