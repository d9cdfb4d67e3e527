/* ice: over which pair of addresses can the two sides talk? The ICE agent (RFC 8445), full or lite, with trickle (RFC 8838),
 * consent (RFC 7675), dual stack (RFC 8421), TURN (RFC 8656), TCP candidates (RFC 6544) and DTLS embedded in STUN
 * (draft-hancke-webrtc-sped).
 *
 * The caller's clock may stand still, repeat and step back: a time that is older than the one before counts as the one before.
 *
 * One component, one data stream. The door of this folder for the peer; candidate.h and stun.h are open to others, too. The four
 * verbs and a queue of events, as every engine here. It knows neither DTLS nor SDP: DTLS datagrams are opaque bytes to it.
 * Sockets are numbers that the driver gave; a relayed candidate is a socket number of the agent's own (ICE_RELAY_SOCKET | index),
 * so that a path says everything about where a datagram goes.
 *
 * How a datagram travels: ice_input says whether it is for the agent (STUN, TURN control) or data. Data that came wrapped
 * (ChannelData, Data indication) comes out unwrapped in place, with the relayed path. Outgoing data goes to ice_route()'s path.
 * When that path is relayed, ice_wrap() puts ChannelData around the data where it stands. */
#ifndef ICE_ICE_H
#define ICE_ICE_H

#include "base/server_url.h"
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

struct ice_server {
	bool turn;
	enum server_transport transport; /* STUN: UDP only */
	const char *host;                /* a name or a numeric address */
	uint16_t port;                   /* 0: 3478, TLS 5349 */
	const char *username, *password; /* TURN */
};

/* Zero means the default that the comment names. */
struct ice_config {
	bool lite;
	bool controlling;          /* may change until checks begin */
	bool relay_only;           /* only relayed candidates are announced and paired */
	bool resolve_hosts;        /* host names in the other side's candidates are looked up; else only .local ones are */
	uint64_t pacing;           /* Ta between checks beyond the first burst, ns; 50 ms (RFC 8445, 14.2), at least 5 ms */
	uint32_t burst;            /* checks that go at once when checking starts; 5 */
	uint64_t rto;              /* first retransmission of a check, ns; 250 ms while no RTT is known */
	uint64_t consent_interval; /* ns; 5 s, randomised 0.8..1.2 (RFC 7675, 5.1) */
	/* ns without any answer or authentic data, counted from the first check that was not answered; 5 s. Checks are
	 * repeated faster once one is overdue. */
	uint64_t disconnected_after;
	uint64_t failed_after; /* ns without any answer; 30 s (RFC 7675: consent expires) */
	/* ns until FAILED when no pair ever worked, counted from the first moment with remote credentials; 30 s */
	uint64_t check_timeout;
	uint64_t gather_timeout;          /* ns until a silent server is given up; 9.5 s */
	uint64_t keepalive;               /* ns between binding requests to a STUN server while its candidate is in use; 15 s */
	const char *ufrag, *pwd;          /* of the first generation, copied; NULL: random */
	uint32_t max_pairs;               /* 256; the least worthy ones are dropped beyond it */
	const struct ice_server *servers; /* copied */
	size_t server_count;
	/* Is this candidate to be announced (`local` true), or used (`local` false)? NULL: all are. */
	bool (*filter)(void *ctx, const struct candidate *c, bool local);
	void *filter_ctx;
};

/* Returns 0, or
 *   SLUICE_INVALID    too many servers, one without host, TURN without credentials, STUN over a stream
 *   SLUICE_NO_MEMORY */
int ice_new(sluice_env *env, const struct ice_config *config, struct ice **out);
void ice_free(struct ice *ice);

/* ---- this side ---- */

/* Adds a host candidate: a UDP socket that the driver opened, or for ICE over TCP a listening socket (CANDIDATE_TCP_PASSIVE) or
 * an address from which connections start (CANDIDATE_TCP_ACTIVE). TCP connections have no numbers of their own. An accepted
 * connection has the number of its listening socket, and one that we open has the number of the active address. The driver opens
 * it when a first datagram is to go to that remote address.
 *
 * STUN servers are asked from each UDP socket. preference 0..65535 orders the sockets (RFC 8421: IPv6 and IPv4 interleaved; 65535
 * for the only one). hidden: this name is announced instead of the address (mDNS); NULL: the address is. Call it at any time;
 * when gathering runs already, the candidate is announced and paired at once. Returns 0, or
 *   SLUICE_EXISTS     the number is in use
 *   SLUICE_LIMIT      there are too many sockets
 *   SLUICE_NO_MEMORY */
int ice_add_local(struct ice *ice, enum candidate_transport transport, uint32_t socket, const struct sockaddr_storage *addr,
                  uint16_t preference, const char *hidden);
