/* report: what can be known about a peer, as a struct and as W3C's statistics in JSON (webrtc-stats). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/text.h"
#include "peer/connection.h"

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
	return sluice_sctp_set_trace(p->sctp, fn, ctx);
}

int sluice_peer_set_packet_tap(sluice_peer *p, sluice_packet_fn fn, void *ctx) {
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

/* Counts on when the space is full, so that the caller learns how much it would have been. */
struct json {
	char *text;
	size_t size, len;
	bool needs_comma;
};

__attribute__((format(printf, 2, 3))) static void put(struct json *j, const char *format, ...) {
	va_list args;
	va_start(args, format);
	size_t at = j->len < j->size ? j->len : j->size;
	int n = vsnprintf(j->size ? j->text + at : NULL, j->size - at, format, args);
	va_end(args);
	j->len += n > 0 ? (size_t)n : 0;
}

static void put_string(struct json *j, const char *s, size_t len) {
	put(j, "\"");
	size_t at = j->len < j->size ? j->len : j->size;
	j->len += text_json(s, len, j->size ? j->text + at : NULL, j->size - at);
	put(j, "\"");
}

static void key(struct json *j, const char *name) {
	put(j, "%s\"%s\":", j->needs_comma ? "," : "", name);
	j->needs_comma = true;
}

static void text(struct json *j, const char *name, const char *value) {
	key(j, name);
	put_string(j, value, strlen(value));
}

static void number(struct json *j, const char *name, uint64_t value) {
	key(j, name);
	put(j, "%" PRIu64, value);
}

static void flag(struct json *j, const char *name, bool value) {
	key(j, name);
	put(j, value ? "true" : "false");
}

/* ns as the seconds that W3C counts in; nothing for what has not happened. */
static void seconds(struct json *j, const char *name, uint64_t ns) {
	if (ns == SLUICE_NEVER)
		return;
	key(j, name);
	put(j, "%.6f", (double)ns / 1e9);
}

static void open_entry(struct json *j, const sluice_peer *p, const char *id, const char *type) {
	key(j, id);
	put(j, "{");
	j->needs_comma = false;
	text(j, "id", id);
	text(j, "type", type);
	key(j, "timestamp");
	put(j, "%.3f", (double)p->now / 1e6); /* ms, of the clock that the driver keeps */
}

static void close_entry(struct json *j) {
	put(j, "}");
	j->needs_comma = true;
}

/* A peer that was freed in one of its callbacks has no channels any more. */
static const sluice_channel *next_channel(const sluice_peer *p, const sluice_channel *ch) {
	return p->channels ? channels_next(p->channels, ch) : NULL;
}

static void put_connection(struct json *j, const sluice_peer *p) {
	uint32_t opened = 0, closed = 0;
	for (const sluice_channel *ch = next_channel(p, NULL); ch; ch = next_channel(p, ch)) {
		opened += sluice_channel_state(ch) >= SLUICE_CHANNEL_OPEN;
		closed += sluice_channel_state(ch) == SLUICE_CHANNEL_CLOSED;
	}
	open_entry(j, p, "P", "peer-connection");
	number(j, "dataChannelsOpened", opened);
	number(j, "dataChannelsClosed", closed);
	text(j, "connectionState", sluice_peer_state_name(sluice_peer_state(p)));
	text(j, "signalingState", sluice_signaling_state_name(p->negotiation.state));
	close_entry(j);
}

