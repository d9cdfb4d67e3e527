/* perf_report: what people and programs get to read. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stat_table.h"
#include "tools/perf.h"

/* ---- sizes and rates --------------------------------------------------------------------------------------------- */

static double mbps(uint64_t bytes, double seconds) {
	return seconds > 0 ? (double)bytes * 8 / seconds / 1e6 : 0;
}

static double rate(uint64_t count, double seconds) {
	return seconds > 0 ? (double)count / seconds : 0;
}

static double per_gb(uint64_t ns, uint64_t bytes) {
	return bytes ? (double)ns / (double)bytes : 0; /* ns a byte are s a GB */
}

static double ratio(uint64_t part, uint64_t whole) {
	return whole ? (double)part / (double)whole : 1;
}

/* ---- JSON: one object, flat ---- */

static void add_number(json_t *o, const char *name, double value, int decimals) {
	double scale = pow(10, decimals);
	json_object_set_new(o, name, json_real(round(value * scale) / scale));
}

static void add_count(json_t *o, const char *name, uint64_t value) {
	json_object_set_new(o, name, json_integer((json_int_t)value));
}

static void add_bool(json_t *o, const char *name, bool value) {
	json_object_set_new(o, name, json_boolean(value));
}

static void add_text(json_t *o, const char *name, const char *value) {
	json_object_set_new(o, name, json_string(value));
}

/* Prints the object on one line and drops it. 15 digits are what a double keeps of a decimal fraction. */
static void print_object(json_t *o) {
	char *text = o ? json_dumps(o, JSON_REAL_PRECISION(15)) : NULL;
	json_decref(o);
	if (text)
		puts(text);
	else
		complain("perf: no memory");
	free(text);
	fflush(stdout);
}

static const char *mode_name(enum perf_mode mode) {
	static const char *const names[] = {"bulk", "ping", "open", "media"};
	return names[mode];
}

static void add_options(json_t *j, const struct perf_options *o) {
	add_text(j, "mode", mode_name(o->mode));
	if (o->mode == PERF_MEDIA)
		return;
	add_count(j, "size", o->size);
	add_count(j, "channels", o->channels);
	add_count(j, "mtu", o->mtu);
	add_bool(j, "ordered", !o->unordered);
	add_text(j, "reliability",
	         o->reliability == SLUICE_RELIABLE   ? "reliable"
	         : o->reliability == SLUICE_LIFETIME ? "lifetime"
	                                             : "max-retransmits");
	if (o->reliability != SLUICE_RELIABLE)
		add_count(j, "reliability_value", o->reliability_value);
}

static void add_bulk(json_t *j, const struct perf_result *r) {
	double seconds = (double)r->rx.ns / 1e9;
	add_number(j, "goodput_mbps", mbps(r->rx.bytes, seconds), 1);
	add_number(j, "msgs_per_s", rate(r->rx.messages, seconds), 1);
	add_number(j, "delivered_ratio", ratio(r->rx.messages, r->messages_sent), 6);
	add_count(j, "messages_sent", r->messages_sent);
	add_count(j, "messages_received", r->rx.messages);
	add_count(j, "messages_lost", r->messages_lost);
	add_number(j, "cpu_tx_s_per_gb", per_gb(r->cpu_tx_ns, r->rx.bytes), 4);
	add_number(j, "cpu_rx_s_per_gb", per_gb(r->rx.cpu_ns, r->rx.bytes), 4);
}

/* Payload of RTP counts, without headers. */
static void add_media(json_t *j, const struct perf_result *r) {
	const struct perf_media_totals *tx = &r->media_sent, *rx = &r->media_received;
	add_count(j, "streams", r->options->media);
	add_number(j, "goodput_mbps", mbps(rx->bytes, r->seconds), 1);
	add_number(j, "packets_per_s", rate(rx->packets, r->seconds), 1);
	add_count(j, "packets_sent", tx->packets);
	add_count(j, "packets_received", rx->packets);
	add_count(j, "packets_lost", rx->lost);
	add_count(j, "packets_resent", tx->resent);
	add_count(j, "frames_sent", tx->frames);
	add_count(j, "frames_received", rx->frames);
	add_count(j, "frames_refused", tx->refused);
	add_number(j, "cpu_tx_s_per_gbit", per_gb(r->cpu_tx_ns, rx->bytes * 8), 4);
	add_number(j, "cpu_rx_s_per_gbit", per_gb(r->rx.cpu_ns, rx->bytes * 8), 4);
}

