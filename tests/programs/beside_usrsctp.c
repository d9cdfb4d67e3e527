/* Two SCTP stacks in one program: sluice's association connects to a usrsctp socket, packets handed over in memory.
 *
 * It is linked with the archive that users get, not with the tests' internal one: if any symbol of it clashed with
 * usrsctp's, this would not link, and if one had silently taken the place of another, no association would come up. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <usrsctp.h>

#include <sluice.h>

#define PORT 5000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct packet {
	uint8_t data[2048];
	size_t len;
} answers[64];
static size_t answer_count;

/* Called by usrsctp, on a thread of its own as well. */
static int take_answer(void *address, void *data, size_t len, uint8_t tos, uint8_t df) {
	(void)address, (void)tos, (void)df;
	pthread_mutex_lock(&lock);
	if (answer_count < 64 && len <= sizeof answers[0].data) {
		memcpy(answers[answer_count].data, data, len);
		answers[answer_count++].len = len;
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

static struct socket *listen_usrsctp(void *address) {
	struct sockaddr_conn local = {.sconn_family = AF_CONN, .sconn_port = htons(PORT), .sconn_addr = address};
	usrsctp_init(0, take_answer, NULL);
	usrsctp_register_address(address);
	struct socket *s = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
	if (!s || usrsctp_bind(s, (struct sockaddr *)&local, sizeof local) != 0 || usrsctp_listen(s, 1) != 0)
		return NULL;
	return s;
}

static uint64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SLUICE_S + (uint64_t)t.tv_nsec;
}

static void exchange(sluice_sctp *a, void *address, uint64_t now) {
	static uint8_t space[16384];
	sluice_batch batch = {.data = space, .capacity = sizeof space};
	while (sluice_sctp_output(a, &batch, now) > 0) {
		for (size_t i = 0; i < batch.count; i++)
			usrsctp_conninput(address, sluice_batch_slot(&batch, i), sluice_batch_slot_len(&batch, i), 0);
		batch = (sluice_batch){.data = space, .capacity = sizeof space};
	}
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < answer_count; i++)
		sluice_sctp_input(a, &(sluice_datagram){.data = answers[i].data, .len = answers[i].len}, 1, now);
	answer_count = 0;
	pthread_mutex_unlock(&lock);
	sluice_sctp_advance(a, now);
}

static void drop_events(sluice_sctp *a) {
	sluice_sctp_event event;
	while (sluice_sctp_poll(a, &event))
		if (event.message)
			sluice_message_release(event.message);
}

int main(void) {
	static int address;
	sluice_env *env;
	sluice_sctp *a;
	struct socket *listening = listen_usrsctp(&address);
	if (!listening || sluice_env_new(NULL, &env) != 0 || sluice_sctp_new(env, NULL, &a) != 0 || sluice_sctp_connect(a) != 0)
		return 1;
	for (int i = 0; i < 5000 && sluice_sctp_state(a) != SLUICE_SCTP_ESTABLISHED; i++) {
		exchange(a, &address, now_ns());
		usleep(1000);
	}
	bool up = sluice_sctp_state(a) == SLUICE_SCTP_ESTABLISHED;
	printf("%s\n", sluice_sctp_state_name(sluice_sctp_state(a)));
	sluice_sctp_abort(a, "done");
	exchange(a, &address, now_ns());
	drop_events(a);
	sluice_sctp_free(a);
	sluice_env_free(env);
	usrsctp_close(listening);
	for (int i = 0; i < 100 && usrsctp_finish() != 0; i++)
		usleep(10000);
	return up ? 0 : 1;
}
