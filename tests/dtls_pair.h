/* dtls_pair: a client and a server over a wire in memory, in virtual time.
 *
 * A datagram of either end arrives after `delay`, in order, unless the pair is set to lose, duplicate or reorder it. Time jumps
 * to the earliest arrival or deadline. */
#ifndef TESTS_DTLS_PAIR_H
#define TESTS_DTLS_PAIR_H

#include "base/bytes.h"
#include "dtls/dtls.h"
#include "dtls/record.h"
#include "pool/env.h"
#include "suite.h"

enum { CLIENT, SERVER };

#define AIR_MAX 128
#define DATAGRAM_MAX 2048
#define PAIR_NUMBERS 65536 /* of sealed records; those behind are not looked at */

struct flying {
	uint64_t due;
	int to;
	size_t len;
	uint8_t bytes[DATAGRAM_MAX];
};

struct pair {
	sluice_env *env;
	sluice_certificate *certificate[2];
	struct dtls_config config[2];
	struct dtls *end[2];
	uint64_t now, delay;

	struct flying air[AIR_MAX];
	size_t flying;
	size_t handshake_max; /* the longest handshake datagram; 0: the mtu */
	unsigned sent;        /* datagrams, both directions, lost ones included */
	uint64_t lost;        /* bit i: the i-th datagram is lost */
	bool twice;           /* everything arrives twice */
	size_t too_long;      /* datagrams that are longer are lost; 0: none */
	/* Until deaf_until, datagrams to this end are lost, from the deaf_from-th on. */
	uint64_t deaf_until[2];
	unsigned deaf_from[2];
	bool cut_hello;      /* each ClientHello arrives in two fragments, in datagrams of their own */
	unsigned hellos_cut; /* how many were */
	/* As many datagrams to this end are lost, of those with a sealed handshake record, which only the Finished is. */
	unsigned finished_lost[2];
	bool backwards; /* datagrams that are under way together arrive in reverse order */

	uint8_t data[2][65536]; /* plaintext that came out at each end, concatenated */
	size_t data_len[2];
	unsigned records[2];
	/* Of the records of each end that left: in the clear, the least number that the next may have; sealed, a bit for each. */
	struct {
		uint64_t next[2];
		uint64_t sealed[2][PAIR_NUMBERS / 64];
	} numbers;
};

static inline void pair_remote(struct pair *p, int end, enum sluice_hash hash) {
	ck_assert_int_eq(sluice_certificate_fingerprint(p->certificate[1 - end], hash, &p->config[end].remote), 0);
}

/* Certificates and configurations; the test may change these before pair_open. */
static inline void pair_init(struct pair *p, const sluice_env_config *env) {
	memset(p, 0, sizeof *p);
	ck_assert_int_eq(sluice_env_new(env, &p->env), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(sluice_certificate_generate(&p->certificate[i]), 0);
		p->config[i] = (struct dtls_config){.client = i == CLIENT, .certificate = p->certificate[i], .mtu = 1200};
	}
	pair_remote(p, CLIENT, SLUICE_SHA256);
	pair_remote(p, SERVER, SLUICE_SHA256);
}

static inline void pair_open(struct pair *p) {
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(dtls_new(p->env, &p->config[i], &p->end[i]), 0);
	memset(&p->numbers, 0, sizeof p->numbers);
}

static inline void pair_start(struct pair *p) {
	ck_assert_int_eq(dtls_start(p->end[SERVER], p->now), 0);
	ck_assert_int_eq(dtls_start(p->end[CLIENT], p->now), 0);
}

/* Ends the connections; certificates and configurations stay for others. */
static inline void pair_hang_up(struct pair *p) {
	for (int i = 0; i < 2; i++) {
		dtls_free(p->end[i]);
		p->end[i] = NULL;
	}
	p->flying = 0;
	p->sent = 0;
	p->lost = 0;
}

static inline void pair_free(struct pair *p) {
	for (int i = 0; i < 2; i++) {
		dtls_free(p->end[i]);
		sluice_certificate_release(p->certificate[i]);
	}
	ck_assert_uint_eq(p->env->blocks.live, 0);
	sluice_env_free(p->env);
}

static inline void pair_fly(struct pair *p, int to, const uint8_t *data, size_t len) {
	ck_assert_uint_lt(p->flying, AIR_MAX);
	ck_assert_uint_le(len, DATAGRAM_MAX);
	struct flying *f = &p->air[p->flying++];
	f->due = p->now + p->delay;
	f->to = to;
	f->len = len;
	memcpy(f->bytes, data, len);
}

static inline bool pair_has_finished(const uint8_t *data, size_t len) {
	for (size_t record; (record = record_parse(data, len)) > 0; data += record, len -= record)
		if (record_type(data) == RECORD_HANDSHAKE && record_epoch(data) > 0)
			return true;
	return false;
}

