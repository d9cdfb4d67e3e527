#include "sctp/tx/discovery.h"

#include "sctp/association.h"

/* RFC 8899, 5.1.1: PROBE_TIMER "MUST NOT be smaller than 1 second and SHOULD be larger than 15 seconds": the second for those who
 * do not know the round trip. SCTP does; beyond the RTO no answer is to be expected. */
#define PROBE_WAIT (1 * SLUICE_S)
/* 5.1.1, PMTU_RAISE_TIMER: "This timer has a period of 600 seconds". */
#define RAISE_AFTER (600 * SLUICE_S)

/* A path that carries nothing at all says nothing of sizes. It is asked again, ever more seldom, and then not before the raise
 * timer. */
#define SILENT_MAX 8
#define SILENT_WAIT_MAX (16 * SLUICE_S)

#define PROBE_INFO 16 /* as a HEARTBEAT's: time and nonce */

static void next_probe(sluice_sctp *a);

/* ---- what the size means for the association ---- */

/* Packets that whole chunks fill come out equal, and so share one GSO send; where rounding to them would cost too much (on an
 * ordinary line of 1500 bytes, one chunk and a fifth) the rest is filled with a short one. */
static uint32_t packet_size(const struct pmtu *p, uint32_t chunk) {
	uint32_t whole = WIRE_HEADER_SIZE + (p->passed - WIRE_HEADER_SIZE) / chunk * chunk;
	return p->passed - whole <= p->passed / 16 ? whole : p->passed;
}

static void apply(sluice_sctp *a) {
	const struct pmtu *p = &a->tx.discovery.pmtu;
	a->tx.cut_mtu = p->passed < p->base ? p->passed : p->base;
	uint32_t mtu = packet_size(p, a->tx.cut_mtu - WIRE_HEADER_SIZE);
	a->tx.sent.log.large = mtu > p->base ? association_payload_max(a) : UINT32_MAX;
	if (mtu == a->tx.mtu)
		return;
	env_log(a->env, SLUICE_LOG_DEBUG, "sctp: packets of up to %u bytes instead of %u", mtu, a->tx.mtu);
	a->tx.mtu = mtu;
	a->tx.sent.log.large_lost = 0;
	a->tx.view.mtu = mtu - WIRE_HEADER_SIZE - a->tx.data_header;
	if (a->tx.cc->mtu)
		a->tx.cc->mtu(&a->tx.view);
	a->mtu_changed.count = mtu;
	event_push(&a->events, &a->mtu_changed);
}

void discovery_init(sluice_sctp *a) {
	pmtu_init(&a->tx.discovery.pmtu, a->config.mtu, a->config.mtu_max);
	a->tx.mtu = a->tx.cut_mtu = a->tx.discovery.pmtu.base;
	a->tx.sent.log.large = UINT32_MAX;
}

/* Packets are of the base size again, and nothing is known. The probe that is out goes with its size: an answer to it would be
 * taken for one to the next. */
static void forget(sluice_sctp *a) {
	a->tx.discovery = (struct discovery){0};
	pmtu_init(&a->tx.discovery.pmtu, a->config.mtu, a->config.mtu_max);
	timer_stop(a, TIMER_PMTU);
	a->pending &= ~(uint32_t)(PENDING_PROBE | PENDING_CONTROL);
	apply(a);
}

void discovery_reset(sluice_sctp *a) {
	forget(a);
}

void discovery_start(sluice_sctp *a) {
	forget(a);
	pmtu_start(&a->tx.discovery.pmtu);
	next_probe(a);
}

/* Only an established association searches, but what was found on another path, or beyond another limit, holds in no state. */
void sluice_sctp_path_changed(sluice_sctp *a) {
	if (a->state == SLUICE_SCTP_ESTABLISHED)
		discovery_start(a);
	else
		discovery_reset(a);
}

void sluice_sctp_set_mtu_max(sluice_sctp *a, uint32_t mtu_max) {
	a->config.mtu_max = mtu_max < SLUICE_SCTP_MTU_MAX ? mtu_max : SLUICE_SCTP_MTU_MAX;
	sluice_sctp_path_changed(a);
}

/* ---- probes ---- */

static uint64_t probe_wait(const sluice_sctp *a) {
	return a->tx.rto.rto > PROBE_WAIT ? a->tx.rto.rto : PROBE_WAIT;
}

/* The size may have been settled, and another may be due. */
static void next_probe(sluice_sctp *a) {
	struct discovery *d = &a->tx.discovery;
	uint32_t size = pmtu_next(&d->pmtu);
	d->nonce = d->control = 0;
	a->pending &= ~(uint32_t)(PENDING_PROBE | PENDING_CONTROL);
	timer_stop(a, TIMER_PMTU);
	apply(a);
	if (size) {
		a->pending |= PENDING_PROBE;
		association_touch(a);
	} else if (d->pmtu.phase == PMTU_COMPLETE) {
		d->data_sent = a->stats.data_chunks_sent;
		timer_start(a, TIMER_PMTU, RAISE_AFTER);
	}
}

uint32_t discovery_probe_size(sluice_sctp *a, size_t room) {
	struct discovery *d = &a->tx.discovery;
	while (a->pending & PENDING_PROBE) {
		if (a->state != SLUICE_SCTP_ESTABLISHED) {
			a->pending &= ~(uint32_t)PENDING_PROBE;
			break;
		}
		if (d->pmtu.size <= room)
			return d->pmtu.size;
		pmtu_impossible(&d->pmtu); /* the driver has no room for it */
		next_probe(a);
	}
	return 0;
}

