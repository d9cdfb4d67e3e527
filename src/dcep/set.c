/* set: how does a set of channels begin and end, and what do all its channels wait for? */
#include "dcep/channels.h"
#include "sluice/error.h"

#define DEFAULT_MAX_CHANNELS 1024
#define DEFAULT_MAX_MESSAGE_SIZE 65536

/* Bytes of labels and protocols that the peer may make us keep, for each channel that it may open. One channel may have the
 * longest names, but a thousand channels cannot hold a thousand times 128 KiB. */
#define NAMES_PER_CHANNEL 1024

void set_start_waiting(sluice_channels *set) {
	for (sluice_channel *ch = set->all; ch; ch = ch->next) {
		if (ch->started || ch->state != SLUICE_CHANNEL_CONNECTING)
			continue;
		int error = 0;
		if (ch->id < 0 && set->role != SLUICE_ROLE_UNKNOWN)
			error = channels_choose_id(set, ch);
		if (!error && ch->id >= 0 && set->connected)
			error = channel_start(ch);
		if (error)
			channel_fail(ch, error);
	}
}

void sluice_channels_set_role(sluice_channels *set, enum sluice_role role) {
	set->role = role;
	set->free_hint = role == SLUICE_ROLE_SERVER;
	set_start_waiting(set);
}

static uint64_t message_size_or_default(uint64_t size) {
	return size ? size : DEFAULT_MAX_MESSAGE_SIZE;
}

void sluice_channels_set_max_message_size(sluice_channels *set, uint64_t size) {
	set->max_message_size = message_size_or_default(size);
	for (sluice_channel *ch = set->all; ch; ch = ch->next)
		if (!ch->started && ch->state == SLUICE_CHANNEL_CONNECTING && !channel_open_fits(ch))
			channel_fail(ch, SLUICE_TOO_LARGE);
}

int sluice_channels_new(sluice_env *env, sluice_sctp *sctp, const sluice_channels_config *config, sluice_channels **out) {
	sluice_channels *set = env_zalloc(env, sizeof(*set));
	if (!set)
		return SLUICE_NO_MEMORY;
	set->env = env;
	set->sctp = sctp;
	if (config)
		set->config = *config;
	set->max_message_size = message_size_or_default(set->config.max_message_size);
	set->max_channels = set->config.max_channels ? set->config.max_channels : DEFAULT_MAX_CHANNELS;
	set->peer_names_max = (size_t)set->max_channels * NAMES_PER_CHANNEL;
	if (set->peer_names_max < DCEP_OPEN_MAX)
		set->peer_names_max = DCEP_OPEN_MAX;
	set->all_tail = &set->all;
	set->ending_tail = &set->ending;
	set->due_tail = &set->due;
	set->replay_tail = &set->replay;
	enum sluice_sctp_state state = sluice_sctp_state(sctp);
	set->connected = state == SLUICE_SCTP_COOKIE_ECHOED || state == SLUICE_SCTP_ESTABLISHED;
	sluice_channels_set_role(set, set->config.role);
	*out = set;
	return 0;
}

void sluice_channels_free(sluice_channels *set) {
	if (!set || set->guard.dead)
		return;
	for (sluice_channel *ch = channels_first(set), *next; ch; ch = next) {
		next = channels_after(ch);
		channel_free(ch);
	}
	for (sluice_channel *ch = set->replay, *next; ch; ch = next) {
		next = ch->next_due;
		channel_free(ch);
	}
	env_free(set->env, set->buckets);
	/* In a callback: dispatch() is below us on the stack. It asks the guard, and frees the rest. */
	if (guard_kill(&set->guard))
		env_free(set->env, set);
}
