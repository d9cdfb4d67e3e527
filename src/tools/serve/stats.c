/* stats: the channel "stats": what the association knows about itself, as seen from here.
 *
 *   from us  {"type":"sample",...}      five times a second; times in ms, sizes in bytes, rates in bit/s, counts since the
 *                                       beginning
 *            {"type":"report","report":{...}}   the whole report after W3C's names, when asked
 *            {"type":"error","text":"..."}      there is none now
 *   to us    {"type":"report"}          once a second at most, and when there is room in the buffer: a report costs as
 *                                       much as a page */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stat_table.h"
#include "tools/serve/service.h"

#define INTERVAL 0.2
#define REPORT_MAX 262144
#define REPORTS_AT_ONCE 2
/* A sample is out of date soon: a client that reads slowly gets fewer of them. */
#define BUFFERED_MAX 16384

static double ms(uint64_t ns) {
	return ns == SLUICE_NEVER ? -1. : (double)ns / 1e6;
}

static json_t *phases(const sluice_peer_stats *s) {
	return json_pack("{s:f, s:f, s:f, s:f}", "ice", ms(s->ice_connected_after), "dtls", ms(s->dtls_connected_after), "sctp",
	                 ms(s->sctp_connected_after), "channel", ms(s->channel_open_after));
}

static json_t *path(const sluice_candidate_pair_stats *p) {
	if (!p->local_type)
		return json_null();
	return json_pack("{s:s, s:i, s:s, s:s, s:i, s:s, s:s}", "local", p->local_address, "localPort", (int)p->local_port,
	                 "localType", p->local_type, "remote", p->remote_address, "remotePort", (int)p->remote_port, "remoteType",
	                 p->remote_type ? p->remote_type : "", "protocol", p->protocol ? p->protocol : "");
}

/* Counters of the association, by the names that the report has too. */
static void add_counters(json_t *o, const sluice_sctp_stats *s) {
	static const char *const shown[] = {
		"payload_sent",      "payload_received", "packets_sent",    "packets_received",
		"timeouts",          "recoveries",       "tail_probes",     "spurious_retransmissions",
		"reductions_undone", "losses_forgiven",  "mtu_probes_sent", "mtu_black_holes",
	};
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		const struct stat_row *row = stat_find(&stat_sctp, shown[i]);
		char space[STAT_JSON_NAME_MAX];
		json_object_set_new(o, stat_json_name(row, space), json_integer((json_int_t)stat_number(row, s)));
	}
}

static json_t *sample(const struct client *c) {
	sluice_peer_stats s;
	sluice_peer_stats_get(c->peer, &s);
	json_t *o = json_pack("{s:s, s:f, s:f, s:f, s:f, s:f}", "type", "sample", "time", ms(sluice_now()), "rtt",
	                      ms(s.sctp.srtt), "rttVar", ms(s.sctp.rttvar), "minRtt", ms(s.sctp.min_rtt), "rto", ms(s.sctp.rto));
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {
		{"cwnd", s.sctp.cwnd},
		{"ssthresh", s.sctp.ssthresh},
		{"inFlight", s.sctp.flight_size},
		{"peerWindow", s.sctp.peer_window},
		{"mtu", s.sctp.mtu},
		{"buffered", s.sctp.buffered},
		{"retransmitted", s.sctp.retransmitted_chunks},
		{"pacingRate", 8 * s.sctp.pacing_rate},
		{"deliveryRate", 8 * s.sctp.delivery_rate},
		{"bytesSent", s.bytes_sent},
		{"bytesReceived", s.bytes_received},
		{"channels", s.channels_open},
		{"peers", c->serve->client_count},
	};
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		json_object_set_new(o, counts[i].name, json_integer((json_int_t)counts[i].value));
	add_counters(o, &s.sctp);
	json_object_set_new(o, "control", json_string(s.sctp.congestion_control));
	json_object_set_new(o, "cipher", json_string(sluice_peer_cipher(c->peer)));
	json_object_set_new(o, "phases", phases(&s));
	json_object_set_new(o, "path", path(&s.selected));
	json_object_set_new(o, "snap", json_boolean(s.snap));
	json_object_set_new(o, "sped", json_boolean(s.sped));
	return o;
}

static void on_tick(struct ev_loop *ev, ev_timer *w, int events) {
	(void)events;
	struct serve *s = w->data;
	bool any = false;
	for (struct client *c = s->clients; c; c = c->next) {
		struct service *sv = service_of(c, &stats_kind);
		if (!sv || c->closing)
			continue;
		any = true;
		if (sluice_channel_buffered_amount(sv->channel) < BUFFERED_MAX)
			service_say(sv, sample(c));
	}
	if (!any)
		ev_timer_stop(ev, w);
}

/* Samples go out until no client has a service of the kind. */
static void start_tick(struct serve *s) {
	if (ev_is_active(&s->stats_tick))
		return;
	ev_timer_init(&s->stats_tick, on_tick, INTERVAL, INTERVAL);
	s->stats_tick.data = s;
	ev_timer_start(s->ev, &s->stats_tick);
}

static void stats_opened(struct service *sv) {
	start_tick(sv->client->serve);
}

static bool may_report(struct service *sv) {
	struct client *c = sv->client;
	if (sluice_channel_buffered_amount(sv->channel) >= BUFFERED_MAX)
		return false;
	if (rate_take(&c->reports, SLUICE_S, REPORTS_AT_ONCE, sluice_now()))
		return true;
	service_complain(sv, "not so fast");
	return false;
}

static void send_report(struct service *sv) {
	char *text = malloc(REPORT_MAX);
	size_t len = text ? sluice_peer_stats_json(sv->client->peer, text, REPORT_MAX) : 0;
	json_t *object = len > 0 && len < REPORT_MAX ? json_loadb(text, len, JSON_ALLOW_NUL, NULL) : NULL;
	free(text);
	if (!object || !service_say(sv, json_pack("{s:s, s:o}", "type", "report", "report", object)))
		service_complain(sv, "the report cannot be sent now");
}

static void stats_message(struct service *sv, sluice_message *m, bool text) {
	json_t *object = service_read(m, text);
	if (strcmp(object_type(object), "report") == 0 && may_report(sv))
		send_report(sv);
	json_decref(object);
}

const struct service_kind stats_kind = {
	.label = "stats",
	.size = sizeof(struct service),
	.opens_at_once = 5,
	.open_interval = SLUICE_S,
	.limit = 1,
	.opened = stats_opened,
	.message = stats_message,
};
