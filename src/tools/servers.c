/* servers: see its header. */
#include "tools/servers.h"

#include <string.h>

#include "base/server_url.h"
#include "tools/tools.h"

static int add(const char *command, struct servers *s, const char *name, const char *url) {
	struct server_url u;
	const char *wrong = server_url_parse(url, &u);
	if (!wrong && u.turn != (strcmp(name, "turn") == 0))
		wrong = u.turn ? "this is a TURN server: --turn" : "this is a STUN server: --stun";
	if (wrong)
		return usage_error(command, "--%s %s: %s", name, url, wrong);
	if (s->count == SERVERS_MAX)
		return usage_error(command, "--%s: at most %d servers", name, SERVERS_MAX);
	s->list[s->count++] = (sluice_ice_server){.url = url};
	return 0;
}

int servers_add_stun(const char *command, struct servers *s, const char *url) {
	return add(command, s, "stun", url);
}

int servers_add_turn(const char *command, struct servers *s, const char *url) {
	return add(command, s, "turn", url);
}

static bool is_turn(const sluice_ice_server *server) {
	struct server_url u;
	return !server_url_parse(server->url, &u) && u.turn;
}

static int give_secret(const char *command, struct servers *s, bool name, const char *text) {
	bool taken = false;
	for (size_t i = 0; i < s->count; i++) {
		const char **field = name ? &s->list[i].username : &s->list[i].credential;
		if (!is_turn(&s->list[i]) || *field)
			continue;
		*field = text;
		taken = true;
	}
	return taken ? 0 : usage_error(command, "--%s: no --turn before it", name ? "username" : "credential");
}

int servers_add_username(const char *command, struct servers *s, const char *text) {
	return give_secret(command, s, true, text);
}

int servers_add_credential(const char *command, struct servers *s, const char *text) {
	return give_secret(command, s, false, text);
}

int servers_check(const char *command, const struct servers *s) {
	for (size_t i = 0; i < s->count; i++)
		if (is_turn(&s->list[i]) && (!s->list[i].username || !s->list[i].credential))
			return usage_error(command, "--turn %s: --username and --credential are missing behind it",
			                   s->list[i].url);
	return 0;
}

bool servers_have_turn(const struct servers *s) {
	for (size_t i = 0; i < s->count; i++)
		if (is_turn(&s->list[i]))
			return true;
	return false;
}
