/* signalling: how do the descriptions of two ends reach each other?
 *
 *   signal_message.c  one message as JSON, as a line to copy, and back
 *   signalling.c      what all carriers share
 *   carriers.c        which carrier --signal names
 *   signal_paste.c    people carry the lines
 *   signal_file.c     FILE and FILE.answer
 *   signal_tcp.c      JSON lines over a TCP connection
 *   greeting.c        how they begin, and the secret that both ends of one know
 *   signal_http.c     the rooms of a `sluice serve`
 *   signal_whip.c     a server of WHIP or WHEP answers (whip_client.c)
 *   signal_stdio.c    JSON lines on stdin and stdout, for scripts (`sluice echo --stdio`)
 *
 * A carrier knows no peer: it carries messages and finds out which end offers. It is never freed from inside one of
 * its events. */
#ifndef TOOLS_SIGNALLING_H
#define TOOLS_SIGNALLING_H

#include "loop/ev.h"
#include "tools/options.h"

/* Of one description with its candidates, encoded. Longer ones are no description. */
#define SIGNAL_MAX 65536

enum signal_kind { SIGNAL_OFFER = 1, SIGNAL_ANSWER, SIGNAL_CANDIDATE };

struct signal_message {
	enum signal_kind kind;
	char *text; /* the description, or "candidate:..."; a candidate "" says that there are no more */
};

/* One JSON object without a line end, malloc'ed; NULL when there is no memory. mid NULL: "0". */
char *signal_encode(enum signal_kind kind, const char *text, const char *mid);
/* The same in base64, for people to copy. */
char *signal_encode_line(enum signal_kind kind, const char *text);
/* Either of them back, spaces around it ignored. NULL, or what is wrong with it. m->text is malloc'ed. */
const char *signal_decode(const char *text, size_t len, struct signal_message *m);

struct signalling;

struct signalling_events {
	/* It is known who offers: comes once, before everything else. */
	void (*on_role)(void *ctx, bool offer);
	void (*on_message)(void *ctx, const struct signal_message *m);
	/* Nothing more comes: `error` NULL when the other side is gone in order (stdin ended), else why. */
	void (*on_end)(void *ctx, const char *error);
	void *ctx;
};

struct carrier {
	bool trickles; /* candidates are carried one by one */
	bool stays;    /* what goes wrong with it matters after the connection came up, too */
	bool by_hand;  /* a person carries, so that nobody knows when an answer arrives */
	size_t size;   /* of its own part */
	/* Returns false when it was wrong at once; on_end has said why. May call on_role and on_message. */
	bool (*start)(struct signalling *s);
	void (*send)(struct signalling *s, enum signal_kind kind, const char *text, const char *mid);
	void (*stop)(struct signalling *s);
};

struct signalling {
	const struct carrier *carrier;
	const struct link_options *options;
	struct ev_loop *ev;
	struct signalling_events events;
	bool trickles;
	bool ended;
	char waiting_for[160]; /* for the message when it takes long, or time is over: "the answer in /tmp/x.answer" */
	ev_timer word;         /* until that is said; once */
	bool said;
	void *own; /* the carrier's */
};

extern const struct carrier carrier_paste, carrier_file, carrier_tcp, carrier_http, carrier_whip, carrier_stdio;

/* NULL when there is no memory. */
struct signalling *signalling_new(const struct carrier *carrier, const struct link_options *options, struct ev_loop *ev,
                                  const struct signalling_events *events);
void signalling_free(struct signalling *s);

/* HOST:PORT of tcp:HOST:PORT, with its NUL. */
#define SIGNAL_ADDRESS_MAX 300

/* The carrier that options->signal stands for. *wrong: NULL, or what is wrong with it. */
const struct carrier *carriers_find(const struct link_options *options, const char **wrong);

/* ---- for carriers ---- */

/* Names what is waited for. After a second a line on stderr says so, but not where a person carries or a script is on stdin. */
__attribute__((format(printf, 2, 3))) void signalling_wait_for(struct signalling *s, const char *format, ...);
/* Says why and ends it; returns false. */
__attribute__((format(printf, 2, 3))) bool signalling_fail(struct signalling *s, const char *format, ...);
/* Hands a message over to the user. */
void signalling_hand_over(struct signalling *s, const struct signal_message *m);
/* Decodes and hands over. Returns NULL, or what is wrong with it. */
const char *signalling_deliver(struct signalling *s, const char *text, size_t len);

/* Does the text look like HOST:PORT? NULL, or what is wrong. No name is resolved. */
const char *signalling_check_address(const char *host_port);
/* HOST:PORT to SOCK_STREAM addresses; NULL, or what is wrong. */
struct addrinfo;
const char *signalling_resolve(const char *host_port, bool passive, struct addrinfo **found);
/* The bytes of a whole file, malloc'ed with a NUL behind; NULL with errno. EFBIG above SIGNAL_MAX. */
char *signalling_read_file(const char *path, size_t *len);

#endif
