/* connection: the one struct that the peer's files share, and who may call what.
 *
 * Calls go down this list and never up. Events and returned values go up.
 *
 *   peer.c               making and freeing, the four verbs, closing
 *   tell.c               which callback of the app is due
 *   report.c, report_media.c, driver.c  statistics; what a driver of an ICE peer says and is asked for
 *   media_api.c          what the app asks of transceivers
 *   negotiation.c        the signaling state machine: which description is in force, glare, rollback, restarts
 *   description.c        the peer as SDP text, and SDP text taken into the peer
 *   media_lines.c        what a section of ours says
 *   sections.c           which m= line belongs to which transceiver, and what stands in it
 *   follow.c             what the events of the underlay mean
 *   role.c               the DTLS role, the trusted fingerprints, the beginning of the handshake
 *   data.c               the association and its channels, made and made anew
 *   records.c            records of DTLS to and from the association
 *   media.c              SRTP datagrams, and the keys of the media engine
 *   transceiver.c        the list of transceivers
 *   tracks.c             what was agreed, for the tracks
 *   states.c             the peer's state, what the app is to be notified of, the end
 *   underlay_*.c         what lies below DTLS: one path, or ICE; these know no peer
 *   path.c               which path is it, and what comes on it?
 *   yield.c              how fast data may be beside media
 *   codecs.c, extmap.c   what sections offer and take; plan.c: what a description of ours said
 *
 * A direct peer (config.role is known from the start) has no descriptions and no ICE. */
#ifndef PEER_CONNECTION_H
#define PEER_CONNECTION_H

#include "base/guard.h"
#include "dcep/dcep.h"
#include "dtls/dtls.h"
#include "ice/ice.h"
#include "peer/peer.h"
#include "peer/sections.h"
#include "peer/tracks.h"
#include "peer/transceiver.h"
#include "peer/underlay.h"
#include "peer/yield.h"
#include "pool/env.h"
#include "sdp/sdp.h"
#include "sluice/error.h"

/* One of our own descriptions. Its text is made when somebody asks for it, since candidates are added all the time. What has to
 * stay the same is here. type 0: there is none, and no plan. */
struct local_description {
	enum sluice_sdp_type type;
	uint64_t version;
	enum sdp_setup setup;
	bool snap, sped;
	struct plan *plan; /* a reference */
};

/* One of the other side's, read once. Its memory is bounded by what SLUICE_REMOTE_SDP_MAX lets in (sdp.h): less than 1.1 MB for a
 * text of 256 KB, about 2 KB for a browser's data section, and 10 KB with audio and video. */
struct remote_description {
	enum sluice_sdp_type type;
	struct sdp *sdp; /* NULL: there is none */
};

/* A candidate that came before our answer to its offer was set. Until then the agent has the credentials of the generation
 * before. */
struct early_candidate {
	struct early_candidate *next;
	struct candidate candidate;
};

#define EARLY_CANDIDATES_MAX 100

/* RFC 9429, 3.2 and W3C's 4.3.1. Invariants:
 *   state == HAVE_LOCAL_OFFER exactly when local_pending.type
 *   state == HAVE_REMOTE_OFFER exactly when remote_pending.sdp
 *   early_count == candidates in `early`, and early_count <= EARLY_CANDIDATES_MAX */
struct negotiation {
	enum sluice_signaling_state state;
	struct local_description local_current, local_pending, created;
	struct remote_description remote_current, remote_pending;
	char *created_text;
	uint64_t session_id, next_version;
	struct early_candidate *early, **early_end;
	unsigned early_count;
	bool early_done;     /* end-of-candidates came among them */
	bool needed;         /* an offer is due, and the app was or will be notified */
	bool wanted_channel; /* a channel was opened, so there has to be a data section */
	bool restart_wanted; /* the app wants a restart; the next offer begins it */
	bool restart_begun;  /* the description that is under way shows new credentials */
	bool settled;        /* an answer was set once: identities are fixed */
	/* The pair in force has a data section, or one for media. */
	bool data_agreed, media_agreed;
	unsigned fault_line;
	const char *fault_text;
};

/* What the app is notified of at the next dispatch, besides states of the connection and candidates. They are small enough for a
 * ring without memory of its own. When an app lets the ring run full, the oldest are lost; the getters know the present. */
