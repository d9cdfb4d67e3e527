/* train.c: the headers of train.h. */
#include "line/train.h"

#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "base/bytes.h"

/* Linux 6.2. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define VNET sizeof(struct virtio_net_hdr)
#define UDP 8

static size_t ip_header(const uint8_t *ip) {
	return (size_t)(ip[0] & 15) * 4;
}

/* Of the payloads in a train; 0: it is one packet. */
static uint32_t payload_size(const uint8_t *memory) {
	struct virtio_net_hdr head;
	memcpy(&head, memory, VNET);
	return head.gso_type == VIRTIO_NET_HDR_GSO_UDP_L4 ? head.gso_size : 0;
}

bool line_train_read(struct line_train *t, const uint8_t *memory, size_t len) {
	const uint8_t *ip = memory + VNET;
	if (len < VNET + 20 || ip[0] >> 4 != 4 || len < VNET + ip_header(ip) + UDP)
		return false;
	uint32_t heads = (uint32_t)ip_header(ip) + UDP, payload = payload_size(memory), all = (uint32_t)(len - VNET - heads);
	*t = (struct line_train){.len = (uint32_t)len, .count = 1, .bytes = heads + all};
	t->segment = t->bytes;
	if (payload == 0 || payload >= all)
		return true;
	t->count = (all + payload - 1) / payload;
	t->segment = heads + payload;
	t->bytes = all + t->count * heads;
	return true;
}

/* ---- a part ---- */

/* RFC 1071, over an even number of bytes; not inverted. */
static uint16_t sum_of(const uint8_t *p, size_t len, uint32_t sum) {
	for (size_t i = 0; i < len; i += 2)
		sum += get_be16(p + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* IP's identification counts up from packet to packet, as the kernel does it. The sum of UDP is left to be completed (virtio's
 * NEEDS_CSUM): it is that of the pseudo-header. */
static void make_headers(uint8_t *ip, uint32_t first, size_t payload) {
	size_t header = ip_header(ip);
	uint8_t *udp = ip + header;
	put_be16(ip + 2, (uint16_t)(header + UDP + payload));
	put_be16(ip + 4, (uint16_t)(get_be16(ip + 4) + first));
	put_be16(ip + 10, 0);
	put_be16(ip + 10, (uint16_t)~sum_of(ip, header, 0));
	put_be16(udp + 4, (uint16_t)(UDP + payload));
	put_be16(udp + 6, sum_of(ip + 12, 8, (uint32_t)(IPPROTO_UDP + UDP + payload)));
}

void line_train_cut(const struct line_run *run, uint8_t heads[LINE_HEADS_MAX], struct iovec pieces[2]) {
	struct virtio_net_hdr head;
	size_t each = payload_size(run->memory), headers = VNET + ip_header(run->memory + VNET) + UDP;
	size_t from = headers + run->first * each, to = from + run->count * each;
	if (each == 0 || to > run->len)
		to = run->len;
	memcpy(heads, run->memory, headers);
	pieces[0] = (struct iovec){heads, headers};
	pieces[1] = (struct iovec){(void *)(run->memory + from), to - from};
	if (from == headers && to == run->len)
		return; /* all of it, as it is */
	memcpy(&head, heads, VNET);
	if (run->count == 1)
		head.gso_type = head.gso_size = 0;
	memcpy(heads, &head, VNET);
	make_headers(heads + VNET, run->first, to - from);
}
