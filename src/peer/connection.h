/* connection: the one struct that the peer's files share, and who may call what.
 *
 *   peer.c         life, states and their telling, the end; the four verbs and dispatch
 *   underlay.c    by offer and answer: ICE below, when DTLS begins, DTLS in STUN, where datagrams go
 *   negotiation.c  the signaling state machine: which description is in force, glare, rollback, restarts
 *   description.c  the peer as SDP text, and SDP text taken into the peer
 *   report.c       statistics, as a struct and as JSON
 *   path.c         which source address may speak for a direct peer
 *
 * A direct peer has no `ice`; everything that concerns descriptions is refused there. */
#ifndef PEER_CONNECTION_H
#define PEER_CONNECTION_H

#include "base/guard.h"
#include "dcep/dcep.h"
#include "dtls/dtls.h"
#include "ice/ice.h"
#include "peer/peer.h"
#include "pool/env.h"
#include "sdp/sdp.h"

/* One of our own descriptions. Its text is made when somebody asks for it, since candidates are added all the time; what has to
 * stay the same is here. type 0: there is none. */
struct local_description {
	enum sluice_sdp_type type;
	uint64_t version;
	enum sdp_setup setup;
	bool snap, sped, rejected;
};

/* One of the other side's, as it came. */
struct remote_description {
	enum sluice_sdp_type type;
	char *text; /* NULL: there is none */
	size_t len;
	struct sdp_slice ufrag; /* in text */
	bool trickle;
};

/* A candidate that came before the answer to its offer was set, when it would have met the wrong generation. */
struct early_candidate {
	struct early_candidate *next;
	struct candidate candidate;
};

#define EARLY_CANDIDATES_MAX 100

/* RFC 9429, 3.2 and W3C's 4.3.1. Invariants:
 *   state == HAVE_LOCAL_OFFER exactly when local_pending.type
 *   state == HAVE_REMOTE_OFFER exactly when remote_pending.text
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
	bool needed;         /* told or to be told: an offer is due */
	bool wanted_channel; /* a channel was opened, so there has to be a data section */
	bool restart_wanted; /* by the app; the next offer does it */
	bool restart_begun;  /* new credentials stand in the description under way */
	bool settled;        /* an answer was set once: identities are fixed */
	bool offered;        /* in the first negotiation we were the offerer */
	unsigned fault_line;
	const char *fault_text;
};

/* What the app is told at the next dispatch, besides states of the connection and candidates. Small enough that a ring of them
 * needs no memory; when an app lets it run full, the oldest are lost, for the getters tell the present. */
enum notice_kind { NOTICE_SIGNALING, NOTICE_GATHERING, NOTICE_ICE, NOTICE_NEGOTIATION };
struct notice {
	uint8_t kind, value;
};
#define NOTICES_MAX 32

/* A local candidate that the app is to be told. */
struct untold_candidate {
	struct untold_candidate *next;
	char text[];
};

/* A datagram of a handshake that was embedded in STUN and goes plainly too. */
struct plain_datagram {
	struct plain_datagram *next;
	size_t len;
	uint8_t bytes[];
};

struct sluice_peer {
	sluice_env *env;
	struct dtls *dtls; /* by offer and answer: NULL until our role in it is known */
	sluice_sctp *sctp;
	sluice_channels *channels;
	sluice_certificate *certificate;
	sluice_path path; /* where output goes; remote_len 0 until it is known */

	/* It only moves forwards. How the path is doing meanwhile stands in `way`, and sluice_peer_state() shows both as one. */
	enum sluice_peer_state state;
	uint8_t untold; /* bit s: on_state(s) is due, of `state` */
	/* CONNECTED: it is there, or is sought for the first time; CONNECTING: ICE looks for another one; DISCONNECTED, FAILED */
	enum sluice_peer_state way;
	enum sluice_peer_state told;    /* by on_state, last */
	enum sluice_peer_state ends_as; /* CLOSED or FAILED from the moment it is decided; NEW before */
	bool start_due, records_wait, dtls_up, aborting, said_goodbye;
	struct guard guard; /* entered while callbacks run */
	bool woken;
	int error;
	const char *error_text;

	uint64_t now, origin; /* the latest time of a verb, and the first */
	bool has_origin;
	uint64_t dtls_after, sctp_after, channel_after, dtls_started_after; /* ns after origin, SLUICE_NEVER before */
	uint64_t gathered_after, checking_after, ice_after;
	uint64_t datagrams_sent, datagrams_received, bytes_sent, bytes_received, strays, candidates_skipped;

