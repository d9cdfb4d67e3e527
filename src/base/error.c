/* error: names and sentences for the numbers in sluice/error.h. */
#include "sluice/error.h"

static const struct {
	const char *name, *text;
} errors[] = {
	[-SLUICE_OK] = {"OK", "no error"},
	[-SLUICE_WOULD_BLOCK] = {"WOULD_BLOCK", "the send buffer is full; wait for the writable event"},
	[-SLUICE_TOO_LARGE] = {"TOO_LARGE", "the message is larger than the receiver accepts"},
	[-SLUICE_CLOSED] = {"CLOSED", "the channel or connection is closed"},
	[-SLUICE_INVALID] = {"INVALID", "an argument is out of range"},
	[-SLUICE_NO_MEMORY] = {"NO_MEMORY", "the allocator has no memory"},
	[-SLUICE_WRONG_STATE] = {"WRONG_STATE", "the call does not fit the current state"},
	[-SLUICE_NOT_FOUND] = {"NOT_FOUND", "there is no such thing"},
	[-SLUICE_MALFORMED] = {"MALFORMED", "the data does not parse"},
	[-SLUICE_CRYPTO] = {"CRYPTO", "the crypto library reported an error"},
	[-SLUICE_FINGERPRINT] = {"FINGERPRINT", "the peer's certificate does not match its announced fingerprint"},
	[-SLUICE_TIMED_OUT] = {"TIMED_OUT", "the peer did not answer"},
	[-SLUICE_ABORTED] = {"ABORTED", "the peer aborted the connection"},
	[-SLUICE_REFUSED] = {"REFUSED", "the peer refused"},
	[-SLUICE_PROTOCOL] = {"PROTOCOL", "the peer violated the protocol"},
	[-SLUICE_IO] = {"IO", "a system call failed"},
	[-SLUICE_UNSUPPORTED] = {"UNSUPPORTED", "the feature is not available"},
	[-SLUICE_EXISTS] = {"EXISTS", "it is already in use"},
	[-SLUICE_LIMIT] = {"LIMIT", "a configured limit was reached"},
	[-SLUICE_RESTARTED] = {"RESTARTED", "the peer restarted the connection"},
	[-SLUICE_NO_SPACE] = {"NO_SPACE", "the buffer is too small"},
	[-SLUICE_ABANDONED] = {"ABANDONED", "the sender gave the message up"},
};

#define ERROR_COUNT ((int)(sizeof errors / sizeof *errors))

const char *sluice_error_name(int error) {
	return error <= 0 && -error < ERROR_COUNT ? errors[-error].name : "UNKNOWN";
}

const char *sluice_error_text(int error) {
	return error <= 0 && -error < ERROR_COUNT ? errors[-error].text : "unknown error";
}