static void add_times(json_t *j, const struct perf_result *r) {
	const struct histogram *h = r->times;
	add_count(j, "count", h->count);
	if (r->options->mode == PERF_PING) {
		add_number(j, "p50_us", histogram_quantile(h, .5) / 1e3, 2);
		add_number(j, "p99_us", histogram_quantile(h, .99) / 1e3, 2);
		add_number(j, "p999_us", histogram_quantile(h, .999) / 1e3, 2);
		add_number(j, "p9999_us", histogram_quantile(h, .9999) / 1e3, 2);
		add_number(j, "min_us", (double)h->min / 1e3, 2);
		add_number(j, "max_us", (double)h->max / 1e3, 2);
		add_number(j, "mean_us", h->count ? (double)h->sum / (double)h->count / 1e3 : 0, 2);
		return;
	}
	add_number(j, "open_p50_ms", histogram_quantile(h, .5) / 1e6, 3);
	add_number(j, "open_max_ms", (double)h->max / 1e6, 3);
	add_number(j, "open_min_ms", (double)h->min / 1e6, 3);
}

/* A field of the association's statistics by its name, in units for people: us and Mbit/s. */
static void add_stat(json_t *j, const char *name, const sluice_sctp_stats *s) {
	const struct stat_row *row = stat_find(&stat_sctp, name);
	char with_unit[48];
	switch (row->unit) {
	case STAT_TEXT:
		add_text(j, name, stat_text(row, s));
		break;
	case STAT_NS:
		snprintf(with_unit, sizeof with_unit, "%s_us", name);
		add_number(j, with_unit, (double)stat_number(row, s) / 1e3, 1);
		break;
	case STAT_BYTES_PER_S:
		snprintf(with_unit, sizeof with_unit, "%s_mbps", name);
		add_number(j, with_unit, (double)stat_number(row, s) * 8 / 1e6, 1);
		break;
	default:
		add_count(j, name, stat_number(row, s));
	}
}

static void add_association(json_t *j, const sluice_sctp_stats *s) {
	static const char *const shown[] = {
		"congestion_control",
		"retransmitted_chunks",
		"spurious_retransmissions",
		"recoveries",
		"reductions_undone",
		"fast_retransmits",
		"rack_losses",
		"losses_forgiven",
		"tail_probes",
		"timeouts",
		"messages_abandoned",
		"cwnd",
		"delivery_rate",
		"pacing_rate",
		"srtt",
		"min_rtt",
		"mtu_probes_sent",
		"mtu_black_holes",
	};
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
		add_stat(j, shown[i], s);
	add_count(j, "packet_size", s->mtu); /* `mtu` is the option */
}

