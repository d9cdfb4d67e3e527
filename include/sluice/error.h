/* Errors: every function that can fail returns an int; 0 or more is success, below 0 is one of these. */
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
	SLUICE_WOULD_BLOCK = -1,  /* not now: the high-water mark is reached; a writable event follows */
	SLUICE_TOO_LARGE = -2,    /* the message is larger than the peer (or our configuration) takes */
	SLUICE_CLOSED = -3,       /* the channel, association or peer is closed or closing */
	SLUICE_INVALID = -4,      /* an argument is outside what the function's comment allows */
	SLUICE_NO_MEMORY = -5,    /* the allocator gave nothing; the object is unchanged */
	SLUICE_WRONG_STATE = -6,  /* the call does not fit the state the object is in */
	SLUICE_NOT_FOUND = -7,    /* no such stream, channel or file */
	SLUICE_MALFORMED = -8,    /* bytes from outside do not parse */
	SLUICE_CRYPTO = -9,       /* the crypto library refused */
	SLUICE_FINGERPRINT = -10, /* the peer's certificate is not the one that was announced */
	SLUICE_TIMED_OUT = -11,   /* the peer did not answer within the configured number of tries */
	SLUICE_ABORTED = -12,     /* the peer's stack ended the association with an ABORT, or DTLS with a fatal alert */
	SLUICE_REFUSED = -13,     /* the peer denied the request, or nothing listens at that address */
	SLUICE_PROTOCOL = -14,    /* the peer broke the protocol so that going on is impossible */
	SLUICE_IO = -15,          /* a system call failed; errno tells why */
	SLUICE_UNSUPPORTED = -16, /* this build, this kernel or the peer has no such feature */
	SLUICE_EXISTS = -17,      /* the id or address is taken */
	SLUICE_LIMIT = -18,       /* a stated bound was reached */
	SLUICE_RESTARTED = -19,   /* the peer restarted the association; what was in flight is lost */
	SLUICE_NO_SPACE = -20,    /* the buffer given is too small */
	SLUICE_ABANDONED = -21,   /* the sender gave the message up; its rest will not come */
};

/* The constant's name without the prefix, "WOULD_BLOCK"; "UNKNOWN" for a number that is none. Any thread. */
SLUICE_API const char *sluice_error_name(int error);

/* One sentence for people. Any thread. */
SLUICE_API const char *sluice_error_text(int error);

#ifdef __cplusplus
}
#endif
#endif
