/* What a peer by offer and answer asks of its driver, and what the driver tells it: names, streams to TURN servers, sockets. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "sim/caller.h"
#include "suite.h"

struct call {
	struct sim sim;
	struct caller *a, *b;
};

/* Two that signal nothing by themselves. */
static void begin(struct call *w, const sluice_peer_config *a) {
	sim_init(&w->sim, sim_seed(12));
	w->a = caller_new(&w->sim, "a", a);
	w->b = caller_new(&w->sim, "b", NULL);
	caller_join(w->a, w->b, &(struct link_config){.delay = 5 * SLUICE_MS}, 5 * SLUICE_MS);
	w->a->silent = w->b->silent = true;
}

static void end(struct call *w) {
	sim_close(&w->sim);
}

static void pass(struct call *w, uint64_t ns) {
	sim_run(&w->sim, w->sim.now + ns);
}

/* Cuts every line of the text that begins so. */
static void cut(char *text, const char *with) {
	char *line = text;
	while (*line) {
		char *next = strchr(line, '\n') + 1;
		if (strncmp(line, with, strlen(with)) == 0)
			memmove(line, next, strlen(next) + 1);
		else
			line = next;
	}
}

/* The description of one, set as its local one, goes to the other without the lines that begin with `without`. */
static void describe(struct caller *from, struct caller *to, const char *without) {
	static char sdp[SLUICE_SDP_MAX];
	enum sluice_sdp_type type;
	ck_assert_int_eq(sluice_peer_set_local_description(from->peer, 0, NULL), 0);
	ck_assert_int_gt(sluice_peer_local_description(from->peer, &type, sdp, sizeof sdp), 0);
	cut(sdp, without);
	ck_assert_int_eq(sluice_peer_set_remote_description(to->peer, type, sdp, strlen(sdp)), 0);
}

/* Both are described, and neither knows an address of the other. */
static void describe_without_addresses(struct call *w) {
	caller_open(w->a, "hello");
	describe(w->a, w->b, "a=candidate:");
	describe(w->b, w->a, "a=candidate:");
	pass(w, 100 * SLUICE_MS);
}

static bool connected(const struct call *w) {
	return w->a->state == SLUICE_PEER_CONNECTED && w->b->state == SLUICE_PEER_CONNECTED;
}

static unsigned port_of(const struct caller *c) {
	sluice_path where = sim_path(c->host);
	return ntohs(((struct sockaddr_in *)&where.remote)->sin_port);
}

static void add_candidate_of_b(struct call *w, const char *host) {
	char text[200];
	snprintf(text, sizeof text, "candidate:1 1 udp 2122260223 %s %u typ host", host, port_of(w->b));
	ck_assert_int_eq(sluice_peer_add_remote_candidate(w->a->peer, text), 0);
}

/* ---- names ---- */

START_TEST(test_a_local_name_is_asked_for_once_and_its_address_connects) {
	struct call w;
	sluice_request r;
	begin(&w, NULL);
	describe_without_addresses(&w);
	ck_assert(!sluice_peer_poll_request(w.a->peer, &r));
	add_candidate_of_b(&w, "b0b.local");
	ck_assert(sluice_peer_poll_request(w.a->peer, &r));
	ck_assert_int_eq(r.kind, SLUICE_REQUEST_RESOLVE);
	ck_assert_str_eq(r.name, "b0b.local");
	ck_assert(r.mdns);
	uint32_t id = r.id;
	ck_assert(!sluice_peer_poll_request(w.a->peer, &r));
	pass(&w, SLUICE_S);
	ck_assert(!connected(&w));

	sluice_path where = sim_path(w.b->host);
	sluice_peer_resolved(w.a->peer, id + 1, &where.remote, 1); /* nobody asked that */
	pass(&w, SLUICE_S);
	ck_assert(!connected(&w));
	sluice_peer_resolved(w.a->peer, id, &where.remote, 1);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 5 * SLUICE_S, connected(&w) && w.b->received == 1));
	end(&w);
}
END_TEST

START_TEST(test_a_name_that_is_not_found_leaves_room_for_an_address) {
	struct call w;
	sluice_request r;
	begin(&w, NULL);
	describe_without_addresses(&w);
	add_candidate_of_b(&w, "b0b.local");
	ck_assert(sluice_peer_poll_request(w.a->peer, &r));
	sluice_peer_resolved(w.a->peer, r.id, NULL, 0);
	pass(&w, SLUICE_S);
	ck_assert(!connected(&w));
	char host[INET_ADDRSTRLEN];
	sluice_path where = sim_path(w.b->host);
	inet_ntop(AF_INET, &((struct sockaddr_in *)&where.remote)->sin_addr, host, sizeof host);
	add_candidate_of_b(&w, host);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 5 * SLUICE_S, connected(&w)));
	end(&w);
}
END_TEST

