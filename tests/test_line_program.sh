#!/bin/sh
# Does the program `line` (bench/line) run a command at one end of a line, tell it how to reach the other end, and leave nothing?
. "$(dirname "$0")/script.sh"

line=$OUT/line
out=$scratch/out

# $1 exit code, the rest: arguments. The output is in $out.
line() {
	expected=$1 code=0
	shift
	"$line" "$@" >"$out" 2>&1 || code=$?
	[ "$code" = "$expected" ] || { cat "$out"; fail "line $*: exit code $code, not $expected"; }
}

line 0 --help
grep -q 'PEER_EXEC' "$out" || fail '--help'
line 2
for words in '--nonsense true' '--rate 0 true' '--rate 1x true' '--rtt -1 true' '--loss 101 true' '--limit 0 true' '--seed'; do
	line 2 $words
done

code=0
"$line" true 2>"$out" || code=$?
[ "$code" != 77 ] || skip "$(sed 's/^line: //' "$out")"

# ---- the command: its status, its end, and the other one ----
line 0 true
line 3 sh -c 'exit 3'
line 127 "$scratch/nobody"
cat >"$scratch/ends" <<'END'
[ "$PEER_HERE $PEER_THERE" = '10.98.0.1 10.98.0.2' ] || exit 1
here=$(readlink /proc/self/ns/net)
there=$($PEER_EXEC readlink /proc/self/ns/net)
[ -n "$there" ] && [ "$here" != "$there" ]
END
line 0 sh "$scratch/ends"

# ---- the report ----
if command -v python3 >/dev/null; then
	cat >"$scratch/talk.py" <<'END'
import os, socket, subprocess, sys, time
there = os.environ["PEER_THERE"]
if len(sys.argv) > 1:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((there, 5000))
    print("ready", flush=True)
    while True:
        data, sender = s.recvfrom(100)
        s.sendto(data, sender)
other = subprocess.Popen([*os.environ["PEER_EXEC"].split(), sys.executable, sys.argv[0], "echo"], stdout=subprocess.PIPE)
other.stdout.readline()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(30)
begin = time.monotonic()
for _ in range(5):
    s.sendto(b"x", (there, 5000))
    s.recvfrom(100)
assert time.monotonic() - begin >= 0.2, "sooner than five round trips"
END
	line 0 --rtt 40 --report "$scratch/report" python3 "$scratch/talk.py"
	python3 - "$scratch/report" <<'END' || fail 'the report'
import json, sys
said = json.load(open(sys.argv[1]))
for way in ("there", "back"):
    found = said[way]
    assert found["packets"] == found["offered"] == 5 and found["bytes"] == 5 * 29, found
    assert found["dropped"] == found["lost"] == found["missed"] == 0, found
assert said["cpu_command_s"] > 0 and said["peak_command_kib"] > 0, said
END
fi

# ---- nothing is left: at the limit, and at Ctrl-C ----
# $1 what happened; the file holds the ids of two processes, one at each end.
gone() {
	for id in $(cat "$scratch/ids"); do
		[ ! -e "/proc/$id" ] || fail "$1: process $id is left"
	done
}
cat >"$scratch/long" <<END
sleep 100 &
echo \$! >"$scratch/ids"
\$PEER_EXEC sleep 100 &
echo \$! >>"$scratch/ids"
: >"$scratch/began"
wait
END
line 124 --limit 1 sh "$scratch/long"
[ "$(wc -l <"$scratch/ids")" = 2 ] || fail 'the command did not run'
gone 'at the limit'

rm "$scratch/began"
"$line" sh "$scratch/long" >"$out" 2>&1 &
id=$!
for i in $(seq 100); do [ -e "$scratch/began" ] || sleep 0.1; done
kill -TERM $id
code=0
wait $id || code=$?
[ "$code" = 143 ] || fail "SIGTERM: exit code $code"
gone 'at a signal'
