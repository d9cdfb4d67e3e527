/* fuzz_dcep: can a peer break a channel set by what it sends on its streams?
 *
 * The first byte chooses. Even: the rest is one DCEP message; if it can be read, it is written again and must give the same
 * bytes. Odd: the rest is a script for two associations in memory. One side has a channel set and an app. The other side is the
 * peer, which sends and resets what the script says, over an honest SCTP (for the other kind see fuzz_sctp). The app follows the
 * script too: it opens, closes, pauses, sends, and misbehaves in its callbacks. The set's invariants are recounted after every
 * step, and at the end nothing may be left allocated. */
#include <stdlib.h>

#include "dcep/channels.h"
#include "fuzz/target.h"
#include "sluice/error.h"

/* ---- the codec ----------------------------------------------------------------------------------------------------- */

static void codec(const uint8_t *data, size_t size) {
	struct dcep_open open, again;
	if (dcep_read(data, size, &open) != DCEP_OPEN)
		return;
	MUST(dcep_open_size(&open) == size);
	uint8_t *out = malloc(size);
	MUST(out);
	struct writer w = writer_of(out, size);
	dcep_open_write(&w, &open);
	MUST(!w.failed && writer_len(&w) == size);
	/* The value of a reliable channel is written as 0, whatever it was; all else is the same. */
	MUST(memcmp(out, data, 4) == 0 && memcmp(out + 8, data + 8, size - 8) == 0);
	MUST(open.reliability == SLUICE_RELIABLE ? get_be32(out + 4) == 0 : memcmp(out + 4, data + 4, 4) == 0);
	MUST(dcep_read(out, size, &again) == DCEP_OPEN && again.value == open.value && again.unordered == open.unordered);
	free(out);
}

/* ---- the world ----------------------------------------------------------------------------------------------------- */

#define APPS 64

enum mischief {
	CLOSE_ON_MESSAGE = 1,
	PAUSE_ON_MESSAGE = 2,
	SEND_ON_MESSAGE = 4,
	CLOSE_ON_OPEN = 8,
	OPEN_ON_CHANNEL = 16,
	OPEN_ON_CLOSED = 32,
	FREE_ON_MESSAGE = 64,
	FREE_ON_CLOSED = 128,
};

struct world {
	sluice_env *env;
	sluice_sctp *app_sctp, *peer_sctp;
	sluice_channels *set; /* NULL once it was freed */
	sluice_channel *channels[APPS];
	size_t blocks;
	uint64_t now;
	uint8_t mischief;
	bool runs;     /* the app takes messages in runs */
	unsigned drop; /* bit i: the next packet but i is lost */
};

static const sluice_channel_callbacks *callbacks_of(const struct world *w);

static void *count_alloc(void *ctx, size_t size) {
	++*(size_t *)ctx;
	return malloc(size);
}

static void count_free(void *ctx, void *p) {
	*(size_t *)ctx -= p != NULL;
	free(p);
}

static void no_entropy(void *ctx, void *buf, size_t len) {
	uint8_t *n = ctx;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (*n)++;
}

static void note_channel(struct world *w, sluice_channel *ch) {
	for (size_t i = 0; i < APPS; i++) {
		if (!w->channels[i]) {
			w->channels[i] = ch;
			return;
		}
	}
}

static void forget_channel(struct world *w, const sluice_channel *ch) {
	for (size_t i = 0; i < APPS; i++) {
		if (w->channels[i] == ch)
			w->channels[i] = NULL;
	}
}

static void free_set(struct world *w) {
	sluice_channels_free(w->set);
	w->set = NULL;
	memset(w->channels, 0, sizeof w->channels);
}

static void open_one(struct world *w, uint8_t kind, uint8_t id) {
	sluice_channel_config c = {
		.label = "label",
		.unordered = kind & 1,
		.reliability = (enum sluice_reliability)(kind >> 1 & 3),
		.reliability_value = kind >> 3 & 1,
		.negotiated = kind >> 4 & 1,
		.high_water = kind & 32 ? 100 : 0,
		.buffered_low = kind & 64 ? 50 : 0,
		.callbacks = *callbacks_of(w),
		.user = w,
	};
	c.id = c.negotiated ? id : 0;
	sluice_channel *ch;
	if (sluice_channel_open(w->set, &c, &ch) == 0)
		note_channel(w, ch);
}

