#include "rtp/rtcp.h"

#include "rtp/packet.h"

/* ---- what each type holds: true when all of it is there ---- */

static const uint8_t *take(struct rtcp_slice *s, size_t n) {
	if (s->len < n)
		return NULL;
	const uint8_t *p = s->data;
	s->data += n;
	s->len -= n;
	return p;
}

static bool take_ssrc(struct rtcp_packet *p, uint32_t *ssrc) {
	const uint8_t *at = take(&p->body, 4);
	if (at)
		*ssrc = get_be32(at);
	return at != NULL;
}

/* The count says how many entries follow. What stands behind them is a profile's own extension (RFC 3550, 6.4.3). */
static bool take_list(struct rtcp_packet *p, size_t entry) {
	p->list.len = entry * p->format;
	p->list.data = take(&p->body, p->list.len);
	return p->list.data != NULL;
}

static bool read_receiver_report(struct rtcp_packet *p) {
	return take_ssrc(p, &p->ssrc) && take_list(p, RTCP_REPORT_BLOCK);
}

static bool read_sender_report(struct rtcp_packet *p) {
	if (!take_ssrc(p, &p->ssrc))
		return false;
	const uint8_t *at = take(&p->body, 20);
	if (!at)
		return false;
	p->sender.ntp = get_be64(at);
	p->sender.timestamp = get_be32(at + 8);
	p->sender.packets = get_be32(at + 12);
	p->sender.octets = get_be32(at + 16);
	return take_list(p, RTCP_REPORT_BLOCK);
}

/* RFC 3550, 6.5: "The list of items in each chunk MUST be terminated by one or more null octets, the first of which is
 * interpreted as an item type of zero to denote the end of the list." The chunk then ends at the next multiple of 4. */
static bool read_chunk(struct reader *r, struct rtcp_cname *out) {
	const uint8_t *start = r->at;
	out->name = (struct rtcp_slice){0};
	out->ssrc = read_be32(r);
	for (uint8_t type; (type = read_u8(r)) != 0;) {
		size_t len = read_u8(r);
		const uint8_t *value = read_bytes(r, len);
		if (type == RTCP_SDES_CNAME && value && !out->name.data)
			out->name = (struct rtcp_slice){.data = value, .len = len};
	}
	size_t used = (size_t)(r->at - start);
	read_bytes(r, pad4(used) - used);
	return !r->failed;
}

static bool read_sdes(struct rtcp_packet *p) {
	struct reader r = reader_of(p->body.data, p->body.len);
	struct rtcp_cname cname;
	for (size_t i = 0; i < p->format; i++)
		if (!read_chunk(&r, &cname))
			return false;
	p->list = (struct rtcp_slice){.data = p->body.data, .len = p->body.len - reader_left(&r)};
	return true;
}

/* RFC 3550, 6.6: behind the sources there may be a length byte and a reason for leaving. */
static bool read_bye(struct rtcp_packet *p) {
	p->reason = (struct rtcp_slice){0};
	if (!take_list(p, 4))
		return false;
	const uint8_t *len = take(&p->body, 1);
	if (!len)
		return true;
	p->reason.len = *len;
	p->reason.data = take(&p->body, *len);
	return p->reason.data != NULL;
}

static bool read_app(struct rtcp_packet *p) {
	if (!take_ssrc(p, &p->ssrc))
		return false;
	const uint8_t *name = take(&p->body, sizeof p->name);
	if (name)
		memcpy(p->name, name, sizeof p->name);
	return name != NULL;
}

/* RFC 4585, 6.1: every feedback message begins with the SSRCs of its sender and of the media source. */
static bool read_feedback(struct rtcp_packet *p) {
	return take_ssrc(p, &p->ssrc) && take_ssrc(p, &p->media);
}

