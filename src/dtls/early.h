/* early: which records came before their turn, and when is it?
 *
 * Three kinds wait:
 *   data that came before the connection was ready for it;
 *   the ChangeCipherSpec before the messages that precede it;
 *   encrypted handshake messages before the ChangeCipherSpec.
 * OpenSSL would drop the second kind for good: RFC 6347 numbers handshake messages but not the ChangeCipherSpec, so a flight
 * whose datagrams were turned around would have to be repeated, and a copy of it would fail the replay check. The third kind
 * OpenSSL would keep, up to 100 records in 16 KiB each. Records wait sealed. Early hands nothing on by itself: it answers whether
 * a record has to wait, and later which one is next. It knows no SSL and no states; the handshake tells whose turn it is.
 *
 *   each list's count == records from first to end
 *   data.count <= EARLY_DATA_MAX, sealed.count <= EARLY_SEALED_MAX */
#ifndef DTLS_EARLY_H
#define DTLS_EARLY_H

#include "dtls/record.h"
#include "pool/env.h"

/* Data is early when it was reordered before the peer's last flight, or came before we knew whom to trust. Sixteen records cover
 * a first window of data. */
#define EARLY_DATA_MAX 16
/* Only one encrypted handshake message can precede the ChangeCipherSpec: the Finished, and its repetitions. */
#define EARLY_SEALED_MAX 4

struct early_record {
	struct early_record *next;
	size_t len;
	uint8_t bytes[];
};

struct early_list {
	struct early_record *first, **end;
	unsigned count;
};

struct early {
	sluice_env *env;
	struct early_list data;
	struct early_record *lent; /* handed out since early_release; the caller may still read them */
	bool change_waits;
	uint8_t change[RECORD_HEADER + 1]; /* the ChangeCipherSpec that waits */
	struct early_list sealed;
};

void early_init(struct early *e, sluice_env *env);
void early_free(struct early *e);

/* Keeps a record of data, sealed. False: it is dropped, for want of room or memory. */
bool early_hold(struct early *e, const uint8_t *record, size_t len);
/* The oldest record of data that waits; NULL when there is none. It lives until early_release. */
struct early_record *early_lend(struct early *e);
void early_release(struct early *e);

enum early_verdict {
	EARLY_NOW,     /* OpenSSL can use the record at once */
	EARLY_WAITS,   /* a copy was kept */
	EARLY_DROPPED, /* for want of room or memory */
};
/* Whose turn it is; handshake.h. */
struct early_turn {
	bool awaits_change; /* the ChangeCipherSpec is what comes next */
	bool was_changed;   /* it was used */
};

/* A record that is no data: has it come before its turn? */
enum early_verdict early_admit(struct early *e, struct early_turn turn, const uint8_t *record, size_t len);
/* After OpenSSL took a record: gives the record that waited and is next now. It lives until early_release. False: none. */
bool early_next(struct early *e, struct early_turn turn, uint8_t **record, size_t *len);

bool early_check(const struct early *e);

#endif
