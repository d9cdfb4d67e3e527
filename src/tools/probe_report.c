/* probe_report: what was found, for people and as JSON. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/probe.h"

static const char *const family_names[] = {"IPv4", "IPv6"};

static double ms(uint64_t ns) {
	return (double)ns / 1e6;
}

/* ---- for people ----------------------------------------------------------------------------------------------------- */

static const char *where(const char *address, unsigned port, char text[80]) {
	snprintf(text, 80, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
	return text;
}

static void print_candidates(const struct probe *p) {
	char at[80], from[80];
	printf("candidates\n");
	for (size_t i = 0; i < p->candidate_count; i++) {
		const struct probe_candidate *c = &p->candidates[i];
		printf("  %-6s %s  %s", c->type, c->protocol, where(c->address, c->port, at));
		if (c->related[0])
			printf("  of %s", where(c->related, c->related_port, from));
		putchar('\n');
	}
	if (!p->candidate_count)
		printf("  none: no address of this host can be used%s\n",
		       p->options.loopback ? "" : " (--loopback takes 127.0.0.1 too)");
}

static void print_question(const struct mapping_question *q) {
	char server[80], mapped[80];
	if (!q->server_len) {
		printf("  %s: %s\n", q->url, q->error);
		return;
	}
	format_address(&q->server, q->server_len, server, sizeof server);
	format_address(&q->mapped, q->server_len, mapped, sizeof mapped);
	if (q->error[0])
		printf("  %s (%s): %s\n", q->url, server, q->error);
	else if (q->answered)
		printf("  %s (%s): sees %s, after %.1f ms\n", q->url, server, mapped, ms(q->took));
	else
		printf("  %s (%s): no answer\n", q->url, server);
}

static const char *judgement(enum mapping_kind m) {
	switch (m) {
	case MAPPING_NO_NAT:
		return "no NAT: servers see our own address";
	case MAPPING_ONE_ANSWER:
		return "behind a NAT; a second --stun, of another server, shows how it maps";
	case MAPPING_INDEPENDENT:
		return "behind a NAT that maps to one address for everybody (endpoint-independent): direct connections work with "
		       "most peers";
	case MAPPING_DEPENDENT:
		return "behind a NAT that maps to another address for each server (address-dependent): direct connections work "
		       "with few "
		       "peers, have a TURN server";
	default:
		return "no server answered";
	}
}

static void print_mapping(const struct probe *p) {
	if (!p->mapping.question_count)
		return;
	printf("STUN\n");
	for (size_t i = 0; i < p->mapping.question_count; i++)
		print_question(&p->mapping.questions[i]);
	for (int f = 0; f < 2; f++)
		if (p->mapping.families[f].used)
			printf("  %s: %s\n", family_names[f], judgement(mapping_judge(&p->mapping, f)));
}

static void print_turn(const struct probe *p) {
	if (p->turn_count)
		printf("TURN\n");
	for (size_t i = 0; i < p->turn_count; i++) {
		const struct probe_turn *t = &p->turns[i];
		if (t->reachable)
			printf("  %s over %s: relays at %s, after %.1f ms\n", t->server.url, t->transport, t->address,
			       ms(t->took));
		else
			printf("  %s over %s: %s\n", t->server.url, t->transport, t->why);
	}
}

void probe_report_print(const struct probe *p) {
	print_candidates(p);
	print_mapping(p);
	print_turn(p);
	if (!p->options.servers.count)
		printf("No server was given, so nothing is known about NATs: --stun URL (of two servers) tells how this host is "
		       "seen,\n"
		       "--turn URL --username TEXT --credential TEXT whether a relay is reachable over UDP, TCP and TLS.\n");
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------- */

static json_t *candidate_json(const struct probe_candidate *c) {
	json_t *j = json_pack("{s:s, s:s, s:s, s:i}", "type", c->type, "protocol", c->protocol, "address", c->address, "port",
	                      (int)c->port);
	if (j && c->related[0]) {
		json_object_set_new(j, "relatedAddress", json_string(c->related));
		json_object_set_new(j, "relatedPort", json_integer(c->related_port));
	}
	return j;
}

static json_t *question_json(const struct mapping_question *q) {
	char text[80];
	json_t *j = json_pack("{s:s, s:b}", "url", q->url, "answered", q->answered && !q->error[0]);
	if (!j)
		return NULL;
	if (q->server_len) {
		format_address(&q->server, q->server_len, text, sizeof text);
		json_object_set_new(j, "server", json_string(text));
	}
	if (q->error[0]) {
		json_object_set_new(j, "error", json_string(q->error));
	} else if (q->answered) {
		format_address(&q->mapped, q->server_len, text, sizeof text);
		json_object_set_new(j, "mapped", json_string(text));
		json_object_set_new(j, "ms", json_real(ms(q->took)));
	}
	return j;
}

static json_t *turn_json(const struct probe_turn *t) {
	json_t *j = json_pack("{s:s, s:s, s:b}", "url", t->server.url, "transport", t->transport, "reachable", t->reachable);
	if (j && t->reachable) {
		json_object_set_new(j, "relayed", json_string(t->address));
		json_object_set_new(j, "ms", json_real(ms(t->took)));
	} else if (j) {
		json_object_set_new(j, "error", json_string(t->why));
	}
	return j;
}

static json_t *mapping_json(const struct probe *p) {
	static const char *const names[] = {"unknown", "no-nat", "nat", "endpoint-independent", "address-dependent"};
	json_t *j = json_object();
	for (int f = 0; j && f < 2; f++)
		if (p->mapping.families[f].used)
			json_object_set_new(j, f ? "ipv6" : "ipv4", json_string(names[mapping_judge(&p->mapping, f)]));
	return j;
}

bool probe_report_print_json(const struct probe *p) {
	json_t *candidates = json_array(), *stun = json_array(), *turn = json_array();
	for (size_t i = 0; i < p->candidate_count; i++)
		json_array_append_new(candidates, candidate_json(&p->candidates[i]));
	for (size_t i = 0; i < p->mapping.question_count; i++)
		json_array_append_new(stun, question_json(&p->mapping.questions[i]));
	for (size_t i = 0; i < p->turn_count; i++)
		json_array_append_new(turn, turn_json(&p->turns[i]));
	json_t *all = json_pack("{s:o, s:o, s:o, s:o}", "candidates", candidates, "stun", stun, "mapping", mapping_json(p),
	                        "turn", turn);
	char *text = all ? json_dumps(all, JSON_REAL_PRECISION(6)) : NULL;
	if (text)
		printf("%s\n", text);
	free(text);
	json_decref(all);
	return text != NULL;
}
