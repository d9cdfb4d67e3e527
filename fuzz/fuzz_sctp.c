/* fuzz_sctp: can a peer break an association by what it sends, and when?
 *
 * The first byte chooses the association's state and some options. The rest is a script: packets (with a correct header, so that
 * the chunks are looked at, or raw), time that passes, and calls of the app. After every step the association's invariants are
 * recounted, and its packets and its trace are parsed. At the end nothing may be left allocated. Its random numbers are constant,
 * all bytes 0x11, so that a seed can name its tag and its TSNs.
 *
 *   byte 0      bits 0-2 state (enum sluice_sctp_state), 3 the app keeps messages, 4 small window, 5 data is queued before,
 *               6 a byte of further options follows, 7 it is opened by descriptions (SNAP) instead: then a length n, and the n
 *               bytes of the peer's
 *   options     bits 0 the peer has neither PR-SCTP nor RE-CONFIG, 1 it has I-DATA, 2 messages are delivered in parts,
 *               3-5 enum sluice_scheduler
 *   then steps  op & 7: 0-3 packet: n, 4n bytes of chunks          4 time: t, t * t ms pass
 *                       5 send: n, 16n + 1 bytes; op's high bits tell how
 *                       6 call: which                              7 raw packet: n, 4n bytes, resealed if bit 3 of op */
#include <stdlib.h>

#include "fuzz/target.h"
#include "sctp/association.h"
#include "sim/memory.h"

#define PEER_TAG 0x22222222u
#define PEER_TSN 1000u
#define OUR_BYTE 0x11
#define KEPT 64
#define MEMORY_MAX ((size_t)32 << 20)

struct world {
	struct memory memory;
	sluice_env *env;
	sluice_sctp *sctp;
	uint64_t now;
	uint32_t tag; /* the association's */
	bool keep, bare, i_data;
	sluice_message *kept[KEPT];
	size_t kept_count;
	uint8_t cookie[512];
	size_t cookie_len;
};

static void constant(void *ctx, void *buf, size_t len) {
	(void)ctx;
	memset(buf, OUR_BYTE, len);
}

/* ---- looking after it ---- */

/* Asserts that a line of the trace is one JSON object within its bound: brackets match, one comma stands between members, and
 * strings contain nothing that would have to be escaped. */
static void check_line(void *ctx, const char *line, size_t len) {
	size_t depth = 0;
	bool string = false;
	(void)ctx;
	MUST(len > 2 && len <= SLUICE_TRACE_LINE_MAX && line[0] == '{' && line[len - 1] == '\n');
	for (size_t i = 0; i + 1 < len; i++) {
		char ch = line[i], next = line[i + 1];
		MUST(ch >= ' ' && ch <= '~' && ch != '\\');
		if (ch == '"')
			string = !string;
		if (string)
			continue;
		depth += ch == '{' || ch == '[';
		depth -= ch == '}' || ch == ']';
		MUST((ch != ',' && ch != ':') || next == '{' || next == '[' || next == '"' || next == 't' ||
		     (next >= '0' && next <= '9'));
		MUST((ch != '}' && ch != ']') || next == ',' || next == '}' || next == ']' || (next == '\n' && depth == 0));
	}
	MUST(depth == 0 && !string);
}

static void release_kept(struct world *w) {
	while (w->kept_count)
		sluice_message_release(w->kept[--w->kept_count]);
}

static void take_message(struct world *w, sluice_message *m) {
	size_t sum = 0;
	for (size_t i = 0; i < m->count; i++) {
		const volatile uint8_t *p = m->iov[i].iov_base;
		sum += m->iov[i].iov_len;
		if (m->iov[i].iov_len)
			(void)(p[0] + p[m->iov[i].iov_len - 1]);
	}
	MUST(sum == m->len);
	if (w->keep && w->kept_count < KEPT)
		w->kept[w->kept_count++] = m;
	else
		sluice_message_release(m);
}

