#include "peer/report_media.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "peer/connection.h"

/* ---- rows: a field of the public structs, under W3C's name ------------------------------------------------------------- */

enum unit { COUNT, SIGNED, NS };
struct row {
	const char *json;
	uint16_t offset;
	uint8_t unit;
};
#define IN(json, field, unit)                                                                                                    \
	{ json, offsetof(sluice_inbound_rtp_stats, field), unit }
#define OUT(json, field, unit)                                                                                                   \
	{ json, offsetof(sluice_outbound_rtp_stats, field), unit }

static const struct row inbound[] = {
	IN("packetsReceived", packets_received, COUNT),
	IN("bytesReceived", bytes_received, COUNT),
	IN("headerBytesReceived", header_bytes_received, COUNT),
	IN("packetsLost", packets_lost, SIGNED),
	IN("jitter", jitter, NS),
	IN("packetsDiscarded", packets_discarded, COUNT),
	IN("packetsDuplicated", packets_duplicated, COUNT),
	IN("retransmittedPacketsReceived", retransmitted_packets_received, COUNT),
	IN("retransmittedBytesReceived", retransmitted_bytes_received, COUNT),
	IN("fecPacketsReceived", fec_packets_received, COUNT),
	IN("nackCount", nack_count, COUNT),
	IN("pliCount", pli_count, COUNT),
	IN("firCount", fir_count, COUNT),
	IN("framesReceived", frames_received, COUNT),
	IN("keyFramesReceived", key_frames_received, COUNT),
	IN("framesDropped", frames_dropped, COUNT),
	IN("framesAssembledFromMultiplePackets", frames_assembled_from_multiple_packets, COUNT),
	IN("jitterBufferTargetDelay", jitter_buffer_target_delay, NS),
};
static const struct row remote_outbound[] = {
	IN("packetsSent", remote_packets_sent, COUNT),
	IN("bytesSent", remote_bytes_sent, COUNT),
	IN("reportsSent", remote_reports, COUNT),
};
static const struct row outbound[] = {
	OUT("packetsSent", packets_sent, COUNT),
	OUT("bytesSent", bytes_sent, COUNT),
	OUT("headerBytesSent", header_bytes_sent, COUNT),
	OUT("retransmittedPacketsSent", retransmitted_packets_sent, COUNT),
	OUT("retransmittedBytesSent", retransmitted_bytes_sent, COUNT),
	OUT("framesSent", frames_sent, COUNT),
	OUT("keyFramesSent", key_frames_sent, COUNT),
	OUT("framesDropped", frames_dropped, COUNT), /* not W3C's */
	OUT("nackCount", nack_count, COUNT),
	OUT("pliCount", pli_count, COUNT),
	OUT("firCount", fir_count, COUNT),
	OUT("targetBitrate", target_bitrate, COUNT),
	OUT("totalPacketSendDelay", total_packet_send_delay, NS),
};
static const struct row remote_inbound[] = {
	OUT("packetsLost", packets_lost, SIGNED),
	OUT("jitter", remote_jitter, NS),
	OUT("roundTripTime", round_trip_time, NS),
	OUT("totalRoundTripTime", total_round_trip_time, NS),
	OUT("roundTripTimeMeasurements", round_trip_time_measurements, COUNT),
};

static void put_text(struct json_line *j, const char *name, const char *text) {
	json_line_key(j, name);
	json_line_text(j, text);
}

static void put_row(struct json_line *j, const struct row *r, const void *stats) {
	uint64_t value;
	char text[24];
	memcpy(&value, (const char *)stats + r->offset, sizeof value);
	switch (r->unit) {
	case NS:
		json_line_seconds(j, r->json, value);
		break;
	case SIGNED:
		snprintf(text, sizeof text, "%" PRId64, (int64_t)value);
		put_text(j, r->json, text);
		break;
	default:
		json_line_number(j, r->json, value);
	}
}

#define PUT_ROWS(j, rows, stats)                                                                                                 \
	do                                                                                                                       \
		for (size_t i_ = 0; i_ < sizeof(rows) / sizeof *(rows); i_++)                                                    \
			put_row(j, &(rows)[i_], stats);                                                                          \
	while (0)

/* ---- entries ----------------------------------------------------------------------------------------------------------- */

struct id {
	char text[24];
};

static struct id id_of(const char *prefix, uint64_t number) {
	struct id id;
	snprintf(id.text, sizeof id.text, "%s%" PRIu64, prefix, number);
	return id;
}

static void open_entry(struct json_line *j, const sluice_peer *p, const char *id, const char *type) {
	json_line_open(j, id, '{');
	json_line_string(j, "id", id);
	json_line_string(j, "type", type);
	json_line_ms(j, "timestamp", p->now);
	json_line_string(j, "transportId", "T");
}

