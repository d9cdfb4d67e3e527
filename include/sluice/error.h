/* Errors: what a negative result means. A function that can fail returns an int: 0 or more is success, below 0 is one of
 * these. */
#ifndef SLUICE_ERROR_H
#define SLUICE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SLUICE_API __attribute__((visibility("default")))
#else
#define SLUICE_API
#endif

enum sluice_error {
	SLUICE_OK = 0,
	SLUICE_WOULD_BLOCK = -1,  /* the high-water mark is reached; a writable event says when to try again */
	SLUICE_TOO_LARGE = -2,    /* the message is larger than the peer or our configuration allows */
	SLUICE_CLOSED = -3,       /* the channel, association or peer is closing or closed */
	SLUICE_INVALID = -4,      /* an argument is outside what the function's comment allows */
	SLUICE_NO_MEMORY = -5,    /* the allocator gave none; the object is unchanged */
	SLUICE_WRONG_STATE = -6,  /* the call does not fit the object's state */
	SLUICE_NOT_FOUND = -7,    /* there is no such stream, channel or file */
	SLUICE_MALFORMED = -8,    /* bytes from outside cannot be parsed */
	SLUICE_CRYPTO = -9,       /* OpenSSL refused */
	SLUICE_FINGERPRINT = -10, /* the peer's certificate is not the one that was announced */
	SLUICE_TIMED_OUT = -11,   /* the peer did not answer in time, or not within the configured number of tries */
	SLUICE_ABORTED = -12,     /* the peer's stack ended the association with an ABORT, or DTLS with a fatal alert */
	SLUICE_REFUSED = -13,     /* the peer denied the request, or nothing listens at that address */
	SLUICE_PROTOCOL = -14,    /* the peer broke the protocol in a way that ends the connection */
	SLUICE_IO = -15,          /* a system call failed; errno says why */
	SLUICE_UNSUPPORTED = -16, /* this build, this kernel or the peer lacks the feature */
	SLUICE_EXISTS = -17,      /* the id or address is in use */
	SLUICE_LIMIT = -18,       /* a documented bound was reached */
	SLUICE_RESTARTED = -19,   /* the peer restarted the association; what was in flight is lost */
	SLUICE_NO_SPACE = -20,    /* the buffer is too small */
	SLUICE_ABANDONED = -21,   /* the sender gave the message up, so the rest will not come */
};

/* The constant's name without its prefix, "WOULD_BLOCK"; "UNKNOWN" for any other number. Any thread. */
SLUICE_API const char *sluice_error_name(int error);

/* One sentence for people. Any thread. */
SLUICE_API const char *sluice_error_text(int error);

#ifdef __cplusplus
}
#endif
#endif
