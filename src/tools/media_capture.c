/* media_capture: see its header.
 *
 * RTP has no link type of its own, so each packet gets headers of IPv4 and UDP: this end is 192.0.2.1 and the other one 192.0.2.2
 * (RFC 5737), both at port 5004. */
#include "tools/media_capture.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "sluice.h"
#include "tools/tools.h"

#define LINKTYPE_RAW 101u /* begins with an IP header */
#define LINKTYPE_AT 20
#define IP_HEADER 20
#define UDP_HEADER 8
#define PORT 5004u

static void put16(uint8_t *at, unsigned value) {
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

bool media_capture_open(struct media_capture *c, const char *name, const char *command) {
	uint8_t header[SLUICE_PCAP_HEADER_SIZE];
	const uint32_t link = LINKTYPE_RAW;
	struct timespec t;
	*c = (struct media_capture){.file = name ? fopen(name, "we") : NULL};
	if (!c->file && name)
		complain("%s: cannot write %s: %s", command, name, strerror(errno));
	if (!c->file)
		return !name;
	clock_gettime(CLOCK_REALTIME, &t);
	c->clock = (uint64_t)t.tv_sec * SLUICE_S + (uint64_t)t.tv_nsec - sluice_now();
	sluice_pcap_header(header);
	memcpy(header + LINKTYPE_AT, &link, sizeof link);
	fwrite(header, sizeof header, 1, c->file);
	return true;
}

/* RFC 791, 3.1. */
static unsigned ip_checksum(const uint8_t *header) {
	unsigned sum = 0;
	for (unsigned i = 0; i < IP_HEADER; i += 2)
		sum += (unsigned)header[i] << 8 | header[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static void write_headers(uint8_t h[IP_HEADER + UDP_HEADER], bool sent, size_t len) {
	static const uint8_t ip[IP_HEADER] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 2, 192, 0, 2, 2};
	memcpy(h, ip, sizeof ip);
	put16(h + 2, (unsigned)(IP_HEADER + UDP_HEADER + len));
	h[sent ? 15 : 19] = 1;
	put16(h + 10, ip_checksum(h));
	put16(h + IP_HEADER, PORT);
	put16(h + IP_HEADER + 2, PORT);
	put16(h + IP_HEADER + 4, (unsigned)(UDP_HEADER + len));
	put16(h + IP_HEADER + 6, 0); /* RFC 768: no checksum */
}

void media_capture_packet(void *ctx, bool sent, const void *packet, size_t len, uint64_t now) {
	struct media_capture *c = ctx;
	uint8_t record[SLUICE_PCAP_RECORD_SIZE], headers[IP_HEADER + UDP_HEADER];
	if (len > UINT16_MAX - sizeof headers)
		return;
	sluice_pcap_record(record, now + c->clock, sizeof headers + len);
	write_headers(headers, sent, len);
	fwrite(record, sizeof record, 1, c->file);
	fwrite(headers, sizeof headers, 1, c->file);
	fwrite(packet, len, 1, c->file);
}

bool media_capture_close(struct media_capture *c, const char *name, const char *command) {
	if (!c->file)
		return true;
	bool bad = ferror(c->file) != 0;
	bad |= fclose(c->file) != 0;
	if (bad)
		complain("%s: %s is not complete: %s", command, name, strerror(errno));
	c->file = NULL;
	return !bad;
}
