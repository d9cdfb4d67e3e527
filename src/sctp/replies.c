/* replies: packets that answer one of the peer's and need no state of ours. */
#include "sctp/association.h"

#include <string.h>

/* Room for `len` bytes of chunks at the end of the queue. */
static struct reply *reply_new(sluice_sctp *a, uint32_t tag, size_t len) {
	struct reply *r = a->reply_count < REPLIES_MAX ? env_alloc(a->env, sizeof *r + len) : NULL;
	if (!r) {
		a->stats.chunks_discarded++;
		return NULL;
	}
	*r = (struct reply){.tag = tag, .len = len, .src_port = a->config.local_port, .dst_port = a->config.remote_port};
	if (a->replies_tail)
		a->replies_tail->next = r;
	else
		a->replies = r;
	a->replies_tail = r;
	a->reply_count++;
	association_touch(a);
	return r;
}

bool replies_add(sluice_sctp *a, uint32_t tag, const void *chunks, size_t len) {
	struct reply *r = reply_new(a, tag, len);
	if (r)
		memcpy(r->chunks, chunks, len);
	return r != NULL;
}

bool replies_add_chunk(sluice_sctp *a, uint32_t tag, uint8_t type, const void *value, size_t len) {
	struct reply *r = reply_new(a, tag, pad4(4 + len));
	if (!r)
		return false;
	struct writer w = writer_of(r->chunks, r->len);
	wire_chunk_write(&w, type, 0, value, len);
	return true;
}

void replies_add_reflected(sluice_sctp *a, uint32_t tag, uint8_t type) {
	uint8_t bytes[4];
	struct writer w = writer_of(bytes, sizeof bytes);
	wire_chunk_write(&w, type, WIRE_FLAG_T, NULL, 0);
	replies_add(a, tag, bytes, sizeof bytes);
}

void replies_add_cause(sluice_sctp *a, uint32_t tag, uint8_t type, uint16_t cause, const void *info, size_t len) {
	uint8_t bytes[8 + CAUSE_INFO_MAX];
	struct writer w = writer_of(bytes, sizeof bytes);
	uint8_t *chunk = wire_chunk_begin(&w, type, 0);
	wire_param_write(&w, cause, info, len < CAUSE_INFO_MAX ? len : CAUSE_INFO_MAX);
	wire_chunk_end(&w, chunk);
	replies_add(a, tag, bytes, writer_len(&w));
}

void replies_drop(sluice_sctp *a) {
	while (a->replies) {
		struct reply *r = a->replies;
		a->replies = r->next;
		env_free(a->env, r);
	}
	a->replies_tail = NULL;
	a->reply_count = 0;
}
