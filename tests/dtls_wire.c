/* dtls_wire.c: what happens between our end and the other; what it is for stands in the header. */
#include "dtls_wire.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "dtls/record.h"
#include "pool/env.h"
#include "suite.h"

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void take_fingerprint(struct wire *w) {
	const char *pem = other_pem(w->config.other_key, false);
	sluice_certificate *c;
	ck_assert_int_eq(sluice_certificate_from_pem(pem, pem, &c), 0);
	ck_assert_int_eq(sluice_certificate_fingerprint(c, SLUICE_SHA256, &w->other_fingerprint), 0);
	sluice_certificate_release(c);
}

void wire_init(struct wire *w, const struct dtls_stack *stack, const struct wire_config *config) {
	const char *pem = other_pem(config->our_key, true);
	memset(w, 0, sizeof *w);
	w->stack = stack;
	w->config = *config;
	if (w->config.mtu == 0)
		w->config.mtu = 1200;
	w->rng = rng_of(config->seed, 1);
	ck_assert_int_eq(sluice_env_new(NULL, &w->env), 0);
	ck_assert_int_eq(sluice_certificate_from_pem(pem, pem, &w->certificate), 0);
	take_fingerprint(w);
}

static void flush(struct wire *w);

void wire_open(struct wire *w) {
	const struct wire_config *c = &w->config;
	struct dtls_config ours = {.client = c->client,
	                           .certificate = w->certificate,
	                           .remote = w->other_fingerprint,
	                           .mtu = c->mtu,
	                           .resume = c->resume,
	                           .srtp = c->our_srtp,
	                           .openssl_records = c->openssl_records};
	struct other_config other = {.client = !c->client,
	                             .pem = other_pem(c->other_key, false),
	                             .cipher = c->cipher,
	                             .no_master_secret = c->no_master_secret,
	                             .cookies = c->cookies,
	                             .resume = c->resume,
	                             .reject = c->reject,
	                             .bare = c->bare,
	                             .srtp = c->other_srtp,
	                             .mtu = c->mtu};
	other_set_clock(w->now);
	w->sent = 0;
	w->data_len = 0;
	w->other = w->stack->open(&other);
	other_pause_clock(true);
	ck_assert_int_eq(dtls_new(w->env, &ours, &w->ours), 0);
	ck_assert_int_eq(dtls_start(w->ours, w->now), 0);
	other_pause_clock(false);
	w->stack->drive(w->other);
	w->due = w->stack->deadline(w->other);
	flush(w);
}

void wire_hang_up(struct wire *w) {
	dtls_free(w->ours);
	w->stack->free(w->other);
	w->ours = NULL;
	w->other = NULL;
	w->flying = 0;
}

void wire_free(struct wire *w) {
	wire_hang_up(w);
	sluice_certificate_release(w->certificate);
	ck_assert_uint_eq(w->env->blocks.live, 0);
	sluice_env_free(w->env);
}

const char *wire_describe(const struct wire *w) {
	static char text[400];
	const char *error;
	int code = dtls_error(w->ours, &error);
	snprintf(text, sizeof text, "%s; we are %s: state %d, error %d (%s); other: state %d (%s); at %llu ms, %u datagrams",
	         w->stack->name, w->config.client ? "client" : "server", (int)dtls_state(w->ours), code, error,
	         (int)w->other->state, w->other->text, (unsigned long long)(w->now / SLUICE_MS), w->sent);
	return text;
}

/* ---- records written another way --------------------------------------------------------------------------------- */

static bool is_plain_handshake(const uint8_t *record) {
	return record_type(record) == RECORD_HANDSHAKE && record_epoch(record) == 0;
}

/* Appends the messages of `record` to the record before it. */
static size_t merge_record(uint8_t *previous, const uint8_t *record, size_t len) {
	size_t before = get_be16(previous + 11);
	memmove(previous + RECORD_HEADER + before, record + RECORD_HEADER, len - RECORD_HEADER);
	put_be16(previous + 11, (uint16_t)(before + len - RECORD_HEADER));
	return len - RECORD_HEADER;
}

/* Returns the new length. */
static size_t merge_records(uint8_t *data, size_t len) {
	uint8_t *previous = NULL, *end = data;
	size_t record;
	for (size_t at = 0; at < len && (record = record_parse(data + at, len - at)) > 0; at += record) {
		if (previous && is_plain_handshake(previous) && is_plain_handshake(data + at)) {
			end += merge_record(previous, data + at, record);
			continue;
		}
		memmove(end, data + at, record);
		previous = end;
		end += record;
	}
	return (size_t)(end - data);
}

