#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define STREAMS 65536

static void *must(void *p) {
	if (!p)
		abort();
	return p;
}

static void forget_order(struct ledger *l) {
	for (unsigned i = 0; i < STREAMS; i++)
		l->last_sent[i] = NONE;
}

void ledger_init(struct ledger *l, uint64_t key) {
	*l = (struct ledger){.key = key, .last_sent = must(malloc(STREAMS * sizeof(uint32_t)))};
	forget_order(l);
}

void ledger_free(struct ledger *l) {
	for (uint32_t i = 0; i < l->count; i++)
		free(l->entries[i].lent);
	free(l->entries);
	free(l->last_sent);
	*l = (struct ledger){0};
}

void ledger_forgive(struct ledger *l) {
	for (uint32_t i = 0; i < l->count; i++)
		l->entries[i].reliable = false;
	l->missing = 0;
	forget_order(l);
}

/* Byte i of message n: eight bytes at a time from a multiplier, cheap enough to check every byte of megabytes. */
static uint64_t pattern(const struct ledger *l, uint32_t number, size_t word) {
	uint64_t x = (l->key ^ ((uint64_t)number << 32)) + word;
	x *= UINT64_C(0x9e3779b97f4a7c15);
	return x ^ (x >> 29);
}

void ledger_fill(const struct ledger *l, uint32_t number, uint8_t *bytes, size_t len) {
	for (size_t i = 0; i < len; i += 8) {
		uint64_t v = pattern(l, number, i / 8);
		memcpy(bytes + i, &v, len - i < 8 ? len - i : 8);
	}
}

uint32_t ledger_note(struct ledger *l, uint16_t stream, bool unordered, bool reliable, size_t len) {
	if (l->count == l->capacity) {
		l->capacity = l->capacity ? 2 * l->capacity : 256;
		l->entries = must(realloc(l->entries, l->capacity * sizeof *l->entries));
	}
	uint32_t number = l->count++;
	l->entries[number] = (struct ledger_entry){
		.len = len,
		.previous = unordered ? NONE : l->last_sent[stream],
		.stream = stream,
		.unordered = unordered,
		.reliable = reliable,
	};
	if (!unordered)
		l->last_sent[stream] = number;
	l->bytes_sent += len;
	l->missing += reliable;
	return number;
}

void ledger_take_back(struct ledger *l) {
	struct ledger_entry *e = &l->entries[--l->count];
	if (!e->unordered)
		l->last_sent[e->stream] = e->previous;
	l->bytes_sent -= e->len;
	l->missing -= e->reliable;
}

/* ---- lending ---- */

struct loan {
	struct ledger *ledger;
	uint32_t number;
};

static void loan_over(void *ctx) {
	struct loan *loan = ctx;
	struct ledger_entry *e = &loan->ledger->entries[loan->number];
	if (e->released)
		snprintf(loan->ledger->error, sizeof loan->ledger->error, "message %u was released twice", loan->number);
	e->released = true;
	/* Whoever reads it now reads this. */
	memset(e->lent, 0xee, e->len);
	free(e->lent);
	e->lent = NULL;
	free(loan);
}

static int lend(struct ledger *l, sluice_sctp *sctp, const sluice_send_info *info, uint32_t number, uint8_t *bytes, size_t len) {
	struct loan *loan = must(malloc(sizeof *loan));
	*loan = (struct loan){l, number};
	l->entries[number].lent = bytes;
	/* Three uneven slices, one of them empty. */
	struct iovec iov[4] = {{bytes, len / 3},
	                       {bytes + len / 3, 0},
	                       {bytes + len / 3, len - len / 3 - len / 5},
	                       {bytes + len - len / 5, len / 5}};
	int rc = sluice_sctp_sendv(sctp, info, iov, 4, loan_over, loan);
	if (rc < 0) {
		l->entries[number].lent = NULL;
		free(loan);
	}
	return rc;
}

