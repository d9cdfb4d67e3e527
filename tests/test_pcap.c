/* Packets before DTLS: the tap that hands them out, and the files that Wireshark reads. */
#include "suite.h"

#include <stdio.h>
#include <unistd.h>

#include "sim/assert.h"
#include "sim/pair.h"

#define WALL (UINT64_C(1700000000) * SLUICE_S) /* what the app's clock adds to the world's */

/* ---- a file in memory ---- */

struct capture {
	uint8_t *bytes;
	size_t len, capacity;
	char *text;
	size_t text_len, text_capacity;
	uint64_t packets, sent;
};

static void *grown(void *p, size_t *capacity, size_t need) {
	while (*capacity < need)
		*capacity = *capacity ? 2 * *capacity : 65536;
	return realloc(p, *capacity);
}

static void append(struct capture *c, const void *bytes, size_t len) {
	c->bytes = grown(c->bytes, &c->capacity, c->len + len);
	memcpy(c->bytes + c->len, bytes, len);
	c->len += len;
}

static void tap(void *ctx, bool sent, const void *packet, size_t len, uint64_t now) {
	struct capture *c = ctx;
	uint8_t record[SLUICE_PCAP_RECORD_SIZE];
	if (c->len == 0) {
		uint8_t header[SLUICE_PCAP_HEADER_SIZE];
		sluice_pcap_header(header);
		append(c, header, sizeof header);
	}
	sluice_pcap_record(record, WALL + now, len);
	append(c, record, sizeof record);
	append(c, packet, len);
	c->text = grown(c->text, &c->text_capacity, c->text_len + SLUICE_PACKET_TEXT_SIZE(len));
	int n = sluice_packet_text(c->text + c->text_len, SLUICE_PACKET_TEXT_SIZE(len), sent, packet, len, WALL + now);
	ck_assert_int_gt(n, 0);
	c->text_len += (size_t)n;
	c->packets++;
	c->sent += sent;
}

static void capture_free(struct capture *c) {
	free(c->bytes);
	free(c->text);
}

