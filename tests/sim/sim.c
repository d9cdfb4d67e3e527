#include "sim.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SPINNING 10000   /* steps without time moving */
#define CHATTERING 65536 /* batches in one breath */
#define GRO_MAX 64       /* datagrams that one input() gets */

struct sim_event {
	uint64_t at, number;
	/* A call ... */
	void (*fn)(void *ctx);
	void *ctx;
	/* ... or an arrival. */
	struct sim_host *from, *to;
	struct sim_event *next; /* among those of the same instant */
	size_t len;
	uint8_t bytes[];
};

/* ---- the heap of events ---- */

static bool earlier(const struct sim_event *a, const struct sim_event *b) {
	return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void push(struct sim *sim, struct sim_event *e) {
	if (sim->event_count == sim->event_capacity) {
		sim->event_capacity = sim->event_capacity ? 2 * sim->event_capacity : 64;
		sim->events = realloc(sim->events, sim->event_capacity * sizeof *sim->events);
		if (!sim->events)
			abort();
	}
	e->number = sim->event_number++;
	size_t i = sim->event_count++;
	for (; i > 0 && earlier(e, sim->events[(i - 1) / 2]); i = (i - 1) / 2)
		sim->events[i] = sim->events[(i - 1) / 2];
	sim->events[i] = e;
}

static struct sim_event *pop(struct sim *sim) {
	struct sim_event *top = sim->events[0], *last = sim->events[--sim->event_count];
	size_t i = 0, n = sim->event_count;
	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && earlier(sim->events[child + 1], sim->events[child]))
			child++;
		if (!earlier(sim->events[child], last))
			break;
		sim->events[i] = sim->events[child];
	}
	if (n)
		sim->events[i] = last;
	return top;
}

static struct sim_event *event_new(uint64_t at, size_t len) {
	struct sim_event *e = malloc(sizeof *e + len);
	if (!e)
		abort();
	*e = (struct sim_event){.at = at, .len = len};
	return e;
}

/* ---- seeds and replaying ---- */

static char replay_line[512];

/* A crash in the code under test must name the seed too. After printing, the previous handler (a sanitizer's, or death)
 * gets the signal again. */
static struct sigaction before_segv, before_abort;

static void on_crash(int sig) {
	if (write(STDERR_FILENO, replay_line, strlen(replay_line)) < 0)
		_exit(1);
	sigaction(SIGSEGV, &before_segv, NULL);
	sigaction(SIGABRT, &before_abort, NULL);
	if (sig == SIGABRT)
		raise(sig);
}

/* The sanitizers' hook, absent from ordinary builds. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

void sim_print_replay(void) {
	fputs(replay_line, stderr);
}

static void catch_crashes(void) {
	static bool done;
	if (done)
		return;
	done = true;
	struct sigaction act = {.sa_handler = on_crash};
	sigaction(SIGSEGV, &act, &before_segv);
	sigaction(SIGABRT, &act, &before_abort);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(sim_print_replay);
}

/* Check knows which test runs; a program without Check does not link it. */
__attribute__((weak)) const char *tcase_name(void);

static void prepare_replay(uint64_t seed) {
	char program[256] = "the test";
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
	if (n > 0)
		program[n] = 0;
	const char *build = strstr(program, "/build/"); /* as it is typed in the source tree */
	const char *test = tcase_name ? tcase_name() : NULL;
	snprintf(replay_line, sizeof replay_line, "seed %llu; replay: SLUICE_SEED=%llu SLUICE_TRACE=1 %s %s\n",
	         (unsigned long long)seed, (unsigned long long)seed, build ? build + 1 : program, test ? test : "");
	catch_crashes();
}

static bool seed_given(uint64_t *seed) {
	const char *text = getenv("SLUICE_SEED");
	if (!text || !*text)
		return false;
	*seed = strtoull(text, NULL, 0);
	return true;
}

uint64_t sim_seed(uint64_t usual) {
	uint64_t seed = usual;
	seed_given(&seed);
	return seed;
}

uint64_t sim_first(uint64_t usual) {
	return sim_seed(usual);
}

uint64_t sim_last(uint64_t usual) {
	return sim_seed(usual);
}

#if defined(__SANITIZE_THREAD__)
#define SLOW 8
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLOW 8
#endif
#endif
#ifndef SLOW
#define SLOW 1
#endif

unsigned sim_seeds(unsigned usual) {
	const char *text = getenv("SLUICE_SEEDS");
	return text && *text ? (unsigned)strtoul(text, NULL, 0) : usual / SLOW;
}