/* The socket is of no use for now (its interface has no carrier), or is of use again. Its pairs stay, but any other pair that
 * works is used. When the socket runs again, its pairs are checked at once. Relayed candidates whose messages travel over the
 * socket sleep with it. */
void ice_set_local_running(struct ice *ice, uint32_t socket, bool running);
/* IP packets of the socket's interface may have so many bytes. */
void ice_set_local_mtu(struct ice *ice, uint32_t socket, uint32_t mtu);
/* The socket is gone (its interface went away), and so are its candidates and pairs. When the selected pair was among them,
 * another valid one takes its place; if there is none, checks start again. */
void ice_remove_local(struct ice *ice, uint32_t socket);
/* Starts gathering: an event announces each local candidate, and every server is asked from every base at once. Host candidates
 * that are there are announced in the same call. Gathering is complete when all servers answered or were given up.
 *
 * This function is called outside the verbs, where `now` is the time of the last verb and may be long past. So timers begin when
 * the first request leaves in ice_output. The same holds for ice_resolved, ice_stream_up and ice_sped_flight. */
void ice_gather(struct ice *ice, uint64_t now);
enum ice_gathering ice_gathering(const struct ice *ice);
/* Eight and twenty-four ice-chars, from the environment's entropy; they change with ice_restart. */
const char *ice_ufrag(const struct ice *ice);
const char *ice_pwd(const struct ice *ice);
/* The local candidates so far, in the order of their events. */
size_t ice_local_count(const struct ice *ice);
/* False: there are fewer. */
bool ice_local(const struct ice *ice, size_t index, struct candidate *out);
/* The best candidate to name in SDP's m= and c= lines. False: there is none yet. */
bool ice_default_candidate(const struct ice *ice, struct candidate *out);

/* ---- the other side ---- */

void ice_set_controlling(struct ice *ice, bool controlling);
bool ice_is_controlling(const struct ice *ice);
/* The credentials of the other side: checks may start from here on. Before this call authenticated requests are answered and
 * remembered; their pairs and triggered checks wait for the password. Other values than before mean that the other side restarts.
 * lite: it never checks, and we control. Returns 0, or
 *   SLUICE_INVALID    empty or too long
 *   SLUICE_NO_MEMORY */
int ice_set_remote(struct ice *ice, const char *ufrag, const char *pwd, bool lite);
/* Are these the credentials of the other side that ice_set_remote() was given last? */
bool ice_remote_is(const struct ice *ice, const char *ufrag, size_t ufrag_len, const char *pwd, size_t pwd_len);
/* Adds a candidate of the other side, before or after ice_set_remote. A duplicate is ignored. A `.local` name is looked up by a
 * request, other names only with resolve_hosts; without it such a candidate is ignored, too. At most 32 names are looked up in a
 * generation of credentials.
 *
 * Candidates can make this side send to addresses that never answer, and these may be a victim's (RFC 8445, 19.5.1). So that is
 * bounded: one check for each of max_pairs pairs, paced, and for all of them together 64 repetitions at once and 4 more each
 * second. With up to ten pairs none waits for its repetition.
 *
 * 200 are remembered, including those that only their checks showed. When one more comes, one goes. First a candidate without a
 * pair goes (this side has not its family or transport, or its name is not resolved), of the most numerous such kind. Then one
 * goes whose pairs all failed, then one that was not checked yet and has the lowest priority (RFC 8445, 6.1.2.5). A candidate
 * that is being checked or works does not go for a new one, and the one in use never goes. Returns 0, or
 *   SLUICE_LIMIT      all others are worth more than this one
 *   SLUICE_NO_MEMORY */
int ice_add_remote(struct ice *ice, const struct candidate *c);
/* End-of-candidates. */
void ice_remote_done(struct ice *ice);
size_t ice_remote_count(const struct ice *ice);
/* New credentials and new candidates. The selected pair stays in use until a pair of the new generation is valid. Call ice_gather
 * after it and, when the answer comes, ice_set_remote. 0 or SLUICE_NO_MEMORY. RFC 8445, 9. */
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
	struct sockaddr_storage addr; /* STREAM: connect to this address */
	uint32_t socket;              /* CLOSE: this one */
};
bool ice_poll_request(struct ice *ice, struct ice_request *r);
/* The answer to a RESOLVE request. count 0: nothing was found. Addresses of both families may come. */
void ice_resolved(struct ice *ice, uint32_t id, const struct sockaddr_storage *addrs, size_t count, uint64_t now);
/* The stream is connected (TLS done) and has this number from now on; ICE_NO_SOCKET: it could not be connected. */
void ice_stream_up(struct ice *ice, uint32_t id, uint32_t socket, uint64_t now);
/* A stream that was up is gone. */
void ice_stream_down(struct ice *ice, uint32_t socket, uint64_t now);

