/* bench_crc32c: what does the checksum of a packet cost, in each implementation and at the lengths that packets have?
 *
 * The data is warm in the cache, as it is when a packet has just been gathered or opened. Each result is the next one's
 * starting state, so calls cannot overlap: what is measured is the time until the checksum is known. */
#include <stdio.h>

#include "base/crc32c.h"
#include "harness.h"

struct crc_case {
	crc32c_fn fn; /* NULL: crc32c_packet */
	size_t len;
	uint8_t data[65536];
};

static void run_extend(void *ctx, uint64_t iterations) {
	struct crc_case *c = ctx;
	uint32_t state = CRC32C_INIT;
	while (iterations-- > 0)
		state = c->fn(state, c->data, c->len);
	BENCH_KEEP(state);
}

static void run_packet(void *ctx, uint64_t iterations) {
	struct crc_case *c = ctx;
	uint32_t crc = 0;
	while (iterations-- > 0) {
		c->data[4] = (uint8_t)crc; /* a part of the tag, so that each call waits for the one before */
		crc = crc32c_packet(c->data, c->len);
	}
	BENCH_KEEP(crc);
}

static void bench_length(struct crc_case *c, int which, size_t len) {
	static const char *const names[] = {"tables", "instruction", "interleaved", "folding"};
	char name[64];
	snprintf(name, sizeof name, "%zu bytes, %s", len, which < 0 ? "as a packet" : names[which]);
	c->fn = which < 0 ? NULL : crc32c_implementation(which);
	c->len = len;
	if (which >= 0 && !c->fn)
		return; /* this CPU lacks it */
	bench_run(&(struct bench_case){
		.bench = "crc32c", .name = name, .run = c->fn ? run_extend : run_packet, .ctx = c, .bytes = len});
}

int main(int argc, char **argv) {
	/* A bare SACK, a message of 64 bytes in a packet of its own, the largest packets of this and of other stacks, a slab. */
	static const size_t lengths[] = {28, 92, 1163, 1188, 65536};
	static struct crc_case c;
	bench_begin(argc, argv);
	for (size_t i = 0; i < sizeof c.data; i++)
		c.data[i] = (uint8_t)(i * 167);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		for (int which = CRC32C_IMPLEMENTATIONS - 1; which >= -1; which--)
			bench_length(&c, which, lengths[i]);
	return bench_end();
}
