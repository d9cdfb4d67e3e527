/* fuzz_payload: can a stranger break the payload formats, or an app's unit their splitting? And does the jitter buffer stand any
 * order of any packets?
 *
 * The input: a byte for the format (low three bits) and the H.264 form (bit 3); a byte for what to do; then
 *   0  payloads, a length byte before each (255: two more bytes have the length): parsed and put together
 *   1  a byte of flags, two of room, a unit: split, parsed and put together again; what is put together must split into the same
 *   2  packets for a jitter buffer: sequence step, timestamp step, flags with marker and pulls, length, payload */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz/target.h"
#include "rtp/jitter.h"
#include "sluice/error.h"

#define MOST_PIECES 256
#define MS UINT64_C(1000000)

static const struct payload_format *const formats[] = {
	&payload_vp8, &payload_vp9, &payload_h264, &payload_av1, &payload_opus, &payload_pcmu, &payload_h264, &payload_av1,
};

/* A copy in a block of just its length, so that ASan sees each read beyond it. */
static uint8_t *copy_of(const uint8_t *data, size_t len) {
	uint8_t *copy = malloc(len ? len : 1);
	MUST(copy);
	if (len)
		memcpy(copy, data, len);
	return copy;
}

static struct payload_slice pieces[MOST_PIECES];
static size_t count;

static void add_piece(const uint8_t *data, size_t len) {
	pieces[count++] = (struct payload_slice){.data = copy_of(data, len), .len = len};
}

static void drop_pieces(void) {
	while (count > 0)
		free((void *)pieces[--count].data);
}

/* Returns a block of the unit's length or NULL. */
static uint8_t *put_together(const struct payload_format *f, enum payload_form form, size_t *len) {
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += pieces[i].len;
	size_t bound = payload_unit_bound(bytes, count);
	uint8_t *space = malloc(bound ? bound : 1);
	MUST(space);
	int got = f->assemble(pieces, count, form, space, bound);
	MUST(got == SLUICE_MALFORMED || got > 0);
	if (got < 0) {
		free(space);
		return NULL;
	}
	uint8_t *less = malloc((size_t)got);
	MUST(less && f->assemble(pieces, count, form, less, (size_t)got - 1) == SLUICE_NO_SPACE);
	MUST(f->assemble(pieces, count, form, less, (size_t)got) == got && memcmp(space, less, (size_t)got) == 0);
	free(space);
	*len = (size_t)got;
	return less;
}

/* Returns 0 when all of the unit was cut. */
static int split(const struct payload_format *f, const uint8_t *unit, size_t len, size_t room, struct payload_info info) {
	struct payload_split s = payload_split_of(unit, len, room, info);
	struct payload_piece p;
	int result = 0;
	bool last = false;
	while (count < MOST_PIECES && (result = f->split(&s, &p)) > 0) {
		uint8_t packet[65536 + PAYLOAD_HEADER];
		MUST(!last && p.header_len <= PAYLOAD_HEADER && p.offset <= len && p.len <= len - p.offset);
		MUST(p.header_len + p.len > 0 && p.header_len + p.len <= room);
		last = p.last;
		memcpy(packet, p.header, p.header_len);
		memcpy(packet + p.header_len, unit + p.offset, p.len);
		add_piece(packet, p.header_len + p.len);
		/* An app's audio may be anything; the formats of video write what they read. */
		MUST(f->audio || f->parse(pieces[count - 1].data, pieces[count - 1].len) >= 0);
	}
	MUST(result != 0 || last || info.layer_follows);
	return count == MOST_PIECES ? SLUICE_LIMIT : result;
}

static void fuzz_split(const struct payload_format *f, enum payload_form form, const uint8_t *data, size_t size) {
	if (size < 3)
		return;
	struct payload_info info = {
		.keyframe = data[0] & 1,
		.picture_id = data[0] & 2 ? 0x1234 : -1,
		.tl0_index = data[0] & 4 ? 7 : -1,
		.temporal = data[0] >> 3 & 3,
		.mode = data[0] >> 5 & 1,
		.form = form,
	};
	size_t room = get_be16(data + 1) % 2000, len = size - 3, again;
	uint8_t *unit = copy_of(data + 3, len);
	int result = split(f, unit, len, room, info);
	uint8_t *first = result == 0 ? put_together(f, form, &again) : NULL;
	MUST(result != 0 || first);
	drop_pieces();
	if (first && split(f, first, again, room, info) == 0) {
		uint8_t *second = put_together(f, form, &len);
		MUST(second && len == again && memcmp(first, second, len) == 0);
		free(second);
	}
	drop_pieces();
	free(first);
	free(unit);
}

