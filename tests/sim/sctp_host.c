#include "sctp_host.h"

#include <stdio.h>
#include <stdlib.h>

#include "sctp/association.h"
#include "sctp_node.h"

/* ---- the app ---- */

static void keep(struct sctp_host *h, sluice_message *m) {
	if (h->kept_count == h->kept_capacity) {
		h->kept_capacity = h->kept_capacity ? 2 * h->kept_capacity : 64;
		h->kept = realloc(h->kept, h->kept_capacity * sizeof *h->kept);
		if (!h->kept)
			abort();
	}
	h->kept[h->kept_count++] = m;
}

static void on_message(struct sctp_host *h, sluice_message *m) {
	h->messages += m->last && !m->error;
	h->bytes += m->len;
	h->last_message_at = h->sim->now;
	if (h->first_message_at == SLUICE_NEVER)
		h->first_message_at = h->sim->now;
	if (h->receives && !ledger_arrived(h->receives, m))
		sim_fail(h->sim, "host %s: %s", h->host->name, h->receives->error);
	if (h->keep)
		keep(h, m);
	else
		sluice_message_release(m);
}

static void on_ended(struct sctp_host *h, const sluice_sctp_event *e) {
	const char *text;
	h->ended++;
	h->end_error = e->error;
	h->ended_at = h->sim->now;
	sluice_sctp_error(h->sctp, &text);
	snprintf(h->end_text, sizeof h->end_text, "%s", text);
	if (sluice_sctp_state(h->sctp) != SLUICE_SCTP_CLOSED)
		sim_fail(h->sim, "host %s: ENDED in state %s", h->host->name, sluice_sctp_state_name(sluice_sctp_state(h->sctp)));
}

static void note(struct sctp_host *h, const sluice_sctp_event *e) {
	switch (e->type) {
	case SLUICE_SCTP_MESSAGE:
	case SLUICE_SCTP_MESSAGE_PART:
		on_message(h, e->message);
		break;
	case SLUICE_SCTP_CONNECTED:
		if (!h->connected++)
			h->connected_at = h->sim->now;
		break;
	case SLUICE_SCTP_ENDED:
		on_ended(h, e);
		break;
	case SLUICE_SCTP_PEER_RESTARTED:
		h->restarted++;
		if (h->sends)
			ledger_forgive(h->sends);
		if (h->receives)
			ledger_forgive(h->receives);
		break;
	case SLUICE_SCTP_RESET_IN:
		h->reset_in++;
		h->last_reset_in = e->stream;
		break;
	case SLUICE_SCTP_RESET_OUT:
		h->reset_out++;
		h->reset_out_at = h->sim->now;
		h->last_reset_out = e->stream;
		h->reset_out_error = e->error;
		break;
	case SLUICE_SCTP_STREAMS_ADDED:
		h->streams_added++;
		h->streams_added_error = e->error;
		break;
	case SLUICE_SCTP_WRITABLE:
		h->writable++;
		break;
	case SLUICE_SCTP_BUFFERED_LOW:
		h->buffered_low++;
		break;
	case SLUICE_SCTP_ABANDONED:
		h->abandoned += e->count;
		break;
	case SLUICE_SCTP_MTU:
		h->mtu_events++;
		h->last_mtu = e->count;
		break;
	case SLUICE_SCTP_RENUMBERED:
		h->renumbered++;
		break;
	}
}

/* ---- the verbs ---- */

static void host_dispatch(void *node, uint64_t now) {
	struct sctp_host *h = node;
	sluice_sctp_event e;
	(void)now;
	while (sluice_sctp_poll(h->sctp, &e)) {
		if (h->on_event)
			h->on_event(h, &e, h->user);
		note(h, &e);
	}
	if (h->on_idle)
		h->on_idle(h, h->user);
}

