#include "sim.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sluice/error.h"

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
	struct sim_link *link;  /* its first datagram under way; NULL: it is in the heap for itself */
	struct sim_event *next; /* the next of the link's, or among those of the same instant, or of the spare ones */
	size_t len, capacity;
	uint8_t bytes[];
};

struct sim_slot {
	uint64_t at, number;
	struct sim_event *event;
};

/* ---- the heap of events ---- */

/* What is under way on a link arrives in its order, so only the first of each link is in the heap. */

static bool earlier(const struct sim_slot *a, const struct sim_slot *b) {
	return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void push(struct sim *sim, struct sim_event *e) {
	if (sim->event_count == sim->event_capacity) {
		sim->event_capacity = sim->event_capacity ? 2 * sim->event_capacity : 64;
		sim->events = realloc(sim->events, sim->event_capacity * sizeof *sim->events);
		if (!sim->events)
			abort();
	}
	const struct sim_slot slot = {e->at, e->number, e};
	size_t i = sim->event_count++;
	for (; i > 0 && earlier(&slot, &sim->events[(i - 1) / 2]); i = (i - 1) / 2)
		sim->events[i] = sim->events[(i - 1) / 2];
	sim->events[i] = slot;
}

static struct sim_event *pop(struct sim *sim) {
	struct sim_event *top = sim->events[0].event;
	const struct sim_slot last = sim->events[--sim->event_count];
	size_t i = 0, n = sim->event_count;
	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && earlier(&sim->events[child + 1], &sim->events[child]))
			child++;
		if (!earlier(&sim->events[child], &last))
			break;
		sim->events[i] = sim->events[child];
	}
	if (n)
		sim->events[i] = last;
	return top;
}

/* An event may be used again for any datagram of usual size; under a sanitizer each is a block of its own. */
#ifdef SLUICE_NOPOOL
#define USUAL 0
#else
#define USUAL 1536
#endif

static struct sim_event *event_new(struct sim *sim, uint64_t at, size_t len) {
	struct sim_event *e = len <= USUAL ? sim->spare : NULL;
	size_t capacity = len <= USUAL ? USUAL : len;
	if (e)
		sim->spare = e->next;
	else if (!(e = malloc(sizeof *e + capacity)))
		abort();
	*e = (struct sim_event){.at = at, .number = sim->event_number++, .len = len, .capacity = capacity};
	return e;
}

static void event_free(struct sim *sim, struct sim_event *e) {
	if (e->capacity != USUAL || USUAL == 0) {
		free(e);
		return;
	}
	e->next = sim->spare;
	sim->spare = e;
}

static void free_all(struct sim_event *e) {
	while (e) {
		struct sim_event *next = e->next;
		free(e);
		e = next;
	}
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
	free_all(h->arrivals);
	if (h->ops->free)
		h->ops->free(h->node);
	free(h->space);
	free(h);
}

void sim_close(struct sim *sim) {
	for (unsigned i = 0; i < sim->host_count; i++)
		host_close(sim->hosts[i]);
	for (size_t i = 0; i < sim->event_count; i++)
		if (!sim->events[i].event->link)
			free(sim->events[i].event);
	for (unsigned i = 0; i < sim->link_count; i++) {
		free_all(sim->links[i]->under_way);
		free(sim->links[i]);
	}
	free(sim->events);
	free_all(sim->spare);
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
	if (!from->first_link)
		from->first_link = l;
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
	struct sockaddr_in in = {.sin_family = AF_INET,
	                         .sin_port = htons((uint16_t)(host->index + 1)),
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK + host->index)};
	memcpy(&path.remote, &in, sizeof in);
	return path;
}

static struct sim_link *route(struct sim_host *from, const sluice_path *path) {
	if (!path->remote_len)
		return from->first_link;
	struct sockaddr_in in;
	memcpy(&in, &path->remote, sizeof in);
	unsigned index = ntohs(in.sin_port) - 1u;
	return index < from->sim->host_count ? sim_link(from->sim, from, from->sim->hosts[index]) : NULL;
}

void sim_at(struct sim *sim, uint64_t at, void (*fn)(void *ctx), void *ctx) {
	struct sim_event *e = event_new(sim, at, 0);
	e->fn = fn;
	e->ctx = ctx;
	push(sim, e);
}

static struct sim_event *arrival_new(struct sim *sim, struct sim_host *from, struct sim_host *to, const uint8_t *packet,
                                     size_t len, uint64_t at) {
	struct sim_event *e = event_new(sim, at, len);
	e->from = from;
	e->to = to;
	memcpy(e->bytes, packet, len);
	return e;
}

void sim_schedule_arrival(struct sim_link *link, const uint8_t *packet, size_t len, uint64_t at) {
	struct sim_event *e = arrival_new(link->sim, link->from, link->to, packet, len, at), *last = link->under_way_last;
	if (last && at < last->at) {
		push(link->sim, e); /* it overtakes */
		return;
	}
	e->link = link;
	link->under_way_last = e;
	if (last) {
		last->next = e;
	} else {
		link->under_way = e;
		push(link->sim, e);
	}
}

void sim_inject(struct sim *sim, struct sim_host *to, const void *packet, size_t len, uint64_t at) {
	push(sim, arrival_new(sim, NULL, to, packet, len, at));
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
		uint8_t *packet = sluice_batch_slot(b, i) + h->headroom;
		if (link->filter_count) { /* which may make it longer */
			memcpy(h->sim->scratch, packet, len);
			packet = h->sim->scratch;
		}
		link_send(link, packet, len, h->sim->now);
	}
}