static void say_old_version(uint8_t *data, size_t len) {
	size_t record;
	for (size_t at = 0; at < len && (record = record_parse(data + at, len - at)) > 0; at += record)
		if (is_plain_handshake(data + at) && (data[at + RECORD_HEADER] == 1 || data[at + RECORD_HEADER] == 3))
			data[at + 2] = 0xff;
}

/* ---- the wire ---------------------------------------------------------------------------------------------------- */

/* Datagrams lie in the order of their arrival, and of their sending where they arrive together. */
static void arrive(struct wire *w, uint64_t due, bool to_us, const uint8_t *data, size_t len) {
	size_t at = w->flying++;
	ck_assert_uint_lt(at, WIRE_AIR_MAX);
	for (; at > 0 && w->air[at - 1].due > due; at--)
		w->air[at] = w->air[at - 1];
	w->air[at] = (struct wire_datagram){.due = due, .to_us = to_us, .len = len};
	memcpy(w->air[at].bytes, data, len);
}

static void fly(struct wire *w, bool to_us, const uint8_t *data, size_t len) {
	unsigned index = w->sent++;
	uint64_t due = w->now + w->config.delay;
	bool lost = (index < 64 && w->config.lost >> index & 1) || rng_chance(&w->rng, w->config.loss);
	for (int i = 0; !lost && i < (w->config.twice ? 2 : 1); i++)
		arrive(w, due, to_us, data, len);
	if (w->config.again)
		arrive(w, due + w->config.again, to_us, data, len);
}

void wire_inject(struct wire *w, const void *data, size_t len) {
	fly(w, true, data, len);
}

/* A record in the clear under a number that no other has. */
static void inject_plain(struct wire *w, uint8_t type, const uint8_t *fragment, size_t len) {
	uint8_t record[RECORD_HEADER + 2] = {type, 0xfe, 0xfd, 0, 0, 0, 0, 0, 1};
	put_be16(record + 9, (uint16_t)w->sent);
	put_be16(record + 11, (uint16_t)len);
	memcpy(record + RECORD_HEADER, fragment, len);
	fly(w, true, record, RECORD_HEADER + len);
}

static void inject_forged(struct wire *w, const uint8_t *data, size_t len) {
	uint8_t copy[MAIL_BYTES];
	const uint8_t *last = data;
	for (size_t left = len, record; left > 0 && (record = record_parse(last, left)) < left; last += record, left -= record)
		ck_assert_uint_gt(record, 0);
	if (record_epoch(last) == 0)
		return;
	memcpy(copy, data, len);
	copy[len - 1] ^= 1;
	fly(w, true, copy, len);
}

static void inject_before(struct wire *w, const uint8_t *data, size_t len) {
	static const uint8_t user_canceled[] = {1, 90};
	for (uint8_t type = RECORD_CHANGE_CIPHER_SPEC; w->config.empties && type <= RECORD_APPLICATION; type++)
		inject_plain(w, type, (const uint8_t *)"", 0);
	if (w->config.warnings)
		inject_plain(w, RECORD_ALERT, user_canceled, sizeof user_canceled);
	if (w->config.forged)
		inject_forged(w, data, len);
}

static void send_datagram(struct wire *w, bool to_us, uint8_t *data, size_t len) {
	if (w->config.old_version)
		say_old_version(data, len);
	if (w->config.merged && to_us)
		len = merge_records(data, len);
	if (to_us)
		inject_before(w, data, len);
	if (!w->config.apart) {
		fly(w, to_us, data, len);
		return;
	}
	for (size_t record; len > 0; data += record, len -= record) {
		record = record_parse(data, len);
		ck_assert_uint_gt(record, 0);
		fly(w, to_us, data, record);
	}
}

static void flush_ours(struct wire *w) {
	uint8_t space[8192];
	for (;;) {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		other_pause_clock(true);
		int n = dtls_output(w->ours, &b, w->now);
		other_pause_clock(false);
		ck_assert_int_ge(n, 0);
		if (n == 0)
			return;
		for (size_t i = 0; i < b.count; i++) {
			ck_assert_uint_le(sluice_batch_slot_len(&b, i), w->config.mtu);
			send_datagram(w, false, sluice_batch_slot(&b, i), sluice_batch_slot_len(&b, i));
		}
	}
}

static void flush(struct wire *w) {
	uint8_t data[MAIL_BYTES];
	flush_ours(w);
	for (size_t len; (len = mail_take(&w->other->out, data, sizeof data)) > 0;)
		send_datagram(w, true, data, len);
}