static void put_transport(struct json *j, const sluice_peer *p, const sluice_peer_stats *s) {
	static const char *const dtls_names[] = {"new", "connecting", "connected", "closed", "failed"};
	static const char *const roles[] = {"unknown", "client", "server"};
	open_entry(j, p, "T", "transport");
	number(j, "packetsSent", s->datagrams_sent);
	number(j, "packetsReceived", s->datagrams_received);
	number(j, "bytesSent", s->bytes_sent);
	number(j, "bytesReceived", s->bytes_received);
	if (!peer_is_direct(p)) {
		text(j, "iceRole", ice_is_controlling(p->below.ice) ? "controlling" : "controlled");
		text(j, "iceState", sluice_ice_state_name(sluice_peer_ice_state(p)));
		text(j, "iceLocalUsernameFragment", ice_ufrag(p->below.ice));
		number(j, "selectedCandidatePairChanges", s->selected_pair_changes);
		if (s->selected.local_type)
			text(j, "selectedCandidatePairId", "CP");
	}
	text(j, "dtlsState", p->dtls ? dtls_names[dtls_state(p->dtls)] : "new");
	text(j, "dtlsRole", roles[p->role]);
	text(j, "dtlsCipher", sluice_peer_cipher(p));
	text(j, "localCertificateId", "CL");
	text(j, "remoteCertificateId", "CR");
	flag(j, "snap", s->snap);
	flag(j, "sped", s->sped);
	seconds(j, "gatheringTime", s->gathered_after);
	seconds(j, "checkingStartTime", s->checking_after);
	seconds(j, "iceConnectedTime", s->ice_connected_after);
	seconds(j, "dtlsStartTime", s->dtls_started_after);
	seconds(j, "dtlsConnectedTime", s->dtls_connected_after);
	seconds(j, "sctpConnectedTime", s->sctp_connected_after);
	seconds(j, "channelOpenTime", s->channel_open_after);
	close_entry(j);
}

static void put_candidate(struct json *j, const sluice_peer *p, bool local, const sluice_candidate_pair_stats *pair) {
	open_entry(j, p, local ? "IL" : "IR", local ? "local-candidate" : "remote-candidate");
	text(j, "transportId", "T");
	text(j, "address", local ? pair->local_address : pair->remote_address);
	number(j, "port", local ? pair->local_port : pair->remote_port);
	text(j, "protocol", pair->protocol);
	text(j, "candidateType", local ? pair->local_type : pair->remote_type);
	close_entry(j);
}

static void put_pair(struct json *j, const sluice_peer *p, const sluice_peer_stats *s) {
	const sluice_candidate_pair_stats *pair = &s->selected;
	if (!pair->local_type)
		return;
	open_entry(j, p, "CP", "candidate-pair");
	text(j, "transportId", "T");
	text(j, "localCandidateId", "IL");
	text(j, "remoteCandidateId", "IR");
	text(j, "state", "succeeded");
	flag(j, "nominated", pair->nominated);
	seconds(j, "currentRoundTripTime", pair->rtt);
	seconds(j, "totalRoundTripTime", pair->total_rtt);
	number(j, "requestsSent", pair->requests_sent);
	number(j, "requestsReceived", pair->requests_received);
	number(j, "responsesSent", pair->responses_sent);
	number(j, "responsesReceived", pair->responses_received);
	number(j, "consentRequestsSent", pair->consent_requests_sent);
	number(j, "bytesSent", s->bytes_sent);
	number(j, "bytesReceived", s->bytes_received);
	close_entry(j);
	put_candidate(j, p, true, pair);
	put_candidate(j, p, false, pair);
}

static void put_certificate(struct json *j, const sluice_peer *p, bool local) {
	sluice_fingerprint f;
	char fingerprint[SLUICE_FINGERPRINT_MAX];
	int error = local ? sluice_peer_local_fingerprint(p, SLUICE_SHA256, &f)
	                  : sluice_peer_remote_fingerprint(p, SLUICE_SHA256, &f);
	if (error || sluice_fingerprint_format(&f, fingerprint, sizeof fingerprint) < 0)
		return;
	const char *space = strchr(fingerprint, ' ');
	open_entry(j, p, local ? "CL" : "CR", "certificate");
	text(j, "fingerprintAlgorithm", "sha-256");
	text(j, "fingerprint", space ? space + 1 : fingerprint);
	close_entry(j);
}

