/* perf_end: what both ends of a perf run do: find each other, connect within the limit, talk over the control channel, stop
 * when somebody says so. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/perf.h"
#include "tools/secret.h"

#define CONTROL "sluice-perf"

/* ---- Ctrl-C ------------------------------------------------------------------------------------------------------ */

static void on_interrupt(struct end *base) {
	struct perf_end *end = (struct perf_end *)base;
	if (end->on_interrupt)
		end->on_interrupt(end);
	else
		end_leave(base, EXIT_INTERRUPTED); /* there is nothing to sum up */
}

static void on_parent(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	(void)events;
	struct perf_end *end = w->data;
	char byte;
	ssize_t n = read(end->parent, &byte, 1);
	if (n > 0)
		end_interrupt(&end->base);
	else if (n == 0 || errno != EINTR)
		end_leave(&end->base, EXIT_FAILED);
}

/* ---- a silent other side ----------------------------------------------------------------------------------------- */

/* The association gives a silent peer up by itself, but only after all its retransmissions. */
void perf_end_watch(struct perf_end *end, uint64_t progress) {
	end->stalled = progress == end->progress ? end->stalled + 1 : 0;
	end->progress = progress;
	if (end->stalled >= end->options->timeout)
		end_fail(&end->base, "nothing has arrived for %u seconds", end->stalled);
}

/* ---- the control channel ----------------------------------------------------------------------------------------- */

void perf_end_say(struct perf_end *end, const char *format, ...) {
	char *line;
	va_list args;
	if (!end->control || end_is_over(&end->base))
		return;
	va_start(args, format);
	int len = vasprintf(&line, format, args);
	va_end(args);
	int error = len < 0 ? SLUICE_NO_MEMORY : sluice_channel_send_text(end->control, line, (size_t)len);
	if (len >= 0)
		free(line);
	if (error)
		end_fail(&end->base, "cannot talk to the other side: %s", sluice_error_text(error));
}

static void on_control_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	struct perf_end *end = user;
	const char *data = sluice_message_data(m);
	char *line = text && data && m->len < PERF_MESSAGE_MAX ? malloc(m->len + 1) : NULL;
	if (!line) {
		end_fail(&end->base, "the other side does not speak our language");
		return;
	}
	memcpy(line, data, m->len);
	line[m->len] = 0;
	if (!end_is_over(&end->base))
		end->on_line(end, line);
	free(line);
}

static void on_control_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)ch;
	(void)error;
	(void)lost;
	struct perf_end *end = user;
	end->control = NULL;
}

static void on_control_open(sluice_channel *ch, void *user) {
	(void)ch;
	struct perf_end *end = user;
	if (end->on_control_open)
		end->on_control_open(end);
}

static const sluice_channel_callbacks control_callbacks = {
	.on_open = on_control_open,
	.on_message = on_control_message,
	.on_closed = on_control_closed,
};

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	struct perf_end *end = user;
	size_t len;
	const char *label = sluice_channel_label(ch, &len);
	if (len == strlen(CONTROL) && memcmp(label, CONTROL, len) == 0) {
		end->control = ch;
		sluice_channel_set_callbacks(ch, &control_callbacks, end);
	} else if (end->on_channel) {
		end->on_channel(end, ch);
	}
}

sluice_channel_config perf_end_channel_config(const char *label, sluice_channel_callbacks callbacks, void *user) {
	return (sluice_channel_config){.label = label, .id = -1, .callbacks = callbacks, .user = user};
}

/* ---- the peer ---------------------------------------------------------------------------------------------------- */

static void explain_failure(struct perf_end *end) {
	char detail[END_DETAIL_MAX];
	const char *error = sluice_error_text(sluice_peer_error(end->base.peer, NULL));
	const char *when = end->base.connected ? "the connection failed" : "cannot connect";
	end_fail(&end->base, "%s: %s%s", when, error, end_detail(&end->base, detail));
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p;
	struct perf_end *end = user;
	if (state == SLUICE_PEER_CONNECTED) {
		end->base.connected = true;
		ev_timer_stop(end->base.ev, &end->base.limit);
	}
	if (state < SLUICE_PEER_CLOSED)
		return;
	if (state == SLUICE_PEER_CLOSED && end->parent >= 0 && !end->sender)
		end_leave(&end->base, EXIT_FAILED); /* of a local pair the sender says why, or was interrupted */
	else if (state == SLUICE_PEER_FAILED)
		explain_failure(end);
	else
		end_fail(&end->base, "the other side closed");
	sluice_loop_stop(end->base.loop);
}