START_TEST(test_another_host_name_is_asked_for_only_where_the_app_wants_that) {
	for (int wanted = 0; wanted < 2; wanted++) {
		struct call w;
		sluice_request r;
		sluice_peer_config config;
		sluice_peer_config_init(&config);
		config.ice.resolve_hosts = wanted;
		begin(&w, &config);
		describe_without_addresses(&w);
		add_candidate_of_b(&w, "b.example.org");
		ck_assert_int_eq(sluice_peer_poll_request(w.a->peer, &r), wanted);
		ck_assert(!wanted || (r.kind == SLUICE_REQUEST_RESOLVE && !r.mdns && strcmp(r.name, "b.example.org") == 0));
		end(&w);
	}
}
END_TEST

/* ---- streams ---- */

static const struct {
	const char *url, *name;
	unsigned port;
	bool tls;
} servers[] = {
	{"turn:192.0.2.9?transport=tcp", "", 3478, false},
	{"turns:192.0.2.9:7000", "192.0.2.9", 7000, true},
};

/* One that has an offer and asks for a stream to the i-th server. */
static void begin_by_turn(struct call *w, size_t i, sluice_request *r) {
	sluice_ice_server server = {.url = servers[i].url, .username = "me", .credential = "secret"};
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.ice.servers = &server;
	config.ice.server_count = 1;
	begin(w, &config);
	caller_open(w->a, NULL);
	ck_assert_int_eq(sluice_peer_set_local_description(w->a->peer, SLUICE_SDP_OFFER, NULL), 0);
	pass(w, 10 * SLUICE_MS);
	ck_assert(sluice_peer_poll_request(w->a->peer, r));
}

START_TEST(test_a_turn_server_is_asked_for_as_a_stream_and_a_refused_one_ends_the_search) {
	for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
		struct call w;
		sluice_request r;
		begin_by_turn(&w, i, &r);
		ck_assert_int_eq(r.kind, SLUICE_REQUEST_STREAM);
		ck_assert(r.turn);
		ck_assert_int_eq(r.tls, servers[i].tls);
		ck_assert(!r.tls || strcmp(r.name, servers[i].name) == 0);
		ck_assert_uint_eq(ntohs(((struct sockaddr_in *)&r.addr)->sin_port), servers[i].port);
		ck_assert_int_eq(sluice_peer_gathering_state(w.a->peer), SLUICE_GATHERING_GATHERING);
		sluice_peer_stream_up(w.a->peer, r.id, UINT32_MAX);
		pass(&w, 10 * SLUICE_MS);
		ck_assert_int_eq(sluice_peer_gathering_state(w.a->peer), SLUICE_GATHERING_COMPLETE);
		end(&w);
	}
}
END_TEST

START_TEST(test_a_stream_is_closed_when_its_peer_is_closed) {
	struct call w;
	sluice_request r;
	begin_by_turn(&w, 0, &r);
	sluice_peer_stream_up(w.a->peer, r.id, 1000);
	pass(&w, 10 * SLUICE_MS);
	ck_assert(!sluice_peer_poll_request(w.a->peer, &r));
	sluice_peer_close(w.a->peer);
	pass(&w, SLUICE_S);
	ck_assert(sluice_peer_poll_request(w.a->peer, &r));
	ck_assert_int_eq(r.kind, SLUICE_REQUEST_CLOSE);
	ck_assert_uint_eq(r.socket, 1000);
	ck_assert(!sluice_peer_poll_request(w.a->peer, &r));
	end(&w);
}
END_TEST

START_TEST(test_a_stream_that_ends_is_no_way_to_its_server_any_more) {
	struct call w;
	sluice_request r;
	begin_by_turn(&w, 0, &r);
	sluice_peer_stream_up(w.a->peer, r.id, 1000);
	pass(&w, 10 * SLUICE_MS);
	ck_assert_int_eq(sluice_peer_gathering_state(w.a->peer), SLUICE_GATHERING_GATHERING);
	sluice_peer_stream_down(w.a->peer, 1001); /* nobody's */
	pass(&w, 10 * SLUICE_MS);
	ck_assert_int_eq(sluice_peer_gathering_state(w.a->peer), SLUICE_GATHERING_GATHERING);
	sluice_peer_stream_down(w.a->peer, 1000);
	pass(&w, 10 * SLUICE_MS);
	ck_assert_int_eq(sluice_peer_gathering_state(w.a->peer), SLUICE_GATHERING_COMPLETE);
	sluice_peer_close(w.a->peer);
	pass(&w, SLUICE_S);
	ck_assert(!sluice_peer_poll_request(w.a->peer, &r)); /* what has ended need not be closed */
	end(&w);
}
END_TEST

/* ---- sockets ---- */

