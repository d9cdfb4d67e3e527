/* bench_ice: what do a round of checks, a consent check and the question "from where may data come?" cost, and how much memory
 * has an idle agent? */
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "harness.h"
#include "ice/ice.h"

/* Consent checks are due at full 100 ms of an agent's clock. The clocks of the two are 50 ms apart, so that two checks are never
 * due at once, and each step to a deadline is one check. */
#define APART (50 * SLUICE_MS)

struct end {
	struct ice *ice;
	struct sockaddr_storage addr;
	uint64_t ahead; /* of the pair's clock */
};

struct pair_of_agents {
	sluice_env *env;
	struct end ends[2];
	uint64_t now;
};

static struct sockaddr_storage address(const char *text, uint16_t port) {
	struct sockaddr_storage a;
	BENCH_MUST(address_parse(text, strlen(text), &a));
	address_set_port(&a, port);
	return a;
}

static uint64_t clock_of(const struct pair_of_agents *p, int i) {
	return p->now + p->ends[i].ahead;
}

static void start(struct pair_of_agents *p, sluice_env *env) {
	p->env = env;
	p->now = SLUICE_S;
	for (int i = 0; i < 2; i++) {
		struct end *e = &p->ends[i];
		e->ahead = i ? APART : 0;
		e->addr = address(i ? "10.0.0.2" : "10.0.0.1", 5000);
		BENCH_MUST(ice_new(env, &(struct ice_config){.controlling = i == 0}, &e->ice) == 0);
		BENCH_MUST(ice_add_local(e->ice, CANDIDATE_UDP, 1, &e->addr, 65535, NULL) == 0);
		ice_gather(e->ice, clock_of(p, i));
	}
	for (int i = 0; i < 2; i++) {
		struct ice *to = p->ends[i].ice, *from = p->ends[!i].ice;
		BENCH_MUST(ice_set_remote(to, ice_ufrag(from), ice_pwd(from), false) == 0);
		struct candidate theirs;
		BENCH_MUST(ice_local(from, 0, &theirs) && ice_add_remote(to, &theirs) == 0);
		ice_remote_done(to);
	}
}

static void stop(struct pair_of_agents *p) {
	ice_free(p->ends[0].ice);
	ice_free(p->ends[1].ice);
}

static bool pass(struct pair_of_agents *p, int from) {
	uint8_t space[2048];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	if (ice_output(p->ends[from].ice, &b, clock_of(p, from)) != 1)
		return false;
	sluice_path path = {.socket = 1, .remote = p->ends[from].addr, .remote_len = address_len(&p->ends[from].addr)};
	sluice_datagram d = {.data = b.data, .len = b.last};
	ice_input(p->ends[!from].ice, &path, &d, clock_of(p, !from));
	return true;
}

static void settle(struct pair_of_agents *p) {
	struct ice_event e;
	for (bool again = true; again;) {
		again = pass(p, 0);
		again = pass(p, 1) || again;
	}
	for (int i = 0; i < 2; i++)
		while (ice_poll(p->ends[i].ice, &e))
			;
}

/* Two agents from nothing to both nominated. */
static void run_connect(void *ctx, uint64_t iterations) {
	struct pair_of_agents *p = ctx;
	while (iterations-- > 0) {
		start(p, bench_env());
		settle(p);
		BENCH_MUST(ice_state(p->ends[0].ice) == ICE_COMPLETED && ice_state(p->ends[1].ice) == ICE_COMPLETED);
		stop(p);
	}
}

/* When the agent wants to be called next, by the pair's clock. */
static uint64_t deadline_of(const struct pair_of_agents *p, int i) {
	uint64_t at = ice_deadline(p->ends[i].ice);
	return at > clock_of(p, i) ? at - p->ends[i].ahead : p->now; /* 0: at once */
}

/* From one deadline to the next: a check and its answer. */
static void run_consent(void *ctx, uint64_t iterations) {
	struct pair_of_agents *p = ctx;
	while (iterations-- > 0) {
		uint64_t a = deadline_of(p, 0), b = deadline_of(p, 1);
		p->now = a < b ? a : b;
		for (int i = 0; i < 2; i++)
			ice_advance(p->ends[i].ice, clock_of(p, i));
		settle(p);
	}
	BENCH_MUST(ice_state(p->ends[0].ice) == ICE_COMPLETED);
}

/* The question that each datagram of data asks the agent. */
static void run_data(void *ctx, uint64_t iterations) {
	struct pair_of_agents *p = ctx;
	uint8_t record[64] = {23, 254, 253};
	sluice_path path = {.socket = 1, .remote = p->ends[0].addr, .remote_len = address_len(&p->ends[0].addr)};
	while (iterations-- > 0) {
		sluice_datagram d = {.data = record, .len = sizeof record};
		BENCH_MUST(ice_input(p->ends[1].ice, &path, &d, clock_of(p, 1)) == ICE_DATA && ice_admits(p->ends[1].ice, &path));
	}
}

/* ---- memory ---- */

static size_t held;

static void *count_alloc(void *ctx, size_t size) {
	(void)ctx;
	size_t *block = malloc(size + 16);
	if (!block)
		return NULL;
	*block = size;
	held += size;
	return block + 2;
}

static void count_free(void *ctx, void *block) {
	(void)ctx;
	if (!block)
		return;
	size_t *start_of = (size_t *)block - 2;
	held -= *start_of;
	free(start_of);
}

static void report_memory(void) {
	if (!bench_wants("ice", "memory of a connected agent"))
		return;
	struct pair_of_agents p;
	sluice_env *env;
	sluice_env_config config = {.allocator = {.alloc = count_alloc, .free = count_free}, .cache_limit = 1};
	BENCH_MUST(sluice_env_new(&config, &env) == 0);
	size_t before = held;
	start(&p, env);
	settle(&p);
	double bytes = (double)(held - before) / 2;
	stop(&p);
	sluice_env_free(env);
	bench_report(&(struct bench_figure){
		.bench = "ice", .name = "memory of a connected agent", .unit = "bytes", .values = &bytes, .count = 1});
}

int main(int argc, char **argv) {
	struct pair_of_agents p;
	bench_begin(argc, argv);
	bench_run(&(struct bench_case){.bench = "ice", .name = "two agents connect and nominate", .run = run_connect, .ctx = &p});
	start(&p, bench_env());
	settle(&p);
	bench_run(&(struct bench_case){.bench = "ice", .name = "a consent check and its answer", .run = run_consent, .ctx = &p});
	bench_run(&(struct bench_case){.bench = "ice", .name = "one datagram of data looked at", .run = run_data, .ctx = &p});
	stop(&p);
	report_memory();
	return bench_end();
}
