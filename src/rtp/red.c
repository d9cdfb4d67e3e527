#include "rtp/red.h"

#include <string.h>

#include "base/bytes.h"
#include "sluice/error.h"

#define HEADER 4      /* of an earlier payload */
#define LAST_HEADER 1 /* of the new one */
#define MORE 0x80     /* another header follows */

/* ---- writing ---- */

void red_sender_init(struct red_sender *r, unsigned depth) {
	memset(r, 0, sizeof *r);
	r->depth = (uint8_t)depth;
}

bool red_sender_check(const struct red_sender *r) {
	bool ok = r->depth <= RED_DEPTH_MAX && r->count <= r->depth && r->newest < RED_DEPTH_MAX;
	for (size_t i = 0; i < RED_DEPTH_MAX; i++)
		ok = ok && r->entries[i].len <= RED_LEN_MAX;
	return ok;
}

/* The payload that was sent `back` packets ago. */
static const struct red_entry *entry_of(const struct red_sender *r, unsigned back) {
	return &r->entries[(r->newest + RED_DEPTH_MAX + 1 - back) % RED_DEPTH_MAX];
}

/* How many earlier payloads go along? One that does not fit ends the list: the reader counts packets back, so none may be left
 * out between two of them. */
static unsigned choose(const struct red_sender *r, uint32_t timestamp, size_t room) {
	unsigned n = 0;
	for (; n < r->count; n++) {
		const struct red_entry *e = entry_of(r, n + 1);
		if (timestamp - e->timestamp > RED_OFFSET_MAX || room < HEADER + (size_t)e->len)
			break;
		room -= HEADER + (size_t)e->len;
	}
	return n;
}

static void remember(struct red_sender *r, uint8_t payload_type, uint32_t timestamp, const uint8_t *payload, size_t len) {
	/* A payload too long for a header of its own breaks the row of packets. */
	if (r->depth == 0 || len > RED_LEN_MAX) {
		r->count = 0;
		return;
	}
	r->newest = (uint8_t)((r->newest + 1) % RED_DEPTH_MAX);
	struct red_entry *e = &r->entries[r->newest];
	e->timestamp = timestamp;
	e->payload_type = payload_type;
	e->len = (uint16_t)len;
	if (len)
		memcpy(e->bytes, payload, len);
	if (r->count < r->depth)
		r->count++;
}

/* RFC 2198, 3: F (1), payload type (7), timestamp offset (14), block length (10). The last header is F = 0 and the type alone. */
int red_before(struct red_sender *r, uint8_t payload_type, uint32_t timestamp, const uint8_t *payload, size_t len, uint8_t *space,
               size_t size) {
	if (size < LAST_HEADER || size - LAST_HEADER < len)
		return SLUICE_NO_SPACE;
	unsigned n = choose(r, timestamp, size - LAST_HEADER - len);
	r->left_out += r->count - n;
	uint8_t *header = space, *data = space + n * HEADER + LAST_HEADER;
	for (unsigned back = n; back > 0; back--, header += HEADER) {
		const struct red_entry *e = entry_of(r, back);
		header[0] = MORE | e->payload_type;
		put_be24(header + 1, (timestamp - e->timestamp) << 10 | e->len);
		memcpy(data, e->bytes, e->len);
		data += e->len;
	}
	header[0] = payload_type & 127;
	remember(r, payload_type & 127, timestamp, payload, len);
	return (int)(data - space);
}

int red_write(struct red_sender *r, uint8_t payload_type, uint32_t timestamp, const uint8_t *payload, size_t len, uint8_t *space,
              size_t size) {
	int before = red_before(r, payload_type, timestamp, payload, len, space, size);
	if (before < 0)
		return before;
	if (len)
		memcpy(space + before, payload, len);
	return before + (int)len;
}

/* ---- reading ---- */

int red_read(struct red_reader *r, uint8_t *payload, size_t len, uint32_t timestamp) {
	size_t at = 0, blocks = 0;
	unsigned n = 0;
	for (; at < len && payload[at] & MORE; at += HEADER, n++) {
		if (len - at < HEADER)
			return SLUICE_MALFORMED;
		blocks += get_be24(payload + at + 1) & RED_LEN_MAX;
	}
	if (at == len || at > len || len - at - LAST_HEADER < blocks)
		return SLUICE_MALFORMED;
	*r = (struct red_reader){
		.header = payload,
		.data = payload + at + LAST_HEADER,
		.end = payload + len,
		.timestamp = timestamp,
		.left = n + 1,
	};
	return 0;
}

bool red_next(struct red_reader *r, struct red_block *out) {
	if (r->left == 0)
		return false;
	*out = (struct red_block){
		.payload_type = r->header[0] & 127,
		.timestamp = r->timestamp,
		.back = --r->left,
		.data = r->data,
		.len = (size_t)(r->end - r->data),
	};
	if (r->left > 0) {
		uint32_t word = get_be24(r->header + 1);
		out->timestamp -= word >> 10;
		out->len = word & RED_LEN_MAX;
		r->header += HEADER;
		r->data += out->len;
	}
	return true;
}

/* ---- holes ---- */

static bool has_come(const struct red_taker *t, uint64_t number) {
	return t->highest - number < RED_WINDOW && t->came >> (t->highest - number) & 1;
}

/* Numbers behind the window count as if they had come: nobody waits for them. */
static bool is_missing(const struct red_taker *t, uint64_t number) {
	return number > t->highest || (t->highest - number < RED_WINDOW && !has_come(t, number));
}

static void note(struct red_taker *t, uint64_t number, uint32_t timestamp) {
	if (number > t->highest) {
		uint64_t ahead = number - t->highest;
		t->came = ahead < RED_WINDOW ? t->came << ahead : 0;
		t->highest = number;
	}
	t->came |= UINT64_C(1) << (t->highest - number);
	t->timestamps[number % RED_WINDOW] = timestamp;
}

/* The nearest packets on both sides of the hole have come at these times, and the payload lies between them. */
static bool fits(const struct red_taker *t, uint64_t number, uint32_t timestamp) {
	uint64_t below = number - 1, above = number + 1;
	while (t->highest - below < RED_WINDOW && !has_come(t, below))
		below--;
	while (above < t->highest && !has_come(t, above))
		above++;
	bool fits_below = !has_come(t, below) || (int32_t)(timestamp - t->timestamps[below % RED_WINDOW]) > 0;
	return fits_below && (above > t->highest || (int32_t)(t->timestamps[above % RED_WINDOW] - timestamp) > 0);
}

bool red_came(struct red_taker *t, uint64_t number, uint32_t timestamp) {
	/* The first packet: what lies before it is not missing, the stream began with it. */
	if (t->highest == 0) {
		t->highest = number;
		t->came = UINT64_MAX - 1;
		for (unsigned i = 0; i < RED_WINDOW; i++)
			t->timestamps[i] = timestamp - 1;
	}
	bool is_new = is_missing(t, number);
	if (is_new)
		note(t, number, timestamp);
	return is_new;
}

/* An earlier payload is placed by its packet's own number and time, so these are noted first. */
bool red_take(struct red_taker *t, struct red_reader *r, uint64_t number, struct red_block *out) {
	bool is_new = !r->is_noted && red_came(t, number, r->timestamp);
	r->is_new = r->is_new || is_new;
	r->is_noted = true;
	while (red_next(r, out)) {
		if (out->back == 0)
			return r->is_new;
		if (!is_missing(t, number - out->back))
			continue;
		if (fits(t, number - out->back, out->timestamp)) {
			note(t, number - out->back, out->timestamp);
			t->repaired++;
			return true;
		}
		t->refused++;
	}
	return false;
}
