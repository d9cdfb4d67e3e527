/* The environment: the allocator, the entropy, the log and the pools that the objects of one thread share.
 *
 * Here too are the shapes in which bytes enter and leave the library: datagrams come in, batches of datagrams go out, and
 * messages go up to the app.
 *
 * A time is a uint64_t of nanoseconds since any fixed point; SLUICE_NEVER means that there is none. Only loop.h reads a clock. */
#ifndef SLUICE_ENV_H
#define SLUICE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "sluice/error.h"
#include "sluice/log.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_NEVER UINT64_MAX
#define SLUICE_US UINT64_C(1000)
#define SLUICE_MS UINT64_C(1000000)
#define SLUICE_S UINT64_C(1000000000)

/* ---- the environment -------------------------------------------------------------------------------------------- */

typedef struct sluice_env sluice_env;

/* The app's functions for memory. */
typedef struct sluice_allocator {
	/* Returns memory that is aligned for any type; it need not be zeroed. NULL when there is none. */
	void *(*alloc)(void *ctx, size_t size);
	/* Takes NULL too. */
	void (*free)(void *ctx, void *p);
	void *ctx;
} sluice_allocator;

/* Zero in a field means its default. */
typedef struct sluice_env_config {
	/* ---- hooks ---- */

	/* Default: mimalloc if the library was built with it, otherwise malloc */
	sluice_allocator allocator;
	/* Fills buf with len unpredictable bytes. A test may give a seeded one. Default: the kernel's getrandom */
	void (*entropy)(void *ctx, void *buf, size_t len);
	void *entropy_ctx;
	/* Default: no log */
	sluice_log_fn log;
	void *log_ctx;
	/* The most detailed level that is logged. Default: SLUICE_LOG_ERROR */
	enum sluice_log_level log_level;

	/* ---- memory ---- */

	/* Bytes of a receive slab. Default: 65536, which holds one GRO read */
	size_t slab_size;
	/* The most slabs that messages and packets may hold. Payload in a slab that is taken beyond this number is copied out of
	 * it. A forwarder keeps what it sent in the last second for repairs, in slabs that all its watchers share: up to 8 slabs
	 * for each Mb/s that comes in. With fewer, each watcher has a copy. Default: 64 */
	size_t slab_limit;
	/* Receive windows grow with what their paths need (receive_window_max in sctp.h). All associations of the environment
	 * together may promise this many bytes beyond their initial windows. What peers send may take twice as much memory.
	 * Default: 256 MiB */
	uint64_t window_budget;
	/* Send buffers grow with what their paths need (high_water in sctp.h). When all associations of the environment together
	 * hold this many bytes that are not acknowledged, streams take no more than they did before they grew: 1 MiB each. Marks
	 * that the app has set hold in any case. Default: 256 MiB */
	uint64_t send_budget;
	/* Bytes of free blocks and slabs that are kept for reuse. When the streams of a forwarder pause, it gets 50 KB back for
	 * each Mb/s that it sends; kept, they need not be allocated again. Default: 4 MiB */
	size_t cache_limit;
} sluice_env_config;

/* Makes an environment. config may be NULL. Everything made from it must be used on one thread at a time, and be freed before it.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_env_new(const sluice_env_config *config, sluice_env **out);
SLUICE_API void sluice_env_free(sluice_env *env);

/* ---- slabs: where received datagrams live ----------------------------------------------------------------------- */

/* A reference-counted buffer. A driver reads datagrams into one, gives them to input() and drops its reference. An engine that
 * keeps bytes takes a reference of its own, so nothing is copied on the way to the app. */
typedef struct sluice_slab sluice_slab;

/* Returns a slab with one reference, which is the caller's; NULL when there is no memory. */
SLUICE_API sluice_slab *sluice_slab_get(sluice_env *env);
/* Adds a reference. */
SLUICE_API void sluice_slab_ref(sluice_slab *slab);
/* Drops a reference; the last one frees the slab. NULL is allowed. */
SLUICE_API void sluice_slab_unref(sluice_slab *slab);
SLUICE_API uint8_t *sluice_slab_data(sluice_slab *slab);
SLUICE_API size_t sluice_slab_size(const sluice_slab *slab);
/* True when only the caller holds the slab, so that it can be filled again. */
SLUICE_API bool sluice_slab_is_unshared(const sluice_slab *slab);

