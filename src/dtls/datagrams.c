/* datagrams: what is in the datagrams that came, and how do the slots of a batch become records?
 *
 * The two calls of the established path, dtls_open and dtls_seal. Neither allocates. A datagram is cut into its records here; the
 * records of data of one call are gathered and go through the cipher as a run. Records that are no data go to the handshake when
 * their turn has come. It knows no timers and no certificates. */
#include "dtls/connection.h"
#include "dtls/handshake.h"
#include "dtls/records.h"
#include "dtls/repeat.h"

/* ---- open ---------------------------------------------------------------------------------------------------------- */

/* Records of data that wait for the cipher, and where the opened ones go.
 *
 *   count <= EPOCH_RUN, used <= size */
struct run {
	size_t count;
	struct epoch_record records[EPOCH_RUN];
	sluice_slab *slabs[EPOCH_RUN];

	sluice_datagram *out;
	size_t used, size;
};

static void put_out(struct dtls *d, struct run *run, const struct epoch_record *r, sluice_slab *slab) {
	if (!r->text || run->used == run->size) {
		d->stats.records_discarded++;
		return;
	}
	d->stats.records_opened++;
	/* An empty record is there to be counted, and no more (RFC 5246, 6.2.1). */
	if (r->text_len > 0)
		run->out[run->used++] = (sluice_datagram){.data = r->text, .len = r->text_len, .slab = slab};
}

/* The peer sends data, so our last flight has reached it: a server has the client's Finished before it speaks, and the client of
 * an abbreviated handshake the server's. */
static void confirm(struct dtls *d, uint64_t opened_before) {
	if (flight_is_kept(&d->flight) && d->stats.records_opened > opened_before)
		flight_forget(&d->flight);
}

static void run_open(struct dtls *d, struct run *run) {
	uint64_t before = d->stats.records_opened;
	if (run->count == 0)
		return;
	d->records->open(d, run->records, run->count);
	for (size_t i = 0; i < run->count; i++)
		put_out(d, run, &run->records[i], run->slabs[i]);
	run->count = 0;
	confirm(d, before);
}

static void run_add(struct dtls *d, struct run *run, uint8_t *record, size_t len, sluice_slab *slab) {
	run->records[run->count] = (struct epoch_record){.record = record, .len = len};
	run->slabs[run->count++] = slab;
	if (run->count == EPOCH_RUN)
		run_open(d, run);
}

/* Records that waited for the connection. No more than there is room for, so the rest goes on waiting. */
static void open_held(struct dtls *d, struct run *run) {
	while (d->early.data.first && d->state == DTLS_CONNECTED && run->used + run->count < run->size) {
		struct early_record *r = early_lend(&d->early);
		run_add(d, run, r->bytes, r->len, NULL);
	}
	run_open(d, run);
}

static struct early_turn turn_of(const struct dtls *d) {
	return (struct early_turn){.awaits_change = handshake_awaits_change(d), .was_changed = handshake_was_changed(d)};
}

static void step(struct dtls *d, uint8_t *record, size_t len, uint64_t now) {
	if (d->finished)
		d->records->control(d, record, len);
	else if (record_epoch(record) == 0 || d->records->admit(d, record, len))
		handshake_input(d, record, len, now);
}

/* A record of the handshake, or an alert: used with those that waited for it, or kept until its turn. */
static void pass_on(struct dtls *d, uint8_t *record, size_t len, uint64_t now) {
	enum early_verdict verdict = early_admit(&d->early, turn_of(d), record, len);
	d->stats.records_discarded += verdict == EARLY_DROPPED;
	if (verdict != EARLY_NOW)
		return;
	do
		step(d, record, len, now);
	while (connection_is_live(d) && early_next(&d->early, turn_of(d), &record, &len));
}

/* Everything except the data of an established connection. */
static void open_other(struct dtls *d, uint8_t *record, size_t len, struct run *run, uint64_t now) {
	bool plain = record_epoch(record) == 0 && record_is_plausible(record, len, !d->client);
	bool usable = record_epoch(record) == 1 || (plain && !d->finished);
	if (plain && d->finished && record_type(record) == RECORD_HANDSHAKE && repeat_last(d))
		return;
	if (!usable) {
		d->stats.records_discarded++;
	} else if (record_type(record) == RECORD_APPLICATION) {
		d->stats.records_discarded += !early_hold(&d->early, record, len);
	} else {
		pass_on(d, record, len, now);
		open_held(d, run); /* the record may have been the handshake's last */
	}
}

static bool is_data(const struct dtls *d, const uint8_t *record) {
	return d->state == DTLS_CONNECTED && record_type(record) == RECORD_APPLICATION && record_epoch(record) == 1;
}

static void open_datagram(struct dtls *d, const sluice_datagram *in, struct run *run, uint64_t now) {
	uint8_t *at = in->data;
	size_t left = in->len;
	while (left > 0) {
		size_t len = connection_is_live(d) ? record_parse(at, left) : 0;
		if (len == 0) { /* where the next record begins is unknown */
			d->stats.records_discarded++;
			return;
		}
		if (is_data(d, at)) {
			run_add(d, run, at, len, in->slab);
		} else {
			run_open(d, run);
			open_other(d, at, len, run, now);
		}
		at += len;
		left -= len;
	}
}

size_t dtls_open(struct dtls *d, sluice_datagram *in, size_t count, sluice_datagram *out, size_t out_size, uint64_t now) {
	struct run run;
	run.count = run.used = 0;
	run.out = out;
	run.size = out_size;
	now = clock_forward(&d->latest, now);
	early_release(&d->early);
	open_held(d, &run);
	for (size_t i = 0; i < count; i++)
		open_datagram(d, &in[i], &run, now);
	run_open(d, &run);
	return run.used;
}

/* ---- seal ---------------------------------------------------------------------------------------------------------- */

/* The numbers are used up: 2^48 records, which no connection lives to see. RFC 6347, 4.1: "implementations [...] MUST [...]
 * rehandshake or close". */
static int close_exhausted(struct dtls *d) {
	connection_close(d);
	d->error = SLUICE_LIMIT;
	d->text = "the numbers of the records are used up";
	return SLUICE_LIMIT;
}

int dtls_seal(struct dtls *d, sluice_batch *b) {
	size_t rooms = d->headroom + d->tailroom;
	if (d->state != DTLS_CONNECTED)
		return SLUICE_WRONG_STATE;
	if (b->count == 0)
		return 0;
	if (b->headroom != d->headroom || b->tailroom != d->tailroom || b->last <= rooms || b->stride < b->last ||
	    b->stride - rooms > d->plaintext_max)
		return SLUICE_INVALID;
	int error = d->records->seal(d, b);
	if (error < 0)
		return error == SLUICE_LIMIT ? close_exhausted(d) : error;
	d->stats.records_sealed += b->count;
	b->headroom = b->tailroom = 0;
	return 0;
}
