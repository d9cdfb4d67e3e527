/* bench_reassembly: what does a received chunk cost until its message goes to the app? In order, in reverse, by reference and by
 * copy. */
#include "harness.h"
#include "sctp/rx/reassembly.h"

#define FRAGMENTS 15 /* a message of 16 KiB in full packets */

struct rx_case {
	struct window *window;
	struct event_queue events;
	struct reassembly in;
	sluice_slab *slab; /* NULL: every payload is copied */
	uint64_t tsn;
	uint16_t ssn, len;
	int fragments;
	bool reverse;
};

static void add(struct rx_case *c, int i) {
	struct wire_data d = {.stream = 1, .ssn = c->ssn, .ppid = 53, .len = c->len};
	static uint8_t bytes[2048];
	d.payload = c->slab ? sluice_slab_data(c->slab) : bytes;
	d.flags = (uint8_t)((i == 0 ? WIRE_DATA_B : 0) | (i == c->fragments - 1 ? WIRE_DATA_E : 0));
	BENCH_MUST(reassembly_add(&c->in, &d, c->tsn + (uint64_t)i, c->slab) == 0);
}

static void run(void *ctx, uint64_t iterations) {
	struct rx_case *c = ctx;
	while (iterations-- > 0) {
		for (int i = 0; i < c->fragments; i++)
			add(c, c->reverse ? c->fragments - 1 - i : i);
		c->tsn += (uint64_t)c->fragments;
		c->ssn++;
		struct event_node *n = event_pop(&c->events);
		BENCH_MUST(n && n->type == SLUICE_SCTP_MESSAGE);
		sluice_message_release(&rx_message_of_event(n)->public);
	}
}

static void measure(const char *name, int fragments, uint16_t len, bool reverse, bool by_reference) {
	struct rx_case c = {.tsn = UINT64_C(1) << 32, .fragments = fragments, .len = len, .reverse = reverse};
	c.window = message_window_new(bench_env());
	c.slab = by_reference ? sluice_slab_get(bench_env()) : NULL;
	BENCH_MUST(c.window && (c.slab || !by_reference));
	reassembly_init(&c.in, bench_env(), c.window, &c.events, 1 << 20, 0);
	bench_run(&(struct bench_case){.bench = "reassembly",
	                               .name = name,
	                               .run = run,
	                               .ctx = &c,
	                               .items = (size_t)fragments,
	                               .bytes = (size_t)fragments * len});
	reassembly_free(&c.in);
	sluice_slab_unref(c.slab);
	message_window_unref(c.window);
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	measure("64 bytes, whole", 1, 64, false, true);
	measure("1024 bytes, whole, by reference", 1, 1024, false, true);
	measure("15 x 1132 bytes, in order, by reference", FRAGMENTS, 1132, false, true);
	measure("15 x 1132 bytes, in reverse, by reference", FRAGMENTS, 1132, true, true);
	measure("15 x 1132 bytes, in order, copied", FRAGMENTS, 1132, false, false);
	return bench_end();
}