enum notice_kind { NOTICE_SIGNALING, NOTICE_GATHERING, NOTICE_ICE, NOTICE_NEGOTIATION };
struct notice {
	uint8_t kind, value;
};
#define NOTICES_MAX 32

/* A local candidate that the app is to be given. */
struct untold_candidate {
	struct untold_candidate *next;
	char text[];
};

/* What the peer's own headers and those around them take of a handshake datagram that rides in a check. */
#define CHECK_ROOM 160

/* A path over a TURN server wants a ChannelData header as well (RFC 8656, 12.4). */
#define RELAY_ROOM 4

#define MTU_FOUND_MAX 16376 /* four of these are one send of 64 KB, and one record of DTLS carries each */

/* An association that is over, and its channels, which the app has still to hear of. */
struct past_data {
	struct past_data *next;
	sluice_sctp *sctp;
	sluice_channels *channels;
};

/* Datagrams opened at a time. Records that share a datagram make more entries of them; twice as many have 6 KB of stack. */
#define RECORDS_MAX 64

struct sluice_peer {
	sluice_env *env;
	struct dtls *dtls; /* by offer and answer: NULL until our role in it is known */
	sluice_sctp *sctp;
	sluice_channels *channels;

	/* From here to the beginning of `below` lies what the verbs of a peer at rest touch.
	 * rests_until: before that there is nothing to do above the underlay, unless something stirs it; see peer_rests() in
	 * peer.c. 0: it does not rest. */
	uint64_t rests_until;
	uint64_t now, origin; /* the latest time of a verb, and with has_origin the first */
	uint64_t datagrams_sent, datagrams_received, bytes_sent, bytes_received, strays, candidates_skipped;
	struct guard guard; /* entered while callbacks run */
	/* It only moves forwards. How the path is doing meanwhile stands in `way`, and sluice_peer_state() shows both as one. */
	enum sluice_peer_state state;
	uint8_t untold; /* bit s: on_state(s) is due */
	/* CONNECTED: there is a path, or the first one is sought; CONNECTING: ICE looks for another one; DISCONNECTED, FAILED */
	enum sluice_peer_state way;
	enum sluice_peer_state told;    /* the app's last on_state */
	enum sluice_peer_state ends_as; /* CLOSED or FAILED from the moment it is decided; NEW before */
	bool begun;                     /* datagrams may come and go: at once, for a direct peer from start or abort on */
	bool start_due;                 /* the handshake begins as soon as the underlay allows it and the time is known */
	bool records_wait;              /* what DTLS kept sealed until it knew whom to trust is to be taken */
	bool dtls_up, aborting, said_goodbye;
	bool sctp_begun; /* the association was told to connect */
	bool data_over;  /* there is media alone for now; the end of the association is not ours */
	bool end_waits;  /* it ended while an offer of ours was pending: the answer may be what ended it */
	bool woken, has_origin;
	/* checked: a check or an answer was handled since the last rest; dispatched: dispatch() has run since the last stir. */
	bool checked, dispatched;
	struct underlay below;

	sluice_certificate *certificate;
	int end_error, error;
	const char *error_text;
	sluice_channels_config data_config;
	struct past_data *past;
	sluice_trace_fn trace;
	sluice_packet_fn tap;
	void *trace_ctx, *tap_ctx;

	uint64_t dtls_after, sctp_after, channel_after, dtls_started_after; /* ns after origin, SLUICE_NEVER before */
	uint64_t gathered_after, checking_after, ice_after;
	uint64_t receive_room, socket_drops; /* what the driver says of its sockets */
	bool unfragmented;                   /* ... and that they fragment nothing */
	bool media_keyed, yields;            /* yields: a track sends, and the app chose no control for data */
	uint32_t route_largest; /* by ICE: the largest datagram worth a try over the route; 0: no route, or a stream */

	/* media; by offer and answer alone */
	sluice_media *media; /* NULL: there was no transceiver yet */
	struct yield yield;
	sluice_packet_fn media_tap;
	sluice_trace_fn media_trace;
	void *media_tap_ctx, *media_trace_ctx;
	struct media_early *media_early; /* datagrams that came before the keys */
	char cname[17];
	struct transceivers transceivers;

