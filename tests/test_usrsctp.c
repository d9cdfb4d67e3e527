/* Interoperation with libusrsctp, the stack that browsers were built on: in memory, in the simulator's time, both roles, with
 * loss, stream resets and partial reliability. It sees our packets with other eyes than ours.
 *
 * usrsctp draws its own random numbers, so a run here is repeated by its seed only in what the network and our side do. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/time.h>
#include <usrsctp.h>

#include "suite.h"

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/sctp_host.h"

#define TICK (10 * SLUICE_MS)
#define OUTBOX 4096
#define PORT 5000

/* ---- a host that runs usrsctp ---- */

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
	unsigned reset_in, reset_out;
	uint32_t retransmissions; /* allowed for unreliable messages of its own */
	struct usr *retired;      /* after its end */
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

static void usr_input(void *node, const sluice_path *from, sluice_datagram *d, size_t count, uint64_t now) {
	(void)from, (void)now;
	for (size_t i = 0; i < count; i++)
		usrsctp_conninput(node, d[i].data, d[i].len, 0);
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
	default:
		break;
	}
}

static void on_data(struct usr *u, bool last) {
	if (!last)
		return;
	struct iovec iov = {u->partial, u->partial_len};
	sluice_message m = {.stream = u->partial_info.rcv_sid,
	                    .unordered = (u->partial_info.rcv_flags & SCTP_UNORDERED) != 0,
	                    .ppid = ntohl(u->partial_info.rcv_ppid),
	                    .len = u->partial_len,
	                    .count = 1,
	                    .iov = &iov};
	if (!ledger_arrived(u->receives, &m))
		sim_fail(u->sim, "at usrsctp: %s", u->receives->error);
	u->partial_len = 0;
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
	static const uint16_t events[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT};
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
	struct sctp_paddrparams path = {.spp_flags = SPP_PMTUD_DISABLE, .spp_pathmtu = 1188};
	set(s, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);
	int buffer = 4 << 20;
	must(usrsctp_setsockopt(s, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer));
	must(usrsctp_setsockopt(s, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer));
	struct sockaddr_conn at = address(u);
	must(usrsctp_bind(s, (struct sockaddr *)&at, sizeof at));
	return s;
}

/* ---- the world: one of each ---- */

struct world {
	struct sim sim;
	struct sctp_host *our;
	struct usr *usr;
	struct ledger to_usr, to_us;
	struct sim_link *out, *in;
};

static void world_open(struct world *w, uint64_t seed, double loss, bool we_connect) {
	*w = (struct world){0};
	sim_init(&w->sim, seed);
	clock_of = &w->sim;
	usr_start();
	w->sim.describe = packet_describe;
	ledger_init(&w->to_usr, seed * 2);
	ledger_init(&w->to_us, seed * 2 + 1);
	w->our = sctp_host_new(&w->sim, "we", NULL);
	w->usr = calloc(1, sizeof *w->usr);
	w->usr->sim = &w->sim;
	w->usr->partial = malloc(MESSAGE_MAX);
	ck_assert_ptr_nonnull(w->usr->partial);
	w->usr->next_tick = w->sim.now;
	w->our->sends = w->usr->receives = &w->to_usr;
	w->usr->sends = w->our->receives = &w->to_us;
	w->usr->host = sim_add_host(&w->sim, "usrsctp", &usr_ops, w->usr, NULL);
	struct link_config link = {.delay = 10 * SLUICE_MS, .rate = 50000000};
	sim_join(&w->sim, w->our->host, w->usr->host, &link);
	w->out = sim_link(&w->sim, w->our->host, w->usr->host);
	w->in = sim_link(&w->sim, w->usr->host, w->our->host);
	w->out->config.loss = w->in->config.loss = loss;
	usrsctp_register_address(w->usr);
	struct socket *s = usr_socket(w->usr);
	if (we_connect) {
		w->usr->listener = s;
		must(usrsctp_listen(s, 1));
		ck_assert_int_eq(sluice_sctp_connect(w->our->sctp), 0);
	} else {
		struct sockaddr_conn to = address(w->usr);
		w->usr->socket = s;
		int rc = usrsctp_connect(s, (struct sockaddr *)&to, sizeof to);
		ck_assert(rc == 0 || errno == EINPROGRESS);
	}
	ck_assert(SIM_UNTIL(&w->sim, w->sim.now + 60 * SLUICE_S, w->our->connected && w->usr->connected));
}

