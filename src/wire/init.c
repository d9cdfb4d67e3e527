/* init: INIT and INIT-ACK with the parameters that say what the peer can do. The association decides whether it accepts the
 * values. */
#include "wire/wire.h"

#define INIT_FIXED 16 /* tag, a_rwnd, both stream counts, TSN */

static void extension_read(struct wire_init *i, uint8_t type) {
	switch (type) {
	case WIRE_RE_CONFIG:
		i->reconfig = true;
		break;
	case WIRE_PAD:
		i->pad = true;
		break;
	case WIRE_I_DATA:
		i->i_data = true;
		break;
	case WIRE_FORWARD_TSN:
		i->forward_tsn = true;
		break;
	case WIRE_I_FORWARD_TSN:
		i->i_forward_tsn = true;
		break;
	default: /* RFC 5061, 4.2.7: a list of what the peer can do; we ignore what we cannot do */
		break;
	}
}

static int extensions_read(struct wire_init *i, const struct wire_param *p) {
	for (size_t k = 0; k < p->len; k++)
		extension_read(i, p->value[k]);
	return 0;
}

static int forward_tsn_read(struct wire_init *i, const struct wire_param *p) {
	i->forward_tsn = true;
	return p->len == 0 ? 0 : WIRE_MALFORMED;
}

static int zero_checksum_read(struct wire_init *i, const struct wire_param *p) {
	if (p->len != 4)
		return WIRE_MALFORMED;
	i->has_zero_checksum = true;
	i->zero_checksum_method = get_be32(p->value);
	return 0;
}

static int cookie_read(struct wire_init *i, const struct wire_param *p) {
	i->cookie = p->value;
	i->cookie_len = p->len;
	return 0;
}

static int cookie_preservative_read(struct wire_init *i, const struct wire_param *p) {
	if (p->len != 4)
		return WIRE_MALFORMED;
	i->has_cookie_preservative = true;
	i->cookie_preservative = get_be32(p->value);
	return 0;
}

/* RFC 9260, 3.2.1. Returns 0 to go on reading, 1 to end here; both without an error. */
static int unknown_read(struct wire_init *i, const struct wire_param *p) {
	if (wire_unknown_param_reports(p->type) && i->unrecognized_count < WIRE_UNRECOGNIZED_MAX)
		i->unrecognized[i->unrecognized_count++] = *p;
	/* "Stop processing this parameter and do not process any further parameters within this chunk." */
	i->stopped = wire_unknown_param_stops(p->type);
	return i->stopped;
}

static int param_read(struct wire_init *i, const struct wire_param *p) {
	switch (p->type) {
	case WIRE_PARAM_FORWARD_TSN:
		return forward_tsn_read(i, p);
	case WIRE_PARAM_SUPPORTED_EXTENSIONS:
		return extensions_read(i, p);
	case WIRE_PARAM_ZERO_CHECKSUM:
		return zero_checksum_read(i, p);
	case WIRE_PARAM_STATE_COOKIE:
		return cookie_read(i, p);
	case WIRE_PARAM_COOKIE_PRESERVATIVE:
		return cookie_preservative_read(i, p);
	case WIRE_PARAM_HOST_NAME:
		i->has_host_name = true;
		i->host_name = *p;
		return 0;
	/* The layer below chose the only path, so addresses are not used. A wrong length is an error all the same. */
	case WIRE_PARAM_IPV4:
		return p->len == 4 ? 0 : WIRE_MALFORMED;
	case WIRE_PARAM_IPV6:
		return p->len == 16 ? 0 : WIRE_MALFORMED;
	case WIRE_PARAM_ADDRESS_TYPES:
		return p->len % 2 == 0 ? 0 : WIRE_MALFORMED;
	/* Known, and ignored: AUTH, which we do not have, padding, and reports about what we sent. */
	case WIRE_PARAM_RANDOM:
	case WIRE_PARAM_CHUNK_LIST:
	case WIRE_PARAM_HMAC_ALGO:
	case WIRE_PARAM_PAD:
	case WIRE_PARAM_UNRECOGNIZED:
		return 0;
	default:
		return unknown_read(i, p);
	}
}

int wire_init_read(const struct wire_chunk *c, struct wire_init *i) {
	if (c->len < INIT_FIXED)
		return WIRE_MALFORMED;
	*i = (struct wire_init){
		.tag = get_be32(c->value),
		.a_rwnd = get_be32(c->value + 4),
		.outbound_streams = get_be16(c->value + 8),
		.inbound_streams = get_be16(c->value + 10),
		.tsn = get_be32(c->value + 12),
		.params = c->value + INIT_FIXED,
		.params_len = c->len - INIT_FIXED,
	};
	struct reader r = reader_of(i->params, i->params_len);
	struct wire_param p;
	int found;
	while ((found = wire_param_next(&r, &p)) == 1) {
		int result = param_read(i, &p);
		if (result < 0)
			return result;
		if (result > 0)
			return 0;
	}
	return found;
}

static void be32_param_write(struct writer *w, uint16_t type, uint32_t value) {
	uint8_t *begin = wire_param_begin(w, type);
	write_be32(w, value);
	wire_param_end(w, begin);
}

static void extensions_write(struct writer *w, const struct wire_init *i) {
	uint8_t list[5];
	size_t count = 0;
	if (i->reconfig)
		list[count++] = WIRE_RE_CONFIG;
	if (i->forward_tsn)
		list[count++] = WIRE_FORWARD_TSN;
	if (i->i_data)
		list[count++] = WIRE_I_DATA;
	if (i->i_forward_tsn)
		list[count++] = WIRE_I_FORWARD_TSN;
	if (i->pad)
		list[count++] = WIRE_PAD;
	if (count)
		wire_param_write(w, WIRE_PARAM_SUPPORTED_EXTENSIONS, list, count);
}

/* The parameters that only an INIT-ACK has. */
static void answer_write(struct writer *w, const struct wire_init *i) {
	if (i->cookie)
		wire_param_write(w, WIRE_PARAM_STATE_COOKIE, i->cookie, i->cookie_len);
	for (size_t k = 0; k < i->unrecognized_count; k++)
		wire_param_write(w, WIRE_PARAM_UNRECOGNIZED, i->unrecognized[k].raw, i->unrecognized[k].raw_len);
}

void wire_init_write(struct writer *w, uint8_t type, const struct wire_init *i) {
	uint8_t *begin = wire_chunk_begin(w, type, 0);
	write_be32(w, i->tag);
	write_be32(w, i->a_rwnd);
	write_be16(w, i->outbound_streams);
	write_be16(w, i->inbound_streams);
	write_be32(w, i->tsn);
	if (i->forward_tsn)
		wire_param_write(w, WIRE_PARAM_FORWARD_TSN, NULL, 0);
	extensions_write(w, i);
	if (i->has_zero_checksum)
		be32_param_write(w, WIRE_PARAM_ZERO_CHECKSUM, i->zero_checksum_method);
	if (type == WIRE_INIT_ACK)
		answer_write(w, i);
	else if (i->has_cookie_preservative)
		be32_param_write(w, WIRE_PARAM_COOKIE_PRESERVATIVE, i->cookie_preservative);
	wire_chunk_end(w, begin);
}
