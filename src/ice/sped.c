/* sped.c: the two lists and the five states. */
#include "ice/sped.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/list.h"
#include "base/packet_kind.h"
#include "sluice/error.h"

/* How many requests are remembered that carried a datagram. The answer to an older request does not acknowledge the datagram any
 * more; its hash does. */
#define CARRIERS 8

#define ATTRIBUTE_HEADER 4
#define TRAILER (ATTRIBUTE_HEADER + 20 + ATTRIBUTE_HEADER + 4) /* MESSAGE-INTEGRITY and FINGERPRINT */

struct sped_packet {
	struct sped_packet *next;
	uint32_t hash;
	uint16_t len;
	uint8_t carrier; /* the next place in carriers; unused places are zeros */
	uint8_t carriers[CARRIERS][STUN_ID_SIZE];
	uint8_t data[];
};

static bool runs(const struct sped *s) {
	return s->state != SPED_OFF && s->state != SPED_COMPLETE;
}

/* ---- what waits to arrive ---- */

static void append_packet(struct sped *s, struct sped_packet *p) {
	QUEUE_APPEND(s->end, p, next);
	s->count++;
}

static struct sped_packet *shift_packet(struct sped *s) {
	struct sped_packet *p = s->first;
	QUEUE_SHIFT(s->first, s->end, next);
	s->count--;
	return p;
}

static void clear_packets(struct sped *s) {
	while (s->count > 0)
		env_free(s->env, shift_packet(s));
}

static bool was_carried_by(const struct sped_packet *p, const uint8_t *id) {
	static const uint8_t unused[STUN_ID_SIZE];
	for (size_t i = 0; i < CARRIERS; i++) {
		if (memcmp(p->carriers[i], id, STUN_ID_SIZE) == 0 && memcmp(unused, id, STUN_ID_SIZE) != 0)
			return true;
	}
	return false;
}

static bool is_acknowledged(const struct sped_packet *p, const struct stun_message *m) {
	/* "For a DTLS packet sent embedded in a STUN binding request, a STUN binding success response is received for that
	 * request." This counts only where the other side shows that it read the attributes: it may answer checks before its DTLS
	 * runs. */
	if (m->class == STUN_SUCCESS && was_carried_by(p, m->id))
		return true;
	for (size_t i = 0; i < m->dtls_ack.len; i += 4) {
		if (get_be32(m->dtls_ack.data + i) == p->hash)
			return true;
	}
	return false;
}

/* Each datagram leaves the list or goes behind the others, so the order stays. */
static void prune(struct sped *s, const struct stun_message *m) {
	/* "If the length of the value is not a multiple of four or exceeds 16 bytes this attribute SHOULD be silently discarded."
	 * */
	if (!m->dtls_ack.data || m->dtls_ack.len % 4 != 0 || m->dtls_ack.len > 4 * SPED_ACKS)
		return;
	for (size_t left = s->count; left > 0; left--) {
		struct sped_packet *p = shift_packet(s);
		if (is_acknowledged(p, m))
			env_free(s->env, p);
		else
			append_packet(s, p);
	}
}

/* ---- life ---- */

static void set_state(struct sped *s, enum sped_state state) {
	s->state = state;
	if (runs(s))
		return;
	clear_packets(s);
	s->received_count = 0;
	s->ack_due = false;
}

void sped_init(struct sped *s, sluice_env *env) {
	*s = (struct sped){.env = env};
	s->end = &s->first;
}

void sped_free(struct sped *s) {
	clear_packets(s);
}

void sped_start(struct sped *s) {
	if (!runs(s))
		set_state(s, SPED_TENTATIVE);
}

void sped_stop(struct sped *s) {
	if (runs(s))
		set_state(s, s->state == SPED_PENDING ? SPED_COMPLETE : SPED_OFF);
}

bool sped_active(const struct sped *s) {
	return s->state == SPED_TENTATIVE || s->state == SPED_CONFIRMED;
}

/* "the DTLS layer is acting as a DTLS client and the DTLS version is 1.2": its last flight was answered by the server's Finished.
 * A server keeps its last flight until that is acknowledged, or until the client has shown that its handshake is over. */
void sped_handshake_done(struct sped *s, bool client) {
	if (!sped_active(s))
		return;
	if (client)
		clear_packets(s);
	set_state(s, SPED_PENDING);
}

int sped_flight(struct sped *s, const sluice_datagram *datagrams, size_t count) {
	if (!runs(s))
		return 0;
	clear_packets(s);
	for (size_t i = 0; i < count && s->count < SPED_PACKETS; i++) {
		const sluice_datagram *d = &datagrams[i];
		if (packet_kind_of(d->data, d->len) != PACKET_DTLS || d->len > SPED_PACKET_MAX)
			continue;
		struct sped_packet *p = env_alloc(s->env, sizeof *p + d->len);
		if (!p)
			return SLUICE_NO_MEMORY;
		*p = (struct sped_packet){.hash = crc32_ieee(d->data, d->len), .len = (uint16_t)d->len};
		memcpy(p->data, d->data, d->len);
		append_packet(s, p);
	}
	return 0;
}