static void write_heartbeat(sluice_sctp *a, struct writer *w, uint64_t *nonce) {
	uint8_t info[PROBE_INFO];
	do
		env_entropy(a->env, nonce, sizeof *nonce);
	while (*nonce == 0);
	put_be64(info, a->now);
	put_be64(info + 8, *nonce);
	wire_heartbeat_write(w, WIRE_HEARTBEAT, info, sizeof info);
}

/* RFC 8899, 6.2.1.2: a HEARTBEAT, so that the peer answers, and a PAD, so that the answer is small. */
void discovery_write_probe(sluice_sctp *a, struct writer *w) {
	struct discovery *d = &a->tx.discovery;
	write_heartbeat(a, w, &d->nonce);
	wire_pad_write(w, writer_room(w));
	d->packet = a->tx.sent.log.next;
	a->pending &= ~(uint32_t)PENDING_PROBE;
	a->stats.mtu_probes_sent++;
	timer_start(a, TIMER_PMTU, probe_wait(a));
}

void discovery_write_control(sluice_sctp *a, struct writer *w) {
	if (writer_room(w) < 8 + PROBE_INFO)
		return;
	write_heartbeat(a, w, &a->tx.discovery.control);
	a->pending &= ~(uint32_t)PENDING_CONTROL;
	timer_start(a, TIMER_PMTU, probe_wait(a));
}

/* The probe was lost, and others were not. */
static void probe_lost(sluice_sctp *a) {
	a->tx.discovery.silent = 0;
	pmtu_lost(&a->tx.discovery.pmtu);
	next_probe(a);
}

bool discovery_answer(sluice_sctp *a, uint64_t sent_at, uint64_t nonce) {
	struct discovery *d = &a->tx.discovery;
	if (nonce == 0 || (nonce != d->nonce && nonce != d->control) || sent_at > a->now)
		return false;
	if (nonce == d->control) {
		probe_lost(a);
		return true;
	}
	a->stats.mtu_probes_acked++;
	d->silent = 0;
	if (d->pmtu.size <= d->pmtu.base) /* a packet like others; a larger one takes longer on the wire */
		rto_measure(&a->tx.rto, a->now - sent_at);
	pmtu_passed(&d->pmtu);
	next_probe(a);
	return true;
}

/* Neither the probe nor a small packet was answered: nothing is known of the size. */
static void path_is_silent(sluice_sctp *a) {
	struct discovery *d = &a->tx.discovery;
	d->nonce = d->control = 0;
	if (++d->silent > SILENT_MAX) {
		d->silent = 0;
		d->pmtu.size = 0;
		d->pmtu.phase = PMTU_COMPLETE;
		next_probe(a);
		return;
	}
	uint64_t wait = probe_wait(a);
	timer_start(a, TIMER_PMTU, wait < SILENT_WAIT_MAX >> d->silent ? wait << d->silent : SILENT_WAIT_MAX);
}

/* RFC 8899, 5.1.1: after the raise timer the search begins again; for nobody where nothing was sent since. */
static void raise(sluice_sctp *a) {
	struct discovery *d = &a->tx.discovery;
	if (a->stats.data_chunks_sent == d->data_sent) {
		timer_start(a, TIMER_PMTU, RAISE_AFTER);
		return;
	}
	pmtu_raise(&d->pmtu);
	next_probe(a);
}

void discovery_expired(sluice_sctp *a) {
	struct discovery *d = &a->tx.discovery;
	timer_stop(a, TIMER_PMTU);
	if (a->state != SLUICE_SCTP_ESTABLISHED)
		return;
	if (d->pmtu.phase == PMTU_COMPLETE)
		raise(a);
	else if (d->nonce == 0)
		next_probe(a);
	else if (a->tx.sent.newest_delivered >= d->packet)
		probe_lost(a);
	else if (d->control == 0)
		a->pending |= PENDING_CONTROL;
	else
		path_is_silent(a);
}

/* ---- black holes and hints ---- */

/* RFC 8899, 4.3: packets of the size in use are lost, and lost again. Smaller ones go at once, which is right also when the path
 * is merely bad, and one probe of the size before tells in a round trip which of the two it is. */
void discovery_black_hole(sluice_sctp *a) {
	struct discovery *d = &a->tx.discovery;
	a->tx.sent.log.large_lost = 0;
	if (d->pmtu.passed <= d->pmtu.base || a->state != SLUICE_SCTP_ESTABLISHED)
		return;
	a->stats.mtu_black_holes++;
	/* What is in it does not come back, and must not fill the window for as long as others take to be found lost. */
	uint64_t answered_by_now = a->tx.rto.srtt + a->tx.rto.srtt / 4;
	outstanding_large_lost(&a->tx.sent, association_payload_max(a), a->now > answered_by_now ? a->now - answered_by_now : 0);
	d->silent = 0;
	pmtu_black_hole(&d->pmtu);
	next_probe(a);
}

void sluice_sctp_mtu_hint(sluice_sctp *a, uint32_t size, bool sure) {
	if (a->state == SLUICE_SCTP_ESTABLISHED && pmtu_hint(&a->tx.discovery.pmtu, size, sure))
		next_probe(a);
}
