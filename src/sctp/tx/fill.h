/* fill: DATA into packets: what is sent again before what is new, as much as the windows, the pace and the packet take. */
#ifndef SCTP_TX_FILL_H
#define SCTP_TX_FILL_H

#include "sctp/tx/outgoing.h"

struct sender;
struct writer;

/* A run: what nearly every packet of a batch is, new chunks, with nothing lost, held up or set aside. What may go is asked once
 * for all its packets. What is counted beside the ring and the log is written when the run ends: with the batch, or before
 * anything else looks at it. Until then
 *
 *   sent.next + chunks is the next TSN, and `flight` is what sent.flight will be
 *
 * So a packet touches this struct, its record in the log, and for each chunk its slot in the ring, its message and, among several
 * streams, its stream. */
struct fill_run {
	struct outgoing_run out; /* its stream is NULL: there is no run */
	uint64_t flight_end;     /* chunks may go while less than this is in flight, ... */
	uint64_t window_end;     /* ... and while no more than this would be */
	uint64_t flight;
	int64_t tokens; /* of the pace */
	uint32_t slots; /* in the ring */
	uint32_t room;  /* in the log */
	uint32_t whole; /* sender_payload_max() */
	uint32_t chunks, written;
};

/* Fills what is left of the packet. whole: it may be as large as the batch's first. */
void fill_packet(struct sender *tx, struct writer *w, bool whole);
/* Slots of equal size, one behind the other. */
struct fill_slots {
	uint8_t *data;
	size_t size, stride;   /* bytes of a packet; from one to the next */
	size_t most;           /* how many there are */
	const uint8_t *header; /* WIRE_HEADER_SIZE bytes with which each packet begins */
	size_t count, last;    /* packets that were written, and the length of the last one */
};
/* Fills slots with the run that fill_packet() began, and with nothing else. Returns whether yet another packet may follow: the
 * last one is full. */
bool fill_packets(struct sender *tx, struct fill_slots *s);
/* The books are right from here on. */
void fill_settle(struct sender *tx);
/* How large may the first packet of a batch be, within `room` bytes? */
size_t fill_limit(struct sender *tx, size_t room);
/* Does data wait that may leave now? */
bool fill_wants(const struct sender *tx);
/* Nothing could be written: the pacing timer is started, or the time counts as limited by the app. */
void fill_idle(struct sender *tx);
/* Bytes/s; 0: packets are not paced. */
uint64_t fill_pacing_rate(const struct sender *tx);

#endif