static inline bool pair_loses(struct pair *p, int to, const uint8_t *data, size_t len) {
	unsigned index = p->sent++;
	if ((index < 64 && p->lost >> index & 1) || (index >= p->deaf_from[to] && p->now < p->deaf_until[to]) ||
	    (p->too_long && len > p->too_long))
		return true;
	if (p->finished_lost[to] == 0 || !pair_has_finished(data, len))
		return false;
	p->finished_lost[to]--;
	return true;
}

static inline void pair_send_whole(struct pair *p, int to, const uint8_t *data, size_t len) {
	if (pair_loses(p, to, data, len))
		return;
	for (int i = 0; i < (p->twice ? 2 : 1); i++)
		pair_fly(p, to, data, len);
}

/* The client's numbers of records in the clear are doubled, so that there is one left for the second half of each. */
static inline void pair_double_numbers(uint8_t *data, size_t len) {
	for (size_t record; (record = record_parse(data, len)) > 0; data += record, len -= record)
		if (record_epoch(data) == 0)
			put_be16(data + 9, (uint16_t)(2 * get_be16(data + 9)));
}

/* RFC 6347, 4.2.2: msg_type 8 | length 24 | message_seq 16 | fragment_offset 24 | fragment_length 24. One fragment of a record
 * with a whole message that is shorter than 64 KiB. */
static inline void pair_send_piece(struct pair *p, int to, const uint8_t *record, size_t offset, size_t len, unsigned number) {
	uint8_t piece[DATAGRAM_MAX];
	memcpy(piece, record, RECORD_HEADER + 12);
	put_be16(piece + 9, (uint16_t)(get_be16(record + 9) + number));
	put_be16(piece + 11, (uint16_t)(12 + len));
	put_be16(piece + RECORD_HEADER + 7, (uint16_t)offset);
	put_be16(piece + RECORD_HEADER + 10, (uint16_t)len);
	memcpy(piece + RECORD_HEADER + 12, record + RECORD_HEADER + 12 + offset, len);
	pair_send_whole(p, to, piece, RECORD_HEADER + 12 + len);
}

static inline bool pair_is_whole_hello(const uint8_t *data, size_t len) {
	return record_parse(data, len) == len && record_type(data) == RECORD_HANDSHAKE && record_epoch(data) == 0 &&
	       data[RECORD_HEADER] == 1 && get_be16(data + RECORD_HEADER + 2) == get_be16(data + RECORD_HEADER + 10);
}

static inline void pair_send(struct pair *p, int to, const uint8_t *data, size_t len) {
	uint8_t copy[DATAGRAM_MAX];
	ck_assert_uint_le(len, DATAGRAM_MAX);
	memcpy(copy, data, len);
	if (p->cut_hello && to == SERVER)
		pair_double_numbers(copy, len);
	if (!p->cut_hello || to != SERVER || !pair_is_whole_hello(copy, len)) {
		pair_send_whole(p, to, copy, len);
		return;
	}
	size_t body = get_be16(copy + RECORD_HEADER + 2), half = body / 2;
	pair_send_piece(p, to, copy, 0, half, 0);
	pair_send_piece(p, to, copy, half, body - half, 1);
	p->hellos_cut++;
}

/* No nonce is used twice, whoever seals. */
static inline void pair_check_sealed(struct pair *p, int end, const uint8_t *record) {
	uint64_t number = record_number(record) & RECORD_SEQUENCE_MAX, bit = UINT64_C(1) << number % 64;
	if (number >= PAIR_NUMBERS)
		return;
	ck_assert_uint_eq(p->numbers.sealed[end][number / 64] & bit, 0);
	p->numbers.sealed[end][number / 64] |= bit;
}

/* Asserts that a datagram of this end consists of whole records, each with a number of its own. */
static inline void pair_check_datagram(struct pair *p, int end, const uint8_t *data, size_t len) {
	for (size_t record; len > 0; data += record, len -= record) {
		record = record_parse(data, len);
		ck_assert_uint_gt(record, 0);
		ck_assert_uint_le(record_epoch(data), 1);
		if (record_epoch(data) == 1) {
			pair_check_sealed(p, end, data);
		} else {
			ck_assert_uint_ge(record_number(data), p->numbers.next[end]);
			p->numbers.next[end] = record_number(data) + 1;
		}
	}
}

/* Takes all datagrams that both ends have to send. */
static inline void pair_flush(struct pair *p) {
	uint8_t space[8192];
	for (int i = 0; i < 2; i++) {
		for (;;) {
			sluice_batch b = {.data = space, .capacity = sizeof space};
			if (dtls_output(p->end[i], &b, p->now) == 0)
				break;
			for (size_t k = 0; k < b.count; k++) {
				pair_check_datagram(p, i, sluice_batch_slot(&b, k), sluice_batch_slot_len(&b, k));
				ck_assert_uint_le(sluice_batch_slot_len(&b, k),
				                  p->handshake_max ? p->handshake_max : p->config[i].mtu);
				pair_send(p, 1 - i, sluice_batch_slot(&b, k), sluice_batch_slot_len(&b, k));
			}
		}
	}
}

