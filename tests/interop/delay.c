/* delay: a cable of a stated length between two network namespaces.
 *
 *   delay NETNS ADDRESS/BITS NETNS ADDRESS/BITS MILLISECONDS
 *
 * It makes a device "far" in each namespace and carries every packet from the one to the other after that many milliseconds, in
 * order. It says "ready" and runs until it is ended; the devices go with it. For kernels without netem. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX 2048
#define UNDER_WAY_MAX 8192 /* packets; what comes beyond them is dropped */

struct packet {
	uint64_t due;
	size_t length;
	char data[PACKET_MAX];
};

struct way {
	int from, to;
	size_t head, count;
	struct packet *ring;
};

static void give_up(const char *what) {
	fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void enter(const char *netns) {
	char path[256];
	snprintf(path, sizeof path, "/run/netns/%s", netns);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		give_up(path);
	close(fd);
}

/* The device, up and with its address, as this process's only network. */
static int make_device(const char *netns, const char *address) {
	enter(netns);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	strcpy(request.ifr_name, "far");
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		give_up("/dev/net/tun");
	char command[256];
	snprintf(command, sizeof command, "ip address add %s dev far && ip link set far up && ip route add default dev far",
	         address);
	if (system(command) != 0)
		give_up(command);
	return fd;
}

static void take(struct way *w, uint64_t delay) {
	for (;;) {
		static char spare[PACKET_MAX];
		bool full = w->count == UNDER_WAY_MAX;
		struct packet *p = &w->ring[(w->head + w->count) % UNDER_WAY_MAX];
		ssize_t n = read(w->from, full ? spare : p->data, PACKET_MAX);
		if (n <= 0)
			return;
		if (full)
			continue;
		p->due = now() + delay;
		p->length = (size_t)n;
		w->count++;
	}
}

/* Hands over what is due; returns when the next one is. */
static uint64_t deliver(struct way *w) {
	while (w->count > 0) {
		const struct packet *p = &w->ring[w->head];
		if (p->due > now())
			return p->due;
		if (write(w->to, p->data, p->length) < 0 && errno != EAGAIN && errno != EIO)
			give_up("write");
		w->head = (w->head + 1) % UNDER_WAY_MAX;
		w->count--;
	}
	return UINT64_MAX;
}

static void carry(struct way *ways, uint64_t delay) {
	struct pollfd fds[2] = {{ways[0].from, POLLIN, 0}, {ways[1].from, POLLIN, 0}};
	for (;;) {
		uint64_t first = deliver(&ways[0]), second = deliver(&ways[1]);
		uint64_t next = first < second ? first : second, at = now();
		uint64_t wait = next == UINT64_MAX ? 1000000000u : next > at ? next - at : 0;
		struct timespec timeout = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
		if (ppoll(fds, 2, &timeout, NULL) < 0 && errno != EINTR)
			give_up("ppoll");
		take(&ways[0], delay);
		take(&ways[1], delay);
	}
}

int main(int argc, char **argv) {
	if (argc != 6) {
		fprintf(stderr, "usage: delay NETNS ADDRESS/BITS NETNS ADDRESS/BITS MILLISECONDS\n");
		return 2;
	}
	int a = make_device(argv[1], argv[2]), b = make_device(argv[3], argv[4]);
	struct way ways[2] = {{.from = a, .to = b}, {.from = b, .to = a}};
	for (size_t i = 0; i < 2; i++)
		if (!(ways[i].ring = calloc(UNDER_WAY_MAX, sizeof *ways[i].ring)))
			give_up("calloc");
	printf("ready\n");
	fflush(stdout);
	carry(ways, (uint64_t)atoi(argv[5]) * 1000000u);
	return 0;
}
