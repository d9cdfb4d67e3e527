/* perf: what `sluice perf` is made of.
 *
 *   perf.c          the command line, and the parent of the two local processes
 *   perf_end.c      what both ends do beside end.c: certificates, socket, control channel, the parent
 *   perf_sender.c   the end that connects, measures and reports
 *   perf_receiver.c the end that checks (bulk), echoes (--ping) or is connected to again and again (--open)
 *   perf_media.c    the streams of --media and their connection
 *   perf_report.c   lines, summary and JSON
 *   pattern.c       the payload
 *   histogram.c     times
 *   usage.c         what the process used
 *
 * The two ends talk over a control channel of the same connection, in lines of text, so it does not matter whether they were
 * forked or run by hand on two hosts:
 *
 *   sender    test version=1 mode=0 size=16384 channels=1 reliable=1 ordered=1 key=...   what is coming
 *   receiver  ready                                                                      data may come
 *   sender    open                                                                       (--open) one more connection, please
 *   receiver  port 40001                                                                 it is waited for there
 *   sender    offer <description>                                                        (--media) of one more connection
 *   receiver  answer <description>
 *   sender    begin                                                                      (--media) what comes now counts
 *   sender    done                                                                       all data channels are closed
 *   receiver  report messages=... bytes=... ns=... cpu_ns=... rss_kb=... drops=...       what arrived
 *   receiver  media packets=... bytes=... frames=... lost=... ns=... cpu_ns=... rss_kb=... drops=...
 *   receiver  fail <why>                                                                 a wrong byte, a gap
 */
#ifndef TOOLS_PERF_H
#define TOOLS_PERF_H

#include "tools/end.h"
#include "tools/histogram.h"
#include "tools/media_capture.h"

#define PERF_MAX_CHANNELS 1000
#define PERF_MAX_SIZE 262144

enum perf_mode { PERF_BULK, PERF_PING, PERF_OPEN, PERF_MEDIA };
enum perf_place { PERF_LOCAL, PERF_LISTEN, PERF_CONNECT };

struct perf_options {
	enum perf_mode mode;
	enum perf_place place;
	uint32_t size, channels, opens, media, mtu; /* media: streams */
	double seconds, timeout;
	bool unordered, ping, json;
	uint32_t retransmits, lifetime; /* as they were given; the next two follow from them */
	enum sluice_reliability reliability;
	uint32_t reliability_value;
	uint32_t window; /* 0: the library's */
	uint32_t spin;   /* us */
	struct tuning tuning;

	struct sockaddr_storage address; /* --listen, --connect */
	socklen_t address_len;
	const char *address_text;
	sluice_fingerprint fingerprint; /* hash 0: not given */
	const char *certificate_file;
	const char *capture_file; /* NULL: none */
};

/* ---- perf_end.c ---- */

/* What each end of a local pair tells the other through the parent. */
struct perf_hello {
	struct sockaddr_storage address;
	socklen_t address_len;
	sluice_fingerprint fingerprint;
};

struct perf_end {
	struct end base; /* first: its callbacks get the perf_end back by a cast */
	const struct perf_options *options;
	bool sender;
	int parent; /* a socket to the parent: EOF means that it is gone, a byte means Ctrl-C. -1 by hand */
	sluice_certificate *certificate;
	sluice_socket *socket; /* until the peer has it */
	sluice_channel *control;
	sluice_peer *second; /* --open, --media: the connection under way beside the first */
	struct perf_hello other;
	struct media_capture capture; /* --media */
	uint64_t progress;            /* when it was last looked at, and for how many seconds it has been the same */
	unsigned stalled;
	ev_io parent_io;

	/* The end's own part. on_line: a line came over the control channel. on_channel: the other side opened one that is not
	 * the control channel. on_interrupt: Ctrl-C, once connected; NULL: leave at once. */
	void (*on_line)(struct perf_end *end, const char *line);
	void (*on_channel)(struct perf_end *end, sluice_channel *ch);
	void (*on_control_open)(struct perf_end *end);
	void (*on_interrupt)(struct perf_end *end);
};

/* Runs the end from set-up to the exit code; options, sender, parent and the callbacks were set before. */
int perf_end_run(struct perf_end *end);
/* Call it once a second. Ends the run when `progress` has been the same for as long as --timeout says. */
void perf_end_watch(struct perf_end *end, uint64_t progress);
/* A line to the other side. */
__attribute__((format(printf, 2, 3))) void perf_end_say(struct perf_end *end, const char *format, ...);
/* A peer config with everything that the two sides' options ask for. */
void perf_end_peer_config(const struct perf_end *end, enum sluice_role role, sluice_peer_config *config);
sluice_channel_config perf_end_channel_config(const char *label, sluice_channel_callbacks callbacks, void *user);

int perf_sender_main(const struct perf_options *options, int parent);
int perf_receiver_main(const struct perf_options *options, int parent);

/* ---- perf_report.c ---- */

#define PERF_LINE_MAX 256
/* A line of the other side: a description is the longest. */
#define PERF_MESSAGE_MAX (SLUICE_SDP_MAX + 16)

/* The test as the sender tells it to the receiver. */
struct perf_test {
	unsigned version;
	enum perf_mode mode;
	uint32_t size, channels;
	bool reliable, ordered;
	uint64_t key;
};

/* What the receiver found. */
struct perf_received {
	uint64_t messages, bytes, ns, cpu_ns, rss_kb;
	uint64_t drops; /* datagrams that its socket's buffer had no room for */
};

/* What the streams of one end have carried; a receiver knows frames and lost packets, a sender the other two. */
struct perf_media_totals {
	uint64_t packets, bytes, frames, lost, resent, refused;
};

/* What was measured, either mode's part. */
struct perf_result {
	const struct perf_options *options;
	double seconds;
	bool interrupted;
	uint64_t messages_sent, messages_lost;
	struct perf_received rx;
	uint64_t cpu_tx_ns, rss_tx_kb;
	const char *cipher;
	sluice_peer_stats stats;
	struct histogram *times; /* --ping, --open */
	struct perf_media_totals media_sent, media_received;
};

/* What a second's line is made of. */
struct perf_second {
	double at, seconds; /* since the start; since the last line */
	uint64_t messages, bytes;
	sluice_sctp_stats sctp;
	uint64_t retransmitted;
};

void perf_report_head(const struct perf_options *options);
void perf_report_second(const struct perf_second *s);
/* Of --media: what went since the last line. */
void perf_report_streams(double at, double seconds, const struct perf_media_totals *t, const sluice_media_stats *stats);
void perf_report_result(const struct perf_result *r);
/* The receiver's view, for the listening side. */
void perf_report_received(const struct perf_options *options, const struct perf_test *test, const struct perf_received *r);
void perf_report_received_streams(const struct perf_options *o, const struct perf_test *t, const struct perf_received *r,
                                  const struct perf_media_totals *m);

#endif