static void put_association(struct json *j, const sluice_peer *p, const sluice_sctp_stats *s) {
	open_entry(j, p, "S", "sctp-association");
	text(j, "transportId", "T");
	text(j, "state", sluice_sctp_state_name(sluice_sctp_state(p->sctp)));
	number(j, "packetsSent", s->packets_sent);
	number(j, "packetsReceived", s->packets_received);
	number(j, "bytesSent", s->bytes_sent);
	number(j, "bytesReceived", s->bytes_received);
	number(j, "messagesSent", s->messages_sent);
	number(j, "messagesReceived", s->messages_received);
	number(j, "payloadBytesSent", s->payload_sent);
	number(j, "payloadBytesReceived", s->payload_received);
	number(j, "messagesAbandoned", s->messages_abandoned);
	number(j, "retransmittedChunks", s->retransmitted_chunks);
	number(j, "spuriousRetransmissions", s->spurious_retransmissions);
	number(j, "lossRecoveries", s->recoveries);
	number(j, "reductionsUndone", s->reductions_undone);
	number(j, "tailLossProbes", s->tail_probes);
	number(j, "timeouts", s->timeouts);
	seconds(j, "smoothedRoundTripTime", s->srtt);
	seconds(j, "minRoundTripTime", s->min_rtt);
	seconds(j, "retransmissionTimeout", s->rto);
	text(j, "congestionControl", s->congestion_control);
	number(j, "congestionWindow", s->cwnd);
	number(j, "slowStartThreshold", s->ssthresh);
	number(j, "pacingBitrate", 8 * s->pacing_rate);
	number(j, "deliveryBitrate", 8 * s->delivery_rate);
	number(j, "flightSize", s->flight_size);
	number(j, "receiverWindow", s->peer_window);
	number(j, "mtu", s->mtu);
	number(j, "mtuProbesSent", s->mtu_probes_sent);
	number(j, "mtuProbesAcknowledged", s->mtu_probes_acked);
	number(j, "mtuBlackHoles", s->mtu_black_holes);
	number(j, "bufferedAmount", s->buffered);
	close_entry(j);
}

static void put_channel(struct json *j, const sluice_peer *p, const sluice_channel *ch, unsigned index) {
	static const char *const states[] = {"connecting", "open", "closing", "closed"};
	char id[16];
	size_t len;
	sluice_channel_stats s;
	sluice_channel_stats_get(ch, &s);
	snprintf(id, sizeof id, "D%u", index);
	open_entry(j, p, id, "data-channel");
	key(j, "label");
	const char *label = sluice_channel_label(ch, &len);
	put_string(j, label, len);
	key(j, "protocol");
	const char *protocol = sluice_channel_protocol(ch, &len);
	put_string(j, protocol, len);
	if (sluice_channel_id(ch) >= 0)
		number(j, "dataChannelIdentifier", (uint64_t)sluice_channel_id(ch));
	text(j, "state", states[sluice_channel_state(ch)]);
	number(j, "messagesSent", s.messages_sent);
	number(j, "bytesSent", s.bytes_sent);
	number(j, "messagesReceived", s.messages_received);
	number(j, "bytesReceived", s.bytes_received);
	number(j, "messagesLost", s.messages_lost);
	number(j, "bufferedAmount", s.buffered);
	close_entry(j);
}

size_t sluice_peer_stats_json(const sluice_peer *p, char *json, size_t size) {
	struct json j = {.text = json, .size = size};
	sluice_peer_stats s;
	unsigned index = 0;
	sluice_peer_stats_get(p, &s);
	put(&j, "{");
	put_connection(&j, p);
	put_transport(&j, p, &s);
	put_pair(&j, p, &s);
	put_certificate(&j, p, true);
	put_certificate(&j, p, false);
	put_association(&j, p, &s.sctp);
	for (const sluice_channel *ch = next_channel(p, NULL); ch; ch = next_channel(p, ch))
		put_channel(&j, p, ch, index++);
	put(&j, "}");
	return j.len;
}
