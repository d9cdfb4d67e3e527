/* flight.c: keeping what OpenSSL wrote, and cutting it into datagrams; what it is for stands in the header. */
#include "dtls/flight.h"

#include "base/list.h"

/* ---- life ---------------------------------------------------------------------------------------------------------- */

void flight_open(struct flight *f, sluice_env *env, size_t mtu) {
	*f = (struct flight){.env = env, .mtu = mtu};
	f->end = &f->first;
}

static void drop_parts(struct flight *f) {
	while (f->first) {
		struct flight_part *p = f->first;
		QUEUE_SHIFT(f->first, f->end, next);
		env_free(f->env, p);
	}
	f->at = NULL;
	f->offset = 0;
	f->left = false;
}

static void drop_alert(struct flight *f) {
	env_free(f->env, f->alert);
	f->alert = NULL;
}

void flight_drop(struct flight *f) {
	drop_parts(f);
	drop_alert(f);
}

void flight_forget(struct flight *f) {
	if (f->left)
		drop_parts(f);
}

/* ---- what OpenSSL wrote --------------------------------------------------------------------------------------------- */

void flight_begin(struct flight *f) {
	f->begins = true;
	f->repeated_by_openssl = false;
}

/* The old flight stays until the first part of the new one comes: OpenSSL may have nothing to write. */
static void begin_new(struct flight *f) {
	if (!f->begins)
		return;
	f->begins = f->numbered = false;
	drop_parts(f);
}

static struct flight_part *new_part(struct flight *f, uint8_t type, size_t len) {
	struct flight_part *p = env_alloc(f->env, sizeof *p + len);
	if (p)
		*p = (struct flight_part){.type = type, .version = RECORD_VERSION, .len = len};
	return p;
}

static struct flight_part *append(struct flight *f, uint8_t type, size_t len) {
	begin_new(f);
	struct flight_part *p = new_part(f, type, len);
	if (!p)
		return NULL;
	if (!f->at)
		f->at = p;
	f->left = false;
	QUEUE_APPEND(f->end, p, next);
	return p;
}

static struct flight_part *append_copy(struct flight *f, uint8_t type, const uint8_t *bytes, size_t len) {
	struct flight_part *p = append(f, type, len);
	if (p) {
		memcpy(p->bytes, bytes, len);
		p->filled = len;
	}
	return p;
}

int flight_add_change(struct flight *f) {
	static const uint8_t change = 1;
	if (f->repeated_by_openssl)
		return 0;
	return append_copy(f, RECORD_CHANGE_CIPHER_SPEC, &change, 1) ? 0 : SLUICE_NO_MEMORY;
}

/* The header of a fragment; RFC 6347, 4.2.2. */
struct fragment {
	uint8_t message;
	uint16_t seq;
	uint32_t length, offset;
	const uint8_t *bytes;
	size_t len;
};

static bool read_fragment(struct reader *r, struct fragment *f) {
	f->message = read_u8(r);
	f->length = read_be24(r);
	f->seq = read_be16(r);
	f->offset = read_be24(r);
	f->len = read_be24(r);
	f->bytes = read_bytes(r, f->len);
	return !r->failed && f->offset + f->len <= f->length;
}

/* The message that is still being written; NULL: all are complete. */
static struct flight_part *unfinished(const struct flight *f) {
	struct flight_part *last = f->first ? (struct flight_part *)((char *)f->end - offsetof(struct flight_part, next)) : NULL;
	return last && last->filled < last->len ? last : NULL;
}

/* The same, when the fragment continues it. */
static struct flight_part *continued(const struct flight *f, const struct fragment *fragment) {
	struct flight_part *p = unfinished(f);
	bool fits = p && p->message_seq == fragment->seq && fragment->offset == p->filled && fragment->length == p->len;
	return fits ? p : NULL;
}

static struct flight_part *begin_message(struct flight *f, const struct fragment *fragment, uint16_t version, bool sealed) {
	struct flight_part *p = append(f, RECORD_HANDSHAKE, fragment->length);
	if (!p)
		return NULL;
	p->version = version;
	p->sealed = sealed;
	p->message = fragment->message;
	p->message_seq = fragment->seq;
	f->next_message = (uint16_t)(fragment->seq + 1);
	return p;
}

