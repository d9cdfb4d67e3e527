/* fuzz_dtls: can anybody break a DTLS connection: a stranger, a bad network, or a peer that has the keys?
 *
 * A client and a server; the input is a script of what happens to them. Their datagrams wait in the air until the script delivers
 * them, once or more, in any order, changed or not. The script also writes records of its own: plain ones, and ones sealed with
 * the keys of either end. After each verb the invariants are recounted, and these must hold:
 *   no end uses a number twice;
 *   what comes out of dtls_open was sealed by the other end, and comes out once;
 *   an end never goes back to an earlier state, and its memory is bounded;
 *   a deadline that passed leads to output or to a later deadline;
 *   without forged or damaged plain records, both ends connect once the network is good again;
 *   no record that is not authentic ends a connection that is up.
 *
 * Connected ends are copied from a pair that shook hands once. OpenSSL's random numbers are the same for each input.
 *
 *   byte 0      bits 0-1: cipher suite, 2: the script begins before the handshake, 3, 4: OpenSSL's records at the client, at the
 *               server, 5: the script begins before an abbreviated handshake, 6: the server does not know whom to trust yet,
 *               7: the handshake may take a second
 *   byte 1      mtu: 256 + 4 n
 *   then steps  op & 7: 0 time: n, n * n ms pass; bit 3: the clock goes back by n ms; bit 4: the network is good for so long
 *                       1 seal: n, length; 1 + n % 32 records
 *                       2 deliver: which, how, two bytes for it; bit 3 of op: it stays in the air
 *                       3 a sealed record: n, type and number, n bytes
 *                       4 a plain record: n, type and epoch, n bytes
 *                       5 output: rooms and most datagrams, capacity
 *                       6 call: which
 *                       7 deliver n at once, in one call; bit 3: backwards
 *               bit 7 of op: the server does it, or gets it */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/list.h"
#include "dtls/connection.h"
#include "dtls/records.h"
#include "fuzz/target.h"
#include "sim/memory.h"

#define ENDS 2
#define STEPS_MAX 64
#define AIR_MAX 48
#define PACKET_MAX 1400
#define RECORD_SPACE 20000
#define TEXTS_MAX 4096
#define TEXT_MIN 8
/* Two ends with the longest records that can wait, and a handshake. */
#define MEMORY_MAX ((size_t)1 << 20)

struct packet {
	int to;
	size_t len;
	uint8_t bytes[PACKET_MAX];
};

struct game {
	struct dtls_config config[ENDS];
	struct dtls *end[ENDS];
	enum dtls_state state[ENDS];
	uint32_t flight[ENDS];
	uint64_t next_number[ENDS][2]; /* in each epoch: the least that the end's next record may have */
	uint64_t now;

	struct packet air[AIR_MAX];
	size_t flying;

	/* The texts that each end sealed: their lengths, and whether they came out. */
	size_t texts[ENDS];
	uint16_t text_len[ENDS][TEXTS_MAX];
	bool taken[ENDS][TEXTS_MAX];

	bool damaged; /* the handshake may fail */
	bool ended;   /* the connection may end */
	bool deaf;    /* records may be dropped as replays */
};

static struct game game;

static struct memory memory;
static sluice_env *env;
static size_t memory_before; /* of the input */

/* ---- what is the same for all inputs ------------------------------------------------------------------------------------- */

static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                                     "ECDHE-ECDSA-CHACHA20-POLY1305"};
#define SUITES (sizeof suites / sizeof *suites)

static sluice_certificate *certificates[ENDS];
static struct dtls *models[SUITES][ENDS]; /* connected */

static void repeat_randomness(void) {
	static uint8_t bytes[1 << 14];
	unsigned strength = 256;
	for (uint32_t i = 0, x = 1; i < sizeof bytes; i++) {
		x ^= x << 13, x ^= x >> 17, x ^= x << 5;
		bytes[i] = (uint8_t)x;
	}
	OSSL_PARAM params[] = {OSSL_PARAM_octet_string(OSSL_RAND_PARAM_TEST_ENTROPY, bytes, sizeof bytes),
	                       OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, &strength), OSSL_PARAM_END};
	MUST(EVP_RAND_CTX_set_params(RAND_get0_public(NULL), params) == 1);
	MUST(EVP_RAND_CTX_set_params(RAND_get0_private(NULL), params) == 1);
}

