/* records: how do records of DTLS become packets of the association, and packets records?
 *
 * Downwards a handshake goes before everything, and media, which its pacer bounds, before data. Packets are sealed where they
 * stand; the close_notify goes behind the last packet. Upwards the records of one call are opened in place and given to the
 * association together, so that one SACK answers them. */
#include "peer/connection.h"

/* Datagrams of a flight that are embedded. A handshake of ours has four at the most. */
#define FLIGHT_MAX 16

/* ---- DTLS and the association -------------------------------------------------------------------------------------- */

/* Did the association come to an end by itself? Its ENDED event waits in the queue and says how. */
static bool association_is_done(const sluice_peer *p) {
	return p->sctp_begun && sluice_sctp_state(p->sctp) == SLUICE_SCTP_CLOSED;
}

/* RFC 8831, 6.2: "The SCTP association will be set up when the two endpoints of the WebRTC PeerConnection agree on opening it".
 * Both have, so both send INIT, and RFC 9260, 5.2.1 makes one association of the two. */
static void begin_association(sluice_peer *p) {
	p->sctp_begun = true;
	int error = p->snap_remote ? sluice_sctp_connect_described(p->sctp, p->snap_remote, p->snap_remote_len)
	                           : sluice_sctp_connect(p->sctp);
	if (error && error != SLUICE_WRONG_STATE)
		peer_end(p, error, sluice_error_text(error));
}

void records_begin_agreed(sluice_peer *p) {
	if (!p->dtls_up || p->ends_as)
		return;
	media_start(p);
	if (!p->sctp_begun && (peer_is_direct(p) || p->negotiation.data_agreed))
		begin_association(p);
	/* With media alone there is nothing else to wait for. */
	else if (!p->sctp_begun && p->negotiation.media_agreed && p->state == SLUICE_PEER_CONNECTING)
		peer_enter(p, SLUICE_PEER_CONNECTED);
}

void records_end_data(sluice_peer *p) {
	if (p->ends_as || p->data_over)
		return;
	p->data_over = true;
	/* INIT chunks in descriptions were of this association. */
	env_free(p->env, p->snap_remote);
	env_free(p->env, p->snap_local);
	p->snap_remote = NULL;
	p->snap_local = NULL;
	if (p->sctp_begun)
		sluice_sctp_shutdown(p->sctp);
	else
		channels_end(p->channels, SLUICE_REFUSED);
}

static void came_up(sluice_peer *p) {
	p->dtls_up = true;
	if (p->role_guessed) /* ids go by the role, and only now the guess has proved right */
		sluice_channels_set_role(p->channels, p->role);
	underlay_secured(&p->below, p->role == SLUICE_ROLE_CLIENT);
	p->dtls_after = p->now - p->origin;
	records_begin_agreed(p);
}

/* The other side's close_notify. SHUTDOWN comes before it. When the last packet of that was lost and both directions were
 * acknowledged already (SHUTDOWN-ACK-SENT), nothing is missing and the end is an orderly one. */
static void went_down(sluice_peer *p) {
	if (association_is_done(p) && !p->data_over && !p->end_waits)
		return;
	bool complete = sluice_sctp_state(p->sctp) == SLUICE_SCTP_SHUTDOWN_ACK_SENT;
	channels_end(p->channels, complete ? 0 : SLUICE_CLOSED);
	peer_conclude(p, 0, "closed by the peer");
}

void records_follow_dtls(sluice_peer *p) {
	if (p->ends_as || !p->dtls)
		return;
	enum dtls_state state = dtls_state(p->dtls);
	if (state == DTLS_CONNECTED && !p->dtls_up)
		came_up(p);
	else if (state == DTLS_CLOSED)
		went_down(p);
	else if (state == DTLS_FAILED) {
		const char *text = "";
		int error = dtls_error(p->dtls, &text);
		peer_end(p, error, text);
	}
}

/* ---- in ------------------------------------------------------------------------------------------------------------ */

static int input_few(sluice_peer *p, const sluice_path *path, sluice_datagram *datagrams, size_t count, uint64_t now) {
	sluice_datagram opened[2 * RECORDS_MAX];
	int error = 0;
	size_t n = dtls_open(p->dtls, datagrams, count, opened, 2 * RECORDS_MAX, now);
	if (!p->dtls_up)
		records_follow_dtls(p);
	if (n) {
		if (underlay_proved(&p->below, path, now))
			sluice_sctp_path_changed(p->sctp);
		error = sluice_sctp_input(p->sctp, opened, n, now);
	}
	/* Only now: an association that ended in this very batch has the first word on how. */
	records_follow_dtls(p);
	return error;
}

int records_input(sluice_peer *p, const struct underlay_span *span, uint64_t now) {
	int error = 0;
	for (size_t i = 0; i < span->count; i += RECORDS_MAX) {
		size_t n = span->count - i < RECORDS_MAX ? span->count - i : RECORDS_MAX;
		int result = input_few(p, span->path, span->datagrams + i, n, now);
		error = result ? result : error;
	}
	return error;
}

/* They come by themselves. Together with a datagram that is here at the same time, the path of that one, which may be a
 * stranger's, would pass for the path of these genuine ones. */
int records_input_waiting(sluice_peer *p, uint64_t now) {
	if (!p->records_wait)
		return 0;
	p->records_wait = false;
	return input_few(p, NULL, NULL, 0, now);
}

/* ---- out ----------------------------------------------------------------------------------------------------------- */

static void end_for_seal(sluice_peer *p, int error) {
	const char *text;
	bool told = dtls_error(p->dtls, &text) == error;
	peer_end(p, error, told ? text : sluice_error_text(error));
}

static int output_packets(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	batch->headroom = dtls_headroom(p->dtls);
	batch->tailroom = dtls_tailroom(p->dtls);
	int n = sluice_sctp_output(p->sctp, batch, now);
	if (n > 0) {
		int error = dtls_seal(p->dtls, batch);
		if (error) {
			end_for_seal(p, error);
			n = 0;
		}
	}
	batch->headroom = batch->tailroom = 0;
	return n;
}

int records_output(sluice_peer *p, sluice_batch *batch, uint64_t now) {
	int n = p->dtls ? dtls_output(p->dtls, batch, now) : 0;
	if (!n && p->media && !p->said_goodbye)
		n = media_output(p, batch, now);
	if (!n && p->dtls && dtls_state(p->dtls) == DTLS_CONNECTED)
		n = output_packets(p, batch, now);
	if (n || !p->ends_as || p->said_goodbye)
		return n;
	p->said_goodbye = true;
	if (!p->dtls)
		return 0;
	dtls_close(p->dtls);
	return dtls_output(p->dtls, batch, now);
}

void records_embed(sluice_peer *p, uint64_t now) {
	uint8_t space[FLIGHT_MAX * ICE_SPED_MTU];
	sluice_datagram flight[FLIGHT_MAX];
	size_t count = 0, used = 0;
	if (!p->dtls || !underlay_embeds(&p->below))
		return;
	while (count < FLIGHT_MAX) {
		sluice_batch b = {.data = space + used, .capacity = sizeof space - used, .max_datagrams = FLIGHT_MAX - count};
		if (dtls_output(p->dtls, &b, now) <= 0)
			break;
		for (size_t i = 0; i < b.count; i++)
			flight[count++] = (sluice_datagram){.data = sluice_batch_slot(&b, i),
			                                    .len = sluice_batch_slot_len(&b, i)};
		used += sluice_batch_len(&b);
	}
	if (count)
		underlay_flight(&p->below, flight, count, now);
}