static void print_json(const struct perf_result *r) {
	json_t *j = json_object();
	add_options(j, r->options);
	add_number(j, "duration_s", r->seconds, 3);
	if (r->options->mode == PERF_BULK)
		add_bulk(j, r);
	else if (r->options->mode == PERF_MEDIA)
		add_media(j, r);
	else
		add_times(j, r);
	add_number(j, "rss_tx_mb", (double)r->rss_tx_kb / 1024, 2);
	add_number(j, "rss_rx_mb", (double)r->rx.rss_kb / 1024, 2);
	add_count(j, "socket_drops_tx", r->stats.socket_drops);
	add_count(j, "socket_drops_rx", r->rx.drops);
	if (r->options->mode != PERF_MEDIA)
		add_association(j, &r->stats.sctp);
	add_text(j, "cipher", r->cipher);
	add_bool(j, "interrupted", r->interrupted);
	print_object(j);
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

static void print_test(enum perf_mode mode, uint32_t size, uint32_t channels, bool ordered, bool reliable) {
	printf("%s: %u-byte messages, %u channel%s, %s, %s\n", mode_name(mode), size, channels, channels == 1 ? "" : "s",
	       ordered ? "ordered" : "unordered", reliable ? "reliable" : "partially reliable");
}

void perf_report_head(const struct perf_options *o) {
	if (o->json)
		return;
	if (o->mode == PERF_OPEN)
		printf("open: %u connections, one after the other\n", o->opens);
	else if (o->mode == PERF_MEDIA)
		printf("media: %u stream%s of 2.5 Mbit/s, 30 frames a second\n%8s %16s %14s %10s %16s %8s\n", o->media,
		       o->media == 1 ? "" : "s", "time", "payload", "packets", "frames", "estimate", "resent");
	else
		print_test(o->mode, o->size, o->channels, !o->unordered, o->reliability == SLUICE_RELIABLE);
	if (o->mode == PERF_BULK)
		printf("%8s %16s %14s %10s %10s %12s %8s\n", "time", "goodput", "messages", "cwnd", "srtt", "buffered", "resent");
	fflush(stdout);
}

void perf_report_second(const struct perf_second *s) {
	printf("%6.1f s %9.1f Mbit/s %12.0f/s %7.0f KB %7.0f us %9.0f KB %8llu\n", s->at, mbps(s->bytes, s->seconds),
	       rate(s->messages, s->seconds), s->sctp.cwnd / 1e3, (double)s->sctp.srtt / 1e3, (double)s->sctp.buffered / 1e3,
	       (unsigned long long)s->retransmitted);
	fflush(stdout);
}

static void print_delivery(uint64_t messages, uint64_t bytes, double seconds) {
	printf("  goodput   %.1f Mbit/s, %.0f messages/s in %.2f s\n", mbps(bytes, seconds), rate(messages, seconds), seconds);
}

static void print_bulk(const struct perf_result *r) {
	print_delivery(r->rx.messages, r->rx.bytes, (double)r->rx.ns / 1e9);
	printf("  delivered %llu of %llu messages (%.4f %%)\n", (unsigned long long)r->rx.messages,
	       (unsigned long long)r->messages_sent, 100 * ratio(r->rx.messages, r->messages_sent));
	const sluice_sctp_stats *s = &r->stats.sctp;
	printf("  control   %s, packets of up to %u bytes\n", s->congestion_control, s->mtu);
	printf("  resent    %llu chunks, %llu of them in vain; %llu recoveries, %llu tail probes, %llu timeouts\n",
	       (unsigned long long)s->retransmitted_chunks, (unsigned long long)s->spurious_retransmissions,
	       (unsigned long long)s->recoveries, (unsigned long long)s->tail_probes, (unsigned long long)s->timeouts);
	printf("  CPU       %.2f s/GB sending, %.2f s/GB receiving\n", per_gb(r->cpu_tx_ns, r->rx.bytes),
	       per_gb(r->rx.cpu_ns, r->rx.bytes));
}

void perf_report_streams(double at, double seconds, const struct perf_media_totals *t, const sluice_media_stats *stats) {
	printf("%6.1f s %9.1f Mbit/s %12.0f/s %8.0f/s %9.1f Mbit/s %8llu\n", at, mbps(t->bytes, seconds),
	       rate(t->packets, seconds), rate(t->frames, seconds), (double)stats->available_outgoing_bitrate / 1e6,
	       (unsigned long long)t->resent);
	fflush(stdout);
}

static void print_media(const struct perf_result *r) {
	const struct perf_media_totals *tx = &r->media_sent, *rx = &r->media_received;
	printf("  goodput   %.1f Mbit/s of payload, %.0f packets/s in %.2f s\n", mbps(rx->bytes, r->seconds),
	       rate(rx->packets, r->seconds), r->seconds);
	printf("  frames    %llu of %llu arrived; %llu were refused by the pacer\n", (unsigned long long)rx->frames,
	       (unsigned long long)tx->frames, (unsigned long long)tx->refused);
	printf("  lost      %llu packets for good, %llu were sent again\n", (unsigned long long)rx->lost,
	       (unsigned long long)tx->resent);
	printf("  CPU       %.2f s/Gbit sending, %.2f s/Gbit receiving\n", per_gb(r->cpu_tx_ns, rx->bytes * 8),
	       per_gb(r->rx.cpu_ns, rx->bytes * 8));
}

static void print_times(const struct perf_result *r) {
	const struct histogram *h = r->times;
	if (r->options->mode == PERF_PING)
		printf("  round trips %llu; p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n", (unsigned long long)h->count,
		       histogram_quantile(h, .5) / 1e3, histogram_quantile(h, .99) / 1e3, histogram_quantile(h, .999) / 1e3,
		       (double)h->max / 1e3);
	else
		printf("  opened    %llu; median %.2f ms, longest %.2f ms\n", (unsigned long long)h->count,
		       histogram_quantile(h, .5) / 1e6, (double)h->max / 1e6);
}

void perf_report_result(const struct perf_result *r) {
	if (r->options->json) {
		print_json(r);
		return;
	}
	printf("%s\n", r->interrupted ? "summary (interrupted)" : "summary");
	if (r->options->mode == PERF_BULK)
		print_bulk(r);
	else if (r->options->mode == PERF_MEDIA)
		print_media(r);
	else
		print_times(r);
	printf("  memory    %.1f MB sending, %.1f MB receiving, at their peaks\n", (double)r->rss_tx_kb / 1024,
	       (double)r->rx.rss_kb / 1024);
	if (r->stats.socket_drops || r->rx.drops)
		printf("  dropped   %llu datagrams by the receive buffer sending, %llu receiving\n",
		       (unsigned long long)r->stats.socket_drops, (unsigned long long)r->rx.drops);
	printf("  cipher    %s\n", r->cipher);
	fflush(stdout);
}

void perf_report_received(const struct perf_options *o, const struct perf_test *t, const struct perf_received *r) {
	double seconds = (double)r->ns / 1e9;
	if (o->json) {
		json_t *j = json_object();
		add_text(j, "mode", mode_name(t->mode));
		add_count(j, "size", t->size);
		add_count(j, "channels", t->channels);
		add_number(j, "duration_s", seconds, 3);
		add_number(j, "goodput_mbps", mbps(r->bytes, seconds), 1);
		add_number(j, "msgs_per_s", rate(r->messages, seconds), 1);
		add_count(j, "messages_received", r->messages);
		add_number(j, "cpu_rx_s_per_gb", per_gb(r->cpu_ns, r->bytes), 4);
		add_number(j, "rss_rx_mb", (double)r->rss_kb / 1024, 2);
		print_object(j);
		return;
	}
	print_test(t->mode, t->size, t->channels, t->ordered, t->reliable);
	if (t->mode == PERF_BULK)
		print_delivery(r->messages, r->bytes, seconds);
	printf("  memory    %.1f MB at its peak\n", (double)r->rss_kb / 1024);
	fflush(stdout);
}

void perf_report_received_streams(const struct perf_options *o, const struct perf_test *t, const struct perf_received *r,
                                  const struct perf_media_totals *m) {
	double seconds = (double)r->ns / 1e9;
	if (o->json) {
		json_t *j = json_object();
		add_text(j, "mode", mode_name(t->mode));
		add_count(j, "streams", t->channels);
		add_number(j, "duration_s", seconds, 3);
		add_number(j, "goodput_mbps", mbps(m->bytes, seconds), 1);
		add_number(j, "packets_per_s", rate(m->packets, seconds), 1);
		add_count(j, "packets_received", m->packets);
		add_count(j, "packets_lost", m->lost);
		add_count(j, "frames_received", m->frames);
		add_number(j, "cpu_rx_s_per_gbit", per_gb(r->cpu_ns, m->bytes * 8), 4);
		add_number(j, "rss_rx_mb", (double)r->rss_kb / 1024, 2);
		print_object(j);
		return;
	}
	printf("media: %u streams\n  goodput   %.1f Mbit/s of payload, %.0f packets/s in %.2f s; %llu lost\n", t->channels,
	       mbps(m->bytes, seconds), rate(m->packets, seconds), seconds, (unsigned long long)m->lost);
	printf("  memory    %.1f MB at its peak\n", (double)r->rss_kb / 1024);
	fflush(stdout);
}
