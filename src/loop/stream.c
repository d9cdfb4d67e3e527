#include "loop/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/list.h"
#include "dtls/tls_stream.h"
#include "loop/frame.h"
#include "peer/peer.h"
#include "pool/env.h"

#define OUT_MAX (256 << 10)
/* There is room behind OUT_MAX. So the bytes that wait move to the front only after half as many have left, and not for each byte
 * that a slow reader takes. */
#define OUT_SPACE (OUT_MAX + OUT_MAX / 2)
#define PARTIAL_FIRST 512 /* bytes of room for the beginning of a frame; doubled when it grows */
#define READS_PER_TURN 8
#define CONNECT_LIMIT_S 10.  /* TCP's handshake and TLS' */
#define STRANGER_LIMIT_S 30. /* an accepted connection that does not show that it is the other side's */
#define TLS_FRAME_MAX 17408  /* the largest datagram of a peer, in an indication, with padding */
#define TLS_READ_MAX 16384
#define STREAMS_MAX 32  /* of one peer, both kinds */
#define ACCEPTED_MAX 16 /* of one listening socket, most of them strangers' */

static struct stream *stream_of(struct outlet *o) {
	return (struct stream *)o;
}

static sluice_peer *peer_of(const struct stream *s) {
	return s->streams->ops->whose(s->streams->owner, &s->path);
}

static bool owner_is_gone(const struct stream *s) {
	return s->streams->ops->is_gone(s->streams->owner);
}