void perf_end_peer_config(const struct perf_end *end, enum sluice_role role, sluice_peer_config *config) {
	const struct perf_options *o = end->options;
	sluice_peer_config_init(config);
	config->role = role;
	config->certificate = end->certificate;
	config->remote_fingerprint = end->other.fingerprint;
	config->mtu = o->mtu;
	config->remote_max_message_size = PERF_MAX_SIZE;
	config->sctp.max_message_size = PERF_MAX_SIZE;
	if (o->window)
		config->sctp.receive_window = o->window;
	tuning_apply(&o->tuning, &config->sctp);
}

static int make_peer(struct perf_end *end) {
	const struct perf_options *o = end->options;
	sluice_peer_config config;
	perf_end_peer_config(end, end->sender ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER, &config);
	if (end->sender) {
		config.path.remote = end->other.address;
		config.path.remote_len = end->other.address_len;
	}
	config.on_state = on_state;
	config.on_channel = on_channel;
	config.user = end;
	int error = sluice_peer_new(end->base.env, &config, &end->base.peer);
	if (!error && o->mode != PERF_MEDIA) /* perf_media.c records that of the streams */
		error = recording_begin(&end->base.recording, end->base.peer, false);
	if (!error)
		error = sluice_loop_add_socket(end->base.loop, end->base.peer, end->socket);
	if (!error)
		error = sluice_peer_start(end->base.peer);
	if (!error && end->sender) {
		sluice_channel_config control = perf_end_channel_config(CONTROL, control_callbacks, end);
		error = sluice_peer_open_channel(end->base.peer, &control, &end->control);
	}
	return error;
}

static void on_connect_limit(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct perf_end *end = w->data;
	char address[80];
	format_address(&end->other.address, end->other.address_len, address, sizeof address);
	end_fail(&end->base, "no answer from %s within %g seconds", address, end->options->timeout);
}

/* ---- finding each other ------------------------------------------------------------------------------------------ */

static bool own_hello(struct perf_end *end, struct perf_hello *hello) {
	memset(hello, 0, sizeof *hello);
	return sluice_certificate_fingerprint(end->certificate, SLUICE_SHA256, &hello->fingerprint) == 0 &&
	       sluice_socket_address(end->socket, &hello->address, &hello->address_len) == 0;
}

static bool meet_through_parent(struct perf_end *end) {
	struct perf_hello hello;
	return own_hello(end, &hello) && write(end->parent, &hello, sizeof hello) == (ssize_t)sizeof hello &&
	       read(end->parent, &end->other, sizeof end->other) == (ssize_t)sizeof end->other;
}

static bool ask_fingerprint(struct perf_end *end) {
	char line[PERF_LINE_MAX];
	fprintf(stderr, "Fingerprint of the other side: ");
	if (isatty(STDIN_FILENO) == 0)
		fputc('\n', stderr);
	if (!fgets(line, sizeof line, stdin)) {
		complain("perf: no fingerprint was given");
		return false;
	}
	line[strcspn(line, "\r\n")] = 0;
	if (sluice_fingerprint_parse(line, &end->other.fingerprint)) {
		complain("perf: '%s' is no fingerprint; expected sha-256 and its bytes in hex with colons", line);
		return false;
	}
	return true;
}

/* A person carries the two fingerprints between the hosts. The listener waits for the fingerprint of the other end. The end that
 * connects waits until the person presses Enter; without a terminal it goes on at once, and tries until its time is over. */
static bool meet_by_hand(struct perf_end *end) {
	const struct perf_options *o = end->options;
	sluice_fingerprint own;
	char text[SLUICE_FINGERPRINT_MAX + 16];
	if (sluice_certificate_fingerprint(end->certificate, SLUICE_SHA256, &own) ||
	    sluice_fingerprint_format(&own, text, sizeof text) < 0)
		return false;
	fprintf(stderr, "fingerprint: %s\n", text);
	end->other.fingerprint = o->fingerprint;
	if (end->sender) {
		end->other.address = o->address;
		end->other.address_len = o->address_len;
		if (!o->certificate_file && isatty(STDIN_FILENO)) {
			fprintf(stderr, "Give it to the listener, then press Enter here: ");
			for (int c = 0; c != '\n' && c != EOF;)
				c = getchar();
		}
		return true;
	}
	bool any = address_is_any(&o->address);
	fprintf(stderr, "On the other host: sluice perf --connect '%s%s' --fingerprint '%s'\n", any ? "ADDRESS_OF_THIS_HOST" : "",
	        any ? strrchr(o->address_text, ':') : o->address_text, text);
	return o->fingerprint.hash || ask_fingerprint(end);
}

/* ---- setting up -------------------------------------------------------------------------------------------------- */