static int add_fragment(struct flight *f, const struct fragment *fragment, uint16_t version, bool sealed) {
	struct flight_part *p = continued(f, fragment);
	if (!p) {
		f->repeated_by_openssl = fragment->seq < f->next_message;
		if (f->repeated_by_openssl)
			return 0;
		p = begin_message(f, fragment, version, sealed);
	}
	if (!p)
		return SLUICE_NO_MEMORY;
	memcpy(p->bytes + p->filled, fragment->bytes, fragment->len);
	p->filled += fragment->len;
	return 0;
}

int flight_add_handshake(struct flight *f, const uint8_t *text, size_t len, uint16_t version, bool sealed) {
	struct reader r = reader_of(text, len);
	struct fragment fragment;
	int error = 0;
	while (error == 0 && reader_left(&r) > 0 && read_fragment(&r, &fragment))
		error = add_fragment(f, &fragment, version, sealed);
	return error;
}

void flight_end(struct flight *f) {
	struct flight_part *p = unfinished(f), **link = &f->first;
	if (!p)
		return;
	while (*link != p)
		link = &(*link)->next;
	*link = NULL;
	f->end = link;
	if (f->at == p)
		f->at = NULL;
	env_free(f->env, p);
}

/* ---- alerts --------------------------------------------------------------------------------------------------------- */

static int set_alert(struct flight *f, const uint8_t *bytes, size_t len, bool sealed, bool whole) {
	struct flight_part *p = new_part(f, RECORD_ALERT, len);
	if (!p)
		return SLUICE_NO_MEMORY;
	memcpy(p->bytes, bytes, len);
	p->filled = len;
	p->sealed = sealed;
	p->whole = whole;
	drop_alert(f);
	f->alert = p;
	return 0;
}

int flight_set_alert(struct flight *f, uint8_t level, uint8_t description, bool sealed) {
	const uint8_t alert[] = {level, description};
	return set_alert(f, alert, sizeof alert, sealed, false);
}

int flight_set_whole_alert(struct flight *f, const uint8_t *record, size_t len) {
	return set_alert(f, record, len, false, true);
}

/* ---- cutting -------------------------------------------------------------------------------------------------------- */

bool flight_repeat(struct flight *f) {
	if (!f->first || flight_waits(f))
		return false;
	f->at = f->first;
	f->numbered = false;
	return true;
}

/* Where in the flight we are, so that the length of a datagram can be known before it is written. */
struct cursor {
	const struct flight_part *part;
	size_t offset;
};

/* A record that goes into the datagram: these bytes of the part. */
struct piece {
	const struct flight_part *part;
	size_t offset, len;
	size_t size; /* of the record */
};

/* The least that a message is cut to when it does not fit behind other records. */
#define FRAGMENT_MIN 32

static size_t overhead(const struct flight_part *p, const struct epoch *e) {
	if (p->whole)
		return 0;
	size_t n = p->sealed ? suite_rooms(e->suite) : RECORD_HEADER;
	return p->type == RECORD_HANDSHAKE ? n + HANDSHAKE_HEADER : n;
}

/* Takes the next record for a datagram in which `used` bytes stand already. False: the datagram is complete. Only handshake
 * messages can be cut. A record that cannot be and is longer than the MTU stands alone. */
static bool next_piece(const struct flight *f, const struct epoch *e, struct cursor *c, size_t used, struct piece *piece) {
	const struct flight_part *p = c->part;
	if (!p)
		return false;
	size_t around = overhead(p, e), left = p->len - c->offset, len = left;
	bool divisible = p->type == RECORD_HANDSHAKE;
	if (used + around + len > f->mtu) {
		size_t room = used + around < f->mtu ? f->mtu - used - around : 0;
		if (used > 0 && (!divisible || room < FRAGMENT_MIN))
			return false;
		if (divisible)
			len = room;
	}
	if (divisible && len > RECORD_TEXT_MAX - HANDSHAKE_HEADER)
		len = RECORD_TEXT_MAX - HANDSHAKE_HEADER;
	*piece = (struct piece){.part = p, .offset = c->offset, .len = len, .size = around + len};
	c->offset += len;
	if (c->offset == p->len)
		*c = (struct cursor){.part = p->next};
	return true;
}

