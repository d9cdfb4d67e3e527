/* dtls_stack: what do the tests ask of another DTLS stack?
 *
 * One const table of functions a stack, and one struct an end, whose common part stands first in the stack's own struct. An end
 * has no socket: datagrams for it are put into `in`, and what it sends lies in `out`. It knows nothing of our end.
 *
 * The stacks read the system's clock. dtls_clock.h stands between: while a test runs in virtual time, clock_gettime() and
 * gettimeofday() of the whole program answer with it, so that the other end's repetitions follow the test's clock too. */
#ifndef TESTS_DTLS_STACK_H
#define TESTS_DTLS_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <time.h>

#include "sluice/env.h"

/* ---- mail: datagrams in the order of their sending --------------------------------------------------------------- */

#define MAIL_MAX 64
#define MAIL_BYTES 2048

struct mail {
	size_t count;
	size_t len[MAIL_MAX];
	uint8_t bytes[MAIL_MAX][MAIL_BYTES];
};

void mail_put(struct mail *m, const void *data, size_t len);
/* Returns the length of the first datagram, which is taken out, at most size; 0: there is none. */
size_t mail_take(struct mail *m, void *data, size_t size);

/* ---- an end ------------------------------------------------------------------------------------------------------ */

enum other_cipher { AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, OTHER_CIPHERS };
enum other_key { P_256, P_384, RSA_2048, OTHER_KEYS };
enum other_state { OTHER_HANDSHAKING, OTHER_UP, OTHER_CLOSED, OTHER_FAILED };

struct other_config {
	bool client;
	const char *pem;          /* certificate and key */
	enum other_cipher cipher; /* the only one that it takes */
	bool no_master_secret;    /* without extended master secret (RFC 7627) */
	bool cookies;             /* a server that asks for one (RFC 6347, 4.2.1) */
	bool resume;              /* keep and use sessions of this process, by their ids */
	bool reject;              /* whatever certificate comes */
	bool bare;                /* shows no certificate */
	bool srtp;                /* offers or takes AES128_CM_SHA1_80 by use_srtp (RFC 5764) */
	size_t mtu;
};

struct other {
	enum other_state state;
	char text[160]; /* why it failed */
	struct mail in, out;
	uint8_t data[8192]; /* plaintext that came, concatenated */
	size_t data_len;
};

struct dtls_stack {
	const char *name;
	struct other *(*open)(const struct other_config *config);
	/* Works on what is in `in`, and on its timer; called once more for each. */
	void (*drive)(struct other *o);
	/* When drive has to be called although nothing came; SLUICE_NEVER: not at all. */
	uint64_t (*deadline)(const struct other *o);
	bool (*send)(struct other *o, const void *data, size_t len);
	void (*close)(struct other *o);
	bool (*export)(struct other *o, const char *label, void *out, size_t len);
	void (*free)(struct other *o);
	/* NULL: the stack has no call for it. */
	unsigned (*srtp)(const struct other *o); /* the number of the profile, 0: none */
	void (*renegotiate)(struct other *o);
	void (*warn)(struct other *o); /* an alert that ends nothing */
	void (*abort)(struct other *o);
	void (*send_empty)(struct other *o);
};

void other_fail(struct other *o, const char *text);
void other_take(struct other *o, const void *data, size_t len);

/* ---- what ends are made of --------------------------------------------------------------------------------------- */

/* A self-signed certificate and its key as PEM, in one text: the same at each call of a process and of those forked off later. */
const char *other_pem(enum other_key kind, bool ours);

/* The time of the test. The first call starts virtual time. */
void other_set_clock(uint64_t now);
uint64_t other_clock(void);
/* What a clock of the system shows, in virtual or in real time. */
uint64_t other_time_of(clockid_t id);
/* Real time while our own code runs: what of it looked at a clock would be late, and show that. */
void other_pause_clock(bool paused);

#endif
