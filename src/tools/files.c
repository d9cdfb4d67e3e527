/* files: see its header. */
#include <stdio.h>
#include <string.h>

#include "tools/files.h"

/* Slices of work in one turn of the loop. */
#define SLICES 16
#define DRAW_EVERY 0.1
#define MTU_MAX 16384

/* ---- work ----------------------------------------------------------------------------------------------------------- */

/* In turns, so that the connection lives while a large file is hashed. */
static void work(struct files *f) {
	if (f->link.base.left || !f->channel)
		return;
	for (int i = 0; i < SLICES; i++)
		if (!f->work(f->machine))
			return;
	if (!ev_is_active(&f->soon)) {
		ev_timer_set(&f->soon, 0., 0.);
		ev_timer_start(f->link.base.ev, &f->soon);
	}
}

static void on_soon(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	work(w->data);
}

static void on_woken(struct ev_loop *ev, ev_async *w, int events) {
	(void)ev;
	(void)events;
	work(w->data);
}

/* Called on the thread that hashes. */
void files_wake(void *ctx) {
	struct files *f = ctx;
	ev_async_send(f->link.base.ev, &f->woken);
}

/* Nothing is wrong with the transfer when the channel is closed: the other side left, which on_closed tells. Until then the
 * machine waits. */
static int wait_if_closed(int error) {
	return error == SLUICE_CLOSED ? SLUICE_WOULD_BLOCK : error;
}

int files_lend(void *ctx, const void *data, size_t len, void (*release)(void *arg), void *arg) {
	struct files *f = ctx;
	struct iovec iov = {(void *)data, len};
	return wait_if_closed(f->channel ? sluice_channel_sendv(f->channel, false, &iov, 1, release, arg) : SLUICE_CLOSED);
}

int files_send(void *ctx, bool text, const void *data, size_t len) {
	struct files *f = ctx;
	int error = SLUICE_CLOSED;
	if (f->channel)
		error = text ? sluice_channel_send_text(f->channel, data, len) : sluice_channel_send(f->channel, data, len);
	return wait_if_closed(error);
}

/* ---- words ---------------------------------------------------------------------------------------------------------- */

/* What the channel holds, or held at its end, has not arrived. */
static void look(const struct files *f, struct transfer_progress *p) {
	f->get_progress(f->machine, p);
	uint64_t held = f->channel ? sluice_channel_buffered_amount(f->channel) : f->lost;
	if (!p->checking && p->at > p->resumed_at)
		p->at -= held < p->at - p->resumed_at ? held : p->at - p->resumed_at;
}

static void on_draw(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct files *f = w->data;
	struct transfer_progress p;
	look(f, &p);
	progress_draw(&f->progress, &p, sluice_now());
}

/* How far it came, and how it goes on. */
static void tell_rest(struct files *f) {
	struct transfer_progress p;
	char at[16], whole[16];
	look(f, &p);
	progress_clear(&f->progress);
	if (f->finished)
		return;
	if (p.name)
		complain("%s: %s: %s of %s were %s; the same commands again go on from there", f->link.options->command, p.name,
		         progress_bytes((double)p.at, at), progress_bytes((double)p.size, whole), f->did);
	else
		complain("%s: %llu files were %s", f->link.options->command, (unsigned long long)p.files_done, f->did);
}

static void print_done(struct files *f, const struct transfer_progress *p, bool was_there) {
	char text[128];
	progress_clear(&f->progress);
	if (was_there) {
		print_line("%s: was there already", p->name);
	} else {
		progress_summary(&f->progress, p, sluice_now(), text, sizeof text);
		if (p->stored)
			print_line("%s: %s as %s, %s", p->name, f->did, p->stored, text);
		else
			print_line("%s: %s %s", p->name, f->did, text);
	}
	fflush(stdout);
}

void files_event(void *ctx, enum transfer_event event, const struct transfer_progress *p) {
	struct files *f = ctx;
	switch (event) {
	case TRANSFER_FILE_BEGINS:
		progress_begin(&f->progress, p, sluice_now());
		break;
	case TRANSFER_FILE_DONE:
	case TRANSFER_FILE_WAS_THERE:
		print_done(f, p, event == TRANSFER_FILE_WAS_THERE);
		break;
	case TRANSFER_FILE_FAILED:
		progress_clear(&f->progress);
		complain("%s: %s: %s", f->link.options->command, p->name, p->reason);
		f->exit_code = EXIT_FAILED;
		break;
	case TRANSFER_FINISHED:
		f->finished = true;
		if (f->channel && f->receives)
			sluice_channel_close(f->channel);
		break;
	case TRANSFER_BROKEN:
		progress_clear(&f->progress);
		complain("%s: %s", f->link.options->command, p->reason);
		link_finish(&f->link, EXIT_FAILED);
		break;
	}
}

/* ---- the channel ---------------------------------------------------------------------------------------------------- */

static void on_open(sluice_channel *ch, void *user) {
	(void)ch;
	work(user);
}

