/* bench_bare_pipe: how fast can sealed datagrams go from one process to another, with nothing above them?
 *
 * The limit that sluice perf is held against: OpenSSL's own DTLS 1.2 records (AES-128-GCM, SSL_write and SSL_read) with 1,200
 * bytes of payload, 50 records a UDP_SEGMENT send, UDP_GRO on the other side, two pinned processes over loopback. It knows no
 * SCTP, no channel, and nothing of src/dtls. Its flow control is one credit: the receiver reports how much it has read, and the
 * sender stays within a window of that, so nothing is lost. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* What the two processes and the bench share. */
struct shared {
	_Atomic int phase;
	uint64_t bytes, ns;
	double tx_cpu, rx_cpu;
};

struct pipe_run {
	struct openssl_pair pair;
	struct udp tx, rx;
	sluice_path tx_address, rx_address;
	struct shared *shared;
	uint64_t run_ns;
	bool sealed;
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

/* ---- sender ------------------------------------------------------------------------------------------------------ */

static size_t fill_batch(struct pipe_run *r, uint8_t *space, size_t room, const uint8_t *payload) {
	size_t used = 0;
	for (int i = 0; i < BATCH; i++) {
		if (r->sealed) {
			used += openssl_seal(&r->pair.client, payload, PAYLOAD, space + used, room - used);
			continue;
		}
		memcpy(space + used, payload, PAYLOAD);
		used += PAYLOAD;
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
		if (r->sealed)
			len = openssl_open(&r->pair.server, out[i].data, len, payload, sizeof payload);
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

static struct result run_once(bool sealed) {
	struct pipe_run r = {.sealed = sealed, .run_ns = bench_is_fast() ? FAST_RUN_NS : RUN_NS};
	r.shared = fork_pair_shared(sizeof *r.shared);
	openssl_pair_open(&r.pair, OPENSSL_AES128_GCM);
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
	openssl_pair_close(&r.pair);
	fork_pair_unshare(r.shared, sizeof *r.shared);
	return result;
}

static void run_case(const char *name, bool sealed) {
	double values[RUNS], tx = 0, rx = 0;
	size_t runs = bench_is_fast() ? 1 : RUNS;
	char extra[160];
	if (!bench_wants("bare_pipe", name))
		return;
	for (size_t i = 0; i < runs; i++) {
		struct result r = run_once(sealed);
		values[i] = r.gbps;
		tx += r.tx_cpu / (double)runs;
		rx += r.rx_cpu / (double)runs;
	}
	snprintf(extra, sizeof extra, "\"payload\":%d,\"cpu_tx_s_per_gb\":%.3f,\"cpu_rx_s_per_gb\":%.3f", PAYLOAD, tx, rx);
	bench_report(&(struct bench_figure){.bench = "bare_pipe",
	                                    .name = name,
	                                    .unit = "Gbit/s",
	                                    .values = values,
	                                    .count = runs,
	                                    .more_is_better = true,
	                                    .extra = extra});
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	run_case("openssl records", true);
	run_case("no records", false);
	return bench_end();
}
