/* transfer: files over one ordered channel; what `sluice send` and `sluice receive` say to each other.
 *
 * Control messages are text, one JSON object each; contents are binary messages, in order, of any size that the channel takes.
 *
 *   sender    {"type":"hello","version":1,"files":N,"bytes":B,"shows":true}
 *   receiver  {"type":"hello","version":1,"crcs":true}
 *   sender    {"type":"file","id":0,"name":"a.txt","size":S,   T in seconds since 1970. X says which file of which host this is:
 *              "mtime":T,"tag":X}                              nobody can guess it, and it stays the same
 *   receiver  {"type":"want","id":0,"offset":O,"sha256":H}     it has O bytes of that tag; H is their hash
 *             {"type":"failed","id":0,"reason":TEXT}           it does not want the file, or cannot store it; allowed at any time
 *                                                              up to "done"; what still comes of the file is dropped
 *   sender    {"type":"data","id":0,"offset":O,"crc":true}     the bytes from O on follow; 0 where the hash was another
 *   sender    binary messages
 *   receiver  {"type":"show","id":0}                           after a MiB, to a sender that "shows": what came begins as a file
 *                                                              does that is there; is it all the same one?
 *   sender    {"type":"hash","id":0,"sha256":H}                H of the whole file; it sends nothing until the answer,
 *   receiver  {"type":"more","id":0}                           which is this, or "done"
 *   sender    {"type":"end","id":0,"crc32c":C}                 of the bytes from O on, eight hexadecimal digits; for a receiver
 *                                                              that does not say "crcs", there is no "crc", and here is
 *                                                              "sha256" of the whole file instead
 *             {"type":"abort","id":0,"reason":TEXT}            instead, also instead of "data": it cannot be read any more
 *   receiver  {"type":"done","id":0,"there":B}                 the check is right and the file has its name; B: it was there
 *   sender    {"type":"file","id":1,...} or {"type":"bye"}
 *
 * Nothing that a receiver says depends on what is in its folder, but for the parts of the same tag, until the sender has shown a
 * MiB of the file and then the hash of all of it. "tag", "shows", "show", "hash", "more", "there", "crcs", "crc" and "crc32c"
 * came later: an end that knows none of them does without.
 *
 * SHA-256 says which file something is, where one of the two has it already, or a part. What arrives is checked by CRC32c. DTLS
 * protects it on the way, so the check is for mistakes at the ends, which no attacker chooses. SHA-256 would cost as much as
 * sending and receiving do, and AES-128-GMAC three times as much as CRC32c.
 *
 * Behind "bye" the receiver closes the channel. Each side is a machine without a channel, a loop or a clock: messages go in with
 * _message(), work is done in slices by _work(), so that hashing a large file does not stop the connection's timers. A large file
 * is hashed, read and written on threads (worker.h), as far as the wire allows. */
#ifndef TOOLS_TRANSFER_H
#define TOOLS_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/uio.h>

#include "crypto/crypto.h" /* CRYPTO_SHA256_SIZE */
#include "tools/worker.h"

#define TRANSFER_VERSION 1
#define TRANSFER_LABEL "files"
#define TRANSFER_PROTOCOL "sluice-files"
/* A control message is never longer: a name has at most 255 bytes, a reason is cut. */
#define TRANSFER_CONTROL_MAX 8192
#define TRANSFER_CHUNK_MAX 65536
/* So much of a file has to come before its hash is asked for. */
#define TRANSFER_PROOF (1 << 20)

struct transfer_wire {
	/* Sends one message. 0, SLUICE_WOULD_BLOCK (work() is called again when there is room), or another error. */
	int (*send)(void *ctx, bool text, const void *data, size_t len);
	void *ctx;
	/* The same with bytes that are lent until release(arg), which comes only when 0 was returned. NULL: everything goes by
	 * send. */
	int (*lend)(void *ctx, const void *data, size_t len, void (*release)(void *arg), void *arg);
	/* Another thread says that work() is to be called. NULL: there are no threads, work() hashes, reads and writes. */
	void (*wake)(void *ctx);
	/* With wake: when files are read and written on threads too. */
	enum worker_thread io_thread;
};

