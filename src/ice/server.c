/* server.c: the list of servers, and their names. */
#include "ice/server.h"

#include <string.h>

#include "base/address.h"
#include "base/arith.h"

/* ---- life ---- */

static bool copy_text(sluice_env *env, const char *text, char **out) {
	*out = text ? env_strndup_secret(env, text, strlen(text)) : NULL;
	return !text || *out;
}

static int add_server(struct ice *ice, const struct ice_server *from) {
	struct server *s = &ice->servers[ice->server_count];
	if (!from->host || !from->host[0] || (from->turn && (!from->username || !from->password)) ||
	    (!from->turn && from->transport != SERVER_UDP))
		return SLUICE_INVALID;
	ice->server_count++;
	*s = (struct server){.turn = from->turn, .transport = from->transport, .port = from->port};
	if (!s->port)
		s->port = from->transport == SERVER_TLS ? 5349 : 3478;
	bool copied = copy_text(ice->env, from->host, &s->host);
	copied &= copy_text(ice->env, from->username, &s->username);
	copied &= copy_text(ice->env, from->password, &s->password);
	return copied ? 0 : SLUICE_NO_MEMORY;
}

int server_open_all(struct ice *ice, const struct ice_config *config) {
	if (config->server_count > ICE_SERVER_MAX)
		return SLUICE_INVALID;
	if (config->server_count && !(ice->servers = env_zalloc(ice->env, config->server_count * sizeof *ice->servers)))
		return SLUICE_NO_MEMORY;
	for (size_t i = 0; i < config->server_count; i++) {
		int rc = add_server(ice, &config->servers[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void server_free_all(struct ice *ice) {
	for (size_t i = 0; i < ice->server_count; i++) {
		env_free(ice->env, ice->servers[i].host);
		env_free(ice->env, ice->servers[i].username);
		env_free(ice->env, ice->servers[i].password);
	}
	env_free(ice->env, ice->servers);
}

/* ---- names ---- */

static void know_addresses(struct server *s, const struct sockaddr_storage *addrs, size_t count) {
	s->addr_count = count < ICE_RESOLVED_MAX ? count : ICE_RESOLVED_MAX;
	for (size_t i = 0; i < s->addr_count; i++) {
		s->addrs[i] = addrs[i];
		address_set_port(&s->addrs[i], s->port);
	}
	s->state = count ? SERVER_KNOWN : SERVER_LOST;
}

static void look_up(struct ice *ice, struct server *s) {
	struct sockaddr_storage a;
	if (s->state == SERVER_KNOWN)
		return;
	s->state = SERVER_NAMED;
	s->resolve_id = ++ice->next_id;
	s->asked_at = SLUICE_NEVER;
	if (address_parse(s->host, strlen(s->host), &a))
		know_addresses(s, &a, 1);
}

bool server_poll_request(struct ice *ice, struct ice_request *r) {
	for (size_t i = 0; i < ice->server_count; i++) {
		struct server *s = &ice->servers[i];
		if (s->state != SERVER_NAMED || !ice->current->gathering)
			continue;
		s->state = SERVER_ASKED;
		*r = (struct ice_request){.kind = ICE_REQUEST_RESOLVE,
		                          .id = s->resolve_id,
		                          .name = s->host,
		                          .mdns = candidate_name_is_local(s->host)};
		return true;
	}
	return false;
}

bool server_resolved(struct ice *ice, uint32_t id, const struct sockaddr_storage *addrs, size_t count) {
	for (size_t i = 0; i < ice->server_count; i++) {
		struct server *s = &ice->servers[i];
		if (s->state != SERVER_ASKED || s->resolve_id != id)
			continue;
		know_addresses(s, addrs, count);
		return true;
	}
	return false;
}

void server_look_up_all(struct ice *ice) {
	for (size_t i = 0; i < ice->server_count; i++)
		look_up(ice, &ice->servers[i]);
}

/* ---- time ---- */

bool server_advance(struct ice *ice, uint64_t now) {
	bool lost = false;
	for (size_t i = 0; i < ice->server_count; i++) {
		struct server *s = &ice->servers[i];
		if (s->state != SERVER_ASKED)
			continue;
		if (s->asked_at == SLUICE_NEVER)
			s->asked_at = now;
		if (now - s->asked_at < ice->config.gather_timeout)
			continue;
		s->state = SERVER_LOST;
		lost = true;
	}
	return lost;
}

uint64_t server_deadline(const struct ice *ice) {
	uint64_t at = SLUICE_NEVER;
	for (size_t i = 0; i < ice->server_count; i++) {
		const struct server *s = &ice->servers[i];
		if (s->state == SERVER_ASKED)
			at = min64(at, s->asked_at == SLUICE_NEVER ? 0 : s->asked_at + ice->config.gather_timeout);
	}
	return at;
}

bool server_waits(const struct ice *ice) {
	for (size_t i = 0; i < ice->server_count; i++)
		if (ice->servers[i].state == SERVER_NAMED || ice->servers[i].state == SERVER_ASKED)
			return true;
	return false;
}
