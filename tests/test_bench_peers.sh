#!/bin/sh
# Does scripts/bench-peers measure what is there, name what is not, and take its namespace away again?
. "$(dirname "$0")/script.sh"

command -v python3 >/dev/null || skip 'python3 is not installed'
out=$scratch/out
scripts/bench-peers --help >"$out" && grep -q 'interleaved' "$out" || fail '--help'
scripts/peers --help | grep -q libdatachannel || fail 'peers --help'
for words in '--nonsense' '--rounds 0' '--only nobody'; do
	code=0
	scripts/bench-peers $words >"$out" 2>&1 || code=$?
	[ "$code" = 2 ] || { cat "$out"; fail "bench-peers $words: exit code $code"; }
done
scripts/peers nobody | grep -q 'nobody is left out' || fail 'an unknown stack'

# Where a language is not installed, its stacks are left out and nothing fails.
mkdir "$scratch/bin"
for program in sh dirname mkdir; do ln -s "$(command -v $program)" "$scratch/bin/"; done
PATH=$scratch/bin scripts/peers str0m rtc chromium pion >"$out" || fail 'peers without the languages'
for sentence in 'str0m is left out: cargo' 'rtc is left out: cargo' 'chromium is left out: chromium' 'pion is left out: go'; do
	grep -q "$sentence is not installed" "$out" || { cat "$out"; fail "$sentence"; }
done

[ -z "${SAN-}" ] && [ "$OUT" = build/gcc ] || exit 0
# In a root folder that is no mount point a namespace can be made, and nothing can be run in it.
ip netns add "sluice-try-$$" 2>/dev/null || exit 0
code=0
ip netns exec "sluice-try-$$" true 2>/dev/null || code=$?
ip netns delete "sluice-try-$$"
[ "$code" = 0 ] || exit 0

# The driver of sluice is built as `make bench-peers` builds it, and the tool is where it looks.
$MAKE --no-print-directory build/peers/sluice_pair >"$out" 2>&1 || { cat "$out"; fail 'the driver of sluice is not built'; }
cat build/gcc/sluice >/dev/null && [ -e build/sluice ] || exit 0
stacks='sluice+sluice direct'
# Other stacks take part where `scripts/peers` has built them.
for driver in str0m/str0m_pair rtc/rtc_pair chromium/chromium.mjs; do
	[ ! -e "build/peers/$driver" ] || stacks="$stacks+${driver%%/*}"
done
scripts/bench-peers --rounds 1 --seconds 1 --only "$stacks" --out "$scratch/peers" >"$out" 2>&1 || { cat "$out"; fail 'bench-peers'; }
python3 - "$scratch/peers/peers.jsonl" "$stacks" <<'END' || { cat "$out"; fail 'the lines'; }
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
for stack in sys.argv[2].split("+"):
    of = {(l["of"], l["metric"]): l["median"] for l in lines if l["stack"] == stack}
    assert of["16 KiB", "throughput"] > 0 and of["16 KiB", "delivered"] == 1, of
    # The start of two browsers varies by as much as a second of work takes.
    assert of["16 KiB", "CPU, both ends"] > 0 or stack == "chromium", of
    assert 0 < of["ping of 1 KiB", "p50"] <= of["ping of 1 KiB", "p99"] <= of["ping of 1 KiB", "p99.9"], of
    assert 0 < of["open", "time, median"] <= of["open", "time, longest"], of
    # Of the larger process, its libraries included, and without the driver's table of times. With default settings it grows with
    # the path, and this one is short.
    for work in ("16 KiB", "open"):
        assert not stack.startswith("sluice") or 1 < of[work, "peak memory"] < 20, of
    # What is given up is not sent again, so not all of it needs to come.
    assert 0 < of["1 KiB unreliable", "delivered"] <= 1, of
END
grep -q '^| sluice direct |' "$scratch/peers/table.md" || fail 'the table'
! ip netns list | grep -q "sluice-peers-$$" || fail 'the namespace is still there'

# Over lines, where tun devices can be had. A driver whose ends do not use the line has no figure.
code=0
"$OUT/line" true 2>/dev/null || code=$?
[ "$code" = 0 ] || exit 0
scripts/bench-peers --rounds 1 --seconds 1 --only 'sluice+sluice direct' --out "$scratch/peers" --lines "$OUT/line" >"$out" 2>&1 ||
	{ cat "$out"; fail 'bench-peers --lines'; }
python3 - "$scratch/peers/lines.jsonl" <<'END' || { cat "$out"; fail 'the lines over lines'; }
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
of = {l["of"]: l["median"] for l in lines if l["metric"] == "throughput"}
assert len(of) == 6 and all(0 < value < 1000 for value in of.values()), of
assert of["100 Mbit/s, RTT 50 ms, 1 % lost"] < 100, of
END
grep -q '^| sluice |' "$scratch/peers/lines.md" || fail 'the table of lines'
cat >"$scratch/line" <<END
#!/bin/sh
while [ "\$1" != -- ]; do [ "\$1" != --report ] || report=\$2; shift; done
echo '{"there":{"bytes":1,"missed":0},"back":{"missed":0},"cpu_command_s":1,"peak_command_kib":1}' >"\$report"
echo '{"mode":"bulk","bytes":1000,"received":1,"sent":1,"seconds":1}'
END
chmod +x "$scratch/line"
! scripts/bench-peers --rounds 1 --seconds 1 --only sluice --out "$scratch/peers" --lines "$scratch/line" >"$out" 2>&1 ||
	fail 'a line that carried nothing has a figure'
grep -q 'its ends did not use the line' "$out" || { cat "$out"; fail 'a line that carried nothing'; }