static struct flight_part *copy_part(const struct flight_part *of) {
	struct flight_part *p = env_alloc(env, sizeof *p + of->len);
	MUST(p != NULL);
	memcpy(p, of, sizeof *p + of->len);
	return p;
}

static void copy_flight(struct flight *f, const struct flight *of) {
	*f = *of;
	f->env = env;
	f->first = f->at = f->alert = NULL;
	f->end = &f->first;
	for (const struct flight_part *p = of->first; p; p = p->next) {
		struct flight_part *copy = copy_part(p);
		QUEUE_APPEND(f->end, copy, next);
	}
}

/* A connected end has no object of OpenSSL's any more, so it can be copied. */
static struct dtls *copy_of(const struct dtls *model, const struct dtls_config *config) {
	struct dtls *d = env_secret(env_zalloc(env, sizeof *d));
	MUST(d && !model->ssl);
	*d = *model;
	d->env = d->trust.env = d->transport.env = env;
	MUST(epoch_begin(&d->epoch, env, &d->secrets, d->client));
	epoch_settle(&d->epoch);
	d->epoch.next = model->epoch.next;
	d->epoch.replay = model->epoch.replay;
	d->trust.set = NULL;
	d->trust.count = d->trust.der_len = 0;
	d->trust.der = NULL;
	MUST(trust_set(&d->trust, &config->remote, 1) == 0);
	early_init(&d->early, env);
	copy_flight(&d->flight, &model->flight);
	d->flight.mtu = config->mtu;
	sluice_certificate_retain(d->certificate);
	return d;
}

/* ---- invariants ---------------------------------------------------------------------------------------------------------- */

static void check(int end) {
	struct dtls *d = game.end[end];
	MUST(dtls_check(d));
	MUST(dtls_state(d) >= game.state[end]);
	game.state[end] = dtls_state(d);
	MUST(dtls_flight(d) >= game.flight[end]);
	game.flight[end] = dtls_flight(d);
	MUST(dtls_state(d) != DTLS_FAILED || dtls_error(d, NULL) < 0);
	MUST(memory.bytes < memory_before + MEMORY_MAX);
}

static void check_numbers(int end, const uint8_t *data, size_t len) {
	while (len > 0) {
		size_t record = record_parse(data, len);
		MUST(record > 0 && record_epoch(data) <= 1);
		unsigned epoch = record_epoch(data);
		if (epoch == 0 || !game.config[end].openssl_records) {
			MUST(record_number(data) >= game.next_number[end][epoch]);
			game.next_number[end][epoch] = record_number(data) + 1;
		}
		data += record;
		len -= record;
	}
}

/* A text says which one of its end's it is, so that it can be known again. */
static void write_text(int from, uint8_t *out, size_t len) {
	MUST(len >= TEXT_MIN && game.texts[from] < TEXTS_MAX);
	put_be32(out, (uint32_t)game.texts[from]);
	for (size_t i = 4; i < len; i++)
		out[i] = (uint8_t)(game.texts[from] + i);
	game.text_len[from][game.texts[from]++] = (uint16_t)len;
}

static void take_text(int from, const sluice_datagram *d) {
	MUST(d->len >= TEXT_MIN);
	uint32_t which = get_be32(d->data);
	MUST(which < game.texts[from] && !game.taken[from][which] && game.text_len[from][which] == d->len);
	bool same = true;
	for (size_t i = 4; i < d->len; i++)
		same &= d->data[i] == (uint8_t)(which + i);
	MUST(same);
	game.taken[from][which] = true;
}

/* ---- verbs --------------------------------------------------------------------------------------------------------------- */

static void give_all(int end, sluice_datagram *in, size_t count) {
	sluice_datagram out[40];
	size_t n = dtls_open(game.end[end], in, count, out, sizeof out / sizeof *out, game.now);
	for (size_t i = 0; i < n; i++)
		take_text(1 - end, &out[i]);
	check(end);
}