/* ---- datagrams in ----------------------------------------------------------------------------------------------- */

/* One received datagram. The library may overwrite its bytes, because records are decrypted in place. */
typedef struct sluice_datagram {
	uint8_t *data;
	size_t len;
	/* The slab that data points into. NULL: the bytes live only during the call, and the engines copy what they keep. */
	sluice_slab *slab;
} sluice_datagram;

/* Where a batch came from, or where it goes. */
typedef struct sluice_path {
	/* A number that the driver chose for its socket. The engines only hand it back. */
	uint32_t socket;
	socklen_t remote_len;
	struct sockaddr_storage remote;
} sluice_path;

/* ---- batches out ------------------------------------------------------------------------------------------------ */

/* A run of datagrams in equal slots, ready for one UDP_SEGMENT send. Slot i starts at data + i * stride and is stride bytes long;
 * the last slot is `last` bytes long, which is at most stride.
 *
 * A slot is headroom, a datagram, and tailroom. A layer asks the layer above it to leave room for its header and trailer, and
 * then encrypts in place. */
typedef struct sluice_batch {
	/* ---- in ---- */

	/* The space and its size in bytes. */
	uint8_t *data;
	size_t capacity;
	/* The most datagrams to write; 0: as many as fit. */
	size_t max_datagrams;
	/* Bytes to leave before and behind each datagram for the layers below; 0 at the bottom. */
	size_t headroom, tailroom;

	/* ---- out ---- */

	/* How many datagrams were written. */
	size_t count;
	size_t stride, last;
	/* Where to send them. Socket and address are as the peer was given them. */
	sluice_path path;
} sluice_batch;

/* All bytes of the batch, rooms included: what goes to the socket. */
static inline size_t sluice_batch_len(const sluice_batch *b) {
	return b->count == 0 ? 0 : (b->count - 1) * b->stride + b->last;
}
static inline uint8_t *sluice_batch_slot(const sluice_batch *b, size_t i) {
	return b->data + i * b->stride;
}
static inline size_t sluice_batch_slot_len(const sluice_batch *b, size_t i) {
	return i + 1 == b->count ? b->last : b->stride;
}

/* ---- messages up ------------------------------------------------------------------------------------------------ */

/* A received message, or a part of one, as slices of the slabs that it came in. Read-only.
 *
 * It is reference-counted. sluice_sctp_poll() gives one reference to its caller. A callback's message is released after the
 * callback, unless the callback retained it. Its bytes count against the receive window until the last reference is dropped. It
 * may outlive the association, but not the environment. */
typedef struct sluice_message {
	uint16_t stream;
	bool unordered;
	/* Is this the first part of its message, is it the last? Both are true unless the app asked for parts
	 * (sluice_sctp_config.partial_delivery). */
	bool first, last;
	/* Not 0 in an empty last part: the rest of the message will never come. */
	int error;
	uint32_t ppid;
	/* Bytes in all slices. */
	size_t len;
	/* The slices; an empty message has none. */
	size_t count;
	const struct iovec *iov;
	/* Where the part begins in its message. */
	uint64_t offset;
} sluice_message;

/* Adds a reference. */
SLUICE_API void sluice_message_retain(sluice_message *m);
/* Drops a reference; the last one frees the message. NULL is allowed. */
SLUICE_API void sluice_message_release(sluice_message *m);

/* Returns the message in one piece: its only slice, or a copy that is made once and freed with the message. NULL when there is no
 * memory for the copy. For an empty message it returns a pointer that must not be read. */
SLUICE_API const void *sluice_message_data(sluice_message *m);

/* Called once when the library no longer reads memory that was lent to it. */
typedef void (*sluice_release_fn)(void *ctx);

#ifdef __cplusplus
}
#endif
#endif