static void on_writable(sluice_channel *ch, void *user) {
	(void)ch;
	work(user);
}

static void release_message(void *m) {
	sluice_message_release(m);
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	struct files *f = user;
	if (!text && f->bytes) {
		sluice_message_retain(m);
		if (!f->bytes(f->machine, m->iov, m->count, release_message, m))
			sluice_message_release(m);
		work(f);
		return;
	}
	const void *data = sluice_message_data(m);
	if (!data) {
		link_fail(&f->link, "no memory");
		return;
	}
	f->message(f->machine, text, data, m->len);
	work(f);
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)ch;
	struct files *f = user;
	f->channel = NULL;
	f->lost = lost * TRANSFER_CHUNK_MAX; /* it counts messages */
	if (!link_is_up(&f->link) || link_will_explain(error))
		return;
	if (!f->finished) {
		tell_rest(f);
		complain("%s: the other side left before the end", f->link.options->command);
		f->exit_code = EXIT_FAILED;
	}
	link_finish(&f->link, f->exit_code);
}

static const sluice_channel_callbacks callbacks = {
	.on_open = on_open, .on_message = on_message, .on_writable = on_writable, .on_closed = on_closed};

static int on_offering(struct link *link) {
	struct files *f = link->user;
	sluice_channel_config config = {
		.label = TRANSFER_LABEL, .protocol = TRANSFER_PROTOCOL, .id = -1, .callbacks = callbacks, .user = f};
	return sluice_peer_open_channel(link->base.peer, &config, &f->channel);
}

static void on_channel(struct link *link, sluice_channel *ch) {
	struct files *f = link->user;
	size_t len;
	const char *protocol = sluice_channel_protocol(ch, &len);
	if (f->channel || len != strlen(TRANSFER_PROTOCOL) || memcmp(protocol, TRANSFER_PROTOCOL, len)) {
		sluice_channel_close(ch);
		if (!f->channel)
			link_fail(link, "the other side is neither 'sluice send' nor 'sluice receive'");
		return;
	}
	f->channel = ch;
	sluice_channel_set_callbacks(ch, &callbacks, f);
}

static void on_given_way(struct link *link) {
	struct files *f = link->user;
	f->channel = NULL;
}

/* ---- the connection ------------------------------------------------------------------------------------------------- */

static void on_connected(struct link *link) {
	struct files *f = link->user;
	if (f->progress.is_terminal)
		ev_timer_again(link->base.ev, &f->draw);
	ev_async_start(link->base.ev, &f->woken);
}

static void on_other_ended(struct link *link) {
	struct files *f = link->user;
	f->channel = NULL;
	if (f->finished) {
		link_leave(link, f->exit_code);
		return;
	}
	tell_rest(f);
	link_fail(link, "the other side left before the end");
}

static void on_broken(struct link *link) {
	tell_rest(link->user);
}

static void on_interrupt(struct link *link) {
	struct files *f = link->user;
	f->interrupted = true;
	link_finish(link, EXIT_INTERRUPTED);
}

static void free_machine(struct files *f) {
	if (f->machine)
		f->free(f->machine);
	f->machine = NULL;
}

static void on_tear_down(struct link *link) {
	struct files *f = link->user;
	progress_clear(&f->progress);
	if (f->interrupted)
		tell_rest(f);
	ev_timer_stop(link->base.ev, &f->soon);
	ev_timer_stop(link->base.ev, &f->draw);
	ev_async_stop(link->base.ev, &f->woken);
	free_machine(f); /* its threads wake the loop, which is gone soon */
}

int files_run(struct files *f, struct link_options *options) {
	f->link = (struct link){.options = options,
	                        .user = f,
	                        .on_offering = on_offering,
	                        .on_channel = on_channel,
	                        .on_given_way = on_given_way,
	                        .on_connected = on_connected,
	                        .on_other_ended = on_other_ended,
	                        .on_broken = on_broken,
	                        .on_interrupt = on_interrupt,
	                        .on_tear_down = on_tear_down};
	bool by_hand = !options->signal || strcmp(options->signal, "-") == 0;
	if (by_hand && options->role == LINK_ANY)
		options->role = f->receives ? LINK_ANSWER : LINK_OFFER;
	/* The other end is one of ours, so no browser's TURN client is in the way (see sluice_peer_discover_mtu): packets grow to
	 * what the path carries, which on a host and in many a network is far more than 1,200 bytes. */
	if (!options->tuning.mtu_max)
		options->tuning.mtu_max = MTU_MAX;
	f->did = f->receives ? "received" : "sent";
	progress_init(&f->progress);
	ev_init(&f->soon, on_soon);
	ev_timer_init(&f->draw, on_draw, DRAW_EVERY, DRAW_EVERY);
	ev_async_init(&f->woken, on_woken);
	f->soon.data = f->draw.data = f->woken.data = f;
	int exit_code = link_run(&f->link);
	free_machine(f);
	return exit_code;
}
