/* prsctp: when is a message given up, and how does the peer learn of it? RFC 3758, 3.5, and RFC 7496: lifetimes, limits of
 * retransmissions, the app's cancelling; and the FORWARD-TSN that passes over what was given up. What giving up means for the
 * ring and the queue is abandon's question. */
#ifndef SCTP_TX_PRSCTP_H
#define SCTP_TX_PRSCTP_H

#include "sctp/tx/sender.h"

/* Gives up messages whose lifetime has ended. */
void prsctp_expire(struct sender *tx);
/* What is queued is held up: from here on until the queue is empty, messages of few retransmissions do not go out late. */
void prsctp_held_up(struct sender *tx);
/* Gives up what may not be sent again. */
void prsctp_exhausted(struct sender *tx);
/* Gives up the message that is open on the stream, if there is one. */
void prsctp_cancel(struct sender *tx, struct tx_stream *s);

/* A FORWARD-TSN is due when the point that it names has moved, or a round trip has passed since the last one. */
void prsctp_forward(struct sender *tx);
/* Writes the FORWARD-TSN or I-FORWARD-TSN if there is room for a long one. */
void prsctp_write_forward_tsn(struct sender *tx, struct writer *w);

#endif