static bool has_number(const struct stream *s) {
	return !s->listener && s->state == STREAM_UP;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void destroy_stream(struct stream *s) {
	sluice_loop *loop = s->loop;
	ev_io_stop(loop->ev, &s->io);
	ev_timer_stop(loop->ev, &s->limit);
	close(s->io.fd);
	if (has_number(s))
		outlets_remove(&loop->outlets, &s->outlet);
	if (s->listener)
		s->listener->connections--;
	LIST_REMOVE(s, next, back);
	s->streams->count--;
	tls_stream_free(s->tls);
	env_free(loop->env, s->partial);
	env_free(loop->env, s->out);
	env_free(loop->env, s);
}

static void silence(struct stream *s) {
	ev_io_stop(s->loop->ev, &s->io);
	ev_timer_stop(s->loop->ev, &s->limit);
}

/* The stream cannot be used any more: notifies the peer; leave_stream() destroys the stream. Stream and owner are entered. */
static void fail_stream(struct stream *s, const char *what) {
	if (s->guard.dead)
		return;
	env_log(s->loop->env, SLUICE_LOG_INFO, "loop: a TCP stream ends: %s", what);
	guard_kill(&s->guard);
	silence(s);
	if (s->listener)
		return; /* what the ICE agent sends there is lost from now on */
	if (s->state == STREAM_UP)
		sluice_peer_stream_down(peer_of(s), s->outlet.number);
	else
		sluice_peer_stream_up(peer_of(s), s->request, UINT32_MAX);
}

/* Around every event of a stream. */
static void enter_stream(struct stream *s) {
	s->streams->ops->enter(s->streams->owner);
	guard_enter(&s->guard);
}

static void leave_stream(struct stream *s) {
	const struct streams *t = s->streams;
	sluice_loop *loop = s->loop;
	if (!owner_is_gone(s))
		t->ops->serve(t->owner, sluice_now()); /* what the peer has heard may make it send */
	if (guard_leave(&s->guard) && !t->ops->is_gone(t->owner))
		destroy_stream(s); /* else it goes with its owner */
	t->ops->leave(t->owner);
	schedule_follow(&loop->schedule);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void on_io(struct ev_loop *ev, ev_io *w, int events);
static void on_limit(struct ev_loop *ev, ev_timer *w, int events);

static void watch(struct stream *s, int events) {
	if (s->io.events == events && ev_is_active(&s->io))
		return;
	ev_io_stop(s->loop->ev, &s->io);
	ev_io_set(&s->io, s->io.fd, events);
	ev_io_start(s->loop->ev, &s->io);
}

static void start_limit(struct stream *s, double seconds) {
	ev_timer_set(&s->limit, seconds, 0.);
	ev_timer_start(s->loop->ev, &s->limit);
}

/* Makes room for a new connection: the oldest one goes that has not proved to be the other side's. Otherwise strangers that
 * connect and wait would keep the other side out. l: its connections only; NULL: all. False when every connection is needed. */
static bool drop_stranger(struct streams *t, const struct listener *l) {
	struct stream *oldest = NULL;
	for (struct stream *s = t->first; s; s = s->next) /* the newest first */
		if (s->listener && s->listener->fd >= 0 && (!l || s->listener == l) && ev_is_active(&s->limit) &&
		    !guard_is_busy(&s->guard))
			oldest = s; /* only accepted ones: connections that we open have a limit too */
	if (oldest)
		destroy_stream(oldest);
	return oldest != NULL;
}

static struct stream *stream_new(struct streams *t, int fd, const struct sockaddr_storage *remote, socklen_t len) {
	int on = 1;
	bool room = t->count < STREAMS_MAX || drop_stranger(t, NULL);
	struct stream *s = room ? env_zalloc(t->loop->env, sizeof *s) : NULL;
	if (!s)
		return NULL;
	s->loop = t->loop;
	s->streams = t;
	s->path.remote = *remote;
	s->path.remote_len = len;
	ev_io_init(&s->io, on_io, fd, EV_READ);
	s->io.data = s;
	ev_init(&s->limit, on_limit);
	s->limit.data = s;
	LIST_PUSH(t->first, s, next, back);
	t->count++;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* a datagram waits for no other */
	return s;
}

/* Begins a connection; `from` may be NULL. Returns -1, with errno, when that fails at once. */
static int begin_connection(const struct sockaddr_storage *from, const struct sockaddr_storage *to) {
	int fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	bool ok = !from || bind(fd, (const struct sockaddr *)from, address_len(from)) == 0;
	if (ok && (connect(fd, (const struct sockaddr *)to, address_len(to)) == 0 || errno == EINPROGRESS || errno == EINTR))
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

static struct stream *connect_to(struct streams *t, const struct sockaddr_storage *from, const struct sockaddr_storage *to) {
	char text[ADDRESS_TEXT_MAX] = "?";
	int fd = begin_connection(from, to);
	struct stream *s = fd >= 0 ? stream_new(t, fd, to, address_len(to)) : NULL;
	if (!s) {
		const char *why = fd < 0 ? strerror(errno) : "too many, or no memory";
		(void)address_format(to, text, sizeof text);
		env_log(t->loop->env, SLUICE_LOG_WARN, "loop: no TCP connection to %s: %s", text, why);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	watch(s, EV_WRITE);
	start_limit(s, CONNECT_LIMIT_S);
	return s;
}

/* RFC 6544, 6.1: a check from an active candidate opens a connection from its address to the passive one's. */
static struct stream *connect_active(struct listener *l, const struct sockaddr_storage *remote) {
	struct stream *s = connect_to(l->streams, &l->host, remote);
	if (!s)
		return NULL;
	s->listener = l;
	s->path.socket = l->outlet.number;
	l->connections++;
	return s;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void drop_out(struct stream *s) {
	env_free(s->loop->env, s->out);
	s->out = NULL;
	s->out_at = s->out_len = 0;
}

/* Room for len bytes behind those that wait. NULL: beyond the bound, or no memory. */
static uint8_t *reserve_out(struct stream *s, size_t len) {
	if (s->out_len + len > OUT_MAX)
		return NULL;
	if (!s->out)
		s->out = env_alloc(s->loop->env, OUT_SPACE);
	if (!s->out)
		return NULL;
	if (s->out_at + s->out_len + len > OUT_SPACE) {
		memmove(s->out, s->out + s->out_at, s->out_len);
		s->out_at = 0;
	}
	return s->out + s->out_at + s->out_len;
}

/* Puts the ciphertext that is due behind what waits. What finds no room stays where it is until there is. */
static void take_ciphertext(struct stream *s) {
	while (s->tls && s->out_len + TLS_READ_MAX <= OUT_MAX) {
		uint8_t *at = reserve_out(s, TLS_READ_MAX);
		size_t n = at ? tls_stream_output(s->tls, at, TLS_READ_MAX) : 0;
		s->out_len += n;
		if (!n)
			break;
	}
	if (s->out && !s->out_len)
		drop_out(s);
}

/* Sends what waits. False when the stream is broken. */
static bool send_out(struct stream *s) {
	while (s->out_len) {
		ssize_t n = send(s->io.fd, s->out + s->out_at, s->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
			break;
		if (n < 0)
			return false;
		s->out_at += (size_t)n;
		s->out_len -= (size_t)n;
		if (!s->out_len)
			take_ciphertext(s);
	}
	if (!s->out_len)
		drop_out(s);
	watch(s, s->out_len ? EV_READ | EV_WRITE : EV_READ);
	return true;
}

static void append_encrypted(struct stream *s, const uint8_t *datagram, size_t len) {
	uint8_t frame[TLS_FRAME_MAX];
	size_t size = len + FRAME_EXTRA_MAX <= sizeof frame ? frame_write(frame, datagram, len, s->turn) : 0;
	if (!size || tls_stream_write(s->tls, frame, size) != 0)
		s->dropped++;
}

static void append(struct stream *s, const uint8_t *datagram, size_t len) {
	uint8_t *at = reserve_out(s, len + FRAME_EXTRA_MAX);
	if (!at) {
		s->dropped++;
		return;
	}
	s->out_len += frame_write(at, datagram, len, s->turn);
}

static void send_batch(struct stream *s, const sluice_batch *batch) {
	bool waits = s->out_len > 0 || s->state != STREAM_UP;
	if (s->guard.dead)
		return;
	for (size_t i = 0; i < batch->count; i++) {
		if (s->tls)
			append_encrypted(s, sluice_batch_slot(batch, i), sluice_batch_slot_len(batch, i));
		else
			append(s, sluice_batch_slot(batch, i), sluice_batch_slot_len(batch, i));
	}
	take_ciphertext(s);
	if (waits || !s->out_len)
		return; /* the writable event goes on */
	/* The reading side notices a failure too, in an event of its own, where the peer can be notified safely. */
	if (!send_out(s))
		drop_out(s);
}

/* The connection of this listener with that address. An active listener opens one for the first datagram. */
static struct stream *find_connection(struct listener *l, const struct sockaddr_storage *remote) {
	for (struct stream *s = l->streams->first; s; s = s->next)
		if (s->listener == l && !s->guard.dead && address_equal(&s->path.remote, remote))
			return s;
	return l->fd < 0 ? connect_active(l, remote) : NULL;
}

void stream_send(struct streams *t, struct outlet *o, const sluice_batch *batch) {
	struct listener *l = (struct listener *)o;
	struct stream *s = NULL;
	if (o->kind == OUTLET_STREAM)
		s = stream_of(o)->streams == t ? stream_of(o) : NULL;
	else if (l->streams == t)
		s = find_connection(l, &batch->path.remote);
	if (s)
		send_batch(s, batch);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* How many of the bytes are whole frames; SIZE_MAX when the rest can be none. */
static size_t whole_frames(const struct stream *s, const uint8_t *data, size_t len, size_t frame_max) {
	size_t at = 0;
	struct frame f;
	for (;;) {
		int known = frame_look(data + at, len - at, s->turn, &f);
		if (known < 0 || (known > 0 && f.size > frame_max))
			return SIZE_MAX;
		if (known == 0 || f.size > len - at)
			return at;
		at += f.size;
	}
}

static void drop_partial(struct stream *s) {
	env_free(s->loop->env, s->partial);
	s->partial = NULL;
	s->partial_len = s->partial_room = 0;
}

/* Room for len bytes. The room doubles, so each byte is copied about twice however slowly a frame comes in, and a stranger who
 * announces a large frame gets room only for the bytes that came. */
static bool reserve_partial(struct stream *s, size_t len) {
	size_t room = s->partial_room ? s->partial_room : PARTIAL_FIRST;
	if (len <= s->partial_room)
		return true;
	while (room < len)
		room *= 2;
	uint8_t *bigger = env_alloc(s->loop->env, room);
	if (!bigger)
		return false;
	if (s->partial_len)
		memcpy(bigger, s->partial, s->partial_len);
	env_free(s->loop->env, s->partial);
	s->partial = bigger;
	s->partial_room = room;
	return true;
}

static bool add_partial(struct stream *s, const uint8_t *data, size_t len) {
	if (!reserve_partial(s, s->partial_len + len))
		return false;
	memcpy(s->partial + s->partial_len, data, len);
	s->partial_len += len;
	return true;
}

/* Is the frame that began earlier still incomplete with `more` bytes? False too while its size is unknown, for its first
 * bytes. */
static bool stays_partial(const struct stream *s, size_t more) {
	struct frame f;
	return frame_look(s->partial, s->partial_len, s->turn, &f) == 1 && f.size > s->partial_len + more;
}

/* Whole frames only. */
static void deliver(struct stream *s, sluice_slab *slab, size_t len) {
	const struct streams *t = s->streams;
	for (size_t at = 0; at < len && !s->guard.dead && !owner_is_gone(s);) {
		sluice_datagram datagrams[LOOP_BATCH_MAX];
		size_t count = 0;
		while (at < len && count < LOOP_BATCH_MAX) {
			struct frame f;
			(void)frame_look(sluice_slab_data(slab) + at, len - at, s->turn, &f);
			if (f.len)
				datagrams[count++] = (sluice_datagram){sluice_slab_data(slab) + at + f.offset, f.len, slab};
			at += f.size;
		}
		if (count)
			t->ops->input(t->owner, &s->path, datagrams, count, false, sluice_now());
		if (s->listener && ev_is_active(&s->limit) && !owner_is_gone(s) && peer_admits(peer_of(s), &s->path))
			ev_timer_stop(s->loop->ev, &s->limit);
	}
}

/* The slab holds the beginning of a frame and what came behind it. */
static void take_frames(struct stream *s, sluice_slab *slab, size_t len) {
	size_t whole = whole_frames(s, sluice_slab_data(slab), len, sluice_slab_size(slab));
	if (whole == SIZE_MAX) {
		fail_stream(s, "what comes is no frame");
		return;
	}
	/* The rest is put aside first: the peer may write into the slab and keep it. */
	drop_partial(s);
	if (len > whole && !add_partial(s, sluice_slab_data(slab) + whole, len - whole)) {
		fail_stream(s, "out of memory");
		return;
	}
	deliver(s, slab, whole);
}

/* n bytes came. They stand in the slab behind room for the partial frame, which is copied there only when the frame is complete:
 * copied with each read, a frame that comes in byte by byte would cost its square. */
static void take_bytes(struct stream *s, sluice_slab *slab, size_t n) {
	uint8_t *data = sluice_slab_data(slab);
	size_t had = s->partial_len;
	if (had && stays_partial(s, n)) {
		if (!add_partial(s, data + had, n))
			fail_stream(s, "out of memory");
		return;
	}
	if (had)
		memcpy(data, s->partial, had);
	take_frames(s, slab, had + n);
}

/* One read. False when nothing is left, or the stream is over. */
static bool read_some(struct stream *s) {
	sluice_slab *slab = loop_slab(s->loop);
	if (!slab)
		return false; /* it waits in the socket for memory */
	uint8_t *data = sluice_slab_data(slab);
	size_t had = s->partial_len, room = sluice_slab_size(slab) - had;
	ssize_t n = recv(s->io.fd, data + had, room, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return false;
	if (n <= 0) {
		fail_stream(s, n == 0 ? "closed by the other side" : strerror(errno));
		return false;
	}
	take_bytes(s, slab, (size_t)n);
	return (size_t)n == room;
}

/* The plaintext that came, in the same way as what comes without TLS. */
static void read_plaintext(struct stream *s) {
	while (!s->guard.dead && !owner_is_gone(s)) {
		sluice_slab *slab = loop_slab(s->loop);
		size_t had = s->partial_len;
		if (!slab) {
			fail_stream(s, "out of memory");
			return;
		}
		size_t n = tls_stream_read(s->tls, sluice_slab_data(slab) + had, sluice_slab_size(slab) - had);
		if (!n)
			return;
		take_bytes(s, slab, n);
	}
}

static void come_up(struct stream *s);

/* Something happened to TLS: sends its output, and follows its state. Reading may end it: a server that said goodbye, or wrote
 * nonsense, may send nothing more that would show it. */
static void follow_tls(struct stream *s) {
	const char *why = "closed by the other side";
	bool waits = s->out_len > 0;
	take_ciphertext(s);
	if (!waits && s->out_len && !send_out(s)) {
		fail_stream(s, strerror(errno));
		return;
	}
	if (tls_stream_state(s->tls) == TLS_STREAM_OPEN && s->state == STREAM_SECURING)
		come_up(s);
	if (s->state == STREAM_UP)
		read_plaintext(s);
	enum tls_stream_state state = tls_stream_state(s->tls);
	if (state != TLS_STREAM_CLOSED && state != TLS_STREAM_FAILED)
		return;
	if (state == TLS_STREAM_FAILED)
		tls_stream_error(s->tls, &why);
	if (!owner_is_gone(s))
		fail_stream(s, why);
}

static bool read_ciphertext(struct stream *s) {
	uint8_t bytes[TLS_READ_MAX];
	ssize_t n = recv(s->io.fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return false;
	if (n <= 0 || tls_stream_input(s->tls, bytes, (size_t)n) != 0) {
		fail_stream(s, n == 0 ? "closed by the other side" : strerror(errno));
		return false;
	}
	follow_tls(s);
	return (size_t)n == sizeof bytes;
}

static void on_readable(struct stream *s) {
	for (int i = 0; i < READS_PER_TURN && !s->guard.dead && !owner_is_gone(s); i++)
		if (!(s->tls ? read_ciphertext(s) : read_some(s)))
			return;
}

/* ---- connecting -------------------------------------------------------------------------------------------------- */

/* A stream that the peer asked for gets its number, and the peer is notified. */
static void report_up(struct stream *s) {
	if (!outlets_add(s->loop->env, &s->loop->outlets, &s->outlet, OUTLET_STREAM)) {
		fail_stream(s, "out of memory");
		return;
	}
	s->state = STREAM_UP;
	s->path.socket = s->outlet.number;
	sluice_peer_stream_up(peer_of(s), s->request, s->outlet.number);
}

static void come_up(struct stream *s) {
	ev_timer_stop(s->loop->ev, &s->limit);
	watch(s, EV_READ);
	if (!s->listener) {
		report_up(s);
		return;
	}
	s->state = STREAM_UP;
	start_limit(s, STRANGER_LIMIT_S);
	if (!send_out(s))
		fail_stream(s, strerror(errno));
}

static void on_connected(struct stream *s) {
	int error = 0;
	socklen_t len = sizeof error;
	if (getsockopt(s->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error) {
		fail_stream(s, strerror(error));
	} else if (s->tls) {
		s->state = STREAM_SECURING;
		watch(s, EV_READ);
		follow_tls(s);
	} else {
		come_up(s);
	}
}

static void on_io(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	struct stream *s = w->data;
	enter_stream(s);
	if (s->state == STREAM_CONNECTING) {
		on_connected(s);
	} else {
		if ((events & EV_WRITE) && s->out_len && !send_out(s))
			fail_stream(s, strerror(errno));
		if (events & EV_READ)
			on_readable(s);
	}
	leave_stream(s);
}

static void on_limit(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct stream *s = w->data;
	enter_stream(s);
	fail_stream(s, s->state == STREAM_UP ? "it is a stranger's" : "it does not come up");
	leave_stream(s);
}

/* The file is looked at now, when the app gets the error. Later each connection would fail with a line in the log. */
int stream_trust_init(struct stream_trust *t, sluice_env *env, const char *ca_file, bool no_verify) {
	t->no_verify = no_verify;
	if (!ca_file)
		return 0;
	if (access(ca_file, R_OK) != 0)
		return SLUICE_IO;
	t->ca_file = env_strndup(env, ca_file, strlen(ca_file));
	return t->ca_file ? 0 : SLUICE_NO_MEMORY;
}

void stream_trust_deinit(struct stream_trust *t, sluice_env *env) {
	env_free(env, t->ca_file);
	t->ca_file = NULL;
}

static bool make_tls(const struct streams *streams, const char *name, struct tls_stream **out) {
	const struct stream_trust *t = streams->trust;
	sluice_env *env = streams->loop->env;
	if (!t)
		return false;
	const struct tls_stream_config config = {.server_name = name, .ca_file = t->ca_file, .no_verify = t->no_verify};
	int error = tls_stream_new(env, &config, out);
	if (error == SLUICE_CRYPTO && t->ca_file)
		env_log(env, SLUICE_LOG_WARN, "loop: no TLS to %s: no certificates in %s", name, t->ca_file);
	else if (error)
		env_log(env, SLUICE_LOG_WARN, "loop: no TLS to %s: %s", name, sluice_error_text(error));
	return !error;
}

bool stream_connect(struct streams *t, const sluice_request *r) {
	struct tls_stream *tls = NULL;
	bool ready = !r->tls || make_tls(t, r->name, &tls);
	struct stream *s = ready ? connect_to(t, NULL, &r->addr) : NULL;
	if (!s) {
		tls_stream_free(tls);
		return false;
	}
	s->tls = tls;
	s->request = r->id;
	s->turn = r->turn;
	return true;
}

bool stream_accept(struct listener *l, int fd, const struct sockaddr_storage *remote, socklen_t len) {
	bool room = l->connections < ACCEPTED_MAX || drop_stranger(l->streams, l);
	struct stream *s = room ? stream_new(l->streams, fd, remote, len) : NULL;
	if (!s)
		return false;
	s->listener = l;
	s->state = STREAM_UP;
	s->path.socket = l->outlet.number;
	l->connections++;
	watch(s, EV_READ);
	start_limit(s, STRANGER_LIMIT_S);
	return true;
}

void stream_abandon(struct stream *s) {
	silence(s);
	if (guard_kill(&s->guard))
		destroy_stream(s);
}

void stream_close(struct streams *t, uint32_t number) {
	struct outlet *o = outlets_find(&t->loop->outlets, number);
	if (o && o->kind == OUTLET_STREAM && stream_of(o)->streams == t)
		stream_abandon(stream_of(o));
}

void stream_silence_all(struct streams *t) {
	for (struct stream *s = t->first; s; s = s->next)
		silence(s);
	for (struct listener *l = t->listeners; l; l = l->next) {
		ev_io_stop(t->loop->ev, &l->io);
		ev_timer_stop(t->loop->ev, &l->pause);
	}
}

void stream_free_all(struct streams *t) {
	while (t->first)
		destroy_stream(t->first);
}

bool stream_check(const struct stream *s) {
	return *s->back == s && !guard_is_busy(&s->guard) && !s->guard.dead && (s->out != NULL) == (s->out_len > 0) &&
	       s->out_len <= OUT_MAX && s->out_at + s->out_len <= OUT_SPACE && s->partial_len <= s->partial_room &&
	       (!has_number(s) || outlets_find(&s->loop->outlets, s->outlet.number) == &s->outlet);
}
