#!/bin/sh
# Does `sluice cat` carry bytes both ways whatever joins the two ends, wait for a slow reader, and end as it should?
. "$(dirname "$0")/script.sh"
. tests/tool.sh

random 3000000 "$scratch/a"
random 2000000 "$scratch/b"
: >"$scratch/nothing"

crossed() { # what each end printed is what the other one read
	cmp "$scratch/a" "$scratch/two.out" || fail "$1: from one to two"
	cmp "$scratch/b" "$scratch/one.out" || fail "$1: from two to one"
}

# $1: what the ends are told; both read a file and end with it.
both_ways() {
	start one "$scratch/a" cat $here $1
	one=$pid
	start two "$scratch/b" cat $here ${2-$1}
	two=$pid
	ended $one 0 "$1, one"
	ended $two 0 "$1, two"
	crossed "$1"
}

# ---- every way to meet ----

both_ways "--signal $scratch/room"
[ ! -e "$scratch/room" ] && [ ! -e "$scratch/room.answer" ] || fail 'files of the signalling were left'
both_ways "--signal $scratch/room --snap --sped" # up before the answer was read
both_ways "--signal $scratch/room --answer" "--signal $scratch/room --offer"
both_ways "--signal tcp:127.0.0.1:$port"
both_ways "--signal tcp:127.0.0.1:$port --snap --sped"
both_ways "--signal tcp:127.0.0.1:$port#a-secret"

# The secret of one end is another: that end fails and says why; the other one waits on and meets who has the right one.
start one "$scratch/a" cat $here --verbose --signal "tcp:127.0.0.1:$port#right" --listen
one=$pid
until_true grep -q listening "$scratch/one.err"
run 1 cat $here --signal "tcp:127.0.0.1:$port#wrong"
grep -q 'is the secret the same' "$err" || { cat "$err"; fail 'another secret: no clear message'; }
! grep -q wrong "$err" || fail 'a secret was printed'
start two "$scratch/b" cat $here --signal "tcp:127.0.0.1:$port#right"
ended $pid 0 'the right secret, two'
ended $one 0 'the right secret, one'
grep -q 'another secret' "$scratch/one.err" || { cat "$scratch/one.err"; fail 'a caller with another secret goes unnoticed'; }
crossed 'the right secret'

# The one that listens may offer.
start one "$scratch/a" cat $here --verbose --signal "tcp:127.0.0.1:$port" --listen --offer
one=$pid
until_true grep -q listening "$scratch/one.err"
start two "$scratch/b" cat $here --signal "tcp:127.0.0.1:$port" --answer
ended $pid 0 'the listener offers, two'
ended $one 0 'the listener offers, one'
crossed 'the listener offers'

