/* state: the states of an association, by RFC 9260, 4, and the extensions in use; what either means for the sender and the
 * receiver. */
#include "sctp/association.h"

void state_enter(sluice_sctp *a, enum sluice_sctp_state state) {
	static const uint8_t phases[] = {
		[SLUICE_SCTP_CLOSED] = SENDER_CLOSED,           [SLUICE_SCTP_COOKIE_WAIT] = SENDER_CLOSED,
		[SLUICE_SCTP_COOKIE_ECHOED] = SENDER_EARLY,     [SLUICE_SCTP_ESTABLISHED] = SENDER_OPEN,
		[SLUICE_SCTP_SHUTDOWN_PENDING] = SENDER_ENDING, [SLUICE_SCTP_SHUTDOWN_SENT] = SENDER_CLOSED,
		[SLUICE_SCTP_SHUTDOWN_RECEIVED] = SENDER_ENDED, [SLUICE_SCTP_SHUTDOWN_ACK_SENT] = SENDER_CLOSED,
	};
	a->state = state;
	a->tx.phase = phases[state];
}

void state_use(sluice_sctp *a, uint32_t can) {
	a->can = can;
	sender_negotiate(&a->tx, can & CAN_I_DATA, can & CAN_FORWARD_TSN);
	receiver_negotiate(&a->rx, can & CAN_I_DATA, can & CAN_FORWARD_TSN);
}