/* In a block of exactly its size, so that a sanitizer finds each access beyond it. */
static void give(int end, const uint8_t *data, size_t len) {
	uint8_t *copy = malloc(len ? len : 1);
	MUST(copy != NULL);
	memcpy(copy, data, len);
	give_all(end, &(sluice_datagram){.data = copy, .len = len}, 1);
	free(copy);
}

static void fly(int from, const uint8_t *data, size_t len) {
	check_numbers(from, data, len);
	MUST(len <= PACKET_MAX);
	if (game.flying == AIR_MAX)
		memmove(game.air, game.air + 1, --game.flying * sizeof *game.air);
	struct packet *p = &game.air[game.flying++];
	p->to = 1 - from;
	p->len = len;
	memcpy(p->bytes, data, len);
}

static void land(size_t i) {
	memmove(game.air + i, game.air + i + 1, (--game.flying - i) * sizeof *game.air);
}

/* One batch; false when there was none. */
static bool output(int end, sluice_batch b) {
	int n = dtls_output(game.end[end], &b, game.now);
	MUST(n >= 0 || n == SLUICE_NO_SPACE || (n == SLUICE_CRYPTO && game.ended));
	for (int i = 0; i < n; i++) {
		size_t len = sluice_batch_slot_len(&b, (size_t)i) - b.headroom - b.tailroom;
		MUST(len <= game.config[end].mtu);
		fly(end, sluice_batch_slot(&b, (size_t)i) + b.headroom, len);
	}
	check(end);
	return n > 0;
}

static void drain(int end) {
	static uint8_t space[8192];
	for (unsigned i = 0; output(end, (sluice_batch){.data = space, .capacity = sizeof space}); i++)
		MUST(i < 1000);
}

static void advance(int end) {
	drain(end);
	if (dtls_deadline(game.end[end]) > game.now)
		return;
	dtls_advance(game.end[end], game.now);
	check(end);
	drain(end);
	MUST(dtls_deadline(game.end[end]) > game.now);
}

static uint64_t deadline(void) {
	uint64_t a = dtls_deadline(game.end[0]), b = dtls_deadline(game.end[1]);
	return a < b ? a : b;
}

/* In a good network each datagram arrives at once. */
static void pass_time(uint64_t duration, bool good) {
	uint64_t until = game.now + duration;
	for (unsigned steps = 0;; steps++) {
		MUST(steps < 20000);
		advance(0);
		advance(1);
		while (good && game.flying) {
			struct packet p = game.air[0];
			land(0);
			give(p.to, p.bytes, p.len);
		}
		uint64_t at = deadline();
		if (at > until)
			break;
		if (at > game.now)
			game.now = at;
	}
	game.now = until;
}

/* ---- steps --------------------------------------------------------------------------------------------------------------- */

static void seal(int end, unsigned count, size_t len) {
	static uint8_t space[32 * PACKET_MAX];
	struct dtls *d = game.end[end];
	size_t rooms = dtls_headroom(d) + dtls_tailroom(d);
	if (dtls_state(d) != DTLS_CONNECTED || game.texts[end] + count > TEXTS_MAX - 2 * STEPS_MAX)
		return;
	len = len + rooms < game.config[end].mtu ? len : game.config[end].mtu - rooms;
	sluice_batch b = {.data = space, .capacity = sizeof space, .headroom = dtls_headroom(d), .tailroom = dtls_tailroom(d)};
	b.count = count;
	b.stride = b.last = rooms + len;
	for (size_t i = 0; i < count; i++)
		write_text(end, sluice_batch_slot(&b, i) + b.headroom, len);
	int error = dtls_seal(d, &b);
	MUST(error == 0 || (error == SLUICE_LIMIT && game.ended));
	for (size_t i = 0; error == 0 && i < count; i++)
		fly(end, sluice_batch_slot(&b, i), sluice_batch_slot_len(&b, i));
	check(end);
}

static bool is_warning(const uint8_t *record, size_t len) {
	const uint8_t *text = record + RECORD_HEADER;
	return record_type(record) == RECORD_ALERT && len == RECORD_HEADER + 2 && text[0] == ALERT_WARNING &&
	       text[1] != ALERT_CLOSE_NOTIFY;
}

