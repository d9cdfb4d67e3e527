/* bench_bare_pipe: how fast can sealed datagrams go from one process to another, with nothing above them?
 *
 * The limits that sluice perf is held against: DTLS 1.2 records (AES-128-GCM), UDP_SEGMENT sends of 64 KB, UDP_GRO on the
 * other side, two pinned processes over loopback. A send has 50 records with 1,200 bytes of payload, or 4 with 16,084, which is
 * as large as packets get: a record carries at most 2^14 bytes. The records are sealed and opened in one of three ways: by
 * SSL_write and SSL_read, or framed here around the bare calls of EVP or of intel-ipsec-mb. A fourth pipe has no records. It
 * knows no SCTP, no channel, and nothing of src/dtls. Its flow control is one credit: the receiver reports how much it has read,
 * and the sender stays within a window of that, so nothing is lost.
 *
 * The pipes take turns, a run each, so that whatever else the machine does hits all of them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bare_cipher.h"
#include "base/bytes.h"
#include "fork_pair.h"
#include "harness.h"
#include "io/udp.h"
#include "openssl_pair.h"

#define PAYLOAD_MAX 16084
#define WINDOW (512 << 10)
#define CREDIT_EVERY (128 << 10)
#define RUNS 5
#define WARM_UP_NS (200 * SLUICE_MS)
#define RUN_NS SLUICE_S
#define FAST_RUN_NS (200 * SLUICE_MS)
#define LIMIT_S 20

enum phase { WARMING, MEASURING, DONE };

enum mode { SSL_RECORDS, EVP_RECORDS, IPSEC_MB_RECORDS, NO_RECORDS };

static const struct kind {
	const char *name;
	enum mode mode;
	size_t payload, batch;
} kinds[] = {
	{"openssl records", SSL_RECORDS, 1200, 50},
	{"EVP records", EVP_RECORDS, 1200, 50},
	{"ipsec-mb records", IPSEC_MB_RECORDS, 1200, 50},
	{"no records", NO_RECORDS, 1200, 50},
	{"openssl records of 16 KB", SSL_RECORDS, PAYLOAD_MAX, 4},
	{"EVP records of 16 KB", EVP_RECORDS, PAYLOAD_MAX, 4},
	{"ipsec-mb records of 16 KB", IPSEC_MB_RECORDS, PAYLOAD_MAX, 4},
	{"no records, datagrams of 16 KB", NO_RECORDS, PAYLOAD_MAX, 4},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* What the two processes and the bench share. */
struct shared {
	_Atomic int phase;
	uint64_t bytes, ns;
	double tx_cpu, rx_cpu;
};

struct pipe_run {
	enum mode mode;
	size_t payload, batch;                /* bytes of a record, and records of a send */
	struct openssl_pair pair;             /* SSL_RECORDS */
	struct bare_key *seal_key, *open_key; /* the next two */
	uint64_t sequence;                    /* of the next record to seal, and of the next to open */
	struct udp tx, rx;
	sluice_path tx_address, rx_address;
	struct shared *shared;
	uint64_t run_ns;
};

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

static void open_socket(struct udp *u, sluice_path *address) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	*address = (sluice_path){.remote_len = sizeof a};
	BENCH_MUST(udp_open(u, &(struct udp_options){.local = (struct sockaddr *)&a, .local_len = sizeof a}) == 0);
	BENCH_MUST(getsockname(u->fd, (struct sockaddr *)&address->remote, &address->remote_len) == 0);
}

static bool wait_readable(const struct udp *u, int ms) {
	struct pollfd f = {.fd = u->fd, .events = POLLIN};
	return poll(&f, 1, ms) > 0;
}

/* ---- records around a bare cipher -------------------------------------------------------------------------------------- */

#define HEADER 13
#define EXPLICIT 8
#define APPLICATION_DATA 23
#define DTLS_1_2 0xfefd
#define EPOCH_1 ((uint64_t)1 << 48)

