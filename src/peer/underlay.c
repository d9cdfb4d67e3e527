/* underlay: by offer and answer, what lies below DTLS, and when does DTLS begin?
 *
 * ICE takes its datagrams out of what came and tells where ours go; the rest is DTLS. The client's handshake begins with the
 * first valid pair, or, embedded in the checks (draft-hancke-webrtc-sped), with the first check; the server's with the first
 * record that came. Everything happens on arrival; there is one timer, for an answer that does not say who is the client. */
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/packet_kind.h"
#include "peer/connection.h"
#include "peer/server_url.h"

#define SERVERS_MAX 16

/* Datagrams of a flight that are embedded; a handshake of ours is four at the most. */
#define FLIGHT_MAX 16

/* ---- making ---------------------------------------------------------------------------------------------------------- */

static void show_candidate(const struct candidate *c, sluice_candidate *out) {
	static const char *const types[] = {"host", "srflx", "prflx", "relay"};
	*out = (sluice_candidate){
		.type = types[c->type],
		.protocol = c->transport == CANDIDATE_UDP ? "udp" : "tcp",
		.port = c->port,
		.priority = c->priority,
	};
	if (*c->name)
		snprintf(out->address, sizeof out->address, "%.*s", (int)sizeof out->address - 1, c->name);
	else
		address_format(&c->addr, out->address, sizeof out->address);
	if (c->related.ss_family && address_format(&c->related, out->related_address, sizeof out->related_address) > 0)
		out->related_port = address_port(&c->related);
}

static bool filter(void *ctx, const struct candidate *c, bool local) {
	sluice_peer *p = ctx;
	sluice_candidate shown;
	show_candidate(c, &shown);
	return p->config.ice.filter(&shown, local, p->config.user);
}

static int read_servers(const sluice_ice_config *c, struct ice_server servers[SERVERS_MAX],
                        char hosts[SERVERS_MAX][SERVER_HOST_MAX]) {
	if (c->server_count > SERVERS_MAX || (c->server_count && !c->servers))
		return SLUICE_INVALID;
	for (size_t i = 0; i < c->server_count; i++) {
		int error = server_url_parse(c->servers[i].url, hosts[i], &servers[i]);
		if (error)
			return error;
		servers[i].username = c->servers[i].username;
		servers[i].password = c->servers[i].credential;
	}
	return 0;
}

int underlay_make(sluice_peer *p, const sluice_peer_config *c) {
	struct ice_server servers[SERVERS_MAX];
	char hosts[SERVERS_MAX][SERVER_HOST_MAX];
	int error = read_servers(&c->ice, servers, hosts);
	if (error)
		return error;
	struct ice_config config = {
		.lite = c->ice.lite,
		.relay_only = c->ice.relay_only,
		.resolve_hosts = c->ice.resolve_hosts,
		.pacing = c->ice.pacing,
		.consent_interval = c->ice.consent_interval,
		.disconnected_after = c->ice.disconnected_after,
		.failed_after = c->ice.failed_after,
		.check_timeout = c->ice.check_timeout,
		.gather_timeout = c->ice.gather_timeout,
		.ufrag = c->ufrag,
		.pwd = c->pwd,
		.servers = servers,
		.server_count = c->ice.server_count,
		.filter = c->ice.filter ? filter : NULL,
		.filter_ctx = p,
	};
	p->plain_end = &p->plain;
	p->candidates_end = &p->candidates;
	return ice_new(p->env, &config, &p->ice);
}

static void drop_plain(sluice_peer *p) {
	while (p->plain) {
		struct plain_datagram *d = p->plain;
		p->plain = d->next;
		env_free(p->env, d);
	}
	p->plain_end = &p->plain;
}

void underlay_free(sluice_peer *p) {
	drop_plain(p);
	underlay_drop_candidates(p);
	ice_free(p->ice);
	env_free(p->env, p->snap_remote);
	env_free(p->env, p->snap_local);
}

/* ---- DTLS begins ------------------------------------------------------------------------------------------------------- */

int underlay_set_role(sluice_peer *p, enum sluice_role role) {
	if (p->role == role)
		return 0;
	if (p->role != SLUICE_ROLE_UNKNOWN)
		return SLUICE_UNSUPPORTED;
	int error = peer_make_dtls(p, role);
	if (error)
		return error;
	p->role = role;
	p->start_due = true;
	if (!p->role_guessed)
		sluice_channels_set_role(p->channels, role);
	return 0;
}

