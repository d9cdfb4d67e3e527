/* ice: over which pair of addresses can the two sides talk? The ICE agent (RFC 8445), full or lite, with trickle (RFC 8838),
 * consent (RFC 7675), dual stack (RFC 8421), TURN (RFC 8656), TCP candidates (RFC 6544) and DTLS embedded in STUN
 * (draft-hancke-webrtc-sped).
 *
 * Time that is older than what a verb was told before counts as that: the caller's clock may stand still, repeat and step back.
 *
 * One component, one data stream. The four verbs and a queue of events, as every engine here. It knows neither DTLS nor SDP: DTLS
 * datagrams are opaque bytes to it. Sockets are numbers that the driver gave; a relayed candidate is a socket number of the
 * agent's own (ICE_RELAY_SOCKET | index), so that a path says everything about where a datagram goes.
 *
 * How a datagram travels: ice_input tells whether it is for the agent (STUN, TURN control) or data; data that came wrapped
 * (ChannelData, Data indication) comes out unwrapped in place with the relayed path. Outgoing data goes to ice_route()'s path;
 * when that is a relayed one, ice_wrap() puts ChannelData around it where it stands. */
#ifndef ICE_ICE_H
#define ICE_ICE_H

#include "ice/candidate.h"
#include "pool/env.h"
#include "sluice/env.h"

#define ICE_RELAY_SOCKET UINT32_C(0x80000000)
#define ICE_NO_SOCKET UINT32_MAX

#define ICE_UFRAG_MAX 257
#define ICE_PWD_MAX 257

struct ice;

enum ice_state { /* RTCIceConnectionState's words */
	         ICE_NEW,
	         ICE_CHECKING,
	         ICE_CONNECTED,    /* a valid pair is in use */
	         ICE_COMPLETED,    /* nominated, all checks are over and the other side's candidates are known to be all */
	         ICE_DISCONNECTED, /* nothing came for `disconnected_after`; may come back */
	         ICE_FAILED,
	         ICE_CLOSED,
};

enum ice_gathering { ICE_GATHERING_NEW, ICE_GATHERING_RUNNING, ICE_GATHERING_COMPLETE };

enum ice_server_transport { ICE_SERVER_UDP, ICE_SERVER_TCP, ICE_SERVER_TLS };

struct ice_server {
	bool turn;
	enum ice_server_transport transport; /* STUN: UDP only */
	const char *host;                    /* a name or a numeric address */
	uint16_t port;                       /* 0: 3478, TLS 5349 */
	const char *username, *password;     /* TURN */
};

struct ice_config { /* zero means the default behind it */
	bool lite;
	bool controlling;          /* may change until checks begin */
	bool relay_only;           /* only relayed candidates are told and paired */
	bool resolve_hosts;        /* host names in the other side's candidates are looked up; else only .local ones are */
	uint64_t pacing;           /* Ta between checks beyond the first burst, ns; 50 ms (RFC 8445, 14.2), at least 5 ms */
	uint32_t burst;            /* checks that go at once when checking starts; 5 */
	uint64_t rto;              /* first retransmission of a check, ns; 250 ms while no RTT is known */
	uint64_t consent_interval; /* ns; 5 s, randomised 0.8..1.2 (RFC 7675, 5.1) */
	/* ns without any answer or authentic data, counted from the first check that was not answered; 5 s (a check is repeated
	 * faster once one is overdue) */
	uint64_t disconnected_after;
	uint64_t failed_after; /* ns without any answer; 30 s (RFC 7675: consent expires) */
	uint64_t
		check_timeout; /* ns until FAILED when no pair ever worked, counted from the first moment with remote credentials; 30 s */
	uint64_t gather_timeout;          /* ns until a silent server is given up; 9.5 s */
	uint64_t keepalive;               /* ns between binding requests to a STUN server while its candidate is in use; 15 s */
	const char *ufrag, *pwd;          /* of the first generation, copied; NULL: random */
	uint32_t max_pairs;               /* 256; the least worthy ones are dropped beyond it */
	const struct ice_server *servers; /* copied */
	size_t server_count;
	/* Told or used at all? Called for each local (`local` true) and remote candidate; NULL: all. */
	bool (*filter)(void *ctx, const struct candidate *c, bool local);
	void *filter_ctx;
};