static void take(struct wire *w, const sluice_datagram *out, size_t n) {
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_le(w->data_len + out[i].len, sizeof w->data);
		memcpy(w->data + w->data_len, out[i].data, out[i].len);
		w->data_len += out[i].len;
	}
}

static void deliver(struct wire *w, size_t index) {
	struct wire_datagram f = w->air[index];
	memmove(&w->air[index], &w->air[index + 1], (w->flying - index - 1) * sizeof f);
	w->flying--;
	if (!f.to_us) {
		mail_put(&w->other->in, f.bytes, f.len);
		w->stack->drive(w->other);
		w->due = w->stack->deadline(w->other);
		return;
	}
	sluice_datagram in = {.data = f.bytes, .len = f.len}, out[32];
	other_pause_clock(true);
	take(w, out, dtls_open(w->ours, &in, 1, out, 32, w->now));
	other_pause_clock(false);
}

static size_t next_arrival(const struct wire *w) {
	size_t next = 0;
	for (size_t i = 1; w->config.backwards && i < w->flying; i++)
		if (w->air[i].due == w->air[0].due)
			next = i;
	return next;
}

/* A deadline that has passed without effect comes again a little later. */
#define RETRY_AFTER SLUICE_MS

static void advance(struct wire *w) {
	other_pause_clock(true);
	if (dtls_deadline(w->ours) <= w->now)
		dtls_advance(w->ours, w->now);
	other_pause_clock(false);
	if (w->due > w->now)
		return;
	w->stack->drive(w->other);
	w->due = w->stack->deadline(w->other);
	if (w->due <= w->now)
		w->due = w->now + RETRY_AFTER;
}

bool wire_step(struct wire *w, uint64_t until) {
	flush(w);
	uint64_t ours = dtls_deadline(w->ours), at = ours < w->due ? ours : w->due;
	bool arrival = w->flying > 0 && w->air[0].due <= at;
	if (arrival)
		at = w->air[0].due;
	if (at > until || at == SLUICE_NEVER)
		return false;
	if (at > w->now)
		w->now = at;
	other_set_clock(w->now);
	if (arrival)
		deliver(w, next_arrival(w));
	else
		advance(w);
	ck_assert(dtls_check(w->ours));
	return true;
}

void wire_run(struct wire *w, uint64_t until) {
	while (wire_step(w, until)) {
	}
	w->now = until;
	other_set_clock(until);
}

bool wire_is_up(const struct wire *w) {
	return dtls_state(w->ours) == DTLS_CONNECTED && w->other->state == OTHER_UP;
}

uint64_t wire_connect(struct wire *w, uint64_t patience) {
	uint64_t start = w->now;
	while (!wire_is_up(w))
		if (dtls_state(w->ours) == DTLS_FAILED || w->other->state == OTHER_FAILED || !wire_step(w, start + patience))
			return SLUICE_NEVER;
	return w->now - start;
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

void wire_send(struct wire *w, const void *data, size_t len) {
	uint8_t record[MAIL_BYTES];
	size_t head = dtls_headroom(w->ours), tail = dtls_tailroom(w->ours);
	memcpy(record + head, data, len);
	sluice_batch b = {.data = record, .capacity = sizeof record, .headroom = head, .tailroom = tail, .count = 1};
	b.stride = b.last = head + len + tail;
	ck_assert_int_eq(dtls_seal(w->ours, &b), 0);
	fly(w, false, record, b.last);
}

static void check_keys(struct wire *w) {
	uint8_t ours[60], other[60];
	ck_assert_int_eq(dtls_export(w->ours, "EXTRACTOR-dtls_srtp", ours, sizeof ours), 0);
	ck_assert(w->stack->export(w->other, "EXTRACTOR-dtls_srtp", other, sizeof other));
	ck_assert_mem_eq(ours, other, sizeof ours);
}

void wire_talk(struct wire *w) {
	uint8_t words[100];
	w->config.lost = 0;
	w->config.loss = 0;
	for (int i = 0; i < 3; i++) {
		size_t here = w->data_len, there = w->other->data_len;
		rng_fill(&w->rng, words, sizeof words);
		wire_send(w, words, sizeof words);
		ck_assert_msg(w->stack->send(w->other, words, sizeof words), "%s", wire_describe(w));
		wire_run(w, w->now + SLUICE_S);
		ck_assert_msg(w->data_len == here + sizeof words && w->other->data_len == there + sizeof words,
		              "%zu bytes came here, %zu there; %s", w->data_len - here, w->other->data_len - there,
		              wire_describe(w));
		ck_assert_mem_eq(w->data + here, words, sizeof words);
		ck_assert_mem_eq(w->other->data + there, words, sizeof words);
	}
	check_keys(w);
}
