#!/bin/sh
# Do `sluice send` and `sluice receive` carry files of every kind, go on where they broke off, and say what was wrong?
. "$(dirname "$0")/script.sh"
. tests/tool.sh

from=$scratch/from
to=$scratch/to
room=$scratch/room
mkdir "$from" "$to"
random 50000000 "$from/big file.bin"
random 12345 "$from/a b 'c' \"d\".txt"
: >"$from/empty"
touch -d @1234567890 "$from/empty"

# $1, $2: exit codes of the sender and the receiver; $3: options of the receiver; the rest: files.
carry() {
	send_code=$1
	receive_code=$2
	receive_options=$3
	shift 3
	start receive /dev/null receive $here --signal "$room" -o "$to" $receive_options
	receiver=$pid
	start send /dev/null send $here --signal "$room" "$@"
	sender=$pid
	ended $sender "$send_code" send
	ended $receiver "$receive_code" receive
}
arrived() {
	for name; do
		cmp "$from/$name" "$to/$name" || fail "$name: differs"
		[ "$(stat -c %Y "$from/$name")" = "$(stat -c %Y "$to/$name")" ] || fail "$name: another time"
		[ ! -e "$to/$name.part" ] && [ ! -e "$to/$name.part.state" ] || fail "$name: parts are left"
	done
}
said() { # $1: the end, $2: what it has to say on stderr
	grep -q -- "$2" "$scratch/$1.err" || { cat "$scratch/$1.err"; fail "$1: no '$2'"; }
}

# ---- files arrive ----

