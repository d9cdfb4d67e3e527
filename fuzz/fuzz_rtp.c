/* fuzz_rtp: can a stranger break the reading of RTP packets and their header extensions?
 *
 * A datagram is read, written and read again; both readings must agree. Its elements are laid out in a block of ours, and found
 * there again. The input is one datagram. The section has ids 1 to 14 and one that needs the two-byte form. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "rtp/extensions.h"

#define HIGH_ID 200

static struct rtp_extension_map map;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
	(void)argc;
	(void)argv;
	rtp_extension_map_init(&map);
	for (unsigned k = 0; k < RTP_EXT_COUNT; k++)
		MUST(rtp_extension_map_add(&map, (enum rtp_extension)k, k < 14 ? k + 1 : HIGH_ID) == 0);
	MUST(rtp_extension_map_check(&map));
	return 0;
}

static void check_fields(const struct rtp_packet *p, const uint8_t *data, size_t size) {
	MUST(p->header_len == rtp_packet_header_size(p));
	MUST(p->header_len + p->payload_len + p->padding == size);
	MUST(p->payload == data + p->header_len);
	MUST(p->extension_len % 4 == 0);
	for (size_t i = 0; i < p->csrc_count; i++)
		(void)rtp_packet_csrc(p, i);
}

static void compare(const struct rtp_packet *a, const struct rtp_packet *b) {
	MUST(a->payload_type == b->payload_type && a->marker == b->marker && a->sequence == b->sequence);
	MUST(a->timestamp == b->timestamp && a->ssrc == b->ssrc && a->csrc_count == b->csrc_count && a->padding == b->padding);
	MUST(!a->extension == !b->extension && a->extension_profile == b->extension_profile);
	MUST(a->header_len == b->header_len && a->payload_len == b->payload_len && a->extension_len == b->extension_len);
}

/* Every offset lies in the extension, and the typed readings agree with it. */
static void check_elements(const struct rtp_packet *p, const struct rtp_extensions *e) {
	uint64_t least, most;
	uint32_t ticks;
	int32_t offset;
	uint16_t number;
	uint8_t level;
	unsigned degrees;
	bool flag;
	MUST(e->present >> RTP_EXT_COUNT == 0);
	for (unsigned k = 0; k < RTP_EXT_COUNT; k++)
		MUST(!rtp_extension_has(e, k) || e->offset[k] + e->len[k] <= p->extension_len);
	MUST(!rtp_extension_abs_send_time(e, &ticks) || ticks <= 0xFFFFFF);
	MUST(!rtp_extension_audio_level(e, &level, &flag) || level <= 127);
	MUST(!rtp_extension_playout_delay(e, &least, &most) || least <= most);
	MUST(!rtp_extension_video_orientation(e, &degrees, &flag) || degrees <= 270);
	MUST(!rtp_extension_timing_offset(e, &offset) || (offset >= -0x800000 && offset <= 0x7FFFFF));
	MUST(rtp_extension_transport_cc(e, &number) == (rtp_extension_get(e, RTP_EXT_TRANSPORT_CC, 2) != NULL));
}

static void lay_out_again(const struct rtp_packet *p, const struct rtp_extensions *e) {
	struct rtp_extension_item items[RTP_EXT_COUNT];
	struct rtp_extension_block block;
	struct rtp_extensions again;
	size_t n = 0;
	for (unsigned k = 0; k < RTP_EXT_COUNT; k++)
		if (rtp_extension_has(e, k))
			items[n++] = (struct rtp_extension_item){k, e->len[k], e->base + e->offset[k]};
	if (rtp_extension_block_make(&block, &map, items, n) < 0)
		return;
	struct rtp_packet out = *p;
	rtp_extension_block_apply(&block, &out);
	MUST(rtp_extensions_read(&out, &map, &again) == 0);
	MUST(again.present == e->present && again.present == block.present);
	for (unsigned k = 0; k < RTP_EXT_COUNT; k++) {
		if (!rtp_extension_has(e, k))
			continue;
		MUST(again.len[k] == e->len[k] && again.offset[k] == block.place[k]);
		MUST(memcmp(again.base + again.offset[k], e->base + e->offset[k], e->len[k]) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct rtp_packet first, second;
	struct rtp_extensions e;
	uint8_t *copy = malloc(size + 1), *written = malloc(size + 1);
	MUST(copy && written);
	if (size)
		memcpy(copy, data, size);
	if (rtp_packet_parse(copy, size, &first) == 0) {
		check_fields(&first, copy, size);
		(void)rtp_extensions_read(&first, &map, &e);
		check_elements(&first, &e);
		lay_out_again(&first, &e);
		MUST(rtp_packet_write(&first, written, size) == (int)size);
		MUST(rtp_packet_write(&first, written, size - 1) < 0);
		MUST(memcmp(written, copy, size - first.padding) == 0);
		MUST(rtp_packet_parse(written, size, &second) == 0);
		compare(&first, &second);
	}
	MUST(size == 0 || memcmp(copy, data, size) == 0);
	free(copy);
	free(written);
	return 0;
}
