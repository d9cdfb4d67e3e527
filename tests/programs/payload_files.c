/* payload_files: our payload formats between files, so that another stack's payloaders and depayloaders can be put at their other
 * side. Packets are framed as RFC 4571 says: two bytes of length before each. Units are files named FOLDER/00000 and on.
 *
 *   payload_files split FORMAT MODE ROOM FOLDER PACKETS   units -> packets
 *   payload_files join FORMAT PACKETS FOLDER              packets -> units
 *   payload_files same FORMAT FOLDER FOLDER               compares; H.264's start codes may have three or four bytes
 *
 * Prints how many units there were. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "rtp/frame.h"
#include "rtp/packet.h"
#include "rtp/payload/payload.h"
#include "sim/must.h"

#define MOST 4000000
#define MOST_PIECES 4096
#define PACKET 65536

static const struct payload_format *const formats[] = {
	&payload_vp8, &payload_vp9, &payload_h264, &payload_av1, &payload_opus, &payload_pcmu, &payload_pcma,
};

static const struct payload_format *format_of(const char *name) {
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	MUST(!"there is no such format");
	return NULL;
}

/* Returns the length of the file; -1: it is not there. */
static long load(const char *folder, unsigned number, uint8_t *space) {
	char path[4096];
	snprintf(path, sizeof path, "%s/%05u", folder, number);
	FILE *f = fopen(path, "rb");
	if (!f)
		return -1;
	size_t len = fread(space, 1, MOST, f);
	MUST(len < MOST);
	fclose(f);
	return (long)len;
}

static void store(const char *folder, unsigned number, const uint8_t *data, size_t len) {
	char path[4096];
	snprintf(path, sizeof path, "%s/%05u", folder, number);
	FILE *f = fopen(path, "wb");
	MUST(f && fwrite(data, 1, len, f) == len && fclose(f) == 0);
}

/* ---- units to packets ---- */

static bool is_keyframe(const struct payload_format *f, const uint8_t *unit) {
	/* VP8 (RFC 6386, 9.1) and VP9 (bitstream, 6.2): both are frames of profile 0. */
	return f == &payload_vp8 ? !(unit[0] & 1) : !(unit[0] & 4);
}

static void send_unit(const struct payload_format *f, unsigned number, const uint8_t *unit, size_t len, unsigned mode,
                      size_t room, FILE *to) {
	static uint8_t packet[PACKET];
	static uint16_t sequence = 65530;
	struct payload_info info = {
		.keyframe = is_keyframe(f, unit), .picture_id = (int)number, .tl0_index = -1, .mode = (uint8_t)mode};
	struct payload_split s = payload_split_of(unit, len, room, info);
	struct payload_piece p;
	int result;
	while ((result = f->split(&s, &p)) > 0) {
		uint8_t payload[PACKET / 2], framing[2];
		memcpy(payload, p.header, p.header_len);
		memcpy(payload + p.header_len, unit + p.offset, p.len);
		struct rtp_packet rtp = {.payload_type = 96,
		                         .marker = p.last && !f->audio,
		                         .sequence = sequence,
		                         .timestamp = number * (f->clock_rate / 50),
		                         .ssrc = 1,
		                         .payload = payload,
		                         .payload_len = p.header_len + p.len};
		int wrote = rtp_packet_write(&rtp, packet, sizeof packet);
		MUST(wrote > 0 && rtp.payload_len <= room);
		sequence++;
		put_be16(framing, (uint16_t)wrote);
		MUST(fwrite(framing, 1, 2, to) == 2 && fwrite(packet, 1, (size_t)wrote, to) == (size_t)wrote);
	}
	MUST(result == 0);
}

static unsigned split(const struct payload_format *f, unsigned mode, size_t room, const char *folder, const char *packets) {
	static uint8_t unit[MOST];
	FILE *to = fopen(packets, "wb");
	unsigned n = 0;
	MUST(to && room <= PACKET / 2 - RTP_HEADER);
	for (long len; (len = load(folder, n, unit)) >= 0; n++)
		send_unit(f, n, unit, (size_t)len, mode, room, to);
	MUST(fclose(to) == 0);
	return n;
}

/* ---- packets to units ---- */

struct joiner {
	const struct payload_format *format;
	const char *folder;
	unsigned units;
	int sequence; /* the next; -1: any */
	struct frame_scan scan;
	size_t pieces;
	struct payload_slice piece[MOST_PIECES];
};

