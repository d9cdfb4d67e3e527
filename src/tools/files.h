/* files: what `sluice send` and `sluice receive` have in common: one channel, a machine of transfer.h on it, and the words about
 * it. */
#ifndef TOOLS_FILES_H
#define TOOLS_FILES_H

#include "tools/link.h"
#include "tools/progress.h"

struct files {
	struct link link;
	sluice_channel *channel;
	ev_timer soon, draw;
	ev_async woken; /* by a thread that hashes */
	struct progress progress;
	int exit_code;
	bool interrupted; /* how far it came is told at the very end: closing delivers what is under way */
	uint64_t lost;    /* bytes, about, that the channel took and did not deliver before it closed */
	bool finished;    /* all is said; only the channel has to close */
	bool receives;    /* it closes the channel at the end */
	const char *did;  /* "sent" or "received" */

	void *machine; /* a sender or receiver, ours; each function is one of it */
	void (*free)(void *machine);
	void (*message)(void *machine, bool text, const void *data, size_t len);
	/* A binary message; true: release(arg) follows. NULL: by message. */
	bool (*bytes)(void *machine, const struct iovec *iov, size_t count, void (*release)(void *arg), void *arg);
	bool (*work)(void *machine);
	void (*get_progress)(const void *machine, struct transfer_progress *p);
};

/* For the machine: its wire and its event function; ctx is the struct files. */
int files_send(void *ctx, bool text, const void *data, size_t len);
int files_lend(void *ctx, const void *data, size_t len, void (*release)(void *arg), void *arg);
void files_wake(void *ctx);
void files_event(void *ctx, enum transfer_event event, const struct transfer_progress *p);

/* Runs it and returns the exit code. The machine was made before, and is freed. By hand the sender offers. */
int files_run(struct files *f, struct link_options *options);

#endif
