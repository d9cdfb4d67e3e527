#!/bin/sh
# Does scripts/results keep what benches measured, as bench/README.md says, and does scripts/alert tell what became worse, and
# nothing else?
. "$(dirname "$0")/script.sh"

command -v python3 >/dev/null 2>&1 || skip 'python3 is not installed'
history=$scratch/history
out=$scratch/out
err=$scratch/err

# ---- what is kept ----

mkdir "$scratch/bench"
cat >"$scratch/bench/perf-16384.json" <<END
{"mode": "bulk", "goodput_mbps": 20000.0, "msgs_per_s": 152000, "cpu_tx_s_per_gb": 0.25, "cpu_rx_s_per_gb": 0.3, "rss_tx_mb": 14.5}
{"mode": "bulk", "goodput_mbps": 22000.0, "msgs_per_s": 168000, "cpu_tx_s_per_gb": 0.26, "cpu_rx_s_per_gb": 0.3, "rss_tx_mb": 14.7}
{"mode": "bulk", "goodput_mbps": 21000.0, "msgs_per_s": 160000, "cpu_tx_s_per_gb": 0.24, "cpu_rx_s_per_gb": 0.3, "rss_tx_mb": 14.6}
END
cat >"$scratch/bench/some.jsonl" <<END
{"bench":"crc32c","case":"1200 \\"bytes\\"","unit":"ns","median":48,"low":40,"high":60,"samples":41,"allocs":0,"gbps":200}
{"bench":"crc32c","case":"1200 bytes","unit":"instr","median":700,"low":700,"high":700,"samples":1}
{"bench":"wan","case":"far: goodput","unit":"%","median":97,"low":97,"high":97,"samples":1,"network":"far","of":"goodput","better":"more"}
{"bench":"peers","case":"16 KiB, pion","unit":"Gbit/s","median":6,"low":5,"high":7,"samples":5,"of":"16 KiB","metric":"goodput","stack":"pion","version":"v4"}
{"bench":"latency","case":"ping, p50","unit":"us","median":80,"low":79,"high":81,"samples":5,"of":"ping","metric":"p50","curve":[[0,50],[1,90]]}
END
CC=$CC CFLAGS='-O2 -g' MIMALLOC=1 IPSEC_MB= scripts/results "$history" "$scratch/bench/perf-16384.json" "$scratch/bench/some.jsonl" >"$out"
grep -q "^11 figures were added to $history/[0-9-]*-[0-9a-z]*.jsonl\$" "$out" || { cat "$out"; fail 'scripts/results does not say what it did'; }
[ "$(cat "$history"/*.jsonl | wc -l)" = 11 ] || fail 'not one line a figure'