static void on_open(sluice_channel *ch, void *user) {
	struct world *w = user;
	MUST(sluice_channel_state(ch) == SLUICE_CHANNEL_OPEN);
	if (w->mischief & CLOSE_ON_OPEN)
		sluice_channel_close(ch);
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct world *w = user;
	size_t total = 0;
	(void)text;
	for (size_t i = 0; i < m->count; i++)
		total += m->iov[i].iov_len;
	MUST(total == m->len);
	if (w->mischief & SEND_ON_MESSAGE)
		sluice_channel_send(ch, "x", m->len & 1);
	if (w->mischief & PAUSE_ON_MESSAGE)
		sluice_channel_pause(ch);
	if (w->mischief & CLOSE_ON_MESSAGE)
		sluice_channel_close(ch);
	if (w->mischief & FREE_ON_MESSAGE)
		free_set(w);
}

/* The array outlives the channel, but after FREE_ON_MESSAGE nothing may be done with that. */
static void on_messages(sluice_channel *ch, sluice_message *const *messages, size_t count, bool text, void *user) {
	struct world *w = user;
	size_t total = 0;
	MUST(count >= 1 && count <= SLUICE_RUN_MAX);
	for (size_t i = 0; i < count && w->set; i++)
		on_message(ch, messages[i], text, user);
	for (size_t i = 0; i < count; i++)
		total += messages[i]->len;
	MUST(total < SIZE_MAX / 2);
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	struct world *w = user;
	(void)error;
	sluice_channel_stats stats;
	sluice_channel_stats_get(ch, &stats);
	MUST(lost <= stats.messages_sent);
	forget_channel(w, ch);
	if (w->mischief & OPEN_ON_CLOSED)
		open_one(w, 0, 0);
	if (w->mischief & FREE_ON_CLOSED)
		free_set(w);
}

static void on_channel(sluice_channels *set, sluice_channel *ch, void *user) {
	struct world *w = user;
	(void)set;
	sluice_channel_set_callbacks(ch, callbacks_of(w), w);
	note_channel(w, ch);
	if (w->mischief & OPEN_ON_CHANNEL)
		open_one(w, 1, 0);
}

static const sluice_channel_callbacks *callbacks_of(const struct world *w) {
	static const sluice_channel_callbacks single = {.on_open = on_open, .on_message = on_message, .on_closed = on_closed};
	static const sluice_channel_callbacks runs = {.on_open = on_open, .on_messages = on_messages, .on_closed = on_closed};
	return w->runs ? &runs : &single;
}

/* ---- packets ------------------------------------------------------------------------------------------------------- */

static bool carry(struct world *w, sluice_sctp *from, sluice_sctp *to) {
	static uint8_t space[65536];
	sluice_batch batch = {.data = space, .capacity = sizeof space};
	if (sluice_sctp_output(from, &batch, w->now) <= 0)
		return false;
	for (size_t i = 0; i < batch.count; i++) {
		sluice_datagram d = {.data = sluice_batch_slot(&batch, i), .len = sluice_batch_slot_len(&batch, i)};
		bool lost = w->drop & 1;
		w->drop >>= 1;
		if (!lost)
			sluice_sctp_input(to, &d, 1, w->now);
	}
	return true;
}

static void drain_peer(struct world *w) {
	sluice_sctp_event e;
	while (sluice_sctp_poll(w->peer_sctp, &e)) {
		if (e.type == SLUICE_SCTP_MESSAGE)
			sluice_message_release(e.message);
	}
}

static void dispatch(struct world *w) {
	if (!w->set)
		return;
	sluice_channels_dispatch(w->set);
	MUST(!w->set || channels_check(w->set));
}

static void exchange(struct world *w) {
	bool more = true;
	for (int round = 0; more && round < 200; round++) {
		dispatch(w);
		drain_peer(w);
		more = carry(w, w->app_sctp, w->peer_sctp);
		more = carry(w, w->peer_sctp, w->app_sctp) || more;
	}
	dispatch(w);
}

static void pass_time(struct world *w, uint64_t ns) {
	w->now += ns;
	sluice_sctp_advance(w->app_sctp, w->now);
	sluice_sctp_advance(w->peer_sctp, w->now);
	exchange(w);
}

/* ---- the script ---------------------------------------------------------------------------------------------------- */

/* RFC 8831's PPIDs and some that are none. */
static const uint32_t ppids[16] = {50, 50, 50, 50, 51, 52, 53, 54, 56, 57, 55, 0, 1, 58, 0x32000000, UINT32_MAX};

