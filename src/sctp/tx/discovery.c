#include "sctp/tx/sender.h"

/* RFC 8899, 5.1.1: PROBE_TIMER "MUST NOT be smaller than 1 second and SHOULD be larger than 15 seconds". The 15 seconds are for
 * protocols that do not know the round trip. SCTP knows it; beyond the RTO no answer is to be expected. */
#define PROBE_WAIT (1 * SLUICE_S)
/* 5.1.1, PMTU_RAISE_TIMER: "This timer has a period of 600 seconds". */
#define RAISE_AFTER (600 * SLUICE_S)

/* A path that carries nothing at all says nothing of sizes. It is asked again, less and less often, and finally not before the
 * raise timer. */
#define SILENT_MAX 8
#define SILENT_WAIT_MAX (16 * SLUICE_S)

#define PROBE_INFO 16 /* as a HEARTBEAT's: time and nonce */

static void next_probe(struct sender *tx);

/* ---- what the size means for packets and chunks ---- */

/* Packets that whole chunks fill come out equal, and so share one GSO send. Where rounding to them would cost too much (on an
 * ordinary line of 1500 bytes, one chunk and a fifth), the rest is filled with a short chunk. */
static uint32_t packet_size(const struct pmtu *p, uint32_t chunk) {
	uint32_t whole = WIRE_HEADER_SIZE + (p->passed - WIRE_HEADER_SIZE) / chunk * chunk;
	return p->passed - whole <= p->passed / 16 ? whole : p->passed;
}

static void use_size(struct sender *tx) {
	const struct pmtu *p = &tx->discovery.pmtu;
	tx->cut_mtu = p->passed < p->base ? p->passed : p->base;
	uint32_t mtu = packet_size(p, tx->cut_mtu - WIRE_HEADER_SIZE);
	tx->sent.log.large = mtu > p->base ? sender_payload_max(tx) : UINT32_MAX;
	if (mtu == tx->mtu)
		return;
	env_log(tx->env, SLUICE_LOG_DEBUG, "sctp: packets of up to %u bytes instead of %u", mtu, tx->mtu);
	tx->mtu = mtu;
	tx->sent.log.large_lost = 0;
	tx->view.mtu = mtu - WIRE_HEADER_SIZE - tx->data_header;
	if (tx->cc->mtu)
		tx->cc->mtu(&tx->view);
	tx->mtu_changed.count = mtu;
	event_push(tx->out.events, &tx->mtu_changed);
}

void discovery_init(struct sender *tx) {
	pmtu_init(&tx->discovery.pmtu, tx->config->mtu, tx->config->mtu_max, tx->mtu_cautious);
	tx->mtu = tx->cut_mtu = tx->discovery.pmtu.base;
	tx->sent.log.large = UINT32_MAX;
}

/* Packets are of the base size again, and nothing is known. The probe that is out is forgotten with its size: an answer to it
 * would be taken for an answer to the next one. */
static void forget(struct sender *tx) {
	tx->discovery = (struct discovery){0};
	pmtu_init(&tx->discovery.pmtu, tx->config->mtu, tx->config->mtu_max, tx->mtu_cautious);
	sender_timer_stop(tx, SENDER_PMTU);
	tx->due &= ~(uint32_t)(SENDER_MTU_PROBE | SENDER_MTU_CONTROL);
	use_size(tx);
}

void discovery_reset(struct sender *tx) {
	forget(tx);
}

void discovery_start(struct sender *tx) {
	forget(tx);
	pmtu_start(&tx->discovery.pmtu);
	next_probe(tx);
}

/* ---- probes ---- */

static uint64_t probe_wait(const struct sender *tx) {
	return tx->rto.rto > PROBE_WAIT ? tx->rto.rto : PROBE_WAIT;
}

/* Makes the next probe due, unless the size is settled. */
static void next_probe(struct sender *tx) {
	struct discovery *d = &tx->discovery;
	uint32_t size = pmtu_next(&d->pmtu);
	d->nonce = d->control = 0;
	tx->due &= ~(uint32_t)(SENDER_MTU_PROBE | SENDER_MTU_CONTROL);
	sender_timer_stop(tx, SENDER_PMTU);
	use_size(tx);
	if (size) {
		tx->due |= SENDER_MTU_PROBE;
	} else if (d->pmtu.phase == PMTU_COMPLETE) {
		d->data_sent = tx->counters.data_chunks_sent;
		sender_timer_start(tx, SENDER_PMTU, RAISE_AFTER);
	}
}

uint32_t discovery_probe_size(struct sender *tx, size_t room) {
	struct discovery *d = &tx->discovery;
	while (tx->due & SENDER_MTU_PROBE) {
		if (tx->phase != SENDER_OPEN) {
			tx->due &= ~(uint32_t)SENDER_MTU_PROBE;
			break;
		}
		if (d->pmtu.size <= room)
			return d->pmtu.size;
		pmtu_impossible(&d->pmtu); /* the driver has no room for it */
		next_probe(tx);
	}
	return 0;
}