	/* by offer and answer */
	struct negotiation negotiation;
	enum sluice_role role; /* of DTLS; UNKNOWN until it is known */
	bool role_open;        /* the answer leaves the role open; role.c finds out */
	bool role_guessed;     /* client, since nobody spoke; a ClientHello that comes late says otherwise */
	struct notice notices[NOTICES_MAX];
	unsigned notice_first, notice_count;
	struct untold_candidate *candidates, **candidates_end;
	uint8_t *snap_remote; /* the other side's INIT chunk, when both sides showed one */
	size_t snap_remote_len;
	char *snap_local;          /* ours in base64, once it was shown */
	sluice_peer_config config; /* as read; pointers to text in it are not followed after sluice_peer_new */

	void (*wake)(void *ctx);
	void *wake_ctx;
	void (*on_free)(void *ctx);
	void *on_free_ctx;
};

/* ---- states.c ---- */

static inline bool peer_is_direct(const sluice_peer *p) {
	return p->config.role != SLUICE_ROLE_UNKNOWN;
}
static inline bool peer_is_over(const sluice_peer *p) {
	return p->state >= SLUICE_PEER_CLOSED;
}
void peer_wake(sluice_peer *p);
/* Something above the underlay is touched, or may have become due. */
static inline void peer_stir(sluice_peer *p) {
	p->rests_until = 0;
	p->dispatched = false;
}
void peer_enter(sluice_peer *p, enum sluice_peer_state state);
void peer_notice(sluice_peer *p, enum notice_kind kind, unsigned value);
/* Decides how the peer ends; the first decision counts. What is still to be said is said by the coming output() calls, and the
 * last of them concludes. The channels learn the end from the association. */
void peer_conclude(sluice_peer *p, int error, const char *text);
/* The same where the association cannot say so itself: the channels end as well. */
void peer_end(sluice_peer *p, int error, const char *text);

/* ---- mtu.c ---- */

/* The largest SCTP packet whose datagram has at most that many bytes. */
uint32_t peer_packet_mtu(uint32_t datagram, enum sluice_role role);
/* By ICE: the search for the path's MTU begins anew, for the route of now. */
void peer_search_mtu(sluice_peer *p);

/* ---- data.c ---- */

/* The association and its channels. Returns 0, or as sluice_sctp_new() and sluice_channels_new(). */
int data_make(sluice_peer *p);
/* Data is over and is to come back: there are a new association, which has not begun, and new channels. Returns 0, or
 * SLUICE_NO_MEMORY: nothing has changed. */
int data_begin_again(sluice_peer *p);
/* No offer of ours is pending any more. */
void data_judge_end(sluice_peer *p);
/* How many callbacks ran. */
int data_dispatch_past(sluice_peer *p);
void data_free_past(sluice_peer *p);

/* ---- media.c ---- */

struct media_early;

/* Makes the engine, if it is not there. Returns 0 or SLUICE_NO_MEMORY. */
int media_open(sluice_peer *p);
void media_close(sluice_peer *p);
/* Gives it the keys of the handshake, when both sides have agreed on media. Called again it does nothing. */
void media_start(sluice_peer *p);
/* Tracks begin or end to send: data yields to media unless the app chose its congestion control. */
void media_share_path(sluice_peer *p);
/* Is a datagram of SRTP of any use? */
bool media_takes(const sluice_peer *p);
int media_input(sluice_peer *p, const struct underlay_span *span, uint64_t now);
int media_output(sluice_peer *p, sluice_batch *batch, uint64_t now);
void media_advance(sluice_peer *p, uint64_t now);
uint64_t media_deadline(const sluice_peer *p);
/* on_track, and then the callbacks of the tracks. Returns how many ran. */
int media_dispatch(sluice_peer *p);
bool media_dispatch_is_due(const sluice_peer *p);

/* ---- records.c ---- */

/* Begins what both sides have agreed on, when DTLS is up. Called again it does nothing. */
void records_begin_agreed(sluice_peer *p);

/* Data is over and the peer goes on. Channels whose association never began end with SLUICE_REFUSED. An association is shut down
 * in order, by both sides: a foreign one may just forget it, and then the guard of the shutdown ends the channels. */
void records_end_data(sluice_peer *p);

/* What the state of DTLS means for the rest. */
void records_follow_dtls(sluice_peer *p);
/* Opens records and gives the association what was in them. */
int records_input(sluice_peer *p, const struct underlay_span *span, uint64_t now);
/* The same for what DTLS kept sealed until it knew whom to trust. */
int records_input_waiting(sluice_peer *p, uint64_t now);
/* What DTLS, and behind it the association, have to send. */
int records_output(sluice_peer *p, sluice_batch *batch, uint64_t now);
/* Gives a flight that is due to the underlay, when that embeds it. */
void records_embed(sluice_peer *p, uint64_t now);