/* RFC 4585, 6.2.1: "The FCI field MUST contain at least one and MAY contain more than one Generic NACK." */
static bool read_entries(struct rtcp_packet *p, size_t entry) {
	if (!read_feedback(p) || p->body.len == 0 || p->body.len % entry)
		return false;
	p->list = p->body;
	return true;
}

static bool read_nack(struct rtcp_packet *p) {
	return read_entries(p, 4);
}

static bool read_fir(struct rtcp_packet *p) {
	return read_entries(p, RTCP_FIR_ENTRY);
}

/* draft-alvestrand-rmcat-remb-03, 2.2. The format is that of every application's own feedback; only the name tells. */
static bool read_remb(struct rtcp_packet *p) {
	if (!read_feedback(p))
		return false;
	if (p->body.len < 8 || memcmp(p->body.data, "REMB", 4) != 0) {
		p->kind = RTCP_OTHER;
		return true;
	}
	const uint8_t *at = p->body.data;
	unsigned exponent = at[5] >> 2;
	uint64_t mantissa = get_be24(at + 5) & 0x3FFFF;
	p->remb.count = at[4];
	p->remb.bitrate = mantissa << exponent;
	p->remb.ssrcs = at + 8;
	return p->body.len - 8 >= 4 * (size_t)at[4] && p->remb.bitrate >> exponent == mantissa;
}

/* ---- RFC 8888 ---- */

static bool read_ccfb_stream(struct reader *r, struct rtcp_ccfb_stream *out) {
	out->ssrc = read_be32(r);
	out->base = read_be16(r);
	out->count = read_be16(r);
	out->words = read_bytes(r, pad4(2 * (size_t)out->count));
	return !r->failed;
}

/* RFC 8888, 3.1: "Each report block MUST NOT include more than 16384 packet metric blocks (i.e., it MUST NOT report on more than
 * one quarter of the sequence number space in a single report)." Unlike other feedback, it has no SSRC of a media source. */
static bool read_ccfb(struct rtcp_packet *p) {
	if (!take_ssrc(p, &p->ssrc) || p->body.len < 4)
		return false;
	p->ccfb.streams = (struct rtcp_slice){.data = p->body.data, .len = p->body.len - 4};
	p->ccfb.timestamp = get_be32(p->body.data + p->ccfb.streams.len);
	struct reader r = reader_of(p->ccfb.streams.data, p->ccfb.streams.len);
	struct rtcp_ccfb_stream s;
	while (reader_left(&r))
		if (!read_ccfb_stream(&r, &s) || s.count > RTCP_CCFB_MAX_WORDS)
			return false;
	return true;
}

/* ---- transport-wide congestion control ---- */

enum { NOT_RECEIVED = 0, SMALL_DELTA = 1, LARGE_DELTA = 2, RESERVED = 3 };

/* What a chunk of 16 bits says about at most `left` packets. */
struct chunk {
	uint16_t covers, small, large;
	bool is_reserved;
};

/* draft-holmer, 3.1.3: 0, two bits of symbol, 13 bits of length. */
static struct chunk run_chunk(unsigned word, unsigned left) {
	unsigned length = word & 0x1FFF, symbol = word >> 13;
	struct chunk c = {.covers = (uint16_t)(length < left ? length : left)};
	c.small = symbol == SMALL_DELTA ? c.covers : 0;
	c.large = symbol == LARGE_DELTA ? c.covers : 0;
	c.is_reserved = symbol == RESERVED;
	return c;
}

/* draft-holmer, 3.1.4: 1, the symbol size, then 14 symbols of one bit or 7 of two. */
static struct chunk vector_chunk(unsigned word, unsigned left) {
	bool two_bits = word & 0x4000;
	unsigned most = two_bits ? 7 : 14;
	struct chunk c = {.covers = (uint16_t)(left < most ? left : most)};
	unsigned bits = (word & 0x3FFF) >> (14 - (two_bits ? 2u : 1u) * c.covers);
	unsigned low = two_bits ? bits & 0x1555 : bits, high = two_bits ? bits >> 1 & 0x1555 : 0;
	c.small = (uint16_t)__builtin_popcount(low);
	c.large = (uint16_t)__builtin_popcount(high);
	c.is_reserved = low & high;
	return c;
}