	/* by offer and answer */
	struct ice *ice;
	struct negotiation negotiation;
	enum sluice_role role; /* of DTLS; UNKNOWN until it is known */
	bool role_open;        /* the answer leaves the role open; underlay.c finds out */
	bool role_guessed;     /* client, since nobody spoke; a ClientHello that comes late says otherwise */
	struct notice notices[NOTICES_MAX];
	unsigned notice_first, notice_count;
	struct untold_candidate *candidates, **candidates_end;
	bool routed;          /* ice_route had an answer when last asked */
	bool sped;            /* offered or agreed */
	uint8_t *snap_remote; /* the other side's INIT chunk, when both sides showed one */
	size_t snap_remote_len;
	char *snap_local; /* ours in base64, once it was shown */
	struct plain_datagram *plain, **plain_end;
	sluice_peer_config config; /* as read; its pointers are not to be followed any more */

	void (*wake)(void *ctx);
	void *wake_ctx;
	void (*on_free)(void *ctx);
	void *on_free_ctx;
};

/* ---- peer.c ---- */

static inline bool peer_is_over(const sluice_peer *p) {
	return p->state >= SLUICE_PEER_CLOSED;
}
void peer_wake(sluice_peer *p);
/* Decides how the peer ends, without an association that could say so itself. */
void peer_end(sluice_peer *p, int error, const char *text);
void peer_enter(sluice_peer *p, enum sluice_peer_state state);
/* What the DTLS layer's state means for the rest. */
void peer_follow_dtls(sluice_peer *p);
/* Opens datagrams of DTLS and gives the association what was in them. */
int peer_input_records(sluice_peer *p, const sluice_path *path, sluice_datagram *datagrams, size_t count, uint64_t now);
/* What DTLS, and behind it the association, have to send. */
int peer_output_records(sluice_peer *p, sluice_batch *batch, uint64_t now);
int peer_make_dtls(sluice_peer *p, enum sluice_role role);
void peer_notice(sluice_peer *p, enum notice_kind kind, unsigned value);

/* ---- underlay.c ---- */

int underlay_make(sluice_peer *p, const sluice_peer_config *c);
void underlay_free(sluice_peer *p);
int underlay_input(sluice_peer *p, const sluice_path *path, sluice_datagram *datagrams, size_t count, uint64_t now);
void underlay_advance(sluice_peer *p, uint64_t now);
int underlay_output(sluice_peer *p, sluice_batch *batch, uint64_t now);
uint64_t underlay_deadline(const sluice_peer *p);
/* Our role in DTLS is known from here on. 0, SLUICE_UNSUPPORTED when it was another before, or as peer_make_dtls. */
int underlay_set_role(sluice_peer *p, enum sluice_role role);
/* Candidates of a generation that a restart has ended need not be told any more. */
void underlay_drop_candidates(sluice_peer *p);
/* Begins the handshake as soon as there is a way for it: a route, or checks that it is embedded in. */
void underlay_try_start(sluice_peer *p);
/* What the state of ICE and of the negotiation mean for the peer's. */
void underlay_judge(sluice_peer *p);
enum sluice_ice_state underlay_ice_state(const sluice_peer *p);

/* ---- negotiation.c ---- */

void negotiation_init(sluice_peer *p);
void negotiation_free(sluice_peer *p);
/* A channel was opened, or something else may have changed: is an offer due? */
void negotiation_update(sluice_peer *p);
void negotiation_close(sluice_peer *p);
/* The description that the text of `local` has to mirror; NULL: none. */
const struct remote_description *negotiation_mirror(const sluice_peer *p, const struct local_description *local);

/* ---- description.c ---- */

int description_format(const sluice_peer *p, const struct local_description *local, char *sdp, size_t size);
/* Reads and checks a remote text. 0, or SLUICE_MALFORMED or SLUICE_LIMIT with negotiation.fault_* set. */
int description_parse(sluice_peer *p, const char *text, size_t len, bool is_answer, struct sdp *out);
/* May it come into force? Changes nothing: 0, SLUICE_UNSUPPORTED, SLUICE_MALFORMED. */
int description_accept(sluice_peer *p, const struct sdp *remote, const struct local_description *local, bool is_answer);
/* Brings the pair into force. 0 or SLUICE_NO_MEMORY and its like. */
int description_apply(sluice_peer *p, const struct sdp *remote, const struct local_description *local, bool is_answer);
/* The role that the answer in force left open is this one. 0, or as peer_make_dtls; then it is still open. */
int description_settle_role(sluice_peer *p, enum sluice_role role);
/* What an answer to this offer says. */
void description_plan_answer(const sluice_peer *p, const struct sdp *remote, struct local_description *out);
void description_plan_offer(const sluice_peer *p, struct local_description *out);
/* Shows our INIT chunk (draft-hancke-tsvwg-snap); it stays the same from then on. */
int description_show_init(sluice_peer *p);
/* The data section's mid as candidates name it; returns mid. */
#define MID_MAX 64
const char *description_mid(const sluice_peer *p, char mid[MID_MAX]);

#endif