/* What all four kinds of streams have. */
static void open_stream(struct json_line *j, const sluice_transceiver *t, const struct id *id, const char *type,
                        const sluice_track *track, uint32_t ssrc) {
	const sluice_codec_config *codec = sluice_track_codec(track);
	open_entry(j, t->peer, id->text, type);
	json_line_number(j, "ssrc", ssrc);
	json_line_string(j, "kind", t->kind == SLUICE_AUDIO ? "audio" : "video");
	if (codec)
		json_line_string(j, "codecId", id_of("C", codec->payload_type).text);
}

static void put_inbound(struct json_line *j, const sluice_transceiver *t, unsigned layer) {
	sluice_inbound_rtp_stats s;
	if (sluice_track_inbound_stats(t->receiver, layer, &s) || !s.ssrc)
		return;
	const struct id own = id_of("RI", s.ssrc), theirs = id_of("RRO", s.ssrc);
	open_stream(j, t, &own, "inbound-rtp", t->receiver, s.ssrc);
	json_line_string(j, "mid", t->mid);
	if (layer < t->receive_count)
		json_line_string(j, "rid", t->receive_rids[layer]); /* not W3C's */
	if (s.remote_reports)
		json_line_string(j, "remoteId", theirs.text);
	PUT_ROWS(j, inbound, &s);
	if (s.last_packet_received)
		json_line_ms(j, "lastPacketReceivedTimestamp", s.last_packet_received);
	json_line_close(j, '}');
	if (!s.remote_reports)
		return;
	open_stream(j, t, &theirs, "remote-outbound-rtp", t->receiver, s.ssrc);
	json_line_string(j, "localId", own.text);
	PUT_ROWS(j, remote_outbound, &s);
	json_line_ms(j, "remoteTimestamp", s.remote_timestamp);
	json_line_close(j, '}');
}

static void put_outbound(struct json_line *j, const sluice_transceiver *t, unsigned layer) {
	sluice_outbound_rtp_stats s;
	char fraction[32];
	if (sluice_track_outbound_stats(t->sender, layer, &s) || !s.packets_sent)
		return;
	const struct id own = id_of("RO", s.ssrc), theirs = id_of("RRI", s.ssrc);
	bool reported = s.round_trip_time_measurements > 0;
	open_stream(j, t, &own, "outbound-rtp", t->sender, s.ssrc);
	json_line_string(j, "mid", t->mid);
	if (t->encoding_count > 1)
		json_line_string(j, "rid", t->encodings[layer].rid);
	json_line_bool(j, "active", !t->encodings[layer].paused && t->current & SDP_SENDONLY);
	if (reported)
		json_line_string(j, "remoteId", theirs.text);
	PUT_ROWS(j, outbound, &s);
	json_line_close(j, '}');
	if (!reported)
		return;
	open_stream(j, t, &theirs, "remote-inbound-rtp", t->sender, s.ssrc);
	json_line_string(j, "localId", own.text);
	PUT_ROWS(j, remote_inbound, &s);
	snprintf(fraction, sizeof fraction, "%.6f", s.fraction_lost);
	put_text(j, "fractionLost", fraction);
	json_line_close(j, '}');
}

static void put_codec(struct json_line *j, const sluice_transceiver *t, const sluice_track *track, bool seen[128]) {
	const sluice_codec_config *c = sluice_track_codec(track);
	char mime[32];
	if (!c || seen[c->payload_type & 127])
		return;
	seen[c->payload_type & 127] = true;
	snprintf(mime, sizeof mime, "%s/%s", t->kind == SLUICE_AUDIO ? "audio" : "video", sluice_codec_name(c->codec));
	open_entry(j, t->peer, id_of("C", c->payload_type).text, "codec");
	json_line_number(j, "payloadType", c->payload_type);
	json_line_string(j, "mimeType", mime);
	json_line_number(j, "clockRate", sluice_codec_clock_rate(c->codec));
	if (c->codec == SLUICE_CODEC_OPUS)
		json_line_number(j, "channels", 2);
	json_line_close(j, '}');
}

void report_media_write(const sluice_peer *p, struct json_line *j) {
	bool seen[128] = {false};
	for (const sluice_transceiver *t = p->transceivers.first; t; t = t->next) {
		if (!t->sender || !t->receiver)
			continue;
		put_codec(j, t, t->sender, seen);
		put_codec(j, t, t->receiver, seen);
		for (unsigned layer = 0; layer < SLUICE_LAYERS_MAX; layer++) {
			put_inbound(j, t, layer);
			if (layer < t->encoding_count)
				put_outbound(j, t, layer);
		}
	}
}

void sluice_peer_media_stats_get(const sluice_peer *p, sluice_media_stats *stats) {
	*stats = (sluice_media_stats){.packets_sent = 0};
	if (p->media)
		sluice_media_stats_get(p->media, stats);
}
