/* cat: `sluice cat`. Joins stdin and stdout of two ends by one channel: netcat over a data channel.
 *
 * Bytes travel as binary messages of any size. An empty text message says that this end's stdin has ended; the other direction
 * goes on. When both have ended, or the other has ended and this end's stdin is a terminal, the channel is closed. Text
 * messages of another program are bytes as well. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/link.h"
#include "tools/output.h"

#define CHUNK 65536

struct waiting {
	sluice_message *message;
	size_t slice, at; /* what stdout took already */
	struct waiting *next;
};

struct cat {
	struct link link;
	sluice_channel *channel;
	ev_io in, out_io;
	struct output out;
	char *chunk;
	size_t chunk_len, chunk_max;          /* read and not sent yet */
	bool ended, told;                     /* ended: stdin; told: and the other side knows */
	bool other_ended, closing, peer_gone; /* closing: the channel is closed, or about to be */
	bool paused, deaf;                    /* deaf: stdout is broken, and a line about that was printed */
	int exit_code;
	struct waiting *first, **end;
};

/* ---- the end ------------------------------------------------------------------------------------------------------- */

static void leave_when_written(struct cat *c) {
	if (c->first || c->channel)
		return;
	if (c->peer_gone)
		link_leave(&c->link, c->exit_code);
	else
		link_finish(&c->link, c->exit_code);
}

static void close_channel(struct cat *c) {
	ev_io_stop(c->link.base.ev, &c->in);
	c->closing = true;
	if (c->channel)
		sluice_channel_close(c->channel);
}

/* The other side has ended. Somebody at a terminal does not have to type Ctrl-D as well. */
static void close_when_both_ended(struct cat *c) {
	if (c->other_ended && !c->closing && !c->first && (c->told || isatty(STDIN_FILENO)))
		close_channel(c);
}

/* ---- stdin to the channel ------------------------------------------------------------------------------------------- */

/* False when the channel does not take it for now, or not at all. */
static bool send_chunk(struct cat *c) {
	if (!c->channel || c->closing)
		return false;
	int error = c->ended ? sluice_channel_send_text(c->channel, "", 0)
	                     : sluice_channel_send(c->channel, c->chunk, c->chunk_len);
	if (error == SLUICE_WOULD_BLOCK || error == SLUICE_CLOSED) /* closed: on_closed() follows, and says why */
		return false;
	if (error) {
		link_fail(&c->link, "cannot send: %s", sluice_error_text(error));
		return false;
	}
	c->chunk_len = 0;
	c->told = c->ended;
	return true;
}

static void after_sending(struct cat *c) {
	if (!c->told)
		return;
	ev_io_stop(c->link.base.ev, &c->in);
	close_when_both_ended(c);
}

/* One read in each turn of the loop. stdin stays blocking, since other processes share it, so a second read might wait. */
static void on_stdin(struct ev_loop *ev, ev_io *w, int events) {
	(void)events;
	struct cat *c = w->data;
	ssize_t n = read(STDIN_FILENO, c->chunk, c->chunk_max);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		complain("cat: cannot read standard input: %s", strerror(errno));
		c->exit_code = EXIT_FAILED;
	}
	c->chunk_len = n > 0 ? (size_t)n : 0;
	c->ended = n <= 0;
	if (send_chunk(c))
		after_sending(c);
	else
		ev_io_stop(ev, w); /* until the channel is writable */
}

static void on_writable(sluice_channel *ch, void *user) {
	(void)ch;
	struct cat *c = user;
	if ((!c->chunk_len && !c->ended) || c->told || !send_chunk(c))
		return;
	if (!c->ended)
		ev_io_start(c->link.base.ev, &c->in);
	after_sending(c);
}

static void on_open(sluice_channel *ch, void *user) {
	struct cat *c = user;
	uint64_t max = sluice_channel_max_message_size(ch);
	c->chunk_max = max && max < CHUNK ? (size_t)max : CHUNK;
	ev_io_init(&c->in, on_stdin, STDIN_FILENO, EV_READ);
	c->in.data = c;
	ev_io_start(c->link.base.ev, &c->in);
}

/* ---- the channel to stdout ------------------------------------------------------------------------------------------ */

static void drop_first(struct cat *c) {
	struct waiting *w = c->first;
	c->first = w->next;
	if (!c->first)
		c->end = &c->first;
	sluice_message_release(w->message);
	free(w);
}

static void give_up_output(struct cat *c) {
	complain("cat: cannot write to standard output: %s", strerror(errno));
	c->exit_code = EXIT_FAILED;
	c->deaf = true;
	while (c->first)
		drop_first(c);
	ev_io_stop(c->link.base.ev, &c->out_io);
	link_finish(&c->link, EXIT_FAILED);
}

/* 1: all of the first message is written, 0: stdout takes no more for now, -1: it is broken. */
static int write_first(struct cat *c) {
	struct waiting *w = c->first;
	while (w->slice < w->message->count) {
		const struct iovec *v = &w->message->iov[w->slice];
		ssize_t n = w->at < v->iov_len ? output_write(&c->out, (const char *)v->iov_base + w->at, v->iov_len - w->at) : 0;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		w->at += (size_t)n;
		if (w->at == v->iov_len) {
			w->slice++;
			w->at = 0;
		}
	}
	return 1;
}