/* A check or an answer is about to come, or to be sent: has the memory fetched that this touches, all of it at once. */
void ice_prefetch(const struct ice *ice);

/* ---- the verbs ---- */

enum ice_verdict {
	ICE_TAKEN, /* it was for the agent, or it is dropped and counted */
	ICE_DATA,  /* not STUN: d and path name the payload and its source now (unwrapped when relayed) */
	ICE_DTLS,  /* it was a check, and d names the DTLS datagram now that was embedded in it */
};
/* path->socket must be a number given to ice_add_local or ice_stream_up, and path->remote the source. */
enum ice_verdict ice_input(struct ice *ice, sluice_path *path, sluice_datagram *d, uint64_t now);
void ice_advance(struct ice *ice, uint64_t now);
/* Writes a datagram, or a run of equal ones, for one path. Returns how many, 0 when nothing is due, or SLUICE_NO_SPACE. */
int ice_output(struct ice *ice, sluice_batch *batch, uint64_t now);
uint64_t ice_deadline(const struct ice *ice);

enum ice_event_kind {
	ICE_EVENT_CANDIDATE, /* candidate: a new local one for the other side to know */
	ICE_EVENT_GATHERING, /* gathering state changed */
	ICE_EVENT_STATE,     /* state changed */
	ICE_EVENT_ROUTE,     /* ice_route's answer changed; data may go there (at the first valid pair, before nomination) */
	/* The other side admits data over the route from now on, if it did not before: its first check there is answered
	 * (in the next ice_output), or the pair is nominated */
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
/* The peer is over: CLOSED. No more checks and answers leave, only the requests that end allocations at TURN servers. */
void ice_close(struct ice *ice);

/* ---- data ---- */

/* Where data goes now: over the nominated pair, before nomination over the best valid one. A lite agent uses the pair that was
 * nominated last or, before, checked. False: nowhere. A path is given only while consent holds (RFC 7675, 5.1). */
bool ice_route(const struct ice *ice, sluice_path *path);
/* The largest datagram that is worth a try over the route, headroom included. Between two host candidates it is what the
 * interface carries, and between two addresses of this machine all that a packet has room for. Elsewhere nothing is known of
 * what lies on the way, and it is 1,452 bytes, or less where the interface carries less. It may grow while the route stays, and
 * an ICE_EVENT_ROUTE says so. 0: there is no route, or it travels in a TCP stream, where a path's MTU means nothing. */
uint32_t ice_route_largest(const struct ice *ice);
/* Did an authenticated check or answer pass over this path? RFC 8445, 12: data is accepted from any valid or checked pair. */
bool ice_admits(const struct ice *ice, const sluice_path *path);
/* How many authenticated checks and answers have come. When ice_input makes this grow, its datagram was one. */
uint64_t ice_proofs(const struct ice *ice);
/* The room that ice_wrap needs before each datagram of data: 0, or 4 when the route is relayed. */
size_t ice_headroom(const struct ice *ice);
/* When the batch's path is relayed: puts ChannelData around every datagram, and the path becomes the TURN server's.
 * batch->headroom is consumed. Nothing for other paths. Returns 0, or
 *   SLUICE_WOULD_BLOCK  the channel is not bound yet; the agent has taken copies as Send indications, bounded, and the batch is
 *   empty */
int ice_wrap(struct ice *ice, sluice_batch *batch);
/* Data went or came over the route at `now`. This counts as keepalive, never as consent. */
void ice_note_traffic(struct ice *ice, uint64_t now);
/* Authentic data (a record of DTLS that opened) came over this path at `now`: the other side lives, so the state is not
 * DISCONNECTED for want of answers. Data gives no consent: RFC 7675, 5.1 wants an answer to a check for that. */
void ice_note_data(struct ice *ice, const sluice_path *path, uint64_t now);

/* ---- DTLS in STUN ---- */

/* Embeds from now on. The SDP announces it, or offers it until the answer is known. ice_sped_stop ends it. */
void ice_sped_start(struct ice *ice);
void ice_sped_stop(struct ice *ice);
/* Is embedding still of use: offered or agreed, the handshake not over, and the other side not known to be without it? */
bool ice_sped_active(const struct ice *ice);
/* A new flight of the DTLS layer, in place of the last one. Copies of its datagrams are embedded in checks and answers in turn,
 * until they are acknowledged. Over a route, the caller sends the same datagrams plainly as well. 0 or SLUICE_NO_MEMORY, and then
 * some datagrams are not embedded. */
int ice_sped_flight(struct ice *ice, const sluice_datagram *datagrams, size_t count, uint64_t now);
/* A datagram of DTLS came outside STUN: it counts as received, too. */
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

/* The invariants of agent.h and the files below it, recounted. */
bool ice_check(const struct ice *ice);

#endif
