/* snap: an association whose two INITs were exchanged by somebody else, in SDP (draft-hancke-tsvwg-snap).
 *
 * What either side says of itself in an INIT is all that the other needs; INIT-ACK, COOKIE-ECHO and COOKIE-ACK are there to
 * show that the initiator can be reached, which DTLS has shown already. So with our INIT described and the peer's given, the
 * association is established without a packet. It knows no SDP and no base64. */
#include "sctp/association.h"

#include <string.h>

int sluice_sctp_describe(sluice_sctp *a, void *init_chunk, size_t size) {
	if (a->state != SLUICE_SCTP_CLOSED || a->handed_over)
		return SLUICE_WRONG_STATE;
	if (!a->described)
		handshake_reset(a);
	a->described = true;
	uint8_t bytes[SLUICE_SCTP_INIT_MAX];
	struct writer w = writer_of(bytes, sizeof bytes);
	handshake_describe(a, &w);
	/* RFC 9260, 3.2: the length of a chunk does not count its last padding, and here nothing follows that needs it. */
	size_t len = get_be16(bytes + 2);
	if (len > size)
		return SLUICE_NO_SPACE;
	memcpy(init_chunk, bytes, len);
	return (int)len;
}

/* Exactly one INIT chunk with nothing behind it but its padding, of values that an INIT on the wire would be answered for. */
static int init_read(const void *data, size_t len, struct wire_init *i) {
	struct reader r = reader_of(data, len);
	struct wire_chunk c;
	if (wire_chunk_next(&r, &c) != 1 || c.type != WIRE_INIT || reader_left(&r) > 0 || wire_init_read(&c, i) < 0)
		return SLUICE_MALFORMED;
	/* RFC 9260, 3.3.2: no tag of 0, no stream counts of 0; a Host Name Address ends the attempt. */
	if (i->tag == 0 || i->outbound_streams == 0 || i->inbound_streams == 0 || i->has_host_name)
		return SLUICE_MALFORMED;
	return 0;
}

int sluice_sctp_check_init(const void *init_chunk, size_t len) {
	struct wire_init i;
	return init_read(init_chunk, len, &i);
}

int sluice_sctp_connect_described(sluice_sctp *a, const void *remote_init, size_t len) {
	struct wire_init i;
	/* There is one CONNECTED and one ENDED; the app has to poll those of the last association first. */
	if (a->state != SLUICE_SCTP_CLOSED || !a->described || a->connected.queued || a->ended.queued)
		return SLUICE_WRONG_STATE;
	int error = init_read(remote_init, len, &i);
	if (error)
		return error;
	handshake_begin(a);
	handshake_adopt(a, &i);
	/* No verb is under way, so there is no time to count from: the next output brings it. */
	timer_stop(a, TIMER_HEARTBEAT);
	a->heartbeat_unscheduled = true;
	sender_burst(&a->tx);
	association_touch(a);
	return 0;
}
