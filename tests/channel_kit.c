/* channel_kit: see channel_kit.h. */
#include "channel_kit.h"

#include <stdarg.h>
#include <stdio.h>

#include "sim/sctp_node.h"

/* ---- the journal --------------------------------------------------------------------------------------------------- */

void end_note(struct end *end, const char *format, ...) {
	char word[128];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(word, sizeof word, format, args);
	va_end(args);
	if (end->sim->trace)
		fprintf(stderr, "%12.6f %s: %s\n", (double)end->sim->now / 1e9, end->name, word);
	if (n < 0 || end->journal_len + (size_t)n + 2 > sizeof end->journal)
		return;
	if (end->journal_len)
		end->journal[end->journal_len++] = ' ';
	memcpy(end->journal + end->journal_len, word, (size_t)n + 1);
	end->journal_len += (size_t)n;
}

/* ---- the app ------------------------------------------------------------------------------------------------------- */

static struct app *app_new(struct end *end, const char *label) {
	if (end->app_count == KIT_APPS)
		sim_fail(end->sim, "too many channels for the kit");
	struct app *app = &end->apps[end->app_count++];
	*app = (struct app){.end = end};
	snprintf(app->name, sizeof app->name, "%s", label);
	return app;
}

static void app_keep(struct app *app, sluice_message *m, bool text) {
	app->got_bytes += m->len;
	if (app->got_count == app->got_capacity) {
		app->got_capacity = app->got_capacity ? 2 * app->got_capacity : 16;
		app->got = realloc(app->got, app->got_capacity * sizeof *app->got);
	}
	struct got *g = &app->got[app->got_count++];
	*g = (struct got){.len = m->len, .ppid = m->ppid, .stream = m->stream, .text = text, .unordered = m->unordered};
	size_t total = 0;
	for (size_t i = 0; i < m->count; i++)
		total += m->iov[i].iov_len;
	if (total != m->len)
		sim_fail(app->end->sim, "slices of %zu bytes in a message of %zu", total, m->len);
	if (app->forget)
		return;
	g->data = malloc(m->len + 1);
	if (m->len)
		memcpy(g->data, sluice_message_data(m), m->len);
	g->data[m->len] = 0;
}

static void on_open(sluice_channel *ch, void *user) {
	struct app *app = user;
	app->opens++;
	end_note(app->end, "open:%s", app->name);
	if (sluice_channel_state(ch) != SLUICE_CHANNEL_OPEN || app->ch != ch)
		sim_fail(app->end->sim, "on_open of a channel that is not open");
	if (app->on_open)
		app->on_open(app);
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct app *app = user;
	end_note(app->end, "message:%s:%zu", app->name, m->len);
	if (app->closes || app->ch != ch)
		sim_fail(app->end->sim, "a message after on_closed");
	app_keep(app, m, text);
	if (app->on_message)
		app->on_message(app, m);
}

static void on_writable(sluice_channel *ch, void *user) {
	struct app *app = user;
	(void)ch;
	app->writables++;
	end_note(app->end, "writable:%s", app->name);
	if (app->on_writable)
		app->on_writable(app);
}

static void on_buffered_low(sluice_channel *ch, void *user) {
	struct app *app = user;
	(void)ch;
	app->lows++;
	end_note(app->end, "low:%s", app->name);
	if (app->on_low)
		app->on_low(app);
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	struct app *app = user;
	end_note(app->end, "closed:%s:%s:%llu", app->name, error ? sluice_error_name(error) : "0", (unsigned long long)lost);
	if (app->closes++ || sluice_channel_state(ch) != SLUICE_CHANNEL_CLOSED)
		sim_fail(app->end->sim, "on_closed twice, or not closed");
	app->error = error;
	app->lost = lost;
	if (app->on_closed)
		app->on_closed(app);
	app->ch = NULL;
}

static const sluice_channel_callbacks callbacks = {
	.on_open = on_open,
	.on_message = on_message,
	.on_writable = on_writable,
	.on_buffered_low = on_buffered_low,
	.on_closed = on_closed,
};

static void on_channel(sluice_channels *set, sluice_channel *ch, void *user) {
	struct end *end = user;
	size_t len;
	const char *label = sluice_channel_label(ch, &len);
	struct app *app = app_new(end, label);
	if (set != end->set || set != sluice_channel_set_of(ch))
		sim_fail(end->sim, "on_channel of another set");
	app->ch = ch;
	sluice_channel_set_callbacks(ch, &callbacks, app);
	end_note(end, "channel:%s", app->name);
	if (end->on_channel)
		end->on_channel(app);
}

