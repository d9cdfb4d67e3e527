/* data: the association and its channels: made, ended, and made anew when a later negotiation brings data back.
 *
 * Records of DTLS to and from the association are in records.c. */
#include "peer/connection.h"
#include "sctp/sctp.h"

static void wake_by_layer(void *ctx) {
	peer_wake(ctx);
}

/* ---- making ----------------------------------------------------------------------------------------------------- */

static int make_channels(sluice_peer *p) {
	int error = sluice_channels_new(p->env, p->sctp, &p->data_config, &p->channels);
	if (error)
		return error;
	channels_set_owner(p->channels, p);
	channels_set_wake(p->channels, wake_by_layer, p);
	return 0;
}

static void free_past(sluice_peer *p, struct past_data *past) {
	struct past_data **link = &p->past;
	while (*link != past)
		link = &(*link)->next;
	*link = past->next;
	sluice_channels_free(past->channels);
	sluice_sctp_free(past->sctp);
	env_free(p->env, past);
}

/* ---- data that comes back ---------------------------------------------------------------------------------------- */

int data_make(sluice_peer *p) {
	int error = sluice_sctp_new(p->env, &p->config.sctp, &p->sctp);
	if (!error && (error = make_channels(p)))
		sluice_sctp_free(p->sctp);
	if (error) {
		p->sctp = NULL;
		p->channels = NULL;
		return error;
	}
	sluice_sctp_set_wake(p->sctp, wake_by_layer, p);
	association_follow_time(p->sctp, &p->now);
	sluice_sctp_set_trace(p->sctp, p->trace, p->trace_ctx);
	sluice_sctp_set_packet_tap(p->sctp, p->tap, p->tap_ctx);
	sluice_sctp_set_receive_room(p->sctp, p->receive_room, 0);
	if (p->route_largest)
		peer_search_mtu(p);
	if (p->yields)
		association_set_control(p->sctp, SLUICE_CC_LOW_DELAY);
	if (p->dtls_up)
		sluice_channels_set_role(p->channels, p->role);
	return 0;
}

/* RFC 9429, 5.11: "If no valid SCTP association exists, prepare to initiate a SCTP association over the associated ICE component
 * and DTLS connection". What the old one has not delivered by now is lost: the other side has begun a new one, too. */
int data_begin_again(sluice_peer *p) {
	struct past_data *past = env_zalloc(p->env, sizeof *past);
	if (!past)
		return SLUICE_NO_MEMORY;
	past->sctp = p->sctp;
	past->channels = p->channels;
	int error = data_make(p);
	if (error) {
		p->sctp = past->sctp;
		p->channels = past->channels;
		env_free(p->env, past);
		return error;
	}
	past->next = p->past;
	p->past = past;
	p->sctp_begun = p->data_over = false;
	channels_end(past->channels, SLUICE_CLOSED);
	peer_wake(p);
	return 0;
}

int data_dispatch_past(sluice_peer *p) {
	int ran = 0;
	while (!p->guard.dead && p->past) {
		struct past_data *past = p->past;
		ran += sluice_channels_dispatch(past->channels);
		if (!p->guard.dead)
			free_past(p, past);
	}
	return ran;
}

void data_free_past(sluice_peer *p) {
	while (p->past)
		free_past(p, p->past);
}

void data_judge_end(sluice_peer *p) {
	const char *text = "";
	bool ends = p->end_waits && !p->data_over;
	p->end_waits = false;
	if (!ends)
		return;
	sluice_sctp_error(p->sctp, &text);
	peer_conclude(p, p->end_error, text);
}