static void world_close(struct world *w) {
	sim_close(&w->sim);
	clock_of = NULL;
	ledger_free(&w->to_us);
	ledger_free(&w->to_usr);
}

static void we_send(struct world *w, sluice_send_info info, size_t len) {
	ck_assert_int_eq(sctp_host_send(w->our, &info, len), 0);
}

static void they_send(struct world *w, uint16_t stream, bool unordered, bool reliable, size_t len) {
	ledger_note(&w->to_us, stream, unordered, reliable, len);
}

static void deliver(struct world *w) {
	if (!SIM_UNTIL(&w->sim, w->sim.now + 300 * SLUICE_S,
	               ledger_complete(&w->to_us) && ledger_complete(&w->to_usr) && sctp_host_stats(w->our).buffered == 0))
		sim_fail(&w->sim, "%u messages are missing at usrsctp, %u at our side", w->to_usr.missing, w->to_us.missing);
}

static void shut_down(struct world *w, bool we) {
	if (we)
		ck_assert_int_eq(sluice_sctp_shutdown(w->our->sctp), 0);
	else
		w->usr->shut = true;
	ck_assert(SIM_UNTIL(&w->sim, w->sim.now + 60 * SLUICE_S, w->our->ended));
	ck_assert_int_eq(w->our->end_error, 0);
	/* Its end of it needs a packet more. */
	sim_run(&w->sim, w->sim.now + 5 * SLUICE_S);
}

static const size_t sizes[] = {1,    2,    3,    4,    5,    100,  1000, 1100,  1171,  1172,
                               1173, 1174, 1175, 1176, 1200, 2344, 5000, 16384, 65536, 200000};
#define SIZES (sizeof sizes / sizeof *sizes)

static void messages(uint64_t seed, double loss, bool we_connect, bool we_close) {
	struct world w;
	world_open(&w, seed, loss, we_connect);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < SIZES; i++) {
			we_send(&w, (sluice_send_info){.stream = (uint16_t)(i % 5), .unordered = i % 3 == 0}, sizes[i]);
			they_send(&w, (uint16_t)(i % 7), i % 4 == 0, true, sizes[i]);
		}
		deliver(&w);
	}
	ck_assert_uint_eq(w.to_us.arrived, 3 * SIZES);
	ck_assert_uint_eq(w.to_usr.arrived, 3 * SIZES);
	shut_down(&w, we_close);
	world_close(&w);
}

START_TEST(test_we_connect_to_usrsctp_and_close) {
	messages(1, 0, true, true);
}
END_TEST

START_TEST(test_usrsctp_connects_to_us_and_closes) {
	messages(1, 0, false, false);
}
END_TEST

START_TEST(test_messages_get_through_with_loss_when_we_connect) {
	for (uint64_t n = sim_first(1); n <= sim_last(8); n++)
		messages(n, 0.01 * (double)n, true, n % 2);
}
END_TEST

START_TEST(test_messages_get_through_with_loss_when_usrsctp_connects) {
	for (uint64_t n = sim_first(1); n <= sim_last(8); n++)
		messages(n, 0.01 * (double)n, false, n % 2);
}
END_TEST

START_TEST(test_many_small_messages_share_packets_both_ways) {
	struct world w;
	world_open(&w, 1, 0.02, true);
	for (unsigned i = 0; i < 3000; i++) {
		we_send(&w, (sluice_send_info){.stream = (uint16_t)(i % 11)}, 1 + i % 60);
		they_send(&w, (uint16_t)(i % 11), false, true, 1 + i % 60);
	}
	deliver(&w);
	shut_down(&w, true);
	world_close(&w);
}
END_TEST