static void write_heartbeat(struct sender *tx, struct writer *w, uint64_t *nonce) {
	uint8_t info[PROBE_INFO];
	do
		env_entropy(tx->env, nonce, sizeof *nonce);
	while (*nonce == 0);
	put_be64(info, tx->now);
	put_be64(info + 8, *nonce);
	wire_heartbeat_write(w, WIRE_HEARTBEAT, info, sizeof info);
}

/* RFC 8899, 6.2.1.2: a HEARTBEAT, so that the peer answers, and a PAD, so that the answer is small. */
void discovery_write_probe(struct sender *tx, struct writer *w) {
	struct discovery *d = &tx->discovery;
	write_heartbeat(tx, w, &d->nonce);
	wire_pad_write(w, writer_room(w));
	d->packet = tx->sent.log.next;
	tx->due &= ~(uint32_t)SENDER_MTU_PROBE;
	tx->counters.mtu_probes_sent++;
	sender_timer_start(tx, SENDER_PMTU, probe_wait(tx));
}

void discovery_write_control(struct sender *tx, struct writer *w) {
	if (writer_room(w) < 8 + PROBE_INFO)
		return;
	write_heartbeat(tx, w, &tx->discovery.control);
	tx->due &= ~(uint32_t)SENDER_MTU_CONTROL;
	sender_timer_start(tx, SENDER_PMTU, probe_wait(tx));
}

/* The probe was lost, and other packets were not. */
static void probe_lost(struct sender *tx) {
	tx->discovery.silent = 0;
	pmtu_lost(&tx->discovery.pmtu);
	next_probe(tx);
}

bool discovery_answer(struct sender *tx, uint64_t sent_at, uint64_t nonce) {
	struct discovery *d = &tx->discovery;
	if (nonce == 0 || (nonce != d->nonce && nonce != d->control) || sent_at > tx->now)
		return false;
	if (nonce == d->control) {
		probe_lost(tx);
		return true;
	}
	tx->counters.mtu_probes_acked++;
	d->silent = 0;
	if (d->pmtu.size <= d->pmtu.base) /* a packet like others; a larger one takes longer on the wire */
		rto_measure(&tx->rto, tx->now - sent_at);
	pmtu_passed(&d->pmtu);
	next_probe(tx);
	return true;
}

/* Neither the probe nor a small packet was answered: nothing is known of the size. */
static void path_is_silent(struct sender *tx) {
	struct discovery *d = &tx->discovery;
	d->nonce = d->control = 0;
	if (++d->silent > SILENT_MAX) {
		d->silent = 0;
		d->pmtu.size = 0;
		d->pmtu.phase = PMTU_COMPLETE;
		next_probe(tx);
		return;
	}
	uint64_t wait = probe_wait(tx);
	sender_timer_start(tx, SENDER_PMTU, wait < SILENT_WAIT_MAX >> d->silent ? wait << d->silent : SILENT_WAIT_MAX);
}

/* RFC 8899, 5.1.1: after the raise timer the search begins again; not for a connection on which nothing was sent since. */
static void search_again(struct sender *tx) {
	struct discovery *d = &tx->discovery;
	if (tx->counters.data_chunks_sent == d->data_sent) {
		sender_timer_start(tx, SENDER_PMTU, RAISE_AFTER);
		return;
	}
	pmtu_raise(&d->pmtu);
	next_probe(tx);
}

void discovery_expired(struct sender *tx) {
	struct discovery *d = &tx->discovery;
	sender_timer_stop(tx, SENDER_PMTU);
	if (tx->phase != SENDER_OPEN)
		return;
	if (d->pmtu.phase == PMTU_COMPLETE)
		search_again(tx);
	else if (d->nonce == 0)
		next_probe(tx);
	else if (tx->sent.newest_delivered >= d->packet)
		probe_lost(tx);
	else if (d->control == 0)
		tx->due |= SENDER_MTU_CONTROL;
	else
		path_is_silent(tx);
}

/* ---- black holes and hints ---- */

/* RFC 8899, 4.3: packets of the size in use are lost, and lost again. Smaller packets go at once, which is right also when the
 * path is merely bad. One probe of the size before finds out in a round trip which of the two it is. */
void discovery_black_hole(struct sender *tx) {
	struct discovery *d = &tx->discovery;
	tx->sent.log.large_lost = 0;
	if (d->pmtu.passed <= d->pmtu.base || tx->phase != SENDER_OPEN)
		return;
	tx->counters.mtu_black_holes++;
	/* What fell into the hole does not come back, and must not fill the window for as long as others take to be found
	 * lost. */
	uint64_t answered_by_now = tx->rto.srtt + tx->rto.srtt / 4;
	outstanding_large_lost(&tx->sent, sender_payload_max(tx), tx->now > answered_by_now ? tx->now - answered_by_now : 0);
	d->silent = 0;
	pmtu_black_hole(&d->pmtu);
	next_probe(tx);
}

void discovery_hint(struct sender *tx, uint32_t size, bool sure) {
	if (tx->phase == SENDER_OPEN && pmtu_hint(&tx->discovery.pmtu, size, sure))
		next_probe(tx);
}
