/* usrsctp_host: a host of the simulator that runs libusrsctp, in the simulator's time. It sees our packets with other eyes.
 *
 * What its app sends are the messages noted in its ledger (ledger_note); what comes is checked against another. Several hosts
 * share the library, and so its timers, which the first of them drives.
 *
 * usrsctp draws its own random numbers, so a run here is repeated by its seed only in what the network and our side do. */
#ifndef TESTS_USRSCTP_HOST_H
#define TESTS_USRSCTP_HOST_H

#include <errno.h>
#include <netinet/in.h>
#include <sys/time.h>
#include <usrsctp.h>

#include "sim/ledger.h"
#include "sim/sim.h"
#include "suite.h"

#define TICK (10 * SLUICE_MS)
#define OUTBOX 4096
#define PORT 5000
#define USR_MTU 1188

/* usrsctp reads the clock by itself, and retransmits only what is old enough by that clock; so it gets the world's. */
static const struct sim *clock_of;

/* Everything else of this program is hidden (-fvisibility); the library has to find this. */
__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict tv, void *restrict tz) {
	uint64_t now = clock_of ? clock_of->now : 0;
	(void)tz;
	*tv = (struct timeval){.tv_sec = (time_t)(1000000 + now / SLUICE_S),
	                       .tv_usec = (suseconds_t)(now % SLUICE_S / SLUICE_US)};
	return 0;
}

struct packet_out {
	size_t len;
	uint8_t *bytes;
};

struct usr {
	struct sim_host *host;
	struct sim *sim;
	struct socket *listener, *socket;
	struct packet_out outbox[OUTBOX];
	size_t head, tail;
	uint64_t next_tick;
	struct ledger *sends, *receives;
	uint32_t next;    /* first message of the ledger that was not given to it yet */
	uint8_t *partial; /* of the message that is being received */
	size_t partial_len;
	struct sctp_rcvinfo partial_info;
	bool connected, ended, shut;
	unsigned reset_in, reset_out, renumbered;
	uint32_t retransmissions;          /* allowed for unreliable messages of its own */
	void (*on_message)(struct usr *u); /* after a message came; may be NULL */
	void *user;
	struct usr *retired; /* after its end */
};

#define MESSAGE_MAX 262144

static int usr_wire(void *addr, void *buffer, size_t length, uint8_t tos, uint8_t set_df) {
	struct usr *u = addr;
	(void)tos, (void)set_df;
	struct packet_out *p = &u->outbox[u->tail % OUTBOX];
	if (u->tail - u->head == OUTBOX)
		sim_fail(u->sim, "usrsctp sent %d packets at once", OUTBOX);
	*p = (struct packet_out){length, malloc(length)};
	if (!p->bytes)
		abort();
	memcpy(p->bytes, buffer, length);
	u->tail++;
	return 0;
}

static void usr_start(void) {
	static bool done;
	if (done)
		return;
	done = true;
	usrsctp_init_nothreads(0, usr_wire, NULL);
	usrsctp_sysctl_set_sctp_ecn_enable(0);
	usrsctp_sysctl_set_sctp_asconf_enable(0);
	usrsctp_sysctl_set_sctp_auth_enable(0);
	usrsctp_sysctl_set_sctp_nrsack_enable(0);
	usrsctp_sysctl_set_sctp_pktdrop_enable(0);
	usrsctp_sysctl_set_sctp_blackhole(0);
	usrsctp_sysctl_set_sctp_max_burst_default(10);
}

static int usr_input(void *node, const sluice_path *from, sluice_datagram *d, size_t count, uint64_t now) {
	(void)from, (void)now;
	for (size_t i = 0; i < count; i++)
		usrsctp_conninput(node, d[i].data, d[i].len, 0);
	return 0;
}

static void usr_advance(void *node, uint64_t now) {
	struct usr *u = node;
	while (u->next_tick <= now) {
		usrsctp_handle_timers((uint32_t)(TICK / SLUICE_MS));
		u->next_tick += TICK;
	}
}

static uint64_t usr_deadline(void *node) {
	return ((struct usr *)node)->next_tick;
}

static int usr_output(void *node, sluice_batch *b, uint64_t now) {
	struct usr *u = node;
	(void)now;
	b->count = 0;
	if (u->head == u->tail)
		return 0;
	struct packet_out *p = &u->outbox[u->head++ % OUTBOX];
	memcpy(b->data, p->bytes, p->len);
	b->count = 1;
	b->stride = b->last = p->len;
	free(p->bytes);
	return 1;
}

