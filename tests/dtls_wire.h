/* dtls_wire: our DTLS end and one of another stack, over a wire in memory, in virtual time.
 *
 * The wire loses, doubles and turns datagrams around, by masks or by seeded dice, and writes records another way where RFC 6347
 * leaves a choice: what a stack puts into one datagram or record, another does not. Only records in the clear can be written
 * another way. Time jumps to the earliest arrival or deadline. */
#ifndef TESTS_DTLS_WIRE_H
#define TESTS_DTLS_WIRE_H

#include "dtls/dtls.h"
#include "dtls_stack.h"
#include "sim/rng.h"

struct wire_config {
	bool client;          /* our role */
	bool openssl_records; /* OpenSSL seals and opens our records */
	enum other_cipher cipher;
	enum other_key our_key, other_key;
	bool no_master_secret, cookies, resume, reject, bare;
	const char *our_srtp; /* profiles; NULL: none */
	bool other_srtp;
	size_t mtu;     /* 0: 1200 */
	uint64_t delay; /* one way; 0: none */

	/* Bit i: the i-th datagram is lost, counted over both directions. */
	uint64_t lost;
	double loss; /* by chance */
	uint64_t seed;
	uint64_t again;   /* ns; each datagram arrives once more, so much later; 0: it does not */
	bool twice;       /* each datagram arrives twice */
	bool backwards;   /* datagrams that are under way together arrive in reverse order */
	bool apart;       /* each record travels alone */
	bool merged;      /* handshake messages of one datagram to us travel in one record */
	bool old_version; /* records before the ServerHello say DTLS 1.0, as RFC 6347, 4.1 wants of some clients */
	bool forged;      /* before each datagram to us that ends sealed, a copy with a wrong last bit */
	bool warnings;    /* a warning alert in the clear before each datagram to us */
	bool empties;     /* an empty record of each type in the clear before each datagram to us */
};

#define WIRE_AIR_MAX 512

struct wire_datagram {
	uint64_t due;
	bool to_us;
	size_t len;
	uint8_t bytes[MAIL_BYTES];
};

struct wire {
	const struct dtls_stack *stack;
	struct wire_config config;
	sluice_env *env;
	sluice_certificate *certificate;
	sluice_fingerprint other_fingerprint;
	struct dtls *ours;
	struct other *other;
	uint64_t now, due; /* due: the other's deadline, never one that has passed without effect */
	struct rng rng;
	struct wire_datagram air[WIRE_AIR_MAX];
	size_t flying;
	unsigned sent; /* datagrams of both, lost ones included */
	uint8_t data[8192];
	size_t data_len;
};

/* Makes certificates and what outlives a connection. */
void wire_init(struct wire *w, const struct dtls_stack *stack, const struct wire_config *config);
/* Opens both ends; there may be another connection after wire_hang_up. */
void wire_open(struct wire *w);
void wire_hang_up(struct wire *w);
void wire_free(struct wire *w);

/* Lets the next thing happen, if that is not after `until`. False: there is none. */
bool wire_step(struct wire *w, uint64_t until);
/* Runs until nothing more happens before `until`. */
void wire_run(struct wire *w, uint64_t until);
bool wire_is_up(const struct wire *w);
/* Runs until both ends are connected. Returns the time that it took, or SLUICE_NEVER after `patience`. */
uint64_t wire_connect(struct wire *w, uint64_t patience);
/* Both ends send a record, each gets the other's, and the exporter gives both the same. The wire loses nothing any more. */
void wire_talk(struct wire *w);
/* A datagram that nobody here sent. */
void wire_inject(struct wire *w, const void *data, size_t len);
/* Sends one record of ours. */
void wire_send(struct wire *w, const void *data, size_t len);
/* States and errors of both ends, for messages. */
const char *wire_describe(const struct wire *w);

#endif
