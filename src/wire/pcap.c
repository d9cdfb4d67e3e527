/* pcap: SCTP packets in the two forms that Wireshark reads: records of a capture file, and lines of hexadecimal text. */
#include "sluice/trace.h"

#include <stdio.h>
#include <string.h>

#include "sluice/env.h"

#define PCAP_MAGIC_NS 0xa1b23c4du /* in the writer's byte order: times in ns */
#define PCAP_LINKTYPE_SCTP 248u
#define PCAP_SNAPLEN 262144u

static uint8_t *put(uint8_t *at, uint32_t value) {
	memcpy(at, &value, sizeof value);
	return at + sizeof value;
}

void sluice_pcap_header(uint8_t header[SLUICE_PCAP_HEADER_SIZE]) {
	uint16_t version[2] = {2, 4};
	uint8_t *at = put(header, PCAP_MAGIC_NS);
	memcpy(at, version, sizeof version);
	at = put(at + sizeof version, 0); /* the time zone, which has always been UTC */
	at = put(at, 0);
	at = put(at, PCAP_SNAPLEN);
	put(at, PCAP_LINKTYPE_SCTP);
}

void sluice_pcap_record(uint8_t record[SLUICE_PCAP_RECORD_SIZE], uint64_t at, size_t len) {
	uint8_t *p = put(record, (uint32_t)(at / SLUICE_S));
	p = put(p, (uint32_t)(at % SLUICE_S));
	p = put(p, (uint32_t)len); /* in the file, ... */
	put(p, (uint32_t)len);     /* ... and on the wire */
}

int sluice_packet_text(char *text, size_t size, bool sent, const void *packet, size_t len, uint64_t at) {
	static const char hex[] = "0123456789abcdef";
	if (len > INT32_MAX / 4 || size < SLUICE_PACKET_TEXT_SIZE(len))
		return SLUICE_NO_SPACE;
	unsigned second = (unsigned)(at / SLUICE_S % 86400), us = (unsigned)(at % SLUICE_S / SLUICE_US);
	char *p = text;
	p += snprintf(p, size, "%c %02u:%02u:%02u.%06u 0000 ", sent ? 'O' : 'I', second / 3600, second / 60 % 60, second % 60,
	              us);
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = ((const uint8_t *)packet)[i];
		*p++ = hex[byte >> 4];
		*p++ = hex[byte & 15];
		*p++ = ' ';
	}
	static const char end[] = "# SCTP_PACKET\n";
	memcpy(p, end, sizeof end);
	return (int)(p - text + (ptrdiff_t)sizeof end - 1);
}
