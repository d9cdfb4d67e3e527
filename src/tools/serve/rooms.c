/* rooms: what lies in which mailbox, and until when? It knows no HTTP and no clock. */
#include <stdlib.h>
#include <string.h>

#include "tools/secret.h"
#include "tools/serve/rooms.h"

struct letter {
	void *bytes;
	size_t len;
};

struct room {
	char name[ROOM_NAME_MAX + 1]; /* "" for a free place */
	bool taken;                   /* somebody has the offer and may answer */
	bool answered;
	struct letter letters[2]; /* by slot; an empty letter has bytes too */
	uint64_t from;            /* who made it */
	double until;
};

struct rooms {
	unsigned per_address;
	struct room places[ROOM_MAX];
};

struct rooms *rooms_new(unsigned per_address) {
	struct rooms *rooms = calloc(1, sizeof *rooms);
	if (rooms)
		rooms->per_address = per_address;
	return rooms;
}

static void clear_room(struct room *r) {
	secret_free(r->letters[ROOM_OFFER].bytes);
	secret_free(r->letters[ROOM_ANSWER].bytes);
	memset(r, 0, sizeof *r);
}

void rooms_free(struct rooms *rooms) {
	for (size_t i = 0; rooms && i < ROOM_MAX; i++)
		clear_room(&rooms->places[i]);
	free(rooms);
}

static struct room *find_room(struct rooms *rooms, const char *name, double now) {
	for (size_t i = 0; i < ROOM_MAX; i++) {
		struct room *r = &rooms->places[i];
		if (r->name[0] && r->until <= now)
			clear_room(r);
		if (strcmp(r->name, name) == 0)
			return r;
	}
	return NULL;
}

static bool write_letter(struct letter *l, const void *body, size_t len) {
	l->bytes = malloc(len ? len : 1);
	if (!l->bytes)
		return false;
	if (len)
		memcpy(l->bytes, body, len);
	l->len = len;
	return true;
}

static unsigned count_from(const struct rooms *rooms, uint64_t from, double now) {
	unsigned count = 0;
	for (size_t i = 0; i < ROOM_MAX; i++) {
		const struct room *r = &rooms->places[i];
		count += r->name[0] && r->until > now && r->from == from;
	}
	return count;
}

static enum room_result put_offer(struct rooms *rooms, const char *name, const struct room_letter *l, double now) {
	struct room *r = find_room(rooms, name, now);
	if (r && l->only_new)
		return ROOM_THERE_ALREADY;
	if ((!r || r->from != l->from) && count_from(rooms, l->from, now) >= rooms->per_address)
		return ROOM_TOO_MANY;
	if (r)
		clear_room(r);
	else
		r = find_room(rooms, "", now);
	if (!r || !write_letter(&r->letters[ROOM_OFFER], l->body, l->len))
		return ROOM_FULL;
	strcpy(r->name, name); /* its length was judged by rooms_name_is_valid */
	r->from = l->from;
	r->until = now + ROOM_LIFETIME;
	return ROOM_STORED;
}

static enum room_result put_answer(struct rooms *rooms, const char *name, const struct room_letter *l, double now) {
	struct room *r = find_room(rooms, name, now);
	if (!r)
		return ROOM_NO_SUCH;
	if (!r->taken || r->answered)
		return ROOM_CONFLICT;
	if (!write_letter(&r->letters[ROOM_ANSWER], l->body, l->len))
		return ROOM_FULL;
	r->answered = true;
	r->until = now + ROOM_LIFETIME;
	return ROOM_STORED;
}

enum room_result rooms_put(struct rooms *rooms, const char *name, enum room_slot slot, const struct room_letter *l, double now) {
	return slot == ROOM_OFFER ? put_offer(rooms, name, l, now) : put_answer(rooms, name, l, now);
}

enum room_result rooms_take(struct rooms *rooms, const char *name, enum room_slot slot, void **body, size_t *len, double now) {
	struct room *r = find_room(rooms, name, now);
	if (!r && slot == ROOM_ANSWER)
		return ROOM_NO_SUCH;
	struct letter *l = r ? &r->letters[slot] : NULL;
	if (!l || !l->bytes)
		return ROOM_NOTHING_YET;
	*body = l->bytes;
	*len = l->len;
	l->bytes = NULL;
	r->taken = true;
	r->until = now + ROOM_LIFETIME;
	if (slot == ROOM_ANSWER)
		clear_room(r);
	return ROOM_OK;
}

void rooms_remove(struct rooms *rooms, const char *name, double now) {
	struct room *r = find_room(rooms, name, now);
	if (r)
		clear_room(r);
}

bool rooms_name_is_valid(const char *name, size_t len) {
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	return len >= 1 && len <= ROOM_NAME_MAX && strspn(name, allowed) >= len;
}