/* 0, SLUICE_INVALID (a server without host, TURN without credentials), SLUICE_NO_MEMORY. */
int ice_new(sluice_env *env, const struct ice_config *config, struct ice **out);
void ice_free(struct ice *ice);

/* ---- this side ---- */

/* A UDP socket that the driver opened, or for ICE over TCP a listening one (CANDIDATE_TCP_PASSIVE) or an address from which
 * connections start (CANDIDATE_TCP_ACTIVE): a host candidate. TCP connections have no numbers of their own: accepted ones speak
 * with the listening socket's, ours with the active address's, opened by the driver when a first datagram wants to go to a remote
 * address.
 *
 * STUN is asked from each UDP socket. preference 0..65535 orders them (RFC 8421: IPv6 and IPv4 interleaved; 65535 for the only
 * one). hidden: the candidate's name is told instead of its address (mDNS), NULL: the address. Any time; when gathering runs
 * already, its candidate is told and paired at once. 0, SLUICE_EXISTS, SLUICE_LIMIT, SLUICE_NO_MEMORY. */
int ice_add_local(struct ice *ice, enum candidate_transport transport, uint32_t socket, const struct sockaddr_storage *addr,
                  uint16_t preference, const char *hidden);
/* A socket is of no use for now (its interface has no carrier), or is again. Its pairs stay, but any other that works is used;
 * when it runs again they are checked at once. For the numbers of relayed candidates as for others: what travels over the socket
 * sleeps with it. */
void ice_set_local_running(struct ice *ice, uint32_t socket, bool running);
/* A socket is gone (its interface went away): its candidates and pairs die; when the selected pair was among them another valid
 * one takes its place, else checks start again. */
void ice_remove_local(struct ice *ice, uint32_t socket);
/* Starts gathering: every local candidate is told by an event, every server is asked from every base at once. Host candidates
 * that are there are told in the same call. Gathering is complete when all servers answered or were given up.
 *
 * It is called outside the verbs, where `now` is the time of the last one and may be long past: timers begin when the first
 * request leaves in ice_output. The same holds for ice_resolved, ice_stream_up and ice_sped_flight. */
void ice_gather(struct ice *ice, uint64_t now);
enum ice_gathering ice_gathering(const struct ice *ice);
/* Eight and twenty-four ice-chars, from the environment's entropy; they change with ice_restart. */
const char *ice_ufrag(const struct ice *ice);
const char *ice_pwd(const struct ice *ice);
/* The local candidates so far, in the order they were told. */
size_t ice_local_count(const struct ice *ice);
const struct candidate *ice_local(const struct ice *ice, size_t index);
/* The best one to name in SDP's m= and c= lines; NULL: none yet. */
const struct candidate *ice_default_candidate(const struct ice *ice);

/* ---- the other side ---- */

void ice_set_controlling(struct ice *ice, bool controlling);
bool ice_is_controlling(const struct ice *ice);
/* Checks may start from here on. Before, authenticated requests are answered and remembered (peer-reflexive, triggered checks
 * wait for the password). Other values than before are a restart by the other side. lite: it never checks, we control. */
int ice_set_remote(struct ice *ice, const char *ufrag, const char *pwd, bool lite);
/* Before or after ice_set_remote. A duplicate is nothing; a `.local` name is asked for by a request, other names with
 * resolve_hosts alone, else such a candidate is nothing either. 32 names are asked for in a generation of credentials.
 *
 * What candidates can make this side send to addresses that never answer is bounded, for they may be a victim's (RFC 8445,
 * 19.5.1): one check for each of max_pairs pairs, paced, and in all 64 repetitions at once and 4 a second. Of up to ten pairs
 * none waits for its repetition.
 *
 * 200 are remembered, those included that only their checks showed. Beyond that one goes: first of all one that makes no pair (a
 * family or transport that this side has not, a name that is not resolved), of the most numerous such kind; then one whose pairs
 * all failed; then one that was not checked yet and has the lowest priority (RFC 8445, 6.1.2.5). One that is being checked or
 * works does not go for a new one, and the one in use never goes. Returns 0, or
 *   SLUICE_LIMIT      all that are there are worth more than this one
 *   SLUICE_NO_MEMORY */