static void host_free(void *node) {
	struct sctp_host *h = node;
	/* What the app keeps may outlive the association. */
	sluice_sctp_free(h->sctp);
	sctp_host_release_all(h);
	sluice_env_free(h->env);
	if (h->memory.live)
		sim_fail(h->sim, "host %s leaks %zu blocks, %zu bytes", h->host->name, h->memory.live, h->memory.bytes);
	if (h->sends && !ledger_released(h->sends))
		sim_fail(h->sim, "host %s: a lent message was never released", h->host->name);
	free(h->kept);
	free(h);
}

_Static_assert(offsetof(struct sctp_host, sctp) == 0, "sctp_node.h");
static const struct sim_node_ops host_ops = {
	.input = sctp_node_input,
	.advance = sctp_node_advance,
	.output = sctp_node_output,
	.deadline = sctp_node_deadline,
	.dispatch = host_dispatch,
	.check = sctp_node_check,
	.free = host_free,
};

/* ---- life ---- */

static void log_line(void *ctx, enum sluice_log_level level, const char *line) {
	const struct sctp_host *h = ctx;
	(void)level;
	fprintf(stderr, "%12.6f %s: %s\n", (double)h->sim->now / 1e9, h->host ? h->host->name : "?", line);
}

static int make(struct sctp_host *h) {
	sluice_env_config config = {
		.allocator = memory_allocator(&h->memory),
		.entropy = rng_entropy,
		.entropy_ctx = &h->entropy,
		.log = h->sim->trace ? log_line : NULL,
		.log_ctx = h,
		.log_level = SLUICE_LOG_DEBUG,
	};
	int rc = sluice_env_new(&config, &h->env);
	if (rc < 0)
		return rc;
	rc = sluice_sctp_new(h->env, &h->config, &h->sctp);
	if (rc < 0)
		sluice_env_free(h->env);
	return rc;
}

struct sctp_host *sctp_host_try(struct sim *sim, const char *name, const sluice_sctp_config *config, struct memory memory) {
	struct sctp_host *h = malloc(sizeof *h);
	if (!h)
		abort();
	*h = (struct sctp_host){.sim = sim,
	                        .memory = memory,
	                        .entropy = rng_of(sim->seed, 100 + sim->host_count),
	                        .connected_at = SLUICE_NEVER,
	                        .ended_at = SLUICE_NEVER,
	                        .first_message_at = SLUICE_NEVER,
	                        .last_message_at = SLUICE_NEVER,
	                        .reset_out_at = SLUICE_NEVER};
	if (config)
		h->config = *config;
	else
		sluice_sctp_config_init(&h->config);
	if (make(h) < 0) {
		if (h->memory.live)
			sim_fail(sim, "%zu blocks were left behind by a failed start", h->memory.live);
		free(h);
		return NULL;
	}
	h->host = sim_add_host(sim, name, &host_ops, h, h->env);
	return h;
}

struct sctp_host *sctp_host_new(struct sim *sim, const char *name, const sluice_sctp_config *config) {
	struct sctp_host *h = sctp_host_try(sim, name, config, (struct memory){0});
	if (!h)
		sim_fail(sim, "host %s could not be made", name);
	return h;
}

void sctp_host_reboot(struct sctp_host *h) {
	sctp_host_release_all(h);
	sluice_sctp_free(h->sctp);
	if (sluice_sctp_new(h->env, &h->config, &h->sctp) < 0)
		sim_fail(h->sim, "host %s could not be made again", h->host->name);
}

int sctp_host_send(struct sctp_host *h, const sluice_send_info *info, size_t len) {
	return ledger_send(h->sends, h->sctp, info, len, h->sends->count % 3 == 2);
}

void sctp_host_release_all(struct sctp_host *h) {
	for (size_t i = 0; i < h->kept_count; i++)
		sluice_message_release(h->kept[i]);
	h->kept_count = 0;
}

void sctp_host_release_one(struct sctp_host *h) {
	if (!h->kept_count)
		return;
	sluice_message_release(h->kept[0]);
	memmove(h->kept, h->kept + 1, --h->kept_count * sizeof *h->kept);
}

sluice_sctp_stats sctp_host_stats(const struct sctp_host *h) {
	sluice_sctp_stats stats;
	sluice_sctp_stats_get(h->sctp, &stats);
	return stats;
}
