/* bench_bare_pipe: how fast can sealed datagrams go from one process to another, with nothing above them?
 *
 * The limits that sluice perf is held against: DTLS 1.2 records (AES-128-GCM) with 1,200 bytes of payload, 50 records a
 * UDP_SEGMENT send, UDP_GRO on the other side, two pinned processes over loopback. The records are sealed and opened in one of
 * three ways: by SSL_write and SSL_read, or framed here around the bare calls of EVP or of intel-ipsec-mb. A fourth pipe has no
 * records. It knows no SCTP, no channel, and nothing of src/dtls. Its flow control is one credit: the receiver reports how much
 * it has read, and the sender stays within a window of that, so nothing is lost.
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

#define PAYLOAD 1200
#define BATCH 50
#define WINDOW (512 << 10)
#define CREDIT_EVERY (128 << 10)
#define RUNS 5
#define WARM_UP_NS (200 * SLUICE_MS)
#define RUN_NS SLUICE_S
#define FAST_RUN_NS (200 * SLUICE_MS)
#define LIMIT_S 20

enum phase { WARMING, MEASURING, DONE };

enum mode { SSL_RECORDS, EVP_RECORDS, IPSEC_MB_RECORDS, NO_RECORDS, MODES };

static const char *const names[MODES] = {"openssl records", "EVP records", "ipsec-mb records", "no records"};

/* What the two processes and the bench share. */
struct shared {
	_Atomic int phase;
	uint64_t bytes, ns;
	double tx_cpu, rx_cpu;
};