/* ---- its app ---- */

static void on_reset(struct usr *u, const struct sctp_stream_reset_event *e) {
	ck_assert_uint_eq(e->strreset_flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED), 0);
	u->reset_in += (e->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN) != 0;
	u->reset_out += (e->strreset_flags & SCTP_STREAM_RESET_OUTGOING_SSN) != 0;
}

static void on_notification(struct usr *u, const union sctp_notification *n) {
	switch (n->sn_header.sn_type) {
	case SCTP_ASSOC_CHANGE:
		if (n->sn_assoc_change.sac_state == SCTP_COMM_UP)
			u->connected = true;
		if (n->sn_assoc_change.sac_state == SCTP_COMM_LOST || n->sn_assoc_change.sac_state == SCTP_CANT_STR_ASSOC)
			sim_fail(u->sim, "usrsctp lost the association");
		if (n->sn_assoc_change.sac_state == SCTP_SHUTDOWN_COMP)
			u->ended = true;
		break;
	case SCTP_STREAM_RESET_EVENT:
		on_reset(u, &n->sn_strreset_event);
		break;
	case SCTP_ASSOC_RESET_EVENT:
		u->renumbered++;
		break;
	default:
		break;
	}
}

static void on_data(struct usr *u, bool last) {
	if (!last)
		return;
	struct iovec iov = {u->partial, u->partial_len};
	sluice_message m = {.stream = u->partial_info.rcv_sid,
	                    .first = true,
	                    .last = true,
	                    .unordered = (u->partial_info.rcv_flags & SCTP_UNORDERED) != 0,
	                    .ppid = ntohl(u->partial_info.rcv_ppid),
	                    .len = u->partial_len,
	                    .count = 1,
	                    .iov = &iov};
	if (!ledger_arrived(u->receives, &m))
		sim_fail(u->sim, "at usrsctp: %s", u->receives->error);
	u->partial_len = 0;
	if (u->on_message)
		u->on_message(u);
}

static void usr_read(struct usr *u) {
	for (;;) {
		struct sctp_rcvinfo info = {0};
		socklen_t info_len = sizeof info, from_len = 0;
		unsigned type = 0;
		int flags = 0;
		ssize_t n = usrsctp_recvv(u->socket, u->partial + u->partial_len, MESSAGE_MAX - u->partial_len, NULL, &from_len,
		                          &info, &info_len, &type, &flags);
		if (n <= 0)
			return;
		if (flags & MSG_NOTIFICATION) {
			on_notification(u, (union sctp_notification *)(void *)(u->partial + u->partial_len));
			continue;
		}
		u->partial_info = info;
		u->partial_len += (size_t)n;
		on_data(u, (flags & MSG_EOR) != 0);
	}
}

static bool usr_send_one(struct usr *u, uint32_t number) {
	const struct ledger_entry *e = &u->sends->entries[number];
	struct sctp_sendv_spa spa = {.sendv_flags = SCTP_SEND_SNDINFO_VALID};
	spa.sendv_sndinfo.snd_sid = e->stream;
	spa.sendv_sndinfo.snd_ppid = htonl(number);
	spa.sendv_sndinfo.snd_flags = (uint16_t)(SCTP_EOR | (e->unordered ? SCTP_UNORDERED : 0));
	if (!e->reliable) {
		spa.sendv_flags |= SCTP_SEND_PRINFO_VALID;
		spa.sendv_prinfo.pr_policy = SCTP_PR_SCTP_RTX;
		spa.sendv_prinfo.pr_value = u->retransmissions;
	}
	uint8_t *bytes = malloc(e->len);
	if (!bytes)
		abort();
	ledger_fill(u->sends, number, bytes, e->len);
	ssize_t n = usrsctp_sendv(u->socket, bytes, e->len, NULL, 0, &spa, sizeof spa, SCTP_SENDV_SPA, 0);
	free(bytes);
	if (n < 0 && errno != EWOULDBLOCK && errno != EAGAIN)
		sim_fail(u->sim, "usrsctp_sendv: %s", strerror(errno));
	return n >= 0;
}

static void prepare(struct usr *u, struct socket *s);

static void usr_dispatch(void *node, uint64_t now) {
	struct usr *u = node;
	(void)now;
	if (!u->socket && u->listener && (u->socket = usrsctp_accept(u->listener, NULL, NULL))) {
		prepare(u, u->socket);
		u->connected = true;
	}
	if (!u->socket)
		return;
	usr_read(u);
	while (u->connected && u->next < u->sends->count && usr_send_one(u, u->next))
		u->next++;
	if (u->shut && u->next == u->sends->count) {
		u->shut = false;
		usrsctp_shutdown(u->socket, SHUT_WR);
	}
}