/* RFC 6347, 4.1: type, version, epoch and sequence number, length. */
static void write_header(uint8_t *record, uint64_t sequence, size_t payload) {
	record[0] = APPLICATION_DATA;
	put_be16(record + 1, DTLS_1_2);
	put_be64(record + 3, EPOCH_1 | sequence);
	put_be16(record + 11, (uint16_t)(EXPLICIT + payload + BARE_TAG));
}

/* RFC 5288, 3: the nonce is a salt and the explicit part; RFC 5246, 6.2.3.3: the AAD is the number, the type, the version and the
 * length of the text. */
static void read_nonce_and_aad(const uint8_t *record, size_t payload, uint8_t nonce[BARE_NONCE], uint8_t aad[HEADER]) {
	memset(nonce, 7, BARE_NONCE - EXPLICIT);
	memcpy(nonce + BARE_NONCE - EXPLICIT, record + HEADER, EXPLICIT);
	memcpy(aad, record + 3, 8);
	memcpy(aad + 8, record, 3);
	put_be16(aad + 11, (uint16_t)payload);
}

/* The first record's number is 0. */
static void expect_records(struct pipe_run *r) {
	uint8_t record[HEADER + EXPLICIT], nonce[BARE_NONCE], aad[HEADER];
	write_header(record, 0, r->payload);
	memcpy(record + HEADER, record + 3, EXPLICIT);
	read_nonce_and_aad(record, r->payload, nonce, aad);
	bare_expect_records(r->seal_key, nonce);
	bare_expect_records(r->open_key, nonce);
}

/* The payload is copied to its place first, as SSL_write has to do it and as a packet would be gathered there. */
static size_t seal_record(struct pipe_run *r, const uint8_t *payload, uint8_t *record) {
	uint8_t nonce[BARE_NONCE], aad[HEADER];
	write_header(record, r->sequence++, r->payload);
	memcpy(record + HEADER, record + 3, EXPLICIT);
	memcpy(record + HEADER + EXPLICIT, payload, r->payload);
	read_nonce_and_aad(record, r->payload, nonce, aad);
	bare_seal(r->seal_key, record + HEADER + EXPLICIT, r->payload, aad, sizeof aad, nonce);
	return HEADER + EXPLICIT + r->payload + BARE_TAG;
}

/* In place. Returns the payload's length. Loopback loses and repeats nothing, so the next number is the right one. */
static size_t open_record(struct pipe_run *r, uint8_t *record, size_t len) {
	uint8_t expected[HEADER], nonce[BARE_NONCE], aad[HEADER];
	write_header(expected, r->sequence++, r->payload);
	BENCH_MUST(len == HEADER + EXPLICIT + r->payload + BARE_TAG && memcmp(record, expected, HEADER) == 0);
	read_nonce_and_aad(record, r->payload, nonce, aad);
	BENCH_MUST(bare_open(r->open_key, record + HEADER + EXPLICIT, r->payload, aad, sizeof aad, nonce));
	return r->payload;
}

/* ---- sender ------------------------------------------------------------------------------------------------------ */

static size_t fill_batch(struct pipe_run *r, uint8_t *space, size_t room, const uint8_t *payload) {
	size_t used = 0;
	for (size_t i = 0; i < r->batch; i++) {
		switch (r->mode) {
		case SSL_RECORDS:
			used += openssl_seal(&r->pair.client, payload, r->payload, space + used, room - used);
			break;
		case NO_RECORDS:
			memcpy(space + used, payload, r->payload);
			used += r->payload;
			break;
		default:
			used += seal_record(r, payload, space + used);
		}
	}
	return used;
}

/* Takes the newest credit. It is asked for only when the window is used up, so it costs one system call in a window. */
static void take_credit(struct pipe_run *r, uint64_t *credit) {
	uint64_t told;
	BENCH_MUST(wait_readable(&r->tx, 1000));
	while (recv(r->tx.fd, &told, sizeof told, MSG_DONTWAIT) == sizeof told)
		if (told > *credit)
			*credit = told;
}

