/* codec: see codec.h. */
#include "dcep/codec.h"

#include "sluice/error.h"

/* RFC 8832, 5.1: a channel type is a reliability in the low bits, and one bit for unordered delivery. The low bits have the
 * numbers of our enum. */
#define TYPE_UNORDERED 0x80

const uint8_t dcep_ack[DCEP_ACK_SIZE] = {DCEP_ACK};

_Static_assert(SLUICE_RELIABLE == 0x00, "DATA_CHANNEL_RELIABLE");
_Static_assert(SLUICE_MAX_RETRANSMITS == 0x01, "DATA_CHANNEL_PARTIAL_RELIABLE_REXMIT");
_Static_assert(SLUICE_LIFETIME == 0x02, "DATA_CHANNEL_PARTIAL_RELIABLE_TIMED");

static int open_read(struct reader *r, struct dcep_open *open) {
	uint8_t type = read_u8(r);
	*open = (struct dcep_open){.unordered = (type & TYPE_UNORDERED) != 0};
	open->priority = read_be16(r);
	uint32_t value = read_be32(r);
	open->label_len = read_be16(r);
	open->protocol_len = read_be16(r);
	open->label = (const char *)read_bytes(r, open->label_len);
	open->protocol = (const char *)read_bytes(r, open->protocol_len);
	/* Bytes behind the protocol belong to no field, so the two lengths cannot be right. */
	if (r->failed || reader_left(r) != 0)
		return SLUICE_MALFORMED;
	uint8_t reliability = type & (uint8_t)~TYPE_UNORDERED;
	if (reliability > SLUICE_LIFETIME)
		return SLUICE_MALFORMED;
	open->reliability = (enum sluice_reliability)reliability;
	/* RFC 8832, 5.1: "For reliable data channels, this field MUST be set to 0 on the sending side and MUST be ignored on the
	 * receiving side." */
	open->value = reliability == SLUICE_RELIABLE ? 0 : value;
	return DCEP_OPEN;
}

int dcep_read(const void *data, size_t len, struct dcep_open *open) {
	struct reader r = reader_of(data, len);
	uint8_t type = read_u8(&r);
	if (r.failed)
		return SLUICE_MALFORMED;
	if (type == DCEP_OPEN)
		return open_read(&r, open);
	/* RFC 8832, 5.2: the type is the whole message; pion 3 sends three more bytes. */
	if (type == DCEP_ACK)
		return DCEP_ACK;
	return SLUICE_UNSUPPORTED;
}

void dcep_open_write(struct writer *w, const struct dcep_open *open) {
	write_u8(w, DCEP_OPEN);
	write_u8(w, (uint8_t)(open->reliability | (open->unordered ? TYPE_UNORDERED : 0)));
	write_be16(w, open->priority);
	write_be32(w, open->reliability == SLUICE_RELIABLE ? 0 : open->value);
	write_be16(w, open->label_len);
	write_be16(w, open->protocol_len);
	write_bytes(w, open->label, open->label_len);
	write_bytes(w, open->protocol, open->protocol_len);
}
