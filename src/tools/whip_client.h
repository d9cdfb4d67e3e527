/* whip_client: how does an offer get its answer from a server of WHIP (RFC 9725) or WHEP (draft-ietf-wish-whep)?
 *
 * One POST, one answer; then the session has a URL of its own, and a DELETE ends it. 307 and 308 lead to another server. While
 * nobody publishes what is to be watched (409), the offer is sent again after the time that the server names, then after twice
 * that time, and so on. A server of WHEP may turn the roles round: it refuses the offer with 406 and an offer of its own, and the
 * answer goes to the session's URL by PATCH. So do GStreamer's whepserversink and Janus' WHEP server. The client knows no peer:
 * descriptions are text, and have their candidates inside.
 *
 * The token goes to every server that the one before it names, but never from https to http. */
#ifndef TOOLS_WHIP_CLIENT_H
#define TOOLS_WHIP_CLIENT_H

#include <stdbool.h>

struct ev_loop;
struct whip_client;

struct whip_client_config {
	const char *url;
	const char *token; /* "Authorization: Bearer TOKEN"; NULL: none */
	bool watching;     /* by WHEP */
	/* One of these comes, once; only on_failed may follow on_offer. The client may not be freed inside. The texts are gone
	 * afterwards. */
	void (*on_answer)(void *ctx, const char *sdp);
	/* The server offers instead: whip_client_answer() is due. NULL: that is a failure. */
	void (*on_offer)(void *ctx, const char *sdp);
	void (*on_failed)(void *ctx, const char *why);
	/* Nobody publishes yet. It may be NULL. */
	void (*on_waiting)(void *ctx);
	void *ctx;
};

/* NULL: no memory, or no http or https address (*wrong says which). The texts are copied. */
struct whip_client *whip_client_new(struct ev_loop *ev, const struct whip_client_config *config, const char **wrong);
/* Sends the offer. Once. */
void whip_client_offer(struct whip_client *c, const char *sdp);
/* Answers the server's offer. Once, behind on_offer. */
void whip_client_answer(struct whip_client *c, const char *sdp);
/* Ends the session, if there is one, for which it takes a second at most; and frees the client. NULL is allowed. */
void whip_client_free(struct whip_client *c);

#endif
