/* channels: which channels are there, under which stream ids, and how many may there be?
 *
 * The table is a hash by id, with chains through the channels. It grows by doubling with the number of channels, not with their
 * ids: an idle set costs nothing, and a peer that opens id 65533 costs no more than one that opens id 1. Ids that differ only
 * above the mask share a chain. There are at most 65,536 / bucket_count of them, so a peer cannot make chains long.
 *
 * It does not know what a message is, nor when callbacks run. */
#include "dcep/channels.h"

#include <string.h>

#include "base/list.h"
#include "sluice/error.h"

#define FIRST_BUCKETS 16
#define SILENT_MIN 256

/* RFC 8831, 6.5: "the stream identifier ... 65535 is reserved due to SCTP INIT and INIT-ACK chunks only allowing a maximum of
 * 65535 streams to be negotiated (0-65534)". */
#define ID_END 65535

/* ---- hooks for the peer -------------------------------------------------------------------------------------------- */

void channels_set_owner(sluice_channels *set, void *owner) {
	set->owner = owner;
}

void *channels_owner(const sluice_channels *set) {
	return set->owner;
}

uint32_t channels_open_count(const sluice_channels *set) {
	uint32_t count = 0;
	for (const sluice_channel *ch = set->all; ch; ch = ch->next) /* channels in `ending` are not open */
		count += ch->state == SLUICE_CHANNEL_OPEN;
	return count;
}

void channels_end(sluice_channels *set, int error) {
	if (set->ended || set->end_asked)
		return;
	set->end_asked = true;
	set->end_error = error;
	if (!guard_is_busy(&set->guard) && set->wake)
		set->wake(set->wake_ctx);
}

void channels_set_wake(sluice_channels *set, void (*wake)(void *ctx), void *ctx) {
	set->wake = wake;
	set->wake_ctx = ctx;
}

const struct channels_counters *channels_counters_of(const sluice_channels *set) {
	return &set->counters;
}

/* ---- the table ----------------------------------------------------------------------------------------------------- */

sluice_channel *channels_find(const sluice_channels *set, uint16_t id) {
	if (!set->buckets)
		return NULL;
	sluice_channel *ch = set->buckets[id & (set->bucket_count - 1)];
	while (ch && ch->id != id)
		ch = ch->next_in_bucket;
	return ch;
}

static void bucket_push(sluice_channel **buckets, uint32_t count, sluice_channel *ch) {
	sluice_channel **bucket = &buckets[(uint32_t)ch->id & (count - 1)];
	ch->next_in_bucket = *bucket;
	*bucket = ch;
}

/* Returns false only when there is no table at all. A table that cannot grow gets longer chains. */
static bool table_reserve(sluice_channels *set) {
	if (set->ids < set->bucket_count)
		return true;
	uint32_t count = set->bucket_count ? 2 * set->bucket_count : FIRST_BUCKETS;
	sluice_channel **buckets = env_zalloc(set->env, count * sizeof(*buckets));
	if (!buckets)
		return set->buckets != NULL;
	for (uint32_t i = 0; i < set->bucket_count; i++) {
		for (sluice_channel *ch = set->buckets[i], *next; ch; ch = next) {
			next = ch->next_in_bucket;
			bucket_push(buckets, count, ch);
		}
	}
	env_free(set->env, set->buckets);
	set->buckets = buckets;
	set->bucket_count = count;
	return true;
}

static void table_remove(sluice_channels *set, sluice_channel *ch) {
	sluice_channel **at = &set->buckets[(uint32_t)ch->id & (set->bucket_count - 1)];
	while (*at != ch)
		at = &(*at)->next_in_bucket;
	*at = ch->next_in_bucket;
	set->ids--;
}

/* ---- ids ----------------------------------------------------------------------------------------------------------- */

static bool is_our_parity(const sluice_channels *set, uint32_t id) {
	return set->role != SLUICE_ROLE_UNKNOWN && (id & 1) == (set->role == SLUICE_ROLE_SERVER);
}

