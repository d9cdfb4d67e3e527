#!/bin/sh
# Does scripts/run-tests run the tests whose name holds one of the parts in ONLY, and no others?
. "$(dirname "$0")/script.sh"

mkdir "$scratch/tests"
for name in one two three; do
	printf '#!/bin/sh\n[ %s != three ]\n' $name >"$scratch/tests/test_$name"
	chmod +x "$scratch/tests/test_$name"
done

ran() { # $1 ONLY, $2 the names that must have run, $3 the last line
	ONLY=$1 OUT="$scratch/out" SKIPPED='' scripts/run-tests "$scratch"/tests/* >"$scratch/said" || true
	names=$(sed -n 's/^\(ok\|FAIL\)  *test_\([a-z]*\).*/\2/p' "$scratch/said" | sort | tr '\n' ' ')
	[ "$names" = "$2" ] || { cat "$scratch/said"; fail "ONLY='$1' ran: $names"; }
	[ "$(tail -n 1 "$scratch/said")" = "$3" ] || { cat "$scratch/said"; fail "the last line with ONLY='$1'"; }
}

ran '' 'one three two ' '2 passed, 1 failed'
ran 'one' 'one ' '1 passed, 0 failed'
ran 'test_t' 'three two ' '1 passed, 1 failed'
ran 'one two' 'one two ' '2 passed, 0 failed'
ran 'one test_o' 'one ' '1 passed, 0 failed'
ran ' two  nothing ' 'two ' '1 passed, 0 failed'
ran 'nothing' '' '0 passed, 0 failed'
