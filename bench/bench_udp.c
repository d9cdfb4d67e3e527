/* bench_udp: what does a datagram of 1,200 bytes cost in each way of sending and receiving?
 *
 * One process, one CPU, two sockets on loopback: each iteration sends a batch of 50 and reads it again, so a figure holds both
 * sides and the kernel between them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "harness.h"
#include "io/udp.h"

#define BYTES 1200
#define BATCH 50

struct way {
	const char *name;
	bool no_batch, no_mmsg;
};

struct udp_case {
	struct udp tx, rx;
	sluice_path to;
	sluice_slab *slab;
	uint8_t space[BATCH * BYTES];
};

static void open_socket(struct udp *u, const struct way *w, sluice_path *address) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct udp_options o = {.local = (struct sockaddr *)&a, .local_len = sizeof a, .no_mmsg = w->no_mmsg};
	o.no_gso = o.no_gro = w->no_batch;
	BENCH_MUST(udp_open(u, &o) == 0);
	*address = (sluice_path){.remote_len = sizeof a};
	BENCH_MUST(getsockname(u->fd, (struct sockaddr *)&address->remote, &address->remote_len) == 0);
}

static void run(void *ctx, uint64_t iterations) {
	struct udp_case *c = ctx;
	sluice_datagram out[64];
	sluice_path from;
	while (iterations-- > 0) {
		size_t sent = 0, received = 0;
		sluice_batch b = {.data = c->space, .count = BATCH, .stride = BYTES, .last = BYTES, .path = c->to};
		BENCH_MUST(udp_send(&c->tx, &b, &sent) == 0);
		while (received < BATCH) {
			int n = udp_receive(&c->rx, c->slab, out, 64, &from);
			BENCH_MUST(n > 0);
			received += (size_t)n;
		}
	}
}

static void run_case(const struct way *send, const struct way *receive) {
	static struct udp_case c;
	char name[96];
	sluice_path unused;
	snprintf(name, sizeof name, "1200 bytes, %s to %s", send->name, receive->name);
	open_socket(&c.tx, send, &unused);
	open_socket(&c.rx, receive, &c.to);
	c.slab = sluice_slab_get(bench_env());
	BENCH_MUST(c.slab);
	bench_run(&(struct bench_case){
		.bench = "udp", .name = name, .run = run, .ctx = &c, .bytes = sizeof c.space, .items = BATCH});
	sluice_slab_unref(c.slab);
	udp_close(&c.tx);
	udp_close(&c.rx);
}

int main(int argc, char **argv) {
	static const struct way sends[] = {{"UDP_SEGMENT", false, false}, {"sendmmsg", true, false}, {"sendto", true, true}};
	static const struct way receives[] = {{"UDP_GRO", false, false}, {"recvmmsg", true, false}, {"recvmsg", true, true}};
	bench_begin(argc, argv);
	bench_pin(0);
	for (size_t s = 0; s < 3; s++)
		for (size_t r = 0; r < 3; r++)
			run_case(&sends[s], &receives[r]);
	return bench_end();
}
