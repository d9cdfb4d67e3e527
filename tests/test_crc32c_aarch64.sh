#!/bin/sh
# Do src/base and src/wire build for aarch64, and is the checksum right there, by the CPU's instructions and without them? By a
# cross compiler and an emulator, where both are installed: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user.
. "$(dirname "$0")/script.sh"

cross=aarch64-linux-gnu-gcc
root=/usr/aarch64-linux-gnu
flags='-std=gnu11 -O2 -Wall -Wextra -Wshadow -Werror -D_GNU_SOURCE -Iinclude -Isrc'
command -v "$cross" >"$scratch/where" || skip "there is no $cross"
command -v qemu-aarch64 >"$scratch/where" || skip 'there is no qemu-aarch64'
[ -e "$root/include/pthread.h" ] || skip 'there is no C library for aarch64'

for source in src/base/*.c src/wire/*.c; do
	# shellcheck disable=SC2086 # flags are words
	"$cross" $flags -c "$source" -o "$scratch/$(basename "$source").o" || fail "$source does not build"
done

# The emulated CPU has CRC32 and PMULL, so the choice at run time finds them. The test asks for each implementation by itself.
# shellcheck disable=SC2086
"$cross" $flags -Itests/cross -Itests tests/test_crc32c.c "$scratch/crc32c.c.o" -o "$scratch/test" -pthread || fail 'the test does not build'
qemu-aarch64 -L "$root" -cpu max "$scratch/test" >"$scratch/said" || fail 'a test fails'
[ "$(cat "$scratch/said")" = "$(grep -c '^START_TEST(test_' tests/test_crc32c.c | awk '{ print $1 - 2 }') tests passed" ] || fail 'not every test ran:' "$(cat "$scratch/said")"

# They are chosen, and not only there.
cat >"$scratch/chosen.c" <<'END'
#include "base/crc32c.h"
int main(void) {
	return !crc32c_implementation(1) || !crc32c_implementation(2) || !crc32c_packet_implementation(2);
}
END
# shellcheck disable=SC2086
"$cross" $flags "$scratch/chosen.c" "$scratch/crc32c.c.o" -o "$scratch/chosen" || fail 'chosen.c does not build'
qemu-aarch64 -L "$root" -cpu max "$scratch/chosen" || fail 'the instructions are not used'
