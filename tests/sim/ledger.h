/* ledger: what one side's app sent, and whether the other side's app got exactly that.
 *
 * Every message has a number. The number travels as the PPID, and the bytes are a pattern that follows from the number. So
 * everything about an arriving message can be checked: its stream, ordering, length and each byte; that it came once; and for an
 * ordered one, that no earlier message of its stream is missing or comes later (one that may be given up may be missing). The
 * first fault is kept as a sentence in `error`. */
#ifndef TESTS_SIM_LEDGER_H
#define TESTS_SIM_LEDGER_H

#include "sluice/sctp.h"

struct ledger_entry {
	size_t len;
	uint32_t previous; /* ordered: the ordered message before it on the stream, or UINT32_MAX */
	uint16_t stream;
	bool unordered, reliable, arrived, released;
	bool cut_off;  /* parts of it came, and then a last part with an error */
	size_t got;    /* bytes that came in parts */
	uint8_t *lent; /* the bytes of a sendv until they are released */
};

struct ledger {
	struct ledger_entry *entries;
	uint32_t count, capacity;
	uint64_t key;
	uint32_t *last_sent;       /* by stream */
	uint32_t arrived, missing; /* missing == reliable messages that have not arrived */
	uint64_t bytes_sent, bytes_arrived;
	char error[200];
};

void ledger_init(struct ledger *l, uint64_t key);
void ledger_free(struct ledger *l);

/* Sends the next message (info->ppid is ignored) by send, or by sendv in a few slices when `lend` is set. Returns what that
 * returned; on an error the ledger is as before. */
int ledger_send(struct ledger *l, sluice_sctp *sctp, const sluice_send_info *info, size_t len, bool lend);

/* The same for a sender other than an association: notes a message. Returns its number; ledger_fill() makes its bytes. */
uint32_t ledger_note(struct ledger *l, uint16_t stream, bool unordered, bool reliable, size_t len);
/* Forgets the last noted message, because it could not be sent. */
void ledger_take_back(struct ledger *l);
void ledger_fill(const struct ledger *l, uint32_t number, uint8_t *bytes, size_t len);

/* Checks off a message, or a part of one, that arrived. Returns false and sets `error` when something is wrong with it. */
bool ledger_arrived(struct ledger *l, const sluice_message *m);

/* Has every reliable message arrived? */
bool ledger_complete(const struct ledger *l);
/* Was every lent message released? */
bool ledger_released(const struct ledger *l);
/* The association was replaced: messages under way may be lost, and order starts anew. */
void ledger_forgive(struct ledger *l);

#endif
