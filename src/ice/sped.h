/* sped: which datagram of the DTLS handshake rides in the next check, and which have arrived? DTLS embedded in STUN,
 * draft-hancke-webrtc-sped, with the states of libwebrtc, the stack that implements it.
 *
 * There are two attributes: one datagram of DTLS (an empty value: none), and up to four CRC-32s of datagrams that came. Datagrams
 * that have not arrived are sent in turn, again and again, until they are acknowledged: by their hash, or by the answer to the
 * request that carried them. This file knows no pairs and no time, sends nothing by itself, and looks at no more of DTLS than its
 * first byte.
 *
 *   off        not offered, or the other side was seen not to do it
 *   tentative  offered; nothing of the other side's has come yet
 *   confirmed  the other side does it too
 *   pending    the handshake is over here; the other side may still miss our last flight or our acknowledgements
 *   complete   over on both sides: messages go without the attributes again
 *
 *   count == datagrams in the list, and count <= SPED_PACKETS
 *   received_count <= SPED_ACKS
 *   off or complete: count == 0 and received_count == 0
 *
 * Memory: the length of the flight that waits, at most SPED_PACKETS * (SPED_PACKET_MAX + about 150) bytes; nothing afterwards. */
#ifndef ICE_SPED_H
#define ICE_SPED_H

#include "ice/stun.h"
#include "pool/env.h"
#include "sluice/env.h"

#define SPED_PACKETS 16
#define SPED_PACKET_MAX 1500
#define SPED_ACKS 4 /* the draft: "up to four CRC-32 values" */

enum sped_state { SPED_OFF, SPED_TENTATIVE, SPED_CONFIRMED, SPED_PENDING, SPED_COMPLETE };

struct sped_packet;

struct sped {
	sluice_env *env;
	enum sped_state state;
	struct sped_packet *first, **end; /* datagrams of our flight that are not acknowledged; the first is next */
	size_t count;
	uint32_t received[SPED_ACKS]; /* hashes of datagrams that came, oldest first */
	size_t received_count;
	bool ack_due; /* something came since the acknowledgements were last sent */
};

/* Off. Needs sped_free in any state. */
void sped_init(struct sped *s, sluice_env *env);
void sped_free(struct sped *s);

/* Offered or agreed: tentative, with empty lists. Nothing when it runs already. */
void sped_start(struct sped *s);
/* Not agreed, or the other side is known to be through (decrypted application data came): off, or complete when pending. */
void sped_stop(struct sped *s);
/* Is embedding of use for the handshake: tentative or confirmed? */
bool sped_active(const struct sped *s);

/* A flight of the DTLS layer, new or repeated, in place of the last. Its first SPED_PACKETS datagrams are copied, except those
 * longer than SPED_PACKET_MAX. Nothing when off or complete. Returns 0, or
 *   SLUICE_NO_MEMORY  the list holds what could be copied */
int sped_flight(struct sped *s, const sluice_datagram *datagrams, size_t count);

/* Appends the attributes to a Binding request or success response that is being written, before its integrity. A datagram that
 * would not leave room for integrity and fingerprint waits, and the next one goes. */
void sped_compose(struct sped *s, struct stun_writer *w, enum stun_class class, const uint8_t *id);

/* A Binding request or success response whose integrity is right came. Returns the datagram of DTLS in it, a slice of m, for the
 * DTLS layer; data NULL when there is none. A datagram that comes again is returned again, since DTLS drops replays by itself. */
struct stun_slice sped_input(struct sped *s, const struct stun_message *m);

/* A datagram of DTLS came outside STUN. */
void sped_received(struct sped *s, const void *data, size_t len);

/* The DTLS 1.2 handshake is over at this side. */
void sped_handshake_done(struct sped *s, bool client);

bool sped_check(const struct sped *s);

#endif
