/* state_name: the states of an association in words. It knows no association, so the trace below the sender may use it. */
#include "sluice/sctp.h"

const char *sluice_sctp_state_name(enum sluice_sctp_state state) {
	static const char *const names[] = {
		"CLOSED",           "COOKIE-WAIT",   "COOKIE-ECHOED",     "ESTABLISHED",
		"SHUTDOWN-PENDING", "SHUTDOWN-SENT", "SHUTDOWN-RECEIVED", "SHUTDOWN-ACK-SENT",
	};
	return (unsigned)state < sizeof names / sizeof *names ? names[state] : "UNKNOWN";
}
