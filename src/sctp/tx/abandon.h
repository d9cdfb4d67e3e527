/* abandon: what does giving up a message that has TSNs mean for the ring of chunks and for the queue?
 *
 * Its chunks in the ring become ABANDONED, its bytes in the queue are dropped, and the app's books are kept by `outgoing`. A
 * message that was not cut to its end, or not begun, gets one more TSN, so that FORWARD-TSN can pass over it. A message that the
 * app gives piece by piece is a row of parts, and all of them go. When a message is given up is prsctp's question. */
#ifndef SCTP_TX_ABANDON_H
#define SCTP_TX_ABANDON_H

#include "sctp/tx/outstanding.h"

/* Gives up a message that has TSNs: RFC 3758, 3.5, A. */
void abandon_message(struct outstanding *o, struct tx_message *m);
/* Gives up the message that the app has begun on the stream and not ended. */
void abandon_open(struct outstanding *o, struct tx_stream *s);
/* Gives up messages with a retransmission limit whose lost chunks have used it up. Returns how many. */
size_t abandon_exhausted(struct outstanding *o);

#endif
