/* early.c: the lists of records that wait; what they are for stands in the header. */
#include "dtls/early.h"

#include <string.h>

#include "base/list.h"

static bool list_add(struct early *e, struct early_list *list, unsigned max, const uint8_t *record, size_t len) {
	struct early_record *r = list->count < max ? env_alloc(e->env, sizeof *r + len) : NULL;
	if (!r)
		return false;
	r->len = len;
	memcpy(r->bytes, record, len);
	QUEUE_APPEND(list->end, r, next);
	list->count++;
	return true;
}

static struct early_record *list_shift(struct early_list *list) {
	struct early_record *r = list->first;
	if (r) {
		QUEUE_SHIFT(list->first, list->end, next);
		list->count--;
	}
	return r;
}

static struct early_record *lend(struct early *e, struct early_list *list) {
	struct early_record *r = list_shift(list);
	if (r) {
		r->next = e->lent;
		e->lent = r;
	}
	return r;
}

static void list_free(struct early *e, struct early_list *list) {
	for (struct early_record *r; (r = list_shift(list));)
		env_free(e->env, r);
}

/* ---- data ---------------------------------------------------------------------------------------------------------- */

bool early_hold(struct early *e, const uint8_t *record, size_t len) {
	return list_add(e, &e->data, EARLY_DATA_MAX, record, len);
}

struct early_record *early_lend(struct early *e) {
	return lend(e, &e->data);
}

void early_release(struct early *e) {
	while (e->lent) {
		struct early_record *r = e->lent;
		e->lent = r->next;
		env_free(e->env, r);
	}
}

/* ---- the end of the handshake ------------------------------------------------------------------------------------------- */

enum early_verdict early_admit(struct early *e, struct early_turn turn, const uint8_t *record, size_t len) {
	bool change = record_type(record) == RECORD_CHANGE_CIPHER_SPEC && record_epoch(record) == 0 && len == sizeof e->change;
	if (change && !turn.awaits_change) {
		memcpy(e->change, record, len);
		e->change_waits = true;
		return EARLY_WAITS;
	}
	if (record_epoch(record) == 0 || turn.was_changed)
		return EARLY_NOW;
	return list_add(e, &e->sealed, EARLY_SEALED_MAX, record, len) ? EARLY_WAITS : EARLY_DROPPED;
}

bool early_next(struct early *e, struct early_turn turn, uint8_t **record, size_t *len) {
	if (e->change_waits && turn.awaits_change) {
		e->change_waits = false;
		*record = e->change;
		*len = sizeof e->change;
		return true;
	}
	struct early_record *r = e->sealed.first && turn.was_changed ? lend(e, &e->sealed) : NULL;
	if (!r)
		return false;
	*record = r->bytes;
	*len = r->len;
	return true;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

void early_init(struct early *e, sluice_env *env) {
	*e = (struct early){.env = env};
	e->data.end = &e->data.first;
	e->sealed.end = &e->sealed.first;
}

void early_free(struct early *e) {
	early_release(e);
	list_free(e, &e->data);
	list_free(e, &e->sealed);
}

static bool list_check(const struct early_list *list, unsigned max) {
	unsigned count = 0;
	struct early_record *const *end = &list->first;
	for (; *end; end = &(*end)->next)
		count++;
	return count == list->count && count <= max && end == list->end;
}

bool early_check(const struct early *e) {
	return list_check(&e->data, EARLY_DATA_MAX) && list_check(&e->sealed, EARLY_SEALED_MAX);
}