static void on_connected(sluice_channels *set, void *user) {
	struct end *end = user;
	(void)set;
	if (!end->connected++)
		end->connected_at = end->sim->now;
	end_note(end, "connected");
	if (end->on_connected)
		end->on_connected(end);
}

static void on_ended(sluice_channels *set, int error, void *user) {
	struct end *end = user;
	(void)set;
	end->ended++;
	end->end_error = error;
	end_note(end, "ended:%s", error ? sluice_error_name(error) : "0");
	if (end->on_ended)
		end->on_ended(end);
}

int end_try_open(struct end *end, const sluice_channel_config *config) {
	sluice_channel_config c = *config;
	struct app *app = app_new(end, config->label ? config->label : "");
	c.callbacks = callbacks;
	c.user = app;
	int error = sluice_channel_open(end->set, &c, &app->ch);
	if (error)
		end->app_count--;
	return error;
}

struct app *end_open(struct end *end, const sluice_channel_config *config) {
	int error = end_try_open(end, config);
	if (error)
		sim_fail(end->sim, "end %s cannot open: %s", end->name, sluice_error_name(error));
	return &end->apps[end->app_count - 1];
}

struct app *end_open_label(struct end *end, const char *label) {
	sluice_channel_config config = {.label = label};
	return end_open(end, &config);
}

struct app *end_app(struct end *end, const char *label) {
	for (size_t i = end->app_count; i-- > 0;) {
		if (!strcmp(end->apps[i].name, label))
			return &end->apps[i];
	}
	return NULL;
}

const struct channels_counters *end_counters(struct end *end) {
	return channels_counters_of(end->set);
}

int app_send_number(struct app *app, uint32_t number, size_t len) {
	uint8_t *bytes = malloc(len);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + number);
	put_be32(bytes, number);
	int error = sluice_channel_send(app->ch, bytes, len);
	free(bytes);
	return error;
}

void app_send_hello(struct app *app) {
	ck_assert_int_eq(sluice_channel_send_text(app->ch, "hello", 5), 0);
}

uint32_t got_number(const struct got *g) {
	uint32_t number = get_be32((const uint8_t *)g->data);
	for (size_t i = 4; i < g->len; i++) {
		if ((uint8_t)g->data[i] != (uint8_t)(i * 7 + number))
			return UINT32_MAX;
	}
	return number;
}

/* ---- a raw end ----------------------------------------------------------------------------------------------------- */

void end_raw_send(struct end *end, uint16_t stream, uint32_t ppid, const void *data, size_t len) {
	sluice_send_info info = {.stream = stream, .ppid = ppid};
	int error = sluice_sctp_send(end->sctp, &info, data, len);
	if (error)
		sim_fail(end->sim, "end %s cannot send: %s", end->name, sluice_error_name(error));
}

void end_raw_open(struct end *end, uint16_t stream, const char *label) {
	uint8_t bytes[256];
	struct dcep_open open = {.label = label, .label_len = (uint16_t)strlen(label), .priority = 256};
	struct writer w = writer_of(bytes, sizeof bytes);
	dcep_open_write(&w, &open);
	end_raw_send(end, stream, DCEP_PPID_CONTROL, bytes, writer_len(&w));
}

unsigned end_saw(const struct end *end, enum sluice_sctp_event_type type, uint16_t stream) {
	unsigned n = 0;
	for (size_t i = 0; i < end->seen_count; i++)
		n += end->seen[i].type == type && end->seen[i].stream == stream;
	return n;
}

static void poll_raw(struct end *end) {
	sluice_sctp_event e;
	while (sluice_sctp_poll(end->sctp, &e)) {
		if (e.type == SLUICE_SCTP_CONNECTED)
			end->connected++;
		if (e.type == SLUICE_SCTP_MESSAGE) {
			app_keep(&end->apps[0], e.message, dcep_ppid_is_text(e.message->ppid));
			sluice_message_release(e.message);
		} else if (end->seen_count < KIT_APPS) {
			end->seen[end->seen_count++] = e;
		}
	}
}

/* ---- the verbs ----------------------------------------------------------------------------------------------------- */

static void end_dispatch(void *node, uint64_t now) {
	struct end *end = node;
	(void)now;
	if (end->raw && end->sctp)
		poll_raw(end);
	sluice_channels *set = end->set;
	if (!set)
		return;
	sluice_channels_dispatch(set);
	/* A callback may have freed it. */
	if (end->set == set && !channels_check(set))
		sim_fail(end->sim, "end %s: channels_check", end->name);
}