START_TEST(test_our_stream_reset_is_done_by_usrsctp_and_the_other_way_round) {
	for (uint64_t n = sim_first(0); n <= sim_last(5); n++) {
		struct world w;
		world_open(&w, n, n ? 0.05 : 0, n % 2);
		for (unsigned i = 0; i < 5; i++) {
			we_send(&w, (sluice_send_info){.stream = 3}, 3000);
			they_send(&w, 3, false, true, 3000);
		}
		deliver(&w);
		ck_assert_int_eq(sluice_sctp_reset_stream(w.our->sctp, 3), 0);
		ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 60 * SLUICE_S, w.our->reset_out && w.usr->reset_in));
		ck_assert_int_eq(w.our->reset_out_error, 0);
		_Alignas(struct sctp_reset_streams) uint8_t request[sizeof(struct sctp_reset_streams) + sizeof(uint16_t)] = {0};
		struct sctp_reset_streams *r = (struct sctp_reset_streams *)(void *)request;
		r->srs_flags = SCTP_STREAM_RESET_OUTGOING;
		r->srs_number_streams = 1;
		r->srs_stream_list[0] = 3;
		set(w.usr->socket, SCTP_RESET_STREAMS, request, sizeof request);
		ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 60 * SLUICE_S, w.our->reset_in && w.usr->reset_out));
		/* Both counters are at 0 again, so this arrives in order only if both sides agree about it. */
		for (unsigned i = 0; i < 5; i++) {
			we_send(&w, (sluice_send_info){.stream = 3}, 3000);
			they_send(&w, 3, false, true, 3000);
		}
		deliver(&w);
		shut_down(&w, true);
		world_close(&w);
	}
}
END_TEST

START_TEST(test_messages_may_be_given_up_on_either_side) {
	for (uint64_t n = sim_first(0); n <= sim_last(5); n++) {
		struct world w;
		world_open(&w, n, 0.08, n % 2);
		w.usr->retransmissions = n % 2;
		for (unsigned i = 0; i < 200; i++) {
			sluice_send_info info = {.stream = (uint16_t)(i % 3), .unordered = i % 5 == 0};
			if (i % 2) {
				info.reliability = SLUICE_MAX_RETRANSMITS;
				info.value = n % 2;
			}
			we_send(&w, info, 1 + i * 37 % 4000);
			they_send(&w, (uint16_t)(i % 3), i % 5 == 0, i % 2 == 0, 1 + i * 41 % 4000);
		}
		deliver(&w);
		ck_assert_uint_ge(w.to_usr.arrived, 120);
		ck_assert_uint_ge(w.to_us.arrived, 120);
		ck_assert_uint_ge(w.to_usr.arrived + w.our->abandoned, 200);
		shut_down(&w, n % 2);
		world_close(&w);
	}
}
END_TEST

START_TEST(test_an_abort_is_understood_both_ways) {
	struct world w;
	world_open(&w, 1, 0, true);
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	must(usrsctp_setsockopt(w.usr->socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
	usrsctp_close(w.usr->socket);
	w.usr->socket = NULL;
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + SLUICE_S, w.our->ended));
	ck_assert_int_eq(w.our->end_error, SLUICE_ABORTED);
	world_close(&w);
}
END_TEST

SUITE("usrsctp", test_we_connect_to_usrsctp_and_close, test_usrsctp_connects_to_us_and_closes,
      test_messages_get_through_with_loss_when_we_connect, test_messages_get_through_with_loss_when_usrsctp_connects,
      test_many_small_messages_share_packets_both_ways, test_our_stream_reset_is_done_by_usrsctp_and_the_other_way_round,
      test_messages_may_be_given_up_on_either_side, test_an_abort_is_understood_both_ways)