/* Exactly as long as the batch may be, so that a sanitizer sees who writes behind it. */
static uint8_t *host_space(struct sim_host *h) {
	if (h->space_size != h->batch_size) {
		free(h->space);
		h->space = malloc(h->batch_size);
		if (!h->space)
			abort();
		h->space_size = h->batch_size;
	}
	return h->space;
}

/* ---- the verbs of a host ---- */

static uint64_t time_at(struct sim_host *h) {
	return h->clock ? h->clock(h->clock_ctx, h->sim->now) : h->sim->now;
}

static void host_check(struct sim_host *h, const char *verb) {
	if (h->ops->check && !h->ops->check(h->node))
		sim_fail(h->sim, "host %s: an invariant does not hold after %s", h->name, verb);
}

static void host_input(struct sim_host *h, const sluice_path *path, sluice_datagram *datagrams, size_t count) {
	int error = h->ops->input(h->node, path, datagrams, count, time_at(h));
	if (error < 0 && error != SLUICE_NO_MEMORY)
		sim_fail(h->sim, "host %s: input returned %s", h->name, sluice_error_name(error));
	host_check(h, "input");
}

static void host_advance(struct sim_host *h) {
	h->ops->advance(h->node, time_at(h));
	host_check(h, "advance");
}

static int host_output(struct sim_host *h, sluice_batch *batch) {
	int count = h->ops->output(h->node, batch, time_at(h));
	host_check(h, "output");
	return count;
}

/* Not checked: output follows at once, and counts what the app did here. */
static void host_dispatch(struct sim_host *h) {
	if (h->ops->dispatch)
		h->ops->dispatch(h->node, h->sim->now);
}

static bool host_speak(struct sim_host *h) {
	bool spoke = false;
	for (unsigned n = 0;; n++) {
		sluice_batch b = {.data = host_space(h),
		                  .capacity = h->batch_size,
		                  .max_datagrams = h->batch_max,
		                  .headroom = h->headroom,
		                  .tailroom = h->tailroom};
		int count = host_output(h, &b);
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
	return spoke;
}

static void settle_touched(struct sim *sim) {
	bool again = true;
	for (unsigned n = 0; again; n++) {
		again = false;
		for (unsigned i = 0; i < sim->host_count; i++) {
			struct sim_host *h = sim->hosts[i];
			if (h->down || !h->touched)
				continue;
			host_dispatch(h);
			again |= host_speak(h);
		}
		if (n > CHATTERING)
			sim_fail(sim, "the hosts never fall silent");
	}
	for (unsigned i = 0; i < sim->host_count; i++) {
		struct sim_host *h = sim->hosts[i];
		if (h->touched && sim->quick)
			h->due = h->ops->deadline(h->node);
		h->touched = !sim->quick;
	}
}

static void touch_all(struct sim *sim) {
	for (unsigned i = 0; i < sim->host_count; i++)
		sim->hosts[i]->touched = true;
}

void sim_settle(struct sim *sim) {
	touch_all(sim);
	settle_touched(sim);
}

static uint64_t host_due(const struct sim_host *h) {
	return h->sim->quick ? h->due : h->ops->deadline(h->node);
}

static uint64_t next_time(const struct sim *sim) {
	uint64_t next = sim->event_count ? sim->events[0].at : SLUICE_NEVER;
	for (unsigned i = 0; i < sim->host_count; i++) {
		const struct sim_host *h = sim->hosts[i];
		if (h->down)
			continue;
		uint64_t deadline = host_due(h);
		if (deadline < next)
			next = deadline;
	}
	return next;
}

static void host_give(struct sim_host *h, const struct sim_host *from, sluice_datagram *datagrams, size_t count) {
	sluice_path path = {0};
	if (from)
		path = sim_path(from);
	host_input(h, &path, datagrams, count);
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
		event_free(h->sim, e);
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

static void arrive(struct sim *sim, struct sim_event *e) {
	struct sim_link *link = e->link;
	if (link) {
		link->under_way = e->next;
		if (e->next)
			push(sim, e->next);
		else
			link->under_way_last = NULL;
		e->link = NULL;
		e->next = NULL;
	}
	if (e->to->down) {
		event_free(sim, e);
		return;
	}
	*e->to->arrivals_end = e;
	e->to->arrivals_end = &e->next;
}

static void happen(struct sim *sim) {
	while (sim->event_count && sim->events[0].at <= sim->now) {
		struct sim_event *e = pop(sim);
		if (e->fn) {
			e->fn(e->ctx);
			event_free(sim, e);
			touch_all(sim);
		} else {
			arrive(sim, e);
		}
	}
	for (unsigned i = 0; i < sim->host_count; i++) {
		struct sim_host *h = sim->hosts[i];
		h->touched |= h->arrivals != NULL || host_due(h) <= sim->now;
		while (h->arrivals)
			host_read(h);
		if (!h->down && h->ops->deadline(h->node) <= sim->now)
			host_advance(h);
	}
}

/* Moves to the next thing that happens, lets it happen and settles. */
static bool step(struct sim *sim, uint64_t limit) {
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
	settle_touched(sim);
	return true;
}

bool sim_step(struct sim *sim, uint64_t limit) {
	sim_settle(sim);
	return step(sim, limit);
}

void sim_run(struct sim *sim, uint64_t until) {
	sim_settle(sim);
	while (step(sim, until))
		;
}
