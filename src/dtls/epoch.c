/* epoch.c: the keys, and runs of records through the cipher; what they are for stands in the header. */
#include "dtls/epoch.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/prf.h"

/* ---- keys ----------------------------------------------------------------------------------------------------------- */

bool epoch_export(const struct secrets *s, const char *label, void *out, size_t len) {
	const struct iovec seed[] = {{.iov_base = (void *)(uintptr_t)s->client_random, .iov_len = SECRETS_RANDOM},
	                             {.iov_base = (void *)(uintptr_t)s->server_random, .iov_len = SECRETS_RANDOM}};
	return crypto_tls12_prf(s->suite->hash, s->master, SECRETS_MASTER, label, seed, 2, out, len);
}

/* RFC 5246, 6.3: PRF(master, "key expansion", server_random + client_random), in the order: client's MAC key, server's, client's
 * key, server's, client's IV, server's. An AEAD suite has no MAC keys. */
struct key_block {
	const uint8_t *key[2], *iv[2]; /* of client and server */
	uint8_t bytes[2 * (AEAD_KEY_MAX + AEAD_NONCE_SIZE)];
};

static bool expand(struct key_block *b, const struct secrets *s) {
	const struct iovec seed[] = {{.iov_base = (void *)(uintptr_t)s->server_random, .iov_len = SECRETS_RANDOM},
	                             {.iov_base = (void *)(uintptr_t)s->client_random, .iov_len = SECRETS_RANDOM}};
	size_t key = aead_key_size(s->suite->aead), iv = s->suite->fixed;
	for (size_t i = 0; i < 2; i++) {
		b->key[i] = b->bytes + i * key;
		b->iv[i] = b->bytes + 2 * key + i * iv;
	}
	return crypto_tls12_prf(s->suite->hash, s->master, SECRETS_MASTER, "key expansion", seed, 2, b->bytes, 2 * (key + iv));
}

static void expect_records(struct epoch *e) {
	aead_expect_records(e->sealer, e->seal_iv);
	aead_expect_records(e->opener, e->open_iv);
}

bool epoch_begin(struct epoch *e, sluice_env *env, const struct secrets *s, bool client) {
	struct key_block b;
	int ours = client ? 0 : 1;
	bool good = expand(&b, s);
	if (good) {
		*e = (struct epoch){.suite = s->suite};
		memcpy(e->seal_iv, b.iv[ours], s->suite->fixed);
		memcpy(e->open_iv, b.iv[!ours], s->suite->fixed);
		e->sealer = aead_new(env, s->suite->aead, AEAD_SEAL, AEAD_BEST, b.key[ours]);
		e->opener = aead_new(env, s->suite->aead, AEAD_OPEN, AEAD_BEST, b.key[!ours]);
		e->revealer = aead_new(env, s->suite->aead, AEAD_OPEN, AEAD_EVP, b.key[ours]);
		good = e->sealer && e->opener && e->revealer;
	}
	wipe(&b, sizeof b);
	if (!good)
		epoch_end(e);
	else if (s->suite->explicit)
		expect_records(e);
	return good;
}

void epoch_settle(struct epoch *e) {
	aead_free(e->revealer);
	e->revealer = NULL;
}

void epoch_end(struct epoch *e) {
	epoch_settle(e);
	aead_free(e->sealer);
	aead_free(e->opener);
	wipe(e, sizeof *e);
}

/* ---- runs ----------------------------------------------------------------------------------------------------------- */

/* RFC 5246, 6.2.3.3: seq_num 8 | type 8 | version 16 | length of the plaintext 16. */
#define AAD_SIZE 13
#define AAD_STRIDE 16

/* A run of records for the cipher, and what each is bound to. `count` alone is set at first: all of it would be some 5 KB. */
struct run {
	size_t count;
	struct aead_job jobs[EPOCH_RUN];
	uint8_t aad[EPOCH_RUN][AAD_STRIDE];
};

/* What a record's header says. Passed on as values: reading it back from the record a moment after it was written would stall. */
struct header {
	uint8_t type;
	uint16_t version;
	uint64_t number;
	uint64_t nonce; /* the explicit one */
};

static inline void put_nonce(uint8_t *nonce, const struct suite *s, const uint8_t *iv, const struct header *h) {
	memcpy(nonce, iv, 4);
	put_be64(nonce + 4, s->explicit ? h->nonce : get_be64(iv + 4) ^ h->number);
}