/* Notes the cookie and the tag of an INIT-ACK, the tag of an INIT. */
static void note_init(struct world *w, const struct wire_chunk *c) {
	struct wire_init init;
	if ((c->type != WIRE_INIT && c->type != WIRE_INIT_ACK) || wire_init_read(c, &init) < 0)
		return;
	w->tag = init.tag;
	if (init.cookie && init.cookie_len <= sizeof w->cookie) {
		memcpy(w->cookie, init.cookie, init.cookie_len);
		w->cookie_len = init.cookie_len;
	}
}

static void read_packet(struct world *w, const uint8_t *packet, size_t len) {
	struct reader r = reader_of(packet, len);
	struct wire_header h;
	struct wire_chunk c;
	int rc;
	MUST(len <= w->sctp->tx.mtu && wire_packet_read(&r, &h) == 0);
	while ((rc = wire_chunk_next(&r, &c)) == 1)
		note_init(w, &c);
	MUST(rc == 0);
}

static void listen_to(struct world *w) {
	static uint8_t space[65536];
	for (unsigned n = 0;; n++) {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		int count = sluice_sctp_output(w->sctp, &b, w->now);
		MUST(count >= 0 && (size_t)count == b.count && n < 10000);
		for (size_t i = 0; i < b.count; i++)
			read_packet(w, sluice_batch_slot(&b, i), sluice_batch_slot_len(&b, i));
		sluice_sctp_event e;
		while (sluice_sctp_poll(w->sctp, &e))
			if (e.message)
				take_message(w, e.message);
		if (count == 0)
			break;
	}
	MUST(association_check(w->sctp));
	MUST(w->memory.bytes < MEMORY_MAX);
}

/* ---- what happens to it ---- */

static void give(struct world *w, uint8_t *packet, size_t len) {
	/* The packet is in a block of exactly its size, so that a sanitizer finds each read beyond it. */
	uint8_t *copy = malloc(len ? len : 1);
	MUST(copy);
	memcpy(copy, packet, len);
	sluice_datagram d = {.data = copy, .len = len};
	sluice_sctp_input(w->sctp, &d, 1, w->now);
	MUST(association_check(w->sctp));
	free(copy);
	listen_to(w);
}

static void give_chunks(struct world *w, const void *chunks, size_t len) {
	uint8_t space[2048];
	struct writer out = writer_of(space, sizeof space);
	/* A packet that starts with an INIT has the tag 0. */
	bool init = len > 0 && *(const uint8_t *)chunks == WIRE_INIT;
	wire_header_write(&out, &(struct wire_header){.src_port = 5000, .dst_port = 5000, .tag = init ? 0 : w->tag});
	write_bytes(&out, chunks, len);
	MUST(!out.failed);
	wire_packet_seal(space, writer_len(&out));
	give(w, space, writer_len(&out));
}

static void pass_time(struct world *w, uint64_t until) {
	for (unsigned n = 0; n < 200; n++) {
		uint64_t next = sluice_sctp_deadline(w->sctp);
		if (next > until)
			break;
		if (next > w->now)
			w->now = next;
		sluice_sctp_advance(w->sctp, w->now);
		listen_to(w);
	}
	w->now = until > w->now ? until : w->now;
}

static void send_some(struct world *w, unsigned how, size_t len) {
	static uint8_t payload[16 * 255 + 1];
	sluice_send_info info = {
		.stream = how & 3,
		.unordered = how >> 2 & 1,
		.reliability = (enum sluice_reliability)((how >> 3 & 3) % 3),
		.value = len & 7,
	};
	sluice_sctp_send(w->sctp, &info, payload, len);
}

/* A message piece by piece. */
static void give_part(struct world *w, unsigned which) {
	static const uint8_t payload[1500];
	uint16_t stream = which >> 4 & 3;
	if (which & 64)
		sluice_sctp_send_begin(w->sctp, &(sluice_send_info){.stream = stream, .unordered = which & 128});
	else if (which & 128)
		sluice_sctp_send_end(w->sctp, stream);
	else
		sluice_sctp_send_part(w->sctp, stream, payload, sizeof payload);
}

