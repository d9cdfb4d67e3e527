/* report: what can be known about a peer, as a struct and as W3C's statistics in JSON (webrtc-stats). */
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/json_line.h"
#include "base/stat_table.h"
#include "peer/connection.h"
#include "peer/report_media.h"

static const char *const candidate_types[] = {"host", "srflx", "prflx", "relay"};

static void show_address(const struct candidate *c, char *text, size_t size) {
	text[0] = 0;
	if (*c->name)
		snprintf(text, size, "%.*s", (int)size - 1, c->name);
	else
		address_format(&c->addr, text, size);
}

static void show_pair(const struct ice_pair_stats *pair, sluice_candidate_pair_stats *out) {
	show_address(&pair->local, out->local_address, sizeof out->local_address);
	show_address(&pair->remote, out->remote_address, sizeof out->remote_address);
	out->local_port = pair->local.port;
	out->remote_port = pair->remote.port;
	out->local_type = candidate_types[pair->local.type];
	out->remote_type = candidate_types[pair->remote.type];
	out->protocol = pair->local.transport == CANDIDATE_UDP ? "udp" : "tcp";
	out->nominated = pair->nominated;
	out->rtt = pair->rtt;
	out->total_rtt = pair->total_rtt;
	out->requests_sent = pair->requests_sent;
	out->requests_received = pair->requests_received;
	out->responses_sent = pair->responses_sent;
	out->responses_received = pair->responses_received;
	out->consent_requests_sent = pair->consent_requests_sent;
}

static void show_ice(const sluice_peer *p, sluice_peer_stats *stats) {
	struct ice_stats ice;
	struct ice_pair_stats pair;
	ice_stats_get(p->below.ice, &ice);
	stats->selected_pair_changes = ice.selected_changes;
	stats->candidates_skipped = p->candidates_skipped;
	stats->stun_bytes_sent = ice.bytes_sent;
	stats->stun_bytes_received = ice.bytes_received;
	stats->stun_discarded = ice.discarded;
	stats->local_candidates = (uint32_t)ice_local_count(p->below.ice);
	stats->remote_candidates = (uint32_t)ice_remote_count(p->below.ice);
	stats->candidate_pairs = (uint32_t)ice_pair_count(p->below.ice);
	if (ice_selected(p->below.ice, &pair))
		show_pair(&pair, &stats->selected);
}

void sluice_peer_stats_get(const sluice_peer *p, sluice_peer_stats *stats) {
	*stats = (sluice_peer_stats){
		.datagrams_sent = p->datagrams_sent,
		.datagrams_received = p->datagrams_received,
		.bytes_sent = p->bytes_sent,
		.bytes_received = p->bytes_received,
		.socket_drops = p->socket_drops,
		.receive_room = p->receive_room,
		.channels_open = channels_open_count(p->channels),
		.dtls_connected_after = p->dtls_after,
		.sctp_connected_after = p->sctp_after,
		.channel_open_after = p->channel_after,
		.dtls_started_after = p->dtls_started_after,
		.ice_connected_after = p->ice_after,
		.gathered_after = p->gathered_after,
		.checking_after = p->checking_after,
		.snap = p->snap_remote != NULL,
		.sped = p->below.sped,
	};
	sluice_sctp_stats_get(p->sctp, &stats->sctp);
	if (p->dtls)
		dtls_stats_get(p->dtls, &stats->dtls);
	stats->dtls.records_discarded += p->strays;
	if (!peer_is_direct(p))
		show_ice(p, stats);
}

int sluice_peer_set_trace(sluice_peer *p, sluice_trace_fn fn, void *ctx) {
	p->trace = fn;
	p->trace_ctx = ctx;
	return sluice_sctp_set_trace(p->sctp, fn, ctx);
}

int sluice_peer_set_packet_tap(sluice_peer *p, sluice_packet_fn fn, void *ctx) {
	p->tap = fn;
	p->tap_ctx = ctx;
	return sluice_sctp_set_packet_tap(p->sctp, fn, ctx);
}

/* ---- questions ------------------------------------------------------------------------------------------------------- */

enum sluice_ice_state sluice_peer_ice_state(const sluice_peer *p) {
	return peer_is_direct(p) ? SLUICE_ICE_NEW : underlay_ice_state(&p->below);
}

enum sluice_gathering_state sluice_peer_gathering_state(const sluice_peer *p) {
	return peer_is_direct(p) ? SLUICE_GATHERING_NEW : (enum sluice_gathering_state)ice_gathering(p->below.ice);
}

const char *sluice_peer_cipher(const sluice_peer *p) {
	return p->dtls ? dtls_cipher(p->dtls) : "";
}

