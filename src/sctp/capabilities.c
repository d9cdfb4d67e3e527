#include "sctp/capabilities.h"

uint32_t capabilities_of(const struct wire_init *i) {
	bool zero_checksum = i->has_zero_checksum && i->zero_checksum_method == WIRE_ZERO_CHECKSUM_DTLS;
	return (i->forward_tsn ? CAN_FORWARD_TSN : 0u) | (i->reconfig ? CAN_RECONFIG : 0u) |
	       (zero_checksum ? CAN_ZERO_CHECKSUM : 0u) | (i->i_data ? CAN_I_DATA : 0u) |
	       (i->i_forward_tsn ? CAN_I_FORWARD_TSN : 0u) | (i->pad ? CAN_PAD : 0u);
}

void capabilities_describe(uint32_t can, struct wire_init *i) {
	i->forward_tsn = can & CAN_FORWARD_TSN;
	i->reconfig = can & CAN_RECONFIG;
	i->has_zero_checksum = can & CAN_ZERO_CHECKSUM;
	i->zero_checksum_method = WIRE_ZERO_CHECKSUM_DTLS;
	i->i_data = can & CAN_I_DATA;
	i->i_forward_tsn = can & CAN_I_FORWARD_TSN;
	i->pad = can & CAN_PAD;
}

uint32_t capabilities_offered(const sluice_sctp_config *config) {
	/* Both chunks or neither: dcSCTP interleaves with a peer that lists both and not with one that lists I-DATA alone, while
	 * RFC 8260, 2.2.1, makes I-DATA alone enough; who offers both is understood alike by both readings. */
	bool interleaving = !config->no_interleaving && !config->no_pr_sctp;
	return (config->no_pr_sctp ? 0u : CAN_FORWARD_TSN) | (config->no_reconfig ? 0u : CAN_RECONFIG) |
	       (config->checksum == SLUICE_CHECKSUM_DTLS ? CAN_ZERO_CHECKSUM : 0u) |
	       (interleaving ? CAN_I_DATA | CAN_I_FORWARD_TSN : 0u) | CAN_PAD;
}

uint32_t capabilities_agreed(uint32_t ours, uint32_t theirs) {
	/* RFC 9653, 5.2: the checksum is left out only towards a peer that declared that it takes this, under the error detection
	 * method that is in use. */
	uint32_t both = ours & theirs;
	/* RFC 8260, 2.2.1: user message interleaving is negotiated when both endpoints list I-DATA among their Supported
	 * Extensions; then it is used for all user messages, and DATA for none. 2.3.1: messages can be given up then only if both
	 * list I-FORWARD-TSN too. A peer without it, which would not understand what was skipped, gets everything. */
	uint32_t forward = both & (both & CAN_I_DATA ? CAN_I_FORWARD_TSN : CAN_FORWARD_TSN);
	both &= ~(uint32_t)(CAN_FORWARD_TSN | CAN_I_FORWARD_TSN);
	return forward ? both | CAN_FORWARD_TSN : both;
}
