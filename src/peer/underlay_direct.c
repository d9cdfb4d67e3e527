/* underlay_direct: the peer speaks with one address, which was given or is learnt from the first record that comes.
 *
 * While the handshake runs, other addresses may not speak. Once DTLS is up every record has to authenticate, so anybody may, and
 * the path follows the genuine ones (a NAT gave the other side a new address, or it moved). */
#include "peer/path.h"
#include "peer/underlay.h"

/* An address that was neither given nor learnt is learnt from a datagram that looks like DTLS. A driver whose wire has no
 * addresses names none, and then anything that came is from the other side. */
static bool may_speak(struct underlay *u, const sluice_path *path, const sluice_datagram *d) {
	if (!path || !path->remote_len) {
		u->heard |= path_is_dtls(d);
		return true;
	}
	if (u->path.remote_len)
		return u->secure || path_equal(path, &u->path);
	if (!path_is_dtls(d))
		return false;
	u->path = *path;
	return true;
}

static bool next(struct underlay *u, struct underlay_input *in, struct underlay_span *out, uint64_t now) {
	(void)now;
	if (in->at == in->count)
		return false;
	sluice_datagram *d = in->datagrams + in->at;
	enum packet_kind kind = packet_kind_of(d->data, d->len);
	size_t left = in->count - in->at, n = 1;
	while (n < left && packet_kind_of(d[n].data, d[n].len) == kind)
		n++;
	in->at += n;
	*out = (struct underlay_span){
		.kind = may_speak(u, in->path, d) ? kind : PACKET_UNKNOWN, .path = in->path, .datagrams = d, .count = n};
	return true;
}

static bool proved(struct underlay *u, const sluice_path *path, uint64_t now) {
	(void)now;
	if (!path->remote_len || path_equal(path, &u->path))
		return false;
	env_log(u->env, SLUICE_LOG_INFO, "peer: the other side speaks from a new address");
	u->path = *path;
	return true;
}

static void secured(struct underlay *u, bool client) {
	(void)client;
	u->secure = true;
}

static int finish(struct underlay *u, sluice_batch *batch, uint64_t now) {
	(void)now;
	batch->path = u->path;
	return 0;
}

/* A server that waits for whoever comes has nobody yet whose silence would mean anything. */
static bool can_start(const struct underlay *u, bool client) {
	return client || u->path.remote_len || u->heard;
}

static bool admits(const struct underlay *u, const sluice_path *path) {
	return path_equal(path, &u->path);
}

static bool check(const struct underlay *u) {
	return u->routed && !u->ice && !u->plain && !u->sped;
}

static const struct underlay_ops direct = {
	.next = next,
	.proved = proved,
	.secured = secured,
	.finish = finish,
	.can_start = can_start,
	.admits = admits,
	.check = check,
};

void underlay_direct_init(struct underlay *u, sluice_env *env, const sluice_path *path) {
	*u = (struct underlay){.ops = &direct, .env = env, .path = *path, .routed = true};
}