static struct chunk read_word(unsigned word, unsigned left) {
	return word & 0x8000 ? vector_chunk(word, left) : run_chunk(word, left);
}

/* Finds the end of the chunks, and that all deltas which they announce are there. A run can stand for 8,191 packets, so this
 * counts by chunk. */
static bool check_chunks(struct rtcp_twcc *t, const uint8_t *end) {
	const uint8_t *at = t->chunks;
	size_t bytes = 0;
	for (unsigned left = t->count; left > 0; at += 2) {
		if (end - at < 2)
			return false;
		struct chunk c = read_word(get_be16(at), left);
		if (c.is_reserved)
			return false;
		left -= c.covers;
		bytes += c.small + 2u * c.large;
		t->received = (uint16_t)(t->received + c.small + c.large);
	}
	t->deltas = at;
	return (size_t)(end - at) >= bytes;
}

static bool read_twcc(struct rtcp_packet *p) {
	if (!read_feedback(p) || p->body.len < 8)
		return false;
	const uint8_t *at = p->body.data;
	p->twcc = (struct rtcp_twcc){
		.base = get_be16(at),
		.count = get_be16(at + 2),
		.reference = get_be24(at + 4),
		.feedback = at[7],
		.chunks = at + 8,
	};
	return p->twcc.count > 0 && check_chunks(&p->twcc, at + p->body.len);
}

/* ---- RFC 3611 ---- */

static bool read_xr_block(struct reader *r, struct rtcp_xr_block *out) {
	*out = (struct rtcp_xr_block){.type = read_u8(r)};
	read_u8(r);
	size_t len = 4 * (size_t)read_be16(r);
	const uint8_t *data = read_bytes(r, len);
	if (!data)
		return false;
	if (out->type == RTCP_XR_RRTR) {
		out->ntp = len == 8 ? get_be64(data) : 0;
		return len == 8;
	}
	if (out->type == RTCP_XR_DLRR)
		out->dlrrs = (struct rtcp_slice){.data = data, .len = len};
	return out->dlrrs.len % RTCP_DLRR_ENTRY == 0;
}

static bool read_xr(struct rtcp_packet *p) {
	if (!take_ssrc(p, &p->ssrc))
		return false;
	struct reader r = reader_of(p->body.data, p->body.len);
	struct rtcp_xr_block block;
	while (reader_left(&r))
		if (!read_xr_block(&r, &block))
			return false;
	p->list = p->body;
	return true;
}

/* ---- the walk ---- */

#define ANY 0xFF

static const struct row {
	uint8_t type, format;
	enum rtcp_kind kind;
	bool (*read)(struct rtcp_packet *p);
} rows[] = {
	/* type         format         kind                  read */
	{RTCP_PT_SR, ANY, RTCP_SENDER_REPORT, read_sender_report},
	{RTCP_PT_RR, ANY, RTCP_RECEIVER_REPORT, read_receiver_report},
	{RTCP_PT_RTPFB, RTCP_FMT_TWCC, RTCP_TWCC, read_twcc},
	{RTCP_PT_RTPFB, RTCP_FMT_NACK, RTCP_NACK, read_nack},
	{RTCP_PT_RTPFB, RTCP_FMT_CCFB, RTCP_CCFB, read_ccfb},
	{RTCP_PT_RTPFB, ANY, RTCP_OTHER, read_feedback},
	{RTCP_PT_PSFB, RTCP_FMT_PLI, RTCP_PLI, read_feedback},
	{RTCP_PT_PSFB, RTCP_FMT_FIR, RTCP_FIR, read_fir},
	{RTCP_PT_PSFB, RTCP_FMT_REMB, RTCP_REMB, read_remb},
	{RTCP_PT_PSFB, ANY, RTCP_OTHER, read_feedback},
	{RTCP_PT_SDES, ANY, RTCP_SDES, read_sdes},
	{RTCP_PT_BYE, ANY, RTCP_BYE, read_bye},
	{RTCP_PT_APP, ANY, RTCP_APP, read_app},
	{RTCP_PT_XR, ANY, RTCP_XR, read_xr},
};

