/* perf_report: what people and programs get to read. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "base/text.h"
#include "tools/perf.h"

/* ---- what the process used --------------------------------------------------------------------------------------- */

uint64_t usage_cpu_ns(void) {
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	uint64_t us = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	              (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
	return us * 1000;
}

/* VmHWM rather than ru_maxrss: the latter remembers the program that called exec, a shell or a test runner. */
uint64_t usage_peak_rss_kb(void) {
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long long kb = 0;
	char line[128];
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmHWM: %llu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/* ---- times ------------------------------------------------------------------------------------------------------- */

static unsigned bucket_of(uint64_t ns) {
	if (ns < HISTOGRAM_STEPS)
		return (unsigned)ns;
	unsigned octave = 63 - (unsigned)__builtin_clzll(ns) - 8; /* ns >> octave is in 256..511 */
	unsigned bucket = octave * HISTOGRAM_STEPS + (unsigned)(ns >> octave);
	unsigned last = sizeof(((struct histogram *)0)->buckets) / sizeof(uint32_t) - 1;
	return bucket < last ? bucket : last;
}

/* The middle of a bucket. */
static double value_of(unsigned bucket) {
	if (bucket < 2 * HISTOGRAM_STEPS)
		return bucket;
	unsigned octave = bucket / HISTOGRAM_STEPS - 1;
	return ((double)(bucket - octave * HISTOGRAM_STEPS) + 0.5) * (double)(UINT64_C(1) << octave);
}

void histogram_add(struct histogram *h, uint64_t ns) {
	if (!h->count || ns < h->min)
		h->min = ns;
	if (ns > h->max)
		h->max = ns;
	h->count++;
	h->sum += ns;
	h->buckets[bucket_of(ns)]++;
}

double histogram_quantile(const struct histogram *h, double q) {
	uint64_t rank = (uint64_t)(q * (double)h->count), seen = 0;
	if (rank >= h->count)
		return (double)h->max;
	for (unsigned i = 0; i < sizeof h->buckets / sizeof *h->buckets; i++) {
		seen += h->buckets[i];
		if (seen > rank) {
			double v = value_of(i); /* a bucket reaches beyond what was measured */
			return v < (double)h->min ? (double)h->min : v > (double)h->max ? (double)h->max : v;
		}
	}
	return (double)h->max;
}

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

static const char *separator;

static void json_begin(void) {
	putchar('{');
	separator = "";
}
static void json_end(void) {
	puts("}");
	fflush(stdout);
}
static void json_number(const char *name, double value, int decimals) {
	printf("%s\"%s\": %.*f", separator, name, decimals, value);
	separator = ", ";
}
static void json_count(const char *name, uint64_t value) {
	printf("%s\"%s\": %llu", separator, name, (unsigned long long)value);
	separator = ", ";
}
static void json_bool(const char *name, bool value) {
	printf("%s\"%s\": %s", separator, name, value ? "true" : "false");
	separator = ", ";
}
static void json_text(const char *name, const char *value) {
	char escaped[256];
	text_json(value, strlen(value), escaped, sizeof escaped);
	printf("%s\"%s\": \"%s\"", separator, name, escaped);
	separator = ", ";
}

static const char *mode_name(enum perf_mode mode) {
	static const char *const names[] = {"bulk", "ping", "open"};
	return names[mode];
}

static void json_options(const struct perf_options *o) {
	json_text("mode", mode_name(o->mode));
	json_count("size", o->size);
	json_count("channels", o->channels);
	json_count("mtu", o->mtu);
	json_bool("ordered", !o->unordered);
	json_text("reliability", o->reliability == SLUICE_RELIABLE   ? "reliable"
	                         : o->reliability == SLUICE_LIFETIME ? "lifetime"
	                                                             : "max-retransmits");
	if (o->reliability != SLUICE_RELIABLE)
		json_count("reliability_value", o->reliability_value);
}

static void json_bulk(const struct perf_result *r) {
	double seconds = (double)r->rx.ns / 1e9;
	json_number("goodput_mbps", mbps(r->rx.bytes, seconds), 1);
	json_number("msgs_per_s", rate(r->rx.messages, seconds), 1);
	json_number("delivered_ratio", ratio(r->rx.messages, r->messages_sent), 6);
	json_count("messages_sent", r->messages_sent);
	json_count("messages_received", r->rx.messages);
	json_count("messages_lost", r->messages_lost);
	json_number("cpu_tx_s_per_gb", per_gb(r->cpu_tx_ns, r->rx.bytes), 4);
	json_number("cpu_rx_s_per_gb", per_gb(r->rx.cpu_ns, r->rx.bytes), 4);
}

static void json_times(const struct perf_result *r) {
	const struct histogram *h = r->times;
	json_count("count", h->count);
	if (r->options->mode == PERF_PING) {
		json_number("p50_us", histogram_quantile(h, .5) / 1e3, 2);
		json_number("p99_us", histogram_quantile(h, .99) / 1e3, 2);
		json_number("p999_us", histogram_quantile(h, .999) / 1e3, 2);
		json_number("min_us", (double)h->min / 1e3, 2);
		json_number("max_us", (double)h->max / 1e3, 2);
		json_number("mean_us", h->count ? (double)h->sum / (double)h->count / 1e3 : 0, 2);
		return;
	}
	json_number("open_p50_ms", histogram_quantile(h, .5) / 1e6, 3);
	json_number("open_max_ms", (double)h->max / 1e6, 3);
	json_number("open_min_ms", (double)h->min / 1e6, 3);
}

static void json_association(const sluice_sctp_stats *s) {
	json_text("congestion_control", s->congestion_control);
	json_count("retransmitted", s->retransmitted_chunks);
	json_count("spurious_retransmissions", s->spurious_retransmissions);
	json_count("recoveries", s->recoveries);
	json_count("reductions_undone", s->reductions_undone);
	json_count("fast_retransmits", s->fast_retransmits);
	json_count("rack_losses", s->rack_losses);
	json_count("tail_probes", s->tail_probes);
	json_count("timeouts", s->timeouts);
	json_count("abandoned", s->messages_abandoned);
	json_count("cwnd", s->cwnd);
	json_number("delivery_rate_mbps", (double)s->delivery_rate * 8 / 1e6, 1);
	json_number("pacing_rate_mbps", (double)s->pacing_rate * 8 / 1e6, 1);
	json_number("srtt_us", (double)s->srtt / 1e3, 1);
	json_number("min_rtt_us", (double)s->min_rtt / 1e3, 1);
	json_count("packet_size", s->mtu);
	json_count("mtu_probes", s->mtu_probes_sent);
	json_count("mtu_black_holes", s->mtu_black_holes);
}

static void json_result(const struct perf_result *r) {
	json_begin();
	json_options(r->options);
	json_number("duration_s", r->seconds, 3);
	if (r->options->mode == PERF_BULK)
		json_bulk(r);
	else
		json_times(r);
	json_number("rss_tx_mb", (double)r->rss_tx_kb / 1024, 2);
	json_number("rss_rx_mb", (double)r->rx.rss_kb / 1024, 2);
	json_association(&r->stats.sctp);
	json_text("cipher", r->cipher);
	json_bool("interrupted", r->interrupted);
	json_end();
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

static void print_test(enum perf_mode mode, uint32_t size, uint32_t channels, bool ordered, bool reliable) {
	printf("%s: %u-byte messages, %u channel%s, %s, %s\n", mode_name(mode), size, channels, channels == 1 ? "" : "s",
	       ordered ? "ordered" : "unordered", reliable ? "reliable" : "partially reliable");
}

void report_head(const struct perf_options *o) {
	if (o->json)
		return;
	if (o->mode == PERF_OPEN)
		printf("open: %u connections, one after the other\n", o->opens);
	else
		print_test(o->mode, o->size, o->channels, !o->unordered, o->reliability == SLUICE_RELIABLE);
	if (o->mode == PERF_BULK)
		printf("%8s %16s %14s %10s %10s %12s %8s\n", "time", "goodput", "messages", "cwnd", "srtt", "buffered", "resent");
	fflush(stdout);
}

void report_second(const struct perf_second *s) {
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

void report_result(const struct perf_result *r) {
	if (r->options->json) {
		json_result(r);
		return;
	}
	printf("%s\n", r->interrupted ? "summary (interrupted)" : "summary");
	if (r->options->mode == PERF_BULK)
		print_bulk(r);
	else
		print_times(r);
	printf("  memory    %.1f MB sending, %.1f MB receiving, at their peaks\n", (double)r->rss_tx_kb / 1024,
	       (double)r->rx.rss_kb / 1024);
	printf("  cipher    %s\n", r->cipher);
	fflush(stdout);
}

void report_received(const struct perf_options *o, const struct perf_test *t, const struct perf_received *r) {
	double seconds = (double)r->ns / 1e9;
	if (o->json) {
		json_begin();
		json_text("mode", mode_name(t->mode));
		json_count("size", t->size);
		json_count("channels", t->channels);
		json_number("duration_s", seconds, 3);
		json_number("goodput_mbps", mbps(r->bytes, seconds), 1);
		json_number("msgs_per_s", rate(r->messages, seconds), 1);
		json_count("messages_received", r->messages);
		json_number("cpu_rx_s_per_gb", per_gb(r->cpu_ns, r->bytes), 4);
		json_number("rss_rx_mb", (double)r->rss_kb / 1024, 2);
		json_end();
		return;
	}
	print_test(t->mode, t->size, t->channels, t->ordered, t->reliable);
	if (t->mode == PERF_BULK)
		print_delivery(r->messages, r->bytes, seconds);
	printf("  memory    %.1f MB at its peak\n", (double)r->rss_kb / 1024);
	fflush(stdout);
}