int sluice_peer_local_fingerprint(const sluice_peer *p, enum sluice_hash hash, sluice_fingerprint *out) {
	return sluice_certificate_fingerprint(p->certificate, hash, out);
}

int sluice_peer_remote_fingerprint(const sluice_peer *p, enum sluice_hash hash, sluice_fingerprint *out) {
	return p->dtls ? dtls_remote_fingerprint(p->dtls, hash, out) : SLUICE_WRONG_STATE;
}

int sluice_peer_remote_certificate(const sluice_peer *p, void *der, size_t size) {
	return p->dtls ? dtls_remote_der(p->dtls, der, size) : SLUICE_WRONG_STATE;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------ */

/* ns as the seconds that W3C counts in; nothing for what has not happened. */
static void put_time(struct json_line *j, const char *name, uint64_t ns) {
	if (ns != SLUICE_NEVER)
		json_line_seconds(j, name, ns);
}

static void open_entry(struct json_line *j, const sluice_peer *p, const char *id, const char *type) {
	json_line_open(j, id, '{');
	json_line_string(j, "id", id);
	json_line_string(j, "type", type);
	json_line_ms(j, "timestamp", p->now); /* of the clock that the driver keeps */
}

static void close_entry(struct json_line *j) {
	json_line_close(j, '}');
}

/* A peer that was freed in one of its callbacks has no channels any more. */
static const sluice_channel *next_channel(const sluice_peer *p, const sluice_channel *ch) {
	return p->channels ? channels_next(p->channels, ch) : NULL;
}

static void put_connection(struct json_line *j, const sluice_peer *p) {
	uint32_t opened = 0, closed = 0;
	for (const sluice_channel *ch = next_channel(p, NULL); ch; ch = next_channel(p, ch)) {
		opened += sluice_channel_state(ch) >= SLUICE_CHANNEL_OPEN;
		closed += sluice_channel_state(ch) == SLUICE_CHANNEL_CLOSED;
	}
	open_entry(j, p, "P", "peer-connection");
	json_line_number(j, "dataChannelsOpened", opened);
	json_line_number(j, "dataChannelsClosed", closed);
	json_line_string(j, "connectionState", sluice_peer_state_name(sluice_peer_state(p)));
	json_line_string(j, "signalingState", sluice_signaling_state_name(p->negotiation.state));
	close_entry(j);
}

static void put_transport(struct json_line *j, const sluice_peer *p, const sluice_peer_stats *s) {
	static const char *const dtls_names[] = {"new", "connecting", "connected", "closed", "failed"};
	static const char *const roles[] = {"unknown", "client", "server"};
	open_entry(j, p, "T", "transport");
	json_line_number(j, "packetsSent", s->datagrams_sent);
	json_line_number(j, "packetsReceived", s->datagrams_received);
	json_line_number(j, "bytesSent", s->bytes_sent);
	json_line_number(j, "bytesReceived", s->bytes_received);
	json_line_number(j, "socketDrops", s->socket_drops);
	if (s->receive_room != UINT64_MAX)
		json_line_number(j, "receiveRoom", s->receive_room);
	if (!peer_is_direct(p)) {
		json_line_string(j, "iceRole", ice_is_controlling(p->below.ice) ? "controlling" : "controlled");
		json_line_string(j, "iceState", sluice_ice_state_name(sluice_peer_ice_state(p)));
		json_line_string(j, "iceLocalUsernameFragment", ice_ufrag(p->below.ice));
		json_line_number(j, "selectedCandidatePairChanges", s->selected_pair_changes);
		if (s->selected.local_type)
			json_line_string(j, "selectedCandidatePairId", "CP");
	}
	json_line_string(j, "dtlsState", p->dtls ? dtls_names[dtls_state(p->dtls)] : "new");
	json_line_string(j, "dtlsRole", roles[p->role]);
	json_line_string(j, "dtlsCipher", sluice_peer_cipher(p));
	json_line_string(j, "localCertificateId", "CL");
	json_line_string(j, "remoteCertificateId", "CR");
	stat_write(&stat_dtls, &s->dtls, j);
	json_line_bool(j, "snap", s->snap);
	json_line_bool(j, "sped", s->sped);
	put_time(j, "gatheringTime", s->gathered_after);
	put_time(j, "checkingStartTime", s->checking_after);
	put_time(j, "iceConnectedTime", s->ice_connected_after);
	put_time(j, "dtlsStartTime", s->dtls_started_after);
	put_time(j, "dtlsConnectedTime", s->dtls_connected_after);
	put_time(j, "sctpConnectedTime", s->sctp_connected_after);
	put_time(j, "channelOpenTime", s->channel_open_after);
	close_entry(j);
}

static void put_candidate(struct json_line *j, const sluice_peer *p, bool local, const sluice_candidate_pair_stats *pair) {
	open_entry(j, p, local ? "IL" : "IR", local ? "local-candidate" : "remote-candidate");
	json_line_string(j, "transportId", "T");
	json_line_string(j, "address", local ? pair->local_address : pair->remote_address);
	json_line_number(j, "port", local ? pair->local_port : pair->remote_port);
	json_line_string(j, "protocol", pair->protocol);
	json_line_string(j, "candidateType", local ? pair->local_type : pair->remote_type);
	close_entry(j);
}

static void put_pair(struct json_line *j, const sluice_peer *p, const sluice_peer_stats *s) {
	const sluice_candidate_pair_stats *pair = &s->selected;
	if (!pair->local_type)
		return;
	open_entry(j, p, "CP", "candidate-pair");
	json_line_string(j, "transportId", "T");
	json_line_string(j, "localCandidateId", "IL");
	json_line_string(j, "remoteCandidateId", "IR");
	json_line_string(j, "state", "succeeded");
	json_line_bool(j, "nominated", pair->nominated);
	put_time(j, "currentRoundTripTime", pair->rtt);
	put_time(j, "totalRoundTripTime", pair->total_rtt);
	json_line_number(j, "requestsSent", pair->requests_sent);
	json_line_number(j, "requestsReceived", pair->requests_received);
	json_line_number(j, "responsesSent", pair->responses_sent);
	json_line_number(j, "responsesReceived", pair->responses_received);
	json_line_number(j, "consentRequestsSent", pair->consent_requests_sent);
	json_line_number(j, "bytesSent", s->bytes_sent);
	json_line_number(j, "bytesReceived", s->bytes_received);
	close_entry(j);
	put_candidate(j, p, true, pair);
	put_candidate(j, p, false, pair);
}

static void put_certificate(struct json_line *j, const sluice_peer *p, bool local) {
	sluice_fingerprint f;
	char fingerprint[SLUICE_FINGERPRINT_MAX];
	int error = local ? sluice_peer_local_fingerprint(p, SLUICE_SHA256, &f)
	                  : sluice_peer_remote_fingerprint(p, SLUICE_SHA256, &f);
	if (error || sluice_fingerprint_format(&f, fingerprint, sizeof fingerprint) < 0)
		return;
	const char *space = strchr(fingerprint, ' ');
	open_entry(j, p, local ? "CL" : "CR", "certificate");
	json_line_string(j, "fingerprintAlgorithm", "sha-256");
	json_line_string(j, "fingerprint", space ? space + 1 : fingerprint);
	close_entry(j);
}

static void put_association(struct json_line *j, const sluice_peer *p, const sluice_sctp_stats *s) {
	open_entry(j, p, "S", "sctp-association");
	json_line_string(j, "transportId", "T");
	json_line_string(j, "state", sluice_sctp_state_name(sluice_sctp_state(p->sctp)));
	stat_write(&stat_sctp, s, j);
	close_entry(j);
}

static void put_channel(struct json_line *j, const sluice_peer *p, const sluice_channel *ch, unsigned index) {
	char id[16];
	size_t len;
	sluice_channel_stats s;
	sluice_channel_stats_get(ch, &s);
	snprintf(id, sizeof id, "D%u", index);
	open_entry(j, p, id, "data-channel");
	const char *label = sluice_channel_label(ch, &len);
	json_line_bytes(j, "label", label, len);
	const char *protocol = sluice_channel_protocol(ch, &len);
	json_line_bytes(j, "protocol", protocol, len);
	if (sluice_channel_id(ch) >= 0)
		json_line_number(j, "dataChannelIdentifier", (uint64_t)sluice_channel_id(ch));
	json_line_string(j, "state", sluice_channel_state_name(sluice_channel_state(ch)));
	stat_write(&stat_channel, &s, j);
	close_entry(j);
}

size_t sluice_peer_stats_json(const sluice_peer *p, char *json, size_t size) {
	struct json_line j = json_line_of(json, size ? size - 1 : 0);
	sluice_peer_stats s;
	unsigned index = 0;
	sluice_peer_stats_get(p, &s);
	json_line_open(&j, NULL, '{');
	put_connection(&j, p);
	put_transport(&j, p, &s);
	put_pair(&j, p, &s);
	put_certificate(&j, p, true);
	put_certificate(&j, p, false);
	put_association(&j, p, &s.sctp);
	for (const sluice_channel *ch = next_channel(p, NULL); ch; ch = next_channel(p, ch))
		put_channel(&j, p, ch, index++);
	report_media_write(p, &j);
	json_line_close(&j, '}');
	if (size)
		json[json_line_len(&j)] = 0;
	return j.wanted;
}