/* The other side speaks after all: it was late, or what it said was lost. Two clients would never hear each other. */
static void take_guess_back(sluice_peer *p) {
	dtls_free(p->dtls);
	p->dtls = NULL;
	drop_plain(p);
	p->role = SLUICE_ROLE_UNKNOWN;
	p->role_guessed = p->start_due = false;
	p->role_open = true;
}

void underlay_try_start(sluice_peer *p) {
	if (!p->start_due || !p->has_origin || p->ends_as)
		return;
	/* The server only waits; the client needs somebody to speak to. */
	if (p->role == SLUICE_ROLE_CLIENT && !p->routed && !(p->sped && ice_sped_active(p->ice)))
		return;
	p->start_due = false;
	p->dtls_started_after = p->now - p->origin;
	int error = dtls_start(p->dtls, p->now);
	if (error)
		peer_end(p, error, sluice_error_text(error));
}

#define RECORD_HANDSHAKE 22
#define HANDSHAKE_CLIENT_HELLO 1
#define RECORD_HEADER 13

static bool is_client_hello(const uint8_t *data, size_t len) {
	return len > RECORD_HEADER && data[0] == RECORD_HANDSHAKE && data[RECORD_HEADER] == HANDSHAKE_CLIENT_HELLO;
}

/* The other side's answer may take longer than its first record. We said actpass, and who says ClientHello is active: so we are
 * the server, and whom to trust is told by the answer, before which nothing of the association is opened. */
static bool has_dtls(sluice_peer *p, const uint8_t *data, size_t len) {
	bool early = !p->dtls && p->negotiation.state == SLUICE_SIGNALING_HAVE_LOCAL_OFFER && !p->negotiation.settled;
	if (p->role_guessed && !p->dtls_up && !p->ends_as && is_client_hello(data, len))
		take_guess_back(p);
	if (p->role_open && is_client_hello(data, len))
		description_settle_role(p, SLUICE_ROLE_SERVER);
	else if (early && is_client_hello(data, len))
		underlay_set_role(p, SLUICE_ROLE_SERVER);
	underlay_try_start(p);
	return p->dtls && !p->start_due;
}

/* A client speaks as soon as it has a path, which is when we have one, and repeats itself within this time. */
#define CLIENT_SPEAKS_WITHIN (2 * SLUICE_S)

static uint64_t role_due(const sluice_peer *p) {
	return p->role_open && p->ice_after != SLUICE_NEVER ? p->origin + p->ice_after + CLIENT_SPEAKS_WITHIN : SLUICE_NEVER;
}

/* The answer left the role open and nobody spoke: the other side waits for us. */
static void speak_first(sluice_peer *p, uint64_t now) {
	if (now < role_due(p))
		return;
	p->role_guessed = true;
	int error = description_settle_role(p, SLUICE_ROLE_CLIENT);
	if (error)
		peer_end(p, error, sluice_error_text(error));
}

/* ---- what ICE says --------------------------------------------------------------------------------------------------- */

static const enum sluice_ice_state ice_states[] = {
	[ICE_NEW] = SLUICE_ICE_NEW,
	[ICE_CHECKING] = SLUICE_ICE_CHECKING,
	[ICE_CONNECTED] = SLUICE_ICE_CONNECTED,
	[ICE_COMPLETED] = SLUICE_ICE_COMPLETED,
	[ICE_DISCONNECTED] = SLUICE_ICE_DISCONNECTED,
	[ICE_FAILED] = SLUICE_ICE_FAILED,
	[ICE_CLOSED] = SLUICE_ICE_CLOSED,
};

enum sluice_ice_state underlay_ice_state(const sluice_peer *p) {
	return ice_states[ice_state(p->ice)];
}

static enum sluice_peer_state way_of(const sluice_peer *p) {
	switch (ice_state(p->ice)) {
	case ICE_FAILED: /* a restart that is under way may still find a path */
		return p->negotiation.state == SLUICE_SIGNALING_STABLE || p->way == SLUICE_PEER_FAILED ? SLUICE_PEER_FAILED
		                                                                                       : SLUICE_PEER_DISCONNECTED;
	case ICE_DISCONNECTED:
		return SLUICE_PEER_DISCONNECTED;
	case ICE_CHECKING:
		return SLUICE_PEER_CONNECTING;
	default:
		return SLUICE_PEER_CONNECTED;
	}
}