static void usr_free(void *node) {
	struct usr *u = node;
	if (u->socket)
		usrsctp_close(u->socket);
	if (u->listener)
		usrsctp_close(u->listener);
	usrsctp_deregister_address(u);
	while (u->head != u->tail)
		free(u->outbox[u->head++ % OUTBOX].bytes);
	free(u->partial);
	u->partial = NULL;
	/* usrsctp may still call usr_wire with it from a timer; it stays until the program ends. */
	static struct usr *retired;
	u->retired = retired;
	retired = u;
}

static const struct sim_node_ops usr_ops = {.input = usr_input,
                                            .advance = usr_advance,
                                            .output = usr_output,
                                            .deadline = usr_deadline,
                                            .dispatch = usr_dispatch,
                                            .free = usr_free};

static void must(int rc) {
	ck_assert_msg(rc == 0, "usrsctp: %s", strerror(errno));
}

static void set(struct socket *s, int option, const void *value, socklen_t len) {
	must(usrsctp_setsockopt(s, IPPROTO_SCTP, option, value, len));
}

static void prepare(struct usr *u, struct socket *s) {
	static const uint16_t events[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT, SCTP_ASSOC_RESET_EVENT};
	(void)u;
	must(usrsctp_set_non_blocking(s, 1));
	int on = 1;
	set(s, SCTP_RECVRCVINFO, &on, sizeof on);
	set(s, SCTP_NODELAY, &on, sizeof on);
	for (unsigned i = 0; i < sizeof events / sizeof *events; i++) {
		struct sctp_event e = {.se_assoc_id = SCTP_ALL_ASSOC, .se_type = events[i], .se_on = 1};
		set(s, SCTP_EVENT, &e, sizeof e);
	}
}

static struct sockaddr_conn address(struct usr *u) {
	return (struct sockaddr_conn){.sconn_family = AF_CONN, .sconn_port = htons(PORT), .sconn_addr = u};
}

static struct socket *usr_socket(struct usr *u) {
	struct socket *s = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
	ck_assert_ptr_nonnull(s);
	prepare(u, s);
	struct sctp_initmsg init = {.sinit_num_ostreams = 1024, .sinit_max_instreams = 1024};
	set(s, SCTP_INITMSG, &init, sizeof init);
	struct sctp_rtoinfo rto = {.srto_initial = 500, .srto_min = 300, .srto_max = 3000};
	set(s, SCTP_RTOINFO, &rto, sizeof rto);
	struct sctp_assoc_value reset = {.assoc_id = SCTP_ALL_ASSOC,
	                                 .assoc_value = SCTP_ENABLE_RESET_STREAM_REQ | SCTP_ENABLE_CHANGE_ASSOC_REQ};
	set(s, SCTP_ENABLE_STREAM_RESET, &reset, sizeof reset);
	struct sctp_paddrparams path = {.spp_flags = SPP_PMTUD_DISABLE, .spp_pathmtu = USR_MTU};
	set(s, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);
	int buffer = 4 << 20;
	must(usrsctp_setsockopt(s, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer));
	must(usrsctp_setsockopt(s, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer));
	struct sockaddr_conn at = address(u);
	must(usrsctp_bind(s, (struct sockaddr *)&at, sizeof at));
	return s;
}

/* ---- its life ---- */

/* `first`: it drives the timers; exactly one host of a world does. */
static inline void usr_open(struct usr *u, struct sim *sim, const char *name, bool first) {
	clock_of = sim;
	usr_start();
	*u = (struct usr){.sim = sim, .partial = malloc(MESSAGE_MAX), .next_tick = first ? sim->now : SLUICE_NEVER};
	ck_assert_ptr_nonnull(u->partial);
	u->host = sim_add_host(sim, name, &usr_ops, u, NULL);
	usrsctp_register_address(u);
}

static inline void usr_listen(struct usr *u) {
	u->listener = usr_socket(u);
	must(usrsctp_listen(u->listener, 1));
}

static inline void usr_connect(struct usr *u) {
	struct sockaddr_conn to = address(u);
	u->socket = usr_socket(u);
	int rc = usrsctp_connect(u->socket, (struct sockaddr *)&to, sizeof to);
	ck_assert(rc == 0 || errno == EINPROGRESS);
}

#endif