/* ---- role.c ---- */

int role_make_dtls(sluice_peer *p, enum sluice_role role);
/* Our role is known from here on. 0, SLUICE_UNSUPPORTED when it was another before, or as role_make_dtls. */
int role_settle(sluice_peer *p, enum sluice_role role);
/* A pair of descriptions came into force and gives us this role. UNKNOWN: an answer leaves the role open. 0, or as
 * role_settle. */
int role_apply(sluice_peer *p, const struct sdp_transport *remote, enum sluice_role role);
/* The fingerprints that we can compare. */
size_t role_read_fingerprints(const struct sdp_transport *remote, sluice_fingerprint out[SDP_FINGERPRINTS_MAX]);
/* Does one of them name the certificate that the other side showed? */
bool role_names_shown(const sluice_peer *p, const sluice_fingerprint *f, size_t count);
/* A record came, and DTLS is not up. False: there is no DTLS that could take it. */
bool role_hears(sluice_peer *p, const sluice_datagram *record);
/* Is the handshake due, and may it begin? */
bool role_can_start(const sluice_peer *p);
void role_try_start(sluice_peer *p);
/* When role_speak_first has something to do. */
uint64_t role_deadline(const sluice_peer *p);
/* The answer left the role open and nobody spoke, so the other side waits for us. */
void role_speak_first(sluice_peer *p, uint64_t now);

/* ---- follow.c ---- */

/* Takes every event of the underlay. */
void follow_underlay(sluice_peer *p);
/* What the state of ICE and of the negotiation mean for the peer's. */
void follow_judge(sluice_peer *p);
/* Candidates of a generation that a restart has ended need not be announced any more. */
void follow_drop_candidates(sluice_peer *p);

/* ---- tell.c: how many callbacks ran ---- */

/* The states up to `last` that the app was not notified of, in order. */
int tell_states(sluice_peer *p, enum sluice_peer_state last);
/* Notices, and then candidates. */
int tell_notices(sluice_peer *p);
/* DISCONNECTED or FAILED, and CONNECTING or CONNECTED again. */
int tell_way(sluice_peer *p);
bool tell_is_due(const sluice_peer *p);

/* ---- negotiation.c ---- */

void negotiation_init(sluice_peer *p);
void negotiation_free(sluice_peer *p);
/* A channel was opened, or something else may have changed: is an offer due? */
void negotiation_update(sluice_peer *p);

/* ---- description.c ---- */

/* mirror: the description of the other side that ours answers; NULL: ours is an offer. */
int description_format(const sluice_peer *p, const struct local_description *local, const struct sdp *mirror, char *sdp,
                       size_t size);
/* Reads and checks a remote text. 0 and *out; SLUICE_MALFORMED or SLUICE_LIMIT with negotiation.fault_* set; SLUICE_NO_MEMORY. */
int description_parse(sluice_peer *p, const char *text, size_t len, bool is_answer, struct sdp **out);
/* What a description says of the transport: its first usable section, or the session where there is none. */
const struct sdp_transport *description_transport(const struct sdp *sdp);
/* May it come into force? Changes nothing: 0, SLUICE_UNSUPPORTED, SLUICE_MALFORMED. */
int description_accept(sluice_peer *p, const struct sdp *remote, const struct local_description *local, bool is_answer);
/* Brings the pair into force. 0 or SLUICE_NO_MEMORY and its like. */
int description_apply(sluice_peer *p, const struct sdp *remote, const struct local_description *local, bool is_answer);
/* What our next offer, or an answer to this offer, says. Return 0 or SLUICE_NO_MEMORY; out->plan is the caller's then. */
int description_plan_answer(sluice_peer *p, const struct sdp *remote, struct local_description *out);
int description_plan_offer(sluice_peer *p, struct local_description *out);
/* Shows our INIT chunk (draft-hancke-tsvwg-snap); it stays the same from then on. */
int description_show_init(sluice_peer *p);
/* The mid that candidates belong to; returns mid. */
const char *description_mid(const sluice_peer *p, char mid[MID_MAX]);

#endif