/* As W3C has it (webrtc-pc, RTCIceTransportState), DTLS, the association and the channels survive that ICE has failed, since a
 * restart may bring the path back. Who waits for no restart closes or frees the peer. */
void underlay_judge(sluice_peer *p) {
	const char *text = p->ice_after == SLUICE_NEVER ? "no candidate pair worked"
	                                                : "the path is dead: no answer to consent checks";
	enum sluice_peer_state way = way_of(p);
	if (p->ends_as || way == p->way)
		return;
	if (way == SLUICE_PEER_FAILED && p->state == SLUICE_PEER_CLOSING) {
		peer_end(p, SLUICE_TIMED_OUT, text); /* what was still to be delivered has no way, and none is wanted */
		return;
	}
	p->way = way;
	p->error = way == SLUICE_PEER_FAILED ? SLUICE_TIMED_OUT : 0;
	p->error_text = p->error ? text : "";
	peer_wake(p);
}

/* Notes when a phase ended, the first time. */
static void note_time(const sluice_peer *p, uint64_t *after) {
	if (*after == SLUICE_NEVER)
		*after = p->has_origin ? p->now - p->origin : 0;
}

static void on_ice_state(sluice_peer *p, enum ice_state state) {
	if (state == ICE_CHECKING)
		note_time(p, &p->checking_after);
	peer_notice(p, NOTICE_ICE, ice_states[state]);
	if (state == ICE_CHECKING && p->state == SLUICE_PEER_NEW)
		peer_enter(p, SLUICE_PEER_CONNECTING);
	underlay_judge(p);
}

static bool same_path(const sluice_path *a, const sluice_path *b) {
	return a->socket == b->socket && path_equal(a, b);
}

/* Firefox drops records that come before its own check was answered, others before the pair is nominated: a ClientHello that was
 * too early is worth more now than when its time has come, which is two round trips later at the least. */
static void say_hello_again(sluice_peer *p) {
	if (p->dtls && !p->dtls_up && !(p->sped && ice_sped_active(p->ice)))
		dtls_repeat_hello(p->dtls, p->now);
}

static void on_route(sluice_peer *p) {
	sluice_path before = p->path;
	p->routed = ice_route(p->ice, &p->path);
	if (!p->routed)
		return;
	if (!same_path(&before, &p->path)) {
		sluice_sctp_path_changed(p->sctp);
		say_hello_again(p);
	}
	note_time(p, &p->ice_after);
	/* Over a path whose round trip is known, a flight is repeated when its answer is late and not before. */
	struct ice_pair_stats pair;
	if (p->dtls && !p->dtls_up && ice_selected(p->ice, &pair))
		dtls_raise_first_timeout(p->dtls, 2 * pair.rtt);
	underlay_try_start(p);
}

void underlay_drop_candidates(sluice_peer *p) {
	while (p->candidates) {
		struct untold_candidate *c = p->candidates;
		p->candidates = c->next;
		env_free(p->env, c);
	}
	p->candidates_end = &p->candidates;
}

/* Without memory it is not told by itself; the description still names it. */
static void keep_candidate(sluice_peer *p, const struct candidate *candidate) {
	char text[CANDIDATE_TEXT_MAX];
	int len = candidate_format(candidate, text, sizeof text);
	struct untold_candidate *c = len < 0 ? NULL : env_alloc(p->env, sizeof *c + (size_t)len + 1);
	if (!c)
		return;
	c->next = NULL;
	memcpy(c->text, text, (size_t)len + 1);
	*p->candidates_end = c;
	p->candidates_end = &c->next;
	peer_wake(p);
}

static void follow_ice(sluice_peer *p) {
	struct ice_event e;
	while (ice_poll(p->ice, &e)) {
		switch (e.kind) {
		case ICE_EVENT_CANDIDATE:
			keep_candidate(p, &e.candidate);
			break;
		case ICE_EVENT_GATHERING:
			if (e.gathering != ICE_GATHERING_COMPLETE) /* that it began was told when it did */
				break;
			note_time(p, &p->gathered_after);
			peer_notice(p, NOTICE_GATHERING, SLUICE_GATHERING_COMPLETE);
			break;
		case ICE_EVENT_STATE:
			on_ice_state(p, e.state);
			break;
		case ICE_EVENT_ROUTE:
			on_route(p);
			break;
		case ICE_EVENT_OPEN:
			say_hello_again(p);
			break;
		}
	}
}