int ice_add_remote(struct ice *ice, const struct candidate *c);
void ice_remote_done(struct ice *ice); /* end-of-candidates */
size_t ice_remote_count(const struct ice *ice);
/* New credentials, new candidates; the selected pair stays in use until a pair of the new generation is valid. Follow with
 * ice_gather and, when the answer comes, ice_set_remote. 0 or SLUICE_NO_MEMORY. RFC 8445, 9. */
int ice_restart(struct ice *ice);
/* Takes the restart back, as long as no new remote credentials were set (rollback). */
void ice_restart_undo(struct ice *ice);

/* ---- what the driver is asked to do ---- */

enum ice_request_kind { ICE_REQUEST_RESOLVE, ICE_REQUEST_STREAM, ICE_REQUEST_CLOSE };
struct ice_request {
	enum ice_request_kind kind;
	uint32_t id;                  /* RESOLVE and STREAM: to answer with */
	const char *name;             /* RESOLVE: the host; STREAM: for TLS's server name. Valid until the next verb */
	bool mdns;                    /* RESOLVE: ask by multicast DNS (RFC 6762) */
	bool tls;                     /* STREAM */
	bool turn;                    /* STREAM: STUN/ChannelData frames (RFC 8656, 12.5); always, so far */
	struct sockaddr_storage addr; /* STREAM: where to */
	uint32_t socket;              /* CLOSE: which */
};
bool ice_poll_request(struct ice *ice, struct ice_request *r);
/* count 0: nothing was found. Both families may come. */
void ice_resolved(struct ice *ice, uint32_t id, const struct sockaddr_storage *addrs, size_t count, uint64_t now);
/* The stream is connected (TLS done) and has this number from now on; ICE_NO_SOCKET: it could not be connected. */
void ice_stream_up(struct ice *ice, uint32_t id, uint32_t socket, uint64_t now);
/* A stream that was up is gone. */
void ice_stream_down(struct ice *ice, uint32_t socket, uint64_t now);

/* ---- the verbs ---- */

enum ice_verdict {
	ICE_TAKEN, /* it was for the agent, or is dropped and counted */
	ICE_DATA,  /* not STUN: d and path now name the payload and where it came from (unwrapped when relayed) */
	ICE_DTLS,  /* it was a check, and d now names the DTLS datagram that was embedded in it */
};
/* path->socket must be one of ice_add_local's, a stream's, and path->remote the source. */
enum ice_verdict ice_input(struct ice *ice, sluice_path *path, sluice_datagram *d, uint64_t now);
void ice_advance(struct ice *ice, uint64_t now);
/* One datagram or a run of equal ones for one path; returns how many, 0 when nothing is due, SLUICE_NO_SPACE. */
int ice_output(struct ice *ice, sluice_batch *batch, uint64_t now);
uint64_t ice_deadline(const struct ice *ice);

enum ice_event_kind {
	ICE_EVENT_CANDIDATE, /* candidate: a new local one to tell the other side */
	ICE_EVENT_GATHERING, /* gathering state changed */
	ICE_EVENT_STATE,     /* state changed */
	ICE_EVENT_ROUTE,     /* ice_route's answer changed; data may go there (at the first valid pair, before nomination) */
	/* The other side takes data over the route from now on, in case it did not before: its first check there is answered (by
	 * what the next ice_output puts out), or the pair is nominated */
	ICE_EVENT_OPEN,
};
struct ice_event {
	enum ice_event_kind kind;
	enum ice_state state;
	enum ice_gathering gathering;
	struct candidate candidate;
};
bool ice_poll(struct ice *ice, struct ice_event *e);

