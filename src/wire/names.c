/* names: the RFCs' names of chunk types and error causes, for logs and traces. */
#include "wire/wire.h"

static const char *const chunk_names[256] = {
	[WIRE_DATA] = "DATA",
	[WIRE_INIT] = "INIT",
	[WIRE_INIT_ACK] = "INIT-ACK",
	[WIRE_SACK] = "SACK",
	[WIRE_HEARTBEAT] = "HEARTBEAT",
	[WIRE_HEARTBEAT_ACK] = "HEARTBEAT-ACK",
	[WIRE_ABORT] = "ABORT",
	[WIRE_SHUTDOWN] = "SHUTDOWN",
	[WIRE_SHUTDOWN_ACK] = "SHUTDOWN-ACK",
	[WIRE_ERROR] = "ERROR",
	[WIRE_COOKIE_ECHO] = "COOKIE-ECHO",
	[WIRE_COOKIE_ACK] = "COOKIE-ACK",
	[WIRE_ECNE] = "ECNE",
	[WIRE_CWR] = "CWR",
	[WIRE_SHUTDOWN_COMPLETE] = "SHUTDOWN-COMPLETE",
	[WIRE_AUTH] = "AUTH",
	[WIRE_I_DATA] = "I-DATA",
	[WIRE_ASCONF_ACK] = "ASCONF-ACK",
	[WIRE_RE_CONFIG] = "RE-CONFIG",
	[WIRE_PAD] = "PAD",
	[WIRE_FORWARD_TSN] = "FORWARD-TSN",
	[WIRE_ASCONF] = "ASCONF",
	[WIRE_I_FORWARD_TSN] = "I-FORWARD-TSN",
};

const char *wire_chunk_name(uint8_t type) {
	return chunk_names[type] ? chunk_names[type] : "UNKNOWN";
}

/* RFC 9260, 3.3.10. */
static const char *const cause_names[] = {
	[WIRE_CAUSE_INVALID_STREAM] = "Invalid Stream Identifier",
	[WIRE_CAUSE_MISSING_PARAM] = "Missing Mandatory Parameter",
	[WIRE_CAUSE_STALE_COOKIE] = "Stale Cookie",
	[WIRE_CAUSE_OUT_OF_RESOURCE] = "Out of Resource",
	[WIRE_CAUSE_UNRESOLVABLE_ADDRESS] = "Unresolvable Address",
	[WIRE_CAUSE_UNRECOGNIZED_CHUNK] = "Unrecognized Chunk Type",
	[WIRE_CAUSE_INVALID_PARAM] = "Invalid Mandatory Parameter",
	[WIRE_CAUSE_UNRECOGNIZED_PARAMS] = "Unrecognized Parameters",
	[WIRE_CAUSE_NO_USER_DATA] = "No User Data",
	[WIRE_CAUSE_COOKIE_WHILE_SHUTTING_DOWN] = "Cookie Received While Shutting Down",
	[WIRE_CAUSE_RESTART_NEW_ADDRESS] = "Restart of an Association with New Addresses",
	[WIRE_CAUSE_USER_ABORT] = "User-Initiated Abort",
	[WIRE_CAUSE_PROTOCOL_VIOLATION] = "Protocol Violation",
};

#define CAUSE_COUNT (sizeof cause_names / sizeof *cause_names)

const char *wire_cause_name(uint16_t cause) {
	return cause < CAUSE_COUNT && cause_names[cause] ? cause_names[cause] : "Unknown Cause";
}