static char *read_file(const char *name) {
	enum { MAX = 65536 };
	FILE *f = fopen(name, "r");
	char *text = f ? malloc(MAX) : NULL;
	if (f)
		setvbuf(f, NULL, _IONBF, 0); /* a buffer would be a copy of the key that nobody wipes */
	if (text)
		text[fread(text, 1, MAX - 1, f)] = 0;
	if (text && ferror(f)) { /* a folder, for one */
		free(text);
		text = NULL;
	}
	if (f)
		fclose(f);
	return text;
}

static bool load_certificate(struct perf_end *end, const char *name) {
	char *pem = read_file(name);
	if (!pem) {
		complain("perf: cannot read %s: %s", name, strerror(errno));
		return false;
	}
	int error = sluice_certificate_from_pem(pem, pem, &end->certificate);
	if (error)
		complain("perf: no certificate with its key in %s: %s", name, sluice_error_text(error));
	secret_free(pem);
	return !error;
}

/* 127.0.0.1, any port: where the local pair meets. */
static socklen_t loopback(struct sockaddr_storage *addr) {
	static const uint8_t localhost[4] = {127, 0, 0, 1};
	*addr = address_from_bytes(localhost, sizeof localhost, 0);
	return address_len(addr);
}

static int open_socket(struct perf_end *end) {
	struct sockaddr_storage local = {.ss_family = AF_INET};
	socklen_t len = sizeof(struct sockaddr_storage);
	const struct perf_options *o = end->options;
	if (o->place == PERF_LISTEN) {
		local = o->address;
		len = o->address_len;
	} else if (o->place == PERF_CONNECT) {
		local.ss_family = o->address.ss_family; /* any address, any port */
		len = o->address_len;
	} else {
		len = loopback(&local);
	}
	sluice_socket_config config = {.local = (const struct sockaddr *)&local, .local_len = len};
	int error = sluice_socket_open(end->base.loop, &config, &end->socket);
	if (error)
		complain("perf: cannot open a socket%s%s: %s", o->address_text ? " for " : "",
		         o->address_text ? o->address_text : "", error == SLUICE_IO ? strerror(errno) : sluice_error_text(error));
	return error;
}

static bool set_up(struct perf_end *end) {
	int error = sluice_env_new(NULL, &end->base.env);
	if (!error)
		error = end_open(&end->base);
	if (!error)
		sluice_loop_set_busy_poll(end->base.loop, end->options->spin);
	const char *file = end->options->certificate_file;
	if (!error && !file)
		error = sluice_certificate_generate(&end->certificate);
	if (error) {
		complain("perf: cannot set up: %s", sluice_error_text(error));
		return false;
	}
	if (file && !load_certificate(end, file))
		return false;
	return open_socket(end) == 0;
}

static void watch_for_the_end(struct perf_end *end) {
	if (end->parent >= 0) {
		ev_io_init(&end->parent_io, on_parent, end->parent, EV_READ);
		end->parent_io.data = end;
		ev_io_start(end->base.ev, &end->parent_io);
		return;
	}
	end_watch_signals(&end->base);
}

static void limit_connecting(struct perf_end *end) {
	if (end->sender || end->parent >= 0) /* a listener waits until somebody comes */
		end_limit(&end->base, end->options->timeout, on_connect_limit);
}

static void tear_down(struct end *base) {
	struct perf_end *end = (struct perf_end *)base;
	sluice_peer_free(end->second);
	sluice_certificate_release(end->certificate);
}

/* Of a local pair the sender writes the files: it is the end whose windows and losses are of interest. */
static bool open_recording(struct perf_end *end) {
	bool records = end->sender || end->parent < 0;
	return !records ||
	       (end_record(&end->base) && media_capture_open(&end->capture, end->options->capture_file, end->base.command));
}

int perf_end_run(struct perf_end *end) {
	end->base = (struct end){
		.command = "perf", .tuning = &end->options->tuning, .exit_code = EXIT_FAILED, .on_interrupt = on_interrupt};
	if (open_recording(end) && set_up(end) && (end->parent >= 0 ? meet_through_parent(end) : meet_by_hand(end))) {
		int error = make_peer(end);
		if (error) {
			complain("perf: cannot make a peer: %s", sluice_error_text(error));
		} else {
			watch_for_the_end(end);
			limit_connecting(end);
			sluice_loop_run(end->base.loop);
		}
	}
	end_close(&end->base, "the run ended", tear_down);
	if (!media_capture_close(&end->capture, end->options->capture_file, "perf") && end->base.exit_code == EXIT_OK)
		end->base.exit_code = EXIT_FAILED;
	return end->base.exit_code;
}