static void send_batch(struct pipe_run *r, uint8_t *space, size_t len) {
	size_t sent = 0, stride = len / r->batch;
	sluice_batch b = {.data = space, .count = r->batch, .stride = stride, .last = stride, .path = r->rx_address};
	for (int result; (result = udp_send(&r->tx, &b, &sent)) != 0;) {
		struct pollfd f = {.fd = r->tx.fd, .events = POLLOUT};
		BENCH_MUST(result == SLUICE_WOULD_BLOCK && poll(&f, 1, 1000) > 0);
	}
}

static void sender(void *ctx) {
	static uint8_t space[64 << 10], payload[PAYLOAD_MAX];
	struct pipe_run *r = ctx;
	uint64_t sent = 0, credit = 0, each = r->batch * r->payload;
	double cpu = 0;
	int phase = WARMING, now;
	for (size_t i = 0; i < r->payload; i++)
		payload[i] = (uint8_t)i;
	while ((now = atomic_load(&r->shared->phase)) != DONE) {
		if (now != phase)
			cpu = fork_pair_cpu();
		phase = now;
		while (sent + each > credit + WINDOW)
			take_credit(r, &credit);
		send_batch(r, space, fill_batch(r, space, sizeof space, payload));
		sent += each;
	}
	r->shared->tx_cpu = fork_pair_cpu() - cpu;
}

/* ---- receiver ---------------------------------------------------------------------------------------------------- */

static size_t read_batch(struct pipe_run *r, sluice_slab *slab) {
	static uint8_t payload[PAYLOAD_MAX + 1];
	sluice_datagram out[64];
	sluice_path from;
	size_t bytes = 0;
	int n = udp_receive(&r->rx, slab, out, 64, &from);
	BENCH_MUST(n >= 0);
	for (int i = 0; i < n; i++) {
		size_t len = out[i].len;
		if (r->mode == SSL_RECORDS)
			len = openssl_open(&r->pair.server, out[i].data, len, payload, sizeof payload);
		else if (r->mode != NO_RECORDS)
			len = open_record(r, out[i].data, len);
		BENCH_MUST(len == r->payload);
		bytes += len;
	}
	return bytes;
}

static void give_credit(struct pipe_run *r, uint64_t received) {
	BENCH_MUST(sendto(r->rx.fd, &received, sizeof received, 0, (struct sockaddr *)&r->tx_address.remote,
	                  r->tx_address.remote_len) == sizeof received);
}

/* After the last measured byte the sender may still wait for credit. It gets enough to see that everything is done. */
static void finish(struct pipe_run *r, uint64_t received) {
	atomic_store(&r->shared->phase, DONE);
	give_credit(r, received + 2 * WINDOW);
}

