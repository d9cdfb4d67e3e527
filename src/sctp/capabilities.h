/* capabilities: which extensions does an INIT or INIT-ACK declare, which do we, and which of them are used then?
 *
 * One set of bits goes the whole way: out of the peer's chunk, through the cookie, into the association and its hand-over. A new
 * extension is a bit here, a line in capabilities_of() and capabilities_describe(), and one in capabilities_offered(). */
#ifndef SCTP_CAPABILITIES_H
#define SCTP_CAPABILITIES_H

#include "sluice/sctp.h"
#include "wire/wire.h"

/* Cookies hold these bits as they are. */
enum capability {
	CAN_FORWARD_TSN = 1 << 0,   /* RFC 3758; agreed: messages can be given up, whatever the kind of chunk */
	CAN_RECONFIG = 1 << 1,      /* RFC 6525 */
	CAN_ZERO_CHECKSUM = 1 << 2, /* RFC 9653, over DTLS */
	CAN_I_DATA = 1 << 3,        /* RFC 8260; agreed: I-DATA and I-FORWARD-TSN in place of DATA and FORWARD-TSN, both ways */
	CAN_I_FORWARD_TSN = 1 << 4,
	CAN_PAD = 1 << 5, /* RFC 4820 */
};

/* What the peer declares. */
uint32_t capabilities_of(const struct wire_init *i);
/* Declares these in an INIT or INIT-ACK of ours. */
void capabilities_describe(uint32_t can, struct wire_init *i);
/* What the configuration lets us declare. */
uint32_t capabilities_offered(const sluice_sctp_config *config);
/* What is used between two sides that declare these. */
uint32_t capabilities_agreed(uint32_t ours, uint32_t theirs);

#endif