static bool read_body(struct rtcp_packet *p) {
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		if (row->type != p->type || (row->format != p->format && row->format != ANY))
			continue;
		p->kind = row->kind;
		return row->read(p);
	}
	p->kind = RTCP_OTHER;
	return true;
}

/* RFC 3550, 6.4.1: "The last octet of the padding is a count of how many padding octets should be ignored, including itself (it
 * will be a multiple of four)." libwebrtc and Pion pad feedback with 1 to 3 bytes, so any count that is not 0 is taken. */
static bool remove_padding(struct rtcp_slice *body) {
	if (body->len == 0)
		return false;
	uint8_t padding = body->data[body->len - 1];
	if (padding == 0 || padding > body->len)
		return false;
	body->len -= padding;
	return true;
}

/* Cuts the next packet off. False when what is left is not one; nothing behind it can be found then. */
static bool cut(struct rtcp_reader *r, struct rtcp_packet *p) {
	size_t left = (size_t)(r->end - r->at);
	if (left < RTCP_HEADER || r->at[0] >> 6 != RTP_VERSION)
		return false;
	size_t len = RTCP_HEADER + 4 * (size_t)get_be16(r->at + 2);
	if (len > left)
		return false;
	p->format = r->at[0] & 31;
	p->type = r->at[1];
	p->ssrc = p->media = 0;
	p->list = (struct rtcp_slice){0};
	p->body = (struct rtcp_slice){.data = r->at + RTCP_HEADER, .len = len - RTCP_HEADER};
	return true;
}

/* RFC 5506 lets feedback travel without the SR or RR that RFC 3550, A.2 wants at the head of a datagram. So the first packet may
 * be of any type, and no check looks at the datagram as a whole. */
bool rtcp_next(struct rtcp_reader *r, struct rtcp_packet *out) {
	while (r->at < r->end) {
		if (!cut(r, out)) {
			r->malformed++;
			r->at = r->end;
			return false;
		}
		bool is_padded = r->at[0] & 0x20;
		r->at = out->body.data + out->body.len;
		if ((!is_padded || remove_padding(&out->body)) && read_body(out)) {
			r->packets++;
			return true;
		}
		r->malformed++;
	}
	return false;
}

/* ---- lists ---- */

struct rtcp_report_block rtcp_report_at(const struct rtcp_packet *p, size_t i) {
	const uint8_t *at = p->list.data + i * RTCP_REPORT_BLOCK;
	return (struct rtcp_report_block){
		.ssrc = get_be32(at),
		.fraction_lost = at[4],
		.lost = (int32_t)(get_be24(at + 5) << 8) >> 8,
		.highest = get_be32(at + 8),
		.jitter = get_be32(at + 12),
		.last_sr = get_be32(at + 16),
		.delay_since_sr = get_be32(at + 20),
	};
}

struct rtcp_nack_iterator rtcp_nack_begin(const struct rtcp_packet *p) {
	return (struct rtcp_nack_iterator){.at = p->list.data, .end = p->list.data + p->list.len};
}

bool rtcp_nack_next(struct rtcp_nack_iterator *it, uint16_t *sequence) {
	if (it->mask == 0) {
		if (it->at == it->end)
			return false;
		it->pid = get_be16(it->at);
		it->mask = (uint32_t)get_be16(it->at + 2) << 1 | 1;
		it->at += 4;
	}
	*sequence = (uint16_t)(it->pid + __builtin_ctz(it->mask));
	it->mask &= it->mask - 1;
	return true;
}