static void call(struct world *w, unsigned which) {
	switch (which & 15) {
	case 0:
	case 1:
		sluice_sctp_reset_stream(w->sctp, which >> 4 & 3);
		break;
	case 2:
		sluice_sctp_request_reset(w->sctp, which >> 4 & 3);
		break;
	case 3:
		sluice_sctp_add_streams(w->sctp, which >> 4, which >> 6);
		break;
	case 4:
		sluice_sctp_shutdown(w->sctp);
		break;
	case 5:
		sluice_sctp_abort(w->sctp, which & 16 ? "reason" : NULL);
		break;
	case 6:
		sluice_sctp_connect(w->sctp);
		break;
	case 7:
		release_kept(w);
		break;
	case 8:
		sluice_sctp_refuse(w->sctp, which >> 4 & 1);
		break;
	case 9:
		give_part(w, which);
		break;
	case 10:
		sluice_sctp_send_cancel(w->sctp, which >> 4 & 3);
		break;
	case 11:
		sluice_sctp_reset_stream(w->sctp, SLUICE_SCTP_ALL_STREAMS);
		break;
	default: { /* to the next deadline */
		uint64_t next = sluice_sctp_deadline(w->sctp);
		if (next != SLUICE_NEVER)
			pass_time(w, next);
		break;
	}
	}
}

/* ---- bringing it into a state ---- */

static void give_init(struct world *w, uint8_t type) {
	uint8_t space[512];
	struct writer out = writer_of(space, sizeof space);
	struct wire_init i = {
		.tag = PEER_TAG,
		.a_rwnd = 65536,
		.outbound_streams = 16,
		.inbound_streams = 16,
		.tsn = PEER_TSN,
		.forward_tsn = !w->bare,
		.reconfig = !w->bare,
		.i_data = w->i_data,
		.i_forward_tsn = w->i_data && !w->bare,
		.cookie = (const uint8_t *)"cookie--",
		.cookie_len = type == WIRE_INIT_ACK ? 8 : 0,
	};
	wire_init_write(&out, type, &i);
	MUST(!out.failed);
	give_chunks(w, space, writer_len(&out));
}

static void give_chunk(struct world *w, uint8_t type, const void *value, size_t len) {
	uint8_t space[1024];
	struct writer out = writer_of(space, sizeof space);
	wire_chunk_write(&out, type, 0, value, len);
	MUST(!out.failed);
	give_chunks(w, space, writer_len(&out));
}

static void give_shutdown(struct world *w) {
	uint8_t cum[4];
	put_be32(cum, OUR_BYTE * 0x01010101u - 1);
	give_chunk(w, WIRE_SHUTDOWN, cum, sizeof cum);
}

static void reach(struct world *w, enum sluice_sctp_state state, bool queued) {
	if (state == SLUICE_SCTP_CLOSED)
		return;
	if (state == SLUICE_SCTP_COOKIE_WAIT || state == SLUICE_SCTP_COOKIE_ECHOED) {
		sluice_sctp_connect(w->sctp);
		listen_to(w);
		if (state == SLUICE_SCTP_COOKIE_ECHOED)
			give_init(w, WIRE_INIT_ACK);
	} else {
		give_init(w, WIRE_INIT);
		give_chunk(w, WIRE_COOKIE_ECHO, w->cookie, w->cookie_len);
	}
	for (unsigned i = 0; queued && i < 6; i++)
		send_some(w, i * 5, 900);
	listen_to(w);
	if (state == SLUICE_SCTP_SHUTDOWN_PENDING || state == SLUICE_SCTP_SHUTDOWN_SENT)
		sluice_sctp_shutdown(w->sctp);
	if (state == SLUICE_SCTP_SHUTDOWN_RECEIVED || state == SLUICE_SCTP_SHUTDOWN_ACK_SENT)
		give_shutdown(w);
	listen_to(w);
}

