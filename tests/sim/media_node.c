#include "media_node.h"

#include "must.h"
#include "sluice/error.h"

#define SPACING (200 * SLUICE_US)
#define PREFIX 8

static uint8_t bytes[256 * 256 + 64 * MEDIA_BODY];

static void fill_bytes(void) {
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
}

static const uint8_t *frame_bytes(uint32_t frame) {
	return bytes + frame % 65536;
}

/* ---- making ---- */

static const struct rtp_extension_item items[] = {
	{RTP_EXT_ABS_SEND_TIME, 3, NULL},
	{RTP_EXT_TRANSPORT_CC, 2, NULL},
	{RTP_EXT_MID, 1, "0"},
};

static void add_streams(struct media_node *n, uint32_t ours, uint32_t theirs, uint32_t stages, bool with_rtx) {
	const struct rtp_out_config out = {
		.ssrc = ours + 1,
		.rtx_ssrc = with_rtx ? ours + 2 : 0,
		.clock_rate = 90000,
		.flags = stages,
		.first = 65500,
		.rtx_first = 65530,
		.items = items,
		.item_count = 3,
	};
	const struct rtp_in_config in = {
		.ssrc = theirs + 1,
		.rtx_ssrc = with_rtx ? theirs + 2 : 0,
		.clock_rate = 90000,
		.flags = stages,
	};
	n->out = rtp_session_add_out(n->session, &out);
	n->in = rtp_session_add_in(n->session, &in);
	MUST(n->out == 0 && n->in == 0);
}

void media_node_open(struct media_node *n, sluice_env *env, const struct rtp_session_config *more, uint32_t ours, uint32_t theirs,
                     uint32_t stages, bool with_rtx) {
	struct rtp_session_config config = more ? *more : (struct rtp_session_config){0};
	struct rtp_extension_map map;
	struct rtx_types types;
	memset(n, 0, sizeof *n);
	fill_bytes();
	rtp_extension_map_init(&map);
	rtx_types_init(&types);
	for (unsigned i = 0; i < 3; i++)
		if (items[i].kind != RTP_EXT_TRANSPORT_CC || stages & RTP_STAGE_TWCC)
			MUST(rtp_extension_map_add(&map, items[i].kind, i + 1) == 0);
	MUST(rtx_types_add(&types, MEDIA_RTX_TYPE, MEDIA_TYPE) == 0);
	config.cname = "media node";
	config.ssrc = ours;
	config.ntp_offset = 1000 * SLUICE_S;
	config.extensions = &map;
	config.rtx = &types;
	n->env = env;
	n->seen = calloc(MEDIA_SEEN, sizeof *n->seen);
	MUST(n->seen && rtp_session_new(env, &config, &n->session) == 0);
	add_streams(n, ours, theirs, stages, with_rtx);
	n->asked_gap = SLUICE_NEVER;
}

void media_node_close(struct media_node *n) {
	rtp_session_free(n->session);
	for (unsigned i = 0; i < MEDIA_SOURCES; i++)
		MUST(n->sources[i].refs == 0);
	free(n->seen);
}

void media_node_send(struct media_node *n, uint32_t frames, unsigned packets, uint64_t interval, uint64_t at) {
	n->frames = frames;
	n->packets = packets;
	n->interval = interval;
	n->due = at;
}

/* ---- sending ---- */

static struct rtp_source *source_of(struct media_node *n) {
	struct rtp_source *s = &n->sources[n->frame % MEDIA_SOURCES];
	if (n->packet == 0) {
		MUST(s->refs == 0);
		*s = (struct rtp_source){.data = frame_bytes(n->frame), .len = n->packets * MEDIA_BODY, .refs = 1};
	}
	return s;
}

static void begin_frame(struct media_node *n, uint64_t now) {
	n->captured = now;
	n->key = n->frame == 0 || n->key_wanted;
	n->keys += n->key;
	n->key_wanted = false;
}

int media_node_packet(struct media_node *n, uint32_t probe, uint8_t *space, size_t size, uint64_t now) {
	if (n->packet == 0)
		begin_frame(n, now);
	struct rtp_source *source = source_of(n);
	uint8_t prefix[PREFIX] = {0};
	put_be32(prefix, n->frame);
	prefix[4] = (uint8_t)n->packet;
	prefix[5] = (uint8_t)n->packets;
	prefix[6] = n->key;
	const struct rtp_sending sending = {
		.source = source,
		.offset = n->packet * MEDIA_BODY,
		.len = MEDIA_BODY,
		.prefix = prefix,
		.prefix_len = PREFIX,
		.timestamp = n->frame * 3000,
		.captured = n->captured,
		.payload_type = MEDIA_TYPE,
		.marker = n->packet + 1 == n->packets,
		.probe = probe,
	};
	int len = rtp_session_send(n->session, n->out, &sending, space, size, now);
	MUST(len > 0);
	n->due = now + SPACING;
	if (++n->packet == n->packets) {
		n->packet = 0;
		n->frame++;
		n->due = n->captured + n->interval;
		rtp_source_unref(source);
	}
	return len;
}

static bool is_sending(const struct media_node *n) {
	return n->frame < n->frames;
}