/* ---- in -------------------------------------------------------------------------------------------------------------- */

static bool is_record(const sluice_datagram *d) {
	return packet_kind_of(d->data, d->len) == PACKET_DTLS;
}

bool peer_admits(const sluice_peer *p, const sluice_path *path) {
	if (!p->ice)
		return path_equal(path, &p->path);
	return (p->routed && p->path.socket == path->socket && path_equal(path, &p->path)) || ice_admits(p->ice, path);
}

uint64_t peer_proofs(const sluice_peer *p) {
	return p->ice ? ice_proofs(p->ice) : 0;
}

/* Records from one path. */
static int input_data(sluice_peer *p, const sluice_path *path, sluice_datagram *datagrams, size_t count, uint64_t now) {
	if (!peer_admits(p, path) || !has_dtls(p, datagrams->data, datagrams->len)) {
		p->strays += count;
		return 0;
	}
	if (p->sped)
		for (size_t i = 0; i < count; i++)
			ice_sped_received(p->ice, datagrams[i].data, datagrams[i].len);
	ice_note_traffic(p->ice, now);
	return peer_input_records(p, path, datagrams, count, now);
}

/* A check with a record in it, which its integrity vouches for. */
static int input_embedded(sluice_peer *p, const sluice_path *path, sluice_datagram *d, uint64_t now) {
	follow_ice(p);
	return has_dtls(p, d->data, d->len) ? peer_input_records(p, path, d, 1, now) : 0;
}

/* Unwraps a run of relayed datagrams from one source; *from is its path. Returns how many were data (they stand together at the
 * front of the run), and in *taken how many of the input are dealt with. */
static size_t unwrap_run(sluice_peer *p, const sluice_path *path, sluice_datagram *d, size_t count, sluice_path *from,
                         enum ice_verdict *verdict, size_t *taken, uint64_t now) {
	size_t n = 0;
	for (*taken = 0; *taken < count && !is_record(&d[*taken]); ++*taken) {
		sluice_path one = *path;
		sluice_datagram probe = d[*taken];
		enum ice_verdict v = ice_input(p->ice, &one, &probe, now);
		if (v == ICE_TAKEN)
			continue;
		d[n] = probe;
		*from = one;
		*verdict = v;
		n++;
		++*taken;
		break;
	}
	/* More of the same source: one call, so that one SACK answers them. */
	while (n && *verdict == ICE_DATA && *taken < count && n < 64 && !is_record(&d[*taken])) {
		sluice_path one = *path;
		sluice_datagram probe = d[*taken];
		enum ice_verdict v = ice_input(p->ice, &one, &probe, now);
		if (v == ICE_DATA && same_path(&one, from)) {
			d[n++] = probe;
		} else if (v == ICE_DTLS) {
			input_embedded(p, &one, &probe, now);
		} else if (v == ICE_DATA) {
			input_data(p, &one, &probe, 1, now);
		}
		++*taken;
	}
	return n;
}

int underlay_input(sluice_peer *p, const sluice_path *path, sluice_datagram *datagrams, size_t count, uint64_t now) {
	int error = 0;
	if (!path)
		path = &p->path;
	for (size_t i = 0; i < count && !p->ends_as;) {
		size_t n = 0;
		int result = 0;
		while (i + n < count && is_record(&datagrams[i + n]))
			n++;
		if (n) {
			result = input_data(p, path, datagrams + i, n, now);
			i += n;
		} else {
			sluice_path from = *path;
			enum ice_verdict verdict = ICE_TAKEN;
			size_t taken;
			size_t data = unwrap_run(p, path, datagrams + i, count - i, &from, &verdict, &taken, now);
			follow_ice(p);
			if (data && verdict == ICE_DTLS)
				result = input_embedded(p, &from, datagrams + i, now);
			else if (data)
				result = input_data(p, &from, datagrams + i, data, now);
			i += taken;
		}
		error = result ? result : error;
	}
	follow_ice(p);
	return error;
}

void underlay_advance(sluice_peer *p, uint64_t now) {
	ice_advance(p->ice, now);
	follow_ice(p);
	speak_first(p, now);
	underlay_try_start(p);
}