/* Plain records of the handshake are not authentic; damaged ones may end it. */
static void note_damage(int to, const uint8_t *data, size_t len) {
	size_t record;
	for (; !game.end[to]->finished && (record = record_parse(data, len)) > 0; data += record, len -= record)
		game.damaged |= record_epoch(data) == 0 && !is_warning(data, record);
}

static uint8_t *record_at(uint8_t *data, size_t len, unsigned n) {
	size_t record;
	for (; n > 0 && (record = record_parse(data, len)) > 0 && record < len; n--, data += record, len -= record)
		;
	return len >= RECORD_HEADER ? data : NULL;
}

/* Returns the new length. */
static size_t change(struct packet *p, unsigned how, unsigned a, unsigned b) {
	static const uint16_t epochs[] = {0, 1, 2, 65535};
	uint8_t *record = record_at(p->bytes, p->len, how >> 4);
	size_t len = p->len;
	switch (how & 7) {
	case 1:
		p->bytes[(a | (how & 8) << 5) % p->len] ^= (uint8_t)(b ? b : 1);
		break;
	case 2:
		return p->len * a / 256;
	case 3:
		put_be16(record + 3, epochs[a & 3]);
		break;
	case 4:
		put_be32(record + 7, a & 1 ? UINT32_MAX - b : b);
		put_be16(record + 5, a & 2 ? 0xffff : 0);
		return len; /* no damage: a plain record's number means nothing */
	case 5:
		record[0] = (uint8_t)(19 + a % 6);
		break;
	default:
		return len;
	}
	note_damage(p->to, p->bytes, len);
	return len;
}

static void deliver(unsigned op, const uint8_t at[4]) {
	static struct packet p;
	static uint8_t glued[2 * PACKET_MAX];
	if (game.flying == 0)
		return;
	size_t which = at[0] % game.flying;
	p = game.air[which];
	if (!(op & 8))
		land(which);
	size_t n = change(&p, at[1], at[2], at[3]);
	if ((at[1] & 7) != 6 || game.flying == 0) {
		give(p.to, p.bytes, n);
		return;
	}
	const struct packet *behind = &game.air[at[2] % game.flying];
	memcpy(glued, p.bytes, n);
	memcpy(glued + n, behind->bytes, behind->len);
	if (behind->to != p.to) /* its own record comes back */
		note_damage(p.to, behind->bytes, behind->len);
	give(p.to, glued, n + behind->len);
}

static void deliver_many(unsigned op, unsigned count) {
	sluice_datagram in[AIR_MAX];
	struct packet *copies = malloc(sizeof game.air);
	size_t n = 0;
	MUST(copies != NULL);
	for (size_t i = 0; i < game.flying && n < count; i++)
		if (game.air[i].to == (int)(op >> 7))
			copies[n++] = game.air[i];
	for (size_t i = 0; i < n; i++) {
		struct packet *p = &copies[op & 8 ? n - 1 - i : i];
		in[i] = (sluice_datagram){.data = p->bytes, .len = p->len};
	}
	give_all((int)(op >> 7), in, n);
	free(copies);
}

/* A peer that has the keys may end the connection. OpenSSL takes offence at more than an alert. */
static bool may_end(int to, uint8_t type, const uint8_t *text, size_t len) {
	if (type == RECORD_ALERT && len == 2 && (text[0] == ALERT_FATAL || text[1] == ALERT_CLOSE_NOTIFY))
		return true;
	if (game.config[to].openssl_records)
		return type != RECORD_APPLICATION || len == 0;
	/* The refusal of a renegotiation reaches an OpenSSL that has not asked for one. */
	return type == RECORD_HANDSHAKE && (!game.end[to]->finished || game.config[1 - to].openssl_records);
}

/* The number of a forged record, when it is not the next one of its end. */
static uint64_t forged_number(uint64_t next, uint8_t how) {
	uint64_t apart = how >> 4 & 7;
	switch (how >> 2 & 3) {
	case 1:
		return next + 100 * apart < RECORD_SEQUENCE_MAX ? next + 100 * apart : 0;
	case 2:
		return next > 7 * apart ? next - 7 * apart : 0;
	default:
		return RECORD_SEQUENCE_MAX;
	}
}

