/* tools: what the subcommands of `sluice` share. They make their connections by the public API, as any app would. Of the
 * library's own folders they take helpers: texts, addresses and hashes, STUN messages (probe), the names of the congestion
 * controls. */
#ifndef TOOLS_TOOLS_H
#define TOOLS_TOOLS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/address.h"

/* Exit codes of every subcommand. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,        /* it was tried and did not work; stderr says why */
	EXIT_USAGE = 2,         /* the command line is wrong */
	EXIT_INTERRUPTED = 130, /* Ctrl-C, as shells count it */
};

int cat_main(int argc, char **argv);
int echo_main(int argc, char **argv);
int forward_main(int argc, char **argv);
int media_main(int argc, char **argv);
int perf_main(int argc, char **argv);
int probe_main(int argc, char **argv);
int receive_main(int argc, char **argv);
int send_main(int argc, char **argv);
int serve_main(int argc, char **argv);

/* Before the process ends. Returns the exit code, or EXIT_FAILED when standard output could not be written. */
int finish_output(int exit_code);
/* One line to `to`, with `before` in front and a newline behind. The message is made fit for a terminal (text_line in
 * base/text.h) and cut to 2,047 bytes. */
__attribute__((format(printf, 3, 0))) void say_line(FILE *to, const char *before, const char *format, va_list args);
/* The same to stderr, with "sluice: " in front, and to stdout. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);
__attribute__((format(printf, 1, 2))) void print_line(const char *format, ...);
/* Like complain() for a wrong command line: says where help is, and returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int usage_error(const char *command, const char *format, ...);

/* ---- parse.c: each takes the whole text or nothing ---- */

bool parse_unsigned(const char *text, uint64_t min, uint64_t max, uint64_t *out);
bool parse_seconds(const char *text, double min, double max, double *out);
/* "host:port", "[v6]:port". Returns NULL, or what is wrong with it. */
const char *parse_address(const char *text, struct sockaddr_storage *addr, socklen_t *len);
/* The same for an address of ours; port 0: any. */
const char *parse_local_address(const char *text, struct sockaddr_storage *addr, socklen_t *len);
/* A numeric address without a port. */
bool parse_host(const char *text, struct sockaddr_storage *addr, socklen_t *len);
/* The reverse of parse_address, numerically. */
void format_address(const struct sockaddr_storage *addr, socklen_t len, char *text, size_t size);

#endif