enum ice_state ice_state(const struct ice *ice);
/* The peer is over: CLOSED; no more checks and answers, but what ends allocations at TURN servers is put out. */
void ice_close(struct ice *ice);

/* ---- data ---- */

/* Where data goes now: the nominated pair, before nomination the best valid one; as a lite agent the pair that was last nominated
 * or, before, checked. False: nowhere yet. A path is given only while consent holds (RFC 7675, 5.1). */
bool ice_route(const struct ice *ice, sluice_path *path);
/* Did an authenticated check or answer pass over this path (RFC 8445, 12: data is taken from any valid or checked pair)? */
bool ice_admits(const struct ice *ice, const sluice_path *path);
/* How many authenticated checks and answers were taken so far: what ice_input was just given was one when this grew. */
uint64_t ice_proofs(const struct ice *ice);
/* Room that ice_wrap wants before each datagram of data: 0, or 4 when the route is relayed. */
size_t ice_headroom(const struct ice *ice);
/* Turns the batch's path from a relayed one into the TURN server's, ChannelData around every datagram; batch->headroom is
 * consumed. Nothing for other paths. 0, or SLUICE_WOULD_BLOCK when the channel is not bound yet: the agent has taken copies as
 * Send indications, bounded, and the batch is spent. */
int ice_wrap(struct ice *ice, sluice_batch *batch);
/* Data went or came over the route at `now`: it counts as keepalive, never as consent. */
void ice_note_traffic(struct ice *ice, uint64_t now);
/* Authentic data (a record of DTLS that opened) came over this path at `now`: the other side lives, and the state is not
 * DISCONNECTED for want of answers. Consent it is not: RFC 7675, 5.1 wants an answer to a check for that. */
void ice_note_data(struct ice *ice, const sluice_path *path, uint64_t now);

/* ---- DTLS in STUN ---- */

/* Embeds from now on: announced in the SDP (or offered, until the answer is known). Off: ice_sped_stop. */
void ice_sped_start(struct ice *ice);
void ice_sped_stop(struct ice *ice);
/* Is embedding still of use: offered or agreed, the handshake not over, and the other side not known to be without it? */
bool ice_sped_active(const struct ice *ice);
/* A new flight of the DTLS layer, replacing the last: copies are embedded in checks and answers, round robin, until acknowledged;
 * the answers that wait for it leave at once. Over a route, the caller sends the same datagrams plainly as well. */
int ice_sped_flight(struct ice *ice, const sluice_datagram *datagrams, size_t count, uint64_t now);
/* A datagram of DTLS that came outside STUN counts as received too. */
void ice_sped_received(struct ice *ice, const void *data, size_t len);
void ice_sped_handshake_done(struct ice *ice, bool client);
/* Largest DTLS datagram that fits a check with everything else in it. */
#define ICE_SPED_MTU 1040

/* ---- what it knows ---- */

enum ice_pair_state { ICE_PAIR_FROZEN, ICE_PAIR_WAITING, ICE_PAIR_IN_PROGRESS, ICE_PAIR_SUCCEEDED, ICE_PAIR_FAILED };

struct ice_pair_stats {
	struct candidate local, remote;
	enum ice_pair_state state;
	bool nominated, selected;
	uint64_t priority;
	uint64_t rtt, total_rtt; /* ns: the last answer's, and the sum of all */
	uint64_t requests_sent, requests_received, responses_sent, responses_received, consent_requests_sent;
};
struct ice_stats {
	uint64_t gathered_after, checking_after, connected_after, nominated_after; /* ns after ice_gather; SLUICE_NEVER before */
	uint64_t selected_changes, discarded, bytes_sent, bytes_received;          /* of STUN */
};
void ice_stats_get(const struct ice *ice, struct ice_stats *stats);
size_t ice_pair_count(const struct ice *ice);
void ice_pair_get(const struct ice *ice, size_t index, struct ice_pair_stats *stats);
bool ice_selected(const struct ice *ice, struct ice_pair_stats *stats);

/* The invariants of agent.h, recounted. */
bool ice_check(const struct ice *ice);

#endif