/* ---- sending ---- */

static bool fits(const struct stun_writer *w, const struct sped_packet *p) {
	return !w->failed && w->capacity - w->len >= ATTRIBUTE_HEADER + pad4(p->len) + TRAILER;
}

/* The next datagram in turn that fits. */
static struct sped_packet *next_fitting(struct sped *s, const struct stun_writer *w) {
	for (size_t left = s->count; left > 0; left--) {
		struct sped_packet *p = shift_packet(s);
		append_packet(s, p);
		if (fits(w, p))
			return p;
	}
	return NULL;
}

static void remember_carrier(struct sped_packet *p, const uint8_t *id) {
	memcpy(p->carriers[p->carrier], id, STUN_ID_SIZE);
	p->carrier = (uint8_t)((p->carrier + 1) % CARRIERS);
}

/* "It is recommended that this attribute is included before the META-DTLS-IN-STUN attribute." */
static void put_acks(struct sped *s, struct stun_writer *w) {
	uint8_t value[4 * SPED_ACKS];
	for (size_t i = 0; i < s->received_count; i++)
		put_be32(value + 4 * i, s->received[i]);
	stun_put(w, STUN_ATTR_DTLS_IN_STUN_ACK, value, 4 * s->received_count);
	s->ack_due = false;
}

void sped_compose(struct sped *s, struct stun_writer *w, enum stun_class class, const uint8_t *id) {
	if (!runs(s))
		return;
	put_acks(s, w);
	struct sped_packet *p = next_fitting(s, w);
	if (p) {
		stun_put(w, STUN_ATTR_DTLS_IN_STUN, p->data, p->len);
		if (class == STUN_REQUEST)
			remember_carrier(p, id);
	} else if (s->state != SPED_PENDING) {
		/* "If the "pending" list is empty, the attribute MUST be included with a zero-length value." Once the handshake
		 * is over it is left out instead, which shows the other side that we are done. */
		stun_put(w, STUN_ATTR_DTLS_IN_STUN, NULL, 0);
	}
}

/* ---- receiving ---- */

static void note_received(struct sped *s, uint32_t hash) {
	s->ack_due = true;
	for (size_t i = 0; i < s->received_count; i++) {
		if (s->received[i] == hash)
			return;
	}
	if (s->received_count == SPED_ACKS)
		memmove(s->received, s->received + 1, --s->received_count * sizeof *s->received);
	s->received[s->received_count++] = hash;
}

/* A message with neither attribute. The draft: it "determines that the peer does not support the protocol". A peer that was seen
 * to support it is done with its handshake: the attributes come until then, and after that it drops what we embed. While our own
 * handshake still runs, the message is an old one that others have overtaken. libwebrtc then goes on, and so do we. */
static void note_silence(struct sped *s) {
	if (s->state == SPED_TENTATIVE)
		set_state(s, SPED_OFF);
	else if (s->state == SPED_PENDING)
		set_state(s, SPED_COMPLETE);
}

struct stun_slice sped_input(struct sped *s, const struct stun_message *m) {
	struct stun_slice none = {NULL, 0};
	if (!runs(s))
		return none;
	if (!m->dtls.data && !m->dtls_ack.data) {
		note_silence(s);
		return none;
	}
	if (s->state == SPED_TENTATIVE)
		set_state(s, SPED_CONFIRMED);
	prune(s, m);

	/* "If the value portion of this attribute is empty or the first byte is not DTLS [...] the attribute SHOULD be silently
	 * discarded". */
	bool embedded = packet_kind_of(m->dtls.data, m->dtls.len) == PACKET_DTLS;
	if (embedded)
		note_received(s, crc32_ieee(m->dtls.data, m->dtls.len));

	/* All of our datagrams arrived and all of theirs are acknowledged. If that acknowledgement gets lost, the missing
	 * attributes show the other side that we are done. */
	if (s->state == SPED_PENDING && s->count == 0 && !s->ack_due)
		set_state(s, SPED_COMPLETE);
	return embedded ? m->dtls : none;
}

/* Application data (23 in DTLS 1.2) is no part of the handshake and would push the hashes that count out of the list. */
void sped_received(struct sped *s, const void *data, size_t len) {
	const uint8_t *bytes = data;
	if (runs(s) && packet_kind_of(bytes, len) == PACKET_DTLS && bytes[0] != 23)
		note_received(s, crc32_ieee(bytes, len));
}

/* ---- check ---- */

bool sped_check(const struct sped *s) {
	size_t count = 0;
	struct sped_packet *const *end = &s->first;
	for (; *end; end = &(*end)->next)
		count++;
	if (count != s->count || end != s->end || count > SPED_PACKETS || s->received_count > SPED_ACKS)
		return false;
	return runs(s) || (count == 0 && s->received_count == 0 && !s->ack_due);
}