_Static_assert(offsetof(struct end, sctp) == 0, "sim/sctp_node.h");
static const struct sim_node_ops end_ops = {
	.input = sctp_node_input,
	.advance = sctp_node_advance,
	.output = sctp_node_output,
	.deadline = sctp_node_deadline,
	.dispatch = end_dispatch,
	.check = sctp_node_check,
};

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static void make_layers(struct end *end) {
	if (sluice_sctp_new(end->env, &end->sctp_config, &end->sctp))
		sim_fail(end->sim, "end %s has no association", end->name);
	if (!end->raw && sluice_channels_new(end->env, end->sctp, &end->config, &end->set))
		sim_fail(end->sim, "end %s has no channels", end->name);
}

static void end_init(struct end *end, struct world *w, const char *name, const sluice_sctp_config *sctp,
                     const sluice_channels_config *config, bool deaf, bool raw) {
	end->sim = &w->sim;
	end->name = name;
	end->raw = raw;
	end->entropy = rng_of(w->sim.seed, name[0]);
	end->sctp_config = *sctp;
	end->config = *config;
	end->config.on_channel = deaf ? NULL : on_channel;
	end->config.on_connected = on_connected;
	end->config.on_ended = on_ended;
	end->config.user = end;
	sluice_env_config env = {
		.allocator = memory_allocator(&end->memory), .entropy = rng_entropy, .entropy_ctx = &end->entropy};
	if (sluice_env_new(&env, &end->env))
		sim_fail(end->sim, "end %s has no environment", name);
	make_layers(end);
	if (raw)
		app_new(end, "raw");
	end->host = sim_add_host(&w->sim, name, &end_ops, end, end->env);
}

void world_config_init(struct world_config *c) {
	*c = (struct world_config){.seed = 1, .link.delay = KIT_DELAY};
	sluice_sctp_config_init(&c->a_sctp);
	sluice_sctp_config_init(&c->b_sctp);
	c->a.role = SLUICE_ROLE_CLIENT;
	c->b.role = SLUICE_ROLE_SERVER;
}

struct world *world_new(const struct world_config *c) {
	struct world_config defaults;
	world_config_init(&defaults);
	if (!c)
		c = &defaults;
	struct world *w = calloc(1, sizeof *w);
	sim_init(&w->sim, sim_seed(c->seed));
	end_init(&w->a, w, "a", &c->a_sctp, &c->a, c->a_deaf, false);
	end_init(&w->b, w, "b", &c->b_sctp, &c->b, c->b_deaf, c->b_raw);
	sim_join(&w->sim, w->a.host, w->b.host, &c->link);
	w->ab = sim_link(&w->sim, w->a.host, w->b.host);
	w->ba = sim_link(&w->sim, w->b.host, w->a.host);
	return w;
}

void world_connect(struct world *w) {
	if (sluice_sctp_connect(w->a.sctp))
		sim_fail(&w->sim, "connect");
	if (!world_until(w, w->a.connected && w->b.connected && sluice_sctp_state(w->a.sctp) == SLUICE_SCTP_ESTABLISHED))
		sim_fail(&w->sim, "no connection");
}

struct world *world_up(const struct world_config *c) {
	struct world *w = world_new(c);
	world_connect(w);
	return w;
}

void world_run(struct world *w, uint64_t ns) {
	sim_run(&w->sim, w->sim.now + ns);
}

void end_free_set(struct end *end) {
	sluice_channels_free(end->set);
	end->set = NULL;
}

void end_free_sctp(struct end *end) {
	sluice_sctp_free(end->sctp);
	end->sctp = NULL;
}

void end_reboot(struct end *end) {
	end_free_set(end);
	end_free_sctp(end);
	end->connected = 0;
	make_layers(end);
}

static void end_close(struct end *end) {
	end_free_set(end);
	end_free_sctp(end);
	for (size_t i = 0; i < end->app_count; i++) {
		for (size_t n = 0; n < end->apps[i].got_count; n++)
			free(end->apps[i].got[n].data);
		free(end->apps[i].got);
	}
	sluice_env_free(end->env);
	if (end->memory.live)
		sim_fail(end->sim, "end %s leaks %zu blocks, %zu bytes", end->name, end->memory.live, end->memory.bytes);
}

void world_free(struct world *w) {
	sim_close(&w->sim);
	end_close(&w->a);
	end_close(&w->b);
	free(w);
}