carry 0 0 '' "$from/big file.bin" "$from/a b 'c' \"d\".txt" "$from/empty"
arrived 'big file.bin' "a b 'c' \"d\".txt" empty
[ "$(wc -l <"$scratch/send.out")" = 3 ] && [ "$(wc -l <"$scratch/receive.out")" = 3 ] || fail 'not a line a file'
[ ! -s "$scratch/send.err" ] && [ ! -s "$scratch/receive.err" ] || { cat "$scratch"/*.err; fail 'words without a reason'; }
grep -q '^big file.bin: received 50.0 MB in ' "$scratch/receive.out" || { cat "$scratch/receive.out"; fail 'no summary'; }

# The same again is not sent again; another one of that name gets a name of its own, unless by force.
carry 0 0 '' "$from/big file.bin"
grep -q 'was there already' "$scratch/send.out" || fail 'the same file was sent again'
random 12345 "$from/a b 'c' \"d\".txt"
carry 0 0 '' "$from/a b 'c' \"d\".txt" "$from/empty"
cmp "$from/a b 'c' \"d\".txt" "$to/a b 'c' \"d\" (2).txt" || fail 'another file of the name is not there'
grep -q 'received as a b .* (2).txt, ' "$scratch/receive.out" || { cat "$scratch/receive.out"; fail 'no other name'; }
carry 0 0 --force "$from/a b 'c' \"d\".txt"
arrived "a b 'c' \"d\".txt"

# By lines, as two people would.
rm -f "$to"/*
mkfifo "$scratch/in.send" "$scratch/in.receive"
start send "$scratch/in.send" send $here --signal - "$from/empty"
sender=$pid
start receive "$scratch/in.receive" receive $here --signal - -o "$to"
receiver=$pid
exec 3>"$scratch/in.send" 4>"$scratch/in.receive"
until_true test -s "$scratch/send.err"
cat "$scratch/send.err" >&4
until_true test -s "$scratch/receive.err"
cat "$scratch/receive.err" >&3
ended $sender 0 'by lines, send'
ended $receiver 0 'by lines, receive'
exec 3>&- 4>&-
arrived empty

# By TCP, and the one that receives offers.
rm -f "$to"/*
start send /dev/null send $here --verbose --signal tcp:127.0.0.1:$port "$from/empty"
sender=$pid
until_true grep -q listening "$scratch/send.err"
start receive /dev/null receive $here --signal tcp:127.0.0.1:$port -o "$to"
ended $pid 0 'by TCP, receive'
ended $sender 0 'by TCP, send'
arrived empty

# ---- one of the two is killed ----

# Large enough that its middle lasts, however fast the machine is.
cp "$from/big file.bin" "$from/huge"
truncate -s 200000000 "$from/huge"
part=$to/huge.part
is_under_way() {
	[ "$(stat -c %s "$part" 2>/dev/null || echo 0)" -gt $((${floor:-0} + 3000000)) ]
}
# $1: who is killed.
kill_one() {
	start receive /dev/null receive $here --timeout 3 --signal "$room" -o "$to"
	receiver=$pid
	start send /dev/null send $here --timeout 3 --signal "$room" "$from/huge"
	sender=$pid
	until_true has_inner $receiver
	until_true has_inner $sender
	until_true is_under_way
	case $1 in sender) victim=$sender other=$receiver name=receive ;; *) victim=$receiver other=$sender name=send ;; esac
	kill -KILL "$(inner $victim)"
	wait $victim || true
	ended $other 1 "the $1 was killed, $name"
	said $name 'go on from there'
	[ "$(grep -c 'go on from there' "$scratch/$name.err")" = 1 ] || { cat "$scratch/$name.err"; fail "the $1 was killed: $name says it twice"; }
	[ -e "$part" ] || fail "the $1 was killed: no part is left"
}
rm -f "$to"/*
for who in sender receiver; do
	floor=$(stat -c %s "$part" 2>/dev/null || echo 0)
	kill_one $who
	rm -f "$room"*
done
kept=$(stat -c %s "$part")
carry 0 0 '' "$from/huge"
arrived huge
grep -q 'that were there' "$scratch/send.out" || { cat "$scratch/send.out"; fail "it did not go on behind the $kept bytes"; }

# A part with other bytes is not gone on with.
rm -f "$to"/*
floor=0
kill_one sender
rm -f "$room"*
was=$(od -An -tu1 -j1000000 -N1 "$part")
printf "\\$(printf %o $((was ^ 1)))" | dd of="$part" bs=1 seek=1000000 conv=notrunc 2>/dev/null # another byte, whatever was drawn
carry 0 0 '' "$from/huge"
arrived huge
! grep -q 'that were there' "$scratch/send.out" || fail 'it went on behind other bytes'

# ---- Ctrl-C ----

# "12.3 MB": how far it came, as the end says.
came() {
	sed -n 's/.*: huge: \(.*\) of 200.0 MB were .*/\1/p' "$scratch/$1.err"
}
for who in send receive; do
	rm -f "$to"/*
	floor=0
	start receive /dev/null receive $here --signal "$room" -o "$to"
	receiver=$pid
	start send /dev/null send $here --signal "$room" "$from/huge"
	sender=$pid
	until_true is_under_way
	case $who in send) victim=$sender other=$receiver name=receive ;; *) victim=$receiver other=$sender name=send ;; esac
	kill -INT "$(inner $victim)"
	ended $victim 130 "Ctrl-C, $who"
	ended $other 1 "Ctrl-C, $name"
	said $name 'the other side left'
	[ -n "$(came send)" ] && [ "$(came send)" = "$(came receive)" ] || {
		cat "$scratch"/*.err
		fail "Ctrl-C, $who: the two count differently"
	}
done
carry 0 0 '' "$from/huge"
arrived huge

# ---- what cannot be ----

run 1 send $here "$from/missing" "$from"
grep -q 'missing: No such file' "$err" && grep -q 'is a folder' "$err" || { cat "$err"; fail 'a missing file: no clear message'; }
[ ! -s "$out" ] || fail 'a missing file: something on stdout'
run 1 receive $here -o "$scratch/nowhere"
grep -q 'nowhere: No such file' "$err" || { cat "$err"; fail 'no folder: no clear message'; }
run 1 send $here --timeout 0.5 --signal "$room" "$from/empty"
grep -q 'room.answer' "$err" || { cat "$err"; fail 'nobody there: no clear message'; }

# Two that send, and one that is no receiver.
start one /dev/null send $here --signal "$room" "$from/empty"
one=$pid
start two /dev/null send $here --signal "$room" "$from/empty"
ended $pid 1 'two that send, two'
ended $one 1 'two that send, one'
start one /dev/null receive $here --signal "$room" -o "$to"
one=$pid
start two /dev/null cat $here --signal "$room"
two=$pid
code=0
wait $one || code=$?
[ $code = 1 ] || { cat "$scratch/one.err"; fail "a cat that sends: exit code $code"; }
wait $two || true

run 0 send --help
grep -q -- '--signal' "$out" || fail 'send --help'
run 0 receive --help
grep -q -- '--force' "$out" || fail 'receive --help'
wrong send
wrong send --force x
wrong send --nonsense x
wrong receive stray
wrong receive -o
wrong receive --output