static inline void add_job(struct run *run, const struct suite *s, const uint8_t *iv, uint8_t *record, const struct header *h,
                           size_t len) {
	uint8_t *aad = run->aad[run->count];
	struct aead_job *job = &run->jobs[run->count++];
	job->text = record + suite_headroom(s);
	job->len = len;
	job->aad = aad;
	job->aad_len = AAD_SIZE;
	put_nonce(job->nonce, s, iv, h);
	put_be64(aad, h->number);
	aad[8] = h->type;
	put_be16(aad + 9, h->version);
	put_be16(aad + 11, (uint16_t)len);
}

/* RFC 5288, 3: "The nonce_explicit MAY be the 64-bit sequence number." */
static inline void put_header(const struct suite *s, const struct header *h, uint8_t *record, size_t len) {
	record_put_header(record, h->type, h->version, h->number, len - RECORD_HEADER);
	if (s->explicit)
		put_be64(record + RECORD_HEADER, h->nonce);
}

bool epoch_seal(struct epoch *e, uint8_t type, uint8_t *slots, size_t count, size_t stride, size_t last) {
	const struct suite *s = e->suite;
	size_t rooms = suite_rooms(s);
	struct run run;
	if (e->next + count > RECORD_SEQUENCE_MAX + 1)
		return false;
	for (size_t i = 0; i < count;) {
		for (run.count = 0; i < count && run.count < EPOCH_RUN; i++) {
			size_t len = i + 1 < count ? stride : last;
			uint64_t number = RECORD_NUMBER(1, e->next++);
			struct header h = {.type = type, .version = RECORD_VERSION, .number = number, .nonce = number};
			put_header(s, &h, slots + i * stride, len);
			add_job(&run, s, e->seal_iv, slots + i * stride, &h, len - rooms);
		}
		if (!aead_seal(e->sealer, run.jobs, run.count))
			return false;
	}
	return true;
}

/* A record of at least suite_rooms bytes. */
static inline struct header header_of(const uint8_t *record) {
	return (struct header){.type = record_type(record),
	                       .version = get_be16(record + 1),
	                       .number = record_number(record),
	                       .nonce = get_be64(record + RECORD_HEADER)};
}

/* Gives each record its job, and its place in the run through `of`. A record that is too short or too long (RFC 5246, 6.2.1)
 * and a replay cost no cipher call. The difference of too short a one wraps around. */
static inline void gather(const struct epoch *e, struct run *run, struct epoch_record **of, struct epoch_record *records,
                          size_t count) {
	size_t rooms = suite_rooms(e->suite);
	run->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct epoch_record *r = &records[i];
		r->text = NULL;
		if (r->len - rooms > RECORD_TEXT_MAX)
			continue;
		struct header h = header_of(r->record);
		if (!replay_is_new(&e->replay, h.number))
			continue;
		of[run->count] = r;
		add_job(run, e->suite, e->open_iv, r->record, &h, r->len - rooms);
	}
}

/* Two copies of one record in a run authenticate both; only one is marked. */
static inline void take(struct epoch *e, struct epoch_record *r, const struct aead_job *job) {
	if (job->failed || !replay_mark(&e->replay, record_number(r->record)))
		return;
	r->text = job->text;
	r->text_len = job->len;
}

void epoch_open(struct epoch *e, struct epoch_record *records, size_t count) {
	struct epoch_record *of[EPOCH_RUN];
	struct run run;
	gather(e, &run, of, records, count);
	aead_open(e->opener, run.jobs, run.count);
	for (size_t i = 0; i < run.count; i++)
		take(e, of[i], &run.jobs[i]);
}

bool epoch_reveal(struct epoch *e, struct epoch_record *r) {
	size_t rooms = suite_rooms(e->suite);
	struct run run;
	run.count = 0;
	r->text = NULL;
	if (!e->revealer || r->len < rooms)
		return false;
	struct header h = header_of(r->record);
	add_job(&run, e->suite, e->seal_iv, r->record, &h, r->len - rooms);
	if (aead_open(e->revealer, run.jobs, 1) > 0)
		return false;
	r->text = run.jobs[0].text;
	r->text_len = run.jobs[0].len;
	return true;
}

bool epoch_check(const struct epoch *e) {
	bool keys = e->sealer && e->opener;
	return keys == (e->suite != NULL) && (keys || !e->revealer) && e->next <= RECORD_SEQUENCE_MAX + 1;
}
