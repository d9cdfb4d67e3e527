/* link: one connection by offer and answer from the command line: an end (end.h), its signalling, and what is said when it
 * fails. A command brings the channels. */
#ifndef TOOLS_LINK_H
#define TOOLS_LINK_H

#include "tools/end.h"
#include "tools/signalling.h"

struct link {
	struct end base; /* first: the end's callbacks get the link back by a cast */
	const struct link_options *options;
	const struct carrier *carrier;
	bool trickle; /* with carrier_stdio: candidates in lines of their own */
	struct signalling *signalling;
	bool described; /* both descriptions are there; the rest is the network's turn */
	bool offering;
	bool untold; /* our description waits for the end of gathering */

	/* The command's part; each function may be NULL. */
	void *user;
	bool traces_media; /* --trace tells of media, and not of the association */
	/* Before a peer is made: what its configuration has beside the options. */
	void (*on_config)(struct link *link, sluice_peer_config *config);
	/* This end offers: open channels. Returns 0 or an error. */
	int (*on_offering)(struct link *link);
	void (*on_channel)(struct link *link, sluice_channel *ch);
	/* The other side sends on this transceiver from now on. */
	void (*on_track)(struct link *link, sluice_transceiver *t);
	/* The other side's offer was taken, on_track has said what it sends, and the answer is due. Returns 0 or an error. */
	int (*on_offered)(struct link *link);
	/* Both ends offered and this one answers instead: its peer is gone with the channels that on_offering opened. */
	void (*on_given_way)(struct link *link);
	void (*on_connected)(struct link *link);
	/* The other side ended the connection in order. NULL: that is a failure. */
	void (*on_other_ended)(struct link *link);
	/* The connection broke. Comes before the line about it. */
	void (*on_broken)(struct link *link);
	/* Ctrl-C, once connected. NULL: closes in order, exit code 130. */
	void (*on_interrupt)(struct link *link);
	/* Nothing more comes; the environment is still there. */
	void (*on_tear_down)(struct link *link);
};

/* Runs it from set-up to the exit code. carrier NULL: the one that the options name. */
int link_run(struct link *link);
/* Connected, and not about to end. */
static inline bool link_is_up(const struct link *link) {
	return link->base.connected && !end_is_over(&link->base);
}
/* All is said and done: ends the connection in order, waits for that a short time, and leaves with the exit code. */
static inline void link_finish(struct link *link, int exit_code) {
	end_finish(&link->base, exit_code);
}
static inline void link_leave(struct link *link, int exit_code) {
	end_leave(&link->base, exit_code);
}
/* Says why and leaves with EXIT_FAILED. */
#define link_fail(link, ...) end_fail(&(link)->base, __VA_ARGS__)
/* A channel closed with that error: did the connection end, so that the link says why? Else the other side closed or refused
 * it. */
static inline bool link_will_explain(int error) {
	return error && error != SLUICE_REFUSED && error != SLUICE_UNSUPPORTED;
}
/* With --verbose: a line on stderr. */
__attribute__((format(printf, 2, 3))) void link_say(const struct link *link, const char *format, ...);

/* What the options say about a peer and its addresses; also for a peer that has no link. */
void link_peer_config(const struct link_options *o, sluice_peer_config *config);
void link_gather_config(const struct link_options *o, sluice_gather_config *config);
/* An environment that logs to stderr as far as --verbose says. */
int link_env(const struct link_options *o, sluice_env **env);

#endif