/* Returns where the script begins. */
static const uint8_t *reach_described(struct world *w, const uint8_t *at, const uint8_t *end) {
	uint8_t ours[SLUICE_SCTP_INIT_MAX];
	int len = sluice_sctp_describe(w->sctp, ours, sizeof ours);
	MUST(len > 0 && sluice_sctp_check_init(ours, (size_t)len) == 0);
	w->tag = get_be32(ours + 4);
	size_t n = at < end ? *at++ : 0;
	if (n > (size_t)(end - at))
		n = (size_t)(end - at);
	uint8_t *copy = malloc(n ? n : 1);
	MUST(copy);
	memcpy(copy, at, n);
	int fits = sluice_sctp_check_init(copy, n);
	MUST(fits == 0 || fits == SLUICE_MALFORMED);
	MUST(sluice_sctp_connect_described(w->sctp, copy, n) == fits);
	MUST(sluice_sctp_state(w->sctp) == (fits ? SLUICE_SCTP_CLOSED : SLUICE_SCTP_ESTABLISHED));
	free(copy);
	listen_to(w);
	return at + n;
}

/* ---- the script ---- */

static void play(struct world *w, const uint8_t *at, const uint8_t *end) {
	uint8_t space[4 * 255];
	while (end - at >= 2) {
		unsigned op = at[0], n = at[1];
		at += 2;
		size_t len = 0;
		switch (op & 7) {
		case 4:
			pass_time(w, w->now + (uint64_t)n * n * SLUICE_MS);
			break;
		case 5:
			send_some(w, op >> 3, 16 * n + 1);
			break;
		case 6:
			call(w, n);
			break;
		case 7:
			len = target_left(at, end, 4 * n);
			memcpy(space, at, len);
			if (op & 8 && len >= WIRE_HEADER_SIZE)
				wire_packet_seal(space, len);
			give(w, space, len);
			break;
		default:
			len = target_left(at, end, 4 * n);
			give_chunks(w, at, len);
			break;
		}
		at += len;
		listen_to(w);
	}
}

static void configure(sluice_sctp_config *c, unsigned first, unsigned options) {
	sluice_sctp_config_init(c);
	c->inbound_streams = c->outbound_streams = 16;
	if (first & 16) {
		c->receive_window = 4096;
		c->max_message_size = 3000;
	}
	if (first & 8)
		c->mtu_max = 9000;
	if (options & 4)
		c->partial_delivery = 1000;
	c->scheduler = (enum sluice_scheduler)((options >> 3 & 7) % (SLUICE_SCHEDULER_WEIGHTED_FAIR + 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0)
		return 0;
	const uint8_t *script = data + 1, *end = data + size;
	unsigned first = data[0], options = first & 64 && script < end ? *script++ : 0;
	struct world w = {.now = SLUICE_S, .keep = first & 8, .bare = options & 1, .i_data = options & 2};
	sluice_env_config config = {.allocator = memory_allocator(&w.memory), .entropy = constant};
	sluice_sctp_config sctp;
	configure(&sctp, first, options);
	MUST(sluice_env_new(&config, &w.env) == 0);
	MUST(sluice_sctp_new(w.env, &sctp, &w.sctp) == 0);
	MUST(sluice_sctp_set_trace(w.sctp, check_line, NULL) == 0);
	if (first & 128)
		script = reach_described(&w, script, end);
	else
		reach(&w, (enum sluice_sctp_state)(first & 7), first & 32);
	play(&w, script, end);
	pass_time(&w, w.now + 60 * SLUICE_S);
	sluice_sctp_free(w.sctp);
	release_kept(&w);
	sluice_env_free(w.env);
	MUST(w.memory.live == 0);
	return 0;
}