static size_t forge_text(int from, uint8_t type, uint8_t *out, const uint8_t *text, size_t len) {
	if (type == RECORD_APPLICATION && len > 0) {
		len = len < TEXT_MIN ? TEXT_MIN : len;
		write_text(from, out, len);
	} else if (len > 0) {
		memcpy(out, text, len);
	}
	return len;
}

/* how: the type in bits 0-1, the number in bits 2-3, how far it is from the next one in bits 4-6; bit 7: a long record. */
static void forge_sealed(int to, uint8_t how, const uint8_t *text, size_t len) {
	static uint8_t record[RECORD_SPACE];
	const uint8_t type = (uint8_t)(RECORD_CHANGE_CIPHER_SPEC + (how & 3));
	struct epoch *own = &game.end[1 - to]->epoch, copy = *own;
	bool next = (how >> 2 & 3) == 0;
	if (!own->suite || own->next > RECORD_SEQUENCE_MAX)
		return;
	size_t head = suite_headroom(own->suite);
	len = forge_text(1 - to, type, record + head, text, len);
	if (how & 128 && type != RECORD_APPLICATION) {
		memset(record + head + len, 0, 16000);
		len += 16000;
	}
	game.ended |= may_end(to, type, record + head, len);
	game.deaf |= !next || game.config[1 - to].openssl_records; /* OpenSSL counts its records itself */
	/* The Finished too may come under a number that was taken; and who sends data has had the last flight. */
	game.damaged |= game.ended || (game.deaf && !game.end[to]->finished) || !game.end[1 - to]->finished;
	copy.next = forged_number(copy.next, how);
	size_t size = suite_rooms(own->suite) + len;
	MUST(epoch_seal(next ? own : &copy, type, record, 1, size, size));
	if (next)
		check_numbers(1 - to, record, size);
	give(to, record, size);
}

/* how: the type in bits 0-1, the epoch in bits 2-3, bit 4: the highest number, 5: the older version, 7: a long record. */
static void forge_plain(int to, uint8_t how, const uint8_t *text, size_t len) {
	static const uint16_t epochs[] = {0, 1, 2, 65535};
	static uint8_t record[RECORD_SPACE];
	uint8_t type = (uint8_t)(RECORD_CHANGE_CIPHER_SPEC + (how & 3));
	uint64_t number = RECORD_NUMBER(epochs[how >> 2 & 3], how & 16 ? RECORD_SEQUENCE_MAX : 0);
	memset(record, 0, sizeof record);
	if (len > 0)
		memcpy(record + RECORD_HEADER, text, len);
	len += how & 128 ? 18000 : 0;
	record_put_header(record, type, how & 32 ? 0xfeff : RECORD_VERSION, number, len);
	if (type != RECORD_CHANGE_CIPHER_SPEC)
		note_damage(to, record, RECORD_HEADER + len);
	give(to, record, RECORD_HEADER + len);
}

static void output_oddly(int end, unsigned rooms, unsigned capacity) {
	size_t size = 8 * (size_t)capacity;
	uint8_t *space = malloc(size ? size : 1);
	MUST(space != NULL);
	output(end, (sluice_batch){.data = space,
	                           .capacity = size,
	                           .max_datagrams = rooms & 3,
	                           .headroom = 3 * (rooms >> 2 & 7),
	                           .tailroom = rooms >> 5});
	free(space);
}

/* OpenSSL counts its records itself. Where it does, the next number cannot jump: the library would wait for OpenSSL to come
 * there. */
static void use_up_numbers(struct dtls *d, unsigned left) {
	if (d->records->reserve)
		return;
	if (d->epoch.suite && d->epoch.next < RECORD_SEQUENCE_MAX - left)
		d->epoch.next = RECORD_SEQUENCE_MAX - left;
	game.ended = game.damaged = game.deaf = true;
}

static void trust_wrongly(int end) {
	sluice_fingerprint f = game.config[end].remote;
	f.digest[0] ^= 1;
	game.damaged |= dtls_set_remote(game.end[end], &f) != SLUICE_WRONG_STATE;
}

