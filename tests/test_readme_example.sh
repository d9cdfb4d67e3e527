#!/bin/sh
# Do the C examples in the README compile, without a warning, against the library as users get it, do they run, and do they say
# what they should?
. "$(dirname "$0")/script.sh"

[ -e README.md ] || skip 'there is no README.md'
number=0
while number=$((number + 1)) && scripts/extract-example README.md $number >"$scratch/example.c"; do
	$CC -Wall -Wextra -Werror $SAN_FLAGS -Iinclude "$scratch/example.c" "$OUT/libsluice.a" $LIBS -o "$scratch/example" ||
		fail "example $number does not compile"
	timeout 60 "$scratch/example" >"$scratch/said" || fail "example $number ended with exit status $?"
	grep -q hello "$scratch/said" || fail "example $number did not say hello"
done
[ $number -gt 2 ] || fail 'README.md has fewer than two C examples between ```c and ```'
