/* ack: what has the peer? SACKs, the cumulative TSN of a SHUTDOWN, and T3, which says that it answers nothing. RFC 9260, 6.2.1
 * and 6.3. The first two return bits of enum sender_news. */
#ifndef SCTP_TX_ACK_H
#define SCTP_TX_ACK_H

#include "sctp/tx/sender.h"

unsigned ack_sack(struct sender *tx, const struct wire_chunk *c);
unsigned ack_cumulative(struct sender *tx, uint32_t cum_tsn);
/* T3 has expired over something outstanding, and the association goes on. */
void ack_timeout(struct sender *tx);

#endif