int channels_give_id(sluice_channels *set, sluice_channel *ch, uint16_t id) {
	if (!table_reserve(set))
		return SLUICE_NO_MEMORY;
	ch->id = id;
	bucket_push(set->buckets, set->bucket_count, ch);
	set->ids++;
	return 0;
}

/* RFC 8832, 6: "If the side is acting as the DTLS client, it MUST choose an even stream identifier; if the side is acting as the
 * DTLS server, it MUST choose an odd one." The smallest free one, because other stacks accept only low ones. */
int channels_choose_id(sluice_channels *set, sluice_channel *ch) {
	while (set->free_hint < ID_END && channels_find(set, (uint16_t)set->free_hint))
		set->free_hint += 2;
	if (set->free_hint >= ID_END)
		return SLUICE_LIMIT;
	return channels_give_id(set, ch, (uint16_t)set->free_hint);
}

/* ---- adding and removing ------------------------------------------------------------------------------------------- */

/* Silent channels do not live long. But a peer that opens many channels at once, of which the app takes few, makes many of
 * them. */
static uint32_t max_silent(const sluice_channels *set) {
	return set->max_channels > SILENT_MIN ? set->max_channels : SILENT_MIN;
}

bool channels_have_room(const sluice_channels *set) {
	return set->visible < set->max_channels && set->visible + set->silent < (uint64_t)set->max_channels + max_silent(set);
}

void channels_reset_in(sluice_channels *set, sluice_channel *ch) {
	CHAIN_REMOVE(set->all_tail, ch, next, prev);
	CHAIN_APPEND(set->ending_tail, ch, next, prev);
	ch->reset_in = true;
}

static sluice_channel *new_channel(sluice_channels *set, const char *label, size_t label_len, const char *protocol,
                                   size_t protocol_len) {
	size_t names = label_len + 1 + protocol_len + 1;
	sluice_channel *ch = env_alloc(set->env, sizeof(*ch) + names);
	if (!ch)
		return NULL;
	memset(ch, 0, sizeof(*ch) + names);
	ch->set = set;
	ch->id = -1;
	ch->label_len = (uint16_t)label_len;
	ch->protocol_len = (uint16_t)protocol_len;
	if (label_len)
		memcpy(ch->names, label, label_len);
	if (protocol_len)
		memcpy(ch->names + label_len + 1, protocol, protocol_len);
	CHAIN_APPEND(set->all_tail, ch, next, prev);
	return ch;
}

static size_t peer_names(const sluice_channel *ch) {
	return ch->silent || ch->ours ? 0 : (size_t)ch->label_len + ch->protocol_len;
}

sluice_channel *channels_add(sluice_channels *set, bool ours, const char *label, size_t label_len, const char *protocol,
                             size_t protocol_len) {
	sluice_channel *ch = new_channel(set, label, label_len, protocol, protocol_len);
	if (!ch)
		return NULL;
	ch->ours = ours;
	set->visible++;
	set->peer_names += peer_names(ch);
	return ch;
}

sluice_channel *channels_add_silent(sluice_channels *set, uint16_t id) {
	if (set->silent >= max_silent(set))
		return NULL;
	sluice_channel *ch = new_channel(set, NULL, 0, NULL, 0);
	if (!ch)
		return NULL;
	ch->silent = true;
	ch->started = true;
	ch->state = SLUICE_CHANNEL_CLOSING;
	set->silent++;
	if (channels_give_id(set, ch, id) == 0)
		return ch;
	channels_remove(set, ch);
	env_free(set->env, ch);
	return NULL;
}

void channels_hide(sluice_channels *set, sluice_channel *ch) {
	set->peer_names -= peer_names(ch);
	set->visible--;
	set->silent++;
	ch->silent = true;
	ch->state = SLUICE_CHANNEL_CLOSING;
}

static void due_remove(sluice_channels *set, sluice_channel *ch) {
	QUEUE_REMOVE(set->due, set->due_tail, ch, next_due);
	ch->due = 0;
}

