/* dtls_peers: the cases that our DTLS has to pass against every other stack. A test program brings the stack. */
#ifndef TESTS_DTLS_PEERS_H
#define TESTS_DTLS_PEERS_H

#include "dtls_stack.h"

/* Runs all cases; argv[1] is a part of the names of those wanted. Returns the exit status. */
int dtls_peers_main(const struct dtls_stack *stack, int argc, char **argv);

#endif
