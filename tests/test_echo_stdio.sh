#!/bin/sh
# Can a script use `sluice echo --stdio`: one line each way, nothing else on stdout, an end with stdin? What comes back, message by
# message, is the question of test_tool_echo.c.
. "$(dirname "$0")/script.sh"
. tests/tool.sh

random 3000000 "$scratch/data"

# `sluice cat` at the other end; its lines are the same JSON in base64. $1 what echo is, $2 what cat is.
bridge() {
	rm -f "$scratch"/*.in "$scratch"/*.err "$scratch"/*.out
	mkfifo "$scratch/echo.in" "$scratch/cat.in"
	start echo "$scratch/echo.in" echo $here --stdio $1
	echo=$pid
	start cat "$scratch/cat.in" cat $here --signal - $2
	cat=$pid
	exec 3>"$scratch/echo.in" 4>"$scratch/cat.in"
	if [ "$1" = --offer ]; then
		until_true test -s "$scratch/echo.out"
		cat "$scratch/echo.out" >&4
		until_true test -s "$scratch/cat.err"
		base64 -d <"$scratch/cat.err" >&3
		echo >&3
	else
		until_true test -s "$scratch/cat.err"
		base64 -d <"$scratch/cat.err" >&3
		echo >&3
		until_true test -s "$scratch/echo.out"
		cat "$scratch/echo.out" >&4
	fi
	cat "$scratch/data" >&4
	exec 4>&-
	ended $cat 0 "$1: cat"
	cmp "$scratch/data" "$scratch/cat.out" || fail "$1: other bytes came back"
	exec 3>&-
	ended $echo 0 "$1: echo"
	[ "$(wc -l <"$scratch/echo.out")" = 1 ] || { cat "$scratch/echo.out"; fail "$1: not one line on stdout"; }
	[ ! -s "$scratch/echo.err" ] || { cat "$scratch/echo.err"; fail "$1: words without a reason"; }
}
bridge --offer --answer
bridge --answer --offer
grep -q '^{"type":"answer","sdp":"v=0.*a=candidate:' "$scratch/echo.out" || { cat "$scratch/echo.out"; fail 'no answer with its candidates'; }

# The end of stdin, at once.
run 0 echo --stdio --offer $here
run 0 echo --stdio --answer $here
[ ! -s "$out" ] || fail 'an answer to nothing'

# Nobody answers.
mkfifo "$scratch/open"
exec 5<>"$scratch/open"
start silent "$scratch/open" echo --stdio --offer $here --timeout 1
ended $pid 1 'nobody answers'
grep -q 'a description on standard input' "$scratch/silent.err" || { cat "$scratch/silent.err"; fail 'nobody answers: no clear message'; }
start stopped "$scratch/open" echo --stdio --offer $here
stopped=$pid
until_true test -s "$scratch/stopped.out"
kill -INT "$(inner $stopped)"
ended $stopped 130 'Ctrl-C'

# stdout that takes nothing.
code=0
timeout 20 "$sluice" echo --stdio --offer $here <"$scratch/open" >/dev/full 2>"$err" || code=$?
[ $code = 1 ] && grep -q 'standard output' "$err" || { cat "$err"; fail "a full disk: exit code $code"; }

run 0 echo --help
grep -q -- '--trickle' "$out" || fail 'echo --help'
wrong echo
wrong echo --stdio
wrong echo --offer
wrong echo --stdio --offer --answer
wrong echo --stdio --offer stray
wrong echo --stdio --offer --signal x
