/* fuzz_loop: can a stranger break the driver, before a peer sees the bytes? It reads DNS messages, frames of streams, and the
 * part of STUN messages by which an endpoint finds the peer. The first byte chooses; the rest is in a block of exactly its
 * size. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "loop/demux.h"
#include "loop/dns.h"
#include "loop/frame.h"

static void read_dns(const uint8_t *data, size_t size) {
	struct dns_reader r;
	struct dns_record record;
	uint8_t written[DNS_MESSAGE_MAX];
	if (!dns_open(&r, data, size))
		return;
	while (dns_next(&r, &record)) {
		MUST(strlen(record.name) < DNS_NAME_MAX && r.at <= size);
		MUST(record.is_question || record.data + record.len <= data + size);
		size_t len = record.name[0] ? dns_write_query(written, record.name, record.type) : 0;
		if (!len)
			continue;
		struct dns_reader again;
		struct dns_record same;
		MUST(dns_open(&again, written, len) && dns_next(&again, &same));
		MUST(strcmp(same.name, record.name) == 0 && same.type == record.type);
	}
}

static void read_frames(const uint8_t *data, size_t size, bool turn) {
	struct frame f;
	size_t at = 0;
	while (frame_look(data + at, size - at, turn, &f) > 0) {
		MUST(f.offset + f.len <= f.size && f.size >= 2);
		if (f.size > size - at)
			return;
		uint8_t *written = malloc(f.len + FRAME_EXTRA_MAX);
		MUST(written && frame_write(written, data + at + f.offset, f.len, turn) == f.size);
		free(written);
		at += f.size;
	}
}

static void read_stun(const uint8_t *data, size_t size) {
	char ours[DEMUX_UFRAG_MAX + 1], theirs[DEMUX_UFRAG_MAX + 1];
	if (demux_kind(data, size) == DEMUX_REQUEST && demux_username(data, size, ours, theirs))
		MUST(ours[0] && strlen(ours) <= DEMUX_UFRAG_MAX && strlen(theirs) <= DEMUX_UFRAG_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (!size)
		return 0;
	uint8_t *copy = malloc(size - 1);
	MUST(copy || size == 1);
	if (size > 1)
		memcpy(copy, data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		read_dns(copy, size - 1);
		break;
	case 1:
		read_frames(copy, size - 1, false);
		break;
	case 2:
		read_frames(copy, size - 1, true);
		break;
	default:
		read_stun(copy, size - 1);
	}
	free(copy);
	return 0;
}
