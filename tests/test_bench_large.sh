#!/bin/sh
# Do the benches take their large cases only where BENCH_LARGE says so? make sets the variable in any case, mostly to nothing.
. "$(dirname "$0")/script.sh"

cases() { # $1 BENCH_LARGE, $2 bench
	BENCH_LARGE=$1 "$OUT/bench/bench_$2" --list
}
cases '' idle | grep -q ' 1,000 pairs' || fail 'idle, not large: no 1,000 pairs'
! cases '' idle | grep -q '10,000 pairs' || fail 'idle, not large: 10,000 pairs'
cases 1 idle | grep -q '10,000 pairs' || fail 'idle, large: no 10,000 pairs'
for bench in link fair; do
	[ "$(cases '' $bench | wc -l)" -lt "$(cases 1 $bench | wc -l)" ] || fail "$bench: as many cases, large or not"
done
