/* buffers: when does OpenSSL hold memory for records?
 *
 * An SSL keeps one buffer of 16.7 KB to read a record into and a small one to write one from, for as long as it lives. A peer
 * that is idle needs neither, and a server has thousands of idle peers. So the buffers are freed when no record passed for some
 * seconds, and made again (two allocations) before the next one. The write buffer is made larger when the path is found to carry
 * more. This file knows no handshake: while that lasts, nothing is freed. */
#ifndef DTLS_BUFFERS_H
#define DTLS_BUFFERS_H

#include "dtls/connection.h"

/* A write buffer large enough for packets of an ordinary path. */
void buffers_init(struct dtls *d);
/* Makes the buffers again. False: no memory. Call buffers_exist or buffers_ready instead. */
bool buffers_make(struct dtls *d);
/* Makes the write buffer large enough for any record. Call buffers_hold instead: small connections stay small. */
bool buffers_grow(struct dtls *d);
/* Each verb that has the time calls this: a verb that used the buffers puts off their release. */
void buffers_note_time(struct dtls *d, uint64_t now);
/* Frees them when their time has come. */
void buffers_advance(struct dtls *d, uint64_t now);

/* Before a record is sealed or opened. False: no memory. */
static inline bool buffers_exist(struct dtls *d) {
	return !d->buffers_released || buffers_make(d);
}

/* The same before a record of data, which puts off the next release. */
static inline bool buffers_ready(struct dtls *d) {
	d->buffers_used = true;
	return buffers_exist(d);
}

/* Before a record with `size` bytes of plaintext is written. False: no memory. */
static inline bool buffers_hold(struct dtls *d, size_t size) {
	return size <= d->write_max || buffers_grow(d);
}

#endif
