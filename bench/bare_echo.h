/* bare_echo: one end of an echo with DTLS, one UDP socket, and nothing above them: what sluice's round trips are held against.
 *
 * OpenSSL's DTLS 1.2 records (AES-128-GCM), one datagram a message. The end sleeps in epoll_wait until a datagram is there, or
 * spins: it asks the socket without a pause. It uses nothing of src/. */
#ifndef BENCH_BARE_ECHO_H
#define BENCH_BARE_ECHO_H

#include <stdbool.h>

#include "openssl_pair.h"

#define BARE_ECHO_MESSAGE 1024

struct bare_echo {
	int fd, epoll;
	bool spins;
	struct openssl_end *end;
};

/* Two connected sockets on loopback. */
void bare_echo_sockets(int fds[2]);
void bare_echo_open(struct bare_echo *e, int fd, struct openssl_end *end, bool spins);
void bare_echo_close(struct bare_echo *e);
void bare_echo_send(struct bare_echo *e, const uint8_t *message);
/* Waits for the next message. */
void bare_echo_receive(struct bare_echo *e, uint8_t *message);

#endif