/* RFC 6347, 4.1.1: "Multiple DTLS records may be placed in a single datagram. They are simply encoded consecutively." */
static size_t datagram_len(const struct flight *f, const struct epoch *e, struct cursor c) {
	struct piece piece;
	size_t used = 0;
	while (next_piece(f, e, &c, used, &piece))
		used += piece.size;
	return used;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static void write_text(uint8_t *out, const struct piece *piece) {
	const struct flight_part *p = piece->part;
	if (p->type == RECORD_HANDSHAKE) {
		out[0] = p->message;
		put_be24(out + 1, (uint32_t)p->len);
		put_be16(out + 4, p->message_seq);
		put_be24(out + 6, (uint32_t)piece->offset);
		put_be24(out + 9, (uint32_t)piece->len);
		out += HANDSHAKE_HEADER;
	}
	memcpy(out, p->bytes + piece->offset, piece->len);
}

static bool write_record(struct flight *f, struct epoch *e, uint8_t *out, const struct piece *piece) {
	const struct flight_part *p = piece->part;
	if (p->whole) {
		memcpy(out, p->bytes, p->len);
		return true;
	}
	if (p->sealed) {
		write_text(out + suite_headroom(e->suite), piece);
		return epoch_seal(e, p->type, out, 1, piece->size, piece->size);
	}
	record_put_header(out, p->type, p->version, RECORD_NUMBER(0, f->next_plain++), piece->size - RECORD_HEADER);
	write_text(out + RECORD_HEADER, piece);
	return true;
}

static bool write_datagram(struct flight *f, struct epoch *e, struct cursor *c, uint8_t *out) {
	struct piece piece;
	size_t used = 0;
	for (; next_piece(f, e, c, used, &piece); used += piece.size)
		if (!write_record(f, e, out + used, &piece))
			return false;
	return true;
}

static bool fits(const sluice_batch *b, size_t slot) {
	return b->count * b->stride + slot <= b->capacity && (!b->max_datagrams || b->count < b->max_datagrams);
}

/* Writes datagrams until the cursor is at its end, or the next one would not be equal to those before it. */
static int write_batch(struct flight *f, struct epoch *e, struct cursor *c, sluice_batch *b) {
	size_t rooms = b->headroom + b->tailroom;
	while (c->part && (b->count == 0 || b->last == b->stride)) {
		size_t slot = datagram_len(f, e, *c) + rooms;
		if (b->count == 0)
			b->stride = slot;
		if (slot > b->stride || !fits(b, slot))
			break;
		if (!write_datagram(f, e, c, b->data + b->count * b->stride + b->headroom))
			return SLUICE_CRYPTO;
		b->last = slot;
		b->count++;
	}
	return b->count ? (int)b->count : SLUICE_NO_SPACE;
}

static int output_alert(struct flight *f, struct epoch *e, sluice_batch *b) {
	struct cursor c = {.part = f->alert};
	int n = write_batch(f, e, &c, b);
	if (n > 0) {
		f->number++;
		drop_alert(f);
	}
	return n;
}

static int output_parts(struct flight *f, struct epoch *e, sluice_batch *b) {
	struct cursor c = {.part = f->at, .offset = f->offset};
	int n = write_batch(f, e, &c, b);
	if (n > 0) {
		f->number += !f->numbered;
		f->numbered = true;
		f->at = (struct flight_part *)(uintptr_t)c.part;
		f->offset = c.offset;
		f->left |= !f->at;
	}
	return n;
}

int flight_output(struct flight *f, struct epoch *e, sluice_batch *b) {
	b->count = 0;
	if (f->at)
		return output_parts(f, e, b);
	return f->alert ? output_alert(f, e, b) : 0;
}

/* ---- invariants ----------------------------------------------------------------------------------------------------- */

bool flight_check(const struct flight *f) {
	bool found = !f->at;
	struct flight_part *const *end = &f->first;
	for (; *end; end = &(*end)->next) {
		found |= *end == f->at;
		if ((*end)->filled != (*end)->len)
			return false;
	}
	return found && end == f->end && f->offset <= (f->at ? f->at->len : 0);
}
