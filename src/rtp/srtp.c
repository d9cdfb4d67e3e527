#include "rtp/srtp.h"

#include "base/prefetch.h"
#include "base/wipe.h"
#include "pool/env.h"
#include "rtp/srtp_layout.h"

#define RTP_LIMIT (UINT64_C(1) << 48)
#define RTCP_LIMIT (UINT64_C(1) << 31)

#define RTP_FIXED_HEADER 12
#define WRAP 0x10000

/* ---- contexts ----------------------------------------------------------------------------------------------------- */

static int flow_open(struct srtp *s, sluice_env *env, const struct srtp_config *config, enum srtp_kind kind,
                     const struct srtp_session_keys *keys) {
	struct srtp_flow *f = &s->flow[kind];
	const struct srtp_profile_info *p = srtp_cipher_profile(config->profile);
	uint32_t streams = config->streams ? config->streams : SRTP_STREAMS;
	memcpy(f->salt, keys->salt, p->salt);
	f->tag = p->tag[kind];
	f->cipher = srtp_cipher_new(env, config->profile, kind, config->use, config->backend, keys->key, keys->auth_key);
	if (!f->cipher)
		return SLUICE_CRYPTO;
	return kind == SRTP_RTCP && config->use == AEAD_SEAL ? 0 : ssrc_table_open(&f->streams, env, streams);
}

int srtp_open_with(struct srtp *s, sluice_env *env, const struct srtp_config *config, const struct srtp_session_keys keys[2]) {
	if (config->streams > SSRC_TABLE_MAX)
		return SLUICE_INVALID;
	*s = (struct srtp){.use = config->use,
	                   .aead = srtp_cipher_profile(config->profile)->aead,
	                   .repeats = config->repeats,
	                   .grows = config->grows};
	int error = flow_open(s, env, config, SRTP_RTP, &keys[SRTP_RTP]);
	if (error == 0)
		error = flow_open(s, env, config, SRTP_RTCP, &keys[SRTP_RTCP]);
	if (error < 0)
		srtp_close(s);
	return error;
}

int srtp_open(struct srtp *s, sluice_env *env, const struct srtp_config *config, const struct srtp_master *master) {
	struct srtp_session_keys keys[2];
	bool derived = srtp_kdf_derive(config->profile, SRTP_RTP, master, &keys[SRTP_RTP]) &&
	               srtp_kdf_derive(config->profile, SRTP_RTCP, master, &keys[SRTP_RTCP]);
	int error = derived ? srtp_open_with(s, env, config, keys) : SLUICE_CRYPTO;
	wipe(keys, sizeof keys);
	return error;
}

void srtp_close(struct srtp *s) {
	for (int kind = SRTP_RTP; kind <= SRTP_RTCP; kind++) {
		srtp_cipher_free(s->flow[kind].cipher);
		ssrc_table_close(&s->flow[kind].streams);
	}
	wipe(s, sizeof *s);
}

/* ---- what a packet says in the clear ----------------------------------------------------------------------------- */

/* RFC 5761, 4: RTCP's packet types, read as RTP, would be payload types 64 to 95 with the marker set. */
static inline bool is_rtcp(const struct srtp_packet *p) {
	return p->len > 1 && p->data[1] >= 192 && p->data[1] <= 223;
}

/* The length of the RTP header with CSRCs and extension; 0: there is none within `len` bytes. (rtp_packet_parse() would also look
 * at the padding, which is encrypted.) */
static inline size_t rtp_header_len(const uint8_t *data, size_t len) {
	if (len < RTP_FIXED_HEADER || data[0] >> 6 != 2)
		return 0;
	size_t header = RTP_FIXED_HEADER + 4 * (size_t)(data[0] & 15);
	if (data[0] & 0x10)
		header += header + 4 <= len ? 4 + 4 * (size_t)get_be16(data + header + 2) : 4;
	return header <= len ? header : 0;
}

