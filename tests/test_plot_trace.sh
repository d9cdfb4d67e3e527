#!/bin/sh
# Does scripts/plot-trace draw what the tool wrote, count what it draws, and say clearly what is wrong?
. "$(dirname "$0")/script.sh"

sluice=$OUT/sluice
[ -x "$sluice" ] || skip "$sluice is not built"
plot=scripts/plot-trace
out=$scratch/out
err=$scratch/err

# $1: the exit code expected, $2: what is said on stderr; the rest: arguments
refuses() {
	expected=$1
	words=$2
	shift 2
	code=0
	$plot "$@" >"$out" 2>"$err" </dev/null || code=$?
	[ "$code" = "$expected" ] && [ ! -s "$out" ] && grep -q -- "$words" "$err" && [ "$(wc -l <"$err")" = 1 ] ||
		{ cat "$out" "$err"; fail "plot-trace $*: exit code $code"; }
}
$plot --help | grep -q 'OUT.png' || fail '--help'
refuses 2 'usage: plot-trace'
refuses 2 'usage: plot-trace' a b c
refuses 2 'usage: plot-trace' --nonsense

# Without gnuplot there is one line that says where it is.
mkdir "$scratch/bin"
code=0
PATH=$scratch/bin /bin/sh $plot a b >"$out" 2>"$err" || code=$?
[ "$code" = 1 ] && grep -q 'gnuplot-nox' "$err" || { cat "$err"; fail 'a missing gnuplot: no clear message'; }

command -v gnuplot >/dev/null 2>&1 || skip 'gnuplot is not installed'
refuses 1 "cannot read $scratch/none" "$scratch/none"
refuses 1 "cannot read $scratch" "$scratch"
refuses 1 'is no trace' Makefile "$scratch/x.png"

"$sluice" perf --time 0.3 --trace "$scratch/trace.jsonl" >"$out" || { cat "$out"; fail 'no trace'; }
head -n 1 "$scratch/trace.jsonl" >"$scratch/empty"
refuses 1 'holds no packet' "$scratch/empty"

# $1: a PNG of the size that is asked for
is_drawn() {
	[ "$(od -An -tx1 -N4 "$1" | tr -d ' ')" = 89504e47 ] && [ "$(od -An -tx1 -j16 -N8 "$1" | tr -d ' ')" = 0000057800000578 ] ||
		fail "$1 is no PNG of 1400 by 1400"
}
cd "$scratch" # whatever it left behind would be seen
"$OLDPWD/$plot" trace.jsonl || fail 'plot-trace TRACE'
is_drawn trace.png
"$OLDPWD/$plot" - named.png <trace.jsonl || fail 'plot-trace - OUT'
is_drawn named.png
cd "$OLDPWD"
[ "$(ls "$scratch" | tr '\n' ' ')" = 'bin empty err named.png out trace.jsonl trace.png ' ] || { ls "$scratch"; fail 'files were left behind'; }

"$sluice" perf --media 1 --time 0.3 --trace "$scratch/media.jsonl" >"$out" || { cat "$out"; fail 'no trace of media'; }
$plot "$scratch/media.jsonl" || fail 'plot-trace of media'
is_drawn "$scratch/media.png"
{
	head -n 1 "$scratch/media.jsonl"
	cat <<-END
	{"time":1000.000000,"name":"media:metrics_updated","data":{"target_bitrate":300000,"pacer_queue":1200,"packets_sent":1,"bytes_sent":1200}}
	{"time":1100.000000,"name":"media:probe_begun","data":{"id":1,"rate":900000,"packets":5,"bytes":1687}}
	{"time":1200.000000,"name":"media:congestion_state_updated","data":{"old":"normal","new":"congested"}}
	{"time":1200.000000,"name":"media:packets_lost","data":{"count":3}}
	{"time":1300.000000,"name":"media:packets_asked","data":{"count":2}}
	{"time":1400.000000,"name":"media:metrics_updated","data":{"delivered_bitrate":250000,"smoothed_rtt":40.000000,"bytes_received":900}}
	END
} >"$scratch/lossy.jsonl"
$plot "$scratch/lossy.jsonl" || fail 'a trace of media with losses'
is_drawn "$scratch/lossy.png"
sed 's/media-1/other-1/' "$scratch/lossy.jsonl" >"$scratch/other.jsonl"
refuses 1 'no trace of an association or of media' "$scratch/other.jsonl" "$scratch/x.png"

# Two losses, a timeout and a line that broke off: what a killed process leaves.
{
	head -n 1 "$scratch/trace.jsonl"
	cat <<-END
	{"time":1000.000000,"name":"sctp:packet_sent","data":{"raw":{"length":60},"tag":1,"chunks":[{"type":"DATA","tsn":1}]}}
	{"time":1000.500000,"name":"sctp:metrics_updated","data":{"congestion_window":11600,"ssthresh":50000,"bytes_in_flight":1160,"smoothed_rtt":40.000000,"min_rtt":39.000000}}
	{"time":1400.000000,"name":"sctp:timer_expired","data":{"timer":"T3-rtx"}}
	{"time":1400.000000,"name":"sctp:chunks_lost","data":{"first_tsn":1,"last_tsn":2,"count":2,"bytes":2000,"trigger":"T3-rtx"}}
	{"time":1400.100000,"name":"sctp:packet_sent","data":{"raw":{"length":60},"tag":1,"chunks":[{"type":"DATA","tsn":1,"retransmission":true}]}}
	END
	printf '{"time":1500.000000,"name":"sctp:metr'
} >"$scratch/short.jsonl"
$plot "$scratch/short.jsonl" || fail 'a short trace'
is_drawn "$scratch/short.png"
