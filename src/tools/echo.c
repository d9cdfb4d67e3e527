/* echo: `sluice echo --stdio`. The peer for other people's scripts: descriptions in JSON lines, every message sent back as it
 * came, on every channel. A message that the channel does not take at once is held, and the channel is paused: nothing is lost or
 * overtaken, and the receive window bounds what is held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tools/link.h"

struct held {
	sluice_message *message;
	bool text;
	struct held *next;
};

struct echo_channel {
	struct echo *echo;
	sluice_channel *channel;
	struct held *first, **end;
	struct echo_channel *next, **back;
};

struct echo {
	struct link link;
	bool stdio;
	struct echo_channel *channels;
};

static void drop_first(struct echo_channel *c) {
	struct held *h = c->first;
	c->first = h->next;
	if (!c->first)
		c->end = &c->first;
	sluice_message_release(h->message);
	free(h);
}

static void forget(struct echo_channel *c) {
	while (c->first)
		drop_first(c);
	*c->back = c->next;
	if (c->next)
		c->next->back = c->back;
	free(c);
}

/* ---- a message and back --------------------------------------------------------------------------------------------- */

static int send_back(struct echo_channel *c, sluice_message *m, bool text) {
	const void *data = sluice_message_data(m);
	if (m->len && !data)
		return SLUICE_NO_MEMORY;
	return text ? sluice_channel_send_text(c->channel, data, m->len) : sluice_channel_send(c->channel, data, m->len);
}

/* False when it has to be tried again. A message that can never go back ends its channel: the other side would wait for it. */
static bool try_to_send(struct echo_channel *c, sluice_message *m, bool text) {
	int error = send_back(c, m, text);
	if (error == SLUICE_WOULD_BLOCK || error == SLUICE_NO_MEMORY)
		return false;
	if (error && error != SLUICE_CLOSED) {
		complain("echo: a message of %zu bytes cannot be sent back: %s", m->len, sluice_error_text(error));
		sluice_channel_close(c->channel);
	}
	return true;
}

static void hold(struct echo_channel *c, sluice_message *m, bool text) {
	struct held *h = calloc(1, sizeof *h);
	if (!h) {
		link_fail(&c->echo->link, "no memory");
		return;
	}
	sluice_message_retain(m);
	h->message = m;
	h->text = text;
	*c->end = h;
	c->end = &h->next;
	sluice_channel_pause(c->channel);
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	struct echo_channel *c = user;
	if (c->first || !try_to_send(c, m, text))
		hold(c, m, text);
}

static void on_writable(sluice_channel *ch, void *user) {
	struct echo_channel *c = user;
	while (c->first && try_to_send(c, c->first->message, c->first->text))
		drop_first(c);
	if (!c->first)
		sluice_channel_resume(ch);
}

/* ---- channels ------------------------------------------------------------------------------------------------------- */

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	struct echo_channel *c = user;
	link_say(&c->echo->link, "channel %d closed: %s, %llu messages lost", (int)sluice_channel_id(ch),
	         error ? sluice_error_text(error) : "in order", (unsigned long long)lost);
	forget(c);
}

static const sluice_channel_callbacks callbacks = {.on_message = on_message, .on_writable = on_writable, .on_closed = on_closed};

static struct echo_channel *add_channel(struct echo *e) {
	struct echo_channel *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->echo = e;
	c->end = &c->first;
	c->next = e->channels;
	c->back = &e->channels;
	if (c->next)
		c->next->back = &c->next;
	e->channels = c;
	return c;
}

static int on_offering(struct link *link) {
	struct echo_channel *c = add_channel(link->user);
	if (!c)
		return SLUICE_NO_MEMORY;
	sluice_channel_config config = {.label = "echo", .id = -1, .callbacks = callbacks, .user = c};
	return sluice_peer_open_channel(link->base.peer, &config, &c->channel);
}

static void on_channel(struct link *link, sluice_channel *ch) {
	struct echo_channel *c = add_channel(link->user);
	if (!c) {
		sluice_channel_close(ch);
		return;
	}
	c->channel = ch;
	sluice_channel_set_callbacks(ch, &callbacks, c);
	size_t len;
	const char *label = sluice_channel_label(ch, &len);
	char shown[101];
	text_line(label, len, shown, sizeof shown);
	link_say(link, "channel %d opened: '%s'", (int)sluice_channel_id(ch), shown);
}

static void on_tear_down(struct link *link) {
	struct echo *e = link->user;
	while (e->channels)
		forget(e->channels);
}

static void on_other_ended(struct link *link) {
	link_say(link, "the other side closed");
	link_leave(link, EXIT_OK);
}

/* ---- the command ---------------------------------------------------------------------------------------------------- */

static const struct option_row own[] = {
	{"stdio", NULL, "{\"type\":\"offer\"|\"answer\",\"sdp\":TEXT}, then {\"type\":\"candidate\",\"candidate\":TEXT}",
         TO_FLAG(struct echo, stdio)},
	{"--offer", NULL, "offer first, with one channel, \"echo\"", .kind = OPTION_NOTE},
	{"--answer", NULL, "wait for an offer; later offers (an ICE restart) are answered in both cases", .kind = OPTION_NOTE},
	{"trickle", NULL, "print the description at once, and candidates as they come", TO_FLAG(struct echo, link.trickle)},
};

static const char usage[] =
	"Usage: sluice echo --stdio --offer|--answer [OPTION]...\n"
	"\n"
	"Sends back every message of every channel as it came. For scripts that test another WebRTC program.\n"
	"Descriptions are JSON lines on stdin and stdout; the end of stdin ends it.\n"
	"\n";

int echo_main(int argc, char **argv) {
	struct link_options options = {0};
	struct echo e = {.link = {.options = &options,
	                          .carrier = &carrier_stdio,
	                          .user = &e,
	                          .on_offering = on_offering,
	                          .on_channel = on_channel,
	                          .on_other_ended = on_other_ended,
	                          .on_tear_down = on_tear_down}};
	struct command_options command = {.name = "echo",
	                                  .usage = usage,
	                                  .own = own,
	                                  .own_count = sizeof own / sizeof *own,
	                                  .target = &e,
	                                  .has_roles = true};
	int exit_code = options_read(&command, argc, argv, &options, NULL);
	if (exit_code >= 0)
		return exit_code;
	if (!e.stdio)
		return usage_error("echo", "--stdio is missing");
	if (options.role == LINK_ANY)
		return usage_error("echo", "--offer or --answer is missing");
	return link_run(&e.link);
}