int ledger_send(struct ledger *l, sluice_sctp *sctp, const sluice_send_info *info, size_t len, bool lend_it) {
	uint32_t number = ledger_note(l, info->stream, info->unordered, info->reliability == SLUICE_RELIABLE, len);
	uint8_t *bytes = must(malloc(len ? len : 1));
	ledger_fill(l, number, bytes, len);
	sluice_send_info numbered = *info;
	numbered.ppid = number;
	int rc = lend_it ? lend(l, sctp, &numbered, number, bytes, len) : sluice_sctp_send(sctp, &numbered, bytes, len);
	if (rc < 0)
		ledger_take_back(l);
	if (rc < 0 || !lend_it)
		free(bytes);
	return rc;
}

/* ---- arriving ---- */

static bool wrong(struct ledger *l, uint32_t number, const char *what) {
	if (!l->error[0])
		snprintf(l->error, sizeof l->error, "message %u of %u: %s", number, l->count, what);
	return false;
}

static bool bytes_match(const struct ledger *l, uint32_t number, const sluice_message *m) {
	size_t at = m->offset, total = 0;
	uint64_t word = pattern(l, number, at / 8);
	for (size_t i = 0; i < m->count; i++) {
		const uint8_t *p = m->iov[i].iov_base;
		total += m->iov[i].iov_len;
		for (size_t k = 0; k < m->iov[i].iov_len; k++, at++) {
			if (at % 8 == 0)
				word = pattern(l, number, at / 8);
			if (p[k] != (uint8_t)(word >> (at % 8 * 8)))
				return false;
		}
	}
	return total == m->len;
}

/* Going back from an ordered message: the nearest reliable one before it must be here, and by induction all others. */
static bool order_kept(const struct ledger *l, const struct ledger_entry *e) {
	for (uint32_t n = e->previous; n != NONE; n = l->entries[n].previous) {
		if (l->entries[n].arrived)
			return true;
		if (l->entries[n].reliable)
			return false;
	}
	return true;
}

static bool overtaken(const struct ledger *l, uint32_t number) {
	const struct ledger_entry *e = &l->entries[number];
	for (uint32_t n = l->last_sent[e->stream]; n != NONE && n > number; n = l->entries[n].previous)
		if (l->entries[n].arrived)
			return true;
	return false;
}

/* Parts come in order, the first one first, and an error ends them. */
static bool part_fits(struct ledger *l, struct ledger_entry *e, const sluice_message *m) {
	uint32_t number = m->ppid;
	if (e->cut_off || m->offset != e->got || m->first != (e->got == 0))
		return wrong(l, number, "has a part out of its place");
	if (m->error && (!m->last || m->len > 0 || e->reliable))
		return wrong(l, number, "is cut off and should not be");
	e->got += m->len;
	e->cut_off = m->error != 0;
	return true;
}

bool ledger_arrived(struct ledger *l, const sluice_message *m) {
	uint32_t number = m->ppid;
	if (number >= l->count)
		return wrong(l, number, "never sent");
	struct ledger_entry *e = &l->entries[number];
	if (e->arrived)
		return wrong(l, number, "came twice");
	if (e->stream != m->stream || e->unordered != m->unordered)
		return wrong(l, number, "on the wrong stream, or with the wrong ordering");
	if (!part_fits(l, e, m))
		return false;
	if (m->last ? e->len != e->got && !m->error : e->got > e->len)
		return wrong(l, number, "has the wrong length");
	if (!bytes_match(l, number, m))
		return wrong(l, number, "has a wrong byte");
	if (!e->unordered && (!order_kept(l, e) || (!e->reliable && overtaken(l, number))))
		return wrong(l, number, "is out of order");
	l->bytes_arrived += m->len;
	if (!m->last || m->error)
		return true;
	e->arrived = true;
	l->missing -= e->reliable;
	l->arrived++;
	return true;
}

bool ledger_complete(const struct ledger *l) {
	return !l->error[0] && l->missing == 0;
}

bool ledger_released(const struct ledger *l) {
	for (uint32_t i = 0; i < l->count; i++)
		if (l->entries[i].lent)
			return false;
	return true;
}