/* Numbers that were written are read again, and nothing else is touched. */
static void check_rewriting(const struct payload_format *f, uint8_t *payload, size_t len) {
	struct payload_descriptor before, d;
	if (!f->descriptor_read || f->descriptor_read(payload, len, &before) < 0)
		return;
	uint8_t *copy = copy_of(payload, len);
	d = before;
	d.picture_id++;
	d.tl0_index++;
	d.key_index++;
	MUST(before.len < len && f->descriptor_write(payload, len, &d) == 0 && f->descriptor_read(payload, len, &d) == 0);
	MUST(d.picture_bits == before.picture_bits && d.picture_id == ((before.picture_id + 1) & ((1u << d.picture_bits) - 1)));
	MUST(f->descriptor_write(payload, len, &before) == 0 && memcmp(copy, payload, len) == 0);
	free(copy);
}

static void fuzz_assemble(const struct payload_format *f, enum payload_form form, const uint8_t *at, const uint8_t *end) {
	struct reader r = reader_of(at, (size_t)(end - at));
	while (reader_left(&r) > 0 && !r.failed && count < MOST_PIECES) {
		size_t len = read_u8(&r);
		if (len == 255)
			len = read_be16(&r);
		len = target_left(r.at, r.end, len);
		const uint8_t *payload = read_bytes(&r, len);
		if (len == 0)
			continue;
		add_piece(payload, len);
		int bits = f->parse(pieces[count - 1].data, len);
		MUST(bits == SLUICE_MALFORMED || (bits >= 0 && bits < 1 << 14 && !(bits & PAYLOAD_MARKER)));
		/* What cannot be first does not prove to be it. */
		MUST(bits < 0 || !(bits & PAYLOAD_BEGINS) || !(bits & PAYLOAD_CONTINUES));
		check_rewriting(f, (uint8_t *)pieces[count - 1].data, len);
	}
	size_t len;
	uint8_t *unit = put_together(f, form, &len);
	free(unit);
	drop_pieces();
}

/* ---- the jitter buffer ---- */

static size_t held;

static void release(void *ctx, void *owner) {
	(void)ctx;
	held--;
	free(owner);
}

static void pull(struct jitter *j, uint64_t now, enum payload_form form) {
	struct jitter_unit u;
	enum jitter_pull result = jitter_pull(j, now, &u);
	MUST(jitter_check_player(j));
	if (result == JITTER_LOST)
		MUST(u.lost > 0);
	if (result != JITTER_UNIT)
		return;
	uint8_t *space = malloc(payload_unit_bound(u.bytes, u.count));
	MUST(space && u.count > 0 && u.bytes > 0);
	int len = jitter_assemble(j, form, space, payload_unit_bound(u.bytes, u.count));
	MUST(len > 0 || len == SLUICE_MALFORMED);
	free(space);
}

static void fuzz_jitter(const struct payload_format *f, enum payload_form form, const uint8_t *at, const uint8_t *end) {
	sluice_env_config config = {0};
	sluice_env *env;
	MUST(sluice_env_new(&config, &env) == 0);
	struct jitter *j = jitter_new(env, &(struct jitter_config){.format = f, .release = release});
	struct reader r = reader_of(at, (size_t)(end - at));
	struct rtp_packet p = {0};
	uint64_t now = 0;
	MUST(j);
	while (reader_left(&r) > 0) {
		uint8_t step = read_u8(&r), flags = read_u8(&r);
		/* Small steps back and forth, and large ones. */
		p.sequence = (uint16_t)(p.sequence + (step & 0x80 ? (step & 0x7F) << 8 : (int)step - 16));
		p.timestamp += flags & 0x40 ? (uint32_t)step << 24 : (flags & 0x0F) * 480u;
		p.marker = flags & 0x80;
		size_t len = read_u8(&r) % 32;
		len = target_left(r.at, r.end, len);
		p.payload = copy_of(r.at, len);
		p.payload_len = len;
		read_bytes(&r, len);
		now += (flags & 0x0F) * 5 * MS;
		held++;
		int said = len ? f->parse(p.payload, len) : 0;
		if (jitter_push(j, &p, said, p.payload, now) != JITTER_TAKEN)
			release(NULL, p.payload);
		MUST(jitter_check(j));
		for (int i = flags >> 4 & 3; i > 0; i--)
			pull(j, now + (flags & 0x0F) * MS, form);
	}
	jitter_free(j);
	sluice_env_free(env);
	MUST(held == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size < 2)
		return 0;
	const struct payload_format *f = formats[data[0] & 7];
	enum payload_form form = data[0] & 8 ? PAYLOAD_LENGTH_PREFIXED : PAYLOAD_ANNEX_B;
	switch (data[1] % 3) {
	case 0:
		fuzz_assemble(f, form, data + 2, data + size);
		break;
	case 1:
		fuzz_split(f, form, data + 2, size - 2);
		break;
	default:
		fuzz_jitter(f, form, data + 2, data + size);
	}
	return 0;
}