struct pipe_run {
	enum mode mode;
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
#define RECORD (HEADER + EXPLICIT + PAYLOAD + BARE_TAG)
#define APPLICATION_DATA 23
#define DTLS_1_2 0xfefd
#define EPOCH_1 ((uint64_t)1 << 48)

/* RFC 6347, 4.1: type, version, epoch and sequence number, length. */
static void write_header(uint8_t *record, uint64_t sequence) {
	record[0] = APPLICATION_DATA;
	put_be16(record + 1, DTLS_1_2);
	put_be64(record + 3, EPOCH_1 | sequence);
	put_be16(record + 11, RECORD - HEADER);
}

/* RFC 5288, 3: the nonce is a salt and the explicit part; RFC 5246, 6.2.3.3: the AAD is the number, the type, the version and the
 * length of the text. */
static void read_nonce_and_aad(const uint8_t *record, uint8_t nonce[BARE_NONCE], uint8_t aad[HEADER]) {
	memset(nonce, 7, BARE_NONCE - EXPLICIT);
	memcpy(nonce + BARE_NONCE - EXPLICIT, record + HEADER, EXPLICIT);
	memcpy(aad, record + 3, 8);
	memcpy(aad + 8, record, 3);
	put_be16(aad + 11, PAYLOAD);
}

/* The payload is copied to its place first, as SSL_write has to do it and as a packet would be gathered there. */
static size_t seal_record(struct pipe_run *r, const uint8_t *payload, uint8_t *record) {
	uint8_t nonce[BARE_NONCE], aad[HEADER];
	write_header(record, r->sequence++);
	memcpy(record + HEADER, record + 3, EXPLICIT);
	memcpy(record + HEADER + EXPLICIT, payload, PAYLOAD);
	read_nonce_and_aad(record, nonce, aad);
	bare_seal(r->seal_key, record + HEADER + EXPLICIT, PAYLOAD, aad, sizeof aad, nonce);
	return RECORD;
}

/* In place. Returns the payload's length. Loopback loses and repeats nothing, so the next number is the right one. */
static size_t open_record(struct pipe_run *r, uint8_t *record, size_t len) {
	uint8_t expected[HEADER], nonce[BARE_NONCE], aad[HEADER];
	write_header(expected, r->sequence++);
	BENCH_MUST(len == RECORD && memcmp(record, expected, HEADER) == 0);
	read_nonce_and_aad(record, nonce, aad);
	BENCH_MUST(bare_open(r->open_key, record + HEADER + EXPLICIT, PAYLOAD, aad, sizeof aad, nonce));
	return PAYLOAD;
}

/* ---- sender ------------------------------------------------------------------------------------------------------ */

static size_t fill_batch(struct pipe_run *r, uint8_t *space, size_t room, const uint8_t *payload) {
	size_t used = 0;
	for (int i = 0; i < BATCH; i++) {
		switch (r->mode) {
		case SSL_RECORDS:
			used += openssl_seal(&r->pair.client, payload, PAYLOAD, space + used, room - used);
			break;
		case NO_RECORDS:
			memcpy(space + used, payload, PAYLOAD);
			used += PAYLOAD;
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
	size_t sent = 0, stride = len / BATCH;
	sluice_batch b = {.data = space, .count = BATCH, .stride = stride, .last = stride, .path = r->rx_address};
	for (int result; (result = udp_send(&r->tx, &b, &sent)) != 0;) {
		struct pollfd f = {.fd = r->tx.fd, .events = POLLOUT};
		BENCH_MUST(result == SLUICE_WOULD_BLOCK && poll(&f, 1, 1000) > 0);
	}
}

static void sender(void *ctx) {
	static uint8_t space[64 << 10], payload[PAYLOAD];
	struct pipe_run *r = ctx;
	uint64_t sent = 0, credit = 0;
	double cpu = 0;
	int phase = WARMING, now;
	for (size_t i = 0; i < PAYLOAD; i++)
		payload[i] = (uint8_t)i;
	while ((now = atomic_load(&r->shared->phase)) != DONE) {
		if (now != phase)
			cpu = fork_pair_cpu();
		phase = now;
		while (sent + BATCH * PAYLOAD > credit + WINDOW)
			take_credit(r, &credit);
		send_batch(r, space, fill_batch(r, space, sizeof space, payload));
		sent += BATCH * PAYLOAD;
	}
	r->shared->tx_cpu = fork_pair_cpu() - cpu;
}

/* ---- receiver ---------------------------------------------------------------------------------------------------- */

static size_t read_batch(struct pipe_run *r, sluice_slab *slab) {
	static uint8_t payload[16 << 10];
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
		BENCH_MUST(len == PAYLOAD);
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
	return r->seal_key && r->open_key;
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

static struct result run_once(enum mode mode) {
	struct pipe_run r = {.mode = mode, .run_ns = bench_is_fast() ? FAST_RUN_NS : RUN_NS};
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

static void report(enum mode mode, const struct result *results, size_t runs) {
	double values[RUNS], tx = 0, rx = 0;
	char extra[160];
	for (size_t i = 0; i < runs; i++) {
		values[i] = results[i].gbps;
		tx += results[i].tx_cpu / (double)runs;
		rx += results[i].rx_cpu / (double)runs;
	}
	snprintf(extra, sizeof extra, "\"payload\":%d,\"cpu_tx_s_per_gb\":%.3f,\"cpu_rx_s_per_gb\":%.3f", PAYLOAD, tx, rx);
	bench_report(&(struct bench_figure){.bench = "bare_pipe",
	                                    .name = names[mode],
	                                    .unit = "Gbit/s",
	                                    .values = values,
	                                    .count = runs,
	                                    .more_is_better = true,
	                                    .extra = extra});
}

int main(int argc, char **argv) {
	static struct result results[MODES][RUNS];
	bool wanted[MODES];
	bench_begin(argc, argv);
	size_t runs = bench_is_fast() ? 1 : RUNS;
	for (int mode = 0; mode < MODES; mode++)
		wanted[mode] = has_mode((enum mode)mode) && bench_wants("bare_pipe", names[mode]);
	for (size_t i = 0; i < runs; i++)
		for (int mode = 0; mode < MODES; mode++)
			if (wanted[mode])
				results[mode][i] = run_once((enum mode)mode);
	for (int mode = 0; mode < MODES; mode++)
		if (wanted[mode])
			report((enum mode)mode, results[mode], runs);
	return bench_end();
}