static void peer_sends(struct world *w, struct reader *r) {
	uint8_t how = read_u8(r), stream = read_u8(r), len = read_u8(r);
	const uint8_t *bytes = read_bytes(r, len <= reader_left(r) ? len : reader_left(r));
	size_t left = (size_t)(r->at - bytes);
	sluice_send_info info = {.stream = stream == 255 ? 65533 : stream, .unordered = how & 16, .ppid = ppids[how & 15]};
	if (bytes && left)
		sluice_sctp_send(w->peer_sctp, &info, bytes, left);
}

static void channel_does(struct world *w, uint8_t what, uint8_t arg) {
	sluice_channel *ch = w->channels[arg % APPS];
	static const uint8_t bytes[3000];
	struct iovec many[3] = {{(void *)bytes, arg}, {(void *)bytes, arg & 2}, {(void *)bytes, arg}};
	if (!ch)
		return;
	switch (what) {
	case 0:
		sluice_channel_close(ch);
		break;
	case 1:
		sluice_channel_pause(ch);
		break;
	case 2:
		sluice_channel_resume(ch);
		break;
	case 3:
		sluice_channel_send(ch, bytes, arg >> 6 ? 0 : arg * 11u);
		break;
	case 4:
		if (arg & 1)
			sluice_channel_send_many(ch, true, many, 3);
		else
			sluice_channel_sendv(ch, true, many, 1, NULL, NULL);
		break;
	case 5:
		sluice_channel_set_buffered_low(ch, arg);
		break;
	default:
		sluice_channel_set_high_water(ch, arg);
	}
}

static void step(struct world *w, struct reader *r) {
	uint8_t op = read_u8(r), arg = read_u8(r);
	switch (op % 12) {
	case 0:
	case 1:
		peer_sends(w, r);
		break;
	case 2:
		sluice_sctp_reset_stream(w->peer_sctp, arg == 255 ? 65533 : arg);
		break;
	case 3:
		open_one(w, arg, read_u8(r));
		break;
	case 4:
	case 5:
	case 6:
		channel_does(w, op / 12 % 7, arg);
		break;
	case 7:
		w->mischief = arg;
		break;
	case 8:
		w->drop = arg;
		break;
	case 9:
		pass_time(w, arg * 5 * SLUICE_MS);
		break;
	case 10:
		if (arg == 1)
			sluice_sctp_shutdown(w->peer_sctp);
		else if (arg == 2)
			sluice_sctp_abort(w->peer_sctp, NULL);
		else if (arg == 3)
			sluice_channels_set_role(w->set, SLUICE_ROLE_CLIENT);
		else if (arg == 4)
			channels_end(w->set, SLUICE_IO);
		break;
	default:
		exchange(w);
	}
}

static void script(const uint8_t *data, size_t size) {
	struct reader r = reader_of(data, size);
	struct world w = {.now = SLUICE_S};
	uint8_t setup = read_u8(&r), entropy = 1;
	w.runs = setup & 32;
	sluice_env_config env = {
		.allocator = {count_alloc, count_free, &w.blocks},
		.entropy = no_entropy,
		.entropy_ctx = &entropy,
	};
	sluice_channels_config config = {
		.on_channel = setup & 1 ? NULL : on_channel,
		.user = &w,
		.role = (enum sluice_role)(setup >> 1 & 1),
		.max_channels = setup & 4 ? 3 : 0,
	};
	sluice_sctp_config sctp;
	sluice_sctp_config_init(&sctp);
	sctp.no_reconfig = setup & 8;
	MUST(sluice_env_new(&env, &w.env) == 0);
	MUST(sluice_sctp_new(w.env, NULL, &w.app_sctp) == 0 && sluice_sctp_new(w.env, &sctp, &w.peer_sctp) == 0);
	MUST(sluice_channels_new(w.env, w.app_sctp, &config, &w.set) == 0);
	MUST(sluice_sctp_connect(w.app_sctp) == 0);
	if (!(setup & 16))
		exchange(&w);
	while (reader_left(&r) && w.set) {
		step(&w, &r);
		MUST(!w.set || channels_check(w.set));
	}
	w.drop = 0;
	if (w.set)
		pass_time(&w, 5 * SLUICE_S);
	free_set(&w);
	sluice_sctp_free(w.app_sctp);
	sluice_sctp_free(w.peer_sctp);
	sluice_env_free(w.env);
	MUST(w.blocks == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0 || size > 4096)
		return 0;
	if (data[0] & 1)
		script(data + 1, size - 1);
	else
		codec(data + 1, size - 1);
	return 0;
}