static void store_unit(struct joiner *j) {
	static uint8_t unit[MOST];
	int len = j->format->assemble(j->piece, j->pieces, PAYLOAD_ANNEX_B, unit, sizeof unit);
	MUST(len > 0);
	store(j->folder, j->units++, unit, (size_t)len);
	j->pieces = 0;
	frame_scan_next(&j->scan);
}

static void take(struct joiner *j, const struct rtp_packet *rtp) {
	int bits = j->format->parse(rtp->payload, rtp->payload_len);
	MUST(bits >= 0 && j->pieces < MOST_PIECES);
	unsigned marker = rtp->marker || j->format->audio ? PAYLOAD_MARKER : 0;
	struct frame_packet p = {.timestamp = rtp->timestamp, .bits = (unsigned)bits | marker, .len = rtp->payload_len};
	enum frame_step step = frame_scan_add(&j->scan, j->format, &p);
	if (step == FRAME_WHOLE_BEFORE) {
		store_unit(j);
		step = frame_scan_add(&j->scan, j->format, &p);
	}
	j->piece[j->pieces++] = (struct payload_slice){.data = rtp->payload, .len = rtp->payload_len};
	MUST(step == FRAME_MORE || step == FRAME_WHOLE);
	if (step == FRAME_WHOLE)
		store_unit(j);
}

static unsigned join(const struct payload_format *f, const char *packets, const char *folder) {
	static uint8_t all[MOST];
	static struct joiner j;
	j = (struct joiner){.format = f, .folder = folder, .sequence = -1};
	FILE *from = fopen(packets, "rb");
	MUST(from);
	struct reader r = reader_of(all, fread(all, 1, sizeof all, from));
	fclose(from);
	while (reader_left(&r) > 0) {
		struct rtp_packet rtp;
		size_t len = read_be16(&r);
		const uint8_t *packet = read_bytes(&r, len);
		MUST(packet && rtp_packet_parse(all + (packet - all), len, &rtp) == 0);
		MUST(j.sequence < 0 || rtp.sequence == j.sequence);
		j.sequence = (uint16_t)(rtp.sequence + 1);
		if (rtp.payload_len > 0)
			take(&j, &rtp);
	}
	MUST(j.pieces == 0);
	return j.units;
}

/* ---- comparing ---- */

/* Gives each start code four bytes, and takes zeros before it and at the end away. Returns the new length. */
static size_t normal(uint8_t *to, const uint8_t *from, size_t len) {
	size_t at = 0;
	for (size_t i = 0; i < len; i++) {
		bool code = len - i >= 3 && memcmp(from + i, "\0\0\1", 3) == 0;
		while (code && at > 0 && to[at - 1] == 0)
			at--;
		if (code)
			to[at++] = 0;
		to[at++] = from[i];
		if (code) {
			to[at++] = 0;
			to[at++] = 1;
			i += 2;
		}
	}
	while (at > 0 && to[at - 1] == 0)
		at--;
	return at;
}

static unsigned same(const struct payload_format *f, const char *left, const char *right) {
	static uint8_t a[MOST], b[MOST], x[2 * MOST], y[2 * MOST];
	unsigned n = 0;
	for (;; n++) {
		long la = load(left, n, a), lb = load(right, n, b);
		bool both = la >= 0 && lb >= 0;
		MUST(both || la == lb);
		if (!both)
			return n;
		if (f == &payload_h264) {
			la = (long)normal(x, a, (size_t)la);
			lb = (long)normal(y, b, (size_t)lb);
		}
		MUST(la == lb && memcmp(f == &payload_h264 ? x : a, f == &payload_h264 ? y : b, (size_t)la) == 0);
	}
}

int main(int argc, char **argv) {
	MUST(argc >= 5);
	const struct payload_format *f = format_of(argv[2]);
	unsigned units = 0;
	if (strcmp(argv[1], "split") == 0 && argc == 7)
		units = split(f, (unsigned)atoi(argv[3]), (size_t)atoi(argv[4]), argv[5], argv[6]);
	else if (strcmp(argv[1], "join") == 0)
		units = join(f, argv[3], argv[4]);
	else
		units = same(f, argv[3], argv[4]);
	printf("%u\n", units);
	return units == 0;
}
