/* target: what every fuzz target defines, and the assertion that it uses.
 *
 * libFuzzer calls these functions by name; replay.c does so for the build without it. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "sim/must.h"

/* As many of the bytes that a step wants as are left. */
static inline size_t target_left(const uint8_t *at, const uint8_t *end, size_t want) {
	return (size_t)(end - at) < want ? (size_t)(end - at) : want;
}

/* One input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs once before the first input. A target that needs no set-up does not define it. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

#endif
