/* flight: what does our newest flight consist of, and which datagrams does it make?
 *
 * The messages of the flight that OpenSSL wrote last are kept as plaintext, whole, until the next flight begins or the peer is
 * known to have this one. They leave as records of ours: cut for the MTU of the moment, under new numbers each time, sealed with
 * the keys of epoch 1 where they belong into it. So a flight can be repeated without OpenSSL, in either epoch and any number of
 * times. An alert is a flight of its own, which is not kept; the newest one replaces one that has not left yet.
 *
 * No datagram and no batch holds records of two flights. Each flight, each repetition and each alert has a number of its own,
 * from 1; the number is given when the first datagram leaves. This file knows no SSL, no states and no time.
 *
 *   `at` is the part of the list that leaves next; NULL: all have left
 *   offset <= at->len; 0 while `at` is NULL
 *   of each part all bytes are there: filled == len, except in the last part between flight_begin and flight_end */
#ifndef DTLS_FLIGHT_H
#define DTLS_FLIGHT_H

#include "dtls/epoch.h"

struct flight_part {
	struct flight_part *next;
	uint8_t type; /* of the record */
	bool sealed;  /* in epoch 1 */
	bool whole;   /* an alert whose bytes are a record of OpenSSL's, header and all, which leaves as it is */
	uint16_t version;
	/* Of a handshake message: its type and message_seq. */
	uint8_t message;
	uint16_t message_seq;
	size_t filled, len;
	uint8_t bytes[];
};

struct flight {
	sluice_env *env;
	size_t mtu; /* of handshake datagrams */

	struct flight_part *first, **end;
	struct flight_part *at;
	size_t offset; /* of the bytes of `at`: where the next fragment begins */
	struct flight_part *alert;

	bool begins;              /* the next part begins another flight */
	bool repeated_by_openssl; /* what OpenSSL writes now is a repetition, and is dropped */
	bool numbered;            /* the flight in the list has its number */
	bool left;                /* all of the flight in the list has left, once at least */
	uint16_t next_message;    /* message_seq of our next handshake message */
	uint32_t number;          /* of the datagram that left last */
	uint64_t next_plain;      /* the sequence of our next record of epoch 0 */
};

void flight_open(struct flight *f, sluice_env *env, size_t mtu);
/* Drops the flight and an alert that waits. */
void flight_drop(struct flight *f);
/* The peer has the flight, so it is dropped, with a repetition that waits. Not when it has never left as a whole: then the peer
 * cannot have it. */
void flight_forget(struct flight *f);

/* OpenSSL begins to write: what it writes from here on belongs to another flight. */
void flight_begin(struct flight *f);
/* OpenSSL's step is over. A message of which it wrote only a beginning, because memory ran out, is dropped: the rest of its bytes
 * are whatever stood in that memory before. */
void flight_end(struct flight *f);
/* Each of these adds what OpenSSL wrote. 0, or SLUICE_NO_MEMORY.
 *
 * A record of handshake messages or of their fragments, as plaintext; in the order of their sequence, as OpenSSL writes them. A
 * message of this flight or of an earlier one is a repetition by OpenSSL's own timer: it and what follows are dropped. */
int flight_add_handshake(struct flight *f, const uint8_t *text, size_t len, uint16_t version, bool sealed);
int flight_add_change(struct flight *f);
int flight_set_alert(struct flight *f, uint8_t level, uint8_t description, bool sealed);
/* A record that OpenSSL sealed, for connections that keep OpenSSL's records. */
int flight_set_whole_alert(struct flight *f, const uint8_t *record, size_t len);

/* Does something wait to leave? */
static inline bool flight_waits(const struct flight *f) {
	return f->at || f->alert;
}
/* Is a flight kept? */
static inline bool flight_is_kept(const struct flight *f) {
	return f->first != NULL;
}
/* The flight leaves once more. False: none is kept, or something waits to leave anyway. */
bool flight_repeat(struct flight *f);

/* Writes the datagrams that are due and have equal length (the last may be shorter) into the batch; returns how many, or
 * SLUICE_NO_SPACE when not even the first one fits, or SLUICE_CRYPTO when the library refuses to seal. */
int flight_output(struct flight *f, struct epoch *e, sluice_batch *batch);

bool flight_check(const struct flight *f);

#endif
