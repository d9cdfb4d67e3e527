#!/bin/sh
# Does scripts/bench-media-peers measure every case on each stack that is built, and name what is not?
. "$(dirname "$0")/script.sh"

command -v python3 >/dev/null || skip 'python3 is not installed'
out=$scratch/out
scripts/bench-media-peers --help >"$out" && grep -q 'interleaved' "$out" || fail '--help'
for words in '--nonsense' '--rounds 0' '--only nobody'; do
	code=0
	scripts/bench-media-peers $words >"$out" 2>&1 || code=$?
	[ "$code" = 2 ] || { cat "$out"; fail "bench-media-peers $words: exit code $code"; }
done

# Without anything that is built there is no figure, and each stack is named.
code=0
OUT=$scratch/nothing scripts/bench-media-peers --rounds 1 --fast --only sluice --out "$scratch/none" >"$out" 2>&1 || code=$?
[ "$code" = 1 ] && grep -q 'sluice is left out' "$out" || { cat "$out"; fail 'nothing is built'; }

[ -z "${SAN-}" ] && [ "$OUT" = build/gcc ] || exit 0

# libsrtp's driver takes a second to build; the others are measured where somebody has built them.
if [ -e /usr/include/srtp2/srtp.h ]; then
	scripts/peers libsrtp | grep -q 'libsrtp is built' || fail 'the driver of libsrtp is not built'
fi
scripts/bench-media-peers --rounds 1 --fast --out "$scratch/peers" >"$out" 2>&1 || { cat "$out"; fail 'bench-media-peers'; }
python3 scripts/results "$scratch/results" "$scratch/peers/media.jsonl" >>"$out" || { cat "$out"; fail 'results'; }
cat "$scratch"/results/*.jsonl >"$scratch/records"
python3 - "$scratch/records" <<'END' || { cat "$out"; fail 'the figures'; }
import json, os, sys
found = {}
for line in open(sys.argv[1]):
    record = json.loads(line)
    assert (record["bench"], record["metric"], record["unit"]) == ("peers", "time of a packet", "ns"), record
    # A packet is no less than an instruction, and no more than a millisecond on the slowest and busiest machine.
    assert 0.3 < record["low"] <= record["value"] <= record["high"] < 1e6, record
    found.setdefault(record["stack"], {})[record["case"]] = record
ours = set(found["sluice"])
srtp = {case for case in ours if case.startswith("srtp")}
assert len(ours) == 15 and len(srtp) == 8, sorted(ours)
wanted = {"sluice, alone": srtp, "pion": ours, "webrtc-rs": ours, "libsrtp": srtp}
built = {"pion": "pion-media/pion-media", "webrtc-rs": "webrtc-rs-media/webrtc_rs_media", "libsrtp": "libsrtp/libsrtp_media"}
for stack, cases in wanted.items():
    if stack in built and not os.path.exists("build/peers/" + built[stack]):
        assert stack not in found, stack
        continue
    assert set(found[stack]) == cases, (stack, set(found[stack]) ^ cases)
    assert all(record["version"] for record in found[stack].values()), stack
END
grep -q '^| srtp: encrypt, AEAD_AES_128_GCM, 1200 bytes | [0-9]' "$scratch/peers/media.md" || fail 'the table'
