#!/bin/sh
# Does libsluice.a export nothing but sluice_*, and does it run beside libusrsctp in one program?
. "$(dirname "$0")/script.sh"

others=$(nm -g --defined-only "$OUT/libsluice.a" | awk 'NF == 3 && $3 !~ /^sluice_/ { print $3 }')
[ -z "$others" ] || fail "libsluice.a exports more than sluice_*:" $others
others=$(nm -D --defined-only "$OUT/libsluice.so" | awk 'NF == 3 && $3 !~ /^sluice_/ { print $3 }')
[ -z "$others" ] || fail "libsluice.so exports more than sluice_*:" $others
nm -g --defined-only "$OUT/libsluice.a" | awk 'NF == 3 { print $3 }' | sort >"$scratch/static"
nm -D --defined-only "$OUT/libsluice.so" | awk 'NF == 3 { print $3 }' | sort >"$scratch/shared"
[ -s "$scratch/static" ] || fail 'libsluice.a exports nothing at all'
cmp -s "$scratch/static" "$scratch/shared" || fail 'the two libraries export different names:' $(diff "$scratch/static" "$scratch/shared")

# usrsctp's archive where there is one: then both sets of symbols meet in one link.
echo '#include <usrsctp.h>' | $CC -E -x c - >/dev/null 2>&1 || skip 'libusrsctp-dev is not installed (scripts/deps installs it)'
usrsctp=-lusrsctp
echo 'int main(void) { return 0; }' >"$scratch/empty.c"
$CC $SAN_FLAGS "$scratch/empty.c" -l:libusrsctp.a -lpthread -o "$scratch/empty" 2>/dev/null && usrsctp=-l:libusrsctp.a

$CC -std=gnu11 -Wall -Wextra $SAN_FLAGS -Iinclude tests/programs/beside_usrsctp.c "$OUT/libsluice.a" $usrsctp $LIBS -lpthread -o "$scratch/both"
state=$(timeout 60 "$scratch/both") || fail "the association with usrsctp did not come up: $state"
echo "with $usrsctp: $state"