# By lines: what one end prints on stderr is the first line of the other's stdin; data follows behind it.
by_lines() { # $1 and $2: roles
	rm -f "$scratch"/*.in "$scratch"/*.err
	mkfifo "$scratch/one.in" "$scratch/two.in"
	start one "$scratch/one.in" cat $here --signal - $1
	one=$pid
	start two "$scratch/two.in" cat $here --signal - $2
	two=$pid
	exec 3>"$scratch/one.in" 4>"$scratch/two.in"
	until_true test -s "$scratch/one.err"
	cat "$scratch/one.err" "$scratch/b" >&4 &
	feeder=$!
	exec 4>&-
	lines=1
	[ "$2" = --answer ] || lines=2 # it offered as well
	until_true sh -c "[ \$(wc -l <'$scratch/two.err') = $lines ]"
	tail -n 1 "$scratch/two.err" | cat - "$scratch/a" >&3 &
	exec 3>&-
	ended $one 0 'by lines, one'
	ended $two 0 'by lines, two'
	wait $feeder
	crossed 'by lines'
}
by_lines --offer --answer
by_lines '' '' # both offer: the one that is given an offer answers it

# By a room of a server.
start serve /dev/null serve --http 127.0.0.1:0
serve=$pid
until_true grep -q 'http://127.0.0.1:' "$scratch/serve.out" "$scratch/serve.err"
url=$(sed -n 's|.*\(http://127.0.0.1:[0-9]*\).*|\1|p' "$scratch/serve.out" "$scratch/serve.err" | head -n 1)
both_ways "--signal $url/room/one"
both_ways "--signal $url/room/one --snap --sped"
both_ways "--signal $url/room/one --answer" "--signal $url/room/one --offer"
run 1 cat $here --timeout 1 --signal "$url/room/empty"
grep -q 'the other side to come to' "$err" || { cat "$err"; fail 'an empty room: no clear message'; }
run 1 cat $here --timeout 5 --signal "$url/nonsense/x"
grep -q '404' "$err" || { cat "$err"; fail 'no room: no clear message'; }
kill -TERM "$(inner $serve)"
wait $serve || true

# ---- one way ----

start one "$scratch/a" cat $here --signal "$scratch/room"
one=$pid
start two /dev/null cat $here --signal "$scratch/room"
two=$pid
ended $one 0 'one way, one'
ended $two 0 'one way, two'
cmp "$scratch/a" "$scratch/two.out" || fail 'one way'
both_empty() {
	start one /dev/null cat $here --signal "$scratch/room"
	one=$pid
	start two /dev/null cat $here --signal "$scratch/room"
	two=$pid
	ended $one 0 'nothing, one'
	ended $two 0 'nothing, two'
}
both_empty

# An answer behind the end of the question: the other direction goes on.
mkfifo "$scratch/late"
start one "$scratch/a" cat $here --signal "$scratch/room"
one=$pid
start two "$scratch/late" cat $here --signal "$scratch/room"
two=$pid
exec 3>"$scratch/late"
until_true cmp -s "$scratch/a" "$scratch/two.out"
cat "$scratch/b" >&3
exec 3>&-
ended $one 0 'a late answer, one'
ended $two 0 'a late answer, two'
crossed 'a late answer'

# ---- a slow reader ----

mkfifo "$scratch/slow"
random 40000000 "$scratch/big"
timeout -k 2 100 "$sluice" cat $here --signal "$scratch/room" <"$scratch/big" >/dev/null 2>"$scratch/one.err" &
one=$!
timeout -k 2 100 "$sluice" cat $here --signal "$scratch/room" </dev/null >"$scratch/slow" 2>"$scratch/two.err" &
two=$!
exec 3<"$scratch/slow"
sleep 1.5
kill -0 $one 2>/dev/null || fail 'a slow reader: the sender did not wait'
for p in $one $two; do
	held=$(sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$(inner $p)/status")
	[ "${held:-0}" -lt 36000 ] || [ -n "$SAN_FLAGS" ] || fail "a slow reader: $held kB are held"
done
cmp - "$scratch/big" <&3 || fail 'a slow reader: other bytes'
exec 3<&-
ended $one 0 'a slow reader, one'
ended $two 0 'a slow reader, two'

# A reader that goes away.
started=$(date +%s)
timeout -k 2 100 "$sluice" cat $here --signal "$scratch/room" <"$scratch/big" >/dev/null 2>"$scratch/one.err" &
one=$!
code=0
{ timeout -k 2 100 "$sluice" cat $here --signal "$scratch/room" </dev/null 2>"$scratch/two.err" || echo $? >"$scratch/code"; } | head -c 1000 >/dev/null
[ "$(cat "$scratch/code")" = 1 ] && grep -q 'standard output' "$scratch/two.err" || { cat "$scratch/two.err"; fail 'a reader that goes away'; }
ended $one 1 'a reader that goes away, the other end'
[ $(($(date +%s) - started)) -lt 20 ] || fail 'a reader that goes away: it took too long'

# ---- Ctrl-C ----

mkfifo "$scratch/open"
exec 5<>"$scratch/open"
interrupted() { # $1: the signal
	start one "$scratch/open" cat $here --verbose --signal "$scratch/room"
	one=$pid
	start two "$scratch/open" cat $here --verbose --signal "$scratch/room"
	two=$pid
	until_true is_connected one
	until_true is_connected two
	kill -s "$1" "$(inner $one)"
	ended $one 130 "$1"
	ended $two 0 "$1, the other end"
}
interrupted INT
interrupted TERM
start one "$scratch/open" cat $here --signal "$scratch/room"
one=$pid
until_true test -e "$scratch/room"
kill -s INT "$(inner $one)"
ended $one 130 'Ctrl-C while waiting'
[ ! -e "$scratch/room" ] || fail 'Ctrl-C while waiting: the offer was left'

# ---- a reader that goes ----

start one "$scratch/a" cat $here --signal "$scratch/room"
one=$pid
timeout -k 2 60 "$sluice" cat $here --signal "$scratch/room" </dev/null 2>"$scratch/two.err" | head -c 10 >/dev/null
[ "$(grep -c 'cannot write to standard output' "$scratch/two.err")" = 1 ] ||
	{ cat "$scratch/two.err"; fail 'a broken pipe is said once'; }
wait $one || true

# ---- nobody there, or not any more ----

wrong cat --signal udp:1
grep -q 'tcp:HOST:PORT' "$err" || { cat "$err"; fail 'a way to meet that there is not'; }

started=$(date +%s)
start one "$scratch/open" cat $here --timeout 2 --verbose --signal "$scratch/room"
one=$pid
start two "$scratch/open" cat $here --verbose --signal "$scratch/room"
two=$pid
until_true is_connected one
kill -KILL "$(inner $two)"
ended $one 1 'a dead peer'
grep -q 'the connection broke' "$scratch/one.err" || { cat "$scratch/one.err"; fail 'a dead peer: no clear message'; }
wait $two || true
run 1 cat $here --timeout 0.5 --signal "$scratch/room"
grep -q "room.answer" "$err" || { cat "$err"; fail 'nobody comes: no clear message'; }
run 1 cat $here --timeout 1.5 --signal "tcp:127.0.0.1:$port"
grep -q "waiting for the other side to connect to 127.0.0.1:$port" "$err" || { cat "$err"; fail 'it waits without a word'; }
run 1 cat $here --timeout 0.5 --signal "tcp:127.0.0.1:$port"
grep -q "127.0.0.1:$port" "$err" || { cat "$err"; fail 'nobody connects: no clear message'; }
run 1 cat $here --timeout 0.5 --signal "http://127.0.0.1:9/room/x"
grep -q 'refused' "$err" || { cat "$err"; fail 'no server: no clear message'; }
run 1 cat $here --timeout 5 --signal -
grep -q 'ended before' "$err" || { cat "$err"; fail 'no line: no clear message'; }
run 1 cat --bind 192.0.2.1 --timeout 5 --signal "$scratch/room"
grep -qi 'address' "$err" || { cat "$err"; fail 'an address that is not ours: no clear message'; }
[ $(($(date +%s) - started)) -lt 30 ] || fail 'nobody there: it took too long'

# An offer whose maker is gone: how far did it come?
start one "$scratch/open" cat $here --signal "$scratch/room"
one=$pid
until_true test -e "$scratch/room"
cp "$scratch/room" "$scratch/kept"
kill -KILL "$(inner $one)"
wait $one || true
mv "$scratch/kept" "$scratch/room"
run 1 cat $here --timeout 1 --signal "$scratch/room"
grep -q 'no path was found' "$err" || { cat "$err"; fail 'an old offer: no clear message'; }
rm -f "$scratch/room"

# Lines that are none.
code=0
echo 'hello' | timeout 20 "$sluice" cat $here --signal - 2>"$err" || code=$?
[ $code = 1 ] && grep -q 'cannot be used' "$err" || fail "a line that is none: exit code $code"
code=0
echo '{"type":"answer","sdp":"v=0"}' | timeout 20 "$sluice" cat $here --signal - 2>"$err" || code=$?
[ $code = 1 ] && grep -q 'answer cannot be used' "$err" || { cat "$err"; fail "an answer that is none: exit code $code"; }

# ---- the command line ----

run 0 cat --help
grep -q -- '--signal' "$out" || fail 'cat --help'
wrong cat stray
wrong cat --nonsense
wrong cat --signal
wrong cat --signal ''
wrong cat --offer --answer
wrong cat --listen
wrong cat --signal http://127.0.0.1:1
wrong cat --signal https://127.0.0.1:1
for where in 127.0.0.1 127.0.0.1: :7 '[]:7' 127.0.0.1:0 127.0.0.1:65536 127.0.0.1:x 127.0.0.1:7# "$(printf 'x%.0s' $(seq 300)):7"; do
	wrong cat --signal "tcp:$where"
done
wrong cat --signal 'tcp:127.0.0.1#a-secret'
! grep -q a-secret "$err" || fail 'a secret was printed'
wrong cat --stun example.org
wrong cat --stun turn:example.org
wrong cat --turn turn:example.org
wrong cat --turn turn:example.org --username a
wrong cat --username a
wrong cat --relay-only
wrong cat --port-range 5
wrong cat --port-range 9-5
wrong cat --port-range 0-5
wrong cat --bind nowhere
wrong cat --bind 0.0.0.0
wrong cat --timeout 0