static inline void pair_take(struct pair *p, int end, const sluice_datagram *out, size_t n) {
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_le(p->data_len[end] + out[i].len, sizeof p->data[end]);
		memcpy(p->data[end] + p->data_len[end], out[i].data, out[i].len);
		p->data_len[end] += out[i].len;
		p->records[end]++;
	}
}

/* Gives one datagram to an end, in a block of exactly its size, so that a sanitizer finds each access beyond it. */
static inline size_t pair_input(struct pair *p, int end, const uint8_t *data, size_t len) {
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, data, len);
	sluice_datagram in = {.data = copy, .len = len}, out[32];
	size_t n = dtls_open(p->end[end], &in, 1, out, 32, p->now);
	ck_assert(dtls_check(p->end[end]));
	pair_take(p, end, out, n);
	free(copy);
	return n;
}

static inline void pair_deliver(struct pair *p, size_t index) {
	struct flying f = p->air[index];
	memmove(&p->air[index], &p->air[index + 1], (p->flying - index - 1) * sizeof f);
	p->flying--;
	pair_input(p, f.to, f.bytes, f.len);
}

/* The index of the datagram that arrives next. Datagrams fly in the order of their sending. */
static inline size_t pair_next(const struct pair *p) {
	size_t next = 0;
	for (size_t i = 1; i < p->flying; i++)
		if (p->backwards && p->air[i].due == p->air[next].due)
			next = i;
	return next;
}

/* Lets the next thing happen, if that is not after `until`. Returns false when there is none. */
static inline bool pair_step(struct pair *p, uint64_t until) {
	pair_flush(p);
	uint64_t deadline[2] = {dtls_deadline(p->end[0]), dtls_deadline(p->end[1])};
	uint64_t at = deadline[0] < deadline[1] ? deadline[0] : deadline[1];
	bool arrival = p->flying > 0 && p->air[0].due <= at;
	if (arrival)
		at = p->air[0].due;
	if (at > until || at == SLUICE_NEVER)
		return false;
	p->now = at;
	if (arrival)
		pair_deliver(p, pair_next(p));
	else
		dtls_advance(p->end[deadline[0] <= deadline[1] ? 0 : 1], p->now);
	ck_assert(dtls_check(p->end[0]) && dtls_check(p->end[1]));
	return true;
}

static inline bool pair_connected(const struct pair *p) {
	return dtls_state(p->end[0]) == DTLS_CONNECTED && dtls_state(p->end[1]) == DTLS_CONNECTED;
}

/* Runs until nothing more happens before `until`. */
static inline void pair_run(struct pair *p, uint64_t until) {
	while (pair_step(p, until)) {
	}
	pair_flush(p);
}

/* Runs until both are connected; returns the time, or SLUICE_NEVER. */
static inline uint64_t pair_connect(struct pair *p, uint64_t until) {
	while (!pair_connected(p))
		if (!pair_step(p, until))
			return SLUICE_NEVER;
	return p->now;
}

/* A connected pair in one call. */
static inline void pair_make(struct pair *p) {
	pair_init(p, NULL);
	pair_open(p);
	pair_start(p);
	ck_assert_uint_ne(pair_connect(p, SLUICE_S), SLUICE_NEVER);
}

/* Seals one record of len bytes of `fill`; returns the record's length. */
static inline size_t pair_seal(struct pair *p, int end, uint8_t *record, size_t size, uint8_t fill, size_t len) {
	size_t head = dtls_headroom(p->end[end]), tail = dtls_tailroom(p->end[end]);
	ck_assert_uint_le(head + len + tail, size);
	memset(record + head, fill, len);
	sluice_batch b = {.data = record, .capacity = size, .headroom = head, .tailroom = tail, .count = 1};
	b.stride = b.last = head + len + tail;
	ck_assert_int_eq(dtls_seal(p->end[end], &b), 0);
	pair_check_datagram(p, end, record, b.last);
	return b.last;
}

/* Sends one record in each direction. */
static inline void pair_talk(struct pair *p) {
	uint8_t record[DATAGRAM_MAX];
	for (int end = 0; end < 2; end++) {
		size_t before = p->data_len[1 - end];
		size_t len = pair_seal(p, end, record, sizeof record, (uint8_t)(0x40 + end), 100);
		ck_assert_uint_eq(pair_input(p, 1 - end, record, len), 1);
		ck_assert_uint_eq(p->data_len[1 - end], before + 100);
		for (size_t i = before; i < before + 100; i++)
			ck_assert_uint_eq(p->data[1 - end][i], 0x40 + end);
	}
}

static inline sluice_dtls_stats pair_stats(const struct pair *p, int end) {
	sluice_dtls_stats s;
	dtls_stats_get(p->end[end], &s);
	return s;
}

#endif