/* ---- out ------------------------------------------------------------------------------------------------------------- */

static bool keep_plain(sluice_peer *p, const uint8_t *bytes, size_t len) {
	struct plain_datagram *d = env_alloc(p->env, sizeof *d + len);
	if (!d)
		return false; /* embedded it goes all the same */
	d->next = NULL;
	d->len = len;
	memcpy(d->bytes, bytes, len);
	*p->plain_end = d;
	p->plain_end = &d->next;
	return true;
}

/* While a handshake is embedded, its flights are given to the checks, and over a valid pair they go plainly as well:
 * draft-hancke-webrtc-sped: "any new DTLS flights SHOULD immediately be sent without being embedded". */
static void embed_flight(sluice_peer *p, uint64_t now) {
	uint8_t space[FLIGHT_MAX * ICE_SPED_MTU];
	sluice_datagram flight[FLIGHT_MAX];
	size_t count = 0, used = 0;
	if (!p->sped || !p->dtls || !ice_sped_active(p->ice))
		return;
	while (count < FLIGHT_MAX) {
		sluice_batch b = {.data = space + used, .capacity = sizeof space - used, .max_datagrams = FLIGHT_MAX - count};
		if (dtls_output(p->dtls, &b, now) <= 0)
			break;
		for (size_t i = 0; i < b.count; i++)
			flight[count++] = (sluice_datagram){.data = sluice_batch_slot(&b, i),
			                                    .len = sluice_batch_slot_len(&b, i)};
		used += sluice_batch_len(&b);
	}
	if (!count)
		return;
	ice_sped_flight(p->ice, flight, count, now);
	if (p->routed)
		for (size_t i = 0; i < count; i++)
			keep_plain(p, flight[i].data, flight[i].len);
}

static int output_plain(sluice_peer *p, sluice_batch *batch) {
	struct plain_datagram *d = p->plain;
	if (batch->capacity < d->len)
		return SLUICE_NO_SPACE;
	memcpy(batch->data, d->bytes, d->len);
	batch->count = 1;
	batch->stride = batch->last = d->len;
	p->plain = d->next;
	if (!p->plain)
		p->plain_end = &p->plain;
	env_free(p->env, d);
	return 1;
}

static int output_over_route(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	return p->plain ? output_plain(p, batch) : peer_output_records(p, batch, now);
}

/* Moves the datagrams apart, so that each has `room` bytes before it. Relayed ones only, for which a copy is a small part of
 * their way. */
static void make_room(sluice_batch *b, size_t room) {
	size_t stride = b->stride + room;
	for (size_t i = b->count; i-- > 0;)
		memmove(b->data + i * stride + room, b->data + i * b->stride, sluice_batch_slot_len(b, i));
	b->stride = stride;
	b->last += room;
	b->headroom = room;
}

static int output_relayed(sluice_peer *p, sluice_batch *batch, size_t room, uint64_t now) {
	size_t most = batch->max_datagrams ? batch->max_datagrams : 64;
	if (batch->capacity <= most * room)
		return SLUICE_NO_SPACE;
	sluice_batch inner = *batch;
	inner.capacity -= most * room;
	inner.max_datagrams = most;
	int n = output_over_route(p, &inner, now);
	if (n <= 0)
		return n;
	make_room(&inner, room);
	inner.path = p->path;
	int wrapped = ice_wrap(p->ice, &inner);
	batch->count = inner.count;
	batch->stride = inner.stride;
	batch->last = inner.last;
	batch->path = inner.path;
	return wrapped == 0 ? n : SLUICE_WOULD_BLOCK;
}

/* What goes over the route. SLUICE_WOULD_BLOCK: something went another way, so ask once more. */
static int output_routed(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	size_t room = ice_headroom(p->ice);
	if (room)
		return output_relayed(p, batch, room, now);
	int n = output_over_route(p, batch, now);
	batch->path = p->path;
	return n;
}

/* Rounds in which datagrams were taken as Send indications; each brings some out by ice_output. */
#define ROUNDS_MAX 4

