/* client: one of those who are connected. An offer makes a client; it goes when its peer ends, when it does not connect, when
 * nothing is heard of it, or by client_close(). */
#ifndef TOOLS_SERVE_CLIENT_H
#define TOOLS_SERVE_CLIENT_H

#include "tools/refusal.h"
#include "tools/serve/clients.h"

struct client_offer {
	const char *sdp;
	size_t len;
	/* Called before the answer is made, to say what becomes of its audio and video. False: *why says why it is refused. NULL:
	 * these sections are rejected. */
	bool (*prepare)(void *ctx, struct client *c, struct refusal *why);
	void *ctx;
};

/* NULL: refused. key: of the address that the offer came from. */
struct client *client_new(struct serve *s, uint64_t key, const struct client_offer *offer, struct refusal *why);
/* May it send another offer or candidates now? Counts them. */
bool client_may_change(struct client *c);
/* A later offer of the same client, as an ICE restart makes it. */
bool client_renegotiate(struct client *c, const struct client_offer *offer, struct refusal *why);
/* Candidates in SDP's lines, RFC 8840's application/trickle-ice-sdpfrag. */
bool client_candidates(struct client *c, const char *lines, size_t len, struct refusal *why);
bool client_is_gathered(const struct client *c);
/* The length, or below 0. */
int client_answer(const struct client *c, char *sdp, size_t size);
/* Ends it in order, and frees it then. */
void client_close(struct client *c, const char *why);

/* Once a second: which of all clients is late, idle or done? */
void client_tick_all(struct serve *s);
/* Tells all clients that the server ends, and frees them. */
void client_end_all(struct serve *s);

#endif