static void call(int end, unsigned which) {
	struct dtls *d = game.end[end];
	uint8_t key[60];
	switch (which & 7) {
	case 0:
		dtls_close(d);
		game.ended = game.damaged = true;
		break;
	case 1:
		dtls_set_remote(d, &game.config[end].remote);
		break;
	case 2:
		trust_wrongly(end);
		break;
	case 3:
		dtls_repeat_hello(d, game.now);
		break;
	case 4:
		dtls_raise_first_timeout(d, (which >> 3) * 100 * SLUICE_MS);
		break;
	case 5:
		use_up_numbers(d, which >> 3);
		break;
	case 6: /* memory is short */
		memory.fail_at = 1 + (which >> 3 & 3);
		memory.fail_for = which >> 5;
		game.damaged = true;
		break;
	default:
		MUST((dtls_export(d, "EXPORTER-x", key, sizeof key) == 0) == (dtls_state(d) == DTLS_CONNECTED));
		break;
	}
	check(end);
}

static void clock_or_network(unsigned op, unsigned n) {
	if (op & 8)
		game.now -= n * SLUICE_MS < game.now ? n * SLUICE_MS : game.now;
	else
		pass_time((uint64_t)n * n * SLUICE_MS, op & 16);
}

/* Returns how many of the bytes behind op and n it used. */
static size_t step(unsigned op, unsigned n, const uint8_t *at, const uint8_t *end) {
	int who = (int)(op >> 7);
	size_t left = (size_t)(end - at);
	switch (op & 7) {
	case 0:
		clock_or_network(op, n);
		return 0;
	case 1:
		seal(who, 1 + n % 32, TEXT_MIN + 5 * (size_t)(left ? *at : 0));
		return left > 0;
	case 2: {
		const uint8_t how[] = {(uint8_t)n, left > 0 ? at[0] : 0, left > 1 ? at[1] : 0, left > 2 ? at[2] : 0};
		deliver(op, how);
		return left < 3 ? left : 3;
	}
	case 3:
	case 4: {
		uint8_t how = left ? *at : 0;
		size_t used = left > 0, len = target_left(at + used, end, n);
		void (*forge)(int, uint8_t, const uint8_t *, size_t) = (op & 7) == 3 ? forge_sealed : forge_plain;
		forge(who, how, at + used, len);
		return used + len;
	}
	case 5:
		output_oddly(who, n, left ? *at : 0);
		return left > 0;
	case 6:
		call(who, n);
		return 0;
	default:
		deliver_many(op, n);
		return 0;
	}
}

/* ---- life ---------------------------------------------------------------------------------------------------------------- */

static void open_ends(void) {
	memset(game.next_number, 0, sizeof game.next_number);
	memset(game.state, 0, sizeof game.state);
	memset(game.flight, 0, sizeof game.flight);
	game.flying = 0;
	for (int i = 0; i < ENDS; i++)
		MUST(dtls_new(env, &game.config[i], &game.end[i]) == 0);
	for (int i = 0; i < ENDS; i++)
		MUST(dtls_start(game.end[1 - i], game.now) == 0);
}

static void free_ends(void) {
	for (int i = 0; i < ENDS; i++) {
		dtls_free(game.end[i]);
		game.end[i] = NULL;
	}
}

static bool are_connected(void) {
	return dtls_state(game.end[0]) == DTLS_CONNECTED && dtls_state(game.end[1]) == DTLS_CONNECTED;
}

static void copy_ends(size_t suite) {
	for (int i = 0; i < ENDS; i++) {
		game.end[i] = copy_of(models[suite][i], &game.config[i]);
		game.next_number[i][1] = RECORD_NUMBER(1, game.end[i]->epoch.next);
	}
}

/* The suite, the mtu, and what both ends have in common. */
static void configure(const uint8_t *data, sluice_certificate *const *of) {
	for (int i = 0; i < ENDS; i++) {
		struct dtls_config *c = &game.config[i];
		*c = (struct dtls_config){.client = i == 0, .certificate = of[i], .mtu = 256 + 4 * (size_t)data[1]};
		c->ciphers = suites[(data[0] & 3) % SUITES];
		c->openssl_records = data[0] >> (3 + i) & 1;
		c->resume = data[0] >> 5 & 1;
		c->patience = data[0] & 128 ? SLUICE_S : SLUICE_NEVER;
		MUST(sluice_certificate_fingerprint(of[1 - i], SLUICE_SHA256, &c->remote) == 0);
	}
}