static void receiver(void *ctx) {
	struct pipe_run *r = ctx;
	struct shared *s = r->shared;
	sluice_slab *slab = sluice_slab_get(bench_env());
	uint64_t received = 0, told = 0, bytes_at_start = 0, start = bench_now(), now;
	double cpu = 0;
	for (;;) {
		size_t bytes = read_batch(r, slab);
		if (bytes == 0)
			BENCH_MUST(wait_readable(&r->rx, 1000));
		received += bytes;
		if (received - told >= CREDIT_EVERY)
			give_credit(r, told = received);
		now = bench_now();
		if (s->phase == WARMING && now - start >= WARM_UP_NS) {
			start = now;
			bytes_at_start = received;
			cpu = fork_pair_cpu();
			atomic_store(&s->phase, MEASURING);
		} else if (s->phase == MEASURING && now - start >= r->run_ns) {
			break;
		}
	}
	s->bytes = received - bytes_at_start;
	s->ns = now - start;
	s->rx_cpu = fork_pair_cpu() - cpu;
	finish(r, received);
	sluice_slab_unref(slab);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

struct result {
	double gbps, tx_cpu, rx_cpu; /* CPU seconds per GB */
};

/* Returns false when this build has no such records. */
static bool make_keys(struct pipe_run *r) {
	static const uint8_t key[16] = {1, 2, 3};
	enum bare_library library = r->mode == EVP_RECORDS ? BARE_EVP : BARE_IPSEC_MB;
	if (r->mode == SSL_RECORDS)
		openssl_pair_open(&r->pair, OPENSSL_AES128_GCM);
	if (r->mode == SSL_RECORDS || r->mode == NO_RECORDS)
		return true;
	r->seal_key = bare_key_new(library, "AES-128-GCM", true, key);
	r->open_key = bare_key_new(library, "AES-128-GCM", false, key);
	if (!r->seal_key || !r->open_key)
		return false;
	expect_records(r);
	return true;
}

static void free_keys(struct pipe_run *r) {
	if (r->mode == SSL_RECORDS)
		openssl_pair_close(&r->pair);
	bare_key_free(r->seal_key);
	bare_key_free(r->open_key);
}

static bool has_mode(enum mode mode) {
	struct pipe_run r = {.mode = mode};
	bool has = make_keys(&r);
	free_keys(&r);
	return has;
}

static struct result run_once(const struct kind *kind) {
	struct pipe_run r = {.mode = kind->mode, .payload = kind->payload, .batch = kind->batch};
	r.run_ns = bench_is_fast() ? FAST_RUN_NS : RUN_NS;
	r.shared = fork_pair_shared(sizeof *r.shared);
	BENCH_MUST(make_keys(&r));
	open_socket(&r.tx, &r.tx_address);
	open_socket(&r.rx, &r.rx_address);
	fork_pair_run(sender, receiver, &r, LIMIT_S);
	double gigabytes = (double)r.shared->bytes / 1e9;
	struct result result = {
		.gbps = (double)r.shared->bytes * 8 / (double)r.shared->ns,
		.tx_cpu = r.shared->tx_cpu / gigabytes,
		.rx_cpu = r.shared->rx_cpu / gigabytes,
	};
	udp_close(&r.tx);
	udp_close(&r.rx);
	free_keys(&r);
	fork_pair_unshare(r.shared, sizeof *r.shared);
	return result;
}

static void report(const struct kind *kind, const struct result *results, size_t runs) {
	double values[RUNS], tx = 0, rx = 0;
	char extra[160];
	for (size_t i = 0; i < runs; i++) {
		values[i] = results[i].gbps;
		tx += results[i].tx_cpu / (double)runs;
		rx += results[i].rx_cpu / (double)runs;
	}
	snprintf(extra, sizeof extra, "\"payload\":%zu,\"cpu_tx_s_per_gb\":%.3f,\"cpu_rx_s_per_gb\":%.3f", kind->payload, tx, rx);
	bench_report(&(struct bench_figure){.bench = "bare_pipe",
	                                    .name = kind->name,
	                                    .unit = "Gbit/s",
	                                    .values = values,
	                                    .count = runs,
	                                    .more_is_better = true,
	                                    .extra = extra});
}

int main(int argc, char **argv) {
	static struct result results[KINDS][RUNS];
	bool wanted[KINDS];
	bench_begin(argc, argv);
	size_t runs = bench_is_fast() ? 1 : RUNS;
	for (size_t k = 0; k < KINDS; k++)
		wanted[k] = has_mode(kinds[k].mode) && bench_wants("bare_pipe", kinds[k].name);
	for (size_t i = 0; i < runs; i++)
		for (size_t k = 0; k < KINDS; k++)
			if (wanted[k])
				results[k][i] = run_once(&kinds[k]);
	for (size_t k = 0; k < KINDS; k++)
		if (wanted[k])
			report(&kinds[k], results[k], runs);
	return bench_end();
}
