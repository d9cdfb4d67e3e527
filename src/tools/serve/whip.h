/* whip: what does a request of WHIP (RFC 9725) or WHEP (draft-ietf-wish-whep-04) get?
 *
 *   POST    /whip/ROOM       an offer of who publishes: 201, the answer, and Location: the URL of the session
 *   POST    /whep/ROOM       an offer of who watches: the same
 *   PATCH   /whip/ROOM/ID    candidates: 204; or new credentials, which restart ICE: 200 and ours
 *   DELETE  /whip/ROOM/ID    the end: 200
 *   GET, HEAD: 204.          OPTIONS: 200, with the media types that are taken
 *
 * This is the door: it knows URLs, headers, entity-tags and sessions. Whoever makes the answers stands behind a struct whip_ops,
 * and may take its time. It knows no HTTP library, no sockets and no peers; time comes with the request.
 *
 *   the sessions: at most `sessions_max`, and none of them without an offer that the ops have taken
 *   the entity-tag changes with each ICE session (RFC 9725, 4.3.1): when the answer to a restart is there
 *
 * Memory of a session: its offer (SLUICE_REMOTE_SDP_MAX at most), which a restart changes, and an answer until it was fetched. */
#ifndef TOOLS_SERVE_WHIP_H
#define TOOLS_SERVE_WHIP_H

#include <stddef.h>
#include <stdint.h>

#include "tools/refusal.h"
#include "tools/serve/rooms.h"
#include "tools/servers.h"

#define WHIP_ID_SIZE 33

struct whip;

/* What whoever makes the answers sees of a session. */
struct whip_session {
	char room[ROOM_NAME_MAX + 1];
	bool publishing; /* else it watches */
	uint64_t key;    /* of the address that the offer came from, as guard.h counts */
	void *user;      /* for the ops */
};

/* Those who make the answers. */
struct whip_ops {
	/* An offer. True: whip_answer() or whip_refuse() follows, from inside this call or later. False: *why says why not. */
	bool (*offer)(void *ctx, struct whip_session *s, const char *sdp, size_t len, struct refusal *why);
	/* The same for an offer that restarts ICE: the first one with other credentials and candidates. NULL: not supported. */
	bool (*restart)(void *ctx, struct whip_session *s, const char *sdp, size_t len, struct refusal *why);
	/* A candidate, "candidate:..."; NULL: there are no more. mid may be NULL. 0 or an error of sluice/error.h; only
	 * SLUICE_MALFORMED is told to the client. The function NULL: candidates one by one are not supported. */
	int (*candidate)(void *ctx, struct whip_session *s, const char *candidate, const char *mid);
	/* The session is over, by DELETE or because nobody waits for its answer any more. It is freed behind this call. */
	void (*ended)(void *ctx, struct whip_session *s);
};

struct whip_config {
	const struct whip_ops *ops;
	void *ctx;
	const char *token; /* "Authorization: Bearer TOKEN" has to come with every request; NULL: not */
	size_t sessions_max;
	const struct servers *servers; /* that clients may use, too; NULL: none */
};

/* NULL: no memory. The config's pointers have to stay. */
struct whip *whip_new(const struct whip_config *config);
/* Ends all sessions. */
void whip_free(struct whip *w);
size_t whip_count(const struct whip *w);

/* ---- for whoever speaks HTTP ---- */

struct whip_request {
	const char *method, *path;
	bool is_sdp, is_fragment;             /* the type: application/sdp, application/trickle-ice-sdpfrag */
	const char *if_match, *authorization; /* "": absent */
	const char *body;
	size_t len;
	uint64_t key, now; /* whose request it is; ns */
};

struct whip_reply {
	unsigned status;       /* 0: the answer is not there yet. whip_wait() and whip_resume(), or whip_abandon(), follow */
	char id[WHIP_ID_SIZE]; /* then: of the session */
	struct refusal why;    /* status 400 and above */
	const char *type;      /* of the body; NULL: there is no body */
	char *body;            /* malloc'ed, the caller's, to be freed by secret_free() */
	size_t len;
	/* Headers; NULL and "": absent. */
	const char *allow, *accept_post, *accept_patch, *authenticate;
	char location[ROOM_NAME_MAX + WHIP_ID_SIZE + 8], etag[32];
};

/* Is the path one of ours? */
bool whip_is_path(const char *path);
void whip_handle(struct whip *w, const struct whip_request *q, struct whip_reply *reply);
/* wake(waiting) is called once when there is something to fetch. */
void whip_wait(struct whip *w, const char *id, void *waiting, void (*wake)(void *waiting));
/* Fetches it. If there is nothing yet, its time is over: 503. */
void whip_resume(struct whip *w, const char *id, struct whip_reply *reply);
/* Whoever waited is gone. A session whose URL nobody knows ends. */
void whip_abandon(struct whip *w, const char *id);

/* The value of a Link header for the i-th server that a client is told of. Returns its length; 0 behind the last one, and for one
 * that is too long. */
size_t whip_link(const struct whip *w, size_t i, char *text, size_t size);

/* ---- for the ops ---- */

/* The answer to the offer or to the restart. Ignored when nothing is asked any more. */
void whip_answer(struct whip_session *s, const char *sdp, size_t len);
/* There is none. A session whose restart is refused stays as it is. */
void whip_refuse(struct whip_session *s, const struct refusal *why);
/* The connection is over: the session is freed, at once or when its request was answered. `ended` is not called. Not from inside
 * `offer` and `restart`. */
void whip_end(struct whip_session *s);
/* Does somebody publish in the session's room, with an answer? */
bool whip_room_is_live(const struct whip_session *s);

#endif
