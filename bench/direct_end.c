/* direct_end.c: sockets, certificates and peers of direct_end.h. */
#include "direct_end.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

/* What one end has to know of the other one. */
struct hello {
	struct sockaddr_storage address;
	socklen_t address_len;
	sluice_fingerprint fingerprint;
};

static sluice_socket *bound_socket(struct direct_end *e, const char *address, struct hello *own) {
	struct sockaddr_in local = {.sin_family = AF_INET};
	sluice_socket_config config = {.local = (struct sockaddr *)&local, .local_len = sizeof local};
	sluice_socket *socket;
	own->address_len = sizeof own->address;
	BENCH_MUST(inet_pton(AF_INET, address, &local.sin_addr) == 1);
	BENCH_MUST(sluice_socket_open(e->loop, &config, &socket) == 0);
	BENCH_MUST(sluice_socket_address(socket, &own->address, &own->address_len) == 0);
	BENCH_MUST(sluice_certificate_generate(&e->certificate) == 0);
	BENCH_MUST(sluice_certificate_fingerprint(e->certificate, SLUICE_SHA256, &own->fingerprint) == 0);
	return socket;
}

void direct_end_open(struct direct_end *e, int line, const char *address, sluice_peer_config *config) {
	struct hello own = {0}, other;
	BENCH_MUST(sluice_loop_new(bench_env(), NULL, &e->loop) == 0);
	sluice_socket *socket = bound_socket(e, address, &own);
	BENCH_MUST(write(line, &own, sizeof own) == sizeof own && read(line, &other, sizeof other) == sizeof other);
	config->certificate = e->certificate;
	config->remote_fingerprint = other.fingerprint;
	config->path.remote = other.address;
	config->path.remote_len = other.address_len;
	BENCH_MUST(sluice_peer_new(bench_env(), config, &e->peer) == 0 && sluice_loop_add_socket(e->loop, e->peer, socket) == 0);
	BENCH_MUST(sluice_peer_start(e->peer) == 0);
}

void direct_end_close(struct direct_end *e) {
	sluice_peer_free(e->peer);
	sluice_loop_free(e->loop);
	sluice_certificate_release(e->certificate);
}