static inline uint32_t ssrc_of(const uint8_t *data, enum srtp_kind kind) {
	return get_be32(data + (kind == SRTP_RTP ? 8 : 4));
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* RFC 3711, 3.3.1: the number nearest to the highest one that has this sequence number. Of two that are equally near it is the
 * one in the same turn of the counter (appendix A). There is none below zero, so before the first wrap a jump of more than half
 * a turn leads forward. */
static inline uint64_t estimate(const struct replay *window, uint16_t sequence) {
	uint64_t highest = window->highest;
	uint16_t ahead = (uint16_t)(sequence - highest);
	if (ahead < WRAP / 2)
		return highest + ahead;
	bool behind = ahead > WRAP / 2 || (highest & (WRAP / 2));
	return behind && highest + ahead >= WRAP ? highest + ahead - WRAP : highest + ahead;
}

static inline enum srtp_result judge(const struct replay *window, uint64_t number) {
	if (replay_is_new(window, number))
		return SRTP_OK;
	return replay_is_old(window, number) ? SRTP_OLD : SRTP_REPLAYED;
}

/* ---- runs ----------------------------------------------------------------------------------------------------------- */

/* Packets of one kind on their way through the cipher. */
struct batch {
	enum srtp_kind kind;
	size_t count;
	struct slot {
		struct srtp_packet *packet;
		uint64_t number;
		/* The packet's length when the cipher is through with it. */
		size_t len;
	} slots[SRTP_RUN];
	union srtp_run run;
	uint8_t space[SRTP_RUN][SRTP_SPACE];
};

static inline void finish(struct srtp *s, struct srtp_packet *p, enum srtp_result result) {
	p->result = result;
	s->counts[result]++;
}

/* `end`: see srtp_layout.h. Opening has the tag in the job; sealing fetches it from there. */
static inline void add_rtp(const struct srtp *s, struct batch *b, struct srtp_packet *p, size_t header, size_t end,
                           uint64_t number, bool opening) {
	const struct srtp_flow *f = &s->flow[SRTP_RTP];
	uint32_t ssrc = ssrc_of(p->data, SRTP_RTP);
	size_t i = b->count++;
	b->slots[i].packet = p;
	b->slots[i].number = number;
	if (s->aead) {
		srtp_layout_aead_nonce(b->run.aead[i].nonce, f->salt, ssrc, number);
		srtp_layout_rtp_aead(&b->run.aead[i], p->data, header, end);
	} else {
		srtp_layout_cm_iv(b->run.cm[i].iv, f->salt, ssrc, number);
		if (opening)
			memcpy(b->run.cm[i].tag, p->data + end, f->tag);
		srtp_layout_rtp_cm(&b->run.cm[i], p->data, header, end, number);
	}
	b->slots[i].len = opening ? end : end + f->tag;
}

static void add_rtcp(const struct srtp *s, struct batch *b, struct srtp_packet *p, size_t end, uint32_t word) {
	const struct srtp_flow *f = &s->flow[SRTP_RTCP];
	uint32_t ssrc = ssrc_of(p->data, SRTP_RTCP), number = word & ~SRTP_E_FLAG;
	size_t i = b->count++;
	b->slots[i].packet = p;
	b->slots[i].number = number;
	if (s->aead) {
		srtp_layout_aead_nonce(b->run.aead[i].nonce, f->salt, ssrc, number);
		if (word & SRTP_E_FLAG)
			srtp_layout_rtcp_aead(&b->run.aead[i], p->data, end, word, b->space[i]);
		else
			srtp_layout_rtcp_aead_clear(&b->run.aead[i], p->data, end, word, b->space[i]);
	} else {
		srtp_layout_cm_iv(b->run.cm[i].iv, f->salt, ssrc, number);
		if (s->use == AEAD_OPEN)
			memcpy(b->run.cm[i].tag, p->data + end + SRTP_INDEX_SIZE, f->tag);
		srtp_layout_rtcp_cm(&b->run.cm[i], p->data, end, word);
	}
	b->slots[i].len = s->use == AEAD_SEAL ? end + f->tag + SRTP_INDEX_SIZE : end;
}

/* ---- protecting -------------------------------------------------------------------------------------------------- */

/* Writes what the cipher does not: the tag of a CM profile, or E and index behind the tag of an AEAD. */
static inline void seal_tail(const struct srtp *s, struct batch *b, size_t i) {
	uint8_t *end = b->slots[i].packet->data + b->slots[i].len;
	if (!s->aead)
		memcpy(end - s->flow[b->kind].tag, b->run.cm[i].tag, s->flow[b->kind].tag);
	else if (b->kind == SRTP_RTCP)
		put_be32(end - SRTP_INDEX_SIZE, SRTP_E_FLAG | (uint32_t)b->slots[i].number);
	b->slots[i].packet->len = b->slots[i].len;
}

static int seal_run(struct srtp *s, struct batch *b) {
	size_t count = b->count;
	b->count = 0;
	bool good = count == 0 || srtp_cipher_seal(s->flow[b->kind].cipher, &b->run, count);
	for (size_t i = 0; i < count; i++) {
		if (good)
			seal_tail(s, b, i);
		b->slots[i].packet->result = good ? SRTP_OK : SRTP_REFUSED;
	}
	s->counts[good ? SRTP_OK : SRTP_REFUSED] += count;
	return good ? 0 : SLUICE_CRYPTO;
}

static int leave_out(struct srtp *s, struct srtp_packet *p, enum srtp_result result, int error) {
	finish(s, p, result);
	return error;
}

/* RFC 3711, 9.2: "when 2^48 SRTP packets or 2^31 SRTCP packets have been secured with the same key (whichever occurs before), the
 * key management MUST be called to provide new master key(s) (previously stored and used keys MUST NOT be used again)". */
static inline void count_sealed(struct srtp *s, enum srtp_kind kind, uint64_t limit) {
	if (++s->flow[kind].sealed == limit)
		s->error = SLUICE_LIMIT;
}

/* A sender's SSRC is never forgotten, so one more needs more room. */
static struct ssrc_stream *add_sealed(struct srtp *s, uint32_t ssrc) {
	struct ssrc_table *streams = &s->flow[SRTP_RTP].streams;
	struct ssrc_stream *stream = ssrc_table_add(streams, ssrc);
	if (!stream && s->grows && ssrc_table_grow(streams) == 0)
		stream = ssrc_table_add(streams, ssrc);
	return stream;
}

/* Gives the packet its number and adds it to the run, or finishes it. */
static int seal_rtp(struct srtp *s, struct batch *b, struct srtp_packet *p) {
	struct srtp_flow *f = &s->flow[SRTP_RTP];
	size_t header = rtp_header_len(p->data, p->len);
	if (header == 0)
		return leave_out(s, p, SRTP_MALFORMED, 0);
	uint32_t ssrc = ssrc_of(p->data, SRTP_RTP);
	struct ssrc_stream *stream = ssrc_table_find(&f->streams, ssrc);
	if (!stream)
		stream = add_sealed(s, ssrc);
	if (!stream)
		return leave_out(s, p, SRTP_REFUSED, SLUICE_LIMIT);
	uint64_t number = estimate(&stream->window, get_be16(p->data + 2));
	if (number >= RTP_LIMIT)
		return leave_out(s, p, SRTP_REFUSED, s->error = SLUICE_LIMIT);
	enum srtp_result result = replay_mark(&stream->window, number) ? SRTP_OK : judge(&stream->window, number);
	if (result != SRTP_OK && !(result == SRTP_REPLAYED && s->repeats && !s->aead))
		return leave_out(s, p, result, 0);
	count_sealed(s, SRTP_RTP, RTP_LIMIT);
	add_rtp(s, b, p, header, p->len, number, false);
	return 0;
}

static int seal_rtcp(struct srtp *s, struct batch *b, struct srtp_packet *p) {
	if (p->len < SRTCP_CLEAR || p->data[0] >> 6 != 2)
		return leave_out(s, p, SRTP_MALFORMED, 0);
	add_rtcp(s, b, p, p->len, SRTP_E_FLAG | (uint32_t)s->flow[SRTP_RTCP].sealed);
	count_sealed(s, SRTP_RTCP, RTCP_LIMIT);
	return 0;
}

static int seal_one(struct srtp *s, struct batch *b, struct srtp_packet *p) {
	if (s->error)
		return leave_out(s, p, SRTP_REFUSED, s->error);
	return p->rtcp ? seal_rtcp(s, b, p) : seal_rtp(s, b, p);
}

/* A run has packets of one kind. An empty one costs nothing. */
static inline bool has_to_run(const struct batch *b, enum srtp_kind next) {
	return b->count == SRTP_RUN || b->kind != next;
}

void srtp_prefetch(const struct srtp *s) {
	const struct srtp_flow *f = &s->flow[SRTP_RTP];
	if (f->streams.last)
		prefetch(f->streams.last, sizeof *f->streams.last);
	if (f->cipher)
		prefetch(f->cipher, PREFETCH_LINE);
}

void srtp_prefetch_key(const struct srtp *s) {
	if (s->flow[SRTP_RTP].cipher)
		srtp_cipher_prefetch(s->flow[SRTP_RTP].cipher);
}

int srtp_protect_batch(struct srtp *s, struct srtp_packet *packets, size_t count) {
	struct batch b;
	int error = 0, sealed = 0;
	b.count = 0;
	b.kind = SRTP_RTP;
	for (size_t i = 0; i < count; i++) {
		struct srtp_packet *p = &packets[i];
		p->rtcp = is_rtcp(p);
		enum srtp_kind kind = p->rtcp ? SRTP_RTCP : SRTP_RTP;
		if (has_to_run(&b, kind) && (sealed = seal_run(s, &b)) < 0)
			error = sealed;
		b.kind = kind;
		int refused = seal_one(s, &b, p);
		error = refused < 0 ? refused : error;
	}
	sealed = seal_run(s, &b);
	return sealed < 0 ? sealed : error;
}

bool srtp_next_sequence(struct srtp *s, uint32_t ssrc, uint16_t *next) {
	const struct ssrc_stream *stream = ssrc_table_find(&s->flow[SRTP_RTP].streams, ssrc);
	if (!stream)
		return false;
	*next = (uint16_t)(stream->window.highest + 1);
	return true;
}

/* ---- unprotecting ------------------------------------------------------------------------------------------------ */

static inline bool has_failed(const struct srtp *s, const struct batch *b, size_t i) {
	return s->aead ? b->run.aead[i].failed : b->run.cm[i].failed;
}

/* It is authentic. The window is asked once more: two copies in one run are both authentic. */
static inline enum srtp_result take(struct ssrc_table *streams, enum srtp_kind kind, const struct slot *slot) {
	struct srtp_packet *p = slot->packet;
	uint32_t ssrc = ssrc_of(p->data, kind);
	struct ssrc_stream *stream = ssrc_table_find(streams, ssrc);
	if (!stream)
		stream = ssrc_table_replace(streams, ssrc);
	if (!replay_mark(&stream->window, slot->number))
		return judge(&stream->window, slot->number);
	ssrc_table_touch(streams, stream);
	p->len = slot->len;
	return SRTP_OK;
}

/* `failed`: how many did. Mostly none, and then no job is looked at. */
static void take_run(struct srtp *s, struct batch *b, size_t failed) {
	size_t good = 0, count = b->count;
	enum srtp_kind kind = b->kind;
	struct ssrc_table *streams = &s->flow[kind].streams;
	for (size_t i = 0; i < count; i++) {
		bool forged = failed > 0 && has_failed(s, b, i);
		enum srtp_result result = forged ? SRTP_FORGED : take(streams, kind, &b->slots[i]);
		b->slots[i].packet->result = result;
		if (result == SRTP_OK)
			good++;
		else
			s->counts[result]++;
	}
	s->counts[SRTP_OK] += good;
	b->count = 0;
}

static void open_run(struct srtp *s, struct batch *b) {
	if (b->count > 0)
		take_run(s, b, srtp_cipher_open(s->flow[b->kind].cipher, &b->run, b->count));
}

/* As far behind a wrap as the first packet of a stream may be that began before the wrap: some seconds of video. */
#define FIRST_BEHIND_WRAP 4096

/* The one packet of the run, which failed, under a number one wrap higher. An AEAD has decrypted it; opening it under the old
 * nonce once more turns that back (crypto/srtp_cipher.h). */
static size_t open_behind_wrap(struct srtp *s, struct batch *b) {
	struct srtp_cipher *cipher = s->flow[SRTP_RTP].cipher;
	uint32_t ssrc = ssrc_of(b->slots[0].packet->data, SRTP_RTP);
	uint64_t number = b->slots[0].number += WRAP;
	if (s->aead) {
		srtp_cipher_open(cipher, &b->run, 1);
		srtp_layout_aead_nonce(b->run.aead[0].nonce, s->flow[SRTP_RTP].salt, ssrc, number);
	} else {
		srtp_layout_cm_iv(b->run.cm[0].iv, s->flow[SRTP_RTP].salt, ssrc, number);
		put_be32(b->slots[0].packet->data + b->slots[0].len, (uint32_t)(number >> 16));
	}
	return srtp_cipher_open(cipher, &b->run, 1);
}

/* The first packet of an SSRC goes alone, because the numbers of others depend on it. */
static void open_first(struct srtp *s, struct batch *b, struct srtp_packet *p, size_t header, size_t end) {
	uint16_t sequence = get_be16(p->data + 2);
	open_run(s, b);
	add_rtp(s, b, p, header, end, sequence, true);
	size_t failed = srtp_cipher_open(s->flow[SRTP_RTP].cipher, &b->run, 1);
	if (failed > 0 && sequence < FIRST_BEHIND_WRAP)
		failed = open_behind_wrap(s, b);
	take_run(s, b, failed);
}

/* The numbers of a run are estimated from the highest one before it. So a packet that is a quarter of a turn away from that goes
 * alone: those of a run are then nearer than half a turn to each other, and each estimate is what it would be one by one. */
#define FAR (WRAP / 4)

static inline bool is_far(const struct replay *window, uint64_t number) {
	return number - window->highest + FAR - 1 >= 2 * FAR - 1;
}

static void open_rtp(struct srtp *s, struct batch *b, struct srtp_packet *p) {
	struct srtp_flow *f = &s->flow[SRTP_RTP];
	size_t end = p->len > f->tag ? p->len - f->tag : 0;
	size_t header = rtp_header_len(p->data, end);
	if (header == 0) {
		finish(s, p, SRTP_MALFORMED);
		return;
	}
	struct ssrc_stream *stream = ssrc_table_find(&f->streams, ssrc_of(p->data, SRTP_RTP));
	if (!stream) {
		open_first(s, b, p, header, end);
		return;
	}
	uint64_t number = estimate(&stream->window, get_be16(p->data + 2));
	bool far = is_far(&stream->window, number);
	if (far) {
		open_run(s, b);
		number = estimate(&stream->window, get_be16(p->data + 2));
	}
	enum srtp_result result = number < RTP_LIMIT ? judge(&stream->window, number) : SRTP_FORGED;
	if (result != SRTP_OK) {
		finish(s, p, result);
		return;
	}
	add_rtp(s, b, p, header, end, number, true);
	if (far)
		open_run(s, b);
}

static void open_rtcp(struct srtp *s, struct batch *b, struct srtp_packet *p) {
	struct srtp_flow *f = &s->flow[SRTP_RTCP];
	size_t tail = f->tag + SRTP_INDEX_SIZE;
	if (p->len < SRTCP_CLEAR + tail || p->data[0] >> 6 != 2) {
		finish(s, p, SRTP_MALFORMED);
		return;
	}
	size_t end = p->len - tail;
	uint32_t word = get_be32(p->data + end + (s->aead ? f->tag : 0));
	struct ssrc_stream *stream = ssrc_table_find(&f->streams, ssrc_of(p->data, SRTP_RTCP));
	enum srtp_result result = stream ? judge(&stream->window, word & ~SRTP_E_FLAG) : SRTP_OK;
	if (result == SRTP_OK)
		add_rtcp(s, b, p, end, word);
	else
		finish(s, p, result);
}

size_t srtp_unprotect_batch(struct srtp *s, struct srtp_packet *packets, size_t count) {
	struct batch b;
	uint64_t good = s->counts[SRTP_OK];
	b.count = 0;
	b.kind = SRTP_RTP;
	for (size_t i = 0; i < count; i++) {
		struct srtp_packet *p = &packets[i];
		p->rtcp = is_rtcp(p);
		enum srtp_kind kind = p->rtcp ? SRTP_RTCP : SRTP_RTP;
		if (has_to_run(&b, kind))
			open_run(s, &b);
		b.kind = kind;
		if (p->rtcp)
			open_rtcp(s, &b, p);
		else
			open_rtp(s, &b, p);
	}
	open_run(s, &b);
	return s->counts[SRTP_OK] - good;
}

/* ---- for people and tests ---------------------------------------------------------------------------------------- */

const char *srtp_result_name(enum srtp_result result) {
	static const char *const names[] = {"OK", "REPLAYED", "OLD", "FORGED", "MALFORMED", "REFUSED"};
	return (size_t)result < SRTP_RESULTS ? names[result] : "UNKNOWN";
}

static bool flow_check(const struct srtp_flow *f, uint64_t limit) {
	bool good = f->cipher && f->sealed <= limit && ssrc_table_check(&f->streams);
	for (uint32_t i = 0; good && i < f->streams.count; i++)
		good = f->streams.streams[i].window.highest < limit;
	return good;
}

bool srtp_check(const struct srtp *s) {
	bool sealing = s->use == AEAD_SEAL;
	return flow_check(&s->flow[SRTP_RTP], RTP_LIMIT) && flow_check(&s->flow[SRTP_RTCP], RTCP_LIMIT) &&
	       (!sealing || !s->flow[SRTP_RTCP].streams.streams) && (sealing || (s->flow[SRTP_RTP].sealed == 0 && s->error == 0));
}