/* Both are connected, and the first message has come. */
static void connect_both(struct call *w) {
	begin(w, NULL);
	caller_open(w->a, "hello");
	describe(w->a, w->b, "a=nothing");
	describe(w->b, w->a, "a=nothing");
	ck_assert(SIM_UNTIL(&w->sim, w->sim.now + 5 * SLUICE_S, connected(w) && w->b->received == 1));
}

static enum link_verdict pulled(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	(void)ctx, (void)link, (void)packet, (void)len, (void)now;
	return LINK_DROP;
}

/* The cable is pulled and plugged in again: at once the path is asked, and not when the next check is due. */
START_TEST(test_a_socket_that_does_not_run_is_not_used_and_one_that_runs_again_is_asked_at_once) {
	struct call w;
	connect_both(&w);
	sluice_peer_set_local_address_running(w.a->peer, 7, false); /* nobody's */
	pass(&w, SLUICE_S);
	ck_assert(connected(&w));
	struct sim_link *there = sim_link(&w.sim, w.a->host, w.b->host), *back = sim_link(&w.sim, w.b->host, w.a->host);
	link_filter(there, pulled, NULL);
	link_filter(back, pulled, NULL);
	sluice_peer_set_local_address_running(w.a->peer, 0, false);
	ck_assert_int_eq(sluice_channel_send_text(w.a->channel, "again", 5), 0);
	pass(&w, 8 * SLUICE_S);
	ck_assert_int_eq(w.a->state, SLUICE_PEER_DISCONNECTED);
	link_filters_clear(there);
	link_filters_clear(back);
	sluice_peer_set_local_address_running(w.a->peer, 0, true);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 20 * SLUICE_MS, w.a->state == SLUICE_PEER_CONNECTED));
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 5 * SLUICE_S, connected(&w) && w.b->received == 2));
	end(&w);
}
END_TEST

START_TEST(test_a_socket_that_is_gone_is_silence_and_a_new_one_goes_on_after_a_restart) {
	struct call w;
	connect_both(&w);
	sluice_peer_remove_local_address(w.a->peer, 0);
	pass(&w, 10 * SLUICE_S);
	ck_assert_int_ne(w.a->state, SLUICE_PEER_CONNECTED);

	sluice_path own = sim_path(w.a->host);
	int error = sluice_peer_add_local_address(w.a->peer, SLUICE_UDP, 0, (struct sockaddr *)&own.remote, own.remote_len, 65535,
	                                          NULL);
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(sluice_peer_restart_ice(w.a->peer), 0);
	describe(w.a, w.b, "a=nothing");
	describe(w.b, w.a, "a=nothing");
	ck_assert_int_eq(sluice_channel_send_text(w.a->channel, "again", 5), 0);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 10 * SLUICE_S, connected(&w) && w.b->received == 2));
	end(&w);
}
END_TEST

START_TEST(test_what_a_socket_lost_stands_in_the_statistics) {
	struct call w;
	sluice_peer_stats stats;
	begin(&w, NULL);
	sluice_peer_add_socket_drops(w.a->peer, 3);
	sluice_peer_add_socket_drops(w.a->peer, 4);
	sluice_peer_stats_get(w.a->peer, &stats);
	ck_assert_uint_eq(stats.socket_drops, 7);
	end(&w);
}
END_TEST

/* ---- what the other side can do ---- */

START_TEST(test_that_the_other_side_trickles_is_known_from_its_description) {
	static const char *const without[] = {"a=nothing", "a=ice-options:"};
	for (int i = 0; i < 2; i++) {
		struct call w;
		begin(&w, NULL);
		caller_open(w.a, NULL);
		ck_assert(!sluice_peer_can_trickle(w.b->peer));
		describe(w.a, w.b, without[i]);
		ck_assert_int_eq(sluice_peer_can_trickle(w.b->peer), i == 0);
		ck_assert(!sluice_peer_can_trickle(w.a->peer));
		end(&w);
	}
}
END_TEST

SUITE("peer_driver", test_a_local_name_is_asked_for_once_and_its_address_connects,
      test_a_name_that_is_not_found_leaves_room_for_an_address, test_another_host_name_is_asked_for_only_where_the_app_wants_that,
      test_a_turn_server_is_asked_for_as_a_stream_and_a_refused_one_ends_the_search,
      test_a_stream_is_closed_when_its_peer_is_closed, test_a_stream_that_ends_is_no_way_to_its_server_any_more,
      test_a_socket_that_does_not_run_is_not_used_and_one_that_runs_again_is_asked_at_once,
      test_a_socket_that_is_gone_is_silence_and_a_new_one_goes_on_after_a_restart,
      test_what_a_socket_lost_stands_in_the_statistics, test_that_the_other_side_trickles_is_known_from_its_description)
