/* The environment: the allocator, the entropy, the log and the pools that the objects of one thread share.
 *
 * Also the two shapes in which bytes cross the library's edge below (datagrams in, batches out) and the one in which
 * they cross it above (messages).
 *
 * Time is everywhere a uint64_t of nanoseconds from any fixed point; SLUICE_NEVER means "no time at all". The library
 * never reads a clock outside loop.h. */
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

typedef struct sluice_env sluice_env;

/* alloc returns NULL when it has none; memory need not be zeroed, but must be aligned for any type. free takes NULL. */
typedef struct sluice_allocator {
	void *(*alloc)(void *ctx, size_t size);
	void (*free)(void *ctx, void *p);
	void *ctx;
} sluice_allocator;

typedef struct sluice_env_config {
	sluice_allocator allocator; /* all NULL: mimalloc where the library was built with it, else malloc */

	/* Fills buf with len unpredictable bytes. NULL: the kernel's getrandom. A test gives a seeded one. */
	void (*entropy)(void *ctx, void *buf, size_t len);
	void *entropy_ctx;

	sluice_log_fn log; /* NULL: silence */
	void *log_ctx;
	enum sluice_log_level log_level;

	size_t slab_size;  /* bytes of one receive slab; 0: 65536, one GRO read */
	size_t slab_limit; /* slabs that retained messages may hold at once; beyond it payload is copied. 0: 64 */
	/* Receive windows grow with what their paths need (sctp.h, receive_window_max). All associations of the environment
	 * together may promise this many bytes beyond their initial windows; what peers make of a promise may take twice of it in
	 * memory. 0: 256 MiB */
	uint64_t window_budget;
	size_t cache_limit; /* bytes of free blocks kept for reuse; 0: 4 MiB, so that a full high-water mark fits */
} sluice_env_config;

/* Makes an environment. config may be NULL. Everything made from it must be used on one thread at a time and be freed
 * before it. Returns 0 or SLUICE_NO_MEMORY. */
SLUICE_API int sluice_env_new(const sluice_env_config *config, sluice_env **out);
SLUICE_API void sluice_env_free(sluice_env *env);

/* ---- slabs: where received datagrams live ------------------------------------------------------------------------ */

/* A reference-counted buffer. A driver reads datagrams into one, gives them to input(), and drops its reference; what
 * the engines keep they keep by references of their own, so nothing is copied on the way to the app. */
typedef struct sluice_slab sluice_slab;

/* A slab with one reference, the caller's; NULL when there is no memory. */
SLUICE_API sluice_slab *sluice_slab_get(sluice_env *env);
SLUICE_API void sluice_slab_unref(sluice_slab *slab);
SLUICE_API uint8_t *sluice_slab_data(sluice_slab *slab);
SLUICE_API size_t sluice_slab_size(const sluice_slab *slab);
/* True when nobody but the caller holds the slab, so that it can be filled again. */
SLUICE_API bool sluice_slab_is_unshared(const sluice_slab *slab);

/* ---- datagrams in ------------------------------------------------------------------------------------------------ */

/* One received datagram. slab is the slab that data points into, or NULL: then the engines copy what they keep, and
 * data need only live through the call. The bytes may be overwritten (records are opened in place). */
typedef struct sluice_datagram {
	uint8_t *data;
	size_t len;
	sluice_slab *slab;
} sluice_datagram;

/* Where a batch came from or goes to. `socket` is a number that the driver chose for its socket; an engine hands it back
 * and never looks into it. */
typedef struct sluice_path {
	uint32_t socket;
	socklen_t remote_len;
	struct sockaddr_storage remote;
} sluice_path;

/* ---- batches out ------------------------------------------------------------------------------------------------- */

/* A run of equal slots, ready for one UDP_SEGMENT send. Slot i starts at data + i * stride; each is stride bytes long
 * but the last one, which is `last` bytes long and never longer than the others. A slot is headroom + a datagram +
 * tailroom: a layer asks the layers above it to leave room for its own header and trailer, and then seals in place. */
typedef struct sluice_batch {
	uint8_t *data;        /* in: the space */
	size_t capacity;      /* in: its bytes */
	size_t max_datagrams; /* in: at most so many; 0: as many as fit */
	size_t headroom;      /* in: bytes before each datagram for the layers below; 0 at the bottom */
	size_t tailroom;      /* in: bytes behind it */
	size_t count;         /* out: datagrams */
	size_t stride;        /* out */
	size_t last;          /* out */
	sluice_path path;     /* out: where to send it; socket and address as the peer was given them */
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

/* ---- messages up ------------------------------------------------------------------------------------------------- */

/* A received message: slices of the slabs it came in. Read-only. The receiver of the message owns one reference (a
 * callback's message is released after the callback unless it retained it). Its bytes count against the receive window
 * until the last reference is gone. It may outlive the association, not the environment. */
typedef struct sluice_message {
	uint16_t stream;
	bool unordered;
	/* A message is whole, both true, unless parts of it were asked for (sluice_sctp_config.partial_delivery). */
	bool first, last; /* this is its first part, its last */
	int error;        /* of a last part: not 0, and empty, when the rest will never come */
	uint32_t ppid;
	size_t len;              /* bytes in all slices */
	size_t count;            /* slices; 0 for an empty message */
	const struct iovec *iov; /* the slices */
	uint64_t offset;         /* of the part in its message; 0 */
} sluice_message;

/* One reference more, one less; the last one frees it. A callback's message needs a retain to be kept, one from poll() a
 * release. */
SLUICE_API void sluice_message_retain(sluice_message *m);
SLUICE_API void sluice_message_release(sluice_message *m);

/* The message in one piece: the only slice when there is one, else a copy that is made once and freed with the message.
 * NULL when there is no memory for it. An empty message gives a pointer that must not be read. */
SLUICE_API const void *sluice_message_data(sluice_message *m);

/* Called once when the library no longer reads memory that was lent to it with a sendv(). */
typedef void (*sluice_release_fn)(void *ctx);

#ifdef __cplusplus
}
#endif
#endif
