/* link: one connection by offer and answer from the command line: environment, loop, peer, signalling, time limit, Ctrl-C, and
 * what is said when it fails. A command brings the channels. */
#ifndef TOOLS_LINK_H
#define TOOLS_LINK_H

#include "tools/signalling.h"

enum link_phase {
	LINK_MEETING,    /* a description is missing */
	LINK_CONNECTING, /* both are there */
	LINK_CONNECTED,
	LINK_ENDING, /* closed from this side; it only has to leave */
};

struct link {
	const struct link_options *options;
	const struct carrier *carrier;
	bool trickle; /* with carrier_stdio: candidates in lines of their own */
	sluice_env *env;
	sluice_loop *loop;
	struct ev_loop *ev;
	sluice_peer *peer;
	struct signalling *signalling;
	enum link_phase phase;
	bool offering, untold; /* untold: our description waits for the end of gathering */
	bool interrupted, left;
	struct recording recording;
	int exit_code;
	ev_timer limit;
	ev_signal on_int, on_term;

	/* The command's part; each but on_interrupt and on_start may be NULL. */
	void *user;
	/* This end offers: open channels. Returns 0 or an error. */
	int (*on_offering)(struct link *link);
	void (*on_channel)(struct link *link, sluice_channel *ch);
	/* Both ends offered and this one answers instead: its peer is gone with the channels that on_offering opened. */
	void (*on_given_way)(struct link *link);
	void (*on_connected)(struct link *link);
	/* The other side ended the connection in order. NULL: that is a failure. */
	void (*on_other_ended)(struct link *link);
	/* The connection broke; comes before the word about it. */
	void (*on_broken)(struct link *link);
	/* Ctrl-C, once connected. NULL: closes in order, exit code 130. */
	void (*on_interrupt)(struct link *link);
	/* Nothing more comes; the environment is still there. */
	void (*on_tear_down)(struct link *link);
};

/* Runs it from set-up to the exit code. carrier NULL: the one that the options name. */
int link_run(struct link *link);
/* All is said and done: ends the connection in order, waits for that a short time, and leaves with the exit code. */
void link_finish(struct link *link, int exit_code);
void link_leave(struct link *link, int exit_code);
/* Says why and leaves with EXIT_FAILED. */
__attribute__((format(printf, 2, 3))) void link_fail(struct link *link, const char *format, ...);
/* A channel closed with that error: did the connection end, so that the link says why? Else the other side closed or refused it. */
static inline bool link_will_tell(int error) {
	return error && error != SLUICE_REFUSED && error != SLUICE_UNSUPPORTED;
}
/* For --verbose. */
__attribute__((format(printf, 2, 3))) void link_tell(const struct link *link, const char *format, ...);

/* What the options say about a peer and its addresses; also for a peer that has no link. */
void link_peer_config(const struct link_options *o, sluice_peer_config *config);
void link_gather_config(const struct link_options *o, sluice_gather_config *config);
/* An environment that logs to stderr as far as --verbose says. */
int link_env(const struct link_options *o, sluice_env **env);

#endif