void sim_fail(const struct sim *sim, const char *format, ...) {
	va_list args;
	va_start(args, format);
	fprintf(stderr, "sim: at %.6f s: ", (double)sim->now / 1e9);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/* ---- the world ---- */

void sim_init(struct sim *sim, uint64_t seed) {
	*sim = (struct sim){.seed = seed, .rng = rng_of(seed, 0)};
	/* Not 0: a host that mistakes 0 for "never" or "at once" would go unnoticed. */
	sim->now = SLUICE_S;
	sim->trace = getenv("SLUICE_TRACE") != NULL;
	sim->scratch = malloc(LINK_PACKET_MAX);
	if (!sim->scratch)
		abort();
	prepare_replay(seed);
}

static void host_close(struct sim_host *h) {
	while (h->arrivals) {
		struct sim_event *e = h->arrivals;
		h->arrivals = e->next;
		free(e);
	}
	if (h->ops->free)
		h->ops->free(h->node);
	free(h);
}

void sim_close(struct sim *sim) {
	for (unsigned i = 0; i < sim->host_count; i++)
		host_close(sim->hosts[i]);
	for (unsigned i = 0; i < sim->link_count; i++)
		free(sim->links[i]);
	for (size_t i = 0; i < sim->event_count; i++)
		free(sim->events[i]);
	free(sim->events);
	free(sim->scratch);
	*sim = (struct sim){0};
}

struct sim_host *sim_add_host(struct sim *sim, const char *name, const struct sim_node_ops *ops, void *node, sluice_env *env) {
	if (sim->host_count == SIM_HOSTS)
		sim_fail(sim, "more than %d hosts", SIM_HOSTS);
	struct sim_host *h = malloc(sizeof *h);
	if (!h)
		abort();
	*h = (struct sim_host){.sim = sim,
	                       .name = name,
	                       .index = sim->host_count,
	                       .ops = ops,
	                       .node = node,
	                       .env = env,
	                       .batch_size = 65536,
	                       .batch_max = 64};
	h->arrivals_end = &h->arrivals;
	sim->hosts[sim->host_count++] = h;
	return h;
}

static void add_link(struct sim *sim, struct sim_host *from, struct sim_host *to, const struct link_config *config) {
	if (sim->link_count == SIM_LINKS)
		sim_fail(sim, "more than %d links", SIM_LINKS);
	struct sim_link *l = malloc(sizeof *l);
	if (!l)
		abort();
	*l = (struct sim_link){.sim = sim, .from = from, .to = to, .rng = rng_of(sim->seed, 1000 + sim->link_count)};
	if (config)
		l->config = *config;
	sim->links[sim->link_count++] = l;
}

void sim_join(struct sim *sim, struct sim_host *a, struct sim_host *b, const struct link_config *config) {
	add_link(sim, a, b, config);
	add_link(sim, b, a, config);
}

struct sim_link *sim_link(struct sim *sim, const struct sim_host *from, const struct sim_host *to) {
	for (unsigned i = 0; i < sim->link_count; i++)
		if (sim->links[i]->from == from && (!to || sim->links[i]->to == to))
			return sim->links[i];
	return NULL;
}

sluice_path sim_path(const struct sim_host *host) {
	sluice_path path = {.remote_len = sizeof(struct sockaddr_in)};
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)(host->index + 1)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	memcpy(&path.remote, &in, sizeof in);
	return path;
}

static struct sim_link *route(struct sim_host *from, const sluice_path *path) {
	if (!path->remote_len)
		return sim_link(from->sim, from, NULL);
	struct sockaddr_in in;
	memcpy(&in, &path->remote, sizeof in);
	unsigned index = ntohs(in.sin_port) - 1u;
	return index < from->sim->host_count ? sim_link(from->sim, from, from->sim->hosts[index]) : NULL;
}

void sim_at(struct sim *sim, uint64_t at, void (*fn)(void *ctx), void *ctx) {
	struct sim_event *e = event_new(at, 0);
	e->fn = fn;
	e->ctx = ctx;
	push(sim, e);
}

void sim_schedule_arrival(struct sim *sim, struct sim_host *from, struct sim_host *to, const uint8_t *packet, size_t len,
                          uint64_t at) {
	struct sim_event *e = event_new(at, len);
	e->from = from;
	e->to = to;
	memcpy(e->bytes, packet, len);
	push(sim, e);
}

void sim_inject(struct sim *sim, struct sim_host *to, const void *packet, size_t len, uint64_t at) {
	sim_schedule_arrival(sim, NULL, to, packet, len, at);
}

/* ---- a step ---- */

/* The rooms of a slot are the lower layers'; on this wire there are none, so only the datagram between them travels. */
static void put_on_wire(struct sim_host *h, const sluice_batch *b) {
	struct sim_link *link = route(h, &b->path);
	if (!link)
		return;
	for (size_t i = 0; i < b->count; i++) {
		size_t len = sluice_batch_slot_len(b, i);
		if (len <= h->headroom + h->tailroom || len > LINK_PACKET_MAX)
			sim_fail(h->sim, "host %s wrote a slot of %zu bytes", h->name, len);
		if (i + 1 == b->count && b->last > b->stride)
			sim_fail(h->sim, "host %s: the last slot (%zu) is longer than the others (%zu)", h->name, b->last,
			         b->stride);
		len -= h->headroom + h->tailroom;
		memcpy(h->sim->scratch, sluice_batch_slot(b, i) + h->headroom, len);
		link_send(link, h->sim->scratch, len, h->sim->now);
	}
}