# $1: part of a record that has to be there
kept() {
	grep -qF -- "$1" "$history"/*.jsonl || { cat "$history"/*.jsonl; fail "no $1"; }
}
kept '"bench":"perf","case":"16 KiB messages","metric":"throughput","unit":"Gbit/s","value":21.0,"low":20.0,"high":22.0,"n":3}'
kept '"metric":"CPU, sender","unit":"s/GB","value":0.25,"low":0.24,"high":0.26,"n":3}'
kept '"metric":"peak memory, sender","unit":"MiB","value":14.6,"low":14.5,"high":14.7,"n":3}'
kept '"case":"1200 \"bytes\"","metric":"time","unit":"ns","value":48.0,"low":40.0,"high":60.0,"n":41}'
kept '"case":"1200 \"bytes\"","metric":"throughput","unit":"Gbit/s","value":200.0,"low":160.0,"high":240.0,"n":41}'
kept '"metric":"instructions","unit":"instr","value":700.0,"low":700.0,"high":700.0,"n":1}'
kept '"bench":"wan","case":"far","metric":"goodput","unit":"%","value":97.0,"low":97.0,"high":97.0,"n":1,"better":"more"}'
kept '"bench":"latency","case":"ping","metric":"p50","unit":"us","value":80.0,"low":79.0,"high":81.0,"n":5,"curve":[[0,50],[1,90]]}'
kept '"bench":"peers","case":"16 KiB","metric":"goodput","unit":"Gbit/s","value":6.0,"low":5.0,"high":7.0,"n":5,"stack":"pion","version":"v4"}'
kept "\"date\":\"$(date -u +%Y)"
kept "\"compiler\":\"$($CC --version | head -n 1), -O2 -g, mimalloc\""
kept "\"openssl\":\"OpenSSL "
kept " CPUs\""
if git rev-parse --short=12 HEAD >/dev/null 2>&1; then kept "\"commit\":\"$(git rev-parse --short=12 HEAD)"; fi

CC=$CC scripts/results "$history" "$scratch/bench/some.jsonl" >"$out"
[ "$(cat "$history"/*.jsonl | wc -l)" = 17 ] || fail 'a second run is not appended'
[ "$(ls "$history" | wc -l)" = 1 ] || fail 'a second run of the day has a file of its own'

# ---- what is told ----

# $1 commit, $2 date, $3 value, $4 low, $5 high, $6 more members that replace others or are added
entry() {
	printf '{"commit":"%s","date":"%s","cpu":"A","compiler":"gcc 12","openssl":"OpenSSL 3.0","bench":"crc32c","case":"1200 bytes",' "$1" "$2"
	printf '"metric":"time","unit":"ns","value":%s,"low":%s,"high":%s,"n":5%s}\n' "$3" "$4" "$5" "${6:+,$6}"
}
# From standard input, the history that is judged.
alert() { # $1 expected exit code, the rest: options
	code=0
	expected=$1
	shift
	rm -rf "$history"
	mkdir "$history"
	cat >"$history/x.jsonl"
	scripts/alert "$@" "$history" >"$out" 2>"$err" || code=$?
	[ "$code" = "$expected" ] || { cat "$history/x.jsonl" "$out" "$err"; fail "scripts/alert $*: exit code $code, not $expected"; }
	[ "$code" = 1 ] || [ ! -s "$out" ] || { cat "$out"; fail 'something was told of nothing'; }
}
says() {
	grep -qxF -- "$1" "$out" || { cat "$out"; fail "not said: $1"; }
}

{ entry aaa 2026-01-01 100 98 102; entry bbb 2026-01-02 130 128 132; } | alert 1
says '::warning file=bench/bench_crc32c.c,title=crc32c time is worse::crc32c: 1200 bytes: time went from 100 (98 to 102) to 130 (128 to 132) ns, +30.0 %25, between aaa and bbb'
grep -q '^alert: 1 figures were compared, 1 of them became worse$' "$err" || { cat "$err"; fail 'no sum'; }

# Noise: within the range; beyond it and small; better; only one entry; nothing at all.
{ entry aaa 2026-01-01 100 90 125; entry bbb 2026-01-02 130 120 140; } | alert 0
{ entry aaa 2026-01-01 100 99 101; entry bbb 2026-01-02 105 104 106; } | alert 0
{ entry aaa 2026-01-01 100 99 101; entry bbb 2026-01-02 50 49 51; } | alert 0
entry aaa 2026-01-01 100 99 101 | alert 0
alert 0 </dev/null
scripts/alert "$scratch/not there" 2>/dev/null || fail 'a folder that is not there has become worse'

# The bound can be given.
{ entry aaa 2026-01-01 100 99 101; entry bbb 2026-01-02 105 104 106; } | alert 1 --percent 3

# Only the last two count, by their dates, whatever their order in the file.
{ entry ccc 2026-01-03 130 129 131; entry aaa 2026-01-01 100 99 101; entry bbb 2026-01-02 131 130 132; } | alert 0
{ entry ccc 2026-01-03 130 129 131; entry aaa 2026-01-01 131 130 132; entry bbb 2026-01-02 100 99 101; } | alert 1
grep -q 'between bbb and ccc$' "$out" || { cat "$out"; fail 'not the last two'; }

# Entries of another machine are not compared, nor do they part those that are.
for other in '"cpu":"B"' '"compiler":"clang 14"' '"openssl":"OpenSSL 3.5"' '"case":"64 bytes"' '"bench":"aead"' '"stack":"pion"'; do
	{ entry aaa 2026-01-01 100 99 101; entry bbb 2026-01-02 130 129 131 "$other"; } | alert 0
	{ entry aaa 2026-01-01 100 99 101; entry bbb 2026-01-02 50 49 51 "$other"; entry ccc 2026-01-03 130 129 131; } | alert 1
	grep -q 'between aaa and ccc$' "$out" || { cat "$out"; fail "not the last two beside $other"; }
done

# Of throughput less is worse, and whatever a bench says that more of it is better.
for more in '"unit":"Gbit/s"' '"unit":"messages/s"' '"unit":"%","better":"more"'; do
	{ entry aaa 2026-01-01 100 99 101 "$more"; entry bbb 2026-01-02 130 129 131 "$more"; } | alert 0
	{ entry aaa 2026-01-01 100 99 101 "$more"; entry bbb 2026-01-02 70 69 71 "$more"; } | alert 1
done
{ entry aaa 2026-01-01 100 99 101 '"unit":"Gbit/s","better":"less"'; entry bbb 2026-01-02 130 129 131 '"unit":"Gbit/s","better":"less"'; } | alert 1

# Instructions hardly vary: 1 % is the bound, and it is an error. What was nothing is something.
instructions='"metric":"instructions","unit":"instr"'
{ entry aaa 2026-01-01 1000 1000 1000 "$instructions"; entry bbb 2026-01-02 1009 1009 1009 "$instructions"; } | alert 0
{ entry aaa 2026-01-01 1000 1000 1000 "$instructions"; entry bbb 2026-01-02 1011 1011 1011 "$instructions"; } | alert 1
grep -q '^::error ' "$out" || { cat "$out"; fail 'no error'; }
{ entry aaa 2026-01-01 0 0 0; entry bbb 2026-01-02 1 1 1; } | alert 1
says '::warning file=bench/bench_crc32c.c,title=crc32c time is worse::crc32c: 1200 bytes: time went from 0 to 1 ns, between aaa and bbb'

# ... on whatever CPU, as valgrind shows the same one.
{ entry aaa 2026-01-01 1000 1000 1000 "$instructions"; entry bbb 2026-01-02 1011 1011 1011 "$instructions,\"cpu\":\"B\""; } | alert 1

# One value of what varies has no range. What other stacks do is nothing that became worse here.
{ entry aaa 2026-01-01 100 100 100 '"n":1'; entry bbb 2026-01-02 200 200 200; } | alert 0
for stack in pion:0 sluice:1 'sluice direct:1'; do
	{ entry aaa 2026-01-01 100 99 101 "\"stack\":\"${stack%:*}\""; entry bbb 2026-01-02 200 199 201 "\"stack\":\"${stack%:*}\""; } |
		alert "${stack#*:}"
done

# What a name may hold is escaped as GitHub wants it.
{ entry aaa 2026-01-01 100 99 101 '"bench":"a,b:c","case":"50 %\nload"'; entry bbb 2026-01-02 130 129 131 '"bench":"a,b:c","case":"50 %\nload"'; } | alert 1
says '::warning file=src/tools/perf.c,title=a%2Cb%3Ac time is worse::a,b:c: 50 %25%0Aload: time went from 100 (99 to 101) to 130 (129 to 131) ns, +30.0 %25, between aaa and bbb'

# A line that broke off is said and left out, and the others are judged.
{
	echo '{"commit":"aaa","date'
	echo '{"commit":"aaa"}'
	entry aaa 2026-01-01 '"many"' 1 1
	entry aaa 2026-01-01 100 99 101
	entry bbb 2026-01-02 130 129 131
} | alert 1
[ "$(grep -c 'left out$' "$err")" = 3 ] || { cat "$err"; fail 'lines were not complained about'; }

scripts/alert >"$out" 2>&1 && fail 'no folder is no mistake'
[ $? = 2 ] || { cat "$out"; fail 'a wrong command line: not exit code 2'; }