static int node_output(void *ctx, sluice_batch *b, uint64_t now) {
	struct media_node *n = ctx;
	b->count = 0;
	int len = rtp_session_rtcp(n->session, b->data, 1200, now);
	n->rtcp += len > 0;
	if (len == 0)
		len = rtp_session_repair(n->session, 0, b->data, 1500, now);
	if (len == 0 && is_sending(n) && n->due <= now)
		len = media_node_packet(n, 0, b->data, 1500, now);
	MUST(len >= 0);
	if (len == 0)
		return 0;
	b->count = 1;
	b->stride = b->last = (size_t)len;
	return 1;
}

/* ---- taking ---- */

static struct media_seen *seen_at(const struct media_node *n, uint64_t number) {
	struct media_seen *s = &n->seen[number % MEDIA_SEEN];
	return s->number == number ? s : NULL;
}

static bool is_whole(const struct media_node *n, uint64_t first, unsigned packets) {
	for (unsigned i = 0; i < packets; i++)
		if (!seen_at(n, first + i))
			return false;
	return true;
}

/* A keyframe is whole, and what lies before it will not come. */
static void pass_to(struct media_node *n, const struct media_seen *s) {
	uint64_t first = s->number - s->packet;
	if (!s->key || !is_whole(n, first, s->packets))
		return;
	rtp_session_keyframe_came(n->session, n->in, first);
	if (first <= n->next)
		return;
	struct rtp_in_stats stats;
	rtp_session_in_stats(n->session, n->in, &stats);
	if (n->next && stats.given_up == n->given_up)
		return;
	n->given_up = stats.given_up;
	n->passed += s->frame - (n->got || n->passed ? n->last + 1 : 0);
	n->last = s->frame - 1;
	n->next = first;
}

static void take_frames(struct media_node *n, uint64_t now) {
	for (struct media_seen *s; n->next && (s = seen_at(n, n->next)) != NULL && is_whole(n, n->next, s->packets);) {
		if (s->packets == 0) {
			n->next++;
			continue;
		}
		MUST(s->packet == 0 && s->frame == n->last + 1);
		n->last = s->frame;
		n->got++;
		n->got_at = now;
		n->next += s->packets;
	}
}

/* A filler lies between two frames. */
static void take_filler(struct media_node *n, uint64_t number, uint64_t now) {
	MUST(!seen_at(n, number));
	n->seen[number % MEDIA_SEEN] = (struct media_seen){.number = number};
	n->fillers++;
	take_frames(n, now);
}

static void take_media(struct media_node *n, const struct rtp_received *got, uint64_t now) {
	const struct rtp_packet *p = &got->packet;
	struct media_seen s = {
		.number = got->number,
		.frame = get_be32(p->payload),
		.packet = p->payload[4],
		.packets = p->payload[5],
		.key = p->payload[6],
	};
	MUST(p->payload_type == MEDIA_TYPE && p->payload_len == PREFIX + MEDIA_BODY && p->timestamp == s.frame * 3000);
	MUST(memcmp(p->payload + PREFIX, frame_bytes(s.frame) + s.packet * MEDIA_BODY, MEDIA_BODY) == 0);
	MUST(!seen_at(n, s.number));
	n->seen[s.number % MEDIA_SEEN] = s;
	/* The beginning was lost: the stream starts with the next keyframe. */
	if (n->next == 0 && !s.key)
		rtp_session_want_keyframe(n->session, n->in);
	pass_to(n, &s);
	take_frames(n, now);
}

static void take_packet(struct media_node *n, const struct rtp_received *got, uint64_t now) {
	if (got->packet.payload_len)
		take_media(n, got, now);
	else
		take_filler(n, got->number, now);
}

static int node_input(void *ctx, const sluice_path *from, sluice_datagram *d, size_t count, uint64_t now) {
	struct media_node *n = ctx;
	(void)from;
	for (size_t i = 0; i < count; i++) {
		struct rtp_received got;
		if (rtp_packet_is_rtcp(d[i].data, d[i].len))
			MUST(rtp_session_receive_rtcp(n->session, d[i].data, d[i].len, now) == 0);
		else if (rtp_session_receive(n->session, d[i].data, d[i].len, now, &got) > 0)
			take_packet(n, &got, now);
	}
	return 0;
}

static void node_dispatch(void *ctx, uint64_t now) {
	struct media_node *n = ctx;
	struct rtp_event event;
	struct rtp_in_stats stats;
	while (rtp_session_poll(n->session, &event))
		n->key_wanted |= event.kind == RTP_EVENT_KEYFRAME;
	rtp_session_in_stats(n->session, n->in, &stats);
	if (stats.keyframes_asked == n->keys_asked)
		return;
	MUST(stats.keyframes_asked == n->keys_asked + 1);
	if (n->keys_asked && now - n->last_asked < n->asked_gap)
		n->asked_gap = now - n->last_asked;
	n->keys_asked = stats.keyframes_asked;
	n->last_asked = now;
}

static void node_advance(void *ctx, uint64_t now) {
	struct media_node *n = ctx;
	rtp_session_advance(n->session, now);
}

static uint64_t node_deadline(void *ctx) {
	struct media_node *n = ctx;
	uint64_t due = rtp_session_has_repair(n->session) ? 0 : rtp_session_deadline(n->session);
	return is_sending(n) && n->due < due ? n->due : due;
}

static bool node_check(void *ctx) {
	struct media_node *n = ctx;
	return rtp_session_check(n->session);
}

const struct sim_node_ops media_node_ops = {
	.input = node_input,
	.advance = node_advance,
	.output = node_output,
	.deadline = node_deadline,
	.dispatch = node_dispatch,
	.check = node_check,
};
