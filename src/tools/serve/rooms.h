/* rooms: the mailboxes by which two ends that reach the same server exchange one offer and one answer.
 *
 * A room has a name and goes through this life; over HTTP (http.c) the steps are:
 *
 *   PUT  /room/NAME/offer    makes the room; a room of that name is replaced: 201. With "If-None-Match: *" only where there is
 *                            none, else 412: so two equal ends find out who offers (the one that got 201) and who answers.
 *   GET  /room/NAME/offer    200 and the offer, once: it is taken out. Waits for it, also for a room that does not exist yet,
 *                            up to ?wait=S seconds (0 to 25; 25), then 204.
 *   PUT  /room/NAME/answer   to an offer that was taken: 201. Else 404 (no such room) or 409 (not taken, or answered already).
 *   GET  /room/NAME/answer   200 and the answer; the room is gone then. Waits as above, 204; 404 when there is no such room.
 *   DELETE /room/NAME        the room is gone: 204.
 *
 * POST is the same as PUT. NAME is 1 to 64 of A-Z a-z 0-9 - _ . Nobody looks into the bodies. A room lives for ROOM_LIFETIME
 * seconds after the last step.
 *
 * Bounds, so that strangers cannot fill the memory: ROOM_MAX rooms (503 beyond), ROOM_BODY_MAX bytes for each body (413), and for
 * one address as many rooms as rooms_new() was given (429). */
#ifndef TOOLS_SERVE_ROOMS_H
#define TOOLS_SERVE_ROOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROOM_MAX 256
#define ROOM_NAME_MAX 64
#define ROOM_BODY_MAX 65536
#define ROOM_LIFETIME 120.0
#define ROOM_WAIT_MAX 25.0

enum room_slot { ROOM_OFFER, ROOM_ANSWER };

/* What came of a step; the numbers are HTTP's. */
enum room_result {
	ROOM_OK = 200,
	ROOM_STORED = 201,
	ROOM_NOTHING_YET = 204,
	ROOM_NO_SUCH = 404,
	ROOM_CONFLICT = 409,
	ROOM_THERE_ALREADY = 412,
	ROOM_TOO_MANY = 429,
	ROOM_FULL = 503,
};

struct rooms;

struct rooms *rooms_new(unsigned per_address);
void rooms_free(struct rooms *rooms);

/* What is put into a room. */
struct room_letter {
	const void *body;
	size_t len;
	bool only_new; /* an offer: not in the place of another one */
	uint64_t from; /* whose room it becomes; equal for what counts as one address */
};

/* `now` in seconds, any clock that only goes forward. */
enum room_result rooms_put(struct rooms *rooms, const char *name, enum room_slot slot, const struct room_letter *l, double now);
/* ROOM_OK: *body is the caller's, to be freed by secret_free(). */
enum room_result rooms_take(struct rooms *rooms, const char *name, enum room_slot slot, void **body, size_t *len, double now);
void rooms_remove(struct rooms *rooms, const char *name, double now);

bool rooms_name_is_valid(const char *name, size_t len);

#endif
