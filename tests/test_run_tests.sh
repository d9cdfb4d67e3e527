#!/bin/sh
# Does scripts/run-tests run the tests whose name holds one of the parts in ONLY, and no others? Do they end with it, and leave
# nothing behind?
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
grep -qx 'no test has one of these in its name: nothing' "$scratch/said" || fail 'it does not say that no name fits'

# A test that runs for a minute, when run-tests is told to end. Its scratch folder is below $scratch.
cat >"$scratch/tests/test_long" <<END
#!/bin/sh
TMPDIR=$scratch/below
export TMPDIR
mkdir "\$TMPDIR"
. "$PWD/tests/script.sh"
echo \$\$ >"$scratch/pid"
sleep 60
END
chmod +x "$scratch/tests/test_long"
ONLY='' OUT="$scratch/out" SKIPPED='' setsid scripts/run-tests "$scratch/tests/test_long" >"$scratch/said" 2>&1 &
runner=$!
holds_soon() { # within ten seconds
	for _ in $(seq 200); do
		! "$@" || return 0
		sleep 0.05
	done
	return 1
}
holds_soon test -s "$scratch/pid" || fail 'the long test does not begin'
kill -s TERM -- -$runner
wait $runner || true
gone() {
	! kill -0 "$(cat "$scratch/pid")" 2>/dev/null
}
holds_soon gone || fail 'a test goes on when run-tests has ended'
[ -z "$(ls "$scratch/below")" ] || fail 'an interrupted test leaves its folder behind'
