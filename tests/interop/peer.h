/* peer: our end of the browser tests, on the public library alone. It reads commands as JSON lines, the same that page.js
 * understands, and answers each with one line of the same "seq".
 *
 * A command is a function that is tried when it comes and again whenever something happened, until it says that the answer
 * is complete. What it has to remember meanwhile it writes into the request. */
#ifndef INTEROP_PEER_H
#define INTEROP_PEER_H

#include <ev.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>

#include "sluice.h"

struct channel;
struct line;

struct agent {
	sluice_env *env;
	struct ev_loop *ev;
	sluice_loop *loop;
	sluice_peer *peer;
	json_t *options; /* those of `new` */
	json_t *states;  /* every connection state since, by name */
	struct channel *channels;
	struct line *lines;
	ev_timer media_tick; /* runs while there are lines */
	json_t *parked;      /* requests without an answer yet */
};

/* Writes fields of the answer; false: not yet. An "error" in the answer ends the command too. */
typedef bool (*command_fn)(struct agent *a, json_t *request, json_t *answer);
struct command {
	const char *name;
	command_fn run;
};
/* Both end with a NULL name. */
extern const struct command channel_commands[], media_commands[];

/* Something happened: what waits is tried again. */
void agent_poke(struct agent *a);
/* Fails the command. Returns true, for `return fail(...)`. */
bool fail(json_t *answer, const char *what, int error);
/* ms since 1970. */
double wall_ms(void);
/* An integer of the request, or what stands for its absence. */
long long number(const json_t *request, const char *key, long long absent);
bool flag(const json_t *request, const char *key);

/* ---- peer_channels.c ---- */

/* The other side opened it. */
void channels_take(struct agent *a, sluice_channel *ch);
void channels_drop_all(struct agent *a);
/* The largest message that the other side takes; 0 without a channel. */
uint64_t channels_max_message(const struct agent *a);

/* ---- peer_media.c ---- */

void media_start(struct agent *a);
/* Makes lines of what "take" says about sections that the offer brought. Returns true when that failed, which the answer says. */
bool media_take(struct agent *a, const json_t *request, json_t *answer);
void media_drop_all(struct agent *a);

#endif
