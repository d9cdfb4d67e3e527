/* signal_whip: a server of WHIP ("whip:URL[#TOKEN]") or WHEP ("whep:URL[#TOKEN]") answers. This end always offers first, and its
 * offer has all candidates, so that one POST is enough. By WHEP, the server may offer instead. */
#include <stdlib.h>
#include <string.h>

#include "tools/secret.h"
#include "tools/signalling.h"
#include "tools/whip_client.h"

#define SCHEME_LEN 5 /* "whip:" */

struct by_whip {
	struct whip_client *client;
};

static void hand_over(struct signalling *s, enum signal_kind kind, const char *sdp) {
	struct signal_message m = {kind, strdup(sdp)};
	if (m.text)
		signalling_hand_over(s, &m);
	else
		signalling_fail(s, "no memory");
	secret_free(m.text);
}

static void on_answer(void *ctx, const char *sdp) {
	hand_over(ctx, SIGNAL_ANSWER, sdp);
}

/* Both ends have offered, as with every carrier where nobody said who does. */
static void on_offer(void *ctx, const char *sdp) {
	struct signalling *s = ctx;
	if (s->options->role == LINK_OFFER)
		signalling_fail(s, "--offer: the server makes an offer of its own, and takes none");
	else
		hand_over(s, SIGNAL_OFFER, sdp);
}

static void on_failed(void *ctx, const char *why) {
	signalling_fail(ctx, "%s", why);
}

static void on_waiting(void *ctx) {
	struct signalling *s = ctx;
	const char *url = s->options->signal + SCHEME_LEN;
	signalling_wait_for(s, "somebody who publishes at %.*s", (int)strcspn(url, "#"), url);
}

/* The secret stands behind the URL, as that of tcp: does; a fragment never leaves this host. */
static const char *make_client(struct signalling *s, char *url) {
	struct by_whip *h = s->own;
	const char *wrong;
	char *hash = strchr(url, '#');
	if (hash)
		*hash = 0;
	bool watching = strncmp(s->options->signal, "whep:", SCHEME_LEN) == 0;
	const struct whip_client_config config = {.url = url,
	                                          .token = hash ? hash + 1 : NULL,
	                                          .watching = watching,
	                                          .on_answer = on_answer,
	                                          .on_offer = watching ? on_offer : NULL,
	                                          .on_failed = on_failed,
	                                          .on_waiting = on_waiting,
	                                          .ctx = s};
	h->client = whip_client_new(s->ev, &config, &wrong);
	return wrong;
}

static bool whip_begin(struct signalling *s) {
	char *url = strdup(s->options->signal + SCHEME_LEN);
	const char *wrong = url ? make_client(s, url) : "no memory";
	secret_free(url);
	if (wrong)
		return signalling_fail(s, "--signal %.5s: %s", s->options->signal, wrong);
	if (s->options->role == LINK_ANSWER)
		return signalling_fail(s, "--answer: with %.5s this end offers", s->options->signal);
	s->events.on_role(s->events.ctx, true);
	return !s->ended;
}

static void whip_send(struct signalling *s, enum signal_kind kind, const char *text, const char *mid) {
	struct by_whip *h = s->own;
	(void)mid;
	if (kind == SIGNAL_OFFER) {
		signalling_wait_for(s, "the answer of the server");
		whip_client_offer(h->client, text);
	} else if (kind == SIGNAL_ANSWER) {
		whip_client_answer(h->client, text);
	}
}

static void whip_stop(struct signalling *s) {
	struct by_whip *h = s->own;
	whip_client_free(h->client);
}

const struct carrier carrier_whip = {.size = sizeof(struct by_whip), .start = whip_begin, .send = whip_send, .stop = whip_stop};