/* While stdout does not keep up the channel is paused, so the window closes and the other end waits. */
static void write_out(struct cat *c) {
	int result = 1;
	while (c->first && (result = write_first(c)) > 0)
		drop_first(c);
	if (result < 0) {
		give_up_output(c);
		return;
	}
	if (c->first)
		ev_io_start(c->link.base.ev, &c->out_io);
	else
		ev_io_stop(c->link.base.ev, &c->out_io);
	bool pause = c->first != NULL;
	if (c->channel && pause != c->paused) {
		if (pause)
			sluice_channel_pause(c->channel);
		else
			sluice_channel_resume(c->channel);
	}
	c->paused = pause;
	close_when_both_ended(c);
	leave_when_written(c);
}

static void on_stdout(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	(void)events;
	write_out(w->data);
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	struct cat *c = user;
	if (c->deaf)
		return; /* the end is under way, and stdout takes nothing */
	if (text && m->len == 0) {
		c->other_ended = true;
		close_when_both_ended(c);
		return;
	}
	struct waiting *w = calloc(1, sizeof *w);
	if (!w) {
		link_fail(&c->link, "no memory");
		return;
	}
	sluice_message_retain(m);
	w->message = m;
	*c->end = w;
	c->end = &w->next;
	write_out(c);
}

/* ---- the connection ------------------------------------------------------------------------------------------------- */

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)ch;
	struct cat *c = user;
	c->channel = NULL;
	ev_io_stop(c->link.base.ev, &c->in);
	bool cut_off = error == SLUICE_CLOSED; /* the connection was closed, and nothing was waited for */
	if (!link_is_up(&c->link) || (link_will_explain(error) && !cut_off))
		return;
	if (error || lost || c->chunk_len) {
		complain("cat: the other side closed%s", cut_off ? "" : " the channel before it had everything that was sent");
		c->exit_code = EXIT_FAILED;
	}
	leave_when_written(c);
}

static const sluice_channel_callbacks callbacks = {
	.on_open = on_open, .on_message = on_message, .on_writable = on_writable, .on_closed = on_closed};

static int on_offering(struct link *link) {
	struct cat *c = link->user;
	sluice_channel_config config = {.label = "cat", .protocol = "sluice-cat", .id = -1, .callbacks = callbacks, .user = c};
	return sluice_peer_open_channel(link->base.peer, &config, &c->channel);
}

static void on_channel(struct link *link, sluice_channel *ch) {
	struct cat *c = link->user;
	if (c->channel || c->closing) {
		sluice_channel_close(ch); /* we speak on one */
		return;
	}
	c->channel = ch;
	sluice_channel_set_callbacks(ch, &callbacks, c);
}

static void on_given_way(struct link *link) {
	struct cat *c = link->user;
	c->channel = NULL; /* it went with the first peer */
}

static void on_other_ended(struct link *link) {
	struct cat *c = link->user;
	c->peer_gone = true;
	c->channel = NULL;
	leave_when_written(c);
}

/* Messages may not outlive the environment. */
static void on_tear_down(struct link *link) {
	struct cat *c = link->user;
	while (c->first)
		drop_first(c);
}

static const char usage[] =
	"Usage: sluice cat [OPTION]...\n"
	"\n"
	"Joins two terminals, or two pipelines, by a data channel: what goes into one comes out of the other.\n"
	"Ends when both inputs have ended, or the other side closes.\n"
	"\n"
	"  one$ sluice cat                     two$ sluice cat --answer\n"
	"  one$ tar c . | sluice cat --signal tcp:192.0.2.1:7000\n"
	"  two$ sluice cat --signal tcp:192.0.2.1:7000 | tar x\n";

int cat_main(int argc, char **argv) {
	struct command_options command = {.name = "cat", .usage = usage, .has_signalling = true};
	struct link_options options = {0};
	int exit_code = options_read(&command, argc, argv, &options, NULL);
	if (exit_code >= 0)
		return exit_code;
	struct cat c = {.link = {.options = &options,
	                         .user = &c,
	                         .on_offering = on_offering,
	                         .on_channel = on_channel,
	                         .on_given_way = on_given_way,
	                         .on_other_ended = on_other_ended,
	                         .on_tear_down = on_tear_down}};
	c.end = &c.first;
	c.chunk = malloc(CHUNK);
	if (!c.chunk) {
		complain("cat: no memory");
		return EXIT_FAILED;
	}
	output_open(&c.out, STDOUT_FILENO);
	ev_init(&c.in, on_stdin);
	ev_io_init(&c.out_io, on_stdout, c.out.fd, EV_WRITE);
	c.out_io.data = &c;
	exit_code = link_run(&c.link);
	output_close(&c.out);
	free(c.chunk);
	return exit_code;
}