enum transfer_event {
	TRANSFER_FILE_BEGINS,    /* contents come or go from `at` on */
	TRANSFER_FILE_DONE,      /* the other side has it, by hash; at == size */
	TRANSFER_FILE_WAS_THERE, /* the same file was there already, also when that showed at its end only */
	TRANSFER_FILE_FAILED,    /* reason says why; the next one follows */
	TRANSFER_FINISHED,       /* nothing follows */
	TRANSFER_BROKEN,         /* the other side does not keep to the protocol, or the channel refuses: reason */
};

struct transfer_progress {
	const char *name;   /* of the file under way, or NULL */
	const char *reason; /* of FAILED and BROKEN */
	const char *stored; /* of DONE: the name that it got, when that is another */
	uint64_t size, at, resumed_at;
	bool checking; /* what is there already is hashed: `at` of `size` */
	uint64_t files, files_done, files_failed;
};

typedef void (*transfer_event_fn)(void *ctx, enum transfer_event event, const struct transfer_progress *p);

/* ---- transfer_sender.c ---- */

struct file_sender;

/* The paths must outlive it. NULL when there is no memory. chunk: bytes of one binary message, at most TRANSFER_CHUNK_MAX. */
struct file_sender *file_sender_new(char *const *paths, size_t count, size_t chunk, const struct transfer_wire *wire,
                                    transfer_event_fn event, void *ctx);
void file_sender_free(struct file_sender *s);
void file_sender_message(struct file_sender *s, bool text, const void *data, size_t len);
/* True when it wants to be called again at once; false when it waits for a message or for room. */
bool file_sender_work(struct file_sender *s);
void file_sender_progress(const struct file_sender *s, struct transfer_progress *p);

/* ---- transfer_receiver.c ---- */

struct file_receiver;

/* Files are made in the folder. force: what is there already is replaced; else a file gets another name. NULL with errno when the
 * folder cannot be used. */
struct file_receiver *file_receiver_new(const char *folder, bool force, const struct transfer_wire *wire, transfer_event_fn event,
                                        void *ctx);
void file_receiver_free(struct file_receiver *r);
void file_receiver_message(struct file_receiver *r, bool text, const void *data, size_t len);
/* A binary message in pieces. True: the bytes stay where they are until release(arg), which work() or free() calls. False:
 * release is not called. */
bool file_receiver_bytes(struct file_receiver *r, const struct iovec *iov, size_t count, void (*release)(void *arg), void *arg);
bool file_receiver_work(struct file_receiver *r);
void file_receiver_progress(const struct file_receiver *r, struct transfer_progress *p);

/* ---- transfer.c: what both need ---- */

/* The name under which a file is stored: the last part of what the other side says, with '_' for a leading dot and for each
 * character that does not print, so that it stays in its folder and shows in it as what it is. False when nothing is left or it
 * is too long for its .part. */
bool transfer_safe_name(const char *name, char *out, size_t size);
/* "the other side: " and its reason (NULL: it gave none), fit for a terminal. */
void transfer_reason(const char *reason, char *text, size_t size);
#define TRANSFER_HEX_MAX (2 * CRYPTO_SHA256_SIZE + 1)
void transfer_hex(const uint8_t *bytes, size_t len, char *hex);
/* Ends the CRC32c and writes it as text. */
void transfer_crc(uint32_t state, char hex[TRANSFER_HEX_MAX]);

/* Control messages wait here for room in the channel: the protocol has few under way at any time. */
struct transfer_outbox {
	char *texts[8];
	size_t count;
};
/* Takes a json_t over. False when there is no memory or no room, which ends the transfer. */
struct json_t;
bool transfer_put(struct transfer_outbox *o, struct json_t *json);
/* 0 when nothing waits any more, else what the wire said. */
int transfer_flush(struct transfer_outbox *o, const struct transfer_wire *wire);
void transfer_clear(struct transfer_outbox *o);

/* The object in a control message; *type is its "type", valid as long as it. NULL when it is none. */
struct json_t *transfer_parse(const void *data, size_t len, const char **type);

#endif
