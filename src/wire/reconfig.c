/* reconfig: the parameters of a RE-CONFIG chunk (RFC 6525, 4). The association knows their sequence numbers and what a request
 * does. */
#include "wire/wire.h"

/* The rest of the parameter is a list of stream numbers. */
static int streams_read(struct reader *in, struct wire_reconfig *r) {
	size_t left = reader_left(in);
	if (left % 2 != 0)
		return WIRE_MALFORMED;
	r->stream_count = left / 2;
	r->streams = read_bytes(in, left);
	return in->failed ? WIRE_MALFORMED : 0;
}

static int end_read(const struct reader *in) {
	return in->failed || reader_left(in) != 0 ? WIRE_MALFORMED : 0;
}

static int outgoing_read(struct reader *in, struct wire_reconfig *r) {
	r->request_seq = read_be32(in);
	r->response_seq = read_be32(in);
	r->last_tsn = read_be32(in);
	return streams_read(in, r);
}

static int incoming_read(struct reader *in, struct wire_reconfig *r) {
	r->request_seq = read_be32(in);
	return streams_read(in, r);
}

static int response_read(struct reader *in, struct wire_reconfig *r) {
	r->response_seq = read_be32(in);
	r->result = read_be32(in);
	/* RFC 6525, 4.4: the two optional TSNs come together or not at all. */
	r->has_tsns = reader_left(in) > 0;
	if (r->has_tsns) {
		r->sender_next_tsn = read_be32(in);
		r->receiver_next_tsn = read_be32(in);
	}
	return end_read(in);
}

static int add_read(struct reader *in, struct wire_reconfig *r) {
	r->request_seq = read_be32(in);
	r->new_streams = read_be16(in);
	read_be16(in); /* reserved */
	return end_read(in);
}

int wire_reconfig_read(const struct wire_param *p, struct wire_reconfig *r) {
	struct reader in = reader_of(p->value, p->len);
	*r = (struct wire_reconfig){.type = p->type};
	switch (p->type) {
	case WIRE_PARAM_OUTGOING_RESET:
		return outgoing_read(&in, r);
	case WIRE_PARAM_INCOMING_RESET:
		return incoming_read(&in, r);
	case WIRE_PARAM_TSN_RESET:
		r->request_seq = read_be32(&in);
		return end_read(&in);
	case WIRE_PARAM_RECONFIG_RESPONSE:
		return response_read(&in, r);
	case WIRE_PARAM_ADD_OUTGOING:
	case WIRE_PARAM_ADD_INCOMING:
		return add_read(&in, r);
	default:
		return WIRE_MALFORMED;
	}
}

static void outgoing_write(struct writer *w, const struct wire_reconfig *r) {
	write_be32(w, r->request_seq);
	write_be32(w, r->response_seq);
	write_be32(w, r->last_tsn);
	write_bytes(w, r->streams, 2 * r->stream_count);
}

static void response_write(struct writer *w, const struct wire_reconfig *r) {
	write_be32(w, r->response_seq);
	write_be32(w, r->result);
	if (r->has_tsns) {
		write_be32(w, r->sender_next_tsn);
		write_be32(w, r->receiver_next_tsn);
	}
}

static void request_write(struct writer *w, const struct wire_reconfig *r) {
	write_be32(w, r->request_seq);
	if (r->type == WIRE_PARAM_INCOMING_RESET)
		write_bytes(w, r->streams, 2 * r->stream_count);
	if (r->type == WIRE_PARAM_ADD_OUTGOING || r->type == WIRE_PARAM_ADD_INCOMING) {
		write_be16(w, r->new_streams);
		write_be16(w, 0); /* reserved */
	}
}

void wire_reconfig_write(struct writer *w, const struct wire_reconfig *r) {
	uint8_t *begin = wire_param_begin(w, r->type);
	if (r->type == WIRE_PARAM_OUTGOING_RESET)
		outgoing_write(w, r);
	else if (r->type == WIRE_PARAM_RECONFIG_RESPONSE)
		response_write(w, r);
	else
		request_write(w, r);
	wire_param_end(w, begin);
}