int underlay_output(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	underlay_try_start(p);
	for (int i = 0; i < ROUNDS_MAX; i++) {
		embed_flight(p, now); /* before the checks and answers that carry it */
		int n = ice_output(p->ice, batch, now);
		follow_ice(p);
		if (n)
			return n;
		if (!p->routed) {
			p->said_goodbye = p->ends_as != 0; /* there is nobody to say it to */
			return 0;
		}
		n = output_routed(p, batch, now);
		if (n > 0)
			ice_note_traffic(p->ice, now);
		if (n != SLUICE_WOULD_BLOCK)
			return n;
	}
	batch->count = 0;
	return 0;
}

uint64_t underlay_deadline(const sluice_peer *p) {
	uint64_t at = ice_deadline(p->ice), due = role_due(p);
	at = due < at ? due : at;
	if (p->plain && p->routed)
		return 0;
	if (p->dtls && !p->start_due) {
		uint64_t dtls = dtls_deadline(p->dtls);
		/* A flight that has no way to go waits for one, and that is ICE's to bring. */
		if ((dtls > 0 || p->routed || (p->sped && ice_sped_active(p->ice))) && dtls < at)
			at = dtls;
	}
	if (p->dtls_up && p->routed) {
		uint64_t sctp = sluice_sctp_deadline(p->sctp);
		at = sctp < at ? sctp : at;
	}
	return at;
}

/* ---- for the driver --------------------------------------------------------------------------------------------------- */

int sluice_peer_add_local_address(sluice_peer *p, enum sluice_transport transport, uint32_t socket, const struct sockaddr *addr,
                                  socklen_t len, uint16_t preference, const char *mdns_name) {
	static const enum candidate_transport transports[] = {CANDIDATE_UDP, CANDIDATE_TCP_ACTIVE, CANDIDATE_TCP_PASSIVE};
	struct sockaddr_storage a = {0};
	if (!p->ice)
		return SLUICE_WRONG_STATE;
	if (!addr || len > sizeof a || (size_t)transport >= sizeof transports / sizeof *transports || socket & ICE_RELAY_SOCKET)
		return SLUICE_INVALID;
	memcpy(&a, addr, len);
	int error = ice_add_local(p->ice, transports[transport], socket, &a, preference, mdns_name);
	follow_ice(p);
	peer_wake(p);
	return error;
}

void sluice_peer_set_local_address_running(sluice_peer *p, uint32_t socket, bool running) {
	if (!p->ice)
		return;
	ice_set_local_running(p->ice, socket, running);
	follow_ice(p);
	peer_wake(p);
}

void sluice_peer_remove_local_address(sluice_peer *p, uint32_t socket) {
	if (!p->ice)
		return;
	ice_remove_local(p->ice, socket);
	follow_ice(p);
	peer_wake(p);
}

bool sluice_peer_poll_request(sluice_peer *p, sluice_request *r) {
	static const enum sluice_request_kind kinds[] = {
		[ICE_REQUEST_RESOLVE] = SLUICE_REQUEST_RESOLVE,
		[ICE_REQUEST_STREAM] = SLUICE_REQUEST_STREAM,
		[ICE_REQUEST_CLOSE] = SLUICE_REQUEST_CLOSE,
	};
	struct ice_request q;
	if (!p->ice || !ice_poll_request(p->ice, &q))
		return false;
	*r = (sluice_request){
		.kind = kinds[q.kind],
		.id = q.id,
		.name = q.name,
		.mdns = q.mdns,
		.tls = q.tls,
		.turn = q.turn,
		.addr = q.addr,
		.socket = q.socket,
	};
	return true;
}

void sluice_peer_resolved(sluice_peer *p, uint32_t id, const struct sockaddr_storage *addrs, size_t count) {
	if (!p->ice)
		return;
	ice_resolved(p->ice, id, addrs, count, p->now);
	follow_ice(p);
	peer_wake(p);
}

void sluice_peer_stream_up(sluice_peer *p, uint32_t id, uint32_t socket, const struct sockaddr_storage *local) {
	(void)local;
	if (!p->ice)
		return;
	ice_stream_up(p->ice, id, socket, p->now);
	follow_ice(p);
	peer_wake(p);
}

void sluice_peer_stream_down(sluice_peer *p, uint32_t socket) {
	if (!p->ice)
		return;
	ice_stream_down(p->ice, socket, p->now);
	follow_ice(p);
	peer_wake(p);
}

const char *sluice_peer_ufrag(const sluice_peer *p) {
	return p->ice ? ice_ufrag(p->ice) : "";
}