/* The sessions of an abbreviated handshake live in the certificates, so these are made for the one input. */
static void open_to_resume(void) {
	open_ends();
	pass_time(SLUICE_S, true);
	MUST(are_connected());
	free_ends();
	open_ends();
}

static bool needs_handshake(uint8_t options) {
	return options & (4 | 8 | 16 | 32 | 64);
}

static void begin(const uint8_t *data) {
	bool shake = needs_handshake(data[0]);
	if (data[0] & 32) {
		open_to_resume();
	} else if (shake) {
		sluice_fingerprint remote = game.config[1].remote;
		if (data[0] & 64)
			game.config[1].remote.hash = 0;
		open_ends();
		game.config[1].remote = remote;
	} else {
		copy_ends((data[0] & 3) % SUITES);
	}
	if (shake && !(data[0] & 4)) {
		pass_time(SLUICE_S, true);
		MUST(are_connected() || data[0] & 64);
	}
}

static void talk(int from) {
	size_t before = game.texts[from];
	seal(from, 1, 20);
	MUST(game.flying == 1 && game.texts[from] == before + 1);
	give(1 - from, game.air[0].bytes, game.air[0].len);
	MUST(game.taken[from][before]);
	land(0);
}

static void end(void) {
	memory.fail_at = 0;
	dtls_set_remote(game.end[1], &game.config[1].remote);
	give_all(1, NULL, 0);
	pass_time(30 * SLUICE_S, true);
	bool up = are_connected();
	MUST(up || game.damaged || game.ended);
	for (int from = 0; from < ENDS && up && !game.deaf; from++)
		talk(from);
}

static void play(const uint8_t *at, const uint8_t *last) {
	for (unsigned steps = 0; last - at >= 2 && steps < STEPS_MAX; steps++) {
		unsigned op = at[0], n = at[1];
		bool up = are_connected();
		at += 2;
		at += step(op, n, at, last);
		MUST(!up || are_connected() || game.ended);
	}
}

static void run(const uint8_t *data, size_t size, sluice_certificate *const *of) {
	size_t live = memory.live;
	memory_before = memory.bytes;
	memset(&game, 0, offsetof(struct game, air));
	game.flying = 0;
	memset(game.texts, 0, sizeof game - offsetof(struct game, texts));
	game.now = SLUICE_S;
	configure(data, of);
	game.damaged = data[0] & 128;
	begin(data);
	play(data + 2, data + size);
	end();
	free_ends();
	MUST(memory.live == live);
}

static void make_certificates(sluice_certificate **out) {
	for (int i = 0; i < ENDS; i++)
		MUST(sluice_certificate_generate(&out[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	sluice_certificate *own[ENDS];
	if (size < 2)
		return 0;
	if (needs_handshake(data[0]))
		repeat_randomness();
	if (!(data[0] & 32)) {
		run(data, size, certificates);
		return 0;
	}
	make_certificates(own);
	run(data, size, own);
	for (int i = 0; i < ENDS; i++)
		sluice_certificate_release(own[i]);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
	(void)argc, (void)argv;
	MUST(RAND_set_DRBG_type(NULL, "TEST-RAND", NULL, NULL, NULL) == 1);
	repeat_randomness();
	make_certificates(certificates);
	sluice_env_config config = {.allocator = memory_allocator(&memory), .cache_limit = 1};
	MUST(sluice_env_new(&config, &env) == 0);
	for (uint8_t suite = 0; suite < SUITES; suite++) {
		configure((const uint8_t[]){suite, 255}, certificates);
		open_ends();
		game.now = SLUICE_S;
		pass_time(SLUICE_S, true);
		MUST(are_connected());
		for (int i = 0; i < ENDS; i++)
			models[suite][i] = game.end[i];
	}
	return 0;
}