void channels_remove(sluice_channels *set, sluice_channel *ch) {
	if (ch->due)
		due_remove(set, ch);
	if (ch->id >= 0) {
		table_remove(set, ch);
		if (is_our_parity(set, (uint32_t)ch->id) && (uint32_t)ch->id < set->free_hint)
			set->free_hint = (uint32_t)ch->id;
	}
	sluice_channel ***tail = ch->reset_in ? &set->ending_tail : &set->all_tail;
	CHAIN_REMOVE(*tail, ch, next, prev);
	set->peer_names -= peer_names(ch);
	if (ch->silent)
		set->silent--;
	else
		set->visible--;
}

/* ---- what is due --------------------------------------------------------------------------------------------------- */

void channels_due(sluice_channels *set, sluice_channel *ch, unsigned what) {
	if (!ch->due)
		QUEUE_APPEND(set->due_tail, ch, next_due);
	ch->due |= (uint8_t)what;
	if (!guard_is_busy(&set->guard) && set->wake)
		set->wake(set->wake_ctx);
}

sluice_channel *channels_take_due(sluice_channels *set, unsigned *what) {
	sluice_channel *ch = set->due;
	if (!ch)
		return NULL;
	*what = ch->due;
	due_remove(set, ch);
	return ch;
}

/* ---- one after the other ----------------------------------------------------------------------------------------- */

const sluice_channel *channels_next(const sluice_channels *set, const sluice_channel *ch) {
	do
		ch = ch ? channels_after(ch) : channels_first(set);
	while (ch && ch->silent);
	return ch;
}

/* ---- the check ----------------------------------------------------------------------------------------------------- */

static bool check_table(const sluice_channels *set) {
	uint32_t ids = 0;
	for (uint32_t i = 0; i < set->bucket_count; i++) {
		for (const sluice_channel *ch = set->buckets[i]; ch; ch = ch->next_in_bucket) {
			if (ch->id < 0 || ((uint32_t)ch->id & (set->bucket_count - 1)) != i ||
			    channels_find(set, (uint16_t)ch->id) != ch)
				return false;
			ids++;
		}
	}
	for (uint32_t id = set->role == SLUICE_ROLE_SERVER; set->role && id < set->free_hint; id += 2) {
		if (!channels_find(set, (uint16_t)id))
			return false;
	}
	return ids == set->ids;
}

static bool check_lists(const sluice_channels *set) {
	for (const sluice_channel *ch = set->all; ch; ch = ch->next)
		if (ch->reset_in)
			return false;
	for (const sluice_channel *ch = set->ending; ch; ch = ch->next)
		if (!ch->reset_in || ch->state == SLUICE_CHANNEL_OPEN)
			return false;
	return true;
}

static bool check_channel(const sluice_channel *ch) {
	return held_check(&ch->held) && held_check(&ch->later) && (!ch->tally || ch->tally->refs >= 1) &&
	       (ch->reset_in || ch->later.count == 0) && (ch->started || !ch->reset_asked) &&
	       (!ch->silent || ch->state == SLUICE_CHANNEL_CLOSING);
}

bool channels_check(const sluice_channels *set) {
	uint32_t visible = 0, silent = 0, ids = 0, due = 0, listed = 0;
	size_t names = 0;
	for (const sluice_channel *ch = channels_first(set); ch; ch = channels_after(ch)) {
		if (!check_channel(ch))
			return false;
		visible += !ch->silent;
		silent += ch->silent;
		ids += ch->id >= 0;
		due += ch->due != 0;
		names += peer_names(ch);
	}
	for (const sluice_channel *ch = set->due; ch; ch = ch->next_due)
		listed++;
	return visible == set->visible && silent == set->silent && ids == set->ids && due == listed && names == set->peer_names &&
	       visible <= set->max_channels && visible + silent <= (uint64_t)set->max_channels + max_silent(set) &&
	       check_table(set) && check_lists(set);
}
