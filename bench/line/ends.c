/* ends.c: namespaces, devices, addresses and routes of ends.h, by the system's calls alone. */
#include "line/ends.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Linux 6.2. The kernel takes the two together only. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define DEVICE "line0"
/* Packets or trains that wait in a device until the line fetches them: some ms of 1 Gbit/s, in which the line was not run. */
#define DEVICE_QUEUE 4000

const char *const line_addresses[2] = {"10.98.0.1", "10.98.0.2"};

static const char *sentence(const char *format, ...) {
	static char text[160];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return text;
}

static bool write_file(const char *path, const char *text) {
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return done;
}

/* ---- namespaces ---- */

/* Root of a user namespace may make network namespaces, where others may not. */
static bool become_root(void) {
	char users[32], groups[32];
	snprintf(users, sizeof users, "0 %u 1", getuid());
	snprintf(groups, sizeof groups, "0 %u 1", getgid());
	if (unshare(CLONE_NEWUSER))
		return false;
	write_file("/proc/self/setgroups", "deny");
	return write_file("/proc/self/uid_map", users) && write_file("/proc/self/gid_map", groups);
}

static int make_namespace(void) {
	if (unshare(CLONE_NEWNET) && !(errno == EPERM && become_root() && unshare(CLONE_NEWNET) == 0))
		return -1;
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

bool line_ends_enter(const struct line_ends *ends, int end) {
	return setns(ends->namespaces[end], CLONE_NEWNET) == 0;
}

/* ---- a device ---- */

static struct sockaddr address_of(const char *text) {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
	} a = {.in = {.sin_family = AF_INET}};
	if (text)
		inet_pton(AF_INET, text, &a.in.sin_addr);
	return a.any;
}

static bool set_up(int control, const char *name) {
	struct ifreq r = {.ifr_flags = IFF_UP | IFF_RUNNING};
	strcpy(r.ifr_name, name);
	return ioctl(control, SIOCSIFFLAGS, &r) == 0;
}

static bool set_address(int control, unsigned long request, const char *text) {
	struct ifreq r = {.ifr_addr = address_of(text)};
	strcpy(r.ifr_name, DEVICE);
	return ioctl(control, request, &r) == 0;
}

static bool set_route(int control) {
	static char name[] = DEVICE;
	struct rtentry r = {.rt_dst = address_of(NULL), .rt_genmask = address_of(NULL), .rt_flags = RTF_UP, .rt_dev = name};
	return ioctl(control, SIOCADDRT, &r) == 0;
}

/* Root of a user namespace may not do that; its line has the 500 of the kernel. */
static void set_queue(int control) {
	struct ifreq r = {.ifr_qlen = DEVICE_QUEUE};
	strcpy(r.ifr_name, DEVICE);
	ioctl(control, SIOCSIFTXQLEN, &r);
}

/* Without IPv6 the kernel sends nothing of its own over the device, so that the dice meet the same packets in each run. */
static bool configure(int control, int end) {
	write_file("/proc/sys/net/ipv6/conf/" DEVICE "/disable_ipv6", "1");
	set_queue(control);
	return set_address(control, SIOCSIFADDR, line_addresses[end]) &&
	       set_address(control, SIOCSIFDSTADDR, line_addresses[!end]) &&
	       set_address(control, SIOCSIFNETMASK, "255.255.255.255") && set_up(control, "lo") && set_up(control, DEVICE) &&
	       set_route(control);
}

static int make_device(bool trains) {
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	strcpy(r.ifr_name, DEVICE);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (ioctl(fd, TUNSETIFF, &r)) {
		close(fd);
		return -1;
	}
	if (!trains || ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6))
		ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM);
	return fd;
}

/* ---- both ---- */

static const char *open_end(struct line_ends *ends, int end, bool trains) {
	if ((ends->namespaces[end] = make_namespace()) < 0)
		return sentence("this user may not make network namespaces (%s)", strerror(errno));
	if ((ends->devices[end] = make_device(trains)) < 0)
		return sentence("there is no tun device to be had from /dev/net/tun (%s)", strerror(errno));
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool done = control >= 0 && configure(control, end);
	int error = errno;
	if (control >= 0)
		close(control);
	return done ? NULL : sentence("a device could not be given its address (%s)", strerror(error));
}

const char *line_ends_open(struct line_ends *ends, bool trains) {
	*ends = (struct line_ends){{-1, -1}, {-1, -1}};
	const char *wrong = open_end(ends, LINE_A, trains);
	if (!wrong)
		wrong = open_end(ends, LINE_B, trains);
	if (wrong)
		line_ends_close(ends);
	return wrong;
}

void line_ends_close(struct line_ends *ends) {
	for (int i = 0; i < 2; i++) {
		if (ends->devices[i] >= 0)
			close(ends->devices[i]);
		if (ends->namespaces[i] >= 0)
			close(ends->namespaces[i]);
	}
	*ends = (struct line_ends){{-1, -1}, {-1, -1}};
}

/* proc(5), /proc/net/dev: the twelfth number of a device is what it dropped of what was sent. */
uint64_t line_ends_missed(const struct line_ends *ends, int end) {
	char text[512];
	unsigned long long missed = 0;
	if (!line_ends_enter(ends, end))
		return 0;
	FILE *f = fopen("/proc/thread-self/net/dev", "r");
	while (f && fgets(text, sizeof text, f))
		if (sscanf(text, " " DEVICE ": %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", &missed) == 1)
			break;
	if (f)
		fclose(f);
	return missed;
}
