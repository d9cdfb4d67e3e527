#include "loop/dns.h"

#include <string.h>

#include "base/address.h"
#include "base/bytes.h"

#define HEADER 12
#define FLAG_RESPONSE 0x8000
#define FLAG_AUTHORITATIVE 0x0400
#define MASK_OPCODE 0x7800
#define MASK_RCODE 0x000F
#define LABEL_MAX 63

/* ---- reading ----------------------------------------------------------------------------------------------------- */

bool dns_open(struct dns_reader *r, const void *message, size_t len) {
	const uint8_t *p = message;
	if (len < HEADER)
		return false;
	uint16_t flags = get_be16(p + 2);
	*r = (struct dns_reader){
		.message = message,
		.len = len,
		.at = HEADER,
		.id = get_be16(p),
		.is_response = flags & FLAG_RESPONSE,
		.is_plain = (flags & (MASK_OPCODE | MASK_RCODE)) == 0,
		.questions = get_be16(p + 4),
		.records = (unsigned)get_be16(p + 6) + get_be16(p + 8) + get_be16(p + 10),
		.left = DNS_RECORDS_MAX,
	};
	return true;
}

static char lower(uint8_t c) {
	return (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
}

/* A label with bytes that do not print makes the name unusable, not the message. */
static bool append_label(char *name, size_t *used, const uint8_t *label, size_t len) {
	if (*used + len + 2 > DNS_NAME_MAX)
		return false;
	if (*used)
		name[(*used)++] = '.';
	for (size_t i = 0; i < len; i++) {
		if (label[i] <= ' ' || label[i] == '.' || label[i] > '~')
			return false;
		name[(*used)++] = lower(label[i]);
	}
	name[*used] = 0;
	return true;
}

/* A name that is being read. */
struct name_cursor {
	size_t at;
	size_t bound; /* a pointer has to lead before this */
	size_t end;   /* behind the name's first pointer; 0 before it was met */
	size_t size;  /* bytes of the name so far, as on the wire without pointers */
	unsigned hops;
};

/* RFC 1035, 4.1.4: a pointer is to "a prior occurance of the same name", so each pointer has to lead before the last one. That
 * alone would allow a chain of thousands, followed anew for each record, so the hops are counted too. */
static bool follow_pointer(const struct dns_reader *r, struct name_cursor *c) {
	size_t to = c->at + 2 <= r->len ? get_be16(r->message + c->at) & 0x3FFF : r->len;
	if (to >= c->bound || ++c->hops > DNS_HOPS_MAX)
		return false;
	if (!c->end)
		c->end = c->at + 2;
	c->at = c->bound = to;
	return true;
}

/* Moves behind one label. RFC 1035, 2.3.4: a name has 255 octets at most, the root's among them. */
static bool take_label(const struct dns_reader *r, struct name_cursor *c) {
	uint8_t len = r->message[c->at];
	c->size += 1 + (size_t)len;
	if (len > LABEL_MAX || len > r->len - c->at - 1 || c->size >= DNS_NAME_MAX - 1)
		return false;
	c->at += 1 + (size_t)len;
	return true;
}

/* Reads the name at r->at and moves behind it. */
static bool read_name(struct dns_reader *r, char name[DNS_NAME_MAX]) {
	struct name_cursor c = {.at = r->at, .bound = r->at};
	size_t used = 0;
	bool shown = true;
	name[0] = 0;
	while (c.at < r->len && r->message[c.at] != 0) {
		const uint8_t *p = r->message + c.at;
		if (*p >= 0xC0) {
			if (!follow_pointer(r, &c))
				return false;
			continue;
		}
		if (!take_label(r, &c))
			return false;
		shown = shown && append_label(name, &used, p + 1, *p);
	}
	if (c.at >= r->len)
		return false;
	r->at = c.end ? c.end : c.at + 1;
	if (!shown)
		name[0] = 0;
	return true;
}

/* FNV-1a. */
uint32_t dns_name_hash(const char *name) {
	uint32_t hash = 2166136261;
	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619;
	return hash;
}

static bool read_question(struct dns_reader *r, struct dns_record *q) {
	q->is_question = true;
	if (!read_name(r, q->name) || r->len - r->at < 4)
		return false;
	q->type = get_be16(r->message + r->at);
	q->class = get_be16(r->message + r->at + 2);
	r->at += 4;
	r->questions--;
	return true;
}

static bool read_record(struct dns_reader *r, struct dns_record *q) {
	if (!read_name(r, q->name) || r->len - r->at < 10)
		return false;
	const uint8_t *p = r->message + r->at;
	q->type = get_be16(p);
	q->class = get_be16(p + 2);
	q->len = get_be16(p + 8);
	q->data = p + 10;
	r->at += 10;
	if (q->len > r->len - r->at)
		return false;
	r->at += q->len;
	r->records--;
	return true;
}

bool dns_next(struct dns_reader *r, struct dns_record *record) {
	*record = (struct dns_record){0};
	if (!r->left || !(r->questions ? read_question(r, record) : r->records && read_record(r, record)))
		return false;
	r->left--;
	record->hash = dns_name_hash(record->name);
	return true;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static size_t write_header(uint8_t *out, uint16_t id, uint16_t flags, uint16_t questions, uint16_t answers) {
	memset(out, 0, HEADER);
	put_be16(out, id);
	put_be16(out + 2, flags);
	put_be16(out + 4, questions);
	put_be16(out + 6, answers);
	return HEADER;
}

/* 0 when it is no name. */
static size_t write_name(uint8_t *out, const char *name) {
	size_t len = strlen(name), at = 0;
	if (!len || len + 2 > DNS_NAME_MAX)
		return 0;
	while (*name) {
		size_t label = strcspn(name, ".");
		if (!label || label > LABEL_MAX)
			return 0;
		out[at++] = (uint8_t)label;
		memcpy(out + at, name, label);
		at += label;
		name += label + (name[label] == '.');
	}
	out[at++] = 0;
	return at;
}

static size_t write_question(uint8_t *out, const char *name, uint16_t type) {
	size_t at = write_name(out, name);
	if (!at)
		return 0;
	put_be16(out + at, type);
	put_be16(out + at + 2, DNS_IN);
	return at + 4;
}

size_t dns_write_query(uint8_t out[DNS_MESSAGE_MAX], const char *name, uint16_t type) {
	size_t at = write_header(out, 0, 0, 1, 0), question = write_question(out + at, name, type);
	return question ? at + question : 0;
}

size_t dns_write_answer(uint8_t out[DNS_MESSAGE_MAX], const char *name, const struct sockaddr_storage *addr,
                        const struct dns_answer *how) {
	uint16_t type = addr->ss_family == AF_INET ? DNS_A : DNS_AAAA, len = (uint16_t)address_size(addr);
	size_t at = write_header(out, how->id, FLAG_RESPONSE | FLAG_AUTHORITATIVE, how->with_question, 1);
	if (how->with_question)
		at += write_question(out + at, name, type);
	size_t written = at + DNS_NAME_MAX + 26 <= DNS_MESSAGE_MAX ? write_name(out + at, name) : 0;
	if (!written)
		return 0;
	at += written;
	put_be16(out + at, type);
	put_be16(out + at + 2, how->class);
	put_be32(out + at + 4, how->ttl);
	put_be16(out + at + 8, len);
	memcpy(out + at + 10, address_bytes(addr), len);
	return at + 10 + len;
}
