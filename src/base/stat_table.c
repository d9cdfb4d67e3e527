#include "base/stat_table.h"

#include <string.h>

/* ---- the tables -------------------------------------------------------------------------------------------------- */

#define ROW(type, field, json_name, of_unit, of_kind)                                                                            \
	{                                                                                                                        \
		.name = #field, .json = json_name, .unit = STAT_##of_unit, .kind = STAT_##of_kind,                               \
		.offset = offsetof(type, field), .width = sizeof(((type *)0)->field)                                             \
	}

#define COUNTER(field, unit) ROW(TYPE, field, NULL, unit, COUNTER)
#define GAUGE(field, json, unit) ROW(TYPE, field, json, unit, GAUGE)

/* clang-format off */
#define TYPE sluice_sctp_stats
static const struct stat_row sctp[] = {
	COUNTER(packets_sent, COUNT),
	COUNTER(packets_received, COUNT),
	COUNTER(bytes_sent, BYTES),
	COUNTER(bytes_received, BYTES),
	COUNTER(data_chunks_sent, COUNT),
	COUNTER(data_chunks_received, COUNT),
	COUNTER(messages_sent, COUNT),
	COUNTER(messages_received, COUNT),
	COUNTER(payload_sent, BYTES),
	COUNTER(payload_received, BYTES),
	COUNTER(messages_abandoned, COUNT),
	COUNTER(retransmitted_chunks, COUNT),
	COUNTER(fast_retransmits, COUNT),
	COUNTER(timeouts, COUNT),
	COUNTER(sacks_sent, COUNT),
	COUNTER(sacks_received, COUNT),
	COUNTER(gap_blocks_received, COUNT),
	COUNTER(duplicate_tsns_received, COUNT),
	COUNTER(heartbeats_sent, COUNT),
	COUNTER(heartbeat_acks_received, COUNT),
	COUNTER(packets_discarded, COUNT),
	COUNTER(chunks_discarded, COUNT),
	COUNTER(window_drops, COUNT),
	COUNTER(memory_drops, COUNT),
	COUNTER(window_probes, COUNT),
	COUNTER(recoveries, COUNT),
	COUNTER(rack_losses, COUNT),
	COUNTER(losses_forgiven, COUNT),
	COUNTER(tail_probes, COUNT),
	COUNTER(spurious_retransmissions, COUNT),
	COUNTER(spurious_timeouts, COUNT),
	COUNTER(reductions_undone, COUNT),
	COUNTER(reordering_seen, COUNT),
	GAUGE(delivery_rate, "deliveryBitrate", BYTES_PER_S),
	GAUGE(congestion_control, NULL, TEXT),
	GAUGE(pacing_rate, "pacingBitrate", BYTES_PER_S),
	COUNTER(restarts, COUNT),
	GAUGE(srtt, "smoothedRoundTripTime", NS),
	GAUGE(rttvar, "roundTripTimeVariation", NS),
	GAUGE(rto, "retransmissionTimeout", NS),
	GAUGE(min_rtt, "minRoundTripTime", NS),
	GAUGE(cwnd, "congestionWindow", BYTES),
	GAUGE(ssthresh, "slowStartThreshold", BYTES),
	GAUGE(flight_size, NULL, BYTES),
	GAUGE(peer_window, "receiverWindow", BYTES),
	GAUGE(local_window, NULL, BYTES),
	GAUGE(mtu, NULL, BYTES),
	COUNTER(mtu_probes_sent, COUNT),
	COUNTER(mtu_probes_acked, COUNT),
	COUNTER(mtu_black_holes, COUNT),
	GAUGE(error_count, NULL, COUNT),
	GAUGE(buffered, "bufferedAmount", BYTES),
	GAUGE(held, NULL, BYTES),
	GAUGE(outbound_streams, NULL, COUNT),
	GAUGE(inbound_streams, NULL, COUNT),
};
#undef TYPE

#define TYPE sluice_dtls_stats
static const struct stat_row dtls[] = {
	COUNTER(records_sealed, COUNT),
	COUNTER(records_opened, COUNT),
	COUNTER(records_discarded, COUNT),
	COUNTER(flights_repeated, COUNT),
};
#undef TYPE

#define TYPE sluice_channel_stats
static const struct stat_row channel[] = {
	COUNTER(messages_sent, COUNT),
	COUNTER(messages_received, COUNT),
	COUNTER(bytes_sent, BYTES),
	COUNTER(bytes_received, BYTES),
	COUNTER(messages_lost, COUNT),
	GAUGE(buffered, "bufferedAmount", BYTES),
};
#undef TYPE
/* clang-format on */

const struct stat_table stat_sctp = {sctp, sizeof sctp / sizeof *sctp};
const struct stat_table stat_dtls = {dtls, sizeof dtls / sizeof *dtls};
const struct stat_table stat_channel = {channel, sizeof channel / sizeof *channel};

/* ---- reading them ------------------------------------------------------------------------------------------------ */

const struct stat_row *stat_find(const struct stat_table *t, const char *name) {
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->rows[i].name, name) == 0)
			return &t->rows[i];
	return NULL;
}

static const void *field_of(const struct stat_row *row, const void *stats) {
	return (const char *)stats + row->offset;
}

uint64_t stat_number(const struct stat_row *row, const void *stats) {
	if (row->width == sizeof(uint16_t))
		return *(const uint16_t *)field_of(row, stats);
	if (row->width == sizeof(uint32_t))
		return *(const uint32_t *)field_of(row, stats);
	return *(const uint64_t *)field_of(row, stats);
}

const char *stat_text(const struct stat_row *row, const void *stats) {
	const char *text = *(const char *const *)field_of(row, stats);
	return text ? text : "";
}

const char *stat_json_name(const struct stat_row *row, char space[STAT_JSON_NAME_MAX]) {
	size_t at = 0;
	if (row->json)
		return row->json;
	for (const char *p = row->name; *p && at < STAT_JSON_NAME_MAX - 1; p++) {
		bool capital = *p == '_' && p[1];
		p += capital;
		space[at++] = (char)(capital ? *p & ~0x20 : *p);
	}
	space[at] = 0;
	return space;
}

void stat_write(const struct stat_table *t, const void *stats, struct json_line *j) {
	for (size_t i = 0; i < t->count; i++) {
		const struct stat_row *row = &t->rows[i];
		char space[STAT_JSON_NAME_MAX];
		const char *name = stat_json_name(row, space);
		if (row->unit == STAT_TEXT)
			json_line_string(j, name, stat_text(row, stats));
		else if (row->unit == STAT_NS)
			json_line_seconds(j, name, stat_number(row, stats));
		else
			json_line_number(j, name, stat_number(row, stats) * (row->unit == STAT_BYTES_PER_S ? 8 : 1));
	}
}