static uint32_t field(const uint8_t *p) {
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* Not by way of the ledgers: they number messages by their payload protocol identifiers, and Wireshark knows other protocols by
 * those. */
static void send_binary(struct sctp_host *h, uint16_t stream, size_t len) {
	static const uint8_t payload[4000];
	ck_assert_int_eq(sluice_sctp_send(h->sctp, &(sluice_send_info){.stream = stream, .ppid = 53}, payload, len), 0);
	sim_settle(h->sim);
}

/* A handshake, some messages each way, some loss, and the end; what a's tap saw. */
static void scene(struct pair *p, struct capture *c, enum sluice_checksum checksum) {
	struct pair_config config;
	pair_config_init(&config);
	config.ab.rate = config.ba.rate = 20000000;
	config.ab.loss = 0.02;
	config.a.checksum = config.b.checksum = checksum;
	pair_init(p, &config);
	p->a->receives = p->b->receives = NULL;
	ck_assert_int_eq(sluice_sctp_set_packet_tap(p->a->sctp, tap, c), 0);
	pair_connect(p, 10 * SLUICE_S);
	for (unsigned i = 0; i < 60; i++) {
		send_binary(p->a, (uint16_t)(i % 3), 100 + 900 * (i % 5));
		send_binary(p->b, 1, 300);
	}
	ck_assert(SIM_UNTIL(&p->sim, p->sim.now + 30 * SLUICE_S,
	                    sctp_host_stats(p->a).buffered == 0 && sctp_host_stats(p->b).buffered == 0));
	pair_shutdown(p, p->a, 10 * SLUICE_S);
}

/* ---- the tests ---- */

START_TEST(test_the_file_holds_every_packet_as_it_was_with_its_time) {
	struct pair p;
	struct capture c = {0};
	scene(&p, &c, SLUICE_CHECKSUM_CRC32C);
	ck_assert_uint_eq(field(c.bytes), 0xa1b23c4d);
	ck_assert_uint_eq(field(c.bytes + 4), 2 | 4 << 16);
	ck_assert_uint_eq(field(c.bytes + 20), 248);
	size_t at = SLUICE_PCAP_HEADER_SIZE, next = 0;
	uint64_t before = 0, seen = 0;
	while (at < c.len) {
		uint64_t time = field(c.bytes + at) * SLUICE_S + field(c.bytes + at + 4);
		uint32_t len = field(c.bytes + at + 8);
		ck_assert_uint_eq(field(c.bytes + at + 12), len);
		ck_assert_uint_lt(field(c.bytes + at + 4), SLUICE_S);
		ck_assert_uint_ge(time, before);
		at += SLUICE_PCAP_RECORD_SIZE;
		ck_assert_uint_le(at + len, c.len);
		/* What went out is what the link was offered, in its order. */
		if (get_be32(c.bytes + at + 4) != 0 || c.bytes[at + 12] == WIRE_INIT) {
			while (next < p.recorder.count && !p.recorder.packets[next].forward)
				next++;
			if (next < p.recorder.count && p.recorder.packets[next].len == len &&
			    time == WALL + p.recorder.packets[next].at &&
			    memcmp(p.recorder.packets[next].bytes, c.bytes + at, len) == 0) {
				next++;
				seen++;
			}
		}
		at += len;
		before = time;
	}
	ck_assert_uint_eq(at, c.len);
	ck_assert_uint_eq(seen, c.sent);
	sluice_sctp_stats s = sctp_host_stats(p.a);
	ck_assert_uint_eq(c.sent, s.packets_sent);
	ck_assert_uint_eq(c.packets - c.sent, s.packets_received);
	pair_free(&p);
	capture_free(&c);
}
END_TEST

START_TEST(test_a_line_of_text_is_the_packet_in_hexadecimal) {
	static const uint8_t packet[] = {0x13, 0x88, 0x13, 0x89, 0x00, 0xff};
	char text[SLUICE_PACKET_TEXT_SIZE(sizeof packet)];
	uint64_t at = (12 * 3600 + 34 * 60 + 56) * SLUICE_S + 789012345;
	int n = sluice_packet_text(text, sizeof text, false, packet, sizeof packet, at);
	ck_assert_str_eq(text, "I 12:34:56.789012 0000 13 88 13 89 00 ff # SCTP_PACKET\n");
	ck_assert_int_eq(n, (int)strlen(text));
	sluice_packet_text(text, sizeof text, true, packet, sizeof packet, at + 3 * 86400 * SLUICE_S);
	ck_assert_str_eq(text, "O 12:34:56.789012 0000 13 88 13 89 00 ff # SCTP_PACKET\n");
	ck_assert_int_eq(sluice_packet_text(text, sizeof text - 1, true, packet, sizeof packet, at), SLUICE_NO_SPACE);
}
END_TEST

START_TEST(test_the_tap_sees_bad_packets_and_leaves_zero_checksums_alone) {
	struct pair p;
	struct capture c = {0};
	scene(&p, &c, SLUICE_CHECKSUM_DTLS);
	unsigned zero = 0;
	for (size_t at = SLUICE_PCAP_HEADER_SIZE; at < c.len; at += SLUICE_PCAP_RECORD_SIZE + field(c.bytes + at + 8))
		zero += field(c.bytes + at + SLUICE_PCAP_RECORD_SIZE + 8) == 0;
	ck_assert_uint_gt(zero, c.packets / 2);
	uint64_t before = c.packets, discarded = sctp_host_stats(p.a).packets_discarded;
	uint8_t junk[20] = {1, 2, 3};
	sim_inject(&p.sim, p.a->host, junk, sizeof junk, p.sim.now + SLUICE_MS);
	sim_run(&p.sim, p.sim.now + 10 * SLUICE_MS);
	ck_assert_uint_eq(sctp_host_stats(p.a).packets_discarded, discarded + 1);
	ck_assert_uint_eq(c.packets, before + 1);
	ck_assert_int_eq(sluice_sctp_set_packet_tap(p.a->sctp, NULL, NULL), 0);
	sim_inject(&p.sim, p.a->host, junk, sizeof junk, p.sim.now + SLUICE_MS);
	sim_run(&p.sim, p.sim.now + 10 * SLUICE_MS);
	ck_assert_uint_eq(c.packets, before + 1);
	pair_free(&p);
	capture_free(&c);
}
END_TEST

/* ---- other eyes, where they are there ---- */

static void save(char *path, const void *bytes, size_t len) {
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

/* Lines that the command prints. */
static uint64_t lines_of(const char *format, const char *path) {
	char command[512];
	snprintf(command, sizeof command, format, path);
	FILE *f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	uint64_t lines = 0;
	for (int ch; (ch = getc(f)) != EOF;)
		lines += ch == '\n';
	ck_assert_int_eq(pclose(f), 0);
	return lines;
}

START_TEST(test_tshark_reads_every_packet_and_finds_no_fault_in_it) {
	if (system("command -v tshark >/dev/null && command -v text2pcap >/dev/null") != 0)
		return;
	struct pair p;
	struct capture c = {0};
	scene(&p, &c, SLUICE_CHECKSUM_CRC32C);
	char file[] = "/tmp/sluice-test-pcap-XXXXXX", text[] = "/tmp/sluice-test-text-XXXXXX";
	save(file, c.bytes, c.len);
	save(text, c.text, c.text_len);
	ck_assert_uint_eq(lines_of("tshark -r %s -Y sctp 2>/dev/null", file), c.packets);
	ck_assert_uint_eq(lines_of("tshark -r %s -o 'sctp.checksum:CRC 32c' -Y 'sctp.checksum.status == 1' 2>/dev/null", file),
	                  c.packets);
	ck_assert_uint_eq(lines_of("tshark -r %s -Y _ws.malformed 2>/dev/null", file), 0);
	sluice_sctp_stats s = sctp_host_stats(p.a);
	ck_assert_uint_eq(lines_of("tshark -r %s -T fields -e sctp.data_tsn_raw 2>/dev/null | tr , '\\n' | sed '/^$/d'", file),
	                  s.data_chunks_sent + s.data_chunks_received);
	ck_assert_uint_eq(lines_of("tshark -r %s -T fields -e sctp.sack_cumulative_tsn_ack_raw 2>/dev/null | sed '/^$/d'", file),
	                  s.sacks_sent + s.sacks_received);
	ck_assert_uint_eq(
		lines_of("text2pcap -D -n -l 248 -t '%%H:%%M:%%S.' %s - 2>/dev/null | tshark -r - -Y sctp 2>/dev/null", text),
		c.packets);
	ck_assert_uint_eq(lines_of("text2pcap -D -n -l 248 -t '%%H:%%M:%%S.' %s - 2>/dev/null | "
	                           "tshark -r - -Y 'frame.p2p_dir == 0 || frame.packet_flags_direction == 2' 2>/dev/null",
	                           text),
	                  c.sent);
	unlink(file);
	unlink(text);
	pair_free(&p);
	capture_free(&c);
}
END_TEST

SUITE("pcap", test_the_file_holds_every_packet_as_it_was_with_its_time, test_a_line_of_text_is_the_packet_in_hexadecimal,
      test_the_tap_sees_bad_packets_and_leaves_zero_checksums_alone, test_tshark_reads_every_packet_and_finds_no_fault_in_it)
