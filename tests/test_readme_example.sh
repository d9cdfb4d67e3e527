#!/bin/sh
# Does the C example in the README compile, without a warning, against the library as users get it, and does it run?
. "$(dirname "$0")/script.sh"

[ -e README.md ] || skip 'there is no README.md'
scripts/extract-example README.md >"$scratch/example.c" || fail 'README.md has no C example between ```c and ```'
$CC -Wall -Wextra -Werror $SAN_FLAGS -Iinclude "$scratch/example.c" "$OUT/libsluice.a" $LIBS -o "$scratch/example" || fail 'it does not compile'
timeout 60 "$scratch/example" || fail "it ended with exit status $?"