struct rtcp_fir_entry rtcp_fir_at(const struct rtcp_packet *p, size_t i) {
	const uint8_t *at = p->list.data + i * RTCP_FIR_ENTRY;
	return (struct rtcp_fir_entry){.ssrc = get_be32(at), .sequence = at[4]};
}

struct rtcp_sdes_iterator rtcp_sdes_begin(const struct rtcp_packet *p) {
	return (struct rtcp_sdes_iterator){.left = reader_of(p->list.data, p->list.len)};
}

bool rtcp_sdes_next(struct rtcp_sdes_iterator *it, struct rtcp_cname *out) {
	return reader_left(&it->left) && read_chunk(&it->left, out);
}

struct rtcp_twcc_iterator rtcp_twcc_begin(const struct rtcp_twcc *t) {
	return (struct rtcp_twcc_iterator){.chunk = t->chunks, .delta = t->deltas, .sequence = t->base, .left = t->count};
}

/* A vector's first symbol is at the top; the others move up. A run's symbol stays. */
static unsigned next_symbol(struct rtcp_twcc_iterator *it) {
	while (it->chunk_left == 0) {
		it->word = get_be16(it->chunk);
		it->chunk += 2;
		it->chunk_left = read_word(it->word, it->left).covers;
	}
	it->chunk_left--;
	unsigned word = it->word;
	if (word < 0x8000)
		return word >> 13;
	if (word < 0xC000) {
		it->word = (uint16_t)(0x8000 | (word << 1 & 0x3FFF));
		return word >> 13 & 1;
	}
	it->word = (uint16_t)(0xC000 | (word << 2 & 0x3FFF));
	return word >> 12 & 3;
}

bool rtcp_twcc_next(struct rtcp_twcc_iterator *it, struct rtcp_arrival *out) {
	if (it->left == 0)
		return false;
	unsigned symbol = next_symbol(it);
	it->left--;
	out->sequence = it->sequence++;
	out->received = symbol != NOT_RECEIVED;
	out->delta = 0;
	if (symbol == SMALL_DELTA)
		out->delta = it->delta[0];
	else if (symbol == LARGE_DELTA)
		out->delta = (int16_t)get_be16(it->delta);
	it->delta += symbol;
	it->ticks += out->delta;
	out->ticks = it->ticks;
	return true;
}

struct rtcp_ccfb_iterator rtcp_ccfb_begin(const struct rtcp_ccfb *c) {
	return (struct rtcp_ccfb_iterator){.left = reader_of(c->streams.data, c->streams.len)};
}

bool rtcp_ccfb_next(struct rtcp_ccfb_iterator *it, struct rtcp_ccfb_stream *out) {
	return reader_left(&it->left) && read_ccfb_stream(&it->left, out);
}

struct rtcp_ccfb_word rtcp_ccfb_at(const struct rtcp_ccfb_stream *s, size_t i) {
	uint16_t word = get_be16(s->words + 2 * i);
	return (struct rtcp_ccfb_word){
		.sequence = (uint16_t)(s->base + i),
		.received = word >> 15,
		.ecn = word >> 13 & 3,
		.offset = word & 0x1FFF,
	};
}

struct rtcp_xr_iterator rtcp_xr_begin(const struct rtcp_packet *p) {
	return (struct rtcp_xr_iterator){.left = reader_of(p->list.data, p->list.len)};
}

bool rtcp_xr_next(struct rtcp_xr_iterator *it, struct rtcp_xr_block *out) {
	return reader_left(&it->left) && read_xr_block(&it->left, out);
}

struct rtcp_dlrr rtcp_dlrr_at(const struct rtcp_xr_block *b, size_t i) {
	const uint8_t *at = b->dlrrs.data + i * RTCP_DLRR_ENTRY;
	return (struct rtcp_dlrr){.ssrc = get_be32(at), .last_rr = get_be32(at + 4), .delay_since_rr = get_be32(at + 8)};
}