static bool host_speak(struct sim_host *h) {
	uint8_t *space = malloc(h->batch_size);
	if (!space)
		abort();
	bool spoke = false;
	for (unsigned n = 0;; n++) {
		sluice_batch b = {.data = space,
		                  .capacity = h->batch_size,
		                  .max_datagrams = h->batch_max,
		                  .headroom = h->headroom,
		                  .tailroom = h->tailroom};
		int count = h->ops->output(h->node, &b, h->sim->now);
		if (count < 0)
			sim_fail(h->sim, "host %s: output returned %d", h->name, count);
		if (count == 0)
			break;
		if ((size_t)count != b.count || sluice_batch_len(&b) > h->batch_size || (h->batch_max && b.count > h->batch_max))
			sim_fail(h->sim, "host %s: output returned %d, the batch says %zu", h->name, count, b.count);
		if (n > CHATTERING)
			sim_fail(h->sim, "host %s never stops sending", h->name);
		spoke = true;
		put_on_wire(h, &b);
	}
	free(space);
	return spoke;
}

void sim_settle(struct sim *sim) {
	bool again = true;
	for (unsigned n = 0; again; n++) {
		again = false;
		for (unsigned i = 0; i < sim->host_count; i++) {
			struct sim_host *h = sim->hosts[i];
			if (h->down)
				continue;
			if (h->ops->dispatch)
				h->ops->dispatch(h->node, sim->now);
			again |= host_speak(h);
		}
		if (n > CHATTERING)
			sim_fail(sim, "the hosts never fall silent");
	}
}

static uint64_t next_time(const struct sim *sim) {
	uint64_t next = sim->event_count ? sim->events[0]->at : SLUICE_NEVER;
	for (unsigned i = 0; i < sim->host_count; i++) {
		const struct sim_host *h = sim->hosts[i];
		if (h->down)
			continue;
		uint64_t deadline = h->ops->deadline(h->node);
		if (deadline < next)
			next = deadline;
	}
	return next;
}

static void host_give(struct sim_host *h, const struct sim_host *from, sluice_datagram *datagrams, size_t count) {
	sluice_path path = {0};
	if (from)
		path = sim_path(from);
	h->ops->input(h->node, &path, datagrams, count, h->sim->now);
}

/* Takes from the host's arrivals those of one source that one GRO read would bring, and gives them to it. */
static void host_read(struct sim_host *h) {
	struct sim_host *from = h->arrivals->from;
	sluice_slab *slab = h->env ? sluice_slab_get(h->env) : NULL;
	/* Without memory for a slab the datagrams still come, as in an app that reads into its own buffer. */
	size_t size = slab ? sluice_slab_size(slab) : LINK_PACKET_MAX, used = 0, count = 0;
	uint8_t *space = slab ? sluice_slab_data(slab) : malloc(size);
	if (!space)
		abort();
	sluice_datagram datagrams[GRO_MAX];
	while (h->arrivals && h->arrivals->from == from && count < GRO_MAX && used + h->arrivals->len <= size) {
		struct sim_event *e = h->arrivals;
		h->arrivals = e->next;
		memcpy(space + used, e->bytes, e->len);
		datagrams[count++] = (sluice_datagram){.data = space + used, .len = e->len, .slab = slab};
		used += e->len;
		free(e);
	}
	if (count == 0)
		sim_fail(h->sim, "host %s: a datagram of %zu bytes does not fit a slab", h->name, h->arrivals->len);
	if (!h->arrivals)
		h->arrivals_end = &h->arrivals;
	host_give(h, from, datagrams, count);
	if (slab)
		sluice_slab_unref(slab);
	else
		free(space);
}

static void arrive(struct sim_event *e) {
	if (e->to->down) {
		free(e);
		return;
	}
	*e->to->arrivals_end = e;
	e->to->arrivals_end = &e->next;
}

static void happen(struct sim *sim) {
	while (sim->event_count && sim->events[0]->at <= sim->now) {
		struct sim_event *e = pop(sim);
		if (e->fn) {
			e->fn(e->ctx);
			free(e);
		} else {
			arrive(e);
		}
	}
	for (unsigned i = 0; i < sim->host_count; i++) {
		struct sim_host *h = sim->hosts[i];
		while (h->arrivals)
			host_read(h);
		if (!h->down && h->ops->deadline(h->node) <= sim->now)
			h->ops->advance(h->node, sim->now);
	}
}

bool sim_step(struct sim *sim, uint64_t limit) {
	sim_settle(sim);
	uint64_t next = next_time(sim);
	if (next == SLUICE_NEVER || next > limit) {
		if (limit != SLUICE_NEVER && limit > sim->now)
			sim->now = limit;
		return false;
	}
	if (next > sim->now) {
		sim->now = next;
		sim->steps_here = 0;
	} else if (++sim->steps_here > SPINNING) {
		for (unsigned i = 0; i < sim->host_count; i++)
			fprintf(stderr, "host %s: deadline %llu\n", sim->hosts[i]->name,
			        (unsigned long long)sim->hosts[i]->ops->deadline(sim->hosts[i]->node));
		sim_fail(sim, "time does not move: a host's deadline stays in the past");
	}
	happen(sim);
	sim_settle(sim);
	return true;
}

void sim_run(struct sim *sim, uint64_t until) {
	while (sim_step(sim, until))
		;
}
